"""Stages that stop: who is blamed, when, and that the run ends whatever they do."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest
from pipeline_clock import stage_threads

from reelpress.errors import Cancelled, StallError
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.channel import Channel
from reelpress.pipeline.run import Pipeline, leaked_threads
from reelpress.pipeline.stage import Stage
from reelpress.pipeline.watchdog import Deadlines

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ("decode", "compose", "encode", "mux")


def chain(clock, work, *, count=1000, deadlines=None, after=None, **options):
    """Four stages; ``work(stage, n, ctx)`` for each item, ``after(stage, ctx)`` when a stage's input has ended."""
    channels = [Channel[int](f"to-{name}", max_items=3) for name in STAGES[1:]]
    after = after or (lambda stage, ctx: None)

    def first(ctx) -> None:
        for n in range(count):
            work("decode", n, ctx)
            channels[0].send(n)
        after("decode", ctx)

    def middle(k):
        def function(ctx) -> None:
            for n in channels[k - 1]:
                work(STAGES[k], n, ctx)
                if k < 3:
                    channels[k].send(n)
            after(STAGES[k], ctx)

        return function

    stages = [Stage("decode", first, outputs=[channels[0]])]
    for k in (1, 2, 3):
        outputs = [channels[k]] if k < 3 else []
        stages.append(Stage(STAGES[k], middle(k), inputs=[channels[k - 1]], outputs=outputs))
    return Pipeline(stages, clock=clock, deadlines=deadlines or Deadlines(), **options)


@pytest.mark.parametrize("culprit", STAGES)
def test_the_stage_that_is_busy_is_named_not_those_that_wait(clock, stuck, culprit, caplog):
    """Each of four stages gets stuck at frame 20: stages before it wait to send, stages after it wait to receive."""
    at: list[float] = []

    def work(stage, n, ctx) -> None:
        clock.sleep(0.01)
        if (stage, n) == (culprit, 20):
            at.append(clock.monotonic())
            stuck.forever()

    with caplog.at_level(logging.ERROR), pytest.raises(StallError) as caught:
        chain(clock, work).run()
    stall = caught.value
    assert stall.stage == culprit
    assert 5.0 < stall.waited_s < 5.3
    assert clock.monotonic() - at[0] < 5.3 + 1.0  # with the grace for the threads
    assert stall.leaked_threads == (f"reelpress-{culprit}",)
    assert set(stall.state) == set(STAGES)
    assert leaked_threads() == (f"reelpress-{culprit}",)
    others = [s for s in STAGES if s != culprit]
    assert all("waiting" in stall.state[s] for s in others)
    # states and Python stacks of all stages are in the log
    assert f"stage {culprit}" in caplog.text
    assert all(f"stack of reelpress-{s}" in caplog.text for s in STAGES)
    assert "stuck.forever()" in caplog.text
    stuck.release()
    for thread in stage_threads():
        thread.join(10)
    assert leaked_threads() == ()


def test_a_slow_stage_that_moves_is_no_stall(clock):
    """Four seconds a frame with a deadline of five, for 100 s; and one frame of 20 s with heartbeats."""

    def work(stage, n, ctx) -> None:
        if stage == "encode":
            if n == 7:
                for _ in range(5):
                    clock.sleep(4.0)
                    ctx.heartbeat()
            clock.sleep(4.0)

    stats = chain(clock, work, count=25).run()
    assert stats.stages["encode"].busy_s == pytest.approx(120, abs=2)
    assert stats.stages["decode"].wait_out_s > 50
    assert stats.stages["mux"].wait_in_s > 90


def test_native_calls_that_return_are_progress(clock):
    def work(stage, n, ctx) -> None:
        if stage == "compose" and n == 5:
            for _ in range(10):
                with ctx.native("scale"):
                    clock.sleep(3.0)

    chain(clock, work, count=10).run()


def test_a_native_call_that_does_not_return_is_named(clock, stuck):
    def work(stage, n, ctx) -> None:
        if stage == "encode" and n == 9:
            with ctx.native("x264 encode"):
                stuck.forever()

    with pytest.raises(StallError) as caught:
        chain(clock, work).run()
    assert (caught.value.stage, caught.value.op) == ("encode", "native")
    assert "in x264 encode" in caught.value.state["encode"]


