"""The compositor's memory on the GPU: an arena that keeps sources, backgrounds and art, and buffers written anew."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.gpu.errors import GpuOutOfMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from reelpress.compose.gpu.device import Gpu

_ALIGN = 256
ARENA_BYTES = 8 << 20
"""Size of a new arena; it doubles until everything fits."""


class Buffer:
    """A GPU buffer that is made anew when something larger is wanted.

    Attributes:
        generation: Goes up each time, as bind groups have to be made anew then.
    """

    def __init__(self, gpu: Gpu, size: int, usage: str, name: str) -> None:
        self._gpu, self._usage, self._name = gpu, usage, name
        self.native: Any = gpu.buffer(size, usage, f"making the buffer of {name}")
        self.size = size
        self.generation = 0

    def need(self, size: int, *, keep: bool = False) -> None:
        """Make sure of ``size`` bytes; what is in it is lost when it grows, unless it is to be kept.

        Raises:
            GpuOutOfMemory: It cannot be had.
        """
        if size <= self.size:
            return
        most = self._gpu.info.max_buffer_bytes
        if size > most:
            raise GpuOutOfMemory(f"making the buffer of {self._name}", f"{size} bytes are wanted, {most} are allowed")
        wanted = min(most, max(size, self.size * 3 // 2))
        made = self._gpu.buffer(wanted, self._usage, f"making the buffer of {self._name}")
        if keep:
            encoder = self._gpu.device.create_command_encoder()
            encoder.copy_buffer_to_buffer(self.native, 0, made, 0, self.size // 4 * 4)
            self._gpu.submit(encoder, f"enlarging the buffer of {self._name}")
        self._gpu.drop(self.native)
        self.native, self.size = made, wanted
        self.generation += 1

    def write(self, data: NDArray[Any], offset: int = 0, size: int | None = None) -> None:
        """Copy host memory into it, in the order of submits; as :meth:`.device.Gpu.write`."""
        self._gpu.write(self.native, offset, data, size)

    def close(self) -> None:
        if self.native is not None:
            self._gpu.drop(self.native)
        self.native = None


@dataclass(slots=True)
class Block:
    """A part of the arena."""

    at: int
    """First byte, a multiple of 256."""
    size: int
    used: int = 0
    """The frame that used it last."""
    extra: Any = None
    """What the owner wants to remember of it."""


class Arena:
    """One storage buffer that all shaders read, in blocks with a key.

    Args:
        gpu: The device.
        limit: Bytes of art that are kept although the frame at hand does not use them; the oldest go first.
    """

    def __init__(self, gpu: Gpu, limit: int = 64 << 20) -> None:
        self.buffer = Buffer(gpu, ARENA_BYTES, "STORAGE|COPY_DST|COPY_SRC", "pictures and art")
        self.limit = limit
        self.uploaded = 0
        """Bytes written so far."""
        self.frame = 0
        self.kept_bytes = 0
        """Of all blocks."""
        self._blocks: OrderedDict[Hashable, Block] = OrderedDict()
        self._gaps: list[tuple[int, int]] = [(0, ARENA_BYTES)]
        """Free parts: first byte and size, ascending, never touching."""

    def __len__(self) -> int:
        return len(self._blocks)

    def begin(self) -> None:
        """A new frame: what it does not use may go."""
        self.frame += 1

    def get(self, key: Hashable) -> Block | None:
        block = self._blocks.get(key)
        if block is not None:
            block.used = self.frame
            self._blocks.move_to_end(key)
        return block

    def make(self, key: Hashable, size: int) -> Block:
        """A block with undefined content; one of the same key is given up.

        Raises:
            GpuOutOfMemory: The arena cannot grow that far.
        """
        self.drop(key)
        size = -(-max(size, 4) // _ALIGN) * _ALIGN
        while self.kept_bytes + size > self.limit and self._oldest() is not None:
            self.drop(self._oldest())
        at = self._take(size)
        if at is None:
            before = self.buffer.size
            self.buffer.need(before + size, keep=True)
            self._free(before, self.buffer.size // _ALIGN * _ALIGN - before // _ALIGN * _ALIGN)
            at = self._take(size)
            assert at is not None
        block = self._blocks[key] = Block(at, size, self.frame)
        self.kept_bytes += size
        return block

    def keep(self, key: Hashable, make: Callable[[], tuple[NDArray[Any], Any]]) -> Block:
        """The block of ``key``, filled at first use with what ``make`` returns: the data and what to remember."""
        block = self.get(key)
        if block is None:
            data, extra = make()
            block = self.make(key, data.nbytes)
            block.extra = extra
            if data.nbytes:
                self.write(block.at, data)
        return block

    def write(self, at: int, data: NDArray[Any]) -> None:
        """Upload a contiguous array to a byte offset, a multiple of 4. The rest of its last word is undefined."""
        if data.nbytes % 4:
            padded = np.zeros(-(-data.nbytes // 4) * 4, np.uint8)
            padded[: data.nbytes] = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
            data = padded
        elif not data.flags.c_contiguous:
            data = np.ascontiguousarray(data)
        self.buffer.write(data, at)
        self.uploaded += int(data.nbytes)

    def write_rows(self, at: int, data: NDArray[Any], size: int) -> None:
        """Upload so many bytes (a multiple of 4) from the first of an array on, gaps between its rows included."""
        self.buffer.write(data, at, size)
        self.uploaded += size

    def drop(self, key: Hashable) -> None:
        block = self._blocks.pop(key, None)
        if block is not None:
            self.kept_bytes -= block.size
            self._free(block.at, block.size)

    def close(self) -> None:
        self._blocks.clear()
        self.kept_bytes = 0
        self.buffer.close()

    def _oldest(self) -> Hashable | None:
        """The key that was not used for the longest time, and not in this frame or the last."""
        for key, block in self._blocks.items():
            return key if block.used < self.frame - 1 else None
        return None

    def _take(self, size: int) -> int | None:
        for i, (at, free) in enumerate(self._gaps):
            if free >= size:
                if free == size:
                    del self._gaps[i]
                else:
                    self._gaps[i] = (at + size, free - size)
                return at
        return None

    def _free(self, at: int, size: int) -> None:
        gaps = sorted([*self._gaps, (at, size)])
        merged: list[tuple[int, int]] = []
        for start, length in gaps:
            if merged and merged[-1][0] + merged[-1][1] == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + length)
            else:
                merged.append((start, length))
        self._gaps = merged


class Parameters:
    """What changes with every frame, in one upload: parameters of passes, records of layers, blocks of tiles.

    The three lie one after the other in one buffer, and the shaders see each through a window of its own that begins
    where it does.

    Attributes:
        buffer: All of it.
        layer_window, block_window: Bytes of it that a shader sees as layers and as blocks.
    """

    def __init__(self, gpu: Gpu) -> None:
        self.layer_window, self.block_window = 1 << 14, 1 << 12
        self.buffer = Buffer(gpu, 1 << 16, "STORAGE|COPY_DST", "parameters")
        self._host = np.zeros(self.buffer.size, np.uint8)

    def write(self, jobs: bytes | bytearray, layers: bytes | bytearray, blocks: bytes) -> tuple[int, int]:
        """Upload them.

        Returns:
            Byte offsets of layers and blocks.
        """
        first = _aligned(len(jobs))
        second = first + _aligned(len(layers))
        size = second + len(blocks)
        while self.layer_window < len(layers):
            self.layer_window *= 2
        while self.block_window < len(blocks):
            self.block_window *= 2
        self.buffer.need(max(first + self.layer_window, second + self.block_window))
        if size > len(self._host):
            self._host = np.zeros(1 << (size - 1).bit_length(), np.uint8)
        host = self._host
        for at, part in ((0, jobs), (first, layers), (second, blocks)):
            if part:
                host[at : at + len(part)] = np.frombuffer(part, np.uint8)
        self.buffer.write(host, size=-(-size // 4) * 4)
        return first, second


def _aligned(size: int) -> int:
    """So many bytes, rounded up to where the next part may begin."""
    return -(-size // _ALIGN) * _ALIGN
