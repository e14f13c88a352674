"""verify(): a good file passes; files broken in every way that matters do not."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from media_out_makers import H, W, blank, draw, settings, write_video

from reelpress.color import ColorSpec, Matrix, Primaries, Range
from reelpress.errors import Cancelled, OutputError, VerifyError
from reelpress.media.encoder import AudioEncoderSpec
from reelpress.media.h264_sps import parse_sps, sps_of_extradata
from reelpress.media.mux import Mp4Writer
from reelpress.media.verify.container import opened, streams_of
from reelpress.media.verify.mp4 import verify
from reelpress.media.verify.packets import PacketTable, check_audio_packets, check_video_packets
from reelpress.media.verify.verdict import Expected

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 45
PLAN: dict[str, Any] = {"frames": FRAMES, "fps": Fraction(30), "size": (W, H), "has_audio": True}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "good.mp4"
    sound = np.random.default_rng(4).uniform(-0.4, 0.4, (2, FRAMES * 1600)).astype(np.float32)
    write_video(path, FRAMES, 30, sound, preset="veryfast", gop_frames=10)
    return path.read_bytes()


@pytest.fixture
def check(tmp_path: Path) -> Any:
    def run(data: bytes, **changes: Any) -> Any:
        path = tmp_path / "x.part"
        path.write_bytes(data)
        return verify(path, **{**PLAN, **changes})

    return run


def key_frames(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [round(p.pts * p.time_base * 30) for p in container.demux(video=0) if p.is_keyframe and p.size]


def needed_for_the_last(path: Path) -> int:
    """Pictures from the last key frame on that others refer to (nal_ref_idc above 0), and the last one shown."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    start = max(k for k, p in enumerate(packets) if p.is_keyframe)
    last = max(packets[start:], key=lambda p: p.pts or 0)
    return sum(p is last or bytes(p)[4] >> 5 & 3 > 0 for p in packets[start:])


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_a_good_file_passes(good: bytes, check: Any, tmp_path: Path, mode: str) -> None:
    beats: list[int] = []
    (tmp_path / "good.mp4").write_bytes(good)
    keys = key_frames(tmp_path / "good.mp4")
    assert len(keys) == 5
    # Fast: each key frame but the last by itself, and from that one on what the last picture needs.
    decoded = FRAMES if mode == "full" else len(keys) - 1 + needed_for_the_last(tmp_path / "good.mp4")
    assert mode == "full" or decoded < len(keys) - 1 + FRAMES - keys[-1]  # some picture is left out
    result = check(good, mode=mode, heartbeat=lambda: beats.append(1))
    assert (result.frames, result.duration, result.keyframes) == (FRAMES, Fraction(3, 2), 5)
    assert result.decoded == decoded
    assert len(beats) >= decoded
    assert any("colour" in line for line in result.checked)


