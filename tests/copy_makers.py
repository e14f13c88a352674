"""Small H.264 files for tests of copying: every frame says its number, so that pictures can be told apart."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT = 192, 128


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray[Any, Any]:
    """yuv420p planes in one array: a smooth ground, a moving block and ``number`` as bits in large squares."""
    y, x = np.mgrid[0:height, 0:width]
    luma = (60 + 40 * np.sin((x + 3 * number) / 23.0) + 30 * np.cos(y / 17.0)).astype(np.uint8)
    left = (5 * number) % (width - 24)
    luma[80:104, left : left + 24] = 200
    for bit in range(10):
        luma[4:20, 8 + 16 * bit : 24 + 16 * bit] = 220 if number >> bit & 1 else 30
    chroma = np.full((height // 2, width), 120, np.uint8)
    chroma[:, :] = 110 + number % 20
    return np.concatenate([luma, chroma])


def number_in(frame: av.VideoFrame) -> int:
    """The number drawn into a decoded frame."""
    luma = frame.to_ndarray(format="yuv420p")
    return sum(1 << bit for bit in range(10) if luma[12, 16 + 16 * bit] > 125)


def tone(samples: int, rate: int = 48_000) -> np.ndarray[Any, Any]:
    """A sound that says where it is: a click every tenth of a second over a faint tone."""
    at = np.arange(samples)
    sound = (0.05 * np.sin(at * 0.06)).astype(np.float32)
    sound[at % (rate // 10) < 24] = 0.6
    return np.stack([sound, sound])


def make_h264(
    path: Path,
    *,
    frames: int = 60,
    fps: Fraction = Fraction(30),
    options: dict[str, str] | None = None,
    params: str = "keyint=10:scenecut=0",
    pts: list[int] | None = None,
    time_base: Fraction | None = None,
    sound: bool = False,
    tagged: bool = True,
    pixel_format: str = "yuv420p",
    codec: str = "libx264",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    container: str | None = None,
) -> Path:
    """Write a video whose k-th frame shows the number k, key frames where ``params`` puts them."""
    base = time_base or 1 / fps
    with av.open(str(path), "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=fps, options={"preset": "veryfast", **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = base
        stream.codec_context.thread_type = "FRAME"
        if codec == "libx264":
            stream.options = {**stream.options, "x264-params": params}
        if tagged:
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = 1
            context.color_range = 1
        audio: Any = None
        if sound:
            audio = out.add_stream("aac", rate=48_000, options={"aac_pns": "0"})  # noise is not the same twice
            audio.layout = "stereo"
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(k, *size), format="yuv420p")
            if pixel_format != "yuv420p":
                frame = frame.reformat(format=pixel_format)
            frame.pts = k if pts is None else pts[k]
            frame.time_base = base
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
        if audio is not None:
            length = frames / fps if pts is None else (pts[-1] + 1) * base
            samples = tone(int(length * 48_000))
            for at in range(0, samples.shape[1], 1024):
                block = np.ascontiguousarray(samples[:, at : at + 1024])
                heard = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                heard.sample_rate, heard.pts = 48_000, at
                for packet in audio.encode(heard):
                    out.mux(packet)
            for packet in audio.encode(None):
                out.mux(packet)
    return path
