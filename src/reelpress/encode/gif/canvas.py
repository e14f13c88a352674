"""What of a picture has to be shown: the pixels that changed and no longer look like what is on the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.encode.gif.colours import Bytes2D, Colours, Numbers, TooManyColours
from reelpress.encode.gif.mapper import BAYER, TRANSPARENT, Mapper
from reelpress.encode.gif.straight import FORMAT, straight
from reelpress.media import pulse
from reelpress.media.full_chroma import REACH, FullChroma
from reelpress.scene.plan import IntRect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.media.planes import Planes

Mask = np.ndarray[Any, np.dtype[np.bool_]]

BAND = 64
"""Rows that are worked on at a time, so that what is in between stays in the processor's cache. Not fewer: every call
into numpy gives the interpreter away, and waits for it where other stages are busy."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Pixels of a picture that must be written."""

    area: IntRect
    """The smallest rectangle around them."""
    bands: tuple[IntRect, ...]
    """Flat rectangles that hold them all, from top to bottom."""
    count: int


class Canvas:
    """Knows the last picture and what a player shows of it. One thread.

    Args:
        width, height: Even.
        tolerance: Differences of Y, and of U and V, that count as none.
    """

    def __init__(self, width: int, height: int, colours: Colours, tolerance: tuple[int, int]) -> None:
        self._size = width, height
        self._colours = colours
        self._tolerance = tolerance
        self._chroma = FullChroma()
        self._last: Planes | None = None
        self._source = [np.zeros((height, width), np.uint8) for _ in range(3)]
        self._shown = [np.zeros((height, width), np.uint8) for _ in range(3)]
        self._numbers = np.zeros((height, width), np.uint16)
        self._mask = np.zeros((height, width), np.bool_)
        self._pattern = np.tile(BAYER, (-(-height // 4), -(-width // 4)))[:height, :width]
        self._there: Mask | None = None
        """Pixels that are not transparent, of pictures with alpha."""
        self._fresh: Mask | None = None
        """Those that were transparent in the last picture."""
        self.cleared = False
        """The picture at hand needs an empty screen: something became transparent."""
        # No colour is shown before the first picture, which is written as a whole.
        self._blank = True

    def needed(self, planes: Planes, damage: tuple[IntRect, ...] | None) -> Needed | None:
        """What has to be written so that ``planes`` is shown; ``None``: nothing.

        Args:
            planes: The next picture; it is kept, and must not be drawn into.
            damage: Where it can differ from the one before it; ``None``: anywhere.
        """
        first = self._last is None
        self.cleared = False
        if planes is not self._last and planes.format == FORMAT and damage != ():
            planes, first, damage = self._uncovered(planes, first)
        changed = IntRect(0, 0, *self._size) if first else self._changed(planes, damage)
        self._last = planes
        if changed is None:
            return None
        # Chroma between two samples depends on both, so it changes a little beyond them; and it has to be computed
        # with as much around it again to be what it is in the whole picture.
        inner, outer = _grown(changed, REACH, self._size), _grown(changed, 2 * REACH, self._size)
        x, y = inner.x - outer.x, inner.y - outer.y
        parts = [p[y : y + inner.h, x : x + inner.w] for p in self._chroma.planes(planes, outer)]
        for _ in range(4):
            try:
                return self._compared(parts, inner, everything=first)
            except TooManyColours:
                continue
        raise AssertionError("the coarsest colours are fewer than there are numbers")

    def _uncovered(self, planes: Planes, first: bool) -> tuple[Planes, bool, None]:
        """The colours of a picture with alpha, and whether all of it has to be written."""
        picture, there = straight(planes)
        before = self._there
        self._there, self._fresh = there, None
        if before is not None and not first:
            self.cleared = bool((before & ~there).any())
            self._fresh = there & ~before
        if self.cleared:
            self._blank = True
        return picture, first or self.cleared, None

    def _changed(self, planes: Planes, damage: tuple[IntRect, ...] | None) -> IntRect | None:
        """The smallest even rectangle around samples that differ from those of the last picture."""
        last = self._last
        assert last is not None
        if planes is last or damage == ():
            return None
        whole = (IntRect(0, 0, *self._size),)
        found = None
        for rect in whole if damage is None else damage:
            x, y = rect.x & ~1, rect.y & ~1
            x1, y1 = min(self._size[0], rect.right + 1 & ~1), min(self._size[1], rect.bottom + 1 & ~1)
            for new, old, wide, high in _samples(planes, last):
                left, top = x // wide, y // high
                part = slice(top, -(-y1 // high)), slice(left, -(-x1 // wide))
                box = _bounds(new[part] != old[part])
                if box is None:
                    continue
                left, right = (left + box.x) * wide & ~1, min(self._size[0], (left + box.right) * wide + 1 & ~1)
                above, below = (top + box.y) * high & ~1, min(self._size[1], (top + box.bottom) * high + 1 & ~1)
                found = _union(found, IntRect(left, above, right - left, below - above))
        return found

    def _compared(self, parts: list[Bytes2D], inner: IntRect, *, everything: bool) -> Needed | None:
        """Compare, take over, and number what is needed."""
        luma, chroma = self._tolerance
        limits = (np.uint8(luma), np.uint8(chroma), np.uint8(chroma))
        bands: list[IntRect] = []
        changed: list[tuple[IntRect, IntRect, list[Bytes2D]]] = []
        count = 0
        for top in range(0, inner.h, BAND):
            pulse.beat()
            strip = IntRect(inner.x, inner.y + top, inner.w, min(BAND, inner.h - top))
            new = [part[top : top + BAND] for part in parts]
            mask = self._mask[_at(strip)]
            if everything:
                mask[:] = True if self._there is None else self._there[_at(strip)]
                differs = IntRect(0, 0, strip.w, strip.h)
            else:
                np.not_equal(new[0], self._source[0][_at(strip)], out=mask)
                for k in (1, 2):
                    mask |= new[k] != self._source[k][_at(strip)]
                if self._fresh is not None:
                    mask |= self._fresh[_at(strip)]
                found = _bounds(mask)
                if found is None:
                    continue
                differs = found
                self._narrow(mask, new, differs, strip, limits)
            changed.append((differs, strip, new))
            box = _bounds(mask)
            if box is None:
                continue
            count += int(np.count_nonzero(mask))
            band = _moved(box, strip)
            bands.append(band)
            y, u, v = (plane[_at(box)] for plane in new)
            self._colours.numbers(y, u, v, self._numbers[_at(band)])
        for box, strip, new in changed:  # only now: where colours become too many, all of this is done again
            for source, plane in zip(self._source, new, strict=True):
                source[_at(_moved(box, strip))] = plane[_at(box)]
        if not bands:
            return None
        area = bands[0]
        for band in bands:
            area = _union(area, band)
        return Needed(area, tuple(bands), count)

    def _narrow(
        self, mask: Mask, new: list[Bytes2D], box: IntRect, strip: IntRect, limits: tuple[np.uint8, ...]
    ) -> None:
        """Take out of a strip's mask what is near enough to what is shown, and what is not there."""
        place = _at(_moved(box, strip))
        far = np.zeros((box.h, box.w), np.bool_)
        for k, limit in enumerate(limits):
            shown, plane = self._shown[k][place], new[k][_at(box)]
            far |= np.maximum(plane, shown) - np.minimum(plane, shown) > limit
        if self._there is not None and self._fresh is not None:
            far |= self._fresh[place]
            far &= self._there[place]
        mask[_at(box)] &= far

    def sample(self, needed: Needed, most: int) -> Numbers:
        """Colour numbers of needed pixels, about ``most`` of them at most, evenly taken."""
        step = max(1, math.isqrt(max(1, needed.count // most)))
        found = []
        for turn, band in enumerate(needed.bands):  # not the same rows and columns in every band: text has a rhythm
            numbers, mask = self._numbers[_at(band)], self._mask[_at(band)]
            rows, columns = slice(turn % step, None, step), slice(turn // step % step, None, step)
            found.append(numbers[rows, columns][mask[rows, columns]])
        picked: Numbers = np.concatenate(found)
        if not len(picked):  # a few pixels, and all of them between the steps
            picked = np.concatenate([self._numbers[_at(band)][self._mask[_at(band)]] for band in needed.bands])
        return picked

    def write(self, needed: Needed, mapper: Mapper) -> tuple[IntRect, Bytes2D] | None:
        """The needed pixels as palette indices, transparent where nothing would change; they are shown from now on.

        Returns:
            The smallest rectangle around what changes, and its indices; ``None``: nothing changes.
        """
        area = needed.area
        indices = np.full((area.h, area.w), TRANSPARENT, np.uint8)
        palette = np.ascontiguousarray(mapper.shown.T)
        mapper.catch_up()
        for band in needed.bands:
            pulse.beat()
            at = _at(band)
            out = np.empty((band.h, band.w), np.uint8)
            mapper.indices(self._numbers[at], self._pattern[at], out)
            key = out.astype(np.intp)
            # bytes of 0 and 255, and exclusive or: a few times as fast as copying where a mask says so
            wanted = np.negative(self._mask[at].view(np.uint8))
            differs = wanted.copy() if self._blank else np.zeros_like(wanted)
            if self._fresh is not None:
                differs |= np.negative(self._fresh[at].view(np.uint8)) & wanted
            for k in range(3):
                shown = self._shown[k][at]
                change = palette[k].take(key, mode="clip")
                change ^= shown
                change &= wanted
                shown ^= change
                differs |= change
            out |= np.negative((differs == 0).view(np.uint8))  # 255 is transparent
            indices[band.y - area.y : band.bottom - area.y, band.x - area.x : band.right - area.x] = out
        box = _bounds(indices != TRANSPARENT)
        self._blank = False
        if box is None:
            return None
        return (
            IntRect(area.x + box.x, area.y + box.y, box.w, box.h),
            np.ascontiguousarray(indices[box.y : box.bottom, box.x : box.right]),
        )


def _moved(rect: IntRect, origin: IntRect) -> IntRect:
    """A rectangle inside another one, in the coordinates of that one."""
    return IntRect(origin.x + rect.x, origin.y + rect.y, rect.w, rect.h)


def _at(rect: IntRect) -> tuple[slice, slice]:
    return slice(rect.y, rect.bottom), slice(rect.x, rect.right)


def _samples(new: Planes, old: Planes) -> Iterator[tuple[Bytes2D, Bytes2D, int, int]]:
    """Planes of both with how many pixels a sample is wide and high."""
    for k, (a, b) in enumerate(zip(new.planes, old.planes, strict=True)):
        interleaved = k > 0 and len(new.planes) == 2
        yield a, b, 1 if k == 0 or interleaved else 2, 1 if k == 0 else 2


def _bounds(mask: Mask) -> IntRect | None:
    """The smallest rectangle around what is true."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    return IntRect(left, top, right - left, bottom - top)


def _union(a: IntRect | None, b: IntRect) -> IntRect:
    if a is None:
        return b
    x, y = min(a.x, b.x), min(a.y, b.y)
    return IntRect(x, y, max(a.right, b.right) - x, max(a.bottom, b.bottom) - y)


def _grown(rect: IntRect, by: int, size: tuple[int, int]) -> IntRect:
    x, y = max(0, rect.x - by), max(0, rect.y - by)
    return IntRect(x, y, min(size[0], rect.right + by) - x, min(size[1], rect.bottom + by) - y)
