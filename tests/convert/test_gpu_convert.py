"""The GPU converter beyond its pixels: every byte written once, nothing leaked, nothing waited for, faults."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from reelpress.color import BT709_LIMITED, SRGB, ColorSpec, Matrix, Range
from reelpress.compose.gpu.device import (
    Gpu,
    GpuLost,
    GpuMapFailed,
    GpuOutOfMemory,
    GpuTimeout,
    GpuUnavailable,
    native_counts,
    opened,
)
from reelpress.compose.gpu.ring import RingFull
from reelpress.convert import gpu as gpu_module
from reelpress.convert.base import chroma_rows
from reelpress.convert.gpu import GpuConverter, shader
from reelpress.media.planes import Planes

pytestmark = pytest.mark.gpu

WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 33, 62, 1918]


@pytest.fixture
def own() -> Any:
    """A device that a test may break."""
    gpu = opened(allow_software=True)
    yield gpu
    gpu.close()


def rgba(width: int, height: int, seed: int = 0) -> Planes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, 4 * width), np.uint8)
    return Planes("rgba", width, height, (pixels,), SRGB)


def read_raw(gpu: Gpu, buffer: Any, size: int) -> np.ndarray:
    """A buffer's bytes, by another way than the ring's."""
    staging = gpu.device.create_buffer(size=size, usage="MAP_READ|COPY_DST")
    encoder = gpu.device.create_command_encoder()
    encoder.copy_buffer_to_buffer(buffer, 0, staging, 0, size)
    gpu.device.queue.submit([encoder.finish()])
    gpu.wait(staging.map_async("READ_NOSYNC", 0, size), 10.0, "testing")
    content = np.frombuffer(staging.read_mapped(0, size), np.uint8).copy()
    staging.unmap()
    staging.destroy()
    return content


def counting_store() -> str:
    """Counts writes of each word instead of making them."""
    return (
        "@group(0) @binding(2) var<storage, read_write> result: array<atomic<u32>>;\n"
        "fn put(at: u32, value: u32) { atomicAdd(&result[at], 1u + (value & 0u)); }\n"
    )


@pytest.mark.parametrize("target", ["nv12", "bgra"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_byte_is_written_exactly_once(own: Gpu, width: int, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two poisons, and a shader that counts: whatever the width, no word is left out, none has two writers."""
    heights = (1, 2, 7) if width < 1000 else (5,)
    plain = shader("to_nv12" if target == "nv12" else "to_rgb")
    counting = plain.replace((Path(gpu_module.__file__).parent / "store.wgsl").read_text(), counting_store())
    assert counting != plain
    for height in heights:
        words = -(-width // 4) * (height + chroma_rows(height)) if target == "nv12" else width * height
        size = 4 * words
        color = BT709_LIMITED if target == "nv12" else SRGB
        contents = []
        converter = GpuConverter(own)
        converter.convert(rgba(width, height), target, color)  # makes the buffers
        assert converter._result.size == size
        for poison in (0x00, 0xFF):
            own.queue.write_buffer(converter._result, 0, np.full(size, poison, np.uint8))
            converter.convert(rgba(width, height), target, color)
            contents.append(read_raw(own, converter._result, size))
        assert (contents[0] == contents[1]).all()
        converter.close()
        with monkeypatch.context() as patch:
            patch.setattr(gpu_module, "shader", lambda name: counting)
            counted = GpuConverter(own)
            counted.convert(rgba(width, height), target, color)
            own.queue.write_buffer(counted._result, 0, np.zeros(size, np.uint8))
            counted.convert(rgba(width, height), target, color)
            assert (read_raw(own, counted._result, size).view("<u4") == 1).all()
            counted.close()


def test_padding_of_the_result_repeats_the_edge(own: Gpu) -> None:
    converter = GpuConverter(own)
    converter.convert(rgba(5, 3), "nv12", BT709_LIMITED)
    content = read_raw(own, converter._result, 8 * 3 + 8 * 2)
    luma, chroma = content[:24].reshape(3, 8), content[24:].reshape(2, 4, 2)
    assert (luma[:, 5:] == luma[:, 4:5]).all()
    # Chroma column 2 covers pixels 3, 4 and the repeated 4; column 3 only repeated ones.
    alone = rgba(5, 3).planes[0].reshape(3, 5, 4)[:, 4:]
    flat = Planes("rgba", 1, 3, (np.ascontiguousarray(alone).reshape(3, 4),), SRGB)
    edge = converter.convert(flat, "nv12", BT709_LIMITED).planes[1]
    assert (chroma[:, 3] == edge).all()
    converter.close()


def test_a_thousand_conversions_leak_nothing(own: Gpu) -> None:
    """Kinds, sizes and directions change all the time; some pictures are given up half-way."""
    converter = GpuConverter(own)
    process = psutil.Process()
    yuv = ColorSpec(Matrix.BT601, Range.LIMITED)
    random = np.random.default_rng(3)
    sizes = [(64, 48), (62, 34), (33, 17), (128, 96)]

    def one(number: int) -> None:
        width, height = sizes[number % len(sizes)]
        if number % 2:
            converter.convert(rgba(width, height, number), "nv12", BT709_LIMITED)
            return
        packed = random.integers(0, 256, (height, 4 * -(-width // 2)), np.uint8)
        pending = converter.start(Planes("yuyv422", width, height, (packed,), yuv), "bgra", SRGB)
        if number % 50 == 0:
            pending.ticket.release()
        else:
            converter.finish(pending)

    def settled() -> dict[str, int]:
        """Counts when everything is given back that can be: the collector has been, the GPU has done its work."""
        gc.collect()
        read_raw(own, converter._result, 64)  # comes back after everything before it
        own.poll()
        counts = native_counts()
        return {
            kind: counts[kind] for kind in ("buffers", "textures", "bindGroups", "computePipelines", "shaderModules")
        }

    for number in range(200):
        one(number)
    before, live, memory = settled(), own.live, process.memory_info().rss
    for number in range(1000):
        one(number)
    assert settled() == before
    assert own.live == live
    grown = process.memory_info().rss - memory
    # A leak of one buffer a picture would be 1000 * 12 KB or more; the drivers' own pools move by a few MB.
    assert grown < 8 << 20, f"{grown} bytes in 1000 conversions"
    converter.close()
    assert own.live == {"buffer": 0, "texture": 0}


def test_three_pictures_on_the_way(own: Gpu) -> None:
    converter = GpuConverter(own)
    sources = [rgba(64, 48, seed) for seed in range(8)]
    alone = [converter.convert(s, "nv12", BT709_LIMITED) for s in sources]
    pending = [converter.start(s, "nv12", BT709_LIMITED) for s in sources[:3]]
    with pytest.raises(RingFull):
        converter.start(sources[3], "nv12", BT709_LIMITED)
    done = []
    for source in sources[3:]:
        done.append(converter.finish(pending.pop(0)))
        pending.append(converter.start(source, "nv12", BT709_LIMITED))
    done += [converter.finish(p) for p in pending]
    for a, b in zip(alone, done, strict=True):
        assert all((x == y).all() for x, y in zip(a.planes, b.planes, strict=True))
    converter.close()


def test_the_source_may_change_as_soon_as_it_was_uploaded(own: Gpu) -> None:
    converter = GpuConverter(own)
    source = rgba(64, 48)
    wanted = converter.convert(source, "nv12", BT709_LIMITED)
    pending = converter.start(source, "nv12", BT709_LIMITED)
    source.planes[0][:] = 0
    got = converter.finish(pending)
    assert all((x == y).all() for x, y in zip(wanted.planes, got.planes, strict=True))
    converter.close()


def test_growing_while_pictures_are_on_the_way(own: Gpu) -> None:
    converter = GpuConverter(own)
    small, large = rgba(16, 8), rgba(256, 128)
    wanted = [converter.convert(p, "nv12", BT709_LIMITED) for p in (small,)]
    pending = [converter.start(small, "nv12", BT709_LIMITED), converter.start(large, "nv12", BT709_LIMITED)]
    got = [converter.finish(p) for p in pending]
    assert (got[0].planes[0] == wanted[0].planes[0]).all()
    assert (got[1].width, got[1].height) == (256, 128)
    assert own.live["buffer"] == 2 + 2 + 3  # parameters of two jobs, source, result, one ring
    converter.close()


def test_bytes_are_counted(own: Gpu) -> None:
    converter = GpuConverter(own)
    converter.convert(rgba(1920, 4), "nv12", BT709_LIMITED)
    assert (converter.bytes_uploaded, converter.bytes_read) == (1920 * 4 * 4, 1920 * 6)
    converter.close()


# --- faults -----------------------------------------------------------------------------------------------------------


def test_without_an_adapter_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: Any) -> Gpu:
        raise GpuUnavailable("This machine has no GPU adapter for Vulkan, Metal or D3D12.")

    monkeypatch.setattr(gpu_module, "shared", none)
    converter = GpuConverter()
    assert converter.why_not("rgba", "nv12", 64, 48) == "This machine has no GPU adapter for Vulkan, Metal or D3D12."
    with pytest.raises(GpuUnavailable):
        converter.convert(rgba(64, 48), "nv12", BT709_LIMITED)
    converter.close()


def test_after_a_loss_it_refuses(own: Gpu) -> None:
    converter = GpuConverter(own)
    converter.convert(rgba(64, 48), "nv12", BT709_LIMITED)
    own.device.destroy()
    with pytest.raises(GpuLost):
        converter.convert(rgba(64, 48), "nv12", BT709_LIMITED)
    with pytest.raises(GpuLost):
        converter.convert(rgba(64, 48), "nv12", BT709_LIMITED)
    assert "lost" in (converter.why_not("rgba", "nv12", 64, 48) or "")
    converter.close()
    assert own.live == {"buffer": 0, "texture": 0}


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("buffer", GpuOutOfMemory("making room", "no room")),
        ("submit", GpuOutOfMemory("converting", "no room")),
        ("map", GpuMapFailed("reading", "driver")),
        ("wait", GpuTimeout("reading", 5.0)),
    ],
)
def test_a_fault_costs_one_picture(own: Gpu, operation: str, error: Exception) -> None:
    converter = GpuConverter(own)
    wanted = converter.convert(rgba(64, 48), "nv12", BT709_LIMITED)
    armed = True

    def hook(happens: str, doing: str) -> None:
        nonlocal armed
        if armed and happens == operation:
            armed = False
            raise error

    own.hook = hook
    with pytest.raises(type(error)):
        converter.convert(rgba(128, 48), "nv12", BT709_LIMITED)  # larger: needs new buffers
    assert not armed
    for _ in range(4):
        got = converter.convert(rgba(64, 48), "nv12", BT709_LIMITED)
        assert all((x == y).all() for x, y in zip(wanted.planes, got.planes, strict=True))
    converter.close()
    assert own.live == {"buffer": 0, "texture": 0}


def test_pictures_larger_than_a_shader_may_see(own: Gpu) -> None:
    converter = GpuConverter(own)
    side = 16384
    if own.info.max_buffer_bytes >= 4 * side * side:
        pytest.skip("this adapter takes them all")
    reason = converter.why_not("rgba", "nv12", side, side)
    assert reason is not None
    assert str(own.info.max_buffer_bytes) in reason
    converter.close()
