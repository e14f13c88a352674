"""``bench``: measure, compare and say where the time goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.cli.ui import size
from reelpress.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from reelpress.cli.app import Console

QUICK_RUNS, FULL_RUNS = 2, 5
QUICK_QUALITY, FULL_QUALITY = 6, 120


def run(options: dict[str, Any], console: Console) -> int:
    """Run the benchmark; returns the exit code (1: the gate found a loss)."""
    from reelpress.bench import gate, paths, peers, scenarios
    from reelpress.bench.runner import Plan
    from reelpress.bench.runner import run as measure

    quick = bool(options.get("quick"))
    runs = options.get("runs", QUICK_RUNS if quick else FULL_RUNS)
    if not 1 <= runs <= 100:
        raise SettingsError(f"--runs is {runs}. Allowed is 1 to 100.")
    scale = options.get("scale", 1.0)
    if not 0 < scale <= 1:
        raise SettingsError(f"--scale is {scale:g}. Allowed is above 0 to 1, which are the seed's full lengths.")
    before = None if options.get("gate") is None else gate.read_gate(options["gate"])
    for name in ("out", "html", "write_gate"):
        if options.get(name) is not None and not Path(options[name]).absolute().parent.is_dir():
            raise SettingsError(f"--{name.replace('_', '-')} {options[name]}: there is no such folder.")
    asked = [peers.given(text) for text in options.get("peer") or ()]
    if options.get("peers"):
        asked = [peers.ffmpeg(), peers.moviepy(), *asked]
    encoders = paths.chosen_encoders(options.get("encoder") or ())
    plan = Plan(
        command=command_line(sys.argv[1:]),
        scenarios=scenarios.chosen(options.get("scenario") or (), options.get("recordings") or ()),
        ways=paths.chosen_ways(options.get("path") or ()),
        encoders=encoders,
        runs=runs,
        warmup=0 if quick else 1,
        quick=quick,
        scale=scale,
        sampling=bool(options.get("sampling")),
        memory=bool(options.get("python_memory")),
        quality_frames=0 if options.get("no_quality") else QUICK_QUALITY if quick else FULL_QUALITY,
        pictures=not quick,
        aa=bool(options.get("aa")),
        self_cost=bool(options.get("self_cost")),
        peers=asked,
        extras_only_first=quick and not (options.get("encoder") or options.get("path")),
    )
    quiet = console.quiet

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr, flush=True)

    result = measure(plan, say)
    text = json.dumps(result, indent=1) + "\n"
    from reelpress.bench.page import render

    for name, content in (
        ("out", text),
        ("html", render(result) if options.get("html") is not None else ""),
        ("write_gate", json.dumps(gate.gate_of(result), indent=1) + "\n"),
    ):
        if options.get(name) is not None:
            try:
                Path(options[name]).write_text(content, encoding="utf-8")
            except OSError as error:
                raise OutputError(f"{options[name]} cannot be written: {error.strerror or error}.") from error
    if console.json:
        print(json.dumps(result))
    else:
        print_result(result)
    if before is None:
        return 0
    losses = gate.losses(result["ratios"], before["ratios"])
    for line in losses:
        print(f"gate: {line}", file=sys.stderr)
    if not losses:
        say(f"gate: {len(before['ratios'])} ratios are as good as in {options['gate']}.")
    return 1 if losses else 0


def command_line(arguments: list[str]) -> str:
    """The command as somebody else can give it: of paths only their last names."""
    parts = [Path(a).name if Path(a).is_absolute() else a for a in arguments]
    return " ".join(["reelpress", *parts])


def print_result(result: dict[str, Any]) -> None:
    """The result as people read it."""
    titles = {s["id"]: s for s in result["scenarios"]}
    names = {p["id"]: p["title"] for p in result["paths"]}
    for scenario in titles.values():
        rows = [r for r in result["results"] if r["scenario"] == scenario["id"]]
        detail = f": {scenario['missing']}" if scenario["missing"] else ""
        if "frames" in scenario:
            detail = f", {scenario['frames']} frames, {scenario['width']}x{scenario['height']}"
        print(f"{scenario['title']}{detail}")
        for row in rows:
            label = f"  {names[row['path']]}, {row['encoder']}"
            if row["missing"] is not None:
                if scenario["missing"] is None:
                    print(f"{label:<40} missing: {row['missing']}")
                continue
            fps, peak = row["summary"]["fps"], row["summary"]["peak_rss_bytes"]
            against = row["against_baseline"]
            ratio = "" if against is None else f"  {against['speed_ratio']:.2f} times the baseline"
            if against is not None and against["within_spread"]:
                ratio += " (within the spread)"
            ssim = row["quality"].get("ssim", {}).get("y") if row["quality"]["missing"] is None else None
            print(
                f"{label:<40} {fps['median']:7.1f} fps ({fps['min']:.1f} to {fps['max']:.1f})  "
                f"{size(int(peak['median'])):>9}  {size(int(row['summary']['size_bytes']['median'])):>9}"
                f"{'' if ssim is None else f'  SSIM {ssim:.4f}'}{ratio}"
            )
    print()
    for line in result["sentences"]:
        print(line)
    for row in result["peer_results"]:
        print(row.get("sentence") or f"{row['peer']} ({row['scenario']}): missing: {row['missing']}")
    for name in ("aa", "self_cost"):
        if result[name] is not None:
            print(result[name]["sentence"])
    print(f"{result['wall_s']:.0f} s in all")
