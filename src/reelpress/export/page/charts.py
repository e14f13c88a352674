"""Charts as inline SVG: no script, no fonts, and a title and description that are read aloud.

All coordinates are of a view box 1000 wide; colours are CSS classes, so that light and dark are the page's matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.export.page.html import Child, Markup, el
from reelpress.export.page.scale import Scale, label, ticks, top

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 1000
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 26
CHAR = 7.4
"""Width of a character of a label, rather too much."""
LABEL_CHARS = 52


@dataclass(frozen=True, slots=True)
class Series:
    """One line or layer."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    kind: str = "c1"
    """CSS class of the colour."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A horizontal line at a value: a bound or target."""

    value: float
    text: str
    kind: str = "limit"


@dataclass(frozen=True, slots=True)
class Point:
    """One mark of a scatter."""

    x: float
    y: float
    text: str
    kind: str = "c1"
    shape: str = "circle"
    """``circle`` or ``square``."""


def svg(title: str, description: str, width: float, height: float, *children: Child, kind: str = "chart") -> Markup:
    """A picture with a name and a description for those who do not see it."""
    # A label and no <title>: that would pop up as a tooltip over the whole picture.
    named = f"{title}: {description}".strip()
    return el("svg", *children, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=named, class_=kind)


def word(x: float, y: float, content: str, kind: str = "tick", anchor: str = "start") -> Markup:
    """Text in a chart."""
    return el("text", content, x=round(x, 1), y=round(y, 1), class_=kind, text_anchor=anchor)


def shortened(name: str) -> str:
    """What fits beside a bar."""
    return name if len(name) <= LABEL_CHARS else name[: LABEL_CHARS - 1] + "…"


def axes(xs: Scale, ys: Scale, x_unit: str, y_unit: str, *, x_about: int = 8, y_about: int = 4) -> list[Markup]:
    """Grid, numbers and units. ``ys`` runs from the bottom up."""
    parts: list[Markup] = []
    places = ticks(ys.low, ys.high, y_about)
    step = places[1] - places[0] if len(places) > 1 else 1.0
    for value in places:
        y = round(ys(value), 1)
        parts.append(el("line", x1=xs.start, x2=xs.end, y1=y, y2=y, class_="grid"))
        parts.append(word(xs.start - 8, y + 4, label(value, step), anchor="end"))
    parts += under(xs, ys.start, x_unit, x_about)
    parts.append(el("line", x1=xs.start, x2=xs.end, y1=ys.start, y2=ys.start, class_="axis"))
    middle = (ys.start + ys.end) / 2
    parts.append(
        el("text", y_unit, x=14, y=middle, class_="unit", text_anchor="middle", transform=f"rotate(-90 14 {middle:g})")
    )
    return parts


def under(xs: Scale, y: float, unit: str, about: int = 8) -> list[Markup]:
    """Ticks and numbers of the x axis at ``y``; the last number has the unit."""
    parts: list[Markup] = []
    places = ticks(xs.low, xs.high, about)
    step = places[1] - places[0] if len(places) > 1 else 1.0
    for value in places:
        x = round(xs(value), 1)
        shown = label(value, step) + (f" {unit}" if value == places[-1] else "")
        over = x + 3.6 * len(shown) > xs.end + RIGHT
        parts.append(el("line", x1=x, x2=x, y1=y, y2=y + 5, class_="axis"))
        parts.append(word(xs.end + RIGHT if over else x, y + 19, shown, anchor="end" if over else "middle"))
    return parts


def lines(
    title: str,
    series: Sequence[Series],
    *,
    x_unit: str,
    y_unit: str,
    marks: Sequence[Mark] = (),
    filled: bool = False,
    stepped: bool = False,
    width: float = WIDTH,
    height: float = 240,
) -> Markup:
    """Lines over one x axis; both axes begin at 0."""
    values = [y for s in series for y in s.ys]
    peak = max([*values, *(m.value for m in marks)], default=0.0)
    xs, ys = _scales(series, peak, width, height)
    parts = axes(xs, ys, x_unit, y_unit, x_about=8 if width > 700 else 5)
    for s in series:
        points = _stepped(s.xs, s.ys) if stepped else list(zip(s.xs, s.ys, strict=True))
        path = _path(points, xs, ys)
        if filled and path:
            foot = f"V{ys.start:g}H{xs(s.xs[0]):.1f}Z"
            parts.append(el("path", d=path + foot, class_=f"area {s.kind}"))
        parts.append(el("path", d=path, class_=f"line {s.kind}"))
    for mark in marks:
        y = round(ys(mark.value), 1)
        parts.append(el("line", x1=xs.start, x2=xs.end, y1=y, y2=y, class_=f"mark {mark.kind}"))
        parts.append(word(xs.end - 4, y - 5, mark.text, "tick strong", "end"))
    told = "; ".join(_told(s, y_unit) for s in series) or "no values"
    return svg(title, f"{told}. {'; '.join(m.text for m in marks)}".strip(), width, height, *parts)


