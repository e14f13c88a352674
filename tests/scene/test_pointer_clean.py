"""Shakes, thinning, gaps and buttons, by hand from cap-format 3.6."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.recording.model import PointerClick, PointerMove
from reelpress.scene.pointer_clean import MIN_DISTANCE, Trail, thinned, without_shakes
from reelpress.scene.pointer_clicks import Buttons


def moves(*rows: tuple[float, float], name: str = "0") -> list[PointerMove]:
    return [PointerMove(ms, x, 0.5, name) for ms, x in rows]


def times(found: list[PointerMove]) -> list[float]:
    return [m.time_ms for m in found]


def test_a_shake_goes():
    assert times(without_shakes(moves((0, 0.5), (40, 0.51), (80, 0.5), (400, 0.5)))) == [0, 80, 400]


@pytest.mark.parametrize(
    "rows",
    [
        [(0, 0.5), (40, 0.516), (80, 0.505), (400, 0.505)],  # a leg too long
        [(0, 0.505), (40, 0.51), (80, 0.49), (400, 0.49)],  # the other
        [(0, 0.5), (50, 0.51), (101, 0.5), (400, 0.5)],  # too slow
        [(0, 0.5), (40, 0.51), (80, 0.52), (400, 0.52)],  # goes on
    ],
)
def test_what_is_no_shake_stays(rows):
    assert times(without_shakes(moves(*rows))) == [ms for ms, _ in rows]


def test_a_change_of_image_is_no_shake():
    rows = moves((0, 0.5), (40, 0.51), (80, 0.5))
    rows[1] = rows[1]._replace(cursor_id="1")
    assert without_shakes(rows) == rows


def test_a_whole_tremor_goes():
    tremor = moves(*((16.0 * i, 0.5 + 0.004 * (i % 2)) for i in range(20)))
    assert {m.x for m in without_shakes(tremor)[:-1]} == {0.5}


def test_thinning_in_time_and_distance():
    far = [(0, 0.0), (8, 0.1), (16, 0.2), (20, 0.3), (32, 0.4), (48, 0.5)]
    assert times(thinned(moves(*far))) == [0, 16, 32, 48]
    near = [(0, 0.0), (16, 0.0003), (32, 0.0006), (48, 0.0009), (64, 0.0012)]
    assert times(thinned(moves(*near))) == [0, 32, 64]  # 1/1920 = 0.00052


def test_the_last_move_before_a_pause_stays():
    """8 ms after the one before, but the pointer rests there for a second."""
    assert times(thinned(moves((0, 0.0), (16, 0.1), (24, 0.2), (1024, 0.3), (1040, 0.4)))) == [0, 16, 24, 1024, 1040]


@given(st.lists(st.tuples(st.floats(0, 80), st.floats(0, 0.01)), min_size=1, max_size=60))
def test_thinning_keeps_the_path(steps):
    ms, x, rows = 0.0, 0.0, []
    for dt, dx in steps:
        ms, x = ms + dt, x + dx
        rows.append((ms, x))
    kept = thinned(moves(*rows))
    assert set(kept) <= set(moves(*rows))
    assert kept[0].time_ms == rows[0][0]
    assert (kept[-1].time_ms, kept[-1].x) == rows[-1]
    before_pause = {a[0] for a, b in pairwise(rows) if b[0] - a[0] > 66.7}
    for a, b in pairwise(kept[:-1]):
        apart = b.time_ms - a.time_ms >= 16 and b.x - a.x >= MIN_DISTANCE
        assert apart or b.time_ms in before_pause


def test_straight_between_moves_and_still_in_gaps():
    trail = Trail(moves((100, 0.0), (160, 0.6), (226.7, 0.8), (293.5, 1.0)))
    expected = {0: 0, 100: 0, 130: 0.3, 160: 0.6, 193.35: 0.7, 226.7: 0.8, 260: 0.8, 293: 0.8, 293.5: 1, 999: 1}
    assert {ms: trail.at(ms)[0] for ms in expected} == pytest.approx(expected)


def test_how_long_it_stands_still():
    trail = Trail(moves((0, 0.1), (500, 0.1), (540, 0.1), (560, 0.2), (600, 0.3), (2000, 0.4)))
    assert trail.still_until(-50) == 0
    assert trail.still_until(0) == 540  # the way to 0.2 begins there
    assert trail.still_until(530) == 540
    assert trail.still_until(550) == 540  # on its way
    assert trail.still_until(700) == 2000
    assert trail.still_until(2000) == math.inf


def test_moves_at_one_time():
    trail = Trail(moves((0, 0.1), (50, 0.2), (50, 0.4), (90, 0.4)))
    assert trail.at(49.999)[0] == pytest.approx(0.2, abs=1e-4)
    assert trail.at(50)[0] == 0.4


# --- buttons ----------------------------------------------------------------------------------------------------------


def click(ms: float, down: bool, button: int = 0) -> PointerClick:
    return PointerClick(ms, down, button, "0")


def ss(t: float) -> float:
    return t * t * (3 - 2 * t)


def test_click_scale():
    buttons = Buttons.of([click(1000, True), click(1400, False)])
    expected = {
        0: 1, 870: 1, 902.5: 0.8 + 0.2 * ss(0.75), 935: 0.9, 1000: 0.8,
        1200: 0.8, 1400: 0.8, 1465: 0.9, 1530: 1, 9999: 1,
    }  # fmt: skip
    assert {ms: buttons.scale(ms) for ms in expected} == pytest.approx(expected)


def test_a_double_click_does_not_jump():
    buttons = Buttons.of([click(1000, True), click(1050, False), click(1150, True), click(1200, False)])
    assert buttons.scale(1100) == pytest.approx(0.8 + 0.2 * ss(50 / 130))
    scales = [buttons.scale(800 + i) for i in range(700)]
    assert max(abs(a - b) for a, b in pairwise(scales)) < 0.2 * 1.5 / 130 + 1e-9


def test_buttons_overlap_and_releases_get_lost():
    rows = [(0, True, 0), (100, True, 1), (200, False, 0), (300, False, 1), (900, False, 0), (950, True, 0)]
    buttons = Buttons.of([click(*row) for row in rows])
    assert (buttons.any.starts, buttons.any.ends) == ((0, 950), (300, math.inf))
    assert (buttons.left.starts, buttons.left.ends) == ((0, 950), (200, math.inf))
    assert buttons.presses == (0, 100, 950)
    assert [ms for ms in (-1, 0, 199, 200, 949, 950, 1e9) if buttons.left.holds(ms)] == [0, 199, 950, 1e9]
    assert [buttons.left.next_edge(ms) for ms in (-1, 0, 100, 200, 950)] == [0, 200, 200, 950, math.inf]
    assert [buttons.next_press(ms) for ms in (-5, 0, 1, 951)] == [0, 0, 100, math.inf]
    assert Buttons.of([]).scale(5) == 1
