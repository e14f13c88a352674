"""The tour at 1080p60: what composing costs against encoding, by kind of frame; and a pointer over a still screen.

    python benchmarks/tour.py [--start S] [--end S]

The tour is exported as ``make tour`` does it, each compose call timed where it runs. A frame's kind is the costliest
thing in it: card blur, 3D, softened picture, cross-fade, a moving card, else whatever is left.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from common import CACHE, ROOT, write

TOUR = ROOT / "examples" / "tour.cap"
DEMO = ROOT / "examples" / "demo.cap"
STILL = (Fraction(8, 10), Fraction(22, 10))
"""Seconds of the demo in which the pointer goes over a screen that stays as it is."""


def kind(plan: Any, before: Any) -> str:
    """What is the costliest thing in a frame."""
    from reelpress.scene.plan.effects import Effect
    from reelpress.scene.plan.layers import EffectLayer, GroupLayer

    def card(of: Any) -> Any:
        return next((p.rect for p in of.pictures() if p.source.startswith("display")), None)

    pictures = plan.pictures()
    if any(p.blur is not None for p in pictures):
        return "card blur"
    groups = [layer for layer in plan.layers if isinstance(layer, GroupLayer)]
    if any(group.warp is not None for group in groups):
        return "3D"
    if any(p.soften > 0 for p in pictures):
        return "softened picture"
    if groups:
        return "cross-fade"
    if any(isinstance(e, EffectLayer) and e.effect is Effect.BLUR for e in plan.layers):
        return "blur mask"
    if before is not None and card(plan) != card(before):
        return "moving card"
    return "other"


def tour(start: float | None, end: float | None) -> dict[str, Any]:
    """Export (a part of) the tour; busy seconds a frame by kind."""
    from reelpress.compose.planar import PlanarCompositor
    from reelpress.export.api import export
    from reelpress.export.settings import ExportSettings

    rows: list[tuple[str, float, float]] = []
    compose = PlanarCompositor.compose
    last: list[Any] = [None]
    nested = [0]

    def timed(self: Any, plan: Any, sources: Any, previous: Any) -> Any:
        nested[0] += 1
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return compose(self, plan, sources, previous)
        finally:
            wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
            nested[0] -= 1
            if not nested[0]:
                rows.append((kind(plan, last[0]), wall, cpu))
                last[0] = plan

    PlanarCompositor.compose = timed  # type: ignore[method-assign]
    settings = ExportSettings(
        resolution="1080p",
        fps=Fraction(60),
        overwrite=True,
        unchanged="encode",  # what composing is held against is x264 with every frame
        start=None if start is None else Fraction(str(start)),
        end=None if end is None else Fraction(str(end)),
    )
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        report = export(TOUR, CACHE / "tour.mp4", settings=settings)
    finally:
        PlanarCompositor.compose = compose  # type: ignore[method-assign]
    count = report.frames.total
    encode = report.stages["encode"].busy_s / count
    kinds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, wall, cpu in rows:
        kinds[name].append((wall, cpu))
    worst = max(range(len(rows)), key=lambda n: rows[n][1])

    def figures(found: list[tuple[float, float]]) -> dict[str, float]:
        mean = statistics.fmean(wall for wall, _ in found)
        return {
            "frames": len(found),
            "mean_ms": round(mean * 1000, 2),
            "cpu_mean_ms": round(statistics.fmean(cpu for _, cpu in found) * 1000, 2),
            "max_ms": round(max(wall for wall, _ in found) * 1000, 1),
            "of_encode": round(mean / encode, 3),
        }

    plain = [
        row for name, found in kinds.items() if name not in ("card blur", "3D", "softened picture") for row in found
    ]
    return {
        "frames": asdict(report.frames),
        "wall_s": report.wall_s,
        "fps": report.fps,
        "stages_ms": {name: round(stage.busy_s / count * 1000, 2) for name, stage in report.stages.items()},
        "compose_of_encode": round(report.stages["compose"].busy_s / count / encode, 3),
        "without_blur_and_3d": figures(plain),
        "kinds": {name: figures(found) for name, found in sorted(kinds.items())},
        "slowest": {"frame": worst, "kind": rows[worst][0], "ms": round(rows[worst][1] * 1000, 1)},
        "over_250_ms": sum(wall > 0.25 for _, wall, _ in rows),
    }


def pointer() -> dict[str, Any]:
    """Cost of a frame in which only the pointer moves, against that of the same frame drawn as a whole."""
    from reelpress.compose.planar import PlanarCompositor
    from reelpress.export.prepare import prepare
    from reelpress.export.settings import ExportSettings
    from reelpress.export.sources import SourcePool
    from reelpress.scene.plan.layers import PictureLayer

    data = json.loads((DEMO / "project-config.json").read_text(encoding="utf-8"))
    data["camera"]["hide"] = True
    data["timeline"]["zoomSegments"] = []
    file = CACHE / "pointer.json"
    CACHE.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data), encoding="utf-8")
    settings = ExportSettings(resolution="1080p", fps=Fraction(60), project=Path(file), start=STILL[0], end=STILL[1])
    only: list[float] = []
    whole: list[float] = []
    with prepare(DEMO, None, settings) as job:
        director = job.director
        sources = SourcePool(job.recording, threads=1)
        plans = [director.plan(n) for n in range(director.frames)]
        moving: list[int] = []
        # One after the other, as in an export there is one compositor: two would take each other's memory and cache.
        compositor, previous = PlanarCompositor(), None
        for n, plan in enumerate(plans):
            pictures = {p.source: sources.planes(p.source, p.frame) for p in plan.pictures()}
            begin = time.perf_counter()
            previous = compositor.compose(plan, pictures, previous)
            took = time.perf_counter() - begin
            if n and plan.pictures() == plans[n - 1].pictures() and previous.damage:
                only.append(took)
                moving.append(n)
        compositor.close()
        previous = None
        other = PlanarCompositor()
        for n in moving:
            plan = plans[n]
            pictures = {p.source: sources.planes(p.source, p.frame) for p in plan.pictures()}
            # the same frame with a screen picture that was not there before
            fresh = [replace(p, frame=-1 - n) if isinstance(p, PictureLayer) else p for p in plan.layers]
            begin = time.perf_counter()
            other.compose(replace(plan, layers=tuple(fresh)), pictures, None)
            whole.append(time.perf_counter() - begin)
        other.close()
        sources.close()
    return {
        "frames": len(only),
        "pointer_only_ms": round(statistics.fmean(only[1:]) * 1000, 3),  # the first of either brings its memory
        "whole_ms": round(statistics.fmean(whole[1:]) * 1000, 3),
        "share": round(statistics.fmean(only[1:]) / statistics.fmean(whole[1:]), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", type=float)
    parser.add_argument("--end", type=float)
    options = parser.parse_args()
    data = {"pointer": pointer(), "tour": tour(options.start, options.end)}
    print(json.dumps(data, indent=1))
    part = "" if options.start is None and options.end is None else f" --start {options.start} --end {options.end}"
    write("tour", f"python benchmarks/tour.py{part}", data)


if __name__ == "__main__":
    main()
