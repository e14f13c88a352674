"""Boxes behind text, kept while they rest; letters that are slanted by us."""

from __future__ import annotations

import math

import numpy as np
import pytest
from text_makers import draw, make_run

from reelpress.scene.plan.outline import CornerKind
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Backing, Pill, TextSpan
from reelpress.text import pen, raster


def exact_box(window: tuple[int, int, int, int], rect: Rect, radius: float, kind: CornerKind) -> np.ndarray:
    """The definition in scene.plan, pixel by pixel."""
    x0, y0, x1, y1 = window
    radius = min(radius, rect.w / 2, rect.h / 2)
    out = np.zeros((y1 - y0, x1 - x0))
    for j, i in np.ndindex(out.shape):
        if radius <= 0:
            across = min(x0 + i + 1, rect.right) - max(x0 + i, rect.x)
            down = min(y0 + j + 1, rect.bottom) - max(y0 + j, rect.y)
            out[j, i] = max(0.0, min(1.0, across)) * max(0.0, min(1.0, down))
            continue
        for dx in (-0.25, 0.25):
            for dy in (-0.25, 0.25):
                qx = abs(x0 + i + 0.5 + dx - rect.x - rect.w / 2) - rect.w / 2 + radius
                qy = abs(y0 + j + 0.5 + dy - rect.y - rect.h / 2) - rect.h / 2 + radius
                power = 4 if kind is CornerKind.SQUIRCLE else 2
                norm = (max(qx, 0) ** power + max(qy, 0) ** power) ** (1 / power)
                t = max(0.0, min(1.0, (norm + min(max(qx, qy), 0) - radius + 1) / 2))
                out[j, i] += (1 - t * t * (3 - 2 * t)) / 4
    return out


@pytest.mark.parametrize("kind", list(CornerKind))
@pytest.mark.parametrize("radius", [0.0, 0.4, 3.0, 9.0, 50.0])
@pytest.mark.parametrize(
    "rect",
    [Rect(3.3, 2.6, 40.2, 30.7), Rect(0.0, 0.0, 24.0, 20.0), Rect(5.5, 5.2, 0.7, 12.0), Rect(-2.0, 4.0, 9.0, 6.5)],
)
def test_a_box_is_as_defined(rect: Rect, radius: float, kind: CornerKind) -> None:
    for window in (
        (math.floor(rect.x - 1.5), math.floor(rect.y - 1.5), math.ceil(rect.right + 1.5), math.ceil(rect.bottom + 1.5)),
        (8, 7, 20, 16),  # cut
        (-4, -6, 60, 50),
    ):
        got = raster._rounded_box(window, rect, radius, kind)
        assert got.dtype == np.float32
        assert np.abs(got - exact_box(window, rect, radius, kind)).max() <= 1e-6


def test_boxes_are_kept_by_all_that_they_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    box = raster._rounded_box
    monkeypatch.setattr(raster, "_rounded_box", lambda *key: (made.append(key), box(*key))[1])
    raster._boxes.clear()
    keys = [
        (window, Rect(2.5, 3.0, 20.0, 10.0 + more), radius, kind)
        for window in ((0, 0, 30, 20), (1, 0, 31, 20))
        for more in (0.0, 0.25)
        for radius in (2.0, 4.0)
        for kind in CornerKind
    ]
    for _ in range(2):
        for key in keys:
            cover = raster._box_in(*key)
            assert not cover.flags.writeable
            assert np.array_equal(cover, box(*key))
    assert made == keys


def test_a_caption_whose_words_light_up_keeps_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Rect] = []
    box = raster._rounded_box
    monkeypatch.setattr(raster, "_rounded_box", lambda *key: (made.append(key[1]), box(*key))[1])
    backing = Backing((0.1, 0.1, 0.2), 0.8, 12.0, 8.0, CornerKind.SQUIRCLE)
    raster._boxes.clear()
    for step in range(5):
        words = (TextSpan("one ", opacity=0.5 + step / 10), TextSpan("two", opacity=1 - step / 10))
        pill = Pill(0, 1, step / 4, (1.0, 0.8, 0.5), 1.0, 4.0, 1.0, 5.0, CornerKind.ROUNDED)
        run = make_run(words, 40.0, backing=backing, pill=pill)
        kept = draw(run).rgba.copy()
        raster._boxes.clear() if step == 2 else None
        assert np.array_equal(draw(run).rgba, kept)
    widest = max(rect.w for rect in made)
    assert sum(rect.w == widest for rect in made) == 2  # once, and once after it was forgotten


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("slant", [pen.SLANT, 0.5, 0.01])
def test_a_slanted_letter_is_the_mean_of_its_moved_rows(factor: int, slant: float) -> None:
    """Each row of the enlarged drawing is moved by its distance from the baseline; in between it is linear."""
    rng = np.random.default_rng(1)
    band = np.zeros((6 * factor, 12 * factor), np.uint8)
    band[factor:-factor, 4 * factor : -4 * factor] = rng.integers(0, 256, (4 * factor, 4 * factor))
    baseline = 4 * factor + 1
    moved = np.zeros(band.shape)
    columns = np.arange(band.shape[1])
    for row, line in enumerate(band):
        moved[row] = np.interp(columns + slant * (row + 1 - baseline), columns, line)
    want = moved.reshape(6, factor, 12, factor).mean(axis=(1, 3))
    assert np.abs(pen._sheared(band, factor, slant, baseline) - want).max() <= 0.51
    straight = band.reshape(6, factor, 12, factor).mean(axis=(1, 3))
    assert np.abs(want - straight).max() > 2 or slant == 0.01
