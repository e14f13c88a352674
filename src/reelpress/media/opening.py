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

from reelpress.errors import EncoderError, OutOfMemoryError
from reelpress.flags import quiet_svt_av1
from reelpress.media._av import memory_is_short
from reelpress.media.codec_options import CHIPS
from reelpress.media.encoder import MATRIX_POINT, PRIMARIES_POINT, RANGE_POINT, TRANSFER_POINT, VideoSession

if TYPE_CHECKING:
    from collections.abc import Generator

    from reelpress.media.encoder import EncoderSpec


def opened(context: CodecContext, what: str) -> None:
    """Open ``context``; ``what`` begins the sentence of the error.

    Raises:
        EncoderError: It refuses its settings, or there is no chip for it, or no memory in the chip.
        OutOfMemoryError, MemoryError: There is no memory.
    """
    name = context.name  # before: PyAV 19 crashes when a context that failed to open is asked for it
    if name == "libsvtav1":
        quiet_svt_av1()
    try:
        context.open()
    except (av.FFmpegError, ValueError, MemoryError) as fault:
        on_chip = name.endswith(CHIPS) and isinstance(fault, av.FFmpegError)
        if isinstance(fault, MemoryError) and not on_chip:
            raise
        reason = getattr(fault, "strerror", None) or str(fault)
        if on_chip and not isinstance(fault, ValueError):
            # "Operation not permitted" is what NVENC says without a driver, "Cannot allocate memory" where all of its
            # sessions are taken or the chip's own memory is, "Unknown error occurred" the others.
            raise EncoderError(f"{what} finds no chip, driver or free session ({reason}).") from fault
        if not on_chip and memory_is_short():  # which x264 does not say
            raise OutOfMemoryError("encode") from fault
        raise EncoderError(f"{what} refused its settings: {reason}.") from fault


def bare_session(spec: EncoderSpec) -> VideoSession:
    """An encoder without a file, with its parameter sets in ``extradata``.

    Args:
        spec: What it is opened with.

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
    return VideoSession(context, spec)


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
