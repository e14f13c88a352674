"""Colour grading (scene.plan.Grade): of a scaled picture in 8-bit planes, and of straight R'G'B' art.

Everything up to saturation is one affine map of the codes (and fade too, without a split tone), so most grades cost
a matrix. A strip of rows is in float R'G'B' at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import KR_KB, Matrix, Range, quantisation, rgb_to_ycc, ycc_to_rgb
from reelpress.compose.coverage import to_chroma
from reelpress.compose.resample import Made, Shown
from reelpress.scene.plan import IntRect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.scene.plan import Grade, Rect

_STRIP = 1 << 15

_KR, _KB = KR_KB[Matrix.BT709]
_LIGHT = np.array([_KR, 1 - _KR - _KB, _KB])
_SHADOWS, _HIGHLIGHTS = (-0.06, 0.02, 0.08), (0.08, 0.02, -0.06)


@dataclass(frozen=True, slots=True)
class _Affine:
    """``rgb = matrix @ rgb + offset``: the part of a grade that needs no look at the pixel."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    faded: bool
    """Whether fade is part of it."""


def _affine(grade: Grade) -> _Affine:
    warm, tint = grade.temperature, grade.tint
    gains = np.array([1 + 0.10 * warm + 0.04 * tint, 1 - 0.07 * tint, 1 - 0.10 * warm + 0.04 * tint])
    matrix = np.diag(gains) * 2 ** (1.5 * grade.exposure) * (1 + grade.contrast)
    offset = np.full(3, 0.5 - 0.5 * (1 + grade.contrast))
    saturate = (1 + grade.saturation) * np.eye(3) - grade.saturation * np.tile(_LIGHT, (3, 1))
    matrix, offset = saturate @ matrix, saturate @ offset
    faded = not grade.split_tone
    if faded:
        matrix, offset = matrix * (1 - 0.18 * grade.fade), offset * (1 - 0.18 * grade.fade) + 0.09 * grade.fade
    return _Affine(matrix, offset, faded)


def _smooth(low: float, high: float, x: Field) -> Field:
    t = x * np.float32(1 / (high - low))
    t -= np.float32(low / (high - low))
    np.clip(t, 0, 1, out=t)
    curve = t * np.float32(-2)
    curve += 3
    t *= t
    t *= curve
    return t


def _light(rgb: list[Field]) -> Field:
    light: Field = rgb[0] * np.float32(_LIGHT[0])
    light += rgb[1] * np.float32(_LIGHT[1])
    light += rgb[2] * np.float32(_LIGHT[2])
    return light


def _rest(
    grade: Grade, affine: _Affine, rgb: list[Field], rect: Rect, xs: NDArray[np.int64], ys: NDArray[np.int64]
) -> None:
    """What comes after the affine part, in place.

    Args:
        grade: All of it.
        affine: What was done already.
        rgb: R', G' and B', each (rows, columns).
        rect: Of the layer, in pixels of the frame.
        xs, ys: Whole pixels of the frame.
    """
    if grade.split_tone:
        light = _light(rgb)
        dark = _smooth(0.2, 0.65, light)
        bright = _smooth(0.35, 0.8, light)
        for channel, low, high in zip(rgb, _SHADOWS, _HIGHLIGHTS, strict=True):
            channel += np.float32(low * grade.split_tone)
            channel -= dark * np.float32(low * grade.split_tone)
            channel += bright * np.float32(high * grade.split_tone)
    if not affine.faded and grade.fade:
        for channel in rgb:
            channel *= np.float32(1 - 0.18 * grade.fade)
            channel += np.float32(0.09 * grade.fade)
    if grade.vignette:
        u = ((xs + 0.5 - rect.x) / rect.w - 0.5).astype(np.float32)
        v = ((ys + 0.5 - rect.y) / rect.h - 0.5).astype(np.float32)
        far = (v * v)[:, np.newaxis] + (u * u)[np.newaxis, :]
        np.sqrt(far, out=far)
        far *= 2
        far = _smooth(0.5, 1.5, far)
        far *= np.float32(-0.65 * grade.vignette)
        far += 1
        for channel in rgb:
            channel *= far
    if grade.grain:
        light = np.clip(_light(rgb), 0, 1)
        light -= light * light
        grain = _hash(xs, ys, grade.seed)
        grain *= 2
        grain -= 1
        grain *= light
        grain *= np.float32(0.175 * 4 * grade.grain)
        for channel in rgb:
            channel += grain
    for channel in rgb:
        np.clip(channel, 0, 1, out=channel)


def _hash(x: NDArray[np.int64], y: NDArray[np.int64], k: int) -> Field:
    """The hash of scene.plan.GradientFill at whole pixels, 0..1; 32-bit arithmetic that wraps."""
    across, down = x.astype(np.uint32) * np.uint32(0x9E3779B1), y.astype(np.uint32) * np.uint32(0x85EBCA77)
    h = across[np.newaxis, :] + down[:, np.newaxis]
    h += np.uint32(k * 0xC2B2AE3D & 0xFFFFFFFF)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x2C1B3C6D)
    h ^= h >> np.uint32(12)
    h *= np.uint32(0x297A2D39)
    h ^= h >> np.uint32(15)
    h >>= np.uint32(8)
    value: Field = h.astype(np.float32)
    value *= np.float32(1 / (1 << 24))
    return value


