"""Tables of docs/performance.md from a result of ``reelpress bench`` (``src/reelpress/bench/schema.json``).

Every function takes the result, or ``None`` when it was not measured yet, and gives Markdown.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reelpress.bench.page_result import Result, median, spread
from reelpress.export.page.units import DASH, megabytes, number, percent, seconds, signed

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"

COMMAND = "make bench"
NVIDIA = "make bench-nvidia"

Row = list[str]


def rows(header: list[str], body: list[Row]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in body])


def result_of(name: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """A committed result; ``None`` when there is none."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def not_yet(command: str, name: str) -> str:
    """What stands in the place of a table."""
    file = f"benchmarks/results/{name}.json"
    return f"*Not measured yet.* `{command}` writes `{file}`, and `python tools/make_docs.py` fills this in from it."


def facts(data: dict[str, Any]) -> str:
    """Machine, versions, commit, command: what a figure is worth nothing without."""
    m, s = data["machine"], data["settings"]
    versions = m["versions"]
    gpu = m["gpu"] or "no GPU"
    commit = data["commit"]["id"]
    at = (
        f"commit {commit[:12]}{' with changes' if data['commit']['dirty'] else ''}"
        if commit
        else str(data["commit"]["missing"]).rstrip(".")
    )
    length = "quick lengths" if data["quick"] else f"{percent(s['scale'])} of the full lengths"
    runs = f"{s['runs']} run{'s' if s['runs'] != 1 else ''} of each, {s['order']}, {length}"
    if s["cuts"]:
        runs += ". Shortened: " + " ".join(s["cuts"]).rstrip(".")
    return (
        f"{m['cpu']}, {m['cores']} cores, {number(m['ram_bytes'] / 2**30, 1)} GiB, {gpu}, {m['system']}, "
        f"Python {versions.get('python', '?')}, PyAV {versions.get('av', '?')}, {at}; {runs}. `{data['command']}`"
    )


def _with(data: dict[str, Any], text: str) -> str:
    return f"{text}\n\n{facts(data)}"


def _guarded(make: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any] | None], str]:
    def table(data: dict[str, Any] | None) -> str:
        return not_yet(COMMAND, "bench") if data is None else make(data)

    return table


def _told(data: Result, row: dict[str, Any]) -> str:
    """Path and encoder; the baseline path in bold."""
    name = data.row(row)
    return f"**{name}**" if row["path"] == "baseline" else name


def _measured(data: Result, scenario: str) -> list[dict[str, Any]]:
    return [row for row in data.of(scenario) if row["missing"] is None]


def _first(row: dict[str, Any], name: str) -> int | None:
    runs = row.get("runs") or [{}]
    value = runs[0].get(name)
    return None if value is None else int(value)


def heading(scenario: dict[str, Any]) -> str:
    """A scenario in one line."""
    said = f"#### {scenario['title']}"
    if "width" not in scenario:
        return said
    text = (
        f"{said}: {scenario['width']}x{scenario['height']} at {scenario['fps']:g} fps, {seconds(scenario['seconds'])}"
    )
    if abs(scenario["seconds"] - scenario["full_seconds"]) > 0.01:
        text += f" of {seconds(scenario['full_seconds'])}"
    return text


def absent(raw: dict[str, Any]) -> list[str]:
    """Paths, encoders and peers that nothing could be measured of, with the reason."""
    lines = []
    for group in ("scenarios", "paths", "encoders", "peers"):
        lines += [
            f"- not measurable here: {item['title']}. {item['missing']}" for item in raw[group] if item["missing"]
        ]
    return lines


def _matrix(raw: dict[str, Any]) -> str:
    data = Result(raw)
    header = ["path", "frames/s", "spread", "gain", "CPU", "GPU", "peak RSS MB", "over baseline MB", "file MB",
              "SSIM", "read back MB", "conversions", "copies", "where the time goes"]  # fmt: skip
    parts = []
    for scenario in raw["scenarios"]:
        parts.append(heading(scenario))
        body, missing = [], []
        for row in data.of(scenario["id"]):
            if row["missing"] is not None:
                if not data.known_missing(row):
                    missing.append(f"- not measured: {data.row(row)}. {row['missing']}")
                continue
            body.append([_told(data, row), *_matrix_cells(row)])
        if body:
            parts.append(rows(header, body))
        elif scenario["missing"]:
            parts.append(f"not measurable here: {scenario['missing']}")
        else:
            missing.append("- not asked for in this run.")
        parts += [f"\\* {note}" for note in data.notes(scenario["id"])]
        if missing:
            parts.append("\n".join(missing))
    lines = absent(raw)
    if lines:
        parts.append("\n".join(lines))
    return _with(raw, "\n\n".join(parts))


