"""One measured export in a process of its own: ``python -m reelpress.bench.worker TASK`` prints one line of JSON.

``TASK`` is JSON: ``source``, ``output``, ``options`` (export options by field names, as text), ``way`` and ``encoder``
(ids), and switches: ``hooks`` (false: a plain export, to know what the hooks cost), ``sampling``, ``tracemalloc``.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.bench.hooks import SAMPLES, BenchHooks, NothingWritten
from reelpress.bench.metrics import counted_memory, peak_memory
from reelpress.bench.paths import NULL, Way, chosen_ways
from reelpress.bench.profile import limiting, sentence, shares, swscale_share
from reelpress.compose.gpu.ring import MIN_DEPTH as RING_DEPTH
from reelpress.export.prepare import prepare
from reelpress.export.run import run
from reelpress.export.settings import ExportSettings
from reelpress.flags import Setting
from reelpress.pipeline import machine
from reelpress.pipeline.sampler import Sampler

if TYPE_CHECKING:
    from reelpress.export.job import Job


def settings_of(options: dict[str, str]) -> ExportSettings:
    """Export settings from options as text, always overwriting."""
    values = {name: Setting(value, "command line") for name, value in options.items()}
    return replace(ExportSettings.from_mapping(values), overwrite=True)


def prepared(task: dict[str, Any], way: Way) -> Job:
    """The job of a task, with the path's buffers."""
    job = prepare(Path(task["source"]), Path(task["output"]), settings_of({**task["options"], **way.settings}))
    if way.rgba:
        job.buffers = rgba_buffers(job, way)
    return job


def rgba_buffers(job: Job, way: Way) -> Any:
    """Buffers for RGBA pictures: 8 of them where the path says so, else as many as an export would have frames."""
    width, height = job.director.size
    sizes = job.buffers
    rendered = way.buffers or sizes.rendered
    return replace(
        sizes,
        rendered=rendered,
        encoder=way.buffers or sizes.encoder,
        decoded=way.buffers or sizes.decoded,
        # adaptive: the same bytes as our own pictures get; 8-frame: whatever 8 pictures need, as in the seed
        rendered_bytes=rendered * width * height * 4 if way.buffers else sizes.rendered_bytes,
    )


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Run a task and say what it took."""
    base = machine.rss()
    if not task.get("hooks", True):
        return _plain(task)
    way = chosen_ways([task["way"]])[0]
    null = task["encoder"] == NULL.id
    hooks = BenchHooks(way, null=null, rss=machine.rss)
    python = None
    with contextlib.ExitStack() as stack:
        sampler = stack.enter_context(Sampler()) if task.get("sampling") else None
        if task.get("tracemalloc"):
            import tracemalloc

            tracemalloc.start()
        started, cpu_started = time.perf_counter(), time.process_time()
        job = stack.enter_context(prepared(task, way))
        report: dict[str, Any] = {}
        with contextlib.suppress(NothingWritten):
            report = run(job, hooks=hooks).to_dict()
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        if task.get("tracemalloc"):
            python = tracemalloc.get_traced_memory()[1]
        return _told(task, job, hooks, way, report, wall, cpu, base, python, sampler)


def _plain(task: dict[str, Any]) -> dict[str, Any]:
    """The same export as anybody's, with nothing of the benchmark in it."""
    from reelpress.export.api import export

    way = chosen_ways([task["way"]])[0]
    started = time.perf_counter()
    report = export(task["source"], task["output"], settings=settings_of({**task["options"], **way.settings}))
    return {
        "wall_s": time.perf_counter() - started,
        "frames": {"total": report.frames.total},
        "cpu_s": time.process_time(),
        "peak_rss_bytes": peak_memory()[0],
    }


