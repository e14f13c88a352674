"""The index read in arrays says what a demuxer says of each packet; and what verifying saves by it."""

from __future__ import annotations

import dataclasses
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_out_makers import blank, draw, settings

from reelpress.errors import VerifyError
from reelpress.media.boxes import top_level_boxes
from reelpress.media.encoder import AudioEncoderSpec, EncoderSpec
from reelpress.media.mux import Mp4Writer
from reelpress.media.sample_tables import SampleTables, key_frames, sample_tables
from reelpress.media.verify import packets as verifying
from reelpress.media.verify.mp4 import verify

FPS = Fraction(30)


def write(path: Path, spec: EncoderSpec, frames: int, *, sound: bool, again: int = 0) -> None:
    """A short file; with ``again`` the packets are written so many times (as replayed pictures are)."""
    writer = Mp4Writer(path, video=spec, audio=AudioEncoderSpec() if sound else None)
    packets = []
    for number in range(frames):
        if writer.audio is not None:
            writer.mux(writer.audio.encode(np.zeros((2, 1600), np.float32), 1600 * number))
        packets += writer.video.encode(draw(blank(), number), number)
    packets += writer.video.flush()
    for round_ in range(again + 1):
        shift = round_ * frames
        writer.mux([dataclasses.replace(p, pts=p.pts + shift, dts=p.dts + shift) for p in packets])
    if writer.audio is not None:
        writer.mux(writer.audio.flush())
    writer.finish()


def tables_of(path: Path) -> SampleTables | None:
    with path.open("rb") as file:
        (at, size) = next((at, size) for name, at, size in top_level_boxes(file) if name == b"moov")
        file.seek(at)
        return sample_tables(file.read(size))


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("b_frames", ["0", "3"])
def test_it_says_what_a_demuxer_says(tmp_path, b_frames, sound):
    path = tmp_path / "x.mp4"
    spec = dataclasses.replace(settings(), gop_frames=7, extra={"bf": b_frames})
    write(path, spec, 40, sound=sound)
    tables = tables_of(path)
    assert tables is not None
    key, damaged = key_frames(path, tables, lambda: None)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        assert stream.time_base == Fraction(1, tables.timescale)
    assert tables.pts.tolist() == [p.pts for p in packets]
    assert tables.dts.tolist() == [p.dts for p in packets]
    assert tables.duration.tolist() == [p.duration for p in packets]
    assert tables.size.tolist() == [p.size for p in packets]
    assert tables.offset.tolist() == [p.pos for p in packets]
    assert key.tolist() == [p.is_keyframe for p in packets]
    assert key.sum() >= 5
    assert not damaged.any()


def test_a_packet_whose_unit_is_longer_than_it_is_damaged(tmp_path):
    path = tmp_path / "x.mp4"
    write(path, settings(), 10, sound=False)
    tables = tables_of(path)
    assert tables is not None
    data = bytearray(path.read_bytes())
    at = int(tables.offset[4])
    data[at : at + 4] = struct.pack(">I", int(tables.size[4]) - 1)  # 4 is all there is beside it
    path.write_bytes(data)
    assert np.flatnonzero(key_frames(path, tables, lambda: None)[1]).tolist() == [4]
    with pytest.raises(VerifyError, match="picture 4 is cut off or damaged"):
        verify(path, frames=10, fps=FPS, size=(64, 48))


@pytest.mark.parametrize("name", [b"stts", b"stsz", b"stco", b"stsc", b"mdhd"])
def test_an_index_of_another_kind_is_left_to_the_demuxer(tmp_path, name):
    path = tmp_path / "x.mp4"
    write(path, settings(), 10, sound=False)
    data = path.read_bytes()
    path.write_bytes(data.replace(name, b"free", 1))
    assert tables_of(path) is None


def test_a_key_frame_shown_again_is_decoded_once(tmp_path):
    """Six times the same five pictures: the last key frame with what follows it, and the first is that one."""
    path = tmp_path / "x.mp4"
    write(path, dataclasses.replace(settings(), gop_frames=100, extra={"bf": "0"}), 5, sound=False, again=5)
    result = verify(path, frames=30, fps=FPS, size=(64, 48))
    assert (result.keyframes, result.decoded) == (6, 5)


def test_key_frames_between_can_be_left_out(tmp_path, monkeypatch):
    path = tmp_path / "x.mp4"
    write(path, dataclasses.replace(settings(), gop_frames=1), 30, sound=False)
    assert verify(path, frames=30, fps=FPS, size=(64, 48), key_frames_s=60.0).decoded == 8
    assert verify(path, frames=30, fps=FPS, size=(64, 48), key_frames_s=0.0).decoded == 2
    monkeypatch.setattr(verifying, "sample_tables", lambda moov: None)  # as for a file that is not like ours
    assert verify(path, frames=30, fps=FPS, size=(64, 48)).decoded == 8
