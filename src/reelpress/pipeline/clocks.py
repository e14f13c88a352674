"""The time that deadlines are counted in; injectable, so that no test has to sleep.

Two layers: a ``Clock`` tells monotonic seconds and waits on a condition, and ``AwakeClock`` counts only the time
in which this process was really running. A laptop that sleeps, a debugger or ``SIGSTOP`` makes monotonic time jump
while no thread could move; such a gap must not be taken for a stall.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

WAIT_SLICE_S = 0.05
"""Longest single wait in seconds: every waiting thread looks up at least this often."""

MAX_GAP_S = 1.0
"""A gap in seconds between two looks at the clock beyond which the process must have been frozen."""

COUNTED_GAP_S = 0.25
"""What such a gap counts. Not zero: on a machine so overloaded that every gap is long, deadlines still end."""


class Clock(Protocol):
    """A monotonic clock and the one way to wait on it. Used from any thread."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def wait(self, condition: threading.Condition, timeout_s: float) -> None:
        """Wait on ``condition`` (held by the caller) until notified or ``timeout_s`` passed; may return early."""
        ...


class SystemClock:
    """The real clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, condition: threading.Condition, timeout_s: float) -> None:
        condition.wait(timeout_s)


SYSTEM_CLOCK = SystemClock()


class AwakeClock:
    """Seconds in which the process ran. Thread-safe.

    All threads of a pipeline share one. Each reading closes the gap since the reading before it, whoever made that
    one: more than ``MAX_GAP_S`` counts as ``COUNTED_GAP_S``. Since the runner and every waiting thread read it each
    ``WAIT_SLICE_S``, a longer gap means that nobody ran, and whichever thread wakes first absorbs it for all.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._last = clock.monotonic()
        self._awake = 0.0
        self._jumps = 0

    def now(self) -> float:
        """Awake seconds since this clock was made."""
        with self._lock:
            raw = self.clock.monotonic()
            gap = raw - self._last
            self._last = raw
            if gap > MAX_GAP_S:
                self._jumps += 1
                gap = COUNTED_GAP_S
            self._awake += gap
            return self._awake

    @property
    def jumps(self) -> int:
        """How often the process was found to have been frozen."""
        return self._jumps

    def wait(self, condition: threading.Condition, timeout_s: float) -> None:
        """As ``Clock.wait``."""
        self.clock.wait(condition, timeout_s)
