"""Video pictures on exact float rectangles, plane by plane, and the last one kept.

Each plane is one of three things, decided by its geometry alone (so that the same plan always gives the same pixels):
a cut (nothing to scale), swscale on a window found by :mod:`reelpress.compose.lattice`, or banded matrices. A picture
at rest goes through swscale as a whole, in slabs of rows (:mod:`reelpress.compose.slabs`) of which only those are made
again that a change reaches.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.compose.banded import Plan
from reelpress.compose.kernel import Axis, gaussian_taps, taps
from reelpress.compose.lattice import Window, find
from reelpress.compose.slabs import Slab, slabs
from reelpress.media.plane_scale import PlaneScaler
from reelpress.scene.plan import IntRect, pixel_cover

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.planar_change import Change
    from reelpress.media.planes import Plane, Planes
    from reelpress.scene.plan import PictureLayer, Rect

LUMA_TOLERANCE = 0.012
CHROMA_TOLERANCE = 0.015
"""How far a sample may be taken from its place, in source samples of its plane."""

_EXACT = 1e-4

_REPEATED = 4
"""Samples that a soft edge can reach along an edge beyond its end, and some to spare."""

_SCALERS = 16
"""Scalers for slabs that are kept, each with its tables: two cards' worth."""

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
    return y, _mirrored(x, layer, chroma=chroma) if layer.mirror else x


def _mirrored(x: Axis, layer: PictureLayer, *, chroma: bool) -> Axis:
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
        self._matrices: OrderedDict[tuple[Axis, Axis], Plan] = OrderedDict()
        self._rim: tuple[Axes, tuple[Taps, Taps]] | None = None

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
        if self._rim is None or self._rim[0] != key:
            # Taps first: sums over the first axis are the fast ones.
            down, across = (
                (np.ascontiguousarray(index.T), np.ascontiguousarray(weight.T))
                for index, weight in (taps(axis, repeat=True) for axis in key)
            )
            self._rim = key, (down, across)
        down, across = self._rim[1]

        def codes(samples: NDArray[np.float64]) -> Line:
            samples += 0.5
            np.maximum(samples, 0, out=samples)
            np.minimum(samples, 255, out=samples)
            line = np.empty(len(samples) + 2 * _REPEATED, np.uint8)
            line[_REPEATED:-_REPEATED] = samples  # truncated
            line[:_REPEATED], line[-_REPEATED:] = line[_REPEATED], line[-_REPEATED - 1]
            return line

        def column(i: int) -> Line:
            line = luma[:, across[0][:, i]] @ across[1][:, i]
            return codes((line[down[0]] * down[1]).sum(axis=0))

        def row(i: int) -> Line:
            line = down[1][:, i] @ luma[down[0][:, i]]
            return codes((line[across[0]] * across[1]).sum(axis=0))

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
        tolerance = (LUMA_TOLERANCE, CHROMA_TOLERANCE)[kind]
        rows, columns = self._find(y, tolerance), self._find(x, tolerance)
        if rows is None or columns is None:
            self.counts.multiplied += 1
            return self._plan(y, x).codes(plane)
        self.counts.scaled += 1
        window = (rows.begin, rows.length), (columns.begin, columns.length)
        made = self._scalers[kind].plane(self._window(plane, axes, *window, "yu"[kind]), columns.made, rows.made)
        return made[rows.cut : rows.cut + y.count, columns.cut : columns.cut + x.count]

    def _plan(self, y: Axis, x: Axis) -> Plan:
        plan = self._matrices.get((y, x))
        if plan is None:
            plan = self._matrices[y, x] = Plan(taps(y, repeat=True), taps(x, repeat=True))
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
    """Rows + 2 samples, and ``_REPEATED`` more at each end that repeat the last ones."""
    right: Line
    top: Line
    bottom: Line

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
    first += _REPEATED
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


def _even(rect: Rect, size: tuple[int, int]) -> IntRect | None:
    """``rect`` if all its edges are even whole numbers inside ``size``."""
    whole = IntRect(int(rect.x), int(rect.y), int(rect.w), int(rect.h))
    same = (whole.x, whole.y, whole.w, whole.h) == (rect.x, rect.y, rect.w, rect.h)
    even = (whole.x | whole.y | whole.w | whole.h) & 1 == 0
    inside = whole.x >= 0 and whole.y >= 0 and whole.right <= size[0] and whole.bottom <= size[1]
    return whole if same and even and inside else None


