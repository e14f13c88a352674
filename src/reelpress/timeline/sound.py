"""Timeline -> audio spans of the recorded tracks, cut at whole samples."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from reelpress.clock import AUDIO_RATE, samples_until
from reelpress.media.audio import AudioSpan
from reelpress.project.audio import StereoMode
from reelpress.timeline.timeline import SOUND_SPEEDS, FrameRange, SpeedAudio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.project.model import Project
    from reelpress.recording.model import AudioTrack, Recording
    from reelpress.timeline.timeline import Clip, Span, Timeline

MUTE_DB = -30.0
"""Volumes up to here mute a recorded track (cap-format 4)."""

Mode = Literal["normal", "mute", "pitch", "resample"]
Channels = Literal["stereo", "left", "right"]

_CHANNELS: dict[StereoMode, Channels] = {
    StereoMode.STEREO: "stereo",
    StereoMode.MONO_LEFT: "left",
    StereoMode.MONO_RIGHT: "right",
}


def gain(volume_db: float) -> float:
    """``10^(dB/20)``, 0 at or below -30 dB."""
    return 0.0 if volume_db <= MUTE_DB else 10.0 ** (volume_db / 20)


def audio_spans(
    timeline: Timeline,
    recording: Recording,
    project: Project,
    fps: Fraction,
    frames: FrameRange | None = None,
) -> tuple[AudioSpan, ...]:
    """What is heard when, in samples of the output at 48 kHz.

    The spans of one track tile the time in which it is heard, without gap or overlap: a sample belongs to the span
    on at its own time. Muted stretches (speed, holds, volume) have no span; no spans at all means no sound.

    Args:
        frames: The output frames that are made; sample 0 is the start of the first. All of them if ``None``.
    """
    if project.audio.mute:
        return ()
    chosen = frames or FrameRange(0, timeline.frame_count(fps))
    begin, total = Fraction(chosen.first) / fps, samples_until(chosen.count, fps)
    settings = project.audio
    spans: list[AudioSpan] = []
    for span in timeline.spans:
        mode = _mode(span)
        first = max(0, _sample_at(span.out_start, begin))
        last = min(total, _sample_at(span.out_end, begin))
        if mode == "mute" or last <= first:
            continue
        source = span.source_at(begin + Fraction(first, AUDIO_RATE))
        for track, volume, channels in _tracks(recording, span.clip, settings.mic_volume_db, settings.system_volume_db):
            if volume == 0:
                continue
            spans.append(
                AudioSpan(
                    path=track.path,
                    stream=track.stream,
                    source_start=source + track.offset,
                    out_start=first,
                    out_end=last,
                    speed=span.speed,
                    mode=mode,
                    gain=volume,
                    channels=_CHANNELS[settings.mic_stereo_mode] if channels else "stereo",
                )
            )
    return tuple(spans)


def _tracks(
    recording: Recording, clip: Clip, mic_db: float, system_db: float
) -> Iterator[tuple[AudioTrack, float, bool]]:
    """(track, gain, whether it is the microphone)."""
    segment = recording.segments[clip.segment]
    if segment.mic is not None:
        yield segment.mic, gain(mic_db), True
    if segment.system_audio is not None:
        yield segment.system_audio, gain(system_db), False


def _mode(span: Span) -> Mode:
    if span.held:
        return "mute"
    if span.speed == 1:
        return "normal"
    if not SOUND_SPEEDS[0] <= span.speed <= SOUND_SPEEDS[1]:
        return "mute"
    if span.clip.audio is SpeedAudio.MAINTAIN_PITCH:
        return "pitch"
    return "resample" if span.clip.audio is SpeedAudio.MATCH_SPEED else "mute"


def _sample_at(t_out: Fraction, begin: Fraction) -> int:
    """The first sample at or after an output time."""
    return math.ceil((t_out - begin) * AUDIO_RATE)
