"""Pixel format conversion on the GPU: one compute pass on the process's shared device.

For pictures that are in the CPU's memory: they are uploaded, converted and read back, which pays only where the CPU is
the bottleneck (``benchmarks/convert.py``). What the GPU has drawn is not sent through here: the compositor writes NV12
itself (design 6.5).

The rows of the GPU's result are whole 32-bit words, so no two invocations share one: a row of luma of width w takes
4 ceil(w / 4) bytes there, one of chroma as many, and the bytes beyond the width repeat the edge. Only the picture's own
bytes are copied out of it, once, into the memory of the result.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import ColorSpec, Matrix, Siting, quantisation, rgb_to_ycc, ycc_to_rgb
from reelpress.compose.gpu.device import Gpu, shared
from reelpress.compose.gpu.errors import GpuError, GpuUnavailable
from reelpress.compose.gpu.ring import MIN_DEPTH, ReadbackRing, Ticket
from reelpress.convert.base import (
    P010,
    PACKED_FORMATS,
    RGB_FORMATS,
    accepted,
    canonical,
    check_pair,
    chroma_columns,
    chroma_rows,
    plane_rows,
    row_bytes,
)
from reelpress.errors import FormatError
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate

if TYPE_CHECKING:
    from reelpress.media.planes import Plane

TARGETS = ("rgba", "bgra", "nv12")

JOBS_KEPT = 6
"""Kinds of conversions (formats, size, strides, colours) whose parameters stay on the GPU."""

FIRST_DEADLINE_S, DEADLINE_S = 30.0, 5.0
"""For the first picture of a kind, whose shader is compiled meanwhile, and for any other."""

_KIND = {"nv12": 1, "yuv420p": 2, "yuyv422": 3, "uyvy422": 3, P010: 4}
_PLACES = {"rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3), "argb": (1, 2, 3, 0), "yuyv422": (0, 1, 3), "uyvy422": (1, 0, 2)}


@dataclass(slots=True)
class _Job:
    """Everything that stays the same from picture to picture."""

    key: tuple[object, ...]
    pipeline: Any
    groups: tuple[int, int]
    uniforms: Any
    sizes: tuple[int, int]
    """Bytes of the source and of the result."""
    starts: tuple[int, ...]
    """Byte of the source buffer at which each plane begins."""
    strides: tuple[int, ...]
    """Bytes from row to row of the result's planes."""
    bindings: Any = None
    generation: int = -1
    fresh: bool = True


@dataclass(slots=True)
class Pending:
    """A conversion that was begun."""

    job: _Job
    ticket: Ticket
    source: Planes
    target: str
    color: ColorSpec


