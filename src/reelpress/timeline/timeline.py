"""WHEN: output time -> recording segment and source time, exactly (cap-format 3.12).

A timeline is a row of clips; each plays ``[start, end)`` of a recording segment at some speed. Clips can overlap
(transitions) and the recording can stand still for a while (holds, under full-screen titles). All of that is
reduced to ``Span``s, which tile the output without gap or overlap and on each of which source time is affine:
``t_src = source_start + (t_out - out_start) * speed``.

In a transition both clips run; ``spans`` meet in the middle of the overlap and ``fades`` tell about both sides. A hold
shows the picture at which the recording stands still, without sound.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.clock import frame_count

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_TRANSITION = Fraction(1, 20)
"""Seconds (cap-format 3.12)."""
BEFORE_END = Fraction(1, 1000)
"""Seconds before the end of the last clip at which a hold after it stands: what comes next was cut away."""

SOUND_SPEEDS = (Fraction(1, 4), Fraction(8))
"""Slowest and fastest speed at which sound can be kept (cap-format 4)."""


class SpeedAudio(StrEnum):
    """What happens to the sound of a clip whose speed is not 1."""

    MUTE = "mute"
    MAINTAIN_PITCH = "maintainPitch"
    MATCH_SPEED = "matchSpeed"


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of a recording segment, as the project lists it."""

    index: int
    """Position in the project's list."""
    segment: int
    """Position in ``Recording.segments`` (which leaves out segments that were lost)."""
    start: Fraction
    """Source seconds."""
    end: Fraction
    """Source seconds, exclusive."""
    speed: Fraction = Fraction(1)
    audio: SpeedAudio = SpeedAudio.MUTE

    @property
    def length(self) -> Fraction:
        """Output seconds: ``(end - start) / speed``."""
        return (self.end - self.start) / self.speed


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of output time on which one clip is seen and source time is affine."""

    out_start: Fraction
    """Output seconds; the span owns this moment."""
    out_end: Fraction
    """Output seconds, exclusive."""
    clip: Clip
    source_start: Fraction
    """t_src at ``out_start``."""
    speed: Fraction
    """Source seconds an output second; 0 in a hold."""

    @property
    def held(self) -> bool:
        """The recording stands still."""
        return self.speed == 0

    def source_at(self, t_out: Fraction) -> Fraction:
        """t_src in seconds at an output time."""
        return self.source_start + (t_out - self.out_start) * self.speed


@dataclass(frozen=True, slots=True)
class Hold:
    """Output time during which the recording stands still."""

    start: Fraction
    end: Fraction


@dataclass(frozen=True, slots=True)
class Fade:
    """Output time in which two clips are seen or heard at once, around the boundary of their spans."""

    out_start: Fraction
    out_end: Fraction
    """Exclusive."""
    entering: int
    """``Clip.index`` of the clip that comes in."""
    before: Span
    """The clip that goes, on the whole fade."""
    after: Span
    """The clip that comes, on the whole fade."""

    def progress(self, t_out: Fraction) -> float:
        """0 at the start, 1 at the end."""
        return float((t_out - self.out_start) / (self.out_end - self.out_start))


@dataclass(frozen=True)
class Timeline:
    """Immutable; any thread may use it."""

    clips: tuple[Clip, ...]
    spans: tuple[Span, ...]
    """In output order, without gap or overlap, each with a positive length."""
    holds: tuple[Hold, ...] = ()
    fades: tuple[Fade, ...] = ()
    """Transitions, in output order; they do not overlap each other. ``spans`` meet in the middle of each."""
    slack: Fraction = Fraction(0)
    """Seconds by which ``total`` may be too long because a file rounds its time stamps; 0 for a project's times."""
    warnings: tuple[str, ...] = ()

    @property
    def total(self) -> Fraction:
        """Seconds of output: lengths of the clips - transitions + holds."""
        return self.spans[-1].out_end if self.spans else Fraction(0)

    def frame_count(self, fps: Fraction) -> int:
        """``ceil(fps * total)`` (cap-format 3.12); at least 1 when there is anything to show."""
        return max(frame_count(self.total - self.slack, fps), min(1, len(self.spans)))

    def span_index(self, t_out: Fraction) -> int:
        """Index in ``spans`` of the owner of ``t_out``: at a boundary the later one; times outside are clamped."""
        return max(0, bisect_right(self.spans, t_out, key=_out_start) - 1)

    def source_at(self, t_out: Fraction) -> tuple[Clip, Fraction]:
        """The clip on screen at ``t_out`` and its source time in seconds."""
        span = self.spans[self.span_index(t_out)]
        return span.clip, span.source_at(t_out)

    @classmethod
    def assemble(
        cls,
        clips: Sequence[Clip],
        *,
        transitions: dict[int, Fraction] | None = None,
        holds: Sequence[Hold] = (),
        slack: Fraction = Fraction(0),
        warnings: Sequence[str] = (),
    ) -> Timeline:
        """Lay out clips one after the other.

        Args:
            clips: In output order, each with a positive length.
            transitions: Wanted duration in seconds by the position of the clip being entered.
            holds: Output times, in any order; touching ones are merged.
            slack: See the field of this name.
            warnings: To be passed on.
        """
        said = list(warnings)
        overlaps = clamp_transitions(clips, transitions or {})
        spans: list[Span] = []
        boundaries: list[tuple[Fraction, Fraction]] = []
        begin = Fraction(0)
        for i, clip in enumerate(clips):
            begin -= overlaps[i]
            after = overlaps[i + 1] if i + 1 < len(clips) else Fraction(0)
            shown_from, shown_to = begin + overlaps[i] / 2, begin + clip.length - after / 2
            source = clip.start + (shown_from - begin) * clip.speed
            spans.append(Span(shown_from, shown_to, clip, source, clip.speed))
            if overlaps[i]:
                boundaries.append((shown_from, overlaps[i]))
            begin += clip.length
        merged = merge_holds(holds)
        kept: list[Hold] = []
        for hold in merged:
            total = spans[-1].out_end if spans else Fraction(0)
            if hold.start > total:
                said.append(
                    f"A full-screen title at {float(hold.start):g} s begins after the end of the timeline "
                    f"({float(total):g} s); it is left out."
                )
                continue
            spans = _insert_hold(spans, hold)
            kept.append(hold)
        fades = _fades(spans, boundaries, kept)
        return cls(tuple(clips), tuple(spans), tuple(kept), fades, slack, tuple(said))


