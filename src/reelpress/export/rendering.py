"""Which compositor an export uses: the GPU's only where two frames of the real export say it is right and faster."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reelpress.compose.gpu.errors import GpuError, GpuWrong
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.resilient import Resilient
from reelpress.compose.transparent import TransparentCompositor
from reelpress.encode.select import Choice
from reelpress.events import Fallback
from reelpress.export.sources import SourcePool
from reelpress.pipeline import machine
from reelpress.pipeline.helper import Helper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reelpress.compose.base import Compositor
    from reelpress.compose.resilient import Swift
    from reelpress.export.settings import ExportSettings
    from reelpress.media.planes import Planes
    from reelpress.recording.model import Recording
    from reelpress.scene.director import Director
    from reelpress.scene.plan.frame import FramePlan

SHORTEST = 240
"""Frames: opening a device and compiling its shaders takes longer than drawing so few on the CPU."""

GAIN = 1.1
"""How many times as fast as the CPU a GPU has to draw, read-back included, to be taken."""

MANY_CORES = 4
"""From here on a second thread is there to copy large pictures; with fewer the encoder has them all."""

LUMA_MEAN, CHROMA_MEAN = 1.2, 1.6
"""Of 255, on average, between what GPU and CPU make of the same frame: twice what the contract allows each of them
against the reference (design 4)."""
FAR, FAR_SHARE = 8, 0.002
"""At most this share of luma samples may be further apart than that: again twice the contract's."""

Output = Literal["yuv420p", "nv12", "rgba", "bgra", "yuva420p"]


@dataclass(frozen=True, slots=True)
class Renderer:
    """The compositor of an export."""

    name: Literal["planar", "gpu"]
    choice: Choice
    output: Output = "yuv420p"
    """What it draws."""
    fallback: Fallback | None = None
    """Where another one was asked for."""

    def make(self) -> Compositor:
        """A new compositor. The GPU's goes on on the CPU at the frame at which it fails."""
        if self.output == "yuva420p":
            return TransparentCompositor()
        if self.name == "planar":
            return PlanarCompositor()
        swift: Swift | GpuError
        try:
            swift = open_gpu(self.output)
        except GpuError as fault:  # it was there for the probe
            swift = fault
        return Resilient(swift, PlanarCompositor)


PLANAR = Choice("planar", "composes in the decoder's and the encoder's own planes, on the CPU")


def on_cpu(settings: ExportSettings, *, alpha: bool, why: str) -> Renderer:
    """The renderer of a format that the GPU's cannot draw for: with ``alpha`` over nothing."""
    reason = "draws over nothing, with alpha, on the CPU" if alpha else PLANAR.reason
    lost = Fallback("renderer", "gpu", "planar", why) if settings.flags.renderer == "gpu" else None
    return Renderer("planar", Choice("planar", reason, (("gpu", why),)), "yuva420p" if alpha else "yuv420p", lost)


def open_gpu(output: str, *, allow_software: bool = True) -> Swift:
    """The GPU's compositor on the device of this process.

    Raises:
        GpuError: There is none.
    """
    from reelpress.compose.gpu.compositor import GpuCompositor
    from reelpress.compose.gpu.device import shared

    gpu = shared(allow_software=allow_software)
    beside = Helper("read-back") if machine.cores() >= MANY_CORES else None
    return GpuCompositor(gpu=gpu, output=output, beside=beside)


def gpu_possible(system: str = sys.platform, root: Path = Path("/")) -> str | None:
    """Why there can be no GPU here, seen without loading a driver (which takes 0.1 s and more); ``None``: there may."""
    if not system.startswith("linux"):
        return None
    for node in ("dev/dri/renderD*", "dev/nvidiactl", "dev/dxg", "dev/kgsl-3d0", "dev/mali0"):
        if next(root.glob(node), None) is not None:
            return None
    return "there is no GPU (no device file of one)"


def choose_renderer(
    director: Director,
    recording: Recording,
    settings: ExportSettings,
    *,
    threads: int,
    opened: Callable[[str], Swift] | None = None,
    possible: Callable[[], str | None] = gpu_possible,
    clock: Callable[[], float] = time.perf_counter,
) -> Renderer:
    """The renderer by ``--renderer``, with the reason.

    ``auto`` takes a real GPU, never a software adapter, when it draws the first two frames as the CPU does, and
    faster. ``gpu`` takes any adapter that draws them right.

    Args:
        director: Of the export.
        recording: Where its pictures are.
        settings: ``renderer`` and ``gpu_format_conversion``.
        threads: Of the decoder.
        opened, possible, clock: For tests.
    """
    output, wanted = output_of(settings), settings.flags.renderer
    if wanted == "cpu":
        return Renderer("planar", Choice("planar", f"asked for with --renderer; {PLANAR.reason}"))
    if wanted == "auto":
        why = possible()
        if why is None and director.frames < SHORTEST:
            why = f"{director.frames} frames are drawn sooner than a GPU is set up"
        if why is not None:
            return Renderer("planar", Choice("planar", PLANAR.reason, (("gpu", why),)))
    try:
        name, ratio = _probed(director, recording, output, wanted == "gpu", threads, opened, clock)
    except GpuError as fault:
        reason = str(fault).rstrip(".")
        lost = Fallback("renderer", "gpu", "planar", reason) if wanted == "gpu" else None
        return Renderer("planar", Choice("planar", PLANAR.reason, (("gpu", reason),)), fallback=lost)
    if wanted == "auto" and ratio < GAIN:
        reason = f"{name} draws a frame in {1 / ratio:.2f} times the CPU's time"
        return Renderer("planar", Choice("planar", PLANAR.reason, (("gpu", reason),)))
    how = (
        "converted to NV12 before it is read back"
        if output == "nv12"
        else f"read back as {output.upper()} ({_why_rgb(settings)})"
    )
    told = f"{name}: the CPU's pictures, {ratio:.1f} times as fast for the second frame; {how}"
    return Renderer("gpu", Choice("gpu", f"asked for with --renderer; {told}" if wanted == "gpu" else told), output)


