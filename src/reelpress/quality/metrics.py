"""PSNR and SSIM of two planes of 8 bits, in numpy.

SSIM is the variant of FFmpeg's ``ssim`` filter (and of x264): windows of 8x8 samples at every fourth sample in both
directions, all samples with the same weight, constants scaled as there, the mean over all windows. It is not the
Gaussian 11x11 window of Wang et al. 2004, whose values are a little different. Columns and rows beyond the last
multiple of four take no part, as there; a plane smaller than one window is one window by itself.

With ``s1, s2`` the sums of a window's ``n`` samples, ``ss`` the sum of both squares and ``s12`` that of the products::

    m = s1 s2,  q = s1^2 + s2^2,  variance = n ss - q,  covariance = n s12 - m
    SSIM = (2 m + C1) (2 covariance + C2) / ((q + C1) (variance + C2))
    C1 = round(0.01^2 255^2 n),  C2 = round(0.03^2 255^2 n (n - 1))

Everything before the division is exact in integers: two identical planes give exactly 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from reelpress.media.planes import Plane, Planes

PEAK = 255
BAND = 64
"""Rows that are worked on at once, so that what is computed from them stays in the processor's cache."""

PLANES = ("y", "u", "v")
WEIGHTS = (6, 1, 1)
"""Of Y, U and V in every combined value."""

