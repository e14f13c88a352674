"""What the tests of the reference compositor draw, and the formulas that they share."""

from __future__ import annotations

import numpy as np
from PIL import Image

from reelpress.color import BT709_LIMITED
from reelpress.compose.reference import ReferenceCompositor
from reelpress.media.planes import Planes
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, FillLayer, PictureLayer
from reelpress.scene.plan.outline import CornerKind, Shape
from reelpress.scene.plan.rect import Rect

KEY = "display:0"
BLACK, WHITE, RED = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0)


def source(luma, cb=None, cr=None) -> Planes:
    """yuv420p planes of arrays; chroma neutral unless given."""
    luma = np.asarray(luma, np.uint8)
    height, width = luma.shape
    neutral = np.full((-(-height // 2), -(-width // 2)), 128, np.uint8)
    cb = neutral if cb is None else np.asarray(cb, np.uint8)
    cr = neutral if cr is None else np.asarray(cr, np.uint8)
    return Planes("yuv420p", width, height, (luma, cb, cr), BT709_LIMITED)


def flat(width: int, height: int, y: int, cb: int = 128, cr: int = 128) -> Planes:
    half = (-(-height // 2), -(-width // 2))
    """One colour everywhere."""
    return source(np.full((height, width), y), np.full(half, cb), np.full(half, cr))


def card(
    rect: Rect, picture: Planes, radius: float = 0.0, kind: CornerKind = CornerKind.ROUNDED, **more
) -> PictureLayer:
    crop = more.pop("crop", Rect(0, 0, picture.width, picture.height))
    return PictureLayer(KEY, 0, crop, rect, Shape(rect, radius, kind), **more)


def draw(size: tuple[int, int], *layers, picture: Planes | None = None, background=BLACK):
    """Float codes Y, Cb, Cr of layers over a plain background."""
    plan = FramePlan(size, (BackgroundLayer(SolidFill(background)), *layers))
    return ReferenceCompositor().render_float(plan, {KEY: picture} if picture else {})


def smooth(t: float) -> float:
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)


def noise_source(width: int, height: int, seed: int = 1) -> Planes:
    random = np.random.default_rng(seed)
    half = (-(-height // 2), -(-width // 2))
    return source(
        random.integers(0, 256, (height, width)), random.integers(0, 256, half), random.integers(0, 256, half)
    )


def lattice(x: int, y: int, octave: int) -> float:
    """The hash of GradientFill's docstring with Python's own integers."""
    h = (x * 0x9E3779B1 + y * 0x85EBCA77 + octave * 0xC2B2AE3D) % 2**32
    h ^= h >> 15
    h = h * 0x2C1B3C6D % 2**32
    h ^= h >> 12
    h = h * 0x297A2D39 % 2**32
    h ^= h >> 15
    return (h >> 8) / 2**24


def write_image(path, array) -> str:
    Image.fromarray(np.asarray(array, np.uint8)).save(path)
    return str(path)


def rgb_of(size: tuple[int, int], *layers, picture=None) -> np.ndarray:
    return ReferenceCompositor().render_rgb(FramePlan(size, layers), {KEY: picture} if picture else {})


def share(y: np.ndarray) -> np.ndarray:
    """White over black: how much white there is."""
    return (y - 16) / 219


def box(*rect: float, color=WHITE, **more) -> FillLayer:
    return FillLayer(Shape(Rect(*rect)), color, **more)
