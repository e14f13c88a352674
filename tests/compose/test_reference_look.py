"""The reference compositor's layers: mirror, grading, motion blur, fills, turned sprites, against numbers by hand.

As in ``test_reference``, expected values come from written-out formulas, not from the code under test.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from reference_makers import (
    RED,
    WHITE,
    box,
    card,
    draw,
    flat,
    lattice,
    noise_source,
    rgb_of,
    share,
    smooth,
    source,
    write_image,
)

from reelpress.scene.plan.effects import Blur, Grade
from reelpress.scene.plan.layers import FillLayer, SpriteLayer
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

# --- mirror and soften ------------------------------------------------------------------------------------------------


def test_mirrored_luma_is_flipped_exactly():
    picture = noise_source(32, 24)
    y, _, _ = draw((32, 24), card(Rect(0, 0, 32, 24), picture, mirror=True), picture=picture)
    assert y == pytest.approx(picture.planes[0][:, ::-1].astype(float))


def test_mirrored_chroma_keeps_to_its_siting():
    """Chroma sample i, at 2i + 0.5, shows the source at 31.5 - 2i: half-way between its samples 15 - i and 16 - i."""
    picture = noise_source(32, 24)
    cb = picture.planes[1].astype(float)
    _, got, _ = draw((32, 24), card(Rect(0, 0, 32, 24), picture, mirror=True), picture=picture)
    for i in range(2, 14):
        want = 0.575 * (cb[:, 15 - i] + cb[:, 16 - i]) - 0.075 * (cb[:, 14 - i] + cb[:, 17 - i])
        assert got[:, i] == pytest.approx(want.clip(0, 255)), i


def test_mirrored_crop_shows_the_same_part():
    """Columns 8 to 16 of the source on columns 4 to 12, the last one first."""
    picture = noise_source(32, 24)
    y, _, _ = draw((32, 24), card(Rect(4, 0, 8, 24), picture, crop=Rect(8, 0, 8, 24), mirror=True), picture=picture)
    assert y[:, 4:12] == pytest.approx(picture.planes[0][:, 15:7:-1].astype(float))


def gauss(sigma: float) -> list[float]:
    """Weights at 0, 1, 2, ... of a Gaussian cut off at ceil(3 sigma)."""
    radius = math.ceil(3 * sigma)
    raw = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(-radius, radius + 1)]
    return [w / sum(raw) for w in raw[radius:]] + [0.0]


def test_softened_impulse_is_a_gaussian():
    luma = np.full((40, 40), 100)
    luma[20, 16] = 180
    cb = np.full((20, 20), 100)
    cb[9, 8] = 200
    picture = source(luma, cb)
    y, got_cb, _ = draw((40, 40), card(Rect(0, 0, 40, 40), picture, soften=1.5), picture=picture)
    g = gauss(1.5)  # 5 pixels to each side
    for dx, dy in ((0, 0), (1, 0), (0, 3), (-4, 2), (5, -5), (6, 0)):
        assert y[20 + dy, 16 + dx] == pytest.approx(100 + 80 * g[abs(dx)] * g[abs(dy)])
    g = gauss(0.75)  # in chroma samples; 3 of them to each side
    for dx, dy in ((0, 0), (1, 0), (2, -3), (4, 0)):
        assert got_cb[9 + dy, 8 + dx] == pytest.approx(100 + 100 * g[abs(dx)] * g[abs(dy)])


def test_softening_repeats_the_edge_of_the_picture_and_reaches_beyond_the_frame():
    luma = np.full((8, 40), 100)
    luma[:, 0] = 180
    picture = source(luma)
    g = gauss(1.5)
    inside, _, _ = draw((48, 8), card(Rect(4, 0, 40, 8), picture, soften=1.5), picture=picture)
    assert inside[4, 4] == pytest.approx(100 + 80 * sum(g))
    assert inside[4, 6] == pytest.approx(100 + 80 * sum(g[2:]))
    outside, _, _ = draw((48, 8), card(Rect(-2, 0, 40, 8), picture, soften=1.5), picture=picture)
    assert outside[4, 0] == pytest.approx(100 + 80 * sum(g[2:]))


def test_softened_picture_does_not_take_in_what_is_around_it():
    picture = flat(16, 16, 90, 60, 200)
    y, cb, cr = draw((32, 32), card(Rect(6, 6, 20, 20), picture, soften=4), picture=picture, background=WHITE)
    for plane, code, inside in ((y, 90, slice(6, 26)), (cb, 60, slice(4, 12)), (cr, 200, slice(4, 12))):
        assert plane[inside, inside] == pytest.approx(np.full(plane[inside, inside].shape, code))


# --- grading ----------------------------------------------------------------------------------------------------------

PAINT = (0.2, 0.4, 0.8)
LUMINANCE = 0.38636  # 0.2126 * 0.2 + 0.7152 * 0.4 + 0.0722 * 0.8


def painted(tmp_path, grade: Grade, size=(10, 10), rect: Rect | None = None) -> np.ndarray:
    """A flat sprite of colour PAINT all over the frame, graded."""
    path = write_image(tmp_path / "paint.png", np.full((size[1] + 8, size[0] + 8, 4), (51, 102, 204, 255)))
    rect = rect or Rect(-4, -4, size[0] + 8, size[1] + 8)
    return rgb_of(size, SpriteLayer(path, rect, grade=grade))


@pytest.mark.parametrize(
    ("grade", "want"),
    [  # worked out on paper from (0.2, 0.4, 0.8)
        (Grade(exposure=1), (0.5656854, 1, 1)),  # times 2.828427
        (Grade(exposure=-1), (0.0707107, 0.1414214, 0.2828427)),
        (Grade(contrast=0.5), (0.05, 0.35, 0.95)),
        (Grade(contrast=-1), (0.5, 0.5, 0.5)),
        (Grade(saturation=-1), (LUMINANCE,) * 3),
        (Grade(saturation=0.5), (0.10682, 0.40682, 1)),
        (Grade(temperature=1), (0.22, 0.4, 0.72)),
        (Grade(tint=1), (0.208, 0.372, 0.832)),
        (Grade(fade=1), (0.254, 0.418, 0.746)),
        # ss(.2, .65, .38636) = .372466; ss(.35, .8, .38636) = .018531
        (Grade(split_tone=1), (0.163830, 0.412921, 0.849091)),
    ],
    ids=lambda value: str(value) if isinstance(value, Grade) else "",
)
def test_each_slider_on_a_flat_colour(tmp_path, grade, want):
    assert painted(tmp_path, grade) == pytest.approx(np.broadcast_to(want, (10, 10, 3)), abs=2e-6)


def test_vignette_darkens_the_corners_of_the_rectangle(tmp_path):
    """Corner of 10x10: 2 * |(-.45, -.45)| = 1.272792, t = .772792, ss = .868588, factor 1 - .65 ss = .435418."""
    rgb = painted(tmp_path, Grade(vignette=1), rect=Rect(0, 0, 10, 10))
    for y, x in ((0, 0), (0, 9), (9, 0), (9, 9)):
        # the image's own edge is transparent by the kernel, so compare with the same sprite ungraded
        plain = painted(tmp_path, Grade(exposure=0.0, seed=1), rect=Rect(0, 0, 10, 10))
        assert rgb[y, x] == pytest.approx(plain[y, x] * 0.435418, abs=2e-6)
    assert rgb[4, 4] == pytest.approx(PAINT)


def test_grain_is_the_hash_of_the_pixel(tmp_path):
    rgb = painted(tmp_path, Grade(grain=0.8, seed=59))
    for x, y in ((0, 0), (3, 7), (9, 2)):
        shift = 0.175 * 0.8 * (2 * lattice(x, y, 59) - 1) * 4 * LUMINANCE * (1 - LUMINANCE)
        assert rgb[y, x] == pytest.approx([c + shift for c in PAINT])


def by_hand(c, g: Grade, uv, pixel):
    """The formula of Grade's docstring, line by line, with Python's floats."""

    def light():
        return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]

    c = [v * 2 ** (1.5 * g.exposure) for v in c]
    c[0] *= 1 + 0.10 * g.temperature + 0.04 * g.tint
    c[1] *= 1 - 0.07 * g.tint
    c[2] *= 1 - 0.10 * g.temperature + 0.04 * g.tint
    c = [(v - 0.5) * (1 + g.contrast) + 0.5 for v in c]
    grey = light()
    c = [grey + (v - grey) * (1 + g.saturation) for v in c]
    grey = light()
    low, high = 1 - smooth((grey - 0.2) / 0.45), smooth((grey - 0.35) / 0.45)
    tones = zip((-0.06, 0.02, 0.08), (0.08, 0.02, -0.06), strict=True)
    c = [v + g.split_tone * (low * a + high * b) for v, (a, b) in zip(c, tones, strict=True)]
    c = [v * (1 - 0.18 * g.fade) + 0.09 * g.fade for v in c]
    far = 2 * math.hypot(uv[0] - 0.5, uv[1] - 0.5)
    c = [v * (1 - 0.65 * g.vignette * smooth(far - 0.5)) for v in c]
    grey = min(1.0, max(0.0, light()))
    noise = 2 * lattice(*pixel, g.seed) - 1
    c = [v + 0.175 * g.grain * noise * 4 * grey * (1 - grey) for v in c]
    return [min(1.0, max(0.0, v)) for v in c]


EVERY_SLIDER = Grade(0.3, 0.2, -0.4, 0.6, -0.5, 0.7, 0.25, 0.8, 0.9, 17)


def test_all_sliders_together_in_their_order(tmp_path):
    rgb = painted(tmp_path, EVERY_SLIDER, (12, 8), Rect(-6, -8, 24, 24))
    for x, y in ((0, 0), (11, 7), (5, 3)):
        uv = ((x + 0.5 + 6) / 24, (y + 0.5 + 8) / 24)
        assert rgb[y, x] == pytest.approx(by_hand(PAINT, EVERY_SLIDER, uv, (x, y)))


def test_graded_picture_without_saturation_keeps_its_luma_and_has_no_chroma():
    """Y' is the luminance that is kept; in 16..235 and colours inside the cube nothing is clamped."""
    random = np.random.default_rng(4)
    picture = source(
        random.integers(90, 160, (24, 32)), random.integers(110, 146, (12, 16)), random.integers(110, 146, (12, 16))
    )
    layer = card(Rect(0, 0, 32, 24), picture, grade=Grade(saturation=-1))
    y, cb, cr = draw((32, 24), layer, picture=picture)
    assert y == pytest.approx(picture.planes[0].astype(float))
    assert cb == pytest.approx(np.full((12, 16), 128.0))
    assert cr == pytest.approx(np.full((12, 16), 128.0))


