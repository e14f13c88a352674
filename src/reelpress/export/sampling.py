"""Which frames of an export are tried, and what follows from them for all: arithmetic, nothing is run here.

Both rest on two things that are known of every frame before anything is decoded: what the source's own encoder spent
on its pictures, and how much of the picture the plans change.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.export.sampled import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.scene.director import Director

Row = np.ndarray[Any, np.dtype[np.float64]]

PAIRS = 240
"""Pairs of neighbouring frames whose plans are compared at most: about 0.1 s."""
SHARES = (0.4, 0.3, 0.3)
"""How much the source's bytes, the plans' changes and time alone count for where windows lie."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the frames of an export; each array has one number for each of them."""

    source: Row
    """Bytes of the source's pictures that are new in it, beside key frames."""
    damage: Row
    """Share of the picture in which its plan differs from the one before; 1 for the first. Between the frames that were
    looked at, that of the nearest one."""

    @property
    def frames(self) -> int:
        return len(self.source)

    def causes(self) -> Row:
        """Shape (frames, 3): the two and time, each with a sum of 1 (or 0 where there is nothing of it)."""
        columns = [self.source, self.damage, np.ones(self.frames)]
        return np.stack([column / max(float(column.sum()), 1e-12) for column in columns], 1)

    def mass(self) -> Row:
        """How much each frame matters, with a sum of 1."""
        mixed: Row = self.causes() @ np.array(SHARES)
        return mixed / float(mixed.sum())


def facts_of(director: Director) -> Facts:
    """Look at the plans and the sources' packets."""
    frames = director.frames
    step = max(1, -(-frames // PAIRS))
    looked = np.arange(min(1, frames - 1), frames, step)
    shares = np.array([share_of(director, int(n)) for n in looked])
    nearest = np.clip(np.round((np.arange(frames) - looked[0]) / step).astype(np.int64), 0, len(looked) - 1)
    damage = shares[nearest]
    damage[0] = 1.0
    source = np.zeros(frames)
    spent = spent_of(director)
    if len(spent):
        at = np.ceil(spent[:, 0] * float(director.fps) - 1e-6).astype(np.int64)
        np.add.at(source, np.clip(at, 0, frames - 1), spent[:, 1])
    return Facts(source, damage)


def share_of(director: Director, n: int) -> float:
    """Share of the picture in which plan ``n`` differs from the one before it."""
    if n == 0:
        return 1.0
    before = director.plan(n - 1)
    rects = director.plan(n).damage_since(before)
    width, height = director.size
    return min(1.0, sum(rect.area for rect in rects) / (width * height))


def spent_of(director: Director) -> Row:
    """Rows of output seconds and bytes: every picture of the source beside key frames, where its file tells."""
    begin = director.range.first / director.fps
    rows: list[Row] = []
    for track in director.tracks:
        index, packets = track.index, track.index.packets
        if packets is None:
            continue
        own = (packets.pts - index.start) * float(index.time_base) - float(track.offset)
        change = ~np.isin(packets.pts, index.keyframes)
        for span in director.timeline.spans:
            if str(span.clip.segment) != track.key.partition(":")[2] or span.held:
                continue
            first, last = float(span.source_start), float(span.source_at(span.out_end))
            inside = change & (own >= first) & (own < last)
            at = float(span.out_start - begin) + (own[inside] - first) / float(span.speed)
            rows.append(np.stack([at, packets.size[inside].astype(np.float64)], 1))
    if not rows:
        return np.zeros((0, 2))
    found = np.concatenate(rows)
    found = found[(found[:, 0] >= 0) & (found[:, 0] < float(director.duration))]
    return found[np.argsort(found[:, 0], kind="stable")]


def windows_of(facts: Facts, count: int, length: int, taken: Sequence[Window] = ()) -> list[Window]:
    """Up to ``count`` windows of ``length`` frames each, rising and apart.

    The export is cut into cells of that length; those of ``taken`` are out. The others are divided into ``count``
    stretches that matter equally (:meth:`Facts.mass`), and of each the cell in its middle is a window. So a window
    lies where a large change is, and quiet stretches have theirs too.
    """
    cells = facts.frames // length
    mass = facts.mass()[: cells * length].reshape(cells, length).sum(1)
    free = np.ones(cells, np.bool_)
    free[[window.first // length for window in taken]] = False
    count = min(count, int(free.sum()))
    if count < 1:
        return []
    mass = np.cumsum(np.where(free, mass, 0.0))
    middles = np.searchsorted(mass, (np.arange(count) + 0.5) / count * mass[-1])
    chosen = dict.fromkeys(int(middle) for middle in middles if free[min(middle, cells - 1)])
    # one that holds the middles of two stretches leaves one over, for what matters most of the rest
    spare = [int(cell) for cell in np.argsort(-np.diff(mass, prepend=0.0)) if free[cell] and int(cell) not in chosen]
    every = sorted([*chosen, *spare[: count - len(chosen)]])
    return [Window(cell * length, (cell + 1) * length) for cell in every]


def total(facts: Facts, windows: Sequence[Window], found: Sequence[Row], *, first_too: bool) -> float:
    """The sum over all frames of something that was measured in some windows.

    Two answers are averaged: one takes what was found to grow as frames matter, the other by the three causes
    (``x >= 0`` that explain the windows' sums best).

    Args:
        facts: Of all frames.
        windows: Those that were measured.
        found: For each window a number for each frame of it; NaN where there is none.
        first_too: Whether the first frame of a window says anything: the picture before it was another one than in the
            export, so what it takes more than that one is no frame of the export. It is then reckoned as all others.
    """
    skip = 0 if first_too else 1
    causes, mass = facts.causes(), facts.mass()
    rows, sums = [], []
    seen = np.zeros(facts.frames, np.bool_)
    for window, values in zip(windows, found, strict=True):
        told = np.arange(window.first + skip, window.last)[~np.isnan(values[skip:])]
        seen[told] = True
        rows.append(causes[told].sum(0))
        sums.append(float(np.nansum(values[skip:])))
    if not seen.any():
        return 0.0
    known = sum(sums)
    rest = causes[~seen].sum(0)
    by_mass = known * float(mass[~seen].sum()) / max(float(mass[seen].sum()), 1e-12)
    if len(rows) < 3:
        return known + by_mass
    table, answers = np.array(rows), np.array(sums)
    weight = 1 / np.sqrt(table @ np.array(SHARES) + 1e-9)
    by_cause = float(rest @ non_negative(table * weight[:, None], answers * weight))
    return known + 0.5 * by_mass + 0.5 * by_cause


def non_negative(a: Row, b: Row) -> Row:
    """``x >= 0`` with the least ``|a x - b|``; of few columns, so all choices of them are tried."""
    columns = a.shape[1]
    best, off = np.zeros(columns), float(np.square(b).sum())
    for size in range(1, columns + 1):
        for chosen in combinations(range(columns), size):
            part = a[:, chosen]
            x = np.linalg.lstsq(part, b, rcond=None)[0]
            error = float(np.square(part @ x - b).sum())
            if (x >= 0).all() and error < off * (1 - 1e-9):
                best, off = np.zeros(columns), error
                best[list(chosen)] = x
    return best
