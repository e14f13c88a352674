"""Reading .cap folders: shapes of the metadata, sync, tracks that are missing, errors."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from recording_makers import CapMaker, tree_state

from reelpress.errors import MissingInputError, ProjectError, UnreadableInputError, UnsupportedInputError
from reelpress.recording.load import load
from reelpress.recording.model import RecordingKind

if TYPE_CHECKING:
    from pathlib import Path

SEGMENT = "content/segments/segment-0"


def write_full(cap: CapMaker) -> None:
    """The example of cap-format 1.2."""
    cap.video(f"{SEGMENT}/display.mp4")
    cap.video(f"{SEGMENT}/camera.mp4", size=(32, 32))
    cap.audio(f"{SEGMENT}/audio-input.ogg")
    cap.png("content/cursors/cursor_0.png", 17, 23)
    cap.json(f"{SEGMENT}/cursor.json", {"clicks": [], "moves": [move(520, 0.25, 0.5)]})
    cap.meta(
        platform="MacOS",
        sharing=None,
        segments=[
            {
                "display": {"path": f"{SEGMENT}/display.mp4", "fps": 60, "start_time": 0.31},
                "camera": {"path": f"{SEGMENT}/camera.mp4", "fps": 30, "start_time": 0.52},
                "mic": {"path": f"{SEGMENT}/audio-input.ogg", "start_time": 0.48},
                "cursor": f"{SEGMENT}/cursor.json",
            }
        ],
        cursors={
            "0": {
                "imagePath": "content/cursors/cursor_0.png",
                "hotspot": {"x": 0.3, "y": 0.2},
                "shape": "MacOS|Arrow",
            }
        },
        status={"status": "Complete"},
    )


def move(time: float, x: float = 0.5, y: float = 0.5, key: str = "time_ms") -> dict[str, Any]:
    return {"active_modifiers": [], "cursor_id": "0", key: time, "x": x, "y": y}


def test_example_of_the_format_text(cap: CapMaker) -> None:
    # Arrange
    write_full(cap)
    # Act
    with load(cap.root) as recording:
        (segment,) = recording.segments
    # Assert: "latest = 0.52; segment time 0 is display time 0.21, camera time 0.00, mic time 0.04, pointer 520 ms"
    assert recording.kind is RecordingKind.CAP_STUDIO
    assert recording.warnings == ()
    assert segment.latest == Fraction("0.52")
    assert segment.display.offset == Fraction("0.21")
    assert segment.camera is not None
    assert segment.camera.offset == 0
    assert segment.mic is not None
    assert segment.mic.offset == Fraction("0.04")
    assert segment.event_ms(Fraction(0)) == 520
    at_zero = segment.pointer.raw_at(segment.event_ms(Fraction(0)))
    assert at_zero is not None
    assert (at_zero.x, at_zero.y) == (0.25, 0.5)
    image = recording.pointer_images["0"]
    assert (image.width, image.height, image.hotspot, image.shape) == (17, 23, (0.3, 0.2), "MacOS|Arrow")
    assert recording.platform == "MacOS"
    assert not recording.has_project_file


def test_display_offset_moves_the_frame_that_is_shown(cap: CapMaker) -> None:
    # Arrange: 30 fps, the display began 0.1 s before the microphone
    cap.video(f"{SEGMENT}/display.mp4", frames=9)
    cap.audio(f"{SEGMENT}/audio-input.ogg")
    cap.meta(
        segments=[
            {
                "display": {"path": f"{SEGMENT}/display.mp4", "start_time": 1.0},
                "mic": {"path": f"{SEGMENT}/audio-input.ogg", "start_time": 1.1},
            }
        ]
    )
    # Act
    (segment,) = load(cap.root).segments
    # Assert: t_src 0 is 3 frames in; the track ends 0.3 - 0.1 s after t_src 0
    assert [segment.display.frame_at(Fraction(n, 30)) for n in (-4, 0, 1, 5, 99)] == [0, 3, 4, 8, 8]
    assert segment.display.end == Fraction(2, 10)


def test_length_is_the_latest_end_of_display_camera_and_microphone(cap: CapMaker) -> None:
    # Arrange: display 0.2 s, microphone 0.5 s, system audio (does not count) 2 s
    cap.video("content/display.mp4", frames=6)
    cap.audio("content/mic.ogg", seconds=Fraction(1, 2))
    cap.audio("content/sys.ogg", seconds=Fraction(2))
    tracks = {"display": {"path": "content/display.mp4"}, "mic": {"path": "content/mic.ogg"}}
    cap.meta(segments=[{**tracks, "system_audio": {"path": "content/sys.ogg"}}])
    # Act
    (segment,) = load(cap.root).segments
    # Assert: the codec works in blocks of 20 ms
    assert abs(segment.length - Fraction(1, 2)) <= Fraction(3, 100)


def test_single_segment_shape_with_legacy_segments_beside(cap: CapMaker) -> None:
    cap.video("content/display.mp4")
    cap.video("content/camera.mp4")
    cap.audio("content/audio-input.mp3", codec="mp3")
    cap.json("content/cursor.json", {"clicks": [], "moves": [move(5)]})
    cap.meta(
        display={"path": "content/display.mp4"},
        camera={"path": "content/camera.mp4"},
        audio={"path": "content/audio-input.mp3"},
        cursor="content/cursor.json",
        segments=[{"start": 0.0, "end": 5.0}],
    )
    with load(cap.root) as recording:
        (segment,) = recording.segments
    assert segment.camera is not None
    assert segment.mic is not None
    assert segment.mic.key == "mic:0"
    assert len(segment.pointer.moves) == 1
    assert segment.display.fps == 30  # the default of cap-format 1.2
    assert recording.warnings == ()


def test_shape_of_early_2025(cap: CapMaker) -> None:
    """display_audio, cursors as a map to paths, cursor.json not named, process_time_ms and unix_time_ms."""
    cap.video(f"{SEGMENT}/display.mp4")
    cap.audio(f"{SEGMENT}/display-audio.ogg")
    cap.png("content/cursors/cursor_3.png", 5, 6)
    row = {**move(2000.5, key="process_time_ms"), "unix_time_ms": 1738632969207.0}
    cap.json(f"{SEGMENT}/cursor.json", {"clicks": [], "moves": [row]})
    cap.meta(
        segments=[
            {
                "display": {"path": f"{SEGMENT}/display.mp4", "fps": 60},
                "display_audio": {"path": f"{SEGMENT}/display-audio.ogg"},
            }
        ],
        cursors={"3": "content/cursors/cursor_3.png"},
    )
    with load(cap.root) as recording:
        (segment,) = recording.segments
    assert segment.system_audio is not None
    assert segment.mic is None
    assert segment.latest is None
    assert segment.display.offset == segment.system_audio.offset == 0
    assert [m.time_ms for m in segment.pointer.moves] == [2000.5]
    assert (recording.pointer_images["3"].width, recording.pointer_images["3"].height) == (5, 6)
    assert recording.warnings == ()


def test_several_segments(cap: CapMaker) -> None:
    for n in range(2):
        cap.video(f"content/segments/segment-{n}/display.mp4", frames=3 + n)
    cap.meta(segments=[{"display": {"path": f"content/segments/segment-{n}/display.mp4"}} for n in range(2)])
    recording = load(cap.root)
    assert [(s.index, s.display.key, len(s.display.index)) for s in recording.segments] == [
        (0, "display:0", 3),
        (1, "display:1", 4),
    ]
    assert recording.track("display:1") is recording.segments[1].display


@pytest.mark.parametrize("state", [{"fps": 30, "sample_rate": 48000}, {"fps": 30}])
def test_finished_instant_recording(cap: CapMaker, state: dict[str, Any]) -> None:
    cap.video("content/output.mp4", audio_start=Fraction(0))
    cap.meta(**state)
    recording = load(cap.root)
    assert recording.kind is RecordingKind.CAP_INSTANT
    assert recording.warnings == ()
    assert recording.segments[0].system_audio is not None


@pytest.mark.parametrize(("state", "words"), [({"recording": True}, "not finished"), ({"error": "boom"}, "boom")])
def test_unfinished_instant_recording(cap: CapMaker, state: dict[str, Any], words: str) -> None:
    cap.meta(**state)
    with pytest.raises(MissingInputError, match=words):
        load(cap.root)
    cap.video("content/output.mp4")
    (warning,) = load(cap.root).warnings
    assert words in warning


@pytest.mark.parametrize(
    "stored",
    [
        r"content\segments\segment-0\display.mp4",
        r"C:\Users\content\Cap\X.cap\content\segments\segment-0\display.mp4",
        "/Users/me/output/X.cap/content/segments/segment-0/display.mp4",
        "./content/segments/segment-0/display.mp4",
    ],
)
def test_paths_of_other_machines(cap: CapMaker, stored: str) -> None:
    cap.video(f"{SEGMENT}/display.mp4")
    cap.meta(segments=[{"display": {"path": stored}}])
    assert load(cap.root).segments[0].display.path == cap.root / SEGMENT / "display.mp4"


@pytest.mark.parametrize("stored", ["../../etc/passwd", "/etc/passwd", "content/../../x.mp4", "content/\0x"])
def test_paths_that_lead_out_are_refused(cap: CapMaker, stored: str) -> None:
    cap.meta(segments=[{"display": {"path": stored}}])
    with pytest.raises(ProjectError, match="inside the project folder") as caught:
        load(cap.root)
    assert caught.value.key == "segments[0].display.path"


def test_absent_screen_is_an_error(cap: CapMaker) -> None:
    cap.meta(segments=[{"display": {"path": f"{SEGMENT}/display.mp4"}}])
    with pytest.raises(MissingInputError, match=r"display\.mp4 does not exist") as caught:
        load(cap.root)
    assert caught.value.exit_code == 3


def test_absent_other_tracks_are_warnings_and_still_count_for_sync(cap: CapMaker) -> None:
    # Arrange: the microphone began last and its file is gone
    cap.video(f"{SEGMENT}/display.mp4")
    (cap.root / SEGMENT / "audio-input.ogg").write_bytes(b"OggS" + bytes(400))  # under 500 bytes: ignored
    cap.meta(
        segments=[
            {
                "display": {"path": f"{SEGMENT}/display.mp4", "start_time": 0.1},
                "camera": {"path": f"{SEGMENT}/camera.mp4", "start_time": 0.1},
                "mic": {"path": f"{SEGMENT}/audio-input.ogg", "start_time": 0.3},
                "system_audio": {"path": f"{SEGMENT}/system_audio.ogg", "start_time": 0.1},
                "cursor": f"{SEGMENT}/cursor.json",
                "keyboard": f"{SEGMENT}/keyboard.bin",
            }
        ],
        cursors={"0": {"imagePath": "content/cursors/cursor_0.png", "hotspot": {"x": 0, "y": 0}}},
    )
    # Act
    recording = load(cap.root)
    (segment,) = recording.segments
    # Assert
    assert segment.camera is segment.mic is segment.system_audio is segment.keys is None
    assert not segment.pointer
    assert recording.pointer_images == {}
    text = "\n".join(recording.warnings)
    for word in ("camera", "microphone", "system audio", "pointer events", "key events", "cursor_0.png"):
        assert word in text
    assert len(recording.warnings) == 6
    assert segment.display.offset == Fraction("0.2")  # cuts of the project were made against this latest


def test_damaged_other_tracks_are_warnings(cap: CapMaker) -> None:
    cap.video(f"{SEGMENT}/display.mp4")
    for name in ("camera.mp4", "audio-input.ogg"):
        (cap.root / SEGMENT / name).write_bytes(b"not a media file " * 100)
    cap.meta(
        segments=[
            {
                "display": {"path": f"{SEGMENT}/display.mp4"},
                "camera": {"path": f"{SEGMENT}/camera.mp4"},
                "mic": {"path": f"{SEGMENT}/audio-input.ogg"},
            }
        ]
    )
    recording = load(cap.root)
    assert len(recording.warnings) == 2
    assert recording.segments[0].camera is None


def test_start_times_must_be_all_or_none(cap: CapMaker) -> None:
    cap.video(f"{SEGMENT}/display.mp4")
    cap.video(f"{SEGMENT}/camera.mp4")
    segment = {
        "display": {"path": f"{SEGMENT}/display.mp4", "start_time": 0.5},
        "camera": {"path": f"{SEGMENT}/camera.mp4"},
    }
    cap.meta(segments=[segment])
    with pytest.raises(ProjectError) as caught:
        load(cap.root)
    assert caught.value.key == "segments[0].camera.start_time"
    # A recording that needs recovery gets the display's (cap-format 1.3)
    cap.meta(segments=[segment], status={"status": "NeedsRemux"})
    recording = load(cap.root)
    assert recording.segments[0].latest == Fraction(1, 2)
    assert recording.segments[0].camera is not None
    assert recording.segments[0].camera.offset == 0
    assert any("start time" in warning for warning in recording.warnings)


@pytest.mark.parametrize(
    ("gap", "repair"),
    [
        ({"startup_overlap_trimmed_ms": 250, "overlap_dropped_frames": 3, "startup_overlap_drops": 3}, "-0.25"),
        ({"startup_overlap_trimmed_ms": 250, "overlap_dropped_frames": 2, "startup_overlap_drops": 3}, "0"),
        ({"startup_overlap_trimmed_ms": 250, "overlap_dropped_frames": 3, "startup_overlap_drops": 2}, "0"),
        ({"startup_overlap_trimmed_ms": 99, "overlap_dropped_frames": 3, "startup_overlap_drops": 3}, "0"),
        ({"startup_overlap_trimmed_ms": 2001, "overlap_dropped_frames": 3, "startup_overlap_drops": 3}, "0"),
        ({"startup_overlap_trimmed_ms": 2000, "overlap_dropped_frames": 9, "startup_overlap_drops": 9}, "-2"),
    ],
)
def test_timing_repair(cap: CapMaker, gap: dict[str, Any], repair: str) -> None:
    cap.video("content/display.mp4")
    cap.audio("content/mic.ogg")
    gap = {"total_overlap_trimmed_ms": 300, **gap}
    cap.meta(
        segments=[
            {
                "display": {"path": "content/display.mp4", "start_time": 0.5},
                "mic": {"path": "content/mic.ogg", "start_time": 0.1, "gap_summary": gap},
            }
        ]
    )
    mic = load(cap.root).segments[0].mic
    assert mic is not None
    assert mic.offset == Fraction("0.4") + Fraction(repair)


def test_failed_recording_is_read_with_a_warning(cap: CapMaker) -> None:
    cap.video(f"{SEGMENT}/display.mp4")
    meta = {"segments": [{"display": {"path": f"{SEGMENT}/display.mp4"}}]}
    cap.meta(**meta, status={"status": "Failed", "error": "disk full"})
    recording = load(cap.root)
    assert len(recording.warnings) == 1
    assert "disk full" in recording.warnings[0]
    (cap.root / SEGMENT / "display.mp4").unlink()
    with pytest.raises(MissingInputError):
        load(cap.root)


def test_last_segment_of_a_crashed_recording_may_be_lost(cap: CapMaker) -> None:
    cap.video("content/segments/segment-0/display.mp4")
    segments = [{"display": {"path": f"content/segments/segment-{n}/display.mp4"}} for n in range(2)]
    cap.meta(segments=segments)
    with pytest.raises(MissingInputError, match="segment 1"):
        load(cap.root)
    cap.meta(segments=segments, status={"status": "InProgress"})
    recording = load(cap.root)
    assert len(recording.segments) == 1
    assert recording.lost_segments == (1,)
    assert any("last segment was left out" in warning for warning in recording.warnings)


def test_keys_beside_the_display_file(cap: CapMaker) -> None:
    cap.video(f"{SEGMENT}/display.mp4")
    cap.json(f"{SEGMENT}/keyboard.json", {"presses": [{"key": "a", "keyCode": "KeyA", "timeMs": 7, "down": True}]})
    cap.meta(segments=[{"display": {"path": f"{SEGMENT}/display.mp4"}}])
    keys = load(cap.root).segments[0].keys
    assert keys is not None
    assert keys.presses[0][:3] == (7.0, "a", "KeyA")


def test_broken_json_names_file_and_line(cap: CapMaker) -> None:
    cap.json("recording-meta.json", '{\n "pretty_name": "x",\n "segments": [,]\n}')
    with pytest.raises(ProjectError, match=r"recording-meta\.json, line 3") as caught:
        load(cap.root)
    assert caught.value.exit_code == 3
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "key", "line", "expected", "given"),
    [
        ('{"pretty_name": "x",\n"segments": [\n{"display": {"path": 5}}]}', "segments[0].display.path", 3, "text", "5"),
        (
            '{"segments": [{"display":\n{"path": "content/a", "fps": "6"}}]}',
            "segments[0].display.fps",
            2,
            "number",
            '"6"',
        ),
        ('{"segments": [{"display": {"path": "a",\n "fps": 0}}]}', "segments[0].display.fps", 2, "greater than 0", "0"),
        ('{"segments": [\n{"camera": {}}]}', "segments[0].display", 2, "this key", "nothing"),
        ('{"segments": []}', "segments", 1, "at least one entry", "[]"),
        ('{"segments": 7}', "segments", 1, "list", "7"),
        ('{\n\n"display": {"path": []}}', "display.path", 3, "text", "[]"),
        ('{"display": {"path": "a"},\n"status": {"status": "Odd"}}', "status.status", 2, "'InProgress'", '"Odd"'),
        (
            '{"display": {"path": "a"},\n"cursors": {"0": {"hotspot": 1}}}',
            "cursors.0.imagePath",
            2,
            "this key",
            "nothing",
        ),
        ('{"pretty_name": "x"}', None, None, "display, segments", "pretty_name"),
        ("[1, 2]", None, 1, "an object", "[1, 2]"),
    ],
)
def test_wrong_types_name_key_expected_and_given(
    cap: CapMaker, text: str, key: str | None, line: int | None, expected: str, given: str
) -> None:
    cap.json("recording-meta.json", text)
    with pytest.raises(ProjectError) as caught:
        load(cap.root)
    error = caught.value
    assert (error.key, error.line) == (key, line)
    assert expected in error.expected
    assert given in error.given
    assert "recording-meta.json" in str(error)


def test_number_that_is_no_number_is_refused(cap: CapMaker) -> None:
    cap.json("recording-meta.json", '{"segments": [{"display":\n{"path": "a", "start_time": NaN}}]}')
    with pytest.raises(ProjectError, match=r"line 2.*finite number.*NaN"):
        load(cap.root)


def test_broken_pointer_file(cap: CapMaker) -> None:
    cap.video(f"{SEGMENT}/display.mp4")
    cap.json(f"{SEGMENT}/cursor.json", '{"clicks": [], "moves": [{"time_ms": 5,')
    segments = [{"display": {"path": f"{SEGMENT}/display.mp4"}, "cursor": f"{SEGMENT}/cursor.json"}]
    cap.meta(segments=segments)
    with pytest.raises(ProjectError, match=r"cursor\.json, line 1"):
        load(cap.root)
    cap.meta(segments=segments, status={"status": "InProgress"})  # cut off by the crash: worth a warning only
    assert any("pointer events" in warning for warning in load(cap.root).warnings)


def test_unknown_keys_are_reported_once(cap: CapMaker) -> None:
    for n in range(2):
        cap.video(f"content/{n}.mp4")
    cap.meta(segments=[{"display": {"path": f"content/{n}.mp4", "colour": 1}} for n in range(2)], future={"a": 1})
    (warning,) = load(cap.root).warnings
    assert warning.count("segments[].display.colour") == 1
    assert "future" in warning


def test_folders_that_are_no_recording(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableInputError, match="empty folder"):
        load(tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("x")
    with pytest.raises(UnsupportedInputError, match=r"recording-meta\.json"):
        load(tmp_path / "other")
    (tmp_path / "broken.cap" / "content").mkdir(parents=True)
    with pytest.raises(MissingInputError, match=r"recording-meta\.json is missing"):
        load(tmp_path / "broken.cap")


def test_nothing_is_written_to_the_source(cap: CapMaker) -> None:
    write_full(cap)
    before = tree_state(cap.root)
    with load(cap.root) as recording:
        assert len(recording.segments[0].display.index) == 6
    assert tree_state(cap.root) == before


def test_names_with_spaces_quotes_percent_and_other_alphabets(tmp_path: Path) -> None:
    root = tmp_path / "Aufnahme „ß“ 100% 'x' 録画 #1?.cap"
    root.mkdir()
    cap = CapMaker(root)
    cap.video("content/dis play%20.mp4")
    cap.json("recording-meta.json", json.dumps({"segments": [{"display": {"path": "content/dis play%20.mp4"}}]}))
    recording = load(root)
    assert len(recording.segments[0].display.index) == 6
    assert recording.name == root.stem


def test_useless_file_beside_whole_fragments(cap: CapMaker) -> None:
    """A crash while remuxing leaves a display.mp4 without an index, and the fragments it was made from."""
    cap.fragments(f"{SEGMENT}/display")
    (cap.root / SEGMENT / "display.mp4").write_bytes(b"\0\0\0\x14ftypisom" + bytes(200))
    (cap.root / SEGMENT / "audio-input.ogg").write_bytes(b"OggS")
    cap.audio(f"{SEGMENT}/audio-input.m4a", codec="aac")
    cap.meta(
        segments=[
            {"display": {"path": f"{SEGMENT}/display.mp4"}, "mic": {"path": f"{SEGMENT}/audio-input.ogg"}},
        ],
        status={"status": "NeedsRemux"},
    )
    with load(cap.root) as recording:
        assert len(recording.segments[0].display.index) == 12
        assert recording.segments[0].mic is not None
        used = [warning for warning in recording.warnings if "in its place" in warning]
    assert len(used) == 2


def test_folder_that_may_not_be_read(cap: CapMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    cap.meta(fps=30)

    def refuse(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("reelpress.recording.cap.is_cap", refuse)
    with pytest.raises(UnreadableInputError, match="Permission denied"):
        load(cap.root)


@pytest.mark.parametrize(("name", "codec"), [("mic.ogg", "libopus"), ("mic.mp3", "mp3"), ("mic.m4a", "aac")])
def test_position_in_a_sound_file_counts_from_its_first_audible_sample(cap: CapMaker, name: str, codec: str) -> None:
    """Encoders put silence in front (MP3 even moves its time stamps); t_src 0 is the first sample that was recorded."""
    from reelpress.media.audio import AudioMixer, AudioSpan

    # Arrange: 20 ms of sound from 0.25 s on, and a microphone that began 0.1 s before the screen
    path = cap.root / "content" / name
    path.parent.mkdir()
    wave = np.zeros(24_000, np.float32)
    wave[12_000:12_960] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(960) / 48_000)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        for at in range(0, len(wave), 960):
            frame = av.AudioFrame.from_ndarray(wave[None, at : at + 960], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    cap.video("content/display.mp4")
    cap.meta(
        segments=[
            {
                "display": {"path": "content/display.mp4", "start_time": 0.5},
                "mic": {"path": f"content/{name}", "start_time": 0.4},
            }
        ]
    )
    # Act: what is heard from t_src 0 on
    mic = load(cap.root).segments[0].mic
    assert mic is not None
    span = AudioSpan(mic.path, mic.stream, mic.offset, 0, 14_400, Fraction(1), "normal", 1.0, "stereo")
    heard = AudioMixer([span], 14_400).read(14_400)[0]
    # Assert: at 0.25 - 0.1 s, within 1 ms (codecs smear an onset)
    onset = int(np.nonzero(np.abs(heard) > 0.1)[0][0])
    assert abs(onset - 7_200) <= 48
