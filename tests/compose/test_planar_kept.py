"""What the planar compositor keeps of graded pictures, backgrounds and masks: never anything that is no longer so."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from reelpress.color import BT709_LIMITED, quantisation, rgb_to_ycc
from reelpress.compose import planar_background, planar_card, planar_grade
from reelpress.compose.coverage import centres, coverage, shadow_alpha
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.planar_effect import Effects
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.effects import Effect, Grade
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer, FillLayer, GroupLayer, Layer, PictureLayer
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (160, 96)
BLUES = BackgroundLayer(GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0))
REDS = BackgroundLayer(GradientFill((0.6, 0.2, 0.1), (0.9, 0.8, 0.3), 35.0))
GRADES = {
    "affine": Grade(exposure=0.1, contrast=0.2, saturation=0.3, temperature=-0.4),
    "vignette": Grade(exposure=0.024, contrast=0.048, saturation=0.096, vignette=0.6),
    "split": Grade(split_tone=0.8, fade=0.5, tint=0.3),
    "grain": Grade(temperature=0.2, split_tone=0.4, fade=0.15, grain=0.5, seed=1),
}


def noisy(width: int, height: int, seed: int) -> Planes:
    rng = np.random.default_rng(seed)
    planes = allocate(width, height)
    for plane in planes.planes:
        plane[:] = rng.integers(0, 256, plane.shape, dtype=np.uint8)
    return planes


def changed(planes: Planes, seed: int) -> Planes:
    """A copy in which one small block (of each plane, each somewhere else) is another; sometimes of one plane only."""
    rng = np.random.default_rng(seed)
    made = allocate(planes.width, planes.height)
    only = int(rng.integers(0, 4))
    for number, (target, source) in enumerate(zip(made.planes, planes.planes, strict=True)):
        target[...] = source
        if only in (number, 3):
            rows, columns = target.shape
            y, x = int(rng.integers(0, rows)), int(rng.integers(0, columns))
            block = target[y : y + int(rng.integers(1, 9)), x : x + int(rng.integers(1, 9))]
            block[...] = rng.integers(0, 256, block.shape, dtype=np.uint8)
    return made


def card(key: str, frame: int, rect: Rect, source: Planes, **more: object) -> PictureLayer:
    return PictureLayer(key, frame, Rect(0, 0, source.width, source.height), rect, Shape(rect), **more)


def same(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


def fresh(plan: FramePlan, sources: dict[str, Planes]) -> Planes:
    return PlanarCompositor().compose(plan, sources, None).planes


@pytest.fixture
def graded_pixels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pixels of each part that is graded from here on."""
    parts: list[int] = []
    draw = planar_grade._Grader.draw

    def counted(self: planar_grade._Grader, top: int, stop: int, left: int, right: int) -> None:
        parts.append(4 * (stop - top) * (right - left))
        draw(self, top, stop, left, right)

    monkeypatch.setattr(planar_grade._Grader, "draw", counted)
    return parts


# --- graded pictures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strip", [1 << 10, 1 << 17])
@pytest.mark.parametrize("rect", [Rect(0, 0, 160, 96), Rect(21.5, 10.25, 101, 70), Rect(-40, 30, 120, 90)])
@pytest.mark.parametrize("name", sorted(GRADES))
def test_a_graded_picture_that_changed_in_part_is_as_if_drawn_anew(
    name: str, rect: Rect, strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planar_grade, "_STRIP", strip)
    compositor, last = PlanarCompositor(), None
    source = noisy(96, 64, 0)
    for frame in range(12):
        source = changed(source, frame)
        layer = card("display:0", frame, rect, source, grade=GRADES[name], mirror=rect.x < 0)
        plan = FramePlan(SIZE, (BLUES, layer))
        last = compositor.compose(plan, {"display:0": source}, last)
        assert same(last.planes, fresh(plan, {"display:0": source}))


def test_only_what_changed_is_graded_again(graded_pixels: list[int]) -> None:
    source = noisy(160, 96, 0)
    other = Planes(
        format=source.format,
        width=160,
        height=96,
        planes=tuple(plane.copy() for plane in source.planes),
        color=BT709_LIMITED,
    )
    other.planes[0][40:44, 60:66] ^= 255
    compositor, last = PlanarCompositor(), None
    for frame, shown in enumerate((source, other)):
        layer = card("display:0", frame, Rect(0, 0, 160, 96), shown, grade=GRADES["vignette"])
        last = compositor.compose(FramePlan(SIZE, (layer,)), {"display:0": shown}, last)
    assert graded_pixels[0] == 160 * 96
    assert 0 < sum(graded_pixels[1:]) <= 12 * 10


