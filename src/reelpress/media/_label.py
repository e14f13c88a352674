"""Telling swscale where the chroma samples sit. Private to ``media``.

swscale reads the siting from the frame (``chroma_location``) and takes "unspecified" for *centre*, which moves
left-sited chroma by a quarter of a luma pixel per octave of scaling. PyAV cannot set that field, but the filter
``setparams`` can: it hands on the same memory with other tags (4 microseconds, nothing is copied). The result of
a scaling inherits the label of its source.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.filter import Graph

from reelpress.color import Siting

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
            graph = self._graphs[key] = _graph(frame, siting)
        graph.vpush(frame)
        return graph.vpull()


def _graph(frame: VideoFrame, siting: Siting) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1_000_000)
    )
    label = graph.add("setparams", f"chroma_location={_NAMES[siting]}")
    sink = graph.add("buffersink")
    source.link_to(label)
    label.link_to(sink)
    graph.configure()
    return graph


def subsampled(format_name: str) -> bool:
    """Whether the format stores chroma at a lower resolution than luma."""
    chroma = av.VideoFormat(format_name, 64, 64)
    return not chroma.is_rgb and any(c.is_chroma and (c.width < 64 or c.height < 64) for c in chroma.components)
