"""From colours to palette indices: nearest, or an ordered mixture of two where nearest is not near enough.

The pattern of a mixture is fixed in the frame. So a pixel whose colour stays gets the same index in every picture, and
nothing crawls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reelpress.encode.gif.colours import MOST, Bytes2D, Colours, Floats, Numbers
from reelpress.encode.gif.palette import METRIC, nearest_of, to_rgb, to_yuv

TRANSPARENT = 255
LEVELS = 16
_MIX_NOISE = 0.25
"""What the contrast of a mixture costs, against the error of its mean."""

_NEIGHBOURS = 8
"""Colours around the nearest one that a mixture may take."""

_CHUNK = 1024

BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.uint8)
"""Ranks of the cells of a 4x4 ordered dither (Bayer 1973)."""


class Mapper:
    """One palette and the way to it from every colour number. One thread.

    Args:
        colours: The numbers' owner.
        palette: Y, U, V (k, 3), k up to 255; rounded to R'G'B' here, which is what counts from then on.
        dither: Squared distance from which a colour is mixed of two; ``None``: never.
    """

    def __init__(self, colours: Colours, palette: Floats, dither: float | None) -> None:
        self._colours = colours
        self._dither = dither
        self.rgb = np.unique(to_rgb(palette), axis=0)
        """(k, 3), full range."""
        exact = to_yuv(self.rgb)
        self._points = exact * METRIC
        self.shown = np.zeros((256, 3), np.uint8)
        """Y, U, V of each index as a player's picture has it."""
        self.shown[: len(exact)] = np.rint(exact)
        span = self._points @ self._points.T
        square = np.diagonal(span)
        apart = square[:, None] + square[None, :] - 2 * span
        np.fill_diagonal(apart, np.inf)
        near = min(_NEIGHBOURS, max(1, len(exact) - 1))
        self._neighbours = np.argpartition(apart, near - 1, axis=1)[:, :near]
        self._forget()

    def _forget(self) -> None:
        self._generation = self._colours.generation
        self._index = np.full(MOST * LEVELS, TRANSPARENT, np.uint8)
        self._nearest = np.zeros(MOST, np.uint8)
        self._error = np.full(MOST, -1, np.float32)
        self._known = self._colours.count

    def error(self, numbers: Any) -> float:
        """Mean squared distance of some pixels from their nearest colours."""
        if self._generation != self._colours.generation:
            self._forget()
        self._measure(numbers)
        return float(self._error[numbers].mean())

    def catch_up(self) -> None:
        """Before the first rows of a picture: learn the colours that it brought, all at once."""
        if self._generation != self._colours.generation:
            self._forget()
        if self._known < self._colours.count:
            self._know(np.arange(self._known, self._colours.count))
            self._known = self._colours.count

    def indices(self, numbers: Numbers, pattern: Bytes2D, out: Bytes2D) -> None:
        """Write the palette indices of some pixels.

        Args:
            numbers: (rows, columns); a few rows at a time stay in the processor's cache.
            pattern: Ranks of the dither at these pixels, 0..15.
            out: Where to.
        """
        key = numbers.astype(np.intp)
        key *= LEVELS
        key += pattern
        self._index.take(key, out=out, mode="clip")
        unknown = out == TRANSPARENT
        if unknown.any():
            self._know(numbers[unknown])
            self._index.take(key, out=out, mode="clip")

    def _measure(self, numbers: Any) -> None:
        """Find the nearest colours of numbers that were not met before."""
        missing = numbers[self._error[numbers] < 0]
        if not len(missing):
            return
        fresh = _distinct(missing)
        for start in range(0, len(fresh), _CHUNK):
            part = fresh[start : start + _CHUNK]
            points = self._colours.values[part] * METRIC
            self._nearest[part], self._error[part] = nearest_of(points, self._points)

    def _know(self, numbers: Any) -> None:
        """Fill the rows of the table that these numbers need."""
        self._measure(numbers)
        fresh = _distinct(numbers)
        nearest = self._nearest[fresh]
        table = self._index.reshape(MOST, LEVELS)
        table[fresh] = nearest[:, None]
        if self._dither is None or len(self._points) < 2:
            return
        far = fresh[self._error[fresh] > self._dither]
        for start in range(0, len(far), _CHUNK):
            part = far[start : start + _CHUNK]
            table[part] = self._mixed(self._colours.values[part] * METRIC, self._nearest[part])

    def _mixed(self, points: Floats, nearest: Any) -> Any:
        """For each point a row of 16 indices: its nearest colour, and a second one for some of the ranks.

        The second one b and its share t are those of the nearest one's neighbours with the least
        |c - a - t(b - a)|^2 + noise * t(1 - t)|b - a|^2.
        """
        first = self._points[nearest]
        second = self._neighbours[nearest]
        way = self._points[second] - first[:, None, :]
        length = np.einsum("ijk,ijk->ij", way, way)
        along = np.einsum("ijk,ik->ij", way, points - first)
        share = np.clip(along / np.maximum(length, 1e-3), 0, 0.5)
        cost = share * (share * length * (1 - _MIX_NOISE) - 2 * along + _MIX_NOISE * length)
        best = cost.argmin(axis=1)
        at = np.arange(len(points))
        ranks = np.rint(share[at, best] * LEVELS)
        return np.where(np.arange(LEVELS) < ranks[:, None], second[at, best][:, None], nearest[:, None])


def _distinct(numbers: Any) -> Any:
    return np.flatnonzero(np.bincount(numbers)) if len(numbers) > 4096 else np.unique(numbers).astype(np.intp)
