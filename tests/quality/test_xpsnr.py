"""XPSNR by hand where activity is known, and against ffmpeg's filter."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from comparison_makers import Picture, filters, flat, measured_by, noisy, pages, programs
from reelpress.quality.metrics import PlaneMeter
from reelpress.quality.xpsnr import Xpsnr, block_size, xpsnr

SIZE = (160, 96)


def measured(a: list[Picture], b: list[Picture], fps: int) -> list[list[float]]:
    """``sum(w SSE)`` of Y, U and V of every picture."""
    height, width = a[0][0].shape
    meters = [PlaneMeter(p.shape[1], p.shape[0]) for p in a[0]]
    state = Xpsnr(width, height, Fraction(fps))
    found = []
    for n, (one, two) in enumerate(zip(a, b, strict=True)):
        unchanged = n > 0 and all(np.array_equal(p, q) for p, q in zip(one, a[n - 1], strict=True))
        state.next(one[0], unchanged=unchanged)
        pairs = tuple(zip(one, two, strict=True))
        differences = tuple(m.compare(p, q) for m, (p, q) in zip(meters, pairs, strict=True))
        found.append(state.errors(differences, pairs))
    return found


def test_block_sizes() -> None:
    assert block_size(3840, 2160) == 128  # the paper's
    assert block_size(1920, 1080) == 64
    assert block_size(640, 360) == 20  # 32 / 6 = 5.33
    assert block_size(32, 32) == 0


@pytest.mark.parametrize(("fps", "settled"), [(30, 1), (60, 2)])
def test_a_flat_picture_by_hand(fps: int, settled: int) -> None:
    """No activity but the step from black: the least, 4, once that is over."""
    a, b = [flat(SIZE, 100)] * 5, [flat(SIZE, 101)] * 5
    count = SIZE[0] * SIZE[1]
    scale = math.sqrt(16 * 128 / math.sqrt(count / (3840 * 2160)))
    first_step = 2 * 100.0
    want = [first_step, first_step, 4.0, 4.0, 4.0] if settled == 2 else [first_step, 4.0, 4.0, 4.0, 4.0]
    for (y, u, v), activity in zip(measured(a, b, fps), want, strict=True):
        assert y == pytest.approx(count * scale / activity)
        assert (u, v) == (0, 0)
    assert xpsnr(math.sqrt(count * scale / 4), count) == pytest.approx(10 * math.log10(255**2 * 4 / scale))


def test_errors_in_a_busy_place_count_less() -> None:
    rng = np.random.default_rng(0)
    y, u, v = flat(SIZE, 100)
    y[:, :80] = rng.integers(0, 256, (96, 80))
    errors = []
    for x in (20, 130):  # in the noise, in the plain
        other = y.copy()
        other[40:48, x : x + 8] ^= 2
        errors.append(measured([(y, u, v)] * 4, [(other, u, v)] * 4, 60)[3][0])
    assert errors[0] < errors[1] / 5


def test_no_difference_is_infinite() -> None:
    a = pages(2, SIZE)
    assert measured(a, a, 30) == [[0, 0, 0]] * 2
    assert math.isinf(xpsnr(0.0, 100))


def test_more_noise_is_worse() -> None:
    a = pages(3, SIZE)
    totals = [sum(e[0] for e in measured(a, noisy(a, amount), 30)) for amount in (1, 3, 9, 27)]
    assert totals == sorted(totals)


@pytest.mark.parametrize("program", programs(), ids=["bundled", "installed"][: len(programs())])
@pytest.mark.parametrize(
    ("size", "fps", "count"),
    [((320, 180), 30, 5), ((320, 180), 60, 6), ((351, 287), 50, 4), ((50, 30), 30, 2), ((660, 482), 24, 3),
     ((660, 482), 60, 4), ((2304, 1152), 30, 3), ((2304, 1152), 60, 4)],
    ids=str,
)  # fmt: skip
def test_agrees_with_ffmpeg(program: str, size: tuple[int, int], fps: int, count: int, tmp_path: Path) -> None:
    """To three digits behind the point: the filter rounds the weighted errors of a plane to whole numbers."""
    if "xpsnr" not in filters(program):
        pytest.skip("this build of ffmpeg has no xpsnr filter (7.1 and later do)")
    a = pages(count, size)
    b = [noisy([picture], 1 + 5 * n, seed=n)[0] for n, picture in enumerate(a)]
    theirs, last = measured_by(program, "xpsnr", a, b, tmp_path, fps)
    errors = measured(a, b, fps)
    samples = [p.size for p in a[0]]
    for mine, their in zip(errors, theirs, strict=True):
        found = [xpsnr(math.sqrt(e), n) for e, n in zip(mine, samples, strict=True)]
        assert found == pytest.approx([their[c] for c in "yuv"], abs=0.0015)
    over_all = [
        xpsnr(float(np.mean([math.sqrt(e[c]) for e in errors])), n) for c, n in enumerate(samples)
    ]  # fmt: skip
    said = [float(w) for w in last.replace("(", " ").split() if w.replace(".", "").isdigit()]
    assert over_all == pytest.approx(said[:3], abs=0.0015)
