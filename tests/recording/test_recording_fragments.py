"""Fragmented tracks: manifests, recovery rules, groups, and that the source stays as it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from recording_makers import CapMaker, tree_state

from reelpress.errors import MissingInputError, UnreadableInputError
from reelpress.export.sources import SourcePool
from reelpress.recording.boxes import ends_whole, whole_fragments_end
from reelpress.recording.fragments import join_fragments, plan_fragments
from reelpress.recording.load import load
from reelpress.recording.model import Workspace

DISPLAY = "content/segments/segment-0/display"
META: dict[str, Any] = {"segments": [{"display": {"path": DISPLAY, "fps": 30}}]}


def entry(path: Path, index: int, **keys: Any) -> dict[str, Any]:
    size = path.stat().st_size if path.exists() else 1
    return {"path": path.name, "index": index, "duration": 0.1, "is_complete": True, "file_size": size, **keys}


def manifest(entries: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    return {
        "version": 5,
        "type": "m4s_segments",
        "init_segment": "init.mp4",
        "codec_info": {"width": 64, "height": 48},
        "segments": entries,
        "is_complete": False,
        **keys,
    }


def lumas(path: Path) -> list[int]:
    """Rounded frame numbers, read from the luma level that the maker gave each frame (16 + 10 n)."""
    with av.open(str(path)) as source:
        levels = [float(frame.to_ndarray()[:48].mean()) for frame in source.decode(video=0)]
    return [round((level - 16) / 10) for level in levels]


def test_complete_manifest(cap: CapMaker) -> None:
    # Arrange
    parts = cap.fragments(DISPLAY)  # 12 frames, 3 in each of 4 segments
    cap.json(f"{DISPLAY}/manifest.json", manifest([entry(p, n) for n, p in enumerate(parts, 1)], is_complete=True))
    cap.meta(**META)
    before = tree_state(cap.root)
    # Act
    with load(cap.root) as recording:
        track = recording.segments[0].display
        joined = track.path
        # Assert
        assert recording.warnings == ()
        assert len(track.index) == 12
        assert track.duration == Fraction(12, 30)
        assert lumas(joined) == list(range(12))
        expected = b"".join(p.read_bytes() for p in [cap.root / DISPLAY / "init.mp4", *parts])
        assert joined.read_bytes() == expected
        assert cap.root not in joined.parents
        assert joined.stat().st_mode & 0o077 == 0 or joined.parent.stat().st_mode & 0o077 == 0  # private
    assert not joined.exists()
    assert tree_state(cap.root) == before


def test_only_complete_entries_that_exist_and_match(cap: CapMaker) -> None:
    # Arrange: in index order 2, 1; 3 is open; 4 has another size than stated
    parts = cap.fragments(DISPLAY)
    entries = [
        entry(parts[1], 2),
        entry(parts[0], 1),
        entry(parts[2], 3, is_complete=False, duration=0),
        entry(parts[3], 4, file_size=5),
    ]
    cap.json(f"{DISPLAY}/manifest.json", manifest(entries))
    # Act
    plan = plan_fragments(cap.root / DISPLAY, "video")
    # Assert
    assert [part.path for part in plan.groups[0].parts] == parts[:2]
    (warning,) = plan.warnings
    assert parts[3].name in warning


def test_entry_that_does_not_exist_is_a_warning(cap: CapMaker) -> None:
    parts = cap.fragments(DISPLAY)
    cap.json(f"{DISPLAY}/manifest.json", manifest([entry(p, n) for n, p in enumerate(parts, 1)]))
    parts[1].unlink()
    cap.meta(**META, status={"status": "InProgress"})
    with load(cap.root) as recording:
        assert any(parts[1].name in warning for warning in recording.warnings)
        track = recording.segments[0].display
        # the hole stays a hole: what follows keeps its time, and the frame before it stands
        assert len(track.index) == 9
        assert [track.frame_at(Fraction(n, 30)) for n in (2, 3, 5, 6)] == [2, 2, 2, 3]


@pytest.mark.parametrize("content", [None, "{broken", '{"segments": 5}', "[]", '{"segments": []}'])
def test_without_a_usable_manifest_all_segments_by_name(cap: CapMaker, content: str | None) -> None:
    parts = cap.fragments(DISPLAY)
    if content is not None:
        cap.json(f"{DISPLAY}/manifest.json", content)
    (cap.root / DISPLAY / "segment_000.m4s").write_bytes(b"x" * 99)  # under 100 bytes
    plan = plan_fragments(cap.root / DISPLAY, "video")
    assert [part.path for part in plan.groups[0].parts] == parts
    assert bool(plan.warnings) == (content in ("{broken", '{"segments": 5}', "[]"))


def test_many_segments_are_sorted_by_number(cap: CapMaker) -> None:
    (part,) = cap.fragments(DISPLAY, frames=3)
    data = part.read_bytes()
    for number in (2, 999, 1000):
        (part.parent / f"segment_{number:03d}.m4s").write_bytes(data)
    plan = plan_fragments(cap.root / DISPLAY, "video")
    assert [p.path.name for p in plan.groups[0].parts] == [f"segment_{n:03d}.m4s" for n in (1, 2, 999, 1000)]


def test_open_segment_is_taken_only_when_whole(cap: CapMaker) -> None:
    parts = cap.fragments(DISPLAY)
    cap.json(f"{DISPLAY}/manifest.json", manifest([entry(p, n) for n, p in enumerate(parts[:3], 1)]))
    open_part = parts[3].rename(parts[3].with_name(parts[3].name + ".tmp"))
    plan = plan_fragments(cap.root / DISPLAY, "video")
    assert [p.path for p in plan.groups[0].parts] == [*parts[:3], open_part]
    open_part.write_bytes(open_part.read_bytes()[:-1])
    plan = plan_fragments(cap.root / DISPLAY, "video")
    assert [p.path for p in plan.groups[0].parts] == parts[:3]


def test_cut_segment_is_used_up_to_its_last_whole_fragment(cap: CapMaker) -> None:
    parts = cap.fragments(DISPLAY)
    both = parts[0].read_bytes() + parts[1].read_bytes()
    parts[1].unlink()
    parts[0].write_bytes(both[:-7])
    plan = plan_fragments(cap.root / DISPLAY, "video")
    first = plan.groups[0].parts[0]
    assert 0 < first.size < len(both) - 7
    assert "cut off" in plan.warnings[0]
    workspace = Workspace()
    joined, _ = join_fragments(cap.root / DISPLAY, "video", workspace)
    assert lumas(joined) == [0, 1, 2, 6, 7, 8, 9, 10, 11]


def test_groups_of_a_recorder_that_was_started_again(cap: CapMaker) -> None:
    # Arrange: 6 frames, then two groups of 3 with an init and times of their own
    cap.fragments(DISPLAY, frames=6)
    cap.fragments(f"{DISPLAY}/respawn-1", frames=3)
    cap.fragments(f"{DISPLAY}/respawn-10", frames=9)
    cap.fragments(f"{DISPLAY}/respawn-2", frames=3)
    cap.meta(**META, status={"status": "NeedsRemux"})
    before = tree_state(cap.root)
    # Act
    with load(cap.root) as recording:
        track = recording.segments[0].display
        # Assert: one after another, with no hole between
        assert lumas(track.path) == [*range(6), *range(3), *range(3), *range(9)]
        assert [track.frame_at(Fraction(n, 30)) for n in range(21)] == list(range(21))
        assert track.duration == Fraction(21, 30)
    assert tree_state(cap.root) == before


def test_group_with_another_setup_is_left_out(cap: CapMaker) -> None:
    cap.fragments(DISPLAY, frames=6)
    other = CapMaker(cap.root)
    whole = other.video("w.mp4", frames=3, size=(32, 32), fragmented=True)
    raw = whole.read_bytes()
    whole.unlink()
    place = cap.root / DISPLAY / "respawn-1"
    place.mkdir()
    moof = raw.index(b"moof") - 4
    (place / "init.mp4").write_bytes(raw[:moof])
    (place / "segment_001.m4s").write_bytes(raw[moof : raw.rindex(b"mfra") - 4])
    workspace = Workspace()
    path, warnings = join_fragments(cap.root / DISPLAY, "video", workspace)
    assert len(lumas(path)) == 6
    assert any("other codec settings" in warning for warning in warnings)


@pytest.mark.parametrize("missing", ["init", "segments", "everything"])
def test_unusable_screen_track(cap: CapMaker, missing: str) -> None:
    parts = cap.fragments(DISPLAY)
    if missing in ("init", "everything"):
        (cap.root / DISPLAY / "init.mp4").unlink()
    if missing in ("segments", "everything"):
        for part in parts:
            part.unlink()
    cap.meta(**META, status={"status": "InProgress"})
    with pytest.raises(MissingInputError, match="display"):
        load(cap.root)


def test_progressive_name_in_metadata_but_only_fragments_on_disk(cap: CapMaker) -> None:
    cap.fragments(DISPLAY)
    cap.meta(segments=[{"display": {"path": DISPLAY + ".mp4"}}], status={"status": "NeedsRemux"})
    with load(cap.root) as recording:
        assert len(recording.segments[0].display.index) == 12


def test_audio_fragments_with_a_header_each(cap: CapMaker) -> None:
    # Arrange: three m4a files of 0.5 s
    folder = "content/segments/segment-0/audio-input"
    cap.video(f"{DISPLAY}.mp4")
    paths = [cap.audio(f"{folder}/fragment_{n:03d}.m4a", codec="aac") for n in range(3)]
    entries = [entry(path, n) for n, path in enumerate(paths)]
    cap.json(f"{folder}/manifest.json", {"version": 2, "fragments": entries, "is_complete": True})
    cap.meta(
        segments=[{"display": {"path": f"{DISPLAY}.mp4"}, "mic": {"path": f"{folder}.ogg"}}],
        status={"status": "NeedsRemux"},
    )
    # Act
    with load(cap.root) as recording:
        mic = recording.segments[0].mic
        # Assert: blocks of 1024 samples, so each piece may be up to one block longer than 0.5 s
        assert mic is not None
        with av.open(str(mic.path)) as source:
            samples = sum(frame.samples for frame in source.decode(audio=0))
    assert 72_000 <= samples <= 72_000 + 3 * 1024


def test_audio_as_one_fragmented_file(cap: CapMaker) -> None:
    cap.video(f"{DISPLAY}.mp4")
    cap.audio("content/segments/segment-0/audio-input.m4a", codec="aac")
    cap.meta(
        segments=[
            {"display": {"path": f"{DISPLAY}.mp4"}, "mic": {"path": "content/segments/segment-0/audio-input.ogg"}}
        ]
    )
    mic = load(cap.root).segments[0].mic
    assert mic is not None
    assert mic.path.name == "audio-input.m4a"


def test_no_room_for_the_joined_file(cap: CapMaker, monkeypatch: pytest.MonkeyPatch, temporary_folder: Path) -> None:
    cap.fragments(DISPLAY)
    cap.meta(**META)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(UnreadableInputError, match="No space left"):
        load(cap.root)
    assert list(temporary_folder.iterdir()) == []


def test_temporary_files_live_as_long_as_a_copy_of_the_recording(cap: CapMaker, temporary_folder: Path) -> None:
    cap.fragments(DISPLAY)
    cap.meta(**META)
    recording = load(cap.root)
    copy = recording.with_segments(recording.segments)
    del recording
    assert copy.segments[0].display.path.exists()
    track = copy.segments[0].display
    del copy
    assert track.path.exists()  # a track alone keeps its file, too
    del track
    assert list(temporary_folder.iterdir()) == []
    recording = load(cap.root)
    recording.close()
    recording.close()
    assert list(temporary_folder.iterdir()) == []


def test_box_lists(tmp_path: Path) -> None:
    def box(kind: bytes, size: int, stated: int | None = None) -> bytes:
        return (stated or size + 8).to_bytes(4, "big") + kind + bytes(size)

    file = tmp_path / "x"
    for content, end, whole in [
        (b"", 0, False),
        (box(b"moof", 20), 0, False),
        (box(b"moof", 20) + box(b"mdat", 5), 41, True),
        (box(b"styp", 4) + box(b"moof", 20) + box(b"mdat", 5), 53, True),
        (box(b"mdat", 5) + box(b"moof", 20), 0, False),
        (box(b"moof", 20) + box(b"mdat", 5, 14), 0, False),
        (box(b"moof", 20) + box(b"mdat", 5) + b"abc", 41, False),
        (box(b"moof", 20) + box(b"mdat", 5) + box(b"moof", 20), 41, False),
        ((1).to_bytes(4, "big") + b"moof" + (24).to_bytes(8, "big") + bytes(8) + box(b"mdat", 0), 32, True),
        (box(b"moof", 20) + (3).to_bytes(4, "big") + b"mdat", 0, False),
    ]:
        file.write_bytes(content)
        assert (whole_fragments_end(file), ends_whole(file)) == (end, whole), content


@pytest.mark.parametrize("kind", ["probe", "index", "decode"])
def test_errors_name_the_track_of_the_recording_and_no_temporary_file(
    cap: CapMaker, temporary_folder: Path, kind: str
) -> None:
    """The joined copy is gone when the sentence is read."""
    cap.fragments(DISPLAY)
    init = cap.root / DISPLAY / "init.mp4"
    raw = init.read_bytes()
    if kind == "probe":  # the size of its index, so that there is none
        init.write_bytes(raw.replace(b"moov", b"moow"))
    cap.meta(**META)

    def decode() -> None:
        with load(cap.root) as recording:
            track = recording.segments[0].display
            assert track.path.parent.parent == temporary_folder
            if kind == "index":
                track.path.write_bytes(raw)  # a header without fragments: no packet
            assert len(track.index) == 12
            track.path.write_bytes(b"nothing at all")
            SourcePool(recording, threads=1).planes(track.key, 0)

    with pytest.raises(UnreadableInputError) as caught:
        decode()
    assert str(caught.value).startswith(f"{cap.root / DISPLAY}: ")
    assert str(temporary_folder) not in str(caught.value)


def test_warnings_name_the_track_of_the_recording(cap: CapMaker) -> None:
    cap.fragments(DISPLAY)
    cap.meta(**META)
    with load(cap.root) as recording:
        joined = recording.segments[0].display.path
        assert recording.by_origin(f"{joined}: 3 of 7.") == f"{cap.root / DISPLAY}: 3 of 7."
        assert recording.by_origin("nothing of it") == "nothing of it"


def test_a_file_in_place_of_the_named_one_is_called_by_its_own_name(cap: CapMaker) -> None:
    """The metadata may still name what the recorder wrote first."""
    cap.video(DISPLAY + ".mp4")
    cap.audio("content/segments/segment-0/audio-input.ogg")
    mic = {"path": "content/segments/segment-0/audio-input.m4a"}
    cap.meta(segments=[{"display": {"path": DISPLAY}, "mic": mic}], status={"status": "NeedsRemux"})
    with load(cap.root) as recording:
        segment = recording.segments[0]
        assert segment.display.origin == segment.display.path == cap.root / (DISPLAY + ".mp4")
        assert segment.mic is not None and segment.mic.origin == segment.mic.path
        assert segment.mic.path.suffix == ".ogg"
