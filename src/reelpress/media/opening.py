"""Open encoders: the fields of the library's context that a spec sets, and encoders without a file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
from av.codec import Codec
from av.codec.context import CodecContext
from av.codec.context import Flags as CodecFlags
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from reelpress.errors import EncoderError
from reelpress.flags import quiet_svt_av1
from reelpress.media.encoder import MATRIX_POINT, PRIMARIES_POINT, RANGE_POINT, TRANSFER_POINT, VideoSession

if TYPE_CHECKING:
    from collections.abc import Generator

    from reelpress.media.encoder import EncoderSpec


CHIPS = ("_nvenc", "_qsv", "_amf", "_mf", "_videotoolbox")
"""How the names of encoders on chips end."""


def opened(context: CodecContext, what: str) -> None:
    """Open ``context``; ``what`` begins the sentence of the error.

    Raises:
        EncoderError: It refuses its settings.
    """
    name = context.name  # before: PyAV 19 crashes when a context that failed to open is asked for it
    if name == "libsvtav1":
        quiet_svt_av1()
    try:
        context.open()
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        if name.endswith(CHIPS) and not isinstance(fault, ValueError):
            # "Operation not permitted" is what NVENC says without a driver, "Unknown error occurred" the others.
            raise EncoderError(f"{what} finds no chip, driver or free session ({reason}).") from fault
        raise EncoderError(f"{what} refused its settings: {reason}.") from fault


def bare_session(spec: EncoderSpec, name: str = "an encoder without a file") -> VideoSession:
    """An encoder without a file, with its parameter sets in ``extradata``.

    Args:
        spec: What it is opened with.
        name: Of its work, for messages.

    Raises:
        EncoderError: It is missing, or refuses its settings.
    """
    with refused(spec):
        context = CodecContext.create(spec.codec, "w", hwaccel=acceleration(spec))
    assert isinstance(context, VideoCodecContext)
    configure(context, spec)
    context.framerate = spec.fps
    context.flags |= CodecFlags.global_header.value
    context.options = spec.options()
    opened(context, f"The video encoder {spec.codec}")
    return VideoSession(context, spec, name)


def acceleration(spec: EncoderSpec) -> HWAccel | None:
    """Of the device whose frames the encoder is given; ``None``: it is given pictures in memory."""
    return None if spec.device is None else HWAccel(spec.device, allow_software_fallback=False)


@contextmanager
def refused(spec: EncoderSpec) -> Generator[None, None, None]:
    """Make sentences of what goes wrong when an encoder's context is made.

    Raises:
        EncoderError: There is no such encoder, it takes no frames of the device, or there is no such device.
    """
    try:
        yield
    except NotImplementedError as fault:
        raise EncoderError(f"The encoder {spec.codec} takes no pictures in frames of {spec.device}.") from fault
    except av.FFmpegError as fault:
        raise EncoderError(f"The device {spec.device} cannot be opened ({fault.strerror}).") from fault
    except ValueError as fault:  # UnknownCodecError
        raise EncoderError(f"The encoder {spec.codec} is not in this installation's codec library.") from fault


def configure(context: VideoCodecContext, spec: EncoderSpec) -> None:
    """What a spec says in fields of the library's context; its options are ``spec.options()``."""
    context.width, context.height = spec.width, spec.height
    context.pix_fmt = spec.pixel_format
    context.time_base = 1 / spec.fps
    context.gop_size = spec.gop_frames
    # The default is slice threads: as many slices a picture as threads, and up to half as many bits again.
    context.thread_type = "FRAME"
    context.thread_count = max(1, spec.threads)
    color = spec.color
    context.colorspace = MATRIX_POINT[color.matrix]
    context.color_primaries = PRIMARIES_POINT[color.primaries]
    context.color_trc = TRANSFER_POINT[color.transfer]
    context.color_range = RANGE_POINT[color.range]
    context.flags |= CodecFlags.bitexact.value


def has_encoder(name: str) -> bool:
    """Whether the codec library has an encoder of this name."""
    try:
        Codec(name, "w")
    except ValueError:  # UnknownCodecError
        return False
    return True


def library_version() -> str:
    """Versions of PyAV and of the codec library in it."""
    return f"PyAV {av.__version__}, " + ", ".join(
        f"{name} {'.'.join(map(str, version))}" for name, version in sorted(av.library_versions.items())
    )
