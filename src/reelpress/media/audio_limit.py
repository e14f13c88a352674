"""A soft limiter for the mix: nothing below -1 dBFS is touched, nothing leaves -1..1, and no sample moves.

The gain of a moment follows the louder of the two sides, so that the stereo image stands still.

Curve: a peak ``p`` is let through as it is up to ``T = 10^(-1/20)`` (0.891, -1 dBFS), above that it comes out as
``T + (1 - T) tanh((p - T) / (1 - T))``: 0.974 for a peak of 1, and never more than 1. The slope is 1 at ``T``.

Time: the gain is worked out on a grid of ``HOP`` samples and is linear in between. It begins to fall ``ATTACK`` hops
(5.3 ms) before the peak, along half a cosine, stays for ``HOLD`` hops (16 ms) and comes back with a time constant of
``RELEASE_S``. Attack and hold together are longer than the 20 ms between two peaks of 25 Hz, so the gain of a steady
tone does not move within its period: it is turned down and not bent. The look-ahead is made up for by reading ahead,
so the output is not later than the input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.clock import AUDIO_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.media.audio_filters import Samples

THRESHOLD = 10.0 ** (-1 / 20)
"""Peaks up to here are let through bit by bit."""
HOP = 32
"""Samples (0.67 ms) between two points of the gain."""
ATTACK = 8
HOLD = 24
RELEASE_S = 0.06
"""Time constant, in seconds, of the way back to 1."""
_RELEASE = math.exp(-HOP / (AUDIO_RATE * RELEASE_S))
_DONE = 1e-4
"""A reduction below this (0.0009 dB) ends: from there on samples are passed through unchanged again."""

LOOKAHEAD = ATTACK * HOP
"""Samples read ahead, besides the rest of a hop."""

_WEIGHTS = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(ATTACK) + 0.5) / ATTACK)
_WEIGHTS /= _WEIGHTS.sum()
_ACROSS = np.arange(HOP) / HOP

Doubles = np.ndarray[Any, np.dtype[np.float64]]


def curve(peak: Doubles) -> Doubles:
    """What comes out for a steady peak (absolute value, at least 0)."""
    room = 1.0 - THRESHOLD
    return np.where(peak > THRESHOLD, THRESHOLD + room * np.tanh((peak - THRESHOLD) / room), peak)


class Limiter:
    """Limit a stream. One thread uses it. Memory: a few hops beyond what is asked for at once.

    Args:
        source: ``source(n)`` gives the next n samples of the mix, always that many (zeros after its end).
    """

    def __init__(self, source: Callable[[int], Samples]) -> None:
        self._source = source
        # In front of the first sample lie ATTACK hops of silence, in which the gain for it can fall.
        self._raw: Samples = np.zeros((2, LOOKAHEAD), np.float32)
        """From the next hop to be let out on."""
        self._allowed: Doubles = np.ones(HOLD + 1 + ATTACK)
        """Greatest gain that each hop bears: the last HOLD + 1 that were let out, then those of ``_raw``."""
        self._reduced: Doubles = np.zeros(ATTACK)
        """``1 - gain`` before smoothing, at the last ATTACK points of the grid, the next hop's start included."""
        self._ready: Samples = np.zeros((2, 0), np.float32)
        self._skip = LOOKAHEAD
        self.reduced_by = 0.0
        """Strongest reduction so far, as ``1 - gain``."""

    def read(self, count: int) -> Samples:
        """The next ``count`` samples, every one within -1..1."""
        missing = count + self._skip - self._ready.shape[1]
        if missing > 0:
            made = self._hops(-(-missing // HOP))
            self._ready = np.concatenate([self._ready, made], axis=1) if self._ready.shape[1] else made
        if self._skip:
            self._ready, self._skip = self._ready[:, self._skip :], 0
        out = self._ready[:, :count]
        self._ready = self._ready[:, count:].copy()
        return out

    def _hops(self, count: int) -> Samples:
        """The next ``count`` hops."""
        fresh = self._source(count * HOP)
        raw = np.concatenate([self._raw, fresh], axis=1)
        peaks = np.abs(fresh).max(axis=0).reshape(count, HOP).max(axis=1).astype(np.float64)
        loud = peaks > THRESHOLD
        fits = np.ones(count)
        fits[loud] = curve(peaks[loud]) / peaks[loud]
        allowed = np.concatenate([self._allowed, fits])
        self._raw, self._allowed = raw[:, count * HOP :].copy(), allowed[count:]
        raw = raw[:, : count * HOP]
        if not self._reduced.any() and (allowed == 1.0).all():
            return raw
        reduced = np.concatenate([self._reduced, self._falls(allowed, count)])
        self._reduced = reduced[count:]
        # Points of the grid: the start of each hop, and the end of the last. A sum in a fixed order, and exactly 1
        # where nothing is reduced, whatever the number of hops asked for at once.
        total = np.zeros(count + 1)
        for j in range(ATTACK):
            total += _WEIGHTS[j] * reduced[ATTACK - 1 - j : ATTACK + count - j]
        points = 1.0 - total
        self.reduced_by = max(self.reduced_by, float(total.max()))
        gains = (points[:-1, None] + (points[1:] - points[:-1])[:, None] * _ACROSS).ravel()
        limited: Samples = raw * gains.astype(np.float32)
        return np.clip(limited, -1.0, 1.0)  # for the last bit of a rounding

    def _falls(self, allowed: Doubles, count: int) -> Doubles:
        """``1 - gain`` at the ends of ``count`` hops: at once down to what the hops around bear, slowly back."""
        # The end of hop h is followed by ATTACK hops that have been read, and preceded by HOLD + 1.
        windows = np.lib.stride_tricks.sliding_window_view(allowed[1:], HOLD + ATTACK + 1)
        wanted = 1.0 - windows.min(axis=1)[:count]
        falls = np.empty(count)
        last = float(self._reduced[-1])
        for k, least in enumerate(wanted.tolist()):
            last = max(least, last * _RELEASE)
            if last < _DONE and least == 0.0:
                last = 0.0
            falls[k] = last
        return falls
