"""Move the index of an MP4 (``moov``) in front of the media data, inside the file.

The muxer could do this in its trailer, but there it is one native call that holds the interpreter for as long as the
disk needs: nothing could be cancelled or reported meanwhile. Here it is done in blocks.
Source of the layout: ISO/IEC 14496-12, 8.1 (mdat), 8.2 (moov), 8.7.5 (stco, co64).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from reelpress.errors import Cancelled, OutputError
from reelpress.media.boxes import top_level_boxes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 1 << 20
"""Bytes moved at a time. Larger ones are not faster, and count towards the peak of a long export."""
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_LIMIT = 0xFFFF_FFFF


def move_index_to_front(
    path: Path,
    *,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[], None] | None = None,
) -> None:
    """Rewrite ``path`` so that ``moov`` follows ``ftyp``; a file that is so already stays as it is.

    Needs memory for the index and one block. A file that is interrupted half-way is useless.

    Raises:
        OutputError: The file is not a finished MP4.
        OSError: Reading or writing failed (disk full).
        Cancelled: ``cancelled`` returned True between two blocks.
    """
    with open(path, "r+b") as file:
        boxes = top_level_boxes(file)
        names = [name for name, _, _ in boxes]
        if names.count(b"moov") != 1 or names[:1] != [b"ftyp"] or b"mdat" not in names:
            raise OutputError(f"{path} has no complete index after writing. Try again; check the disk.")
        index = names.index(b"moov")
        _, index_at, index_size = boxes[index]
        if index < names.index(b"mdat"):
            return
        if index != len(boxes) - 1:
            raise OutputError(f"{path} has data after its index, which this writer never makes.")
        insert_at = boxes[1][1]  # just after ftyp
        file.seek(index_at)
        moov = relocated(file.read(index_size))
        shift = len(moov)
        buffer = memoryview(bytearray(min(BLOCK, index_at - insert_at)))
        end = index_at
        while end > insert_at:
            if cancelled is not None and cancelled():
                raise Cancelled("The export was cancelled.")
            start = max(insert_at, end - BLOCK)
            block = buffer[: end - start]
            file.seek(start)
            if file.readinto(block) != len(block):
                raise OutputError(f"{path} became shorter while its index was moved. Try again; check the disk.")
            file.seek(start + shift)
            file.write(block)
            end = start
            if progress is not None:
                progress()
        file.seek(insert_at)
        file.write(moov)
        file.truncate(index_at + shift)


def relocated(moov: bytes) -> bytes:
    """The index with every chunk offset raised by the length of the result.

    Offsets that no longer fit 32 bits turn their ``stco`` into ``co64``, which makes the index longer; so it is
    repeated until the length holds still (at most once per track).
    """
    shift = len(moov)
    while True:
        moved = _patched(moov, shift)
        if len(moved) == shift:
            return moved
        shift = len(moved)


def _patched(box: bytes, shift: int) -> bytes:
    size, name = struct.unpack_from(">I4s", box)
    head = 16 if size == 1 else 8
    if name in _CONTAINERS:
        parts, at = bytearray(), head
        while at + 8 <= len(box):
            (length,) = struct.unpack_from(">I", box, at)
            if length < 8:  # a terminator or a 64-bit size, which no box inside an index needs
                parts += box[at:]
                break
            parts += _patched(box[at : at + length], shift)
            at += length
        return struct.pack(">I4s", 8 + len(parts), name) + bytes(parts)
    if name in (b"stco", b"co64"):
        (count,) = struct.unpack_from(">I", box, head + 4)
        offsets = np.frombuffer(box, ">u4" if name == b"stco" else ">u8", count, head + 8).astype(np.uint64)
        offsets += np.uint64(shift)
        wide = name == b"co64" or int(offsets.max(initial=0)) > _LIMIT
        body = offsets.astype(">u8" if wide else ">u4").tobytes()
        flags = box[head : head + 4]
        return (
            struct.pack(">I4s", 16 + len(body), b"co64" if wide else b"stco") + flags + struct.pack(">I", count) + body
        )
    return box
