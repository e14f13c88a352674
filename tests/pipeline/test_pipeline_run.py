"""Stages together: order, errors, cancel, ends. Stalls have a file of their own."""

from __future__ import annotations

import contextlib
import errno
import gc
import random
import threading
import weakref

import pytest
from pipeline_clock import stage_threads

from reelpress.errors import Cancelled, EncoderError, ExportError, OutOfMemoryError
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.channel import Channel
from reelpress.pipeline.clocks import SYSTEM_CLOCK
from reelpress.pipeline.run import Pipeline, leaked_threads
from reelpress.pipeline.stage import Stage
from reelpress.pipeline.watchdog import Deadlines


def wired(count: int, work, *, clock=SYSTEM_CLOCK, items=4, **options):
    """decode -> compose -> encode over ``count`` numbers; ``work(stage, n, ctx)`` is called for each."""
    decoded: Channel[int] = Channel("decoded", max_items=items)
    rendered: Channel[int] = Channel("rendered", max_items=items)
    done: list[int] = []

    def decode(ctx) -> None:
        for n in range(count):
            work("decode", n, ctx)
            decoded.send(n)

    def compose(ctx) -> None:
        for n in decoded:
            work("compose", n, ctx)
            rendered.send(n)

    def encode(ctx) -> None:
        for n in rendered:
            work("encode", n, ctx)
            done.append(n)

    pipeline = Pipeline(
        [
            Stage("decode", decode, outputs=[decoded]),
            Stage("compose", compose, inputs=[decoded], outputs=[rendered]),
            Stage("encode", encode, inputs=[rendered]),
        ],
        clock=clock,
        **options,
    )
    return pipeline, done


def nothing(stage, n, ctx) -> None:
    pass


def test_all_frames_in_order_with_statistics():
    pipeline, done = wired(500, nothing)
    stats = pipeline.run()
    assert done == list(range(500))
    assert [s.frames for s in stats.stages.values()] == [500, 500, 500]
    assert stats.channels["rendered"].sent == stats.channels["rendered"].received == 500
    assert stats.channels["rendered"].peak_items <= 4
    assert stats.wall_s > 0


def test_stages_run_in_threads_named_after_them():
    names: set[str] = set()
    pipeline, _ = wired(1, lambda stage, n, ctx: names.add(threading.current_thread().name))
    pipeline.run()
    assert names == {"reelpress-decode", "reelpress-compose", "reelpress-encode"}


def test_it_runs_only_once():
    pipeline, _ = wired(1, nothing)
    pipeline.run()
    with pytest.raises(RuntimeError, match="once"):
        pipeline.run()


def test_names_must_differ():
    stage = Stage("a", lambda ctx: None)
    with pytest.raises(ValueError, match="same name"):
        Pipeline([stage, stage])
    one, two = Channel("c", max_items=2), Channel("c", max_items=2)
    with pytest.raises(ValueError, match="same name"):
        Pipeline([Stage("a", lambda ctx: None, outputs=[one, two])])


@pytest.mark.parametrize("where", ["decode", "compose", "encode"])
def test_the_error_of_any_stage_ends_all_and_arrives_unchanged(where):
    def work(stage, n, ctx) -> None:
        if (stage, n) == (where, 7):
            raise EncoderError("the encoder refused a picture")

    pipeline, done = wired(100_000, work)
    with pytest.raises(EncoderError, match="refused"):
        pipeline.run()
    assert len(done) <= 7 + (0 if where == "encode" else 8)
    assert stage_threads() == []


def test_other_exceptions_name_the_stage_and_keep_their_cause():
    def work(stage, n, ctx) -> None:
        if (stage, n) == ("compose", 3):
            raise KeyError("wallpaper")

    pipeline, _ = wired(10, work)
    with pytest.raises(ExportError, match=r"compose stage failed: KeyError: 'wallpaper'") as caught:
        pipeline.run()
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_stage_that_leaves_with_system_exit_is_an_error_too():
    def work(stage, n, ctx) -> None:
        if stage == "compose":
            raise SystemExit(3)

    pipeline, _ = wired(10, work)
    with pytest.raises(ExportError, match="compose stage failed: SystemExit"):
        pipeline.run()


