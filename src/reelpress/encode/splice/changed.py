"""Which macroblocks of a picture differ from the last real one: exactly, and at the price of what may have changed.

Damage says where two *neighbouring* pictures can differ; what an inserted picture must code is the difference from the
last picture that went through the encoder. So damage is gathered as macroblocks that have to be looked at, and only
those are compared, sample by sample. A macroblock found equal is not looked at again before new damage falls on it.

Pictures of a recording that was encoded before carry noise, so a tolerance can be given. It is always one towards the
last real picture itself: whatever is held or patched upon it, nothing adds up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.media.steady import alike

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from reelpress.media.planes import PixelRect, Plane, Planes

MACROBLOCK = 16
"""Luma samples along a side (H.264 6.3); 8 for chroma at 4:2:0."""

BAND_BYTES = 256 << 10
"""Luma compared at once: it stays in the processor's cache, there is an early end, and calls cost little beside it."""


class MacroblockDiff:
    """The macroblocks that can differ from the picture last called :meth:`settled`. Not thread-safe.

    Args:
        width, height: Of the picture in luma samples; a last, partial macroblock counts as one.
        band: Rows of macroblocks compared at once; ``None``: as many as are quick to compare.
    """

    def __init__(self, width: int, height: int, *, band: int | None = None) -> None:
        self.columns, self.rows = -(-width // MACROBLOCK), -(-height // MACROBLOCK)
        self._suspects: NDArray[np.bool_] = np.zeros((self.rows, self.columns), np.bool_)
        self._busy = 0
        self._band = min(self.rows, band or max(1, BAND_BYTES // (MACROBLOCK * width)))
        # kept: fresh memory costs as much as what is done with it
        self._scratch = np.empty(self._band * self.columns * MACROBLOCK**2, np.uint8)

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

    def changed(self, picture: Planes, anchor: Planes, limit: int, tolerance: int = 0) -> NDArray[np.bool_] | None:
        """The macroblocks in which ``picture`` differs from ``anchor``.

        Args:
            picture, anchor: Of the same size and format, ``yuv420p`` or ``nv12``.
            limit: Stop looking once more than this many differ.
            tolerance: What still counts as the same (``media.steady.alike``); 0 is equal to the bit.

        Returns:
            Booleans (rows, columns), a copy; ``None`` when more than ``limit`` differ.
        """
        suspects = self._suspects
        if picture is anchor:
            suspects[:] = False
            return suspects.copy()
        found = 0
        pairs = tuple(zip(picture.planes, anchor.planes, strict=True))
        bands = list(_bands(np.flatnonzero(suspects.any(axis=1)).tolist(), self._band))
        # where too much had changed the last time it most likely has again
        start = next((n for n, (_, bottom) in enumerate(bands) if bottom > self._busy), 0)
        for top, bottom in bands[start:] + bands[:start]:
            band = suspects[top:bottom]
            columns = np.flatnonzero(band.any(axis=0))
            first, last = int(columns[0]), int(columns[-1]) + 1
            window = band[:, first:last]
            window &= _differs(pairs, picture.format, (top, bottom), (first, last), self._scratch, tolerance // 2)
            if tolerance:
                _forgive(window, pairs, picture.format, (top, first), tolerance)
            found += int(np.count_nonzero(window))
            if found > limit:
                self._busy = top
                return None
        return suspects.copy()


def _bands(rows: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Neighbouring rows together, at most ``most`` of them: few calls where little changed, an early end elsewhere."""
    at = 0
    while at < len(rows):
        end = at + 1
        while end < len(rows) and rows[end] == rows[end - 1] + 1 and end - at < most:
            end += 1
        yield rows[at], rows[end - 1] + 1
        at = end


def _differs(
    pairs: tuple[tuple[Plane, Plane], ...],
    format_name: str,
    rows: tuple[int, int],
    columns: tuple[int, int],
    scratch: NDArray[np.uint8],
    noise: int,
) -> NDArray[np.bool_]:
    """For the macroblocks of ``rows`` and ``columns`` (from, to): whether any sample differs by more than ``noise``.

    ``scratch`` has a byte for each luma sample of them.
    """
    shape = rows[1] - rows[0], columns[1] - columns[0]
    found = np.zeros(shape, np.bool_)
    for index, (new, old) in enumerate(pairs):
        tall = MACROBLOCK if index == 0 else MACROBLOCK // 2
        wide = MACROBLOCK if index == 0 or format_name == "nv12" else MACROBLOCK // 2
        window = (slice(rows[0] * tall, rows[1] * tall), slice(columns[0] * wide, columns[1] * wide))
        a, b = new[window], old[window]
        whole = (shape[0] * tall, shape[1] * wide)
        bits = scratch[: whole[0] * whole[1]].reshape(whole)
        bits[a.shape[0] :] = 0
        bits[:, a.shape[1] :] = 0
        inside = bits[: a.shape[0], : a.shape[1]]
        if noise:
            # the difference and as much as may be: in 0..2 * noise, or, as bytes wrap around, beyond
            np.subtract(a, b, out=inside)
            np.add(inside, noise, out=inside)
            folded = np.maximum.reduce(bits.reshape(shape[0], tall, whole[1]), axis=1) > 2 * noise
        else:
            np.bitwise_xor(a, b, out=inside)
            folded = np.bitwise_or.reduce(bits.view(np.uint64).reshape(shape[0], tall, whole[1] // 8), axis=1)
        # whole rows at once so far, now eight samples at once
        words = folded.view(np.uint64).reshape(*shape, wide // 8)
        found |= (words if wide == 8 else words[..., :1] | words[..., 1:])[..., 0] != 0
    return found


def _forgive(
    window: NDArray[np.bool_],
    pairs: tuple[tuple[Plane, Plane], ...],
    format_name: str,
    corner: tuple[int, int],
    tolerance: int,
) -> None:
    """Take those out of ``window`` (macroblocks from ``corner`` on: row, column) that are within the tolerance.

    Only few get here: those with a sample further off than half the tolerance.
    """
    rows, columns = np.nonzero(window)
    for index, (new, old) in enumerate(pairs):
        if not len(rows):
            break
        tall = MACROBLOCK if index == 0 else MACROBLOCK // 2
        wide = MACROBLOCK if index == 0 or format_name == "nv12" else MACROBLOCK // 2
        top, left = corner[0] * tall, corner[1] * wide
        place = (slice(top, top + window.shape[0] * tall), slice(left, left + window.shape[1] * wide))
        a, b = (_gathered(plane[place], rows, columns, tall, wide) for plane in (new, old))
        same = alike(a, b, tolerance)
        rows, columns = rows[same], columns[same]
    window[rows, columns] = False


def _gathered(
    samples: Plane, rows: NDArray[np.intp], columns: NDArray[np.intp], tall: int, wide: int
) -> NDArray[np.uint8]:
    """The samples of blocks, one block a row; the last sample again where a block reaches beyond the edge."""
    down, across = samples.shape[0] // tall, samples.shape[1] // wide
    # eight samples at once: a block is 8 or 16 samples wide
    words = samples[: down * tall, : across * wide].view(np.uint64).reshape(down, tall, across, wide // 8)
    partial = (rows >= down) | (columns >= across)
    if not partial.any():
        return words[rows, :, columns].view(np.uint8).reshape(len(rows), -1)
    found = np.empty((len(rows), tall, wide), np.uint8)
    found[~partial] = words[rows[~partial], :, columns[~partial]].view(np.uint8)
    lines = np.minimum(rows[partial, None] * tall + np.arange(tall), samples.shape[0] - 1)
    places = np.minimum(columns[partial, None] * wide + np.arange(wide), samples.shape[1] - 1)
    found[partial] = samples[lines[:, :, None], places[:, None, :]]
    return found.reshape(len(rows), -1)
