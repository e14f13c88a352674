"""Whatever is given as input: a clear answer, the right exit code, and nothing written that was not asked for."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bad_makers import cap, clip, damage, grey_levels, level

from export_harness import Cli, is_one_sentence, names

FAST = ("--encoder-preset", "ultrafast")


# -- inputs that cannot be read ------------------------------------------------------------------------------------


def _missing(path: Path) -> None:
    del path


def _other_folder(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("no recording")


def _empty_folder(path: Path) -> None:
    path.mkdir()


def _text(path: Path) -> None:
    path.write_text("This is a letter, not a film.\n" * 40)


def _empty(path: Path) -> None:
    path.touch()


def _no_index(path: Path) -> None:
    clip(path, frames=30)
    data = path.read_bytes()
    assert data.rfind(b"moov") > len(data) // 2  # the index comes last, so a recorder that crashed wrote none
    path.write_bytes(data[: data.rfind(b"moov") - 8])


def _random(path: Path) -> None:
    path.write_bytes(bytes((7 * n * n + n) % 251 for n in range(5000)))


def _script(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile secret.mp4\n")


def _network_playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n")


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("gone.mp4", _missing, "there is no such file"),
        ("holiday", _other_folder, "folder without recording-meta.json"),
        ("nothing", _empty_folder, "empty folder"),
        ("letter.mp4", _text, "not a video"),
        ("zero.mp4", _empty, "0 bytes"),
        ("crashed.mp4", _no_index, "index (moov) is missing"),
        ("random.mkv", _random, "not a video"),
        ("script.mp4", _script, "not supported"),
        ("live.m3u8", _network_playlist, "playlist"),
    ],
)
@pytest.mark.parametrize("command", ["export", "plan", "probe"])
def test_an_unreadable_source_is_three_with_one_sentence(
    name: str, make: Callable[[Path], None], reason: str, command: str, here: Path, cli: Cli, tmp_path: Path
) -> None:
    source = tmp_path / name
    make(source)
    result = cli(command, source, *(("-o", here / "out.mp4") if command == "export" else ()))
    assert result.exit == 3
    assert result.out == ""
    assert is_one_sentence(result.sentence)
    assert name in result.sentence
    assert reason in result.sentence
    assert names(here) == []


def test_json_has_one_error_event(here: Path, cli: Cli) -> None:
    result = cli("export", "gone.mp4", "--json")
    assert [(e["type"], e["code"], e["schema_version"]) for e in result.events] == [("error", "input_missing", 1)]
    assert "gone.mp4" in result.events[0]["error"]
    assert names(here) == []


def test_no_folder_is_made_for_an_export_that_fails(here: Path, cli: Cli) -> None:
    assert cli("export", "gone.mp4", "-o", "new/deep/").exit == 3
    assert cli("export", "gone.mp4", "gone2.mp4", "-o", "new").exit == 3
    assert names(here) == []


def test_devices_and_pipes_are_refused(here: Path, cli: Cli) -> None:
    os.mkfifo("pipe.mp4")
    for source in ("pipe.mp4", "/dev/zero"):
        assert cli("export", source).exit == 3
    assert names(here) == ["pipe.mp4"]


def test_sound_alone_is_refused(here: Path, cli: Cli) -> None:
    recording = cap(here / "a.cap", mic=True)
    sound = recording / "content/segments/segment-0/audio-input.m4a"
    result = cli("export", sound, "-o", "out.mp4")
    assert result.exit == 3
    assert sound.name in result.sentence
    assert "out.mp4" not in names(here)


# -- metadata and configuration ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["recording-meta.json", "project-config.json"])
def test_broken_json_names_file_and_line(file: str, here: Path, cli: Cli) -> None:
    recording = cap(here / "a.cap")
    (recording / file).write_text('{\n  "a": 1,\n  "b": ]\n}\n')
    result = cli("export", recording, "-o", "out.mp4")
    assert result.exit == 3
    for part in (file, "line 3", "expected", "given"):
        assert part in result.sentence
    assert not Path("out.mp4").exists()


@pytest.mark.parametrize(
    ("file", "keys", "value", "said"),
    [
        ("recording-meta.json", ("segments",), "none", ("segments", 'given "none"')),
        ("recording-meta.json", ("segments", 0, "display", "fps"), "fast", ("segments[0].display.fps", '"fast"')),
        ("recording-meta.json", ("segments", 0, "display", "path"), 7, ("segments[0].display.path", "7")),
        ("project-config.json", ("background", "padding"), "wide", ("background.padding", '"wide"')),
        ("project-config.json", ("timeline",), {"segments": [{"start": 0, "end": "x"}]}, ("timeline.segments[0]",)),
        ("project-config.json", ("timeline",), {"segments": []}, ("timeline.segments",)),
    ],
)
def test_wrong_types_name_file_key_expected_and_given(
    file: str, keys: tuple[str | int, ...], value: Any, said: tuple[str, ...], here: Path, cli: Cli
) -> None:
    path = cap(here / "a.cap") / file
    data = inner = json.loads(path.read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(data))
    result = cli("export", here / "a.cap", "-o", "out.mp4")
    assert result.exit == 3
    for part in (file, "expected", "given", *said):
        assert part in result.sentence
    assert names(here / "a.cap") == names(cap(here / "fresh.cap"))
    assert not Path("out.mp4").exists()


def test_a_project_file_that_is_missing_or_broken(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4")
    assert cli("export", "a.mp4", "-o", "o.mp4", "--project", "gone.json").exit == 3
    Path("look.json").write_text("[1, 2]")
    result = cli("export", "a.mp4", "-o", "o.mp4", "--project", "look.json")
    assert result.exit == 3
    assert "look.json" in result.sentence
    assert names(here) == ["a.mp4", "look.json"]


def test_without_the_screen_track_there_is_no_export(here: Path, cli: Cli) -> None:
    recording = cap(here / "a.cap")
    (recording / "content/segments/segment-0/display.mp4").unlink()
    result = cli("export", recording, "-o", "out.mp4")
    assert result.exit == 3
    assert "display.mp4" in result.sentence
    assert not Path("out.mp4").exists()


@pytest.mark.parametrize("how", ["absent", "empty", "text"])
@pytest.mark.parametrize(("kind", "file"), [("camera", "camera.mp4"), ("microphone", "audio-input.m4a")])
def test_without_another_track_a_warning_and_the_export_goes_on(
    kind: str, file: str, how: str, here: Path, cli: Cli
) -> None:
    recording = cap(here / "a.cap", camera=True, mic=True)
    track = recording / "content/segments/segment-0" / file
    track.unlink()
    if how != "absent":
        track.write_text("" if how == "empty" else "not what it should be " * 200)
    result = cli("export", recording, "-o", "out.mp4", "--json", *FAST)
    assert result.exit == 0
    plan, done = result.events[0], result.events[-1]
    for warnings in (plan["warnings"], done["report"]["warnings"]):
        assert [w for w in warnings if kind in w and file in w], warnings
    assert done["report"]["frames"]["total"] == 24  # 12 frames at 30 fps, shown at 60


# -- damaged frames ------------------------------------------------------------------------------------------------


def test_damaged_frames_show_the_last_good_one_in_order(here: Path, cli: Cli) -> None:
    # Every frame is a key frame, so what is damaged is exactly what was overwritten: 4 of 100.
    bad = [40, 41, 70, 90]
    clip(here / "a.mp4", frames=100, gop=1, noise=True)
    damage(here / "a.mp4", bad)
    result = cli("export", "a.mp4", "-o", "out.mp4", "--json", *FAST)
    assert result.exit == 0
    report = result.events[-1]["report"]
    assert report["frames"]["total"] == 100
    assert report["frames"]["repeated_after_error"] == len(bad)
    assert [w for w in report["warnings"] if "could not be decoded" in w and "4" in w]
    shown = [level(39) if n in (40, 41) else level(n - 1) if n in bad else level(n) for n in range(100)]
    assert [abs(a - b) <= 4 for a, b in zip(grey_levels(here / "out.mp4"), shown, strict=True)] == [True] * 100


def test_damage_inside_a_group_is_counted_and_the_next_key_frame_is_right(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4", frames=120, gop=3, noise=True)
    damage(here / "a.mp4", [61])
    result = cli("export", "a.mp4", "-o", "out.mp4", "--json", *FAST)
    assert result.exit == 0
    assert 1 <= result.events[-1]["report"]["frames"]["repeated_after_error"] <= 2
    shown = grey_levels(here / "out.mp4")
    assert len(shown) == 120
    for n in (*range(61), *range(63, 120)):
        assert abs(shown[n] - level(n)) <= 4, n


def test_more_than_five_percent_damaged_fails(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4", frames=100, gop=1, noise=True)
    damage(here / "a.mp4", [10, 20, 30, 40, 50, 60])
    result = cli("export", "a.mp4", "-o", "out.mp4", *FAST)
    assert result.exit == 1
    assert "a.mp4" in result.sentence
    assert "6 of 100 frames" in result.sentence
    assert "5 %" in result.sentence
    assert names(here) == ["a.mp4"]


def test_more_than_two_seconds_in_a_row_fail(here: Path, cli: Cli) -> None:
    # 6 of 140 frames are 4.3 %, but at 2 fps they last 3 s.
    clip(here / "a.mp4", frames=140, fps=2, gop=1, noise=True)
    damage(here / "a.mp4", list(range(60, 66)))
    result = cli("export", "a.mp4", "-o", "out.mp4", "--json", *FAST)
    assert result.exit == 1
    assert result.events[-1]["code"] == "damaged_source"
    assert "2 s in a row" in result.events[-1]["error"]
    assert names(here) == ["a.mp4"]


def test_a_file_cut_off_in_the_middle_is_exported_as_far_as_it_goes(here: Path, cli: Cli) -> None:
    clip(here / "a.mkv", frames=60, gop=5, noise=True)
    data = (here / "a.mkv").read_bytes()
    (here / "a.mkv").write_bytes(data[: len(data) // 2])
    result = cli("export", "a.mkv", "-o", "out.mp4", "--json", *FAST)
    assert result.exit == 0
    assert 20 <= result.events[-1]["report"]["frames"]["total"] <= 40


# -- targets -------------------------------------------------------------------------------------------------------


def test_an_existing_target_is_left_alone(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4")
    Path("out.mp4").write_bytes(b"precious")
    result = cli("export", "a.mp4", "-o", "out.mp4", "--json")
    assert result.exit == 2
    assert result.events[-1]["code"] == "target_exists"
    assert Path("out.mp4").read_bytes() == b"precious"
    assert names(here) == ["a.mp4", "out.mp4"]


def test_overwriting_fails_as_a_whole_or_not_at_all(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4", frames=40, gop=1, noise=True)
    damage(here / "a.mp4", list(range(10, 30)))
    Path("out.mp4").write_bytes(b"precious")
    assert cli("export", "a.mp4", "-o", "out.mp4", "--overwrite", *FAST).exit == 1
    assert Path("out.mp4").read_bytes() == b"precious"
    assert names(here) == ["a.mp4", "out.mp4"]


def _same(here: Path) -> str:
    return "a.mp4"


def _symlink(here: Path) -> str:
    (here / "link.mp4").symlink_to("a.mp4")
    return "link.mp4"


def _hard_link(here: Path) -> str:
    os.link(here / "a.mp4", here / "hard.mp4")
    return "hard.mp4"


def _spelling(here: Path) -> str:
    return f"../{here.name}/./a.mp4"


def _link_to_folder(here: Path) -> str:
    (here / "there").symlink_to(here, target_is_directory=True)
    return "there/a.mp4"


@pytest.mark.parametrize("make", [_same, _symlink, _hard_link, _spelling, _link_to_folder])
@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_the_source_is_never_the_target(
    make: Callable[[Path], str], overwrite: tuple[str, ...], here: Path, cli: Cli
) -> None:
    before = clip(here / "a.mp4").read_bytes()
    target = make(here)
    result = cli("export", "a.mp4", "-o", target, "--json", *overwrite)
    assert result.exit == 2
    assert result.events[-1]["code"] == "target_is_source"
    assert Path("a.mp4").read_bytes() == before
    assert not [name for name in names(here) if name.endswith((".part", ".lock"))]


@pytest.mark.parametrize(
    "inside",
    [
        "content/segments/segment-0/display.mp4",
        "content/segments/segment-0/camera.mp4",
        "content/segments/segment-0/new.mp4",
        "recording-meta.json",
        "project-config.json",
    ],
)
def test_no_track_of_a_recording_is_replaced(inside: str, here: Path, cli: Cli) -> None:
    recording = cap(here / "a.cap", camera=True)
    before = {p: p.read_bytes() for p in recording.rglob("*") if p.is_file()}
    result = cli("export", "a.cap", "-o", recording / inside, "--overwrite", "--json")
    assert result.exit == 2
    assert result.events[-1]["code"] == "target_is_source"
    assert {p: p.read_bytes() for p in recording.rglob("*") if p.is_file()} == before


def test_a_recording_has_a_folder_for_results(here: Path, cli: Cli) -> None:
    recording = cap(here / "a.cap")
    (recording / "output").mkdir()
    assert cli("export", "a.cap", "-o", "a.cap/output/result.mp4", *FAST).exit == 0


def test_a_playlist_is_not_replaced_by_way_of_a_segment_of_it(here: Path, cli: Cli) -> None:
    clip(here / "part.ts", frames=30)
    before = Path("part.ts").read_bytes()
    Path("a.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n")
    assert cli("export", "a.m3u8", "-o", "part.ts", "--format", "mp4").exit == 2
    assert Path("part.ts").read_bytes() == before


@pytest.mark.parametrize(
    ("target", "code", "reason"),
    [
        ("missing/out.mp4", 1, "does not exist"),
        ("file.txt/out.mp4", 1, "not"),
        ("/proc/out.mp4", 1, "cannot be written"),
        ("/sys/kernel/out.mp4", 1, "cannot be written"),
        ("/dev/full", 2, "not an ordinary file"),
        ("/dev/null", 2, "not an ordinary file"),
        ("x" * 252 + ".mp4", 1, "too long"),
        ("file.txt/new/", 1, "cannot be written"),
        ("/proc/new/", 1, "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written_to(target: str, code: int, reason: str, here: Path, cli: Cli) -> None:
    clip(here / "a.mp4")
    Path("file.txt").write_text("a file")
    result = cli("export", "a.mp4", "-o", target, "--overwrite")
    assert result.exit == code
    assert reason in result.sentence
    assert is_one_sentence(result.sentence.replace("; ", ". "))
    assert names(here) == ["a.mp4", "file.txt"]


def test_a_folder_without_permission(here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    clip(here / "a.mp4")
    Path("locked").mkdir()
    Path("locked").chmod(0o500)
    if os.access("locked", os.W_OK):  # root may do everything: let the system's answer be that of an ordinary user
        real = os.open

        def denied(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if flags & os.O_CREAT and "locked" in os.fspath(path):
                raise PermissionError(13, "Permission denied", path)
            return real(path, flags, *rest, **more)

        monkeypatch.setattr(os, "open", denied)
    result = cli("export", "a.mp4", "-o", "locked/out.mp4")
    assert result.exit == 1
    assert "permission denied" in result.sentence
    assert names(here) == ["a.mp4", "locked"]


# -- names ---------------------------------------------------------------------------------------------------------


NAMES = [
    "with space.mp4",
    'it\'s "quoted".mp4',
    "100% %d %s %%.mp4",
    "two\nlines.mp4",
    "a:b.mp4",
    "file:x.mp4",
    "http:x.mp4",
    "-dash.mp4",
    "ünïcödé 録画 🎬.mp4",
    "décomposé.mp4",
    "[x] {y} *?.mp4",
    "back\\slash.mp4",
    "x" * 251 + ".mp4",
    "録" * 83 + ".mp4",  # 253 bytes
    "no_suffix",
    b"not-utf8-\xff\xfe.mp4".decode("utf-8", "surrogateescape"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_works_for_source_and_target(name: str, here: Path, cli: Cli, tmp_path: Path) -> None:
    made = clip(tmp_path / "made.mp4", frames=6)
    Path("in").mkdir()
    Path("out").mkdir()
    shutil.copy(made, here / "in" / name)
    os.chdir(here / "in")
    # "--" ends the options, so that a leading dash is a name
    result = cli("export", "--json", "-o", f"../out/{name}", *FAST, "--", name)
    assert result.exit == 0, result.err
    assert result.events[-1]["output"] == f"../out/{name}"
    assert os.listdir("../out") == [name]
    assert len(grey_levels_of(here / "out" / name)) == 6


def grey_levels_of(path: Path) -> list[int]:
    """As ``grey_levels``, whatever the name (another reader may take a colon for a protocol)."""
    plain = path.parent / "plain.mp4"
    os.link(path, plain)
    try:
        return grey_levels(plain)
    finally:
        plain.unlink()


# -- sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "pix_fmt", "shown"),
    [
        ((321, 241), "yuv444p", (322, 242)),  # an odd side is rounded up (cap-format 3.1)
        ((17, 31), "yuv444p", (18, 32)),
        ((16, 16), "yuv420p", (16, 16)),
        ((640, 18), "yuv420p", (640, 18)),
    ],
)
def test_odd_and_small_sizes(size: tuple[int, int], pix_fmt: str, shown: tuple[int, int], here: Path, cli: Cli) -> None:
    clip(here / "a.mp4", frames=4, size=size, pix_fmt=pix_fmt)
    result = cli("export", "a.mp4", "-o", "out.mp4", "--json", "--resolution", "source", *FAST)
    assert result.exit == 0, result.err
    output = result.events[-1]["report"]["output"]
    assert (output["width"], output["height"]) == shown
    assert all(abs(a - level(n)) <= 4 for n, a in enumerate(grey_levels(here / "out.mp4")))


def test_two_pixels_are_refused_with_the_limit(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4", frames=4, size=(2, 2))
    result = cli("export", "a.mp4", "-o", "out.mp4")
    assert result.exit == 3
    assert "a.mp4" in result.sentence
    assert "2x2" in result.sentence
    assert "16" in result.sentence
    assert names(here) == ["a.mp4"]


@pytest.mark.release
@pytest.mark.parametrize("resolution", ["source", "1080p"])
def test_8k_works(resolution: str, here: Path, cli: Cli) -> None:
    clip(here / "a.mp4", frames=2, size=(7680, 4320))
    result = cli("export", "a.mp4", "-o", "out.mp4", "--json", "--resolution", resolution, *FAST)
    assert result.exit == 0, result.err
    output = result.events[-1]["report"]["output"]
    assert (output["width"], output["height"]) == ((7680, 4320) if resolution == "source" else (1920, 1080))


def test_larger_than_8k_is_a_clear_limit(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4", frames=2, size=(8208, 96))
    result = cli("export", "a.mp4", "-o", "out.mp4", "--resolution", "source")
    assert result.exit == 2
    assert "8192" in result.sentence
    assert names(here) == ["a.mp4"]
    assert cli("export", "a.mp4", "-o", "out.mp4", *FAST).exit == 0  # in the box of 1080p it fits


# -- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--gopp", "2"), "--gop"),
        (("--fps", "0"), "1 to 240"),
        (("--fps", "-5"), "1 to 240"),
        (("--fps", "nan"), "not a number"),
        (("--fps", "1/0"), "not a number"),
        (("--fps", "1e9"), "1 to 240"),
        (("--crf", "nan"), "--crf"),
        (("--crf", "99"), "0 (lossless) to 51"),
        (("--gop", "0"), "0.1 to 60"),
        (("--quality", "socail"), "social"),
        (("--resolution", "0x0"), "16"),
        (("--resolution", "99999x99999"), "8192"),
        (("--start", "5", "--end", "2"), "after --start"),
        (("--start", "-1"), "--start"),
        (("--start", "99"), "99"),
        (("--memory", "much"), "256MB"),
        (("--buffers", "0"), "2 to 512"),
        (("--stall-timeout", "nan"), "--stall-timeout"),
        (("--stall-timeout", "inf"), "--stall-timeout"),
        (("--encoder-preset", "placebo!"), "ultrafast"),
        (("--format", "webm"), "contradict"),
        (("--gif-quality", "80"), "for --format gif"),
    ],
    ids=" ".join,
)
def test_bad_options_are_two_and_say_what_is_allowed(options: tuple[str, ...], said: str, here: Path, cli: Cli) -> None:
    clip(here / "a.mp4")
    result = cli("export", "a.mp4", "-o", "out.mp4", *options)
    assert result.exit == 2, result.err
    assert said in result.err
    assert names(here) == ["a.mp4"]


ELSEWHERE = "h264_videotoolbox" if sys.platform != "darwin" else "h264_mf"
"""An encoder that another system has."""


def test_a_strict_fallback_is_one(here: Path, cli: Cli) -> None:
    clip(here / "a.mp4")
    result = cli("export", "a.mp4", "-o", "out.mp4", "--encoder", ELSEWHERE, "--strict", "--json")
    assert result.exit == 1
    assert result.events[-1]["code"] == "strict_fallback"
    assert names(here) == ["a.mp4"]


# -- found by mutating files ---------------------------------------------------------------------------------------


def flv_tags(path: Path) -> list[tuple[int, int, bytes]]:
    """``(type, milliseconds, bytes)`` of all tags of an FLV file (Adobe FLV specification 10.1, E.4.1)."""
    data, at, tags = path.read_bytes(), 13, []
    while at + 11 <= len(data):
        end = at + 11 + int.from_bytes(data[at + 1 : at + 4], "big") + 4
        tags.append((data[at], int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24, data[at:end]))
        at = end
    return tags


def test_a_stream_that_begins_in_the_middle_of_the_file(here: Path, cli: Cli) -> None:
    """Valid in FLV and MPEG-TS; such packets belong to no stream that was there when the file was opened."""
    clip(here / "video.flv", frames=240)
    with av.open("sound.flv", "w") as out:
        sound = out.add_stream("aac", rate=44100, layout="mono")
        for begin in range(0, 8 * 44100, 1024):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts, silence.time_base = 44100, begin, Fraction(1, 44100)
            out.mux(sound.encode(silence))
        out.mux(sound.encode(None))
    late = [tag for tag in flv_tags(here / "sound.flv") if tag[0] == 8 and (tag[1] > 6500 or tag[2][12] == 0)]
    tags = sorted([tag for tag in flv_tags(here / "video.flv") if tag[0] == 9] + late[1:], key=lambda tag: tag[1])
    Path("a.flv").write_bytes(b"FLV\x01\x01\0\0\0\x09\0\0\0\0" + b"".join(tag[2] for tag in tags))
    result = cli("export", "a.flv", "-o", "out.mp4", "--json", *FAST)
    assert result.exit == 0, result.err
    assert result.events[-1]["report"]["frames"]["total"] == 240


def test_an_absurd_pixel_shape_is_taken_for_damage(here: Path, cli: Cli) -> None:
    """A flipped bit in the sample aspect ratio once made a picture half a billion pixels wide."""
    with av.open("a.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for n in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 128, np.uint8), format="yuv420p")
            frame.pts = n
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data = Path("a.mp4").read_bytes()
    shape = data.index(b"pasp") + 4  # two 32-bit numbers (ISO/IEC 14496-12, 12.1.4)
    Path("a.mp4").write_bytes(data[:shape] + (1 << 20).to_bytes(4, "big") + (1).to_bytes(4, "big") + data[shape + 8 :])
    result = cli("export", "a.mp4", "-o", "out.mp4", "--json", *FAST)
    assert result.exit == 0, result.err
    output = result.events[-1]["report"]["output"]
    assert (output["width"], output["height"]) == (64, 48)
