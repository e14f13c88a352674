"""What the plan says of unchanged pictures and of the encoder is what the export does."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import reelpress
from reelpress.encode.open import unspliceable
from reelpress.export.explain import rate_told, without_effect
from reelpress.export.plan import said_of_rate
from reelpress.export.prepare import prepare
from reelpress.export.settings import ExportSettings
from reelpress.media.encoder import EncoderSpec

SMALL: dict[str, Any] = {"resolution": "160x90", "fps": Fraction(10), "end": Fraction(1)}
LOUD: dict[str, Any] = {"end": Fraction(1)}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("x.mp4", {}, "splice"),
    ("x.mp4", {"crf": 0.0}, "vfr"),
    ("x.mp4", {"crf": 0.9}, "vfr"),
    ("x.mp4", {"crf": 1.0}, "splice"),
    ("x.mp4", {"crf": 51.0}, "splice"),
    ("x.mp4", {"gop": Fraction(1, 10)}, "vfr"),  # one frame
    ("x.mp4", {"gop": Fraction(2, 10)}, "splice"),
    ("x.mp4", {"crf": 0.0, "unchanged": "encode"}, "encode"),
    ("x.mp4", {"crf": 0.0, "unchanged": "vfr"}, "vfr"),
    ("x.mp4", {"encoder_preset": "ultrafast"}, "splice"),
    ("x.mp4", {"encoder_preset": "veryslow"}, "splice"),
    ("x.mp4", {"optimize_size": True, "quality": "potato"}, "splice"),
    ("x.mp4", {"memory": 150_000_000}, "splice"),
    ("x.mp4", {"resolution": "32x32"}, "splice"),
    ("x.mp4", {"renderer": "cpu", "unchanged": "vfr"}, "vfr"),
    ("x.mp4", {"strict": True, "crf": 0.0}, "vfr"),  # the plan's own choice is no fallback
    ("x.mp4", {"codec": "hevc"}, "vfr"),
    ("x.mp4", {"codec": "av1", "unchanged": "encode"}, "encode"),
    ("x.mov", {}, "encode"),
    ("x.mov", {"transparent": True}, "encode"),
    ("x.mov", {"codec": "h264"}, "splice"),
    ("x.mov", {"codec": "h264", "crf": 0.0}, "vfr"),
    ("x.webm", {}, "vfr"),
    ("x.gif", {}, "vfr"),
    ("x.webp", {}, "vfr"),
    ("x.apng", {}, "vfr"),
    ("x.png", {}, "encode"),
]


@pytest.mark.parametrize(("target", "options", "used"), CASES)
def test_unchanged_pictures(tiny_cap: Path, tmp_path: Path, target: str, options: dict[str, Any], used: str) -> None:
    settings = ExportSettings(**{**SMALL, **options})
    plan = reelpress.plan(tiny_cap, tmp_path / target, settings=settings)
    report = reelpress.export(tiny_cap, tmp_path / target, settings=settings)
    assert plan.unchanged["used"] == report.unchanged["used"] == used
    assert plan.encoder.used == report.encoder
    assert [each.stage for each in report.fallbacks] == [each.stage for each in plan.fallbacks] == []
    assert (plan.unchanged["tolerance"] == 0) or used != "encode"


def test_sound_alone_has_none(tiny_cap: Path, tmp_path: Path) -> None:
    settings = ExportSettings(**LOUD)
    plan = reelpress.plan(tiny_cap, tmp_path / "x.wav", settings=settings)
    report = reelpress.export(tiny_cap, tmp_path / "x.wav", settings=settings)
    assert plan.unchanged["used"] == report.unchanged["used"] == "none"


def test_packets_that_are_copied(tiny_cap: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.mp4"
    reelpress.export(tiny_cap, plain, settings=ExportSettings(**SMALL))
    settings = ExportSettings(resolution="source")
    plan = reelpress.plan(plain, tmp_path / "y.mp4", settings=settings)
    report = reelpress.export(plain, tmp_path / "y.mp4", settings=settings)
    assert plan.copy["used"], plan.copy
    assert plan.unchanged["used"] == report.unchanged["used"] == "copy"


def test_the_reason_is_said(tiny_cap: Path, tmp_path: Path) -> None:
    for options, reason in (
        ({"crf": 0.0}, "encodes without loss"),
        ({"gop": Fraction(1, 10)}, "every picture is a key frame"),
        ({"codec": "hevc"}, "only the streams of libx264"),
    ):
        plan = reelpress.plan(tiny_cap, tmp_path / "x.mp4", settings=ExportSettings(**{**SMALL, **options}))
        assert plan.unchanged["reason"].startswith("a picture lasts until the next one that differs; ")
        assert reason in plan.unchanged["reason"]


def test_a_tolerance_is_said_only_where_something_is_compared(tiny_cap: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.mp4"
    reelpress.export(tiny_cap, plain, settings=ExportSettings(**SMALL))
    for name, compared in (("x.mov", False), ("x.png", False), ("x.webm", True), ("x.gif", True)):
        plan = reelpress.plan(plain, tmp_path / name, settings=ExportSettings(resolution="80x46"))
        assert bool(plan.unchanged["tolerance"]) is compared, name


def test_what_cannot_be_spliced_is_foretold(tmp_path: Path) -> None:
    """Against x264 itself: what its parameter sets say when it is open."""
    sizes = [(16, 16), (160, 90), (8192, 32), (32, 8192)]
    rates = [(0.0, 10), (0.99, 10), (1.0, 10), (20.0, 1), (20.0, 2), (20.0, 600), (51.0, 10)]
    for preset, (crf, gop), (width, height) in product(("ultrafast", "veryfast", "veryslow"), rates, sizes):
        if max(width, height) > 1000 and (preset != "ultrafast" or gop == 600):
            continue  # slow to open
        spec = EncoderSpec(
            width=width, height=height, fps=Fraction(30), crf=crf, preset=preset, gop_frames=gop, maxrate=1_000_000,
            bufsize=2_000_000, threads=1, lookahead=0 if preset == "ultrafast" else None,
        )  # fmt: skip
        told = _opened(tmp_path, spec)
        assert (unspliceable(spec) is None) == (told == "splice"), (preset, crf, gop, width, height)


def _opened(folder: Path, spec: EncoderSpec) -> str:
    """What x264's streams allow, without being foretold."""
    from reelpress.encode import open as opening
    from reelpress.encode.splice.errors import SpliceRefused

    try:
        opened = opening._splicing(
            folder / "o.mp4", spec, None, None, "mp4", noisy=False, labels=opening.NO_LABELS, sink=None
        )
    except SpliceRefused:
        return "refused"
    opened.writer.abort()
    return opened.unchanged


