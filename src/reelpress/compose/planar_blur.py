"""Motion blur of finished layers (scene.plan.Blur): a weighted mean of the layer at several places.

A movement is one kernel: its taps and their bilinear neighbours are merged into distinct whole offsets, and the
layer's samples are added up at each. A scaling goes tap by tap, rows then columns. All of it is elementwise in the
output, so any part of a frame is drawn as the whole would be.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS, strips
from reelpress.compose.planar_card import intersect
from reelpress.compose.planar_group import over
from reelpress.scene.plan import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.media.planes import Plane
    from reelpress.scene.plan import Blur, PictureLayer, Shape

MARGIN = 64
"""Pixels by which the frame of a layer with motion blur is grown on all sides."""

_STRIP = 1 << 15

_WHOLE = 1 - 2.0**-16
"""Coverage from which on a mean of ones is meant."""


def moves(blur: Blur | None) -> bool:
    """Whether there is any motion blur."""
    return blur is not None and bool(blur.dx or blur.dy or blur.spread)


def unblurred(layer: PictureLayer) -> PictureLayer:
    """The layer itself, in the grown frame."""

    def shifted(rect: Rect) -> Rect:
        return Rect(rect.x + MARGIN, rect.y + MARGIN, rect.w, rect.h)

    shape: Shape = replace(layer.shape, rect=shifted(layer.shape.rect))
    return replace(layer, rect=shifted(layer.rect), shape=shape, blur=None)


def grown(size: tuple[int, int]) -> tuple[int, int]:
    """Of the frame in which a layer with motion blur is drawn first."""
    return size[0] + 2 * MARGIN, size[1] + 2 * MARGIN


def taps(blur: Blur) -> tuple[tuple[float, float], ...]:
    """``(p - 0.5, weight)`` of each tap."""
    count = 13 if blur.spread else 21
    places = [(k + 0.5) / count for k in range(count)]
    weights = [4 * (p - p * p) if blur.spread else 1.0 for p in places]
    total = sum(weights)
    return tuple((p - 0.5, w / total) for p, w in zip(places, weights, strict=True))


def reach(area: Rect, blur: Blur) -> Rect:
    """Where anything of ``area`` is seen."""
    xs, ys = [], []
    for place, _ in taps(blur):
        scale = 1 + place * blur.spread
        for x in (area.x, area.right):
            xs.append(blur.origin[0] + (x - blur.origin[0]) * scale + place * blur.dx)
        for y in (area.y, area.bottom):
            ys.append(blur.origin[1] + (y - blur.origin[1]) * scale + place * blur.dy)
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def draw(picture: Canvas, filled: IntRect, blur: Blur, out: Canvas, regions: tuple[IntRect, ...]) -> None:
    """A finished layer with coverage, drawn in the grown frame, blurred over what is there.

    Args:
        picture: Of the grown frame.
        filled: The pixels of the grown frame that can have coverage.
        blur: Its motion.
        out: What to draw on.
        regions: Where (even edges, no two overlap).
    """
    assert picture.cover is not None
    seen = reach(Rect(filled.x - MARGIN, filled.y - MARGIN, filled.w, filled.h).outset(2), blur)
    area = pixel_cover(seen, out.size, 1, 2)
    if area is None:
        return
    smears = [Smear(blur, shift, MARGIN) for shift in (0, 1)]
    for region in regions:
        part = intersect(area, region)
        for each in strips(part, _STRIP) if part is not None else ():
            boxes = [IntRect(each.x >> s, each.y >> s, each.w >> s, each.h >> s) for s in (0, 1)]
            shares = [smears[s].cover(cover, boxes[s]) for s, cover in enumerate(picture.cover)]
            colors = [smears[s].of(plane, boxes[s]) for plane, s in zip(picture.planes, SHIFTS, strict=True)]
            over(out, each, colors, shares)


class Smear:
    """The mean over the taps, for planes of one grid.

    Args:
        blur: The motion, output pixels.
        shift: 0 luma, 1 chroma.
        margin: Pixels before the frame's first that the planes begin with.
    """

    def __init__(self, blur: Blur, shift: int, margin: int) -> None:
        self._pitch = 1 << shift
        self._margin = margin >> shift
        self._blur = blur
        self._down = 0.5 if shift == 0 else 1.0
        self._offsets = () if blur.spread else _offsets(blur, self._pitch)

    def of(self, plane: Plane | Field, area: IntRect) -> Field:
        """The samples ``area`` (in samples of the frame) of the blurred ``plane``."""
        if self._offsets:
            return self._moved(plane, area)
        return self._scaled(plane, area)

    def cover(self, plane: Plane, area: IntRect) -> Field:
        """Coverage 0..255 blurred, as 0..1. What is as good as 1 is 1, whichever way it was found."""
        inner = self._seen(area)
        rows, columns = plane.shape
        if inner.x >= 0 and inner.y >= 0 and inner.right <= columns and inner.bottom <= rows:
            window = plane[inner.y : inner.bottom, inner.x : inner.right]
            if int(window.min()) == 255:
                return np.ones((area.h, area.w), np.float32)
        share = self.of(plane, area)
        share *= np.float32(1 / 255)
        share[share > _WHOLE] = 1
        return share

    def _seen(self, area: IntRect) -> IntRect:
        """Samples of the plane that ``area`` looks at."""
        if self._offsets:
            rows, columns = [dy for dy, _, _ in self._offsets], [dx for _, dx, _ in self._offsets]
            x0, y0 = min(columns), min(rows)
            x, y = area.x + self._margin + x0, area.y + self._margin + y0
            return IntRect(x, y, area.w + max(columns) - x0, area.h + max(rows) - y0)
        blur, pitch = self._blur, self._pitch
        most = max(abs(place) for place, _ in taps(blur))
        scales = (1 - most * abs(blur.spread), 1 + most * abs(blur.spread))

        def ends(low: float, high: float, origin: float, d: float) -> tuple[int, int]:
            at = [origin + (p - origin + m * d) / s for p in (low, high) for s in scales for m in (-most, most)]
            return int(np.floor(min(at) / pitch)) - 2, int(np.ceil(max(at) / pitch)) + 3

        x0, x1 = ends(area.x * pitch, area.right * pitch, blur.origin[0], blur.dx)
        y0, y1 = ends(area.y * pitch, area.bottom * pitch, blur.origin[1], blur.dy)
        return IntRect(x0 + self._margin, y0 + self._margin, x1 - x0, y1 - y0)

    def _moved(self, plane: Plane | Field, area: IntRect) -> Field:
        x0, y0 = min(dx for _, dx, _ in self._offsets), min(dy for dy, _, _ in self._offsets)
        seen = self._seen(area)
        window = _window(plane, seen.x, seen.y, seen.w, seen.h)
        total = np.zeros((area.h, area.w), np.float32)
        product = np.empty_like(total)
        for dy, dx, weight in self._offsets:
            y, x = dy - y0, dx - x0
            np.multiply(window[y : y + area.h, x : x + area.w], weight, out=product)
            total += product
        return total

    def _scaled(self, plane: Plane | Field, area: IntRect) -> Field:
        blur, pitch = self._blur, self._pitch
        xs = np.arange(area.x, area.right) * pitch + 0.5
        ys = np.arange(area.y, area.bottom) * pitch + self._down
        total = np.zeros((area.h, area.w), np.float32)
        for place, weight in taps(blur):
            scale = 1 + place * blur.spread
            x = (blur.origin[0] + (xs - place * blur.dx - blur.origin[0]) / scale - 0.5) / pitch + self._margin
            y = (blur.origin[1] + (ys - place * blur.dy - blur.origin[1]) / scale - self._down) / pitch + self._margin
            column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
            left, top = int(column[0]), int(row[0])
            window = _window(plane, left, top, int(column[-1]) - left + 2, int(row[-1]) - top + 2)
            share = (y - row).astype(np.float32)[:, np.newaxis]
            w = np.float32(weight)
            row -= top
            lines = window[row] * ((1 - share) * w)
            lines += window[row + 1] * (share * w)
            column -= left
            across = (x - column - left).astype(np.float32)
            total += np.take(lines, column, axis=1) * (1 - across)
            column += 1
            total += np.take(lines, column, axis=1) * across
        return total


def _offsets(blur: Blur, pitch: int) -> tuple[tuple[int, int, np.float32], ...]:
    """Distinct whole (rows, columns) to look at, each with its weight."""
    weights: dict[tuple[int, int], float] = {}
    for place, weight in taps(blur):
        x, y = -place * blur.dx / pitch, -place * blur.dy / pitch
        left, top = int(np.floor(x)), int(np.floor(y))
        for dy, v in ((0, 1 - (y - top)), (1, y - top)):
            for dx, u in ((0, 1 - (x - left)), (1, x - left)):
                if u * v > 1e-9:
                    at = (top + dy, left + dx)
                    weights[at] = weights.get(at, 0.0) + weight * u * v
    return tuple((dy, dx, np.float32(weight)) for (dy, dx), weight in sorted(weights.items()))


def _window(plane: Plane | Field, x: int, y: int, wide: int, tall: int) -> Field:
    """Samples from column ``x`` and row ``y`` on; 0 beyond the plane."""
    rows, columns = plane.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + wide, columns), min(y + tall, rows)
    if (x0, y0, x1, y1) == (x, y, x + wide, y + tall):
        return plane[y0:y1, x0:x1].astype(np.float32)
    out = np.zeros((tall, wide), np.float32)
    if x1 > x0 and y1 > y0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = plane[y0:y1, x0:x1]
    return out


def smeared_art(art: NDArray[np.float32], corner: tuple[int, int], blur: Blur, area: IntRect) -> Field:
    """Premultiplied art of full resolution (channels, rows, columns), blurred.

    Args:
        art: 0 wherever it does not reach.
        corner: Pixel of the frame that its first sample is.
        blur: Its motion.
        area: Pixels of the frame that are wanted.
    """
    at = IntRect(area.x - corner[0], area.y - corner[1], area.w, area.h)
    moved = replace(blur, origin=(blur.origin[0] - corner[0], blur.origin[1] - corner[1]))
    smear = Smear(moved, 0, 0)
    return np.stack([smear.of(channel, at) for channel in art])
