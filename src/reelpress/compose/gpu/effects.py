"""Masks and highlights: what lies below them is drawn first, as far as they look at it (scene.plan.EffectLayer)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reelpress.compose.gpu import layers as records
from reelpress.compose.gpu.passes import Job, common, halved
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.rect import IntRect, pixel_cover

if TYPE_CHECKING:
    from reelpress.compose.gpu.art import Art
    from reelpress.compose.gpu.passes import Passes
    from reelpress.scene.plan.layers import EffectLayer


class Effects:
    """Adds the passes that effects need, and gives their records."""

    def __init__(self, art: Art, passes: Passes) -> None:
        self._art, self._passes = art, passes

    def upon(self, stack: list[bytes], layer: EffectLayer, frame: IntRect) -> list[bytes]:
        """The stack with an effect upon it."""
        rect = layer.rect
        place = (rect.x, rect.y, 0.0, 0.0, rect.right, rect.bottom)
        feather = (layer.feather, *(0.0,) * 8)
        if layer.effect is Effect.HIGHLIGHT:
            return [*stack, records.record(records.HIGHLIGHT, amount=layer.amount, place=place, numbers=feather)]
        touched = pixel_cover(rect, (frame.w, frame.h), 1.0, 2)
        if rect.w <= 0 or rect.h <= 0 or touched is None:
            return stack
        # What lies below is only needed where the mask looks; all else is drawn as if there were none. Blocks of 4x2
        # begin at the same columns as in the whole frame: planes of backgrounds are read word by word.
        start = (touched.x - 2) // 4 * 4
        box = common(IntRect(start, touched.y - 2, touched.right + 2 - start, touched.h + 4), frame)
        assert box is not None
        passes = self._passes
        below = passes.draw(stack, box, frame.x)
        reach = (touched.x, touched.y, touched.right, touched.bottom)
        if layer.effect is Effect.PIXELATE:
            at = self._art.mosaic(layer, (frame.w, frame.h))
            planes = (at, at + frame.w, at + frame.w + frame.h, 0, at + frame.w + frame.h + frame.w // 2)
            made = records.record(
                records.PIXELATE, 0, reach, place=place, planes=planes, luma=below.luma, chroma=below.chroma,
                numbers=feather,
            )  # fmt: skip
            return [*stack, made]
        count = max(12, math.ceil(layer.amount))
        lines = []
        for is_chroma, image in ((False, below.luma), (True, below.chroma)):
            pitch = 2 if is_chroma else 1
            part = halved(touched) if is_chroma else touched
            left, right = _blurred(rect.x, rect.right, 0.5, pitch, frame.w // pitch)
            top, bottom = _blurred(rect.y, rect.bottom, pitch / 2, pitch, frame.h // pitch)
            target = passes.image(IntRect(part.x, top, part.w, bottom - top + 1), pitch)
            job = Job(
                image, target, chroma=is_chroma, low=left, high=right, steps=count, amount=layer.amount / pitch
            )  # fmt: skip
            passes.job("blur_across", job)
            lines.append(target)
        first, second = lines
        made = records.record(
            records.BLUR,
            0,
            reach,
            amount=layer.amount,
            place=place,
            planes=(first.at, second.at, 0, count, 0),
            used=(first.x, first.w, first.y, first.h),
            chroma_used=(second.x, second.w, second.y, second.h),
            luma=below.luma,
            chroma=below.chroma,
            numbers=feather,
        )
        return [*stack, made]


def _blurred(start: float, end: float, origin: float, pitch: float, count: int) -> tuple[int, int]:
    """First and last sample that a mask's blur may look at (scene.plan.Effect.BLUR)."""
    low, high = (start - origin) / pitch, (end - origin) / pitch
    first, last = max(0, math.ceil(low)), min(count - 1, math.ceil(high) - 1)
    if last < first:
        first = last = min(max(math.ceil((low + high) / 2 - 0.5), 0), count - 1)
    return first, last
