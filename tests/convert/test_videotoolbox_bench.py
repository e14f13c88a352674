"""The script for the A/B benchmark runs, and says plainly when it is not VideoToolbox that it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from standin_library import Standin

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "videotoolbox.py"


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=100, check=False
    )


def test_it_measures_all_ways_in_one_run(standin: Standin, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = call(
        "--library", str(standin.path), "--size", "96x64", "--rounds", "3", "--encoder", "libx264", "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["measured"] == "a stand-in: these are no figures of VideoToolbox"
    row = found["sizes"]["96x64"]
    assert len(row["ways"]) == 4
    for way in row["ways"].values():
        assert 0 < way["wall_ms"]["min"] <= way["wall_ms"]["median"] <= way["wall_ms"]["max"]
    assert row["speed_against_swscale"]["swscale, as Reelpress calls it"] == 1.0
    # Luma is the same within rounding; chroma of noise differs, as the filters do.
    assert row["difference_to_swscale"][0]["max"] <= 1
    ways = found["encoding"]["ways"]
    for name in ("nv12 by swscale", "nv12 by videotoolbox"):
        assert ways[name]["fps"] > 0
        assert max(ways[name]["mean_codes_off"]) < 1.5
    if sys.platform != "darwin":
        assert set(ways["bgra through hardware frames"]) == {"missing"}  # there is no such device
    assert found["about"]["wrapped"]["sources_copied"] == 0
    assert found["about"]["copied"]["sources_copied"] > 6


@pytest.mark.skipif(sys.platform == "darwin", reason="this is what other systems say")
def test_elsewhere_it_says_why_not() -> None:
    done = call("--size", "96x64", "--rounds", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("VideoToolbox is part of macOS")