def stacked(title: str, series: Sequence[Series], *, x_unit: str, y_unit: str, height: float = 220) -> Markup:
    """Layers on each other over one x axis; all have the same xs."""
    if not series or not series[0].xs:
        return svg(title, "no values", WIDTH, 40)
    places = series[0].xs
    foot = [0.0] * len(places)
    sums = [sum(ys) for ys in zip(*(s.ys for s in series), strict=True)]
    xs, ys = _scales(series, max(sums, default=0.0), WIDTH, height)
    parts = axes(xs, ys, x_unit, y_unit)
    for s in series:
        head = [a + b for a, b in zip(foot, s.ys, strict=True)]
        if any(s.ys):
            outline = _path(list(zip(places, head, strict=True)), xs, ys)
            back = "".join(f"L{xs(x):.1f} {ys(y):.1f}" for x, y in reversed(list(zip(places, foot, strict=True))))
            parts.append(el("path", d=f"{outline}{back}Z", class_=f"layer {s.kind}"))
        foot = head
    return svg(title, "; ".join(_told(s, y_unit) for s in series), WIDTH, height, *parts)


def strips(
    title: str,
    rows: Sequence[tuple[str, Sequence[tuple[float, ...]]]],
    kinds: Sequence[str],
    *,
    end: float,
    x_unit: str,
    told: str,
) -> Markup:
    """One strip a stage: at every moment its time, split into the shares of ``kinds`` (from the bottom up)."""
    each, gap = 34.0, 10.0
    left = 118.0
    height = TOP + len(rows) * (each + gap) + BOTTOM
    xs = Scale(0.0, max(end, 1e-9), left, WIDTH - RIGHT)
    base = height - BOTTOM
    parts: list[Markup] = []
    for index, (name, columns) in enumerate(rows):
        y = TOP + index * (each + gap)
        parts.append(word(left - 10, y + each / 2 + 4, name, "name", "end"))
        parts.append(el("rect", x=left, y=y, width=WIDTH - RIGHT - left, height=each, class_="ground"))
        count = max(1, len(columns))
        wide = (WIDTH - RIGHT - left) / count
        for layer, kind in enumerate(kinds):
            # one path a layer: a rectangle a column, as a skyline between this layer's foot and head
            steps = []
            for column, shares in enumerate(columns):
                low, high = sum(shares[:layer]), sum(shares[: layer + 1])
                if high - low > 0.002:
                    x0, x1 = left + column * wide, left + (column + 1) * wide + 0.15
                    y0, y1 = y + each * (1 - low), y + each * (1 - high)
                    steps.append(f"M{x0:.1f} {y0:.1f}V{y1:.1f}H{x1:.1f}V{y0:.1f}Z")
            if steps:
                parts.append(el("path", d="".join(steps), class_=f"layer {kind}"))
    parts += under(xs, base - gap + 3, x_unit)
    return svg(title, told, WIDTH, height, *parts)


