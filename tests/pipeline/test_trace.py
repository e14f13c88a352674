"""The trace: what is in it, that it is a Chrome trace, that it stays small in memory and tells no secrets."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from reelpress.pipeline.channel import Channel
from reelpress.pipeline.run import Pipeline
from reelpress.pipeline.samples import History
from reelpress.pipeline.stage import Stage, StageContext, StageStats
from reelpress.pipeline.trace import NO_TRACE, QUEUE_EVENTS, ChromeTracer, names_only

FRAMES = 5


def events(path: Path) -> list[dict[str, Any]]:
    """The events of a trace, whose form is checked on the way (Trace Event Format)."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="ascii"))["traceEvents"]
    for event in found:
        assert event["ph"] in "XiCM"
        assert event["name"]
        assert event["pid"] == 1
        if event["ph"] in "Xi":
            assert event["tid"] >= 1
        if event["ph"] in "XiC":
            assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
        if event["ph"] == "C":
            assert set(event["args"]) == {"value"}
    return found


def tracks(found: list[dict[str, Any]]) -> dict[str, int]:
    return {e["args"]["name"]: e["tid"] for e in found if e["name"] == "thread_name"}


def run_traced(path: Path) -> list[dict[str, Any]]:
    """Two stages, five frames; the second one names its native call and decides."""
    channel: Channel[int] = Channel("pictures", max_items=2, size_of=lambda item: 100)

    def give(ctx: StageContext) -> None:
        for index in range(FRAMES):
            channel.send(index)

    def take(ctx: StageContext) -> None:
        for index in channel:
            with ctx.native(f"encoding frame {index}"):
                sum(range(20_000))
            ctx.decide("held", index, share=0.25)

    parts = [Stage("give", give, outputs=[channel]), Stage("take", take, inputs=[channel])]
    with ChromeTracer(path, about={"source": "a.cap"}) as tracer:
        Pipeline(parts, tracer=tracer).run()
    return events(path)


def test_one_track_a_stage_in_their_order(tmp_path):
    found = run_traced(tmp_path / "t.json")
    assert list(tracks(found)) == ["give", "take"]
    order = [e["args"]["sort_index"] for e in found if e["name"] == "thread_sort_index"]
    assert order == sorted(order)


def test_native_calls_and_decisions_of_every_frame_are_on_their_track(tmp_path):
    found = run_traced(tmp_path / "t.json")
    mine = [e for e in found if e.get("tid") == tracks(found)["take"] and e["ph"] in "Xi"]
    calls = [e for e in mine if e["name"] == "encoding"]
    assert [e["args"]["frame"] for e in calls] == list(range(FRAMES))  # one name for all: viewers add them up
    decisions = [e for e in mine if e["ph"] == "i"]
    assert [(e["name"], e["args"]) for e in decisions] == [
        ("held", {"frame": index, "share": 0.25}) for index in range(FRAMES)
    ]
    # each decision was made right after its call
    for call, decision in zip(calls, decisions, strict=True):
        assert call["ts"] + call["dur"] <= decision["ts"] + 0.11


def test_calls_lie_within_busy_spells_and_waits_beside_them(tmp_path):
    found = run_traced(tmp_path / "t.json")
    mine = [e for e in found if e.get("tid") == tracks(found)["take"] and e["ph"] == "X"]
    spells = sorted((e for e in mine if e["name"] != "encoding"), key=lambda e: e["ts"])
    assert {e["name"] for e in spells} <= {"busy", "wait in"}
    for before, after in itertools.pairwise(spells):
        assert before["ts"] + before["dur"] <= after["ts"] + 0.11  # rounded to tenths of a microsecond
    for call in (e for e in mine if e["name"] == "encoding"):
        assert any(
            s["name"] == "busy"
            and s["ts"] <= call["ts"] + 0.11
            and call["ts"] + call["dur"] <= s["ts"] + s["dur"] + 0.11
            for s in spells
        )


