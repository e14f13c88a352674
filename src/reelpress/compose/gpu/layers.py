"""Layers as the shaders read them: records of 288 bytes (struct Layer of common.wgsl), and images between passes."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, NamedTuple

from reelpress.color import BT709_LIMITED, quantisation, rgb_to_codes
from reelpress.compose.planar_radial import centre, steps
from reelpress.scene.plan.outline import CornerKind
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.fills import RGB
    from reelpress.scene.plan.layers import FillLayer, PictureLayer
    from reelpress.scene.plan.outline import Shape
    from reelpress.scene.plan.rect import Rect

CARD, COLOUR, GROUND, ART, PIXELATE, BLUR, HIGHLIGHT, MOVED, WARPED = range(1, 10)
"""Kinds, as in compose.wgsl."""
RARE = frozenset((PIXELATE, BLUR, MOVED, WARPED))
"""Those that only the larger variant of its shader draws."""
BOX, SQUIRCLE, SHADOW, BORDER, FILL, IMAGE, NV12, ARENA, GROWN_BOX = (1 << bit for bit in range(9))
"""Flags, as in common.wgsl."""

_RECORD = struct.Struct("<2I4i19f5I6f4i2f4iI4iI4i9f28x")
RECORD_BYTES = _RECORD.size

MARGIN = 64
"""Pixels by which the frame of a picture with motion blur is grown on each side (scene.plan.Blur)."""

LARGEST_STEP = 4.0
"""Source samples per output sample up to which a picture is sampled in the pass that draws it: 29 columns of the source
(MOST in compose.wgsl) are then under the kernels of four neighbouring pixels."""

_ANTIALIAS = 1.75
_EVERYWHERE = (-(1 << 30), -(1 << 30), 1 << 30, 1 << 30)


class Image(NamedTuple):
    """Samples of one grid in the shaders' memory. ``x`` and ``y`` are the numbers of the first: 0 is the frame's."""

    at: int
    """First word."""
    x: int
    y: int
    w: int
    h: int


class Sheet(NamedTuple):
    """A premultiplied picture: an image for each of the two grids."""

    luma: Image
    chroma: Image


class SourcePlanes(NamedTuple):
    """Where the newest picture of a source lies in the arena: bytes."""

    luma: int
    blue: int
    """Of interleaved chroma the first pair."""
    red: int
    luma_stride: int
    chroma_stride: int
    interleaved: bool
    width: int
    height: int

    def plane_size(self, chroma: bool) -> tuple[int, int]:
        """Columns and rows."""
        return (-(-self.width // 2), -(-self.height // 2)) if chroma else (self.width, self.height)


def record(
    kind: int,
    flags: int = 0,
    reach: tuple[int, int, int, int] = _EVERYWHERE,
    opacity: float = 1.0,
    amount: float = 0.0,
    outline: tuple[float, ...] = (0.0,) * 6,
    shadow: tuple[float, ...] = (0.0,) * 3,
    border: tuple[float, ...] = (0.0,) * 5,
    fill: tuple[float, ...] = (0.0,) * 3,
    planes: tuple[int, ...] = (0,) * 5,
    place: tuple[float, ...] = (0.0,) * 6,
    used: tuple[int, ...] = (0,) * 4,
    chroma_base: tuple[float, ...] = (0.0,) * 2,
    chroma_used: tuple[int, ...] = (0,) * 4,
    luma: tuple[int, ...] = (0,) * 5,
    chroma: tuple[int, ...] = (0,) * 5,
    numbers: tuple[float, ...] = (0.0,) * 9,
) -> bytes:
    """One record; the members in the order of the struct."""
    return _RECORD.pack(
        kind, flags, *reach, opacity, amount, *outline, *shadow, *border, *fill, *planes, *place, *used,
        *chroma_base, *chroma_used, *luma, *chroma, *numbers,
    )  # fmt: skip


_OFFSETS = quantisation(BT709_LIMITED.range)[1], quantisation(BT709_LIMITED.range)[3]


def centred(color: RGB) -> tuple[float, float, float]:
    """Codes of a colour, from those of black on."""
    y, blue, red = rgb_to_codes(color)
    return y - _OFFSETS[0], blue - _OFFSETS[1], red - _OFFSETS[1]


# --- cards -----------------------------------------------------------------------------------------------------------


def card(layer: PictureLayer | FillLayer, **picture: object) -> bytes:
    """A card; ``picture`` are the members that say what is in it, ``flags`` among them."""
    shape, rect = layer.shape, layer.shape.rect
    rounded = shape.round_top or shape.round_bottom
    flags = int(picture.pop("flags", 0)) | _kind(shape)  # type: ignore[call-overload]
    beyond = _ANTIALIAS
    shadow, border = (0.0,) * 3, (0.0,) * 5
    if layer.shadow is not None and layer.shadow.size + 2 * layer.shadow.blur > 0:
        flags |= SHADOW
        shadow = (layer.shadow.size + layer.shadow.blur, -layer.shadow.blur, layer.shadow.opacity)
        beyond = max(beyond, layer.shadow.reach + 1)
    if layer.border is not None:
        flags |= BORDER
        width = layer.border.width
        flags |= GROWN_BOX if shape.radius + width == 0 or not rounded else 0
        border = (width, layer.border.opacity, *centred(layer.border.color))
        beyond = max(beyond, width + _ANTIALIAS)
    return record(
        CARD,
        flags,
        reach=around(rect, beyond),
        opacity=layer.opacity,
        outline=_outline(shape),
        shadow=shadow,
        border=border,
        **picture,  # type: ignore[arg-type]
    )


def clip(shape: Shape) -> bytes:
    """An outline, for the passes that clip by it."""
    return record(0, _kind(shape), outline=_outline(shape))


def _kind(shape: Shape) -> int:
    """Flags that say how an outline is rounded."""
    square = shape.radius == 0 or not (shape.round_top or shape.round_bottom)
    return (BOX if square else 0) | (SQUIRCLE if shape.kind is CornerKind.SQUIRCLE else 0)


def _outline(shape: Shape) -> tuple[float, ...]:
    rect = shape.rect
    return (
        rect.x + rect.w / 2,
        rect.y + rect.h / 2,
        rect.w / 2,
        rect.h / 2,
        shape.radius if shape.round_top else -1.0,  # below 0: not rounded, however far it is grown
        shape.radius if shape.round_bottom else -1.0,
    )


def around(rect: Rect, beyond: float) -> tuple[int, int, int, int]:
    """Whole pixels around a rectangle: first and one past the last, kept in range."""
    x0, y0 = rect.x - beyond, rect.y - beyond
    x1, y1 = rect.right + beyond, rect.bottom + beyond
    low, high = float(-(1 << 30)), float(1 << 30)
    x0, y0, x1, y1 = (min(max(v, low), high) for v in (x0, y0, x1, y1))
    return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)


class Axis(NamedTuple):
    """How one axis of a picture is resampled: position ``p`` shows sample ``(p - to) * step + base``."""

    to: float
    step: float
    """Samples of luma a pixel; below 0 where the picture is mirrored."""
    base: float
    low: int
    """First sample that may be used; those outside count as the nearest one inside."""
    high: int
    """The last."""


def axis(
    to: float, to_size: float, origin: float, size: float, count: int, *, chroma_first: float | None, mirror: bool
) -> Axis:
    """One axis of one plane.

    Args:
        to, to_size: Where the crop goes, in output pixels.
        origin, size: The crop, in luma samples of the source.
        count: Samples of the plane.
        chroma_first: Where the first sample of chroma lies, in luma samples; ``None`` for luma.
        mirror: Flipped.
    """
    pitch, first = (1.0, 0.5) if chroma_first is None else (2.0, chroma_first)
    low = max(0, math.ceil((origin - first) / pitch))
    high = min(count - 1, math.ceil((origin + size - first) / pitch) - 1)
    if high < low:
        low = high = min(count - 1, max(0, round((origin + size / 2 - first) / pitch)))
    step = size / to_size
    return Axis(to + to_size if mirror else to, -step if mirror else step, (origin - first) / pitch, low, high)


def axes(layer: PictureLayer, source: SourcePlanes, *, chroma: bool) -> tuple[Axis, Axis]:
    """Across and down, of one of the grids."""
    columns, rows = source.plane_size(chroma)
    crop, rect = layer.crop, layer.rect
    across, down = (0.5, 1.0) if chroma else (None, None)
    return (
        axis(rect.x, rect.w, crop.x, crop.w, columns, chroma_first=across, mirror=layer.mirror),
        axis(rect.y, rect.h, crop.y, crop.h, rows, chroma_first=down, mirror=False),
    )


def picture(layer: PictureLayer, source: SourcePlanes) -> bytes:
    """A picture that is sampled where it is drawn."""
    x, y = axes(layer, source, chroma=False)
    cx, cy = axes(layer, source, chroma=True)
    return card(
        layer,
        flags=NV12 if source.interleaved else 0,
        planes=(source.luma, source.blue, source.red, source.luma_stride, source.chroma_stride),
        place=(x.to, y.to, x.step, y.step, x.base, y.base),
        used=(x.low, x.high, y.low, y.high),
        chroma_base=(cx.base, cy.base),
        chroma_used=(cx.low, cx.high, cy.low, cy.high),
    )


def made_picture(layer: PictureLayer, sheet: Sheet) -> bytes:
    """A picture that other passes have made."""
    return card(layer, flags=IMAGE, luma=sheet.luma, chroma=sheet.chroma)


def fill(layer: FillLayer) -> bytes:
    return card(layer, flags=FILL, fill=centred(layer.color))


# --- finished pictures -----------------------------------------------------------------------------------------------


def art(sheet: Sheet, opacity: float = 1.0, *, in_arena: bool = False) -> bytes:
    """A premultiplied picture on whole samples."""
    image = sheet.luma
    reach = (image.x, image.y, image.x + image.w, image.y + image.h)
    flags = ARENA if in_arena else 0
    return record(ART, flags, reach, opacity, luma=image, chroma=sheet.chroma)


def warped(sheet: Sheet, opacity: float, matrix: tuple[float, ...]) -> bytes:
    return record(WARPED, opacity=opacity, luma=sheet.luma, chroma=sheet.chroma, numbers=matrix)


def moved(sheet: Sheet, blur: Blur) -> bytes:
    """The motion blur of a movement, of a picture in the grown frame."""
    numbers = []
    for pitch in (1.0, 2.0):
        dx, dy = blur.dx / pitch, blur.dy / pitch
        length = max(abs(dx), abs(dy))
        step = math.ceil(length / 64) if length > 1 else 1
        last = math.ceil(length / (2 * step) - 0.5) if length > 1 else 0
        numbers += [dx, dy, float(step), float(last)]
    return record(MOVED, luma=sheet.luma, chroma=sheet.chroma, numbers=(*numbers, 0.0))


class Scaling(NamedTuple):
    """One step of a scaling's motion blur on one grid: the mean of what is seen at two scales."""

    near: float
    far: float
    origin: tuple[float, float]
    """Of the grid: the sample that stays, across and down."""
    box: IntRect
    """Samples to make."""


