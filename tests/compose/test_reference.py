"""The reference compositor against numbers worked out by hand or by separate maths.

It is the truth for every other compositor, so nothing here takes an expected value from its own code: the formulas
are written out again (``math`` only), taken from the standards, or are sums that must come out.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from reference_makers import (
    BLACK,
    KEY,
    RED,
    WHITE,
    card,
    draw,
    flat,
    lattice,
    noise_source,
    smooth,
    source,
    write_image,
)

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range
from reelpress.compose.reference import ReferenceCompositor
from reelpress.errors import FormatError, MissingInputError, UnreadableInputError
from reelpress.media.planes import Planes
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, SpriteLayer
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

# --- colour -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rgb", "codes"),
    [  # 100 % bars in 8-bit BT.709 limited, as every test-signal table prints them
        (WHITE, (235, 128, 128)),
        ((1, 1, 0), (219, 16, 138)),
        ((0, 1, 1), (188, 154, 16)),
        ((0, 1, 0), (173, 42, 26)),
        ((1, 0, 1), (78, 214, 230)),
        (RED, (63, 102, 240)),
        ((0, 0, 1), (32, 240, 118)),
        (BLACK, (16, 128, 128)),
    ],
)
def test_flat_colours_have_the_codes_of_the_standard(rgb, codes):
    plan = FramePlan((8, 6), (BackgroundLayer(SolidFill(rgb)),))
    planes = ReferenceCompositor().compose(plan, {}, None).planes
    assert planes.format == "yuv420p"
    assert planes.color == BT709_LIMITED
    assert [p.shape for p in planes.planes] == [(6, 8), (3, 4), (3, 4)]
    assert [set(np.unique(p)) for p in planes.planes] == [{c} for c in codes]


def test_render_rgb_gives_back_the_colour():
    plan = FramePlan(
        (8, 6), (BackgroundLayer(SolidFill((0.2, 0.4, 0.6))), card(Rect(4, 0, 4, 6), flat(4, 6, 63, 102, 240)))
    )
    rgb = ReferenceCompositor().render_rgb(plan, {KEY: flat(4, 6, 63, 102, 240)})
    assert np.allclose(rgb[:, :4], (0.2, 0.4, 0.6), atol=1e-12)
    assert np.allclose(rgb[:, 4:], RED, atol=0.01)  # codes of red are rounded to whole numbers


def test_frame_that_is_not_covered_is_black():
    y, cb, cr = ReferenceCompositor().render_float(FramePlan((4, 4), ()), {})
    assert (y == 16).all()
    assert (cb == 128).all()
    assert (cr == 128).all()


def test_codes_are_clamped_to_a_byte_but_not_to_the_nominal_range():
    picture = source([[0, 255] * 4] * 8)
    plan = FramePlan((8, 8), (card(Rect(0, 0, 8, 8), picture),))
    planes = ReferenceCompositor().compose(plan, {KEY: picture}, None).planes
    assert np.array_equal(planes.planes[0], picture.planes[0])


# --- the picture ------------------------------------------------------------------------------------------------------


def test_untouched_picture_passes_through_bit_for_bit():
    picture = noise_source(32, 24)
    y, cb, cr = draw((32, 24), card(Rect(0, 0, 32, 24), picture), picture=picture)
    for got, want in zip((y, cb, cr), picture.planes, strict=True):
        assert np.allclose(got, want, atol=1e-9)


def test_nv12_is_the_same_picture_as_yuv420p():
    picture = noise_source(30, 22)
    luma, cb, cr = picture.planes
    interleaved = np.stack([cb, cr], axis=-1).reshape(cb.shape[0], -1)
    nv12 = Planes("nv12", 30, 22, (luma, interleaved), BT709_LIMITED)
    layer = card(Rect(3.3, 2.1, 41.0, 27.7), picture, 5)
    first, second = (draw((48, 32), layer, picture=p) for p in (picture, nv12))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a, b)


def test_impulse_shows_the_kernel():
    """Half a pixel off: Keys a = -0.6 is 1.4/8 - 2.4/4 + 1 = 0.575 at 1/2 and -0.6 * 0.125 = -0.075 at 3/2."""
    luma = np.full((8, 32), 100)
    luma[:, 16] = 180
    picture = source(luma)
    y, _, _ = draw((32, 8), card(Rect(0.5, 0, 32, 8), picture), picture=picture)
    assert y[4, 14:20] == pytest.approx([100, 94, 146, 146, 94, 100])


def test_impulse_shows_the_kernel_at_a_quarter():
    """k(1/4) = .871875, k(3/4) = .240625, k(5/4) = -.084375, k(7/4) = -.028125, worked out on paper."""
    luma = np.full((32, 8), 100)
    luma[16] = 180
    picture = source(luma)
    y, _, _ = draw((8, 32), card(Rect(0, 0.25, 8, 32), picture), picture=picture)
    weights = [-0.084375, 0.871875, 0.240625, -0.028125]
    assert y[15:19, 4] == pytest.approx([100 + 80 * w for w in weights])


@pytest.mark.parametrize("rect", [Rect(0, 0, 96, 64), Rect(-10.3, -7.7, 130.1, 90.9), Rect(-3, -3, 700.2, 511.7)])
def test_flat_picture_stays_flat_at_any_size(rect):
    picture = flat(101, 75, 77, 200, 33)
    y, cb, cr = draw((64, 48), card(rect, picture), picture=picture)
    for plane, code in ((y, 77), (cb, 200), (cr, 33)):
        assert plane == pytest.approx(np.full(plane.shape, code))


def test_ramp_stays_a_ramp_in_motion_and_reduced():
    """Cubic a = -0.6 keeps a slope within 0.02 samples (0.26875 for 0.25, see the quarter's weights)."""
    picture = source(np.tile(20 + 2 * np.arange(100), (8, 1)))
    for rect in (Rect(-20.3, 0, 170.0, 8), Rect(5.2, 0, 53.1, 8), Rect(7.9, 0, 31.0, 8)):
        y, _, _ = draw((64, 8), card(rect, picture), picture=picture)
        for x in range(64):
            u = (x + 0.5 - rect.x) * 100 / rect.w
            support = 2 * max(1.0, 100 / rect.w)
            if support < u < 100 - support:
                assert y[4, x] == pytest.approx(20 + 2 * (u - 0.5), abs=2 * 0.02 * max(1.0, 100 / rect.w)), (rect, x)


def test_finest_stripes_become_their_mean_at_half_size():
    picture = source(np.tile([[40, 200]], (64, 64)))
    y, _, _ = draw((64, 32), card(Rect(0, 0, 64, 32), picture), picture=picture)
    assert y[:, 3:-3] == pytest.approx(np.full((32, 58), 120.0))


def test_stripes_do_not_alias_at_a_third():
    """Period 2 shrunk 3 times: without a widened kernel the stripes would come through at full strength."""
    picture = source(np.tile([[40, 200]], (96, 96)))
    y, _, _ = draw((64, 32), card(Rect(0, 0, 64, 32), picture), picture=picture)
    assert np.abs(y[:, 4:-4] - 120).max() < 2


def test_card_ending_in_half_a_pixel_is_half_mixed():
    """Edge at x = 10.5: luma column 10 is half black (16), half white (235); chroma by [1 2 1]/4 of 0, 1/2, 1."""
    picture = flat(16, 16, 235, 90, 240)
    y, cb, cr = draw((32, 16), card(Rect(10.5, 0, 16, 16), picture), picture=picture)
    assert y[8, 9:12] == pytest.approx([16, 125.5, 235])
    assert y[8, 25:28] == pytest.approx([235, 125.5, 16])
    assert cb[4, 4:7] == pytest.approx([128, 128 - 38 * 0.5, 90])
    assert cr[4, 4:7] == pytest.approx([128, 128 + 112 * 0.5, 240])


@pytest.mark.parametrize(("edge", "share"), [(10, 0.75), (11, 0.25)])
def test_chroma_of_a_card_edge_is_left_sited(edge, share):
    picture = flat(16, 16, 128, 228, 128)
    _, cb, _ = draw((32, 16), card(Rect(edge, 0, 16, 16), picture), picture=picture)
    assert cb[4, 4:7] == pytest.approx([128, 128 + 100 * share, 228])


def test_chroma_of_a_card_edge_is_between_two_rows():
    picture = flat(16, 16, 128, 228, 128)
    for edge, share in ((6.0, 1.0), (7.0, 0.5), (7.5, 0.25)):
        _, cb, _ = draw((16, 32), card(Rect(0, edge, 16, 16), picture), picture=picture)
        assert cb[3, 4] == pytest.approx(128 + 100 * share)


def test_source_chroma_is_sampled_where_it_lies():
    """A chroma ramp enlarged twice: output sample i, at luma 2i + 0.5, shows the source at luma i + 0.25.

    That is 0.125 of a chroma sample left of where chroma sited in the middle would be read.
    """
    columns = 60 + 3 * np.arange(40)
    rows = 60 + 3 * np.arange(40)
    picture = source(np.full((80, 80), 100), np.tile(columns, (40, 1)), np.tile(rows[:, None], (1, 40)))
    _, cb, cr = draw((160, 160), card(Rect(0, 0, 160, 160), picture), picture=picture)
    i = np.arange(10, 70)
    assert cb[40, i] == pytest.approx(60 + 3 * (i + 0.25 - 0.5) / 2, abs=3 * 0.02)
    assert cr[i, 40] == pytest.approx(60 + 3 * (i + 0.5 - 1) / 2, abs=3 * 0.02)


def test_moving_by_two_pixels_moves_chroma_by_one_sample():
    picture = noise_source(32, 32)
    _, cb, cr = draw((64, 64), card(Rect(2, 4, 32, 32), picture), picture=picture)
    assert cb[3:17, 2:16] == pytest.approx(picture.planes[1][1:15, 1:15].astype(float))
    assert cr[3:17, 2:16] == pytest.approx(picture.planes[2][1:15, 1:15].astype(float))


@pytest.mark.parametrize("crop", [Rect(8, 8, 32, 32), Rect(9, 7, 31, 33), Rect(8.6, 7.2, 30.1, 33.0)])
@pytest.mark.parametrize("rect", [Rect(0, 0, 64, 64), Rect(-20, -20, 200, 200), Rect(4, 4, 20, 20)])
def test_nothing_from_outside_the_crop_shows(crop, rect):
    luma, cb = np.full((48, 48), 235), np.full((24, 24), 240)
    ys, xs = np.mgrid[0:48, 0:48] + 0.5
    inside = (xs >= crop.x) & (xs < crop.right) & (ys >= crop.y) & (ys < crop.bottom)
    luma[inside] = 50
    cys, cxs = np.mgrid[0:24, 0:24]
    inside = (2 * cxs + 0.5 >= crop.x) & (2 * cxs + 0.5 < crop.right)
    inside &= (2 * cys + 1 >= crop.y) & (2 * cys + 1 < crop.bottom)
    cb[inside] = 90
    picture = source(luma, cb)
    y, got_cb, _ = draw((64, 64), card(rect, picture, crop=crop), picture=picture)
    shown = slice(6, 22) if rect.w == 20 else slice(None)
    assert y[shown, shown] == pytest.approx(np.full(y[shown, shown].shape, 50))
    shown = slice(3, 11) if rect.w == 20 else slice(None)
    assert got_cb[shown, shown] == pytest.approx(np.full(got_cb[shown, shown].shape, 90))


def test_odd_sized_source():
    picture = noise_source(33, 21)
    y, cb, _ = draw((34, 22), card(Rect(0, 0, 33, 21), picture), picture=picture)
    assert y[:21, :33] == pytest.approx(picture.planes[0].astype(float))
    assert y[21] == pytest.approx(np.full(34, 16))
    assert cb[:10, :16] == pytest.approx(picture.planes[1][:10, :16].astype(float))


def test_layer_opacity_covers_shadow_ring_and_picture():
    """At a pixel deep inside: white * (1 - 0.5 * shadow), then half of it and half of the picture."""
    picture = flat(40, 40, 50)
    rect = Rect(12, 12, 40, 40)
    parts = {"shadow": Shadow(30, 10, 0.8), "border": Border(4, BLACK, 0.5)}
    y, _, _ = draw((64, 64), card(rect, picture, opacity=0.5, **parts), picture=picture, background=WHITE)
    for column, inside in ((20, True), (10, False)):
        distance = abs(column + 0.5 - 12)
        alpha = 0.5 * 0.8 * smooth((40 - distance) / 50)
        below = 16 + 219 * (1 - alpha)
        want = below * 0.5 + 50 * 0.5 if inside else below * 0.75 + 16 * 0.25  # the ring: 0.5 layer * 0.5 border
        assert y[32, column] == pytest.approx(want)


# --- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "power"), [(CornerKind.ROUNDED, 2), (CornerKind.SQUIRCLE, 4)])
def test_corner_coverage_along_the_diagonal(kind, power):
    """Corner of radius 20 with its centre at (30, 30): every pixel of the diagonal from the four samples' norms."""
    picture = flat(80, 80, 235)
    y, _, _ = draw((90, 90), card(Rect(10, 10, 70, 70), picture, 20, kind), picture=picture)
    seen = set()
    for i in range(8, 30):
        total = 0.0
        for dx in (0.25, 0.75):
            for dy in (0.25, 0.75):
                norm = (abs(30 - i - dx) ** power + abs(30 - i - dy) ** power) ** (1 / power)
                total += 1 - smooth((norm - 20 + 1) / 2)
        assert y[i, i] == pytest.approx(16 + 219 * total / 4), i
        seen.add(round(total / 4, 3))
    assert {0.0, 1.0} < seen  # the walk crosses the edge, with mixed pixels on it


def test_squircle_holds_what_a_round_corner_cuts_off():
    """15.5 px from the corner's centre on both axes: 21.9 in the 2-norm, 18.4 in the 4-norm; the radius is 20."""
    picture = flat(80, 80, 235)
    round_y, squircle_y = (
        draw((90, 90), card(Rect(10, 10, 70, 70), picture, 20, kind), picture=picture)[0][14, 14]
        for kind in (CornerKind.ROUNDED, CornerKind.SQUIRCLE)
    )
    assert round_y == pytest.approx(16)
    assert squircle_y == pytest.approx(235)


def corner_area(radius: float, kind: CornerKind) -> float:
    """Area of a quarter of the unit ball of the 2- or 4-norm, scaled: Gamma(1 + 1/n)^2 / Gamma(1 + 2/n) r^2."""
    n = 2 if kind is CornerKind.ROUNDED else 4
    return math.gamma(1 + 1 / n) ** 2 / math.gamma(1 + 2 / n) * radius**2


def shape_area(width: float, height: float, radius: float, kind: CornerKind) -> float:
    return width * height - 4 * (radius**2 - corner_area(radius, kind))


@pytest.mark.parametrize("kind", list(CornerKind))
def test_card_covers_its_area(kind):
    picture = flat(80, 60, 235)
    y, _, _ = draw((120, 90), card(Rect(11.3, 9.8, 90.4, 66.6), picture, 22, kind), picture=picture)
    assert (y - 16).sum() / 219 == pytest.approx(shape_area(90.4, 66.6, 22, kind), rel=0.002)


@pytest.mark.parametrize("kind", list(CornerKind))
def test_border_ring_has_its_area(kind):
    picture = flat(80, 60, 16)
    layer = card(Rect(15.5, 12, 80, 60), picture, 18, kind, border=Border(6, WHITE, 1.0))
    y, _, _ = draw((120, 90), layer, picture=picture)
    want = shape_area(92, 72, 24, kind) - shape_area(80, 60, 18, kind)
    assert (y - 16).sum() / 219 == pytest.approx(want, rel=0.01)


def test_border_and_picture_leave_no_seam():
    """Both white over black: every pixel between the ring's outer edges is plain white, across its inner edge too."""
    picture = flat(80, 60, 235)
    layer = card(Rect(15.3, 12.8, 80, 60), picture, 18, border=Border(6, WHITE, 1.0))
    y, _, _ = draw((120, 90), layer, picture=picture)
    assert y[32:54, 11:100] == pytest.approx(np.full((22, 89), 235))  # outer edges at 9.3 and 101.3
    assert y[9:77, 50] == pytest.approx(np.full(68, 235))  # and at 6.8 and 78.8


# --- shadow -----------------------------------------------------------------------------------------------------------


def shadow_profile(radius: float) -> np.ndarray:
    """Alpha beside the right edge (x = 40.5) of a card, at distances 0, 1, 2, ... (pixel centres)."""
    picture = flat(40, 40, 235)
    layer = card(Rect(8.5, 24, 32, 40), picture, radius, shadow=Shadow(8, 4, 0.5))
    y, _, _ = draw((64, 88), layer, picture=picture, background=WHITE)
    return 1 - (y[44, 40:] - 16) / 219


def test_shadow_falls_off_as_written():
    """t = (12 - d) / 16: at 4 px t = 1/2, alpha = 0.5 * 0.5; at 8 px t = 1/4, 0.5 * 0.15625; at 12 px nothing."""
    profile = shadow_profile(0)
    assert profile[4] == pytest.approx(0.25)
    assert profile[8] == pytest.approx(0.078125)
    assert profile[12:] == pytest.approx(np.zeros(12))


def test_shadow_sums_to_its_integral():
    """Integral over d = 0 .. 12 is 0.5 * 16 * (t^3 - t^4 / 2) at t = 3/4 = 2.109375; half of the first pixel counts."""
    profile = shadow_profile(6)
    edge = 0.5 * smooth(12 / 16)  # at d = 0 the card's own edge is mixed in, so its alpha comes from the formula
    assert edge / 2 + profile[1:].sum() == pytest.approx(2.109375, abs=0.01)


def test_shadow_turns_a_coloured_ground_darker_not_greyer():
    picture = flat(16, 16, 235)
    layer = card(Rect(0, 0, 16, 16), picture, shadow=Shadow(10, 0.0, 1.0))
    y, cb, cr = draw((32, 32), layer, picture=picture, background=RED)
    alpha = smooth((10 - 4.5) / 10)
    assert y[8, 20] == pytest.approx(16 + 219 * 0.2126 * (1 - alpha))
    # Chroma sample 10 lies on column 20; its filter takes columns 19, 20, 21.
    alphas = [smooth((10 - d) / 10) for d in (3.5, 4.5, 5.5)]
    share = 1 - (alphas[0] + 2 * alphas[1] + alphas[2]) / 4
    assert cr[4, 10] == pytest.approx(128 + 112 * share)
    assert cb[4, 10] == pytest.approx(128 - 224 * 0.2126 / 1.8556 * share)


def test_shadow_of_no_size_is_none():
    picture = flat(16, 16, 235)
    with_shadow = draw((32, 32), card(Rect(4, 4, 16, 16), picture, shadow=Shadow(0, 0, 1)), picture=picture)
    without = draw((32, 32), card(Rect(4, 4, 16, 16), picture), picture=picture)
    assert np.array_equal(with_shadow[0], without[0])


# --- backgrounds ------------------------------------------------------------------------------------------------------


def gradient_luma(angle: float, size=(20, 10)) -> np.ndarray:
    plan = FramePlan(size, (BackgroundLayer(GradientFill(BLACK, WHITE, angle)),))
    return (ReferenceCompositor().render_float(plan, {})[0] - 16) / 219


def test_gradient_of_90_degrees_runs_to_the_right():
    assert gradient_luma(90)[3] == pytest.approx((np.arange(20) + 0.5) / 20)


def test_gradient_of_0_degrees_runs_upwards():
    assert gradient_luma(0)[:, 7] == pytest.approx(1 - (np.arange(10) + 0.5) / 10)


def test_gradient_of_45_degrees_at_the_corners_and_the_middle():
    """Direction (1, -1) / sqrt 2: top right is beyond 1 (0.5 + 0.5 * 1.85 / 1.414 = 1.154), bottom left below 0."""
    grey = gradient_luma(45)
    assert grey[0, 19] == 1
    assert grey[9, 0] == 0
    assert grey[0, 0] == pytest.approx(0.5 + (-0.475 + 0.45) / math.sqrt(2))
    assert grey[9, 19] == pytest.approx(0.5 + (0.475 - 0.45) / math.sqrt(2))


def test_gradient_mixes_colours():
    plan = FramePlan((4, 2), (BackgroundLayer(GradientFill(RED, (0, 0, 1), 90)),))
    rgb = ReferenceCompositor().render_rgb(plan, {})
    assert rgb[0] == pytest.approx(np.array([[1 - t, 0, t] for t in (0.125, 0.375, 0.625, 0.875)]))


def noise_at(x: int, y: int, size: tuple[int, int], scale: float) -> float:
    frequency = 600 * (0.3 + 1.2 * (100 - scale) / 100)
    total = 0.0
    for octave in range(4):
        px = (x + 0.5) / size[0] * frequency * 2**octave
        py = (y + 0.5) / size[1] * frequency * 2**octave
        ix, iy = int(px), int(py)
        sx, sy = smooth(px - ix), smooth(py - iy)
        top = lattice(ix, iy, octave) * (1 - sx) + lattice(ix + 1, iy, octave) * sx
        low = lattice(ix, iy + 1, octave) * (1 - sx) + lattice(ix + 1, iy + 1, octave) * sx
        total += (top * (1 - sy) + low * sy) / 2**octave
    return total / 1.875


def test_noise_of_a_gradient():
    size, scale = (24, 14), 40.0
    fill = GradientFill((0.1, 0.4, 0.8), (0.3, 0.7, 0.9), 90, noise_intensity=60, noise_scale=scale)
    rgb = ReferenceCompositor().render_rgb(FramePlan(size, (BackgroundLayer(fill),)), {})
    for x, y in ((0, 0), (5, 9), (12, 3), (23, 13)):
        n, t = noise_at(x, y, size, scale), (x + 0.5) / 24
        for channel, (start, end) in enumerate(zip(fill.start, fill.end, strict=True)):
            c = start + (end - start) * t
            overlay = 2 * c * n if c < 0.5 else 1 - 2 * (1 - c) * (1 - n)
            assert rgb[y, x, channel] == pytest.approx(c + (overlay - c) * 0.15)


def test_noise_is_grain_about_the_colour():
    fill = GradientFill((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 0, noise_intensity=100)
    rgb = ReferenceCompositor().render_rgb(FramePlan((320, 180), (BackgroundLayer(fill),)), {})
    assert rgb.mean() == pytest.approx(0.5, abs=0.01)
    assert 0.02 < rgb.std() < 0.08


def test_image_covers_the_frame_from_its_middle(tmp_path):
    """40x20 onto 20x20: scale 1, ten columns cut off on both sides."""
    pixels = np.random.default_rng(3).integers(0, 256, (20, 40, 3))
    path = write_image(tmp_path / "wide.png", pixels)
    rgb = ReferenceCompositor().render_rgb(FramePlan((20, 20), (BackgroundLayer(ImageFill(path, 40, 20)),)), {})
    assert rgb == pytest.approx(pixels[:, 10:30] / 255)


def test_image_is_enlarged_to_cover(tmp_path):
    """10x10, its halves black and white, onto 40x20: four times as large, rows 10 to 30 of 40 are seen."""
    path = write_image(tmp_path / "halves.png", np.repeat([[[0] * 3] * 5 + [[255] * 3] * 5], 10, axis=0))
    rgb = ReferenceCompositor().render_rgb(FramePlan((40, 20), (BackgroundLayer(ImageFill(path, 10, 10)),)), {})
    assert np.ptp(rgb, axis=0) == pytest.approx(np.zeros((40, 3)))
    assert rgb[0, :14, 0] == pytest.approx(np.zeros(14))
    assert rgb[0, 26:, 0] == pytest.approx(np.ones(14))
    assert rgb[0, 19, 0] + rgb[0, 20, 0] == pytest.approx(1)
    assert 0 <= rgb.min() <= rgb.max() <= 1  # the kernel's overshoot is clamped


def test_image_is_turned_upright_and_laid_over_white(tmp_path):
    pixels = np.zeros((4, 8, 4), np.uint8)
    pixels[:, :4] = (255, 0, 0, 255)  # left half red, right half empty
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees: the left side becomes the top
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    fill = ImageFill(str(tmp_path / "turned.png"), 4, 8)
    rgb = ReferenceCompositor().render_rgb(FramePlan((4, 8), (BackgroundLayer(fill),)), {})
    assert rgb[:4] == pytest.approx(np.broadcast_to(RED, (4, 4, 3)))
    assert rgb[4:] == pytest.approx(np.ones((4, 4, 3)))


def test_blur_of_a_step_is_the_error_function(tmp_path):
    path = write_image(tmp_path / "step.png", np.repeat([[[0] * 3] * 32 + [[255] * 3] * 32], 16, axis=0))
    layer = BackgroundLayer(ImageFill(path, 64, 16), blur_sigma=5)
    rgb = ReferenceCompositor().render_rgb(FramePlan((64, 16), (layer,)), {})
    want = [0.5 * (1 + math.erf((x + 0.5 - 32) / (5 * math.sqrt(2)))) for x in range(64)]
    assert rgb[7, :, 1] == pytest.approx(want, abs=0.004)  # cut off at 3 sigma, sampled at whole pixels


def test_images_that_cannot_be_read(tmp_path):
    missing = FramePlan((4, 4), (BackgroundLayer(ImageFill(str(tmp_path / "no.png"), 4, 4)),))
    with pytest.raises(MissingInputError, match=r"no\.png"):
        ReferenceCompositor().render_float(missing, {})
    (tmp_path / "text.png").write_text("not a picture")
    broken = FramePlan((4, 4), (BackgroundLayer(ImageFill(str(tmp_path / "text.png"), 4, 4)),))
    with pytest.raises(UnreadableInputError, match=r"text\.png"):
        ReferenceCompositor().render_float(broken, {})


# --- sprites ----------------------------------------------------------------------------------------------------------


def test_pointer_lies_on_its_hotspot(tmp_path):
    """A dot round (6, 9) of the image, drawn 1.25 times as large at (20.3, 13.7), has its centroid there."""
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[7:11, 4:8] = 255
    path = write_image(tmp_path / "dot.png", pixels)
    y, _, _ = draw((80, 64), SpriteLayer(path, Rect(20.3, 13.7, 40, 40)))
    light = y - 16
    rows, columns = np.mgrid[0:64, 0:80] + 0.5
    assert (light * columns).sum() / light.sum() == pytest.approx(20.3 + 6 * 1.25, abs=0.02)
    assert (light * rows).sum() / light.sum() == pytest.approx(13.7 + 9 * 1.25, abs=0.02)
    assert light.sum() / 219 == pytest.approx(16 * 1.25**2, rel=0.1)


def test_sprite_at_its_own_size_is_laid_over_exactly(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 256, (6, 8, 4))
    path = write_image(tmp_path / "art.png", pixels)
    plan = FramePlan((16, 12), (BackgroundLayer(SolidFill((0.2, 0.5, 0.7))), SpriteLayer(path, Rect(4, 3, 8, 6), 0.5)))
    rgb = ReferenceCompositor().render_rgb(plan, {})
    alpha = pixels[..., 3:] / 255 * 0.5
    want = np.array((0.2, 0.5, 0.7)) * (1 - alpha) + pixels[..., :3] / 255 * alpha
    assert rgb[3:9, 4:12] == pytest.approx(want)
    assert rgb[0] == pytest.approx(np.broadcast_to((0.2, 0.5, 0.7), (16, 3)))


def test_colour_of_empty_pixels_does_not_bleed(tmp_path):
    """Bright green under alpha 0 beside black: premultiplied art shows no green."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 1] = 255
    pixels[2:6, 2:6] = (0, 0, 0, 255)
    path = write_image(tmp_path / "bleed.png", pixels)
    plan = FramePlan((32, 32), (SpriteLayer(path, Rect(1.3, 2.2, 27.1, 25.9)),))
    assert np.abs(ReferenceCompositor().render_rgb(plan, {})).max() < 1e-12


def test_image_edge_of_a_sprite_fades_to_nothing(tmp_path):
    """Opaque up to its border, half a pixel off: zeros outside, so the last column holds k(1/2) + k(3/2) = 1/2."""
    path = write_image(tmp_path / "full.png", np.full((8, 8, 4), 255))
    y, _, _ = draw((16, 8), SpriteLayer(path, Rect(4.5, 0, 8, 8)))
    assert (y[4, 3:7] - 16) / 219 == pytest.approx([0, 0.5, 1, 1])  # 0.575 - 0.075; -0.075 is clamped to 0
    assert (y[4, 11:14] - 16) / 219 == pytest.approx([1, 0.5, 0])


def test_clip_cuts_a_sprite(tmp_path):
    path = write_image(tmp_path / "full.png", np.full((16, 16, 4), 255))
    layer = SpriteLayer(path, Rect(0, 0, 16, 16), clip=Shape(Rect(3.25, 0, 100, 8)))
    y, cb, _ = draw((16, 16), layer)
    assert (y[2, :6] - 16) / 219 == pytest.approx([0, 0, 0, 0.75, 1, 1])
    assert (y[8:] == 16).all()
    assert cb == pytest.approx(np.full((8, 8), 128))


def test_chroma_of_a_sprite_is_filtered_premultiplied(tmp_path):
    """One opaque red column at x = 5 of a black ground: a quarter of it in chroma samples 2 and 3, none in others."""
    pixels = np.zeros((8, 16, 4), np.uint8)
    pixels[:, 5] = (255, 0, 0, 255)
    path = write_image(tmp_path / "line.png", pixels)
    _, _, cr = draw((16, 8), SpriteLayer(path, Rect(0, 0, 16, 8)))
    assert cr[2] == pytest.approx([128, 128, 156, 156, 128, 128, 128, 128])  # 112 / 4


# --- the protocol -----------------------------------------------------------------------------------------------------


def test_equal_plan_is_held_and_another_is_drawn():
    picture = noise_source(16, 16)
    compositor = ReferenceCompositor()
    plan = FramePlan((32, 32), (BackgroundLayer(SolidFill(RED)), card(Rect(4.5, 4, 20, 20), picture)))
    first = compositor.compose(plan, {KEY: picture}, None)
    second = compositor.compose(plan, {KEY: picture}, first)
    assert second.planes is first.planes
    assert second.damage == ()
    assert sum(r.area for r in first.damage) == 32 * 32
    moved = FramePlan((32, 32), (BackgroundLayer(SolidFill(RED)), card(Rect(5.5, 4, 20, 20), picture)))
    third = compositor.compose(moved, {KEY: picture}, second)
    assert third.damage
    assert not np.array_equal(third.planes.planes[0], first.planes.planes[0])
    assert compositor.compose(plan, {KEY: picture}, first).damage, "`first` is no longer the last one"
    compositor.close()
    compositor.close()


@pytest.mark.parametrize("spec", [ColorSpec(Matrix.BT601, Range.LIMITED), ColorSpec(Matrix.BT709, Range.FULL)])
def test_other_colour_is_refused(spec):
    picture = flat(8, 8, 100)
    picture.color = spec
    with pytest.raises(FormatError):
        draw((8, 8), card(Rect(0, 0, 8, 8), picture), picture=picture)


def test_other_format_is_refused():
    picture = Planes("yuv444p", 8, 8, (np.zeros((8, 8), np.uint8),) * 3, BT709_LIMITED)
    with pytest.raises(FormatError, match="yuv444p"):
        draw((8, 8), card(Rect(0, 0, 8, 8), picture), picture=picture)


def test_speck_of_a_card_from_a_large_source_is_its_mean():
    """A card of half a pixel: the kernel spans the whole source, and nothing grows with the reduction but the taps."""
    picture = source(np.tile([[40, 200]], (300, 200)))
    y, _, _ = draw((64, 64), card(Rect(20.25, 20.25, 0.5, 0.5), picture), picture=picture)
    assert y[20, 20] == pytest.approx(16 * 0.75 + 120 * 0.25, abs=0.5)
    assert np.count_nonzero(np.abs(y - 16) > 1e-9) == 1
