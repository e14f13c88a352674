"""VideoToolbox against swscale, BGRA to NV12, in one run: ``python benchmarks/videotoolbox.py --out FILE``. For a Mac.

The ways take turns picture by picture, so that what else the machine does falls on all of them alike. Given are wall
time and processor time (of the whole process, all threads) per picture, and ratios of the medians.

Then three ways into an encoder (``--encoder``, default ``h264_videotoolbox``) are timed: NV12 by swscale, NV12 by
VideoToolbox, and BGRA handed over as it is through FFmpeg's hardware frames, where the encoder converts by itself. Of
each the first picture is decoded again, because a way that is fast and has wrong colours is none.

``--library FILE`` loads another library in place of the frameworks: the tests' stand-in, to try this script elsewhere.
What it then measures is not VideoToolbox, and the result says so.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from common import facts, spread
from reelpress.color import BT709_LIMITED, SRGB
from reelpress.convert.swscale import SwscaleConverter
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.convert.videotoolbox_abi import FRAMEWORKS
from reelpress.media.encoder import shared_frame
from reelpress.media.planes import Planes

SIZES = {"1080p": (1920, 1080), "1440p": (2560, 1440), "2160p": (3840, 2160)}
Way = Callable[[Planes], object]


def picture(width: int, height: int, seed: int) -> Planes:
    """Noise above, a ramp of grey below, orange beside it; rows are aligned to 256, as a read-back from the GPU is."""
    stride = -(-4 * width // 256) * 256
    memory = np.full(height * stride + 256, 255, np.uint8)
    start = -memory.ctypes.data % 256
    rows = memory[start : start + height * stride].reshape(height, stride)
    random = np.random.default_rng(seed)
    rows[: height // 2] = random.integers(0, 256, (height // 2, stride), np.uint8)
    rows[height // 2 :, : 2 * width] = np.linspace(0, 255, 2 * width).astype(np.uint8)
    rows[height // 2 :, 4 * (width // 2) : 4 * width].reshape(-1, width - width // 2, 4)[...] = (40, 120, 220, 255)
    return Planes("bgra", width, height, (rows[:, : 4 * width],), SRGB)


def swscale_alone() -> Way:
    """swscale as the seed's encoder used it: default flags, no wrapper of ours around it."""
    reformatter = VideoReformatter()

    def convert(given: Planes) -> object:
        return reformatter.reformat(
            bare(given),
            format="nv12",
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )

    return convert


