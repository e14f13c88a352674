"""A target on a disk that is full: the reason is told, and nothing stays there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bad_makers import clip

from export_harness import Cli, names

FAST = ("--encoder-preset", "ultrafast", "--resolution", "source")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """``disk("64k")`` is a file system of that size. Mounting needs rights that not every machine grants."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk-{size}"
        folder.mkdir()
        result = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            pytest.skip(f"no small file system can be mounted here: {result.stderr.strip()}")
        mounted.append(folder)
        return folder

    try:
        yield mount
    finally:
        for folder in mounted:
            subprocess.run(["umount", str(folder)], check=True, timeout=30)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97], ids=str)
def test_a_disk_that_gets_full(share: float, disk: Callable[[str], Path], here: Path, cli: Cli) -> None:
    """At the beginning, in the middle, and when all that is missing is the end of the file."""
    clip(here / "a.mp4", frames=16, size=(320, 240), gop=1, noise=True)
    assert cli("export", "a.mp4", "-o", "whole.mp4", "--crf", "2", *FAST).exit == 0
    pages = int(Path("whole.mp4").stat().st_size * share) // 4096
    assert pages > 1
    folder = disk(f"{4 * pages}k")
    result = cli("export", "a.mp4", "-o", folder / "out.mp4", "--json", "--crf", "2", *FAST)
    assert result.exit == 1
    assert result.events[-1]["code"] == "output"
    assert "full" in result.events[-1]["error"]
    assert "out.mp4" in result.events[-1]["error"]
    assert names(folder) == []


def test_an_old_file_on_a_full_disk_stays(disk: Callable[[str], Path], here: Path, cli: Cli) -> None:
    folder = disk("24k")
    (folder / "out.mp4").write_bytes(b"precious" * 1000)
    clip(here / "a.mp4", frames=16, size=(320, 240), gop=1, noise=True)
    assert cli("export", "a.mp4", "-o", folder / "out.mp4", "--overwrite", "--crf", "2", *FAST).exit == 1
    assert (folder / "out.mp4").read_bytes() == b"precious" * 1000
    assert names(folder) == ["out.mp4"]


def test_a_disk_without_any_room(disk: Callable[[str], Path], here: Path, cli: Cli) -> None:
    folder = disk("16k")
    (folder / "filler").write_bytes(b"x" * 16384)
    clip(here / "a.mp4")
    result = cli("export", "a.mp4", "-o", folder / "out.mp4", *FAST)
    assert result.exit == 1
    assert "full" in result.sentence
    assert names(folder) == ["filler"]


def test_a_read_only_disk(disk: Callable[[str], Path], here: Path, cli: Cli) -> None:
    folder = disk("1m")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, timeout=30)
    clip(here / "a.mp4")
    result = cli("export", "a.mp4", "-o", folder / "out.mp4", *FAST)
    assert result.exit == 1
    assert "out.mp4" in result.sentence
    assert "read-only" in result.sentence
    assert names(folder) == []


def test_no_room_for_joined_fragments(
    disk: Callable[[str], Path], here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary folder is full: the input cannot be joined, and the sentence names the way out."""
    import tempfile

    folder = disk("16k")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    (folder / "filler").write_bytes(b"x" * 12288)
    track = here / "a.cap/content/segments/segment-0/display"
    track.mkdir(parents=True)
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    whole = clip(here / "whole.mp4", frames=12, size=(320, 240), gop=1, noise=True, options=options).read_bytes()
    first = whole.index(b"moof") - 4
    (track / "init.mp4").write_bytes(whole[:first])
    (track / "segment_001.m4s").write_bytes(whole[first:])
    (here / "whole.mp4").unlink()
    meta = '{"segments": [{"display": {"path": "content/segments/segment-0/display", "fps": 30}}]}'
    (here / "a.cap/recording-meta.json").write_text(meta)
    result = cli("export", "a.cap", "-o", "out.mp4", *FAST)
    assert result.exit == 3
    assert "TMPDIR" in result.err
    assert names(folder) == ["filler"]
