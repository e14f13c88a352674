"""The two grids of the reference compositor, and finished pictures upon them.

A frame is drawn at the centre of every pixel for luma, and at every left-sited chroma sample for chroma (the module
docstring of ``scene.plan``). A :class:`Sheet` is a premultiplied picture on one of the two; everything that treats a
finished picture (motion blur, effects, warp) takes a sheet with its own grid's coverage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose import reference_sampling as sampling
from reelpress.compose import reference_shading as shading
from reelpress.scene.plan.effects import Effect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.reference_sampling import Field
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.layers import EffectLayer

MARGIN = 64
"""Pixels by which the frame of a layer with motion blur is grown on each side (scene.plan.Blur)."""


@dataclass(frozen=True)
class Grid:
    """Positions of the samples of a frame, in output pixels: ``xs`` (columns) by ``ys`` (rows)."""

    xs: Field
    ys: Field
    is_chroma: bool

    @property
    def pitch(self) -> float:
        return 2.0 if self.is_chroma else 1.0

    def columns(self, x: Field) -> Field:
        """Sample coordinates of positions: 0 is the first column's."""
        at: Field = (x - self.xs[0]) / self.pitch
        return at

    def rows(self, y: Field) -> Field:
        at: Field = (y - self.ys[0]) / self.pitch
        return at

    def reduce(self, field: Field) -> Field:
        """Art of full resolution as seen on this grid, always (rows, columns, channels)."""
        if field.ndim == 2:
            field = field[..., np.newaxis]
        if not self.is_chroma:
            return field
        before, even, odd = _columns_of_filter(field)
        across = (before + 2 * even + odd) / 4
        return (across[0::2] + across[1::2]) / 2

    def greatest(self, field: Field) -> Field:
        """The greatest of the pixels that :meth:`reduce` takes in: (rows, columns, 1)."""
        if not self.is_chroma:
            return field[..., np.newaxis]
        across: Field = np.maximum.reduce(_columns_of_filter(field))
        down: Field = np.maximum(across[0::2], across[1::2])
        return down[..., np.newaxis]


def _columns_of_filter(field: Field) -> tuple[Field, Field, Field]:
    """Columns 2i - 1 (the first repeated), 2i and 2i + 1."""
    return np.concatenate([field[:, :1], field[:, 1:-1:2]], axis=1), field[:, 0::2], field[:, 1::2]


@dataclass(frozen=True)
class Frame:
    """Both grids of a rectangle of whole pixels with even edges."""

    luma: Grid
    chroma: Grid

    @classmethod
    def of(cls, size: tuple[int, int], margin: int = 0) -> Frame:
        """The frame of a plan, grown by ``margin`` (even) on all sides."""
        (left, right), (top, bottom) = ((-margin, length + margin) for length in size)
        return cls(
            Grid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5, is_chroma=False),
            Grid(np.arange(left, right, 2) + 0.5, np.arange(top, bottom, 2) + 1.0, is_chroma=True),
        )

    @property
    def size(self) -> tuple[int, int]:
        return len(self.luma.xs), len(self.luma.ys)

    @property
    def grids(self) -> tuple[Grid, Grid]:
        return self.luma, self.chroma

    def grown(self) -> Frame:
        return Frame.of(self.size, MARGIN)

    def sheets(self, art: Field) -> Sheets:
        """Premultiplied R'G'B'A (rows, columns, 4) of full resolution, on both grids."""
        both = [grid.reduce(art) for grid in self.grids]
        luma, chroma = (Sheet(field[..., :3], 1 - field[..., 3:]) for field in both)
        return luma, chroma


@dataclass(frozen=True)
class Sheet:
    """A premultiplied picture on a grid. ``below * through + color`` lays it over another."""

    color: Field
    """R'G'B' (rows, columns, 3). On the chroma grid only its Cb and Cr mean anything."""
    through: Field
    """Share of what is below that still shows: (rows, columns, 1)."""

    @classmethod
    def empty(cls, grid: Grid) -> Sheet:
        shape = (len(grid.ys), len(grid.xs))
        return cls(np.zeros((*shape, 3)), np.ones((*shape, 1)))

    @classmethod
    def of(cls, stack: Field) -> Sheet:
        return cls(stack[..., :3], 1 - stack[..., 3:])

    @property
    def stack(self) -> Field:
        """Colour and coverage: (rows, columns, 4)."""
        return np.concatenate([self.color, 1 - self.through], axis=-1)

    def over(self, below: Sheet) -> Sheet:
        return Sheet(below.color * self.through + self.color, below.through * self.through)

    def plus(self, below: Sheet, share: float) -> Sheet:
        """The sum of this one and a share of another: of colour and of coverage."""
        return Sheet.of(below.stack * share + self.stack)


Sheets = tuple[Sheet, Sheet]
"""The same picture on the luma and on the chroma grid."""


def moves(blur: Blur) -> bool:
    """Whether there is any motion blur."""
    return bool(blur.dx or blur.dy or blur.spread)


