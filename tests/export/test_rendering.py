"""``--renderer``: the GPU is taken where two frames say right and faster, and an export survives its loss."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.compose.gpu.errors import GpuUnavailable
from reelpress.compose.planar import PlanarCompositor
from reelpress.export.job import Job
from reelpress.export.prepare import prepare
from reelpress.export.rendering import GAIN, Renderer, choose_renderer, gpu_possible, output_of
from reelpress.export.settings import ExportSettings
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reelpress.scene.plan.frame import FramePlan

SMALL = ExportSettings(resolution="160x90", renderer="cpu")


class Played:
    """A CPU that plays the GPU: NV12, three frames at once, and its time is what the clock is told."""

    name = "gpu"
    depth = 3

    def __init__(
        self,
        now: list[float],
        took: float,
        spoil: Callable[[int, Planes], None] = lambda number, planes: None,
        leaves_out: tuple[str, ...] = (),
    ) -> None:
        self.now, self.took, self.spoil = now, took, spoil
        self.inner = PlanarCompositor()
        self.capabilities = CompositorCapabilities(("yuv420p", "nv12"), ("nv12",), leaves_out)
        self.drawn = 0
        self.closed = False

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        composed = self.inner.compose(plan, sources, None)
        planes = interleaved(composed.planes)
        self.spoil(self.drawn, planes)
        self.drawn += 1
        self.now[0] += self.took
        return Composed(planes, composed.damage)

    @property
    def in_flight(self) -> int:
        return 0

    def begin(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> None:
        raise AssertionError("a probe draws one at a time")

    def finish(self, deadline_s: float) -> Composed:
        raise AssertionError("a probe draws one at a time")

    def close(self) -> None:
        self.closed = True
        self.inner.close()


def interleaved(planes: Planes) -> Planes:
    out = allocate(planes.width, planes.height, "nv12", planes.color)
    out.planes[0][...] = planes.planes[0]
    pairs = out.planes[1].reshape(planes.height // 2, -1, 2)
    pairs[..., 0], pairs[..., 1] = planes.planes[1], planes.planes[2]
    return out


@pytest.fixture
def job(tiny_cap: Path) -> Iterator[Job]:
    with prepare(tiny_cap, None, SMALL) as made:
        yield made


def chosen(job: Job, wanted: str = "gpu", *, took: float = 0.001, cpu: float = 0.010, **played: Any) -> Renderer:
    """With a GPU that takes ``took`` seconds a frame beside a CPU of ``cpu`` seconds."""
    now = [0.0]
    made: list[Played] = []

    def opened(output: str) -> Any:
        made.append(Played(now, took, **played))
        return made[0]

    readings = iter(range(1 << 20))

    def clock() -> float:
        # Four readings a frame: around the GPU, which moves the time itself, and around the CPU.
        if next(readings) % 4 == 3:
            now[0] += cpu
        return now[0]

    settings = ExportSettings(resolution="160x90", renderer=wanted)  # type: ignore[arg-type]
    found = choose_renderer(
        job.director, job.recording, settings, threads=1, opened=opened, possible=lambda: None, clock=clock
    )
    assert all(each.closed for each in made)
    return found


def test_a_gpu_that_is_right_is_taken_when_asked_for(job: Job) -> None:
    found = chosen(job)
    assert (found.name, found.output, found.fallback) == ("gpu", "nv12", None)
    assert "10.0 times as fast" in found.choice.reason
    assert chosen(job, took=0.1).name == "gpu", "slow, but asked for by name"


def off_by(amount: int, plane: int, share: float = 1.0) -> Callable[[int, Planes], None]:
    def spoil(number: int, planes: Planes) -> None:
        rows = max(1, int(planes.planes[plane].shape[0] * share))
        part = planes.planes[plane][:rows]
        part[...] = np.clip(part.astype(int) + amount, 0, 255)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (off_by(3, 0), "Y is 3.0 of 255 off on average"),
        (off_by(4, 1), "Cb is 4.0 of 255 off on average"),
        (off_by(40, 0, 0.02), "of Y is more than 8 of 255 off"),
        (lambda number, planes: off_by(90, 0)(0, planes) if number == 1 else None, "drawing frame 1 of the probe"),
    ],
)
def test_wrong_pixels_are_found(job: Job, spoil: Callable[[int, Planes], None], words: str) -> None:
    found = chosen(job, spoil=spoil)
    assert found.name == "planar"
    assert found.fallback is not None
    assert words in found.fallback.reason
    assert (found.fallback.wanted, found.fallback.used) == ("gpu", "planar")


def test_what_it_does_not_draw_is_a_reason(job: Job) -> None:
    found = chosen(job, leaves_out=("warp",))
    assert found.fallback is not None
    assert "it leaves out warp" in found.fallback.reason


def test_auto_wants_a_long_export_and_a_gain(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    short = chosen(job, "auto")
    assert (short.name, short.fallback) == ("planar", None)
    assert "drawn sooner" in dict(short.choice.rejected)["gpu"]
    monkeypatch.setattr(sys.modules["reelpress.export.rendering"], "SHORTEST", 1)
    assert chosen(job, "auto").name == "gpu"
    slow = chosen(job, "auto", took=0.010 / GAIN * 1.01)
    assert (slow.name, slow.fallback) == ("planar", None)
    assert "times the CPU's time" in dict(slow.choice.rejected)["gpu"]


def test_no_gpu_is_a_reason_and_a_fallback_only_where_one_was_asked_for(job: Job) -> None:
    def none(output: str) -> Any:
        raise GpuUnavailable("There is no GPU here.")

    def at(wanted: str, possible: str | None) -> Renderer:
        settings = ExportSettings(resolution="160x90", renderer=wanted)  # type: ignore[arg-type]
        return choose_renderer(job.director, job.recording, settings, threads=1, opened=none, possible=lambda: possible)

    asked = at("gpu", None)
    assert asked.fallback is not None
    assert asked.fallback.reason == "There is no GPU here"
    auto = at("auto", "there is no device file")
    assert (auto.fallback, auto.choice.rejected) == (None, (("gpu", "there is no device file"),))
    assert at("cpu", None).choice.rejected == ()


def test_device_files_tell_whether_asking_is_worth_while(tmp_path: Path) -> None:
    assert gpu_possible("linux", tmp_path) is not None
    assert gpu_possible("darwin", tmp_path) is None
    (tmp_path / "dev/dri").mkdir(parents=True)
    (tmp_path / "dev/dri/renderD128").touch()
    assert gpu_possible("linux", tmp_path) is None


@pytest.mark.parametrize(
    ("options", "system", "output"),
    [
        ({}, "linux", "nv12"),
        ({"converter": "gpu"}, "darwin", "nv12"),
        ({"gpu_format_conversion": False}, "linux", "rgba"),
        ({"gpu_format_conversion": False}, "darwin", "bgra"),
        ({"converter": "swscale"}, "linux", "rgba"),
        ({"converter": "videotoolbox"}, "darwin", "bgra"),
    ],
)
def test_what_is_read_back_goes_by_who_converts(options: dict[str, Any], system: str, output: str) -> None:
    assert output_of(ExportSettings(**options), system) == output
