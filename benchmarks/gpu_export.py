"""Whole exports for benchmarks/gpu.py: with an encoder that costs nothing, and to H.264 against x264 alone.

Every export is a real one (decode, compose, convert, encode, mux) with the benchmark's hooks; timed is its pipeline,
from the start of the first thread to the end of the last, so that neither opening a device nor the probe nor verifying
is in it. Ways take turns (A B B A); ratios are of medians of one run, against x264 of pairs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from reelpress.bench.hooks import BenchHooks
from reelpress.bench.worker import measure
from reelpress.export.prepare import prepare
from reelpress.export.run import run
from reelpress.export.settings import ExportSettings
from reelpress.pipeline import machine

LARGEST_BYTES = 6 << 30
"""Of composed pictures held in memory for x264 alone."""


def figures(values: list[float], digits: int = 1) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), digits),
        "least": round(min(values), digits),
        "most": round(max(values), digits),
    }


def options_of(resolution: str, fps: Fraction, start: float, seconds: float, project: Path) -> dict[str, str]:
    """Export options as the benchmark's worker takes them."""
    return {
        "resolution": resolution,
        "fps": str(fps),
        "start": str(start),
        "end": str(start + seconds),
        "project": str(project),
        "no_audio": "true",
    }


def exported(source: Path, folder: Path, options: dict[str, str], way: str, encoder: str) -> dict[str, Any]:
    """One export on one of the benchmark's paths."""
    target = folder / f"{way}-{encoder}.mp4"
    done = measure({
        "source": str(source), "output": str(target), "options": options, "way": way, "encoder": encoder,
    })  # fmt: skip
    target.unlink(missing_ok=True)
    return done


def row_of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What several runs of one way took."""
    last = runs[-1]
    frames = last["frames"]["total"]
    read = sum(copy["bytes"] for copy in last["copies"] if copy["what"] == "read-back")
    return {
        "fps": figures([frames / run["pipeline_s"] for run in runs]),
        "cpu_ms_a_frame": round(statistics.median(1000 * run["run_cpu_s"] / frames for run in runs), 2),
        "compose_thread_ms_a_frame": round(
            statistics.median(1000 * (run["stages"]["compose"]["cpu_s"] or 0.0) / frames for run in runs), 3
        ),
        "read_back_bytes_a_frame": round(read / frames),
        "conversions": sum(int(each.get("frames", 0)) for each in last["conversions"]),
        "frames": {name: last["frames"][name] for name in ("total", "composed", "patched", "held", "encoded")},
        "limiting": last["profile"]["limiting"],
        "fallbacks": [each for run in runs for each in run["fallbacks"]],
    }


def costs_nothing(source: Path, folder: Path, options: dict[str, str], runs: int) -> dict[str, Any]:
    """NV12 before the read-back against RGBA and swscale after it; nothing is encoded."""
    ways = ("gpu", "gpu-rgba")
    taken: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for n in range(runs + 1):  # the first compiles shaders and fills caches
        for way in ways:
            done = exported(source, folder, options, way, "null")
            if n or not runs:
                taken[way].append(done)
    rows = {way: row_of(found) for way, found in taken.items()}
    ratio = rows["gpu"]["fps"]["median"] / rows["gpu-rgba"]["fps"]["median"]
    return {**rows, "nv12_of_rgba_swscale": round(ratio, 2)}


class Kept(BenchHooks):
    """An export whose composed pictures are kept, and how its encoder was opened."""

    def __init__(self, way: Any) -> None:
        super().__init__(way, null=True, rss=machine.rss)
        self.pictures: list[Any] = []
        self.spec: Any = None

    def encoder_spec(self, spec: Any) -> Any:
        self.spec = super().encoder_spec(spec)
        return self.spec

    def encoder(self, encoder: Any) -> Any:
        import numpy as np

        from reelpress.media.scale import allocate

        inner, pictures = super().encoder(encoder), self.pictures
        last: list[Any] = [None]

        class Keeping:
            def __getattr__(self, name: str) -> Any:
                return getattr(inner, name)

            def encode(self, planes: Any, pts: int, change: Any = None) -> Any:
                if last[0] is planes:
                    pictures.append(pictures[-1])
                else:  # a compositor may draw into its pictures again
                    copy = allocate(planes.width, planes.height, planes.format, planes.color)
                    for view, plane in zip(copy.planes, planes.planes, strict=True):
                        np.copyto(view, plane)
                    pictures.append(copy)
                    last[0] = planes
                return []

        return Keeping()


def kept(source: Path, folder: Path, options: dict[str, str]) -> Kept:
    """The pictures of an export on the GPU, in memory."""
    import contextlib

    from reelpress.bench.hooks import NothingWritten
    from reelpress.bench.paths import chosen_ways
    from reelpress.bench.worker import settings_of

    (way,) = chosen_ways(["gpu"])
    hooks = Kept(way)
    settings: ExportSettings = settings_of({**options, **way.settings})
    with prepare(source, folder / "kept.mp4", settings) as job, contextlib.suppress(NothingWritten):
        run(job, hooks=hooks)
    return hooks


def alone(hooks: Kept, folder: Path) -> float:
    """Frames a second of x264 by itself, opened as in the export and fed from memory; its packets are dropped."""
    from reelpress.encode.open import open_output

    opened = open_output(folder / "alone.mp4", hooks.spec, "encode")
    try:
        begin = time.perf_counter()
        for number, planes in enumerate(hooks.pictures):
            opened.encoder.encode(planes, number)
        opened.encoder.flush()
        return len(hooks.pictures) / (time.perf_counter() - begin)
    finally:
        opened.writer.abort()


def against_x264(source: Path, folder: Path, options: dict[str, str], runs: int) -> dict[str, Any]:
    """Whole exports to H.264 against x264 alone: same pictures, preset, CRF, rate limits and threads."""
    hooks = kept(source, folder, options)
    exports: list[dict[str, Any]] = []
    bare: list[float] = []
    for n in range(max(1, runs)):
        for export in (False, True) if n % 2 else (True, False):  # what else the machine does meets both
            if export:
                exports.append(exported(source, folder, options, "gpu", "x264"))
            else:
                bare.append(alone(hooks, folder))
    row = row_of(exports)
    pairs = [done["frames"]["total"] / done["pipeline_s"] / rate for done, rate in zip(exports, bare, strict=True)]
    spec = hooks.spec
    return {
        "export": row,
        "x264_alone_fps": figures(bare),
        "of_x264_alone": round(statistics.median(pairs), 3),
        "x264": {
            "preset": spec.preset, "crf": spec.crf, "threads": spec.threads, "lookahead": spec.lookahead,
            "maxrate": spec.maxrate, "pixel_format": spec.pixel_format,
        },
    }  # fmt: skip


def whole(source: Path, project: Path, resolution: str, fps: Fraction, frames: int, runs: int) -> dict[str, Any]:
    """Both comparisons at one size. Frames are cut to what memory holds."""
    seconds = frames / float(fps)
    options = options_of(resolution, fps, 4.0, seconds, project)
    with tempfile.TemporaryDirectory(prefix="reelpress-gpu-") as place:
        folder = Path(place)
        rows: dict[str, Any] = {}
        for name, compare in (("null_encoder", costs_nothing), ("h264", against_x264)):
            if name == "h264":
                most = LARGEST_BYTES // (3840 * 2160 * 3 // 2)
                options = options_of(resolution, fps, 4.0, min(frames, most) / float(fps), project)
            try:
                rows[name] = compare(source, folder, options, runs)
            except Exception as error:  # the other figures are kept all the same
                rows[name] = {"error": f"{type(error).__name__}: {error}"}
        return rows
