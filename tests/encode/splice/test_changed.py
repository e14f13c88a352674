"""Which macroblocks changed: against looking at every one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.encode.splice.changed import BAND, MacroblockDiff
from reelpress.media.planes import Planes
from reelpress.scene.plan import IntRect
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
    height = 16 * 2 * BAND
    anchor = page(32, height, 8)
    top = painted(anchor, IntRect(0, 0, 32, 16), 0)
    diff = MacroblockDiff(32, height)
    diff.mark_all()
    assert diff.changed(top, anchor, 1) is None
    bottom = painted(anchor, IntRect(0, height - 16, 32, 16), 0)
    assert found_blocks(diff, bottom, anchor) == {(2 * BAND - 1, 0), (2 * BAND - 1, 1)}
