"""What a file shall say about itself: title, chapters from the timeline, language, creation time. All on request."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reelpress.errors import SettingsError
from reelpress.export.outputs.base import LABELS
from reelpress.media.labels import UNKNOWN, Chapter, Labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from reelpress.export.outputs.base import Label, Output
    from reelpress.export.settings import ExportSettings
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording
    from reelpress.scene.director import Director
    from reelpress.timeline.timeline import FrameRange, Timeline

OWN_NAME = "@name"
"""As ``--title``: the name that a ``.cap`` has for itself. Never unasked: it tells what was recorded when."""

MOST_CHAPTERS = 255
"""Of the list that most players read (chpl counts them in one byte)."""

_PLACES: dict[Label, str] = {
    "title": "mp4, mov, webm, m4a or wav",
    "chapters": "mp4, mov, webm or m4a",
    "language": "mp4, mov, webm, m4a or wav",
    "creation_time": "mp4, mov, webm, m4a or wav",
}
"""Formats that have one."""
_ARTICLES = {"apng": "an"}


def labels_of(
    settings: ExportSettings, recording: Recording, project: Project, director: Director, output: Output
) -> tuple[Labels, list[str]]:
    """Labels of an export, and warnings.

    Args:
        output: The kind of file, which has a place for them or has not.

    Raises:
        SettingsError: They are asked for and cannot be written; ``--title @name`` of a recording that has no name.
    """
    for field in LABELS:
        if getattr(settings, field) and field not in output.labels:
            raise SettingsError(
                f"--{field.replace('_', '-')}: {_ARTICLES.get(output.name, 'a')} {output.name} has no place for it. "
                f"Leave it out, or use --format {_PLACES[field]}."
            )
    title, warnings = settings.title, list[str]()
    if title == OWN_NAME:
        if not recording.is_cap:
            raise SettingsError(f"--title {OWN_NAME} is for .cap recordings, which have a name. Give the title itself.")
        title = " ".join(recording.name.split())
    found: tuple[Chapter, ...] = ()
    if settings.chapters:
        names = [clip.name for clip in project.timeline.segments] if project.timeline else []
        found = chapters(director.timeline, names, director.fps, director.range)
        if len(found) < 2:
            found = ()
            warnings.append("What is shown has only one part, so no chapters are written.")
        elif len(found) > MOST_CHAPTERS:
            warnings.append(f"There are {len(found)} chapters; many players show the first {MOST_CHAPTERS} only.")
    created = datetime.now(UTC).replace(microsecond=0) if settings.creation_time else None
    return Labels(title, found, settings.language or UNKNOWN, created), warnings


def chapters(timeline: Timeline, names: Sequence[str | None], fps: Fraction, range: FrameRange) -> tuple[Chapter, ...]:
    """One chapter for each clip of the timeline that is seen in the range, from the first frame that shows it.

    Frame ``k`` shows the clip that owns the moment ``k / fps``; a clip that owns no frame has no chapter. Clips that
    follow each other without another between them (around a hold) are one.

    Args:
        names: Of the clips; where there is none, the chapter is called ``Part N`` by its place in the timeline.
        range: Frames of the whole timeline that are exported; chapters count from its first.
    """
    starts: list[tuple[int, int]] = []
    for span in timeline.spans:
        first = max(math.ceil(span.out_start * fps), range.first) - range.first
        last = min(math.ceil(span.out_end * fps), range.first + range.count) - range.first
        if last <= first or (starts and starts[-1][1] == span.clip.index):
            continue
        starts.append((first, span.clip.index))
    ends = [first for first, _ in starts[1:]] + [range.count]
    found = []
    for (first, index), end in zip(starts, ends, strict=True):
        name = names[index] if index < len(names) else None
        found.append(Chapter(first, end, " ".join((name or "").split()) or f"Part {index + 1}"))
    return tuple(found)
