"""Trim of a 10-minute 1080p recording: packets copied against every frame encoded, in one run.

``python benchmarks/copying.py [--out FILE.json] [--whole]``. The recording is made here: 20 s of a page with a moving
block by x264 (key frame every 2 s, two B-frames), its packets thirty times over, with sound. The trim begins in
the middle of a group of pictures (what an average cut re-encodes) and ends inside of one. Encoding all of it would take
many minutes, so unless ``--whole`` is given its time is taken from two short parts of the same trim
(``encode.measured``), by a straight line; the result says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import common
import reelpress
from reelpress.export.settings import ExportSettings

WIDTH, HEIGHT, FPS, MINUTES = 1920, 1080, 60, 10
LOOP_S, GROUP_S = 20, 2
START, END = Fraction(11), Fraction(590) + Fraction(1, 7)
SHORT_S, LONG_S = 5, 20
ROUNDS = 5


def page(number: int, lines: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A still page of lines with a block that moves."""
    planes = lines.copy()
    left = (7 * number) % (WIDTH - 160)
    planes[500:620, left : left + 160] = 90
    return planes


def make(path: Path) -> None:
    """Write the recording."""
    rng = np.random.default_rng(5)
    lines = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    lines[:HEIGHT] = 235
    for row in range(60, 1000, 24):
        words = rng.integers(0, 2, 200).repeat(8)
        lines[row : row + 12, 160:1760] = np.where(words, 40, 235).astype(np.uint8)
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "23", "bf": "2"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {**video.options, "x264-params": f"keyint={FPS * GROUP_S}:scenecut=0:b-adapt=0"}
        context = video.codec_context
        context.thread_type = "FRAME"
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1
        audio: Any = out.add_stream("aac", rate=48_000)
        audio.layout = "stereo"
        packets = []
        for number in range(FPS * LOOP_S):
            frame = av.VideoFrame.from_ndarray(page(number, lines), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            packets += [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in video.encode(frame)]
        packets += [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in video.encode(None)]
        tone = (0.1 * np.sin(np.arange(48_000 * LOOP_S + 1024) * 0.05)).astype(np.float32)
        for turn in range(MINUTES * 60 // LOOP_S):
            shift = turn * FPS * LOOP_S
            for data, pts, dts, key in packets:
                packet: Any = av.Packet(data)
                packet.stream, packet.time_base = video, Fraction(1, FPS)
                packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts + shift, dts + shift, 1, key
                out.mux(packet)
            for block in range(turn * 48_000 * LOOP_S // 1024, (turn + 1) * 48_000 * LOOP_S // 1024):
                at = block * 1024 % (48_000 * LOOP_S)
                sound = av.AudioFrame.from_ndarray(np.stack([tone[at : at + 1024]] * 2), format="fltp", layout="stereo")
                sound.sample_rate, sound.pts = 48_000, block * 1024
                for packet in audio.encode(sound):
                    out.mux(packet)
        for packet in audio.encode(None):
            out.mux(packet)


def timed(source: Path, target: Path, **options: Any) -> tuple[float, Any]:
    """Wall time of one export with everything that belongs to it, and its report."""
    started = time.perf_counter()
    report = reelpress.export(source, target, settings=ExportSettings(overwrite=True, resolution="source", **options))
    return time.perf_counter() - started, report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--whole", action="store_true", help="encode the whole trim, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "recording.mp4", Path(folder) / "trim.mp4"
        make(source)
        timed(source, target, start=START, end=START + 3)  # imports
        length = float(END - START)
        copies = [timed(source, target, start=START, end=END) for _ in range(ROUNDS)]
        copy_s, report = median(wall for wall, _ in copies), copies[0][1]
        short, _ = timed(source, target, start=START, end=START + SHORT_S, unchanged="encode")
        long, _ = timed(source, target, start=START, end=START + LONG_S, unchanged="encode")
        slope = (long - short) / (LONG_S - SHORT_S)
        encode_s = short + slope * (length - SHORT_S)
        encode: dict[str, Any] = {
            "wall_s": round(encode_s, 2),
            "estimated": True,
            "how": f"straight line through trims of {SHORT_S} s and {LONG_S} s, both encoded whole",
            "measured": {f"{SHORT_S} s": round(short, 3), f"{LONG_S} s": round(long, 3)},
        }
        if arguments.whole:
            encode_s, _ = timed(source, target, start=START, end=END, unchanged="encode")
            encode = {"wall_s": round(encode_s, 2), "estimated": False}
        result = {
            "recording": f"{MINUTES} min, {WIDTH}x{HEIGHT}, {FPS} fps, {source.stat().st_size} bytes, key frame every "
            f"{GROUP_S} s, 2 B-frames, AAC",
            "trim": [float(START), float(END)],
            "frames": {"copied": report.frames.copied, "encoded": report.frames.encoded},
            "copy": {
                "wall_s": round(copy_s, 3),
                "rounds": [round(wall, 3) for wall, _ in copies],
                "stages": {name: round(stage.busy_s, 3) for name, stage in report.stages.items()},
            },
            "encode": encode,
            "ratio": round(encode_s / copy_s, 1),
            "machine": common.facts(),
        }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
