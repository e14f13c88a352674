"""Where every character of a run goes: a pure function of the run and the font files.

Steps: paragraphs at line feeds; characters (grapheme clusters); bidirectional levels; a font per character; widths in
font sizes; lines (greedy, or shrunk to fit); visual order; positions. Widths are unhinted, so they scale exactly and a
line's width is the sum of its advances, kerning and letter spacing.

Letters of scripts that join (Arabic, Indic...) are kept together as one piece per word, span and font; where a span
ends within a joined word, a zero-width joiner keeps the forms of the letters on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from reelpress.scene.plan import Rect
from reelpress.scene.text_run import Align, Direction, TextMetrics, TextRun, VerticalAlign
from reelpress.text import bidi, pen
from reelpress.text.cache import ByteCache
from reelpress.text.fonts import Face, FontBook, default_book
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
    from collections.abc import Hashable, Iterator

    from reelpress.scene.text_run import TextStyle

TAB_SPACES = 4


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


@dataclass(slots=True)
class _Atom:
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


class _Builder:
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
        direction = self.style.direction
        return bidi.base_level(text) if direction is Direction.AUTO else int(direction is Direction.RTL)

    def atoms(self, start: int, end: int, base: int) -> list[_Atom]:
        """A paragraph in reading order."""
        text = self.text[start:end]
        levels = bidi.levels(text, base)
        found: list[_Atom] = []
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

    def _atom(self, cluster: str, at: int, level: int) -> _Atom:
        style, end, span = self.style, at + len(cluster), self.span_of[at]
        if is_invisible(cluster):
            return _Atom(cluster, at, end, span, self.primary, level, 0.0, visible=False)
        face = self.book.face_for(cluster, style.family, style.weight, style.italic)
        if is_space(cluster):
            atom = _Atom(cluster, at, end, span, face or self.primary, level, 0.0, space=True, visible=False)
            if cluster[0] == "\t":
                atom.width = TAB_SPACES * pen.advance(self.primary, " ")
            elif face is None:
                atom.width = 1.0 if cluster[0] == "\u3000" else 0.25
            else:
                atom.width = pen.advance(face, cluster[0])
            return atom
        if face is None:
            self.missing.setdefault(cluster)
        atom = _Atom(cluster, at, end, span, face or self.primary, level, 0.0)
        atom.joined = face is not None and is_complex(cluster)
        atom.parts = [cluster] if atom.joined else []
        return atom

    @staticmethod
    def _joins(last: _Atom, atom: _Atom) -> bool:
        return (
            last.joined
            and not atom.breaks
            and last.end == atom.start
            and (last.face, last.level, last.span) == (atom.face, atom.level, atom.span)
        )

    def _measure(self, atoms: list[_Atom]) -> None:
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
    def _keep_forms(atoms: list[_Atom], i: int) -> None:
        """A word cut by a span's end goes on joining."""
        atom = atoms[i]
        first, last = atom.parts[0][0], atom.parts[-1][0]
        before = atoms[i - 1] if i and atoms[i - 1].end == atom.start else None
        after = atoms[i + 1] if i + 1 < len(atoms) and atoms[i + 1].start == atom.end else None
        if before and before.joined and is_joining(first) and is_joining(before.parts[-1][0]):
            atom.text = ZWJ + atom.text
        if after and after.joined and is_joining(last) and is_joining(after.parts[0][0]):
            atom.text += ZWJ

    def split_long(self, atoms: list[_Atom], limit: float) -> list[_Atom]:
        """Joined words wider than a line (in font sizes) are cut into characters that keep their forms."""
        found: list[_Atom] = []
        for atom in atoms:
            if not atom.joined or atom.width <= limit or len(atom.parts) < 2:
                found.append(atom)
                continue
            at, pieces = atom.start, []
            for part in atom.parts:
                pieces.append(
                    _Atom(part, at, at + len(part), atom.span, atom.face, atom.level, 0.0, joined=True, parts=[part])
                )
                at += len(part)
            pieces[0].breaks = atom.breaks
            self._measure(pieces)
            found += pieces
        return found


def _pieces(atoms: list[_Atom]) -> Iterator[list[_Atom]]:
    """Cut before every atom that may start a line."""
    piece: list[_Atom] = []
    for atom in atoms:
        if atom.breaks and piece:
            yield piece
            piece = []
        piece.append(atom)
    if piece:
        yield piece


