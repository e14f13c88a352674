"""What the planar compositor draws on: the frame, or a group's own picture with its coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_card import intersect
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_sprite import Sprite
    from reelpress.media.planes import Plane

SHIFTS = (0, 1, 1)
"""From luma positions to those of each plane."""

STRIP = 1 << 16
"""Pixels that are in float32 at a time: a few such fields fit a second-level cache."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """8-bit 4:2:0 planes, and those of a group's premultiplied picture with what share of each sample it covers."""

    planes: tuple[Plane, ...]
    """Y, Cb and Cr; where there is ``cover``, codes times coverage (so nothing at all is 0, not 16 and 128)."""
    cover: tuple[Plane, Plane] | None = None
    """0..255 at luma and at chroma positions; ``None`` where everything is covered."""

    @classmethod
    def transparent(cls, size: tuple[int, int]) -> Canvas:
        """New memory, of which nothing is set."""
        width, height = size
        full, half = (height, width), (height // 2, width // 2)
        y, u, v, a, c = (np.empty(shape, np.uint8) for shape in (full, half, half, full, half))
        return cls((y, u, v), (a, c))

    @property
    def size(self) -> tuple[int, int]:
        rows, columns = self.planes[0].shape
        return columns, rows

    @property
    def all(self) -> Iterator[tuple[Plane, int]]:
        """Every plane and its shift."""
        yield from zip(self.planes, SHIFTS, strict=True)
        if self.cover is not None:
            yield from zip(self.cover, (0, 1), strict=True)

    def clear(self, areas: Iterator[IntRect] | tuple[IntRect, ...]) -> None:
        """Nothing there."""
        for area in areas:
            for plane, shift in self.all:
                view(plane, area, shift)[...] = 0


def view(plane: Plane, area: IntRect, shift: int) -> Plane:
    """The samples of ``area`` (even edges)."""
    x, y = area.x, area.y
    return plane[y >> shift : y + area.h >> shift, x >> shift : x + area.w >> shift]


def part(field: Field, whole: IntRect, area: IntRect, shift: int) -> Field:
    """Of a field over ``whole`` the samples of ``area``."""
    x, y = (area.x - whole.x) >> shift, (area.y - whole.y) >> shift
    return field[y : y + (area.h >> shift), x : x + (area.w >> shift)]


def strips(area: IntRect, pixels: int = STRIP) -> Iterator[IntRect]:
    """``area`` in parts of whole, even numbers of rows."""
    rows = max(2, pixels // area.w // 2 * 2)
    for y in range(area.y, area.bottom, rows):
        yield IntRect(area.x, y, area.w, min(rows, area.bottom - y))


def around(area: IntRect, hole: IntRect | None) -> Iterator[IntRect]:
    """``area`` without ``hole``, in up to four parts."""
    hole = intersect(area, hole) if hole is not None else None
    if hole is None:
        yield area
        return
    if hole == area:
        return
    yield from (
        each
        for each in (
            IntRect(area.x, area.y, area.w, hole.y - area.y),
            IntRect(area.x, hole.y, hole.x - area.x, hole.h),
            IntRect(hole.right, hole.y, area.right - hole.right, hole.h),
            IntRect(area.x, hole.bottom, area.w, area.bottom - hole.bottom),
        )
        if each.w > 0 and each.h > 0
    )


def covered(out: Canvas, area: IntRect, through: tuple[Field, Field]) -> None:
    """Count in a layer that lets ``through`` a share of what is below: part of drawing on a group's picture."""
    if out.cover is None:
        return
    for shift, (plane, share) in enumerate(zip(out.cover, through, strict=True)):
        target = view(plane, area, shift)
        codes = target - np.float32(255)
        codes *= share
        codes += np.float32(255.5)
        np.copyto(target, codes, casting="unsafe")


def lay(art: Sprite, out: Canvas, regions: tuple[IntRect, ...]) -> None:
    """Art over what is there."""
    for region in regions:
        area = intersect(art.area, region)
        if area is None:
            continue
        through, codes = art.through, art.art
        if area != art.area:
            through = part(through[0], art.area, area, 0), part(through[1], art.area, area, 1)
            y, u, v = (part(field, art.area, area, shift) for field, shift in zip(codes, SHIFTS, strict=True))
            codes = y, u, v
        for plane, field, shift in zip(out.planes, codes, SHIFTS, strict=True):
            target = view(plane, area, shift)
            mixed = target.astype(np.float32)
            mixed *= through[shift]
            mixed += field
            np.copyto(target, mixed, casting="unsafe")  # colour is at most alpha, so nothing has to be clipped
        covered(out, area, through)
