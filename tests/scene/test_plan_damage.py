"""Damage: outside of it two painted pictures are the same, bit for bit; and it is no larger than it must be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_painter import SOURCE, paint

from reelpress.scene.damage import MAX_RECTS, damage, merge
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
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import IntRect, Rect
from reelpress.scene.text_run import TextRun, TextSpan, TextStyle

SIZE = (64, 48)
WHOLE = (IntRect(0, 0, 64, 48),)
FULL = Rect(0, 0, *SOURCE)
BACK = BackgroundLayer(SolidFill((0.3, 0.3, 0.3)))
CARD = Rect(20, 16, 24, 18)
PICTURE = PictureLayer("display:0", 3, FULL, CARD, Shape(CARD))
SPRITE = SpriteLayer("p.png", Rect(10, 10, 4, 6), 1.0, None, 4, 6)


def plan(*layers: Layer) -> FramePlan:
    return FramePlan(SIZE, layers)


def check(new: FramePlan, old: FramePlan | None) -> tuple[IntRect, ...]:
    """The damage, after comparing what a painter makes of both plans."""
    found = damage(new, old)
    w, h = new.size
    marked = np.zeros((h, w), bool)
    for rect in found:
        assert rect.w > 0
        assert rect.h > 0
        assert not any(value % 2 for value in (rect.x, rect.y, rect.w, rect.h))
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.right <= w
        assert rect.bottom <= h
        area = marked[rect.y : rect.bottom, rect.x : rect.right]
        assert not area.any(), "rectangles overlap"
        area[:] = True
    assert len(found) <= MAX_RECTS
    if old is not None and old.size == new.size:
        for a, b, mask in zip(paint(new), paint(old), (marked, marked[::2, ::2]), strict=True):
            assert not ((a != b) & ~mask).any()
    return found


def test_equal_plans_are_held() -> None:
    assert check(plan(BACK, PICTURE), plan(BACK, replace(PICTURE))) == ()


def test_no_plan_or_another_size_damages_everything() -> None:
    assert damage(plan(BACK), None) == WHOLE
    assert damage(plan(BACK), FramePlan((32, 32), (BACK,))) == WHOLE
    assert plan(BACK).damage_since(plan(BACK)) == ()


def test_another_frame_damages_the_card_and_its_neighbouring_chroma() -> None:
    # The card 20..44 x 16..34; the chroma filter reaches one column further.
    assert check(plan(BACK, replace(PICTURE, frame=4)), plan(BACK, PICTURE)) == (IntRect(18, 14, 28, 22),)


def test_a_passed_through_frame_is_damaged_whole() -> None:
    rect = Rect(0, 0, *SIZE)
    layer = PictureLayer("display:0", 0, rect, rect, Shape(rect))
    assert damage(plan(replace(layer, frame=1)), plan(layer)) == WHOLE


def rounded(radius: float, kind: CornerKind = CornerKind.SQUIRCLE) -> PictureLayer:
    return replace(PICTURE, shape=Shape(CARD, radius, kind))


PICTURE_CHANGES: dict[str, tuple[PictureLayer, PictureLayer]] = {
    "frame": (PICTURE, replace(PICTURE, frame=4)),
    "source": (PICTURE, replace(PICTURE, source="display:1")),
    "crop": (PICTURE, replace(PICTURE, crop=Rect(1, 1, 20, 15))),
    "rect": (PICTURE, replace(PICTURE, rect=Rect(19.3, 16, 25, 18))),
    "radius": (PICTURE, rounded(6)),
    "kind": (rounded(6), rounded(6, CornerKind.ROUNDED)),
    "moved": (rounded(6), replace(rounded(6), rect=Rect(21.5, 16, 24, 18), shape=Shape(Rect(21.5, 16, 24, 18), 6))),
    "shadow added": (rounded(6), replace(rounded(6), shadow=Shadow(3, 2, 0.5))),
    "shadow opacity": (replace(PICTURE, shadow=Shadow(3, 2, 0.5)), replace(PICTURE, shadow=Shadow(3, 2, 0.6))),
    "shadow size": (replace(PICTURE, shadow=Shadow(3, 2, 0.5)), replace(PICTURE, shadow=Shadow(7, 2, 0.5))),
    "border width": (
        replace(rounded(6), border=Border(2, (1, 0, 0), 0.5)),
        replace(rounded(6), border=Border(5, (1, 0, 0), 0.5)),
    ),
    "border color": (
        replace(PICTURE, border=Border(4.5, (1, 0, 0), 0.5)),
        replace(PICTURE, border=Border(4.5, (0, 0, 0), 0.5)),
    ),
    "opacity": (PICTURE, replace(PICTURE, opacity=0.5)),
    "opacity with shadow": (
        replace(PICTURE, shadow=Shadow(6, 2, 0.5)),
        replace(PICTURE, shadow=Shadow(6, 2, 0.5), opacity=0.5),
    ),
}


@pytest.mark.parametrize("name", PICTURE_CHANGES)
@pytest.mark.parametrize("back", [False, True])
def test_every_property_of_a_picture(name: str, back: bool) -> None:
    before, after = PICTURE_CHANGES[name][:: -1 if back else 1]
    found = check(plan(BACK, after), plan(BACK, before))
    assert found
    assert found != WHOLE


def test_antialiasing_reaches_a_pixel_beyond_the_outline() -> None:
    """The outline ends at x = 44.4, y = 34.4. A sample of column 45 lies at 45.25, 0.85 outside: it has some coverage.
    The chroma sample of columns 46 and 47 averages columns 45 to 47."""
    rect = Rect(20, 16, 24.4, 18.4)
    card = replace(PICTURE, rect=rect, shape=Shape(rect, 6))
    (found,) = check(plan(BACK, replace(card, frame=4)), plan(BACK, card))
    assert (found.right, found.bottom) == (48, 38)
    ringed = replace(card, border=Border(4, (1, 0, 0), 1.0))
    (found,) = check(plan(BACK, ringed), plan(BACK, card))
    assert (found.right, found.bottom) == (52, 42)
    (found,) = check(plan(BACK, ringed), plan(BACK))
    assert (found.right, found.bottom) == (52, 42)


@pytest.mark.parametrize("name", ["frame", "crop"])
def test_new_content_does_not_touch_the_shadow(name: str) -> None:
    """What is drawn around a card that shows another frame stays."""
    before, after = (replace(layer, shadow=Shadow(8, 4, 0.5)) for layer in PICTURE_CHANGES[name])
    assert check(plan(BACK, after), plan(BACK, before)) == (IntRect(18, 14, 28, 22),)


SPRITE_CHANGES: dict[str, SpriteLayer] = {
    "moved": replace(SPRITE, rect=Rect(10.3, 10, 4, 6)),
    "far": replace(SPRITE, rect=Rect(50, 30, 4, 6)),
    "image": replace(SPRITE, image="q.png"),
    "opacity": replace(SPRITE, opacity=0.5),
    "clip": replace(SPRITE, clip=Shape(Rect(11, 12, 30, 30), 4)),
    "enlarged": replace(SPRITE, rect=Rect(10, 10, 20, 25)),
    "enlarged much": replace(SPRITE, rect=Rect(20, 20, 12, 12), width=1, height=1),
    "reduced": replace(SPRITE, rect=Rect(10, 10, 1, 1), width=9, height=7),
}


@pytest.mark.parametrize("name", SPRITE_CHANGES)
@pytest.mark.parametrize("back", [False, True])
def test_every_property_of_a_sprite(name: str, back: bool) -> None:
    before, after = [SPRITE, SPRITE_CHANGES[name]][:: -1 if back else 1]
    found = check(plan(BACK, PICTURE, after), plan(BACK, PICTURE, before))
    assert found
    assert found != WHOLE


def test_a_pointer_that_jumps_damages_where_it_was_and_where_it_is() -> None:
    found = check(plan(BACK, SPRITE_CHANGES["far"]), plan(BACK, SPRITE))
    # Each: the sprite, 2 pixels of kernel, 1 of chroma filter, outwards to even.
    assert found == (IntRect(6, 6, 12, 14), IntRect(46, 26, 12, 14))


def test_a_sprite_of_unknown_size_is_allowed_the_widest_kernel() -> None:
    unknown = replace(SPRITE, width=0, height=0)
    (found,) = damage(plan(BACK, unknown), plan(BACK))
    # One source pixel is as large as the sprite: 2 * 4 and 2 * 6 pixels around it.
    assert found == IntRect(0, 0, 24, 30)


def test_sprites_out_of_sight_do_nothing() -> None:
    far = replace(SPRITE, rect=Rect(-50, -50, 4, 6))
    assert damage(plan(BACK, far), plan(BACK)) == ()
    clipped = replace(SPRITE, clip=Shape(Rect(40, 30, 5, 5)))
    assert damage(plan(BACK, clipped), plan(BACK)) == ()
    assert damage(plan(BACK, replace(SPRITE, opacity=0.0)), plan(BACK)) == ()


def test_layers_that_come_and_go() -> None:
    card = (IntRect(18, 14, 28, 22),)
    assert check(plan(BACK, PICTURE), plan(BACK)) == card
    assert check(plan(BACK), plan(BACK, PICTURE)) == card
    assert check(plan(BACK, PICTURE), plan(PICTURE)) == WHOLE
    assert check(plan(BACK, PICTURE, SPRITE), plan(BACK, PICTURE)) == (IntRect(6, 6, 12, 14),)


def test_reordered_layers() -> None:
    over = replace(SPRITE, rect=Rect(24, 20, 4, 6))
    found = check(plan(BACK, over, PICTURE), plan(BACK, PICTURE, over))
    assert found == (IntRect(18, 14, 28, 22),)


@pytest.mark.parametrize(
    "other",
    [
        BackgroundLayer(SolidFill((0.4, 0.3, 0.3))),
        BackgroundLayer(GradientFill((0, 0, 0), (1, 1, 1), 90)),
        replace(BACK, blur_sigma=1.0),
    ],
)
def test_a_background_covers_everything(other: BackgroundLayer) -> None:
    assert damage(plan(other, PICTURE), plan(BACK, PICTURE)) == WHOLE


# --- the look: numbers worked out by hand; tests/contract shows with the reference that they hold the change ---------

FILL = FillLayer(Shape(CARD), (0.2, 0.5, 0.3))
DOT = replace(PICTURE, rect=Rect(24, 20, 2, 2), shape=Shape(Rect(24, 20, 2, 2)))
MASK = EffectLayer(Effect.PIXELATE, Rect(16, 12, 32, 24), 16)
"""Cells with their middles at x 24, 40 and y 20, 36 (clamped to the edge)."""


@pytest.mark.parametrize("property", ["mirror", "soften", "grade"])
def test_what_changes_a_picture_alone_damages_its_inside(property: str) -> None:
    value = {"mirror": True, "soften": 3.0, "grade": Grade(exposure=0.5)}[property]
    shadowed = replace(PICTURE, shadow=Shadow(8, 4, 0.5))
    new = replace(shadowed, **{property: value})  # type: ignore[arg-type]
    assert damage(plan(BACK, new), plan(BACK, shadowed)) == (IntRect(18, 14, 28, 22),)


def test_a_fill_is_damaged_like_a_card() -> None:
    assert damage(plan(BACK, replace(FILL, color=(1, 0, 0))), plan(BACK, FILL)) == (IntRect(18, 14, 28, 22),)
    assert damage(plan(BACK, FILL), plan(BACK)) == (IntRect(18, 14, 28, 22),)
    shadowed = replace(FILL, shadow=Shadow(3, 2, 0.5))  # 5 pixels and half of one, one for chroma, to even
    assert damage(plan(BACK, shadowed), plan(BACK, FILL)) == (IntRect(12, 8, 40, 34),)
    assert damage(plan(BACK, replace(FILL, opacity=0.0)), plan(BACK)) == ()


def test_a_text_damages_its_bounds() -> None:
    text = TextLayer(TextRun((TextSpan("a"),), TextStyle(10)), 12, 12, bounds=Rect(10.5, 11, 20, 8))
    assert damage(plan(BACK, replace(text, opacity=0.5)), plan(BACK, text)) == (IntRect(8, 10, 24, 10),)


def test_motion_blur_spreads_over_its_way() -> None:
    """Ten pixels to both sides; 2 of chroma filter, 2 of bilinear chroma, 1 at last, to even: 5 more on every side."""
    moving = replace(DOT, blur=Blur(dx=21))
    assert damage(plan(BACK, replace(moving, frame=4)), plan(BACK, moving)) == (IntRect(8, 14, 34, 14),)
    assert damage(plan(BACK, moving), plan(BACK)) == (IntRect(8, 14, 34, 14),)


def test_a_turned_sprite_stays_near_its_pivot() -> None:
    """4x6 about its middle (12, 13) by 90 degrees: 6x4, with 4 pixels of kernels and one of chroma, to even."""
    turned = replace(SPRITE, angle=math.pi / 2, pivot=(12.0, 13.0))
    (found,) = damage(plan(BACK, turned), plan(BACK))
    assert (found.x, found.y) == (4, 6)
    assert (found.right, found.bottom) == (20, 20)


def test_a_mask_is_damaged_where_it_is() -> None:
    assert damage(plan(BACK, replace(MASK, amount=8)), plan(BACK, MASK)) == (IntRect(14, 10, 36, 28),)
    assert damage(plan(BACK, MASK), plan(BACK)) == (IntRect(14, 10, 36, 28),)
    assert damage(plan(BACK, replace(MASK, amount=0)), plan(BACK)) == ()


def test_a_highlight_damages_all_but_its_inside() -> None:
    light = EffectLayer(Effect.HIGHLIGHT, CARD, 0.5)
    # The chroma sample of columns 20 and 21 looks at column 19 too.
    around = (IntRect(0, 0, 64, 16), IntRect(0, 16, 22, 18), IntRect(0, 34, 64, 14), IntRect(44, 16, 20, 18))
    assert damage(plan(BACK, replace(light, amount=0.6)), plan(BACK, light)) == around
    moved = replace(light, rect=Rect(22, 16, 24, 18))
    assert damage(plan(BACK, moved), plan(BACK, light)) == (IntRect(18, 14, 30, 22),)


def test_a_change_below_a_mosaic_is_seen_in_the_cells_that_show_it() -> None:
    changed = replace(DOT, frame=4)
    assert damage(plan(BACK, changed, MASK), plan(BACK, DOT, MASK)) == (IntRect(14, 10, 20, 20),)


def test_a_change_that_a_mosaic_hides_is_none() -> None:
    hidden = replace(DOT, rect=Rect(32, 28, 2, 2), shape=Shape(Rect(32, 28, 2, 2)))
    assert damage(plan(BACK, replace(hidden, frame=4), MASK), plan(BACK, hidden, MASK)) == ()
    feathered = replace(MASK, feather=20)  # now a share of it is seen
    assert damage(plan(BACK, replace(hidden, frame=4), feathered), plan(BACK, hidden, feathered)) == (
        IntRect(30, 26, 6, 6),
    )


def test_a_change_below_a_blur_spreads_by_its_amount() -> None:
    """The dot's 22..28 by 18..24, 4 of the blur, 2 of bilinear chroma, 1 to whole chroma samples, inside the mask."""
    mask = EffectLayer(Effect.BLUR, MASK.rect, 4)
    changed = replace(DOT, frame=4)
    assert damage(plan(BACK, changed, mask), plan(BACK, DOT, mask)) == (IntRect(14, 10, 22, 22),)


