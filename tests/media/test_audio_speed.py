"""Speed changes of sound: where things are heard, at what pitch, how loud."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from media_out_makers import write_wav

from reelpress.media.audio import AudioMixer, AudioSpan
from reelpress.media.audio_filters import change_speed, lead_in, tempo_steps
from reelpress.media.audio_stretch import HOP, SEARCH

if TYPE_CHECKING:
    from pathlib import Path

RATE = 48_000
SPEEDS = [Fraction(s) for s in ("1/4", "1/2", "3/4", "11/10", "1237/1000", "3/2", "2", "3", "5", "8")]


def stream(sound: np.ndarray[Any, Any], start: int) -> Any:
    """``source(n)`` over an array, silence outside of it."""
    at = start

    def read(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        nonlocal at
        out = np.zeros((2, count), np.float32)
        low, high = max(0, at), min(sound.shape[1], at + count)
        if high > low:
            out[:, low - at : high - at] = sound[:, low:high]
        at += count
        return out

    return read


def sped_up(sound: np.ndarray[Any, Any], speed: Fraction, keep_pitch: bool) -> np.ndarray[Any, Any]:
    read = change_speed(stream(sound, -lead_in(speed, keep_pitch)), speed, keep_pitch)
    total = int(sound.shape[1] / speed)
    parts = [read(min(1600, total - at)) for at in range(0, total, 1600)]
    return np.concatenate(parts, axis=1)


def bursts(times: list[float], seconds: float, length: float = 0.08) -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(1)
    sound = rng.normal(scale=0.0005, size=round(seconds * RATE))
    t = np.arange(round(length * RATE)) / RATE
    for time in times:
        start = round(time * RATE)
        sound[start : start + len(t)] += 0.6 * np.sin(2 * np.pi * 1000 * t)
    return np.tile(sound, (2, 1)).astype(np.float32)


@pytest.mark.parametrize("speed", SPEEDS, ids=str)
@pytest.mark.parametrize("keep_pitch", [True, False], ids=["pitch", "resample"])
def test_bursts_are_heard_when_they_should(speed: Fraction, keep_pitch: bool) -> None:
    times = [1.0, 2.37, 3.51]
    heard = np.abs(sped_up(bursts(times, 5), speed, keep_pitch)[0])
    for time in times:
        middle = (time + 0.04) / float(speed) * RATE
        reach = int(0.3 * RATE / max(1.0, float(speed)))
        part = heard[max(0, int(middle) - reach) : int(middle) + reach].astype(np.float64) ** 2
        at = max(0, int(middle) - reach) + float((part * np.arange(len(part))).sum() / part.sum())
        # The filters' own bound is 7.5 ms a step; at quarter speed a burst is smeared by its windows.
        allowed = 0.001 if not keep_pitch else 0.020 if speed >= Fraction(1, 2) else 0.035
        assert abs(at - middle) <= allowed * RATE


@pytest.mark.parametrize("speed", SPEEDS, ids=str)
def test_pitch_is_kept_or_follows(speed: Fraction) -> None:
    t = np.arange(round((0.9 * float(speed) + 1) * RATE)) / RATE
    sound = np.tile(0.5 * np.sin(2 * np.pi * 440 * t), (2, 1)).astype(np.float32)
    for keep_pitch, expected in ((True, 440.0), (False, 440.0 * float(speed))):
        heard = sped_up(sound, speed, keep_pitch)[0]
        middle = heard[len(heard) // 4 : len(heard) // 4 + RATE // 2]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        found = float(np.argmax(spectrum)) * RATE / len(middle)
        assert abs(found - expected) <= 4
        assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


@pytest.mark.parametrize("keep_pitch", [True, False])
def test_length_of_the_blocks_makes_no_difference(keep_pitch: bool) -> None:
    sound = bursts([0.3, 0.9], 2)
    speed = Fraction(3, 2)
    results = []
    for block in (1, 799, 50_000):
        read = change_speed(stream(sound, -lead_in(speed, keep_pitch)), speed, keep_pitch)
        results.append(np.concatenate([read(block) for _ in range(-(-6000 // block))], axis=1)[:, :6000])
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()


def test_stretching_at_speed_one_gives_the_sound_itself() -> None:
    sound = np.random.default_rng(6).normal(scale=0.1, size=(2, 2 * RATE)).astype(np.float32)
    heard = sped_up(sound, Fraction(1), keep_pitch=True)
    assert np.abs(heard - sound).max() < 1e-5


def test_silence_stays_silence_and_in_its_place() -> None:
    sound = np.zeros((2, 4 * RATE), np.float32)
    sound[:, 2 * RATE] = 0.9  # a lone impulse: nothing around it to compare with
    heard = np.abs(sped_up(sound, Fraction(3, 2), keep_pitch=True)[0])
    loud = np.flatnonzero(heard > 0)
    assert len(loud)
    assert np.abs(loud - 2 * RATE / 1.5).max() <= HOP + SEARCH


def test_drift_does_not_add_up() -> None:
    # A minute at a speed with an awkward fraction.
    times = [1.0, 59.0]
    speed = Fraction(1237, 1000)
    for keep_pitch in (True, False):
        heard = np.abs(sped_up(bursts(times, 61), speed, keep_pitch)[0])
        for time in times:
            middle = int((time + 0.04) / float(speed) * RATE)
            part = heard[middle - 9600 : middle + 9600].astype(np.float64) ** 2
            at = middle - 9600 + float((part * np.arange(len(part))).sum() / part.sum())
            assert abs(at - middle) <= 0.010 * RATE


def test_steps() -> None:
    for speed in SPEEDS:
        steps = tempo_steps(speed)
        assert all(step <= 2 for step in steps)
        product = Fraction(1)
        for step in steps:
            product *= step
        assert product == speed
    for speed in (Fraction(1, 5), Fraction(81, 10)):
        with pytest.raises(ValueError, match="outside"):
            change_speed(stream(np.zeros((2, 1)), 0), speed, True)


@pytest.mark.parametrize("mode", ["pitch", "resample"])
def test_a_sped_up_span_in_the_mix(tmp_path: Path, mode: Any) -> None:
    path = write_wav(tmp_path / "x.wav", bursts([3.0], 6))
    span = AudioSpan(path, 0, Fraction(2), RATE, 3 * RATE, Fraction(3, 2), mode)
    mixer = AudioMixer([span], 4 * RATE)
    heard = np.abs(np.concatenate([mixer.read(800) for _ in range(240)], axis=1)[0])
    assert mixer.warnings == ()
    assert not heard[:RATE].any()
    assert not heard[3 * RATE :].any()
    middle = RATE + (3.04 - 2) / 1.5 * RATE
    energy = heard.astype(np.float64) ** 2
    assert abs(float((energy * np.arange(len(energy))).sum() / energy.sum()) - middle) <= 0.010 * RATE
