"""The rate of a plain video when the user names none."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from reelpress.timeline.rate import STANDARD_RATES, natural_rate


@pytest.mark.parametrize("rate", STANDARD_RATES)
@pytest.mark.parametrize("time_base", [Fraction(1, 1000), Fraction(1, 90_000), Fraction(1, 15_360)])
def test_constant_rates_survive_rounded_time_stamps(rate: Fraction, time_base: Fraction) -> None:
    pts = [math.floor(n / rate / time_base + Fraction(1, 2)) for n in range(300)]
    assert natural_rate(pts, time_base) == rate


def test_frames_left_out_while_the_screen_is_still_do_not_count() -> None:
    pts = [n for n in range(600) if n % 100 < 70]
    assert natural_rate(pts, Fraction(1, 60)) == 60


def test_never_above_sixty_and_never_nothing() -> None:
    assert natural_rate(list(range(500)), Fraction(1, 120)) == 60
    assert natural_rate([0], Fraction(1, 60)) == 30
    assert natural_rate([0, 400, 800], Fraction(1, 100)) >= Fraction(1, 4)
