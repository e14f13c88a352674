"""Tables of docs/seed.md: what the seed believed, what its paths cost, and its success tables, filled from a result.

The seed's words and figures stand here, in the order of its sections; everything that was measured comes from the
result of ``reelpress bench``. Where a figure cannot be had on the machine that was measured, its row says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench_tables import COMMAND, absent, cpu_per_frame, facts, heading, not_yet, rows
from reelpress.bench.page_result import Result, median
from reelpress.export.page.units import DASH, megabytes, number, percent, seconds, signed

K4 = 3840 * 2160
"""Pixels of a 4K picture."""
RGBA, NV12 = 4.0, 1.5
"""Bytes a pixel."""
LIMIT = 250e6
"""The seed's "acceptable bounds" above the baseline path."""


@dataclass(frozen=True)
class Outcome:
    """What a row of the seed came to."""

    baseline: str = DASH
    """The baseline path on the machine that was measured."""
    result: str = DASH
    met: bool | None = None
    remark: str = ""


class Figures:
    """Look-ups in a result, x264 only. A figure that is not there has a reason."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._rows = {(r["scenario"], r["path"]): r for r in raw["results"] if r["encoder"] == "x264"}
        self.null = {(r["scenario"], r["path"]): r for r in raw["results"] if r["encoder"] == "null"}

    def row(self, scenario: str, path: str) -> dict[str, Any] | None:
        """A row that was measured."""
        found = self._rows.get((scenario, path))
        return None if found is None or found["missing"] is not None else found

    def why(self, scenario: str, path: str) -> str:
        """Why there is no such row."""
        for group, id_ in (("paths", path), ("scenarios", scenario)):
            for item in self.raw[group]:
                if item["id"] == id_ and item["missing"]:
                    return f"not measurable here: {item['missing']}"
        found = self._rows.get((scenario, path))
        if found is not None and found["missing"]:
            return f"not measurable here: {found['missing']}"
        return "not in this run"

    def missing(self, scenario: str, path: str) -> Outcome:
        """The outcome where there is no such row."""
        return Outcome(remark=self.why(scenario, path))


def fps(f: Figures, path: str) -> Outcome:
    """Frames a second at 1080p; not comparable with the seed's machine."""
    base, row = f.row("1080p-1min", "baseline"), f.row("1080p-1min", path)
    if row is None:
        return f.missing("1080p-1min", path)
    before = DASH if base is None else f"{number(median(base, 'fps'), 1)} fps"
    return Outcome(
        before, f"{number(median(row, 'fps'), 1)} fps", remark="another machine than the seed's: compare the gain"
    )


def gain(f: Figures, path: str, scenario: str = "1080p-1min", low: float = 16.0) -> Outcome:
    """Frames a second more than the baseline path's, in per cent."""
    base, row = f.row(scenario, "baseline"), f.row(scenario, path)
    if row is None or base is None:
        return f.missing(scenario, path if row is None else "baseline")
    against = row["against_baseline"]
    if against is None:
        return Outcome(remark="not compared in this run")
    remark = "within the spread: no difference" if against["within_spread"] else ""
    value = float(against["fps_percent"])
    return Outcome(f"{number(median(base, 'fps'), 1)} fps", f"{signed(value, 1)} %", value >= low, remark)


def time_less(f: Figures, path: str, scenario: str, low: float, stretch: float) -> Outcome:
    """Wall time less than the baseline path's, in per cent."""
    base, row = f.row(scenario, "baseline"), f.row(scenario, path)
    if row is None or base is None:
        return f.missing(scenario, path if row is None else "baseline")
    a, b = median(base, "wall_s") or 0.0, median(row, "wall_s") or 0.0
    value = 100 * (1 - b / a) if a else 0.0
    return Outcome(
        seconds(a), f"{seconds(b)} ({number(value)} % less)", value >= low, "stretch met" if value >= stretch else ""
    )


