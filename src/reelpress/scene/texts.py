"""Text segments (cap-format 3.8): overlays with animations, full-screen titles, and titles beside the card."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.project.overlays import TextAnimation, TextLayout
from reelpress.scene.camera_panel import lerp_rect
from reelpress.scene.captions import rgb
from reelpress.scene.easing import ease, lerp, out_back, out_cubic, unit
from reelpress.scene.geometry import contain
from reelpress.scene.plan.layers import TextLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Align, TextRun, TextSpan, TextStyle, VerticalAlign, ink_bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.project.overlays import TextSegment
    from reelpress.scene.geometry import Size
    from reelpress.scene.text_run import TextMeasure, TextMetrics
    from reelpress.scene.zoom import ZoomState

SMALLEST, LARGEST = 8.0, 480.0
"""Font sizes at output height 1080."""
WHOLE = 0.98
"""Share of the output from which on a box does not wrap."""
SLIDE = 0.5
"""Font sizes."""
POP_FROM = 0.8
SHORTEST_MORPH = 0.05
"""Seconds."""
SHRUNK = 0.92
"""Of the card under a full-screen title."""
ROUNDING = 1e-6
"""Characters: so much of one is a rounding error, and does not show the next."""
SPLIT_PADDING = 0.05
"""Of the output's shorter side, around the card in its half."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """What a title does to the card: morphs it into half of the frame, or shrinks and fades it."""

    kind: TextLayout
    share: float
    """0..1: how far."""

    def card(self, rest: Rect, size: Size) -> Rect:
        """Where the card goes."""
        if self.kind is TextLayout.FULLSCREEN:
            k = lerp(1.0, SHRUNK, self.share)
            return Rect(rest.x + rest.w * (1 - k) / 2, rest.y + rest.h * (1 - k) / 2, rest.w * k, rest.h * k)
        w, h = size
        pad = SPLIT_PADDING * min(w, h)
        # The text lies left, so the card goes right, and the other way round.
        x = w / 2 if self.kind is TextLayout.SPLIT_LEFT else 0.0
        room = Rect(x + pad, pad, w / 2 - 2 * pad, h - 2 * pad)
        return lerp_rect(rest, contain(rest.w / rest.h, room), self.share)

    def zoom(self, zoom: ZoomState) -> ZoomState:
        """What is left of a zoom: beside a text the card stays in its half."""
        if self.kind is TextLayout.FULLSCREEN or zoom.identity:
            return zoom
        return replace(zoom, amount=lerp(zoom.amount, 1.0, self.share))

    @property
    def card_opacity(self) -> float:
        """Of the card: it fades under a full-screen title only."""
        return 1.0 - self.share if self.kind is TextLayout.FULLSCREEN else 1.0

    @property
    def rest_opacity(self) -> float:
        """Of camera, notch and window frame."""
        return 1.0 - self.share


class TextTrack:
    """All texts of a project. Immutable."""

    def __init__(self, segments: Sequence[TextSegment], size: Size, measure: TextMeasure) -> None:
        enabled = [s for s in segments if s.enabled and s.end > s.start]
        self._texts = tuple(_Text(segment, size, measure) for segment in sorted(enabled, key=lambda s: s.track))
        takers = [_Taker.of(s) for s in enabled if s.layout is not TextLayout.OVERLAY]
        self._takers = tuple(sorted(takers, key=lambda t: t.start, reverse=True))

    def layers(self, time: float) -> tuple[TextLayer, ...]:
        """Texts at an output time in seconds, in drawing order."""
        return tuple(layer for text in self._texts if (layer := text.layer(time)) is not None)

    def take_over(self, time: float) -> TakeOver | None:
        """What the card has to give way to; the title that began last wins."""
        for taker in self._takers:
            if taker.start <= time < taker.end:
                return TakeOver(taker.kind, ease(min(time - taker.start, taker.end - time) / taker.ramp))
        return None


