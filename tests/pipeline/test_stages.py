"""What a stage says of itself: progress, phases, statistics."""

from __future__ import annotations

import pytest

from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.channel import Channel
from reelpress.pipeline.clocks import AwakeClock
from reelpress.pipeline.stage import Stage, StageContext


class Manual:
    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    def wait(self, condition, timeout_s) -> None:
        raise AssertionError


@pytest.fixture
def manual() -> Manual:
    return Manual()


def context(manual: Manual, *, inputs=(), outputs=()) -> StageContext:
    return StageContext(Stage("encode", lambda ctx: None, inputs, outputs), AwakeClock(manual), CancelToken())


def step(manual: Manual, ctx: StageContext, seconds: float) -> None:
    """Let time pass as it does with a monitor that looks at the clock."""
    for _ in range(round(seconds / 0.1)):
        manual.time += 0.1
        ctx.snapshot()


def test_times_are_booked_where_they_belong(manual):
    source, sink = Channel("in", max_items=2), Channel("out", max_items=2)
    ctx = context(manual, inputs=[source], outputs=[sink])
    step(manual, ctx, 1.0)
    ctx.begin_wait("recv", "in")
    step(manual, ctx, 2.0)
    ctx.end_wait()
    ctx.moved("recv")
    step(manual, ctx, 3.0)
    ctx.begin_wait("send", "out")
    step(manual, ctx, 4.0)
    ctx.end_wait()
    ctx.moved("send")
    step(manual, ctx, 0.5)
    stats = ctx.stats
    assert stats.busy_s == pytest.approx(4.5)
    assert stats.wait_in_s == pytest.approx(2.0)
    assert stats.wait_out_s == pytest.approx(4.0)
    assert stats.frames == 1
    ctx.finish()
    step(manual, ctx, 9.0)
    assert ctx.stats == stats


def test_frames_are_those_given_out_or_by_a_last_stage_taken_in(manual):
    last = context(manual, inputs=[Channel("in", max_items=2)])
    middle = context(manual, inputs=[Channel("in", max_items=2)], outputs=[Channel("out", max_items=2)])
    for ctx in (last, middle):
        for _ in range(3):
            ctx.moved("recv")
        ctx.moved("send")
    assert (last.stats.frames, middle.stats.frames) == (3, 1)
    middle.set_frames(7)
    assert middle.stats.frames == 7


def test_every_kind_of_progress_resets_the_time_of_standing_still(manual):
    ctx = context(manual)

    def native() -> None:
        with ctx.native("x264"):
            step(manual, ctx, 2.0)
            assert ctx.snapshot().still_s == pytest.approx(2.0)

    for progress in (lambda: ctx.moved("recv"), lambda: ctx.moved("send"), ctx.heartbeat, native):
        step(manual, ctx, 1.0)
        assert ctx.snapshot().still_s > 0.9
        progress()
        assert ctx.snapshot().still_s == 0.0


def test_the_first_frame_is_through_with_the_first_one_out_or_the_second_one_in(manual):
    source, sink = Channel("in", max_items=2), Channel("out", max_items=2)
    giving = context(manual, outputs=[sink])
    assert giving.snapshot().phase == "first_frame"
    giving.moved("send")
    assert giving.snapshot().phase == "running"
    taking = context(manual, inputs=[source])
    taking.moved("recv")
    assert taking.snapshot().phase == "first_frame"
    taking.moved("recv")
    assert taking.snapshot().phase == "running"


def test_flush_begins_when_all_inputs_have_ended(manual):
    first, second = Channel("display", max_items=2), Channel("camera", max_items=2)
    ctx = context(manual, inputs=[first, second])
    ctx.input_ended("display")
    assert ctx.snapshot().phase != "flush"
    ctx.input_ended("camera")
    assert ctx.snapshot().phase == "flush"


def test_state_lines_name_what_it_does(manual):
    ctx = context(manual)
    with ctx.native("x264 encode"):
        step(manual, ctx, 1.5)
        assert "busy 1.5 s in x264 encode" in ctx.snapshot().line
    ctx.begin_wait("recv", "rendered")
    assert "to recv (rendered)" in ctx.snapshot().line
    ctx.end_wait()
    with ctx.phase("compiling"):
        assert "compiling" in ctx.snapshot().line
    assert "first_frame" in ctx.snapshot().line
    ctx.finish()
    assert ctx.snapshot().line.startswith("done")


def test_native_calls_may_nest(manual):
    ctx = context(manual)
    with ctx.native("outer"):
        with ctx.native("inner"):
            assert ctx.snapshot().native == "inner"
        assert ctx.snapshot().native == "outer"
    assert ctx.snapshot().native is None
