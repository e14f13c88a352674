"""Packets taken over as they are: which there are, reading a range of them, and a file that is made of them.

What leaves here as a picture is a sample of an MP4 file: units with lengths of four bytes in front, without parameter
sets (they are in ``avcC``), access unit delimiters and the encoder's own notes. The pictures' data is never touched.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import numpy as np
from av.codec.context import CodecContext
from av.codec.context import Flags as CodecFlags
from av.video.codeccontext import VideoCodecContext

from reelpress.clock import AUDIO_RATE
from reelpress.errors import UnreadableInputError
from reelpress.media._av import input_errors, open_input, packets_of, stream_of
from reelpress.media.encoder import (
    MATRIX_POINT,
    PRIMARIES_POINT,
    RANGE_POINT,
    TRANSFER_POINT,
    AudioEncoderSpec,
    AudioSession,
    EncoderSpec,
    VideoSession,
)
from reelpress.media.faults import writing
from reelpress.media.mux import BITEXACT, Mp4Writer, audio_stream, opened
from reelpress.media.packets import EncodedPacket, only_user_data
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

    from reelpress.color import ColorSpec
    from reelpress.media.index import PacketFacts

Ticks = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

READ_AT_ONCE = 4 << 20
"""Bytes."""
AAC_PACKET = 1024
"""Samples that a packet of AAC-LC stands for (ISO/IEC 14496-3)."""
AAC_LC = 2
"""audioObjectType of ISO/IEC 14496-3."""

CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "mpegts")
"""FFmpeg's names of the containers that packets are taken from."""

_SLICE, _IDR, _SEI, _SPS, _PPS, _AUD = 1, 5, 6, 7, 8, 9
_ODD = {2, 3, 4, 13, 14, 15, 19, 20, 21}
_START = b"\x00\x00\x01"


@dataclass(frozen=True, eq=False)
class SamplePlaces:
    """Byte ranges of packets in a file: read from there, a packet costs nothing but its bytes."""

    at: tuple[int, ...]
    size: tuple[int, ...]
    identity: tuple[int, int]
    """Size and time of the last change of the file they are about."""

    @classmethod
    def of(cls, path: Path, container: str, at: list[int], size: list[int], first: bytes) -> SamplePlaces | None:
        """``None`` where packets are not samples of this file. ``first`` is the first packet, to compare with."""
        if not container.startswith("mov") or not at or min(at) < 0:
            return None
        with path.open("rb") as file:
            file.seek(at[0])
            if file.read(size[0]) != first:
                return None
            return cls(tuple(at), tuple(size), _identity(file))

    def read(self, path: Path, first: int, count: int) -> Iterator[bytes]:
        """The packets ``first .. first + count - 1``; those that lie side by side are read together.

        Raises:
            UnreadableInputError: The file changed.
        """
        with path.open("rb") as file:
            if _identity(file) != self.identity:
                raise UnreadableInputError(f"{path}: changed while it was read.")
            number, end = first, first + count
            while number < end:
                start = stop = self.at[number]
                last = number
                while last < end and self.at[last] == stop and stop - start < READ_AT_ONCE:
                    stop += self.size[last]
                    last += 1
                file.seek(start)
                block = file.read(stop - start)
                if len(block) < stop - start:
                    raise UnreadableInputError(f"{path}: changed while it was read.")
                beat()
                for k in range(number, last):
                    place = self.at[k] - start
                    yield block[place : place + self.size[k]]
                number = last


def _identity(file: BinaryIO) -> tuple[int, int]:
    info = os.fstat(file.fileno())
    return info.st_size, info.st_mtime_ns


@dataclass(frozen=True, eq=False)
class VideoPackets:
    """Every packet of an H.264 stream, in the order of the file, which is that of decoding."""

    time_base: Fraction
    pts: Ticks
    size: Ticks
    """Bytes in the file."""
    idr: Flags
    """The picture is an IDR picture. What a container calls a key frame may be less."""
    shown: Flags
    """No edit list drops it."""
    unclean: Flags
    """Something has to be taken out before it is written: parameter sets, delimiters, notes of the encoder."""
    idr_slices: dict[int, bytes]
    """Packet number of each IDR picture -> the first bytes of its first slice."""
    extradata: bytes
    """Codec private data, ``avcC`` or a byte stream."""
    length_size: int
    """Bytes of a unit's length in a packet; 0: start codes."""
    places: SamplePlaces | None = None
    """Where the packets lie in the file, if it is one whose packets are its samples byte by byte (MP4, MOV)."""
    refusal: str | None = None
    """Why these packets cannot be taken over, as a sentence."""

    def __len__(self) -> int:
        return len(self.pts)


