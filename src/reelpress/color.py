"""What the numbers in a plane mean, and the maths between YUV and RGB.

Pure Python, no pictures. Sources: ITU-T H.273 (code points), ITU-R BT.601-7, BT.709-6 and BT.2020-2
(luma coefficients, quantisation). Non-linear RGB here is gamma-coded R'G'B' in 0..1, as on a screen: all
blending happens in it (cap-format 3.2), and since YUV is an affine image of it, blending in YUV is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Matrix(StrEnum):
    """Luma coefficients (H.273 MatrixCoefficients)."""

    BT601 = "bt601"
    BT709 = "bt709"
    BT2020 = "bt2020"
    SMPTE240M = "smpte240m"
    FCC = "fcc"
    RGB = "rgb"
    """Identity: the planes are G, B, R or packed RGB."""


class Range(StrEnum):
    """Quantisation range."""

    LIMITED = "limited"
    FULL = "full"


class Primaries(StrEnum):
    """H.273 ColourPrimaries, those that matter here."""

    BT709 = "bt709"
    BT601_625 = "bt601-625"
    BT601_525 = "bt601-525"
    BT2020 = "bt2020"
    DISPLAY_P3 = "display-p3"
    OTHER = "other"


class Transfer(StrEnum):
    """H.273 TransferCharacteristics, grouped by how they are treated."""

    SDR = "sdr"
    """BT.709, BT.601, sRGB, gamma 2.2/2.8, BT.2020 SDR: passed through, as every player does."""
    PQ = "pq"
    HLG = "hlg"
    LINEAR = "linear"


class Siting(StrEnum):
    """Where a chroma sample of 4:2:0 or 4:2:2 sits between the luma samples (H.273 Chroma sample location)."""

    LEFT = "left"
    """Horizontally on the even luma column, vertically half-way. The default of MPEG-2, H.264 and HEVC."""
    CENTER = "center"
    """Half-way in both directions: JPEG, MPEG-1."""
    TOP_LEFT = "top-left"
    """On the even luma column and row: BT.2020 in HEVC."""


KR_KB: dict[Matrix, tuple[float, float]] = {
    Matrix.BT601: (0.299, 0.114),
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.BT2020: (0.2627, 0.0593),
    Matrix.SMPTE240M: (0.212, 0.087),
    Matrix.FCC: (0.30, 0.11),
}
"""Kr and Kb of Y' = Kr R' + (1 - Kr - Kb) G' + Kb B'."""

Row = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ColorSpec:
    """The colour of a picture; it travels with the planes, and there is no picture without one."""

    matrix: Matrix
    range: Range
    primaries: Primaries = Primaries.BT709
    transfer: Transfer = Transfer.SDR
    siting: Siting = Siting.LEFT

    def __str__(self) -> str:
        return f"{self.matrix} {self.range}"

    @property
    def is_hdr(self) -> bool:
        """Whether showing it on a normal screen needs tone mapping."""
        return self.transfer in (Transfer.PQ, Transfer.HLG)


BT709_LIMITED = ColorSpec(Matrix.BT709, Range.LIMITED)
"""The one colour of every H.264 output (design 4)."""

SRGB = ColorSpec(Matrix.RGB, Range.FULL)
"""Art: pointer images, wallpapers, text."""


def quantisation(value_range: Range, bits: int = 8) -> tuple[float, float, float, float]:
    """``(luma_scale, luma_offset, chroma_scale, chroma_offset)`` such that ``code = scale * value + offset``.

    Luma values are 0..1, chroma values -0.5..0.5 (BT.709-6 item 3.4; H.273 equations 8.4 ff. for full range).
    """
    if value_range is Range.LIMITED:
        step = 1 << (bits - 8)
        return 219.0 * step, 16.0 * step, 224.0 * step, 128.0 * step
    top = float((1 << bits) - 1)
    return top, 0.0, top, float(1 << (bits - 1))


def rgb_to_ycc(matrix: Matrix) -> tuple[Row, Row, Row]:
    """Rows of the matrix from R'G'B' (0..1) to Y' (0..1), Cb and Cr (-0.5..0.5)."""
    kr, kb = KR_KB[matrix]
    kg = 1.0 - kr - kb
    cb, cr = 2.0 * (1.0 - kb), 2.0 * (1.0 - kr)
    return (
        (kr, kg, kb),
        (-kr / cb, -kg / cb, 0.5),
        (0.5, -kg / cr, -kb / cr),
    )


def ycc_to_rgb(matrix: Matrix) -> tuple[Row, Row, Row]:
    """The inverse of :func:`rgb_to_ycc`."""
    kr, kb = KR_KB[matrix]
    kg = 1.0 - kr - kb
    cb, cr = 2.0 * (1.0 - kb), 2.0 * (1.0 - kr)
    return (
        (1.0, 0.0, cr),
        (1.0, -cb * kb / kg, -cr * kr / kg),
        (1.0, cb, 0.0),
    )


def rgb_to_codes(
    rgb: tuple[float, float, float], spec: ColorSpec = BT709_LIMITED, bits: int = 8
) -> tuple[float, float, float]:
    """Code values (not rounded) of one R'G'B' colour given in 0..1."""
    ys, yo, cs, co = quantisation(spec.range, bits)
    y, cb, cr = (sum(c * v for c, v in zip(row, rgb, strict=True)) for row in rgb_to_ycc(spec.matrix))
    return ys * y + yo, cs * cb + co, cs * cr + co


