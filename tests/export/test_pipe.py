"""``-o -``: a fragmented MP4 on stdout, whole and exact for who reads it, and gone quickly when nobody does."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from export_harness import COMMAND, TRACEBACK, crowding, environment
from reelpress.cli.app import run
from reelpress.errors import Cancelled, OutputError, UsageError, VerifyError
from reelpress.export.outputs.stdout import is_pipe
from reelpress.media.labels import NO_LABELS, Labels
from reelpress.media.packets import EncodedPacket
from reelpress.media.pipe import PIECE, PipeSink, _Boxes, refuse_terminal
from reelpress.media.pulse import listening
from reelpress.media.verify.verdict import Expected

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")

SIZE = ("--resolution", "320x180", "--fps", "30", "--encoder-preset", "ultrafast")
FRAMES = 60
"""2 s of the tiny recording at 30 pictures a second."""


def send(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, env=environment(), capture_output=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def sent(tiny_cap: Path, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[bytes]:
    folder = tmp_path_factory.mktemp("sent")
    done = send("export", tiny_cap, "-o", "-", *SIZE, "--gop", "0.5", "--title", "T", "--language", "deu", cwd=folder)
    assert os.listdir(folder) == []  # no .part, no lock, no file called "-"
    return done


def boxes(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        assert size >= 8 and at + size <= len(data)
        yield name
        at += size


def test_stdout_is_the_video_and_nothing_else(sent: subprocess.CompletedProcess[bytes]) -> None:
    assert sent.returncode == 0, sent.stderr
    names = list(boxes(sent.stdout))
    assert names[:2] == [b"ftyp", b"moov"]
    assert names.count(b"moov") == 1 and b"sidx" not in names
    # a group of pictures is half a second: four in 2 s, each in a fragment of its own
    assert names.count(b"moof") == names.count(b"mdat") >= 4
    text = sent.stderr.decode()
    assert f"finish: frame {FRAMES}/{FRAMES}" in text and "2.00 s of video" in text and TRACEBACK not in text
    # default_base_moof is bit 0x20000 of every tfhd's flags (ISO/IEC 14496-12, 8.8.7)
    at, seen = sent.stdout.find(b"tfhd"), 0
    while at >= 0:
        assert struct.unpack_from(">I", sent.stdout, at + 4)[0] & 0x020000
        seen, at = seen + 1, sent.stdout.find(b"tfhd", at + 1)
    assert seen >= 4


def test_pyav_reads_it_from_a_pipe(sent: subprocess.CompletedProcess[bytes]) -> None:
    class Forwards(io.RawIOBase):
        """No seeking, as a pipe."""

        def __init__(self) -> None:
            self.inner = io.BytesIO(sent.stdout)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self.inner.read(size)

    with av.open(Forwards(), "r", format="mp4") as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        times, last, ends = [], Fraction(0), Fraction(0)
        for packet in container.demux(picture, sound):
            for frame in packet.decode():
                assert frame.pts is not None and frame.time_base is not None
                if isinstance(frame, av.VideoFrame):
                    times.append(frame.pts * frame.time_base)
                    last = frame.pts * frame.time_base
                elif isinstance(frame, av.AudioFrame):
                    ends = max(ends, frame.pts * frame.time_base + Fraction(frame.samples, 48_000))
    assert times == [Fraction(k, 30) for k in range(FRAMES)]  # the first one at 0, and not two frames later
    assert last == Fraction(FRAMES - 1, 30)
    assert abs(ends - 2) <= Fraction(1024, 48_000)


def test_it_is_the_same_video_as_in_a_file(
    sent: subprocess.CompletedProcess[bytes], tiny_cap: Path, tmp_path: Path
) -> None:
    done = send("export", tiny_cap, "-o", "x.mp4", *SIZE, "--gop", "0.5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    def payload(source: Any) -> list[tuple[int, bytes]]:
        with av.open(source) as container:
            stream = container.streams.video[0]
            base = stream.time_base
            assert base is not None
            found = [(p.pts, bytes(p)) for p in container.demux(stream) if p.size and p.pts is not None]
            return [(round(pts * base * 30), data) for pts, data in found]

    assert payload(io.BytesIO(sent.stdout)) == payload(str(tmp_path / "x.mp4"))


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe on the PATH")
def test_ffprobe_reads_it_while_it_is_made(tiny_cap: Path, tmp_path: Path) -> None:
    export = subprocess.Popen(
        [*COMMAND, "export", str(tiny_cap), "-o", "-", *SIZE, "--title", "Über", "--language", "deu"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    entries = "format_tags=title:stream=codec_name,codec_tag_string,start_time,nb_read_packets:stream_tags=language"
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-count_packets", "-show_entries", entries, "-of", "flat", "-"],
        stdin=export.stdout, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert export.stdout is not None
    export.stdout.close()
    assert export.wait(30) == 0
    assert probe.returncode == 0 and probe.stderr == ""
    said = dict(line.split("=", 1) for line in probe.stdout.splitlines())
    assert said["format.tags.title"] == '"Über"'
    assert said["streams.stream.0.codec_name"] == '"h264"'
    assert said["streams.stream.0.codec_tag_string"] == '"avc1"'
    assert said["streams.stream.0.start_time"] == '"0.000000"'
    assert said["streams.stream.0.nb_read_packets"] == f'"{FRAMES}"'
    assert said["streams.stream.1.tags.language"] == '"deu"'


def test_quiet_says_nothing(tiny_cap: Path, tmp_path: Path) -> None:
    done = send("export", tiny_cap, "-o", "-", *SIZE, "--end", "0.3", "-q", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == b""
    assert next(boxes(done.stdout)) == b"ftyp"


def test_what_is_still_is_sent_as_variable_rate_too(tiny_cap: Path, tmp_path: Path) -> None:
    done = send("export", tiny_cap, "-o", "-", *SIZE, "--unchanged", "vfr", "--no-audio", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with av.open(io.BytesIO(done.stdout)) as container:
        times = [frame.pts * frame.time_base * 30 for frame in container.decode(video=0) if frame.pts is not None]
    assert times[0] == 0 and all(time.denominator == 1 for time in times)


# Nobody reads


def test_a_reader_that_leaves_ends_it_within_a_second(tiny_cap: Path, tmp_path: Path) -> None:
    for _ in range(3):
        export = subprocess.Popen(
            [*COMMAND, "export", str(tiny_cap), "-o", "-", "--encoder-preset", "veryslow", "--resolution", "4k"],
            cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert export.stdout is not None and export.stderr is not None
        for line in export.stderr:
            if line.startswith(b"encode"):
                break
        begin = time.monotonic()
        export.stdout.close()
        assert export.wait(20) == 130
        took = (time.monotonic() - begin) / crowding()
        rest = export.stderr.read()
        export.stderr.close()
        assert TRACEBACK.encode() not in rest
        if took < 1.0:
            break
    else:
        pytest.fail(f"three times more than a second; the last took {took:.2f} s")
    assert os.listdir(tmp_path) == []


def test_a_reader_that_only_waits_is_no_stall(tiny_cap: Path, tmp_path: Path) -> None:
    export = subprocess.Popen(
        [*COMMAND, "export", str(tiny_cap), "-o", "-", "--stall-timeout", "1", "--crf", "1", "--gop", "0.2",
         "--encoder-preset", "ultrafast", "--resolution", "640x360"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    assert export.stdout is not None
    first = export.stdout.read(8)
    with pytest.raises(subprocess.TimeoutExpired):  # its pipe is full, and that is all that is wrong
        export.wait(3)
    rest, errors = export.communicate(timeout=60)
    assert export.returncode == 0, errors
    assert len(first + rest) > 1 << 16  # more than a pipe holds
    assert next(boxes(first + rest)) == b"ftyp"


def test_cancelled_while_the_reader_waits(tiny_cap: Path, tmp_path: Path) -> None:
    for _ in range(3):
        export = subprocess.Popen(
            [*COMMAND, "export", str(tiny_cap), "-o", "-", "--crf", "1", "--gop", "0.2", "--encoder-preset",
             "ultrafast", "--resolution", "640x360"],
            cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            bufsize=0,
        )  # fmt: skip
        assert export.stdout is not None
        export.stdout.read(8)
        with pytest.raises(subprocess.TimeoutExpired):
            export.wait(2.5)
        begin = time.monotonic()
        export.terminate()
        _, errors = export.communicate(timeout=20)
        took = (time.monotonic() - begin) / crowding()
        assert export.returncode == 130 and TRACEBACK.encode() not in errors
        if took < 1.0:
            return
    pytest.fail("cancelling took more than a second, three times")


# What is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--json"], "--json writes too"),
        (["--format", "gif"], "-o - sends an MP4, no gif"),
        (["--codec", "hevc"], "-o - sends H.264, no hevc"),
        (["--subtitles", "srt"], "--subtitles writes a file beside the video"),
        (["--verify", "full"], "--verify full decodes the finished file"),
    ],
)
def test_what_does_not_go_with_a_pipe(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    options: list[str], says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(["export", str(tiny_cap), "-o", "-", *options]) == 2
    out, err = capfd.readouterr()
    assert says in (out if "--json" in options else err)
    assert "ftyp" not in out and os.listdir(tmp_path) == []


def test_one_source_only(tiny_cap: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(tiny_cap), str(tiny_cap), "-o", "-"]) == 2
    assert "-o - sends one video" in capfd.readouterr().err


def test_a_terminal_is_refused(tiny_cap: Path, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, "export", str(tiny_cap), "-o", "-"],
            cwd=tmp_path, env=environment(), stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
        with pytest.raises(UsageError, match="terminal"):
            refuse_terminal(theirs)
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 2 and "stdout, which is a terminal" in done.stderr


def test_a_closed_descriptor_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OutputError, match="closed"):
        refuse_terminal(writing)


def test_only_a_dash_is_stdout() -> None:
    assert is_pipe(Path("-"))
    assert not is_pipe(Path("a-")) and not is_pipe(None) and not is_pipe(Path("/tmp/-"))


def test_it_is_never_copied(tmp_path: Path) -> None:
    from reelpress.export.prepare import prepare
    from reelpress.export.settings import ExportSettings

    source = tmp_path / "a.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), k, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with prepare(source, Path("-"), ExportSettings()) as job:
        assert job.copy is None and "stdout" in job.plan.copy["reason"]


# The sink by itself


def packet(pts: int, *, key: bool = False, kind: str = "video", size: int = 10) -> EncodedPacket:
    return EncodedPacket(kind, bytes(size), pts, pts, 1, key, Fraction(1, 30))  # type: ignore[arg-type]


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def moof(track: int, samples: int) -> bytes:
    tfhd = box(b"tfhd", struct.pack(">II", 0x020000, track))
    return box(b"moof", box(b"traf", tfhd, box(b"trun", struct.pack(">II", 0, samples))))


@pytest.mark.parametrize("piece", [1, 3, 7, 8, 9, 10_000])
def test_boxes_are_followed_however_they_are_cut(piece: int) -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + b"x" * 5
    data = box(b"ftyp", b"isom") + box(b"moov", b"y" * 30) + moof(1, 3) + large + moof(2, 4) + box(b"mdat") + moof(1, 2)
    found = _Boxes()
    for at in range(0, len(data), piece):
        found.feed(memoryview(data[at : at + piece]))
    assert found.names == [b"ftyp", b"moov", b"moof", b"mdat"]
    assert found.samples == {1: 5, 2: 4}
    assert found.moov == box(b"moov", b"y" * 30)
    assert not found.inside and not found.broken


def test_what_is_no_box_is_noticed() -> None:
    found = _Boxes()
    found.feed(memoryview(struct.pack(">I4s", 4, b"ftyp")))
    assert found.broken
    cut = _Boxes()
    cut.feed(memoryview(box(b"ftyp", b"isom")[:-1]))
    assert cut.inside


def test_a_slow_reader_is_a_sign_of_life() -> None:
    reading, writing = os.pipe()
    try:
        beats: list[int] = []

        def heard() -> None:
            beats.append(len(beats))
            if len(beats) == 2:
                os.read(reading, 1 << 20)  # now there is room again

        sink = PipeSink(writing)
        with listening(heard):
            sink.write(bytes(70_000))
            while not beats:
                sink.write(bytes(PIECE))
            sink.write(bytes(PIECE))
        assert len(beats) >= 2 and sink.sent > 70_000
    finally:
        os.close(reading)
        os.close(writing)


def test_a_reader_that_is_gone_is_a_cancel_and_then_silence() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        sink = PipeSink(writing)
        with pytest.raises(Cancelled, match="stdout was closed"):
            sink.write(b"x" * 100)
        assert sink.write(b"y" * 100) == 100  # the muxer's last words
        assert sink.sent == 0
    finally:
        os.close(writing)


def test_it_begins_anew_only_before_the_first_byte(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        sink = PipeSink(file.fileno())
        sink.note(packet(0))
        sink.stop()
        sink.begin()
        sink.write(box(b"ftyp", b"isom"))
        with pytest.raises(OutputError, match="12 bytes are sent already"):
            sink.begin()
    assert (tmp_path / "x").read_bytes() == box(b"ftyp", b"isom")


@pytest.fixture
def real(tmp_path: Path) -> tuple[Any, ...]:
    """A small stream through the writer: its sink, its bytes and its packets."""
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.mux import Mp4Writer
    from reelpress.media.scale import allocate

    spec = EncoderSpec(width=64, height=48, fps=Fraction(30), crf=30.0, preset="ultrafast", gop_frames=5)
    with (tmp_path / "x").open("wb") as file:
        sink = PipeSink(file.fileno())
        writer = Mp4Writer(Path("-"), video=spec, sink=sink, labels=Labels("T"))
        planes = allocate(64, 48)
        for plane in planes.planes:
            plane[:] = 100
        for k in range(12):
            writer.mux(writer.video.encode(planes, k))
        writer.mux(writer.video.flush())
        writer.finish()
    return sink, (tmp_path / "x").read_bytes()


def test_what_was_sent_is_compared_with_what_was_planned(real: tuple[PipeSink, bytes]) -> None:
    sink, data = real
    assert sink.sent == len(data)
    good = Expected(12, Fraction(30), (64, 48))
    result = sink.verify(good, Labels("T"))
    assert (result.frames, result.duration, result.keyframes) == (12, Fraction(2, 5), 3)
    assert "samples in fragments" in result.checked
    for wrong, labels, says in (
        (Expected(13, Fraction(30), (64, 48)), Labels("T"), "12 pictures instead of 13"),
        (Expected(12, Fraction(25), (64, 48)), Labels("T"), "is shown at"),
        (Expected(12, Fraction(30), (64, 50)), Labels("T"), "64x48 instead of 64x50"),
        (good, NO_LABELS, "title is 'T' instead of None"),
        (good, Labels("U"), "title is 'T' instead of 'U'"),
    ):
        with pytest.raises(VerifyError, match=says):
            sink.verify(wrong, labels)


def test_a_lost_fragment_is_noticed(real: tuple[PipeSink, bytes]) -> None:
    sink, _ = real
    sink._boxes.samples[1] -= 1
    with pytest.raises(VerifyError, match=r"samples \{'vide': 11\}, but there were packets \{'vide': 12\}"):
        sink.verify(Expected(12, Fraction(30), (64, 48)), Labels("T"))
