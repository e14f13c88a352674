"""Recordings in which picture flashes and sound clicks at the same known moments, and where both are in an export.

Nothing here uses the engine: times are worked out from cap-format 1.4 (start times) and 3.12 (clips) with Fractions.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from second_program import Sound

SIZE = (64, 36)
RATE = 48_000
CLICK = Fraction(24, 1000)
"""Seconds of one click: a Hann-shaped burst around its moment. Long enough that AAC and Opus keep its centre."""
HERTZ = 1500
NOISE = 0.0005
LOUD = 0.03
"""Amplitude from which sound is a click; half of the full scale goes in."""
APART = Fraction(3, 10)
"""Seconds between two moments, and between a moment and a cut: clicks do not overlap, no half click is left."""

Floats = npt.NDArray[np.float32]


# --- making -----------------------------------------------------------------------------------------------------------


def write_file(
    path: Path,
    *,
    length: Fraction,
    flashes: Iterable[int] | None = None,
    clicks: Iterable[Fraction] | None = None,
    fps: int = 30,
    video_start: Fraction = Fraction(0),
    audio_start: Fraction = Fraction(0),
    audio_codec: str = "aac",
    preset: str = "veryfast",
) -> Path:
    """A file with a picture (``flashes``: white frames), a sound (``clicks``: times in the file), or both."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        steps: list[Callable[[int], None]] = []
        if flashes is not None:
            steps.append(_picture(container, set(flashes), fps, video_start, length, preset))
        if clicks is not None:
            steps.append(_sound(container, sorted(clicks), audio_start, length, audio_codec))
        for second in range(-(-length.numerator // length.denominator)):
            for step in steps:
                step(second)
        for step in steps:
            step(-1)
    return path


def _picture(container: Any, flashes: set[int], fps: int, start: Fraction, length: Fraction, preset: str) -> Any:
    stream = container.add_stream("libx264", rate=fps, options={"preset": preset, "crf": "20"})
    stream.width, stream.height = SIZE
    stream.pix_fmt = "yuv420p"
    ticks = Fraction(1, 90_000)
    stream.codec_context.time_base = ticks
    stream.codec_context.thread_count = 1
    stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
    stream.codec_context.color_range = 1
    dark, white = (np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8) for _ in range(2))
    dark[: SIZE[1]], white[: SIZE[1]] = 24, 235
    total = int(length * fps)

    def step(second: int) -> None:
        if second < 0:
            container.mux(stream.encode(None))
            return
        for index in range(second * fps, min(total, (second + 1) * fps)):
            frame = av.VideoFrame.from_ndarray(white if index in flashes else dark, format="yuv420p")
            frame.pts, frame.time_base = round((start + Fraction(index, fps)) / ticks), ticks
            container.mux(stream.encode(frame))

    return step


def _sound(container: Any, clicks: Sequence[Fraction], start: Fraction, length: Fraction, codec: str) -> Any:
    stream = container.add_stream(codec, rate=RATE)
    stream.codec_context.layout = "stereo"
    stream.codec_context.bit_rate = 96_000
    sample_format = {"libopus": "flt", "aac": "fltp"}[codec]
    stream.codec_context.format = sample_format
    frame_size = {"libopus": 960, "aac": 1024}[codec]
    total = int(length * RATE)
    at = 0
    rng = np.random.default_rng(1)

    def step(second: int) -> None:
        nonlocal at
        until = total if second < 0 else min(total, (second + 1) * RATE)
        while at < until and (at + frame_size <= until or second < 0):
            count = min(frame_size, total - at)
            block = _click_samples(clicks, start, at, count) + rng.normal(0, NOISE, count).astype(np.float32)
            both = np.stack([block, block])
            data = both if sample_format == "fltp" else both.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=sample_format, layout="stereo")
            frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
            frame.pts = round(start * RATE) + at
            container.mux(stream.encode(frame))
            at += count
        if second < 0:
            container.mux(stream.encode(None))

    return step