def test_many_key_frames_are_sampled_evenly(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    write_video(path, 60, gop_frames=1)
    assert verify(path, frames=60, fps=Fraction(30), size=(W, H)).decoded == 8


def test_it_can_be_cancelled(good: bytes, check: Any) -> None:
    with pytest.raises(Cancelled):
        check(good, cancelled=lambda: True)


@pytest.mark.parametrize("mode", ["fast", "full"])
@pytest.mark.parametrize("cut", [1, 5000])
def test_a_truncated_file(good: bytes, check: Any, cut: int, mode: str) -> None:
    with pytest.raises(VerifyError, match="cut off"):
        check(good[:-cut], mode=mode)


def test_a_truncated_file_whose_boxes_were_mended(good: bytes, check: Any) -> None:
    # As after a crash and a "repair" tool: the media data end early, their box says so, the index does not.
    at = good.index(b"mdat") - 4
    size = struct.unpack(">I", good[at : at + 4])[0]
    mended = good[:at] + struct.pack(">I", size - 3000) + good[at + 4 : -3000]
    with pytest.raises(VerifyError, match=r"pictures|cut off|decoded"):
        check(mended)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"frames": FRAMES + 1}, "45 pictures instead of 46"),
        ({"frames": FRAMES - 1}, "45 pictures instead of 44"),
        ({"fps": Fraction(60)}, "picture 1 is shown at 0.033333 s instead of 0.016667 s"),
        ({"duration": Fraction(2)}, "lasts 1.500000 s instead of 2.000000 s"),
        ({"size": (W, H + 2)}, "64x48 instead of 64x50"),
        ({"has_audio": False}, "1 audio tracks instead of 0"),
        ({"color": ColorSpec(Matrix.BT601, Range.LIMITED, Primaries.BT601_525)}, "matrix 1 instead of 6"),
        ({"color": ColorSpec(Matrix.BT709, Range.FULL)}, "full range False instead of True"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_file_of_another_plan(good: bytes, check: Any, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(VerifyError, match=sentence):
        check(good, **changes)


def test_wrong_tags_in_the_container_only(good: bytes, check: Any) -> None:
    at = good.index(b"colrnclx") + 8
    with pytest.raises(VerifyError, match="container are wrong: primaries 9 instead of 1"):
        check(good[:at] + b"\x00\x09" + good[at + 2 :])
    with pytest.raises(VerifyError, match="no colour tag"):
        check(good.replace(b"colrnclx", b"freenclx"))


def test_wrong_tags_in_the_bitstream_only(tmp_path: Path, check: Any) -> None:
    path = tmp_path / "601.mp4"
    write_video(path, FRAMES, color=ColorSpec(Matrix.BT601, Range.LIMITED, Primaries.BT601_525))
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    data = data[:at] + struct.pack(">HHH", 1, 1, 1) + data[at + 6 :]
    with pytest.raises(VerifyError, match="bitstream are wrong: primaries 6 instead of 1, matrix 6 instead of 1"):
        check(data, has_audio=False)


def test_missing_sound(tmp_path: Path, check: Any) -> None:
    path = tmp_path / "mute.mp4"
    write_video(path, FRAMES)
    with pytest.raises(VerifyError, match="0 audio tracks instead of 1"):
        check(path.read_bytes())


def test_sound_that_is_too_short(tmp_path: Path, check: Any) -> None:
    path = tmp_path / "short.mp4"
    write_video(path, FRAMES, 30, np.zeros((2, FRAMES * 1600 - 3000), np.float32))
    with pytest.raises(VerifyError, match="its sound lasts"):
        check(path.read_bytes())


def test_key_frames_that_are_none(good: bytes, check: Any) -> None:
    at = good.index(b"stss")
    count, first, second = struct.unpack(">III", good[at + 8 : at + 20])
    assert (count, first) == (5, 1)
    wrong = good[: at + 16] + struct.pack(">I", second + 1) + good[at + 20 :]
    with pytest.raises(VerifyError, match="the index says otherwise"):
        check(wrong)


@pytest.mark.parametrize("mode", ["fast", "full"])
@pytest.mark.parametrize("skip", [0, 12])  # 12: length, header and start of the slice stay whole
@pytest.mark.parametrize("which", ["first", "middle key", "last key", "last"])
def test_a_picture_that_cannot_be_decoded(
    good: bytes, check: Any, tmp_path: Path, which: str, skip: int, mode: str
) -> None:
    path = tmp_path / "good.mp4"
    path.write_bytes(good)
    keys = key_frames(path)
    shown = {"first": 0, "middle key": keys[2], "last key": keys[-1], "last": FRAMES - 1}[which]
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        packet = next(p for p in container.demux(video) if p.size and p.pts * p.time_base == Fraction(shown, 30))
        assert packet.pos is not None
        start, end = packet.pos + skip, packet.pos + packet.size
    broken = good[:start] + b"\xff" * (end - start) + good[end:]
    with pytest.raises(VerifyError, match=r"decode|damaged|key frame"):
        check(broken, mode=mode)


def test_times_with_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    writer = Mp4Writer(path, video=settings())
    for number, pts in enumerate([0, 1, 2, 4, 5]):
        writer.mux(writer.video.encode(draw(blank(), number), pts))
    writer.mux(writer.video.flush())
    writer.finish()
    with pytest.raises(VerifyError, match=r"picture 3 is shown at 0.133333 s instead of 0.100000 s"):
        verify(path, frames=5, fps=Fraction(30), size=(W, H))


def test_decoding_times_that_stand_still(good: bytes, check: Any) -> None:
    # One run of equal steps in the video track's stts becomes 45 steps of which the first takes no time.
    at = good.index(b"stts")
    size, count, number, step = (
        struct.unpack(">I", good[at - 4 : at])[0],
        *struct.unpack(">III", good[at + 8 : at + 20]),
    )
    assert (size, count, number) == (24, 1, FRAMES)
    broken = good[: at + 16] + struct.pack(">I", 0) + good[at + 20 :]
    with pytest.raises(VerifyError, match=r"do not rise|shown at"):
        check(broken)
    assert step > 0


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_sound_of_a_codec_that_nobody_knows(good: bytes, check: Any, mode: str) -> None:
    """Its description (stsd) is gone; the library has no decoder for it then."""
    at = good.index(b"stsd", good.index(b"soun"))
    with pytest.raises(VerifyError, match="its audio track is of no known codec"):
        check(good[:at] + b"stsN" + good[at + 4 :], mode=mode)


def test_pictures_of_a_codec_that_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "x.webm"
    spec = settings(codec="libvpx-vp9", preset="ultrafast")
    writer = Mp4Writer(path, video=spec, container="webm")
    writer.mux([*writer.video.encode(blank(), 0), *writer.video.flush()])
    writer.finish()
    expected = Expected(frames=1, fps=Fraction(30), size=(W, H))
    with opened(path) as container:
        assert streams_of(container, expected) == (0, -1)
    raw = path.read_bytes()
    assert raw.count(b"V_VP9") == 1
    path.write_bytes(raw.replace(b"V_VP9", b"V_VP1"))
    with opened(path) as container, pytest.raises(VerifyError, match="its video track is of no known codec"):
        streams_of(container, expected)


def test_no_video_at_all(check: Any, tmp_path: Path) -> None:
    for data, sentence in ((b"", "cut off"), (b"not a video" * 50, "cut off")):
        with pytest.raises(VerifyError, match=sentence):
            check(data)
    with pytest.raises(OutputError, match="cannot be read back"):
        verify(tmp_path / "gone.mp4", **PLAN)
    back = tmp_path / "back.mp4"
    write_video(back, 5, faststart=False)
    data = back.read_bytes()
    with pytest.raises(VerifyError, match="no index"):
        check(data[: data.index(b"moov") - 4])


def table(pts: list[int], **changes: list[Any]) -> PacketTable:
    n = len(pts)
    columns: dict[str, Any] = {
        "pts": pts,
        "dts": [p - 2 for p in range(n)],
        "duration": [1] * n,
        "size": [100] * n,
        "key": [True] + [False] * (n - 1),
        "damaged": [False] * n,
    }
    columns.update(changes)
    kinds = {"key": np.bool_, "damaged": np.bool_}
    arrays = {name: np.array(values, kinds.get(name, np.int64)) for name, values in columns.items()}
    return PacketTable(Fraction(1, 30), **arrays)


ORDER = [0, 3, 1, 2, 5, 4]


@pytest.mark.parametrize(
    ("packets", "sentence"),
    [
        (table(ORDER, dts=[-2, -1, 0, 0, 2, 3]), "do not rise after picture 2"),
        (table(ORDER, dts=[-2, -1, 1, 0, 2, 3]), "do not rise after picture 2"),
        (table(ORDER, dts=[-2, -1, 0, 3, 4, 5]), "picture 3 is shown before it is decoded"),
        (table(ORDER, size=[9, 9, 9, 0, 9, 9]), "picture 3 is empty"),
        (table(ORDER, damaged=[False] * 5 + [True]), "picture 5 is cut off or damaged"),
        (table(ORDER, key=[False] * 6), "first picture is not a key frame"),
        (table([0, 3, 1, 1, 5, 4]), "picture 2 is shown at 0.033333 s instead of 0.066667 s"),
        (table(ORDER, duration=[1, 1, 1, 1, 2, 1]), "lasts 0.233333 s instead of 0.200000 s"),
        (table([]), "no pictures"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_packet_faults(packets: PacketTable, sentence: str) -> None:
    plan = Expected(6, Fraction(30), (W, H))
    check_video_packets(table(ORDER), plan)
    with pytest.raises(VerifyError, match=sentence):
        check_video_packets(packets, plan)


def test_sound_with_a_hole() -> None:
    base = Fraction(1, 48000)
    ones = np.full(10, 1024, np.int64)
    times = np.arange(10, dtype=np.int64) * 1024
    flags = np.zeros(10, np.bool_)
    plan = Expected(64, Fraction(300), (W, H), has_audio=True)
    check_audio_packets(PacketTable(base, times, times, ones, ones, ~flags, flags), plan)
    late = times + 100 * (times > 4000)
    with pytest.raises(VerifyError, match="after sound packet 3"):
        check_audio_packets(PacketTable(base, late, late, ones, ones, ~flags, flags), plan)
    with pytest.raises(VerifyError, match="sound starts at"):
        check_audio_packets(PacketTable(base, times + 5000, times + 5000, ones, ones, ~flags, flags), plan)


def test_parameter_sets_are_read_back(tmp_path: Path) -> None:
    for width, height in ((64, 48), (66, 50), (1918, 1078)):
        writer = Mp4Writer(tmp_path / "x.mp4", video=settings(width=width, height=height), audio=AudioEncoderSpec())
        sps = sps_of_extradata(writer.video.extradata)
        writer.abort()
        assert sps is not None
        assert (sps.width, sps.height) == (width, height)
        assert (sps.primaries, sps.transfer, sps.matrix, sps.full_range) == (1, 1, 1, False)
    with pytest.raises(ValueError, match="too early"):
        parse_sps(b"\x67\x64\x00")
    assert sps_of_extradata(b"") is None
    assert sps_of_extradata(b"\x01\x64\x00\x1f\xff\xe1\x00\x04\x67\x64\x00\x1f") is None
