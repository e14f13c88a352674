"""The limiter: identity below -1 dBFS, a peak bound, no distortion of tones, no shift in time, any block size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.media.audio_limit import HOLD, HOP, LOOKAHEAD, RELEASE_S, THRESHOLD, Limiter, curve

RATE = 48_000
Sound = np.ndarray[Any, np.dtype[np.float32]]


class Tape:
    """A source that gives zeros after its end and knows how far it was read."""

    def __init__(self, sound: Sound) -> None:
        self.sound, self.at = sound, 0

    def __call__(self, count: int) -> Sound:
        part = self.sound[:, self.at : self.at + count]
        self.at += count
        return np.pad(part, ((0, 0), (0, count - part.shape[1])))


def limited(sound: Sound, blocks: list[int] | None = None) -> Sound:
    limiter = Limiter(Tape(sound))
    if blocks is None:
        return limiter.read(sound.shape[1])
    parts, done, k = [], 0, 0
    while done < sound.shape[1]:
        count = min(blocks[k % len(blocks)], sound.shape[1] - done)
        parts.append(limiter.read(count))
        done, k = done + count, k + 1
    return np.concatenate(parts, axis=1)


def tone(hertz: float, peak: float, seconds: float = 1.0) -> Sound:
    wave = peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def test_the_curve() -> None:
    peaks = np.linspace(0, 8, 4001)
    out = curve(peaks)
    below = peaks <= 10 ** (-1 / 20)
    assert np.array_equal(out[below], peaks[below])
    assert (np.diff(out) >= 0).all()
    assert out.max() <= 1.0
    slope = np.diff(out) / np.diff(peaks)
    assert np.abs(np.diff(slope[peaks[1:] < 0.9])).max() < 0.01  # no corner at the threshold
    assert curve(np.array([1.0]))[0] == pytest.approx(0.974074, abs=1e-6)  # 0.891251 + 0.108749 tanh(1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), peak=st.floats(0.01, 0.8912), block=st.integers(1, 5000))
def test_below_the_threshold_every_bit_stays(seed: int, peak: float, block: int) -> None:
    sound = np.random.default_rng(seed).uniform(-peak, peak, (2, 6000)).astype(np.float32)
    assert np.array_equal(limited(sound, [block]), sound)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    level=st.floats(0.5, 40),
    spikes=st.integers(0, 30),
    blocks=st.lists(st.integers(1, 3000), min_size=1, max_size=5),
)
def test_nothing_leaves_the_range_and_blocks_do_not_matter(
    seed: int, level: float, spikes: int, blocks: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    sound = (rng.normal(0, 0.2, (2, 9001)) * np.repeat(rng.uniform(0, level, 300), 31)[:9001]).astype(np.float32)
    sound[:, rng.integers(0, 9001, spikes)] *= 100
    sound[:, :1] *= 50  # the very first sample, too
    out = limited(sound)
    assert np.abs(out).max() <= 1.0
    assert np.array_equal(out, limited(sound, blocks))
    # Turned down and never up, and never another sign.
    assert (np.abs(out) <= np.abs(sound)).all()
    assert (out * sound >= 0).all()


def test_both_sides_are_turned_down_alike() -> None:
    sound = np.stack([tone(440, 2.0)[0], tone(1000, 0.25)[0]])
    out = limited(sound)
    heard = np.abs(sound) > 0.05
    ratio = np.where(heard, out / np.where(heard, sound, 1), np.nan)
    both = heard.all(axis=0)
    assert np.allclose(ratio[0, both], ratio[1, both], rtol=1e-5)


@pytest.mark.parametrize("hertz", [30, 50, 100, 440, 997, 5000])
@pytest.mark.parametrize("peak", [1.2, 2.0, 4.0])
def test_a_loud_tone_is_turned_down_and_not_bent(hertz: float, peak: float) -> None:
    out = limited(tone(hertz, peak, 1.5))[0, RATE // 2 :].astype(np.float64)
    t = np.arange(len(out)) / RATE  # half a second later, a whole number of periods
    basis = np.stack([np.sin(2 * np.pi * hertz * t), np.cos(2 * np.pi * hertz * t)])
    parts = basis @ out * 2 / len(out)
    rest = out - parts @ basis
    distortion = np.sqrt((rest**2).mean() / (out**2).mean())
    assert distortion < 1e-3  # -60 dB; clipping a tone of 1.2 gives 0.08
    assert np.hypot(*parts) == pytest.approx(float(curve(np.array([peak]))[0]), rel=2e-3)


def test_clicks_stay_on_their_samples() -> None:
    sound = np.zeros((2, 40_000), np.float32)
    places = [0, 1, 999, 5000, 5031, 20_000, 39_999]
    for k, at in enumerate(places):
        sound[:, at] = (0.3, 3.0, 0.8, 20.0, -2.0, 1.0, -5.0)[k]
    out = limited(sound)
    assert np.flatnonzero(out[0]).tolist() == places
    assert out[0, 5000] == pytest.approx(1.0, abs=1e-3)


def test_before_a_peak_and_long_after_it_nothing_changes() -> None:
    sound = tone(300, 0.5, 3)
    at = RATE
    sound[:, at] = 4.0
    out = limited(sound)
    changed = np.flatnonzero((out != sound)[0])
    assert at - LOOKAHEAD - 2 * HOP <= changed[0] < at
    assert changed[-1] < at + HOLD * HOP + 12 * RELEASE_S * RATE
    # After one time constant two thirds of the way back are done: no pumping for seconds.
    later = slice(at + HOLD * HOP + round(2 * RELEASE_S * RATE), None)
    assert np.abs(out[:, later] - sound[:, later]).max() < 0.5 * (1 - THRESHOLD / 4) * 0.2
    # The way down and back is smooth: half a cosine over 8 hops falls by at most a quarter of its depth in a hop.
    loud = np.flatnonzero(np.abs(sound[0]) > 0.1)
    gain = out[0, loud].astype(np.float64) / sound[0, loud]
    assert np.abs(np.diff(gain) / np.diff(loud)).max() < 0.75 * 0.25 / HOP


def test_it_reads_only_a_little_ahead() -> None:
    tape = Tape(tone(100, 2.0, 2))
    limiter = Limiter(tape)
    for done in range(800, 80_000, 800):
        limiter.read(800)
        assert tape.at <= done + LOOKAHEAD + 2 * HOP
