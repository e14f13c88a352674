"""Video pictures on exact float rectangles, plane by plane, and the last one kept.

Each plane is one of three things, decided by its geometry alone (so that the same plan always gives the same pixels):
a cut (nothing to scale), swscale on a window found by :mod:`reelpress.compose.lattice`, or banded matrices.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.compose import lattice
from reelpress.compose.banded import resample_codes
from reelpress.compose.kernel import Axis
from reelpress.media.plane_scale import PlaneScaler
from reelpress.scene.plan import IntRect, pixel_cover

if TYPE_CHECKING:
    from reelpress.media.planes import Plane, Planes
    from reelpress.scene.plan import PictureLayer

LUMA_TOLERANCE = 0.02
CHROMA_TOLERANCE = 0.04
"""How far a sample may be taken from its place, in source samples of its plane."""

_EXACT = 1e-4


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
    if not chroma:
        low, high = _limits(crop.x, crop.right, source[0])
        x = Axis(crop.x - rect.x * step_x, step_x, visible.x, visible.right, low, high)
        low, high = _limits(crop.y, crop.bottom, source[1])
        return Axis(crop.y - rect.y * step_y, step_y, visible.y, visible.bottom, low, high), x
    low, high = _limits(crop.x / 2, crop.right / 2, -(-source[0] // 2))
    origin = crop.x / 2 + 0.25 - (rect.x / 2 + 0.25) * step_x
    x = Axis(origin, step_x, visible.x // 2, visible.right // 2, low, high)
    low, high = _limits(crop.y / 2, crop.bottom / 2, -(-source[1] // 2))
    return Axis((crop.y - rect.y * step_y) / 2, step_y, visible.y // 2, visible.bottom // 2, low, high), x


def _limits(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(max(0, int(np.floor(low + 1e-6))), size - 1)
    return first, max(first + 1, min(size, int(np.ceil(high - 1e-6))))


class PlaneResampler:
    """Resamples planes; keeps scalers and one padded source per kind of plane. Used from one thread.

    Attributes:
        cut, scaled, multiplied: How many planes went each way.
    """

    def __init__(self) -> None:
        self._scalers = (PlaneScaler(), PlaneScaler())
        self._scratch: list[Plane | None] = [None, None]
        self._found: OrderedDict[tuple[Axis, float], lattice.Window | None] = OrderedDict()
        self.cut = self.scaled = self.multiplied = 0

    def resample(self, plane: Plane, y: Axis, x: Axis, kind: int) -> Plane:
        """``plane`` as ``y.count`` rows of ``x.count`` samples; may be a view of ``plane``.

        Args:
            plane: Samples, 8 bit. Columns may be strided (one component of interleaved chroma).
            y: Mapping of the rows.
            x: Mapping of the columns.
            kind: 0 luma, 1 chroma.
        """
        tolerance = (LUMA_TOLERANCE, CHROMA_TOLERANCE)[kind]
        if _is_shift(x) and _is_shift(y):
            self.cut += 1
            top, left = round(y.origin) + y.start, round(x.origin) + x.start
            return self._window(plane, y, x, (top, y.count), (left, x.count), None)
        rows, columns = self._find(y, tolerance), self._find(x, tolerance)
        if rows is None or columns is None:
            self.multiplied += 1
            return resample_codes(plane, y, x)
        self.scaled += 1
        source = self._window(plane, y, x, (rows.begin, rows.length), (columns.begin, columns.length), kind)
        made = self._scalers[kind].scale(source, columns.made, rows.made)
        return made[rows.cut : rows.cut + y.count, columns.cut : columns.cut + x.count]

    def _find(self, axis: Axis, tolerance: float) -> lattice.Window | None:
        key = (axis, tolerance)
        if key in self._found:
            self._found.move_to_end(key)
        else:
            self._found[key] = lattice.find(axis, tolerance)
            if len(self._found) > 16:
                self._found.popitem(last=False)
        return self._found[key]

    def _window(
        self, plane: Plane, y: Axis, x: Axis, rows: tuple[int, int], columns: tuple[int, int], kind: int | None
    ) -> Plane:
        """So many samples from ``rows[0]`` and ``columns[0]`` on; beyond the axes' limits edges are repeated."""
        (top, tall), (left, wide) = rows, columns
        inside = y.low <= top and top + tall <= y.high and x.low <= left and left + wide <= x.high
        if inside and plane.strides[1] == 1:
            return plane[top : top + tall, left : left + wide]
        if kind is None:
            out = np.empty((tall, wide), np.uint8)
        else:  # the scaler reads it at once, so its memory can serve again
            scratch = self._scratch[kind]
            if scratch is None or scratch.size < tall * wide:
                scratch = self._scratch[kind] = np.empty(tall * wide * 9 // 8, np.uint8)
            out = scratch.ravel()[: tall * wide].reshape(tall, wide)
        y0, y1 = min(max(top, y.low), y.high - 1), max(min(top + tall, y.high), y.low + 1)
        x0, x1 = min(max(left, x.low), x.high - 1), max(min(left + wide, x.high), x.low + 1)
        above, before = max(0, y0 - top), max(0, x0 - left)
        above, before = min(above, tall - 1), min(before, wide - 1)
        below, after = min(tall, above + y1 - y0), min(wide, before + x1 - x0)
        out[above:below, before:after] = plane[y0 : y0 + below - above, x0 : x0 + after - before]
        if before:
            out[above:below, :before] = out[above:below, before : before + 1]
        if after < wide:
            out[above:below, after:] = out[above:below, after - 1 : after]
        if above:
            out[:above] = out[above]
        if below < tall:
            out[below:] = out[below - 1]
        return out


def _is_shift(axis: Axis) -> bool:
    """Whether every output sample is one source sample."""
    drift = abs(axis.step - 1) * (abs(axis.start) + axis.count)
    return drift < _EXACT and abs(axis.origin - round(axis.origin)) < _EXACT


@dataclass(frozen=True, slots=True)
class Shown:
    """A scaled picture: what can be seen of a layer's picture."""

    area: IntRect
    """Where in the frame; even edges."""
    planes: tuple[Plane, Plane, Plane]

    def part(self, plane: int, area: IntRect) -> Plane:
        """The samples of one plane under ``area`` (even edges, inside)."""
        shift = 1 if plane else 0
        x, y = (area.x - self.area.x) >> shift, (area.y - self.area.y) >> shift
        return self.planes[plane][y : y + (area.h >> shift), x : x + (area.w >> shift)]


class PictureScaler:
    """Scaled pictures, the newest kept: a pointer moving over a picture at rest costs no scaling.

    Attributes:
        keep: Pictures to remember: as many as the plan shows.
    """

    def __init__(self) -> None:
        self.resampler = PlaneResampler()
        self.keep = 1
        self._kept: OrderedDict[object, Shown] = OrderedDict()

    def show(self, layer: PictureLayer, source: Planes, size: tuple[int, int]) -> Shown | None:
        """The layer's picture wherever the shape (and its soft edge) is inside the frame; None if nowhere."""
        area = pixel_cover(layer.shape.rect, size, margin=2, align=2)
        if area is None or min(layer.rect.w, layer.rect.h, layer.crop.w, layer.crop.h) <= 0:
            return None
        key = (layer.source, layer.frame, layer.crop, layer.rect, area, source.width, source.height)
        shown = self._kept.get(key)
        if shown is None:
            source.require(("yuv420p", "nv12"), BT709_LIMITED)
            while len(self._kept) >= self.keep:
                self._kept.popitem(last=False)
            shown = self._kept[key] = self._make(layer, source, area)
        else:
            self._kept.move_to_end(key)
        return shown

    def _make(self, layer: PictureLayer, source: Planes, area: IntRect) -> Shown:
        picture = (source.width, source.height)
        luma, chroma = axes(layer, area, picture, chroma=False), axes(layer, area, picture, chroma=True)
        if source.format == "nv12":
            both = source.planes[1]
            parts: tuple[Plane, ...] = (source.planes[0], both[:, 0::2], both[:, 1::2])
        else:
            parts = source.planes
        y = self.resampler.resample(parts[0], *luma, 0)
        u, v = (self.resampler.resample(part, *chroma, 1) for part in parts[1:3])
        return Shown(area, (y, u, v))

    def clear(self) -> None:
        """Forget all pictures."""
        self._kept.clear()
