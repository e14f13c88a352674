"""The GPU device: choice of the adapter, deadlines, typed errors, loss. On a fake device, and on one that is there."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import pytest
import wgpu
from gpu_fakes import fake_gpu

from reelpress.compose.gpu import device as gpu_device
from reelpress.compose.gpu import errors as gpu_errors
from reelpress.compose.gpu.device import (
    Gpu,
    GpuError,
    GpuLost,
    GpuMapFailed,
    GpuOutOfMemory,
    GpuTimeout,
    GpuUnavailable,
    GpuWrong,
    adapters,
    native_counts,
    opened,
    release,
    shared,
)
from reelpress.errors import ExportError


class FakeAdapter:
    def __init__(self, name: str, kind: str, *, backend: str = "Vulkan", error: Exception | None = None) -> None:
        self.info = {
            "device": name, "adapter_type": kind, "backend_type": backend, "description": "driver 1.2",
            "vendor_id": 0x10DE, "device_id": 0x2330,
        }  # fmt: skip
        self.limits = {
            "max-storage-buffer-binding-size": 1 << 30,
            "max-buffer-size": 1 << 29,
            "max-texture-dimension-2d": 8192,
        }
        self.features = {"timestamp-query", "shader-f16"}
        self.error = error
        self.asked: dict[str, Any] = {}

    def request_device_sync(self, **asked: Any) -> Any:
        self.asked = asked
        if self.error is not None:
            raise self.error
        return fake_gpu()[1]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[FakeAdapter]:
    """A machine with adapters of our choice, and no device yet."""
    found: list[FakeAdapter] = []
    gpu_device._wgpu()  # loading it puts the native backend in place of what is replaced below
    monkeypatch.setattr(gpu_device, "_shared", None)
    monkeypatch.setattr(gpu_device, "_adapters", None)
    monkeypatch.setattr(wgpu.gpu, "enumerate_adapters_sync", lambda: list(found), raising=False)
    return found


# --- which adapter ----------------------------------------------------------------------------------------------------


def test_the_fastest_kind_comes_first(machine: list[FakeAdapter]) -> None:
    machine += [
        FakeAdapter("llvmpipe", "CPU"),
        FakeAdapter("Virtio-GPU Venus", "Unknown"),
        FakeAdapter("UHD", "IntegratedGPU"),
        FakeAdapter("mystery", "Unknown"),
        FakeAdapter("H100", "DiscreteGPU"),
        FakeAdapter("H100 in OpenGL", "DiscreteGPU", backend="OpenGL"),
    ]
    assert [(a.name, a.kind) for a in adapters()] == [
        ("H100", "discrete"), ("UHD", "integrated"), ("Virtio-GPU Venus", "virtual"), ("mystery", "unknown"),
        ("llvmpipe", "software"),
    ]  # fmt: skip
    best = adapters()[0]
    assert (best.max_buffer_bytes, best.max_texture_side) == (1 << 29, 8192)
    assert best.key == "Vulkan 10de:2330 H100 driver 1.2"


def test_one_device_for_all(machine: list[FakeAdapter]) -> None:
    machine += [FakeAdapter("llvmpipe", "CPU"), FakeAdapter("H100", "DiscreteGPU")]
    first = shared()
    assert shared() is first
    assert shared(allow_software=True) is first
    assert first.info.name == "H100"
    asked = machine[1].asked
    assert asked["required_limits"] == machine[1].limits  # everything it can, not WebGPU's minimum
    assert asked["required_features"] == ["timestamp-query"]
    release()
    release()
    second = shared()
    assert second is not first
    assert first.device.calls == ["destroy"]


def test_its_poll_thread_is_stopped(machine: list[FakeAdapter]) -> None:
    gpu, device = fake_gpu()
    assert device.first_poller.stopped
    assert gpu.device._poller is not device.first_poller


def test_the_next_best_is_taken_if_one_cannot_be_opened(machine: list[FakeAdapter]) -> None:
    machine += [
        FakeAdapter("H100", "DiscreteGPU", error=RuntimeError("no more channels")),
        FakeAdapter("UHD", "IntegratedGPU"),
    ]
    assert shared().info.name == "UHD"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "This machine has no GPU adapter for Vulkan, Metal or D3D12."),
        ([FakeAdapter("GL only", "DiscreteGPU", backend="OpenGL")], "This machine has no GPU adapter"),
        ([FakeAdapter("llvmpipe", "CPU")], "The only GPU adapter here is a software one (llvmpipe), which is slower"),
        (
            [
                FakeAdapter("H100", "DiscreteGPU", error=RuntimeError("no more channels")),
                FakeAdapter("llvmpipe", "CPU"),
            ],
            "H100 cannot be opened (no more channels). llvmpipe is a software adapter.",
        ),
    ],
)
def test_why_there_is_none(machine: list[FakeAdapter], found: list[FakeAdapter], says: str) -> None:
    machine += found
    with pytest.raises(GpuUnavailable) as caught:
        shared()
    assert says in caught.value.reason
    assert caught.value.reason.endswith(".")


def test_a_shared_software_device_is_not_given_to_who_wants_a_real_one(machine: list[FakeAdapter]) -> None:
    machine += [FakeAdapter("llvmpipe", "CPU")]
    assert shared(allow_software=True).info.kind == "software"
    with pytest.raises(GpuUnavailable, match="software one"):
        shared()


def test_drivers_that_fail_are_a_reason(machine: list[FakeAdapter], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Any]:
        raise RuntimeError("ICD not found")

    monkeypatch.setattr(wgpu.gpu, "enumerate_adapters_sync", broken, raising=False)
    with pytest.raises(GpuUnavailable, match="ICD not found"):
        adapters()


def test_without_wgpu_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_device, "_module", None)
    monkeypatch.setattr(gpu_device, "_adapters", None)
    monkeypatch.setitem(sys.modules, "wgpu", None)
    with pytest.raises(GpuUnavailable, match="wgpu cannot be loaded here"):
        adapters()


# --- errors -----------------------------------------------------------------------------------------------------------


def test_the_tree_of_errors() -> None:
    """As the docstring of the module draws it: each with a stable code, all of them let the CPU go on."""
    leaves = [GpuUnavailable, GpuLost, GpuOutOfMemory, GpuTimeout, GpuMapFailed, GpuWrong]
    drawn = gpu_errors.__doc__ or ""
    assert issubclass(GpuError, ExportError)
    for leaf in leaves:
        assert issubclass(leaf, GpuError)
        assert leaf.falls_back
        assert f"{leaf.__name__} " in drawn
        assert f" {leaf.code} " in drawn
    assert len({leaf.code for leaf in leaves}) == len(leaves)


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (wgpu.GPUOutOfMemoryError("Out of Memory"), GpuOutOfMemory),
        (wgpu.GPUInternalError("Not enough memory left."), GpuOutOfMemory),
        (wgpu.GPUValidationError("Validation Error\n\nCaused by:\n  Buffer is too small"), GpuWrong),
        (wgpu.GPUValidationError("In wgpuQueueSubmit\n  Parent device is lost"), GpuLost),
        (wgpu.GPUInternalError("shader compiler crashed"), GpuWrong),
        (MemoryError("no pages"), GpuOutOfMemory),
    ],
)
def test_what_wgpu_raises_becomes_ours(raised: Exception, becomes: type[GpuError]) -> None:
    gpu, _ = fake_gpu()
    with pytest.raises(becomes, match="while uploading a picture") as caught, gpu.errors("uploading a picture"):
        raise raised
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert (gpu.lost is not None) == (becomes is GpuLost)


def test_mistakes_of_our_own_are_not_hidden() -> None:
    gpu, _ = fake_gpu()
    with pytest.raises(KeyError), gpu.errors("uploading a picture"):
        raise KeyError("oops")


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_a_wait_ends_at_its_deadline() -> None:
    gpu, device = fake_gpu(keep_after=None)
    start = time.monotonic()
    with pytest.raises(GpuTimeout, match="while reading") as caught:
        gpu.wait(lambda: False, 0.05, "reading")
    assert 0.05 <= caught.value.waited_s <= time.monotonic() - start
    assert device.polls > 2


def test_a_wait_of_nothing_looks_once() -> None:
    gpu, _ = fake_gpu()
    assert gpu.wait(lambda: "there", 0.0, "looking") == "there"
    with pytest.raises(GpuTimeout):
        gpu.wait(lambda: None, 0.0, "looking")


def lose(device: Any, message: str = "Parent device is lost") -> None:
    """What wgpu-py does when a driver takes the device away: it writes to its log; calls are refused from then on."""
    device.loss = wgpu.GPUValidationError(message)
    logging.getLogger("wgpu").error("The WGPU device was lost (unknown):\nthe driver was reset")


def test_loss_ends_a_wait_long_before_its_deadline() -> None:
    gpu, device = fake_gpu(keep_after=None)
    polls = 0

    def predicate() -> bool:
        nonlocal polls
        polls += 1
        if polls == 3:
            lose(device)
        return False

    with pytest.raises(GpuLost, match="the driver was reset"):
        gpu.wait(predicate, 30.0, "reading")
    assert polls == 3
    assert gpu.lost is not None
    with pytest.raises(GpuLost):
        gpu.check("drawing")


def test_the_loss_of_another_device_is_not_ours() -> None:
    """The log does not say whose loss it tells."""
    gpu, _ = fake_gpu()
    other, device = fake_gpu()
    lose(device)
    assert other.lost is not None
    assert gpu.lost is None


def test_a_lost_device_is_replaced(machine: list[FakeAdapter]) -> None:
    machine += [FakeAdapter("H100", "DiscreteGPU")]
    first = shared()
    lose(first.device)
    assert first.lost is not None
    second = shared()
    assert second is not first
    assert second.lost is None


# --- on an adapter ----------------------------------------------------------------------------------------------------


@pytest.fixture
def own() -> Any:
    """A device that a test may break."""
    gpu = opened(allow_software=True)
    yield gpu
    gpu.close()


@pytest.mark.gpu
def test_buffers_and_textures_are_counted(own: Gpu) -> None:
    gc.collect()  # what other tests have left lying about is not to go meanwhile
    before = native_counts()
    things = [own.buffer(6, "STORAGE|COPY_DST", "testing"), own.texture(8, 4, "r8unorm", "TEXTURE_BINDING", "testing")]
    assert things[0].size == 8
    assert own.live == {"buffer": 1, "texture": 1}
    assert native_counts()["buffers"] == before["buffers"] + 1
    assert native_counts()["textures"] == before["textures"] + 1
    for thing in things:
        own.drop(thing)
    assert own.live == {"buffer": 0, "texture": 0}
    del thing
    things.clear()
    after = native_counts()
    assert (after["buffers"], after["textures"]) == (before["buffers"], before["textures"])


@pytest.mark.gpu
def test_no_thread_is_left_polling(own: Gpu) -> None:
    assert not [t for t in threading.enumerate() if "Poll" in type(t).__name__ and t.is_alive()]
    buffer = own.buffer(64, "MAP_READ|COPY_DST", "testing")
    promise = buffer.map_async("READ_NOSYNC", 0, 64)
    own.wait(promise, 10.0, "mapping")
    assert bytes(buffer.read_mapped(0, 64)) == bytes(64)
    own.drop(buffer)


@pytest.mark.gpu
def test_a_wrong_shader_is_a_sentence(own: Gpu) -> None:
    with pytest.raises(GpuWrong, match="while compiling") as caught, own.errors("compiling"):
        own.device.create_shader_module(code="fn main( {")
    assert "expected identifier" in str(caught.value)


@pytest.mark.gpu
def test_after_a_real_loss_everything_says_so(own: Gpu) -> None:
    buffer = own.buffer(64, "MAP_READ|COPY_DST", "testing")
    own.device.destroy()
    with pytest.raises(GpuLost):
        own.buffer(64, "STORAGE", "drawing")
    with pytest.raises(GpuLost), own.errors("mapping"):
        buffer.map_async("READ_NOSYNC", 0, 64)
    with pytest.raises(GpuLost):
        own.submit(own.device.create_command_encoder(), "drawing")
    assert own.lost is not None
    own.drop(buffer)  # giving back is always allowed


@pytest.mark.gpu
@pytest.mark.skipif(sys.platform != "linux", reason="a limit of address space is Linux's")
def test_memory_that_really_runs_out() -> None:
    """In a child whose address space ends a little above what it has: the driver's own allocation fails."""
    script = textwrap.dedent("""
        import resource
        from reelpress.compose.gpu.device import GpuOutOfMemory, opened
        gpu = opened(allow_software=True)
        if gpu.info.kind != "software":
            print("a real adapter has memory of its own"); raise SystemExit
        pages = int(open("/proc/self/statm").read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (600 << 20),) * 2)
        kept = []
        try:
            for _ in range(20):
                kept.append(gpu.buffer(100 << 20, "STORAGE|COPY_DST", "making room"))
        except GpuOutOfMemory as error:
            print("out of memory:", error)
        for buffer in kept:
            gpu.drop(buffer)
        gpu.buffer(1 << 20, "STORAGE", "going on")
        print("goes on", gpu.lost)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    if "a real adapter" in done.stdout:
        pytest.skip("the adapter is not a software one")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "out of memory: The GPU ran out of memory while making room" in done.stdout
    assert "goes on None" in done.stdout
