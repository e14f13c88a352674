"""The reference's resampling: the one kernel of design 4 as plain weighted sums, in float64.

Written for reading, not for speed, and on purpose shares nothing with the other compositors: it is what they are
measured against. Everything here is a pure function.

Sample coordinates: sample ``i`` of a row has its centre at coordinate ``i``. Along one axis every output position is
the weighted sum of some samples (its :class:`Taps`); a picture is resampled down its rows, then across.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.scene.plan.rect import Rect

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


class Taps(NamedTuple):
    """For each output position along one axis: which samples it sums, and with which weights."""

    samples: NDArray[np.int64]
    """(positions, taps); a sample may appear several times."""
    weight: Field
    """(positions, taps)."""

    def apply(self, field: Field) -> Field:
        """``field`` (rows, ...) resampled along its rows: (positions, ...)."""
        index, weight = self._folded(len(field)) if self.samples.shape[1] > len(field) else self
        result = np.zeros((len(index), *field.shape[1:]))
        for i, w in zip(index.T, weight.T, strict=True):
            result += w.reshape(-1, *[1] * (field.ndim - 1)) * field[i]
        return result

    def _folded(self, count: int) -> Taps:
        """The same sums with each of ``count`` samples once: a kernel may be far wider than the picture."""
        positions = np.arange(len(self.samples))[:, np.newaxis]
        weight = np.zeros((len(self.samples), count))
        np.add.at(weight, (positions, self.samples), self.weight)
        return Taps(np.broadcast_to(np.arange(count), weight.shape), weight)


def kernel_taps(centres: Field, reduction: float) -> Taps:
    """Samples of an endless row under the kernel at each centre (in sample coordinates); weights sum to 1.

    ``reduction`` is source samples per output sample; above 1 the kernel is widened by it.
    """
    width = max(1.0, reduction)
    reach = KERNEL_SUPPORT * width
    first = np.ceil(centres - reach).astype(np.int64)
    index = first[:, np.newaxis] + np.arange(math.floor(2 * reach) + 1)
    weight = cubic((centres[:, np.newaxis] - index) / width)
    return Taps(index, weight / weight.sum(axis=1, keepdims=True))


def repeat_edge(taps: Taps, first: int, last: int) -> Taps:
    """Samples before ``first`` or after ``last`` count as those two."""
    return Taps(taps.samples.clip(first, last), taps.weight)


def zero_outside(taps: Taps, count: int) -> Taps:
    """What lies outside samples ``0 .. count - 1`` is 0 (transparent)."""
    inside = (taps.samples >= 0) & (taps.samples < count)
    return Taps(taps.samples.clip(0, count - 1), np.where(inside, taps.weight, 0.0))


def bilinear_taps(centres: Field) -> Taps:
    """The two neighbours of each centre (in sample coordinates) in an endless row."""
    first = np.floor(centres).astype(np.int64)
    share = centres - first
    return Taps(np.stack([first, first + 1], axis=1), np.stack([1 - share, share], axis=1))


def both_axes(field: Field, down: Taps, across: Taps) -> Field:
    """(rows, columns, ...) resampled on both axes."""
    return across.apply(down.apply(field).swapaxes(0, 1)).swapaxes(0, 1)


def resample_planes(
    planes: tuple[Field, ...], crop: Rect, rect: Rect, xs: Field, ys: Field, siting: PlaneSiting
) -> list[Field]:
    """Values of planes of one video picture at output positions, clamped to 0..255.

    Args:
        planes: Codes, each (rows, columns), all of one size.
        crop: Part of the picture that goes to ``rect``, in luma pixels of the picture.
        rect: Its place in output pixels.
        xs, ys: Output positions in output pixels (edge coordinates: the first pixel's centre is at 0.5).
        siting: Where the samples of these planes lie.
    """
    rows, columns = planes[0].shape
    across = _picture_taps(xs, rect.x, rect.w, crop.x, crop.w, columns, siting.pitch_x, siting.first_x)
    down = _picture_taps(ys, rect.y, rect.h, crop.y, crop.h, rows, siting.pitch_y, siting.first_y)
    return [both_axes(plane, down, across).clip(0.0, 255.0) for plane in planes]


def _picture_taps(
    positions: Field, to: float, to_size: float, origin: float, size: float, count: int, pitch: float, first: float
) -> Taps:
    """Taps of one axis: sample ``i`` lies at luma coordinate ``first + pitch * i``."""
    scale = size / to_size
    luma = origin + (positions - to) * scale
    lowest = max(0, math.ceil((origin - first) / pitch))
    highest = min(count - 1, math.ceil((origin + size - first) / pitch) - 1)
    if highest < lowest:  # the crop holds no sample of this plane: the nearest one
        lowest = highest = min(count - 1, max(0, round((origin + size / 2 - first) / pitch)))
    return repeat_edge(kernel_taps((luma - first) / pitch, scale), lowest, highest)


class PlaneSiting:
    """Where the samples of a plane lie: sample ``i`` at luma coordinate ``first + pitch * i``, on each axis."""

    def __init__(self, pitch_x: float, first_x: float, pitch_y: float, first_y: float) -> None:
        self.pitch_x, self.first_x = pitch_x, first_x
        self.pitch_y, self.first_y = pitch_y, first_y


LUMA = PlaneSiting(1, 0.5, 1, 0.5)
LEFT_CHROMA = PlaneSiting(2, 0.5, 2, 1.0)
"""4:2:0, left-sited: on the even luma columns, between two luma rows (H.273, chroma sample location type 0)."""


def resample_image(image: Field, rect: Rect, xs: Field, ys: Field, *, transparent_outside: bool) -> Field:
    """A whole image (rows, columns, channels) put on ``rect``, at output positions; else its edge is repeated."""
    rows, columns, _ = image.shape
    step_x, step_y = columns / rect.w, rows / rect.h
    across = kernel_taps((xs - rect.x) * step_x - 0.5, step_x)
    down = kernel_taps((ys - rect.y) * step_y - 0.5, step_y)
    if transparent_outside:
        return both_axes(image, zero_outside(down, rows), zero_outside(across, columns))
    return both_axes(image, repeat_edge(down, 0, rows - 1), repeat_edge(across, 0, columns - 1))


def blur(field: Field, sigma: float) -> Field:
    """Separable Gaussian over (rows, columns, channels), edges repeated (scene.plan.BackgroundLayer)."""
    rows, columns, _ = field.shape
    return both_axes(
        field, gaussian_taps(np.arange(rows), sigma, rows), gaussian_taps(np.arange(columns), sigma, columns)
    )


def gaussian_taps(wanted: NDArray[np.int64], sigma: float, count: int) -> Taps:
    """A Gaussian about each wanted index of samples ``0 .. count - 1``, edges repeated."""
    radius = math.ceil(3 * sigma)
    offset = np.arange(-radius, radius + 1)
    weight = np.exp(-(offset**2) / (2 * sigma**2))
    samples = (wanted[:, np.newaxis] + offset).clip(0, count - 1)
    return Taps(samples, np.broadcast_to(weight / weight.sum(), samples.shape))


def gather_cubic(field: Field, x: Field, y: Field) -> Field:
    """``field`` (rows, columns, channels) at any points (sample coordinates, 2-D arrays), 0 outside.

    The cubic kernel, not widened, on both axes; weights are not renormalised where samples are missing.
    """
    rows, columns, channels = field.shape
    left, top = np.floor(x), np.floor(y)
    result = np.zeros((*x.shape, channels))
    for j in range(-1, 3):
        row = top + j
        down = np.where((row >= 0) & (row < rows), cubic(y - row), 0.0)
        for i in range(-1, 3):
            column = left + i
            across = np.where((column >= 0) & (column < columns), cubic(x - column), 0.0)
            at = row.clip(0, rows - 1).astype(np.int64), column.clip(0, columns - 1).astype(np.int64)
            result += (down * across)[..., np.newaxis] * field[at]
    return result
