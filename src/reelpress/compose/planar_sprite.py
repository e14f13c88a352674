"""RGBA art as premultiplied YUVA pieces, ready to be laid over planes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from reelpress.color import BT709_LIMITED, quantisation, rgb_to_ycc
from reelpress.compose import planar_blur, planar_grade
from reelpress.compose.coverage import Field, centres, coverage, to_chroma
from reelpress.compose.planar_blur import moves
from reelpress.compose.planar_card import intersect, shape_inside
from reelpress.compose.sprite_art import TO_CODES, Image, Upright, around, halved, moved, product
from reelpress.scene.plan.rect import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from reelpress.scene.plan.layers import SpriteLayer

K = TypeVar("K")
V = TypeVar("V", Image, Upright)


@dataclass(frozen=True, slots=True)
class Sprite:
    """``out = below * through + art`` for each plane, the 0.5 of rounding included in ``art``."""

    area: IntRect
    """Where in the frame; even edges."""
    through: tuple[Field, Field]
    """1 - alpha; luma and chroma."""
    art: tuple[Field, Field, Field]
    """Premultiplied codes relative to nothing: alpha times code, plus 0.5."""


def draw(layer: SpriteLayer, image: Image, upright: Upright | None, size: tuple[int, int]) -> Sprite | None:
    """The sprite as it lies on the frame, None where nothing of it shows.

    Args:
        layer: What to draw; neither its rectangle nor its opacity is 0.
        image: Its file; not empty.
        upright: The same at the layer's size, where it is turned.
        size: Of the frame.
    """
    corner = (layer.rect.x, layer.rect.y)
    if upright is None:
        reach = image.reach(layer.rect, *corner)
    else:
        reach = around(upright.area, corner, layer.angle, layer.pivot)
    blur = layer.blur if moves(layer.blur) else None
    margin = 0 if blur is None else planar_blur.MARGIN
    seen = intersect(reach, IntRect(-margin, -margin, size[0] + 2 * margin, size[1] + 2 * margin))
    if seen is None:
        return None
    art, colors = _straight(layer, image, upright, seen)
    if blur is not None and blur.spread:
        at = pixel_cover(planar_blur.reach(Rect(seen.x, seen.y, seen.w, seen.h).outset(1), blur), size, 1)
        if at is None:
            return None
        art, seen = planar_blur.smeared_art(art, (seen.x, seen.y), blur, at), at
    elif blur is not None:
        art, seen = moved(art, seen, blur)
    if layer.clip is not None and not shape_inside(layer.clip, Rect(seen.x, seen.y, seen.w, seen.h)):
        art *= coverage(layer.clip, centres(seen.x, seen.right), centres(seen.y, seen.bottom))
    if layer.opacity < 1:
        art *= np.float32(layer.opacity)
    return _on_frame(art, colors, seen, size)


def _straight(
    layer: SpriteLayer, image: Image, upright: Upright | None, area: IntRect
) -> tuple[Field, NDArray[np.float32]]:
    """The sprite on whole pixels, without opacity, blur and clip; and what its channels mean in codes."""
    rect = layer.rect
    if upright is None:
        art = image.placed(rect, rect.x, rect.y, area)
    else:
        art = upright.turned((rect.x, rect.y), layer.angle, layer.pivot, area)
    if layer.grade is None:
        return art, image.colors
    rgba = product(image.mix, art.reshape(len(art), -1)).reshape(4, area.h, area.w)
    alpha = rgba[3]
    straight: Field = np.divide(rgba[:3], np.where(alpha > 0, alpha, 1), dtype=np.float32)
    columns, rows = np.arange(area.x, area.right), np.arange(area.y, area.bottom)
    rgba[:3] = planar_grade.art(layer.grade, straight, rect, columns, rows)
    rgba[:3] *= alpha
    return rgba, TO_CODES


def _on_frame(art: Field, colors: NDArray[np.float32], at: IntRect, size: tuple[int, int]) -> Sprite | None:
    """Art on the pixels ``at``, some of which may lie beyond the frame."""
    # A chroma sample sees the luma column before it and the one after it, and both rows of a pair.
    x0, y0 = max(at.x // 2 * 2, 0), max(at.y // 2 * 2, 0)
    x1, y1 = min((at.right + 2) // 2 * 2, size[0]), min((at.bottom + 1) // 2 * 2, size[1])
    area = IntRect(x0, y0, x1 - x0, y1 - y0)
    seen = intersect(at, area)
    if seen is None:
        return None
    whole = np.zeros((len(art), area.h, area.w + 1), np.float32)
    x, y = seen.x - x0 + 1, seen.y - y0
    cut = art[:, seen.y - at.y : seen.bottom - at.y, seen.x - at.x : seen.right - at.x]
    whole[:, y : y + seen.h, x : x + seen.w] = cut
    if x0 == 0:
        whole[:, :, 0] = whole[:, :, 1]  # the frame's first column, repeated
    reduced, flat = halved(whole), whole.reshape(len(art), -1)
    luma = product(colors[:1], flat).reshape(area.h, area.w + 1)[:, 1:] + _HALF
    blue, red = product(colors[1:], reduced.reshape(len(art), -1)).reshape(2, *reduced.shape[1:]) + _HALF
    return Sprite(area, (1 - whole[-1, :, 1:], 1 - reduced[-1]), (luma, blue, red))


_HALF = np.float32(0.5)


def in_codes(area: IntRect, color: Field, alpha: Field) -> Sprite:
    """Premultiplied R'G'B' and alpha as codes; both with the column before ``area``, as chroma needs it.

    Colour has to lie in 0..alpha, and alpha in 0..1.
    """
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
        keep: Sprites to remember; larger ones than ``limit`` bytes are not. So many images, too, and images at the
            size in which they were last turned.
    """

    def __init__(self, keep: int = 4, limit: int = 8 << 20) -> None:
        self._keep, self._limit = keep, limit
        self._images: OrderedDict[str, Image] = OrderedDict()
        self._upright: OrderedDict[tuple[str, float, float], Upright] = OrderedDict()
        self._kept: OrderedDict[tuple[SpriteLayer, tuple[int, int]], Sprite | None] = OrderedDict()

    def get(self, layer: SpriteLayer, size: tuple[int, int]) -> Sprite | None:
        """The sprite of ``layer``, drawn on first use.

        Raises:
            MissingInputError, UnreadableInputError: Of its picture file.
        """
        key = (layer, size)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        sprite = self._draw(layer, size)
        if sprite is None or sprite.art[0].nbytes * 4 <= self._limit:
            self._kept[key] = sprite
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return sprite

    def _draw(self, layer: SpriteLayer, size: tuple[int, int]) -> Sprite | None:
        rect, upright = layer.rect, None
        if layer.opacity <= 0 or rect.w <= 0 or rect.h <= 0:
            return None
        image = _recent(self._images, layer.image, lambda: Image.load(layer.image), self._limit, self._keep)
        if not image.samples.size:
            return None
        if layer.angle != 0:
            at = (layer.image, rect.w, rect.h)
            upright = _recent(self._upright, at, lambda: Upright(image, rect), self._limit, self._keep)
        return draw(layer, image, upright, size)

    def clear(self) -> None:
        """Forget all art."""
        self._kept.clear()
        self._images.clear()
        self._upright.clear()


def _recent(kept: OrderedDict[K, V], key: K, make: Callable[[], V], limit: int, most: int) -> V:
    """Of those ``kept`` that of ``key``, made if need be; older ones go when they are too many or too large."""
    found = kept.get(key)
    if found is None:
        found = kept[key] = make()
        while len(kept) > 1 and (len(kept) > most or sum(one.nbytes for one in kept.values()) > limit):
            kept.popitem(last=False)
    kept.move_to_end(key)
    return found
