"""Sound against picture, by flashes and clicks: for recordings that carry such marks, silent about all others.

A flash is a rise of the mean luma by 40 codes or more from one picture to the next that is gone again within half a
second; its time is the presentation time of its first picture. A click is a sound above 3 % of the full scale after
50 ms below a third of that, gone again within 150 ms. Its time is its centre of energy when it lasts up to 40 ms (which
codecs keep where it was), else the first sample above half of its peak. Flash and click within a quarter of a second
belong together. There must be at least two pairs, and at least half of the flashes must have a click: less is chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.clock import AUDIO_RATE
from reelpress.media.audio_decode import AudioReader

if TYPE_CHECKING:
    from pathlib import Path

RISE = 40.0
FLASH_S = Fraction(1, 2)
LOUD = 0.03
QUIET_S = 0.050
CLICK_S = 0.150
SHORT_S = 0.040
PAIR_S = 0.25
LEAST = 2

_Samples = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class SyncEvent:
    """A flash with its click."""

    time_s: float
    """Of the flash, from the first picture."""
    offset_ms: float
    """How much later the click is; negative: earlier."""


@dataclass(frozen=True, slots=True)
class SyncFacts:
    """Of one file."""

    flashes: int
    clicks: int
    events: tuple[SyncEvent, ...]
    mean_ms: float
    worst_ms: float
    """The offset furthest from zero."""
    drift_ms: float
    """Mean offset of the last tenth of the events less that of the first."""


@dataclass(frozen=True, slots=True)
class SyncComparison:
    """Of both; ``None`` where a file has no marks."""

    a: SyncFacts | None
    b: SyncFacts | None
    difference_ms: float | None
    """Mean offset of B less that of A."""


class FlashFinder:
    """Finds flashes in the mean luma of pictures as they come."""

    def __init__(self) -> None:
        self.times: list[Fraction] = []
        self._last: float | None = None
        self._open: tuple[Fraction, float] | None = None

    def add(self, time: Fraction, mean: float) -> None:
        """The next picture."""
        last, self._last = self._last, mean
        if self._open is not None:
            since, level = self._open
            if mean < level:
                self.times.append(since)
                self._open = None
            elif time - since > FLASH_S:
                self._open = None  # a new scene
        elif last is not None and mean - last >= RISE:
            self._open = (time, (mean + last) / 2)


class ClickFinder:
    """Finds clicks in mono sound as it comes, block by block."""

    def __init__(self) -> None:
        self.samples: list[float] = []
        """Positions of the clicks."""
        self.position = 0
        """Samples seen so far."""
        self._group: list[tuple[int, _Samples]] = []
        """The sound of a click that has not ended, with where each piece of it begins."""
        self._tail = np.zeros(0, np.float32)
        self._last_noise = -(1 << 60)
        self._last_loud = -(1 << 60)
        self._clean = False

    def add(self, block: _Samples) -> None:
        """The next samples."""
        quiet = round(QUIET_S * AUDIO_RATE)
        level = np.abs(block)
        active = np.flatnonzero(level > LOUD / 3)
        if active.size:
            edges = np.flatnonzero(np.diff(active) > quiet) + 1
            for part in np.split(active, edges):
                first, last = self.position + int(part[0]), self.position + int(part[-1])
                if first - self._last_noise > quiet:
                    self._finish()
                    self._clean = True
                if self._clean:
                    piece = block[part[0] : part[-1] + 1]
                    self._group.append((first, piece.copy()))
                    if last - self._group[0][0] > CLICK_S * AUDIO_RATE:
                        self._clean = False  # it goes on: speech or music
                        self._group.clear()
                self._last_noise = last
        self.position += len(block)
        if self.position - self._last_noise > quiet:
            self._finish()

    def end(self) -> None:
        """There is no more sound."""
        self._finish()

    def _finish(self) -> None:
        group, self._group = self._group, []
        self._clean = False
        if not group:
            return
        begin = group[0][0]
        sound = np.zeros(group[-1][0] + len(group[-1][1]) - begin, np.float64)
        for at, piece in group:
            sound[at - begin : at - begin + len(piece)] = piece
        level = np.abs(sound)
        peak = float(level.max())
        if peak < LOUD:
            return
        loud = np.flatnonzero(level >= max(LOUD, peak / 10))
        if loud[-1] - loud[0] <= SHORT_S * AUDIO_RATE:
            energy = sound * sound
            self.samples.append(begin + float((energy * np.arange(len(energy))).sum() / energy.sum()))
        else:
            self.samples.append(float(begin + int(np.argmax(level >= peak / 2))))


def find_clicks(path: Path, stream: int, start: Fraction, end: Fraction) -> list[float]:
    """Clicks of one audio stream between two presentation times of the file, in seconds from ``start``.

    Raises:
        InputError: The stream cannot be opened.
    """
    reader = AudioReader(path, stream)
    finder = ClickFinder()
    first, last = round(start * AUDIO_RATE), round(end * AUDIO_RATE)
    try:
        reader.seek(first)
        while first + finder.position < last:
            count = min(AUDIO_RATE, last - first - finder.position)
            finder.add(reader.read(count).mean(axis=0))
    finally:
        reader.close()
    finder.end()
    return [s / AUDIO_RATE for s in finder.samples]


def pair(flashes: list[Fraction], clicks: list[float]) -> SyncFacts | None:
    """What belongs together; ``None`` when there are no marks."""
    if len(flashes) < LEAST or len(clicks) < LEAST:
        return None
    sorted_clicks = np.array(clicks)
    events = []
    for flash in flashes:
        time = float(flash)
        nearest = float(sorted_clicks[np.argmin(np.abs(sorted_clicks - time))])
        if abs(nearest - time) <= PAIR_S:
            events.append(SyncEvent(time, 1000 * (nearest - time)))
    if len(events) < LEAST or 2 * len(events) < len(flashes):
        return None
    offsets = np.array([e.offset_ms for e in events])
    tenth = max(1, len(events) // 10)
    drift = float(offsets[-tenth:].mean() - offsets[:tenth].mean())
    worst = float(offsets[np.argmax(np.abs(offsets))])
    return SyncFacts(len(flashes), len(clicks), tuple(events), float(offsets.mean()), worst, drift)


def compare_sync(a: SyncFacts | None, b: SyncFacts | None) -> SyncComparison | None:
    """Both side by side; ``None`` when neither has marks."""
    if a is None and b is None:
        return None
    return SyncComparison(a, b, None if a is None or b is None else b.mean_ms - a.mean_ms)
