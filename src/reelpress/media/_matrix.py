"""YUV 4:2:0 of any matrix, range and depth to 8-bit BT.709 limited, in float32, rounded. Private to ``media``.

Why not swscale: it converts one matrix to another by way of 8-bit RGB (chroma goes up to full resolution and down
again, loses its siting and is clipped), truncates chroma when the range changes, and dithers when 10 bits become 8.
Here chroma stays at its own resolution: going from one YUV to another, the new chroma depends on the old chroma
alone (grey maps to grey), and luma gets a small correction from chroma that is interpolated to luma resolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import ColorSpec, Matrix, Range, quantisation, rgb_to_ycc, ycc_to_rgb

if TYPE_CHECKING:
    from reelpress.media.planes import Plane

Floats = np.ndarray[Any, np.dtype[np.float32]]

_BAND = 32
"""Chroma rows converted at once: the working set stays in the cache."""


def ycc_to_ycc(source: Matrix, target: Matrix) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The 3x3 matrix from (Y', Cb, Cr) of one standard to those of another (values, not codes)."""
    forward: np.ndarray[Any, np.dtype[np.float64]] = np.array(rgb_to_ycc(target)) @ np.array(ycc_to_rgb(source))
    return forward


def to_bt709_limited(
    source: tuple[Plane, ...], color: ColorSpec, bits: int, target: tuple[Plane, ...], shift: int = 0
) -> None:
    """Convert the planes of a left-sited 4:2:0 picture.

    Args:
        source: Y, U and V as byte views; little-endian 16-bit samples if ``bits + shift`` is above 8.
        color: Matrix (not RGB) and range of the source.
        bits: Bits of its codes, 8 to 16.
        target: Y, U and V of a yuv420p picture of the same size, written.
        shift: The samples are codes times ``2 ** shift``.
    """
    luma, cb, cr = (p if bits + shift == 8 else p.view("<u2") for p in source)
    y_scale, y_offset, c_scale, c_offset = (v * (1 << shift) for v in quantisation(color.range, bits))
    out_y_scale, out_y_offset, out_c_scale, out_c_offset = quantisation(Range.LIMITED)
    matrix = ycc_to_ycc(color.matrix, Matrix.BT709)
    gain = out_y_scale / y_scale
    chroma = matrix[1:, 1:] * (out_c_scale / c_scale)
    # Terms of chroma in luma, in output codes; zero when the matrix stays.
    from_cb, from_cr = (float(v) * out_y_scale / c_scale for v in matrix[0, 1:])
    correct = abs(from_cb) + abs(from_cr) > 1e-9
    rows = cb.shape[0]
    for top in range(0, rows, _BAND):
        bottom = min(rows, top + _BAND)
        # One chroma row more on each side: luma rows lie between chroma rows.
        above, below = max(0, top - 1), min(rows, bottom + 1)
        u = cb[above:below].astype(np.float32)
        v = cr[above:below].astype(np.float32)
        u -= np.float32(c_offset)
        v -= np.float32(c_offset)
        own = slice(top - above, top - above + bottom - top)
        for k, plane in enumerate(target[1:]):
            mixed = (u, v)[k][own] * np.float32(chroma[k, k])
            if correct:
                mixed += (v, u)[k][own] * np.float32(chroma[k, 1 - k])
            _store(mixed, out_c_offset, plane[top:bottom])
        y0, y1 = 2 * top, min(luma.shape[0], 2 * bottom)
        y = luma[y0:y1].astype(np.float32)
        y *= np.float32(gain)
        if correct:
            y += _at_luma(u * np.float32(from_cb) + v * np.float32(from_cr), top - above, y.shape)
        _store(y, out_y_offset - y_offset * gain, target[0][y0:y1])


def _at_luma(chroma: Floats, first: int, shape: tuple[int, ...]) -> Floats:
    """Left-sited 4:2:0 samples interpolated (linear) at the luma samples of rows ``2 * first`` on."""
    rows, columns = shape
    wide = np.empty((chroma.shape[0], 2 * chroma.shape[1]), np.float32)
    wide[:, 0::2] = chroma
    wide[:, 1:-1:2] = (chroma[:, :-1] + chroma[:, 1:]) * np.float32(0.5)
    wide[:, -1] = chroma[:, -1]
    wide = wide[:, :columns]
    count = -(-rows // 2)
    padded = np.pad(wide, ((1, 1), (0, 0)), mode="edge")
    centre = padded[first + 1 : first + 1 + count]
    out = np.empty((2 * count, columns), np.float32)
    out[0::2] = centre * np.float32(0.75) + padded[first : first + count] * np.float32(0.25)
    out[1::2] = centre * np.float32(0.75) + padded[first + 2 : first + 2 + count] * np.float32(0.25)
    return out[:rows]


def _store(values: Floats, offset: float, target: Plane) -> None:
    """Round ``values + offset`` to nearest into bytes. Changes ``values``."""
    values += np.float32(offset + 0.5)
    np.clip(values, 0.0, 255.0, out=values)
    np.copyto(target, values, casting="unsafe")
