"""Radial motion blur: a finished layer, again and again mixed with itself scaled about one point (scene.plan.Blur).

``n`` taps take ``log2(n) + 1`` scalings this way. The scales are so near 1 that whole runs of rows and columns keep one
offset: a scaling is a few operations on slices, in 16 bits. Every operation is elementwise in the output, so any part
of a frame is drawn as the whole would be.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.media.planes import Plane
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.rect import IntRect

    Ends = tuple[int, int]
    Samples = NDArray[np.uint16]

VARIANCE = 0.05
"""Of the taps' places on a ray of length 1: that of the weight ``4 (p - p^2)``."""
FEWEST = 4
LARGEST_GAP = 2.5
"""Pixels of the ray at the far corner for each tap."""


FINE = 3
"""Bits below a code in which pictures are mixed; places between samples have the other 5 of 16. Half as many bytes as
with float32, and twice as many samples in an operation."""

_ONE = np.uint16(1)


def centre(blur: Blur) -> tuple[float, float]:
    """The point that stays where it is."""
    return blur.origin[0] - blur.dx / blur.spread, blur.origin[1] - blur.dy / blur.spread


def steps(blur: Blur, size: tuple[int, int]) -> tuple[float, ...]:
    """Logarithms of the scales: the two that the layer is seen at first, then each that the picture is mixed with.

    Args:
        blur: A scaling.
        size: Of the frame.
    """
    x, y = centre(blur)
    far = math.hypot(max(abs(x), abs(size[0] - x)), max(abs(y), abs(size[1] - y)))
    ray = abs(blur.spread) * far
    taps = FEWEST
    while taps * LARGEST_GAP < ray:
        taps *= 2
    half = taps // 2  # evenly spaced ones; the others are the same moved, so that they come between them
    moved = 3 * half // 16 + 0.5
    unit = abs(blur.spread) * math.sqrt(VARIANCE / ((half * half - 1) / 12 + moved * moved / 4))
    doubled = [unit * (1 << k) for k in range(half.bit_length() - 1)]
    first = -(sum(doubled) + moved * unit) / 2
    return (first, first + doubled[-1], *doubled[:-1], moved * unit)


