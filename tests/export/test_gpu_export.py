"""Whole exports with ``--renderer gpu``: the CPU's pictures, no conversion, and a GPU that fails costs no frame.

On a software adapter where there is no other, so everything is tiny. Faults are put in through ``Gpu.hook``, at the
n-th call of one kind in the export's own compose thread: the probe before it is left alone.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import reelpress
from make_tiny_cap import make_tiny_cap
from reelpress import flags
from reelpress.cli.app import run as command
from reelpress.compose.gpu import device as gpu_device
from reelpress.compose.gpu import ring as gpu_ring
from reelpress.compose.gpu.compositor import GpuCompositor
from reelpress.compose.gpu.device import Gpu
from reelpress.compose.gpu.errors import GpuError, GpuLost, GpuMapFailed, GpuOutOfMemory, GpuTimeout, GpuUnavailable
from reelpress.encode import open as opening
from reelpress.encode.base import UNKNOWN, Change
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.errors import Cancelled, StrictFallbackError
from reelpress.events import Event, FallbackEvent, ProgressEvent
from reelpress.export.hooks import Hooks
from reelpress.export.prepare import prepare
from reelpress.export.report import ExportReport
from reelpress.export.run import run
from reelpress.export.settings import ExportSettings
from reelpress.media.planes import Planes
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.stage import THREAD_PREFIX

pytestmark = pytest.mark.gpu

WIDTH, HEIGHT = 96, 54
FRAMES = 24
TINY = ExportSettings(
    resolution=f"{WIDTH}x{HEIGHT}", fps=Fraction(30), end=Fraction(FRAMES, 30), no_audio=True, decoder="software",
    encoder_preset="ultrafast", unchanged="encode", overwrite=True,
)  # fmt: skip
GPU, CPU = replace(TINY, renderer="gpu"), replace(TINY, renderer="cpu")

LUMA_MEAN, CHROMA_MEAN, FAR, FAR_SHARE = 0.6, 0.8, 4, 0.001
"""Of the contract between a compositor and the reference (design 4), here between two compositors: stricter."""

Picture = list[np.ndarray[Any, np.dtype[np.uint8]]]


@pytest.fixture(autouse=True)
def from_nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings from outside, and no saboteur left on the process's device."""
    monkeypatch.setattr(flags, "config_files", lambda folder: [])
    for name in [name for name in os.environ if name.startswith("REELPRESS_")]:
        monkeypatch.delenv(name)
    yield
    device().hook = None


def device() -> Gpu:
    return gpu_device.shared(allow_software=True)


def split(planes: Planes) -> Picture:
    """A copy of a picture's Y, Cb and Cr."""
    if planes.format == "nv12":
        pairs = planes.planes[1].reshape(planes.height // 2, -1, 2)
        return [planes.planes[0].copy(), pairs[..., 0].copy(), pairs[..., 1].copy()]
    assert planes.format == "yuv420p"
    return [plane.copy() for plane in planes.planes]


class Watching:
    """The encoder of an export, with a copy of all that it is given."""

    def __init__(self, inner: Any, seen: Seen) -> None:
        self.inner, self.seen = inner, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Any]:
        self.seen.numbers.append(pts)
        self.seen.formats.append(planes.format)
        self.seen.same.append(planes is self.seen.last)
        self.seen.pictures.append([] if planes.format == "rgba" else split(planes))
        self.seen.last = planes
        made: Sequence[Any] = self.inner.encode(planes, pts, change)
        return made


@dataclass
class Seen(Hooks):
    """What an export's encode stage got."""

    numbers: list[int] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    same: list[bool] = field(default_factory=list)
    """Whether it was the same object as the one before."""
    last: Planes | None = None

    def encoder(self, encoder: Any) -> Any:
        return Watching(encoder, self)


def exported(
    source: Path, target: Path, settings: ExportSettings, on_event: Callable[[Event], None] | None = None
) -> tuple[ExportReport, Seen]:
    seen = Seen()
    with prepare(source, target, settings) as job:
        return run(job, hooks=seen, on_event=on_event), seen


