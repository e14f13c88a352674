"""VideoSource: the same picture however it is reached, and what happens to damaged files."""

from __future__ import annotations

import gc
import random
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from videos import make_video, number_luma, numbered, read_number

from reelpress.errors import Cancelled, DamagedSourceError, InputError, SettingsError
from reelpress.media.damage import DamageMeter
from reelpress.media.decode import VideoSource
from reelpress.media.index import FrameIndex, build_index
from reelpress.media.probe import VideoStreamInfo, probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VFR = [0, 10, 20, 35, 36, 90, 91, 95, 140, 200, 201, 202, 300, 310, 320, 330, 340, 500, 501, 600]


def opened(path: Path) -> tuple[VideoStreamInfo, FrameIndex]:
    info = probe(path).video
    assert info is not None
    return info, build_index(path, info.index)


def source(path: Path, threads: int = 1, cancel: Callable[[], bool] | None = None) -> VideoSource:
    return VideoSource(path, *opened(path), threads=threads, cancel=cancel)


def x264(parameters: str) -> dict[str, str]:
    return {"x264-params": f"scenecut=0:b-adapt=0:{parameters}"}


KINDS: dict[str, dict[str, object]] = {
    "plain.mp4": {},
    "bframes.mp4": {"bframes": 3},
    "open-gop.mp4": {"options": x264("keyint=12:min-keyint=12:bframes=3:open-gop=1")},
    "open-gop.ts": {"options": x264("keyint=12:min-keyint=12:bframes=3:open-gop=1")},
    "intra-refresh.mp4": {"options": x264("keyint=12:intra-refresh=1:bframes=0")},
    "interlaced.ts": {"options": x264("keyint=10:bframes=2:interlaced=1"), "bframes": 2},
    "vfr.mp4": {"frames": 20, "bframes": 2, "pts": VFR, "time_base": Fraction(1, 600)},
    "offset.mkv": {"frames": 20, "pts": [1000 + 40 * n for n in range(20)], "time_base": Fraction(1, 1000)},
    "fragments.mp4": {"bframes": 3, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "playlist.m3u8": {"frames": 75, "bframes": 3, "container_options": {"hls_time": "1"}},
    "flash.flv": {"bframes": 3},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "reordered.avi": {"bframes": 3},
    "stream.h264": {"bframes": 3},
    "hidden.webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "10", "deadline": "good"}},
    "super.webm": {"codec": "libvpx-vp9", "options": {"auto-alt-ref": "1", "lag-in-frames": "10", "deadline": "good"}},
    "intra.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "frames": 12},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_the_same_however_it_is_reached(tmp_path: Path, name: str) -> None:
    arguments = {"frames": 40, **KINDS[name]}
    path = make_video(tmp_path / name, **arguments)  # type: ignore[arg-type]
    info, index = opened(path)
    count = len(index)
    assert count == arguments["frames"]

    ascending = VideoSource(path, info, index, threads=2)
    forward = {n: ascending.frame(n) for n in range(count)}
    pixels = {n: frame.planes.planes[0].tobytes() for n, frame in forward.items()}
    assert [read_number(frame.planes) for frame in forward.values()] == list(range(count))
    assert not any(frame.repeated for frame in forward.values())
    ascending.close()

    jumping = VideoSource(path, info, index, threads=1)
    order = [*range(count), count - 1, 0, count - 1]
    random.Random(7).shuffle(order)
    for n in order:
        frame = jumping.frame(n)
        assert frame.ordinal == n
        assert frame.planes.planes[0].tobytes() == pixels[n], f"frame {n} shows {read_number(frame.planes)}"
    assert jumping.repeated == 0
    jumping.close()


def test_times_count_from_the_first_shown_frame(tmp_path: Path) -> None:
    path = make_video(tmp_path / "late.mkv", frames=5, pts=[700, 740, 800, 900, 1100], time_base=Fraction(1, 1000))
    with_times = source(path)
    assert [with_times.frame(n).time for n in range(5)] == [Fraction(t, 1000) for t in (0, 40, 100, 200, 400)]
    with_times.close()


def edit_list(path: Path, *, media_time: int) -> Path:
    """Set where the first edit of an MP4 begins in its media (ISO/IEC 14496-12, 8.6.6, version 0)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst")
    assert data[at + 4] == 0
    assert int.from_bytes(data[at + 8 : at + 12], "big") == 1
    data[at + 16 : at + 20] = media_time.to_bytes(4, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_that_an_edit_list_drops_are_not_counted(tmp_path: Path, threads: int) -> None:
    path = make_video(tmp_path / "cut.mp4", frames=40, bframes=2, gop=10)
    info, index = opened(path)
    assert len(index) == 40
    step = int(index.pts[1] - index.pts[0])
    # Frame 13 is in the middle of a group of pictures; media times start two frames late (reordering).
    edit_list(path, media_time=(2 + 13) * step)
    info, index = opened(path)
    assert len(index) == 27
    assert index.start == 0
    shown = VideoSource(path, info, index, threads=threads)
    for n in [0, 26, 5, 6, 7, 20, 0, 1]:
        assert read_number(shown.frame(n).planes) == 13 + n
    shown.close()


def test_the_same_frame_asked_again_is_the_same_object(tmp_path: Path) -> None:
    held = source(make_video(tmp_path / "held.mp4", frames=3))
    first = held.frame(1)
    assert held.frame(1) is first
    held.close()


def test_native_frames_are_handed_over_without_a_copy(tmp_path: Path) -> None:
    path = make_video(tmp_path / "hd.mp4", frames=3, colorspace=1, color_range=1, primaries=1, transfer=1)
    native = source(path)
    assert native.conversion is None
    planes = native.frame(2).planes
    owner = planes.owner
    assert isinstance(owner, av.VideoFrame)
    assert [p.__array_interface__["data"][0] for p in planes.planes] == [p.buffer_ptr for p in owner.planes]
    assert native.conversions == 0
    native.close()


def test_conversions_are_counted_and_named(tmp_path: Path) -> None:
    other = source(make_video(tmp_path / "sd.mp4", frames=3, colorspace=5, color_range=1))
    assert other.conversion == "yuv420p bt601 limited to yuv420p bt709 limited"
    for n in (0, 1, 1, 2):
        other.frame(n)
    assert other.conversions == 3
    other.close()


@pytest.mark.parametrize(("rotation", "expected"), [(0, 0), (-90, 90), (180, 180), (90, 270)])
def test_turned_upright(tmp_path: Path, rotation: int, expected: int) -> None:
    path = make_video(tmp_path / "phone.mp4", size=(64, 48), frames=3, rotation=rotation, colorspace=1, color_range=1)
    info, index = opened(path)
    assert info.rotation == expected
    assert (info.width, info.height) == ((48, 64) if expected in (90, 270) else (64, 48))
    turned = VideoSource(path, info, index, threads=1)
    planes = turned.frame(2).planes
    assert (planes.width, planes.height) == (info.width, info.height)
    upright = np.rot90(number_luma(2, 64, 48), -(expected // 90))
    assert np.abs(planes.planes[0].astype(int) - upright).mean() < 6
    assert turned.conversions == (1 if expected else 0)
    turned.close()


def test_size_change_in_mid_stream_keeps_the_first_size(tmp_path: Path) -> None:
    small = make_video(tmp_path / "a.ts", size=(64, 48), frames=6, gop=6)
    large = make_video(
        tmp_path / "b.ts", size=(128, 96), frames=6, gop=6, draw=lambda n: numbered(n + 6, 128, 96),
        pts=[n + 6 for n in range(6)],
    )  # fmt: skip
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    info, index = opened(both)
    changing = VideoSource(both, info, index, threads=2)
    for n in range(len(index)):
        frame = changing.frame(n)
        assert (frame.planes.width, frame.planes.height) == (64, 48)
        assert read_number(frame.planes) == n
    assert len(index) == 12
    changing.close()


def packets(path: Path) -> list[tuple[int, int, int]]:
    """(byte position, size, ordinal) of the video packets in the order of decoding."""
    with av.open(str(path)) as container:
        found = [(p.pos, p.size, p.pts) for p in container.demux(video=0) if p.size]
    times = sorted(pts for _, _, pts in found)
    return [(pos, size, times.index(pts)) for pos, size, pts in found]


def overwrite(path: Path, start: int, count: int) -> None:
    data = bytearray(path.read_bytes())
    noise = random.Random(start)
    data[start : start + count] = bytes(noise.randrange(256) for _ in range(count))
    path.write_bytes(data)


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("damage") / "long.mp4", frames=200, gop=20, bframes=2)


@pytest.fixture
def damaged(tmp_path: Path, long_video: Path) -> Path:
    """200 frames of which the packets of six in a row, in the middle of a group of pictures, are noise."""
    path = tmp_path / "damaged.mp4"
    path.write_bytes(long_video.read_bytes())
    # The length in front of each unit and its header stay, so that damage is found inside the picture.
    for position, size, _ in packets(path)[108:114]:
        overwrite(path, position + 6, size - 6)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_damaged_frames_are_repeated_in_order_and_counted(damaged: Path, threads: int) -> None:
    bad = {ordinal for _, _, ordinal in packets(damaged)[108:114]}
    broken = source(damaged, threads)
    frames = [broken.frame(n) for n in range(200)]
    repeated = {f.ordinal for f in frames if f.repeated}
    assert bad <= repeated
    # Pictures that build on a missing one can be undecodable too, until the next key frame.
    assert repeated <= set(range(min(bad), 120))
    assert broken.repeated == len(repeated)
    for frame in frames:
        assert (frame.error is not None) == frame.repeated
        if frame.repeated:
            # The last good one before it, whose number may itself be that of an older reference; never a later one.
            assert read_number(frame.planes) < frame.ordinal
        elif not 100 < frame.ordinal < 120:
            assert read_number(frame.planes) == frame.ordinal
    assert broken.threads == 1, "frame threads are given up after an error"
    broken.close()


def test_damage_does_not_depend_on_the_way(damaged: Path) -> None:
    ascending = source(damaged)
    pixels = [ascending.frame(n).planes.planes[0].tobytes() for n in range(200)]
    flags = [n for n in range(200) if ascending.frame(n).repeated]
    ascending.close()
    order = list(range(200))
    random.Random(5).shuffle(order)
    jumping = source(damaged)
    different = [n for n in order if jumping.frame(n).planes.planes[0].tobytes() != pixels[n]]
    assert different == []
    assert jumping.repeated == len(flags)
    jumping.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_damaged_key_frame_shows_the_last_good_one_however_it_is_reached(
    tmp_path: Path, long_video: Path, threads: int
) -> None:
    path = tmp_path / "key.mp4"
    path.write_bytes(long_video.read_bytes())
    position, size, ordinal = packets(path)[100]
    assert ordinal == 100
    overwrite(path, position + 5, size - 5)
    for order in (range(90, 140), range(139, 99, -1), [119]):
        broken = source(path, threads)
        seen = {n: read_number(broken.frame(n).planes) for n in order}
        broken.close()
        if 119 in seen:
            assert seen[119] < 100
        if 120 in seen:
            assert seen[120] == 120


def test_the_first_frame_damaged_shows_the_first_good_one(tmp_path: Path) -> None:
    path = make_video(tmp_path / "start.mp4", frames=30, gop=10)
    info, index = opened(path)
    position, size, _ = packets(path)[0]
    overwrite(path, position + size // 2, size - size // 2)
    broken = VideoSource(path, info, index, threads=1)
    frame = broken.frame(0)
    assert frame.repeated
    assert broken.frame(10).repeated is False
    assert read_number(broken.frame(10).planes) == 10
    broken.close()


def test_not_one_good_frame(tmp_path: Path) -> None:
    path = make_video(tmp_path / "noise.mp4", frames=10, gop=10)
    info, index = opened(path)
    for position, size, _ in packets(path):
        overwrite(path, position, size)
    broken = VideoSource(path, info, index, threads=2)
    with pytest.raises(DamagedSourceError, match=r"noise\.mp4.*not one frame"):
        broken.frame(3)
    broken.close()


def test_cut_off_file_still_gives_what_is_there(tmp_path: Path) -> None:
    path = make_video(tmp_path / "cut.mkv", frames=60, gop=10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    info, index = opened(path)
    assert 20 < len(index) < 60
    cut = VideoSource(path, info, index, threads=2)
    assert [read_number(cut.frame(n).planes) for n in range(len(index) - 1)] == list(range(len(index) - 1))
    cut.close()


def test_cancel_between_packets(tmp_path: Path) -> None:
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    stopped = source(make_video(tmp_path / "long.mp4", frames=40, gop=40), cancel=cancel)
    with pytest.raises(Cancelled):
        stopped.frame(39)
    assert asked == 6
    stopped.close()


def test_wrong_ordinals_and_decoders(tmp_path: Path) -> None:
    path = make_video(tmp_path / "few.mp4", frames=3)
    few = source(path)
    for ordinal in (-1, 3):
        with pytest.raises(ValueError, match="0 to 2"):
            few.frame(ordinal)
    few.close()
    few.close()
    with pytest.raises(SettingsError, match="nvdec"):
        VideoSource(path, *opened(path), threads=1, decoder="nvdec")


def test_a_file_that_vanished(tmp_path: Path) -> None:
    path = make_video(tmp_path / "gone.mp4", frames=3)
    info, index = opened(path)
    path.unlink()
    with pytest.raises(InputError, match=r"gone\.mp4"):
        VideoSource(path, info, index, threads=1)


def test_sources_leave_no_frames_behind(tmp_path: Path) -> None:
    """Frames of PyAV are counted by the collector; a source that is closed keeps none, a running one few."""
    path = make_video(tmp_path / "many.mp4", frames=300, gop=50)
    info, index = opened(path)

    def frames_alive() -> int:
        gc.collect()
        return sum(isinstance(o, av.VideoFrame) for o in gc.get_objects())

    before = frames_alive()
    many = VideoSource(path, info, index, threads=2)
    peak = 0
    for n in range(300):
        many.frame(n)
        if n % 50 == 49:
            peak = max(peak, frames_alive() - before)
    many.close()
    assert 1 <= peak <= 12
    assert frames_alive() - before == 0


# -- DamageMeter --------------------------------------------------------------------------------------------------


def run_meter(tmp_path: Path, bad: set[int], count: int = 100, fps: int = 10) -> DamageMeter:
    meter = DamageMeter(tmp_path / "x.mp4", count)
    for n in range(count):
        meter.note(n, Fraction(n, fps), repeated=n in bad, error="noise")
    return meter


def test_five_percent_is_allowed_six_is_not(tmp_path: Path) -> None:
    assert run_meter(tmp_path, {3, 20, 40, 60, 80}).repeated == 5
    with pytest.raises(DamagedSourceError, match=r"x\.mp4: 6 of 100 frames.*5 %.*noise"):
        run_meter(tmp_path, {3, 20, 40, 60, 80, 90})


def test_two_seconds_in_a_row_are_allowed_more_is_not(tmp_path: Path) -> None:
    run_meter(tmp_path, set(range(100, 121)), count=1000)
    with pytest.raises(DamagedSourceError, match=r"more than 2 s in a row, from 10\.00 s on"):
        run_meter(tmp_path, set(range(100, 122)), count=1000)


def test_a_held_frame_counts_once(tmp_path: Path) -> None:
    meter = DamageMeter(tmp_path / "x.mp4", 20)
    for _ in range(50):
        meter.note(4, Fraction(1), repeated=True)
    assert (meter.frames, meter.repeated) == (1, 1)
