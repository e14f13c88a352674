"""Read a finished file back and compare it with what was planned.

Fast: every packet is looked at (times, sizes, key flags, colour tags in the bitstream and in the container), and the
first picture, the last one and up to eight key frames between them are decoded. Full: every picture is decoded.
"""

from __future__ import annotations

import math
import time
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from av.codec.context import CodecContext

from reelpress.clock import AUDIO_RATE
from reelpress.color import BT709_LIMITED, ColorSpec, Range
from reelpress.errors import Cancelled, InputError, OutputError, VerifyError
from reelpress.media._av import AV_ERRORS, open_input
from reelpress.media.boxes import find_all, top_level_boxes
from reelpress.media.encoder import AAC_FRAME, MATRIX_POINT, PRIMARIES_POINT, TRANSFER_POINT
from reelpress.media.h264_sps import sps_of_extradata
from reelpress.media.sample_tables import key_frames as key_frames_of
from reelpress.media.sample_tables import sample_tables
from reelpress.media.text_track import CODEC as TEXT_CODEC
from reelpress.media.text_track import TICK, TextCue, is_mark, text_of, text_packets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from av.container import InputContainer

Ticks = np.ndarray[tuple[int], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]

KEY_FRAMES = 8
"""Key frames decoded in fast mode, besides the first and the last picture."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the finished file must be."""

    frames: int
    fps: Fraction
    """Picture k is shown at exactly k/fps seconds."""
    size: tuple[int, int]
    """Width and height in pixels."""
    color: ColorSpec = BT709_LIMITED
    has_audio: bool = False
    duration: Fraction | None = None
    """Seconds of video; ``None`` is frames/fps."""
    subtitles: tuple[TextCue, ...] | None = None
    """What the subtitle track must say; ``None``: there must be none."""
    end_slack: Fraction = Fraction(0)
    """Seconds by which the video's end may be off: containers store how far decoding times are apart, which is not how
    long pictures last where pictures of variable length are reordered."""
    sound_slack: Fraction = Fraction(AAC_FRAME, AUDIO_RATE)
    """Seconds by which the first and the last packet of sound may reach beyond the video."""
    shown: Ticks | None = None
    """The k at which pictures come, where they do not come at each (variable rate); ``None``: all of them."""

    @property
    def seconds(self) -> Fraction:
        """Length of the video."""
        return Fraction(self.frames) / self.fps if self.duration is None else self.duration


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What was found, all as expected."""

    frames: int
    duration: Fraction
    """Seconds of the video track."""
    keyframes: int
    decoded: int
    """Pictures that were decoded for this."""
    checked: tuple[str, ...]
    """What was compared, for the report."""


@dataclass(frozen=True, slots=True)
class PacketTable:
    """Facts of all packets of a track, in file order; about 35 bytes a packet."""

    time_base: Fraction
    """Seconds in a tick."""
    pts: Ticks
    dts: Ticks
    duration: Ticks
    size: Ticks
    """Bytes."""
    key: Flags
    damaged: Flags
    offset: Ticks | None = None
    """Of the first byte in the file, where it is known."""

    def __len__(self) -> int:
        return len(self.pts)

    def end(self) -> Fraction:
        """Seconds at which the last shown packet ends."""
        return int((self.pts + self.duration).max()) * self.time_base

    def seconds(self, ticks: int) -> str:
        """``ticks`` for a sentence."""
        return f"{float(int(ticks) * self.time_base):.6f} s"


def verify(
    path: Path,
    *,
    frames: int,
    fps: Fraction,
    size: tuple[int, int],
    duration: Fraction | None = None,
    color: ColorSpec = BT709_LIMITED,
    has_audio: bool = False,
    subtitles: Sequence[TextCue] | None = None,
    mode: Literal["fast", "full"] = "fast",
    shown: Sequence[int] | None = None,
    end_slack: Fraction = Fraction(0),
    sound_slack: Fraction | None = None,
    key_frames: int = KEY_FRAMES,
    key_frames_s: float | None = None,
    heartbeat: Callable[[], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VerifyResult:
    """Check a finished MP4. Uses the calling thread only, and no more memory than a decoder and 35 bytes a packet.

    Args:
        path: The file.
        frames: Pictures planned.
        fps: Frame rate; picture k must be shown at exactly k/fps seconds.
        size: Width and height in pixels.
        duration: Seconds of video; ``None`` is frames/fps.
        color: What the tags must say.
        has_audio: Whether there must be one audio track as long as the video (to one AAC frame), or none.
        subtitles: What the one subtitle track must say when; ``None``: there must be no such track.
        mode: ``"fast"`` decodes up to 10 places, ``"full"`` everything.
        shown: Numbers of the frames at which pictures come, rising, where the rate is variable; ``None``: at each.
        end_slack: Seconds by which the video's end may be off.
        sound_slack: Seconds by which packets of sound may reach beyond the video; ``None`` is one AAC frame.
        key_frames: Key frames decoded in fast mode at most; the first picture and the last one always are.
        key_frames_s: No more key frames are begun in fast mode after so many seconds of it; ``None``: no such bound.
        heartbeat: Called after every little piece of work.
        cancelled: Asked as often; True raises Cancelled.

    Raises:
        VerifyError: The first difference, in a sentence.
        OutputError: The file cannot be read at all any more.
        Cancelled: ``cancelled`` said so.
    """
    cues = None if subtitles is None else tuple(subtitles)
    times = None if shown is None else np.asarray(shown, np.int64)
    slack = Fraction(AAC_FRAME, AUDIO_RATE) if sound_slack is None else sound_slack
    expected = Expected(frames, fps, size, color, has_audio, duration, cues, end_slack, slack, times)

    def pause() -> None:
        if heartbeat is not None:
            heartbeat()
        if cancelled is not None and cancelled():
            raise Cancelled("The export was cancelled.")

    checked = ["structure"]
    moov = structure(path)
    container_colour(moov, expected.color)
    video = audio = -1
    with opened(path) as container:
        video, audio = streams_of(container, expected)
        bitstream_colour(container.streams[video].codec_context.extradata or b"", expected)
    checked += ["streams", "size", "colour in bitstream and container"]
    packets = (_listed(path, moov, pause) if mode == "fast" else None) or walk(path, video, pause)
    check_video_packets(packets, expected)
    key_flags(moov, packets)
    checked += ["packet times", "packet sizes", "key frames"]
    if expected.has_audio:
        check_audio_packets(walk(path, audio, pause), expected)
        checked.append("audio")
    if cues is not None:
        check_text(path, cues, expected.seconds, pause)
        checked.append("subtitles")
    if mode == "full":
        decoded = decode_all(path, video, expected, pause)
    else:
        decoded = decode_some(path, video, packets, key_frames, key_frames_s, pause)
    if expected.has_audio:
        decode_audio(path, audio, mode, pause)
    checked.append("decoded all" if mode == "full" else "decoded first, last and key frames")
    return VerifyResult(len(packets), packets.end(), int(packets.key.sum()), decoded, tuple(checked))


# What the container says


def structure(path: Path) -> bytes:
    """The index, after a check that the boxes fill the file."""
    try:
        with path.open("rb") as file:
            boxes = top_level_boxes(file)
            total = path.stat().st_size
            end = max((offset + size for _, offset, size in boxes), default=0)
            names = [name for name, _, _ in boxes]
            if end != total or b"mdat" not in names:
                raise wrong(f"it is cut off: {end} of its {total} bytes are whole boxes")
            if names.count(b"moov") != 1:
                raise wrong("it has no index (moov)")
            _, offset, size = boxes[names.index(b"moov")]
            file.seek(offset)
            return file.read(size)
    except OSError as fault:
        raise OutputError(f"{path} cannot be read back: {fault.strerror}. Check the disk.") from fault


def container_colour(moov: bytes, color: ColorSpec) -> None:
    boxes = [b for entry in ("avc1", "hvc1", "av01") for b in find_all(moov, f"trak/mdia/minf/stbl/stsd/{entry}/colr")]
    if not boxes:
        raise wrong("the container has no colour tag (colr)")
    box = boxes[0]
    if box[8:12] != b"nclx" or len(box) < 19:
        raise wrong("the container's colour tag is not of the kind nclx")
    found = (*(int.from_bytes(box[at : at + 2], "big") for at in (12, 14, 16)), bool(box[18] & 0x80))
    _compare_colour("container", found, color)


def bitstream_colour(extradata: bytes, expected: Expected) -> None:
    sps = sps_of_extradata(extradata)
    if sps is None:
        raise wrong("the bitstream has no readable parameter set (SPS)")
    if (sps.width, sps.height) != expected.size:
        raise wrong(f"the bitstream is {sps.width}x{sps.height} instead of {expected.size[0]}x{expected.size[1]}")
    _compare_colour("bitstream", (sps.primaries, sps.transfer, sps.matrix, sps.full_range), expected.color)


def key_flags(moov: bytes, packets: PacketTable) -> None:
    """The index's list of key frames (stss; absent: all are) against what the packets themselves are."""
    for track in find_all(moov, "trak"):
        if any(box[16:20] == b"vide" for box in find_all(track, "mdia/hdlr")):
            listed = np.ones(len(packets), np.bool_)
            for box in find_all(track, "mdia/minf/stbl/stss"):
                numbers = np.frombuffer(box, ">u4", offset=16)
                listed[:] = False
                listed[numbers[numbers <= len(packets)] - 1] = True
            if (listed != packets.key).any():
                k = int(np.argmax(listed != packets.key))
                raise wrong(f"packet {k} is {'not ' if listed[k] else ''}a key frame, the index says otherwise")


