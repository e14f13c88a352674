"""The captions of a project in output time; those in the recording's time (``captions.sourceTimed``) are brought to it.

Times of such captions count through all recording segments, one after the other. A caption is shown wherever the
timeline plays it: cut, at another speed, more than once or not at all. Nothing is spoken while a title holds the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.timeline.build import full_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reelpress.project.captions import CaptionSegment
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording
    from reelpress.timeline.timeline import Timeline


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch in which a caption is played at one speed."""

    first: Fraction
    """Source seconds, as ``last``."""
    last: Fraction
    begin: Fraction
    """Output seconds."""
    speed: Fraction

    @property
    def end(self) -> Fraction:
        return self.begin + (self.last - self.first) / self.speed

    def out(self, time: Fraction) -> Fraction:
        return self.begin + (min(max(time, self.first), self.last) - self.first) / self.speed


def shown_captions(project: Project, recording: Recording, timeline: Timeline) -> tuple[CaptionSegment, ...]:
    """The timeline's own captions, else those of ``captions``, in output time."""
    config, captions = project.timeline, project.captions
    if config is not None and config.caption_segments:
        return config.caption_segments
    if captions is None or not captions.source_timed:
        return () if captions is None else captions.segments
    lengths = [full_length(recording, segment) for segment in recording.segments]
    return in_output_time(captions.segments, timeline, lengths)


def in_output_time(
    segments: Sequence[CaptionSegment], timeline: Timeline, lengths: Sequence[Fraction]
) -> tuple[CaptionSegment, ...]:
    """Each caption once for every time that it is played; its words with it.

    Args:
        lengths: Seconds of each recording segment.
    """
    return tuple(
        _moved(segment, piece)
        for segment in segments
        for piece in _pieces(segment.start, segment.end, timeline, lengths)
    )


def _pieces(
    start: Fraction, end: Fraction, timeline: Timeline, lengths: Sequence[Fraction]
) -> Iterator[tuple[_Part, ...]]:
    """Parts that touch in the output belong to one showing."""
    parts: list[_Part] = []
    for span in timeline.spans:
        if span.held:
            continue
        before = sum(lengths[: span.clip.segment], Fraction(0))
        opening, closing = before + span.source_start, before + span.source_at(span.out_end)
        first, last = max(start, opening), min(end, closing)
        if last <= first:
            continue
        part = _Part(first, last, span.out_start + (first - opening) / span.speed, span.speed)
        if parts and parts[-1].end != part.begin:
            yield tuple(parts)
            parts = []
        parts.append(part)
    if parts:
        yield tuple(parts)


def _moved(segment: CaptionSegment, parts: tuple[_Part, ...]) -> CaptionSegment:
    def out(time: Fraction) -> Fraction:
        return next((part.out(time) for part in reversed(parts) if part.first <= time), parts[0].begin)

    words = tuple(word.model_copy(update={"start": out(word.start), "end": out(word.end)}) for word in segment.words)
    return segment.model_copy(update={"start": parts[0].begin, "end": parts[-1].end, "words": words})
