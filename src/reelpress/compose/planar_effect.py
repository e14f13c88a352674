"""Masks on composed planes: pixelate, blur, highlight (scene.plan.EffectLayer).

A mosaic's cell and a blurred pixel look at others, so where a mask has to be drawn anew, all of it is: ``widened``
makes that so. What a mask hides is overwritten before the planes are handed to anyone, and nothing of it is kept.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.banded import Plan
from reelpress.compose.coverage import to_chroma
from reelpress.compose.planar_canvas import around, strips, view
from reelpress.compose.planar_card import intersect
from reelpress.scene.damage import merge
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.layers import EffectLayer
from reelpress.scene.plan.rect import IntRect, pixel_cover

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.media.planes import Plane
    from reelpress.scene.plan.layers import Layer

_STEPS = 12

_KEPT = 1 << 17
"""Pixels of the largest mask whose weights are kept."""


def touched(layer: EffectLayer, size: tuple[int, int]) -> IntRect | None:
    """Pixels (even edges) in which a mosaic or blur can have weight; None where it has none."""
    if layer.amount <= 0 or layer.rect.w <= 0 or layer.rect.h <= 0:
        return None
    return pixel_cover(layer.rect, size, 1, 2)


def widened(layers: tuple[Layer, ...], regions: tuple[IntRect, ...], size: tuple[int, int]) -> tuple[IntRect, ...]:
    """``regions`` with all of every mosaic and blur that they touch. No two overlap."""
    masks = [
        area
        for layer in layers
        if isinstance(layer, EffectLayer)
        and layer.effect is not Effect.HIGHLIGHT
        and (area := touched(layer, size)) is not None
    ]
    while masks:
        hit = [mask for mask in masks if any(intersect(mask, region) for region in regions)]
        masks = [mask for mask in masks if mask not in hit]
        if not hit:
            break
        regions = merge([*regions, *hit])
    return regions


class Effects:
    """Draws effects; keeps the matrices of the newest blurs, and the weights of the newest masks that are not large."""

    def __init__(self) -> None:
        self._blurs: OrderedDict[tuple[object, ...], Plan] = OrderedDict()
        self._soft: OrderedDict[tuple[object, ...], tuple[Field, Field]] = OrderedDict()

    def draw(self, layer: EffectLayer, out: Canvas, regions: tuple[IntRect, ...]) -> None:
        """Change what is there. Regions are ``widened``: a mosaic or blur lies in one of them or in none."""
        if layer.amount <= 0:
            return
        if layer.effect is Effect.HIGHLIGHT:
            _highlight(layer, out, regions)
            return
        area = touched(layer, out.size)
        if area is None or not any(intersect(area, region) for region in regions):
            return
        luma, chroma = self._weights(layer, area)
        for plane, shift in out.all:
            hidden = (
                _mosaic(layer, plane, area, shift)
                if layer.effect is Effect.PIXELATE
                else self._blur(layer, plane, area, shift)
            )
            _mix(view(plane, area, shift), hidden, chroma if shift else luma)

    def _weights(self, layer: EffectLayer, area: IntRect) -> tuple[Field, Field]:
        if area.area > _KEPT:
            return _weights(layer, area)
        key = (layer.rect, layer.feather, area)
        weights = self._soft.get(key)
        if weights is None:
            weights = self._soft[key] = _weights(layer, area)
            while len(self._soft) > 4:
                self._soft.popitem(last=False)
        else:
            self._soft.move_to_end(key)
        return weights

    def _blur(self, layer: EffectLayer, plane: Plane, area: IntRect, shift: int) -> Plane:
        key = (layer.rect, layer.amount, area, plane.shape, shift)
        matrices = self._blurs.get(key)
        rect, pitch = layer.rect, 1 << shift
        offset = 1.0 if shift else 0.5  # of the first sample's row; its column lies at 0.5 on both grids
        x0, x1 = _inside(rect.x, rect.right, 0.5, pitch, plane.shape[1])
        y0, y1 = _inside(rect.y, rect.bottom, offset, pitch, plane.shape[0])
        if matrices is None:
            columns = _gaussian(area.x >> shift, area.right >> shift, x0, x1, layer.amount, pitch)
            rows = _gaussian(area.y >> shift, area.bottom >> shift, y0, y1, layer.amount, pitch)
            matrices = self._blurs[key] = Plan(rows, columns)
            while len(self._blurs) > 8:
                self._blurs.popitem(last=False)
        else:
            self._blurs.move_to_end(key)
        return matrices.codes(plane[y0 : y1 + 1, x0 : x1 + 1])

    def clear(self) -> None:
        """Forget all matrices and weights."""
        self._blurs.clear()
        self._soft.clear()


def _mix(target: Plane, hidden: Plane, weight: Field) -> None:
    """``hidden`` over ``target``; not a trace of what is below where the weight is 1."""
    whole = _solid(weight)
    if whole is not None:  # most of a mask: only a frame of pixels around it is mixed
        rows, columns = whole
        target[rows, columns] = hidden[rows, columns]
        box = IntRect(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        parts = list(around(IntRect(0, 0, weight.shape[1], weight.shape[0]), box))
    else:
        parts = [IntRect(0, 0, weight.shape[1], weight.shape[0])]
    for each in parts:
        at = (slice(each.y, each.bottom), slice(each.x, each.right))
        share = weight[at]
        mixed = target[at] * (1 - share)
        mixed += hidden[at] * share
        mixed += np.float32(0.5)
        np.copyto(mixed, hidden[at], where=share >= 1)
        np.copyto(target[at], mixed, where=share > 0, casting="unsafe")


def _solid(weight: Field) -> tuple[slice, slice] | None:
    """Rows and columns of a box in which all weights are 1; it is the largest, as a weight falls to all sides."""
    rows, columns = weight[:, weight.shape[1] // 2] >= 1, weight[weight.shape[0] // 2] >= 1
    if not rows.any() or not columns.any():
        return None
    y0, y1 = int(rows.argmax()), len(rows) - int(rows[::-1].argmax())
    x0, x1 = int(columns.argmax()), len(columns) - int(columns[::-1].argmax())
    box = (slice(y0, y1), slice(x0, x1))
    return box if float(weight[box].min()) >= 1 else None


def _axis_weight(low: float, high: float, start: int, stop: int, feather: float) -> NDArray[np.float64]:
    """Box coverage of pixels along one axis, or with feather the distance to the nearer edge."""
    at = np.arange(start, stop) + 0.5
    weight: NDArray[np.float64] = np.minimum(at - low, high - at)
    if feather <= 0:
        weight = np.clip(np.minimum(at + 0.5, high) - np.maximum(at - 0.5, low), 0, 1)
    return weight


def _luma_weight(layer: EffectLayer, x0: int, x1: int, y0: int, y1: int) -> Field:
    """Weight of pixels; an empty rectangle has none. Pixels before the frame are its first, repeated."""
    rect = layer.rect
    if rect.w <= 0 or rect.h <= 0:
        return np.zeros((y1 - y0, x1 - x0), np.float32)
    first = max(x0, 0)
    across = _axis_weight(rect.x, rect.right, first, x1, layer.feather)
    if first > x0:
        across = np.concatenate([across[:1], across])
    down = _axis_weight(rect.y, rect.bottom, y0, y1, layer.feather)
    if layer.feather <= 0:
        return (down[:, np.newaxis] * across).astype(np.float32)
    t = np.clip(np.minimum(down[:, np.newaxis], across) / layer.feather, 0, 1).astype(np.float32)
    weight: Field = t * t * (3 - 2 * t)
    return weight


def _weights(layer: EffectLayer, area: IntRect) -> tuple[Field, Field]:
    """For luma, and for chroma the greatest of the six pixels that have a part in it."""
    luma = _luma_weight(layer, area.x - 1, area.right, area.y, area.bottom)
    across = np.maximum(np.maximum(luma[:, 0:-1:2], luma[:, 1::2]), luma[:, 2::2])
    return luma[:, 1:], np.maximum(across[0::2], across[1::2])


def _mosaic(layer: EffectLayer, plane: Plane, area: IntRect, shift: int) -> Plane:
    rect = layer.rect
    rows = _cells(rect.y, rect.h, layer.amount, area.y >> shift, area.bottom >> shift, shift, 1.0, plane.shape[0])
    columns = _cells(rect.x, rect.w, layer.amount, area.x >> shift, area.right >> shift, shift, 0.5, plane.shape[1])
    top = int(rows[0])  # indices ascend
    few = np.take(plane[top : int(rows[-1]) + 1], columns, axis=1)  # a copy: the mask writes upon its source
    made: Plane = few[rows - top]
    return made


def _cells(
    start: float, length: float, amount: float, first: int, stop: int, shift: int, chroma_at: float, count: int
) -> NDArray[np.intp]:
    """For the samples ``first .. stop`` of an axis the one that each shows.

    Args:
        start, length, amount: Of the mask and its cells, pixels.
        first, stop: Samples wanted.
        shift: 0 luma, 1 chroma.
        chroma_at: Where the first chroma sample lies.
        count: Samples that there are.
    """
    origin, pitch = (chroma_at, 2) if shift else (0.5, 1)
    last = math.ceil(length / amount) - 1
    cell = np.clip(np.floor((np.arange(first, stop) * pitch + origin - start) / amount), 0, last)
    centre = np.minimum(start + (cell + 0.5) * amount, start + length)
    shown: NDArray[np.intp] = np.clip(np.ceil((centre - origin) / pitch - 0.5), 0, count - 1).astype(np.intp)
    return shown


def _inside(low: float, high: float, origin: float, pitch: int, count: int) -> tuple[int, int]:
    """First and last of the samples with ``low <= centre < high``; the one nearest to the middle if there is none."""
    first = max(0, math.ceil((low - origin) / pitch))
    last = min(count - 1, math.ceil((high - origin) / pitch) - 1)
    if first <= last:
        return first, last
    nearest = min(count - 1, max(0, math.ceil(((low + high) / 2 - origin) / pitch - 0.5)))
    return nearest, nearest


def _gaussian(
    start: int, stop: int, first: int, last: int, amount: float, pitch: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Taps of samples ``start .. stop`` among the samples ``first .. last`` (their indices counted from ``first``)."""
    steps = max(_STEPS, math.ceil(amount))  # no gap of more than a pixel: see Effect.BLUR
    amount /= pitch
    distance, sigma = amount * np.arange(-steps, steps + 1) / steps, amount / 3
    weight = np.exp(-(distance**2) / (2 * sigma**2))
    weight /= weight.sum()
    place = np.clip(np.arange(start, stop)[:, np.newaxis] + distance, first, last) - first
    low = np.floor(place).astype(np.intp)
    share = place - low
    indices = np.concatenate([low, np.minimum(low + 1, last - first)], axis=1)
    return indices, np.concatenate([weight * (1 - share), weight * share], axis=1)


