"""A laid-out run as pixels: premultiplied RGBA with a whole-pixel offset.

Drawn from below: backing box, pill, shadow, outline, letters. Letters of one paint are added up (their coverages are
of different parts of a pixel) and limited to 1, then blended over. The same run at the same place gives the same
bytes, whatever was drawn before.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.scene.plan.outline import CornerKind
from reelpress.scene.plan.rect import Rect
from reelpress.text import pen
from reelpress.text.cache import ByteCache
from reelpress.text.layout import cached_layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.scene.plan.fills import RGB
    from reelpress.scene.text_run import TextRun
    from reelpress.text.fonts import FontBook
    from reelpress.text.laid_out import Glyph, LaidOut

    Floats = NDArray[np.float32]

SHADOW_OFFSET = (0.02, 0.055)
"""Font sizes (cap-format 3.8)."""
SHADOW_ALPHA = 0.85
MAX_SIDE = 16384
"""Pixels of a sprite's width and height; what lies beyond is cut off."""


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """Where it goes and what it is."""

    x: int
    """Output pixel of its left column."""
    y: int
    rgba: Floats
    """(height, width, 4), premultiplied, 0..1, gamma-coded sRGB, read-only. Empty when there is nothing to draw."""

    @property
    def nbytes(self) -> int:
        return self.rgba.nbytes + 200


@dataclass(frozen=True, slots=True)
class _Piece:
    """One mask at its place in output pixels (relative to the origin's whole pixel)."""

    x: int
    y: int
    mask: NDArray[np.uint8]
    span: int


_boxes: ByteCache[tuple[object, ...], Floats] = ByteCache(4 << 20, lambda cover: cover.nbytes + 400)


def _box_in(window: tuple[int, int, int, int], rect: Rect, radius: float, kind: CornerKind) -> Floats:
    """:func:`_rounded_box`, the newest kept: boxes rest while the letters in them change."""
    key = (window, rect, radius, kind)
    cover = _boxes.get(key)
    if cover is None:
        cover = _frozen(_rounded_box(window, rect, radius, kind))
        _boxes.put(key, cover)
    return cover


def _rounded_box(window: tuple[int, int, int, int], rect: Rect, radius: float, kind: CornerKind) -> Floats:
    """Coverage of a shape as ``scene.plan`` defines it, of the pixels from (x, y) to (right, bottom)."""
    x0, y0, x1, y1 = window
    xs, ys = np.arange(x0, x1), np.arange(y0, y1)
    radius = min(radius, rect.w / 2, rect.h / 2)
    if radius <= 0:
        across = np.clip(np.minimum(xs + 1, rect.right) - np.maximum(xs, rect.x), 0, 1)
        down = np.clip(np.minimum(ys + 1, rect.bottom) - np.maximum(ys, rect.y), 0, 1)
        cover: Floats = (down[:, None] * across).astype(np.float32)
        return cover
    # Columns that are nowhere near a side show all the same, and so do rows: one of them is made.
    column, row = _alike(xs, rect.x, rect.right, radius), _alike(ys, rect.y, rect.bottom, radius)
    few_x, few_y = np.concatenate((xs[: column[0]], xs[column[1] :])), np.concatenate((ys[: row[0]], ys[row[1] :]))
    few = _box_samples(rect, radius, kind, few_x, few_y)
    times_x, times_y = np.ones(len(few_x), np.intp), np.ones(len(few_y), np.intp)
    times_x[column[0] - 1] += column[1] - column[0]
    times_y[row[0] - 1] += row[1] - row[0]
    return np.repeat(np.repeat(few, times_x, axis=1), times_y, axis=0)


def _alike(at: NDArray[np.int64], low: float, high: float, radius: float) -> tuple[int, int]:
    """From which index to which those pixels of an axis lie that show what the one before them does."""
    inside = np.flatnonzero((at - low >= radius + 2) & (high - at - 1 >= radius + 2))
    return (int(inside[0]) + 1, int(inside[-1]) + 1) if len(inside) else (1, 1)


