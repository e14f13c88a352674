"""What a file says about itself beside its pictures: title, chapters, languages, creation time. All only on request.

``apply`` puts them into a container before its header is written, in the way of each kind of file. What libavformat
cannot write is put right in the finished file (:mod:`reelpress.media.index_edit`), and
:mod:`reelpress.media.labels_check` reads back whether the file says what was asked for and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from av.container import OutputContainer

UNKNOWN = "und"
"""ISO 639-2: undetermined."""

MAX_TITLE_BYTES = 255
"""UTF-8 bytes of a chapter's title: its length is one byte in the list of chapters (chpl) of an MP4. Others have the
same, so that every format says the same."""

IN_WEBM = ("webm", "matroska")
"""Muxers of Matroska's family."""

_BIBLIOGRAPHIC = {
    "sqi": "alb", "hye": "arm", "eus": "baq", "mya": "bur", "zho": "chi", "ces": "cze", "nld": "dut", "fra": "fre",
    "kat": "geo", "deu": "ger", "ell": "gre", "isl": "ice", "mkd": "mac", "mri": "mao", "msa": "may", "fas": "per",
    "ron": "rum", "slk": "slo", "bod": "tib", "cym": "wel",
}  # fmt: skip
"""The twenty languages for which ISO 639-2 has two codes, of terms and of books."""


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


def milliseconds(frame: int, fps: Fraction) -> int:
    """Where a frame is in a file whose times are whole milliseconds: the nearest one, halves later."""
    return int(Fraction(frame * 1000) / fps + Fraction(1, 2))


def in_matroska(language: str) -> str:
    """The code that Matroska has for a language: that of books (RFC 9559, 12.1), ``ger`` for ``deu``."""
    return _BIBLIOGRAPHIC.get(language, language)


def day(labels: Labels) -> str | None:
    """The day of creation in UTC, as RIFF's ``ICRD`` has it (year-month-day; it has no place for the time)."""
    return None if labels.created is None else labels.created.astimezone(UTC).strftime("%Y-%m-%d")


def apply(container: OutputContainer, labels: Labels, fps: Fraction) -> None:
    """Tell a container that was opened and has no header yet. Chapters begin where their frames do."""
    kind = container.format.name
    if labels.title is not None:
        container.metadata["title"] = labels.title
    if kind == "wav":  # has no tracks: all it says is in one list
        if labels.language != UNKNOWN:
            container.metadata["language"] = labels.language
        if (date := day(labels)) is not None:
            container.metadata["date"] = date
        return
    if labels.created is not None:
        container.metadata["creation_time"] = labels.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if labels.chapters:
        whole = kind in IN_WEBM
        container.set_chapters(
            [
                {
                    "id": number,
                    "start": milliseconds(chapter.start, fps) if whole else chapter.start,
                    "end": milliseconds(chapter.end, fps) if whole else chapter.end,
                    "time_base": Fraction(1, 1000) if whole else 1 / fps,
                    "metadata": {"title": short(chapter.title)},
                }
                for number, chapter in enumerate(labels.chapters, 1)
            ]
        )


def set_language(stream: Any, language: str) -> None:
    """Of a track of sound or text, before the header."""
    if language != UNKNOWN:
        matroska = stream.container.format.name in IN_WEBM
        stream.metadata["language"] = in_matroska(language) if matroska else language
