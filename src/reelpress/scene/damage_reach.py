"""How far a change reaches through what treats finished pictures: effects, motion blur, turning, warps.

Whole-pixel rectangles (even edges) hold every luma and every chroma sample that may differ; chroma sample (i, j) of a
rectangle lies at (2i + 0.5, 2j + 1), so up to 1.5 pixels inside its right and 1 inside its lower edge.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.rect import IntRect, Rect, pixel_cover

if TYPE_CHECKING:
    from reelpress.scene.geometry import Size
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.layers import EffectLayer

    Warp = tuple[float, float, float, float, float, float, float, float, float]

CHROMA = 1.0
"""Pixels beyond a luma pixel from which a chroma sample looks at it."""
CHROMA_PITCH = 2.0
"""Pixels between two chroma samples: how far bilinear sampling reaches among them."""
WARP_KERNEL = 4.0
"""Pixels that the cubic kernel reaches among chroma samples (2 of them)."""
RAY = 0.45
"""Of a scaling's ray that its taps reach out at most on either side: 0.4375 with many of them."""
FAR = 1e9


# --- effects ----------------------------------------------------------------------------------------------------------


def effect_extent(layer: EffectLayer, size: Size) -> list[IntRect]:
    """Where an effect can change what is below it."""
    if layer.amount <= 0:
        return []
    if layer.effect is not Effect.HIGHLIGHT:
        return _touched(layer, size)
    return _around(_settled(layer), size)


def effect_change(new: EffectLayer, old: EffectLayer, size: Size) -> list[IntRect]:
    """Where two effects can differ, with the same picture below."""
    highlights = new.effect is Effect.HIGHLIGHT and old.effect is Effect.HIGHLIGHT
    if highlights and new.amount == old.amount:
        # Beyond both rectangles both are equally dark. Within one inside the other there may be a common bright part,
        # but a moving or growing rectangle is the rule, and one rectangle is cheaper than four.
        return _touched(new, size) + _touched(old, size) if new.amount > 0 else []
    return effect_extent(new, size) + effect_extent(old, size)


def through_effect(layer: EffectLayer, rect: IntRect, size: Size) -> list[IntRect]:
    """Where a change in ``rect`` below the effect is seen above it."""
    if layer.amount <= 0 or layer.effect is Effect.HIGHLIGHT:
        return [rect]
    touched = _touched(layer, size)
    part = _common_part(rect, touched[0]) if touched else None
    if part is None:
        return [rect]
    seen = [] if _holds(_settled(layer), rect) else [rect]
    spread = (
        _cells_of(layer, part, size) if layer.effect is Effect.PIXELATE else _grown(part, layer.amount + CHROMA_PITCH)
    )
    cover = pixel_cover(spread, size, CHROMA, 2) if spread is not None else None
    inner = _common_part(cover, touched[0]) if cover is not None else None
    return seen if inner is None else [*seen, inner]


def _touched(layer: EffectLayer, size: Size) -> list[IntRect]:
    """Pixels in which the weight is above 0 for luma or chroma."""
    if layer.rect.w <= 0 or layer.rect.h <= 0:
        return []
    cover = pixel_cover(layer.rect, size, CHROMA, 2)
    return [cover] if cover is not None else []


def _settled(layer: EffectLayer) -> IntRect | None:
    """Pixels in which the weight is 1 for luma and for chroma, whatever chroma sample they take it from."""
    inner = layer.rect.outset(-layer.feather - (0.5 if layer.feather > 0 else 0.0))
    # A chroma sample's filter begins one column to its left; even edges hold whole chroma samples.
    x, y = math.ceil((inner.x + CHROMA) / 2) * 2, math.ceil(inner.y / 2) * 2
    right, bottom = math.floor(inner.right / 2) * 2, math.floor(inner.bottom / 2) * 2
    return IntRect(x, y, right - x, bottom - y) if right > x and bottom > y else None


