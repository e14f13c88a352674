"""The ways of a picture on a Mac, as ``--converter`` and ``--encoder`` choose them, in whole exports.

There is no Mac here. The compositor on the GPU, the choices, PyAV's side of the frames, the writer and the report are
the real ones. Played are: that the system is macOS, Apple's encoder (libx264, and for frames of a device a conversion
before it, by the reference), and the frameworks of the converter (the stand-in in C).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from reelpress import flags
from reelpress.color import BT709_LIMITED, SRGB
from reelpress.convert import select
from reelpress.convert.reference import ReferenceConverter
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.encode.select import choose_encoder
from reelpress.encode.verdicts import Verdicts
from reelpress.errors import StrictFallbackError
from reelpress.export import encoding, rendering, ways
from reelpress.export.prepare import prepare
from reelpress.export.report import ExportReport
from reelpress.export.run import run
from reelpress.export.settings import ExportSettings
from reelpress.media import mux
from reelpress.media.encoder import EncoderSpec, shared_frame
from reelpress.media.planes import Planes
from reelpress.media.trial import trial

pytestmark = pytest.mark.gpu

WIDTH, HEIGHT = 96, 54
FRAMES = 6
MAC = ExportSettings(
    resolution=f"{WIDTH}x{HEIGHT}", fps=Fraction(30), end=Fraction(1, 5), renderer="gpu", decoder="software",
    no_audio=True, unchanged="encode",
)  # fmt: skip
STANDIN = Path(__file__).parents[1] / "convert" / "standin_library.py"


class AppleContext:
    """libx264 in the place of VideoToolbox; what it is given in BGRA it converts itself."""

    def __init__(self, inner: Any, seen: list[str]) -> None:
        self.inner, self.seen = inner, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, frame: av.VideoFrame | None) -> Any:
        if frame is None:
            return self.inner.encode(None)
        self.seen.append(frame.format.name)
        if frame.format.name != "bgra":
            return self.inner.encode(frame)
        pixels = frame.to_ndarray().reshape(frame.height, -1)
        given = Planes("bgra", frame.width, frame.height, (pixels,), SRGB)
        made = shared_frame(ReferenceConverter().convert(given, "nv12", BT709_LIMITED))
        made.pts, made.time_base, made.pict_type = frame.pts, frame.time_base, frame.pict_type
        return self.inner.encode(made)


@dataclass
class Mac:
    """What the played system was asked for."""

    given: list[str] = field(default_factory=list)
    """Formats of the pictures that the file's encoder got."""
    tried: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    """Formats that do not come through a trial, and why."""


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mac:
    made = Mac()
    real = mux._video_stream

    def stream(container: Any, spec: EncoderSpec) -> tuple[Any, Any]:
        assert spec.codec == "h264_videotoolbox"
        opened, context = real(container, replace(spec, codec="libx264", pixel_format="nv12", device=None))
        return opened, AppleContext(context, made.given)

    def tried(spec: EncoderSpec, codec: str) -> str | None:
        made.tried.append(spec.pixel_format)
        if spec.device is not None or spec.pixel_format in made.wrong:
            return made.wrong.get(spec.pixel_format)
        return trial(replace(spec, codec="libx264"), codec)

    monkeypatch.setattr(flags, "config_files", lambda folder: [])
    monkeypatch.setattr(mux, "_video_stream", stream)
    monkeypatch.setattr(encoding, "choose_encoder", partial(choose_encoder, system="darwin", trial=tried))
    monkeypatch.setattr(rendering, "output_of", partial(rendering.output_of, system="darwin"))
    kept = partial(Verdicts, tmp_path / "verdicts.json")
    monkeypatch.setattr(encoding, "kept_verdicts", kept)
    monkeypatch.setattr(ways, "kept_verdicts", kept)
    return made


