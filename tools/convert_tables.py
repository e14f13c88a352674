"""Tables of docs/conversion.md from ``benchmarks/convert.py``: what our converters take beside swscale called alone."""

from __future__ import annotations

from typing import Any

from bench_tables import rows


def table(result: dict[str, Any]) -> str:
    """Medians of wall milliseconds a picture, the ratio that the issue bounds, and where that was."""
    ways = ["swscale alone", "swscale"]
    head = ["picture", "swscale alone", "ours", f"ours to alone (at most {result['limit']:g})"]
    if result["gpu"] is not None:
        ways += ["gpu", "gpu ring"]
        head += ["`gpu`", "`gpu`, three on the way"]
    body = []
    for name, found in result["results"].items():
        size, source, target = name.split()
        wall = [f"{found['wall_ms'][way]['median']:.1f}" for way in ways]
        ratio = f"**{found['ours_to_alone']['cpu_of_neighbours']:.2f}**"
        body.append([f"{size} {source} to {target}", *wall[:2], ratio, *wall[2:]])
    return rows(head, body) + f"\n\n{_machine(result)}"


def _machine(result: dict[str, Any]) -> str:
    m = result["facts"]
    gpu = "" if result["gpu"] is None else f" {result['gpu']['name']};"
    return f"{m['cpu']},{gpu} {m['cores']} cores, {m['system']}, Python {m['python']}. `{result['command']}`"
