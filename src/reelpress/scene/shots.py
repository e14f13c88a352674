"""Shots: which pictures of the recording every output frame shows, and the transitions from one shot to the next.

A shot is one span of the timeline on the grid of output frames. Frame numbers are those of the whole output.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.project.timeline import TransitionType
from reelpress.timeline.source import FrameMap

if TYPE_CHECKING:
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, VideoTrack
    from reelpress.timeline.timeline import Fade, FrameRange, Span, Timeline


@dataclass(frozen=True, slots=True)
class Shot:
    """What is fixed for one span of the timeline."""

    first: int
    segment: int
    frames: FrameMap
    camera: FrameMap | None
    event_slope: int
    event_offset: int
    event_scale: int

    @classmethod
    def of(cls, span: Span, recording: Recording, project: Project, fps: Fraction) -> Shot:
        """The shot of a span at ``fps`` output frames a second."""
        segment = recording.segments[span.clip.segment]
        step = span.speed / fps
        zero = span.source_at(Fraction(0))
        slope, offset = step * 1000, segment.event_ms(zero)
        camera = segment.camera if not project.camera.hide else None
        return cls(
            first=-(-span.out_start * fps // 1),
            segment=span.clip.segment,
            frames=FrameMap(segment.display, zero, step),
            camera=None if camera is None else FrameMap(camera, zero, step),
            event_slope=slope.numerator * offset.denominator,
            event_offset=offset.numerator * slope.denominator,
            event_scale=slope.denominator * offset.denominator,
        )

    def event_ms(self, n: int) -> float:
        """Pointer time at output frame ``n``, in milliseconds."""
        return (self.event_slope * n + self.event_offset) / self.event_scale


@dataclass(frozen=True, slots=True)
class Transition:
    """A fade and its two sides."""

    first: int
    last: int
    """Inclusive."""
    fade: Fade
    before: Shot
    after: Shot
    through_black: bool


class Shots:
    """All shots and transitions of an export, in order. Immutable."""

    def __init__(self, timeline: Timeline, recording: Recording, project: Project, fps: Fraction) -> None:
        """
        Args:
            fps: Output frames a second.
        """
        self._recording = recording
        self._shots = tuple(Shot.of(span, recording, project, fps) for span in timeline.spans)
        self._firsts = [shot.first for shot in self._shots]
        kinds = {t.segment_index: t.type for t in project.timeline.transitions} if project.timeline is not None else {}
        self._transitions = tuple(
            Transition(
                first=-(-fade.out_start * fps // 1),
                last=-(-fade.out_end * fps // 1) - 1,
                fade=fade,
                before=Shot.of(fade.before, recording, project, fps),
                after=Shot.of(fade.after, recording, project, fps),
                through_black=kinds.get(fade.entering) is TransitionType.FADE_THROUGH_BLACK,
            )
            for fade in timeline.fades
        )

    def at(self, n: int) -> Shot:
        """The shot of output frame ``n``."""
        return self._shots[max(bisect_right(self._firsts, n) - 1, 0)]

    def transition_at(self, n: int) -> Transition | None:
        """The transition that is going on in output frame ``n``."""
        return next((change for change in self._transitions if change.first <= n <= change.last), None)

    def tracks(self, frames: FrameRange) -> tuple[VideoTrack, ...]:
        """The video tracks that ``frames`` need, in order of first use."""
        first, last = frames.first, frames.first + frames.count
        shots = [
            shot
            for i, shot in enumerate(self._shots)
            if shot.first < last and (i + 1 == len(self._shots) or self._firsts[i + 1] > first)
        ]
        for change in self._transitions:
            if change.first < last and change.last >= first:
                shots += [change.before, change.after]
        found: dict[str, VideoTrack] = {}
        for shot in shots:
            segment = self._recording.segments[shot.segment]
            found[segment.display.key] = segment.display
            if shot.camera is not None and segment.camera is not None:
                found[segment.camera.key] = segment.camera
        return tuple(found.values())
