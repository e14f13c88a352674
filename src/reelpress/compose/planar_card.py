"""A picture layer as pieces of the frame, each with weights: ``out = picture * wp + below * wb + constant``.

The constant holds what has no source: the border's colour and the black of the shadow. Seen along one axis a card is
a sequence of intervals (halo, edge, corner, middle, corner, edge, halo); a piece is one crossing of these, or several:

- ``halo``: outside of the shape, only shadow and ring (wp = 0);
- ``rim``: where the outline runs (0 <= wp <= opacity);
- ``inside``: wholly covered, weights are two numbers.

A halo or rim piece beside a straight edge depends on one axis only, a corner piece on both. Pieces are cut by the
geometry alone and every value is elementwise, so drawing any part gives exactly the pixels of the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from reelpress.color import rgb_to_codes
from reelpress.compose.coverage import Field, centres, coverage, shadow_alpha, to_chroma, with_grown
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from reelpress.compose.coverage import Axis
    from reelpress.scene.plan.layers import FillLayer, PictureLayer
    from reelpress.scene.plan.outline import Shape

Kind = Literal["halo", "rim", "inside"]

BLACK = (16.0, 128.0, 128.0)

_SOFT = 2.0
"""Pixels on either side of an outline within which coverage is between 0 and 1 (1 + 0.25 + half a pixel)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the frame (even edges) and how the layer looks there."""

    kind: Kind
    area: IntRect
    by_x: bool
    """Whether the fields change along x."""
    by_y: bool


@dataclass(frozen=True, slots=True)
class Weights:
    """Fields of one piece, or part of one: each (rows or 1, columns or 1); index 0 luma, 1 chroma."""

    picture: tuple[Field, Field]
    below: tuple[Field, Field]
    constant: tuple[Field, Field, Field]
    """Per plane, with the 0.5 that makes the final truncation a rounding."""

    @property
    def nbytes(self) -> int:
        return sum(f.nbytes for f in (*self.picture, *self.below, *self.constant))

    def part(self, piece: IntRect, area: IntRect) -> Weights:
        """The fields of ``area`` inside ``piece``; both have even edges."""
        if piece == area:
            return self

        def cut(field: Field, shift: int) -> Field:
            x, y, w, h = ((area.x - piece.x) >> shift, (area.y - piece.y) >> shift, area.w >> shift, area.h >> shift)
            if field.shape[0] > 1:
                field = field[y : y + h]
            return field[:, x : x + w] if field.shape[1] > 1 else field

        return Weights(
            (cut(self.picture[0], 0), cut(self.picture[1], 1)),
            (cut(self.below[0], 0), cut(self.below[1], 1)),
            (cut(self.constant[0], 0), cut(self.constant[1], 1), cut(self.constant[2], 1)),
        )


def joined(area: IntRect, parts: list[tuple[IntRect, Weights]]) -> Weights:
    """The fields of ``area`` from those of the halo's parts that it consists of."""

    def whole(fields: list[Field], shift: int) -> Field:
        made = np.zeros((area.h >> shift, area.w >> shift), np.float32)
        for (at, _), field in zip(parts, fields, strict=True):
            y, x = (at.y - area.y) >> shift, (at.x - area.x) >> shift
            made[y : y + (at.h >> shift), x : x + (at.w >> shift)] = field
        return made

    nothing = np.zeros((1, 1), np.float32)
    luma, chroma = (whole([weights.below[shift] for _, weights in parts], shift) for shift in (0, 1))
    y, u, v = (whole([weights.constant[n] for _, weights in parts], shift) for n, shift in enumerate((0, 1, 1)))
    return Weights((nothing, nothing), (luma, chroma), (y, u, v))


def _even_down(value: float) -> int:
    return 2 * math.floor(value / 2)


def _even_up(value: float) -> int:
    return 2 * math.ceil(value / 2)


def intersect(a: IntRect, b: IntRect) -> IntRect | None:
    """The common part of two rectangles, None when there is none."""
    # Without min(), max() and properties: this is asked some fifty times a frame.
    x = a.x if a.x > b.x else b.x
    y = a.y if a.y > b.y else b.y
    right, other = a.x + a.w, b.x + b.w
    w = (right if right < other else other) - x
    if w <= 0:
        return None
    bottom, other = a.y + a.h, b.y + b.h
    h = (bottom if bottom < other else other) - y
    return IntRect(x, y, w, h) if h > 0 else None


