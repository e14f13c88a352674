#!/usr/bin/env python3
"""Print the pinned statistics of a sample recording.

    python tools/sample_stats.py examples/demo.cap [--json]

Everything is computed from the files with PyAV and json alone; nothing of reelpress is imported, so that these figures
can be held against what reelpress reports. They count *output* frames at 60 a second after the timeline (cuts, speed),
for a single recording segment:

* fully changed: the composed card differs from the output frame before in more than a quarter of its area. Either the
  zoom spring moves an edge of the card by more than a quarter of an output pixel, or the screen picture differs from
  the one shown before in more than a quarter of its 16x16 blocks.
* pointer moving: the raw pointer is more than a tenth of an output pixel from where it was (without the zoom's part).
* typing: the output frame lies between two key strokes less than 0.6 s apart.
* scrolling: the output frame lies in a run, at least half a second long, of screen pictures that changed in more than
  a quarter of their blocks, less than 0.25 s apart.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
import math
import sys
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

_LENIENT: dict[str, str] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "ignore"}
"""PyAV 19 reads any metadata and has no such argument any more."""


FPS = 60
BLOCK = 16
CHANGED_SHARE = 0.25
# H.264 leaves faint differences where nothing happened; a block counts as changed when a sample is off by more.
SAMPLE_STEP = 12
EDGE_STEP = 0.25
POINTER_STEP = 0.1
TYPING_GAP = 0.6
SCROLL_GAP, SCROLL_MIN = 0.25, 0.5
GRID = 0.008


@dataclass(frozen=True)
class Track:
    codec: str
    duration_s: float
    frames: int
    distinct: bool | None = None  # every frame differs from the one before; asked of the camera only


@dataclass(frozen=True)
class Stats:
    size_bytes: int
    width: int
    height: int
    pixel_format: str
    colour: dict[str, int]
    screen: Track
    camera: Track | None
    mic: Track | None
    mic_peak_db: float
    mic_silent_share: float
    output_frames: int
    output_duration_s: float
    fully_changed_frames: int
    fully_changed_percent: float
    zoom_moving_frames: int
    screen_changed_frames: int
    same_screen_frames: int
    pointer_moving_percent: float
    typing_s: float
    scrolling_s: float
    cursor_shapes: list[str]
    clicks: int


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


# --------------------------------------------------------------------------------------------------------------
# Time


@dataclass(frozen=True)
class Clip:
    begin: float  # output seconds
    start: float  # source seconds
    end: float
    timescale: float

    @property
    def length(self) -> float:
        return (self.end - self.start) / self.timescale


def clips_of(config: dict[str, Any]) -> list[Clip]:
    clips: list[Clip] = []
    begin = 0.0
    for segment in config["timeline"]["segments"]:
        clip = Clip(begin, segment["start"], segment["end"], segment["timescale"])
        clips.append(clip)
        begin += clip.length
    return clips


def source_times(config: dict[str, Any]) -> list[float]:
    """The source time of every output frame."""
    clips = clips_of(config)
    total = clips[-1].begin + clips[-1].length
    begins = [clip.begin for clip in clips]
    times = []
    # The small term keeps a sum of decimal fractions that is a whole number of frames from becoming one frame more.
    for n in range(math.ceil(total * FPS - 1e-6)):
        t = n / FPS
        clip = clips[bisect.bisect_right(begins, t + 1e-9) - 1]
        times.append(clip.start + (t - clip.begin) * clip.timescale)
    return times


def latest_start(segment: dict[str, Any]) -> float:
    return max(
        float(segment[name]["start_time"]) for name in ("display", "camera", "mic", "system_audio") if segment.get(name)
    )


# --------------------------------------------------------------------------------------------------------------
# Zoom


class Spring:
    """A damped oscillator in closed form."""

    def __init__(self, spec: dict[str, float], value: float) -> None:
        self.w0 = math.sqrt(spec["stiffness"] / spec["mass"])
        self.zeta = spec["damping"] / (2 * math.sqrt(spec["stiffness"] * spec["mass"]))
        self.value, self.speed = value, 0.0

    def step(self, target: float, dt: float) -> None:
        x, v, w0, zeta = self.value - target, self.speed, self.w0, self.zeta
        if abs(zeta - 1) <= 0.01:
            fade = math.exp(-w0 * dt)
            x, v = (x + (v + w0 * x) * dt) * fade, (v - w0 * (v + w0 * x) * dt) * fade
        elif zeta < 1:
            w = w0 * math.sqrt(1 - zeta * zeta)
            fade, c, s = math.exp(-zeta * w0 * dt), math.cos(w * dt), math.sin(w * dt)
            b = (v + zeta * w0 * x) / w
            x, v = fade * (x * c + b * s), fade * ((b * w - zeta * w0 * x) * c - (x * w + zeta * w0 * b) * s)
        else:
            root = math.sqrt(zeta * zeta - 1)
            r1, r2 = -w0 * (zeta - root), -w0 * (zeta + root)
            c2 = (v - r1 * x) / (r2 - r1)
            c1 = x - c2
            e1, e2 = math.exp(r1 * dt), math.exp(r2 * dt)
            x, v = c1 * e1 + c2 * e2, c1 * r1 * e1 + c2 * r2 * e2
        if abs(x) < 1e-5 and abs(v) < 1e-4:
            x, v = 0.0, 0.0
        self.value, self.speed = target + x, v


def zoom_edges(config: dict[str, Any], card: tuple[float, float], frames: int) -> list[tuple[float, ...]]:
    """Left, top, right and bottom edge of the zoomed card, in output px, for every output frame. Manual zooms only."""
    spec = config["screenMovementSpring"]
    zooms = sorted(config["timeline"].get("zoomSegments", []), key=lambda z: z["start"])
    amount, x, y = Spring(spec, 1.0), Spring(spec, 0.5), Spring(spec, 0.5)
    centre = (0.5, 0.5)
    grid: list[tuple[float, float, float]] = []
    for k in range(math.ceil(frames / FPS / GRID) + 2):
        t = k * GRID
        active = next((z for z in zooms if z["start"] < t <= z["end"]), None)
        if active is not None:
            manual = active["mode"]["manual"]
            centre = (min(1.0, max(0.0, manual["x"])), min(1.0, max(0.0, manual["y"])))
        if k:
            amount.step(max(1.0, active["amount"]) if active is not None else 1.0, GRID)
            if amount.value <= 1.0005:
                x.value, y.value, x.speed, y.speed = *centre, 0.0, 0.0
            else:
                x.step(centre[0], GRID)
                y.step(centre[1], GRID)
        grid.append((max(1.0, amount.value), x.value, y.value))
    edges: list[tuple[float, ...]] = []
    for n in range(frames):
        place = n / FPS / GRID
        k, u = int(place), place - int(place)
        a, cx, cy = (p + (q - p) * u for p, q in zip(grid[k], grid[k + 1], strict=True))
        left, top = -(cx * a - cx), -(cy * a - cy)
        edges.append((left * card[0], top * card[1], (left + a) * card[0], (top + a) * card[1]))
    return edges


def card_size(config: dict[str, Any], width: int, height: int) -> tuple[float, float]:
    """The card of a whole screen in a 1920x1080 box, without an aspect ratio of its own."""
    share = config["background"]["padding"] / 100 * 0.4
    base = [(math.trunc(side * (1 + 2 * share)) + 1) & ~1 for side in (width, height)]
    scale = min(1920 / base[0], 1080 / base[1])
    out_w, out_h = (math.trunc(base[0] * scale) + 3) & ~3, (math.trunc(base[1] * scale) + 1) & ~1
    return out_w - 2 * width * share * scale, out_h - 2 * height * share * scale


# --------------------------------------------------------------------------------------------------------------
# Pictures


def changed_share(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """The share of 16x16 blocks of luma that differ."""
    if a is b:
        return 0.0
    off = (np.maximum(a, b) - np.minimum(a, b)) > SAMPLE_STEP
    height, width = off.shape
    rows = np.logical_or.reduceat(off, np.arange(0, height, BLOCK), axis=0)
    blocks = np.logical_or.reduceat(rows, np.arange(0, width, BLOCK), axis=1)
    return float(blocks.mean())


def luma(frame: av.VideoFrame) -> np.ndarray[Any, Any]:
    plane = frame.planes[0]
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def camera_track(path: Path) -> Track:
    """Count the frames, and see whether any equals the one before."""
    with av.open(str(path), **_LENIENT) as container:
        stream = container.streams.video[0]
        count, distinct, last = 0, True, None
        for frame in container.decode(stream):
            now = luma(frame)
            distinct = distinct and (last is None or not np.array_equal(now, last))
            last = now
            count += 1
        seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        return Track(stream.codec_context.name, seconds, count, distinct)


def mic_track(path: Path) -> tuple[Track, float, float]:
    """The track, its peak in dB, and the share of 20 ms windows that hold no more than the room's noise."""
    with av.open(str(path), **_LENIENT) as container:
        stream = container.streams.audio[0]
        rate = stream.codec_context.sample_rate
        parts = [np.atleast_2d(frame.to_ndarray())[0].astype(np.float32) for frame in container.decode(stream)]
        samples = np.concatenate(parts)
        window = rate // 50
        loud = np.sqrt(np.square(samples[: len(samples) // window * window].reshape(-1, window)).mean(axis=1))
        peak = 20 * math.log10(max(1e-9, float(np.abs(samples).max())))
        track = Track(stream.codec_context.name, len(samples) / rate, len(parts))
        return track, peak, float((loud < 0.004).mean())


@dataclass(frozen=True)
class ScreenWalk:
    """What the display track shows over the output."""

    width: int
    height: int
    pixel_format: str
    colour: dict[str, int]
    track: Track
    shares: list[float]  # for every output frame: share of blocks that differ from the output frame before
    same: int  # output frames that show the same source frame as the one before


def walk_screen(path: Path, wanted: list[float]) -> ScreenWalk:
    """Decode once, in order; ``wanted`` are display times, rising. The newest frame not after the time is shown."""
    shares: list[float] = []
    same = 0
    with av.open(str(path), **_LENIENT) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_type = "FRAME"
        context.thread_count = 2
        assert stream.time_base is not None
        time_base: Fraction = stream.time_base
        # Compared in ticks with a small allowance, so that a time that is a frame's own time shows that frame.
        ticks = [Fraction(t).limit_denominator(1_000_000) / time_base + Fraction(1, 1000) for t in wanted]
        shown: np.ndarray[Any, Any] | None = None
        pending: av.VideoFrame | None = None
        position, count = 0, 0
        last: np.ndarray[Any, Any] | None = None

        def emit(until: Fraction | None) -> None:
            """Give ``pending`` to the output times that lie before ``until``."""
            nonlocal position, shown, last, same
            while position < len(ticks) and (until is None or ticks[position] < until):
                assert pending is not None
                if shown is None:
                    shown = luma(pending)
                    shares.append(0.0 if last is None else changed_share(shown, last))
                else:
                    shares.append(0.0)
                    same += 1
                last = shown
                position += 1

        for frame in container.decode(stream):
            assert frame.pts is not None
            count += 1
            if pending is not None:
                emit(Fraction(frame.pts))
            pending, shown = frame, None
        emit(None)
        assert stream.duration is not None
        colour = {
            "primaries": int(context.color_primaries),
            "transfer": int(context.color_trc),
            "matrix": int(context.colorspace),
            "range": int(context.color_range),
        }
        assert context.pix_fmt is not None
        return ScreenWalk(
            context.width,
            context.height,
            context.pix_fmt,
            colour,
            Track(context.name, float(stream.duration * time_base), count),
            shares,
            same,
        )


# --------------------------------------------------------------------------------------------------------------


def runs(times: list[float], gap: float, shortest: float) -> list[tuple[float, float]]:
    """Join times that lie closer than ``gap``; keep what lasts at least ``shortest``."""
    joined: list[tuple[float, float]] = []
    for t in times:
        if joined and t - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], t)
        else:
            joined.append((t, t))
    return [(a, b) for a, b in joined if b - a >= shortest]


def pointer_moving(cursor: dict[str, Any], times_ms: list[float], card: tuple[float, float]) -> int:
    moves = sorted(cursor["moves"], key=lambda m: m["time_ms"])
    stamps = [m["time_ms"] for m in moves]
    count = 0
    last: tuple[float, float] | None = None
    for t in times_ms:
        move = moves[max(0, bisect.bisect_right(stamps, t) - 1)]
        now = (move["x"] * card[0], move["y"] * card[1])
        if last is not None and math.hypot(now[0] - last[0], now[1] - last[1]) > POINTER_STEP:
            count += 1
        last = now
    return count


def sample_stats(folder: Path) -> Stats:
    meta = load(folder / "recording-meta.json")
    config = load(folder / "project-config.json")
    if len(meta["segments"]) != 1:
        raise ValueError("these statistics are made for a recording of one segment")
    segment = meta["segments"][0]
    latest = latest_start(segment)
    times = source_times(config)

    screen = walk_screen(
        folder / segment["display"]["path"], [t + latest - segment["display"]["start_time"] for t in times]
    )
    card = card_size(config, screen.width, screen.height)
    edges = zoom_edges(config, card, len(times))
    zooming = [False] + [
        max(abs(a - b) for a, b in zip(now, before, strict=True)) > EDGE_STEP
        for before, now in itertools.pairwise(edges)
    ]
    changed = [share > CHANGED_SHARE for share in screen.shares]
    full = sum(z or c for z, c in zip(zooming, changed, strict=True))

    cursor = load(folder / segment["cursor"])
    epoch_ms = [(t + latest) * 1000 for t in times]
    moving = pointer_moving(cursor, epoch_ms, card)

    presses = load(folder / segment["keyboard"])["presses"]
    strokes = sorted(p["timeMs"] / 1000 for p in presses if p["down"])
    typing = runs(strokes, TYPING_GAP, 0.0)
    typing_frames = sum(any(a <= t + latest <= b for a, b in typing) for t in times)
    scrolls = runs([n / FPS for n, c in enumerate(changed) if c], SCROLL_GAP, SCROLL_MIN)

    camera = camera_track(folder / segment["camera"]["path"]) if segment.get("camera") else None
    mic, peak, silent = mic_track(folder / segment["mic"]["path"]) if segment.get("mic") else (None, -math.inf, 1.0)
    used = {m["cursor_id"] for m in cursor["moves"]}
    return Stats(
        size_bytes=sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()),
        width=screen.width,
        height=screen.height,
        pixel_format=screen.pixel_format,
        colour=screen.colour,
        screen=screen.track,
        camera=camera,
        mic=mic,
        mic_peak_db=round(peak, 2),
        mic_silent_share=round(silent, 3),
        output_frames=len(times),
        output_duration_s=round(len(times) / FPS, 3),
        fully_changed_frames=full,
        fully_changed_percent=round(100 * full / len(times), 2),
        zoom_moving_frames=sum(zooming),
        screen_changed_frames=sum(changed),
        same_screen_frames=screen.same,
        pointer_moving_percent=round(100 * moving / len(times), 2),
        typing_s=round(typing_frames / FPS, 3),
        scrolling_s=round(sum(b - a for a, b in scrolls), 3),
        cursor_shapes=sorted(str(meta["cursors"][i].get("shape")) for i in used),
        clicks=sum(1 for c in cursor["clicks"] if c["down"]),
    )