class GpuConverter:
    """Any of the formats to RGBA, BGRA and NV12. One thread, the device's.

    ``convert`` waits for the picture; :meth:`start` and :meth:`finish` keep up to three on the way.
    """

    name = "gpu"

    def __init__(self, gpu: Gpu | None = None, *, allow_software: bool = False) -> None:
        """Open nothing yet.

        Args:
            gpu: A device; default is the process's shared one, taken at first use.
            allow_software: As in :func:`reelpress.compose.gpu.device.shared`.
        """
        self._gpu = gpu
        self._allow_software = allow_software
        self._unavailable: str | None = None
        self._jobs: OrderedDict[tuple[object, ...], _Job] = OrderedDict()
        self._pipelines: dict[tuple[object, ...], Any] = {}
        self._source: Any = None
        self._result: Any = None
        self._generation = 0
        self._ring: ReadbackRing | None = None
        self._rings: list[ReadbackRing] = []
        self.bytes_uploaded = 0
        self.bytes_read = 0

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        """See :class:`reelpress.convert.base.Converter`. The first call opens the device."""
        reason = check_pair(source, target, width, height)
        if reason is not None:
            return reason
        if canonical(target) not in TARGETS:
            return f"The GPU converts to {', '.join(TARGETS)}, not to {target}."
        try:
            gpu = self._device()
        except GpuUnavailable as error:
            return error.reason
        if gpu.lost is not None:
            return f"The GPU's device was lost: {gpu.lost}."
        largest = max(_bytes(source, width, height), _bytes(target, width, height))
        if largest > gpu.info.max_buffer_bytes:
            return (
                f"A picture of {width}x{height} takes {largest} bytes; {gpu.info.name} shows its shaders "
                f"{gpu.info.max_buffer_bytes} at once."
            )
        return None

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """See :class:`reelpress.convert.base.Converter`.

        Raises:
            GpuError: The device failed; the converter may be tried again unless it is lost.
        """
        return self.finish(self.start(planes, target, color))

    def start(self, planes: Planes, target: str, color: ColorSpec) -> Pending:
        """Upload a picture and have it converted. Waits for nothing; the source may be reused at once.

        Raises:
            FormatError: As :meth:`convert`.
            RingFull: Three are on the way already.
            GpuError: The device failed.
        """
        try:
            source, target = accepted(self, planes, target, color)
        except FormatError:
            # A device that is missing or lost is no fault of the picture's.
            self._device().check("converting a picture")
            raise
        gpu = self._device()
        views = [_readable(p, words=source in RGB_FORMATS) for p in planes.planes]
        job = self._job(planes, source, target, color, views)
        ring = self._memory(job)
        with gpu.errors("uploading a picture"):
            for view, start in zip(views, job.starts, strict=True):
                self._upload(_flat(view), start)
        with gpu.errors("converting a picture"):
            encoder = gpu.device.create_command_encoder()
            run = encoder.begin_compute_pass()
            run.set_pipeline(job.pipeline)
            run.set_bind_group(0, job.bindings)
            run.dispatch_workgroups(*job.groups)
            run.end()
        ticket = ring.start(encoder, self._result, job.sizes[1])
        try:
            gpu.submit(encoder, "converting a picture")
            ticket.map()
        except BaseException:
            ticket.release()
            raise
        return Pending(job, ticket, planes, target, color)

    def finish(self, pending: Pending) -> Planes:
        """The picture of an earlier :meth:`start`; call it in the same order.

        Raises:
            GpuError: It did not come; it is gone.
        """
        job, source = pending.job, pending.source
        try:
            deadline = FIRST_DEADLINE_S if job.fresh else DEADLINE_S
            memory = np.frombuffer(pending.ticket.read(deadline), np.uint8)
            job.fresh = False
            out = _result(pending.target, source.width, source.height, pending.color)
            at = 0
            for view, stride in zip(out.planes, job.strides, strict=True):
                rows, used = view.shape
                np.copyto(view, memory[at : at + rows * stride].reshape(rows, stride)[:, :used])
                at += rows * stride
            del memory
        finally:
            pending.ticket.release()
            self._close_old_rings()
        self.bytes_read += job.sizes[1]
        out.pts, out.time_base = source.pts, source.time_base
        return out

    def close(self) -> None:
        """Give back all buffers. The shared device stays: others use it."""
        gpu = self._gpu
        for ring in (*self._rings, *([self._ring] if self._ring is not None else [])):
            ring.close()
        self._rings.clear()
        self._ring = None
        if gpu is not None:
            for job in self._jobs.values():
                gpu.drop(job.uniforms)
            for buffer in (self._source, self._result):
                if buffer is not None:
                    gpu.drop(buffer)
        self._source = self._result = None
        self._jobs.clear()
        self._pipelines.clear()

    def _device(self) -> Gpu:
        if self._unavailable is not None:
            raise GpuUnavailable(self._unavailable)
        if self._gpu is None:
            try:
                self._gpu = shared(allow_software=self._allow_software)
            except GpuUnavailable as error:
                self._unavailable = error.reason
                raise
        return self._gpu

    def _upload(self, data: Plane, start: int) -> None:
        queue = self._device().queue
        whole = data.size // 4 * 4  # WebGPU copies whole words
        if whole:
            queue.write_buffer(self._source, start, data[:whole])
        if whole < data.size:
            queue.write_buffer(self._source, start + whole, data[whole:].tobytes().ljust(4, b"\0"))
        self.bytes_uploaded += data.size

    def _memory(self, job: _Job) -> ReadbackRing:
        """Buffers that are large enough for a job, bound to it. They only grow."""
        gpu = self._device()
        source, result = job.sizes
        if self._source is None or self._source.size < source:
            if self._source is not None:
                gpu.drop(self._source)
                self._source = None
            self._source = gpu.buffer(source, "STORAGE|COPY_DST", "making room for a picture to convert")
            self._generation += 1
        if self._result is None or self._result.size < result:
            if self._result is not None:
                gpu.drop(self._result)
                self._result = None
            self._result = gpu.buffer(result, "STORAGE|COPY_SRC|COPY_DST", "making room for a converted picture")
            self._generation += 1
        if self._ring is None or self._ring.size_bytes < result:
            if self._ring is not None:
                self._rings.append(self._ring)
                self._ring = None
                self._close_old_rings()
            self._ring = ReadbackRing(gpu, result, MIN_DEPTH)
        if job.generation != self._generation:
            with gpu.errors("binding the buffers of a conversion"):
                job.bindings = gpu.device.create_bind_group(
                    layout=job.pipeline.get_bind_group_layout(0),
                    entries=[
                        {"binding": at, "resource": {"buffer": buffer, "offset": 0, "size": size}}
                        for at, (buffer, size) in enumerate(
                            ((job.uniforms, _PARAMS), (self._source, source), (self._result, result))
                        )
                    ],
                )
            job.generation = self._generation
        return self._ring

    def _close_old_rings(self) -> None:
        for ring in [r for r in self._rings if not r.in_flight]:
            ring.close()
            self._rings.remove(ring)

    def _job(self, planes: Planes, source: str, target: str, color: ColorSpec, views: list[Plane]) -> _Job:
        strides = tuple(int(v.strides[0]) for v in views)
        width, height = planes.width, planes.height
        key = (source, target, width, height, strides, planes.color, color)
        job = self._jobs.pop(key, None)
        if job is None:
            job = self._make_job(key, planes, source, target, color, strides)
            if len(self._jobs) >= JOBS_KEPT:
                self._device().drop(self._jobs.popitem(last=False)[1].uniforms)
        self._jobs[key] = job
        return job

    def _make_job(
        self,
        key: tuple[object, ...],
        planes: Planes,
        source: str,
        target: str,
        color: ColorSpec,
        strides: tuple[int, ...],
    ) -> _Job:
        gpu = self._device()
        width, height = planes.width, planes.height
        starts, end = [], 0
        for rows, used, stride in zip(plane_rows(source, height), row_bytes(source, width), strides, strict=True):
            starts.append(end)
            end += _words(stride * (rows - 1) + used) * 4
        if target == "nv12":
            words = _words(width)
            made = (words, words, words * height, 0)
            made_bytes = 4 * words * (height + chroma_rows(height))
            out_strides: tuple[int, ...] = (4 * words, 4 * words)
            groups = (-(-words // 8), -(-chroma_rows(height) // 8))
        else:
            made = (width, 0, 0, 0)
            made_bytes = 4 * width * height
            out_strides = (4 * width,)
            groups = (-(-width // 16), -(-height // 8))
        largest = max(end, made_bytes)
        if largest > gpu.info.max_buffer_bytes:
            raise FormatError(
                f"{planes!r} with rows of {strides} bytes takes {largest} bytes; {gpu.info.name} shows its shaders "
                f"{gpu.info.max_buffer_bytes} at once."
            )
        rows_of_chroma = height if source in PACKED_FORMATS else chroma_rows(height)
        integers = np.array(
            [
                (width, height, chroma_columns(width), rows_of_chroma),
                (strides + (0,) * 4)[:4],
                (tuple(starts) + (0,) * 4)[:4],
                made,
            ],
            np.uint32,
        )
        floats = np.array(_matrix(source, planes.color, target, color), np.float32)
        pipeline = self._pipeline(source, planes.color, target, color)
        uniforms = gpu.buffer(_PARAMS, "UNIFORM|COPY_DST", "keeping the parameters of a conversion")
        with gpu.errors("keeping the parameters of a conversion"):
            gpu.queue.write_buffer(uniforms, 0, integers.tobytes() + floats.tobytes())
        return _Job(key, pipeline, groups, uniforms, (end, made_bytes), tuple(starts), out_strides)

    def _pipeline(self, source: str, source_color: ColorSpec, target: str, color: ColorSpec) -> Any:
        rgb = target in RGB_FORMATS
        centers = (source_color.siting is Siting.CENTER, color.siting is Siting.CENTER)
        luma_alone = source_color.matrix is color.matrix
        key = (source, target, *centers, luma_alone)
        if key not in self._pipelines:
            gpu = self._device()
            places = _PLACES.get(source, ())
            constants: dict[str, float] = {f"AT{n}": at for n, at in enumerate(places)}
            constants |= {"SOURCE": _KIND.get(source, 0), "SOURCE_CENTER": centers[0]}
            if rgb:
                constants["SWAPPED"] = target == "bgra"
            else:
                constants |= {"TARGET_CENTER": centers[1], "LUMA_ALONE": luma_alone}
            with gpu.errors("compiling a conversion's shader"):
                module = gpu.device.create_shader_module(code=shader("to_rgb" if rgb else "to_nv12"))
                self._pipelines[key] = gpu.device.create_compute_pipeline(
                    layout="auto", compute={"module": module, "entry_point": "main", "constants": constants}
                )
        return self._pipelines[key]


_PARAMS = 128
"""Bytes of ``Params`` in common.wgsl."""


@cache
def shader(name: str, store: str = "store") -> str:
    """The text of a conversion's shader: what all share, where results go, and itself."""
    folder = resources.files("reelpress.convert")
    return "\n".join((folder / f"{part}.wgsl").read_text(encoding="utf-8") for part in ("common", store, name))


def _matrix(source: str, source_color: ColorSpec, target: str, color: ColorSpec) -> list[tuple[float, ...]]:
    """``black`` and the three rows of the shader's parameters, in float64."""
    if source in RGB_FORMATS:
        scale, black = (255.0, 255.0, 255.0), (0.0, 0.0, 0.0)
        to_rgb = np.eye(3)
    else:
        ys, yo, cs, co = quantisation(source_color.range, 10 if source == P010 else 8)
        scale, black = (ys, cs, cs), (yo, co, co)
        to_rgb = np.array(ycc_to_rgb(source_color.matrix))
    if target in RGB_FORMATS:
        step, zero = (255.0, 255.0, 255.0), (0.0, 0.0, 0.0)
        whole = to_rgb
    else:
        ys, yo, cs, co = quantisation(color.range)
        step, zero = (ys, cs, cs), (yo, co, co)
        # Within one matrix nothing but the quantisation changes; say so exactly.
        same = source_color.matrix is color.matrix and source_color.matrix is not Matrix.RGB
        whole = np.eye(3) if same else np.array(rgb_to_ycc(color.matrix)) @ to_rgb
    # One division each: ten bits to eight is a quarter exactly, so that halves are halves and round as they should.
    rows = whole * (np.array(step)[:, None] / np.array(scale)[None, :])
    return [(*black, 0.0), *((*(float(v) for v in row), add) for row, add in zip(rows, zero, strict=True))]


def _words(size: int) -> int:
    return -(-size // 4)


def _bytes(format_name: str, width: int, height: int) -> int:
    """Bytes of a picture on the GPU, rows of whole words."""
    rows = zip(plane_rows(format_name, height), row_bytes(format_name, width), strict=True)
    return sum(count * 4 * _words(used) for count, used in rows)


def _readable(plane: Plane, words: bool) -> Plane:
    """The plane itself if its rows lie one after the other in memory, else a copy. RGB rows begin at whole words."""
    stride = int(plane.strides[0])
    if plane.shape[0] == 1:
        stride = int(plane.shape[1])
    fits = plane.strides[1] == 1 and stride >= plane.shape[1] and (not words or stride % 4 == 0)
    # Rows far apart (a narrow part of a wide picture) would upload mostly what is not wanted.
    return plane if fits and stride <= 2 * plane.shape[1] + 256 else np.ascontiguousarray(plane)


def _flat(plane: Plane) -> Plane:
    """The memory from a plane's first byte to its last, padding between rows included. Nothing is copied."""
    rows, used = plane.shape
    size = int(plane.strides[0]) * (rows - 1) + used
    return np.lib.stride_tricks.as_strided(plane, (size,), (1,), writeable=False)


def _result(target: str, width: int, height: int, color: ColorSpec) -> Planes:
    """Memory for a result: NV12 in a frame that an encoder takes as it is, RGB in an array of its own."""
    if target == "nv12":
        return allocate(width, height, "nv12", color)
    pixels = np.empty((height, 4 * width), np.uint8)
    return Planes(target, width, height, (pixels,), color, owner=pixels)


__all__ = ["GpuConverter", "GpuError", "Pending", "shader"]
