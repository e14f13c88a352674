"""An MP4 that is sent while it is made: into a pipe there is no way back, so it is written in fragments.

``empty_moov`` and ``frag_keyframe`` put an index without samples in front and every group of pictures behind its own
small one, ``default_base_moof`` makes each independent of its place in the file. ``delay_moov`` holds the first index
back until the first group is there: only then is known by how much decoding is ahead of showing and how much sound the
encoder put in front, and both become edit lists. Without it libavformat shifts the pictures by the two frames of their
reordering and the sound by its 1024 samples.
"""

from __future__ import annotations

import os
import select
import stat
import struct
from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from reelpress.errors import Cancelled, OutputError, UsageError, VerifyError
from reelpress.media.boxes import find_all
from reelpress.media.labels_check import check_index
from reelpress.media.pulse import beat
from reelpress.media.verify.container import bitstream_colour, container_colour
from reelpress.media.verify.packets import PacketTable, check_audio_packets, check_video_packets
from reelpress.media.verify.verdict import Expected, VerifyResult

if TYPE_CHECKING:
    from reelpress.media.labels import Labels
    from reelpress.media.packets import EncodedPacket

MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof+delay_moov"

PIECE = 4096
"""Bytes that a pipe takes at once when it says that it takes any (PIPE_BUF, POSIX: at least 512, 4096 on Linux)."""

WAIT_MS = 100
"""Between two looks at whether the reader is still there and the export still wanted."""


@dataclass
class _Track:
    """Packets of one kind as they were given to the muxer."""

    base: Fraction | None = None
    columns: dict[str, array[int]] = field(
        default_factory=lambda: {name: array("q") for name in ("pts", "dts", "duration", "size", "key")}
    )

    def table(self) -> PacketTable:
        columns = {name: np.frombuffer(column, np.int64) for name, column in self.columns.items()}
        key = columns.pop("key").astype(np.bool_)
        return PacketTable(self.base or Fraction(1), key=key, damaged=np.zeros(len(key), np.bool_), **columns)


