"""Pieces of a page: sections, tables, tiles, legends, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.export.page.html import Child, Markup, el, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a column."""

    title: str
    unit: str = ""
    number: bool = False
    """Right aligned, with digits of one width."""
    wide: bool = False
    """Takes the room that is left: sentences."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is more than its cells."""

    cells: Sequence[Child]
    kind: str = ""
    """CSS class: ``total``, ``missing``, ``limit``."""


def section(title: str, *children: Child, id_: str) -> Markup:
    """A part of the page with a heading that can be linked to."""
    heading = el("h2", title, id=f"{id_}-title")
    return el("section", heading, *children, id=id_, aria_labelledby=f"{id_}-title")


def table(
    caption: str, columns: Sequence[Column], rows: Iterable[Row | Sequence[Child]], *, dense: bool = False
) -> Markup:
    """A table; a ``dense`` one has many columns.

    Rows with fewer cells than columns end in one cell over the rest (a reason, for what is missing).
    """
    head = el(
        "tr",
        [
            el("th", column.title, el("span", column.unit, class_="unit") if column.unit else None,
               scope="col", class_=_class(column))
            for column in columns
        ],
    )  # fmt: skip
    body = [_row(row if isinstance(row, Row) else Row(row), columns) for row in rows]
    inner = el("table", el("caption", caption), el("thead", head), el("tbody", body), class_="dense" if dense else None)
    return el("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _row(row: Row, columns: Sequence[Column]) -> Markup:
    cells = []
    last = len(row.cells) - 1
    for index, (cell, column) in enumerate(zip(row.cells, columns, strict=False)):
        span = len(columns) - last if index == last and last + 1 < len(columns) else None
        if index == 0:
            cells.append(el("th", cell, scope="row", class_=_class(column)))
        else:
            cells.append(el("td", cell, class_="wide" if span else _class(column), colspan=span))
    return el("tr", cells, class_=row.kind or None)


def _class(column: Column) -> str | None:
    return "number" if column.number else "wide" if column.wide else None


def tiles(facts: Iterable[tuple[str, str, str]]) -> Markup:
    """Large figures: label, figure, small print."""
    return el(
        "dl",
        [
            el("div", el("dt", label), el("dd", el("strong", figure), el("span", note) if note else None))
            for label, figure, note in facts
        ],
        class_="tiles",
    )


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """What the colours mean: CSS class of the colour and its name."""
    items = [el("li", el("i", class_=f"swatch {kind}", aria_hidden="true"), name) for kind, name in entries]
    return el("ul", items, class_="legend")


def facts(pairs: Iterable[tuple[str, Child]]) -> Markup:
    """A list of names and what they are."""
    return el("dl", [join([el("dt", name), el("dd", value)]) for name, value in pairs], class_="facts")


def lines(items: Sequence[Child], *, kind: str = "") -> Markup:
    """A list of sentences."""
    return el("ul", [el("li", item) for item in items], class_=f"lines {kind}".strip())


def note(*children: Child) -> Markup:
    """Small print under something."""
    return el("p", *children, class_="note")


def lead(*children: Child) -> Markup:
    """The one sentence of a section that says it all."""
    return el("p", *children, class_="lead")
