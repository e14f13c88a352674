"""Radial motion blur: the weighted mean of a finished layer at several scales about one point.

Each tap is one bilinear swscale of a window whose whole-number mapping hits the wanted one (see ``lattice``), added up
in 16 bits with weights of 1/256. Always made for all that the layer can reach, so that any part of a frame is drawn
as the whole would be.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose import lattice
from reelpress.compose.kernel import Axis
from reelpress.media.plane_scale import PlaneScaler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.media.planes import Plane
    from reelpress.scene.plan import Blur, IntRect

TOLERANCES = (0.04, 0.1, 0.3)
"""Samples that a tap may be off its place, tried in turn. The taps' errors differ: little is left in their mean."""

PACE = 1.25
"""Pixels between two taps at the far corner that are as good as less."""
LARGE = 400
"""Samples from which on the looser tolerances are tried: small frames cost little the exact way."""

_FAR = 1 << 20
_UNIT = 256


@dataclass(frozen=True, slots=True)
class _Grid:
    """How samples of a plane lie: ``pitch`` pixels apart, the first at ``(0.5, first_y)``."""

    pitch: int
    first_y: float


_GRIDS = (_Grid(1, 0.5), _Grid(2, 1.0))


def whole_weights(weights: Sequence[float]) -> tuple[int, ...]:
    """Weights in 1/256, nearest to the wanted ones, with the sum of exactly 256."""
    exact = [w * _UNIT for w in weights]
    found = [int(w) for w in exact]
    by_rest = sorted(range(len(exact)), key=lambda k: found[k] - exact[k])
    for k in by_rest[: _UNIT - sum(found)]:
        found[k] += 1
    return tuple(found)


class Radial:
    """The blur of the planes of one layer. Used from one thread."""

    def __init__(self, blur: Blur, area: IntRect, most: int, margin: int) -> None:
        """
        Args:
            blur: A scaling without movement.
            area: Pixels of the frame that are wanted.
            most: Taps of the definition. Where they lie closer than a pixel, fewer are taken: the mean is the same.
            margin: Pixels before the frame's first with which the planes begin.
        """
        self._blur, self._margin = blur, margin
        x, y = blur.origin
        far = max(abs(area.x - x), abs(area.right - x), abs(area.y - y), abs(area.bottom - y))
        count = min(most, max(3, math.ceil(far * abs(blur.spread) / PACE) + 1))
        places = [(k + 0.5) / count for k in range(count)]
        shares = [p - p * p for p in places]
        weights = whole_weights([share / sum(shares) for share in shares])
        self._taps = tuple((1 + (p - 0.5) * blur.spread, w) for p, w in zip(places, weights, strict=True))
        self._scaler = PlaneScaler(bilinear=True)

    def of(self, plane: Plane, area: IntRect, shift: int) -> Field:
        """The samples ``area`` (in samples of the frame) of the blurred ``plane``, as codes."""
        full = self._same(plane, area, shift)
        if full is not None:
            return np.full((area.h, area.w), full, np.float32)
        total = np.zeros((area.h, area.w), np.uint16)
        product = np.empty_like(total)
        for scale, weight in self._taps:
            np.multiply(self._tap(plane, area, shift, scale), weight, out=product, dtype=np.uint16)
            total += product
        mean = total.astype(np.float32)
        mean *= np.float32(1 / _UNIT)
        return mean

    def _same(self, plane: Plane, area: IntRect, shift: int) -> int | None:
        """The one value of everything that is looked at, if it is one: most often full coverage."""
        scale = min(scale for scale, _ in self._taps)
        grid, margin = _GRIDS[shift], self._margin >> shift
        ends = []
        for origin, first, start, stop in (
            (self._blur.origin[0], 0.5, area.x, area.right),
            (self._blur.origin[1], grid.first_y, area.y, area.bottom),
        ):
            axis = _axis(origin, scale, first, grid.pitch, margin, start, stop)
            low, high = axis.origin + axis.step * start, axis.origin + axis.step * stop
            ends.append((math.floor(min(low, start + margin)) - 2, math.ceil(max(high, stop + margin)) + 2))
        (x0, x1), (y0, y1) = ends
        if x0 < 0 or y0 < 0 or y1 > plane.shape[0] or x1 > plane.shape[1]:
            return None
        value = int(plane[y0, x0])
        seen = plane[y0:y1, x0:x1]
        return value if int(seen.min()) == value == int(seen.max()) else None

    def _tap(self, plane: Plane, area: IntRect, shift: int, scale: float) -> Plane:
        grid, margin = _GRIDS[shift], self._margin >> shift
        x = _axis(self._blur.origin[0], scale, 0.5, grid.pitch, margin, area.x, area.right)
        y = _axis(self._blur.origin[1], scale, grid.first_y, grid.pitch, margin, area.y, area.bottom)
        if scale == 1.0:
            return _window(plane, area.x + margin, area.y + margin, area.w, area.h)
        columns, rows = _found(x), _found(y)
        if columns is None or rows is None:
            return _bilinear(plane, y, x)
        source = _window(plane, columns.begin, rows.begin, columns.length, rows.length)
        made = self._scaler.plane(source, columns.made, rows.made)
        return made[rows.cut : rows.cut + y.count, columns.cut : columns.cut + x.count]


