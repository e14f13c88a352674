"""Decoders on a chip: exact, faster, or not taken; and what happens when one gives up in the middle.

There is no chip where these tests run, so a software decoder plays it: the code that judges and the code that falls
back are the shipped ones.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from videos import make_video, read_number

from reelpress.errors import SettingsError, UnreadableInputError
from reelpress.export.decoding import SHORTEST, choose_decoder
from reelpress.export.settings import DECODERS, ExportSettings
from reelpress.media import decode, hardware
from reelpress.media._decoder import DecoderRun
from reelpress.media.decode import VideoSource
from reelpress.media.hardware import DEVICES, TRIAL_FRAMES, Tried, devices, same_picture, try_device, why_absent
from reelpress.media.index import build_index
from reelpress.media.probe import VideoStreamInfo, probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.video.frame import VideoFrame


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("hardware") / "a.mp4", size=(66, 48), frames=60, bframes=2)


@pytest.fixture(scope="module")
def info(path: Path) -> VideoStreamInfo:
    found = probe(path).video
    assert found is not None
    return found


class Clock:
    """Each reading is ``step`` seconds later, as the run that is measured sets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Pretended(DecoderRun):
    """A software decoder that says it is a chip, gives NV12, and takes the time it is told."""

    clock: Clock
    opening_s = 0.0
    per_frame_s: dict[bool, float]
    spoil: Callable[[int, VideoFrame], VideoFrame | None] = staticmethod(lambda number, frame: frame)

    def __init__(self, *args: Any, hardware: str | None = None) -> None:
        super().__init__(*args, hardware=None)
        self.chip = hardware is not None
        self.count = 0
        self.clock.now += self.opening_s if self.chip else 0

    def next(self) -> VideoFrame | None:
        frame = super().next()
        if frame is None:
            return None
        self.clock.now += self.per_frame_s[self.chip]
        self.count += 1
        if self.chip:
            pts, base = frame.pts, frame.time_base
            frame = frame.reformat(format="nv12")
            frame.pts, frame.time_base = pts, base
            return self.spoil(self.count - 1, frame)
        return frame


def tried(path: Path, info: VideoStreamInfo, frames: int = 60, **changes: Any) -> Tried:
    clock = Clock()
    settings = {"clock": clock, "opening_s": 0.0, "per_frame_s": {False: 0.010, True: 0.002}, **changes}
    kind = type("Played", (Pretended,), settings)
    return try_device("cuda", path, info, threads=1, frames=frames, clock=clock, opened=kind)


def test_a_chip_that_is_right_and_faster_is_taken(path: Path, info: VideoStreamInfo) -> None:
    found = tried(path, info)
    assert found.why_not is None
    assert found.ratio == pytest.approx(5.0, rel=0.1)


def test_opening_it_counts(path: Path, info: VideoStreamInfo) -> None:
    # 60 pictures: 0.6 s in software; the chip needs 1 s before its first. 6000 pictures: 60 s against 13 s.
    slow = tried(path, info, opening_s=1.0)
    assert slow.why_not is not None
    assert slow.why_not.endswith("for 60 pictures")
    assert tried(path, info, 6000, opening_s=1.0).why_not is None


def test_a_chip_that_is_no_faster_is_left(path: Path, info: VideoStreamInfo) -> None:
    found = tried(path, info, per_frame_s={False: 0.010, True: 0.0095})
    assert found.why_not is not None
    assert found.ratio == pytest.approx(1.05, rel=0.05)


def test_one_sample_off_by_one_is_found(path: Path, info: VideoStreamInfo) -> None:
    def spoil(number: int, frame: VideoFrame) -> VideoFrame:
        if number != 17:
            return frame
        array = frame.to_ndarray()
        array[5, 7] ^= 1
        spoiled = av.VideoFrame.from_ndarray(array, "nv12")
        spoiled.pts, spoiled.time_base = frame.pts, frame.time_base
        return spoiled

    assert tried(path, info, spoil=staticmethod(spoil)).why_not == "its picture 17 is not that of the software decoder"


def test_missing_pictures_are_found(path: Path, info: VideoStreamInfo) -> None:
    found = tried(path, info, spoil=staticmethod(lambda number, frame: frame if number < 9 else None))
    assert found.why_not == f"it gave 9 pictures where software gives {TRIAL_FRAMES}"


def test_what_cannot_be_opened_is_told(path: Path, info: VideoStreamInfo) -> None:
    def refuse(*args: Any, hardware: str | None = None) -> DecoderRun:
        if hardware is None:
            return DecoderRun(*args)
        raise UnreadableInputError("no such device.")

    found = try_device("cuda", path, info, threads=1, frames=60, opened=refuse)
    assert found.why_not == "cannot be opened for this file (no such device)"


def test_codecs_that_no_chip_knows_are_not_tried(tmp_path: Path) -> None:
    file = make_video(tmp_path / "a.avi", codec="mpeg4")
    found = probe(file).video
    assert found is not None
    assert try_device("cuda", file, found, threads=1, frames=9).why_not == "chips do not decode mpeg4"


def test_ten_bits_are_compared_in_both_layouts() -> None:
    rng = np.random.default_rng(7)
    planar = av.VideoFrame(34, 18, "yuv420p10le")
    for plane in planar.planes:
        whole = np.frombuffer(plane, "<u2")  # type: ignore[call-overload]
        whole[:] = rng.integers(0, 1024, whole.size)
    packed = planar.reformat(format="p010le")
    assert same_picture(planar, packed)
    samples = np.frombuffer(packed.planes[1], "<u2")  # type: ignore[call-overload]
    samples[3] ^= 1 << 6
    assert not same_picture(planar, packed)
    assert not same_picture(planar, av.VideoFrame(34, 18, "rgb24"))
    assert not same_picture(planar, av.VideoFrame(32, 18, "yuv420p10le"))


