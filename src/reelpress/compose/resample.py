"""Video pictures on exact float rectangles, plane by plane.

Each plane is one of three things, decided by its geometry alone (so that the same plan always gives the same pixels):
a cut (nothing to scale), swscale on a window found by :mod:`reelpress.compose.lattice`, or banded matrices. A picture
at rest goes through swscale as a whole, in slabs of rows (:mod:`reelpress.compose.slabs`). What is wanted of which
layer, and what of it is kept, is the matter of :mod:`reelpress.compose.pictures`.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.banded import Plan
from reelpress.compose.kernel import Axis, taps
from reelpress.compose.lattice import Window, find
from reelpress.media.plane_scale import PlaneScaler
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.slabs import Slab
    from reelpress.media.planes import Plane
    from reelpress.scene.plan.layers import PictureLayer

LUMA_TOLERANCE = 0.012
"""How far a sample may be taken from its place, in samples of luma; of the output when reducing."""
CHROMA_TOLERANCE = 0.025
"""The same for chroma, in source samples, also when reducing. Counted in samples of the output, small fields of
saturated colours would be off by more than design 4 allows: a wave of 90 codes and a period of 2.5 samples, shifted by
0.025 of them, is off by 90 * 2 pi / 2.5 * 0.025 * 2 / pi = 3.6 codes in the mean."""

_EXACT = 1e-4

REPEATED = 4
"""Samples that a soft edge can reach along an edge beyond its end, and some to spare."""

_SCALERS = 16
"""Scalers for slabs that are kept, each with its tables: two cards' worth."""

_RIMS = 4
"""Cards at rest of which the weights for the samples around them are kept: the screen, the camera, and their next."""

Three = tuple["Plane", "Plane", "Plane"]
"""Y, Cb and Cr."""

Taps = tuple["NDArray[np.intp]", "NDArray[np.float64]"]
"""Source indices and weights, each (output samples, taps)."""

Line = np.ndarray[Any, np.dtype[np.uint8]]
"""Samples of one row or column."""

Axes = tuple[Axis, Axis]
"""Rows and columns: (y, x)."""


