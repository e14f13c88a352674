"""Read back what a finished file says about itself: what was asked for and nothing else.

No name of a program, no time, no text of any other kind. Each family of files has a reader of its own, which shares
nothing with the muxer: boxes (MP4, MOV, M4A), EBML elements (WebM), RIFF chunks (WAV).
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

from reelpress.errors import InputError, OutputError
from reelpress.media import ebml
from reelpress.media._av import AV_ERRORS, open_input
from reelpress.media.boxes import children, find_all, top_level_boxes
from reelpress.media.index_edit import UNSPECIFIED, VENDOR_AT, handler, language_at, packed, unpacked
from reelpress.media.labels import UNKNOWN, Labels, day, in_matroska, milliseconds, short
from reelpress.media.verify.verdict import wrong

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reelpress.media.labels import Chapter

EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
"""From which times in an MP4 count (ISO/IEC 14496-12, 8.2.2)."""

MILLENNIUM = datetime(2001, 1, 1, tzinfo=UTC)
"""From which dates in Matroska count (RFC 8794, 7.6)."""

LIBRARY = "Lavf"
"""Matroska must name a library and an application (RFC 9559, 5.1.2.13 and 14); this is all they say."""


def check(path: Path, labels: Labels, fps: Fraction, container: str = "mp4") -> tuple[str, ...]:
    """Compare what a finished file says about itself with what it was to say.

    Chapters must begin exactly at their frames. Sound and subtitles have the language, pictures have none.

    Args:
        path: The file.
        labels: What it must say.
        fps: In which chapters count frames.
        container: The library's name of the muxer.

    Returns:
        What was compared, for the report.

    Raises:
        VerifyError: It says something else, or more.
        OutputError: The file cannot be read any more.
    """
    try:
        with path.open("rb") as file:
            if container == "wav":
                _check_riff(file, labels)
            elif container == "webm":
                _check_segment(file, labels, fps)
            else:
                check_index(_index(file), labels, quicktime=container == "mov")
    except (struct.error, IndexError, ValueError) as fault:  # bytes that are not what they should be
        raise wrong(f"what it says about itself cannot be read ({fault})") from fault
    except OSError as fault:
        raise OutputError(f"{path} cannot be read back: {fault.strerror}. Check the disk.") from fault
    if labels.chapters and container not in ("wav", "webm"):
        _check_chapter_track(path, labels.chapters, fps)
    said = ["nothing but what was asked for"]
    said += ["title"] if labels.title is not None else []
    said += ["chapters"] if labels.chapters else []
    said += ["languages"] if labels.language != UNKNOWN else []
    said += ["creation time"] if labels.created is not None else []
    return tuple(said)


# MP4, MOV, M4A


def _index(file: BinaryIO) -> bytes:
    moov = b""
    for name, offset, size in top_level_boxes(file):
        if name in (b"uuid", b"udta", b"meta"):
            raise wrong(f"it has a box {name.decode()} that nobody asked for")
        if name == b"moov":
            file.seek(offset)
            moov = file.read(size)
    return moov


def check_index(moov: bytes, labels: Labels, *, chapter_language: str | None = None, quicktime: bool = False) -> None:
    """The same of an index alone, where chapters are compared by their list (to 100 ns).

    Args:
        moov: The whole box.
        labels: What it must say.
        chapter_language: Of the track of chapters; ``None`` is that of the others.
        quicktime: It is a MOV's.

    Raises:
        VerifyError: It says something else, or more.
    """
    seconds = 0 if labels.created is None else int((labels.created - EPOCH).total_seconds())
    boxes = [*find_all(moov, "mvhd"), *find_all(moov, "trak/tkhd"), *find_all(moov, "trak/mdia/mdhd")]
    if not boxes:
        raise wrong("it has no index (moov)")
    for box in boxes:
        for found in struct.unpack_from(">QQ" if box[8] else ">II", box, 12):  # they begin alike: creation, change
            if found != seconds:
                raise wrong(f"its {box[4:8].decode()} has the time {found} instead of {seconds}")
    lists = {number for box in find_all(moov, "trak/tref/chap") for (number,) in struct.iter_unpack(">I", box[8:])}
    texts = 0
    for track in find_all(moov, "trak"):
        kind = handler(track)
        # In a MOV subtitles are of the same kind; chapters are what other tracks refer to as such.
        of_chapters = kind == b"text" and (not quicktime or _number(track) in lists)
        texts += of_chapters
        wanted = UNKNOWN if kind == b"vide" else labels.language
        if of_chapters and chapter_language is not None:
            wanted = chapter_language
        _check_track(track, wanted, quicktime=quicktime)
    if texts != bool(labels.chapters):
        raise wrong(f"it has {texts} tracks of chapters instead of {int(bool(labels.chapters))}")
    if find_all(moov, "meta"):
        raise wrong("its index has texts that nobody asked for (meta)")
    title: str | None = None
    listed: list[str] = []
    for name, box in (pair for udta in find_all(moov, "udta") for pair in children(udta)):
        if name == b"meta" and not quicktime:
            title = _title(box)
        elif name == b"\xa9nam" and quicktime:
            title = _quicktime_text(box)
        elif name == b"chpl":
            listed = _chapter_list(box)
        else:
            raise wrong(f"it has a text {name!r} that nobody asked for")
    _same_title(title, labels)
    names = [short(chapter.title) for chapter in labels.chapters]
    if listed != names[:255]:
        raise wrong(f"its list of chapters names {len(listed)} instead of {len(names)}, or other ones")


def _number(track: bytes) -> int:
    """Of a track (tkhd, 8.3.2): behind two times of 4 or 8 bytes."""
    (header,) = find_all(track, "tkhd")
    number: int = struct.unpack_from(">I", header, 28 if header[8] else 20)[0]
    return number


def _check_track(track: bytes, wanted: str, *, quicktime: bool) -> None:
    (header,) = find_all(track, "mdia/mdhd")
    place = language_at(header)
    code = header[place : place + 2]
    language = UNKNOWN if quicktime and code == UNSPECIFIED else unpacked(int.from_bytes(code, "big"))
    if language != wanted:
        raise wrong(f"a track's language is {language} instead of {wanted}")
    if find_all(track, "udta") or find_all(track, "meta"):
        raise wrong("a track has a text that nobody asked for")
    if quicktime and handler(track) in (b"vide", b"soun"):
        for table in find_all(track, "mdia/minf/stbl/stsd"):
            for _, entry in children(table):
                if any(vendor := entry[VENDOR_AT : VENDOR_AT + 4]):
                    raise wrong(f"a track says who made it ({vendor.decode('latin-1')})")


def _title(meta: bytes) -> str | None:
    """The one text of iTunes's kind (``©nam``) in a ``meta`` box, which has four bytes of flags before its boxes."""
    title: str | None = None
    for name, box in children(meta[:8] + meta[12:]):
        if name in (b"hdlr", b"free"):
            continue
        if name != b"ilst":
            raise wrong(f"it has texts that nobody asked for ({name.decode('latin-1')})")
        for key, entry in children(box):
            data = find_all(entry, "data")
            if key != b"\xa9nam" or len(data) != 1:
                raise wrong(f"it has a text {key!r} that nobody asked for")
            title = data[0][16:].decode("utf-8", "replace")
    return title


