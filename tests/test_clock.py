"""``clock``: exact over hours, and times as people write them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.clock import (
    AUDIO_RATE,
    as_fraction,
    format_time,
    frame_at,
    frame_count,
    frame_time,
    parse_time,
    samples_until,
    shown_tick,
    ticks_ceil,
    ticks_floor,
    ticks_seconds,
)

NTSC = Fraction(60000, 1001)
RATES = [Fraction(60), Fraction(30), Fraction(24000, 1001), Fraction(30000, 1001), NTSC, Fraction(25), Fraction(15)]
DAY_OF_FRAMES = 24 * 3600 * 60

exactly = settings(derandomize=True, deadline=None, database=None)


def test_ten_hours_at_ntsc_rate():
    """36 000 s hold 2 157 842.16 frames; frame 2 157 840 starts at 2157840 * 1001 / 60000 = 35 999.964 s."""
    assert frame_time(2_157_840, NTSC) == Fraction(35_999_964, 1000)
    assert frame_count(Fraction(36_000), NTSC) == 2_157_843
    assert frame_at(Fraction(36_000), NTSC) == 2_157_842


@exactly
@given(index=st.integers(0, DAY_OF_FRAMES), fps=st.sampled_from(RATES))
def test_frame_and_time_are_each_other_s_inverse(index, fps):
    start = frame_time(index, fps)
    moment = Fraction(1, 10**12)
    assert frame_at(start, fps) == index
    assert frame_at(start - moment, fps) == index - 1
    assert frame_at(frame_time(index + 1, fps) - moment, fps) == index
    assert frame_time(index + 1, fps) - start == 1 / fps


@exactly
@given(frames=st.integers(0, DAY_OF_FRAMES), fps=st.sampled_from(RATES))
def test_frame_count_covers_the_duration_and_no_more(frames, fps):
    duration = frame_time(frames, fps)
    assert frame_count(duration, fps) == frames
    assert frame_count(duration + Fraction(1, 10**9), fps) == frames + 1


def test_no_frames_without_duration():
    assert frame_count(Fraction(0), NTSC) == 0
    assert frame_count(Fraction(-3), NTSC) == 0


def test_samples_of_ntsc_frames():
    """800.8 samples a frame: 800, 801, 801, 801, 801 and again; 4004 for every five."""
    ends = [samples_until(n, NTSC) for n in range(11)]
    assert ends[:6] == [0, 800, 1601, 2402, 3203, 4004]
    assert ends[10] == 8008
    assert samples_until(5 * 10**6, NTSC) == 4004 * 10**6
    assert AUDIO_RATE == 48_000


@exactly
@given(index=st.integers(0, DAY_OF_FRAMES), fps=st.sampled_from(RATES))
def test_sound_never_drifts_from_the_picture(index, fps):
    off = frame_time(index, fps) * AUDIO_RATE - samples_until(index, fps)
    assert 0 <= off < 1


@exactly
@given(
    ticks=st.integers(-(10**12), 10**12),
    base=st.sampled_from([Fraction(1, 90000), Fraction(1, 1000), Fraction(1001, 60000), Fraction(1, 12800)]),
)
def test_ticks_and_seconds(ticks, base):
    seconds = ticks_seconds(ticks, base)
    moment = Fraction(1, 10**12)
    assert ticks_floor(seconds, base) == ticks_ceil(seconds, base) == ticks
    assert ticks_floor(seconds + moment, base) == ticks
    assert ticks_ceil(seconds + moment, base) == ticks + 1
    assert ticks_floor(seconds - moment, base) == ticks - 1


@pytest.mark.parametrize("rounding", [math.floor, round, math.ceil])
@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("base", [Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 12800)])
def test_constant_rate_maps_one_to_one_however_stamps_were_rounded(rounding, fps, base):
    stamps = [rounding(frame_time(n, fps) / base) for n in range(500)]
    for n in range(499):
        tick = shown_tick(frame_time(n, fps), base)
        assert stamps[n] <= tick < stamps[n + 1], n


def test_a_coarse_time_base_counts_frames():
    base = Fraction(1, 30)
    assert shown_tick(Fraction(2, 30), base) == 2
    assert shown_tick(Fraction(2, 30) + Fraction(1, 1000), base) == 2
    assert shown_tick(Fraction(3, 30) - Fraction(1, 1000), base) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, Fraction(1, 10)),
        (12.345, Fraction(12345, 1000)),
        (1e-3, Fraction(1, 1000)),
        (7, Fraction(7)),
        ("2.5", Fraction(5, 2)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_numbers_are_read_as_they_were_written(value, expected):
    assert as_fraction(value) == expected


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "", "soon"])
def test_what_is_no_number(value):
    with pytest.raises(ValueError, match=r".+"):
        as_fraction(value)


def test_ten_tenths_are_one():
    assert sum((as_fraction(0.1) for _ in range(10)), Fraction()) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", "0"),
        ("12.5", "12.5"),
        ("90", "90"),
        ("1:02.5", "62.5"),
        ("01:02", "62"),
        ("1:00:00", "3600"),
        ("10:59:59.999", "39599.999"),
        ("750ms", "0.75"),
        ("3s", "3"),
        ("2m", "120"),
        ("1.5h", "5400"),
        (" 4.25 ", "4.25"),
        ("0.1", "0.1"),
    ],
)
def test_parse_time(text, seconds):
    assert parse_time(text) == Fraction(seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "-1", "1:", ":5", "1:2:3:4", "5 s", "1e3", "nan", "1,5", "2d", "1:60:00", "ms"]
)
def test_parse_time_says_what_is_allowed(text):
    with pytest.raises(ValueError, match=r"is not a time\. Allowed are seconds"):
        parse_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("0", "0:00.000"),
        ("9.5", "0:09.500"),
        ("59.9996", "1:00.000"),
        ("62.0301", "1:02.030"),
        ("3599.9999", "1:00:00.000"),
        ("3661.25", "1:01:01.250"),
        ("360000", "100:00:00.000"),
    ],
)
def test_format_time(seconds, text):
    assert format_time(Fraction(seconds)) == text


@exactly
@given(ms=st.integers(0, 10**10))
def test_what_is_printed_can_be_read_again(ms):
    assert parse_time(format_time(Fraction(ms, 1000))) == Fraction(ms, 1000)
