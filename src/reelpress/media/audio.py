"""The sound of the output: spans of source tracks, cut, sped up, gained and summed as a stream.

Working format: 48 kHz, float32, stereo (cap-format 4). Nothing is ever decoded whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from reelpress.clock import AUDIO_RATE
from reelpress.errors import InputError, SettingsError
from reelpress.media.audio_decode import AudioReader, Channels
from reelpress.media.audio_envelope import FADE, Ramp, cut_fade
from reelpress.media.audio_filters import MAX_SPEED, MIN_SPEED, Samples, change_speed, lead_in
from reelpress.media.audio_limit import Limiter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["FADE", "AudioMixer", "AudioSpan", "Ramp"]

Mode = Literal["normal", "mute", "pitch", "resample"]


@dataclass(frozen=True, slots=True)
class AudioSpan:
    """A stretch of one track in the output. Output positions are 48 kHz samples from the start of the output."""

    path: Path
    stream: int
    """Index of the stream in the file."""
    source_start: Fraction
    """Seconds in the file's own presentation time that are heard at ``out_start``."""
    out_start: int
    out_end: int
    """First sample after the span."""
    speed: Fraction = Fraction(1)
    """Source seconds per output second."""
    mode: Mode = "normal"
    """``normal`` needs speed 1; ``mute`` is silence; ``pitch`` keeps the pitch; ``resample`` lets it follow."""
    gain: float = 1.0
    """Linear factor."""
    channels: Channels = "stereo"
    """``left``/``right``: that channel of a stereo track on both sides."""
    ramps: tuple[Ramp, ...] = ()
    """Fades; their factors are multiplied."""

    def __post_init__(self) -> None:
        if self.out_end < self.out_start:
            raise SettingsError(f"An audio span ends at sample {self.out_end}, before its start at {self.out_start}.")
        if self.mode == "normal" and self.speed != 1:
            raise SettingsError(f"An audio span at speed {self.speed} must say mute, pitch or resample, not normal.")
        if self.mode in ("pitch", "resample") and not MIN_SPEED <= self.speed <= MAX_SPEED:
            raise SettingsError(f"An audio speed of {self.speed} is outside {MIN_SPEED}..{MAX_SPEED}; use mute.")

    @property
    def source_end(self) -> Fraction:
        """Seconds in the file at ``out_end``."""
        return self.source_start + Fraction(self.out_end - self.out_start, AUDIO_RATE) * self.speed

    def continues(self, earlier: AudioSpan) -> bool:
        """Whether this span plays on where ``earlier`` stopped, so that nothing is cut between them.

        Fades do not matter: one that reaches a border has done its work there.
        """
        return (
            (earlier.path, earlier.stream, earlier.channels, earlier.gain, earlier.speed, earlier.mode)
            == (self.path, self.stream, self.channels, self.gain, self.speed, self.mode)
            and earlier.out_end == self.out_start
            and abs(earlier.source_end - self.source_start) * AUDIO_RATE < 1
        )