def _matrix_cells(row: dict[str, Any]) -> Row:
    against, quality, size = row.get("against_baseline"), row.get("quality") or {}, median(row, "size_bytes")
    gain, over = DASH, DASH
    if against is not None:
        gain, over = signed(against["fps_percent"], 1) + " %", signed(against["rss_difference_bytes"] / 1e6)
        gain = f"({gain})" if against["within_spread"] else gain
        gain += "" if against["equal_pictures"] else " \\*"
    gpu = median(row, "gpu_percent")
    return [
        number(median(row, "fps"), 1),
        spread(row, "fps"),
        gain,
        number(median(row, "cpu_percent")) + " %",
        DASH if gpu is None else number(gpu) + " %",
        megabytes(median(row, "peak_rss_bytes"), 0),
        over,
        megabytes(size, 2) if size and size > 1000 else DASH,
        number((quality.get("ssim") or {}).get("y"), 4),
        megabytes(_first(row, "readback_bytes"), 0),
        number(_first(row, "conversions")),
        number(_first(row, "copies")),
        time_of(row),
    ]


def time_of(row: dict[str, Any]) -> str:
    """The limiting stage and who waits, without the label."""
    profile = row.get("profile")
    return DASH if not profile else str(profile["sentence"]).rsplit(": ", 1)[-1]


def _summary(raw: dict[str, Any]) -> str:
    """One line a scenario: our paths against the baseline path."""
    data = Result(raw)
    body = []
    for scenario in raw["scenarios"]:
        found = {r["path"]: r for r in _measured(data, scenario["id"]) if r["encoder"] == "x264"}
        base, best = found.get("baseline"), found.get("splice") or found.get("planar")
        if base is None or best is None:
            body.append(
                [scenario["title"], "not measurable here" if scenario["missing"] else "not in this run", *[DASH] * 5]
            )
            continue
        ratios = []
        for path in ("planar", "splice"):
            against = (found.get(path) or {}).get("against_baseline")
            star = "" if against is None or against["equal_pictures"] else " \\*"
            ratios.append(DASH if against is None else f"**{number(against['speed_ratio'], 2)}x**{star}")
        against = best["against_baseline"] or {}
        equal = against.get("equal_pictures", True)
        size, ssim = (against.get(name) if equal else None for name in ("size_ratio", "ssim_difference"))
        body.append([
            scenario["title"], number(median(base, "fps"), 1), *ratios,
            signed(against.get("rss_difference_bytes", 0) / 1e6), DASH if size is None else f"{number(size, 2)}x",
            signed(ssim, 4),
        ])  # fmt: skip
    header = ["scenario", "baseline path, frames/s", "planar", "planar + unchanged pictures", "peak RSS, MB more",
              "file size", "SSIM more"]  # fmt: skip
    notes = [f"\\* {scenario['title']}: {note}" for scenario in raw["scenarios"] for note in data.notes(scenario["id"])]
    return _with(raw, "\n\n".join([rows(header, body), *notes]))


def _swscale(raw: dict[str, Any]) -> str:
    data = Result(raw)
    body = []
    for row in data.results:
        found = (row.get("profile") or {}).get("swscale")
        if found:
            answer = "yes" if found["is_bottleneck"] else "no"
            body.append([data.label(row), percent(found["wall_share"], 1), percent(found["cpu_share"], 1),
                         answer, found["sentence"]])  # fmt: skip
    if not body:
        return _with(raw, "No baseline path was measured in this run.")
    return _with(raw, rows(["scenario and path", "wall time", "CPU time", "bottleneck", ""], body))


def _frames(raw: dict[str, Any]) -> str:
    data = Result(raw)
    body = []
    for scenario in raw["scenarios"]:
        for row in _measured(data, scenario["id"]):
            f = row["frames"]
            names = ("total", "composed", "patched", "held", "encoded", "copied")
            body.append([data.label(row), *(number(f[name]) for name in names)])
    return _with(
        raw, rows(["scenario and path", "frames", "composed", "composed in part", "held", "encoded", "copied"], body)
    )


