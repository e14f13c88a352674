"""``timeline.maskSegments`` -> effect layers (cap-format 3.10).

What a sensitive mask covers must not be seen in any frame of its span, so two things differ from Cap: its rectangle is
widened to whole even pixels (a chroma sample covers two), and a feather grows outwards from the rectangle instead of
thinning it inside.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from reelpress.project.overlays import MaskType
from reelpress.scene.easing import lerp, unit
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.layers import EffectLayer
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.project.overlays import MaskSegment
    from reelpress.scene.geometry import Size

MIN_AMOUNT, MAX_AMOUNT, DEFAULT_AMOUNT = 4.0, 80.0, 16.0
"""Cell size or blur in pixels of an output of height 1080."""
BLUR_FROM = 1000.0
"""A ``pixelation`` from here on is a blur of the rest."""


def keyed(keys: Sequence[tuple[float, float]], time: float, default: float) -> float:
    """Linear between keyframes (time, value), constant outside of them."""
    if not keys:
        return default
    after = bisect_right(keys, time, key=lambda k: k[0])
    if after == 0:
        return keys[0][1]
    if after == len(keys):
        return keys[-1][1]
    (t0, v0), (t1, v1) = keys[after - 1], keys[after]
    return lerp(v0, v1, (time - t0) / (t1 - t0))


class MaskTrack:
    """All masks of a project. Immutable."""

    def __init__(self, segments: Sequence[MaskSegment], size: Size) -> None:
        self._size = size
        self._masks = tuple(_Mask(segment) for segment in segments if segment.enabled)

    def layers(self, time: float) -> tuple[EffectLayer, ...]:
        """The masks at an output time in seconds, in drawing order."""
        return tuple(mask.layer(time, self._size) for mask in self._masks if mask.start <= time <= mask.end)


class _Mask:
    def __init__(self, segment: MaskSegment) -> None:
        self.start, self.end = float(segment.start), float(segment.end)
        self._segment = segment
        keys = segment.keyframes
        self._x = sorted((float(k.time), k.x) for k in keys.position)
        self._y = sorted((float(k.time), k.y) for k in keys.position)
        self._w = sorted((float(k.time), k.x) for k in keys.size)
        self._h = sorted((float(k.time), k.y) for k in keys.size)
        self._intensity = sorted((float(k.time), k.value) for k in keys.intensity)

    def layer(self, time: float, size: Size) -> EffectLayer:
        segment, at = self._segment, time - self.start
        w = min(max(keyed(self._w, at, segment.size.x), 0.01), 2.0) * size[0]
        h = min(max(keyed(self._h, at, segment.size.y), 0.01), 2.0) * size[1]
        cx = keyed(self._x, at, segment.center.x) * size[0]
        cy = keyed(self._y, at, segment.center.y) * size[1]
        rect = Rect(cx - w / 2, cy - h / 2, w, h)
        feather = 0.5 * min(w, h) * segment.feather
        if segment.mask_type is MaskType.HIGHLIGHT:
            intensity = keyed(self._intensity, at, 1.0) * segment.opacity * self._fade(time)
            return EffectLayer(Effect.HIGHLIGHT, rect, unit(segment.darkness * intensity), feather)
        blurred = segment.pixelation >= BLUR_FROM
        amount = segment.pixelation - BLUR_FROM if blurred else segment.pixelation
        amount = DEFAULT_AMOUNT if amount <= 0 else min(max(amount, MIN_AMOUNT), MAX_AMOUNT)
        return EffectLayer(
            Effect.BLUR if blurred else Effect.PIXELATE,
            _outwards(rect.outset(feather)),
            amount * size[1] / 1080,
            feather,
        )

    def _fade(self, time: float) -> float:
        fade = float(self._segment.fade_duration)
        if fade <= 0:
            return 1.0
        return min(unit((time - self.start) / fade), unit((self.end - time) / fade))


def _outwards(rect: Rect) -> Rect:
    """The smallest rectangle with even whole edges around ``rect``."""
    x, y = math.floor(rect.x / 2) * 2, math.floor(rect.y / 2) * 2
    right, bottom = math.ceil(rect.right / 2) * 2, math.ceil(rect.bottom / 2) * 2
    return Rect(float(x), float(y), float(right - x), float(bottom - y))