def output_of(settings: ExportSettings, system: str = sys.platform) -> Output:
    """What a GPU is to draw: NV12, or, where something else converts, what that likes best.

    Apple's converter and encoders take BGRA (its graphics' own order), swscale either. No other system's encoders
    convert, so there NV12 is what is left of that wish.
    """
    flags = settings.flags
    if flags.converter == "encoder" and not system.startswith("darwin"):
        return "nv12"
    if flags.gpu_format_conversion and flags.converter in ("auto", "gpu"):
        return "nv12"
    return "bgra" if flags.converter in ("videotoolbox", "encoder") or system == "darwin" else "rgba"


def _why_rgb(settings: ExportSettings) -> str:
    if settings.flags.converter not in ("auto", "gpu"):
        return f"--converter {settings.flags.converter}"
    return "--no-gpu-format-conversion"


def _probed(
    director: Director,
    recording: Recording,
    output: Output,
    allow_software: bool,
    threads: int,
    opened: Callable[[str], Swift] | None,
    clock: Callable[[], float],
) -> tuple[str, float]:
    """The adapter's name, and how many times as fast as the CPU it drew the second frame.

    Raises:
        GpuError: There is no adapter, it fails, or it draws something else.
    """
    if opened is None:
        name = _adapter(allow_software)
        swift = open_gpu(output, allow_software=allow_software)
    else:
        name, swift = "the GPU", opened(output)
    sure = PlanarCompositor()
    sources = SourcePool(recording, threads=threads, enforce_damage=False)
    times: list[tuple[float, float]] = []
    try:
        missing = swift.capabilities.not_drawn
        if missing:
            raise GpuWrong("being asked what it draws", f"it leaves out {', '.join(missing)}")
        for index in range(min(2, director.frames)):
            plan = director.plan(index)
            pictures = {each.source: sources.planes(each.source, each.frame) for each in plan.pictures()}
            fast, taken = _timed(swift, plan, pictures, clock)
            right, needed = _timed(sure, plan, pictures, clock)
            _compare(fast, right, index)
            times.append((taken, needed))
    finally:
        try:
            swift.close()
        finally:
            sure.close()
            sources.close()
    taken, needed = times[-1]  # the first one compiles shaders and makes what is kept
    return name, needed / max(taken, 1e-9)


def _adapter(allow_software: bool) -> str:
    from reelpress.compose.gpu.device import shared

    info = shared(allow_software=allow_software).info
    return f"{info.name} ({info.kind}, {info.backend})"


def _timed(
    compositor: Compositor, plan: FramePlan, pictures: Mapping[str, Planes], clock: Callable[[], float]
) -> tuple[Planes, float]:
    begin = clock()
    planes = compositor.compose(plan, pictures, None).planes
    return planes, clock() - begin


def _compare(found: Planes, right: Planes, index: int) -> None:
    """Raise GpuWrong where two pictures of one frame are not the same."""
    doing = f"drawing frame {index} of the probe"
    if found.format not in ("nv12", "yuv420p"):
        # RGB ends where light does; YUV keeps what the kernel overshoots around letters. So both go through RGB.
        found, right = _converted(found, "yuv420p"), _converted(_converted(right, found.format), "yuv420p")
    for name, (one, two) in zip(["Y", "Cb", "Cr"], zip(_yuv(found), _yuv(right), strict=True), strict=True):
        if one.shape != two.shape:
            raise GpuWrong(doing, f"{name} has {one.shape[::-1]} samples instead of {two.shape[::-1]}")
        off = np.abs(one.astype(np.int16) - two)
        mean = float(off.mean())
        if mean > (LUMA_MEAN if name == "Y" else CHROMA_MEAN):
            raise GpuWrong(doing, f"{name} is {mean:.1f} of 255 off on average")
        far = float((off > FAR).mean())
        if name == "Y" and far > FAR_SHARE:
            raise GpuWrong(doing, f"{far:.1%} of {name} is more than {FAR} of 255 off")


def _converted(planes: Planes, target: str) -> Planes:
    from reelpress.color import BT709_LIMITED, SRGB
    from reelpress.convert.swscale import SwscaleConverter

    converter = SwscaleConverter()
    try:
        return converter.convert(planes, target, BT709_LIMITED if target == "yuv420p" else SRGB)
    finally:
        converter.close()


def _yuv(planes: Planes) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    if planes.format == "nv12":
        luma, chroma = planes.planes
        pairs = chroma.reshape(chroma.shape[0], -1, 2)
        return [luma, pairs[..., 0], pairs[..., 1]]
    return list(planes.planes)
