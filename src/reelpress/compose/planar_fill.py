"""Shapes filled with one colour: a card whose picture is that colour everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import rgb_to_codes
from reelpress.compose.planar_canvas import SHIFTS, covered, strips, view
from reelpress.compose.planar_card import intersect

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.compose.planar_canvas import Canvas
    from reelpress.compose.planar_card import Card, Piece, Weights
    from reelpress.scene.plan.fills import RGB
    from reelpress.scene.plan.rect import IntRect


def draw(
    card: Card,
    weights_of: Callable[[Piece, IntRect], Weights],
    color: RGB,
    out: Canvas,
    regions: tuple[IntRect, ...],
) -> None:
    """The inside of a card, without its halo, over what is there.

    Args:
        card: Its pieces.
        weights_of: Weights of a part of a piece, kept or made.
        color: Of the inside.
        out: What to draw on.
        regions: Where (even edges, no two overlap).
    """
    codes = [np.float32(code) for code in rgb_to_codes(color)]
    for piece in card.pieces:
        if piece.kind == "halo":
            continue
        for region in regions:
            area = intersect(piece.area, region)
            if area is None:
                continue
            if piece.kind == "inside" and card.opacity >= 1:
                for plane, shift in enumerate(SHIFTS):
                    view(out.planes[plane], area, shift)[...] = int(np.clip(codes[plane] + np.float32(0.5), 0, 255))
                for shift, cover in enumerate(out.cover or ()):
                    view(cover, area, shift)[...] = 255
                continue
            for each in strips(area):
                weights = weights_of(piece, each)
                for plane, shift in enumerate(SHIFTS):
                    target = view(out.planes[plane], each, shift)
                    made = target * weights.below[shift]
                    made += weights.picture[shift] * codes[plane] + weights.constant[plane]
                    np.copyto(target, made, casting="unsafe")
                covered(out, each, weights.below)
