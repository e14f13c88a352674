"""The only place that talks to FreeType: widths in font sizes, and masks of single characters or joined words.

Widths are measured at a size of one font unit per pixel, where rounding to the pixel grid (FreeType rounds hinted
widths) rounds nothing. They scale exactly, so a text shrunk to 40 % is laid out in the same proportions.

Masks are drawn eight times too large (four times from 96 pixels on) and averaged, because FreeType moves glyphs only
by whole pixels here: a position is honoured to an eighth of a pixel in x and y (a quarter from 96 pixels on), and
hinting moves an edge by at most half of that. With Pillow's Raqm, HarfBuzz shapes (joining, marks, kerning of GPOS);
without it, Arabic is joined by :mod:`reelpress.text.arabic`, kerning comes from ``kern`` tables only and other complex
scripts stay unshaped.
"""

from __future__ import annotations

import math
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from reelpress.text import arabic
from reelpress.text.cache import ByteCache
from reelpress.text.fonts import Face, unslanted
from reelpress.text.segment import is_ignorable

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHASES = 8
"""Positions per pixel, in x and y."""
SLANT = math.tan(math.radians(9.4))
"""Of italics made by us: the angle of Inter's own italic."""
MAX_PIXELS = 1 << 26
"""Of one mask before averaging; a larger one is drawn without enlargement, and not at all if still too large."""
_SIMPLE = ["-liga", "-clig", "-calt", "-dlig"]
"""Characters are drawn one by one, so nothing may join them."""

_lock = threading.RLock()


@lru_cache(maxsize=1)
def has_raqm() -> bool:
    """Whether Pillow can shape here."""
    return bool(features.check("raqm"))


@lru_cache(maxsize=96)
def _font(face: Face, size: float) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if has_raqm() else ImageFont.Layout.BASIC
    font = ImageFont.truetype(face.info.path, size, index=face.info.index, layout_engine=engine)
    axes = face.axis_values()
    if axes is not None:
        font.set_variation_by_axes(axes)
    return font


def _arguments(text: str, rtl: bool, simple: bool, language: str) -> tuple[str, dict[str, Any]]:
    if has_raqm():
        options: dict[str, Any] = {"direction": "rtl" if rtl else "ltr", "features": _SIMPLE if simple else None}
        if language:
            options["language"] = language
        return text, options
    text = arabic.join(text)
    text = "".join(c for c in text if not is_ignorable(c))
    return (text[::-1] if rtl else text), {}


@lru_cache(maxsize=65536)
def _advance(face: Face, text: str, rtl: bool, simple: bool, language: str) -> float:
    size = float(face.info.strike or face.info.units_per_em)
    prepared, options = _arguments(text, rtl, simple, language)
    with _lock:
        return max(0.0, _font(face, size).getlength(prepared, **options) / size)


def advance(face: Face, text: str, *, rtl: bool = False, simple: bool = True, language: str = "") -> float:
    """How far ``text`` moves the pen, in font sizes. ``simple``: no ligatures and contextual forms."""
    return _advance(unslanted(face), text, rtl, simple, language)


def kerning(face: Face, left: str, right: str, *, rtl: bool = False, language: str = "") -> float:
    """What the pen moves besides both advances when ``right`` follows ``left`` (logical order), in font sizes."""
    if face.info.strike:
        return 0.0
    pair = advance(face, left + right, rtl=rtl, language=language)
    return pair - advance(face, left, rtl=rtl, language=language) - advance(face, right, rtl=rtl, language=language)


class Mask:
    """Coverage (or a colour picture) of one drawn piece, relative to its whole-pixel pen position."""

    __slots__ = ("left", "pixels", "top")

    def __init__(self, left: int, top: int, pixels: NDArray[np.uint8]) -> None:
        self.left = left
        """Pixels from the pen to the first column."""
        self.top = top
        """Pixels from the baseline to the first row, negative above it."""
        self.pixels = pixels
        """(rows, columns) coverage 0..255, or (rows, columns, 4) premultiplied RGBA of a colour glyph. Read-only."""
        pixels.flags.writeable = False

    @property
    def nbytes(self) -> int:
        return self.pixels.nbytes + 128


