"""Motion blur of the card between two frames (cap-format 3.5, last paragraph)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reelpress.scene.plan.effects import Blur

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.scene.geometry import Size
    from reelpress.scene.plan.rect import Rect

LONGEST_MOVE = 0.15
"""Of the frame (each axis by its own length)."""
LONGEST_RAY = 0.10
"""Of the frame: how far a ray of a radial blur reaches at the card's far corner."""
MOST_SPREAD = 0.5
FAINTEST = 1.0
"""Pixels of movement below which there is no blur."""


def card_blur(before: Rect, now: Rect, size: Size, strength: float, fps: Fraction) -> Blur | None:
    """The blur of a card that moved from ``before`` to ``now`` within one frame; ``None`` for none.

    Args:
        strength: ``screenMotionBlur``, 0..1; it acts as ``strength * fps / 60``, so that a rate does not change the
            look.
    """
    amount = strength * float(fps) / 60
    if amount <= 0 or before == now:
        return None
    corners = ((now.x - before.x, now.y - before.y), (now.right - before.right, now.bottom - before.bottom))
    if max(math.hypot(dx, dy) for dx, dy in corners) * amount < FAINTEST:
        return None
    dx, dy = (corners[0][0] + corners[1][0]) / 2, (corners[0][1] + corners[1][1]) / 2
    diagonal, grown = math.hypot(now.w, now.h), math.hypot(now.w, now.h) - math.hypot(before.w, before.h)
    if abs(grown) > 2 * math.hypot(dx, dy):
        return _radial(before, now, size, min(abs(grown) / diagonal, MOST_SPREAD) * amount)
    dx, dy = dx * amount, dy * amount
    reach = max(abs(dx) / (LONGEST_MOVE * size[0]), abs(dy) / (LONGEST_MOVE * size[1]), 1.0)
    return Blur(dx / reach, dy / reach)


def _radial(before: Rect, now: Rect, size: Size, spread: float) -> Blur | None:
    # The point that stays where it is while the card goes from one rectangle to the other.
    def fixed(a: float, length_a: float, b: float, length_b: float) -> float:
        return (b * length_a - a * length_b) / (length_a - length_b) if length_a != length_b else b + length_b / 2

    origin = (fixed(before.x, before.w, now.x, now.w), fixed(before.y, before.h, now.y, now.h))
    far = max(abs(now.x - origin[0]), abs(now.right - origin[0])) / size[0]
    far = max(far, max(abs(now.y - origin[1]), abs(now.bottom - origin[1])) / size[1])
    if far > 0:
        spread = min(spread, LONGEST_RAY / far)
    return Blur(spread=spread, origin=origin) if spread > 0 else None
