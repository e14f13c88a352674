"""Plain videos: one display track, its sound, and their own time stamps."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from recording_makers import CapMaker, tree_state

from reelpress.errors import InputError, MissingInputError, UnreadableInputError
from reelpress.recording.load import load
from reelpress.recording.model import RecordingKind


def test_video_without_sound(cap: CapMaker) -> None:
    path = cap.video("clip.mp4", frames=5)
    before = tree_state(cap.root)
    with load(path) as recording:
        (segment,) = recording.segments
        assert recording.kind is RecordingKind.PLAIN
        assert (recording.name, recording.source, recording.is_cap) == ("clip", path, False)
        assert segment.display.key == "display:0"
        assert segment.display.offset == 0
        assert segment.system_audio is None
        assert segment.length == Fraction(5, 30)
        assert not segment.pointer
        assert recording.warnings == ()
    assert tree_state(cap.root) == before


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.flv", "a.ts"])
def test_containers(cap: CapMaker, name: str) -> None:
    (segment,) = load(cap.video(name, frames=6, audio_start=Fraction(0))).segments
    assert [segment.display.frame_at(Fraction(n, 30)) for n in range(6)] == list(range(6))
    assert segment.system_audio is not None


def test_sound_keeps_its_distance_to_the_first_shown_frame(cap: CapMaker) -> None:
    # Arrange: MKV stores time stamps as they are; video begins at 0.3 s, the sound at 0.1 s
    path = cap.video("late.mkv", frames=6, start=9, audio_start=Fraction(1, 10))
    # Act
    (segment,) = load(path).segments
    # Assert: t_src 0 is the first frame, which is 0.3 s in the file's time
    assert segment.display.frame_at(Fraction(0)) == 0
    assert segment.display.frame_at(Fraction(1, 30)) == 1
    assert segment.system_audio is not None
    assert segment.system_audio.offset == Fraction(3, 10)


def test_time_stamps_rounded_by_the_container_skip_no_frame(cap: CapMaker) -> None:
    # MKV rounds 60 fps to 0, 17, 33, 50, 67 ms; at 66.67 ms the frame of 67 is meant
    (segment,) = load(cap.video("a.mkv", frames=12, fps=60)).segments
    assert segment.display.index.time_base == Fraction(1, 1000)
    assert [segment.display.frame_at(Fraction(n, 60)) for n in range(12)] == list(range(12))
    # but a frame is not shown half an interval early where ticks are long
    (segment,) = load(cap.video("b.avi", frames=6, fps=30)).segments
    assert [segment.display.frame_at(Fraction(n, 120)) for n in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_first_of_several_sounds_with_a_warning(cap: CapMaker) -> None:
    recording = load(cap.video("two.mkv", audio_start=Fraction(0), audio_tracks=2))
    assert recording.segments[0].system_audio is not None
    (warning,) = recording.warnings
    assert "2 audio tracks; number 1 (aac, 48000 Hz, 1 channels)" in warning


def test_local_playlist(cap: CapMaker) -> None:
    segment = cap.video("part.ts", frames=9)
    playlist = cap.root / "list.m3u8"
    playlist.write_text(
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.3,\n{segment.name}\n#EXT-X-ENDLIST\n"
    )
    recording = load(playlist)
    assert len(recording.segments[0].display.index) == 9
    assert recording.name == "list"


@pytest.mark.parametrize(
    ("content", "error"),
    [(None, MissingInputError), (b"", UnreadableInputError), (b"just some text\n" * 50, UnreadableInputError)],
)
def test_files_that_are_no_video(tmp_path: Path, content: bytes | None, error: type[InputError]) -> None:
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=r"x\.mp4") as caught:
        load(path)
    assert caught.value.exit_code == 3
    assert sorted(tmp_path.iterdir()) == ([path] if content is not None else [])


def test_truncated_file_without_index(cap: CapMaker) -> None:
    path = cap.video("cut.mp4")
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"moov") - 4])
    with pytest.raises(UnreadableInputError, match=r"cut\.mp4"):
        load(path)


def test_sound_only(cap: CapMaker) -> None:
    with pytest.raises(UnreadableInputError, match="no video"):
        load(cap.audio("only.m4a", codec="aac"))


def test_name_too_long_or_impossible() -> None:
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(InputError):
            load(name)


def test_metadata_file_itself_may_be_given(cap: CapMaker) -> None:
    cap.video("content/output.mp4")
    cap.meta(fps=30)
    assert load(cap.root / "recording-meta.json").root == cap.root
