"""A sign of life from inside long reading: whoever watches a thread hears of every packet that was read.

Reading a large file's index, joining fragments or decoding a long way from a key frame takes longer than a stall's
deadline may be, and still moves. ``media`` knows nothing of stages, so it calls what its thread was given here.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _nobody() -> None:
    pass


_listener: ContextVar[Callable[[], None]] = ContextVar("reelpress_pulse", default=_nobody)


def beat() -> None:
    """Call the listener of this thread, if there is one. Cheap: for every packet."""
    _listener.get()()


@contextmanager
def listening(listener: Callable[[], None]) -> Iterator[None]:
    """Let ``listener`` be called in this thread for every packet read inside the block; what it raises ends the read.

    Raise only errors that reading does not take for its own: ``ReelpressError`` passes through everywhere.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
