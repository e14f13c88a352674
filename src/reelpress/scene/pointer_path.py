"""Where the pointer is at any moment: the smoothed path and everything that depends on the events alone.

Two springs (x, y) chase the recorded path on a grid of 60 Hz that begins at the first move, in recording time, and
are interpolated linearly, so that any moment can be asked for by itself (cap-format 3.6). As in ``scene.zoom`` only
stretches in motion are simulated and stored.

Within a step the target moves evenly from its place at the step's start to that at its end, and the spring's motion
is solved exactly for that. A spring whose target moves with speed s settles ``s * friction / tension`` behind it; it
is shown the path that much ahead, so an even movement is followed without any lag.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from reelpress.scene.pointer_clean import Trail, thinned, without_shakes
from reelpress.scene.pointer_clicks import Buttons, smoothstep
from reelpress.scene.springs import MAX_FREQUENCY, MAX_RATIO, MIN_FREQUENCY, Spring, at_rest

if TYPE_CHECKING:
    from reelpress.project.cursor import Cursor, PointerSpring
    from reelpress.recording.model import PointerEvents, PointerMove
    from reelpress.scene.springs import StepMatrix

RATE = 0.06
"""Grid steps a millisecond: 60 Hz."""
STEP = 1 / 60
"""Seconds of one grid step."""
CLICK_SPRING_AHEAD = 175.0
"""Milliseconds before a press from which on the click spring acts."""
CLICK_AHEAD = 500.0
"""Milliseconds before a press from which on the target is where it will happen."""
DRAG = Spring(1000.0, 40.0, 1.0)
"""While the left button is down."""
LEAD_FACTOR = 0.12
"""Part of its way that the lead goes in one step."""
MAX_LEAD = 1.0
"""Seconds. No more than this is looked ahead, however slack the spring: Cap's presets need at most 0.35."""
SETTLE = 300.0
"""Milliseconds that the path goes on after the last move."""
CALM = 3600
"""Steps after which a spring whose target stands still is taken to rest. Only those without friction need it."""
SWAY = 400.0
"""Milliseconds over which the movement that tilts the pointer is measured."""
TILT_PER_PIXEL = 0.03
MAX_TILT = math.radians(20)
IDLE_MIN = Fraction(1, 2)
"""Seconds; a shorter ``hideWhenIdleDelay`` counts as this."""
IDLE_FADE = 400.0
IDLE_RETURN = 250.0
"""Milliseconds of fading out when idle, and of fading in before the next move."""


class PointerState(NamedTuple):
    """The pointer at one moment."""

    x: float
    """Fraction of the captured area; may lie outside 0..1."""
    y: float
    image_id: str
    scale: float
    """1, or down to 0.8 about a click."""
    opacity: float
    """0..1; less than 1 only with ``hideWhenIdle``."""
    angle: float
    """Tilt about the hotspot, radians clockwise."""


