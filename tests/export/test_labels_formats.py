"""Titles, chapters, languages and times in MOV, WebM, M4A and WAV: nothing unless asked, then exactly that.

Read back by the library's demuxers, which share nothing with our own readers in the verify step, and by ffprobe and
mediainfo where they are installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelpress.errors import VerifyError
from reelpress.export.api import export
from reelpress.export.settings import ExportSettings
from reelpress.media.encoder import AudioEncoderSpec, EncoderSpec
from reelpress.media.labels import NO_LABELS, Chapter, Labels, in_matroska, milliseconds
from reelpress.media.labels_check import check
from reelpress.media.mux import Mp4Writer
from reelpress.media.scale import allocate
from reelpress.media.sound_file import SoundWriter

RATE = Fraction(30000, 1001)
CREATED = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
TITLE = "Ein „Titel“ é 漢"
CHAPTERS = (Chapter(0, 5, "one"), Chapter(5, 12, "zwö"))
ASKED = Labels(TITLE, CHAPTERS, "deu", CREATED)

MUXERS = {"mov": "mov", "webm": "webm", "m4a": "ipod", "wav": "wav"}
FORMATS = tuple(MUXERS)


def labels_for(format: str, labels: Labels = ASKED) -> Labels:
    """A WAV has no chapters."""
    return Labels(labels.title, (), labels.language, labels.created) if format == "wav" else labels


def make(path: Path, labels: Labels) -> Path:
    """12 frames of 64x48 and silence, or the silence alone."""
    writer: Mp4Writer | SoundWriter
    format = path.suffix[1:]
    if format in ("m4a", "wav"):
        sound = AudioEncoderSpec("aac" if format == "m4a" else "pcm_s16le", 128_000)
        writer = SoundWriter(path, sound, MUXERS[format], labels, RATE)
    else:
        codec, other = ("libx264", "aac") if format == "mov" else ("libvpx-vp9", "libopus")
        spec = EncoderSpec(width=64, height=48, fps=RATE, crf=30.0, preset="ultrafast", gop_frames=6, codec=codec)
        writer = Mp4Writer(path, video=spec, audio=AudioEncoderSpec(other), container=MUXERS[format], labels=labels)
    planes = allocate(64, 48)
    for plane in planes.planes:
        plane[:] = 100
    assert writer.audio is not None
    for k in range(12):
        if isinstance(writer, Mp4Writer):
            writer.mux(writer.video.encode(planes, k))
        writer.mux(writer.audio.encode(np.zeros((2, 1602), np.float32), k * 1602))
    if isinstance(writer, Mp4Writer):
        writer.mux(writer.video.flush())
    writer.mux(writer.audio.flush())
    writer.finish()
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Path]:
    """A file of a format, with labels and without."""
    folder = tmp_path_factory.mktemp("labels")
    made: dict[tuple[str, bool], Path] = {}

    def get(format: str, asked: bool) -> Path:
        if (format, asked) not in made:
            labels = labels_for(format) if asked else NO_LABELS
            made[format, asked] = make(folder / f"{asked}.{format}", labels)
        return made[format, asked]

    return get


def demuxed(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        return {
            "tags": dict(container.metadata),
            "languages": {stream.type: stream.metadata.get("language") for stream in container.streams},
            "chapters": [
                (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
                for c in container.chapters()
                if c["time_base"] is not None
            ],
        }


# What a demuxer says


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_unless_asked(files: Callable[[str, bool], Path], format: str) -> None:
    path = files(format, False)
    found = demuxed(path)
    expected = {
        "mov": {"major_brand", "minor_version", "compatible_brands"},
        "m4a": {"major_brand", "minor_version", "compatible_brands"},
        "webm": {"encoder"},  # Lavf: Matroska has to name a library
        "wav": set[str](),
    }
    assert set(found["tags"]) == expected[format] and found["tags"].get("encoder", "Lavf") == "Lavf"
    assert found["chapters"] == []
    assert set(found["languages"].values()) <= {None, "und"}
    raw = path.read_bytes()
    for word in (b"Lavc", b"x264", b"libvpx", b"vpx", b"cabac=", b"FFMP", b"Opus 1", b"libopus"):
        assert word not in raw, word
    assert raw.count(b"Lavf") == (2 if format == "webm" else 0)
    assert check(path, NO_LABELS, RATE, MUXERS[format]) == ("nothing but what was asked for",)


@pytest.mark.parametrize("format", FORMATS)
def test_all_of_it_on_request(files: Callable[[str, bool], Path], format: str) -> None:
    path = files(format, True)
    found = demuxed(path)
    assert found["tags"]["title"] == TITLE
    if format == "wav":
        assert (found["tags"]["date"], found["tags"]["language"]) == ("2024-01-02", "deu")
    else:
        assert datetime.fromisoformat(found["tags"]["creation_time"]) == CREATED
        assert found["languages"]["audio"] == ("ger" if format == "webm" else "deu")
        assert found["languages"].get("video") in (None, "und")
        # frame 5 of 29.97 a second, exactly; in whole milliseconds where the pictures' times are
        five, twelve = (Fraction(167, 1000), Fraction(400, 1000)) if format == "webm" else (5 / RATE, 12 / RATE)
        assert found["chapters"] == [(0, five, "one"), (five, twelve, "zwö")]
    said = check(path, labels_for(format), RATE, MUXERS[format])
    wanted = {"title", "languages", "creation time", *(() if format == "wav" else ("chapters",))}
    assert set(said) == wanted | {"nothing but what was asked for"}


@pytest.mark.parametrize("format", ["mov", "webm"])
def test_chapters_begin_with_their_pictures(files: Callable[[str, bool], Path], format: str) -> None:
    """Who jumps to a chapter must see its first frame, not the last one of the chapter before."""
    path = files(format, True)
    with av.open(str(path)) as container:
        times = sorted(packet.pts * packet.time_base for packet in container.demux(video=0) if packet.pts is not None)
    assert [start for start, _, _ in demuxed(path)["chapters"]] == [times[0], times[5]]


# Other programs


@pytest.mark.parametrize("format", FORMATS)
def test_ffprobe_says_the_same(files: Callable[[str, bool], Path], format: str) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe on the PATH")
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json"]
    found = subprocess.run([*command, str(files(format, True))], capture_output=True, text=True, timeout=30, check=True)
    assert found.stderr == ""
    data = json.loads(found.stdout)
    assert data["format"]["tags"]["title"] == TITLE
    assert [c["tags"]["title"] for c in data["chapters"]] == ([] if format == "wav" else ["one", "zwö"])
    sound = next(stream for stream in data["streams"] if stream["codec_type"] == "audio")
    tags = data["format"]["tags"] if format == "wav" else sound["tags"]
    assert tags["language"] == ("ger" if format == "webm" else "deu")


@pytest.mark.parametrize("format", FORMATS)
def test_mediainfo_says_the_same(files: Callable[[str, bool], Path], format: str) -> None:
    if shutil.which("mediainfo") is None:
        pytest.skip("no mediainfo on the PATH")
    found = subprocess.run(
        ["mediainfo", "--Output=JSON", str(files(format, True))], capture_output=True, timeout=30, check=True
    )
    tracks = {track["@type"]: track for track in json.loads(found.stdout)["media"]["track"]}
    general, sound = tracks["General"], tracks["Audio"]
    assert sound["Language"] == "de"
    date = general["Recorded_Date" if format == "wav" else "Encoded_Date"]
    assert date.replace("UTC ", "").startswith("2024-01-02")
    if format != "wav":  # it takes the texts of a WAV for Latin-1; programs differ there
        assert general["Title"] == TITLE
        assert {"one", "zwö"} <= set(tracks["Menu"]["extra"].values())


# The check


DIFFERENT = {
    "title": (Labels("T"), "its title is"),
    "language": (Labels(language="fra"), "language is"),
    "time": (Labels(created=CREATED), "(has the time|its day is)"),
    "chapters": (Labels(chapters=CHAPTERS), "chapters instead of"),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("what", DIFFERENT)
def test_what_was_not_asked_for_fails_and_so_does_what_is_missing(
    files: Callable[[str, bool], Path], tmp_path: Path, format: str, what: str
) -> None:
    labels, says = DIFFERENT[what]
    if format == "wav" and what == "chapters":
        return
    with pytest.raises(VerifyError, match=says):
        check(files(format, False), labels, RATE, MUXERS[format])
    path = make(tmp_path / f"x.{format}", labels)
    with pytest.raises(VerifyError, match=says):
        check(path, NO_LABELS, RATE, MUXERS[format])
    assert len(check(path, labels, RATE, MUXERS[format])) == 2  # that, and nothing else


@pytest.mark.parametrize("format", ["mov", "webm", "m4a"])
@pytest.mark.parametrize(
    "other", [(Chapter(0, 4, "one"), Chapter(4, 12, "zwö")), (Chapter(0, 5, "one"), Chapter(5, 12, "x"))]
)
def test_other_chapters_fail(files: Callable[[str, bool], Path], format: str, other: tuple[Chapter, ...]) -> None:
    wanted = Labels(ASKED.title, other, ASKED.language, ASKED.created)
    with pytest.raises(VerifyError, match="chapter"):
        check(files(format, True), wanted, RATE, MUXERS[format])


@pytest.mark.parametrize(
    ("format", "key", "says"),
    [
        ("mov", "comment", "nobody asked for"),
        ("m4a", "artist", "nobody asked for"),
        ("webm", "comment", r"tags that nobody asked for \(COMMENT\)"),
        ("wav", "comment", "a text b'ICMT' that nobody asked for"),
    ],
)
def test_other_texts_fail(tmp_path: Path, format: str, key: str, says: str) -> None:
    file = tmp_path / f"a.{format}"
    with av.open(str(file), "w", format=MUXERS[format]) as container:
        container.flags |= 0x400
        container.metadata[key] = "x"
        codec = {"webm": "libopus", "wav": "pcm_s16le"}.get(format, "aac")
        stream = container.add_stream(codec, rate=48_000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "stereo"
        frame = av.AudioFrame(format=stream.format.name, layout="stereo", samples=960)
        frame.sample_rate, frame.pts = 48_000, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VerifyError, match=says):
        check(file, NO_LABELS, RATE, MUXERS[format])


def test_a_maker_fails(files: Callable[[str, bool], Path], tmp_path: Path) -> None:
    raw = files("mov", False).read_bytes()
    at = raw.index(b"avc1", raw.index(b"stsd")) + 16
    assert raw[at : at + 4] == bytes(4)
    (tmp_path / "a.mov").write_bytes(raw[:at] + b"FFMP" + raw[at + 4 :])
    with pytest.raises(VerifyError, match="says who made it"):
        check(tmp_path / "a.mov", NO_LABELS, RATE, "mov")
    raw = files("webm", False).read_bytes()
    (tmp_path / "a.webm").write_bytes(raw.replace(b"WA\x84Lavf", b"WA\x84Mine"))
    with pytest.raises(VerifyError, match="says that 'Mine' wrote it"):
        check(tmp_path / "a.webm", NO_LABELS, RATE, "webm")


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_an_error_of_verification_or_nothing(
    files: Callable[[str, bool], Path], tmp_path: Path, format: str, data: st.DataObject
) -> None:
    raw = bytearray(files(format, True).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw), 3000) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"x.{format}"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        said = check(path, labels_for(format), RATE, MUXERS[format])
    except VerifyError:
        return
    assert "title" in said


# Numbers


def test_languages_of_matroska() -> None:
    # ISO 639-2 has two codes for twenty languages; Matroska takes that of books
    assert [in_matroska(each) for each in ("deu", "fra", "zho", "eng", "und")] == ["ger", "fre", "chi", "eng", "und"]


@given(st.integers(0, 10**6), st.sampled_from([Fraction(30), RATE, Fraction(60000, 1001), Fraction(25)]))
def test_milliseconds_are_the_nearest(frame: int, fps: Fraction) -> None:
    assert abs(milliseconds(frame, fps) - Fraction(frame * 1000) / fps) <= Fraction(1, 2)


# From end to end


@pytest.fixture(scope="module")
def parts(tiny_cap: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edit of the tiny recording: 0.7 s, 0.5 s and 0.5 s."""
    project = json.loads((tiny_cap / "project-config.json").read_text(encoding="utf-8"))
    times = ((0.0, 0.7), (0.9, 1.4), (1.5, 2.0))
    project["timeline"] = {
        "segments": [{"recordingSegment": 0, "timescale": 1, "start": a, "end": b} for a, b in times]
    }
    project["captions"] = {"segments": [{"id": "a", "start": 0.1, "end": 0.6, "text": "Hallo"}], "settings": {}}
    file = tmp_path_factory.mktemp("edit") / "project-config.json"
    file.write_text(json.dumps(project), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("x.mov", {}),
        ("x.mov", {"codec": "h264", "encoder_preset": "ultrafast", "subtitles": "srt"}),
        ("x.webm", {}),
        ("x.m4a", {}),
        ("x.wav", {"chapters": False}),
    ],
)
def test_an_export_says_what_was_asked_for(
    tiny_cap: Path, parts: Path, tmp_path: Path, name: str, more: dict[str, Any]
) -> None:
    plain: dict[str, Any] = {"project": parts}
    if not name.endswith(("m4a", "wav")):
        plain |= {"resolution": "160x90", "fps": Fraction(20)}
    asked: dict[str, Any] = {"title": TITLE, "chapters": True, "language": "fra", "creation_time": True}
    report = export(tiny_cap, tmp_path / name, settings=ExportSettings(**plain | asked | more))
    wanted = {"title", "languages", "creation time", *(() if name == "x.wav" else ("chapters",))}
    assert wanted < set(report.verified)
    found = demuxed(tmp_path / name)
    assert found["tags"]["title"] == TITLE
    if name != "x.wav":
        assert found["languages"]["audio"] == ("fre" if name == "x.webm" else "fra")
        # 0.7 s, 0.5 s and 0.5 s at 20 frames a second: frames 0, 14, 24, 34
        starts = [Fraction(frame, 20) for frame in (0, 14, 24, 34)]
        names = [f"Part {k}" for k in (1, 2, 3)]
        assert found["chapters"] == list(zip(starts[:-1], starts[1:], names, strict=True))
    if "subtitles" in more:
        assert found["languages"]["subtitle"] == "fra"
