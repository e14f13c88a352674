"""Ramps, equal power, limiter and block sizes in the mixer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from media_out_makers import write_sound, write_wav

from reelpress.errors import SettingsError
from reelpress.media.audio import AudioMixer, AudioSpan, Ramp

RATE = 48_000
F = Fraction


def play(spans: list[AudioSpan], total: int, blocks: list[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    mixer = AudioMixer(spans, total)
    parts, k = [], 0
    while (part := mixer.read(blocks[k % len(blocks)])).shape[1]:
        parts.append(part)
        k += 1
    mixer.close()
    assert mixer.warnings == ()
    return np.concatenate(parts, axis=1)


def noise(seconds: float, level: float, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).uniform(-level, level, (2, round(seconds * RATE))).astype(np.float32)


def test_linear_ramps_follow_their_line(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((2, RATE), 0.5))
    ramps = (Ramp(F(1000), F(4000), True), Ramp(F(40_000), F(8000), False))
    heard = play([AudioSpan(path, 0, F(0), 1000, RATE, ramps=ramps)], RATE, [700])[0]
    assert heard[:1001].max() == 0
    for sample, factor in [(2000, 0.25), (3000, 0.5), (4999, 0.99975), (5000, 1), (40_000, 1), (44_000, 0.5)]:
        assert heard[sample] == pytest.approx(0.5 * factor, abs=2e-5), sample


def test_equal_power_keeps_the_energy_of_what_is_unrelated(tmp_path: Path) -> None:
    # Two tones without a common measure: the energy over each hundredth is the sum of both.
    t = np.arange(RATE) / RATE
    paths = [write_wav(tmp_path / f"{f}.wav", np.tile(0.4 * np.sin(2 * np.pi * f * t), (2, 1))) for f in (1000, 3700)]
    start, length = F(12_000), F(24_000)
    one = AudioSpan(paths[0], 0, F(0), 0, 36_000, ramps=(Ramp(start, length, False, "equal-power"),))
    two = AudioSpan(paths[1], 0, F(1, 4), 12_000, 48_000, ramps=(Ramp(start, length, True, "equal-power"),))
    heard = play([one, two], 48_000, [4096])[0].astype(np.float64)
    energy = (heard.reshape(100, 480) ** 2).mean(axis=1)
    assert np.allclose(energy, 0.4**2 / 2, rtol=0.02)
    assert np.abs(heard[23_760:24_240]).max() == pytest.approx(2 * 0.4 * np.sqrt(0.5), rel=0.02)


def test_a_span_of_broken_numbers_is_silent_there_and_harms_nothing_else(tmp_path: Path) -> None:
    sound = np.full((2, 9600), 0.25, np.float32)
    sound[:, 1000:1010] = np.nan
    sound[:, 2000:2010] = np.inf
    broken = write_sound(tmp_path / "x.wav", "pcm_f32le", sound, RATE, "stereo")
    good = write_wav(tmp_path / "y.wav", np.full((2, 9600), 0.25))
    heard = play([AudioSpan(p, 0, F(0), 0, 9600) for p in (broken, good)], 9600, [800])
    expected = np.full(9600, 0.5)
    expected[1000:1010] = expected[2000:2010] = 0.25
    assert np.allclose(heard, expected, atol=1e-4)


def test_the_sum_below_the_threshold_is_exact_and_above_it_never_clips(tmp_path: Path) -> None:
    a, b = noise(0.5, 0.4, 1), noise(0.5, 0.4, 2)
    paths = [write_wav(tmp_path / f"{k}.wav", s) for k, s in enumerate((a, b))]
    quiet = [AudioSpan(p, 0, F(0), 0, RATE // 2) for p in paths]
    codes = [np.round(s * 32767).astype(np.int16) / np.float32(32768) for s in (a, b)]
    assert np.array_equal(play(quiet, RATE // 2, [1600]), codes[0] + codes[1])
    loud = [AudioSpan(p, 0, F(0), 0, RATE // 2, gain=8.0) for p in paths]
    mixer = AudioMixer(loud, RATE // 2)
    heard = mixer.read(RATE // 2)
    assert 0.9 < np.abs(heard).max() <= 1.0
    assert (heard == 1.0).mean() < 0.001  # turned down, not cut off
    assert mixer.limited_db == pytest.approx(20 * np.log10(np.abs(8 * (codes[0] + codes[1])).max()), abs=0.1)
    assert AudioMixer(quiet, RATE // 2).limited_db == 0


def test_ramps_are_checked() -> None:
    with pytest.raises(SettingsError, match="longer than 0"):
        Ramp(F(0), F(0), True)


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Tracks whose decoders remember what came before: where a reader starts makes a difference in the last bits."""
    folder = tmp_path_factory.mktemp("coded")
    return [
        write_sound(folder / "a.ogg", "libopus", noise(3, 0.5, 5), RATE, "stereo"),
        write_sound(folder / "b.m4a", "aac", noise(3, 0.5, 6), RATE, "stereo"),
        write_wav(folder / "c.wav", noise(2, 0.5, 7)[:, :40_000], 44_100),
    ]


@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 40_000),
            st.integers(0, 20_000),
            st.integers(1, 12_000),
            st.sampled_from(["normal", "pitch", "resample"]),
            st.integers(1, 9000),
            st.booleans(),
        ),
        min_size=1,
        max_size=7,
    ),
    blocks=st.lists(st.integers(1, 9000), min_size=1, max_size=4),
)
def test_the_size_of_blocks_changes_no_bit(coded: list[Path], spans: list[Any], blocks: list[int]) -> None:
    made = [
        AudioSpan(
            coded[k],
            0,
            F(source, RATE),
            out,
            out + length,
            F(1) if mode == "normal" else F(3, 2),
            mode,
            gain=1.7,
            ramps=(Ramp(F(2 * out + 1, 2), F(ramp), rising, "equal-power"),),
        )
        for k, source, out, length, mode, ramp, rising in spans
    ]
    blocks = [*blocks, 500]
    assert np.array_equal(play(made, 32_000, [32_000]), play(made, 32_000, blocks))
