"""Packets as they are: which there are, ranges of them, sound without gaps."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from copy_makers import make_h264
from reelpress.errors import UnreadableInputError
from reelpress.media.copy import VideoPacketReader, scan_video
from reelpress.media.copy_sound import AudioPacketReader, scan_audio
from reelpress.media.index import build_index

PARAMS = "keyint=10:scenecut=0:b-adapt=0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copy")


@pytest.fixture(scope="module")
def video(folder: Path) -> Path:
    return make_h264(folder / "video.mp4", frames=45, options={"bf": "2"}, params=PARAMS, sound=True)


def demuxed(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        return [(int(p.pts or 0), bytes(p)) for p in container.demux(container.streams.video[0]) if p.size]


def pictures(sample: bytes) -> list[bytes]:
    """The slices of a sample of an MP4 file."""
    found, at = [], 0
    while at < len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        found.append(sample[at + 4 : at + 4 + size])
        at += 4 + size
    return [unit for unit in found if unit[0] & 0x1F in (1, 5)]


def test_the_index_saves_reading_the_packets_again(video: Path) -> None:
    slow, fast = scan_video(video, 0), scan_video(video, 0, build_index(video, 0).packets)
    assert (slow.places, fast.refusal) == (None, None)
    assert fast.places is not None
    for name in ("pts", "size", "idr", "shown", "unclean"):
        assert getattr(slow, name).tolist() == getattr(fast, name).tolist(), name
    assert slow.idr_slices == fast.idr_slices
    one, two = (VideoPacketReader(video, 0, packets) for packets in (slow, fast))
    assert list(one.read(20, 25)) == list(two.read(20, 25))
    one.close()
    two.close()


def test_every_packet_is_found_and_idr_pictures_are_known(video: Path) -> None:
    packets = scan_video(video, 0)
    assert packets.refusal is None
    assert packets.pts.tolist() == [pts for pts, _ in demuxed(video)]
    assert np.flatnonzero(packets.idr).tolist() == [0, 10, 20, 30, 40]
    assert sorted(packets.idr_slices) == [0, 10, 20, 30, 40]
    assert packets.shown.all()


@pytest.mark.parametrize("ranges", [[(0, 45)], [(20, 12)], [(40, 5), (0, 3)], [(10, 10), (20, 10), (0, 10), (30, 1)]])
def test_ranges_are_the_packets_of_the_file(video: Path, ranges: list[tuple[int, int]]) -> None:
    reader = VideoPacketReader(video, 0, scan_video(video, 0))
    wanted = demuxed(video)
    for first, count in ranges:
        got = list(reader.read(first, count))
        assert [pictures(s) for s in got] == [pictures(s) for _, s in wanted[first : first + count]]
    reader.close()


@pytest.mark.parametrize("suffix", ["mkv", "mov", "ts", "flv"])
def test_other_containers_give_the_same_pictures(folder: Path, video: Path, suffix: str) -> None:
    other = make_h264(folder / f"other.{suffix}", frames=45, options={"bf": "2"}, params=PARAMS)
    packets = scan_video(other, 0)
    assert packets.refusal is None
    reader = VideoPacketReader(other, 0, packets)
    got = [pictures(s) for s in reader.read(20, 10)]
    reader.close()
    assert got == [pictures(s) for _, s in demuxed(video)[20:30]]


def test_parameter_sets_delimiters_and_notes_are_taken_out(folder: Path) -> None:
    path = make_h264(folder / "inband.mp4", frames=12, params="keyint=5:aud=1:repeat-headers=1:slices=2")
    packets = scan_video(path, 0)
    assert packets.unclean.all()
    reader = VideoPacketReader(path, 0, packets)
    for sample in reader.read(0, 12):
        assert len(pictures(sample)) == 2
        assert sum(4 + len(unit) for unit in pictures(sample)) == len(sample)  # and nothing else
        assert b"x264" not in sample
    reader.close()


def test_other_parameter_sets_in_the_stream_are_refused(folder: Path) -> None:
    one = make_h264(folder / "one.h264", frames=10, container="h264")
    two = make_h264(folder / "two.h264", frames=10, options={"profile": "baseline"}, container="h264")
    both = folder / "both.h264"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    path = folder / "both.mp4"
    with av.open(str(both)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for k, packet in enumerate(p for p in source.demux() if p.size):
            packet.pts = packet.dts = k * 512
            packet.stream = stream
            out.mux(packet)
    assert scan_video(path, 0).refusal == "its parameter sets change within the recording"


@pytest.mark.parametrize("indexed", [False, True])
def test_a_file_that_changed_meanwhile_is_an_error(folder: Path, video: Path, indexed: bool) -> None:
    path = folder / f"changing{indexed}.mp4"
    path.write_bytes(video.read_bytes())
    facts = build_index(path, 0).packets if indexed else None
    reader = VideoPacketReader(path, 0, scan_video(path, 0, facts))
    make_h264(path, frames=30, params="keyint=7")
    with pytest.raises(UnreadableInputError, match="changed while it was read"):
        list(reader.read(20, 10))
    reader.close()


def test_packets_that_an_edit_list_drops_are_known(folder: Path, video: Path) -> None:
    path = folder / "edited.mp4"
    program = ["ffmpeg", "-v", "error", "-y", "-ss", "0.5", "-i", str(video), "-an", "-c", "copy", str(path)]
    try:
        subprocess.run(program, check=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no ffmpeg program here")
    packets = scan_video(path, 0)
    assert packets.refusal is None
    assert 0 < int(packets.shown.sum()) < len(packets)


def test_sound_is_known_to_the_sample(video: Path) -> None:
    sound = scan_audio(video, 1)
    assert (sound.refusal, sound.rate, sound.channels, sound.start) == (None, 48_000, 2, -1024)
    reader = AudioPacketReader(video, 1, sound, 10_000, 30_000)
    packets = []
    while (packet := reader.next()) is not None:
        packets.append(packet)
    reader.close()
    # The packet with sample 10000 begins at 9216; one more goes before it, which the decoder needs.
    assert packets[0].pts == 8192 - 10_000
    assert [p.pts for p in packets] == list(range(8192 - 10_000, 20_000, 1024))


def test_other_sound_is_refused_with_a_reason(folder: Path) -> None:
    path = folder / "opus.mkv"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libopus", rate=48_000)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32).repeat(2, 1), format="flt", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert "not AAC" in str(scan_audio(path, 0).refusal)
