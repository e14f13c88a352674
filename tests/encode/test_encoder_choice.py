"""Which encoder an export takes: candidates in order, trials of pictures, verdicts that are kept."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

from reelpress.encode.candidates import CANDIDATES, for_codec
from reelpress.encode.select import EncoderChoice, choose_encoder
from reelpress.encode.verdicts import DISPLAY_ADAPTERS, LIMIT, Verdicts, driver_version, key_of
from reelpress.errors import EncoderError, SettingsError
from reelpress.media.encoder import EncoderSpec, VideoSession
from reelpress.media.faults import encoding
from reelpress.media.opening import bare_session, has_encoder
from reelpress.media.packets import EncodedPacket
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.media.trial import FRAMES, pattern, trial

SPEC = EncoderSpec(width=192, height=128, fps=Fraction(30), crf=18)


class Faulty:
    """A real x264 whose pictures are spoiled on the way in, as a broken driver would."""

    def __init__(self, spec: EncoderSpec, spoil: Callable[[Faulty, Planes], Planes]) -> None:
        self.inner: VideoSession = bare_session(spec)
        self.spoil = spoil
        self.last: Planes | None = None

    @property
    def extradata(self) -> bytes:
        return self.inner.extradata

    def encode(self, planes: Planes, pts: int) -> list[EncodedPacket]:
        return self.inner.encode(self.spoil(self, planes), pts)

    def flush(self) -> list[EncodedPacket]:
        return self.inner.flush()


def copy_of(planes: Planes) -> Planes:
    copy = allocate(planes.width, planes.height, planes.format, planes.color)
    for target, source in zip(copy.planes, planes.planes, strict=True):
        target[...] = source
    return copy


def test_a_chip_without_memory_in_its_trial_is_asked_again() -> None:
    """Another program has its memory now: that says nothing about the next time, so it is not kept."""

    class Full(Faulty):
        def encode(self, planes: Planes, pts: int) -> list[EncodedPacket]:
            with encoding("h264_nvenc"):
                av.error.err_check(-errno.ENOMEM)
            raise AssertionError

    with pytest.raises(EncoderError, match="ran out of memory in its trial"):
        trial(SPEC, "h264", lambda spec: Full(spec, lambda _, planes: planes))


def swapped(_: Faulty, planes: Planes) -> Planes:
    copy = copy_of(planes)
    copy.planes[1][...], copy.planes[2][...] = planes.planes[2], planes.planes[1]
    return copy


def full_range(_: Faulty, planes: Planes) -> Planes:
    copy = copy_of(planes)
    copy.planes[0][...] = np.clip((planes.planes[0].astype(float) - 16) * 255 / 219, 0, 255).round()
    return copy


def zeroed(_: Faulty, planes: Planes) -> Planes:
    copy = copy_of(planes)
    for plane in copy.planes:
        plane[...] = 0
    return copy


def grey(_: Faulty, planes: Planes) -> Planes:
    copy = copy_of(planes)
    for plane in copy.planes:
        plane[...] = 128
    return copy


def late(faulty: Faulty, planes: Planes) -> Planes:
    before, faulty.last = faulty.last, planes
    return planes if before is None else before


def repeated_last(faulty: Faulty, planes: Planes) -> Planes:
    """The first picture again and again."""
    faulty.last = faulty.last or planes
    return faulty.last


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (swapped, "other colours"),
        (full_range, "other colours"),
        (zeroed, "one colour (0 of 255)"),
        (grey, "one colour (128 of 255)"),
        (late, "Picture 1 came out as picture 0"),
        (repeated_last, "Picture 1 came out as picture 0"),
    ],
)
def test_broken_encoders_are_caught(spoil: Callable[[Faulty, Planes], Planes], words: str) -> None:
    wrong = trial(SPEC, "h264", lambda spec: Faulty(spec, spoil))
    assert wrong is not None
    assert words in wrong


def test_a_lost_picture_is_caught() -> None:
    class Losing(Faulty):
        def encode(self, planes: Planes, pts: int) -> list[EncodedPacket]:
            return [] if pts == 2 else super().encode(planes, pts)

    wrong = trial(SPEC, "h264", lambda spec: Losing(spec, lambda _, planes: planes))
    assert wrong == f"Of {FRAMES} pictures 4 came back, at the times 0, 1, 3, 4."


def test_packets_that_cannot_be_decoded_are_caught() -> None:
    class Garbling(Faulty):
        def flush(self) -> list[EncodedPacket]:
            return [
                EncodedPacket(p.kind, b"\xff" * 40, p.pts, p.dts, p.duration, p.is_key, p.time_base)
                for p in self.inner.flush()
            ]

    wrong = trial(SPEC, "h264", lambda spec: Garbling(spec, lambda _, planes: planes))
    assert wrong is not None


@pytest.mark.parametrize(("name", "codec"), [("libx264", "h264"), ("libx265", "hevc"), ("libsvtav1", "av1")])
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_software_encoders_pass(name: str, codec: str, preset: str) -> None:
    if not has_encoder(name):
        pytest.skip(f"{name} is not in this PyAV")
    spec = EncoderSpec(width=192, height=128, fps=Fraction(30), crf=18, codec=name, preset=preset, maxrate=4_000_000)
    assert trial(spec, codec) is None


@pytest.mark.parametrize(("width", "height"), [(64, 64), (642, 362), (1920, 1080)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12"])
def test_sizes_and_formats_pass(width: int, height: int, pixel_format: str) -> None:
    spec = EncoderSpec(width=width, height=height, fps=Fraction(30), pixel_format=pixel_format)
    assert trial(spec, "h264") is None


def test_patterns_differ_in_each_field() -> None:
    one, two = pattern(SPEC, 0), pattern(SPEC, 1)
    assert (np.abs(one.planes[0].astype(int) - two.planes[0]).min()) >= 32
    assert one.planes[0].min() >= 16
    assert one.planes[0].max() <= 235


def no_trial(spec: EncoderSpec, codec: str) -> str | None:
    raise EncoderError(f"The video encoder {spec.codec} refused its settings: no such device.")


def test_without_chips_software_is_taken_and_the_reasons_are_told() -> None:
    found = choose_encoder(SPEC, "h264", system="linux", trial=no_trial)
    assert found.choice.used == "libx264"
    assert found.pixel_format == "yuv420p"
    assert found.wanted is None
    reasons = dict(found.choice.rejected)
    assert list(reasons) == ["h264_videotoolbox", "h264_nvenc", "h264_qsv", "h264_amf", "h264_mf"]
    assert reasons["h264_videotoolbox"] == "exists on macOS only"
    assert "no such device" in reasons["h264_nvenc"]


def test_the_first_chip_that_is_right_is_taken() -> None:
    asked: list[str] = []

    def right_from_qsv_on(spec: EncoderSpec, codec: str) -> str | None:
        asked.append(f"{spec.codec} {spec.pixel_format}")
        return None if spec.codec == "h264_qsv" else "Picture 1 came out in one colour (0 of 255)."

    found = choose_encoder(SPEC, "h264", system="linux", trial=right_from_qsv_on)
    assert asked == ["h264_nvenc yuv420p", "h264_qsv nv12"]
    assert (found.choice.used, found.pixel_format) == ("h264_qsv", "nv12")
    assert dict(found.choice.rejected)["h264_nvenc"] == "Picture 1 came out in one colour (0 of 255)."


def test_an_encoder_asked_for_by_name_is_honoured_or_named_as_lost() -> None:
    assert choose_encoder(SPEC, "h264", "libx264", system="linux", trial=no_trial).wanted is None
    lost = choose_encoder(SPEC, "h264", "h264_amf", system="linux", trial=no_trial)
    assert (lost.choice.used, lost.wanted) == ("libx264", "h264_amf")
    assert lost.choice.rejected[0][0] == "h264_amf"


@pytest.mark.parametrize(
    ("name", "codec", "words"),
    [("x264", "h264", "is not known"), ("libx265", "h264", "--codec hevc"), ("h264_nvenc", "av1", "libsvtav1")],
)
def test_names_that_make_no_sense_are_refused(name: str, codec: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        choose_encoder(SPEC, codec, name, trial=no_trial)


def test_verdicts_of_pictures_are_kept_and_of_opening_are_not(tmp_path: Path) -> None:
    memory = Verdicts(tmp_path / "cache" / "verdicts.json")
    calls: list[str] = []

    def wrong(spec: EncoderSpec, codec: str) -> str | None:
        calls.append(spec.codec)
        if spec.codec == "h264_nvenc":
            return "Picture 3 came out as picture 2."
        raise EncoderError("All sessions are in use.")

    for _ in range(2):
        choose_encoder(SPEC, "h264", system="linux", trial=wrong, verdicts=memory)
    assert calls == ["h264_nvenc", "h264_qsv", "h264_amf", "h264_qsv", "h264_amf"]


def test_verdicts_belong_to_size_options_library_and_driver() -> None:
    one = key_of(SPEC, "a", "b")
    bigger = EncoderSpec(width=256, height=128, fps=Fraction(30), crf=18)
    assert len({one, key_of(bigger, "a", "b"), key_of(SPEC, "c", "b"), key_of(SPEC, "a", "d")}) == 4
    assert one == key_of(SPEC, "a", "b")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b'{"a": 3}', b"{"])
def test_a_spoiled_file_of_verdicts_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "verdicts.json"
    file.write_bytes(content)
    memory = Verdicts(file)
    assert memory.get("a") == (False, None)
    memory.put("b", None)
    assert memory.get("b") == (True, None)


def test_old_verdicts_go_and_unwritable_places_do_no_harm(tmp_path: Path) -> None:
    memory = Verdicts(tmp_path / "verdicts.json")
    for number in range(LIMIT + 3):
        memory.put(str(number), "wrong")
    assert memory.get("2") == (False, None)
    assert memory.get(str(LIMIT + 2)) == (True, "wrong")
    assert [file.name for file in tmp_path.iterdir()] == ["verdicts.json"]
    (tmp_path / "file").write_text("")
    Verdicts(tmp_path / "file" / "below.json").put("a", None)


def test_the_driver_is_read_where_the_system_tells_it(tmp_path: Path) -> None:
    folder = tmp_path / "proc/driver/nvidia"
    folder.mkdir(parents=True)
    (folder / "version").write_text("NVRM version: NVIDIA UNIX 580.159.04\nGCC version: 12\n")
    assert driver_version("h264_nvenc", "linux", tmp_path) == "NVRM version: NVIDIA UNIX 580.159.04"


def test_another_library_of_intels_or_amds_driver_is_another_driver(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    bare = driver_version("h264_qsv", "linux", tmp_path)
    (folder / "libmfx-gen.so.1.2.8").write_bytes(b"one")
    first = driver_version("h264_qsv", "linux", tmp_path)
    (folder / "libmfx-gen.so.1.2.8").write_bytes(b"another")
    second = driver_version("h264_qsv", "linux", tmp_path)
    (folder / "libamfrt64.so.1").write_bytes(b"")
    assert len({bare, first, second, driver_version("h264_amf", "linux", tmp_path)}) == 4


def test_on_windows_the_registry_tells_the_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of two cards, of which one cannot be read."""
    cards = {"0000": {"DriverDesc": "NVIDIA RTX", "DriverVersion": "32.0.15.6094"}, "0001": {}}

    class Key:
        def __init__(self, values: dict[str, str]) -> None:
            self.values = values

        def __enter__(self) -> Key:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def opened(parent: object, name: str) -> Key:
        if name == DISPLAY_ADAPTERS:
            return Key({})
        if name not in cards:
            raise FileNotFoundError(name)
        return Key(cards[name])

    def asked(key: Key, name: str) -> tuple[str, int]:
        if name not in key.values:
            raise FileNotFoundError(name)
        return key.values[name], 1

    fake = ModuleType("winreg")
    fake.HKEY_LOCAL_MACHINE, fake.OpenKey, fake.QueryValueEx = object(), opened, asked  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "winreg", fake)
    old = driver_version("h264_nvenc", "win32")
    assert old.endswith(", NVIDIA RTX 32.0.15.6094")
    cards["0000"]["DriverVersion"] = "32.0.15.7000"
    assert driver_version("h264_nvenc", "win32") != old


