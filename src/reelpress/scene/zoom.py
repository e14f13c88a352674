"""The path of the zoom: amount and centre as functions of output time (cap-format 3.5).

Two springs (amount with activity; centre) chase targets that change at the edges of zoom segments. They are simulated
on a grid of 8 ms of output time from its beginning, whatever range is asked for, and interpolated linearly; so any
frame can be planned by itself. Only stretches in motion are simulated and stored: where everything rests, one state
stands for all.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.scene.plan.rect import Rect
from reelpress.scene.springs import at_rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reelpress.scene.springs import Spring, StepMatrix

GRID = 125
"""Steps a second."""
UNZOOMED = 1.0005
"""Up to this amount the centre jumps to its target: nobody sees it."""
INSTANT_REACH = Fraction(1, 10)
"""Seconds around the edges of an instant segment in which nothing moves."""


@dataclass(frozen=True, slots=True)
class ZoomState:
    """``amount`` >= 1; (x, y) is the centre as fractions of the card."""

    amount: float = 1.0
    x: float = 0.5
    y: float = 0.5
    activity: float = 0.0
    """How far the zoom is switched on, whatever its amount; the camera bubble shrinks with it. Exactly 0 or 1 at rest;
    a spring may swing it a little beyond."""

    @property
    def identity(self) -> bool:
        """The card is where it rests, to the last bit."""
        return self.amount == 1.0

    def apply(self, card: Rect) -> Rect:
        """Where ``card`` goes: enlarged by ``amount`` about the centre. Exactly ``card`` at amount 1."""
        if self.amount == 1.0:
            return card
        grown = 1.0 - self.amount
        x, y = card.x + self.x * grown * card.w, card.y + self.y * grown * card.h
        return Rect(x, y, card.w * self.amount, card.h * self.amount)


@dataclass(frozen=True, slots=True)
class Focus:
    """From output time ``start`` (seconds) on the zoom looks at (x, y), fractions of the card."""

    start: Fraction
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class ZoomSegment:
    """One zoom, active for start < t <= end in output seconds."""

    start: Fraction
    end: Fraction
    amount: float
    focus: tuple[Focus, ...]
    """At least one, sorted; the first holds from the segment's start whatever its own."""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class _Goal:
    state: ZoomState
    jump: bool


class ZoomPath:
    """Zoom over output time. Immutable once built; any thread may ask."""

    def __init__(self, segments: Sequence[ZoomSegment], spring: Spring, duration: Fraction) -> None:
        """Simulate.

        Args:
            segments: In any order; the one that starts first wins where they overlap.
            spring: ``screenMovementSpring``.
            duration: Output seconds to cover; later times have the last state.
        """
        self._starts: list[int] = []
        self._pieces: list[list[ZoomState]] = []  # a piece of one state rests until the next piece
        self._snaps: list[int] = []  # grid steps at which the state is another one all at once
        last = math.ceil(duration * GRID) + 1
        ordered = sorted(segments, key=lambda s: s.start)
        goals = list(_goals(ordered, last))
        motion = _Motion(goals[0][1].state, spring.step(1 / GRID))
        for i, (first, goal) in enumerate(goals):
            stop = goals[i + 1][0] if i + 1 < len(goals) else last + 1
            self._chase(motion, goal, first, stop)

    def _chase(self, motion: _Motion, goal: _Goal, first: int, stop: int) -> None:
        """States of grid steps ``first .. stop - 1``."""
        if goal.jump or motion.resting_on(goal.state):
            if not motion.resting_on(goal.state):
                self._snaps.append(first)
            motion.set(goal.state)
            self._append(first, [goal.state])
            return
        states: list[ZoomState] = []
        for _ in range(first, stop):
            if motion.step(goal.state):
                break
            states.append(motion.state())
        if states:
            self._append(first, states)
        if len(states) < stop - first:
            self._append(first + len(states), [goal.state])

    def _append(self, first: int, states: list[ZoomState]) -> None:
        if self._pieces and len(states) == 1 and len(self._pieces[-1]) == 1 and self._pieces[-1][0] == states[0]:
            return
        self._starts.append(first)
        self._pieces.append(states)

    def _grid(self, k: int) -> ZoomState:
        i = bisect_right(self._starts, k) - 1
        piece = self._pieces[max(i, 0)]
        return piece[min(k - self._starts[i], len(piece) - 1)]

    def at(self, t_out: Fraction) -> ZoomState:
        """The zoom at an output time in seconds (not negative)."""
        if len(self._starts) == 1:
            return self._pieces[0][-1]
        scaled = t_out * GRID
        k, rest = divmod(scaled.numerator, scaled.denominator)
        a = self._grid(k)
        if rest == 0:
            return a
        b = self._grid(k + 1)
        if a == b or (self._snaps and self._snapped(k, k + 1)):
            return a  # nothing lies between the two sides of a snap
        u = rest / scaled.denominator
        return ZoomState(
            a.amount + (b.amount - a.amount) * u,
            a.x + (b.x - a.x) * u,
            a.y + (b.y - a.y) * u,
            a.activity + (b.activity - a.activity) * u,
        )

    def snaps_in(self, start: Fraction, end: Fraction) -> bool:
        """Whether an instant zoom snaps between two output times: after ``start``, at ``end`` at the latest."""
        return bool(self._snaps) and self._snapped(math.floor(start * GRID), math.floor(end * GRID))

    def _snapped(self, before: int, upto: int) -> bool:
        i = bisect_right(self._snaps, before)
        return i < len(self._snaps) and self._snaps[i] <= upto

    @property
    def simulated(self) -> int:
        """Grid steps that had to be stored; for tests and figures."""
        return sum(len(piece) for piece in self._pieces)


