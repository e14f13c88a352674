"""Pictures in and out of PyAV frames, scaling and pixel format conversion: the only door to swscale.

The scaler is the one resampling kernel of Reelpress (design 4): cubic with a = -0.6 (swscale's bicubic with its
default parameters B = 0, C = 0.6), widened when reducing, sample centres at +0.5, chroma by its siting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range, Siting
from reelpress.errors import FormatError, OutOfMemoryError
from reelpress.media._av import plane_bytes
from reelpress.media._hdr import CURVE, ToneMapper
from reelpress.media._label import Labeller, subsampled
from reelpress.media._matrix import to_bt709_limited
from reelpress.media.planes import CHROMA_SHIFT, Planes, chroma_size
from reelpress.media.pool import pool

if TYPE_CHECKING:
    from collections.abc import Container

    from reelpress.media.planes import PixelRect, Plane

NATIVE_FORMATS = ("yuv420p", "nv12")
"""What compositors and encoders take without a conversion."""

FLAGS = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    # Without it swscale takes the mean of two RGB pixels for chroma, which is centre-sited.
    | Interpolation.FULL_CHR_H_INP
)

_COLORSPACE = {
    Matrix.BT601: Colorspace.ITU601,
    Matrix.BT709: Colorspace.ITU709,
    Matrix.BT2020: Colorspace.BT2020,
    Matrix.SMPTE240M: Colorspace.SMPTE240M,
    Matrix.FCC: Colorspace.FCC,
}


def is_native(format_name: str, color: ColorSpec) -> bool:
    """Whether a picture can be composed as it is: yuv420p or nv12, 8 bit, BT.709 limited, left-sited."""
    return (
        format_name in NATIVE_FORMATS
        and color.matrix is Matrix.BT709
        and color.range is Range.LIMITED
        and color.siting is Siting.LEFT
        and not color.is_hdr
    )


def plane_views(frame: VideoFrame) -> tuple[Plane, ...]:
    """The planes of ``frame`` as 2-D byte views without the padding of the rows. Nothing is copied."""
    views: list[Plane] = []
    format_name = frame.format.name
    shift = CHROMA_SHIFT.get(format_name)
    for index, plane in enumerate(frame.planes):
        stride = plane.line_size
        rows = plane.height
        data = plane_bytes(plane)
        whole = data[: rows * abs(stride)].reshape(rows, abs(stride))
        if stride < 0:  # bottom-up pictures (raw RGB in AVI): PyAV hands out the rows in memory order
            whole = whole[::-1]
        if shift is None:
            used = _row_bytes(frame, index, plane.width)
        elif index == 0:
            used = frame.width
        else:
            used = chroma_size(format_name, frame.width, frame.height)[0] * (2 if format_name == "nv12" else 1)
        views.append(whole[:, :used])
    return tuple(views)


def _row_bytes(frame: VideoFrame, index: int, width: int) -> int:
    """Bytes that the samples of one row of a plane take in any pixel format."""
    components = [c for c in frame.format.components if c.plane == index]
    bits = frame.format.padded_bits_per_pixel if len(frame.planes) == 1 else 0
    if bits:
        return -(-width * bits // 8)
    sample = 2 if any(c.bits > 8 for c in components) else 1
    return width * sample * max(1, len(components))


def allocate(width: int, height: int, format_name: str = "yuv420p", color: ColorSpec = BT709_LIMITED) -> Planes:
    """A new picture with undefined content, to be drawn into.

    Its memory belongs to a PyAV frame (``owner``), so that handing it to the scaler or an encoder copies nothing.

    Raises:
        OutOfMemoryError: There is no memory for it.
    """
    return borrow(width, height, format_name, color)[0]


def borrow(
    width: int,
    height: int,
    format_name: str = "yuv420p",
    color: ColorSpec = BT709_LIMITED,
    wanted: Container[int] = (),
) -> tuple[Planes, int, int]:
    """As :func:`allocate`, with the numbers of this loan and of the one that its content is from.

    Args:
        wanted: Loans whose content would be welcome (:meth:`reelpress.media.pool.FramePool.lend`).
    """
    try:
        loan = pool.lend(width, height, format_name, wanted)
    except MemoryError:
        raise OutOfMemoryError("scale", f"{width}x{height} {format_name}") from None
    return from_frame(loan.frame, color), loan.number, loan.content


def from_frame(frame: VideoFrame, color: ColorSpec) -> Planes:
    """``frame`` as Planes. The pixels stay where they are; ``owner`` is the frame."""
    planes = Planes(frame.format.name, frame.width, frame.height, plane_views(frame), color, pts=frame.pts, owner=frame)
    if frame.time_base is not None:
        planes.time_base = frame.time_base
    return planes


def to_frame(planes: Planes) -> VideoFrame:
    """``planes`` as a PyAV frame: the owner itself where it is just that picture, else a frame that borrows the memory.

    Odd sizes and rows that are not contiguous are copied (PyAV cannot borrow those).
    """
    owner = planes.owner
    if (
        isinstance(owner, VideoFrame)
        and owner.format.name == planes.format
        and (owner.width, owner.height) == (planes.width, planes.height)
        and _same_memory(owner, planes)
    ):
        return owner
    borrowable = (
        planes.format in CHROMA_SHIFT
        and planes.width % 2 == 0
        and planes.height % 2 == 0
        and all(p.strides[1] == 1 and p.strides[0] >= p.shape[1] and p.flags.writeable for p in planes.planes)
    )
    if borrowable:
        return VideoFrame.from_dlpack(planes.planes, format=planes.format, width=planes.width, height=planes.height)
    frame = VideoFrame(planes.width, planes.height, planes.format)
    for view, source in zip(plane_views(frame), planes.planes, strict=True):
        view[:] = source
    return frame


def _same_memory(frame: VideoFrame, planes: Planes) -> bool:
    own = plane_views(frame)
    return len(own) == len(planes.planes) and all(
        a.__array_interface__["data"][0] == b.__array_interface__["data"][0] and a.strides == b.strides
        for a, b in zip(own, planes.planes, strict=True)
    )


def crop(planes: Planes, rect: PixelRect) -> Planes:
    """The part ``rect`` of a yuv420p or nv12 picture as views; nothing is copied.

    Raises:
        FormatError: ``rect`` has an odd edge (a chroma sample covers two pixels) or leaves the picture.
    """
    planes.require(NATIVE_FORMATS)
    right, bottom = rect.x + rect.w, rect.y + rect.h
    if (rect.x, rect.y, right, bottom) == (0, 0, planes.width, planes.height):
        return planes
    inside = rect.x >= 0 and rect.y >= 0 and right <= planes.width and bottom <= planes.height
    if (rect.x | rect.y) & 1 or not inside or rect.w < 1 or rect.h < 1:
        raise FormatError(f"Cannot crop {rect} out of {planes!r}: edges must be even and inside the picture.")
    width, height = chroma_size(planes.format, rect.w, rect.h)
    x, y = rect.x // 2, rect.y // 2
    views = [planes.planes[0][rect.y : bottom, rect.x : right]]
    if planes.format == "nv12":
        views.append(planes.planes[1][y : y + height, 2 * x : 2 * (x + width)])
    else:
        views.extend(p[y : y + height, x : x + width] for p in planes.planes[1:])
    return Planes(
        planes.format, rect.w, rect.h, tuple(views), planes.color, planes.pts, planes.time_base, owner=planes.owner
    )


class Scaler:
    """Scales pictures and brings them to BT.709 limited, left-sited, 8 bit. One per place of use, one thread.

    A native picture that only changes size goes through swscale once. Everything else is converted once, by the
    shortest of these ways:

    - RGB of 8 bits: swscale.
    - YUV with more than 8 bits, another layout, matrix, range or siting: swscale to 16-bit 4:2:0 where layout or
      size change, then ``_matrix`` in float32, rounded (swscale would dither, and change the matrix by way of
      8-bit RGB).
    - HDR: to 16-bit RGB, tone mapped (``_hdr``), to 16-bit 4:2:0, rounded.

    Attributes:
        scales: Pictures whose size was changed.
        conversions: Pictures whose pixel format, matrix, range, siting or depth was changed.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = max(1, threads)
        self._reformatters: dict[tuple[object, ...], VideoReformatter] = {}
        self._labeller = Labeller()
        self._tone: tuple[tuple[int, int, ColorSpec], ToneMapper] | None = None
        self.scales = 0
        self.conversions = 0

    def scale(self, planes: Planes, width: int, height: int, format_name: str | None = None) -> Planes:
        """``planes`` as a picture of ``width`` x ``height``, 8 bit BT.709 limited, left-sited.

        Args:
            planes: Any picture; strided views (:func:`crop`) are read where they lie.
            width: Pixels of the result.
            height: Pixels of the result.
            format_name: ``yuv420p`` or ``nv12``; default is the source's own if it is one of them, else ``yuv420p``.

        Returns:
            A new picture, or ``planes`` itself when nothing is to do.

        Raises:
            FormatError: The target is another format, or swscale cannot read this one.
            OutOfMemoryError: There is no memory for the result.
        """
        target = format_name or (planes.format if planes.format in NATIVE_FORMATS else "yuv420p")
        if target not in NATIVE_FORMATS:
            raise FormatError(f"Cannot scale to {target}; allowed are {', '.join(NATIVE_FORMATS)}.")
        same_size = (planes.width, planes.height) == (width, height)
        native = is_native(planes.format, planes.color)
        if same_size and planes.format == target and native:
            return planes
        try:
            if native:
                frame = self._labeller.label(to_frame(planes), Siting.LEFT)
                result = self._sws(frame, BT709_LIMITED, width, height, target)
            else:
                result = self._convert(planes, width, height, target)
        except MemoryError:
            raise OutOfMemoryError("scale", f"{width}x{height} {target}") from None
        except (av.error.FFmpegError, ValueError, NotImplementedError) as error:
            raise FormatError(
                f"Cannot convert {planes.format} {planes.width}x{planes.height} ({planes.color}) "
                f"to {target} {width}x{height}: {error}."
            ) from error
        self.scales += not same_size
        self.conversions += not (native and planes.format == target)
        out = from_frame(result, BT709_LIMITED)
        out.pts, out.time_base = planes.pts, planes.time_base
        return out

    def scale_into(self, planes: Planes, target: Planes, rect: PixelRect) -> None:
        """Scale ``planes`` into the part ``rect`` (even edges) of a native picture; costs one copy of that part."""
        scaled = self.scale(planes, rect.w, rect.h, target.format)
        for view, source in zip(crop(target, rect).planes, scaled.planes, strict=True):
            view[:] = source

    def _convert(self, planes: Planes, width: int, height: int, target: str) -> VideoFrame:
        color = planes.color
        frame = to_frame(planes)
        if frame.format.name.startswith("gray"):
            frame = _with_chroma(frame)
        format_name, depth = frame.format.name, _depth(frame)
        frame = self._labeller.label(frame, color.siting)
        shift = 0
        if color.is_hdr:
            frame = self._tone_map(frame, color, width, height)
            color, depth, shift = BT709_LIMITED, 8, 8
        elif color.matrix is Matrix.RGB:
            frame = self._labeller.label(frame, Siting.LEFT)
            if depth <= 8:
                return self._sws(frame, color, width, height, target)
            frame = self._sws(frame, color, width, height, "yuv420p16le")
            color, depth, shift = BT709_LIMITED, 8, 8
        elif (
            format_name not in _DIRECT
            or (planes.width, planes.height) != (width, height)
            or color.siting is not Siting.LEFT
        ):
            frame = self._to_420(frame, color, width, height)
            shift = 16 - depth
        out = VideoFrame(width, height, "yuv420p")
        to_bt709_limited(plane_views(frame), color, depth, plane_views(out), shift)
        if target == "nv12":
            out = self._sws(self._labeller.label(out, Siting.LEFT), BT709_LIMITED, width, height, "nv12")
        return out

    def _to_420(self, frame: VideoFrame, color: ColorSpec, width: int, height: int) -> VideoFrame:
        """A YUV ``frame`` as left-sited yuv420p16le with its own matrix and range: codes times ``2 ** (16 - bits)``.

        swscale is told that both sides have the same range, and limited at that: converting the range it
        truncates, and full-range codes it sometimes fills up with their own upper bits instead of zeros.
        """
        kept = Range.FULL if frame.format.name.startswith("yuvj") else Range.LIMITED
        same = ColorSpec(color.matrix, kept, siting=color.siting)
        if color.siting is not Siting.LEFT and subsampled(frame.format.name):
            # The result of swscale has the siting of its source: bring chroma to full resolution, then down again.
            frame = self._sws(frame, same, width, height, "yuv444p16le", same)
        frame = self._labeller.label(frame, Siting.LEFT)
        return self._sws(frame, same, width, height, "yuv420p16le", same)

    def _tone_map(self, frame: VideoFrame, color: ColorSpec, width: int, height: int) -> VideoFrame:
        """An HDR picture as left-sited yuv420p16le BT.709 limited."""
        # Reduced before tone mapping (fewer pixels), enlarged after it.
        fewer = width * height < frame.width * frame.height
        size = (width, height) if fewer else (frame.width, frame.height)
        rgb = self._sws(frame, color, *size, "rgb48le")
        key = (*size, color)
        if self._tone is None or self._tone[0] != key:
            self._tone = (key, ToneMapper(*size, color, self._threads))
        mapped = self._labeller.label(self._tone[1].map(rgb), Siting.LEFT)
        return self._sws(mapped, ColorSpec(Matrix.RGB, Range.FULL), width, height, "yuv420p16le")

    def _sws(
        self,
        frame: VideoFrame,
        source: ColorSpec,
        width: int,
        height: int,
        format_name: str,
        target: ColorSpec = BT709_LIMITED,
    ) -> VideoFrame:
        """One pass of swscale. RGB on either side is full range."""
        if format_name.startswith("rgb"):
            target = ColorSpec(source.matrix, Range.FULL)
        key = (frame.format.name, frame.width, frame.height, source, width, height, format_name)
        reformatter = self._reformatters.get(key)
        if reformatter is None:
            if len(self._reformatters) >= 8:
                self._reformatters.clear()
            reformatter = self._reformatters[key] = VideoReformatter()
        return reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=format_name,
            src_colorspace=_COLORSPACE.get(source.matrix, Colorspace.ITU709),
            dst_colorspace=_COLORSPACE.get(target.matrix, Colorspace.ITU709),
            src_color_range=ColorRange.JPEG if source.range is Range.FULL else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if target.range is Range.FULL else ColorRange.MPEG,
            interpolation=FLAGS,
            threads=self._threads,
        )