def test_a_change_beside_a_mask_stays_what_it_is() -> None:
    beside = replace(DOT, rect=Rect(4, 4, 2, 2), shape=Shape(Rect(4, 4, 2, 2)))
    for mask in (MASK, replace(MASK, effect=Effect.BLUR), replace(MASK, effect=Effect.HIGHLIGHT, amount=0.5)):
        assert damage(plan(BACK, replace(beside, frame=4), mask), plan(BACK, beside, mask)) == (IntRect(2, 2, 6, 6),)


def test_changes_in_a_group_are_as_small_as_outside() -> None:
    group = GroupLayer((PICTURE, SPRITE), 0.7)
    new = replace(group, layers=(replace(PICTURE, frame=4), SPRITE))
    assert damage(plan(BACK, new), plan(BACK, group)) == (IntRect(18, 14, 28, 22),)
    faded = replace(group, opacity=0.6)
    assert damage(plan(BACK, faded), plan(BACK, group)) == damage(plan(BACK, PICTURE, SPRITE), plan(BACK))
    gone = (replace(new, opacity=0.0), replace(group, opacity=0.0))
    assert damage(plan(BACK, gone[0]), plan(BACK, gone[1])) == ()


def test_changes_in_a_warped_group_go_with_it() -> None:
    """Moved by 10 to the right: 18..46 by 14..36, 4 pixels of kernel (2 chroma samples), 1, to even."""
    group = GroupLayer((PICTURE,), 1.0, (1, 0, -10, 0, 1, 0, 0, 0, 1))
    new = replace(group, layers=(replace(PICTURE, frame=4),))
    assert damage(plan(BACK, new), plan(BACK, group)) == (IntRect(22, 8, 40, 34),)