Integers = np.ndarray[Any, np.dtype[np.uint32]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
_Words = np.ndarray[Any, np.dtype[np.uint16]]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneDifference:
    """What two planes have in common."""

    sse: int
    """Sum of squared differences."""
    samples: int
    ssim: float
    squares: Integers
    """Sum of squared differences of each 4x4 samples (the last ones may be cut off)."""
    windows: Floats
    """SSIM of the window whose first sample is ``(4 row, 4 column)``."""

    @property
    def mse(self) -> float:
        """Mean squared difference."""
        return self.sse / self.samples


def psnr(mse: float) -> float:
    """``10 log10(255^2 / mse)`` in dB; infinite when there is no difference."""
    return 10.0 * math.log10(PEAK * PEAK / mse) if mse > 0 else math.inf


def combined_error(errors: tuple[float, float, float]) -> float:
    """Mean squared error of Y, U and V, 6:1:1.

    Errors are combined and not dB, so that one plane without any difference does not make the whole infinite.
    """
    return sum(w * e for w, e in zip(WEIGHTS, errors, strict=True)) / sum(WEIGHTS)


def combined_ssim(values: tuple[float, float, float]) -> float:
    """SSIM of Y, U and V, 6:1:1."""
    if min(values) == 1.0:
        return 1.0
    return sum(w * v for w, v in zip(WEIGHTS, values, strict=True)) / sum(WEIGHTS)


def samples_of(planes: Planes) -> tuple[Plane, Plane, Plane]:
    """Y, U and V of a yuv420p or nv12 picture as 2-D views."""
    planes.require(("yuv420p", "nv12"))
    if planes.format == "nv12":
        y, uv = planes.planes
        return y, uv[:, 0::2], uv[:, 1::2]
    y, u, v = planes.planes
    return y, u, v


class PlaneMeter:
    """Compares planes of one size again and again, in buffers of its own. One thread uses it."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.columns, self.rows = -(-width // 4), -(-height // 4)
        padded = 4 * self.columns
        band = min(BAND, 4 * self.rows)
        self._band = band
        self._a = np.zeros((band, padded), np.uint16)
        self._b = np.zeros((band, padded), np.uint16)
        self._product = np.empty((band, padded), np.uint16)
        self._low = np.empty((band, padded // 2), np.uint32)
        self._high = np.empty((band, padded // 2), np.uint32)
        self._sums = [np.empty((self.rows, self.columns), np.int32) for _ in range(3)]

    def compare(self, a: Plane, b: Plane) -> PlaneDifference:
        """Squared differences and SSIM of two planes of this meter's size."""
        squares = np.empty((self.rows, self.columns), np.uint32)
        ones, twos, products = self._sums
        for top in range(0, self.height, self._band):
            count = min(self._band, self.height - top)
            x, y, groups = self._load(a, b, top, count)
            p = self._product[: 4 * groups]
            at = slice(top // 4, top // 4 + groups)
            np.multiply(x, y, out=p)
            self._by_four(p, products[at])
            np.subtract(x, y, out=p)  # modulo 2^16, which squaring undoes: a difference is below 2^8
            np.multiply(p, p, out=p)
            self._by_four(p, squares[at])
            ones[at] = sum_of_four(x)
            twos[at] = sum_of_four(y)
        sse = int(squares.sum(dtype=np.int64))
        windows = self._windows(a, b, squares)
        ssim = 1.0 if sse == 0 else float(windows.mean())
        return PlaneDifference(sse, self.width * self.height, ssim, squares, windows)

    def _load(self, a: Plane, b: Plane, top: int, count: int) -> tuple[_Words, _Words, int]:
        groups = -(-count // 4)
        for source, words in ((a, self._a), (b, self._b)):
            words[:count, : self.width] = source[top : top + count]
            words[count : 4 * groups] = 0
        return self._a[: 4 * groups], self._b[: 4 * groups], groups

    def _by_four(self, words: _Words, out: np.ndarray[Any, Any]) -> None:
        """Sums over 4x4 of values of 16 bits, into ``out``."""
        rows = words.shape[0]
        pairs, low, high = words.view(np.uint32), self._low[:rows], self._high[:rows]
        np.bitwise_and(pairs, 0xFFFF, out=low)
        np.right_shift(pairs, 16, out=high)
        np.add(low, high, out=low)
        quads = np.add.reduce(low.reshape(rows // 4, 4, -1), axis=1, dtype=np.uint32).view(np.uint64)
        out[...] = (quads & np.uint64(0xFFFFFFFF)) + (quads >> np.uint64(32))

    def _windows(self, a: Plane, b: Plane, squares: Integers) -> Floats:
        rows, columns = self.height // 4, self.width // 4
        if rows < 2 or columns < 2:
            x, y = a.astype(np.int64), b.astype(np.int64)
            one = [np.array([[int(s.sum())]]) for s in (x, y, x * x + y * y, x * y)]
            return _ssim(one[0], one[1], one[2], one[3], x.size)
        s1, s2, s12, sd = (_two_by_two(s[:rows, :columns]) for s in (*self._sums, squares.view(np.int32)))
        return _ssim(s1, s2, sd + 2 * s12, s12, 64)


def sum_of_four(words: _Words) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Sums over 4x4 of values of 16 bits that stay below 2^16."""
    rows = words.shape[0]
    lanes = np.add.reduce(words.reshape(rows // 4, 4, -1), axis=1, dtype=np.uint16).view(np.uint64)
    sums: np.ndarray[Any, np.dtype[np.uint64]] = (lanes * np.uint64(0x0001000100010001)) >> np.uint64(48)
    return sums


def _two_by_two(s: np.ndarray[Any, np.dtype[np.int32]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    rows = s[:-1] + s[1:]
    return rows[:, :-1] + rows[:, 1:]


def _ssim(
    s1: np.ndarray[Any, Any], s2: np.ndarray[Any, Any], ss: np.ndarray[Any, Any], s12: np.ndarray[Any, Any], n: int
) -> Floats:
    """The formula of the module, for windows of ``n`` samples. 64 samples fit into 32 bits throughout."""
    c1 = int(0.01 * 0.01 * PEAK * PEAK * n + 0.5)
    c2 = max(1, int(0.03 * 0.03 * PEAK * PEAK * n * (n - 1) + 0.5))  # a single sample has no variance
    m = s1 * s2
    q = s1 * s1 + s2 * s2
    covariance = n * s12 - m
    variance = n * ss - q
    top: Floats = (2 * m + c1).astype(np.float64)
    top *= 2 * covariance + c2
    bottom = (q + c1).astype(np.float64)
    bottom *= variance + c2
    top /= bottom
    return top
