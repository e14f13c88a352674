"""What is new in a frame: the same answer for the compositors on the CPU and on the GPU."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from reelpress.compose.gpu.compositor import GpuCompositor
from reelpress.compose.newest import Newest
from reelpress.compose.planar import PlanarCompositor
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.effects import Blur
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import IntRect, Rect

KEY = "display:0"
SIZE = (96, 256)
GROUND = BackgroundLayer(SolidFill((0.2, 0.4, 0.6)))
PLACE = Rect(16, 16, 64, 224)
CARD = PictureLayer(KEY, 0, Rect(0, 0, 64, 224), PLACE, Shape(PLACE))
"""One to one: row r of the source is row r + 16 of the frame."""
ROWS = (100, 104)
CHANGED = IntRect(14, 108, 68, 20)
"""What those rows can reach: frame rows 116 to 120; the kernel takes in 2 chroma rows (4 luma rows) on either side, and
three more are allowed for rounding, to even edges: 108 to 128. Across, chroma looks one pixel beyond the card."""
STILL = Blur(origin=(48.0, 128.0))
"""Neither movement nor scaling."""


def noise() -> Planes:
    rng = np.random.default_rng(3)
    planes = allocate(64, 224)
    for plane in planes.planes:
        plane[:] = rng.integers(16, 236, plane.shape, dtype=np.uint8)
    return planes


def after(source: Planes) -> Planes:
    """A copy in which ``ROWS`` differ."""
    planes = tuple(plane.copy() for plane in source.planes)
    planes[0][ROWS[0] : ROWS[1]] ^= 0x15
    return Planes(source.format, source.width, source.height, planes, source.color)


def frame(card: PictureLayer, number: int) -> FramePlan:
    return FramePlan(SIZE, (GROUND, dataclasses.replace(card, frame=number)))


def test_a_blur_without_a_movement_leaves_a_change_of_some_rows_one_of_some_rows() -> None:
    source = noise()
    for blur in (None, STILL):
        card, newest = dataclasses.replace(CARD, blur=blur), Newest(("yuv420p",))
        first = newest.look(frame(card, 0), {KEY: source}, None)
        news = newest.look(frame(card, 1), {KEY: after(source)}, first.plan)
        assert news.changes[KEY].rows == (ROWS,), blur
        assert news.damage == (CHANGED,), blur


@pytest.mark.parametrize(
    "blur", [Blur(dx=0.5), Blur(dy=-9.0), Blur(spread=0.05, origin=(48.0, 128.0))], ids=["within", "down", "scaled"]
)
def test_a_blur_that_moves_is_of_the_whole_picture(blur: Blur) -> None:
    """Less than a sample is a movement too: the layer is finished by itself, and rounded once more."""
    source, card = noise(), dataclasses.replace(CARD, blur=blur)
    newest = Newest(("yuv420p",))
    first = newest.look(frame(card, 0), {KEY: source}, None)
    news = newest.look(frame(card, 1), {KEY: after(source)}, first.plan)
    assert not news.changes
    (rect,) = news.damage
    assert rect.y <= PLACE.y
    assert rect.bottom >= PLACE.bottom


def test_a_movement_that_ends_damages_all_that_it_was_seen_in() -> None:
    source, newest = noise(), Newest(("yuv420p",))
    moving, still = (dataclasses.replace(CARD, blur=blur) for blur in (Blur(dy=12.0), STILL))
    first = newest.look(frame(moving, 0), {KEY: source}, None)
    news = newest.look(frame(still, 1), {KEY: after(source)}, first.plan)
    assert not news.changes
    (rect,) = news.damage
    assert rect.y <= PLACE.y - 6
    assert rect.bottom >= PLACE.bottom + 6


def test_without_a_look_only_the_very_same_picture_equals_the_last() -> None:
    source = noise()
    newest = Newest(("yuv420p",))
    first = newest.look(frame(CARD, 0), {KEY: source}, None)
    same = newest.look(frame(CARD, 1), {KEY: source}, first.plan, compare=False)
    assert (same.plan, same.damage) == (first.plan, ())
    equal = dataclasses.replace(source, planes=tuple(plane.copy() for plane in source.planes))
    unknown = newest.look(frame(CARD, 2), {KEY: equal}, same.plan, compare=False)
    assert unknown.plan.pictures()[0].frame == 2
    assert unknown.sources[KEY] is equal
    assert sum(rect.area for rect in unknown.damage) >= PLACE.w * PLACE.h


@pytest.mark.parametrize("kind", ["planar", pytest.param("gpu", marks=pytest.mark.gpu)])
def test_both_compositors_draw_just_those_rows(kind: str) -> None:
    source, card = noise(), dataclasses.replace(CARD, blur=STILL)
    make = PlanarCompositor if kind == "planar" else GpuCompositor
    compositor, alone = make(), make()
    try:
        first = compositor.compose(frame(card, 0), {KEY: source}, None)
        second = compositor.compose(frame(card, 1), {KEY: after(source)}, first)
        assert second.damage == (CHANGED,)
        assert (compositor.composed, compositor.patched) == (1, 1)
        # Drawn anew, without what is no blur.
        plain = alone.compose(frame(CARD, 1), {KEY: after(source)}, None).planes
        for got, wanted in zip(second.planes.planes, plain.planes, strict=True):
            np.testing.assert_array_equal(got, wanted)
    finally:
        compositor.close()
        alone.close()