def _compare_colour(where: str, found: tuple[int | bool, ...], color: ColorSpec) -> None:
    wanted = (
        PRIMARIES_POINT[color.primaries],
        TRANSFER_POINT[color.transfer],
        MATRIX_POINT[color.matrix],
        color.range is Range.FULL,
    )
    if found != wanted:
        names = ("primaries", "transfer", "matrix", "full range")
        bad = [f"{n} {f} instead of {w}" for n, f, w in zip(names, found, wanted, strict=True) if f != w]
        raise wrong(f"the colour tags of the {where} are wrong: {', '.join(bad)}")


class opened:
    """A file to be read; one that cannot be opened is not what was planned."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> InputContainer:
        try:
            self._container = open_input(self._path, header_only=True)
        except InputError as fault:
            raise wrong(f"it cannot be opened again ({fault})") from fault
        return self._container

    def __exit__(self, *_: object) -> None:
        self._container.close()


def streams_of(container: InputContainer, expected: Expected) -> tuple[int, int]:
    """Indices of the video and the sound track (-1: none), where there are those planned and no others."""
    videos = [s for s in container.streams if s.type == "video"]
    audios = [s for s in container.streams if s.type == "audio"]
    texts = [s for s in container.streams if s.type == "subtitle"]
    if len(videos) != 1:
        raise wrong(f"it has {len(videos)} video tracks instead of 1")
    if len(audios) != int(expected.has_audio):
        raise wrong(f"it has {len(audios)} audio tracks instead of {int(expected.has_audio)}")
    if len(texts) != int(expected.subtitles is not None):
        raise wrong(f"it has {len(texts)} subtitle tracks instead of {int(expected.subtitles is not None)}")
    context: Any = videos[0].codec_context
    if (context.width, context.height) != expected.size:
        raise wrong(f"it is {context.width}x{context.height} instead of {expected.size[0]}x{expected.size[1]}")
    return videos[0].index, audios[0].index if audios else -1


# Packets


def walk(path: Path, stream: int, pause: Callable[[], None]) -> PacketTable:
    """Facts of all packets of a track, as a demuxer tells them."""
    times = {name: array("q") for name in ("pts", "dts", "duration", "size")}
    add_pts, add_dts, add_duration, add_size = (column.append for column in times.values())
    key, damaged = array("b"), array("b")
    with opened(path) as container:
        track = container.streams[stream]
        base = _time_base(track)
        try:
            for packet in container.demux(track):  # 3 us each: nothing here that is not needed
                pts, dts, size = packet.pts, packet.dts, packet.size
                if pts is None or dts is None:
                    if size == 0 and pts is None:
                        continue  # the end
                    raise wrong(f"packet {len(key)} of stream {stream} has no time")
                add_pts(pts)
                add_dts(dts)
                add_duration(packet.duration or 0)
                add_size(size)
                key.append(packet.is_keyframe)
                damaged.append(packet.is_corrupt)
                if len(key) % 500 == 0:
                    pause()
        except AV_ERRORS as fault:
            raise wrong(f"reading stopped after {len(key)} packets of stream {stream} ({fault})") from fault
    columns = {name: np.frombuffer(column, np.int64) for name, column in times.items()}
    return PacketTable(base, key=np.frombuffer(key, np.bool_), damaged=np.frombuffer(damaged, np.bool_), **columns)


def _listed(path: Path, moov: bytes, pause: Callable[[], None]) -> PacketTable | None:
    """The same from the index, and whether a packet is a key frame from itself; ``None`` for a file not like ours."""
    tables = sample_tables(moov)
    if tables is None:
        return None
    key, damaged = key_frames_of(path, tables, pause)
    times = (tables.pts, tables.dts, tables.duration, tables.size)
    return PacketTable(Fraction(1, tables.timescale), *times, key, damaged, tables.offset)


def check_video_packets(packets: PacketTable, expected: Expected) -> None:
    """Compare the packets of the video track with what was planned.

    Raises:
        VerifyError: Count, order, times, sizes or key flags are wrong.
    """
    check_packets(packets, "picture")
    frames = np.arange(expected.frames, dtype=np.int64) if expected.shown is None else expected.shown
    if len(packets) != len(frames):
        raise wrong(f"it has {len(packets)} pictures instead of {len(frames)}")
    if not packets.key[0]:
        raise wrong("its first picture is not a key frame")
    # pts * time_base == k / fps, in integers.
    shown = np.sort(packets.pts) * (packets.time_base.numerator * expected.fps.numerator)
    planned = frames * (packets.time_base.denominator * expected.fps.denominator)
    if (shown != planned).any():
        k = int(np.argmax(shown != planned))
        found = packets.seconds(int(np.sort(packets.pts)[k]))
        raise wrong(f"picture {k} is shown at {found} instead of {float(int(frames[k]) / expected.fps):.6f} s")
    if abs(packets.end() - expected.seconds) > expected.end_slack:
        raise wrong(f"its video lasts {float(packets.end()):.6f} s instead of {float(expected.seconds):.6f} s")


def check_audio_packets(packets: PacketTable, expected: Expected) -> None:
    """Compare the packets of the audio track with what was planned: in order, and as long as the video.

    Raises:
        VerifyError: Order, sizes or length are wrong.
    """
    check_packets(packets, "sound packet")
    frame = expected.sound_slack
    if abs(int(packets.pts[0]) * packets.time_base) > frame:
        raise wrong(f"its sound starts at {packets.seconds(int(packets.pts[0]))} instead of 0")
    if abs(packets.end() - expected.seconds) > frame:
        raise wrong(f"its sound lasts {float(packets.end()):.6f} s, its video {float(expected.seconds):.6f} s")
    apart = packets.pts[1:] - packets.pts[:-1] - packets.duration[:-1]
    if apart.any():
        raise wrong(f"there is a gap or an overlap after sound packet {int(np.argmax(apart != 0))}")


def check_packets(packets: PacketTable, what: str) -> None:
    """What any track's packets must be: there, whole, in order of decoding and not shown before it."""
    if not len(packets):
        raise wrong(f"it has no {what}s")
    for bad, text in ((packets.size == 0, "is empty"), (packets.damaged, "is cut off or damaged")):
        if bad.any():
            raise wrong(f"{what} {int(np.argmax(bad))} {text}")
    steps = np.diff(packets.dts)
    if (steps <= 0).any():
        k = int(np.argmax(steps <= 0))
        one, two = packets.seconds(int(packets.dts[k])), packets.seconds(int(packets.dts[k + 1]))
        raise wrong(f"decoding times do not rise after {what} {k} ({one}, then {two})")
    if (packets.pts < packets.dts).any():
        raise wrong(f"{what} {int(np.argmax(packets.pts < packets.dts))} is shown before it is decoded")


