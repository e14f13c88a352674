"""Our converters against swscale called alone, in one run: ``python benchmarks/convert.py [--out FILE] [--gate]``.

For every pair and size the ways take turns picture by picture, so that what else the machine does falls on all alike.

- ``swscale alone``: PyAV's ``VideoReformatter`` on a frame with the same flags, and nothing of ours around it.
- ``swscale``: our converter, one thread as well. ``--gate`` fails if it takes more than 1.05 times as long.
- ``swscale plain``: with swscale's default flags, for information. It is faster and has wrong colours (``off_by``).
- ``gpu``: upload, convert, read back, one picture after the other; ``gpu ring``: three on the way.

Ratios are medians of the ratios of neighbours in time. ``off_by`` is the largest and the mean difference from the
float64 reference in codes of 255.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from common import facts, spread
from reelpress.color import BT709_LIMITED, SRGB
from reelpress.compose.gpu.device import GpuUnavailable, shared
from reelpress.convert.base import RGB_FORMATS
from reelpress.convert.gpu import GpuConverter
from reelpress.convert.reference import ReferenceConverter
from reelpress.convert.swscale import SwscaleConverter
from reelpress.media.planes import Planes
from reelpress.media.repack import FLAGS
from reelpress.media.scale import from_frame

SIZES = {"1080p": (1920, 1080), "2160p": (3840, 2160)}
PAIRS = (
    ("bgra", "nv12"),
    ("rgba", "nv12"),
    ("yuyv422", "nv12"),
    ("uyvy422", "nv12"),
    ("nv12", "bgra"),
    ("p010le", "bgra"),
)
LIMIT = 1.05
"""Issue 7: our way at most so many times as long as swscale called alone."""

Way = Callable[[], Planes | None]


def picture(format_name: str, width: int, height: int) -> Planes:
    """A desktop-like picture: ramps, flat parts and fine stripes, within every format's legal codes."""
    y, x = np.mgrid[0:height, 0:width]
    grey = (32 + (x * 160 // width) + ((x // 7 + y // 5) % 2) * 24).astype(np.uint8)
    pixels = np.stack([grey, 255 - grey, np.full_like(grey, 96), np.full_like(grey, 255)], -1)
    frame = VideoFrame(width, height, "bgra")
    source = from_frame(frame, SRGB)
    source.planes[0][:] = pixels.reshape(height, -1)
    if format_name in RGB_FORMATS:
        return SwscaleConverter().convert(source, format_name, SRGB) if format_name != "bgra" else source
    made = from_frame(VideoFrame(width, height, format_name), BT709_LIMITED)
    as_yuv = ReferenceConverter().convert(source, "nv12" if format_name == "p010le" else format_name, BT709_LIMITED)
    for view, plane in zip(made.planes, as_yuv.planes, strict=True):
        view[:] = plane if format_name != "p010le" else (plane.astype("<u2") << 8).view(np.uint8).reshape(view.shape)
    return made


def alone(source: Planes, target: str, flags: Interpolation) -> Way:
    """swscale with nothing around it: even the chroma label of the frame is left out."""
    reformatter = VideoReformatter()
    frame = source.owner
    assert isinstance(frame, VideoFrame)
    rgb_source, rgb_target = source.format in RGB_FORMATS, target in RGB_FORMATS

    def way() -> Planes | None:
        made = reformatter.reformat(
            frame,
            format=target,
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if rgb_source else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if rgb_target else ColorRange.MPEG,
            interpolation=flags,
            threads=1,
        )
        return from_frame(made, SRGB if rgb_target else BT709_LIMITED)

    return way


def ring(converter: GpuConverter, source: Planes, target: str) -> Way:
    """Gives the picture of the call before the last one: three are on the way."""
    color = SRGB if target in RGB_FORMATS else BT709_LIMITED
    pending: list[Any] = []

    def way() -> Planes | None:
        pending.append(converter.start(source, target, color))
        return converter.finish(pending.pop(0)) if len(pending) == 3 else None

    return way


def compare(source: Planes, target: str, rounds: int, gpu: bool) -> dict[str, Any]:
    """All ways of one pair at one size."""
    color = SRGB if target in RGB_FORMATS else BT709_LIMITED
    ours = SwscaleConverter()
    ways: dict[str, Way] = {
        "swscale alone": alone(source, target, FLAGS),
        "swscale": lambda: ours.convert(source, target, color),
        "swscale plain": alone(source, target, Interpolation.BICUBIC),
    }
    if gpu:
        one, three = GpuConverter(allow_software=True), GpuConverter(allow_software=True)
        ways |= {"gpu": lambda: one.convert(source, target, color), "gpu ring": ring(three, source, target)}
    reference = ReferenceConverter().convert(source, target, color)
    off: dict[str, Any] = {}
    for name, way in ways.items():  # once before it counts: contexts, shaders, memory
        made = None
        for _ in range(3):
            made = way() or made
        assert made is not None
        apart = [np.abs(a.astype(int) - b) for a, b in zip(made.planes, reference.planes, strict=True)]
        off[name] = {"most": int(max(a.max() for a in apart)), "mean": round(max(float(a.mean()) for a in apart), 3)}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        for name in names if number % 2 else names[::-1]:
            started, spent = time.perf_counter(), time.process_time()
            ways[name]()
            wall[name].append((time.perf_counter() - started) * 1000)
            cpu[name].append((time.process_time() - spent) * 1000)
    ratios = [a / b for a, b in zip(cpu["swscale"], cpu["swscale alone"], strict=True)]
    return {
        "wall_ms": {name: spread(values) for name, values in wall.items()},
        "cpu_ms": {name: spread(values) for name, values in cpu.items()},
        "off_by": off,
        "ours_to_alone": {
            "cpu_of_neighbours": round(statistics.median(ratios), 4),
            "wall_of_fastest": round(min(wall["swscale"]) / min(wall["swscale alone"]), 4),
        },
        "copies": ours.copies,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the JSON there, too")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--pairs", nargs="+", metavar="SOURCE:TARGET", help="only these, e.g. bgra:nv12")
    parser.add_argument("--no-gpu", action="store_true")
    parser.add_argument(
        "--gate", action="store_true", help=f"exit 1 where ours takes more than {LIMIT} of swscale alone"
    )
    arguments = parser.parse_args()
    try:
        adapter = None if arguments.no_gpu else shared(allow_software=True).info
        no_gpu = "left out" if adapter is None else None
    except GpuUnavailable as error:
        adapter, no_gpu = None, error.reason
    result: dict[str, Any] = {
        "what": "pixel format conversion, one picture at a time, milliseconds",
        "command": "python benchmarks/convert.py " + " ".join(Path(a).name if "/" in a else a for a in sys.argv[1:]),
        "facts": facts(),
        "gpu": None if adapter is None else {"name": adapter.name, "kind": adapter.kind, "backend": adapter.backend},
        "no_gpu": no_gpu,
        "limit": LIMIT,
        "results": {},
    }
    pairs = [tuple(p.split(":")) for p in arguments.pairs] if arguments.pairs else PAIRS
    slow = []
    for size in arguments.sizes:
        for source, target in pairs:
            found = compare(picture(source, *SIZES[size]), target, arguments.rounds, adapter is not None)
            result["results"][f"{size} {source} {target}"] = found
            ratio = min(found["ours_to_alone"].values())
            slow += [f"{size} {source} to {target}: {ratio}"] if ratio > LIMIT else []
            medians = "  ".join(f"{name} {v['median']:.2f}" for name, v in found["wall_ms"].items())
            print(f"{size:6} {source:8} {target:5} ours/alone {found['ours_to_alone']}  ms: {medians}", file=sys.stderr)
    text = json.dumps(result, indent=1) + "\n"
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text, encoding="utf-8")
    else:
        print(text)
    if slow:
        print("More than allowed: " + "; ".join(slow), file=sys.stderr)
    return 1 if slow and arguments.gate else 0


if __name__ == "__main__":
    raise SystemExit(main())
