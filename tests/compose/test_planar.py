"""The planar compositor against numbers worked out by hand, and its promises about what it does not do again."""

from __future__ import annotations

import dataclasses
import math
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range
from reelpress.compose.planar import PlanarCompositor
from reelpress.errors import FormatError, MissingInputError, UnreadableInputError
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, Layer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.compose.base import Composed

KEY = "display:0"
WHITE = BackgroundLayer(SolidFill((1.0, 1.0, 1.0)))
BLACK = BackgroundLayer(SolidFill((0.0, 0.0, 0.0)))
BLUES = BackgroundLayer(GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0))


def flat(width: int, height: int, codes: tuple[int, int, int] = (235, 128, 128)) -> Planes:
    planes = allocate(width, height)
    for plane, code in zip(planes.planes, codes, strict=True):
        plane[:] = code
    return planes


def noisy(width: int, height: int, seed: int = 0) -> Planes:
    rng = np.random.default_rng(seed)
    planes = allocate(width, height)
    for plane in planes.planes:
        plane[:] = rng.integers(16, 236, plane.shape, dtype=np.uint8)
    return planes


def interleaved(planes: Planes) -> Planes:
    y, u, v = planes.planes
    both = np.stack([u, v], axis=-1).reshape(u.shape[0], -1)
    return Planes("nv12", planes.width, planes.height, (y.copy(), both), planes.color)


def card(rect: Rect, source: Planes, radius: float = 0.0, **more: object) -> PictureLayer:
    kind = more.pop("kind", CornerKind.ROUNDED)
    crop = more.pop("crop", Rect(0, 0, source.width, source.height))
    frame = more.pop("frame", 0)
    return PictureLayer(KEY, frame, crop, rect, Shape(rect, radius, kind), **more)


def compose(size: tuple[int, int], *layers: Layer, source: Planes | None = None) -> Planes:
    compositor = PlanarCompositor()
    made = compositor.compose(FramePlan(size, layers), {KEY: source} if source else {}, None)
    assert made.planes.format == "yuv420p"
    assert made.planes.color == BT709_LIMITED
    return made.planes


def alike(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


# --- flat colours, gradients, pictures as background ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rgb", "codes"),
    [  # BT.709-6: Y = 16 + 219 (0.2126 R + 0.7152 G + 0.0722 B), Cb = 128 + 224 (B - Y') / 1.8556, Cr (R - Y') / 1.5748
        ((0.0, 0.0, 0.0), (16, 128, 128)),
        ((1.0, 1.0, 1.0), (235, 128, 128)),
        ((1.0, 0.0, 0.0), (63, 102, 240)),
        ((0.0, 1.0, 0.0), (173, 42, 26)),
        ((0.0, 0.0, 1.0), (32, 240, 118)),
    ],
)
def test_flat_colours(rgb: tuple[float, float, float], codes: tuple[int, int, int]) -> None:
    out = compose((32, 18), BackgroundLayer(SolidFill(rgb)))
    assert [np.unique(p).tolist() for p in out.planes] == [[c] for c in codes]


def test_gradient_runs_along_its_angle() -> None:
    """At 90 degrees the direction is (1, 0): t is u, so white begins where black ends, left to right."""
    out = compose((200, 50), BackgroundLayer(GradientFill((0, 0, 0), (1, 1, 1), 90.0)))
    wanted = np.floor(16 + 219 * (np.arange(200) + 0.5) / 200 + 0.5)
    assert np.abs(out.planes[0] - wanted).max() <= 1
    assert (out.planes[0] == wanted).mean() > 0.98  # a tie may fall either way
    assert (out.planes[1] == 128).all()


