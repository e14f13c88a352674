"""Opening files with PyAV, and turning its errors into ours. Private to ``media``.

What is decided here for every input: a regular file on this machine is opened, never a device, a pipe or an
address; playlists may name local files only (protocol whitelist); only known container formats are tried
(format whitelist: FFmpeg would otherwise read a text file as a "terminal recording" and follow concat scripts);
bytes in metadata that are not UTF-8 are ignored; opening and each read have a deadline.
"""

from __future__ import annotations

import errno
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
from av.codec.hwaccel import HWAccel
from av.stream import Discard

from reelpress.errors import (
    MissingInputError,
    OutOfMemoryError,
    ReelpressError,
    UnreadableInputError,
    UnsupportedInputError,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

FORMATS = (
    "mov", "mp4", "matroska", "webm", "flv", "live_flv", "mpegts", "mpeg", "mpegvideo", "hls", "avi", "asf", "ogg",
    "mxf", "gxf", "nut", "dv", "ivf", "obu", "av1", "h264", "hevc", "vvc", "m4v", "mjpeg", "mpjpeg", "gif", "apng",
    "rm", "swf", "yuv4mpegpipe", "wav", "w64", "aiff", "caf", "au", "flac", "mp3", "aac", "ac3", "eac3", "amr", "tta",
    "wv",
)  # fmt: skip
"""Container formats that may be opened, by FFmpeg's names."""

_BEFORE_19 = int(av.__version__.split(".")[0]) < 19
_TOLERANT: dict[str, Any] = {"metadata_errors": "ignore"} if _BEFORE_19 else {}
"""PyAV 19 has no such option any more: it always tolerates bytes that are not UTF-8."""

OPEN_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 20.0

_OPTIONS = {
    "format_whitelist": ",".join(FORMATS),
    # Also holds inside playlists: a playlist that names an http address fails to open. There is no network, ever.
    "protocol_whitelist": "file,crypto,data",
}

_HEADER_ONLY: dict[str, Any] = {
    "options": {"probesize": "32", "fpsprobesize": "0"},
    **({"stream_options": [{"skip_frame": "all"}]} if _BEFORE_19 else {}),  # PyAV 19 has no such options any more
}
"""The option of the first stream, the pictures, counts only while the file is opened."""


def check_file(path: Path) -> int:
    """Size in bytes of a regular, non-empty file.

    Raises:
        MissingInputError: There is nothing at ``path``.
        UnreadableInputError: It is empty or may not be read.
        UnsupportedInputError: It is an address, a folder, a device or a pipe.
    """
    text = str(path)
    scheme = text.split(":", 1)[0]
    if ":/" in text[:12] and scheme.isalpha() and len(scheme) > 1 and not path.exists():
        raise UnsupportedInputError(f"{text}: only files on this machine can be read, not network addresses.")
    try:
        info = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise MissingInputError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise UnreadableInputError(f"{path}: cannot be read ({reason(error)}).") from None
    if stat.S_ISDIR(info.st_mode):
        raise UnsupportedInputError(f"{path}: is a folder, not a video file.")
    if not stat.S_ISREG(info.st_mode):
        raise UnsupportedInputError(f"{path}: is not a regular file (a device, pipe or socket).")
    if info.st_size == 0:
        raise UnreadableInputError(f"{path}: the file is empty (0 bytes).")
    return info.st_size


def reason(error: BaseException) -> str:
    """The short reason of a system or library error, in lower case and without paths."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    text = str(text).rstrip(".")
    return text[:1].lower() + text[1:]


_PROBE_BYTES = 1 << 27
"""Larger than a picture of 8K with 10 bits, the largest piece that reading an intact file asks for."""


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, and it did.

    FFmpeg also says so (ENOMEM) where a damaged count or size in a file asks for more than FFmpeg ever gives (2 GiB).
    Then there is memory, which is tried here by taking some.
    """
    if not (isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM):
        return False
    return memory_is_short() or not isinstance(error, av.error.FFmpegError)


def memory_is_short() -> bool:
    """Whether there is no more memory to be had, found out by taking some."""
    try:
        bytearray(_PROBE_BYTES)
    except MemoryError:
        return True
    return False


def as_input_error(error: BaseException, path: Path, doing: str = "") -> ReelpressError:
    """The ReelpressError to raise for ``error``, met while reading ``path``."""
    if isinstance(error, ReelpressError):
        return error
    code = getattr(error, "errno", None)
    if out_of_memory(error):
        return OutOfMemoryError("decode", f"while reading {path}")
    if isinstance(error, MemoryError):
        return UnreadableInputError(f"{path}: is damaged: a size in it asks for more memory than any video needs.")
    if isinstance(error, FileNotFoundError) and not path.exists():
        return MissingInputError(f"{path}: there is no such file.")
    if isinstance(error, FileNotFoundError):
        return UnreadableInputError(f"{path}: names another file that does not exist.")
    if code in (errno.EACCES, errno.EPERM):
        return UnreadableInputError(f"{path}: permission denied.")
    if isinstance(error, av.error.ExitError) or code == errno.ETIMEDOUT:
        return UnreadableInputError(f"{path}: reading it took longer than {READ_TIMEOUT_S:.0f} s.")
    when = f" while {doing}" if doing else ""
    return UnreadableInputError(f"{path}: cannot be read as a video{when} ({reason(error)}).")


AV_ERRORS = (av.error.FFmpegError, OSError, ValueError, RuntimeError, MemoryError, EOFError)
"""What PyAV raises for a file that it does not like."""


@contextmanager
def input_errors(path: Path, doing: str = "") -> Iterator[None]:
    """Turn everything that PyAV and the system raise inside into an InputError that names ``path``."""
    try:
        yield
    except ReelpressError:
        raise
    except AV_ERRORS as error:
        raise as_input_error(error, path, doing) from error


_STORES_TIMES = (".mp4", ".mov", ".m4v")
"""Names of files whose format says of each frame when it is shown."""

_UNDECODED: dict[str, Any] = {"options": {"skip_frame": "all"}}
"""FFmpeg decodes none of the first pictures to find out what comes out of them, and how far they are reordered."""


def open_input(
    path: Path,
    *,
    only: int | None = None,
    packets_only: bool = False,
    header_only: bool = False,
    device: str | None = None,
) -> InputContainer:
    """Open ``path`` for reading.

    Args:
        path: A regular file.
        only: Index of the one stream that will be read; the packets of all others are skipped by the demuxer.
        packets_only: Nothing will be decoded. Files that store the times of their frames are opened faster then, and
            their streams say less about their pictures.
        header_only: The file's header says all that is needed (an MP4 of ours): nothing is decoded to find out more,
            which else takes as long as a key frame. Pixel formats are not known then.
        device: FFmpeg's type of the device that decodes the pictures, and nothing else does.

    Raises:
        InputError: It cannot be opened, or not on this device; the sentence names the file and the reason.
    """
    check_file(path)
    if device is not None:
        container = _opened(path, {"hwaccel": HWAccel(device, allow_software_fallback=False)})
    elif header_only:
        container = _opened(path, _HEADER_ONLY)
    elif packets_only and path.suffix.lower() in _STORES_TIMES:
        container = _opened(path, _UNDECODED)
        if not container.format.name.startswith("mov,"):  # a name that lies
            container.close()
            container = _opened(path, {})
    else:
        container = _opened(path, {})
    if only is not None:
        skip_others(container, only)
    return container


def _opened(path: Path, more: dict[str, Any]) -> InputContainer:
    try:
        container: InputContainer = av.open(
            # Absolute, so that a colon or a leading dash in the name is never taken for a protocol or an option.
            str(path.absolute()),
            mode="r",
            options=_OPTIONS | more.get("options", {}),
            **{name: value for name, value in more.items() if name != "options"},
            **_TOLERANT,
            timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
        )
    except AV_ERRORS as error:
        if "format" not in more and _is_wave(path):
            return _opened(path, {**more, "format": "wav"})
        raise _open_error(error, path) from error
    return container


def _is_wave(path: Path) -> bool:
    """Whether a file is RIFF/WAVE by its first bytes. PyAV 19.0's library takes some of them, loud tones for one, for
    something else, and then finds nothing in them."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    return start[:4] == b"RIFF" and start[8:] == b"WAVE"


def packets_of(container: InputContainer, stream: Any) -> Generator[Packet[Any], None, None]:
    """The packets of ``stream`` from here on, and the demuxer's end marker.

    A stream that begins only in the middle of the file (FLV, MPEG-TS) is not known to PyAV, which fails with
    IndexError at its packets although they are not asked for. They are passed over.
    """
    while True:
        try:
            yield from container.demux(stream)
        except IndexError:
            continue
        return


def skip_others(container: InputContainer, only: int) -> None:
    """Make the demuxer drop the packets of every stream but ``only``."""
    for stream in container.streams:
        if stream.index != only:
            stream.discard = Discard.all


def _open_error(error: BaseException, path: Path) -> ReelpressError:
    if isinstance(error, av.error.InvalidDataError):
        head = _head(path)
        if b"ftyp" in head[:32]:
            return UnreadableInputError(
                f"{path}: the file is incomplete or damaged: its index (moov) is missing or broken, "
                "as after a crash of the recorder."
            )
        if head.startswith(b"#EXTM3U"):
            return UnreadableInputError(
                f"{path}: the playlist cannot be read; every file it names must exist beside it on this machine."
            )
        return UnreadableInputError(f"{path}: is not a video file, or too damaged to be recognised.")
    if isinstance(error, av.error.ArgumentError):
        if _head(path).startswith(b"#EXTM3U"):
            return UnsupportedInputError(f"{path}: the playlist names something that is not a file on this machine.")
        return UnsupportedInputError(f"{path}: has a container format that is not supported.")
    if isinstance(error, av.error.ProtocolNotFoundError):
        return UnsupportedInputError(f"{path}: names a network address; only files on this machine are read.")
    return as_input_error(error, path)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""


def plane_bytes(plane: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The memory of a plane of a PyAV frame, padding included, as one row of bytes. Nothing is copied."""
    return np.frombuffer(plane, np.uint8)


def stream_of(container: InputContainer, index: int, path: Path) -> Stream:
    """Stream ``index`` of an open container.

    Raises:
        InputError: The file changed since it was probed.
    """
    if index >= len(container.streams):
        raise UnreadableInputError(f"{path}: has no stream {index} any more; the file changed while it was read.")
    stream: Stream = container.streams[index]
    return stream
