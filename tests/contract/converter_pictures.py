"""Pictures for the contract of the converters: made from formulas of their own, legal in every format."""

from __future__ import annotations

import numpy as np

from reelpress.color import KR_KB, SRGB, ColorSpec, Matrix, Range, Siting
from reelpress.media.planes import Planes

COLORS = [
    ColorSpec(matrix, value_range, siting=siting)
    for matrix in (Matrix.BT601, Matrix.BT709)
    for value_range in (Range.LIMITED, Range.FULL)
    for siting in (Siting.LEFT, Siting.CENTER)
]
"""Every colour that the converters promise."""

RGB_PLACES = {"rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3), "argb": (1, 2, 3, 0)}


def color_name(color: ColorSpec) -> str:
    return f"{color.matrix}-{color.range}-{color.siting}"


def rgb_array(width: int, height: int) -> np.ndarray:
    """(height, width, 3) in 0..1: waves and ramps, no colour nearer than 1/16 to the cube's faces."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    r = 0.5 + 0.4 * np.sin(x / 5.0 + 0.3) * np.cos(y / 4.0)
    g = 0.1 + 0.8 * (x + 2 * y) / max(1, width + 2 * height)
    b = 0.5 + 0.4 * np.cos((x + y) / 6.0)
    return np.stack([r, g, b], -1)


def picture(format_name: str, width: int, height: int, color: ColorSpec, *, padding: int = 0) -> Planes:
    """A picture with ``padding`` bytes of 0x5A after each row. YUV chroma is taken at every other pixel."""
    rgb = rgb_array(width + (width & 1), height + (height & 1))
    if format_name in RGB_PLACES:
        pixels = np.empty((height, width, 4), np.uint8)
        for at, channel in zip(RGB_PLACES[format_name], np.moveaxis(rgb[:height, :width], 2, 0), strict=False):
            pixels[..., at] = np.rint(channel * 255)
        pixels[..., RGB_PLACES[format_name][3]] = np.arange(width) % 251 + 2
        return planes_of(format_name, width, height, [pixels.reshape(height, -1)], SRGB, padding)
    kr, kb = KR_KB[color.matrix]
    y = rgb @ np.array([kr, 1 - kr - kb, kb])
    cb, cr = (rgb[..., 2] - y) / (2 - 2 * kb), (rgb[..., 0] - y) / (2 - 2 * kr)
    bits = 10 if format_name == "p010le" else 8
    step = 2 ** (bits - 8)
    if color.range is Range.LIMITED:
        luma, u, v = (16 + 219 * y) * step, (128 + 224 * cb) * step, (128 + 224 * cr) * step
    else:
        top = 2**bits - 1
        luma, u, v = top * y, 128 * step + top * cb, 128 * step + top * cr
    luma, u, v = (np.rint(plane).astype(np.int64) for plane in (luma, u[:, ::2], v[:, ::2]))
    if format_name in ("yuyv422", "uyvy422"):
        groups = [luma[:, 0::2], u, luma[:, 1::2], v]
        if format_name == "uyvy422":
            groups = [groups[1], groups[0], groups[3], groups[2]]
        packed = np.stack(groups, -1).reshape(luma.shape[0], -1)[:height]
        return planes_of(format_name, width, height, [packed], color, padding)
    u, v = u[::2], v[::2]
    if format_name == "yuv420p":
        return planes_of(format_name, width, height, [luma[:height, :width], u, v], color, padding)
    both = np.stack([u, v], -1).reshape(u.shape[0], -1)
    if format_name == "nv12":
        return planes_of(format_name, width, height, [luma[:height, :width], both], color, padding)
    words = [(plane << 6).astype("<u2") for plane in (luma[:height, :width], both)]
    as_bytes = [np.ascontiguousarray(plane).view(np.uint8).reshape(plane.shape[0], -1) for plane in words]
    return planes_of(format_name, width, height, as_bytes, color, padding)


def planes_of(
    format_name: str, width: int, height: int, planes: list[np.ndarray], color: ColorSpec, padding: int = 0
) -> Planes:
    views = []
    for plane in planes:
        rows, used = plane.shape
        memory = np.full((rows, used + padding), 0x5A, np.uint8)
        memory[:, :used] = plane
        views.append(memory[:, :used])
    return Planes(format_name, width, height, tuple(views), color, pts=41)


def flat(format_name: str, width: int, height: int, rgb: tuple[int, int, int]) -> Planes:
    """One R, G, B everywhere, opaque."""
    pixels = np.empty((height, width, 4), np.uint8)
    for at, value in zip(RGB_PLACES[format_name], (*rgb, 255), strict=True):
        pixels[..., at] = value
    return planes_of(format_name, width, height, [pixels.reshape(height, -1)], SRGB)
