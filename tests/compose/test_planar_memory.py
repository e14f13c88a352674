"""What the planar compositor lets go of while a card rests: pictures are counted, no process is measured."""

from __future__ import annotations

import random
import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest

from reelpress.compose.pictures import PictureScaler
from reelpress.compose.planar import RESTS, PlanarCompositor
from reelpress.compose.planar_change import Change
from reelpress.errors import OutOfMemoryError
from reelpress.media.scale import allocate
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.fills import Fill, GradientFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer, FillLayer, GroupLayer, PictureLayer
from reelpress.scene.plan.outline import Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from reelpress.compose.base import Composed
    from reelpress.media.planes import Planes
    from reelpress.scene.plan.layers import Layer

SIZE = (160, 96)
CROP = Rect(0.0, 0.0, 200.0, 120.0)
PLAIN = GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0)
GRAINY = GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0, 0.5)


def picture(seed: int) -> Planes:
    planes = allocate(200, 120)
    for plane in planes.planes:
        plane[:] = np.random.default_rng(seed).integers(16, 236, plane.shape, dtype=np.uint8)
    return planes


def plan(number: int, fill: Fill = PLAIN, left: float = 30.0) -> FramePlan:
    rect = Rect(left, 18.0, 100.0, 60.0)
    layer = PictureLayer("display:0", number, CROP, rect, Shape(rect, 4.0), shadow=Shadow(8.0, 0.5, 4.0))
    return FramePlan(SIZE, (BackgroundLayer(fill), layer))


def drawn(compositor: PlanarCompositor, plans: list[FramePlan]) -> Composed:
    made: Composed | None = None
    for number, each in enumerate(plans):
        made = compositor.compose(each, {"display:0": picture(number)}, made)
    assert made is not None
    return made


@pytest.mark.parametrize("fill", [PLAIN, SolidFill((0.2, 0.4, 0.1))])
def test_a_card_at_rest_keeps_one_picture_of_the_background(fill):
    compositor = PlanarCompositor()
    drawn(compositor, [plan(n, fill) for n in range(RESTS - 1)])
    assert len(compositor._grounds) == 1
    made = compositor.compose(plan(50, fill), {"display:0": picture(50)}, None)
    assert len(compositor._grounds) == 0
    assert compositor._under is not None
    # and when it moves again, what comes is what a compositor draws that never gave anything back
    moved = compositor.compose(plan(51, fill, 37.0), {"display:0": picture(51)}, made)
    fresh = PlanarCompositor().compose(plan(51, fill, 37.0), {"display:0": picture(51)}, None)
    assert all(np.array_equal(a, b) for a, b in zip(moved.planes.planes, fresh.planes.planes, strict=True))


def test_a_card_without_a_halo_gives_nothing_back():
    """Its background is the bare one, which no memory would be won by forgetting."""
    compositor = PlanarCompositor()
    rect = Rect(30.0, 18.0, 100.0, 60.0)
    flat = [
        FramePlan(SIZE, (BackgroundLayer(PLAIN), PictureLayer("display:0", n, CROP, rect, Shape(rect))))
        for n in range(2 * RESTS)
    ]
    drawn(compositor, flat)
    assert compositor._under is not None
    assert compositor._grounds.get(BackgroundLayer(PLAIN), SIZE) is compositor._under.planes


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_after_a_rest_is_what_is_drawn_alone(seed: int):
    """Rests longer and shorter than ``RESTS``, movements, pictures that change in some rows or not at all, pointers,
    cross-fades, other backgrounds, sizes, and frames without the card, in any order."""
    rng = random.Random(seed)
    whole = Rect(0.0, 0.0, *(float(side) for side in SIZE))
    fills: list[Fill] = [PLAIN, SolidFill((0.2, 0.4, 0.1)), GRAINY]
    compositor, last = PlanarCompositor(), None
    fill, left, size, number, planes, shadow, rests = PLAIN, 30.0, SIZE, 0, picture(0), True, set()
    for step in range(45):
        what = (
            "rows"
            if step < RESTS
            else rng.choice(
                ["rest"] * 8 + ["rows"] * 4 + ["move", "fill", "size", "shadow", "fade", "gone", "over", "hole"]
            )
        )
        if what == "rows":
            number, old, planes = number + 1, planes, allocate(200, 120)
            for new, before in zip(planes.planes, old.planes, strict=True):
                new[:] = before
            top = 2 * rng.randrange(50)
            planes.planes[0][top : top + 8] = rng.randrange(16, 236)
        elif what == "move":
            left = rng.choice([30.0, 38.0, 30.7, -12.0])
        elif what == "fill":
            fill = rng.choice(fills)
        elif what == "size":
            size = rng.choice([SIZE, (144, 96)])
        elif what == "shadow":
            shadow = not shadow
        rect = Rect(left, 18.0, 100.0, 60.0)
        card = PictureLayer(
            "display:0", number, CROP, rect, Shape(rect, 4.0), shadow=Shadow(8.0, 0.5, 4.0) if shadow else None
        )
        layers: tuple[Layer, ...] = (BackgroundLayer(fill), card)
        if what == "fade":
            other = (BackgroundLayer(rng.choice(fills)), card)
            layers = (*layers, GroupLayer(other, rng.choice([0.25, 0.6])))
        elif what == "gone":
            layers = layers[:1]
        elif what == "over":
            spot = Rect(rng.uniform(0, 120), rng.uniform(0, 80), 20.0, 10.0)
            layers = (*layers, FillLayer(Shape(spot, 3.0), (0.9, 0.1, 0.1), 0.7))
        elif what == "hole":
            layers = (*layers, EffectLayer(Effect.HIGHLIGHT, whole, rng.choice([0.3, 0.7])))
        each = FramePlan(size, layers)
        alone = PlanarCompositor()
        wanted = alone.compose(each, {"display:0": planes}, None)
        alone.close()
        last = compositor.compose(each, {"display:0": planes}, last)
        assert all(np.array_equal(a, b) for a, b in zip(last.planes.planes, wanted.planes.planes, strict=True)), what
        under = compositor._under
        rests.add((len(compositor._grounds), under is not None and under.drawn >= RESTS))
    assert (0, True) in rests, "the bare background was never given back: nothing was tested"


