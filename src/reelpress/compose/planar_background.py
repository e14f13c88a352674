"""Backgrounds as planes of 8 bits (of 16 for the GPU): made in float, in strips of rows, kept while they are shown."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import BT709_LIMITED, quantisation, rgb_to_codes, rgb_to_ycc
from reelpress.compose import assets
from reelpress.compose.banded import Plan, filtered
from reelpress.compose.kernel import Axis, gaussian_taps, taps
from reelpress.media.scale import allocate
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from reelpress.media.planes import Planes
    from reelpress.scene.plan.layers import BackgroundLayer

    _Taps = tuple[NDArray[np.intp], NDArray[np.float64]]

Rows = np.ndarray[Any, np.dtype[np.float32]]
"""(rows, columns) or (rows, columns, 3)."""

Target = np.ndarray[Any, np.dtype[np.uint8]] | np.ndarray[Any, np.dtype[np.uint16]]
"""(rows, columns), see :func:`store`."""
Targets = tuple[Target, Target, Target]

_STRIP = 1 << 16
"""Pixels that are in float at a time, unless a blur wants more rows at once."""

_OCTAVES = 4


def draw(layer: BackgroundLayer, size: tuple[int, int]) -> Planes:
    """The background as yuv420p planes of ``size``, BT.709 limited, rounded to nearest.

    Raises:
        MissingInputError, UnreadableInputError: Of its picture file.
    """
    width, height = size
    out = allocate(width, height, "yuv420p", BT709_LIMITED)
    draw_into(layer, (out.planes[0], out.planes[1], out.planes[2]))
    return out


def draw_into(layer: BackgroundLayer, planes: Targets) -> None:
    """The same into planes of the caller: luma (rows, columns), Cb and Cr of half as many each.

    Args:
        layer: What to draw.
        planes: uint8, or uint16 for what :func:`store` makes of codes there.

    Raises:
        MissingInputError, UnreadableInputError: Of its picture file.
    """
    height, width = planes[0].shape
    fill = layer.fill
    if isinstance(fill, SolidFill):  # a blurred flat colour is that colour
        for target, code in zip(planes, rgb_to_codes(fill.color), strict=True):
            store(target, np.full((1, 1), code, np.float32))
        return
    if isinstance(fill, GradientFill) and is_quick(layer):
        _draw_plain_gradient(fill, planes)
        return
    if isinstance(fill, ImageFill):
        _draw_image(fill, layer.blur_sigma, planes)
        return
    rows = _rows_of(fill, layer.blur_sigma, (width, height))
    step = max(2, _STRIP // width // 2 * 2, 2 * math.ceil(3 * layer.blur_sigma))
    for start in range(0, height, step):
        stop = min(height, start + step)
        codes = to_codes(rows(start, stop))
        store(planes[0][start:stop], codes[0])
        for plane in (1, 2):
            store(planes[plane][start // 2 : stop // 2], chroma_of(codes[plane]))


def is_quick(layer: BackgroundLayer) -> bool:
    """Whether :func:`draw` takes a moment only (50 ms at 4K; files, grain and blurs take up to a second)."""
    fill = layer.fill
    if isinstance(fill, GradientFill):
        return fill.noise_intensity <= 0 and layer.blur_sigma <= 0
    return isinstance(fill, SolidFill)


def to_codes(rgb: Rows) -> tuple[Rows, Rows, Rows]:
    """Y, Cb and Cr codes (not rounded) of R'G'B' 0..1 (rows, columns, 3)."""
    luma_scale, luma_offset, chroma_scale, chroma_offset = quantisation(BT709_LIMITED.range)
    matrix = np.array(rgb_to_ycc(BT709_LIMITED.matrix))
    matrix[0] *= luma_scale
    matrix[1:] *= chroma_scale
    offsets = (luma_offset, chroma_offset, chroma_offset)
    y, u, v = (
        rgb[..., 0] * np.float32(r) + rgb[..., 1] * np.float32(g) + rgb[..., 2] * np.float32(b) + np.float32(o)
        for (r, g, b), o in zip(matrix, offsets, strict=True)
    )
    return y, u, v


def chroma_of(field: Rows) -> Rows:
    """A field of whole rows at the left-sited chroma positions; its first column is repeated."""
    left = np.concatenate([field[:, :1], field[:, 1:-1:2]], axis=1)
    across = (left + np.float32(2) * field[:, 0::2] + field[:, 1::2]) * np.float32(0.25)
    out: Rows = (across[0::2] + across[1::2]) * np.float32(0.5)
    return out


def store(target: Target, codes: Rows) -> None:
    """Round to nearest, clamp and write.

    16 bits hold ``floor(256 (code + 1/2))``: their upper byte is what 8 bits hold, so whoever keeps more rounds alike.
    """
    if target.dtype == np.uint8:
        np.copyto(target, np.clip(codes + np.float32(0.5), 0, 255.5), casting="unsafe")
    else:
        np.copyto(target, np.clip((codes + np.float32(0.5)) * np.float32(256), 0, 65535), casting="unsafe")