_EMPTY = Mask(0, 0, np.zeros((0, 0), np.uint8))
_masks: ByteCache[tuple[Any, ...], Mask] = ByteCache(32 << 20, lambda mask: mask.nbytes)


def split_position(value: float) -> tuple[int, int]:
    """The whole pixel at or before ``value`` rounded to a phase, and the number of phases after it."""
    steps = math.floor(value * PHASES + 0.5)
    return steps // PHASES, steps % PHASES


def mask(
    face: Face,
    text: str,
    size: float,
    phase: tuple[int, int] = (0, 0),
    *,
    rtl: bool = False,
    simple: bool = True,
    language: str = "",
    stroke: float = 0.0,
) -> Mask:
    """Draws ``text`` with the pen at ``phase / PHASES`` of a pixel.

    Args:
        size: Font size in pixels, rounded to 1/64.
        stroke: The letters grown by that many pixels on all sides (fill included), rounded to 1/16.
    """
    size = max(1 / 64, round(size * 64) / 64)
    stroke = round(stroke * 16) / 16
    key = (face, text, size, phase, rtl, simple, language, stroke)
    found = _masks.get(key)
    if found is None:
        with _lock:
            if face.info.strike:
                found = _bitmap(face, text, size, phase, rtl, language)
            else:
                found = _outline(face, text, size, phase, rtl, simple, language, stroke, 8 if size < 96 else 4)
        _masks.put(key, found)
    return found


def _outline(
    face: Face,
    text: str,
    size: float,
    phase: tuple[int, int],
    rtl: bool,
    simple: bool,
    language: str,
    stroke: float,
    factor: int,
) -> Mask:
    prepared, options = _arguments(text, rtl, simple, language)
    if not prepared:
        return _EMPTY
    font = _font(unslanted(face), size * factor)
    options |= {"anchor": "ls", "stroke_width": stroke * factor, "embedded_color": face.info.color}
    if not face.info.color:
        del options["embedded_color"]
    bbox_options = {name: value for name, value in options.items() if name != "embedded_color"}
    x0, y0, x1, y1 = font.getbbox(prepared, **bbox_options)
    slant = SLANT if face.slanted else 0.0
    # Whole output pixels around the ink, the phase and our slant included; one pixel more for the filter's reach.
    dx, dy = (2 * phase[0] * factor + PHASES) // (2 * PHASES), (2 * phase[1] * factor + PHASES) // (2 * PHASES)
    left = math.floor((x0 + dx - max(0.0, slant * y1)) / factor) - 1
    right = math.ceil((x1 + dx + max(0.0, -slant * y0)) / factor) + 1
    top, bottom = math.floor((y0 + dy) / factor) - 1, math.ceil((y1 + dy) / factor) + 1
    width, height = (right - left) * factor, (bottom - top) * factor
    if x1 <= x0 or y1 <= y0 or (width * height > MAX_PIXELS and factor == 1):
        return _EMPTY
    if width * height > MAX_PIXELS:
        return _outline(face, text, size, phase, rtl, simple, language, stroke, 1)
    origin = (dx - left * factor, dy - top * factor)
    if face.info.color:
        picture = Image.new("RGBA", (width, height))
        ImageDraw.Draw(picture).text(origin, prepared, fill=(255, 255, 255, 255), font=font, **options)
    else:
        picture = Image.new("L", (width, height))
        ImageDraw.Draw(picture).text(origin, prepared, fill=255, font=font, **options)
    # Exact means of factor x factor cells; band by band, as Pillow would take colours for straight ones.
    if slant:
        bands = [_sheared(np.asarray(band), factor, slant, origin[1]) for band in picture.split()]
    else:
        bands = [np.asarray(band.reduce(factor)) for band in picture.split()]
    return _trimmed(left, top, np.dstack(bands) if face.info.color else bands[0])