@pytest.mark.parametrize("error", [MemoryError, lambda: OSError(errno.ENOMEM, "Cannot allocate memory")])
def test_out_of_memory_names_the_stage(error):
    def work(stage, n, ctx) -> None:
        if stage == "encode":
            raise error()

    pipeline, _ = wired(10, work)
    with pytest.raises(OutOfMemoryError) as caught:
        pipeline.run()
    assert caught.value.stage == "encode"
    assert caught.value.exit_code == 1


def test_out_of_memory_lets_go_of_the_pictures():
    class Big:
        pass

    alive: list[weakref.ref[Big]] = []

    def work(stage, n, ctx) -> None:
        big = Big()
        alive.append(weakref.ref(big))
        raise MemoryError

    pipeline, _ = wired(1, work)
    with pytest.raises(OutOfMemoryError) as caught:
        pipeline.run()
    assert caught.value.__cause__ is not None
    assert alive[0]() is None


def test_the_first_error_wins(clock):
    """compose fails at 1 s, encode at 2 s of virtual time, although both are asked in the same breath."""

    def work(stage, n, ctx) -> None:
        if stage == "compose" and n == 1:
            clock.sleep(1.0)
            raise EncoderError("first")
        if stage == "encode":
            clock.sleep(2.0)
            raise EncoderError("second")

    pipeline, _ = wired(10, work, clock=clock)
    with pytest.raises(EncoderError, match="first"):
        pipeline.run()


def test_the_others_close_what_they_opened():
    closed: list[str] = []
    channel: Channel[int] = Channel("c", max_items=2)

    def source(ctx) -> None:
        try:
            while True:
                channel.send(1)
        finally:
            closed.append(threading.current_thread().name)

    def sink(ctx) -> None:
        channel.recv()
        raise EncoderError("no")

    with pytest.raises(EncoderError):
        Pipeline([Stage("source", source, outputs=[channel]), Stage("sink", sink, inputs=[channel])]).run()
    assert closed == ["reelpress-source"]


def test_a_last_stage_that_has_enough_ends_the_stages_before_it():
    channel: Channel[int] = Channel("c", max_items=2)
    taken: list[int] = []

    def source(ctx) -> None:
        n = 0
        while True:
            channel.send(n)
            n += 1

    def sink(ctx) -> None:
        taken.extend(channel.recv() for _ in range(5))

    Pipeline([Stage("source", source, outputs=[channel]), Stage("sink", sink, inputs=[channel])]).run()
    assert taken == [0, 1, 2, 3, 4]


def test_two_sources_meet_in_one_stage():
    left, right = Channel[int]("left", max_items=2), Channel[int]("right", max_items=3)
    pairs: list[tuple[int, int]] = []

    def source(channel, factor):
        def function(ctx) -> None:
            for n in range(200):
                channel.send(n * factor)

        return function

    def join(ctx) -> None:
        pairs.extend(zip(left, right, strict=True))

    Pipeline(
        [
            Stage("display", source(left, 1), outputs=[left]),
            Stage("camera", source(right, 2), outputs=[right]),
            Stage("compose", join, inputs=[left, right]),
        ]
    ).run()
    assert pairs == [(n, 2 * n) for n in range(200)]


@pytest.mark.parametrize("how", ["cancel", "request"])
def test_cancel_ends_all_within_a_second(clock, how):
    token = CancelToken()
    at: list[float] = []

    def work(stage, n, ctx) -> None:
        clock.sleep(0.3)
        if stage == "encode" and n == 5:
            at.append(clock.monotonic())
            getattr(token, how)("SIGINT")

    pipeline, done = wired(10_000, work, clock=clock)
    with pytest.raises(Cancelled, match="SIGINT"):
        pipeline.run(token)
    assert clock.monotonic() - at[0] < 1.0
    assert len(done) < 10
    assert stage_threads() == []


