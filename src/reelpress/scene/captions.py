"""Captions (cap-format 3.9): one line each, shrunk to fit, with word highlight, pill and entrance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.project.captions import CaptionAnimation, HighlightStyle
from reelpress.scene.easing import lerp, out_back, out_cubic, unit
from reelpress.scene.plan.layers import TextLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import (
    OUTLINE_WIDTH,
    Backing,
    Fit,
    Outline,
    Pill,
    TextRun,
    TextSpan,
    TextStyle,
    ink_bounds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.project.captions import Captions, CaptionSegment, CaptionSettings, CaptionWord
    from reelpress.scene.geometry import Size
    from reelpress.scene.plan.fills import RGB
    from reelpress.scene.text_run import TextMeasure, TextMetrics

PADDING, RADIUS = 0.5, 0.55
"""Of the box, in font sizes."""
TOP, BOTTOM, SIDE = 0.08, 0.85, 0.05
"""Centre from the top, and margin at the sides, as fractions of the frame."""
WIDEST = 0.9
BOUNCE = 8.0
"""Pixels at output height 1080."""
POP_FROM = 0.72
INACTIVE = 0.8
"""Opacity of words that are not being spoken, where the spoken one is stressed."""
LAST_WORD = 2.5
"""Seconds that the last word of a caption is stressed at most."""


def rgb(color: Sequence[float]) -> RGB:
    """0..255 -> 0..1."""
    return (color[0] / 255, color[1] / 255, color[2] / 255)


def place(
    metrics: TextMetrics, size: Size, position: str, manual: tuple[float, float] | None, padding: float
) -> tuple[float, float]:
    """Top-left corner of a block of text for a named or manual position; its padded box stays inside the margins."""
    w, h = size
    half = metrics.width / 2 + padding
    if manual is not None:
        cx, cy = manual[0] * w, manual[1] * h
    else:
        cy = (TOP if "top" in position else 0.5 if position.startswith(("middle", "center")) else BOTTOM) * h
        cx = SIDE * w + half if "left" in position else w - SIDE * w - half if "right" in position else w / 2
    cx = min(max(cx, min(SIDE * w + half, w / 2)), max(w - SIDE * w - half, w / 2))
    return cx - metrics.width / 2, cy - metrics.height / 2


class CaptionTrack:
    """All captions of a project. Immutable."""

    def __init__(
        self,
        captions: Captions | None,
        segments: Sequence[CaptionSegment],
        size: Size,
        measure: TextMeasure,
    ) -> None:
        """Lay out the segments (output time); none are shown unless ``captions.settings`` has them enabled."""
        settings = captions.settings if captions is not None else None
        shown = [s for s in segments if s.end > s.start] if settings is not None and settings.enabled else []
        self._cues = tuple(_Cue(segment, settings, size, measure) for segment in shown if settings is not None)

    def layers(self, time: float) -> tuple[TextLayer, ...]:
        """Captions at an output time in seconds."""
        return tuple(layer for cue in self._cues if (layer := cue.layer(time)) is not None)

    def boxes(self, time: float) -> tuple[Rect, ...]:
        """Where the captions shown then rest: the text with its padding, in output pixels."""
        return tuple(cue.box(time) for cue in self._cues if cue.opacity(time) > 0)


class _Cue:
    def __init__(self, segment: CaptionSegment, settings: CaptionSettings, size: Size, measure: TextMeasure) -> None:
        self.start, self.end = float(segment.start), float(segment.end)
        fade = segment.fade_duration_override
        self._fade = float(settings.fade_duration if fade is None else fade)
        self._settings, self._size, self._measure = settings, size, measure
        self._scale = size[1] / 1080
        self._font = settings.size * self._scale
        self._position = segment.position_override or settings.position
        self._words = tuple(segment.words) if settings.active_word_highlight else ()
        self._texts = self._spelled(segment)
        self._shown = bool("".join(self._texts).strip()) and self._font > 0
        self._placed: tuple[float, float, TextMetrics] | None = None

    def _spelled(self, segment: CaptionSegment) -> tuple[str, ...]:
        texts = [word.text.strip() for word in self._words] or [" ".join(segment.text.split())]
        if self._settings.uppercase:
            texts = [text.upper() for text in texts]
        return tuple(text + " " for text in texts[:-1]) + tuple(texts[-1:])

    def opacity(self, time: float) -> float:
        """0..1; 0 when it is not shown."""
        if not self.start <= time < self.end + self._fade or not self._shown:
            return 0.0
        left = unit((time - self.end) / self._fade) if self._fade > 0 else 0.0
        return self._entered(time) * (1.0 - left)

    def box(self, time: float) -> Rect:
        """Where it rests, with its padding. Only while it is shown."""
        x, y, metrics = self._placed or self._place(self._run(time))
        return Rect(x, y, metrics.width, metrics.height).outset(PADDING * self._font * metrics.scale)

    def layer(self, time: float) -> TextLayer | None:
        """``None`` when it is not shown."""
        opacity = self.opacity(time)
        if opacity <= 0:
            return None
        run, entered = self._run(time), self._entered(time)
        x, y, metrics = self._place(run)
        scale, animation = 1.0, self._settings.animation
        if animation is CaptionAnimation.BOUNCE:
            y += BOUNCE * self._scale * (1.0 - out_cubic(entered))
        elif animation is CaptionAnimation.POP:
            scale = lerp(POP_FROM, 1.0, out_back(entered))
            x, y = x + metrics.width * (1 - scale) / 2, y + metrics.height * (1 - scale) / 2
        return TextLayer(run, x, y, scale, opacity, ink_bounds(run, metrics, x, y, scale))

    def _entered(self, time: float) -> float:
        return unit((time - self.start) / self._fade) if self._fade > 0 else 1.0

    def _place(self, run: TextRun) -> tuple[float, float, TextMetrics]:
        """Upper left corner at rest; the same for all runs of this caption, whichever word is stressed."""
        if self._placed is None:
            metrics, manual = self._measure(run), self._settings.manual_position
            at = place(
                metrics,
                self._size,
                self._position,
                (manual.x, manual.y) if manual else None,
                PADDING * self._font * metrics.scale,
            )
            self._placed = (*at, metrics)
        return self._placed

    def _run(self, time: float) -> TextRun:
        s = self._settings
        style = TextStyle(
            size=self._font,
            family=s.font,
            weight=round(s.font_weight),
            color=rgb(s.color),
            outline=Outline(OUTLINE_WIDTH * self._scale, rgb(s.outline_color)) if s.outline else None,
        )
        weights = [self._weight(k, time) for k in range(len(self._words))]
        if weights:
            base, strong = rgb(s.color), rgb(s.highlight_color)
            colored = s.highlight_style is HighlightStyle.COLOR
            spans = tuple(
                TextSpan(
                    text,
                    _mix(base, strong, w) if colored else None,
                    lerp(INACTIVE, 1.0, w),
                )
                for text, w in zip(self._texts, weights, strict=True)
            )
        else:
            spans = tuple(TextSpan(text) for text in self._texts)
        backing = None
        if s.background_opacity > 0:
            backing = Backing(
                rgb(s.background_color), s.background_opacity / 100, PADDING * self._font, RADIUS * self._font
            )
        return TextRun(
            spans,
            style,
            fit=Fit(WIDEST * self._size[0] - 2 * PADDING * self._font),
            backing=backing,
            pill=self._pill(time) if weights and s.highlight_style is HighlightStyle.PILL else None,
        )

    def _weight(self, k: int, time: float) -> float:
        """How far word ``k`` is stressed: blending in from its start, and out from the next one's."""
        start, end = self._spoken(k)
        ramp = float(self._settings.word_transition_duration)
        if ramp <= 0:
            return 1.0 if start <= time < end else 0.0
        return unit((time - start) / ramp) * (1.0 - unit((time - end) / ramp))

    def _spoken(self, k: int) -> tuple[float, float]:
        word: CaptionWord = self._words[k]
        start = float(word.start)
        if k + 1 < len(self._words):
            return start, float(self._words[k + 1].start)
        return start, min(max(float(word.end), start), start + LAST_WORD)

    def _pill(self, time: float) -> Pill | None:
        """The box behind the spoken word, on its way from the one before."""
        current = -1
        for k in range(len(self._words)):
            if self._spoken(k)[0] <= time:
                current = k
        if current < 0:
            return None
        ramp = float(self._settings.word_transition_duration)
        progress = out_cubic((time - self._spoken(current)[0]) / ramp) if ramp > 0 else 1.0
        return Pill(
            max(current - 1, 0),
            current,
            progress,
            rgb(self._settings.highlight_color),
            padding_x=0.18 * self._font,
            padding_y=0.02 * self._font,
            radius=0.25 * self._font,
        )


def _mix(a: RGB, b: RGB, u: float) -> RGB:
    return (lerp(a[0], b[0], u), lerp(a[1], b[1], u), lerp(a[2], b[2], u))
