"""What an export will take: bytes and seconds, from the plan alone, by a small model that was fitted to real exports.

``reelpress plan`` tries parts of the export instead (``trial``); the model is for where there is no time for that.

**Bytes.** The logarithm of the bytes a second and a pixel is linear in a few numbers (``SIZE_TERMS``): what the source
itself spent on its key frames and on its changes, how much of the picture the plan changes from frame to frame (on a
sample of frames), how much of that is motion of the scene and not of the source, scale, rates, CRF.

**Seconds.** Processor time is a sum of work (``WORK_TERMS``: pixels decoded, composed, encoded, ...), each with its
cost on the machine of the calibration. The machine at hand is so much faster or slower as its ``score`` says, a
benchmark of a tenth of a second that ``reelpress plan`` runs once and keeps. Wall time is that over as many cores as
the stages keep busy, and a constant.

The numbers come from ``tools/calibrate_estimates.py``, which writes ``estimates.json`` beside this file, and its runs
and errors to ``benchmarks/results/estimates.json``.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.export.plan import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from reelpress.encode.rate import RateControl
    from reelpress.export.outputs.base import Output
    from reelpress.export.settings import ExportSettings
    from reelpress.recording.model import Recording, VideoTrack
    from reelpress.scene.director import Director

DATA = Path(__file__).with_suffix(".json")

SAMPLES = 32
"""Pairs of neighbouring frames whose plans are compared: 5 to 30 ms at most sources."""

PRESET_COST = {
    "ultrafast": 0.45, "superfast": 0.8, "veryfast": 1.0, "faster": 1.4, "fast": 1.7, "medium": 2.1, "slow": 3.4,
    "slower": 6.5, "veryslow": 12.0,
}  # fmt: skip
"""Processor time of x264 a pixel, against veryfast."""

SOUND_RATE = 192_000
"""Bits a second of the sound track."""

BUSY_CORES = 6.0
"""More cores than this the stages do not keep busy: one each, and what x264 finds to do at the same time."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the models are given; all of it is known before the first frame."""

    frames: int
    pixels: int
    """Of an output picture."""
    fps: float
    crf: float
    preset_cost: float
    gop_s: float
    gif_quality: float
    held: float
    """Share of frames in which the plan changes nothing."""
    damaged: float
    """Share of the picture that the plan changes from one frame to the next, on average."""
    moving: float
    """Share of frames in which much changes although the source's picture stays: zooms, transitions, animation."""
    source_pixels: int
    """Of the display's picture."""
    source_frames: float
    """Pictures of the source that are shown, for one of the output."""
    decoded_pixels: float
    """Of all tracks, in all."""
    source_bits: float
    """Bits a second that the source's tracks spend beside key frames, for a pixel of the display."""
    key_bits: float
    """Bits of one key frame of the display, for a pixel of it."""
    noisy: float
    """1 for plain videos, whose pictures are compared with those before."""
    sound: float

    @property
    def seconds(self) -> float:
        """Of output."""
        return self.frames / self.fps


def size_terms(f: Features) -> dict[str, float]:
    """The numbers in which the logarithm of bits a second and a pixel is linear, beside a constant."""
    return {
        "changes": math.log(f.source_bits + 1e-3),
        "keys": math.log(f.key_bits + 1e-2),
        "scale": math.log(f.pixels / f.source_pixels),
        "damaged": math.log(f.damaged * f.fps + 0.2),
        "moving": f.moving,
        "noisy": f.noisy,
        "crf": (f.crf - 20) / 6,
        "quality": (f.gif_quality - 90) / 50,
        "fps": math.log(f.fps / 30),
        "gop": math.log(f.gop_s / 2),
    }


SIZE_TERMS = ("changes", "keys", "scale", "damaged", "moving", "noisy", "crf", "quality", "fps", "gop")


def work_terms(f: Features) -> dict[str, float]:
    """Work in units that take about 10 ms each: what processor time is a sum of, beside nothing at all."""
    drawn = f.frames * f.pixels * f.damaged
    return {
        "decode": f.decoded_pixels / 1e7,
        "compose": drawn / 5e6,
        "encode": drawn * f.preset_cost / 2e6,
        "compare": f.noisy * f.frames * f.pixels / 1e7,
        "move": f.moving * f.frames * f.pixels / 2e6,
        "every": f.frames * f.pixels / 1e7,
        "frames": f.frames / 20.0,
    }


