"""What really changed between two pictures of a source, and where that is seen.

Every frame of a screen recording at a constant rate has its own number, but most show what the one before showed, but
for a few rows. Comparing two pictures costs a twentieth of scaling one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.scene.damage import ANTIALIAS, CHROMA, KERNEL
from reelpress.scene.plan.rect import IntRect, pixel_cover

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from reelpress.media.planes import Plane, Planes
    from reelpress.scene.plan.layers import PictureLayer

Rows = tuple[tuple[int, int], ...]
"""Ranges of luma rows (first, one past the last): even, ascending, apart."""

_SAMPLES = 32
"""So many rows are looked at first."""
_PARTS = 8
"""Parts of the picture in which a changed row is looked for, ..."""
_MANY = 7
"""... and how many of them have to have changed for the whole picture to count as changed: as when it scrolls."""
_BLOCK = 64
"""Rows compared at a time: their flags stay in the first-level cache."""
_GAP = 16
"""Unchanged rows between two changed ones that are not worth a range of their own."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a source's picture differs from the one it replaces."""

    frame: int
    """Of the picture that is replaced."""
    rows: Rows
    """Luma rows outside of which the two are the same, their chroma included."""


def changed_rows(new: Planes, old: Planes) -> Rows | None:
    """Where two pictures differ; empty when they are equal, None when they are taken to differ everywhere.

    Exact: rows that are not named are the same, byte by byte.
    """
    if new is old:
        return ()
    if (new.format, new.width, new.height, new.color) != (old.format, old.width, old.height, old.color):
        return None
    pairs = [(_wide(a), _wide(b)) for a, b in zip(new.planes, old.planes, strict=True)]
    if any(a.shape != b.shape or a.dtype != b.dtype for a, b in pairs):
        return None  # not laid out alike
    a, b = pairs[0]
    if len(a) >= 4 * _SAMPLES:
        at = (2 * np.arange(_SAMPLES) + 1) * len(a) // (2 * _SAMPLES)
        if (a[at] != b[at]).reshape(_PARTS, -1).any(axis=1).sum() >= _MANY:
            return None
    # One flag for two rows of luma and one of chroma.
    luma = _differ(a, b)
    changed = luma[0::2].copy()
    changed[: len(luma) // 2] |= luma[1::2]
    for a, b in pairs[1:]:
        changed |= _differ(a, b)
    return _ranges(changed)


def _differ(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows of two planes differ."""
    changed = np.zeros(len(a), np.bool_)
    for first in range(0, len(a), _BLOCK):
        block = slice(first, first + _BLOCK)
        different = a[block] != b[block]
        if different.any():
            changed[block] = different.any(axis=1)
    return changed


def _wide(plane: Plane) -> NDArray[Any]:
    """``plane`` in words of eight bytes, where it has them."""
    return plane.view(np.uint64) if plane.shape[1] % 8 == 0 and plane.strides[1] == 1 else plane


def _ranges(changed: NDArray[np.bool_]) -> Rows:
    found = np.flatnonzero(changed)
    if not len(found):
        return ()
    after = np.flatnonzero(np.diff(found) > _GAP // 2)
    starts, ends = found[np.r_[0, after + 1]], found[np.r_[after, len(found) - 1]]
    return tuple((2 * int(first), 2 * int(last) + 2) for first, last in zip(starts, ends, strict=True))


def seen(layer: PictureLayer, rows: Rows, size: tuple[int, int]) -> list[IntRect]:
    """The part of the frame (even edges) that a change of ``rows`` of the layer's source can reach."""
    soft = ANTIALIAS if layer.shape.radius > 0 else 0.0
    cover = pixel_cover(layer.shape.rect.outset(soft), size, CHROMA, 2)
    crop, rect = layer.crop, layer.rect
    if cover is None or layer.opacity <= 0 or min(crop.w, crop.h, rect.w, rect.h) <= 0:
        return []
    step = crop.h / rect.h
    # A chroma sample is two rows tall; three more for where scalers round positions and taps to.
    reach = 2 * KERNEL * max(1.0, step) + 3
    found: list[IntRect] = []
    for first, stop in rows:
        if crop.h > 4 and (stop <= crop.y - 4 or first >= crop.bottom + 4):
            continue  # not shown
        # Edge rows are repeated beyond the crop.
        top, bottom = cover.y, cover.bottom
        if first - reach > crop.y:
            top = max(top, 2 * math.floor((rect.y + (first - reach - crop.y) / step) / 2))
        if stop + reach < crop.bottom:
            bottom = min(bottom, 2 * math.ceil((rect.y + (stop + reach - crop.y) / step) / 2))
        if bottom > top:
            found.append(IntRect(cover.x, top, cover.w, bottom - top))
    return found