def codes_to_rgb(
    codes: tuple[float, float, float], spec: ColorSpec = BT709_LIMITED, bits: int = 8
) -> tuple[float, float, float]:
    """R'G'B' (0..1, not clamped) of one triple of code values."""
    ys, yo, cs, co = quantisation(spec.range, bits)
    ycc = ((codes[0] - yo) / ys, (codes[1] - co) / cs, (codes[2] - co) / cs)
    r, g, b = (sum(c * v for c, v in zip(row, ycc, strict=True)) for row in ycc_to_rgb(spec.matrix))
    return r, g, b


# H.273 code points <-> our names. FFmpeg's AVCOL_* numbers are the same code points.
_MATRIX_CODES = {
    0: Matrix.RGB,
    1: Matrix.BT709,
    4: Matrix.FCC,
    5: Matrix.BT601,
    6: Matrix.BT601,
    7: Matrix.SMPTE240M,
    9: Matrix.BT2020,
}
_PRIMARIES_CODES = {
    1: Primaries.BT709,
    5: Primaries.BT601_625,
    6: Primaries.BT601_525,
    7: Primaries.BT601_525,
    9: Primaries.BT2020,
    12: Primaries.DISPLAY_P3,
}
_TRANSFER_CODES = {8: Transfer.LINEAR, 16: Transfer.PQ, 18: Transfer.HLG}
_UNSPECIFIED = 2


def from_code_points(
    *,
    matrix: int,
    primaries: int,
    transfer: int,
    full_range: bool | None,
    width: int,
    height: int,
    rgb: bool = False,
    chroma_location: int = 0,
    yuvj: bool = False,
) -> ColorSpec:
    """ColorSpec of a decoded stream from its H.273 code points, with the players' guesses for missing ones.

    Args:
        matrix, primaries, transfer: H.273 code points; 2 (or an unknown one) is "unspecified".
        full_range: ``None`` when the stream does not say.
        width, height: An unspecified matrix is BT.709 from 1280 wide or 577 high on, else BT.601, as mpv,
            Chromium and VLC assume.
        rgb: The pixel format is RGB; the matrix is then the identity and the range full.
        chroma_location: FFmpeg's ``AVChromaLocation`` (1 left, 2 center, 3 top-left; 0 unspecified).
        yuvj: The pixel format is one of FFmpeg's deprecated full-range ``yuvj*``.
    """
    if rgb:
        spec_matrix, spec_range = Matrix.RGB, Range.FULL
    else:
        hd = width >= 1280 or height > 576
        fallback = Matrix.BT709 if hd else Matrix.BT601
        spec_matrix = _MATRIX_CODES.get(matrix, fallback)
        if spec_matrix is Matrix.RGB:  # a lie seen in test files: YUV planes tagged as RGB
            spec_matrix = fallback
        spec_range = Range.FULL if (full_range or yuvj) else Range.LIMITED
    default_primaries = {
        Matrix.BT601: Primaries.BT601_525,
        Matrix.BT2020: Primaries.BT2020,
    }.get(spec_matrix, Primaries.BT709)
    spec_primaries = (
        default_primaries if primaries == _UNSPECIFIED else _PRIMARIES_CODES.get(primaries, Primaries.OTHER)
    )
    siting = {2: Siting.CENTER, 3: Siting.TOP_LEFT}.get(chroma_location, Siting.LEFT)
    return ColorSpec(spec_matrix, spec_range, spec_primaries, _TRANSFER_CODES.get(transfer, Transfer.SDR), siting)
