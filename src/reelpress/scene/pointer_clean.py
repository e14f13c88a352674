"""Pointer moves made fit for smoothing, and the path through them (cap-format 3.6, steps 1, 2 and 5).

Distances are in fractions of the captured area (UV), times in milliseconds since the segment's epoch.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.recording.model import PointerMove

SHAKE_LEG = 0.015
"""Both legs of a shake are shorter than this (UV)."""
SHAKE_TIME = 100.0
"""Milliseconds within which a shake happens."""
MIN_TIME = 16.0
MIN_DISTANCE = 1 / 1920
"""Spacing of moves that are kept: milliseconds and UV."""
GAP = 66.7
"""Milliseconds between two moves above which the pointer stood still in between (moves are only recorded while it
moves, about every 16 ms)."""
FAR = 64.0
"""Positions beyond this many captured areas are taken to lie there; keeps sums within floats."""


def without_shakes(moves: Sequence[PointerMove]) -> list[PointerMove]:
    """Moves without the tips of small to-and-fro movements: both legs under 0.015, inside 100 ms, one image."""
    if len(moves) < 3:
        return list(moves)
    kept = [moves[0]]
    a = moves[0]
    for i in range(1, len(moves) - 1):
        b, c = moves[i], moves[i + 1]
        if c.time_ms - a.time_ms <= SHAKE_TIME and a.cursor_id == b.cursor_id == c.cursor_id:
            ux, uy, vx, vy = b.x - a.x, b.y - a.y, c.x - b.x, c.y - b.y
            reversal = ux * vx + uy * vy < 0
            if reversal and math.hypot(ux, uy) < SHAKE_LEG and math.hypot(vx, vy) < SHAKE_LEG:
                continue
        kept.append(b)
        a = b
    kept.append(moves[-1])
    return kept


def thinned(moves: Sequence[PointerMove]) -> list[PointerMove]:
    """Moves at least 16 ms and 1/1920 apart from the one kept before.

    The last one is kept in any case, and so is the last one before a pause: the pointer rests there, and would
    otherwise rest next to it.
    """
    if len(moves) < 3:
        return list(moves)
    kept = [moves[0]]
    last = moves[0]
    for i in range(1, len(moves) - 1):
        move = moves[i]
        if moves[i + 1].time_ms - move.time_ms <= GAP:
            if move.time_ms - last.time_ms < MIN_TIME:
                continue
            if math.hypot(move.x - last.x, move.y - last.y) < MIN_DISTANCE:
                continue
        elif move.x == last.x and move.y == last.y:
            continue
        kept.append(move)
        last = move
    kept.append(moves[-1])
    return kept


class Trail:
    """The recorded path: straight between moves, standing still in gaps. Immutable."""

    def __init__(self, moves: Sequence[PointerMove]) -> None:
        """Take over at least one move, sorted by time."""
        self.times = [move.time_ms for move in moves]
        self.xs = [min(max(move.x, -FAR), FAR) for move in moves]
        self.ys = [min(max(move.y, -FAR), FAR) for move in moves]
        # _moves_from[i]: from when on the path leaves position i, looking from any time in [times[i], times[i + 1]).
        self._moves_from = [math.inf] * len(self.times)
        for i in range(len(self.times) - 2, -1, -1):
            if self.xs[i] == self.xs[i + 1] and self.ys[i] == self.ys[i + 1]:
                self._moves_from[i] = self._moves_from[i + 1]
            else:
                gap = self.times[i + 1] - self.times[i] > GAP
                self._moves_from[i] = self.times[i + 1] if gap else self.times[i]

    def at(self, ms: float) -> tuple[float, float]:
        """Position at a time; the first one before it, the last one after it."""
        times = self.times
        i = bisect_right(times, ms) - 1
        if i < 0:
            return self.xs[0], self.ys[0]
        x, y = self.xs[i], self.ys[i]
        if i + 1 == len(times):
            return x, y
        span = times[i + 1] - times[i]
        if span > GAP:
            return x, y
        u = (ms - times[i]) / span
        return x + (self.xs[i + 1] - x) * u, y + (self.ys[i + 1] - y) * u

    def still_until(self, ms: float) -> float:
        """The path does not move from ``ms`` to here; ``ms`` or earlier when it is on the move."""
        i = bisect_right(self.times, ms) - 1
        if i < 0:
            return self.times[0] if len(self.times) > 1 else math.inf
        return self._moves_from[i]
