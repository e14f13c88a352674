"""Window and laptop frames around the card, and the display's notch (cap-format 3.1, 2.2).

All sizes are fractions of the content's height; the drawings are ours: boxes, discs and one line of text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.project.background import FALLBACK_NOTCH, FrameStyle, FrameTheme
from reelpress.scene.plan.layers import FillLayer, TextLayer
from reelpress.scene.plan.outline import CornerKind, Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Fit, TextRun, TextSpan, TextStyle, ink_bounds

if TYPE_CHECKING:
    from reelpress.project.background import NotchConfig, WindowFrame
    from reelpress.recording.model import RecordingSegment
    from reelpress.scene.camera_panel import Panel
    from reelpress.scene.geometry import Crop, Size
    from reelpress.scene.plan.fills import RGB
    from reelpress.scene.plan.layers import Layer
    from reelpress.scene.text_run import TextMeasure

BAR = {FrameStyle.MACOS: 0.055, FrameStyle.WINDOWS: 0.05, FrameStyle.BROWSER: 0.075}
"""Height of the title bar."""
BEZEL = 0.028
BASE_SIDE, BASE_BELOW = 0.10, 0.028 + 0.045 + 0.035
"""A laptop's base: beyond the content at the sides, and below it."""

_DARK: dict[str, RGB] = {"bar": (0.17, 0.17, 0.18), "field": (0.24, 0.24, 0.26), "ink": (0.82, 0.82, 0.84)}
_LIGHT: dict[str, RGB] = {"bar": (0.91, 0.91, 0.92), "field": (1.0, 1.0, 1.0), "ink": (0.25, 0.25, 0.27)}
_LAMPS: tuple[RGB, ...] = ((1.0, 0.37, 0.34), (1.0, 0.74, 0.18), (0.16, 0.79, 0.25))