def test_the_first_frame_has_thirty_seconds(clock, stuck):
    def slow_start(stage, n, ctx) -> None:
        if n == 0:
            clock.sleep(25.0)

    chain(clock, slow_start, count=3).run()

    start = clock.monotonic()
    with pytest.raises(StallError) as caught:
        chain(clock, lambda stage, n, ctx: stuck.forever() if stage == "compose" else None).run()
    assert (caught.value.stage, caught.value.op) == ("compose", "first_frame")
    assert 30 < clock.monotonic() - start < 32


def test_flush_has_thirty_seconds(clock, stuck):
    def slow_flush(stage, ctx) -> None:
        if stage != "decode":  # has no input that could end
            clock.sleep(25.0)

    chain(clock, lambda *_: None, count=3, after=slow_flush).run()

    def after(stage, ctx) -> None:
        if stage == "encode":
            stuck.forever()

    start = clock.monotonic()
    with pytest.raises(StallError) as caught:
        chain(clock, lambda *_: None, count=3, after=after).run()
    assert (caught.value.stage, caught.value.op) == ("encode", "flush")
    assert 30 < clock.monotonic() - start < 32


def test_compiling_has_thirty_seconds(clock):
    def work(stage, n, ctx) -> None:
        if stage == "compose" and n == 5:
            with ctx.phase("compiling"):
                clock.sleep(25.0)

    chain(clock, work, count=10).run()


@pytest.mark.parametrize("deadline", [2.0, 12.0])
def test_the_deadline_can_be_set(clock, stuck, deadline):
    def work(stage, n, ctx) -> None:
        if stage == "mux" and n == 5:
            stuck.forever()

    with pytest.raises(StallError) as caught:
        chain(clock, work, deadlines=Deadlines(stall_s=deadline)).run()
    assert deadline < caught.value.waited_s < deadline + 0.3


def test_stages_that_wait_for_each_other_are_a_stall_too(clock):
    """The wiring mistake of reading two channels in another order than they are filled."""
    left, right = Channel[int]("left", max_items=2), Channel[int]("right", max_items=2)

    def source(ctx) -> None:
        for n in range(10):
            left.send(n)
        for n in range(10):
            right.send(n)

    def sink(ctx) -> None:
        right.recv()

    with pytest.raises(StallError) as caught:
        Pipeline(
            [Stage("source", source, outputs=[left, right]), Stage("sink", sink, inputs=[left, right])], clock=clock
        ).run()
    assert caught.value.op in {"send", "recv"}
    assert caught.value.leaked_threads == ()


def test_a_frozen_process_is_no_stall(clock):
    """SIGSTOP or a sleeping laptop, again and again, in the middle of a native call of 3 s."""
    naps = 0

    def tick() -> None:
        nonlocal naps
        if naps < 10 and clock.monotonic() > start + 1 + naps * 3603:
            naps += 1
            clock.jump(3600)

    def work(stage, n, ctx) -> None:
        if stage == "encode":
            with ctx.native("x264"):
                due = naps + 1
                clock.sleep(3.0)
                del due

    start = clock.monotonic()
    stats = chain(clock, work, count=12).run(on_tick=tick)
    assert naps == 10
    assert stats.jumps == 10


def test_a_stall_is_still_found_after_a_nap(clock, stuck):
    napped = False

    def tick() -> None:
        nonlocal napped
        if not napped and clock.monotonic() > start + 3:
            napped = True
            clock.jump(3600)

    def work(stage, n, ctx) -> None:
        if stage == "encode" and n == 5:
            stuck.forever()

    start = clock.monotonic()
    with pytest.raises(StallError) as caught:
        chain(clock, work).run(on_tick=tick)
    assert caught.value.waited_s < 5.3
    assert 4.5 < clock.monotonic() - start - 3600 < 7


def test_cancel_of_a_stuck_pipeline_takes_less_than_a_second(clock, stuck):
    token = CancelToken()
    at: list[float] = []

    def tick() -> None:
        if not at and clock.monotonic() > start + 2:
            at.append(clock.monotonic())
            token.request("SIGINT")

    def work(stage, n, ctx) -> None:
        if stage == "encode" and n == 5:
            stuck.forever()

    start = clock.monotonic()
    with pytest.raises(Cancelled):
        chain(clock, work).run(token, on_tick=tick)
    assert clock.monotonic() - at[0] < 1.0
    assert leaked_threads() == ("reelpress-encode",)


