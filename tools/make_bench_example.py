"""Make tests/bench/example_result.json, which the tests of page, tables and schema read: a real, very small benchmark.

``python tools/make_bench_example.py``: a minute on 2 cores. Its pictures are 320x180 and its figures mean nothing.
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image

from reelpress.bench import paths, peers, runner, scenarios
from reelpress.bench.stored import stored

TARGET = Path(__file__).resolve().parent.parent / "tests" / "bench" / "example_result.json"
IDS = ("1080p-1min", "still")
WAYS = ("baseline", "gpu", "planar", "videotoolbox")
"""Two are left out, so that the page has paths that were not asked for."""
SIDE = 32
"""Pixels of the pictures that stay in it."""


def small(uri: str) -> str:
    """The middle of a picture in a ``data:`` URI."""
    head, _, data = uri.partition(",")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
        memory = io.BytesIO()
        image.crop((left, top, left + SIDE, top + SIDE)).save(memory, "PNG", optimize=True)
    return f"{head},{base64.b64encode(memory.getvalue()).decode('ascii')}"


def main() -> int:
    chosen = [replace(s, width=320, height=180, quick_seconds=0.5) for s in scenarios.chosen(IDS)]
    gone = scenarios.Scenario("given-meeting", "meeting.mp4", 0.0, path=Path("meeting.mp4"))
    with tempfile.TemporaryDirectory() as folder:
        plan = runner.Plan(
            command="python tools/make_bench_example.py",
            scenarios=[*chosen, gone],
            ways=paths.chosen_ways(WAYS),
            encoders=paths.ENCODERS,
            runs=2,
            warmup=0,
            quick=True,
            quality_frames=4,
            extras_only_first=True,
            peers=[*peers.usual()[:1], peers.moviepy("no-such-python")],
            peers_only_first=True,
            self_cost=True,
            sources=Path(folder),
            cuts=["320x180 pictures and half a second: made for tests, not for its figures."],
        )
        result = runner.run(plan, lambda line: print(line, file=sys.stderr))
    for row in result["results"]:
        pictures = (row.get("quality") or {}).get("worst_pictures")
        if pictures:
            pictures |= {name: small(pictures[name]) for name in ("reference", "output")}
    TARGET.write_text(stored(result, TARGET, inline=True), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