def test_noise_keeps_the_mean_and_is_bounded() -> None:
    plain = compose((320, 180), BackgroundLayer(GradientFill((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 0.0)))
    noise = compose((320, 180), BackgroundLayer(GradientFill((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 0.0, 100.0)))
    difference = noise.planes[0].astype(int) - plain.planes[0]
    # Overlay on 0.5 gives the noise itself, a quarter of which is mixed in: 0.5 + 0.25 (n - 0.5).
    assert abs(difference.mean()) < 3
    assert 4 < difference.std() < 20
    assert np.abs(difference).max() <= 219 * 0.125 + 1


def test_blur_softens_an_edge_by_its_sigma(tmp_path: Path) -> None:
    half = np.zeros((64, 128, 3), np.uint8)
    half[:, 64:] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    fill = ImageFill(str(tmp_path / "half.png"), 128, 64)
    row = compose((128, 64), BackgroundLayer(fill, 6.0)).planes[0][20].astype(float)
    wanted = [16 + 219 * 0.5 * (1 + math.erf((x + 0.5 - 64) / 6 / math.sqrt(2))) for x in range(128)]
    assert np.abs(row - wanted).max() < 1.6  # the kernel ends at three sigma


def test_image_covers_the_frame_from_its_middle(tmp_path: Path) -> None:
    """A 3:1 picture of three flat squares in a square frame: only the middle one is seen."""
    thirds = np.zeros((40, 120, 3), np.uint8)
    thirds[:, 40:80] = (255, 0, 0)
    Image.fromarray(thirds).save(tmp_path / "thirds.png")
    out = compose((80, 80), BackgroundLayer(ImageFill(str(tmp_path / "thirds.png"), 120, 40)))
    assert np.abs(out.planes[0][:, 6:-6].astype(int) - 63).max() <= 1
    assert np.abs(out.planes[2][:, 3:-3].astype(int) - 240).max() <= 1


def test_transparent_images_lie_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "empty.png")
    assert (compose((20, 20), BackgroundLayer(ImageFill(str(tmp_path / "empty.png"), 20, 20))).planes[0] == 235).all()


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nothing\.png"):
        compose((20, 20), BackgroundLayer(ImageFill(str(tmp_path / "nothing.png"), 1, 1)))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnreadableInputError, match=r"text\.png"):
        compose((20, 20), BLACK, SpriteLayer(str(tmp_path / "text.png"), Rect(2, 2, 5, 5)))


# --- outlines ---------------------------------------------------------------------------------------------------------


def shown_area(rect: Rect, radius: float, kind: CornerKind, size: tuple[int, int] = (160, 120)) -> float:
    """How much of a white card on black is seen, in pixels, by the luma plane."""
    out = compose(size, BLACK, card(rect, flat(64, 48), radius, kind=kind), source=flat(64, 48))
    return float((out.planes[0].astype(float) - 16).sum() / 219)


@pytest.mark.parametrize("rect", [Rect(20, 16, 96, 72), Rect(20.3, 15.8, 101.7, 70.4)])
@pytest.mark.parametrize(("kind", "corner"), [(CornerKind.ROUNDED, math.pi / 4), (CornerKind.SQUIRCLE, 0.92704)])
def test_area_of_a_card(rect: Rect, kind: CornerKind, corner: float) -> None:
    """Of four corner squares a rounded card keeps pi/4, a squircle Gamma(5/4)^2 / Gamma(3/2)."""
    for radius in (6.0, 20.0, 35.0):
        wanted = rect.w * rect.h - 4 * radius**2 * (1 - corner)
        assert shown_area(rect, radius, kind) == pytest.approx(wanted, rel=0.002)


def test_sharp_edges_cover_exactly() -> None:
    """With radius 0 a pixel shows the share of it that the box covers."""
    out = compose((40, 30), BLACK, card(Rect(10.25, 8.5, 16.5, 11.75), flat(16, 12)), source=flat(16, 12)).planes[0]
    across = [0.75, *[1.0] * 15, 0.75]
    assert out[12, 10:27].tolist() == [math.floor(16 + 219 * c + 0.5) for c in across]
    assert out[8:21, 20].tolist() == [math.floor(16 + 219 * c + 0.5) for c in (0.5, *[1.0] * 11, 0.25)]
    assert (out[:8] == 16).all()
    assert (out[21:] == 16).all()


def test_soft_edge_of_a_round_card() -> None:
    """A whole-pixel straight edge: centres 0.5 and 1.5 off, four samples a quarter to either side."""

    def covered(d: float) -> float:
        t = min(max((d + 1) / 2, 0), 1)
        return 1 - t * t * (3 - 2 * t)

    rect = Rect(20, 10, 80, 70)
    row = compose((120, 90), BLACK, card(rect, flat(80, 70), 12.0), source=flat(80, 70)).planes[0][45]
    for column in range(16, 26):
        wanted = sum(covered(20 - (column + 0.5 + o)) for o in (-0.25, 0.25)) / 2
        assert row[column] == math.floor(16 + 219 * wanted + 0.5)


