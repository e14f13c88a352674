"""Outline geometry on a plan: what a shape surely covers. The distance is the one of ``scene.plan``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reelpress.scene.plan.outline import CornerKind, Shape

if TYPE_CHECKING:
    from reelpress.scene.geometry import Size
    from reelpress.scene.plan.rect import Rect

EDGE = 1.5
"""Pixels inside the outline from which on coverage is 1: w = 1 and samples 0.25 off the centre on both axes."""


def distance(shape: Shape, x: float, y: float) -> float:
    """Signed distance of a point to the outline, negative inside (scene.plan)."""
    hw, hh = shape.rect.w / 2, shape.rect.h / 2
    qx = abs(x - shape.rect.x - hw) - hw + shape.radius
    qy = abs(y - shape.rect.y - hh) - hh + shape.radius
    ax, ay = max(qx, 0.0), max(qy, 0.0)
    norm = math.sqrt(math.sqrt(ax**4 + ay**4)) if shape.kind is CornerKind.SQUIRCLE else math.hypot(ax, ay)
    return norm + min(max(qx, qy), 0.0) - shape.radius


def covers_frame(shape: Shape, size: Size) -> bool:
    """Whether every pixel of the frame has coverage 1, so that the outline cannot be seen."""
    rect = shape.rect
    w, h = float(size[0]), float(size[1])
    if rect.x > 0 or rect.y > 0 or rect.right < w or rect.bottom < h:
        return False
    if shape.radius == 0:
        return True
    # {distance <= -EDGE} is convex: its holding at the four corners of the frame is enough.
    return all(distance(shape, x, y) <= -EDGE for x in (0.0, w) for y in (0.0, h))


def overlaps(a: Rect, b: Rect) -> bool:
    """Whether two rectangles have an area in common."""
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom
