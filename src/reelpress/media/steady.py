"""Still pictures of a lossy recording, made still again.

A recording that was encoded again at a constant rate never stands quite still: every picture carries a little codec
noise, so hardly two are equal and nothing could be held. Here a picture that is within a tolerance of the one shown, in
every block of 16x16 pixels, is taken for that one.

A picture is compared with what is *shown*, never with the one just before. A slow change therefore adds up until it
passes the tolerance: no sample shown is ever further from the source's than the tolerance, however long it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.media.planes import Plane, Planes

BLOCK = 16
"""Luma samples along a block's side."""
MAX_TOLERANCE = 15
"""Sixteen differences of 15 are the most that a byte can add up."""
DEFAULT_TOLERANCE = 3
"""Of 255: what codec noise stays under in text that does not change."""
PEAK = 3
"""Tolerances that a single sample may be off in :func:`alike`."""
_MEAN_SHARE = 2
"""The mean difference of a block may be at most the tolerance divided by this."""
_SLAB_BYTES = 256 << 10
"""Luma that is compared at once: it stays in the processor's cache, and each call costs little beside its samples."""


class Steadier:
    """The pictures of one source, in order. Not thread-safe.

    Args:
        tolerance: Greatest difference of a sample that counts as noise, 0 to 15 of 255. The mean of a block's
            differences may be at most half of it. With 0 only equal pictures are the same.

    Attributes:
        kept: Pictures for which the one before was returned.
        taken: Pictures that were taken.
    """

    def __init__(self, tolerance: int = DEFAULT_TOLERANCE) -> None:
        if not 0 <= tolerance <= MAX_TOLERANCE:
            raise SettingsError(
                f"--unchanged-tolerance is {tolerance}. Allowed is 0 (exact) to {MAX_TOLERANCE} (of 255)."
            )
        self._tolerance = tolerance
        self._shown: Planes | None = None
        self._scratch: dict[tuple[int, ...], tuple[Plane, Plane]] = {}
        self._first = 0
        self.kept = self.taken = 0

    def steady(self, planes: Planes) -> Planes:
        """What is to be shown for ``planes`` (8-bit ``yuv420p`` or ``nv12``): the very object returned last, or it.

        Nothing is written to either; the caller must not write to them while they are shown.
        """
        shown = self._shown
        if shown is not None and (shown is planes or (_alike(planes, shown) and not self._changed(planes, shown))):
            self.kept += 1
            return shown
        self.taken += 1
        self._shown = planes
        return planes

    def _changed(self, new: Planes, old: Planes) -> bool:
        """Whether any block is beyond the tolerance. Where the last change was found is looked at first."""
        height = max(1, _SLAB_BYTES // (BLOCK * new.width))
        slabs = -(-new.height // (BLOCK * height))
        for step in range(slabs):
            slab = (self._first + step) % slabs
            for index, (a, b) in enumerate(zip(new.planes, old.planes, strict=True)):
                tall = BLOCK if index == 0 else BLOCK // 2
                wide = BLOCK if index == 0 or new.format == "nv12" else BLOCK // 2
                rows = slice(slab * height * tall, (slab + 1) * height * tall)
                if self._beyond(a[rows], b[rows], tall, wide):
                    self._first = slab
                    return True
        return False

    def _beyond(self, new: Plane, old: Plane, tall: int, wide: int) -> bool:
        distance = self._distance(new, old)
        most = int(distance.max(initial=0))
        if most == 0 or most > self._tolerance:
            return most > 0
        tops, lefts = np.arange(0, distance.shape[0], tall), np.arange(0, distance.shape[1], wide)
        # no byte overflows: sixteen differences of at most 15
        sums = np.add.reduceat(_column_sums(distance, tall), lefts, axis=1, dtype=np.int32)
        heights = np.minimum(tops + tall, distance.shape[0]) - tops
        widths = np.minimum(lefts + wide, distance.shape[1]) - lefts
        return bool((sums * _MEAN_SHARE > self._tolerance * np.multiply.outer(heights, widths)).any())

    def _distance(self, a: Plane, b: Plane) -> Plane:
        """Absolute differences, as bytes; good until the next call. Fresh memory would cost as much as the sums."""
        if a.shape not in self._scratch:
            self._scratch[a.shape] = (np.empty(a.shape, np.uint8), np.empty(a.shape, np.uint8))
        high, low = self._scratch[a.shape]
        np.maximum(a, b, out=high)
        np.minimum(a, b, out=low)
        return np.subtract(high, low, out=high)


def _alike(a: Planes, b: Planes) -> bool:
    return (a.format, a.width, a.height, a.color) == (b.format, b.width, b.height, b.color)


def _column_sums(distance: Plane, tall: int) -> Plane:
    """Sums over each ``tall`` rows, column by column."""
    rows = distance.shape[0] // tall * tall
    sums: Plane = np.add.reduce(distance[:rows].reshape(-1, tall, distance.shape[1]), axis=1, dtype=np.uint8)
    if rows == distance.shape[0]:
        return sums
    return np.concatenate([sums, np.add.reduce(distance[rows:], axis=0, keepdims=True, dtype=np.uint8)])


def alike(new: Plane, old: Plane, tolerance: int) -> NDArray[np.bool_]:
    """Which blocks count as the same.

    No sample may be further off than ``PEAK`` tolerances, and the root of the mean square of the differences may be at
    most half the tolerance. So a whole block may be off by half the tolerance, and a few samples by more: what a coder
    leaves at edges from one picture to the next.

    Args:
        new, old: Of shape (blocks, samples of a block), in the order of either.
        tolerance: Of 255; 0 means equal.
    """
    high, low = np.maximum(new, old), np.minimum(new, old)
    distance = np.subtract(high, low, out=high)
    peak = distance.max(axis=1, initial=0)
    same: NDArray[np.bool_] = peak <= PEAK * tolerance
    # a block without a sample beyond half the tolerance cannot have a mean beyond it
    unsure = np.flatnonzero(same & (2 * peak.astype(np.int32) > tolerance))
    if len(unsure):
        part = distance[unsure].astype(np.float32)  # sums stay below 2^24: exact
        squares = np.einsum("ij,ij->i", part, part)
        same[unsure] = 4 * squares <= tolerance * tolerance * part.shape[1]
    return same
