"""Drawing a card: its halo, its soft outline and its picture, over what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS, STRIP, around, covered, strips, view
from reelpress.compose.planar_card import Card, Piece, intersect, joined
from reelpress.compose.planar_soft import SoftOutline, soft_area, soft_key

if TYPE_CHECKING:
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.compose.planar_card import Weights
    from reelpress.compose.resample import Shown
    from reelpress.scene.plan.layers import FillLayer, PictureLayer
    from reelpress.scene.plan.rect import IntRect

_KEPT_WEIGHTS = 8 << 20
"""Bytes of weights kept for a resting card."""


class Outline:
    """A card and its weights, kept as far as they fit."""

    def __init__(self, layer: PictureLayer | FillLayer, size: tuple[int, int]) -> None:
        self.card = Card(layer, size)
        self.area = soft_area(self.card)
        self.hidden = self.card.hidden
        self._rimmed = any(piece.kind == "rim" for piece in self.card.pieces)
        self._kept: dict[Piece, Weights] = {}
        self._bytes = 0
        self._soft: SoftOutline | None = None
        self._key: tuple[object, ...] | None = None
        self._halo: tuple[Piece, ...] = tuple(piece for piece in self.card.pieces if piece.kind == "halo")
        self._halos = 0

    def weights(self, piece: Piece, area: IntRect) -> Weights:
        """Of ``area``, a part of ``piece``."""
        kept = self._kept.get(piece)
        if kept is not None:
            return kept.part(piece.area, area)
        most = 4 * STRIP if piece.kind == "rim" else STRIP // 2  # of a small card the halo too: it is not drawn once
        if self._bytes < _KEPT_WEIGHTS and piece.kind != "inside" and piece.area.area <= most:
            kept = self._kept[piece] = self.card.weights(piece, piece.area)
            self._bytes += kept.nbytes
            return kept.part(piece.area, area)
        return self.card.weights(piece, area)

    def halo(self) -> tuple[Piece, ...]:
        """The halo's pieces; of a card that is drawn a second time as few as there can be, for each costs its calls."""
        self._halos += 1
        if self._halos != 2 or len(self._halo) <= 4:
            return self._halo
        bounds = self.card.bounds
        bands = tuple(around(bounds, self.area)) if bounds is not None else ()
        pixels = sum(band.area for band in bands)
        if pixels > 4 * STRIP or pixels != sum(piece.area.area for piece in self._halo):
            return self._halo
        merged: list[Piece] = []
        for band in bands:
            found = [(part, piece) for piece in self._halo if (part := intersect(piece.area, band)) is not None]
            fields = joined(band, [(part, self.weights(piece, part)) for part, piece in found])
            merged.append(Piece("halo", band, True, True))
            self._kept[merged[-1]] = fields
            self._bytes += fields.nbytes
        for piece in self._halo:
            self._bytes -= self._kept.pop(piece).nbytes if piece in self._kept else 0
        self._halo = tuple(merged)
        return self._halo

    def soft(self, shown: Shown, out: Canvas, regions: tuple[IntRect, ...]) -> SoftOutline | None:
        """The outline's samples in one, for a card that is drawn a second time and as a whole."""
        if out.cover is not None or self.card.opacity < 1 or self.area is None or not self._rimmed:
            return None
        if intersect(self.area, shown.area) != shown.area:
            return None
        if not any(intersect(self.area, region) == self.area for region in regions):
            return None
        key = soft_key(shown, out)
        if self._key != key:  # the first time: it may be moving
            self._key, self._soft = key, None
            return None
        if self._soft is None:
            self._soft = SoftOutline(self.card, self.weights, shown, out)
        return self._soft


def draw_halo(outline: Outline, out: Canvas, regions: tuple[IntRect, ...]) -> None:
    """Shadow and ring outside of the outline, over what is there."""
    for piece in outline.halo():
        for region in regions:
            area = intersect(piece.area, region)
            for part in strips(area) if area is not None else ():
                weights = outline.weights(piece, part)
                for plane, shift in enumerate(SHIFTS):
                    target = view(out.planes[plane], part, shift)
                    codes = target * weights.below[shift]
                    codes += weights.constant[plane]
                    np.copyto(target, codes, casting="unsafe")
                covered(out, part, weights.below)


def _put(shown: Shown, out: Canvas, area: IntRect) -> None:
    """The picture alone, where it hides everything."""
    for plane, shift in enumerate(SHIFTS):
        shown.put(plane, area, view(out.planes[plane], area, shift))
    for shift, cover in enumerate(out.cover or ()):
        view(cover, area, shift)[...] = 255


def draw_card(outline: Outline, shown: Shown | None, out: Canvas, regions: tuple[IntRect, ...], *, halo: bool) -> None:
    """A picture layer over what is there; without its halo where that (and nothing else) is drawn already."""
    if halo:
        draw_halo(outline, out, regions)
    if shown is None:
        return
    hidden = outline.hidden
    if hidden is not None:  # the rule, where a pointer moves over a card
        inside = [region for region in regions if intersect(region, hidden) == region]
        for region in inside:
            _put(shown, out, region)
        if len(inside) == len(regions):
            return
        regions = tuple(region for region in regions if region not in inside)
    soft = outline.soft(shown, out, regions)
    if soft is not None:
        soft.draw(shown, out, same_below=not halo)
        return
    for piece in outline.card.pieces:
        if piece.kind == "halo":
            continue
        for region in regions:
            area = intersect(piece.area, region)
            if area is None:
                continue
            if piece.kind == "inside" and outline.card.opacity >= 1:
                _put(shown, out, area)
                continue
            for part in strips(area):
                weights = outline.weights(piece, part)
                for plane, shift in enumerate(SHIFTS):
                    target = view(out.planes[plane], part, shift)
                    codes = target * weights.below[shift]
                    codes += shown.part(plane, part) * weights.picture[shift]
                    codes += weights.constant[plane]
                    np.copyto(target, codes, casting="unsafe")
                covered(out, part, weights.below)
