"""Colour grading (scene.plan.Grade): of a scaled picture in 8-bit planes, and of straight R'G'B' art.

Everything up to saturation is one affine map of the codes, and fade is put into it as well. What a pixel needs then is
done on a strip of rows at a time, in float32, with each channel scaled so that the three of them add up to luma. A
strip is taken apart into its even and odd rows and columns, four quarters one after the other in memory. Chroma has the
grid of one quarter, so what leads from it to luma and back are sums of whole runs of memory, and nothing is ever done
row by row or with every second sample: that costs several times as much.

A picture of which only a part changed is graded there only (:class:`Graded`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import KR_KB, Matrix, Range, quantisation, rgb_to_ycc, ycc_to_rgb
from reelpress.compose.resample import Made, Shown
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.media.planes import Plane
    from reelpress.scene.plan.effects import Grade
    from reelpress.scene.plan.rect import Rect

_STRIP = 1 << 17
"""Pixels that are in float32 at a time."""

_KEPT = 1 << 22
"""Pixels of the largest picture that is remembered to be compared with the next."""

_KR, _KB = KR_KB[Matrix.BT709]
_LIGHT = np.array([_KR, 1 - _KR - _KB, _KB])
_SHADOWS, _HIGHLIGHTS = np.array([-0.06, 0.02, 0.08]), np.array([0.08, 0.02, -0.06])


class _Curve:
    """A grade in numbers.

    Args:
        grade: What to do.
        unit: What R', G' and B' of 1 are in the channels it is applied to.
    """

    def __init__(self, grade: Grade, unit: NDArray[np.float64]) -> None:
        self.grade = grade
        self.unit = unit
        warm, tint = grade.temperature, grade.tint
        gains = np.array([1 + 0.10 * warm + 0.04 * tint, 1 - 0.07 * tint, 1 - 0.10 * warm + 0.04 * tint])
        matrix = np.diag(gains) * 2 ** (1.5 * grade.exposure) * (1 + grade.contrast)
        offset = np.full(3, 0.5 - 0.5 * (1 + grade.contrast))
        saturate = (1 + grade.saturation) * np.eye(3) - grade.saturation * np.tile(_LIGHT, (3, 1))
        matrix, offset = saturate @ matrix, saturate @ offset
        self._keep, self._lift = 1 - 0.18 * grade.fade, 0.09 * grade.fade
        # What is split by light is added before the fade; here it is faded by itself.
        self.matrix = matrix * self._keep * unit[:, np.newaxis]
        """``channels = matrix @ rgb + offset``: the part of a grade that needs no look at the pixel."""
        self.offset = (offset * self._keep + self._lift) * unit
        self.weights = _LIGHT / unit
        """``weights @ channels`` is the light of a pixel."""

    def _light(self, channels: Field) -> Field:
        first, second, third = (np.float32(weight) for weight in self.weights)
        if first == second == third:  # as for pictures
            light: Field = channels[0] + channels[1]
            light += channels[2]
            light *= first
            return light
        light = channels[0] * first
        light += channels[1] * second
        light += channels[2] * third
        return light

    def finish(self, channels: Field, x: _Positions, y: _Positions, shade: Field | None = None) -> None:
        """What comes after the affine part, in place.

        Args:
            channels: R', G' and B' times their units: 3 fields.
            x, y: Of the pixels; together they have the shape of one field.
            shade: What the vignette leaves of them, if that is known.
        """
        grade = self.grade
        if grade.split_tone:
            light = self._light(channels)
            amounts = grade.split_tone * self._keep * self.unit
            # The light before the fade: fade is a line, and so is the first step of each curve.
            dark = self._step(light, 0.65, 0.2)
            bright = self._step(light, 0.35, 0.8)
            for channel, low, high in zip(channels, _SHADOWS * amounts, _HIGHLIGHTS * amounts, strict=True):
                np.multiply(dark, np.float32(low), out=light)
                channel += light
                np.multiply(bright, np.float32(high), out=light)
                channel += light
        if grade.vignette:
            channels *= _vignette(grade.vignette, x.outward + y.outward) if shade is None else shade
        if grade.grain:
            light = self._light(channels)
            _clip(light, 1.0)
            grain = _noise(x.lattice + y.lattice)
            grain *= np.float32(2 * 0.7 * grade.grain / (1 << 24))
            grain -= np.float32(0.7 * grade.grain)
            grain *= light
            np.subtract(np.float32(1), light, out=light)
            grain *= light
            for channel, unit in zip(channels, self.unit, strict=True):
                np.multiply(grain, np.float32(unit), out=light)
                channel += light
        for channel, unit in zip(channels, self.unit, strict=True):
            _clip(channel, unit)

    def _step(self, light: Field, low: float, high: float) -> Field:
        """Smoothstep from ``low`` to ``high`` (which may be the lesser one) of the light before the fade."""
        slope = 1 / (high - low)
        return _smooth(light, slope / self._keep, -self._lift / self._keep * slope - low * slope)


def _clip(field: Field, most: float) -> None:
    """To 0..``most`` in place. numpy has vector code for this, but not for minimum and maximum with a single number."""
    field.clip(np.float32(0), np.float32(most), out=field)


def _smooth(x: Field, slope: float, offset: float) -> Field:
    """``t = clamp(x * slope + offset); t * t * (3 - 2 * t)``"""
    t = x * np.float32(slope)
    t += np.float32(offset)
    _clip(t, 1.0)
    curve = t * np.float32(-2)
    curve += np.float32(3)
    t *= t
    t *= curve
    return t


def _vignette(amount: float, far: Field) -> Field:
    """What a vignette leaves of pixels; ``far`` is the square of their distance from the middle, and is used up."""
    np.sqrt(far, out=far)
    far = _smooth(far, 2.0, -0.5)
    far *= np.float32(-0.65 * amount)
    far += np.float32(1)
    return far


class _Positions:
    """What a grade has to know of pixels along one axis.

    Args:
        at: Whole pixels of the frame.
        low, size: Of the layer's rectangle.
        factor, seed: The axis's number in the hash of scene.plan.GradientFill, and what is added to it.
    """

    def __init__(self, at: NDArray[np.int64], low: float, size: float, factor: int, seed: int = 0) -> None:
        outward = (at + 0.5 - low) / size - 0.5
        self.outward = (outward * outward).astype(np.float32)
        """Squared distance from the middle, in sizes."""
        self.lattice = at.astype(np.uint32) * np.uint32(factor)  # wraps, also for pixels before the frame
        self.lattice += np.uint32(seed * 0xC2B2AE3D & 0xFFFFFFFF)

    @classmethod
    def columns(cls, at: NDArray[np.int64], rect: Rect) -> _Positions:
        return cls(at, rect.x, rect.w, 0x9E3779B1)

    @classmethod
    def rows(cls, at: NDArray[np.int64], rect: Rect, seed: int) -> _Positions:
        return cls(at, rect.y, rect.h, 0x85EBCA77, seed)

    def cut(self, part: tuple[slice | None, ...]) -> _Positions:
        """Some of them, in another shape."""
        made = object.__new__(_Positions)
        made.outward, made.lattice = self.outward[part], self.lattice[part]
        return made


def _noise(h: NDArray[np.uint32]) -> Field:
    """The hash of scene.plan.GradientFill, 0..2^24, of lattice points; 32-bit arithmetic that wraps. Uses up ``h``."""
    other = h >> np.uint32(15)
    h ^= other
    h *= np.uint32(0x2C1B3C6D)
    np.right_shift(h, np.uint32(12), out=other)
    h ^= other
    h *= np.uint32(0x297A2D39)
    np.right_shift(h, np.uint32(15), out=other)
    h ^= other
    h >>= np.uint32(8)
    value: Field = h.view(np.int32).astype(np.float32)  # of signed ones the machine has a conversion
    return value


@lru_cache(maxsize=8)
def _straight(grade: Grade) -> _Curve:
    """For art; kept as that of :func:`_codes`."""
    return _Curve(grade, np.ones(3))


def art(grade: Grade, rgb: Field, rect: Rect, xs: NDArray[np.int64], ys: NDArray[np.int64]) -> Field:
    """Straight R'G'B' (3, rows, columns) graded.

    Args:
        grade: What to do.
        rgb: 0..1.
        rect: Over which the vignette is measured.
        xs, ys: Whole pixels of the frame.
    """
    curve = _straight(replace(grade, seed=0))
    matrix, offset = curve.matrix.astype(np.float32), curve.offset.astype(np.float32)
    made = np.stack([rgb[0] * m[0] + rgb[1] * m[1] + rgb[2] * m[2] + o for m, o in zip(matrix, offset, strict=True)])
    across, down = _Positions.columns(xs, rect), _Positions.rows(ys, rect, grade.seed)
    curve.finish(made, across, down.cut((slice(None), None)))
    return made


# --- pictures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Input:
    """A picture with two pixels (one chroma sample) more on all sides of the area that is graded."""

    area: IntRect
    """Without those."""
    planes: tuple[Plane, Plane, Plane]

    @classmethod
    def of(cls, shown: Shown, size: tuple[int, int]) -> _Input:
        """What can be seen of a picture and its repeated edges on a frame of ``size``."""
        old = shown.area
        x0, y0, x1, y1 = max(old.x - 2, 0), max(old.y - 2, 0), min(old.right + 2, size[0]), min(old.bottom + 2, size[1])
        area = IntRect(x0, y0, x1 - x0, y1 - y0)
        around = IntRect(area.x - 2, area.y - 2, area.w + 4, area.h + 4)
        y, u, v = (np.ascontiguousarray(shown.part(plane, around)) for plane in range(3))
        return cls(area, (y, u, v))

    def changed(self, other: _Input, top: int, stop: int) -> tuple[int, int, int, int] | None:
        """Chroma rows and columns (from, to; from, to) within the rows ``top .. stop`` that another picture's
        differences reach."""
        columns = self.area.w >> 1
        y0, y1, x0, x1 = stop, top - 1, columns, -1
        for plane in range(3):
            shift = 0 if plane else 1
            rows = slice(top << shift, (stop + 2) << shift)
            differ = self.planes[plane][rows] != other.planes[plane][rows]
            if not differ.any():
                continue
            # A sample here is one of the chroma sample before it: there is one more on this side.
            found = np.flatnonzero(differ.any(axis=1))
            y0, y1 = min(y0, (int(found[0]) >> shift) - 2 + top), max(y1, (int(found[-1]) >> shift) + top)
            found = np.flatnonzero(differ.any(axis=0))
            x0, x1 = min(x0, (int(found[0]) >> shift) - 2), max(x1, int(found[-1]) >> shift)
        y0, y1, x0, x1 = max(y0, top), min(y1 + 1, stop), max(x0, 0), min(x1 + 1, columns)
        return (y0, y1, x0, x1) if y0 < y1 and x0 < x1 else None


class _Codes:
    """A grade of pictures in codes: its numbers for what comes in and what goes out."""

    def __init__(self, grade: Grade) -> None:
        luma_scale, luma_offset, chroma_scale, chroma_offset = quantisation(Range.LIMITED)
        unit = _LIGHT * luma_scale  # so that the three channels add up to luma
        self.curve = _Curve(grade, unit)
        back = np.array(ycc_to_rgb(Matrix.BT709)) / (luma_scale, chroma_scale, chroma_scale)
        matrix = self.curve.matrix @ back
        offset = self.curve.offset - matrix @ (luma_offset, chroma_offset, chroma_offset)
        self.of_luma = [np.float32(each) for each in matrix[:, 0]]
        # To the rows of luma a chroma row counts three quarters and its neighbour one; the quarter is in here.
        self.of_chroma = (matrix.T[1:, :, np.newaxis, np.newaxis] / 4).astype(np.float32)
        self.offset = (offset[:, np.newaxis, np.newaxis] / 4).astype(np.float32)
        self.luma_offset = np.float32(luma_offset + 0.5)
        forth = np.array(rgb_to_ycc(Matrix.BT709))[1:] * chroma_scale / unit / 8  # of the sums of [1 2 1] x [1 1]
        self.forth = [[np.float32(each) for each in row] for row in forth]
        self.chroma_offset = np.float32(chroma_offset + 0.5)


@lru_cache(maxsize=8)
def _codes(grade: Grade) -> _Codes:
    """Kept, for a grade rests while pictures (and the seed of its grain, which does not matter here) change."""
    return _Codes(grade)


class _Grader:
    """Grades parts of one picture."""

    def __init__(self, grade: Grade, rect: Rect, corner: tuple[int, int], of: _Input) -> None:
        self._in = of
        self._vignette = grade.vignette
        # Column k of the even columns is pixel 2 k - 2 of the area, of the odd ones the next; see draw().
        at = replace(rect, x=rect.x + corner[0], y=rect.y + corner[1])
        x = np.arange(-2, of.area.w + 4).reshape(-1, 2).T + (of.area.x + corner[0])
        y = np.arange(of.area.h + 2).reshape(-1, 2).T + (of.area.y + corner[1])
        self._columns, self._rows = _Positions.columns(x, at), _Positions.rows(y, at, grade.seed)
        self._codes = _codes(replace(grade, seed=0))
        self.made = (
            np.empty((of.area.h, of.area.w), np.uint8),
            np.empty((of.area.h >> 1, of.area.w >> 1), np.uint8),
            np.empty((of.area.h >> 1, of.area.w >> 1), np.uint8),
        )

    def _shade(self, top: int, stop: int, left: int, right: int) -> Field:
        """What the vignette leaves, of quarters as in :meth:`draw`: of one as defined, and between its pixels linearly.

        Over two pixels it is as good as a line: the strongest is off by a fiftieth of a code over 300 pixels.
        """
        wide, tall = right - left + 2, stop - top
        x, y = self._columns.outward[0, left : right + 3], self._rows.outward[0, top : stop + 1]
        at = _vignette(self._vignette, y[:, np.newaxis] + x)
        out = np.empty((2, 2, tall, wide), np.float32)
        half = at * np.float32(0.5)
        across = np.empty_like(half)
        np.add(half.ravel()[:-1], half.ravel()[1:], out=across.ravel()[:-1])
        out[0, 0] = at[:-1, :-1]
        out[0, 1] = across[:-1, :-1]
        np.add(half[:-1, :-1], half[1:, :-1], out=out[1, 0])
        across *= np.float32(0.5)
        np.add(across[:-1, :-1], across[1:, :-1], out=out[1, 1])
        return out

    def draw(self, top: int, stop: int, left: int, right: int) -> None:
        """Chroma rows ``top .. stop`` and columns ``left .. right`` of the area, and the luma that belongs to them."""
        area, tall, wide = self._in.area, stop - top, right - left + 2
        # Column k of the quarters: in chroma sample left + k - 1, in the even columns of luma the pixel there, in the
        # odd ones the next. Of the first and the last not all is wanted.
        xs = self._columns.cut((None, slice(None), None, slice(left, right + 2)))
        ys = self._rows.cut((slice(None), None, slice(top, stop), None))
        shade = self._shade(top, stop, left, right) if self._vignette else None

        channels = np.empty((3, 2, 2, tall, wide), np.float32)
        u, v = (plane[top : stop + 2, left : right + 2].astype(np.float32) for plane in self._in.planes[1:])
        quarter = u * self._codes.of_chroma[0]
        quarter += v * self._codes.of_chroma[1]
        quarter += self._codes.offset
        middle = quarter[:, 1:-1] * np.float32(3)
        for row in (0, 1):
            near = channels[:, row, 0]
            np.add(middle, quarter[:, 2 * row : 2 * row + tall], out=near)
            flat, between = near.reshape(3, -1), channels[:, row, 1].reshape(3, -1)
            np.add(flat[:, :-1], flat[:, 1:], out=between[:, :-1])
            between[:, -1] = 0
            between *= np.float32(0.5)
        both = self._in.planes[0][2 * top + 2 : 2 * stop + 2, 2 * left : 2 * right + 4].view(np.uint16)
        pairs = np.stack((both[0::2], both[1::2]))
        luma = np.empty(channels.shape[1:], np.float32)
        luma[:, 0] = pairs & 0xFF
        luma[:, 1] = pairs >> 8
        part = np.empty_like(luma)
        for channel, of_luma in zip(channels, self._codes.of_luma, strict=True):
            np.multiply(luma, of_luma, out=part)
            channel += part
        self._codes.curve.finish(channels, xs, ys, shade)
        if left == 0 and area.x == 0:  # the frame's first column is repeated
            channels[:, :, 1, :, 0] = channels[:, :, 0, :, 1]

        np.add(channels[0], channels[1], out=luma)
        luma += channels[2]
        luma += self._codes.luma_offset
        codes = luma.astype(np.uint16)
        even, odd = codes[:, 0], codes[:, 1]
        odd <<= 8
        odd |= even
        target = self.made[0].view(np.uint16)[2 * top : 2 * stop, left:right]
        target[0::2], target[1::2] = odd[:, :, 1:-1]
        down = channels[:, 0] + channels[:, 1]
        at, beside = down[:, 0].reshape(3, -1), down[:, 1].reshape(3, -1)
        small = np.empty_like(at)
        np.multiply(at, np.float32(2), out=small)
        small += beside
        small[:, 1:] += beside[:, :-1]
        for plane, (of_red, of_green, of_blue) in zip(self.made[1:], self._codes.forth, strict=True):
            chroma = small[0] * of_red
            chroma += small[1] * of_green
            chroma += small[2] * of_blue
            chroma += self._codes.chroma_offset
            plane[top:stop, left:right] = chroma.astype(np.uint8).reshape(tall, wide)[:, 1:-1]


def picture(
    grade: Grade,
    shown: Shown,
    rect: Rect,
    size: tuple[int, int],
    corner: tuple[int, int] = (0, 0),
) -> Shown:
    """A scaled picture graded, with what can be seen of its repeated edges.

    Args:
        grade: What to do.
        shown: The picture.
        rect: Of the layer, on the picture that is drawn on.
        size: Of the picture that is drawn on.
        corner: Pixel of the frame that its first one is (for grain).
    """
    new = _Input.of(shown, size)
    return _picture(_Grader(grade, rect, corner, new), new, None)


def _picture(grader: _Grader, new: _Input, before: tuple[_Input, Shown] | None) -> Shown:
    """``before``: another picture of the same place, graded in the same way."""
    area = new.area
    step = max(1, _STRIP // area.w // 2)
    if before is not None:
        old, (kept,) = before[0], before[1].rows
        for target, plane in zip(grader.made, kept.planes, strict=True):
            np.copyto(target, plane)
    for top in range(0, area.h >> 1, step):
        stop = min(top + step, area.h >> 1)
        part = (top, stop, 0, area.w >> 1) if before is None else new.changed(old, top, stop)
        if part is not None:
            grader.draw(*part)
    return Shown(area, (Made(0, area.h, grader.made),))


@dataclass(frozen=True, slots=True)
class _Kept:
    shown: Shown
    key: tuple[Any, ...]
    place: tuple[Any, ...]
    graded: Shown
    input: _Input | None
    """What was graded, where the next picture may be compared with it."""


class Graded:
    """Graded pictures, the newest kept: those that are asked for again, and those of which only a part changes."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []

    def __len__(self) -> int:
        return len(self._kept)

    def get(
        self, grade: Grade, shown: Shown, rect: Rect, size: tuple[int, int], corner: tuple[int, int], keep: int
    ) -> Shown:
        """As :func:`picture`; ``keep`` pictures are kept."""
        key = (grade, rect, size, corner)
        for one in self._kept:
            if one.shown is shown and one.key == key:
                self._kept.append(self._kept.pop(self._kept.index(one)))
                return one.graded
        new = _Input.of(shown, size)
        comparable = not grade.grain and new.area.area <= _KEPT  # grain is another in every frame
        before: tuple[_Input, Shown] | None = None
        # What is shown in the same place with another grain is not asked for again.
        place = (replace(grade, seed=0), rect, size, corner)
        for one in [one for one in self._kept if one.place == place]:
            if comparable and one.input is not None and one.input.area == new.area:
                before = (one.input, one.graded)
        self._kept = [one for one in self._kept if one.place != place][-keep + 1 :] if keep > 1 else []
        graded = _picture(_Grader(grade, rect, corner, new), new, before)
        self._kept.append(_Kept(shown, key, place, graded, new if comparable else None))
        return graded

    def clear(self) -> None:
        """Forget all pictures."""
        self._kept.clear()
