"""A panel: a picture that fills an outline, in output pixels. What camera and scenes hand to the director."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.scene.easing import lerp
from reelpress.scene.plan.layers import PictureLayer
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from reelpress.scene.plan.effects import Blur, Grade
    from reelpress.scene.plan.outline import Border, Shadow, Shape


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything about a picture in a frame but which frame of the video it shows."""

    crop: Rect
    """What is seen of the source, in its stored pixels."""
    rect: Rect
    """Where that goes."""
    shape: Shape
    content: Rect
    """Where the whole crop that the project asks for goes (it may reach out of the shape): what maps the pointer."""
    shadow: Shadow | None = None
    border: Border | None = None
    opacity: float = 1.0
    mirror: bool = False
    soften: float = 0.0

    def layer(self, source: str, frame: int, grade: Grade | None = None, blur: Blur | None = None) -> PictureLayer:
        """The layer that shows picture ``frame`` of ``source`` so."""
        return PictureLayer(
            source, frame, self.crop, self.rect, self.shape, self.shadow, self.border, self.opacity, self.mirror,
            self.soften, grade, blur,
        )  # fmt: skip


def panel(
    crop: Rect,
    content: Rect,
    shape: Shape,
    *,
    shadow: Shadow | None = None,
    border: Border | None = None,
    opacity: float = 1.0,
    mirror: bool = False,
    soften: float = 0.0,
) -> Panel:
    """A panel that maps ``crop`` (stored pixels) onto ``content``, cut down to what its shape lets be seen."""
    outline = shape.rect
    seen, rect = crop, content
    if content != outline:
        rect = content.intersect(outline)
        sx, sy = crop.w / content.w, crop.h / content.h
        left = content.right - rect.right if mirror else rect.x - content.x
        seen = Rect(crop.x + left * sx, crop.y + (rect.y - content.y) * sy, rect.w * sx, rect.h * sy)
    return Panel(seen, rect, shape, content, shadow, border, opacity, mirror, soften)


def fill(aspect: float, slot: Rect, focus: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0) -> Rect:
    """Where a picture of ``aspect`` goes to cover ``slot``.

    Args:
        focus: The point of the picture (fractions, as displayed) that is in the middle of the slot, as far as the
            slot stays covered.
        zoom: Enlarges the picture; less than 1 counts as 1.
    """
    zoom = max(zoom, 1.0)
    if slot.w >= slot.h * aspect:
        w = slot.w * zoom
        h = max(w / aspect, slot.h)
    else:
        h = slot.h * zoom
        w = max(h * aspect, slot.w)
    x = min(max(slot.x + slot.w / 2 - focus[0] * w, slot.right - w), slot.x)
    y = min(max(slot.y + slot.h / 2 - focus[1] * h, slot.bottom - h), slot.y)
    return Rect(x, y, w, h)


def lerp_rect(a: Rect, b: Rect, u: float) -> Rect:
    """Between two rectangles, edge by edge."""
    if u == 0 or a == b:
        return a
    if u == 1:
        return b
    return Rect(lerp(a.x, b.x, u), lerp(a.y, b.y, u), lerp(a.w, b.w, u), lerp(a.h, b.h, u))
