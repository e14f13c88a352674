"""The pointer's path against the equation of motion and the rules of cap-format 3.6."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.project.cursor import Cursor
from reelpress.recording.model import PointerClick, PointerEvents, PointerMove
from reelpress.scene.pointer_path import PointerPath

F = Fraction
MELLOW = (470.0, 70.0, 3.0)


def cursor(**keys: object) -> Cursor:
    return Cursor.model_validate({"rotationAmount": 0, **keys})


def move(ms: float, x: float, y: float = 0.5, name: str = "0") -> PointerMove:
    return PointerMove(ms, x, y, name)


def click(ms: float, down: bool, button: int = 0) -> PointerClick:
    return PointerClick(ms, down, button, "0")


def path(moves: list[PointerMove], clicks: list[PointerClick] | None = None, **keys: object) -> PointerPath:
    return PointerPath(PointerEvents(tuple(moves), tuple(clicks or ())), cursor(**keys))


def ramp(start: float, end: float, x0: float, x1: float, step: float = 16.0) -> list[PointerMove]:
    count = round((end - start) / step)
    return [move(start + i * step, x0 + (x1 - x0) * i / count) for i in range(count + 1)]


def walk(seed: int, count: int, step: float = 16.0) -> list[PointerMove]:
    """A hand's way: a wandering direction, pauses in between."""
    rng = random.Random(seed)
    moves, ms, x, y, angle = [], 500.0, 0.5, 0.5, 0.0
    for _ in range(count):
        angle += rng.gauss(0, 0.3)
        x = min(max(x + 0.006 * math.cos(angle), 0.0), 1.0)
        y = min(max(y + 0.006 * math.sin(angle), 0.0), 1.0)
        ms += step if rng.random() > 0.01 else rng.uniform(200, 3000)
        moves.append(move(ms, x, y))
    return moves


# --- raw --------------------------------------------------------------------------------------------------------------


def test_raw_steps_from_event_to_event():
    made = path([move(100, 0.1, 0.2), move(120, 0.3, 0.4), move(500, 0.5, 0.6)], raw=True)
    assert [made.place(ms) for ms in (0, 100, 119.99, 120, 499, 500, 9000)] == [
        (0.1, 0.2), (0.1, 0.2), (0.1, 0.2), (0.3, 0.4), (0.3, 0.4), (0.5, 0.6), (0.5, 0.6),
    ]  # fmt: skip
    assert made.simulated == 0


def test_latest_counts():
    events = PointerEvents((move(100, 0.1), move(620, 0.9)))
    made = PointerPath(events, cursor(raw=True), F("0.52"))
    assert made.at(F("0.099")).x == 0.1
    assert made.at(F("0.1")).x == 0.9


# --- springs ----------------------------------------------------------------------------------------------------------


def ride(x0: float, target: float, seconds: float, spring: tuple[float, float, float], h: float = 1e-5) -> float:
    """Semi-implicit Euler, fine enough to need nothing else."""
    k, c, m = spring
    x, v = x0, 0.0
    for _ in range(round(seconds / h)):
        v += (-(x - target) * k - v * c) / m * h
        x += v * h
    return x


def test_before_the_first_move_it_waits_there():
    made = path(ramp(1000, 3000, 0.2, 0.8))
    assert made.place(-5000) == made.place(0) == made.place(1000) == (0.2, 0.5)
    assert made.place(1100)[0] > 0.2


@pytest.mark.parametrize(
    ("keys", "spring"),
    [
        ({}, MELLOW),
        ({"tension": 200, "mass": 2.25, "friction": 40}, (200.0, 40.0, 2.25)),
        ({"tension": 380, "mass": 1, "friction": 30}, (380.0, 30.0, 1.0)),
    ],
)
def test_a_jump_is_followed_as_the_spring_does(keys, spring):
    """After a pause the target jumps, ``friction / tension`` seconds before the move, within one step of 1/60 s."""
    made = path([move(0, 0.2), move(3000, 0.8), move(9000, 0.8)], **keys)
    lead = spring[1] / spring[0]
    begin = 3.0 - lead
    assert made.place((begin - 1 / 60) * 1000 - 1) == (0.2, 0.5)
    for after in (0.1, 0.15, 0.25, 0.4):
        now = made.place((begin + after) * 1000)[0]
        # The jump takes effect in the grid step that reaches it, spread over that step.
        early, late = ride(0.2, 0.8, after - 1 / 60, spring), ride(0.2, 0.8, after + 1 / 60, spring)
        assert early - 2e-3 <= now <= late + 2e-3 or late - 2e-3 <= now <= early + 2e-3
    assert made.place(6000)[0] == 0.8


