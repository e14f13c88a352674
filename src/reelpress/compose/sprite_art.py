"""Small art placed, turned and moved: what a pointer needs in every frame that it moves in.

Art is premultiplied: (channels, rows, columns), of which the last is alpha. Most pointers are grey, with a tinge at
most; then one channel stands for all three colours. Art is as small as it can be: transparent margins are left out
wherever they come up. Most of the time that such small pictures take goes into the calls themselves, so there are few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import BT709_LIMITED, quantisation, rgb_to_ycc
from reelpress.compose.assets import load
from reelpress.compose.kernel import Axis, cubic
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from reelpress.compose.coverage import Field
    from reelpress.compose.kernel import Matrix
    from reelpress.scene.plan.effects import Blur

_BITS = 16
"""Of a pixel, in fixed point."""
_ONE = float(1 << _BITS)


def _tables(channels: int) -> tuple[tuple[Field, ...], Field]:
    """Weights of the samples -1, 0, 1 and 2 for each 256th between 0 and 1.

    Returns:
        For each of the four rows its weight, once for every channel of four samples; and those of four samples in a
        row, each once for every channel.
    """
    places = np.arange(256) / 256
    each = [cubic(places - k).astype(np.float32)[:, np.newaxis] for k in (-1, 0, 1, 2)]
    rows = tuple(np.repeat(weights, 4 * channels, axis=1) for weights in each)
    return rows, np.concatenate([np.repeat(weights, channels, axis=1) for weights in each], axis=1)


_TABLES = {channels: _tables(channels) for channels in (2, 4)}
_TOGETHER = {2: np.complex64, 4: np.complex128}
"""What is as large as a pixel."""

_LIMIT = 1 << 18
"""Multiplications in one product; with more of them OpenBLAS starts threads."""
_COLUMNS = 128

_NEAR = 1.5 / 255
"""How far a sample may be from where it belongs in a grey image: files are rounded."""
_TINGE = 0.03
"""How much colour an image may have that still counts as grey: what is made of it is right to half a code."""


def _to_codes() -> Field:
    luma_scale, luma_offset, chroma_scale, chroma_offset = quantisation(BT709_LIMITED.range)
    rows = [
        [weight * scale for weight in row] + [offset]
        for row, scale, offset in zip(
            rgb_to_ycc(BT709_LIMITED.matrix),
            (luma_scale, chroma_scale, chroma_scale),
            (luma_offset, chroma_offset, chroma_offset),
            strict=True,
        )
    ]
    return np.array(rows, np.float32)


TO_CODES = _to_codes()
"""Premultiplied R'G'B'A to premultiplied Y, Cb and Cr."""