def _quicktime_text(box: bytes) -> str:
    """User data of QuickTime: length, language, text. Just one text, in UTF-8, which is so for packed languages."""
    length, language = struct.unpack_from(">HH", box, 8) if len(box) >= 12 else (0, 0)
    if len(box) != 12 + length or language != packed(UNKNOWN):
        raise wrong("its title is written in another way than it should be")
    return box[12:].decode("utf-8", "replace")


def _chapter_list(box: bytes) -> list[str]:
    """The titles in a ``chpl`` box (Nero's): flags, 4 bytes, a count, then start, length, text."""
    found, at = [], 17
    for _ in range(box[16]):
        length = box[at + 8]
        found.append(box[at + 9 : at + 9 + length].decode("utf-8", "replace"))
        at += 9 + length
    return found


def _check_chapter_track(path: Path, chapters: Sequence[Chapter], fps: Fraction) -> None:
    """What a demuxer makes of them: starts and ends exactly at frames, titles."""
    try:
        with open_input(path, header_only=True) as container:
            found = [
                (entry["start"] * entry["time_base"], entry["end"] * entry["time_base"], entry["metadata"].get("title"))
                for entry in container.chapters()
                if entry["time_base"] is not None
            ]
    except (*AV_ERRORS, InputError) as fault:
        raise wrong(f"its chapters cannot be read ({fault})") from fault
    _same_chapters(found, [(c.start / fps, c.end / fps, short(c.title)) for c in chapters])


