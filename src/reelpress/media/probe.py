"""What is in a media file: its streams, geometry, colour. The packet check lives here too."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from av.packet import Packet

from reelpress.color import ColorSpec, Transfer, from_code_points
from reelpress.errors import UnreadableInputError, UnsupportedInputError
from reelpress.media._av import AV_ERRORS, check_file, input_errors, open_input, packets_of, skip_others
from reelpress.media._label import chroma_location
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CHECK_PACKETS = 250
"""Packets that the packet check reads at most to find the first picture."""

MAX_PIXELS = 16384 * 16384

MAX_SAR = Fraction(20)
"""A sample aspect ratio beyond this, either way, is taken for damage: the widest in use are below 5."""


@dataclass(frozen=True, slots=True)
class VideoStreamInfo:
    """A video stream that can be decoded."""

    index: int
    codec: str
    pixel_format: str
    """FFmpeg's name of what the decoder gives out."""
    width: int
    """Stored pixels of the upright picture (after rotation, before the sample aspect ratio)."""
    height: int
    sar: Fraction
    """Sample aspect ratio of the upright picture: width of a pixel by its height."""
    rotation: int
    """Degrees clockwise to turn what the decoder gives out: 0, 90, 180 or 270."""
    mirrored: bool
    """What the decoder gives out is flipped left to right before it is turned."""
    bits: int
    """Bits of a component."""
    color: ColorSpec
    time_base: Fraction
    average_fps: Fraction | None
    bit_rate: int | None
    """Bits a second, where the container says it."""
    frame_threads: bool
    """The packet check met no error, so the decoder may use frame threads."""

    @property
    def is_hdr(self) -> bool:
        """Whether it needs tone mapping."""
        return self.color.is_hdr

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height with square pixels: the sample aspect ratio widens one side, never shrinks one."""
        if self.sar >= 1:
            return max(1, round(self.width * self.sar)), self.height
        return self.width, max(1, round(self.height / self.sar))


@dataclass(frozen=True, slots=True)
class AudioStreamInfo:
    """An audio stream as the container describes it."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    time_base: Fraction
    start: int | None
    """Presentation ticks of its first sample."""
    duration: int | None
    """Ticks."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A file that was opened and understood."""

    path: Path
    format_name: str
    duration: Fraction | None
    """Seconds, as the container claims; the frame index knows better."""
    video: VideoStreamInfo | None
    """The best real video stream, never a cover picture."""
    audio: tuple[AudioStreamInfo, ...]
    size_bytes: int


def probe(path: Path) -> MediaInfo:
    """Open a file, choose its video stream and decode the first picture (one thread) to know what comes out.

    Raises:
        MissingInputError: No such file.
        UnreadableInputError: Damaged, empty, not a video, or nothing in it can be decoded.
        UnsupportedInputError: Understood, but deliberately not supported.
    """
    path = Path(path)
    size = check_file(path)
    with open_input(path) as container, input_errors(path, "looking into it"):
        audio = tuple(_audio_info(s) for s in container.streams.audio if s.codec_context is not None)
        duration = Fraction(container.duration, 1_000_000) if container.duration else None
        format_name = container.format.name
        candidates = _video_candidates(container)
        unknown = [s for s in container.streams.video if s.codec_context is None]
        if not candidates and not audio:
            if unknown:
                raise UnsupportedInputError(f"{path}: its video codec is not supported.")
            raise UnreadableInputError(f"{path}: holds no video and no sound (an unfinished or empty file).")
        order = [s.index for s in candidates]
        video: VideoStreamInfo | None = None
        failure: UnreadableInputError | None = None
        if order:  # in the file that is open: opening costs as much as three pictures
            skip_others(container, order[0])
            try:
                video = _check_stream(path, container, order[0])
            except UnreadableInputError as error:
                failure = error
    for index in order[1:] if video is None else ():
        try:
            with open_input(path, only=index) as container:
                video = _check_stream(path, container, index)
            break
        except UnreadableInputError as error:
            failure = failure or error
    if video is None and failure is not None:
        raise failure
    return MediaInfo(path, format_name, duration, video, audio, size)


def _video_candidates(container: InputContainer) -> list[VideoStream]:
    """Video streams, best first: the container's default, then the largest. Cover pictures are left out."""
    from av.stream import Disposition

    picture = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [
        s for s in container.streams.video if s.codec_context is not None and not Disposition(s.disposition) & picture
    ]

    def rank(stream: VideoStream) -> tuple[int, int, int]:
        default = bool(Disposition(stream.disposition) & Disposition.default)
        return (-int(default), -stream.codec_context.width * stream.codec_context.height, stream.index)

    return sorted(streams, key=rank)


def _audio_info(stream: AudioStream) -> AudioStreamInfo:
    context = stream.codec_context
    return AudioStreamInfo(
        index=stream.index,
        codec=context.name,
        sample_rate=context.sample_rate or 0,
        channels=context.channels or 0,
        time_base=stream.time_base or Fraction(1, 48_000),
        start=stream.start_time,
        duration=stream.duration,
    )