def _around(hole: IntRect | None, size: Size) -> list[IntRect]:
    """The frame without a hole with even edges, in up to four parts."""
    whole = IntRect(0, 0, *size)
    hole = _common_part(whole, hole) if hole is not None else None
    if hole is None:
        return [whole]
    w, h = size
    parts = (
        IntRect(0, 0, w, hole.y),
        IntRect(0, hole.y, hole.x, hole.h),
        IntRect(hole.right, hole.y, w - hole.right, hole.h),
        IntRect(0, hole.bottom, w, h - hole.bottom),
    )
    return [part for part in parts if part.w > 0 and part.h > 0]


def _cells_of(layer: EffectLayer, changed: IntRect, size: Size) -> Rect | None:
    """The cells whose colour is taken from changed samples."""
    # A cell whose centre lies beyond the frame shows the frame's outermost samples.
    x0, y0 = (-FAR if first <= 0 else first for first in (changed.x, changed.y))
    x1, y1 = (FAR if last >= end else last for last, end in zip((changed.right, changed.bottom), size, strict=True))
    across = _cell_range(layer.rect.x, layer.rect.w, layer.amount, x0, x1)
    down = _cell_range(layer.rect.y, layer.rect.h, layer.amount, y0, y1)
    if across is None or down is None:
        return None
    return Rect(across[0], down[0], across[1] - across[0], down[1] - down[0])


def _cell_range(start: float, length: float, amount: float, low: float, high: float) -> tuple[float, float] | None:
    """Ends of the cells whose clamped centre is nearest to a sample in ``low .. high``."""
    end = start + length
    low, high = low - 1.0, high + 1.0  # a centre may lie beyond the outermost sample that is nearest to it
    last = max(0, math.ceil(length / amount) - 1)
    first_cell = max(0, math.ceil((low - start) / amount - 0.5))
    last_cell = min(last, math.floor((high - start) / amount - 0.5))
    if low <= min(start + (last + 0.5) * amount, end) <= high:  # the last cell's centre may be clamped
        first_cell, last_cell = min(first_cell, last), last
    if first_cell > last_cell:
        return None
    return start + first_cell * amount, min(end, start + (last_cell + 1) * amount)


# --- moved, turned, warped --------------------------------------------------------------------------------------------


def smeared(area: Rect, blur: Blur, reach: float) -> Rect:
    """Around every place at which the motion blur of a sprite shows the area; ``reach``: of bilinear sampling."""
    count = 13 if blur.spread else 21
    most = 0.5 - 0.5 / count
    if not blur.spread:
        dx, dy = reach + most * abs(blur.dx), reach + most * abs(blur.dy)
        return Rect(area.x - dx, area.y - dy, area.w + 2 * dx, area.h + 2 * dy)
    area = area.outset(reach)
    x0, y0, x1, y1 = FAR, FAR, -FAR, -FAR
    for place in (-most, most):
        scale = 1 + place * blur.spread
        left, right = sorted(blur.origin[0] + (x - blur.origin[0]) * scale for x in (area.x, area.right))
        top, bottom = sorted(blur.origin[1] + (y - blur.origin[1]) * scale for y in (area.y, area.bottom))
        dx, dy = place * blur.dx, place * blur.dy
        x0, y0 = min(x0, left + dx), min(y0, top + dy)
        x1, y1 = max(x1, right + dx), max(y1, bottom + dy)
    return Rect(x0, y0, x1 - x0, y1 - y0)


