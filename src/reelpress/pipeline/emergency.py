"""What must be undone even when the process cannot end in the ordinary way.

A thread that is stuck in native code keeps Python from a clean exit, so the command line leaves with ``os._exit``,
which runs no ``finally`` and no ``atexit``. Whoever leaves something behind registers how to take it away.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_lock = threading.Lock()
_callbacks: dict[int, Callable[[], None]] = {}
_next_key = 0


def register(callback: Callable[[], None]) -> Callable[[], None]:
    """Call ``callback`` in an emergency; it must be quick and take no locks. Returns how to unregister it."""
    global _next_key
    with _lock:
        _next_key += 1
        key = _next_key
        _callbacks[key] = callback

    def unregister() -> None:
        with _lock:
            _callbacks.pop(key, None)

    return unregister


def emergency_cleanup() -> None:
    """Run what is registered, the latest first, whatever fails: kill children, remove ``.part`` and lock files."""
    for key in sorted(_callbacks, reverse=True):
        callback = _callbacks.pop(key, None)
        if callback is None:
            continue
        try:
            callback()
        except Exception:
            _log.exception("an emergency cleanup failed")


def emergency_exit(code: int) -> NoReturn:
    """Clean up, flush the standard streams and leave at once without finalising anything."""
    emergency_cleanup()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed pipe, full disk: nobody left to tell
            stream.flush()
    os._exit(code)