def _box_samples(rect: Rect, radius: float, kind: CornerKind, xs: NDArray[np.int64], ys: NDArray[np.int64]) -> Floats:
    total = np.zeros((len(ys), len(xs)))
    for sx in (-0.25, 0.25):
        for sy in (-0.25, 0.25):
            px = np.abs(xs + 0.5 + sx - rect.x - rect.w / 2) - rect.w / 2 + radius
            py = np.abs(ys + 0.5 + sy - rect.y - rect.h / 2) - rect.h / 2 + radius
            ox, oy = np.maximum(px, 0)[None, :], np.maximum(py, 0)[:, None]
            norm = np.hypot(ox, oy) if kind is CornerKind.ROUNDED else np.sqrt(np.sqrt(ox**4 + oy**4))
            d = norm + np.minimum(np.maximum(px[None, :], py[:, None]), 0) - radius
            t = np.clip((d + 1) / 2, 0, 1)
            total += 1 - t * t * (3 - 2 * t)
    return (total / 4).astype(np.float32)


def _lerp(a: Rect, b: Rect, t: float) -> Rect:
    return Rect(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.w + (b.w - a.w) * t, a.h + (b.h - a.h) * t)


def _span_rect(laid: LaidOut, span: int) -> Rect | None:
    return next((box.rect for box in laid.spans if box.span == span), None)


