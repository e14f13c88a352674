"""Colour tags of two files side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.media.tags import colour_tags

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.media.probe import VideoStreamInfo
    from reelpress.media.tags import Tags


@dataclass(frozen=True, slots=True)
class ColourFacts:
    """Of one file. The tags are H.273 code points, ``primaries/transfer/matrix range``, or ``None`` where untagged."""

    container: str | None
    bitstream: str | None
    decoder: str
    understood: str
    """How Reelpress reads it: matrix, range, primaries, transfer, chroma siting."""


@dataclass(frozen=True, slots=True)
class ColourComparison:
    """Tags of both, and sentences on what does not agree."""

    a: ColourFacts | None
    b: ColourFacts | None
    notes: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Nothing to note."""
        return not self.notes


def colour_facts(path: Path, info: VideoStreamInfo) -> ColourFacts:
    """Read one file's tags.

    Raises:
        InputError: It cannot be read any more.
    """
    tags = colour_tags(path, info.index)
    color = info.color
    understood = f"{color.matrix} {color.range}, primaries {color.primaries}, {color.transfer}, {color.siting}-sited"
    return ColourFacts(_said(tags.container), _said(tags.bitstream), _said(tags.decoder) or "", understood)


def _said(tags: Tags | None) -> str | None:
    if tags is None:
        return None
    value_range = {None: "range not said", True: "full", False: "limited"}[tags.full_range]
    return f"{tags.primaries}/{tags.transfer}/{tags.matrix} {value_range}"


def compare_colour(a: ColourFacts | None, b: ColourFacts | None) -> ColourComparison:
    """What differs between the files, and inside of each between container and bitstream."""
    notes = []
    for name, facts in (("A", a), ("B", b)):
        if facts is not None and facts.container and facts.bitstream and facts.container != facts.bitstream:
            notes.append(f"{name}'s container says {facts.container}, its bitstream {facts.bitstream}.")
    if a is not None and b is not None:
        if a.understood != b.understood:
            notes.append(f"A is read as {a.understood}; B as {b.understood}.")
        elif a.decoder != b.decoder:
            notes.append(f"A's decoder says {a.decoder}, B's {b.decoder}; both are read the same way.")
    return ColourComparison(a, b, tuple(notes))
