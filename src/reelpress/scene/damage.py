"""Where two frames can differ: rectangles outside of which their pixels are identical.

Two plans are compared layer by layer; of a layer that changed, only what the changed property can touch is taken.
Every rectangle allows for the reach of antialiasing and kernels, and for chroma: a chroma sample covers two luma
pixels on both axes and averages the neighbouring columns, so rectangles grow by a pixel and get even edges. Layers
are gone through upwards, because an effect above a change may spread or hide it (``damage_reach``).
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING

from reelpress.scene.damage_reach import (
    effect_change,
    effect_extent,
    smeared,
    smeared_picture,
    through_effect,
    turned,
    unwarped,
)
from reelpress.scene.plan.layers import (
    BackgroundLayer,
    EffectLayer,
    FillLayer,
    GroupLayer,
    Layer,
    PictureLayer,
    SpriteLayer,
    TextLayer,
)
from reelpress.scene.plan.rect import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.scene.geometry import Size
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.frame import FramePlan
    from reelpress.scene.plan.outline import Shape

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
    if old is None or old.size != new.size:
        return (IntRect(0, 0, *new.size),)
    return merge(_damage(new.layers, old.layers, new.size))


def _damage(new: Sequence[Layer], old: Sequence[Layer], size: Size) -> list[IntRect]:
    """Where two stacks of layers can differ. A change passes upwards through the layers above it."""
    first, last = _common(new, old)
    middle_new, middle_old = new[first : len(new) - last], old[first : len(old) - last]
    rects: list[IntRect] = []
    if [_key(layer) for layer in middle_new] == [_key(layer) for layer in middle_old]:
        for after, before in zip(middle_new, middle_old, strict=True):
            rects = _through(rects, (after,) if after == before else (after, before), size)
            if not _same(after, before):
                rects += _changed(after, before, size)
    else:
        for layer in (*middle_new, *middle_old):
            rects += _extent(layer, size)
        for layer in (*middle_new, *middle_old):
            rects = _through(rects, (layer,), size)
    for layer in new[len(new) - last :]:
        rects = _through(rects, (layer,), size)
    return rects


def _through(rects: list[IntRect], layers: tuple[Layer, ...], size: Size) -> list[IntRect]:
    """What is to be seen of changes in ``rects`` above any of the layers that lie on them."""
    if not rects:
        return rects
    effects = [layer for layer in layers if isinstance(layer, EffectLayer)]
    if not effects:
        return rects
    return list(merge([seen for effect in effects for rect in rects for seen in through_effect(effect, rect, size)]))


def _common(new: Sequence[Layer], old: Sequence[Layer]) -> tuple[int, int]:
    """How many layers are the same at the bottom, and of the others at the top."""
    first = 0
    while first < len(new) and first < len(old) and _same(new[first], old[first]):
        first += 1
    last = 0
    most = min(len(new), len(old)) - first
    while last < most and _same(new[-1 - last], old[-1 - last]):
        last += 1
    return first, last


def _same(a: Layer, b: Layer) -> bool:
    return a is b or a == b


def _key(layer: Layer) -> object:
    """Layers with the same key are taken to be the same thing in another state."""
    return type(layer)


def _cover(areas: Sequence[Rect], size: Size) -> list[IntRect]:
    """Pixels of which a luma or chroma sample can see the areas."""
    return [cover for area in areas if (cover := pixel_cover(area, size, CHROMA, 2)) is not None]


def _changed(new: Layer, old: Layer, size: Size) -> list[IntRect]:
    """Where a layer's change (of two of one kind) can be seen."""
    match new, old:
        case PictureLayer(), PictureLayer():
            if new.blur != old.blur:
                return _extent(new, size) + _extent(old, size)
            return _blurred(_card_change(new, old, _shows_else(new, old)), new.blur, size)
        case FillLayer(), FillLayer():
            return _cover(_card_change(new, old, new.color != old.color), size)
        case EffectLayer(), EffectLayer():
            return effect_change(new, old, size)
        case GroupLayer(), GroupLayer():
            return _group_change(new, old, size)
    return _extent(new, size) + _extent(old, size)


def _extent(layer: Layer, size: Size) -> list[IntRect]:
    """Where a layer can be anything but transparent, or changes what is below."""
    match layer:
        case BackgroundLayer():
            return [IntRect(0, 0, *size)]
        case PictureLayer():
            return _blurred(_card_extent(layer), layer.blur, size)
        case FillLayer():
            return _cover(_card_extent(layer), size)
        case SpriteLayer():
            return list(_sprite_cover(layer, size))
        case TextLayer():
            return _cover([layer.bounds] if layer.opacity > 0 else [], size)
        case EffectLayer():
            return effect_extent(layer, size)
        case GroupLayer():
            return _group_extent(layer, size)


def _inside(shape: Shape) -> Rect:
    """Where the shape has any coverage. A radius of 0 is an exact box."""
    return shape.rect if shape.radius == 0 else shape.rect.outset(ANTIALIAS)


def _card_extent(layer: PictureLayer | FillLayer) -> list[Rect]:
    if layer.opacity <= 0 or layer.shape.rect.w <= 0 or layer.shape.rect.h <= 0:
        return []
    reach = 0.0 if layer.shape.radius == 0 else ANTIALIAS
    if layer.shadow is not None:
        reach = max(reach, layer.shadow.reach + PIXEL)
    if layer.border is not None:
        reach = max(reach, layer.border.width + ANTIALIAS)
    return [layer.shape.rect.outset(reach)]


