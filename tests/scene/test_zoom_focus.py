"""Where an automatic zoom looks (cap-format 3.5)."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from scene_makers import F, clip, constant, display, pointer, project, recording, studio

from reelpress.recording.model import PointerEvents, RecordingSegment
from reelpress.scene.focus import Moved, auto_focus, cluster, edge_snap
from reelpress.scene.geometry import clamp_crop
from reelpress.scene.zoom import Focus
from reelpress.timeline.build import build_timeline

HD = (1920, 1080)
GROUND = [(HD, clamp_crop(HD, None, None))]


def centres(found: tuple[Focus, ...]) -> list[tuple[float, float, float]]:
    return [(float(f.start), round(f.x, 3), round(f.y, 3)) for f in found]


def moves(*rows: tuple[float, float, float]) -> list[Moved]:
    return [Moved(F(repr(t)), u, v) for t, u, v in rows]


def test_edge_snap() -> None:
    assert edge_snap(0.25, 0.25) == 0
    assert edge_snap(0.1, 0.25) == 0
    assert edge_snap(0.5, 0.25) == pytest.approx(0.25 / 0.5001)
    assert edge_snap(0.9, 0.25) == 1
    assert edge_snap(0.3, 0.0) == pytest.approx(0.3, abs=1e-4)
    assert edge_snap(0.3, 0.5) == 0
    assert edge_snap(0.7, 0.5) == 1


def test_boxes_grow_until_they_are_too_wide_or_too_high() -> None:
    # Amount 2: boxes of at most 0.25 x 0.35.
    row = moves((1, 0.1, 0.1), (2, 0.3, 0.2), (3, 0.36, 0.2), (4, 0.4, 0.5), (5, 0.5, 0.6))
    # The third is 0.26 right of the first; the fifth 0.4 below the third.
    assert centres(cluster(row, 2.0, 0.0)) == [(1, 0.2, 0.15), (3, 0.38, 0.35), (5, 0.5, 0.6)]


def test_a_box_too_high_is_split() -> None:
    found = cluster(moves((1, 0.1, 0.1), (2, 0.1, 0.5)), 2.0, 0.0)
    assert [f.start for f in found] == [1, 2]


def focus(
    events: PointerEvents, start: float, end: float, *, latest: Fraction | None = None, clips: list[dict[str, object]]
) -> list[tuple[float, float, float]]:
    made = recording(RecordingSegment(0, display(constant(600, 60)), pointer=events, latest=latest))
    timeline = build_timeline(made, project(clips))
    return centres(auto_focus(timeline, made, GROUND, F(repr(start)), F(repr(end)), 2.0, 0.0))


def test_moves_are_taken_in_the_clock_of_the_recorder() -> None:
    events = pointer([(1000, 0.2, 0.2), (2000, 0.8, 0.8), (3000, 0.1, 0.9)])
    assert focus(events, 1.5, 2.5, clips=[clip(0, 10)]) == [(2.0, 0.8, 0.8)]
    # latest = 0.5: the event at 2000 ms happened at t_src 1.5.
    assert focus(events, 1, 2, latest=F(1, 2), clips=[clip(0, 10)]) == [(1.5, 0.8, 0.8)]


def test_cuts_and_speed_are_followed() -> None:
    events = pointer([(1000, 0.2, 0.2), (3000, 0.9, 0.9), (6000, 0.5, 0.5), (8000, 0.1, 0.9)])
    # Output 0..2 is source 0..2; output 2..4 is source 5..9 at double speed. 3000 ms was cut away.
    cuts = [clip(0, 2), clip(5, 9, speed=2)]
    assert focus(events, 0.5, 4, clips=cuts) == [(1.0, 0.2, 0.2), (2.5, 0.5, 0.5), (3.5, 0.1, 0.9)]


def test_without_moves_the_last_earlier_then_the_next_then_the_middle() -> None:
    events = pointer([(1000, 0.2, 0.2), (1200, 0.3, 0.4), (8000, 0.9, 0.9)])
    assert focus(events, 3, 4, clips=[clip(0, 10)]) == [(3, 0.3, 0.4)]
    assert focus(events, 0.1, 0.4, clips=[clip(0, 10)]) == [(0.1, 0.2, 0.2)]
    assert focus(PointerEvents(), 3, 4, clips=[clip(0, 10)]) == [(3, 0.5, 0.5)]
    assert focus(pointer([(1, math.nan, 0.5)]), 3, 4, clips=[clip(0, 10)]) == [(3, 0.5, 0.5)]


def test_positions_are_those_in_the_crop() -> None:
    made = studio(events=pointer([(2000, 0.5, 0.5)]))
    timeline = build_timeline(made, project([clip(0, 10)]))
    ground = [(HD, clamp_crop(HD, (480, 270), (1440, 810)))]
    found = auto_focus(timeline, made, ground, F(1), F(3), 2.0, 0.0)
    assert centres(found) == [(2, 0.333, 0.333)]
