"""Where every character of a run goes: a pure function of the run and the font files.

Steps: paragraphs at line feeds; characters (grapheme clusters); bidirectional levels; a font per character; widths in
font sizes (``itemize``); lines (greedy, or shrunk to fit) and visual order (``lines``); positions. Widths are unhinted,
so they scale exactly and a line's width is the sum of its advances, kerning and letter spacing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Align, TextMetrics, TextRun, VerticalAlign
from reelpress.text import pen
from reelpress.text.cache import ByteCache
from reelpress.text.fonts import FontBook, default_book
from reelpress.text.itemize import Atom, Itemizer
from reelpress.text.laid_out import Glyph, LaidOut, Line, TextBox
from reelpress.text.lines import placed, wrapped
from reelpress.text.segment import ZWJ, is_joining

if TYPE_CHECKING:
    from collections.abc import Hashable


def layout(run: TextRun, book: FontBook | None = None) -> LaidOut:
    """Measures and places a run.

    Args:
        run: What to set.
        book: The fonts; default: the shipped ones and the machine's.
    """
    itemizer = Itemizer(run, book or default_book())
    style = run.style
    size = max(style.size, 1 / 64)
    spacing = style.letter_spacing / size
    paragraphs: list[tuple[int, list[list[Atom]], int]] = []
    for start, end in itemizer.paragraphs():
        base = itemizer.base(itemizer.text[start:end])
        atoms = itemizer.atoms(start, end, base)
        if run.wrap_width is not None and run.fit is None:
            limit = max(run.wrap_width, 0.0) / size
            lines = wrapped(itemizer.split_long(atoms, limit), limit, spacing)
        else:
            lines = [atoms]
        paragraphs.append((base, lines, start))

    rows = [(placed(line, base, spacing), line, start) for base, lines, start in paragraphs for line in lines]
    widest = max(width for (_, width), _, _ in rows) * size
    scale = 1.0
    if run.fit is not None and widest > run.fit.max_width:
        scale = min(1.0, max(run.fit.min_scale, run.fit.max_width / widest))
    return _finished(itemizer, rows, size * scale, widest * scale, scale)


def _finished(
    itemizer: Itemizer,
    rows: list[tuple[tuple[list[tuple[Atom, float]], float], list[Atom], int]],
    size: float,
    widest: float,
    scale: float,
) -> LaidOut:
    run, primary = itemizer.run, itemizer.primary.info
    height = itemizer.style.line_height * size
    # The font's own box is centred in the line.
    rise = (height - (primary.ascent + primary.descent) * size) / 2 + primary.ascent * size
    share = {Align.LEFT: 0.0, Align.CENTER: 0.5, Align.RIGHT: 1.0}[run.align]
    lines: list[Line] = []
    glyphs: list[Glyph] = []
    spans: list[TextBox] = []
    words: list[TextBox] = []
    for number, ((positions, em_width), atoms, start) in enumerate(rows):
        width = em_width * size
        left, top = (widest - width) * share, number * height
        first = atoms[0].start if atoms else start
        shown_end = max((atom.end for atom, _ in positions), default=first)
        lines.append(Line(first, shown_end, left, width, top, height, top + rise))
        for atom, x in positions:
            if atom.visible:
                glyphs.append(_glyph(itemizer, atom, number, left + x * size, top + rise, size))
        boxes = sorted(((atom, left + x * size) for atom, x in positions), key=lambda item: item[0].start)
        spans += _boxes(boxes, number, top, height, size, itemizer.text, by_span=True)
        words += _boxes(boxes, number, top, height, size, itemizer.text, by_span=False)
    return LaidOut(
        width=widest,
        height=height * len(lines),
        size=size,
        scale=scale,
        lines=tuple(lines),
        glyphs=tuple(glyphs),
        spans=tuple(spans),
        words=tuple(words),
        missing=tuple(itemizer.missing),
        family_found=itemizer.family_found,
    )


def _glyph(itemizer: Itemizer, atom: Atom, line: int, x: float, baseline: float, size: float) -> Glyph:
    rtl = atom.level % 2 == 1
    carets: list[tuple[int, float]] = []
    if atom.joined and len(atom.parts) > 1:
        lead = ZWJ if atom.text.startswith(ZWJ) else ""
        at, before = atom.start, ""
        for part in atom.parts:
            if before:
                # The last letter keeps the form that it has within the word.
                shape = lead + before + (ZWJ if is_joining(before[-1]) or is_joining(part[0]) else "")
                em = pen.advance(atom.face, shape, rtl=rtl, simple=False, language=itemizer.style.language)
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
    atoms: list[tuple[Atom, float]], line: int, top: float, height: float, size: float, text: str, *, by_span: bool
) -> list[TextBox]:
    """Boxes of one line: by span (white space at the ends of a span left out), or by words."""
    groups: list[list[tuple[Atom, float]]] = []
    for atom, x in atoms:
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
