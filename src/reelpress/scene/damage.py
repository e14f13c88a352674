"""Where two frames can differ: rectangles outside of which their pixels are identical.

Two plans are compared layer by layer; of a layer that changed, only what the changed property can touch is taken.
Every rectangle allows for the reach of antialiasing and kernels, and for chroma: a chroma sample covers two luma
pixels on both axes and averages the neighbouring columns, so rectangles grow by a pixel and get even edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.scene.plan import (
    BackgroundLayer,
    FramePlan,
    IntRect,
    Layer,
    PictureLayer,
    Rect,
    Shape,
    SpriteLayer,
    pixel_cover,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_RECTS = 8
"""More are united into one."""
CHROMA = 1.0
"""Pixels that the horizontal chroma filter reaches beyond a changed pixel."""
ANTIALIAS = 1.75
"""Pixels outside a rounded outline up to which coverage is above 0: w = 1, samples 0.25 and a pixel 0.5 off."""
PIXEL = 0.5
"""Pixels from a pixel's centre, where shadow is evaluated, to its edge."""
KERNEL = 2.0
"""Support of the cubic kernel, in the larger of a source and an output pixel."""


def damage(new: FramePlan, old: FramePlan | None) -> tuple[IntRect, ...]:
    """Rectangles outside of which ``new`` cannot differ from ``old``; empty means that they are the same picture.

    Even edges inside the frame, no two overlap, at most ``MAX_RECTS``.
    """
    if new is old:
        return ()
    w, h = new.size
    whole = (IntRect(0, 0, w, h),)
    if old is None or old.size != new.size:
        return whole
    rects: list[IntRect] = []
    for after, before in _pairs(new.layers, old.layers):
        for area in _changed(after, before):
            cover = pixel_cover(area, new.size, CHROMA, 2)
            if cover is not None:
                if cover.w == w and cover.h == h:
                    return whole
                rects.append(cover)
    return merge(rects) if rects else ()


def _pairs(new: Sequence[Layer], old: Sequence[Layer]) -> list[tuple[Layer | None, Layer | None]]:
    """Layers that differ, matched as (new, old); ``None`` where one was added or removed."""
    first = 0
    while first < len(new) and first < len(old) and _same(new[first], old[first]):
        first += 1
    last = 0
    most = min(len(new), len(old)) - first
    while last < most and _same(new[-1 - last], old[-1 - last]):
        last += 1
    middle_new, middle_old = new[first : len(new) - last], old[first : len(old) - last]
    pairs: list[tuple[Layer | None, Layer | None]] = []
    if [_key(layer) for layer in middle_new] == [_key(layer) for layer in middle_old]:
        pairs.extend((a, b) for a, b in zip(middle_new, middle_old, strict=True) if not _same(a, b))
        return pairs
    pairs.extend((layer, None) for layer in middle_new)
    pairs.extend((None, layer) for layer in middle_old)
    return pairs


def _same(a: Layer, b: Layer) -> bool:
    return a is b or a == b


def _key(layer: Layer) -> object:
    """Layers with the same key are taken to be the same thing in another state."""
    return type(layer)


def _changed(new: Layer | None, old: Layer | None) -> list[Rect]:
    """Areas, before antialiasing to whole pixels, in which a layer's change can be seen."""
    if isinstance(new, PictureLayer) and isinstance(old, PictureLayer):
        return _picture_change(new, old)
    return [area for layer in (new, old) if layer is not None for area in _extent(layer)]


def _extent(layer: Layer) -> list[Rect]:
    """Where a layer can be anything but transparent."""
    match layer:
        case BackgroundLayer():
            return [_EVERYWHERE]
        case PictureLayer():
            return [_picture_extent(layer)] if layer.opacity > 0 else []
        case SpriteLayer():
            return _sprite_extent(layer)


_EVERYWHERE = Rect(-1e9, -1e9, 2e9, 2e9)


def _inside(shape: Shape) -> Rect:
    """Where the shape has any coverage. A radius of 0 is an exact box."""
    return shape.rect if shape.radius == 0 else shape.rect.outset(ANTIALIAS)


def _picture_extent(layer: PictureLayer) -> Rect:
    reach = 0.0 if layer.shape.radius == 0 else ANTIALIAS
    if layer.shadow is not None:
        reach = max(reach, layer.shadow.reach + PIXEL)
    if layer.border is not None:
        reach = max(reach, layer.border.width + ANTIALIAS)
    return layer.shape.rect.outset(reach)


def _picture_change(new: PictureLayer, old: PictureLayer) -> list[Rect]:
    if new.shape != old.shape or new.opacity != old.opacity:
        return [_picture_extent(new), _picture_extent(old)]
    if new.opacity <= 0:
        return []
    areas: list[Rect] = []
    if new.source != old.source or new.frame != old.frame or new.crop != old.crop or new.rect != old.rect:
        areas.append(_inside(new.shape))
    if new.shadow != old.shadow:
        reach = max(s.reach for s in (new.shadow, old.shadow) if s is not None)
        areas.append(new.shape.rect.outset(reach + PIXEL))
    if new.border != old.border:
        width = max(b.width for b in (new.border, old.border) if b is not None)
        areas.append(new.shape.rect.outset(width + ANTIALIAS))
    return areas


def _sprite_extent(layer: SpriteLayer) -> list[Rect]:
    if layer.opacity <= 0:
        return []
    rect = layer.rect
    # The kernel is centred on source pixels; half a source pixel lies inside the rectangle, the rest of it may
    # reach out. A file of unknown size could be one pixel wide.
    across = KERNEL * max(1.0, rect.w / max(layer.width, 1))
    down = KERNEL * max(1.0, rect.h / max(layer.height, 1))
    area = Rect(rect.x - across, rect.y - down, rect.w + 2 * across, rect.h + 2 * down)
    if layer.clip is not None:
        area = area.intersect(_inside(layer.clip))
        if area.w <= 0 or area.h <= 0:
            return []
    return [area]


def merge(rects: Sequence[IntRect]) -> tuple[IntRect, ...]:
    """The same area or more, as few rectangles that do not overlap, sorted.

    Two rectangles become one where they overlap, or where their union is no larger than both together.
    """
    kept: list[IntRect] = []
    for rect in rects:
        grown = rect
        while True:
            partner = next((other for other in kept if _unite(grown, other)), None)
            if partner is None:
                break
            kept.remove(partner)
            grown = union(grown, partner)
        kept.append(grown)
    if len(kept) > MAX_RECTS:
        box = kept[0]
        for rect in kept[1:]:
            box = union(box, rect)
        kept = [box]
    return tuple(sorted(kept))


def union(a: IntRect, b: IntRect) -> IntRect:
    """The smallest rectangle around both."""
    x, y = min(a.x, b.x), min(a.y, b.y)
    return IntRect(x, y, max(a.right, b.right) - x, max(a.bottom, b.bottom) - y)


def _unite(a: IntRect, b: IntRect) -> bool:
    overlap = a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom
    return overlap or union(a, b).area <= a.area + b.area