def product(a: Matrix, b: Matrix) -> Matrix:
    """``a @ b`` in parts so small that no threads are started for them."""
    (m, k), n = a.shape, b.shape[1]
    if m * k * n <= _LIMIT:
        whole: Matrix = a @ b
        return whole
    made = np.empty((m, n), np.float32)
    columns = min(n, max(_COLUMNS, _LIMIT // (m * k)))
    rows = max(1, _LIMIT // (k * columns))
    for y in range(0, m, rows):
        for x in range(0, n, columns):
            made[y : y + rows, x : x + columns] = a[y : y + rows] @ b[:, x : x + columns]
    return made


@dataclass(frozen=True, slots=True)
class Image:
    """A picture file without its transparent margins."""

    samples: Field
    """(rows, channels, columns), 0..1."""
    mix: Matrix
    """Channels to R'G'B'A: (4, channels)."""
    colors: Matrix
    """Channels to codes of Y, Cb and Cr: (3, channels)."""
    x: int
    """Columns of the file left out in front."""
    y: int
    width: int
    """Of the file."""
    height: int

    @property
    def nbytes(self) -> int:
        return int(self.samples.nbytes)

    @classmethod
    def load(cls, path: str) -> Image:
        """The file, or our own drawing ``builtin:NAME``.

        Raises:
            MissingInputError, UnreadableInputError: As :func:`reelpress.compose.assets.load`.
        """
        rgba = load(path)
        tall, wide = rgba.shape[:2]
        rows, columns = (np.flatnonzero(rgba[..., 3].any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return cls(np.zeros((0, 4, 0), np.float32), _ALL, TO_CODES, 0, 0, wide, tall)
        y, x = int(rows[0]), int(columns[0])
        seen = np.ascontiguousarray(rgba[y : rows[-1] + 1, x : columns[-1] + 1].transpose(0, 2, 1), np.float32)
        seen /= np.float32(255)
        seen[:, :3] *= seen[:, 3:]
        seen, mix = _in_two(seen)
        return cls(seen, mix, TO_CODES @ mix, x, y, wide, tall)

    def reach(self, rect: Rect, x: float, y: float) -> IntRect:
        """Whole pixels that the image can touch, its rectangle's corner being at (x, y)."""
        rows, _, columns = self.samples.shape
        x0, x1 = _reach(x, rect.w / self.width, self.x, columns)
        y0, y1 = _reach(y, rect.h / self.height, self.y, rows)
        return IntRect(x0, y0, x1 - x0, y1 - y0)

    def placed(self, rect: Rect, x: float, y: float, area: IntRect) -> Field:
        """The image resampled to the rectangle's size with its corner at (x, y), on the pixels of ``area``."""
        rows, channels, columns = self.samples.shape
        step_x, step_y = self.width / rect.w, self.height / rect.h
        down = _weights(Axis(-y * step_y, step_y, area.y, area.bottom, 0, self.height), self.y, rows)
        across = _weights(Axis(-x * step_x, step_x, area.x, area.right, 0, self.width), self.x, columns)
        lines = product(down, self.samples.reshape(rows, -1)).reshape(area.h * channels, columns)
        made = product(lines, across.T).reshape(area.h, channels, area.w)
        return clamped(np.ascontiguousarray(made.transpose(1, 0, 2)))


_ALL = np.eye(4, dtype=np.float32)


def _in_two(samples: Field) -> tuple[Field, Matrix]:
    """R'G'B'A as luma and alpha, where these two say it all, and how to get it back: in images that are (nearly) grey.

    Where the kernel overshoots each colour is clamped by itself, which that of one cannot stand for if they differ.
    """
    rgba = samples.transpose(1, 0, 2).reshape(4, -1).astype(np.float64)
    both = np.stack((np.array(rgb_to_ycc(BT709_LIMITED.matrix)[0]) @ rgba[:3], rgba[3]))
    beside, *_ = np.linalg.lstsq(both.T, (rgba[:3] - both[0]).T)
    mix = np.array(((1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    mix[:3] += beside.T
    if np.abs(beside).max() > _TINGE or np.abs(mix @ both - rgba).max() > _NEAR:
        return samples, _ALL
    two = both.reshape(2, len(samples), -1).transpose(1, 0, 2)
    return np.ascontiguousarray(two, np.float32), mix.astype(np.float32)


def _reach(start: float, scale: float, first: int, count: int) -> tuple[int, int]:
    """Pixels whose centres ``count`` samples from ``first`` on reach: first and one past the last."""
    wide = 2 * max(1.0, scale)
    low, high = start + (first + 0.5) * scale - wide, start + (first + count - 0.5) * scale + wide
    return math.floor(low - 0.5) + 1, math.ceil(high - 0.5)


def _weights(axis: Axis, first: int, count: int) -> Matrix:
    """Of every output sample the weights of ``count`` source samples from ``first`` on; the others are nothing."""
    centres = axis.origin + axis.step * (np.arange(axis.start, axis.stop) + 0.5)
    wide = max(1.0, min(axis.step, axis.high - axis.low))  # as kernel.taps
    at = np.floor(centres - 2 * wide)[:, np.newaxis] + np.arange(math.ceil(4 * wide) + 1)
    distances = at + 0.5
    distances -= centres[:, np.newaxis]
    np.abs(distances, out=distances)
    distances *= 1 / wide
    weights = np.interp(distances, _DISTANCES, _KERNEL)
    weights /= weights.sum(axis=1, keepdims=True)
    at -= first
    at[(at < 0) | (at >= count)] = count  # samples that are left out go to a column beyond
    made = np.zeros((len(at), count + 1), np.float32)
    made[np.arange(len(at))[:, np.newaxis], at.astype(np.intp)] = weights
    return made[:, :count]


_DISTANCES = np.arange(2049) / 1024
_KERNEL = cubic(_DISTANCES)
"""The kernel at these distances; in between it is as good as straight."""


def clamped(art: Field) -> Field:
    """Alpha in 0..1, colour in 0..alpha; in place."""
    alpha, color = art[-1], art[:-1]
    np.maximum(art, 0, out=art)
    np.minimum(alpha, 1, out=alpha)
    np.minimum(color, alpha, out=color)
    return art


class Upright:
    """An image at the size of a rectangle, on an endless grid of pixels from its corner on, ready to be turned.

    Args:
        image: Not empty.
        rect: Only its size matters.
    """

    def __init__(self, image: Image, rect: Rect) -> None:
        own = image.reach(rect, 0.0, 0.0)
        art = image.placed(rect, 0.0, 0.0, own)
        some = art[-1] > 0
        rows, columns = (np.flatnonzero(some.any(axis=axis)) for axis in (1, 0))
        y, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        x, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 0)
        self.area = Rect(own.x + x - 1.5, own.y + y - 1.5, right - x + 3.0, bottom - y + 3.0)
        """From the rectangle's corner: there is nothing on its edges and beyond."""
        # Nothing all around, as far as the pixels around the turned area can be from it.
        wide, tall = math.ceil(self.area.h / 2) + 3, math.ceil(self.area.w / 2) + 3
        samples = np.zeros((bottom - y + 2 * tall, right - x + 2 * wide, len(art)), np.float32)
        samples[tall : tall + bottom - y, wide : wide + right - x] = art[:, y:bottom, x:right].transpose(1, 2, 0)
        # For each position of the four by four samples of the kernel: whether any of them is something.
        self._columns = samples.shape[1]
        self._some = samples[..., -1].reshape(-1) > 0
        for pitch in (1, self._columns):
            one = self._some.copy()
            self._some[pitch:] |= one[:-pitch]
            self._some[:-pitch] |= one[pitch:]
            self._some[: -2 * pitch] |= one[2 * pitch :]
        self._origin = own.x + x - wide + 0.5, own.y + y - tall + 0.5
        flat = samples.reshape(-1, len(art))
        self._fours = np.zeros((len(flat), 4 * len(art)), np.float32)
        for i in range(4):
            self._fours[: len(flat) - i, i * len(art) : (i + 1) * len(art)] = flat[i:]

    @property
    def nbytes(self) -> int:
        return int(self._fours.nbytes + self._some.nbytes)

    def turned(self, corner: tuple[float, float], angle: float, pivot: tuple[float, float], area: IntRect) -> Field:
        """The image turned clockwise about ``pivot``, by the cubic kernel; clamped.

        The weights are those of the nearest 256th of a pixel.

        Args:
            corner: Of the rectangle before it is turned.
            angle: Radians.
            pivot: Of the frame, as the corner.
            area: Pixels wanted, inside of :func:`around`.
        """
        cos, sin = math.cos(angle) * _ONE, math.sin(angle) * _ONE
        # In fixed point: where the first pixel is looked up, and how far away from there the others are.
        x, y = area.x + 0.5 - pivot[0], area.y + 0.5 - pivot[1]
        left = (pivot[0] - corner[0] - self._origin[0]) * _ONE + cos * x + sin * y
        top = (pivot[1] - corner[1] - self._origin[1]) * _ONE - sin * x + cos * y
        columns = np.arange(area.w) * np.array(((cos,), (-sin,))) + np.array(((left,), (top,))) + _ONE / 512
        rows = np.arange(area.h) * np.array(((sin,), (cos,)))
        at = columns.astype(np.int64)[:, np.newaxis] + rows.astype(np.int64)[:, :, np.newaxis]
        index = at >> _BITS
        index[1] *= self._columns
        index = (index[0] + index[1]).reshape(-1)
        seen = np.flatnonzero(self._some[index])
        if not len(seen):
            return np.zeros((self._fours.shape[1] // 4, area.h, area.w), np.float32)
        index = index[seen]
        index -= self._columns + 1  # the first of the sixteen samples
        at >>= _BITS - 8
        at &= 255
        across, down = at[0].reshape(-1)[seen], at[1].reshape(-1)[seen]
        # Four samples of a row with their channels lie side by side, and so do the weights: long rows make short work.
        # No index has to be clipped, but without a mode the result would be copied once more.
        wide = self._fours.shape[1]
        channels = wide // 4
        row_tables, column_table = _TABLES[channels]
        samples, weights = np.empty((2, 4, len(seen), wide), np.float32)
        for j, table in enumerate(row_tables):
            self._fours[j * self._columns :].take(index, axis=0, out=samples[j], mode="clip")
            table.take(down, axis=0, out=weights[j], mode="clip")
        lines = np.einsum("jn,jn->n", samples.reshape(4, -1), weights.reshape(4, -1)).reshape(-1, wide)
        lines *= column_table.take(across, axis=0)
        # Two channels add up as the two parts of a number.
        pixel = _TOGETHER[channels]
        one = lines.view(np.complex64 if channels == 2 else np.float32).reshape(len(seen), 4, -1)
        total = one[:, 0] + one[:, 1]
        total += one[:, 2]
        total += one[:, 3]
        made: np.ndarray[Any, np.dtype[Any]] = np.zeros(area.h * area.w, pixel)
        made[seen] = total.view(pixel)[:, 0]
        art = made.view(np.float32).reshape(-1, channels).T
        return clamped(np.ascontiguousarray(art)).reshape(channels, area.h, area.w)


def around(area: Rect, corner: tuple[float, float], angle: float, pivot: tuple[float, float]) -> IntRect:
    """Whole pixels whose centres ``area``, counted from ``corner``, comes to lie on when it is turned."""
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = corner[0] + area.x + area.w / 2 - pivot[0], corner[1] + area.y + area.h / 2 - pivot[1]
    w, h = abs(cos) * area.w + abs(sin) * area.h, abs(sin) * area.w + abs(cos) * area.h
    x, y = pivot[0] + cos * x - sin * y, pivot[1] + sin * x + cos * y
    x0, y0 = math.ceil(x - w / 2 - 0.5), math.ceil(y - h / 2 - 0.5)
    x1, y1 = math.floor(x + w / 2 + 0.5), math.floor(y + h / 2 + 0.5)
    return IntRect(x0, y0, max(x1 - x0, 1), max(y1 - y0, 1))


_PLACES = ((np.arange(21) + 0.5) / 21 - 0.5).astype(np.float32)[:, np.newaxis]
"""Of the taps of a movement (scene.plan.Blur)."""
_REACH = 0.5 - 0.5 / 21


def moved(art: Field, area: IntRect, blur: Blur) -> tuple[Field, IntRect]:
    """Art on ``area`` blurred along a movement (no scaling), and the pixels that it is on then."""
    if abs(blur.dy) > abs(blur.dx):  # the longer way goes along the rows: one product for every row of the kernel
        made, at = _along(art.transpose(0, 2, 1), IntRect(area.y, area.x, area.h, area.w), blur.dy, blur.dx)
        return made.transpose(0, 2, 1), IntRect(at.y, at.x, at.h, at.w)
    return _along(art, area, blur.dx, blur.dy)


def _along(art: Field, area: IntRect, dx: float, dy: float) -> tuple[Field, IntRect]:
    across, x0 = _shares(dx)
    down, y0 = _shares(dy)
    kernel = (down.T @ across) * np.float32(1 / len(_PLACES))
    (tall, wide), (channels, rows, columns) = kernel.shape, art.shape
    # Each row of the kernel as a matrix over a row of the art: moved on by one for every sample.
    long = columns + wide - 1
    band = np.zeros((tall, columns * (long + 1)), np.float32)
    band.reshape(tall, columns, long + 1)[:, :, :wide] = kernel[:, np.newaxis]
    band = band[:, : columns * long].reshape(tall, columns, long)
    made = np.zeros((channels, rows + tall - 1, long), np.float32)
    for y in range(tall):
        lines = art @ band[y] if rows * columns * long <= _LIMIT else product(art.reshape(-1, columns), band[y])
        made[:, y : y + rows] += lines.reshape(channels, rows, long)
    return made, IntRect(area.x + x0, area.y + y0, long, rows + tall - 1)


def _shares(length: float) -> tuple[Matrix, int]:
    """Of each tap of a movement along one axis what goes to which whole place, and the first of these."""
    first = math.floor(-abs(length) * _REACH)
    at = _PLACES * np.float32(length) - np.arange(first, 1 - first, dtype=np.float32)
    np.abs(at, out=at)
    np.subtract(1, at, out=at)
    return np.maximum(at, 0, out=at), first


def halved(art: Field) -> Field:
    """Channels at the left-sited chroma positions (:func:`reelpress.compose.coverage.to_chroma`).

    Args:
        art: From an even row on, and from the column before an even one on.
    """
    lines = art[:, 0::2] + art[:, 1::2]
    pairs = lines[:, :, :-1] + lines[:, :, 1:]
    made: Field = pairs[:, :, 0::2] + pairs[:, :, 1::2]
    made *= np.float32(0.125)
    return made
