"""The few curves between two values that overlays, scenes and camera moves share."""

from __future__ import annotations

EASE_IN_OUT = (0.42, 0.0, 0.58, 1.0)
"""Slow, fast, slow: scene changes, morphs under titles, ramps of camera moves (cap-format 3.7, 3.8, 3.11)."""


def unit(value: float) -> float:
    """Clamped to 0..1."""
    return min(max(value, 0.0), 1.0)


def lerp(a: float, b: float, u: float) -> float:
    """``a`` at 0 and ``b`` at 1, both exactly, a straight line between and beyond."""
    return a if u == 0 else b if u == 1 else a + (b - a) * u


def out_cubic(x: float) -> float:
    """Fast, then slower: 1 - (1 - x)^3. Progress in and out clamped to 0..1."""
    return 1.0 - (1.0 - unit(x)) ** 3


def out_back(x: float) -> float:
    """Past the end and back: 1 + c3 (x - 1)^3 + c1 (x - 1)^2 with c1 = 1.70158, c3 = c1 + 1.

    The progress is clamped to 0..1; the result goes up to about 1.1.
    """
    c1 = 1.70158
    u = unit(x) - 1.0
    return 1.0 + (c1 + 1.0) * u**3 + c1 * u * u


def ease(u: float) -> float:
    """``EASE_IN_OUT`` at ``u``; exactly 0 and 1 at the ends and beyond them."""
    return bezier(u, *EASE_IN_OUT)


def bezier(u: float, x1: float, y1: float, x2: float, y2: float) -> float:
    """The timing curve of CSS: the y of a cubic Bezier from (0, 0) to (1, 1) at x = ``u``.

    ``x1`` and ``x2`` are clamped to 0..1, so that there is one y for each x. Exactly 0 and 1 at the ends and beyond.
    """
    if u <= 0:
        return 0.0
    if u >= 1:
        return 1.0
    x1, x2 = unit(x1), unit(x2)
    low, high, s = 0.0, 1.0, u
    for _ in range(60):  # Newton's steps, and halving where they leave the bracket
        x = _cubic(s, x1, x2)
        if x < u:
            low = s
        else:
            high = s
        slope = 3 * (1 - s) * (1 - s) * x1 + 6 * (1 - s) * s * (x2 - x1) + 3 * s * s * (1 - x2)
        step = s - (x - u) / slope if slope > 1e-6 else (low + high) / 2
        step = step if low < step < high else (low + high) / 2
        if step == s or high - low < 1e-15:
            break
        s = step
    return _cubic(s, y1, y2)


def _cubic(s: float, a: float, b: float) -> float:
    return 3 * (1 - s) * (1 - s) * s * a + 3 * (1 - s) * s * s * b + s * s * s