def test_a_wait_names_its_channel_and_takes_its_time(tmp_path):
    channel: Channel[int] = Channel("pictures", max_items=2)
    waiting = threading.Event()

    def give(ctx: StageContext) -> None:
        assert waiting.wait(10)
        channel.send(1)

    def take(ctx: StageContext) -> None:
        ctx.begin_wait("recv", "pictures")
        waiting.set()
        ctx.end_wait()
        list(channel)

    parts = [Stage("give", give, outputs=[channel]), Stage("take", take, inputs=[channel])]
    with ChromeTracer(tmp_path / "t.json") as tracer:
        Pipeline(parts, tracer=tracer).run()
    waits = [e for e in events(tmp_path / "t.json") if e["name"] == "wait in"]
    assert waits
    assert {e["args"]["channel"] for e in waits} == {"pictures"}


def test_channels_are_counted_in_items_and_bytes():
    class Counters(ChromeTracer):
        def __init__(self) -> None:
            self.seen: list[tuple[str, float]] = []

        def counter(self, name: str, value: float) -> None:
            self.seen.append((name, value))

    tracer = Counters()
    channel: Channel[str] = Channel("rendered", max_items=4, size_of=len)
    channel.bind(clock=channel._clock, cancel=None, judge=lambda *_: None, tracer=tracer)
    channel.send("abc")
    channel.send("de")
    assert channel.depth == (2, 5)
    channel.recv()
    assert channel.depth == (1, 2)
    assert tracer.seen == [
        ("rendered: items", 1),
        ("rendered: bytes", 3),
        ("rendered: items", 2),
        ("rendered: bytes", 5),
        ("rendered: items", 1),
        ("rendered: bytes", 2),
    ]


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_counter_that_flickers_is_written_seldom_and_comes_to_rest_at_its_value(tmp_path):
    time = Time()
    with ChromeTracer(tmp_path / "t.json", clock=time) as tracer:
        for index in range(1000):
            time.now += 1e-5
            tracer.counter("depth", index % 3)
        tracer.counter("depth", 7)
        tracer.flush()
    values = [e["args"]["value"] for e in events(tmp_path / "t.json") if e["name"] == "depth"]
    assert len(values) < 10
    assert values[-1] == 7


def test_memory_is_bounded_when_nobody_flushes(tmp_path):
    with ChromeTracer(tmp_path / "t.json") as tracer:
        most = 0
        for index in range(5 * QUEUE_EVENTS):
            tracer.instant("encode", "held", {"frame": index})
            most = max(most, len(tracer._queue))
    assert most <= QUEUE_EVENTS
    frames = [e["args"]["frame"] for e in events(tmp_path / "t.json") if e["name"] == "held"]
    assert frames == list(range(5 * QUEUE_EVENTS))  # and nothing is lost


def test_several_threads_lose_nothing(tmp_path):
    with ChromeTracer(tmp_path / "t.json") as tracer:

        def work(name: str) -> None:
            for index in range(QUEUE_EVENTS):
                tracer.instant(name, "held", {"frame": index})

        threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    found = events(tmp_path / "t.json")
    for tid in tracks(found).values():
        assert [e["args"]["frame"] for e in found if e.get("tid") == tid and e["ph"] == "i"] == list(
            range(QUEUE_EVENTS)
        )
    assert len(tracks(found)) == 3


def test_a_file_that_grows_too_large_ends_and_says_so(tmp_path):
    with ChromeTracer(tmp_path / "t.json", max_bytes=10_000) as tracer:
        for index in range(1000):
            tracer.instant("encode", "held", {"frame": index})
            tracer.flush()
    assert tracer.full
    assert (tmp_path / "t.json").stat().st_size < 11_000
    assert "full" in events(tmp_path / "t.json")[-1]["name"]


