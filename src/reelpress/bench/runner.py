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
from contextlib import ExitStack
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
    with tempfile.TemporaryDirectory(prefix="reelpress-bench-") as name:
        bench = _Bench(plan, Path(name), gpu, say)
        for scenario in plan.scenarios:
            say(f"source: {scenario.title}")
            ready = scenarios.ready(scenario, quick=plan.quick, scale=plan.scale, folder=plan.sources)
            rows = bench.scenario(ready)
            result["scenarios"].append(_scenario(ready, rows))
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
    overlap: bool | None = mine["fps"]["min"] <= theirs["fps"]["max"] and theirs["fps"]["min"] <= mine["fps"]["max"]
    if mine["fps"]["runs"] < 2 or theirs["fps"]["runs"] < 2:
        overlap = None
    note = unequal(row, base)
    return {
        "path": base["path"],
        "speed_ratio": speed,
        "fps_percent": round(100 * (speed - 1), 2),
        "size_ratio": ratio("size_bytes"),
        "rss_ratio": ratio("peak_rss_bytes") or 0.0,
        "rss_difference_bytes": int(mine["peak_rss_bytes"]["median"] - theirs["peak_rss_bytes"]["median"]),
        "ssim_difference": None if one is None or two is None or note is not None else round(one - two, 6),
        "within_spread": overlap,
        "equal_pictures": note is None,
        "note": note,
    }


def unequal(row: dict[str, Any], base: dict[str, Any]) -> str | None:
    """Why the pictures of two rows are not the same pictures, in a sentence; ``None`` where they are."""
    mine, theirs = (list(dict.fromkeys(r.get("not_drawn", ()))) for r in (row, base))
    only_mine = [what for what in theirs if what not in mine]
    only_theirs = [what for what in mine if what not in theirs]
    said = []
    if only_mine:
        said.append(f"the baseline path does not draw {_listed(only_mine)}, which makes it faster, never slower")
    if only_theirs:
        said.append(f"this path does not draw {_listed(only_theirs)}")
    if not said:
        return None
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}: size and SSIM are of different pictures and are not compared."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


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
            rows.append(_row(ready, way, encoder, runs[k], qualities[k], self.gpu.missing, python))
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


def outputs_of(commands: Sequence[Sequence[str]], folder: Path, timeout_s: float) -> list[str]:
    """What commands that run at the same time write to stdout. For work that is not timed.

    Raises:
        ExportError: One of them failed, or they took longer than ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        running = []
        for n, command in enumerate(commands):
            out, err = folder / f"stdout-{n}.txt", folder / f"stderr-{n}.txt"
            stdout, stderr = (stack.enter_context(path.open("wb")) for path in (out, err))
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
            stack.callback(_ended, process)
            running.append((process, out, err))
        found = []
        for process, out, err in running:
            try:
                code = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise ExportError(f"Judging took longer than {timeout_s:.0f} s and was ended.") from None
            if code != 0:
                text = err.read_text(errors="replace").strip()[-1500:]
                raise ExportError(f"Judging ended with {code}: {text or 'it said nothing'}")
            found.append(out.read_text(encoding="utf-8", errors="replace"))
        return found


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


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
        "pipeline_s": run["pipeline_s"],
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
