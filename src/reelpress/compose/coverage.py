"""Outlines in numbers: signed distance, coverage, shadow and ring as scene.plan defines them, in float32.

All functions are elementwise over a row of x positions and a column of y positions, so any part of the frame has
exactly the values that the whole would have there. Where a part depends on one axis only (a straight edge), it is
evaluated on that axis alone and broadcast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.scene.plan import CornerKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.scene.plan import Shadow, Shape

    Axis = NDArray[np.float64]

Field = np.ndarray[Any, np.dtype[np.float32]]
"""2-D, broadcastable: either axis may have length 1."""

INSIDE = -1e6
"""A q so far inside that the other axis decides."""

_SAMPLES = (-0.25, 0.25)


def centres(start: int, stop: int) -> Axis:
    """Centres of the pixels ``start .. stop``; those before the frame are its first one, repeated."""
    positions: Axis = np.maximum(np.arange(start, stop, dtype=np.float64), 0.0) + 0.5
    return positions


def axis_q(at: Axis | None, low: float, size: float, radius: float) -> NDArray[np.float32]:
    """``q = |p| - h + r`` along one axis; a single value far inside where ``at`` is None.

    Args:
        at: Positions in output pixels.
        low: Where the shape begins on this axis.
        size: Its extent on this axis.
        radius: Its corner radius.
    """
    if at is None:
        return np.array([INSIDE], np.float32)
    half = size / 2
    return (np.abs(at - (low + half)) - half + radius).astype(np.float32)


def distance(qx: NDArray[np.float32], qy: NDArray[np.float32], radius: float, kind: CornerKind) -> Field:
    """Signed distance at every crossing of ``qx`` (columns) and ``qy`` (rows)."""
    row, column = qx[np.newaxis, :], qy[:, np.newaxis]
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
    inner = np.maximum(row, column)
    np.minimum(inner, 0, out=inner)
    out += inner
    out -= np.float32(radius)
    return out


def _distance(shape: Shape, qx: NDArray[np.float32], qy: NDArray[np.float32], ys: Axis | None) -> Field:
    """:func:`distance` of a shape that may be rounded above or below only.

    Args:
        shape: The outline.
        qx, qy: As if all of it were rounded.
        ys: Positions of rows; where they cannot matter, neither does which half they are in.
    """
    d = distance(qx, qy, shape.radius, shape.kind)
    if (shape.round_top and shape.round_bottom) or shape.radius <= 0 or ys is None:
        return d
    upper = ys - (shape.rect.y + shape.rect.h / 2) < 0
    square = ~upper if shape.round_top else upper
    if not shape.round_top and not shape.round_bottom:
        square[:] = True
    radius = np.float32(shape.radius)
    d = np.broadcast_to(d, (len(qy), d.shape[1])).copy()
    d[square] = distance(qx - radius, qy[square] - radius, 0.0, shape.kind)
    return d


def _smooth(t: Field) -> Field:
    """``clamp(t)^2 (3 - 2 clamp(t))`` in place."""
    np.clip(t, 0, 1, out=t)
    curve = np.float32(3) - np.float32(2) * t
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
    total: Field | None = None
    across, down = (_SAMPLES if at is not None else (0.0,) for at in (xs, ys))
    for dy in down:
        qy = axis_q(None if ys is None else ys + dy, rect.y, rect.h, shape.radius)
        for dx in across:
            qx = axis_q(None if xs is None else xs + dx, rect.x, rect.w, shape.radius)
            d = _distance(shape, qx, qy, None if ys is None else ys + dy)
            d += 1  # 1 - smoothstep(-1, 1, d)
            d *= np.float32(0.5)
            sample = _smooth(d)
            total = sample if total is None else np.add(total, sample, out=total)
    assert total is not None
    total *= np.float32(-1 / (len(across) * len(down)))
    total += 1
    return total


def _box(at: Axis | None, low: float, size: float) -> NDArray[np.float32]:
    if at is None:
        return np.ones(1, np.float32)
    overlap = np.minimum(at + 0.5, low + size) - np.maximum(at - 0.5, low)
    box: NDArray[np.float32] = np.clip(overlap, 0, 1).astype(np.float32)
    return box


def shadow_alpha(shadow: Shadow, shape: Shape, xs: Axis | None, ys: Axis | None) -> Field:
    """Alpha of the black shadow at pixel centres."""
    rect = shape.rect
    span = max(shadow.size + 2 * shadow.blur, 1e-6)
    d = _distance(shape, axis_q(xs, rect.x, rect.w, shape.radius), axis_q(ys, rect.y, rect.h, shape.radius), ys)
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
