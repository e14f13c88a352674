"""FramePlan: everything a compositor needs to know to draw one output frame, and nothing else.

Coordinates are output pixels as floats: x to the right, y down, (0, 0) is the outer corner of the first pixel,
so its centre is (0.5, 0.5). Colours are gamma-coded sRGB 0..1. Layers are drawn in order, each over those
before it, blended in gamma-coded values (cap-format 3.2). Plans are frozen, hashable and cheap to compare:
two equal plans are the same picture.

Shapes. A shape is a rectangle with a corner radius and kind. Its signed distance at a point p relative to the
centre is, with half size h and radius r: ``q = |p| - h + r``; ``d = norm(max(q, 0)) + min(max(qx, qy), 0) - r``,
with the Euclidean norm for ``rounded`` and the 4-norm ``(x^4 + y^4)^(1/4)`` for ``squircle``.
Coverage of a pixel is the mean over its four sample points at (+-0.25, +-0.25) from its centre of
``1 - smoothstep(-w, w, d)`` with ``w = 1`` output pixel (cap-format 3.2; its fwidth term equals 1 to within
rounding for an unrotated shape). ``smoothstep(a, b, x)`` is ``t*t*(3 - 2t)`` with ``t = clamp((x - a)/(b - a), 0, 1)``.
An edge of a shape whose coordinate is a whole pixel and whose radius is 0 would be blurred over two pixels by
that formula; **a shape with radius 0 has the exact box coverage of each pixel instead** (better than Cap, and
needed so that a picture without decoration is passed through untouched).

Chroma. Everything is drawn on two grids: luma positions (pixel centres) and left-sited chroma positions, chroma sample
(i, j) at ``(2i + 0.5, 2j + 1)``. *Art* (fills, shadows, coverage, sprites, text) is defined at luma positions and
brought to a chroma position by ``[1 2 1]/4`` over columns 2i-1, 2i, 2i+1 (the frame's first column repeated) times
``[1 1]/2`` over rows 2j, 2j+1; premultiplied colour and coverage alike. The chroma of a video picture is resampled at
the chroma positions from the source's chroma by its siting. So at chroma positions a picture is blended with its
filtered coverage, and a group's picture there is its premultiplied chroma and its coverage *of the chroma grid*:
whatever is done to a finished picture (effects, motion blur of a picture, warp) is done to luma with the luma grid's
coverage and to chroma with the chroma grid's own, each sampled between the samples of its own grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.scene.text_run import TextRun

RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels as floats."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    def outset(self, by: float) -> Rect:
        """Grown by ``by`` pixels on all four sides."""
        return Rect(self.x - by, self.y - by, self.w + 2 * by, self.h + 2 * by)

    def intersect(self, other: Rect) -> Rect:
        """The common part; width or height 0 when there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Rect(x, y, max(0.0, min(self.right, other.right) - x), max(0.0, min(self.bottom, other.bottom) - y))


@dataclass(frozen=True, slots=True, order=True)
class IntRect:
    """A rectangle of whole pixels."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h

    @property
    def area(self) -> int:
        return self.w * self.h


def pixel_cover(rect: Rect, size: tuple[int, int], margin: float = 0.0, align: int = 1) -> IntRect | None:
    """The smallest whole-pixel rectangle (edges on multiples of ``align``) around ``rect`` inside the frame.

    Returns ``None`` when nothing of it is inside.
    """
    x0 = max(0, math.floor((rect.x - margin) / align) * align)
    y0 = max(0, math.floor((rect.y - margin) / align) * align)
    x1 = min(size[0], math.ceil((rect.x + rect.w + margin) / align) * align)
    y1 = min(size[1], math.ceil((rect.y + rect.h + margin) / align) * align)
    return IntRect(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


class CornerKind(StrEnum):
    ROUNDED = "rounded"
    SQUIRCLE = "squircle"


@dataclass(frozen=True, slots=True)
class Shape:
    """A rectangle with rounded corners: the outline of a card, or a clip."""

    rect: Rect
    radius: float = 0.0
    """Pixels, at most half of the shorter side."""
    kind: CornerKind = CornerKind.SQUIRCLE
    round_top: bool = True
    """Whether the upper two corners have the radius; square otherwise (``q`` and ``d`` as with radius 0 for ``y < 0``).
    A shape of which neither half is rounded is one of radius 0. A shape grown for its border keeps both flags."""
    round_bottom: bool = True
    """The same for the lower two, ``y >= 0``."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """Black shadow around a shape: ``alpha = opacity * smoothstep(size + blur, -blur, |d|)`` (cap-format 3.2).

    Evaluated at pixel centres (one sample), under the shape as well as around it.
    """

    size: float
    """Pixels."""
    blur: float
    """Pixels."""
    opacity: float
    """0..1."""

    @property
    def reach(self) -> float:
        """Pixels beyond the shape's edge at which it has faded to nothing."""
        return self.size + self.blur