class AudioMixer:
    """Sum of all spans, softly limited, read from the start to the end in blocks of any size.

    The samples do not depend on the blocks. Below -1 dBFS the sum is passed on bit by bit, see ``audio_limit``.
    One thread uses it; it starts none. Memory: a few decoded frames per span that sounds at the moment. A track
    that is missing or damaged is silence and a line in :attr:`warnings`; after the constructor nothing raises for it.

    Args:
        spans: In any order; they may overlap and leave gaps.
        total_samples: Length of the output; later sound is cut off.
    """

    def __init__(self, spans: Sequence[AudioSpan], total_samples: int) -> None:
        self.total_samples = total_samples
        self.position = 0
        """Sample that the next :meth:`read` begins with."""
        self._warnings: dict[str, None] = {}
        self._idle: dict[tuple[Path, int, Channels], list[AudioReader]] = {}
        """Open readers that play nothing now; two, since a span may begin before the one before it has ended."""
        self._playing: list[_Player] = []
        sounding = [s for s in spans if s.mode != "mute" and s.gain != 0 and s.out_end > s.out_start]
        self._refused = self._check(sounding)
        self._waiting = sorted(sounding, key=lambda s: s.out_start, reverse=True)
        self._fades = {id(span): _fades(span, sounding, total_samples) for span in sounding}
        self._mixed = 0
        """Sample up to which spans were summed: the limiter reads a little ahead."""
        self._limiter = Limiter(self._sum)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be played so far, one sentence each."""
        counted = [line for player in self._playing for line in _complaints(player.reader)]
        return tuple(dict.fromkeys([*self._warnings, *counted]))

    @property
    def buffered_peak(self) -> int:
        """Most samples held decoded by one track so far."""
        readers = [r for idle in self._idle.values() for r in idle] + [player.reader for player in self._playing]
        return max([self._peak, *(reader.buffered_peak for reader in readers)])

    _peak = 0

    @property
    def limited_db(self) -> float:
        """Strongest reduction by the limiter so far, in dB (0 or above); 0 means that nothing was changed."""
        return -20.0 * math.log10(max(1.0 - self._limiter.reduced_by, 1e-9)) + 0.0

    def read(self, count: int) -> Samples:
        """The next ``count`` samples (fewer at the end, then none), within -1..1."""
        end = min(self.position + count, self.total_samples)
        samples = self._limiter.read(max(0, end - self.position))
        self.position = end
        return samples

    def _sum(self, count: int) -> Samples:
        """The next ``count`` samples of the bare sum; zeros after the end.

        Worked off from one start of a span to the next, so that which reader plays which span (and with that every
        bit of it) does not depend on the size of the blocks.
        """
        first, last = self._mixed, self._mixed + count
        mixed = np.zeros((2, count), np.float32)
        end = min(last, self.total_samples)
        at = first
        while at < end:
            while self._waiting and self._waiting[-1].out_start <= at:
                self._begin(self._waiting.pop())
            until = min(end, self._waiting[-1].out_start) if self._waiting else end
            for player in list(self._playing):
                stop = min(until, player.span.out_end)
                begin = max(at, player.span.out_start)
                if begin < stop:
                    mixed[:, begin - first : stop - first] += player.read(begin, stop)
                if player.span.out_end <= until:
                    self._retire(player)
            at = until
        self._mixed = last
        return mixed

    def close(self) -> None:
        """Close all files; harmless twice."""
        for player in list(self._playing):
            self._retire(player)
        for idle in self._idle.values():
            for reader in idle:
                self._let_go(reader)
        self._idle.clear()
        self._waiting.clear()

    def _check(self, spans: Sequence[AudioSpan]) -> set[tuple[Path, int]]:
        """Open every track once, so that what is missing is known before the export starts."""
        refused: set[tuple[Path, int]] = set()
        for key in dict.fromkeys((span.path, span.stream) for span in spans):
            try:
                AudioReader(*key).close()
            except InputError as fault:
                refused.add(key)
                self._warn(f"{fault} It is silent in the output.")
        return refused

    def _begin(self, span: AudioSpan) -> None:
        if (span.path, span.stream) in self._refused:
            return
        idle = self._idle.get((span.path, span.stream, span.channels))
        reader = idle.pop() if idle else None
        try:
            if reader is None:
                reader = AudioReader(span.path, span.stream, span.channels)
            self._playing.append(_Player(span, reader, self._fades[id(span)]))
        except InputError as fault:  # it was there when the mixer was made
            self._warn(f"{fault} It is silent in the output.")

    def _retire(self, player: _Player) -> None:
        self._playing.remove(player)
        reader = player.reader
        key = (reader.path, reader.stream, reader.channels)
        for line in _complaints(reader):
            self._warn(line)
        # Kept open for the next span of the same track, if there is one.
        idle = self._idle.setdefault(key, [])
        if len(idle) < 2 and any((s.path, s.stream, s.channels) == key for s in self._waiting):
            idle.append(reader)
        else:
            self._let_go(reader)

    def _let_go(self, reader: AudioReader) -> None:
        self._peak = max(self._peak, reader.buffered_peak)
        reader.close()

    def _warn(self, line: str) -> None:
        self._warnings[line] = None


class _Player:
    """One span at work."""

    def __init__(self, span: AudioSpan, reader: AudioReader, fades: tuple[bool, bool]) -> None:
        self.span = span
        self.reader = reader
        self._fade_in, self._fade_out = fades
        start = round(span.source_start * AUDIO_RATE)
        self._read: Callable[[int], Samples] = reader.read
        if span.mode in ("pitch", "resample") and span.speed != 1:
            keep_pitch = span.mode == "pitch"
            reader.seek(start - lead_in(span.speed, keep_pitch))
            self._read = change_speed(reader.read, span.speed, keep_pitch)
        else:
            reader.seek(start)

    def read(self, first: int, last: int) -> Samples:
        """Output samples ``first`` to ``last - 1``, with gain and fades; asked in order without gaps."""
        count = last - first
        block = self._read(count)
        if not np.isfinite(block).all():  # a file of floats may hold anything
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        if self.span.gain != 1:
            block = block * np.float32(self.span.gain)
        for ramp in self.span.ramps:
            factors = ramp.gains(first, last)
            if factors is not None:
                block = block * factors
        if self._fade_in and first < self.span.out_start + FADE:
            block = block * cut_fade(np.arange(first, last) - self.span.out_start)
        if self._fade_out and last > self.span.out_end - FADE:
            block = block * cut_fade(self.span.out_end - 1 - np.arange(first, last))
        return block


def _fades(span: AudioSpan, spans: Sequence[AudioSpan], total: int) -> tuple[bool, bool]:
    """Whether a span is cut at its start and at its end, so that it must fade there.

    Not at the ends of the output, not where its neighbour plays on, not where a ramp does the same, and not in front
    of the first sample of a file.
    """
    fade_in = span.out_start > 0 and span.source_start > 0 and not any(span.continues(other) for other in spans)
    fade_out = span.out_end < total and not any(other.continues(span) for other in spans)
    for ramp in span.ramps:
        if ramp.length >= FADE and ramp.rising and ramp.start > span.out_start - 1:
            fade_in = False
        if ramp.length >= FADE and not ramp.rising and ramp.end < span.out_end + 1:
            fade_out = False
    return fade_in, fade_out


def _complaints(reader: AudioReader) -> list[str]:
    lines = []
    if reader.damaged:
        lines.append(f"{reader.path}: {reader.damaged} damaged audio packets were replaced by silence.")
    if reader.ended_early is not None:
        lines.append(f"{reader.path}: reading the sound stopped early ({reader.ended_early}); the rest is silent.")
    return lines
