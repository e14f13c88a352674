"""Exact float rectangles out of a scaler that only knows whole numbers.

swscale maps n whole samples to m whole samples. A wanted mapping ``origin + step * (j + 0.5)`` is found among those:
take a window of the (edge-repeated) source that is a little too large, scale it to an output that is a little too
large, and cut. The window's begin, its length, the output's length and the cut are four integers; a few thousand
combinations nearly always hold one that is nowhere off by more than a fiftieth of a sample. (Not when the step is a
simple fraction such as 1 or 1/2 and the phase is odd: then the caller takes the banded matrices.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from reelpress.compose.kernel import Axis

_OVERSCAN = (48, 160, 400)
"""Output samples that may be made in vain; the next number is tried when the one before finds nothing."""

_MOST = 16.0
"""Steps above this leave so few outputs that a window around them would be mostly waste."""

_UNSCALED = 10
"""swscale takes increments that are closer than this to 65536 for no scaling at all."""


@dataclass(frozen=True, slots=True)
class Window:
    """``length`` source samples from ``begin`` on, scaled to ``made``, of which ``cut`` are dropped in front."""

    begin: int
    length: int
    made: int
    cut: int
    error: float
    """Largest distance from the wanted position, in source samples."""


def find(axis: Axis, tolerance: float) -> Window | None:
    """A small window whose error is at most ``tolerance``, or None.

    Args:
        axis: What is wanted.
        tolerance: Source samples (output samples when reducing).
    """
    found = None
    if axis.step > _MOST:
        return None
    for overscan in _OVERSCAN:
        found = found or _find(axis, tolerance, min(overscan, max(8, axis.count // 4)))
    return found


def _find(axis: Axis, tolerance: float, overscan: int) -> Window | None:
    count, step = axis.count, axis.step
    allowed = tolerance * max(1.0, step)
    # The step depends on the two lengths alone: few pairs come near enough to be tried with every cut.
    made = np.arange(count, count + overscan + 1)
    length = np.rint(made * step).astype(np.int64)
    increment = ((length << 16) + (made >> 1)) // made
    increment[np.abs(increment - 65536) < _UNSCALED] = 65536
    slope = increment / 65536.0
    middle = count / 2
    drift = np.abs(slope - step) * middle
    near = np.flatnonzero((drift < allowed) & (length > 0))
    if not len(near):
        return None
    made, length, slope, drift = (a[near, np.newaxis] for a in (made, length, slope, drift))
    cut = np.arange(int(made[-1, 0]) - count + 1)[np.newaxis, :]
    phase = axis.origin + step * (axis.start + middle) - (cut + middle) * slope
    begin = np.rint(phase)
    error = np.abs(phase - begin) + drift
    first = axis.origin + step * (axis.start + 0.5)
    last = axis.origin + step * (axis.stop - 0.5)
    reach = axis.reach + 1
    # Where the window ends swscale repeats its edge sample: right at the source's own edge only.
    whole = (begin <= first - reach) | (begin <= axis.low)
    whole &= (begin + length >= last + reach) | (begin + length >= axis.high)
    whole &= cut <= made - count
    error[~whole] = math.inf
    row, column = np.unravel_index(int(np.argmin(np.where(error <= allowed, made + error, math.inf))), error.shape)
    worst = float(error[row, column])
    if worst > allowed:
        return None
    return Window(int(begin[row, column]), int(length[row, 0]), int(made[row, 0]), int(column), worst)