def test_device_files_tell_what_is_worth_trying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["cuda", "qsv", "vaapi", "videotoolbox", "d3d11va"])
    assert devices("linux", tmp_path) == []
    (tmp_path / "dev/dri").mkdir(parents=True)
    (tmp_path / "dev/dri/renderD128").touch()
    assert devices("linux", tmp_path) == ["qsv", "vaapi"]
    (tmp_path / "dev/nvidiactl").touch()
    assert devices("linux", tmp_path) == ["cuda", "qsv", "vaapi"]
    assert devices("darwin", tmp_path) == ["videotoolbox"]
    assert devices("win32", tmp_path) == ["cuda", "d3d11va", "qsv"]
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["drm"])
    assert devices("win32", tmp_path) == []


def test_why_one_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["cuda", "qsv"])
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    assert {name: why_absent(name, "linux", tmp_path) for name in DEVICES} == {
        "cuda": None,
        "videotoolbox": "not on this platform",
        "d3d11va": "not on this platform",
        "qsv": "no device file of it",
        "vaapi": "not in this installation's codec library",
    }
    assert why_absent("d3d11va", "win32", tmp_path) == "not in this installation's codec library"
    assert why_absent("qsv", "win32", tmp_path) is None


def test_the_settings_know_every_device() -> None:
    assert set(DECODERS) == {"auto", "software", *DEVICES}


# In the middle of a file


class GivesUp(DecoderRun):
    """A chip that fails at one packet; software never does."""

    at = 0

    def __init__(self, *args: Any, hardware: str | None = None) -> None:
        super().__init__(*args, hardware=None)
        self.hardware = hardware
        self.given = 0

    def next(self) -> VideoFrame | None:
        if self.hardware is not None:
            self.given += 1
            if self.given > self.at:
                self.error = "the device was lost"
                self.tainted = True
                return None
        return super().next()


@pytest.mark.parametrize("at", [0, 1, 23, 59])
def test_software_goes_on_where_a_chip_gives_up(
    path: Path, info: VideoStreamInfo, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "DecoderRun", type("GivesUpThere", (GivesUp,), {"at": at}))
    index = build_index(path, info.index)
    source = VideoSource(path, info, index, threads=2, decoder="cuda")
    try:
        frames = [source.frame(number) for number in range(60)]
    finally:
        source.close()
    assert [read_number(frame.planes) for frame in frames] == list(range(60))
    assert not any(frame.repeated for frame in frames)
    assert source.device_lost is not None
    assert "the device was lost" in source.device_lost
    assert source.threads == 1


def test_software_begins_where_a_chip_cannot_be_opened(
    path: Path, info: VideoStreamInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Absent(DecoderRun):
        def __init__(self, *args: Any, hardware: str | None = None) -> None:
            if hardware is not None:
                raise UnreadableInputError("permission denied")
            super().__init__(*args)

    monkeypatch.setattr(decode, "DecoderRun", Absent)
    source = VideoSource(path, info, build_index(path, info.index), threads=2, decoder="cuda")
    assert read_number(source.frame(31).planes) == 31
    assert source.threads == 2
    assert source.device_lost == "cuda cannot be opened (permission denied)"
    source.close()


def test_an_unknown_device_is_refused(path: Path, info: VideoStreamInfo) -> None:
    with pytest.raises(SettingsError, match="software, cuda"):
        VideoSource(path, info, build_index(path, info.index), threads=1, decoder="opencl")


# The choice


def track(codec: str = "h264", width: int = 64, height: int = 48) -> Any:
    return SimpleNamespace(info=SimpleNamespace(codec=codec, width=width, height=height))


def chosen(decoder: str, answers: dict[str, Tried], frames: int = 600) -> Any:
    return choose_decoder(
        [track(), track("vp9", 32, 24)],
        ExportSettings(decoder=decoder),
        threads=2,
        frames=frames,
        trial=lambda name, largest: answers[name] if largest.info.codec == "h264" else Tried(name, "the wrong track"),
        present=lambda: list(answers),
    )


def test_auto_takes_the_first_that_is_right_and_faster() -> None:
    answers = {
        "cuda": Tried("cuda", "it is not right"),
        "qsv": Tried("qsv", None, 2.0),
        "vaapi": Tried("vaapi", None, 9.0),
    }
    name, choice, lost = chosen("auto", answers)
    assert (name, choice.used, lost) == ("qsv", "qsv (h264, vp9)", [])
    assert choice.rejected == (("cuda", "it is not right"),)


def test_auto_stays_with_software_otherwise() -> None:
    name, choice, lost = chosen("auto", {"cuda": Tried("cuda", "it is slow", 0.5)})
    assert (name, lost) == ("software", [])
    assert choice.rejected == (("cuda", "it is slow"),)
    assert chosen("auto", {"cuda": Tried("cuda", None, 9.0)}, SHORTEST - 1)[0] == "software"


def test_one_asked_for_by_name_is_taken_though_it_is_slow_but_not_though_it_is_wrong() -> None:
    assert chosen("cuda", {"cuda": Tried("cuda", "it is slow", 0.5)})[0] == "cuda"
    name, _, lost = chosen("cuda", {"cuda": Tried("cuda", "its picture 3 is wrong")})
    assert name == "software"
    assert [(each.stage, each.wanted, each.used) for each in lost] == [("decode", "cuda", "software")]
    assert chosen("vaapi", {"cuda": Tried("cuda", None, 2.0)})[2][0].wanted == "vaapi"


def test_software_asked_for_by_name_tries_nothing() -> None:
    name, choice, lost = chosen("software", {})
    assert (name, lost, choice.rejected) == ("software", [], ())