def test_chroma_of_a_graded_picture_is_read_between_its_samples_and_filtered_back():
    """Luma (5, 2): chroma at column (5.5 - .5) / 2 = 2.5 and row (2.5 - 1) / 2 = 0.75."""
    random = np.random.default_rng(5)
    chroma = random.integers(100, 156, (2, 12, 16))
    picture = source(np.full((24, 32), 120), *chroma)
    layer = card(Rect(0, 0, 32, 24), picture, grade=Grade(temperature=1))
    y, _, cr = draw((32, 24), layer, picture=picture)

    def at(plane, column, row):
        """Bilinear between chroma samples, edges repeated."""
        c, r = (column - 0) / 2, (row + 0.5 - 1) / 2
        c0, r0 = math.floor(c), math.floor(r)
        total = 0.0
        for i, wi in ((c0, 1 - (c - c0)), (c0 + 1, c - c0)):
            for j, wj in ((r0, 1 - (r - r0)), (r0 + 1, r - r0)):
                total += wi * wj * plane[min(max(j, 0), 11), min(max(i, 0), 15)]
        return total

    def warmed(column, row):
        grey = (120 - 16) / 219
        cb, cr = (at(p, column, row) - 128 for p in chroma)
        r, b = grey + 1.5748 * cr / 224, grey + 1.8556 * cb / 224
        g = (grey - 0.2126 * r - 0.0722 * b) / 0.7152
        return 1.1 * r, g, 0.9 * b

    def codes(rgb):
        grey = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]
        return 16 + 219 * grey, 128 + 224 * (rgb[0] - grey) / 1.5748

    assert at(chroma[0], 5, 2) == pytest.approx(
        (chroma[0][0, 2] + chroma[0][0, 3]) / 8 + (chroma[0][1, 2] + chroma[0][1, 3]) * 3 / 8
    )
    for column, row in ((5, 2), (0, 0), (31, 23), (16, 11)):
        assert y[row, column] == pytest.approx(codes(warmed(column, row))[0])
    want = sum(w * codes(warmed(x, r))[1] for x, w in ((9, 0.125), (10, 0.25), (11, 0.125)) for r in (6, 7))
    assert cr[3, 5] == pytest.approx(want)


