"""A second thread for half of a long native call: large copies go twice as fast on two.

The stage stays what it is, one thread that does one thing after the other; only inside of :meth:`Helper.both` two calls
run at once, and both have ended when it returns.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from reelpress.errors import StallError
from reelpress.pipeline.stage import THREAD_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_S = 10.0
"""For the other half, from the moment the own one is done: such calls take milliseconds."""
SLICES = 10
"""Waits that the deadline is made of: a process that was frozen (Ctrl-Z, a debugger) has lost one of them, not all."""


class Helper:
    """Implements :class:`reelpress.compose.base.Beside`. One user at a time; the thread starts at the first use.

    Args:
        name: Of the thread, after ``reelpress-``.
        deadline_s: See :data:`DEADLINE_S`.
    """

    def __init__(self, name: str, deadline_s: float = DEADLINE_S) -> None:
        self._name, self._deadline_s = name, deadline_s
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def both(self, here: Callable[[], None], there: Callable[[], None]) -> None:
        """Run ``here`` on this thread and ``there`` on the other one; returns when both are done.

        They gain something where they spend their time without Python's lock, as numpy's copies do.

        Raises:
            StallError: The other thread did not come back. What ``there`` reads and writes may still be used.
            Exception: What ``here`` raised, else what ``there`` raised; after both have ended.
            RuntimeError: It was closed.
        """
        if self._closed:
            raise RuntimeError(f"The helper {self._name!r} was closed.")
        if self._thread is None:
            thread = threading.Thread(target=self._main, name=THREAD_PREFIX + self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # a limit of the system: then this thread does it all
                try:
                    here()
                finally:
                    there()
                return
            self._thread = thread
        self._work.put(there)
        try:
            here()
        finally:
            failed = self._answer()
        if failed is not None:
            raise failed

    def close(self) -> None:
        """End the thread. Calling it twice is harmless."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is not None:
            self._work.put(None)
            thread.join(self._deadline_s)

    def _answer(self) -> BaseException | None:
        """What the other thread's call raised, if anything.

        Raises:
            StallError: It did not come back in time.
        """
        for _ in range(SLICES):
            try:
                return self._done.get(timeout=self._deadline_s / SLICES)
            except queue.Empty:
                continue
        self._closed = True  # its answer would be taken for that to the next call
        raise StallError(self._name, "native", self._deadline_s)

    def _main(self) -> None:
        while True:
            work = self._work.get()
            if work is None:
                return
            failed: BaseException | None = None
            try:
                work()
            except BaseException as error:  # belongs to who asked
                failed = error
            del work
            self._done.put(failed)
            del failed
