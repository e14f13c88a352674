"""Outlines in numbers: signed distance, coverage, shadow and ring as scene.plan defines them, in float32.

All functions are elementwise over a row of x positions and a column of y positions, so any part of the frame has
exactly the values that the whole would have there. Where a part depends on one axis only (a straight edge), it is
evaluated on that axis alone and broadcast.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.scene.plan.outline import CornerKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.scene.plan.outline import Shadow, Shape

    Axis = NDArray[np.float64]

Field = np.ndarray[Any, np.dtype[np.float32]]
"""2-D, broadcastable: either axis may have length 1."""

_SAMPLES = (-0.25, 0.25)

_FEW = 1 << 14
"""Pixels up to which all four samples are taken in one go: so few cost more in calls than in numbers."""


def centres(start: int, stop: int) -> Axis:
    """Centres of the pixels ``start .. stop``; those before the frame are its first one, repeated."""
    positions: Axis = np.maximum(np.arange(start, stop, dtype=np.float64), 0.0) + 0.5
    return positions


def _beyond(at: Axis, low: float, size: float) -> Axis:
    """How far positions on one axis lie outside of ``low .. low + size``; negative within."""
    half = size / 2
    beyond: Axis = np.abs(at - (low + half)) - half
    return beyond


def _distance(shape: Shape, xs: Axis | None, ys: Axis | None) -> Field:
    """Signed distance from the outline at every crossing of ``xs`` (..., columns) and ``ys`` (..., rows).

    One of them may be None: well inside on that axis, so that the other decides (whichever half is rounded).
    """
    rect = shape.rect
    across = None if xs is None else _beyond(xs, rect.x, rect.w)[..., np.newaxis, :]
    down = None if ys is None else _beyond(ys, rect.y, rect.h)[..., :, np.newaxis]
    if across is None or down is None or ys is None:
        only = down if across is None else across
        return np.full((1, 1), -1e6, np.float32) if only is None else only.astype(np.float32)
    if shape.radius <= 0 or (shape.round_top and shape.round_bottom):
        return _crossed(across, down, shape.radius, shape.kind)
    square = ys < rect.y + rect.h / 2
    if shape.round_top:
        square = ~square
    if not shape.round_top and not shape.round_bottom:
        square[...] = True
    if square.all():
        return _crossed(across, down, 0.0, shape.kind)
    rounded = _crossed(across, down, shape.radius, shape.kind)
    if not square.any():
        return rounded
    return np.where(square[..., :, np.newaxis], _crossed(across, down, 0.0, shape.kind), rounded)


def _crossed(across: Axis, down: Axis, radius: float, kind: CornerKind) -> Field:
    """``norm(max(q, 0)) + min(max(qx, qy), 0) - r`` with ``q`` the distance beyond each axis and the radius."""
    row, column = (across + radius).astype(np.float32), (down + radius).astype(np.float32)
    px, py = np.maximum(row, 0), np.maximum(column, 0)
    px *= px
    py *= py
    if kind is CornerKind.SQUIRCLE:
        px *= px
        py *= py
    out: Field = px + py
    np.sqrt(out, out=out)
    if kind is CornerKind.SQUIRCLE:
        np.sqrt(out, out=out)
    # The lesser of 0 and the greater of both: along each axis first, where there are few.
    out += np.maximum(np.minimum(row, 0), np.minimum(column, 0))
    out -= np.float32(radius)
    return out


def _smooth(t: Field) -> Field:
    """``clamp(t)^2 (3 - 2 clamp(t))`` in place."""
    t.clip(np.float32(0), np.float32(1), out=t)
    curve = t * np.float32(-2)
    curve += np.float32(3)
    t *= t
    t *= curve
    return t


def coverage(shape: Shape, xs: Axis | None, ys: Axis | None) -> Field:
    """Share of each pixel that lies inside ``shape``, 0..1.

    Args:
        shape: With radius 0 the exact box, else the mean of four samples of a soft edge.
        xs: Centres of columns, or None where the columns cannot matter (well inside on that axis).
        ys: Centres of rows, or None likewise.
    """
    rect = shape.rect
    if shape.radius <= 0 or not (shape.round_top or shape.round_bottom):
        return _box(xs, rect.x, rect.w)[np.newaxis, :] * _box(ys, rect.y, rect.h)[:, np.newaxis]
    return _covered(_sampled(shape, xs, ys))


def with_grown(shape: Shape, by: float, xs: Axis | None, ys: Axis | None) -> tuple[Field, Field]:
    """Coverage of ``shape``, and of the same shape grown by so many pixels, its radius too (scene.plan.Border)."""
    if shape.radius <= 0 or not (shape.round_top and shape.round_bottom):
        grown = replace(shape, rect=shape.rect.outset(by), radius=shape.radius + by)
        return coverage(shape, xs, ys), coverage(grown, xs, ys)
    samples = _sampled(shape, xs, ys)  # the grown one's distances are less by what it is grown
    return _covered([d.copy() for d in samples]), _covered([d - np.float32(by) for d in samples])


def _sampled(shape: Shape, xs: Axis | None, ys: Axis | None) -> list[Field]:
    """Distances at the samples of every pixel."""
    if xs is None or ys is None:
        return [_distance(shape, None if xs is None else xs + by, None if ys is None else ys + by) for by in _SAMPLES]
    if len(xs) * len(ys) > _FEW:
        return [_distance(shape, xs + dx, ys + dy) for dy in _SAMPLES for dx in _SAMPLES]
    by = np.array(_SAMPLES)[:, np.newaxis]
    four = _distance(shape, (xs + by)[np.newaxis], (ys + by)[:, np.newaxis])
    return [four.reshape(4, len(ys), len(xs))]


def _covered(samples: list[Field]) -> Field:
    """Share of each pixel by its distances at samples, which are used up; several in one field lie along its axis 0."""
    many = len(samples) if samples[0].ndim == 2 else len(samples[0])
    total: Field | None = None
    for d in samples:
        outside = _outside(d)
        for sample in (outside,) if outside.ndim == 2 else outside:
            total = sample if total is None else np.add(total, sample, out=total)
    assert total is not None
    total *= np.float32(-1 / many)
    total += 1
    return total


def _outside(d: Field) -> Field:
    """``smoothstep(-1, 1, d)`` in place."""
    d += np.float32(1)
    d *= np.float32(0.5)
    return _smooth(d)


def _box(at: Axis | None, low: float, size: float) -> NDArray[np.float32]:
    if at is None:
        return np.ones(1, np.float32)
    overlap = np.minimum(at + 0.5, low + size) - np.maximum(at - 0.5, low)
    box: NDArray[np.float32] = np.clip(overlap, 0, 1).astype(np.float32)
    return box


def shadow_alpha(shadow: Shadow, shape: Shape, xs: Axis | None, ys: Axis | None) -> Field:
    """Alpha of the black shadow at pixel centres."""
    span = max(shadow.size + 2 * shadow.blur, 1e-6)
    d = _distance(shape, xs, ys)
    np.abs(d, out=d)
    np.subtract(np.float32(shadow.reach), d, out=d)
    d *= np.float32(1 / span)
    alpha = _smooth(d)
    alpha *= np.float32(shadow.opacity)
    return alpha


def to_chroma(field: Field) -> Field:
    """A luma field at the left-sited chroma positions: [1 2 1]/4 across, [1 1]/2 down.

    Args:
        field: Rows from an even one on; columns from the odd one *before* an even one on (2i - 1, 2i, 2i + 1), so one
            column more than pixels. An axis of length 1 is taken as constant.
    """
    if field.shape[1] > 1:
        across = field[:, 1::2] * np.float32(2)
        across += field[:, 0:-1:2]
        across += field[:, 2::2]
        across *= np.float32(0.25)
    else:
        across = field
    if across.shape[0] == 1:
        return across
    down: Field = across[0::2] + across[1::2]
    down *= np.float32(0.5)
    return down