@pytest.fixture
def frameworks(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The converter's frameworks, played by the stand-in."""
    spec = importlib.util.spec_from_file_location("standin_library", STANDIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("standin_library", module)
    spec.loader.exec_module(module)
    standin = module.Standin(module.build(tmp_path_factory.mktemp("standin")))
    standin.reset()
    real = select.make

    def make(name: str, **more: Any) -> Any:
        return VideoToolboxConverter(standin.libraries) if name == "videotoolbox" else real(name, **more)

    monkeypatch.setattr(select, "make", make)
    monkeypatch.setattr(ways, "make_converter", make)
    yield standin
    assert standin.settle()
    assert standin.violations == []
    assert standin.live() == {}


def exported(source: Path, target: Path, settings: ExportSettings) -> ExportReport:
    with prepare(source, target, settings) as job:
        return run(job)


def first_picture(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="nv12").astype(int)


@pytest.fixture
def planar(tiny_cap: Path, tmp_path: Path) -> Callable[[], np.ndarray[Any, Any]]:
    """The first picture as the CPU draws it and x264 keeps it."""

    def made() -> np.ndarray[Any, Any]:
        exported(tiny_cap, tmp_path / "cpu.mp4", replace(MAC, renderer="cpu"))
        return first_picture(tmp_path / "cpu.mp4")

    return made


def test_auto_is_nv12_from_the_gpu_straight_into_apples_encoder(tiny_cap: Path, tmp_path: Path, mac: Mac) -> None:
    report = exported(tiny_cap, tmp_path / "x.mp4", MAC)
    assert (report.encoder, report.converter, report.conversions) == ("h264_videotoolbox", "gpu", [])
    assert report.fallbacks == []
    assert mac.tried == ["nv12"], "BGRA into the encoder is never taken unasked"
    assert mac.given == ["nv12"] * FRAMES


@pytest.mark.parametrize("unchanged", ["encode", "splice"])
def test_bgra_into_the_encoder(
    tiny_cap: Path, tmp_path: Path, mac: Mac, planar: Callable[[], np.ndarray[Any, Any]], unchanged: Any
) -> None:
    """Every frame, and with longer durations for held ones, which is what ``splice`` becomes there."""
    report = exported(tiny_cap, tmp_path / "x.mp4", replace(MAC, converter="encoder", unchanged=unchanged))
    assert (report.encoder, report.converter, report.fallbacks) == ("h264_videotoolbox", "encoder", [])
    assert mac.tried == ["bgra"]
    assert report.unchanged["used"] == ("vfr" if unchanged == "splice" else "encode")
    assert mac.given == ["bgra"] * report.frames.encoded
    assert 1 <= report.frames.encoded <= FRAMES
    (conversion,) = report.conversions
    assert (conversion["by"], conversion["frames"]) == ("h264_videotoolbox", report.frames.encoded)
    assert conversion["source"] == "bgra rgb full"
    assert conversion["target"].startswith("yuv420p bt709 limited")
    edge = {edge["edge"]: (edge["format"], edge["by"]) for edge in report.formats}
    assert edge["compose->encode"] == ("bgra", "gpu compositor")
    right = planar()
    found = first_picture(tmp_path / "x.mp4")
    assert np.abs(found - right)[:HEIGHT].mean() < 2.5
    assert np.abs(found - right)[HEIGHT:].mean() < 2.5


def test_bgra_that_the_encoder_gets_wrong_is_a_fallback(tiny_cap: Path, tmp_path: Path, mac: Mac) -> None:
    mac.wrong["bgra"] = "Picture 0 came out with other colours, up to 28 of 255 away."
    asked = replace(MAC, converter="encoder")
    report = exported(tiny_cap, tmp_path / "x.mp4", asked)
    assert (report.encoder, report.converter) == ("h264_videotoolbox", "swscale")
    (lost,) = report.fallbacks
    assert (lost.stage, lost.wanted, lost.used, lost.reason) == ("converter", "encoder", "swscale", mac.wrong["bgra"])
    assert mac.given == ["nv12"] * FRAMES
    with pytest.raises(StrictFallbackError, match="came out with other colours"):
        exported(tiny_cap, tmp_path / "y.mp4", replace(asked, strict=True))
    assert not (tmp_path / "y.mp4").exists()


def test_the_systems_converter_when_it_is_asked_for(
    tiny_cap: Path, tmp_path: Path, mac: Mac, frameworks: Any, planar: Callable[[], np.ndarray[Any, Any]]
) -> None:
    report = exported(tiny_cap, tmp_path / "x.mp4", replace(MAC, converter="videotoolbox"))
    assert (report.encoder, report.converter, report.fallbacks) == ("h264_videotoolbox", "videotoolbox", [])
    assert mac.given == ["nv12"] * FRAMES
    (conversion,) = report.conversions
    assert conversion["by"] == "videotoolbox"
    assert 1 <= conversion["frames"] <= FRAMES
    assert "would not be taken otherwise: Its chroma" in conversion["reason"]
    assert np.abs(first_picture(tmp_path / "x.mp4") - planar())[:HEIGHT].mean() < 2.5


def test_swscale_when_it_is_asked_for(tiny_cap: Path, tmp_path: Path, mac: Mac) -> None:
    report = exported(tiny_cap, tmp_path / "x.mp4", replace(MAC, converter="swscale"))
    assert (report.encoder, report.converter, report.fallbacks) == ("h264_videotoolbox", "swscale", [])
    assert mac.given == ["nv12"] * FRAMES
    assert [(each["by"], each["source"]) for each in report.conversions] == [("swscale", "bgra rgb full")]


def test_without_the_gpus_conversion_auto_takes_what_makes_right_pixels(
    tiny_cap: Path, tmp_path: Path, mac: Mac, frameworks: Any
) -> None:
    """The stand-in averages chroma around the middle of four pixels, as Apple's header has it: not right."""
    with prepare(tiny_cap, tmp_path / "x.mp4", replace(MAC, gpu_format_conversion=False)) as job:
        plan = job.plan.to_dict()
    assert plan["converter"]["used"] == "swscale"
    reasons = {row["name"]: row["reason"] for row in plan["converter"]["rejected"]}
    assert "where colours meet" in reasons["videotoolbox"]
    assert [each["source"] for each in plan["conversions"]] == ["bgra rgb full"]
    assert not plan["fallbacks"]


def test_what_the_cpu_draws_needs_no_converter(tiny_cap: Path, tmp_path: Path, mac: Mac) -> None:
    report = exported(tiny_cap, tmp_path / "x.mp4", replace(MAC, renderer="cpu", converter="encoder"))
    assert (report.converter, report.conversions) == ("none", [])
    (lost,) = report.fallbacks
    assert (lost.wanted, lost.used) == ("encoder", "none")
    assert lost.reason == "the CPU's compositor draws yuv420p"
    assert mac.given == ["yuv420p"] * FRAMES


@pytest.mark.skipif(sys.platform == "darwin", reason="this is what other systems say")
def test_elsewhere_it_is_refused_with_the_reason_and_nv12_is_left(tiny_cap: Path, tmp_path: Path) -> None:
    """Nothing played: this system."""
    asked = replace(MAC, converter="encoder", encoder="libx264")
    report = exported(tiny_cap, tmp_path / "x.mp4", asked)
    assert (report.encoder, report.converter, report.conversions) == ("libx264", "gpu", [])
    (lost,) = report.fallbacks
    assert (lost.stage, lost.wanted, lost.used) == ("converter", "encoder", "gpu")
    assert lost.reason == "only VideoToolbox's encoders convert by themselves, and they exist on macOS only"
    with pytest.raises(StrictFallbackError, match="macOS only"):
        exported(tiny_cap, tmp_path / "y.mp4", replace(asked, strict=True))
