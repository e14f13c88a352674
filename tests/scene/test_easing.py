"""The curves, against values worked out by hand."""

from __future__ import annotations

import pytest

from reelpress.scene.easing import bezier, ease, lerp, out_back, out_cubic, unit


def test_clamped_and_exact_at_the_ends() -> None:
    assert [unit(v) for v in (-1, 0, 0.3, 1, 7)] == [0, 0, 0.3, 1, 1]
    for curve in (ease, out_cubic):
        assert [curve(v) for v in (-1, 0, 1, 2)] == [0, 0, 1, 1]
    assert out_back(0) == pytest.approx(0, abs=1e-12)
    assert out_back(1) == out_back(3) == 1
    assert (lerp(0.1, 0.7, 0), lerp(0.1, 0.7, 1)) == (0.1, 0.7)
    assert lerp(2, 6, 0.25) == 3
    assert lerp(2, 6, 1.5) == 8  # not clamped: a spring swings beyond


def test_values_by_hand() -> None:
    assert out_cubic(0.5) == 1 - 0.125
    # u = -1/2: 1 - 2.70158/8 + 1.70158/4
    assert out_back(0.5) == pytest.approx(1 - 0.3376975 + 0.425395)
    # CSS ease-in-out at s = 1/4: x = 3(.5625)(.25)(.42) + 3(.75)(.0625)(.58) + 1/64, y = 3(.75)(.0625) + 1/64
    assert ease(0.421875 * 0.42 + 0.140625 * 0.58 + 0.015625) == pytest.approx(0.15625, abs=1e-12)
    assert ease(0.5) == pytest.approx(0.5, abs=1e-12)


def test_handles_out_of_range_still_give_one_value_for_each_time() -> None:
    assert bezier(0.3, -2.0, 0.1, 5.0, 0.9) == bezier(0.3, 0.0, 0.1, 1.0, 0.9)
    steep = [bezier(k / 50, 1.0, 0.0, 0.0, 1.0) for k in range(51)]
    assert steep == sorted(steep)
    assert steep[25] == pytest.approx(0.5, abs=1e-4)  # it is upright there