def _extent(atoms: list[_Atom], spacing: float) -> float:
    """Width of a line in font sizes, spaces at its end left out."""
    end = len(atoms)
    while end and atoms[end - 1].space:
        end -= 1
    shown = atoms[:end]
    return sum(a.width for a in shown) + sum(a.kern for a in shown[1:]) + spacing * max(0, len(shown) - 1)


def _wrapped(atoms: list[_Atom], limit: float, spacing: float) -> list[list[_Atom]]:
    """Greedy lines of at most ``limit`` font sizes; a word wider than that is cut."""
    lines: list[list[_Atom]] = []
    line: list[_Atom] = []
    slack = 1e-6
    for piece in _pieces(atoms):
        if line and _extent(line + piece, spacing) > limit + slack:
            lines.append(line)
            line = []
        if line or _extent(piece, spacing) <= limit + slack:
            line = line + piece
            continue
        for atom in piece:
            if line and not atom.space and _extent([*line, atom], spacing) > limit + slack:
                lines.append(line)
                line = []
            line.append(atom)
    lines.append(line)
    return lines


def _placed(atoms: list[_Atom], base: int, spacing: float) -> tuple[list[tuple[_Atom, float]], float]:
    """A line from left to right with positions in font sizes, and its width."""
    end = len(atoms)
    while end and atoms[end - 1].space:
        end -= 1
    shown = atoms[:end]
    order = bidi.visual_order([atom.level for atom in shown])
    result: list[tuple[_Atom, float]] = []
    x = 0.0
    for place, i in enumerate(order):
        if place:
            before = order[place - 1]
            # Kerning belongs between two neighbours in reading order, whichever of them stands left.
            x += spacing + (shown[i].kern if i == before + 1 else shown[before].kern if before == i + 1 else 0.0)
        result.append((shown[i], x))
        x += shown[i].width
    return result, x


def layout(run: TextRun, book: FontBook | None = None) -> LaidOut:
    """Measures and places a run.

    Args:
        run: What to set.
        book: The fonts; default: the shipped ones and the machine's.
    """
    builder = _Builder(run, book or default_book())
    style = run.style
    size = max(style.size, 1 / 64)
    spacing = style.letter_spacing / size
    paragraphs: list[tuple[int, list[list[_Atom]], int]] = []
    for start, end in builder.paragraphs():
        base = builder.base(builder.text[start:end])
        atoms = builder.atoms(start, end, base)
        if run.wrap_width is not None and run.fit is None:
            limit = max(run.wrap_width, 0.0) / size
            lines = _wrapped(builder.split_long(atoms, limit), limit, spacing)
        else:
            lines = [atoms]
        paragraphs.append((base, lines, start))

    placed = [(_placed(line, base, spacing), line, start) for base, lines, start in paragraphs for line in lines]
    widest = max(width for (_, width), _, _ in placed) * size
    scale = 1.0
    if run.fit is not None and widest > run.fit.max_width:
        scale = min(1.0, max(run.fit.min_scale, run.fit.max_width / widest))
    return _finished(builder, placed, size * scale, widest * scale, scale)


def _finished(
    builder: _Builder,
    placed: list[tuple[tuple[list[tuple[_Atom, float]], float], list[_Atom], int]],
    size: float,
    widest: float,
    scale: float,
) -> LaidOut:
    run, primary = builder.run, builder.primary.info
    height = builder.style.line_height * size
    # The font's own box is centred in the line.
    rise = (height - (primary.ascent + primary.descent) * size) / 2 + primary.ascent * size
    share = {Align.LEFT: 0.0, Align.CENTER: 0.5, Align.RIGHT: 1.0}[run.align]
    lines: list[Line] = []
    glyphs: list[Glyph] = []
    spans: list[TextBox] = []
    words: list[TextBox] = []
    for number, ((positions, em_width), atoms, start) in enumerate(placed):
        width = em_width * size
        left, top = (widest - width) * share, number * height
        first = atoms[0].start if atoms else start
        shown_end = max((atom.end for atom, _ in positions), default=first)
        lines.append(Line(first, shown_end, left, width, top, height, top + rise))
        for atom, x in positions:
            if atom.visible:
                glyphs.append(_glyph(builder, atom, number, left + x * size, top + rise, size))
        boxes = sorted(((atom, left + x * size) for atom, x in positions), key=lambda item: item[0].start)
        spans += _boxes(boxes, number, top, height, size, builder.text, by_span=True)
        words += _boxes(boxes, number, top, height, size, builder.text, by_span=False)
    return LaidOut(
        width=widest,
        height=height * len(lines),
        size=size,
        scale=scale,
        lines=tuple(lines),
        glyphs=tuple(glyphs),
        spans=tuple(spans),
        words=tuple(words),
        missing=tuple(builder.missing),
        family_found=builder.family_found,
    )


