"""Telling swscale where the chroma samples sit. Private to ``media``.

swscale reads the siting from the frame (``chroma_location``) and takes "unspecified" for *centre*, which moves
left-sited chroma by a quarter of a luma pixel per octave of scaling. PyAV cannot set that field, but the filter
``setparams`` can: it hands on the same memory with other tags (4 microseconds, nothing is copied). The result of
a scaling inherits the label of its source.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation, VideoReformatter

from reelpress.color import Siting
from reelpress.media._av import plane_bytes

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_NAMES = {Siting.LEFT: "left", Siting.CENTER: "center", Siting.TOP_LEFT: "topleft"}


class Labeller:
    """Gives frames a chroma siting. Keeps one small filter graph for each geometry it meets; one thread uses it."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[str, int, int, Siting], Graph] = {}

    def label(self, frame: VideoFrame, siting: Siting) -> VideoFrame:
        """``frame`` with that siting, sharing its memory.

        RGB and 4:4:4 pictures want it too: what is made of them inherits it.
        """
        key = (frame.format.name, frame.width, frame.height, siting)
        graph = self._graphs.get(key)
        if graph is None:
            if len(self._graphs) >= 8:
                self._graphs.clear()
            graph = self._graphs[key] = _chain(frame, "setparams", f"chroma_location={_NAMES[siting]}")
        graph.vpush(frame)
        return graph.vpull()


def _through(frame: VideoFrame, name: str, arguments: str) -> VideoFrame:
    graph = _chain(frame, name, arguments)
    graph.vpush(frame)
    return graph.vpull()


def _chain(frame: VideoFrame, name: str, arguments: str) -> Graph:
    """A graph of one filter for frames like ``frame``."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1_000_000)
    )
    step = graph.add(name, arguments)
    sink = graph.add("buffersink")
    source.link_to(step)
    step.link_to(sink)
    graph.configure()
    return graph


def subsampled(format_name: str) -> bool:
    """Whether the format stores chroma at a lower resolution than luma."""
    chroma = av.VideoFormat(format_name, 64, 64)
    return not chroma.is_rgb and any(c.is_chroma and (c.width < 64 or c.height < 64) for c in chroma.components)


def chroma_location(frame: VideoFrame) -> int:
    """FFmpeg's ``AVChromaLocation`` of a decoded frame: 1 left, 3 top-left, 0 unknown (or centre).

    PyAV does not tell it, so it is found out by what swscale does with it: chroma of the frame as it came is compared
    with chroma of the same frame labelled otherwise. Unset and centre look the same there, and so does a flat picture.
    """
    if not subsampled(frame.format.name):
        return 0
    # The centre will do, and the filter that cuts it out keeps the label.
    width, height = min(frame.width, 512) & ~7, min(frame.height, 512) & ~7
    if width and height:
        frame = _through(frame, "crop", f"{width}:{height}:keep_aspect=0")
    plain = _full_chroma(frame)
    labeller = Labeller()
    center = _full_chroma(labeller.label(frame, Siting.CENTER))
    if (plain == center).all():
        return 0
    for siting, code in ((Siting.LEFT, 1), (Siting.TOP_LEFT, 3)):
        if (plain == _full_chroma(labeller.label(frame, siting))).all():
            return code
    return 0


def _full_chroma(frame: VideoFrame) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Both chroma planes at luma resolution, as bytes. Same matrix and range on both sides, bit-exact."""
    full = VideoReformatter().reformat(
        frame,
        format="yuv444p",
        src_colorspace=1,
        dst_colorspace=1,
        src_color_range=1,
        dst_color_range=1,
        interpolation=Interpolation.BICUBIC | Interpolation.BITEXACT | Interpolation.ACCURATE_RND,
        threads=1,
    )
    return np.concatenate([plane_bytes(plane) for plane in full.planes[1:]])
