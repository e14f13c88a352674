"""Lines of text: where they break, and the visual order of what stands on them. Lengths in font sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.text import bidi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.text.itemize import Atom


def _pieces(atoms: list[Atom]) -> Iterator[list[Atom]]:
    """Cut before every atom that may start a line."""
    piece: list[Atom] = []
    for atom in atoms:
        if atom.breaks and piece:
            yield piece
            piece = []
        piece.append(atom)
    if piece:
        yield piece


def _extent(atoms: list[Atom], spacing: float) -> float:
    """Width of a line in font sizes, spaces at its end left out."""
    end = len(atoms)
    while end and atoms[end - 1].space:
        end -= 1
    shown = atoms[:end]
    return sum(a.width for a in shown) + sum(a.kern for a in shown[1:]) + spacing * max(0, len(shown) - 1)


def wrapped(atoms: list[Atom], limit: float, spacing: float) -> list[list[Atom]]:
    """Greedy lines of at most ``limit`` font sizes; a word wider than that is cut."""
    lines: list[list[Atom]] = []
    line: list[Atom] = []
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


def placed(atoms: list[Atom], base: int, spacing: float) -> tuple[list[tuple[Atom, float]], float]:
    """A line from left to right with positions in font sizes, and its width."""
    end = len(atoms)
    while end and atoms[end - 1].space:
        end -= 1
    shown = atoms[:end]
    order = bidi.visual_order([atom.level for atom in shown])
    result: list[tuple[Atom, float]] = []
    x = 0.0
    for place, i in enumerate(order):
        if place:
            before = order[place - 1]
            # Kerning belongs between two neighbours in reading order, whichever of them stands left.
            x += spacing + (shown[i].kern if i == before + 1 else shown[before].kern if before == i + 1 else 0.0)
        result.append((shown[i], x))
        x += shown[i].width
    return result, x
