"""Read the elements of a Matroska or WebM file (EBML, RFC 8794; RFC 9559). Reading only; no media library.

An element is an ID of 1 to 4 bytes, a size of 1 to 8 bytes, and as many bytes of content. Both numbers begin with as
many zero bits as they have further bytes; of an ID they are a part, of a size they are not.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

HEADER, SEGMENT = 0x1A45DFA3, 0x18538067

MOST = 64 << 20
"""Bytes of an element that is read into memory; those that are have a few hundred."""


class EbmlError(ValueError):
    """What is read is no sequence of whole elements."""


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """``(ID, content)`` of the elements in ``data``.

    Raises:
        EbmlError: One is cut off, or has no size.
    """
    at = 0
    while at < len(data):
        number, size, length = _head(data[at : at + 12])
        if size is None:
            raise EbmlError(f"element {number:X} has no size")
        at += length
        if at + size > len(data):
            raise EbmlError(f"element {number:X} has {size} bytes, of which {len(data) - at} are there")
        yield number, data[at : at + size]
        at += size


def inside(data: bytes, *path: int) -> list[bytes]:
    """The contents of all elements at a path of IDs below ``data``.

    Raises:
        EbmlError: As :func:`elements`.
    """
    found = [data]
    for step in path:
        found = [content for parent in found for number, content in elements(parent) if number == step]
    return found


def segment(file: BinaryIO, wanted: Container[int]) -> list[tuple[int, bytes]]:
    """The elements of a file's one segment, with their contents where they are ``wanted``, else with none.

    Raises:
        EbmlError: The file is no header and one whole segment, or one of the wanted has more than :data:`MOST` bytes.
    """
    total = file.seek(0, 2)
    file.seek(0)
    number, size, length = _head(file.read(12))
    if number != HEADER or size is None:
        raise EbmlError("it does not begin with an EBML header")
    at = length + size
    file.seek(at)
    number, size, length = _head(file.read(12))
    at += length
    if number != SEGMENT or size is None or at + size != total:
        raise EbmlError("behind its header there is not one whole segment")
    found: list[tuple[int, bytes]] = []
    while at < total:
        file.seek(at)
        number, size, length = _head(file.read(12))
        at += length
        if size is None or at + size > total:
            raise EbmlError(f"element {number:X} is not whole")
        content = b""
        if number in wanted:
            if size > MOST:
                raise EbmlError(f"element {number:X} has {size} bytes")
            file.seek(at)
            content = file.read(size)
        found.append((number, content))
        at += size
    return found


def unsigned(content: bytes) -> int:
    """An unsigned integer."""
    return int.from_bytes(content, "big")


def signed(content: bytes) -> int:
    """A signed integer, and a date: nanoseconds since 2001-01-01 in UTC."""
    return int.from_bytes(content, "big", signed=True)


def text(content: bytes) -> str:
    """UTF-8, which may be filled up with zeros."""
    return content.split(b"\0", 1)[0].decode("utf-8", "replace")


def _head(data: bytes) -> tuple[int, int | None, int]:
    """ID, size of the content (``None``: not known) and length of both."""
    first = _length(data, 4)
    second = _length(data[first:], 8)
    (size,) = struct.unpack(">Q", data[first : first + second].rjust(8, b"\0"))
    mask = (1 << 7 * second) - 1
    return int.from_bytes(data[:first], "big"), None if size & mask == mask else size & mask, first + second


def _length(data: bytes, most: int) -> int:
    """Bytes of the number that ``data`` begins with."""
    length = 9 - data[0].bit_length() if data and data[0] else 9
    if length > most or length > len(data):
        raise EbmlError("there is no element where one should begin")
    return length
