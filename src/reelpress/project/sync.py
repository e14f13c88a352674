"""Applying the offsets of ``clips`` to the tracks of a recording (cap-format 1.4, each offset counted once).

The recording already has the physical term, ``latest - start_time``, in every track. What ``clips`` adds:

- ``offsetsAutoCalculated`` true: the numbers are that same term, written down by the editor, so they are not added
  again. For microphone and system audio the editor may have added the calibration of the device, which is not known
  from anywhere else: a difference of up to 0.5 s to the term is kept.
- false or absent: the user's own offsets, added to the term. If they equal the term to within a millisecond, the
  recorder wrote it without setting the mark, and it is not added again.
- no entry: just the term.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from reelpress.recording.model import AudioTrack, VideoTrack

if TYPE_CHECKING:
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, RecordingSegment

MAX_CALIBRATION = Fraction(1, 2)
_SAME = Fraction(1, 1000)

T = TypeVar("T", VideoTrack, AudioTrack)


def synced(recording: Recording, project: Project) -> Recording:
    """The recording with the project's offsets in its camera and audio tracks."""
    segments = tuple(_synced_segment(segment, project) for segment in recording.segments)
    return recording if segments == recording.segments else recording.with_segments(segments)


def _synced_segment(segment: RecordingSegment, project: Project) -> RecordingSegment:
    config = project.clip_config(segment.index)
    if config is None:
        return segment
    auto = config.offsets_auto_calculated
    return replace(
        segment,
        camera=_shifted(segment, segment.camera, config.offsets.camera, auto),
        mic=_shifted(segment, segment.mic, config.offsets.mic, auto),
        system_audio=_shifted(segment, segment.system_audio, config.offsets.system_audio, auto),
    )


def _shifted(segment: RecordingSegment, track: T | None, stored: Fraction, auto: bool) -> T | None:
    if track is None:
        return None
    term = Fraction(0)
    if segment.latest is not None and track.start_time is not None:
        term = segment.latest - track.start_time
    extra = extra_offset(stored, term, auto=auto, audio=isinstance(track, AudioTrack))
    return replace(track, offset=track.offset + extra) if extra else track


def extra_offset(stored: Fraction, term: Fraction, *, auto: bool, audio: bool) -> Fraction:
    """Seconds that a stored offset adds to the physical ``term``; see the module's docstring."""
    same = abs(stored - term) <= _SAME
    if not auto:
        return Fraction(0) if same and term else stored
    if same or not audio or not stored:
        return Fraction(0)
    return stored - term if abs(stored - term) <= MAX_CALIBRATION else Fraction(0)
