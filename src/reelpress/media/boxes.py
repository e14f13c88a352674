"""Find boxes in an MP4 (ISO/IEC 14496-12). Reading only; no media library."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_BODY_OFFSET = {b"stsd": 8, b"avc1": 78, b"hvc1": 78, b"av01": 78, b"apch": 78, b"ap4h": 78}
"""Bytes of fields between the header of a box and the boxes in it, where there are any."""


def top_level_boxes(file: BinaryIO) -> list[tuple[bytes, int, int]]:
    """``(type, offset, size)`` of the boxes of a file; stops at the first that is cut off."""
    file.seek(0, 2)
    total, at = file.tell(), 0
    found: list[tuple[bytes, int, int]] = []
    while at + 8 <= total:
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        elif size == 0:
            size = total - at
        if size < 8 or at + size > total:
            break
        found.append((name, at, size))
        at += size
    return found


def children(box: bytes) -> Iterator[tuple[bytes, bytes]]:
    """``(type, whole box)`` of every box in ``box`` (given with its header)."""
    if len(box) < 8:
        return
    at = 8 + _BODY_OFFSET.get(box[4:8], 0)
    while at + 8 <= len(box):
        size, name = struct.unpack_from(">I4s", box, at)
        if size < 8 or at + size > len(box):
            return
        yield name, box[at : at + size]
        at += size


def find_all(box: bytes, path: str) -> list[bytes]:
    """All boxes at a path such as ``"trak/mdia/mdhd"`` below ``box``, each with its header."""
    found = [box]
    for step in path.encode("ascii").split(b"/"):
        found = [child for parent in found for name, child in children(parent) if name == step]
    return found


def located(box: bytes, path: str | None = None) -> Iterator[tuple[int, bytes]]:
    """``(offset in box, whole box)`` of all boxes at a path below ``box``; without a path, of all right in it."""
    at = 8 + _BODY_OFFSET.get(box[4:8], 0)
    step, _, rest = (path or "").partition("/")
    for name, child in children(box):
        if path is None or name == step.encode("ascii"):
            if rest:
                yield from ((at + deeper, found) for deeper, found in located(child, rest))
            else:
                yield at, child
        at += len(child)