def axes(layer: PictureLayer, visible: IntRect, source: tuple[int, int], *, chroma: bool) -> tuple[Axis, Axis]:
    """The mapping of rows and of columns of one plane: (y, x).

    Luma sample i of a row lies at i + 0.5 of the picture. Left-sited chroma sample i lies at 2 i + 0.5 across and at
    2 j + 1 down (H.273 chroma location 0), which is where the quarter below comes from.

    Args:
        layer: Its ``crop`` is mapped onto its ``rect``.
        visible: Output pixels wanted, even edges.
        source: Width and height of the source picture.
    """
    crop, rect = layer.crop, layer.rect
    step_x, step_y = crop.w / rect.w, crop.h / rect.h
    if chroma:
        wide, tall = -(-source[0] // 2), -(-source[1] // 2)
        limits_x = _limits((crop.x - 0.5) / 2, (crop.right - 0.5) / 2, wide)
        limits_y = _limits((crop.y - 1) / 2, (crop.bottom - 1) / 2, tall)
        x = Axis(
            crop.x / 2 + 0.25 - (rect.x / 2 + 0.25) * step_x, step_x, visible.x // 2, visible.right // 2, *limits_x
        )
        y = Axis((crop.y - rect.y * step_y) / 2, step_y, visible.y // 2, visible.bottom // 2, *limits_y)
    else:
        limits_x = _limits(crop.x - 0.5, crop.right - 0.5, source[0])
        limits_y = _limits(crop.y - 0.5, crop.bottom - 0.5, source[1])
        x = Axis(crop.x - rect.x * step_x, step_x, visible.x, visible.right, *limits_x)
        y = Axis(crop.y - rect.y * step_y, step_y, visible.y, visible.bottom, *limits_y)
    return y, mirrored(x, layer, chroma=chroma) if layer.mirror else x


def mirrored(x: Axis, layer: PictureLayer, *, chroma: bool) -> Axis:
    """The columns of a mirrored layer from right to left: to be turned round when they are made.

    Output x shows what ``right + left - x`` would: of n samples the last comes first.
    """
    crop, rect = layer.crop, layer.rect
    both = rect.x + rect.right
    if chroma:
        at = crop.x / 2 + 0.25 + x.step * (both / 2 - x.stop + 0.25 - rect.x / 2)
    else:
        at = crop.x + x.step * (both - x.stop - rect.x)
    return Axis(at, x.step, 0, x.count, x.low, x.high)


def _limits(low: float, high: float, size: int) -> tuple[int, int]:
    """First and one past the last of the samples whose centres are in the crop; the nearest one if none is.

    Args:
        low, high: Edges of the crop where sample i lies at i.
        size: Samples in the plane.
    """
    first, stop = max(0, math.ceil(low)), min(size, math.ceil(high))
    if stop > first:
        return first, stop
    nearest = min(size - 1, max(0, round((low + high) / 2)))
    return nearest, nearest + 1


@dataclass(slots=True)
class Counts:
    """How many planes went each way."""

    cut: int = 0
    scaled: int = 0
    multiplied: int = 0
    slabs: int = 0
    """Slabs of pictures at rest."""


class Resampler:
    """Resamples planes; keeps scalers, matrices and one padded source per kind of plane. Used from one thread."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._slabs: dict[tuple[Slab, int, int], PlaneScaler] = {}
        self._scalers = (PlaneScaler(), PlaneScaler())
        self._scratch: dict[str, Plane] = {}
        self._found: OrderedDict[tuple[Axis, float], Window | None] = OrderedDict()
        self._matrices: OrderedDict[tuple[Axis, Axis | None], Plan] = OrderedDict()
        self._rims: OrderedDict[Axes, tuple[Taps, Taps]] = OrderedDict()

    def picture(self, planes: Three, luma: Axes, chroma: Axes) -> Three:
        """Y, Cb and Cr resampled, each to the counts of its axes.

        Args:
            planes: 8 bit, 4:2:0. Columns may be strided (components of interleaved chroma).
            luma, chroma: Mappings of rows and columns: (y, x).
        """
        y = self._alone(planes[0], luma, 0)
        u, v = self._alone(planes[1], chroma, 1), self._alone(planes[2], chroma, 1)
        return y, u, v

    def at_rest(self, planes: Three, crop: IntRect, width: int, slab: Slab) -> Three:
        """One slab of ``crop`` (even edges) scaled to an even width: swscale places left-sited chroma itself."""
        top, stop = crop.y + slab.top, crop.y + slab.top + slab.tall
        y, u, v = (
            self._contiguous(name, plane[top >> shift : stop >> shift, crop.x >> shift : crop.right >> shift])
            for name, plane, shift in zip("yuv", planes, (0, 1, 1), strict=True)
        )
        self.counts.slabs += 1
        key = slab, crop.w, width
        scaler = self._slabs.get(key)
        if scaler is None:
            if len(self._slabs) >= _SCALERS:
                self._slabs.clear()
            scaler = self._slabs[key] = PlaneScaler()
        y, u, v = scaler.picture((y, u, v), width, slab.made)
        first, last = slab.cut, slab.cut + slab.stop - slab.start
        return y[first:last], u[first >> 1 : last >> 1], v[first >> 1 : last >> 1]

    def rim(self, luma: Plane, layer: PictureLayer, rect: IntRect, source: tuple[int, int]) -> Rim:
        """The samples around a picture at rest on ``rect``: one row and one column on each side."""
        around = IntRect(rect.x - 1, rect.y - 1, rect.w + 2, rect.h + 2)
        key = axes(layer, around, source, chroma=False)
        if key not in self._rims:
            # Taps first: sums over the first axis are the fast ones.
            down, across = (
                (np.ascontiguousarray(index.T), np.ascontiguousarray(weight.T))
                for index, weight in (taps(axis, repeat=True) for axis in key)
            )
            self._rims[key] = down, across
            if len(self._rims) > _RIMS:
                self._rims.popitem(last=False)
        self._rims.move_to_end(key)
        down, across = self._rims[key]

        def codes(samples: NDArray[np.float64]) -> Line:
            samples += 0.5
            np.maximum(samples, 0, out=samples)
            np.minimum(samples, 255, out=samples)
            line = np.empty(len(samples) + 2 * REPEATED, np.uint8)
            line[REPEATED:-REPEATED] = samples  # truncated
            line[:REPEATED], line[-REPEATED:] = line[REPEATED], line[-REPEATED - 1]
            return line

        def column(i: int) -> Line:
            index = across[0][:, i]
            low, high = index.min(), index.max()
            near = luma[:, low : high + 1].copy()  # once through memory that is far apart, not for each tap
            line = near[:, index - low] @ across[1][:, i]
            return codes((np.take(line, down[0]) * down[1]).sum(axis=0))

        def row(i: int) -> Line:
            line = down[1][:, i] @ luma[down[0][:, i]]
            return codes((np.take(line, across[0]) * across[1]).sum(axis=0))

        return Rim(column(0), column(-1), row(0), row(-1))

    def _contiguous(self, name: str, plane: Plane) -> Plane:
        """``plane`` with contiguous rows; a component of interleaved chroma is copied."""
        if plane.strides[1] == 1:
            return plane
        copy = self._memory(name, *plane.shape)
        np.copyto(copy, plane)
        return copy

    def _alone(self, plane: Plane, axes: Axes, kind: int) -> Plane:
        y, x = axes
        if _is_shift(y, x):
            self.counts.cut += 1
            top, left = round(y.origin) + y.start, round(x.origin) + x.start
            return self._window(plane, axes, (top, y.count), (left, x.count), None)
        rows, columns = (
            self._find(axis, CHROMA_TOLERANCE / max(1.0, axis.step) if kind else LUMA_TOLERANCE) for axis in axes
        )
        if rows is None or columns is None:
            self.counts.multiplied += 1
            if columns is None:
                return self._plan(y, x).codes(plane)
            # Half of the work for a scaler: rows as they are, the columns scaled.
            rows_of = self._plan(y, None)
            low, high = rows_of.seen
            source = self._window(plane, axes, (low, high - low), (columns.begin, columns.length), "yu"[kind])
            made = self._scalers[kind].plane(source, columns.made, high - low)
            return rows_of.codes(made[:, columns.cut : columns.cut + x.count], low)
        self.counts.scaled += 1
        window = (rows.begin, rows.length), (columns.begin, columns.length)
        made = self._scalers[kind].plane(self._window(plane, axes, *window, "yu"[kind]), columns.made, rows.made)
        return made[rows.cut : rows.cut + y.count, columns.cut : columns.cut + x.count]

    def _plan(self, y: Axis, x: Axis | None) -> Plan:
        """The matrices of both axes, or of rows alone."""
        plan = self._matrices.get((y, x))
        if plan is None:
            plan = self._matrices[y, x] = Plan(taps(y, repeat=True), None if x is None else taps(x, repeat=True))
            if len(self._matrices) > 2:
                self._matrices.popitem(last=False)
        else:
            self._matrices.move_to_end((y, x))
        return plan

    def _memory(self, name: str, rows: int, columns: int) -> Plane:
        memory = self._scratch.get(name)
        if memory is None or memory.size < rows * columns:
            memory = self._scratch[name] = np.empty(rows * columns * 9 // 8, np.uint8)
        return memory[: rows * columns].reshape(rows, columns)

    def _find(self, axis: Axis, tolerance: float) -> Window | None:
        key = (axis, tolerance)
        if key in self._found:
            self._found.move_to_end(key)
        else:
            self._found[key] = find(axis, tolerance)
            if len(self._found) > 16:
                self._found.popitem(last=False)
        return self._found[key]

    def _window(
        self, plane: Plane, axes: Axes, rows: tuple[int, int], columns: tuple[int, int], scratch: str | None
    ) -> Plane:
        """So many samples from ``rows[0]`` and ``columns[0]`` on; beyond the axes' limits edges are repeated.

        Args:
            plane, axes: Source and the limits in it.
            rows, columns: First sample and how many.
            scratch: Name of the memory to use again if samples have to be copied, None for new memory.
        """
        y, x = axes
        (top, tall), (left, wide) = rows, columns
        inside = y.low <= top and top + tall <= y.high and x.low <= left and left + wide <= x.high
        if inside and plane.strides[1] == 1:
            return plane[top : top + tall, left : left + wide]
        if scratch is None:
            out = np.empty((tall, wide), np.uint8)
        else:  # the scaler reads it at once
            out = self._memory(scratch, tall, wide)
        used = plane[y.low : y.high, x.low : x.high]
        _with_edges(used, left - x.low, top - y.low, out)
        return out


def _is_shift(*axes: Axis) -> bool:
    """Whether every output sample is one source sample."""
    return all(
        abs(axis.step - 1) * (abs(axis.start) + axis.count) < _EXACT and abs(axis.origin - round(axis.origin)) < _EXACT
        for axis in axes
    )


@dataclass(frozen=True, slots=True)
class Rim:
    """The luma samples right around a picture: what a soft edge shows of it, a pixel beyond. Corners included."""

    left: Line
    """Rows + 2 samples, and ``REPEATED`` more at each end that repeat the last ones."""
    right: Line
    top: Line
    bottom: Line

    @property
    def samples(self) -> Line:
        """All four, one after the other."""
        return np.concatenate((self.left, self.right, self.top, self.bottom))

    def put(self, out: Plane, x: int, y: int, wide: int, tall: int) -> None:
        """Those samples of it that lie in ``out``, which begins at column ``x`` and row ``y`` of the picture."""
        rows, columns = out.shape
        for at, line in ((-1 - x, self.left), (wide - x, self.right)):
            if 0 <= at < columns:
                out[:, at] = _along(line, y + 1, rows)
        for at, line in ((-1 - y, self.top), (tall - y, self.bottom)):
            if 0 <= at < rows:
                out[at] = _along(line, x + 1, columns)


def _along(line: Line, first: int, count: int) -> Line:
    """So many samples of one side of a rim from ``first`` on."""
    first += REPEATED
    if first >= 0 and first + count <= len(line):
        return line[first : first + count]
    return line[np.clip(np.arange(first, first + count), 0, len(line) - 1)]


@dataclass(frozen=True, slots=True)
class Made:
    """Some rows of a scaled picture."""

    start: int
    """First luma row, counted from the picture's own; even."""
    stop: int
    planes: Three


@dataclass(frozen=True, slots=True)
class Shown:
    """A scaled picture: what can be seen of a layer's picture."""

    area: IntRect
    """Where in the frame; even edges. Samples beyond are its edge samples."""
    rows: tuple[Made, ...]
    """One after the other, all of it."""
    rim: Rim | None = None
    """The first luma samples beyond, where they are not the edge samples."""

    def part(self, plane: int, area: IntRect) -> Plane:
        """The samples of one plane under ``area`` (even edges)."""
        shift = 1 if plane else 0
        x, y = (area.x - self.area.x) >> shift, (area.y - self.area.y) >> shift
        w, h = area.w >> shift, area.h >> shift
        wide, tall = self.area.w >> shift, self.area.h >> shift
        if x >= 0 and x + w <= wide:
            for made in self.rows:
                first, stop = made.start >> shift, made.stop >> shift
                if first <= y and y + h <= stop:
                    return made.planes[plane][y - first : y - first + h, x : x + w]
        out = np.empty((h, w), np.uint8)
        self._fill(plane, x, y, out)
        if plane == 0 and self.rim is not None:
            self.rim.put(out, x, y, wide, tall)
        return out

    def put(self, plane: int, area: IntRect, out: Plane) -> None:
        """Copy the samples of one plane under ``area`` (even edges, inside of the picture) to ``out``."""
        shift = 1 if plane else 0
        self._fill(plane, (area.x - self.area.x) >> shift, (area.y - self.area.y) >> shift, out)

    def _fill(self, plane: int, x: int, y: int, out: Plane) -> None:
        shift, rows = 1 if plane else 0, out.shape[0]
        tall = self.area.h >> shift
        for made in self.rows:
            first, stop = made.start >> shift, made.stop >> shift
            # The first and the last have what is beyond them too.
            if y + rows <= first and first > 0:
                break
            if y >= stop and stop < tall:
                continue
            low = first - y if first > 0 and first > y else 0
            high = stop - y if stop < tall and stop - y < rows else rows
            _with_edges(made.planes[plane], x, y + low - first, out[low:high])


def _with_edges(samples: Plane, x: int, y: int, out: Plane) -> None:
    """Fill ``out`` with the samples from column ``x`` and row ``y`` on; edge samples are repeated beyond."""
    (tall, wide), (rows, columns) = samples.shape, out.shape
    if x >= 0 and y >= 0 and x + columns <= wide and y + rows <= tall:
        np.copyto(out, samples[y : y + rows, x : x + columns])
        return
    # Without min() and max(): this is called some fifty times a frame, mostly for a few columns.
    top = 0 if y < 0 else y if y < tall else tall - 1
    left = 0 if x < 0 else x if x < wide else wide - 1
    above = 0 if y >= 0 else -y if -y < rows else rows - 1
    before = 0 if x >= 0 else -x if -x < columns else columns - 1
    high = tall - top if tall - top < rows - above else rows - above
    long = wide - left if wide - left < columns - before else columns - before
    below, after = above + high, before + long
    out[above:below, before:after] = samples[top : top + high, left : left + long]
    if before:
        out[above:below, :before] = out[above:below, before : before + 1]
    if after < columns:
        out[above:below, after:] = out[above:below, after - 1 : after]
    if above:
        out[:above] = out[above]
    if below < rows:
        out[below:] = out[below - 1]