class _Painter:
    """Draws one run. Coordinates are output pixels relative to the whole pixel of the origin."""

    def __init__(self, laid: LaidOut, run: TextRun, fraction: tuple[float, float], scale: float) -> None:
        self.laid, self.run, self.scale = laid, run, scale
        self.fraction = fraction
        self.size = laid.size * scale
        self.unit = laid.scale * scale

    def paint(self) -> Sprite:
        style = self.run.style
        fills, strokes = self._pieces(0.0), []
        if style.outline is not None and style.outline.width > 0:
            strokes = self._pieces(style.outline.width * self.unit)
        boxes = self._boxes()
        shift = self._shadow_shift()
        shade = (strokes or fills) if style.shadow > 0 else []
        bounds = self._bounds(fills + strokes, shade, shift, boxes)
        if bounds is None:
            return Sprite(0, 0, _frozen(np.zeros((0, 0, 4), np.float32)))
        x0, y0, x1, y1 = bounds
        # Channels apart while it is painted: four times faster than interleaved.
        canvas = np.zeros((4, y1 - y0, x1 - x0), np.float32)
        for rect, radius, kind, color, opacity in boxes:
            grown = rect.outset(1.5)
            left, top = max(x0, math.floor(grown.x)), max(y0, math.floor(grown.y))
            right, bottom = min(x1, math.ceil(grown.right)), min(y1, math.ceil(grown.bottom))
            if right > left and bottom > top:
                cover = _box_in((left, top, right, bottom), rect, radius, kind)
                _over(canvas, (top - y0, left - x0), cover * np.float32(opacity), color)
        outline = style.outline.color if style.outline is not None else (0.0, 0.0, 0.0)
        if shade:
            width = style.outline.width * self.unit if strokes and style.outline is not None else 0.0
            alpha = SHADOW_ALPHA * min(1.0, style.shadow)
            self._letters(canvas, self._pieces(width, shift), x0, y0, (0.0, 0.0, 0.0), alpha)
        self._letters(canvas, strokes, x0, y0, outline)
        self._letters(canvas, fills, x0, y0)
        return Sprite(x0, y0, _frozen(np.ascontiguousarray(np.moveaxis(canvas, 0, 2))))

    def _shadow_shift(self) -> tuple[float, float]:
        return SHADOW_OFFSET[0] * self.size, SHADOW_OFFSET[1] * self.size

    def _visible(self, glyph: Glyph) -> float | None:
        """Advance shown of a glyph: ``None`` for all of it, 0 for nothing."""
        reveal = self.run.reveal
        if reveal is None or glyph.end <= reveal:
            return None
        return next((width for at, width in reversed(glyph.carets) if at <= reveal), 0.0)

    def _pieces(self, stroke: float, shift: tuple[float, float] = (0.0, 0.0)) -> list[_Piece]:
        found = []
        style = self.run.style
        for glyph in self.laid.glyphs:
            shown = self._visible(glyph)
            if shown == 0.0 or self.run.spans[glyph.span].opacity <= 0:
                continue
            left = glyph.x * self.scale + self.fraction[0] + shift[0]
            x, phase_x = pen.split_position(left)
            y, phase_y = pen.split_position(glyph.baseline * self.scale + self.fraction[1] + shift[1])
            mask = pen.mask(
                glyph.face,
                glyph.text,
                self.size,
                (phase_x, phase_y),
                rtl=glyph.rtl,
                simple=not glyph.joined,
                language=style.language,
                stroke=0.0 if glyph.face.info.strike else stroke,
            )
            pixels, mx = mask.pixels, x + mask.left
            if shown is not None:
                # Part of a joined word: cut at the caret.
                width = glyph.advance * self.scale
                if glyph.rtl:
                    first = max(0, math.floor(left + width - shown * self.scale + 0.5) - mx)
                    pixels, mx = pixels[:, first:], mx + first
                else:
                    pixels = pixels[:, : max(0, math.floor(left + shown * self.scale + 0.5) - mx)]
            if pixels.size and abs(mx) < 4 * MAX_SIDE and abs(y + mask.top) < 4 * MAX_SIDE:
                found.append(_Piece(mx, y + mask.top, pixels, glyph.span))
        return found

    def _boxes(self) -> list[tuple[Rect, float, CornerKind, RGB, float]]:
        """Backing and pill: rectangle, radius, kind, colour, opacity."""
        run, unit = self.run, self.unit
        found = []
        if run.backing is not None and run.backing.opacity > 0:
            back = run.backing
            rect = self._scaled(Rect(0, 0, self.laid.width, self.laid.height)).outset(back.padding * unit)
            found.append((rect, back.radius * unit, back.kind, back.color, back.opacity))
        if run.pill is not None and run.pill.opacity > 0:
            pill = run.pill
            start, end = _span_rect(self.laid, pill.start_span), _span_rect(self.laid, pill.end_span)
            start, end = start or end, end or start
            if start is not None and end is not None:
                place = self._scaled(_lerp(start, end, pill.progress))
                px, py = pill.padding_x * unit, pill.padding_y * unit
                rect = Rect(place.x - px, place.y - py, place.w + 2 * px, place.h + 2 * py)
                found.append((rect, pill.radius * unit, pill.kind, pill.color, pill.opacity))
        return [item for item in found if item[0].w > 0 and item[0].h > 0]

    def _scaled(self, rect: Rect) -> Rect:
        s, (fx, fy) = self.scale, self.fraction
        return Rect(rect.x * s + fx, rect.y * s + fy, rect.w * s, rect.h * s)

    @staticmethod
    def _bounds(
        pieces: list[_Piece],
        shade: list[_Piece],
        shift: tuple[float, float],
        boxes: list[tuple[Rect, float, CornerKind, RGB, float]],
    ) -> tuple[int, int, int, int] | None:
        edges = [(p.x, p.y, p.x + p.mask.shape[1], p.y + p.mask.shape[0]) for p in pieces]
        dx, dy = math.ceil(shift[0]) + 1, math.ceil(shift[1]) + 1
        edges += [(p.x - 1, p.y - 1, p.x + p.mask.shape[1] + dx, p.y + p.mask.shape[0] + dy) for p in shade]
        for rect, *_ in boxes:
            grown = rect.outset(1.5)
            edges.append((math.floor(grown.x), math.floor(grown.y), math.ceil(grown.right), math.ceil(grown.bottom)))
        if not edges:
            return None
        x0, y0 = min(e[0] for e in edges), min(e[1] for e in edges)
        x1, y1 = max(e[2] for e in edges), max(e[3] for e in edges)
        x0, y0 = max(x0, -MAX_SIDE), max(y0, -MAX_SIDE)
        x1, y1 = min(x1, x0 + MAX_SIDE), min(y1, y0 + MAX_SIDE)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def _letters(
        self, canvas: Floats, pieces: list[_Piece], x0: int, y0: int, color: RGB | None = None, alpha: float = 1.0
    ) -> None:
        """Draws pieces in their spans' paint, or all of them (colour glyphs too) in ``color``."""
        groups: dict[tuple[RGB, float], list[_Piece]] = {}
        for piece in pieces:
            span = self.run.spans[piece.span]
            opacity = min(1.0, span.opacity) * alpha
            if piece.mask.ndim == 3 and color is None:
                _picture_over(canvas, piece, x0, y0, np.float32(opacity))
            else:
                groups.setdefault((color or span.color or self.run.style.color, opacity), []).append(piece)
        for (paint, opacity), group in groups.items():
            left = min(max(0, piece.x - x0) for piece in group)
            top = min(max(0, piece.y - y0) for piece in group)
            right = max(piece.x - x0 + piece.mask.shape[1] for piece in group)
            bottom = max(piece.y - y0 + piece.mask.shape[0] for piece in group)
            shape = (min(bottom, canvas.shape[1]) - top, min(right, canvas.shape[2]) - left)
            if min(shape) > 0:
                _over(canvas, (top, left), _covered(group, x0 + left, y0 + top, shape) * np.float32(opacity), paint)