def _found(axis: Axis) -> lattice.Window | None:
    limits = TOLERANCES if axis.count >= LARGE else TOLERANCES[:1]
    return next((found for limit in limits if (found := lattice.find(axis, limit)) is not None), None)


def _axis(origin: float, scale: float, first: float, pitch: int, margin: int, start: int, stop: int) -> Axis:
    """Output sample j lies at q = ``first + pitch * j`` pixels and shows ``origin + (q - origin) / scale``."""
    step = 1 / scale
    # in source samples, counted from the outer edge of the first: pixel q is at (q - first) / pitch + 0.5 + margin
    at_zero = (origin + (first - origin) * step - first) / pitch + 0.5 + margin
    return Axis(at_zero - step / 2, step, start, stop, -_FAR, _FAR)


def _window(plane: Plane, x: int, y: int, wide: int, tall: int) -> Plane:
    """Samples from column ``x`` and row ``y`` on; 0 beyond the plane."""
    rows, columns = plane.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + wide, columns), min(y + tall, rows)
    if (x0, y0, x1, y1) == (x, y, x + wide, y + tall):
        return plane[y0:y1, x0:x1]
    out = np.zeros((tall, wide), np.uint8)
    if x1 > x0 and y1 > y0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = plane[y0:y1, x0:x1]
    return out


def _bilinear(plane: Plane, y: Axis, x: Axis) -> Plane:
    """The same without swscale, where no window fits: at scales near 1, where whole runs keep one offset."""
    row, down = _places(y)
    column, across = _places(x)
    left, top = int(column[0]), int(row[0])
    window = _window(plane, left, top, int(column[-1]) - left + 2, int(row[-1]) - top + 2)
    lines = np.empty((len(row), window.shape[1]), np.float32)
    upper = np.empty_like(lines)
    for first, last, at in _runs(row - top):
        weight = down[first:last, np.newaxis]
        np.multiply(window[at : at + last - first], 1 - weight, out=lines[first:last])
        np.multiply(window[at + 1 : at + 1 + last - first], weight, out=upper[first:last])
    lines += upper
    mixed = np.empty((len(row), len(column)), np.float32)
    other = np.empty_like(mixed)
    for first, last, at in _runs(column - left):
        weight = across[first:last]
        np.multiply(lines[:, at : at + last - first], 1 - weight, out=mixed[:, first:last])
        np.multiply(lines[:, at + 1 : at + 1 + last - first], weight, out=other[:, first:last])
    mixed += other
    mixed += np.float32(0.5)
    return mixed.astype(np.uint8)


def _places(axis: Axis) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Of each output sample the source sample before it, and how far it is on the way to the next."""
    at = axis.origin + axis.step * (np.arange(axis.start, axis.stop) + 0.5) - 0.5
    low = np.floor(at).astype(np.intp)
    return low, (at - low).astype(np.float32)


def _runs(index: NDArray[np.intp]) -> Iterator[tuple[int, int, int]]:
    """``(first, last, index[first])`` of stretches in which the index grows by one from sample to sample."""
    breaks = np.flatnonzero(np.diff(index) != 1) + 1
    edges = [0, *breaks.tolist(), len(index)]
    for first, last in itertools.pairwise(edges):
        yield first, last, int(index[first])
