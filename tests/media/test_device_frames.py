"""BGRA into an encoder as it is, through frames of its device: what is given, what is refused, and the trial before.

No device of this kind is at hand, so the codec library's encoder behind the frames is played by libx264 with a
conversion before it: the part of macOS. Everything on this side of PyAV is the real thing.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel

from reelpress.color import BT709_LIMITED, SRGB, ColorSpec, Matrix, Range, Siting, rgb_to_codes
from reelpress.convert.reference import ReferenceConverter
from reelpress.errors import EncoderError, FormatError
from reelpress.media import opening
from reelpress.media.encoder import EncoderSpec, VideoSession, shared_frame
from reelpress.media.mux import Mp4Writer
from reelpress.media.opening import acceleration, bare_session
from reelpress.media.packets import EncodedPacket
from reelpress.media.planes import Planes
from reelpress.media.trial import FRAMES, expected, pattern, trial

SPEC = EncoderSpec(
    192, 128, Fraction(30), crf=18, codec="h264_videotoolbox", pixel_format="bgra", device="videotoolbox"
)
PLAIN = replace(SPEC, codec="libx264", pixel_format="yuv420p", device=None)


def bgra(width: int, height: int, padding: int = 0) -> Planes:
    """Noise, opaque, with ``padding`` bytes after each row."""
    memory = np.random.default_rng(7).integers(0, 256, (height, 4 * width + padding), np.uint8)
    return Planes("bgra", width, height, (memory[:, : 4 * width],), SRGB)


class MacOs:
    """The encoder behind a device's frames: converts BGRA to BT.709 as told, or wrongly, and encodes."""

    def __init__(self, spec: EncoderSpec, made: ColorSpec = BT709_LIMITED) -> None:
        assert (spec.pixel_format, spec.device, spec.color) == ("bgra", "videotoolbox", BT709_LIMITED)
        self.spec, self.made = spec, made
        self.inner: VideoSession = bare_session(replace(PLAIN, width=spec.width, height=spec.height))

    @property
    def extradata(self) -> bytes:
        return self.inner.extradata

    def encode(self, planes: Planes, pts: int) -> list[EncodedPacket]:
        assert (planes.format, planes.color) == ("bgra", SRGB)
        found = ReferenceConverter().convert(planes, "yuv420p", self.made)
        found.color = BT709_LIMITED
        return self.inner.encode(found, pts)

    def flush(self) -> list[EncodedPacket]:
        return self.inner.flush()


def test_bgra_is_for_encoders_with_a_device_only() -> None:
    with pytest.raises(FormatError, match="asked for bgra; allowed: yuv420p, nv12"):
        replace(PLAIN, pixel_format="bgra")
    with pytest.raises(FormatError, match="asked for nv12; allowed: bgra"):
        replace(SPEC, pixel_format="nv12")
    assert (SPEC.taken, SPEC.color, PLAIN.taken) == (SRGB, BT709_LIMITED, BT709_LIMITED)


@pytest.mark.parametrize("padding", [0, 64, 4])
def test_a_frame_borrows_the_rows_of_a_picture(padding: int) -> None:
    planes = bgra(30, 8, padding)
    frame = shared_frame(planes)
    assert (frame.format.name, frame.width, frame.height) == ("bgra", 30, 8)
    assert frame.planes[0].buffer_ptr == planes.planes[0].ctypes.data
    assert frame.planes[0].line_size == 4 * 30 + padding
    assert np.array_equal(frame.to_ndarray().reshape(8, -1), planes.planes[0])
    # AVCOL_SPC_UNSPECIFIED: "RGB" (0) would be written into the video as its matrix.
    assert frame.colorspace == 2


def test_rows_that_cannot_be_borrowed_are_copied() -> None:
    planes = bgra(30, 8, padding=3)
    assert np.array_equal(shared_frame(planes).to_ndarray().reshape(8, -1), planes.planes[0])


def test_the_device_is_the_one_that_was_asked_for_and_never_software() -> None:
    made = acceleration(SPEC)
    assert isinstance(made, HWAccel)
    assert made.allow_software_fallback is False
    assert acceleration(PLAIN) is None


def test_an_encoder_that_takes_no_such_frames_says_so(tmp_path: Path) -> None:
    """libx264 for real: PyAV refuses."""
    wrong = replace(SPEC, codec="libx264")
    with pytest.raises(EncoderError, match="libx264 takes no pictures in frames of videotoolbox"):
        bare_session(wrong)
    with pytest.raises(EncoderError, match="libx264 takes no pictures in frames of videotoolbox"):
        Mp4Writer(tmp_path / "a.mp4", video=wrong)


@pytest.mark.skipif("h264_videotoolbox" in av.codecs_available, reason="this library has it")
def test_an_encoder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="h264_videotoolbox is not in this installation's codec library"):
        bare_session(SPEC)
    with pytest.raises(EncoderError, match="h264_videotoolbox is not in this installation's codec library"):
        Mp4Writer(tmp_path / "a.mp4", video=SPEC)


def test_a_device_that_does_not_open_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise av.error.PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(opening, "CodecContext", type("Context", (), {"create": staticmethod(fails)}))
    with pytest.raises(EncoderError, match=r"The device videotoolbox cannot be opened \(Operation not permitted\)\."):
        bare_session(SPEC)


def test_other_pictures_are_refused_not_converted() -> None:
    """What PyAV would do silently by swscale, with the matrix of standard definition."""

    class Never:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    session = VideoSession(Never(), SPEC)  # type: ignore[arg-type]
    for wrong in (bgra(64, 48), replace(bgra(192, 128), color=BT709_LIMITED), pattern(PLAIN, 0)):
        with pytest.raises(FormatError, match="it was opened for bgra 192x128 in"):
            session.encode(wrong, 0)


def test_the_trials_picture_in_both_formats() -> None:
    """BGRA and the codes expected of it, worked out with another function; fields stay apart from each other."""
    kinds = set()
    for number in range(FRAMES):
        given, right = pattern(SPEC, number), expected(SPEC, number)
        pixels = given.planes[0].reshape(128, 192, 4)
        assert (pixels[..., 3] == 255).all()
        for row in range(16, 128, 32):
            for column in range(16, 192, 32):
                blue, green, red = (int(v) / 255 for v in pixels[row, column, :3])
                found = [int(right.planes[0][row, column])]
                found += [int(plane[row // 2, column // 2]) for plane in right.planes[1:]]
                assert np.abs(np.array(rgb_to_codes((red, green, blue))) - found).max() <= 0.5000001
                kinds.add(tuple(found))
    assert len(kinds) == 24
    apart = min(max(abs(x - y) for x, y in zip(a, b, strict=True)) for a in kinds for b in kinds if a != b)
    assert apart > 20, "twice the trial's tolerance"


def test_a_system_that_converts_well_passes() -> None:
    assert trial(SPEC, "h264", MacOs) is None


@pytest.mark.parametrize(
    "made",
    [replace(BT709_LIMITED, matrix=Matrix.BT601), replace(BT709_LIMITED, range=Range.FULL)],
    ids=["BT.601", "full range"],
)
def test_a_system_that_converts_badly_is_caught(made: ColorSpec) -> None:
    wrong = trial(SPEC, "h264", lambda spec: MacOs(spec, made))
    assert wrong is not None
    assert "other colours" in wrong


def test_half_a_pixel_of_chroma_is_not_seen_by_it() -> None:
    """The fields of the trial are far larger than that: one reason why this way is never taken unasked (docs)."""
    assert trial(SPEC, "h264", lambda spec: MacOs(spec, replace(BT709_LIMITED, siting=Siting.CENTER))) is None
