"""The frame rate at which a plain video is exported unless the user says otherwise."""

from __future__ import annotations

import itertools
from array import array
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RATE = Fraction(60)
CAP_RATE = Fraction(60)
"""Of a .cap: the rate of Cap's own export."""

STANDARD_RATES = tuple(
    Fraction(n, d)
    for n, d in (
        (24000, 1001),
        (24, 1),
        (25, 1),
        (30000, 1001),
        (30, 1),
        (48, 1),
        (50, 1),
        (60000, 1001),
        (60, 1),
    )
)


def natural_rate(pts: Iterable[int], time_base: Fraction) -> Fraction:
    """The rate that a viewer would call the source's own, at most 60.

    The median distance of neighbouring frames decides, not the average: a screen recording with variable rate
    leaves frames out while the screen is still, and its average says little. A rate within the rounding of the
    time base (or half a per cent) of a standard one is taken to be the standard one.

    Args:
        pts: Sorted presentation times in ticks.
        time_base: Seconds a tick.
    """
    times = array("q", pts)
    if len(times) < 2:
        return Fraction(30)
    # counted, not listed: there are few different ones, however long the recording is
    gaps = Counter(b - a for a, b in itertools.pairwise(times))
    gap = _median(gaps)
    if gap <= 0:
        return Fraction(30)
    if max(gaps) - min(gaps) <= 1:  # constant rate up to rounding: the average is exact
        gap_seconds = Fraction(times[-1] - times[0], len(times) - 1) * time_base
    else:
        gap_seconds = gap * time_base
    rate = 1 / gap_seconds
    tolerance = max(Fraction(1, 200), Fraction(1, 2 * gap) if gap else Fraction(0))
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= nearest * tolerance:
        rate = nearest
    return max(Fraction(1), min(rate, MAX_RATE)).limit_denominator(1001)


def _median(counts: Counter[int]) -> int:
    """The middle one of all that were counted; the upper of two."""
    left = counts.total() // 2
    for value in sorted(counts):
        left -= counts[value]
        if left < 0:
            return value
    raise ValueError("Nothing was counted.")
