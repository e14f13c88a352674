"""The reference's resampling: the one kernel of design 4 written as plain matrices, in float64.

Written for reading, not for speed, and on purpose shares nothing with the other compositors: it is what they are
measured against. Everything here is a pure function.

Sample coordinates: sample ``i`` of a row has its centre at coordinate ``i``. One axis is resampled by a matrix of
shape (outputs, samples), so a picture is ``rows @ plane @ columns.T``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from reelpress.scene.plan import Rect

Field = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""Float64 values on a grid: (rows, columns) or (rows, columns, channels)."""

CUBIC_A = -0.6
"""The free parameter of Keys' cubic convolution (design 4)."""

KERNEL_SUPPORT = 2.0


def cubic(x: Field) -> Field:
    """Keys' cubic convolution kernel (Keys 1981, equation 8, with a = -0.6); 1 at 0, 0 at other whole numbers."""
    t = np.abs(x)
    near = (CUBIC_A + 2) * t**3 - (CUBIC_A + 3) * t**2 + 1
    far = CUBIC_A * (t**3 - 5 * t**2 + 8 * t - 4)
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def _taps(centre: float, reduction: float) -> tuple[NDArray[np.int64], Field]:
    """Indices of all samples (of an endless row) under the kernel at ``centre`` and their weights, sum 1."""
    width = max(1.0, reduction)
    reach = KERNEL_SUPPORT * width
    index = np.arange(math.ceil(centre - reach), math.floor(centre + reach) + 1, dtype=np.int64)
    weight = cubic((centre - index) / width)
    return index, weight / weight.sum()


def repeated_edge_matrix(centres: Field, reduction: float, first: int, last: int, count: int) -> Field:
    """Resampling matrix (len(centres), count); samples before ``first`` or after ``last`` count as those two.

    Args:
        centres: Where to sample, in sample coordinates.
        reduction: Source samples per output sample; above 1 the kernel is widened by it.
        first, last: The samples that may be used, ``0 <= first <= last < count``.
        count: Samples in the row.
    """
    matrix = np.zeros((len(centres), count))
    for row, centre in zip(matrix, centres, strict=True):
        index, weight = _taps(float(centre), reduction)
        np.add.at(row, np.clip(index, first, last), weight)
    return matrix


def zero_padded_matrix(centres: Field, reduction: float, count: int) -> Field:
    """Like :func:`repeated_edge_matrix`, but what lies outside ``0 .. count - 1`` is 0 (transparent)."""
    matrix = np.zeros((len(centres), count))
    for row, centre in zip(matrix, centres, strict=True):
        index, weight = _taps(float(centre), reduction)
        inside = (index >= 0) & (index < count)
        row[index[inside]] = weight[inside]
    return matrix


def resample_plane(plane: Field, crop: Rect, rect: Rect, xs: Field, ys: Field, siting: PlaneSiting) -> Field:
    """Values of a plane of a video picture at output positions, clamped to 0..255.

    Args:
        plane: Codes, (rows, columns).
        crop: Part of the picture that goes to ``rect``, in luma pixels of the picture.
        rect: Its place in output pixels.
        xs, ys: Output positions in output pixels (edge coordinates: the first pixel's centre is at 0.5).
        siting: Where the samples of this plane lie.
    """
    rows, columns = plane.shape
    horizontal = _axis_matrix(xs, rect.x, rect.w, crop.x, crop.w, columns, siting.pitch_x, siting.first_x)
    vertical = _axis_matrix(ys, rect.y, rect.h, crop.y, crop.h, rows, siting.pitch_y, siting.first_y)
    return np.clip(vertical @ plane @ horizontal.T, 0.0, 255.0)


def _axis_matrix(
    positions: Field, to: float, to_size: float, origin: float, size: float, count: int, pitch: float, first: float
) -> Field:
    """Matrix of one axis: sample ``i`` lies at luma coordinate ``first + pitch * i``."""
    scale = size / to_size
    luma = origin + (positions - to) * scale
    lowest = max(0, math.ceil((origin - first) / pitch))
    highest = min(count - 1, math.ceil((origin + size - first) / pitch) - 1)
    if highest < lowest:  # the crop holds no sample of this plane: the nearest one
        lowest = highest = min(count - 1, max(0, round((origin + size / 2 - first) / pitch)))
    return repeated_edge_matrix((luma - first) / pitch, scale, lowest, highest, count)


class PlaneSiting:
    """Where the samples of a plane lie: sample ``i`` at luma coordinate ``first + pitch * i``, on each axis."""

    def __init__(self, pitch_x: float, first_x: float, pitch_y: float, first_y: float) -> None:
        self.pitch_x, self.first_x = pitch_x, first_x
        self.pitch_y, self.first_y = pitch_y, first_y


LUMA = PlaneSiting(1, 0.5, 1, 0.5)
LEFT_CHROMA = PlaneSiting(2, 0.5, 2, 1.0)
"""4:2:0, left-sited: on the even luma columns, between two luma rows (H.273, chroma sample location type 0)."""


def resample_image(
    image: Field, rect: Rect, xs: Field, ys: Field, matrix: Callable[[Field, float, int], Field]
) -> Field:
    """A whole image (rows, columns, channels) put on ``rect``, at output positions.

    ``matrix(centres, reduction, count)`` says what lies outside: see the two matrices above.
    """
    rows, columns, _ = image.shape
    step_x, step_y = columns / rect.w, rows / rect.h
    horizontal = matrix((xs - rect.x) * step_x - 0.5, step_x, columns)
    vertical = matrix((ys - rect.y) * step_y - 0.5, step_y, rows)
    return np.stack(
        [vertical @ image[..., c] @ horizontal.T for c in range(image.shape[2])],
        axis=-1,
    )


def blur(field: Field, sigma: float) -> Field:
    """Separable Gaussian over (rows, columns, channels), edges repeated (scene.plan.BackgroundLayer)."""
    rows, columns, _ = field.shape
    vertical, horizontal = _gaussian_matrix(rows, sigma), _gaussian_matrix(columns, sigma)
    return np.stack([vertical @ field[..., c] @ horizontal.T for c in range(field.shape[2])], axis=-1)


def _gaussian_matrix(count: int, sigma: float) -> Field:
    radius = math.ceil(3 * sigma)
    offset = np.arange(-radius, radius + 1)
    weight = np.exp(-(offset**2) / (2 * sigma**2))
    weight /= weight.sum()
    matrix = np.zeros((count, count))
    for i in range(count):
        np.add.at(matrix[i], np.clip(i + offset, 0, count - 1), weight)
    return matrix