@pytest.fixture(scope="module")
def planar(tiny_cap: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    """What the CPU draws."""
    _, seen = exported(tiny_cap, tmp_path_factory.mktemp("planar") / "x.mp4", CPU)
    assert seen.numbers == list(range(FRAMES))
    return seen.pictures


def alike(found: Sequence[Picture], right: Sequence[Picture]) -> None:
    assert len(found) == len(right)
    for number, (one, two) in enumerate(zip(found, right, strict=True)):
        for name, mine, theirs in zip("Y Cb Cr".split(), one, two, strict=True):
            off = np.abs(mine.astype(int) - theirs)
            assert off.mean() <= (LUMA_MEAN if name == "Y" else CHROMA_MEAN), (number, name)
            if name == "Y":
                # A tiny picture has so few samples that one of an edge is more than the share allows.
                assert (off > FAR).sum() <= max(2, FAR_SHARE * off.size), number
    for (a, b), (c, d) in zip(pairwise(found), pairwise(right), strict=True):
        # Frames in their order: where the CPU's picture moves on, so does this one.
        if not np.array_equal(c[0], d[0]):
            assert not np.array_equal(a[0], b[0])


def file_is_whole(path: Path, frames: int) -> None:
    """As another program reads it: every frame, one after the other."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    assert times == [Fraction(n, 30) for n in range(frames)]


# --- without a fault --------------------------------------------------------------------------------------------------


def test_the_cpus_pictures_and_no_conversion(tiny_cap: Path, tmp_path: Path, planar: list[Picture]) -> None:
    report, seen = exported(tiny_cap, tmp_path / "x.mp4", GPU)
    assert seen.numbers == list(range(FRAMES))
    assert set(seen.formats) == {"nv12"}, "straight to x264"
    alike(seen.pictures, planar)
    assert (report.renderer, report.converter, report.conversions, report.fallbacks) == ("gpu", "gpu", [], [])
    assert report.gpu is not None
    assert report.gpu["frames"] == report.frames.composed + report.frames.patched
    assert report.gpu["lost_at"] is None
    # Whole frames are 1.5 bytes a pixel; a patched one is never more than a whole one.
    whole = WIDTH * HEIGHT * 3 // 2
    assert whole * report.frames.composed <= report.gpu["read_back_bytes"] <= whole * report.gpu["frames"]
    assert report.gpu["uploaded_bytes"] > 640 * 360 * 3 // 2, "the screen, at least once"
    file_is_whole(tmp_path / "x.mp4", FRAMES)
    edge = {edge["edge"]: (edge["format"], edge["by"]) for edge in report.formats}
    assert edge["compose->encode"] == ("nv12", "gpu compositor")
    assert edge["encoded"] == ("nv12", "libx264")


def test_without_its_conversion_swscale_converts_and_is_counted(
    tiny_cap: Path, tmp_path: Path, planar: list[Picture], capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "x.mp4"
    asked = replace(GPU, gpu_format_conversion=False)
    report, seen = exported(tiny_cap, target, asked)
    assert set(seen.formats) == {"rgba"}
    (conversion,) = report.conversions
    assert (conversion["edge"], conversion["by"]) == ("compose->encode", "swscale")
    assert conversion["source"].startswith("rgba")
    drawn = report.frames.composed + report.frames.patched
    assert conversion["frames"] == drawn == FRAMES - report.frames.held
    assert report.gpu is not None
    assert report.gpu["read_back_bytes"] == 4 * WIDTH * HEIGHT * drawn, "RGBA comes back whole, 8/3 of NV12"
    assert report.converter == "swscale"
    file_is_whole(target, FRAMES)
    arguments = ["--renderer", "gpu", "--resolution", "96x54", "--fps", "30", "--decoder", "software"]
    assert command(["plan", str(tiny_cap), "--json", *arguments, "--no-gpu-format-conversion"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    plan = said.get("plan", said)
    assert [each["by"] for each in plan["conversions"]] == ["swscale"]
    assert plan["renderer"]["used"] == "gpu"
    assert "--no-gpu-format-conversion" in plan["renderer"]["reason"]
    # What is in the file is the CPU's picture too, as far as ultrafast x264 lets it be seen.
    with av.open(str(target)) as container:
        first = next(container.decode(video=0)).to_ndarray()[:HEIGHT]
    assert np.abs(first.astype(int) - planar[0][0]).mean() < 6


def test_the_command_line(tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "x.mp4"
    arguments = ["--resolution", "96x54", "--fps", "30", "--end", "0.4", "--no-audio"]
    assert command(["export", str(tiny_cap), "-o", str(target), "--renderer", "gpu", "--json", *arguments]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    report = events[-1]["report"]
    assert (events[-1]["type"], report["renderer"], report["conversions"]) == ("completed", "gpu", [])
    assert report["gpu"]["read_back_bytes"] > 0
    assert not [event for event in events if event["type"] == "fallback"]


@pytest.fixture(scope="module")
def still_cap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose screen stands still at three pictures a second, without camera."""
    return make_tiny_cap(tmp_path_factory.mktemp("still") / "Still.cap", fps=3, with_camera=False, with_mic=False)


def test_held_frames_are_held_and_spliced(still_cap: Path, tmp_path: Path) -> None:
    """60 fps of a screen that changes three times a second: most frames are the last one again."""
    settings = replace(TINY, fps=Fraction(60), end=Fraction(1), unchanged="splice", verify="full")
    report, seen = exported(still_cap, tmp_path / "gpu.mp4", replace(settings, renderer="gpu"))
    right, other = exported(still_cap, tmp_path / "cpu.mp4", replace(settings, renderer="cpu"))
    assert (report.renderer, right.renderer) == ("gpu", "planar")
    assert report.frames.held == right.frames.held > 5
    assert sum(seen.same) == report.frames.held, "the very same planes go out again"
    assert report.gpu is not None
    assert report.gpu["frames"] == report.frames.total - report.frames.held, "a held frame is neither drawn nor read"
    alike(seen.pictures, other.pictures)
    assert report.unchanged["used"] == "splice"
    assert report.unchanged["held"] > 0, "written into a stream that x264 made of NV12"
    assert report.conversions == []


def test_longer_durations_work_too(still_cap: Path, tmp_path: Path) -> None:
    settings = replace(GPU, fps=Fraction(60), unchanged="vfr", verify="full")
    report, _ = exported(still_cap, tmp_path / "x.mp4", settings)
    assert report.renderer == "gpu"
    assert report.frames.encoded < report.frames.total


def test_two_exports_one_after_the_other(tiny_cap: Path, tmp_path: Path) -> None:
    """One device for both; the second leaves nothing that the first did not."""
    drawn, live = [], []
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        report, seen = exported(tiny_cap, tmp_path / name, GPU)
        assert report.renderer == "gpu"
        drawn.append(seen.pictures)
        live.append(device().live)
        if name == "b.mp4":
            gpu_device.release()  # and with another device
    # What the encoder got, not the files: where its VBV binds, x264 with frame threads differs from run to run.
    for others in drawn[1:]:
        for one, two in zip(drawn[0], others, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert live[0] == live[1]


def test_frames_and_render_are_the_cpus(tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``frame`` is one picture, ``render`` gives yuv420p at the caller's pace: neither opens a device."""

    def never(**_: Any) -> Any:
        raise AssertionError("a device was asked for")

    monkeypatch.setattr(gpu_device, "shared", never)
    settings = replace(GPU, end=Fraction(1, 10))
    assert {planes.format for planes in reelpress.render(tiny_cap, settings=settings)} == {"yuv420p"}
    out = tmp_path / "x.png"
    assert command(["frame", str(tiny_cap), "-o", str(out), "--time", "0.5", "--renderer", "gpu"]) == 0
    assert out.stat().st_size > 0
    monkeypatch.undo()


# --- faults -----------------------------------------------------------------------------------------------------------


class Saboteur:
    """Does something at the n-th call of a kind in the compose thread of an export, once."""

    def __init__(self, happens: str, at: int, act: Callable[[Gpu], None]) -> None:
        self.happens, self.at, self.act = happens, at, act
        self.calls = 0
        self.done = False
        self.gpu = device()
        self.gpu.hook = self

    def __call__(self, happens: str, doing: str) -> None:
        if happens != self.happens or threading.current_thread().name != f"{THREAD_PREFIX}compose":
            return
        self.calls += 1
        if self.calls == self.at + 1:
            self.done = True
            self.act(self.gpu)


def raising(fault: GpuError) -> Callable[[Gpu], None]:
    def act(gpu: Gpu) -> None:
        raise fault

    return act


def destroyed(gpu: Gpu) -> None:
    """The device itself goes, as when a driver is reset: everything made with it is gone."""
    gpu.device.destroy()


FAULTS: dict[str, tuple[str, Callable[[Gpu], None], str]] = {
    "map": ("map", raising(GpuMapFailed("asking", "a test")), "could not be read"),
    "memory": ("submit", raising(GpuOutOfMemory("drawing", "a test")), "ran out of memory"),
    "timeout": ("wait", raising(GpuTimeout("reading", 4.0)), "did not answer for 4.0 s"),
    "lost": ("submit", raising(GpuLost("drawing", "a test")), "was lost"),
    "destroyed before drawing": ("submit", destroyed, "was lost"),
    "destroyed before mapping": ("map", destroyed, "was lost"),
    "destroyed while waiting": ("wait", destroyed, "was lost"),
}


@pytest.mark.parametrize("at", [0, 1, 7])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_no_frame(tiny_cap: Path, tmp_path: Path, planar: list[Picture], fault: str, at: int) -> None:
    happens, act, words = FAULTS[fault]
    saboteur = Saboteur(happens, at, act)
    events: list[Event] = []
    target = tmp_path / "x.mp4"
    report, seen = exported(tiny_cap, target, GPU, events.append)
    assert saboteur.done
    assert seen.numbers == list(range(FRAMES))
    alike(seen.pictures, planar)
    file_is_whole(target, FRAMES)
    (lost,) = report.fallbacks
    assert (lost.stage, lost.wanted, lost.used) == ("renderer", "gpu", "planar")
    assert words in lost.reason
    assert report.gpu is not None
    lost_at = report.gpu["lost_at"]
    assert lost_at <= at, "frames that were on their way go with the one that failed"
    assert f"from frame {lost_at} on" in lost.reason
    assert seen.formats == ["nv12"] * lost_at + ["yuv420p"] * (FRAMES - lost_at)
    assert report.gpu["frames"] == lost_at
    assert report.renderer == "planar"
    (conversion,) = report.conversions  # x264 was opened for NV12: what the CPU drew is converted, and that is counted
    assert (conversion["by"], conversion["edge"]) == ("swscale", "compose->encode")
    assert conversion["frames"] == FRAMES - lost_at
    told = [event for event in events if isinstance(event, FallbackEvent)]
    assert [event.reason for event in told] == [lost.reason]


def test_a_gpu_that_never_answers(
    tiny_cap: Path, tmp_path: Path, planar: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised by anybody: pictures just do not come back any more, and the wait's own deadline ends it."""
    monkeypatch.setattr(sys.modules["reelpress.export.stages"], "FINISH_S", 0.2)
    gpu = device()

    def silenced(_: Gpu) -> None:
        for module in (gpu_device, gpu_ring):  # no promise is ever kept, however often it is looked at
            monkeypatch.setattr(module, "kept", lambda promise: False)

    saboteur = Saboteur("map", 6, silenced)
    report, seen = exported(tiny_cap, tmp_path / "x.mp4", GPU)
    assert saboteur.done
    (lost,) = report.fallbacks
    assert "did not answer for 0.2 s while reading the finished picture back" in lost.reason
    assert report.gpu is not None
    assert 0 < report.gpu["lost_at"] <= 6
    alike(seen.pictures, planar)
    file_is_whole(tmp_path / "x.mp4", FRAMES)
    assert gpu.lost is None, "it may answer the next export"
    monkeypatch.undo()
    assert reelpress.export(tiny_cap, tmp_path / "y.mp4", settings=GPU).renderer == "gpu"


def test_it_is_told_when_it_happens(tiny_cap: Path, tmp_path: Path) -> None:
    """The event comes while frames are still being made, not with the report."""
    gate = threading.Event()
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        if isinstance(event, FallbackEvent):
            gate.set()

    class Slow(Seen):
        def encoder(self, encoder: Any) -> Any:
            inner = super().encoder(encoder)

            class Gated:
                def __getattr__(self, name: str) -> Any:
                    return getattr(inner, name)

                def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Any:
                    if pts == FRAMES - 1:
                        assert gate.wait(4), "nobody told before the last frame"
                    return inner.encode(planes, pts, change)

            return Gated()

    Saboteur("map", 2, raising(GpuMapFailed("asking", "a test")))
    with prepare(tiny_cap, tmp_path / "x.mp4", GPU) as job:
        run(job, hooks=Slow(), on_event=hear)
    kinds = [type(event) for event in events]
    later = events[kinds.index(FallbackEvent) + 1 :]
    assert any(isinstance(event, ProgressEvent) and event.phase == "encode" for event in later)


def test_strict_makes_a_loss_in_the_middle_an_error(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "x.mp4"
    Saboteur("map", 5, raising(GpuMapFailed("asking", "a test")))
    with pytest.raises(StrictFallbackError, match=r"planar would be used instead of gpu.*could not be read"):
        reelpress.export(tiny_cap, target, settings=replace(GPU, strict=True))
    assert list(tmp_path.iterdir()) == []
    Saboteur("submit", 3, destroyed)
    options = ["--renderer", "gpu", "--strict", "--resolution", "96x54", "--fps", "30", "--no-audio"]
    assert command(["export", str(tiny_cap), "-o", str(target), "--json", *options]) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["type"] == "error"
    assert list(tmp_path.iterdir()) == []


def test_a_fallback_before_the_first_frame_leaves_nothing_on_the_gpu(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compose stage, which closes the compositor, never runs then."""

    def refusing(*args: Any, **more: Any) -> Any:
        raise SpliceRefused("The stream has stripes.")

    monkeypatch.setattr(opening, "Splicer", refusing)
    before = device().live
    with pytest.raises(StrictFallbackError, match="stripes"):
        reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=replace(GPU, strict=True, unchanged="splice"))
    assert device().live == before


def test_a_device_that_goes_between_probe_and_export(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planar: list[Picture]
) -> None:
    rendering = sys.modules["reelpress.export.rendering"]  # ``reelpress.export`` is a function
    real, calls = rendering.open_gpu, []

    def once(output: str, **more: Any) -> Any:
        calls.append(output)
        if len(calls) > 1:
            raise GpuUnavailable("The adapter was unplugged.")
        return real(output, **more)

    monkeypatch.setattr(rendering, "open_gpu", once)
    report, seen = exported(tiny_cap, tmp_path / "x.mp4", GPU)
    assert len(calls) == 2
    assert [each.reason for each in report.fallbacks] == ["from frame 0 on: The adapter was unplugged"]
    alike(seen.pictures, planar)


def test_wrong_pixels_in_the_probe(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planar: list[Picture]
) -> None:
    real = GpuCompositor.compose

    def spoilt(self: GpuCompositor, *arguments: Any) -> Any:
        composed = real(self, *arguments)
        composed.planes.planes[0][: HEIGHT // 2] ^= 0x18
        return composed

    monkeypatch.setattr(GpuCompositor, "compose", spoilt)
    report, seen = exported(tiny_cap, tmp_path / "x.mp4", GPU)
    (wrong,) = report.fallbacks
    assert (wrong.stage, wrong.wanted, wrong.used) == ("renderer", "gpu", "planar")
    assert "frame 0 of the probe" in wrong.reason
    assert report.gpu is None
    assert report.conversions == [], "it never began: x264 is opened for what the CPU draws"
    assert set(seen.formats) == {"yuv420p"}
    for one, two in zip(seen.pictures, planar, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    with pytest.raises(StrictFallbackError, match="probe"):
        reelpress.export(tiny_cap, tmp_path / "y.mp4", settings=replace(GPU, strict=True))
    assert not (tmp_path / "y.mp4").exists()


def test_splice_goes_on_after_a_loss(still_cap: Path, tmp_path: Path) -> None:
    settings = replace(TINY, fps=Fraction(60), end=Fraction(1), unchanged="splice", verify="full")
    right, other = exported(still_cap, tmp_path / "cpu.mp4", replace(settings, renderer="cpu"))
    saboteur = Saboteur("submit", 2, destroyed)
    report, seen = exported(still_cap, tmp_path / "gpu.mp4", replace(settings, renderer="gpu"))
    assert saboteur.done
    assert seen.numbers == list(range(60))
    alike(seen.pictures, other.pictures)
    assert report.frames.held == right.frames.held
    assert report.unchanged["held"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of address space is Linux's")
def test_memory_that_really_runs_out_in_the_middle(tiny_cap: Path, tmp_path: Path) -> None:
    """In a child: before its ninth frame the driver is made to allocate until it cannot, and the export goes on."""
    script = textwrap.dedent(f"""
        import json, resource, sys, threading
        from dataclasses import asdict
        from fractions import Fraction
        import reelpress
        from reelpress.compose.gpu.device import shared
        from reelpress.compose.gpu.errors import GpuOutOfMemory
        from reelpress.export.settings import ExportSettings

        gpu = shared(allow_software=True)
        if gpu.info.kind != "software":
            print("a real adapter has memory of its own"); raise SystemExit
        calls, kept = [0], []

        def hook(happens, doing):
            if happens != "submit" or not threading.current_thread().name.endswith("compose"):
                return
            calls[0] += 1
            if calls[0] != 9:
                return
            gpu.hook = None
            pages = int(open("/proc/self/statm").read().split()[0])
            before = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (600 << 20), before[1]))
            try:
                for _ in range(20):
                    kept.append(gpu.buffer(100 << 20, "STORAGE|COPY_DST", "uploading a frame"))
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)

        gpu.hook = hook
        settings = ExportSettings(
            resolution="{WIDTH}x{HEIGHT}", fps=Fraction(30), end=Fraction({FRAMES}, 30), no_audio=True,
            decoder="software", encoder_preset="ultrafast", unchanged="encode", renderer="gpu", verify="full",
        )
        report = reelpress.export(sys.argv[1], sys.argv[2], settings=settings)
        print(json.dumps(report.to_dict()))
    """)
    target = tmp_path / "x.mp4"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tiny_cap), str(target)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "a real adapter" in done.stdout:
        pytest.skip("the adapter is not a software one")
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    (lost,) = report["fallbacks"]
    assert "The GPU ran out of memory while uploading a frame" in lost["reason"]
    assert 0 < report["gpu"]["lost_at"] <= 8
    file_is_whole(target, FRAMES)


# --- leaving early, and leaks -----------------------------------------------------------------------------------------


def test_cancel_leaves_nothing(tiny_cap: Path, tmp_path: Path) -> None:
    token = CancelToken()
    gpu = device()
    reelpress.export(tiny_cap, tmp_path / "warm.mp4", settings=GPU)
    (tmp_path / "warm.mp4").unlink()
    before = gpu.live
    saboteur = Saboteur("submit", 6, lambda _: token.cancel())
    with pytest.raises(Cancelled):
        reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=GPU, cancel=token)
    assert saboteur.done
    assert list(tmp_path.iterdir()) == []
    assert gpu.live == before, "nothing of it is left on the GPU"
    gpu.hook = None
    assert reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=GPU).renderer == "gpu", "the device serves the next"


def resident() -> int:
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * 4096 if pages.exists() else 0


def check_no_leak(source: Path, folder: Path, frames: int) -> None:
    """So many frames in exports of 25; the first ones only warm up."""
    gpu, rounds = device(), -(-frames // 25)
    settings = replace(GPU, end=Fraction(25, 30))
    marks: list[tuple[dict[str, int], dict[str, int], int]] = []
    for _ in range(rounds):
        assert reelpress.export(source, folder / "x.mp4", settings=settings).renderer == "gpu"
        gc.collect()
        marks.append((gpu.live, gpu_device.native_counts(), resident()))
    first, last = marks[rounds // 2 - 1], marks[-1]
    assert device() is gpu
    assert last[0] == marks[0][0], "buffers and textures that we count"
    assert last[1] == first[1], "and that wgpu counts: pipelines and bind groups too"
    # The heap settles within some MB; 1 000 frames of this size that stayed would be 7.8 MB, and the screen's 350 MB.
    assert last[2] - first[2] < 6 << 20


def test_nothing_is_left_of_a_hundred_frames(tiny_cap: Path, tmp_path: Path) -> None:
    check_no_leak(tiny_cap, tmp_path, 100)


@pytest.mark.release
@pytest.mark.timeout(600)
def test_nothing_is_left_of_a_thousand_frames(tiny_cap: Path, tmp_path: Path) -> None:
    check_no_leak(tiny_cap, tmp_path, 1000)


@pytest.mark.release
@pytest.mark.timeout(600)
def test_memory_stays_in_one_export_of_a_thousand_frames(tmp_path: Path) -> None:
    """The same within one export: resident memory at a third of it and shortly before its end."""
    source = make_tiny_cap(tmp_path / "Tiny.cap")
    config = source / "project-config.json"
    data = json.loads(config.read_text())
    clips = [{"recordingSegment": 0, "timescale": 0.15, "start": 0.0, "end": 2.4}]
    data["timeline"] = {**(data.get("timeline") or {}), "segments": clips}
    config.write_text(json.dumps(data))
    marks: dict[int, tuple[int, dict[str, int]]] = {}

    class Marking(Hooks):
        def encoder(self, encoder: Any) -> Any:
            class Marked:
                def __getattr__(self, name: str) -> Any:
                    return getattr(encoder, name)

                def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Any:
                    marks[pts] = resident(), device().live
                    return encoder.encode(planes, pts, change)

            return Marked()

    settings = replace(GPU, end=None, fps=Fraction(65))
    with prepare(source, tmp_path / "x.mp4", settings) as job:
        assert job.director.frames >= 1000
        report = run(job, hooks=Marking())
    assert (report.renderer, report.fallbacks) == ("gpu", [])
    third, end = len(marks) // 3, len(marks) - 60  # the compositor is closed while the last ones wait to be encoded
    assert marks[end][1] == marks[third][1]
    assert marks[end][0] - marks[third][0] < 8 << 20
