"""The pointer as a sprite at its recorded position (cap-format 3.6, raw mode)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.scene.plan.layers import SpriteLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.shapes import overlaps

if TYPE_CHECKING:
    from reelpress.recording.model import PointerImage
    from reelpress.scene.card import CardPose
    from reelpress.scene.geometry import Crop, Size

BASE_HEIGHT = 60.0
"""Pixels on a screen 1080 high, at size 100."""
WIDE = 2.0
"""Images wider than this many times their height are sized by their width, not by their height."""


@dataclass(frozen=True, slots=True)
class PointerGround:
    """What maps pointer fractions to the output, for one recording segment."""

    screen: Size
    """Display pixels of the captured area."""
    crop: Crop
    scale: float
    """``cursor.size / 100``."""

    def sprite(self, image: PointerImage, x: float, y: float, pose: CardPose) -> SpriteLayer | None:
        """The pointer image with its hotspot at (x, y), fractions of the captured area; ``None`` when out of sight.

        Height: ``60 * (screenH / 1080) * (cardH / cropH) * size / 100``, with the card as zoomed.
        """
        card, crop = pose.rect, self.crop
        length = BASE_HEIGHT * (self.screen[1] / 1080) * (card.h / float(crop.h)) * self.scale
        if image.width > WIDE * image.height:
            w, h = length, length * image.height / image.width
        else:
            w, h = length * image.width / image.height, length
        px = card.x + (x * self.screen[0] - float(crop.x)) / float(crop.w) * card.w
        py = card.y + (y * self.screen[1] - float(crop.y)) / float(crop.h) * card.h
        rect = Rect(px - image.hotspot[0] * w, py - image.hotspot[1] * h, w, h)
        if w <= 0 or h <= 0 or not overlaps(rect, pose.shape.rect):
            return None
        clip = None if pose.covers else pose.shape
        return SpriteLayer(str(image.path), rect, 1.0, clip, image.width, image.height)