def _all_around(layer: PictureLayer, area: IntRect) -> tuple[tuple[int, int], ...]:
    """Rows and columns of luma, then of chroma, that a Gaussian over ``area`` takes in: first and one past the last.

    Samples in the layer's rectangle (also beyond the frame), as far as the Gaussian reaches from ``area``; samples
    beyond the rectangle are its edge samples.
    """
    rect = layer.rect
    found = []
    for pitch in (1, 2):
        reach = math.ceil(3 * layer.soften / pitch)
        for low, high, origin, start, stop in (
            (rect.y, rect.bottom, pitch / 2, area.y // pitch, area.bottom // pitch),
            (rect.x, rect.right, 0.5, area.x // pitch, area.right // pitch),
        ):
            first, end = math.ceil((low - origin) / pitch), math.ceil((high - origin) / pitch)
            if end <= first:
                first = math.ceil(((low + high) / 2 - origin) / pitch - 0.5)
                end = first + 1
            begin = min(max(first, start - reach), end - 1)
            found.append((begin, max(min(end, stop + reach), begin + 1)))
    return tuple(found)


class PictureScaler:
    """Scaled pictures, the newest kept: a pointer moving over a picture at rest costs no scaling.

    Attributes:
        keep: Pictures to remember: as many as the plan shows.
    """

    def __init__(self) -> None:
        self.resampler = Resampler()
        self.keep = 1
        self._kept: OrderedDict[object, Shown] = OrderedDict()
        self._gaussians: OrderedDict[object, Plan] = OrderedDict()

    def show(
        self, layer: PictureLayer, source: Planes, size: tuple[int, int], change: Change | None = None
    ) -> Shown | None:
        """The layer's picture wherever the shape (and its soft edge) is inside the frame; None if nowhere.

        Args:
            layer: Its ``frame`` stands for the picture: same source and number, same pixels.
            source: That picture.
            size: Of the frame.
            change: What is known of how it differs from an earlier one.
        """
        area = pixel_cover(layer.shape.rect, size, margin=2, align=2)
        if area is None or min(layer.rect.w, layer.rect.h, layer.crop.w, layer.crop.h) <= 0:
            return None
        look = (layer.mirror, layer.soften)
        place = (layer.source, layer.crop, layer.rect, layer.shape, area, source.width, source.height, look)
        kept = self._kept.get((layer.frame, place))
        if kept is not None:
            self._kept.move_to_end((layer.frame, place))
            return kept
        source.require(("yuv420p", "nv12"), BT709_LIMITED)
        before = self._kept.pop((change.frame, place), None) if change is not None else None
        while len(self._kept) >= self.keep:
            self._kept.popitem(last=False)
        shown = self._kept[layer.frame, place] = self._make(layer, source, size, area, before, change)
        return shown

    def _make(
        self,
        layer: PictureLayer,
        source: Planes,
        size: tuple[int, int],
        area: IntRect,
        before: Shown | None,
        change: Change | None,
    ) -> Shown:
        """The picture; what ``change`` does not reach is taken from ``before``, which has the same geometry."""
        if source.format == "nv12":
            both = source.planes[1]
            planes = (source.planes[0], both[:, 0::2], both[:, 1::2])
        else:
            planes = (source.planes[0], source.planes[1], source.planes[2])
        picture = (source.width, source.height)
        if layer.mirror or layer.soften > 0:
            return self._altered(layer, planes, picture, area)
        crop, rect = _even(layer.crop, picture), _even(layer.rect, size)
        if (
            crop is not None
            and rect is not None
            and layer.shape.rect == layer.rect
            and (crop.w, crop.h) != (rect.w, rect.h)
        ):
            # At rest. The soft edge reaches a pixel beyond; chroma there is the edge sample, near enough.
            made: list[Made] = []
            self.resampler.counts.scaled += 3
            for i, slab in enumerate(slabs(crop.h, rect.h)):
                reached = change is None or any(slab.sees(a - crop.y, b - crop.y) for a, b in change.rows)
                if before is None or reached:
                    made.append(Made(slab.start, slab.stop, self.resampler.at_rest(planes, crop, rect.w, slab)))
                else:
                    made.append(before.rows[i])
            rim = self.resampler.rim(planes[0], layer, rect, picture) if layer.shape.radius else None
            return Shown(rect, tuple(made), rim)
        luma, chroma = axes(layer, area, picture, chroma=False), axes(layer, area, picture, chroma=True)
        return Shown(area, (Made(0, area.h, self.resampler.picture(planes, luma, chroma)),))

    def _altered(self, layer: PictureLayer, planes: Three, picture: tuple[int, int], area: IntRect) -> Shown:
        """Mirrored, softened or both."""
        upright = replace(layer, mirror=False)
        wanted = _all_around(layer, area) if layer.soften > 0 else ()
        both: list[Axes] = []
        for chroma in (False, True):
            y, x = axes(upright, area, picture, chroma=chroma)
            if layer.soften > 0:
                rows, columns = wanted[2 * chroma : 2 * chroma + 2]
                y = replace(y, start=rows[0], stop=rows[1])
                x = replace(x, start=columns[0], stop=columns[1])
            both.append((y, _mirrored(x, layer, chroma=chroma) if layer.mirror else x))
        made = self.resampler.picture(planes, both[0], both[1])
        if layer.mirror:
            made = (made[0][:, ::-1], made[1][:, ::-1], made[2][:, ::-1])
        if layer.soften > 0:
            luma, blue, red = (
                self._softened(layer, plane, area, wanted[2 * chroma], wanted[2 * chroma + 1], chroma)
                for plane, chroma in zip(made, (0, 1, 1), strict=True)
            )
            made = luma, blue, red
        return Shown(area, (Made(0, area.h, made),))

    def _softened(
        self,
        layer: PictureLayer,
        plane: Plane,
        area: IntRect,
        rows: tuple[int, int],
        columns: tuple[int, int],
        shift: int,
    ) -> Plane:
        """A Gaussian over samples of ``rows`` and ``columns``, as far as ``area`` goes."""
        key = (layer.soften, area, rows, columns, shift)
        matrices = self._gaussians.get(key)
        if matrices is None:
            sigma = layer.soften / (1 << shift)
            taps_of = [
                gaussian_taps(sigma, low - first, high - first, last - first)
                for (first, last), low, high in (
                    (rows, area.y >> shift, area.bottom >> shift),
                    (columns, area.x >> shift, area.right >> shift),
                )
            ]
            matrices = self._gaussians[key] = Plan(taps_of[0], taps_of[1])
            while len(self._gaussians) > 4:
                self._gaussians.popitem(last=False)
        return matrices.codes(plane)

    def clear(self) -> None:
        """Forget all pictures."""
        self._kept.clear()
