from __future__ import annotations

import gc
import threading
import weakref

import pytest

from reelpress.errors import Cancelled, OutputError, StallError
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.channel import Channel, ChannelClosed, ChannelFailed
from reelpress.pipeline.clocks import AwakeClock


class Picture:
    def __init__(self, size: int) -> None:
        self.size = size


def of(clock, *, items=8, max_bytes=None, deadline_s=5.0) -> Channel[Picture]:
    return Channel(
        "rendered",
        max_items=items,
        max_bytes=max_bytes,
        size_of=lambda p: p.size,
        clock=AwakeClock(clock),
        deadline_s=deadline_s,
    )


def full(channel: Channel[Picture], picture: Picture) -> bool:
    """Whether ``picture`` would have to wait: its deadline passes in virtual time."""
    try:
        channel.send(picture, deadline_s=0.2)
    except StallError:
        return True
    return False


def test_items_come_out_in_order(clock):
    channel = of(clock)
    pictures = [Picture(1) for _ in range(5)]
    for picture in pictures:
        channel.send(picture)
    channel.close()
    assert list(channel) == pictures


def test_bound_in_items(clock):
    channel = of(clock, items=3)
    for _ in range(3):
        channel.send(Picture(1))
    assert full(channel, Picture(1))
    channel.recv()
    assert not full(channel, Picture(1))
    assert channel.stats.peak_items == 3


def test_bound_in_bytes_wins_when_smaller(clock):
    channel = of(clock, items=8, max_bytes=300)
    for _ in range(3):
        channel.send(Picture(100))
    assert full(channel, Picture(1))
    channel.recv()
    assert not full(channel, Picture(100))
    assert channel.stats.peak_bytes == 300


def test_two_pictures_fit_whatever_the_bounds(clock):
    channel = of(clock, items=1, max_bytes=10)
    channel.send(Picture(1000))
    channel.send(Picture(1000))
    assert full(channel, Picture(1))
    assert channel.stats.max_items == 2


def test_a_held_picture_counts_its_bytes_once(clock):
    channel = of(clock, items=100, max_bytes=250)
    held = Picture(100)
    for _ in range(50):
        channel.send(held)
    assert channel.stats.peak_bytes == 100
    channel.send(Picture(100))
    assert full(channel, Picture(100))  # a third different one would make 300
    for _ in range(49):
        channel.recv()
    assert full(channel, Picture(100))  # one of the held ones is still inside
    channel.recv()
    assert not full(channel, Picture(100))
    assert channel.stats.peak_bytes == 200


def test_the_key_says_what_the_bytes_belong_to(clock):
    picture = Picture(100)
    channel: Channel[tuple[int, Picture]] = Channel(
        "rendered",
        max_items=10,
        max_bytes=200,
        size_of=lambda item: item[1].size,
        key_of=lambda item: id(item[1]),
        clock=AwakeClock(clock),
    )
    for n in range(10):
        channel.send((n, picture))
    assert channel.stats.peak_bytes == 100
    assert [channel.recv()[0] for _ in range(10)] == list(range(10))


def test_a_byte_bound_needs_a_size():
    with pytest.raises(ValueError, match="size_of"):
        Channel("x", max_items=2, max_bytes=5)


def test_shrinking_drops_nothing_and_holds_new_items_back(clock):
    channel = of(clock, items=8)
    pictures = [Picture(1) for _ in range(6)]
    for picture in pictures:
        channel.send(picture)
    channel.shrink(1)
    assert channel.stats.max_items == 2
    assert full(channel, Picture(1))
    assert [channel.recv() for _ in range(5)] == pictures[:5]
    assert not full(channel, Picture(1))
    assert full(channel, Picture(1))


def test_shrinking_never_grows(clock):
    channel = of(clock, items=4)
    channel.shrink(100)
    assert channel.stats.max_items == 4


def test_close_lets_the_rest_out_and_then_ends(clock):
    channel = of(clock)
    channel.send(Picture(1))
    channel.close()
    channel.close()
    channel.recv()
    with pytest.raises(ChannelClosed):
        channel.recv()
    with pytest.raises(ChannelClosed):
        channel.send(Picture(1))


def test_the_first_error_wins_in_both_directions(clock):
    channel = of(clock)
    channel.send(Picture(1))
    first = OutputError("full")
    channel.fail(first)
    channel.fail(ValueError("second"))
    channel.close()
    with pytest.raises(ChannelFailed) as caught:
        channel.recv()
    assert caught.value.error is first
    with pytest.raises(ChannelFailed) as caught:
        channel.send(Picture(1))
    assert caught.value.error is first
    assert channel.error is first