@pytest.mark.parametrize(
    "keys", [{}, {"tension": 80, "mass": 2.5, "friction": 28}, {"tension": 380, "mass": 1, "friction": 30}]
)
def test_the_lead_cancels_the_lag_of_an_even_movement(keys):
    """Half a screen a second for three seconds: once swung in, less than a pixel of 1920 from the recorded path."""
    moves = ramp(0, 3008, 0.0, 1.504)
    made = path(moves, **keys)
    for ms in range(1800, 2500, 7):
        assert abs(made.place(ms)[0] - ms / 2000) < 1 / 1920


def test_without_the_lead_it_would_lag():
    """The same movement, seen by a spring with more lag than may be looked ahead: it is behind by the rest."""
    made = path(ramp(0, 20000, 0.0, 10.0), tension=100, mass=1, friction=150)  # lag 1.5 s, lead at most 1
    assert made.place(18000)[0] == pytest.approx(9.0 - 0.5 * 0.5, abs=0.01)


def test_rest_is_exact_and_costs_nothing():
    made = path([*ramp(0, 400, 0.0, 0.25), *ramp(600_000, 600_400, 0.25, 0.5)])
    assert made.place(300_000) == made.place(500_000) == (0.25, 0.5)
    assert made.simulated < 300  # of 36,000 steps


@settings(max_examples=30, deadline=None)
@given(st.floats(20, 2000), st.floats(0.2, 3.0), st.floats(0.5, 5))
def test_the_energy_of_a_spring_left_alone_decays(tension, ratio, mass):
    friction = 2 * ratio * math.sqrt(tension * mass)
    made = path([move(0, 0.1), move(2000, 0.9), move(12_000, 0.9)], tension=tension, friction=friction, mass=mass)
    h = 1000 / 60
    samples = [made.place(2100 + k * h)[0] for k in range(500)]
    # Speed by differences: allow for what they miss, and for the last 1e-5 (a hundredth of a pixel) at once.
    energy = [0.5 * mass * ((b - a) * 60) ** 2 + 0.5 * tension * ((a + b) / 2 - 0.9) ** 2 for a, b in pairwise(samples)]
    assert all(later <= earlier * 1.05 + 2e-6 for earlier, later in pairwise(energy[::8]))


def test_a_spring_without_friction_swings_and_is_stopped_in_the_end():
    made = path([move(0, 0.4), move(1000, 0.6), move(400_000, 0.6), move(400_100, 0.2)], friction=0)
    xs = [made.place(1100 + 20 * i)[0] for i in range(500)]
    assert (min(xs), max(xs)) == pytest.approx((0.4, 0.8), abs=0.01)
    assert made.place(300_000)[0] == 0.6
    assert made.simulated < 5000


def test_it_stops_300_ms_after_the_last_move():
    made = path(ramp(0, 800, 0.0, 0.8), tension=80, mass=2.5, friction=28)
    assert made.place(1100 + 17) == made.place(5000)
    assert made.place(1050) != made.place(1100)


# --- clicks -----------------------------------------------------------------------------------------------------------


def test_it_is_at_the_click_when_it_happens():
    """A dash to a button, pressed at once: half a second ahead the target is the place of the press."""
    moves = [*ramp(0, 400, 0.1, 0.7), move(2000, 0.7)]
    plain, pressed = path(moves), path(moves, [click(420, True), click(500, False)])
    error = abs(pressed.place(420)[0] - 0.7)
    assert error < 0.01
    assert pressed.place(200)[0] > plain.place(200)[0]  # it sets off early


