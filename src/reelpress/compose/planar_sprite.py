"""RGBA art as premultiplied YUVA pieces, ready to be laid over planes."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED, quantisation, rgb_to_ycc
from reelpress.compose import planar_blur, planar_grade
from reelpress.compose.assets import Art
from reelpress.compose.banded import Plan
from reelpress.compose.coverage import Field, centres, coverage, to_chroma
from reelpress.compose.kernel import Axis, cubic, taps
from reelpress.compose.planar_card import shape_inside
from reelpress.scene.plan import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.scene.plan import SpriteLayer


@dataclass(frozen=True, slots=True)
class Sprite:
    """``out = below * through + art`` for each plane, the 0.5 of rounding included in ``art``."""

    area: IntRect
    """Where in the frame; even edges."""
    through: tuple[Field, Field]
    """1 - alpha; luma and chroma."""
    art: tuple[Field, Field, Field]
    """Premultiplied codes relative to nothing: alpha times code, plus 0.5."""


def area_of(layer: SpriteLayer, size: tuple[int, int], image: tuple[int, int]) -> IntRect | None:
    """Pixels that the sprite can change: its rectangle and what the kernel spreads beyond it when enlarging.

    Args:
        layer: The sprite.
        size: Of the frame.
        image: Width and height of the image.
    """
    reach = _reach(layer, image)
    if layer.blur is not None and planar_blur.moves(layer.blur):
        reach = planar_blur.reach(reach.outset(1), layer.blur)
    if layer.clip is not None:
        reach = reach.intersect(layer.clip.rect.outset(2))
    # chroma positions take in the luma column before them and both sides of a row pair: whole pairs do
    return pixel_cover(reach, size, margin=1, align=2) if reach.w > 0 and reach.h > 0 else None


def _reach(layer: SpriteLayer, image: tuple[int, int]) -> Rect:
    """Where the sprite can be, without blur and clip."""
    rect = layer.rect
    grow_x = 2 * max(1.0, rect.w / image[0])
    grow_y = 2 * max(1.0, rect.h / image[1])
    reach = Rect(rect.x - grow_x, rect.y - grow_y, rect.w + 2 * grow_x, rect.h + 2 * grow_y)
    if layer.angle == 0:
        return reach
    reach, cos, sin, (x, y) = reach.outset(2), math.cos(layer.angle), math.sin(layer.angle), layer.pivot
    corners = [(a - x, b - y) for a in (reach.x, reach.right) for b in (reach.y, reach.bottom)]
    xs, ys = [x + cos * a - sin * b for a, b in corners], [y + sin * a + cos * b for a, b in corners]
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def draw(layer: SpriteLayer, art: Art, size: tuple[int, int]) -> Sprite | None:
    """The sprite as it lies on the frame, None where nothing of it shows.

    Raises:
        MissingInputError, UnreadableInputError: Of its picture file.
    """
    if layer.opacity <= 0 or layer.rect.w <= 0 or layer.rect.h <= 0:
        return None
    image = art.get(layer.image)
    tall, _, wide = image.shape
    area = area_of(layer, size, (wide, tall))
    if area is None:
        return None
    left = max(area.x - 1, 0)  # one more column for chroma; the frame's first one is repeated
    if layer.blur is not None and planar_blur.moves(layer.blur):
        around = _unmoved(layer, size, (wide, tall))
        if around is None:
            return None
        still = _straight(layer, image, around)
        rgba = planar_blur.smeared_art(
            still, (around.x, around.y), layer.blur, IntRect(left, area.y, area.right - left, area.h)
        )
    else:
        rgba = _straight(layer, image, IntRect(left, area.y, area.right - left, area.h))
    if left == area.x:
        rgba = np.concatenate([rgba[..., :1], rgba], axis=2)
    alpha = np.clip(rgba[3], 0, 1)
    color = np.clip(rgba[:3], 0, alpha)
    weight: Field | np.float32 = np.float32(layer.opacity)
    if layer.clip is not None and not shape_inside(layer.clip, Rect(area.x - 1, area.y, area.w + 1, area.h)):
        weight = coverage(layer.clip, centres(area.x - 1, area.right), centres(area.y, area.bottom)) * weight
    alpha *= weight
    color *= weight
    return in_codes(area, color, alpha)


def _straight(layer: SpriteLayer, image: Field, area: IntRect) -> Field:
    """Premultiplied R'G'B'A (4, rows, columns) of the sprite on whole pixels, without opacity, blur and clip."""
    rect = layer.rect
    tall, _, wide = image.shape
    if layer.angle == 0:
        rgba = _resampled(rect, image, rect.x, rect.y, area)
    else:
        # an endless grid of pixels from the rectangle's corner, as far as anything is on it
        beyond_x, beyond_y = (math.ceil(2 * max(1.0, s)) + 1 for s in (rect.w / wide, rect.h / tall))
        own = IntRect(-beyond_x, -beyond_y, math.ceil(rect.w) + 2 * beyond_x, math.ceil(rect.h) + 2 * beyond_y)
        upright = _resampled(rect, image, 0.0, 0.0, own)
        xs = (np.arange(area.x, area.right) + 0.5 - layer.pivot[0])[np.newaxis, :]
        ys = (np.arange(area.y, area.bottom) + 0.5 - layer.pivot[1])[:, np.newaxis]
        cos, sin = math.cos(layer.angle), math.sin(layer.angle)
        x = layer.pivot[0] + cos * xs + sin * ys - rect.x - own.x - 0.5
        y = layer.pivot[1] - sin * xs + cos * ys - rect.y - own.y - 0.5
        rgba = _clamped(_turned(upright, x, y))
    if layer.grade is not None:
        alpha = rgba[3]
        straight: Field = (rgba[:3] / np.where(alpha > 0, alpha, 1)).astype(np.float32)
        columns, rows = np.arange(area.x, area.right), np.arange(area.y, area.bottom)
        rgba[:3] = planar_grade.art(layer.grade, straight, rect, columns, rows) * alpha
    return rgba


