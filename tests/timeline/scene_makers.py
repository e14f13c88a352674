"""Recordings made of numbers only, for the tests of timeline and scene: no files are opened."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.media.index import FrameIndex
from reelpress.media.probe import AudioStreamInfo, VideoStreamInfo
from reelpress.project.model import Project
from reelpress.recording.model import (
    AudioTrack,
    LazyIndex,
    PointerClick,
    PointerEvents,
    PointerImage,
    PointerMove,
    Recording,
    RecordingKind,
    RecordingSegment,
    VideoTrack,
)
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import TextMetrics, TextRun

if TYPE_CHECKING:
    from collections.abc import Sequence

F = Fraction
FINE = F(1, 90_000)
ZERO, ONE = F(0), F(1)


def index(pts: Sequence[int], end: int, time_base: Fraction) -> FrameIndex:
    return FrameIndex(time_base, np.array(pts, np.int64), end, np.array(pts[:1], np.int64))


def constant(count: int, fps: Fraction | int, time_base: Fraction = FINE, first: int = 0) -> FrameIndex:
    """``count`` frames at a constant rate, stamps rounded to the nearest tick."""
    step = 1 / Fraction(fps) / time_base
    stamps = [first + (n * step + F(1, 2)).__floor__() for n in range(count + 1)]
    return index(stamps[:-1], stamps[-1], time_base)


def display(
    frames: FrameIndex,
    size: tuple[int, int] = (1920, 1080),
    *,
    key: str = "display:0",
    sar: Fraction = ONE,
    offset: Fraction = ZERO,
) -> VideoTrack:
    info = VideoStreamInfo(
        index=0,
        codec="h264",
        pixel_format="yuv420p",
        width=size[0],
        height=size[1],
        sar=sar,
        rotation=0,
        mirrored=False,
        bits=8,
        color=BT709_LIMITED,
        time_base=frames.time_base,
        average_fps=None,
        bit_rate=None,
        frame_threads=True,
    )
    path = Path(f"{key.replace(':', '-')}.mp4")
    return VideoTrack(key, path, None, None, offset, info, path, LazyIndex(lambda: frames))


def sound(seconds: Fraction | int, *, key: str = "mic:0", offset: Fraction = ZERO) -> AudioTrack:
    info = AudioStreamInfo(1, "aac", 48_000, 2, F(1, 48_000), 0, None)
    path = Path(f"{key.replace(':', '-')}.ogg")
    return AudioTrack(key, path, 1, None, offset, info, path, F(seconds))


def pointer(moves: Sequence[tuple[float, float, float]], cursor: str = "0", clicks: bool = False) -> PointerEvents:
    """(time in ms, x, y)."""
    pressed = (PointerClick(moves[0][0], True, 0, cursor),) if clicks else ()
    return PointerEvents(tuple(PointerMove(t, x, y, cursor) for t, x, y in moves), pressed)


def image(width: int = 32, height: int = 48, hotspot: tuple[float, float] = (0.25, 0.125)) -> PointerImage:
    return PointerImage(Path("cursor_0.png"), width, height, hotspot, None)


def recording(
    *segments: RecordingSegment,
    kind: RecordingKind = RecordingKind.CAP_STUDIO,
    images: dict[str, PointerImage] | None = None,
) -> Recording:
    root = Path("demo.cap")
    return Recording(kind, "demo", root, root, segments, images if images is not None else {"0": image()})


def studio(
    frames: FrameIndex | None = None, size: tuple[int, int] = (1920, 1080), events: PointerEvents | None = None
) -> Recording:
    """One segment, by default ten seconds at 60 fps."""
    track = display(frames or constant(600, 60), size)
    return recording(RecordingSegment(0, track, pointer=events or PointerEvents()))


def plain(
    frames: FrameIndex, size: tuple[int, int] = (1920, 1080), *, sar: Fraction = ONE, audio: AudioTrack | None = None
) -> Recording:
    segment = RecordingSegment(0, display(frames, size, sar=sar), system_audio=audio)
    return recording(segment, kind=RecordingKind.PLAIN, images={})


def clip(start: float, end: float, *, segment: int = 0, speed: float = 1, **more: Any) -> dict[str, Any]:
    return {"recordingSegment": segment, "timescale": speed, "start": start, "end": end, **more}


def project(clips: Sequence[dict[str, Any]] | None = None, **config: Any) -> Project:
    """A project from its JSON keys; ``timeline`` entries other than the clips go into ``timeline``."""
    lists = config.pop("timeline", {})
    if clips is not None:
        config["timeline"] = {"segments": list(clips), "zoomSegments": [], **lists}
    return Project.model_validate(config)


NEUTRAL: dict[str, Any] = {"background": {"padding": 0, "rounding": 0, "shadow": 0}}


def measure(run: TextRun) -> TextMetrics:
    """Stands in for the fonts: every character is half a font size wide, lines are 1.2 high, nothing is wrapped."""
    size, lines = run.style.size, run.text.split("\n")
    width = max(len(line) for line in lines) * size / 2
    scale = 1.0 if run.fit is None or width <= 0 else min(1.0, max(run.fit.max_width / width, run.fit.min_scale))
    boxes, x = [], 0.0
    for span in run.spans:
        wide = len(span.text.strip()) * size / 2 * scale
        boxes.append(Rect(x, 0.0, wide, 1.2 * size * scale) if wide else None)
        x += len(span.text) * size / 2 * scale
    return TextMetrics(width * scale, 1.2 * size * scale * len(lines), scale, tuple(boxes))
