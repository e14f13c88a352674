"""Turning and mirroring yuv420p pictures, chroma siting kept left. Private to ``media``.

A turn moves left-sited chroma elsewhere (a quarter turn makes it top-sited and horizontally between two columns),
so the chroma planes are shifted back by a fraction of a sample with the one kernel, cubic a = -0.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.media.scale import allocate

if TYPE_CHECKING:
    from reelpress.media.planes import Plane, Planes

_A = -0.6


def upright(planes: Planes, rotation: int, mirrored: bool) -> Planes:
    """A yuv420p picture flipped left to right (if ``mirrored``) and then turned clockwise by ``rotation`` degrees."""
    if rotation == 0 and not mirrored:
        return planes
    planes.require(("yuv420p",))
    width, height = planes.width, planes.height
    # Positions of the first chroma sample in luma samples, per axis of the stored picture: left-sited.
    x_start, y_start = 0.0, 0.5
    if mirrored:
        x_start = _flipped(x_start, width)
    if rotation == 90:  # new x runs up the old y, new y runs along the old x
        x_start, y_start, width, height = _flipped(y_start, height), x_start, height, width
    elif rotation == 180:
        x_start, y_start = _flipped(x_start, width), _flipped(y_start, height)
    elif rotation == 270:
        x_start, y_start, width, height = y_start, _flipped(x_start, width), height, width
    out = allocate(width, height, "yuv420p", planes.color)
    out.pts, out.time_base = planes.pts, planes.time_base
    for n, (source, target) in enumerate(zip(planes.planes, out.planes, strict=True)):
        turned = np.rot90(source[:, ::-1] if mirrored else source, -(rotation // 90))
        if n == 0:
            target[:] = turned
        else:
            _shift(np.ascontiguousarray(turned), (0.0 - x_start) / 2, (0.5 - y_start) / 2, target)
    return out


def _flipped(start: float, length: int) -> float:
    """Position of the first of the chroma samples ``start, start + 2, ...`` when their axis is reversed."""
    count = -(-length // 2)
    return (length - 1) - (start + 2 * (count - 1))


def _shift(plane: Plane, dx: float, dy: float, target: Plane) -> None:
    """``target[j, i] = plane[j + dy, i + dx]``, cubic, edge samples repeated."""
    values: np.ndarray[Any, np.dtype[np.float32]] = plane.astype(np.float32)
    for axis, offset in ((1, dx), (0, dy)):
        if offset:
            values = _shift_axis(values, axis, offset)
    np.copyto(target, np.clip(values + np.float32(0.5), 0.0, 255.0), casting="unsafe")


def _shift_axis(
    values: np.ndarray[Any, np.dtype[np.float32]], axis: int, offset: float
) -> np.ndarray[Any, np.dtype[np.float32]]:
    whole = int(np.floor(offset))
    fraction = offset - whole
    length = values.shape[axis]
    pad = [(0, 0), (0, 0)]
    pad[axis] = (3, 3)
    padded = np.pad(values, pad, mode="edge")
    out = np.zeros_like(values)
    for tap in range(-1, 3):
        start = 3 + whole + tap
        part = padded[:, start : start + length] if axis == 1 else padded[start : start + length]
        out += part * np.float32(cubic(tap - fraction))
    return out


def cubic(x: float) -> float:
    """The one kernel (design 4): Keys' cubic with a = -0.6."""
    x = abs(x)
    if x < 1:
        return ((_A + 2) * x - (_A + 3)) * x * x + 1
    if x < 2:
        return ((_A * x - 5 * _A) * x + 8 * _A) * x - 4 * _A
    return 0.0
