"""Subtitles: cues, the SRT file, the soft track as a second program reads it, and what is left after a failure."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reelpress
from reelpress.errors import OutputError, SettingsError, TargetExistsError, VerifyError
from reelpress.export import run as export_run
from reelpress.export.outputs import mp4
from reelpress.export.settings import ExportSettings
from reelpress.export.subtitles import JOINER, clean, cues, srt, subtitle_path
from reelpress.media.text_track import TextCue, TextTrackSettings, text_of, text_packets
from reelpress.media.verify.mp4 import verify
from reelpress.pipeline.output import TargetGuard
from reelpress.project.model import Project
from reelpress.timeline.timeline import Clip, Hold, Timeline

Ffmpeg = Callable[..., "subprocess.CompletedProcess[bytes]"]
F = Fraction
LENGTH = F(10)
LINE = Timeline.assemble([Clip(0, 0, F(0), LENGTH)])
SMALL = {"resolution": "160x90", "fps": F(15)}


def said(*rows: tuple[float, float, str], start: Fraction | int = 0, duration: Fraction | int = 10) -> list[Any]:
    segments = [{"id": str(k), "start": a, "end": b, "text": text} for k, (a, b, text) in enumerate(rows)]
    look = Project.model_validate({"captions": {"segments": segments}})
    return [(c.start_ms, c.end_ms, c.text) for c in cues(look, LINE, [LENGTH], F(start), F(duration))]


# Cues


def test_cues_are_in_order_and_empty_ones_are_dropped() -> None:
    rows = [(3, 4, "two"), (1, 2, "one"), (5, 6, "  \n "), (7, 7, "never"), (8, 8.0004, "too short")]
    assert said(*rows) == [(1000, 2000, "one"), (3000, 4000, "two")]


def test_a_range_cuts_cues_and_counts_from_its_start() -> None:
    rows = [(0, 1, "before"), (1.5, 2.5, "into"), (3, 4, "inside"), (5, 9, "out of"), (9.5, 10, "after")]
    assert said(*rows, start=2, duration=4) == [(0, 500, "into"), (1000, 2000, "inside"), (3000, 4000, "out of")]


def test_overlapping_cues_are_lines_of_one() -> None:
    assert said((1, 4, "a"), (2, 6, "b"), (3, 5, "c")) == [
        (1000, 2000, "a"),
        (2000, 3000, "a\nb"),
        (3000, 4000, "a\nb\nc"),
        (4000, 5000, "b\nc"),
        (5000, 6000, "b"),
    ]
    # A sliver would only flash; the same words twice at a time are said once, one after the other twice.
    assert said((1, 2.1, "a"), (2, 3, "b")) == [(1000, 2000, "a"), (2000, 3000, "b")]
    assert said((1, 3, "a"), (1, 3, "a")) == [(1000, 3000, "a")]
    assert said((1, 2, "a"), (2, 3, "a")) == [(1000, 2000, "a"), (2000, 3000, "a")]


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 4000), st.sampled_from(["a", "b", "c", ""])), max_size=8)
)
def test_at_every_moment_the_cue_says_what_is_said_then(rows: list[tuple[int, int, str]]) -> None:
    made = said(*((a / 1000, (a + n) / 1000, text) for a, n, text in rows))
    for (_, end, _), (start, _, _) in pairwise(made):
        assert end <= start
    for moment in range(0, 10_000, 37):
        lines = {line for a, b, text in made if a <= moment < b for line in text.split("\n")}
        wanted = {text for a, n, text in rows if a <= moment < a + n and text}
        surely = {text for a, n, text in rows if a <= moment < a + n - 200 and text}
        assert surely <= lines <= wanted


def test_segments_of_the_timeline_come_first_and_words_stand_in_for_text() -> None:
    own = {"start": 1, "end": 2, "text": "old"}
    words = [{"text": word, "start": 4, "end": 5} for word in ("from", " words ")]
    look = Project.model_validate(
        {
            "captions": {"segments": [own]},
            "timeline": {
                "segments": [{"timescale": 1, "start": 0, "end": 10}],
                "captionSegments": [{"start": 4, "end": 5, "text": " ", "words": words}],
            },
        }
    )
    assert cues(look, LINE, [LENGTH], F(0), F(10)) == (TextCue(4000, 5000, "from words"),)


def test_captions_in_source_time_go_through_the_timeline() -> None:
    clips = [Clip(0, 0, F(2), F(4)), Clip(1, 1, F(0), F(4), F(2)), Clip(2, 0, F(0), F(1))]
    timeline = Timeline.assemble(clips, holds=[Hold(F(1), F(2))])
    rows = [{"start": 2.5, "end": 3.5, "text": "held"}, {"start": 11, "end": 13, "text": "second"}]
    rows += [{"start": 5, "end": 6, "text": "cut away"}, {"start": 0, "end": 2.5, "text": "twice"}]
    look = Project.model_validate({"captions": {"segments": rows, "sourceTimed": True}})
    made = [(c.start_ms, c.end_ms, c.text) for c in cues(look, timeline, [F(10), F(5)], F(0), F(9))]
    assert made == [
        (0, 500, "twice"),
        (500, 1000, "held"),
        (2000, 2500, "held"),
        (3500, 4500, "second"),
        (5000, 6000, "twice"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\n\r\nb\u2028c", "a\nb\nc"),
        (" a \t b\x00\ufeff ", "a b"),
        ("1 < 2 > 0 & so on", "1 < 2 > 0 & so on"),
        ("<b>x</b>", f"<{JOINER}b>x<{JOINER}/b>"),
        ("{\\an8}top {x}", "{" + JOINER + "\\an8}top {x}"),
        ("one\\Ntwo", f"one\\{JOINER}Ntwo"),
        ("a --> b", f"a --{JOINER}> b"),
        ("lone \ud800 half", "lone half"),
    ],
)
def test_text_is_cleaned(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_srt_text() -> None:
    shown = [TextCue(0, 999, "a\nb"), TextCue(3_723_004, 3_723_005, "ü")]
    assert srt(shown) == ("1\n00:00:00,000 --> 00:00:00,999\na\nb\n\n2\n01:02:03,004 --> 01:02:03,005\nü\n\n")


def test_packets_tile_the_time() -> None:
    packets = text_packets([TextCue(500, 700, "ü"), TextCue(700, 900, "b")], 1000)
    assert [(p.pts, p.duration, text_of(p.data)) for p in packets] == [
        (0, 500, ""),
        (500, 200, "ü"),
        (700, 200, "b"),
        (900, 100, ""),
    ]
    assert packets[1].data == b"\x00\x02\xc3\xbc"
    assert text_of(text_packets([TextCue(0, 1, "ü" * 40_000)], 1)[0].data) == "ü" * 32_767
    with pytest.raises(ValueError, match="begins before"):
        text_packets([TextCue(0, 2, "a"), TextCue(1, 3, "b")], 3)
    with pytest.raises(SettingsError, match="three small letters"):
        TextTrackSettings("german")


def test_the_file_beside_the_video() -> None:
    assert subtitle_path(Path("a/b.c.mp4")) == Path("a/b.c.srt")
    with pytest.raises(SettingsError, match="the video itself"):
        subtitle_path(Path("x.srt"))
    with pytest.raises(SettingsError, match="srt"):
        ExportSettings(subtitles="vtt")  # type: ignore[arg-type]


# Exports

CAPTIONS = [
    {"id": "1", "start": 0.2, "end": 0.7, "text": "Erste Zeile\nzweite <b>"},
    {"id": "2", "start": 0.7, "end": 1.1, "text": "gleich danach"},
    {"id": "3", "start": 1.0, "end": 1.6, "text": "中文 😀"},
    {"id": "4", "start": 1.9, "end": 5, "text": "bis zum Ende"},
]


@pytest.fixture(scope="module")
def talking(tiny_cap: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("talking") / "Talk.cap"
    shutil.copytree(tiny_cap, folder)
    (folder / "captions.json").write_text(json.dumps({"segments": CAPTIONS, "settings": {"enabled": False}}))
    return folder


@pytest.fixture(scope="module")
def exported(talking: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    target = tmp_path_factory.mktemp("out") / "talk.mp4"
    return target, reelpress.export(talking, target, settings=ExportSettings(**SMALL, subtitles="srt"))


def extracted(ffmpeg: Ffmpeg, file: Path) -> str:
    result = ffmpeg("-v", "error", "-i", file, "-map", "0:s", "-c:s", "srt", "-f", "srt", "-")
    assert result.stderr == b""
    return result.stdout.decode()


def test_the_track_says_what_the_file_says(exported: tuple[Path, Any], ffmpeg: Ffmpeg) -> None:
    target, report = exported
    text = target.with_suffix(".srt").read_text(encoding="utf-8")
    assert text.startswith(f"1\n00:00:00,200 --> 00:00:00,700\nErste Zeile\nzweite <{JOINER}b>\n\n2\n")
    assert re.findall(r"(\S+) --> (\S+)", text) == [
        ("00:00:00,200", "00:00:00,700"),
        ("00:00:00,700", "00:00:01,000"),
        ("00:00:01,000", "00:00:01,600"),
        ("00:00:01,900", "00:00:02,000"),
    ]
    assert extracted(ffmpeg, target) == text
    # And the other way round: the SRT read by the second program means the same text.
    again = ffmpeg("-v", "error", "-i", target.with_suffix(".srt"), "-f", "srt", "-")
    assert again.stdout.decode() == text
    assert report.subtitles == {
        "file": str(target.with_suffix(".srt")),
        "cues": 4,
        "codec": "mov_text",
        "language": "und",
    }
    assert "subtitles" in report.verified
    assert sorted(p.name for p in target.parent.iterdir()) == ["talk.mp4", "talk.srt"]


def test_the_track_is_off_by_default_and_has_no_language(exported: tuple[Path, Any], ffmpeg: Ffmpeg) -> None:
    said_about = ffmpeg("-i", exported[0]).stderr.decode()
    (line,) = [line for line in said_about.splitlines() if "Subtitle:" in line]
    assert "(und)" in line
    assert "mov_text" in line
    assert "(default)" not in line
    assert said_about.count("(default)") == 2  # picture and sound
    data = exported[0].read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    for secret in (b"x264", b"Lavf", b"Lavc"):
        assert secret not in data


def test_picture_and_sound_are_the_same_with_and_without(
    talking: Path, exported: tuple[Path, Any], tmp_path: Path
) -> None:
    reelpress.export(talking, tmp_path / "a.mp4", settings=ExportSettings(**SMALL))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]

    def packets(path: Path, kind: str) -> list[tuple[float, float, bytes]]:
        with av.open(str(path)) as container:
            stream = next(s for s in container.streams if s.type == kind)
            return [
                (float(p.pts * p.time_base), float(p.dts * p.time_base), bytes(p))
                for p in container.demux(stream)
                if p.pts is not None
            ]

    for kind in ("video", "audio"):
        assert packets(tmp_path / "a.mp4", kind) == packets(exported[0], kind)


def test_verify_looks_at_every_cue(exported: tuple[Path, Any]) -> None:
    known: dict[str, Any] = {"frames": 30, "fps": F(15), "size": (160, 90), "has_audio": True}
    right = [
        TextCue(200, 700, f"Erste Zeile\nzweite <{JOINER}b>"),
        TextCue(700, 1000, "gleich danach"),
        TextCue(1000, 1600, "中文 😀"),
        TextCue(1900, 2000, "bis zum Ende"),
    ]
    verify(exported[0], **known, subtitles=right)
    with pytest.raises(VerifyError, match="1 subtitle tracks instead of 0"):
        verify(exported[0], **known)
    for wrong in (right[:3], [*right[:3], TextCue(1900, 2000, "x")], [TextCue(201, 700, right[0].text), *right[1:]]):
        with pytest.raises(VerifyError, match="subtitles have"):
            verify(exported[0], **known, subtitles=wrong)


def test_a_range_has_its_own_cues(talking: Path, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    part = ExportSettings(**SMALL, subtitles="srt", start=F(4, 5), end=F(6, 5), no_audio=True)
    reelpress.export(talking, tmp_path / "p.mp4", settings=part)
    text = (tmp_path / "p.srt").read_text(encoding="utf-8")
    assert text == ("1\n00:00:00,000 --> 00:00:00,200\ngleich danach\n\n2\n00:00:00,200 --> 00:00:00,400\n中文 😀\n\n")
    assert extracted(ffmpeg, tmp_path / "p.mp4") == text


def test_no_captions_is_a_warning(tiny_cap: Path, tmp_path: Path) -> None:
    plan = reelpress.plan(tiny_cap, tmp_path / "x.mp4", settings=ExportSettings(**SMALL, subtitles="srt"))
    assert any("no captions" in line for line in plan.warnings)
    assert plan.subtitles["used"] is False
    short = ExportSettings(**SMALL, subtitles="srt", end=F(1, 5))
    report = reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=short)
    assert report.subtitles is None
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]


def test_an_old_file_is_replaced_only_when_asked(talking: Path, tmp_path: Path) -> None:
    old = tmp_path / "t.srt"
    old.write_text("precious")
    short = {**SMALL, "subtitles": "srt", "end": F(1, 2)}
    with pytest.raises(TargetExistsError, match=r"t\.srt"):
        reelpress.export(talking, tmp_path / "t.mp4", settings=ExportSettings(**short))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("t.srt", "precious")]
    reelpress.export(talking, tmp_path / "t.mp4", settings=ExportSettings(**short, overwrite=True))
    assert old.read_text(encoding="utf-8").startswith("1\n")


@pytest.mark.parametrize("when", ["verify", "write_srt", "read_back", "video"])
def test_a_failure_leaves_neither_file(
    talking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise OutputError("made up")

    if when == "video":
        commit = TargetGuard.commit
        monkeypatch.setattr(
            TargetGuard, "commit", lambda self: fails() if self.target.suffix == ".mp4" else commit(self)
        )
    else:
        monkeypatch.setattr(mp4 if when == "verify" else export_run, when, fails)
    with pytest.raises(OutputError, match="made up"):
        reelpress.export(talking, tmp_path / "t.mp4", settings=ExportSettings(**SMALL, subtitles="srt", end=F(1, 2)))
    assert list(tmp_path.iterdir()) == []


def test_music_plays_in_an_export_though_the_recording_is_mute(tiny_cap: Path, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    import wave

    import numpy as np

    folder = tmp_path / "Song.cap"
    shutil.copytree(tiny_cap, folder)
    with wave.open(str(folder / "song.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        t = np.arange(96_000) / 48_000
        file.writeframes((16_000 * np.sin(2 * np.pi * 500 * t)).astype("<i2").tobytes())
    config = json.loads((folder / "project-config.json").read_text())
    config["audio"]["mute"] = True
    config["timeline"]["audioSegments"] = [{"start": 0.5, "end": 1.5, "path": "song.wav", "fadeIn": 0.4}]
    (folder / "project-config.json").write_text(json.dumps(config))
    reelpress.export(folder, tmp_path / "s.mp4", settings=ExportSettings(**SMALL))
    raw = ffmpeg("-v", "error", "-i", tmp_path / "s.mp4", "-map", "0:a", "-f", "f32le", "-").stdout
    heard = np.frombuffer(raw, np.float32).reshape(-1, 2)[:, 0]
    level = [float(np.sqrt(2 * (heard[k : k + 2400] ** 2).mean())) for k in range(0, 93_600, 2400)]
    full = 16_000 / 32_768 * np.sqrt(0.5)
    assert max(level[:9]) < 0.01 * full
    assert level[14] == pytest.approx(full * 0.5625, rel=0.06)  # 0.7..0.75 s: in the middle of the fade
    assert level[24] == pytest.approx(full, rel=0.02)
    assert max(level[31:]) < 0.01 * full
