"""The benchmark itself: sources in place, every pair of path and encoder in turn, each run in a process of its own.

Runs are interleaved (A B C A B C ...), so that what the machine does beside it hits all alike. What is compared are
ratios of medians; a difference that lies within the spread is called that.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.bench import metrics, paths, scenarios
from reelpress.bench.comparisons import aa_of, complete, self_cost_of
from reelpress.bench.judge import every_for
from reelpress.bench.metrics import GpuMeter
from reelpress.bench.peers import Peer, compare_peers
from reelpress.bench.processes import finished, outputs_of
from reelpress.bench.rows import row_of, scenario_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.bench.paths import EncoderKind, Way
    from reelpress.bench.processes import Finished
    from reelpress.bench.scenarios import Ready, Scenario

PEER_RUNS = 2
"""Runs of a peer at each of its CRFs, at most: some of them take ten times as long as all of ours."""
ORDER = "interleaved: A B C A B C"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a benchmark does."""

    command: str
    scenarios: Sequence[Scenario]
    ways: Sequence[Way]
    encoders: Sequence[EncoderKind]
    runs: int = 3
    warmup: int = 1
    quick: bool = False
    scale: float = 1.0
    sampling: bool = False
    memory: bool = False
    """Also a run with tracemalloc for each pair."""
    runs_others: int | None = None
    """Runs in scenarios that are not in the seed's matrix; ``None``: as many as in those."""
    quality_frames: int = 120
    """At most so many frames of each output are judged; 0 leaves quality out."""
    quality_window_s: float | None = None
    """Only the first so many seconds are judged; ``None``: all."""
    pictures: bool = True
    aa: bool = False
    self_cost: bool = False
    peers: Sequence[Peer] = ()
    extras_only_first: bool = False
    """The null encoder, and the baseline's second variant, only in the first scenario."""
    extras_in: Sequence[str] | None = None
    """The same only in these scenarios; ``None``: in all."""
    peers_only_first: bool = False
    """Peers only in the first scenario in which they can be compared."""
    options: dict[str, str] = field(default_factory=dict)
    """Export options for all."""
    sources: Path | None = None
    """Folder of made sources; default is the user's cache."""
    timeout_s: float = 3600.0
    """Of one export."""
    cuts: Sequence[str] = ()
    """What this makes shorter or leaves out, in sentences, for who reads the result."""