@dataclass(frozen=True, slots=True)
class ChromeStyle:
    """A frame that is drawn."""

    style: FrameStyle
    dark: bool
    text: str
    measure: TextMeasure | None

    @classmethod
    def of(cls, frame: WindowFrame | None, measure: TextMeasure | None) -> ChromeStyle | None:
        """``None`` when there is nothing to draw."""
        if frame is None or frame.style is FrameStyle.NONE:
            return None
        text = (frame.url if frame.style is FrameStyle.BROWSER else frame.title) or ""
        return cls(frame.style, frame.theme is FrameTheme.DARK, text.strip(), measure)

    @property
    def insets(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, in content heights, by which the outer shape exceeds the content."""
        if self.style is FrameStyle.MACBOOK:
            return BASE_SIDE, BEZEL, BASE_SIDE, BASE_BELOW
        return 0.0, BAR[self.style], 0.0, 0.0

    def content(self, box: Rect) -> Rect:
        """The content's rectangle of the shape of ``box``, so that the outer shape stays in ``box``, centred."""
        left, top, right, bottom = self.insets
        aspect = box.w / box.h
        h = min(box.h / (1 + top + bottom), box.w / (aspect + left + right))
        w = h * aspect
        x = box.x + (box.w - w - (left + right) * h) / 2 + left * h
        y = box.y + (box.h - (1 + top + bottom) * h) / 2 + top * h
        return Rect(x, y, w, h)


def chrome(style: ChromeStyle, card: Panel, share: float = 1.0) -> tuple[tuple[Layer, ...], tuple[Layer, ...], Panel]:
    """Layers behind and in front of the card, and the card as it is inside its frame.

    Shadow and border move to the outer shape; a title bar squares the card's upper corners.

    Args:
        share: 0..1: how much of the frame there is; what it lacks of shadow and border the card keeps.
    """
    opacity = card.opacity * share
    inside = replace(card, shadow=None, border=None)
    if share < 1:
        shadow, border = card.shadow, card.border
        inside = replace(
            card,
            shadow=None if shadow is None else replace(shadow, opacity=shadow.opacity * (1 - share)),
            border=None if border is None else replace(border, opacity=border.opacity * (1 - share)),
        )
    rect, h = card.shape.rect, card.shape.rect.h
    if style.style is FrameStyle.MACBOOK:
        return _laptop(card, rect, h, opacity), (), inside
    bar = BAR[style.style] * h
    outer = Shape(Rect(rect.x, rect.y - bar, rect.w, h + bar), card.shape.radius, card.shape.kind)
    colors = _DARK if style.dark else _LIGHT
    behind = FillLayer(outer, colors["bar"], opacity, card.shadow, card.border)
    inside = replace(inside, shape=replace(card.shape, round_top=False))
    return (behind,), tuple(_bar(style, Rect(rect.x, rect.y - bar, rect.w, bar), colors, opacity)), inside


def _bar(style: ChromeStyle, bar: Rect, colors: dict[str, RGB], opacity: float) -> list[Layer]:
    layers: list[Layer] = []
    middle = bar.y + bar.h / 2
    room = Rect(bar.x + 0.2 * bar.w, bar.y, 0.6 * bar.w, bar.h)
    if style.style is FrameStyle.WINDOWS:
        ink, s = colors["ink"], 0.22 * bar.h
        for k in range(3):  # minimise, maximise, close, as plain marks
            x = bar.right - (0.8 + 1.4 * (2 - k)) * bar.h
            mark = Rect(x - s / 2, middle - (s / 2 if k else s / 12), s, s if k else s / 6)
            layers.append(FillLayer(Shape(mark, 0.12 * s if k == 1 else s / 2 if k == 2 else 0.0), ink, 0.8 * opacity))
        room = Rect(bar.x + 0.6 * bar.h, bar.y, bar.w * 0.6, bar.h)
    else:
        lamp = 0.24 * bar.h if style.style is FrameStyle.MACOS else 0.18 * bar.h
        for k, color in enumerate(_LAMPS):
            x = bar.x + 0.75 * bar.h + 1.7 * lamp * k
            disc = Rect(x - lamp / 2, middle - lamp / 2, lamp, lamp)
            layers.append(FillLayer(Shape(disc, lamp / 2, CornerKind.ROUNDED), color, opacity))
    if style.style is FrameStyle.BROWSER:
        field = Rect(room.x, middle - 0.27 * bar.h, room.w, 0.54 * bar.h)
        layers.append(FillLayer(Shape(field, 0.27 * bar.h, CornerKind.ROUNDED), colors["field"], opacity))
        room = Rect(field.x + 0.4 * bar.h, bar.y, field.w - 0.8 * bar.h, bar.h)
    if style.text and style.measure is not None and room.w > 4:
        font = (0.30 if style.style is FrameStyle.BROWSER else 0.36) * bar.h
        run = TextRun(
            (TextSpan(style.text),), TextStyle(size=font, weight=500, color=colors["ink"]), fit=Fit(room.w, 0.2)
        )
        metrics = style.measure(run)
        left = style.style is FrameStyle.WINDOWS
        x = room.x if left else room.x + (room.w - metrics.width) / 2
        y = middle - metrics.height / 2
        layers.append(TextLayer(run, x, y, 1.0, opacity, ink_bounds(run, metrics, x, y)))
    return layers


def _laptop(card: Panel, rect: Rect, h: float, opacity: float) -> tuple[Layer, ...]:
    bezel = BEZEL * h
    lid = Shape(rect.outset(bezel), card.shape.radius + bezel, CornerKind.ROUNDED)
    base = Rect(rect.x - BASE_SIDE * h, rect.bottom + bezel, rect.w + 2 * BASE_SIDE * h, (0.045 + 0.035) * h)
    plate = FillLayer(
        Shape(base, 0.6 * base.h, CornerKind.ROUNDED, round_top=False), (0.72, 0.73, 0.75), opacity, card.shadow
    )
    groove = Rect(rect.x + 0.44 * rect.w, base.y, 0.12 * rect.w, 0.3 * base.h)
    dent = FillLayer(Shape(groove, 0.5 * groove.h, CornerKind.ROUNDED, round_top=False), (0.58, 0.59, 0.61), opacity)
    return plate, dent, FillLayer(lid, (0.05, 0.05, 0.055), opacity, card.shadow)


@dataclass(frozen=True, slots=True)
class NotchSpot:
    """Fractions of the display."""

    x: float
    width: float
    height: float

    @classmethod
    def of(cls, config: NotchConfig | None, segment: RecordingSegment) -> NotchSpot | None:
        """The project's, else the one that was recorded, else that of a usual display; ``None`` where it is off."""
        if config is None or not config.enabled:
            return None
        found = segment.notch
        fallback = FALLBACK_NOTCH if found is None else (found.x, found.width, found.height)
        return cls(
            fallback[0] if config.x is None else config.x,
            fallback[1] if config.width is None else config.width,
            fallback[2] if config.height is None else config.height,
        )


def notch(
    spot: NotchSpot, screen: Size, crop: Crop, card: Rect, outline: Shape, opacity: float = 1.0
) -> tuple[Layer, ...]:
    """The notch at the display's upper edge, on a card whose crop lies at ``card``; nothing when it is cropped away."""
    sx, sy = card.w / float(crop.w), card.h / float(crop.h)
    x = card.x + (spot.x * screen[0] - float(crop.x)) * sx
    y = card.y - float(crop.y) * sy
    rect = Rect(x, y, spot.width * screen[0] * sx, spot.height * screen[1] * sy)
    seen = rect.intersect(outline.rect)
    if seen.w <= 0 or seen.h <= 0:
        return ()
    return (FillLayer(Shape(seen, 0.35 * seen.h, CornerKind.ROUNDED, round_top=False), (0.0, 0.0, 0.0), opacity),)