class PointerPath:
    """The pointer of one recording segment over time. Immutable once built; any thread may ask.

    Times ``ms`` are pointer event times (``RecordingSegment.event_ms``).
    """

    def __init__(
        self,
        events: PointerEvents,
        cursor: Cursor,
        latest: Fraction | None = None,
        *,
        length: Fraction | None = None,
        width: int = 1920,
    ) -> None:
        """Clean the moves and simulate.

        Args:
            events: At least one move; after ``recording.pointer.stabilise``.
            cursor: The project's ``cursor``.
            latest: ``RecordingSegment.latest``; only ``at`` needs it.
            length: Seconds of the segment, the end that ``stopMovementInLastSeconds`` counts from; the last move
                when not given.
            width: Output pixels across; the tilt grows with them (cap-format 3.6: ``resX``).

        Raises:
            ValueError: There are no moves.
        """
        if not events.moves:
            raise ValueError("A pointer path needs at least one move.")
        self._latest = latest or Fraction(0)
        moves = events.moves
        presses = Buttons.of(events.clicks)
        self._buttons = presses
        if cursor.stop_movement_in_last_seconds:
            end = moves[-1].time_ms if length is None else float((length + self._latest) * 1000)
            stop = end - float(cursor.stop_movement_in_last_seconds) * 1000
            moves = moves[: max(1, bisect_right(moves, stop, key=_time))]
            presses = Buttons(presses.any, presses.left, tuple(t for t in presses.presses if t <= stop))
        self._times = [move.time_ms for move in moves]
        self._moves = moves
        self._samples: _Samples | None = None
        if not cursor.raw:
            self._samples = _simulate(Trail(thinned(without_shakes(moves))), presses, cursor)
        self._tilt = math.radians(width * TILT_PER_PIXEL * cursor.rotation_amount)
        self._base = cursor.base_rotation
        self._idle: _Idle | None = None
        if cursor.hide_when_idle:
            self._idle = _Idle(_motions(moves), float(max(cursor.hide_when_idle_delay, IDLE_MIN)) * 1000)

    def at(self, t_src: Fraction) -> PointerState:
        """The pointer at a time inside the segment, in seconds."""
        return self.at_ms(float((t_src + self._latest) * 1000))

    def at_ms(self, ms: float) -> PointerState:
        """The pointer at an event time in milliseconds."""
        move = self._moves[max(bisect_right(self._times, ms) - 1, 0)]
        x, y = self.place(ms)
        angle = self._base
        if self._tilt != 0.0:
            sway = (x - self.place(ms - SWAY)[0]) * self._tilt
            angle += min(max(sway, -MAX_TILT), MAX_TILT)
        opacity = 1.0 if self._idle is None else self._idle.opacity(ms)
        return PointerState(x, y, move.cursor_id, self._buttons.scale(ms), opacity, angle)

    def place(self, ms: float) -> tuple[float, float]:
        """Only the position, for the way made since an earlier moment."""
        if self._samples is None:
            move = self._moves[max(bisect_right(self._times, ms) - 1, 0)]
            return move.x, move.y
        return self._samples.at(ms)

    def image_ids(self) -> frozenset[str]:
        """All images that are ever shown."""
        return frozenset(move.cursor_id for move in self._moves)

    @property
    def simulated(self) -> int:
        """Grid steps that had to be stored; for tests and figures."""
        return 0 if self._samples is None else len(self._samples.xs)


def _time(move: PointerMove) -> float:
    return move.time_ms


# --- hiding -----------------------------------------------------------------------------------------------------------


def _motions(moves: tuple[PointerMove, ...]) -> list[float]:
    """Times at which the pointer was somewhere else than before; the first move counts."""
    return [moves[0].time_ms, *(b.time_ms for a, b in pairwise(moves) if a.x != b.x or a.y != b.y)]


@dataclass(frozen=True, slots=True)
class _Idle:
    motions: list[float]
    delay: float

    def opacity(self, ms: float) -> float:
        """1, fading to 0 when nothing has moved for the delay, back to 1 just before the next movement."""
        i = bisect_right(self.motions, ms)
        last = self.motions[max(i - 1, 0)]
        opacity = 1.0 - smoothstep((ms - last - self.delay) / IDLE_FADE)
        if i < len(self.motions):
            opacity = max(opacity, 1.0 - smoothstep((self.motions[i] - ms) / IDLE_RETURN))
        return opacity


# --- springs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Profile:
    step: StepMatrix
    lag: float
    """Seconds that it falls behind an evenly moving target."""
    lead: float
    """Seconds that it is shown the path ahead."""

    @classmethod
    def of(cls, spring: Spring) -> _Profile:
        # friction / tension, with the limits that ``Spring.step`` keeps to
        frequency = min(max(spring.frequency, MIN_FREQUENCY), MAX_FREQUENCY)
        lag = 2 * min(spring.ratio, MAX_RATIO) / frequency
        return cls(spring.step(STEP), lag, min(lag, MAX_LEAD))


def _spring(spring: PointerSpring) -> Spring:
    return Spring(spring.tension, spring.friction, spring.mass)


