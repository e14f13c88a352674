"""Turn what the codec library and the system raise into Reelpress's own errors."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av

from reelpress.errors import EncoderError, OutOfMemoryError, OutputError, ReelpressError
from reelpress.media._av import memory_is_short
from reelpress.media.codec_options import CHIPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR})


@contextmanager
def writing(path: Path | str, stage: str) -> Iterator[None]:
    """Map every failure inside to OutputError, OutOfMemoryError(stage) or EncoderError; others pass through.

    Args:
        path: The file that is being written, named in the message.
        stage: ``"encode"``, ``"audio"`` or ``"mux"``: who ran out of memory or refused.
    """
    try:
        yield
    except ReelpressError:
        raise
    except MemoryError as fault:
        raise OutOfMemoryError(stage, _reason(fault)) from fault
    except (av.FFmpegError, OSError) as fault:
        raise _translated(fault, path, stage) from fault


@contextmanager
def encoding(codec: str) -> Iterator[None]:
    """Map every failure of the video encoder ``codec`` inside to OutOfMemoryError or EncoderError.

    An encoder writes no file. What sounds like one (a lost chip is an "Input/output error", a missing one "No such
    file or directory") is said of its chip or driver, and so is a lack of memory, which is the chip's own. An encoder
    in software that finds no memory often says no more than that something went wrong: then memory is tried.
    """
    on_chip = codec.endswith(CHIPS)
    try:
        yield
    except av.FFmpegError as fault:
        if not on_chip and (isinstance(fault, MemoryError) or memory_is_short()):
            raise OutOfMemoryError("encode") from fault
        raise _refused("encode", fault) from fault
    except MemoryError as fault:
        raise OutOfMemoryError("encode", _reason(fault)) from fault


def _translated(fault: BaseException, path: Path | str, stage: str) -> ReelpressError:
    code = getattr(fault, "errno", None)
    if code == errno.ENOMEM:
        return OutOfMemoryError(stage, _reason(fault))
    if code in _FULL:
        return OutputError(
            f"{path} cannot be written: the disk is full or a size limit is reached ({os.strerror(code)}). "
            "Free some space or choose another target."
        )
    if code in _DENIED:
        return OutputError(f"{path} cannot be written: {os.strerror(code)}. Choose a folder you may write to.")
    if code in _MISSING:
        return OutputError(f"{path} cannot be written: its folder does not exist. Create it or choose another target.")
    if code == errno.EISDIR:
        return OutputError(f"{path} cannot be written: it is a folder. Give the name of a file.")
    if isinstance(fault, OSError):
        return OutputError(f"{path} cannot be written: {_reason(fault)}. Check the disk or choose another target.")
    return _refused(stage, fault)


def _refused(stage: str, fault: BaseException) -> EncoderError:
    return EncoderError(
        f"The {stage} stage failed: {_reason(fault)}. Another --codec, --encoder-preset or size may work."
    )


def _reason(fault: BaseException) -> str:
    return str(getattr(fault, "strerror", None) or fault or type(fault).__name__)
