"""The whole engine on a small real project, the result judged by a second decoder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import reelpress
from reelpress.events import CompletedEvent, Event, PlanEvent, ProgressEvent
from reelpress.export.report import ExportReport
from reelpress.export.settings import ExportSettings

Ffmpeg = Callable[..., "subprocess.CompletedProcess[bytes]"]
SIZE = (320, 180)
SETTINGS = ExportSettings(resolution="320x180", fps=Fraction(30), crf=10)
FRAMES = 60


@pytest.fixture(scope="module")
def exported(tiny_cap: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportReport, list[Event]]:
    target = tmp_path_factory.mktemp("out") / "tiny.mp4"
    events: list[Event] = []
    report = reelpress.export(tiny_cap, target, settings=SETTINGS, on_event=events.append)
    return target, report, events


def decoded_luma(ffmpeg: Ffmpeg, file: Path) -> np.ndarray:
    result = ffmpeg("-v", "error", "-i", file, "-map", "0:v", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    assert result.stderr == b""
    width, height = SIZE
    frames = np.frombuffer(result.stdout, np.uint8).reshape(-1, width * height * 3 // 2)
    return frames[:, : width * height].reshape(-1, height, width)


def test_a_second_decoder_finds_every_frame_and_no_fault(
    exported: tuple[Path, ExportReport, list[Event]], ffmpeg: Ffmpeg
) -> None:
    target, report, _ = exported
    assert len(decoded_luma(ffmpeg, target)) == FRAMES == report.frames.total
    said = ffmpeg("-i", target).stderr.decode()
    assert "yuv420p(tv, bt709" in said
    assert "320x180" in said
    assert "Duration: 00:00:02.0" in said
    assert "aac" in said


def test_nothing_else_is_left_beside_the_target(exported: tuple[Path, ExportReport, list[Event]]) -> None:
    target, _, _ = exported
    assert [p.name for p in target.parent.iterdir()] == ["tiny.mp4"]


def parameter_set(packet: bytes) -> int:
    """pic_parameter_set_id of the first slice (H.264 7.3.3): the third ue(v) behind length and NAL unit header."""
    bits = "".join(f"{byte:08b}" for byte in packet[5:21])
    value = 0
    for _ in range(3):
        zeros = bits.index("1")
        value, bits = int(bits[zeros : 2 * zeros + 1], 2) - 1, bits[2 * zeros + 1 :]
    return value


def test_the_report_adds_up(exported: tuple[Path, ExportReport, list[Event]]) -> None:
    target, report, _ = exported
    frames = report.frames
    assert frames.composed + frames.patched + frames.held == frames.total == FRAMES
    # pictures with the encoder's own parameter set; within the first two seconds no key frame is replayed
    with av.open(str(target)) as container:
        encoded = sum(parameter_set(bytes(p)) == 0 for p in container.demux(container.streams.video[0]) if p.size)
    assert frames.encoded == encoded
    assert 1 < encoded <= FRAMES
    assert frames.repeated_after_error == frames.copied == 0
    assert report.output.size_bytes == target.stat().st_size
    assert report.output.duration_s == pytest.approx(2.0)
    assert (report.output.width, report.output.height) == SIZE
    assert report.conversions == []
    assert report.fallbacks == []
    assert {"decode-display", "decode-camera", "compose", "encode", "mux"} <= set(report.stages)
    assert report.stages["compose"].frames == frames.total
    assert report.renderer == "planar"
    assert report.encoder == "libx264"


def test_events_come_in_order(exported: tuple[Path, ExportReport, list[Event]]) -> None:
    target, _, events = exported
    assert isinstance(events[0], PlanEvent)
    assert isinstance(events[-1], CompletedEvent)
    assert events[-1].output == str(target)
    progress = [e for e in events if isinstance(e, ProgressEvent)]
    assert progress[0].frame == 0
    assert [e.frame for e in progress] == sorted(e.frame for e in progress)
    assert all(e.total_frames == FRAMES for e in progress)
    phases = [e.phase for e in progress]
    assert phases[0] == "encode"
    assert phases[-1] == "verify"


def test_the_plan_says_the_same(tiny_cap: Path, exported: tuple[Path, ExportReport, list[Event]]) -> None:
    _, report, _ = exported
    plan = reelpress.plan(tiny_cap, settings=SETTINGS)
    assert plan.frames == report.frames.total
    assert plan.duration_s == report.output.duration_s
    assert (plan.width, plan.height) == SIZE
    assert [edge.format for edge in plan.formats] == ["yuv420p"] * len(plan.formats)
    assert plan.not_drawn == ()


def test_render_gives_what_the_file_shows(
    tiny_cap: Path, exported: tuple[Path, ExportReport, list[Event]], ffmpeg: Ffmpeg
) -> None:
    target, _, _ = exported
    shown = decoded_luma(ffmpeg, target)
    for index, planes in enumerate(reelpress.render(tiny_cap, settings=SETTINGS)):
        error = np.abs(planes.planes[0].astype(int) - shown[index]).mean()
        assert error < 1.5, f"frame {index}"  # CRF 10 on these pictures; a frame late would be above 3
    assert index == FRAMES - 1


def test_a_range_is_the_same_frames(tiny_cap: Path) -> None:
    whole = [p.planes[0].copy() for p in reelpress.render(tiny_cap, settings=SETTINGS)]
    part = ExportSettings(resolution="320x180", fps=Fraction(30), start=Fraction(14, 30), end=Fraction(41, 30))
    seen = 0
    for index, planes in enumerate(reelpress.render(tiny_cap, settings=part)):
        assert np.array_equal(planes.planes[0], whole[14 + index]), index
        seen += 1
    assert seen == 27


def test_two_exports_are_the_same_bytes(tiny_cap: Path, tmp_path: Path) -> None:
    short = ExportSettings(resolution="160x90", fps=Fraction(30), end=Fraction(1, 2))
    for name in ("a.mp4", "b.mp4"):
        reelpress.export(tiny_cap, tmp_path / name, settings=short)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_no_audio_means_no_track(tiny_cap: Path, tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    quiet = ExportSettings(resolution="160x90", fps=Fraction(15), end=Fraction(1), no_audio=True)
    report = reelpress.export(tiny_cap, tmp_path / "q.mp4", settings=quiet)
    assert report.output.audio_codec is None
    assert b"Audio:" not in ffmpeg("-i", tmp_path / "q.mp4").stderr


def test_the_file_says_nothing_about_its_maker(exported: tuple[Path, ExportReport, list[Event]]) -> None:
    data = exported[0].read_bytes()
    for secret in (b"x264", b"Lavf", b"Lavc", b"options:", b"Tiny.cap"):
        assert secret not in data


def test_an_old_file_is_replaced_only_when_asked_and_only_after_success(tiny_cap: Path, tmp_path: Path) -> None:
    target = tmp_path / "old.mp4"
    target.write_bytes(b"precious")
    short = {"resolution": "160x90", "fps": Fraction(15), "end": Fraction(1, 2)}
    with pytest.raises(reelpress.ReelpressError, match="overwrite"):
        reelpress.export(tiny_cap, target, settings=ExportSettings(**short))
    assert target.read_bytes() == b"precious"
    reelpress.export(tiny_cap, target, settings=ExportSettings(**short, overwrite=True))
    assert target.read_bytes()[4:8] == b"ftyp"