def test_failing_lets_go_of_the_pictures(clock):
    channel = of(clock)
    picture = Picture(1)
    alive = weakref.ref(picture)
    channel.send(picture)
    del picture
    channel.fail(OutputError("full"))
    gc.collect()
    assert alive() is None


def test_iterating_keeps_no_picture_alive_while_waiting(clock):
    channel = of(clock)
    alive: list[weakref.ref[Picture]] = []
    for _ in range(3):
        picture = Picture(1)
        alive.append(weakref.ref(picture))
        channel.send(picture)
    del picture
    channel.close()
    iterator = iter(channel)
    next(iterator)
    next(iterator)
    gc.collect()
    assert [a() is None for a in alive] == [True, True, False]


def test_abandoning_ends_the_sender(clock):
    channel = of(clock)
    channel.send(Picture(1))
    channel.abandon()
    assert len(channel) == 0
    with pytest.raises(ChannelClosed):
        channel.send(Picture(1))


@pytest.mark.parametrize("end", ["fail", "cancel"])
@pytest.mark.parametrize("op", ["send", "recv"])
def test_a_waiting_thread_wakes_at_once(op, end):
    """With the real clock and no deadline: only the wake-up can end the wait."""
    channel: Channel[int] = Channel("x", max_items=2, deadline_s=None)
    token = CancelToken()
    channel.bind(clock=AwakeClock(), cancel=token, judge=lambda *_: None)
    if op == "send":
        channel.send(1)
        channel.send(2)
    caught: list[BaseException] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        try:
            channel.send(3) if op == "send" else channel.recv()
        except ChannelFailed as failed:
            caught.append(failed.error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(10)
    if end == "fail":
        channel.fail(OutputError("full"))
    else:
        token.request("SIGINT")  # as from a signal handler: nobody notifies the channel
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(caught[0], OutputError if end == "fail" else Cancelled)


@pytest.mark.parametrize("op", ["send", "recv"])
def test_stall_in_both_directions(clock, op):
    channel = of(clock, items=2)
    if op == "send":
        channel.send(Picture(1))
        channel.send(Picture(1))
    start = clock.monotonic()
    with pytest.raises(StallError) as caught:
        channel.send(Picture(1)) if op == "send" else channel.recv()
    assert caught.value.op == op
    assert 5.0 < caught.value.waited_s < 5.2
    assert 5.0 < clock.monotonic() - start < 5.2
    assert "rendered" in caught.value.stage


@pytest.mark.parametrize("op", ["send", "recv"])
def test_a_frozen_process_is_no_stall(clock, op):
    """The laptop sleeps an hour while a thread waits: it gets (nearly) all of its deadline afterwards."""
    channel = of(clock, items=2)
    if op == "send":
        channel.send(Picture(1))
        channel.send(Picture(1))

    class Sleepy:
        slept = False

        def monotonic(self) -> float:
            return clock.monotonic()

        def wait(self, condition, timeout_s) -> None:
            clock.wait(condition, timeout_s)
            if not self.slept and clock.monotonic() > start + 2:
                self.slept = True
                clock.jump(3600)

    channel._clock = AwakeClock(Sleepy())
    start = clock.monotonic()
    with pytest.raises(StallError) as caught:
        channel.send(Picture(1)) if op == "send" else channel.recv()
    awake = clock.monotonic() - start - 3600
    assert 4.7 < awake < 5.2
    assert caught.value.waited_s < 5.2


def test_a_neighbour_that_moves_too_little_is_no_stall(clock):
    """The receiver takes tiny items while the sender waits for room for a large one."""
    channel = of(clock, items=100, max_bytes=100)
    for _ in range(100):
        channel.send(Picture(1))

    takes = 0

    class Slow:
        def monotonic(self) -> float:
            return clock.monotonic()

        def wait(self, condition, timeout_s) -> None:
            nonlocal takes
            if clock.monotonic() - start > 4.0 * (takes + 1):  # one item every 4 s, deadline 5 s
                takes += 1
                condition.release()
                channel.recv()
                condition.acquire()
            clock.wait(condition, timeout_s)

    start = clock.monotonic()
    channel._clock = AwakeClock(Slow())
    channel.send(Picture(10))
    assert takes == 10
    assert clock.monotonic() - start > 39


def test_poll_returns_empty_handed_after_its_time(clock):
    channel = of(clock)
    start = clock.monotonic()
    assert channel.poll(0.05) == []
    assert clock.monotonic() - start == pytest.approx(0.05)
    picture = Picture(1)
    channel.send(picture)
    assert channel.poll(0.05) == [picture]
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.poll(0.05)


def test_state_line_says_how_full_it_is(clock):
    channel = of(clock, items=8)
    channel.send(Picture(9_000_000))
    assert channel.state() == "1/8 items, 9 MB"
    channel.close()
    assert "closed" in repr(channel)
