"""Rate control: what a quality means in CRF and bits.

CRF with a VBV ceiling (design 7): the encoder spends what the content needs, and never more than 1.5 times the
bit rate that Cap gives to that quality, size and rate (cap-format 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

BITS_PER_PIXEL: dict[str, Fraction] = {
    "maximum": Fraction(30, 100),
    "social": Fraction(15, 100),
    "web": Fraction(8, 100),
    "potato": Fraction(4, 100),
}
"""Cap's bits per pixel (cap-format 5.1)."""

CRF: dict[str, float] = {"maximum": 17.0, "social": 20.0, "web": 24.0, "potato": 29.0}
"""x264 CRF at the fast presets. 17 is what people call visually lossless; each step of 6 halves the bits."""

CRF_OPTIMIZED: dict[str, float] = {"maximum": 24.0, "social": 28.0, "web": 32.0, "potato": 36.0}
"""Cap's CRF for the small file (preset slow), cap-format 5.1."""

DEFAULT_PRESET = "veryfast"
OPTIMIZED_PRESET = "slow"


@dataclass(frozen=True, slots=True)
class RateControl:
    """What the encoder is told."""

    crf: float
    maxrate: int
    """Bits per second."""
    bufsize: int
    """Bits: two seconds at ``maxrate``, so that a scroll after a still page may burst."""
    preset: str


def bit_rate(width: int, height: int, fps: Fraction, quality: str) -> int:
    """Cap's bit rate for a quality, in bits per second, rounded down.

    ``W * H * bpp * (30 + 0.6 * max(fps - 30, 0))``; below 30 frames per second it falls with the rate (Cap keeps
    that of 30: cap-format 11).
    """
    billed = min(fps, Fraction(30)) + Fraction(6, 10) * max(fps - 30, Fraction(0))
    return int(width * height * BITS_PER_PIXEL[quality] * billed)


def rate_control(
    width: int,
    height: int,
    fps: Fraction,
    *,
    quality: str,
    optimize_size: bool = False,
    crf: float | None = None,
    preset: str | None = None,
) -> RateControl:
    """Rate control of an export; explicit ``crf`` and ``preset`` win over the quality's."""
    default_crf = (CRF_OPTIMIZED if optimize_size else CRF)[quality]
    default_preset = OPTIMIZED_PRESET if optimize_size else DEFAULT_PRESET
    # 64 kbit/s keeps the VBV of a 16x16 video from being smaller than one key frame.
    maxrate = max(64_000, bit_rate(width, height, fps, quality) * 3 // 2)
    return RateControl(default_crf if crf is None else crf, maxrate, 2 * maxrate, preset or default_preset)
