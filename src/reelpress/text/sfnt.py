"""Just enough of the OpenType file format to know what a font is and which characters it has.

Read straight from the tables (OpenType specification 1.9: ``head``, ``hhea``, ``OS/2``, ``name``, ``fvar``, ``cmap``
formats 4, 6 and 12, ``CBLC``, ``sbix``): Pillow draws fonts but tells neither coverage nor weight. Only the tables
that are needed are read; nothing is trusted, a broken file raises :class:`FontFileError`.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

MAX_FACES = 128
"""Faces looked at in one collection."""
MAX_TABLE = 32 << 20
"""Bytes of one table that are read; a larger one is damage or no font that we want."""


class FontFileError(Exception):
    """The file is no font, or a damaged one. Callers leave such a file out."""


class Coverage(Protocol):
    """Which characters a face has."""

    def __contains__(self, code: int, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class FaceInfo:
    """One face of a font file."""

    path: str
    index: int
    """Position in a collection, else 0."""
    family: str
    names: frozenset[str]
    """All its family and full names, lower case."""
    weight: int
    """100..900; of a variable font its default."""
    italic: bool
    units_per_em: int
    ascent: float
    """Above the baseline, in font sizes."""
    descent: float
    """Below the baseline, in font sizes, positive."""
    axes: tuple[tuple[str, float, float, float], ...]
    """Of a variable font: tag, lowest, default, highest."""
    strike: int | None
    """Size in pixels of the largest bitmap strike of a colour bitmap font, else ``None``."""
    color: bool
    """It has colour glyphs of a kind that FreeType draws: bitmaps, or layers of COLR version 0."""

    def __hash__(self) -> int:
        # A key of every glyph look-up: the default would hash all the fields each time.
        return hash((self.path, self.index))


class _Segments:
    """A format 4 subtable. A code in a segment may still map to glyph 0, so the lookup is carried out."""

    def __init__(self, data: bytes) -> None:
        (count,) = struct.unpack_from(">H", data, 6)
        count //= 2
        if 16 + count * 8 > len(data):
            raise FontFileError("cmap format 4 is cut short")
        self._ends = struct.unpack_from(f">{count}H", data, 14)
        self._starts = struct.unpack_from(f">{count}H", data, 16 + count * 2)
        self._deltas = struct.unpack_from(f">{count}H", data, 16 + count * 4)
        self._offsets_at = 16 + count * 6
        self._offsets = struct.unpack_from(f">{count}H", data, self._offsets_at)
        self._data = data

    def __contains__(self, code: int, /) -> bool:
        if code > 0xFFFF:
            return False
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            if self._ends[middle] < code:
                low = middle + 1
            else:
                high = middle
        if low == len(self._ends) or self._starts[low] > code:
            return False
        offset = self._offsets[low]
        if offset == 0:
            return bool((code + self._deltas[low]) & 0xFFFF)
        at = self._offsets_at + low * 2 + offset + (code - self._starts[low]) * 2
        if at + 2 > len(self._data):
            return False
        glyph = int(struct.unpack_from(">H", self._data, at)[0])
        return glyph != 0 and (glyph + self._deltas[low]) & 0xFFFF != 0


class _Groups:
    """Sorted ranges: format 12, and format 6 as one or more of them."""

    def __init__(self, groups: list[tuple[int, int]]) -> None:
        groups.sort()
        self._starts = array("L", [start for start, _ in groups])
        self._ends = array("L", [end for _, end in groups])

    def __contains__(self, code: int, /) -> bool:
        at = bisect_right(self._starts, code) - 1
        return at >= 0 and code <= self._ends[at]


class _Nothing:
    def __contains__(self, code: int, /) -> bool:
        return False


def _table_directory(handle: BinaryIO, offset: int) -> dict[str, tuple[int, int]]:
    handle.seek(offset)
    head = handle.read(12)
    if len(head) < 12 or head[:4] not in (b"\0\1\0\0", b"OTTO", b"true"):
        raise FontFileError("not an OpenType font")
    count = struct.unpack_from(">H", head, 4)[0]
    data = handle.read(count * 16)
    if len(data) < count * 16:
        raise FontFileError("the table directory is cut short")
    tables: dict[str, tuple[int, int]] = {}
    for i in range(count):
        tag, _, start, length = struct.unpack_from(">4sLLL", data, i * 16)
        tables[tag.decode("latin-1")] = (start, length)
    return tables


def _face_offsets(handle: BinaryIO) -> list[int]:
    handle.seek(0)
    head = handle.read(12)
    if head[:4] != b"ttcf":
        return [0]
    count = min(struct.unpack_from(">L", head, 8)[0], MAX_FACES)
    data = handle.read(count * 4)
    if len(data) < count * 4:
        raise FontFileError("the collection's directory is cut short")
    return list(struct.unpack(f">{count}L", data))


class _Reader:
    def __init__(self, handle: BinaryIO, offset: int) -> None:
        self._handle = handle
        self.tables = _table_directory(handle, offset)

    def table(self, tag: str, limit: int = MAX_TABLE) -> bytes:
        if tag not in self.tables:
            return b""
        start, length = self.tables[tag]
        self._handle.seek(start)
        return self._handle.read(min(length, limit))


def _names(data: bytes) -> tuple[str, set[str]]:
    """The family's name, and all family and full names in lower case."""
    if len(data) < 6:
        return "", set()
    count, strings = struct.unpack_from(">HH", data, 2)
    best: tuple[int, str] = (-1, "")
    every: set[str] = set()
    for i in range(count):
        if 6 + i * 12 + 12 > len(data):
            break
        platform, _, language, name, length, offset = struct.unpack_from(">6H", data, 6 + i * 12)
        if name not in (1, 4, 16):
            continue
        raw = data[strings + offset : strings + offset + length]
        text = raw.decode("utf-16-be" if platform in (0, 3) else "mac_roman", "ignore").strip("\0 ")
        if not text:
            continue
        every.add(text.lower())
        rank = (2 if name == 16 else 1 if name == 1 else -2) + (4 if platform == 3 and language == 0x409 else 0)
        if rank > best[0]:
            best = (rank, text)
    return best[1], every


