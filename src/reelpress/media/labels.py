"""What a file says about itself beside its pictures: title, chapters, languages, creation time. All only on request.

``apply`` puts them into a container before its header is written; ``check`` reads the finished index back and accepts
what was asked for and nothing else: no name of a program, no time, no text of any other kind.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from reelpress.errors import OutputError, VerifyError
from reelpress.media._av import AV_ERRORS, open_input
from reelpress.media.boxes import children, find_all, top_level_boxes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container import OutputContainer

UNKNOWN = "und"
"""ISO 639-2: undetermined."""

MAX_TITLE_BYTES = 255
"""UTF-8 bytes of a chapter's title: its length is one byte in the list of chapters (chpl)."""

EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
"""From which times in an MP4 count (ISO/IEC 14496-12, 8.2.2)."""

CHPL_TICK = Fraction(1, 10_000_000)
"""Seconds: the unit of the list of chapters."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the video with a name. Times are frame numbers of the output."""

    start: int
    end: int
    """Exclusive; the next one's start."""
    title: str


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file says about itself. The default says nothing."""

    title: str | None = None
    chapters: tuple[Chapter, ...] = ()
    """In order, without gaps or overlaps."""
    language: str = UNKNOWN
    """Of sound and subtitles: three small letters of ISO 639-2."""
    created: datetime | None = None
    """With a time zone, whole seconds."""


NO_LABELS = Labels()


def short(title: str) -> str:
    """A chapter's title as it fits, cut at a whole character."""
    return title.encode("utf-8", "replace")[:MAX_TITLE_BYTES].decode("utf-8", "ignore")


def apply(container: OutputContainer, labels: Labels, fps: Fraction) -> None:
    """Tell a container that was opened and has no header yet."""
    if labels.title is not None:
        container.metadata["title"] = labels.title
    if labels.created is not None:
        container.metadata["creation_time"] = labels.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if labels.chapters:
        container.set_chapters(
            [
                {
                    "id": number,
                    "start": chapter.start,
                    "end": chapter.end,
                    "time_base": 1 / fps,
                    "metadata": {"title": short(chapter.title)},
                }
                for number, chapter in enumerate(labels.chapters, 1)
            ]
        )


def set_language(stream: Any, language: str) -> None:
    """Of a track of sound or text, before the header."""
    if language != UNKNOWN:
        stream.metadata["language"] = language


def fix_chapter_language(path: Path, language: str) -> None:
    """The muxer calls every track of chapters English: say what is true. Two bytes in place (mdhd, 8.4.2).

    Raises:
        OutputError: The file has no index.
        OSError: It cannot be read or written.
    """
    with path.open("r+b") as file:
        found = [(offset, size) for name, offset, size in top_level_boxes(file) if name == b"moov"]
        if not found:
            raise OutputError(f"{path} has no complete index after writing. Try again; check the disk.")
        offset, size = found[0]
        file.seek(offset)
        moov = file.read(size)
        at = 8
        for name, box in children(moov):
            at = moov.index(box, at)
            if name == b"trak" and _handler(box) == b"text":
                (header,) = find_all(box, "mdia/mdhd")
                file.seek(offset + at + box.index(header) + _language_at(header))
                file.write(struct.pack(">H", packed(language)))
            at += len(box)


def packed(language: str) -> int:
    """Three letters as ``mdhd`` has them: five bits each, from 0x60 on."""
    one, two, three = (ord(letter) - 0x60 for letter in language)
    return one << 10 | two << 5 | three


def check(path: Path, labels: Labels, fps: Fraction) -> tuple[str, ...]:
    """Compare what a finished MP4 says about itself with what it was to say.

    Chapters must begin exactly at their frames. Sound and subtitles have the language, pictures have none.

    Returns:
        What was compared, for the report.

    Raises:
        VerifyError: It says something else, or more.
        OutputError: The file cannot be read any more.
    """
    try:
        with path.open("rb") as file:
            moov = b""
            for name, offset, size in top_level_boxes(file):
                if name in (b"uuid", b"udta", b"meta"):
                    raise _wrong(f"it has a box {name.decode()} that nobody asked for")
                if name == b"moov":
                    file.seek(offset)
                    moov = file.read(size)
    except OSError as fault:
        raise OutputError(f"{path} cannot be read back: {fault.strerror}. Check the disk.") from fault
    check_index(moov, labels)
    if labels.chapters:
        _check_chapter_track(path, labels.chapters, fps)
    said = ["nothing but what was asked for"]
    said += ["title"] if labels.title is not None else []
    said += ["chapters"] if labels.chapters else []
    said += ["languages"] if labels.language != UNKNOWN else []
    said += ["creation time"] if labels.created is not None else []
    return tuple(said)