def _glyph(builder: _Builder, atom: _Atom, line: int, x: float, baseline: float, size: float) -> Glyph:
    rtl = atom.level % 2 == 1
    carets: list[tuple[int, float]] = []
    if atom.joined and len(atom.parts) > 1:
        lead = ZWJ if atom.text.startswith(ZWJ) else ""
        at, before = atom.start, ""
        for part in atom.parts:
            if before:
                # The last letter keeps the form that it has within the word.
                shape = lead + before + (ZWJ if is_joining(before[-1]) or is_joining(part[0]) else "")
                em = pen.advance(atom.face, shape, rtl=rtl, simple=False, language=builder.style.language)
                carets.append((at, min(em, atom.width) * size))
            before += part
            at += len(part)
    return Glyph(
        text=atom.text,
        start=atom.start,
        end=atom.end,
        span=atom.span,
        line=line,
        face=atom.face,
        x=x,
        baseline=baseline,
        advance=atom.width * size,
        rtl=rtl,
        joined=atom.joined,
        carets=tuple(carets),
    )


def _boxes(
    placed: list[tuple[_Atom, float]], line: int, top: float, height: float, size: float, text: str, *, by_span: bool
) -> list[TextBox]:
    """Boxes of one line: by span (white space at the ends of a span left out), or by words."""
    groups: list[list[tuple[_Atom, float]]] = []
    for atom, x in placed:
        fresh = not groups or not groups[-1]
        if by_span:
            fresh = fresh or groups[-1][-1][0].span != atom.span
            if atom.space and fresh:
                continue
        elif atom.space:
            groups.append([])
            continue
        if fresh:
            groups.append([])
        groups[-1].append((atom, x))
    found = []
    for group in groups:
        while group and group[-1][0].space:
            group.pop()
        if not group:
            continue
        left = min(x for _, x in group)
        right = max(x + atom.width * size for atom, x in group)
        start, end = group[0][0].start, max(atom.end for atom, _ in group)
        rect = Rect(left, top, right - left, height)
        found.append(TextBox(text[start:end], start, end, group[0][0].span, line, rect))
    return found


_laid: ByteCache[tuple[FontBook, Hashable], LaidOut] = ByteCache(8 << 20, lambda laid: 1000 + 400 * len(laid.glyphs))


def cached_layout(run: TextRun, book: FontBook | None = None) -> LaidOut:
    """:func:`layout`, remembered by :meth:`TextRun.layout_key`: a change of paint or reveal costs nothing."""
    used = book or default_book()
    key = (used, run.layout_key())
    found = _laid.get(key)
    if found is None:
        found = layout(run, used)
        _laid.put(key, found)
    return found


def measure(run: TextRun, /) -> TextMetrics:
    """Sizes for the planner (``scene.text_run.TextMeasure``), with the fonts of this machine."""
    return cached_layout(run).metrics(len(run.spans))


def origin_in(laid: LaidOut, run: TextRun, box: Rect, scale: float = 1.0) -> tuple[float, float]:
    """Where the block's upper left corner goes so that the text stands in ``box`` as its run says.

    ``scale`` is about the centre of the box (a pop animation).
    """
    across = {Align.LEFT: 0.0, Align.CENTER: 0.5, Align.RIGHT: 1.0}[run.align]
    down = {VerticalAlign.TOP: 0.0, VerticalAlign.MIDDLE: 0.5, VerticalAlign.BOTTOM: 1.0}[run.vertical_align]
    x, y = box.x + (box.w - laid.width) * across, box.y + (box.h - laid.height) * down
    cx, cy = box.x + box.w / 2, box.y + box.h / 2
    return cx + (x - cx) * scale, cy + (y - cy) * scale