WORK_TERMS = ("decode", "compose", "encode", "compare", "move", "every", "frames")


def features(
    director: Director, recording: Recording, settings: ExportSettings, rate: RateControl, *, sound: bool
) -> Features:
    """What the models are given, of an export that is planned."""
    width, height = director.size
    held = damaged = moving = 0.0
    pairs = min(SAMPLES, max(0, director.frames - 1))
    for k in range(pairs):
        n = 1 + (director.frames - 2) * k // max(1, pairs - 1)
        before, after = director.plan(n - 1), director.plan(n)
        share = min(1.0, sum(rect.area for rect in after.damage_since(before)) / (width * height))
        held += share == 0
        damaged += share
        same = {p.source: p.frame for p in before.pictures()} == {p.source: p.frame for p in after.pictures()}
        moving += same and share > 0.05
    tracks = [_Spent.of(track, director) for track in director.tracks]
    display = next(
        (spent for spent in tracks if spent.display), tracks[0] if tracks else _Spent(True, 1, 0.0, 0.0, 0.0)
    )
    seconds = director.frames / float(director.fps)
    shown = [spent for spent in tracks if spent.display]
    return Features(
        frames=director.frames,
        pixels=width * height,
        fps=float(director.fps),
        crf=rate.crf,
        preset_cost=PRESET_COST.get(rate.preset, 2.0),
        gop_s=float(settings.gop),
        gif_quality=90.0 if settings.gif_quality is None else float(settings.gif_quality),
        held=held / max(1, pairs),
        damaged=damaged / max(1, pairs),
        moving=moving / max(1, pairs),
        source_pixels=display.pixels,
        source_frames=sum(spent.pictures for spent in shown) / director.frames,
        decoded_pixels=sum(spent.pictures * spent.pixels for spent in tracks),
        source_bits=8 * sum(spent.change_bytes for spent in tracks) / seconds / display.pixels,
        key_bits=8 * display.key_bytes / display.pixels,
        noisy=float(not recording.is_cap),
        sound=float(sound),
    )


@dataclass(frozen=True, slots=True)
class _Spent:
    """What a track's own encoder spent on what is shown of it."""

    display: bool
    pixels: int
    pictures: float
    change_bytes: float
    """Of all pictures but key frames."""
    key_bytes: float
    """Of one key frame."""

    @classmethod
    def of(cls, track: VideoTrack, director: Director) -> _Spent:
        info, index = track.info, track.index
        pixels = info.width * info.height
        first, last = _source_range(track, director)
        length = float(index.duration) or 1.0
        share = min(1.0, max(0.0, (last - first) / length)) if last > first else 1.0
        facts = index.packets
        if facts is None or not len(facts.size):
            total = (info.bit_rate or 0) * length / 8 or track.path.stat().st_size
            key = total * 0.3 / max(1, len(index.keyframes))
            return cls(track.key.startswith("display"), pixels, len(index) * share, total * 0.7 * share, key)
        import numpy as np

        keys = np.isin(facts.pts, index.keyframes)
        at = (facts.pts - index.start) * float(index.time_base)
        inside = (at >= first) & (at < last) if last > first else np.ones(len(at), bool)
        if not inside.any():
            inside = np.ones(len(at), bool)
        change = float(facts.size[inside & ~keys].sum())
        key = float(facts.size[keys].mean()) if keys.any() else float(facts.size.max())
        return cls(track.key.startswith("display"), pixels, float(inside.sum()), change, key)


def shown_pictures(track: VideoTrack, director: Director) -> int:
    """Pictures of a track from the first to the last that an export shows."""
    return round(_Spent.of(track, director).pictures)


def _source_range(track: VideoTrack, director: Director) -> tuple[float, float]:
    """Seconds of the track's file from the first to the last moment that is shown of its segment."""
    begin, end = director.range.first / director.fps, (director.range.first + director.range.count) / director.fps
    segment = track.key.partition(":")[2]
    times: list[Fraction] = []
    for span in director.timeline.spans:
        first, last = max(span.out_start, begin), min(span.out_end, end)
        if last > first and str(span.clip.segment) == segment:
            times += [span.source_at(first), span.source_at(last)]
    return (float(min(times) + track.offset), float(max(times) + track.offset)) if times else (0.0, 0.0)


