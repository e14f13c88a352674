"""The display card: picture, corners, shadow and border as one layer (cap-format 3.2, 3.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.scene.plan.layers import PictureLayer
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.shapes import covers_frame

if TYPE_CHECKING:
    from reelpress.project.background import Background
    from reelpress.scene.geometry import Crop, Size
    from reelpress.scene.zoom import ZoomState


@dataclass(frozen=True, slots=True)
class CardStyle:
    """Decoration in the project's units."""

    rounding: float = 0.0
    """0..1 of half the shorter side."""
    kind: CornerKind = CornerKind.SQUIRCLE
    shadow_size: float = 0.0
    """Fraction of half the shorter side."""
    shadow_blur: float = 0.0
    """Fraction of half the shorter side."""
    shadow_opacity: float = 0.0
    """0..1."""
    border: Border | None = None
    """Width in output pixels, unzoomed."""

    @classmethod
    def of(cls, background: Background) -> CardStyle:
        """The card style of a project: percentages resolved (cap-format 3.2)."""
        strength, shape = background.shadow / 100, background.shadow_shape
        border = background.border
        ring = None
        if border is not None and border.enabled and border.width > 0 and border.opacity > 0:
            r, g, b = border.color
            ring = Border(border.width, (r / 255, g / 255, b / 255), min(border.opacity / 100, 1.0))
        return cls(
            rounding=min(background.rounding / 100, 1.0),
            kind=CornerKind(background.rounding_type.value),
            shadow_size=strength * shape.size / 100,
            shadow_blur=strength * shape.blur / 100,
            shadow_opacity=min(strength * shape.opacity / 100, 1.0),
            border=ring,
        )

    def shape(self, rect: Rect) -> Shape:
        """The outline of a card lying at ``rect``."""
        return Shape(rect, self.rounding * min(rect.w, rect.h) / 2, self.kind)

    def shadow(self, rect: Rect) -> Shadow | None:
        """The shadow of a card lying at ``rect``, if it can be seen."""
        half = min(rect.w, rect.h) / 2
        size, blur = self.shadow_size * half, self.shadow_blur * half
        if self.shadow_opacity <= 0 or size + blur <= 0:
            return None
        return Shadow(size, blur, self.shadow_opacity)

    def border_at(self, zoom: float) -> Border | None:
        """The ring; a zoom enlarges it with the card."""
        if self.border is None or zoom == 1.0:
            return self.border
        return replace(self.border, width=self.border.width * zoom)


@dataclass(frozen=True, slots=True)
class CardPose:
    """Everything about the card but which frame it shows. Built once per resting or moving position."""

    rect: Rect
    shape: Shape
    shadow: Shadow | None
    border: Border | None
    covers: bool
    """It hides the whole frame: no background, shadow, border or corner can be seen."""

    @classmethod
    def at(cls, rest: Rect, style: CardStyle, zoom: ZoomState, size: Size, *, blurred: bool = False) -> CardPose:
        """The card resting at ``rest``, zoomed, on a frame of ``size``.

        Args:
            blurred: It has motion blur, which lets its edges and what is beside them be seen.
        """
        rect = zoom.apply(rest)
        shape = style.shape(rect)
        if not blurred and covers_frame(shape, size):
            return cls(rect, Shape(rect, 0.0, style.kind), None, None, True)
        return cls(rect, shape, style.shadow(rect), style.border_at(zoom.amount), False)

    def layer(self, source: str, frame: int, crop: Rect) -> PictureLayer:
        """The layer that shows a picture in this pose."""
        return PictureLayer(source, frame, crop, self.rect, self.shape, self.shadow, self.border)


def stored_crop(crop: Crop, display: Size, stored: Size) -> Rect:
    """A crop in display pixels as one in stored pixels."""
    sx, sy = stored[0] / display[0], stored[1] / display[1]
    return Rect(float(crop.x) * sx, float(crop.y) * sy, float(crop.w) * sx, float(crop.h) * sy)