class _Samples:
    """Positions on the grid. A piece goes on with its last position until the next piece begins."""

    __slots__ = ("_firsts", "_offsets", "_start", "xs", "ys")

    def __init__(self, start: float) -> None:
        self._start = start
        self._firsts: list[int] = []  # grid step of each piece
        self._offsets: list[int] = []  # where it begins in xs and ys
        self.xs = array("d")
        self.ys = array("d")

    def begin(self, step: int) -> None:
        self._firsts.append(step)
        self._offsets.append(len(self.xs))

    def at(self, ms: float) -> tuple[float, float]:
        u = (ms - self._start) * RATE
        if u <= 0:
            return self.xs[0], self.ys[0]
        k = int(u)
        i = bisect_right(self._firsts, k) - 1
        stop = self._offsets[i + 1] if i + 1 < len(self._offsets) else len(self.xs)
        a = self._offsets[i] + k - self._firsts[i]
        if a + 1 < stop:
            b = a + 1
        else:
            a = stop - 1  # held
            # the next piece may begin at the very next step
            b = stop if i + 1 < len(self._firsts) and self._firsts[i + 1] == k + 1 else a
        x, y = self.xs[a], self.ys[a]
        if a == b:
            return x, y
        u -= k
        return x + (self.xs[b] - x) * u, y + (self.ys[b] - y) * u


def _simulate(trail: Trail, buttons: Buttons, cursor: Cursor) -> _Samples:
    start, end = trail.times[0], trail.times[-1] + SETTLE
    samples = _Samples(start)
    usual, click, drag = (
        _Profile.of(spring) for spring in (_spring(cursor.spring), _spring(cursor.click_spring_or_default), DRAG)
    )
    furthest = max(usual.lead, click.lead, drag.lead) * 1000
    last = math.ceil((end - start) * RATE)

    def profile_at(ms: float, press: float) -> _Profile:
        if press - ms <= CLICK_SPRING_AHEAD:
            return click
        return drag if buttons.left.holds(ms) else usual

    def target_at(ms: float, press: float, lead: float) -> tuple[float, float]:
        return trail.at(press if press - ms <= CLICK_AHEAD else ms + lead * 1000)

    k, now = 0, start
    press = buttons.next_press(now)
    profile = profile_at(now, press)
    lead = profile.lead
    tx, ty = target_at(now, press, lead)
    x, y = trail.xs[0], trail.ys[0]
    vx = vy = 0.0
    calm = 0
    samples.begin(0)
    xs, ys = samples.xs, samples.ys
    xs.append(x)
    ys.append(y)
    while k < last:
        (dd, dv, vd, vv), lag = profile.step, profile.lag
        k += 1
        now = start + k / RATE
        lead += (profile.lead - lead) * LEAD_FACTOR
        press = buttons.next_press(now)
        nx, ny = target_at(now, press, lead)
        calm = calm + 1 if nx == tx and ny == ty else 0
        # Against a target moving with speed s, ``x - target + lag * s`` is a free oscillation.
        sx, sy = (nx - tx) / STEP, (ny - ty) / STEP
        dx, dy, wx, wy = x - tx + lag * sx, y - ty + lag * sy, vx - sx, vy - sy
        x, y = nx - lag * sx + dd * dx + dv * wx, ny - lag * sy + dd * dy + dv * wy
        vx, vy = sx + vd * dx + vv * wx, sy + vd * dy + vv * wy
        tx, ty = nx, ny
        profile = profile_at(now, press)
        resting = calm > 0 and ((at_rest(x - tx, vx) and at_rest(y - ty, vy)) or calm > CALM)
        if resting:
            x, y, vx, vy = tx, ty, 0.0, 0.0
        xs.append(x)
        ys.append(y)
        if resting:
            until = min(
                trail.still_until(now + lead * 1000) - furthest, press - CLICK_AHEAD, buttons.left.next_edge(now), end
            )
            skip = math.floor((until - start) * RATE) - 1 - k
            if skip > 1:
                k += skip
                now = start + k / RATE
                lead = profile.lead + (lead - profile.lead) * (1 - LEAD_FACTOR) ** skip
                samples.begin(k)
                xs.append(x)
                ys.append(y)
    return samples