def peak(f: Figures, limit: float, path: str = "planar") -> Outcome:
    """Peak RSS of the whole process at 4K."""
    base, row = f.row("4k-1min", "baseline"), f.row("4k-1min", path)
    if row is None:
        return f.missing("4k-1min", path)
    value = median(row, "peak_rss_bytes") or 0.0
    before = DASH if base is None else f"{megabytes(median(base, 'peak_rss_bytes'), 0)} MB"
    return Outcome(
        before, f"{megabytes(value, 0)} MB", value <= limit, "whole process, interpreter and codecs included"
    )


def added(f: Figures, path: str, scenario: str) -> Outcome:
    """Peak RSS above the baseline path's."""
    base, row = f.row(scenario, "baseline"), f.row(scenario, path)
    if row is None or base is None or row["against_baseline"] is None:
        return f.missing(scenario, path if row is None else "baseline")
    value = float(row["against_baseline"]["rss_difference_bytes"])
    return Outcome(f"{megabytes(median(base, 'peak_rss_bytes'), 0)} MB", f"{signed(value / 1e6)} MB", value <= LIMIT)


def memory_part(f: Figures, name: str, limit: float) -> Outcome:
    """A counted part of the memory at 4K."""
    base, row = f.row("4k-1min", "baseline"), f.row("4k-1min", "planar")
    if row is None or not row.get("memory"):
        return f.missing("4k-1min", "planar")
    value = float(row["memory"][name])
    before = DASH if base is None or not base.get("memory") else f"{megabytes(base['memory'][name], 0)} MB"
    return Outcome(
        before,
        f"{megabytes(value, 0)} MB",
        value <= limit,
        "counted, all channels" if "channels" in name else "counted",
    )


def readback(f: Figures) -> Outcome:
    """Bytes a second that are read back at 4K."""
    base, row = f.row("4k-1min", "baseline"), f.row("4k-1min", "planar")
    if row is None:
        return f.missing("4k-1min", "planar")

    def rate(found: dict[str, Any]) -> float:
        return statistics.median(float(run["readback_bytes"]) / float(run["wall_s"]) for run in found["runs"])

    before = DASH if base is None else f"{number(rate(base) / 1e9, 2)} GB/s at its own speed"
    remark = f"planar composes where the encoder reads. Through a GPU: {f.why('4k-1min', 'gpu')}"
    if f.row("4k-1min", "gpu") is not None:
        remark = f"GPU path: {number(rate(f.row('4k-1min', 'gpu') or row) / 1e9, 2)} GB/s"
    return Outcome(before, f"{number(rate(row) / 1e9, 2)} GB/s", rate(row) <= K4 * NV12 * 60, remark)


def per_frame(f: Figures, name: str) -> Outcome:
    """Conversions, or bytes read back, for each frame at 1080p; the goal is none, or those of NV12."""
    base, row = f.row("1080p-1min", "baseline"), f.row("1080p-1min", "planar")
    if row is None:
        return f.missing("1080p-1min", "planar")

    def value(found: dict[str, Any]) -> float:
        return float(found["runs"][0][name]) / max(1, int(found["frames"]["total"]))

    if name == "conversions":
        before = DASH if base is None else f"{number(value(base), 2)} a frame, swscale on the CPU"
        return Outcome(before, f"{number(value(row), 2)} a frame", value(row) < 0.01, "nothing is left to convert")
    pixels = 1920 * 1080
    before = DASH if base is None else f"{number(value(base) / pixels, 1)} bytes a pixel"
    return Outcome(before, f"{number(value(row) / pixels, 1)} bytes a pixel", value(row) <= NV12 * pixels)


def quality(f: Figures, path: str) -> Outcome:
    """SSIM of luma against what was composed."""
    base, row = f.row("1080p-1min", "baseline"), f.row("1080p-1min", path)
    if row is None or base is None:
        return f.missing("1080p-1min", path if row is None else "baseline")
    difference = (row["against_baseline"] or {}).get("ssim_difference")
    if difference is None:
        note = (row["against_baseline"] or {}).get("note")
        return Outcome(remark=note or "quality was not judged in this run")
    a, b = ((r["quality"]["ssim"] or {}).get("y") for r in (base, row))
    return Outcome(
        f"SSIM {number(a, 4)}", f"SSIM {number(b, 4)}", difference >= -0.001, "each against what it composed"
    )