_DIRECT = ("yuv420p", "yuvj420p", "yuv420p9le", "yuv420p10le", "yuv420p12le", "yuv420p14le", "yuv420p16le")
"""Formats that ``_matrix`` reads as they are."""


def _with_chroma(frame: VideoFrame) -> VideoFrame:
    """A grey picture as 4:2:0 with neutral chroma (swscale takes grey for full range whatever the tags say)."""
    bits = _depth(frame)
    name = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    try:
        out = VideoFrame(frame.width, frame.height, name)
    except ValueError:
        raise NotImplementedError(f"grey with {bits} bits") from None
    luma, *chroma = plane_views(out)
    luma[:] = plane_views(frame)[0]
    for plane in chroma:
        samples = plane if bits == 8 else plane.view("<u2")
        samples[:] = 1 << (bits - 1)
    return out


def _depth(frame: VideoFrame) -> int:
    """Bits of a component."""
    return max(c.bits for c in frame.format.components)


def normalise(planes: Planes, scaler: Scaler | None = None) -> Planes:
    """``planes`` as a native picture of the same size: 8 bit BT.709 limited, left-sited. No-op when it is one."""
    if is_native(planes.format, planes.color):
        return planes
    return (scaler or Scaler()).scale(planes, planes.width, planes.height)


def describe_conversion(format_name: str, color: ColorSpec) -> str | None:
    """What :func:`normalise` does to such a picture, for the plan; ``None`` when it is handed over as it is."""
    if is_native(format_name, color):
        return None
    how = f", tone mapped ({CURVE})" if color.is_hdr else ""
    siting = "" if color.siting is Siting.LEFT else f", {color.siting}-sited"
    return f"{format_name} {color}{siting} to yuv420p {BT709_LIMITED}{how}"
