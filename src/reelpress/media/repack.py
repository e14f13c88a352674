"""swscale as a pixel format converter: another layout of the same picture, with the colours of the reference.

Which of swscale's ways is taken is decided here, once: its *area* kernel with accurate rounding and full chroma on both
sides. Without a change of size that is exactly the rule of ``convert.base`` (means when reducing, linear when
enlarging, by siting): in limited range no sample is off by more than one, where the plain flags are off by up to 19 on
smooth pictures and *bicubic* by 3. It is also the fastest of the accurate kernels. In full range swscale truncates
chroma where it should round, which is half a code in the mean.
"""

from __future__ import annotations

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range
from reelpress.errors import FormatError, OutOfMemoryError
from reelpress.media._label import Labeller
from reelpress.media.planes import Planes
from reelpress.media.scale import Scaler, from_frame, plane_views, to_frame

FLAGS = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP

_COLORSPACE = {
    Matrix.BT601: Colorspace.ITU601,
    Matrix.BT709: Colorspace.ITU709,
    Matrix.BT2020: Colorspace.BT2020,
    Matrix.SMPTE240M: Colorspace.SMPTE240M,
    Matrix.FCC: Colorspace.FCC,
}

_SAMPLE_BYTES = {
    "rgba": (4,), "bgra": (4,), "argb": (4,), "yuyv422": (4,), "uyvy422": (4,),
    "nv12": (1, 2), "p010le": (2, 4), "yuv420p": (1, 1, 1),
}  # fmt: skip
"""Of a pixel, a macropixel or a pair of chroma samples, for each plane."""

_SECOND_LUMA = {"yuyv422": 2, "uyvy422": 3}
"""Byte of a macropixel; the first luma sample lies two before it."""

MIN_SIDE = 8
"""Pixels. Below about this swscale's filters for left-sited chroma do not fit, and it takes others."""

_KEPT = 6


