"""A plain trim copies packets: when, which, and that the file is as right as an encoded one."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import reelpress
from copy_makers import make_h264, number_in
from make_tiny_cap import make_tiny_cap
from reelpress.errors import Cancelled, OutputError, StrictFallbackError
from reelpress.events import Event
from reelpress.export.report import ExportReport
from reelpress.export.settings import ExportSettings
from reelpress.media.copy_write import CopyWriter
from reelpress.pipeline.cancel import CancelToken

Ffmpeg = Callable[..., "subprocess.CompletedProcess[bytes]"]
B_FRAMES = {"bf": "2"}
GROUPS = "keyint=15:scenecut=0:b-adapt=0"
TRIM = {"start": Fraction(7, 10), "end": Fraction(21, 10)}
"""At 30 frames a second: pictures 21 to 62, so the cuts lie 6 and 3 pictures behind key frames."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    return make_h264(folder / "film.mp4", frames=90, options=B_FRAMES, params=GROUPS, sound=True)


def export(source: Path, target: Path, **options: Any) -> ExportReport:
    return reelpress.export(source, target, settings=ExportSettings(**options))


def copy_of(source: Path, **options: Any) -> dict[str, Any]:
    return reelpress.plan(source, source.with_suffix(".out.mp4"), settings=ExportSettings(**options)).copy


def shown(path: Path) -> list[tuple[int, Fraction, bytes]]:
    """``(number drawn, time, planes)`` of every picture; any complaint of the decoder is an error."""
    with av.open(str(path)) as container:
        video: Any = container.streams.video[0]
        video.codec_context.options = {"err_detect": "explode"}
        return [(number_in(f), f.pts * f.time_base, f.to_ndarray().tobytes()) for f in container.decode(video)]


def psnr(one: bytes, two: bytes) -> float:
    difference = np.frombuffer(one, np.uint8).astype(float) - np.frombuffer(two, np.uint8)
    mean = float((difference**2).mean())
    return 99.0 if mean == 0 else float(10 * np.log10(255**2 / mean))


