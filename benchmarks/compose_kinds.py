"""What composing costs by kind of frame: processor milliseconds, of the demo (without its camera) and of the tour.

    python benchmarks/compose_kinds.py [demo] [tour] [--limit N] [--profile] [--json]

No encoder and one thread, which only composes while it is timed: the sources' pictures are decoded before. A frame's
kind is that of ``tour.py``. ``--limit`` takes so many frames of a kind, in stretches, with the frame before each
composed as well (what a frame keeps for the next counts).
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import sys
import time
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from common import CACHE
from tour import DEMO, TOUR, kind

STRETCH = 12
"""Frames one after the other."""


def project(name: str) -> tuple[Path, Path | None]:
    """A recording, and what of its look is changed."""
    if name == "tour":
        return TOUR, None
    data = json.loads((DEMO / "project-config.json").read_text(encoding="utf-8"))
    data["camera"]["hide"] = True
    CACHE.mkdir(parents=True, exist_ok=True)
    file = CACHE / "no-camera.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    return DEMO, file


def chosen(kinds: list[str], limit: int) -> set[int]:
    """So many frames of each kind, spread over where they are."""
    found: dict[str, list[int]] = defaultdict(list)
    for n, name in enumerate(kinds):
        found[name].append(n)
    taken: set[int] = set()
    for places in found.values():
        if not limit or len(places) <= limit:
            taken.update(places)
            continue
        parts = max(1, limit // STRETCH)
        for part in range(parts):
            first = part * (len(places) - STRETCH) // max(1, parts - 1)
            taken.update(places[first : first + STRETCH])
    return taken


def measure(name: str, limit: int, profile: cProfile.Profile | None, only: str | None) -> dict[str, list[float]]:
    """Processor seconds of each frame, by kind."""
    from reelpress.compose.planar import PlanarCompositor
    from reelpress.export.prepare import prepare
    from reelpress.export.settings import ExportSettings
    from reelpress.export.sources import SourcePool

    recording, config = project(name)
    settings = ExportSettings(resolution="1080p", fps=Fraction(60), project=config)
    rows: dict[str, list[float]] = defaultdict(list)
    with prepare(recording, None, settings) as job:
        plans = [job.director.plan(n) for n in range(job.director.frames)]
        kinds = [kind(plan, plans[n - 1] if n else None) for n, plan in enumerate(plans)]
        taken = chosen(kinds, limit)
        pool = SourcePool(job.recording, threads=1)
        compositor, previous = PlanarCompositor(), None
        for n, plan in enumerate(plans):
            timed = n in taken and (only is None or kinds[n] == only)
            if not timed and n + 1 not in taken:
                continue
            pictures = {p.source: pool.planes(p.source, p.frame) for p in plan.pictures()}
            if profile is not None and timed:
                profile.enable()
            cpu = time.thread_time()
            previous = compositor.compose(plan, pictures, previous)
            cpu = time.thread_time() - cpu
            if profile is not None:
                profile.disable()
            if timed:
                rows[kinds[n]].append(cpu)
        compositor.close()
        pool.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="*", default=["demo", "tour"])
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    for name in options.recordings:
        profile = cProfile.Profile() if options.profile else None
        rows = measure(name, options.limit, profile, options.only)
        result[name] = {
            each: {
                "frames": len(found),
                "mean_ms": round(statistics.fmean(found) * 1000, 2),
                "median_ms": round(statistics.median(found) * 1000, 2),
                "max_ms": round(max(found) * 1000, 1),
                "total_s": round(sum(found), 3),
            }
            for each, found in sorted(rows.items())
        }
        if not options.json:
            for each, row in result[name].items():
                print(f"{name:5} {each:18}", *(f"{key} {value}" for key, value in row.items()))
            print(f"{name:5} {'all':18} total_s {sum(row['total_s'] for row in result[name].values()):.3f}")
        if profile is not None:
            pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(30)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
