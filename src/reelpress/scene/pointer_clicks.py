"""Mouse buttons over time: when something is pressed, how small the pointer is then, which click comes next."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reelpress.recording.model import PointerClick

LEFT = 0
"""Cap's ``cursor_num`` of the left button."""
PRESSED_SCALE = 0.8
FADE = 130.0
"""Milliseconds before a press and after a release in which the scale changes."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Times at which something is the case: ``[starts[i], ends[i]]``, sorted, apart from each other; milliseconds."""

    starts: tuple[float, ...] = ()
    ends: tuple[float, ...] = ()
    """The last one is infinite when it never ends."""

    def holds(self, ms: float) -> bool:
        """Whether ``start <= ms < end`` of any."""
        i = bisect_right(self.starts, ms) - 1
        return i >= 0 and ms < self.ends[i]

    def next_edge(self, ms: float) -> float:
        """The first start or end later than ``ms``; infinite when there is none."""
        i = bisect_right(self.starts, ms)
        start = self.starts[i] if i < len(self.starts) else math.inf
        end = self.ends[i - 1] if i > 0 and self.ends[i - 1] > ms else math.inf
        return min(start, end)

    def distance(self, ms: float) -> float:
        """Milliseconds to the nearest moment that is inside; 0 inside, infinite when there is none."""
        i = bisect_right(self.starts, ms)
        before = ms - self.ends[i - 1] if i > 0 else math.inf
        after = self.starts[i] - ms if i < len(self.starts) else math.inf
        return max(0.0, min(before, after))


@dataclass(frozen=True, slots=True)
class Buttons:
    """What the buttons did. Immutable."""

    any: Intervals = field(default_factory=Intervals)
    """Some button is down."""
    left: Intervals = field(default_factory=Intervals)
    """The left button is down."""
    presses: tuple[float, ...] = ()
    """Times at which a button goes down, sorted."""

    @classmethod
    def of(cls, clicks: Sequence[PointerClick]) -> Buttons:
        """Read clicks sorted by time. A button whose release is missing stays down until it is released again."""
        return cls(
            any=_held(clicks),
            left=_held(click for click in clicks if click.button == LEFT),
            presses=tuple(click.time_ms for click in clicks if click.down),
        )

    def next_press(self, ms: float) -> float:
        """The first press at ``ms`` or later; infinite when there is none."""
        i = bisect_left(self.presses, ms)
        return self.presses[i] if i < len(self.presses) else math.inf

    def scale(self, ms: float) -> float:
        """Size of the pointer: 0.8 while a button is down, with a smoothstep of 130 ms on each side."""
        away = self.any.distance(ms)
        if away >= FADE:
            return 1.0
        return PRESSED_SCALE + (1.0 - PRESSED_SCALE) * smoothstep(away / FADE)


def smoothstep(t: float) -> float:
    """``t^2 (3 - 2t)``, with ``t`` clamped to 0..1."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _held(clicks: Iterable[PointerClick]) -> Intervals:
    down: set[int] = set()
    starts: list[float] = []
    ends: list[float] = []
    for click in clicks:
        if click.down:
            if not down:
                starts.append(click.time_ms)
            down.add(click.button)
        elif click.button in down:
            down.remove(click.button)
            if not down:
                ends.append(click.time_ms)
    if len(ends) < len(starts):
        ends.append(math.inf)
    return Intervals(tuple(starts), tuple(ends))
