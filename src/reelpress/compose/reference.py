"""The reference compositor: the truth that all others are measured against. Slow, plain, float64.

It is computed from ``FramePlan`` alone, in gamma-coded R'G'B', exactly as the docstrings of ``scene.plan`` and design
4 define it, and shares no code with any other compositor (only the plan's types and the constants of ``color``).

The frame is drawn on two grids at once: at the centre of every pixel for luma, and at every left-sited chroma sample
for chroma. Pictures are sampled at both from their own planes. Whatever is drawn (fills, shadow, ring, coverage,
sprites) is made at full resolution and brought to the chroma grid by ``[1 2 1]/4`` across and ``[1 1]/2`` down.
A plan that does not cover the whole frame leaves black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from reelpress.color import BT709_LIMITED, KR_KB, Matrix
from reelpress.compose import reference_sampling as sampling
from reelpress.compose import reference_shading as shading
from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.errors import MissingInputError, UnreadableInputError
from reelpress.media.planes import Plane, Planes
from reelpress.scene.plan import (
    BackgroundLayer,
    FramePlan,
    GradientFill,
    ImageFill,
    IntRect,
    PictureLayer,
    Rect,
    SolidFill,
    SpriteLayer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reelpress.compose.reference_sampling import Field

    Where = np.ndarray[Any, np.dtype[np.bool_]]

_SOURCE_FORMATS = ("yuv420p", "nv12")


def _rgb_to_codes_matrix() -> tuple[Field, Field]:
    """``codes = matrix @ rgb + offset`` for 8-bit BT.709 limited (BT.709-6 items 3.2 to 3.4)."""
    kr, kb = KR_KB[Matrix.BT709]
    luma = np.array([kr, 1 - kr - kb, kb])
    blue_difference = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - kb))
    red_difference = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - kr))
    return np.array([219 * luma, 224 * blue_difference, 224 * red_difference]), np.array([16.0, 128.0, 128.0])


_TO_CODES, _OFFSET = _rgb_to_codes_matrix()
_TO_RGB = np.linalg.inv(_TO_CODES)


class _Grid:
    """The frame as sampled at one set of positions; ``rgb`` is (rows, columns, 3)."""

    def __init__(self, xs: Field, ys: Field, *, is_chroma: bool) -> None:
        self.xs, self.ys, self.is_chroma = xs, ys, is_chroma
        self.rgb: Field = np.zeros((len(ys), len(xs), 3))

    def reduce(self, field: Field) -> Field:
        """A field of full resolution as seen on this grid, always (rows, columns, channels)."""
        if field.ndim == 2:
            field = field[..., np.newaxis]
        if not self.is_chroma:
            return field
        before = np.concatenate([field[:, :1], field[:, 1:-1:2]], axis=1)  # columns 2i - 1, the first repeated
        across = (before + 2 * field[:, 0::2] + field[:, 1::2]) / 4
        return (across[0::2] + across[1::2]) / 2

    def picture(self, layer: PictureLayer, source: Planes, columns: Where, rows: Where) -> Field:
        """The layer's video picture at the chosen columns and rows of this grid, as R'G'B'."""
        source.require(_SOURCE_FORMATS, BT709_LIMITED)
        luma, cb, cr = _planes_of(source)
        place = (layer.crop, layer.rect, self.xs[columns], self.ys[rows])
        codes = np.empty((np.count_nonzero(rows), np.count_nonzero(columns), 3))
        # The chroma of an R'G'B' value does not depend on the luma it was made with, so the chroma grid needs none.
        codes[..., 0] = 16.0 if self.is_chroma else sampling.resample_planes((luma,), *place, sampling.LUMA)[0]
        codes[..., 1], codes[..., 2] = sampling.resample_planes((cb, cr), *place, sampling.LEFT_CHROMA)
        return (codes - _OFFSET) @ _TO_RGB.T


def _planes_of(source: Planes) -> tuple[Field, Field, Field]:
    """Luma, Cb and Cr as float codes."""
    if source.format == "nv12":
        luma, chroma = source.planes
        return luma.astype(np.float64), chroma[:, 0::2].astype(np.float64), chroma[:, 1::2].astype(np.float64)
    luma, cb, cr = source.planes
    return luma.astype(np.float64), cb.astype(np.float64), cr.astype(np.float64)


class ReferenceCompositor:
    """Implements :class:`reelpress.compose.base.Compositor` in float64; one thread, no settings.

    A frame is drawn from scratch unless its plan equals the previous one's. Takes about 0.1 s for 320x180 and some
    seconds for 1920x1080.
    """

    def __init__(self) -> None:
        self._images: dict[str, Field] = {}
        self._last: tuple[FramePlan, Planes] | None = None

    @property
    def name(self) -> str:
        return "reference"

    @property
    def capabilities(self) -> CompositorCapabilities:
        return CompositorCapabilities(source_formats=_SOURCE_FORMATS, output_formats=("yuv420p",))

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
        y = luma.rgb @ _TO_CODES[0] + _OFFSET[0]
        cb = chroma.rgb @ _TO_CODES[1] + _OFFSET[1]
        cr = chroma.rgb @ _TO_CODES[2] + _OFFSET[2]
        return y, cb, cr

    def render_rgb(self, plan: FramePlan, sources: Mapping[str, Planes]) -> Field:
        """R'G'B' with colour at full resolution: (height, width, 3).

        Values are 0..1, slightly beyond where a source is (codes under 16 or over 235).
        """
        return self._draw(plan, sources)[0].rgb

    def close(self) -> None:
        """Forget images and the last picture; calling it twice is harmless."""
        self._images.clear()
        self._last = None

    def _draw(self, plan: FramePlan, sources: Mapping[str, Planes]) -> tuple[_Grid, _Grid]:
        width, height = plan.size
        luma = _Grid(np.arange(width) + 0.5, np.arange(height) + 0.5, is_chroma=False)
        chroma = _Grid(np.arange(0, width, 2) + 0.5, np.arange(0, height, 2) + 1.0, is_chroma=True)
        grids = (luma, chroma)
        for layer in plan.layers:
            match layer:
                case BackgroundLayer():
                    fill = self._background(layer, plan.size)
                    for grid in grids:
                        grid.rgb = grid.reduce(fill)
                case PictureLayer():
                    _draw_picture(layer, sources[layer.source], plan.size, grids)
                case SpriteLayer():
                    sprite = self._sprite(layer, plan.size)
                    for grid in grids:
                        art = grid.reduce(sprite)
                        grid.rgb = grid.rgb * (1 - art[..., 3:]) + art[..., :3]
        return grids

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

    def _sprite(self, layer: SpriteLayer, size: tuple[int, int]) -> Field:
        """Premultiplied RGBA of the layer on the whole frame."""
        width, height = size
        if layer.rect.w <= 0 or layer.rect.h <= 0:
            return np.zeros((height, width, 4))
        image = self._image(layer.image)
        premultiplied = np.concatenate([image[..., :3] * image[..., 3:], image[..., 3:]], axis=-1)
        xs, ys = np.arange(width) + 0.5, np.arange(height) + 0.5
        art = sampling.resample_image(premultiplied, layer.rect, xs, ys, transparent_outside=True)
        alpha = np.clip(art[..., 3:], 0, 1)
        art = np.concatenate([np.clip(art[..., :3], 0, alpha), alpha], axis=-1) * layer.opacity
        if layer.clip is not None:
            art = art * shading.coverage(layer.clip, size)[..., np.newaxis]
        return art

    def _image(self, path: str) -> Field:
        """An image file, upright, as straight R'G'B'A 0..1."""
        if path not in self._images:
            try:
                with Image.open(path) as opened:
                    upright = ImageOps.exif_transpose(opened).convert("RGBA")
            except FileNotFoundError as error:
                raise MissingInputError(f"The image {path} does not exist; restore it or take another one.") from error
            except OSError as error:
                raise UnreadableInputError(f"The image {path} cannot be read ({error}); take another one.") from error
            self._images[path] = np.asarray(upright, dtype=np.float64) / 255
        return self._images[path]


