"""The read-back ring: order, reuse, deadlines, and what becomes of it when the device lets it down."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import wgpu
from gpu_fakes import fake_gpu

from reelpress.compose.gpu.device import (
    Gpu,
    GpuLost,
    GpuMapFailed,
    GpuOutOfMemory,
    GpuTimeout,
    native_counts,
    opened,
)
from reelpress.compose.gpu.ring import ReadbackRing, RingFull, Ticket


def begin(ring: ReadbackRing, size: int = 64, source: Any = "source") -> Ticket:
    encoder = ring.gpu.device.create_command_encoder()
    ticket = ring.start(encoder, source, size)
    ring.gpu.submit(encoder, "testing")
    ticket.map()
    return ticket


def test_nothing_waits_between_submit_and_the_next_picture() -> None:
    """The fake device refuses blocking polls; here there is not even one that does not block."""
    gpu, device = fake_gpu(keep_after=None)
    ring = ReadbackRing(gpu, 64)
    for _ in range(3):
        begin(ring)
    assert device.calls == ["copy", "submit", "map"] * 3
    assert (ring.in_flight, ring.free) == (3, 0)
    assert ring.waited_s == 0.0


def test_a_picture_that_is_there_is_not_waited_for() -> None:
    gpu, _ = fake_gpu(keep_after=1)
    ring = ReadbackRing(gpu, 64)
    ticket = begin(ring)
    assert ticket.ready()
    assert len(ticket.read(0.0)) == 64
    assert (ring.waits, ring.reads, ring.bytes_read) == (0, 1, 64)
    assert len(ticket.read(0.0)) == 64  # again, not counted twice
    assert ring.reads == 1
    ticket.release()
    ticket.release()
    assert ring.free == 3


def test_buffers_are_used_again() -> None:
    gpu, device = fake_gpu()
    ring = ReadbackRing(gpu, 100)
    for _ in range(20):
        ticket = begin(ring, 100)
        assert len(ticket.read(1.0)) == 100  # the size asked for, whatever the alignment
        ticket.release()
    assert len(device.buffers) == 3
    assert {b.size for b in device.buffers} == {104}
    ring.close()
    ring.close()
    assert all(b.destroyed for b in device.buffers)
    assert gpu.live["buffer"] == 0


def test_a_full_ring_says_so() -> None:
    gpu, _ = fake_gpu()
    ring = ReadbackRing(gpu, 64)
    tickets = [begin(ring) for _ in range(3)]
    with pytest.raises(RingFull, match="All 3 buffers"):
        begin(ring)
    tickets[1].read(1.0)
    tickets[1].release()
    assert begin(ring).ready()


@pytest.mark.parametrize(("size", "depth"), [(64, 2), (64, 0), (0, 3)])
def test_rings_that_make_no_sense(size: int, depth: int) -> None:
    with pytest.raises(ValueError, match="read-back ring"):
        ReadbackRing(fake_gpu()[0], size, depth)


@pytest.mark.parametrize("size", [0, 65, -1])
def test_sizes_that_do_not_fit(size: int) -> None:
    gpu, device = fake_gpu()
    ring = ReadbackRing(gpu, 64)
    with pytest.raises(ValueError, match="1 to 64"):
        ring.start(device.create_command_encoder(), "source", size)
    assert ring.free == 3


def test_tickets_have_an_order_of_use() -> None:
    gpu, device = fake_gpu()
    ring = ReadbackRing(gpu, 64)
    ticket = ring.start(device.create_command_encoder(), "source", 64)
    assert not ticket.ready()
    with pytest.raises(RuntimeError, match="after map"):
        ticket.read(0.0)
    ticket.map()
    with pytest.raises(RuntimeError, match="mapped once"):
        ticket.map()
    ticket.read(1.0)
    ticket.release()
    with pytest.raises(RuntimeError, match="before release"):
        ticket.read(0.0)
    assert not ticket.ready()


# --- faults -----------------------------------------------------------------------------------------------------------


def test_lack_of_memory_leaves_nothing_behind() -> None:
    gpu, device = fake_gpu(buffer_errors={2: wgpu.GPUOutOfMemoryError("no room")})
    with pytest.raises(GpuOutOfMemory, match="making the read-back ring"):
        ReadbackRing(gpu, 64)
    assert len(device.buffers) == 2
    assert all(b.destroyed for b in device.buffers)
    assert gpu.live["buffer"] == 0


def test_a_mapping_that_fails_is_replaced() -> None:
    gpu, device = fake_gpu(map_error=RuntimeError("Could not map buffer (3 : unknown)."))
    ring = ReadbackRing(gpu, 64)
    ticket = begin(ring)
    with pytest.raises(GpuMapFailed, match="Could not map buffer"):
        ticket.read(1.0)
    ticket.release()
    assert (ring.free, gpu.live["buffer"]) == (3, 2)  # made anew when it is needed
    device.map_error = None
    tickets = [begin(ring) for _ in range(3)]
    assert gpu.live["buffer"] == 3
    for t in tickets:
        t.read(1.0)
        t.release()
    ring.close()
    assert gpu.live["buffer"] == 0


def test_a_mapping_that_never_comes_ends_at_its_deadline() -> None:
    gpu, device = fake_gpu(keep_after=None)
    ring = ReadbackRing(gpu, 64)
    ticket = begin(ring)
    with pytest.raises(GpuTimeout, match="reading the finished picture back"):
        ticket.read(0.02)
    assert ring.waited_s >= 0.02
    device.keep_after = 0
    assert len(ticket.read(1.0)) == 64  # it came after all
    ticket.release()
    assert gpu.live["buffer"] == 3


def test_a_ticket_that_is_given_up_takes_its_buffer_with_it() -> None:
    gpu, device = fake_gpu(keep_after=None)
    ring = ReadbackRing(gpu, 64)
    begin(ring).release()
    assert [b.destroyed for b in device.buffers].count(True) == 1
    assert ring.free == 3


def test_loss_in_flight() -> None:
    gpu, device = fake_gpu(keep_after=None)
    ring = ReadbackRing(gpu, 64)
    ticket = begin(ring)
    device.loss = wgpu.GPUValidationError("Parent device is lost")
    logging.getLogger("wgpu").error("The WGPU device was lost (unknown):\nthe driver was reset")
    with pytest.raises(GpuLost, match="driver was reset"):
        ticket.read(30.0)
    ticket.release()
    with pytest.raises(GpuLost):
        begin(ring)
    ring.close()
    assert gpu.live["buffer"] == 0


def test_a_broken_unmap_costs_the_buffer_only() -> None:
    gpu, device = fake_gpu(unmap_error=wgpu.GPUValidationError("not mapped"))
    ring = ReadbackRing(gpu, 64)
    ticket = begin(ring)
    ticket.read(1.0)
    ticket.release()
    assert [b.destroyed for b in device.buffers].count(True) == 1


@pytest.mark.parametrize("operation", ["buffer", "submit", "map", "wait"])
def test_tests_can_make_any_step_fail(operation: str) -> None:
    gpu, _ = fake_gpu()

    def hook(happens: str, doing: str) -> None:
        if happens == operation:
            raise GpuTimeout(doing, 9.0)

    gpu.hook = hook
    with pytest.raises(GpuTimeout, match=r"for 9\.0 s"):
        begin(ReadbackRing(gpu, 64)).read(1.0)


# --- on an adapter ----------------------------------------------------------------------------------------------------


@pytest.fixture
def own() -> Any:
    gpu = opened(allow_software=True)
    yield gpu
    gpu.close()


def upload(gpu: Gpu, source: Any, number: int, size: int) -> np.ndarray:
    content = np.random.default_rng(number).integers(0, 256, size, np.uint8)
    gpu.queue.write_buffer(source, 0, content)
    return content


@pytest.mark.gpu
def test_pictures_come_back_in_order_and_whole(own: Gpu) -> None:
    size = 40_000
    source = own.buffer(size, "COPY_SRC|COPY_DST", "testing")
    ring = ReadbackRing(own, size)
    before = native_counts()["buffers"]
    wanted: list[np.ndarray] = []
    tickets: list[Ticket] = []
    seen = 0
    for number in range(40):
        if not ring.free:
            oldest = tickets.pop(0)
            assert (np.frombuffer(oldest.read(10.0), np.uint8) == wanted[seen]).all()
            oldest.release()
            seen += 1
        used = size if number % 2 else size - 4 * number  # sizes may differ from picture to picture
        wanted.append(upload(own, source, number, used))
        tickets.append(begin(ring, used, source))
    for ticket in tickets:
        assert (np.frombuffer(ticket.read(10.0), np.uint8) == wanted[seen]).all()
        ticket.release()
        seen += 1
    assert seen == ring.reads == 40
    assert ring.bytes_read == sum(w.size for w in wanted)
    assert native_counts()["buffers"] == before
    assert own.created["buffer"] == 4
    ring.close()
    own.drop(source)
    assert own.live["buffer"] == 0


@pytest.mark.gpu
def test_giving_up_pictures_in_flight(own: Gpu) -> None:
    """The driver may still write to them: nothing breaks, and the pictures after them are right."""
    source = own.buffer(4096, "COPY_SRC|COPY_DST", "testing")
    ring = ReadbackRing(own, 4096)
    for number in range(30):
        content = upload(own, source, number, 4096)
        ticket = begin(ring, 4096, source)
        if number % 3:
            assert (np.frombuffer(ticket.read(10.0), np.uint8) == content).all()
        ticket.release()
    assert ring.free == 3
    assert own.live["buffer"] <= 4
    ring.close()


@pytest.mark.gpu
def test_a_device_that_is_destroyed_in_flight(own: Gpu) -> None:
    source = own.buffer(4096, "COPY_SRC|COPY_DST", "testing")
    ring = ReadbackRing(own, 4096)
    first = begin(ring, 4096, source)
    second = begin(ring, 4096, source)
    own.device.destroy()
    for ticket in (first, second):
        # wgpu-native would end the whole process if it were asked for this memory now.
        with pytest.raises(GpuLost):
            ticket.read(5.0)
        ticket.release()
    with pytest.raises(GpuLost):
        begin(ring, 4096, source)
    ring.close()


@pytest.mark.gpu
def test_a_device_that_is_destroyed_between_reading_and_releasing(own: Gpu) -> None:
    source = own.buffer(4096, "COPY_SRC|COPY_DST", "testing")
    ring = ReadbackRing(own, 4096)
    ticket = begin(ring, 4096, source)
    assert len(ticket.read(5.0)) == 4096
    own.device.destroy()
    with pytest.raises(GpuLost):
        ticket.read(5.0)
    ticket.release()
    ring.close()
    assert own.live["buffer"] == 1