def moved(field: Field, blur: Blur, own: Grid, target: Grid) -> Field:
    """The mean of art (premultiplied, on the grid ``own``) over the taps of a motion blur, on ``target``."""
    count = 13 if blur.spread else 21
    places = (np.arange(count) + 0.5) / count
    weights = 4 * (places - places**2) if blur.spread else np.ones(count)
    weights = weights / weights.sum()
    rows, columns, _ = field.shape
    total = np.zeros((len(target.ys), len(target.xs), field.shape[2]))
    for place, weight in zip(places - 0.5, weights, strict=True):
        scale = 1 + place * blur.spread
        x = blur.origin[0] + (target.xs - place * blur.dx - blur.origin[0]) / scale
        y = blur.origin[1] + (target.ys - place * blur.dy - blur.origin[1]) / scale
        across = sampling.zero_outside(sampling.bilinear_taps(own.columns(x)), columns)
        down = sampling.zero_outside(sampling.bilinear_taps(own.rows(y)), rows)
        total += weight * sampling.both_axes(field, down, across)
    return total


@dataclass(frozen=True)
class _Part:
    """Samples of a grid without end: ``field`` begins at row ``y`` and column ``x``; all others are not known."""

    field: Field
    y: int
    x: int

    def cut(self, box: _Ends) -> Field:
        """The samples of ``box``, all of them known."""
        (y0, y1), (x0, x1) = box
        return self.field[y0 - self.y : y1 - self.y, x0 - self.x : x1 - self.x]

    def at(self, y: Field, x: Field) -> Field:
        """Between samples, bilinearly; 0 where nothing is known."""
        rows, columns, _ = self.field.shape
        down = sampling.zero_outside(sampling.bilinear_taps(y - self.y), rows)
        across = sampling.zero_outside(sampling.bilinear_taps(x - self.x), columns)
        return sampling.both_axes(self.field, down, across)


_Ends = tuple[tuple[int, int], tuple[int, int]]
"""Rows and columns: first and one past the last."""


def smeared(field: Field, blur: Blur, frame: Frame, is_chroma: bool) -> Field:
    """A picture (premultiplied, on a grid of the grown frame) with its motion blur, on that of the frame."""
    own, target = (each.chroma if is_chroma else each.luma for each in (frame.grown(), frame))
    margin = round(MARGIN / own.pitch)
    picture = _Part(field, -margin, -margin)
    box = (0, len(target.ys)), (0, len(target.xs))
    if blur.spread:
        x, y = blur.origin[0] - blur.dx / blur.spread, blur.origin[1] - blur.dy / blur.spread
        far = max(math.hypot(px - x, py - y) for px in (0, frame.size[0]) for py in (0, frame.size[1]))
        origin = float(target.rows(np.array(y))), float(target.columns(np.array(x)))
        return _scaled(picture, abs(blur.spread), far, origin, box)
    rows, columns = (np.arange(*ends) for ends in box)
    taps = _moves(blur.dx / own.pitch, blur.dy / own.pitch)
    return np.asarray(sum(weight * picture.at(rows - y, columns - x) for x, y, weight in taps))


def _moves(dx: float, dy: float) -> list[tuple[float, float, float]]:
    """Taps of a movement, in samples: across, down and weight."""
    length = max(abs(dx), abs(dy))
    if length <= 1:
        return [(0.0, 0.0, 1.0)]
    step = math.ceil(length / 64)
    last = math.ceil(length / (2 * step) - 0.5)
    taps = []
    for k in range(-last, last + 1):
        ends = (max((k - 0.5) * step, -length / 2), min((k + 0.5) * step, length / 2))
        beside = k * step * min(abs(dx), abs(dy)) / length
        beside = math.copysign(math.floor(2 * abs(beside) + 0.5) / 2, beside)
        x, y = (k * step, beside) if abs(dx) >= abs(dy) else (beside, k * step)
        taps.append((math.copysign(1, dx) * x, math.copysign(1, dy) * y, (ends[1] - ends[0]) / length))
    return taps


def _scaled(picture: _Part, spread: float, far: float, origin: tuple[float, float], box: _Ends) -> Field:
    """A picture with the steps of a scaling, on ``box``."""
    count = 4
    while 2.5 * count < spread * far:
        count *= 2
    half = count // 2
    beside = 3 * half // 16 + 0.5
    unit = spread * math.sqrt(0.05 / ((half**2 - 1) / 12 + beside**2 / 4))
    steps = [beside * unit]
    while half > 2:
        half //= 2
        steps.append(half / 2 * unit)
    longest = count / 4 * unit
    start = -(longest + sum(steps)) / 2

    def places(box: _Ends, scale: float) -> tuple[Field, Field]:
        """Where the samples of ``box`` look when the picture is scaled by ``exp(scale)``."""
        y, x = (o + (np.arange(*ends) - o) / math.exp(scale) for o, ends in zip(origin, box, strict=True))
        return y, x

    boxes = [box]
    for step in steps:  # backwards: what the step before has to give
        seen = places(boxes[-1], step)
        low = [min(ends[0], math.floor(at.min())) for ends, at in zip(boxes[-1], seen, strict=True)]
        high = [max(ends[1], math.floor(at.max()) + 2) for ends, at in zip(boxes[-1], seen, strict=True)]
        boxes.append(((low[0], high[0]), (low[1], high[1])))
    first = boxes.pop()
    made = (picture.at(*places(first, start)) + picture.at(*places(first, start + longest))) / 2
    part = _Part(made, first[0][0], first[1][0])
    for step, ends in zip(reversed(steps), reversed(boxes), strict=True):
        made = (part.cut(ends) + part.at(*places(ends, step))) / 2
        part = _Part(made, ends[0][0], ends[1][0])
    return part.field


