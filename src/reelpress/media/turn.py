"""Short work of several threads one after the other, instead of all at once.

Two threads that both run Python pass its lock (the GIL) to and fro at every call that lets go of it: a hundred times a
picture that only a pointer moved in. On two cores that takes longer than the same work on one. A thread that takes a
turn for a whole piece of short work keeps the others that do the same off that long; what they wait for is no longer
than the piece, and real work outside of Python ends the turn.

A turn is a hint and no lock: after ``PATIENCE_S`` a thread goes on without it, so nothing can be kept waiting by it.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 0.005
"""A piece of short work takes one or two milliseconds."""

_lock = threading.Lock()
_mine = threading.local()


def _useful() -> bool:
    """Whether threads of this Python stand in each other's way at all."""
    enabled = getattr(sys, "_is_gil_enabled", None)
    return enabled is None or bool(enabled())


@contextmanager
def taken(*, wanted: bool = True) -> Iterator[None]:
    """Do short work in turn with other threads. ``wanted``: whether it is short."""
    if not wanted or getattr(_mine, "turn", False) or not _useful():
        yield
        return
    _mine.turn = _lock.acquire(timeout=PATIENCE_S)
    try:
        yield
    finally:
        end()


def end() -> None:
    """The short piece of work of :func:`taken` ends here, as far as others are concerned: what follows is long."""
    if getattr(_mine, "turn", False):
        _mine.turn = False
        _lock.release()
