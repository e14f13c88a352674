"""What the planar compositor lets go of while a card rests: pictures are counted, no process is measured."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest

from reelpress.compose.pictures import PictureScaler
from reelpress.compose.planar import RESTS, PlanarCompositor
from reelpress.compose.planar_change import Change
from reelpress.media.scale import allocate
from reelpress.scene.plan.fills import Fill, GradientFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer
from reelpress.scene.plan.outline import Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from reelpress.compose.base import Composed
    from reelpress.media.planes import Planes

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
