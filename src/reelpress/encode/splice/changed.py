"""Which macroblocks of a picture differ from the last real one: exactly, and at the price of what may have changed.

Damage says where two *neighbouring* pictures can differ; what an inserted picture must code is the difference from the
last picture that went through the encoder. So damage is gathered as macroblocks that have to be looked at, and only
those are compared, sample by sample. A macroblock found equal is not looked at again before new damage falls on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from reelpress.media.planes import PixelRect, Plane, Planes

MACROBLOCK = 16
"""Luma samples along a side (H.264 6.3); 8 for chroma at 4:2:0."""

BAND = 8
"""Rows of macroblocks compared at once."""


class MacroblockDiff:
    """The macroblocks that can differ from the picture last called :meth:`settled`. Not thread-safe.

    Args:
        width, height: Of the picture in luma samples; a last, partial macroblock counts as one.
    """

    def __init__(self, width: int, height: int) -> None:
        self.columns, self.rows = -(-width // MACROBLOCK), -(-height // MACROBLOCK)
        self._suspects: NDArray[np.bool_] = np.zeros((self.rows, self.columns), np.bool_)
        self._busy = 0

    def settled(self) -> None:
        """The present picture is the one to compare with from now on: nothing differs."""
        self._suspects[:] = False

    def mark(self, damage: Iterable[PixelRect]) -> None:
        """These rectangles (luma samples, inside the picture) may have changed."""
        for rect in damage:
            top, bottom = rect.y // MACROBLOCK, -(-(rect.y + rect.h) // MACROBLOCK)
            left, right = rect.x // MACROBLOCK, -(-(rect.x + rect.w) // MACROBLOCK)
            self._suspects[top:bottom, left:right] = True

    def mark_all(self) -> None:
        """Nothing is known of this picture."""
        self._suspects[:] = True

    def changed(self, picture: Planes, anchor: Planes, limit: int) -> NDArray[np.bool_] | None:
        """The macroblocks in which ``picture`` differs from ``anchor``.

        Args:
            picture, anchor: Of the same size and format, ``yuv420p`` or ``nv12``.
            limit: Stop looking once more than this many differ.

        Returns:
            Booleans (rows, columns), a copy; ``None`` when more than ``limit`` differ.
        """
        suspects = self._suspects
        if picture is anchor:
            suspects[:] = False
            return suspects.copy()
        found = 0
        pairs = tuple(zip(picture.planes, anchor.planes, strict=True))
        bands = list(_bands(np.flatnonzero(suspects.any(axis=1)).tolist()))
        # where too much had changed the last time it most likely has again
        start = next((n for n, (_, bottom) in enumerate(bands) if bottom > self._busy), 0)
        for top, bottom in bands[start:] + bands[:start]:
            band = suspects[top:bottom]
            columns = np.flatnonzero(band.any(axis=0))
            first, last = int(columns[0]), int(columns[-1]) + 1
            window = band[:, first:last]
            window &= _differs(pairs, picture.format, (top, bottom), (first, last))
            found += int(np.count_nonzero(window))
            if found > limit:
                self._busy = top
                return None
        return suspects.copy()


def _bands(rows: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring rows together, at most ``BAND`` of them: few calls where little changed, an early end elsewhere."""
    at = 0
    while at < len(rows):
        end = at + 1
        while end < len(rows) and rows[end] == rows[end - 1] + 1 and end - at < BAND:
            end += 1
        yield rows[at], rows[end - 1] + 1
        at = end


def _differs(
    pairs: tuple[tuple[Plane, Plane], ...], format_name: str, rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.bool_]:
    """For the macroblocks of ``rows`` and ``columns`` (from, to): whether any sample differs."""
    shape = rows[1] - rows[0], columns[1] - columns[0]
    found = np.zeros(shape, np.bool_)
    for index, (new, old) in enumerate(pairs):
        tall = MACROBLOCK if index == 0 else MACROBLOCK // 2
        wide = MACROBLOCK if index == 0 or format_name == "nv12" else MACROBLOCK // 2
        window = (slice(rows[0] * tall, rows[1] * tall), slice(columns[0] * wide, columns[1] * wide))
        a, b = new[window], old[window]
        whole = (shape[0] * tall, shape[1] * wide)
        bits = np.empty(whole, np.uint8) if a.shape == whole else np.zeros(whole, np.uint8)
        np.bitwise_xor(a, b, out=bits[: a.shape[0], : a.shape[1]])
        # whole rows at once, then eight samples at once
        folded = np.bitwise_or.reduce(bits.reshape(shape[0], tall, whole[1]), axis=1)
        words = folded.view(np.uint64).reshape(*shape, wide // 8)
        found |= (words if wide == 8 else words[..., :1] | words[..., 1:])[..., 0] != 0
    return found
