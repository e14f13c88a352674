"""Put right in a finished MP4, MOV or M4A what libavformat's muxer has no option for. Bytes in place, none is moved.

An *edit* is given a track (its whole ``trak`` box) and returns what to write where in it. All edits of a file are made
together, with its index read once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from reelpress.errors import OutputError
from reelpress.media.boxes import located, top_level_boxes
from reelpress.media.labels import UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.media.labels import Labels

Edit = Callable[[bytes], Iterator[tuple[int, bytes]]]
"""From a track to ``(offset in it, bytes)``."""

VENDOR_AT = 20
"""Of the maker in a QuickTime sample entry of sound or pictures: size, type, 8 bytes, version, revision before it."""


def edits_for(muxer: str, labels: Labels, *, has_text: bool = False) -> tuple[Edit, ...]:
    """What has to be put right.

    Args:
        muxer: The library's name: ``mp4``, ``mov`` or ``ipod``; there is nothing to be done for others.
        labels: What the file shall say.
        has_text: It has a track of subtitles.
    """
    edits: list[Edit] = []
    if has_text:
        edits.append(switched_off)
    if muxer == "mov":
        edits += [unnamed, language_of((b"soun", b"sbtl", b"text"), labels.language)]
    elif muxer in ("mp4", "ipod") and labels.chapters:
        edits.append(language_of((b"text",), labels.language))  # the muxer calls every track of chapters English
    return tuple(edits)


def edit_index(path: Path, edits: tuple[Edit, ...]) -> None:
    """Make ``edits`` in all tracks of a file.

    Raises:
        OutputError: The file has no index.
        OSError: It cannot be read or written.
    """
    if not edits:
        return
    with path.open("r+b") as file:
        found = [(offset, size) for name, offset, size in top_level_boxes(file) if name == b"moov"]
        if not found:
            raise OutputError(f"{path} has no complete index after writing. Try again; check the disk.")
        offset, size = found[0]
        file.seek(offset)
        for at, track in located(file.read(size), "trak"):
            for edit in edits:
                for place, data in edit(track):
                    file.seek(offset + at + place)
                    file.write(data)


def handler(track: bytes) -> bytes:
    """What a track is of: ``vide``, ``soun``, ``sbtl`` (subtitles) or ``text`` (chapters)."""
    return next((box[16:20] for _, box in located(track, "mdia/hdlr")), b"")


def switched_off(track: bytes) -> Iterator[tuple[int, bytes]]:
    """Texts are not shown until the viewer asks for them; the muxer enables the first track of every kind.

    Changes one bit (ISO/IEC 14496-12, 8.3.2: track_enabled).
    """
    if handler(track) in (b"sbtl", b"text"):
        for at, header in located(track, "tkhd"):
            yield at + 11, bytes([header[11] & ~1])  # behind size, type and version, the last of three bytes of flags


def language_of(kinds: tuple[bytes, ...], language: str) -> Edit:
    """Tracks of these kinds have the language (mdhd, 8.4.2).

    In a MOV the muxer writes numbers of the old Macintosh for the languages that it had, and none for the others;
    packed letters are read by QuickTime, too (File Format, "Language Code Values"). ``und`` stays what it is there:
    unspecified.
    """

    def edit(track: bytes) -> Iterator[tuple[int, bytes]]:
        if handler(track) in kinds:
            for at, header in located(track, "mdia/mdhd"):
                place = language_at(header)
                if language != UNKNOWN or header[place : place + 2] != UNSPECIFIED:
                    yield at + place, struct.pack(">H", packed(language))

    return edit


def unnamed(track: bytes) -> Iterator[tuple[int, bytes]]:
    """The muxer writes its own name into the sample entries of a MOV's pictures (``FFMP``): no maker instead."""
    if handler(track) in (b"vide", b"soun"):
        for at, table in located(track, "mdia/minf/stbl/stsd"):
            for place, _ in located(table):
                yield at + place + VENDOR_AT, bytes(4)


UNSPECIFIED = b"\x7f\xff"
"""QuickTime's language of a track that says none."""


def packed(language: str) -> int:
    """Three letters as ``mdhd`` has them: five bits each, from 0x60 on."""
    one, two, three = (ord(letter) - 0x60 for letter in language)
    return one << 10 | two << 5 | three


def unpacked(code: int) -> str:
    """The letters again."""
    return "".join(chr((code >> shift & 31) + 0x60) for shift in (10, 5, 0))


def language_at(mdhd: bytes) -> int:
    """Offset of the language in the box: behind times of 4 or 8 bytes."""
    return 32 + 8 if mdhd[8] else 28
