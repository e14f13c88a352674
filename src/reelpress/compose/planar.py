"""The embedded compositor: pictures stay in YUV planes from the decoder to the encoder.

A frame is drawn layer by layer on 8-bit yuv420p planes. Blending in YUV is blending in R'G'B' (both are affine images
of each other, design 4). Each layer is rounded once, so a card over a background has the background's rounding and
its own; whatever does not change is kept in its rounded form, and a frame is the same whether parts of it were kept,
patched or drawn anew:

- the background, and the background with a resting card's shadow, ring and outline (``_Under``);
- the newest scaled picture of each layer (:class:`~reelpress.compose.pictures.PictureScaler`);
- the newest sprites.

A new source picture in an old place is compared with the last one (:mod:`reelpress.compose.newest`): an equal one is
that one, and of any other only the rows that changed are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.compose import planar_blur, planar_fill, planar_group, planar_warp
from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.compose.newest import Newest
from reelpress.compose.pictures import PictureScaler
from reelpress.compose.planar_background import Backgrounds, is_quick
from reelpress.compose.planar_blur import moves
from reelpress.compose.planar_canvas import SHIFTS, Canvas, around, lay, view
from reelpress.compose.planar_card import Card
from reelpress.compose.planar_effect import Effects, widened
from reelpress.compose.planar_frames import Frames
from reelpress.compose.planar_grade import Graded
from reelpress.compose.planar_group import Finished
from reelpress.compose.planar_outline import Outline, draw_card, draw_halo
from reelpress.compose.planar_sprite import Sprites
from reelpress.compose.planar_text import Texts
from reelpress.errors import FormatError
from reelpress.media.scale import allocate
from reelpress.scene.plan.fills import SolidFill
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

    from numpy.typing import NDArray

    from reelpress.compose.planar_change import Change
    from reelpress.compose.resample import Shown
    from reelpress.media.planes import Planes
    from reelpress.scene.plan.frame import FramePlan
    from reelpress.scene.plan.layers import Layer


_FORMATS = ("yuv420p", "nv12")
"""Of source pictures."""

_BUFFER = 512
"""Samples in numpy's own buffers, for this thread while it composes. With its 8192, rows shorter than that (all rows,
then) of any field that is not contiguous are copied to a buffer and back for every single operation, even where no
type has to be changed: 0.8 ms for 1080p in float32 instead of 0.3. With fewer, changes of type cost more."""


RESTS = 4
"""Frames drawn upon a background with a halo from which on the bare background is given back, where it is drawn again
in a moment: that is one picture less in memory while a card rests, and one drawn anew when it moves again."""


@dataclass(slots=True)
class _Under:
    """A background with the halo of the card upon it: everything of the two that does not depend on the picture."""

    key: tuple[object, ...]
    planes: Planes
    outline: Outline
    haloed: bool
    """Whether it is a picture of its own; without a halo it is the bare background."""
    drawn: int = 0
    """Frames that were drawn upon it."""


class PlanarCompositor:
    """Implements :class:`reelpress.compose.base.Compositor` on the CPU. One instance per export, one thread.

    It starts no threads; numpy and swscale release the GIL.

    Args:
        passthrough: Formats in which a source picture that fills the frame unchanged may be handed over as it is.
            The encoder has to take all of them; without ``nv12`` such an NV12 picture is split into yuv420p.

    Attributes:
        composed, patched, held, passed: Frames so far: drawn whole, drawn in part, taken again, handed over.
    """

    def __init__(self, *, passthrough: tuple[str, ...] = ("yuv420p",)) -> None:
        self._passthrough = passthrough
        self._pictures = PictureScaler()
        self._sprites = Sprites()
        self._ground_of: tuple[BackgroundLayer, tuple[int, int]] | None = None
        self._under: _Under | None = None
        self._outlines: dict[tuple[object, ...], Outline] = {}
        self._last: tuple[FramePlan, Planes] | None = None
        self._newest = Newest(_FORMATS)
        self._frames = Frames()
        self._texts = Texts()
        self._effects = Effects()
        self._graded = Graded()
        self._grounds, self._in_group = Backgrounds(), False
        self._groups = Finished(partial(PlanarCompositor._for_group, self._grounds))
        self._cover, self._corner = False, (0, 0)
        self._memory: list[NDArray[np.uint16]] = []
        self._picture: Canvas | None = None
        self._pictured: FramePlan | None = None
        self.composed = self.patched = self.held = self.passed = 0

    @classmethod
    def _for_group(cls, grounds: Backgrounds, cover: bool, corner: tuple[int, int]) -> PlanarCompositor:
        """What draws the picture of a group, whose first pixel lies at ``corner`` of the frame."""
        made = cls()
        made._grounds, made._in_group = grounds, True
        made._groups = Finished(partial(cls._for_group, grounds))
        made._cover, made._corner = cover, corner
        return made

    @property
    def name(self) -> str:
        return "planar"

    @property
    def capabilities(self) -> CompositorCapabilities:
        return CompositorCapabilities(_FORMATS, tuple(dict.fromkeys(("yuv420p", *self._passthrough))))

    @property
    def scales(self) -> int:
        """Planes that were scaled so far."""
        counts = self._pictures.resampler.counts
        return counts.scaled + counts.multiplied

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        """See :meth:`reelpress.compose.base.Compositor.compose`.

        Raises:
            FormatError: A source is missing or not 8-bit BT.709 limited yuv420p or nv12, or the size is odd.
            MissingInputError, UnreadableInputError: Of a picture file.
            OutOfMemoryError: There is no memory for a picture.
        """
        if plan.size[0] % 2 or plan.size[1] % 2 or min(plan.size) < 2:
            raise FormatError(f"The output size is {plan.size[0]}x{plan.size[1]}; both sides must be even.")
        before = np.setbufsize(_BUFFER)
        try:
            return self._compose(plan, sources, previous)
        finally:
            np.setbufsize(before)

    def _compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        last = self._last if previous is not None and self._last and previous.planes is self._last[1] else None
        passed = self._pass(plan, sources)
        news = self._newest.look(plan, sources, last[0] if last else None, compare=passed is None)
        plan, sources, changes, damage = news.plan, news.sources, news.changes, news.damage
        if last is not None and not damage:
            self.held += 1
            planes = last[1]
        elif passed is not None:
            self.passed += 1
            planes = passed
            self._frames.done(damage, lent=False)
        elif last is None or last[1].format != "yuv420p" or _most(damage, plan.size):
            planes = self._frames.whole(plan.size)
            self._draw(plan, sources, changes, Canvas(planes.planes), (IntRect(0, 0, *plan.size),))
            self._frames.done(damage)
            self.composed += 1
        else:
            planes = self._frames.next(last[1], damage)
            self._draw(plan, sources, changes, Canvas(planes.planes), damage)
            self._frames.done(damage)
            self.patched += 1
        self._last = (plan, planes)
        return Composed(planes, damage)

    def close(self) -> None:
        """Release all caches; calling it twice is harmless."""
        self._pictures.clear()
        self._sprites.clear()
        self._outlines.clear()
        self._frames.clear()
        self._texts.clear()
        self._effects.clear()
        self._groups.clear()
        self._graded.clear()
        self._memory.clear()
        self._picture = self._pictured = None
        self._newest.clear()
        if not self._in_group:
            self._grounds.trim(0)
        self._ground_of = self._under = self._last = None

    def _pass(self, plan: FramePlan, sources: Mapping[str, Planes]) -> Planes | None:
        """The source itself, when it is all there is to see and already looks as it should."""
        top = plan.layers[-1] if plan.layers else None
        if not isinstance(top, PictureLayer) or top.opacity < 1 or top.shape.radius > 0:
            return None
        if top.mirror or top.soften > 0 or top.grade is not None or moves(top.blur):
            return None
        source = sources.get(top.source)
        whole = Rect(0.0, 0.0, float(plan.size[0]), float(plan.size[1]))
        covers = top.shape.rect.intersect(whole) == whole
        if source is None or not covers or (source.width, source.height) != plan.size:
            return None
        if source.format not in self._passthrough or source.color != BT709_LIMITED:
            return None
        crop, rect = top.crop, top.rect
        same = (crop.x - rect.x, crop.y - rect.y, crop.w - rect.w, crop.h - rect.h) == (0, 0, 0, 0)
        return source if same and crop.intersect(whole) == whole else None

    def finished(self, plan: FramePlan, sources: Mapping[str, Planes]) -> Canvas:
        """The picture of a group, patched since the last call. Nobody else may write to it.

        Raises:
            As :meth:`compose`.
        """
        picture = self._picture
        if picture is None or picture.size != plan.size:
            self._pictured = None
            planes = allocate(*plan.size, "yuv420p", BT709_LIMITED).planes
            picture = self._picture = Canvas.transparent(plan.size) if self._cover else Canvas(planes)
        damage = plan.damage_since(self._pictured)
        if damage:
            self._pictured = None  # if it fails, it is drawn anew
            self._draw(plan, sources, {}, picture, damage)
        self._pictured = plan
        return picture

    def _draw(
        self,
        plan: FramePlan,
        sources: Mapping[str, Planes],
        changes: Mapping[str, Change],
        out: Canvas,
        regions: tuple[IntRect, ...],
    ) -> None:
        """Draw ``regions`` (even edges) of the plan into ``out``; nothing of their old content matters."""
        ground, layers = _split(plan)
        regions = widened(layers, regions, plan.size)
        self._pictures.keep = max(1, sum(isinstance(layer, PictureLayer) for layer in layers))
        self._groups.begin({index for index, layer in enumerate(layers) if _is_finished_first(layer)})
        card = layers[0] if layers and isinstance(layers[0], PictureLayer) else None
        if card is not None and (moves(card.blur) or not _has_area(card)):
            card = None
        under = None
        if out.cover is not None and ground is _NOTHING:
            out.clear(regions)
        else:
            alone = not self._in_group and not any(isinstance(layer, GroupLayer) for layer in layers)
            if card is not None and out.cover is None:
                under = self._on_ground(plan.size, ground, card)
            bottom = self._ground(plan.size, ground) if under is None else under.planes
            if alone:
                rests = under is not None and under.haloed and under.drawn >= RESTS and is_quick(ground)
                self._grounds.trim(0 if rests else 1)
            hidden = under.outline.hidden if under is not None else _hidden_by(layers, plan.size)
            for region in regions:
                for area in around(region, hidden):
                    for target, source, shift in zip(out.planes, bottom.planes, SHIFTS, strict=True):
                        np.copyto(view(target, area, shift), view(source, area, shift))
                    for shift, cover in enumerate(out.cover or ()):
                        view(cover, area, shift)[...] = 255
        outlines: dict[tuple[object, ...], Outline] = {}
        for index, layer in enumerate(layers):
            if isinstance(layer, PictureLayer) and not moves(layer.blur):
                shown = self._show(layer, sources, changes.get(layer.source), plan.size)
                if layer is card and under is not None:
                    draw_card(under.outline, shown, out, regions, halo=False)
                    continue
                key = _geometry(layer, plan.size)
                outline = outlines[key] = self._outlines.get(key) or Outline(layer, plan.size)
                if _has_area(layer):
                    draw_card(outline, shown, out, regions, halo=True)
            elif isinstance(layer, FillLayer):
                key = _geometry(layer, plan.size)
                outline = outlines[key] = self._outlines.get(key) or Outline(layer, plan.size)
                draw_halo(outline, out, regions)
                planar_fill.draw(outline.card, outline.weights, layer.color, out, regions)
            else:
                self._draw_other(index, layer, plan.size, sources, out, regions)
        self._outlines = outlines

    def _draw_other(
        self,
        index: int,
        layer: Layer,
        size: tuple[int, int],
        sources: Mapping[str, Planes],
        out: Canvas,
        regions: tuple[IntRect, ...],
    ) -> None:
        """Art, effects, and what is drawn by itself first."""
        if isinstance(layer, SpriteLayer | TextLayer):
            art = self._sprites.get(layer, size) if isinstance(layer, SpriteLayer) else self._texts.get(layer, size)
            if art is not None:
                lay(art, out, regions)
        elif isinstance(layer, EffectLayer):
            self._effects.draw(layer, out, regions)
        elif isinstance(layer, PictureLayer):
            if layer.opacity <= 0 or not _has_area(layer):
                return
            assert layer.blur is not None
            margin = planar_blur.margin_of(layer.blur, size)
            alone, frame = planar_blur.unblurred(layer, margin), planar_blur.grown(size, margin)
            picture = self._groups.picture(index, (alone,), frame, sources, cover=True, corner=(-margin, -margin))
            planar_blur.draw(picture, Card(alone, frame), layer.blur, out, regions, self._memory)
        elif isinstance(layer, GroupLayer) and layer.opacity > 0:
            cover = layer.warp is not None or not planar_group.is_opaque(layer)
            picture = self._groups.picture(index, layer.layers, size, sources, cover=cover, corner=self._corner)
            if layer.warp is not None:
                planar_warp.warp(picture, layer.warp, layer.opacity, out, regions)
            else:
                planar_group.fade(picture, layer.opacity, out, regions, replaces=layer.replaces)

    def _show(
        self, layer: PictureLayer, sources: Mapping[str, Planes], change: Change | None, size: tuple[int, int]
    ) -> Shown | None:
        if layer.opacity <= 0:
            return None
        source = sources.get(layer.source)
        if source is None:
            raise FormatError(f"The plan shows {layer.source!r}, but the sources given are {sorted(sources)}.")
        shown = self._pictures.show(layer, source, size, change)
        if shown is None or layer.grade is None:
            return shown
        return self._graded.get(layer.grade, shown, layer.rect, size, self._corner, self._pictures.keep)

    def _ground(self, size: tuple[int, int], layer: BackgroundLayer) -> Planes:
        """The background's planes, drawn on first use. Not to be written to."""
        if self._ground_of != (layer, size):
            self._ground_of = (layer, size)
            self._under = None  # give it back before a new background is made
        return self._grounds.get(layer, size)

    def _on_ground(self, size: tuple[int, int], ground: BackgroundLayer, card: PictureLayer) -> _Under:
        """The background with the halo of ``card``, drawn on first use. Not to be written to."""
        key = (ground, *_geometry(card, size))
        if self._under is None or self._under.key != key:
            self._under = None
            base = self._ground(size, ground)
            outline = Outline(card, size)
            planes = base
            if any(piece.kind == "halo" for piece in outline.card.pieces):
                planes = allocate(*size, "yuv420p", BT709_LIMITED)
                for target, source in zip(planes.planes, base.planes, strict=True):
                    np.copyto(target, source)
                draw_halo(outline, Canvas(planes.planes), (IntRect(0, 0, *size),))
            self._under = _Under(key, planes, outline, planes is not base)
        self._under.drawn += 1
        return self._under