def _rows_of(fill: GradientFill, sigma: float, size: tuple[int, int]) -> Callable[[int, int], Rows]:
    """A function that makes rows ``low .. high`` as R'G'B' 0..1."""

    def plain(low: int, high: int) -> Rows:
        return gradient_rows(fill, size, low, high)

    return _blurred(plain, sigma, size) if sigma > 0 else plain


def _blurred(rows: Callable[[int, int], Rows], sigma: float, size: tuple[int, int]) -> Callable[[int, int], Rows]:
    width, height = size
    columns = gaussian_taps(sigma, 0, width, width)

    def blurred(low: int, high: int) -> Rows:
        out = np.empty((high - low, width, 3), np.float32)
        index, weight = gaussian_taps(sigma, low, high, height)
        first, last = int(index.min()), int(index.max()) + 1
        part = rows(first, last)
        matrices = Plan((index - first, weight), columns)
        for channel in range(3):
            for start, strip in matrices.strips(part[..., channel]):
                out[start : start + len(strip), :, channel] = strip
        return out

    return blurred


def _along(fill: GradientFill, size: tuple[int, int], low: int, high: int) -> Rows:
    """How far from its start to its end a gradient is, 0..1."""
    width, height = size
    angle = math.radians(fill.angle + 270)
    u = ((np.arange(width) + 0.5) / width - 0.5) * math.cos(angle)
    v = ((np.arange(low, high) + 0.5) / height - 0.5) * math.sin(angle)
    along: Rows = np.clip(u[np.newaxis, :] + v[:, np.newaxis] + 0.5, 0, 1).astype(np.float32)
    return along