class Radial:
    """The blur of the planes of one grid of one layer. Used from one thread.

    Args:
        blur: A scaling.
        size: Of the frame.
        shift: 0 luma, 1 chroma.
        margin: Pixels before the frame's first with which the planes begin.
        memory: To work in, if there is any; grows as needed, so that other blurs may use it after this one.
    """

    def __init__(
        self, blur: Blur, size: tuple[int, int], shift: int, margin: int, memory: list[Samples] | None = None
    ) -> None:
        pitch = 1 << shift
        self._margin = margin >> shift
        # Sample 0 of the frame lies at 0.5 across, and at 0.5 (luma) or 1 (chroma) down.
        x, y = centre(blur)
        self._origin = ((y - pitch / 2) / pitch, (x - 0.5) / pitch)
        all_steps = steps(blur, size)
        self._scales = [math.exp(-step) for step in all_steps]
        # What is cut off below the last bit: half of it for each axis of a scaling, a quarter for a mean of two
        # pictures. Where all samples are equal nothing is, and nothing under 1 code shows when it is made up for.
        lost = 1.25 + 0.75 * len(all_steps[2:])
        self._half = np.uint16(min((1 << FINE) - 1, (1 << FINE - 1) + round(lost)))
        self._ends = (math.exp(-all_steps[0]), math.exp(-all_steps[1] - sum(all_steps[2:])))
        whole = ((0, size[1] // pitch), (0, size[0] // pitch))
        self._places: list[tuple[_Places, _Places]] = []
        for scale in reversed(self._scales[2:]):
            self._places.append(self._places_of(whole, scale))
            whole = self._seen(0, whole[0], scale), self._seen(1, whole[1], scale)
        self._places += [self._places_of(whole, scale) for scale in reversed(self._scales[:2])]
        self._places.reverse()
        self._memory: list[Samples] = [] if memory is None else memory

    def _blurred(self, planes: Sequence[Plane], area: IntRect) -> Samples:
        """The samples ``area`` of each of the blurred ``planes`` side by side, in parts of a code."""
        rest = self._scales[2:]
        boxes = [((area.y, area.bottom), (area.x, area.right))]
        for scale in reversed(rest):  # backwards: what the step before has to give
            (rows, columns) = boxes[-1]
            boxes.append((self._seen(0, rows, scale), self._seen(1, columns, scale)))
        box = boxes.pop()
        firsts = self._scales[:2]
        ends = [[self._seen(axis, each, scale, keep=False) for scale in firsts] for axis, each in enumerate(box)]
        (y0, y1), (x0, x1) = ((min(a for a, _ in both), max(b for _, b in both)) for both in ends)
        count = len(planes)
        memory = self._fields((y1 - y0) * (x1 - x0) * count)
        window, lines, beside, made, other = memory
        # The layer is 0 beyond its planes.
        seen = _window(planes, x0 + self._margin, y0 + self._margin, x1 - x0, y1 - y0, window)
        field = _scaled(seen, count, self._places[0], box, (y0, x0), lines, beside, made, 0)
        field += _scaled(seen, count, self._places[1], box, (y0, x0), lines, beside, other, 0)
        field >>= _ONE
        for places in self._places[2:]:
            (sy, _), (sx, _) = box
            box = boxes.pop()
            (by, ey), (bx, ex) = box
            result = _scaled(field, count, places, box, (sy, sx), lines, beside, other, FINE)
            result += field[by - sy : ey - sy, (bx - sx) * count : (ex - sx) * count]
            result >>= _ONE
            field, made, other = result, other, made
        return field

    def codes(self, plane: Plane, area: IntRect) -> Samples:
        """The samples ``area`` (in samples of the frame) of the blurred ``plane``, rounded.

        They are memory that the next call uses again.
        """
        field = self._blurred((plane,), area)
        field += self._half
        field >>= np.uint16(FINE)
        return field

    def of(self, planes: Sequence[Plane], area: IntRect) -> list[Field]:
        """The same of several planes, not rounded.

        They are worked on with their samples side by side: longer rows, fewer operations.
        """
        field, count = self._blurred(planes, area), len(planes)
        return [field[:, n::count] * np.float32(0.5**FINE) for n in range(count)]

    def seen(
        self, axis: int, first: NDArray[np.intp], stop: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Samples that those from ``first`` to before ``stop`` look at, or some more."""
        origin, pad = self._origin[axis], len(self._scales) - 1
        low = np.minimum(*(origin + (first - origin) * scale for scale in self._ends))
        high = np.maximum(*(origin + (stop - origin) * scale for scale in self._ends))
        return np.floor(low).astype(np.intp) - pad, np.ceil(high).astype(np.intp) + pad

    def _fields(self, samples: int) -> list[Samples]:
        """Memory of five fields: new memory for every frame would cost as much as some operations on it."""
        if not self._memory or len(self._memory[0]) < samples:
            self._memory[:] = [np.empty(samples * 9 // 8, np.uint16) for _ in range(5)]
        return self._memory

    def _places_of(self, box: tuple[Ends, Ends], scale: float) -> tuple[_Places, _Places]:
        rows, columns = (_Places(ends, origin, scale) for ends, origin in zip(box, self._origin, strict=True))
        return rows, columns

    def _seen(self, axis: int, ends: Ends, scale: float, *, keep: bool = True) -> Ends:
        """The samples that a scaling looks at, and with ``keep`` those of ``ends`` too."""
        origin = self._origin[axis]
        first, last = (
            math.floor(origin + (ends[0] - origin) * scale),
            math.floor(origin + (ends[1] - 1 - origin) * scale),
        )
        return (min(first, ends[0]), max(last + 2, ends[1])) if keep else (first, last + 2)


class _Places:
    """Where the samples of an axis look: at one sample and the next, and how far between them."""

    def __init__(self, ends: Ends, origin: float, scale: float) -> None:
        at = origin + (np.arange(*ends) - origin) * scale
        low = np.floor(at)
        self._first = ends[0]
        self._share = at - low
        breaks = [0, *(np.flatnonzero(np.diff(low) != 1) + 1).tolist()]
        self._breaks = [ends[0] + each for each in breaks]
        self._moves = [int(low[each]) - ends[0] - each for each in breaks]

    def shares(self, ends: Ends, bits: int, count: int = 1) -> tuple[Samples, Samples]:
        """Of the first and of the second sample, in whole parts of ``1 << bits``; each ``count`` times."""
        share = self._share[ends[0] - self._first : ends[1] - self._first]
        second = np.rint(share * (1 << bits)).astype(np.uint16)
        if count > 1:
            second = np.repeat(second, count)
        return np.uint16(1 << bits) - second, second

    def runs(self, ends: Ends, start: int) -> Iterator[tuple[int, int, int]]:
        """``(first, last, source)`` of stretches of ``ends`` in which the source goes on by one from sample to sample.

        All are counted from the first of ``ends``, and from ``start`` in the source.
        """
        first, stop = ends
        n = bisect_right(self._breaks, first) - 1
        begin = first
        while begin < stop:
            n += 1
            end = min(self._breaks[n], stop) if n < len(self._breaks) else stop
            yield begin - first, end - first, begin + self._moves[n - 1] - start
            begin = end


def _scaled(
    source: Samples,
    count: int,
    places: tuple[_Places, _Places],
    box: tuple[Ends, Ends],
    start: Ends,
    lines: Samples,
    beside: Samples,
    out: Samples,
    fine: int,
) -> Samples:
    """``source`` (contiguous, from row and column ``start`` on, ``count`` planes) bilinearly at other places.

    A code of 8 bits, its parts and those of a place make 16 bits together.

    Args:
        source, count, places, box, start: What, where, and which samples are wanted.
        lines, beside, out: Memory.
        fine: Bits below a code in ``source``; in the result they are ``FINE``.
    """
    (by, ey), (bx, ex) = box
    rows, columns, wide = ey - by, (ex - bx) * count, source.shape[1]
    field, second = (each[: rows * wide].reshape(rows, wide) for each in (lines, beside))
    upper_by, lower_by = (each[:, np.newaxis] for each in places[0].shares(box[0], 8 - fine))
    for first, last, at in places[0].runs(box[0], start[0]):
        np.multiply(source[at : at + last - first], upper_by[first:last], out=field[first:last])
        np.multiply(source[at + 1 : at + 1 + last - first], lower_by[first:last], out=second[first:last])
    field += second
    field >>= np.uint16(8 - FINE)
    made, second = (each[: rows * columns].reshape(rows, columns) for each in (out, beside))
    left_by, right_by = places[1].shares(box[1], 8 - FINE, count)
    for run in places[1].runs(box[1], start[1]):
        first, last, at = (count * each for each in run)
        stop = at + last - first
        np.multiply(field[:, at:stop], left_by[first:last], out=made[:, first:last])
        np.multiply(field[:, at + count : stop + count], right_by[first:last], out=second[:, first:last])
    made += second
    made >>= np.uint16(8 - FINE)
    return made


def _window(planes: Sequence[Plane], x: int, y: int, wide: int, tall: int, memory: Samples) -> Samples:
    """Samples from column ``x`` and row ``y`` on; 0 beyond the planes."""
    rows, columns = planes[0].shape
    count = len(planes)
    out = memory[: tall * wide * count].reshape(tall, wide * count)
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + wide, columns), min(y + tall, rows)
    if (x0, y0, x1, y1) != (x, y, x + wide, y + tall):
        out[...] = 0
    if x1 > x0 and y1 > y0:
        known = out[y0 - y : y1 - y, (x0 - x) * count : (x1 - x) * count]
        for n, plane in enumerate(planes):
            known[:, n::count] = plane[y0:y1, x0:x1]
    return out