def art(grade: Grade, rgb: Field, rect: Rect, xs: NDArray[np.int64], ys: NDArray[np.int64]) -> Field:
    """Straight R'G'B' (3, rows, columns) graded.

    Args:
        grade: What to do.
        rgb: 0..1.
        rect: Over which the vignette is measured.
        xs, ys: Whole pixels of the frame.
    """
    affine = _affine(grade)
    matrix, offset = affine.matrix.astype(np.float32), affine.offset.astype(np.float32)
    made = [rgb[0] * m[0] + rgb[1] * m[1] + rgb[2] * m[2] + o for m, o in zip(matrix, offset, strict=True)]
    _rest(grade, affine, made, rect, xs, ys)
    return np.stack(made)


def picture(grade: Grade, shown: Shown, rect: Rect, size: tuple[int, int], corner: tuple[int, int] = (0, 0)) -> Shown:
    """A scaled picture graded, with what can be seen of its repeated edges.

    Args:
        grade: What to do.
        shown: The picture.
        rect: Of the layer, on the picture that is drawn on.
        size: Of the picture that is drawn on.
        corner: Pixel of the frame that its first one is (for grain).
    """
    old = shown.area
    x0, y0, x1, y1 = max(old.x - 2, 0), max(old.y - 2, 0), min(old.right + 2, size[0]), min(old.bottom + 2, size[1])
    area = IntRect(x0, y0, x1 - x0, y1 - y0)
    out = (
        np.empty((area.h, area.w), np.uint8),
        np.empty((area.h >> 1, area.w >> 1), np.uint8),
        np.empty((area.h >> 1, area.w >> 1), np.uint8),
    )
    affine = _affine(grade)
    luma_scale, luma_offset, chroma_scale, chroma_offset = quantisation(Range.LIMITED)
    back = np.array(ycc_to_rgb(Matrix.BT709)) / (luma_scale, chroma_scale, chroma_scale)
    matrix = affine.matrix @ back
    offset = affine.offset - matrix @ (luma_offset, chroma_offset, chroma_offset)
    to_codes = np.array(rgb_to_ycc(Matrix.BT709)) * np.array([[luma_scale], [chroma_scale], [chroma_scale]])
    forth = to_codes.astype(np.float32)
    rows = max(2, _STRIP // area.w // 2 * 2)
    xs = np.arange(area.x - 1, area.right) + corner[0]
    for top in range(area.y, area.bottom, rows):
        tall = min(rows, area.bottom - top)
        around = IntRect(area.x - 2, top - 2, area.w + 4, tall + 4)
        u, v = (shown.part(plane, around).astype(np.float32) for plane in (1, 2))
        luma = shown.part(0, IntRect(area.x - 2, top, area.w + 2, tall))[:, 1:].astype(np.float32)
        rgb = []
        for (of_y, of_u, of_v), constant in zip(matrix.astype(np.float32), offset, strict=True):
            channel = _spread(u * of_u + v * of_v + np.float32(constant))
            channel += luma * of_y
            rgb.append(channel)
        local = rect if corner == (0, 0) else type(rect)(rect.x + corner[0], rect.y + corner[1], rect.w, rect.h)
        _rest(grade, affine, rgb, local, xs, np.arange(top, top + tall) + corner[1])
        if area.x == 0:  # the frame's first column is repeated
            for channel in rgb:
                channel[:, 0] = channel[:, 1]
        codes = rgb[0] * forth[0, 0]
        codes += rgb[1] * forth[0, 1]
        codes += rgb[2] * forth[0, 2]
        codes += np.float32(luma_offset + 0.5)
        at = top - area.y
        np.copyto(out[0][at : at + tall], codes[:, 1:], casting="unsafe")
        small = [to_chroma(channel) for channel in rgb]
        for plane in (1, 2):
            r, g, b = forth[plane]
            np.copyto(
                out[plane][at >> 1 : (at + tall) >> 1],
                small[0] * r + small[1] * g + small[2] * b + np.float32(chroma_offset + 0.5),
                casting="unsafe",
            )
    return Shown(area, (Made(0, area.h, out),))


def _spread(chroma: Field) -> Field:
    """Chroma with one sample more on each side, bilinear at luma positions: of those rows and columns, and the column
    before."""
    middle = chroma[1:-1] * np.float32(0.75)
    down = np.empty((2 * len(middle), chroma.shape[1]), np.float32)
    quarter = chroma * np.float32(0.25)
    np.add(middle, quarter[:-2], out=down[0::2])
    np.add(middle, quarter[2:], out=down[1::2])
    wide = chroma.shape[1] - 1
    out = np.empty((len(down), 2 * wide - 1), np.float32)
    half = down * np.float32(0.5)
    np.add(half[:, :-1], half[:, 1:], out=out[:, 0::2])
    out[:, 1::2] = down[:, 1:-1]
    return out
