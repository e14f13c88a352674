"""Flashes and clicks: found, paired, and not imagined where there are none."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from comparison_makers import flat, write
from reelpress.quality.compare import compare
from reelpress.quality.sync import ClickFinder, FlashFinder, pair

SIZE = (32, 18)
FPS = 30
FLASHES = [12, 27, 45, 61, 80]
LENGTH = 100 / FPS


def flashes(means: list[float], fps: int = 30) -> list[Fraction]:
    finder = FlashFinder()
    for n, mean in enumerate(means):
        finder.add(Fraction(n, fps), mean)
    return finder.times


def clicks(sound: np.ndarray, block: int = 4800) -> list[float]:
    finder = ClickFinder()
    for at in range(0, len(sound), block):
        finder.add(sound[at : at + block].astype(np.float32))
    finder.end()
    return finder.samples


def test_a_flash_comes_and_goes() -> None:
    assert flashes([20, 20, 200, 20, 20]) == [Fraction(2, 30)]
    assert flashes([20] * 3 + [200] * 10 + [20] * 3) == [Fraction(3, 30)]
    assert flashes([20] * 3 + [200] * 40 + [20] * 3) == [], "a bright scene"
    assert flashes([20, 50, 80, 110, 140, 20]) == [], "a fade"
    assert flashes([200, 200, 20, 20]) == [], "a cut to something dark"
    assert flashes([20, 200, 20, 200, 20]) == [Fraction(1, 30), Fraction(3, 30)]


@pytest.mark.parametrize("block", [48, 700, 4800, 100_000])
def test_a_click_is_at_its_centre_and_a_tone_at_its_start(block: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.0005, 96_000)
    at = np.arange(-480, 481)
    sound[20_000 - 480 : 20_000 + 481] += 0.5 * (0.5 + 0.5 * np.cos(np.pi * at / 480)) * np.cos(at / 5)
    tone = np.arange(4800)  # 100 ms
    sound[60_000:64_800] += 0.5 * np.cos(2 * np.pi * tone / 48)
    found = clicks(sound, block)
    assert len(found) == 2
    assert found[0] == pytest.approx(20_000, abs=5)
    assert found[1] == pytest.approx(60_000, abs=48)


def test_speech_and_noise_are_no_clicks() -> None:
    rng = np.random.default_rng(1)
    assert clicks(rng.normal(0, 0.05, 96_000)) == []
    assert clicks(np.zeros(96_000)) == []
    word = np.zeros(96_000)
    word[30_000:45_000] = rng.normal(0, 0.2, 15_000)  # 0.3 s
    assert clicks(word) == []
    assert clicks(word, 700) == []


def test_pairs_need_company() -> None:
    at = [Fraction(n) for n in range(1, 7)]
    found = pair(at, [float(t) + 0.010 * n for n, t in enumerate(at)])
    assert found is not None
    assert [e.offset_ms for e in found.events] == pytest.approx([0, 10, 20, 30, 40, 50])
    assert found.mean_ms == pytest.approx(25)
    assert found.worst_ms == pytest.approx(50)
    assert found.drift_ms == pytest.approx(50)
    assert pair(at, []) is None
    assert pair([], [1.0, 2.0]) is None
    assert pair(at, [1.0, 2.0]) is None, "most flashes have no click"
    assert pair(at[:1], [1.0, 5.0]) is None, "one may be chance"
    assert pair(at, [float(t) + 0.4 for t in at]) is None, "too far apart to belong together"


def marked(path: Path, delay: float, **more: float) -> Path:
    pictures = [flat(SIZE, 235 if n in FLASHES else 24) for n in range(100)]
    stretch = more.get("stretch", 1.0)
    return write(path, pictures, fps=FPS, clicks=[stretch * n / FPS + delay for n in FLASHES], length=LENGTH)


def test_two_files(tmp_path: Path) -> None:
    a = marked(tmp_path / "a.mkv", 0.0)
    b = marked(tmp_path / "b.mkv", 0.040, stretch=1.005)
    sync = compare(a, b).sync
    assert sync is not None
    assert sync.a is not None
    assert sync.b is not None
    times = [n / FPS for n in FLASHES]
    assert [e.time_s for e in sync.a.events] == pytest.approx(times, abs=0.0011)
    assert [e.offset_ms for e in sync.a.events] == pytest.approx([0] * 5, abs=1.1)  # Matroska's milliseconds
    assert [e.offset_ms for e in sync.b.events] == pytest.approx([40 + 5 * t for t in times], abs=1.1)
    assert sync.b.drift_ms == pytest.approx(5 * (times[-1] - times[0]), abs=1.1)
    assert sync.difference_ms == pytest.approx(40 + 5 * sum(times) / 5, abs=1.1)


def test_a_part_has_the_marks_of_that_part(tmp_path: Path) -> None:
    a = marked(tmp_path / "a.mkv", 0.020)
    sync = compare(a, a, start=Fraction(4, 5), end=Fraction(5, 2)).sync
    assert sync is not None
    assert sync.a is not None
    assert [e.time_s for e in sync.a.events] == pytest.approx([n / FPS for n in FLASHES[1:4]], abs=0.0011)
    assert [e.offset_ms for e in sync.a.events] == pytest.approx([20] * 3, abs=1.1)
    assert sync.difference_ms == 0


def test_no_marks(tmp_path: Path) -> None:
    still = write(tmp_path / "still.mkv", [flat(SIZE, 90)] * 30, clicks=[0.2, 0.6], length=1.0)
    silent = write(tmp_path / "silent.mkv", [flat(SIZE, 235 if n in (5, 15) else 24) for n in range(30)])
    assert compare(still, still).sync is None
    assert compare(silent, silent).sync is None
