"""``scene.damage`` measured with the reference: outside of the rectangles not one sample differs.

Every property of every kind of layer is changed, alone and with others. Which properties there are is asked of the
dataclasses themselves, so a new one without an entry in ``CHANGES`` fails the test.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import plans as samples
import pytest
import random_plans
from test_compositors import art, assert_well_formed, channels, identical, outside, randomly, truth

from reelpress.scene.plan.effects import Blur, Effect, Grade
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
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
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["art"]  # the fixture

SIZE = (96, 64)
SHARE = 4
"""Of the changes below effects and in groups, every how manieth is tried by default; all under ``-m release``."""
KINDS: set[type] = set(Layer.__args__)


def assert_bounds_the_change(new: FramePlan, old: FramePlan) -> None:
    damage = new.damage_since(old)
    assert_well_formed(damage, new.size)
    for plane, a, b in zip("Y Cb Cr".split(), outside(truth(new), damage), outside(truth(old), damage), strict=True):
        changed = np.argwhere(a != b)
        assert changed.size == 0, f"{plane} differs outside {damage} at (row, column) {changed[:4].tolist()}"


# --- each property ----------------------------------------------------------------------------------------------------


def plus(*amounts: float):
    return lambda value: [value + amount for amount in amounts]


def other_color(value):
    return [tuple(1 - v for v in value)]


def moved_rect(value: Rect):
    return [
        Rect(value.x + 0.6, value.y, value.w, value.h),
        Rect(value.x, value.y + 9, value.w, value.h),
        Rect(value.x, value.y, value.w + 3.3, value.h + 2),
    ]


def flipped(value: bool):
    return [not value]


def other_kind(value: CornerKind):
    return [kind for kind in CornerKind if kind is not value]


CHANGES: dict[tuple[type, str], Any] = {
    (BackgroundLayer, "blur_sigma"): plus(2.0),
    (SolidFill, "color"): other_color,
    (GradientFill, "start"): other_color,
    (GradientFill, "end"): other_color,
    (GradientFill, "angle"): plus(40),
    (GradientFill, "noise_intensity"): plus(-60),
    (GradientFill, "noise_scale"): plus(30),
    (Shape, "rect"): moved_rect,
    (Shape, "radius"): plus(3, -4),
    (Shape, "kind"): other_kind,
    (Shape, "round_top"): flipped,
    (Shape, "round_bottom"): flipped,
    (Shadow, "size"): plus(4, -2),
    (Shadow, "blur"): plus(5),
    (Shadow, "opacity"): plus(0.3),
    (Border, "width"): plus(2.5, -1),
    (Border, "color"): other_color,
    (Border, "opacity"): plus(-0.5),
    **{(Grade, name): plus(0.4) for name in "exposure contrast saturation temperature tint".split()},
    **{(Grade, name): plus(0.4) for name in "split_tone fade vignette grain".split()},
    (Grade, "seed"): plus(1),
    (Blur, "dx"): plus(7, -20),
    (Blur, "dy"): plus(-6),
    (Blur, "spread"): plus(0.2, -0.1),
    (Blur, "origin"): lambda value: [(value[0] + 40, value[1] - 20)],
    (PictureLayer, "source"): lambda _: [samples.SMOOTH],
    (PictureLayer, "frame"): plus(1),
    (PictureLayer, "crop"): lambda value: [Rect(value.x + 30, value.y + 10, value.w / 2, value.h / 2)],
    (PictureLayer, "rect"): moved_rect,
    (PictureLayer, "opacity"): plus(-0.4, -0.9),
    (PictureLayer, "mirror"): flipped,
    (PictureLayer, "soften"): plus(2),
    (SpriteLayer, "image"): lambda _: [],  # set with its size, below
    (SpriteLayer, "rect"): lambda value: [*moved_rect(value), Rect(value.x - 30, value.y, value.w * 2, value.h * 2)],
    (SpriteLayer, "opacity"): plus(-0.4, -0.9),
    (SpriteLayer, "angle"): lambda value: [value + 0.5, 0.0, value + 3],
    (SpriteLayer, "pivot"): lambda value: [(value[0] + 8, value[1] - 3)],
    (FillLayer, "color"): other_color,
    (FillLayer, "opacity"): plus(-0.4, -0.9),
    (TextLayer, "run"): lambda value: [dataclasses.replace(value, reveal=2), dataclasses.replace(value, backing=None)],
    (TextLayer, "x"): plus(3.4),
    (TextLayer, "y"): plus(-2),
    (TextLayer, "scale"): plus(-0.3),
    (TextLayer, "opacity"): plus(-0.4, -0.9),
    (TextLayer, "bounds"): lambda value: [Rect(value.x + 20, value.y + 10, 40, 20)],
    (EffectLayer, "effect"): lambda value: [Effect.PIXELATE if value is not Effect.PIXELATE else Effect.BLUR],
    (EffectLayer, "rect"): lambda at: [*moved_rect(at), Rect(at.x + 5, at.y + 4, at.w - 12, at.h - 9)],
    (EffectLayer, "amount"): plus(0.35, -9),
    (EffectLayer, "feather"): plus(3, -2),
    (GroupLayer, "opacity"): plus(-0.3, -0.9),
    (GroupLayer, "replaces"): lambda value: [not value],
    (GroupLayer, "warp"): lambda value: (
        [] if value is None else [tuple(v * 0.8 if i == 6 else v for i, v in enumerate(value)), None]
    ),
}  # fmt: skip
"""For each property a function from its value to others. A text's run counts as one value. A dataclass in it is
changed property by property, and taken away where it may be ``None``."""

DERIVED = {(SpriteLayer, "width"), (SpriteLayer, "height"), (ImageFill, "width"), (ImageFill, "height")}
"""Facts about ``image``, which change with it alone."""
APPEARING: dict[str, list[object]] = {
    "shadow": [Shadow(6, 2, 0.6)],
    "border": [Border(3, (0.1, 0.9, 0.9), 1.0)],
    "grade": [Grade(contrast=0.4, vignette=0.5)],
    "blur": [Blur(12, -5), Blur(spread=-0.2, origin=(10.0, 60.0))],
    "clip": [Shape(Rect(30, 10, 20, 40), 6)],
}
"""What may be ``None``, and what it is changed to where it is."""


def changed(value, art: samples.Art, path: str = "") -> Iterator[tuple[str, object]]:
    """``value`` with one property changed, for every property at any depth: (name, new value)."""
    kind = type(value)
    for field in dataclasses.fields(value):
        key, name = (kind, field.name), f"{path}{kind.__name__}.{field.name}"
        old = getattr(value, field.name)
        if key in DERIVED:
            continue
        if key == (GroupLayer, "layers"):
            for i, layer in enumerate(old):
                for inner, new in changed(layer, art, f"{name}[{i}]: "):
                    yield inner, dataclasses.replace(value, layers=(*old[:i], new, *old[i + 1 :]))
            yield name, dataclasses.replace(value, layers=old[:-1])
            continue
        if key in ((SpriteLayer, "image"), (ImageFill, "image")):
            other = art.badge if old != art.badge else art.pointer
            width, height = art.sizes[other]
            yield name, dataclasses.replace(value, image=other, width=width, height=height)
            continue
        if key in CHANGES:
            news = CHANGES[key](old)
        elif old is None:
            news = APPEARING[field.name]
        elif dataclasses.is_dataclass(old):
            news = [new for _, new in changed(old, art)]
            labels = [label for label, _ in changed(old, art)]
            for label, new in zip(labels, news, strict=True):
                yield f"{name}: {label}", dataclasses.replace(value, **{field.name: new})
            news = [None] if field.name in APPEARING else []
        else:
            raise AssertionError(f"{name} is new: add a change of it to CHANGES")
        for new in news:
            yield name, dataclasses.replace(value, **{field.name: new})


def bases(art: samples.Art) -> dict[str, Layer]:
    """A layer of each kind with every property that it can have; effects once for each kind, too."""
    shape = Shape(Rect(21.3, 14.6, 50.2, 33.4), 9, CornerKind.ROUNDED)
    shadow, border = Shadow(5, 3, 0.5), Border(2, (1, 1, 0.2), 0.9)
    grade = Grade(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 3)
    whole = Rect(0, 0, *samples.SIZES[samples.NOISY])
    card = PictureLayer(samples.NOISY, 0, whole, shape.rect, shape, shadow, border)
    sprite = art.sprite(art.pointer, Rect(40.4, 20.7, 18, 24), clip=Shape(Rect(39, 20, 19, 20), 8))
    fill = FillLayer(shape, (0.2, 0.7, 0.3), 1.0, shadow, border)
    warp = (1.15, 0.06, -6.0, -0.05, 1.1, 2.0, 0.0016, 0.0008, 1.0)
    image = BackgroundLayer(ImageFill(art.wallpaper, *art.sizes[art.wallpaper]), 1.0)
    return {
        "solid": BackgroundLayer(SolidFill((0.2, 0.4, 0.6)), 0.0),
        "gradient": BackgroundLayer(GradientFill((0.1, 0.3, 0.8), (0.9, 0.6, 0.3), 130, 80, 40), 0.5),
        "image": image,
        "card": card,
        "look": dataclasses.replace(card, soften=1.0, grade=grade),
        "moving": dataclasses.replace(card, blur=Blur(9, 4), grade=Grade(exposure=0.2)),
        "zooming": dataclasses.replace(card, blur=Blur(3, 2, 0.2, (30.0, 20.0))),
        "sprite": sprite,
        "turned": dataclasses.replace(
            sprite, angle=0.4, pivot=(42.0, 22.0), grade=grade, blur=Blur(8, 5, 0.1, (50.0, 30.0))
        ),
        "fill": fill,
        "pixelate": EffectLayer(Effect.PIXELATE, Rect(18.5, 12.3, 50.7, 33.1), 9, 4),
        "blur": EffectLayer(Effect.BLUR, Rect(18, 12, 50, 34), 10, 0.0),
        "highlight": EffectLayer(Effect.HIGHLIGHT, Rect(18.5, 12.3, 50.7, 33.1), 0.5, 4),
        "text": samples.text_layer("ab cd", 20.3, 15.6, bounds=Rect(5, 5, 88, 40)),
        "group": GroupLayer((fill, dataclasses.replace(sprite, clip=None)), 1.0, warp),
    }  # fmt: skip


BASES = list(bases(samples.Art("a", "b", "c", dict.fromkeys("abc", (1, 1)))))


def single_changes(art: samples.Art) -> list[tuple[str, Layer, Layer]]:
    """Every property once at least; those that several layers of one kind share, with every sixth of them again."""
    cases, known = [], set()
    for name, layer in bases(art).items():
        labels = set()
        for i, (label, new) in enumerate(changed(layer, art)):
            labels.add(label)
            if label not in known or i % 6 == 0:
                cases.append((f"{name}: {label}", layer, new))
        known |= labels
    return cases


GROUND = BackgroundLayer(GradientFill((0.9, 0.2, 0.3), (0.1, 0.6, 0.9), 120, 100, 90))
"""Uneven, so that whatever moves, hides or mixes it is seen."""


def under_and_over(layer: Layer, art: samples.Art) -> tuple[Layer, ...]:
    """The layer with something to see below it."""
    if isinstance(layer, BackgroundLayer):
        return (layer, FillLayer(Shape(Rect(30, 20, 20, 20), 4), (0.1, 0.1, 0.1)))
    below = FillLayer(Shape(Rect(34.5, 6, 30, 52), 12), (0.9, 0.9, 0.2), 0.7)
    return (GROUND, below, layer, art.sprite(art.badge, Rect(60.2, 34.6, 20, 20)))


def contexts(layer: Layer, art: samples.Art) -> dict[str, tuple[Layer, ...]]:
    """Stacks in which a change of the layer must be bounded: alone, below effects, in a tilted group."""
    stack = under_and_over(layer, art)
    masks = (
        EffectLayer(Effect.PIXELATE, Rect(25, 9, 30, 40.5), 7.5),
        EffectLayer(Effect.BLUR, Rect(40.5, 20, 40, 30), 6, 3),
        EffectLayer(Effect.HIGHLIGHT, Rect(10, 10, 70, 40), 0.3),
    )
    warp = (1.2, 0.05, -8.0, -0.04, 1.2, -3.0, 0.001, 0.0015, 0.9)
    return {
        "alone": stack,
        "below effects": (*stack, *masks),
        "in a tilted group": (GROUND, GroupLayer(stack, 0.8, warp)),
    }


def check(label: str, old: tuple[Layer, ...], new: tuple[Layer, ...]) -> bool:
    """Whether the change is to be seen at all."""
    before, after = FramePlan(SIZE, old), FramePlan(SIZE, new)
    try:
        assert_bounds_the_change(after, before)
        seen = not identical(truth(after), truth(before))
        assert not seen or after.damage_since(before) != ()
        assert after.damage_since(before) == before.damage_since(after)
    except AssertionError as error:
        raise AssertionError(f"{label}: {error}") from None
    return seen


@pytest.mark.parametrize("context", ["below effects", "in a tilted group"])
@pytest.mark.parametrize("share", [SHARE, pytest.param(1, marks=pytest.mark.release)])
def test_damage_bounds_changes_that_are_treated_further(art, context, share):
    for label, old, new in single_changes(art)[::share]:
        check(label, contexts(old, art)[context], contexts(new, art)[context])


@pytest.mark.parametrize("name", BASES)
def test_damage_bounds_the_change_of_each_property(art, name):
    tried: dict[str, bool] = {}
    for label, old, new in single_changes(art):
        if label.startswith(f"{name}: "):
            seen = check(label, contexts(old, art)["alone"], contexts(new, art)["alone"])
            tried[label] = tried.get(label, False) or seen
    invisible = [label for label, seen in tried.items() if not seen and not inert(label)]
    assert tried
    assert invisible == [], f"these changes show nothing: {'; '.join(invisible)}"


def inert(label: str) -> bool:
    base, _, rest = label.partition(": ")
    return (
        (base in ("sprite", "group") and rest.endswith("SpriteLayer.pivot"))
        or label == "solid: BackgroundLayer.blur_sigma"
        or (base == "moving" and rest.endswith("Blur.origin"))
        or (base == "moving" and rest.endswith("Grade.seed"))
    )


def test_every_property_of_every_layer_is_changed(art):
    """Counts them: nothing that a dataclass of the plan has is left out."""
    seen: set[tuple[str, str]] = set()
    for label, _, _ in single_changes(art):
        for part in label.replace(": ", " ").split():
            if "." in part:
                kind, name = part.split(".")
                seen.add((kind, name.split("[")[0]))
    assert {type(layer) for _, layer, _ in single_changes(art)} == KINDS
    expected = set()
    parts = {Shape, Shadow, Border, Grade, Blur, SolidFill, GradientFill, ImageFill, *KINDS}
    for kind in parts:
        for field in dataclasses.fields(kind):
            if (kind, field.name) not in DERIVED:
                expected.add((kind.__name__, field.name))
    assert seen == expected
    print(f"{len(expected)} properties, {len(single_changes(art))} changes")


@pytest.mark.parametrize("name", BASES)
def test_damage_bounds_several_changes_at_once(art, name):
    """All properties of a layer together, and some of them drawn by lot."""
    chance = random.Random(name)
    layer = bases(art)[name]
    for attempt in range(5):
        new, count = layer, 0
        for field in dataclasses.fields(layer):
            if attempt and chance.random() < 0.5:
                continue
            options = [
                getattr(each, field.name)
                for label, each in changed(new, art)
                if label.split(": ")[0].split("[")[0] == f"{type(layer).__name__}.{field.name}"
            ]
            if not options:
                continue
            value = chance.choice(options)
            more = {}
            if field.name == "image":
                more = {"width": art.sizes[value][0], "height": art.sizes[value][1]}
            new, count = dataclasses.replace(new, **{field.name: value}, **more), count + 1
        assert attempt or count >= min(2, len(dataclasses.fields(layer)))
        context = ("alone", "below effects", "in a tilted group")[attempt % 3]
        check(f"{name}, {count} properties", contexts(layer, art)[context], contexts(new, art)[context])


def test_a_change_is_seen_where_damage_says_so(art):
    """Not only bounded: for single changes of a card or fill the rectangles hold little that cannot change."""
    for label, old, new in single_changes(art):
        if not isinstance(old, FillLayer) or not label.endswith(("color", "opacity", "width", "size")):
            continue
        before, after = (FramePlan(SIZE, (GROUND, layer)) for layer in (old, new))
        differs = [a != b for a, b in zip(channels(truth(before)), channels(truth(after)), strict=True)]
        area = sum(rect.area for rect in after.damage_since(before))
        rows, columns = np.nonzero(differs[0] | np.repeat(np.repeat(differs[1] | differs[2], 2, 0), 2, 1))
        box = (np.ptp(rows) + 1 + 8) * (np.ptp(columns) + 1 + 8)
        assert area <= box, label


# --- what it is for ---------------------------------------------------------------------------------------------------


def test_damage_of_a_moving_pointer_is_small(art):
    """What makes patched frames cheap: two pointers' worth of pixels, not the frame."""
    layers = (BackgroundLayer(samples.GRADIENT), samples.card(radius=10))
    old, new = (
        FramePlan((256, 144), (*layers, art.sprite(art.pointer, Rect(x, 50.5, 18, 24)))) for x in (30.25, 180.75)
    )
    damage = new.damage_since(old)
    assert len(damage) == 2
    assert sum(rect.area for rect in damage) < 2 * 32 * 36


def test_damage_of_an_equal_plan_and_of_none(art):
    plans, again = samples.fixed_plans(art), samples.fixed_plans(art)
    for name, plan in plans.items():
        assert again[name].damage_since(plan) == ()
        assert sum(rect.area for rect in plan.damage_since(None)) == plan.size[0] * plan.size[1]


def test_damage_of_another_size_is_everything():
    back = (BackgroundLayer(GradientFill((0, 0, 0), (1, 1, 1), 90)),)
    damage = FramePlan((64, 64), back).damage_since(FramePlan((64, 66), back))
    assert sum(rect.area for rect in damage) == 64 * 64


def check_damage(art, data):
    old = data.draw(random_plans.frame_plans(art))
    new = data.draw(random_plans.changed_plans(art, old))
    assert_bounds_the_change(new, old)


test_damage_bounds_random_changes = randomly(check_damage)(15)
test_damage_bounds_many_random_changes = pytest.mark.release(randomly(check_damage)(600))