def warped(sheet: Sheet, matrix: tuple[float, ...], grid: Grid) -> Sheet:
    """The sheet as a homography from output to its own pixels shows it (scene.plan.GroupLayer)."""
    x, y = np.meshgrid(grid.xs, grid.ys)
    a, b, c, d, e, f, g, h, i = matrix
    w = g * x + h * y + i
    seen = w > 0
    w = np.where(seen, w, 1.0)
    field = sampling.gather_cubic(
        sheet.stack, _finite(grid.columns((a * x + b * y + c) / w)), _finite(grid.rows((d * x + e * y + f) / w))
    )
    cover = field[..., 3:]
    shown = seen[..., np.newaxis] & (cover > 0)
    return Sheet.of(np.where(shown, field / np.where(shown, np.maximum(cover, 1), 1), 0))


def _finite(coordinates: Field) -> Field:
    """Far outside is outside: keeps casts to whole numbers in range."""
    clipped: Field = coordinates.clip(-1e6, 1e6)
    return clipped


def changed(layer: EffectLayer, sheets: Sheets, frame: Frame) -> Sheets:
    """What was drawn so far, after an effect."""
    if layer.amount <= 0:
        return sheets
    weight = shading.feathered(layer, frame.luma.xs, frame.luma.ys)
    luma, chroma = (_effect(layer, sheet, grid, weight) for sheet, grid in zip(sheets, frame.grids, strict=True))
    return luma, chroma


def _effect(layer: EffectLayer, sheet: Sheet, grid: Grid, weight: Field) -> Sheet:
    if layer.effect is Effect.HIGHLIGHT:
        return Sheet(sheet.color * (1 - layer.amount * (1 - grid.reduce(weight))), sheet.through)
    if layer.rect.w <= 0 or layer.rect.h <= 0:
        return sheet
    below, share = sheet.stack, grid.greatest(weight)
    rect = layer.rect
    if layer.effect is Effect.PIXELATE:
        across = _shown(grid.xs, rect.x, rect.w, layer.amount, grid.pitch)
        down = _shown(grid.ys, rect.y, rect.h, layer.amount, grid.pitch)
        hidden = below[np.ix_(down, across)]
    else:
        (left, right), (top, bottom) = (
            grid.columns(np.array([rect.x, rect.right])),
            grid.rows(np.array([rect.y, rect.bottom])),
        )
        horizontal = _blur_taps(left, right, layer.amount, grid.pitch, len(grid.xs))
        vertical = _blur_taps(top, bottom, layer.amount, grid.pitch, len(grid.ys))
        hidden = sampling.both_axes(below, vertical, horizontal)
    # Not a sum of two products where a weight is 0 or 1: not even a rounding error of what is hidden may be seen.
    mixed = np.where(share >= 1, hidden, np.where(share <= 0, below, below * (1 - share) + hidden * share))
    return Sheet.of(mixed)


def _nearest(coordinate: Field, count: int) -> NDArray[np.int64]:
    """The sample nearest to a coordinate, of two the lower, and one that there is."""
    index: NDArray[np.int64] = np.ceil(coordinate - 0.5).astype(np.int64)
    return index.clip(0, count - 1)


def _shown(positions: Field, start: float, length: float, amount: float, pitch: float) -> NDArray[np.int64]:
    """For each sample of an axis the one whose value a mosaic shows there."""
    last = max(0, math.ceil(length / amount) - 1)
    cell = np.floor((positions - start) / amount).clip(0, last)
    centre = np.minimum(start + (cell + 0.5) * amount, start + length)
    return _nearest((centre - positions[0]) / pitch, len(positions))


def _blur_taps(start: float, end: float, amount: float, pitch: float, count: int) -> sampling.Taps:
    """Taps of an axis; the rectangle's ends in samples, the amount in pixels, ``pitch`` pixels a sample."""
    first, last = max(0, math.ceil(start)), min(count - 1, math.ceil(end) - 1)
    if last < first:
        first = last = int(_nearest(np.array((start + end) / 2), count))
    steps = max(12, math.ceil(amount))
    amount /= pitch
    distance, sigma = amount * np.arange(-steps, steps + 1) / steps, amount / 3
    weight = np.exp(-(distance**2) / (2 * sigma**2))
    weight /= weight.sum()
    place = (np.arange(count)[:, np.newaxis] + distance).clip(first, last)
    low = np.floor(place).astype(np.int64)
    share = place - low
    return sampling.Taps(
        np.concatenate([low, (low + 1).clip(first, last)], axis=1),
        np.concatenate([weight * (1 - share), weight * share], axis=1),
    )
