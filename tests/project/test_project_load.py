"""Loading a project: sources of it, migrations, errors, unknown keys, ranges, captions, sync."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from project_makers import recording

from reelpress.errors import MissingInputError, ProjectError, SettingsError
from reelpress.project.load import load_project, parse_project
from reelpress.project.migrations import migrate
from reelpress.project.model import Project
from reelpress.recording.model import RecordingKind

if TYPE_CHECKING:
    from pathlib import Path

CLIP = {"timescale": 1, "start": 0, "end": 1}


def write(root: Path, data: Any, name: str = "project-config.json") -> Path:
    path = root / name
    path.write_text(data if isinstance(data, str) else json.dumps(data, indent=1), encoding="utf-8")
    return path


def load(root: Path, data: Any) -> Project:
    write(root, data)
    return load_project(recording(root)).project


# Where the project comes from


def test_project_of_the_recording(tmp_path: Path) -> None:
    write(tmp_path, {"background": {"padding": 7.5}, "timeline": {"segments": [CLIP]}})
    loaded = load_project(recording(tmp_path))
    assert loaded.project.background.padding == 7.5
    assert loaded.file == tmp_path / "project-config.json"
    assert loaded.warnings == loaded.unknown == ()


def test_cap_without_a_project_gets_the_defaults_and_a_warning(tmp_path: Path) -> None:
    loaded = load_project(recording(tmp_path))
    assert loaded.project == Project()
    assert loaded.file is None
    assert len(loaded.warnings) == 1
    assert "project-config.json" in loaded.warnings[0]


def test_plain_video_is_left_alone(tmp_path: Path) -> None:
    loaded = load_project(recording(tmp_path, kind=RecordingKind.PLAIN))
    background = loaded.project.background
    assert (background.padding, background.rounding, background.shadow, background.border) == (0, 0, 0, None)
    assert loaded.project.screen_motion_blur == 0
    assert loaded.project.timeline is None
    assert loaded.warnings == ()


def test_file_given_wins(tmp_path: Path) -> None:
    write(tmp_path, {"background": {"padding": 1}})
    other = write(tmp_path, {"background": {"padding": 2}}, "look.json")
    assert load_project(recording(tmp_path), other).project.background.padding == 2
    plain = recording(tmp_path, kind=RecordingKind.PLAIN)
    assert load_project(plain, other).project.background.padding == 2
    assert load_project(recording(tmp_path), tmp_path).project.background.padding == 1
    with pytest.raises(MissingInputError, match=r"none\.json"):
        load_project(recording(tmp_path), tmp_path / "none.json")


def test_look_is_laid_over(tmp_path: Path) -> None:
    write(tmp_path, {"background": {"padding": 1, "blur": 3, "source": {"type": "color", "value": [1, 2, 3]}}})
    loaded = load_project(recording(tmp_path), look="card")
    assert loaded.project.background.blur == 3
    assert loaded.project.background.padding != 1
    assert loaded.project.background.source.type == "gradient"
    look = write(tmp_path, {"background": {"source": {"value": "#ff8000"}}}, "l.json")
    source = load_project(recording(tmp_path), look=look).project.background.source
    assert source.type == "color"
    assert source.value == (255, 128, 0)
    with pytest.raises(SettingsError, match="card"):
        load_project(recording(tmp_path), look="nonesuch")


def test_project_file_is_never_written(tmp_path: Path) -> None:
    path = write(tmp_path, {"cursor": {"motionBlur": 3}})
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    assert load_project(recording(tmp_path)).migrated
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


# Migrations (cap-format 2.1)


@pytest.mark.parametrize(
    ("given", "cursor", "screen"),
    [
        ({}, 1, 1),
        ({"cursor": {"motionBlur": 0.5}, "screenMotionBlur": 0.0}, 0.5, 0.5),  # as a real recording has it
        ({"cursor": {"motionBlur": 0.5}}, 0.5, 0.5),
        ({"screenMotionBlur": 0.25}, 1, 1),
        ({"cursor": {"motionBlur": 7}, "screenMotionBlur": 7}, 1, 1),
        ({"cursor": {"motionBlur": -1}, "screenMotionBlur": 0.5}, 0, 0),
        ({"cursor": {"motionBlur": None}, "screenMotionBlur": None}, 1, 1),
    ],
)
def test_motion_blur_migration(tmp_path: Path, given: dict[str, Any], cursor: float, screen: float) -> None:
    project = load(tmp_path, given)
    assert (project.cursor.motion_blur, project.screen_motion_blur) == (cursor, screen)


@pytest.mark.parametrize(
    ("version", "height", "font", "expected"),
    [
        (0, 0.4, 48, 96),
        (None, 0.4, 48, 96),
        (0, 0.2, 48, 48),
        (0, 0.01, 48, 12),  # factor 0.25 at least
        (0, 1.0, 48, 192),  # factor 4 at most
        (0, 1.0, 400, 480),  # 480 at most
        (0, 0.01, 2, 1),  # 1 at least
        (1, 0.4, 48, 48),
    ],
)
def test_text_size_migration(tmp_path: Path, version: int | None, height: float, font: float, expected: float) -> None:
    text = {"start": 0, "end": 1, "content": "x", "size": {"x": 0.3, "y": height}, "fontSize": font}
    data: dict[str, Any] = {"timeline": {"segments": [CLIP], "textSegments": [text]}, "textAnimVersion": 1}
    if version is not None:
        data["textSizeVersion"] = version
    timeline = load(tmp_path, data).timeline
    assert timeline is not None
    assert timeline.text_segments[0].font_size == expected


@pytest.mark.parametrize(
    ("version", "fade", "durations", "animation"),
    [(0, 0.4, "0.4", "pop"), (None, 0, "0", "none"), (1, 0.4, "0.15", "pop")],
)
def test_text_animation_migration(
    tmp_path: Path, version: int | None, fade: float, durations: str, animation: str
) -> None:
    text = {"start": 0, "end": 1, "fadeDuration": fade, "animationIn": "pop", "animationOut": "pop"}
    data: dict[str, Any] = {"timeline": {"segments": [CLIP], "textSegments": [text]}, "textSizeVersion": 1}
    if version is not None:
        data["textAnimVersion"] = version
    timeline = load(tmp_path, data).timeline
    assert timeline is not None
    segment = timeline.text_segments[0]
    assert segment.animation_in_duration == segment.animation_out_duration == Fraction(durations)
    assert segment.animation_in == segment.animation_out == animation


def test_migration_leaves_its_input_alone() -> None:
    data = {"cursor": {"motionBlur": 4}}
    assert migrate(data)[0] != data
    assert data == {"cursor": {"motionBlur": 4}}


# Errors


@pytest.mark.parametrize(
    ("data", "key", "expected", "given"),
    [
        ({"background": {"padding": "10"}}, "background.padding", "a number", '"10"'),
        (
            {"background": {"source": {"type": "color", "value": [1, 2]}}},
            "background.source.value",
            "a colour",
            "[1, 2]",
        ),
        ({"background": {"source": {"type": "color", "value": "red"}}}, "background.source.value", "a colour", '"red"'),
        ({"background": {"source": {"type": "video"}}}, "background.source.type", "'wallpaper'", '"video"'),
        ({"background": {"source": {"path": "x"}}}, "background.source.type", "this key", "nothing"),
        ({"background": {"source": 5}}, "background.source", "an object", "5"),
        (
            {"background": {"crop": {"position": {"x": 0, "y": 0}, "size": {"x": 0, "y": 5}}}},
            "background.crop.size.x",
            "greater than 0",
            "0",
        ),
        ({"aspectRatio": "wider"}, "aspectRatio", "'wide'", '"wider"'),
        ({"camera": {"hide": 1}}, "camera.hide", "true or false", "1"),
        ({"camera": []}, "camera", "an object", "[]"),
        ({"timeline": {}}, "timeline.segments", "this key", "nothing"),
        ({"timeline": {"segments": [{"start": 0, "end": 1}]}}, "timeline.segments[0].timescale", "this key", "nothing"),
        (
            {"timeline": {"segments": [CLIP, {**CLIP, "timescale": 0}]}},
            "timeline.segments[1].timescale",
            "greater than 0",
            "0",
        ),
        (
            {"timeline": {"segments": [{**CLIP, "timescale": -1}]}},
            "timeline.segments[0].timescale",
            "greater than 0",
            "-1",
        ),
        ({"timeline": {"segments": [{**CLIP, "start": 2}]}}, "timeline.segments[0].end", "not before the start", "1"),
        ({"timeline": {"segments": [{**CLIP, "end": 1e300}]}}, "timeline.segments[0].end", "seconds", "1e+300"),
        (
            {"timeline": {"segments": [{**CLIP, "recordingSegment": 3}]}},
            "timeline.segments[0].recordingSegment",
            "(0)",
            "3",
        ),
        (
            {"timeline": {"segments": [{**CLIP, "recordingSegment": -1}]}},
            "timeline.segments[0].recordingSegment",
            "at least 0",
            "-1",
        ),
        (
            {"timeline": {"segments": [{**CLIP, "recordingSegment": 0.5}]}},
            "timeline.segments[0].recordingSegment",
            "whole",
            "0.5",
        ),
        (
            {"timeline": {"segments": [], "zoomSegments": [{"start": 0, "end": 1, "amount": 2, "mode": "x"}]}},
            "timeline.zoomSegments[0].mode",
            '"auto"',
            '"x"',
        ),
        (
            {
                "timeline": {
                    "segments": [],
                    "zoomSegments": [{"start": 0, "end": 1, "amount": 2, "mode": {"manual": {"x": 1}}}],
                }
            },
            "timeline.zoomSegments[0].mode.manual.y",
            "this key",
            "nothing",
        ),
        ({"cursor": {"mass": 0}}, "cursor.mass", "greater than 0", "0"),
        ({"screenMotionBlur": "x"}, "screenMotionBlur", "a number", '"x"'),
        ({"clips": [{"index": 0, "offsets": {"system_audio": []}}]}, "clips[0].offsets.system_audio", "a number", "[]"),
        ([], None, "an object", "[]"),
    ],
)
def test_wrong_values_name_key_expected_and_given(
    tmp_path: Path, data: Any, key: str | None, expected: str, given: str
) -> None:
    write(tmp_path, data)
    with pytest.raises(ProjectError) as caught:
        load_project(recording(tmp_path))
    error = caught.value
    assert error.key == key
    assert expected in error.expected
    assert given in error.given
    assert error.exit_code == 3
    assert str(tmp_path / "project-config.json") in str(error)


def test_line_of_the_key_is_named(tmp_path: Path) -> None:
    text = json.dumps({"timeline": {"segments": [CLIP, {**CLIP, "end": -5}, CLIP]}}, indent=1)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "-5" in row)
    write(tmp_path, text)
    with pytest.raises(ProjectError) as caught:
        load_project(recording(tmp_path))
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "line"), [("{\n\n x}", 3), ("", 1), ('{"a": "\ud800', None), ('{"screenMotionBlur":\nInfinity}', 2)]
)
def test_broken_json(tmp_path: Path, text: str, line: int | None) -> None:
    (tmp_path / "project-config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ProjectError, match=r"project-config\.json") as caught:
        load_project(recording(tmp_path))
    assert line is None or caught.value.line == line


def test_byte_order_mark_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "project-config.json").write_bytes(b"\xef\xbb\xbf" + b'{"background": {"blur": 9}}')
    assert load_project(recording(tmp_path)).project.background.blur == 9


# Leniency


def test_null_means_absent_and_whole_numbers_may_have_a_point(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {
            "background": {"padding": None, "source": None},
            "camera": {"zoom_size": None, "advancedShadow": None},
            "textSizeVersion": 1.0,
            "timeline": None,
            "hotkeys": None,
        },
    )
    assert project.background == Project().background
    assert project.camera.zoom_size == 60
    assert project.camera.advanced_shadow is None
    assert project.text_size_version == 1


def test_numbers_out_of_a_stated_range_are_moved_into_it_with_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {"background": {"padding": 250, "rounding": -5}, "camera": {"shadow": 101}})
    loaded = load_project(recording(tmp_path))
    assert (loaded.project.background.padding, loaded.project.background.rounding) == (100, 0)
    assert loaded.project.camera.shadow == 100
    text = "\n".join(loaded.warnings)
    assert "background.padding: 250 is out of range (allowed is 0 to 100), 100 is used" in text
    assert "background.rounding: -5" in text
    assert "camera.shadow: 101" in text


@pytest.mark.parametrize(
    ("stored", "color"),
    [
        ([71, 133, 255], (71, 133, 255)),
        ("#4785FF", (71, 133, 255)),
        ("#f80", (255, 136, 0)),
        ([0.4, 254.6, 0], (0, 255, 0)),
    ],
)
def test_colours(tmp_path: Path, stored: Any, color: tuple[int, int, int]) -> None:
    source = load(tmp_path, {"background": {"source": {"type": "color", "value": stored}}}).background.source
    assert source.type == "color"
    assert source.value == color


def test_times_are_the_decimals_of_the_file(tmp_path: Path) -> None:
    timeline = load(tmp_path, {"timeline": {"segments": [{"timescale": 1.1, "start": 0.1, "end": 25.149044}]}}).timeline
    assert timeline is not None
    clip = timeline.segments[0]
    assert (clip.timescale, clip.start, clip.end) == (Fraction(11, 10), Fraction(1, 10), Fraction("25.149044"))


def test_unknown_keys_are_kept_and_reported_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "motionBlur": None,
            "futureKey": {"a": 1},
            "background": {"source": {"type": "color", "glow": 1}},
            "timeline": {"segments": [{**CLIP, "foo": 1}, {**CLIP, "foo": 2, "bar": 3}]},
            "clips": [{"offsets": {"other": 1}}],
        },
    )
    loaded = load_project(recording(tmp_path))
    assert loaded.unknown == (
        "background.source.glow",
        "clips[].offsets.other",
        "futureKey",
        "motionBlur",
        "timeline.segments[].bar",
        "timeline.segments[].foo",
    )
    (warning,) = loaded.warnings
    assert all(key in warning for key in loaded.unknown)
    assert loaded.project.model_dump(by_alias=True)["futureKey"] == {"a": 1}


def test_assets_that_do_not_exist_are_warnings(tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"x")
    music = {"start": 0, "end": 1, "path": "m.mp3"}
    timeline = {"segments": [CLIP], "audioSegments": [music, {**music, "path": "off.mp3", "enabled": False}]}
    write(tmp_path, {"background": {"source": {"type": "image", "path": "there.png"}}, "timeline": timeline})
    loaded = load_project(recording(tmp_path))
    (warning,) = loaded.warnings
    assert "m.mp3" in warning
    assert loaded.resolve("there.png") == tmp_path / "there.png"
    write(tmp_path, {"background": {"source": {"type": "wallpaper", "path": "gone.jpg"}}})
    (warning,) = load_project(recording(tmp_path)).warnings
    assert "white" in warning


def test_clips_of_a_lost_segment_are_dropped_with_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {"timeline": {"segments": [CLIP, {**CLIP, "recordingSegment": 1}]}})
    loaded = load_project(recording(tmp_path, lost=(1,)))
    assert loaded.project.timeline is not None
    assert [clip.recording_segment for clip in loaded.project.timeline.segments] == [0]
    assert any("Clip 1" in warning for warning in loaded.warnings)


# Captions (cap-format 11)

CAPTIONS = {
    "segments": [{"id": "a", "start": 0, "end": 1, "text": "hi", "words": [{"text": "hi", "start": 0, "end": 1}]}],
    "settings": {"enabled": True, "size": 40},
}


def test_captions_file_is_merged_when_the_project_has_none(tmp_path: Path) -> None:
    write(tmp_path, {})
    write(tmp_path, CAPTIONS, "captions.json")
    captions = load_project(recording(tmp_path)).project.captions
    assert captions is not None
    assert (captions.segments[0].text, captions.settings.size) == ("hi", 40)


def test_captions_of_the_project_win(tmp_path: Path) -> None:
    write(tmp_path, {"captions": {"segments": [{"start": 0, "end": 1, "text": "mine"}]}})
    write(tmp_path, CAPTIONS, "captions.json")
    captions = load_project(recording(tmp_path)).project.captions
    assert captions is not None
    assert [segment.text for segment in captions.segments] == ["mine"]


def test_broken_captions_file_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {})
    write(tmp_path, '{"segments": 5}', "captions.json")
    loaded = load_project(recording(tmp_path))
    assert loaded.project.captions is None
    assert any("captions.json" in warning for warning in loaded.warnings)


# Sync (cap-format 1.4): display began at 0.31 s, camera at 0.52, microphone at 0.48


@pytest.mark.parametrize(
    ("clips", "camera", "mic"),
    [
        ([], "0", "0.04"),  # no entry: the term is computed
        ([{"index": 0, "offsets": {"camera": 0, "mic": 0, "system_audio": 0}}], "0", "0.04"),
        ([{"index": 0, "offsets": {"camera": 0, "mic": 0.04}, "offsetsAutoCalculated": True}], "0", "0.04"),
        ([{"index": 0, "offsets": {"camera": 0, "mic": 0.04}}], "0", "0.04"),  # the term, without the mark
        ([{"index": 0, "offsets": {"camera": 0.1, "mic": -0.2}, "offsetsAutoCalculated": False}], "0.1", "-0.16"),
        # 30 ms of device calibration; nothing sane is further off than half a second
        ([{"index": 0, "offsets": {"camera": 0.3, "mic": 0.07}, "offsetsAutoCalculated": True}], "0", "0.07"),
        ([{"index": 0, "offsets": {"mic": 5}, "offsetsAutoCalculated": True}], "0", "0.04"),
        ([{"index": 1, "offsets": {"camera": 9, "mic": 9}}], "0", "0.04"),
    ],
)
def test_offsets_are_counted_once(tmp_path: Path, clips: list[dict[str, Any]], camera: str, mic: str) -> None:
    write(tmp_path, {"clips": clips})
    source = recording(tmp_path, display="0.31", camera="0.52", mic="0.48")
    (segment,) = load_project(source).recording.segments
    assert segment.display.offset == Fraction("0.21")
    assert segment.camera is not None
    assert segment.camera.offset == Fraction(camera)
    assert segment.mic is not None
    assert segment.mic.offset == Fraction(mic)
    assert source.segments[0].mic is not None
    assert source.segments[0].mic.offset == Fraction("0.04")  # the recording itself is not changed


def test_camera_that_leads_is_not_moved_twice(tmp_path: Path) -> None:
    write(tmp_path, {"clips": [{"index": 0, "offsets": {"camera": 0.25}, "offsetsAutoCalculated": True}]})
    source = recording(tmp_path, display="0.75", camera="0.5")
    camera = load_project(source).recording.segments[0].camera
    assert camera is not None
    assert camera.offset == Fraction("0.25")


def test_parse_project_is_usable_without_a_recording(tmp_path: Path) -> None:
    project, warnings, migrated = parse_project({"audio": {"mute": True}}, tmp_path / "x.json")
    assert project.audio.mute
    assert warnings == migrated == ()
