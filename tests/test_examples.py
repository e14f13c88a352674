"""The scripts of ``examples/`` do what their first line says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "cancel.py",
        "export_with_progress.py",
        "frames_to_numpy.py",
    }


def test_export_with_progress(tiny_cap: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.mp4"
    result = example("export_with_progress.py", tiny_cap, target)
    assert result.returncode == 0, result.stderr
    assert target.stat().st_size > 0
    assert "encode: 0 of 120" in result.stderr  # 2 s at 60 frames a second
    assert "verify: 120 of 120" in result.stderr
    assert result.stdout.startswith("120 frames: ")


def test_export_with_progress_reports_what_is_wrong(tmp_path: Path) -> None:
    result = example("export_with_progress.py", tmp_path / "none.cap", tmp_path / "x.mp4")
    assert result.returncode == 3
    assert result.stderr.startswith("input_missing: ")


def test_frames_to_numpy(tiny_cap: Path) -> None:
    result = example("frames_to_numpy.py", tiny_cap)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == ["frame 0: luma (180", "frame 10: luma (180"]
    assert all("chroma (90, 160) and (90, 160)" in line for line in lines)
    assert all(0 <= float(line.rsplit(" ", 1)[1]) <= 1 for line in lines)


def test_cancel(tiny_cap: Path, tmp_path: Path) -> None:
    result = example("cancel.py", tiny_cap, tmp_path / "x.mp4")
    assert result.returncode == 130, result.stderr
    assert "the button was pressed" in result.stdout
    assert result.stdout.strip().endswith("False")
    assert list(tmp_path.iterdir()) == []