def test_a_stall_in_a_stream_is_found_while_the_reader_waits(clock, stuck):
    channel: Channel[int] = Channel("rendered", max_items=3)

    def source(ctx) -> None:
        for n in range(10):
            if n == 5:
                stuck.forever()
            channel.send(n)

    seen: list[int] = []
    with pytest.raises(StallError) as caught:
        seen.extend(Pipeline([Stage("compose", source, outputs=[channel])], clock=clock).stream(channel))
    assert caught.value.stage == "compose"


def test_channels_are_the_net_when_the_monitor_itself_is_stuck():
    """on_tick blocks (a terminal that takes no output): the waiting stages find the culprit by themselves."""
    blocked, release = threading.Event(), threading.Event()
    channel: Channel[int] = Channel("c", max_items=2, deadline_s=0.2)
    noticed = threading.Event()
    blamed: list[str] = []

    def source(ctx) -> None:
        channel.send(1)
        channel.send(2)
        assert release.wait(30)

    def sink(ctx) -> None:
        try:
            for _ in channel:
                pass
        except StallError as stall:
            blamed.append(stall.stage)
            noticed.set()
            raise

    def tick() -> None:
        if not blocked.is_set():
            blocked.set()
            assert noticed.wait(30)
            release.set()

    with pytest.raises(StallError, match="source"):
        Pipeline(
            [Stage("source", source, outputs=[channel]), Stage("sink", sink, inputs=[channel])],
            deadlines=Deadlines(stall_s=0.3, slow_s=0.3),
        ).run(on_tick=tick)
    assert blamed == ["source"]


# -- real native code, real time ------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and libc")


@contextlib.contextmanager
def python(code: str, **options) -> Iterator[subprocess.Popen[str]]:
    """A child Python, killed at the end whatever happens."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


STUCK_IN_C = """
    import ctypes, os, threading, time
    from reelpress.errors import StallError, Cancelled
    from reelpress.pipeline import emergency
    from reelpress.pipeline.channel import Channel
    from reelpress.pipeline.run import Pipeline, leaked_threads
    from reelpress.pipeline.stage import Stage
    from reelpress.pipeline.watchdog import Deadlines

    libc = ctypes.{dll}(None)
    channel = Channel("c", max_items=2)

    def source(ctx):
        for n in range(1000):
            channel.send(n)

    def sink(ctx):
        for n in channel:
            if n == 5:
                with ctx.native("pause"):
                    libc.pause()

    print("start", flush=True)
    started = time.monotonic()
    try:
        Pipeline(
            [Stage("decode", source, outputs=[channel]), Stage("encode", sink, inputs=[channel])],
            deadlines=Deadlines(stall_s=0.5, slow_s=0.5), stop_grace_s=0.3, hard_deadline_s={hard},
        ).run()
    except StallError as stall:
        took = time.monotonic() - started
        print(stall.stage, stall.op, stall.leaked_threads, leaked_threads(), 0.5 < took < 30, flush=True)
        emergency.emergency_exit(stall.exit_code)
"""


@posix
def test_a_c_call_that_never_returns():
    """pause() without the interpreter's lock: the run ends in time, the process by os._exit."""
    with python(STUCK_IN_C.format(dll="CDLL", hard=None)) as process:
        out, err = process.communicate(timeout=60)
    assert out.splitlines() == ["start", "encode native ('reelpress-encode',) ('reelpress-encode',) True"]
    assert process.returncode == 1
    assert "Fatal" not in err


@posix
def test_a_c_call_that_keeps_the_interpreters_lock():
    """No Python code runs any more; the timer in C ends the process and writes the stack."""
    with python(STUCK_IN_C.format(dll="PyDLL", hard=1.0)) as process:
        out, err = process.communicate(timeout=60)
    assert out.splitlines() == ["start"]
    assert process.returncode == 1
    assert "Timeout" in err
    assert "in sink" in err


@posix
def test_a_stopped_and_continued_process_is_no_stall():
    """SIGSTOP for longer than the deadline, for real."""
    with python(
        """
        import threading
        from reelpress.pipeline.run import Pipeline
        from reelpress.pipeline.stage import Stage
        from reelpress.pipeline.watchdog import Deadlines

        go = threading.Event()

        def stage(ctx):
            print("ready", flush=True)
            with ctx.native("read"):
                input()

        print("jumps", Pipeline([Stage("decode", stage)], deadlines=Deadlines(2.0, 2.0)).run().jumps)
        """,
        stdin=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2.5)  # real on purpose: this is what is tested
        os.kill(process.pid, signal.SIGCONT)
        out, err = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, err
    assert int(out.removeprefix("jumps ")) >= 1
