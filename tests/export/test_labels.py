"""What a file says about itself: nothing unless asked, then exactly that; read by a second program."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from reelpress.cli.app import run
from reelpress.errors import SettingsError, VerifyError
from reelpress.export.api import export
from reelpress.export.labels import chapters
from reelpress.export.prepare import prepare
from reelpress.export.settings import ExportSettings
from reelpress.media.encoder import AudioEncoderSpec, EncoderSpec
from reelpress.media.index_edit import packed
from reelpress.media.labels import NO_LABELS, Chapter, Labels, short
from reelpress.media.labels_check import EPOCH, check
from reelpress.media.mux import Mp4Writer
from reelpress.media.scale import allocate
from reelpress.timeline.timeline import Clip, FrameRange, Hold, Timeline

FAST: dict[str, Any] = {"resolution": "320x180", "encoder_preset": "ultrafast"}


def ffprobe(file: Path) -> dict[str, Any]:
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe on the PATH")
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json", str(file)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    data: dict[str, Any] = json.loads(done.stdout)
    return data


@pytest.fixture(scope="module")
def parts(tiny_cap: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edit of the tiny recording in three clips, one of them with a name; captions too."""
    project = json.loads((tiny_cap / "project-config.json").read_text(encoding="utf-8"))
    project["timeline"] = {
        "segments": [
            {"recordingSegment": 0, "timescale": 1, "start": 0, "end": 0.7},
            {"recordingSegment": 0, "timescale": 2, "start": 0.9, "end": 1.5, "name": "  Über\nviele Zeilen "},
            {"recordingSegment": 0, "timescale": 1, "start": 1.5, "end": 2.0},
        ]
    }
    file = tmp_path_factory.mktemp("edit") / "project-config.json"
    file.write_text(json.dumps(project), encoding="utf-8")
    return file


# Nothing unless asked


def test_by_default_it_says_nothing(tiny_cap: Path, tmp_path: Path) -> None:
    report = export(tiny_cap, tmp_path / "x.mp4", settings=ExportSettings(**FAST, end=Fraction(1, 3)))
    assert "nothing but what was asked for" in report.verified
    data = ffprobe(tmp_path / "x.mp4")
    tags = data["format"]["tags"]
    assert set(tags) == {"major_brand", "minor_version", "compatible_brands"}
    assert data["chapters"] == [] and len(data["streams"]) == 2
    for stream in data["streams"]:
        assert set(stream["tags"]) <= {"language", "handler_name", "vendor_id"}
        assert stream["tags"]["language"] == "und"
    raw = (tmp_path / "x.mp4").read_bytes()
    for word in (str(tiny_cap).encode(), b"Tiny", b"Lavf", b"Lavc", b"x264", b"cabac="):
        assert word not in raw, word


def test_all_of_it_on_request(tiny_cap: Path, parts: Path, tmp_path: Path) -> None:
    settings = ExportSettings(
        **FAST,
        fps=Fraction(30),
        project=parts,
        title='Ein "Titel" é 漢',
        chapters=True,
        language="deu",
        creation_time=True,
    )
    before = datetime.now(UTC) - timedelta(seconds=2)
    report = export(tiny_cap, tmp_path / "x.mp4", settings=settings)
    assert {"title", "chapters", "languages", "creation time"} <= set(report.verified)
    data = ffprobe(tmp_path / "x.mp4")
    assert data["format"]["tags"]["title"] == 'Ein "Titel" é 漢'
    made = datetime.fromisoformat(data["format"]["tags"]["creation_time"])
    assert before <= made <= datetime.now(UTC) + timedelta(seconds=1)
    kinds = {stream["codec_type"]: stream for stream in data["streams"]}
    assert kinds["audio"]["tags"]["language"] == "deu" and kinds["video"]["tags"]["language"] == "und"
    assert kinds["data"]["tags"]["language"] == "deu"  # the track of chapters
    assert kinds["video"]["codec_tag_string"] == "avc1"
    # 0.7 s, then 0.3 s (0.6 s at twice the speed), then 0.5 s: frames 0, 21, 30, 45 of 30 a second
    found = [
        (
            Fraction(c["start"]) * Fraction(c["time_base"]),
            Fraction(c["end"]) * Fraction(c["time_base"]),
            c["tags"]["title"],
        )
        for c in data["chapters"]
    ]
    assert found == [
        (0, Fraction(21, 30), "Part 1"),
        (Fraction(21, 30), 1, "Über viele Zeilen"),
        (1, Fraction(45, 30), "Part 3"),
    ]
    with av.open(str(tmp_path / "x.mp4")) as container:  # the pictures are none the worse for it
        assert sum(1 for _ in container.decode(video=0)) == 45


