"""Text at rest: the part of a screen recording that people read, judged by itself.

A block of 16x16 luma samples counts as text when at least 16 of its 256 pairs of horizontal neighbours differ by 40
codes or more, and as at rest when no sample differs by more than 2 from the picture before. Both are judged on the
reference only. Its PSNR is that of its samples, its SSIM the mean of the nine windows that lie inside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.quality.metrics import BAND

if TYPE_CHECKING:
    from reelpress.media.planes import Plane
    from reelpress.quality.metrics import PlaneDifference

BLOCK = 16
STEP = 40
"""Codes between two neighbours that make an edge of a letter."""
EDGES = 16
"""Of those in a block."""
REST = 2
"""Codes by which a sample at rest may differ: what encoders do to a picture that stays."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]
_ONES = np.uint64(0x0101010101010101)


@dataclass(frozen=True, slots=True)
class TextDifference:
    """The text at rest of one picture."""

    blocks: int
    sse: int
    samples: int
    ssim: float
    """Mean over its blocks."""
    worst_ssim: float
    worst_at: tuple[int, int]
    """Left and top pixel of the worst block."""


class TextRegion:
    """Finds text at rest in the pictures of a sequence. One thread uses it."""

    def __init__(self, width: int, height: int) -> None:
        self._rows, self._columns = height // BLOCK, width // BLOCK
        self._now: Plane | None = None
        self._last: Plane | None = None
        self._text: Mask | None = None

    def next(self, luma: Plane, *, unchanged: bool = False) -> None:
        """The next picture's luma. It is kept, not copied, for this picture and the next.

        Args:
            luma: Samples that will not change.
            unchanged: They are those of the picture before; saves looking at them.
        """
        if unchanged and self._now is not None:
            self._last = None  # all of it is at rest
            self._now = luma
            return
        self._last, self._now = self._now, luma
        self._text = None

    def mask(self) -> Mask | None:
        """Which blocks of this picture are text at rest, by row and column; ``None`` when there are none.

        Of the first picture all of them are taken to be at rest.
        """
        if self._now is None or not self._rows or not self._columns:
            return None
        at = (slice(self._rows * BLOCK), slice(self._columns * BLOCK))
        if self._text is None:
            self._text = text_blocks(self._now[at])
        found = self._text
        if self._last is not None and found.any():
            found = found & ~moved_blocks(self._now[at], self._last[at])
        return found if found.any() else None


def text_blocks(luma: Plane) -> Mask:
    """Blocks with many strong edges; both sides of ``luma`` are multiples of 16."""

    def edges(band: Plane, at: slice) -> Plane:
        found = np.zeros(band.shape, np.uint8)
        left, right = band[:, :-1], band[:, 1:]
        step = np.maximum(left, right)
        step -= np.minimum(left, right)
        np.greater_equal(step, STEP, out=found[:, 1:].view(np.bool_))
        found[:, ::BLOCK] = 0  # a step between two blocks belongs to neither
        return found

    return np.asarray(_count(luma, edges) >= EDGES)


def moved_blocks(luma: Plane, last: Plane) -> Mask:
    """Blocks in which a sample differs by more than ``REST``."""

    def moved(band: Plane, at: slice) -> Plane:
        other = last[at]
        difference = np.maximum(band, other)
        difference -= np.minimum(band, other)
        return (difference > REST).view(np.uint8)

    return np.asarray(_count(luma, moved) > 0)


def _count(luma: Plane, marks: Any) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Marked samples of every block."""
    height, width = luma.shape
    out = np.empty((height // BLOCK, width // BLOCK), np.int32)
    for top in range(0, height, BAND):
        at = slice(top, min(top + BAND, height))
        found = marks(luma[at], at)
        columns = np.add.reduce(found.reshape(-1, BLOCK, width), axis=1, dtype=np.uint8)  # at most 16
        eights = (np.ascontiguousarray(columns).view(np.uint64) * _ONES) >> np.uint64(56)  # at most 128
        out[at.start // BLOCK : at.stop // BLOCK] = eights[:, 0::2] + eights[:, 1::2]
    return out


def difference_in(mask: Mask, luma: PlaneDifference) -> TextDifference:
    """The difference of two pictures in the blocks of ``mask``."""
    ys, xs = np.nonzero(mask)
    quads = BLOCK // 4
    inside = quads - 1  # windows of 8x8 that begin in a block and end in it
    rows, columns = ys[:, None, None] * quads, xs[:, None, None] * quads
    down, right = np.arange(inside)[:, None], np.arange(inside)
    ssim = luma.windows[rows + down, columns + right].mean(axis=(1, 2))
    down, right = np.arange(quads)[:, None], np.arange(quads)
    sse = int(luma.squares[rows + down, columns + right].sum(dtype=np.int64))
    worst = int(np.argmin(ssim))
    return TextDifference(
        len(ys),
        sse,
        len(ys) * BLOCK * BLOCK,
        float(ssim.mean()),
        float(ssim[worst]),
        (int(xs[worst]) * BLOCK, int(ys[worst]) * BLOCK),
    )
