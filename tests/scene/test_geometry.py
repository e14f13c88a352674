"""Sizes and card rectangles against numbers worked out by hand from cap-format 3.1."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.errors import SettingsError, UnsupportedInputError
from reelpress.scene import geometry
from reelpress.scene.geometry import Crop, Frame, clamp_crop
from reelpress.scene.plan.rect import Rect

F = Fraction
HD = (1920, 1080)


def screen(w: int, h: int) -> Crop:
    return clamp_crop((w, h), None, None)


def look(padding: float = 0, aspect: Fraction | None = None, position: tuple[float, float] | None = None) -> Frame:
    return Frame(F(repr(padding)), aspect, position)


def test_the_two_checks_of_the_format_description() -> None:
    assert geometry.base_size(screen(1920, 1080), look(50)) == (2688, 1512)
    assert geometry.output_size((2880, 1800), (1280, 720))[0] == (1152, 720)


@pytest.mark.parametrize(
    ("size", "frame", "base"),
    [
        ((1366, 768), look(10), (1476, 830)),  # 1475.28 and 829.44 truncated, then up to even
        ((1367, 769), look(), (1368, 770)),
        ((1000, 500), look(0, F(1)), (1000, 1000)),
        ((1000, 1000), look(25, F(16, 9)), (2134, 1200)),  # H = 1000 + 200; W = 2133.33 up, then even
        ((1920, 1080), look(100, F(9, 16)), (3456, 6144)),  # W = 1920 + 0.8 * 1920 = 3456, H = W * 16 / 9
        ((300, 100), look(0, F(4, 3)), (300, 226)),  # 225 up to even
        ((1, 1), look(), (2, 2)),
    ],
)
def test_base_sizes(size: tuple[int, int], frame: Frame, base: tuple[int, int]) -> None:
    assert geometry.base_size(screen(*size), frame) == base


@pytest.mark.parametrize(
    ("base", "box", "plain", "out"),
    [
        ((1476, 830), HD, False, (1920, 1080)),  # scale 1920/1476; 830 of it is 1079.7, up to even
        ((640, 360), HD, False, HD),  # a Cap recording is enlarged
        ((640, 360), HD, True, (640, 360)),
        ((678, 538), HD, True, (678, 538)),
        ((678, 538), None, False, (680, 538)),  # Cap's widths are multiples of 4
        ((1280, 720), None, False, (1280, 720)),
        ((3840, 2160), HD, True, HD),
        ((1616, 1568), HD, True, (1114, 1080)),  # 1113.06 truncated, then up to even
        ((1616, 1568), HD, False, (1116, 1080)),
        # never beyond the box: rounded down there
        ((1920, 1080), (333, 217), False, (332, 188)),  # 333 and 187.3
        ((1920, 1080), (333, 217), True, (332, 188)),
        ((1920, 1080), (854, 480), False, (852, 480)),  # 853.3: 856 is wider than 480p
        ((1080, 1920), (333, 217), False, (124, 216)),  # 122.06, and 217 down to even
    ],
)
def test_output_sizes(base: tuple[int, int], box: tuple[int, int] | None, plain: bool, out: tuple[int, int]) -> None:
    assert geometry.output_size(base, box, plain=plain)[0] == out


@pytest.mark.parametrize("plain", [False, True])
def test_the_output_never_exceeds_the_box(plain: bool) -> None:
    for base in ((1920, 1080), (1080, 1920), (2688, 1512), (34, 2000), (1000, 1000)):
        for across in (*range(16, 40), 333, 640, 854, 1001):
            for down in (16, 17, 18, 217, 480, 1001):
                (w, h), _ = geometry.output_size(base, (across, down), plain=plain)
                assert w <= across and h <= down, (base, across, down)
                assert w % (2 if plain else 4) == 0 and h % 2 == 0


def close(rect: Rect, x: float, y: float, w: float, h: float) -> None:
    assert (rect.x, rect.y, rect.w, rect.h) == pytest.approx((x, y, w, h), abs=1e-9)


def test_card_with_padding() -> None:
    # Offsets are 1920 * 0.2 and 1080 * 0.2.
    close(geometry.card_rect(screen(*HD), (2688, 1512), F(1), look(50)), 384, 216, 1920, 1080)


def test_card_takes_up_the_rounding_of_the_output() -> None:
    scale = F(1920, 1476)
    rect = geometry.card_rect(screen(1366, 768), HD, scale, look(10))
    x, y = 1366 * 0.04 * 1920 / 1476, 768 * 0.04 * 1920 / 1476
    close(rect, x, y, 1920 - 2 * x, 1080 - 2 * y)


def test_card_in_a_fixed_aspect() -> None:
    close(geometry.card_rect(screen(1000, 500), (1000, 1000), F(1), look(0, F(1))), 0, 250, 1000, 500)
    close(geometry.card_rect(screen(1000, 1000), (2136, 1200), F(1), look(25, F(16, 9))), 568, 100, 1000, 1000)


def test_padding_never_eats_the_card() -> None:
    # max(crop) * 0.4 would be 1600 on a side of 100: the limit is (100 - 1) / 2.
    rect = geometry.card_rect(screen(4000, 100), (400, 100), F(1), look(100, F(4)))
    assert rect.h > 0
    assert rect.w == pytest.approx(40)  # 1 pixel high, 40 times as wide
    assert rect.h == pytest.approx(1)


def test_display_position_moves_the_centre() -> None:
    rect = geometry.card_rect(screen(100, 100), (200, 100), F(1), look(0, F(2), (1.0, 0.25)))
    close(rect, 50 + 100, -25, 100, 100)
    far = geometry.card_rect(screen(100, 100), (200, 100), F(1), look(0, F(2), (7.0, -3.0)))
    close(far, 50 + 100, -50, 100, 100)


def test_contain() -> None:
    close(geometry.contain(F(1), Rect(10, 20, 200, 100)), 60, 20, 100, 100)
    close(geometry.contain(F(4), Rect(10, 20, 200, 100)), 10, 45, 200, 50)


@pytest.mark.parametrize(
    ("rect", "rest"),
    [
        (Rect(132.36, 74.45, 1655.28, 930.1), Rect(132, 74, 1656, 930)),
        (Rect(0, 0, 1920, 1080), Rect(0, 0, 1920, 1080)),
        (Rect(1.0, 0.99, 9.0, 0.2), Rect(2, 0, 8, 2)),
        (Rect(-3.1, -2.9, 5, 5), Rect(-4, -2, 6, 4)),
    ],
)
def test_a_card_rests_on_even_pixels(rect: Rect, rest: Rect) -> None:
    assert geometry.rest_rect(rect) == rest


@given(
    st.floats(-5000, 5000),
    st.floats(-5000, 5000),
    st.floats(2, 9000),
    st.floats(2, 9000),
)
def test_rounding_moves_no_edge_by_more_than_a_pixel(x: float, y: float, w: float, h: float) -> None:
    rest = geometry.rest_rect(Rect(x, y, w, h))
    for was, now in ((x, rest.x), (y, rest.y), (x + w, rest.right), (y + h, rest.bottom)):
        assert now % 2 == 0
        assert abs(now - was) <= 1 + 1e-9 or min(rest.w, rest.h) == 2


def test_crops_are_kept_inside_the_screen() -> None:
    assert clamp_crop((100, 50), (10, 5), (20, 30)) == Crop(F(10), F(5), F(20), F(30))
    assert clamp_crop((100, 50), (90, 40), (20, 30)) == Crop(F(90), F(40), F(10), F(10))
    assert clamp_crop((100, 50), (-10, 5), (20, 30)) == Crop(F(0), F(5), F(10), F(30))
    assert clamp_crop((100, 50), (200, 5), (20, 30)) == screen(100, 50)


def test_resolutions() -> None:
    assert geometry.parse_resolution("4K") == (3840, 2160)
    assert geometry.parse_resolution("source") is None
    assert geometry.parse_resolution("1600x900") == (1600, 900)
    assert geometry.parse_resolution((16, 8192)) == (16, 8192)


@pytest.mark.parametrize("given", ["hd", "1080", "x", "12x", "1.5x20", "-5x100", "١٢٨٠x٧٢٠"])
def test_unknown_resolutions(given: str) -> None:
    with pytest.raises(SettingsError, match="allowed are 720p, 1080p, 1440p, 4k, source and WIDTHxHEIGHT"):
        geometry.parse_resolution(given)


@pytest.mark.parametrize("given", ["15x900", "8193x100", (0, 0), "99999999999999999999x20"])
def test_resolutions_out_of_range(given: str | tuple[int, int]) -> None:
    with pytest.raises(SettingsError, match="16 to 8192 pixels"):
        geometry.parse_resolution(given)


def test_limits_of_the_output() -> None:
    geometry.check_size((16, 16), None, (16, 16))
    geometry.check_size((8192, 8192), None, (8192, 8192))
    with pytest.raises(SettingsError, match="smaller --resolution"):
        geometry.check_size((8196, 100), None, (8196, 100))
    with pytest.raises(SettingsError, match="larger --resolution"):
        geometry.check_size((1920, 10), HD, (19200, 100))
    with pytest.raises(UnsupportedInputError, match="source has 2x2"):
        geometry.check_size((2, 2), HD, (2, 2))
