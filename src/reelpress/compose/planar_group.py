"""Groups of layers: their own picture, drawn and kept like a frame, then faded or warped over what is there.

A group with a background covers the frame and needs no coverage; a cross-fade of it is a mix of two numbers. All
others have their premultiplied picture and its coverage in 8 bits. The picture is kept and patched by the damage of
the group's own layers, so a title that fades is drawn once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS, strips, view
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, GroupLayer
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.media.planes import Plane, Planes
    from reelpress.scene.plan.layers import Layer

    class Painter(Protocol):
        """Draws the picture of a group; the compositor itself, once for each group."""

        def finished(self, plan: FramePlan, sources: Mapping[str, Planes]) -> Canvas: ...

        def close(self) -> None: ...


BLACK = (16, 128, 128)
"""Codes of it."""

_TILE = (64, 256)
"""Rows and columns that are looked at for whether there is anything in them."""


def is_opaque(layer: GroupLayer) -> bool:
    """Whether the group's picture covers the whole frame."""
    return any(
        isinstance(each, BackgroundLayer)
        or (isinstance(each, GroupLayer) and each.warp is None and each.opacity >= 1 and is_opaque(each))
        for each in layer.layers
    )


class Finished:
    """Finished pictures of groups (and of layers that are treated as such), by their place in the plan.

    Args:
        make: Makes what draws one; asked whether the picture has coverage, and for the position of its first pixel in
            the frame.
    """

    def __init__(self, make: Callable[[bool, tuple[int, int]], Painter]) -> None:
        self._make = make
        self._painters: dict[tuple[object, ...], Painter] = {}
        self._used: set[tuple[object, ...]] = set()

    def begin(self, indices: set[int]) -> None:
        """A frame begins in which the layers at ``indices`` may ask: others' pictures are forgotten."""
        for key in [key for key in self._painters if key[0] not in indices]:
            self._painters.pop(key).close()

    def picture(
        self,
        index: int,
        layers: tuple[Layer, ...],
        size: tuple[int, int],
        sources: Mapping[str, Planes],
        *,
        cover: bool,
        corner: tuple[int, int] = (0, 0),
    ) -> Canvas:
        """The layers drawn by themselves. Not to be written to; it changes with the next call.

        Args:
            index: Which layer of the plan asks.
            layers: What is to be drawn.
            size: Of the picture.
            sources: As for the frame.
            cover: Whether coverage is wanted.
            corner: Where its first pixel lies in the frame.
        """
        key = (index, cover, corner)
        painter = self._painters.get(key)
        if painter is None:
            for old in [old for old in self._painters if old[0] == index]:
                self._painters.pop(old).close()
            painter = self._painters[key] = self._make(cover, corner)
        return painter.finished(FramePlan(size, layers), sources)

    def clear(self) -> None:
        """Forget all pictures."""
        for painter in self._painters.values():
            painter.close()
        self._painters.clear()


def fade(picture: Canvas, opacity: float, out: Canvas, regions: tuple[IntRect, ...], *, replaces: bool = False) -> None:
    """A picture over what is there, or mixed with it where it ``replaces`` that (scene.plan.GroupLayer)."""
    for region in regions:
        if replaces and picture.cover is not None:
            _dissolve(picture, opacity, out, region)
        elif picture.cover is None and opacity >= 1:
            for (target, _), (source, shift) in zip(out.all, _with_full_cover(picture, out), strict=True):
                view(target, region, shift)[...] = view(source, region, shift) if source is not None else 255
        elif picture.cover is None:
            _mix(picture, opacity, out, region)
        else:
            _blend(picture, opacity, out, region)


def _with_full_cover(picture: Canvas, out: Canvas) -> list[tuple[Plane | None, int]]:
    planes: list[tuple[Plane | None, int]] = list(zip(picture.planes, SHIFTS, strict=True))
    return planes if out.cover is None else [*planes, (None, 0), (None, 1)]


def _mix(picture: Canvas, opacity: float, out: Canvas, region: IntRect) -> None:
    o = np.float32(opacity)
    for each in strips(region):
        for (target, shift), (source, _) in zip(out.all, _with_full_cover(picture, out), strict=True):
            below = view(target, each, shift)
            codes = below.astype(np.float32)
            if source is None:
                above: Field = np.float32(255) - codes
            else:
                above = view(source, each, shift).astype(np.float32)
                above -= codes
            above *= o
            codes += above
            codes += np.float32(0.5)
            np.copyto(below, codes, casting="unsafe")


def _dissolve(picture: Canvas, opacity: float, out: Canvas, region: IntRect) -> None:
    """``below * (1 - opacity) + picture * opacity``, of premultiplied codes and of coverage.

    Where everything is covered already the picture is one over black: nothing's code is 0, black's is not.
    """
    assert picture.cover is not None
    o = np.float32(opacity)
    sources: list[Plane] = [*picture.planes, *(picture.cover if out.cover is not None else ())]
    for each in strips(region):
        for plane, ((target, shift), source) in enumerate(zip(out.all, sources, strict=True)):
            below = view(target, each, shift)
            codes = below.astype(np.float32)
            above = view(source, each, shift).astype(np.float32)
            if out.cover is None:
                share = view(picture.cover[shift], each, shift).astype(np.float32)
                above += (255 - share) * np.float32(BLACK[plane] / 255)
            above -= codes
            above *= o
            codes += above
            codes += np.float32(0.5)
            np.copyto(below, codes, casting="unsafe")


def _blend(picture: Canvas, opacity: float, out: Canvas, region: IntRect) -> None:
    assert picture.cover is not None
    o = np.float32(opacity)
    share_of = np.float32(opacity / 255)
    rows, columns = _TILE
    for y in range(region.y, region.bottom, rows):
        for x in range(region.x, region.right, columns):
            tile = IntRect(x, y, min(columns, region.right - x), min(rows, region.bottom - y))
            covers = [view(cover, tile, shift) for shift, cover in enumerate(picture.cover)]
            if not covers[0].any() and not covers[1].any():
                continue
            if opacity >= 1 and int(covers[0].min()) == 255 and int(covers[1].min()) == 255:
                for (target, _), (source, shift) in zip(out.all, _with_full_cover(picture, out), strict=True):
                    view(target, tile, shift)[...] = view(source, tile, shift) if source is not None else 255
                continue
            shares = [cover * share_of for cover in covers]
            colors = [view(plane, tile, shift) * o for plane, shift in zip(picture.planes, SHIFTS, strict=True)]
            over(out, tile, colors, shares)


def over(out: Canvas, area: IntRect, colors: list[Field], shares: list[Field]) -> None:
    """Premultiplied codes over what is there.

    Args:
        out: What to draw on.
        area: Where (even edges).
        colors: Y, Cb and Cr times coverage.
        shares: Coverage 0..1 at luma and at chroma positions.
    """
    rest = [1 - share for share in shares]
    for plane, (target, shift) in enumerate(out.all):
        below = view(target, area, shift)
        codes = below * rest[shift]
        codes += colors[plane] if plane < 3 else shares[shift] * np.float32(255)
        codes += np.float32(0.5)
        np.clip(codes, 0, 255.5, out=codes)
        np.copyto(below, codes, casting="unsafe")
