"""Sprites that the GPU draws, against the reference: placed, turned, blurred, clipped; and what they cost at rest.

No sample may be further than one code from the reference: it is the same arithmetic, and what remains is the rounding
of halves. On a software adapter where there is no other.
"""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from PIL import Image

from reelpress.color import BT709_LIMITED
from reelpress.compose.gpu.compositor import GpuCompositor
from reelpress.compose.gpu.sprites import KEPT, LARGEST_STEP
from reelpress.compose.reference import ReferenceCompositor
from reelpress.errors import FormatError, MissingInputError
from reelpress.media.planes import Planes
from reelpress.scene.plan.effects import Blur, Grade
from reelpress.scene.plan.fills import GradientFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, GroupLayer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import CornerKind, Shape
from reelpress.scene.plan.rect import Rect

pytestmark = pytest.mark.gpu

SIZE = (160, 96)
GROUND = BackgroundLayer(SolidFill((0.25, 0.6, 0.35)))
FILE = (26, 34)
"""Columns and rows of the file; those that are not transparent: 18 by 25 from (5, 6) on."""
TOLERANCE = 1


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Noise of all colours and coverages with hard edges: every kernel overshoots in it."""
    rgba = np.zeros((FILE[1], FILE[0], 4), np.uint8)
    generator = np.random.default_rng(3)
    rgba[6:31, 5:23] = generator.integers(0, 256, (25, 18, 4))
    rgba[6:31, 5:23, 3] |= 1
    rgba[10:20, 8:16] = (250, 250, 252, 255)
    rgba[20:28, 10:20] = (10, 30, 200, 255)
    path = tmp_path_factory.mktemp("art") / "noise.png"
    Image.fromarray(rgba).save(path)
    return str(path)


@pytest.fixture
def compositor():
    made = GpuCompositor()
    yield made
    made.close()


def worst(got: Planes, plan: FramePlan, sources: dict[str, Planes] | None = None) -> int:
    """Codes by which a picture is off, at most."""
    want = ReferenceCompositor().compose(plan, sources or {}, None).planes
    luma, chroma = got.planes
    pairs = ((luma, want.planes[0]), (chroma[:, 0::2], want.planes[1]), (chroma[:, 1::2], want.planes[2]))
    return max(int(np.abs(a.astype(int) - b).max()) for a, b in pairs)


def seen(got: Planes) -> int:
    """Luma samples that are not the ground's."""
    return int((got.planes[0] != got.planes[0][0, -1]).sum())


def shaders(compositor: GpuCompositor) -> list[str]:
    """Those of the passes of the frame begun last."""
    return [each.shader for each in compositor._program.passes]


def sprite(image: str, x: float = 50.3, y: float = 30.6, scale: float = 1.0, **more) -> SpriteLayer:
    rect = Rect(x, y, FILE[0] * scale, FILE[1] * scale)
    return SpriteLayer(image, rect, width=FILE[0], height=FILE[1], **more)


def plan_of(*layers) -> FramePlan:
    return FramePlan(SIZE, (GROUND, *layers))


# --- pixels -----------------------------------------------------------------------------------------------------------


def chosen(kind: str, rng: random.Random, image: str) -> SpriteLayer:
    """A sprite of a kind, somewhere on the frame (at its borders where the kind says so)."""
    scale = {"enlarged": 4.0, "reduced": 1 / 3}.get(kind, rng.uniform(0.5, 1.6))
    scale *= rng.uniform(0.9, 1.1)
    x, y = rng.uniform(20, SIZE[0] - 60), rng.uniform(15, SIZE[1] - 50)
    if kind == "borders":
        x, y = rng.choice((-0.5, SIZE[0] - 12.3, -9.7)), rng.choice((-11.4, SIZE[1] - 15.8, -3.0))
    more: dict[str, object] = {}
    if kind in ("turned", "turned and blurred", "borders", "everything"):
        more["angle"] = rng.uniform(-3.1, 3.1)
        more["pivot"] = (x + rng.uniform(0, 20), y + rng.uniform(0, 20))
    if kind in ("blurred", "turned and blurred", "borders", "everything"):
        more["blur"] = Blur(rng.uniform(-40, 40), rng.uniform(-30, 30))
    if kind == "zoomed":
        origin = rng.uniform(0, SIZE[0]), rng.uniform(0, SIZE[1])
        more["blur"] = Blur(rng.uniform(-8, 8), rng.uniform(-8, 8), rng.uniform(-0.4, 0.4), origin)
    if kind in ("clipped", "everything"):
        rect = Rect(x + rng.uniform(0, 6), y + rng.uniform(0, 6), rng.uniform(8, 24), rng.uniform(8, 24))
        corner = rng.choice((CornerKind.ROUNDED, CornerKind.SQUIRCLE))
        radius = rng.choice((0.0, 3.5, min(rect.w, rect.h) / 2))
        more["clip"] = Shape(rect, radius, corner, rng.random() < 0.7, rng.random() < 0.7)
    if kind in ("faded", "everything"):
        more["opacity"] = rng.uniform(0.1, 0.9)
    return sprite(image, x, y, scale, **more)