def check_text(path: Path, cues: Sequence[TextCue], seconds: Fraction, pause: Callable[[], None]) -> None:
    """Every sample of the subtitle track: its times and its text."""
    planned = text_packets(cues, math.floor(seconds * 1000))
    found: list[tuple[Fraction, Fraction, str]] = []
    with opened(path) as container:
        track = next(s for s in container.streams if s.type == "subtitle")
        if track.codec_context is None or track.codec_context.name != TEXT_CODEC:
            raise wrong(f"its subtitles are not {TEXT_CODEC}")
        base = _time_base(track)
        try:
            for packet in container.demux(track):
                data, length = bytes(packet), packet.duration or 0
                if data and packet.pts is not None and not is_mark(data, length):
                    found.append((packet.pts * base, length * base, text_of(data)))
                    pause()
        except (*AV_ERRORS, UnicodeDecodeError) as fault:
            raise wrong(f"its subtitles cannot be read after {len(found)} samples ({fault})") from fault
    wanted = [(p.pts * TICK, p.duration * TICK, text_of(p.data)) for p in planned]
    if found != wanted:
        pairs = zip(found, wanted, strict=False)
        k = next((k for k, (one, two) in enumerate(pairs) if one != two), min(len(found), len(wanted)))
        raise wrong(f"its subtitles have {len(found)} samples instead of {len(wanted)}, and sample {k} differs")