def run(plan: Plan, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Measure. ``say`` gets a line for each thing that is done.

    Raises:
        ReelpressError: An export failed.
    """
    started = time.monotonic()
    gpu = GpuMeter()
    result = _begun(plan, gpu)
    with tempfile.TemporaryDirectory(prefix="reelpress-bench-") as name:
        bench = _Bench(plan, Path(name), gpu, say)
        for scenario in plan.scenarios:
            say(f"source: {scenario.title}")
            ready = scenarios.ready(scenario, quick=plan.quick, scale=plan.scale, folder=plan.sources)
            rows = bench.scenario(ready)
            result["scenarios"].append(scenario_of(ready, rows))
            result["results"] += rows
            done = [r["scenario"] for r in result["peer_results"] if r["missing"] is None]
            if not (plan.peers_only_first and done):
                runs = min(plan.runs, PEER_RUNS)
                result["peer_results"] += compare_peers(plan.peers, ready, rows, Path(name), say, bench.process, runs)
        if plan.aa:
            result["aa"] = bench.aa()
        if plan.self_cost:
            result["self_cost"] = bench.self_cost()
    complete(result)
    result["wall_s"] = round(time.monotonic() - started, 1)
    return result


def _begun(plan: Plan, gpu: GpuMeter) -> dict[str, Any]:
    """A result in which nothing is measured yet."""
    return {
        "schema_version": 1,
        "type": "bench",
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "command": plan.command,
        "quick": plan.quick,
        "wall_s": 0.0,
        "commit": metrics.commit(),
        "machine": metrics.machine_facts(gpu),
        "settings": {
            "runs": plan.runs,
            "warmup": plan.warmup,
            "scale": plan.scale,
            "order": ORDER,
            "quality": plan.options.get("quality", "social"),
            "sampling": plan.sampling,
            "cuts": list(plan.cuts),
        },
        "targets": [],
        "scenarios": [],
        "paths": [
            {"id": w.id, "title": w.title, "kind": w.kind, "description": w.description, "missing": w.missing}
            for w in ({w.id: w for w in paths.WAYS} | {w.id: w for w in plan.ways}).values()
        ],
        "encoders": [{"id": e.id, "title": e.title, "missing": e.missing} for e in paths.ENCODERS],
        "peers": [p.described() for p in plan.peers],
        "results": [],
        "peer_results": [],
        "ratios": [],
        "aa": None,
        "self_cost": None,
        "sentences": [],
    }


class _Bench:
    """One benchmark on its way."""

    def __init__(self, plan: Plan, folder: Path, gpu: GpuMeter, say: Callable[[str], None]) -> None:
        self.plan, self.folder, self.gpu, self.say = plan, folder, gpu, say
        self._skips_extras = False
        self.first: tuple[Ready, Way, EncoderKind] | None = None
        """A pair that can be measured, for the runs about the harness itself."""

    def scenario(self, ready: Ready) -> list[dict[str, Any]]:
        """All pairs of one scenario."""
        rows: list[dict[str, Any]] = []
        pairs: list[tuple[Way, EncoderKind]] = []
        skips = self._skips_extras
        if self.plan.extras_in is not None:
            skips = ready.scenario.id not in self.plan.extras_in
        shortened = self.plan.extras_only_first or self.plan.extras_in is not None
        for encoder in self.plan.encoders:
            for way in self.plan.ways:
                if encoder is paths.NULL and (skips or not way.null_too):
                    continue
                reason = ready.missing or way.missing or encoder.missing
                if reason is None and shortened and way.id == "baseline-adaptive":
                    if skips:
                        reason = "Left out in a shortened run; --path baseline-adaptive asks for it."
                    elif encoder is paths.NULL:
                        reason = "In a shortened run only with x264; --path baseline-adaptive asks for it."
                if reason is None:
                    pairs.append((way, encoder))
                else:
                    rows.append(
                        {"scenario": ready.scenario.id, "path": way.id, "encoder": encoder.id, "missing": reason}
                    )
        measured = self._measured(ready, pairs) if pairs else []
        self._skips_extras = self.plan.extras_only_first and bool(pairs)
        if self.first is None and pairs:
            way, encoder = next((p for p in pairs if p[0].id == "planar" and p[1] is paths.X264), pairs[-1])
            self.first = (ready, way, encoder)
        return measured + rows

    def _measured(self, ready: Ready, pairs: Sequence[tuple[Way, EncoderKind]]) -> list[dict[str, Any]]:
        runs: dict[int, list[dict[str, Any]]] = {k: [] for k in range(len(pairs))}
        label = ready.scenario.title
        order = 0
        count = self.plan.runs
        if self.plan.runs_others is not None and not ready.scenario.seeds:
            count = self.plan.runs_others
        for n in range(-self.plan.warmup, count):
            for k, (way, encoder) in enumerate(pairs):
                what = "warm-up" if n < 0 else f"run {n + 1} of {count}"
                done = self.export(ready, way, encoder)
                self.say(
                    f"{label}: {way.title}, {encoder.id}: {what}: {done['frames']['total'] / done['wall_s']:.1f} fps"
                )
                if n >= 0:
                    done["order"] = order
                    runs[k].append(done)
                    order += 1
        qualities = self._qualities(ready, pairs, [runs[k][-1] for k in range(len(pairs))])
        rows = []
        for k, (way, encoder) in enumerate(pairs):
            python = None
            if self.plan.memory:
                python = self.export(ready, way, encoder, tracemalloc=True)["memory"]["python_bytes"]
            rows.append(row_of(ready, way, encoder, runs[k], qualities[k], self.gpu.missing, python))
        return rows

    def export(self, ready: Ready, way: Way, encoder: EncoderKind, **switches: Any) -> dict[str, Any]:
        """One export in a process of its own."""
        task = self._task(ready, way, encoder) | {"sampling": self.plan.sampling, **switches}
        done = self.process([sys.executable, "-m", "reelpress.bench.worker", json.dumps(task)])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        found["process_s"] = round(done.wall_s, 4)
        found["gpu_percent"] = done.gpu_percent
        return found

    def _task(self, ready: Ready, way: Way, encoder: EncoderKind) -> dict[str, Any]:
        return {
            "source": str(ready.source),
            "output": self._output(ready, way, encoder),
            "options": {**ready.options, **self.plan.options},
            "way": way.id,
            "encoder": encoder.id,
        }

    def _qualities(
        self, ready: Ready, pairs: Sequence[tuple[Way, EncoderKind]], runs: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """``quality`` of each pair. Nothing is timed here, so those of each compositor are judged at the same time."""
        if self.plan.quality_frames <= 0:
            return [{"missing": "Not asked for."} for _ in pairs]
        found: list[dict[str, Any]] = [
            {"missing": "The null encoder writes no pictures, so there is nothing to compare."} for _ in pairs
        ]
        groups: dict[str, list[int]] = {}
        for k, (way, encoder) in enumerate(pairs):
            if encoder is not paths.NULL:
                groups.setdefault(way.composer, []).append(k)
        commands = []
        for members in groups.values():
            total, way = runs[members[0]]["frames"]["total"], pairs[members[0]][0]
            window = total
            if self.plan.quality_window_s is not None:
                window = min(total, max(1, round(self.plan.quality_window_s * runs[members[0]]["fps"])))
            task = self._task(ready, way, pairs[members[0]][1]) | {
                "do": "quality",
                "every": every_for(window, self.plan.quality_frames),
                "window": window,
                "pictures": self.plan.pictures,
                "outputs": [(pairs[k][0].id, self._output(ready, *pairs[k])) for k in members],
            }
            names = ", ".join(pairs[k][0].title for k in members)
            of = "" if window == total else f" of the first {window}"
            self.say(f"{ready.scenario.title}: {names}: quality of every {task['every']}. frame{of}")
            commands.append([sys.executable, "-m", "reelpress.bench.worker", json.dumps(task)])
        for members, text in zip(groups.values(), outputs_of(commands, self.folder, self.plan.timeout_s), strict=True):
            judged: dict[str, dict[str, Any]] = json.loads(text.splitlines()[-1])
            for k in members:
                found[k] = judged[pairs[k][0].id]
                Path(self._output(ready, *pairs[k])).unlink(missing_ok=True)
        return found

    def _output(self, ready: Ready, way: Way, encoder: EncoderKind) -> str:
        return str(self.folder / f"{ready.scenario.id}-{way.id}-{encoder.id}.mp4")

    def process(self, command: Sequence[str]) -> Finished:
        """Run a command to its end; its stdout, wall time, and the GPU's share meanwhile.

        Raises:
            ExportError: It failed or took too long.
        """
        return finished(command, self.folder, self.gpu, self.plan.timeout_s)

    # -- about the harness itself ---------------------------------------------------------------------------------

    def aa(self) -> dict[str, Any] | None:
        """The same pair twice, interleaved: what differs is noise."""
        if self.first is None:
            return None
        ready, way, encoder = self.first
        count = max(3, self.plan.runs)
        a: list[float] = []
        b: list[float] = []
        for n in range(count):
            for values in (a, b) if n % 2 == 0 else (b, a):  # neither is always the first
                values.append(self.export(ready, way, encoder)["wall_s"])
            self.say(f"A/A run {n + 1} of {count}: {a[-1]:.3f} s and {b[-1]:.3f} s")
        return {"scenario": ready.scenario.id, "path": way.id, "encoder": encoder.id, **aa_of(a, b)}

    def self_cost(self) -> dict[str, Any] | None:
        """CPU time of an export with the benchmark's hooks and of the same without."""
        if self.first is None:
            return None
        ready, _, _ = self.first
        way = paths.chosen_ways(["planar"])[0]
        count = max(5, self.plan.runs)
        on: list[float] = []
        off: list[float] = []
        for n in range(count):
            for hooks in (True, False) if n % 2 == 0 else (False, True):
                done = self.export(ready, way, paths.X264, hooks=hooks, sampling=False)
                (on if hooks else off).append(done["cpu_s"])
            self.say(f"own cost, run {n + 1} of {count}: {on[-1]:.3f} s and {off[-1]:.3f} s of CPU time")
        return {"scenario": ready.scenario.id, "path": way.id, **self_cost_of(on, off)}