def test_cancelled_before_it_starts():
    token = CancelToken()
    token.cancel("API")
    pipeline, done = wired(100_000, nothing)
    with pytest.raises(Cancelled):
        pipeline.run(token)
    assert len(done) < 100_000


def test_after_cancel_the_odd_errors_of_others_do_not_hide_it():
    token = CancelToken()

    def work(stage, n, ctx) -> None:
        if stage == "encode":
            token.request("SIGINT")
            raise EncoderError("a child process of ours got the signal too")

    pipeline, _ = wired(100, work)
    with pytest.raises(Cancelled):
        pipeline.run(token)


def test_a_stage_may_look_at_the_token_itself():
    token = CancelToken()

    def work(stage, n, ctx) -> None:
        if stage == "decode":
            token.request()
            assert ctx.cancelled
            ctx.raise_if_cancelled()

    pipeline, _ = wired(100, work)
    with pytest.raises(Cancelled):
        pipeline.run(token)


def test_the_tokens_of_past_runs_hold_no_callbacks():
    token = CancelToken()
    for _ in range(5):
        pipeline, _ = wired(3, nothing)
        pipeline.run(token)
    assert len(token._callbacks) == 0


def test_ticks_come_in_the_calling_thread_and_a_closed_stdout_there_cancels(clock):
    threads: set[threading.Thread] = set()

    def tick() -> None:
        threads.add(threading.current_thread())
        if clock.monotonic() > start + 1:
            raise BrokenPipeError

    start = clock.monotonic()
    pipeline, _ = wired(1000, lambda stage, n, ctx: clock.sleep(0.1), clock=clock)
    with pytest.raises(Cancelled, match="closed"):
        pipeline.run(on_tick=tick)
    assert threads == {threading.current_thread()}


def test_an_error_of_a_tick_ends_the_run():
    def tick() -> None:
        raise ZeroDivisionError("progress")

    pipeline, _ = wired(1_000_000, nothing)
    with pytest.raises(ZeroDivisionError):
        pipeline.run(on_tick=tick)
    assert stage_threads() == []


def test_ctrl_c_without_handlers_ends_the_stages_and_passes_on():
    def tick() -> None:
        raise KeyboardInterrupt

    pipeline, _ = wired(1_000_000, nothing)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(on_tick=tick)
    assert stage_threads() == []


# -- streaming ------------------------------------------------------------------------------------------------------


def counting(count: int):
    channel: Channel[int] = Channel("rendered", max_items=3)

    def source(ctx) -> None:
        for n in range(count):
            channel.send(n)

    return channel, [Stage("compose", source, outputs=[channel])]


def test_stream_hands_out_everything():
    channel, stages = counting(50)
    assert list(Pipeline(stages).stream(channel)) == list(range(50))


def test_a_stream_left_early_ends_its_stages():
    channel, stages = counting(10**9)
    stream = Pipeline(stages).stream(channel)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    stream.close()
    assert stage_threads() == []


def test_errors_arrive_in_the_stream():
    channel: Channel[int] = Channel("rendered", max_items=3)

    def source(ctx) -> None:
        channel.send(1)
        raise EncoderError("broken")

    seen: list[int] = []
    with pytest.raises(EncoderError, match="broken"):
        seen.extend(Pipeline([Stage("compose", source, outputs=[channel])]).stream(channel))


def test_a_reader_of_a_stream_may_take_his_time(clock):
    channel, stages = counting(20)
    seen = []
    for n in Pipeline(stages, clock=clock, deadlines=Deadlines(5.0)).stream(channel):
        seen.append(n)
        clock.jump(0.9)  # below the gap that is taken for a sleep, and 18 s in all
    assert seen == list(range(20))


