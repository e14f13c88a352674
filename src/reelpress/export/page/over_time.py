"""Charts of an export over its time, out of the monitor's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.export.page import charts, parts
from reelpress.export.page.charts import Mark, Series
from reelpress.export.page.facts import rates, shares, thinned
from reelpress.export.page.html import Markup, el, join
from reelpress.export.page.scale import about_time
from reelpress.export.page.units import percent, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reelpress.pipeline.samples import Sample

KINDS = ("c1", "wait-in", "wait-out")
HALF = 500
"""Width of the view box of a chart in one of two columns."""
TOO_SHORT = 3
"""Fewer samples make no chart."""


def timeline(samples: Sequence[Sample], stages: Sequence[str]) -> Markup:
    """What each stage did when."""
    few = thinned(samples)
    if len(few) < TOO_SHORT:
        return _too_short()
    divisor, unit = about_time(few[-1].t_s)
    rows = [(name, shares(few, name)) for name in stages if any(name in s.stages for s in few)]
    told = []
    for name, parts_of in rows:
        mean = sum(busy for busy, _, _ in parts_of) / len(parts_of)
        told.append(f"{name} is busy {percent(mean)}")
    return join(
        [
            el("h3", "Stages over time"),
            parts.legend([("c1", "busy"), ("wait-in", "waits for input"), ("wait-out", "waits to hand on")]),
            charts.strips(
                "Stages over time", rows, KINDS, end=few[-1].t_s / divisor, x_unit=unit, told="; ".join(told)
            ),
        ]
    )


def frames(samples: Sequence[Sample]) -> Markup:
    """Frames a second by what they cost."""
    kinds = {"composed": "c1", "patched": "c2", "held": "rest"}
    few = thinned(samples, 150)
    if len(few) < TOO_SHORT:
        return _too_short()
    divisor, unit = about_time(few[-1].t_s)
    times, found = rates(few, list(kinds))
    series = [Series(name, [t / divisor for t in times], found[name], kind) for name, kind in kinds.items()]
    return join(
        [
            el("h3", "Frames over time"),
            parts.legend([(kind, name) for name, kind in kinds.items()]),
            charts.stacked("Frames a second over time", series, x_unit=unit, y_unit="frames / s"),
        ]
    )


def memory(samples: Sequence[Sample], peak: float) -> Markup:
    """Resident memory, and what the channels keep of it."""
    few = thinned(samples)
    if len(few) < TOO_SHORT:
        return _too_short()
    divisor, unit = about_time(few[-1].t_s)
    times = [s.t_s / divisor for s in few]
    held = [sum(bytes_ for _, bytes_ in s.queues.values()) / 1e6 for s in few]
    series = [
        Series("resident memory", times, [s.rss_bytes / 1e6 for s in few], "c1"),
        Series("pictures and packets in channels", times, held, "c2"),
    ]
    return join(
        [
            el("h3", "Memory over time"),
            parts.legend([(s.kind, s.name) for s in series]),
            charts.lines(
                "Memory over time",
                series,
                x_unit=unit,
                y_unit="MB",
                marks=[Mark(peak / 1e6, f"peak {size(peak)}", "bound")],
                filled=True,
            ),
        ]
    )


def queues(samples: Sequence[Sample], bounds: Mapping[str, int]) -> Markup:
    """Items in each channel; full means that the stage behind it is slower, empty that the one before it is."""
    few = thinned(samples)
    names = list(dict.fromkeys(name for s in few for name in s.queues))
    if len(few) < TOO_SHORT or not names:
        return Markup()
    divisor, unit = about_time(few[-1].t_s)
    times = [s.t_s / divisor for s in few]
    drawn = []
    for name in names:
        depth = [float(s.queues.get(name, (0, 0))[0]) for s in few]
        marks = [Mark(bounds[name], f"bound {bounds[name]}", "bound")] if name in bounds else []
        series = [Series(name, times, depth, "c5")]
        chart = charts.lines(
            f"Items in {name}",
            series,
            x_unit=unit,
            y_unit="items",
            marks=marks,
            filled=True,
            stepped=True,
            width=HALF,
            height=190,
        )
        drawn.append(el("div", el("h3", f"Queue: {name}"), chart))
    return join(
        [
            el("div", drawn, class_="two"),
            parts.note("A full queue waits for the stage behind it, an empty one for the stage before it."),
        ]
    )


def _too_short() -> Markup:
    return parts.note("The export was too short to draw anything over time.")
