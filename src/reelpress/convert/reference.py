"""Pixel format conversion in float64, slowly, straight from the standards: the truth that the others are held to.

Written from ITU-R BT.601-7 and BT.709-6 (item 3: E'Y = Kr R + Kg G + Kb B, E'Cb = (B - Y) / (2 (1 - Kb)), E'Cr =
(R - Y) / (2 (1 - Kr)); item 4: the quantisation) and H.273 (full range), and from the rules of :mod:`convert.base`.
It shares no code with the other backends: not the matrices of ``color`` either, only the coefficients Kr and Kb.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import KR_KB, Matrix, Range, Siting
from reelpress.convert.base import (
    P010,
    PACKED_FORMATS,
    RGB_FORMATS,
    accepted,
    canonical,
    check_pair,
    chroma_columns,
    chroma_rows,
)
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from reelpress.color import ColorSpec

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

RGB_ORDER = {"rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3), "argb": (1, 2, 3, 0)}
"""Where R, G, B and A lie in a pixel."""

PACKED_ORDER = {"yuyv422": (0, 1, 2, 3), "uyvy422": (1, 0, 3, 2)}
"""Where the first Y, Cb, the second Y and Cr lie in a macropixel."""


class ReferenceConverter:
    """All pairs of all formats (P010 as a source only)."""

    name = "reference"

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        """See :class:`reelpress.convert.base.Converter`."""
        reason = check_pair(source, target, width, height)
        if reason is not None:
            return reason
        if canonical(target) == P010:
            return "Nothing here makes P010: every encoder gets 8 bits."
        return None

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """See :class:`reelpress.convert.base.Converter`; every step in float64, rounded once."""
        source, target = accepted(self, planes, target, color)
        if source in RGB_FORMATS:
            out = self._from_rgb(planes, source, target, color)
        else:
            out = self._from_yuv(planes, source, target, color)
        return Planes(target, planes.width, planes.height, out, color, planes.pts, planes.time_base, owner=out)

    def close(self) -> None:
        """Nothing is kept."""

    def _from_rgb(self, planes: Planes, source: str, target: str, color: ColorSpec) -> tuple[Bytes, ...]:
        pixels = planes.planes[0].reshape(planes.height, planes.width, 4)
        channels = [pixels[..., at] / 255.0 for at in RGB_ORDER[source][:3]]
        if target in RGB_FORMATS:
            return (_pack_rgb(channels, target, alpha=pixels[..., RGB_ORDER[source][3]]),)
        y, cb, cr = _encode(channels, color.matrix)
        reduced = [_reduce_x(c, color.siting) for c in (cb, cr)]
        return _pack_yuv(y, reduced[0], reduced[1], target, color)

    def _from_yuv(self, planes: Planes, source: str, target: str, color: ColorSpec) -> tuple[Bytes, ...]:
        y, cb, cr = _unpack_yuv(planes, source)
        siting, height = planes.color.siting, planes.height
        full_height = [_enlarge_y(c, height) if c.shape[0] != height else c for c in (cb, cr)]
        full = [_enlarge_x(c, planes.width, siting) for c in full_height]
        rgb = _decode(y, full[0], full[1], planes.color.matrix)
        if target in RGB_FORMATS:
            return (_pack_rgb(rgb, target, alpha=None),)
        luma = _encode(rgb, color.matrix)[0]
        # Chroma that stays where it is is not resampled, in neither direction. It depends on chroma alone: grey is grey
        # in every matrix.
        pair = [cb, cr] if (source in PACKED_FORMATS) == (target in PACKED_FORMATS) else full_height
        if siting is not color.siting:
            pair = [_reduce_x(_enlarge_x(c, planes.width, siting), color.siting) for c in pair]
        none = np.zeros_like(pair[0])
        _, new_cb, new_cr = _encode(_decode(none, pair[0], pair[1], planes.color.matrix), color.matrix)
        return _pack_yuv(luma, new_cb, new_cr, target, color)


def _encode(rgb: list[Floats], matrix: Matrix) -> list[Floats]:
    """R'G'B' in 0..1 as Y', Cb and Cr (chroma -0.5..0.5)."""
    kr, kb = KR_KB[matrix]
    r, g, b = rgb
    y = kr * r + (1.0 - kr - kb) * g + kb * b
    return [y, (b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr))]


def _decode(y: Floats, cb: Floats, cr: Floats, matrix: Matrix) -> list[Floats]:
    """Y', Cb and Cr as R'G'B', not clamped: the equations of :func:`_encode` solved for R', B' and then G'."""
    kr, kb = KR_KB[matrix]
    r = y + 2.0 * (1.0 - kr) * cr
    b = y + 2.0 * (1.0 - kb) * cb
    return [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b]