def test_a_disk_that_fails_ends_the_trace_and_nothing_else(tmp_path):
    tracer = ChromeTracer(tmp_path / "t.json")

    class Broken:
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            raise OSError(28, "No space left on device")

    tracer._file.close()
    tracer._file = Broken()  # type: ignore[assignment]
    tracer.instant("encode", "held", {"frame": 1})
    tracer.flush()
    tracer.instant("encode", "held", {"frame": 2})
    tracer.close()
    assert tracer.error is not None
    assert tracer.error.errno == 28


def test_events_after_the_end_are_ignored(tmp_path):
    tracer = ChromeTracer(tmp_path / "t.json")
    tracer.close()
    tracer.instant("encode", "held")
    tracer.flush()
    tracer.close()
    assert [e["name"] for e in events(tmp_path / "t.json")] == ["process_name"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/srv/jane doe/x y.mp4 is gone", "x y.mp4 is gone"),
        (r"see D:\films\me\a.mp4.", "see a.mp4."),
        (r"\\server\share\x.mp4", "x.mp4"),
        ("file:///srv/x/y.mp4", "y.mp4"),
        ("~/a/b.mp4", "b.mp4"),
        ("('/tmp/x/y.cap')", "('y.cap')"),
        ("/srv/a/x.mp4 and /srv/b/y.mp4", "x.mp4 and y.mp4"),
        ("decoding display:0", "decoding display:0"),
        ("a/b, 12 frames/s, held / patched", "a/b, 12 frames/s, held / patched"),
    ],
)
def test_of_paths_only_the_last_name_is_left(text, left):
    assert names_only(text) == left


def test_no_folder_gets_into_the_file(tmp_path):
    secret = "/srv/jane/customers/acme"
    with ChromeTracer(tmp_path / "t.json", about={"source": f"{secret}/a.cap"}) as tracer:
        tracer.span("decode", f"decoding {secret}/a.mp4", 0.0, 1.0)
        tracer.instant("encode", "real", {"why": f"{secret}/b.png changed", "picture": [1, 2, 3], "path": Path(secret)})
    text = (tmp_path / "t.json").read_text()
    assert "jane" not in text
    assert "customers" not in text
    assert "a.mp4" in text
    real = next(e for e in events(tmp_path / "t.json") if e["name"] == "real")
    assert real["args"]["picture"] == "list"  # what is no number and no text is only named by its type


def test_a_stage_without_a_trace_makes_no_events(tmp_path):
    assert not NO_TRACE.enabled
    calls = []

    class Counting(type(NO_TRACE)):  # type: ignore[misc]
        def span(self, *args: object) -> None:
            calls.append(args)

        instant = counter = span

    channel: Channel[int] = Channel("c", max_items=2)

    def give(ctx: StageContext) -> None:
        with ctx.native("x"):
            channel.send(1)
        ctx.decide("held", 0)

    Pipeline(
        [Stage("give", give, outputs=[channel]), Stage("take", lambda ctx: list(channel), inputs=[channel])],
        tracer=Counting(),
    ).run()
    assert calls == []


def test_samples_stay_few_and_keep_peaks_and_ends():
    time = Time()
    rss = iter(range(10_000_000))
    history = History(time, lambda: next(rss), step_s=0.05, limit=40)
    taken = 0
    for tick in range(4000):
        time.now += 0.05
        if history.due():
            taken += 1
            depth = 99 if tick < 3 else 1
            history.take(
                queues={"q": (depth, depth * 10)},
                stages={"encode": StageStats(tick * 0.05, 0.0, 0.0, tick)},
                counts={"held": tick},
            )
    assert len(history.samples) < 40
    assert taken < 400  # it comes less often as time goes by
    times = [s.t_s for s in history.samples]
    assert times == sorted(times)
    assert times[-1] > 180
    assert history.samples[0].queues["q"] == (99, 990)  # the peak at the begin has survived all merging
    assert history.samples[-1].counts["held"] > 3700
    assert [s.rss_bytes for s in history.samples] == sorted(s.rss_bytes for s in history.samples)
