"""Output time to source time: cuts, speed, order, transitions, holds, ranges."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene_makers import F, clip, constant, display, index, plain, project, recording, sound, studio

from reelpress.errors import ProjectError, UnsupportedInputError
from reelpress.recording.model import RecordingSegment
from reelpress.timeline.build import build_timeline
from reelpress.timeline.timeline import Clip, Hold, Timeline, merge_holds, select_range

FIVE = F(5)


def clips(*lengths: float | Fraction) -> list[Clip]:
    """Clips of the given lengths, each from its own place in the source: clip i starts at 100 i."""
    return [Clip(i, 0, F(100 * i), 100 * i + F(length)) for i, length in enumerate(lengths)]


def test_cuts_and_speed() -> None:
    timeline = build_timeline(studio(), project([clip(1, 3), clip(5, 9, speed=2), clip(0, 1, speed=0.5)]))
    assert timeline.total == 2 + 2 + 2
    assert [float(timeline.source_at(F(t))[1]) for t in (0, 1, 2, 3, 4, 5)] == [1, 2, 5, 7, 0, 0.5]
    # The last moment of a clip is its own, its end belongs to the next.
    assert timeline.source_at(F(1999, 1000))[1] == F(2999, 1000)
    assert timeline.source_at(F(2))[0].index == 1


def test_times_are_the_decimals_of_the_file() -> None:
    timeline = build_timeline(studio(), project([clip(0.1, 0.4), clip(0.5, 0.8)]))
    assert timeline.total == F(6, 10)  # and not 0.6000000000000001
    assert timeline.frame_count(F(60)) == 36


def test_clips_may_come_from_several_segments_in_any_order() -> None:
    made = recording(
        RecordingSegment(0, display(constant(120, 60))),
        RecordingSegment(1, display(constant(180, 60), key="display:1")),
    )
    timeline = build_timeline(made, project([clip(1, 3, segment=1), clip(0, 2)]))
    assert [(span.clip.segment, float(span.out_start)) for span in timeline.spans] == [(1, 0), (0, 2)]


def test_without_a_timeline_each_segment_is_one_clip_in_full() -> None:
    made = recording(
        RecordingSegment(0, display(constant(120, 60)), mic=sound(F(5, 2))),
        RecordingSegment(1, display(constant(180, 60), key="display:1"), mic=sound(1)),
    )
    timeline = build_timeline(made, project())
    assert timeline.total == F(5, 2) + 3  # the longer of display and microphone


def test_a_plain_video_has_as_many_frames_as_its_source_although_stamps_are_rounded() -> None:
    hundred = index([(1000 * n + 15) // 30 for n in range(100)], 3334, F(1, 1000))  # 3.334 s where 3.333 is true
    assert build_timeline(plain(hundred), project()).frame_count(F(30)) == 100
    exact = constant(100, F(30000, 1001), F(1, 30_000))
    assert build_timeline(plain(exact), project()).frame_count(F(30000, 1001)) == 100


def test_padding_of_the_sound_does_not_lengthen_a_plain_video_but_more_sound_does() -> None:
    assert build_timeline(plain(constant(60, 60), audio=sound(F(105, 100))), project()).total == 1
    assert build_timeline(plain(constant(60, 60), audio=sound(3)), project()).total == 3


def test_a_clip_beyond_the_end_keeps_its_length_and_is_said() -> None:
    timeline = build_timeline(studio(), project([clip(8, 14)]))
    assert timeline.total == 6
    assert timeline.warnings == (
        "timeline.segments[0] ends at 14 s, but the recording lasts 10 s; its last frame is held.",
    )
    assert build_timeline(studio(), project([clip(8, 10.02)])).warnings == ()  # a recorder's rounding


def test_an_unknown_recording_segment_is_an_error_with_key_expected_and_given() -> None:
    with pytest.raises(ProjectError) as caught:
        build_timeline(studio(), project([clip(0, 1), clip(0, 1, segment=3)]))
    assert caught.value.key == "timeline.segments[1].recordingSegment"
    assert caught.value.given == "3"
    assert caught.value.expected == "a segment of this recording (0)"


def test_segments_are_named_by_their_number_and_not_by_their_place() -> None:
    """Segment 1 was lost: the clips of segment 2 play the second one that is there."""
    made = recording(
        RecordingSegment(0, display(constant(120, 60))),
        RecordingSegment(2, display(constant(180, 60), key="display:2")),
    )
    timeline = build_timeline(made, project([clip(0, 3, segment=2)]))
    assert made.segments[timeline.clips[0].segment].display.key == "display:2"
    with pytest.raises(ProjectError, match=r"segment of this recording \(0, 2\)"):
        build_timeline(made, project([clip(0, 1, segment=1)]))


@pytest.mark.parametrize("given", [[], [clip(2, 2)]])
def test_a_timeline_without_content_is_an_error(given: list[dict[str, Any]]) -> None:
    with pytest.raises(ProjectError, match="at least one clip"):
        build_timeline(studio(), project(given))


def test_tracks_that_never_overlap_are_an_error() -> None:
    made = recording(RecordingSegment(0, display(constant(60, 60), offset=F(2))))
    with pytest.raises(UnsupportedInputError, match="nothing is left"):
        build_timeline(made, project())


def test_speeds_at_which_sound_cannot_be_kept_are_said() -> None:
    made = project([clip(0, 9, speed=9, speedAudioMode="maintainPitch"), clip(0, 9, speed=9)])
    assert build_timeline(studio(), made).warnings == (
        "timeline.segments[0] plays at 9 times its speed; sound can be kept from 0.25 to 8, so it is muted there.",
    )


def test_a_transition_shortens_the_total_and_is_cut_in_its_middle() -> None:
    timeline = Timeline.assemble(clips(4, 6), transitions={1: F(1)})
    assert timeline.total == 9
    assert timeline.spans[0].out_end == timeline.spans[1].out_start == F(7, 2)
    # The second clip began at 3 s; half a second of it lies under the first.
    assert timeline.source_at(F(7, 2)) == (timeline.clips[1], F(1001, 10) + F(4, 10))
    assert timeline.source_at(F(5))[1] == 102


@pytest.mark.parametrize(
    ("lengths", "wanted", "overlap"),
    [
        ((4, 6), {1: F(9)}, 2),  # at most half of the shorter neighbour
        ((4, 6), {1: F(0)}, F(1, 20)),
        ((F(1, 20), 6), {1: F(1)}, 0),  # half of 0.05 is too little: dropped
        ((4, 6), {0: F(1)}, 0),
        ((4, 6), {2: F(1)}, 0),
    ],
)
def test_limits_of_a_transition(lengths: tuple[Fraction, ...], wanted: dict[int, Fraction], overlap: Fraction) -> None:
    assert Timeline.assemble(clips(*lengths), transitions=wanted).total == sum(F(x) for x in lengths) - overlap


def test_the_last_transition_of_an_index_wins() -> None:
    rows = [{"segmentIndex": 1, "type": "cross-fade", "duration": d} for d in (0.2, 0.4)]
    timeline = build_timeline(studio(), project([clip(0, 2), clip(4, 6)], timeline={"transitions": rows}))
    assert timeline.total == 4 - F(4, 10)


def test_a_hold_stops_the_source_and_moves_the_rest_back() -> None:
    timeline = Timeline.assemble(clips(4, 6), holds=[Hold(F(1), F(3))])
    assert timeline.total == 12
    source = [float(timeline.source_at(F(t))[1]) for t in (0, 1, 2, 3, 4, 5, 6, 7)]
    assert source == [0, 1, 1, 1, 2, 3, 100, 101]
    assert [span.held for span in timeline.spans] == [False, True, False, False]


def test_holds_that_touch_are_one_and_times_of_a_later_one_count_what_was_held_before() -> None:
    assert merge_holds([Hold(F(3), F(4)), Hold(F(1), F(3)), Hold(F(9), F(8))]) == [Hold(F(1), F(4))]
    timeline = Timeline.assemble(clips(10), holds=[Hold(F(1), F(2)), Hold(F(4), F(5))])
    assert timeline.source_at(F(9, 2))[1] == 3
    assert timeline.total == 12


def test_a_hold_at_a_cut_shows_the_later_clip() -> None:
    timeline = Timeline.assemble(clips(4, 6), holds=[Hold(F(4), F(5))])
    assert timeline.source_at(F(9, 2)) == (timeline.clips[1], F(100))


def test_a_hold_at_the_end_shows_what_was_seen_last_and_not_what_was_cut_away() -> None:
    timeline = Timeline.assemble(clips(4), holds=[Hold(F(4), F(6))])
    assert timeline.total == 6
    assert F(4) - F(1, 500) < timeline.source_at(F(5))[1] < 4


def test_a_hold_after_the_end_is_left_out_and_said() -> None:
    timeline = Timeline.assemble(clips(4), holds=[Hold(F(5), F(6))])
    assert timeline.total == 4
    assert len(timeline.warnings) == 1


def test_only_enabled_full_screen_titles_hold() -> None:
    texts = [
        {"start": 1, "end": 2, "layout": "fullscreen", "enabled": False},
        {"start": 1, "end": 2, "layout": "overlay"},
        {"start": 3, "end": 4, "layout": "fullscreen"},
    ]
    timeline = build_timeline(studio(), project([clip(0, 5)], timeline={"textSegments": texts}))
    assert timeline.holds == (Hold(F(3), F(4)),)


pieces = st.lists(
    st.tuples(
        st.fractions(min_value=F(1, 100), max_value=20, max_denominator=1000),
        st.sampled_from([F(1, 4), F(1), F(3, 2), F(8)]),
    ),
    min_size=1,
    max_size=6,
)
windows = st.lists(
    st.tuples(
        st.fractions(min_value=0, max_value=30, max_denominator=100),
        st.fractions(min_value=F(1, 100), max_value=5, max_denominator=100),
    ),
    max_size=4,
)


@given(pieces, st.dictionaries(st.integers(0, 6), st.fractions(min_value=0, max_value=9)), windows)
def test_spans_tile_the_output_and_source_times_stay_in_their_clips(
    lengths: list[tuple[Fraction, Fraction]],
    transitions: dict[int, Fraction],
    held: list[tuple[Fraction, Fraction]],
) -> None:
    row = [Clip(i, 0, F(100 * i), F(100 * i) + length, speed) for i, (length, speed) in enumerate(lengths)]
    timeline = Timeline.assemble(row, transitions=transitions, holds=[Hold(s, s + d) for s, d in held])
    spans = timeline.spans
    assert spans[0].out_start == 0
    for before, after in pairwise(spans):
        assert before.out_end == after.out_start
    for span in spans:
        assert span.out_end > span.out_start
        assert span.clip.start <= span.source_at(span.out_start)
        assert span.source_at(span.out_end) <= span.clip.end
    lost = sum((hold.end - hold.start for hold in timeline.holds), F(0))
    plain_total = Timeline.assemble(row, transitions=transitions).total
    assert timeline.total == plain_total + lost
    # Without its holds, the recording plays on as if nothing had been put in.
    moving = [span for span in spans if not span.held]
    assert sum((span.out_end - span.out_start for span in moving), F(0)) == plain_total


@pytest.mark.parametrize(
    ("start", "end", "first", "count"),
    [
        (None, None, 0, 300),
        (F(1), F(2), 30, 30),
        (F(1005, 1000), F(2005, 1000), 30, 30),  # the frame on screen at the start; as long as asked for
        (F(9), None, 270, 30),
        (None, F(1, 1000), 0, 1),
        (F(9), F(10) + F(1, 100), 270, 30),
    ],
)
def test_ranges(start: Fraction | None, end: Fraction | None, first: int, count: int) -> None:
    chosen, warning = select_range(Timeline.assemble(clips(10)), F(30), start, end)
    assert (chosen.first, chosen.count, warning) == (first, count, None)


def test_an_end_beyond_the_output_is_said() -> None:
    chosen, warning = select_range(Timeline.assemble(clips(10)), F(30), None, F(20))
    assert chosen.count == 300
    assert warning == "The end 20 s is beyond the output, which lasts 10 s; that is used."


@pytest.mark.parametrize(("start", "end"), [(F(-1), None), (F(3), F(3)), (FIVE, F(3)), (F(10), None), (F(99), F(100))])
def test_impossible_ranges(start: Fraction, end: Fraction | None) -> None:
    with pytest.raises(ValueError, match=r"^The (start|end) .*\.$"):
        select_range(Timeline.assemble(clips(10)), F(30), start, end)


@given(
    st.fractions(min_value=0, max_value=10, max_denominator=1000),
    st.fractions(min_value=F(1, 1000), max_value=10, max_denominator=1000),
    st.sampled_from([F(15), F(30000, 1001), F(60)]),
)
def test_a_range_lasts_what_was_asked_for_within_a_frame(start: Fraction, length: Fraction, fps: Fraction) -> None:
    timeline = Timeline.assemble(clips(10))
    whole = timeline.frame_count(fps)
    if start >= whole / fps:
        return
    chosen, _ = select_range(timeline, fps, start, start + length)
    assert chosen.first >= 0
    assert chosen.count >= 1
    assert chosen.first + chosen.count <= whole
    assert chosen.first / fps <= start < (chosen.first + 1) / fps
    if start + length <= timeline.total:
        assert abs(chosen.count / fps - length) < 1 / fps
