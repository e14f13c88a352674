"""Separable resampling as products of banded float32 matrices: exact positions, any kernel, no compiled code of ours.

Each product is kept below the size from which OpenBLAS would start its threads (2^18 multiplications): those spin,
and cost a second core what they win in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.kernel import Axis, Band, bands, taps

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


def strips(source: Source, rows: Taps, columns: Taps, bias: float = 0.0) -> Iterator[tuple[int, Matrix]]:
    """Resample ``source`` (rows, columns), a strip of output rows at a time.

    Args:
        source: Any numeric dtype.
        rows, columns: Taps of the two axes, from :func:`reelpress.compose.kernel.taps`.
        bias: Added to all source samples (so, for weights that sum to 1, to the result).

    Yields:
        First output row and a float32 array that is only valid until the next one is asked for.
    """
    row_block = min(32, _block(rows[0].shape[1], _step(rows[0]), _COLUMNS))
    column_block = _block(columns[0].shape[1], _step(columns[0]), row_block)
    x_low, x_high = int(columns[0].min()), int(columns[0].max()) + 1
    width = -(-(x_high - x_low) // _COLUMNS) * _COLUMNS
    row_bands = bands(*rows, row_block)
    column_bands = [
        Band(b.start, b.low - x_low, b.high - x_low, np.ascontiguousarray(b.matrix.T))
        for b in bands(*columns, column_block)
    ]
    per_strip = max(1, _STRIP // row_block)
    groups = [row_bands[i : i + per_strip] for i in range(0, len(row_bands), per_strip)]
    tall = max(max(b.high for b in g) - min(b.low for b in g) for g in groups)
    window = np.zeros((tall, width), np.float32)
    half = np.zeros((per_strip * row_block, width), np.float32)
    out = np.empty((per_strip * row_block, len(columns[0])), np.float32)
    half_blocks = half.reshape(per_strip, row_block, width)
    out_blocks = out.reshape(per_strip, row_block, -1)
    for group in groups:
        low, high = min(b.low for b in group), max(b.high for b in group)
        used = window[: high - low]
        np.add(source[low:high, x_low:x_high], np.float32(bias), out=used[:, : x_high - x_low], casting="unsafe")
        for i, band in enumerate(group):
            taken = used[band.low - low : band.high - low]
            made = half_blocks[i, : len(band.matrix)]
            np.matmul(band.matrix, _in_columns(taken), out=_in_columns(made))
        for band in column_bands:
            target = out_blocks[:, :, band.start : band.start + band.matrix.shape[1]]
            np.matmul(half_blocks[:, :, band.low : band.high], band.matrix, out=target)
        first = group[0].start
        yield first, out[: group[-1].start + len(group[-1].matrix) - first]


def _in_columns(array: Matrix) -> Matrix:
    """(rows, columns) as (columns / 128, rows, 128): one product each, all in one call."""
    return array.reshape(len(array), -1, _COLUMNS).transpose(1, 0, 2)


def resample(source: Source, y: Axis, x: Axis, *, repeat: bool = True) -> Matrix:
    """``source`` resampled to float32 (``y.count``, ``x.count``)."""
    out = np.empty((y.count, x.count), np.float32)
    for first, strip in strips(source, taps(y, repeat=repeat), taps(x, repeat=repeat)):
        out[first : first + len(strip)] = strip
    return out


def resample_codes(source: Plane, y: Axis, x: Axis) -> Plane:
    """An 8-bit plane resampled and rounded to nearest, edge samples repeated."""
    out = np.empty((y.count, x.count), np.uint8)
    for first, strip in strips(source, taps(y, repeat=True), taps(x, repeat=True), bias=0.5):
        np.clip(strip, 0, 255.5, out=strip)
        np.copyto(out[first : first + len(strip)], strip, casting="unsafe")
    return out


def filtered(rows_of: Callable[[int, int], Matrix], rows: Taps, columns: Taps) -> Iterator[tuple[int, Matrix]]:
    """Like :func:`strips` for a source that is made on the fly: ``rows_of(low, high)`` gives its rows."""
    block = 64
    for start in range(0, len(rows[0]), block):
        index = rows[0][start : start + block]
        low, high = int(index.min()), int(index.max()) + 1
        part = rows_of(low, high)
        for first, strip in strips(part, (index - low, rows[1][start : start + block]), columns):
            yield start + first, strip