_DECORATION = ("shape", "shadow", "border", "opacity", "blur")
"""Properties of a picture layer that :func:`_shows_else` leaves to others."""


def _shows_else(new: PictureLayer, old: PictureLayer) -> bool:
    """Whether anything but outline, shadow, ring and opacity differs: whatever decides on the picture itself."""
    return any(getattr(new, f.name) != getattr(old, f.name) for f in fields(new) if f.name not in _DECORATION)


def _card_change(new: PictureLayer | FillLayer, old: PictureLayer | FillLayer, shows_else: bool) -> list[Rect]:
    """``shows_else``: whether what is inside of the outline differs."""
    if new.shape != old.shape or new.opacity != old.opacity:
        return [*_card_extent(new), *_card_extent(old)]
    if not _card_extent(new):
        return []
    areas: list[Rect] = []
    if shows_else:
        areas.append(_inside(new.shape))
    if isinstance(new, PictureLayer) and isinstance(old, PictureLayer) and _is_empty(new) != _is_empty(old):
        areas += _card_extent(new)  # a picture without an area or content has no decoration either
    if new.shadow != old.shadow:
        reach = max(s.reach for s in (new.shadow, old.shadow) if s is not None)
        areas.append(new.shape.rect.outset(reach + PIXEL))
    if new.border != old.border:
        width = max(b.width for b in (new.border, old.border) if b is not None)
        areas.append(new.shape.rect.outset(width + ANTIALIAS))
    return areas


def _is_empty(layer: PictureLayer) -> bool:
    return any(rect.w <= 0 or rect.h <= 0 for rect in (layer.rect, layer.crop))


@lru_cache(maxsize=16)
def _sprite_cover(layer: SpriteLayer, size: Size) -> tuple[IntRect, ...]:
    """Of a pointer that moves each place is asked for twice: when it comes there and when it leaves."""
    return tuple(_cover(_sprite_extent(layer), size))


def _sprite_extent(layer: SpriteLayer) -> list[Rect]:
    if layer.opacity <= 0 or layer.rect.w <= 0 or layer.rect.h <= 0:
        return []
    rect, angle, blur, clip = layer.rect, layer.angle, layer.blur, layer.clip
    # The kernel is centred on source pixels; half a source pixel lies inside the rectangle, the rest of it may
    # reach out. A file of unknown size could be one pixel wide.
    across = KERNEL * max(1.0, rect.w / max(layer.width, 1))
    down = KERNEL * max(1.0, rect.h / max(layer.height, 1))
    if angle != 0:  # turned from its own pixel grid: those pixels' kernel once more
        across, down = across + KERNEL, down + KERNEL
    area = Rect(rect.x - across, rect.y - down, rect.w + 2 * across, rect.h + 2 * down)
    if angle != 0:
        area = turned(area, angle, layer.pivot)
    if blur is not None:
        area = smeared(area, blur, 1.0)
    if clip is None:
        return [area]
    inside, soft = clip.rect, 0.0 if clip.radius == 0 else ANTIALIAS
    if (  # the rule; a rectangle less to make
        area.x >= inside.x - soft
        and area.y >= inside.y - soft
        and area.x + area.w <= inside.x + inside.w + soft
        and area.y + area.h <= inside.y + inside.h + soft
    ):
        return [area]
    area = area.intersect(_inside(clip))
    return [area] if area.w > 0 and area.h > 0 else []


def _blurred(areas: Sequence[Rect], blur: Blur | None, size: Size) -> list[IntRect]:
    """Pixels that can see the areas of a picture with motion blur."""
    if blur is None:
        return _cover(areas, size)
    # Art is filtered to chroma before it is moved.
    return _cover([smeared_picture(area.outset(2 * CHROMA), blur, size) for area in areas], size)


def _group_extent(layer: GroupLayer, size: Size) -> list[IntRect]:
    if layer.opacity <= 0:
        return []
    if layer.replaces:
        return [IntRect(0, 0, *size)]  # what is below goes, wherever that is
    rects: list[IntRect] = []
    for each in layer.layers:
        rects = _through(rects, (each,), size)
        if not isinstance(each, EffectLayer):  # over nothing an effect does nothing
            rects += _extent(each, size)
    return _warped(rects, layer, size)


def _group_change(new: GroupLayer, old: GroupLayer, size: Size) -> list[IntRect]:
    if new.warp != old.warp or new.opacity != old.opacity or new.replaces != old.replaces:
        return _group_extent(new, size) + _group_extent(old, size)
    return _warped(_damage(new.layers, old.layers, size), new, size) if new.opacity > 0 else []


def _warped(rects: list[IntRect], layer: GroupLayer, size: Size) -> list[IntRect]:
    if layer.warp is None:
        return rects
    areas = [seen for rect in rects if (seen := unwarped(rect, layer.warp)) is not None]
    return _cover(areas, size)


def merge(rects: Sequence[IntRect]) -> tuple[IntRect, ...]:
    """The same area or more, as few rectangles that do not overlap, sorted.

    Two rectangles become one where they overlap, or where their union is no larger than both together.
    """
    if len(rects) < 2:
        return tuple(rects)
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
    return IntRect(x, y, max(a.x + a.w, b.x + b.w) - x, max(a.y + a.h, b.y + b.h) - y)


def _unite(a: IntRect, b: IntRect) -> bool:
    overlap = a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h
    return overlap or union(a, b).area <= a.area + b.area
