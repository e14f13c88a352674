"""Drawing a card: its halo, its soft outline and its picture, over what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS, STRIP, covered, strips, view
from reelpress.compose.planar_card import Card, intersect
from reelpress.compose.planar_soft import SoftOutline, soft_area, soft_key

if TYPE_CHECKING:
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.compose.planar_card import Piece, Weights
    from reelpress.compose.resample import Shown
    from reelpress.scene.plan import FillLayer, IntRect, PictureLayer

_KEPT_WEIGHTS = 8 << 20
"""Bytes of weights kept for a resting card."""


class Outline:
    """A card and its weights, kept as far as they fit."""

    def __init__(self, layer: PictureLayer | FillLayer, size: tuple[int, int]) -> None:
        self.card = Card(layer, size)
        self.area = soft_area(self.card)
        self._kept: dict[Piece, Weights] = {}
        self._bytes = 0
        self._soft: SoftOutline | None = None
        self._key: tuple[object, ...] | None = None

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

    def soft(self, shown: Shown, out: Canvas, regions: tuple[IntRect, ...]) -> SoftOutline | None:
        """The outline's samples in one, for a card that is drawn a second time and as a whole."""
        if out.cover is not None or self.card.opacity < 1 or self.area is None:
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
    for piece in outline.card.pieces:
        if piece.kind != "halo":
            continue
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


def draw_card(outline: Outline, shown: Shown | None, out: Canvas, regions: tuple[IntRect, ...], *, halo: bool) -> None:
    """A picture layer over what is there; without its halo where that is drawn already."""
    if halo:
        draw_halo(outline, out, regions)
    if shown is None:
        return
    for piece in outline.card.pieces:
        if piece.kind == "halo":
            continue
        for region in regions:
            area = intersect(piece.area, region)
            if area is None:
                continue
            if piece.kind == "inside" and outline.card.opacity >= 1:
                for plane, shift in enumerate(SHIFTS):
                    shown.put(plane, area, view(out.planes[plane], area, shift))
                for shift, cover in enumerate(out.cover or ()):
                    view(cover, area, shift)[...] = 255
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
