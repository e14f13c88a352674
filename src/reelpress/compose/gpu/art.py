"""Art in the arena: backgrounds, texts, some pointers and tables of mosaics, drawn once and kept while they are shown.

Backgrounds are planes of 16 bits that :mod:`reelpress.compose.planar_background` draws: what lies over one may be
see-through or darken it, and a nearly flat one that was rounded to codes before would then be off by a code all over.
Texts, and the few sprites that :mod:`reelpress.compose.gpu.sprites` does not have drawn by passes, are made by the code
of the CPU and go over as f16.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose import planar_background
from reelpress.compose.gpu.layers import Image, Sheet
from reelpress.compose.planar_sprite import Sprites
from reelpress.compose.planar_text import Texts
from reelpress.scene.plan.layers import SpriteLayer, TextLayer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.gpu.memory import Arena
    from reelpress.compose.planar_sprite import Sprite
    from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer


class Art:
    """Draws art at first use."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._sprites, self._texts = Sprites(keep=1), Texts(limit=4 << 20)

    def sprite(self, layer: SpriteLayer | TextLayer, size: tuple[int, int]) -> Sheet | None:
        """A sprite or text at full opacity on a frame of ``size``; None where nothing of it shows.

        Raises:
            MissingInputError, UnreadableInputError: Of its picture file.
        """
        if layer.opacity <= 0:
            return None
        opaque = layer if layer.opacity == 1 else replace(layer, opacity=1.0)
        key = (opaque, size)
        block = self._arena.get(key)
        if block is None:
            if isinstance(opaque, SpriteLayer):
                drawn = self._sprites.get(opaque, size)
            else:
                drawn = self._texts.get(opaque, size)
            data = np.zeros(0, np.uint32) if drawn is None else _packed(drawn)
            block = self._arena.make(key, data.nbytes)
            if drawn is not None:
                self._arena.write(block.at, data)
                x, y, w, h = drawn.area.x, drawn.area.y, drawn.area.w, drawn.area.h
                at = block.at // 4
                chroma = Image(at + w * h, x // 2, y // 2, w // 2, h // 2)
                block.extra = Sheet(Image(at, x, y, w, h), chroma)
        sheet: Sheet | None = block.extra
        return sheet

    def ground(self, layer: BackgroundLayer, size: tuple[int, int]) -> tuple[int, int]:
        """First byte and stride of a background as NV12 planes of 16 bits, the chroma after the luma.

        Raises:
            MissingInputError, UnreadableInputError: Of its picture file.
        """

        def draw() -> tuple[NDArray[Any], Any]:
            width, height = size
            columns = -(-width // 4) * 4
            made = np.zeros((height * 3 // 2, columns), np.uint16)
            planar_background.draw_into(
                layer, (made[:height, :width], made[height:, 0:width:2], made[height:, 1:width:2])
            )
            return made, 2 * columns

        block = self._arena.keep((layer, size), draw)
        return block.at, block.extra

    def mosaic(self, layer: EffectLayer, size: tuple[int, int]) -> int:
        """First word of the tables of a mosaic: for the columns and rows of luma, then of chroma, the sample that is
        shown there (scene.plan.Effect.PIXELATE)."""

        def draw() -> tuple[NDArray[Any], Any]:
            rect, amount = layer.rect, layer.amount
            luma_x = _shown(0.5, 1, size[0], rect.x, rect.w, amount)
            luma_y = _shown(0.5, 1, size[1], rect.y, rect.h, amount)
            chroma_x = _shown(0.5, 2, size[0] // 2, rect.x, rect.w, amount)
            chroma_y = _shown(1.0, 2, size[1] // 2, rect.y, rect.h, amount)
            return np.concatenate([luma_x, luma_y, chroma_x, chroma_y]).astype(np.uint32), None

        return self._arena.keep((layer.rect, layer.amount, size), draw).at // 4

    def clear(self) -> None:
        self._sprites.clear()
        self._texts.clear()


def _packed(drawn: Sprite) -> NDArray[np.uint32]:
    """Premultiplied art as the shaders read it (common.wgsl, "Images"): its luma, then its chroma."""
    area = drawn.area
    luma = np.empty((area.h, area.w, 2), np.float16)
    cover = 1 - drawn.through[0]
    luma[..., 0] = drawn.art[0] - 0.5 - 16 * cover
    luma[..., 1] = cover
    chroma = np.zeros((area.h // 2, area.w // 2, 4), np.float16)
    cover = 1 - drawn.through[1]
    chroma[..., 0] = drawn.art[1] - 0.5 - 128 * cover
    chroma[..., 1] = drawn.art[2] - 0.5 - 128 * cover
    chroma[..., 2] = cover
    return np.concatenate([luma.reshape(-1).view(np.uint32), chroma.reshape(-1).view(np.uint32)])


def _shown(origin: float, pitch: int, count: int, start: float, length: float, amount: float) -> NDArray[np.intp]:
    """For each sample of an axis the one whose value a mosaic shows there."""
    positions = origin + pitch * np.arange(count)
    last = max(0, math.ceil(length / amount) - 1)
    cell = np.floor((positions - start) / amount).clip(0, last)
    centre = np.minimum(start + (cell + 0.5) * amount, start + length)
    shown: NDArray[np.intp] = np.ceil((centre - origin) / pitch - 0.5).astype(np.intp).clip(0, count - 1)
    return shown
