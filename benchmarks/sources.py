"""Deterministic benchmark sources: a drawn desktop with text that scrolls, pauses and is typed into.

Every output frame of these files is a frame of its own (constant rate), so nothing is gained by recognising
unchanged source frames; what they measure is decode, compose and encode.
"""

from __future__ import annotations

import random
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common import CACHE, ROOT, ffmpeg

WORDS = (
    "frame plane stride matrix range siting encoder decoder picture timeline spring zoom pointer shadow corner "
    "export record screen window scroll type click pause cut speed audio mux pts key packet queue"
).split()


def page(width: int, height: int, seed: int = 7) -> Image.Image:
    """A tall page of text in several colours on a light ground, with panels as a program has them."""
    rng = random.Random(seed)
    image = Image.new("RGB", (width, height), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    scale = max(1, width // 960)
    font = ImageFont.load_default(size=13 * scale)
    line = 20 * scale
    draw.rectangle((0, 0, width // 6, height), fill=(32, 36, 48))
    for y in range(line, height - line, line):
        if rng.random() < 0.12:
            draw.rectangle(
                (width // 5, y, width // 5 + rng.randrange(width // 8, width // 2), y + line * 3 // 4),
                fill=tuple(rng.randrange(120, 240) for _ in range(3)),
            )
            continue
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(3, 14)))
        draw.text(
            (width // 5 + rng.randrange(0, 4) * 24 * scale, y),
            text,
            font=font,
            fill=rng.choice([(20, 20, 24), (140, 30, 40), (20, 80, 150), (40, 110, 50)]),
        )
        draw.text((12 * scale, y), rng.choice(WORDS), font=font, fill=(190, 196, 210))
    return image


def desktop(path: Path, *, width: int, height: int, fps: int, seconds: float) -> Path:
    """Write the source video: 40 % scrolling, the rest still or typing. BT.709 limited, tagged."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    tall = page(width, height * 3)
    y, u, v = _planes(np.asarray(tall))
    part = path.with_suffix(".part.mp4")
    frames = round(fps * seconds)
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"preset": "veryfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.thread_type = "FRAME"
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        offset = 0.0
        for n in range(frames):
            second = n / fps % 5.0
            if second < 2.0:
                offset = (offset + height / 3 / fps) % (height * 2)
            top = int(offset) & ~1
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane, data, shift in ((0, y, 0), (1, u, 1), (2, v, 1)):
                view = np.frombuffer(frame.planes[plane], np.uint8).reshape(-1, frame.planes[plane].line_size)
                view[: height >> shift, : width >> shift] = data[top >> shift : (top + height) >> shift]
            if 2.5 < second < 4.5:  # typing: a caret line grows
                luma = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
                end = width // 4 + int((second - 2.5) * width / 4)
                luma[height // 2 : height // 2 + 12, width // 4 : end : 6] = 30
            frame.pts, frame.time_base = n, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    part.rename(path)
    return path


def _planes(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BT.709 limited 4:2:0 planes of an RGB image (chroma as the mean of four: a source may be sited anyhow)."""
    r, g, b = (rgb[..., k].astype(np.float32) / 255 for k in range(3))
    luma = 0.2126 * r + 0.7152 * g + 0.0722 * b

    def chroma(c: np.ndarray, d: float) -> np.ndarray:
        full = (c - luma) / d
        mean = full.reshape(full.shape[0] // 2, 2, full.shape[1] // 2, 2).mean(axis=(1, 3))
        return np.rint(128 + 224 * mean).astype(np.uint8)

    return np.rint(16 + 219 * luma).astype(np.uint8), chroma(b, 1.8556), chroma(r, 1.5748)


def recorded(path: Path) -> Path:
    """The screen track of ``examples/demo.cap`` at a constant 60 frames a second, as other recorders write it:
    10 s from its ninth second on."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        screen = ROOT / "examples/demo.cap/content/segments/segment-0/display.mp4"
        part = path.with_suffix(".part.mp4")
        subprocess.run(
            [ffmpeg(), "-y", "-v", "error", "-ss", "9", "-t", "10", "-i", str(screen),
             "-fps_mode", "cfr", "-r", "60", "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", str(part)],
            check=True,
        )  # fmt: skip
        part.rename(path)
    return path


def source(name: str) -> Path:
    """A named source, made on first use: ``1080p60``, ``4k30``, ``recorded-1080p60``, ..."""
    sizes = {
        "1080p60": (1920, 1080, 60, 12.0),
        "4k30": (3840, 2160, 30, 8.0),
        "360p15-1min": (640, 360, 15, 60.0),
        "360p15-30min": (640, 360, 15, 1800.0),
    }
    if name == "recorded-1080p60":
        return recorded(CACHE / f"{name}.mp4")
    width, height, fps, seconds = sizes[name]
    return desktop(CACHE / f"{name}.mp4", width=width, height=height, fps=fps, seconds=seconds)