def smeared_picture(area: Rect, blur: Blur, size: Size) -> Rect:
    """Around every place at which the motion blur of a picture shows the area, in a frame of ``size``."""
    area = area.outset(CHROMA_PITCH)  # halves of chroma samples
    if blur.spread:
        origin = (blur.origin[0] - blur.dx / blur.spread, blur.origin[1] - blur.dy / blur.spread)
        # Each halving of the gaps between taps is a scaling, and each of those reaches a sample further.
        far = math.hypot(*(max(abs(o), abs(length - o)) for o, length in zip(origin, size, strict=True)))
        halvings = max(2, math.ceil(math.log2(max(abs(blur.spread) * far, 1.0))))
        area = area.outset(CHROMA_PITCH * (halvings + 1))
        least, most = (_scaled(area, origin, math.exp(s * RAY * abs(blur.spread))) for s in (-1, 1))
        x0, y0 = min(least.x, most.x), min(least.y, most.y)
        x1, y1 = max(least.right, most.right), max(least.bottom, most.bottom)
        return Rect(x0, y0, x1 - x0, y1 - y0)
    length = max(abs(blur.dx), abs(blur.dy))
    if length <= 1:
        return area
    reach = 0.0
    for pitch in (1, 2):  # whole samples of both grids
        samples = length / pitch
        gap = math.ceil(samples / 64)
        reach = max(reach, pitch * gap * math.ceil(samples / (2 * gap) - 0.5))
    across, down = reach * abs(blur.dx) / length, reach * abs(blur.dy) / length
    return Rect(area.x - across, area.y - down, area.w + 2 * across, area.h + 2 * down)


def _scaled(area: Rect, origin: tuple[float, float], scale: float) -> Rect:
    left, right = sorted(origin[0] + (x - origin[0]) * scale for x in (area.x, area.right))
    top, bottom = sorted(origin[1] + (y - origin[1]) * scale for y in (area.y, area.bottom))
    return Rect(left, top, right - left, bottom - top)


def turned(area: Rect, angle: float, pivot: tuple[float, float]) -> Rect:
    """Around the area after it is turned clockwise about ``pivot``."""
    cos, sin = math.cos(angle), math.sin(angle)
    # the centre turns, and the sides reach as far as their shadows on the axes
    x, y = area.x + area.w / 2 - pivot[0], area.y + area.h / 2 - pivot[1]
    w, h = abs(cos) * area.w + abs(sin) * area.h, abs(sin) * area.w + abs(cos) * area.h
    return Rect(pivot[0] + cos * x - sin * y - w / 2, pivot[1] + sin * x + cos * y - h / 2, w, h)


def unwarped(rect: IntRect, warp: Warp) -> Rect | None:
    """Around the output positions at which a group's warp shows samples of ``rect``; ``None`` when it shows none.

    Everything when the rectangle reaches behind the viewer, or the warp cannot be turned round.
    """
    everywhere = Rect(-FAR, -FAR, 2 * FAR, 2 * FAR)
    a, b, c, d, e, f, g, h, i = warp
    # Rows of the adjugate: the inverse times the determinant.
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * rows[0][0] + b * rows[1][0] + c * rows[2][0]
    if determinant == 0:
        return everywhere
    area = _grown(rect, WARP_KERNEL)
    corners = [(x, y) for x in (area.x, area.right) for y in (area.y, area.bottom)]
    points = [[(p * x + q * y + r) / determinant for p, q, r in rows] for x, y in corners]
    depths = [w for _, _, w in points]
    if max(depths) <= 0:
        return None
    if min(depths) <= 1e-9 * max(depths):
        return everywhere
    xs, ys = [x / w for x, _, w in points], [y / w for _, y, w in points]
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


# --- rectangles -------------------------------------------------------------------------------------------------------


def _grown(rect: IntRect, by: float) -> Rect:
    return Rect(rect.x, rect.y, rect.w, rect.h).outset(by)


def _common_part(a: IntRect, b: IntRect) -> IntRect | None:
    x, y = max(a.x, b.x), max(a.y, b.y)
    right, bottom = min(a.right, b.right), min(a.bottom, b.bottom)
    return IntRect(x, y, right - x, bottom - y) if right > x and bottom > y else None


def _holds(outer: IntRect | None, inner: IntRect) -> bool:
    return (
        outer is not None
        and outer.x <= inner.x
        and outer.y <= inner.y
        and outer.right >= inner.right
        and outer.bottom >= inner.bottom
    )
