"""``bench``: measure, compare and say where the time goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.cli.ui import size
from reelpress.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reelpress.bench.peers import Peer
    from reelpress.bench.scenarios import Scenario
    from reelpress.cli.app import Console

QUICK_RUNS, FULL_RUNS = 2, 5
QUICK_RUNS_OTHERS = 1
"""With --quick, outside the seed's matrix."""
QUICK_QUALITY, FULL_QUALITY = 6, 120
QUICK_WINDOW_S = 0.5
QUICK_CUTS = (
    "Every scenario is a part of its length: 0.4 to 1.75 s.",
    "Two runs in the seed's four scenarios and one in the others, of which no spread is known.",
    "No warm-up run.",
    "Quality: at most 6 frames of the first half second; no pictures of the worst frames.",
    "The encoder that costs nothing, and the baseline with adaptive buffers, in the first scenario only.",
)
"""What --quick leaves out, for who reads its result."""
SCALED_EXTRAS = ("1080p-1min", "4k-1min")
"""With --scale below 1: where the null encoder and the baseline's second variant are measured."""


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
        asked = _peers(peers.usual(), asked)
    encoders = paths.chosen_encoders(options.get("encoder") or ())
    chosen = scenarios.chosen(options.get("scenario") or (), options.get("recordings") or ())
    _require_work(chosen)
    asked_for = bool(options.get("encoder") or options.get("path"))
    plan = Plan(
        command=command_line(sys.argv[1:]),
        scenarios=chosen,
        ways=paths.chosen_ways(options.get("path") or ()),
        encoders=encoders,
        runs=runs,
        runs_others=QUICK_RUNS_OTHERS if quick and "runs" not in options else None,
        warmup=0 if quick else 1,
        quick=quick,
        scale=scale,
        sampling=bool(options.get("sampling")),
        memory=bool(options.get("python_memory")),
        quality_frames=0 if options.get("no_quality") else QUICK_QUALITY if quick else FULL_QUALITY,
        quality_window_s=QUICK_WINDOW_S if quick else None,
        pictures=not quick,
        cuts=_cuts(options, quick, scale),
        aa=bool(options.get("aa")),
        self_cost=bool(options.get("self_cost")),
        peers=asked,
        extras_only_first=quick and not asked_for,
        extras_in=SCALED_EXTRAS if scale < 1 and not quick and not asked_for else None,
        peers_only_first=quick or scale < 1,
    )
    quiet = console.quiet

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr, flush=True)

    result = measure(plan, say)
    from reelpress.bench.page import render
    from reelpress.bench.stored import stored

    for name, content in (
        ("out", "" if options.get("out") is None else stored(result, Path(options["out"]))),
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
    if all(row["missing"] is not None for row in result["results"]):
        print("error: nothing could be measured; the reasons stand above.", file=sys.stderr)
        return 1
    if before is None:
        return 0
    losses = gate.losses(result["ratios"], before["ratios"])
    for line in losses:
        print(f"gate: {line}", file=sys.stderr)
    if not losses:
        say(f"gate: {len(before['ratios'])} ratios are as good as in {options['gate']}.")
    return 1 if losses else 0


def _peers(usual: Sequence[Peer], asked: Sequence[Peer]) -> list[Peer]:
    """The usual ones and those that were asked for, which take the place of a usual one of the same name."""
    return list({peer.id: peer for peer in (*usual, *asked)}.values())


def _require_work(chosen: Sequence[Scenario]) -> None:
    """Refuse recordings of which none can be read, if there is nothing else to do.

    Raises:
        InputError: The first one's reason.
    """
    from reelpress.bench.scenarios import readable
    from reelpress.errors import InputError

    first: InputError | None = None
    for scenario in chosen:
        if scenario.path is None:
            return
        try:
            readable(scenario.path)
        except InputError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def _cuts(options: dict[str, Any], quick: bool, scale: float) -> list[str]:
    """What is made shorter or left out by these options."""
    if quick:
        # runs that were asked for are the same everywhere
        return [text for text in QUICK_CUTS if not (text.startswith("Two runs") and "runs" in options)]
    if scale == 1:
        return []
    from reelpress.bench.scenarios import SCALED_LONGEST_S

    texts = [
        f"Every scenario is {100 * scale:g} % of its full length from its start (4K half of that), and at most "
        f"{SCALED_LONGEST_S:g} s: ratios and shares can be compared with those of the full length as far as the "
        "content is alike, bare seconds and bytes cannot.",
        "Peers in one scenario only, two runs at each CRF, or one where a run takes over 20 s.",
    ]
    if not (options.get("encoder") or options.get("path")):
        texts.append(
            "The encoder that costs nothing, and the baseline with adaptive buffers, in two scenarios only: "
            f"{' and '.join(SCALED_EXTRAS)}."
        )
    return texts


def command_line(arguments: list[str]) -> str:
    """The command as somebody else can give it: of paths only their last names."""
    from reelpress.pipeline.trace import names_only

    return " ".join(["reelpress", *(names_only(a) for a in arguments)])


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
            spread = f"({fps['min']:.1f} to {fps['max']:.1f})" if fps["runs"] > 1 else "(one run)"
            against = row["against_baseline"]
            ratio = "" if against is None else f"  {against['speed_ratio']:.2f} times the baseline"
            if against is not None and against["within_spread"]:
                ratio += " (within the spread)"
            if against is not None and not against["equal_pictures"]:
                ratio += " (not the same pictures)"
            ssim = row["quality"].get("ssim", {}).get("y") if row["quality"]["missing"] is None else None
            print(
                f"{label:<40} {fps['median']:7.1f} fps {spread:<16} "
                f"{size(int(peak['median'])):>9}  {size(int(row['summary']['size_bytes']['median'])):>9}"
                f"{'' if ssim is None else f'  SSIM {ssim:.4f}'}{ratio}"
            )
    print()
    for line in dict.fromkeys(_notes(result)):
        print(line)
    for line in result["sentences"]:
        print(line)
    _print_peers(result)
    for name in ("aa", "self_cost"):
        if result[name] is not None:
            print(result[name]["sentence"])
    for line in result["settings"]["cuts"]:
        print(f"cut: {line}")
    print(f"{result['wall_s']:.0f} s in all")


def _print_peers(result: dict[str, Any]) -> None:
    """Each peer at its CRFs beside ours, then what follows from it."""
    shapes = {s["id"]: (s["title"], f"{s.get('width')}x{s.get('height')}") for s in result["scenarios"]}
    names = {p["id"]: p["title"] for p in result["peers"]}
    for row in result["peer_results"]:
        title, shape = shapes[row["scenario"]]
        if row["missing"] is not None:
            print(f"{title}: {names[row['peer']]}: missing: {row['missing']}")
            continue
        print(f"{title}, {shape}: {names[row['peer']]}: {row['sentence']}")
        for label, point in (("ours", row["ours"]), *((f"CRF {p['crf']:g}", p) for p in row["points"])):
            ssim = "" if point["ssim"] is None else f"  SSIM {point['ssim']:.4f}"
            print(f"  {label:<10} {point['fps']:7.1f} fps  {size(point['size_bytes']):>9}{ssim}")


def _notes(result: dict[str, Any]) -> Iterator[str]:
    """Where pictures are not the same, by scenario."""
    titles = {s["id"]: s["title"] for s in result["scenarios"]}
    for row in result["results"]:
        against = row["against_baseline"] if row["missing"] is None else None
        if against is not None and against["note"]:
            yield f"{titles[row['scenario']]}: {against['note']}"
