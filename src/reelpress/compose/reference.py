"""The reference compositor: the truth that all others are measured against. Slow, plain, float64.

It is computed from ``FramePlan`` alone, in gamma-coded R'G'B', exactly as the docstrings of ``scene.plan`` and design
4 define it, and shares no code with any other compositor (only the plan's types and the constants of ``color``).

The frame is drawn on two grids at once: at the centre of every pixel for luma, and at every left-sited chroma sample
for chroma (see ``reference_grids``). Pictures are sampled at both from their own planes. Whatever is drawn (fills,
shadow, ring, coverage, sprites) is made at full resolution and brought to the chroma grid by ``[1 2 1]/4`` across and
``[1 1]/2`` down.
A plan that does not cover the whole frame leaves black.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from reelpress.color import BT709_LIMITED
from reelpress.compose import reference_sampling as sampling
from reelpress.compose import reference_shading as shading
from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.compose.pointers import raster as pointers
from reelpress.compose.reference_grids import Frame, Sheet, changed, moved, moves, warped
from reelpress.compose.reference_picture import OFFSET, SOURCE_FORMATS, TO_CODES, card, picture
from reelpress.errors import MissingInputError, UnreadableInputError
from reelpress.media.planes import Plane, Planes
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.layers import (
    BackgroundLayer,
    EffectLayer,
    FillLayer,
    GroupLayer,
    PictureLayer,
    SpriteLayer,
    TextLayer,
)
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.compose.reference_grids import Grid, Sheets
    from reelpress.compose.reference_sampling import Field
    from reelpress.scene.plan.frame import FramePlan
    from reelpress.scene.plan.layers import Layer
    from reelpress.text.raster import TextRasteriser

    _Drawn = BackgroundLayer | PictureLayer | FillLayer | SpriteLayer | TextLayer | GroupLayer


class ReferenceCompositor:
    """Implements :class:`reelpress.compose.base.Compositor` in float64; one thread, no settings.

    A frame is drawn from scratch unless its plan equals the previous one's. Takes about 0.1 s for 320x180 and some
    seconds for 1920x1080.
    """

    def __init__(self) -> None:
        self._images: dict[str, Field] = {}
        self._texts: TextRasteriser | None = None
        self._last: tuple[FramePlan, Planes] | None = None

    @property
    def name(self) -> str:
        return "reference"

    @property
    def capabilities(self) -> CompositorCapabilities:
        return CompositorCapabilities(source_formats=SOURCE_FORMATS, output_formats=("yuv420p",))

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        """See :meth:`reelpress.compose.base.Compositor.compose`.

        Raises:
            FormatError: A source is neither yuv420p nor nv12 in BT.709 limited.
            KeyError: A source of the plan is missing from ``sources``.
            MissingInputError, UnreadableInputError: An image of the plan cannot be opened.
        """
        if previous is not None and self._last is not None and self._last[1] is previous.planes:
            last_plan, planes = self._last
            if last_plan == plan:
                return Composed(planes, ())
        width, height = plan.size
        planes = Planes(
            format="yuv420p",
            width=width,
            height=height,
            planes=tuple(_rounded(p) for p in self.render_float(plan, sources)),
            color=BT709_LIMITED,
        )
        self._last = (plan, planes)
        return Composed(planes, (IntRect(0, 0, width, height),))

    def render_float(self, plan: FramePlan, sources: Mapping[str, Planes]) -> tuple[Field, Field, Field]:
        """Y, Cb and Cr as codes, neither rounded nor clamped; Cb and Cr have half the size on both axes."""
        luma, chroma = self._draw(plan, sources)
        y = luma.color @ TO_CODES[0] + OFFSET[0]
        cb = chroma.color @ TO_CODES[1] + OFFSET[1]
        cr = chroma.color @ TO_CODES[2] + OFFSET[2]
        return y, cb, cr

    def render_rgb(self, plan: FramePlan, sources: Mapping[str, Planes]) -> Field:
        """R'G'B' with colour at full resolution: (height, width, 3).

        Values are 0..1, slightly beyond where a source is (codes under 16 or over 235).
        """
        return self._draw(plan, sources)[0].color

    def close(self) -> None:
        """Forget images and the last picture; calling it twice is harmless."""
        self._images.clear()
        self._texts = None
        self._last = None

    def _draw(self, plan: FramePlan, sources: Mapping[str, Planes]) -> Sheets:
        """The finished frame; premultiplied colour over nothing is the same over black."""
        return self._stack(plan.layers, Frame.of(plan.size), sources)

    def _stack(self, layers: tuple[Layer, ...], frame: Frame, sources: Mapping[str, Planes]) -> Sheets:
        """Layers upon each other, over nothing."""
        below = (Sheet.empty(frame.luma), Sheet.empty(frame.chroma))
        for layer in layers:
            if isinstance(layer, EffectLayer):
                below = changed(layer, below, frame)
            else:
                luma, chroma = self._layer(layer, frame, sources)
                if isinstance(layer, GroupLayer) and layer.replaces:
                    rest = 1 - layer.opacity
                    below = (luma.plus(below[0], rest), chroma.plus(below[1], rest))
                else:
                    below = (luma.over(below[0]), chroma.over(below[1]))
        return below

    def _layer(self, layer: _Drawn, frame: Frame, sources: Mapping[str, Planes]) -> Sheets:
        """One layer by itself."""
        match layer:
            case BackgroundLayer():
                fill = self._background(layer, frame.size)
                return frame.sheets(np.concatenate([fill, np.ones((*fill.shape[:2], 1))], axis=-1))
            case PictureLayer():
                return picture(layer, sources[layer.source], frame)
            case FillLayer():
                color = np.array(layer.color)
                return card(layer, frame, lambda grid, box: color)
            case SpriteLayer():
                return frame.sheets(self._sprite(layer, frame))
            case TextLayer():
                return frame.sheets(self._text(layer, frame.luma))
            case GroupLayer():
                return self._group(layer, frame, sources)

    def _group(self, layer: GroupLayer, frame: Frame, sources: Mapping[str, Planes]) -> Sheets:
        sheets = []
        for sheet, grid in zip(self._stack(layer.layers, frame, sources), frame.grids, strict=True):
            if layer.warp is not None:
                sheet = warped(sheet, layer.warp, grid)
            sheets.append(Sheet.of(sheet.stack * layer.opacity))
        return sheets[0], sheets[1]

    def _background(self, layer: BackgroundLayer, size: tuple[int, int]) -> Field:
        width, height = size
        match layer.fill:
            case SolidFill(color=color):
                field = np.broadcast_to(np.array(color), (height, width, 3))
            case GradientFill() as fill:
                field = shading.gradient(fill, size)
            case ImageFill(image=path):
                field = _cover(self._image(path), size)
        return sampling.blur(field, layer.blur_sigma) if layer.blur_sigma > 0 else field

    def _sprite(self, layer: SpriteLayer, frame: Frame) -> Field:
        """Premultiplied R'G'B'A of the layer at full resolution."""
        grid = frame.luma
        if layer.rect.w <= 0 or layer.rect.h <= 0:
            return np.zeros((len(grid.ys), len(grid.xs), 4))
        if layer.blur is not None and moves(layer.blur):
            own = frame.grown().luma
            art = moved(self._placed(layer, own), layer.blur, own, grid)
        else:
            art = self._placed(layer, grid)
        if layer.clip is not None:
            art = art * shading.coverage(layer.clip, grid.xs, grid.ys)[..., np.newaxis]
        return art

    def _placed(self, layer: SpriteLayer, grid: Grid) -> Field:
        """The image on its rectangle, turned and graded, with its opacity, on a grid of full resolution."""
        image = self._image(layer.image)
        premultiplied = np.concatenate([image[..., :3] * image[..., 3:], image[..., 3:]], axis=-1)
        if layer.angle == 0:
            art = _clamped(
                sampling.resample_image(premultiplied, layer.rect, grid.xs, grid.ys, transparent_outside=True)
            )
        else:
            art = _turned(premultiplied, layer, grid)
        if layer.grade is not None:
            alpha = art[..., 3:]
            straight = art[..., :3] / np.where(alpha > 0, alpha, 1)
            graded = shading.graded(layer.grade, straight, layer.rect, grid.xs, grid.ys)
            art = np.concatenate([graded * alpha, alpha], axis=-1)
        return art * layer.opacity

    def _text(self, layer: TextLayer, grid: Grid) -> Field:
        """Premultiplied R'G'B'A of a text run on a grid of full resolution."""
        if self._texts is None:
            from reelpress.text.raster import TextRasteriser  # fonts are looked for only where there is text

            self._texts = TextRasteriser()
        sprite = self._texts.sprite(layer.run, (layer.x, layer.y), layer.scale)
        rows, columns, _ = sprite.rgba.shape
        # Where each pixel of the frame lies in the sprite, and whether it touches the bounds.
        i, j = (np.floor(p).astype(np.int64) for p in (grid.xs, grid.ys))
        seen_x = (i >= sprite.x) & (i < sprite.x + columns) & (i + 1 > layer.bounds.x) & (i < layer.bounds.right)
        seen_y = (j >= sprite.y) & (j < sprite.y + rows) & (j + 1 > layer.bounds.y) & (j < layer.bounds.bottom)
        art = np.zeros((len(grid.ys), len(grid.xs), 4))
        art[np.ix_(seen_y, seen_x)] = sprite.rgba[np.ix_(j[seen_y] - sprite.y, i[seen_x] - sprite.x)]
        return art * layer.opacity

    def _image(self, path: str) -> Field:
        """An image file (upright) or one of our drawn pointers, as straight R'G'B'A 0..1.

        Raises:
            MissingInputError, UnreadableInputError: Of the file.
        """
        if path not in self._images and pointers.is_builtin(path):
            self._images[path] = pointers.sprite(path).astype(np.float64) / 255
        elif path not in self._images:
            try:
                with Image.open(path) as opened:
                    upright = ImageOps.exif_transpose(opened).convert("RGBA")
            except FileNotFoundError as error:
                raise MissingInputError(f"The image {path} does not exist; restore it or take another one.") from error
            except MemoryError:
                raise
            except Exception as error:  # Pillow's readers raise nearly anything about a damaged file
                raise UnreadableInputError(f"The image {path} cannot be read ({error}); take another one.") from error
            self._images[path] = np.asarray(upright, dtype=np.float64) / 255
        return self._images[path]