def check_index(moov: bytes, labels: Labels, *, chapter_language: str | None = None) -> None:
    """The same of an index alone, where chapters are compared by their list (to 100 ns).

    Args:
        moov: The whole box.
        labels: What it must say.
        chapter_language: Of the track of chapters; ``None`` is that of the others.

    Raises:
        VerifyError: It says something else, or more.
    """
    seconds = 0 if labels.created is None else int((labels.created - EPOCH).total_seconds())
    boxes = [*find_all(moov, "mvhd"), *find_all(moov, "trak/tkhd"), *find_all(moov, "trak/mdia/mdhd")]
    if not boxes:
        raise _wrong("it has no index (moov)")
    for box in boxes:
        for found in _times(box):
            if found != seconds:
                raise _wrong(f"its {box[4:8].decode()} has the time {found} instead of {seconds}")
    texts = 0
    for track in find_all(moov, "trak"):
        kind = _handler(track)
        texts += kind == b"text"
        wanted = UNKNOWN if kind == b"vide" else labels.language
        if kind == b"text" and chapter_language is not None:
            wanted = chapter_language
        (header,) = find_all(track, "mdia/mdhd")
        (found,) = struct.unpack_from(">H", header, _language_at(header))
        if found != packed(wanted):
            letters = "".join(chr((found >> shift & 31) + 0x60) for shift in (10, 5, 0))
            raise _wrong(f"a track's language is {letters} instead of {wanted}")
        if find_all(track, "udta") or find_all(track, "meta"):
            raise _wrong("a track has a text that nobody asked for")
    if texts != bool(labels.chapters):
        raise _wrong(f"it has {texts} tracks of chapters instead of {int(bool(labels.chapters))}")
    if find_all(moov, "meta"):
        raise _wrong("its index has texts that nobody asked for (meta)")
    title: str | None = None
    listed: list[tuple[int, str]] = []
    for name, box in (pair for udta in find_all(moov, "udta") for pair in children(udta)):
        if name == b"meta":
            title = _title(box)
        elif name == b"chpl":
            listed = _chapter_list(box)
        else:
            raise _wrong(f"it has a text {name!r} that nobody asked for")
    if title != labels.title:
        raise _wrong(f"its title is {title!r} instead of {labels.title!r}")
    names = [short(chapter.title) for chapter in labels.chapters]
    if [name for _, name in listed] != names[:255]:
        raise _wrong(f"its list of chapters names {len(listed)} instead of {len(names)}, or other ones")


def _title(meta: bytes) -> str | None:
    """The one text of iTunes's kind (``©nam``) in a ``meta`` box, which has four bytes of flags before its boxes."""
    title: str | None = None
    for name, box in children(meta[:8] + meta[12:]):
        if name in (b"hdlr", b"free"):
            continue
        if name != b"ilst":
            raise _wrong(f"it has texts that nobody asked for ({name.decode('latin-1')})")
        for key, entry in children(box):
            data = find_all(entry, "data")
            if key != b"\xa9nam" or len(data) != 1:
                raise _wrong(f"it has a text {key!r} that nobody asked for")
            title = data[0][16:].decode("utf-8", "replace")
    return title


def _chapter_list(box: bytes) -> list[tuple[int, str]]:
    """``(start in 100 ns, title)`` of a ``chpl`` box (Nero's): flags, 4 bytes, a count, then start, length, text."""
    found, at = [], 17
    for _ in range(box[16]):
        start, length = struct.unpack_from(">QB", box, at)
        found.append((start, box[at + 9 : at + 9 + length].decode("utf-8", "replace")))
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
    except AV_ERRORS as fault:
        raise _wrong(f"its chapters cannot be read ({fault})") from fault
    wanted = [(chapter.start / fps, chapter.end / fps, short(chapter.title)) for chapter in chapters]
    if found != wanted:
        k = next((k for k, (one, two) in enumerate(zip(found, wanted, strict=False)) if one != two), len(found))
        raise _wrong(f"it has {len(found)} chapters instead of {len(wanted)}, and chapter {k + 1} differs")


def _handler(track: bytes) -> bytes:
    return next((box[16:20] for box in find_all(track, "mdia/hdlr")), b"")


def _times(box: bytes) -> tuple[int, int]:
    """Creation and modification of mvhd, tkhd, mdhd: they begin alike."""
    return struct.unpack_from(">QQ" if box[8] else ">II", box, 12)


def _language_at(mdhd: bytes) -> int:
    return 32 + 8 if mdhd[8] else 28


def _wrong(what: str) -> VerifyError:
    return VerifyError(f"The finished file is not what was planned: {what}. Try again, and report it if it stays so.")
