"""What can go wrong with a GPU. Imports nothing of wgpu, so that a fallback can be decided without it.

::

    GpuError                 gpu                  a fault of the GPU; the picture was not made
    ├── GpuUnavailable       gpu_unavailable      no adapter, no driver, only a software one, wgpu cannot be loaded
    ├── GpuLost              gpu_lost             the device is gone: driver reset, removed, suspended
    ├── GpuOutOfMemory       gpu_out_of_memory    a buffer or texture did not fit
    ├── GpuTimeout           gpu_timeout          something did not happen before its deadline
    ├── GpuMapFailed         gpu_map_failed       a finished picture could not be read back
    └── GpuWrong             gpu_wrong            it refused a command or a shader, or drew wrong pixels

All of them leave the process able to go on without the GPU: whoever catches one falls back to the CPU at the same
frame, or makes it an error under ``--strict``.
"""

from __future__ import annotations

from typing import ClassVar

from reelpress.errors import ExportError


class GpuError(ExportError):
    """A fault of the GPU. ``str()`` is a sentence."""

    code = "gpu"
    falls_back: ClassVar[bool] = True
    """Another way to the same picture may go on (``convert.fallback``)."""


class GpuUnavailable(GpuError):
    """There is no GPU that may be used; nothing was begun.

    Attributes:
        reason: The same as ``str()``: a sentence for the plan.
    """

    code = "gpu_unavailable"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class GpuLost(GpuError):
    """The device is gone, and with it every buffer and texture."""

    code = "gpu_lost"

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(f"The GPU's device was lost while {doing}: {reason}.")


class GpuOutOfMemory(GpuError):
    """A buffer or texture could not be had."""

    code = "gpu_out_of_memory"

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(f"The GPU ran out of memory while {doing}: {reason}.")


class GpuTimeout(GpuError):
    """The GPU did not finish something in time.

    Attributes:
        waited_s: For how long it was waited for.
    """

    code = "gpu_timeout"

    def __init__(self, doing: str, waited_s: float) -> None:
        self.waited_s = waited_s
        super().__init__(f"The GPU did not answer for {waited_s:.1f} s while {doing}.")


class GpuMapFailed(GpuError):
    """The memory of a finished picture could not be made readable."""

    code = "gpu_map_failed"

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(f"The GPU's result could not be read while {doing}: {reason}.")


class GpuWrong(GpuError):
    """The GPU or its driver refused what it was asked, or made wrong pixels of it."""

    code = "gpu_wrong"

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(f"The GPU did something wrong while {doing}: {reason}.")