def test_each_codec_ends_with_software_that_takes_planar_pictures() -> None:
    for codec in ("h264", "hevc", "av1"):
        last = for_codec(codec)[-1]
        assert not last.hardware
        assert "yuv420p" in last.formats
    assert len({each.name for each in CANDIDATES}) == len(CANDIDATES)


def on_a_mac(formats: tuple[str, ...], wrong: dict[str, str], codec: str = "h264") -> tuple[EncoderChoice, list[str]]:
    """The choice for ``formats``, and what was tried; ``wrong``: pixel formats that do not pass."""
    asked: list[str] = []

    def tried(spec: EncoderSpec, _: str) -> str | None:
        asked.append(f"{spec.codec} {spec.pixel_format} {spec.device}")
        return wrong.get(spec.pixel_format)

    return choose_encoder(SPEC, codec, formats=formats, system="darwin", trial=tried), asked


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_on_a_mac_the_gpus_nv12_goes_straight_into_apples_encoder(codec: str) -> None:
    found, asked = on_a_mac(("nv12", "yuv420p"), {}, codec)
    assert (found.choice.used, found.pixel_format, found.device) == (f"{codec}_videotoolbox", "nv12", None)
    assert asked == [f"{codec}_videotoolbox nv12 None"], "BGRA is not tried unasked"


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_bgra_goes_into_it_when_that_is_wanted(codec: str) -> None:
    found, asked = on_a_mac(("bgra", "nv12", "yuv420p"), {}, codec)
    assert (found.choice.used, found.pixel_format, found.device) == (f"{codec}_videotoolbox", "bgra", "videotoolbox")
    assert found.inside is None
    assert asked == [f"{codec}_videotoolbox bgra videotoolbox"]


