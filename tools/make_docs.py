"""Make the pictures and tables of README and docs from the sample, the benchmark results and the run records.

``python tools/make_docs.py`` writes them, and docs/format-flow.md; ``--check`` says (exit 1) whether the tables are
what the JSON says. ``--preview RESULT.json`` prints the pages about the benchmark as they would look with that result.
A table stands between ``<!-- table:NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import bench_tables as bench
import convert_tables
import encoder_tables
import format_table
import gif_tables
import gpu_tables
import make_format_flow
import preset_table
import seed_tables as seed
import splice_tables as splice
from bench_tables import result_of, rows

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
RUNS = ROOT / "docs" / "runs.json"
MOMENT = Fraction(3, 2)
"""Output time of the pictures in the README."""


def load(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return data


def machine(data: dict[str, Any]) -> str:
    m = data["machine"]
    return (
        f"{m['cpu']}, {m['cores']} cores, {m['ram_gib']} GiB, {m['system']}, Python {m['python']}, PyAV {m['av']}, "
        f"commit {m['commit']}. `{data['command']}`"
    )


def look_table() -> str:
    data = load("look")
    goals = {"look vs ffmpeg look": 2.0, "look vs ffmpeg without look": 0.8, "zoom vs ffmpeg zoompan": 1.0}
    body, jobs = [], []
    for source, result in data["sources"].items():
        for name, r in result["speed_ratios"].items():
            spread = f"{r['min']:.2f} to {r['max']:.2f}"
            body.append([source, name, f"{goals[name]:.1f}x", f"**{r['median']:.2f}x**", spread])
        for name, j in result["jobs"].items():
            rss, size = f"{j['peak_rss_bytes'] / 1e6:.0f}", f"{j['size_bytes'] / 1e6:.2f}"
            jobs.append([source, name, f"{j['fps']['median']:.1f}", f"{j['cpu_s']['median']:.1f}", rss, size])
    return (
        rows(["source", "speed, 1080p60", "goal", "median", "spread"], body)
        + "\n\n"
        + rows(["source", "job", "frames/s", "CPU s", "peak RSS MB", "MB"], jobs)
        + f"\n\n{machine(data)}"
    )


def start_table() -> str:
    data = load("start")
    body = [
        ["command to first encoded frame, demo", "1.5 s", f"**{data['first_frame_s']['median']:.2f} s**"],
        ["`--help`", "", f"{data['help_s']['median']:.2f} s"],
    ]
    if "frame_s" in data:
        body.insert(1, ["`frame`, demo", "1.2 s", f"**{data['frame_s']['median']:.2f} s**"])
    return rows(["start", "goal", "median of 5"], body) + f"\n\n{machine(data)}"


def memory_table() -> str:
    data = load("memory")
    goals = {"1080p": "350", "1080p zoom": "350", "4K": "500", "1080p in 256 MB": "320"}
    body = [
        [
            name,
            goals.get(name, ""),
            f"**{r['peak_rss_mb']:.0f}**",
            f"{r['fps']:.1f}",
            f"{r['size_bytes'] / 1e6:.2f}",
            str(r["buffers"]["rendered"]),
            f"{r['buffers']['bytes'] / 1e6:.0f}",
        ]
        for name, r in data["exports"].items()
    ]
    one, thirty = (data["exports"][k]["peak_rss_mb"] for k in ("1 minute", "30 minutes"))
    return (
        rows(["export", "goal MB", "peak RSS MB", "frames/s", "MB", "rendered", "buffer MB"], body)
        + f"\n\n30 minutes against 1 minute: {thirty / one:.3f} of the memory (goal: at most 1.05).\n\n{machine(data)}"
    )


def estimates_table() -> str:
    data = load("estimates")
    judged = data["errors"]["judged"]
    body = []
    for kind, of in judged.items():
        size, wall = of["size"], of["wall"]
        took = of["took_s"]
        body.append(
            [
                f"`{kind}`",
                *(f"{one['mean']:.0%}, {one['worst']:.0%}" for one in (size, wall)),
                f"{took['mean']:.1f} s, {took['worst']:.1f} s",
                *(f"{of[name]['mean']:.0%}" for name in ("model_size", "model_wall")),
                str(of["exports"]),
            ]
        )
    sources = ", ".join(dict.fromkeys(row["source"] for row in data["judged"]))
    head = [
        "format",
        "bytes off by (goal 20 %): mean, worst",
        "seconds off by (goal 20 %): mean, worst",
        "the trial took: mean, worst",
        "bytes by the model: mean",
        "seconds by the model: mean",
        "exports",
    ]
    return rows(head, body) + f"\n\nOf {sources}: 10 s of each, of sound alone 60. {machine(data)}"


def lookahead_table() -> str:
    data = load("memory")
    body = [
        [str(r["lookahead"]), f"{r['fps']:.1f}", f"{r['size_bytes'] / 1e6:.2f}", f"{r['peak_rss_mb']:.0f}"]
        for r in data["lookahead"]
    ]
    return rows(["look-ahead, 4K30", "frames/s", "MB", "peak RSS MB"], body)


def budget_rows() -> str:
    from reelpress.pipeline.budget import budget_table

    table = budget_table()
    header = list(table[0])
    return rows([h.replace("_", " ") for h in header], [[str(row[h]) for h in header] for row in table])


def cgroup_rows() -> str:
    """Buffers by memory and by who limits it: the machine, or a control group of a machine of 32 GiB."""
    import tempfile

    from reelpress.pipeline.budget import GIB, Budget, SourceLoad, usable_ram

    frame = 1920 * 1080 * 3 // 2
    body = []
    for gib in (4, 8, 15.6, 16, 32):
        size = int(gib * GIB)
        cells = [f"{gib:g}"]
        for version in (0, 1, 2):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                if version == 1:
                    group = root / "sys/fs/cgroup/memory"
                    group.mkdir(parents=True)
                    (group / "memory.limit_in_bytes").write_text(str(size))
                elif version == 2:
                    group = root / "sys/fs/cgroup"
                    group.mkdir(parents=True)
                    (group / "memory.max").write_text(str(size))
                usable = usable_ram(root, total=size if version == 0 else 32 * GIB)
            sizes = Budget(usable, 2).plan(frame_bytes=frame, sources=[SourceLoad(frame)])
            cells.append(f"{sizes.rendered} + {sizes.encoder}, {sizes.bytes / 1e6:.0f} MB")
        body.append(cells)
    return rows(["usable GiB", "no group", "cgroup v1", "cgroup v2"], body)


def quality_table() -> str:
    from reelpress.encode.rate import CRF, CRF_OPTIMIZED, rate_control

    body = []
    for quality in CRF:
        peaks = [
            f"{rate_control(w, h, Fraction(fps), quality=quality).maxrate / 1e6:.1f}"
            for w, h, fps in ((1920, 1080, 30), (1920, 1080, 60), (3840, 2160, 60))
        ]
        body.append([quality, f"{CRF[quality]:g}", f"{CRF_OPTIMIZED[quality]:g}", *peaks])
    return rows(
        ["quality", "CRF (veryfast)", "CRF (--optimize-size, slow)", "1080p30 peak Mbit/s", "1080p60", "4K60"], body
    )


def runs_table() -> str:
    runs = json.loads(RUNS.read_text())
    body = [[r["system"], r["python"], r["av"], r["what"], r["result"], r["date"]] for r in runs["run"]]
    body += [[name, "", "", "never", "not run yet", ""] for name in runs["never"]]
    return rows(["where", "Python", "PyAV", "what", "result", "date"], body)


Table = Callable[[], str]

TABLES: dict[str, Table] = {
    "look": look_table,
    "start": start_table,
    "memory": memory_table,
    "lookahead": lookahead_table,
    "budget": budget_rows,
    "cgroup": cgroup_rows,
    "quality": quality_table,
    "runs": runs_table,
    "spliceexports": splice.exports,
    "verifycost": splice.verify,
    "copying": splice.copying,
    "policylimits": splice.limits,
    "virtualtimes": splice.times,
    "patchspeed": splice.patch_speed,
    "patchpointer": splice.patch_pointer,
    "patchtext": splice.patch_text,
    "encoders": encoder_tables.candidates,
    "encoderoptions": encoder_tables.options,
    "encoderwhy": encoder_tables.reasons,
    "variables": encoder_tables.variables,
}

BENCH: dict[str, Callable[[dict[str, Any] | None], str]] = {
    "matrix": bench.matrix,
    "summary": bench.summary,
    "swscale": bench.swscale,
    "frames": bench.frames,
    "split": bench.split,
    "fidelity": bench.fidelity,
    "peers": bench.peers,
    "harness": bench.harness,
    "beliefs": seed.beliefs,
    "costs": seed.costs,
    "success": seed.success,
}
"""Made from the result of ``reelpress bench``; ``None`` where there is none yet."""

FILES = (
    "README.md",
    "docs/performance.md",
    "docs/guide.md",
    "docs/seed.md",
    "docs/splice.md",
    "docs/encoders.md",
    "docs/conversion.md",
    "docs/gpu.md",
    "docs/formats.md",
)


def tables(result: dict[str, Any] | None) -> dict[str, Table]:
    """Every table by its name; those of the benchmark from ``result``."""
    made = {name: (lambda make=make: make(result)) for name, make in BENCH.items()}
    return {
        **TABLES,
        **made,
        "presets": preset_table.table,
        "formats": format_table.table,
        "gif": lambda: gif_tables.table(load("gif")),
        "estimates": estimates_table,
        "convert": lambda: convert_tables.table(load("convert")),
        "convertgpu": lambda: convert_tables.table(load("convert_h100")),
        "nvidia": lambda: bench.nvidia(result_of("bench-nvidia")),
        **gpu_tables.tables(),
    }


def filled(text: str, known: dict[str, Table]) -> str:
    """``text`` with every table made anew."""

    def one(match: re.Match[str]) -> str:
        return f"<!-- table:{match[1]} -->\n{known[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table:([a-z]+) -->.*?<!-- end -->", one, text, flags=re.DOTALL)


def pictures() -> None:
    """A frame of the sample as it was recorded, and as it is exported."""
    from PIL import Image

    from reelpress.export.settings import ExportSettings
    from reelpress.export.still import render_still

    sample = ROOT / "examples" / "demo.cap"
    folder = ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    screen = sample / "content" / "segments" / "segment-0" / "display.mp4"
    before = render_still(screen, MOMENT, settings=ExportSettings(resolution="source"))
    after = render_still(sample, MOMENT)
    for name, still in (("before", before), ("after", after)):
        image = Image.fromarray(still.rgb, "RGB").resize((960, 540), Image.Resampling.LANCZOS)
        image.quantize(192, dither=Image.Dither.FLOYDSTEINBERG).save(folder / f"{name}.png", optimize=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--preview", type=Path, metavar="RESULT.json")
    options = parser.parse_args()
    if options.preview is not None:
        known = tables(json.loads(options.preview.read_text(encoding="utf-8")))
        for name in ("docs/seed.md", "docs/performance.md"):
            print(filled((ROOT / name).read_text(encoding="utf-8"), known))
        return 0
    known = tables(result_of("bench"))
    stale = []
    for name in FILES:
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new = filled(old, known)
        if new != old:
            stale.append(name)
            if not options.check:
                path.write_text(new, encoding="utf-8")
    flow = make_format_flow.page(make_format_flow.found())
    if not make_format_flow.TARGET.exists() or make_format_flow.TARGET.read_text(encoding="utf-8") != flow:
        stale.append("docs/format-flow.md")
        if not options.check:
            make_format_flow.TARGET.write_text(flow, encoding="utf-8")
    if options.check:
        print("stale: " + ", ".join(stale) if stale else "all tables are what the JSON says")
        return 1 if stale else 0
    pictures()
    return 0


if __name__ == "__main__":
    sys.exit(main())
