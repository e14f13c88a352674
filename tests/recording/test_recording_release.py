"""Real metadata of Cap recordings, with stand-in videos. Release tests: they need the shared media."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from recording_makers import CapMaker

from reelpress.project.load import load_project
from reelpress.recording.load import load

SHARED = Path(__file__).resolve().parents[3] / "shared" / "media" / "capjson"

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the shared media are not on this machine"),
]


def prepared(name: str, tmp_path: Path) -> CapMaker:
    shutil.copytree(SHARED / name, tmp_path / name, copy_function=shutil.copyfile)
    for path in [tmp_path / name, *(tmp_path / name).rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # the shared folder is read-only
    return CapMaker(tmp_path / name)


def test_macos_of_early_2025(tmp_path: Path) -> None:
    cap = prepared("2025-02-macos-old.cap", tmp_path)
    cap.video("content/segments/segment-0/display.mp4", frames=60, fps=60)
    cap.audio("content/segments/segment-0/display-audio.ogg", seconds=Fraction(1))
    for n in range(3):
        cap.png(f"content/cursors/cursor_{n}.png", 32, 32)  # number 3 stays missing
    with load(cap.root) as recording:
        (segment,) = recording.segments
        assert segment.system_audio is not None
        assert segment.latest is None
        assert len(segment.pointer.moves) == 484
        first, last = segment.pointer.moves[0], segment.pointer.moves[-1]
        assert (first.time_ms, first.cursor_id) == (5026.13325, "1")
        assert last.time_ms == 15866.704916
        assert segment.pointer.clicks == ()
        assert sorted(recording.pointer_images) == ["0", "1", "2"]
        (warning,) = recording.warnings
        assert "cursor_3.png" in warning
        loaded = load_project(recording)
    assert loaded.unknown == ("motionBlur",)
    project = loaded.project
    assert project.cursor.animation_style == "mellow"  # stored as "regular"
    assert project.camera.zoom_size == 60  # stored as "zoom_size": null
    assert project.timeline is None
    assert project.camera.shadow == 0


def test_windows_of_2026(tmp_path: Path) -> None:
    cap = prepared("2026-02-windows.cap", tmp_path)
    cap.video("content/segments/segment-0/display.mp4", frames=62, fps=31)
    for n in range(3):
        cap.png(f"content/cursors/cursor_{n}.png", 16, 22)
    with load(cap.root) as recording:
        assert recording.warnings == ()
        (segment,) = recording.segments
        assert segment.latest == Fraction("0.1580608")
        assert segment.display.offset == 0
        assert segment.display.fps == 31
        assert (len(segment.pointer.moves), len(segment.pointer.clicks)) == (486, 16)
        assert {click.button for click in segment.pointer.clicks} == {1, 2}
        assert recording.pointer_images["2"].shape == "Windows|IBeam"
        loaded = load_project(recording)
    assert loaded.unknown == loaded.warnings == ()
    assert loaded.project.timeline is not None
    assert loaded.project.timeline.segments[0].end == Fraction("25.149044")
    assert loaded.project.screen_motion_blur == 0.5  # stored as 0, set to the pointer's
