"""Pictures with chroma at every pixel, by swscale: what a palette is chosen for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.video.reformatter import Interpolation, VideoReformatter

from reelpress.color import BT709_LIMITED, Siting
from reelpress.media._label import Labeller
from reelpress.media.scale import NATIVE_FORMATS, crop, plane_views, to_frame

if TYPE_CHECKING:
    from reelpress.media.planes import PixelRect, Plane, Planes

REACH = 4
"""Pixels to either side over which a sample of chroma has an influence: two samples, by the cubic kernel."""

_CONTEXTS = 8


class FullChroma:
    """yuv420p or nv12 to planes of Y, U and V of one size, siting left, still BT.709 limited. One thread.

    Not with swscale's accurate rounding, which takes ten times as long and differs by one code value at edges of
    colour; flat areas are exact either way (a test looks).
    """

    def __init__(self) -> None:
        self._labeller = Labeller()
        self._contexts: dict[tuple[str, int, int], VideoReformatter] = {}

    def planes(self, picture: Planes, area: PixelRect) -> tuple[Plane, Plane, Plane]:
        """Y, U and V of a part of a picture, each ``area.h`` rows of ``area.w`` bytes.

        Args:
            picture: BT.709 limited, even sides.
            area: Even edges. Chroma next to its edges is that of a picture that ends there: ask for ``REACH`` more
                than is needed.

        Raises:
            FormatError: Another format, or odd edges.
        """
        picture.require(NATIVE_FORMATS, BT709_LIMITED)
        frame = self._labeller.label(to_frame(crop(picture, area)), Siting.LEFT)
        key = (picture.format, area.w, area.h)
        context = self._contexts.pop(key, None) or VideoReformatter()
        self._contexts[key] = context
        if len(self._contexts) > _CONTEXTS:
            del self._contexts[next(iter(self._contexts))]
        full = context.reformat(frame, format="yuv444p", interpolation=Interpolation.BICUBIC, threads=1)
        y, u, v = plane_views(full)
        return y, u, v