# Decoding


def _prepare(container: InputContainer, stream: int) -> Any:
    track = container.streams[stream]
    context = track.codec_context
    context.thread_count = 1
    context.thread_type = "NONE"
    # Faults are errors here, not something to be painted over.
    context.options = {"err_detect": "explode"}
    return track


def decode_some(
    path: Path, stream: int, packets: PacketTable, most: int, seconds: float | None, pause: Callable[[], None]
) -> int:
    """Decode the first picture, the last one with what it needs, and up to ``most`` key frames in ``seconds``."""
    keys = np.sort(packets.pts[packets.key])
    last = int(packets.pts.max())
    count = max(2, most)
    spread = sorted({int(keys[round(k * (len(keys) - 1) / (count - 1))]) for k in range(count)})
    # The last one before all, then the first; those between are what can be left out.
    places = [(spread[-1], last), *((pts, pts) for pts in spread[:-1])]
    seen = _Seen(path, packets)
    seen.is_new(spread[-1])
    with opened(path) as container:
        some = _Some(container, stream, pause)
        begin = time.perf_counter()
        for number, (start, end) in enumerate(places):
            if number > 1 and seconds is not None and time.perf_counter() - begin >= seconds:
                break
            if number == 0 or seen.is_new(start):
                some.feed(start, end)
        return some.finish()