def test_grade_leaves_ring_and_shadow_alone():
    picture = flat(20, 20, 120)
    layer = card(Rect(10, 10, 20, 20), picture, border=Border(4, RED, 1.0), shadow=Shadow(6, 2, 0.8))
    plain = draw((40, 40), layer, picture=picture, background=WHITE)
    graded = draw((40, 40), replace(layer, grade=Grade(exposure=-1)), picture=picture, background=WHITE)
    assert np.array_equal(plain[0][:10], graded[0][:10])
    want = 16 + 104 / 2**1.5
    assert graded[0][15:25, 15:25] == pytest.approx(np.full((10, 10), want))


# --- motion blur ------------------------------------------------------------------------------------------------------


def test_blurred_step_is_a_box():
    """21 places from -5 to 5 pixels by halves; the edge between pixels 19 and 20 is a ramp of one pixel."""
    picture = flat(24, 32, 235)
    layer = card(Rect(20, 0, 24, 32), picture, blur=Blur(dx=10.5))
    y, _, _ = draw((64, 32), layer, picture=picture)
    for x in range(12, 30):
        want = sum(min(1.0, max(0.0, x - (0.5 * k - 5) - 19)) for k in range(21)) / 21
        assert share(y[16, x]) == pytest.approx(want, abs=1e-9), x
    assert share(y).sum() == pytest.approx(24 * 32)  # moved about, not lost


