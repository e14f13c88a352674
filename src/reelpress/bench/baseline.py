"""The seed's baseline on the CPU: the look composed in RGBA, read back at full size, converted by swscale.

What the seed does on a GPU is done here with numpy, well enough to be fair: the background with the card's shadow is
drawn once and copied, the picture is scaled and turned to RGBA in one pass of swscale, and blending happens only where
a mask is neither 0 nor 1. It draws every frame anew, as the seed's renderer does, and hands on a full-size copy, which
stands for the read-back. Nothing is shared with the shipped compositors but the text's and pointers' art.

Positions are rounded to whole pixels. What it leaves out is said (``not_drawn``), and makes it faster, never slower.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from reelpress.compose.assets import load
from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.media.rgba import RgbaConverter, rgba_picture
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.layers import (
    BackgroundLayer,
    EffectLayer,
    FillLayer,
    GroupLayer,
    Layer,
    PictureLayer,
    SpriteLayer,
    TextLayer,
)
from reelpress.scene.plan.outline import CornerKind, Shape
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from reelpress.media.planes import Planes
    from reelpress.scene.plan.frame import FramePlan

    Pixels = np.ndarray[Any, np.dtype[np.uint8]]

KEPT = 12
"""Finished backgrounds and masks that are kept."""


class BaselineCompositor:
    """FramePlan to RGBA planes. One thread."""

    def __init__(self) -> None:
        self.converter = RgbaConverter()
        """Source pictures to RGBA. The seed's renderer does this in its shader."""
        self.not_drawn: dict[str, None] = {}
        """What plans asked for and this does not draw, in order."""
        self.readback_bytes = 0
        """Bytes copied from the canvas to the pictures that were handed on."""
        self.copies = 0
        """Full-size copies: the read-back's."""
        self._grounds: OrderedDict[object, Pixels] = OrderedDict()
        self._masks: OrderedDict[object, Pixels] = OrderedDict()
        self._sprites: OrderedDict[object, Pixels] = OrderedDict()
        self._canvas: Pixels | None = None
        self._texts: Any = None

    @property
    def name(self) -> str:
        return "baseline"

    @property
    def capabilities(self) -> CompositorCapabilities:
        return CompositorCapabilities(("yuv420p", "nv12"), ("rgba",), tuple(self.not_drawn))

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        """Draw the whole frame; ``previous`` is not looked at."""
        width, height = plan.size
        if self._canvas is None or self._canvas.shape[:2] != (height, width):
            self._canvas = np.empty((height, width, 4), np.uint8)
        canvas, rest = self._canvas, self._ground(plan, self._canvas)
        for layer in rest:
            self._draw(canvas, layer, sources)
        planes = rgba_picture(canvas)
        self.copies += 1
        self.readback_bytes += planes.nbytes
        return Composed(planes, (IntRect(0, 0, width, height),))

    def close(self) -> None:
        self._grounds.clear()
        self._masks.clear()
        self._sprites.clear()
        self._canvas = self._texts = None

    def ground(self, plan: FramePlan) -> Pixels:
        """Background with the first card's shadow and ring as RGBA, for peers that want it as a picture."""
        width, height = plan.size
        canvas = np.empty((height, width, 4), np.uint8)
        self._ground(plan, canvas)
        return canvas

    # -- what lies below ------------------------------------------------------------------------------------------

    def _ground(self, plan: FramePlan, canvas: Pixels) -> Sequence[Layer]:
        """Put the background and the first card's shadow and ring into ``canvas``; returns the layers still to draw."""
        layers = plan.layers
        below: tuple[object, ...] = (plan.size,)
        first = layers[0] if layers and isinstance(layers[0], BackgroundLayer) else None
        card = layers[1] if first is not None and len(layers) > 1 and isinstance(layers[1], PictureLayer) else None
        if card is not None and card.opacity >= 1:
            below = (plan.size, first, card.shape, card.shadow, card.border)
        else:
            below, card = (plan.size, first), None
        found = self._grounds.pop(below, None)
        if found is None:
            found = self._background(plan.size, first)
            if card is not None:
                self._surround(found, card)
        self._grounds[below] = found
        if len(self._grounds) > KEPT:
            self._grounds.popitem(last=False)
        canvas[:] = found
        return layers if first is None else layers[1:] if card is None else (_bare(card), *layers[2:])

    def _background(self, size: tuple[int, int], layer: BackgroundLayer | None) -> Pixels:
        width, height = size
        out = np.zeros((height, width, 4), np.uint8)
        out[..., 3] = 255
        fill = None if layer is None else layer.fill
        if isinstance(fill, SolidFill):
            out[..., :3] = _codes(fill.color)
        elif isinstance(fill, GradientFill):
            angle = np.deg2rad(fill.angle + 270)
            x = (np.arange(width) + 0.5) / width - 0.5
            y = (np.arange(height) + 0.5) / height - 0.5
            t = np.clip(x[None, :] * np.cos(angle) + y[:, None] * np.sin(angle) + 0.5, 0, 1)[..., None]
            start, end = np.array(fill.start), np.array(fill.end)
            out[..., :3] = np.rint((start + (end - start) * t) * 255)
            if fill.noise_intensity > 0:
                self.not_drawn["noise of the background"] = None
        elif isinstance(fill, ImageFill):
            scale = max(width / fill.width, height / fill.height)
            w, h = width / scale, height / scale
            x0, y0 = (fill.width - w) / 2, (fill.height - h) / 2
            image = Image.fromarray(load(fill.image)).resize(size, Image.Resampling.BICUBIC, (x0, y0, x0 + w, y0 + h))
            white = Image.new("RGBA", size, "white")
            out = np.array(Image.alpha_composite(white, image))
        if layer is not None and layer.blur_sigma > 0:
            out = np.array(Image.fromarray(out).filter(ImageFilter.GaussianBlur(layer.blur_sigma)))
        return out

    def _surround(self, canvas: Pixels, layer: PictureLayer | FillLayer) -> None:
        """Shadow and border of a shape, over ``canvas``."""
        shape = layer.shape
        if layer.shadow is not None and layer.shadow.opacity > 0:
            shadow = layer.shadow
            area = _around(shape.rect.outset(shadow.reach), canvas)
            if area is not None:

                def dark(area: IntRect = area) -> NDArray[np.float32]:
                    d = np.abs(_distance(shape, area))
                    fades = 1 - _smooth(-shadow.blur, shadow.reach, d)
                    dark: NDArray[np.float32] = fades * np.float32(layer.opacity * shadow.opacity)
                    return dark

                alpha = self._kept((shape, shadow, layer.opacity, area), dark)
                view = _view(canvas, area)
                black = np.broadcast_to(np.uint8(0), (area.h, area.w, 3))
                _mix(view, black, alpha)
        border = layer.border
        if border is not None and border.opacity > 0 and border.width > 0:
            grown = Shape(shape.rect.outset(border.width), shape.radius + border.width, shape.kind)
            area = _around(grown.rect, canvas)
            if area is not None:

                def around(area: IntRect = area) -> NDArray[np.float32]:
                    ring = np.maximum(0, _covered(grown, area) - _covered(shape, area))
                    shown: NDArray[np.float32] = ring * np.float32(border.opacity * layer.opacity)
                    return shown

                ring = self._kept((shape, border, layer.opacity, area), around)
                color = np.broadcast_to(_codes(border.color).astype(np.uint8), (area.h, area.w, 3))
                _mix(_view(canvas, area), color, ring)

    # -- layers ---------------------------------------------------------------------------------------------------

    def _draw(self, canvas: Pixels, layer: Layer, sources: Mapping[str, Planes]) -> None:
        if isinstance(layer, BackgroundLayer):
            canvas[:] = self._background((canvas.shape[1], canvas.shape[0]), layer)
        elif isinstance(layer, PictureLayer):
            self._picture(canvas, layer, sources[layer.source])
        elif isinstance(layer, FillLayer):
            self._surround(canvas, layer)
            area = _around(layer.shape.rect, canvas)
            if area is not None:
                color = np.broadcast_to(np.append(_codes(layer.color), 255).astype(np.uint8), (area.h, area.w, 4))
                self._blend(canvas, area, color, layer.shape, layer.opacity)
        elif isinstance(layer, SpriteLayer):
            self._sprite(canvas, layer)
        elif isinstance(layer, TextLayer):
            self._text(canvas, layer)
        elif isinstance(layer, EffectLayer):
            _effect(canvas, layer)
        elif isinstance(layer, GroupLayer):
            if layer.warp is not None:
                self.not_drawn["3D"] = None
            if layer.opacity > 0:
                with_group = canvas.copy()
                for inner in layer.layers:
                    self._draw(with_group, inner, sources)
                if layer.opacity >= 1:
                    canvas[:] = with_group
                else:
                    canvas[:] = np.array(
                        Image.blend(Image.fromarray(canvas), Image.fromarray(with_group), layer.opacity)
                    )

    def _picture(self, canvas: Pixels, layer: PictureLayer, planes: Planes) -> None:
        for name in ("soften", "grade", "blur"):
            if getattr(layer, name):
                self.not_drawn[{"blur": "motion blur", "grade": "colour grading"}.get(name, "softened pictures")] = None
        if layer.shadow is not None or layer.border is not None:
            self._surround(canvas, layer)
        rect, crop = layer.rect, layer.crop
        area = _around(rect.intersect(layer.shape.rect), canvas, rounded=True)
        if area is None or rect.w <= 0 or rect.h <= 0:
            return
        # the part of the source that is seen in ``area``
        kx, ky = crop.w / rect.w, crop.h / rect.h
        left = (area.x - rect.x) * kx if not layer.mirror else (rect.right - area.right) * kx
        x0, y0 = crop.x + left, crop.y + (area.y - rect.y) * ky
        part = _even(Rect(x0, y0, area.w * kx, area.h * ky), planes)
        pixels = self.converter.to_rgba(planes, part, area.w, area.h)
        if layer.mirror:
            pixels = pixels[:, ::-1]
        self._blend(canvas, area, pixels, layer.shape, layer.opacity)

    def _blend(self, canvas: Pixels, area: IntRect, pixels: Pixels, shape: Shape, opacity: float) -> None:
        """Opaque ``pixels`` into ``area``, cut by ``shape``: copied where the mask is full, blended at its edges."""
        view = _view(canvas, area)
        if opacity < 1:
            alpha = self.mask(shape, area).astype(np.float32) * np.float32(opacity / 255)
            _mix(view, pixels, np.rint(alpha * 255).astype(np.uint8))
            return
        mask = self.mask(shape, area)
        edge = min(area.h // 2, area.w // 2, int(np.ceil(shape.radius)) + 2)
        side = min(edge, 2)
        h, w = area.h, area.w
        # the bands that can be anything but full: the corners' rows as far as the radius, and two columns beside them
        bands = [(0, edge, 0, edge), (0, edge, w - edge, w), (h - edge, h, 0, edge), (h - edge, h, w - edge, w)]
        bands += [(0, side, edge, w - edge), (h - side, h, edge, w - edge)]
        bands += [(edge, h - edge, 0, side), (edge, h - edge, w - side, w)]
        kept = [view[a:b, c:d].copy() for a, b, c, d in bands]
        view[:] = pixels  # whole pixels: rows are copied at once
        for (a, b, c, d), below in zip(bands, kept, strict=True):
            view[a:b, c:d] = below
            _mix(view[a:b, c:d], pixels[a:b, c:d], mask[a:b, c:d])

    def mask(self, shape: Shape, area: IntRect) -> Pixels:
        """Coverage of a shape in ``area`` in codes 0..255; kept for shapes that stay."""
        return self._kept((shape, area), lambda: _covered(shape, area))

    def _kept(self, key: object, make: Callable[[], NDArray[np.float32]]) -> Pixels:
        """A field of 0..1 in codes 0..255; kept for shapes that stay."""
        found = self._masks.pop(key, None)
        if found is None:
            found = np.rint(make() * 255).astype(np.uint8)
        self._masks[key] = found
        if len(self._masks) > KEPT:
            self._masks.popitem(last=False)
        return found

    def _sprite(self, canvas: Pixels, layer: SpriteLayer) -> None:
        for name in ("grade", "blur", "angle", "clip"):
            if getattr(layer, name):
                self.not_drawn[f"{name} of sprites"] = None
        w, h = max(1, round(layer.rect.w)), max(1, round(layer.rect.h))
        key = (layer.image, w, h)
        found = self._sprites.pop(key, None)
        if found is None:
            image = Image.fromarray(load(layer.image)).convert("RGBa")
            found = np.array(image.resize((w, h), Image.Resampling.BICUBIC))
        self._sprites[key] = found
        if len(self._sprites) > 32:
            self._sprites.popitem(last=False)
        _over(canvas, found, round(layer.rect.x), round(layer.rect.y), layer.opacity)

    def _text(self, canvas: Pixels, layer: TextLayer) -> None:
        if self._texts is None:
            from reelpress.text.raster import TextRasteriser  # fonts are loaded by who shows text

            self._texts = TextRasteriser(max_bytes=8 << 20)
        drawn = self._texts.sprite(layer.run, (layer.x, layer.y), layer.scale)
        if drawn.rgba.size:
            _over(canvas, np.rint(drawn.rgba * 255).astype(np.uint8), drawn.x, drawn.y, layer.opacity)


def _bare(layer: PictureLayer) -> PictureLayer:
    """The layer without what was already drawn around it."""
    from dataclasses import replace

    return replace(layer, shadow=None, border=None)


def _codes(color: tuple[float, float, float]) -> NDArray[np.float64]:
    codes: NDArray[np.float64] = np.rint(np.array(color, np.float64) * 255)
    return codes


def _view(canvas: Pixels, area: IntRect) -> Pixels:
    return canvas[area.y : area.bottom, area.x : area.right]


def _around(rect: Rect, canvas: Pixels, *, rounded: bool = False) -> IntRect | None:
    """The whole pixels around ``rect`` (or nearest to it) inside the canvas."""
    height, width = canvas.shape[:2]
    low, high = (round, round) if rounded else (np.floor, np.ceil)
    x0, y0 = max(0, int(low(rect.x))), max(0, int(low(rect.y)))
    x1, y1 = min(width, int(high(rect.right))), min(height, int(high(rect.bottom)))
    return IntRect(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def _even(rect: Rect, planes: Planes) -> IntRect:
    """The part of a source with even edges that is nearest to ``rect``, at least 2 x 2."""
    width, height = planes.width & ~1, planes.height & ~1
    x0, y0 = min(max(0, round(rect.x / 2) * 2), width - 2), min(max(0, round(rect.y / 2) * 2), height - 2)
    x1, y1 = min(width, round(rect.right / 2) * 2), min(height, round(rect.bottom / 2) * 2)
    return IntRect(x0, y0, max(2, x1 - x0), max(2, y1 - y0))


def _distance(shape: Shape, area: IntRect) -> NDArray[np.float32]:
    """Signed distance of the pixel centres of ``area`` (formula of ``scene.plan``)."""
    return _distance_at(shape, area, 0.0, 0.0)


def _distance_at(shape: Shape, area: IntRect, dx: float, dy: float) -> NDArray[np.float32]:
    """The same at a point beside the centres. Powers and roots are only taken in the four corners."""
    rect, r = shape.rect, shape.radius
    x = np.arange(area.x, area.right, dtype=np.float32) + np.float32(0.5 + dx - rect.x - rect.w / 2)
    y = np.arange(area.y, area.bottom, dtype=np.float32) + np.float32(0.5 + dy - rect.y - rect.h / 2)
    qx = np.abs(x) - np.float32(rect.w / 2 - r)
    qy = np.abs(y) - np.float32(rect.h / 2 - r)
    result: NDArray[np.float32] = np.maximum(qx[None, :], qy[:, None])
    power = 4 if shape.kind is CornerKind.SQUIRCLE else 2
    for rows in _runs(qy > 0):
        for columns in _runs(qx > 0):
            result[rows, columns] = (qx[None, columns] ** power + qy[rows, None] ** power) ** np.float32(1 / power)
    result -= np.float32(r)
    return result


def _runs(flags: NDArray[np.bool_]) -> list[slice]:
    """The stretches in which ``flags`` are set; of a corner shape at most two."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _covered(shape: Shape, area: IntRect) -> NDArray[np.float32]:
    """Coverage 0..1: the mean of four samples a pixel, or the exact box for square corners."""
    if shape.radius <= 0:
        x = _box(shape.rect.x, shape.rect.right, area.x, area.w)
        y = _box(shape.rect.y, shape.rect.bottom, area.y, area.h)
        exact: NDArray[np.float32] = y[:, None] * x[None, :]
        return exact
    # between the corners coverage depends on the row alone or the column alone
    across = _between(shape.rect.x, shape.rect.right, shape.radius, area.x, area.w)
    along = _between(shape.rect.y, shape.rect.bottom, shape.radius, area.y, area.h)
    if shape.radius < 2 or across is None or along is None:
        return _sampled(shape, area)
    out = np.empty((area.h, area.w), np.float32)
    out[:, across] = _sampled(shape, IntRect(area.x + across.start, area.y, 1, area.h))
    out[along] = _sampled(shape, IntRect(area.x, area.y + along.start, area.w, 1))
    for top, bottom in ((0, along.start), (along.stop, area.h)):
        for left, right in ((0, across.start), (across.stop, area.w)):
            if bottom > top and right > left:
                block = IntRect(area.x + left, area.y + top, right - left, bottom - top)
                out[top:bottom, left:right] = _sampled(shape, block)
    return out


def _between(low: float, high: float, radius: float, first: int, count: int) -> slice | None:
    """The pixels of a line that lie between two rounded corners, or ``None`` if there are none."""
    start = max(0, int(np.ceil(low + radius)) + 1 - first)
    stop = min(count, int(np.floor(high - radius)) - 1 - first)
    return slice(start, stop) if stop > start else None


def _sampled(shape: Shape, area: IntRect) -> NDArray[np.float32]:
    total = np.zeros((area.h, area.w), np.float32)
    for dx in (-0.25, 0.25):
        for dy in (-0.25, 0.25):
            total += 1 - _smooth(-1, 1, _distance_at(shape, area, dx, dy))
    mean: NDArray[np.float32] = total / np.float32(4)
    return mean


def _box(start: float, end: float, first: int, count: int) -> NDArray[np.float32]:
    at = np.arange(first, first + count, dtype=np.float32)
    inside: NDArray[np.float32] = np.clip(np.minimum(at + 1, end) - np.maximum(at, start), 0, 1).astype(np.float32)
    return inside


def _smooth(a: float, b: float, x: NDArray[np.float32]) -> NDArray[np.float32]:
    if b <= a:
        return (x >= b).astype(np.float32)
    t = x - np.float32(a)
    t *= np.float32(1 / (b - a))
    np.clip(t, 0, 1, out=t)
    result: NDArray[np.float32] = t * np.float32(-2)
    result += np.float32(3)
    result *= t
    result *= t
    return result


def _mix(view: Pixels, pixels: Pixels, alpha: Pixels) -> None:
    """``pixels`` (straight) over ``view`` by ``alpha`` 0..255."""
    if view.size > 1 << 16:  # Pillow needs no 16-bit arrays in between
        if pixels.shape[2] == 3:
            top = Image.new("RGBA", (view.shape[1], view.shape[0]), (*(int(v) for v in pixels[0, 0]), 255))
        else:
            top = Image.fromarray(np.ascontiguousarray(pixels))
        below = Image.fromarray(np.ascontiguousarray(view))
        view[:] = np.asarray(Image.composite(top, below, Image.fromarray(np.ascontiguousarray(alpha))))
        return
    a = alpha.astype(np.uint16)[..., None]
    view[..., :3] = (view[..., :3] * (255 - a) + pixels[..., :3] * a + 127) // 255


def _over(canvas: Pixels, art: Pixels, x: int, y: int, opacity: float) -> None:
    """Premultiplied ``art`` over ``canvas``."""
    height, width = canvas.shape[:2]
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(width, x + art.shape[1]), min(height, y + art.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    top = art[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.uint16)
    if opacity < 1:
        top = np.rint(top * opacity).astype(np.uint16)
    view = canvas[y0:y1, x0:x1, :3]
    view[:] = np.minimum(255, top[..., :3] + (view * (255 - top[..., 3:]) + 127) // 255)


def _effect(canvas: Pixels, layer: EffectLayer) -> None:
    area = _around(layer.rect, canvas, rounded=True)
    if layer.effect is Effect.HIGHLIGHT:
        keep = None if area is None else _view(canvas, area).copy()
        canvas[..., :3] = np.rint(canvas[..., :3] * np.float32(1 - layer.amount))
        if area is not None and keep is not None:
            _view(canvas, area)[:] = keep
        return
    if area is None or layer.amount <= 0:
        return
    view = _view(canvas, area)
    if layer.effect is Effect.PIXELATE:
        cell = max(1, round(layer.amount))
        small = view[cell // 2 :: cell, cell // 2 :: cell]
        if small.size:
            big = small.repeat(cell, axis=0).repeat(cell, axis=1)[: area.h, : area.w]
            view[: big.shape[0], : big.shape[1]] = big
    else:
        view[:] = np.array(Image.fromarray(view).filter(ImageFilter.GaussianBlur(layer.amount / 3)))
