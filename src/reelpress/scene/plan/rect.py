"""Rectangles in output pixels: as floats, and of whole pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels as floats."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    def outset(self, by: float) -> Rect:
        """Grown by ``by`` pixels on all four sides."""
        return Rect(self.x - by, self.y - by, self.w + 2 * by, self.h + 2 * by)

    def intersect(self, other: Rect) -> Rect:
        """The common part; width or height 0 when there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Rect(x, y, max(0.0, min(self.right, other.right) - x), max(0.0, min(self.bottom, other.bottom) - y))


@dataclass(frozen=True, slots=True, order=True)
class IntRect:
    """A rectangle of whole pixels."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h

    @property
    def area(self) -> int:
        return self.w * self.h


def pixel_cover(rect: Rect, size: tuple[int, int], margin: float = 0.0, align: int = 1) -> IntRect | None:
    """The smallest whole-pixel rectangle (edges on multiples of ``align``) around ``rect`` inside the frame.

    Returns ``None`` when nothing of it is inside.
    """
    x0 = max(0, math.floor((rect.x - margin) / align) * align)
    y0 = max(0, math.floor((rect.y - margin) / align) * align)
    x1 = min(size[0], math.ceil((rect.x + rect.w + margin) / align) * align)
    y1 = min(size[1], math.ceil((rect.y + rect.h + margin) / align) * align)
    return IntRect(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None
