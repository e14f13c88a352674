"""What is done to one layer (grading, motion blur), or to all that lies below it (masks)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Grade:
    """Colour grading of one layer's own R'G'B' (0..1), per pixel, before it is blended (cap-format 3.11)::

        c  = c * 2^(1.5 * exposure)
        r *= 1 + 0.10 * temperature + 0.04 * tint;  g *= 1 - 0.07 * tint;  b *= 1 - 0.10 * temperature + 0.04 * tint
        c  = (c - 0.5) * (1 + contrast) + 0.5
        l  = 0.2126 r + 0.7152 g + 0.0722 b;   c = l + (c - l) * (1 + saturation)
        l  = as above, of the new c
        c += split_tone * ((1 - ss(0.2, 0.65, l)) * (-0.06, 0.02, 0.08) + ss(0.35, 0.8, l) * (0.08, 0.02, -0.06))
        c  = c * (1 - 0.18 * fade) + 0.09 * fade
        c *= 1 - 0.65 * vignette * ss(0.5, 1.5, 2 * |uv - 0.5|)
        l  = as above, of the new c, clamped to 0..1
        c += 0.175 * grain * (2 * V - 1) * 4 * l * (1 - l)
        c  = clamp(c, 0, 1)

    ``uv`` is 0..1 over the layer's ``rect`` at pixel centres (Euclidean distance); ``ss`` is smoothstep; all values are
    already multiplied by the block's intensity. ``V`` is the hash of :class:`GradientFill` with ``x``, ``y`` the whole
    output pixel and ``k = seed``. A grade with all values 0 is never put into a plan.

    In 4:2:0 planes: luma of the graded colour at each luma position, with the chroma of that position interpolated
    bilinearly between the picture's chroma at the output's chroma positions (those of the frame; beyond its edges the
    edge samples repeated). Chroma is that of the graded colour brought to its position by the filter of the art,
    without premultiplying: the picture goes on beyond ``rect`` (its edge repeated), and so does its grade. The input is
    not clamped. ``x * A + y * B + k * C`` of the hash is taken mod 2^32 also where a pixel beyond the frame is meant.
    """

    exposure: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    temperature: float = 0.0
    tint: float = 0.0
    split_tone: float = 0.0
    fade: float = 0.0
    vignette: float = 0.0
    grain: float = 0.0
    seed: int = 0
    """Output frame mod 600 where there is grain, else 0."""


@dataclass(frozen=True, slots=True)
class Blur:
    """Motion blur of a whole layer: the mean (with weights) of the finished, premultiplied layer at several places.

    Of a picture the layer is ``result = below * through + colour`` with ``through = (1 - shadow) * (1 - ring - card)``;
    the mean is taken of ``colour`` and of ``1 - through``, luma at luma positions, chroma at chroma positions with
    ``through`` of the chroma grid (the grown frame's own neighbours in its filter). The layer is drawn in the frame
    grown by 64 pixels; samples beyond it are 0. A blur with neither movement nor scaling is none.

    *Movement of a picture.* On each grid by itself, with all lengths in its samples: ``L = max(|dx|, |dy|)`` is the
    longer axis, ``c = ceil(L / 64)``. Tap ``k`` (whole, from ``-r`` to ``r = ceil(L / (2 c) - 1/2)``) shows the layer
    moved by ``k c`` samples along that axis, and along the other by the half sample nearest to the line (halves away
    from the middle up; half a sample is the mean of two). Its weight is the part of ``k c - c/2 .. k c + c/2`` that
    lies in ``-L/2 .. L/2``, over ``L``. With ``L <= 1`` the grid's samples stay as they are.

    *Scaling of a picture.* With ``D = |spread|`` times the distance from ``origin`` to the farthest corner of the
    frame, ``n`` is the least of 4, 8, 16, ... with ``n >= D / 2.5``. Places on the ray: ``m = n / 2`` evenly spaced
    ones ``u`` apart, and the same again, ``w = (floor(3 m / 16) + 1/2) u`` further; ``u`` is such that their variance
    is 0.05, as that of the weight ``4 (p - p^2)`` over ``0 <= p <= 1``. They are gone to in steps. ``S(t)`` is a
    picture scaled about ``origin`` by ``exp(t |spread|)``, bilinear between the samples of its grid. The first picture
    is ``(S(s) layer + S(s + g) layer) / 2`` with ``g = u m / 2`` and ``s`` so that the mean place is 0; then for
    ``t = u, 2 u, ..., u m / 4`` and last ``w`` each picture becomes ``(picture + S(t) picture) / 2``, as if it had no
    end. A scaling with a movement is a scaling about ``origin - (dx, dy) / spread``, the point that stays.

    Cap has 13 taps at dithered places, and 21 for a movement (cap-format 3.5): in the mean over neighbouring pixels
    that is the whole ray, without gaps, and so is this; without the noise, and as cheap where rays are long.

    *Sprites.* A sprite is blurred as art, at luma positions and only then filtered to chroma: tap ``k`` of ``n`` stands
    at ``p = (k + 0.5) / n`` and shows it moved by ``(p - 0.5) * (dx, dy)``, and scaled about ``origin`` by
    ``1 + (p - 0.5) * spread`` (scaled first, then moved), bilinear between its pixels. ``n`` is 21 with equal weights
    for a movement, and 13 with weights ``4 (p - p^2)`` (normalised) for a scaling.
    """

    dx: float = 0.0
    """Output pixels from the first tap to the last."""
    dy: float = 0.0
    spread: float = 0.0
    origin: tuple[float, float] = (0.0, 0.0)
    """Output pixels."""


class Effect(StrEnum):
    PIXELATE = "pixelate"
    """The rectangle is divided into square cells of ``amount`` pixels from its top-left corner on; each shows one
    colour: that of what is below at the cell's centre, clamped into the rectangle (nearest luma and chroma sample).

    A luma or chroma position belongs to the cell that holds it (``floor((p - rect.x) / amount)``; outside the rectangle
    the nearest cell) and shows the luma or chroma sample nearest to that cell's clamped centre: of two as near the
    lower index, and none beyond the frame. A luma sample: ``ceil(c) - 1``; a chroma sample:
    ``ceil((cx - 0.5) / 2 - 0.5)`` and ``ceil((cy - 1) / 2 - 0.5)``. The last cell is ``ceil(rect.w / amount) - 1``."""
    BLUR = "blur"
    """Separable Gaussian: ``sigma = amount / 3``, taps at ``amount * k / n`` pixels, k = -n..n, with
    ``n = max(12, ceil(amount))`` (Cap's fixed 12 leaves gaps through which fine patterns are seen), weights
    ``exp(-d^2 / (2 sigma^2))`` normalised, bilinear between pixels; nothing from outside the rectangle is taken in
    (edge samples repeated).

    Luma between luma samples, chroma between chroma samples (taps at half as many samples). A tap's position is
    clamped to the first and last sample of the frame whose centre lies in the rectangle (left and top edge included,
    right and bottom not); without one, to the sample nearest to the rectangle's centre (of two the lower)."""
    HIGHLIGHT = "highlight"
    """Everything outside the rectangle is multiplied by ``1 - amount`` (amount 0..1), as R'G'B'.

    With the weight ``v``: colour times ``1 - amount * (1 - v)``, at chroma positions with ``v`` filtered as art."""