def test_a_group_seen_from_behind_is_not_there() -> None:
    behind = GroupLayer((PICTURE,), 1.0, (-1, 0, 0, 0, -1, 0, 0, 0, -1))
    assert damage(plan(BACK, behind), plan(BACK)) == ()


def test_merging() -> None:
    assert merge([IntRect(0, 0, 4, 4), IntRect(10, 0, 4, 4)]) == (IntRect(0, 0, 4, 4), IntRect(10, 0, 4, 4))
    assert merge([IntRect(0, 0, 4, 4), IntRect(2, 2, 4, 4)]) == (IntRect(0, 0, 6, 6),)
    assert merge([IntRect(0, 0, 4, 4), IntRect(4, 0, 6, 4)]) == (IntRect(0, 0, 10, 4),)
    # The union of the first two runs into the third.
    assert merge([IntRect(0, 0, 4, 10), IntRect(2, 8, 10, 4), IntRect(8, 0, 2, 2)]) == (IntRect(0, 0, 12, 12),)
    many = [IntRect(0, 20 * i, 2, 2) for i in range(MAX_RECTS + 1)]
    assert merge(many) == (IntRect(0, 0, 2, 20 * MAX_RECTS + 2),)


some_rects = st.builds(
    IntRect,
    st.integers(0, 30).map(lambda v: v * 2),
    st.integers(0, 30).map(lambda v: v * 2),
    st.integers(1, 9).map(lambda v: v * 2),
    st.integers(1, 9).map(lambda v: v * 2),
)


