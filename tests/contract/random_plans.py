"""Random frame plans for the contract tests of compositors, as hypothesis strategies, and small changes of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from plans import SIZES, SMOOTH, Art, without

from reelpress.scene.plan.effects import Blur, Effect, Grade
from reelpress.scene.plan.fills import GradientFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import (
    BackgroundLayer,
    EffectLayer,
    FillLayer,
    GroupLayer,
    PictureLayer,
    SpriteLayer,
)
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Collection

    from reelpress.scene.plan.fills import Fill
    from reelpress.scene.plan.layers import Layer


def decimals(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats with few digits, so that a failing example can be read."""
    return st.integers(round(low * 64), round(high * 64)).map(lambda n: n / 64)


UNIT = st.integers(0, 21).map(lambda n: n / 21)
"""Not twentieths: mid-grey is code 125.5 exactly, and whoever rounds it down is as right as who rounds it up."""
COLORS = st.tuples(UNIT, UNIT, UNIT)
KINDS = st.sampled_from(list(CornerKind))


def uneven(art: Art) -> st.SearchStrategy[Fill]:
    """Fills that are no flat colour."""
    noisy = st.builds(
        GradientFill, COLORS, COLORS, decimals(0, 360), st.sampled_from([40.0, 100.0]), st.sampled_from([3.0, 100.0])
    )
    return noisy | st.just(art.fill())


def fills(art: Art) -> st.SearchStrategy[Fill]:
    return st.one_of(
        st.builds(SolidFill, COLORS), st.builds(GradientFill, COLORS, COLORS, decimals(0, 360)), uneven(art)
    )


def backgrounds(art: Art, fill: st.SearchStrategy[Fill] | None = None) -> st.SearchStrategy[BackgroundLayer]:
    return st.builds(BackgroundLayer, fills(art) if fill is None else fill, st.sampled_from([0.0, 0.0, 1.5, 6.0]))


@st.composite
def rects(draw, size: tuple[int, int], shape_of: tuple[float, float], *, wild: bool = True) -> Rect:
    """Places for a thing of the proportions ``shape_of``: at rest, in motion, zoomed past the frame or tiny."""
    width, height = size
    manner = draw(st.sampled_from(["rest", "motion", "zoomed", "tiny"] if wild else ["rest", "motion"]))
    share = draw({"zoomed": decimals(1.5, 4), "tiny": decimals(0.05, 0.2)}.get(manner, decimals(0.3, 1.1)))
    scale = share * min(width / shape_of[0], height / shape_of[1])
    w, h = shape_of[0] * scale, shape_of[1] * scale
    x = (width - w) * draw(decimals(-0.2, 1.2))
    y = (height - h) * draw(decimals(-0.2, 1.2))
    if manner == "rest":
        return Rect(*(float(2 * round(v / 2)) for v in (x, y)), *(float(max(2, 2 * round(v / 2))) for v in (w, h)))
    return Rect(x, y, w, h)