class Repacker:
    """Keeps the prepared conversions of a few kinds of pictures. One thread uses it."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = max(1, threads)
        self._reformatters: dict[tuple[object, ...], VideoReformatter] = {}
        self._labeller = Labeller()
        self._scaler: Scaler | None = None
        self.copies = 0
        """Pictures that had to be copied first: an odd size, or memory that PyAV cannot borrow."""

    def repack(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """``planes`` in the pixel format ``target`` with the colour ``color``, of the same size.

        A picture whose memory belongs to a PyAV frame is read where it lies, as is NV12, I420 or P010 of an even size
        wherever it lies. Odd sizes go through swscale as even ones whose edge is repeated: it would stretch chroma by
        half a pixel over the width.

        Raises:
            FormatError: From YUV to YUV with another matrix, range or siting, unless to BT.709 limited, left-sited.
            OutOfMemoryError: There is no memory for the result.
        """
        source = planes.color
        both_yuv = Matrix.RGB not in (source.matrix, color.matrix)
        if both_yuv and (source.matrix, source.range, source.siting) != (color.matrix, color.range, color.siting):
            if color != BT709_LIMITED or target not in ("nv12", "yuv420p"):
                raise FormatError(
                    f"swscale would change {source} ({source.siting}) to {color} ({color.siting}) by way of 8-bit RGB. "
                    f"From YUV to YUV it keeps the colour, or makes {BT709_LIMITED} (left)."
                )
            if self._scaler is None:
                self._scaler = Scaler(self._threads)
            even = planes
            if _even(planes) != (planes.width, planes.height):
                self.copies += 1
                even = from_frame(_made_even(planes), source)
            result = self._scaler.scale(even, even.width, even.height, target)
            return self._finished(result, planes)
        try:
            frame = self._frame(planes)
            sited = source if source.matrix is not Matrix.RGB else color
            frame = self._labeller.label(frame, sited.siting)
            out = self._convert(frame, source, target, color)
        except MemoryError:
            raise OutOfMemoryError("convert", f"{planes.width}x{planes.height} {target}") from None
        except (av.error.FFmpegError, ValueError, NotImplementedError) as error:
            raise FormatError(f"swscale cannot convert {planes!r} to {target}: {error}.") from error
        return self._finished(from_frame(out, color), planes)

    def _finished(self, result: Planes, source: Planes) -> Planes:
        if (result.width, result.height) != (source.width, source.height):
            result = _cut(result, source.width, source.height)
        result.pts, result.time_base = source.pts, source.time_base
        return result

    def _frame(self, planes: Planes) -> VideoFrame:
        """The picture as a frame of even size."""
        if _even(planes) != (planes.width, planes.height):
            self.copies += 1
            return _made_even(planes)
        whole = all(p.strides[1] == 1 and p.flags.writeable and p.strides[0] % 2 == 0 for p in planes.planes)
        if planes.format == "p010le" and whole and not isinstance(planes.owner, VideoFrame):
            words = tuple(p.view("<u2") for p in planes.planes)
            return VideoFrame.from_dlpack(words, format="p010le", width=planes.width, height=planes.height)
        frame = to_frame(planes)
        borrowed = frame is planes.owner or planes.format in ("nv12", "yuv420p")
        self.copies += not borrowed
        return frame

    def _convert(self, frame: VideoFrame, source: ColorSpec, target: str, color: ColorSpec) -> VideoFrame:
        # Of the two sides one may be RGB, which has no matrix of its own: both are told the YUV side's.
        yuv = source if source.matrix is not Matrix.RGB else color
        matrix = _COLORSPACE.get(yuv.matrix, Colorspace.ITU709)
        if Matrix.RGB in (source.matrix, color.matrix):
            ranges = (_range(source), _range(color))
        else:  # the same on both sides, and codes are kept best where swscale thinks them limited
            ranges = (ColorRange.MPEG, ColorRange.MPEG)
        key = (frame.format.name, frame.width, frame.height, source, target, color)
        reformatter = self._reformatters.get(key)
        if reformatter is None:
            if len(self._reformatters) >= _KEPT:
                self._reformatters.clear()
            reformatter = self._reformatters[key] = VideoReformatter()
        return reformatter.reformat(
            frame,
            format=target,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ranges[0],
            dst_color_range=ranges[1],
            interpolation=FLAGS,
            threads=self._threads,
        )


def _range(color: ColorSpec) -> ColorRange:
    return ColorRange.JPEG if color.range is Range.FULL else ColorRange.MPEG


def _even(planes: Planes) -> tuple[int, int]:
    """The size at which swscale gets a picture."""
    return max(MIN_SIDE, planes.width + (planes.width & 1)), max(MIN_SIDE, planes.height + (planes.height & 1))


def _made_even(planes: Planes) -> VideoFrame:
    """A copy of even size and at least the smallest one; the columns and rows that are more repeat the last ones."""
    frame = VideoFrame(*_even(planes), planes.format)
    second = _SECOND_LUMA.get(planes.format)
    for view, source, step in zip(plane_views(frame), planes.planes, _SAMPLE_BYTES[planes.format], strict=True):
        rows, used = source.shape
        view[:rows, :used] = source
        last = view[:rows, used - step : used].copy()
        if second is not None:
            if planes.width & 1:  # the second luma sample is padding
                last[:, second] = last[:, second - 2]
                view[:rows, used - step : used] = last
            last[:, second - 2] = last[:, second]
        for at in range(used, view.shape[1], step):
            view[:rows, at : at + step] = last
        view[rows:] = view[rows - 1]
    return frame


def _cut(planes: Planes, width: int, height: int) -> Planes:
    """The upper left part of a picture that was made even; views, nothing is copied."""
    views = []
    for index, (view, step) in enumerate(zip(planes.planes, _SAMPLE_BYTES[planes.format], strict=True)):
        columns, rows = (width, height) if index == 0 else (-(-width // 2), -(-height // 2))
        views.append(view[:rows, : step * columns])
    return Planes(planes.format, width, height, tuple(views), planes.color, owner=planes.owner)


__all__ = ["FLAGS", "Repacker"]