def never(reason: str) -> Callable[[Figures], Outcome]:
    """A row that cannot be measured on any machine this was run on."""
    return lambda _: Outcome(remark=f"not measurable here: {reason}")


Fill = Callable[[Figures], Outcome]
MATRIX = (
    ("1080p-1min", "1080p, 1 min"),
    ("4k-1min", "4K, 1 min"),
    ("1080p-10min", "1080p, 10 min"),
    ("1080p-1min-fragmented", "1080p, 1 min, fragmented"),
)
NO_HARDWARE = "no hardware coding is built, and there is no Mac"


def _matrix_rows() -> list[tuple[str, str, str, str, Fill]]:
    made: list[tuple[str, str, str, str, Fill]] = []
    for id_, title in MATRIX:
        for path, name in (("planar", "planar"), ("splice", "planar + unchanged pictures")):
            low = 35.0 if id_.startswith("4k") else 16.0
            target = "+35 to 55 % (section 0)" if id_.startswith("4k") else "+16 to 28 %"
            fill = partial(gain, path=path, scenario=id_, low=low)
            made.append(("4 (S07)", f"Improvement, {title}, {name}", "–", target, fill))
    return made


SUCCESS: tuple[tuple[str, str, str, str, Fill], ...] = (
    ("2", "Export FPS, 1080p, planar", "43 fps", "50 to 55 fps (hardware max. about 60)", lambda f: fps(f, "planar")),
    ("2", "Export FPS, 1080p, planar + unchanged pictures", "43 fps", "50 to 55 fps", lambda f: fps(f, "splice")),
    ("2", "Improvement, planar", "–", "+16 to 28 % (hardware max. +40 %)", lambda f: gain(f, "planar")),
    ("2", "Improvement, planar + unchanged pictures", "–", "+16 to 28 %", lambda f: gain(f, "splice")),
    ("2", "Improvement, NV12 made on the GPU before read-back", "–", "+16 to 28 %", lambda f: gain(f, "gpu")),
    ("2", "Improvement, VTPixelTransferSession (S06)", "–", "50+ fps", lambda f: gain(f, "videotoolbox")),
    ("4 (S07)", "Export FPS", "43 fps (39 s for 1667 frames)", "50 to 55 fps", lambda f: fps(f, "planar")),
    *_matrix_rows(),
    ("4 (S07)", "Quality: no regression, planar", "–", "none", lambda f: quality(f, "planar")),
    ("4 (S07)", "Quality: no regression, unchanged pictures", "–", "none", lambda f: quality(f, "splice")),
    ("4 (S07)", "Memory validated, 1080p", "8-frame buffers", "at most 250 MB more (section 0)",
     lambda f: added(f, "planar", "1080p-1min")),
    ("4 (S07)", "Memory validated, 4K", "8-frame buffers", "at most 250 MB more (section 0)",
     lambda f: added(f, "planar", "4k-1min")),
    ("4 (S07)", "GPU usage", "–", "captured", lambda f: gpu_usage(f)),
    ("5", "Decoding", "hardware (VideoToolbox)", "the same", never(NO_HARDWARE)),
    ("5", "Rendering", "GPU (Metal)", "the same", never("the GPU compositor is not built; planar composes on the CPU")),
    ("5", "Format conversion", "CPU (FFmpeg)", "GPU", lambda f: per_frame(f, "conversions")),
    ("5", "Read-back", "RGBA, 4 bytes a pixel", "NV12, 1.5", lambda f: per_frame(f, "readback_bytes")),
    ("5", "Encoding", "hardware (VideoToolbox)", "the same", never(NO_HARDWARE)),
    ("5", "Frame buffers, 4K", f"32 RGBA frames: {number(32 * K4 * RGBA / 1e6)} MB",
     f"32 NV12 frames: {number(32 * K4 * NV12 / 1e6)} MB",
     lambda f: memory_part(f, "channels_bytes", 32 * K4 * NV12)),
    ("5", "GPU read-back, 3 buffers", f"{number(3 * K4 * RGBA / 1e6)} MB", f"{number(3 * K4 * NV12 / 1e6)} MB",
     lambda f: memory_part(f, "readback_bytes", 3 * K4 * NV12)),
    ("5", "Whole pipeline", "1.1 GB", "450 MB", lambda f: peak(f, 450e6)),
    ("8", "1080p, 1 min", "15 s (estimate)", "10 s, 33 % less (stretch 8 s, 47 %)",
     lambda f: time_less(f, "planar", "1080p-1min", 33, 47)),
    ("8", "the same, unchanged pictures", "15 s (estimate)", "10 s, 33 % less (stretch 8 s, 47 %)",
     lambda f: time_less(f, "splice", "1080p-1min", 33, 47)),
    ("8", "4K, 1 min", "60 s (estimate)", "35 s, 40 % less (stretch 30 s, 50 %)",
     lambda f: time_less(f, "planar", "4k-1min", 40, 50)),
    ("8", "the same, unchanged pictures", "60 s (estimate)", "35 s, 40 % less (stretch 30 s, 50 %)",
     lambda f: time_less(f, "splice", "4k-1min", 40, 50)),
    ("8", "Memory", "1.1 GB", "below 500 MB", lambda f: peak(f, 500e6)),
    ("8", "Memory (stretch)", "1.1 GB", "below 400 MB", lambda f: peak(f, 400e6)),
    ("8", "Read-back at 4K60",
     f"130 MB/s; corrected: **{number(K4 * RGBA * 60 / 1e9, 2)} GB/s** (RGBA)",
     f"50 MB/s; corrected: **{number(K4 * NV12 * 60 / 1e9, 2)} GB/s** (NV12)", readback),
)  # fmt: skip
"""Section, row, the seed's baseline, its target, and how the result is had."""