def scan_video(path: Path, stream: int, facts: PacketFacts | None = None) -> VideoPackets:
    """Look at all packets of an H.264 stream; stops at the first that forbids taking them over (``refusal``).

    Args:
        path, stream: Where it is.
        facts: What the frame index noted about the packets: they are then looked at in the file itself, which takes
            a third of the time.

    Raises:
        InputError: The file cannot be read.
    """
    with open_input(path, only=stream) as container, input_errors(path, "reading its packets"):
        video: Any = stream_of(container, stream, path)
        name = container.format.name
        extradata = bytes(video.codec_context.extradata or b"")
        length_size = 1 + (extradata[4] & 3) if extradata[:1] == b"\x01" and len(extradata) > 6 else 0
        known = _sets_of(extradata, length_size)
        tag = str(video.codec_context.codec_tag).lower()
        notes = _Notes(length_size, known)
        if name not in CONTAINERS:
            notes.refusal = f"packets are not taken over from files of the kind {name}"
        elif tag in ("avc3", "avc4", "dvav", "dva1", "encv"):
            notes.refusal = f"its pictures carry their own parameter sets ({tag})"
        elif not known:
            notes.refusal = "its header has no H.264 parameter sets"
        places: SamplePlaces | None = None
        if notes.refusal is None and facts is not None:
            first = next((bytes(p) for p in packets_of(container, video) if p.size), b"")
            places = SamplePlaces.of(path, name, facts.at.tolist(), facts.size.tolist(), first)
            if places is None:
                return scan_video(path, stream)
        if places is not None and facts is not None:
            pts, sizes, shown = facts.pts, facts.size, facts.shown
            for data in places.read(path, 0, len(pts)):
                if not notes.add(data):
                    break
        elif notes.refusal is None:
            table = _read_all(container, video, notes)
            pts, sizes, shown = table[:, 0], table[:, 1], table[:, 3] != 0
        else:
            pts = sizes = np.zeros(0, np.int64)
            shown = np.zeros(0, np.bool_)
        time_base = Fraction(video.time_base or Fraction(1, 90_000))
    return VideoPackets(
        time_base, pts, sizes, np.array(notes.idr, np.bool_), shown, np.array(notes.unclean, np.bool_), notes.slices,
        extradata, length_size, places, notes.refusal,
    )  # fmt: skip


def _read_all(container: InputContainer, video: Any, notes: _Notes) -> Ticks:
    """Rows of presentation time, size, 0 and whether it is shown."""
    rows: list[tuple[int, int, int, int]] = []
    for packet in packets_of(container, video):
        if not packet.size:
            continue
        beat()
        if packet.pts is None:
            notes.refusal = "it has pictures without a presentation time"
        elif packet.is_corrupt:
            notes.refusal = "it has damaged packets"
        elif packet.is_keyframe and packet.has_sidedata("new_extradata"):
            notes.refusal = "its parameter sets change within the recording"
        if notes.refusal is not None or not notes.add(packet):
            break
        rows.append((int(packet.pts or 0), packet.size, 0, not packet.is_discard))
    return np.array(rows, np.int64).reshape(-1, 4)


class _Notes:
    """What is noted of each packet in turn."""

    def __init__(self, length_size: int, known: frozenset[bytes]) -> None:
        self._length_size, self._known = length_size, known
        self.idr: list[bool] = []
        self.unclean: list[bool] = []
        self.slices: dict[int, bytes] = {}
        self.refusal: str | None = None

    def add(self, packet: Packet[Any] | bytes) -> bool:
        """The next packet; ``False`` when it forbids taking them over."""
        kind, dirty, head, self.refusal = _look(packet, self._length_size, self._known)
        if self.refusal is not None:
            return False
        if kind == _IDR:
            self.slices[len(self.idr)] = head
        self.idr.append(kind == _IDR)
        self.unclean.append(dirty)
        return True


def _sets_of(extradata: bytes, length_size: int) -> frozenset[bytes]:
    """The parameter sets of codec private data, as NAL units."""
    if not length_size:
        return frozenset(u for u in _byte_stream_units(extradata) if u[0] & 0x1F in (_SPS, _PPS))
    found: set[bytes] = set()
    at = 5
    for mask in (0x1F, 0xFF):
        count = extradata[at] & mask if at < len(extradata) else 0
        at += 1
        for _ in range(count):
            size = int.from_bytes(extradata[at : at + 2], "big")
            found.add(extradata[at + 2 : at + 2 + size])
            at += 2 + size
    return frozenset(found)


