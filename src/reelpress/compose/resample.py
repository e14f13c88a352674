"""Video pictures on exact float rectangles, plane by plane, and the last one kept.

Each plane is one of three things, decided by its geometry alone (so that the same plan always gives the same pixels):
a cut (nothing to scale), swscale on a window found by :mod:`reelpress.compose.lattice`, or banded matrices.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.compose.banded import Plan
from reelpress.compose.kernel import Axis, gaussian_taps, taps
from reelpress.compose.lattice import Window, find
from reelpress.media.plane_scale import PlaneScaler
from reelpress.scene.plan import IntRect, pixel_cover

if TYPE_CHECKING:
    from reelpress.media.planes import Plane, Planes
    from reelpress.scene.plan import PictureLayer, Rect

LUMA_TOLERANCE = 0.012
CHROMA_TOLERANCE = 0.015
"""How far a sample may be taken from its place, in source samples of its plane."""

_EXACT = 1e-4

Three = tuple["Plane", "Plane", "Plane"]
"""Y, Cb and Cr."""

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


class Resampler:
    """Resamples planes; keeps scalers, matrices and one padded source per kind of plane. Used from one thread."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._whole = PlaneScaler()
        self._scalers = (PlaneScaler(), PlaneScaler())
        self._scratch: dict[str, Plane] = {}
        self._found: OrderedDict[tuple[Axis, float], Window | None] = OrderedDict()
        self._matrices: OrderedDict[tuple[Axis, Axis], Plan] = OrderedDict()

    def picture(self, planes: Three, luma: Axes, chroma: Axes) -> Three:
        """Y, Cb and Cr resampled, each to the counts of its axes.

        Args:
            planes: 8 bit, 4:2:0. Columns may be strided (components of interleaved chroma).
            luma, chroma: Mappings of rows and columns: (y, x).
        """
        y = self._alone(planes[0], luma, 0)
        u, v = self._alone(planes[1], chroma, 1), self._alone(planes[2], chroma, 1)
        return y, u, v

    def at_rest(self, planes: Three, crop: IntRect, width: int, height: int) -> Three:
        """``crop`` (even edges) scaled to an even size in one call: swscale places left-sited chroma itself."""
        y, u, v = (
            self._contiguous(name, plane[crop.y >> shift : crop.bottom >> shift, crop.x >> shift : crop.right >> shift])
            for name, plane, shift in zip("yuv", planes, (0, 1, 1), strict=True)
        )
        self.counts.scaled += 3
        return self._whole.picture((y, u, v), width, height)

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
class Shown:
    """A scaled picture: what can be seen of a layer's picture."""

    area: IntRect
    """Where in the frame; even edges. Samples beyond are its edge samples."""
    planes: Three

    def part(self, plane: int, area: IntRect) -> Plane:
        """The samples of one plane under ``area`` (even edges)."""
        shift = 1 if plane else 0
        x, y = (area.x - self.area.x) >> shift, (area.y - self.area.y) >> shift
        w, h = area.w >> shift, area.h >> shift
        samples = self.planes[plane]
        tall, wide = samples.shape
        if x >= 0 and y >= 0 and x + w <= wide and y + h <= tall:
            return samples[y : y + h, x : x + w]
        out = np.empty((h, w), np.uint8)
        _with_edges(samples, x, y, out)
        return out


def _with_edges(samples: Plane, x: int, y: int, out: Plane) -> None:
    """Fill ``out`` with the samples from column ``x`` and row ``y`` on; edge samples are repeated beyond."""
    (tall, wide), (rows, columns) = samples.shape, out.shape
    top, left = min(max(y, 0), tall - 1), min(max(x, 0), wide - 1)
    above, before = min(max(-y, 0), rows - 1), min(max(-x, 0), columns - 1)
    below = above + max(1, min(rows - above, tall - top))
    after = before + max(1, min(columns - before, wide - left))
    out[above:below, before:after] = samples[top : top + below - above, left : left + after - before]
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

    def show(self, layer: PictureLayer, source: Planes, size: tuple[int, int]) -> Shown | None:
        """The layer's picture wherever the shape (and its soft edge) is inside the frame; None if nowhere."""
        area = pixel_cover(layer.shape.rect, size, margin=2, align=2)
        if area is None or min(layer.rect.w, layer.rect.h, layer.crop.w, layer.crop.h) <= 0:
            return None
        look = (layer.mirror, layer.soften)
        key = (layer.source, layer.frame, layer.crop, layer.rect, area, source.width, source.height, look)
        shown = self._kept.get(key)
        if shown is None:
            source.require(("yuv420p", "nv12"), BT709_LIMITED)
            while len(self._kept) >= self.keep:
                self._kept.popitem(last=False)
            shown = self._kept[key] = self._make(layer, source, size, area)
        else:
            self._kept.move_to_end(key)
        return shown

    def _make(self, layer: PictureLayer, source: Planes, size: tuple[int, int], area: IntRect) -> Shown:
        if source.format == "nv12":
            both = source.planes[1]
            planes = (source.planes[0], both[:, 0::2], both[:, 1::2])
        else:
            planes = (source.planes[0], source.planes[1], source.planes[2])
        picture = (source.width, source.height)
        if layer.mirror or layer.soften > 0:
            return self._altered(layer, planes, picture, area)
        crop, rect = _even(layer.crop, picture), _even(layer.rect, size)
        if crop is not None and rect is not None and layer.shape.rect == layer.rect and crop.w != rect.w:
            # At rest. The soft edge reaches a pixel beyond and shows the edge sample there, near enough.
            return Shown(rect, self.resampler.at_rest(planes, crop, rect.w, rect.h))
        luma, chroma = axes(layer, area, picture, chroma=False), axes(layer, area, picture, chroma=True)
        return Shown(area, self.resampler.picture(planes, luma, chroma))

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
        return Shown(area, made)

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
