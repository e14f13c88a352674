"""The palette of a scene: chosen from how often its colours come.

First the box of colours with the largest squared error is cut in two at its mean, until there are as many boxes as
colours wanted (the principle of Wu's and of median-cut quantisers); then a few rounds of k-means move the means to
where they serve best. Distances are Euclidean in Y, 0.8 U, 0.8 V.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import KR_KB, Matrix

if TYPE_CHECKING:
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
    """Means of ``size`` boxes."""
    boxes = [np.arange(len(points))]
    stats = [_stats(points, weights)]
    errors = [stats[0][1].sum()]
    while len(boxes) < size:
        worst = int(np.argmax(errors))
        if errors[worst] <= 0:
            break
        mean, spread = stats[worst]
        axis = int(np.argmax(spread))
        members = boxes[worst]
        low = points[members, axis] <= mean[axis]
        for at, part in ((worst, members[low]), (len(boxes), members[~low])):
            of = _stats(points[part], weights[part])
            error = of[1].sum() if len(part) > 1 else 0.0
            if at == len(boxes):
                boxes.append(part)
                stats.append(of)
                errors.append(error)
            else:
                boxes[at], stats[at], errors[at] = part, of, error
    return np.array([mean for mean, _ in stats])


def _stats(points: Any, weights: Weights) -> tuple[Any, Any]:
    """Mean, and weighted squared error along each axis."""
    total = weights.sum()
    mean = weights @ points / total
    away = points - mean
    return mean, weights @ (away * away)


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
    turned = np.ascontiguousarray(-2 * means.T)
    square = np.einsum("ij,ij->i", means, means)
    block = max(1, _PRODUCT // (3 * len(means)))
    distance = np.empty((min(block, count), len(means)), np.float32)
    rows = np.arange(len(distance))
    for start in range(0, count, block):
        part = points[start : start + block]
        found = distance[: len(part)]
        np.matmul(part, turned, out=found)
        found += square
        best = found.argmin(axis=1, out=nearest[start : start + block])
        least[start : start + block] = found[rows[: len(part)], best]
    least += np.einsum("ij,ij->i", points, points)
    return nearest, np.maximum(least, 0)


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
