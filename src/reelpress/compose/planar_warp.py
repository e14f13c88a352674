"""The 3D view: a group's picture seen through a homography, sampled with the cubic kernel at any places.

The four neighbours in a row lie in one number of 32 bits, so a sample is four look-ups. The sum over rows is made for
two of the four columns at a time, in the two halves of a number, with whole weights of 1/192: three columns out of
four that overshoot still fit 16 bits. The sum over columns is in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS, view
from reelpress.compose.planar_card import intersect
from reelpress.compose.planar_group import over
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.media.planes import Plane

    Warp = tuple[float, float, float, float, float, float, float, float, float]
    Words = np.ndarray[Any, np.dtype[np.uint32]]

_A = -0.6
_PAD = 4

_BLOCK = (128, 64)
"""Rows and columns that are looked at for whether there is anything in them. Those side by side are drawn at once."""
_NOTHING, _PART, _WHOLE = range(3)
"""Nothing at all, something through which something shines, nothing but what is wholly covered."""
_EXTREMES = 16
"""Pixels on a side of the squares of which least and greatest coverage are known."""
_WIDEST = 512
"""Columns that are drawn at once: some ten fields of them fit a second-level cache."""

_UNIT = 192
"""Down the rows weights are whole parts of 1: sums lie within 1.15 and -0.15 of 255 times that."""
_BIAS = 8192
"""Added to the sums in 16 bits, which may be a little below 0."""
_HALVES, _LOW, _BIASES = np.uint32(0x00FF00FF), np.uint32(0xFFFF), np.uint32(_BIAS * 0x10001)
_BYTE, _HALF = np.uint32(8), np.uint32(16)
_WORD = np.dtype("<u4")

_REACH = 6
"""Pixels around a place that its kernel looks at, in chroma samples too, and some to spare."""


class Sampled:
    """A plane laid out for cubic sampling anywhere: zeros around it, four neighbours of a row in one number."""

    def __init__(self, plane: Plane, box: IntRect) -> None:
        """``box``: the samples that are not 0 (those beyond are never looked at)."""
        self.box = box
        self.wide = box.w + 2 * _PAD
        padded = np.zeros((box.h + 2 * _PAD, self.wide), np.uint8)
        padded[_PAD : _PAD + box.h, _PAD : _PAD + box.w] = plane[box.y : box.bottom, box.x : box.right]
        flat = padded.reshape(-1)
        self.fours: Words = np.ascontiguousarray(np.ndarray((flat.size - 3,), _WORD, flat.data, strides=(1,)))


class Places:
    """Where samples look in planes of one size and box, and with which weights.

    Args:
        x, y: Coordinates in samples of the box: 0 is its first. They are written over.
        box: Of the planes.
    """

    def __init__(self, x: Field, y: Field, box: IntRect) -> None:
        x, y = x.reshape(-1), y.reshape(-1)
        for at, most in ((x, box.w), (y, box.h)):
            np.maximum(at, np.float32(-2.5), out=at)
            np.minimum(at, np.float32(most + 1.5), out=at)
        column, row = np.floor(x), np.floor(y)
        x -= column
        y -= row
        self.across = _cubic(x)
        self.down = _whole(y)
        self.wide = box.w + 2 * _PAD
        index = row.astype(np.int32)
        index += _PAD - 1
        index *= self.wide
        index += column.astype(np.int32)
        index += _PAD - 1
        self.index = index.astype(np.intp)

    def sample(self, plane: Sampled, add: float = 0.0) -> Field:
        """The plane there, flat, with ``add`` added to each sample."""
        count = len(self.index)
        even: Words = np.empty(count, np.uint32)
        odd, fours, part = np.empty_like(even), np.empty_like(even), np.empty_like(even)
        for k, weight in enumerate(self.down):
            plane.fours[k * self.wide :].take(self.index, out=fours, mode="clip")
            if k:
                np.bitwise_and(fours, _HALVES, out=part)
                part *= weight
                even += part
                fours >>= _BYTE
                fours &= _HALVES
                fours *= weight
                odd += fours
            else:
                np.bitwise_and(fours, _HALVES, out=even)
                even *= weight
                even += _BIASES
                fours >>= _BYTE
                np.bitwise_and(fours, _HALVES, out=odd)
                odd *= weight
                odd += _BIASES
        total, product = np.empty(count, np.float32), np.empty(count, np.float32)
        signed = part.view(np.int32)  # faster to turn into floats
        for j, (pair, share) in enumerate(zip((even, odd, even, odd), self.across, strict=True)):
            if j < 2:
                np.bitwise_and(pair, _LOW, out=part)
            else:
                np.right_shift(pair, _HALF, out=part)
            to = product if j else total
            np.copyto(to, signed)
            to *= share
            if j:
                total += product
        total *= np.float32(1 / _UNIT)
        total += np.float32(add - _BIAS / _UNIT)
        return total


def _cubic(t: Field) -> tuple[Field, Field, Field, Field]:
    """Weights of the samples -1, 0, 1, 2 at ``t`` past sample 0 (Keys 1981, a = -0.6)."""
    a = np.float32(_A)
    u = 1 - t
    edge = t * u
    edge *= a
    u *= edge
    edge *= t  # the outer two
    second = t * (a + 2)
    second -= a + 3
    second *= t
    second *= t
    second += 1
    third = 1 - second
    third -= u
    third -= edge
    return u, second, third, edge


def _whole(t: Field) -> tuple[Words, Words, Words, Words]:
    """The same in parts of ``_UNIT``; their sum is exactly that. Negative ones as numbers mod 2^32."""
    first, second, _, last = _cubic(t)
    made = []
    for weight in (first, second, last):
        weight *= _UNIT
        np.rint(weight, out=weight)
        made.append(weight.astype(np.int32))
    third = _UNIT - made[0]
    third -= made[1]
    third -= made[2]
    a, b, c, d = (each.view(np.uint32) for each in (made[0], made[1], third, made[2]))
    return a, b, c, d


def warp(picture: Canvas, matrix: Warp, opacity: float, out: Canvas, regions: tuple[IntRect, ...]) -> None:
    """A picture with coverage, seen through a homography, over what is there.

    The frame is gone through in tiles that lie on a grid of their own, so what is decided for a tile does not depend on
    the regions.
    """
    assert picture.cover is not None
    box = _filled(picture)
    if box is None:
        return
    half = IntRect(box.x >> 1, box.y >> 1, box.w >> 1, box.h >> 1)
    colors = [Sampled(plane, half if shift else box) for plane, shift in zip(picture.planes, SHIFTS, strict=True)]
    covers: list[Sampled] = []
    for tile, whole in _tiles(picture, matrix, out.size):
        parts = [part for region in regions if (part := intersect(tile, region)) is not None]
        if parts and not whole and not covers:
            covers = [Sampled(picture.cover[0], box), Sampled(picture.cover[1], half)]
        for part in parts:
            if whole and opacity >= 1:
                _copied(colors, matrix, out, tile, part)
            else:
                _blended(colors, () if whole else covers, matrix, np.float32(opacity), out, tile, part)


def _tiles(picture: Canvas, matrix: Warp, size: tuple[int, int]) -> Iterator[tuple[IntRect, bool]]:
    """Parts of the frame in which anything is seen, and whether nothing shines through in each."""
    (width, height), (rows, columns) = size, _BLOCK
    for top, kinds in zip(range(0, height, rows), _kinds(picture, matrix, size), strict=True):
        begin, last = 0, _NOTHING
        for left, kind in zip(range(0, width, columns), kinds, strict=True):
            if kind != last or left - begin >= _WIDEST:
                if last != _NOTHING:
                    yield IntRect(begin, top, left - begin, min(rows, height - top)), last == _WHOLE
                begin, last = left, kind
        if last != _NOTHING:
            yield IntRect(begin, top, width - begin, min(rows, height - top)), last == _WHOLE


def _kinds(picture: Canvas, matrix: Warp, size: tuple[int, int]) -> Iterator[list[int]]:
    """What each block of the frame sees of the picture, row after row."""
    least, most = _extremes(picture)
    a, b, c, d, e, f, g, h, i = matrix
    xs, ys = (np.append(np.arange(0, size[n], _BLOCK[1 - n]), size[n]).astype(np.float64) for n in (0, 1))
    depth = g * xs + (h * ys + i)[:, np.newaxis]
    before = depth > 1e-6
    depth[~before] = 1.0
    x = (a * xs + (b * ys + c)[:, np.newaxis]) / depth
    y = (d * xs + (e * ys + f)[:, np.newaxis]) / depth

    def corners(field: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        return field[:-1, :-1], field[1:, :-1], field[:-1, 1:], field[1:, 1:]

    bounded = np.logical_and.reduce(corners(before))
    # Of a rectangle before the viewer all lies between its corners. In samples of the extremes, kernel included:
    ends = [
        np.floor((np.clip(bound.reduce(corners(field)), -1e6, 1e6) + reach) / _EXTREMES).astype(np.intp)
        for field in (x, y)
        for bound, reach in ((np.minimum, -_REACH), (np.maximum, _REACH))
    ]
    tall, wide = least.shape
    width, height = picture.size
    left, right, top, bottom = ends
    # What reaches out of the picture sees nothing there.
    inside = (left >= 0) & (top >= 0) & ((right + 1) * _EXTREMES <= width) & ((bottom + 1) * _EXTREMES <= height)
    left, top = np.maximum(left, 0), np.maximum(top, 0)
    right, bottom = np.minimum(right + 1, wide), np.minimum(bottom + 1, tall)
    for row in zip(bounded, inside, left, right, top, bottom, strict=True):
        kinds = []
        for is_bounded, is_inside, x0, x1, y0, y1 in zip(*(each.tolist() for each in row), strict=True):
            if not is_bounded:
                kinds.append(_PART)
            elif x1 <= x0 or y1 <= y0 or not most[y0:y1, x0:x1].any():
                kinds.append(_NOTHING)
            else:
                kinds.append(_WHOLE if is_inside and least[y0:y1, x0:x1].min() == 255 else _PART)
        yield kinds


def _extremes(picture: Canvas) -> tuple[Plane, Plane]:
    """The least and the greatest coverage in squares of the picture, the last of which may be smaller."""
    assert picture.cover is not None
    made = []
    for bound in (np.minimum, np.maximum):
        both = []
        for cover, side in zip(picture.cover, (_EXTREMES, _EXTREMES // 2), strict=True):
            rows, columns = cover.shape
            end = rows // side * side
            lines = bound.reduce(cover[:end].reshape(-1, side, columns), axis=1)
            if end < rows:
                lines = np.concatenate([lines, bound.reduce(cover[end:], axis=0)[np.newaxis]])
            both.append(bound.reduceat(lines, np.arange(0, columns, side), axis=1))
        made.append(bound(*both))
    return made[0], made[1]


def _copied(colors: list[Sampled], matrix: Warp, out: Canvas, tile: IntRect, area: IntRect) -> None:
    """Where nothing shines through."""
    for shift in (0, 1):
        x, y, _ = _positions(matrix, tile, area, shift, colors[shift].box)
        shape = x.shape
        places = Places(x, y, colors[shift].box)
        for n in (1, 2) if shift else (0,):
            codes = places.sample(colors[n], 0.5)
            np.maximum(codes, 0, out=codes)
            np.minimum(codes, 255.5, out=codes)
            np.copyto(view(out.planes[n], area, shift), codes.reshape(shape), casting="unsafe")
    for shift, cover in enumerate(out.cover or ()):
        view(cover, area, shift)[...] = 255


def _blended(
    planes: list[Sampled],
    covers: list[Sampled] | tuple[()],
    matrix: Warp,
    opacity: np.float32,
    out: Canvas,
    tile: IntRect,
    area: IntRect,
) -> None:
    """Where something does; ``covers`` is empty where the picture itself is whole."""
    colors: list[Field] = []
    shares: list[Field] = []
    for shift in (0, 1):
        x, y, seen = _positions(matrix, tile, area, shift, planes[shift].box)
        shape = x.shape
        places = Places(x, y, planes[shift].box)
        mine = [places.sample(planes[n]) for n in ((1, 2) if shift else (0,))]
        if not covers:
            share: Field = np.full(shape, opacity, np.float32)
            for color in mine:
                color *= opacity
        else:
            share = places.sample(covers[shift])
            share *= np.float32(1 / 255)
            # Whole numbers add up to what is as good as 0 beside where there is something.
            visible = share > np.float32(1e-6)
            if seen is not None:
                visible &= seen.ravel()
            factor = np.where(visible, opacity / np.maximum(share, 1), 0).astype(np.float32)
            for color in mine:
                color *= factor
            share *= factor
            share = share.reshape(shape)
        colors += [color.reshape(shape) for color in mine]
        shares.append(share)
    over(out, area, colors, shares)


def _positions(
    matrix: Warp, tile: IntRect, area: IntRect, shift: int, box: IntRect
) -> tuple[Field, Field, NDArray[np.bool_] | None]:
    """Coordinates in samples of ``box`` of the samples of ``area``, and which lie before the viewer (``None``: all).

    Counted from the tile's corner in float32, which is good for a thousandth of a sample.
    """
    a, b, c, d, e, f, g, h, i = matrix
    pitch, down = (2, 1.0) if shift else (1, 0.5)
    i += g * tile.x + h * tile.y
    c += a * tile.x + b * tile.y
    f += d * tile.x + e * tile.y
    # Sample 0 of the box lies at this pixel of the group.
    x0, y0 = box.x * pitch + 0.5, box.y * pitch + down
    xs = np.arange((area.x - tile.x) >> shift, (area.right - tile.x) >> shift) * pitch + 0.5
    ys = np.arange((area.y - tile.y) >> shift, (area.bottom - tile.y) >> shift) * pitch + down

    def plane(by_x: float, by_y: float, constant: float) -> Field:
        row, column = by_x * xs, by_y * ys + constant
        return np.add(row.astype(np.float32)[np.newaxis, :], column.astype(np.float32)[:, np.newaxis])

    across = plane((a - x0 * g) / pitch, (b - x0 * h) / pitch, (c - x0 * i) / pitch)
    along = plane((d - y0 * g) / pitch, (e - y0 * h) / pitch, (f - y0 * i) / pitch)
    seen = None
    if g or h or i != 1:
        w = plane(g, h, i)
        if float(w.min()) <= 0:
            seen = w > 0
            w = np.where(seen, w, np.float32(1))
        across /= w
        along /= w
    return across, along, seen


def _filled(picture: Canvas) -> IntRect | None:
    """The pixels (even edges) outside of which there is no coverage."""
    assert picture.cover is not None
    luma, chroma = picture.cover
    rows = np.asarray(luma.any(axis=1)).reshape(-1, 2).any(axis=1) | np.asarray(chroma.any(axis=1))
    columns = np.asarray(luma.any(axis=0)).reshape(-1, 2).any(axis=1) | np.asarray(chroma.any(axis=0))
    if not rows.any():
        return None
    y0, y1 = int(rows.argmax()), len(rows) - int(rows[::-1].argmax())
    x0, x1 = int(columns.argmax()), len(columns) - int(columns[::-1].argmax())
    return IntRect(2 * x0, 2 * y0, 2 * (x1 - x0), 2 * (y1 - y0))
