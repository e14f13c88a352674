"""A run that was laid out: where its glyphs, lines, spans and words stand, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.scene.text_run import TextMetrics

if TYPE_CHECKING:
    from reelpress.scene.plan.rect import Rect
    from reelpress.text.fonts import Face


@dataclass(frozen=True, slots=True)
class Glyph:
    """What is drawn in one go: a character, or a word of a joining script."""

    text: str
    """As it is handed to the font."""
    start: int
    """Index of its first code point in the run's text."""
    end: int
    span: int
    line: int
    face: Face
    x: float
    """Left end of its advance, pixels from the block's left edge."""
    baseline: float
    """Pixels from the block's top."""
    advance: float
    rtl: bool
    joined: bool
    """A word of a script whose letters join: drawn with contextual forms."""
    carets: tuple[tuple[int, float], ...] = ()
    """Of a joined word: (index of a code point, pixels of advance before it in reading order)."""


@dataclass(frozen=True, slots=True)
class Line:
    start: int
    """Index of its first code point in the run's text."""
    end: int
    """After its last one, spaces and line feed at its end not counted."""
    x: float
    width: float
    """Of what is visible: spaces at its end hang."""
    top: float
    height: float
    baseline: float


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a span or a word stands: as wide as its letters, as high as its line."""

    text: str
    start: int
    end: int
    span: int
    line: int
    rect: Rect


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Origin: the upper left corner of the block of lines. Colours and reveal are not part of it."""

    width: float
    """Of the widest line."""
    height: float
    size: float
    """Font size after shrinking."""
    scale: float
    """1, or what the text was shrunk to."""
    lines: tuple[Line, ...]
    glyphs: tuple[Glyph, ...]
    """Visible ones, line by line, left to right."""
    spans: tuple[TextBox, ...]
    """One for each piece of a span on a line, in reading order."""
    words: tuple[TextBox, ...]
    """One for each stretch without white space."""
    missing: tuple[str, ...]
    """Characters that no font has, each once; drawn as the font's box for that."""
    family_found: bool
    """False when the shipped sans serif stands in for an unknown family."""

    def metrics(self, span_count: int) -> TextMetrics:
        """The part of it that ``scene`` may ask for."""
        first: list[Rect | None] = [None] * span_count
        for box in self.spans:
            if first[box.span] is None:
                first[box.span] = box.rect
        return TextMetrics(self.width, self.height, self.scale, tuple(first))