def test_a_reader_may_be_away_for_an_hour(clock):
    channel, stages = counting(5)
    seen = []
    for n in Pipeline(stages, clock=clock, deadlines=Deadlines(5.0)).stream(channel):
        seen.append(n)
        clock.jump(3600)
    assert seen == list(range(5))


# -- soak and leaks -------------------------------------------------------------------------------------------------


class Picture:
    def __init__(self, number: int, size: int) -> None:
        self.number, self.size = number, size


class Instrumented(Channel[Picture]):
    """Counts what is inside by itself, with no code of the channel."""

    def _put(self, item, key, size) -> None:
        super()._put(item, key, size)
        inside = [i for i, _ in self._items]
        self.most_items = max(getattr(self, "most_items", 0), len(inside))
        different = {id(i): i.size for i in inside}
        self.worst = max(getattr(self, "worst", 0), sum(different.values()))
        self.worst_of_two = max(getattr(self, "worst_of_two", 0), sum(sorted(different.values())[-2:]))


@pytest.mark.parametrize("seed", range(4))
def test_soak_random_speeds_keep_order_and_bounds(clock, seed):
    """1000 pictures through three stages of random speed in virtual time, some pictures held several times."""
    rng = random.Random(seed)
    speeds = {name: rng.choice([0.001, 0.01, 0.1]) for name in ("decode", "compose", "encode")}
    pauses = {name: [rng.expovariate(1 / speed) for _ in range(1000)] for name, speed in speeds.items()}
    sizes = [rng.randint(1, 400) for _ in range(1000)]
    held = [rng.random() < 0.5 for _ in range(1000)]
    bound_items, bound_bytes = rng.randint(2, 12), rng.randint(500, 1500)

    def make(name: str) -> Instrumented:
        return Instrumented(name, max_items=bound_items, max_bytes=bound_bytes, size_of=lambda p: p.size)

    decoded, rendered = make("decoded"), make("rendered")
    expected: list[int] = []
    seen: list[int] = []

    def decode(ctx) -> None:
        picture = Picture(0, sizes[0])
        for n in range(1000):
            clock.sleep(pauses["decode"][n])
            if n == 0 or not held[n]:
                picture = Picture(n, sizes[n])
            expected.append(picture.number)
            decoded.send(picture)

    def compose(ctx) -> None:
        for n, picture in enumerate(decoded):
            clock.sleep(pauses["compose"][n])
            rendered.send(picture)

    def encode(ctx) -> None:
        for n, picture in enumerate(rendered):
            clock.sleep(pauses["encode"][n])
            seen.append(picture.number)

    Pipeline(
        [
            Stage("decode", decode, outputs=[decoded]),
            Stage("compose", compose, inputs=[decoded], outputs=[rendered]),
            Stage("encode", encode, inputs=[rendered]),
        ],
        clock=clock,
    ).run()
    assert seen == expected
    assert len(seen) == 1000
    for channel in (decoded, rendered):
        assert channel.most_items <= bound_items
        assert channel.worst <= max(bound_bytes, channel.worst_of_two)
        assert channel.stats.peak_items == channel.most_items
        assert channel.stats.peak_bytes == channel.worst


def test_fifty_pipelines_leave_nothing_behind():
    def broken(stage, n, ctx) -> None:
        if stage == "encode" and n == 5:
            raise EncoderError("no")

    alive: list[weakref.ref[object]] = []

    def run(number: int) -> None:
        pipeline, _ = wired(20, broken if number % 2 else nothing)
        alive.extend(weakref.ref(o) for o in (pipeline, *pipeline._channels))
        with contextlib.suppress(EncoderError):
            pipeline.run(CancelToken())

    threads = threading.active_count()
    gc.disable()  # nothing may depend on the collector: pictures are large, and cycles are found late
    try:
        for number in range(50):
            run(number)
        kept = [reference() for reference in alive if reference() is not None]
    finally:
        gc.enable()
    assert threading.active_count() == threads
    assert kept == []
    assert len(alive) == 150
    assert leaked_threads() == ()
