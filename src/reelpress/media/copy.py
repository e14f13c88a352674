"""Packets of H.264 taken over as they are: which there are, and reading a range of them.

What leaves here as a picture is a sample of an MP4 file: units with lengths of four bytes in front, without parameter
sets (they are in ``avcC``), access unit delimiters and the encoder's own notes. The pictures' data is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from reelpress.errors import UnreadableInputError
from reelpress.media._av import input_errors, open_input, packets_of, stream_of
from reelpress.media.copy_places import SamplePlaces
from reelpress.media.packets import only_user_data
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet

    from reelpress.media.index import PacketFacts

Ticks = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]


CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "mpegts")
"""FFmpeg's names of the containers that packets are taken from."""

_SLICE, _IDR, _SEI, _SPS, _PPS, _AUD = 1, 5, 6, 7, 8, 9
_ODD = {2, 3, 4, 13, 14, 15, 19, 20, 21}
_START = b"\x00\x00\x01"


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
            places = SamplePlaces.of(path, name, facts.at, facts.size, first)
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