def test_bgra_that_comes_out_wrong_leaves_the_encoder_with_nv12_and_a_reason() -> None:
    wrong = "Picture 0 came out with other colours, up to 28 of 255 away."
    found, asked = on_a_mac(("bgra", "nv12", "yuv420p"), {"bgra": wrong})
    assert (found.choice.used, found.pixel_format, found.device) == ("h264_videotoolbox", "nv12", None)
    assert found.inside == wrong
    assert asked == ["h264_videotoolbox bgra videotoolbox", "h264_videotoolbox nv12 None"]


def test_encoders_that_do_not_convert_say_who_does() -> None:
    found = choose_encoder(SPEC, "h264", formats=("bgra", "nv12", "yuv420p"), system="linux", trial=no_trial)
    assert (found.choice.used, found.pixel_format, found.device) == ("libx264", "nv12", None)
    assert found.inside == "libx264 does not convert bgra itself; h264_videotoolbox does, on macOS"
    found = choose_encoder(SPEC, "av1", formats=("bgra", "nv12", "yuv420p"), system="darwin", trial=no_trial)
    assert found.inside == "libsvtav1 does not convert bgra itself; none for av1 does"


def test_a_verdict_about_bgra_is_not_one_about_nv12() -> None:
    spec = replace(SPEC, codec="h264_videotoolbox", pixel_format="nv12")
    inside = replace(spec, pixel_format="bgra", device="videotoolbox")
    assert key_of(spec, "a", "b") != key_of(inside, "a", "b")