def test_half_a_second_is_as_far_as_a_click_reaches():
    moves = [move(0, 0.1), move(5000, 0.9), move(9000, 0.9)]
    plain, pressed = path(moves), path(moves, [click(5200, True), click(5300, False)])
    assert pressed.place(4683) == plain.place(4683) == (0.1, 0.5)
    assert pressed.place(4790)[0] > 0.11 > plain.place(4790)[0]


def test_the_release_of_a_drag_is_not_anticipated():
    """A half turn with the button down: the pointer must go round, not straight to where it is let go."""
    angles = [math.pi * i / 50 for i in range(51)]
    turn = [move(16.0 * i, 0.5 - 0.3 * math.cos(a), 0.5 - 0.3 * math.sin(a)) for i, a in enumerate(angles)]
    made = path([*turn, move(2000, 0.8, 0.5)], [click(0, True), click(800, False)])
    for ms in range(150, 780, 10):
        x, y = made.place(ms)
        assert math.hypot(x - 0.5, y - 0.5) == pytest.approx(0.3, abs=0.02)


def test_a_drag_is_followed_by_a_stiff_spring():
    """A corner taken with the left button down is cut less than with the configured spring."""
    corner = [*ramp(0, 800, 0.1, 0.5), *(move(800 + 16.0 * i, 0.5, 0.5 + 0.01 * i) for i in range(1, 40))]
    held, free, other = (
        path(corner, clicks)
        for clicks in ([click(0, True), click(1500, False)], [], [click(0, True, 1), click(1500, False, 1)])
    )

    def miss(made: PointerPath) -> float:
        return min(math.dist(made.place(ms), (0.5, 0.5)) for ms in range(600, 1100, 4))

    assert miss(held) < miss(free) / 2
    assert miss(other) == pytest.approx(miss(free), rel=0.2)  # only the left button drags


# --- the end, the image, hiding, tilt ---------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [True, False])
def test_movement_stops_in_the_last_seconds(raw):
    events = PointerEvents((*ramp(0, 1600, 0.1, 0.3), *ramp(4000, 4800, 0.3, 0.9)))
    made = PointerPath(events, cursor(raw=raw, stopMovementInLastSeconds=1.5), F("0.2"), length=F(5))
    # The segment ends at 5200 ms of pointer time: nothing after 3700 moves it.
    assert made.place(4600)[0] == made.place(2400)[0] == pytest.approx(0.3, abs=1e-3)
    whole = PointerPath(events, cursor(raw=raw))
    assert whole.place(5500)[0] == pytest.approx(0.9, abs=0.01)
    first = PointerPath(events, cursor(raw=raw, stopMovementInLastSeconds=100), length=F(5))
    assert first.place(4000) == (0.1, 0.5)


def test_the_image_follows_the_recorded_moves_without_lead():
    made = path([move(0, 0.1, name="a"), move(1000, 0.9, name="b"), move(1500, 0.9, name="a")])
    assert [made.at_ms(ms).image_id for ms in (-10, 999, 1000, 1499, 1500)] == list("aabba")
    assert made.image_ids() == {"a", "b"}


def ss(t: float) -> float:
    return t * t * (3 - 2 * t)


def test_hidden_when_idle():
    moves = [move(0, 0.1), move(1000, 0.2), move(5000, 0.2), move(9000, 0.7)]
    made = path(moves, hideWhenIdle=True, hideWhenIdleDelay=2)
    shown = {ms: made.at_ms(ms).opacity for ms in (0, 1000, 3000, 3100, 3200, 3400, 5100, 8750, 8800, 8875, 9000)}
    # Nothing moves from 1000 on (the move at 5000 stays where it was): gone from 3000 to 3400, back from 8750.
    assert shown == pytest.approx(
        {
            0: 1, 1000: 1, 3000: 1, 3100: 1 - ss(0.25), 3200: 0.5, 3400: 0,
            5100: 0, 8750: 0, 8800: ss(0.2), 8875: 0.5, 9000: 1,
        }
    )  # fmt: skip
    assert path(moves).at_ms(5000).opacity == 1