def _split(raw: dict[str, Any]) -> str:
    data = Result(raw)
    names = ("peak_rss_bytes", "base_bytes", "channels_bytes", "readback_bytes", "decoder_bytes", "encoder_bytes",
             "rest_bytes", "python_bytes")  # fmt: skip
    body = []
    for scenario in raw["scenarios"]:
        for row in _measured(data, scenario["id"]):
            memory = row.get("memory")
            if memory:
                body.append([data.label(row), *(megabytes(memory[name], 0) for name in names)])
    header = ["MB", "peak RSS", "interpreter", "channels", "read-back", "decoder", "encoder", "not counted", "Python"]
    return _with(raw, rows(header, body))


def _fidelity(raw: dict[str, Any]) -> str:
    data = Result(raw)
    body = []
    for scenario in raw["scenarios"]:
        for row in _measured(data, scenario["id"]):
            quality = row.get("quality")
            if not quality or quality["missing"]:
                continue
            psnr, ssim, xpsnr, text = (quality[name] for name in ("psnr_db", "ssim", "xpsnr_db", "text_region"))
            colour = f"{number(psnr['y'], 2)} / {number(psnr['u'], 2)} / {number(psnr['v'], 2)}"
            worst = f"{number(ssim['worst'], 4)} (frame {ssim['worst_frame']})" if ssim["worst"] is not None else DASH
            still = f"{number(text['psnr_db'], 2)} / {number(text['ssim'], 4)}" if text else DASH
            body.append([data.label(row), colour, number(ssim["y"], 4), number(xpsnr["y"], 2), worst, still])
    if not body:
        return _with(raw, "Quality was not judged in this run.")
    header = [
        "scenario and path",
        "PSNR dB, Y / U / V",
        "SSIM Y",
        "XPSNR dB, Y",
        "worst SSIM",
        "text at rest: PSNR / SSIM",
    ]
    return _with(raw, rows(header, body))


def _peers(raw: dict[str, Any]) -> str:
    data = Result(raw)
    body: list[Row] = []
    said: list[str] = []
    absent_peers: dict[str, list[str]] = {}
    for row in raw["peer_results"]:
        label = f"{data.title('scenarios', row['scenario'])}: {data.title('peers', row['peer'])}"
        if row["missing"]:
            absent_peers.setdefault(row["missing"], []).append(label)
            continue
        said.append(f"- {data.title('scenarios', row['scenario'])}: {row['sentence']}")
        ours = row.get("ours")
        if ours:
            body.append([f"{data.title('scenarios', row['scenario'])}: **ours**", DASH, number(ours["fps"], 1), DASH,
                         DASH, megabytes(ours["size_bytes"], 2), number(ours["ssim"], 4)])  # fmt: skip
        body += [
            [label, DASH if p["crf"] is None else f"{p['crf']:g}", number(p["fps"], 1),
             number(p["cpu_s"], 1), megabytes(p["peak_rss_bytes"], 0), megabytes(p["size_bytes"], 2),
             number(p["ssim"], 4)]
            for p in row["points"]
        ]  # fmt: skip
    if not said:
        return _with(raw, "No peer was asked for in this run (`--peers`).")
    shown = {r["scenario"] for r in raw["peer_results"] if not r["missing"]}
    said += [
        f"- {scenario['title']}: all pictures are {scenario['width']}x{scenario['height']}."
        for scenario in raw["scenarios"]
        if scenario["id"] in shown
    ]
    said += [f"- not measurable here: {'; '.join(labels)}. {reason}" for reason, labels in absent_peers.items()]
    header = ["scenario and program", "CRF", "frames/s", "CPU s", "peak RSS MB", "file MB", "SSIM"]
    return _with(raw, "\n".join(said) + ("\n\n" + rows(header, body) if body else ""))


def _harness(raw: dict[str, Any]) -> str:
    lines = []
    for name, what in (("self_cost", "What measuring costs"), ("aa", "The same path against itself")):
        found = raw[name]
        lines.append(f"- {what}: {found['sentence'] if found else 'not measured in this run.'}")
    return _with(raw, "\n".join(lines))


def cpu_per_frame(row: dict[str, Any]) -> float:
    """Processor milliseconds of a whole export by its frames."""
    return 1000 * statistics.median(float(run["cpu_s"]) for run in row["runs"]) / max(1, int(row["frames"]["total"]))


def nvidia(data: dict[str, Any] | None) -> str:
    """The matrix of the NVIDIA machine."""
    return not_yet(NVIDIA, "bench-nvidia") if data is None else _matrix(data)


matrix = _guarded(_matrix)
summary = _guarded(_summary)
swscale = _guarded(_swscale)
frames = _guarded(_frames)
split = _guarded(_split)
fidelity = _guarded(_fidelity)
peers = _guarded(_peers)
harness = _guarded(_harness)