@given(st.lists(some_rects, max_size=14))
def test_merged_rectangles_hold_all_and_do_not_overlap(rects: list[IntRect]) -> None:
    made = merge(rects)
    count = np.zeros((90, 90), int)
    for rect in made:
        count[rect.y : rect.bottom, rect.x : rect.right] += 1
    assert count.max(initial=0) <= 1
    for rect in rects:
        assert count[rect.y : rect.bottom, rect.x : rect.right].all()


# Random plans: one of a few values for each property, so that some properties stay the same.
numbers = st.floats(-4, 60).map(lambda v: round(v, 2))
sizes = st.sampled_from([2.0, 5.5, 12.0, 20.25, 40.0])
rects = st.builds(Rect, numbers, numbers, sizes, sizes)
kinds = st.sampled_from(list(CornerKind))
opacities = st.sampled_from([0.0, 0.4, 1.0])
shapes = st.builds(
    lambda rect, part, kind: Shape(rect, part * min(rect.w, rect.h) / 2, kind),
    rects,
    st.sampled_from([0.0, 0.3, 1.0]),
    kinds,
)
shadows = st.none() | st.builds(Shadow, st.sampled_from([0.5, 6.0]), st.sampled_from([0.5, 3.0]), opacities)
borders = st.none() | st.builds(Border, st.sampled_from([1.0, 3.3]), st.just((0.9, 0.1, 0.1)), opacities)
pictures = st.builds(
    PictureLayer,
    st.just("display:0"),
    st.integers(0, 1),
    st.sampled_from([FULL, Rect(2, 3, 10, 9)]),
    rects,
    shapes,
    shadows,
    borders,
    opacities,
)
sprites = st.builds(
    SpriteLayer,
    st.sampled_from(["p.png", "q.png"]),
    rects,
    opacities,
    st.none() | shapes,
    st.sampled_from([1, 3, 16]),
    st.sampled_from([1, 4, 20]),
)
layers = st.lists(st.just(BACK) | pictures | sprites, max_size=4).map(tuple)


@settings(max_examples=150, deadline=None)
@given(layers, layers, st.integers(0, 4), st.data())
def test_random_plans(a: tuple[Layer, ...], b: tuple[Layer, ...], shared: int, data: st.DataObject) -> None:
    check(plan(*a[:shared], *b), plan(*a))
    if a:  # the same layers, one of them with one property of another
        i = data.draw(st.integers(0, len(a) - 1))
        layer = a[i]
        if isinstance(layer, PictureLayer):
            donor: Layer = data.draw(pictures)
            names = ["frame", "crop", "rect", "shape", "shadow", "border", "opacity"]
        elif isinstance(layer, SpriteLayer):
            donor, names = data.draw(sprites), ["image", "rect", "opacity", "clip"]
        else:
            return
        name = data.draw(st.sampled_from(names))
        changed = replace(layer, **{name: getattr(donor, name)})
        check(plan(*a[:i], changed, *a[i + 1 :]), plan(*a))
