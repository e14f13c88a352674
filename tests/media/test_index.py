"""FrameIndex: times, ordinals, hidden packets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from videos import make_video, read_number

from reelpress.errors import InputError, UnreadableInputError
from reelpress.media._shown import vp9_shows
from reelpress.media.decode import VideoSource
from reelpress.media.index import FrameIndex, build_index
from reelpress.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path


def test_constant_rate(tmp_path: Path) -> None:
    index = build_index(make_video(tmp_path / "a.mp4", fps=Fraction(30_000, 1001), frames=12, bframes=2), 0)
    assert len(index) == 12
    assert index.start == 0
    assert index.duration == 12 * Fraction(1001, 30_000)
    assert [int(t) * index.time_base for t in index.pts] == [n * Fraction(1001, 30_000) for n in range(12)]


def test_variable_rate_with_an_offset(tmp_path: Path) -> None:
    times = [5000, 5010, 5500, 5503, 7000]
    index = build_index(make_video(tmp_path / "v.mkv", frames=5, pts=times, time_base=Fraction(1, 1000)), 0)
    assert list(index.pts) == times
    assert index.start == 5000
    assert index.end_pts > 7000


def test_key_frames(tmp_path: Path) -> None:
    index = build_index(make_video(tmp_path / "k.mp4", frames=25, gop=10), 0)
    assert [index.ordinal_at(int(k)) for k in index.keyframes] == [0, 10, 20]
    assert index.keyframe_at(int(index.pts[9])) == 0
    assert index.keyframe_at(int(index.pts[10])) == 1
    assert index.keyframe_at(-1) == -1


def hide(source: Path, target: Path, hidden: set[int]) -> None:
    """Copy a VP8 file and make some of its frames hidden ones, as alt-ref frames are (RFC 6386, 9.1: show_frame)."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for n, packet in enumerate(p for p in given.demux(video=0) if p.size):
            data = bytearray(bytes(packet))
            if n in hidden:
                data[0] &= ~0x10
            copy: av.Packet[Any] = av.Packet(bytes(data))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.stream = packet.is_keyframe, stream
            out.mux(copy)


def test_hidden_frames_are_not_counted(tmp_path: Path) -> None:
    plain, path = make_video(tmp_path / "plain.webm", codec="libvpx", frames=30, gop=10), tmp_path / "hidden.webm"
    hide(plain, path, {4, 13, 29})
    with av.open(str(path)) as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    assert len(shown) == 27
    info = probe(path).video
    assert info is not None
    index = build_index(path, 0)
    assert list(index.pts) == shown
    source = VideoSource(path, info, index, threads=2)
    numbers = [read_number(source.frame(n).planes) for n in (26, 3, 4, 12, 0)]
    assert numbers == [28, 3, 5, 14, 0]
    assert source.repeated == 0
    source.close()


def vp9_frame(*, profile: int = 0, existing: int = 0, show: int = 1) -> bytes:
    """First byte of a VP9 uncompressed header (VP9 bitstream specification, 6.2)."""
    bits = "10" + f"{profile & 1}{profile >> 1}" + ("0" if profile == 3 else "") + str(existing)
    bits += "0" + str(show) + "0"
    return int(bits.ljust(16, "0")[:16], 2).to_bytes(2, "big") + b"data"


def superframe(*frames: bytes) -> bytes:
    """Annex B of the VP9 specification, sizes of one byte."""
    marker = bytes([0b110_00_000 | (len(frames) - 1)])
    return b"".join(frames) + marker + bytes(len(f) for f in frames) + marker


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
def test_vp9_headers(profile: int) -> None:
    shown, hidden = vp9_frame(profile=profile), vp9_frame(profile=profile, show=0)
    assert vp9_shows(shown)
    assert not vp9_shows(hidden)
    assert vp9_shows(vp9_frame(profile=profile, existing=1, show=0))
    assert vp9_shows(superframe(hidden, shown))
    assert not vp9_shows(superframe(hidden, hidden))


@given(st.binary(max_size=40))
def test_vp9_headers_of_noise_do_not_raise(data: bytes) -> None:
    vp9_shows(data)


@given(
    st.sets(st.integers(-(10**6), 10**9), min_size=1, max_size=50),
    st.integers(-(10**6) - 5, 10**9 + 5),
)
def test_ordinal_is_the_newest_at_or_before(times: set[int], ticks: int) -> None:
    pts = sorted(times)
    index = FrameIndex(Fraction(1, 1000), np.array(pts, np.int64), pts[-1] + 1, np.array(pts[:1], np.int64))
    at = index.ordinal_at(ticks)
    earlier = [n for n, t in enumerate(pts) if t <= ticks]
    assert at == (earlier[-1] if earlier else 0)


def test_no_packets(tmp_path: Path) -> None:
    path = make_video(tmp_path / "i.mp4", frames=2, container_options={"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moof") - 4])
    with pytest.raises(UnreadableInputError, match=r"i\.mp4: claims to have video but holds no picture data"):
        build_index(path, 0)


def test_no_such_stream(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no stream 3"):
        build_index(make_video(tmp_path / "a.mp4", frames=2), 3)
