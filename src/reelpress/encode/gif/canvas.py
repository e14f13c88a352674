"""What of a picture has to be written: the pixels that changed and no longer look like what is on the screen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelpress.encode.gif.colours import WORD, Bytes2D, Colours, Mask, Numbers, Places, TooManyColours, Words
from reelpress.encode.gif.look import Seen, Strip, rows
from reelpress.encode.gif.mapper import BAYER, TRANSPARENT, Mapper
from reelpress.encode.rects import at, bounds, moved
from reelpress.media import pulse
from reelpress.scene.plan.rect import IntRect

_CHUNK = 1 << 18
"""Pixels that are worked on at a time; see ``look.BAND``."""

_JITTER_SEED = 8


@dataclass(frozen=True, slots=True)
class Needed:
    """Pixels of a picture that must be written."""

    places: Places
    """Where they are, counted through the picture's rows; rising, one at least."""
    numbers: Numbers
    """Of their colours."""
    fresh: Mask | None
    """Which of them were transparent, of a picture with alpha."""

    def sample(self, most: int) -> Numbers:
        """Colour numbers, ``most`` of them at most: one from each of so many equal parts, not always the same one, as
        text and patterns have a rhythm."""
        count = len(self.numbers)
        if count <= most:
            return self.numbers
        jitter = np.random.default_rng(_JITTER_SEED).random(most)
        return self.numbers.take(((np.arange(most) + jitter) * (count / most)).astype(np.intp), mode="clip")


class Canvas:
    """Knows what a player shows. One thread.

    Args:
        width, height: Even.
        colours: Where colours get their numbers.
        tolerance: Differences of Y, and of U and V, that count as none.
    """

    def __init__(self, width: int, height: int, colours: Colours, tolerance: tuple[int, int]) -> None:
        self._width = width
        self._colours = colours
        limits = np.array([tolerance[0], tolerance[1], tolerance[1], 255], np.uint8)
        self._limits = np.tile(limits, min(rows(width), height) * width)
        self._shown: Words = np.zeros(height * width, WORD)
        self._ranks = np.ascontiguousarray(np.tile(BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width]).ravel()
        self._indices = np.full((height, width), TRANSPARENT, np.uint8)
        """Transparent but while a picture is written."""
        # No colour is shown before the first picture, which is written as a whole.
        self._blank = True

    def needed(self, seen: Seen) -> Needed | None:
        """What has to be written so that a picture is shown; ``None``: nothing.

        Args:
            seen: What changed in it.
        """
        self._blank = self._blank or seen.cleared
        places, words = self._apart(seen)
        if not len(places):
            return None
        fresh = None if seen.fresh is None else seen.fresh.ravel().take(places, mode="clip")
        for _ in range(4):
            try:
                numbers = [self._colours.numbers(words[k : k + _CHUNK]) for k in range(0, len(words), _CHUNK)]
            except TooManyColours:
                continue
            return Needed(places, np.concatenate(numbers), fresh)
        raise AssertionError("the coarsest colours are fewer than there are numbers")

    def _apart(self, seen: Seen) -> tuple[Places, Words]:
        """Where the pixels are that must be written, and their colours."""
        places: list[Places] = []
        words: list[Words] = []
        for strip in seen.strips:
            pulse.beat()
            here = np.flatnonzero(strip.changed)
            here += strip.top * self._width
            colours = strip.words
            if not seen.everything:
                kept = self._far(here, strip, seen)
                if len(kept) < len(here):
                    here, colours = here.take(kept, mode="clip"), colours.take(kept, mode="clip")
            places.append(here)
            words.append(colours)
        if len(places) == 1:
            return places[0], words[0]
        return np.concatenate(places), np.concatenate(words)

    def _far(self, places: Places, strip: Strip, seen: Seen) -> Places:
        """Which of the changed pixels are not near enough to what is shown, and are there."""
        new, shown = strip.words.view(np.uint8), self._shown.take(places, mode="clip").view(np.uint8)
        difference = np.maximum(new, shown)
        difference -= np.minimum(new, shown)
        far = (difference > self._limits[: len(difference)]).view(WORD) != 0
        if seen.there is not None and seen.fresh is not None:
            far |= seen.fresh.ravel().take(places, mode="clip")
            far &= seen.there.ravel().take(places, mode="clip")
        return np.flatnonzero(far)

    def write(self, needed: Needed, mapper: Mapper) -> tuple[IntRect, Bytes2D] | None:
        """The needed pixels as palette indices, transparent where nothing would change; they are shown from now on.

        Returns:
            The smallest rectangle around what changes, and its indices; ``None``: nothing changes.
        """
        flat = self._indices.reshape(-1)
        for start in range(0, len(needed.places), _CHUNK):
            pulse.beat()
            part = slice(start, start + _CHUNK)
            places = needed.places[part]
            first, last = int(places[0]), int(places[-1])
            # without a gap, as in the first picture, nothing has to be gathered
            where = slice(first, last + 1) if last - first + 1 == len(places) else places
            out = mapper.indices(needed.numbers[part], self._ranks[where])
            new = mapper.shown.take(out.astype(np.intp), mode="clip")
            if not self._blank:
                same = new == self._shown[where]
                if needed.fresh is not None:
                    same &= ~needed.fresh[part]
                out |= np.negative(same.view(np.uint8))  # 255 is transparent
            self._shown[where] = new
            flat[where] = out
        self._blank = False
        top, bottom = (int(needed.places[k]) // self._width for k in (0, -1))
        written = self._indices[top : bottom + 1]
        box = bounds(written != TRANSPARENT)
        found = None if box is None else written[at(box)].copy()
        written[:] = TRANSPARENT
        if box is None or found is None:
            return None
        return moved(box, IntRect(0, top, 0, 0)), found
