"""The GPU compositor by itself: the demo's look at 1080p60 and 4K30, against a bare loop in the same run, as JSON.

    python benchmarks/gpu.py [--software] [--frames N] [--runs N] [--size 1080p:60] [--out FILE]

Frames are in memory before anything is measured. The bare loop uploads the same pictures, runs one pass that does
nothing but write them as NV12, and reads that back through the same ring: what any compositor of this kind costs at
least. It uploads every picture, the compositor only those that changed. They take turns; their ratio is of pairs.

"thread" is all processor time of the composing thread; "python" is what is left of it without the time inside of
wgpu's library (buffers, uploads, recording, submitting, polling, mapping) and of the copy out of the mapped buffer.

``gpu_export.py`` adds whole exports: with an encoder that costs nothing, NV12 before the read-back against RGBA and
swscale after it, and to H.264 against x264 alone. Without --software only a real adapter is taken.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from common import CACHE, ROOT, write
from gpu_export import figures, whole

DEMO = ROOT / "examples" / "demo.cap"
SIZES = (("1080p", Fraction(60)), ("4k", Fraction(30)))
GOALS = {"1080p": (700.0, 2.0), "4k": (280.0, 2.5)}
"""Issue 6: frames a second of composing, and how many times as fast NV12 before the read-back is. At all sizes: 0.8 of
the bare loop, 0.9 of x264 alone, 0.6 ms of Python a frame."""

BARE = """
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<uniform> size: vec4<u32>;  // out width, out height, source width, source height

fn sample(at: u32) -> u32 { return extractBits(source[at / 4u], (at % 4u) * 8u, 8u); }

@compute @workgroup_size(8, 8)
fn nv12(@builtin(global_invocation_id) id: vec3<u32>) {
    let words = size.x / 4u;
    if (id.x >= words || id.y >= size.y / 2u) { return; }
    for (var row = 0u; row < 2u; row++) {
        let y = (2u * id.y + row) * size.w / size.y;
        var word = 0u;
        for (var k = 0u; k < 4u; k++) {
            word = insertBits(word, sample(y * size.z + (4u * id.x + k) * size.z / size.x), k * 8u, 8u);
        }
        out[(2u * id.y + row) * words + id.x] = word;
    }
    let half = vec2(size.z / 2u, size.w / 2u);
    let y = id.y * half.y / (size.y / 2u);
    var word = 0u;
    for (var k = 0u; k < 2u; k++) {
        let at = size.z * size.w + y * half.x + (2u * id.x + k) * half.x / (size.x / 2u);
        word = insertBits(word, sample(at), 16u * k, 8u);
        word = insertBits(word, sample(at + half.x * half.y), 16u * k + 8u, 8u);
    }
    out[size.y * words + id.y * words + id.x] = word;
}
"""


def project() -> Path:
    """The demo's look, zooms included, apart from the demo."""
    CACHE.mkdir(parents=True, exist_ok=True)
    file = CACHE / "gpu.json"
    file.write_text((DEMO / "project-config.json").read_text(encoding="utf-8"), encoding="utf-8")
    return file


def frames_of(resolution: str, fps: Fraction, count: int) -> tuple[list[Any], list[dict[str, Any]]]:
    """Plans around the demo's zoom, and the pictures of each, in memory. No two frames share a plan."""
    from reelpress.export.prepare import prepare
    from reelpress.export.settings import ExportSettings
    from reelpress.export.sources import SourcePool

    settings = ExportSettings(
        resolution=resolution, fps=fps, project=project(), start=Fraction(4), renderer="cpu", decoder="software"
    )
    with prepare(DEMO, None, settings) as job:
        plans = [job.director.plan(n) for n in range(min(count, job.director.frames))]
        pools: dict[str, Any] = {}
        pictures = []
        for plan in plans:
            found = {}
            for each in plan.pictures():
                pool = pools.setdefault(each.source, SourcePool(job.recording, threads=4))
                found[each.source] = pool.planes(each.source, each.frame)
            pictures.append(found)
        for pool in pools.values():
            pool.close()
    return plans, pictures


class Look:
    """The compositor, driven as an export drives it.

    Args:
        whole: Draw every frame whole; what changes little costs less.
    """

    def __init__(self, gpu: Any, plans: list[Any], pictures: list[dict[str, Any]], *, whole: bool) -> None:
        self._gpu, self._plans, self._pictures, self._whole = gpu, plans, pictures, whole
        self.fps: list[float] = []
        self.thread_ms: list[float] = []
        self.read = self.sent = 0

    def run(self) -> None:
        """All frames by one compositor, which compiles the shaders, and by a new one. That counts after two frames: the
        first and the last show what is made once and kept (the background), and nothing of what moves in between."""
        count = len(self._plans) - 1
        for warm in (True, False):
            compositor = self._opened()
            compositor.compose(self._plans[-1], self._pictures[-1], None)
            last = compositor.compose(self._plans[0], self._pictures[0], None)
            read, sent = compositor.read_back, compositor.uploaded
            begin, cpu = time.perf_counter(), time.thread_time()
            for plan, found in zip(self._plans[1:], self._pictures[1:], strict=True):
                compositor.begin(plan, found, None if self._whole else last)
                if compositor.in_flight == compositor.depth:
                    last = compositor.finish(30.0)
            while compositor.in_flight:
                last = compositor.finish(30.0)
            if not warm:
                self.fps.append(count / (time.perf_counter() - begin))
                self.thread_ms.append((time.thread_time() - cpu) / count * 1000)
                self.read = (compositor.read_back - read) // count
                self.sent = (compositor.uploaded - sent) // count
            compositor.close()

    def _opened(self) -> Any:
        from reelpress.compose.gpu.compositor import GpuCompositor
        from reelpress.pipeline.helper import Helper

        return GpuCompositor(gpu=self._gpu, beside=Helper("read-back"))