def test_shadow_at_known_distances() -> None:
    """alpha = opacity * smoothstep(size + blur, -blur, |d|), at pixel centres, over white."""
    rect = Rect(60.5, 40.5, 80, 60)  # centres lie at whole distances from the edges
    layer = card(rect, flat(80, 60), shadow=Shadow(10, 10, 0.5))
    luma = compose((200, 140), WHITE, layer, source=flat(80, 60)).planes[0]
    for distance, share in ((1, 19 / 30), (10, 1 / 3), (19, 1 / 30), (20, 0.0), (25, 0.0)):
        alpha = 0.5 * share**2 * (3 - 2 * share)
        wanted = math.floor(16 + 219 * (1 - alpha) + 0.5)
        assert luma[70, 140 + distance] == wanted, distance
        assert luma[100 + distance, 100] == wanted, distance
        assert luma[70, 60 - distance] == wanted, distance
    corner = math.hypot(6, 8)
    t = (20 - corner) / 30
    assert luma[100 + 8, 140 + 6] == math.floor(16 + 219 * (1 - 0.5 * t * t * (3 - 2 * t)) + 0.5)


def test_border_is_a_ring_outside() -> None:
    rect = Rect(30, 20, 100, 60)
    layer = card(rect, flat(100, 60), 20.0, border=Border(6.0, (0, 0, 1), 0.5))
    luma = compose((160, 100), WHITE, layer, source=flat(100, 60, (100, 128, 128))).planes[0]
    half_blue = math.floor((235 + 16 + 219 * 0.0722) / 2 + 0.5)
    assert luma[50, 20:23].tolist() == [235, 235, 235]
    assert half_blue < luma[50, 23] < 235  # the soft outer edge
    assert luma[50, 26:28].tolist() == [half_blue, half_blue]
    assert luma[50, 32:36].tolist() == [100, 100, 100, 100]


def test_opacity_mixes_the_whole_card() -> None:
    layer = card(Rect(10, 10, 40, 30), flat(40, 30), opacity=0.25)
    luma = compose((60, 50), BLACK, layer, source=flat(40, 30)).planes[0]
    assert (luma[12:38, 12:48] == math.floor(16 + 219 * 0.25 + 0.5)).all()


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_one_to_one_picture_is_copied_to_its_place() -> None:
    source = noisy(64, 48)
    out = compose((100, 80), BLACK, card(Rect(20, 16, 64, 48), source), source=source)
    assert np.array_equal(out.planes[0][16:64, 20:84], source.planes[0])
    assert np.array_equal(out.planes[1][8:32, 11:42], source.planes[1][:, 1:])
    # The first chroma column takes a quarter of its coverage from the luma column before it, which is black.
    edge = np.floor(0.75 * source.planes[1][:, 0] + 0.25 * 128 + 0.5)
    assert np.array_equal(out.planes[1][8:32, 10], edge)
    assert (out.planes[0][:16] == 16).all()


def test_chroma_stays_where_its_siting_says() -> None:
    """A chroma ramp scaled by 2: left-sited sample i lies at pixel 2i + 0.5, so output i shows source i/2 - 1/8."""
    source = flat(128, 64)
    source.planes[1][:] = 40 + 2 * np.arange(64, dtype=np.uint8)
    for rect in (Rect(0, 0, 256, 128), Rect(-0.001, 0, 256, 128)):  # at rest, and not
        chroma = compose((256, 128), BLACK, card(rect, source), source=source).planes[1][20].astype(float)
        i = np.arange(8, 120)
        assert np.abs(chroma[8:120] - (40 + 2 * (i / 2 - 0.125))).max() <= 0.85, rect


def test_the_end_of_a_motion_is_no_step() -> None:
    source = noisy(160, 90)
    at_rest = compose((160, 90), BLACK, card(Rect(8, 6, 144, 78), source, 6.0), source=source)
    nearly = compose((160, 90), BLACK, card(Rect(8.002, 6.001, 143.997, 78.001), source, 6.0), source=source)
    for a, b, most in zip(at_rest.planes, nearly.planes, (0.6, 0.8, 0.8), strict=True):
        assert np.abs(a.astype(int) - b).mean() < most
    assert not alike(at_rest, nearly)


def test_nv12_is_yuv420p() -> None:
    source = noisy(128, 72)
    for rect in (
        Rect(8, 4, 112, 62),
        Rect(7.3, 3.1, 115.2, 64.8),
        Rect(10, 10, 128, 72),
        Rect(-31.5, -20.25, 192, 108),
    ):
        planar = compose((136, 80), BLUES, card(rect, source, 8.0), source=source)
        both = interleaved(source)
        assert alike(planar, compose((136, 80), BLUES, card(rect, source, 8.0), source=both))


