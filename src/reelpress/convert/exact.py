"""8-bit 4:2:0 to the formats of editors and of still pictures, without swscale's roundings.

``yuv420p`` -> ``yuv422p10le``
    Luma times 4. Chroma rows interpolated linearly at their positions (left-sited: a quarter row above and below):
    ``(3 near + far) / 4`` of 8-bit codes is a whole number of 10-bit codes, so nothing is rounded at all.

``yuva420p`` (:mod:`reelpress.compose.transparent`: premultiplied, with coverage for chroma) -> ``yuva444p10le``
    Straight alpha. Chroma and its coverage are brought to the luma grid alike, then codes are divided by coverage:
    neighbours count by how much of them there is. Alpha is full range. Where there is no coverage the picture is black.

``yuv420p`` -> ``rgb24`` and ``yuva420p`` -> ``rgba``
    The same, then the BT.709 matrix in float32, rounded once and clamped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import BT709_LIMITED, ColorSpec, quantisation, ycc_to_rgb
from reelpress.errors import FormatError
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAIRS = (
    ("yuv420p", "yuv422p10le"),
    ("yuva420p", "yuva444p10le"),
    ("yuv420p", "rgb24"),
    ("yuva420p", "rgba"),
)

Whole = np.ndarray[Any, np.dtype[np.uint16]]
Real = np.ndarray[Any, np.dtype[np.float32]]


class ExactConverter:
    """Implements :class:`reelpress.convert.base.Converter` for :data:`PAIRS`."""

    name = "exact"

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        """See :meth:`reelpress.convert.base.Converter.why_not`."""
        if (source, target) not in PAIRS:
            return f"It does not make {target} of {source}."
        return "Both sides must be even." if width % 2 or height % 2 or min(width, height) < 2 else None

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """See :meth:`reelpress.convert.base.Converter.convert`.

        Raises:
            FormatError: Not one of :data:`PAIRS`, odd sides, or not BT.709 limited.
        """
        reason = self.why_not(planes.format, target, planes.width, planes.height)
        if reason is not None:
            raise FormatError(reason)
        planes.require((planes.format,), BT709_LIMITED)
        if target == "yuv422p10le":
            made: tuple[NDArray[Any], ...] = _to_422(planes)
        elif target == "yuva444p10le":
            made = _to_straight(planes)
        else:
            made = (_to_rgb(planes, target),)
        return Planes(
            target, planes.width, planes.height, tuple(_bytes(each) for each in made), color, planes.pts,
            planes.time_base,
        )  # fmt: skip

    def close(self) -> None:
        """See :meth:`reelpress.convert.base.Converter.close`."""


def _bytes(plane: NDArray[Any]) -> NDArray[np.uint8]:
    flat = plane.reshape(len(plane), -1)
    return flat if flat.dtype == np.uint8 else flat.view(np.uint8)


def _rows(plane: NDArray[np.uint8]) -> Whole:
    """Chroma rows at the rows of luma, times 4: row ``2 j`` lies a quarter of a row above sample ``j``."""
    near = plane.astype(np.uint16)
    out = np.empty((2 * plane.shape[0], plane.shape[1]), np.uint16)
    above = np.concatenate([near[:1], near[:-1]])
    below = np.concatenate([near[1:], near[-1:]])
    near *= 3
    np.add(near, above, out=out[0::2])
    np.add(near, below, out=out[1::2])
    return out


def _columns(rows: Whole) -> Whole:
    """Left-sited samples at the columns of luma, times 2: the even ones as they are, between them the mean."""
    out = np.empty((rows.shape[0], 2 * rows.shape[1]), np.uint16)
    np.multiply(rows, 2, out=out[:, 0::2])
    right = np.concatenate([rows[:, 1:], rows[:, -1:]], axis=1)
    np.add(rows, right, out=out[:, 1::2])
    return out


def _to_422(planes: Planes) -> tuple[Whole, ...]:
    y, u, v = planes.planes
    return np.left_shift(y, 2, dtype=np.uint16), _rows(u), _rows(v)


def _straight(planes: Planes) -> tuple[Real, Real, Real, NDArray[np.uint8]]:
    """Codes of 8 bits (with fractions) at every pixel, divided by coverage; nan where there is none, and alpha."""
    y, u, v, alpha, chroma_alpha = planes.planes
    with np.errstate(invalid="ignore", divide="ignore"):
        luma: Real = np.divide(y.astype(np.float32) * np.float32(255), alpha, dtype=np.float32)
        cover = _columns(_rows(chroma_alpha)).astype(np.float32)
        blue, red = (_columns(_rows(plane)).astype(np.float32) * np.float32(255) / cover for plane in (u, v))
    return luma, blue, red, alpha


def _to_straight(planes: Planes) -> tuple[Whole, ...]:
    luma, blue, red, alpha = _straight(planes)
    made = []
    for field, empty in ((luma, 64), (blue, 512), (red, 512)):
        field *= np.float32(4)
        field += np.float32(0.5)
        field[~np.isfinite(field) | (alpha == 0)] = empty
        made.append(np.clip(field, 4, 1019.5).astype(np.uint16))  # 0..3 and 1020..1023 are for timing (SMPTE RDD 36)
    # 255 is 1023: 4 a + a / 64 is 1023 a / 255 to within half a code
    deep = alpha.astype(np.uint32)
    made.append(((deep * 1023 + 127) // 255).astype(np.uint16))
    return tuple(made)


def _to_rgb(planes: Planes, target: str) -> NDArray[np.uint8]:
    if target == "rgba":
        luma, blue, red, alpha = _straight(planes)
    else:
        y, u, v = planes.planes
        luma = y.astype(np.float32)
        blue, red = (_columns(_rows(plane)).astype(np.float32) * np.float32(1 / 8) for plane in (u, v))
    scale, offset, chroma_scale, chroma_offset = quantisation(BT709_LIMITED.range)
    luma -= np.float32(offset)
    luma *= np.float32(255 / scale)
    for field in (blue, red):
        field -= np.float32(chroma_offset)
        field *= np.float32(255 / chroma_scale)
    out = np.empty((planes.height, planes.width, len(target) if target == "rgba" else 3), np.uint8)
    for channel, (of_luma, of_blue, of_red) in enumerate(ycc_to_rgb(BT709_LIMITED.matrix)):
        assert of_luma == 1
        value = luma + np.float32(0.5)
        if of_blue:
            value += blue * np.float32(of_blue)
        if of_red:
            value += red * np.float32(of_red)
        with np.errstate(invalid="ignore"):
            np.clip(value, 0, 255, out=value)
        out[..., channel] = np.nan_to_num(value, nan=0).astype(np.uint8)
    if target == "rgba":
        out[alpha == 0] = 0
        out[..., 3] = alpha
    return out