def bars(
    title: str,
    rows: Sequence[tuple[str, Sequence[tuple[float, str]], str]],
    *,
    x_unit: str,
    marks: Sequence[Mark] = (),
    high: float | None = None,
) -> Markup:
    """Lying bars: label, pieces (value and colour class) one after the other, and the text behind them."""
    each, gap = 20.0, 9.0
    left = 18 + min(LABEL_CHARS, max((len(name) for name, _, _ in rows), default=0)) * CHAR
    head = 24.0 if marks else TOP
    height = head + len(rows) * (each + gap) + BOTTOM
    peak = max([sum(value for value, _ in pieces) for _, pieces, _ in rows] + [m.value for m in marks], default=0.0)
    xs = Scale(0.0, high if high is not None else top(peak), left, WIDTH - 150.0)
    base = height - BOTTOM
    parts: list[Markup] = []
    for value in ticks(0.0, xs.high, 6):
        x = round(xs(value), 1)
        parts.append(el("line", x1=x, x2=x, y1=head - 4, y2=base, class_="grid"))
    parts += under(xs, base - 4, x_unit, 6)
    for index, (name, pieces, behind) in enumerate(rows):
        y = head + index * (each + gap)
        parts.append(word(left - 10, y + each / 2 + 4, shortened(name), "name", "end"))
        at = 0.0
        for value, kind in pieces:
            wide = xs(at + value) - xs(at)
            if wide > 0:
                parts.append(
                    el("rect", x=round(xs(at), 2), y=y, width=round(wide, 2), height=each, class_=f"layer {kind}")
                )
            at += max(0.0, value)
        parts.append(word(xs(at) + 8, y + each / 2 + 4, behind, "tick strong"))
    for index, mark in enumerate(marks):
        x = round(xs(mark.value), 1)
        parts.append(el("line", x1=x, x2=x, y1=head - 6, y2=base, class_=f"mark {mark.kind}"))
        parts.append(word(x, head - 10, mark.text, "tick strong", "end" if index == 0 and len(marks) > 1 else "start"))
    told = "; ".join(f"{name}: {behind}" for name, _, behind in rows)
    return svg(title, f"{told}. {'; '.join(m.text for m in marks)}".strip(), WIDTH, height, *parts)


def scatter(title: str, points: Sequence[Point], *, x_unit: str, y_unit: str, height: float = 320) -> Markup:
    """Points with their names beside them."""
    if not points:
        return svg(title, "no values", WIDTH, 40)
    high_x = top(max(p.x for p in points))
    low_y, high_y = min(p.y for p in points), max(p.y for p in points)
    room = max((high_y - low_y) * 0.15, abs(high_y) * 0.0005, 1e-6)
    xs = Scale(0.0, high_x, LEFT + 24, WIDTH - RIGHT)
    ys = Scale(low_y - room, high_y + room, height - BOTTOM, TOP)
    parts = axes(xs, ys, x_unit, y_unit)
    taken = [(xs(p.x) - 9, xs(p.x) + 9, ys(p.y) + 4) for p in points]  # no name over a mark
    for point in sorted(points, key=lambda p: (p.y, p.x)):
        x, y = round(xs(point.x), 1), round(ys(point.y), 1)
        tip = el("title", f"{point.text}: {point.x:.4g} {x_unit}, {point.y:.5g} {y_unit}")
        if point.shape == "square":
            parts.append(el("rect", tip, x=x - 5, y=y - 5, width=10, height=10, class_=f"dot {point.kind}"))
        else:
            parts.append(el("circle", tip, cx=x, cy=y, r=6, class_=f"dot {point.kind}"))
        long = 6.4 * len(point.text)
        right = x + 10 + long < WIDTH - RIGHT
        near = x + 10 if right else x - 10 - long
        line = y + 4
        tries = [line + 15 * step * sign for step in range(8) for sign in (-1, 1)]
        line = next((t for t in tries if TOP + 8 < t < ys.start and _free(near, near + long, t, taken)), line)
        taken.append((near, near + long, line))
        parts.append(word(x + 10 if right else x - 10, line, point.text, "tick strong", "start" if right else "end"))
    told = "; ".join(f"{p.text}: {p.x:.4g} {x_unit}, {p.y:.5g} {y_unit}" for p in points)
    return svg(title, told, WIDTH, height, *parts)


# --- inside -----------------------------------------------------------------------------------------------------------


def _scales(series: Sequence[Series], peak: float, width: float, height: float) -> tuple[Scale, Scale]:
    end = max((s.xs[-1] for s in series if s.xs), default=1.0)
    return Scale(0.0, end or 1.0, LEFT, width - RIGHT), Scale(0.0, top(peak), height - BOTTOM, TOP)


def _free(left: float, right: float, y: float, taken: Sequence[tuple[float, float, float]]) -> bool:
    return not any(abs(y - other) < 14 and left < b and a < right for a, b, other in taken)


def _path(points: Sequence[tuple[float, float]], xs: Scale, ys: Scale) -> str:
    places = [f"{xs(x):.1f} {ys(y):.1f}" for x, y in points]
    return f"M{'L'.join(places)}" if places else ""


def _stepped(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """A value holds until the next one."""
    points: list[tuple[float, float]] = []
    for index, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if index:
            points.append((x, ys[index - 1]))
        points.append((x, y))
    return points


def _told(series: Series, unit: str) -> str:
    if not series.ys:
        return f"{series.name}: no values"
    peak = max(series.ys)
    return f"{series.name}: at most {peak:.4g} {unit}, {series.ys[-1]:.4g} at the end"