@st.composite
def crops(draw, source: str) -> Rect:
    width, height = SIZES[source]
    if draw(st.booleans()):
        return Rect(0, 0, width, height)
    x, y = draw(st.integers(0, width // 2)), draw(st.integers(0, height // 2))
    w, h = draw(st.integers(width // 3, width - x)), draw(st.integers(height // 3, height - y))
    return Rect(x, y, w, h)


@st.composite
def shapes(draw, rect: Rect) -> Shape:
    radius = min(rect.w, rect.h) / 2 * draw(st.sampled_from([0.0, 0.0, 0.1, 0.3, 1.0]))
    halves = draw(st.sampled_from([(True, True)] * 4 + [(True, False), (False, True), (False, False)]))
    return Shape(rect, radius, draw(KINDS), *halves)


def seldom(strategy: st.SearchStrategy, otherwise: object = None) -> st.SearchStrategy:
    """One time in four."""
    return st.integers(0, 3).flatmap(lambda n: strategy if n == 3 else st.just(otherwise))


def slider(low: float = -1.0) -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, 0.0, 0.5, 1.0, -0.5, -1.0]).map(lambda v: max(low, v))


GRADES = st.builds(
    Grade,
    *(slider().map(lambda v: v / 2) for _ in range(2)),
    *(slider() for _ in range(3)),
    *(slider(0.0) for _ in range(3)),
    slider(0.0),
    st.integers(0, 599),
)
"""Exposure and contrast by half: beyond that most of the picture is clamped."""
BLURS = st.builds(Blur, decimals(-24, 24), decimals(-24, 24)) | st.builds(
    Blur, spread=decimals(-0.3, 0.3), origin=st.tuples(decimals(0, 200), decimals(0, 120))
)
SHADOWS = st.none() | st.builds(Shadow, decimals(0.5, 20), decimals(0.25, 12), UNIT)
BORDERS = st.none() | st.builds(Border, decimals(0.5, 6), COLORS, UNIT)
OPACITIES = st.sampled_from([1.0, 1.0, 1.0, 0.5, 0.15])


@st.composite
def picture_layers(draw, size: tuple[int, int], source: str) -> PictureLayer:
    crop = draw(crops(source))
    rect = draw(rects(size, (crop.w, crop.h)))
    return PictureLayer(
        source,
        draw(st.integers(0, 2)),
        crop,
        rect,
        draw(shapes(rect)),
        draw(SHADOWS),
        draw(BORDERS),
        draw(OPACITIES),
        draw(seldom(st.just(True), False)),
        draw(seldom(decimals(0.4, 5), 0.0)),
        draw(seldom(GRADES.filter(lambda g: g != Grade(seed=g.seed)))),
        draw(seldom(BLURS)),
    )


@st.composite
def sprite_layers(draw, size: tuple[int, int], art: Art) -> SpriteLayer:
    image = draw(st.sampled_from([art.pointer, art.badge]))
    width, height = art.sizes[image]
    scale = draw(decimals(0.3, 2.5))
    rect = Rect(draw(decimals(-20, size[0])), draw(decimals(-20, size[1])), width * scale, height * scale)
    clip = draw(st.none() | rects(size, size, wild=False).flatmap(shapes))
    return art.sprite(
        image,
        rect,
        opacity=draw(st.sampled_from([1.0, 1.0, 0.6])),
        clip=clip,
        angle=draw(seldom(decimals(-3, 3), 0.0)),
        pivot=(rect.x + draw(decimals(-10, 40)), rect.y + draw(decimals(-10, 40))),
        grade=draw(seldom(GRADES.filter(lambda g: g != Grade(seed=g.seed)))),
        blur=draw(seldom(BLURS)),
    )


@st.composite
def fill_layers(draw, size: tuple[int, int]) -> FillLayer:
    rect = draw(rects(size, (draw(decimals(1, 4)), 1)))
    return FillLayer(draw(shapes(rect)), draw(COLORS), draw(OPACITIES), draw(SHADOWS), draw(BORDERS))


@st.composite
def effect_layers(draw, size: tuple[int, int]) -> EffectLayer:
    effect = draw(st.sampled_from(list(Effect)))
    rect = draw(rects(size, size))
    amount = draw(decimals(0.1, 1) if effect is Effect.HIGHLIGHT else decimals(1, 24))
    return EffectLayer(effect, rect, amount, draw(st.sampled_from([0.0, 0.0, 3.5, 12.0])))


@st.composite
def warps(draw, size: tuple[int, int]):
    """Mild perspectives about the middle of the frame."""
    cx, cy = size[0] / 2, size[1] / 2
    a, e = draw(decimals(0.7, 1.5)), draw(decimals(0.7, 1.5))
    b, d = draw(decimals(-0.3, 0.3)), draw(decimals(-0.3, 0.3))
    g, h = draw(decimals(-0.4, 0.4)) / size[0], draw(decimals(-0.4, 0.4)) / size[1]
    i = 1 - g * cx - h * cy
    return (a + cx * g, b + cx * h, cx * i - a * cx - b * cy, d + cy * g, e + cy * h, cy * i - d * cx - e * cy, g, h, i)


@st.composite
def group_layers(draw, size: tuple[int, int], art: Art) -> GroupLayer:
    choices = [fill_layers(size), sprite_layers(size, art), picture_layers(size, SMOOTH), effect_layers(size)]
    layers = [draw(st.one_of(choices)) for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        layers.insert(0, draw(backgrounds(art)))
    return GroupLayer(tuple(layers), draw(st.sampled_from([1.0, 0.6, 0.25])), draw(seldom(warps(size))))


@st.composite
def frame_plans(draw, art: Art, size: tuple[int, int] | None = None, lacking: Collection[str] = ()) -> FramePlan:
    """A background (mostly) and one to three layers over it, on a frame of 64 to 256 px; nothing ``lacking``.

    A see-through card never lies on one flat colour: a compositor that keeps what is below in 8 bits is then off by
    the same fraction everywhere, which rounds to one code or none over the whole card, as chance will have it. The
    same for effects and groups.
    """
    size = size or (2 * draw(st.integers(32, 128)), 2 * draw(st.integers(32, 80)))
    chosen = draw(st.permutations(sorted(set(SIZES) - {SMOOTH})))[: draw(st.integers(1, 3))]
    others = [sprite_layers(size, art), fill_layers(size), effect_layers(size), group_layers(size, art)]
    layers: list[Layer] = []
    for source in chosen:
        picture = picture_layers(size, source)
        layers.append(draw(st.one_of([picture] * 4 + others)))
    if any(isinstance(layer, EffectLayer | GroupLayer) or layer.opacity < 1 for layer in layers):
        layers.insert(0, draw(backgrounds(art, uneven(art))))
    elif draw(st.integers(0, 9)) > 0:
        layers.insert(0, draw(backgrounds(art)))
    return without(FramePlan(size, tuple(layers)), lacking)


@st.composite
def changed_plans(draw, art: Art, plan: FramePlan, lacking: Collection[str] = ()) -> FramePlan:
    """``plan`` with one or several properties of its layers changed, or layers added, removed or swapped."""
    layers = list(plan.layers)
    for _ in range(draw(st.integers(1, 3))):
        manner = draw(st.sampled_from(["property"] * 6 + ["add", "remove", "swap"]))
        at = draw(st.integers(0, len(layers) - 1)) if layers else None
        if at is None or manner == "add":
            layers.append(draw(sprite_layers(plan.size, art) | fill_layers(plan.size) | effect_layers(plan.size)))
        elif manner == "remove":
            layers.pop(at)
        elif manner == "swap":
            other = draw(st.integers(0, len(layers) - 1))
            layers[at], layers[other] = layers[other], layers[at]
        else:
            layers[at] = draw(_changed_layer(art, plan.size, layers[at]))
    return without(FramePlan(plan.size, tuple(layers)), lacking)


@st.composite
def _changed_layer(draw, art: Art, size: tuple[int, int], layer):
    """The layer with one property taken from a fresh one of its kind."""
    match layer:
        case BackgroundLayer():
            fresh = draw(backgrounds(art))
        case PictureLayer():
            fresh = draw(picture_layers(size, layer.source))
        case SpriteLayer():
            fresh = draw(sprite_layers(size, art))
            if fresh.image != layer.image:
                return fresh
        case FillLayer():
            fresh = draw(fill_layers(size))
        case EffectLayer():
            fresh = draw(effect_layers(size))
            if fresh.effect is not layer.effect:  # their amounts are of different kinds
                return fresh
        case GroupLayer():
            fresh = draw(group_layers(size, art))
            if draw(st.booleans()):
                at = draw(st.integers(0, len(layer.layers) - 1))
                inner = draw(_changed_layer(art, size, layer.layers[at]))
                return dataclasses.replace(layer, layers=(*layer.layers[:at], inner, *layer.layers[at + 1 :]))
        case _:
            raise AssertionError(f"no changes known for {layer}")
    names = [f.name for f in dataclasses.fields(layer) if f.name not in ("source", "image", "width", "height")]
    name = draw(st.sampled_from(names))
    return dataclasses.replace(layer, **{name: getattr(fresh, name)})
