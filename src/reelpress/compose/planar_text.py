"""Text as art: what ``text.raster`` draws, in premultiplied YUVA, kept while it is shown."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_card import intersect
from reelpress.compose.planar_sprite import Sprite, in_codes
from reelpress.scene.plan.rect import IntRect, pixel_cover

if TYPE_CHECKING:
    from typing import Protocol

    from reelpress.compose.coverage import Field
    from reelpress.scene.plan.layers import TextLayer
    from reelpress.scene.text_run import TextRun

    class Drawn(Protocol):
        """As ``text.raster`` returns it: premultiplied RGBA (rows, columns, 4) and the pixel of its upper left."""

        @property
        def x(self) -> int: ...
        @property
        def y(self) -> int: ...
        @property
        def rgba(self) -> Field: ...

    class Rasteriser(Protocol):
        def sprite(self, run: TextRun, origin: tuple[float, float] = ..., scale: float = ..., /) -> Drawn: ...


class Texts:
    """Drawn texts.

    Args:
        rasteriser: Draws runs; that of ``text.raster`` when there is none, loaded with the first text.
        limit: Bytes of art to keep; the least recently used goes first.
    """

    def __init__(self, rasteriser: Rasteriser | None = None, limit: int = 24 << 20) -> None:
        self._rasteriser = rasteriser
        self._limit = limit
        self._kept: OrderedDict[tuple[TextLayer, tuple[int, int]], Sprite | None] = OrderedDict()
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the art that is kept."""
        return self._bytes

    def get(self, layer: TextLayer, size: tuple[int, int]) -> Sprite | None:
        """The text on a frame of ``size``; None where nothing of it shows."""
        if layer.opacity <= 0:
            return None
        key = (replace(layer, opacity=1.0), size)
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            self._kept[key] = self._draw(layer, size)
            self._bytes += _nbytes(self._kept[key])
            while len(self._kept) > 1 and (len(self._kept) > 64 or self._bytes > self._limit):
                self._bytes -= _nbytes(self._kept.popitem(last=False)[1])
        art = self._kept[key]
        return faded(art, layer.opacity) if art is not None else None

    def _loaded(self) -> Rasteriser:
        if self._rasteriser is None:
            from reelpress.text.raster import TextRasteriser  # fonts are loaded by who shows text

            self._rasteriser = TextRasteriser(max_bytes=8 << 20)
        return self._rasteriser

    def _draw(self, layer: TextLayer, size: tuple[int, int]) -> Sprite | None:
        bounds = pixel_cover(layer.bounds, size)
        if bounds is None:
            return None
        drawn = self._loaded().sprite(layer.run, (layer.x, layer.y), layer.scale)
        rows, columns = drawn.rgba.shape[:2]
        seen = intersect(bounds, IntRect(drawn.x, drawn.y, columns, rows)) if rows and columns else None
        if seen is None:
            return None
        left, top = (seen.x - 1) // 2 * 2, seen.y // 2 * 2
        right, bottom = (seen.right + 2) // 2 * 2, (seen.bottom + 1) // 2 * 2
        left, right = max(left, 0), min(right, size[0])
        area = IntRect(left, top, right - left, bottom - top)
        rgba = np.zeros((4, area.h, area.w + 1), np.float32)  # with the column before, for chroma
        x, y = seen.x - area.x + 1, seen.y - area.y
        cut = drawn.rgba[seen.y - drawn.y : seen.bottom - drawn.y, seen.x - drawn.x : seen.right - drawn.x]
        rgba[:, y : y + seen.h, x : x + seen.w] = cut.transpose(2, 0, 1)
        if area.x == 0:
            rgba[:, :, 0] = rgba[:, :, 1]
        return in_codes(area, rgba[:3], rgba[3])

    def clear(self) -> None:
        """Forget all texts; the rasteriser too."""
        self._kept.clear()
        self._bytes = 0
        self._rasteriser = None


def _nbytes(art: Sprite | None) -> int:
    return sum(field.nbytes for field in (*art.through, *art.art)) if art is not None else 0


def faded(art: Sprite, opacity: float) -> Sprite:
    """``art`` with an opacity."""
    if opacity >= 1:
        return art
    o, rest, half = np.float32(opacity), np.float32(1 - opacity), np.float32(0.5 - 0.5 * opacity)
    y, u, v = (plane * o + half for plane in art.art)
    luma, chroma = (share * o + rest for share in art.through)
    return Sprite(art.area, (luma, chroma), (y, u, v))
