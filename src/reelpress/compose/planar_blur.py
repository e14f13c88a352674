"""Motion blur of finished layers (scene.plan.Blur): a weighted mean of the layer at several places.

The taps of a picture's movement lie on whole samples along its longer axis and on halves of them across: most of the
work is adding whole numbers. A scaling is the matter of :mod:`reelpress.compose.planar_radial`. All of it is
elementwise in the output, so any part of a frame is drawn as the whole would be. Inside of the card there is no
coverage to be blurred, and nothing to be blended.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.planar_busy import parts
from reelpress.compose.planar_canvas import SHIFTS, around, strips, view
from reelpress.compose.planar_card import intersect
from reelpress.compose.planar_group import over
from reelpress.compose.planar_radial import VARIANCE, Radial, centre
from reelpress.compose.planar_radial import steps as radial_steps
from reelpress.scene.plan.rect import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.compose.planar_card import Card
    from reelpress.media.planes import Plane
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.layers import PictureLayer
    from reelpress.scene.plan.outline import Shape

MARGIN = 64
"""Pixels by which the frame of a layer with motion blur is grown on all sides; for a picture less, if none of it is
seen from further away."""

FARTHEST = 64
"""Samples of a movement from which on taps are more than one apart."""

_PIXELS = 1 << 19
"""That are blurred at a time: what a scaling looks at beyond them is little, and the fields still fit a cache."""

_SEEN = 1 / 128
"""Alpha by which a shadow may differ from its blurred self: what 8 bits of coverage and of colour are off together."""

_WHOLE = 1 - 2.0**-16
"""Coverage from which on a mean of ones is meant."""


def moves(blur: Blur | None) -> bool:
    """Whether there is any motion blur."""
    return blur is not None and bool(blur.dx or blur.dy or blur.spread)


def margin_of(blur: Blur, size: tuple[int, int]) -> int:
    """Pixels by which the frame has to be grown at least for what a picture's blur looks at; few different numbers."""
    width, height = size
    seen = picture_reach(Rect(0.0, 0.0, float(width), float(height)), blur, size)
    most = max(-seen.x, -seen.y, seen.right - width, seen.bottom - height) + 2
    return next((margin for margin in (16, 32) if most <= margin), MARGIN)


def unblurred(layer: PictureLayer, margin: int) -> PictureLayer:
    """The layer itself, in the frame grown by ``margin``."""

    def shifted(rect: Rect) -> Rect:
        return Rect(rect.x + margin, rect.y + margin, rect.w, rect.h)

    shape: Shape = replace(layer.shape, rect=shifted(layer.shape.rect))
    return replace(layer, rect=shifted(layer.rect), shape=shape, blur=None)


def grown(size: tuple[int, int], margin: int) -> tuple[int, int]:
    """Of the frame in which a layer with motion blur is drawn first."""
    return size[0] + 2 * margin, size[1] + 2 * margin


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


def picture_reach(area: Rect, blur: Blur, size: tuple[int, int]) -> Rect:
    """Where anything of ``area``, a part of a picture, is seen."""
    if not blur.spread:
        right, down = _reach(blur)
        return Rect(area.x - right, area.y - down, area.w + 2 * right, area.h + 2 * down)
    all_steps = radial_steps(blur, size)
    (x, y), far = centre(blur), math.exp(-all_steps[0])
    edges = area.outset(2.0 * len(all_steps))  # each scaling reaches a chroma sample further
    xs = [x + (edge - x) * scale for edge in (edges.x, edges.right) for scale in (far, 1 / far)]
    ys = [y + (edge - y) * scale for edge in (edges.y, edges.bottom) for scale in (far, 1 / far)]
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _reach(blur: Blur) -> tuple[int, int]:
    """Pixels across and down that a movement looks at on either side."""
    both = [Movement(blur, shift, 0).reach for shift in (0, 1)]
    return max(both[0][0], 2 * both[1][0]), max(both[0][1], 2 * both[1][1])


