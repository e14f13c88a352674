"""The one GPU device of a process, with a deadline around every wait and typed errors around every call.

wgpu-py gives Metal, Vulkan and D3D12 behind one API. Three things are done here that it leaves open:

- **Deadlines.** ``GPUPromise.sync_wait`` waits for ever. :meth:`Gpu.wait` polls the device without blocking and gives
  up with a sentence.
- **No poll thread.** wgpu-py starts a thread for each device that sits in a *blocking* poll while anything is being
  mapped. wgpu-core holds the lock of the queue's fence during that poll, which the next submit needs: on an H100 a
  submit behind a picture of 395 ms took 393 ms with that thread and 0.2 ms without it. So it is stopped here (only
  ``pipeline`` starts threads anyway), and the thread that draws polls without blocking: when it asks for a picture
  that was mapped meanwhile it waits for nothing.
- **Loss as a value.** That the device was lost is only logged by wgpu-py. A handler of its log remembers it;
  :attr:`Gpu.lost` asks the device then, and from there on every call raises :class:`GpuLost`.

All calls of one device come from one thread at a time: the compose thread, or whoever probes before it starts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.lib.stride_tricks import as_strided

from reelpress.compose.gpu.calls import Commands, of
from reelpress.compose.gpu.errors import (
    GpuError,
    GpuLost,
    GpuMapFailed,
    GpuOutOfMemory,
    GpuTimeout,
    GpuUnavailable,
    GpuWrong,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

__all__ = [
    "AdapterInfo", "Gpu", "GpuError", "GpuLost", "GpuMapFailed", "GpuOutOfMemory", "GpuTimeout", "GpuUnavailable",
    "GpuWrong", "adapters", "native_counts", "opened", "release", "shared",
]  # fmt: skip

BACKENDS = ("Vulkan", "Metal", "DX12")
"""OpenGL is left out: it needs a display, and prints about it where there is none."""

FEATURES = ("timestamp-query",)
"""Asked for where the adapter has them; nothing depends on them."""

FIRST_SLEEP_S, LONGEST_SLEEP_S = 20e-6, 1e-3
"""Pauses between two polls of a wait: they grow, so that a long wait costs no processor and a short one no time."""

_KINDS = {
    "DiscreteGPU": "discrete",
    "IntegratedGPU": "integrated",
    "CPU": "software",
}
_ORDER = ("discrete", "integrated", "virtual", "unknown", "software")
"""Best first: what WebGPU calls high performance."""


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """A GPU as the drivers of this machine tell it."""

    name: str
    kind: str
    """``discrete``, ``integrated``, ``virtual``, ``software`` or ``unknown``."""
    backend: str
    """``Vulkan``, ``Metal`` or ``D3D12``."""
    driver: str
    """Name and version, as far as the driver says."""
    key: str
    """Names adapter and driver version: a verdict that was kept under it holds until the driver changes."""
    max_buffer_bytes: int
    """Largest storage buffer that a shader may see at once."""
    max_texture_side: int
    """Pixels."""


class _LossLog(logging.Handler):
    """Notices in wgpu-py's log that a device was lost. It does not say which: :attr:`Gpu.lost` asks its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0
        self.reason = "the driver gave no reason"

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "device was lost" in text:
            self.count += 1
            self.reason = " ".join(text.split()).removeprefix("The WGPU ").rstrip(".")


_losses = _LossLog()


class _OwnPolls:
    """Stands where wgpu-py keeps its poll thread: whoever waits polls for himself, so there is nothing to wake."""

    def get_token(self) -> _OwnPolls:
        return self

    def set_done(self) -> None:
        """Called when a promise was kept."""

    def stop(self) -> None:
        """Called when the device is destroyed."""


_module: Any = None
_adapters: list[tuple[AdapterInfo, Any]] | None = None


def _wgpu() -> Any:
    """The module, loaded at first use: an export on the CPU never pays for it.

    Raises:
        GpuUnavailable: It is not installed, or its library cannot be loaded on this system.
    """
    global _module
    if _module is None:
        try:
            import wgpu
            from wgpu.backends.wgpu_native.extras import set_instance_extras
        except Exception as error:  # the loader raises what it likes: OSError, ImportError, RuntimeError
            raise GpuUnavailable(f"wgpu cannot be loaded here ({error}).") from error
        logging.getLogger("wgpu").addHandler(_losses)
        with suppress(RuntimeError):  # somebody else in this process uses wgpu already; that instance serves as well
            set_instance_extras(backends=list(BACKENDS))
        _module = wgpu
    return _module


