"""Tables of docs/gpu.md from ``benchmarks/gpu.py`` and, for the paths against each other, ``make bench-nvidia``."""

from __future__ import annotations

import statistics
from typing import Any

from bench_tables import NVIDIA, cpu_per_frame, facts, not_yet, result_of, rows
from reelpress.bench.page_result import Result, median
from reelpress.export.page.units import DASH, megabytes, number

COMMAND = "python benchmarks/gpu.py --out benchmarks/results/gpu-nvidia.json"
PATHS = ("baseline", "gpu-twice", "gpu-rgba", "gpu", "planar")
"""In the order of the seed's own attempts."""


def figures(data: dict[str, Any] | None) -> str:
    """What was wanted and what came out."""
    if data is None:
        return not_yet(COMMAND, "gpu-nvidia")
    body, parts = [], []
    for size, row in data.items():
        if not isinstance(row, dict) or "compositor" not in row:
            continue
        label, goals, look = f"{size} at {row['fps']:g}", row["goals"], row["compositor"]
        null, h264 = row.get("null_encoder", {}), row.get("h264", {})
        wanted = DASH if goals["fps"] is None else f"{goals['fps']:.0f}"
        body += [
            [label, "composing with read-back, every frame whole, frames/s", wanted, _spread(look["whole_fps"])],
            [label, "the same against the bare loop", _times(goals["of_bare"]), _bold(row["of_bare"], 2)],
            [label, "NV12 before the read-back against RGBA and swscale after it, null encoder",
             _times(goals["nv12_of_rgba_swscale"]), _bold(null.get("nv12_of_rgba_swscale"), 2)],
            [label, "whole export to H.264 against x264 alone", _times(goals["of_x264_alone"]),
             _bold(h264.get("of_x264_alone"), 2)],
            [label, "Python on the composing thread, ms a frame", f"{goals['python_ms']:g}",
             f"**{look['python_ms']:.2f}**"],
        ]  # fmt: skip
        parts += _told(label, row)
    m = data["machine"]
    ran = (
        f"{data['adapter']}; {m['cpu']}, {m['cores']} cores, {m['system']}, Python {m['python']}, "
        f"commit {m['commit']}. `{data['command']}`"
    )
    table = rows(["size", "what", "at least (ms: at most)", "measured"], body)
    return "\n\n".join([table, "\n".join(parts), ran])


def _told(label: str, row: dict[str, Any]) -> list[str]:
    look, null, h264 = row["compositor"], row.get("null_encoder", {}), row.get("h264", {})
    lines = [
        f"- {label}: the bare loop {_spread(row['bare']['fps'], bold=False)} frames/s; the demo as it is exported, "
        f"patches included, {_spread(look['as_exported_fps'], bold=False)} frames/s; on the composing thread "
        f"{look['whole_thread_ms']:.2f} ms a frame in all.",
    ]
    if "gpu" in null:
        lines.append(
            f"- {label}, null encoder: {number(null['gpu']['fps']['median'], 1)} frames/s with NV12, "
            f"{number(null['gpu-rgba']['fps']['median'], 1)} with RGBA and swscale; read back "
            f"{megabytes(null['gpu']['read_back_bytes_a_frame'], 2)} and "
            f"{megabytes(null['gpu-rgba']['read_back_bytes_a_frame'], 2)} MB a frame."
        )
    if "export" in h264:
        x264 = h264["x264"]
        lines.append(
            f"- {label}, H.264: {number(h264['export']['fps']['median'], 1)} frames/s, x264 alone "
            f"{number(h264['x264_alone_fps']['median'], 1)} ({x264['preset']}, CRF {x264['crf']:g}, "
            f"{x264['threads']} threads)."
        )
    lines += [f"- {label}, {name}: {part['error']}" for name, part in (("null encoder", null), ("H.264", h264))
              if "error" in part]  # fmt: skip
    return lines


def _times(value: float | None) -> str:
    return DASH if value is None else f"{value:g}x"


def _bold(value: float | None, digits: int) -> str:
    return DASH if value is None else f"**{value:.{digits}f}x**"


def _spread(found: dict[str, float], *, bold: bool = True) -> str:
    middle = f"{found['median']:.0f}"
    return f"{f'**{middle}**' if bold else middle} ({found['least']:.0f} to {found['most']:.0f})"


def paths(raw: dict[str, Any] | None) -> str:
    """The ways of converting against each other."""
    if raw is None:
        return not_yet(NVIDIA, "bench-nvidia")
    data = Result(raw)
    body = []
    for scenario in raw["scenarios"]:
        for encoder in ("null", "x264"):
            found = {
                row["path"]: row
                for row in data.of(scenario["id"])
                if row["missing"] is None and row["encoder"] == encoder
            }
            body += [
                [scenario["title"], data.row(found[path]), *_cells(found[path])] for path in PATHS if path in found
            ]
    header = [
        "scenario",
        "path",
        "frames/s, stages",
        "frames/s, all",
        "CPU ms a frame",
        "read back MB a frame",
        "peak RSS MB",
    ]
    return f"{rows(header, body)}\n\n{facts(raw)}"


def _cells(row: dict[str, Any]) -> list[str]:
    frames = max(1, int(row["frames"]["total"]))
    read = statistics.median(int(run["readback_bytes"]) for run in row["runs"]) / frames
    rate = statistics.median(frames / float(run["pipeline_s"]) for run in row["runs"])
    lost = " (fell back)" if row["fallbacks"] else ""
    return [
        number(rate, 1) + lost,
        number(median(row, "fps"), 1),
        number(cpu_per_frame(row), 1),
        megabytes(read, 2) if read else DASH,
        megabytes(median(row, "peak_rss_bytes"), 0),
    ]


def tables() -> dict[str, Any]:
    """By name, for ``make_docs.py``."""
    return {
        "gpu": lambda: figures(result_of("gpu-nvidia")),
        "gpupaths": lambda: paths(result_of("bench-nvidia")),
    }