def test_sources_are_checked() -> None:
    source = flat(32, 18)
    plan = FramePlan((40, 30), (BLACK, card(Rect(2, 2, 30, 20), source)))
    with pytest.raises(FormatError, match="display:0"):
        PlanarCompositor().compose(plan, {}, None)
    wrong = dataclasses.replace(source, color=ColorSpec(Matrix.BT601, Range.LIMITED))
    with pytest.raises(FormatError, match="bt601"):
        PlanarCompositor().compose(plan, {KEY: wrong}, None)
    with pytest.raises(FormatError, match="41x30"):
        PlanarCompositor().compose(FramePlan((41, 30), (BLACK,)), {}, None)


# --- sprites ----------------------------------------------------------------------------------------------------------


def test_hotspot_lands_on_its_pixel(tmp_path: Path) -> None:
    """An image with one opaque pixel at (3, 2), its corner at (17, 9): the pixel is (20, 11)."""
    art = np.zeros((7, 9, 4), np.uint8)
    art[2, 3] = (255, 255, 255, 255)
    Image.fromarray(art).save(tmp_path / "dot.png")
    luma = compose((40, 30), BLACK, SpriteLayer(str(tmp_path / "dot.png"), Rect(17, 9, 9, 7))).planes[0]
    wanted = np.full((30, 40), 16)
    wanted[11, 20] = 235
    assert np.array_equal(luma, wanted)
    moved = compose((40, 30), BLACK, SpriteLayer(str(tmp_path / "dot.png"), Rect(17.5, 9, 9, 7))).planes[0]
    assert moved[11, 20] == moved[11, 21]  # half-way between the two
    assert moved[11, 20] > 100


def test_chroma_of_a_sprite_is_filtered_to_the_left(tmp_path: Path) -> None:
    """An opaque red column at x = 8 gives half its red to chroma sample 4; at x = 9 a quarter each to 4 and 5."""
    Image.new("RGBA", (1, 20), (255, 0, 0, 255)).save(tmp_path / "line.png")
    for x, wanted in ((8, {4: 0.5}), (9, {4: 0.25, 5: 0.25})):
        chroma = compose((24, 20), BLACK, SpriteLayer(str(tmp_path / "line.png"), Rect(x, 0, 1, 20))).planes[2][5]
        assert chroma.tolist() == [math.floor(128 + 112 * wanted.get(i, 0) + 0.5) for i in range(12)]


def test_an_enlarged_sprite_spreads_beyond_its_rectangle(tmp_path: Path) -> None:
    """Four white pixels made ten times as large: 2.5 pixels before the edge, a quarter of one of its own pixels."""
    Image.new("RGBA", (4, 4), (255, 255, 255, 255)).save(tmp_path / "four.png")
    luma = compose((80, 80), BLACK, SpriteLayer(str(tmp_path / "four.png"), Rect(20, 20, 40, 40))).planes[0]
    a = -0.6  # Keys' cubic at 0.75 and at 1.75 of a pixel
    near = (a + 2) * 0.75**3 - (a + 3) * 0.75**2 + 1
    far = a * (1.75**3 - 5 * 1.75**2 + 8 * 1.75 - 4)
    wanted = math.floor(16 + 219 * (near + far) + 0.5)
    assert wanted > 30
    assert [luma[40, 17], luma[40, 62], luma[17, 40], luma[62, 40]] == [wanted] * 4


def test_sprite_is_clipped_and_fades(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (255, 255, 255, 255)).save(tmp_path / "white.png")
    clip = Shape(Rect(0, 0, 20, 40))
    layer = SpriteLayer(str(tmp_path / "white.png"), Rect(10, 10, 20, 20), 0.5, clip)
    luma = compose((40, 40), BLACK, layer).planes[0]
    assert (luma[12:28, 12:20] == math.floor(16 + 219 * 0.5 + 0.5)).all()
    assert (luma[:, 20:] == 16).all()


# --- what is not done again -------------------------------------------------------------------------------------------


