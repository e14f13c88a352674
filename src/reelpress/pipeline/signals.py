"""Ctrl-C, SIGTERM and a closed stdout become a cancel; nothing else is done inside a signal handler."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from reelpress.pipeline.cancel import CancelToken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextlib.contextmanager
def cancel_on_signals(token: CancelToken | None = None) -> Iterator[CancelToken]:
    """Let SIGINT and SIGTERM (and SIGHUP, unless ignored as under ``nohup``) cancel ``token`` inside the block.

    The first signal raises the token's flag and puts Ctrl-C's former handler back at once, so a second Ctrl-C does
    what it always did. Further SIGTERMs change nothing: ``timeout`` and service managers send several, and the
    default would end the process before it has removed what it wrote. All former handlers are back after the block.
    Outside of the main thread Python allows no handlers, and the token is handed out without any.

    Args:
        token: What to cancel; a new one by default.
    """
    token = token or CancelToken()
    if threading.current_thread() is not threading.main_thread():
        yield token
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    former: dict[signal.Signals, Any] = {}

    def restore(*only: signal.Signals) -> None:
        for number in only or tuple(former):
            with contextlib.suppress(KeyError):  # a signal may come in the middle of this and take its own out
                handler = former.pop(number)
                # None: a handler that was not installed by Python and cannot be put back
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        token.request(signal.Signals(number).name)  # only the flag: see CancelToken
        restore(signal.SIGINT)

    try:
        for number in numbers:
            former[number] = signal.signal(number, handle)
        yield token
    finally:
        restore()


def is_closed_pipe(error: BaseException) -> bool:
    """Whether ``error`` says that the reader of a pipe is gone (Windows reports EINVAL)."""
    return isinstance(error, BrokenPipeError) or (
        sys.platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL
    )


def stdout_closed() -> bool:
    """Whether stdout is a pipe whose reader is gone, without writing to it. False where that cannot be told.

    For ``on_tick``: a command whose ``| head -1`` has left ends within a second, not at its next progress line.
    """
    try:
        descriptor = sys.stdout.fileno()
        poller = select.poll()  # not on Windows
    except (AttributeError, OSError, ValueError):
        return False
    poller.register(descriptor, 0)  # errors and hang-ups are reported without being asked for
    return any(events & (select.POLLERR | select.POLLNVAL) for _, events in poller.poll(0))


def mute_stdout() -> None:
    """Point stdout at the null device, so that the interpreter's last flush does not fail with a traceback."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, sys.stdout.fileno())
        finally:
            os.close(null)


@contextlib.contextmanager
def closed_stdout_cancels(token: CancelToken) -> Iterator[None]:
    """Around everything that prints results: a closed stdout cancels ``token`` and raises ``Cancelled``.

    Raises:
        Cancelled: The reader of stdout is gone.
    """
    try:
        yield
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        mute_stdout()
        token.cancel("stdout was closed")
        raise token.error() from None
