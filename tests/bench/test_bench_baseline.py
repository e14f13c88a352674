"""The baseline path: its masks against the formula, and that nothing of ours is in it."""

from __future__ import annotations

import numpy as np
import pytest

from reelpress.bench import paths
from reelpress.bench.baseline import _covered, _distance
from reelpress.bench.worker import settings_of
from reelpress.scene.plan.outline import CornerKind, Shape
from reelpress.scene.plan.rect import IntRect, Rect


def distance(shape: Shape, x: float, y: float) -> float:
    """Signed distance of a point to a rounded rectangle (of power 4 for squircles), one point at a time."""
    rect, r = shape.rect, shape.radius
    qx = abs(x - (rect.x + rect.w / 2)) - (rect.w / 2 - r)
    qy = abs(y - (rect.y + rect.h / 2)) - (rect.h / 2 - r)
    power = 4 if shape.kind is CornerKind.SQUIRCLE else 2
    outside = (max(qx, 0) ** power + max(qy, 0) ** power) ** (1 / power)
    return outside + min(max(qx, qy), 0) - r


def covered(shape: Shape, x: int, y: int) -> float:
    """Mean of four points of a pixel, each with an edge two pixels wide (smoothstep)."""
    total = 0.0
    for dx in (0.25, 0.75):
        for dy in (0.25, 0.75):
            t = min(1.0, max(0.0, (distance(shape, x + dx, y + dy) + 1) / 2))
            total += 1 - t * t * (3 - 2 * t)
    return total / 4


SHAPES = [
    Shape(Rect(5.3, 4.0, 40.5, 30.2), 8.0, CornerKind.SQUIRCLE),
    Shape(Rect(5.3, 4.7, 40.5, 30.2), 8.0, CornerKind.ROUNDED),
    Shape(Rect(10.0, 10.0, 20.0, 20.0), 10.0, CornerKind.ROUNDED),  # a disc: nothing between the corners
    Shape(Rect(3.5, 2.5, 30.0, 12.0), 1.2, CornerKind.ROUNDED),  # too small a radius for the short way
    Shape(Rect(-12.0, -9.0, 40.0, 30.0), 6.0, CornerKind.SQUIRCLE),  # cut off by the picture
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("area", [IntRect(0, 0, 52, 40), IntRect(9, 7, 20, 18)])
def test_masks_are_those_of_the_formula(shape, area):
    mask, field = _covered(shape, area), _distance(shape, area)
    for y in range(area.h):
        for x in range(area.w):
            assert mask[y, x] == pytest.approx(covered(shape, area.x + x, area.y + y), abs=1e-4)
            assert field[y, x] == pytest.approx(distance(shape, area.x + x + 0.5, area.y + y + 0.5), abs=1e-3)


def test_masks_have_edges():
    mask = _covered(SHAPES[0], IntRect(0, 0, 52, 40))
    assert float(mask.min()) == 0.0
    assert float(mask.max()) == 1.0
    assert 0 < np.count_nonzero((mask > 0) & (mask < 1)) < mask.size / 4


def test_no_baseline_leaves_pictures_out_of_the_encoder():
    """The seed encodes every frame; with the shipped default it would hold equal pictures, as ours do."""
    for way in paths.WAYS:
        if way.rgba:
            assert settings_of(dict(way.settings)).unchanged == "encode"