# The models


@cache
def data() -> dict[str, Any]:
    """What was fitted; ``{}`` where there is nothing."""
    try:
        found: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def video_bytes(f: Features, fit: Mapping[str, Any]) -> float:
    """Bytes of the pictures. Numbers beyond those that were fitted count as the last ones that were."""
    terms = size_terms(f)
    total = float(fit["constant"])
    for name, slope in fit["slopes"].items():
        low, high = fit["ranges"][name]
        total += slope * min(max(terms[name], low), high)
    return math.exp(total) * f.pixels * f.seconds / 8


def cpu_seconds(f: Features, fit: Mapping[str, Any]) -> float:
    """Processor time on the machine of the calibration."""
    terms = work_terms(f)
    return sum(float(cost) * terms[name] for name, cost in fit["costs"].items())


def wall_seconds(cpu: float, cores: int, fit: Mapping[str, Any]) -> float:
    """``cpu`` spread over the cores that the stages keep busy, and the constant."""
    busy = min(max(1.0, cores * float(fit["share"])), BUSY_CORES)
    return float(fit["constant_s"]) + cpu / busy


def expected(
    output: Output,
    director: Director,
    recording: Recording,
    settings: ExportSettings,
    rate: RateControl,
    *,
    sound: bool,
    cores: int,
) -> Estimate | None:
    """Size and time of an export; ``None`` for a format that was not calibrated."""
    fit = data().get("formats", {}).get(key_of(output))
    if fit is None or not director.tracks:
        return None
    f = features(director, recording, settings, rate, sound=sound)
    size = video_bytes(f, fit["size"]) + (SOUND_RATE / 8 * f.seconds if sound else 0)
    if settings.max_size is not None and output.name == "gif":
        size = min(size, settings.max_size)
    slower = float(data()["machine"]["score"]) / (known_score() or float(data()["machine"]["score"]))
    return Estimate(int(size), round(wall_seconds(cpu_seconds(f, fit["time"]) * slower, cores, fit["time"]), 1))


def key_of(output: Output) -> str:
    """By which a format's numbers are found: ``mp4-h264``, ``gif``."""
    return output.name if output.name == output.video_codec else f"{output.name}-{output.video_codec}"


# The machine

SCORE_FILE = "machine.json"
_SCORE_VERSION = 1


def measure_score(budget_s: float = 0.1) -> float:
    """How fast one core is: rounds a second of sums over bytes (as composing does) and of compressing (as encoding).

    The best of ten pieces of the time: a busy machine takes some away, never adds.
    """
    import numpy as np

    ramp = np.arange(1 << 16, dtype=np.uint32)
    left = ((ramp * 2654435761) >> 13).astype(np.uint8)
    right = np.roll(left, 7)
    text = left[: 1 << 13].tobytes() + bytes(1 << 13)
    best = 0.0
    for _ in range(10):
        rounds, begin = 0, time.perf_counter()
        while (took := time.perf_counter() - begin) < budget_s / 10:
            np.abs(left.astype(np.int16) - right).sum()
            ((left.astype(np.uint16) * 77 + right.astype(np.uint16) * 179 + 128) >> 8).astype(np.uint8)
            zlib.compress(text, 1)
            rounds += 1
        best = max(best, rounds / took)
    return best


def _score_path() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("reelpress", appauthor=False) / SCORE_FILE


def _machine_name() -> str:
    import platform

    return (
        f"{_SCORE_VERSION} {platform.system()} {platform.machine()} {platform.processor()} {platform.python_version()}"
    )


def known_score() -> float | None:
    """What was measured on this machine before."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(_score_path().read_text(encoding="utf-8"))
        if found["machine"] == _machine_name() and float(found["score"]) > 0:
            return float(found["score"])
    return None


def know_machine() -> float:
    """The machine's score: the one that is kept, or measured now (0.1 s) and kept."""
    score = known_score()
    if score is not None:
        return score
    score = measure_score()
    path = _score_path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"machine": _machine_name(), "score": round(score, 1)}), encoding="utf-8")
        part.replace(path)
    return score


def as_dict(f: Features) -> dict[str, float]:
    """For the calibration's records."""
    return {name: round(float(value), 6) for name, value in asdict(f).items()}
