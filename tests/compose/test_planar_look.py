"""The planar compositor's layers of the whole look: numbers worked out by hand, and what is kept."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from reelpress.color import rgb_to_codes
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.planar_text import Texts
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.effects import Blur, Effect, Grade
from reelpress.scene.plan.fills import GradientFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import (
    BackgroundLayer,
    EffectLayer,
    FillLayer,
    GroupLayer,
    Layer,
    PictureLayer,
    SpriteLayer,
    TextLayer,
)
from reelpress.scene.plan.outline import CornerKind, Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import TextRun, TextSpan, TextStyle

if TYPE_CHECKING:
    from pathlib import Path

KEY = "display:0"
BLACK = BackgroundLayer(SolidFill((0.0, 0.0, 0.0)))
WHITE = BackgroundLayer(SolidFill((1.0, 1.0, 1.0)))
GREY = BackgroundLayer(SolidFill((0.5, 0.5, 0.5)))
BLUES = BackgroundLayer(GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0))
SAME = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def noisy(width: int, height: int, seed: int = 0) -> Planes:
    rng = np.random.default_rng(seed)
    planes = allocate(width, height)
    for plane in planes.planes:
        plane[:] = rng.integers(16, 236, plane.shape, dtype=np.uint8)
    return planes


def card(rect: Rect, source: Planes, radius: float = 0.0, **more: object) -> PictureLayer:
    crop = more.pop("crop", Rect(0, 0, source.width, source.height))
    return PictureLayer(KEY, more.pop("frame", 0), crop, rect, Shape(rect, radius, CornerKind.ROUNDED), **more)


def compose(size: tuple[int, int], *layers: Layer, source: Planes | None = None) -> Planes:
    return PlanarCompositor().compose(FramePlan(size, layers), {KEY: source} if source else {}, None).planes


def same(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


def most(a: Planes, b: Planes) -> int:
    return max(int(np.abs(x.astype(int) - y).max()) for x, y in zip(a.planes, b.planes, strict=True))


# --- fills ------------------------------------------------------------------------------------------------------------


def test_a_box_has_its_colour() -> None:
    out = compose((64, 48), BLACK, FillLayer(Shape(Rect(16, 12, 32, 24)), (1.0, 0.0, 0.0)))
    codes = [round(c) for c in rgb_to_codes((1.0, 0.0, 0.0))]
    assert [int(p[p.shape[0] // 2, p.shape[1] // 2]) for p in out.planes] == codes
    assert (out.planes[0] == codes[0]).sum() == 32 * 24
    assert (out.planes[0] == 16).sum() == 64 * 48 - 32 * 24


def test_opacity_of_a_box_mixes_it() -> None:
    out = compose((64, 48), BLACK, FillLayer(Shape(Rect(16, 12, 32, 24)), (1.0, 1.0, 1.0), 0.25))
    assert out.planes[0][24, 32] == round(16 + 219 * 0.25)


def test_only_the_named_half_is_rounded() -> None:
    both, upper, none = (
        compose((80, 60), BLACK, FillLayer(Shape(Rect(8, 8, 64, 44), 16, CornerKind.ROUNDED, top, low), (1, 1, 1)))
        for top, low in ((True, True), (True, False), (False, False))
    )
    assert np.array_equal(both.planes[0][:28], upper.planes[0][:28])
    assert not np.array_equal(both.planes[0][32:], upper.planes[0][32:])
    assert upper.planes[0][50, 10] > 225  # the square corner
    assert both.planes[0][50, 10] < 25
    assert same(none, compose((80, 60), BLACK, FillLayer(Shape(Rect(8, 8, 64, 44)), (1, 1, 1))))


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_mirrored_luma_is_turned_round_and_chroma_keeps_its_siting() -> None:
    """One to one. Chroma sample i of the output lies at 2i + 0.5 and shows 64 - 2i - 0.5 = 2 (31 - i) + 1.5: half-way
    between samples 31 - i and 32 - i, where the cubic kernel with a = -0.6 weighs -0.075, 0.575, 0.575, -0.075."""
    source = noisy(64, 32)
    out = compose((64, 32), card(Rect(0, 0, 64, 32), source, mirror=True), source=source)
    assert np.array_equal(out.planes[0], source.planes[0][:, ::-1])
    for plane in (1, 2):
        padded = np.pad(source.planes[plane].astype(float), ((0, 0), (2, 2)), mode="edge")
        at = 31 - np.arange(32) + 2
        wanted = 0.575 * (padded[:, at] + padded[:, at + 1]) - 0.075 * (
            padded[:, at - 1] + padded[:, np.minimum(at + 2, 35)]
        )
        assert np.abs(out.planes[plane] - np.clip(wanted, 0, 255)).max() <= 0.51


def test_softening_spreads_a_line_by_its_sigma() -> None:
    source = allocate(96, 64)
    for plane, code in zip(source.planes, (16, 128, 128), strict=True):
        plane[:] = code
    source.planes[0][:, 48] = 216
    row = compose((96, 64), card(Rect(0, 0, 96, 64), source, soften=3.0), source=source).planes[0][32]
    steps = np.arange(-9, 10)
    weights = np.exp(-(steps**2) / 18)
    wanted = np.full(96, 16.0)
    wanted[48 - 9 : 48 + 10] += 200 * weights / weights.sum()
    assert np.abs(row - wanted).max() <= 0.51


def test_grey_is_graded_as_the_formula_says() -> None:
    source = allocate(64, 32)
    for plane, code in zip(source.planes, (126, 128, 128), strict=True):
        plane[:] = code
    c = (126 - 16) / 219 * 2 ** (1.5 * 0.2)
    rgb = [((c * gain) - 0.5) * 1.3 + 0.5 for gain in (1 + 0.05, 1.0, 1 - 0.05)]
    grade = Grade(exposure=0.2, contrast=0.3, temperature=0.5)
    out = compose((64, 32), card(Rect(0, 0, 64, 32), source, grade=grade), source=source)
    for plane, code in zip(out.planes, rgb_to_codes((rgb[0], rgb[1], rgb[2])), strict=True):
        assert np.abs(plane - code).max() <= 0.52


def test_a_graded_picture_is_kept() -> None:
    source = noisy(64, 32)
    compositor = PlanarCompositor()
    last = None
    for x in range(6):
        dot = FillLayer(Shape(Rect(2.0 * x, 4, 4, 4)), (1, 1, 1))
        plan = FramePlan((64, 32), (BLACK, card(Rect(2, 2, 60, 28), source, grade=Grade(fade=0.5)), dot))
        last = compositor.compose(plan, {KEY: source}, last)
        assert len(compositor._graded) == 1
    assert compositor.scales == 3


def test_movement_of_a_column_is_a_box() -> None:
    """A white column of 1 px moved by 21: each of 21 taps shows it at another whole pixel."""
    column = FillLayer(Shape(Rect(40, 0, 1, 32)), (1, 1, 1))
    source = noisy(8, 8)
    for plane, code in zip(source.planes, (226, 128, 128), strict=True):
        plane[:] = code
    layer = card(Rect(40, 0, 1, 32), source, blur=Blur(21.0, 0.0))
    row = compose((96, 32), BLACK, layer, source=source).planes[0][16]
    assert np.abs(row[30:51] - (16 + 210 / 21)).max() <= 1
    assert (row[:29] == 16).all()
    assert (row[52:] == 16).all()
    assert column.shape.rect.x == 40


def test_blur_without_motion_is_none() -> None:
    source = noisy(64, 32)
    plain = compose((64, 32), BLACK, card(Rect(4, 4, 40, 20), source, 6), source=source)
    assert same(plain, compose((64, 32), BLACK, card(Rect(4, 4, 40, 20), source, 6, blur=Blur()), source=source))


# --- sprites and text -------------------------------------------------------------------------------------------------


def test_a_quarter_turn_is_exact(tmp_path: Path) -> None:
    rgba = np.zeros((8, 16, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, 8:, :3] = 255
    rgba[:4, :8, 0] = 200
    Image.fromarray(rgba).save(tmp_path / "flag.png")
    Image.fromarray(np.rot90(rgba, -1).copy()).save(tmp_path / "turned.png")
    upright = SpriteLayer(str(tmp_path / "flag.png"), Rect(24, 20, 16, 8), width=16, height=8)
    turned = dataclasses.replace(upright, angle=np.pi / 2, pivot=(32.0, 24.0))
    by_hand = SpriteLayer(str(tmp_path / "turned.png"), Rect(28, 16, 8, 16), width=8, height=16)
    assert most(compose((64, 48), GREY, turned), compose((64, 48), GREY, by_hand)) <= 1


class _Stamp:
    """A text rasteriser that draws a red half-transparent box."""

    def __init__(self) -> None:
        self.calls = 0

    def sprite(self, run: TextRun, origin: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> _Stamp:
        self.calls += 1
        self.x, self.y = int(origin[0]), int(origin[1])
        self.rgba = np.full((6, 10, 4), 0.5, np.float32) * np.array([1, 0, 0, 1], np.float32)
        return self


def _text(x: float, opacity: float = 1.0) -> TextLayer:
    bounds = Rect(x, 10, 10, 6)
    return TextLayer(TextRun((TextSpan("a"),), TextStyle(12.0)), x, 10, opacity=opacity, bounds=bounds)


def test_text_is_laid_over_and_drawn_once() -> None:
    stamp = _Stamp()
    compositor = PlanarCompositor()
    compositor._texts = Texts(stamp)
    last = None
    for opacity in (1.0, 0.5, 0.25, 0.5):
        last = compositor.compose(FramePlan((64, 32), (BLACK, _text(20, opacity))), {}, last)
        red = rgb_to_codes((0.5 * opacity, 0.0, 0.0))[0]
        assert abs(last.planes.planes[0][12, 24] - red) <= 0.51
        assert (last.planes.planes[0] != 16).sum() == 60
    assert stamp.calls == 1


def test_texts_are_bounded() -> None:
    texts = Texts(_Stamp(), limit=20_000)
    for x in range(200):
        texts.get(_text(float(x)), (400, 64))
    assert texts.nbytes <= 20_000


# --- effects ----------------------------------------------------------------------------------------------------------


def test_cells_show_their_centre() -> None:
    source = noisy(64, 32)
    plain = compose((64, 32), card(Rect(0, 0, 64, 32), source), source=source)
    mask = EffectLayer(Effect.PIXELATE, Rect(16, 8, 32, 16), 8)
    out = compose((64, 32), card(Rect(0, 0, 64, 32), source), mask, source=source)
    for cell_y in range(2):
        for cell_x in range(4):
            y, x = 8 + 8 * cell_y, 16 + 8 * cell_x
            # the centre (x + 4, y + 4) lies between samples 3 and 4: the lower
            assert (out.planes[0][y : y + 8, x : x + 8] == plain.planes[0][y + 3, x + 3]).all()
    assert np.array_equal(out.planes[0][:8], plain.planes[0][:8])
    assert np.array_equal(out.planes[0][:, 48:], plain.planes[0][:, 48:])


def test_a_highlight_darkens_what_is_outside() -> None:
    out = compose((64, 32), WHITE, EffectLayer(Effect.HIGHLIGHT, Rect(16, 8, 32, 16), 0.6))
    assert out.planes[0][16, 32] == 235
    assert out.planes[0][2, 2] == round(16 + 219 * 0.4)
    assert (out.planes[1] == 128).all()


# --- groups -----------------------------------------------------------------------------------------------------------


def test_cross_fade_is_a_mix() -> None:
    out = compose((64, 32), BLACK, GroupLayer((WHITE,), 0.3))
    assert (out.planes[0] == round(16 + 219 * 0.3)).all()


def test_a_group_is_blended_as_a_whole() -> None:
    """Two boxes upon each other at half: what is below the upper one is not seen through it."""
    lower, upper = (FillLayer(Shape(Rect(8, 8, 32, 16)), color) for color in ((1.0, 0, 0), (0, 0, 1.0)))
    out = compose((64, 32), BLACK, GroupLayer((lower, upper), 0.5))
    assert abs(out.planes[0][16, 20] - rgb_to_codes((0, 0, 0.5))[0]) <= 1


def test_a_group_of_everything_at_full_opacity_is_its_layers() -> None:
    source = noisy(64, 32)
    layers = (BLUES, card(Rect(6, 4, 48, 24), source, 6))
    assert same(compose((64, 32), GroupLayer(layers), source=source), compose((64, 32), *layers, source=source))
    over = (FillLayer(Shape(Rect(5.5, 6, 20, 9), 3), (1, 0.5, 0)), card(Rect(20, 8, 30, 16), source, 5))
    assert (
        most(compose((64, 32), BLUES, GroupLayer(over), source=source), compose((64, 32), BLUES, *over, source=source))
        <= 2
    )


def test_warp_by_whole_pixels_is_a_shift() -> None:
    source = noisy(64, 32)
    shift = (1.0, 0.0, -8.0, 0.0, 1.0, -4.0, 0.0, 0.0, 1.0)
    at, moved = (card(Rect(x, y, 32, 16), source) for x, y in ((8, 6), (16, 10)))
    out = compose((64, 48), BLUES, GroupLayer((at,), warp=shift), source=source)
    wanted = compose((64, 48), BLUES, moved, source=source)
    assert np.array_equal(out.planes[0], wanted.planes[0])
    assert most(out, wanted) <= 1  # the rim's chroma is covered in part, and that part has 8 bits
    unmoved = compose((64, 48), BLUES, GroupLayer((at,), warp=SAME), source=source)
    assert most(unmoved, compose((64, 48), BLUES, at, source=source)) <= 1


def test_what_is_behind_the_viewer_is_not_drawn() -> None:
    behind = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, 20.0)
    out = compose((64, 32), BLACK, GroupLayer((WHITE,), warp=behind))
    assert (out.planes[0][:, 20:] == 16).all()


def test_pictures_of_groups_are_given_back() -> None:
    compositor = PlanarCompositor()
    source = noisy(64, 32)
    last = None
    for n in range(12):
        layers = tuple(GroupLayer((card(Rect(4, 4, 40, 20), source, 4),), 0.5) for _ in range(n % 4))
        last = compositor.compose(FramePlan((64, 32), (BLUES, *layers)), {KEY: source}, last)
        assert len(compositor._groups._painters) == n % 4
    compositor.close()
    assert not compositor._groups._painters


@pytest.mark.parametrize("warp", [None, SAME], ids=["flat", "warped"])
def test_a_fading_title_is_drawn_once(warp: tuple[float, ...] | None) -> None:
    stamp = _Stamp()
    compositor = PlanarCompositor()
    last = None
    for n in range(4):
        group = GroupLayer((_text(20), FillLayer(Shape(Rect(4, 4, 8, 8)), (1, 1, 1))), 0.2 + 0.2 * n, warp)
        if n == 1:
            painter = next(iter(compositor._groups._painters.values()))
            painter._texts = Texts(stamp)  # type: ignore[attr-defined]
        last = compositor.compose(FramePlan((64, 32), (BLUES, group)), {}, last)
    assert stamp.calls == 0
