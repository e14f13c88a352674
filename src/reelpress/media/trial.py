"""Does an encoder do what it says? A few known pictures through it and through a decoder, and a comparison.

Drivers have been seen that return grey, green or repeated pictures without an error. The pictures are coarse fields of
strong colours, another arrangement in each, so that a wrong matrix, swapped chroma, a picture that comes late and one
that never came all show, while what coding itself costs hardly does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext

from reelpress.color import quantisation, rgb_to_ycc, ycc_to_rgb
from reelpress.errors import EncoderError, OutOfMemoryError, ReelpressError
from reelpress.media.opening import bare_session
from reelpress.media.planes import Planes
from reelpress.media.pool import pool
from reelpress.media.scale import allocate, from_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from reelpress.color import ColorSpec
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.packets import EncodedPacket

    class Session(Protocol):
        """What a trial needs of an encoder session."""

        @property
        def extradata(self) -> bytes: ...

        def encode(self, planes: Planes, pts: int) -> list[EncodedPacket]: ...

        def flush(self) -> list[EncodedPacket]: ...


FRAMES = 5
COLUMNS, ROWS = 6, 4
"""Fields of one colour."""

TOLERANCE = 10.0
"""Of 255, between the means of a field before and after. At the qualities of an export coding stays within 2; swapped
chroma moves these colours by 72, full range taken for limited by up to 24."""

DECODERS = {"h264": "h264", "hevc": "hevc", "av1": "libdav1d", "vp9": "vp9"}


def trial(spec: EncoderSpec, codec: str, open_session: Callable[[EncoderSpec], Session] | None = None) -> str | None:
    """Encode and decode :data:`FRAMES` pictures of the spec's size and format.

    Takes about 0.1 s at 1080p and blocks; run it before the pipeline starts.

    Args:
        spec: As the export will open the encoder.
        codec: ``h264``, ``hevc`` or ``av1``: who decodes.
        open_session: Opens the encoder; for tests. Default is :func:`bare_session`.

    Returns:
        ``None``: it is right. Otherwise why it cannot be used, as a sentence without a name in front.

    Raises:
        EncoderError: It cannot be opened, which may be another thing the next time.
    """
    try:
        return _tried(spec, codec, open_session or bare_session)
    finally:
        pool.clear()  # as many pictures as it keeps, in the way of the export's own


def _tried(spec: EncoderSpec, codec: str, open_session: Callable[[EncoderSpec], Session]) -> str | None:
    session = open_session(spec)  # before pictures are made: most machines have none of most encoders
    pictures = [expected(spec, number) for number in range(FRAMES)]
    try:
        packets: list[EncodedPacket] = []
        for number in range(FRAMES):
            packets += session.encode(pattern(spec, number), number)
        packets += session.flush()
        shown = _decoded(codec, spec.color, session.extradata, packets)
    except ReelpressError as error:
        if isinstance(error, OutOfMemoryError) or isinstance(error.__cause__, MemoryError):  # ours, or the chip's
            raise EncoderError(f"ran out of memory in its trial ({error.__cause__ or error}).") from error
        return str(error)
    except (av.FFmpegError, ValueError, OSError) as error:
        return f"What it made cannot be decoded ({getattr(error, 'strerror', None) or error})."
    return judge(pictures, shown, sorted(packet.pts for packet in packets))


def judge(pictures: Sequence[Planes], shown: Sequence[Planes], times: Sequence[int]) -> str | None:
    """Compare what was given with what came out, in the order of showing; ``None``: the same."""
    if len(shown) != len(pictures) or list(times) != list(range(len(pictures))):
        return f"Of {len(pictures)} pictures {len(shown)} came back, at the times {', '.join(map(str, times))}."
    wanted = [_means(picture) for picture in pictures]
    for number, picture in enumerate(shown):
        found = _means(picture)
        off = [float(np.abs(found - each).max()) for each in wanted]
        if off[number] <= TOLERANCE:
            continue
        if min(off) <= TOLERANCE:
            return f"Picture {number} came out as picture {int(np.argmin(off))}."
        if float(np.ptp(found)) < 2:
            return f"Picture {number} came out in one colour ({found[0].mean():.0f} of 255)."
        return f"Picture {number} came out with other colours, up to {off[number]:.0f} of 255 away."
    return None


def pattern(spec: EncoderSpec, number: int) -> Planes:
    """Picture ``number`` of a trial: fields of strong colours in the limited range, each elsewhere in each picture."""
    colors = _colors(number)
    if spec.device is not None:
        return _as_bgra(spec, colors)
    return _as_yuv(spec, spec.pixel_format, colors)


def expected(spec: EncoderSpec, number: int) -> Planes:
    """What :func:`pattern` is as YUV. BGRA cannot have all of its colours: they go to what RGB has nearest."""
    if spec.device is None:
        return pattern(spec, number)
    rgb = _to_rgb(spec.color, _colors(number))
    scale, offset, chroma_scale, chroma_offset = quantisation(spec.color.range)
    ycc = np.tensordot(np.array(rgb_to_ycc(spec.color.matrix)), rgb, 1)
    codes = ycc * np.array([scale, chroma_scale, chroma_scale])[:, None, None]
    codes += np.array([offset, chroma_offset, chroma_offset])[:, None, None]
    return _as_yuv(spec, "yuv420p", np.rint(codes).astype(np.uint8))


Colors = np.ndarray[Any, np.dtype[np.uint8]]
"""Y, Cb and Cr of each field, (3, ROWS, COLUMNS)."""


def _colors(number: int) -> Colors:
    colors = np.empty((3, ROWS, COLUMNS), np.uint8)
    for field in range(ROWS * COLUMNS):
        code = (field + 7 * number) % (ROWS * COLUMNS)
        # 24 colours: six lumas by four corners of chroma
        luma = 40 + 32 * (code % COLUMNS)
        corner = code // COLUMNS
        colors[:, field // COLUMNS, field % COLUMNS] = (
            luma,
            96 if corner & 1 else 160,
            88 if corner & 2 else 168,
        )
    return colors


def _to_rgb(color: ColorSpec, colors: Colors) -> np.ndarray[Any, np.dtype[np.float64]]:
    """R'G'B' of each field, 0 to 1, in steps of 1/255."""
    scale, offset, chroma_scale, chroma_offset = quantisation(color.range)
    ycc = (colors - np.array([offset, chroma_offset, chroma_offset])[:, None, None]) / np.array(
        [scale, chroma_scale, chroma_scale]
    )[:, None, None]
    rgb: np.ndarray[Any, np.dtype[np.float64]] = np.tensordot(np.array(ycc_to_rgb(color.matrix)), ycc, 1)
    rgb = np.rint(rgb.clip(0, 1) * 255) / 255
    return rgb