def _click_samples(clicks: Sequence[Fraction], start: Fraction, first: int, count: int) -> Floats:
    out = np.zeros(count)
    lo, hi = start + Fraction(first, RATE) - CLICK, start + Fraction(first + count, RATE) + CLICK
    for moment in clicks:
        if lo < moment < hi:
            t = (np.arange(first, first + count) - float((moment - start) * RATE)) / RATE
            near = np.abs(t) < float(CLICK) / 2
            shape = 0.5 + 0.5 * np.cos(2 * np.pi * t / float(CLICK))
            out += np.where(near, 0.5 * shape * np.cos(2 * np.pi * HERTZ * t), 0)
    return out.astype(np.float32)


# --- where it has to be -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A clip of the timeline: ``[start, end)`` of the source in seconds, at a speed."""

    start: Fraction
    end: Fraction
    speed: Fraction = Fraction(1)
    sound: str | None = None
    """speedAudioMode; not given means mute when the speed is not 1."""
    segment: int = 0

    @property
    def length(self) -> Fraction:
        return (self.end - self.start) / self.speed

    @property
    def heard(self) -> bool:
        return self.speed == 1 or self.sound in ("maintainPitch", "matchSpeed")

    def to_json(self) -> dict[str, Any]:
        """As in project-config.json."""
        entry: dict[str, Any] = {
            "recordingSegment": self.segment,
            "timescale": float(self.speed),
            "start": float(self.start),
            "end": float(self.end),
        }
        return entry if self.sound is None else entry | {"speedAudioMode": self.sound}


@dataclass(frozen=True)
class Moment:
    """When something has to be seen and heard in the output."""

    time: Fraction
    speed: Fraction
    heard: bool
    stretched: bool = False
    """Heard at another speed but in its own pitch: pieces of the sound are moved against each other."""


def expected(pieces: Sequence[Piece], moments: Sequence[Sequence[Fraction]]) -> list[Moment]:
    """Output moments for the source moments (t_src) of each segment."""
    found, begin = [], Fraction(0)
    for piece in pieces:
        for t in moments[piece.segment]:
            if piece.start <= t < piece.end:
                at = begin + (t - piece.start) / piece.speed
                stretched = piece.speed != 1 and piece.sound == "maintainPitch"
                found.append(Moment(at, piece.speed, piece.heard, stretched))
        begin += piece.length
    return found


