"""What the reference compositor does to finished layers: effects, groups, warps, against numbers worked out by hand.

As in ``test_reference``, expected values come from written-out formulas, not from the code under test.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from reference_makers import (
    BLACK,
    KEY,
    RED,
    WHITE,
    box,
    card,
    draw,
    noise_source,
    rgb_of,
    share,
    source,
)

from reelpress.compose.reference import ReferenceCompositor
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer, FillLayer, GroupLayer
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


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


def test_black_over_nothing():
    """Groups leave coverage behind, the frame itself lies on black."""
    y, _, _ = draw((8, 8), GroupLayer((box(0, 0, 4, 8, color=BLACK),)), background=WHITE)
    assert share(y[4]) == pytest.approx([0, 0, 0, 0, 1, 1, 1, 1])
