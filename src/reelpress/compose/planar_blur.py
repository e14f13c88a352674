"""Motion blur of finished layers (scene.plan.Blur): a weighted mean of the layer at several places.

A movement is one kernel: its taps and their bilinear neighbours are merged into distinct whole offsets, and the
layer's samples are added up at each. A scaling goes tap by tap, rows then columns. All of it is elementwise in the
output, so any part of a frame is drawn as the whole would be.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS
from reelpress.compose.planar_card import intersect
from reelpress.compose.planar_group import over
from reelpress.compose.planar_radial import Radial
from reelpress.scene.plan import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.media.planes import Plane
    from reelpress.scene.plan import Blur, PictureLayer, Shape

MARGIN = 64
"""Pixels by which the frame of a layer with motion blur is grown on all sides."""

_TILE = (128, 320)

_FINE, _COARSE, _LONG = 8, 4, 40.0
"""Parts of a pixel in which the taps of a movement are placed, and of one from so many pixels on: then few different
weights are left, and most of the work is adding whole numbers. 21 taps average out what each is off."""

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
    xs: list[float] = []
    ys: list[float] = []
    for place, _ in taps(blur):
        scale = 1 + place * blur.spread
        xs += [blur.origin[0] + (x - blur.origin[0]) * scale + place * blur.dx for x in (area.x, area.right)]
        ys += [blur.origin[1] + (y - blur.origin[1]) * scale + place * blur.dy for y in (area.y, area.bottom)]
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
    if blur.spread and not (blur.dx or blur.dy):
        _draw_radial(picture, blur, out, area, regions)
        return
    smears = [Smear(blur, shift, MARGIN) for shift in (0, 1)]
    for region in regions:
        part = intersect(area, region)
        for each in _tiles(part) if part is not None else ():
            boxes = [IntRect(each.x >> s, each.y >> s, each.w >> s, each.h >> s) for s in (0, 1)]
            shares = [smears[s].cover(cover, boxes[s]) for s, cover in enumerate(picture.cover)]
            colors = [smears[s].of(plane, boxes[s]) for plane, s in zip(picture.planes, SHIFTS, strict=True)]
            over(out, each, colors, shares)


def _draw_radial(picture: Canvas, blur: Blur, out: Canvas, area: IntRect, regions: tuple[IntRect, ...]) -> None:
    """The same for a scaling: all of ``area`` is made, whatever the regions, and drawn in them."""
    assert picture.cover is not None
    radial = Radial(blur, area, len(taps(blur)), MARGIN)
    boxes = [IntRect(area.x >> s, area.y >> s, area.w >> s, area.h >> s) for s in (0, 1)]
    colors = [radial.of(plane, boxes[s], s) for plane, s in zip(picture.planes, SHIFTS, strict=True)]
    shares = []
    for s, cover in enumerate(picture.cover):
        share = radial.of(cover, boxes[s], s)
        share *= np.float32(1 / 255)
        shares.append(share)
    for region in regions:
        part = intersect(area, region)
        for each in _tiles(part) if part is not None else ():
            cuts = [
                (
                    slice((each.y - area.y) >> s, (each.bottom - area.y) >> s),
                    slice((each.x - area.x) >> s, (each.right - area.x) >> s),
                )
                for s in (0, 1)
            ]
            over(
                out,
                each,
                [color[cuts[s]] for color, s in zip(colors, SHIFTS, strict=True)],
                [share[cut] for share, cut in zip(shares, cuts, strict=True)],
            )


def _tiles(area: IntRect) -> Iterator[IntRect]:
    """``area`` in parts, most of which see nothing but a wholly covered inside."""
    rows, columns = _TILE
    for y in range(area.y, area.bottom, rows):
        for x in range(area.x, area.right, columns):
            yield IntRect(x, y, min(columns, area.right - x), min(rows, area.bottom - y))


class Smear:
    """The mean over the taps, for planes of one grid.

    Args:
        blur: The motion, output pixels.
        shift: 0 luma, 1 chroma.
        margin: Pixels before the frame's first that the planes begin with.
        exact: Whether taps are placed exactly where they are; for small art.
    """

    def __init__(self, blur: Blur, shift: int, margin: int, *, exact: bool = False) -> None:
        fine = None if exact else _COARSE if math.hypot(blur.dx, blur.dy) >= _LONG else _FINE
        self._exact = exact
        self._pitch = 1 << shift
        self._margin = margin >> shift
        self._blur = blur
        self._down = 0.5 if shift == 0 else 1.0
        self._offsets = () if blur.spread else _offsets(blur, self._pitch, fine)
        levels: dict[np.float32, list[tuple[int, int]]] = {}
        for dy, dx, weight in self._offsets:
            levels.setdefault(weight, []).append((dy, dx))
        self._levels = tuple(levels.items())

    def of(self, plane: Plane | Field, area: IntRect) -> Field:
        """The samples ``area`` (in samples of the frame) of the blurred ``plane``."""
        if self._offsets:
            return self._moved(plane, area)
        return self._scaled(plane, area) if self._exact else self._scaled_on_end(plane, area)

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
        window = _window(plane, seen.x, seen.y, seen.w, seen.h, np.float32 if self._exact else np.uint16)
        total = np.zeros((area.h, area.w), np.float32)
        product = np.empty_like(total)
        added = np.empty(total.shape, window.dtype)
        for weight, places in self._levels:
            views = [window[dy - y0 : dy - y0 + area.h, dx - x0 : dx - x0 + area.w] for dy, dx in places]
            if len(views) == 1:
                np.copyto(product, views[0])
            else:  # at most 84 of 8 bits: they fit 16
                np.add(views[0], views[1], out=added)
                for one in views[2:]:
                    added += one
                np.copyto(product, added)
            product *= weight
            total += product
        return total

    def _scaled_on_end(self, plane: Plane | Field, area: IntRect) -> Field:
        """As :meth:`_scaled`, with columns as rows: those are picked whole, as rows are after."""
        blur, pitch, seen = self._blur, self._pitch, self._seen(area)
        window = np.ascontiguousarray(_window(plane, seen.x, seen.y, seen.w, seen.h).T)
        xs = np.arange(area.x, area.right) * pitch + 0.5
        ys = np.arange(area.y, area.bottom) * pitch + self._down
        total = np.zeros((area.h, area.w), np.float32)
        product = np.empty_like(total)
        lines, upright = np.empty((area.w, seen.h), np.float32), np.empty((seen.h, area.w), np.float32)
        other = np.empty_like(lines)
        for place, weight in taps(blur):
            scale = 1 + place * blur.spread
            x = (blur.origin[0] + (xs - place * blur.dx - blur.origin[0]) / scale - 0.5) / pitch + self._margin
            y = (blur.origin[1] + (ys - place * blur.dy - blur.origin[1]) / scale - self._down) / pitch + self._margin
            column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
            across = ((x - column) * weight).astype(np.float32)[:, np.newaxis]
            down = (y - row).astype(np.float32)[:, np.newaxis]
            column -= seen.x
            row -= seen.y
            np.take(window, column, axis=0, out=lines, mode="clip")
            lines *= np.float32(weight) - across
            np.take(window, column + 1, axis=0, out=other, mode="clip")
            other *= across
            lines += other
            np.copyto(upright, lines.T)
            np.take(upright, row, axis=0, out=product, mode="clip")
            product *= 1 - down
            total += product
            np.take(upright, row + 1, axis=0, out=product, mode="clip")
            product *= down
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


def _offsets(blur: Blur, pitch: int, fine: int | None) -> tuple[tuple[int, int, np.float32], ...]:
    """Distinct whole (rows, columns) to look at, each with its weight."""
    weights: dict[tuple[int, int], float] = {}
    for place, weight in taps(blur):
        x, y = -place * blur.dx / pitch, -place * blur.dy / pitch
        if fine is not None:
            x, y = round(x * fine) / fine, round(y * fine) / fine
        left, top = int(np.floor(x)), int(np.floor(y))
        for dy, v in ((0, 1 - (y - top)), (1, y - top)):
            for dx, u in ((0, 1 - (x - left)), (1, x - left)):
                if u * v > 1e-9:
                    at = (top + dy, left + dx)
                    weights[at] = weights.get(at, 0.0) + weight * u * v
    return tuple((dy, dx, np.float32(round(weight, 9))) for (dy, dx), weight in sorted(weights.items()))


def _window(
    plane: Plane | Field, x: int, y: int, wide: int, tall: int, kind: type[np.uint16 | np.float32] = np.float32
) -> NDArray[Any]:
    """Samples from column ``x`` and row ``y`` on; 0 beyond the plane."""
    rows, columns = plane.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + wide, columns), min(y + tall, rows)
    if (x0, y0, x1, y1) == (x, y, x + wide, y + tall):
        return plane[y0:y1, x0:x1].astype(kind)
    out = np.zeros((tall, wide), kind)
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
    smear = Smear(moved, 0, 0, exact=True)
    return np.stack([smear.of(channel, at) for channel in art])