def _draw_picture(layer: PictureLayer, source: Planes, size: tuple[int, int], grids: tuple[_Grid, ...]) -> None:
    """Shadow, then ring and picture side by side, on every grid (scene.plan.PictureLayer)."""
    boxes = (layer.rect, layer.crop, layer.shape.rect)
    if any(box.w <= 0 or box.h <= 0 for box in boxes):
        return  # nothing to show, and no outline to lay a shadow around
    width, height = size
    shadow: Field = np.zeros((height, width))
    ring: Field = np.zeros((height, width))
    color = np.zeros(3)
    if layer.shadow is not None:
        shadow = layer.opacity * shading.shadow_alpha(layer.shadow, layer.shape, size)
    if layer.border is not None:
        ring = layer.opacity * layer.border.opacity * shading.ring_coverage(layer.border, layer.shape, size)
        color = np.array(layer.border.color)
    card = layer.opacity * shading.coverage(layer.shape, size)
    for grid in grids:
        below = grid.rgb * (1 - grid.reduce(shadow))
        around, inside = grid.reduce(ring), grid.reduce(card)
        grid.rgb = below * (1 - around - inside) + around * color
        columns: Where = np.any(inside > 0, axis=(0, 2))
        rows: Where = np.any(inside > 0, axis=(1, 2))
        if columns.any():
            shown = np.ix_(rows, columns)
            grid.rgb[shown] += inside[shown] * grid.picture(layer, source, columns, rows)


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
