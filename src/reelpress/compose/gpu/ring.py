"""Reading finished pictures back without waiting for them: a ring of mappable buffers.

For each picture: :meth:`ReadbackRing.start` records the copy into a free buffer, the caller submits,
:meth:`Ticket.map` asks for the memory, and the next picture is begun. Nothing of this waits for the GPU. A picture or
two later :meth:`Ticket.read` mostly finds the memory there; where it is not, it waits with a deadline.

One thread, the device's. The memory of a ticket is the GPU driver's own: read it once and front to back (it is often
not cached), and never after :meth:`Ticket.release`, which takes it away.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from reelpress.compose.gpu.device import kept
from reelpress.compose.gpu.errors import GpuError, GpuMapFailed

if TYPE_CHECKING:
    from reelpress.compose.gpu.device import Gpu

MIN_DEPTH = 3
"""One being drawn, one under way, one being read."""

ALIGNMENT = 8
"""Bytes; ranges of a mapping must be multiples of it (WebGPU, GPUBuffer.getMappedRange)."""


class RingFull(RuntimeError):
    """More pictures were begun than the ring is deep: a mistake of the caller, who must read and release first."""


class ReadbackRing:
    """Buffers that the GPU copies into and the CPU reads from, used again and again.

    Attributes:
        size_bytes: Most that one picture may take.
        depth: Pictures that may be on the way at once.
        reads: Pictures read so far.
        bytes_read: Bytes of them.
        waited_s: How long :meth:`Ticket.read` waited for the GPU, all together; near 0 when the ring does its work.
        waits: How many of the reads found nothing there yet.
    """

    def __init__(self, gpu: Gpu, size_bytes: int, depth: int = MIN_DEPTH) -> None:
        """Make all buffers at once, so that running out of memory shows before the first picture.

        Raises:
            GpuOutOfMemory: They do not fit.
            ValueError: Fewer than 3, or no size.
        """
        if depth < MIN_DEPTH:
            raise ValueError(f"A read-back ring has at least {MIN_DEPTH} buffers; asked for were {depth}.")
        if size_bytes < 1:
            raise ValueError(f"A read-back ring needs a size; given were {size_bytes} bytes.")
        self.gpu = gpu
        self.size_bytes = _up(size_bytes)
        self.depth = depth
        self.reads = 0
        self.bytes_read = 0
        self.waited_s = 0.0
        self.waits = 0
        self._closed = False
        self._all: list[Any] = []
        self._free: list[Any] = []
        self._open: list[Ticket] = []
        try:
            for _ in range(depth):
                self._add()
        except GpuError:
            self.close()
            raise

    @property
    def in_flight(self) -> int:
        """Tickets that were begun and not released."""
        return len(self._open)

    @property
    def free(self) -> int:
        """Tickets that may be begun now."""
        return self.depth - len(self._open)

    def start(self, encoder: Any, source: Any, size: int, source_offset: int = 0) -> Ticket:
        """Record the copy of a finished picture into a free buffer.

        Args:
            encoder: The command encoder that draws the picture.
            source: Buffer with usage ``COPY_SRC``.
            size: Bytes to copy, at most the ring's size; rounded up to a multiple of 4, so ``source`` must be.
            source_offset: Bytes, a multiple of 4.

        Raises:
            RingFull: Nothing is free.
            GpuError: The copy was refused.
        """
        if not 0 < size <= self.size_bytes:
            raise ValueError(f"Asked to read back {size} bytes; the ring holds 1 to {self.size_bytes}.")
        if len(self._open) >= self.depth or self._closed:
            raise RingFull(f"All {self.depth} buffers of the read-back ring are in use: read and release one first.")
        if not self._free:
            self._add()
        buffer = self._free.pop()
        try:
            with self.gpu.errors("recording the read-back"):
                encoder.copy_buffer_to_buffer(source, source_offset, buffer, 0, -(-size // 4) * 4)
        except BaseException:
            self._free.append(buffer)
            raise
        ticket = Ticket(self, buffer, size)
        self._open.append(ticket)
        return ticket

    def close(self) -> None:
        """Give all buffers back; tickets that are still open become useless. Calling it twice is harmless."""
        self._closed = True
        self._open.clear()
        self._free.clear()
        while self._all:
            self.gpu.drop(self._all.pop())

    def _add(self) -> None:
        buffer = self.gpu.buffer(self.size_bytes, "MAP_READ|COPY_DST", "making the read-back ring")
        self._all.append(buffer)
        self._free.append(buffer)

    def _back(self, ticket: Ticket, buffer: Any, usable: bool) -> None:
        if ticket not in self._open:
            return  # the ring was closed
        self._open.remove(ticket)
        if usable:
            self._free.append(buffer)
        else:
            # Still being mapped, or broken: what the driver does with it is its own affair. A new one is made when
            # it is needed.
            self._all.remove(buffer)
            self.gpu.drop(buffer)


class Ticket:
    """One picture on its way back."""

    def __init__(self, ring: ReadbackRing, buffer: Any, size: int) -> None:
        self._ring = ring
        self._buffer = buffer
        self._promise: Any = None
        self._mapped = False
        self._released = False
        self.size = size
        """Bytes of the picture."""

    def map(self) -> None:
        """Ask for the memory. Call it once, after the commands were submitted; returns at once.

        Raises:
            GpuError: It was refused.
        """
        gpu, doing = self._ring.gpu, "asking for the finished picture"
        if self._promise is not None or self._released:
            raise RuntimeError("A ticket is mapped once, before it is released.")
        if gpu.hook is not None:
            gpu.hook("map", doing)
        gpu.check(doing)
        with gpu.errors(doing):
            # NOSYNC: without it wgpu-py submits an empty command buffer first, for a wgpu-native that could hand out
            # memory before the copy into it was known to it (gfx-rs/wgpu-native issue 305). Ours was just submitted.
            self._promise = self._buffer.map_async("READ_NOSYNC", 0, _up(self.size))

    def ready(self) -> bool:
        """Whether :meth:`read` would return, or fail, without waiting. Never waits itself."""
        if self._promise is None or self._released:
            return False
        if not self._mapped and not kept(self._promise):
            self._ring.gpu.poll()
        return self._mapped or kept(self._promise)

    def read(self, deadline_s: float) -> memoryview:
        """The picture's bytes, read-only, until :meth:`release`.

        Args:
            deadline_s: Seconds from now.

        Raises:
            GpuTimeout: It was not there in time. The ticket may be read again, or released.
            GpuMapFailed: The driver could not make the memory readable.
            GpuLost: The device is gone.
        """
        ring, doing = self._ring, "reading the finished picture back"
        if self._promise is None or self._released:
            raise RuntimeError("A ticket is read after map() and before release().")
        if not self._mapped:
            if not self.ready():
                ring.waits += 1
            start = time.monotonic()
            try:
                ring.gpu.wait(self._promise, deadline_s, doing)
            except RuntimeError as error:  # what wgpu-py makes of a map callback with an error status
                ring.gpu.check(doing)
                raise GpuMapFailed(doing, str(error).rstrip(". ")) from error
            finally:
                ring.waited_s += time.monotonic() - start
            self._mapped = True
            ring.reads += 1
            ring.bytes_read += self.size
        ring.gpu.confirm(doing)
        with ring.gpu.errors(doing):
            view: memoryview = self._buffer.read_mapped(0, _up(self.size), copy=False)
        return view[: self.size]

    def release(self) -> None:
        """Give the buffer back to the ring. Views of its memory must not be touched any more. Twice is harmless."""
        if self._released:
            return
        self._released = True
        usable = self._promise is None  # never mapped: the copy may still run, which later copies wait for
        if self._mapped:
            try:
                self._ring.gpu.confirm("giving the read-back memory back")
                with self._ring.gpu.errors("giving the read-back memory back"):
                    self._buffer.unmap()
                usable = True
            except GpuError:
                usable = False
        self._ring._back(self, self._buffer, usable)


def _up(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
