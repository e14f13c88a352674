"""Who asks for a frame that it drew gets it with what it drew, if anything, and never one that somebody holds."""

from __future__ import annotations

import random

from reelpress.color import BT709_LIMITED
from reelpress.media.pool import FramePool
from reelpress.media.scale import from_frame

SIZE = (64, 32, "yuv420p")


def test_the_content_of_a_wanted_loan_comes_back_unchanged() -> None:
    pool = FramePool()
    loans = [pool.lend(*SIZE) for _ in range(4)]
    assert [loan.content for loan in loans] == [0, 0, 0, 0]
    for value, loan in enumerate(loans):
        from_frame(loan.frame, BT709_LIMITED).planes[0][:] = value
    wanted = {loans[1].number, loans[2].number}
    numbers = [loan.number for loan in loans]
    assert len(set(numbers)) == 4
    del loans, loan
    again = pool.lend(*SIZE, wanted)
    assert again.content == numbers[2], "of several the newest"
    assert (from_frame(again.frame, BT709_LIMITED).planes[0] == 2).all()
    other = pool.lend(*SIZE, wanted)
    assert other.content == numbers[1]
    assert (from_frame(other.frame, BT709_LIMITED).planes[0] == 1).all()
    # Both are lent now: what else there is has some other content.
    assert pool.lend(*SIZE, wanted).content not in wanted


def test_a_frame_that_was_lent_to_somebody_else_meanwhile_is_not_taken_for_the_old_one() -> None:
    pool = FramePool()
    first = pool.lend(*SIZE).number
    second = pool.lend(*SIZE)  # the same frame again, with the first loan's content
    assert second.content == first
    wanted, number = {first}, second.number
    del second
    assert pool.lend(*SIZE, wanted).content == number


def test_a_frame_of_another_size_knows_nothing_of_the_old_ones() -> None:
    pool = FramePool()
    number = pool.lend(*SIZE).number
    assert pool.lend(32, 32, "yuv420p", {number}).content == 0
    assert pool.lend(*SIZE, {number}).content == 0


def test_whatever_is_held_is_never_lent() -> None:
    pool, rng = FramePool(), random.Random(3)
    held = []
    for step in range(200):
        loan = pool.lend(*SIZE, range(step))
        planes = from_frame(loan.frame, BT709_LIMITED)
        planes.planes[0][:] = step % 256
        if rng.random() < 0.6:
            # all that is left of it is a view of one plane, or the frame
            held.append((step % 256, planes.planes[0][2:4] if rng.random() < 0.5 else loan.frame))
        while len(held) > 6:
            held.pop(rng.randrange(len(held)))
        del loan, planes
        for value, kept in held:
            rows = kept if not hasattr(kept, "planes") else from_frame(kept, BT709_LIMITED).planes[0]
            assert (rows == value).all()
    assert pool.reused > 100
