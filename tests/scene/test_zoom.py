"""The zoom's path against the equation of motion, and its promises at the edges."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.scene.plan.rect import Rect
from reelpress.scene.springs import Spring
from reelpress.scene.zoom import Focus, ZoomPath, ZoomSegment, ZoomState

F = Fraction
SPRING = Spring(200, 40, 2.25)


def zoom(start: float, end: float, amount: float, x: float = 0.5, y: float = 0.5, instant: bool = False) -> ZoomSegment:
    return ZoomSegment(F(repr(start)), F(repr(end)), amount, (Focus(F(repr(start)), x, y),), instant)


def path(*segments: ZoomSegment, seconds: int = 10, spring: Spring = SPRING) -> ZoomPath:
    return ZoomPath(segments, spring, F(seconds))


def ride(spring: Spring, x: float, target: float, seconds: float, h: float = 1e-4) -> float:
    """Semi-implicit Euler with a step so fine that nothing more is needed here."""
    v = 0.0
    for _ in range(round(seconds / h)):
        v += (-(x - target) * spring.stiffness - v * spring.damping) / spring.mass * h
        x += v * h
    return x


def test_it_rises_from_the_start_as_the_spring_does() -> None:
    """Edges on the grid of 8 ms: the spring is let go exactly at the start of the segment, and again at its end."""
    made = path(zoom(1, 4, 2.5, 0.25, 0.75))
    for t in ("1.0", "1.008", "1.1", "1.2", "1.4", "2.0"):
        assert made.at(F(t)).amount == pytest.approx(ride(SPRING, 1.0, 2.5, float(F(t)) - 1), abs=2e-3)
    for t in ("4.1", "4.3", "4.6"):
        assert made.at(F(t)).amount == pytest.approx(max(1, ride(SPRING, 2.5, 1.0, float(F(t)) - 4)), abs=2e-3)


def test_rest_before_inside_and_after_is_exact() -> None:
    made = path(zoom(1, 5, 2, 0.25, 0.75))
    assert made.at(F(0)) == ZoomState(1.0, 0.5, 0.5)
    assert made.at(F(1)).identity
    assert made.at(F(4)) == ZoomState(2.0, 0.25, 0.75, 1.0)
    assert made.at(F(8)) == ZoomState(1.0, 0.25, 0.75)  # the centre is held
    assert made.at(F(99)).identity


def test_only_motion_costs_anything() -> None:
    hour = path(zoom(10, 20, 2), zoom(1000, 1010, 3), seconds=3600)
    assert hour.simulated < 4 * 2.2 * 125  # four moves of about two seconds
    assert path(seconds=3600).simulated == 1


def test_the_centre_jumps_where_nobody_sees_it_and_glides_where_one_does() -> None:
    made = path(zoom(1, 3, 2, 0.1, 0.2), zoom(3, 6, 2, 0.9, 0.8))
    assert (made.at(F(1008, 1000)).x, made.at(F(1008, 1000)).y) == (0.1, 0.2)
    between = made.at(F("3.1"))
    assert 0.1 < between.x < 0.9
    assert between.x == pytest.approx(ride(SPRING, 0.1, 0.9, 0.1), abs=2e-3)
    assert between.amount == 2.0
    assert made.at(F(5)) == ZoomState(2.0, 0.9, 0.8, 1.0)


def test_amounts_below_one_are_one_and_an_overshoot_never_shrinks_the_card() -> None:
    assert path(zoom(1, 5, 0.3)).at(F(3)).amount == 1.0
    swinging = path(zoom(1, 2, 3), spring=Spring(200, 5, 2.25))
    amounts = [swinging.at(F(n, 100)).amount for n in range(1000)]
    assert min(amounts) == 1.0
    assert max(amounts) > 3.2  # it does swing


def test_the_first_by_start_wins_where_segments_overlap() -> None:
    made = path(zoom(2, 8, 3), zoom(1, 5, 2))
    assert made.at(F("4.5")).amount == 2.0
    assert made.at(F("7.5")).amount == 3.0


def test_an_instant_zoom_snaps_within_a_tenth_of_a_second() -> None:
    made = path(zoom(2, 4, 2, 0.2, 0.3, instant=True))
    assert made.at(F(2)).identity
    assert made.at(F("2.008")) == ZoomState(2.0, 0.2, 0.3, 1.0)
    assert made.at(F(4)) == ZoomState(2.0, 0.2, 0.3, 1.0)
    assert made.at(F("4.008")).identity


def test_an_instant_zoom_stops_a_move_that_reaches_its_edge() -> None:
    made = path(zoom(1, 3, 2), zoom(3.2, 5, 2.5, instant=True))
    assert made.at(F("3.09")).amount > 1.1  # still on its way back
    assert made.at(F("3.104")).identity


def test_it_may_begin_zoomed_in() -> None:
    assert path(zoom(-1, 5, 2, 0.2, 0.3)).at(F(0)) == ZoomState(2.0, 0.2, 0.3, 1.0)
    assert path(zoom(0, 5, 2)).at(F(0)).identity  # active after its start only


def test_a_moving_focus() -> None:
    segment = ZoomSegment(F(1), F(6), 2.0, (Focus(F(2), 0.1, 0.1), Focus(F(3), 0.9, 0.5)))
    made = path(segment)
    assert made.at(F("2.5")) == ZoomState(2.0, 0.1, 0.1, 1.0)
    assert 0.1 < made.at(F("3.1")).x < 0.9
    assert made.at(F("5.5")) == ZoomState(2.0, 0.9, 0.5, 1.0)


def test_linear_between_grid_points() -> None:
    made = path(zoom(1, 5, 2, 0.25, 0.75))
    a, b, middle = made.at(F(138, 125)), made.at(F(139, 125)), made.at(F(277, 250))
    assert middle.amount == pytest.approx((a.amount + b.amount) / 2, abs=1e-15)


CARD = Rect(132, 74, 1656, 930)


def test_where_the_card_goes() -> None:
    """Top-left = c (1 - a) in card units, size = a: the centre stays where it is."""
    assert ZoomState(1.0, 0.3, 0.9).apply(CARD) is CARD
    moved = ZoomState(2.0, 0.25, 0.5).apply(CARD)
    assert moved == Rect(132 - 0.25 * 1656, 74 - 0.5 * 930, 3312, 1860)


@given(st.floats(1, 8), st.floats(0, 1), st.floats(0, 1))
def test_the_card_never_leaves_its_own_place(amount: float, x: float, y: float) -> None:
    """The visible part always lies inside the picture."""
    rect = ZoomState(amount, x, y).apply(CARD)
    assert rect.x <= CARD.x + 1e-6
    assert rect.y <= CARD.y + 1e-6
    assert rect.right >= CARD.right - 1e-6
    assert rect.bottom >= CARD.bottom - 1e-6


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(20, 300), st.floats(1, 4), st.floats(0, 1), st.floats(0, 1)),
        max_size=4,
    )
)
def test_no_step_is_larger_than_the_spring_allows(
    rows: list[tuple[int, int, float, float, float]],
) -> None:
    """Critically damped or nearly so: it approaches at no more than w0/e of the way a second; a goal can change
    while it moves, so three times that is allowed."""
    made = path(*(zoom(s / 100, (s + d) / 100, a, x, y) for s, d, a, x, y in rows))
    most = 3 * SPRING.frequency / math.e / 60 * 4 * CARD.w
    before = made.at(F(0)).apply(CARD)
    for n in range(1, 600):
        now = made.at(F(n, 60)).apply(CARD)
        assert max(abs(now.x - before.x), abs(now.right - before.right), abs(now.y - before.y)) < most
        before = now


def test_the_step_with_which_a_move_ends() -> None:
    """The last moving frame lies within a twentieth of a pixel of the resting one, zooming in and out."""
    made = path(zoom(1, 5, 2, 0.3, 0.6))
    for first, last in ((1, 5), (5, 9)):
        rects = [made.at(F(first) + F(n, 60)).apply(CARD) for n in range(1, (last - first) * 60)]
        end = next(i for i in range(len(rects)) if all(r == rects[-1] for r in rects[i:]))
        assert end > 30
        moving, rest = rects[end - 1], rects[end]
        assert max(abs(moving.x - rest.x), abs(moving.right - rest.right)) < 0.05
    assert rects[-1] is CARD


def test_activity_tells_that_a_zoom_is_on_whatever_its_amount() -> None:
    """The same spring from 0 to 1 and back; a segment of amount 1 is active too."""
    made = path(zoom(1, 4, 1.0), zoom(6, 8, 3.0))
    assert [made.at(F(t)).activity for t in (0, 1, 10)] == [0.0, 0.0, 0.0]
    assert made.at(F("3.5")) == ZoomState(1.0, 0.5, 0.5, 1.0)
    assert made.at(F("1.2")).activity == pytest.approx(ride(SPRING, 0.0, 1.0, 0.2), abs=2e-3)
    assert made.at(F("6.2")).activity == pytest.approx((made.at(F("6.2")).amount - 1) / 2, abs=1e-9)
    # Nearly critical: it swings over by e^(-pi zeta / sqrt(1 - zeta^2)) = 0.0002 at most.
    assert all(-3e-4 <= made.at(F(n, 50)).activity <= 1 + 3e-4 for n in range(500))
