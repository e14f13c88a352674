"""XPSNR: PSNR in which errors count less where the picture is busy or moves.

C. R. Helmrich et al., "XPSNR: A low-complexity extension of the perceptually weighted peak signal-to-noise ratio for
high-resolution video quality assessment" (ICASSP 2020). Details (borders, constants, order of smoothing)
follow FFmpeg's ``xpsnr`` filter, with whose numbers these agree. For a picture of W x H samples, r = W H / (3840 2160):

- Blocks of B x B luma samples, ``B = 4 floor(32 sqrt(r) + 1/2)``; smaller pictures than about 64x31 are not weighted.
- Activity of a block of the reference: the mean of ``|h|`` over it, with the high-pass ``h = 12 o - 2 (left + right +
  above + below) - (the four diagonal ones)`` (without the picture's outermost samples), and twice the mean of ``|t|``,
  the difference from the picture before (below 32 fps), or the difference of two such differences. Above 2048x1152
  both are taken on 2x2 sums with a wider high-pass. At least 4.
- Weight ``w = sqrt(16 2^7 / sqrt(max(r, 10^-5))) / activity``; up to 640x480 no block weighs more than the heaviest of
  its neighbours left, right and above (in reading order).
- ``XPSNR = 10 log10(255^2 W H / sum(w SSE))``; chroma blocks use the weight of their luma block.
- Over a sequence the mean of ``sqrt(sum(w SSE))`` takes the place of the square root of one picture's.

Before its first picture a sequence counts as black, so the first one is busy. "The picture before" is the one of the
moment before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.quality.metrics import BAND, PEAK, sum_of_four

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.media.planes import Plane
    from reelpress.quality.metrics import Floats, PlaneDifference

UHD = 3840 * 2160
HALVED_ABOVE = 2048 * 1152
"""Luma samples above which activity is measured at half the resolution."""
SMOOTHED_UP_TO = 640 * 480
"""Luma samples up to which weights are smoothed."""
SECOND_ORDER_FROM = 32
"""Frames per second from which the second difference in time is taken."""
LEAST_ACTIVITY = 4.0

_Numbers = np.ndarray[Any, np.dtype[np.int16]]


def block_size(width: int, height: int) -> int:
    """Luma samples along one side of a block; below 4 nothing is weighted."""
    return 4 * int(32.0 * math.sqrt(width * height / UHD) + 0.5)


class Xpsnr:
    """Weighted squared errors of one sequence, picture by picture. One thread uses it.

    Args:
        width: Luma samples.
        height: Luma samples.
        rate: Moments per second of the sequence; decides on the first or second difference in time.
    """

    def __init__(self, width: int, height: int, rate: Fraction) -> None:
        self.width, self.height = width, height
        self.block = block_size(width, height)
        self.second_order = rate >= SECOND_ORDER_FROM
        self._halved = width * height > HALVED_ABOVE
        self._shape = (-(-height // 4), -(-width // 4))
        self._past: list[Plane | None] = [None, None]
        self._now: Plane | None = None
        self._spatial: Floats | None = None
        self._weights: Floats | None = None
        self._same = 0
        ratio = width * height / UHD
        self._scale = math.sqrt(16.0 * 2**7 / math.sqrt(max(1e-5, ratio)))

    def next(self, luma: Plane, *, unchanged: bool = False) -> None:
        """The reference's luma at the next moment. It is kept (not copied) for the two moments after it.

        Args:
            luma: Samples that will not change.
            unchanged: They are those of the moment before; saves looking at them.
        """
        first = self._now is None
        self._past = [self._now, self._past[0]]
        self._same = self._same + 1 if unchanged and not first else 0
        self._now = luma
        if not unchanged or first:
            self._spatial = None
        if self._same <= 2:  # then the differences in time are zero and stay it
            self._weights = None

    def weights(self) -> Floats:
        """Weight of every block of the picture of this moment, by row and column."""
        assert self._now is not None
        if self._weights is None:
            self._weights = self._weigh(self._now)
        return self._weights

    def errors(self, differences: tuple[PlaneDifference, ...], planes: tuple[tuple[Plane, Plane], ...]) -> list[float]:
        """``sum(w SSE)`` of Y, U and V at this moment.

        Args:
            differences: Of the planes, as ``PlaneMeter.compare`` gave them.
            planes: Reference and other of each plane.
        """
        found = []
        for n, (difference, (a, b)) in enumerate(zip(differences, planes, strict=True)):
            if difference.sse == 0 or self.block < 4:
                found.append(float(difference.sse))
                continue
            weights = self.weights()
            if n == 0:
                sse = _block_sums(difference.squares, self.block // 4, self.block // 4)
            else:
                height, width = a.shape
                sse = _block_errors(a, b, self.block * height // self.height, self.block * width // self.width)
            rows, columns = min(len(sse), len(weights)), min(sse.shape[1], weights.shape[1])
            found.append(float((sse[:rows, :columns] * weights[:rows, :columns]).sum()))
        return found

    # -- activity -------------------------------------------------------------------------------------------------

    def _weigh(self, now: Plane) -> Floats:
        b = self.block
        border = 2 if self._halved else 1
        if self._spatial is None:
            self._spatial = _block_sums(self._high_pass(now), b // 4, b // 4)
        heights, inner_heights = _sizes(self.height, b, border)
        widths, inner_widths = _sizes(self.width, b, border)
        inner = np.outer(inner_heights, inner_widths).astype(np.float64)
        activity = self._spatial / np.maximum(inner, 1)
        if self._same < (2 if self.second_order else 1):
            moved = _block_sums(self._in_time(now), b // 4, b // 4)
            activity = activity + 2.0 * moved / np.outer(heights, widths)
        activity = np.maximum(activity, LEAST_ACTIVITY)
        weights = np.where((inner_heights[:, None] > 0) & (inner_widths > 0), 1.0 / activity, 1.0)
        if self.width * self.height <= SMOOTHED_UP_TO:
            _smooth(weights)
        return weights * self._scale

    def _high_pass(self, luma: Plane) -> np.ndarray[Any, Any]:
        """Sums of ``|h|`` over 4x4 samples."""
        if self._halved:
            return self._high_pass_halved(luma)
        rows, columns = self._shape
        out = np.empty((rows, columns), np.uint32)
        h, w = self.height, self.width
        buffer = np.zeros((min(BAND, 4 * rows), 4 * columns), np.int16)
        for top in range(0, h, BAND):
            count = min(BAND, h - top)
            groups = -(-count // 4)
            band = buffer[: 4 * groups]
            band[:] = 0
            lo, hi = max(top, 1), min(top + count, h - 1)
            if hi > lo and w > 2:
                o = luma[lo - 1 : hi + 1].astype(np.int16)
                # 16 o - (1 2 1) x (1 2 1) of its surroundings is the kernel
                across = o[:-2] + o[2:] + 2 * o[1:-1]
                around = across[:, :-2] + across[:, 2:] + 2 * across[:, 1:-1]
                np.abs(16 * o[1:-1, 1:-1] - around, out=band[lo - top : hi - top, 1 : w - 1])
            out[top // 4 : top // 4 + groups] = sum_of_four(band.view(np.uint16))  # at most 16 x 3060
        return out

    def _high_pass_halved(self, luma: Plane) -> np.ndarray[Any, Any]:
        """Sums of ``|h|`` over 4x4 samples, of the high-pass that looks at every second sample both ways."""
        rows, columns = self._shape
        out = np.zeros((rows, columns), np.int32)
        h, w = self.height & ~1, self.width & ~1
        wide = 4 * columns // 2
        for top in range(0, h, BAND):
            lo, hi = max(top, 2), min(top + BAND, h - 2)
            if hi <= lo:
                continue
            o = luma[lo - 2 : hi + 4, :w].astype(np.int16)
            if len(o) < hi - lo + 6:  # the picture's last rows: what is missing is beyond the border that is left out
                o = np.pad(o, ((0, hi - lo + 6 - len(o)), (0, 0)))
            count = hi - lo
            far = o[0:count:2] + o[5 : count + 5 : 2]
            near = o[1 : count + 1 : 2] + o[4 : count + 4 : 2]
            own = o[2 : count + 2 : 2] + o[3 : count + 3 : 2]
            total = np.zeros((count // 2, w // 2), np.int16)
            inside = total[:, 1:-1]  # positions 2, 4, ... w - 4
            size = inside.shape[1]
            for line, taps in ((far, (0, 1, 1, 1, 1, 0)), (near, (1, 2, 3, 3, 2, 1)), (own, (1, 3, -12, -12, 3, 1))):
                even, odd = np.ascontiguousarray(line[:, 0::2]), np.ascontiguousarray(line[:, 1::2])
                for offset, tap in zip(range(-2, 4), taps, strict=True):
                    if tap:
                        part = (odd if offset & 1 else even)[:, 1 + (offset >> 1) : 1 + (offset >> 1) + size]
                        inside += tap * part
            padded = np.zeros((BAND // 2, wide), np.int32)
            begin = (lo - top) // 2
            padded[begin : begin + count // 2, : w // 2] = np.abs(total)
            pairs = padded[0::2] + padded[1::2]
            groups = min(BAND // 4, rows - top // 4)
            out[top // 4 : top // 4 + groups] = (pairs[:, 0::2] + pairs[:, 1::2])[:groups]
        return out

    def _in_time(self, now: Plane) -> np.ndarray[Any, Any]:
        """Sums of ``|t|`` over 4x4 samples."""
        rows, columns = self._shape
        out = np.empty((rows, columns), np.uint32)
        h, w = self.height, self.width
        buffer = np.zeros((min(BAND, 4 * rows), 4 * columns), np.int16)
        one, two = self._past
        for top in range(0, h, BAND):
            count = min(BAND, h - top)
            groups = -(-count // 4)
            band = buffer[: 4 * groups]
            band[count:] = 0
            at = slice(top, top + count)
            t = now[at].astype(np.int16)
            if one is not None:
                before = one[at].astype(np.int16)
                t -= 2 * before if self.second_order else before
            if two is not None and self.second_order:
                t += two[at]
            band[:count, :w] = t
            if self._halved:
                pairs = band[0::2] + band[1::2]
                cells = np.abs(pairs[:, 0::2] + pairs[:, 1::2]).astype(np.int32)
                pairs32 = cells[0::2] + cells[1::2]
                out[top // 4 : top // 4 + groups] = pairs32[:, 0::2] + pairs32[:, 1::2]
            else:
                np.abs(band, out=band)
                out[top // 4 : top // 4 + groups] = sum_of_four(band.view(np.uint16))  # at most 16 x 510
        return out


def xpsnr(root: float, samples: int) -> float:
    """dB from ``sqrt(sum(w SSE))`` of one picture, or its mean over a sequence."""
    return 10.0 * math.log10(PEAK * PEAK * samples / (root * root)) if root > 0 else math.inf


def _sizes(length: int, block: int, border: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Lengths of the blocks along one axis, whole and without the picture's border."""
    starts = np.arange(0, length, block)
    ends = np.minimum(starts + block, length)
    inner = np.minimum(ends, length - border) - np.maximum(starts, border)
    return ends - starts, np.maximum(inner, 0)


