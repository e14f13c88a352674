"""FramePlan: the layers of one output frame, and where it differs from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.scene.plan.layers import GroupLayer, PictureLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.scene.plan.layers import Layer
    from reelpress.scene.plan.rect import IntRect


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One output frame. A pure function of (recording, project, frame index)."""

    size: tuple[int, int]
    """Width and height of the output in pixels, both even."""
    layers: tuple[Layer, ...]

    def pictures(self) -> tuple[PictureLayer, ...]:
        """The video pictures that this frame needs, in drawing order."""
        return tuple(_pictures(self.layers))

    def damage_since(self, other: FramePlan | None) -> tuple[IntRect, ...]:
        """Rectangles outside of which this frame cannot differ from ``other``; empty means held.

        ``None`` or another size damages everything. Rectangles have even edges (one chroma sample covers two
        pixels) and do not overlap each other.
        """
        from reelpress.scene.damage import damage

        return damage(self, other)


def _pictures(layers: tuple[Layer, ...]) -> Iterator[PictureLayer]:
    for layer in layers:
        if isinstance(layer, PictureLayer):
            yield layer
        elif isinstance(layer, GroupLayer):
            yield from _pictures(layer.layers)