def test_uneven_rates_are_exact_too(tiny_cap: Path, parts: Path, tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    export(
        tiny_cap, tmp_path / "x.mp4", settings=ExportSettings(**FAST, fps=rate, project=parts, chapters=True)
    )  # verified: exactly at frames, or it would have failed
    starts = [Fraction(c["start"]) * Fraction(c["time_base"]) for c in ffprobe(tmp_path / "x.mp4")["chapters"]]
    # the first frame at or after 0.7 s and 1 s: 0.7 * 29.97 = 20.98 -> 21, 29.97 -> 30
    assert starts == [0, 21 / rate, 30 / rate]


def test_subtitles_have_the_language(tiny_cap: Path, tmp_path: Path) -> None:
    project = json.loads((tiny_cap / "project-config.json").read_text(encoding="utf-8"))
    project["captions"] = {"segments": [{"id": "a", "start": 0.1, "end": 0.8, "text": "Hallo"}], "settings": {}}
    (tmp_path / "p.json").write_text(json.dumps(project), encoding="utf-8")
    settings = ExportSettings(**FAST, project=tmp_path / "p.json", subtitles="srt", language="deu", end=Fraction(1))
    report = export(tiny_cap, tmp_path / "x.mp4", settings=settings)
    assert report.subtitles is not None and report.subtitles["language"] == "deu"
    languages = [stream["tags"]["language"] for stream in ffprobe(tmp_path / "x.mp4")["streams"]]
    assert languages == ["und", "deu", "deu"]


def test_copied_packets_get_them_too(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    _small(source, Labels("Secret", (Chapter(0, 6, "x"), Chapter(6, 12, "y")), "fra", datetime.now(UTC)))
    plain = export(source, tmp_path / "plain.mp4", settings=ExportSettings(resolution="source"))
    assert plain.frames.copied == 12
    check(tmp_path / "plain.mp4", NO_LABELS, Fraction(30))  # what the source says does not come along
    export(source, tmp_path / "b.mp4", settings=ExportSettings(resolution="source", title="Mine", language="eng"))
    data = ffprobe(tmp_path / "b.mp4")
    assert data["format"]["tags"]["title"] == "Mine"
    assert [stream["tags"]["language"] for stream in data["streams"]] == ["und", "eng"]


def test_copied_packets_get_chapters(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    _small(source, NO_LABELS)
    times = ((0.0, 0.2), (0.2, 0.4))
    segments = [{"recordingSegment": 0, "timescale": 1, "start": a, "end": b} for a, b in times]
    (tmp_path / "p.json").write_text(json.dumps({"timeline": {"segments": segments}}), encoding="utf-8")
    asked = ExportSettings(resolution="source", project=tmp_path / "p.json", chapters=True, creation_time=True)
    report = export(source, tmp_path / "b.mp4", settings=asked)
    assert report.frames.copied == 12
    assert {"chapters", "creation time", "nothing but what was asked for"} <= set(report.verified)
    with av.open(str(tmp_path / "b.mp4")) as container:
        starts = [c["start"] * (c["time_base"] or 0) for c in container.chapters()]
        assert starts == [0, Fraction(1, 5)]  # 6 frames of 30 a second
        assert "creation_time" in container.metadata


def test_one_part_is_no_chapter(tiny_cap: Path) -> None:
    with prepare(tiny_cap, None, ExportSettings(chapters=True, end=Fraction(1, 2))) as job:
        assert job.labels == NO_LABELS
        assert any("only one part" in line for line in job.plan.warnings)


def test_the_caps_own_name_only_on_request(tiny_cap: Path) -> None:
    meta = json.loads((tiny_cap / "recording-meta.json").read_text(encoding="utf-8"))
    with prepare(tiny_cap, None, ExportSettings(title="@name")) as job:
        assert job.labels.title == meta["pretty_name"]
    with prepare(tiny_cap, None, ExportSettings()) as job:
        assert job.labels.title is None


# Which chapters there are


def test_chapters_begin_at_the_first_frame_that_shows_them() -> None:
    clips = [
        Clip(0, 0, Fraction(0), Fraction(1)),
        Clip(1, 0, Fraction(1), Fraction(101, 100)),
        Clip(2, 0, Fraction(2), Fraction(3)),
    ]
    timeline = Timeline.assemble(clips)
    # at 10 a second the second clip (1.00 to 1.01 s) is seen in frame 10 alone, the third from 1.01 s in frame 11
    assert chapters(timeline, [None, "b", ""], Fraction(10), FrameRange(0, 21)) == (
        Chapter(0, 10, "Part 1"), Chapter(10, 11, "b"), Chapter(11, 21, "Part 3"),
    )  # fmt: skip
    # at 3 a second no frame shows it: frame 3 is at 1.0 s, and its own; the next one is at 1.33 s
    assert [c.start for c in chapters(timeline, [], Fraction(3), FrameRange(0, 6))] == [0, 3, 4]
    # and moved by a little it owns none
    moved = Timeline.assemble([Clip(0, 0, Fraction(0), Fraction(11, 10)), *clips[1:]])
    assert chapters(moved, [], Fraction(3), FrameRange(0, 7)) == (Chapter(0, 4, "Part 1"), Chapter(4, 7, "Part 3"))


def test_chapters_of_a_range_count_from_its_begin() -> None:
    timeline = Timeline.assemble([Clip(k, 0, Fraction(k), Fraction(k + 1)) for k in range(4)])
    assert chapters(timeline, ["a", "b", "c", "d"], Fraction(10), FrameRange(15, 10)) == (
        Chapter(0, 5, "b"), Chapter(5, 10, "c"),
    )  # fmt: skip


def test_a_hold_does_not_end_a_chapter() -> None:
    clips = [Clip(0, 0, Fraction(0), Fraction(2)), Clip(1, 0, Fraction(2), Fraction(3))]
    timeline = Timeline.assemble(clips, holds=[Hold(Fraction(1), Fraction(2))])
    assert chapters(timeline, [], Fraction(10), FrameRange(0, 40)) == (
        Chapter(0, 30, "Part 1"),
        Chapter(30, 40, "Part 2"),
    )


def test_titles_are_cut_at_a_character() -> None:
    assert short("é" * 200) == "é" * 127  # two bytes each, of 255
    assert short("a" * 300) == "a" * 255


# The check


def _small(path: Path, labels: Labels, *, audio: bool = True) -> None:
    spec = EncoderSpec(width=64, height=48, fps=Fraction(30), crf=30.0, preset="ultrafast", gop_frames=6)
    writer = Mp4Writer(path, video=spec, audio=AudioEncoderSpec() if audio else None, labels=labels)
    planes = allocate(64, 48)
    for plane in planes.planes:
        plane[:] = 100
    import numpy as np

    for k in range(12):
        writer.mux(writer.video.encode(planes, k))
        if writer.audio is not None:
            writer.mux(writer.audio.encode(np.zeros((2, 1600), np.float32), k * 1600))
    writer.mux(writer.video.flush())
    if writer.audio is not None:
        writer.mux(writer.audio.flush())
    writer.finish()


ASKED = Labels("T", (Chapter(0, 5, "one"), Chapter(5, 12, "two")), "deu", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_what_was_asked_for_passes(tmp_path: Path) -> None:
    _small(tmp_path / "a.mp4", ASKED)
    assert check(tmp_path / "a.mp4", ASKED, Fraction(30)) == (
        "nothing but what was asked for", "title", "chapters", "languages", "creation time",
    )  # fmt: skip
    _small(tmp_path / "b.mp4", NO_LABELS)
    assert check(tmp_path / "b.mp4", NO_LABELS, Fraction(30)) == ("nothing but what was asked for",)


@pytest.mark.parametrize(
    ("written", "wanted", "says"),
    [
        (Labels("T"), NO_LABELS, "its title is 'T' instead of None"),
        (NO_LABELS, Labels("T"), "its title is None instead of 'T'"),
        (Labels("T"), Labels("U"), "instead of 'U'"),
        (Labels(created=ASKED.created), NO_LABELS, "has the time 3787009445 instead of 0"),
        (NO_LABELS, Labels(created=ASKED.created), "has the time 0 instead of 3787009445"),
        (Labels(language="deu"), NO_LABELS, "language is deu instead of und"),
        (NO_LABELS, Labels(language="fra"), "language is und instead of fra"),
        (Labels(chapters=ASKED.chapters), NO_LABELS, "tracks of chapters instead of 0"),
        (NO_LABELS, Labels(chapters=ASKED.chapters), "0 tracks of chapters instead of 1"),
        (
            Labels(chapters=ASKED.chapters),
            Labels(chapters=(Chapter(0, 5, "one"), Chapter(5, 12, "zwei"))),
            "list of chapters",
        ),
        (
            Labels(chapters=ASKED.chapters),
            Labels(chapters=(Chapter(0, 4, "one"), Chapter(4, 12, "two"))),
            "chapter 1 differs",
        ),
    ],
)
def test_anything_else_fails(tmp_path: Path, written: Labels, wanted: Labels, says: str) -> None:
    _small(tmp_path / "a.mp4", written)
    with pytest.raises(VerifyError, match=says):
        check(tmp_path / "a.mp4", wanted, Fraction(30))


def test_other_texts_fail(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    for key in ("comment", "encoder_settings", "artist"):
        with av.open(str(file), "w", container_options={"movflags": "use_metadata_tags"}) as container:
            container.flags |= 0x400
            container.metadata[key] = "x"
            stream = container.add_stream("libx264", rate=30)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
            container.mux(stream.encode(None))
        with pytest.raises(VerifyError, match="nobody asked for"):
            check(file, NO_LABELS, Fraction(30))
    plain = tmp_path / "b.mp4"
    _small(plain, NO_LABELS)
    with plain.open("ab") as end:
        end.write(struct.pack(">I4s16s", 24, b"uuid", b"x" * 16))
    with pytest.raises(VerifyError, match="a box uuid that nobody asked for"):
        check(plain, NO_LABELS, Fraction(30))


def test_numbers_of_the_format() -> None:
    # ISO 639-2 in 5 bits each: d=4 e=5 u=21
    assert packed("deu") == (4 << 10) + (5 << 5) + 21
    assert (datetime(1970, 1, 1, tzinfo=UTC) - EPOCH).total_seconds() == 2_082_844_800


# What is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"language": "de"}, "three small letters"),
        ({"language": "DEU"}, "three small letters"),
        ({"title": ""}, "--title takes 1 to 1000 characters"),
        ({"title": "a\nb"}, "--title takes"),
        ({"title": "x" * 1001}, "--title takes"),
    ],
)
def test_bad_values(options: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        ExportSettings(**options)


@pytest.mark.parametrize("format", ["gif", "webp", "apng", "png"])
def test_only_where_they_can_be_written(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    article = "an" if format == "apng" else "a"
    for option in (["--title", "x"], ["--chapters"], ["--language", "eng"], ["--creation-time"]):
        assert run(["export", str(tiny_cap), "-o", str(tmp_path / "x"), "--format", format, *option]) == 2
        said = capsys.readouterr().err
        assert f"{option[0]}: {article} {format} has no place for it. Leave it out, or use --format mp4, mov" in said
    with prepare(tiny_cap, tmp_path / "x", ExportSettings(format=format)) as job:  # type: ignore[arg-type]
        assert job.labels == NO_LABELS


def test_a_wav_has_no_chapters(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", str(tiny_cap), "--chapters", "--format", "wav"]) == 2
    assert "--chapters: a wav has no place for it. Leave it out, or use --format mp4, mov, webm or m4a." in (
        capsys.readouterr().err
    )


def test_a_plain_video_has_no_name_of_its_own(tmp_path: Path) -> None:
    _small(tmp_path / "a.mp4", NO_LABELS)
    with pytest.raises(SettingsError, match=r"--title @name is for \.cap recordings"):
        prepare(tmp_path / "a.mp4", None, ExportSettings(title="@name"))
