"""Quality of an output: against the pictures that were composed for it, in a process of its own.

Each path is judged against its own compositor's pictures, so what is measured is what conversion and encoder lost, and
not how the compositors differ (the baseline's card lies on whole pixels; the GPU's samples are the CPU's within the
contract, not to the bit). The baseline's RGBA is brought to 4:2:0 by swscale's accurate way, which its own conversion
is not. All paths of the GPU are judged against the NV12 that it draws: what an RGBA read-back and a conversion after it
lose is theirs.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import tempfile
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.bench.baseline import BaselineCompositor
from reelpress.bench.paths import Way, chosen_ways
from reelpress.compose.planar import PlanarCompositor
from reelpress.export import stages
from reelpress.export.rendering import open_gpu
from reelpress.export.sources import SourcePool
from reelpress.media.scale import Scaler

if TYPE_CHECKING:
    from collections.abc import Generator

    from reelpress.compose.base import Compositor
    from reelpress.export.job import Job
    from reelpress.media.planes import Planes

LARGEST_SIDE = 960
"""Pixels of the pictures of the worst frame that go into the result."""


def judge(task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """``quality`` of each output, by path.

    Args:
        task: That of the worker, with ``outputs`` (path id and file, all composed by the same compositor), ``every``,
            ``window`` (only so many frames from the start; 0: all) and ``pictures`` (a switch).
    """
    try:
        from reelpress.quality import compare  # noqa: F401
    except ImportError as error:
        reason = f"The comparison is not built in this version of Reelpress ({error})."
        return {id_: {"missing": reason} for id_, _ in task["outputs"]}
    known: dict[str, tuple[str, dict[str, Any]]] = {}
    found: dict[str, dict[str, Any]] = {}
    for id_, output in task["outputs"]:
        digest = hashlib.sha256(Path(output).read_bytes()).hexdigest()
        if digest in known:
            same, quality = known[digest]
            found[id_] = {**quality, "same_as": same, "worst_pictures": None}
        else:
            found[id_] = _judged({**task, "way": id_, "output": output})
            known[digest] = (id_, found[id_])
    return found


def _judged(task: dict[str, Any]) -> dict[str, Any]:
    from reelpress.bench.worker import prepared
    from reelpress.quality.compare import against

    way = chosen_ways([task["way"]])[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelpress-bench-")))
        job = stack.enter_context(prepared(task, way))
        total = job.director.frames
        window = min(total, int(task.get("window") or total))
        pictures = stack.enter_context(closing(composed(job, way)))
        frames: list[Any] = []
        report = against(
            islice(pictures, window),
            task["output"],
            fps=job.director.fps,
            every=int(task.get("every", 1)),
            worst=1,
            end=None if window == total else window / job.director.fps,
            pictures=folder if task.get("pictures") else None,
            on_frame=frames.append,
        )
        return {
            "missing": None,
            "reference": f"the pictures composed for it ({way.composer})",
            "frames": report.compared,
            "every": int(task.get("every", 1)),
            "of_frames": window,
            "same_as": None,
            "psnr_db": _planes(report.psnr, frames, "psnr"),
            "ssim": _planes(report.ssim, frames, "ssim"),
            "xpsnr_db": _planes(report.xpsnr, frames, "xpsnr"),
            "text_region": None
            if report.text is None
            else {"psnr_db": _finite(report.text.psnr), "ssim": _finite(report.text.ssim), "rect": None},
            "per_frame": {
                "frame": [f.frame_a for f in frames],
                "ssim": [_finite(f.ssim.y) for f in frames],
                "psnr_db": [_finite(f.psnr.y) for f in frames],
            },
            "worst_pictures": _worst(report, folder) if task.get("pictures") else None,
        }


def composed(job: Job, way: Way) -> Generator[Planes]:
    """The pictures that an export of ``job`` on this path composes, as yuv420p."""
    director = job.director
    kinds = dict.fromkeys(stages.kind_of(track.key) for track in director.tracks)
    pools = {kind: SourcePool(job.recording, threads=job.buffers.decode_threads) for kind in kinds}
    compositor = _compositor(way)
    scaler = Scaler()
    shown: dict[str, int] = {}
    planes: dict[str, Planes] = {}
    previous = None
    try:
        for index in range(director.frames):
            plan = director.plan(index)
            for picture in stages.fresh(plan, shown):
                planes[picture.source] = pools[stages.kind_of(picture.source)].planes(picture.source, picture.frame)
            for gone in planes.keys() - shown.keys():
                del planes[gone]
            previous = compositor.compose(plan, planes, previous)
            out = previous.planes
            # NV12 only has its chroma in another order: that loses nothing
            yield out if way.composer == "planar" else scaler.scale(out, out.width, out.height, "yuv420p")
    finally:
        compositor.close()
        for pool in pools.values():
            pool.close()


def _compositor(way: Way) -> Compositor:
    if way.composer == "gpu":
        return open_gpu("nv12")
    return BaselineCompositor() if way.rgba else PlanarCompositor()


def _finite(value: float) -> float | None:
    """``None`` is "no difference": JSON has no infinity."""
    return round(value, 5) if math.isfinite(value) else None


def _planes(metric: Any, frames: list[Any], name: str) -> dict[str, Any]:
    worst = min(frames, key=lambda f: getattr(f, name).y, default=None)
    return {
        "y": _finite(metric.mean.y),
        "u": _finite(metric.mean.u),
        "v": _finite(metric.mean.v),
        "worst_frame": None if worst is None else worst.frame_a,
        "worst": None if worst is None else _finite(getattr(worst, name).y),
    }


def _worst(report: Any, folder: Path) -> dict[str, Any] | None:
    """The worst moment's two pictures as data URIs, made smaller where they are large."""
    if not report.worst or not report.worst[0].pictures:
        return None
    found = report.worst[0]
    one, two = (_uri(folder / Path(name).name) for name in found.pictures[:2])
    return {"frame": found.frame_a, "reference": one, "output": two}


def _uri(path: Path) -> str:
    from PIL import Image

    with Image.open(path) as image:
        factor = min(1.0, LARGEST_SIDE / max(image.size))
        small = image.convert("RGB")
        if factor < 1:
            # cut, not made smaller: what an encoder does to letters is not seen in a smaller picture
            width, height = (min(side, LARGEST_SIDE) for side in image.size)
            left, top = (image.width - width) // 2, (image.height - height) // 2
            small = small.crop((left, top, left + width, top + height))
        memory = io.BytesIO()
        small.save(memory, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(memory.getvalue()).decode('ascii')}"


def every_for(frames: int, most: int) -> int:
    """Measure every Nth frame, so that at most ``most`` are."""
    return max(1, -(-frames // most)) if most > 0 else 1
