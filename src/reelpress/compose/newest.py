"""Which pictures of the sources are really new, and where a frame differs from the one before it.

Every frame of a screen recording at a constant rate has a number of its own, but most show what the one before showed,
but for a few rows (:mod:`reelpress.compose.planar_change`). A picture that equals the last one goes by that one's
number, so that plans are equal where their pictures are; of any other the rows that changed are told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.compose.planar_blur import moves
from reelpress.compose.planar_change import Change, changed_rows, seen
from reelpress.scene.damage import merge
from reelpress.scene.damage_reach import through_effect
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import EffectLayer, GroupLayer, PictureLayer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.media.planes import Planes
    from reelpress.scene.plan.layers import Layer
    from reelpress.scene.plan.rect import IntRect


@dataclass(frozen=True, slots=True)
class _Source:
    """The newest picture of a source."""

    number: int
    """Its frame number."""
    frame: int
    """The number it goes by: that of the first of the equal pictures in a row of which it is the last."""
    planes: Planes
    """That first picture."""


@dataclass(frozen=True, slots=True)
class News:
    """What there is to draw."""

    plan: FramePlan
    """With the numbers that its pictures go by."""
    sources: Mapping[str, Planes]
    """The pictures of those numbers."""
    changes: Mapping[str, Change]
    """Of the sources that changed in some rows only: which."""
    damage: tuple[IntRect, ...]
    """Where the frame can differ from the last one; empty means nowhere."""


class Newest:
    """Remembers the newest picture of each source; from one thread.

    Args:
        formats: Formats that are taken.
    """

    def __init__(self, formats: tuple[str, ...]) -> None:
        self._formats = formats
        self._newest: dict[str, _Source] = {}

    def look(
        self, plan: FramePlan, sources: Mapping[str, Planes], last: FramePlan | None, *, compare: bool = True
    ) -> News:
        """Compare a frame with the last one.

        Args:
            plan: What to draw.
            sources: Its pictures; they are kept until the next ones come.
            last: The plan (of an earlier :class:`News`) to compare with; ``None`` damages everything.
            compare: Whether pictures are looked into; else only the very same one equals the last, for frames that
                cost less than a look.

        Raises:
            FormatError: A picture is in a format that is not taken.
        """
        newest: dict[str, _Source] = {}
        changes: dict[str, Change] = {}
        pictures = plan.pictures()
        for layer in pictures:
            key, source = layer.source, sources.get(layer.source)
            if source is None or key in newest:
                continue
            source.require(self._formats)
            old = self._newest.get(key) if last is not None else None
            newest[key] = _Source(layer.frame, layer.frame, source)
            if old is None or last is None:
                continue
            if old.number == layer.frame:
                newest[key] = old
            elif _places(pictures, key) != _places(last.pictures(), key):
                continue  # drawn anew whatever it shows
            elif source is old.planes:
                newest[key] = _Source(layer.frame, old.frame, source)
            elif compare:
                rows = changed_rows(source, old.planes)
                if rows == ():
                    newest[key] = _Source(layer.frame, old.frame, old.planes)
                elif rows is not None and _is_plain(plan, key) and _is_plain(last, key):
                    changes[key] = Change(old.frame, rows)
        self._newest = newest  # now, so that the pictures before are not kept while this frame is drawn
        if any(one.number != one.frame for one in newest.values()):
            plan = FramePlan(plan.size, _renamed(plan.layers, {k: (v.number, v.frame) for k, v in newest.items()}))
        given = {**sources, **{key: one.planes for key, one in newest.items()}}
        return News(plan, given, changes, _damage(plan, last, changes))

    def clear(self) -> None:
        """Forget all pictures."""
        self._newest = {}


def _places(pictures: tuple[PictureLayer, ...], source: str) -> list[tuple[object, ...]]:
    """Where the pictures of a source lie."""
    return [(layer.crop, layer.rect, layer.shape) for layer in pictures if layer.source == source]


def _is_plain(plan: FramePlan, source: str) -> bool:
    """Whether a change of some rows of a source is seen in just the rows that they are resampled to: not in a group
    (which keeps its own picture and damage), nor where the finished picture is treated as a whole. A blur without a
    movement treats nothing (scene.plan.Blur): every compositor draws such a layer as one without a blur."""
    there = [layer for layer in plan.layers if isinstance(layer, PictureLayer) and layer.source == source]
    altered = any(layer.soften > 0 or layer.grade is not None or moves(layer.blur) for layer in there)
    return not altered and len(there) == sum(layer.source == source for layer in plan.pictures())


def _renamed(layers: tuple[Layer, ...], names: Mapping[str, tuple[int, int]]) -> tuple[Layer, ...]:
    made: list[Layer] = []
    for layer in layers:
        if isinstance(layer, PictureLayer) and names.get(layer.source, (None,))[0] == layer.frame:
            made.append(replace(layer, frame=names[layer.source][1]))
        elif isinstance(layer, GroupLayer):
            made.append(replace(layer, layers=_renamed(layer.layers, names)))
        else:
            made.append(layer)
    return tuple(made)


def _damage(plan: FramePlan, last: FramePlan | None, changes: Mapping[str, Change]) -> tuple[IntRect, ...]:
    """What to draw, with those pictures that changed in part counted for that part only."""
    if last is None or not changes:
        return plan.damage_since(last)
    names = {
        layer.source: (layer.frame, changes[layer.source].frame) for layer in plan.pictures() if layer.source in changes
    }
    rects: list[IntRect] = []
    for layer in plan.layers:  # upwards: an effect spreads what changed below it
        if isinstance(layer, EffectLayer):
            rects = [reached for rect in rects for reached in through_effect(layer, rect, plan.size)]
        elif isinstance(layer, PictureLayer) and layer.source in changes:
            rects.extend(seen(layer, changes[layer.source].rows, plan.size))
    rects.extend(FramePlan(plan.size, _renamed(plan.layers, names)).damage_since(last))
    return merge(rects) if rects else ()