@pytest.mark.parametrize(
    "changes",
    [
        {"grade": GRADES["split"]},
        {"grade": dataclasses.replace(GRADES["vignette"], vignette=0.7)},
        {"rect": Rect(2, 0, 160, 96), "shape": Shape(Rect(2, 0, 160, 96))},
        {"crop": Rect(2, 0, 90, 64)},
    ],
)
def test_another_grade_or_place_is_drawn_anew(changes: dict[str, object]) -> None:
    source = noisy(96, 64, 3)
    first = card("display:0", 0, Rect(0, 0, 160, 96), source, grade=GRADES["vignette"])
    compositor, last = PlanarCompositor(), None
    for layer in (first, dataclasses.replace(first, **changes), first):
        plan = FramePlan(SIZE, (BLUES, layer))
        last = compositor.compose(plan, {"display:0": source}, last)
        assert same(last.planes, fresh(plan, {"display:0": source}))


def test_grain_that_changes_does_not_drive_out_another_picture(graded_pixels: list[int]) -> None:
    """A camera with grain is another in every frame; the screen under it is graded once."""
    screen, camera = noisy(96, 64, 0), noisy(48, 32, 1)
    sources = {"display:0": screen, "camera:0": camera}
    compositor, last = PlanarCompositor(), None
    for frame in range(6):
        grain = dataclasses.replace(GRADES["grain"], seed=frame)
        below = card("display:0", 0, Rect(0, 0, 160, 96), screen, grade=GRADES["vignette"])
        above = card("camera:0", frame // 2, Rect(100, 60, 48, 32), camera, grade=grain)
        plan = FramePlan(SIZE, (below, above))
        last = compositor.compose(plan, sources, last)
        assert len(compositor._graded) == 2
        drawn, graded_pixels[:] = list(graded_pixels), []
        assert drawn.count(160 * 96) == (1 if frame == 0 else 0)
        assert same(last.planes, fresh(plan, sources))
        graded_pixels.clear()


def test_two_pictures_in_one_place_keep_apart() -> None:
    sources = {"display:0": noisy(96, 64, 0), "camera:0": noisy(96, 64, 1)}
    compositor, last = PlanarCompositor(), None
    for frame, keys in enumerate(itertools.islice(itertools.cycle((["display:0"], ["camera:0", "display:0"])), 6)):
        sources = {key: changed(planes, frame) for key, planes in sources.items()}
        layers = [
            card(key, frame, Rect(20, 10, 96, 64), sources[key], grade=GRADES["affine"], opacity=0.6) for key in keys
        ]
        plan = FramePlan(SIZE, (BLUES, *layers))
        last = compositor.compose(plan, sources, last)
        assert same(last.planes, fresh(plan, sources))


def test_what_is_kept_of_graded_pictures_is_given_back() -> None:
    source = noisy(96, 64, 0)
    compositor = PlanarCompositor()
    layer = card("display:0", 0, Rect(0, 0, 160, 96), source, grade=GRADES["vignette"])
    compositor.compose(FramePlan(SIZE, (layer,)), {"display:0": source}, None)
    assert len(compositor._graded) == 1
    compositor.close()
    assert len(compositor._graded) == 0


# --- backgrounds ------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn_backgrounds(monkeypatch: pytest.MonkeyPatch) -> list[BackgroundLayer]:
    drawn: list[BackgroundLayer] = []
    draw = planar_background.draw

    def counted(layer: BackgroundLayer, size: tuple[int, int]) -> Planes:
        drawn.append(layer)
        return draw(layer, size)

    monkeypatch.setattr(planar_background, "draw", counted)
    return drawn


def box(x: float) -> FillLayer:
    return FillLayer(Shape(Rect(x, 20, 40, 40), 8), (0.9, 0.2, 0.3), shadow=Shadow(8, 3, 0.5))


def test_a_cross_fade_draws_a_common_background_once(drawn_backgrounds: list[BackgroundLayer]) -> None:
    compositor, last = PlanarCompositor(), None
    plans = [FramePlan(SIZE, (BLUES, box(10)))]
    plans += [FramePlan(SIZE, (BLUES, box(10), GroupLayer((BLUES, box(90)), o / 4))) for o in range(1, 4)]
    plans += [FramePlan(SIZE, (BLUES, box(90))), FramePlan(SIZE, (BLUES, box(60)))]
    shown = []
    for plan in plans:
        last = compositor.compose(plan, {}, last)
        shown.append(last.planes)
    assert drawn_backgrounds == [BLUES]
    assert all(same(planes, fresh(plan, {})) for plan, planes in zip(plans, shown, strict=True))


def test_of_two_backgrounds_one_is_left_when_the_fade_is_over(drawn_backgrounds: list[BackgroundLayer]) -> None:
    compositor, last = PlanarCompositor(), None
    for layers in (
        (BLUES, box(10)),
        (BLUES, box(10), GroupLayer((REDS, box(90)), 0.3)),
        (BLUES, box(12), GroupLayer((REDS, box(90)), 0.6)),
    ):
        last = compositor.compose(FramePlan(SIZE, layers), {}, last)
    assert drawn_backgrounds == [BLUES, REDS]
    assert len(compositor._grounds) == 2
    last = compositor.compose(FramePlan(SIZE, (REDS, box(90))), {}, last)
    assert drawn_backgrounds == [BLUES, REDS]
    assert len(compositor._grounds) == 1
    assert same(last.planes, fresh(FramePlan(SIZE, (REDS, box(90))), {}))
    compositor.close()
    assert len(compositor._grounds) == 0


def test_a_group_that_ends_leaves_the_background_to_the_frame(drawn_backgrounds: list[BackgroundLayer]) -> None:
    compositor, last = PlanarCompositor(), None
    for layers in ((BLUES, GroupLayer((BLUES, box(1)), 0.5)), (BLUES, box(2)), (BLUES, GroupLayer((box(1),), 0.5))):
        last = compositor.compose(FramePlan(SIZE, layers), {}, last)
        assert same(last.planes, fresh(FramePlan(SIZE, layers), {}))
    assert drawn_backgrounds.count(BLUES) == 1 + 3  # one for the three frames, and one for each fresh one


def blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    radius = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(field, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        field = np.apply_along_axis(lambda line: np.convolve(line, weights, "valid"), axis, padded)
    return field


@pytest.mark.parametrize("sigma", [0.0, 0.7, 2.5])
@pytest.mark.parametrize("alpha", [255, 100])
def test_an_image_background_is_blurred_and_then_brought_to_chroma(tmp_path: Path, sigma: float, alpha: int) -> None:
    """One to one, so that only blur and colour are left: worked out here in float64, chroma at full resolution."""
    rng = np.random.default_rng(1)
    rgba = rng.integers(0, 256, (62, 48, 4), dtype=np.uint8)
    rgba[..., 3] = alpha
    Image.fromarray(rgba, "RGBA").save(tmp_path / "a.png")
    layer = BackgroundLayer(ImageFill(str(tmp_path / "a.png"), 48, 62), sigma)
    got = planar_background.draw(layer, (48, 62))
    rgb = (rgba[..., :3] * (alpha / 255) + 255 - alpha) / 255
    luma_scale, luma_offset, chroma_scale, chroma_offset = quantisation(BT709_LIMITED.range)
    codes = rgb @ np.array(rgb_to_ycc(BT709_LIMITED.matrix)).T * (luma_scale, chroma_scale, chroma_scale)
    codes += (luma_offset, chroma_offset, chroma_offset)
    fields = [blurred(codes[..., n], sigma) if sigma else codes[..., n] for n in range(3)]
    assert np.abs(got.planes[0] - fields[0]).max() <= 0.52
    for plane in (1, 2):
        field = np.concatenate([fields[plane][:, :1], fields[plane]], axis=1)
        across = (field[:, 0:-1:2] + 2 * field[:, 1::2] + field[:, 2::2]) / 4
        assert np.abs(got.planes[plane] - (across[0::2] + across[1::2]) / 2).max() <= 0.52


def test_a_flat_colour_blurred_is_that_colour() -> None:
    fill = SolidFill((0.2, 0.5, 0.9))
    plain, soft = (planar_background.draw(BackgroundLayer(fill, sigma), (32, 32)) for sigma in (0.0, 4.0))
    assert same(plain, soft)
    luma = 16 + 219 * (0.2126 * 0.2 + 0.7152 * 0.5 + 0.0722 * 0.9)
    assert (plain.planes[0] == round(luma)).all()


# --- masks ------------------------------------------------------------------------------------------------------------


def masks() -> list[EffectLayer]:
    rects = (Rect(20, 12, 60, 40), Rect(20.5, 12, 60, 40))
    return [
        EffectLayer(effect, rect, amount, feather)
        for rect in rects
        for feather in (0.0, 5.0)
        for effect, amount in (
            (Effect.BLUR, 6.0),
            (Effect.BLUR, 9.0),
            (Effect.PIXELATE, 8.0),
            (Effect.HIGHLIGHT, 0.3),
            (Effect.HIGHLIGHT, 0.6),
        )
    ]


def test_masks_that_come_and_go_are_each_as_if_drawn_alone() -> None:
    """Rectangles, feathers, kinds and amounts change one at a time, and come back after others."""
    compositor, last = PlanarCompositor(), None
    source = noisy(160, 96, 5)
    for mask in [*masks(), *reversed(masks()), *masks()[::3]]:
        plan = FramePlan(SIZE, (card("display:0", 0, Rect(0, 0, 160, 96), source), mask))
        last = compositor.compose(plan, {"display:0": source}, last)
        assert same(last.planes, fresh(plan, {"display:0": source})), mask


def test_weights_of_masks_are_few_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    effects = Effects()
    source = noisy(160, 96, 5)
    monkeypatch.setattr("reelpress.compose.planar.Effects", lambda: effects)
    compositor = PlanarCompositor()
    for n in range(9):
        mask = EffectLayer(Effect.BLUR, Rect(10 + n, 10, 50, 40), 5.0, 3.0)
        plan = FramePlan(SIZE, (card("display:0", 0, Rect(0, 0, 160, 96), source), mask))
        compositor.compose(plan, {"display:0": source}, None)
    assert 0 < len(effects._soft) <= 4
    assert all(fields[0].shape == (44, 54) or fields[0].shape == (44, 52) for fields in effects._soft.values())
    compositor.close()
    assert not effects._soft


def test_nothing_of_what_a_mask_hides_is_kept_by_it() -> None:
    """What effects keep is the same whatever lies below."""
    kept = []
    for seed in (0, 1):
        compositor = PlanarCompositor()
        source = noisy(160, 96, seed)
        layers: list[Layer] = [card("display:0", 0, Rect(0, 0, 160, 96), source), *masks()[:5]]
        compositor.compose(FramePlan(SIZE, tuple(layers)), {"display:0": source}, None)
        weights = [field.copy() for fields in compositor._effects._soft.values() for field in fields]
        kept.append(weights)
    assert kept[0]
    assert all(np.array_equal(a, b) for a, b in zip(*kept, strict=True))


def test_outside_of_a_highlight_all_is_dark_alike() -> None:
    source = allocate(160, 96)
    for plane, code in zip(source.planes, (216, 90, 200), strict=True):
        plane[:] = code
    mask = EffectLayer(Effect.HIGHLIGHT, Rect(40, 30, 60, 40), 0.25, 10.0)
    out = fresh(
        FramePlan(SIZE, (card("display:0", 0, Rect(0, 0, 160, 96), source), mask)), {"display:0": source}
    ).planes
    assert (out[0][:28] == 16 + 150).all()
    assert (out[0][74:] == 16 + 150).all()
    assert (out[1][:14] == round(128 - 38 * 0.75 + 1e-6)).all()
    assert (out[0][46:54, 56:84] == 216).all()


# --- cards that are seen through --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(CornerKind))
@pytest.mark.parametrize(("top", "bottom"), [(True, True), (False, True)])
def test_a_card_seen_through_in_pieces_is_that_in_one(
    kind: CornerKind, top: bool, bottom: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its shadow shows inside of the outline, but not far from it: pieces that know that draw what one for all does."""
    rect = Rect(20.3, 15.6, 118.2, 70.1)
    layer = FillLayer(
        Shape(rect, 9.0, kind, top, bottom),
        (0.9, 0.7, 0.2),
        0.7,
        Shadow(8.0, 3.0, 0.8),
        Border(2.0, (1.0, 1.0, 1.0), 0.5),
    )
    plan = FramePlan(SIZE, (BLUES, layer))
    pieces = planar_card.Card(layer, SIZE).pieces
    assert any(piece.kind == "inside" for piece in pieces)
    got = fresh(plan, {})
    monkeypatch.setattr(planar_card.Card, "_intervals", lambda *_: None)
    assert not any(piece.kind == "inside" for piece in planar_card.Card(layer, SIZE).pieces)
    want = fresh(plan, {})
    for a, b in zip(got.planes, want.planes, strict=True):
        off = np.abs(a.astype(int) - b)
        assert off.max() <= 1
        assert (off > 0).mean() < 0.01


def test_coverage_of_few_and_of_many_pixels_is_the_same() -> None:
    for kind, top in itertools.product(CornerKind, (True, False)):
        shape = Shape(Rect(20.3, 30.7, 300.4, 260.2), 40.0, kind, top, True)
        whole = coverage(shape, centres(-1, 399), centres(0, 360))
        shade = shadow_alpha(Shadow(12.0, 4.0, 0.6), shape, centres(-1, 399), centres(0, 360))
        for x, y in itertools.product((0, 17, 300), (10, 250)):
            xs, ys = centres(x, x + 60), centres(y, y + 50)
            at = (slice(y, y + 50), slice(x + 1, x + 61))
            assert np.array_equal(coverage(shape, xs, ys), whole[at])
            assert np.array_equal(shadow_alpha(Shadow(12.0, 4.0, 0.6), shape, xs, ys), shade[at])