class _Motion:
    """The two springs; positions are kept as such, displacements made on the way."""

    def __init__(self, state: ZoomState, matrix: StepMatrix) -> None:
        self._matrix = matrix
        self.set(state)

    def set(self, state: ZoomState) -> None:
        self._now = [state.amount, state.x, state.y, state.activity]
        self._speed = [0.0] * 4

    def resting_on(self, goal: ZoomState) -> bool:
        return self._speed == [0.0] * 4 and self._now == [goal.amount, goal.x, goal.y, goal.activity]

    def state(self) -> ZoomState:
        amount, x, y, activity = self._now
        return ZoomState(max(1.0, amount), x, y, activity)

    def step(self, goal: ZoomState) -> bool:
        """One grid step towards ``goal``; whether everything rests on it now."""
        xx, xv, vx, vv = self._matrix
        now, speed = self._now, self._speed
        if now[0] <= UNZOOMED:
            now[1:3], speed[1:3] = [goal.x, goal.y], [0.0, 0.0]
        resting = True
        for i, target in enumerate((goal.amount, goal.x, goal.y, goal.activity)):
            x, v = now[i] - target, speed[i]
            if x == 0.0 and v == 0.0:
                continue
            x, v = xx * x + xv * v, vx * x + vv * v
            if at_rest(x, v):
                now[i], speed[i] = target, 0.0
            else:
                now[i], speed[i] = target + x, v
                resting = False
        return resting


@dataclass(frozen=True, slots=True)
class _Steps:
    """A zoom segment in grid steps, last ones included."""

    first: int
    last: int
    still_first: int
    """From here to ``still_last`` nothing may move."""
    still_last: int
    focus: list[int]
    """First step of each centre but the first."""
    states: list[ZoomState]

    @classmethod
    def of(cls, segment: ZoomSegment) -> _Steps:
        still_first, still_last = 0, -1
        if segment.instant:
            still_first = math.ceil((segment.start - INSTANT_REACH) * GRID)
            still_last = math.floor((segment.end + INSTANT_REACH) * GRID)
        return cls(
            first=_after(segment.start),
            last=_after(segment.end) - 1,
            still_first=still_first,
            still_last=still_last,
            focus=[math.ceil(focus.start * GRID) for focus in segment.focus[1:]],
            states=[ZoomState(max(1.0, segment.amount), focus.x, focus.y, 1.0) for focus in segment.focus],
        )

    def state(self, k: int) -> ZoomState:
        return self.states[bisect_right(self.focus, k)]


def _goals(segments: Sequence[ZoomSegment], last: int) -> Iterator[tuple[int, _Goal]]:
    """(first grid step, goal) of every stretch with one goal, the first at step 0."""
    steps = [_Steps.of(segment) for segment in segments]
    edges = {0}
    for s in steps:
        edges.update((s.first, s.last + 1, *(k for k in s.focus if s.first < k <= s.last)))
        if s.still_last >= s.still_first:
            edges.update((s.still_first, s.still_last + 1))
    held = ZoomState()
    previous: _Goal | None = None
    for k in sorted(e for e in edges if 0 <= e <= last):
        active = next((s for s in steps if s.first <= k <= s.last), None)
        jump = any(s.still_first <= k <= s.still_last for s in steps)
        if active is not None:
            held = active.state(k)
            goal = _Goal(held, jump)
        else:
            goal = _Goal(ZoomState(1.0, held.x, held.y), jump)
        if goal != previous:
            yield k, goal
        previous = goal


def _after(t: Fraction) -> int:
    """The first grid step later than ``t``."""
    return math.floor(t * GRID) + 1
