"""The soft outline of a card that stays where it is, all of it at once.

Along its outline a card is many narrow pieces, and drawing each by itself costs more in calls than in samples. For a
card that is drawn again the samples that are neither wholly picture nor outside of it are found once, with their
weights; then each plane of a frame takes the picture's copy and a few operations on lists of samples. Every sample
goes through the same operations in the same order as piece by piece, so both ways give the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS, view
from reelpress.compose.resample import REPEATED
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from reelpress.compose.planar_canvas import Canvas
    from reelpress.compose.planar_card import Card, Piece, Weights
    from reelpress.compose.resample import Shown
    from reelpress.media.planes import Plane

    Places = NDArray[np.intp]
    Values = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(slots=True)
class _Samples:
    """Samples of one plane, those right around the picture last."""

    to: Places
    """Where in the plane's memory they are drawn."""
    source: Places
    """Where the sample of the picture lies that each shows, once the picture is in the plane."""
    around: Places
    """For the last so many: which sample of the picture's rim they show instead."""
    picture: Values
    below: Values
    constant: Values
    kept: Values | None = None
    """What is below times its weight, where that never changes."""


def soft_area(card: Card) -> IntRect | None:
    """The smallest rectangle around a card's picture and outline."""
    areas = [piece.area for piece in card.pieces if piece.kind != "halo"]
    if not areas:
        return None
    x, y = min(a.x for a in areas), min(a.y for a in areas)
    return IntRect(x, y, max(a.right for a in areas) - x, max(a.bottom for a in areas) - y)


class SoftOutline:
    """The samples along the outline of one card over a picture on one rectangle, for planes laid out in one way.

    Args:
        card: With an opacity of 1, and its outline at least in part in the frame.
        weights: Gives the weights of a rim piece.
        shown: A picture; others have to have the same area, and a rim if this has one. Inside of the card's outline.
        out: A canvas; others have to have the same size and strides, and no coverage.
    """

    def __init__(self, card: Card, weights: Callable[[Piece, IntRect], Weights], shown: Shown, out: Canvas) -> None:
        rims = [(piece.area, weights(piece, piece.area)) for piece in card.pieces if piece.kind == "rim"]
        self._samples = [_samples(n, rims, shown, plane.strides[0]) for n, plane in enumerate(out.planes)]

    def draw(self, shown: Shown, out: Canvas, *, same_below: bool) -> None:
        """The picture and the outline over what is there.

        Args:
            shown: The picture.
            out: What to draw on.
            same_below: Whether what is there now is what was there in every call before.
        """
        for plane, each in enumerate(self._samples):
            flat = _flat(out.planes[plane])
            if same_below and each.kept is not None:
                codes = each.kept.copy()
            else:
                codes = flat.take(each.to, mode="clip") * each.below
                each.kept = codes.copy() if same_below else None
            _lay(plane, shown, out)
            samples = flat.take(each.source, mode="clip")  # they are all there: this mode is the fast one
            if len(each.around):
                assert shown.rim is not None
                samples[-len(each.around) :] = shown.rim.samples[each.around]
            codes += samples * each.picture
            codes += each.constant
            flat[each.to] = codes.astype(np.uint8)


def soft_key(shown: Shown, out: Canvas) -> tuple[object, ...]:
    """What has to be the same for samples to be found in the same places."""
    return shown.area, shown.rim is None, out.size, tuple(plane.strides for plane in out.planes)


def _samples(plane: int, rims: list[tuple[IntRect, Weights]], shown: Shown, stride: int) -> _Samples:
    """Those of the rim pieces that are not just the picture's."""
    shift, seen = SHIFTS[plane], shown.area
    left, top, right, bottom = (edge >> shift for edge in (seen.x, seen.y, seen.right, seen.bottom))
    found: list[tuple[NDArray[Any], ...]] = []
    for rim, weights in rims:
        shape = (rim.h >> shift, rim.w >> shift)
        fields = (weights.picture[shift], weights.below[shift], weights.constant[plane])
        picture, below, constant = (np.broadcast_to(field, shape) for field in fields)
        rows, columns = np.arange(shape[0]) + (rim.y >> shift), np.arange(shape[1]) + (rim.x >> shift)
        soft = (picture != 1) | (below != 0) | (constant != 0.5)
        soft |= ((rows < top) | (rows >= bottom))[:, np.newaxis] | (columns < left) | (columns >= right)
        at_row, at_column = np.nonzero(soft)
        found.append((columns[at_column], rows[at_row], picture[soft], below[soft], constant[soft]))
    x, y, *values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # As in Rim.put(): rows over columns where they cross.
    side = np.select([y == top - 1, y == bottom, x == left - 1, x == right], [2, 3, 0, 1], -1)
    if plane or shown.rim is None:
        side[:] = -1
    order = np.argsort(side >= 0, kind="stable")
    x, y, side = x[order], y[order], side[order]
    lengths = (bottom - top + 2 + 2 * REPEATED, right - left + 2 + 2 * REPEATED)
    beside, above = y - top + 1 + REPEATED, x - left + 1 + REPEATED
    along = np.where(side < 2, np.clip(beside, 0, lengths[0] - 1), np.clip(above, 0, lengths[1] - 1))
    begin = np.array([0, lengths[0], 2 * lengths[0], 2 * lengths[0] + lengths[1]])
    return _Samples(
        y * stride + x,
        np.clip(y, top, bottom - 1) * stride + np.clip(x, left, right - 1),
        (begin[side] + along)[side >= 0],
        *(each[order] for each in values),
    )


def _lay(plane: int, shown: Shown, out: Canvas) -> None:
    """All of one plane of a picture as it is."""
    shift, area = SHIFTS[plane], shown.area
    for made in shown.rows:
        at = IntRect(area.x, area.y + made.start, area.w, made.stop - made.start)
        np.copyto(view(out.planes[plane], at, shift), made.planes[plane])


def _flat(plane: Plane) -> Plane:
    """A plane's memory from its first sample to its last."""
    rows, columns = plane.shape
    if plane.strides[0] == columns:
        return plane.reshape(-1)
    return np.lib.stride_tricks.as_strided(plane, ((rows - 1) * plane.strides[0] + columns,), (1,))
