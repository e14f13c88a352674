"""A tiny painter of plans, only good enough to see where two pictures differ.

It follows the words of ``scene.plan`` (coverage, shadow, ring, kernel reach, chroma filter) with made-up contents:
a video frame is a random pattern of its ordinal, an image a random pattern of its name. Shares no code with
compositors or with ``scene.damage``.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.scene.plan.fills import GradientFill, SolidFill
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import CornerKind

if TYPE_CHECKING:
    from reelpress.scene.plan.frame import FramePlan
    from reelpress.scene.plan.outline import Shape

Array = np.ndarray[Any, np.dtype[np.float64]]
SOURCE = (24, 18)
"""Stored pixels of every video."""


def paint(plan: FramePlan) -> tuple[Array, Array]:
    """Luma (h, w) and chroma (h/2, w/2) of one channel."""
    w, h = plan.size
    luma = Canvas(np.arange(w) + 0.5, np.arange(h) + 0.5, chroma=False)
    chroma = Canvas(np.arange(0, w, 2) + 0.5, np.arange(0, h, 2) + 1.0, chroma=True)
    xs, ys = luma.xs, luma.ys
    for layer in plan.layers:
        for canvas in (luma, chroma):
            match layer:
                case BackgroundLayer():
                    canvas.lay(1.0, background(layer, xs, ys))
                case PictureLayer():
                    picture(layer, canvas, xs, ys)
                case SpriteLayer():
                    sprite(layer, canvas, xs, ys)
    return luma.value, chroma.value


class Canvas:
    def __init__(self, xs: Array, ys: Array, *, chroma: bool) -> None:
        self.xs, self.ys, self.chroma = xs, ys, chroma
        self.value: Array = np.zeros((len(ys), len(xs)))

    def reduce(self, field: Array | float) -> Array | float:
        """[1 2 1]/4 across, [1 1]/2 down."""
        if not self.chroma or isinstance(field, float):
            return field
        left = np.concatenate([field[:, :1], field[:, 1:-1:2]], axis=1)
        across = (left + 2 * field[:, 0::2] + field[:, 1::2]) / 4
        return (across[0::2] + across[1::2]) / 2

    def lay(self, alpha: Array | float, color: Array | float) -> None:
        """A premultiplied colour over what is there."""
        self.value = self.value * (1 - self.reduce(alpha)) + self.reduce(color)


def background(layer: BackgroundLayer, xs: Array, ys: Array) -> Array:
    match layer.fill:
        case SolidFill(color=color):
            return np.full((len(ys), len(xs)), color[0])
        case GradientFill() as fill:
            return fill.start[0] + (fill.end[0] - fill.start[0]) * np.outer(ys / len(ys), xs / len(xs))
    raise AssertionError(layer)


def signed(shape: Shape, xs: Array, ys: Array, grow: float = 0.0) -> Array:
    r = shape.rect
    hw, hh, radius = r.w / 2 + grow, r.h / 2 + grow, shape.radius + grow
    qx = np.abs(xs - r.x - r.w / 2)[None, :] - hw + radius
    qy = np.abs(ys - r.y - r.h / 2)[:, None] - hh + radius
    n = 4 if shape.kind is CornerKind.SQUIRCLE else 2
    outside = (np.maximum(qx, 0) ** n + np.maximum(qy, 0) ** n) ** (1 / n)
    return outside + np.minimum(np.maximum(qx, qy), 0) - radius


def smoothstep(a: float, b: float, x: Array) -> Array:
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


def coverage(shape: Shape, xs: Array, ys: Array, grow: float = 0.0) -> Array:
    if shape.radius == 0 and grow == 0:
        r = shape.rect
        across = np.clip(np.minimum(xs + 0.5, r.right) - np.maximum(xs - 0.5, r.x), 0, 1)
        down = np.clip(np.minimum(ys + 0.5, r.bottom) - np.maximum(ys - 0.5, r.y), 0, 1)
        return np.outer(down, across)
    samples = [signed(shape, xs + dx, ys + dy, grow) for dx in (-0.25, 0.25) for dy in (-0.25, 0.25)]
    return sum((1 - smoothstep(-1, 1, d) for d in samples), np.zeros((len(ys), len(xs)))) / 4


def cubic(x: Array, a: float = -0.6) -> Array:
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * a * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def weights(centres: Array, start: float, length: float, rect0: float, rect_length: float, count: int) -> Array:
    """(positions, samples) of a source axis: where ``rect`` shows ``start .. start + length`` of ``count`` samples."""
    at = start + (centres - rect0) * length / rect_length
    wide = max(1.0, length / rect_length)
    return cubic((at[:, None] - (np.arange(count) + 0.5)[None, :]) / wide) / wide


def pattern(name: str, count: tuple[int, int]) -> Array:
    return np.random.default_rng(zlib.crc32(name.encode())).random((count[1], count[0]))


def video(layer: PictureLayer, xs: Array, ys: Array) -> Array:
    """Edge samples repeated: positions are kept inside the crop and the weights made to add up to 1."""
    w, h = SOURCE
    xs = np.clip(xs, layer.rect.x, layer.rect.right)
    ys = np.clip(ys, layer.rect.y, layer.rect.bottom)
    across = weights(xs, layer.crop.x, layer.crop.w, layer.rect.x, layer.rect.w, w)
    down = weights(ys, layer.crop.y, layer.crop.h, layer.rect.y, layer.rect.h, h)
    across, down = across / across.sum(1, keepdims=True), down / down.sum(1, keepdims=True)
    return down @ pattern(f"{layer.source}/{layer.frame}", SOURCE) @ across.T


def picture(layer: PictureLayer, canvas: Canvas, xs: Array, ys: Array) -> None:
    card = coverage(layer.shape, xs, ys)
    if layer.shadow is not None:
        s = layer.shadow
        depth = np.abs(signed(layer.shape, xs, ys))
        canvas.lay(s.opacity * layer.opacity * smoothstep(s.size + s.blur, -s.blur, depth), 0.0)
    if layer.border is not None:
        ring = np.clip(coverage(layer.shape, xs, ys, layer.border.width) - card, 0, 1)
        ring = ring * layer.border.opacity * layer.opacity
        canvas.lay(ring, ring * layer.border.color[0])
    inside = canvas.reduce(card * layer.opacity)
    canvas.value = canvas.value * (1 - inside) + inside * video(layer, canvas.xs, canvas.ys)


def sprite(layer: SpriteLayer, canvas: Canvas, xs: Array, ys: Array) -> None:
    count = (layer.width, layer.height)
    across = weights(xs, 0, count[0], layer.rect.x, layer.rect.w, count[0])
    down = weights(ys, 0, count[1], layer.rect.y, layer.rect.h, count[1])
    alpha = (down @ np.ones((count[1], count[0])) @ across.T) * layer.opacity
    color = (down @ pattern(layer.image, count) @ across.T) * layer.opacity
    if layer.clip is not None:
        cut = coverage(layer.clip, xs, ys)
        alpha, color = alpha * cut, color * cut
    canvas.lay(alpha, color)
