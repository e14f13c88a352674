"""Entries of a result: of a pair of path and encoder, and of a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelpress.bench import paths
from reelpress.bench.metrics import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.bench.paths import EncoderKind, Way
    from reelpress.bench.scenarios import Ready


def scenario_of(ready: Ready, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An entry of ``scenarios``, with the size of what came out; takes that (``_output``) from its rows.

    Args:
        ready: The scenario with its source.
        rows: All of its rows, as :func:`row_of` made them.
    """
    found: dict[str, Any] = {
        "id": ready.scenario.id,
        "title": ready.scenario.title,
        "missing": ready.missing,
        "full_seconds": ready.scenario.seconds,
        "text_rect": None,
        "source": ready.described,
        "options": [f"--{name.replace('_', '-')} {value}" for name, value in ready.options.items() if name != "project"]
        + (["--project (changes of its own project, see scenarios.py)"] if "project" in ready.options else []),
    }
    measured = next((row for row in rows if row["missing"] is None), None)
    if measured is not None:
        made = measured.pop("_output")
        found |= {
            "width": made["width"],
            "height": made["height"],
            "fps": made["fps"],
            "frames": made["frames"],
            "seconds": round(made["frames"] / made["fps"], 4),
        }
    for row in rows:
        row.pop("_output", None)
    return found


def row_of(
    ready: Ready,
    way: Way,
    encoder: EncoderKind,
    runs: Sequence[dict[str, Any]],
    quality: dict[str, Any],
    gpu_missing: str | None,
    python: int | None,
) -> dict[str, Any]:
    """An entry of ``results``: the runs of one pair of path and encoder.

    Args:
        runs: What the worker told of each, at least one, with its ``order``.
        quality: Of the last one's output.
        gpu_missing: Why there is no measure of the GPU.
        python: Bytes that Python had taken at most, where that was measured.
    """
    last = sorted(runs, key=lambda r: r["wall_s"])[len(runs) // 2]  # the run nearest to the median
    told = [_run(run) for run in runs]
    names = ("wall_s", "fps", "cpu_percent", "gpu_percent", "peak_rss_bytes", "size_bytes")
    summary = {}
    for name in names:
        values = [run[name] for run in told if run[name] is not None]
        if values:
            summary[name] = spread(values)
    profile = last["profile"]
    null = ", encoder that costs nothing" if encoder is paths.NULL else ""
    prefix = f"{ready.scenario.title}, {way.title}{null}"
    profile["sentence"] = f"{prefix}: {profile['sentence']}"
    if profile["swscale"] is not None:
        profile["swscale"]["sentence"] = f"{prefix}: {profile['swscale']['sentence']}"
    memory = last["memory"] | ({} if python is None else {"python_bytes": python})
    return {
        "scenario": ready.scenario.id,
        "path": way.id,
        "encoder": encoder.id,
        "missing": None,
        "runs": told,
        "summary": summary,
        "gpu_missing": gpu_missing,
        "frames": last["frames"],
        "stages": last["stages"],
        "memory": memory,
        "quality": quality,
        "profile": profile,
        "series": last["series"],
        "formats": last["formats"],
        "conversions": last["conversions"],
        "copies": last["copies"],
        "buffers": last["buffers"],
        "fallbacks": last["fallbacks"],
        "not_drawn": last["not_drawn"],
        "against_baseline": None,
        "_output": {
            "width": last["width"],
            "height": last["height"],
            "fps": last["fps"],
            "frames": last["frames"]["total"],
        },
    }


def _run(run: dict[str, Any]) -> dict[str, Any]:
    wall = run["wall_s"]
    return {
        "wall_s": wall,
        "process_s": run["process_s"],
        "pipeline_s": run["pipeline_s"],
        "fps": round(run["frames"]["total"] / wall, 3),
        "cpu_s": run["run_cpu_s"],
        "cpu_percent": round(100 * run["run_cpu_s"] / wall, 1),
        "gpu_percent": run["gpu_percent"],
        "peak_rss_bytes": run["peak_rss_bytes"],
        "size_bytes": run["size_bytes"],
        "readback_bytes": sum(c["bytes"] for c in run["copies"] if c["what"] == "read-back"),
        "conversions": sum(int(c.get("frames", 0)) for c in run["conversions"]),
        "copies": sum(c["frames"] for c in run["copies"]),
        "order": run["order"],
    }