def _resampled(rect: Rect, image: Field, x: float, y: float, area: IntRect) -> Field:
    """The image with its rectangle's corner at (x, y), on the pixels of ``area``."""
    tall, _, wide = image.shape
    step_x, step_y = wide / rect.w, tall / rect.h
    columns = Axis(-x * step_x, step_x, area.x, area.right, 0, wide)
    rows = Axis(-y * step_y, step_y, area.y, area.bottom, 0, tall)
    rgba = np.empty((4, area.h, area.w), np.float32)
    matrices = Plan(taps(rows, repeat=False), taps(columns, repeat=False))
    for channel in range(4):
        for first, strip in matrices.strips(image[:, channel]):
            rgba[channel, first : first + len(strip)] = strip
    return _clamped(rgba)


def _clamped(rgba: Field) -> Field:
    """Alpha in 0..1, colour in 0..alpha."""
    np.clip(rgba[3], 0, 1, out=rgba[3])
    np.clip(rgba[:3], 0, rgba[3], out=rgba[:3])
    return rgba


def _turned(art: Field, x: NDArray[np.float64], y: NDArray[np.float64]) -> Field:
    """``art`` (channels, rows, columns) at sample coordinates, by the cubic kernel; nothing outside."""
    _, rows, columns = art.shape
    column, row = np.floor(x), np.floor(y)
    across = [cubic(x - column - k).astype(np.float32) for k in (-1, 0, 1, 2)]
    down = [cubic(y - row - k).astype(np.float32) for k in (-1, 0, 1, 2)]
    left = np.clip(column, -3, columns + 1).astype(np.intp) + 3
    top = np.clip(row, -3, rows + 1).astype(np.intp) + 3
    padded = np.pad(art, ((0, 0), (4, 4), (4, 4)))
    out = np.zeros((len(art), *x.shape), np.float32)
    for j, v in enumerate(down):
        for i, u in enumerate(across):
            out += padded[:, top + j, left + i] * (u * v)
    return out


def _unmoved(layer: SpriteLayer, size: tuple[int, int], image: tuple[int, int]) -> IntRect | None:
    """Pixels of the grown frame in which the sprite is before it is blurred."""
    reach = _reach(layer, image)
    margin = planar_blur.MARGIN
    shifted = Rect(reach.x + margin, reach.y + margin, reach.w, reach.h)
    found = pixel_cover(shifted, planar_blur.grown(size), 1)
    return IntRect(found.x - margin, found.y - margin, found.w, found.h) if found is not None else None


def in_codes(area: IntRect, color: Field, alpha: Field) -> Sprite:
    """Premultiplied R'G'B' and alpha as codes; both with the column before ``area``, as chroma needs it."""
    luma_scale, luma_offset, chroma_scale, chroma_offset = quantisation(BT709_LIMITED.range)
    scales, offsets = (luma_scale, chroma_scale, chroma_scale), (luma_offset, chroma_offset, chroma_offset)
    planes: list[Field] = []
    for (r, g, b), scale, offset in zip(rgb_to_ycc(BT709_LIMITED.matrix), scales, offsets, strict=True):
        code = color[0] * np.float32(r * scale)
        code += color[1] * np.float32(g * scale)
        code += color[2] * np.float32(b * scale)
        code += alpha * np.float32(offset)
        planes.append(code)
    half = np.float32(0.5)
    art = (planes[0][:, 1:] + half, to_chroma(planes[1]) + half, to_chroma(planes[2]) + half)
    return Sprite(area, (1 - alpha[:, 1:], 1 - to_chroma(alpha)), art)


class Sprites:
    """Drawn sprites, the newest few kept: a pointer that rests is drawn once.

    Args:
        keep: Sprites to remember; larger ones than ``limit`` bytes are not.
    """

    def __init__(self, keep: int = 4, limit: int = 8 << 20) -> None:
        self.art = Art()
        self._keep, self._limit = keep, limit
        self._kept: OrderedDict[tuple[SpriteLayer, tuple[int, int]], Sprite | None] = OrderedDict()

    def get(self, layer: SpriteLayer, size: tuple[int, int]) -> Sprite | None:
        """The sprite of ``layer``, drawn on first use."""
        key = (layer, size)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        sprite = draw(layer, self.art, size)
        if sprite is None or sprite.art[0].nbytes * 4 <= self._limit:
            self._kept[key] = sprite
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return sprite

    def clear(self) -> None:
        """Forget all art."""
        self._kept.clear()
        self.art.clear()
