"""Which frame of a track is on screen at a source time: exact, in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.clock import FINE_TICK, shown_tick

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.media.index import FrameIndex
    from reelpress.recording.model import VideoTrack


def source_ordinal(index: FrameIndex, position: Fraction) -> int:
    """Ordinal of the frame on screen at ``position``, in seconds from the first shown frame of the file.

    Times before the first frame give the first, times after the last give the last (see ``clock.shown_tick``).
    """
    return index.ordinal_at(index.start + shown_tick(position, index.time_base))


class FrameMap:
    """``source_ordinal`` for output frames of one clip, without building a Fraction for each frame.

    The source time of output frame n is an affine function of n, so its tick is ``(a n + b) / d`` rounded, in whole
    numbers. Frozen after construction; any thread may use it.
    """

    __slots__ = ("_ceil", "_d", "_index", "_intercept", "_slope", "_start")

    def __init__(self, track: VideoTrack, first: Fraction, step: Fraction) -> None:
        """Map with ``t_src = first + step * n`` (seconds)."""
        index = track.index
        slope, intercept = step / index.time_base, (first + track.offset) / index.time_base
        self._d = slope.denominator * intercept.denominator
        self._slope = slope.numerator * intercept.denominator
        self._intercept = intercept.numerator * slope.denominator
        self._ceil = index.time_base <= FINE_TICK
        self._index = index
        self._start = index.start

    def ordinal(self, n: int) -> int:
        """Ordinal of the source frame of output frame ``n``."""
        ticks = self._slope * n + self._intercept
        ticks = -(-ticks // self._d) if self._ceil else ticks // self._d
        return self._index.ordinal_at(self._start + ticks)

    def ordinals(self, first: int, count: int) -> list[int]:
        """``ordinal(n)`` of ``count`` output frames from ``first`` on, in one go."""
        a, b, d, start = self._slope, self._intercept, self._d, self._start
        if self._ceil:
            ticks = [start - (-(a * n + b) // d) for n in range(first, first + count)]
        else:
            ticks = [start + (a * n + b) // d for n in range(first, first + count)]
        return self._index.ordinals_at(ticks)
