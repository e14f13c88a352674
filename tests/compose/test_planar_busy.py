"""Flat parts of a picture are left out of a blur: exactly those in which it changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.compose.planar_busy import BLOCK, parts
from reelpress.compose.planar_radial import Radial
from reelpress.scene.plan.effects import Blur
from reelpress.scene.plan.rect import IntRect

MARGIN = 64


def covered(found: list[IntRect], area: IntRect) -> np.ndarray:
    """How often each sample of the area is in one of the parts."""
    count = np.zeros((area.h, area.w), int)
    for part in found:
        assert area.x <= part.x < part.right <= area.right
        assert area.y <= part.y < part.bottom <= area.bottom
        count[part.y - area.y : part.bottom - area.y, part.x - area.x : part.right - area.x] += 1
    return count


def reaching(reach: int):
    return lambda _axis, first, stop: (first - reach, stop + reach)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_all_that_sees_different_samples_is_in_a_part(data: st.DataObject) -> None:
    """By brute force: whether the least and the greatest sample in reach differ."""
    rows, columns, reach = (
        data.draw(st.integers(40, 150)),
        data.draw(st.integers(40, 700)),
        data.draw(st.integers(0, 19)),
    )
    plane = np.full((rows + 2 * MARGIN, columns + 2 * MARGIN), 235, np.uint8)
    for _ in range(data.draw(st.integers(0, 4))):
        y, x = data.draw(st.integers(0, plane.shape[0] - 1)), data.draw(st.integers(0, plane.shape[1] - 1))
        tall, wide = data.draw(st.sampled_from([1, BLOCK, 40])), data.draw(st.sampled_from([1, BLOCK, 300]))
        plane[y : y + tall, x : x + wide] -= 30
    area = IntRect(0, 0, columns, rows)
    count = covered(list(parts(plane, MARGIN, area, reaching(reach))), area)
    assert count.max() <= 1
    low = high = plane
    for axis in (0, 1):
        moves = range(-reach, reach + 1)  # less than the margin: nothing comes round from the other side
        low = np.minimum.reduce([np.roll(low, move, axis) for move in moves])
        high = np.maximum.reduce([np.roll(high, move, axis) for move in moves])
    differs = (low != high)[MARGIN : MARGIN + rows, MARGIN : MARGIN + columns]
    assert not np.any(differs & (count == 0))


def test_nothing_is_busy_in_a_flat_picture_and_all_in_noise() -> None:
    area = IntRect(0, 0, 400, 200)
    flat = np.full((200 + 2 * MARGIN, 400 + 2 * MARGIN), 90, np.uint8)
    assert not list(parts(flat, MARGIN, area, reaching(10)))
    noise = np.random.default_rng(3).integers(0, 256, flat.shape).astype(np.uint8)
    assert covered(list(parts(noise, MARGIN, area, reaching(0))), area).min() == 1


def test_an_edge_between_two_blocks_is_busy() -> None:
    """Each of the blocks is flat; what lies between them is not."""
    plane = np.full((32 * BLOCK, 64 * BLOCK), 20, np.uint8)
    plane[:, 32 * BLOCK :] = 21
    area = IntRect(0, 0, 64 * BLOCK, 32 * BLOCK)
    inner = IntRect(16 * BLOCK, 8 * BLOCK, 32 * BLOCK, 16 * BLOCK)
    count = covered(list(parts(plane, 0, inner, reaching(1))), inner)
    assert count[:, 15 * BLOCK : 17 * BLOCK].min() == 1
    assert not count[:, : 8 * BLOCK].any()
    # Samples beyond the plane count as different ones.
    assert covered(list(parts(plane, 0, area, reaching(1))), area)[0].min() == 1


@pytest.mark.parametrize(("spread", "origin"), [(0.03, (300.0, 100.0)), (0.12, (-80.0, 333.0))])
def test_a_scaling_changes_nothing_outside_of_the_parts(spread: float, origin: tuple[float, float]) -> None:
    plane = np.full((360 + 2 * MARGIN, 900 + 2 * MARGIN), 60, np.uint8)
    plane[200:240, 300:420] = np.random.default_rng(4).integers(0, 256, (40, 120))
    radial, area = Radial(Blur(spread=spread, origin=origin), (900, 360), 0, MARGIN), IntRect(0, 0, 900, 360)
    count = covered(list(parts(plane, MARGIN, area, radial.seen)), area)
    changed = radial.codes(plane, area) != plane[MARGIN : MARGIN + 360, MARGIN : MARGIN + 900]
    assert changed.any()
    assert not np.any(changed & (count == 0))
    assert count.mean() < 0.6
