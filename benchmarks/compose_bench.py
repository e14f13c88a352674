"""The planar compositor by itself: wall and processor milliseconds a frame at 1080p, as JSON.

The look at rest and zoomed with a new source picture every frame, new pictures of which little or nothing differs from
the one before, a pointer over a still picture, and nothing changing.
No decoder, no encoder. The baseline is one swscale call on the same picture at the same moment, because processor time
on a busy machine is not what it is on an idle one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from common import facts, spread, write
from reelpress.color import BT709_LIMITED
from reelpress.compose.planar import PlanarCompositor
from reelpress.media.planes import Planes
from reelpress.media.scale import Scaler, allocate
from reelpress.scene.plan.fills import GradientFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Shadow, Shape
from reelpress.scene.plan.rect import Rect
from sources import _planes, page

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (1920, 1080)
KEY = "display:0"
GROUND = BackgroundLayer(GradientFill((0.28, 0.33, 1.0), (1.0, 0.4, 0.77), 135.0))
CENTRE = (0.6, 0.4)
ZOOM_FRAMES = 240
"""From 1 to 2 in four seconds at 60 frames a second."""


def card(frame: int, zoom: float = 1.0) -> PictureLayer:
    """The look: a tenth of padding, round corners, a soft shadow; enlarged as a whole about its centre."""
    x, y = 96 - CENTRE[0] * (zoom - 1) * 1728, 54 - CENTRE[1] * (zoom - 1) * 972
    rect = Rect(x, y, 1728 * zoom, 972 * zoom)
    shadow = Shadow(51 * zoom, 14 * zoom, 0.5)
    return PictureLayer(KEY, frame, Rect(0, 0, *map(float, SIZE)), rect, Shape(rect, 29 * zoom), shadow)


def scrolled(offset: int) -> Planes:
    """A page of text, scrolled down."""
    planes = allocate(*SIZE)
    for view, data, shift in zip(planes.planes, _PAGE, (0, 1, 1), strict=True):
        view[:] = data[offset >> shift : (offset + SIZE[1]) >> shift]
    return planes


_PAGE = _planes(np.asarray(page(SIZE[0], SIZE[1] * 2)))


def typed() -> list[Planes]:
    """Pictures that differ in 54 rows, a twentieth, each time in another place: at 9 places over the page."""
    made = [scrolled(0)]
    for place in range(8):
        planes = allocate(*SIZE)
        for view, last in zip(planes.planes, made[-1].planes, strict=True):
            view[:] = last
        planes.planes[0][60 + 110 * place : 114 + 110 * place, 300:1500] ^= 0x15
        made.append(planes)
    return made + made[-2:0:-1]


def interleaved(planes: Planes) -> Planes:
    y, u, v = planes.planes
    both = np.stack([u, v], axis=-1).reshape(u.shape[0], -1)
    return Planes("nv12", planes.width, planes.height, (y, both), BT709_LIMITED)


def case(plan: Callable[[int], FramePlan], sources: list[Planes], frames: range) -> dict[str, Any]:
    """Milliseconds a frame: the least and the median of blocks of 20, after 4 frames that warm up."""
    compositor, scaler, made = PlanarCompositor(), Scaler(), None
    plans = [plan(n) for n in frames]
    walls, processor, baseline = [], [], []
    for n, one in enumerate(plans[:4]):
        made = compositor.compose(one, {KEY: sources[n % len(sources)]}, made)
    for start in range(4, len(plans) - 19, 20):
        wall, cpu = time.perf_counter(), time.thread_time()
        for n in range(start, start + 20):
            made = compositor.compose(plans[n], {KEY: sources[n % len(sources)]}, made)
        walls.append((time.perf_counter() - wall) * 50)
        processor.append((time.thread_time() - cpu) * 50)
        cpu = time.thread_time()
        for _ in range(3):
            scaler.scale(sources[0], 1728, 972, sources[0].format)
        baseline.append((time.thread_time() - cpu) / 3 * 1000)
    counts = compositor._pictures.resampler.counts
    return {
        "wall_ms": spread(walls),
        "cpu_ms": spread(processor),
        "swscale_cpu_ms": spread(baseline),
        "frames": {name: getattr(compositor, name) for name in ("composed", "patched", "held", "passed")},
        "planes": {"cut": counts.cut, "swscale": counts.scaled, "matrices": counts.multiplied},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store the figures in benchmarks/results")
    options = parser.parse_args()
    pair = [scrolled(0), scrolled(38)]
    with tempfile.TemporaryDirectory() as folder:
        pointer = Path(folder) / "pointer.png"
        Image.new("RGBA", (64, 96), (10, 10, 10, 200)).save(pointer)

        def look(n: int) -> FramePlan:
            return FramePlan(SIZE, (GROUND, card(n)))

        def zooming(n: int) -> FramePlan:
            return FramePlan(SIZE, (GROUND, card(n, 1 + n / ZOOM_FRAMES)))

        def zoomed(n: int) -> FramePlan:
            return FramePlan(SIZE, (GROUND, card(n, 1.8)))

        def pointing(n: int) -> FramePlan:
            rect = Rect(300 + 4.3 * n, 400 + 1.7 * n, 40, 60)
            sprite = SpriteLayer(str(pointer), rect, 1.0, card(0).shape, 64, 96)
            return FramePlan(SIZE, (GROUND, card(0), sprite))

        def still(_: int) -> FramePlan:
            return FramePlan(SIZE, (GROUND, card(0)))

        cases = {
            "rest": case(look, pair, range(104)),
            "rest, equal pictures": case(look, [scrolled(0) for _ in range(3)], range(104)),
            "rest, 5 % of rows changed": case(look, typed(), range(104)),
            "rest, nv12": case(look, [interleaved(p) for p in pair], range(104)),
            "zooming 1 to 2": case(zooming, pair, range(ZOOM_FRAMES + 4)),
            "zoomed 1.8": case(zoomed, pair, range(104)),
            "pointer only": case(pointing, pair[:1] * 2, range(104)),
            "held": case(still, pair[:1] * 2, range(104)),
        }
    data = {"size": SIZE, "cases": cases}
    print(json.dumps({"machine": facts(), **data}))
    if options.write:
        write("compose", "python benchmarks/compose_bench.py --write", data)


if __name__ == "__main__":
    main()
