"""Transitions: both clips run on in the overlap, and source time is that of the project's maths."""

from __future__ import annotations

from fractions import Fraction

from reelpress.timeline.timeline import Clip, Hold, Timeline

F = Fraction


def two(holds: tuple[Hold, ...] = ()) -> Timeline:
    clips = [Clip(0, 0, F(10), F(14), F(2)), Clip(1, 0, F(30), F(33))]
    return Timeline.assemble(clips, transitions={1: F(1, 2)}, holds=holds)


def test_both_sides_on_the_overlap() -> None:
    timeline = two()
    # The first clip lasts 2 s of output, so the second begins at 1.5 s and both are seen until 2 s.
    (fade,) = timeline.fades
    assert (fade.out_start, fade.out_end, fade.entering) == (F(3, 2), F(2), 1)
    assert fade.before.source_at(F(3, 2)) == 13
    assert fade.before.source_at(F(2)) == 14
    assert fade.after.source_at(F(3, 2)) == 30
    assert fade.after.source_at(F(2)) == F(61, 2)
    assert fade.progress(F(7, 4)) == 0.5
    assert timeline.total == F(9, 2)


def test_a_hold_before_moves_it_and_one_inside_makes_it_a_cut() -> None:
    (fade,) = two((Hold(F(1), F(3)),)).fades
    assert (fade.out_start, fade.out_end) == (F(7, 2), F(4))
    assert fade.after.source_at(F(4)) == F(61, 2)
    assert two((Hold(F(7, 4), F(3)),)).fades == ()
