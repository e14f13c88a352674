"""Audio spans: what is heard when, at whole samples."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene_makers import ZERO, F, clip, constant, display, project, recording, sound

from reelpress.recording.model import RecordingSegment
from reelpress.timeline.build import build_timeline
from reelpress.timeline.sound import audio_spans, gain
from reelpress.timeline.timeline import FrameRange

if TYPE_CHECKING:
    from reelpress.media.audio import AudioSpan
    from reelpress.recording.model import Recording

SIXTY = F(60)


def spoken(mic_offset: Fraction = ZERO, system: bool = False) -> Recording:
    segment = RecordingSegment(
        0,
        display(constant(600, 60)),
        mic=sound(10, offset=mic_offset),
        system_audio=sound(10, key="system_audio:0", offset=F(1, 4)) if system else None,
    )
    return recording(segment)


def spans(made: Recording, clips: list[dict[str, Any]], fps: Fraction = SIXTY, **config: Any) -> tuple[AudioSpan, ...]:
    look = project(clips, **config)
    return audio_spans(build_timeline(made, look), made, look, fps)


def test_cuts_carry_the_offset_of_the_track() -> None:
    first, second = spans(spoken(mic_offset=F(3, 100)), [clip(1, 2), clip(5, 6.5)])
    assert (first.out_start, first.out_end, first.source_start) == (0, 48_000, F(103, 100))
    assert (second.out_start, second.out_end, second.source_start) == (48_000, 120_000, F(503, 100))
    assert first.mode == "normal"
    assert first.path.name == "mic-0.ogg"


@pytest.mark.parametrize(
    ("mode", "expected"), [(None, None), ("mute", None), ("maintainPitch", "pitch"), ("matchSpeed", "resample")]
)
def test_speed(mode: str | None, expected: str | None) -> None:
    more = {} if mode is None else {"speedAudioMode": mode}
    heard = spans(spoken(), [clip(0, 4, speed=2, **more), clip(4, 5, **more)])
    assert [s.mode for s in heard] == ([] if expected is None else [expected]) + ["normal"]
    if expected is not None:
        assert (heard[0].out_end, heard[0].speed) == (96_000, 2)
    assert (heard[-1].out_start, heard[-1].out_end) == (96_000, 144_000)


def test_a_speed_out_of_range_is_mute() -> None:
    assert spans(spoken(), [clip(0, 9, speed=9, speedAudioMode="maintainPitch")]) == ()


def test_volumes_and_channels() -> None:
    audio = {"micVolumeDb": -6.0, "micStereoMode": "monoR", "systemVolumeDb": 20}
    mic, system = spans(spoken(system=True), [clip(0, 1)], audio=audio)
    assert mic.gain == pytest.approx(0.501187, abs=1e-6)
    assert system.gain == pytest.approx(10.0)
    assert (mic.channels, system.channels) == ("right", "stereo")
    assert system.source_start == F(1, 4)


@pytest.mark.parametrize(("db", "factor"), [(0, 1.0), (-20, 0.1), (-29.9, 0.03199), (-30, 0.0), (-99, 0.0)])
def test_gain(db: float, factor: float) -> None:
    assert gain(db) == pytest.approx(factor, abs=1e-5)


def test_mute_and_silence() -> None:
    assert spans(spoken(), [clip(0, 1)], audio={"mute": True}) == ()
    assert [s.path.name for s in spans(spoken(system=True), [clip(0, 1)], audio={"micVolumeDb": -30})] == [
        "system_audio-0.ogg"
    ]
    silent = recording(RecordingSegment(0, display(constant(60, 60))))
    assert spans(silent, [clip(0, 1)]) == ()


def test_a_hold_is_silent() -> None:
    titles = {"textSegments": [{"start": 1, "end": 3, "layout": "fullscreen"}]}
    before, after = spans(spoken(), [clip(0, 4)], timeline=titles)
    assert (before.out_start, before.out_end) == (0, 48_000)
    assert (after.out_start, after.out_end, after.source_start) == (144_000, 288_000, 1)


def test_the_last_started_frame_ends_the_sound() -> None:
    """At 30 fps the output of 1.01 s lasts 31 frames; sound ends with the timeline, not after it."""
    (only,) = spans(spoken(), [clip(0, 1.01)], F(30))
    assert only.out_end == 48_480


@given(
    lengths=st.lists(st.fractions(min_value=F(1, 50), max_value=3, max_denominator=1001), min_size=1, max_size=6),
    fps=st.sampled_from([F(24000, 1001), F(30), F(60000, 1001), F(60)]),
    first=st.integers(0, 20),
    count=st.integers(1, 100),
)
def test_spans_tile_and_every_sample_comes_from_its_own_time(
    lengths: list[Fraction], fps: Fraction, first: int, count: int
) -> None:
    made = spoken(mic_offset=F(1, 7))
    look = project([clip(float(i), float(i + length)) for i, length in enumerate(lengths)])
    timeline = build_timeline(made, look)
    heard = audio_spans(timeline, made, look, fps, FrameRange(first, count))
    begin = F(first) / fps
    position = 0
    for span in heard:
        assert span.out_start == position
        position = span.out_end
        for sample in (span.out_start, span.out_end - 1):
            t = begin + F(sample, 48_000)
            source = span.source_start + F(sample - span.out_start, 48_000) * span.speed
            assert source == timeline.source_at(t)[1] + F(1, 7)
    asked = (F(count) / fps * 48_000).__floor__()
    there = max(0, ((timeline.total - begin) * 48_000).__ceil__())
    assert position == min(asked, there)