@dataclass(frozen=True, slots=True)
class Border:
    """A ring outside a shape: between the shape and the shape grown by ``width`` (radius grown too).

    Its coverage is ``max(0, coverage(grown) - coverage(shape))``, so ring and picture share a pixel and never lie
    on each other: see :class:`PictureLayer`.
    """

    width: float
    """Pixels."""
    color: RGB
    opacity: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class SolidFill:
    color: RGB


@dataclass(frozen=True, slots=True)
class GradientFill:
    """Linear gradient over the whole frame.

    With uv in 0..1 at pixel centres (not aspect-corrected) and the direction ``(cos a, sin a)``,
    ``a = angle + 270 degrees``: ``t = clamp(dot(uv - 0.5, dir) + 0.5, 0, 1)``, colour ``start + (end - start) t``
    (cap-format 3.3).

    Noise (cap-format 3.3 names its kind but no hash, so this is ours), before any blur, at the same uv::

        f = 600 * (0.3 + 1.2 * (100 - noise_scale) / 100)           cells over the frame, in both directions
        octave k = 0..3:  p = uv * f * 2^k,  i = floor(p),  g = p - i,  s = g * g * (3 - 2 * g)   (x and y each)
            v = lerp(lerp(V(ix, iy), V(ix + 1, iy), sx), lerp(V(ix, iy + 1), V(ix + 1, iy + 1), sx), sy)
        V(x, y): h = (x * 0x9E3779B1 + y * 0x85EBCA77 + k * 0xC2B2AE3D) mod 2^32
                 h ^= h >> 15;  h = h * 0x2C1B3C6D mod 2^32;  h ^= h >> 12;  h = h * 0x297A2D39 mod 2^32;  h ^= h >> 15
                 V = (h >> 8) / 2^24
        n = (v0 + v1 / 2 + v2 / 4 + v3 / 8) / 1.875                 one grey value for the three channels
        overlay(c, n) = 2 c n when c < 0.5, else 1 - 2 (1 - c) (1 - n)
        colour = c + (overlay(c, n) - c) * noise_intensity / 100 * 0.25
    """

    start: RGB
    end: RGB
    angle: float
    """Degrees."""
    noise_intensity: float = 0.0
    """0..100."""
    noise_scale: float = 3.0
    """0..100."""


@dataclass(frozen=True, slots=True)
class ImageFill:
    """A picture file, cover-fitted and centred (cap-format 3.3).

    The whole image goes to the smallest centred rectangle of its own shape that covers the frame (exact floats),
    resampled with the one kernel in gamma-coded RGB, edge samples repeated, clamped to 0..1. Transparent parts
    lie over white.
    """

    image: str
    """Absolute path."""
    width: int
    """Pixels of the file after its EXIF orientation."""
    height: int


Fill = SolidFill | GradientFill | ImageFill


@dataclass(frozen=True, slots=True)
class BackgroundLayer:
    """Covers the whole frame."""

    fill: Fill
    blur_sigma: float = 0.0
    """Standard deviation in output pixels of a separable Gaussian, edge pixels repeated: weights
    ``exp(-k^2 / (2 sigma^2))`` at whole pixels ``|k| <= ceil(3 sigma)``, normalised."""


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


