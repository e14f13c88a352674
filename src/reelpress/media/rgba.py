"""The seed's way through RGBA, for the benchmark's baseline alone: pictures to RGBA, RGBA to NV12, by swscale.

As a program without special care does it: swscale with its plain bicubic (``media.scale`` asks for the accurate paths,
which take four times as long), one thread. No export goes through here.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range
from reelpress.errors import FormatError
from reelpress.media._av import plane_bytes
from reelpress.media.planes import Planes
from reelpress.media.scale import crop, from_frame, to_frame

if TYPE_CHECKING:
    from reelpress.media.planes import PixelRect

RgbaArray = np.ndarray[Any, np.dtype[np.uint8]]
"""(rows, columns, 4), straight R'G'B' and alpha."""

RGBA_COLOR = ColorSpec(Matrix.RGB, Range.FULL)
CONTEXTS = 4
"""Prepared conversions that are kept: one for each camera or card at rest, and a few on the move."""


class RgbaConverter:
    """swscale with its plain flags. One thread; counts what it does."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[tuple[object, ...], VideoReformatter] = OrderedDict()
        self.calls = 0
        """Pictures converted."""
        self.wall_s = 0.0
        self.cpu_s = 0.0
        """Of the calling thread, which is the only one at work."""

    def to_rgba(self, planes: Planes, part: PixelRect, width: int, height: int) -> RgbaArray:
        """The part of a yuv420p or nv12 picture as RGBA of ``width`` x ``height`` pixels.

        Args:
            planes: BT.709 limited.
            part: Even edges, inside the picture.
            width: Of the result.
            height: Of the result.

        Returns:
            A view of swscale's own result; nothing is copied on the way.
        """
        frame = self._reformat(to_frame(crop(planes, part)), width, height, "rgba")
        plane = frame.planes[0]
        rows = plane_bytes(plane)[: plane.line_size * height].reshape(height, plane.line_size)
        pixels: RgbaArray = rows[:, : width * 4].reshape(height, width, 4)
        return pixels

    def to_nv12(self, planes: Planes) -> Planes:
        """An RGBA picture as NV12, BT.709 limited.

        Raises:
            FormatError: It is not RGBA.
        """
        planes.require(("rgba",))
        owner = planes.owner
        if not isinstance(owner, VideoFrame):
            raise FormatError("RGBA pictures here belong to a frame (``rgba_picture``).")
        return from_frame(self._reformat(owner, planes.width, planes.height, "nv12"), BT709_LIMITED)

    def _reformat(self, frame: VideoFrame, width: int, height: int, format_name: str) -> VideoFrame:
        wall, cpu = time.perf_counter(), time.thread_time()
        key = (frame.format.name, frame.width, frame.height, width, height, format_name)
        context = self._contexts.pop(key, None) or VideoReformatter()
        self._contexts[key] = context
        if len(self._contexts) > CONTEXTS:
            self._contexts.popitem(last=False)
        result = context.reformat(
            frame,
            width=width,
            height=height,
            format=format_name,
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if frame.format.name == "rgba" else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if format_name == "rgba" else ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        self.calls += 1
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.thread_time() - cpu
        return result


def rgba_picture(pixels: RgbaArray) -> Planes:
    """A new RGBA picture with a copy of ``pixels``: what reading a finished picture back from a GPU leaves."""
    height, width = pixels.shape[:2]
    frame = VideoFrame(width, height, "rgba")
    plane = frame.planes[0]
    rows = plane_bytes(plane)[: plane.line_size * height].reshape(height, plane.line_size)
    view = rows[:, : width * 4]
    view[:] = pixels.reshape(height, width * 4)
    return Planes("rgba", width, height, (view,), RGBA_COLOR, owner=frame)