def test_blur_along_both_axes_moves_along_the_diagonal():
    """A single bright pixel: of 21 places by whole pixels each keeps a 21st."""
    luma = np.full((32, 32), 16)
    luma[16, 16] = 226  # 210 = 10 * 21
    picture = source(luma)
    y, _, _ = draw((64, 64), card(Rect(16, 16, 32, 32), picture, blur=Blur(21, -21)), picture=picture)
    spread = {(32 - s, 32 + s) for s in range(-10, 11)}
    for row, column in np.argwhere(y > 16 + 1e-9):
        assert (int(row), int(column)) in spread
    assert y[24, 40] == pytest.approx(26)


def test_places_of_a_movement_are_whole_samples_along_it():
    """3.5 across: five of them, of the outer two a quarter. 1 down: the nearest half pixel of 2/7 and 4/7 is 1/2."""
    luma = np.full((32, 32), 16)
    luma[16, 16] = 16 + 140
    y, _, _ = draw((32, 32), card(Rect(0, 0, 32, 32), source(luma), blur=Blur(3.5, 1)), picture=source(luma))
    want = np.zeros((32, 32))
    want[16, 16] = 40
    for across, tap in ((1, 40), (2, 10)):
        want[16:18, 16 + across] = want[15:17, 16 - across] = tap / 2
    assert y - 16 == pytest.approx(want, abs=1e-9)


def test_long_movements_have_gaps():
    """65 across: every second sample; 16 of them, and half of the last on either side, are 32.5."""
    picture = flat(1, 32, 226)
    y, _, _ = draw((128, 32), card(Rect(64, 0, 1, 32), picture, blur=Blur(65, 0)), picture=picture)
    want = np.zeros(128)
    want[64 - 32 : 64 + 33 : 2] = 210 * 2 / 65
    want[[64 - 32, 64 + 32]] = 210 * 1.5 / 65
    assert y[16] - 16 == pytest.approx(want, abs=1e-9)


