"""Every colour of a video gets a number: 16 bits that tables are looked up by.

The key of a colour is 8 bits of Y and 6 or 7 of each U and V (chroma is stored at a quarter of the pixels and quantised
harder by every codec). A number stands for the mean of the pixels that it was first met in, so flat areas are exact but
where colours of the same luma share a key: they are then up to 1 (or 3) codes of U or V off. A video of a screen has a
few thousand such colours, one of a face some ten thousand. Where there are more than numbers, keys get coarser.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Bytes2D = np.ndarray[Any, np.dtype[np.uint8]]
Words = np.ndarray[Any, np.dtype[np.uint32]]
"""Colours, one in each: Y in the lowest byte, then U, then V, then 0. Where such an array is seen as bytes, they are
in this order in memory on every machine."""
Numbers = np.ndarray[Any, np.dtype[np.uint16]]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Places = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

MOST = 65_536
"""Numbers there are; 0 is none."""

_COMFORTABLE = 48_000
"""Above so many colours the next picture starts a new count."""

_FEW = 8000
"""Up to so many colours 7 bits of chroma cost nothing worth saving."""

WORD = np.dtype("<u4")

_LEVELS = tuple(np.uint32(mask) for mask in (0xFEFEFF, 0xFCFCFF, 0xFCFCFE, 0xF8F8FC))
"""Bits of V, U and Y that a key has; the last level has fewer keys in limited range than numbers."""
_KEYS = 1 << 24


class TooManyColours(Exception):
    """The numbers are used up. What was numbered so far is void: start the picture again."""


class Colours:
    """Numbers for colours, given in the order in which they are met. One thread.

    Args:
        fine: 7 bits of chroma also where there are many colours, not 6. A third more time, for what is seen in
            gradients alone.
    """

    def __init__(self, *, fine: bool = True) -> None:
        self._fine = fine
        self._level = 0
        self._number = np.zeros(_KEYS, np.uint16)  # of which only those pages exist that have a colour
        self.values: Floats = np.zeros((MOST, 3), np.float32)
        """Y, U, V of each number, the mean of the pixels that it was first met in: 0..255, BT.709 limited."""
        self.count = 1
        self.generation = 0
        """Changes when all numbers become void."""

    def clear_if_crowded(self) -> None:
        """Between pictures: forget colours that went by long ago."""
        if self.count > _COMFORTABLE:
            self.clear()

    def clear(self) -> None:
        self._number = np.zeros(_KEYS, np.uint16)
        self.count = 1
        self.generation += 1

    def numbers(self, words: Words) -> Numbers:
        """The numbers of some pixels.

        Args:
            words: Their colours, see ``packed``.

        Raises:
            TooManyColours: Also when it cleared everything: no number is valid any more.
        """
        key = (words & _LEVELS[self._level]).astype(np.intp)
        out: Numbers = self._number.take(key, mode="clip")
        at = np.flatnonzero(out == 0)
        if not len(at):
            return out
        missing = key.take(at)
        fresh, which, many = np.unique(missing, return_inverse=True, return_counts=True)
        room = (MOST if self._fine or self._level else _FEW) - self.count
        if len(fresh) > room:
            if self._level < len(_LEVELS) - 1:
                self._level += 1
                self.clear()
                raise TooManyColours
            self._number[fresh[room:]] = MOST - 1
            fresh = fresh[:room]
        new = np.arange(self.count, self.count + len(fresh))
        self._number[fresh] = new
        found = words.take(at)
        for channel in range(3):
            code = found >> np.uint32(8 * channel) & np.uint32(255)
            self.values[new, channel] = (np.bincount(which, code) / many)[: len(fresh)]
        self.count += len(fresh)
        out[at] = self._number.take(missing)
        return out


def packed(y: Bytes, u: Bytes, v: Bytes) -> Words:
    """Colours of pixels, each in a word.

    Args:
        y, u, v: (n,).
    """
    chroma = v.astype("<u2")  # in types as narrow as can be: that is what the time goes by
    chroma <<= np.uint16(8)
    chroma |= u.astype("<u2")
    words = chroma.astype(WORD)
    words <<= np.uint32(8)
    words |= y.astype(WORD)
    return words