def _check_stream(path: Path, container: InputContainer, index: int) -> VideoStreamInfo:
    """The packet check: decode with one thread until the first picture comes out.

    With frame threads a decoder that meets an error can hang for ever when it is closed (its worker wants to log
    while the closing thread holds the interpreter's lock and waits for that worker). So the first packets are
    decoded with one thread, and a stream that shows an error here never gets frame threads.
    """
    stream: Any = container.streams[index]
    context = stream.codec_context
    tags = container_tags(stream)
    context.thread_type = "NONE"
    context.thread_count = 1
    frame: VideoFrame | None = None
    packets = errors = 0
    last: BaseException | None = None
    try:
        for packet in packets_of(container, stream):
            beat()
            packets += packet.size > 0
            try:
                frames = context.decode(_shown_anyway(packet) if packet.size else None)
            except AV_ERRORS as error:
                errors += 1
                last = error
                frames = []
            if frames:
                frame = frames[0]
                break
            if packets > CHECK_PACKETS or packet.size == 0:
                break
    except AV_ERRORS as error:
        errors += 1
        last = error
    if packets == 0:
        raise UnreadableInputError(f"{path}: claims to have video but holds no picture data.")
    if frame is None:
        why = f" ({str(last).split(']')[-1].strip() or type(last).__name__})" if last else ""
        raise UnreadableInputError(f"{path}: not one of its first {packets} video packets can be decoded{why}.")
    return _video_info(path, stream, tags, frame, frame_threads=errors == 0 and not frame.is_corrupt)


def _shown_anyway(packet: Packet[Any]) -> Packet[Any]:
    """``packet`` without the mark that an edit list drops its frame: pre-roll shows the format just as well."""
    if not packet.is_discard:
        return packet
    copy: Packet[Any] = Packet(bytes(packet))
    copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
    return copy


def _video_info(
    path: Path, stream: VideoStream, tags: tuple[int, int, int, int], frame: VideoFrame, *, frame_threads: bool
) -> VideoStreamInfo:
    color = color_of(tags, frame, stream.codec_context.name)
    _refuse_unsupported(path, tags, frame, color)
    context = stream.codec_context
    rotation, mirrored = orientation(frame)
    width, height = frame.width, frame.height
    sar = stream.sample_aspect_ratio or Fraction(1)
    if not 1 / MAX_SAR <= sar <= MAX_SAR:  # not set, or damaged
        sar = Fraction(1)
    if rotation in (90, 270):
        width, height, sar = height, width, 1 / sar
    if width * height > MAX_PIXELS:
        raise UnsupportedInputError(f"{path}: {width}x{height} pixels are too many; 16384x16384 is the limit.")
    return VideoStreamInfo(
        index=stream.index,
        codec=context.name,
        pixel_format=frame.format.name,
        width=width,
        height=height,
        sar=sar,
        rotation=rotation,
        mirrored=mirrored,
        bits=max(c.bits for c in frame.format.components),
        color=color,
        time_base=stream.time_base or Fraction(1, 90_000),
        average_fps=stream.average_rate or None,
        bit_rate=stream.bit_rate or None,
        frame_threads=frame_threads,
    )


def container_tags(stream: VideoStream) -> tuple[int, int, int, int]:
    """Matrix, primaries, transfer (2: unset) and range (0: unset) as the container says; read before decoding."""
    context = stream.codec_context
    return context.colorspace, context.color_primaries, context.color_trc, context.color_range


def color_of(tags: tuple[int, int, int, int], frame: VideoFrame, codec: str) -> ColorSpec:
    """Colour of a stream: what the container says wins (ISO/IEC 14496-12, 12.1.5), the bitstream fills the gaps."""
    name = frame.format.name
    matrix, primaries, transfer, value_range = tags
    full = value_range or frame.color_range
    location = chroma_location(frame)
    if location == 0 and (codec.startswith("mjpeg") or codec == "mpeg1video"):
        location = 2
    return from_code_points(
        matrix=matrix if matrix != 2 else frame.colorspace,
        primaries=primaries if primaries != 2 else frame.color_primaries,
        transfer=transfer if transfer != 2 else frame.color_trc,
        full_range=None if full == 0 else full == 2,
        width=frame.width,
        height=frame.height,
        rgb=frame.format.is_rgb or name == "pal8",
        chroma_location=location,
        yuvj=name.startswith("yuvj"),
    )


_REFUSED_MATRICES = {8: "YCgCo", 10: "BT.2020 constant luminance", 11: "YDzDx", 13: "chromaticity-derived", 14: "ICtCp"}


def _refuse_unsupported(path: Path, tags: tuple[int, int, int, int], frame: VideoFrame, color: ColorSpec) -> None:
    matrix = tags[0] if tags[0] != 2 else frame.colorspace
    if matrix in _REFUSED_MATRICES and not frame.format.is_rgb:
        raise UnsupportedInputError(
            f"{path}: its colour matrix {_REFUSED_MATRICES[matrix]} is not supported; "
            "allowed are BT.601, BT.709, BT.2020, SMPTE 240M, FCC and RGB."
        )
    if color.transfer is Transfer.LINEAR:
        raise UnsupportedInputError(f"{path}: pictures in linear light are not supported.")
    if frame.format.name.startswith(("bayer", "xyz")):
        raise UnsupportedInputError(f"{path}: the pixel format {frame.format.name} is not supported.")


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """``(degrees clockwise, mirrored first)`` that bring a decoded frame upright, from its display matrix."""
    side_data: Any = frame.side_data
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    values = np.frombuffer(matrix, "<i4")
    if len(values) < 9:
        return 0, False
    # ISO/IEC 14496-12, 6.2.2: (x', y') = (a x + c y, b x + d y) with y down.
    a, b, c, d = (float(values[i]) for i in (0, 1, 3, 4))
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    degrees = float(np.degrees(np.arctan2(b, a)))
    return round(degrees / 90.0) % 4 * 90, mirrored