def _found() -> list[tuple[AdapterInfo, Any]]:
    """The adapters, best first. Kept until a device is lost: asking takes drivers tens of milliseconds."""
    global _adapters
    if _adapters is not None:
        return _adapters
    wgpu = _wgpu()
    try:
        native = wgpu.gpu.enumerate_adapters_sync()
    except Exception as error:
        raise GpuUnavailable(f"The GPU drivers of this machine cannot be asked ({error}).") from error
    pairs = [(_describe(adapter), adapter) for adapter in native]
    usable = [pair for pair in pairs if pair[0].backend in ("Vulkan", "Metal", "D3D12")]
    _adapters = sorted(usable, key=lambda pair: _ORDER.index(pair[0].kind))
    return _adapters


def _describe(adapter: Any) -> AdapterInfo:
    info, limits = adapter.info, adapter.limits
    backend, driver = str(info["backend_type"]), str(info["description"])
    name = str(info["device"]) or "unnamed adapter"
    kind = _KINDS.get(str(info["adapter_type"]), "unknown")
    if kind == "unknown" and "virt" in name.lower():
        kind = "virtual"
    return AdapterInfo(
        name=name,
        kind=kind,
        backend=backend,
        driver=driver,
        key=f"{backend} {info['vendor_id']:04x}:{info['device_id']:04x} {name} {driver}",
        max_buffer_bytes=min(int(limits["max-storage-buffer-binding-size"]), int(limits["max-buffer-size"])),
        max_texture_side=int(limits["max-texture-dimension-2d"]),
    )


def adapters() -> list[AdapterInfo]:
    """All GPUs of this machine, the fastest kind first; asked once in a process.

    Raises:
        GpuUnavailable: wgpu or the drivers cannot be asked. An empty list means that they were, and there is none.
    """
    return [info for info, _ in _found()]


