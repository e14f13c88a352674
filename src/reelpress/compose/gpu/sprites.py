"""Sprites drawn by the GPU: image files stay in the arena, and a sprite that moves costs two small passes.

What they make (sprites.wgsl) is kept at the beginning of the images' memory, where the next frame finds it if the
sprite rests: it costs nothing then, and looks just as it did while it moved. Sprites that are graded, very large or
reduced very far, and all texts, are drawn by the code of the CPU and uploaded (:mod:`reelpress.compose.gpu.art`).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from reelpress.compose.assets import load
from reelpress.compose.gpu import layers as records
from reelpress.compose.gpu.layers import MARGIN, Image, Sheet
from reelpress.compose.gpu.passes import GROUP, aligned, common, halved
from reelpress.compose.planar_blur import moves
from reelpress.compose.planar_card import shape_inside
from reelpress.compose.sprite_art import around
from reelpress.scene.plan.layers import SpriteLayer
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.gpu.art import Art
    from reelpress.compose.gpu.memory import Arena
    from reelpress.compose.gpu.passes import Passes
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.layers import TextLayer

_JOB = struct.Struct("<I4iI4iI4iI4iiI11f")
_WHOLE = 0xFFFFFFFF
"""No clip."""

LARGEST_FILE = 1 << 18
"""Pixels of a file, of those in it that are not transparent; 1 MiB in the arena."""
LARGEST_AREA = 1 << 20
"""Pixels of the frame that a sprite may touch; its art takes twice as many words."""
LARGEST_STEP = 8.0
"""Samples of the file a pixel: the passes look at each under the kernel of each pixel, not along rows and columns."""
KEPT = 4
"""Sprites of a frame that are kept for the next one."""


class _File(NamedTuple):
    """A picture file in the arena, without its transparent margins: straight RGBA, a word a pixel."""

    image: Image
    width: int
    """Of the file."""
    height: int

    @property
    def too_large(self) -> bool:
        """It is not there, then."""
        return self.image.w * self.image.h > LARGEST_FILE

    def reach(self, rect: Rect, x: float, y: float) -> IntRect:
        """Whole pixels that it can touch, the rectangle's corner being at (x, y)."""
        image = self.image
        x0, x1 = _reach(x, rect.w / self.width, image.x, image.w)
        y0, y1 = _reach(y, rect.h / self.height, image.y, image.h)
        return IntRect(x0, y0, x1 - x0, y1 - y0)


@dataclass(slots=True)
class _Slot:
    """Where a sprite is kept, at the beginning of the images' memory."""

    at: int = 0
    words: int = 0
    wanted: int = 0
    """Words that it gets from the next frame on."""
    layer: SpriteLayer | None = None
    """What is there, fully opaque; None for nothing of use."""
    size: tuple[int, int] = (0, 0)
    sheet: Sheet | None = None


