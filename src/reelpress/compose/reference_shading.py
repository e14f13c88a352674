"""The reference's drawn parts: coverage of shapes, shadow, gradient and noise, letter for letter as in scene.plan.

Float64, every pixel of the frame, no shortcuts, no code shared with the other compositors. All results are
(rows, columns) or (rows, columns, channels) at full (luma) resolution.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from reelpress.scene.plan import Border, CornerKind, GradientFill, Shadow, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.reference_sampling import Field


def smoothstep(a: float, b: float, x: Field) -> Field:
    """``t*t*(3 - 2t)``, ``t = clamp((x - a)/(b - a), 0, 1)``; ``a`` may be the larger one, but not equal to ``b``."""
    t: Field = np.clip((x - a) / (b - a), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def signed_distance(shape: Shape, x: Field, y: Field) -> Field:
    """Distance to the outline, negative inside, at positions ``x`` (1-D) by ``y`` (1-D): (len(y), len(x))."""
    half_w, half_h = shape.rect.w / 2, shape.rect.h / 2
    qx = (np.abs(x - (shape.rect.x + half_w)) - half_w + shape.radius)[np.newaxis, :]
    qy = (np.abs(y - (shape.rect.y + half_h)) - half_h + shape.radius)[:, np.newaxis]
    outer_x, outer_y = np.maximum(qx, 0), np.maximum(qy, 0)
    if shape.kind is CornerKind.SQUIRCLE:
        length = np.sqrt(np.sqrt(outer_x**4 + outer_y**4))
    else:
        length = np.hypot(outer_x, outer_y)
    distance: Field = length + np.minimum(np.maximum(qx, qy), 0) - shape.radius
    return distance


def coverage(shape: Shape, size: tuple[int, int]) -> Field:
    """Share of each pixel of the frame that the shape covers, 0..1."""
    width, height = size
    if shape.rect.w <= 0 or shape.rect.h <= 0:
        return np.zeros((height, width))
    if shape.radius == 0:
        across = _interval_cover(shape.rect.x, shape.rect.right, width)
        down = _interval_cover(shape.rect.y, shape.rect.bottom, height)
        return np.outer(down, across)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    samples = [
        1 - smoothstep(-1, 1, signed_distance(shape, x + dx, y + dy)) for dx in (-0.25, 0.25) for dy in (-0.25, 0.25)
    ]
    return np.asarray(sum(samples) / len(samples))


def _interval_cover(start: float, end: float, count: int) -> Field:
    """How much of each pixel ``i .. i + 1`` lies in ``start .. end``."""
    left = np.arange(count, dtype=np.float64)
    covered: Field = np.minimum(left + 1, end) - np.maximum(left, start)
    return covered.clip(0, 1)


def shadow_alpha(shadow: Shadow, shape: Shape, size: tuple[int, int]) -> Field:
    """Alpha of the black shadow of a shape at every pixel centre."""
    width, height = size
    if shadow.size + 2 * shadow.blur <= 0:  # both ends of the step fall together: no shadow
        return np.zeros((height, width))
    distance = np.abs(signed_distance(shape, np.arange(width) + 0.5, np.arange(height) + 0.5))
    return np.asarray(shadow.opacity * smoothstep(shadow.size + shadow.blur, -shadow.blur, distance))


def ring_coverage(border: Border, shape: Shape, size: tuple[int, int]) -> Field:
    """Coverage of the border's ring (without its opacity)."""
    grown = Shape(shape.rect.outset(border.width), shape.radius + border.width, shape.kind)
    return np.maximum(coverage(grown, size) - coverage(shape, size), 0)


def gradient(fill: GradientFill, size: tuple[int, int]) -> Field:
    """The gradient with its noise: (height, width, 3), R'G'B' 0..1."""
    width, height = size
    u = (np.arange(width) + 0.5) / width
    v = (np.arange(height) + 0.5) / height
    angle = math.radians(fill.angle + 270)
    along = (u - 0.5)[np.newaxis, :] * math.cos(angle) + (v - 0.5)[:, np.newaxis] * math.sin(angle)
    t = np.clip(along + 0.5, 0, 1)[..., np.newaxis]
    start, end = np.array(fill.start), np.array(fill.end)
    base: Field = start + (end - start) * t
    if fill.noise_intensity == 0:
        return base
    noise = value_noise(fill.noise_scale, size)[..., np.newaxis]
    overlay: Field = np.where(base < 0.5, 2 * base * noise, 1 - 2 * (1 - base) * (1 - noise))
    return base + (overlay - base) * (fill.noise_intensity / 100 * 0.25)


def value_noise(noise_scale: float, size: tuple[int, int]) -> Field:
    """Four octaves of value noise over the frame, 0..1 (scene.plan.GradientFill)."""
    width, height = size
    frequency = 600 * (0.3 + 1.2 * (100 - noise_scale) / 100)
    total = np.zeros((height, width))
    for octave in range(4):
        px = (np.arange(width) + 0.5) / width * frequency * 2**octave
        py = (np.arange(height) + 0.5) / height * frequency * 2**octave
        ix, iy = np.floor(px), np.floor(py)
        sx, sy = smoothstep(0, 1, px - ix)[np.newaxis, :], smoothstep(0, 1, py - iy)[:, np.newaxis]
        x, y = ix.astype(np.uint64), iy.astype(np.uint64)
        top = _lattice(x, y, octave) * (1 - sx) + _lattice(x + 1, y, octave) * sx
        bottom = _lattice(x, y + 1, octave) * (1 - sx) + _lattice(x + 1, y + 1, octave) * sx
        total += (top * (1 - sy) + bottom * sy) / 2**octave
    return total / (1 + 1 / 2 + 1 / 4 + 1 / 8)


def _lattice(x: NDArray[np.uint64], y: NDArray[np.uint64], octave: int) -> Field:
    """The value in 0..1 at lattice points ``x`` by ``y``: the 32-bit hash of scene.plan.GradientFill."""
    mask = np.uint64(0xFFFFFFFF)
    h = x[np.newaxis, :] * np.uint64(0x9E3779B1) + y[:, np.newaxis] * np.uint64(0x85EBCA77)
    h = (h + np.uint64(octave * 0xC2B2AE3D)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(0x2C1B3C6D)) & mask
    h ^= h >> np.uint64(12)
    h = (h * np.uint64(0x297A2D39)) & mask
    h ^= h >> np.uint64(15)
    return (h >> np.uint64(8)).astype(np.float64) / 2**24
