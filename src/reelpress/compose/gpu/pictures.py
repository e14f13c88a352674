"""Video pictures as records, and the passes of those that cannot be sampled where they are drawn: softened, graded or
blurred ones, and ones reduced far."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from reelpress.compose.gpu import layers as records
from reelpress.compose.gpu.layers import LARGEST_STEP, MARGIN, Image, Sheet
from reelpress.compose.gpu.passes import Job, common, halved
from reelpress.errors import FormatError
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from reelpress.compose.gpu.layers import Axis, SourcePlanes
    from reelpress.compose.gpu.passes import Passes
    from reelpress.compose.gpu.sources import Sources
    from reelpress.compose.newest import News
    from reelpress.scene.plan.effects import Blur, Grade
    from reelpress.scene.plan.layers import PictureLayer


class Pictures:
    """Adds the passes that pictures need, and gives their records."""

    def __init__(self, sources: Sources, passes: Passes) -> None:
        self._sources, self._passes = sources, passes
        self._memo: dict[str, tuple[PictureLayer, SourcePlanes, bytes]] = {}

    def records(self, layer: PictureLayer, frame: IntRect, news: News) -> list[bytes]:
        """Records of a picture in a frame, perhaps a grown one; none where it is not seen.

        Raises:
            FormatError: The source is missing, or none that can be drawn.
        """
        shape = layer.shape.rect
        if min(layer.rect.w, layer.rect.h, layer.crop.w, layer.crop.h, shape.w, shape.h) <= 0 or layer.opacity <= 0:
            return []
        blur = layer.blur
        if blur is not None and (blur.dx or blur.dy or blur.spread):
            grown = IntRect(frame.x - MARGIN, frame.y - MARGIN, frame.w + 2 * MARGIN, frame.h + 2 * MARGIN)
            sheet = self._passes.draw(self.records(replace(layer, blur=None), grown, news), grown, grown.x)
            if blur.spread:
                return [records.art(self._scaled(sheet, blur, (frame.w, frame.h)))]
            return [records.moved(sheet, blur)]
        source = self._placed(layer, news)
        reduction = max(layer.crop.w / layer.rect.w, layer.crop.h / layer.rect.h)
        if layer.soften <= 0 and layer.grade is None and reduction <= LARGEST_STEP:
            return [self._direct(layer, source)]
        area = common(_even(records.around(shape, 2.0)), frame)
        if area is None:
            return [records.card(layer, flags=records.FILL)] if layer.shadow or layer.border else []
        sheet = self._resampled(layer, source, area, frame)
        if layer.grade is not None:
            sheet = self._graded(layer.grade, layer, sheet, area, frame)
        return [records.made_picture(layer, sheet)]

    def _direct(self, layer: PictureLayer, source: SourcePlanes) -> bytes:
        """The record of a picture that is sampled where it is drawn; that of the last frame if nothing moved."""
        memo = self._memo.get(layer.source)
        if memo is not None and memo[1] == source and memo[0] == layer:
            return memo[2]
        made = records.picture(layer, source)
        self._memo[layer.source] = (layer, source, made)
        return made

    def _placed(self, layer: PictureLayer, news: News) -> SourcePlanes:
        key, given = layer.source, news.sources
        if key not in given:
            raise FormatError(f"The plan shows {key!r}, but the sources given are {sorted(given)}.")
        return self._sources.place(key, layer.frame, given[key], news.changes.get(key))

    def _resampled(self, layer: PictureLayer, source: SourcePlanes, area: IntRect, frame: IntRect) -> Sheet:
        """The picture on whole samples of ``area``, and a few beyond where they are for grading."""
        if layer.grade is not None:
            grown = common(IntRect(area.x - 4, area.y - 4, area.w + 8, area.h + 8), frame)
            assert grown is not None
            area = grown
        passes = self._passes
        images = []
        for chroma in (False, True):
            box = halved(area) if chroma else area
            x, y = records.axes(layer, source, chroma=chroma)
            if layer.soften <= 0:
                images.append(self._sampled(box, source, x, y, chroma))
                continue
            pitch = 2 if chroma else 1
            sigma = layer.soften / pitch
            radius = math.ceil(3 * sigma)
            wide = _inside(layer.rect.x, layer.rect.w, box.x, box.w, radius, 0.5, pitch)
            tall = _inside(layer.rect.y, layer.rect.h, box.y, box.h, radius, 1.0 if chroma else 0.5, pitch)
            image = self._sampled(IntRect(wide[0], tall[0], wide[1], tall[1]), source, x, y, chroma)
            first = IntRect(box.x, image.y, box.w, image.h)
            for target, along_rows in ((first, 1), (box, 0)):
                made = passes.image(target, 2 if chroma else 1)
                passes.job("soften", Job(image, made, chroma=chroma, steps=radius, sigma=sigma, left=along_rows))
                image = made
            images.append(image)
        return Sheet(images[0], images[1])

    def _sampled(self, box: IntRect, source: SourcePlanes, x: Axis, y: Axis, chroma: bool) -> Image:
        """One grid of a picture, resampled across and then down."""
        passes = self._passes
        pitch = 2.0 if chroma else 1.0
        first_y = 1.0 if chroma else 0.5
        step_y, width_y = y.step, max(1.0, abs(y.step) / 1.0)
        # Rows of the source under the kernels of the rows wanted.
        ends = [((row * pitch + first_y - y.to) * step_y / pitch + y.base) for row in (box.y, box.y + box.h - 1)]
        low = min(max(math.floor(min(ends) - 2 * width_y) - 1, y.low), y.high)
        high = max(min(math.ceil(max(ends) + 2 * width_y) + 1, y.high), low)
        lines = passes.image(IntRect(box.x, low, box.w, high - low + 1), 2 if chroma else 1)
        across = Job(
            image=lines,
            chroma=chroma,
            format=1 if source.interleaved else 0,
            at=source.blue if chroma else source.luma,
            at_too=source.red,
            stride=source.chroma_stride if chroma else source.luma_stride,
            low=x.low,
            high=x.high,
            pitch=pitch,
            first=0.5,
            to=x.to,
            step=x.step / pitch,
            base=x.base,
            width=max(1.0, abs(x.step)),
        )
        passes.job("across", across)
        made = passes.image(box, 2 if chroma else 1)
        down = Job(
            lines,
            made,
            chroma=chroma,
            low=max(y.low, low),
            high=min(y.high, high),
            pitch=pitch,
            first=first_y,
            to=y.to,
            step=step_y / pitch,
            base=y.base,
            width=width_y,
        )
        passes.job("down", down)
        return made

    def _graded(self, grade: Grade, layer: PictureLayer, sheet: Sheet, area: IntRect, frame: IntRect) -> Sheet:
        made = self._passes.sheet(area)
        values = (
            grade.exposure, grade.contrast, grade.saturation, grade.temperature,
            grade.tint, grade.split_tone, grade.fade, grade.vignette,
            grade.grain, 0.0, 0.0, 0.0,
        )  # fmt: skip
        rect = layer.rect
        job = Job(
            sheet.luma,
            made.luma,
            sheet.chroma,
            made.chroma,
            rect=(rect.x, rect.y, rect.w, rect.h),
            grade=values,
            seed=grade.seed,
            left=frame.x,
        )
        self._passes.job("grade", job, over=made.chroma)
        return made

    def _scaled(self, sheet: Sheet, blur: Blur, size: tuple[int, int]) -> Sheet:
        """The motion blur of a scaling."""
        images = []
        for chroma, image in ((False, sheet.luma), (True, sheet.chroma)):
            for step in records.scalings(blur, size, chroma=chroma):
                made = self._passes.image(step.box, 2 if chroma else 1)
                x, y = step.origin
                job = Job(image, made, chroma=chroma, ox=x, oy=y, near=step.near, far=step.far)
                self._passes.job("scale_mean", job)
                image = made
            images.append(image)
        return Sheet(images[0], images[1])


def _even(ends: tuple[int, int, int, int]) -> IntRect:
    x, y = ends[0] // 2 * 2, ends[1] // 2 * 2
    return IntRect(x, y, -(-ends[2] // 2) * 2 - x, -(-ends[3] // 2) * 2 - y)


def _inside(
    start: float, length: float, first: int, count: int, radius: int, origin: float, pitch: int
) -> tuple[int, int]:
    """Of the samples whose centre lies in ``start .. start + length`` those that a Gaussian about ``count`` samples
    from ``first`` on takes in: the first and how many (scene.plan.PictureLayer.soften)."""
    low, end = (math.ceil((edge - origin) / pitch) for edge in (start, start + length))
    if end <= low:
        low = math.ceil((start + length / 2 - origin) / pitch - 0.5)
        return low, 1
    begin = min(max(low, first - radius), end - 1)
    return begin, max(min(end, first + count + radius), begin + 1) - begin