def test_the_delay_is_half_a_second_at_least():
    made = path([move(0, 0.1), move(9000, 0.2)], hideWhenIdle=True, hideWhenIdleDelay=0.1)
    assert made.at_ms(500).opacity == 1
    assert made.at_ms(700).opacity == pytest.approx(0.5)


def test_tilt():
    """A quarter of a screen 1920 wide in 0.4 s: 480 * 0.03 * 0.15 = 2.16 degrees; never more than 20."""
    moves = [move(0, 0.1), *ramp(2000, 5200, 0.0, 2.0), move(9000, 2.0)]
    state = path(moves, rotationAmount=0.15, baseRotation=0.1).at_ms(4000)
    assert state.angle == pytest.approx(0.1 + math.radians(2.16), abs=2e-4)
    assert path(moves, rotationAmount=5).at_ms(4000).angle == pytest.approx(math.radians(20))
    assert path(moves, rotationAmount=-5).at_ms(4000).angle == pytest.approx(-math.radians(20))
    assert path(moves, rotationAmount=0, baseRotation=0.1).at_ms(4000).angle == 0.1
    assert path(moves, rotationAmount=0.15, baseRotation=0.1).at_ms(8000).angle == 0.1  # at rest, to the last bit
    wide = PointerPath(PointerEvents(tuple(moves)), cursor(rotationAmount=0.15), width=3840).at_ms(4000)
    assert wide.angle == pytest.approx(math.radians(4.32), abs=4e-4)


# --- any frame by itself ----------------------------------------------------------------------------------------------


def test_the_order_of_questions_does_not_matter():
    moves = walk(1, 800)
    clicks = [click(2000, True), click(2100, False), click(6000, True), click(7500, False)]
    made, again = path(moves, clicks, rotationAmount=0.15), path(moves, clicks, rotationAmount=0.15)
    times = [37.3 * i for i in range(800)]
    forward = [made.at_ms(ms) for ms in times]
    rng = random.Random(2)
    shuffled = list(enumerate(times))
    rng.shuffle(shuffled)
    assert all(again.at_ms(ms) == forward[i] for i, ms in shuffled)


def test_what_comes_later_changes_nothing_before():
    """Beyond what is looked ahead: a recording cut short moves the same until then."""
    moves = walk(3, 1000)
    whole, cut = path(moves), path(moves[:600])
    until = moves[599].time_ms - 400
    assert all(whole.place(ms) == cut.place(ms) for ms in range(0, int(until), 41))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_it_never_jumps(seed):
    """Linear between steps of 1/60 s, and no step is longer than a spring can make it."""
    moves = walk(seed, 150)
    made = path(moves, [click(1500, True), click(1600, False)])
    xs = [made.place(400 + 2 * i) for i in range(1500)]
    assert max(math.dist(a, b) for a, b in pairwise(xs)) < 0.02
    assert all(-0.3 < x < 1.3 and -0.3 < y < 1.3 for x, y in xs)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e15, 1e15), st.floats(-1e300, 1e300), st.floats(-2, 3), st.sampled_from("ab")),
        min_size=1, max_size=12,
    ),
    st.lists(st.tuples(st.floats(-1e15, 1e15), st.booleans(), st.integers(0, 2)), max_size=6),
    st.floats(1e-3, 1e6), st.floats(0, 1e6), st.floats(1e-3, 1e3),
)  # fmt: skip
def test_absurd_events_and_springs_give_finite_positions(rows, buttons, tension, friction, mass):
    moves = sorted((PointerMove(*row) for row in rows), key=lambda m: m.time_ms)
    clicks = sorted((click(*row) for row in buttons), key=lambda c: c.time_ms)
    made = path(moves, clicks, tension=tension, friction=friction, mass=mass, hideWhenIdle=True)
    assert made.simulated < 60_000
    for m in moves:
        for ms in (m.time_ms - 1, m.time_ms, m.time_ms + 5000):
            state = made.at_ms(ms)
            assert all(math.isfinite(v) for v in (state.x, state.y, state.angle))
            assert 0.8 <= state.scale <= 1
            assert 0 <= state.opacity <= 1


def test_it_needs_a_move():
    with pytest.raises(ValueError, match="at least one move"):
        path([])
