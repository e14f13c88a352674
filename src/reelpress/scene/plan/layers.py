"""The kinds of layers that a plan is made of, and how each is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from reelpress.scene.plan.effects import Blur, Effect, Grade
    from reelpress.scene.plan.fills import RGB, Fill
    from reelpress.scene.plan.outline import Border, Shadow, Shape
    from reelpress.scene.text_run import TextRun

NOWHERE = Rect(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class BackgroundLayer:
    """Covers the whole frame."""

    fill: Fill
    blur_sigma: float = 0.0
    """Standard deviation in output pixels of a separable Gaussian, edge pixels repeated: weights
    ``exp(-k^2 / (2 sigma^2))`` at whole pixels ``|k| <= ceil(3 sigma)``, normalised."""


@dataclass(frozen=True, slots=True)
class PictureLayer:
    """A video picture in a shape: the display card, or the camera.

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
    bounds: Rect = NOWHERE
    """Output pixels that surely hold the whole text; for ``damage``. Drawing is cut at it: pixels that do not touch it
    stay as they are."""


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

    Warped are both grids (docstring of the package): a chroma position is mapped as a point and sampled between the
    group's chroma samples, the kernel being as wide in those (samples outside the frame are 0, weights not
    renormalised). Where the sampled coverage is above 1, colour and coverage are divided by it; where it is not above
    0, both are 0.
    """

    layers: tuple[Layer, ...]
    opacity: float = 1.0
    warp: tuple[float, float, float, float, float, float, float, float, float] | None = None
    replaces: bool = False


Layer = BackgroundLayer | PictureLayer | SpriteLayer | FillLayer | TextLayer | EffectLayer | GroupLayer
