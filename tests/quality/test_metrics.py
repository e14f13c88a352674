"""PSNR and SSIM against their definitions, worked out sample by sample, and against ffmpeg's filters."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comparison_makers import filters, measured_by, noisy, pages, programs
from reelpress.color import BT709_LIMITED
from reelpress.errors import FormatError
from reelpress.media.planes import Planes
from reelpress.quality.metrics import (
    PlaneMeter,
    combined_error,
    combined_ssim,
    psnr,
    samples_of,
)

Plane = np.ndarray[Any, np.dtype[np.uint8]]


def compare(a: Plane, b: Plane) -> Any:
    return PlaneMeter(a.shape[1], a.shape[0]).compare(a, b)


def ssim_of_window(a: Plane, b: Plane) -> float:
    """The textbook's formula in exact arithmetic, with the variances of a sample (n - 1) and the filter's constants."""
    x, y = ([int(v) for v in p.ravel()] for p in (a, b))
    n = len(x)
    mx, my = Fraction(sum(x), n), Fraction(sum(y), n)
    vx = sum((v - mx) ** 2 for v in x) / (n - 1)
    vy = sum((v - my) ** 2 for v in y) / (n - 1)
    cov = sum((v - mx) * (w - my) for v, w in zip(x, y, strict=True)) / (n - 1)
    c1 = Fraction(int(0.01**2 * 255**2 * n + 0.5), n * n)
    c2 = Fraction(int(0.03**2 * 255**2 * n * (n - 1) + 0.5), n * (n - 1))
    return float((2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2)))


def brute_force(a: Plane, b: Plane) -> float:
    height, width = (s // 4 * 4 for s in a.shape)
    values = [
        ssim_of_window(a[y : y + 8, x : x + 8], b[y : y + 8, x : x + 8])
        for y in range(0, height - 7, 4)
        for x in range(0, width - 7, 4)
    ]
    return sum(values) / len(values)


def random_plane(rng: np.random.Generator, width: int, height: int) -> Plane:
    return rng.integers(0, 256, (height, width), dtype=np.uint8)


def test_flat_planes_by_hand() -> None:
    a, b = np.full((8, 8), 100, np.uint8), np.full((8, 8), 110, np.uint8)
    found = compare(a, b)
    assert found.sse == 64 * 100
    assert psnr(found.mse) == pytest.approx(20 * math.log10(255 / 10))
    # no variance: only luminance counts; 64 times 100 and 110, C1 = round(0.0001 x 65025 x 64) = 416
    assert found.ssim == pytest.approx((2 * 6400 * 7040 + 416) / (6400**2 + 7040**2 + 416), abs=1e-12)


def test_inverted_stripes_by_hand() -> None:
    a = np.zeros((8, 8), np.uint8)
    a[:, 4:] = 255
    b = np.ascontiguousarray(a[:, ::-1])
    s, c1, c2 = 32 * 255, 416, 235_963  # C2 = round(0.0009 x 65025 x 64 x 63)
    covariance, variance = -s * s, 64 * 64 * 255**2 - 2 * s * s
    want = (2 * s * s + c1) * (2 * covariance + c2) / ((2 * s * s + c1) * (variance + c2))
    assert compare(a, b).ssim == pytest.approx(want, abs=1e-12)
    assert compare(a, b).ssim < -0.9
    assert psnr(compare(a, b).mse) == pytest.approx(0.0)


@pytest.mark.parametrize("size", [(8, 8), (12, 8), (19, 23), (33, 70), (16, 131), (9, 9)], ids=str)
def test_ssim_is_the_mean_over_all_windows(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    a = random_plane(rng, *size)
    b = np.clip(a + rng.integers(-40, 41, a.shape), 0, 255).astype(np.uint8)
    found = compare(a, b)
    assert found.ssim == pytest.approx(brute_force(a, b), abs=1e-9)
    assert found.sse == int(((a.astype(int) - b) ** 2).sum())
    assert found.squares.sum() == found.sse


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (7, 40), (40, 7)], ids=str)
def test_a_plane_smaller_than_a_window_is_one(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    a, b = random_plane(rng, *size), random_plane(rng, *size)
    found = compare(a, b)
    if a.size > 1:
        assert found.ssim == pytest.approx(ssim_of_window(a, b), abs=1e-9)
    else:  # no variance: only luminance, and C1 = round(0.0001 x 65025) = 7
        x, y = int(a[0, 0]), int(b[0, 0])
        assert found.ssim == pytest.approx((2 * x * y + 7) / (x * x + y * y + 7))
    assert found.sse == int(((a.astype(int) - b) ** 2).sum())


def test_a_meter_forgets_the_planes_before() -> None:
    rng = np.random.default_rng(5)
    meter = PlaneMeter(30, 30)
    planes = [random_plane(rng, 30, 30) for _ in range(3)]
    first = meter.compare(planes[0], planes[1])
    again = meter.compare(planes[1], planes[2])
    assert first.ssim == pytest.approx(brute_force(planes[0], planes[1]))
    assert again.ssim == pytest.approx(brute_force(planes[1], planes[2]))
    assert first.squares.sum() == first.sse, "a later comparison must not write into an earlier result"


def test_strided_views_are_read_where_they_lie() -> None:
    rng = np.random.default_rng(6)
    wide = rng.integers(0, 256, (40, 100), dtype=np.uint8)
    a, b = wide[:, 0:64:2], wide[:, 1:65:2]
    assert compare(a, b).ssim == compare(np.ascontiguousarray(a), np.ascontiguousarray(b)).ssim


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_identical_planes_are_exactly_alike(seed: int, width: int, height: int) -> None:
    a = random_plane(np.random.default_rng(seed), width, height)
    found = compare(a, a.copy())
    assert found.ssim == 1.0
    assert found.sse == 0
    assert math.isinf(psnr(found.mse))
    other = random_plane(np.random.default_rng(seed + 1), width, height)
    assert compare(a, other).ssim == pytest.approx(compare(other, a).ssim, abs=1e-12), "symmetrical"


def test_more_noise_is_worse() -> None:
    (page,) = pages(1, (160, 96))
    values = []
    for amount in (1, 2, 4, 8, 16, 32, 64):
        (other,) = noisy([page], amount)
        found = compare(page[0], other[0])
        values.append((psnr(found.mse), found.ssim))
    assert values == sorted(values, reverse=True)
    assert values[0][1] < 1
    # even noise of -n..n has the variance n (n + 1) / 3
    assert values[2][0] == pytest.approx(10 * math.log10(255**2 / (4 * 5 / 3)), abs=0.1)


def test_combined_values() -> None:
    assert combined_error((8.0, 0.0, 16.0)) == 8.0
    assert combined_ssim((1.0, 1.0, 1.0)) == 1.0
    assert combined_ssim((0.9, 0.8, 1.0)) == pytest.approx(0.9)
    assert psnr(combined_error((4.0, 0.0, 0.0))) == pytest.approx(10 * math.log10(255**2 / 3)), "finite"


def test_nv12_is_taken_apart_and_other_formats_are_refused() -> None:
    rng = np.random.default_rng(7)
    y, u, v = random_plane(rng, 8, 6), random_plane(rng, 4, 3), random_plane(rng, 4, 3)
    both = np.stack([u, v], axis=2).reshape(3, 8)
    found = samples_of(Planes("nv12", 8, 6, (y, both), BT709_LIMITED))
    assert all(np.array_equal(a, b) for a, b in zip(found, (y, u, v), strict=True))
    with pytest.raises(FormatError):
        samples_of(Planes("bgra", 2, 1, (random_plane(rng, 8, 1),), BT709_LIMITED))


@pytest.mark.parametrize("program", programs(), ids=["bundled", "installed"][: len(programs())])
@pytest.mark.parametrize("size", [(352, 288), (174, 98), (191, 99), (175, 99)], ids=str)
def test_agrees_with_ffmpeg(program: str, size: tuple[int, int], tmp_path: Path) -> None:
    """To the sixth digit, which is the last that it prints: the filter adds up in 32 bits of float."""
    if size == (175, 99) and program != programs()[0]:
        pytest.skip("ffmpeg 5.1 counts a window wrong in rows of 4n + 1 windows (here: chroma); 7 and later do not")
    assert {"psnr", "ssim"} <= filters(program)
    a = pages(4, size)
    b = [noisy([picture], 1 + 9 * n, seed=n)[0] for n, picture in enumerate(a)]
    theirs_ssim, _ = measured_by(program, "ssim", a, b, tmp_path, 30)
    theirs_psnr, _ = measured_by(program, "psnr", a, b, tmp_path, 30)
    for one, two, ssim, snr in zip(a, b, theirs_ssim, theirs_psnr, strict=True):
        found = [compare(p, q) for p, q in zip(one, two, strict=True)]
        assert [f.ssim for f in found] == pytest.approx([ssim[c] for c in "YUV"], abs=2e-6)
        assert [psnr(f.mse) for f in found] == pytest.approx([snr[f"psnr_{c}"] for c in "yuv"], abs=0.0051)
        assert [f.mse for f in found] == pytest.approx([snr[f"mse_{c}"] for c in "yuv"], abs=0.0051)
