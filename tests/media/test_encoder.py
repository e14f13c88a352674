"""Encoder sessions: slices, held pictures, no hidden conversion, nothing kept alive, user data removed."""

from __future__ import annotations

import pickle
import weakref
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from media_out_makers import H, W, blank, draw, settings

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Primaries, Range
from reelpress.errors import EncoderError, FormatError, SettingsError
from reelpress.media import encoder as encoder_module
from reelpress.media.encoder import AudioEncoderSpec, shared_frame
from reelpress.media.mux import Mp4Writer
from reelpress.media.packets import EncodedPacket, nal_type, nal_units, strip_user_data
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = b"\x00\x00\x00\x01"


@pytest.fixture
def open_writer(tmp_path: Path) -> Iterator[Any]:
    writers: list[Mp4Writer] = []

    def make(audio: bool = False, **changes: Any) -> Mp4Writer:
        sound = AudioEncoderSpec() if audio else None
        writers.append(Mp4Writer(tmp_path / "out.mp4", video=settings(**changes), audio=sound))
        return writers[-1]

    yield make
    for writer in writers:
        writer.abort()


def slices(packet: EncodedPacket) -> int:
    return sum(1 <= nal_type(packet.data, payload) <= 5 for _, payload, _ in nal_units(packet.data))


@pytest.mark.parametrize(("extra", "expected"), [({}, 1), ({"x264-params": "slices=3"}, 3)])
def test_one_slice_a_picture_with_four_threads(open_writer: Any, extra: dict[str, str], expected: int) -> None:
    # The second case shows that the count can fail.
    writer = open_writer(width=256, height=192, threads=4, preset="veryfast", extra=extra)
    picture = blank(256, 192)
    packets = [p for n in range(12) for p in writer.video.encode(draw(picture, n), n)] + writer.video.flush()
    assert len(packets) == 12
    assert {slices(packet) for packet in packets} == {expected}