def test_radial_blur_spreads_about_its_origin():
    """A ray of 9 pixels: four places, -.3, -.1, .1 and .3 of it, in two steps; the box from 24 to 40 about (32, 32)."""
    picture = flat(16, 16, 235)
    layer = card(Rect(24, 24, 16, 16), picture, blur=Blur(spread=0.2, origin=(32.0, 32.0)))
    y, _, _ = draw((64, 64), layer, picture=picture)
    at = np.arange(64) + 0.5

    def scaled(line: np.ndarray, place: float) -> np.ndarray:
        return np.interp(32 + (at - 32) / math.exp(0.2 * place), at, line)

    box = ((at > 24) & (at < 40)).astype(float)
    first = (scaled(box, -0.3) + scaled(box, 0.1)) / 2
    assert share(y[31]) == pytest.approx((first + scaled(first, 0.2)) / 2, abs=1e-9)
    back, _, _ = draw((64, 64), replace(layer, blur=Blur(spread=-0.2, origin=(32.0, 32.0))), picture=picture)
    assert np.array_equal(back, y)


def test_blur_brings_in_what_lies_beside_the_frame():
    """A card that ends at x = 0, moved by -10 .. 10: pixel x sees it in 10 - x of 21 places."""
    picture = flat(30, 16, 235)
    y, cb, _ = draw((32, 16), card(Rect(-30, 0, 30, 16), picture, blur=Blur(dx=21)), picture=picture)
    assert share(y[8, :12]) == pytest.approx([max(0, 10 - x) / 21 for x in range(12)])
    assert cb == pytest.approx(np.full((8, 16), 128.0))


def test_blurred_card_is_blended_premultiplied_in_both_planes():
    """Red over white, half of it at the edge: luma and chroma are the mean of both where the mean coverage is 1/2."""
    picture = flat(32, 32, 63, 102, 240)
    y, cb, cr = draw((64, 32), card(Rect(32, 0, 32, 32), picture, blur=Blur(dx=8.4)), picture=picture, background=WHITE)
    assert y[16, 31] + y[16, 32] == pytest.approx(235 + 63)
    assert cr[8, 16] - 128 == pytest.approx(112 * (128 - cb[8, 16]) / 26)  # the mix has one weight
    assert y[16, 40] == pytest.approx(63)


def test_blur_of_nothing_is_none():
    picture = noise_source(32, 24)
    layer = card(Rect(3.3, 2.2, 20, 17), picture, 5)
    plain, still = (draw((32, 24), each, picture=picture) for each in (layer, replace(layer, blur=Blur())))
    assert all(np.array_equal(a, b) for a, b in zip(plain, still, strict=True))


def test_blurred_sprite_is_cut_after_the_blur(tmp_path):
    path = write_image(tmp_path / "full.png", np.full((16, 16, 4), 255))
    layer = SpriteLayer(path, Rect(16, 0, 16, 16), blur=Blur(dx=10.5), clip=Shape(Rect(20, 0, 40, 16)))
    y, _, _ = draw((64, 16), layer)
    assert share(y[8, 18:20]) == pytest.approx([0, 0])
    want = [sum(min(1.0, max(0.0, x - (0.5 * k - 5) - 15)) for k in range(21)) / 21 for x in (20, 21)]
    assert 0.8 < want[0] < 1
    assert share(y[8, 20:22]) == pytest.approx(want, abs=0.001)  # the image's own edge


# --- fills and shapes -------------------------------------------------------------------------------------------------


def test_fill_ending_in_half_a_pixel():
    y, cb, cr = draw((32, 16), box(10.5, 0, 16, 16, color=RED, opacity=0.5))
    luma = 16 + 219 * 0.2126
    assert y[8, 9:12] == pytest.approx([16, 16 + (luma - 16) / 4, 16 + (luma - 16) / 2])
    assert cr[4, 4:7] == pytest.approx([128, 128 + 112 * 0.25, 128 + 112 * 0.5])
    assert cb[4, 4] == pytest.approx(128)