def describe(stats: Stats) -> str:
    def track(name: str, t: Track | None) -> str:
        if t is None:
            return f"{name:<28}none"
        more = "" if t.distinct is None else f", every frame new: {'yes' if t.distinct else 'no'}"
        return f"{name:<28}{t.codec}, {t.duration_s:.3f} s, {t.frames} frames{more}"

    per_cent = f"{stats.fully_changed_frames} ({stats.fully_changed_percent:.2f} %)"
    return "\n".join(
        [
            f"{'size':<28}{stats.size_bytes / 1e6:.2f} MB",
            f"{'screen':<28}{stats.width}x{stats.height} {stats.pixel_format}, colour {stats.colour}",
            track("screen track", stats.screen),
            track("camera track", stats.camera),
            track("microphone track", stats.mic),
            f"{'microphone':<28}peak {stats.mic_peak_db} dB, silent {100 * stats.mic_silent_share:.1f} %",
            f"{'output at 60 fps':<28}{stats.output_frames} frames, {stats.output_duration_s:.3f} s",
            f"{'fully changed':<28}{per_cent}",
            f"{'  zoom moving':<28}{stats.zoom_moving_frames}",
            f"{'  screen changed > 25 %':<28}{stats.screen_changed_frames}",
            f"{'same screen picture':<28}{stats.same_screen_frames}",
            f"{'pointer moving':<28}{stats.pointer_moving_percent:.2f} %",
            f"{'typing':<28}{stats.typing_s:.2f} s",
            f"{'scrolling':<28}{stats.scrolling_s:.2f} s",
            f"{'pointer shapes, clicks':<28}{', '.join(stats.cursor_shapes)}; {stats.clicks}",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the pinned statistics of a sample recording.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    options = parser.parse_args()
    stats = sample_stats(options.folder)
    print(json.dumps(asdict(stats), indent=2) if options.json else describe(stats))
    return 0


if __name__ == "__main__":
    sys.exit(main())
