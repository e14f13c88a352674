"""Recording + Project -> Timeline."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.clock import FINE_TICK
from reelpress.errors import ProjectError, UnsupportedInputError
from reelpress.project.overlays import TextLayout
from reelpress.recording.model import RecordingKind
from reelpress.timeline.timeline import SOUND_SPEEDS, Clip, Hold, SpeedAudio, Timeline

if TYPE_CHECKING:
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, RecordingSegment

SOUND_TAIL = Fraction(1, 10)
"""Seconds that the sound of a plain video may outlast its picture without lengthening it: encoders pad sound."""
END_TOLERANCE = Fraction(1, 20)
"""Seconds that a clip may reach beyond its recording before that is worth a warning: recorders round."""


def build_timeline(recording: Recording, project: Project) -> Timeline:
    """The timeline of a project, or, where it has none, one clip per recording segment in full.

    A clip that reaches beyond its recording keeps its length and shows the last frame (with a warning). Reads the
    frame indexes of the display tracks; raises what they raise.

    Raises:
        ProjectError: A clip names a recording segment that does not exist, or no clip has a positive length.
        UnsupportedInputError: No timeline, and the tracks do not overlap.
    """
    config = project.timeline
    warnings: list[str] = []
    if config is None:
        clips = [
            Clip(i, i, Fraction(0), max(full_length(recording, segment), Fraction(0)))
            for i, segment in enumerate(recording.segments)
        ]
        clips = [clip for clip in clips if clip.length > 0]
        if not clips:
            raise UnsupportedInputError(
                f"{recording.name}: nothing is left of the recording once its tracks are lined up by their start times."
            )
        ticks = [segment.display.index.time_base for segment in recording.segments]
        slack = sum((tick for tick in ticks if tick <= FINE_TICK), Fraction(0))
        return Timeline.assemble(clips, slack=slack)
    file = recording.project_file or "project"
    places = {segment.index: i for i, segment in enumerate(recording.segments)}
    clips = []
    entered: dict[int, int] = {}
    for i, entry in enumerate(config.segments):
        place = places.get(entry.recording_segment)
        if place is None:
            raise ProjectError(
                file,
                key=f"timeline.segments[{i}].recordingSegment",
                expected=f"a segment of this recording ({', '.join(map(str, sorted(places)))})",
                given=str(entry.recording_segment),
            )
        if entry.end <= entry.start:
            warnings.append(f"timeline.segments[{i}] has no length and is left out.")
            continue
        mode = SpeedAudio(entry.speed_audio_mode.value) if entry.speed_audio_mode else SpeedAudio.MUTE
        entered[i] = len(clips)
        clip = Clip(i, place, entry.start, entry.end, entry.timescale, mode)
        clips.append(clip)
        warnings.extend(_beyond_end(clip, full_length(recording, recording.segments[place])))
        warnings.extend(_sound_lost(clip))
    if not clips:
        raise ProjectError(file, key="timeline.segments", expected="at least one clip with a length", given="none")
    transitions = {entered[t.segment_index]: t.duration for t in config.transitions if t.segment_index in entered}
    holds = [
        Hold(text.start, text.end)
        for text in config.text_segments
        if text.enabled and text.layout is TextLayout.FULLSCREEN
    ]
    return Timeline.assemble(clips, transitions=transitions, holds=holds, warnings=warnings)


def full_length(recording: Recording, segment: RecordingSegment) -> Fraction:
    """Seconds of ``t_src`` until the end of a recording segment.

    Of a Cap studio recording: the last of display, camera and microphone (cap-format 2.1). Of a single video: its
    picture, or its sound where that goes on for longer than encoders pad (the last frame is then held).
    """
    if recording.kind is RecordingKind.CAP_STUDIO:
        return segment.length
    ends = [track.end for track in segment.audio_tracks if track.end is not None]
    sound = max(ends, default=Fraction(0))
    picture = segment.display.end
    return sound if sound > picture + SOUND_TAIL else picture


def _beyond_end(clip: Clip, length: Fraction) -> list[str]:
    if clip.end <= length + END_TOLERANCE:
        return []
    where = f"timeline.segments[{clip.index}] ends at {float(clip.end):g} s"
    return [f"{where}, but the recording lasts {float(length):g} s; its last frame is held."]


def _sound_lost(clip: Clip) -> list[str]:
    slowest, fastest = SOUND_SPEEDS
    if clip.audio is SpeedAudio.MUTE or slowest <= clip.speed <= fastest:
        return []
    return [
        f"timeline.segments[{clip.index}] plays at {float(clip.speed):g} times its speed; sound can be kept from "
        f"{float(slowest):g} to {float(fastest):g}, so it is muted there."
    ]