def _told(
    task: dict[str, Any],
    job: Job,
    hooks: BenchHooks,
    way: Way,
    report: dict[str, Any],
    wall: float,
    cpu: float,
    base: int,
    python: int | None,
    sampler: Sampler | None,
) -> dict[str, Any]:
    stats, counts = hooks.stats, hooks.counts
    assert stats is not None and counts is not None
    width, height = job.director.size
    stages = {
        name: {
            "busy_s": round(s.busy_s, 4),
            "cpu_s": round(hooks.cpu[name], 4) if name in hooks.cpu else None,
            "wait_in_s": round(s.wait_in_s, 4),
            "wait_out_s": round(s.wait_out_s, 4),
            "frames": s.frames,
        }
        for name, s in stats.stages.items()
    }
    rows = shares({name: {k: v or 0.0 for k, v in s.items()} for name, s in stages.items()}, stats.wall_s)
    null = task["encoder"] == NULL.id
    baseline = hooks.baseline
    swscale = None
    conversions = list(report.get("conversions", ()))
    copies = []
    formats = list(report.get("formats", [asdict(edge) for edge in job.plan.formats]))
    if baseline is not None:
        swscale = swscale_share(
            wall_s=hooks.swscale.wall_s,
            cpu_s=hooks.swscale.cpu_s,
            calls=hooks.swscale.calls,
            run_wall_s=stats.wall_s,
            run_cpu_s=cpu,
            stages={name: {k: v or 0.0 for k, v in s.items()} for name, s in stages.items()},
            null=null,
        )
        copies.append({"what": "read-back", "frames": baseline.copies, "bytes": baseline.readback_bytes})
        conversions += _conversions(hooks)
        for edge in formats:
            if edge["edge"] == "compose->encode":
                edge |= {"format": "rgba", "matrix": "rgb", "range": "full", "by": "baseline compositor"}
            elif edge["edge"] == "encoded":
                edge["format"] = "nv12"
    ring = _on_gpu(hooks, job, null, conversions, copies)
    peak, method = peak_memory()
    output = Path(task["output"])
    return {
        "wall_s": round(wall, 4),
        "cpu_s": round(time.process_time(), 4),  # with the interpreter's start: the whole process
        "run_cpu_s": round(cpu, 4),
        "pipeline_s": round(stats.wall_s, 4),
        "peak_rss_bytes": peak,
        "size_bytes": 0 if null else output.stat().st_size,
        "width": width,
        "height": height,
        "fps": float(job.director.fps),
        "frames": asdict(counts),
        "stages": stages,
        "memory": counted_memory(
            job,
            stats.channels,
            peak=peak,
            method=method,
            base=base,
            readback=ring if baseline is None else width * height * 4,
            encodes=not null,
            python=python,
        ),
        "profile": {
            "limiting": limiting(rows),
            "sentence": sentence(rows),
            "stages": rows,
            "swscale": swscale,
            "samples": None
            if sampler is None
            else [{"stage": s, "where": w, "share": round(n, 4)} for s, w, n in sampler.places()],
        },
        "series": asdict(hooks.series.thinned(SAMPLES)),
        "formats": formats,
        "conversions": conversions,
        "copies": copies,
        "buffers": report.get("buffers", {"rendered": job.buffers.rendered, "bytes": job.buffers.bytes}),
        "fallbacks": [asdict(each) for each in job.fallbacks],
        "not_drawn": [*job.plan.not_drawn, *(() if baseline is None else baseline.not_drawn)],
    }


def _on_gpu(
    hooks: BenchHooks, job: Job, null: bool, conversions: list[dict[str, Any]], copies: list[dict[str, Any]]
) -> int:
    """Add what the GPU drew and converted; returns the bytes of its read-back ring."""
    if hooks.gpu is None:
        return 0
    traffic = hooks.gpu.traffic
    read_back, frames = traffic.read_back, traffic.frames
    if hooks.twice is not None:
        read_back, frames = read_back + hooks.twice.read_back, frames + hooks.twice.calls
        again = {"target": "nv12 bt709 limited", "by": "gpu, a second device", "frames": hooks.twice.calls}
        conversions[:] = [{**each, **again} for each in _planned(job)]
    elif null and hooks.converting is not None:  # there is no report to take them from
        conversions[:] = [{**each, "frames": hooks.converting.conversions} for each in _planned(job)]
    copies.append({"what": "read-back", "frames": frames, "bytes": read_back})
    width, height = job.director.size
    return RING_DEPTH * width * height * (4 if job.ways.renderer.output != "nv12" else 2)


def _planned(job: Job) -> list[dict[str, Any]]:
    return [asdict(each) for each in job.plan.conversions if each.edge == "compose->encode"]


def _conversions(hooks: BenchHooks) -> list[dict[str, Any]]:
    assert hooks.baseline is not None
    return [
        {
            "edge": "decode->compose",
            "source": "yuv420p bt709 limited",
            "target": "rgba",
            "by": "swscale",
            "reason": "the baseline composes in RGBA; the seed does this in its shader",
            "frames": hooks.baseline.converter.calls,
        },
        {
            "edge": "compose->encode",
            "source": "rgba",
            "target": "nv12 bt709 limited",
            "by": "swscale",
            "reason": "the encoder takes NV12",
            "frames": hooks.swscale.calls,
        },
    ]


def main(arguments: list[str]) -> int:
    """Entry point."""
    task = json.loads(arguments[0])
    if task.get("do") == "quality":
        from reelpress.bench.judge import judge

        result = judge(task)
    else:
        result = measure(task)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
