"""When a frame hides something that the one before showed.

Pictures that no other refers to may be dropped by a player under load, which then keeps showing the one before. A
frame in which a mask begins or grows must therefore not be such a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.layers import EffectLayer, GroupLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.scene.plan.frame import FramePlan
    from reelpress.scene.plan.layers import Layer

_HIDING = (Effect.PIXELATE, Effect.BLUR)


def hides_more(new: FramePlan, old: FramePlan | None) -> bool:
    """Whether a mask of ``new`` may cover a pixel that ``old`` showed uncovered, or cover one more strongly.

    Careful rather than clever: any mask that the old frame did not have just so counts.
    """
    masks = frozenset(_masks(new.layers))
    return bool(masks) and (old is None or not masks <= frozenset(_masks(old.layers)))


def _masks(layers: tuple[Layer, ...]) -> Iterator[EffectLayer]:
    for layer in layers:
        if isinstance(layer, EffectLayer):
            if layer.effect in _HIDING:
                yield layer
        elif isinstance(layer, GroupLayer):
            yield from _masks(layer.layers)