class _Seen:
    """Key frames by their coded data: one that is shown once more (replayed) need not be decoded once more."""

    HEADER = 64
    """Bytes of a packet that may differ: parameters of the slice, its length."""

    def __init__(self, path: Path, packets: PacketTable) -> None:
        self._path, self._packets = path, packets
        self._known: list[bytes] = []

    def is_new(self, pts: int) -> bool:
        """Whether the data of the packet at ``pts`` was not asked for before."""
        packets = self._packets
        if packets.offset is None:
            return True
        number = int(np.flatnonzero(packets.pts == pts)[0])
        with self._path.open("rb") as file:
            file.seek(int(packets.offset[number]))
            data = file.read(int(packets.size[number]))
        for known in self._known:
            common = min(len(known), len(data)) - self.HEADER
            if abs(len(known) - len(data)) <= 2 and common > 0 and known[-common:] == data[-common:]:
                return False
        self._known.append(data)
        return True


class _Some:
    """Decodes pictures here and there with one decoder, which works at several at a time.

    It is one of its own: the container's would forget at each seek what it still works at.
    """

    THREADS = 4
    """Pictures decoded at a time; each takes the memory of one."""

    def __init__(self, container: InputContainer, stream: int, pause: Callable[[], None]) -> None:
        self._container, self._track, self._pause = container, container.streams[stream], pause
        self._base = _time_base(self._track)
        own: Any = self._track.codec_context
        self._context: Any = CodecContext.create(own.name, "r")
        self._context.extradata = own.extradata
        self._context.thread_type, self._context.thread_count = "FRAME", self.THREADS
        # Faults are errors. The loop filter finds none and takes a quarter of the time.
        self._context.options = {"err_detect": "explode", "skip_loop_filter": "all"}
        self._h264 = own.name == "h264"
        self._wanted: dict[int, int] = {}
        """Pictures that have to come out, and the key frames before them; in the order they were asked for."""
        self._decoded = 0

    def feed(self, start: int, end: int) -> None:
        """Decode from the key frame at ``start`` what the picture at ``end`` may need, or only that one."""
        first = True
        self._wanted[end] = start
        try:
            self._container.seek(start, stream=self._track)
            for packet in self._container.demux(self._track):
                if start == end and packet.pts is not None and packet.pts != start:
                    return
                if first and not (self._h264 and _is_idr(packet)):
                    self._drain()  # it does not tell the decoder by itself that all begins anew
                first = False
                if self._h264 and packet.pts != end and _is_disposable(packet):
                    continue  # no other picture refers to it
                if packet.size == 0:
                    return
                self._take(self._context.decode(packet))
                if packet.pts is not None and packet.pts >= end and packet.dts is not None and packet.dts >= end:
                    return  # all packets from here on are decoded later than the picture is shown
        except AV_ERRORS as fault:
            raise self._failed(fault) from fault

    def finish(self) -> int:
        """Wait for all pictures; how many were decoded."""
        try:
            self._drain()
        except AV_ERRORS as fault:
            raise self._failed(fault) from fault
        for end in self._wanted:
            raise wrong(f"the picture at {float(end * self._base):.3f} s did not come out of the decoder")
        return self._decoded

    def _drain(self) -> None:
        if self._context.is_open:
            self._take(self._context.decode(None))
            self._context.flush_buffers()

    def _take(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            self._decoded += 1
            self._pause()
            _whole(frame, self._base)
            self._wanted.pop(frame.pts, None)

    def _failed(self, fault: Exception) -> VerifyError:
        start = next(iter(self._wanted.values()), 0)
        return wrong(f"pictures from {float(start * self._base):.3f} s on cannot be decoded ({fault})")


def _is_idr(packet: Any) -> bool:
    """Whether a packet of an MP4 file is an IDR picture of H.264: its first slice has nal_unit_type 5 (7.4.1)."""
    data, at = memoryview(packet), 0
    while at + 5 <= len(data):
        kind = data[at + 4] & 0x1F
        if 1 <= kind <= 5:
            return bool(kind == 5)
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return False


def _is_disposable(packet: Any) -> bool:
    """Whether a packet of an MP4 file is a non-reference H.264 picture: nal_ref_idc 0 and nal_unit_type 1 (7.4.1)."""
    if packet.size < 5:
        return False
    return (memoryview(packet)[4] & 0x7F) == 1


def _whole(frame: Any, base: Fraction) -> None:
    if frame.is_corrupt:
        raise wrong(f"the picture at {float((frame.pts or 0) * base):.3f} s is damaged")


def decode_all(
    path: Path, stream: int, expected: Expected, pause: Callable[[], None], slack: Fraction = Fraction(0)
) -> int:
    """Decode every picture; ``slack``: seconds by which its time may be off."""
    decoded = 0
    places: Sequence[int] = range(expected.frames) if expected.shown is None else expected.shown.tolist()
    with opened(path) as container:
        track = _prepare(container, stream)
        base = _time_base(track)
        try:
            for packet in container.demux(track):
                for frame in packet.decode():
                    _whole(frame, base)
                    place = (
                        decoded
                        if expected.shown is None
                        else int(expected.shown[min(decoded, len(expected.shown) - 1)])
                    )
                    if abs(frame.pts * base - place / expected.fps) > slack:
                        raise wrong(f"decoded picture {decoded} is for {float(frame.pts * base):.6f} s")
                    decoded += 1
                pause()
        except AV_ERRORS as fault:
            raise wrong(f"picture {decoded} cannot be decoded ({fault})") from fault
    if decoded != len(places):
        raise wrong(f"{decoded} pictures can be decoded instead of {len(places)}")
    return decoded


def decode_audio(path: Path, stream: int, mode: str, pause: Callable[[], None]) -> None:
    """Decode the first second of sound, or all of it."""
    samples = 0
    with opened(path) as container:
        track = _prepare(container, stream)
        try:
            for packet in container.demux(track):
                samples += sum(frame.samples for frame in packet.decode())
                pause()
                if mode == "fast" and samples >= AUDIO_RATE:
                    return
        except AV_ERRORS as fault:
            raise wrong(f"its sound cannot be decoded after {samples} samples ({fault})") from fault
    if samples == 0:
        raise wrong("no sound comes out of the decoder")


def _time_base(track: Any) -> Fraction:
    return Fraction(track.time_base.numerator, track.time_base.denominator)


def wrong(what: str) -> VerifyError:
    """The error for a file of which ``what`` is the matter."""
    return VerifyError(f"The finished file is not what was planned: {what}. Try again, and report it if it stays so.")
