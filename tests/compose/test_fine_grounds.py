"""Backgrounds in 16 bits: what the GPU keeps of them, and what lies over them is right where 8 bits cannot be.

Of a code c that a highlight scales by f, 8 bits show round(f round(c)), and the truth is round(f c): another code
where a half lies between f c and f round(c), which are f e apart, with e = round(c) - c in -1/2..1/2. Where c runs over
many codes that is the case for f/4 of all samples (the mean of |f e|). In a nearly flat picture (noise, blurred,
between like colours) c, and so e, is about the same everywhere: no sample is off by one, or all of them are, a mean
error of 1. With 16 bits |e| is at most 1/512.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from reelpress.compose import planar_background
from reelpress.compose.gpu.compositor import GpuCompositor
from reelpress.compose.reference import ReferenceCompositor
from reelpress.media.planes import Planes
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.fills import Fill, GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer, GroupLayer, Layer
from reelpress.scene.plan.rect import Rect

SIZE = (98, 78)


def fine(layer: BackgroundLayer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    width, height = SIZE
    half = (height // 2, width // 2)
    made = (np.zeros((height, width), np.uint16), np.zeros(half, np.uint16), np.zeros(half, np.uint16))
    planar_background.draw_into(layer, made)
    return made


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> ImageFill:
    path = tmp_path_factory.mktemp("art") / "noise.png"
    noise = np.random.default_rng(3).integers(0, 256, (60, 90, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return ImageFill(str(path), 90, 60)


FILLS = {
    "flat": SolidFill((0.2, 0.9, 0.4)),
    "white": SolidFill((1.0, 1.0, 1.0)),
    "gradient": GradientFill((0.0, 0.1, 0.9), (1.0, 0.8, 0.1), 31),
    "noise": GradientFill((0.1, 0.3, 0.6), (0.7, 0.5, 0.2), 200, 80, 40),
    "picture": None,
}


@pytest.mark.parametrize("sigma", [0.0, 2.5])
@pytest.mark.parametrize("name", FILLS)
def test_the_upper_byte_is_what_8_bits_hold(name: str, sigma: float, picture: ImageFill) -> None:
    """So a background looks the same by whichever compositor, and the lower byte is where within that code it is."""
    fill: Fill = FILLS[name] or picture
    layer = BackgroundLayer(fill, sigma)
    coarse = planar_background.draw(layer, SIZE).planes
    made = fine(layer)
    for wide, plane in zip(made, coarse, strict=True):
        assert np.array_equal(wide >> 8, plane)
    if name not in ("flat", "white"):
        assert len(np.unique(made[0] & 255)) > 100


def test_what_it_stands_for_is_half_a_step_from_the_truth() -> None:
    """Black to white in codes 16 to 235 from left to right: the middle of a step is (2 n - 255)/512 for step n."""
    width = SIZE[0]
    layer = BackgroundLayer(GradientFill((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 90))
    truth = 16 + 219 * (np.arange(width) + 0.5) / width
    off = (fine(layer)[0].astype(float) - 127.5) / 256 - truth
    assert np.abs(off).max() <= 1 / 512 + 1e-4


def nearly_flat(*color: int, noise: float = 40) -> BackgroundLayer:
    """Noise upon one colour, blurred: Y, Cb and Cr stay within a code all over."""
    rgb = (color[0] / 21, color[1] / 21, color[2] / 21)
    return BackgroundLayer(GradientFill(rgb, rgb, 35, noise, 100), 6)


def darkened(amount: float) -> EffectLayer:
    """All but a corner."""
    return EffectLayer(Effect.HIGHLIGHT, Rect(0, 0, 8, 8), amount, 3.5)


PLANS: dict[str, tuple[Layer, ...]] = {
    # Each of them was off by a code in 70 to 99 % of the samples of a plane when backgrounds were kept in 8 bits.
    "luma, darkened": (nearly_flat(3, 17, 11, noise=100), darkened(0.75)),
    "red, darkened": (nearly_flat(6, 16, 6), darkened(0.59375)),
    "blue, darkened": (nearly_flat(7, 1, 7), darkened(0.5)),
    "cross-fade": (nearly_flat(6, 16, 6), GroupLayer((nearly_flat(13, 2, 17),), 0.6)),
}


def channels(planes: Planes) -> list[np.ndarray]:
    if planes.format == "nv12":
        luma, chroma = planes.planes
        return [luma.astype(int), chroma[:, 0::2].astype(int), chroma[:, 1::2].astype(int)]
    return [plane.astype(int) for plane in planes.planes]


@pytest.mark.gpu
@pytest.mark.parametrize("name", PLANS)
def test_a_nearly_flat_background_under_what_scales_it(name: str) -> None:
    """A code that is right within 1/512 rounds another way only where the truth is that near to a half."""
    plan = FramePlan(SIZE, PLANS[name])
    compositor = GpuCompositor()
    try:
        got = compositor.compose(plan, {}, None).planes
    finally:
        compositor.close()
    want = ReferenceCompositor().compose(plan, {}, None).planes
    for mine, right in zip(channels(got), channels(want), strict=True):
        assert np.abs(mine - right).mean() <= 0.05