@dataclass(frozen=True, slots=True)
class PictureLayer:
    """A video picture in a shape: the display card (later the camera too).

    Drawn as the shadow over what is below, then ring and picture side by side (no seam between them)::

        below = below * (1 - shadow)                                          shadow = opacity * its own alpha
        result = below * (1 - ring - card) + ring * border.color + card * picture

    with ``card = opacity * coverage(shape)`` and ``ring = opacity * border.opacity * coverage of the ring``. (Drawn one
    after the other that is a border of alpha ``ring / (1 - card)``, then the picture.)
    """

    source: str
    """Key of the track, ``display:0`` for the display of recording segment 0."""
    frame: int
    """Which picture of the track: its ordinal in presentation order. Two layers with the same source and frame
    show the same picture."""
    crop: Rect
    """Part of the source in its own stored pixels (before the sample aspect ratio), mapped onto ``rect``."""
    rect: Rect
    """Where the crop goes. Resampled with the one kernel (design 4), edge samples of the crop repeated: samples
    whose centre lies outside the crop (in each plane by its siting) count as the nearest one inside. The result is
    clamped to codes 0..255 before it is blended."""
    shape: Shape
    """Outline that cuts the picture, and around which shadow and border lie. Normally ``rect`` with a radius."""
    shadow: Shadow | None = None
    border: Border | None = None
    opacity: float = 1.0
    """Of the whole layer, shadow and border included."""
    mirror: bool = False
    """The crop is flipped left to right before it is mapped onto ``rect``: output ``x`` shows what
    ``rect.x + rect.right - x`` would without it (so chroma too keeps to its siting, in the source and in the
    output)."""
    soften: float = 0.0
    """Standard deviation in output pixels of a Gaussian over the picture inside ``rect`` (edge samples repeated, taps
    as those of :class:`BackgroundLayer`), before the shape cuts it. Each plane on its own grid: chroma with
    ``soften / 2`` chroma samples, and as many taps as that asks for. Inside are the samples whose centre lies in
    ``rect`` (left and top edge included, right and bottom not), also beyond the frame; without one the nearest."""
    grade: Grade | None = None
    """Of the picture alone, not of ring and shadow; after ``soften``."""
    blur: Blur | None = None


@dataclass(frozen=True, slots=True)
class SpriteLayer:
    """RGBA art: the pointer image."""

    image: str
    """Absolute path of a PNG (straight alpha), or ``builtin:NAME`` for one of ``compose.pointers``."""
    rect: Rect
    """Where the whole image goes, exact floats: resampled premultiplied with the one kernel, transparent outside
    (zeros around the image, weights not renormalised), then alpha clamped to 0..1 and colour to 0..alpha."""
    opacity: float = 1.0
    clip: Shape | None = None
    """Coverage that multiplies the sprite's alpha."""
    width: int = 0
    """Pixels of the file; 0 when unknown. Only ``damage`` needs it: an enlarged kernel reaches beyond ``rect``."""
    height: int = 0
    angle: float = 0.0
    """Radians, clockwise about ``pivot``, of the whole image. Where it is not 0 the image is first resampled to
    ``rect`` as above on an endless grid of pixels whose (0, 0) is the rectangle's top-left corner, then turned with the
    cubic kernel (a = -0.6, not widened; both axes of that grid); clamped after each of the two. The clip does not
    turn."""
    pivot: tuple[float, float] = (0.0, 0.0)
    """Output pixels."""
    grade: Grade | None = None
    """On the straight (not premultiplied) colour of the turned sprite, before opacity, blur and clip; ``uv`` of the
    output pixel over ``rect``, which does not turn."""
    blur: Blur | None = None
    """Applied to the sprite before the clip."""


@dataclass(frozen=True, slots=True)
class FillLayer:
    """A shape filled with one colour: boxes behind captions, pills, key caps, window frames.

    Drawn like a :class:`PictureLayer` whose picture is ``color``. Nothing of it is drawn when the shape is empty.
    """

    shape: Shape
    color: RGB
    opacity: float = 1.0
    shadow: Shadow | None = None
    border: Border | None = None


