"""A picture at rest cut into slabs of rows that are scaled by themselves, whether all of them change or one.

swscale's rows depend on how far into the picture they lie (its increment is rounded, and the error adds up), so a part
scaled alone is not the same part of the whole, to the last bit. Scaling always goes slab by slab instead: the same
windows for a new picture and for a change of a few rows. Each slab begins where a whole source row meets a whole
output row, so the mapping is exact there, and takes some rows more at a seam than it keeps, so that the kernel never
sees the end of a window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_WASTE = 0.08
"""Share of output rows that may be made in vain at the seams. Measured: each hundredth is a hundredth of the time."""

_MOST = 8
"""Slabs; each costs a call, 0.03 ms."""


@dataclass(frozen=True, slots=True)
class Slab:
    """Rows ``start`` to ``stop`` of the output and the window that they are made from. All numbers are even."""

    start: int
    stop: int
    top: int
    """First source row of the window."""
    tall: int
    """Source rows of the window."""
    made: int
    """Output rows that the window is scaled to."""
    cut: int
    """Of these, how many are dropped in front."""

    def sees(self, first: int, stop: int) -> bool:
        """Whether any of the source rows from ``first`` to ``stop`` is in the window."""
        return first < self.top + self.tall and self.top < stop


@lru_cache(maxsize=16)
def slabs(source: int, rows: int) -> tuple[Slab, ...]:
    """``source`` rows scaled to ``rows``, both even: from one slab up to eight of about the same height.

    Luma and chroma are cut at the same places. One slab where the two numbers have too few divisors in common.
    """
    common = math.gcd(source // 2, rows // 2)
    unit, made = source // common, rows // common
    step = source / rows
    # Cubic support is two samples on either side, four luma rows for chroma; one more for swscale's rounding of taps.
    margin = math.ceil((4 * max(1.0, step) + 2) / unit)
    seams = min(_MOST - 1, int(_WASTE * rows / (2 * margin * made)), common // (2 * margin) - 1)
    # All windows about the same size: the outer ones have a margin on one side only.
    window = (common + 2 * margin * max(0, seams)) / (max(0, seams) + 1)
    edges = [0, *(round(margin + i * (window - 2 * margin)) for i in range(1, seams + 1)), common]
    found: list[Slab] = []
    for first, last in pairwise(edges):
        low, high = max(0, first - margin), min(common, last + margin)
        found.append(
            Slab(first * made, last * made, low * unit, (high - low) * unit, (high - low) * made, (first - low) * made)
        )
    return tuple(found)