def _byte_stream_units(data: bytes) -> list[bytes]:
    return [unit for part in data.split(_START)[1:] if (unit := part.rstrip(b"\x00"))]


def _units(packet: Packet[Any] | bytes, length_size: int) -> Iterator[memoryview | bytes]:
    """NAL units of a packet; a last one that is cut off comes out empty."""
    if not length_size:
        yield from _byte_stream_units(bytes(packet))
        return
    view = memoryview(packet)
    at, end = 0, len(view)
    while at < end:
        start = at + length_size
        at = start + int.from_bytes(view[at:start], "big")
        if at > end or at == start:
            yield b""
            return
        yield view[start:at]


def _look(
    packet: Packet[Any] | bytes, length_size: int, known: frozenset[bytes]
) -> tuple[int, bool, bytes, str | None]:
    """``(nal_unit_type of the picture, something must be taken out, start of an IDR picture, refusal)``."""
    kind, dirty, head = 0, length_size != 4, b""
    for unit in _units(packet, length_size):
        if not unit:
            return kind, dirty, head, "it has packets that are cut off"
        what = unit[0] & 0x1F
        if what in (_SLICE, _IDR):
            if kind and kind != what:
                return kind, dirty, head, "it mixes kinds of pictures in one packet"
            if what == _IDR and not kind:
                head = bytes(unit[:48])
            kind = what
        elif what in (_SPS, _PPS):
            if bytes(unit) not in known:
                return kind, dirty, head, "its parameter sets change within the recording"
            dirty = True
        elif what == _AUD:
            dirty = True
        elif what == _SEI:
            dirty = dirty or only_user_data(bytes(unit[1:]))
        elif what in _ODD:
            return kind, dirty, head, f"it has H.264 units of type {what} (data partitions, layers or alpha)"
    if not kind:
        return kind, dirty, head, "it has packets without a picture"
    return kind, dirty, head, None


class VideoPacketReader:
    """Reads ranges of the packets that :func:`scan_video` found. One thread at a time."""

    def __init__(self, path: Path, stream: int, packets: VideoPackets) -> None:
        self._path, self._stream, self._found = path, stream, packets
        self._container: InputContainer | None = None
        self._packets: Iterator[Packet[Any]] = iter(())
        self._next: int | None = None
        # lists: numbers out of arrays cost more than reading a packet
        self._facts = list(zip(packets.pts.tolist(), packets.size.tolist(), strict=True))
        self._unclean: list[bool] = packets.unclean.tolist()
        self._places: dict[int, int] = {}

    def read(self, first: int, count: int) -> Iterator[bytes]:
        """Samples of the packets ``first .. first + count - 1``, ready for an MP4 file. ``first`` is an IDR picture.

        Raises:
            InputError: The file changed since it was looked at, or cannot be read any more.
        """
        with input_errors(self._path, "copying its packets"):
            places = self._found.places
            if places is not None:
                for number, data in enumerate(places.read(self._path, first, count), first):
                    yield self._cleaned(data) if self._unclean[number] else data
                return
            packet = self._at(first)
            for number in range(first, first + count):
                if packet is None or not self._is(packet, number):
                    raise UnreadableInputError(f"{self._path}: changed while it was read.")
                beat()
                data = bytes(packet)
                yield self._cleaned(data) if self._unclean[number] else data
                self._next = number + 1
                packet = self._following() if number + 1 < first + count else None

    def close(self) -> None:
        """Close the file; harmless twice."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _cleaned(self, packet: bytes) -> bytes:
        kept: list[bytes] = []
        for unit in _units(packet, self._found.length_size):
            what = unit[0] & 0x1F
            if what in (_SPS, _PPS, _AUD) or (what == _SEI and only_user_data(bytes(unit[1:]))):
                continue
            kept += (len(unit).to_bytes(4, "big"), bytes(unit))
        return b"".join(kept)

    def _is(self, packet: Packet[Any], number: int) -> bool:
        return (packet.pts, packet.size) == self._facts[number]

    def _following(self) -> Packet[Any] | None:
        for packet in self._packets:
            if packet.size:
                return packet
        return None

    def _at(self, number: int) -> Packet[Any] | None:
        """Packet ``number``, by going on, by seeking, or from the start of the file where that fails."""
        if self._next == number:
            return self._following()
        if number and self._seek(number):
            packet = self._following()
            if not self._places:
                self._places = {int(ticks): k for k, ticks in enumerate(self._found.pts)}
            at = None if packet is None or packet.pts is None else self._places.get(packet.pts)
            if at is not None and at <= number:
                for _ in range(number - at):
                    packet = self._following()
                return packet
        self._open()
        packet = self._following()
        for _ in range(number):
            packet = self._following()
        return packet

    def _open(self) -> Any:
        self.close()
        self._container = open_input(self._path, only=self._stream)
        video = stream_of(self._container, self._stream, self._path)
        self._packets = packets_of(self._container, video)
        self._next = None
        return video

    def _seek(self, number: int) -> bool:
        video = self._open()
        assert self._container is not None
        try:
            self._container.seek(int(self._found.pts[number]), stream=video)
        except (av.FFmpegError, OSError):
            return False
        return True


# Sound


@dataclass(frozen=True, eq=False)
class AudioPackets:
    """The packets of an AAC-LC track, all of 1024 samples and without a gap."""

    rate: int
    channels: int
    start: int
    """Presentation time of the first packet's first sample, in samples."""
    count: int
    places: SamplePlaces | None = None
    refusal: str | None = None
    """Why they cannot be taken over, as words that follow "because"."""