def _axes(data: bytes) -> tuple[tuple[str, float, float, float], ...]:
    if len(data) < 16:
        return ()
    start, _, count, size = struct.unpack_from(">4H", data, 4)
    axes = []
    for i in range(count):
        tag, low, default, high = struct.unpack_from(">4slll", data, start + i * size)
        axes.append((tag.decode("latin-1"), low / 65536, default / 65536, high / 65536))
    return tuple(axes)


def _strike(reader: _Reader) -> int | None:
    """The largest bitmap size of ``CBLC`` or ``sbix``."""
    data = reader.table("CBLC")
    if len(data) >= 8:
        count = min(struct.unpack_from(">L", data, 4)[0], (len(data) - 8) // 48)
        return max((data[8 + i * 48 + 44] for i in range(count)), default=None)
    data = reader.table("sbix", 1 << 16)
    if len(data) >= 8:
        total = reader.tables["sbix"][1]
        count = min(struct.unpack_from(">L", data, 4)[0], 64, (len(data) - 8) // 4)
        sizes = []
        for offset in struct.unpack_from(f">{count}L", data, 8):
            if offset + 2 <= total:
                reader._handle.seek(reader.tables["sbix"][0] + offset)
                sizes.append(struct.unpack(">H", reader._handle.read(2))[0])
        return max(sizes, default=None)
    return None


def _face(path: Path, index: int, reader: _Reader) -> FaceInfo:
    tables = reader.tables
    if "cmap" not in tables:
        raise FontFileError("no cmap")
    head, hhea, os2 = reader.table("head"), reader.table("hhea"), reader.table("OS/2")
    units = struct.unpack_from(">H", head, 18)[0] or 1000
    ascent, descent = struct.unpack_from(">hh", hhea, 4)
    if len(os2) >= 72 and (struct.unpack_from(">H", os2, 62)[0] & 128 or (ascent == 0 and descent == 0)):
        ascent, descent = struct.unpack_from(">hh", os2, 68)
    weight = struct.unpack_from(">H", os2, 4)[0] if len(os2) >= 6 else 400
    weight = weight * 100 if 1 <= weight <= 9 else weight
    italic = bool(struct.unpack_from(">H", head, 44)[0] & 2)
    if len(os2) >= 64:
        italic = italic or bool(struct.unpack_from(">H", os2, 62)[0] & 0x201)
    family, names = _names(reader.table("name"))
    layers = reader.table("COLR", 14)
    has_layers = len(layers) >= 4 and struct.unpack_from(">H", layers, 2)[0] > 0
    if layers and not has_layers and "emoji" in family.lower():
        raise FontFileError("its colour glyphs are of COLR version 1, which FreeType does not draw by itself")
    return FaceInfo(
        path=str(path),
        index=index,
        family=family or path.stem,
        names=frozenset(names | {family.lower()} - {""}),
        weight=min(900, max(100, weight)),
        italic=italic,
        units_per_em=units,
        ascent=ascent / units,
        descent=-descent / units,
        axes=_axes(reader.table("fvar")),
        strike=_strike(reader),
        color=has_layers or "CBDT" in tables or "sbix" in tables,
    )


def read_faces(path: Path) -> tuple[FaceInfo, ...]:
    """All faces of a font file.

    Raises:
        FontFileError: No font, damaged, or not readable.
    """
    try:
        with path.open("rb") as handle:
            return tuple(_face(path, i, _Reader(handle, offset)) for i, offset in enumerate(_face_offsets(handle)))
    except (FontFileError, OSError, struct.error, IndexError, ValueError) as error:
        raise FontFileError(f"{path.name}: {error}") from error


def _parse_cmap(data: bytes) -> Coverage:
    count = struct.unpack_from(">H", data, 2)[0]
    ranks = {(3, 10): 6, (0, 6): 5, (0, 4): 5, (3, 1): 4, (0, 3): 3, (0, 2): 2, (0, 1): 2, (0, 0): 2}
    found: list[tuple[int, int]] = []
    for i in range(min(count, 64)):
        platform, encoding, offset = struct.unpack_from(">HHL", data, 4 + i * 8)
        if (platform, encoding) in ranks:
            found.append((ranks[platform, encoding], offset))
    for _, offset in sorted(found, reverse=True):
        kind = struct.unpack_from(">H", data, offset)[0]
        if kind == 4:
            return _Segments(data[offset:])
        if kind == 6:
            first, length = struct.unpack_from(">HH", data, offset + 6)
            glyphs = struct.unpack_from(f">{length}H", data, offset + 10)
            return _Groups([(first + j, first + j) for j, glyph in enumerate(glyphs) if glyph])
        if kind == 12:
            length = struct.unpack_from(">L", data, offset + 12)[0]
            rows = struct.iter_unpack(">LLL", data[offset + 16 : offset + 16 + length * 12])
            # A group whose glyphs start at 0 has .notdef for its first character.
            return _Groups([(start + (glyph == 0), end) for start, end, glyph in rows])
    return _Nothing()


def read_coverage(info: FaceInfo) -> Coverage:
    """Which characters ``info`` has a glyph for, by its best Unicode ``cmap``; nothing when there is none to read.

    Raises:
        FontFileError: Damaged, or not readable.
    """
    try:
        with open(info.path, "rb") as handle:
            return _parse_cmap(_Reader(handle, _face_offsets(handle)[info.index]).table("cmap"))
    except (FontFileError, OSError, struct.error, IndexError, ValueError) as error:
        raise FontFileError(f"{Path(info.path).name}: {error}") from error