def _draw_plain_gradient(fill: GradientFill, out: Targets) -> None:
    """One without noise: its codes are a line too."""
    start, end = rgb_to_codes(fill.start), rgb_to_codes(fill.end)
    height, width = out[0].shape
    step = max(2, _STRIP // width // 2 * 2)
    for low in range(0, height, step):
        high = min(height, low + step)
        luma = _along(fill, (width, height), low, high)
        chroma = chroma_of(luma)
        for plane, (first, last) in enumerate(zip(start, end, strict=True)):
            codes = (chroma if plane else luma) * np.float32(last - first)
            codes += np.float32(first)
            shift = 1 if plane else 0
            store(out[plane][low >> shift : high >> shift], codes)


def gradient_rows(fill: GradientFill, size: tuple[int, int], low: int, high: int) -> Rows:
    """Rows ``low .. high`` of a gradient with its noise, as defined in scene.plan.GradientFill."""
    t = _along(fill, size, low, high)
    start = np.array(fill.start, np.float32)
    base: Rows = start + t[..., np.newaxis] * (np.array(fill.end, np.float32) - start)
    if fill.noise_intensity <= 0:
        return base
    noise = value_noise(fill.noise_scale, size, low, high)[..., np.newaxis]
    overlay = np.where(base < 0.5, 2 * base * noise, 1 - 2 * (1 - base) * (1 - noise))
    base += (overlay - base) * np.float32(fill.noise_intensity / 100 * 0.25)
    return base


def value_noise(scale: float, size: tuple[int, int], low: int, high: int) -> Rows:
    """Rows of the four-octave value noise of scene.plan.GradientFill, 0..1."""
    width, height = size
    frequency = 600 * (0.3 + 1.2 * (100 - scale) / 100)
    total = np.zeros((high - low, width), np.float32)
    for octave in range(_OCTAVES):
        x, fx = _cells((np.arange(width) + 0.5) / width * (frequency * 2**octave))
        y, fy = _cells((np.arange(low, high) + 0.5) / height * (frequency * 2**octave))
        # rows of the lattice first: few of them, each needed for several rows of pixels
        lattice_y, at = np.unique(np.concatenate([y, y + 1]), return_inverse=True)
        line = _lattice(x, lattice_y, octave) * (1 - fx) + _lattice(x + 1, lattice_y, octave) * fx
        upper, lower = line[at[: len(y)]], line[at[len(y) :]]
        total += (upper + (lower - upper) * fy[:, np.newaxis]) * np.float32(0.5**octave)
    total *= np.float32(1 / sum(0.5**o for o in range(_OCTAVES)))
    return total


def _cells(position: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Lattice cell and smoothstep of the place in it."""
    cell = np.floor(position)
    t = position - cell
    return cell.astype(np.int64), (t * t * (3 - 2 * t)).astype(np.float32)


def _lattice(x: NDArray[np.int64], y: NDArray[np.int64], octave: int) -> Rows:
    """The hash of scene.plan.GradientFill at lattice points, 0..1; 32-bit arithmetic that wraps."""
    across, down = x.astype(np.uint32) * np.uint32(0x9E3779B1), y.astype(np.uint32) * np.uint32(0x85EBCA77)
    h = across[np.newaxis, :] + down[:, np.newaxis]
    h += np.uint32(octave * 0xC2B2AE3D & 0xFFFFFFFF)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x2C1B3C6D)
    h ^= h >> np.uint32(12)
    h *= np.uint32(0x297A2D39)
    h ^= h >> np.uint32(15)
    out: Rows = (h >> np.uint32(8)).astype(np.float32)
    out *= np.float32(1 / (1 << 24))
    return out


_PRECISION = 256
"""Steps of a code in which an image is kept while it is blurred: 16 bits hold them."""


def _draw_image(fill: ImageFill, sigma: float, out: Targets) -> None:
    """A picture file over white, cover-fitted, centred and blurred."""
    height, width = out[0].shape
    size = (width, height)
    if sigma <= 0:
        for first, codes in _image_codes(fill, size):
            stop = first + len(codes[0])
            store(out[0][first:stop], codes[0])
            for plane in (1, 2):
                store(out[plane][first // 2 : stop // 2], chroma_of(codes[plane]))
        return
    kept = np.empty((3, height, width), np.uint16)
    for first, codes in _image_codes(fill, size):
        for number, field in enumerate(codes):
            field *= np.float32(_PRECISION)
            field += np.float32(0.5)
            np.copyto(kept[number, first : first + len(field)], field, casting="unsafe")
    # Blurring and going to the positions of chroma are one filter.
    rows, columns = gaussian_taps(sigma, 0, height, height), gaussian_taps(sigma, 0, width, width)
    matrices = Plan(rows, columns)
    for number, (target, source) in enumerate(zip(out, kept, strict=True)):
        if number == 1:
            matrices = Plan(_merged(rows, ((0, 1), (1, 1))), _merged(columns, ((-1, 1), (0, 2), (1, 1))))
        for first, strip in matrices.strips(source):
            strip *= np.float32(1 / _PRECISION)
            store(target[first : first + len(strip)], strip)


def _merged(taps: _Taps, filter_: tuple[tuple[int, int], ...]) -> _Taps:
    """Taps of every second sample after another filter: of each its place from there and its weight. The first sample
    is repeated before it."""
    index, weight = taps
    places = np.arange(0, len(index), 2)
    total = sum(share for _, share in filter_)
    found = [(np.maximum(places + at, 0), share / total) for at, share in filter_]
    return (
        np.concatenate([index[place] for place, _ in found], axis=1),
        np.concatenate([weight[place] * share for place, share in found], axis=1),
    )


def _image_codes(fill: ImageFill, size: tuple[int, int]) -> Iterator[tuple[int, tuple[Rows, Rows, Rows]]]:
    """The picture as Y, Cb and Cr codes at the positions of luma, some (evenly many) rows at a time with their first.
    Valid until the next are asked for."""
    width, height = size
    rgba = assets.load(fill.image)
    tall, wide = rgba.shape[:2]
    step = min(wide / width, tall / height)
    x = Axis((wide - width * step) / 2, step, 0, width, 0, wide)
    y = Axis((tall - height * step) / 2, step, 0, height, 0, tall)
    rows, columns = taps(y, repeat=True), taps(x, repeat=True)
    made: list[Iterator[tuple[int, Rows]]]
    if (rgba[..., 3] == 255).all():
        matrices = Plan(rows, columns)
        made = [matrices.strips(rgba[..., channel]) for channel in range(3)]
    else:

        def over_white(low: int, high: int, channel: int) -> Rows:
            alpha = rgba[low:high, :, 3].astype(np.float32) / np.float32(255)
            over: Rows = rgba[low:high, :, channel] * alpha + np.float32(255) * (1 - alpha)
            return over

        made = [filtered(partial(over_white, channel=channel), rows, columns) for channel in range(3)]
    luma_scale, luma_offset, chroma_scale, chroma_offset = quantisation(BT709_LIMITED.range)
    scales, offsets = (luma_scale, chroma_scale, chroma_scale), (luma_offset, chroma_offset, chroma_offset)
    to_codes = [
        (*(np.float32(each * scale / 255) for each in row), np.float32(offset))
        for row, scale, offset in zip(rgb_to_ycc(BT709_LIMITED.matrix), scales, offsets, strict=True)
    ]
    for strips in zip(*made, strict=True):
        (first, red), (_, green), (_, blue) = strips
        for channel in (red, green, blue):
            channel.clip(np.float32(0), np.float32(255), out=channel)
        codes: list[Rows] = []
        for of_red, of_green, of_blue, offset in to_codes:
            code = red * of_red
            code += green * of_green
            code += blue * of_blue
            code += offset
            codes.append(code)
        yield first, (codes[0], codes[1], codes[2])


class Backgrounds:
    """Drawn backgrounds, the newest two kept: a cross-fade shows two, and mostly they are the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[BackgroundLayer, tuple[int, int]], Planes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, layer: BackgroundLayer, size: tuple[int, int]) -> Planes:
        """As :func:`draw`. Not to be written to."""
        key = (layer, size)
        if key not in self._kept:
            self.trim(1)  # give an old one back before a new one is made
            self._kept[key] = draw(layer, size)
        self._kept.move_to_end(key)
        return self._kept[key]

    def trim(self, keep: int) -> None:
        """Forget all but the newest ``keep``."""
        while len(self._kept) > keep:
            self._kept.popitem(last=False)
