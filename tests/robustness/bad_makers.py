"""Small videos and recordings, and the ways in which they get damaged."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

LEVELS = 8
"""Different grey levels; frame n has level n modulo this, so a frame shown for another one is seen."""


def level(number: int) -> int:
    """Luma of frame ``number``: steps of 24 between 32 and 200, far apart even after a lossy export."""
    return 32 + 24 * (number % LEVELS)


def clip(
    path: Path,
    *,
    frames: int = 20,
    size: tuple[int, int] = (64, 48),
    fps: int = 30,
    gop: int = 10,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    noise: bool = False,
    audio: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """A video whose frame n is grey of ``level(n)``, with a little fixed noise if wanted; optionally with silence."""
    width, height = size
    grain = np.random.default_rng(5).integers(-6, 7, (height, width)) if noise else np.zeros((height, width), int)
    with av.open(str(path), "w", options=options or {}) as out:
        stream: Any = out.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "12", "x264-params": f"keyint={gop}:scenecut=0"}
        sound: Any = out.add_stream("aac", rate=48000, layout="mono") if audio else None
        for n in range(frames):
            rgb = np.repeat(np.clip(level(n) + grain, 0, 255).astype(np.uint8)[..., None], 3, 2)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
            frame.pts = n
            out.mux(stream.encode(frame))
        if sound is not None:
            for begin in range(0, frames * 48000 // fps, 1024):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                silence.sample_rate, silence.pts, silence.time_base = 48000, begin, Fraction(1, 48000)
                out.mux(sound.encode(silence))
            out.mux(sound.encode(None))
        out.mux(stream.encode(None))
    return path


def video_packets(path: Path) -> list[tuple[int, int]]:
    """``(position in the file, size)`` of the video packets, in the order of the file."""
    with av.open(str(path)) as container:
        return [(int(p.pos or 0), p.size) for p in container.demux(video=0) if p.size]


def damage(path: Path, numbers: list[int], seed: int = 3) -> None:
    """Overwrite the inside of some video packets; the containers' own structures stay whole."""
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for position, size in [video_packets(path)[n] for n in numbers]:
        begin, end = position + min(12, size // 3), position + size
        data[begin:end] = rng.integers(1, 256, end - begin, np.uint8).tobytes()
    path.write_bytes(data)


def grey_levels(path: Path) -> list[int]:
    """The middle luma of every frame of a video, in order of presentation."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        return [int(np.median(f.to_ndarray(format="gray8"))) for f in container.decode(video=0)]


def cap(folder: Path, *, camera: bool = False, mic: bool = False, frames: int = 12) -> Path:
    """A studio recording of one segment as Cap lays it out."""
    place = "content/segments/segment-0"
    target = folder / place
    target.mkdir(parents=True)
    clip(target / "display.mp4", frames=frames)
    segment: dict[str, Any] = {"display": {"path": f"{place}/display.mp4", "fps": 30, "start_time": 0.0}}
    if camera:
        clip(target / "camera.mp4", frames=frames)
        segment["camera"] = {"path": f"{place}/camera.mp4", "fps": 30, "start_time": 0.0}
    if mic:
        with av.open(str(target / "audio-input.m4a"), "w", format="mp4") as out:
            sound: Any = out.add_stream("aac", rate=48000, layout="mono")
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 48000
            out.mux(sound.encode(silence))
            out.mux(sound.encode(None))
        segment["mic"] = {"path": f"{place}/audio-input.m4a", "start_time": 0.0}
    meta = {"pretty_name": "Bad", "segments": [segment], "cursors": {}, "status": {"status": "Complete"}}
    (folder / "recording-meta.json").write_text(json.dumps(meta, indent=2))
    (folder / "project-config.json").write_text(json.dumps({"background": {"padding": 0}}, indent=2))
    return folder