def _clamped(art: Field) -> Field:
    """Premultiplied art after a kernel that overshoots: alpha in 0..1, colour in 0..alpha."""
    alpha = np.clip(art[..., 3:], 0, 1)
    return np.concatenate([np.clip(art[..., :3], 0, alpha), alpha], axis=-1)


def _turned(premultiplied: Field, layer: SpriteLayer, grid: Grid) -> Field:
    """The image on its rectangle by a pixel grid of the rectangle's own, then turned about the pivot."""
    rect = layer.rect
    rows, columns, _ = premultiplied.shape
    beyond_x = math.ceil(sampling.KERNEL_SUPPORT * max(1.0, rect.w / columns))  # as far as the kernel reaches out
    beyond_y = math.ceil(sampling.KERNEL_SUPPORT * max(1.0, rect.h / rows))
    own_x = rect.x + np.arange(-beyond_x, math.ceil(rect.w) + beyond_x) + 0.5
    own_y = rect.y + np.arange(-beyond_y, math.ceil(rect.h) + beyond_y) + 0.5
    upright = _clamped(sampling.resample_image(premultiplied, rect, own_x, own_y, transparent_outside=True))
    x, y = np.meshgrid(grid.xs - layer.pivot[0], grid.ys - layer.pivot[1])
    cos, sin = math.cos(layer.angle), math.sin(layer.angle)
    back_x, back_y = layer.pivot[0] + cos * x + sin * y, layer.pivot[1] - sin * x + cos * y
    return _clamped(sampling.gather_cubic(upright, back_x - own_x[0], back_y - own_y[0]))


def _cover(image: Field, size: tuple[int, int]) -> Field:
    """An RGBA image over white, centred so that it just covers the frame: (height, width, 3), 0..1."""
    width, height = size
    rows, columns, _ = image.shape
    over_white = image[..., :3] * image[..., 3:] + (1 - image[..., 3:])
    scale = max(width / columns, height / rows)
    rect = Rect((width - columns * scale) / 2, (height - rows * scale) / 2, columns * scale, rows * scale)

    xs, ys = np.arange(width) + 0.5, np.arange(height) + 0.5
    return sampling.resample_image(over_white, rect, xs, ys, transparent_outside=False).clip(0, 1)


def _rounded(codes: Field) -> Plane:
    """Nearest 8-bit codes; halves go up, also those that float64 has made a trifle less."""
    rounded: Plane = np.clip(np.floor(codes + 0.5 + 1e-9), 0, 255).astype(np.uint8)
    return rounded
