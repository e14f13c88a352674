"""The GPU's paths of the benchmark: measured on a software adapter only where they are asked for by name."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from reelpress.bench import paths, runner
from reelpress.bench.paths import WAYS, chosen_ways
from reelpress.bench.scenarios import Scenario
from reelpress.bench.schema import violations

WIDTH, HEIGHT, SECONDS = 160, 90, 0.2
ROOT = Path(__file__).parents[2]
GPU_WAYS = ("gpu", "gpu-rgba", "gpu-twice")
APPLE_WAYS = ("videotoolbox", "videotoolbox-nv12", "videotoolbox-bgra")


def test_only_who_composes_differs():
    """Every other path says CPU and software decoder, so a machine with a GPU measures the same as one without."""
    on_gpu = (*GPU_WAYS, *APPLE_WAYS)
    for way in WAYS:
        assert way.settings["decoder"] == "software", way.id
        assert way.settings["renderer"] == ("gpu" if way.id in on_gpu else "cpu"), way.id
        assert way.composer == ("gpu" if way.id in on_gpu else "baseline" if way.rgba else "planar")
        assert (way.settings.get("encoder") == "h264_videotoolbox") == (way.id in APPLE_WAYS), way.id
        if way.id != "splice":
            assert way.settings["unchanged"] == "encode", way.id
    assert [way.id for way in WAYS if way.null_too] == [
        "baseline", "baseline-adaptive", *GPU_WAYS, "planar", *APPLE_WAYS,
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "darwin", reason="this is what other systems say")
@pytest.mark.parametrize("adapter", [None, ("llvmpipe", "software"), ("A card", "discrete")])
def test_apples_ways_are_for_macs_whatever_gpu_there_is_and_by_name_too(
    monkeypatch: pytest.MonkeyPatch, adapter: tuple[str, str] | None
) -> None:
    monkeypatch.setattr(paths, "_adapter", lambda: adapter)
    for name in APPLE_WAYS:
        (way,) = chosen_ways([name])
        assert "macOS only" in (way.missing or "")
    converters = [way.settings.get("converter") for way in WAYS if way.id in APPLE_WAYS]
    assert converters == ["videotoolbox", None, "encoder"], "S06, the GPU's NV12, and the encoder's own"


@pytest.mark.parametrize(
    ("adapter", "listed", "by_name"),
    [
        (None, "no adapter", "no adapter"),
        (("llvmpipe", "software"), "only adapter here is a software one (llvmpipe)", None),
        (("A card", "discrete"), None, None),
    ],
)
def test_a_software_adapter_is_taken_by_name_only(
    monkeypatch: pytest.MonkeyPatch, adapter: tuple[str, str] | None, listed: str | None, by_name: str | None
):
    monkeypatch.setattr(paths, "_adapter", lambda: adapter)
    for ways, said in ((chosen_ways(()), listed), (chosen_ways(GPU_WAYS), by_name)):
        for way in ways:
            if way.id in GPU_WAYS:
                assert (way.missing is None) == (said is None)
                assert said is None or said in str(way.missing)
                told = adapter is not None and adapter[1] == "software" and ways is not WAYS and by_name is said
                assert ("speed says nothing of a GPU" in way.description) == told


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> dict:
    plan = runner.Plan(
        command="reelpress bench (test)",
        scenarios=[Scenario("tiny", "Tiny", SECONDS, "desktop", WIDTH, HEIGHT, quick_seconds=SECONDS)],
        ways=chosen_ways(GPU_WAYS),
        encoders=paths.ENCODERS,
        runs=1,
        warmup=0,
        quick=True,
        quality_frames=3,
        pictures=False,
        sources=tmp_path_factory.mktemp("sources"),
    )
    return runner.run(plan)


@pytest.mark.gpu
def test_the_gpus_paths_are_measured(result):
    assert violations(result) == []
    rows = {(r["path"], r["encoder"]): r for r in result["results"]}
    frames = round(SECONDS * 60)
    for encoder in ("x264", "null"):
        for path in GPU_WAYS:
            row = rows[path, encoder]
            assert row["missing"] is None
            assert row["fallbacks"] == [], "what was measured is the GPU"
            assert row["frames"]["total"] == row["frames"]["encoded"] == frames
        drawn = {path: frames - rows[path, encoder]["frames"]["held"] for path in GPU_WAYS}
        read = {path: rows[path, encoder]["runs"][0]["readback_bytes"] for path in GPU_WAYS}
        count = {path: rows[path, encoder]["runs"][0]["conversions"] for path in GPU_WAYS}
        pixels = WIDTH * HEIGHT
        assert 0 < read["gpu"] <= pixels * 3 // 2 * drawn["gpu"]
        assert read["gpu-rgba"] == 4 * pixels * drawn["gpu-rgba"]
        assert read["gpu-twice"] == (4 * pixels + pixels * 3 // 2) * drawn["gpu-twice"], "RGBA, and NV12 once more"
        assert count == {"gpu": 0, "gpu-rgba": drawn["gpu-rgba"], "gpu-twice": drawn["gpu-twice"]}
        (edge,) = rows["gpu-twice", encoder]["conversions"]
        assert edge["by"] == "gpu, a second device"
    for path in GPU_WAYS:
        quality = rows[path, "x264"]["quality"]
        assert quality["missing"] is None
        assert quality["reference"] == "the pictures composed for it (gpu)"
        assert 0.8 < quality["ssim"]["y"] <= 1
    assert "speed says nothing of a GPU" in next(p for p in result["paths"] if p["id"] == "gpu")["description"] or (
        next(way for way in WAYS if way.id == "gpu").missing is None
    )


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("gpu_tables")


def test_tables_of_what_was_measured(tables):
    """Figures stand beside their goals; a part that failed says so instead of going missing."""
    spread = {"median": 812.4, "least": 790.0, "most": 820.0}
    row = {
        "fps": 60.0,
        "goals": {"fps": 700.0, "of_bare": 0.8, "nv12_of_rgba_swscale": 2.0, "of_x264_alone": 0.9, "python_ms": 0.6},
        "compositor": {"whole_fps": spread, "as_exported_fps": spread, "whole_thread_ms": 0.9, "python_ms": 0.416},
        "bare": {"fps": spread},
        "of_bare": 0.857,
        "null_encoder": {"error": "ExportError: the disk was full"},
        "h264": {
            "of_x264_alone": 0.934,
            "export": {"fps": {"median": 301.2}},
            "x264_alone_fps": {"median": 322.5},
            "x264": {"preset": "veryfast", "crf": 20.0, "threads": 16},
        },
    }
    machine = {"cpu": "A CPU", "cores": 16, "system": "Linux", "python": "3.11", "commit": "abc"}
    text = tables.figures({"adapter": "A card", "machine": machine, "command": "python it", "1080p": row})
    assert (
        "| 1080p at 60 | composing with read-back, every frame whole, frames/s | 700 | **812** (790 to 820) |" in text
    )
    assert "| the same against the bare loop | 0.8x | **0.86x** |" in text
    assert "| whole export to H.264 against x264 alone | 0.9x | **0.93x** |" in text
    assert "| Python on the composing thread, ms a frame | 0.6 | **0.42** |" in text
    assert "null encoder: ExportError: the disk was full" in text
    assert "A card; A CPU, 16 cores" in text
    assert "gpu-nvidia.json" in tables.figures(None)
    assert "bench-nvidia.json" in tables.paths(None)


@pytest.mark.gpu
def test_table_of_the_paths(tables, result):
    lines = [line for line in tables.paths(result).splitlines() if line.startswith("| Tiny")]
    assert len(lines) == 2 * len(GPU_WAYS)
    assert not any("fell back" in line for line in lines)
    row = next(r for r in result["results"] if r["path"] == "gpu" and r["encoder"] == "x264")
    fallen = {**result, "results": [{**row, "fallbacks": [{"stage": "renderer"}]}]}
    assert "(fell back)" in tables.paths(fallen)


@pytest.mark.gpu
@pytest.mark.release
@pytest.mark.timeout(300)
def test_the_script_runs_to_its_end(tables, tmp_path: Path):
    """``benchmarks/gpu.py`` as on the NVIDIA machine, at a size that a software adapter can do."""
    out = tmp_path / "gpu.json"
    script = str(ROOT / "benchmarks" / "gpu.py")
    size = ["--size", "160x90:30", "--frames", "4", "--export-frames", "8", "--runs", "1"]
    subprocess.run([sys.executable, script, "--software", *size, "--out", str(out)], check=True, timeout=280)
    data = json.loads(out.read_text())
    row = data["160x90"]
    assert row["null_encoder"]["gpu"]["fallbacks"] == row["null_encoder"]["gpu-rgba"]["fallbacks"] == []
    assert row["null_encoder"]["gpu-rgba"]["conversions"] > 0 == row["null_encoder"]["gpu"]["conversions"]
    assert row["h264"]["of_x264_alone"] > 0
    assert 0 < row["compositor"]["python_ms"] < row["compositor"]["whole_thread_ms"] * 2
    assert str(tmp_path) not in out.read_text()
    assert "160x90 at 30" in tables.figures(data)