def _as_bgra(spec: EncoderSpec, colors: Colors) -> Planes:
    rgb = np.rint(_to_rgb(spec.color, colors) * 255).astype(np.uint8)
    at_rows = np.minimum(np.arange(spec.height) * ROWS // spec.height, ROWS - 1)
    at_columns = np.minimum(np.arange(spec.width) * COLUMNS // spec.width, COLUMNS - 1)
    pixels = np.full((spec.height, spec.width, 4), 255, np.uint8)
    for place, channel in enumerate((2, 1, 0)):
        pixels[..., place] = rgb[channel][at_rows][:, at_columns]
    return Planes("bgra", spec.width, spec.height, (pixels.reshape(spec.height, -1),), spec.taken, owner=pixels)


def _as_yuv(spec: EncoderSpec, pixel_format: str, colors: Colors) -> Planes:
    planes = allocate(spec.width, spec.height, pixel_format, spec.color)
    for plane, channels in _channels(planes):
        rows, columns = plane.shape[:2]
        at_rows = np.minimum(np.arange(rows) * ROWS // rows, ROWS - 1)
        at_columns = np.minimum(np.arange(columns) * COLUMNS // columns, COLUMNS - 1)
        for slot, channel in enumerate(channels):
            view = plane[..., slot] if plane.ndim == 3 else plane
            view[...] = colors[channel][at_rows][:, at_columns]
    return planes


def _means(planes: Planes) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Mean of the inner half of each field, (3, ROWS, COLUMNS)."""
    means = np.zeros((3, ROWS, COLUMNS))
    for plane, channels in _channels(planes):
        rows, columns = plane.shape[:2]
        for row in range(ROWS):
            top, bottom = (4 * row + 1) * rows // (4 * ROWS), max((4 * row + 3) * rows // (4 * ROWS), 1)
            for column in range(COLUMNS):
                left = (4 * column + 1) * columns // (4 * COLUMNS)
                right = max((4 * column + 3) * columns // (4 * COLUMNS), left + 1)
                block = plane[min(top, bottom - 1) : bottom, left:right]
                for slot, channel in enumerate(channels):
                    means[channel, row, column] = (block[..., slot] if plane.ndim == 3 else block).mean()
    return means


def _channels(planes: Planes) -> list[tuple[np.ndarray[Any, Any], tuple[int, ...]]]:
    if planes.format == "nv12":
        chroma = planes.planes[1]
        pairs = chroma if chroma.ndim == 3 else chroma.reshape(chroma.shape[0], -1, 2)
        return [(planes.planes[0], (0,)), (pairs, (1, 2))]
    return [(plane, (number,)) for number, plane in enumerate(planes.planes)]


def _decoded(codec: str, color: ColorSpec, extradata: bytes, packets: Sequence[EncodedPacket]) -> list[Planes]:
    decoder = CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    if extradata:
        decoder.extradata = extradata
    decoder.thread_count = 1
    shown: list[tuple[int, Planes]] = []

    def take(packet: av.Packet[Any] | None) -> None:
        shown.extend((int(frame.pts or 0), from_frame(frame, color)) for frame in decoder.decode(packet))

    for each in packets:
        native: av.Packet[Any] = av.Packet(each.data)
        native.pts, native.dts = each.pts, each.dts
        native.time_base = each.time_base
        take(native)
    take(None)
    return [planes for _, planes in sorted(shown, key=lambda row: row[0])]