def _out_start(span: Span) -> Fraction:
    return span.out_start


def clamp_transitions(clips: Sequence[Clip], wanted: dict[int, Fraction]) -> list[Fraction]:
    """Overlap in seconds before each clip: wanted, but 0.05 s to half of the shorter neighbour, else none."""
    overlaps = [Fraction(0)] * len(clips)
    for i, duration in wanted.items():
        if not 0 < i < len(clips):
            continue
        most = min(clips[i - 1].length, clips[i].length) / 2
        if most >= MIN_TRANSITION:
            overlaps[i] = min(max(duration, MIN_TRANSITION), most)
    return overlaps


def merge_holds(holds: Sequence[Hold]) -> list[Hold]:
    """Sorted; overlapping and touching windows become one; empty ones are dropped."""
    merged: list[Hold] = []
    for hold in sorted(holds, key=lambda h: (h.start, h.end)):
        start = max(hold.start, Fraction(0))
        if hold.end <= start:
            continue
        if merged and start <= merged[-1].end:
            merged[-1] = Hold(merged[-1].start, max(merged[-1].end, hold.end))
        else:
            merged.append(Hold(start, hold.end))
    return merged


def _insert_hold(spans: list[Span], hold: Hold) -> list[Span]:
    """Stop the recording at ``hold.start`` and move what follows back by the hold's length."""
    length = hold.end - hold.start
    result: list[Span] = []
    frozen = False
    for span in spans:
        if span.out_end <= hold.start:
            result.append(span)
            continue
        if span.out_start < hold.start:
            result.append(Span(span.out_start, hold.start, span.clip, span.source_start, span.speed))
        if not frozen:
            at = max(hold.start, span.out_start)
            result.append(Span(hold.start, hold.end, span.clip, span.source_at(at), Fraction(0)))
            frozen = True
        rest = max(span.out_start, hold.start)
        result.append(Span(rest + length, span.out_end + length, span.clip, span.source_at(rest), span.speed))
    if not frozen and spans:  # right after the end: the last picture that was seen
        last = spans[-1]
        end = last.source_at(last.out_end)
        source = max(last.source_start, end - BEFORE_END) if not last.held else last.source_start
        result.append(Span(hold.start, hold.end, last.clip, source, Fraction(0)))
    return result


def _fades(
    spans: Sequence[Span], boundaries: Sequence[tuple[Fraction, Fraction]], holds: Sequence[Hold]
) -> tuple[Fade, ...]:
    """The overlaps around ``boundaries`` (time before holds, duration), moved back by the holds before them.

    A hold inside of an overlap splits the clips' time there; such a transition stays a hard cut.
    """
    fades: list[Fade] = []
    for time, duration in boundaries:
        at = time
        for hold in holds:
            if hold.start <= at:
                at += hold.end - hold.start
        start, end = at - duration / 2, at + duration / 2
        after = next((k for k, span in enumerate(spans) if span.out_start == at and not span.held), None)
        if not after or any(hold.start < end and start < hold.end for hold in holds):
            continue
        old, new = spans[after - 1], spans[after]
        if old.held:
            continue
        fades.append(
            Fade(
                start,
                end,
                new.clip.index,
                Span(start, end, old.clip, old.source_at(start), old.speed),
                Span(start, end, new.clip, new.source_at(start), new.speed),
            )
        )
    return tuple(fades)


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Which frames of the whole output are made: ``first .. first + count - 1``."""

    first: int
    count: int


def select_range(
    timeline: Timeline, fps: Fraction, start: Fraction | None, end: Fraction | None
) -> tuple[FrameRange, str | None]:
    """Frames for ``--start`` and ``--end`` (output seconds), and a warning if ``end`` had to be clamped.

    The range begins with the frame on screen at ``start`` and lasts ``end - start``; its frames are those of the
    whole output.

    Raises:
        ValueError: The range is empty or begins after the end; the message is a sentence.
    """
    whole = timeline.frame_count(fps)
    total = Fraction(whole) / fps
    begin = Fraction(0) if start is None else start
    stop = total if end is None else end
    if begin < 0:
        raise ValueError(f"The start {float(begin):g} s is negative; it must be 0 or later.")
    if begin >= total:
        raise ValueError(
            f"The start {float(begin):g} s is not before the end of the output, which lasts {float(total):g} s."
        )
    if stop <= begin:
        raise ValueError(f"The end {float(stop):g} s is not after the start {float(begin):g} s.")
    warning = None
    if stop > total:
        if stop > total + 1 / fps:
            warning = f"The end {float(stop):g} s is beyond the output, which lasts {float(total):g} s; that is used."
        stop = total
    first = math.floor(begin * fps)
    return FrameRange(first, min(frame_count(stop - begin, fps), whole - first)), warning