def test_what_fails_between_two_slabs_leaves_nothing_half_made(monkeypatch):
    """The slabs of the picture before went already: the next frame, also of another change, is drawn anew."""
    rect = Rect(160.0, 90.0, 960.0, 540.0)

    def frame(number: int) -> FramePlan:
        layer = PictureLayer("display:0", number, Rect(0.0, 0.0, 1280.0, 720.0), rect, Shape(rect))
        return FramePlan((1280, 720), (BackgroundLayer(PLAIN), layer))

    pictures = []
    for number in range(3):
        planes = allocate(1280, 720)
        for plane in planes.planes:
            plane[:] = 90
        planes.planes[0][: 300 * number] = 150
        pictures.append(planes)
    compositor = PlanarCompositor()
    first = compositor.compose(frame(0), {"display:0": pictures[0]}, None)
    real, calls = compositor._pictures.resampler.at_rest, []

    def fails(*args):
        calls.append(args)
        if len(calls) == 2:
            raise OutOfMemoryError("scale", "a slab")
        return real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(compositor._pictures.resampler, "at_rest", fails)
        with pytest.raises(OutOfMemoryError):
            compositor.compose(frame(1), {"display:0": pictures[1]}, first)
    for number in (2, 1):
        got = compositor.compose(frame(number), {"display:0": pictures[number]}, first)
        wanted = PlanarCompositor().compose(frame(number), {"display:0": pictures[number]}, None)
        assert all(np.array_equal(a, b) for a, b in zip(got.planes.planes, wanted.planes.planes, strict=True))
        first = got


def test_a_background_that_takes_long_is_kept():
    compositor = PlanarCompositor()
    drawn(compositor, [plan(n, GRAINY) for n in range(2 * RESTS)])
    assert len(compositor._grounds) == 1


def test_a_card_that_moves_all_the_time_draws_its_background_once(monkeypatch):
    from reelpress.compose import planar_background

    calls: list[object] = []
    real = planar_background.draw
    monkeypatch.setattr(planar_background, "draw", lambda *args: calls.append(args) or real(*args))
    drawn(PlanarCompositor(), [plan(n, PLAIN, 20.0 + n) for n in range(3 * RESTS)])
    assert len(calls) == 1


def test_slabs_of_the_old_picture_go_as_new_ones_take_their_places(monkeypatch):
    """A change of all rows never holds more than one slab beside a whole picture."""
    scaler = PictureScaler()
    rect = Rect(160.0, 90.0, 960.0, 540.0)

    def layer(number: int) -> PictureLayer:
        return PictureLayer("display:0", number, Rect(0.0, 0.0, 1280.0, 720.0), rect, Shape(rect))

    shown = scaler.show(layer(1), allocate(1280, 720), (1280, 720))
    assert shown is not None and len(shown.rows) > 1
    old = [weakref.ref(made.planes[0]) for made in shown.rows]
    del shown
    alive: list[int] = []
    real = scaler.resampler.at_rest

    def counted(*args):
        alive.append(sum(each() is not None for each in old))
        return real(*args)

    monkeypatch.setattr(scaler.resampler, "at_rest", counted)
    scaler.show(layer(2), allocate(1280, 720), (1280, 720), Change(1, ((0, 720),)))
    assert alive == list(range(len(old) - 1, -1, -1))
