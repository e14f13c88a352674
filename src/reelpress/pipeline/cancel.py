"""Cancelling an export from anywhere: another thread, a signal handler, a closed stdout."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from reelpress.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class CancelToken:
    """A flag that is raised once, with callbacks. Thread-safe, and lock-free on purpose.

    A signal handler runs between two bytecodes of the main thread, which may hold any lock at that moment: a token
    with a lock could deadlock. So the flag is a plain attribute, and the callbacks sit in a deque whose ``append``
    and ``popleft`` are atomic.
    """

    def __init__(self) -> None:
        self._requested = False
        self._reason = ""
        self._callbacks: deque[Callable[[], None]] = deque()
        self._watched: tuple[Callable[[], str], ...] = ()

    @property
    def cancelled(self) -> bool:
        """Whether cancelling was asked for."""
        return self._requested

    @property
    def reason(self) -> str:
        """What the first caller gave as reason, e.g. ``"SIGINT"``; may be empty."""
        return self._reason

    def request(self, reason: str = "") -> None:
        """Raise the flag and nothing else: the only method a signal handler may call.

        The callbacks run at the next ``dispatch()``, which a running pipeline calls every 50 ms.
        """
        if not self._requested:
            self._reason = reason
            self._requested = True

    def cancel(self, reason: str = "") -> None:
        """Raise the flag and run the callbacks in the calling thread. Calling it twice is harmless."""
        self.request(reason)
        self.dispatch()

    def watch(self, look: Callable[[], str]) -> None:
        """Cancel when ``look`` returns a reason, e.g. that stdout was closed.

        Args:
            look: Called by ``poll`` every 50 ms while a pipeline runs, in the thread that watches it. Returns the
                reason, or an empty string for going on.
        """
        self._watched += (look,)

    def poll(self) -> None:
        """Ask everything that is watched, and tell the callbacks if cancelling was asked for."""
        if not self._requested:
            for look in self._watched:
                reason = look()
                if reason:
                    self.request(reason)
                    break
        self.dispatch()

    def dispatch(self) -> None:
        """Run callbacks that are due (none before the flag is raised; each only once)."""
        if not self._requested:
            return
        while True:
            try:
                callback = self._callbacks.popleft()
            except IndexError:
                return
            try:
                callback()
            except Exception:  # one bad callback must not keep the others from being told
                _log.exception("a cancel callback failed")

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` once when cancelled (at once if it already is). Returns a function that takes it back."""
        self._callbacks.append(callback)
        self.dispatch()

        def remove() -> None:
            try:
                self._callbacks.remove(callback)
            except ValueError:
                return  # has run already

        return remove

    def error(self) -> Cancelled:
        """The exception to raise."""
        return Cancelled(f"The export was cancelled{f' ({self._reason})' if self._reason else ''}.")

    def raise_if_cancelled(self) -> None:
        """Raise ``Cancelled`` once the flag is up."""
        if self._requested:
            raise self.error()
