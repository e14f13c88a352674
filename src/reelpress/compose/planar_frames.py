"""The pictures that frames are drawn into: one that was handed out some frames ago needs little to be the last one.

Between the last frame and this one mostly a pointer has moved. A new picture would have to be filled with all of the
last one; but the memory that comes back from the pool often still holds one of the frames before. Then only what has
changed since is copied from the last one, which is a few thousand pixels instead of millions.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.compose.planar_canvas import SHIFTS, around, view
from reelpress.media.scale import borrow
from reelpress.scene.damage import merge
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelpress.media.planes import Plane, Planes

_MOST = 24
"""Frames back whose memory is known again; the pool has no more at 1080p."""
_SMALL = 1 << 17
"""Pixels that are copied in one go, whatever is in between: finding out what that is costs more."""


class Frames:
    """Memory for output pictures of one compositor.

    Pictures are lent by the pool, which hands a frame out again only when nobody refers to it any more: what somebody
    still holds is never written to. Nothing is kept here but numbers.

    Args:
        format_name: ``yuv420p`` or ``nv12``.
    """

    def __init__(self, format_name: str = "yuv420p") -> None:
        self._format = format_name
        self._at = 0
        """Number of the newest picture."""
        self._damage: deque[tuple[IntRect, ...]] = deque(maxlen=_MOST)
        """How each of the newest pictures differs from the one before it."""
        self._known: dict[int, int] = {}
        """Which picture each loan of the pool holds."""
        self._loan = 0
        self.patched = 0
        """Pictures so far that were not copied as a whole."""

    def whole(self, size: tuple[int, int]) -> Planes:
        """A picture to be drawn as a whole."""
        planes, self._loan, _ = borrow(*size, self._format, BT709_LIMITED)
        return planes

    def next(self, last: Planes, damage: tuple[IntRect, ...]) -> Planes:
        """A picture that is ``last``, the newest one, but for ``damage``, where its content does not matter."""
        size = (last.width, last.height)
        planes, self._loan, content = borrow(*size, self._format, BT709_LIMITED, self._known)
        known = self._known.pop(content, None)
        areas: Iterable[IntRect] | None = None
        if known is not None:
            areas = _since(self._damage, self._at - known, size)
            self.patched += areas is not None
        for area in _outside(size, damage) if areas is None else areas:
            for target, old in zip(parts(planes, area), parts(last, area), strict=True):
                np.copyto(target, old)
        return planes

    def done(self, damage: tuple[IntRect, ...], *, lent: bool = True) -> None:
        """There is a new picture, that differs from the one before it in ``damage`` at most.

        Args:
            damage: As handed out with it.
            lent: Whether it is the one asked for last, and finished.
        """
        self._at += 1
        self._damage.append(damage)
        if lent:
            self._known[self._loan] = self._at
            if len(self._known) > _MOST:
                self._known = {loan: at for loan, at in self._known.items() if at > self._at - _MOST}

    def clear(self) -> None:
        """Nothing is known any more."""
        self._known.clear()
        self._damage.clear()


def parts(planes: Planes, area: IntRect) -> tuple[Plane, ...]:
    """The samples of ``area`` (even edges) in each plane of a yuv420p or nv12 picture."""
    if planes.format == "nv12":
        luma, chroma = planes.planes
        columns = slice(area.x, area.x + area.w)  # interleaved: as many bytes as luma has samples
        return luma[area.y : area.bottom, columns], chroma[area.y >> 1 : area.bottom >> 1, columns]
    return tuple(view(plane, area, shift) for plane, shift in zip(planes.planes, SHIFTS, strict=True))


def _since(damages: deque[tuple[IntRect, ...]], count: int, size: tuple[int, int]) -> tuple[IntRect, ...] | None:
    """Where the newest picture can differ from that so many before it; None if that is too much or not known."""
    if count > len(damages):
        return None
    rects = [rect for at in range(len(damages) - count, len(damages)) for rect in damages[at]]
    if not rects:
        return ()
    x, y = min(rect.x for rect in rects), min(rect.y for rect in rects)
    box = IntRect(x, y, max(rect.right for rect in rects) - x, max(rect.bottom for rect in rects) - y)
    if box.area <= _SMALL:
        return (box,)
    merged = merge(rects)
    return merged if 2 * sum(rect.area for rect in merged) <= size[0] * size[1] else None


def _outside(size: tuple[int, int], damage: tuple[IntRect, ...]) -> list[IntRect]:
    """The frame without the damage."""
    parts = [IntRect(0, 0, *size)]
    for rect in damage:
        parts = [rest for part in parts for rest in around(part, rect)]
    return parts