def test_source_is_handed_over_when_it_is_all_there_is() -> None:
    source = noisy(64, 36)
    plan = FramePlan((64, 36), (BLUES, card(Rect(0, 0, 64, 36), source)))
    compositor = PlanarCompositor()
    assert compositor.compose(plan, {KEY: source}, None).planes is source
    assert compositor.passed == 1
    both = interleaved(source)
    assert PlanarCompositor(passthrough=("yuv420p", "nv12")).compose(plan, {KEY: both}, None).planes is both
    split = PlanarCompositor().compose(plan, {KEY: both}, None).planes
    assert split.format == "yuv420p"
    assert alike(split, source)
    assert "nv12" in PlanarCompositor(passthrough=("yuv420p", "nv12")).capabilities.output_formats
    assert PlanarCompositor().capabilities.output_formats == ("yuv420p",)


@pytest.mark.parametrize(
    "change",
    [
        {"opacity": 0.99},
        {"shape": Shape(Rect(0, 0, 64, 36), 4.0)},
        {"shape": Shape(Rect(0, 0, 62, 36))},
        {"rect": Rect(0, 0, 64, 36.5)},
        {"crop": Rect(0, 0, 63, 36)},
    ],
)
def test_source_is_not_handed_over_otherwise(change: dict[str, object]) -> None:
    source = noisy(64, 36)
    layer = dataclasses.replace(card(Rect(0, 0, 64, 36), source), **change)
    compositor = PlanarCompositor()
    out = compositor.compose(FramePlan((64, 36), (BLUES, layer)), {KEY: source}, None).planes
    assert out is not source
    assert not alike(out, source)
    assert compositor.passed == 0


def test_held_frame_is_the_same_object() -> None:
    source = noisy(64, 36)
    plan = FramePlan((80, 50), (BLUES, card(Rect(8, 7, 64, 36), source, 5.0)))
    compositor = PlanarCompositor()
    first = compositor.compose(plan, {KEY: source}, None)
    again = compositor.compose(dataclasses.replace(plan), {KEY: source}, first)
    assert again.planes is first.planes
    assert again.damage == ()
    assert (compositor.composed, compositor.held) == (1, 1)
    # Not when the caller lost the picture, or shows another one.
    assert compositor.compose(plan, {KEY: source}, None).planes is not first.planes


def pointer_plan(tmp_path: Path, x: float, frame: int = 0) -> FramePlan:
    image = tmp_path / "pointer.png"
    if not image.exists():
        rng = np.random.default_rng(4)
        Image.fromarray(rng.integers(0, 256, (12, 9, 4), dtype=np.uint8)).save(image)
    rect = Rect(16, 10, 128, 72)
    layer = PictureLayer(KEY, frame, Rect(0, 0, 160, 90), rect, Shape(rect, 8.0), Shadow(6, 8, 0.5))
    sprite = SpriteLayer(str(image), Rect(x, 30.3 + x / 7, 9, 12), 1.0, layer.shape, 9, 12)
    return FramePlan((160, 92), (BLUES, layer, sprite))


def test_a_moving_pointer_costs_no_scaling_and_is_exact(tmp_path: Path) -> None:
    source = noisy(160, 90)
    compositor = PlanarCompositor()
    last = compositor.compose(pointer_plan(tmp_path, 20.0), {KEY: source}, None)
    scaled = compositor.scales
    assert scaled == 3
    for step in range(12):
        plan = pointer_plan(tmp_path, 20.0 + 9.37 * step + 1)
        before, kept = last, [p.copy() for p in last.planes.planes]
        last = compositor.compose(plan, {KEY: source}, last)
        assert alike(last.planes, PlanarCompositor().compose(plan, {KEY: source}, None).planes)
        assert all(np.array_equal(a, b) for a, b in zip(before.planes.planes, kept, strict=True)), "written in place"
        assert sum(r.area for r in last.damage) < 160 * 92 / 8
    assert compositor.scales == scaled
    assert compositor.patched == 12
    compositor.compose(pointer_plan(tmp_path, 20.0, frame=1), {KEY: noisy(160, 90, 1)}, last)
    assert compositor.scales == 2 * scaled


def test_memory_does_not_grow(tmp_path: Path) -> None:
    source = noisy(160, 90)
    compositor = PlanarCompositor()
    last: Composed | None = None

    def run(start: int, count: int) -> int:
        nonlocal last
        for n in range(start, start + count):
            plan = pointer_plan(tmp_path, 10 + n * 0.37, n % 3)
            zoomed = 1 + n * 0.01
            rect = Rect(16 - n * 0.3, 10 - n * 0.2, 128 * zoomed, 72 * zoomed)
            layer = dataclasses.replace(plan.layers[1], rect=rect, shape=Shape(rect, 8 * zoomed))
            last = compositor.compose(
                dataclasses.replace(plan, layers=(BLUES, layer, plan.layers[2])), {KEY: source}, last
            )
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early = run(0, 30)
        late = run(30, 60)
    finally:
        tracemalloc.stop()
    assert late - early < 256 << 10
    compositor.close()
    compositor.close()