def _sheared(band: NDArray[np.uint8], factor: int, slant: float, baseline: int) -> NDArray[np.uint8]:
    """Means of factor x factor cells of a band of which the rows above ``baseline`` are moved right (bilinearly).

    The mean of a run of samples is a difference of two sums from the row's start, so only those are interpolated.
    """
    rows, columns = band.shape
    sums = np.zeros((rows, columns + 1), np.int32)
    np.cumsum(band, axis=1, dtype=np.int32, out=sums[:, 1:])
    moved = slant * (np.arange(rows) + 1 - baseline)  # columns to the right, where the source of a column lies
    whole = np.floor(moved).astype(np.intp)
    share = (moved - whole).astype(np.float32)[:, np.newaxis]
    at = np.arange(0, columns + 1, factor) + whole[:, np.newaxis]
    low = np.take_along_axis(sums, at.clip(0, columns), axis=1)
    high = np.take_along_axis(sums, (at + 1).clip(0, columns), axis=1)
    ends = low + (high - low) * share
    cells = (ends[:, 1:] - ends[:, :-1]).reshape(rows // factor, factor, -1).sum(axis=1)
    means: NDArray[np.uint8] = (cells * np.float32(1 / factor**2) + np.float32(0.5)).astype(np.uint8)
    return means


def _bitmap(face: Face, text: str, size: float, phase: tuple[int, int], rtl: bool, language: str) -> Mask:
    """A glyph of a bitmap font, resampled premultiplied from its largest strike."""
    strike = face.info.strike or 1
    ratio = size / strike
    prepared, options = _arguments(text, rtl, False, language)
    if not prepared:
        return _EMPTY
    font = _font(unslanted(face), float(strike))
    x0, y0, x1, y1 = font.getbbox(prepared, anchor="ls", **options)
    if x1 <= x0 or y1 <= y0:
        return _EMPTY
    fx, fy = phase[0] / PHASES, phase[1] / PHASES
    left, top = math.floor(x0 * ratio + fx) - 2, math.floor(y0 * ratio + fy) - 2
    right, bottom = math.ceil(x1 * ratio + fx) + 2, math.ceil(y1 * ratio + fy) + 2
    # The part of the strike's own pixels that the output rectangle shows, and whole pixels around it.
    box = [(left - fx) / ratio, (top - fy) / ratio, (right - fx) / ratio, (bottom - fy) / ratio]
    margin = math.ceil(2 / min(1.0, ratio)) + 2
    ox, oy = math.floor(box[0]) - margin, math.floor(box[1]) - margin
    canvas = (math.ceil(box[2]) + margin - ox, math.ceil(box[3]) + margin - oy)
    if canvas[0] * canvas[1] > MAX_PIXELS or (right - left) * (bottom - top) > MAX_PIXELS:
        return _EMPTY
    # Drawn on transparent black, Pillow leaves premultiplied colours.
    picture = Image.new("RGBA", canvas)
    draw = ImageDraw.Draw(picture)
    draw.text((-ox, -oy), prepared, fill=(255, 255, 255, 255), font=font, anchor="ls", embedded_color=True, **options)
    shown = (box[0] - ox, box[1] - oy, box[2] - ox, box[3] - oy)
    # Channel by channel: Pillow would take the colours of an RGBA picture for straight ones.
    planes = [
        band.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=shown) for band in picture.split()
    ]
    pixels = np.dstack([np.asarray(plane) for plane in planes])
    pixels[:, :, :3] = np.minimum(pixels[:, :, :3], pixels[:, :, 3:])
    return _trimmed(left, top, pixels)


def _trimmed(left: int, top: int, pixels: NDArray[np.uint8]) -> Mask:
    ink: NDArray[np.bool_] = (pixels if pixels.ndim == 3 else pixels[:, :, None]).max(axis=2) > 0
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return _EMPTY
    y, x = int(rows[0]), int(columns[0])
    return Mask(left + x, top + y, pixels[y : rows[-1] + 1, x : columns[-1] + 1].copy())
