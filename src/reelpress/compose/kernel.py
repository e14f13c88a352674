"""The one resampling kernel (design 4) as weights, and small dense matrices made of them.

Cubic convolution (Keys 1981) with a = -0.6; when reducing, the kernel is widened by the reduction and renormalised.
Positions are pixel-centre coordinates: sample i of a plane covers [i, i + 1] and sits at i + 0.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Matrix = np.ndarray[Any, np.dtype[np.float32]]

A = -0.6


@dataclass(frozen=True, slots=True)
class Axis:
    """How one axis of a plane is resampled: output sample j shows the source position ``origin + step * (j + 0.5)``."""

    origin: float
    step: float
    """Source samples per output sample; above 1 reduces."""
    start: int
    """First output sample wanted."""
    stop: int
    """One past the last."""
    low: int
    """First source sample that may be used."""
    high: int
    """One past the last that may be used."""

    @property
    def count(self) -> int:
        return self.stop - self.start

    @property
    def reach(self) -> float:
        """Source samples on either side that have weight."""
        return 2 * max(1.0, self.step)


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel at distance ``x`` (in samples)."""
    x = np.abs(x)
    near = ((A + 2) * x - (A + 3)) * x * x + 1
    far = ((A * x - 5 * A) * x + 8 * A) * x - 4 * A
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def taps(axis: Axis, *, repeat: bool) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Indices of source samples and their weights, each (output samples, taps).

    Args:
        axis: The mapping.
        repeat: Whether the samples ``low`` and ``high - 1`` stand for all beyond them; else those are zero (weights of
            indices outside are 0 and the rest is not renormalised).
    """
    centres = axis.origin + axis.step * (np.arange(axis.start, axis.stop) + 0.5)
    wide = max(1.0, min(axis.step, axis.high - axis.low))  # a picture narrower than a pixel is its mean
    count = math.ceil(4 * wide) + 1
    indices = np.floor(centres - 2 * wide).astype(np.intp)[:, np.newaxis] + np.arange(count)
    weights = cubic((indices + 0.5 - centres[:, np.newaxis]) / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    kept = np.clip(indices, axis.low, axis.high - 1)
    if not repeat:
        weights[kept != indices] = 0.0
    return kept, weights


def gaussian_taps(sigma: float, start: int, stop: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Taps of a Gaussian of standard deviation ``sigma`` cut at three of them, edge samples repeated."""
    radius = math.ceil(3 * sigma)
    steps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    indices = np.clip(np.arange(start, stop)[:, np.newaxis] + steps, 0, size - 1)
    return indices, np.broadcast_to(weights, indices.shape)


@dataclass(frozen=True, slots=True)
class Band:
    """Output samples ``start .. start + matrix.shape[0]`` as a matrix over source samples ``low .. high``."""

    start: int
    low: int
    high: int
    matrix: Matrix


def bands(indices: NDArray[np.intp], weights: NDArray[np.float64], block: int) -> list[Band]:
    """Taps as dense float32 matrices of ``block`` outputs each; starts count from 0."""
    out = []
    for start in range(0, len(indices), block):
        index, weight = indices[start : start + block], weights[start : start + block]
        low, high = int(index.min()), int(index.max()) + 1
        width = high - low
        flat = (index - low) + np.arange(len(index))[:, np.newaxis] * width
        matrix = np.bincount(flat.ravel(), weight.ravel(), len(index) * width)
        out.append(Band(start, low, high, matrix.reshape(len(index), width).astype(np.float32)))
    return out
