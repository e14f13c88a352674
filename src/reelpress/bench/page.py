"""The benchmark's result as one HTML page: no network, every figure with its unit, nothing missing left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelpress.bench.page_quality import peers, quality, worst
from reelpress.bench.page_result import Result
from reelpress.bench.page_speed import against_baseline, memory, over_time, targets, time
from reelpress.export.page import parts
from reelpress.export.page.html import Child, Markup, el, join
from reelpress.export.page.shell import page
from reelpress.export.page.units import number, percent, seconds, signed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def render(result: Mapping[str, Any], pictures: Path | None = None) -> str:
    """The page of a benchmark.

    Args:
        result: As ``bench/schema.json`` describes it.
        pictures: Folder in which pictures lie that the result gives by name instead of as ``data:`` URIs. They are
            put into the page; a name that leads out of the folder, or to no PNG, JPEG or WebP, is left out.

    Returns:
        A whole HTML document.
    """
    data = Result(dict(result))
    sections = [
        ("targets", "Targets", targets(data)),
        ("baseline", "Against the baseline", against_baseline(data)),
        ("time", "Time", time(data)),
        ("memory", "Memory", memory(data)),
        ("over-time", "Over time", over_time(data)),
        ("quality", "Quality and size", quality(data)),
        ("worst", "Worst frames", worst(data, pictures)),
        ("peers", "Peers", peers(data)),
        ("missing", "Missing", _missing(data)),
        ("run", "How it was measured", _run(data)),
    ]
    return page("Reelpress benchmark", _header(data), sections, _footer())


def _header(data: Result) -> Markup:
    result, machine = data.raw, data.raw["machine"]
    commit = result["commit"]
    said = str(commit["missing"] or "").rstrip(".") or f"commit {str(commit['id'])[:12]}"
    if commit["dirty"]:
        said += " with changes that are not committed"
    measured = [r for r in data.results if not r["missing"]]
    best = max(
        (r for r in measured if (r.get("against_baseline") or {}).get("equal_pictures") and r["encoder"] != "null"),
        key=lambda r: r["against_baseline"]["speed_ratio"],
        default=None,
    )
    facts = [
        ("Measured", number(len(measured)), f"pairs of scenario and path; {number(len(data.results))} asked for"),
        ("Targets met", *_met(data)),
        ("Runs", number(result["settings"]["runs"]), f"each, after {result['settings']['warmup']} to warm up"),
    ]
    if best is not None:
        gain = best["against_baseline"]["fps_percent"]
        facts.insert(0, ("Most gained", f"{signed(gain)} % fps", data.label(best)))
    return join(
        [
            el("h1", "Reelpress benchmark"),
            el(
                "p",
                f"{machine['cpu']}, {machine['cores']} cores, {number(machine['ram_bytes'] / 1e9, 1)} GB, "
                f"{machine['system']}; GPU: {machine['gpu'] or 'none'}. {result['created']}, {said}.",
            ),
            el("p", el("code", result["command"])),
            parts.tiles(facts),
        ]
    )


def _met(data: Result) -> tuple[str, str]:
    known = [t for t in data.raw["targets"] if t["met"] is not None]
    unknown = len(data.raw["targets"]) - len(known)
    return f"{sum(t['met'] for t in known)} of {len(known)}", f"{unknown} not measured" if unknown else ""


def _missing(data: Result) -> Markup:
    found: list[Child] = []
    for kind, group in (("Scenario", "scenarios"), ("Path", "paths"), ("Encoder", "encoders"), ("Peer", "peers")):
        found += [
            join([el("strong", f"{kind} {item['title']}"), f": {item['missing']}"])
            for item in data.raw[group]
            if item["missing"]
        ]
    if data.raw["machine"]["gpu_missing"]:
        found.append(join([el("strong", "GPU"), f": {data.raw['machine']['gpu_missing']}"]))
    found += [
        join([el("strong", data.label(r)), f": {r['missing']}"])
        for r in data.results
        if r["missing"] and not data.known_missing(r)
    ]
    return parts.section(
        "What is missing, and why",
        parts.lines(found) if found else el("p", "Nothing: every scenario, path, encoder and peer was measured."),
        id_="missing",
    )


def _run(data: Result) -> Markup:
    result = data.raw
    settings, machine = result["settings"], result["machine"]
    load = machine["load"]
    pairs: list[tuple[str, Child]] = [
        ("Runs", f"{settings['runs']}, after {settings['warmup']} to warm up; {settings['order']}"),
        ("Lengths", f"{percent(settings['scale'])} of the seed's ({'quick' if result['quick'] else 'full'})"),
        ("Encoders", "; ".join(encoder["title"] for encoder in result["encoders"])),
        ("Quality setting", settings["quality"]),
        ("Made shorter", " ".join(settings["cuts"]) or "nothing"),
        ("Took", seconds(result["wall_s"])),
        ("Load at the start", "not known" if load is None else f"{load:g}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in machine["versions"].items())),
        ("The same twice (A/A)", _sentence(result["aa"], "not measured in this run (--aa)")),
        ("The harness itself", _sentence(result["self_cost"], "not measured in this run (--self-cost)")),
    ]
    sources: list[list[Child]] = []
    for scenario in result["scenarios"]:
        source = scenario.get("source")
        if source:
            sources.append(
                [scenario["title"], source["name"], source["description"], el("code", source["sha256"][:16])]
            )
        else:
            sources.append([scenario["title"], scenario["missing"] or "no source"])
    columns = [
        parts.Column("Scenario"),
        parts.Column("File"),
        parts.Column("What it shows", wide=True),
        parts.Column("SHA-256"),
    ]
    return parts.section(
        "How it was measured",
        parts.facts(pairs),
        parts.table("Sources of the scenarios.", columns, sources),
        id_="run",
    )


def _sentence(found: Mapping[str, Any] | None, otherwise: str) -> str:
    return otherwise if found is None else str(found["sentence"])


def _footer() -> Markup:
    return el(
        "p",
        "Figures are medians over the runs; smallest and largest stand beside them. "
        "This page is one file and loads nothing from anywhere.",
    )
