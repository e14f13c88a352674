"""Virtual time for several threads: no test here sleeps, and none depends on how fast the machine is."""

from __future__ import annotations

import threading


class VirtualClock:
    """Time that moves only when every thread that takes part has nothing to do but wait.

    The thread that made it is the driver (the monitor of a pipeline): its waits move time on by their timeout, once
    all other participants were seen waiting or sleeping since the last move. A thread takes part from its first call
    on, until it ends or calls ``leave`` (to get stuck for real). So a stage that is merely not scheduled for a while
    keeps time from moving, and no verdict depends on luck.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._now = 1000.0
        self._round = 0
        self._driver = threading.current_thread()
        self._seen: dict[threading.Thread, int] = {}
        self._left: set[threading.Thread] = set()
        self._closed = False

    def monotonic(self) -> float:
        with self._condition:
            self._join()
            return self._now

    def wait(self, condition: threading.Condition, timeout_s: float) -> None:
        if threading.current_thread() is self._driver:
            condition.wait(0.0005 if self._others() else 0)
            with self._condition:
                if all(seen == self._round for seen in self._others().values()):
                    self._now += timeout_s
                    self._round += 1
                    self._condition.notify_all()
            return
        # the driver moves time whoever waits; an early return is allowed, callers look again
        if not condition.wait(0.0005):
            self._idle()

    def sleep(self, seconds: float) -> None:
        """Virtual sleep of a thread that takes part."""
        with self._condition:
            self._join()
            due = self._now + seconds
            while self._now < due and not self._closed:
                self._seen[threading.current_thread()] = self._round
                self._condition.wait(0.05)
            self._seen[threading.current_thread()] = -1  # awake: time stands until it waits again

    def leave(self) -> None:
        """The calling thread takes part no more: it is about to get stuck for real."""
        with self._condition:
            self._left.add(threading.current_thread())

    def close(self) -> None:
        """End all sleeps: the test is over, and nobody moves time any more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def jump(self, seconds: float) -> None:
        """The machine slept: time is later at once, and nobody could move."""
        with self._condition:
            self._now += seconds
            self._condition.notify_all()

    def _join(self) -> None:
        me = threading.current_thread()
        if me is not self._driver:
            self._seen.setdefault(me, -1)

    def _idle(self) -> None:
        with self._condition:
            self._seen[threading.current_thread()] = self._round

    def _others(self) -> dict[threading.Thread, int]:
        with self._condition:
            return {t: seen for t, seen in self._seen.items() if t.is_alive() and t not in self._left}


class Stuck:
    """Where stages get stuck: blocks for real until the test ends."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._event = threading.Event()

    def forever(self) -> None:
        self._clock.leave()
        assert self._event.wait(60), "the test forgot to release its stuck threads"

    def release(self) -> None:
        self._event.set()
        self._clock.close()


def stage_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("reelpress-")]
