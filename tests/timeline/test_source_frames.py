"""Which source frame is on screen: constant rates map one to one through every way of rounding time stamps."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene_makers import F, constant, display, index

from reelpress.timeline.source import FrameMap, source_ordinal

RATES = [F(24000, 1001), F(24), F(25), F(30000, 1001), F(30), F(31), F(50), F(60000, 1001), F(60), F(120)]
BASES = [F(1, 600), F(1, 1000), F(1, 12_800), F(1, 16_000), F(1, 90_000), F(1, 1_000_000)]
ROUNDINGS = {"floor": math.floor, "ceil": math.ceil, "nearest": lambda x: math.floor(x + F(1, 2))}


@given(
    rate=st.sampled_from(RATES),
    time_base=st.sampled_from(BASES),
    rounding=st.sampled_from(sorted(ROUNDINGS)),
    lead=st.fractions(min_value=0, max_value=100, max_denominator=100_000),
    count=st.integers(1, 400),
)
def test_a_constant_rate_maps_one_to_one(
    rate: Fraction, time_base: Fraction, rounding: str, lead: Fraction, count: int
) -> None:
    stamps = [ROUNDINGS[rounding]((lead + n / rate) / time_base) for n in range(count + 1)]
    frames = index(stamps[:-1], stamps[-1], time_base)
    assert [source_ordinal(frames, n / rate) for n in range(count)] == list(range(count))


def test_millisecond_stamps_of_thirty_frames_a_second() -> None:
    frames = index([0, 33, 67, 100, 133, 167], 200, F(1, 1000))
    assert [source_ordinal(frames, F(n, 30)) for n in range(6)] == [0, 1, 2, 3, 4, 5]
    # Twice the rate shows each frame twice, half of it every other one.
    assert [source_ordinal(frames, F(n, 60)) for n in range(12)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [source_ordinal(frames, F(n, 15)) for n in range(3)] == [0, 2, 4]


def test_a_coarse_time_base_counts_frames_exactly() -> None:
    frames = index([0, 1, 2, 3], 4, F(1, 30))
    assert [source_ordinal(frames, F(n, 60)) for n in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [source_ordinal(frames, F(n, 120)) for n in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_variable_rate_shows_the_newest_frame_and_clamps() -> None:
    frames = index([900, 1800, 90_900], 91_800, F(1, 90_000))  # at 0, 10 ms and 1 s of the file
    shown = [source_ordinal(frames, F(t, 1000)) for t in (-500, 0, 9, 10, 11, 999, 1000, 5000)]
    assert shown == [0, 0, 0, 1, 1, 1, 2, 2]


@given(
    start=st.fractions(min_value=-2, max_value=50, max_denominator=1000),
    offset=st.fractions(min_value=-1, max_value=1, max_denominator=1000),
    speed=st.sampled_from([F(0), F(1, 4), F(1), F(3, 2), F(8)]),
    fps=st.sampled_from(RATES),
    time_base=st.sampled_from([*BASES, F(1, 30), F(1, 100)]),
    n=st.integers(0, 100_000),
)
def test_the_fast_map_is_the_rule(
    start: Fraction, offset: Fraction, speed: Fraction, fps: Fraction, time_base: Fraction, n: int
) -> None:
    frames = constant(100, 30, time_base, first=7)
    track = display(frames, offset=offset)
    quick = FrameMap(track, start, speed / fps).ordinal(n)
    assert quick == source_ordinal(frames, start + speed / fps * n + offset)


@pytest.mark.parametrize("seconds", [25 * 60])
def test_no_duplicates_over_a_long_recording(seconds: int) -> None:
    """Cap's float arithmetic picks the previous frame on 1.8 % of the frames of 25 minutes at 60 fps."""
    frames = constant(seconds * 60, 60, F(1, 16_000))
    mapped = FrameMap(display(frames), F(0), F(1, 60))
    assert all(mapped.ordinal(n) == n for n in range(0, seconds * 60, 7))
