"""Motion blur and warps of the planar compositor: what the reference does not tell."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.planar_blur import MARGIN, Movement, margin_of
from reelpress.compose.planar_canvas import Canvas
from reelpress.compose.planar_card import Card
from reelpress.compose.planar_radial import Radial, steps
from reelpress.compose.planar_warp import Places, Sampled, warp
from reelpress.compose.reference_sampling import gather_cubic
from reelpress.errors import FormatError
from reelpress.scene.plan.effects import Blur
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer
from reelpress.scene.plan.outline import Border, Shadow, Shape
from reelpress.scene.plan.rect import IntRect, Rect

HD = (1920, 1080)


def places(blur: Blur, size: tuple[int, int] = HD) -> np.ndarray:
    """Where the taps of a scaling lie on a ray of length 1."""
    first, second, *rest = steps(blur, size)
    sums = [start + sum(some) for start in (first, second) for some in itertools.product(*((0, t) for t in rest))]
    return np.sort(sums) / abs(blur.spread)


@pytest.mark.parametrize(("spread", "taps"), [(0.009, 4), (0.0091, 8), (0.02, 16), (0.1, 64), (-0.1, 64)])
def test_places_of_a_scaling(spread: float, taps: int) -> None:
    """As many as leave no gaps (the far corner is 1102 pixels away), with the middle and width of cap-format's."""
    found = places(Blur(spread=spread, origin=(960.0, 540.0)))
    assert len(found) == taps
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert found.var() == pytest.approx(0.05)
    gaps = np.diff(found) * abs(spread) * math.hypot(960, 540)
    assert gaps[len(gaps) // 4 : -len(gaps) // 4].max() < 2.5
    assert gaps.max() < 4.5


def test_any_part_of_a_scaled_picture_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(5)
    plane = rng.integers(0, 256, (96 + 2 * MARGIN, 160 + 2 * MARGIN)).astype(np.uint8)
    for blur in (Blur(spread=0.2, origin=(40.3, 70.8)), Blur(spread=0.07, origin=(-300.0, 190.0))):
        radial = Radial(blur, (160, 96), 0, MARGIN)
        whole = radial.codes(plane, IntRect(0, 0, 160, 96)).copy()
        for part in (IntRect(0, 0, 31, 96), IntRect(33, 41, 50, 2), IntRect(120, 90, 40, 6)):
            cut = whole[part.y : part.bottom, part.x : part.right]
            assert np.array_equal(radial.codes(plane, part), cut)


def test_planes_together_are_scaled_as_each_alone() -> None:
    rng = np.random.default_rng(6)
    planes = rng.integers(0, 256, (3, 48 + MARGIN, 80 + MARGIN)).astype(np.uint8)
    radial = Radial(Blur(spread=0.15, origin=(31.7, 90.2)), (160, 96), 1, MARGIN)
    area = IntRect(5, 3, 60, 41)
    for field, plane in zip(radial.of(planes, area), planes, strict=True):
        assert np.array_equal(field, radial.of((plane,), area)[0])


@pytest.mark.parametrize("value", [0, 1, 16, 127, 254, 255])
@pytest.mark.parametrize("spread", [0.004, 0.02, 0.1])
def test_what_is_flat_stays_as_it_is(value: int, spread: float) -> None:
    """Whole numbers lose what is below their last bit: not where there is nothing to mix."""
    plane = np.full((96 + 2 * MARGIN, 160 + 2 * MARGIN), value, np.uint8)
    radial = Radial(Blur(spread=spread, origin=(-900.0, 50.5)), (160, 96), 0, MARGIN)
    area = IntRect(0, 0, 160, 96)
    assert np.array_equal(radial.codes(plane, area), plane[:96, :160])
    assert np.array_equal(radial.of((plane,), area)[0], plane[:96, :160])


@pytest.mark.parametrize("spread", [0.004, 0.02, 0.1])
def test_bits_cut_off_are_made_up_for(spread: float) -> None:
    """The mean of noise stays what it is, within a quarter of a code: the scalings' weights sum to 1."""
    rng = np.random.default_rng(9)
    plane = rng.integers(0, 256, (480 + 2 * MARGIN, 640 + 2 * MARGIN)).astype(np.uint8)
    radial = Radial(Blur(spread=spread, origin=(320.0, 240.0)), (640, 480), 0, MARGIN)
    seen = radial.codes(plane, IntRect(0, 0, 640, 480))
    assert seen[40:-40, 40:-40].mean() == pytest.approx(
        plane[MARGIN + 40 : -MARGIN - 40, MARGIN + 40 : -MARGIN - 40].mean(), abs=0.25
    )


@pytest.mark.parametrize(
    "blur",
    [
        Blur(spread=0.003, origin=(400.0, 500.0)),
        Blur(spread=0.03, origin=(1900.0, 0.0)),
        Blur(spread=0.05, origin=(960.0, 540.0)),
        Blur(24.0, -3.0),
        Blur(3.0, 90.0),
    ],
)
def test_nothing_is_seen_beyond_the_margin(blur: Blur) -> None:
    """What lies beyond the grown frame may be anything: with more of it around nothing changes."""
    margin = margin_of(blur, HD)
    assert margin in (16, 32, MARGIN)
    for shift in (0, 1):
        ends = (HD[1] >> shift, HD[0] >> shift)
        way = Radial(blur, HD, shift, margin) if blur.spread else Movement(blur, shift, margin)
        for axis, size in enumerate(ends):
            low, high = way.seen(axis, np.array([0]), np.array([size]))
            assert low[0] >= -(margin >> shift)
            assert high[0] <= size + (margin >> shift)


def test_margins_are_as_small_as_can_be() -> None:
    far = [margin_of(Blur(spread=spread, origin=(960.0, 540.0)), HD) for spread in (0.001, 0.005, 0.03, 0.09)]
    assert far == [16, 16, 32, 64]


@pytest.mark.parametrize("blur", [Blur(18.3, 4.1), Blur(-3, 7.7), Blur(140, -60), Blur(0.9, 0.8)])
@pytest.mark.parametrize("shift", [0, 1])
def test_a_movement_keeps_what_there_is_and_where_it_is(blur: Blur, shift: int) -> None:
    """The taps' weights sum to 1, and those on both sides are the same."""
    plane = np.zeros((401, 401), np.uint8)
    plane[200, 200] = 255
    seen = Movement(blur, shift, 0).of((plane,), IntRect(0, 0, 401, 401))[0]
    assert seen.sum() == pytest.approx(255, rel=1e-5)
    assert seen[::-1, ::-1] == pytest.approx(seen)


def test_samples_between_samples_are_those_of_the_kernel() -> None:
    """Whole weights and sums in 16 bits, where the kernel overshoots most: black and white, side by side.

    Three weights down are off by 1/384 at most, and the fourth by what those are together.
    """
    rng = np.random.default_rng(7)
    plane = (rng.integers(0, 2, (40, 60)) * 255).astype(np.uint8)
    x, y = rng.uniform(-4, 64, 5000), rng.uniform(-4, 44, 5000)
    want = gather_cubic(plane[..., np.newaxis].astype(float), x[np.newaxis], y[np.newaxis])[0, :, 0]
    box = IntRect(0, 0, 60, 40)
    got = Places(x.astype(np.float32), y.astype(np.float32), box).sample(Sampled(plane, box))
    assert np.abs(got - want).max() < 6 / 384 * 255 * 1.3 / 2
    assert np.abs(got - want).mean() < 0.25
    assert want.max() > 300
    assert want.min() < -50


def test_a_warp_of_any_region_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(9)
    size, matrix = (600, 300), (1.2, 0.1, -40.0, -0.05, 1.1, -10.0, 2e-4, 1e-4, 1.0)
    shapes = ((300, 600), (150, 300), (150, 300))
    picture = Canvas(
        tuple(rng.integers(16, 236, shape).astype(np.uint8) for shape in shapes),
        (np.full(shapes[0], 255, np.uint8), np.full(shapes[1], 255, np.uint8)),
    )
    whole, parts = (Canvas(tuple(np.full(shape, 90, np.uint8) for shape in shapes)) for _ in range(2))
    warp(picture, matrix, 1.0, whole, (IntRect(0, 0, *size),))
    cuts = (IntRect(0, 0, 130, 300), IntRect(130, 0, 470, 20), IntRect(130, 20, 470, 280))
    for cut in cuts:
        warp(picture, matrix, 1.0, parts, (cut,))
    for a, b in zip(whole.planes, parts.planes, strict=True):
        assert np.array_equal(a, b)
    assert Image.fromarray(whole.planes[0]).getextrema() != (90, 90)


def test_how_much_a_shadow_bends() -> None:
    """Against differences of its definition (cap-format 3.2); picture and ring are not counted as shadow."""
    rect = Rect(100, 80, 300, 200)
    layer = PictureLayer(
        "a", 0, rect, rect, Shape(rect, 12), Shadow(20, 30, 0.5), Border(6, (0.0, 0.0, 0.0), 1.0), opacity=0.8
    )
    card = Card(layer, (512, 384))
    t = np.linspace(0, 1, 1001)  # over 20 + 2 * 30 pixels
    alpha = 0.8 * 0.5 * (3 * t**2 - 2 * t**3)
    assert card.bend == pytest.approx(np.abs(np.diff(alpha, 2)).max() / (80 / 1000) ** 2, rel=0.01)
    assert card.sharp == rect.outset(8)
    assert Card(replace(layer, shadow=None), (512, 384)).bend == 0


def test_numpy_is_left_as_it_was() -> None:
    """Its buffers are made smaller while a frame is composed, and only then; also when that fails."""
    before = np.getbufsize()
    seen: list[int] = []

    class Looking(PlanarCompositor):
        def _draw(self, *arguments: object) -> None:
            seen.append(np.getbufsize())
            super()._draw(*arguments)  # type: ignore[arg-type]

    compositor = Looking()
    compositor.compose(FramePlan((64, 36), (BackgroundLayer(SolidFill((0.2, 0.4, 0.6))),)), {}, None)
    assert seen
    assert max(seen) < before
    assert np.getbufsize() == before
    picture = PictureLayer("gone", 0, Rect(0, 0, 64, 36), Rect(3, 3, 50, 30), Shape(Rect(3, 3, 50, 30)))
    with pytest.raises(FormatError):
        compositor.compose(FramePlan((64, 36), (picture,)), {}, None)
    assert np.getbufsize() == before