def _block_sums(values: np.ndarray[Any, Any], rows: int, columns: int) -> Floats:
    """Sums over blocks of ``rows`` x ``columns`` values; the last ones may be smaller."""
    by_row = np.add.reduceat(values, np.arange(0, values.shape[0], rows), axis=0, dtype=np.int64)
    return np.add.reduceat(by_row, np.arange(0, values.shape[1], columns), axis=1).astype(np.float64)


def _block_errors(a: Plane, b: Plane, rows: int, columns: int) -> Floats:
    """Squared differences summed over blocks."""
    height, width = a.shape
    starts = np.arange(0, width, columns)
    out = np.empty((-(-height // rows), len(starts)), np.float64)
    for n, top in enumerate(range(0, height, rows)):
        d = a[top : top + rows].astype(np.int16) - b[top : top + rows]
        d = np.abs(d).astype(np.uint16)
        column = np.add.reduce(d * d, axis=0, dtype=np.uint32)
        out[n] = np.add.reduceat(column, starts, dtype=np.int64)
    return out


def _smooth(weights: Floats) -> None:
    """Limit each weight by its heaviest neighbour, in reading order and in place."""
    rows, columns = weights.shape
    for y in range(rows):
        row = weights[y].tolist()
        above = weights[y - 1].tolist() if y else None
        for x in range(columns):
            last = x == columns - 1
            if last and y == rows - 1 and rows == 1:
                break
            around = [row[x - 1]] if x else []
            if not last:
                around.append(row[x + 1])
            if above is not None:
                around.append(above[x])
            if around:
                row[x] = min(row[x], max(around))
        weights[y] = row
