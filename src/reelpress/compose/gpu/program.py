"""What the GPU has to do for a frame: its layers as records, and the passes in their order.

A stack of layers is one pass. Layers that need a finished picture cut it: what lies below a mask, groups and pictures
with motion blur are drawn into images first, sprites that move and pictures that are softened, graded or reduced far
are made by passes of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.compose.gpu import layers as records
from reelpress.compose.gpu.effects import Effects
from reelpress.compose.gpu.passes import JOB_BYTES, TILE, Job, Passes
from reelpress.compose.gpu.pictures import Pictures
from reelpress.compose.gpu.sprites import Sprites
from reelpress.scene.plan.effects import Effect
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
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.compose.gpu.art import Art
    from reelpress.compose.gpu.layers import Sheet
    from reelpress.compose.gpu.memory import Arena
    from reelpress.compose.gpu.sources import Sources
    from reelpress.compose.newest import News
    from reelpress.scene.plan.layers import Layer

__all__ = ["JOB_BYTES", "TILE", "Program"]


class Program:
    """Builds the passes of one frame after the other; not for two threads.

    Attributes:
        layers, jobs, passes: As of :class:`~reelpress.compose.gpu.passes.Passes`.
    """

    def __init__(self, sources: Sources, art: Art, arena: Arena) -> None:
        self._art, self._made = art, Passes()
        self._pictures, self._effects = Pictures(sources, self._made), Effects(art, self._made)
        self._sprites = Sprites(arena, art, self._made)
        self._news: News
        self.layers, self.jobs, self.passes = self._made.layers, self._made.jobs, self._made.passes

    @property
    def words(self) -> int:
        """Words of images that the passes need."""
        return self._made.words

    @property
    def keep(self) -> bool:
        """Whether what the frames before left in the memory of images has to stay there."""
        return self._sprites.holding

    def build(self, news: News, target: tuple[int, int, int] | None, blocks: Sequence[IntRect] = ()) -> Sheet | None:
        """The passes of a plan. Once they are on their way, :meth:`submitted` has to be called.

        Args:
            news: What to draw.
            target: First word of luma, of chroma and words a row of the NV12 picture to make; ``None`` for a sheet.
            blocks: Rectangles of tiles (:data:`TILE`) that the last pass draws; none for all.

        Returns:
            The finished premultiplied picture, if there was no target.

        Raises:
            FormatError, MissingInputError, UnreadableInputError: Of sources and picture files.
        """
        self._news, plan, made = news, news.plan, self._made
        made.clear(self._sprites.begin())
        frame = IntRect(0, 0, *plan.size)
        stack = self._stack(plan.layers, frame)
        if target is None:
            return made.draw(stack, frame, frame.x)
        made.finish(stack, plan.size, target, blocks)
        return None

    def submitted(self) -> None:
        """The passes are on their way: the next frame may use what they make."""
        self._sprites.submitted()

    def rgba(self, sheet: Sheet, at: int, stride: int, *, bgra: bool) -> None:
        """Add the pass that makes straight RGBA (or BGRA) of a finished picture: words of the result."""
        job = Job(sheet.luma, sheet.luma, sheet.chroma, sheet.chroma, format=int(bgra), at=at, stride=stride)
        self._made.job("to_rgba", job)

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
                    stack += self._pictures.records(layer, frame, self._news)
                case FillLayer():
                    if layer.opacity > 0 and layer.shape.rect.w > 0 and layer.shape.rect.h > 0:
                        stack.append(records.fill(layer))
                case SpriteLayer() | TextLayer():
                    art = self._sprites.record(layer, size)
                    if art is not None:
                        stack.append(art)
                case EffectLayer():
                    if layer.amount > 0 and (stack or layer.effect is Effect.HIGHLIGHT):
                        stack = self._effects.upon(stack, layer, frame)
                case GroupLayer():
                    if layer.opacity > 0:
                        stack += self._group(layer, frame)
        return stack

    def _group(self, layer: GroupLayer, frame: IntRect) -> list[bytes]:
        inner = self._stack(layer.layers, frame)
        if not inner:
            return []
        sheet = self._made.draw(inner, frame, frame.x)
        if layer.warp is not None:
            return [records.warped(sheet, layer.opacity, layer.warp)]
        return [records.art(sheet, layer.opacity)]

    def _ground(self, layer: BackgroundLayer, size: tuple[int, int]) -> bytes:
        if isinstance(layer.fill, SolidFill):  # a blurred flat colour is that colour
            return records.record(records.COLOUR, fill=records.centred(layer.fill.color))
        at, stride = self._art.ground(layer, size)
        planes = (at, at + stride * size[1], 0, stride, stride)
        return records.record(records.GROUND, planes=planes)
