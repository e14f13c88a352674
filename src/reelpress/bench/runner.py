"""The benchmark itself: sources in place, every pair of path and encoder in turn, each run in a process of its own.

Runs are interleaved (A B C A B C ...), so that what the machine does beside it hits all alike. What is compared are
ratios of medians; a difference that lies within the spread is called that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.bench import metrics, paths, scenarios, targets
from reelpress.bench.judge import every_for
from reelpress.bench.metrics import GpuMeter, spread
from reelpress.bench.peers import Peer, compare_peers
from reelpress.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.bench.paths import EncoderKind, Way
    from reelpress.bench.scenarios import Ready, Scenario

POLL_S = 0.02
GPU_S = 0.1
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
    quality_frames: int = 120
    """At most so many frames of each output are judged; 0 leaves quality out."""
    pictures: bool = True
    aa: bool = False
    self_cost: bool = False
    peers: Sequence[Peer] = ()
    extras_only_first: bool = False
    """The null encoder, and the baseline's second variant, only in the first scenario."""
    options: dict[str, str] = field(default_factory=dict)
    """Export options for all."""
    sources: Path | None = None
    """Folder of made sources; default is the user's cache."""
    timeout_s: float = 3600.0
    """Of one export."""


def run(plan: Plan, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Measure. ``say`` gets a line for each thing that is done.

    Raises:
        ReelpressError: An export failed.
    """
    started = time.monotonic()
    gpu = GpuMeter()
    result: dict[str, Any] = {
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
        },
        "targets": [],
        "scenarios": [],
        "paths": [
            {"id": w.id, "title": w.title, "kind": w.kind, "description": w.description, "missing": w.missing}
            for w in paths.WAYS
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
    with tempfile.TemporaryDirectory(prefix="reelpress-bench-") as name:
        bench = _Bench(plan, Path(name), gpu, say)
        for scenario in plan.scenarios:
            say(f"source: {scenario.title}")
            ready = scenarios.ready(scenario, quick=plan.quick, scale=plan.scale, folder=plan.sources)
            rows = bench.scenario(ready)
            result["scenarios"].append(_scenario(ready, rows))
            result["results"] += rows
            result["peer_results"] += compare_peers(plan.peers, ready, rows, Path(name), say, bench.process, plan.runs)
        if plan.aa:
            result["aa"] = bench.aa()
        if plan.self_cost:
            result["self_cost"] = bench.self_cost()
    complete(result)
    result["wall_s"] = round(time.monotonic() - started, 1)
    return result


def complete(result: dict[str, Any]) -> None:
    """Fill in what follows from the measured rows: comparisons, ratios, sentences, targets."""
    rows = [row for row in result["results"] if row["missing"] is None]
    for row in rows:
        base = _baseline_of(row, rows)
        row["against_baseline"] = None if base is None or base is row else against(row, base)
    result["ratios"] = [
        {
            "scenario": row["scenario"],
            "path": row["path"],
            "encoder": row["encoder"],
            "speed": row["against_baseline"]["speed_ratio"],
            "size": row["against_baseline"]["size_ratio"],
            "rss": row["against_baseline"]["rss_ratio"],
            "ssim": _ssim(row),
        }
        for row in rows
        if row["against_baseline"] is not None
    ]
    sentences = [row["profile"]["sentence"] for row in rows]
    sentences += [row["profile"]["swscale"]["sentence"] for row in rows if row["profile"]["swscale"] is not None]
    result["sentences"] = list(dict.fromkeys(sentences))
    result["targets"] = targets.filled(result)


def against(row: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """``against_baseline``: the medians of two rows of the same scenario and encoder."""
    mine, theirs = row["summary"], base["summary"]

    def ratio(name: str) -> float | None:
        other = theirs[name]["median"]
        return round(mine[name]["median"] / other, 4) if other else None

    speed = ratio("fps") or 0.0
    one, two = _ssim(row), _ssim(base)
    overlap = mine["fps"]["min"] <= theirs["fps"]["max"] and theirs["fps"]["min"] <= mine["fps"]["max"]
    return {
        "path": base["path"],
        "speed_ratio": speed,
        "fps_percent": round(100 * (speed - 1), 2),
        "size_ratio": ratio("size_bytes"),
        "rss_ratio": ratio("peak_rss_bytes") or 0.0,
        "rss_difference_bytes": int(mine["peak_rss_bytes"]["median"] - theirs["peak_rss_bytes"]["median"]),
        "ssim_difference": None if one is None or two is None else round(one - two, 6),
        "within_spread": overlap,
    }


def _ssim(row: dict[str, Any]) -> float | None:
    if row["quality"]["missing"] is not None:
        return None
    value = row["quality"]["ssim"]["y"]
    return None if value is None else float(value)


def _baseline_of(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    key = (row["scenario"], paths.BASELINE, row["encoder"])
    return next((r for r in rows if (r["scenario"], r["path"], r["encoder"]) == key), None)


def _scenario(ready: Ready, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": ready.scenario.id,
        "title": ready.scenario.title,
        "missing": ready.missing,
        "full_seconds": ready.scenario.seconds,
        "text_rect": None,
        "source": ready.described,
        "options": [f"--{name.replace('_', '-')} {value}" for name, value in ready.options.items() if name != "project"]
        + (["--project (changes of its own project, see scenarios.py)"] if "project" in ready.options else []),
    }
    measured = next((row for row in rows if row["missing"] is None), None)
    if measured is not None:
        made = measured.pop("_output")
        found |= {
            "width": made["width"],
            "height": made["height"],
            "fps": made["fps"],
            "frames": made["frames"],
            "seconds": round(made["frames"] / made["fps"], 4),
        }
    for row in rows:
        row.pop("_output", None)
    return found


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
        for encoder in self.plan.encoders:
            for way in self.plan.ways:
                if encoder is paths.NULL and (self._skips_extras or (not way.rgba and way.id != "planar")):
                    continue  # the null encoder is there for swscale's share, and for what composing alone takes
                reason = ready.missing or way.missing or encoder.missing
                if reason is None and self._skips_extras and way.id == "baseline-adaptive":
                    reason = "With --quick only in the first scenario; --path baseline-adaptive asks for it."
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
        for n in range(-self.plan.warmup, self.plan.runs):
            for k, (way, encoder) in enumerate(pairs):
                what = "warm-up" if n < 0 else f"run {n + 1} of {self.plan.runs}"
                done = self.export(ready, way, encoder)
                self.say(
                    f"{label}: {way.title}, {encoder.id}: {what}: {done['frames']['total'] / done['wall_s']:.1f} fps"
                )
                if n >= 0:
                    done["order"] = order
                    runs[k].append(done)
                    order += 1
        rows = []
        for k, (way, encoder) in enumerate(pairs):
            python = None
            if self.plan.memory:
                python = self.export(ready, way, encoder, tracemalloc=True)["memory"]["python_bytes"]
            quality = self._quality(ready, way, encoder, runs[k][-1])
            rows.append(_row(ready, way, encoder, runs[k], quality, self.gpu.missing, python))
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
            "output": str(self.folder / f"{ready.scenario.id}-{way.id}-{encoder.id}.mp4"),
            "options": {**ready.options, **self.plan.options},
            "way": way.id,
            "encoder": encoder.id,
        }

    def _quality(self, ready: Ready, way: Way, encoder: EncoderKind, run: dict[str, Any]) -> dict[str, Any]:
        if encoder is paths.NULL:
            return {"missing": "The null encoder writes no pictures, so there is nothing to compare."}
        if self.plan.quality_frames <= 0:
            return {"missing": "Not asked for."}
        task = self._task(ready, way, encoder) | {
            "do": "quality",
            "every": every_for(run["frames"]["total"], self.plan.quality_frames),
            "pictures": self.plan.pictures,
        }
        self.say(f"{ready.scenario.title}: {way.title}: quality of every {task['every']}. frame")
        done = self.process([sys.executable, "-m", "reelpress.bench.worker", json.dumps(task)])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        Path(task["output"]).unlink(missing_ok=True)
        return found

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


def aa_of(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """``aa``: whether two series of the same thing differ by less than their spread."""
    one, two = spread(a), spread(b)
    difference = abs(one["median"] - two["median"])
    width = max(max(a) - min(a), max(b) - min(b))
    ok = difference <= width
    return {
        "a": one,
        "b": two,
        "difference_s": round(difference, 4),
        "spread_s": round(width, 4),
        "ok": ok,
        "sentence": (
            f"Two series of the same runs differ by {1000 * difference:.0f} ms, "
            f"{'less' if ok else 'more'} than the spread of {1000 * width:.0f} ms."
        ),
    }


def self_cost_of(on: Sequence[float], off: Sequence[float]) -> dict[str, Any]:
    """``self_cost``: CPU seconds with the hooks against those without."""
    one, two = spread(on), spread(off)
    percent = 100 * (one["median"] / two["median"] - 1)
    return {
        "with": one,
        "without": two,
        "percent": round(percent, 2),
        "ok": percent < 2,
        "sentence": f"The harness costs {max(0.0, percent):.1f} % of the export's CPU time.",
    }


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well."""

    stdout: str
    wall_s: float
    cpu_s: float
    """0 where the system does not say."""
    peak_rss_bytes: int
    """Of the largest process in it; 0 where the system does not say."""
    gpu_percent: float | None


def finished(command: Sequence[str], folder: Path, gpu: GpuMeter, timeout_s: float) -> Finished:
    """Run a command to its end.

    Raises:
        ExportError: It failed, cannot be started, or took longer than ``timeout_s``.
    """
    out, err = folder / "stdout.txt", folder / "stderr.txt"
    started = time.perf_counter()
    usage = None
    with out.open("wb") as stdout, err.open("wb") as stderr:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        except OSError as error:
            raise ExportError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
        next_look = started + GPU_S
        try:
            while True:
                if hasattr(os, "wait4"):
                    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                    if pid:
                        process.returncode = os.waitstatus_to_exitcode(status)
                        break
                elif process.poll() is not None:
                    break
                now = time.perf_counter()
                if now - started > timeout_s:
                    raise ExportError(f"A measured process took longer than {timeout_s:.0f} s and was ended.")
                if now >= next_look:
                    next_look = now + GPU_S
                    gpu.sample()
                time.sleep(POLL_S)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
    wall = time.perf_counter() - started
    if process.returncode != 0:
        text = err.read_text(errors="replace").strip()[-1500:]
        raise ExportError(f"A measured process ended with {process.returncode}: {text or 'it said nothing'}")
    cpu = 0.0 if usage is None else usage.ru_utime + usage.ru_stime
    scale = 1 if sys.platform == "darwin" else 1024
    peak = 0 if usage is None else usage.ru_maxrss * scale
    return Finished(out.read_text(encoding="utf-8", errors="replace"), wall, cpu, peak, gpu.take())


def _row(
    ready: Ready,
    way: Way,
    encoder: EncoderKind,
    runs: Sequence[dict[str, Any]],
    quality: dict[str, Any],
    gpu_missing: str | None,
    python: int | None,
) -> dict[str, Any]:
    last = sorted(runs, key=lambda r: r["wall_s"])[len(runs) // 2]  # the run nearest to the median
    told = [_run(run) for run in runs]
    names = ("wall_s", "fps", "cpu_percent", "gpu_percent", "peak_rss_bytes", "size_bytes")
    summary = {}
    for name in names:
        values = [run[name] for run in told if run[name] is not None]
        if values:
            summary[name] = spread(values)
    profile = last["profile"]
    null = ", encoder that costs nothing" if encoder is paths.NULL else ""
    prefix = f"{ready.scenario.title}, {way.title}{null}"
    profile["sentence"] = f"{prefix}: {profile['sentence']}"
    if profile["swscale"] is not None:
        profile["swscale"]["sentence"] = f"{prefix}: {profile['swscale']['sentence']}"
    memory = last["memory"] | ({} if python is None else {"python_bytes": python})
    return {
        "scenario": ready.scenario.id,
        "path": way.id,
        "encoder": encoder.id,
        "missing": None,
        "runs": told,
        "summary": summary,
        "gpu_missing": gpu_missing,
        "frames": last["frames"],
        "stages": last["stages"],
        "memory": memory,
        "quality": quality,
        "profile": profile,
        "series": last["series"],
        "formats": last["formats"],
        "conversions": last["conversions"],
        "copies": last["copies"],
        "buffers": last["buffers"],
        "fallbacks": last["fallbacks"],
        "not_drawn": last["not_drawn"],
        "against_baseline": None,
        "_output": {
            "width": last["width"],
            "height": last["height"],
            "fps": last["fps"],
            "frames": last["frames"]["total"],
        },
    }


def _run(run: dict[str, Any]) -> dict[str, Any]:
    wall = run["wall_s"]
    return {
        "wall_s": wall,
        "process_s": run["process_s"],
        "fps": round(run["frames"]["total"] / wall, 3),
        "cpu_s": run["run_cpu_s"],
        "cpu_percent": round(100 * run["run_cpu_s"] / wall, 1),
        "gpu_percent": run["gpu_percent"],
        "peak_rss_bytes": run["peak_rss_bytes"],
        "size_bytes": run["size_bytes"],
        "readback_bytes": sum(c["bytes"] for c in run["copies"] if c["what"] == "read-back"),
        "conversions": sum(int(c.get("frames", 0)) for c in run["conversions"]),
        "copies": sum(c["frames"] for c in run["copies"]),
        "order": run["order"],
    }
