"""RGBA art as premultiplied YUVA pieces, ready to be laid over planes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED, quantisation, rgb_to_ycc
from reelpress.compose.assets import Art
from reelpress.compose.banded import Plan
from reelpress.compose.coverage import Field, centres, coverage, to_chroma
from reelpress.compose.kernel import Axis, taps
from reelpress.compose.planar_card import shape_inside
from reelpress.scene.plan import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
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
    rect = layer.rect
    grow_x = 2 * max(1.0, rect.w / image[0])
    grow_y = 2 * max(1.0, rect.h / image[1])
    reach = Rect(rect.x - grow_x, rect.y - grow_y, rect.w + 2 * grow_x, rect.h + 2 * grow_y)
    if layer.clip is not None:
        reach = reach.intersect(layer.clip.rect.outset(2))
    # chroma positions take in the luma column before them and both sides of a row pair: whole pairs do
    return pixel_cover(reach, size, margin=1, align=2) if reach.w > 0 and reach.h > 0 else None


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
    step_x, step_y = wide / layer.rect.w, tall / layer.rect.h
    left = max(area.x - 1, 0)  # one more column for chroma; the frame's first one is repeated
    x = Axis(-layer.rect.x * step_x, step_x, left, area.right, 0, wide)
    y = Axis(-layer.rect.y * step_y, step_y, area.y, area.bottom, 0, tall)
    rgba = np.empty((4, area.h, area.right - left), np.float32)
    matrices = Plan(taps(y, repeat=False), taps(x, repeat=False))
    for channel in range(4):
        for first, strip in matrices.strips(image[:, channel]):
            rgba[channel, first : first + len(strip)] = strip
    if left == area.x:
        rgba = np.concatenate([rgba[..., :1], rgba], axis=2)
    alpha = np.clip(rgba[3], 0, 1)
    color = np.clip(rgba[:3], 0, alpha)
    weight: Field | np.float32 = np.float32(layer.opacity)
    if layer.clip is not None and not shape_inside(layer.clip, Rect(area.x - 1, area.y, area.w + 1, area.h)):
        weight = coverage(layer.clip, centres(area.x - 1, area.right), centres(area.y, area.bottom)) * weight
    alpha *= weight
    color *= weight
    return _in_codes(area, color, alpha)


def _in_codes(area: IntRect, color: Field, alpha: Field) -> Sprite:
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
