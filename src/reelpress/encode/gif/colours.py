"""Every colour of a video gets a number: 16 bits that tables are looked up by.

The key of a colour is 8 bits of Y and 7 of each U and V (chroma is stored at a quarter of the pixels and quantised
harder by every codec). A video of a screen has a few thousand such colours, one of a face some ten thousand. Where
there are more than numbers, keys get coarser.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Bytes2D = np.ndarray[Any, np.dtype[np.uint8]]
Numbers = np.ndarray[Any, np.dtype[np.uint16]]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

MOST = 65_536
"""Numbers there are; 0 is none."""

_COMFORTABLE = 48_000
"""Above so many colours the next picture starts a new count."""

_LEVELS = ((0, 1, 1), (1, 2, 2), (2, 3, 3))
"""Low bits of Y, U and V that a key leaves out; the last level has fewer keys in limited range than numbers."""


class TooManyColours(Exception):
    """The numbers are used up. What was numbered so far is void: start the picture again."""


class Colours:
    """Numbers for colours, given in the order in which they are met. One thread."""

    def __init__(self) -> None:
        self._level = 0
        self._number = np.zeros(1 << 22, np.uint16)
        self.values: Floats = np.zeros((MOST, 3), np.float32)
        """Y, U, V of each number, as it was first met: 0..255, BT.709 limited."""
        self.count = 1
        self.generation = 0
        """Changes when all numbers become void."""

    def clear_if_crowded(self) -> None:
        """Between pictures: forget colours that went by long ago."""
        if self.count > _COMFORTABLE:
            self.clear()

    def clear(self) -> None:
        self._number[:] = 0
        self.count = 1
        self.generation += 1

    def numbers(self, y: Bytes2D, u: Bytes2D, v: Bytes2D, wanted: Mask) -> Numbers:
        """The numbers of some pixels. A few rows at a time stay in the processor's cache.

        Args:
            y, u, v: (rows, columns).
            wanted: Which of them get one. The others have theirs if their colour was met before, else 0: a new number
                costs far more than looking one up.

        Raises:
            TooManyColours: Also when it cleared everything: no number is valid any more.
        """
        sy, su, sv = _LEVELS[self._level]
        # in types as narrow as can be: half the time of doing it all in that of an index
        low = (u >> np.uint8(su)).astype(np.uint16)
        low <<= np.uint16(8 - sv)
        low |= (v >> np.uint8(sv)).astype(np.uint16)
        short = (y >> np.uint8(sy) if sy else y).astype(np.uint32)
        short <<= np.uint32(16 - su - sv)
        short |= low.astype(np.uint32)
        key = short.astype(np.intp)
        out: Numbers = self._number.take(key, mode="clip")
        unknown = out == 0
        unknown &= wanted
        at = np.flatnonzero(unknown)
        if not len(at):
            return out
        missing = key.ravel().take(at)
        fresh, first = np.unique(missing, return_index=True)
        room = MOST - self.count
        if len(fresh) > room:
            if self._level < len(_LEVELS) - 1:
                self._level += 1
                self.clear()
                raise TooManyColours
            self._number[fresh[room:]] = MOST - 1
            fresh, first = fresh[:room], first[:room]
        new = np.arange(self.count, self.count + len(fresh))
        self._number[fresh] = new
        where = at[first]
        for channel, plane in enumerate((y, u, v)):
            self.values[new, channel] = plane.ravel()[where]
        self.count += len(fresh)
        out.ravel()[at] = self._number.take(missing)
        return out