class Sprites:
    """Adds the passes that sprites need, and gives their records.

    Args:
        arena: Gets the files.
        art: Draws what is not for these passes.
        passes: Gets the passes.
    """

    def __init__(self, arena: Arena, art: Art, passes: Passes) -> None:
        self._arena, self._art, self._passes = arena, art, passes
        self._slots: list[_Slot] = []
        self._next = 0
        self._sure = False
        self.holding = False
        """Whether the images' memory holds a sprite of an earlier frame."""

    def begin(self) -> int:
        """A new frame. What the last one drew is forgotten unless it was :meth:`submitted`.

        Returns:
            Words at the beginning of the images' memory that are taken.
        """
        at = 0
        for slot in self._slots:
            if not self._sure or slot.at != at or slot.wanted > slot.words:
                slot.layer = None
            slot.at, slot.words = at, max(slot.words, slot.wanted)
            at += slot.words
        self._next, self._sure = 0, False
        self.holding = any(slot.layer is not None for slot in self._slots)
        return at

    def submitted(self) -> None:
        """The frame's passes are on their way: what they draw may be used by the next one."""
        self._sure = True

    def record(self, layer: SpriteLayer | TextLayer, size: tuple[int, int]) -> bytes | None:
        """The record of a sprite or text on a frame of ``size``; None where nothing of it shows.

        Raises:
            MissingInputError, UnreadableInputError: Of its picture file.
        """
        if layer.opacity <= 0:
            return None
        if isinstance(layer, SpriteLayer) and layer.grade is None:
            if layer.rect.w <= 0 or layer.rect.h <= 0:
                return None
            number, self._next = self._next, self._next + 1
            opaque = layer if layer.opacity == 1 else replace(layer, opacity=1.0)
            slot = self._slots[number] if number < len(self._slots) else None
            if slot is not None and slot.size == size and slot.layer == opaque:
                assert slot.sheet is not None
                return records.art(slot.sheet, layer.opacity)
            file = self._file(layer.image)
            if not file.image.w:
                return None
            if not file.too_large and max(file.width / layer.rect.w, file.height / layer.rect.h) <= LARGEST_STEP:
                areas = _areas(layer, file, size)
                if areas is None:
                    return None
                if max(area.area for area in areas) <= LARGEST_AREA:
                    sheet = self._drawn(opaque, file, *areas, number, size)
                    return records.art(sheet, layer.opacity)
        uploaded = self._art.sprite(layer, size)
        return None if uploaded is None else records.art(uploaded, layer.opacity, in_arena=True)

    def _file(self, path: str) -> _File:
        def read() -> tuple[NDArray[Any], _File]:
            rgba = load(path)
            tall, wide = rgba.shape[:2]
            rows, columns = (np.flatnonzero(rgba[..., 3].any(axis=axis)) for axis in (1, 0))
            if not len(rows):
                return np.zeros(0, np.uint8), _File(Image(0, 0, 0, 0, 0), wide, tall)
            x, y = int(columns[0]), int(rows[0])
            seen = rgba[y : rows[-1] + 1, x : columns[-1] + 1]
            file = _File(Image(0, x, y, seen.shape[1], seen.shape[0]), wide, tall)
            return np.ascontiguousarray(seen[:0] if file.too_large else seen), file

        block = self._arena.keep(("sprite", path), read)
        file: _File = block.extra
        if file.image.at != block.at // 4:
            file = block.extra = file._replace(image=file.image._replace(at=block.at // 4))
        return file

    def _drawn(
        self, layer: SpriteLayer, file: _File, art: IntRect, box: IntRect, number: int, size: tuple[int, int]
    ) -> Sheet:
        """Add the passes of a sprite: placed on the pixels ``art``, seen on ``box`` (even edges)."""
        passes, rect, blur = self._passes, layer.rect, layer.blur
        sheet = self._sheet(layer, box, number, size)
        placed = passes.image(art, 2)
        step_x, step_y = file.width / rect.w, file.height / rect.h
        x, y = art.x + 0.5, art.y + 0.5
        if layer.angle == 0:
            shader, cos, sin = "sprite_upright", 1.0, 0.0
            base = (x - rect.x) * step_x - 0.5, (y - rect.y) * step_y - 0.5
        else:
            shader, cos, sin = "sprite_turned", math.cos(layer.angle), math.sin(layer.angle)
            px, py = layer.pivot
            x, y = x - px, y - py
            base = px + cos * x + sin * y - rect.x - 0.5, py - sin * x + cos * y - rect.y - 0.5
        clip = _WHOLE
        if layer.clip is not None and not shape_inside(layer.clip, Rect(box.x, box.y, box.w, box.h)):
            clip = passes.records([records.clip(layer.clip)])
        taps, moved = 1, (0.0,) * 5
        if blur is not None and moves(blur):
            taps, moved = _taps(blur), (blur.dx, blur.dy, blur.spread, *blur.origin)
        job = _JOB.pack(
            *file.image, *placed, *sheet.luma, *sheet.chroma, taps, clip, *base, step_x, step_y, cos, sin, *moved
        )
        passes.add(shader, job, -(-art.w // GROUP), -(-art.h // GROUP))
        passes.add("sprite_sheet", job, -(-box.w // (2 * GROUP)), -(-box.h // (2 * GROUP)))
        return sheet

    def _sheet(self, layer: SpriteLayer, box: IntRect, number: int, size: tuple[int, int]) -> Sheet:
        """Memory for a sprite: where it will be kept, or among the frame's own if that is too small as yet."""
        if number >= KEPT:
            return self._passes.sheet(box)
        while number >= len(self._slots):  # of those below it none was drawn here as yet
            self._slots.append(_Slot())
        slot, half = self._slots[number], halved(box)
        luma = aligned(box.area)
        words = luma + aligned(2 * half.area)
        if words > slot.words:
            slot.layer, slot.wanted = None, aligned(words * 5 // 4)
            return self._passes.sheet(box)
        sheet = Sheet(Image(slot.at, box.x, box.y, box.w, box.h), Image(slot.at + luma, half.x, half.y, half.w, half.h))
        slot.layer, slot.size, slot.sheet = layer, size, sheet
        return sheet


def _taps(blur: Blur) -> int:
    """Places of a sprite's motion blur (scene.plan.Blur)."""
    return 13 if blur.spread else 21


def _reach(start: float, scale: float, first: int, count: int) -> tuple[int, int]:
    """Pixels whose centres ``count`` samples from ``first`` on reach: first and one past the last."""
    wide = 2 * max(1.0, scale)
    low, high = start + (first + 0.5) * scale - wide, start + (first + count - 0.5) * scale + wide
    return math.floor(low - 0.5) + 1, math.ceil(high - 0.5)


def _areas(layer: SpriteLayer, file: _File, size: tuple[int, int]) -> tuple[IntRect, IntRect] | None:
    """Pixels to place a sprite on, and those that it is seen on, with even edges; None if there are none."""
    rect, blur = layer.rect, layer.blur
    if layer.angle == 0:
        reach = file.reach(rect, rect.x, rect.y)
    else:
        own = file.reach(rect, 0.0, 0.0)  # and as far as the kernel that turns looks
        grown = Rect(own.x - 1.5, own.y - 1.5, own.w + 3.0, own.h + 3.0)
        reach = around(grown, (rect.x, rect.y), layer.angle, layer.pivot)
    moving = blur is not None and moves(blur)
    margin = MARGIN if moving else 0
    art = common(reach, IntRect(-margin, -margin, size[0] + 2 * margin, size[1] + 2 * margin))
    if art is None:
        return None
    seen = art
    if blur is not None and moving:
        far = 0.5 - 0.5 / _taps(blur)
        x0, x1 = _moved(art.x, art.right, blur.dx, blur.spread, blur.origin[0], far)
        y0, y1 = _moved(art.y, art.bottom, blur.dy, blur.spread, blur.origin[1], far)
        seen = IntRect(x0, y0, x1 - x0, y1 - y0)
    # A chroma sample sees the luma column before it and the one after it, and both rows of a pair.
    x0, y0 = max(seen.x // 2 * 2, 0), max(seen.y // 2 * 2, 0)
    x1, y1 = min((seen.right + 2) // 2 * 2, size[0]), min((seen.bottom + 1) // 2 * 2, size[1])
    return (art, IntRect(x0, y0, x1 - x0, y1 - y0)) if x1 > x0 and y1 > y0 else None


def _moved(start: int, end: int, length: float, spread: float, origin: float, far: float) -> tuple[int, int]:
    """Pixels that ``start .. end`` comes to lie on in a motion blur whose last tap is ``far`` from its middle."""
    # Between pixels art reaches half a pixel beyond its edges. Of all taps the outer two are furthest on each side.
    low, high = start - 0.5, end + 0.5
    by_low, by_high = (abs((edge - origin) * spread + length) * far for edge in (low, high))
    return math.floor(min(low - by_low, high - by_high)), math.ceil(max(low + by_low, high + by_high))