KINDS = (
    "placed", "enlarged", "reduced", "turned", "blurred", "turned and blurred", "zoomed", "clipped", "faded", "borders",
    "everything",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_as_the_reference_draws_it(compositor, image, kind):
    """One after the other on one compositor, as a pointer goes: what it keeps of the last frame is not to be seen."""
    rng = random.Random(kind)
    drawn, last = 0, None
    for number in range(10):
        plan = plan_of(chosen(kind, rng, image))
        last = compositor.compose(plan, {}, last)
        assert worst(last.planes, plan) <= TOLERANCE, (number, plan)
        drawn += seen(last.planes) > 20
        assert "sprite_sheet" in shaders(compositor)
    assert drawn >= 8
    assert compositor.uploaded == 18 * 25 * 4, "the file, and nothing of any frame"


def test_a_pixel_wide_outline_is_not_blurred_by_standing_on_whole_pixels(compositor, image):
    """Shown one to one on whole pixels, a file is the file."""
    layer = sprite(image, 40.0, 20.0)
    got = compositor.compose(plan_of(layer), {}, None).planes
    white = got.planes[0][20 + 10 : 20 + 20, 40 + 8 : 40 + 16]
    r, g, b = 250 / 255, 250 / 255, 252 / 255
    luma = 16 + 219 * (0.2126 * r + 0.7152 * g + 0.0722 * b)
    assert (white == round(luma)).all()


@pytest.mark.parametrize("angle", [0.0, 1e-3, 0.4, np.pi / 4, np.pi / 2, np.pi, -2.2])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (60.0, 37.0)])
def test_any_angle_on_a_grid_of_whole_pixels(compositor, image, angle, corner):
    """Places that fall on samples exactly: here rounding could look up the neighbours of a group's square."""
    layer = sprite(image, *corner, scale=2.0, angle=angle, pivot=(corner[0] + 26.0, corner[1] + 34.0))
    plan = plan_of(layer)
    assert worst(compositor.compose(plan, {}, None).planes, plan) <= TOLERANCE


def test_it_looks_the_same_at_rest_and_after_a_fade(compositor, image):
    layer = sprite(image, 40.7, 20.2, 1.4, angle=0.3, pivot=(50.0, 30.0))
    for opacity in (0.2, 0.7, 1.0, 0.0, 1.0):
        plan = plan_of(dataclasses.replace(layer, opacity=opacity))
        assert worst(compositor.compose(plan, {}, None).planes, plan) <= TOLERANCE, opacity


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_at_rest_it_costs_neither_passes_nor_bytes(compositor, image):
    layer = sprite(image, blur=Blur(20.0, 4.0))
    moving = compositor.compose(plan_of(sprite(image, 20.0)), {}, None)
    compositor.compose(plan_of(layer), {}, None)
    assert shaders(compositor) == ["sprite_upright", "sprite_sheet", "to_nv12"]
    compositor.compose(plan_of(layer), {}, None)  # its place is large enough from now on, at the latest
    first = compositor.compose(plan_of(layer), {}, None)
    assert shaders(compositor) == ["to_nv12"]
    assert worst(first.planes, plan_of(layer)) <= TOLERANCE
    assert compositor.uploaded == 18 * 25 * 4
    assert seen(moving.planes)


def test_what_is_kept_survives_more_memory_for_images(compositor, image):
    """The buffer of images is made anew for the group; the sprite that rests is in it."""
    layer = sprite(image)
    plan = FramePlan((640, 480), (GROUND, layer))
    for _ in range(3):
        compositor.compose(plan, {}, None)
    assert shaders(compositor) == ["to_nv12"]
    before = compositor._canvas.generation
    grown = FramePlan((640, 480), (GROUND, GroupLayer((layer,), 0.9)))
    got = compositor.compose(grown, {}, None).planes
    assert compositor._canvas.generation > before
    assert "sprite_sheet" not in shaders(compositor)
    assert worst(got, grown) <= TOLERANCE


def test_what_was_never_submitted_is_not_kept(compositor, image):
    resting, gone = sprite(image, 20.4), sprite(image, 90.2)
    for _ in range(3):
        compositor.compose(plan_of(resting), {}, None)
    rect = Rect(10, 10, 40, 40)
    missing = PictureLayer("display:0", 0, Rect(0, 0, 40, 40), rect, Shape(rect))
    with pytest.raises(FormatError, match="display:0"):
        compositor.compose(plan_of(gone, missing), {}, None)
    for layer in (gone, resting):
        plan = plan_of(layer)
        assert worst(compositor.compose(plan, {}, None).planes, plan) <= TOLERANCE


def test_several_of_them_that_come_and_go_and_grow(compositor, image):
    """More than are kept, of sizes that change, before and behind other images of the frame."""
    rng = random.Random(5)
    last = None
    for number in range(14):
        count = (1, 3, KEPT + 2, 2)[number % 4]
        layers = []
        for each in range(count):
            x = 8.0 + 25 * each if number % 3 else rng.uniform(-5, 130)
            made = sprite(image, x, 30.0, 0.6 + 0.12 * number)
            layers.append(made if each % 2 else GroupLayer((made,), 0.8))
        plan = plan_of(*layers)
        last = compositor.compose(plan, {}, last)
        assert worst(last.planes, plan) <= TOLERANCE + 1, number  # groups are rounded between, too