def measure(ways: dict[str, Way], pictures: list[Planes], rounds: int) -> dict[str, Any]:
    """Milliseconds per picture of each way; they take turns."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 3):
        for name, way in ways.items():
            busy, started = time.process_time(), time.perf_counter()
            way(pictures[number % len(pictures)])
            ended, was_busy = time.perf_counter(), time.process_time()
            if number >= 3:  # the first ones allocate
                wall[name].append(1000 * (ended - started))
                processor[name].append(1000 * (was_busy - busy))
    return {name: {"wall_ms": spread(wall[name]), "cpu_ms": spread(processor[name])} for name in ways}


def deviation(a: Planes, b: Planes) -> list[dict[str, float]]:
    """Largest and mean difference of each plane in code values."""
    found = []
    for x, y in zip(a.planes, b.planes, strict=True):
        off = np.abs(x.astype(np.int16) - y)
        found.append({"max": float(off.max()), "mean": round(float(off.mean()), 4)})
    return found


def encode(codec: str, pictures: list[Planes], frames: int, prepare: Way, pixel_format: str, hardware: bool) -> Any:
    """Frames a second through one way into an encoder, and how far its first picture is off; or why it does not go."""
    width, height = pictures[0].width, pictures[0].height
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="mp4") as container:
            more: dict[str, Any] = {}
            if hardware:
                more["hwaccel"] = HWAccel("videotoolbox", allow_software_fallback=False)
            stream: Any = container.add_stream(codec, rate=60, **more)
            stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, pixel_format, 40_000_000
            busy, started = time.process_time(), time.perf_counter()
            for number in range(frames):
                frame: Any = prepare(pictures[number % len(pictures)])
                frame.pts, frame.time_base = number, Fraction(1, 60)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            wall, processor = time.perf_counter() - started, time.process_time() - busy
        with av.open(io.BytesIO(file.getvalue())) as container:
            decoded = next(container.decode(video=0)).to_ndarray(format="nv12")
    except (av.error.FFmpegError, ValueError, RuntimeError, NotImplementedError) as error:
        return {"missing": f"{type(error).__name__}: {error}"}
    right = np.concatenate(SwscaleConverter(1).convert(pictures[0], "nv12", BT709_LIMITED).planes)
    # Where it is orange the codec leaves the mean of luma, Cb and Cr as it was; a few columns are its edge.
    luma = (slice(height // 2 + 8, height - 8), slice(width // 2 + 8, width - 8))
    chroma = slice(height + height // 4 + 4, height + height // 2 - 4)
    parts = (luma, (chroma, slice(width // 2 + 8, width - 8, 2)), (chroma, slice(width // 2 + 9, width - 7, 2)))
    off = [float(decoded[part].mean() - right[part].mean()) for part in parts]
    return {
        "fps": round(frames / wall, 2),
        "cpu_ms": round(1000 * processor / frames, 3),
        "bytes": len(file.getvalue()),
        "mean_codes_off": [round(abs(each), 2) for each in off],
    }


def bare(given: Planes) -> Any:
    """A BGRA picture as a frame of PyAV, not copied."""
    stride = given.strides[0]
    rows = np.lib.stride_tricks.as_strided(given.planes[0], (given.height, stride))
    return VideoFrame.from_numpy_buffer(rows.reshape(given.height, stride // 4, 4)[:, : given.width], format="bgra")


def encodings(libraries: dict[str, str] | None, codec: str, size: str, frames: int) -> dict[str, Any]:
    """All ways into one encoder."""
    width, height = dimensions(size)
    pictures = [picture(width, height, seed) for seed in range(3)]
    toolbox, swscale = VideoToolboxConverter(libraries), SwscaleConverter(1)

    def by(converter: VideoToolboxConverter | SwscaleConverter) -> Way:
        return lambda given: shared_frame(converter.convert(given, "nv12", BT709_LIMITED))

    found = {
        "nv12 by swscale": encode(codec, pictures, frames, by(swscale), "nv12", False),
        "nv12 by videotoolbox": encode(codec, pictures, frames, by(toolbox), "nv12", False),
        "bgra through hardware frames": encode(codec, pictures, frames, bare, "bgra", True),
    }
    toolbox.close()
    return {"encoder": codec, "size": size, "frames": frames, "ways": found}


def dimensions(size: str) -> tuple[int, int]:
    """Width and height of ``1080p`` or ``1920x1080``."""
    width, height = SIZES.get(size) or map(int, size.split("x"))
    return width, height


def run(libraries: dict[str, str] | None, sizes: list[str], rounds: int) -> dict[str, Any]:
    """All sizes; raises SystemExit with the reason where VideoToolbox does not convert."""
    wrap = VideoToolboxConverter(libraries, source_memory="wrap", source_deadline_s=30.0)
    copy = VideoToolboxConverter(libraries, source_memory="copy")
    swscale = SwscaleConverter(1)
    reason = wrap.why_not("bgra", "nv12", 1920, 1080) or copy.why_not("bgra", "nv12", 1920, 1080)
    if reason is not None:
        raise SystemExit(reason)
    ways: dict[str, Way] = {
        "videotoolbox, wrapped": lambda given: wrap.convert(given, "nv12", BT709_LIMITED),
        "videotoolbox, copied to IOSurface": lambda given: copy.convert(given, "nv12", BT709_LIMITED),
        "swscale, as Reelpress calls it": lambda given: swscale.convert(given, "nv12", BT709_LIMITED),
        "swscale, alone": swscale_alone(),
    }
    rows = {}
    for size in sizes:
        width, height = dimensions(size)
        pictures = [picture(width, height, seed) for seed in range(3)]
        row: dict[str, Any] = {"ways": measure(ways, pictures, rounds)}
        medians = {name: row["ways"][name]["wall_ms"]["median"] for name in ways}
        base = medians["swscale, as Reelpress calls it"]
        row["speed_against_swscale"] = {name: round(base / max(value, 1e-9), 3) for name, value in medians.items()}
        row["difference_to_swscale"] = deviation(
            wrap.convert(pictures[0], "nv12", BT709_LIMITED), swscale.convert(pictures[0], "nv12", BT709_LIMITED)
        )
        rows[size] = row
    about = {"wrapped": wrap.describe(), "copied": copy.describe()}
    for converter in (wrap, copy, swscale):
        converter.close()
    return {"rounds": rounds, "sizes": rows, "about": about}


def main() -> None:
    """Measure and print; write with ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=60, help="pictures for each way and size")
    parser.add_argument("--size", action="append", help=f"{', '.join(SIZES)} or WIDTHxHEIGHT; may be repeated")
    parser.add_argument("--encoder", default="h264_videotoolbox", help="which encoder the ways lead into")
    parser.add_argument("--library", help="a library to load in place of the frameworks")
    given = parser.parse_args()
    libraries = dict.fromkeys(FRAMEWORKS, given.library) if given.library else None
    sizes = given.size or list(SIZES)
    found = run(libraries, sizes, given.rounds)
    found["encoding"] = encodings(libraries, given.encoder, sizes[0], 2 * given.rounds)
    what = "a stand-in: these are no figures of VideoToolbox" if given.library else "VideoToolbox"
    result = {
        "schema": 1,
        "command": "python benchmarks/videotoolbox.py",
        "measured": what,
        "machine": facts(),
        **found,
    }
    text = json.dumps(result, indent=1)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    sys.exit(main())