def draw(
    picture: Canvas,
    card: Card,
    blur: Blur,
    out: Canvas,
    regions: tuple[IntRect, ...],
    memory: list[NDArray[np.uint16]] | None = None,
) -> None:
    """A finished layer with coverage, drawn in the grown frame, blurred over what is there.

    Args:
        picture: Of a frame grown on all sides.
        card: Its outline there.
        blur: Its motion.
        out: What to draw on.
        regions: Where (even edges, no two overlap).
        memory: To work in, as for ``Radial``.
    """
    assert picture.cover is not None
    filled = card.bounds
    if filled is None:
        return
    margin = (picture.size[0] - out.size[0]) // 2
    seen = picture_reach(Rect(filled.x - margin, filled.y - margin, filled.w, filled.h).outset(2), blur, out.size)
    area = pixel_cover(seen, out.size, 1, 2)
    if area is None:
        return
    solid = hidden(card, blur, out.size, margin)
    edges = _edges(card, blur, out.size, margin) or IntRect(0, 0, *out.size)
    memory = [] if memory is None else memory
    smears = [_Smeared(blur, out.size, shift, margin, memory) for shift in (0, 1)]
    for region in regions:
        part = intersect(area, region)
        if part is None:
            continue
        edged = intersect(part, edges)
        inside = intersect(part, solid) if solid is not None else None
        if inside is not None:
            for n, shift in enumerate(SHIFTS):
                smears[shift].put(picture.planes[n], _samples(inside, shift), view(out.planes[n], inside, shift))
            for shift, cover in enumerate(out.cover or ()):
                view(cover, inside, shift)[...] = 255
        (y, u, v), (whole, half) = picture.planes, picture.cover
        for rest in around(edged, inside) if edged is not None else ():
            for each in strips(rest, _PIXELS):
                luma, luma_share = smears[0].of((y, whole), _samples(each, 0))
                blue, red, share = smears[1].of((u, v, half), _samples(each, 1))
                over(out, each, [luma, blue, red], [_share(luma_share), _share(share)])
        for beyond in around(part, edged):
            for each in strips(beyond):
                shown = replace(each, x=each.x + margin, y=each.y + margin)
                shares = [view(cover, shown, s) * np.float32(1 / 255) for s, cover in enumerate(picture.cover)]
                colors = [
                    view(plane, shown, s).astype(np.float32) for plane, s in zip(picture.planes, SHIFTS, strict=True)
                ]
                over(out, each, colors, shares)


def _samples(area: IntRect, shift: int) -> IntRect:
    return IntRect(area.x >> shift, area.y >> shift, area.w >> shift, area.h >> shift)


