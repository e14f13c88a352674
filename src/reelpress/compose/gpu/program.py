"""What the GPU has to do for a frame: its layers as records, and the passes in their order.

A stack of layers is one pass. Layers that need a finished picture cut it: what lies below a mask, groups and pictures
with motion blur are drawn into images first, and pictures that are softened, graded or reduced far are made by passes
of their own. Images lie one after the other in one buffer, which every frame uses anew.
"""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from reelpress.compose.gpu import layers as records
from reelpress.compose.gpu.layers import LARGEST_STEP, MARGIN, Image, Sheet
from reelpress.errors import FormatError
from reelpress.scene.plan import (
    BackgroundLayer,
    Effect,
    EffectLayer,
    FillLayer,
    GroupLayer,
    IntRect,
    PictureLayer,
    SolidFill,
    SpriteLayer,
    TextLayer,
    pixel_cover,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.compose.gpu.art import Art
    from reelpress.compose.gpu.layers import Axis, SourcePlanes
    from reelpress.compose.gpu.sources import Sources
    from reelpress.compose.newest import News
    from reelpress.scene.plan import Blur, Grade, Layer

_FRAME = struct.Struct("<2I4i4Ii")
_JOB = struct.Struct("<I4iI4iI4iI4i5I2iI7f5f4f12fIi")
JOB_BYTES = 256
"""Parameters of a pass; their offsets have to be multiples of this."""
TILE = (32, 16)
"""Pixels of a workgroup of the pass that draws: 8x8 invocations of 4x2."""
GROUP = 8


class Pass(NamedTuple):
    """One dispatch."""

    shader: str
    """Entry point; with ``+`` after it the variant that draws everything."""
    x: int
    y: int
    """Workgroups."""


class Program:
    """Builds the passes of one frame after the other; not for two threads.

    Attributes:
        layers: Records of all stacks.
        jobs: Parameters of the passes, :data:`JOB_BYTES` each.
        passes: The passes.
        words: Words of images that they need.
    """

    def __init__(self, sources: Sources, art: Art) -> None:
        self._sources, self._art = sources, art
        self._news: News
        self._memo: dict[str, tuple[PictureLayer, SourcePlanes, bytes]] = {}
        self.layers = bytearray()
        self.jobs = bytearray()
        self.passes: list[Pass] = []
        self.words = 0

    def build(self, news: News, target: tuple[int, int, int] | None, blocks: Sequence[IntRect] = ()) -> Sheet | None:
        """The passes of a plan.

        Args:
            news: What to draw.
            target: First word of luma, of chroma and words a row of the NV12 picture to make; ``None`` for a sheet.
            blocks: Rectangles of tiles (:data:`TILE`) that the last pass draws; none for all.

        Returns:
            The finished premultiplied picture, if there was no target.

        Raises:
            FormatError, MissingInputError, UnreadableInputError: Of sources and picture files.
        """
        self._news, plan = news, news.plan
        self.layers.clear()
        self.jobs.clear()
        self.passes.clear()
        self.words = 0
        frame = IntRect(0, 0, *plan.size)
        stack = self._stack(plan.layers, frame)
        if target is None:
            return self._draw(stack, frame, frame)
        first = self._records(stack)
        self._add(_FRAME.pack(first, len(stack), 0, 0, *plan.size, len(blocks), *target, 0))
        if blocks:
            tiles = sum(block.area for block in blocks)
            groups = min(tiles, 65535), -(-tiles // 65535)
        else:
            groups = -(-plan.size[0] // TILE[0]), -(-plan.size[1] // TILE[1])
        self.passes.append(Pass(_variant("to_nv12", stack), *groups))
        return None

    # --- stacks ------------------------------------------------------------------------------------------------------

    def _stack(self, layers: Sequence[Layer], frame: IntRect) -> list[bytes]:
        """Records of layers upon each other, bottom first; what has to be finished before is."""
        size = (frame.w, frame.h)
        ground = max((n for n, layer in enumerate(layers) if isinstance(layer, BackgroundLayer)), default=0)
        stack: list[bytes] = []
        for layer in layers[ground:]:  # a background hides all before it
            match layer:
                case BackgroundLayer():
                    stack.append(self._ground(layer, size))
                case PictureLayer():
                    stack += self._picture(layer, frame)
                case FillLayer():
                    if layer.opacity > 0 and layer.shape.rect.w > 0 and layer.shape.rect.h > 0:
                        stack.append(records.fill(layer))
                case SpriteLayer() | TextLayer():
                    sheet = self._art.sprite(layer, size)
                    if sheet is not None:
                        stack.append(records.art(sheet, layer.opacity, in_arena=True))
                case EffectLayer():
                    if layer.amount > 0 and (stack or layer.effect is Effect.HIGHLIGHT):
                        stack = self._effect(layer, stack, frame)
                case GroupLayer():
                    if layer.opacity > 0:
                        stack += self._group(layer, frame)
        return stack

    def _group(self, layer: GroupLayer, frame: IntRect) -> list[bytes]:
        inner = self._stack(layer.layers, frame)
        if not inner:
            return []
        sheet = self._draw(inner, frame, frame)
        if layer.warp is not None:
            return [records.warped(sheet, layer.opacity, layer.warp)]
        return [records.art(sheet, layer.opacity)]

    def _ground(self, layer: BackgroundLayer, size: tuple[int, int]) -> bytes:
        if isinstance(layer.fill, SolidFill):  # a blurred flat colour is that colour
            return records.record(records.COLOUR, fill=records.centred(layer.fill.color))
        at, stride = self._art.ground(layer, size)
        planes = (at, at + stride * size[1], 0, stride, stride)
        return records.record(records.GROUND, planes=planes)

    def _draw(self, stack: list[bytes], box: IntRect, frame: IntRect) -> Sheet:
        """A pass that draws ``box`` (even edges) of a stack into images."""
        sheet = self._sheet(box)
        first = self._records(stack)
        images = (sheet.luma.at, sheet.chroma.at)
        self._add(_FRAME.pack(first, len(stack), box.x, box.y, box.w, box.h, 0, *images, 0, frame.x))
        self.passes.append(Pass(_variant("to_canvas", stack), -(-box.w // TILE[0]), -(-box.h // TILE[1])))
        return sheet

    def _records(self, stack: list[bytes]) -> int:
        first = len(self.layers) // records.RECORD_BYTES
        for each in stack:
            self.layers += each
        return first

    def _add(self, parameters: bytes) -> None:
        self.jobs += parameters
        self.jobs += bytes(JOB_BYTES - len(parameters))

    # --- images ------------------------------------------------------------------------------------------------------

    def _image(self, box: IntRect, words: int) -> Image:
        """An image of so many words a sample."""
        at = self.words
        self.words += -(-box.w * box.h * words // 64) * 64
        return Image(at, box.x, box.y, box.w, box.h)

    def _sheet(self, box: IntRect) -> Sheet:
        """Images of both grids of whole pixels with even edges."""
        return Sheet(self._image(box, 1), self._image(_halved(box), 2))

    # --- pictures ----------------------------------------------------------------------------------------------------

    def _picture(self, layer: PictureLayer, frame: IntRect) -> list[bytes]:
        shape = layer.shape.rect
        if min(layer.rect.w, layer.rect.h, layer.crop.w, layer.crop.h, shape.w, shape.h) <= 0 or layer.opacity <= 0:
            return []
        blur = layer.blur
        if blur is not None and (blur.dx or blur.dy or blur.spread):
            grown = IntRect(frame.x - MARGIN, frame.y - MARGIN, frame.w + 2 * MARGIN, frame.h + 2 * MARGIN)
            sheet = self._draw(self._picture(replace(layer, blur=None), grown), grown, grown)
            if blur.spread:
                return [records.art(self._scaled(sheet, blur, (frame.w, frame.h)))]
            return [records.moved(sheet, blur)]
        source = self._placed(layer)
        reduction = max(layer.crop.w / layer.rect.w, layer.crop.h / layer.rect.h)
        if layer.soften <= 0 and layer.grade is None and reduction <= LARGEST_STEP:
            return [self._direct(layer, source)]
        area = _common(_even(records.around(shape, 2.0)), frame)
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

    def _placed(self, layer: PictureLayer) -> SourcePlanes:
        key, given = layer.source, self._news.sources
        if key not in given:
            raise FormatError(f"The plan shows {key!r}, but the sources given are {sorted(given)}.")
        return self._sources.place(key, layer.frame, given[key], self._news.changes.get(key))

    def _resampled(self, layer: PictureLayer, source: SourcePlanes, area: IntRect, frame: IntRect) -> Sheet:
        """The picture on whole samples of ``area``, and a few beyond where they are for grading."""
        if layer.grade is not None:
            grown = _common(IntRect(area.x - 4, area.y - 4, area.w + 8, area.h + 8), frame)
            assert grown is not None
            area = grown
        images = []
        for chroma in (False, True):
            box = _halved(area) if chroma else area
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
                made = self._image(target, 2 if chroma else 1)
                self._job("soften", image, made, chroma, steps=radius, sigma=sigma, left=along_rows)
                image = made
            images.append(image)
        return Sheet(images[0], images[1])

    def _sampled(self, box: IntRect, source: SourcePlanes, x: Axis, y: Axis, chroma: bool) -> Image:
        """One grid of a picture, resampled across and then down."""
        pitch = 2.0 if chroma else 1.0
        first_y = 1.0 if chroma else 0.5
        step_y, width_y = y.step, max(1.0, abs(y.step) / 1.0)
        # Rows of the source under the kernels of the rows wanted.
        ends = [((row * pitch + first_y - y.to) * step_y / pitch + y.base) for row in (box.y, box.y + box.h - 1)]
        low = min(max(math.floor(min(ends) - 2 * width_y) - 1, y.low), y.high)
        high = max(min(math.ceil(max(ends) + 2 * width_y) + 1, y.high), low)
        lines = self._image(IntRect(box.x, low, box.w, high - low + 1), 2 if chroma else 1)
        self._job(
            "across",
            None,
            lines,
            chroma,
            format_=1 if source.interleaved else 0,
            at=source.blue if chroma else source.luma,
            at_too=source.red,
            stride=source.chroma_stride if chroma else source.luma_stride,
            used=(x.low, x.high),
            place=(pitch, 0.5, x.to, x.step / pitch, x.base, max(1.0, abs(x.step))),
        )
        made = self._image(box, 2 if chroma else 1)
        place = (pitch, first_y, y.to, step_y / pitch, y.base, width_y)
        self._job("down", lines, made, chroma, used=(max(y.low, low), min(y.high, high)), place=place)
        return made

    def _graded(self, grade: Grade, layer: PictureLayer, sheet: Sheet, area: IntRect, frame: IntRect) -> Sheet:
        made = self._sheet(area)
        values = (
            grade.exposure, grade.contrast, grade.saturation, grade.temperature,
            grade.tint, grade.split_tone, grade.fade, grade.vignette,
            grade.grain, 0.0, 0.0, 0.0,
        )  # fmt: skip
        rect = layer.rect
        self._job(
            "grade",
            sheet.luma,
            made.luma,
            False,
            other=(sheet.chroma, made.chroma),
            rect=(rect.x, rect.y, rect.w, rect.h),
            grade=values,
            seed=grade.seed,
            left=frame.x,
            over=made.chroma,
        )
        return made

    def _scaled(self, sheet: Sheet, blur: Blur, size: tuple[int, int]) -> Sheet:
        """The motion blur of a scaling."""
        images = []
        for chroma, image in ((False, sheet.luma), (True, sheet.chroma)):
            for step in records.scalings(blur, size, chroma=chroma):
                made = self._image(step.box, 2 if chroma else 1)
                self._job("scale_mean", image, made, chroma, point=(*step.origin, step.near, step.far))
                image = made
            images.append(image)
        return Sheet(images[0], images[1])

    # --- effects -----------------------------------------------------------------------------------------------------

    def _effect(self, layer: EffectLayer, stack: list[bytes], frame: IntRect) -> list[bytes]:
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
        box = _common(IntRect(start, touched.y - 2, touched.right + 2 - start, touched.h + 4), frame)
        assert box is not None
        below = self._draw(stack, box, frame)
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
            part = _halved(touched) if is_chroma else touched
            left, right = _blurred(rect.x, rect.right, 0.5, pitch, frame.w // pitch)
            top, bottom = _blurred(rect.y, rect.bottom, pitch / 2, pitch, frame.h // pitch)
            target = self._image(IntRect(part.x, top, part.w, bottom - top + 1), pitch)
            amount = layer.amount / pitch
            self._job("blur_across", image, target, is_chroma, used=(left, right), steps=count, amount=amount)
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

    # --- passes ------------------------------------------------------------------------------------------------------

    def rgba(self, sheet: Sheet, at: int, stride: int, *, bgra: bool) -> None:
        """Add the pass that makes straight RGBA (or BGRA) of a finished picture: words of the result."""
        self._job(
            "to_rgba", sheet.luma, sheet.luma, False, other=(sheet.chroma, sheet.chroma), format_=int(bgra), at=at,
            stride=stride,
        )  # fmt: skip

    def _job(
        self,
        shader: str,
        source: Image | None,
        image: Image,
        chroma: bool,
        *,
        other: tuple[Image, Image] | None = None,
        format_: int = 0,
        at: int = 0,
        at_too: int = 0,
        stride: int = 0,
        used: tuple[int, int] = (0, 0),
        steps: int = 0,
        place: tuple[float, ...] = (0.0,) * 6,
        sigma: float = 0.0,
        amount: float = 0.0,
        point: tuple[float, ...] = (0.0,) * 4,
        rect: tuple[float, ...] = (0.0,) * 4,
        grade: tuple[float, ...] = (0.0,) * 12,
        seed: int = 0,
        left: int = 0,
        over: Image | None = None,
    ) -> None:
        """One pass of passes.wgsl over the samples of ``over`` (of ``image``, if none)."""
        nothing = Image(0, 0, 0, 0, 0)
        first, second = other or (nothing, nothing)
        images = (*(source or nothing), *image, *first, *second)
        packed = _JOB.pack(
            *images, int(chroma), format_, at, at_too, stride, *used, steps, *place, sigma, amount, *point, *rect,
            *grade, seed, left,
        )  # fmt: skip
        self._add(packed)
        area = over or image
        self.passes.append(Pass(shader, -(-area.w // GROUP), -(-area.h // GROUP)))


def _variant(entry: str, stack: list[bytes]) -> str:
    """The name of the variant of a shader that draws these records; their first byte says of what kind they are."""
    return f"{entry}+" if any(each[0] in records.RARE for each in stack) else entry


def _halved(box: IntRect) -> IntRect:
    """Chroma samples of whole pixels with even edges."""
    return IntRect(box.x // 2, box.y // 2, box.w // 2, box.h // 2)


def _even(ends: tuple[int, int, int, int]) -> IntRect:
    x, y = ends[0] // 2 * 2, ends[1] // 2 * 2
    return IntRect(x, y, -(-ends[2] // 2) * 2 - x, -(-ends[3] // 2) * 2 - y)


def _common(a: IntRect, b: IntRect) -> IntRect | None:
    x, y = max(a.x, b.x), max(a.y, b.y)
    right, bottom = min(a.right, b.right), min(a.bottom, b.bottom)
    return IntRect(x, y, right - x, bottom - y) if right > x and bottom > y else None


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


def _blurred(start: float, end: float, origin: float, pitch: float, count: int) -> tuple[int, int]:
    """First and last sample that a mask's blur may look at (scene.plan.Effect.BLUR)."""
    low, high = (start - origin) / pitch, (end - origin) / pitch
    first, last = max(0, math.ceil(low)), min(count - 1, math.ceil(high) - 1)
    if last < first:
        first = last = min(max(math.ceil((low + high) / 2 - 0.5), 0), count - 1)
    return first, last