class PipeSink:
    """Takes the muxer's bytes, sends them on, and remembers what it takes to verify them.

    A reader that is slow is no stall: while it takes nothing, every tenth of a second is a sign of life (``pulse``).

    Args:
        descriptor: Open for writing. It stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self.sent = 0
        """Bytes."""
        self._descriptor = descriptor
        self._closed = False
        self._tracks: dict[str, _Track] = {}
        self._boxes = _Boxes()
        self._poller = None if _is_file(descriptor) else _poller(descriptor)

    def begin(self) -> None:
        """A muxer begins, perhaps for another time.

        Raises:
            OutputError: What another one wrote is on its way already.
        """
        if self.sent:
            raise OutputError(
                f"The export would have to begin anew, but {self.sent} bytes are sent already. "
                "Try --unchanged encode, or write a file."
            )
        self._closed = False
        self._tracks.clear()
        self._boxes = _Boxes()

    # -- the file that the muxer sees -----------------------------------------------------------------------------

    def write(self, data: bytes) -> int:
        """Send all of ``data``.

        Raises:
            Cancelled: The reader is gone, or nobody wants it any more.
            OSError: The disk behind a redirected stdout is full, for example.
        """
        if self._closed:
            return len(data)  # the muxer's last words after a failure
        view = memoryview(data)
        self._boxes.feed(view)
        at = 0
        while at < len(view):
            if self._poller is not None and not self._ready():
                continue
            piece = view[at : at + PIECE] if self._poller is not None else view[at:]
            try:
                at += os.write(self._descriptor, piece)
            except BrokenPipeError:
                raise self._gone() from None
        self.sent += len(view)
        return len(view)

    def _ready(self) -> bool:
        """Wait a moment for room; False: there is none yet."""
        assert self._poller is not None
        events = self._poller.poll(WAIT_MS)
        if any(event & (select.POLLERR | select.POLLNVAL) for _, event in events):
            raise self._gone()
        if not events:
            try:
                beat()
            except BaseException:  # cancelled, for example
                self._closed = True
                raise
        return bool(events)

    def _gone(self) -> Cancelled:
        self._closed = True
        return Cancelled("The export was cancelled (stdout was closed).")

    def stop(self) -> None:
        """Send nothing any more."""
        self._closed = True

    # -- what is remembered ---------------------------------------------------------------------------------------

    def note(self, packet: EncodedPacket) -> None:
        """A packet that is given to the muxer next."""
        track = self._tracks.setdefault(packet.kind, _Track())
        track.base = Fraction(packet.time_base)
        values = (packet.pts, packet.dts, packet.duration, packet.size, int(packet.is_key))
        for column, value in zip(track.columns.values(), values, strict=True):
            column.append(value)

    def verify(self, expected: Expected, labels: Labels) -> VerifyResult:
        """Compare what was sent with what was planned, as far as that is possible without reading it again.

        Packets as they went in: their number, times, sizes, key flags. Bytes as they went out: whole boxes, one index
        with the right colours and parameter sets, as many samples in the fragments as packets, nothing else in it.

        Raises:
            VerifyError: The first difference.
        """
        boxes = self._boxes
        if boxes.inside or boxes.broken or boxes.names[:2] != [b"ftyp", b"moov"] or boxes.names.count(b"moov") != 1:
            raise _wrong("what was sent is not made of whole boxes behind one index")
        container_colour(boxes.moov, expected.color)
        bitstream_colour(_avcc(boxes.moov), expected)
        check_index(boxes.moov, labels, chapter_language="eng")  # the muxer's, and it is on its way already
        pictures = self._table("video")
        check_video_packets(pictures, expected)
        checked = ["structure", "colour in bitstream and container", "labels", "packet times", "packet sizes"]
        planned = {"vide": len(pictures)}
        if expected.has_audio:
            sound = self._table("audio")
            check_audio_packets(sound, expected)
            planned["soun"] = len(sound)
            checked.append("audio")
        kinds = {_track_id(track): _kind(track) for track in find_all(boxes.moov, "trak")}
        found = {kinds.get(number, "?"): count for number, count in boxes.samples.items()}
        found.pop("text", None)  # of chapters
        if found != planned:
            raise _wrong(f"its fragments have samples {found}, but there were packets {planned}")
        checked.append("samples in fragments")
        return VerifyResult(len(pictures), pictures.end(), int(pictures.key.sum()), 0, tuple(checked))

    def _table(self, kind: str) -> PacketTable:
        return self._tracks.get(kind, _Track()).table()


class _Boxes:
    """Follows the boxes of a stream: keeps the index, and counts the samples of fragments."""

    KEPT = (b"moov", b"moof")

    def __init__(self) -> None:
        self.names: list[bytes] = []
        """Of the first boxes, and of every one that is neither moof nor mdat."""
        self.moov = b""
        self.samples: dict[int, int] = {}
        """Track number -> samples in fragments."""
        self.inside = False
        """The last box is not complete."""
        self.broken = False
        self._header = bytearray()
        self._left = 0
        self._kept: bytearray | None = None

    def feed(self, data: memoryview) -> None:
        at = 0
        while at < len(data) and not self.broken:
            if self._left == 0:
                wanted = 16 if self._header[:4] == b"\0\0\0\1" else 8
                piece = data[at : at + wanted - len(self._header)]
                self._header += piece
                at += len(piece)
                self.inside = True
                wanted = 16 if self._header[:4] == b"\0\0\0\1" else 8
                if len(self._header) == wanted:
                    self._begin()
                continue
            piece = data[at : at + self._left]
            if self._kept is not None:
                self._kept += piece
            at += len(piece)
            self._left -= len(piece)
            if self._left == 0:
                self._end()

    def _begin(self) -> None:
        size, name = struct.unpack_from(">I4s", self._header)
        if size == 1:
            (size,) = struct.unpack_from(">Q", self._header, 8)
        if size < len(self._header):
            self.broken = True
            return
        if len(self.names) < 4 or name not in (b"moof", b"mdat"):
            self.names.append(name)
        self._kept = bytearray(self._header) if name in self.KEPT else None
        self._left = size - len(self._header)
        self._header.clear()
        if self._left == 0:
            self._end()

    def _end(self) -> None:
        self.inside = False
        if self._kept is None:
            return
        box, self._kept = bytes(self._kept), None
        if box[4:8] == b"moov":
            self.moov = box
            return
        for fragment in find_all(box, "traf"):
            number = struct.unpack_from(">I", find_all(fragment, "tfhd")[0], 12)[0]
            count = sum(struct.unpack_from(">I", run, 12)[0] for run in find_all(fragment, "trun"))
            self.samples[number] = self.samples.get(number, 0) + count


def _avcc(moov: bytes) -> bytes:
    """The codec's private data: parameter sets."""
    for track in find_all(moov, "trak"):
        for box in find_all(track, "mdia/minf/stbl/stsd/avc1/avcC"):
            return box[8:]
    return b""


def _track_id(track: bytes) -> int:
    (header,) = find_all(track, "tkhd")
    number: int = struct.unpack_from(">I", header, 28 if header[8] else 20)[0]
    return number


def _kind(track: bytes) -> str:
    return next((box[16:20].decode("latin-1") for box in find_all(track, "mdia/hdlr")), "")


def _is_file(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _poller(descriptor: int) -> select.poll | None:
    if not hasattr(select, "poll"):
        return None  # Windows: writing waits by itself
    poller = select.poll()
    poller.register(descriptor, select.POLLOUT)
    return poller


def refuse_terminal(descriptor: int) -> None:
    """A video on a terminal is of no use to anybody.

    Raises:
        OutputError: ``descriptor`` is one, or is closed.
    """
    try:
        os.fstat(descriptor)
    except OSError as error:
        raise OutputError("-o - writes to stdout, which is closed. Send it somewhere, as in | cat > x.mp4.") from error
    if os.isatty(descriptor):
        raise UsageError("-o - writes the video to stdout, which is a terminal. Send it somewhere, as in | ffplay -.")


def _wrong(what: str) -> VerifyError:
    return VerifyError(f"The video that was sent is not what was planned: {what}. Do not use it, and report this.")