class Gpu:
    """A device with its queue. Use :func:`shared`; only tests make others.

    Attributes:
        device: ``wgpu.GPUDevice``.
        queue: Its queue.
        info: What it runs on.
        created: How many buffers and textures were made so far, by kind.
        dropped: How many were given back.
        hook: For tests: called with the operation (``buffer``, ``texture``, ``submit``, ``map``, ``wait``) and what it
            is for, before it; whatever it raises is raised.
    """

    def __init__(self, device: Any, info: AdapterInfo) -> None:
        self.device = device
        self.queue = device.queue
        self.info = info
        self.created: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.hook: Callable[[str, str], None] | None = None
        self._lost: str | None = None
        self._losses_seen = _losses.count
        self._calls = of(device)
        device._poller.stop()
        device._poller = _OwnPolls()

    @property
    def limits(self) -> dict[str, int]:
        """As wgpu names them: ``max-storage-buffer-binding-size``, ``max-storage-buffers-per-shader-stage``, ..."""
        return dict(self.device.limits)

    @property
    def live(self) -> dict[str, int]:
        """Buffers and textures that exist now."""
        return {kind: self.created[kind] - self.dropped[kind] for kind in ("buffer", "texture")}

    @property
    def lost(self) -> str | None:
        """Why the device is gone; ``None`` while it works. Costs nothing unless some device of the process was lost."""
        if self._lost is None and _losses.count != self._losses_seen:
            self._losses_seen = _losses.count
            self._ask()
        return self._lost

    def _ask(self) -> None:
        """Ask the device itself: a lost one refuses even this. A few microseconds.

        A command encoder would be as cheap, but one that is never submitted leaks its pool in wgpu-native (with Mesa
        96 KB each time).
        """
        try:
            if self._calls is not None:
                self._calls.ask()
            else:
                self.device.create_pipeline_layout(bind_group_layouts=[])
        except Exception as error:
            if "lost" in str(error).lower():
                self._lost = _losses.reason if _losses.count else _short(error)

    def confirm(self, doing: str) -> None:
        """Raise GpuLost if the device is gone, having asked it.

        Needed before mapped memory is touched: losing a device destroys its buffers, and wgpu-native ends the whole
        process when it is asked for the memory of a destroyed one. Since nothing polls but this thread, what is
        confirmed stays true until its next call of wgpu.
        """
        if self._lost is None:
            self._ask()
        self.check(doing)

    def check(self, doing: str) -> None:
        """Raise GpuLost if the device is gone."""
        reason = self.lost
        if reason is not None:
            raise GpuLost(doing, reason)

    def errors(self, doing: str) -> _Errors:
        """Turn whatever wgpu raises inside into our errors.

        Args:
            doing: What is being done, to follow "while": ``"uploading the picture"``.
        """
        return _Errors(self, doing)

    def _translated(self, error: Exception, doing: str) -> GpuError | None:
        """Our error for one of wgpu's; ``None`` for one that is not wgpu's."""
        if isinstance(error, MemoryError):  # wgpu's GPUOutOfMemoryError is one
            return GpuOutOfMemory(doing, _short(error))
        text = str(error).lower()
        # After ``destroy`` wgpu-py has no poller any more, and says so in its own way.
        if "device is lost" in text or "device lost" in text or self.device._poller is None:
            self._lost = self._lost or (_losses.reason if _losses.count else _short(error))
            return GpuLost(doing, self._lost)
        if "out of memory" in text or "not enough memory" in text:
            return GpuOutOfMemory(doing, _short(error))
        if isinstance(error, _wgpu().GPUError):
            return GpuWrong(doing, _short(error))
        return None

    def commands(self) -> Any:
        """A command encoder that computes by ``compute`` and copies by ``copy_buffer_to_buffer``, for
        :meth:`submit`."""
        return self._calls.commands() if self._calls is not None else _PlainCommands(self.device)

    def write(self, buffer: Any, offset: int, data: NDArray[Any], size: int | None = None) -> None:
        """Copy host memory into a buffer, in the order of submits.

        Args:
            buffer: A buffer of this device.
            offset: Bytes, a multiple of 4.
            data: From the first byte of this array on is copied, whatever its strides.
            size: Bytes, a multiple of 4, all within the memory that the array is part of; ``None``: the array, which
                is contiguous then.
        """
        if self._calls is not None:
            address = data.__array_interface__["data"][0]
            self._calls.write(buffer, offset, address, data.nbytes if size is None else size)
        elif size is None:
            self.queue.write_buffer(buffer, offset, data)
        else:
            self.queue.write_buffer(buffer, offset, as_strided(data, (size,), (1,), writeable=False))

    def buffer(self, size: int, usage: str, doing: str) -> Any:
        """A new buffer.

        Args:
            size: Bytes; rounded up to a multiple of 4.
            usage: As wgpu spells it: ``"STORAGE|COPY_SRC"``.
            doing: As in :meth:`errors`.
        """
        if self.hook is not None:
            self.hook("buffer", doing)
        with self.errors(doing):
            made = self.device.create_buffer(size=-(-size // 4) * 4, usage=usage)
        self.created["buffer"] += 1
        return made

    def texture(self, width: int, height: int, pixel_format: str, usage: str, doing: str) -> Any:
        """A new 2-D texture without mipmaps; arguments as :meth:`buffer`."""
        if self.hook is not None:
            self.hook("texture", doing)
        with self.errors(doing):
            made = self.device.create_texture(size=(width, height, 1), format=pixel_format, usage=usage)
        self.created["texture"] += 1
        return made

    def drop(self, thing: Any) -> None:
        """Give a buffer or texture back at once, not when Python's collector comes by. Never raises GpuError."""
        kind = "texture" if hasattr(thing, "create_view") else "buffer"
        try:
            thing.destroy()
        except Exception as error:
            if not isinstance(error, _wgpu().GPUError):
                raise
        self.dropped[kind] += 1

    def submit(self, encoder: Any, doing: str) -> None:
        """Finish a command encoder and hand it to the queue. Returns before the GPU has done it."""
        if self.hook is not None:
            self.hook("submit", doing)
        with self.errors(doing):
            if isinstance(encoder, Commands | _PlainCommands):
                encoder.submit()
            else:
                self.queue.submit([encoder.finish()])

    def poll(self) -> None:
        """Let promises be kept that can be; never waits for the GPU."""
        self.device._poll(False)

    def wait(self, what: Any, deadline_s: float, doing: str) -> Any:
        """Wait until a promise is kept or a predicate is true.

        Args:
            what: A ``GPUPromise``, or a callable without arguments.
            deadline_s: Seconds from now; at 0 it is only looked whether it is there already.
            doing: As in :meth:`errors`.

        Returns:
            The promise's result, or what the predicate returned.

        Raises:
            GpuTimeout: Nothing happened before the deadline.
            GpuLost: The device was lost meanwhile; then nothing will ever happen.
            GpuError: The promise was broken.
        """
        if self.hook is not None:
            self.hook("wait", doing)
        start = time.monotonic()
        pause = FIRST_SLEEP_S
        while True:
            with self.errors(doing):
                self.poll()
                result = what() if callable(what) and not _is_promise(what) else kept(what)
            if result:
                return result if not _is_promise(what) else self._result(what, doing)
            self.check(doing)
            waited = time.monotonic() - start
            if waited >= deadline_s:
                self.confirm(doing)  # a loss that nobody told of is a better reason
                raise GpuTimeout(doing, waited)
            time.sleep(min(pause, deadline_s - waited))
            pause = min(pause * 2, LONGEST_SLEEP_S)

    def _result(self, promise: Any, doing: str) -> Any:
        with self.errors(doing):
            return promise.sync_wait()  # it is kept: this only takes the result, or raises

    def close(self) -> None:
        """Destroy the device; everything made with it becomes useless."""
        if self._lost is None:
            self._lost = "it was released"
        self.device.destroy()


class _Errors:
    """Not a generator-based context manager: a dozen of these are entered for each frame."""

    __slots__ = ("_doing", "_gpu")

    def __init__(self, gpu: Gpu, doing: str) -> None:
        self._gpu, self._doing = gpu, doing

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, GpuError):
            ours = self._gpu._translated(error, self._doing)
            if ours is not None:
                raise ours from error


class _PlainCommands:
    """What :class:`~reelpress.compose.gpu.calls.Commands` does, by the public API of wgpu-py."""

    def __init__(self, device: Any) -> None:
        self._device, self._encoder = device, device.create_command_encoder()

    def compute(self, steps: Iterable[tuple[Any, Sequence[int], int, int]], group: Any) -> None:
        work = self._encoder.begin_compute_pass()
        for pipeline, offsets, x, y in steps:
            work.set_pipeline(pipeline)
            work.set_bind_group(0, group, offsets)
            work.dispatch_workgroups(x, y, 1)
        work.end()

    def copy_buffer_to_buffer(self, *arguments: Any) -> None:
        self._encoder.copy_buffer_to_buffer(*arguments)

    def submit(self) -> None:
        self._device.queue.submit([self._encoder.finish()])


def _is_promise(thing: Any) -> bool:
    return hasattr(thing, "sync_wait")


def kept(promise: Any) -> bool:
    """Whether a promise has its result, or its error. wgpu-py tells it to nobody but itself."""
    return bool(promise._thread_event.is_set())


def _short(error: BaseException) -> str:
    """wgpu's message in one line: the last cause is what happened, the rest is where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if line not in ("Validation Error", "Out of Memory Error", "Caused by:")]
    text = " ".join(lines) or type(error).__name__
    return text[:600].rstrip(". ")


_lock = threading.Lock()
_shared: Gpu | None = None


def shared(*, allow_software: bool = False) -> Gpu:
    """The device of this process, made at the first call; the fastest kind that there is.

    Args:
        allow_software: Take a software adapter if there is nothing else (tests; it is slower than the CPU's own way).

    Raises:
        GpuUnavailable: There is none, or it cannot be opened; the sentence says why.
    """
    global _shared, _adapters
    with _lock:
        if _shared is not None and _shared.lost is not None:
            _drop()  # a device that was lost stays lost; the adapter may be back
            _adapters = None
        if _shared is None:
            _shared = opened(allow_software=allow_software)
        elif _shared.info.kind == "software" and not allow_software:
            raise GpuUnavailable(_only_software(_shared.info))
        return _shared


def release() -> None:
    """Drop the device of this process. Harmless when there is none; the next :func:`shared` makes another."""
    with _lock:
        _drop()


def _drop() -> None:
    global _shared
    gone, _shared = _shared, None
    if gone is not None:
        gone.close()


def _only_software(info: AdapterInfo) -> str:
    return f"The only GPU adapter here is a software one ({info.name}), which is slower than composing on the CPU."


def opened(*, allow_software: bool = False) -> Gpu:
    """A device of its own: for tests, and for probes in a child process. Everybody else uses :func:`shared`.

    Raises:
        GpuUnavailable: As :func:`shared`.
    """
    found = _found()
    if not found:
        raise GpuUnavailable("This machine has no GPU adapter for Vulkan, Metal or D3D12.")
    reasons: list[str] = []
    for info, adapter in found:
        if info.kind == "software" and not allow_software:
            reasons.append(_only_software(info) if not reasons else f"{info.name} is a software adapter.")
            continue
        try:
            # All that the adapter can: WebGPU's defaults stop at 128 MiB a buffer and 8 buffers a shader.
            device = adapter.request_device_sync(
                label="reelpress",
                required_features=[name for name in FEATURES if name in adapter.features],
                required_limits=dict(adapter.limits),
            )
        except Exception as error:
            reasons.append(f"{info.name} cannot be opened ({_short(error)}).")
            continue
        return Gpu(device, info)
    raise GpuUnavailable(" ".join(reasons))


def native_counts() -> dict[str, int]:
    """What wgpu's own library counts as alive, by kind (``buffers``, ``textures``, ...): a witness for leak tests."""
    _wgpu()
    from wgpu.backends.wgpu_native._helpers import generate_report

    return {name: int(row["kept"]) for name, row in generate_report()["hub"].items()}
