"""A picture of which only the columns fit the scaler: its rows are resampled by matrices, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest

from reelpress.compose.banded import Plan
from reelpress.compose.kernel import Axis, taps
from reelpress.compose.resample import LUMA_TOLERANCE, Resampler


def picture(rows: int, columns: int) -> np.ndarray:
    y, x = np.mgrid[0:rows, 0:columns]
    return (128 + 60 * np.sin(x / 3.1) * np.cos(y / 4.3) + 40 * ((x // 9 + y // 7) % 2)).clip(16, 235).astype(np.uint8)


def test_rows_by_themselves_are_rows_of_the_whole() -> None:
    source = np.random.default_rng(1).integers(0, 256, (90, 150), dtype=np.uint8)
    y = Axis(7.3, 0.83, 0, 80, 4, 80)
    plan = Plan(taps(y, repeat=True), None)
    low, high = plan.seen
    index, weights = taps(y, repeat=True)
    assert (low, high) == (index.min(), index.max() + 1)
    want = np.einsum("ok,okc->oc", weights, source[index].astype(float))
    for made in (plan.codes(source), plan.codes(source[low:high], low)):
        assert made.shape == (80, 150)
        assert np.abs(made - want.clip(0, 255)).max() <= 0.51


@pytest.mark.parametrize("edges", [(0, 220), (20, 190)])
def test_scaled_columns_and_multiplied_rows_show_what_they_should(edges: tuple[int, int]) -> None:
    source = picture(220, 400)
    # ten rows make thirteen, at a place that no whole window of the scaler has
    y, x = Axis(12.1063, 10 / 13, 0, 250, *edges), Axis(20.26, 0.8137, 0, 440, 0, 400)
    resampler = Resampler()
    assert resampler._find(y, LUMA_TOLERANCE) is None
    assert resampler._find(x, LUMA_TOLERANCE) is not None
    made = resampler._alone(source, (y, x), 0)
    assert resampler.counts.multiplied == 1
    want = Plan(taps(y, repeat=True), taps(x, repeat=True)).codes(source).astype(int)
    off = np.abs(made - want)
    assert made.shape == (250, 440)
    assert off.max() <= 4
    assert off.mean() < 0.4
    assert np.array_equal(made, resampler._alone(source, (y, x), 0))