def test_more_than_any_level_allows_is_foretold() -> None:
    spec = EncoderSpec(width=8192, height=8192, fps=Fraction(30))
    assert unspliceable(spec) == "8192x8192 is more than any level of H.264 allows"  # 512 * 512 > 139264
    assert unspliceable(replace(spec, height=4352)) is None  # 512 * 272 = 139264


# What the encoder is told


@pytest.mark.parametrize(
    ("target", "options", "told", "said"),
    [
        ("x.mp4", {}, {"crf": 20, "preset": "veryfast"}, "CRF 20, preset veryfast, at most "),
        # x265's 28 stands where x264 has 24
        ("x.mp4", {"codec": "hevc", "crf": 24.0}, {"crf": 28, "preset": "veryfast", "scale": "libx265", "asked": 24},
         "CRF 28 on the scale of libx265 (24 on x264's), preset veryfast, at most "),
        # 0 to 51 laid over 0 to 63, and 5: 20 * 63 / 51 + 5 = 29.7
        ("x.mp4", {"codec": "av1"}, {"crf": 30, "preset": "8", "scale": "libsvtav1"}, "preset 8, a key frame"),
        ("x.webm", {"encoder_preset": "slow"}, {"crf": 31, "preset": "good 2"}, "preset good 2, a key frame"),
        ("x.webm", {"optimize_size": True}, {"asked": 28}, "(28 on x264's)"),
        ("x.mov", {"codec": "h264", "crf": 7.5}, {"crf": 7.5}, "CRF 7.5, preset veryfast"),
        ("x.mov", {}, {"profile": "422 HQ"}, "ProRes 422 HQ, at its own rate"),
        ("x.gif", {}, {"quality": 90}, "quality 90"),
    ],
)  # fmt: skip
def test_rate_control_is_that_of_the_encoder(
    tiny_cap: Path, tmp_path: Path, target: str, options: dict[str, Any], told: dict[str, Any], said: str
) -> None:
    with prepare(tiny_cap, tmp_path / target, ExportSettings(**{**SMALL, **options}), estimated=False) as job:
        found = job.plan.rate_control
        assert {name: found[name] for name in told} == told
        assert said in said_of_rate(found)
        if "gop_s" in found:  # and these are the words that the library gets
            given = job.ways.spec.options()
            assert float(given["crf"]) == found["crf"]
            assert ("maxrate" in found) == ("maxrate" in given)
            assert ("at most" in said_of_rate(found)) == ("maxrate" in given)
        json.dumps(job.plan.to_dict())