def scalings(blur: Blur, size: tuple[int, int], *, chroma: bool) -> list[Scaling]:
    """The steps, in order; the last one makes the frame's own samples."""
    pitch = 2.0 if chroma else 1.0
    point = centre(blur)
    origin = (point[0] - 0.5) / pitch, (point[1] - pitch / 2) / pitch
    first, second, *rest = steps(blur, size)
    box = IntRect(0, 0, size[0] // int(pitch), size[1] // int(pitch))
    made: list[Scaling] = []
    for step in reversed(rest):  # backwards: what the step before has to give
        scale = math.exp(-step)
        made.append(Scaling(1.0, scale, origin, box))
        box = _seen(box, origin, scale)
    made.append(Scaling(math.exp(-first), math.exp(-second), origin, box))
    return made[::-1]


def _seen(box: IntRect, origin: tuple[float, float], scale: float) -> IntRect:
    """Samples of which ``box`` is made when it is mixed with itself at ``scale``."""
    ends = []
    for first, count, o in ((box.x, box.w, origin[0]), (box.y, box.h, origin[1])):
        places = o + (first - o) * scale, o + (first + count - 1 - o) * scale
        ends.append((min(first, math.floor(min(places))), max(first + count, math.floor(max(places)) + 2)))
    (x0, x1), (y0, y1) = ends
    return IntRect(x0, y0, x1 - x0, y1 - y0)