_NOTHING = BackgroundLayer(SolidFill((0.0, 0.0, 0.0)))
"""What lies under a plan that does not cover the frame: black."""


def _split(plan: FramePlan) -> tuple[BackgroundLayer, tuple[Layer, ...]]:
    """The last background, which hides all before it, and what lies on it."""
    ground = _NOTHING
    layers: list[Layer] = []
    for layer in plan.layers:
        if isinstance(layer, BackgroundLayer):
            ground = layer
            layers.clear()
        else:
            layers.append(layer)
    return ground, tuple(layers)


def _has_area(layer: PictureLayer) -> bool:
    """Whether there is a picture: without one a layer has no decoration either."""
    return min(layer.rect.w, layer.rect.h, layer.crop.w, layer.crop.h) > 0


def _hidden_by(layers: tuple[Layer, ...], size: tuple[int, int]) -> IntRect | None:
    """What of the frame the first of the layers hides, if that is a picture with motion blur."""
    card = layers[0] if layers else None
    if not isinstance(card, PictureLayer) or card.blur is None or not moves(card.blur) or not _has_area(card):
        return None
    margin = planar_blur.margin_of(card.blur, size)
    alone = Card(planar_blur.unblurred(card, margin), planar_blur.grown(size, margin))
    return planar_blur.hidden(alone, card.blur, size, margin)


def _is_finished_first(layer: Layer) -> bool:
    """Whether it is drawn by itself, and only then over what is there."""
    return isinstance(layer, GroupLayer) or (isinstance(layer, PictureLayer) and moves(layer.blur))


def _geometry(layer: PictureLayer | FillLayer, size: tuple[int, int]) -> tuple[object, ...]:
    """Everything of a card but the picture."""
    return (layer.shape, layer.shadow, layer.border, layer.opacity, size)


def _most(damage: tuple[IntRect, ...], size: tuple[int, int]) -> bool:
    """Whether so much is to be drawn that taking over the rest is not worth it."""
    return 4 * sum(rect.area for rect in damage) >= 3 * size[0] * size[1]