def gpu_usage(f: Figures) -> Outcome:
    """The GPU's share, where there is one."""
    row = f.row("1080p-1min", "planar")
    if row is None:
        return f.missing("1080p-1min", "planar")
    value = median(row, "gpu_percent")
    if value is None:
        return Outcome(remark=f"not measurable here: {row.get('gpu_missing') or f.raw['machine']['gpu_missing']}")
    return Outcome(result=f"{number(value)} %", met=True)


def success(data: dict[str, Any] | None) -> str:
    """Every row of the seed's sections 2, 4 (S07), 5 and 8."""
    f = None if data is None else Figures(data)
    body = []
    for section, text, before, target, fill in SUCCESS:
        found = Outcome(remark="not measured yet") if f is None else fill(f)
        met = {None: "–", True: "✓", False: "✗"}[found.met]
        body.append([section, text, before, target, found.baseline, found.result, met, found.remark or DASH])
    header = ["§", "row", "seed's baseline", "seed's target", "baseline path here", "result", "met", "remark"]
    end = not_yet(COMMAND, "bench") if data is None else facts(data)
    return f"{rows(header, body)}\n\n{end}"


def costs(data: dict[str, Any] | None) -> str:
    """What each path costs a frame, in the seed's scenarios."""
    if data is None:
        return not_yet(COMMAND, "bench")
    view = Result(data)
    header = ["path", "frames/s", "against baseline", "CPU ms a frame", "read back MB a frame", "conversions a frame",
              "whole copies a frame", "encoded frames", "peak RSS MB", "where the time goes"]  # fmt: skip
    parts = []
    for scenario in data["scenarios"]:
        body = []
        for row in view.of(scenario["id"]):
            if row["missing"] is not None or row["encoder"] != "x264" or scenario["id"] not in dict(MATRIX):
                continue
            first, total = row["runs"][0], max(1, row["frames"]["total"])
            against = row["against_baseline"]
            ratio = DASH if against is None else f"{number(against['speed_ratio'], 2)}x"
            where = str(row["profile"]["sentence"]).rsplit(": ", 1)[-1] if row.get("profile") else DASH
            body.append([view.row(row), number(median(row, "fps"), 1), ratio, number(cpu_per_frame(row), 1),
                         megabytes(first["readback_bytes"] / total, 1), number(first["conversions"] / total, 2),
                         number(first["copies"] / total, 2), percent(row["frames"]["encoded"] / total),
                         megabytes(median(row, "peak_rss_bytes"), 0), where])  # fmt: skip
        if body:
            parts += [heading(scenario), rows(header, body)]
    lines = absent(data)
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else []), facts(data)])