@pytest.mark.parametrize("first", ["off the frame", "transparent", "reduced too far"])
def test_the_second_one_alone_is_for_these_passes(compositor, image, first, tmp_path):
    """The first takes no memory among those that are kept, in no frame so far."""
    empty = tmp_path / "empty.png"
    Image.fromarray(np.zeros((10, 10, 4), np.uint8)).save(empty)
    below = {
        "off the frame": sprite(image, x=-500.0),
        "transparent": sprite(str(empty)),
        "reduced too far": sprite(image, scale=0.8 / LARGEST_STEP),
    }[first]
    last = None
    for x in (50.3, 61.7, 61.7):  # the first time among the frame's own, then kept, then at rest
        plan = plan_of(below, sprite(image, x))
        last = compositor.compose(plan, {}, last)
        assert worst(last.planes, plan) <= TOLERANCE
    plan = plan_of(sprite(image, 90.2), sprite(image, 20.4))
    assert worst(compositor.compose(plan, {}, last).planes, plan) <= TOLERANCE


def test_frames_ahead_do_not_disturb_each_other(compositor, image):
    places = [20.0, 20.0, 33.3, 33.3, 33.3, 60.1, 61.2, 61.2]
    plans = [plan_of(sprite(image, x)) for x in places]
    made = []
    for plan in plans:
        if compositor.in_flight >= compositor.depth:
            made.append(compositor.finish(60))
        compositor.begin(plan, {}, None)
    while compositor.in_flight:
        made.append(compositor.finish(60))
    for plan, composed in zip(plans, made, strict=True):
        assert worst(composed.planes, plan) <= TOLERANCE


# --- what is not drawn by passes --------------------------------------------------------------------------------------


def test_what_shows_nothing_costs_nothing(compositor, image, tmp_path):
    Image.new("RGBA", (9, 7)).save(tmp_path / "none.png")
    layers = (
        SpriteLayer(str(tmp_path / "none.png"), Rect(50, 30, 9, 7), width=9, height=7),
        sprite(image, opacity=0.0),
        SpriteLayer(image, Rect(50, 30, 0, 20), width=FILE[0], height=FILE[1]),
        sprite(image, 400.0),
        sprite(image, 400.0, blur=Blur(30.0, 0.0)),
        sprite(image, clip=Shape(Rect(60, 30, 0, 10))),
    )
    for layer in layers:
        got = compositor.compose(plan_of(layer), {}, None).planes
        assert seen(got) == 0, layer
    assert compositor.uploaded == 18 * 25 * 4


@pytest.mark.parametrize("why", ["graded", "reduced too far", "a large file"])
def test_the_rest_is_drawn_by_the_cpu_and_uploaded(compositor, image, why, tmp_path):
    if why == "graded":
        layer = sprite(image, grade=Grade(exposure=-0.4, contrast=0.3))
    elif why == "reduced too far":
        layer = sprite(image, scale=1 / (LARGEST_STEP + 0.5))
    else:
        noise = np.random.default_rng(2).integers(0, 256, (600, 700, 4), np.uint8)
        Image.fromarray(noise).save(tmp_path / "large.png")
        layer = SpriteLayer(str(tmp_path / "large.png"), Rect(20.3, 10.2, 120, 80), width=700, height=600)
    plan = plan_of(layer)
    got = compositor.compose(plan, {}, None).planes
    assert shaders(compositor) == ["to_nv12"]
    assert compositor.uploaded > 0
    assert worst(got, plan) <= TOLERANCE + 1
    assert seen(got)


def test_a_file_that_is_missing(compositor, image):
    with pytest.raises(MissingInputError, match=r"nowhere\.png"):
        compositor.compose(plan_of(sprite("nowhere.png")), {}, None)
    plan = plan_of(sprite(image))
    assert worst(compositor.compose(plan, {}, None).planes, plan) <= TOLERANCE


def test_bytes_of_a_frame_over_a_moving_picture(compositor, image):
    """A new picture goes up with every frame; the sprite that moves over it adds nothing."""
    rect = Rect(0, 0, *SIZE)
    ground = BackgroundLayer(GradientFill((0.1, 0.2, 0.3), (0.3, 0.2, 0.1), 90))
    counts = []
    for number in range(4):
        generator = np.random.default_rng(number)
        planes = tuple(generator.integers(40, 200, shape, np.uint8) for shape in ((96, 160), (48, 80), (48, 80)))
        source = {"display:0": Planes("yuv420p", *SIZE, planes, BT709_LIMITED)}
        layers = (
            ground,
            PictureLayer("display:0", number, rect, rect, Shape(rect)),
            sprite(image, 20.0 + 7.3 * number),
        )
        compositor.compose(FramePlan(SIZE, layers), source, None)
        counts.append(compositor.uploaded)
    assert np.diff(counts).tolist() == [SIZE[0] * SIZE[1] * 3 // 2] * 3
