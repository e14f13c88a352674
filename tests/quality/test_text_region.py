"""Text at rest: found where it is, judged by itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from reelpress.quality.metrics import PlaneMeter, psnr
from reelpress.quality.text_region import BLOCK, TextRegion, difference_in

Plane = np.ndarray[Any, np.dtype[np.uint8]]
WIDTH, HEIGHT = 100, 70
"""6 x 4 whole blocks and a rest."""


def page(*blocks: tuple[int, int], ground: int = 230, ink: int = 30) -> Plane:
    """A plain page with vertical strokes in some blocks (column, row)."""
    luma = np.full((HEIGHT, WIDTH), ground, np.uint8)
    for column, row in blocks:
        luma[row * BLOCK : (row + 1) * BLOCK, column * BLOCK + 2 : (column + 1) * BLOCK - 2 : 4] = ink
    return luma


def found(region: TextRegion) -> set[tuple[int, int]]:
    mask = region.mask()
    return set() if mask is None else {(int(x), int(y)) for y, x in np.argwhere(mask)}


def test_blocks_with_strokes_are_text() -> None:
    region = TextRegion(WIDTH, HEIGHT)
    region.next(page((1, 1), (5, 3)))
    assert found(region) == {(1, 1), (5, 3)}


def test_plain_ramps_faint_grain_and_a_single_edge_are_not() -> None:
    rng = np.random.default_rng(0)
    ramp = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    grain = rng.integers(100, 139, (HEIGHT, WIDTH), dtype=np.uint8)
    edge = np.full((HEIGHT, WIDTH), 20, np.uint8)
    edge[:, 16:] = 240  # between two blocks: belongs to neither
    for luma in (page(), ramp, grain, edge):
        region = TextRegion(WIDTH, HEIGHT)
        region.next(luma)
        assert found(region) == set()


def test_what_moves_is_not_at_rest() -> None:
    region = TextRegion(WIDTH, HEIGHT)
    region.next(page((1, 1), (2, 2)))
    moved = page((1, 1), (2, 2), (4, 0))
    moved[2 * BLOCK + 3, 2 * BLOCK + 3] ^= 64
    region.next(moved)
    assert found(region) == {(1, 1)}
    region.next(moved.copy())
    assert found(region) == {(1, 1), (2, 2), (4, 0)}


def test_an_encoders_trembling_is_rest() -> None:
    region = TextRegion(WIDTH, HEIGHT)
    luma = page((3, 1))
    region.next(luma)
    region.next(luma + 2)
    assert found(region) == {(3, 1)}
    region.next(luma + 5)
    assert found(region) == set()


def test_an_unchanged_picture_is_at_rest() -> None:
    region = TextRegion(WIDTH, HEIGHT)
    region.next(page())
    luma = page((0, 0))
    region.next(luma)
    assert found(region) == set()
    region.next(luma, unchanged=True)
    assert found(region) == {(0, 0)}
    region.next(luma, unchanged=True)
    assert found(region) == {(0, 0)}


def test_a_picture_smaller_than_a_block_has_none() -> None:
    region = TextRegion(12, 12)
    region.next(np.zeros((12, 12), np.uint8))
    assert region.mask() is None


def test_only_text_counts() -> None:
    a = page((1, 1), (4, 2))
    b = a.copy()
    b[:, 90:] = 0  # ruins what is no text
    b[BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK] += 3  # 256 samples off by 3
    region = TextRegion(WIDTH, HEIGHT)
    region.next(a)
    mask = region.mask()
    assert mask is not None
    luma = PlaneMeter(WIDTH, HEIGHT).compare(a, b)
    text = difference_in(mask, luma)
    assert text.blocks == 2
    assert text.samples == 512
    assert text.sse == 256 * 9
    assert psnr(text.sse / text.samples) == pytest.approx(10 * math.log10(255**2 / 4.5))
    assert text.worst_at == (16, 16)
    assert text.worst_ssim < 1
    assert text.ssim == pytest.approx((text.worst_ssim + 1) / 2), "the other block has no difference"
    alone = PlaneMeter(16, 16).compare(np.ascontiguousarray(a[16:32, 16:32]), np.ascontiguousarray(b[16:32, 16:32]))
    assert text.worst_ssim == pytest.approx(alone.ssim), "the windows inside of the block and no others"
