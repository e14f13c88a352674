"""A run taken apart: paragraphs, characters, their bidirectional levels, a font and a width for each.

Letters of scripts that join (Arabic, Indic...) are kept together as one piece per word, span and font; where a span
ends within a joined word, a zero-width joiner keeps the forms of the letters on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from reelpress.scene.text_run import Direction, TextRun
from reelpress.text import bidi, pen
from reelpress.text.segment import (
    LINE_FEEDS,
    ZWJ,
    clusters,
    is_complex,
    is_invisible,
    is_joining,
    is_space,
    may_break,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.scene.text_run import TextStyle
    from reelpress.text.fonts import Face, FontBook

TAB_SPACES = 4


@dataclass(slots=True)
class Atom:
    """A character or joined word on its way to a line. Widths in font sizes."""

    text: str
    start: int
    end: int
    span: int
    face: Face
    level: int
    width: float
    joined: bool = False
    space: bool = False
    visible: bool = True
    breaks: bool = False
    """A line may start with it."""
    kern: float = 0.0
    """Towards the atom before it in reading order."""
    parts: list[str] = field(default_factory=list)
    """Characters of a joined word."""


class Itemizer:
    """Takes one run apart. Widths in font sizes."""

    def __init__(self, run: TextRun, book: FontBook) -> None:
        self.run = run
        self.style: TextStyle = run.style
        self.book = book
        style = self.style
        self.primary, self.family_found = book.primary(style.family, style.weight, style.italic)
        self.missing: dict[str, None] = {}
        # Unpaired surrogates (a JSON file may have them) are no characters.
        self.text = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in run.text)
        self.span_of = [i for i, span in enumerate(run.spans) for _ in span.text]

    def paragraphs(self) -> Iterator[tuple[int, int]]:
        """(start, end) of each, the line feed left out."""
        text, start, i = self.text, 0, 0
        while i < len(text):
            if text[i] in LINE_FEEDS:
                yield start, i
                i += 2 if text[i : i + 2] == "\r\n" else 1
                start = i
            else:
                i += 1
        yield start, len(text)

    def base(self, text: str) -> int:
        """Embedding level of a paragraph: 0 left to right, 1 right to left."""
        direction = self.style.direction
        return bidi.base_level(text) if direction is Direction.AUTO else int(direction is Direction.RTL)

    def atoms(self, start: int, end: int, base: int) -> list[Atom]:
        """A paragraph in reading order."""
        text = self.text[start:end]
        levels = bidi.levels(text, base)
        found: list[Atom] = []
        at, previous = start, ""
        for cluster in clusters(text):
            atom = self._atom(cluster, at, levels[at - start])
            at += len(cluster)
            if not atom.visible and not atom.space:
                if "\u200b" in cluster:
                    previous = "\u200b"
                continue
            atom.breaks = bool(previous) and may_break(previous, cluster)
            previous = cluster
            last = found[-1] if found else None
            if last and atom.joined and self._joins(last, atom):
                last.text += atom.text
                last.end = atom.end
                last.parts.append(cluster)
            else:
                found.append(atom)
        self._measure(found)
        return found

    def _atom(self, cluster: str, at: int, level: int) -> Atom:
        style, end, span = self.style, at + len(cluster), self.span_of[at]
        if is_invisible(cluster):
            return Atom(cluster, at, end, span, self.primary, level, 0.0, visible=False)
        face = self.book.face_for(cluster, style.family, style.weight, style.italic)
        if is_space(cluster):
            atom = Atom(cluster, at, end, span, face or self.primary, level, 0.0, space=True, visible=False)
            if cluster[0] == "\t":
                atom.width = TAB_SPACES * pen.advance(self.primary, " ")
            elif face is None:
                atom.width = 1.0 if cluster[0] == "\u3000" else 0.25
            else:
                atom.width = pen.advance(face, cluster[0])
            return atom
        if face is None:
            self.missing.setdefault(cluster)
        atom = Atom(cluster, at, end, span, face or self.primary, level, 0.0)
        atom.joined = face is not None and is_complex(cluster)
        atom.parts = [cluster] if atom.joined else []
        return atom

    @staticmethod
    def _joins(last: Atom, atom: Atom) -> bool:
        return (
            last.joined
            and not atom.breaks
            and last.end == atom.start
            and (last.face, last.level, last.span) == (atom.face, atom.level, atom.span)
        )

    def _measure(self, atoms: list[Atom]) -> None:
        language = self.style.language
        for i, atom in enumerate(atoms):
            if atom.joined:
                self._keep_forms(atoms, i)
            if not atom.space:
                rtl = atom.level % 2 == 1
                atom.width = pen.advance(atom.face, atom.text, rtl=rtl, simple=not atom.joined, language=language)
        for before, atom in pairwise(atoms):
            if (
                not (before.joined or atom.joined)
                and (before.face, before.level) == (atom.face, atom.level)
                and before.end == atom.start
                and "\t" not in (before.text, atom.text)
            ):
                rtl = atom.level % 2 == 1
                atom.kern = pen.kerning(atom.face, before.text, atom.text, rtl=rtl, language=language)

    @staticmethod
    def _keep_forms(atoms: list[Atom], i: int) -> None:
        """A word cut by a span's end goes on joining."""
        atom = atoms[i]
        first, last = atom.parts[0][0], atom.parts[-1][0]
        before = atoms[i - 1] if i and atoms[i - 1].end == atom.start else None
        after = atoms[i + 1] if i + 1 < len(atoms) and atoms[i + 1].start == atom.end else None
        if before and before.joined and is_joining(first) and is_joining(before.parts[-1][0]):
            atom.text = ZWJ + atom.text
        if after and after.joined and is_joining(last) and is_joining(after.parts[0][0]):
            atom.text += ZWJ

    def split_long(self, atoms: list[Atom], limit: float) -> list[Atom]:
        """Joined words wider than a line (in font sizes) are cut into characters that keep their forms."""
        found: list[Atom] = []
        for atom in atoms:
            if not atom.joined or atom.width <= limit or len(atom.parts) < 2:
                found.append(atom)
                continue
            at, pieces = atom.start, []
            for part in atom.parts:
                pieces.append(
                    Atom(part, at, at + len(part), atom.span, atom.face, atom.level, 0.0, joined=True, parts=[part])
                )
                at += len(part)
            pieces[0].breaks = atom.breaks
            self._measure(pieces)
            found += pieces
        return found