def heard(path: Path) -> np.ndarray[Any, Any]:
    """The left channel as a player plays it: what lies before time 0 is not heard."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.audio[0]
        sound = np.zeros(200_000, np.float32)
        for frame in container.decode(stream):
            at = round(frame.pts * frame.time_base * frame.sample_rate)
            block = frame.to_ndarray()[0][max(0, -at) :]
            sound[max(0, at) : max(0, at) + len(block)] = block
    return sound


@pytest.mark.parametrize(
    ("name", "options", "params"),
    [
        ("cabac", B_FRAMES, GROUPS),
        ("cavlc", {"bf": "0"}, "keyint=15:scenecut=0:cabac=0:8x8dct=0"),
        ("pyramid", {"bf": "5"}, "keyint=15:scenecut=0:b-adapt=0:b-pyramid=normal"),
        ("main", {"profile": "main", **B_FRAMES}, GROUPS),
        ("baseline", {"profile": "baseline"}, "keyint=15:scenecut=0"),
        ("buffer times", B_FRAMES, f"{GROUPS}:nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900:pic-struct=1"),
        ("sets in band", B_FRAMES, f"{GROUPS}:repeat-headers=1:aud=1:slices=3"),
        ("other ids", B_FRAMES, f"{GROUPS}:sps-id=1"),
        ("all intra", {}, "keyint=1"),
    ],
)
def test_copied_pictures_are_the_same_to_the_bit_and_the_others_nearly(
    folder: Path, tmp_path: Path, ffmpeg: Ffmpeg, name: str, options: dict[str, str], params: str
) -> None:
    source = make_h264(folder / f"{name}.mp4", frames=90, options=options, params=params)
    target = tmp_path / "out.mp4"
    report = export(source, target, verify="full", **TRIM)
    assert report.fallbacks == []
    before, after = shown(source), shown(target)
    assert [number for number, _, _ in after] == list(range(21, 63))
    assert [time for _, time, _ in after] == [Fraction(k, 30) for k in range(42)]
    pairs = [(before[21 + k][2], picture) for k, (_, _, picture) in enumerate(after)]
    same = [one == two for one, two in pairs]
    assert report.frames.copied == sum(same)
    assert report.frames.copied + report.frames.encoded == report.frames.total == 42
    if name == "all intra":
        assert all(same)
    else:
        assert same[9:] == [True] * 30 + same[39:]  # from the key frame at 30 on up to that at 60
        assert report.frames.encoded >= 9
    assert min(psnr(one, two) for one, two in pairs) > 38
    other = ffmpeg("-v", "warning", "-i", target, "-f", "null", "-")
    assert (other.returncode, other.stderr) == (0, b"")
    assert b"x264 - core" not in target.read_bytes()


def test_a_cut_at_a_key_frame_encodes_nothing(film: Path, tmp_path: Path) -> None:
    report = export(film, tmp_path / "out.mp4", start=Fraction(1), end=Fraction(2))
    assert (report.frames.copied, report.frames.encoded) == (30, 0)
    assert report.encoder == "copy"
    assert [picture for _, _, picture in shown(tmp_path / "out.mp4")] == [p for _, _, p in shown(film)[30:60]]


def test_a_whole_recording_is_taken_over(film: Path, tmp_path: Path) -> None:
    report = export(film, tmp_path / "out.mp4")
    assert (report.frames.copied, report.frames.total) == (90, 90)
    assert shown(tmp_path / "out.mp4") == shown(film)


@pytest.mark.parametrize("suffix", ["mkv", "mov", "ts", "flv"])
def test_other_containers(folder: Path, tmp_path: Path, suffix: str) -> None:
    source = make_h264(folder / f"film.{suffix}", frames=90, options=B_FRAMES, params=GROUPS, sound=True)
    report = export(source, tmp_path / "out.mp4", **TRIM)
    assert report.frames.copied > 25
    after = shown(tmp_path / "out.mp4")
    assert [(n, t) for n, t, _ in after] == [(21 + k, Fraction(k, 30)) for k in range(42)]


def test_sound_stays_where_it_was(film: Path, tmp_path: Path) -> None:
    export(film, tmp_path / "copied.mp4", **TRIM)
    export(film, tmp_path / "encoded.mp4", unchanged="encode", **TRIM)
    copied, encoded = heard(tmp_path / "copied.mp4"), heard(tmp_path / "encoded.mp4")
    source = heard(film)
    first = 48_000 * 7 // 10
    length = 48_000 * 14 // 10
    np.testing.assert_allclose(copied[:length], source[first : first + length], atol=1e-6)
    clicks = [np.flatnonzero(sound[:length] > 0.4) for sound in (copied, encoded)]
    assert abs(int(clicks[0][0]) - int(clicks[1][0])) <= 2
    assert abs(int(clicks[0][-1]) - int(clicks[1][-1])) <= 2


def test_seeking_finds_every_picture(film: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    export(film, target, **TRIM)
    order = list(range(42))
    random.Random(4).shuffle(order)
    with av.open(str(target)) as container:
        video = container.streams.video[0]
        for k in order:
            ticks = int(Fraction(k, 30) / video.time_base)
            container.seek(ticks, stream=video)
            frame = next(f for f in container.decode(video) if f.pts >= ticks)
            assert (number_in(frame), frame.pts) == (21 + k, ticks)


@pytest.mark.parametrize("bframes", ["0", "2"])
def test_pictures_of_a_variable_rate_keep_their_own_times(folder: Path, tmp_path: Path, bframes: str) -> None:
    rng = random.Random(int(bframes))
    ticks = [0]
    while len(ticks) < 90:
        ticks.append(ticks[-1] + rng.choice([17, 17, 33, 50, 120]))
    base = Fraction(1, 1000)
    source = make_h264(
        folder / f"variable{bframes}.mp4", frames=90, pts=ticks, time_base=base, params=GROUPS, options={"bf": bframes}
    )
    plan = copy_of(source, **TRIM)
    assert plan["used"]
    assert "own times" in plan["reason"]
    report = export(source, tmp_path / "out.mp4", verify="full", **TRIM)
    after = shown(tmp_path / "out.mp4")
    first = max(k for k, tick in enumerate(ticks) if tick <= 700)
    last = max(k for k, tick in enumerate(ticks) if tick < 2100)
    assert [number for number, _, _ in after] == list(range(first, last + 1))
    # the range begins with the output frame that is on screen at 0.7 s, at most one of 1/60 s earlier
    shift = ticks[first + 1] - round(1000 * after[1][1])
    assert 700 - 17 <= shift <= 700
    for number, time, _ in after[1:]:
        assert abs(time * 1000 - (ticks[number] - shift)) <= 1
    assert abs(report.output.duration_s - 1.4) < 1 / 30
    assert report.frames.total == last - first + 1
    assert copy_of(source, fps=Fraction(30), **TRIM)["used"] is False


def test_several_cuts_of_a_cap_are_joined(folder: Path, tmp_path: Path) -> None:
    cap = make_tiny_cap(folder / "Plain.cap", with_camera=False, fps=30)
    display = cap / "content/segments/segment-0/display.mp4"
    make_h264(display, frames=75, options=B_FRAMES, params="keyint=8:scenecut=0:b-adapt=0", size=(640, 360))
    clips = [(0, 0.7), (1.1, 1.9)]
    config = {
        "background": {"padding": 0, "rounding": 0, "shadow": 0},
        "cursor": {"hide": True},
        "timeline": {"segments": [{"timescale": 1.0, "start": a, "end": b} for a, b in clips], "zoomSegments": []},
    }
    (cap / "project-config.json").write_text(json.dumps(config))
    found = copy_of(cap, resolution="source")
    assert found["used"], found
    assert found["sound"] == "encoded"
    report = export(cap, tmp_path / "out.mp4", resolution="source")
    assert report.fallbacks == []
    assert report.frames.copied > 20
    assert report.output.duration_s == pytest.approx(1.5, abs=1 / 60)
    numbers = [number for number, _, _ in shown(tmp_path / "out.mp4")]
    cut = next(k for k in range(1, len(numbers)) if numbers[k] != numbers[k - 1] + 1)
    assert numbers[cut] - numbers[cut - 1] > 8
    assert numbers == [*range(numbers[0], numbers[cut - 1] + 1), *range(numbers[cut], numbers[-1] + 1)]
    encoded = export(cap, tmp_path / "encoded.mp4", resolution="source", unchanged="encode")
    assert abs(encoded.output.duration_s - report.output.duration_s) < 1 / 60
    # The same picture at every time, but for where one rate rounds a time to its frame.
    times = [(time, number) for number, time, _ in shown(tmp_path / "out.mp4")]
    for number, time, _ in shown(tmp_path / "encoded.mp4"):
        near = {n for t, n in times if t <= time + Fraction(1, 60)}
        assert max(abs(max((t, n) for t, n in times if t <= time)[1] - number), 0) <= 1 or number in near


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"crf": 20.0}, "--crf 20.0 asks for encoding"),
        ({"quality": "web"}, "--quality web"),
        ({"optimize_size": True}, "--optimize-size"),
        ({"encoder_preset": "slow"}, "--encoder-preset slow"),
        ({"encoder": "libx264"}, "--encoder libx264"),
        ({"unchanged": "encode"}, "--unchanged encode"),
        ({"unchanged": "vfr"}, "--unchanged vfr"),
        ({"gop": Fraction(1)}, "--gop 1"),
        ({"fps": Fraction(25)}, "--fps 25 asks for a constant rate"),
        ({"resolution": "96x64"}, "the output is 96x64, the recording 192x128; --resolution source"),
        ({"start": Fraction(4, 30), "end": Fraction(12, 30)}, "no key frame lies in what is shown"),
    ],
)
def test_what_was_asked_for_is_encoded(film: Path, options: dict[str, Any], reason: str) -> None:
    found = copy_of(film, **options)
    assert found["used"] is False
    assert reason in found["reason"]


def test_the_same_rate_may_be_asked_for(film: Path) -> None:
    assert copy_of(film, fps=Fraction(30))["used"]


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("10 bit", {"pixel_format": "yuv420p10le"}, "yuv420p10le"),
        ("422", {"pixel_format": "yuv422p"}, "yuv422p"),
        ("interlaced", {"params": "interlaced=1:keyint=10"}, "interlaced"),
        ("untagged", {"tagged": False}, "bt601"),
        ("mpeg4", {"codec": "mpeg4"}, "mpeg4"),
        ("open groups", {"params": "keyint=10:open-gop=1:scenecut=0", "options": B_FRAMES}, "no key frame"),
    ],
)
def test_what_cannot_be_joined_is_encoded(folder: Path, name: str, make: dict[str, Any], reason: str) -> None:
    source = make_h264(folder / f"{name}.mp4", frames=30, **make)
    found = copy_of(source, start=Fraction(1, 6))
    assert found["used"] is False
    assert reason in found["reason"]


def test_an_untagged_hd_recording_gets_its_tags(folder: Path, tmp_path: Path) -> None:
    source = make_h264(folder / "hd.mp4", frames=24, tagged=False, size=(1280, 128), params="keyint=8:scenecut=0")
    report = export(source, tmp_path / "out.mp4", start=Fraction(1, 5))
    assert report.frames.copied == 16
    assert "colour in bitstream and container" in report.verified


def test_a_pointer_or_a_camera_is_a_reason_to_draw(tiny_cap: Path) -> None:
    found = copy_of(tiny_cap, resolution="source")
    assert found["used"] is False


def test_a_cancelled_copy_leaves_nothing(film: Path, tmp_path: Path) -> None:
    token = CancelToken()

    def stop(event: Event) -> None:
        token.cancel()

    with pytest.raises(Cancelled):
        reelpress.export(film, tmp_path / "out.mp4", settings=ExportSettings(), on_event=stop, cancel=token)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_a_copy_without_a_file(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: CopyWriter, packets: object) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(CopyWriter, "mux", full)
    with pytest.raises(OutputError, match="full"):
        export(film, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_fails_its_check_is_encoded_instead(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = CopyWriter.mux

    def damaged(self: CopyWriter, packets: Any) -> None:
        spoilt = [replace(p, data=p.data[:9] + bytes(len(p.data) - 9)) if p.kind == "video" else p for p in packets]
        good(self, spoilt)

    monkeypatch.setattr(CopyWriter, "mux", damaged)
    report = export(film, tmp_path / "out.mp4", **TRIM)
    assert [(fallback.stage, fallback.used) for fallback in report.fallbacks] == [("copy", "encode")]
    assert report.frames.copied == 0
    assert [number for number, _, _ in shown(tmp_path / "out.mp4")] == list(range(21, 63))
    with pytest.raises(StrictFallbackError):
        export(film, tmp_path / "strict.mp4", strict=True, **TRIM)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
