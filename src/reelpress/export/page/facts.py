"""What the numbers of a run say: shares, the limiting stage, and series for charts out of samples."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.export.page.units import percent, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reelpress.pipeline.samples import Sample

FULL = 0.5
"""Share of the time from which on a stage is said to limit; below it the stages take turns."""

COLUMNS = 240
"""Of a timeline: about 4 pixels each."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """Where the time of one stage went, in seconds."""

    name: str
    busy_s: float
    wait_in_s: float
    wait_out_s: float
    frames: int = 0

    @property
    def total_s(self) -> float:
        return self.busy_s + self.wait_in_s + self.wait_out_s


def limiting(stages: Sequence[StageTime], wall_s: float) -> StageTime | None:
    """The stage that was busy longest; ``None`` without any."""
    return max(stages, key=lambda s: s.busy_s, default=None) if wall_s > 0 else None


def limiting_sentence(stages: Sequence[StageTime], wall_s: float) -> str:
    """Which stage the others waited for, in one sentence. The stages are in the order of the flow."""
    first = limiting(stages, wall_s)
    if first is None:
        return "Nothing was measured."
    share = first.busy_s / wall_s
    said = f"{first.name} was busy {percent(share)} of the {seconds(wall_s)}"
    if share < FULL:
        return f"No stage fills the time: {said}, and the others less. They take turns."
    place = list(stages).index(first)
    # of its neighbours: those further away wait for them
    waits = [(s.wait_out_s / wall_s, s.name, "to hand on") for s in stages[max(0, place - 1) : place]]
    waits += [(s.wait_in_s / wall_s, s.name, "for input") for s in stages[place + 1 : place + 2]]
    told = [f"{name} waited {percent(part)} of it {why}" for part, name, why in waits if part >= 0.05]
    said = f"{said[:1].upper()}{said[1:]} and limits the export; "
    return f"{said}{', '.join(told) or 'no other stage waited for long'}."


def thinned(samples: Sequence[Sample], count: int = COLUMNS) -> list[Sample]:
    """At most ``count`` samples, neighbours merged evenly."""
    if len(samples) <= count:
        return list(samples)
    result: list[Sample] = []
    for index in range(count):
        part = samples[index * len(samples) // count : (index + 1) * len(samples) // count]
        merged = part[0]
        for sample in part[1:]:
            merged = merged.merged(sample)
        result.append(merged)
    return result


def shares(samples: Sequence[Sample], stage: str) -> list[tuple[float, float, float]]:
    """Of every spell between two samples the shares busy, waiting for input, waiting for output (0..1)."""
    result = []
    for before, after in itertools.pairwise(samples):
        length = after.t_s - before.t_s
        old, new = before.stages.get(stage, (0.0, 0.0, 0.0)), after.stages.get(stage, (0.0, 0.0, 0.0))
        parts = [max(0.0, b - a) / length if length > 0 else 0.0 for a, b in zip(old, new, strict=True)]
        over = max(1.0, sum(parts))  # the stages' clocks and the samples' are read at slightly different moments
        result.append((parts[0] / over, parts[1] / over, parts[2] / over))
    return result


def rates(samples: Sequence[Sample], counts: Sequence[str]) -> tuple[list[float], dict[str, list[float]]]:
    """Times, and of each count its growth a second between two samples."""
    times: list[float] = []
    found: dict[str, list[float]] = {name: [] for name in counts}
    for before, after in itertools.pairwise(samples):
        length = after.t_s - before.t_s
        if length <= 0:
            continue
        times.append(after.t_s)
        for name in counts:
            found[name].append(max(0, _count(after.counts, name) - _count(before.counts, name)) / length)
    return times, found


def _count(counts: Mapping[str, int], name: str) -> int:
    return counts.get(name, 0)
