"""The first look at a picture: which pixels have another colour than in the picture before it.

It needs nothing of what became of earlier pictures (palettes, what a player shows), so it can be done in another thread
while the encoder is still at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.encode.gif.colours import packed
from reelpress.encode.gif.straight import FORMAT, straight
from reelpress.encode.rects import around, at, bounds, grown, moved, union
from reelpress.media import pulse
from reelpress.media.full_chroma import REACH, FullChroma
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.encode.gif.colours import Bytes2D, Mask, Words
    from reelpress.media.planes import Planes

BAND = 1 << 19
"""Pixels that are worked on at a time, in whole rows: bounds what is in between. Not fewer: every call into numpy gives
the interpreter away and waits for it where other stages are busy, which costs more than the processor's cache wins (at
720p a whole export took 4.0 s so, 4.6 s with 64 rows)."""

_STEPS = 8
"""Parts are converted in sizes of eighths of the picture, so that the same few scalers serve all of them: making one
takes as long as converting a third of a picture."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Some whole rows (see ``rows``) in which something changed."""

    top: int
    """The first of them."""
    changed: Mask
    """Which of their pixels changed, over the whole width of the picture."""
    words: Words
    """The colours of just these pixels, row by row (``colours.packed``)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the first look found."""

    strips: tuple[Strip, ...] = ()
    """From top to bottom; none: it is the last picture."""
    everything: bool = False
    """Nothing of what is shown stays: this is the first picture, or the screen is emptied."""
    cleared: bool = False
    """The picture needs an empty screen: something became transparent."""
    there: Mask | None = None
    """Pixels that are not transparent, of a picture with alpha; of the whole picture."""
    fresh: Mask | None = None
    """Those among them that were transparent in the last picture; ``None``: there was none, or it had no alpha."""


NOTHING = Seen()


def rows(width: int) -> int:
    """How many rows of a picture are worked on at a time."""
    return max(16, BAND // width)


class Look:
    """Knows the last picture. One thread; pictures in their order.

    Args:
        width, height: Even.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._chroma = FullChroma()
        self._last: Planes | None = None
        self._source = [np.zeros((height, width), np.uint8) for _ in range(3)]
        self._there: Mask | None = None
        step = width // _STEPS + 15 & ~15, height // _STEPS + 15 & ~15
        self._grid = max(16, step[0]), max(16, step[1])

    def look(self, planes: Planes, damage: tuple[IntRect, ...] | None) -> Seen:
        """What differs from the picture given before.

        Args:
            planes: The next picture; it is kept, and must not be drawn into.
            damage: Where it can differ from the one before it; ``None``: anywhere.
        """
        if planes is self._last or (damage == () and self._last is not None):
            return NOTHING
        first, cleared = self._last is None, False
        there: Mask | None = None
        fresh: Mask | None = None
        if planes.format == FORMAT:
            before = self._there
            planes, there = straight(planes)
            self._there = there
            damage = None
            if before is not None:
                cleared = bool((before & ~there).any())
                fresh = there & ~before
        everything = first or cleared
        area = IntRect(0, 0, *self._size) if everything else self._differing(planes, damage)
        if fresh is not None and not everything:  # there now, in a colour that it had while it was not
            box = bounds(fresh)
            area = area if box is None else union(area, around(box, (2, 2), self._size))
        self._last = planes
        if area is None:
            return NOTHING
        strips = tuple(self._strips(planes, area, there if everything else fresh, everything=everything))
        return Seen(strips, everything, cleared, there, fresh)

    def _differing(self, planes: Planes, damage: tuple[IntRect, ...] | None) -> IntRect | None:
        """The smallest even rectangle around samples that differ from those of the last picture."""
        last = self._last
        assert last is not None
        whole = (IntRect(0, 0, *self._size),)
        found = None
        for rect in whole if damage is None else damage:
            x, y = rect.x & ~1, rect.y & ~1
            x1, y1 = min(self._size[0], rect.right + 1 & ~1), min(self._size[1], rect.bottom + 1 & ~1)
            for new, old, wide, high in _samples(planes, last):
                left, top = x // wide, y // high
                part = slice(top, -(-y1 // high)), slice(left, -(-x1 // wide))
                box = bounds(new[part] != old[part])
                if box is None:
                    continue
                left, right = (left + box.x) * wide & ~1, min(self._size[0], (left + box.right) * wide + 1 & ~1)
                above, below = (top + box.y) * high & ~1, min(self._size[1], (top + box.bottom) * high + 1 & ~1)
                found = union(found, IntRect(left, above, right - left, below - above))
        return found

    def _strips(self, planes: Planes, area: IntRect, forced: Mask | None, *, everything: bool) -> Iterator[Strip]:
        """Compare pixel by pixel, and take over what changed.

        Args:
            planes: The picture.
            area: Where samples differ.
            forced: Pixels that count as changed, whatever their colour; ``None`` with ``everything``: all.
            everything: Only ``forced`` counts.
        """
        # Chroma between two samples depends on both, so it changes a little beyond them; and it has to be computed
        # with as much around it again to be what it is in the whole picture.
        inner = grown(area, REACH, self._size)
        outer = around(grown(area, 2 * REACH, self._size), self._grid, self._size)
        parts = [p[at(moved(inner, IntRect(-outer.x, -outer.y, 0, 0)))] for p in self._chroma.planes(planes, outer)]
        step = rows(self._size[0])
        for top in range(0, inner.h, step):
            pulse.beat()
            strip = IntRect(inner.x, inner.y + top, inner.w, min(step, inner.h - top))
            new = [part[top : top + step] for part in parts]
            changed = np.zeros((strip.h, self._size[0]), np.bool_)
            mask = changed[:, strip.x : strip.right]
            if everything:
                mask[:] = True if forced is None else forced[at(strip)]
            else:
                np.not_equal(new[0], self._source[0][at(strip)], out=mask)
                for k in (1, 2):
                    mask |= new[k] != self._source[k][at(strip)]
                if forced is not None:
                    mask |= forced[at(strip)]
            places = np.flatnonzero(changed)
            if not len(places):
                continue
            for source, plane in zip(self._source, new, strict=True):
                source[at(strip)] = plane
            y, u, v = (source[strip.y : strip.bottom].ravel().take(places, mode="clip") for source in self._source)
            yield Strip(strip.y, changed, packed(y, u, v))


def _samples(new: Planes, old: Planes) -> Iterator[tuple[Bytes2D, Bytes2D, int, int]]:
    """Planes of both with how many pixels a sample is wide and high."""
    for k, (a, b) in enumerate(zip(new.planes, old.planes, strict=True)):
        interleaved = k > 0 and len(new.planes) == 2
        yield a, b, 1 if k == 0 or interleaved else 2, 1 if k == 0 else 2
