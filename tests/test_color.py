"""``color`` against the numbers in the standards."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.color import (
    BT709_LIMITED,
    KR_KB,
    SRGB,
    ColorSpec,
    Matrix,
    Primaries,
    Range,
    Siting,
    Transfer,
    codes_to_rgb,
    from_code_points,
    quantisation,
    rgb_to_codes,
    rgb_to_ycc,
    ycc_to_rgb,
)

COLOURS = {
    "white": (1, 1, 1),
    "yellow": (1, 1, 0),
    "cyan": (0, 1, 1),
    "green": (0, 1, 0),
    "magenta": (1, 0, 1),
    "red": (1, 0, 0),
    "blue": (0, 0, 1),
    "black": (0, 0, 0),
}
BARS = {  # 100 % colour bars, 8-bit limited range, as printed in test-signal tables
    Matrix.BT709: {
        "white": (235, 128, 128), "yellow": (219, 16, 138), "cyan": (188, 154, 16), "green": (173, 42, 26),
        "magenta": (78, 214, 230), "red": (63, 102, 240), "blue": (32, 240, 118), "black": (16, 128, 128),
    },
    Matrix.BT601: {
        "white": (235, 128, 128), "yellow": (210, 16, 146), "cyan": (170, 166, 16), "green": (145, 54, 34),
        "magenta": (106, 202, 222), "red": (81, 90, 240), "blue": (41, 240, 110), "black": (16, 128, 128),
    },
}  # fmt: skip
BARS_75_BT709 = {  # SMPTE RP 219, 8 bit
    "white": (180, 128, 128), "yellow": (168, 44, 136), "cyan": (145, 147, 44), "green": (133, 63, 52),
    "magenta": (63, 193, 204), "red": (51, 109, 212), "blue": (28, 212, 120), "black": (16, 128, 128),
}  # fmt: skip


def rounded(codes: tuple[float, float, float]) -> tuple[int, int, int]:
    a, b, c = (math.floor(v + 0.5) for v in codes)
    return a, b, c


@pytest.mark.parametrize("matrix", list(BARS))
@pytest.mark.parametrize("colour", list(COLOURS))
def test_full_bars(matrix, colour):
    assert rounded(rgb_to_codes(COLOURS[colour], ColorSpec(matrix, Range.LIMITED))) == BARS[matrix][colour]


@pytest.mark.parametrize("colour", list(COLOURS))
def test_bars_of_75_percent(colour):
    r, g, b = (0.75 * v for v in COLOURS[colour])
    assert rounded(rgb_to_codes((r, g, b))) == BARS_75_BT709[colour]


@pytest.mark.parametrize(
    ("colour", "codes"),
    [
        ("white", (255, 128, 128)),
        ("black", (0, 128, 128)),
        ("red", (76.245, 84.972, 255.5)),
        ("blue", (29.07, 255.5, 107.265)),
    ],
)
def test_full_range_is_that_of_jpeg(colour, codes):
    """JFIF 1.02: Y = 0.299 R + ..., Cb = -0.1687 R - 0.3313 G + 0.5 B + 128, on 0..255."""
    assert rgb_to_codes(COLOURS[colour], ColorSpec(Matrix.BT601, Range.FULL)) == pytest.approx(codes, abs=0.02)


def test_ten_bit_bt2020():
    """BT.2020-2 table 5: white 940, black 64, achromatic 512, chroma 64..960."""
    spec = ColorSpec(Matrix.BT2020, Range.LIMITED)
    assert rgb_to_codes((1, 1, 1), spec, 10) == pytest.approx((940, 512, 512))
    assert rgb_to_codes((0, 0, 0), spec, 10) == pytest.approx((64, 512, 512))
    assert rgb_to_codes((1, 0, 0), spec, 10)[2] == pytest.approx(960)
    assert rgb_to_codes((0, 0, 1), spec, 10)[1] == pytest.approx(960)
    assert rgb_to_codes((1, 0, 0), spec, 10)[0] == pytest.approx(64 + 876 * 0.2627)


@pytest.mark.parametrize(
    ("matrix", "red_cr", "green_cb", "green_cr", "blue_cb"),
    [
        (Matrix.BT601, 1.402, -0.344136, -0.714136, 1.772),
        (Matrix.BT709, 1.5748, -0.187324, -0.468124, 1.8556),
        (Matrix.BT2020, 1.4746, -0.164553, -0.571353, 1.8814),
    ],
)
def test_inverse_matrices_as_published(matrix, red_cr, green_cb, green_cr, blue_cb):
    red, green, blue = ycc_to_rgb(matrix)
    assert red == pytest.approx((1, 0, red_cr), abs=1e-6)
    assert green == pytest.approx((1, green_cb, green_cr), abs=1e-6)
    assert blue == pytest.approx((1, blue_cb, 0), abs=1e-6)


@pytest.mark.parametrize("matrix", list(KR_KB))
def test_white_has_no_colour_and_chroma_fills_its_range(matrix):
    luma, cb, cr = rgb_to_ycc(matrix)
    assert sum(luma) == pytest.approx(1)
    assert sum(cb) == pytest.approx(0)
    assert sum(cr) == pytest.approx(0)
    assert cb[2] == 0.5
    assert cr[0] == 0.5
    assert min(luma) > 0


@pytest.mark.parametrize(
    ("value_range", "bits", "expected"),
    [
        (Range.LIMITED, 8, (219, 16, 224, 128)),
        (Range.LIMITED, 10, (876, 64, 896, 512)),
        (Range.LIMITED, 12, (3504, 256, 3584, 2048)),
        (Range.FULL, 8, (255, 0, 255, 128)),
        (Range.FULL, 10, (1023, 0, 1023, 512)),
    ],
)
def test_quantisation(value_range, bits, expected):
    assert quantisation(value_range, bits) == expected


UNIT = st.floats(0, 1)


@settings(derandomize=True, deadline=None, database=None)
@given(
    rgb=st.tuples(UNIT, UNIT, UNIT),
    matrix=st.sampled_from(list(KR_KB)),
    value_range=st.sampled_from(list(Range)),
    bits=st.sampled_from([8, 10, 12]),
)
def test_there_and_back(rgb, matrix, value_range, bits):
    spec = ColorSpec(matrix, value_range)
    codes = rgb_to_codes(rgb, spec, bits)
    assert codes_to_rgb(codes, spec, bits) == pytest.approx(rgb, abs=1e-12)
    assert 0 <= codes[0] < 2**bits


@settings(derandomize=True, deadline=None, database=None)
@given(rgb=st.tuples(UNIT, UNIT, UNIT), matrix=st.sampled_from(list(KR_KB)))
def test_eight_bit_codes_keep_rgb_within_two_codes(rgb, matrix):
    """Rounding YCbCr to 8 bits costs at most half a code each: 0.5/219 + 0.5 * 1.8814/224 of the range."""
    spec = ColorSpec(matrix, Range.LIMITED)
    back = codes_to_rgb(rounded(rgb_to_codes(rgb, spec)), spec)
    assert back == pytest.approx(rgb, abs=0.5 / 219 + 0.5 * 1.8814 / 224 + 1e-9)


def tags(**changes) -> ColorSpec:
    fields = {"matrix": 2, "primaries": 2, "transfer": 2, "full_range": None, "width": 1920, "height": 1080}
    return from_code_points(**{**fields, **changes})


def test_untagged_hd_is_bt709_limited():
    assert tags() == BT709_LIMITED


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [
        (1280, 720, Matrix.BT709),
        (1920, 1080, Matrix.BT709),
        (1024, 577, Matrix.BT709),
        (1279, 576, Matrix.BT601),
        (720, 576, Matrix.BT601),
        (640, 360, Matrix.BT601),
    ],
)
def test_untagged_matrix_goes_by_size(width, height, matrix):
    assert tags(width=width, height=height).matrix is matrix


@pytest.mark.parametrize(
    ("code", "matrix"),
    [
        (1, Matrix.BT709),
        (4, Matrix.FCC),
        (5, Matrix.BT601),
        (6, Matrix.BT601),
        (7, Matrix.SMPTE240M),
        (9, Matrix.BT2020),
    ],
)
def test_matrix_codes_of_h273(code, matrix):
    assert tags(matrix=code).matrix is matrix
    assert tags(matrix=code, width=320, height=240).matrix is matrix  # the size matters only without a tag


def test_rgb_tag_on_yuv_planes_is_not_believed():
    assert tags(matrix=0).matrix is Matrix.BT709
    assert tags(matrix=0, width=640, height=480).matrix is Matrix.BT601


def test_rgb_planes():
    spec = tags(rgb=True, full_range=False)
    assert (spec.matrix, spec.range) == (SRGB.matrix, SRGB.range)


@pytest.mark.parametrize(
    ("full_range", "yuvj", "expected"),
    [
        (None, False, Range.LIMITED),
        (False, False, Range.LIMITED),
        (True, False, Range.FULL),
        (None, True, Range.FULL),
        (False, True, Range.FULL),  # the pixel format itself says full
    ],
)
def test_range(full_range, yuvj, expected):
    assert tags(full_range=full_range, yuvj=yuvj).range is expected


@pytest.mark.parametrize(
    ("primaries", "matrix", "expected"),
    [
        (1, 1, Primaries.BT709),
        (5, 6, Primaries.BT601_625),
        (6, 6, Primaries.BT601_525),
        (7, 6, Primaries.BT601_525),
        (9, 9, Primaries.BT2020),
        (12, 1, Primaries.DISPLAY_P3),
        (11, 1, Primaries.OTHER),
        (2, 1, Primaries.BT709),
        (2, 6, Primaries.BT601_525),
        (2, 9, Primaries.BT2020),
    ],
)
def test_primaries(primaries, matrix, expected):
    assert tags(primaries=primaries, matrix=matrix).primaries is expected


@pytest.mark.parametrize(
    ("code", "transfer", "hdr"),
    [
        (1, Transfer.SDR, False),
        (2, Transfer.SDR, False),
        (6, Transfer.SDR, False),
        (13, Transfer.SDR, False),
        (14, Transfer.SDR, False),
        (8, Transfer.LINEAR, False),
        (16, Transfer.PQ, True),
        (18, Transfer.HLG, True),
    ],
)
def test_transfer(code, transfer, hdr):
    spec = tags(transfer=code)
    assert spec.transfer is transfer
    assert spec.is_hdr is hdr


@pytest.mark.parametrize(
    ("location", "siting"), [(0, Siting.LEFT), (1, Siting.LEFT), (2, Siting.CENTER), (3, Siting.TOP_LEFT)]
)
def test_chroma_location(location, siting):
    assert tags(chroma_location=location).siting is siting
