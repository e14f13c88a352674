"""Rectangles of pixels: where they are in an array, around what, and inside of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from typing import Any

    Mask = np.ndarray[Any, np.dtype[np.bool_]]


def at(rect: IntRect) -> tuple[slice, slice]:
    """The index of a rectangle in an array of rows."""
    return slice(rect.y, rect.bottom), slice(rect.x, rect.right)


def moved(rect: IntRect, origin: IntRect) -> IntRect:
    """A rectangle inside another one, in the coordinates of that one."""
    return IntRect(origin.x + rect.x, origin.y + rect.y, rect.w, rect.h)


def bounds(mask: Mask) -> IntRect | None:
    """The smallest rectangle around what is true."""
    # not any() and flatnonzero(): layers of Python around the same, and this is asked for a hundred times a picture
    rows = np.logical_or.reduce(mask, axis=1).nonzero()[0]
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.logical_or.reduce(mask[top:bottom], axis=0).nonzero()[0]
    left, right = int(columns[0]), int(columns[-1]) + 1
    return IntRect(left, top, right - left, bottom - top)


def union(a: IntRect | None, b: IntRect) -> IntRect:
    """The smallest rectangle around both."""
    if a is None:
        return b
    x, y = min(a.x, b.x), min(a.y, b.y)
    return IntRect(x, y, max(a.right, b.right) - x, max(a.bottom, b.bottom) - y)


def grown(rect: IntRect, by: int, size: tuple[int, int]) -> IntRect:
    """A rectangle with ``by`` pixels more on each side, as far as a picture of that size goes."""
    x, y = max(0, rect.x - by), max(0, rect.y - by)
    return IntRect(x, y, min(size[0], rect.right + by) - x, min(size[1], rect.bottom + by) - y)


def around(rect: IntRect, grid: tuple[int, int], size: tuple[int, int]) -> IntRect:
    """The smallest rectangle around another one whose edges lie on a grid, or on the edges of the picture."""
    x, y = rect.x // grid[0] * grid[0], rect.y // grid[1] * grid[1]
    right, bottom = -(-rect.right // grid[0]) * grid[0], -(-rect.bottom // grid[1]) * grid[1]
    return IntRect(x, y, min(size[0], right) - x, min(size[1], bottom) - y)
