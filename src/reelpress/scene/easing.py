"""The few easings of overlays. Progress in, progress out; both clamped to 0..1 unless said otherwise."""

from __future__ import annotations


def unit(value: float) -> float:
    """Clamped to 0..1."""
    return min(max(value, 0.0), 1.0)


def out_cubic(x: float) -> float:
    """Fast, then slower: 1 - (1 - x)^3."""
    return 1.0 - (1.0 - unit(x)) ** 3


def out_back(x: float) -> float:
    """Past the end and back: 1 + c3 (x - 1)^3 + c1 (x - 1)^2 with c1 = 1.70158, c3 = c1 + 1. Goes up to about 1.1."""
    c1 = 1.70158
    u = unit(x) - 1.0
    return 1.0 + (c1 + 1.0) * u**3 + c1 * u * u


def lerp(a: float, b: float, u: float) -> float:
    """``a + (b - a) u``."""
    return a + (b - a) * u
