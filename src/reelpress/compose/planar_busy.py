"""Where a plane is not flat: blurring what is of one value everywhere gives that value, so only the rest is blurred.

Pictures of screens are flat for a good part. A block counts as flat only if all of its samples, and those of the
blocks beside it, are equal: leaving such ones out changes no sample.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from reelpress.media.planes import Plane

    Ends = tuple[NDArray[np.intp], NDArray[np.intp]]
    Seen = Callable[[int, NDArray[np.intp], NDArray[np.intp]], Ends]
    """Of an axis (0 rows, 1 columns) and samples from first to before stop: the samples looked at, in the same way."""

BLOCK = 16
"""Rows and columns of a block."""

_TALL = 12
"""Blocks one below the other that are taken together: what is looked at above and below should be little beside."""

_GAP = 16
"""Flat blocks between others that are taken with them: short rows cost more for each sample."""


def parts(plane: Plane, margin: int, area: IntRect, seen: Seen) -> Iterator[IntRect]:
    """Parts of ``area`` outside of which nothing is changed by a mean of samples that looks at no more than ``seen``.

    Args:
        plane: 8 bit.
        margin: Its rows and columns before sample 0 of the frame.
        area: Samples of the frame.
        seen: What those look at, in samples of the frame. Samples beyond the plane count as different.
    """
    top, left = area.y // BLOCK, area.x // BLOCK
    begins = [BLOCK * np.arange(first, -(-stop // BLOCK)) for first, stop in ((top, area.bottom), (left, area.right))]
    looked = [tuple(each + margin for each in seen(axis, at, at + BLOCK)) for axis, at in enumerate(begins)]
    # One block more on each side, to which the outer ones are compared.
    starts = [max(int(low.min()) // BLOCK * BLOCK - BLOCK, 0) for low, _ in looked]
    stops = [(int(high.max()) // BLOCK + 2) * BLOCK for _, high in looked]
    found = _busy(plane[starts[0] : stops[0], starts[1] : stops[1]])
    busy = np.ones((found.shape[0] + 2, found.shape[1] + 2), bool)
    busy[1:-1, 1:-1] = found
    for axis in (1, 0):
        low, high = looked[axis]
        busy = _reached(busy, low - starts[axis], high - starts[axis]).T
    for first in range(0, len(busy), _TALL):
        band = busy[first : first + _TALL]
        for begin, end in _stretches(np.asarray(band.any(axis=0))):
            lines = np.flatnonzero(band[:, begin:end].any(axis=1))
            y, bottom = BLOCK * (top + first + int(lines[0])), BLOCK * (top + first + int(lines[-1]) + 1)
            x, right = max(BLOCK * (left + begin), area.x), min(BLOCK * (left + end), area.right)
            y, bottom = max(y, area.y), min(bottom, area.bottom)
            yield IntRect(x, y, right - x, bottom - y)


def _busy(plane: Plane) -> NDArray[np.bool_]:
    """Blocks in which, or at whose edges, samples differ."""
    low, high = _each(plane, np.minimum), _each(plane, np.maximum)
    busy: NDArray[np.bool_] = low != high
    down, across = low[1:] != low[:-1], low[:, 1:] != low[:, :-1]
    busy[1:] |= down
    busy[:-1] |= down
    busy[:, 1:] |= across
    busy[:, :-1] |= across
    return busy


def _each(plane: Plane, of: np.ufunc) -> Plane:
    """The least or greatest sample of each block; the last ones may be smaller."""
    rows, columns = plane.shape
    whole = rows // BLOCK
    lines = np.empty((-(-rows // BLOCK), columns), np.uint8)
    of.reduce(plane[: whole * BLOCK].reshape(whole, BLOCK, columns), axis=1, out=lines[:whole])
    if len(lines) > whole:
        of.reduce(plane[whole * BLOCK :], axis=0, out=lines[whole])
    return np.asarray(of.reduceat(lines, np.arange(0, columns, BLOCK), axis=1))


def _reached(busy: NDArray[np.bool_], low: NDArray[np.intp], high: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether what looks at samples from ``low`` to before ``high`` of the last axis sees any that are there.

    Args:
        busy: Blocks, and one more at both ends.
        low, high: Samples, from the first of all blocks on.
    """
    most = busy.shape[1]
    first, stop = low // BLOCK + 1, -(-high // BLOCK) + 1
    sums = np.zeros((len(busy), most + 1), np.int32)
    np.cumsum(busy, axis=1, out=sums[:, 1:])
    return np.asarray(np.take(sums, stop.clip(1, most), axis=1) != np.take(sums, first.clip(0, most - 1), axis=1))


def _stretches(there: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and one past the last of what is there, small gaps included."""
    found = np.flatnonzero(there)
    if not len(found):
        return
    breaks = np.flatnonzero(np.diff(found) > _GAP + 1) + 1
    for a, b in pairwise([0, *breaks.tolist(), len(found)]):
        yield int(found[a]), int(found[b - 1]) + 1