def _swscale(f: Figures) -> str:
    said = []
    for where, table in (("", {key: f.row(*key) for key in ((s, "baseline") for s, _ in MATRIX)}), ("null", f.null)):
        for (scenario, path), row in table.items():
            found = ((row or {}).get("profile") or {}).get("swscale")
            if row is not None and path == "baseline" and found and scenario in dict(MATRIX):
                share = f"{percent(found['wall_share'])} of the wall and {percent(found['cpu_share'])} of the CPU time"
                verdict = "the bottleneck" if found["is_bottleneck"] else "not the bottleneck"
                free = " with an encoder that costs nothing" if where else ""
                said.append(f"{dict(MATRIX)[scenario]}{free}: {share}, {verdict}")
    return "; ".join(said) or f.why("1080p-1min", "baseline")


def _buffers(f: Figures) -> str:
    said = []
    for scenario, title in MATRIX:
        row = f.row(scenario, "baseline-adaptive")
        if row is not None and row["against_baseline"] is not None:
            against = row["against_baseline"]
            note = " (within the spread)" if against["within_spread"] else ""
            said.append(f"{title}: {signed(against['fps_percent'], 1)} %{note}, "
                        f"{signed(against['rss_difference_bytes'] / 1e6)} MB")  # fmt: skip
    return "; ".join(said) or f.why("1080p-1min", "baseline-adaptive")


def _outcome(found: Outcome) -> str:
    if found.result == DASH:
        return found.remark
    return f"baseline path: {found.baseline}; ours: {found.result}" + (f" ({found.remark})" if found.remark else "")


BELIEFS: tuple[tuple[str, str, Fill | Callable[[Figures], str]], ...] = (
    ("2", "The bottleneck is swscale's RGBA to NV12 on the CPU", _swscale),
    ("2, S01", "Channels of 8 frames block the renderer; larger ones alone give 5 to 10 %", _buffers),
    ("2, 8", "Reading back RGBA wastes bandwidth: 130 MB/s against 50 at 4K60", readback),
    ("9", "NV12 instead of RGBA saves about 60 % of the memory",
     lambda f: memory_part(f, "channels_bytes", 32 * K4 * NV12)),
    ("2", "There are 16 to 28 % to be won at 1080p", lambda f: gain(f, "planar")),
    ("0, 9", "There are 35 to 55 % to be won at 4K", lambda f: gain(f, "planar", "4k-1min", 35.0)),
    ("S02", "The renderer always needs RGBA", lambda f: per_frame(f, "conversions")),
    ("12 to 14", "A shader of our own is slower (39 s became 529): another device, blocking polls, two read-backs",
     lambda f: gain(f, "gpu")),
    ("14, S06", "VTPixelTransferSession is the answer", lambda f: gain(f, "videotoolbox")),
)  # fmt: skip


def beliefs(data: dict[str, Any] | None) -> str:
    """What was believed, and what is measured."""
    if data is None:
        body = [[section, text, "not measured yet"] for section, text, _ in BELIEFS]
        return f"{rows(['§', 'believed', 'measured'], body)}\n\n{not_yet(COMMAND, 'bench')}"
    f = Figures(data)
    body = []
    for section, text, fill in BELIEFS:
        found = fill(f)
        body.append([section, text, found if isinstance(found, str) else _outcome(found)])
    return f"{rows(['§', 'believed', 'measured'], body)}\n\n{facts(data)}"
