"""``plan --trial``: some short stretches are really exported, and the size of all is reckoned from them.

A model cannot tell the noise of a recorder from change: of two recordings that spend the same bits one shrinks to a
tenth. Six stretches of 0.4 s can. Half of them lie where the source spent its bytes, half evenly, and what they took
beside key frames is put down to two causes: the source's bytes there, and how much of the picture the plans change.
"""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.export.plan import Estimate
from reelpress.export.prepare import Job, prepare
from reelpress.export.run import run
from reelpress.media.sizes import sizes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.scene.director import Director

Rows = np.ndarray[Any, np.dtype[np.float64]]

STRETCHES = 6
LENGTH = Fraction(2, 5)
"""Seconds of each."""

FORMATS = ("mp4", "mov", "webm", "gif")
"""Whose pictures can be read one by one, and whose size is not plain from the number of pixels."""

INDEX_BYTES = 12
"""Of a picture in the file's index, about."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch took, and why."""

    frames: int
    keys: tuple[int, ...]
    """Bytes of each key frame."""
    changes: int
    """Bytes of all other pictures."""
    source: float
    """Bytes of the source's pictures that are shown in it, beside key frames."""
    damage: float
    """Sum of the shares of the picture that the plans change from frame to frame."""
    sound: int = 0
    """Bytes."""
    sound_s: float = 0.0
    """Seconds that they last."""