def _unpack_yuv(planes: Planes, source: str) -> tuple[Floats, Floats, Floats]:
    """Y', Cb and Cr as values, chroma at its own resolution."""
    views, width = planes.planes, planes.width
    bits = 8
    luma: np.ndarray[Any, Any]
    cb: np.ndarray[Any, Any]
    cr: np.ndarray[Any, Any]
    if source in PACKED_FORMATS:
        groups = views[0].reshape(planes.height, -1, 4)
        first, cb_at, second, cr_at = PACKED_ORDER[source]
        luma = np.stack([groups[..., first], groups[..., second]], axis=-1).reshape(planes.height, -1)[:, :width]
        cb, cr = groups[..., cb_at], groups[..., cr_at]
    elif source == "yuv420p":
        luma, cb, cr = views
    elif source == "nv12":
        luma, cb, cr = views[0], views[1][:, 0::2], views[1][:, 1::2]
    else:
        bits = 10
        luma, words = ((v[:, 0::2].astype(np.int64) + v[:, 1::2].astype(np.int64) * 256) >> 6 for v in views)
        cb, cr = words[:, 0::2], words[:, 1::2]
    if planes.color.range is Range.LIMITED:
        step = 2.0 ** (bits - 8)
        black, white, neutral, swing = 16.0 * step, 219.0 * step, 128.0 * step, 224.0 * step
    else:
        top = 2.0**bits - 1.0
        black, white, neutral, swing = 0.0, top, 2.0 ** (bits - 1), top
    y, u, v = (np.asarray(plane, np.float64) for plane in (luma, cb, cr))
    return (y - black) / white, (u - neutral) / swing, (v - neutral) / swing


def _pack_yuv(y: Floats, cb: Floats, cr: Floats, target: str, color: ColorSpec) -> tuple[Bytes, ...]:
    """Values as planes; chroma has the columns of the target already, and its rows or all of them."""
    height, width = y.shape
    if color.range is Range.LIMITED:
        luma, u, v = _code(16.0 + 219.0 * y), 128.0 + 224.0 * cb, 128.0 + 224.0 * cr
    else:
        luma, u, v = _code(255.0 * y), 128.0 + 255.0 * cb, 128.0 + 255.0 * cr
    rows = height if target in PACKED_FORMATS else chroma_rows(height)
    if u.shape[0] != rows:
        u, v = (_reduce_y(c) for c in (u, v)) if rows < height else (_enlarge_y(c, rows) for c in (u, v))
    cb8, cr8 = _code(u), _code(v)
    columns = chroma_columns(width)
    if target == "yuv420p":
        return luma, cb8, cr8
    if target == "nv12":
        return luma, np.stack([cb8, cr8], axis=-1).reshape(rows, 2 * columns)
    out = np.empty((height, columns, 4), np.uint8)
    first, cb_at, second, cr_at = PACKED_ORDER[target]
    padded = np.pad(luma, ((0, 0), (0, 2 * columns - width)), mode="edge")
    out[..., first], out[..., second] = padded[:, 0::2], padded[:, 1::2]
    out[..., cb_at], out[..., cr_at] = cb8, cr8
    return (out.reshape(height, 4 * columns),)


def _pack_rgb(rgb: list[Floats], target: str, alpha: Bytes | None) -> Bytes:
    height, width = rgb[0].shape
    out = np.empty((height, width, 4), np.uint8)
    for at, channel in zip(RGB_ORDER[target], rgb, strict=False):
        out[..., at] = _code(255.0 * channel)
    out[..., RGB_ORDER[target][3]] = 255 if alpha is None else alpha
    return out.reshape(height, 4 * width)


def _code(values: Floats) -> Bytes:
    """Clamped to a byte and rounded to nearest; values are not negative then, so a half goes up, away from zero.

    Halves are common (ten bits to eight, means of two), and float64 sums fall short of some by 1e-14.
    """
    return np.floor(np.clip(values, 0.0, 255.0) + (0.5 + 1e-9)).astype(np.uint8)


def _enlarge_x(c: Floats, width: int, siting: Siting) -> Floats:
    """Chroma columns at each of ``width`` pixels, linear between the samples' places.

    Sample k lies at pixel 2 k (left) or 2 k + 1/2 (center), so pixel x lies at sample x / 2 or (x - 1/2) / 2.
    """
    at = (np.arange(width, dtype=np.float64) - (0.0 if siting is Siting.LEFT else 0.5)) / 2.0
    return _between(c, at, axis=1)


def _enlarge_y(c: Floats, height: int) -> Floats:
    """Chroma rows at each of ``height`` rows; sample k lies at row 2 k + 1/2 with either siting."""
    return _between(c, (np.arange(height, dtype=np.float64) - 0.5) / 2.0, axis=0)


def _between(c: Floats, at: Floats, axis: int) -> Floats:
    """Samples at fractional places along an axis; beyond the ends the last one."""
    below = np.floor(at).astype(int)
    share = at - below
    last = c.shape[axis] - 1
    a: Floats = np.take(c, np.clip(below, 0, last), axis=axis)
    b: Floats = np.take(c, np.clip(below + 1, 0, last), axis=axis)
    weight = share[None, :] if axis == 1 else share[:, None]
    mixed: Floats = a * (1.0 - weight) + b * weight
    return mixed


def _reduce_x(c: Floats, siting: Siting) -> Floats:
    """Mean of the pixels that each chroma sample covers along a row."""
    last = c.shape[1] - 1
    even = np.arange(0, last + 1, 2)
    here, right = c[:, even], c[:, np.minimum(even + 1, last)]
    if siting is Siting.LEFT:
        mean: Floats = 0.25 * c[:, np.maximum(even - 1, 0)] + 0.5 * here + 0.25 * right
    else:
        mean = 0.5 * here + 0.5 * right
    return mean


def _reduce_y(c: Floats) -> Floats:
    """Mean of two rows; the last one of an odd height alone."""
    even = np.arange(0, c.shape[0], 2)
    mean: Floats = 0.5 * c[even] + 0.5 * c[np.minimum(even + 1, c.shape[0] - 1)]
    return mean
