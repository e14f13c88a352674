"""The palette of a scene: chosen from how often its colours come.

First the box of colours with the largest squared error is cut in two at its mean, until there are as many boxes as
colours wanted (the principle of Wu's and of median-cut quantisers); then a few rounds of k-means move the means to
where they serve best. Distances are Euclidean in Y, 0.8 U, 0.8 V.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import KR_KB, Matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.encode.gif.colours import Floats

Weights = np.ndarray[Any, np.dtype[np.float64]]

METRIC: Floats = np.array([1.0, 0.8, 0.8], np.float32)
"""What a step of Y, U and V counts: the eye, and every measure of likeness, looks at luma first."""

MOST = 255
"""Colours of a palette: index 255 is transparent."""

TEMPER = 0.8
"""Power of a colour's share: with 1 a large background would take all entries from text and faces."""

_PRODUCT = 1 << 18
"""Multiplications from which OpenBLAS would start threads, which spin and cost more than they win."""

_ROUNDS = 2
_SAMPLES = 2500
"""Above so many colours their means in cells of 4x8x8 are taken."""


def choose(values: Floats, counts: Weights, size: int) -> Floats:
    """Palette colours (k, 3) as Y, U, V for ``values`` (n, 3) that come ``counts`` times; at most ``size``.

    As many colours as are wanted or fewer: they are kept exactly.
    """
    if len(values) <= size:
        return values.copy()
    if len(values) > _SAMPLES:
        values, counts = _gathered(values, counts)
    points = values * METRIC
    weights = (counts / counts.sum()) ** TEMPER
    means = _cut(points.astype(np.float64), weights, size).astype(np.float32)
    for _ in range(_ROUNDS):
        means = _moved(points, weights, means)
    chosen: Floats = means / METRIC
    return chosen


def _gathered(values: Floats, counts: Weights) -> tuple[Floats, Weights]:
    """Means of the colours in each cell of a grid, and how often they come together."""
    cells = values.astype(np.int64) >> (2, 3, 3)
    key = cells[:, 0] << 10 | cells[:, 1] << 5 | cells[:, 2]
    total = np.bincount(key, counts)
    used = np.flatnonzero(total)
    sums = [np.bincount(key, counts * values[:, axis])[used] for axis in range(3)]
    many = total[used].astype(np.float64)
    return (np.stack(sums, axis=1) / many[:, None]).astype(np.float32), many


def _cut(points: Any, weights: Weights, size: int) -> Any:
    """Means of ``size`` boxes.

    The error of a box comes from its moments (sums of the weight w, of w p and of w p^2), so only the smaller half of
    a box that is cut has to be summed up; around the mean of all, so that little is lost in the differences.
    """
    origin = weights @ points / weights.sum()
    points = points - origin
    heavy = points * weights[:, None]
    moments = np.concatenate([weights[:, None], heavy, heavy * points], axis=1)
    coordinates = np.ascontiguousarray(points.T)
    boxes = [np.arange(len(points))]
    sums = [moments.sum(axis=0).tolist()]
    waiting = [(-_error(sums[0])[0], 0)]
    least = 1e-9 * -waiting[0][0]
    while waiting and len(boxes) < size:
        error, worst = heapq.heappop(waiting)
        if -error <= least:  # equal points, but for rounding
            break
        members, total = boxes[worst], sums[worst]
        axis = _error(total)[1]
        low = coordinates[axis].take(members) <= total[1 + axis] / total[0]
        parts = members[low], members[~low]
        if not (len(parts[0]) and len(parts[1])):
            continue
        small = len(parts[1]) < len(parts[0])
        one = np.add.reduce(moments.take(parts[small], axis=0), axis=0).tolist()
        other = [a - b for a, b in zip(total, one, strict=True)]
        at = worst, len(boxes)
        boxes[worst] = parts[0]
        boxes.append(parts[1])
        sums[worst] = other if small else one
        sums.append(one if small else other)
        for k in at:
            if len(boxes[k]) > 1:
                heapq.heappush(waiting, (-_error(sums[k])[0], k))
    found = np.array(sums)
    return found[:, 1:4] / found[:, :1] + origin


def _error(moments: Sequence[float]) -> tuple[float, int]:
    """Weighted squared error of a box from its moments, and the axis with the largest part in it."""
    w, x, y, z, xx, yy, zz = moments
    along = (xx - x * x / w, yy - y * y / w, zz - z * z / w)
    return sum(along), along.index(max(along))


def _moved(points: Floats, weights: Weights, means: Floats) -> Floats:
    """One round of k-means."""
    nearest = nearest_of(points, means)[0]
    total = np.bincount(nearest, weights, len(means))
    moved = means.copy()
    used = total > 0
    for axis in range(3):
        moved[used, axis] = np.bincount(nearest, weights * points[:, axis], len(means))[used] / total[used]
    return moved


def nearest_of(points: Floats, means: Floats) -> tuple[Any, Floats]:
    """For each point the nearest of the means and its squared distance; both already scaled by ``METRIC``."""
    count = len(points)
    nearest, least = np.empty(count, np.intp), np.empty(count, np.float32)
    # |p - m|^2 - |p|^2 = -2 p m + |m|^2: one product with a 1 behind each point
    turned = np.concatenate([-2 * means, np.einsum("ij,ij->i", means, means)[:, None]], axis=1).T
    turned = np.ascontiguousarray(turned, np.float32)
    longer = np.ones((count, 4), np.float32)
    longer[:, :3] = points
    block = max(1, _PRODUCT // (4 * len(means)))
    distance = np.empty((min(block, count), len(means)), np.float32)
    starts = np.arange(len(distance)) * len(means)
    for start in range(0, count, block):
        part = longer[start : start + block]
        found = distance[: len(part)]
        np.matmul(part, turned, out=found)
        best = found.argmin(axis=1, out=nearest[start : start + block])
        found.take(starts[: len(part)] + best, out=least[start : start + block], mode="clip")
    least += np.einsum("ij,ij->i", points, points)
    return nearest, np.maximum(least, 0, out=least)


_KR, _KB = KR_KB[Matrix.BT709]
_KG = 1 - _KR - _KB


def to_rgb(yuv: Floats) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Y, U, V (n, 3) of BT.709 limited range as full-range R'G'B', rounded (ITU-R BT.709-6, items 3.2 to 3.5)."""
    y = (yuv[:, 0] - 16) * (255 / 219)
    b = (yuv[:, 1] - 128) * (255 / 224) * (2 * (1 - _KB))
    r = (yuv[:, 2] - 128) * (255 / 224) * (2 * (1 - _KR))
    rgb = np.stack([y + r, y - (_KR * r + _KB * b) / _KG, y + b], axis=1)
    result: np.ndarray[Any, np.dtype[np.uint8]] = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return result


def to_yuv(rgb: np.ndarray[Any, np.dtype[np.uint8]]) -> Floats:
    """Full-range R'G'B' (n, 3) as Y, U, V of BT.709 limited range, not rounded."""
    r, g, b = (rgb[:, k].astype(np.float32) / 255 for k in range(3))
    y = _KR * r + _KG * g + _KB * b
    u, v = (b - y) / (2 * (1 - _KB)), (r - y) / (2 * (1 - _KR))
    return np.stack([16 + 219 * y, 128 + 224 * u, 128 + 224 * v], axis=1).astype(np.float32)
