"""The reference compositor's look: mirror, grading, blurs, effects, groups, warps, against numbers worked out by hand.

As in ``test_reference``, expected values come from written-out formulas, not from the code under test.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from test_reference import (
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

from reelpress.compose.reference import ReferenceCompositor
from reelpress.scene.plan import (
    BackgroundLayer,
    Blur,
    Border,
    CornerKind,
    Effect,
    EffectLayer,
    FillLayer,
    FramePlan,
    Grade,
    GroupLayer,
    Rect,
    Shadow,
    Shape,
    SolidFill,
    SpriteLayer,
)

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def rgb_of(size: tuple[int, int], *layers, picture=None) -> np.ndarray:
    return ReferenceCompositor().render_rgb(FramePlan(size, layers), {KEY: picture} if picture else {})


def share(y: np.ndarray) -> np.ndarray:
    """White over black: how much white there is."""
    return (y - 16) / 219


def box(*rect: float, color=WHITE, **more) -> FillLayer:
    return FillLayer(Shape(Rect(*rect)), color, **more)


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


# --- effects ----------------------------------------------------------------------------------------------------------


def under(effect: EffectLayer, picture, *more):
    """The effect on a picture that fills the frame one to one."""
    size = (picture.width, picture.height)
    return draw(size, card(Rect(0, 0, *size), picture), *more, effect, picture=picture)


def test_pixelate_shows_the_sample_at_each_cell_s_middle():
    """Cells of 8 from (4, 6): middles at x 8, 16 and y 10, 18. Luma: of two as near the lower, 7, 15 and 9, 17.
    Chroma (at 2i + .5, 2j + 1): x 8 is nearest to 8.5 (i = 4), 16 to 16.5 (8); y 10 is between 9 and 11 (j = 4), 18
    between 17 and 19 (8)."""
    picture = noise_source(32, 32)
    luma, blue, red = (p.astype(float) for p in picture.planes)
    y, cb, cr = under(EffectLayer(Effect.PIXELATE, Rect(4, 6, 16, 16), 8), picture)
    want = luma.copy()
    for top, row in ((6, 9), (14, 17)):
        for left, column in ((4, 7), (12, 15)):
            want[top : top + 8, left : left + 8] = luma[row, column]
    assert y == pytest.approx(want)
    for got, plane in ((cb, blue), (cr, red)):
        want = plane.copy()
        for rows, row in ((slice(3, 7), 4), (slice(7, 11), 8)):
            # Sample 10 lies at 20.5, outside, but its filter takes in column 19, which is hidden.
            for columns, column in ((slice(2, 6), 4), (slice(6, 11), 8)):
                want[rows, columns] = plane[row, column]
        assert got == pytest.approx(want)


def test_pixelate_ends_in_a_part_of_a_cell_whose_middle_is_clamped():
    """Cells of 8 on 18 pixels from 4: 4..12, 12..20, 20..22, the last one's middle 24 is clamped to 22: sample 21."""
    picture = noise_source(32, 32)
    y, _, _ = under(EffectLayer(Effect.PIXELATE, Rect(4, 6, 18, 8), 8), picture)
    assert y[6:14, 20:22] == pytest.approx(np.full((8, 2), float(picture.planes[0][9, 21])))
    assert y[6:14, 22:] == pytest.approx(picture.planes[0][6:14, 22:].astype(float))