@pytest.mark.parametrize(
    ("codec", "quality", "shown"),
    [
        ("h264_nvenc", {"cq": 23.0, "asked": 20}, "CQ 23 on the scale of h264_nvenc (20 on x264's)"),
        ("h264_qsv", {"global_quality": 22.0}, "global quality 22"),
        ("h264_videotoolbox", {"bit_rate": 4_000_000}, "about 4.0 Mbit/s, at most 6.0 Mbit/s"),
        ("hevc_amf", {"bit_rate": 4_000_000, "preset": "speed"}, "about 4.0 Mbit/s, preset speed"),
    ],
)  # fmt: skip
def test_rate_control_of_chips(codec: str, quality: dict[str, Any], shown: str) -> None:
    spec = EncoderSpec(
        width=640, height=360, fps=Fraction(30), codec=codec, crf=20.0, maxrate=6_000_000, bufsize=12_000_000
    )
    told = rate_told(spec)
    assert {name: told[name] for name in quality} == quality
    assert shown in said_of_rate(told) and "threads" not in told
    asked = ExportSettings(crf=20.0, encoder_preset="fast")
    lines = without_effect(asked, told, codec)
    assert len(lines) == ("bit_rate" in told and "global_quality" not in told) + ("preset" not in told)
    assert without_effect(ExportSettings(), told, codec) == []


def test_people_read_it_too(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from reelpress.cli.app import run as command

    assert command(["plan", str(tiny_cap), "-o", "x.mp4", "--crf", "0", "--no-trial"]) == 0
    out = capsys.readouterr().out
    assert "\nunchanged pictures: vfr (a picture lasts until the next one that differs; below CRF 1 " in out
    assert command(["plan", str(tiny_cap), "-o", "x.wav", "--no-trial"]) == 0
    assert "unchanged pictures" not in capsys.readouterr().out


# Sound alone is as long as it is


@pytest.mark.parametrize("fps", [15, 60, 120])
def test_sound_is_reckoned_by_its_seconds(tiny_cap: Path, tmp_path: Path, fps: int) -> None:
    from reelpress.export.outputs.sound import SoundOutput

    found = SoundOutput("wav").estimate(10 * fps, 10.0, 640, 360, 2)
    assert found is not None and found.size_bytes == 10 * 48_000 * 2 * 2
    found = SoundOutput("m4a").estimate(10 * fps, 10.0, 640, 360, 2)
    assert found is not None and found.size_bytes == 10 * 192_000 // 8
    plan = reelpress.plan(tiny_cap, tmp_path / "x.wav", settings=ExportSettings(end=Fraction(3, 2)))
    assert plan.estimate.size_bytes == pytest.approx(plan.duration_s * 192_000, rel=0.01)
