"""What of a picture has to be written: the pixels that changed and no longer look like what is on the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reelpress.encode.gif.colours import Bytes2D, Colours, Mask, Numbers, TooManyColours
from reelpress.encode.gif.look import BAND, Seen, Strip
from reelpress.encode.gif.mapper import BAYER, TRANSPARENT, Mapper
from reelpress.encode.rects import at, bounds, moved, union
from reelpress.media import pulse
from reelpress.scene.plan.rect import IntRect


@dataclass(frozen=True, slots=True)
class Band:
    """Some rows of pixels of which some must be written."""

    rect: IntRect
    wanted: Mask
    """Which of them."""
    numbers: Numbers
    """Of their colours."""
    fresh: Mask | None
    """Which were transparent, of a picture with alpha."""


@dataclass(frozen=True, slots=True)
class Needed:
    """Pixels of a picture that must be written."""

    bands: tuple[Band, ...]
    """From top to bottom; one at least."""
    count: int

    @property
    def area(self) -> IntRect:
        """The smallest rectangle around them."""
        area = self.bands[0].rect
        for band in self.bands:
            area = union(area, band.rect)
        return area

    def sample(self, most: int) -> Numbers:
        """Colour numbers, about ``most`` of them at most, evenly taken."""
        step = max(1, math.isqrt(max(1, self.count // most)))
        found = []
        for turn, band in enumerate(self.bands):  # not the same rows and columns in every band: text has a rhythm
            part = slice(turn % step, None, step), slice(turn // step % step, None, step)
            found.append(band.numbers[part][band.wanted[part]])
        picked: Numbers = np.concatenate(found)
        if not len(picked):  # a few pixels, and all of them between the steps
            picked = np.concatenate([band.numbers[band.wanted] for band in self.bands])
        return picked


class Canvas:
    """Knows what a player shows. One thread.

    Args:
        width, height: Even.
        colours: Where colours get their numbers.
        tolerance: Differences of Y, and of U and V, that count as none.
    """

    def __init__(self, width: int, height: int, colours: Colours, tolerance: tuple[int, int]) -> None:
        self._colours = colours
        self._limits = np.uint8(tolerance[0]), np.uint8(tolerance[1]), np.uint8(tolerance[1])
        self._shown = [np.zeros((height, width), np.uint8) for _ in range(3)]
        # of a band that begins at a multiple of four; others begin later in it
        self._pattern = np.tile(BAYER, (BAND // 4 + 1, width // 4 + 2))
        # No colour is shown before the first picture, which is written as a whole.
        self._blank = True

    def needed(self, seen: Seen) -> Needed | None:
        """What has to be written so that a picture is shown; ``None``: nothing.

        Args:
            seen: What changed in it. Its masks are written to.
        """
        self._blank = self._blank or seen.cleared
        for _ in range(4):
            try:
                return self._numbered(seen)
            except TooManyColours:
                continue
        raise AssertionError("the coarsest colours are fewer than there are numbers")

    def _numbered(self, seen: Seen) -> Needed | None:
        """Find what is needed, and number it."""
        bands: list[Band] = []
        count = 0
        for strip in seen.strips:
            pulse.beat()
            if not seen.everything:
                self._narrow(strip, seen)
            box = bounds(strip.changed)
            if box is None:
                continue
            wanted = strip.changed[at(box)]
            count += int(np.count_nonzero(wanted))
            y, u, v = (plane[at(box)] for plane in strip.colours)
            rect = moved(box, strip.rect)
            fresh = None if seen.fresh is None else seen.fresh[at(rect)]
            bands.append(Band(rect, wanted, self._colours.numbers(y, u, v, wanted), fresh))
        return Needed(tuple(bands), count) if bands else None

    def _narrow(self, strip: Strip, seen: Seen) -> None:
        """Take out of what changed what is near enough to what is shown, and what is not there."""
        place = at(strip.rect)
        far = np.zeros((strip.rect.h, strip.rect.w), np.bool_)
        for limit, plane, whole in zip(self._limits, strip.colours, self._shown, strict=True):
            shown = whole[place]
            difference = np.maximum(plane, shown)
            difference -= np.minimum(plane, shown)
            far |= difference > limit
        if seen.there is not None and seen.fresh is not None:
            far |= seen.fresh[place]
            far &= seen.there[place]
        np.logical_and(strip.changed, far, out=strip.changed)

    def write(self, needed: Needed, mapper: Mapper) -> tuple[IntRect, Bytes2D] | None:
        """The needed pixels as palette indices, transparent where nothing would change; they are shown from now on.

        Returns:
            The smallest rectangle around what changes, and its indices; ``None``: nothing changes.
        """
        area = needed.area
        indices = np.full((area.h, area.w), TRANSPARENT, np.uint8)
        palette = np.ascontiguousarray(mapper.shown.T)
        for band, out in zip(needed.bands, self._mapped(needed, mapper), strict=True):
            pulse.beat()
            key = out.astype(np.intp)
            # bytes of 0 and 255, and exclusive or: a few times as fast as copying where a mask says so
            wanted = np.negative(band.wanted.view(np.uint8))
            differs = wanted.copy() if self._blank else np.zeros_like(wanted)
            if band.fresh is not None:
                differs |= np.negative(band.fresh.view(np.uint8)) & wanted
            for k in range(3):
                shown = self._shown[k][at(band.rect)]
                change = palette[k].take(key, mode="clip")
                change ^= shown
                change &= wanted
                shown ^= change
                differs |= change
            out |= np.negative((differs == 0).view(np.uint8))  # 255 is transparent
            indices[at(moved(band.rect, IntRect(-area.x, -area.y, 0, 0)))] = out
        box = bounds(indices != TRANSPARENT)
        self._blank = False
        if box is None:
            return None
        return moved(box, area), np.ascontiguousarray(indices[at(box)])

    def _mapped(self, needed: Needed, mapper: Mapper) -> list[Bytes2D]:
        """The palette indices of each band; of pixels that are not needed, any."""
        mapper.catch_up()
        found, missing = [], []
        for band in needed.bands:
            x, y = band.rect.x % 4, band.rect.y % 4
            pattern = self._pattern[y : y + band.rect.h, x : x + band.rect.w]
            out = np.empty((band.rect.h, band.rect.w), np.uint8)
            unknown = mapper.indices(band.numbers, pattern, band.wanted, out)
            found.append(out)
            if unknown is not None:
                missing.append(unknown)
        if missing:
            mapper.complete(missing)
        return found