# WebM

_INFO, _TRACKS, _CHAPTERS, _TAGS = 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1254C367
_SEEK_HEAD, _CLUSTER, _CUES, _VOID = 0x114D9B74, 0x1F43B675, 0x1C53BB6B, 0xEC
_SCALE, _DURATION, _TITLE, _MUXER, _WRITER, _DATE = 0x2AD7B1, 0x4489, 0x7BA9, 0x4D80, 0x5741, 0x4461
_TRACK, _KIND, _LANGUAGE, _BCP47, _NAME, _CODEC_NAME = 0xAE, 0x83, 0x22B59C, 0x22B59D, 0x536E, 0x258688
_EDITION, _ATOM, _START, _END, _DISPLAY, _STRING = 0x45B9, 0xB6, 0x91, 0x92, 0x80, 0x85
_TAG, _TARGETS, _SIMPLE, _TAG_NAME = 0x7373, 0x63C0, 0x67C8, 0x45A3

_PICTURES = 1
"""Type of a track."""


def _check_segment(file: BinaryIO, labels: Labels, fps: Fraction) -> None:
    parts = ebml.segment(file, (_INFO, _TRACKS, _CHAPTERS, _TAGS))
    for number, _ in parts:
        if number not in (_INFO, _TRACKS, _CHAPTERS, _TAGS, _SEEK_HEAD, _CLUSTER, _CUES, _VOID):
            raise wrong(f"it has an element {number:X} that nobody asked for")
    info, tracks, listed, tags = (
        [content for number, content in parts if number == wanted] for wanted in (_INFO, _TRACKS, _CHAPTERS, _TAGS)
    )
    _check_info(b"".join(info), labels)
    for track in (track for content in tracks for track in ebml.inside(content, _TRACK)):
        _check_entry(dict(ebml.elements(track)), labels)
    for tag in (tag for content in tags for tag in ebml.inside(content, _TAG)):
        _check_tag(tag)
    atoms = [atom for content in listed for atom in ebml.inside(content, _EDITION, _ATOM)]
    _same_chapters(
        [_atom(atom) for atom in atoms],
        [(_whole(c.start, fps), _whole(c.end, fps), short(c.title)) for c in labels.chapters],
    )


def _check_info(content: bytes, labels: Labels) -> None:
    listed = list(ebml.elements(content))
    said = dict(listed)
    if len(said) != len(listed):
        raise wrong("it says something twice")
    for number in said:
        if number not in (_SCALE, _DURATION, _TITLE, _MUXER, _WRITER, _DATE):
            raise wrong(f"it has an element {number:X} that nobody asked for")
    for number in (_MUXER, _WRITER):
        if (name := ebml.text(said.get(number, b""))) != LIBRARY:
            raise wrong(f"it says that {name!r} wrote it")
    _same_title(ebml.text(said[_TITLE]) if _TITLE in said else None, labels)
    date = ebml.signed(said[_DATE]) if _DATE in said else None
    wanted = None if labels.created is None else int((labels.created - MILLENNIUM).total_seconds()) * 1_000_000_000
    if date != wanted:
        raise wrong(f"it has the time {date} instead of {wanted}")


