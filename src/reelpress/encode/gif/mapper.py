"""From colours to palette indices: nearest, or an ordered mixture of two where nearest is not near enough.

The pattern of a mixture is fixed in the frame. So a pixel whose colour stays gets the same index in every picture, and
nothing crawls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reelpress.encode.gif.colours import MOST, WORD, Bytes, Colours, Floats, Numbers, Words, packed
from reelpress.encode.gif.palette import METRIC, nearest_of, to_rgb, to_yuv

TRANSPARENT = 255
LEVELS = 16
_RANKS = np.arange(LEVELS, dtype=np.uint8)
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
        self.shown: Words = np.zeros(256, WORD)
        """The colour of each index as a player's picture has it."""
        self.shown[: len(exact)] = packed(*np.rint(exact).astype(np.uint8).T)
        span = self._points @ self._points.T
        square = np.diagonal(span)
        apart = square[:, None] + square[None, :] - 2 * span
        np.fill_diagonal(apart, np.inf)
        near = min(_NEIGHBOURS, max(1, len(exact) - 1))
        self._neighbours = np.argpartition(apart, near - 1, axis=1)[:, :near].astype(np.uint8)
        self._ways = self._points[self._neighbours] - self._points[:, None, :]
        self._lengths = np.einsum("ijk,ijk->ij", self._ways, self._ways)
        self._forget()

    def _forget(self) -> None:
        self._generation = self._colours.generation
        self._index = np.full(MOST * LEVELS, TRANSPARENT, np.uint8)
        self._nearest = np.zeros(MOST, np.uint8)
        self._error = np.full(MOST, -1, np.float32)

    def error(self, numbers: Numbers) -> float:
        """Mean squared distance of some pixels from their nearest colours."""
        if self._generation != self._colours.generation:
            self._forget()
        at = numbers.astype(np.intp)
        found = self._error.take(at)
        missing = at[found < 0]
        if len(missing):
            self._measure(_distinct(missing))
            found = self._error.take(at)
        return float(found.mean())

    def indices(self, numbers: Numbers, ranks: Bytes) -> Bytes:
        """The palette indices of some pixels; not ``TRANSPARENT``.

        Args:
            numbers: (n,).
            ranks: (n,). Of the dither at these pixels, 0..15.
        """
        if self._generation != self._colours.generation:
            self._forget()
        narrow = numbers.astype(np.uint32)
        narrow <<= np.uint32(4)
        narrow |= ranks.astype(np.uint32)
        key = narrow.astype(np.intp)
        found: Bytes = self._index.take(key, mode="clip")
        if np.maximum.reduce(found) == TRANSPARENT:  # a colour that this palette has not met yet
            places = np.flatnonzero(found == TRANSPARENT)
            self._know(_distinct(numbers.take(places)))
            found[places] = self._index.take(key.take(places))
        return found

    def _measure(self, fresh: Any) -> None:
        """Find the nearest colours of numbers, each of them given once."""
        for start in range(0, len(fresh), _CHUNK):
            part = fresh[start : start + _CHUNK]
            points = self._colours.values[part] * METRIC
            self._nearest[part], self._error[part] = nearest_of(points, self._points)

    def _know(self, fresh: Any) -> None:
        """Fill the rows of the table that these numbers need, each of them given once."""
        missing = self._error[fresh] < 0
        if missing.any():
            self._measure(fresh[missing])
        table = self._index.reshape(MOST, LEVELS)
        table[fresh] = self._nearest[fresh][:, None]
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
        length = self._lengths[nearest]
        away = points - self._points[nearest]
        along = np.matmul(self._ways[nearest], away[:, :, None])[:, :, 0]
        share = np.clip(along / np.maximum(length, 1e-3), 0, 0.5)
        cost = share * (share * length * (1 - _MIX_NOISE) - 2 * along + _MIX_NOISE * length)
        best = cost.argmin(axis=1)
        at = np.arange(len(points))
        ranks = np.rint(share[at, best] * LEVELS).astype(np.uint8)
        second = self._neighbours[nearest, best]
        return np.where(ranks[:, None] > _RANKS, second[:, None], nearest[:, None])


def _distinct(numbers: Any) -> Any:
    """Each of the numbers once, rising."""
    there = np.zeros(MOST, np.bool_)
    there[numbers] = True
    return np.flatnonzero(there)
