"""Pressed keys on screen (cap-format 3.9). The editor derived the segments; raw key events are not looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.scene.captions import place, rgb
from reelpress.scene.easing import out_cubic, unit
from reelpress.scene.plan.layers import TextLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Backing, Fit, TextRun, TextSpan, TextStyle, ink_bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.project.captions import Keyboard, KeyboardSegment, KeyboardSettings
    from reelpress.scene.geometry import Size
    from reelpress.scene.text_run import TextMeasure

PADDING, RADIUS = 0.45, 0.5
"""Of the box, in font sizes."""
BOUNCE = 6.0
"""Pixels at output height 1080."""
GAP = 15.0
"""Pixels at output height 1080 that keys keep away from captions."""
WIDEST = 0.9
INSTANT = 1e-3
"""Milliseconds: times as close as this are the same, whatever the differences of floats say."""


class KeyboardTrack:
    """All key overlays of a project. Immutable."""

    def __init__(
        self, keyboard: Keyboard | None, segments: Sequence[KeyboardSegment], size: Size, measure: TextMeasure
    ) -> None:
        settings = keyboard.settings if keyboard is not None else None
        self._size, self._measure = size, measure
        self._settings = settings
        self._segments = tuple(segments) if settings is not None and settings.enabled else ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._segments)

    def layers(self, time: float, captions: Sequence[Rect]) -> tuple[TextLayer, ...]:
        """Keys at an output time in seconds, clear of the boxes of the captions shown then."""
        if self._settings is None:
            return ()
        found = (self._layer(segment, self._settings, time, captions) for segment in self._segments)
        return tuple(layer for layer in found if layer is not None)

    def _layer(
        self, segment: KeyboardSegment, settings: KeyboardSettings, time: float, captions: Sequence[Rect]
    ) -> TextLayer | None:
        start, end = float(segment.start), float(segment.end)
        own = segment.fade_duration_override
        fade = float(settings.fade_duration if own is None else own)
        if not start <= time < end + fade or not segment.display_text.strip():
            return None
        entered = unit((time - start) / fade) if fade > 0 else 1.0
        opacity = entered * (1.0 - (unit((time - end) / fade) if fade > 0 else 0.0))
        if opacity <= 0:
            return None
        scale = self._size[1] / 1080
        size = settings.size if segment.font_size_override is None else segment.font_size_override
        font = size * scale
        if font <= 0:
            return None
        upper = settings.uppercase if segment.uppercase_override is None else segment.uppercase_override
        text = segment.display_text.upper() if upper else segment.display_text
        ground = segment.background_color_override or settings.background_color
        run = TextRun(
            (TextSpan(text),),
            TextStyle(
                size=font,
                family=settings.font,
                weight=round(settings.font_weight),
                color=rgb(settings.color if segment.color_override is None else segment.color_override),
            ),
            fit=Fit(WIDEST * self._size[0] - 2 * PADDING * font),
            reveal=_typed(segment, text, time - start),
            backing=Backing(rgb(ground), settings.background_opacity / 100, PADDING * font, RADIUS * font)
            if settings.background_opacity > 0
            else None,
        )
        metrics = self._measure(run)
        manual = settings.manual_position
        position = segment.position_override or settings.position
        padding = PADDING * font * metrics.scale
        x, y = place(metrics, self._size, position, (manual.x, manual.y) if manual else None, padding)
        y += BOUNCE * scale * (1.0 - out_cubic(entered))
        if manual is None:
            box = Rect(x, y, metrics.width, metrics.height).outset(padding)
            y = _clear(y, box, captions, GAP * scale, "top" in position)
        return TextLayer(run, x, y, 1.0, opacity, ink_bounds(run, metrics, x, y))


def _typed(segment: KeyboardSegment, text: str, elapsed: float) -> int | None:
    """Characters shown: those whose key was pressed, where each has its own key."""
    if len(segment.keys) != len(text):
        return None
    now = elapsed * 1000 + INSTANT
    pressed = sum(1 for key in segment.keys if key.time_offset <= now)
    return None if pressed == len(text) else pressed


def _clear(y: float, box: Rect, captions: Sequence[Rect], gap: float, top: bool) -> float:
    """``y`` of the text, moved up (or down at the top) until its ``box`` keeps ``gap`` from every caption."""
    # Nearest to the edge first, so that giving way to one never ends on another that was passed already.
    for other in sorted(captions, key=lambda c: c.y if top else -c.bottom):
        beside = box.right <= other.x or other.right <= box.x
        if beside or box.bottom + gap <= other.y or other.bottom + gap <= box.y:
            continue
        move = other.bottom + gap - box.y if top else other.y - gap - box.bottom
        y, box = y + move, Rect(box.x, box.y + move, box.w, box.h)
    return y