def test_fill_is_drawn_like_a_picture_of_its_colour():
    picture = flat(40, 30, 235)
    rect, more = Rect(7.3, 6.2, 33.1, 20.4), {"shadow": Shadow(5, 3, 0.6), "border": Border(2.5, RED, 0.7)}
    filled = FillLayer(Shape(rect, 6, CornerKind.ROUNDED), WHITE, 0.8, **more)
    shown = card(rect, picture, 6, opacity=0.8, **more)
    drawn = [draw((48, 36), layer, picture=picture, background=(0.3, 0.5, 0.4)) for layer in (filled, shown)]
    for a, b in zip(*drawn, strict=True):
        assert a == pytest.approx(b)


@pytest.mark.parametrize("kind", list(CornerKind))
@pytest.mark.parametrize("top", [True, False])
def test_shape_rounded_on_one_side(kind, top):
    """The rounded half is that of a rounded shape; the square corner's pixel by its four samples: d = -.25 three
    times, -.75 once, 1 - ss((d + 1) / 2) = .68359375 and .95703125, mean .751953125."""
    rect = Rect(10, 12, 60, 50)
    half, full = (
        share(draw((80, 74), FillLayer(shape, WHITE))[0])
        for shape in (Shape(rect, 20, kind, round_top=top, round_bottom=not top), Shape(rect, 20, kind))
    )
    rounded, square = (slice(0, 37), slice(37, 74)) if top else (slice(37, 74), slice(0, 37))
    assert np.array_equal(half[rounded], full[rounded])
    corner = (61, 69) if top else (12, 10)
    assert half[corner] == pytest.approx(0.751953125)
    assert full[corner] == pytest.approx(0)
    assert half[square].sum() == pytest.approx(25 * 60, rel=0.002)


def test_shape_with_neither_side_rounded_is_an_exact_box():
    y, _, _ = draw((32, 32), FillLayer(Shape(Rect(4.5, 4, 20, 20), 8, round_top=False, round_bottom=False), WHITE))
    assert share(y[14, 3:6]) == pytest.approx([0, 0.5, 1])
    assert share(y[4, 10]) == pytest.approx(1)


# --- turned sprites ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_sprite_turned_by_quarters_is_the_image_turned(tmp_path, quarters):
    """8x6 about its middle (14, 15), clockwise: every pixel lands on a pixel."""
    pixels = np.random.default_rng(5).integers(0, 256, (6, 8, 4))
    path = write_image(tmp_path / "art.png", pixels)
    layer = SpriteLayer(path, Rect(10, 12, 8, 6), angle=quarters * math.pi / 2, pivot=(14.0, 15.0))
    rgb = rgb_of((32, 32), layer)
    want = np.rot90(pixels[..., :3] * (pixels[..., 3:] / 255) / 255, -quarters)
    left, top = 14 - want.shape[1] // 2, 15 - want.shape[0] // 2
    assert rgb[top : top + want.shape[0], left : left + want.shape[1]] == pytest.approx(want, abs=1e-9)
    assert rgb.sum() == pytest.approx(want.sum())


def test_pivot_is_where_a_sprite_turns_and_its_clip_stays(tmp_path):
    path = write_image(tmp_path / "full.png", np.full((8, 8, 4), 255))
    layer = SpriteLayer(path, Rect(16, 16, 8, 8), angle=math.pi / 2, pivot=(16.0, 16.0))
    y, _, _ = draw((40, 40), layer)
    assert share(y[16:24, 8:16]) == pytest.approx(np.ones((8, 8)))
    assert share(y).sum() == pytest.approx(64)
    y, _, _ = draw((40, 40), replace(layer, clip=Shape(Rect(8, 16, 4, 30))))
    assert share(y).sum() == pytest.approx(32)


def test_slightly_turned_sprite_keeps_its_area_and_middle(tmp_path):
    path = write_image(tmp_path / "full.png", np.full((20, 30, 4), 255))
    y, _, _ = draw((64, 64), SpriteLayer(path, Rect(17.25, 22.5, 30, 20), angle=0.3, pivot=(32.25, 32.5)))
    light = share(y)
    _, columns = np.mgrid[0:64, 0:64] + 0.5
    assert light.sum() == pytest.approx(600, rel=0.01)
    assert (light * columns).sum() / light.sum() == pytest.approx(32.25, abs=0.02)
    # Clockwise on a screen: the right end goes down.
    assert light[38, 44] > 0.9 > 0.1 > light[24, 44]