def hidden(card: Card, blur: Blur, size: tuple[int, int], margin: int) -> IntRect | None:
    """The part of the frame (even edges) in which no tap sees anything but what is wholly covered.

    Args:
        card: In the grown frame.
        blur: Its motion.
        size: Of the frame.
        margin: Pixels by which it is grown.
    """
    covered = card.hidden
    if covered is None:
        return None
    reach, origin, pad, far = (0, 0), (0.0, 0.0), 2.0, 1.0
    if blur.spread:
        radial = radial_steps(blur, size)
        origin, pad, far = centre(blur), 2.0 * (len(radial) + 1), math.exp(-radial[0])
    else:
        reach = _reach(blur)
    ends = []
    for axis, (low, high) in enumerate(((covered.x, covered.right), (covered.y, covered.bottom))):
        o = origin[axis]
        first = max(o + (low - margin + pad - o) * scale for scale in (far, 1 / far)) + reach[axis]
        last = min(o + (high - margin - pad - o) * scale for scale in (far, 1 / far)) - reach[axis]
        ends.append((max(2 * math.ceil(first / 2), 0), min(2 * math.floor(last / 2), size[axis])))
    (x0, x1), (y0, y1) = ends
    return IntRect(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def _edges(card: Card, blur: Blur, size: tuple[int, int], margin: int) -> IntRect | None:
    """The part of the frame in which taps see more than a shadow, where a shadow is so soft that the blur is not seen.

    The mean over taps differs by half their variance times the second derivative; the taps are even on both sides.
    """
    if blur.spread:
        (x, y), (w, h) = centre(blur), size
        longest = abs(blur.spread) * math.hypot(max(abs(x), abs(w - x)), max(abs(y), abs(h - y)))
        variance = VARIANCE * longest**2
    else:
        variance = (blur.dx**2 + blur.dy**2) / 12
    if variance * card.bend / 2 > _SEEN:
        return None
    sharp = card.sharp
    at = Rect(sharp.x - margin, sharp.y - margin, sharp.w, sharp.h)
    return pixel_cover(picture_reach(at, blur, size).outset(2), size, 1, 2)


class _Smeared:
    """A picture's scaling or movement, for planes of one grid."""

    def __init__(
        self, blur: Blur, size: tuple[int, int], shift: int, margin: int, memory: list[NDArray[np.uint16]]
    ) -> None:
        self._margin = margin >> shift
        self._way = Radial(blur, size, shift, margin, memory) if blur.spread else Movement(blur, shift, margin)

    def put(self, plane: Plane, area: IntRect, target: Plane) -> None:
        """The samples ``area`` (in samples of the frame) of the blurred ``plane``, rounded, to ``target``."""
        x, y = area.x + self._margin, area.y + self._margin
        np.copyto(target, plane[y : y + area.h, x : x + area.w])
        for part in parts(plane, self._margin, area, self._way.seen):
            x, y = part.x - area.x, part.y - area.y
            np.copyto(target[y : y + part.h, x : x + part.w], self._way.codes(plane, part), casting="unsafe")

    def of(self, planes: Sequence[Plane], area: IntRect) -> list[Field]:
        """The same of several planes, not rounded."""
        return self._way.of(planes, area)


def _share(cover: Field) -> Field:
    """Coverage 0..255 as 0..1. What is as good as 1 is 1, whichever way it was found."""
    share = cover * np.float32(1 / 255)
    share[share > _WHOLE] = 1
    return share


class Movement:
    """The mean over the taps of a movement, for planes of one grid of a picture: whole samples along the longer axis.

    Args:
        blur: Its movement counts.
        shift: 0 luma, 1 chroma.
        margin: Pixels before the frame's first that the planes begin with.
    """

    def __init__(self, blur: Blur, shift: int, margin: int) -> None:
        self._margin = margin >> shift
        dx, dy = blur.dx / (1 << shift), blur.dy / (1 << shift)
        self._flat = abs(dx) >= abs(dy)
        length, beside = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
        step = math.ceil(length / FARTHEST) if length > 1 else 1
        last = math.ceil(length / (2 * step) - 0.5) if length > 1 else 0
        sign = -1 if (dx < 0) != (dy < 0) else 1
        # Along, and beside in halves; the taps on the other side are the same the other way.
        self._places = [
            (k * step, sign * math.floor(2 * k * step * beside / max(length, 1) + 0.5)) for k in range(last + 1)
        ]
        self._inner = step / length if last else 1.0
        self._outer = 0.5 - (last - 0.5) * step / length if last else 0.0
        far, halves = self._places[-1]
        across = (abs(halves) + 1) // 2
        self.reach = (far, across) if self._flat else (across, far)
        """Samples across and down that are looked at on either side."""

    def seen(
        self, axis: int, first: NDArray[np.intp], stop: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Samples that those from ``first`` to before ``stop`` look at."""
        reach = self.reach[1 - axis]
        return first - reach, stop + reach

    def codes(self, plane: Plane, area: IntRect) -> Field:
        """The samples ``area`` (in samples of the frame) of the blurred ``plane``, with what makes a cut a rounding."""
        codes = self._one(plane, area)
        codes += np.float32(0.5)
        return codes

    def of(self, planes: Sequence[Plane], area: IntRect) -> list[Field]:
        """The samples ``area`` (in samples of the frame) of each of the blurred ``planes``."""
        return [self._one(plane, area) for plane in planes]

    def _one(self, plane: Plane, area: IntRect) -> Field:
        (x0, y0), rows, columns = self.reach, area.h, area.w
        at = area.x + self._margin - x0, area.y + self._margin - y0
        window = _window(plane, *at, columns + 2 * x0, rows + 2 * y0, np.uint16)
        if len(self._places) == 1:
            return window[y0 : y0 + rows, x0 : x0 + columns].astype(np.float32)
        pairs = window[1:] + window[:-1] if self._flat else window[:, 1:] + window[:, :-1]

        def seen(along: int, halves: int) -> NDArray[Any]:
            """The sum of the two samples nearest to a place; where there is one that lies there, twice that."""
            low = halves >> 1
            x, y = (x0 + along, y0 + low) if self._flat else (x0 + low, y0 + along)
            return (pairs if halves & 1 else window)[y : y + rows, x : x + columns]

        *inner, outer = self._places
        places = [inner[0], *((s * along, s * halves) for along, halves in inner[1:] for s in (1, -1))]
        ends = [outer, (-outer[0], -outer[1])]
        total = np.zeros((rows, columns), np.float32)
        part = np.empty_like(total)
        added = np.empty((rows, columns), np.uint16)
        for these, weight in ((places, self._inner), (ends, self._outer)):
            for odd in (0, 1):
                views = [seen(along, halves) for along, halves in these if halves & 1 == odd]
                if not views:
                    continue
                if len(views) == 1:
                    np.copyto(part, views[0])
                else:  # at most 65 of 9 bits: they fit 16
                    np.add(views[0], views[1], out=added)
                    for one in views[2:]:
                        added += one
                    np.copyto(part, added)
                part *= np.float32(weight / 2 if odd else weight)
                total += part
        return total


def _window(
    plane: Plane | Field, x: int, y: int, wide: int, tall: int, kind: type[np.uint16 | np.float32]
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
    xs, ys = np.arange(area.x, area.right) + 0.5, np.arange(area.y, area.bottom) + 0.5
    total = np.zeros((len(art), area.h, area.w), np.float32)
    for place, weight in taps(blur):
        scale = 1 + place * blur.spread
        x = blur.origin[0] + (xs - place * blur.dx - blur.origin[0]) / scale - 0.5
        y = blur.origin[1] + (ys - place * blur.dy - blur.origin[1]) / scale - 0.5
        column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
        left, top = int(column[0]), int(row[0])
        wide, tall = int(column[-1]) - left + 2, int(row[-1]) - top + 2
        share = (y - row).astype(np.float32)[:, np.newaxis]
        across = (x - column).astype(np.float32)
        w = np.float32(weight)
        for channel, made in zip(art, total, strict=True):
            window = _window(channel, left - corner[0], top - corner[1], wide, tall, np.float32)
            lines = window[row - top] * ((1 - share) * w)
            lines += window[row - top + 1] * (share * w)
            made += np.take(lines, column - left, axis=1) * (1 - across)
            made += np.take(lines, column - left + 1, axis=1) * across
    return total