class Card:
    """The pieces of one picture layer; independent of what it shows, so it is kept while the card rests.

    Args:
        layer: Its geometry, shadow, border and opacity are used.
        size: Of the frame.
    """

    def __init__(self, layer: PictureLayer | FillLayer, size: tuple[int, int]) -> None:
        self._shape = layer.shape
        self._shadow = layer.shadow if layer.shadow and layer.shadow.opacity > 0 and layer.shadow.reach > 0 else None
        self._border = layer.border if layer.border and layer.border.opacity > 0 and layer.border.width > 0 else None
        self.opacity = layer.opacity
        self._size = size
        frame = IntRect(0, 0, *size)
        pieces = (Piece(k, part, bx, by) for k, a, bx, by in self._cut() if (part := intersect(a, frame)))
        self.pieces: tuple[Piece, ...] = tuple(pieces)

    @property
    def hidden(self) -> IntRect | None:
        """A part of the frame that nothing below shines through, as large as one rectangle can be."""
        solid = [piece.area for piece in self.pieces if piece.kind == "inside"] if self.opacity >= 1 else []
        return max(solid, key=lambda area: area.area, default=None)

    @property
    def bounds(self) -> IntRect | None:
        """The smallest rectangle around all pieces."""
        if not self.pieces:
            return None
        areas = [piece.area for piece in self.pieces]
        x, y = min(a.x for a in areas), min(a.y for a in areas)
        return IntRect(x, y, max(a.right for a in areas) - x, max(a.bottom for a in areas) - y)

    @property
    def sharp(self) -> Rect:
        """What has edges: picture and ring. Beyond it there is only the shadow."""
        return self._shape.rect.outset(_SOFT + (self._border.width if self._border is not None else 0.0))

    @property
    def bend(self) -> float:
        """The greatest second derivative of the shadow's alpha (6 / width^2 of the step's), per pixel and pixel."""
        if self._shadow is None:
            return 0.0
        width = self._shadow.size + 2 * self._shadow.blur
        return 6 * self._shadow.opacity * self.opacity / width**2 if width > 0 else math.inf

    @property
    def _reach(self) -> float:
        """Pixels beyond the shape in which anything is drawn."""
        reach = _SOFT
        if self._shadow is not None:
            reach = max(reach, self._shadow.reach + 1)
        if self._border is not None:
            reach = max(reach, self._border.width + _SOFT)
        return reach

    def _intervals(self, low: float, high: float) -> tuple[int, ...] | None:
        """Eight even cuts along one axis, or None when the shape is too small to have a middle."""
        reach, corner = self._reach, max(self._shape.radius + 2, _SOFT)
        edge = _SOFT
        if self.opacity < 1 and self._shadow is not None:  # what the shadow does inside of the outline shows too
            edge = corner = max(corner, self._shadow.reach + 1)
        cuts = (
            _even_down(low - reach),
            _even_down(low - _SOFT),
            _even_up(low + edge),
            _even_up(low + corner),
            _even_down(high - corner),
            _even_down(high - edge),
            _even_up(high + _SOFT),
            _even_up(high + reach),
        )
        return cuts if cuts[3] <= cuts[4] else None

    def _cut(self) -> list[tuple[Kind, IntRect, bool, bool]]:
        rect = self._shape.rect
        if rect.w <= 0 or rect.h <= 0 or self.opacity <= 0:
            return []
        xs, ys = self._intervals(rect.x, rect.right), self._intervals(rect.y, rect.bottom)
        if xs is None or ys is None:
            return self._cut_whole()
        h0, e0, c0, m0, m1, c1, e1, h1 = range(8)  # indices of the cuts: where each interval begins
        table: list[tuple[Kind, int, int, int, int, bool, bool]] = [
            # rows of the middle, columns from left to right
            ("halo", h0, e0, m0, m1, True, False),
            ("rim", e0, c0, m0, m1, True, False),
            ("inside", c0, c1, m0, m1, False, False),
            ("rim", c1, e1, m0, m1, True, False),
            ("halo", e1, h1, m0, m1, True, False),
            # columns of the middle, rows from top to bottom
            ("halo", m0, m1, h0, e0, False, True),
            ("rim", m0, m1, e0, c0, False, True),
            ("inside", m0, m1, c0, m0, False, False),
            ("inside", m0, m1, m1, c1, False, False),
            ("rim", m0, m1, c1, e1, False, True),
            ("halo", m0, m1, e1, h1, False, True),
        ]
        # corners: the outline's own square, and an L of halo around it
        for left, right, beside in ((e0, m0, (h0, e0)), (m1, e1, (e1, h1))):
            for top, bottom, above in ((e0, m0, (h0, e0)), (m1, e1, (e1, h1))):
                table.append(("rim", left, right, top, bottom, True, True))
                table.append(("halo", *beside, top, bottom, True, True))
                across = (min(left, beside[0]), max(right, beside[1]))
                table.append(("halo", *across, *above, True, True))
        return [
            (kind, IntRect(xs[x0], ys[y0], xs[x1] - xs[x0], ys[y1] - ys[y0]), by_x, by_y)
            for kind, x0, x1, y0, y1, by_x, by_y in table
            if xs[x1] > xs[x0] and ys[y1] > ys[y0]
        ]

    def _cut_whole(self) -> list[tuple[Kind, IntRect, bool, bool]]:
        """One rim piece for all of the shape, and halo around it."""
        rect, reach = self._shape.rect, self._reach
        xs = (rect.x - reach, rect.x - _SOFT, rect.right + _SOFT, rect.right + reach)
        ys = (rect.y - reach, rect.y - _SOFT, rect.bottom + _SOFT, rect.bottom + reach)
        x0, x1, x2, x3 = _even_down(xs[0]), _even_down(xs[1]), _even_up(xs[2]), _even_up(xs[3])
        y0, y1, y2, y3 = _even_down(ys[0]), _even_down(ys[1]), _even_up(ys[2]), _even_up(ys[3])
        parts: list[tuple[Kind, int, int, int, int]] = [
            ("rim", x1, y1, x2, y2),
            ("halo", x0, y0, x3, y1),
            ("halo", x0, y1, x1, y2),
            ("halo", x2, y1, x3, y2),
            ("halo", x0, y2, x3, y3),
        ]
        return [
            (kind, IntRect(left, top, right - left, bottom - top), True, True)
            for kind, left, top, right, bottom in parts
            if right > left and bottom > top
        ]

    def weights(self, piece: Piece, area: IntRect) -> Weights:
        """The fields of ``area``, a part of ``piece`` with even edges."""
        if piece.kind == "inside":
            parts = (np.full((1, 1), v, np.float32) for v in (self.opacity, 1 - self.opacity, 0.5))
            shown, rest, half = parts
            return Weights((shown, shown), (rest, rest), (half, half, half))
        # One more column to the left for chroma; the frame's first column is repeated.
        xs = centres(area.x - 1, area.right) if piece.by_x else None
        ys = centres(area.y, area.bottom) if piece.by_y else None
        o = np.float32(self.opacity)
        nothing = np.zeros((1, 1), np.float32)
        card = ring = nothing
        if self._border is None:
            if piece.kind != "halo":
                card = coverage(self._shape, xs, ys) * o
        elif piece.kind == "halo":
            ring = self._ring_beside(xs, ys)
        else:
            card, ring = with_grown(self._shape, self._border.width, xs, ys)
            ring -= card
            np.maximum(ring, 0, out=ring)
            card *= o
        if self._border is not None and ring is not nothing:
            ring *= np.float32(self._border.opacity) * o
        shadow = nothing if self._shadow is None else shadow_alpha(self._shadow, self._shape, xs, ys)
        if shadow is not nothing and self.opacity < 1:
            shadow *= o
        luma = [f[:, 1:] if f.shape[1] > 1 else f for f in (card, ring, shadow)]
        chroma = [to_chroma(f) if f.size > 1 else f for f in (card, ring, shadow)]
        color = rgb_to_codes(self._border.color) if self._border is not None else BLACK
        below: list[Field] = []
        dark: list[Field] = []
        for c, r, s in (luma, chroma):
            around = 1 - c - r
            dark.append(around * s)
            below.append(around - dark[-1])
        constant = []
        for level, black, code in zip((0, 1, 1), BLACK, color, strict=True):
            codes = dark[level] * np.float32(black)
            if ring is not nothing:
                part = (luma, chroma)[level][1] * np.float32(code)
                codes = part + codes if codes.size < part.size else np.add(codes, part, out=codes)
            codes += np.float32(0.5)
            constant.append(codes)
        y, u, v = constant
        return Weights((luma[0], chroma[0]), (below[0], below[1]), (y, u, v))

    def _ring_beside(self, xs: Axis | None, ys: Axis | None) -> Field:
        """Coverage of the grown shape outside of the shape; most of a halo lies beyond it."""
        assert self._border is not None
        rect, width = self._shape.rect, self._border.width
        grown = replace(self._shape, rect=rect.outset(width), radius=self._shape.radius + width)
        if xs is None or ys is None:
            return coverage(grown, xs, ys)
        near = grown.rect.outset(_SOFT)
        left, right = np.searchsorted(xs, (near.x, near.right)).tolist()
        top, bottom = np.searchsorted(ys, (near.y, near.bottom)).tolist()
        ring = np.zeros((len(ys), len(xs)), np.float32)
        if right > left and bottom > top:
            ring[top:bottom, left:right] = coverage(grown, xs[left:right], ys[top:bottom])
        return ring


def shape_inside(shape: Shape, rect: Rect) -> bool:
    """Whether ``rect`` lies where the coverage of ``shape`` is certainly 1."""
    margin = shape.radius + 2 if shape.radius > 0 else 0.0
    outer = shape.rect
    in_x = outer.x + 2 <= rect.x and rect.right <= outer.right - 2
    in_y = outer.y + 2 <= rect.y and rect.bottom <= outer.bottom - 2
    clear_x = outer.x + margin <= rect.x and rect.right <= outer.right - margin
    clear_y = outer.y + margin <= rect.y and rect.bottom <= outer.bottom - margin
    return (in_x and clear_y) or (in_y and clear_x)
