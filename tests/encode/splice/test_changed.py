"""Which macroblocks changed: against looking at every one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.encode.splice.changed import MacroblockDiff
from reelpress.media.planes import Planes
from reelpress.media.steady import DEFAULT_TOLERANCE
from reelpress.scene.plan.rect import IntRect
from unchanged_makers import copied, differing_blocks, page, painted, planar

EVERYTHING = 1 << 30


def found_blocks(
    diff: MacroblockDiff, picture: Planes, anchor: Planes, limit: int = EVERYTHING
) -> set[tuple[int, int]]:
    found = diff.changed(picture, anchor, limit)
    assert found is not None
    assert found.shape == (diff.rows, diff.columns)
    return {(int(row), int(column)) for row, column in np.argwhere(found)}


@st.composite
def rects(draw: st.DrawFn, width: int, height: int) -> IntRect:
    x = draw(st.integers(0, width - 1))
    y = draw(st.integers(0, height - 1))
    return IntRect(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))


def touch(planes: Planes, plane: int, rect: IntRect, value: int) -> None:
    """Change a plane inside of ``rect`` (luma samples), at least one sample of it."""
    target = planar(planes)[plane]
    step = 1 if plane == 0 else 2
    target[rect.y // step : -(-rect.bottom // step), rect.x // step : -(-rect.right // step)] += np.uint8(value)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_it_finds_what_a_look_at_every_sample_finds(data: st.DataObject) -> None:
    width, height = 2 * data.draw(st.integers(1, 45)), 2 * data.draw(st.integers(1, 90))
    format_name = data.draw(st.sampled_from(("yuv420p", "nv12")))
    anchor = picture = page(width, height, 1, format_name)
    diff = MacroblockDiff(width, height)
    for _ in range(data.draw(st.integers(1, 6))):
        picture = copied(picture)
        damage = data.draw(st.lists(rects(width, height), max_size=3))
        for rect in damage:
            # Damage may be said of what did not change; undoing a change makes a macroblock equal again.
            kind = data.draw(st.sampled_from(("nothing", "samples", "back")))
            if kind == "samples":
                inner = data.draw(rects(rect.w, rect.h))
                moved = IntRect(rect.x + inner.x, rect.y + inner.y, inner.w, inner.h)
                touch(picture, data.draw(st.integers(0, 2)), moved, data.draw(st.integers(1, 255)))
            elif kind == "back":
                for target, old in zip(picture.planes, anchor.planes, strict=True):
                    # whole chroma samples: else luma would come back and chroma would not
                    tall = 1 if target is picture.planes[0] else 2
                    rows = slice(rect.y // tall, -(-rect.bottom // tall))
                    if tall == 1 or format_name == "nv12":
                        columns = slice(rect.x // 2 * 2, -(-rect.right // 2) * 2)
                    else:
                        columns = slice(rect.x // 2, -(-rect.right // 2))
                    target[rows, columns] = old[rows, columns]
        if data.draw(st.booleans()):
            diff.mark(damage)
        else:
            diff.mark_all()
        expected = differing_blocks(planar(picture), planar(anchor))
        limit = data.draw(st.sampled_from((0, 1, 3, EVERYTHING)))
        if len(expected) > limit:
            assert diff.changed(picture, anchor, limit) is None
        assert found_blocks(diff, picture, anchor) == expected
        if data.draw(st.booleans()):
            anchor = picture
            diff.settled()


def test_a_partial_macroblock_counts_as_one() -> None:
    diff = MacroblockDiff(1920, 1080)
    assert (diff.columns, diff.rows) == (120, 68)


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
@pytest.mark.parametrize("plane", [0, 1, 2])
def test_one_step_of_one_sample_is_seen_and_put_into_its_own_macroblock(format_name: str, plane: int) -> None:
    width, height = 70, 38
    anchor = page(width, height, 2, format_name)
    for y, x in ((0, 0), (15, 16), (16, 15), (37, 69), (32, 0), (0, 64)):
        picture = copied(anchor)
        touch(picture, plane, IntRect(x, y, 1, 1), 1)
        diff = MacroblockDiff(width, height)
        diff.mark([IntRect(x, y, 1, 1)])
        assert found_blocks(diff, picture, anchor) == {(y // 16, x // 16)}


def test_only_what_may_have_changed_is_looked_at() -> None:
    anchor = page(64, 64, 3)
    picture = painted(anchor, IntRect(40, 40, 8, 8), 0)
    diff = MacroblockDiff(64, 64)
    diff.mark([IntRect(0, 0, 16, 16)])
    assert found_blocks(diff, picture, anchor) == set()
    diff.mark([IntRect(47, 47, 1, 1)])
    assert found_blocks(diff, picture, anchor) == {(2, 2)}


def test_what_was_found_equal_is_not_looked_at_again_until_it_is_marked() -> None:
    anchor = page(64, 64, 4)
    diff = MacroblockDiff(64, 64)
    diff.mark_all()
    assert found_blocks(diff, copied(anchor), anchor) == set()
    other = painted(anchor, IntRect(16, 16, 32, 16), 0)
    assert found_blocks(diff, other, anchor) == set()
    diff.mark([IntRect(16, 16, 32, 16)])
    assert found_blocks(diff, other, anchor) == {(1, 1), (1, 2)}
    assert found_blocks(diff, other, anchor) == {(1, 1), (1, 2)}  # what differs stays suspect


def test_the_anchor_itself_has_nothing_changed_and_clears_all() -> None:
    anchor = page(64, 64, 5)
    diff = MacroblockDiff(64, 64)
    diff.mark_all()
    assert found_blocks(diff, anchor, anchor) == set()
    assert found_blocks(diff, painted(anchor, IntRect(0, 0, 64, 64), 0), anchor) == set()


def test_settling_forgets_everything() -> None:
    anchor = page(64, 64, 6)
    picture = painted(anchor, IntRect(0, 0, 64, 64), 0)
    diff = MacroblockDiff(64, 64)
    diff.mark_all()
    diff.settled()
    assert found_blocks(diff, picture, anchor) == set()


def test_the_answer_is_a_copy() -> None:
    anchor = page(64, 64, 7)
    picture = painted(anchor, IntRect(0, 0, 2, 2), 0)
    diff = MacroblockDiff(64, 64)
    diff.mark_all()
    first = diff.changed(picture, anchor, EVERYTHING)
    assert first is not None
    first[:] = True
    assert found_blocks(diff, picture, anchor) == {(0, 0)}


def test_it_stops_looking_beyond_the_limit() -> None:
    """Rows behind the band in which the limit is passed stay suspects, although they are equal."""
    band = 8
    height = 16 * 2 * band
    anchor = page(32, height, 8)
    top = painted(anchor, IntRect(0, 0, 32, 16), 0)
    diff = MacroblockDiff(32, height, band=band)
    diff.mark_all()
    assert diff.changed(top, anchor, 1) is None
    bottom = painted(anchor, IntRect(0, height - 16, 32, 16), 0)
    assert found_blocks(diff, bottom, anchor) == {(2 * band - 1, 0), (2 * band - 1, 1)}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_with_a_tolerance_it_finds_what_is_beyond_it(data: st.DataObject) -> None:
    """By the definition: per plane no sample beyond three tolerances, the mean square at most a quarter of its square.

    At the right and the bottom edge a partial macroblock counts its last samples again, as encoders pad it.
    """
    tolerance = data.draw(st.integers(1, 6))
    width, height = 2 * data.draw(st.integers(1, 40)), 2 * data.draw(st.integers(1, 40))
    format_name = data.draw(st.sampled_from(("yuv420p", "nv12")))
    anchor = page(width, height, 1, format_name)
    picture = copied(anchor)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    for plane in planar(picture):
        change = rng.standard_normal(plane.shape) * rng.choice((0.0, 0.3, 0.7, 3.0)) * tolerance
        plane[:] = (plane + np.rint(change)).clip(0, 255)
    diff = MacroblockDiff(width, height, band=data.draw(st.integers(1, 4)))
    diff.mark_all()
    found = diff.changed(picture, anchor, EVERYTHING, tolerance)
    assert found is not None
    expected = np.zeros((diff.rows, diff.columns), np.bool_)
    for index, (new, old) in enumerate(zip(planar(picture), planar(anchor), strict=True)):
        side = 16 if index == 0 else 8
        distance = np.abs(new.astype(int) - old)
        short = diff.rows * side - distance.shape[0], diff.columns * side - distance.shape[1]
        distance = np.pad(distance, ((0, short[0]), (0, short[1])), mode="edge")
        each = distance.reshape(diff.rows, side, diff.columns, side)
        if format_name == "nv12" and index:
            continue
        expected |= each.max(axis=(1, 3)) > 3 * tolerance
        expected |= 4 * (each**2).sum(axis=(1, 3)) > tolerance**2 * side * side
    if format_name == "nv12":  # both chroma samples are one plane of bytes
        pairs = np.abs(picture.planes[1].astype(int) - anchor.planes[1])
        pairs = pairs.reshape(pairs.shape[0], -1, 2)
        short = diff.rows * 8 - pairs.shape[0], diff.columns * 8 - pairs.shape[1]
        if short[1]:
            # bytes are repeated, not pairs of them: the last sample of the second kind
            tail = np.repeat(pairs[:, -1:, 1:], 2 * short[1], axis=1).reshape(pairs.shape[0], short[1], 2)
            pairs = np.concatenate([pairs, tail], axis=1)
        pairs = np.pad(pairs, ((0, short[0]), (0, 0), (0, 0)), mode="edge")
        each = pairs.reshape(diff.rows, 8, diff.columns, 16)
        expected |= each.max(axis=(1, 3)) > 3 * tolerance
        expected |= 4 * (each**2).sum(axis=(1, 3)) > tolerance**2 * 128
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("tolerance", [1, 3, 8])
def test_what_changes_slowly_is_found_by_its_distance_from_the_real_picture(tolerance: int) -> None:
    """Brighter by 1/255 each time: never seen from one picture to the next, but nothing shown is ever far off."""
    anchor = page(64, 48, 3)
    anchor.planes[0][:] = anchor.planes[0].clip(0, 120)
    picture = anchor
    diff = MacroblockDiff(64, 48)
    taken = 0
    for _ in range(60):
        picture = copied(picture)
        picture.planes[0][:] += 1
        diff.mark_all()
        if found_within(diff, picture, anchor, tolerance):
            anchor = picture
            diff.settled()
            taken += 1
        off = np.abs(picture.planes[0].astype(int) - anchor.planes[0])
        assert int(off.max()) <= tolerance / 2
    assert taken == 60 // (tolerance // 2 + 1)


def found_within(diff: MacroblockDiff, picture: Planes, anchor: Planes, tolerance: int) -> bool:
    found = diff.changed(picture, anchor, EVERYTHING, tolerance)
    assert found is not None
    return bool(found.any())


def test_a_caret_of_one_pixel_and_a_faint_line_are_beyond_the_tolerance() -> None:
    """Of the default: a caret 16 pixels high, and a line of 16 pixels that is lighter by 7 of 255 (784 > 576)."""
    anchor = page(64, 48, 4)
    anchor.planes[0][:] = 200
    for height, value in ((14, 40), (16, 207)):
        picture = copied(anchor)
        picture.planes[0][16 : 16 + height, 21] = value
        diff = MacroblockDiff(64, 48)
        diff.mark_all()
        found = diff.changed(picture, anchor, EVERYTHING, DEFAULT_TOLERANCE)
        assert found is not None
        assert {(int(r), int(c)) for r, c in np.argwhere(found)} == {(1, 1)}
