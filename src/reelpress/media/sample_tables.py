"""The packets of an MP4's H.264 track from its index, in arrays: a hundred times faster than to read each packet.

What a demuxer would say of a packet follows from the tables of ISO/IEC 14496-12 (8.6.1 times, 8.6.6 edit list, 8.7
sizes and places); whether it is a key frame is read from the packet itself. Only files of the kind that we write are
understood; of any other nothing is said, and the caller reads the packets themselves.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.media.boxes import find_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]

SMALL = 2048
"""Bytes of a packet on average below which it costs less to read all of the file than to read each one's begin."""
BUFFER = 1 << 17

_VCL = range(1, 6)
_IDR = 5


@dataclass(frozen=True, slots=True)
class SampleTables:
    """One entry a packet, in file order. Times in ticks of ``1/timescale`` seconds, edit list applied."""

    timescale: int
    pts: Numbers
    dts: Numbers
    duration: Numbers
    size: Numbers
    """Bytes."""
    offset: Numbers
    """Of the first byte in the file."""


def sample_tables(moov: bytes) -> SampleTables | None:
    """The tables of the one H.264 track in an index; ``None`` where they are of another kind than ours."""
    tracks = [t for t in find_all(moov, "trak") if any(b[16:20] == b"vide" for b in find_all(t, "mdia/hdlr"))]
    if len(tracks) != 1 or not find_all(tracks[0], "mdia/minf/stbl/stsd/avc1"):
        return None
    try:
        return _read(tracks[0])
    except (ValueError, IndexError, struct.error):
        return None


def _read(track: bytes) -> SampleTables | None:
    stbl = "mdia/minf/stbl/"
    (mdhd,) = find_all(track, "mdia/mdhd")
    (timescale,) = struct.unpack_from(">I", mdhd, 20 if mdhd[8] == 0 else 28)
    shift = _edit(find_all(track, "edts/elst"))
    if shift is None:
        return None
    fixed, count = struct.unpack_from(">II", _one(track, stbl + "stsz"), 12)
    sizes = np.full(count, fixed, np.int64) if fixed else _columns(_one(track, stbl + "stsz"), 1, at=20)[:, 0]
    times = _columns(_one(track, stbl + "stts"), 2)
    duration = np.repeat(times[:, 1], times[:, 0])
    dts = np.cumsum(duration) - duration - shift
    pts = dts
    if reordered := find_all(track, stbl + "ctts"):
        runs = _columns(reordered[0], 2, kind=">i4")
        pts = dts + np.repeat(runs[:, 1], runs[:, 0])
    offset = _offsets(track, stbl, sizes)
    if offset is None or not len(sizes) == len(dts) == len(pts) == count:
        return None
    return SampleTables(timescale, pts, dts, duration, sizes, offset)


def _edit(lists: list[bytes]) -> int | None:
    """Ticks that are cut off the front; ``None`` for more than one plain edit."""
    if not lists:
        return 0
    (box,) = lists
    (count,) = struct.unpack_from(">I", box, 12)
    if count != 1:
        return None
    start, rate = struct.unpack_from(">ii", box, 20) if box[8] == 0 else struct.unpack_from(">qi", box, 24)
    return int(start) if start >= 0 and rate == 0x10000 else None


def _offsets(track: bytes, stbl: str, sizes: Numbers) -> Numbers | None:
    wide = find_all(track, stbl + "co64")
    chunks = np.frombuffer(wide[0] if wide else _one(track, stbl + "stco"), ">u8" if wide else ">u4", offset=16)
    runs = _columns(_one(track, stbl + "stsc"), 3)
    ends = np.append(runs[1:, 0], len(chunks) + 1)
    in_chunk = np.repeat(runs[:, 1], ends - runs[:, 0])
    if len(in_chunk) != len(chunks) or int(in_chunk.sum()) != len(sizes):
        return None
    before = np.cumsum(sizes) - sizes
    first = np.cumsum(in_chunk) - in_chunk
    return np.asarray(np.repeat(chunks.astype(np.int64) - before[first], in_chunk) + before, np.int64)


def _one(track: bytes, path: str) -> bytes:
    (box,) = find_all(track, path)
    return box


def _columns(box: bytes, columns: int, *, at: int = 16, kind: str = ">u4") -> np.ndarray[Any, np.dtype[np.int64]]:
    """The table of a full box, with its own number of rows."""
    (rows,) = struct.unpack_from(">I", box, at - 4)
    return np.frombuffer(box, kind, rows * columns, at).reshape(rows, columns).astype(np.int64)


def key_frames(path: Path, tables: SampleTables, pause: Callable[[], None]) -> tuple[Flags, Flags]:
    """Read the NAL headers of all packets: which hold IDR pictures, and which are damaged (no picture, or cut off).

    A packet is read up to its first slice; slices behind it are not looked for.
    """
    key = np.zeros(len(tables.size), np.bool_)
    damaged = np.zeros(len(tables.size), np.bool_)
    small = len(tables.size) > 0 and int(tables.size.sum()) < SMALL * len(tables.size)
    with path.open("rb", buffering=BUFFER if small else 0) as file:
        total = file.seek(0, os.SEEK_END)
        for number, (at, size) in enumerate(_pairs(tables.offset, tables.size)):
            end = at + size
            while True:
                file.seek(at)
                head = file.read(5) if at + 5 <= end else b""
                if len(head) < 5 or at + 4 + (length := int.from_bytes(head[:4], "big")) > end:
                    damaged[number] = True
                    break
                kind = head[4] & 31
                if kind in _VCL:
                    key[number] = kind == _IDR
                    break
                at += 4 + length
            if number % 500 == 0:
                pause()
        damaged[tables.offset + tables.size > total] = True
    return key, damaged


def _pairs(first: Numbers, second: Numbers) -> Iterator[tuple[int, int]]:
    """Both columns as whole numbers of Python's, a thousand rows at a time: all of them take eight times the memory."""
    for at in range(0, len(first), 1000):
        yield from zip(first[at : at + 1000].tolist(), second[at : at + 1000].tolist(), strict=True)