def scan_audio(path: Path, stream: int) -> AudioPackets:
    """Look at all packets of a sound track.

    Raises:
        InputError: The file cannot be read.
    """
    with open_input(path, only=stream) as container, input_errors(path, "reading its sound"):
        track: Any = stream_of(container, stream, path)
        context = track.codec_context
        rate, channels = int(context.sample_rate or 0), int(context.channels or 0)
        config = bytes(context.extradata or b"")

        def refused(why: str) -> AudioPackets:
            return AudioPackets(rate, channels, 0, 0, None, why)

        if context.name != "aac" or len(config) < 2:
            return refused(f"it is {context.name}, not AAC with a header")
        if config[0] >> 3 != AAC_LC or not 1 <= channels <= 2 or rate <= 0:
            return refused("it is not AAC-LC in mono or stereo")
        if str(context.profile or "LC") != "LC":
            return refused(f"it is {context.profile}")
        ticks: list[int] = []
        at: list[int] = []
        sizes: list[int] = []
        head = b""
        for packet in packets_of(container, track):
            if not packet.size:
                continue
            beat()
            if packet.pts is None or packet.is_corrupt:
                return refused("it has damaged packets")
            ticks.append(int(packet.pts))
            head = head or bytes(packet)
            at.append(-1 if packet.pos is None else packet.pos)
            sizes.append(packet.size)
        base = Fraction(track.time_base)
        name = container.format.name
    if not ticks:
        return refused("it is empty")
    times = np.array(ticks, np.int64)
    # Milliseconds (MKV) say no more than that there is no gap: where the packets are follows from their number.
    start = round(times[-1] * base * rate) - (len(times) - 1) * AAC_PACKET if base > Fraction(1, rate) else None
    first = round(int(times[0]) * base * rate) if start is None else start
    planned = first + AAC_PACKET * np.arange(len(times), dtype=np.int64)
    found = times * float(base * rate)
    if np.abs(found - planned).max() > max(1.0, 1.5 * float(base * rate)):
        return refused("its packets have gaps")
    return AudioPackets(rate, channels, first, len(times), SamplePlaces.of(path, name, at, sizes, head))


