"""The pointer as a sprite: rectangle, tilt, blur and clip in output pixels (cap-format 3.6)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reelpress.scene.plan.effects import Blur
from reelpress.scene.plan.layers import SpriteLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.pointer import BASE_HEIGHT, WIDE
from reelpress.scene.shapes import overlaps

if TYPE_CHECKING:
    from reelpress.recording.model import PointerImage
    from reelpress.scene.geometry import Crop, Size
    from reelpress.scene.plan.effects import Grade
    from reelpress.scene.plan.outline import Shape
    from reelpress.scene.pointer_path import PointerState

BLUR_MAX = 480.0
"""Longest blur in output pixels."""
BLUR_MAX_WIDTHS = 4.0
"""Longest blur in widths of the sprite."""
BLUR_MIN = 1.0
"""Shorter blurs (pixels) cannot be seen and are left out."""
BLUR_FPS = 60.0
"""Output rate at which the blur is as long as the way made in one frame."""

TILT_MIN = 0.125
"""A tilt that moves no pixel of the sprite by more than this many pixels cannot be seen and is left out: drawing art
that is turned costs twice as much, and a pointer at rest would not rest until it has swung back."""

Vector = tuple[float, float]
STILL: Vector = (0.0, 0.0)


def position(x: float, y: float, screen: Size, crop: Crop, card: Rect) -> Vector:
    """Output pixels of (x, y), fractions of the captured area, on a card lying at ``card`` (zoomed)."""
    return (
        card.x + (x * screen[0] - float(crop.x)) / float(crop.w) * card.w,
        card.y + (y * screen[1] - float(crop.y)) / float(crop.h) * card.h,
    )


def extent(image: PointerImage, screen: Size, crop: Crop, card: Rect, scale: float) -> Vector:
    """Width and height in output pixels.

    The height is ``60 * (screenH / 1080) * (cardH / cropH) * scale``; of images more than twice as wide as high that
    is the width.

    Args:
        scale: ``cursor.size / 100`` times the click scale.
    """
    length = BASE_HEIGHT * (screen[1] / 1080) * (card.h / float(crop.h)) * scale
    if image.width > WIDE * image.height:
        return length, length * image.height / image.width
    return length * image.width / image.height, length


def motion_blur(travel: Vector, amount: float, fps: float, width: float) -> Vector:
    """The way along which a sprite is blurred: ``travel * amount * fps / 60``, at most 480 px and 4 widths.

    Args:
        travel: Output pixels from the previous output frame to this one.
        amount: ``cursor.motionBlur``, 0..1.
        fps: Output frames a second.
        width: Of the sprite, output pixels.
    """
    factor = amount * fps / BLUR_FPS
    x, y = travel[0] * factor, travel[1] * factor
    length = math.hypot(x, y)
    if not BLUR_MIN <= length < math.inf:
        return STILL
    most = min(BLUR_MAX, BLUR_MAX_WIDTHS * width)
    return (x, y) if length <= most else (x * most / length, y * most / length)


def pointer_sprite(
    state: PointerState,
    image: PointerImage,
    screen: Size,
    crop: Crop,
    card: Rect,
    outline: Shape,
    *,
    size: float,
    clip: bool,
    came_from: Vector | None = None,
    blur: float = 0.0,
    fps: float = 60.0,
    grade: Grade | None = None,
) -> SpriteLayer | None:
    """The pointer in one frame; ``None`` when none of it can be seen.

    Args:
        screen: Display pixels of the captured area.
        card: Where the crop lies in this frame, zoomed.
        outline: What the pointer is cut by; ``clip`` says whether it is (not when the card covers the frame).
        size: ``cursor.size / 100``.
        came_from: Output pixels of the pointer in the previous frame (with the card as it lay then); ``None`` when
            there is none, as after a cut.
        blur: ``cursor.motionBlur``.
        grade: Of the screen, with ``colorCorrection.gradeCursor``.
    """
    if state.opacity <= 0:
        return None
    w, h = extent(image, screen, crop, card, size * state.scale)
    if w <= 0 or h <= 0:
        return None
    px, py = position(state.x, state.y, screen, crop, card)
    smear = STILL if came_from is None else motion_blur((px - came_from[0], py - came_from[1]), blur, fps, w)
    rect = Rect(px - image.hotspot[0] * w, py - image.hotspot[1] * h, w, h)
    reach = Rect(rect.x - abs(smear[0]), rect.y - abs(smear[1]), w + 2 * abs(smear[0]), h + 2 * abs(smear[1]))
    angle = state.angle
    if angle:
        away = max(math.hypot(cx - px, cy - py) for cx in (rect.x, rect.right) for cy in (rect.y, rect.bottom))
        if abs(angle) * away <= TILT_MIN:
            angle = 0.0
        away += math.hypot(*smear)
        reach = Rect(px - away, py - away, 2 * away, 2 * away)
    if not overlaps(reach, outline.rect):
        return None
    return SpriteLayer(
        str(image.path),
        rect,
        state.opacity,
        outline if clip else None,
        image.width,
        image.height,
        angle,
        (px, py) if angle else STILL,
        grade,
        None if smear is STILL else Blur(*smear),
    )
