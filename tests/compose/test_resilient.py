"""A GPU that fails costs no frame: those on its way and all after them are drawn by the CPU, in order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reelpress.compose.ahead import InStep, ahead_of
from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.compose.gpu.errors import GpuError, GpuLost, GpuMapFailed, GpuOutOfMemory, GpuTimeout, GpuWrong
from reelpress.compose.resilient import Resilient
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.scene.plan.frame import FramePlan

SIZE = (16, 16)
WHOLE = (IntRect(0, 0, *SIZE),)
FAULTS = [
    GpuLost("drawing", "the driver was reset"),
    GpuOutOfMemory("uploading", "64 MB"),
    GpuMapFailed("reading", "the buffer is gone"),
    GpuTimeout("waiting", 4.0),
    GpuWrong("drawing", "a shader was refused"),
]


def picture(number: int, pixel_format: str) -> Planes:
    planes = allocate(*SIZE, pixel_format)
    planes.planes[0][...] = number
    return planes


class Plain:
    """Draws a frame's number, as the sure compositor."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, bool]] = []
        self.closed = 0

    name = "planar"
    capabilities = CompositorCapabilities(("yuv420p",), ("yuv420p",))

    def compose(self, plan: Any, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        assert sources == {"display:0": plan}
        self.calls.append((plan, previous is None))
        return Composed(picture(plan, "yuv420p"), WHOLE)

    def close(self) -> None:
        self.closed += 1


class Swift:
    """Draws a frame's number three frames later; fails where it is told to."""

    name = "gpu"
    capabilities = CompositorCapabilities(("yuv420p",), ("nv12",))
    depth = 3

    def __init__(self, fails_at: int | None = None, when: str = "finish", fault: GpuError = FAULTS[0]) -> None:
        self.begun: deque[int] = deque()
        self.fails_at, self.when, self.fault = fails_at, when, fault
        self.closed = 0
        self.fresh: list[int] = []

    @property
    def in_flight(self) -> int:
        return len(self.begun)

    def begin(self, plan: Any, sources: Mapping[str, Planes], previous: Composed | None) -> None:
        if self.when == "begin" and plan == self.fails_at:
            raise self.fault
        if previous is None:
            self.fresh.append(plan)
        self.begun.append(plan)

    def finish(self, deadline_s: float) -> Composed:
        if self.when == "finish" and self.begun[0] == self.fails_at:
            raise self.fault
        return Composed(picture(self.begun.popleft(), "nv12"), WHOLE)

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        raise AssertionError("it is driven by begin and finish")

    def close(self) -> None:
        self.closed += 1
        if self.when == "finish" and self.fails_at is not None:
            raise GpuLost("closing", "gone")


def driven(compositor: Any, count: int) -> list[Composed]:
    """All frames, as the compose stage drives a compositor."""
    ahead = ahead_of(compositor)
    out: list[Composed] = []
    for number in range(count):
        sources: Any = {"display:0": number}
        ahead.begin(number, sources, out[-1] if out else None)  # type: ignore[arg-type]
        sources.clear()  # the stage changes its own
        while ahead.in_flight >= ahead.depth:
            out.append(ahead.finish(4.0))
    while ahead.in_flight:
        out.append(ahead.finish(4.0))
    return out


def numbers(frames: list[Composed]) -> list[int]:
    return [int(np.unique(frame.planes.planes[0])[0]) for frame in frames]


def test_without_a_fault_everything_is_the_swift_ones() -> None:
    swift = Swift()
    both = Resilient(swift, Plain)
    frames = driven(both, 9)
    assert numbers(frames) == list(range(9))
    assert {frame.planes.format for frame in frames} == {"nv12"}
    assert (both.lost, both.name, both.depth) == (None, "gpu", 3)
    assert swift.fresh == [0], "only the first one is drawn without what was before it"
    both.close()
    both.close()
    assert swift.closed >= 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("when", ["begin", "finish"])
@pytest.mark.parametrize("at", [0, 1, 2, 5, 8])
def test_no_frame_is_lost_or_drawn_twice(at: int, when: str, fault: GpuError) -> None:
    sure = Plain()
    both = Resilient(Swift(at, when, fault), lambda: sure)
    frames = driven(both, 9)
    assert numbers(frames) == list(range(9))
    assert both.lost == str(fault)
    assert both.name == "planar"
    assert both.lost_at is not None
    assert both.lost_at <= at, "frames on the way go with the one that failed"
    assert [frame.planes.format for frame in frames] == ["nv12"] * both.lost_at + ["yuv420p"] * (9 - both.lost_at)
    assert sure.calls[0] == (both.lost_at, True), "its first frame is drawn whole: the other's picture is not its own"
    assert [number for number, _ in sure.calls] == list(range(both.lost_at, 9))
    assert not any(whole for _, whole in sure.calls[1:])
    both.close()
    assert sure.closed == 1


def test_one_frame_at_a_time_works_too() -> None:
    both = Resilient(Swift(2), Plain)
    frames: list[Composed] = []
    for number in range(5):
        sources: Any = {"display:0": number}
        frames.append(both.compose(number, sources, frames[-1] if frames else None))  # type: ignore[arg-type]
    assert numbers(frames) == list(range(5))
    assert both.lost_at == 2


def test_other_errors_are_nobodys_fallback() -> None:
    class Broken(Swift):
        def finish(self, deadline_s: float) -> Composed:
            raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        driven(Resilient(Broken(), Plain), 4)


def test_a_plain_compositor_is_driven_in_step() -> None:
    plain = Plain()
    assert isinstance(ahead_of(plain), InStep)
    assert numbers(driven(plain, 4)) == [0, 1, 2, 3]
    assert plain.calls == [(0, True), (1, False), (2, False), (3, False)]
