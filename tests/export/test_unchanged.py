"""``--unchanged``: whole exports by inserted pictures, by longer durations and by encoding all, against each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import reelpress
import reelpress.encode.open as opening
from make_tiny_cap import make_tiny_cap
from reelpress import flags
from reelpress.cli.app import run
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.stream import Splicer
from reelpress.errors import ExportError, SettingsError, StrictFallbackError
from reelpress.events import Event, FallbackEvent, ProgressEvent
from reelpress.export.report import ExportReport
from reelpress.export.settings import ExportSettings
from reelpress.media.encoder import VideoSession
from reelpress.media.scale import plane_views
from reelpress.scene.plan.rect import IntRect
from unchanged_makers import page, painted, psnr

WAYS = ("splice", "vfr", "encode")
FPS = Fraction(30)
SIZE = "320x180"
WIDTH, HEIGHT = 320, 180
Luma = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flags, "config_files", lambda folder: [])
    for name in ("REELPRESS_UNCHANGED", "REELPRESS_UNCHANGED_TOLERANCE"):
        monkeypatch.delenv(name, raising=False)


def settings(**more: Any) -> ExportSettings:
    values: dict[str, Any] = {"resolution": SIZE, "fps": FPS, "crf": 14.0, "gop": Fraction(1)}
    return ExportSettings(**(values | more))


def quick(**more: Any) -> ExportSettings:
    """Half a second, for what needs no pictures to look at."""
    small = {"resolution": "160x90", "encoder_preset": "ultrafast", "end": Fraction(1, 2), "no_audio": True}
    return settings(**(small | more))


@dataclass(frozen=True)
class File:
    """A finished file, read by a plain decoder."""

    path: Path
    report: ExportReport

    @cached_property
    def frames(self) -> list[tuple[int, int, bool, Luma]]:
        """Number of the first output frame, how many it lasts, whether it is a key frame, luma; in order."""
        found = []
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            for frame in container.decode(stream):
                assert frame.pts is not None
                assert frame.time_base is not None
                start, length = frame.pts * frame.time_base * FPS, frame.duration * frame.time_base * FPS
                assert start.denominator == length.denominator == 1
                found.append((int(start), int(length), bool(frame.key_frame), plane_views(frame)[0].copy()))
        return found

    def at(self, number: int) -> Luma:
        """What is shown at the time of an output frame."""
        return next(luma for start, length, _, luma in self.frames if start <= number < start + length)

    def sound(self) -> list[tuple[int | None, bytes]]:
        with av.open(str(self.path)) as container:
            return [(p.pts, bytes(p)) for p in container.demux(container.streams.audio[0]) if p.size]

    def packets(self) -> list[tuple[bool, int, int]]:
        """Whether it is a key frame, nal_unit_type and nal_ref_idc of the first unit."""
        with av.open(str(self.path)) as container:
            data = [(p.is_keyframe, bytes(p)[4]) for p in container.demux(container.streams.video[0]) if p.size]
        return [(key, head & 0x1F, head >> 5) for key, head in data]

    def inserted(self) -> int:
        """Pictures under the second parameter set: those that no encoder made."""
        with av.open(str(self.path)) as container:
            return sum(parameter_set(bytes(p)) > 0 for p in container.demux(container.streams.video[0]) if p.size)


def parameter_set(packet: bytes) -> int:
    """pic_parameter_set_id of the first slice (H.264 7.3.3): the third ue(v) behind length and NAL unit header."""
    bits = "".join(f"{byte:08b}" for byte in packet[5:21])
    value = 0
    for _ in range(3):
        zeros = bits.index("1")
        value, bits = int(bits[zeros : 2 * zeros + 1], 2) - 1, bits[2 * zeros + 1 :]
    return value


def plain_video(path: Path) -> Path:
    """A recording that was encoded again: a page at rest, a caret, a box that travels; tone beside it. 2.5 s."""
    width, height = 480, 270
    paper = page(width, height, 3)
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"crf": "14", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1
        sound: Any = container.add_stream("aac", rate=48_000)
        sound.codec_context.layout = "stereo"
        for n in range(75):
            picture = paper
            if n // 8 % 2:
                picture = painted(picture, IntRect(100, 40, 2, 24), 0)
            if 20 <= n < 45:
                picture = painted(picture, IntRect(4 * n, 160, 80, 60), 60, 100)
            frame = av.VideoFrame(width, height, "yuv420p")
            for view, plane in zip(plane_views(frame), picture.planes, strict=True):
                noise = rng.integers(-1, 2, plane.shape) if n % 2 else 0
                view[:] = (plane + noise).clip(0, 255)
            frame.pts, frame.time_base = n, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        wave = 0.2 * np.sin(np.arange(120_000) / 20).astype(np.float32)
        for start in range(0, 120_000, 1024):
            part = np.ascontiguousarray(np.stack([wave[start : start + 1024]] * 2))
            block = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            block.sample_rate, block.pts, block.time_base = 48_000, start, Fraction(1, 48_000)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


@dataclass(frozen=True)
class Source:
    """One recording, all ways."""

    path: Path
    files: dict[str, File]
    composed: list[Luma]

    @property
    def count(self) -> int:
        return len(self.composed)


@pytest.fixture(scope="module", params=["cap", "cap with a camera", "plain video"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("unchanged")
    if request.param == "plain video":
        path = plain_video(folder / "plain.mp4")
    else:
        path = make_tiny_cap(folder / "Tiny.cap", with_camera="camera" in request.param)
    files = {}
    for way in WAYS:
        target = folder / f"{way}.mp4"
        files[way] = File(target, reelpress.export(path, target, settings=settings(unchanged=way, verify="full")))
    return Source(path, files, [p.planes[0].copy() for p in reelpress.render(path, settings=settings())])


def test_frame_count_and_duration_are_the_same(source: Source) -> None:
    for way, file in source.files.items():
        assert file.report.frames.total == source.count
        assert Fraction(file.report.output.duration_s).limit_denominator(1000) == Fraction(source.count) / FPS
        frames = file.frames
        assert frames[0][0] == 0
        assert all(a[0] + a[1] == b[0] for a, b in pairwise(frames))
        assert frames[-1][0] + frames[-1][1] == source.count
        if way != "vfr":
            assert [start for start, *_ in frames] == list(range(source.count))


def test_every_frame_shows_what_was_composed_for_its_time(source: Source) -> None:
    qualities: dict[str, list[float]] = {way: [] for way in WAYS}
    for way, file in source.files.items():
        for number, composed in enumerate(source.composed):
            qualities[way].append(psnr(file.at(number), composed))
    print({way: (round(min(one), 1), round(float(np.mean(one)), 1)) for way, one in qualities.items()})
    for way in ("splice", "vfr"):
        # an inserted picture must not be visibly worse than an encoded one, nor a frame late: that is below 30
        assert min(qualities[way]) > min(qualities["encode"]) - 2.5
        # what is shown of a recording with noise may be as far from it as the tolerance
        less = 1.0 if source.path.suffix == ".cap" else 1.5
        assert np.mean(qualities[way]) > np.mean(qualities["encode"]) - less


def test_first_and_last_frames_are_right(source: Source) -> None:
    for file in source.files.values():
        assert file.frames[0][2], "a key frame"
        assert psnr(file.frames[0][3], source.composed[0]) > 36
        assert psnr(file.frames[-1][3], source.composed[-1]) > 36


def test_variable_and_constant_rate_show_the_same_at_every_time(source: Source) -> None:
    variable = source.files["vfr"]
    for other in (source.files["encode"], source.files["splice"]):
        for number in range(source.count):
            assert psnr(variable.at(number), other.at(number)) > 33
    # and nothing is left out that was composed anew
    starts = {start for start, *_ in variable.frames}
    if source.path.suffix == ".cap":
        for number in range(1, source.count):
            if not np.array_equal(source.composed[number], source.composed[number - 1]):
                assert number in starts


def test_seeking_to_any_frame_gives_that_frame(source: Source) -> None:
    for file in source.files.values():
        with av.open(str(file.path)) as container:
            stream = container.streams.video[0]
            base = stream.time_base
            assert base is not None
            for start, _, _, linear in file.frames[::3] + file.frames[-2:]:
                ticks = int(Fraction(start) / FPS / base)
                container.seek(ticks, stream=stream)
                shown = next(frame for frame in container.decode(stream) if frame.pts == ticks)
                assert np.array_equal(plane_views(shown)[0], linear), f"frame {start}"


def test_key_frames_come_in_time(source: Source) -> None:
    gop = 30
    for way, file in source.files.items():
        keys = [start for start, _, key, _ in file.frames if key]
        starts = [start for start, *_ in file.frames]
        for one, two in pairwise([*keys, source.count]):
            # at the variable rate the first picture after it was due
            due = next((start for start in starts if start >= one + gop), source.count)
            assert two <= (due if way == "vfr" else one + gop)
        flags_and_units = file.packets()
        assert all(key == (unit == 5) for key, unit, _ in flags_and_units)


def test_the_sound_is_the_same_to_the_bit(source: Source) -> None:
    """Together with frame times and contents: picture and sound stay together."""
    wanted = source.files["encode"].sound()
    assert len(wanted) > 50
    for way in ("splice", "vfr"):
        assert source.files[way].sound() == wanted


def test_what_is_inserted_is_no_reference_and_counts_add_up(source: Source) -> None:
    for way, file in source.files.items():
        frames = file.report.frames
        assert frames.composed + frames.patched + frames.held == frames.total == source.count
        assert file.report.fallbacks == []
        if way == "encode":
            assert frames.encoded == frames.total
        elif way == "vfr":
            assert frames.encoded == len(file.frames)
        else:
            made = file.report.unchanged
            inserted = file.inserted()
            assert made["held"] + made["patched"] == inserted > 0
            assert inserted <= sum(reference == 0 for _, _, reference in file.packets())  # the others are B pictures
            assert made["real"] == frames.encoded
            assert frames.encoded + inserted + made["replayed"] == frames.total
        assert file.report.unchanged["used"] == way
    composed = source.composed
    changes = sum(not np.array_equal(a, b) for a, b in pairwise(composed))
    if source.path.suffix == ".cap":
        assert len(source.files["vfr"].frames) == 1 + changes
    else:
        assert len(source.files["vfr"].frames) <= 60  # the box travels for 25 frames, the caret blinks 9 times


def test_a_still_recording_is_made_of_held_pictures_and_replays(tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 480, 270, "yuv420p"
        paper = page(480, 270, 1)
        for n in range(90):
            frame = av.VideoFrame(480, 270, "yuv420p")
            for view, plane in zip(plane_views(frame), paper.planes, strict=True):
                view[:] = plane
            frame.pts, frame.time_base = n, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    spliced = File(tmp_path / "s.mp4", reelpress.export(path, tmp_path / "s.mp4", settings=settings()))
    assert [number for number, _, key, _ in spliced.frames if key] == list(range(0, 90, 30))
    assert spliced.report.frames.encoded <= 3
    assert spliced.report.unchanged["replayed"] >= 1
    left = File(tmp_path / "v.mp4", reelpress.export(path, tmp_path / "v.mp4", settings=settings(unchanged="vfr")))
    assert left.report.frames.encoded == len(left.frames) <= 3
    assert sum(length for _, length, _, _ in left.frames) == 90


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_exports(tiny_cap: Path, tmp_path: Path, way: str, frames: int) -> None:
    asked = quick(unchanged=way, end=Fraction(frames, 30), verify="full", no_audio=False)
    report = reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=asked)
    assert report.frames.total == frames
    file = File(tmp_path / "x.mp4", report)
    assert sum(length for _, length, _, _ in file.frames) == frames


@pytest.mark.parametrize("way", WAYS)
def test_two_exports_are_the_same_to_the_byte(tiny_cap: Path, tmp_path: Path, way: str) -> None:
    # At a CRF at which VBV does not bind: where it does, x264 with frame threads is not the same from run to run.
    for name in ("a.mp4", "b.mp4"):
        reelpress.export(tiny_cap, tmp_path / name, settings=quick(unchanged=way, end=1, no_audio=False, crf=32.0))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


# --- what is said of it -----------------------------------------------------------------------------------------------


def planned(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> dict[str, Any]:
    assert run(["plan", str(path), "--json", "--resolution", SIZE, *options]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    plan: dict[str, Any] = last.get("plan", last)
    return plan


def test_the_plan_says_how_and_why(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for way in WAYS:
        said = planned(capsys, tiny_cap, "--unchanged", way)["unchanged"]
        assert set(said) == {"used", "reason", "tolerance", "tolerance_reason"}
        assert said["used"] == way
        assert said["reason"]
        assert said["tolerance"] == 0, "a .cap has no picture while the screen is still"
    assert planned(capsys, tiny_cap)["unchanged"]["used"] == "splice"


def test_the_tolerance_is_for_recordings_that_were_encoded_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = plain_video(tmp_path / "plain.mp4")
    usual = planned(capsys, path)["unchanged"]
    assert usual["tolerance"] == 3
    assert "3 of 255" in usual["tolerance_reason"]
    assert planned(capsys, path, "--unchanged-tolerance", "7")["unchanged"]["tolerance"] == 7
    assert planned(capsys, path, "--unchanged-tolerance", "0")["unchanged"]["tolerance"] == 0
    assert planned(capsys, path, "--unchanged", "encode")["unchanged"]["tolerance"] == 0


def test_a_cap_can_be_given_a_tolerance(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(capsys, tiny_cap, "--unchanged-tolerance", "2")["unchanged"]["tolerance"] == 2


@pytest.mark.parametrize("tolerance", ["-1", "16", "300"])
def test_a_tolerance_out_of_range_is_refused_in_a_sentence(
    tiny_cap: Path, capsys: pytest.CaptureFixture[str], tolerance: str
) -> None:
    assert run(["plan", str(tiny_cap), "--unchanged-tolerance", tolerance]) == 2
    err = capsys.readouterr().err
    assert f"--unchanged-tolerance is {tolerance}. Allowed is 0 (exact) to 15 (of 255)." in err


def test_tolerances_as_values() -> None:
    for good in (None, 0, 15):
        assert ExportSettings(unchanged_tolerance=good).unchanged_tolerance == good
    for bad in (-1, 16):
        with pytest.raises(SettingsError, match=r"0 .exact. to 15"):
            ExportSettings(unchanged_tolerance=bad)
    with pytest.raises(SettingsError, match="not a whole number"):
        ExportSettings.from_mapping({"unchanged_tolerance": flags.Setting("2.5", "command line")})
    with pytest.raises(SettingsError, match="splice, vfr"):
        ExportSettings(unchanged="hold")  # type: ignore[arg-type]


def test_environment_and_config_file(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "reelpress.toml"
    config.write_text('unchanged = "vfr"\nunchanged-tolerance = 5\n')
    monkeypatch.setattr(flags, "config_files", lambda folder: [config])
    said = planned(capsys, tiny_cap)["unchanged"]
    assert (said["used"], said["tolerance"]) == ("vfr", 5)
    monkeypatch.setenv("REELPRESS_UNCHANGED", "splice")
    monkeypatch.setenv("REELPRESS_UNCHANGED_TOLERANCE", "6")
    said = planned(capsys, tiny_cap)["unchanged"]
    assert (said["used"], said["tolerance"]) == ("splice", 6)
    assert planned(capsys, tiny_cap, "--unchanged", "encode")["unchanged"]["used"] == "encode"


@pytest.mark.parametrize("way", WAYS)
def test_the_trace_has_every_decision(tiny_cap: Path, tmp_path: Path, way: str) -> None:
    asked = settings(unchanged=way, trace=tmp_path / "t.json", encoder_preset="ultrafast", no_audio=True)
    report = reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=asked)
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    tracks = {e["args"]["name"]: e["tid"] for e in events if e["name"] == "thread_name"}
    decided = [
        e for e in events if e["ph"] == "i" and e["tid"] == tracks["encode"] and e["name"].startswith("encode: ")
    ]
    assert [e["args"]["frame"] for e in decided] == list(range(report.frames.total))
    assert all(e["args"]["why"] for e in decided)
    kinds = Counter(e["name"].removeprefix("encode: ") for e in decided)
    assert kinds["real"] + kinds["key"] == report.frames.encoded
    assert set(kinds) <= {"splice": {"real", "key", "hold", "patch", "replay"}, "vfr": {"real", "key", "hold"}}.get(
        way, {"real"}
    )


# --- when it fails ----------------------------------------------------------------------------------------------------


@pytest.fixture
def break_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """An encoder that changes its mind: so many packets are as they should be."""
    real = Splicer.real

    def call(packets: int) -> None:
        left = [packets]

        def refusing(self: Splicer, access_unit: bytes, display: int) -> bytes:
            left[0] -= 1
            if left[0] < 0:
                raise SpliceRefused("A picture has several slices.")
            return real(self, access_unit, display)

        monkeypatch.setattr(Splicer, "real", refusing)

    return call


@pytest.mark.parametrize("packets", [0, 5])
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_a_refusal_in_the_middle_starts_again_with_every_frame_encoded(
    tiny_cap: Path, tmp_path: Path, break_after: Callable[[int], None], packets: int, preset: str
) -> None:
    """At once; after some packets; and where look-ahead lets it be seen only at the very end."""
    break_after(packets)
    events: list[Event] = []
    asked = quick(encoder_preset=preset, no_audio=False, verify="full")
    report = reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=asked, on_event=events.append)
    (fallback,) = report.fallbacks
    assert (fallback.stage, fallback.wanted, fallback.used) == ("encode", "splice", "encode")
    assert fallback.reason == "A picture has several slices."
    assert [e.reason for e in events if isinstance(e, FallbackEvent)] == [fallback.reason]
    assert report.unchanged["used"] == "encode"
    frames = report.frames
    assert frames.encoded == frames.total == frames.composed + frames.patched + frames.held == 15
    assert [number for number, *_ in File(tmp_path / "x.mp4", report).frames] == list(range(15))
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]
    assert all(event.fps >= 0 for event in events if isinstance(event, ProgressEvent))
    plain = tmp_path / "plain.mp4"
    reelpress.export(tiny_cap, plain, settings=quick(encoder_preset=preset, no_audio=False, unchanged="encode"))
    assert len(plain.read_bytes()) == pytest.approx(len((tmp_path / "x.mp4").read_bytes()), rel=0.05)


def test_strict_makes_a_refusal_in_the_middle_an_error(
    tiny_cap: Path, tmp_path: Path, break_after: Callable[[int], None]
) -> None:
    break_after(3)
    target = tmp_path / "x.mp4"
    target.write_bytes(b"precious")
    with pytest.raises(StrictFallbackError, match="several slices"):
        reelpress.export(tiny_cap, target, settings=quick(strict=True, overwrite=True))
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]
    assert target.read_bytes() == b"precious"


def refusing(*args: Any, **more: Any) -> Any:
    raise SpliceRefused("The stream has stripes.")


def test_an_encoder_that_cannot_be_spliced_has_longer_durations(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "Splicer", refusing)
    events: list[Event] = []
    asked = settings(encoder_preset="ultrafast", no_audio=False, verify="full")
    report = reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=asked, on_event=events.append)
    (fallback,) = report.fallbacks
    assert (fallback.wanted, fallback.used, fallback.reason) == ("splice", "vfr", "The stream has stripes.")
    assert sum(isinstance(event, FallbackEvent) for event in events) == 1
    assert report.unchanged["used"] == "vfr"
    file = File(tmp_path / "x.mp4", report)
    assert report.frames.encoded == len(file.frames)
    assert sum(length for _, length, _, _ in file.frames) == report.frames.total == 60


def test_strict_makes_it_an_error_and_leaves_nothing(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "Splicer", refusing)
    with pytest.raises(StrictFallbackError, match=r"vfr.*stripes"):
        reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=quick(strict=True, no_audio=False))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_refused_where_it_was_not_asked_for(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "Splicer", refusing)
    for way in ("vfr", "encode"):
        report = reelpress.export(tiny_cap, tmp_path / f"{way}.mp4", settings=quick(unchanged=way, strict=True))
        assert report.fallbacks == []


def test_other_faults_of_the_encoder_are_no_reason_to_start_again(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def broken(*args: Any, **more: Any) -> Any:
        calls.append(1)
        raise ValueError("out of ideas")

    monkeypatch.setattr(VideoSession, "encode", broken)
    with pytest.raises(ExportError, match="encode stage failed: ValueError: out of ideas"):
        reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=quick())
    assert calls == [1]
    assert list(tmp_path.iterdir()) == []
