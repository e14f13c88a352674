"""Layers for pictures with alpha: without what lies behind everything, or of the pointer alone.

A picture with alpha is drawn over nothing. A side of a cross-fade that had a background hid what was below it in the
measure of its opacity; without that it has to replace it (``GroupLayer.replaces``), or the side that goes would stay
until the end wherever the one that comes is transparent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reelpress.project.background import ColorSource
from reelpress.scene.plan.layers import BackgroundLayer, FillLayer, GroupLayer, SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from reelpress.project.background import Background
    from reelpress.scene.plan.layers import Layer


def ground_of(background: Background, size: tuple[int, int]) -> FillLayer | None:
    """A background colour of which a part is transparent, as a layer over nothing; ``None`` for all others."""
    source = background.source
    if not isinstance(source, ColorSource) or not 0 < source.alpha < 255:
        return None
    r, g, b = source.value
    whole = Shape(Rect(0.0, 0.0, float(size[0]), float(size[1])))
    return FillLayer(whole, (r / 255, g / 255, b / 255), source.alpha / 255)


def over_nothing(layers: tuple[Layer, ...], ground: FillLayer | None) -> tuple[Layer, ...]:
    """``layers`` without their backgrounds.

    Args:
        layers: In drawing order.
        ground: What stands in the place of a background: a colour that lets through; ``None``: nothing at all.
    """
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, BackgroundLayer):
            found = [] if ground is None else [ground]  # a background hides what is below it
        elif isinstance(layer, GroupLayer):
            inside = over_nothing(layer.layers, ground)
            found.append(replace(layer, layers=inside, replaces=_hides(layer) and bool(found)))
        else:
            found.append(layer)
    return tuple(found)


def pointer_only(layers: tuple[Layer, ...], size: tuple[int, int]) -> tuple[Layer, ...]:
    """Of ``layers`` the pointer, as large, as opaque and as clipped as it is in the whole picture.

    Args:
        layers: In drawing order.
        size: Of the frame: a fill over all of it (a fade through black) takes the pointer away as it takes the picture.
    """
    found: tuple[Layer, ...] = ()
    for layer in layers:
        if isinstance(layer, SpriteLayer):
            found = (*found, layer)
        elif isinstance(layer, GroupLayer):
            inside = pointer_only(layer.layers, size)
            if inside:
                found = (*found, replace(layer, layers=inside, replaces=_hides(layer) and bool(found)))
            elif _hides(layer):
                found = _faded(found, 1.0 - layer.opacity)
        elif isinstance(layer, FillLayer) and _covers(layer, size):
            found = _faded(found, 1.0 - layer.opacity)
    return found


def _hides(layer: GroupLayer) -> bool:
    """Whether the group hides what is below it, in the measure of its opacity: a side of a cross-fade."""
    return layer.warp is None and any(isinstance(each, BackgroundLayer) for each in layer.layers)


def _faded(layers: tuple[Layer, ...], opacity: float) -> tuple[Layer, ...]:
    if not layers or opacity >= 1:
        return layers
    return (GroupLayer(layers, opacity),) if opacity > 0 else ()


def _covers(layer: FillLayer, size: tuple[int, int]) -> bool:
    rect = layer.shape.rect
    return layer.shape.radius == 0 and rect.x <= 0 and rect.y <= 0 and rect.right >= size[0] and rect.bottom >= size[1]
