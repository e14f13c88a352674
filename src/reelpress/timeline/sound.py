"""Timeline -> audio spans: the recorded tracks cut at whole samples, their transitions, and music."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from reelpress.clock import AUDIO_RATE, samples_until
from reelpress.errors import InputError
from reelpress.media.audio import AudioSpan, Ramp
from reelpress.media.probe import probe
from reelpress.project.audio import StereoMode
from reelpress.project.timeline import TransitionType
from reelpress.timeline.timeline import SOUND_SPEEDS, FrameRange, SpeedAudio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reelpress.project.model import Project
    from reelpress.project.timeline import AudioSegment
    from reelpress.recording.model import AudioTrack, Recording
    from reelpress.timeline.timeline import Clip, Fade, Span, Timeline

MUTE_DB = -30.0
"""Volumes up to here mute a recorded track (cap-format 4)."""
MUSIC_MUTE_DB = -60.0
"""Volumes up to here mute music (cap-format 4)."""

Mode = Literal["normal", "mute", "pitch", "resample"]
Channels = Literal["stereo", "left", "right"]

_CHANNELS: dict[StereoMode, Channels] = {
    StereoMode.STEREO: "stereo",
    StereoMode.MONO_LEFT: "left",
    StereoMode.MONO_RIGHT: "right",
}


def gain(volume_db: float, mute_db: float = MUTE_DB) -> float:
    """``10^(dB/20)``, 0 at or below ``mute_db``."""
    return 0.0 if volume_db <= mute_db else 10.0 ** (volume_db / 20)


def audio_spans(
    timeline: Timeline,
    recording: Recording,
    project: Project,
    fps: Fraction,
    frames: FrameRange | None = None,
) -> tuple[AudioSpan, ...]:
    """What is heard of the recorded tracks, in samples of the output at 48 kHz.

    The spans of one track tile the time in which it is heard, without gap or overlap: a sample belongs to the span
    on at its own time. In a transition both clips are heard: equal powers where they cross-fade, one half each where
    they fade through black (cap-format 4). Muted stretches (speed, holds, volume) have no span; no spans at all means
    no sound.

    Args:
        frames: The output frames that are made; sample 0 is the start of the first. All of them if ``None``.
    """
    if project.audio.mute:
        return ()
    chosen = frames or FrameRange(0, timeline.frame_count(fps))
    begin, total = Fraction(chosen.first) / fps, samples_until(chosen.count, fps)
    settings = project.audio
    spans: list[AudioSpan] = []
    for heard in _heard(timeline, project):
        span = heard.span
        mode = _mode(span)
        first = max(0, _sample_at(heard.start, begin))
        last = min(total, _sample_at(heard.end, begin))
        if mode == "mute" or last <= first:
            continue
        source = span.source_at(begin + Fraction(first, AUDIO_RATE))
        ramps = tuple(
            Ramp((start - begin) * AUDIO_RATE, (end - start) * AUDIO_RATE, rising, curve)
            for start, end, rising, curve in heard.ramps
        )
        for track, volume, is_mic in _tracks(recording, span.clip, settings.mic_volume_db, settings.system_volume_db):
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
                    channels=_CHANNELS[settings.mic_stereo_mode] if is_mic else "stereo",
                    ramps=ramps,
                )
            )
    return tuple(spans)


def music_spans(
    project: Project, resolve: Callable[[str], Path], fps: Fraction, frames: FrameRange
) -> tuple[tuple[AudioSpan, ...], tuple[str, ...]]:
    """Music (``timeline.audioSegments``), and a warning for each file that cannot be played.

    Music lives in output time: cuts, speed and holds do not touch it, and ``audio.mute`` does not either. It plays
    once from ``trimStart`` after the first sample of its file; where the file ends, or the output, it ends. Fades are
    linear and lie inside of the segment; where they overlap, their factors are multiplied.

    Args:
        resolve: A path of the project as a path on this machine (``LoadedProject.resolve``).
        frames: The output frames that are made; sample 0 is the start of the first.
    """
    begin, total = Fraction(frames.first) / fps, samples_until(frames.count, fps)
    spans: list[AudioSpan] = []
    warnings: list[str] = []
    for music in project.timeline.audio_segments if project.timeline is not None else ():
        volume = gain(music.volume_db, MUSIC_MUTE_DB)
        first = max(0, _sample_at(music.start, begin))
        last = min(total, _sample_at(music.end, begin))
        if not music.enabled or volume == 0 or last <= first:
            continue
        path = resolve(music.path)
        if not path.is_file():
            warnings.append(f"The music {music.path} does not exist; it is left out.")
            continue
        try:
            tracks = probe(path).audio
        except InputError as error:
            warnings.append(f"The music {music.path} cannot be played and is left out: {error}")
            continue
        if not tracks:
            warnings.append(f"The music {music.path} has no sound; it is left out.")
            continue
        track = tracks[0]
        opening = (track.start or 0) * track.time_base
        heard_at = begin + Fraction(first, AUDIO_RATE)
        spans.append(
            AudioSpan(
                path=path,
                stream=track.index,
                source_start=opening + music.trim_start + heard_at - music.start,
                out_start=first,
                out_end=last,
                gain=volume,
                ramps=tuple(_music_ramps(music, begin)),
            )
        )
    return tuple(spans), tuple(dict.fromkeys(warnings))


def _music_ramps(music: AudioSegment, begin: Fraction) -> Iterator[Ramp]:
    if music.fade_in > 0:
        yield Ramp((music.start - begin) * AUDIO_RATE, music.fade_in * AUDIO_RATE, rising=True)
    if music.fade_out > 0:
        yield Ramp((music.end - music.fade_out - begin) * AUDIO_RATE, music.fade_out * AUDIO_RATE, rising=False)


_Slope = tuple[Fraction, Fraction, bool, Literal["linear", "equal-power"]]
"""Start and end in output seconds, whether it rises, and how."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A span of the timeline as it is heard: into the transitions at its ends."""

    span: Span
    start: Fraction
    """Output seconds."""
    end: Fraction
    ramps: tuple[_Slope, ...] = ()


def _heard(timeline: Timeline, project: Project) -> Iterator[_Heard]:
    config = project.timeline
    # The last one of an index wins, as it does for the picture.
    kinds = {t.segment_index: t.type for t in (config.transitions if config is not None else ())}
    black = {number for number, kind in kinds.items() if kind is TransitionType.FADE_THROUGH_BLACK}
    middles: dict[Fraction, Fade] = {(fade.out_start + fade.out_end) / 2: fade for fade in timeline.fades}
    for span in timeline.spans:
        if span.held:
            continue
        start, end = span.out_start, span.out_end
        ramps: list[_Slope] = []
        entered, left = middles.get(start), middles.get(end)
        if entered is not None and entered.after.clip is span.clip:
            if entered.entering in black:
                ramps.append((start, entered.out_end, True, "linear"))
            else:
                ramps.append((entered.out_start, entered.out_end, True, "equal-power"))
                start = entered.out_start
        if left is not None and left.before.clip is span.clip:
            if left.entering in black:
                ramps.append((left.out_start, end, False, "linear"))
            else:
                ramps.append((left.out_start, left.out_end, False, "equal-power"))
                end = left.out_end
        yield _Heard(span, start, end, tuple(ramps))


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