def _highlight(layer: EffectLayer, out: Canvas, regions: tuple[IntRect, ...]) -> None:
    """Darken: premultiplied codes are multiplied about the black of their coverage.

    Outside of the rectangle all pixels are treated alike.
    """
    bright, soft = _bright(layer, out.size), touched(layer, out.size)
    dark = np.full((1, 1), np.float32(1) - np.float32(layer.amount), np.float32)
    for region in regions:
        for area in around(region, soft):
            for each in strips(area):
                _darken(out, each, dark, dark)
        part = intersect(region, soft) if soft is not None else None
        for area in around(part, bright) if part is not None else ():
            for each in strips(area):
                luma = _luma_weight(layer, each.x - 1, each.right, each.y, each.bottom)
                luma -= 1
                luma *= np.float32(layer.amount)
                luma += 1
                _darken(out, each, luma[:, 1:], to_chroma(luma))


def _darken(out: Canvas, area: IntRect, luma: Field, chroma: Field) -> None:
    """Keep a share of what is there."""
    for plane, (factor, black, shift) in enumerate(((luma, 16, 0), (chroma, 128, 1), (chroma, 128, 1))):
        target = view(out.planes[plane], area, shift)
        floor = np.float32(black)
        if out.cover is not None:
            share: Field = view(out.cover[shift], area, shift) * np.float32(black / 255)
            codes = (target - share) * factor + (share + np.float32(0.5))
            np.clip(codes, 0, 255.5, out=codes)
        else:
            codes = target * factor
            codes += (floor + np.float32(0.5)) - floor * factor
        np.copyto(target, codes, casting="unsafe")


def _bright(layer: EffectLayer, size: tuple[int, int]) -> IntRect | None:
    """Pixels (even edges) that a highlight surely leaves as they are."""
    margin = layer.feather + 1
    inner = layer.rect.outset(-margin)
    x, y = math.ceil((max(inner.x, 0) + 1) / 2) * 2, math.ceil(max(inner.y, 0) / 2) * 2
    right, bottom = math.floor(min(inner.right, size[0]) / 2) * 2, math.floor(min(inner.bottom, size[1]) / 2) * 2
    return IntRect(x, y, right - x, bottom - y) if right > x and bottom > y else None
