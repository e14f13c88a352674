"""Lossless little videos whose every sample is known, and what ffmpeg's own filters say of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

Plane = np.ndarray[Any, np.dtype[np.uint8]]
Picture = tuple[Plane, Plane, Plane]


def pages(count: int, size: tuple[int, int], *, seed: int = 0, step: int = 3) -> list[Picture]:
    """Something between a page of text and a photograph that scrolls and now and then rests."""
    width, height = size
    rng = np.random.default_rng(seed)
    far = step * count
    ramp = np.add.outer(np.arange(height + far), np.arange(width + far)) // 9 % 120
    page = (rng.integers(0, 256, ramp.shape) // 2 + ramp).astype(np.uint8)
    cw, ch = -(-width // 2), -(-height // 2)
    found = []
    for n in range(count):
        s = step * (n - n % 3 // 2)  # every third picture is the one before it
        found.append(
            (page[s : s + height, s : s + width], page[:ch, s : s + cw] // 2 + 60, page[1 : ch + 1, :cw] // 3 + 90)
        )
    return [tuple(np.ascontiguousarray(p) for p in picture) for picture in found]  # type: ignore[misc]


def noisy(pictures: Iterable[Picture], amount: int, *, seed: int = 1) -> list[Picture]:
    """The same with even noise of up to ``amount`` codes on every sample."""
    rng = np.random.default_rng(seed)
    return [
        tuple(np.clip(p + rng.integers(-amount, amount + 1, p.shape), 0, 255).astype(np.uint8) for p in picture)
        for picture in pictures
    ]  # type: ignore[misc]


def flat(size: tuple[int, int], y: int, u: int = 128, v: int = 128) -> Picture:
    """One colour."""
    width, height = size
    chroma = (-(-height // 2), -(-width // 2))
    return np.full((height, width), y, np.uint8), np.full(chroma, u, np.uint8), np.full(chroma, v, np.uint8)


def write(
    path: Path,
    pictures: Sequence[Picture],
    *,
    fps: int = 30,
    times: Sequence[Fraction] | None = None,
    codec: str = "ffv1",
    clicks: Sequence[float] | None = None,
    length: float = 0.0,
    tags: tuple[int, int, int, int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video (lossless with ``ffv1`` in Matroska, whose ticks are milliseconds).

    Args:
        times: Of the pictures in seconds, instead of ``n / fps``.
        clicks: Also a sound of ``length`` seconds with clicks at these times.
        tags: Primaries, transfer, matrix and range, by H.273 and FFmpeg's numbers.
    """
    height, width = pictures[0][0].shape
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        base = Fraction(1, 90_000)
        stream.time_base = stream.codec_context.time_base = base
        context = stream.codec_context
        context.thread_count = 1
        if tags is not None:
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        sound: Any = None
        if clicks is not None:
            sound = out.add_stream("pcm_s16le", rate=48_000)
            sound.codec_context.layout = "mono"
        for n, picture in enumerate(pictures):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane, samples in zip(frame.planes, picture, strict=True):
                memory = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
                memory[: samples.shape[0], : samples.shape[1]] = samples
            frame.pts = round((times[n] if times else Fraction(n, fps)) / base)
            frame.time_base = base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            samples = np.zeros(round(48_000 * length), np.int16)
            for moment in clicks or ():
                t = np.arange(-480, 481) / 48_000  # 20 ms, symmetrical
                at = round(48_000 * moment)
                burst = 16_000 * (0.5 + 0.5 * np.cos(2 * np.pi * t / 0.020)) * np.cos(2 * np.pi * 1500 * t)
                samples[at - 480 : at + 481] = burst.astype(np.int16)
            for at in range(0, len(samples), 4800):
                block = av.AudioFrame.from_ndarray(samples[None, at : at + 4800], format="s16", layout="mono")
                block.sample_rate, block.pts, block.time_base = 48_000, at, Fraction(1, 48_000)
                out.mux(sound.encode(block))
            out.mux(sound.encode(None))
    return path


# --- ffmpeg -----------------------------------------------------------------------------------------------------------


def programs() -> list[str]:
    """ffmpeg programs at hand: the one that every development environment has, and the system's own."""
    import imageio_ffmpeg

    return [imageio_ffmpeg.get_ffmpeg_exe(), *filter(None, [shutil.which("ffmpeg")])]


@cache
def filters(program: str) -> frozenset[str]:
    """The filters that this build has."""
    done = subprocess.run([program, "-hide_banner", "-filters"], capture_output=True, text=True, timeout=30, check=True)
    return frozenset(line.split()[1] for line in done.stdout.splitlines() if len(line.split()) > 2)


def measured_by(
    program: str, name: str, a: Sequence[Picture], b: Sequence[Picture], folder: Path, fps: int
) -> tuple[list[dict[str, float]], str]:
    """What a filter of ffmpeg says of each picture, by the names it uses, and its last line."""
    inputs: list[str] = []
    height, width = a[0][0].shape
    for label, pictures in (("a", a), ("b", b)):
        raw = folder / f"{label}.yuv"
        raw.write_bytes(b"".join(p.tobytes() for picture in pictures for p in picture))
        inputs += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(fps), "-i", str(raw)]
    done = subprocess.run(
        [program, "-hide_banner", "-nostdin", *inputs, "-lavfi", f"[0][1]{name}=f=stats.txt", "-f", "null", "-"],
        capture_output=True, text=True, timeout=60, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (folder / "stats.txt").read_text().splitlines()
    found = [
        {key: float(value) for key, value in re.findall(r"(\w+): ?([\d.]+|inf)", line)}
        for line in lines
        if line.startswith("n:")
    ]
    said = [line for line in done.stderr.splitlines() if re.search(r"(PSNR|SSIM) ", line)]
    return found, said[-1]
