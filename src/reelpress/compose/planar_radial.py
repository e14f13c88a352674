"""Radial motion blur: a finished layer, again and again mixed with itself scaled about one point (scene.plan.Blur).

``n`` taps take ``log2(n) + 1`` scalings this way. The scales are so near 1 that whole runs of rows and columns keep one
offset: a scaling is a few operations on slices, in float32. Every operation is elementwise in the output, so any part
of a frame is drawn as the whole would be.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.media.planes import Plane
    from reelpress.scene.plan import Blur, IntRect

    Ends = tuple[int, int]

VARIANCE = 0.05
"""Of the taps' places on a ray of length 1: that of the weight ``4 (p - p^2)``."""
FEWEST = 4
LARGEST_GAP = 2.5
"""Pixels of the ray at the far corner for each tap."""

_STRIP = 1 << 17
"""Samples that are scaled at a time: some fields of them fit a second-level cache."""


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
    """

    def __init__(self, blur: Blur, size: tuple[int, int], shift: int, margin: int) -> None:
        pitch = 1 << shift
        self._margin = margin >> shift
        # Sample 0 of the frame lies at 0.5 across, and at 0.5 (luma) or 1 (chroma) down.
        x, y = centre(blur)
        self._origin = ((y - pitch / 2) / pitch, (x - 0.5) / pitch)
        first, second, *self._rest = steps(blur, size)
        self._first = (first, second)
        self._share = np.float32(0.5 ** (len(self._rest) + 1))
        self._known: dict[tuple[int, Ends, float, int], _Places] = {}  # planes and parts that ask for the same

    def of(self, plane: Plane, area: IntRect) -> Field:
        """The samples ``area`` (in samples of the frame) of the blurred ``plane``, as codes."""
        boxes = [((area.y, area.bottom), (area.x, area.right))]
        for step in reversed(self._rest):  # backwards: what the step before has to give
            boxes.append((self._seen(0, boxes[-1][0], step), self._seen(1, boxes[-1][1], step)))
        box = boxes.pop()
        made = self._layer(plane, box)
        for step in self._rest:
            source, (rows, columns) = box, boxes.pop()
            y, x = rows[0] - source[0][0], columns[0] - source[1][0]
            out = made[y : y + rows[1] - rows[0], x : x + columns[1] - columns[0]]
            made = _scaled(
                made, self._places(0, rows, step, source[0][0]), self._places(1, columns, step, source[1][0]), out
            )
            box = rows, columns
        made *= self._share
        return made

    def _layer(self, plane: Plane, box: tuple[Ends, Ends]) -> Field:
        """The sum of the two scalings that come first; the layer is 0 beyond its plane."""
        total = None
        ends = [[self._seen(axis, each, step, keep=False) for step in self._first] for axis, each in enumerate(box)]
        (y0, y1), (x0, x1) = ((min(a for a, _ in both), max(b for _, b in both)) for both in ends)
        window = _window(plane, x0 + self._margin, y0 + self._margin, x1 - x0, y1 - y0)
        for step in self._first:
            total = _scaled(window, self._places(0, box[0], step, y0), self._places(1, box[1], step, x0), total)
        assert total is not None
        return total

    def _places(self, axis: int, ends: Ends, step: float, start: int) -> _Places:
        key = (axis, ends, step, start)
        if key not in self._known:
            origin = self._origin[axis]
            at = origin + (np.arange(*ends) - origin) * math.exp(-step)
            low = np.floor(at)
            self._known[key] = _Places((low - start).astype(np.intp), (at - low).astype(np.float32))
        return self._known[key]

    def _seen(self, axis: int, ends: Ends, step: float, *, keep: bool = True) -> Ends:
        """The samples that a scaling looks at, and with ``keep`` those of ``ends`` too."""
        origin, scale = self._origin[axis], math.exp(-step)
        first, last = (math.floor(origin + (at - origin) * scale) for at in (ends[0], ends[1] - 1))
        return (min(first, ends[0]), max(last + 2, ends[1])) if keep else (first, last + 2)


class _Places:
    """Where the samples of an axis look: at one sample and the next, and how far between them."""

    def __init__(self, low: NDArray[np.intp], share: NDArray[np.float32]) -> None:
        self.share = share
        breaks = np.flatnonzero(np.diff(low) != 1) + 1
        edges = [0, *breaks.tolist(), len(low)]
        self.runs = [(first, last, int(low[first])) for first, last in itertools.pairwise(edges)]

    def between(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """``(first, last, source)`` of stretches in which the source goes on by one from sample to sample."""
        for first, last, at in self.runs:
            if last > start and first < stop:
                begin = max(first, start)
                yield begin, min(last, stop), at + begin - first


def _scaled(source: Field, down: _Places, across: _Places, add: Field | None) -> Field:
    """``source`` (contiguous) bilinearly at other places, and ``add`` to that.

    Between rows all columns of the source are gone through: operations on contiguous memory take half the time.
    """
    rows, columns, wide = len(down.share), len(across.share), source.shape[1]
    out = np.empty((rows, columns), np.float32)
    strip = max(4, _STRIP // wide)
    lines = np.empty((min(strip, rows), wide), np.float32)
    slopes = np.empty_like(lines)
    down_by = down.share[:, np.newaxis]
    for start in range(0, rows, strip):
        stop = min(start + strip, rows)
        line, slope, made = lines[: stop - start], slopes[: stop - start], out[start:stop]
        for first, last, at in down.between(start, stop):
            part = line[first - start : last - start]
            upper = source[at : at + last - first]
            np.subtract(source[at + 1 : at + 1 + last - first], upper, out=part)
            part *= down_by[first:last]
            part += upper
        flat = line.reshape(-1)
        np.subtract(flat[1:], flat[:-1], out=slope.reshape(-1)[:-1])  # the last of each row is not looked at
        for first, last, at in across.runs:
            part = made[:, first:last]
            np.multiply(slope[:, at : at + last - first], across.share[first:last], out=part)
            part += line[:, at : at + last - first]
        if add is not None:
            made += add[start:stop]
    return out


def _window(plane: Plane, x: int, y: int, wide: int, tall: int) -> Field:
    """Samples from column ``x`` and row ``y`` on; 0 beyond the plane."""
    rows, columns = plane.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + wide, columns), min(y + tall, rows)
    if (x0, y0, x1, y1) == (x, y, x + wide, y + tall):
        return plane[y0:y1, x0:x1].astype(np.float32)
    out = np.zeros((tall, wide), np.float32)
    if x1 > x0 and y1 > y0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = plane[y0:y1, x0:x1]
    return out
