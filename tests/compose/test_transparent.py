"""Pictures with alpha: laid over black and over white they are what the planar compositor draws there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.color import BT709_LIMITED, SRGB, rgb_to_codes
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.reference import ReferenceCompositor
from reelpress.compose.transparent import FORMAT, TransparentCompositor
from reelpress.convert.exact import PAIRS, ExactConverter
from reelpress.errors import FormatError
from reelpress.media.planes import Planes
from reelpress.scene.alpha import over_nothing, pointer_only
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, FillLayer, GroupLayer, Layer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect

SIZE = (160, 96)
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
RED = FillLayer(Shape(Rect(20.3, 10.6, 70.0, 50.0), 12.0), (0.9, 0.1, 0.2), 0.55)
BLUE = FillLayer(Shape(Rect(60.0, 30.0, 60.5, 50.25), 8.0), (0.1, 0.3, 0.95), 1.0)


@pytest.fixture(scope="module")
def pointer(tmp_path_factory: pytest.TempPathFactory) -> SpriteLayer:
    from PIL import Image

    path = tmp_path_factory.mktemp("art") / "pointer.png"
    rng = np.random.default_rng(3)
    art = np.zeros((24, 24, 4), np.uint8)
    art[3:21, 3:21, :3] = rng.integers(0, 256, (18, 18, 3))
    art[3:21, 3:21, 3] = np.linspace(30, 255, 18).astype(np.uint8)
    Image.fromarray(art).save(path)
    return SpriteLayer(str(path), Rect(33.3, 21.7, 40.0, 40.0), 0.9, None, 24, 24)


def drawn(layers: tuple[Layer, ...]) -> Planes:
    compositor = TransparentCompositor()
    try:
        return compositor.compose(FramePlan(SIZE, layers), {}, None).planes
    finally:
        compositor.close()


def deep(planes: Planes) -> list[np.ndarray]:
    """Y, Cb, Cr and alpha in 10 bits, straight."""
    made = ExactConverter().convert(planes, "yuva444p10le", BT709_LIMITED)
    return [plane.view("<u2").astype(float) for plane in made.planes]


CASES = {
    "pointer": lambda pointer: (pointer,),
    "fills": lambda pointer: (RED, BLUE),
    "all": lambda pointer: (RED, pointer, BLUE),
    "group": lambda pointer: (BLUE, GroupLayer((RED, pointer), 0.4)),
}


@pytest.mark.parametrize("ground", [BLACK, WHITE, (0.2, 0.7, 0.4)])
@pytest.mark.parametrize("case", CASES)
def test_over_a_colour_it_is_what_is_drawn_there(pointer, case, ground):
    """Straight alpha of 10 bits, blended as an editor does: within 1 of 255, and the other side's roundings beside it.

    Colour and alpha are each rounded by half a code; the compositor that is compared with rounds each layer, too.
    """
    layers = CASES[case](pointer)
    y, u, v, alpha = deep(drawn(layers))
    compositor = PlanarCompositor()
    whole = FramePlan(SIZE, (BackgroundLayer(SolidFill(ground)), *layers))
    wanted = compositor.compose(whole, {}, None).planes.planes
    compositor.close()
    share = alpha / 1023
    codes = rgb_to_codes(ground)
    luma = y / 4 * share + codes[0] * (1 - share)
    assert np.abs(luma - wanted[0]).max() <= 1.0 + 0.5 * {"pointer": 1, "fills": 2, "all": 3, "group": 2}[case]
    assert np.abs(luma - wanted[0]).mean() < 0.3
    for field, plane, code in ((u, wanted[1], codes[1]), (v, wanted[2], codes[2])):
        mixed = field / 4 * share + code * (1 - share)
        # brought to the chroma positions as art is: [1 2 1] / 4 over columns, the mean of two rows
        left = np.concatenate([mixed[:, :1], mixed[:, 1:-1:2]], axis=1)
        rows = (left + 2 * mixed[:, 0::2] + mixed[:, 1::2]) / 4
        chroma = (rows[0::2] + rows[1::2]) / 2
        # chroma of 4:2:0 was interpolated and filtered again, which softens it
        assert np.abs(chroma - plane).mean() < 0.8


def test_alpha_of_a_plain_box_is_what_was_asked_for():
    box = FillLayer(Shape(Rect(40.0, 20.0, 60.0, 40.0)), (1.0, 1.0, 1.0), 0.5)
    y, u, v, alpha = deep(drawn((box,)))
    inside = np.zeros((SIZE[1], SIZE[0]), bool)
    inside[20:60, 40:100] = True
    assert np.abs(alpha[inside] / 1023 - 0.5).max() <= 1 / 255
    assert (alpha[~inside] == 0).all()
    assert np.abs(y[inside] / 4 - 235).max() <= 2  # one rounding of 117.5 of 255, divided by a half
    assert np.abs(u[inside] / 4 - 128).max() <= 2 and np.abs(v[inside] / 4 - 128).max() <= 2


def test_a_frame_that_is_the_same_is_the_same_object(pointer):
    compositor = TransparentCompositor()
    one = compositor.compose(FramePlan(SIZE, (pointer,)), {}, None)
    two = compositor.compose(FramePlan(SIZE, (pointer,)), {}, one)
    moved = replace(pointer, rect=Rect(50.0, 30.0, 40.0, 40.0))
    three = compositor.compose(FramePlan(SIZE, (moved,)), {}, two)
    compositor.close()
    assert two.planes is one.planes and two.damage == ()
    assert three.planes is not one.planes and 0 < sum(r.area for r in three.damage) < SIZE[0] * SIZE[1]
    for plane, alone in zip(three.planes.planes, drawn((moved,)).planes, strict=True):
        assert (plane == alone).all()


def test_a_picture_of_the_screen_keeps_its_samples_and_has_alpha_around_it():
    rng = np.random.default_rng(5)
    planes = (
        rng.integers(16, 236, (48, 80), np.uint8),
        rng.integers(16, 241, (24, 40), np.uint8),
        rng.integers(16, 241, (24, 40), np.uint8),
    )
    source = Planes("yuv420p", 80, 48, planes, BT709_LIMITED)
    rect = Rect(40.0, 24.0, 80.0, 48.0)
    card = PictureLayer("display:0", 0, Rect(0.0, 0.0, 80.0, 48.0), rect, Shape(rect))
    compositor = TransparentCompositor()
    made = compositor.compose(FramePlan(SIZE, (card,)), {"display:0": source}, None).planes
    compositor.close()
    assert made.format == FORMAT
    assert (made.planes[0][24:72, 40:120] == planes[0]).all()
    assert (made.planes[3][24:72, 40:120] == 255).all()
    assert made.planes[3].sum() == 255 * 80 * 48


# --- cross-fades ------------------------------------------------------------------------------------------------------

VEIL = FillLayer(Shape(Rect(0.0, 0.0, 160.0, 96.0)), (0.3, 0.6, 0.1), 0.4)
SIDES = {
    "cards in two places": lambda pointer: ((RED,), (BLUE,)),
    "a card goes": lambda pointer: ((VEIL, BLUE), (VEIL,)),
    "a card comes": lambda pointer: ((), (RED, BLUE)),
    "a pointer moves": lambda pointer: ((pointer,), (replace(pointer, rect=Rect(50.5, 30.0, 40.0, 40.0)),)),
    "all of it": lambda pointer: ((VEIL, RED, pointer), (VEIL, BLUE, pointer)),
}


def faded(before: tuple[Layer, ...], after: tuple[Layer, ...], share: float) -> FramePlan:
    return FramePlan(SIZE, (*before, GroupLayer(after, share, replaces=True)))


def upon(ground: tuple[float, float, float], before: tuple[Layer, ...], after: tuple[Layer, ...], share: float):
    """The same cross-fade of two whole pictures: what the reference says of opaque ones."""
    under = BackgroundLayer(SolidFill(ground))
    return FramePlan(SIZE, (under, *before, GroupLayer((under, *after), share)))


@pytest.mark.parametrize("ground", [BLACK, WHITE, (0.2, 0.7, 0.4)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("case", SIDES)
def test_the_reference_over_a_ground_is_the_cross_fade_of_both_sides_there(pointer, case, share, ground):
    """Blending is linear: ((1-t) a + t b) over g is (1-t) (a over g) + t (b over g), for colour and alpha alike."""
    before, after = SIDES[case](pointer)
    reference = ReferenceCompositor()
    for made, wanted in zip(
        reference._draw(faded(before, after, share), {}),
        reference._draw(upon(ground, before, after, share), {}),
        strict=True,
    ):
        assert np.abs(made.color + made.through * np.array(ground) - wanted.color).max() < 1e-12


@pytest.mark.parametrize("ground", [BLACK, WHITE])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("case", SIDES)
def test_a_cross_fade_over_nothing_is_that_of_both_composites(pointer, case, share, ground):
    before, after = SIDES[case](pointer)
    compositor = TransparentCompositor()
    y, u, v, cover, chroma_cover = compositor.compose(faded(before, after, share), {}, None).planes.planes
    compositor.close()
    truth = ReferenceCompositor().render_float(upon(ground, before, after, share), {})
    codes = rgb_to_codes(ground)
    for plane, wanted, code, through in zip((y, u, v), truth, codes, (cover, chroma_cover, chroma_cover), strict=True):
        over = plane + code * (1 - through / 255.0)
        # Every layer of a side is rounded by half a code at most, in colour and in coverage, and the mix once more.
        layers = max(len(before), len(after))
        assert np.abs(over - wanted).max() <= layers + 1
        assert np.abs(over - wanted).mean() < 0.5


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.01, 1.0))
@settings(max_examples=25, deadline=None)
def test_alpha_is_interpolated(a: float, b: float, share: float):
    whole = Shape(Rect(0.0, 0.0, 16.0, 16.0))
    layers = (FillLayer(whole, WHITE, a), GroupLayer((FillLayer(whole, BLACK, b),), share, replaces=True))
    compositor = TransparentCompositor()
    planes = compositor.compose(FramePlan((16, 16), layers), {}, None).planes.planes
    compositor.close()
    # each side rounded by half a code, and their mean
    assert abs(float(planes[3][8, 8]) - 255 * ((1 - share) * a + share * b)) <= 1.001
    luma = 235 * (1 - share) * a + 16 * share * b
    assert abs(float(planes[0][8, 8]) - luma) <= 1.001
    assert len({int(plane.min()) - int(plane.max()) for plane in planes}) == 1  # flat


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.77, 1.0])
def test_what_fades_into_itself_stays_what_it_is(pointer, share):
    layers = (VEIL, RED, pointer)
    compositor = TransparentCompositor()
    made = compositor.compose(faded(layers, layers, share), {}, None).planes
    compositor.close()
    for plane, wanted in zip(made.planes, drawn(layers).planes, strict=True):
        assert (plane == wanted).all()


def test_frames_of_a_cross_fade_that_are_patched_are_those_drawn_anew(pointer):
    moved = replace(pointer, rect=Rect(70.0, 20.0, 40.0, 40.0))
    plans = [
        FramePlan(SIZE, (VEIL, RED, pointer)),
        *(faded((VEIL, RED, pointer), (VEIL, moved), share) for share in (0.2, 0.5)),
        faded((VEIL, RED, moved), (VEIL, moved), 0.5),
        faded((VEIL, RED, moved), (VEIL, BLUE), 0.5),
        FramePlan(SIZE, (VEIL, BLUE)),
    ]
    compositor, last = TransparentCompositor(), None
    for plan in plans:
        last = compositor.compose(plan, {}, last)
        for plane, wanted in zip(last.planes.planes, drawn(plan.layers).planes, strict=True):
            assert (plane == wanted).all()
    compositor.close()


def test_over_what_is_opaque_it_is_mixed_too(pointer):
    """The same layers on an opaque canvas: nothing is black there, in the picture of the group as well."""
    plan = FramePlan(SIZE, (BLUE, GroupLayer((RED, pointer), 0.4, replaces=True)))
    compositor = PlanarCompositor()
    made = compositor.compose(plan, {}, None).planes.planes
    compositor.close()
    for plane, wanted in zip(made, ReferenceCompositor().render_float(plan, {}), strict=True):
        assert np.abs(plane - wanted).max() <= 2.5 and np.abs(plane - wanted).mean() < 0.5


# --- conversion -------------------------------------------------------------------------------------------------------


def flat(y: int, u: int, v: int, width: int = 16, height: int = 8) -> Planes:
    full, half = (height, width), (height // 2, width // 2)
    return Planes(
        "yuv420p", width, height,
        (np.full(full, y, np.uint8), np.full(half, u, np.uint8), np.full(half, v, np.uint8)), BT709_LIMITED,
    )  # fmt: skip


def test_eight_bits_become_ten_without_a_rounding():
    rng = np.random.default_rng(9)
    picture = flat(0, 0, 0)
    for plane in picture.planes:
        plane[...] = rng.integers(0, 256, plane.shape)
    made = ExactConverter().convert(picture, "yuv422p10le", BT709_LIMITED)
    y, u, _ = (plane.view("<u2").astype(float) / 4 for plane in made.planes)
    assert (y == picture.planes[0]).all() and u.shape == (8, 8)
    source = picture.planes[1].astype(float)
    # row 2 lies at 2.5 / 2 = 1.25 chroma rows: a quarter of a row above the centre of row 1 (at 1.5)
    assert (u[2] == 0.75 * source[1] + 0.25 * source[0]).all()
    assert (u[3] == 0.75 * source[1] + 0.25 * source[2]).all()
    assert (u[0] == source[0]).all() and (u[7] == source[3]).all()


@pytest.mark.parametrize("rgb", [(255, 255, 255), (0, 0, 0), (200, 30, 60), (12, 240, 99)])
def test_colours_are_those_that_were_meant(rgb):
    codes = [round(code) for code in rgb_to_codes(tuple(c / 255 for c in rgb))]
    made = ExactConverter().convert(flat(*codes), "rgb24", SRGB)
    pixels = made.planes[0].reshape(8, 16, 3).astype(int)
    # half a code of luma and of chroma, in steps of RGB: (0.5 * 255/219) + 0.5 * 255/224 * 1.86, and a rounding
    assert np.abs(pixels - rgb).max() <= 2


def test_what_it_does_not_do_is_refused():
    converter = ExactConverter()
    assert all(converter.why_not(*pair, 16, 8) is None for pair in PAIRS)
    assert converter.why_not("yuv420p", "rgb24", 15, 8) is not None
    with pytest.raises(FormatError, match="does not make"):
        converter.convert(flat(16, 128, 128), "yuva444p10le", BT709_LIMITED)


# --- layers -----------------------------------------------------------------------------------------------------------

GROUND = BackgroundLayer(SolidFill(WHITE))


def test_only_the_pointer_stays(pointer):
    assert pointer_only((GROUND, RED, pointer, BLUE), SIZE) == (pointer,)
    assert pointer_only((GROUND, RED), SIZE) == ()


def test_pointers_of_a_cross_fade_are_faded_into_each_other(pointer):
    other = replace(pointer, rect=Rect(90.0, 40.0, 40.0, 40.0))
    found = pointer_only((GROUND, RED, pointer, GroupLayer((GROUND, BLUE, other), 0.25)), SIZE)
    assert found == (pointer, GroupLayer((other,), 0.25, replaces=True))
    # one that only goes, or only comes, needs nothing that replaces it
    gone = pointer_only((GROUND, RED, pointer, GroupLayer((GROUND, BLUE), 0.25)), SIZE)
    assert gone == (GroupLayer((pointer,), 0.75),)
    assert pointer_only((GROUND, GroupLayer((GROUND, pointer), 0.25)), SIZE) == (GroupLayer((pointer,), 0.25),)


def test_a_fade_through_black_takes_the_pointer_away(pointer):
    black = FillLayer(Shape(Rect(0.0, 0.0, 160.0, 96.0)), BLACK, 0.5)
    assert pointer_only((GROUND, pointer, black), SIZE) == (GroupLayer((pointer,), 0.5),)
    assert pointer_only((GROUND, pointer, replace(black, opacity=1.0)), SIZE) == ()


def test_a_background_goes_or_lets_through(pointer):
    crossing = (GROUND, RED, GroupLayer((GROUND, BLUE), 0.5))
    assert over_nothing(crossing, None) == (RED, GroupLayer((BLUE,), 0.5, replaces=True))
    title = (GROUND, RED, GroupLayer((BLUE,), 0.5))  # lies upon the card
    assert over_nothing(title, None) == (RED, GroupLayer((BLUE,), 0.5))
    veil = FillLayer(Shape(Rect(0.0, 0.0, 160.0, 96.0)), WHITE, 0.5)
    assert over_nothing((RED, GROUND, pointer), veil) == (veil, pointer)