def test_the_encoder_gets_the_picture_itself(open_writer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # PyAV converts on its own only when format, width or height of a frame differ from the encoder's.
    class NoScaler:
        def __init__(self, *_: object) -> None:
            raise AssertionError("the external path must not make a scaler")

    monkeypatch.setattr(encoder_module, "Scaler", NoScaler)
    for format_name in ("yuv420p", "nv12"):
        writer = open_writer(pixel_format=format_name)
        context = writer.video._context
        seen: list[av.VideoFrame] = []

        class Watched:
            def encode(self, frame: av.VideoFrame | None, context: Any = context, seen: Any = seen) -> Any:
                seen.extend([] if frame is None else [frame])
                return context.encode(frame)

        writer.video._context = Watched()
        picture = draw(blank(format_name=format_name), 1)
        writer.video.encode(picture, 0)
        frame = seen[0]
        assert (frame.format.name, frame.width, frame.height) == (context.pix_fmt, context.width, context.height)
        assert [plane.buffer_ptr for plane in frame.planes] == [plane.ctypes.data for plane in picture.planes]
        assert [plane.line_size for plane in frame.planes] == list(picture.strides)
        assert writer.video.conversions == 0


def test_a_held_picture_is_encoded_many_times_and_its_owner_is_not_touched(open_writer: Any) -> None:
    writer = open_writer()
    picture = draw(blank(), 3)
    owner: Any = picture.owner
    owner.pts, owner.time_base, owner.pict_type = 777, Fraction(1, 90_000), 1
    before = [plane.copy() for plane in picture.planes]
    packets = [p for n in range(8) for p in writer.video.encode(picture, n)] + writer.video.flush()
    assert sorted(p.pts for p in packets) == list(range(8))
    # The owner says "I picture"; obeyed, each of them would be a key frame.
    assert [p.is_key for p in packets] == [True] + [False] * 7
    assert (owner.pts, owner.time_base, owner.pict_type) == (777, Fraction(1, 90_000), 1)
    assert all((a == b).all() for a, b in zip(before, picture.planes, strict=True))


def test_the_picture_may_be_drawn_into_as_soon_as_encode_returned(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    writer = Mp4Writer(path, video=settings(preset="medium", crf=1.0, lookahead=8))
    picture = blank()
    for number in range(12):
        for plane in picture.planes:
            plane[:] = 40 + 10 * number
        writer.mux(writer.video.encode(picture, number))
    writer.mux(writer.video.flush())
    writer.finish()
    with av.open(str(path)) as container:
        levels = [float(frame.to_ndarray()[:H].mean()) for frame in container.decode(video=0)]
    assert levels == pytest.approx([40 + 10 * n for n in range(12)], abs=2)


def test_nothing_keeps_an_input_picture_alive(open_writer: Any) -> None:
    writer = open_writer(preset="medium", lookahead=20)
    arrays = [np.full((H, W), 90, np.uint8), *(np.full((H // 2, W // 2), 128, np.uint8) for _ in range(2))]
    alive = [weakref.ref(array) for array in arrays]
    planes = Planes("yuv420p", W, H, tuple(arrays), BT709_LIMITED)
    packets = writer.video.encode(planes, 0)
    assert packets == []  # it is inside the encoder's look-ahead
    del planes, arrays
    assert [ref() for ref in alive] == [None, None, None]
    packets = writer.video.flush()
    assert len(packets) == 1
    assert pickle.loads(pickle.dumps(packets[0])) == packets[0]  # plain data, no native object in it


def test_read_only_and_cropped_planes_are_taken_without_a_copy() -> None:
    picture = draw(blank(128, 96), 2)
    y, u, v = picture.planes
    cropped = (y[10:58, 20:84], u[5:29, 10:42], v[5:29, 10:42])
    for plane in cropped:
        plane.flags.writeable = False
    frame = shared_frame(Planes("yuv420p", 64, 48, cropped, BT709_LIMITED, owner=picture.owner))
    assert [plane.buffer_ptr for plane in frame.planes] == [plane.ctypes.data for plane in cropped]
    assert (frame.to_ndarray()[:48] == cropped[0]).all()


@pytest.mark.parametrize(
    "planes",
    [
        blank(format_name="nv12"),
        blank(W + 2, H),
        blank(color=ColorSpec(Matrix.BT601, Range.LIMITED)),
        blank(color=ColorSpec(Matrix.BT709, Range.FULL)),
    ],
    ids=["format", "size", "matrix", "range"],
)
def test_another_format_size_or_colour_is_refused_or_converted_and_counted(open_writer: Any, planes: Planes) -> None:
    writer = open_writer()
    with pytest.raises(FormatError, match="opened for yuv420p 64x48 in bt709 limited"):
        writer.video.encode(planes, 0)
    assert (writer.video.frames, writer.video.conversions) == (0, 0)
    baseline = open_writer(external_conversion=False)
    baseline.video.encode(draw(planes, 0), 0)
    baseline.video.encode(draw(blank(), 1), 1)
    assert (baseline.video.frames, baseline.video.conversions) == (2, 1)
    assert len(baseline.video.flush()) == 2


def test_other_primaries_are_no_reason_to_refuse(open_writer: Any) -> None:
    picture = draw(blank(color=ColorSpec(Matrix.BT709, Range.LIMITED, Primaries.DISPLAY_P3)), 0)
    open_writer().video.encode(picture, 0)


def test_settings_are_checked() -> None:
    with pytest.raises(SettingsError, match="63x48"):
        settings(width=63)
    with pytest.raises(FormatError, match="bgra"):
        settings(pixel_format="bgra")
    with pytest.raises(SettingsError, match="frame rate"):
        settings(fps=0)
    chosen = settings(maxrate=1_000_000, lookahead=3, extra={"crf": "9"}).options()
    assert (chosen["maxrate"], chosen["bufsize"], chosen["rc-lookahead"], chosen["crf"]) == (
        "1000000",
        "2000000",
        "3",
        "9",
    )


def test_an_unknown_preset_is_an_encoder_error(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="libx264 refused its settings"):
        Mp4Writer(tmp_path / "x.mp4", video=settings(preset="warp9"))


def test_look_ahead_bounds_what_the_encoder_holds(open_writer: Any) -> None:
    def held(lookahead: int) -> int:
        writer = open_writer(
            preset="veryfast", lookahead=lookahead, threads=1, gop_frames=60, extra={"x264-params": "bframes=0"}
        )
        picture = blank()
        out = 0
        for number in range(60):
            out += len(writer.video.encode(draw(picture, number), number))
        assert out + len(writer.video.flush()) == 60
        return 60 - out

    assert held(3) < held(10) < held(30) <= 31


def test_key_frames_are_at_most_a_gop_apart(open_writer: Any) -> None:
    writer = open_writer(gop_frames=7)
    picture = draw(blank(), 0)
    packets = [p for n in range(30) for p in writer.video.encode(picture, n)] + writer.video.flush()
    assert [p.pts for p in packets if p.is_key] == [0, 7, 14, 21, 28]


def test_vbv_holds_the_rate(open_writer: Any) -> None:
    rng = np.random.default_rng(5)
    sizes = {}
    for maxrate in (None, 200_000):
        writer = open_writer(crf=10.0, maxrate=maxrate, preset="veryfast")
        picture = blank()
        packets = []
        for number in range(60):
            for plane in picture.planes:
                plane[:] = rng.integers(16, 235, plane.shape)
            packets += writer.video.encode(picture, number)
        packets += writer.video.flush()
        sizes[maxrate] = 8 * sum(p.size for p in packets)
    assert sizes[None] > 4 * 200_000 * 2  # 2 s of noise want far more
    assert sizes[200_000] <= 200_000 * 2 + 400_000  # the rate, and a full buffer at the start


# The SEI with the encoder's options


def sei(kind: int, payload: bytes) -> bytes:
    return bytes([6, kind, len(payload)]) + payload + b"\x80"


def test_user_data_is_cut_out_and_everything_else_stays() -> None:
    secret = sei(5, b"0123456789abcdef" + b"x264 - core 165")
    timing, slice_data = sei(1, b"\x12\x34"), b"\x65\x88\x84\x00\x01\x02"
    sps, pps = b"\x67\x64\x00\x15", b"\x68\xef"
    packet = (
        START + sps + START + pps + b"\x00\x00\x01" + secret + b"\x00\x00\x01" + timing + b"\x00\x00\x01" + slice_data
    )
    kept = strip_user_data(packet)
    units = [kept[payload:end] for _, payload, end in nal_units(kept)]
    assert units == [sps, pps, timing, slice_data]


def test_user_data_in_front_leaves_a_long_start_code() -> None:
    packet = b"\x00\x00\x01" + sei(5, b"x" * 20) + b"\x00\x00\x01\x65\x11"
    assert strip_user_data(packet) == START + b"\x65\x11"


def test_user_data_longer_than_255_bytes_and_beside_another_message() -> None:
    long = b"\x06\x05\xff\x10" + b"x" * (255 + 16) + b"\x80"
    assert strip_user_data(START + long + START + b"\x65\x11") == START + b"\x65\x11"
    mixed = b"\x06\x05\x01\xaa\x01\x01\xbb\x80"
    packet = START + mixed + START + b"\x65\x11"
    assert strip_user_data(packet) is packet


def test_bytes_that_look_like_user_data_inside_a_slice_are_kept() -> None:
    packet = START + b"\x65\x11" + START + sei(5, b"x" * 20)
    assert strip_user_data(packet) is packet
    assert strip_user_data(b"") == b""


# Sound


def test_sound_is_cut_into_frames_whatever_the_blocks(open_writer: Any) -> None:
    rng = np.random.default_rng(1)
    sound = rng.uniform(-0.5, 0.5, (2, 5000)).astype(np.float32)
    results = []
    for step in (5000, 1024, 777, 1):
        session = open_writer(audio=True).audio
        block_starts = range(0, 5000 if step > 1 else 1500, step)
        part = sound if step > 1 else sound[:, :1500]
        packets = [p for at in block_starts for p in session.encode(part[:, at : at + step], at)] + session.flush()
        results.append(packets)
        length = part.shape[1]
        assert packets[0].pts == -1024
        assert packets[-1].pts + packets[-1].duration == length
        assert all(a.pts + a.duration == b.pts for a, b in pairwise(packets))
    assert results[0] == results[1] == results[2]


def test_sound_of_another_shape_or_with_a_hole_is_refused(open_writer: Any) -> None:
    session = open_writer(audio=True).audio
    with pytest.raises(FormatError, match=r"float64 \(2, 10\)"):
        session.encode(np.zeros((2, 10)), 0)
    with pytest.raises(FormatError, match=r"\(1, 10\)"):
        session.encode(np.zeros((1, 10), np.float32), 0)
    session.encode(np.zeros((2, 10), np.float32), 0)
    with pytest.raises(FormatError, match="next sample here is 10"):
        session.encode(np.zeros((2, 10), np.float32), 11)