@dataclass(frozen=True, slots=True)
class TextLayer:
    """A text run. What it looks like is decided by ``text.layout`` and ``text.raster`` alone: they give an RGBA image
    with premultiplied colour in output pixels, which all compositors draw as art, without any kernel."""

    run: TextRun
    x: float
    """Output pixels of the run's layout origin; the rasteriser takes the fraction into account (to an eighth)."""
    y: float
    scale: float = 1.0
    """Factor on every length of the run, about the layout origin."""
    opacity: float = 1.0
    bounds: Rect = Rect(0.0, 0.0, 0.0, 0.0)
    """Output pixels that surely hold the whole text; for ``damage``. Drawing is cut at it: pixels that do not touch it
    stay as they are."""


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


@dataclass(frozen=True, slots=True)
class EffectLayer:
    """Changes what was drawn before it.

    Weight of the changed picture at a pixel: 1 inside ``rect`` with exact box coverage of its edge pixels, and with
    ``feather`` pixels ``ss(0, feather, distance to the nearest edge)``, inside the rectangle. A pixelated or blurred
    pixel never keeps any share of a hidden one at weight 1. For a highlight the weight says what stays bright.

    Without feather the weight is the box coverage; with it ``ss`` of the pixel centre's distance, 0 outside, and no box
    coverage. ``result = below * (1 - weight) + changed * weight``, where ``below`` is the premultiplied picture so far
    (over nothing in a group, whose coverage is pixelated and blurred like its colour; a highlight leaves coverage).
    At a chroma position the weight of pixelate and blur is the *greatest* of the six luma pixels that the art's filter
    takes in (2i-1, 2i, 2i+1 by 2j, 2j+1, the first column repeated), so that no chroma sample that a fully hidden pixel
    has a part in is seen. An ``amount`` of 0 or less, or an empty ``rect``, changes nothing (an empty ``rect`` of a
    highlight leaves nothing bright).
    """

    effect: Effect
    rect: Rect
    amount: float
    feather: float = 0.0
    """Pixels."""


@dataclass(frozen=True, slots=True)
class GroupLayer:
    """Layers drawn by themselves over nothing, then blended as a whole: cross-fades, title cards, 3D.

    The group's own picture is premultiplied; ``opacity`` multiplies colour and coverage. ``warp`` maps output pixels to
    the group's pixels by a homography (row-major 3x3, ``(x', y', w') = M (x, y, 1)``, sampled at ``(x'/w', y'/w')``
    with the cubic kernel a = -0.6, not widened; transparent where ``w' <= 0`` or outside the frame). An
    :class:`EffectLayer` inside sees only the group.

    With ``replaces`` it is mixed with what is below instead: of colour and of coverage, also where the group is
    transparent, there remains ``below * (1 - opacity) + picture * opacity``. That is a cross-fade over nothing; where
    the group covers everything both are the same. Only plans with alpha have it, drawn on the CPU, and only groups
    without ``warp``.

    Warped are both grids (module docstring): a chroma position is mapped as a point and sampled between the group's
    chroma samples, the kernel being as wide in those (samples outside the frame are 0, weights not renormalised). Where
    the sampled coverage is above 1, colour and coverage are divided by it; where it is not above 0, both are 0.
    """

    layers: tuple[Layer, ...]
    opacity: float = 1.0
    warp: tuple[float, float, float, float, float, float, float, float, float] | None = None
    replaces: bool = False


Layer = BackgroundLayer | PictureLayer | SpriteLayer | FillLayer | TextLayer | EffectLayer | GroupLayer


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One output frame. A pure function of (recording, project, frame index)."""

    size: tuple[int, int]
    """Width and height of the output in pixels, both even."""
    layers: tuple[Layer, ...]

    def pictures(self) -> tuple[PictureLayer, ...]:
        """The video pictures that this frame needs, in drawing order."""
        return tuple(_pictures(self.layers))

    def damage_since(self, other: FramePlan | None) -> tuple[IntRect, ...]:
        """Rectangles outside of which this frame cannot differ from ``other``; empty means held.

        ``None`` or another size damages everything. Rectangles have even edges (one chroma sample covers two
        pixels) and do not overlap each other.
        """
        from reelpress.scene.damage import damage

        return damage(self, other)


def _pictures(layers: tuple[Layer, ...]) -> Iterator[PictureLayer]:
    for layer in layers:
        if isinstance(layer, PictureLayer):
            yield layer
        elif isinstance(layer, GroupLayer):
            yield from _pictures(layer.layers)