@dataclass(frozen=True, slots=True)
class _Taker:
    """A title that takes over: seconds of output."""

    start: float
    end: float
    ramp: float
    kind: TextLayout

    @classmethod
    def of(cls, segment: TextSegment) -> _Taker:
        start, end = float(segment.start), float(segment.end)
        ramp = min(max(float(segment.layout_transition), SHORTEST_MORPH), (end - start) / 2)
        return cls(start, end, ramp, segment.layout)


class _Text:
    def __init__(self, segment: TextSegment, size: Size, measure: TextMeasure) -> None:
        self._segment, self._size, self._measure = segment, size, measure
        self.start, self.end = float(segment.start), float(segment.end)
        self._durations = float(segment.animation_in_duration), float(segment.animation_out_duration)
        scale = size[1] / 1080
        self._font = min(max(segment.font_size, SMALLEST), LARGEST) * scale
        w, h = segment.size.x * size[0], segment.size.y * size[1]
        self._box = Rect(segment.center.x * size[0] - w / 2, segment.center.y * size[1] - h / 2, w, h)
        style = TextStyle(
            size=self._font,
            family=segment.font_family,
            weight=round(segment.font_weight),
            italic=segment.italic,
            color=rgb(segment.color),
            letter_spacing=segment.letter_spacing * scale,
            line_height=segment.line_height,
            shadow=segment.shadow,
        )
        self._run = TextRun(
            (TextSpan(segment.content),),
            style,
            align=Align(segment.align.value),
            vertical_align=VerticalAlign.MIDDLE,
            wrap_width=None if w >= WHOLE * size[0] else 1.05 * w + 4 * scale,
        )
        self._metrics: TextMetrics | None = None

    def layer(self, time: float) -> TextLayer | None:
        segment = self._segment
        if not self.start <= time < self.end or not segment.content.strip():
            return None
        into = self._progress(time - self.start, self._durations[0], segment.animation_in)
        out = self._progress(self.end - time, self._durations[1], segment.animation_out)
        opacity = segment.opacity
        dy, scale, run = 0.0, 1.0, self._run
        for progress, animation, way in ((into, segment.animation_in, 1), (out, segment.animation_out, -1)):
            eased = out_cubic(progress)
            if animation in (TextAnimation.FADE, TextAnimation.SLIDE_UP, TextAnimation.SLIDE_DOWN, TextAnimation.POP):
                opacity *= eased
            if animation is TextAnimation.SLIDE_UP:
                dy += way * SLIDE * self._font * (1 - eased)  # from below; out goes on upwards
            elif animation is TextAnimation.SLIDE_DOWN:
                dy -= way * SLIDE * self._font * (1 - eased)
            elif animation is TextAnimation.POP:
                scale *= lerp(POP_FROM, 1.0, out_back(progress))
            elif animation is TextAnimation.TYPEWRITER and progress < 1:
                run = _revealed(run, math.ceil(progress * len(run.text) - ROUNDING))
        if opacity <= 0:
            return None
        if self._metrics is None:
            self._metrics = self._measure(self._run)
        metrics, box = self._metrics, self._box
        free = box.w - metrics.width
        x = box.x + {Align.LEFT: 0.0, Align.CENTER: free / 2, Align.RIGHT: free}[self._run.align]
        y = box.y + (box.h - metrics.height) / 2 + dy
        if scale != 1.0:
            x, y = x + metrics.width * (1 - scale) / 2, y + metrics.height * (1 - scale) / 2
        return TextLayer(run, x, y, scale, opacity, ink_bounds(run, metrics, x, y, scale))

    @staticmethod
    def _progress(elapsed: float, duration: float, animation: TextAnimation) -> float:
        return 1.0 if duration <= 0 or animation is TextAnimation.NONE else unit(elapsed / duration)


def _revealed(run: TextRun, count: int) -> TextRun:
    """``run`` with its first ``count`` characters, at most as many as it shows now."""
    shown = count if run.reveal is None else min(count, run.reveal)
    return run if shown >= len(run.text) else replace(run, reveal=shown)
