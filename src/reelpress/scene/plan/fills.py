"""What covers a background: one colour, a gradient with noise, or a picture file."""

from __future__ import annotations

from dataclasses import dataclass

RGB = tuple[float, float, float]
"""Gamma-coded sRGB, 0..1."""


@dataclass(frozen=True, slots=True)
class SolidFill:
    color: RGB


@dataclass(frozen=True, slots=True)
class GradientFill:
    """Linear gradient over the whole frame.

    With uv in 0..1 at pixel centres (not aspect-corrected) and the direction ``(cos a, sin a)``,
    ``a = angle + 270 degrees``: ``t = clamp(dot(uv - 0.5, dir) + 0.5, 0, 1)``, colour ``start + (end - start) t``
    (cap-format 3.3).

    Noise (cap-format 3.3 names its kind but no hash, so this is ours), before any blur, at the same uv::

        f = 600 * (0.3 + 1.2 * (100 - noise_scale) / 100)           cells over the frame, in both directions
        octave k = 0..3:  p = uv * f * 2^k,  i = floor(p),  g = p - i,  s = g * g * (3 - 2 * g)   (x and y each)
            v = lerp(lerp(V(ix, iy), V(ix + 1, iy), sx), lerp(V(ix, iy + 1), V(ix + 1, iy + 1), sx), sy)
        V(x, y): h = (x * 0x9E3779B1 + y * 0x85EBCA77 + k * 0xC2B2AE3D) mod 2^32
                 h ^= h >> 15;  h = h * 0x2C1B3C6D mod 2^32;  h ^= h >> 12;  h = h * 0x297A2D39 mod 2^32;  h ^= h >> 15
                 V = (h >> 8) / 2^24
        n = (v0 + v1 / 2 + v2 / 4 + v3 / 8) / 1.875                 one grey value for the three channels
        overlay(c, n) = 2 c n when c < 0.5, else 1 - 2 (1 - c) (1 - n)
        colour = c + (overlay(c, n) - c) * noise_intensity / 100 * 0.25
    """

    start: RGB
    end: RGB
    angle: float
    """Degrees."""
    noise_intensity: float = 0.0
    """0..100."""
    noise_scale: float = 3.0
    """0..100."""


@dataclass(frozen=True, slots=True)
class ImageFill:
    """A picture file, cover-fitted and centred (cap-format 3.3).

    The whole image goes to the smallest centred rectangle of its own shape that covers the frame (exact floats),
    resampled with the one kernel in gamma-coded RGB, edge samples repeated, clamped to 0..1. Transparent parts
    lie over white.
    """

    image: str
    """Absolute path."""
    width: int
    """Pixels of the file after its EXIF orientation."""
    height: int


Fill = SolidFill | GradientFill | ImageFill
