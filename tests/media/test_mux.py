"""Mp4Writer: three threads, times, tags, privacy, the index in front, full and unwritable targets."""

from __future__ import annotations

import errno
import os
import queue
import shutil
import struct
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media_out_makers import H, W, blank, boxes, draw, settings, sps_fields, tracks, write_video

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Primaries, Range
from reelpress.errors import Cancelled, EncoderError, ExportError, OutOfMemoryError, OutputError
from reelpress.media import faststart
from reelpress.media.encoder import AudioEncoderSpec
from reelpress.media.faststart import relocated
from reelpress.media.faults import encoding, writing
from reelpress.media.mux import Mp4Writer
from reelpress.media.opening import opened
from reelpress.media.packets import EncodedPacket


def click(length: int, at: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    sound = np.zeros((2, length), np.float32)
    sound[:, at : at + 6] = 0.8
    return sound


def test_encode_sound_and_mux_run_in_three_threads(tmp_path: Path) -> None:
    path, frames, total = tmp_path / "x.mp4", 90, 90 * 1600
    sound = np.random.default_rng(2).uniform(-0.3, 0.3, (2, total)).astype(np.float32)
    writer = Mp4Writer(path, video=settings(30, preset="veryfast"), audio=AudioEncoderSpec())
    packets: queue.Queue[list[EncodedPacket] | None] = queue.Queue(maxsize=4)
    failures: list[BaseException] = []

    def guarded(work: Any) -> Any:
        def run() -> None:
            try:
                work()
            except BaseException as fault:
                failures.append(fault)
            finally:
                packets.put(None, timeout=20)

        return run

    def pictures() -> None:
        picture = blank()
        for number in range(frames):
            packets.put(writer.video.encode(draw(picture, number), number), timeout=20)
        packets.put(writer.video.flush(), timeout=20)

    def sounds() -> None:
        assert writer.audio is not None
        for at in range(0, total, 1600):
            packets.put(writer.audio.encode(sound[:, at : at + 1600], at), timeout=20)
        packets.put(writer.audio.flush(), timeout=20)

    def mux() -> None:
        open_ends = 2
        while open_ends:
            batch = packets.get(timeout=20)
            if batch is None:
                open_ends -= 1
            else:
                writer.mux(batch)

    def muxing() -> None:
        try:
            mux()
        except BaseException as fault:
            failures.append(fault)

    threads = [threading.Thread(target=t) for t in (guarded(pictures), guarded(sounds), muxing)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []
    writer.finish()
    with av.open(str(path)) as container:
        assert [f.pts * f.time_base for f in container.decode(video=0)] == [Fraction(n, 30) for n in range(frames)]
    with av.open(str(path)) as container:
        assert total <= sum(f.samples for f in container.decode(audio=0)) < total + 1024


RATES = [
    Fraction(24000, 1001),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(60),
    Fraction(2997, 50),
    Fraction(15, 2),
    1,
]


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("preset", ["ultrafast", "medium"])  # without and with B-frames
def test_times_are_exact_at_every_rate(tmp_path: Path, fps: Fraction, preset: str) -> None:
    path, frames = tmp_path / "x.mp4", 17
    length = int(frames / fps * 48000)
    write_video(path, frames, fps, np.zeros((2, length), np.float32), preset=preset)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.start_time == 0
        assert audio.start_time == 0
        assert video.duration is not None
        assert audio.duration is not None
        assert video.duration * video.time_base == frames / fps
        # Edit lists have one timescale for all tracks; sample-exact sound needs one that both fit.
        assert abs(audio.duration - length) <= (0 if fps.numerator % 37 else 5)
        assert audio.time_base == Fraction(1, 48000)
        assert video.average_rate == fps
        packets = [p for p in container.demux(video) if p.size]
        assert sorted(p.pts * p.time_base for p in packets) == [k / fps for k in range(frames)]
        if preset == "medium":
            assert any(p.pts != p.dts for p in packets)
    by_handler = {track["handler"]: track for track in tracks(path.read_bytes())}
    scale = struct.unpack(">I", by_handler["vide"]["mdhd"][12:16])[0]
    assert 10_000 <= scale <= 200_000
    movie_scale, movie_ticks = struct.unpack(">II", boxes(boxes(path.read_bytes())["moov"][0])["mvhd"][0][12:20])
    shown = struct.unpack(">I", by_handler["vide"]["elst"][8:12])[0]
    assert Fraction(shown, movie_scale) == frames / fps
    assert abs(Fraction(movie_ticks, movie_scale) - frames / fps) <= Fraction(1, 10_000)
    assert struct.unpack(">I", by_handler["soun"]["mdhd"][12:16])[0] == 48000
    # The edit list of the sound skips the encoder's priming of one frame.
    assert struct.unpack(">i", by_handler["soun"]["elst"][12:16])[0] == 1024


@pytest.mark.parametrize(
    ("color", "points"),
    [
        (BT709_LIMITED, (1, 1, 1, 0)),
        (ColorSpec(Matrix.BT601, Range.LIMITED, Primaries.BT601_525), (6, 1, 6, 0)),
        (ColorSpec(Matrix.BT709, Range.FULL), (1, 1, 1, 1)),
    ],
    ids=str,
)
def test_colour_is_in_the_bitstream_and_in_the_container(
    tmp_path: Path, color: ColorSpec, points: tuple[int, ...]
) -> None:
    path = tmp_path / "x.mp4"
    write_video(path, 3, color=color)
    entry = tracks(path.read_bytes())[0]["entry"]
    colr = entry["colr"][0]
    assert colr[:4] == b"nclx"
    assert (*struct.unpack(">HHH", colr[4:10]), colr[10] >> 7) == points
    sps = sps_fields(entry["avcC"][0])
    assert sps["signal_type"] == sps["described"] == 1
    assert (sps["primaries"], sps["transfer"], sps["matrix"], sps["full_range"]) == points
    assert sps["chroma_location"] == 0  # absent means left for 4:2:0


@pytest.mark.parametrize(
    ("width", "height", "fps", "level"),
    [(640, 360, 30, 30), (1280, 720, 30, 31), (1280, 720, 60, 32), (1920, 1080, 30, 40), (1920, 1080, 60, 42)],
)
def test_level_fits_size_and_rate(tmp_path: Path, width: int, height: int, fps: int, level: int) -> None:
    # H.264 Table A-1: the lowest level whose macroblock rate and frame size suffice (with at most 4 references).
    writer = Mp4Writer(tmp_path / "x.mp4", video=settings(fps, width=width, height=height, preset="veryfast"))
    parameter_sets = writer.video.extradata
    writer.abort()
    at = parameter_sets.index(b"\x00\x00\x01\x67") + 4
    assert parameter_sets[at + 2] == level


def test_the_file_says_nothing_about_its_maker(tmp_path: Path) -> None:
    path = tmp_path / "secret place" / "x.mp4"
    path.parent.mkdir()
    write_video(path, 30, 30, click(48000, 100), preset="veryfast")
    data = path.read_bytes()
    lower = data.lower()
    for text in (b"x264", b"options:", b"lavf", b"lavc", b"libav", b"ffmpeg", b"secret", b"reelpress"):
        assert text not in lower, text
    assert data.count(b"\x00\x00\x00\x08ilst") == data.count(b"ilst")  # the list of tags is empty
    for track in tracks(data):
        assert track["mdhd"][4:12] == track["tkhd"][4:12] == bytes(8)  # creation and modification time
    with av.open(str(path)) as container:
        assert "encoder" not in container.metadata
        assert "creation_time" not in container.metadata


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, 12, 30, click(19200, 100), threads=1)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_click_comes_out_where_it_went_in(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    for at in (0, 500, 24_000, 47_900):
        write_video(path, 30, 30, click(48_000, at))
        with av.open(str(path)) as container:
            parts = [(int(f.pts * f.time_base * 48000), f.to_ndarray()) for f in container.decode(audio=0)]
        assert parts[0][0] == 0
        heard = np.concatenate([block for _, block in parts], axis=1)
        assert 48_000 <= heard.shape[1] < 48_000 + 1024
        energy = heard[0].astype(np.float64) ** 2
        centre = float((energy * np.arange(len(energy))).sum() / energy.sum())
        assert abs(centre - (at + 2.5)) < 48  # 1 ms


def test_without_sound_there_is_no_track(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    write_video(path, 3)
    assert [track["handler"] for track in tracks(path.read_bytes())] == ["vide"]
    writer = Mp4Writer(path, video=settings())
    assert writer.audio is None
    with pytest.raises(EncoderError, match="without audio"):
        writer.mux([EncodedPacket("audio", b"\x00", 0, 0, 1024, True, Fraction(1, 48000))])
    writer.abort()


# The index in front


def order(data: bytes) -> list[str]:
    names, at = [], 0
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        names.append(data[at + 4 : at + 8].decode())
        at += size
    assert at == len(data)
    return names


@pytest.mark.parametrize("block", [997, 4 << 20])
def test_the_index_is_moved_to_the_front(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faststart, "BLOCK", block)
    back, front = tmp_path / "back.mp4", tmp_path / "front.mp4"
    write_video(back, 40, 30, click(64_000, 100), faststart=False, threads=1)
    write_video(front, 40, 30, click(64_000, 100), faststart=True, threads=1)
    assert order(back.read_bytes()) == ["ftyp", "free", "mdat", "moov"]
    assert order(front.read_bytes()) == ["ftyp", "moov", "free", "mdat"]
    assert back.stat().st_size == front.stat().st_size
    contents = []
    for path in (back, front):
        with av.open(str(path)) as container:
            contents.append([(p.stream_index, p.pts, p.dts, p.is_keyframe, bytes(p)) for p in container.demux()])
    assert contents[0] == contents[1]
    before = front.read_bytes()
    faststart.move_index_to_front(front)  # nothing to do the second time
    assert front.read_bytes() == before


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def index_with(*tables: bytes) -> bytes:
    traks = b"".join(
        box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stsd", b"x" * 9) + table)))) for table in tables
    )
    return box(b"moov", box(b"mvhd", b"y" * 20) + traks)


def test_offsets_beyond_four_gigabytes_become_wide() -> None:
    near = 0xFFFF_FFFF - 100
    small = box(b"stco", struct.pack(">IIII", 0, 2, 40, 5000))
    large = box(b"stco", struct.pack(">IIII", 0, 2, 1000, near))
    wide = box(b"co64", struct.pack(">IIQ", 0, 1, 1 << 33))
    moov = index_with(small, large, wide)
    moved = relocated(moov)
    shift = len(moov) + 8  # two offsets of the second table are 4 bytes longer each
    assert len(moved) == shift
    assert moved == index_with(
        box(b"stco", struct.pack(">IIII", 0, 2, 40 + shift, 5000 + shift)),
        box(b"co64", struct.pack(">IIQQ", 0, 2, 1000 + shift, near + shift)),
        box(b"co64", struct.pack(">IIQ", 0, 1, (1 << 33) + shift)),
    )


def test_moving_the_index_can_be_cancelled_and_reports_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faststart, "BLOCK", 100)
    asked: list[int] = []
    beats: list[int] = []
    writer = Mp4Writer(tmp_path / "x.mp4", video=settings())
    writer.mux(writer.video.encode(draw(blank(), 0), 0) + writer.video.flush())

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(Cancelled):
        writer.finish(cancelled=cancelled, progress=lambda: beats.append(1))
    assert len(beats) == 2


def test_a_file_without_an_index_is_an_output_error(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    write_video(path, 5, faststart=False)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(OutputError, match="no complete index"):
        faststart.move_index_to_front(path)


def test_moving_the_index_takes_a_block_and_the_index(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    media = np.random.default_rng(1).bytes(10 * faststart.BLOCK + 77)
    ftyp, count = box(b"ftyp", b"isom" + bytes(4)), 50_000
    table = np.arange(count, dtype=np.uint32) + np.uint32(len(ftyp) + 8)
    moov = index_with(box(b"stco", struct.pack(">II", 0, count) + table.astype(">u4").tobytes()))
    path.write_bytes(ftyp + box(b"mdat", media) + moov)
    tracemalloc.start()
    try:
        faststart.move_index_to_front(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # the index is copied at each of its five levels, and its numbers are once 64 bits wide
    assert peak < 1.2 * faststart.BLOCK + 8 * len(moov)
    made = path.read_bytes()
    assert order(made) == ["ftyp", "moov", "mdat"] and made.endswith(media)
    at = made.index(b"stco") + 12
    assert (np.frombuffer(made, ">u4", count, at) == table + np.uint32(len(moov))).all()


# Names, failures


@pytest.mark.parametrize(
    "name",
    ["a b.mp4", 'it\'s "q".mp4', "100%.mp4", "%03d.mp4", "x:y.mp4", "-x.mp4", "目录 ü.mp4", "out.part", "x" * 240],
)
def test_any_name_works(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(Path(name), 3)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert order((tmp_path / name).read_bytes())[0] == "ftyp"


def test_missing_folder_and_folder_as_target_are_output_errors(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder does not exist"):
        Mp4Writer(tmp_path / "no" / "x.mp4", video=settings())
    with pytest.raises(OutputError, match="it is a folder"):
        Mp4Writer(tmp_path, video=settings())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="folder does not exist"):
        Mp4Writer(tmp_path / "file" / "x.mp4", video=settings())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_folder_without_permission_is_an_output_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="may write to"):
            Mp4Writer(tmp_path / "x.mp4", video=settings())
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_device_is_an_output_error() -> None:
    with pytest.raises(OutputError, match="disk is full"):
        write_video(Path("/dev/full"), 60, width=320, height=240, crf=1.0)


FULL_SCRIPT = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
sys.path.insert(0, {here!r})
from media_out_makers import blank, settings
from reelpress.errors import OutputError
from reelpress.media.mux import Mp4Writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, limit, during = Path({path!r}), {limit}, {during!r}
writer = Mp4Writer(path, video=settings(30, crf=1.0))
picture, rng = blank(), np.random.default_rng(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
where = "mux"
try:
    for number in range(60):
        for plane in picture.planes:
            plane[:] = rng.integers(0, 256, plane.shape)
        writer.mux(writer.video.encode(picture, number))
    writer.mux(writer.video.flush())
    where = "finish"
    writer.finish()
except OutputError as error:
    writer.abort()
    print(where, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits")
@pytest.mark.parametrize("during", ["mux", "finish"])
def test_a_file_that_may_not_grow_is_an_output_error(tmp_path: Path, during: str) -> None:
    path = tmp_path / "x.mp4"
    # First how long the media data get, then a limit that hits while they are written, or while the index is.
    rng, whole = np.random.default_rng(0), tmp_path / "whole.mp4"
    writer = Mp4Writer(whole, video=settings(30, crf=1.0))
    picture = blank()
    for number in range(60):
        for plane in picture.planes:
            plane[:] = rng.integers(0, 256, plane.shape)
        writer.mux(writer.video.encode(picture, number))
    writer.mux(writer.video.flush())
    writer.finish()
    limit = whole.stat().st_size - 300 if during == "finish" else 64_000
    script = FULL_SCRIPT.format(here=str(Path(__file__).parent), path=str(path), limit=limit, during=during)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith(during)
    assert "the disk is full or a size limit is reached" in done.stdout
    assert str(path) in done.stdout


def test_library_errors_become_ours() -> None:
    def raised(fault: BaseException) -> BaseException:
        with pytest.raises(Exception) as caught, writing("out.mp4", "encode"):  # noqa: PT011
            raise fault
        return caught.value

    for code in (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS, errno.ENOENT):
        for kind in (av.error.OSError, OSError):
            error = raised(kind(code, os.strerror(code)))
            assert type(error) is OutputError
            assert "out.mp4" in str(error)
    for fault in (MemoryError(), av.error.MemoryError(errno.ENOMEM, "no"), OSError(errno.ENOMEM, "no")):
        error = raised(fault)
        assert isinstance(error, OutOfMemoryError)
        assert error.stage == "encode"
    assert type(raised(av.error.ExternalError(542_398_533, "broken"))) is EncoderError
    assert type(raised(KeyError("x"))) is KeyError
    ours = Cancelled("x")
    assert raised(ours) is ours


@pytest.mark.parametrize("short", [False, True])
def test_what_encoders_say_of_memory(monkeypatch: pytest.MonkeyPatch, short: bool) -> None:
    """x264 says only that something failed where it finds none; a chip's memory is its own."""
    monkeypatch.setattr("reelpress.media.faults.memory_is_short", lambda: short)

    def raised(codec: str, fault: BaseException) -> type[BaseException]:
        with pytest.raises(ExportError) as caught, encoding(codec):
            raise fault
        return type(caught.value)

    vague, plain = av.error.ExternalError(542_398_533, "broken"), av.error.MemoryError(errno.ENOMEM, "no")
    assert raised("libx264", vague) is (OutOfMemoryError if short else EncoderError)
    assert raised("libx264", plain) is OutOfMemoryError
    assert raised("h264_nvenc", vague) is raised("h264_nvenc", plain) is EncoderError
    assert raised("h264_nvenc", MemoryError()) is OutOfMemoryError


def test_no_memory_at_the_opening_of_a_chip_is_no_free_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """What NVENC says where a consumer's card has given all of its sessions away."""

    class Full:
        def __init__(self, name: str, code: int = -errno.ENOMEM) -> None:
            self.name, self.code = name, code

        def open(self) -> None:
            av.error.err_check(self.code)

    with pytest.raises(EncoderError, match=r"finds no chip, driver or free session \(Cannot allocate memory\)"):
        opened(Full("h264_nvenc"), "The video encoder h264_nvenc")  # type: ignore[arg-type]
    with pytest.raises(MemoryError):
        opened(Full("libx264"), "The video encoder libx264")  # type: ignore[arg-type]
    vague = -542_398_533  # AVERROR_EXTERNAL
    with pytest.raises(EncoderError, match="refused its settings"):
        opened(Full("libx264", vague), "The video encoder libx264")  # type: ignore[arg-type]
    monkeypatch.setattr("reelpress.media.opening.memory_is_short", lambda: True)
    with pytest.raises(OutOfMemoryError):
        opened(Full("libx264", vague), "The video encoder libx264")  # type: ignore[arg-type]
    with pytest.raises(EncoderError, match="finds no chip"):
        opened(Full("h264_nvenc", vague), "The video encoder h264_nvenc")  # type: ignore[arg-type]


def test_abort_closes_and_never_raises(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    writer = Mp4Writer(path, video=settings(), audio=AudioEncoderSpec())
    writer.mux(writer.video.encode(draw(blank(), 0), 0))
    writer.abort()
    writer.abort()
    path.unlink()
    write_video(path, 3)
    writer = Mp4Writer(path, video=settings())
    writer.finish()
    writer.abort()
    with pytest.raises(OutputError, match="already closed"):
        writer.finish()


@pytest.mark.release
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting needs the superuser")
def test_a_full_file_system(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine does not allow to mount")
    try:
        with pytest.raises(OutputError, match="disk is full"):
            write_video(tmp_path / "x.mp4", 120, width=320, height=240, crf=0.0)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.release
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs a second decoder")
@pytest.mark.parametrize("fps", [Fraction(60), Fraction(30000, 1001)], ids=str)
def test_another_decoder_sees_the_same(tmp_path: Path, fps: Fraction) -> None:
    path, frames = tmp_path / "x.mp4", 50
    length = int(frames / fps * 48000)
    write_video(path, frames, fps, click(length, 24_000), preset="medium")

    def run(*command: str) -> bytes:
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    pcm = run("ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-f", "f32le", "-ac", "2", "-")
    heard = np.frombuffer(pcm, np.float32).reshape(-1, 2)
    assert abs(len(heard) - length) <= 1024
    energy = heard[:, 0].astype(np.float64) ** 2
    assert abs(float((energy * np.arange(len(energy))).sum() / energy.sum()) - 24_002.5) < 48
    raw = run("ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-f", "rawvideo", "-vsync", "passthrough", "-")
    assert len(raw) == frames * W * H * 3 // 2
    headers = subprocess.run(
        ["ffmpeg", "-v", "trace", "-i", str(path), "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=60,
    ).stderr
    for name in ("colour_primaries", "transfer_characteristics", "matrix_coefficients"):
        assert next(line.split("=")[-1].strip() for line in headers.splitlines() if f" {name} " in line) == "1"
    assert "user_data_unregistered" not in headers.lower()