@pytest.mark.parametrize("rect", [Rect(4, 6, 16, 16), Rect(5, 7, 16, 16), Rect(5, 7, 18, 11)])
@pytest.mark.parametrize("amount", [8, 5])
def test_pixelate_leaks_nothing(rect, amount):
    """Everything that is hidden turned into the finest pattern, but for the samples at the cells' middles: not one
    bit of the frame differs, chroma included."""
    picture = noise_source(32, 32)
    luma, cb, cr = (p.copy() for p in picture.planes)

    def middles(start, length):
        count = math.ceil(length / amount)
        return [min(start + (k + 0.5) * amount, start + length) for k in range(count)]

    rows, columns = np.mgrid[0:32, 0:32]
    hidden = (columns >= rect.x) & (columns < rect.right) & (rows >= rect.y) & (rows < rect.bottom)
    hidden_chroma = np.zeros((16, 16), bool)
    for row, column in np.argwhere(hidden):  # every chroma sample that a hidden pixel has a part in
        hidden_chroma[row // 2, column // 2] = True
        hidden_chroma[row // 2, min(15, (column + 1) // 2)] = True
    for x in middles(rect.x, rect.w):
        for y in middles(rect.y, rect.h):
            hidden[math.ceil(y) - 1, math.ceil(x) - 1] = False
            hidden_chroma[math.ceil((y - 1) / 2 - 0.5), math.ceil((x - 0.5) / 2 - 0.5)] = False
    luma[hidden] = np.where((rows + columns) % 2, 235, 16)[hidden]
    checks = np.where((rows + columns)[:16, :16] % 2, 240, 16)
    cb[hidden_chroma], cr[hidden_chroma] = checks[hidden_chroma], 255 - checks[hidden_chroma]
    assert hidden.sum() > 100
    effect = EffectLayer(Effect.PIXELATE, rect, amount)
    plan = FramePlan((32, 32), (card(Rect(0, 0, 32, 32), picture), effect))
    frames = [ReferenceCompositor().compose(plan, {KEY: each}, None).planes for each in (picture, source(luma, cb, cr))]
    for a, b in zip(*(frame.planes for frame in frames), strict=True):
        assert np.array_equal(a, b)


def taps(amount: float) -> list[float]:
    """Weights k = 0 .. 12 of the blur: exp(-(amount k / 12)^2 / (2 (amount / 3)^2)) = exp(-k^2 / 32)."""
    raw = [math.exp(-(k**2) / 32) for k in range(13)]
    whole = raw[0] + 2 * sum(raw[1:])
    assert amount > 0
    return [w / whole for w in raw]


def test_blurred_impulse_shows_the_taps():
    """Amount 12: a tap on every pixel."""
    luma = np.full((64, 64), 100)
    luma[30, 28] = 200
    cb = np.full((32, 32), 128)
    cb[14, 15] = 228
    y, got_cb, _ = under(EffectLayer(Effect.BLUR, Rect(4, 4, 56, 56), 12), source(luma, cb))
    w = taps(12)
    for dx, dy in ((0, 0), (3, 0), (-5, 7), (12, -12)):
        assert y[30 + dy, 28 + dx] == pytest.approx(100 + 100 * w[abs(dx)] * w[abs(dy)])
    assert y[30, 28 + 13] == pytest.approx(100)
    # Chroma: half a sample a tap, bilinear: tap 2m is on sample m, taps 2m - 1 and 2m + 1 lie half on it.
    v = [w[0] + w[1], *(w[2 * m] + (w[2 * m - 1] + w[2 * m + 1]) / 2 for m in range(1, 6))]
    for dx, dy in ((0, 0), (1, 0), (-3, 5)):
        assert got_cb[14 + dy, 15 + dx] == pytest.approx(128 + 100 * v[abs(dx)] * v[abs(dy)])


@pytest.mark.parametrize("rect", [Rect(8, 8, 24, 20), Rect(9, 7, 21, 23), Rect(8.6, 7.4, 24.1, 20.2)])
def test_blur_takes_nothing_from_outside(rect):
    """Grey inside, white and coloured outside, at every sample whose centre is outside: inside stays grey."""
    rows, columns = np.mgrid[0:48, 0:48] + 0.5
    inside = (columns >= rect.x) & (columns < rect.right) & (rows >= rect.y) & (rows < rect.bottom)
    luma = np.where(inside, 80, 235)
    crows, ccolumns = np.mgrid[0:24, 0:24]
    x, y = 2 * ccolumns + 0.5, 2 * crows + 1
    inside_chroma = (x >= rect.x) & (x < rect.right) & (y >= rect.y) & (y < rect.bottom)
    got, cb, _ = under(EffectLayer(Effect.BLUR, rect, 10), source(luma, np.where(inside_chroma, 128, 220)))
    assert got[12:24, 12:26] == pytest.approx(np.full((12, 14), 80.0))
    fully = (columns - 0.5 >= rect.x) & (columns + 0.5 <= rect.right) & (rows - 0.5 >= rect.y)
    fully &= rows + 0.5 <= rect.bottom
    assert got[fully] == pytest.approx(np.full(fully.sum(), 80.0))
    assert cb[inside_chroma] == pytest.approx(np.full(inside_chroma.sum(), 128.0))


def test_blur_repeats_the_edge_of_its_rectangle():
    """A bright first column, amount 12: at column 8 + d the taps k = -12 .. -d fall on it or before it."""
    luma = np.full((48, 48), 100)
    luma[:, 8] = 200
    y, _, _ = under(EffectLayer(Effect.BLUR, Rect(8, 8, 32, 32), 12), source(luma))
    w = taps(12)
    for d in range(5):
        assert y[20, 8 + d] == pytest.approx(100 + 100 * sum(w[d:]))


def test_highlight_darkens_what_is_outside():
    y, _, cr = draw((40, 40), EffectLayer(Effect.HIGHLIGHT, Rect(9, 8, 12.5, 16), 0.4), background=RED)
    luma = 219 * 0.2126
    assert y[16, [8, 9, 20, 21, 22]] == pytest.approx([16 + luma * v for v in (0.6, 1, 1, 0.8, 0.6)])
    assert y[7, 12] == pytest.approx(16 + luma * 0.6)
    # Chroma sample 4 lies on column 8; its filter takes 7, 8 (dark) and 9 (bright).
    assert cr[8, [3, 4, 5]] == pytest.approx([128 + 112 * v for v in (0.6, 0.7, 1.0)])


def test_feather_is_a_smooth_step_from_the_nearest_edge():
    """Feather 4: centres at .5, 1.5, 2.5, 3.5 from the edge, t = 1/8, 3/8, 5/8, 7/8."""
    y, _, _ = draw((48, 48), EffectLayer(Effect.HIGHLIGHT, Rect(8, 8, 32, 32), 1.0, feather=4), background=WHITE)
    steps = [0.04296875, 0.31640625, 0.68359375, 0.95703125]
    assert share(y[24, 6:14]) == pytest.approx([0, 0, *steps, 1, 1])
    assert share(y[34:42, 24]) == pytest.approx([1, 1, *steps[::-1], 0, 0])
    assert share(y[9, 10]) == pytest.approx(steps[1])  # nearer to the top


def test_feathered_pixelate_mixes_by_its_weight():
    picture = noise_source(48, 48)
    y, _, _ = under(EffectLayer(Effect.PIXELATE, Rect(8, 8, 32, 32), 16, feather=4), picture)
    luma = picture.planes[0].astype(float)
    assert y[20, 9] == pytest.approx(luma[20, 9] * (1 - 0.31640625) + luma[15, 15] * 0.31640625)
    assert y[20, 12] == pytest.approx(luma[15, 15])


@pytest.mark.parametrize("effect", list(Effect))
def test_effect_of_no_amount_changes_nothing(effect):
    picture = noise_source(32, 32)
    y, cb, cr = under(EffectLayer(effect, Rect(4, 4, 20, 20), 0.0), picture)
    for got, want in zip((y, cb, cr), picture.planes, strict=True):
        assert got == pytest.approx(want.astype(float))


# --- groups -----------------------------------------------------------------------------------------------------------


def test_cross_fade_of_two_flat_pictures_is_their_mean():
    first, second = (GroupLayer((BackgroundLayer(SolidFill(c)),)) for c in ((0.2, 0.9, 0.1), (0.6, 0.3, 0.7)))
    rgb = rgb_of((8, 8), first, replace(second, opacity=0.5))
    assert rgb == pytest.approx(np.broadcast_to((0.4, 0.6, 0.4), (8, 8, 3)))


def test_group_fades_as_a_whole():
    """A white box over a red one, both in one group at 30 %: where they overlap no red shows."""
    group = GroupLayer((box(4, 4, 16, 16, color=RED), box(12, 4, 16, 16)), 0.3)
    rgb = rgb_of((32, 32), BackgroundLayer(SolidFill((0.0, 0.0, 1.0))), group)
    assert rgb[8, 6] == pytest.approx((0.3, 0, 0.7))
    assert rgb[8, 16] == pytest.approx((0.3, 0.3, 1.0))
    assert rgb[8, 30] == pytest.approx((0, 0, 1))


def test_group_at_full_opacity_is_its_layers():
    picture = noise_source(32, 24)
    layers = (
        card(Rect(5.3, 4.1, 30.2, 22.6), picture, 6, shadow=Shadow(5, 2, 0.7), border=Border(2, RED, 0.5), opacity=0.7),
        box(20.5, 11, 13, 9, color=(0.1, 0.8, 0.3), opacity=0.4),
    )
    apart = draw((48, 36), *layers, picture=picture, background=(0.2, 0.4, 0.9))
    for warp in (None, IDENTITY):
        grouped = draw((48, 36), GroupLayer(layers, warp=warp), picture=picture, background=(0.2, 0.4, 0.9))
        for a, b in zip(apart, grouped, strict=True):
            assert a == pytest.approx(b, abs=1e-9)


def test_effect_in_a_group_sees_only_the_group():
    """A box from 10 on; cells of 8 from 4: the first one's middle (sample 7) is empty, the second's (15) is not. What
    lies below the group stays sharp."""
    picture = noise_source(32, 32)
    group = GroupLayer((box(10, 0, 22, 32), EffectLayer(Effect.PIXELATE, Rect(4, 4, 24, 24), 8)))
    y, _, _ = draw((32, 32), card(Rect(0, 0, 32, 32), picture), group, picture=picture)
    luma = picture.planes[0].astype(float)
    assert y[4:28, 4:12] == pytest.approx(luma[4:28, 4:12])
    assert y[4:28, 12:28] == pytest.approx(np.full((24, 16), 235.0))
    assert y[0:4, 10:] == pytest.approx(np.full((4, 22), 235.0))


def test_highlight_in_a_group_keeps_its_coverage():
    group = GroupLayer((box(8, 0, 16, 16, opacity=0.5), EffectLayer(Effect.HIGHLIGHT, Rect(0, 0, 16, 16), 0.5)))
    rgb = rgb_of((32, 16), BackgroundLayer(SolidFill(RED)), group)
    assert rgb[8, [4, 12, 20]] == pytest.approx(np.array([(1, 0, 0), (1, 0.5, 0.5), (0.75, 0.25, 0.25)]))


def translation(x: float, y: float):
    """Maps output pixels to the group's: what was at p is seen at p + (x, y)."""
    return (1.0, 0.0, -x, 0.0, 1.0, -y, 0.0, 0.0, 1.0)


def test_warp_by_whole_chroma_samples_moves_everything():
    picture = noise_source(32, 32)
    layer = card(Rect(0, 0, 32, 32), picture)
    y, cb, cr = draw((32, 32), GroupLayer((layer,), warp=translation(2, 4)), picture=picture, background=WHITE)
    luma, blue, red = (p.astype(float) for p in picture.planes)
    assert y[4:, 2:] == pytest.approx(luma[:-4, :-2])
    assert y[:4] == pytest.approx(np.full((4, 32), 235.0))
    assert cb[2:, 1:] == pytest.approx(blue[:-2, :-1])
    assert cr[2:, 1:] == pytest.approx(red[:-2, :-1])
    assert cb[:, 0] == pytest.approx(np.full(16, 128.0))


def test_warp_by_half_a_pixel_shows_the_kernel():
    """Keys a = -0.6: .575 at 1/2, -.075 at 3/2; chroma by a quarter of a sample (weights of ``test_reference``)."""
    luma = np.full((32, 32), 100)
    luma[:, 16] = 180
    cb = np.full((16, 16), 100)
    cb[:, 8] = 180
    picture = source(luma, cb)
    layer = GroupLayer((card(Rect(0, 0, 32, 32), picture),), warp=translation(0.5, 0))
    y, got, _ = draw((32, 32), layer, picture=picture)
    assert y[15, 14:20] == pytest.approx([100, 94, 146, 146, 94, 100])
    assert got[8, 7:11] == pytest.approx([100 + 80 * w for w in (-0.084375, 0.871875, 0.240625, -0.028125)])


def test_opaque_edge_under_a_warp_does_not_overshoot():
    """Coverage .575 - .075 = .5 on the edge itself; beside it 1.075 and -.075, which are cut to 1 and 0."""
    rgb = rgb_of(
        (32, 16),
        BackgroundLayer(SolidFill(RED)),
        GroupLayer((box(10, 0, 12, 16, color=(0.0, 0.6, 0.0)),), warp=translation(0.5, 0)),
    )
    assert rgb[8, 8:13] == pytest.approx(
        np.array([(1, 0, 0), (1, 0, 0), (0.5, 0.3, 0), (0, 0.6, 0), (0, 0.6, 0)]), abs=1e-9
    )


def test_perspective_puts_the_corners_where_the_matrix_says():
    """Four dots in the group; each one's centroid in the frame, mapped by the matrix, is where it was."""
    warp = (1.15, 0.08, -12.0, -0.05, 1.2, -6.0, 0.0006, 0.0012, 1.0)
    m = np.array(warp).reshape(3, 3)
    for cx, cy in ((30, 24), (98, 24), (30, 66), (98, 66)):
        dot = FillLayer(Shape(Rect(cx - 2.5, cy - 2.5, 5, 5), 2.5, CornerKind.ROUNDED), WHITE)
        y, _, _ = draw((128, 90), GroupLayer((dot,), warp=warp))
        light = share(y)
        rows, columns = np.mgrid[0:90, 0:128] + 0.5
        at = np.array([(light * columns).sum(), (light * rows).sum(), light.sum()]) / light.sum()
        x, y_, w = m @ at
        assert (x / w, y_ / w) == pytest.approx((cx, cy), abs=0.05)


def test_what_lies_behind_the_viewer_is_not_seen():
    """w' = 1 - x / 16 is positive for the first 16 columns alone."""
    warp = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1 / 16, 0.0, 1.0)
    y, _, _ = draw((64, 16), GroupLayer((BackgroundLayer(SolidFill(WHITE)),), warp=warp))
    assert share(y[:, 16:]) == pytest.approx(np.zeros((16, 48)))
    assert share(y[0, 0]) == pytest.approx(1, abs=0.01)


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


def test_black_over_nothing():
    """Groups leave coverage behind, the frame itself lies on black."""
    y, _, _ = draw((8, 8), GroupLayer((box(0, 0, 4, 8, color=BLACK),)), background=WHITE)
    assert share(y[4]) == pytest.approx([0, 0, 0, 0, 1, 1, 1, 1])


@pytest.mark.parametrize("amount", [12.0, 18.0, 24.0, 36.0, 48.0, 80.0])
@pytest.mark.parametrize("period", [2, 3, 4])
def test_no_stripes_are_seen_through_a_blur(amount: float, period: int) -> None:
    """Cap's 25 taps lie amount / 12 apart; a pattern of that period would pass through unharmed."""
    from reelpress.compose.reference_grids import _blur_taps

    count = 240
    stripes = np.where(np.arange(count) % period == 0, 255.0, 0.0)
    seen = _blur_taps(0, count, amount, 1.0, count).apply(stripes[:, np.newaxis])[:, 0]
    middle = seen[100:140]
    # the Gaussian's own response at this period, sigma = amount / 3, is below 1e-3; edges of the taps add a little
    assert np.ptp(middle) < 0.02 * 255