def tried(job: Job) -> Estimate | None:
    """Size of an export by a trial; the plan's own seconds. ``None`` where a trial says nothing.

    Raises:
        ReelpressError: As an export.
    """
    director = job.director
    if job.output.name not in FORMATS or not director.tracks or job.copy is not None:
        return None
    spent = _spent(director)
    total = float(director.duration)
    if total <= 1.5 * STRETCHES * float(LENGTH):
        starts, length = [Fraction(0)], director.duration
    else:
        starts, length = places(spent, total), LENGTH
    with tempfile.TemporaryDirectory(prefix="reelpress-trial-") as folder, _silent():
        found = [_run(job, start, length, spent, Path(folder)) for start in starts]
    size = reckoned(found, director.frames, spent[:, 1].sum() if len(spent) else 0.0, _damage(director), keys_of(job))
    heard = sum(stretch.sound_s for stretch in found)
    if heard:
        size += sum(stretch.sound for stretch in found) / heard * total
    if job.settings.max_size is not None:
        size = min(size, job.settings.max_size)
    return Estimate(int(size), job.plan.estimate.wall_s, "trial")


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Exports of a trial do not announce themselves."""
    logger = logging.getLogger("reelpress.export.run")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def keys_of(job: Job) -> int:
    """Key frames of the whole file."""
    if job.output.name == "gif":
        return 1
    return max(1, math.ceil(job.director.duration / job.settings.gop))


def places(spent: Rows, total: float) -> list[Fraction]:
    """Where the stretches begin, rising, without overlaps: half of them by time, half by the source's bytes."""
    length = float(LENGTH)
    even = [total * (2 * k + 1) / STRETCHES for k in range(STRETCHES // 2)]
    busy = even
    if len(spent) and spent[:, 1].sum() > 0:
        share = np.cumsum(spent[:, 1]) / spent[:, 1].sum()
        busy = [
            float(spent[int(np.searchsorted(share, (k + 0.5) / (STRETCHES // 2))), 0]) for k in range(STRETCHES // 2)
        ]
    chosen: list[float] = []
    for middle in (*busy, *even):
        start = min(max(0.0, middle - length / 2), total - length)
        if all(abs(start - other) >= length for other in chosen):
            chosen.append(start)
    return [Fraction(round(start * 1000), 1000) for start in sorted(chosen)]


def reckoned(found: list[Stretch], frames: int, source: float, damage: float, keys: int) -> float:
    """Bytes of all pictures.

    Args:
        found: The stretches.
        frames: Of the whole export.
        source: As in ``Stretch``, of the whole export.
        damage: The same.
        keys: Key frames of the whole export.
    """
    key = np.mean([size for stretch in found for size in stretch.keys])
    if sum(stretch.frames for stretch in found) >= frames:
        return float(sum(stretch.changes + sum(stretch.keys) for stretch in found) + INDEX_BYTES * frames)
    causes = np.array([[stretch.source, stretch.damage + 0.01 * stretch.frames] for stretch in found])
    effect = np.array([float(stretch.changes) for stretch in found])
    scale = np.maximum(causes.sum(0), 1e-9)
    weights = _two_causes(causes / scale, effect)
    changes = float(weights @ (np.array([source, damage + 0.01 * frames]) / scale))
    return float(key) * keys + changes + INDEX_BYTES * frames


def _two_causes(a: Rows, b: Rows) -> Rows:
    """``x >= 0`` that explains ``b`` by ``a x`` with the same sum; of two ways the one that is less off."""
    best, off = np.zeros(2), math.inf
    for share in np.linspace(0.0, 1.0, 41):
        x = np.array([share, 1 - share])
        whole = float((a @ x).sum())
        if whole <= 0:
            continue
        x = x * b.sum() / whole
        # a little ridge towards the middle: six stretches are few
        error = float(np.square(a @ x - b).sum()) * (1 + 0.2 * (2 * share - 1) ** 2)
        if error < off:
            best, off = x, error
    return best


def _run(job: Job, start: Fraction, length: Fraction, spent: Rows, folder: Path) -> Stretch:
    begin = Fraction(job.director.range.first) / job.director.fps
    target = folder / f"{int(start * 1000)}.{job.output.name}"
    settings = replace(
        job.settings, start=begin + start, end=begin + min(start + length, job.director.duration), subtitles=None,
        report=None, trace=None, max_size=None, title=None, chapters=False, language=None,
        creation_time=False, fps=job.director.fps, verify="fast",
    )  # fmt: skip
    with prepare(job.source, target, settings, estimated=False) as part:
        part.copy = None
        run(part)
        director = part.director
        damage = sum(_share(director, n) for n in range(1, director.frames))
        frames = director.frames
    sizes = sizes_of(target)
    first, last = float(start), float(start + length)
    inside = spent[(spent[:, 0] >= first) & (spent[:, 0] < last), 1].sum() if len(spent) else 0.0
    return Stretch(frames, sizes.keys, sum(sizes.others), float(inside), damage, sizes.sound, float(sizes.sound_s))


def _share(director: Director, n: int) -> float:
    width, height = director.size
    rects = director.plan(n).damage_since(director.plan(n - 1))
    return min(1.0, sum(rect.area for rect in rects) / (width * height))


def _damage(director: Director) -> float:
    """Sum over all frames, from a sample."""
    pairs = min(48, director.frames - 1)
    if pairs < 1:
        return 0.0
    shares = [_share(director, 1 + (director.frames - 2) * k // max(1, pairs - 1)) for k in range(pairs)]
    return sum(shares) / pairs * (director.frames - 1)


def _spent(director: Director) -> Rows:
    """Rows of output seconds and bytes: every picture of the source beside key frames, where its file tells."""
    begin = director.range.first / director.fps
    rows: list[Rows] = []
    for track in director.tracks:
        index, facts = track.index, track.index.packets
        if facts is None:
            continue
        own = (facts.pts - index.start) * float(index.time_base) - float(track.offset)
        change = ~np.isin(facts.pts, index.keyframes)
        for span in director.timeline.spans:
            if str(span.clip.segment) != track.key.partition(":")[2] or span.held:
                continue
            first, last = float(span.source_start), float(span.source_at(span.out_end))
            inside = change & (own >= first) & (own < last)
            at = float(span.out_start - begin) + (own[inside] - first) / float(span.speed)
            rows.append(np.stack([at, facts.size[inside].astype(np.float64)], 1))
    if not rows:
        return np.zeros((0, 2))
    found = np.concatenate(rows)
    found = found[(found[:, 0] >= 0) & (found[:, 0] < float(director.duration))]
    return found[np.argsort(found[:, 0], kind="stable")]
