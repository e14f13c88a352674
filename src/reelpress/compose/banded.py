"""Separable resampling as products of banded float32 matrices: exact positions, any kernel, no compiled code of ours.

Each product is kept below the size from which OpenBLAS would start its threads (2^18 multiplications): those spin,
and cost a second core what they win in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.kernel import Band, bands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from reelpress.compose.kernel import Matrix
    from reelpress.media.planes import Plane

    Taps = tuple[NDArray[np.intp], NDArray[np.float64]]
    Source = np.ndarray[Any, np.dtype[Any]]

_LIMIT = 1 << 18
_COLUMNS = 128
"""Columns in one product of the vertical pass."""
_STRIP = 128
"""Output rows that are in float at a time."""


def _block(tap_width: int, step: float, other: int) -> int:
    """Outputs in one matrix so that a product with ``other`` stays under the limit; a power of two."""
    block = 64
    while block > 1 and block * (block * step + tap_width) * other >= _LIMIT:
        block //= 2
    return block


def _step(indices: NDArray[np.intp]) -> float:
    return float(indices[-1, -1] - indices[0, -1]) / max(1, len(indices) - 1)


class Plan:
    """Matrices of a separable resampling, made once for all planes of one geometry.

    Args:
        rows, columns: Taps of the two axes, from :func:`reelpress.compose.kernel.taps`; without ``columns`` those of
            the source stay as they are.
    """

    def __init__(self, rows: Taps, columns: Taps | None) -> None:
        self._rows = len(rows[0])
        self._row_block = min(32, _block(rows[0].shape[1], _step(rows[0]), _COLUMNS))
        row_bands = bands(*rows, self._row_block)
        self._columns: list[Band] | None = None
        if columns is not None:
            column_block = _block(columns[0].shape[1], _step(columns[0]), self._row_block)
            self._x_low, self._x_high = int(columns[0].min()), int(columns[0].max()) + 1
            self._made = len(columns[0])
            self._columns = [
                Band(b.start, b.low - self._x_low, b.high - self._x_low, np.ascontiguousarray(b.matrix.T))
                for b in bands(*columns, column_block)
            ]
        self._per_strip = max(1, _STRIP // self._row_block)
        self._groups = [row_bands[i : i + self._per_strip] for i in range(0, len(row_bands), self._per_strip)]
        self._tall = max(max(b.high for b in g) - min(b.low for b in g) for g in self._groups)
        self.seen = min(b.low for b in row_bands), max(b.high for b in row_bands)
        """First of the rows of the source that have weight, and one past the last."""

    def strips(self, source: Source, bias: float = 0.0, top: int = 0) -> Iterator[tuple[int, Matrix]]:
        """Resample ``source`` (rows, columns), a strip of output rows at a time.

        Args:
            source: Any numeric dtype.
            bias: Added to all source samples (so, for weights that sum to 1, to the result).
            top: Which row ``source`` begins with.

        Yields:
            First output row and a float32 array that is only valid until the next one is asked for.
        """
        per_strip, block = self._per_strip, self._row_block
        x_low, x_high = (0, source.shape[1]) if self._columns is None else (self._x_low, self._x_high)
        width = -(-(x_high - x_low) // _COLUMNS) * _COLUMNS
        window = np.zeros((self._tall, width), np.float32)
        half = np.zeros((per_strip * block, width), np.float32)
        half_blocks = half.reshape(per_strip, block, width)
        out = half[:, : x_high - x_low]
        if self._columns is not None:
            out = np.empty((len(half), self._made), np.float32)
            out_blocks = out.reshape(per_strip, block, -1)
        for group in self._groups:
            low, high = min(b.low for b in group), max(b.high for b in group)
            used = window[: high - low]
            rows = source[low - top : high - top, x_low:x_high]
            np.add(rows, np.float32(bias), out=used[:, : x_high - x_low], casting="unsafe")
            for i, band in enumerate(group):
                made = half_blocks[i, : len(band.matrix)]
                np.matmul(band.matrix, _in_columns(used[band.low - low : band.high - low]), out=_in_columns(made))
            for band in self._columns or ():
                target = out_blocks[:, :, band.start : band.start + band.matrix.shape[1]]
                np.matmul(half_blocks[:, :, band.low : band.high], band.matrix, out=target)
            first = group[0].start
            yield first, out[: group[-1].start + len(group[-1].matrix) - first]

    def codes(self, source: Plane, top: int = 0) -> Plane:
        """An 8-bit plane from row ``top`` on resampled, rounded to nearest and clamped; weights have to sum to 1."""
        out = np.empty((self._rows, source.shape[1] if self._columns is None else self._made), np.uint8)
        for first, strip in self.strips(source, 0.5, top):
            np.clip(strip, 0, 255.5, out=strip)
            np.copyto(out[first : first + len(strip)], strip, casting="unsafe")
        return out


def _in_columns(array: Matrix) -> Matrix:
    """(rows, columns) as (columns / 128, rows, 128): one product each, all in one call."""
    return array.reshape(len(array), -1, _COLUMNS).transpose(1, 0, 2)


def filtered(rows_of: Callable[[int, int], Matrix], rows: Taps, columns: Taps) -> Iterator[tuple[int, Matrix]]:
    """Resample a source that is made on the fly, a strip at a time: ``rows_of(low, high)`` gives its rows."""
    block = 64
    for start in range(0, len(rows[0]), block):
        index = rows[0][start : start + block]
        low, high = int(index.min()), int(index.max()) + 1
        part = rows_of(low, high)
        for first, strip in Plan((index - low, rows[1][start : start + block]), columns).strips(part):
            yield start + first, strip
