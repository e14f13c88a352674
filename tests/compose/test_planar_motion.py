"""Motion blur and warps of the planar compositor: what the reference does not tell."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from PIL import Image

from reelpress.compose.planar_blur import MARGIN, Movement
from reelpress.compose.planar_canvas import Canvas
from reelpress.compose.planar_radial import Radial, steps
from reelpress.compose.planar_warp import Places, Sampled, warp
from reelpress.compose.reference_sampling import gather_cubic
from reelpress.scene.plan import Blur, IntRect

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
        whole = radial.of(plane, IntRect(0, 0, 160, 96))
        for part in (IntRect(0, 0, 31, 96), IntRect(33, 41, 50, 2), IntRect(120, 90, 40, 6)):
            cut = whole[part.y : part.bottom, part.x : part.right]
            assert np.array_equal(radial.of(plane, part), cut)


@pytest.mark.parametrize("blur", [Blur(18.3, 4.1), Blur(-3, 7.7), Blur(140, -60), Blur(0.9, 0.8)])
@pytest.mark.parametrize("shift", [0, 1])
def test_a_movement_keeps_what_there_is_and_where_it_is(blur: Blur, shift: int) -> None:
    """The taps' weights sum to 1, and those on both sides are the same."""
    plane = np.zeros((401, 401), np.uint8)
    plane[200, 200] = 255
    seen = Movement(blur, shift, 0).of(plane, IntRect(0, 0, 401, 401))
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
