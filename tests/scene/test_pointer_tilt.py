"""Tilts too small to be seen are none, and no larger one is changed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reelpress.recording.model import PointerImage
from reelpress.scene.geometry import clamp_crop
from reelpress.scene.plan.layers import SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.pointer_look import TILT_MIN, pointer_sprite
from reelpress.scene.pointer_path import PointerState

HD = (1920, 1080)
FRAME = Rect(0, 0, *HD)
IMAGE = PointerImage(Path("/a.png"), 32, 48, (0.25, 0.125), "MacOS|Arrow")
FAR = math.hypot(30, 52.5)
"""Pixels from the hotspot of a sprite of 40x60 to its farthest corner."""


def sprite(angle: float, size: float = 1.0) -> SpriteLayer:
    state = PointerState(0.5, 0.5, "0", 1.0, 1.0, angle)
    crop = clamp_crop(HD, None, None)
    found = pointer_sprite(state, IMAGE, HD, crop, FRAME, Shape(FRAME), size=size, clip=False)
    assert found is not None
    return found


@pytest.mark.parametrize("sign", [1, -1])
def test_a_tilt_that_moves_nothing_by_an_eighth_of_a_pixel_is_none(sign: int) -> None:
    limit = TILT_MIN / FAR
    assert sprite(sign * limit * 0.99) == sprite(0.0)
    assert (sprite(sign * limit * 0.99).angle, sprite(0.0).pivot) == (0.0, (0.0, 0.0))
    seen = sprite(sign * limit * 1.01)
    assert (seen.angle, seen.pivot) == (sign * limit * 1.01, (960.0, 540.0))


def test_how_far_it_reaches_counts_in_output_pixels() -> None:
    angle = TILT_MIN / FAR * 0.6
    assert sprite(angle).angle == 0.0
    assert sprite(angle, size=2.0).angle == angle
    assert TILT_MIN <= 1 / 8