def compared(gpu: Any, size: tuple[int, int], plans: list[Any], pictures: list[dict[str, Any]], runs: int) -> Any:
    """The compositor's figures and the bare loop's. They take turns: what else the machine does meets both."""
    whole, real = Look(gpu, plans, pictures, whole=True), Look(gpu, plans, pictures, whole=False)
    plain = Bare(gpu, size, pictures)
    for run in range(runs):
        for each in (whole, plain, real) if run % 2 else (plain, whole, real):
            each.run()
    plain.close()
    return {
        "compositor": {
            "whole_fps": figures(whole.fps),
            "whole_thread_ms": round(statistics.median(whole.thread_ms), 3),
            "as_exported_fps": figures(real.fps),
            "as_exported_thread_ms": round(statistics.median(real.thread_ms), 3),
            "read_back_bytes_a_frame": real.read,
            "uploaded_bytes_a_frame": real.sent,
            **python_time(gpu, plans, pictures),
        },
        "bare": {"fps": figures(plain.fps)},
        "of_bare": round(statistics.median(a / b for a, b in zip(whole.fps, plain.fps, strict=True)), 3),
    }


def python_time(gpu: Any, plans: list[Any], pictures: list[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds of Python a frame on the composing thread, every frame drawn whole.

    Measured by a clock around each call that is not Python's own work. The clock itself (0.1 us a call) is in it.
    """
    from reelpress.compose.gpu import compositor as module

    native = [0.0]
    undo: list[tuple[Any, str, Any]] = []
    depth = [0]

    def clocked(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*arguments: Any, **more: Any) -> Any:
            depth[0] += 1
            begin = time.thread_time()
            try:
                return real(*arguments, **more)
            finally:
                depth[0] -= 1
                if not depth[0]:
                    native[0] += time.thread_time() - begin

        undo.append((owner, name, real))
        setattr(owner, name, call)

    from wgpu.backends.wgpu_native import _api as api

    # C functions that are called straight (compose/gpu/calls.py): what is recorded in a loop of ours counts as ours.
    direct = gpu._calls.functions if gpu._calls is not None else {}
    kept = dict(direct)

    def straight(real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            depth[0] += 1
            begin = time.thread_time()
            try:
                return real(*arguments)
            finally:
                depth[0] -= 1
                if not depth[0]:
                    native[0] += time.thread_time() - begin

        return call

    direct.update({name: straight(real) for name, real in kept.items()})
    for owner, names in (
        (api.GPUQueue, ("write_buffer", "submit")),
        (
            api.GPUDevice,
            ("_poll", "create_buffer", "create_command_encoder", "create_bind_group", "create_pipeline_layout"),
        ),
        (api.GPUCommandEncoder, ("begin_compute_pass", "copy_buffer_to_buffer", "finish")),
        (api.GPUComputePassEncoder, ("set_pipeline", "set_bind_group", "dispatch_workgroups", "end")),
        (api.GPUBuffer, ("map_async", "read_mapped", "unmap")),
        (module.GpuCompositor, ("_taken",)),
    ):
        for name in names:
            if hasattr(owner, name):
                clocked(owner, name)
    try:
        compositor = module.GpuCompositor(gpu=gpu)
        for n in (-1, 0):
            compositor.compose(plans[n], pictures[n], None)
        native[0], begin = 0.0, time.thread_time()
        for plan, found in zip(plans[1:], pictures[1:], strict=True):
            compositor.begin(plan, found, None)
            if compositor.in_flight == compositor.depth:
                compositor.finish(30.0)
        while compositor.in_flight:
            compositor.finish(30.0)
        total = time.thread_time() - begin
        compositor.close()
    finally:
        direct.update(kept)
        for owner, name, real in reversed(undo):
            setattr(owner, name, real)
    return {
        "python_ms": round((total - native[0]) / (len(plans) - 1) * 1000, 3),
        "native_ms": round(native[0] / (len(plans) - 1) * 1000, 3),
    }


class Bare:
    """Upload, one NV12 pass, read-back, and nothing else; the same ring, the same pictures, the same depth."""

    def __init__(self, gpu: Any, size: tuple[int, int], pictures: list[dict[str, Any]]) -> None:
        import numpy as np

        device = gpu.device
        shader = device.create_shader_module(code=BARE)
        self._gpu, self._size = gpu, size
        self._pipeline = device.create_compute_pipeline(
            layout="auto", compute={"module": shader, "entry_point": "nv12"}
        )
        self._flat = [np.concatenate([plane.reshape(-1) for plane in found["display:0"].planes]) for found in pictures]
        display = pictures[0]["display:0"]
        width, height = size
        self._total = width * height * 3 // 2
        self._source = gpu.buffer(max(len(each) for each in self._flat), "STORAGE|COPY_DST", "benchmark")
        self._out = gpu.buffer(self._total, "STORAGE|COPY_SRC", "benchmark")
        self._told = gpu.buffer(16, "UNIFORM|COPY_DST", "benchmark")
        gpu.queue.write_buffer(self._told, 0, np.array([width, height, display.width, display.height], np.uint32))
        self._group = device.create_bind_group(
            layout=self._pipeline.get_bind_group_layout(0),
            entries=[
                {"binding": n, "resource": {"buffer": b, "offset": 0, "size": b.size}}
                for n, b in enumerate((self._source, self._out, self._told))
            ],
        )
        self._target = np.empty(self._total, np.uint8)
        self.fps: list[float] = []

    def run(self) -> None:
        """All frames twice; the second time counts."""
        import numpy as np

        from reelpress.compose.gpu.ring import ReadbackRing

        gpu, total = self._gpu, self._total
        width, height = self._size
        ring = ReadbackRing(gpu, total)
        tickets: list[Any] = []

        def take() -> None:
            ticket = tickets.pop(0)
            self._target[:] = np.frombuffer(ticket.read(30.0), np.uint8)[:total]
            ticket.release()

        for warm in (True, False):
            begin = time.perf_counter()
            for data in self._flat:
                gpu.queue.write_buffer(self._source, 0, data)
                encoder = gpu.device.create_command_encoder()
                work = encoder.begin_compute_pass()
                work.set_pipeline(self._pipeline)
                work.set_bind_group(0, self._group)
                work.dispatch_workgroups(-(-width // 32), -(-height // 16))
                work.end()
                tickets.append(ring.start(encoder, self._out, total))
                gpu.submit(encoder, "benchmark")
                tickets[-1].map()
                if len(tickets) == ring.depth:
                    take()
            while tickets:
                take()
            if not warm:
                self.fps.append(len(self._flat) / (time.perf_counter() - begin))
        ring.close()

    def close(self) -> None:
        for each in (self._source, self._out, self._told):
            self._gpu.drop(each)


def measured(gpu: Any, sizes: list[tuple[str, Fraction]], frames: int, export_frames: int, runs: int) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for resolution, fps in sizes:
        begin = time.perf_counter()
        plans, pictures = frames_of(resolution, fps, frames)
        size = plans[0].size
        goal, ratio = GOALS.get(resolution, (None, None))
        row = {
            "frames": len(plans),
            "size": list(size),
            "fps": float(fps),
            **compared(gpu, size, plans, pictures, runs),
        }
        del plans, pictures
        if export_frames:
            # half as many at 4K: under 200 s in all on 16 cores and an H100
            count = export_frames // 2 if resolution == "4k" else export_frames
            row |= whole(DEMO, project(), resolution, fps, count, max(1, (runs + 1) // 2))
        row["goals"] = {"fps": goal, "of_bare": 0.8, "nv12_of_rgba_swscale": ratio, "of_x264_alone": 0.9,
                        "python_ms": 0.6}  # fmt: skip
        row["took_s"] = round(time.perf_counter() - begin, 1)
        rows[resolution] = row
        print(resolution, json.dumps(row), flush=True)
    return rows


def size_of(text: str) -> tuple[str, Fraction]:
    """``1080p:60``, ``320x180:30``."""
    resolution, _, fps = text.rpartition(":")
    return resolution, Fraction(fps)


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of the GPU compositor, and of whole exports with it.")
    parser.add_argument("--software", action="store_true", help="also on a software adapter")
    parser.add_argument("--frames", type=int, default=240, help="held in memory for composing alone")
    parser.add_argument(
        "--export-frames", type=int, default=480, help="of each whole export, at 4K half of them; 0: none"
    )
    parser.add_argument("--runs", type=int, default=5, help="of composing; whole exports run half as often")
    parser.add_argument("--size", type=size_of, action="append", help="RESOLUTION:FPS; default 1080p:60 and 4k:30")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    from reelpress.compose.gpu.device import shared

    gpu = shared(allow_software=options.software)
    rows = {"adapter": f"{gpu.info.name}, {gpu.info.kind}, {gpu.info.backend}, {gpu.info.driver}"}
    rows |= measured(gpu, options.size or list(SIZES), options.frames, options.export_frames, options.runs)
    write("gpu", "python " + " ".join(["benchmarks/gpu.py", *told(sys.argv[1:])]), rows, options.out)


def told(arguments: list[str]) -> list[str]:
    """The arguments without the place of the result."""
    kept = []
    skip = False
    for each in arguments:
        if skip or each.startswith("--out="):
            skip = False
            continue
        skip = each == "--out"
        if not skip:
            kept.append(each)
    return kept


if __name__ == "__main__":
    main()
