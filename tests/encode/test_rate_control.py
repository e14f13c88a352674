"""Rate control against the table of cap-format 5.1."""

from __future__ import annotations

from fractions import Fraction

import pytest

from reelpress.encode.rate import CRF, CRF_OPTIMIZED, bit_rate, rate_control

# Mbit/s as printed in cap-format 5.1: 1080p30, 1080p60, 4K60.
TABLE = {
    "maximum": (18.7, 29.9, 119.4),
    "social": (9.3, 14.9, 59.7),
    "web": (5.0, 8.0, 31.9),
    "potato": (2.5, 4.0, 15.9),
}


@pytest.mark.parametrize("quality", TABLE)
def test_bit_rates_of_cap(quality: str) -> None:
    sizes = ((1920, 1080, 30), (1920, 1080, 60), (3840, 2160, 60))
    for (w, h, fps), expected in zip(sizes, TABLE[quality], strict=True):
        assert bit_rate(w, h, Fraction(fps), quality) / 1e6 == pytest.approx(expected, abs=0.06)


def test_below_thirty_the_rate_falls() -> None:
    assert bit_rate(1000, 1000, Fraction(15), "web") * 2 == bit_rate(1000, 1000, Fraction(30), "web")


def test_better_quality_means_lower_crf_and_more_bits() -> None:
    order = ["maximum", "social", "web", "potato"]
    for table in (CRF, CRF_OPTIMIZED):
        assert [table[q] for q in order] == sorted(table.values())
    rates = [rate_control(1920, 1080, Fraction(60), quality=q).maxrate for q in order]
    assert rates == sorted(rates, reverse=True)


def test_ceiling_is_one_and_a_half_times_caps_rate() -> None:
    control = rate_control(1920, 1080, Fraction(60), quality="social")
    assert control.maxrate == bit_rate(1920, 1080, Fraction(60), "social") * 3 // 2
    assert control.bufsize == 2 * control.maxrate


def test_explicit_values_win() -> None:
    control = rate_control(640, 360, Fraction(30), quality="web", optimize_size=True, crf=11, preset="fast")
    assert (control.crf, control.preset) == (11, "fast")
    assert rate_control(640, 360, Fraction(30), quality="web", optimize_size=True).preset == "slow"
