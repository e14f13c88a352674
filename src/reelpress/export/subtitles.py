"""Subtitles of an export: captions -> cues in output time -> an SRT file, and the same cues for the soft track.

Plain text for every player. SRT has no way to write ``<b>`` or ``{\\an8}`` as text, and players differ in what they
take for markup, so an invisible word joiner (U+2060) is put behind the character that would begin it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from reelpress.errors import OutputError, SettingsError
from reelpress.media.text_track import TextCue
from reelpress.pipeline.output import output_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from reelpress.project.captions import CaptionSegment
    from reelpress.project.model import Project
    from reelpress.timeline.timeline import Timeline

SUFFIX = ".srt"
TOUCH_MS = 200
"""Captions that overlap by less than this follow each other: both together for so short a time would only flash."""

JOINER = "\u2060"
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|\{(?=\\|[A-Za-z]:)|\\(?=[Nnh])|--(?=>)")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ud800-\udfff]")
_BREAK = re.compile("\r\n?|\n|\x85|\u2028|\u2029")


@dataclass(frozen=True, slots=True)
class _Caption:
    start: Fraction
    end: Fraction
    text: str


def subtitle_path(target: Path) -> Path:
    """The SRT beside the video: its name with ``.srt`` for its suffix.

    Raises:
        SettingsError: The video itself is called so.
    """
    path = target.with_suffix(SUFFIX)
    if path == target:
        raise SettingsError(f"--subtitles srt would write {path}, which is the video itself. Give another output.")
    return path


def cues(
    project: Project, timeline: Timeline, lengths: Sequence[Fraction], start: Fraction, duration: Fraction
) -> tuple[TextCue, ...]:
    """Every caption in a range of the output, in order, without overlaps; empty where there are none.

    ``timeline.captionSegments`` where there are any, else those of ``captions`` (which may come from
    ``captions.json``), drawn or not. Captions in source time are taken through the timeline, wherever it plays them;
    in a recording of several segments they count on from one segment to the next.

    Args:
        lengths: Source seconds of each recording segment.
        start: Output seconds at which the range begins; cues count from there.
        duration: Seconds.
    """
    shown: list[tuple[int, int, str]] = []
    for caption in _captions(project, timeline, lengths):
        text = clean(caption.text)
        first = round((max(caption.start, start) - start) * 1000)
        last = round((min(caption.end, start + duration) - start) * 1000)
        last = min(last, math.floor(duration * 1000))
        if text and last > first:
            shown.append((first, last, text))
    return tuple(_apart(shown))


def clean(text: str) -> str:
    """Text of a caption as lines without blank ones, control characters and markup; perhaps empty."""
    text = _UNSEEN.sub("", _BREAK.sub("\n", text))
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return _MARKUP.sub(lambda match: match[0] + JOINER, "\n".join(line for line in lines if line.strip(JOINER + " ")))


def srt(shown: Sequence[TextCue]) -> str:
    """The cues as the text of an SRT file."""
    return "".join(
        f"{number}\n{_clock(cue.start_ms)} --> {_clock(cue.end_ms)}\n{cue.text}\n\n"
        for number, cue in enumerate(shown, 1)
    )


def write_srt(path: Path, shown: Sequence[TextCue], target: Path) -> None:
    """Write an SRT file: UTF-8 without a mark, lines that end in a line feed.

    Raises:
        OutputError: It cannot be written; names ``target``.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(srt(shown))
    except OSError as error:
        raise output_error(target, error) from error


def read_back(path: Path, shown: Sequence[TextCue], target: Path) -> None:
    """Check a written SRT file.

    Raises:
        OutputError: It is not what was written.
    """
    try:
        same = path.read_bytes() == srt(shown).encode()
    except OSError as error:
        raise output_error(target, error) from error
    if not same:
        raise OutputError(f"{target} was not written as planned. Check the disk.")


def _captions(project: Project, timeline: Timeline, lengths: Sequence[Fraction]) -> Iterator[_Caption]:
    config, captions = project.timeline, project.captions
    if config is not None and config.caption_segments:
        yield from map(_plain, config.caption_segments)
    elif captions is not None and not captions.source_timed:
        yield from map(_plain, captions.segments)
    elif captions is not None:
        for segment in captions.segments:
            yield from _through(_plain(segment), timeline, lengths)


def _plain(segment: CaptionSegment) -> _Caption:
    words = " ".join(word.text.strip() for word in segment.words)
    return _Caption(segment.start, segment.end, segment.text if segment.text.strip() else words)


def _through(caption: _Caption, timeline: Timeline, lengths: Sequence[Fraction]) -> Iterator[_Caption]:
    """A caption in source time wherever the timeline plays it; pieces that touch are one."""
    piece: _Caption | None = None
    for span in timeline.spans:
        if span.held:
            continue
        before = sum(lengths[: span.clip.segment], Fraction(0))
        source_start, source_end = before + span.source_start, before + span.source_at(span.out_end)
        first, last = max(caption.start, source_start), min(caption.end, source_end)
        if last <= first:
            continue
        begin = span.out_start + (first - source_start) / span.speed
        end = span.out_start + (last - source_start) / span.speed
        if piece is not None and piece.end == begin:
            piece = _Caption(piece.start, end, caption.text)
            continue
        if piece is not None:
            yield piece
        piece = _Caption(begin, end, caption.text)
    if piece is not None:
        yield piece


def _apart(shown: list[tuple[int, int, str]]) -> Iterator[TextCue]:
    """Cues one after the other: what is shown at the same time becomes lines of one cue, the earlier one above."""
    shown = sorted(shown, key=lambda cue: cue[:2])  # stable: as in the project where both times are the same
    for k in range(len(shown) - 1):
        first, last, text = shown[k]
        following = shown[k + 1][0]
        if first < following < last < following + TOUCH_MS and last <= shown[k + 1][1]:
            shown[k] = (first, following, text)
    borders = sorted({time for first, last, _ in shown for time in (first, last)})
    pending: TextCue | None = None
    active: list[tuple[int, int, str]] = []
    rest = iter(shown)
    coming = next(rest, None)
    for begin, end in pairwise(borders):
        active = [cue for cue in active if cue[1] > begin]
        while coming is not None and coming[0] <= begin:
            active.append(coming)
            coming = next(rest, None)
        text = "\n".join(dict.fromkeys(cue[2] for cue in active))
        if pending is not None and (pending.text != text or not _same(pending, begin, active)):
            yield pending
            pending = None
        if text:
            pending = TextCue(begin if pending is None else pending.start_ms, end, text)
    if pending is not None:
        yield pending


def _same(pending: TextCue, begin: int, active: list[tuple[int, int, str]]) -> bool:
    """Whether what was shown before ``begin`` goes on, and is not the same words said once more."""
    return pending.end_ms == begin and any(cue[0] < begin for cue in active)


def _clock(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d},{ms:03d}"