def _check_entry(track: dict[int, bytes], labels: Labels) -> None:
    for number in (_NAME, _CODEC_NAME, _BCP47):
        if number in track:
            raise wrong("a track has a text that nobody asked for")
    pictures = ebml.unsigned(track.get(_KIND, b"")) == _PICTURES
    wanted = UNKNOWN if pictures else in_matroska(labels.language)
    language = ebml.text(track.get(_LANGUAGE, b"eng"))  # what a track without one has
    if language != wanted:
        raise wrong(f"a track's language is {language} instead of {wanted}")


def _check_tag(tag: bytes) -> None:
    """The muxer writes how long each track is, and no other tag is asked for."""
    names = [ebml.text(name) for name in ebml.inside(tag, _SIMPLE, _TAG_NAME)]
    if names != ["DURATION"] or not any(ebml.inside(tag, _TARGETS)):
        raise wrong(f"it has tags that nobody asked for ({', '.join(names)})")


def _atom(atom: bytes) -> tuple[Fraction, Fraction, str | None]:
    """Start and end in seconds, and the title. Times of chapters are nanoseconds."""
    start, end = (sum(ebml.unsigned(each) for each in ebml.inside(atom, number)) for number in (_START, _END))
    titles = [ebml.text(each) for each in ebml.inside(atom, _DISPLAY, _STRING)]
    return Fraction(start, 10**9), Fraction(end, 10**9), titles[0] if len(titles) == 1 else None


def _whole(frame: int, fps: Fraction) -> Fraction:
    return Fraction(milliseconds(frame, fps), 1000)


# WAV


def _check_riff(file: BinaryIO, labels: Labels) -> None:
    """The chunks of a RIFF file, of which only the list of texts (``LIST`` ``INFO``) says anything."""
    total = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise wrong("it is no WAV")
    found: dict[bytes, str] = {}
    at = 12
    while at + 8 <= total:
        file.seek(at)
        name, size = struct.unpack("<4sI", file.read(8))
        if name == b"LIST" and size >= 4 and at + 8 + size <= total:
            found.update(_riff_list(file.read(size)))
        elif name not in (b"fmt ", b"data"):
            raise wrong(f"it has a part {name!r} that nobody asked for")
        at += 8 + size + size % 2  # parts begin at even bytes
    _same_title(found.pop(b"INAM", None), labels)
    for key, what, wanted in (
        (b"ICRD", "day", day(labels)),
        (b"ILNG", "language", None if labels.language == UNKNOWN else labels.language),
    ):
        said = found.pop(key, None)
        if said != wanted:
            raise wrong(f"its {what} is {said} instead of {wanted}")
    for key in found:
        raise wrong(f"it has a text {key!r} that nobody asked for")


def _riff_list(data: bytes) -> dict[bytes, str]:
    """Texts of a list: each a name, a size, and characters with a zero behind them."""
    if data[:4] != b"INFO":
        raise wrong(f"it has a list {data[:4]!r} that nobody asked for")
    found: dict[bytes, str] = {}
    at = 4
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        found[name] = data[at + 8 : at + 8 + size].split(b"\0", 1)[0].decode("utf-8", "replace")
        at += 8 + size + size % 2
    return found


# All


def _same_title(title: str | None, labels: Labels) -> None:
    if title != labels.title:
        raise wrong(f"its title is {title!r} instead of {labels.title!r}")


_Part = tuple[Fraction, Fraction, str | None]


def _same_chapters(found: Sequence[_Part], wanted: Sequence[_Part]) -> None:
    """Starts, ends and titles."""
    if list(found) != list(wanted):
        k = next((k for k, (one, two) in enumerate(zip(found, wanted, strict=False)) if one != two), len(found))
        raise wrong(f"it has {len(found)} chapters instead of {len(wanted)}, and chapter {k + 1} differs")
