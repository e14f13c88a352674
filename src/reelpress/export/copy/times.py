"""When an export that copies packets shows which picture: evenly, or at the recording's own times."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from reelpress.export.copy.job import CopyRefused
from reelpress.timeline.source import FrameMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.export.settings import ExportSettings
    from reelpress.recording.model import Recording, VideoTrack
    from reelpress.scene.director import Director
    from reelpress.timeline.timeline import Span

TOO_SHORT = Fraction(1, 1000)
"""Seconds: a picture that would be seen for less than that before a cut is left out."""


def shown_times(
    settings: ExportSettings, recording: Recording, director: Director, shown: Sequence[tuple[Span, int, int]]
) -> tuple[list[tuple[VideoTrack, int, int]], list[int], bool, int]:
    """``(track, first and last picture)`` of each span, when the output shows them, whether evenly, and the clock."""
    fps = director.fps
    ranges: list[tuple[VideoTrack, int, int]] = []
    even = True
    for span, begin, end in shown:
        track = recording.segments[span.clip.segment].display
        ordinals = FrameMap(track, span.source_at(Fraction(0)), span.speed / fps).ordinals(begin, end - begin)
        even = even and ordinals == list(range(ordinals[0], ordinals[0] + len(ordinals)))
        ranges.append((track, ordinals[0], ordinals[-1]))
    if even:
        scale = fps.numerator
        while scale < 10_000:
            scale *= 2
        tick = int(scale / fps)  # a whole number: scale is the rate's numerator times a power of two
        return ranges, [k * tick for k in range(director.frames)], True, scale
    if settings.fps is not None:
        raise CopyRefused(
            f"--fps {settings.fps} asks for a constant rate, which is not the recording's; leave it out to copy"
        )
    base = ranges[0][0].index.time_base
    scale = base.denominator if base.numerator == 1 and 10_000 <= base.denominator <= 1_000_000 else 90_000
    zero = Fraction(director.range.first) / fps
    ranges, times = [], []
    for k, (span, begin, _) in enumerate(shown):
        track = recording.segments[span.clip.segment].display
        index = track.index
        opens = max(span.out_start, zero)
        closes = shown[k + 1][0].out_start if k + 1 < len(shown) else zero + director.duration
        first = FrameMap(track, span.source_at(Fraction(0)), span.speed / fps).ordinal(begin)
        position = span.source_at(closes) + track.offset - TOO_SHORT
        last = int(np.searchsorted(index.pts, index.start + math.ceil(position / index.time_base))) - 1
        last = max(first, last)
        # when tick 0 of the track's clock is shown
        shift = opens - zero - span.source_at(opens) - track.offset - index.start * index.time_base
        own = _scaled(index.pts[first : last + 1].tolist(), index.time_base * scale, shift * scale)
        own[0] = round((opens - zero) * scale)
        times += own
        ranges.append((track, first, last))
    return ranges, times, False, scale


def _scaled(ticks: Sequence[int], factor: Fraction, shift: Fraction) -> list[int]:
    """``ticks * factor + shift``, each rounded to the nearest, in whole numbers throughout."""
    common = math.lcm(factor.denominator, shift.denominator)
    a, b = int(factor * common), int(shift * common)
    return [(2 * (a * tick + b) + common) // (2 * common) for tick in ticks]