def choose_moments(
    pieces: Sequence[Piece],
    segment: int,
    *,
    grid: Callable[[int], Fraction],
    frames: int,
    fps_out: Fraction,
    fps: int = 30,
    gap: tuple[float, float],
    seed: int,
) -> list[int]:
    """Irregular frame numbers whose times (``grid``: frame -> t_src) are far from cuts and each shown in the output."""
    rng = random.Random(seed)
    chosen: list[int] = []
    at = 0.25
    while (frame := round(at * fps)) < frames - fps // 2:
        t = grid(frame)
        owners = [p for p in pieces if p.segment == segment and p.start - APART < t < p.end + APART]
        if all(p.start + APART * p.speed <= t <= p.end - APART * p.speed for p in owners) and t > APART:
            begin, seen = Fraction(0), True
            for p in pieces:  # is the frame on screen when an output frame is taken?
                if p in owners:
                    first = -(-((begin + (t - p.start) / p.speed) * fps_out) // 1)
                    seen &= first / fps_out < begin + (t + Fraction(1, fps) - p.start) / p.speed
                begin += p.length
            if seen:
                chosen.append(frame)
        at += rng.uniform(*gap)
    return chosen


# --- where it is ------------------------------------------------------------------------------------------------------


def find_flashes(times: Sequence[Fraction], frames: npt.NDArray[np.uint8]) -> list[Fraction]:
    """Times of the first frame of every flash."""
    bright = frames.reshape(len(frames), -1).mean(axis=1) > 128
    return [t for t, now, before in zip(times, bright, [False, *bright[:-1]], strict=True) if now and not before]


def find_clicks(sound: Sound) -> list[Fraction]:
    """Times of the centre (of energy) of every click."""
    loud = np.flatnonzero(np.abs(sound.samples) > LOUD)
    if not loud.size:
        return []
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > RATE // 10) + 1)
    found = []
    for group in groups:
        lo, hi = max(0, group[0] - 480), group[-1] + 480
        energy = sound.samples[lo:hi].astype(float) ** 2
        centre = lo + float((energy * np.arange(len(energy))).sum() / energy.sum())
        found.append(sound.start + Fraction(centre) / sound.rate)
    return found


@dataclass(frozen=True)
class Deviation:
    """Greatest distances in seconds between where things are and where they have to be."""

    moments: int
    flash: float
    click: float
    """Where the sound is as it was or resampled."""
    stretched: float
    """Clicks where the speed changed and the pitch did not."""
    pair: float
    """Flash to click, anywhere."""
    drift: float
    """How much later (or earlier) the clicks of the last tenth are than those of the first, on average."""

    def __str__(self) -> str:
        flash, click, stretched, pair, drift = (
            1000 * v for v in (self.flash, self.click, self.stretched, self.pair, self.drift)
        )
        return (
            f"{self.moments} moments, off by at most: flash {flash:.2f} ms, click {click:.2f} ms (with kept pitch "
            f"{stretched:.2f}), flash to click {pair:.2f} ms; drift {drift:+.3f} ms"
        )


def deviation(want: Sequence[Moment], flashes: Sequence[Fraction], clicks: Sequence[Fraction]) -> Deviation:
    """Compare; a missing or an extra flash or click is an error."""
    heard = [m for m in want if m.heard]
    assert len(flashes) == len(want), [float(t) for t in flashes]
    assert len(clicks) == len(heard), ([float(t) for t in clicks], [float(m.time) for m in heard])
    flash_off = [float(t - m.time) for t, m in zip(flashes, want, strict=True)]
    click_off = [float(t - m.time) for t, m in zip(clicks, heard, strict=True)]
    seen = [t for t, m in zip(flashes, want, strict=True) if m.heard]
    pairs = [float(a - b) for a, b in zip(seen, clicks, strict=True)]
    straight = [off for off, m in zip(click_off, heard, strict=True) if not m.stretched]
    bent = [off for off, m in zip(click_off, heard, strict=True) if m.stretched]
    tenth = max(1, len(straight) // 10)
    drift = float(np.mean(straight[-tenth:]) - np.mean(straight[:tenth]))
    worst = (max(map(abs, values), default=0.0) for values in (flash_off, straight, bent, pairs))
    return Deviation(len(want), *worst, drift)


# --- a .cap -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Starts:
    """Start times of the tracks of one segment, in seconds from its epoch."""

    display: Fraction
    mic: Fraction
    length: Fraction
    """Seconds of each track."""

    @property
    def latest(self) -> Fraction:
        return max(self.display, self.mic)

    def t_src(self, frame: int, fps: int = 30) -> Fraction:
        """Segment time of a frame of the display."""
        return self.display + Fraction(frame, fps) - self.latest


def write_cap(
    folder: Path, starts: Sequence[Starts], pieces: Sequence[Piece], flashes: Sequence[Sequence[int]], fps: int = 30
) -> Path:
    """A project whose display flashes at the given frames and whose microphone clicks at the same real moments."""
    segments = []
    for i, (start, frames) in enumerate(zip(starts, flashes, strict=True)):
        place = f"content/segments/segment-{i}"
        (folder / place).mkdir(parents=True)
        write_file(folder / place / "display.mp4", length=start.length, flashes=frames, fps=fps)
        moments = [start.display + Fraction(frame, fps) - start.mic for frame in frames]
        write_file(
            folder / place / "audio-input.ogg",
            length=start.length,
            clicks=[t for t in moments if t > 0],
            audio_codec="libopus",
        )
        segments.append(
            {
                "display": {"path": f"{place}/display.mp4", "fps": fps, "start_time": float(start.display)},
                "mic": {"path": f"{place}/audio-input.ogg", "start_time": float(start.mic)},
            }
        )
    meta = {"platform": "Linux", "pretty_name": "Flash and click", "sharing": None, "segments": segments, "cursors": {}}
    (folder / "recording-meta.json").write_text(json.dumps(meta))
    (folder / "project-config.json").write_text(json.dumps(look(pieces)))
    return folder


def look(pieces: Sequence[Piece]) -> dict[str, Any]:
    """A project-config.json with nothing but a timeline."""
    return {
        "background": {"source": {"type": "color", "value": [0, 0, 0]}, "padding": 0, "rounding": 0, "shadow": 0},
        "timeline": {"segments": [piece.to_json() for piece in pieces], "zoomSegments": []},
    }
