"""A card that is drawn again is drawn all at once: the same pixels as piece by piece, wherever it lies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.planar_soft import SoftOutline
from reelpress.media.scale import allocate
from reelpress.scene.plan.fills import GradientFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from typing import Any

    from reelpress.media.planes import Planes

SIZE = (330, 250)  # rows have padding
GROUND = BackgroundLayer(GradientFill((0.28, 0.33, 1.0), (1.0, 0.4, 0.77), 135.0))
SHADOW = Shadow(12, 5, 0.5)
BORDER = Border(3.0, (1.0, 0.9, 0.2), 0.7)


def noise(seed: int, width: int, height: int) -> Planes:
    """Every sample different: an error of one place is seen."""
    planes, random = allocate(width, height), np.random.default_rng(seed)
    for plane in planes.planes:
        plane[...] = random.integers(16, 236, plane.shape, np.uint8)
    return planes


def card(rect: Rect, radius: float, shadow: Shadow | None, border: Border | None, kind: CornerKind) -> PictureLayer:
    return PictureLayer("a", 0, Rect(0, 0, 160, 120), rect, Shape(rect, radius, kind), shadow, border)


CARDS = {
    "at rest": card(Rect(40, 30, 240, 180), 20, SHADOW, None, CornerKind.SQUIRCLE),
    "with a border": card(Rect(40, 30, 240, 180), 20, SHADOW, BORDER, CornerKind.ROUNDED),
    "bare": card(Rect(40, 30, 240, 180), 20, None, None, CornerKind.ROUNDED),
    "square": card(Rect(40, 30, 240, 180), 0, SHADOW, None, CornerKind.ROUNDED),
    "between pixels": card(Rect(40.3, 31.7, 239.1, 180.2), 17.5, SHADOW, BORDER, CornerKind.SQUIRCLE),
    "a circle": card(Rect(100, 60, 120, 120), 60, SHADOW, None, CornerKind.ROUNDED),
    "at the frame's edges": card(Rect(0, 0, 330, 250), 30, SHADOW, None, CornerKind.SQUIRCLE),
    "partly outside": card(Rect(-30.5, 100, 240, 180), 20, SHADOW, BORDER, CornerKind.SQUIRCLE),
    "another shape": replace(
        card(Rect(40, 30, 240, 180), 0, SHADOW, None, CornerKind.ROUNDED), shape=Shape(Rect(60, 50, 150, 100), 25)
    ),
}


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("on_top", [False, True], ids=["on the background", "on a picture"])
def test_each_frame_is_the_first_of_a_new_compositor(name: str, on_top: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bool] = []
    draw = SoftOutline.draw

    def counted(self: SoftOutline, *args: Any, **named: Any) -> None:
        drawn.append(named["same_below"])
        draw(self, *args, **named)

    monkeypatch.setattr(SoftOutline, "draw", counted)
    below = PictureLayer("b", 0, Rect(0, 0, 160, 120), Rect(0, 0, 300, 220), Shape(Rect(0, 0, 300, 220)), None)
    compositor, made = PlanarCompositor(), None
    for n in range(4):
        pictures = (below, CARDS[name]) if on_top else (CARDS[name],)
        plan = FramePlan(SIZE, (GROUND, *(replace(picture, frame=n) for picture in pictures)))
        sources = {"a": noise(10 + n, 160, 120), "b": noise(20 + n, 160, 120)}
        made = compositor.compose(plan, sources, made)
        alone = PlanarCompositor().compose(plan, sources, None)
        for got, expected in zip(made.planes.planes, alone.planes.planes, strict=True):
            assert np.array_equal(got, expected)
    assert drawn.count(not on_top) == 3  # of the card in question, from its second frame on


def test_a_moving_card_is_not_prepared_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SoftOutline, "__init__", lambda *_: pytest.fail("it takes longer than to draw it once"))
    compositor, made = PlanarCompositor(), None
    for n in range(3):
        rect = Rect(40 + 2 * n, 30, 240, 180)
        plan = FramePlan(SIZE, (GROUND, replace(CARDS["at rest"], rect=rect, shape=Shape(rect, 20), frame=n)))
        made = compositor.compose(plan, {"a": noise(n, 160, 120)}, made)
    assert compositor.composed == 3


def test_an_outline_that_is_all_outside_of_the_frame() -> None:
    rect = Rect(-40, -40, 410, 330)
    layer = card(rect, 5, SHADOW, BORDER, CornerKind.ROUNDED)
    compositor, made = PlanarCompositor(), None
    for n in range(3):
        plan, sources = FramePlan(SIZE, (GROUND, replace(layer, frame=n))), {"a": noise(n, 160, 120)}
        made = compositor.compose(plan, sources, made)
        alone = PlanarCompositor().compose(plan, sources, None)
        assert all(map(np.array_equal, made.planes.planes, alone.planes.planes))