def _frozen(array: Floats) -> Floats:
    array.flags.writeable = False
    return array


def _window(piece: _Piece, x0: int, y0: int, shape: tuple[int, ...]) -> tuple[slice, slice, NDArray[np.uint8]] | None:
    """The part of a piece inside a canvas that starts at (x0, y0)."""
    x, y = piece.x - x0, piece.y - y0
    height, width = piece.mask.shape[:2]
    left, top = max(0, x), max(0, y)
    right, bottom = min(shape[1], x + width), min(shape[0], y + height)
    if right <= left or bottom <= top:
        return None
    return slice(top, bottom), slice(left, right), piece.mask[top - y : bottom - y, left - x : right - x]


def _covered(pieces: list[_Piece], x0: int, y0: int, shape: tuple[int, ...]) -> Floats:
    total = np.zeros(shape, np.float32)
    for piece in pieces:
        window = _window(piece, x0, y0, shape)
        if window is not None:
            rows, columns, mask = window
            total[rows, columns] += (mask[:, :, 3] if mask.ndim == 3 else mask) * np.float32(1 / 255)
    return np.minimum(total, np.float32(1))


def _over(canvas: Floats, corner: tuple[int, int], alpha: Floats, color: RGB) -> None:
    """Blends ``color`` over the part of the canvas (channel, row, column) that starts at ``corner``."""
    part = canvas[:, corner[0] : corner[0] + alpha.shape[0], corner[1] : corner[1] + alpha.shape[1]]
    part *= np.float32(1) - alpha
    for channel, value in enumerate((*color, 1.0)):
        if value:
            part[channel] += alpha * np.float32(value)


def _picture_over(canvas: Floats, piece: _Piece, x0: int, y0: int, opacity: np.float32) -> None:
    window = _window(piece, x0, y0, canvas.shape[1:])
    if window is None:
        return
    rows, columns, mask = window
    picture = np.moveaxis(mask * (opacity * np.float32(1 / 255)), 2, 0)
    part = canvas[:, rows, columns]
    part *= np.float32(1) - picture[3]
    part += picture


def rasterise(laid: LaidOut, run: TextRun, origin: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> Sprite:
    """Draws a laid-out run with its upper left corner at ``origin`` (output pixels, floats).

    Args:
        laid: ``layout(run)``.
        run: The same run, or one with an equal ``layout_key()``: paint and reveal come from it.
        origin: Honoured to an eighth of a pixel for letters, exactly for boxes.
        scale: Enlarges about ``origin``; drawn afresh at that size, not resampled.
    """
    x, y = math.floor(origin[0]), math.floor(origin[1])
    sprite = _Painter(laid, run, (origin[0] - x, origin[1] - y), scale).paint()
    return Sprite(sprite.x + x, sprite.y + y, sprite.rgba)


class TextRasteriser:
    """:func:`rasterise` with a cache bounded by bytes. Thread-safe.

    Origins are rounded to an eighth of a pixel, so text that slides is drawn at most eight times per axis and then
    only moved.
    """

    def __init__(self, book: FontBook | None = None, max_bytes: int = 64 << 20) -> None:
        self._book = book
        self._sprites: ByteCache[tuple[object, ...], Sprite] = ByteCache(max_bytes, lambda sprite: sprite.nbytes)
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of the sprites held."""
        return self._sprites.nbytes

    def layout(self, run: TextRun) -> LaidOut:
        return cached_layout(run, self._book)

    def sprite(self, run: TextRun, origin: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> Sprite:
        """The run with its block's upper left corner at ``origin`` rounded to an eighth of a pixel."""
        (x, px), (y, py) = pen.split_position(origin[0]), pen.split_position(origin[1])
        key = (run, px, py, scale)
        found = self._sprites.get(key)
        if found is None:
            found = rasterise(self.layout(run), run, (px / pen.PHASES, py / pen.PHASES), scale)
            self._sprites.put(key, found)
        return Sprite(found.x + x, found.y + y, found.rgba)
