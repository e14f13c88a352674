"""The ring of a card: the grown shape's coverage without working out its distances anew, and only where it can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reelpress.compose.coverage import centres, coverage, with_grown
from reelpress.compose.planar_card import Card
from reelpress.scene.plan.layers import FillLayer as Fill
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

SHAPES = {
    "rounded": Shape(Rect(10.3, 8.7, 60.2, 50.1), 12.0, CornerKind.ROUNDED),
    "squircle": Shape(Rect(10.3, 8.7, 60.2, 50.1), 12.0, CornerKind.SQUIRCLE),
    "rounded above": Shape(Rect(10.3, 8.7, 60.2, 50.1), 12.0, CornerKind.ROUNDED, True, False),
    "box": Shape(Rect(10.3, 8.7, 60.2, 50.1)),
}


@pytest.mark.parametrize(
    ("name", "axes"),
    [(name, axes) for name in SHAPES for axes in ("both", "columns", "rows") if name != "box" or axes == "both"],
)
@pytest.mark.parametrize("count", [100, 300])
def test_both_coverages_at_once(name: str, axes: str, count: int) -> None:
    shape, by = SHAPES[name], 3.4
    xs = centres(0, count) if axes != "rows" else None
    ys = centres(0, count - 10) if axes != "columns" else None
    card, grown = with_grown(shape, by, xs, ys)
    assert np.allclose(card, coverage(shape, xs, ys), atol=1e-6)
    larger = replace(shape, rect=shape.rect.outset(by), radius=shape.radius + by)
    assert np.allclose(grown, coverage(larger, xs, ys), atol=2e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_a_halo_has_all_of_the_ring(name: str) -> None:
    shape, size = SHAPES[name], (96, 80)
    border = Border(6.5, (1.0, 0.9, 0.2), 0.8)
    card = Card(Fill(shape, (0.0, 0.0, 0.0), 1.0, Shadow(9.0, 6.0, 0.5), border), size)
    xs, ys = centres(0, size[0]), centres(0, size[1])
    larger = replace(shape, rect=shape.rect.outset(6.5), radius=shape.radius + 6.5)
    ring = coverage(larger, xs, ys) - coverage(shape, xs, ys)
    halos = [piece for piece in card.pieces if piece.kind == "halo"]
    assert len(halos) >= 8
    found = 0
    for piece in halos:
        area = piece.area
        weights = card.weights(piece, area)
        shape_of = (area.h, area.w)
        below = np.broadcast_to(weights.below[0], shape_of)
        part = np.clip(ring[area.y : area.bottom, area.x : area.right], 0, 1) * border.opacity
        # what is below is dimmed by the shadow and hidden by the ring
        assert (below <= 1 - part + 1e-5).all()
        hidden = part > 0.7
        assert (below[hidden] < 0.3).all()
        found += int(hidden.sum())
    assert found > 100
