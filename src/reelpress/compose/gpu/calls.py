"""What a frame asks of wgpu-native, without the Python that wgpu-py does around each call.

wgpu-py makes a Python object of every encoder, pass and command buffer, builds a descriptor for each from a dictionary,
and keeps their parts alive in weak dictionaries. For the twenty calls that every frame needs this took longer than
Reelpress' own work, with Python's lock held, which the encoder's thread wants. Here the same C functions (wgpu-py's,
with its errors) are called with descriptors that are made once, and what they return is released at once.

This relies on names that are not wgpu-py's public API, so it is for the one release that ``pyproject.toml`` allows;
:func:`of` says ``None`` where they are not as expected, and the public API does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CHECKED = (
    "wgpuDeviceCreateCommandEncoder", "wgpuDeviceCreatePipelineLayout", "wgpuCommandEncoderCopyBufferToBuffer",
    "wgpuCommandEncoderFinish", "wgpuQueueSubmit", "wgpuQueueWriteBuffer",
)  # fmt: skip
"""Each raises wgpu-py's error when the library reports one while it runs."""
_BARE = (
    "wgpuPipelineLayoutRelease", "wgpuCommandEncoderRelease", "wgpuComputePassEncoderRelease",
    "wgpuCommandBufferRelease", "wgpuCommandEncoderBeginComputePass", "wgpuComputePassEncoderSetPipeline",
    "wgpuComputePassEncoderSetBindGroup", "wgpuComputePassEncoderDispatchWorkgroups", "wgpuComputePassEncoderEnd",
)  # fmt: skip
"""Releases report nothing; what is wrong with the parts of a pass is raised for all of it."""

_MOST_OFFSETS = 3
"""Dynamic offsets of a bind group: parameters, layers, blocks."""


class Calls:
    """The C functions of one device. The thread of the device's.

    Attributes:
        functions: By name.
    """

    def __init__(self, api: Any, device: Any) -> None:
        self._ffi = ffi = api.ffi
        self._device, self._queue = device, device.queue
        self.functions: dict[str, Any] = {name: getattr(api.libf, name) for name in _CHECKED}
        self.functions |= {name: getattr(api.lib, name) for name in _BARE}
        self._recorded = api.libf._make_proxy_func("a compute pass", self._record)
        # All zero is what the C API takes for "nothing said", but for a label: null is none.
        self._encoder = ffi.new("WGPUCommandEncoderDescriptor *")
        self._pass = ffi.new("WGPUComputePassDescriptor *")
        self._finish = ffi.new("WGPUCommandBufferDescriptor *")
        self._layout = ffi.new("WGPUPipelineLayoutDescriptor *")
        self._commands = ffi.new("WGPUCommandBuffer[1]")
        self._offsets = ffi.new("uint32_t[]", _MOST_OFFSETS)

    def ask(self) -> None:
        """The cheapest question that a lost device refuses; it leaves nothing behind.

        Raises:
            wgpu.GPUError: It was refused.
        """
        made = self.functions["wgpuDeviceCreatePipelineLayout"](self._device._internal, self._layout)
        self.functions["wgpuPipelineLayoutRelease"](made)

    def write(self, buffer: Any, offset: int, address: int, size: int) -> None:
        """Copy host memory into a buffer, in the order of submits; it may be changed after this.

        Args:
            buffer: wgpu-py's.
            offset: Bytes, a multiple of 4.
            address: Of the first byte. All ``size`` bytes must be the caller's.
            size: Bytes, a multiple of 4.
        """
        if size <= 0 or offset + size > buffer.size:
            raise ValueError(f"{size} bytes from byte {offset} on are not in a buffer of {buffer.size}.")
        self.functions["wgpuQueueWriteBuffer"](
            self._queue._internal, buffer._internal, offset, self._ffi.cast("uint8_t *", address), size
        )

    def _record(self, encoder: Any, steps: Iterable[tuple[Any, Sequence[int], int, int]], group: Any) -> None:
        functions, own = self.functions, self._offsets
        set_pipeline, set_group, dispatch = (
            functions["wgpuComputePassEncoderSetPipeline"],
            functions["wgpuComputePassEncoderSetBindGroup"],
            functions["wgpuComputePassEncoderDispatchWorkgroups"],
        )
        work = functions["wgpuCommandEncoderBeginComputePass"](encoder, self._pass)
        last = None
        try:
            for pipeline, offsets, x, y in steps:
                if pipeline is not last:
                    set_pipeline(work, pipeline._internal)
                    last = pipeline
                count = len(offsets)
                own[0:count] = offsets
                set_group(work, 0, group._internal, count, own)
                dispatch(work, x, y, 1)
            functions["wgpuComputePassEncoderEnd"](work)
        finally:
            functions["wgpuComputePassEncoderRelease"](work)

    def commands(self) -> Commands:
        """A new command encoder. It has to be submitted: one that is not leaks its pool in wgpu-native."""
        return Commands(self, self.functions["wgpuDeviceCreateCommandEncoder"](self._device._internal, self._encoder))


class Commands:
    """A command encoder, until it is submitted."""

    __slots__ = ("_calls", "_encoder")

    def __init__(self, calls: Calls, encoder: Any) -> None:
        self._calls, self._encoder = calls, encoder

    def compute(self, steps: Iterable[tuple[Any, Sequence[int], int, int]], group: Any) -> None:
        """One compute pass.

        Args:
            steps: Of each dispatch the pipeline, the dynamic offsets, and the workgroups across and down.
            group: The bind group of all of them.
        """
        self._calls._recorded(self._encoder, steps, group)

    def copy_buffer_to_buffer(
        self, source: Any, source_offset: int, target: Any, target_offset: int, size: int
    ) -> None:
        """As wgpu-py's encoder: offsets and size in bytes, multiples of 4."""
        self._calls.functions["wgpuCommandEncoderCopyBufferToBuffer"](
            self._encoder, source._internal, source_offset, target._internal, target_offset, size
        )

    def submit(self) -> None:
        """Finish it and hand it to the queue. Once."""
        calls, functions = self._calls, self._calls.functions
        encoder, self._encoder = self._encoder, None
        try:
            made = functions["wgpuCommandEncoderFinish"](encoder, calls._finish)
        finally:
            functions["wgpuCommandEncoderRelease"](encoder)
        try:
            calls._commands[0] = made
            functions["wgpuQueueSubmit"](calls._queue._internal, 1, calls._commands)
        finally:
            functions["wgpuCommandBufferRelease"](made)

    def __del__(self) -> None:
        if self._encoder is not None:  # something went wrong before it was submitted
            self._calls.functions["wgpuCommandEncoderRelease"](self._encoder)


def of(device: Any) -> Calls | None:
    """The calls of a device of wgpu-py; ``None`` where it is another kind of device, or another wgpu-py."""
    try:
        from wgpu.backends.wgpu_native import _api as api

        return Calls(api, device) if isinstance(device, api.GPUDevice) else None
    except Exception:  # a module, a name or (cffi's own error) a type of the library is not there
        return None
