"""Pictures for the VideoToolbox tests, and what they must become: from the definitions, not from the code."""

from __future__ import annotations

from typing import Any

import numpy as np

from reelpress.color import BT709_LIMITED, SRGB, ColorSpec, Matrix, Range
from reelpress.media.planes import Planes

BT601_LIMITED = ColorSpec(Matrix.BT601, Range.LIMITED)
KR_KB = {Matrix.BT709: (0.2126, 0.0722), Matrix.BT601: (0.299, 0.114)}
"""ITU-R BT.709-6 item 3.2, BT.601-7 item 2.5.1."""

PLACES = {"bgra": (2, 1, 0, 3), "rgba": (0, 1, 2, 3), "argb": (1, 2, 3, 0)}
"""Where R, G, B and A lie in a pixel."""
MACROPIXEL = {"yuyv422": (0, 1, 2, 3), "uyvy422": (1, 0, 3, 2)}
"""Where Y0, Cb, Y1 and Cr lie."""

Array = np.ndarray[Any, np.dtype[Any]]


def rgb_triples(width: int, height: int, seed: int = 7) -> Array:
    """(height, width, 3) of random R, G, B."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def aligned(rows: int, stride: int, offset: int = 0) -> Array:
    """(rows, stride) bytes of 0x5A whose first byte is ``offset`` beyond a multiple of 64."""
    memory = np.full(rows * stride + 128, 0x5A, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    return memory[start : start + rows * stride].reshape(rows, stride)


def rgb_picture(
    source: str, triples: Array, *, stride: int | None = None, offset: int = 0, alpha: int | Array = 255
) -> Planes:
    """A picture of R, G, B triples, its rows ``stride`` bytes apart."""
    height, width, _ = triples.shape
    memory = aligned(height, stride or -(-4 * width // 64) * 64, offset)
    pixels = memory[:, : 4 * width].reshape(height, width, 4) if memory.shape[1] == 4 * width else None
    out = np.empty((height, width, 4), np.uint8)
    r, g, b, a = PLACES[source]
    out[..., r], out[..., g], out[..., b], out[..., a] = *np.moveaxis(triples, 2, 0), alpha
    if pixels is None:
        memory[:, : 4 * width] = out.reshape(height, 4 * width)
    else:
        pixels[:] = out
    return Planes(source, width, height, (memory[:, : 4 * width],), SRGB, pts=41)


def packed_picture(source: str, width: int, height: int, color: ColorSpec = BT709_LIMITED, seed: int = 3) -> Planes:
    """A random legal YUYV or UYVY picture."""
    random = np.random.default_rng(seed)
    columns = -(-width // 2)
    out = np.empty((height, columns, 4), np.uint8)
    y0, cb, y1, cr = MACROPIXEL[source]
    # Close to grey, so that no conversion of matrix leaves the legal range.
    out[..., y0], out[..., y1] = random.integers(60, 190, (2, height, columns))
    out[..., cb], out[..., cr] = random.integers(110, 146, (2, height, columns))
    memory = aligned(height, -(-4 * columns // 64) * 64 + 64)
    memory[:, : 4 * columns] = out.reshape(height, -1)
    return Planes(source, width, height, (memory[:, : 4 * columns],), color, pts=41)


def to_ycc(rgb: Array, matrix: Matrix) -> Array:
    """Y' 0..1, Cb and Cr -0.5..0.5 of R'G'B' 0..1 (BT.709-6 items 3.2 and 3.3)."""
    kr, kb = KR_KB[matrix]
    y = kr * rgb[..., 0] + (1 - kr - kb) * rgb[..., 1] + kb * rgb[..., 2]
    return np.stack([y, (rgb[..., 2] - y) / (2 - 2 * kb), (rgb[..., 0] - y) / (2 - 2 * kr)], -1)


def to_rgb(ycc: Array, matrix: Matrix) -> Array:
    """The inverse of :func:`to_ycc`."""
    kr, kb = KR_KB[matrix]
    r = ycc[..., 0] + (2 - 2 * kr) * ycc[..., 2]
    b = ycc[..., 0] + (2 - 2 * kb) * ycc[..., 1]
    return np.stack([r, (ycc[..., 0] - kr * r - kb * b) / (1 - kr - kb), b], -1)


def pixels_of(planes: Planes) -> Array:
    """(height, width, 3) of Y', Cb, Cr in BT.709 (float64) of any source picture; of an odd one all that is there."""
    height, width = planes.height, planes.width
    data = np.array(planes.planes[0]).astype(np.float64)
    if planes.format in PLACES:
        r, g, b, _ = PLACES[planes.format]
        return to_ycc(data.reshape(height, width, 4)[..., [r, g, b]] / 255, Matrix.BT709)
    y0, cb, y1, cr = MACROPIXEL[planes.format]
    pairs = data.reshape(height, -1, 4)
    ycc = np.empty((height, 2 * pairs.shape[1], 3))
    ycc[:, ::2, 0], ycc[:, 1::2, 0] = pairs[..., y0], pairs[..., y1]
    for channel, place in ((1, cb), (2, cr)):
        ycc[..., channel] = pairs[..., place].repeat(2, 1)
    ycc = (ycc[:, :width] - (16, 128, 128)) / (219, 224, 224)
    if planes.color.matrix is Matrix.BT709:
        return ycc
    return to_ycc(to_rgb(ycc, planes.color.matrix), Matrix.BT709)


def expected(planes: Planes) -> tuple[Array, Array]:
    """Luma (height, width) and chroma (rows, columns, 2) code values, not rounded: BT.709 limited, mean of 2x2 pixels.

    Over the picture's edge the nearest pixel is repeated.
    """
    ycc = pixels_of(planes)
    chroma = np.pad(ycc[..., 1:], ((0, planes.height % 2), (0, planes.width % 2), (0, 0)), mode="edge")
    mean = (chroma[::2, ::2] + chroma[1::2, ::2] + chroma[::2, 1::2] + chroma[1::2, 1::2]) / 4
    return 16 + 219 * ycc[..., 0], 128 + 224 * mean


def difference(result: Planes, source: Planes) -> tuple[float, float]:
    """Largest deviation of luma and of chroma from :func:`expected`, in code values."""
    luma, chroma = expected(source)
    rows, columns = chroma.shape[:2]
    found = np.array(result.planes[1]).reshape(rows, columns, 2)
    return float(np.abs(result.planes[0] - luma).max()), float(np.abs(found - chroma).max())
