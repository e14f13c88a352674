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

_OVERSCAN = 64
"""Most output samples that are made in vain on either side."""

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
    """The cheapest window whose error is at most half of ``tolerance``, else the best one, else None.

    Args:
        axis: What is wanted.
        tolerance: Source samples (output samples when reducing).
    """
    count, step = axis.count, axis.step
    allowed = tolerance * max(1.0, step)
    most = min(_OVERSCAN, max(4, count // 8))
    cut = np.arange(most + 1)[:, np.newaxis]
    made = count + cut + np.arange(most + 1)[np.newaxis, :]
    length = np.rint(made * step).astype(np.int64)
    increment = ((length << 16) + (made >> 1)) // made
    increment[np.abs(increment - 65536) < _UNSCALED] = 65536
    slope = increment / 65536.0
    middle = count / 2
    phase = axis.origin + step * (axis.start + middle) - (cut + middle) * slope
    begin = np.rint(phase)
    error = np.abs(phase - begin) + np.abs(slope - step) * middle
    first = axis.origin + step * (axis.start + 0.5)
    last = axis.origin + step * (axis.stop - 0.5)
    reach = axis.reach + 1
    # Where the window ends swscale repeats its edge sample: right at the source's own edge only.
    whole = ((begin <= first - reach) | (begin <= axis.low)) & (
        (begin + length >= last + reach) | (begin + length >= axis.high)
    )
    error = np.where(whole & (length > 0), error, math.inf)
    good = error <= allowed / 2
    if good.any():
        index = int(np.argmin(np.where(good, made, np.iinfo(np.int64).max)))
    else:
        index = int(np.argmin(error))
    worst = float(error.flat[index])
    if worst > allowed:
        return None
    row, _ = divmod(index, most + 1)
    return Window(int(begin.flat[index]), int(length.flat[index]), int(made.flat[index]), row, worst)