class AudioPacketReader:
    """The packets that hold a stretch of sound, from the one before it on: AAC needs that one to begin with.

    Args:
        path, stream: The track.
        packets: What :func:`scan_audio` found.
        start: First sample that is heard, counted as ``AudioPackets.start``.
        end: First sample that is not.
    """

    def __init__(self, path: Path, stream: int, packets: AudioPackets, start: int, end: int) -> None:
        self._path, self._stream = path, stream
        self._scan = packets
        self.first = max(0, (start - packets.start) // AAC_PACKET - 1)
        self.last = min(packets.count, -(-(end - packets.start) // AAC_PACKET))
        self._offset = packets.start - start
        self._data: Iterator[bytes] | None = None
        self._number = self.first
        self.time_base = Fraction(1, packets.rate)

    def next(self) -> EncodedPacket | None:
        """The next packet, timed from ``start``; negative before it, which the file's edit list leaves out."""
        with input_errors(self._path, "copying its sound"):
            if self._data is None:
                self._data = self._read()
            data = next(self._data, None)
        if data is None:
            return None
        pts = self._offset + self._number * AAC_PACKET
        self._number += 1
        return EncodedPacket("audio", data, pts, pts, AAC_PACKET, True, self.time_base)

    def _read(self) -> Iterator[bytes]:
        if self._scan.places is not None:
            yield from self._scan.places.read(self._path, self.first, max(0, self.last - self.first))
            return
        with open_input(self._path, only=self._stream) as container:
            track = stream_of(container, self._stream, self._path)
            number = 0
            for packet in packets_of(container, track):
                if not packet.size:
                    continue
                beat()
                if self.first <= number < self.last:
                    yield bytes(packet)
                number += 1
                if number >= self.last:
                    return

    def close(self) -> None:
        """Close the file; harmless twice."""
        self._data = iter(())


# Writing


@dataclass(frozen=True, slots=True)
class CopyTracks:
    """What a file of copied packets is opened with."""

    path: Path
    """File whose stream is taken over."""
    stream: int
    avcc: bytes
    """Codec private data of the new track."""
    color: ColorSpec
    scale: int
    """Ticks a second of the video track."""
    sound: tuple[Path, int] | None = None
    """File and stream of sound that is copied too."""
    audio: AudioEncoderSpec | None = None
    """How other sound is encoded."""
    rate: Fraction = field(default=Fraction(30))
    """Frames a second on average, for the header."""


class CopyWriter(Mp4Writer):
    """An :class:`Mp4Writer` whose pictures come as packets of the source: ``mux``, ``finish`` and ``abort`` are its.

    Raises:
        OutputError, EncoderError, InputError: As their names say.
    """

    def __init__(self, path: Path, tracks: CopyTracks) -> None:
        self.path = path
        self.packets = self.bytes = 0
        self._faststart, self._has_text, self._closed = True, False, False
        rate = AUDIO_RATE
        if tracks.sound is not None:
            with open_input(tracks.sound[0]) as source:
                heard: Any = source.streams[tracks.sound[1]]
                rate = int(heard.codec_context.sample_rate)
        movie = math.lcm(tracks.scale, rate) if tracks.sound is not None or tracks.audio is not None else tracks.scale
        self._container = av.open(
            os.path.abspath(path),
            "w",
            format="mp4",
            container_options={
                "movie_timescale": str(movie if movie <= 1_000_000 else tracks.scale),
                "video_track_timescale": str(tracks.scale),
            },
        )
        try:
            with writing(path, "mux"):
                self._container.flags |= BITEXACT
                self._streams: dict[str, Stream] = {}
                with open_input(tracks.path, only=tracks.stream) as source:
                    video: Any = self._container.add_stream_from_template(source.streams[tracks.stream])
                context = video.codec_context
                context.extradata = tracks.avcc
                context.colorspace = MATRIX_POINT[tracks.color.matrix]
                context.color_primaries = PRIMARIES_POINT[tracks.color.primaries]
                context.color_trc = TRANSFER_POINT[tracks.color.transfer]
                context.color_range = RANGE_POINT[tracks.color.range]
                video.time_base = Fraction(1, tracks.scale)
                self._streams["video"] = video
                session: AudioSession | None = None
                if tracks.sound is not None:
                    with open_input(tracks.sound[0], only=tracks.sound[1]) as source:
                        sound: Any = self._container.add_stream_from_template(source.streams[tracks.sound[1]])
                    sound.time_base = Fraction(1, rate)
                    self._streams["audio"] = sound
                elif tracks.audio is not None:
                    self._streams["audio"], encoder = audio_stream(self._container, tracks.audio)
                    opened(encoder, f"The audio encoder {tracks.audio.codec}")
                    session = AudioSession(encoder, tracks.audio, str(path))
                self._container.start_encoding()
        except BaseException:
            self._container.close()
            self._closed = True
            raise
        self.audio = session


def picture_encoder(spec: EncoderSpec) -> VideoSession:
    """An H.264 encoder without a file: packets as a byte stream, parameter sets in ``extradata`` alone.

    Raises:
        EncoderError: The encoder refuses its settings.
    """
    context = CodecContext.create(spec.codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = spec.width, spec.height
    context.pix_fmt = spec.pixel_format
    context.time_base = 1 / spec.fps
    context.framerate = spec.fps
    context.gop_size = spec.gop_frames
    context.thread_type = "FRAME"
    context.thread_count = max(1, spec.threads)
    color = spec.color
    context.colorspace = MATRIX_POINT[color.matrix]
    context.color_primaries = PRIMARIES_POINT[color.primaries]
    context.color_trc = TRANSFER_POINT[color.transfer]
    context.color_range = RANGE_POINT[color.range]
    context.flags |= CodecFlags.bitexact.value | CodecFlags.global_header.value
    context.options = spec.options()
    opened(context, f"The video encoder {spec.codec}")
    return VideoSession(context, spec, "the pictures at a cut")
