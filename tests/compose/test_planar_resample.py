"""The resamplers of the planar compositor against the kernel's definition, written out again here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.compose.banded import Plan
from reelpress.compose.kernel import Axis, gaussian_taps, taps
from reelpress.compose.lattice import find
from reelpress.compose.resample import CHROMA_TOLERANCE, LUMA_TOLERANCE, Resampler
from reelpress.media.plane_scale import PlaneScaler


def keys(x: float) -> float:
    """Keys' cubic with a = -0.6, straight from the definition."""
    a, x = -0.6, abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def sample(row: np.ndarray, at: float, step: float, low: int, high: int) -> float:
    """One output of a row: sample i lies at i + 0.5; the kernel is widened by ``step`` when that is above 1."""
    wide = max(1.0, step)
    total = weight = 0.0
    for i in range(int(at - 2 * wide) - 3, int(at + 2 * wide) + 4):
        w = keys((i + 0.5 - at) / wide)
        total += w * row[min(max(i, low), high - 1)]
        weight += w
    return total / weight


def axis(count: int, samples: int, *, step: float | None = None, origin: float = 0.0) -> Axis:
    return Axis(origin, samples / count if step is None else step, 0, count, 0, samples)


@pytest.mark.parametrize("step", [0.4, 1.0, 1.37, 2.6])
def test_banded_matrices_are_the_kernel(step: float) -> None:
    rng = np.random.default_rng(3)
    source = rng.integers(0, 256, (90, 110), dtype=np.uint8)
    x = Axis(5.3, step, 0, 30, 2, 100)
    y = Axis(4.1, 1.0, 0, 1, 0, 90)
    wanted_rows = [sample(source[:, c].astype(float), 4.1 + 0.5, 1.0, 0, 90) for c in range(110)]
    wanted = [sample(np.array(wanted_rows), 5.3 + step * (j + 0.5), step, 2, 100) for j in range(30)]
    (_, made), *_ = Plan(taps(y, repeat=True), taps(x, repeat=True)).strips(source)
    np.testing.assert_allclose(made[0], wanted, atol=0.01)


def test_outside_is_nothing_when_edges_are_not_repeated() -> None:
    indices, weights = taps(Axis(-1.0, 1.0, 0, 4, 0, 3), repeat=False)
    # Outputs at -0.5, 0.5, 1.5 and 2.5: the first lies a whole sample before sample 0.
    own = [float(weights[j + 1][indices[j + 1] == j].sum()) for j in range(3)]
    assert [weights[0].sum(), *own] == pytest.approx([0.0, 1.0, 1.0, 1.0])


def test_gaussian_has_its_standard_deviation() -> None:
    indices, weights = gaussian_taps(4.0, 50, 51, 101)
    spread = float(np.sqrt((weights[0] * (indices[0] - 50) ** 2).sum()))
    assert spread == pytest.approx(4.0, rel=0.02)  # cut at 3 sigma: a little less
    assert spread < 4.0


def test_swscale_puts_samples_where_it_is_said_to() -> None:
    """The lattice trusts ``inc = ((n << 16) + m // 2) // m``: a ramp tells where each output was taken."""
    for length, made in ((200, 333), (211, 190), (240, 241)):
        ramp = np.tile(np.linspace(0, 250, length).round().astype(np.uint8), (8, 1))
        out = PlaneScaler().plane(ramp, made, 8)[3].astype(float)
        position = (np.arange(made) + 0.5) * (((length << 16) + made // 2) // made) / 65536
        inner = slice(8, -8)
        np.testing.assert_allclose(out[inner], ((position - 0.5) * 250 / (length - 1))[inner], atol=1.2)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0.2, 4), st.floats(-80, 400), st.integers(40, 2000), st.integers(0, 900), st.sampled_from([0.01, 0.03])
)
def test_a_window_is_where_it_should_be(step: float, origin: float, count: int, start: int, tolerance: float) -> None:
    wanted = Axis(origin, step, start, start + count, 0, 4000)
    window = find(wanted, tolerance)
    if window is None:
        return
    increment = ((window.length << 16) + window.made // 2) // window.made
    slope = 1.0 if abs(increment - 65536) < 10 else increment / 65536
    j = np.array([0, count // 2, count - 1])
    got = window.begin + (window.cut + j + 0.5) * slope
    assert np.abs(got - (origin + step * (start + j + 0.5))).max() <= tolerance * max(1, step) + 1e-9
    assert window.cut + count <= window.made
    # The kernel never reaches over a window's end, unless that is where the source's own edge is repeated.
    assert window.begin <= got[0] - 2 * max(1, step) or window.begin <= 0
    assert window.begin + window.length >= got[-1] + 2 * max(1, step) or window.begin + window.length >= 4000


def test_most_motions_find_a_window() -> None:
    rng = np.random.default_rng(5)
    steps = [1920 / 1728 / zoom for zoom in rng.uniform(1.2, 2.5, 100)]
    found = [find(Axis(rng.uniform(0, 500), step, 0, 1920, 0, 1920), LUMA_TOLERANCE) for step in steps]
    assert sum(window is not None for window in found) > 85


@pytest.mark.parametrize(
    ("y", "x", "way"),
    [
        (Axis(3.0, 1.0, 0, 60, 0, 90), Axis(-2.0, 1.0, 0, 80, 0, 120), "cut"),
        (axis(300, 360), axis(400, 480), "scaled"),
        (Axis(3.25, 0.5, 0, 70, 0, 90), Axis(4.4, 0.5, 0, 90, 0, 120), "multiplied"),
        (Axis(3.217, 0.7071, 0, 400, 0, 360), Axis(-4.4, 0.7071, 0, 500, 7, 480), "scaled"),
    ],
)
def test_each_way_shows_the_same(y: Axis, x: Axis, way: str) -> None:
    """Whatever way a plane goes, it is the kernel at the exact place within the tolerance."""
    rng = np.random.default_rng(8)
    smooth = np.cumsum(rng.normal(0, 3, (400, 500)), axis=1)
    source = (128 + 60 * np.sin(smooth / 9)).astype(np.uint8)
    resampler = Resampler()
    (made, _, _) = resampler.picture((source, source, source), (y, x), (y, x))
    assert getattr(resampler.counts, way) == 3
    exact = Plan(taps(y, repeat=True), taps(x, repeat=True)).codes(source)
    difference = np.abs(made.astype(int) - exact)
    steepest = 60 * 12 / 9
    assert difference.mean() < 0.5
    assert difference.max() <= 2 + steepest * max(LUMA_TOLERANCE, CHROMA_TOLERANCE) * 2
    assert not np.array_equal(made, np.roll(made, 1, axis=1)), "the picture is flat: nothing was tested"
    if way == "cut":
        rows, columns = np.arange(60) + 3, (np.arange(80) - 2).clip(0)
        assert np.array_equal(made, source[np.ix_(rows, columns)])


def test_read_only_and_interleaved_planes_are_taken() -> None:
    rng = np.random.default_rng(2)
    plane = rng.integers(16, 236, (48, 64), dtype=np.uint8)
    both = np.zeros((48, 128), np.uint8)
    both[:, 0::2] = plane
    frozen = plane.copy()
    frozen.setflags(write=False)
    y, x = axis(30, 48, step=1.5371, origin=0.4), axis(40, 64, step=1.4177, origin=1.1)
    wanted = Resampler().picture((plane, plane, plane), (y, x), (y, x))
    for other in (both[:, 0::2], frozen):
        got = Resampler().picture((other, other, other), (y, x), (y, x))
        assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
