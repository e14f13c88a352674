"""Image flicker (cap-format 1.5), by hand."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reelpress.recording.model import PointerClick, PointerEvents, PointerImage, PointerMove
from reelpress.recording.pointer import stabilise


def images(**shapes: str | None) -> dict[str, PointerImage]:
    return {name[1:]: PointerImage(Path("x.png"), 32, 32, (0.0, 0.0), shape) for name, shape in shapes.items()}


def events(*runs: tuple[float, str], end: float, clicks: tuple[float, ...] = ()) -> PointerEvents:
    """Runs by their start; two moves each, and a last move of the last run at ``end``."""
    moves = [PointerMove(ms + d, 0.5, 0.5, name) for ms, name in runs for d in (0, 5)]
    moves.append(PointerMove(end, 0.5, 0.5, runs[-1][1]))
    return PointerEvents(tuple(moves), tuple(PointerClick(ms, True, 0, "?") for ms in clicks))


def ids(found: PointerEvents) -> str:
    return "".join(move.cursor_id for move in found.moves[::2])


SHAPES = images(_2="MacOS|IBeam", _10="MacOS|Arrow", _9="MacOS|TahoeArrow", _0=None)


def test_short_runs_become_the_arrow_with_the_lowest_number():
    found = stabilise(events((0, "2"), (999, "0"), (2000, "2"), (3000, "0"), end=3999), SHAPES)
    # 999 ms, 1001 ms, 1000 ms and, to the last move, 999 ms
    assert [m.cursor_id for m in found.moves] == [*"9900", *"22", "9", "9", "9"]


def test_exactly_a_second_is_long_enough():
    found = stabilise(events((0, "2"), (1000, "0"), (1999, "2"), end=3000), SHAPES)
    assert [m.cursor_id for m in found.moves] == ["2", "2", "9", "9", "2", "2", "2"]


def test_without_an_arrow_the_one_shown_longest():
    found = stabilise(events((0, "0"), (1500, "2"), (1900, "0"), (2100, "1"), (5000, "2"), end=5500), images(_0=None))
    # 0 is shown for 1.7 s, 1 for 2.9 s, 2 for 0.9 s
    assert [m.cursor_id for m in found.moves] == ["0", "0", "1", "1", "1", "1", "1", "1", "1", "1", "1"]


def test_clicks_take_the_image_of_their_run():
    found = stabilise(events((100, "2"), (2000, "0"), (2400, "2"), end=9000, clicks=(0, 500, 2000, 2399, 2400)), SHAPES)
    assert [c.cursor_id for c in found.clicks] == ["2", "2", "9", "9", "2"]
    assert [(c.time_ms, c.down, c.button) for c in found.clicks] == [(t, True, 0) for t in (0, 500, 2000, 2399, 2400)]


def test_nothing_else_changes():
    given_events = events((0, "2"), (300, "0"), (400, "10"), end=700)
    found = stabilise(given_events, SHAPES)
    assert [m[:3] for m in found.moves] == [m[:3] for m in given_events.moves]
    assert stabilise(PointerEvents()) == PointerEvents()
    assert ids(stabilise(events((0, "7"), end=5))) == "77"


@given(st.lists(st.tuples(st.floats(1, 3000), st.sampled_from(["0", "2", "9", "10"])), min_size=1, max_size=30))
def test_only_the_arrow_is_shown_for_less_than_a_second(steps):
    moves, ms = [], 0.0
    for dt, name in steps:
        moves.append(PointerMove(ms, 0.0, 0.0, name))
        ms += dt
    found = stabilise(PointerEvents(tuple(moves)), SHAPES).moves
    first = 0
    for i in range(1, len(found) + 1):
        if i == len(found) or found[i].cursor_id != found[first].cursor_id:
            end = found[i].time_ms if i < len(found) else found[-1].time_ms
            assert found[first].cursor_id == "9" or end - found[first].time_ms >= 1000
            first = i
