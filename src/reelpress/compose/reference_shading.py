"""The reference's drawn parts: coverage of shapes, shadow, gradient, noise and grading, just as scene.plan says.

Float64, every pixel asked for, no shortcuts, no code shared with the other compositors. All results are
(rows, columns) or (rows, columns, channels) at full (luma) resolution.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.reference_sampling import Field
    from reelpress.scene.plan.effects import Grade
    from reelpress.scene.plan.fills import GradientFill
    from reelpress.scene.plan.layers import EffectLayer
    from reelpress.scene.plan.rect import Rect


def smoothstep(a: float, b: float, x: Field) -> Field:
    """``t*t*(3 - 2t)``, ``t = clamp((x - a)/(b - a), 0, 1)``; ``a`` may be the larger one, but not equal to ``b``."""
    t: Field = np.clip((x - a) / (b - a), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def signed_distance(shape: Shape, x: Field, y: Field) -> Field:
    """Distance to the outline, negative inside, at positions ``x`` (1-D) by ``y`` (1-D): (len(y), len(x))."""
    half_w, half_h = shape.rect.w / 2, shape.rect.h / 2
    down = y - (shape.rect.y + half_h)
    upper, lower = (shape.radius if rounded else 0.0 for rounded in (shape.round_top, shape.round_bottom))
    radius = np.where(down < 0, upper, lower)[:, np.newaxis]
    qx = (np.abs(x - (shape.rect.x + half_w)) - half_w)[np.newaxis, :] + radius
    qy = (np.abs(down) - half_h)[:, np.newaxis] + radius
    outer_x, outer_y = np.maximum(qx, 0), np.maximum(qy, 0)
    if shape.kind is CornerKind.SQUIRCLE:
        length = np.sqrt(np.sqrt(outer_x**4 + outer_y**4))
    else:
        length = np.hypot(outer_x, outer_y)
    distance: Field = length + np.minimum(np.maximum(qx, qy), 0) - radius
    return distance


def coverage(shape: Shape, x: Field, y: Field) -> Field:
    """Share of each pixel that the shape covers, 0..1; ``x`` and ``y`` are the pixels' centres (1-D each)."""
    if shape.rect.w <= 0 or shape.rect.h <= 0:
        return np.zeros((len(y), len(x)))
    if shape.radius == 0 or not (shape.round_top or shape.round_bottom):
        return box_coverage(shape.rect, x, y)
    samples = [
        1 - smoothstep(-1, 1, signed_distance(shape, x + dx, y + dy)) for dx in (-0.25, 0.25) for dy in (-0.25, 0.25)
    ]
    return np.asarray(sum(samples) / len(samples))


def box_coverage(rect: Rect, x: Field, y: Field) -> Field:
    """Share of each pixel that the rectangle covers, exactly."""

    def interval(start: float, end: float, centres: Field) -> Field:
        covered: Field = np.minimum(centres + 0.5, end) - np.maximum(centres - 0.5, start)
        return covered.clip(0, 1)

    return np.outer(interval(rect.y, rect.bottom, y), interval(rect.x, rect.right, x))


def shadow_alpha(shadow: Shadow, shape: Shape, x: Field, y: Field) -> Field:
    """Alpha of the black shadow of a shape at pixel centres."""
    if shadow.size + 2 * shadow.blur <= 0:  # both ends of the step fall together: no shadow
        return np.zeros((len(y), len(x)))
    distance = np.abs(signed_distance(shape, x, y))
    return np.asarray(shadow.opacity * smoothstep(shadow.size + shadow.blur, -shadow.blur, distance))


def ring_coverage(border: Border, shape: Shape, x: Field, y: Field) -> Field:
    """Coverage of the border's ring (without its opacity)."""
    grown = replace(shape, rect=shape.rect.outset(border.width), radius=shape.radius + border.width)
    return np.maximum(coverage(grown, x, y) - coverage(shape, x, y), 0)


def feathered(layer: EffectLayer, x: Field, y: Field) -> Field:
    """Weight of an effect at pixel centres."""
    rect = layer.rect
    if rect.w <= 0 or rect.h <= 0:
        return np.zeros((len(y), len(x)))
    if layer.feather <= 0:
        return box_coverage(rect, x, y)
    depth_x = np.minimum(x - rect.x, rect.right - x)[np.newaxis, :]
    depth_y = np.minimum(y - rect.y, rect.bottom - y)[:, np.newaxis]
    return smoothstep(0, layer.feather, np.minimum(depth_x, depth_y))


_LUMA = np.array([0.2126, 0.7152, 0.0722])


def graded(grade: Grade, rgb: Field, rect: Rect, x: Field, y: Field) -> Field:
    """R'G'B' (rows, columns, 3) of pixels with centres ``x`` by ``y``, graded line by line as in scene.plan.Grade."""

    def luminance(c: Field) -> Field:
        light: Field = c @ _LUMA
        return light[..., np.newaxis]

    c = rgb * 2 ** (1.5 * grade.exposure)
    warm, tint = grade.temperature, grade.tint
    c = c * np.array([1 + 0.10 * warm + 0.04 * tint, 1 - 0.07 * tint, 1 - 0.10 * warm + 0.04 * tint])
    c = (c - 0.5) * (1 + grade.contrast) + 0.5
    light = luminance(c)
    c = light + (c - light) * (1 + grade.saturation)
    light = luminance(c)
    shadows = (1 - smoothstep(0.2, 0.65, light)) * np.array([-0.06, 0.02, 0.08])
    highlights = smoothstep(0.35, 0.8, light) * np.array([0.08, 0.02, -0.06])
    c = c + grade.split_tone * (shadows + highlights)
    c = c * (1 - 0.18 * grade.fade) + 0.09 * grade.fade
    if grade.vignette:
        u, v = (x - rect.x) / rect.w - 0.5, (y - rect.y) / rect.h - 0.5
        from_middle = 2 * np.hypot(u[np.newaxis, :], v[:, np.newaxis])
        c = c * (1 - 0.65 * grade.vignette * smoothstep(0.5, 1.5, from_middle))[..., np.newaxis]
    if grade.grain:
        column, row = (np.floor(p).astype(np.int64).astype(np.uint64) for p in (x, y))  # negative ones wrap mod 2^64
        noise = 2 * _lattice(column, row, grade.seed)[..., np.newaxis] - 1
        light = luminance(c).clip(0, 1)
        c = c + 0.175 * grade.grain * noise * 4 * light * (1 - light)
    clamped: Field = c.clip(0, 1)
    return clamped


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
    x, y = x & mask, y & mask
    h = x[np.newaxis, :] * np.uint64(0x9E3779B1) + y[:, np.newaxis] * np.uint64(0x85EBCA77)
    h = (h + np.uint64(octave * 0xC2B2AE3D)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(0x2C1B3C6D)) & mask
    h ^= h >> np.uint64(12)
    h = (h * np.uint64(0x297A2D39)) & mask
    h ^= h >> np.uint64(15)
    return (h >> np.uint64(8)).astype(np.float64) / 2**24
