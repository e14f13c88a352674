"""Transitions as they are heard, and music in output time."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene_makers import F, clip, constant, display, project, recording, sound

from reelpress.recording.model import RecordingSegment
from reelpress.timeline.build import build_timeline
from reelpress.timeline.sound import audio_spans, music_spans
from reelpress.timeline.timeline import FrameRange

RATE = 48_000
SIXTY = F(60)
SPOKEN = recording(RecordingSegment(0, display(constant(1200, 60)), mic=sound(20)))


def heard(kind: str, duration: float = 1, frames: FrameRange | None = None, **more: Any) -> list[Any]:
    rows = [{"segmentIndex": 1, "type": kind, "duration": duration}]
    look = project([clip(0, 4), clip(10, 13)], timeline={"transitions": rows, **more})
    return list(audio_spans(build_timeline(SPOKEN, look), SPOKEN, look, SIXTY, frames))


def test_in_a_cross_fade_both_clips_are_heard_from_end_to_end() -> None:
    out, come = heard("cross-fade")  # 0..4 and 3..6 of 6 s of output
    assert (out.out_start, out.out_end, out.source_start) == (0, 4 * RATE, 0)
    assert (come.out_start, come.out_end, come.source_start) == (3 * RATE, 6 * RATE, 10)
    (falls,), (rises,) = out.ramps, come.ramps
    assert (falls.start, falls.end, falls.rising, falls.curve) == (3 * RATE, 4 * RATE, False, "equal-power")
    assert (rises.start, rises.end, rises.rising, rises.curve) == (3 * RATE, 4 * RATE, True, "equal-power")
    down, up = falls.gains(3 * RATE, 4 * RATE), rises.gains(3 * RATE, 4 * RATE)
    assert np.allclose(down**2 + up**2, 1, atol=1e-6)
    assert down[RATE // 2] == pytest.approx(np.sqrt(0.5))


def test_through_black_one_is_silent_before_the_other_begins() -> None:
    out, come = heard("fade-through-black")
    middle = 7 * RATE // 2
    assert (out.out_end, come.out_start, come.source_start) == (middle, middle, F(21, 2))
    (falls,), (rises,) = out.ramps, come.ramps
    assert (falls.start, falls.end, falls.curve) == (3 * RATE, middle, "linear")
    assert (rises.start, rises.end, rises.curve) == (middle, 4 * RATE, "linear")
    assert falls.gains(13 * RATE // 4, 13 * RATE // 4 + 1)[0] == pytest.approx(0.5)
    assert rises.gains(15 * RATE // 4, 15 * RATE // 4 + 1)[0] == pytest.approx(0.5)


def test_a_range_that_begins_in_a_transition_is_the_same_sound() -> None:
    whole = heard("cross-fade")
    part = heard("cross-fade", frames=FrameRange(210, 60))  # 3.5 s to 4.5 s
    shift = 7 * RATE // 2
    for one, two in zip(whole, part, strict=True):
        assert one.ramps[0].start - shift == two.ramps[0].start
        first = two.out_start + shift
        assert two.source_start == one.source_start + F(first - one.out_start, RATE)
    assert [s.out_end for s in part] == [RATE // 2, RATE]


def test_a_hold_in_a_transition_makes_it_the_hard_cut_that_is_seen() -> None:
    titles = [{"start": 3.25, "end": 5, "layout": "fullscreen"}]
    spans = heard("cross-fade", textSegments=titles)
    assert all(span.ramps == () for span in spans)
    edges = [(s.out_start / RATE, s.out_end / RATE) for s in spans]
    assert edges == [(0, 3.25), (5, 5.25), (5.25, 7.75)]


@given(
    lengths=st.lists(st.fractions(min_value=F(1, 2), max_value=3, max_denominator=1001), min_size=2, max_size=5),
    wanted=st.lists(st.fractions(min_value=0, max_value=2, max_denominator=97), min_size=5, max_size=5),
    black=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_every_sample_comes_from_its_clip_and_powers_add_up(
    lengths: list[Fraction], wanted: list[Fraction], black: list[bool]
) -> None:
    rows = [
        {"segmentIndex": i, "type": "fade-through-black" if black[i] else "cross-fade", "duration": wanted[i]}
        for i in range(1, len(lengths))
    ]
    look = project(
        [clip(3 * i, 3 * i + length) for i, length in enumerate(lengths)],  # type: ignore[arg-type]
        timeline={"transitions": rows},
    )
    timeline = build_timeline(SPOKEN, look)
    spans = audio_spans(timeline, SPOKEN, look, SIXTY)
    total = (timeline.total * RATE).__ceil__()
    power = np.zeros(total)
    for span in spans:
        factor = np.ones(span.out_end - span.out_start)
        for ramp in span.ramps:
            gains = ramp.gains(span.out_start, span.out_end)
            factor *= 1 if gains is None else gains
        power[span.out_start : span.out_end] += factor**2
        t = span.out_start + (span.out_end - span.out_start) // 2
        for fade in timeline.fades:
            side = fade.before if span.source_start < fade.after.source_start else fade.after
            if fade.out_start <= F(t, RATE) < fade.out_end and side.clip.end > span.source_start >= side.clip.start:
                assert span.source_start + F(t - span.out_start, RATE) == side.source_at(F(t, RATE))
    dark = np.zeros(total, bool)
    for fade in timeline.fades:
        if black[fade.entering]:
            dark[(fade.out_start * RATE).__floor__() : (fade.out_end * RATE).__ceil__() + 1] = True
    assert np.allclose(power[~dark], 1, atol=1e-5)
    assert (power <= 1 + 1e-5).all()


# Music


def wav(path: Path, seconds: float = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * round(seconds * RATE)))
    return path


def music(folder: Path, *segments: dict[str, Any], frames: FrameRange | None = None, **more: Any) -> Any:
    look = project([clip(0, 10)], timeline={"audioSegments": list(segments)}, **more)
    return music_spans(look, lambda stored: folder / stored, SIXTY, frames or FrameRange(0, 600))


def test_music_in_output_time(tmp_path: Path) -> None:
    wav(tmp_path / "m.wav")
    row = {"start": 1.5, "end": 4, "path": "m.wav", "trimStart": 0.25, "volumeDb": -6, "fadeIn": 0.5, "fadeOut": 1}
    (one, two), warnings = music(tmp_path, row, {"start": 2, "end": 3, "path": "m.wav", "track": 1})
    assert warnings == ()
    assert (one.path, one.stream, one.mode, one.channels) == (tmp_path / "m.wav", 0, "normal", "stereo")
    assert (one.out_start, one.out_end, one.source_start) == (72_000, 192_000, F(1, 4))
    assert one.gain == pytest.approx(10 ** (-6 / 20))
    rise, fall = one.ramps
    assert (rise.start, rise.end, rise.rising, rise.curve) == (72_000, 96_000, True, "linear")
    assert (fall.start, fall.end, fall.rising, fall.curve) == (144_000, 192_000, False, "linear")
    assert (two.out_start, two.out_end, two.gain, two.ramps) == (96_000, 144_000, 1.0, ())


def test_a_range_hears_the_middle_of_the_music(tmp_path: Path) -> None:
    wav(tmp_path / "m.wav")
    row = {"start": 1, "end": 4, "path": "m.wav", "trimStart": 0.25, "fadeIn": 2}
    (span,), _ = music(tmp_path, row, frames=FrameRange(120, 60))
    assert (span.out_start, span.out_end, span.source_start) == (0, 48_000, F(5, 4))
    assert span.ramps[0].gains(0, 1)[0] == pytest.approx(0.5)
    assert music(tmp_path, row, frames=FrameRange(300, 60)) == ((), ())


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"volumeDb": -59.9}, 1),
        ({"volumeDb": -60}, 0),
        ({"enabled": False}, 0),
        ({"end": 1}, 0),
        ({"start": 50, "end": 60}, 0),
    ],
)
def test_what_is_not_heard(tmp_path: Path, changes: dict[str, Any], count: int) -> None:
    wav(tmp_path / "m.wav")
    spans, warnings = music(tmp_path, {"start": 1, "end": 4, "path": "m.wav", **changes})
    assert (len(spans), warnings) == (count, ())


def test_mute_is_for_recorded_tracks_and_a_title_holds_the_clock_not_the_music(tmp_path: Path) -> None:
    wav(tmp_path / "m.wav")
    rows = [{"start": 1, "end": 4, "path": "m.wav"}]
    titles = [{"start": 1, "end": 3, "layout": "fullscreen"}]
    look = project([clip(0, 10)], audio={"mute": True}, timeline={"audioSegments": rows, "textSegments": titles})
    assert audio_spans(build_timeline(SPOKEN, look), SPOKEN, look, SIXTY) == ()
    (span,), _ = music_spans(look, lambda stored: tmp_path / stored, SIXTY, FrameRange(0, 720))
    assert (span.out_start, span.out_end) == (RATE, 4 * RATE)


def test_music_that_cannot_be_played_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("la la la")
    rows = [{"start": 1, "end": 4, "path": name} for name in ("gone.mp3", "text.mp3", "gone.mp3")]
    spans, warnings = music(tmp_path, *rows)
    assert spans == ()
    assert len(warnings) == 2
    assert warnings[0] == "The music gone.mp3 does not exist; it is left out."
    assert "text.mp3 cannot be played" in warnings[1]


def test_no_timeline_no_music(tmp_path: Path) -> None:
    assert music_spans(project(), lambda stored: tmp_path / stored, SIXTY, FrameRange(0, 60)) == ((), ())