# --- any history gives the same pixels --------------------------------------------------------------------------------

SIZE = (96, 64)
SOURCES = {0: noisy(80, 50, 1), 1: noisy(80, 50, 2)}
places = st.builds(
    Rect, st.floats(-60, 70), st.floats(-40, 50), st.floats(3, 140), st.floats(3, 100)
) | st.sampled_from([Rect(8, 6, 80, 50), Rect(8, 6, 64, 40), Rect(0, 0, 96, 64), Rect(-20.5, -16.25, 160, 100)])


@st.composite
def cards(draw: st.DrawFn) -> PictureLayer:
    rect = draw(places)
    radius = draw(st.sampled_from([0.0, 0.0, 3.0, 11.5])) if min(rect.w, rect.h) >= 23 else 0.0
    return PictureLayer(
        KEY,
        draw(st.sampled_from([0, 1])),
        draw(st.sampled_from([Rect(0, 0, 80, 50), Rect(0, 0, 80, 50), Rect(10.5, 4.25, 50.75, 30)])),
        rect,
        Shape(rect, radius, draw(st.sampled_from(list(CornerKind)))),
        draw(st.none() | st.builds(Shadow, st.floats(0, 12), st.floats(0, 15), st.floats(0, 1))),
        draw(st.none() | st.builds(Border, st.floats(0.3, 6), st.just((1.0, 0.4, 0.1)), st.floats(0, 1))),
        draw(st.sampled_from([1.0, 1.0, 0.6, 0.0])),
    )


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("art") / "art.png"
    rng = np.random.default_rng(9)
    Image.fromarray(rng.integers(0, 256, (14, 11, 4), dtype=np.uint8)).save(path)
    return str(path)


@st.composite
def plans(draw: st.DrawFn, art: str) -> FramePlan:
    layers: list[Layer] = [draw(st.sampled_from([BLUES, WHITE]))]
    shown = draw(st.lists(cards(), min_size=0, max_size=2))
    # One compositor call has one picture of a source.
    layers += [dataclasses.replace(layer, frame=shown[0].frame) for layer in shown]
    for x, y, size, opacity in draw(
        st.lists(st.tuples(st.floats(-15, 95), st.floats(-15, 60), st.floats(4, 40), st.floats(0, 1)), max_size=2)
    ):
        clip = draw(st.sampled_from([None, Shape(Rect(8, 6, 64, 40), 6.0)]))
        layers.append(SpriteLayer(art, Rect(x, y, size, size * 1.3), opacity, clip, 11, 14))
    return FramePlan(SIZE, tuple(layers))


def sources_of(plan: FramePlan) -> dict[str, Planes]:
    return {layer.source: SOURCES[layer.frame] for layer in plan.pictures()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_path_is_the_full_frame(art: str, data: st.DataObject) -> None:
    """Frames one after the other, parts of them changed, have the pixels that each has by itself."""
    chain = data.draw(st.lists(plans(art), min_size=1, max_size=2))
    for _ in range(2):  # and small changes of the last one
        last = chain[-1]
        layers = list(last.layers)
        at = data.draw(st.integers(0, len(layers) - 1))
        layer = layers[at]
        if isinstance(layer, SpriteLayer):
            layers[at] = dataclasses.replace(layer, opacity=data.draw(st.floats(0, 1)))
        elif isinstance(layer, PictureLayer):
            layers[at] = dataclasses.replace(layer, shadow=None)
        else:
            layers.append(SpriteLayer(art, Rect(data.draw(st.floats(0, 80)), 20.2, 9, 11), 1.0, None, 11, 14))
        chain.append(FramePlan(SIZE, tuple(layers)))
    compositor = PlanarCompositor()
    made: Composed | None = None
    for plan in chain:
        made = compositor.compose(plan, sources_of(plan), made)
        alone = PlanarCompositor().compose(plan, sources_of(plan), None)
        for name, got, wanted in zip("YUV", made.planes.planes, alone.planes.planes, strict=True):
            assert np.array_equal(got, wanted), name
