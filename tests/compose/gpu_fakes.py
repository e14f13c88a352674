"""A device that does what a test says: promises that are kept, broken or forgotten, loss, lack of memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from reelpress.compose.gpu.device import AdapterInfo, Gpu

INFO = AdapterInfo("fake", "discrete", "Vulkan", "none", "fake", 1 << 27, 16384)


class Promise:
    """What ``map_async`` returns."""

    def __init__(self) -> None:
        self._thread_event = threading.Event()
        self.error: Exception | None = None

    def keep(self, error: Exception | None = None) -> None:
        self.error = error
        self._thread_event.set()

    def sync_wait(self) -> None:
        assert self._thread_event.is_set(), "waited without a deadline"
        if self.error is not None:
            raise self.error


@dataclass
class Buffer:
    device: FakeDevice
    size: int
    promise: Promise | None = None
    mapped: bool = False
    destroyed: bool = False

    def map_async(self, mode: str, offset: int, size: int) -> Promise:
        self.device.calls.append("map")
        assert mode == "READ_NOSYNC"
        assert offset % 8 == 0
        assert size % 8 == 0
        self.promise = Promise()
        self.device.pending.append(self)
        return self.promise

    def read_mapped(self, offset: int, size: int, copy: bool) -> memoryview:
        assert self.promise is not None
        assert not copy
        return memoryview(bytes(size))

    def unmap(self) -> None:
        self.device.calls.append("unmap")
        if self.device.unmap_error is not None:
            raise self.device.unmap_error

    def destroy(self) -> None:
        assert not self.destroyed
        self.destroyed = True


class Encoder:
    def __init__(self, device: FakeDevice) -> None:
        self.device = device

    def copy_buffer_to_buffer(self, *arguments: Any) -> None:
        self.device.calls.append("copy")

    def finish(self) -> str:
        if self.device.loss is not None:
            raise self.device.loss
        return "commands"


class _Queue:
    def __init__(self, device: FakeDevice) -> None:
        self.device = device

    def submit(self, commands: list[Any]) -> None:
        self.device.calls.append("submit")


class _Poller:
    stopped = False

    def stop(self) -> None:
        self.stopped = True


@dataclass
class FakeDevice:
    """Counts and scripts. ``keep_after`` polls a pending mapping is done, with ``map_error`` if there is one."""

    keep_after: int | None = 1
    map_error: Exception | None = None
    unmap_error: Exception | None = None
    buffer_errors: dict[int, Exception] = field(default_factory=dict)
    loss: Exception | None = None
    calls: list[str] = field(default_factory=list)
    pending: list[Buffer] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    polls: int = 0

    def __post_init__(self) -> None:
        self.queue = _Queue(self)
        self._poller: Any = _Poller()
        self.first_poller = self._poller

    def create_buffer(self, *, size: int, usage: str) -> Buffer:
        error = self.buffer_errors.get(len(self.buffers))
        if error is not None:
            raise error
        self.buffers.append(Buffer(self, size))
        return self.buffers[-1]

    def create_command_encoder(self) -> Encoder:
        return Encoder(self)

    def create_pipeline_layout(self, *, bind_group_layouts: list[Any]) -> str:
        if self.loss is not None:
            raise self.loss
        return "layout"

    def _poll(self, block: bool) -> None:
        assert block is False, "a blocking poll"
        self.calls.append("poll")
        self.polls += 1
        if self.keep_after is not None and self.polls >= self.keep_after:
            for buffer in self.pending:
                assert buffer.promise is not None
                buffer.promise.keep(self.map_error)
            self.pending.clear()

    def destroy(self) -> None:
        self.calls.append("destroy")


def fake_gpu(**script: Any) -> tuple[Gpu, FakeDevice]:
    device = FakeDevice(**script)
    return Gpu(device, INFO), device
