"""Sizes: output, card, crop (cap-format 3.1). Exact until the very end: lengths are Fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from reelpress.errors import SettingsError, UnsupportedInputError
from reelpress.scene.plan.rect import Rect

Size = tuple[int, int]

RESOLUTIONS: dict[str, Size] = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
}
"""Boxes by name; ``source`` is the size at which the screen keeps its own pixels."""
SOURCE = "source"
MIN_SIDE, MAX_SIDE = 16, 8192
"""Sides of the output in pixels: what H.264 decoders take."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the screen, in its display pixels (square ones)."""

    x: Fraction
    y: Fraction
    w: Fraction
    h: Fraction

    @property
    def aspect(self) -> Fraction:
        return self.w / self.h


@dataclass(frozen=True, slots=True)
class Frame:
    """What the layout asks for."""

    padding: Fraction = Fraction(0)
    """0..100."""
    aspect: Fraction | None = None
    """Width over height of the output; ``None`` follows the crop."""
    position: tuple[float, float] | None = None
    """Centre of the card, as fractions of the output."""

    @property
    def inset(self) -> Fraction:
        """Padding as a fraction of the crop: ``padding/100 * 0.4``."""
        return self.padding / 250


def clamp_crop(size: Size, position: tuple[float, float] | None, extent: tuple[float, float] | None) -> Crop:
    """The part of a screen of ``size`` display pixels that is shown; the whole one where nothing of it is left."""
    w, h = Fraction(size[0]), Fraction(size[1])
    if position is None or extent is None:
        return Crop(Fraction(0), Fraction(0), w, h)
    x0, y0 = (max(Fraction(0), Fraction(v)) for v in position)
    x1, y1 = min(w, Fraction(position[0]) + Fraction(extent[0])), min(h, Fraction(position[1]) + Fraction(extent[1]))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return Crop(Fraction(0), Fraction(0), w, h)
    return Crop(x0, y0, x1 - x0, y1 - y0)


def base_size(crop: Crop, frame: Frame) -> Size:
    """Output size at which the screen keeps its own pixels, padding included; both sides even."""
    if frame.aspect is None:
        grown = 1 + 2 * frame.inset
        return _even(math.trunc(crop.w * grown)), _even(math.trunc(crop.h * grown))
    pad = 2 * frame.inset * max(crop.w, crop.h)
    if crop.aspect > frame.aspect:
        w = crop.w + pad
        h = w / frame.aspect
    else:
        h = crop.h + pad
        w = h * frame.aspect
    return max(2, _even(math.ceil(w))), max(2, _even(math.ceil(h)))


def output_size(base: Size, box: Size | None, *, plain: bool = False) -> tuple[Size, Fraction]:
    """Output size in pixels and its scale: ``base`` fitted into ``box`` (``None``: not scaled).

    A Cap recording is also enlarged, and its width is a multiple of 4, as Cap does it. Sides are rounded up, but never
    beyond the box: there they are rounded down (which in Cap's own boxes never happens).

    Args:
        plain: A video without any decoration: never enlarged, and only rounded to even sides, so that its pixels
            pass through untouched when it fits the box.
    """
    scale = Fraction(1) if box is None else min(Fraction(box[0], base[0]), Fraction(box[1], base[1]))
    if plain:
        scale = min(scale, Fraction(1))
    w, h = math.trunc(base[0] * scale), math.trunc(base[1] * scale)
    across, down = box or (MAX_SIDE, MAX_SIDE)
    return (_rounded(w, 2 if plain else 4, across), _rounded(h, 2, down)), scale


def card_rect(crop: Crop, out: Size, scale: Fraction, frame: Frame) -> Rect:
    """Where the screen lies in the output, exactly."""
    w, h = Fraction(out[0]), Fraction(out[1])
    if frame.aspect is None:
        x, y = crop.w * frame.inset * scale, crop.h * frame.inset * scale
        cw, ch = w - 2 * x, h - 2 * y
    else:
        pad = min(max(crop.w, crop.h) * frame.inset * scale, (min(w, h) - 1) / 2)
        fit = min((w - 2 * pad) / crop.w, (h - 2 * pad) / crop.h)
        cw, ch = crop.w * fit, crop.h * fit
        x, y = (w - cw) / 2, (h - ch) / 2
    if frame.position is not None:
        px, py = (Fraction(min(max(v, 0.0), 1.0)) for v in frame.position)
        x, y = x + (px - Fraction(1, 2)) * w, y + (py - Fraction(1, 2)) * h
    return Rect(float(x), float(y), float(cw), float(ch))


def contain(aspect: Fraction | float, box: Rect) -> Rect:
    """The largest rectangle of ``aspect`` in ``box``, centred."""
    ratio = float(aspect)
    w = min(box.w, box.h * ratio)
    h = w / ratio
    return Rect(box.x + (box.w - w) / 2, box.y + (box.h - h) / 2, w, h)


def rest_rect(rect: Rect) -> Rect:
    """``rect`` with its edges moved to the nearest even pixels: where a card rests.

    Even, so that luma and chroma of a resting card are scaled to whole samples.
    """
    x0, y0 = _to_even(rect.x), _to_even(rect.y)
    w, h = max(2.0, _to_even(rect.right) - x0), max(2.0, _to_even(rect.bottom) - y0)
    return Rect(x0, y0, w, h)


def parse_resolution(value: str | Size) -> Size | None:
    """A resolution as a box, or ``None`` for ``source``.

    Raises:
        SettingsError: It has another form, or is out of range.
    """
    if isinstance(value, str):
        name = value.strip().lower()
        if name == SOURCE:
            return None
        if name in RESOLUTIONS:
            return RESOLUTIONS[name]
        sides = name.replace("×", "x").split("x")
        if len(sides) != 2 or not all(side.isascii() and side.isdigit() for side in sides):
            raise SettingsError(
                f"The resolution {value!r} is not known; allowed are {', '.join(RESOLUTIONS)}, {SOURCE} and "
                "WIDTHxHEIGHT, for example 1600x900."
            )
        value = (int(sides[0][:9]), int(sides[1][:9]))
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in value):
        raise SettingsError(
            f"The resolution {value[0]}x{value[1]} is out of range; each side must be {MIN_SIDE} to {MAX_SIDE} pixels."
        )
    return value


def check_size(size: Size, box: Size | None, source: Size) -> None:
    """Refuse an output size that no encoder or player takes.

    Raises:
        SettingsError: A smaller ``--resolution`` would help.
        UnsupportedInputError: The source itself is too small or too thin.
    """
    w, h = size
    if w > MAX_SIDE or h > MAX_SIDE:
        raise SettingsError(
            f"The output would have {w}x{h} pixels; at most {MAX_SIDE} a side are possible. "
            "Give a smaller --resolution, for example 4k."
        )
    if w < MIN_SIDE or h < MIN_SIDE:
        sentence = f"The output would have {w}x{h} pixels; at least {MIN_SIDE} a side are needed."
        if box is not None and min(source) >= MIN_SIDE:
            raise SettingsError(f"{sentence} The source has {source[0]}x{source[1]}; give a larger --resolution.")
        raise UnsupportedInputError(f"{sentence} The source has {source[0]}x{source[1]}.")


def _rounded(side: int, step: int, limit: int) -> int:
    """``side`` up to a multiple of ``step``; down where that would be more than ``limit`` (at least ``step``)."""
    up = -(-side // step) * step
    return up if up <= limit or side > limit else max(step, up - step)


def _even(value: int) -> int:
    return (value + 1) & ~1


def _to_even(value: float) -> float:
    return 2.0 * math.floor(value / 2 + 0.5)
