"""Patched frames of the whole look are the frames drawn anew, bit for bit; and masks let nothing through."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from reelpress.compose.planar import PlanarCompositor
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.effects import Blur, Effect, Grade
from reelpress.scene.plan.fills import GradientFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import (
    BackgroundLayer,
    EffectLayer,
    FillLayer,
    GroupLayer,
    Layer,
    PictureLayer,
    SpriteLayer,
)
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE = (160, 96)
KEY = "display:0"
BLUES = BackgroundLayer(GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0))
REDS = BackgroundLayer(GradientFill((0.7, 0.2, 0.1), (0.9, 0.1, 0.4), 100.0))


@functools.cache
def noisy(seed: int) -> Planes:
    rng = np.random.default_rng(seed)
    planes = allocate(96, 54)
    for plane in planes.planes:
        plane[:] = rng.integers(16, 236, plane.shape, dtype=np.uint8)
    return planes


@functools.cache
def take(frame: int) -> Planes:
    """Picture 1 differs from 0 everywhere, 2 in a few rows, 3 not at all."""
    if frame < 2:
        return noisy(frame)
    planes = allocate(96, 54)
    for mine, theirs, shift in zip(planes.planes, noisy(0).planes, (0, 1, 1), strict=True):
        mine[:] = theirs
        if frame == 2:
            mine[20 >> shift : 24 >> shift] = 77
    return planes


def same(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


def alone(plan: FramePlan, sources: Mapping[str, Planes]) -> Planes:
    return PlanarCompositor().compose(plan, sources, None).planes


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("art") / "badge.png"
    y, x = np.mgrid[0:24, 0:24]
    rgba = np.stack([x * 10, y * 10, 255 - x * 5, np.clip(300 - 25 * np.hypot(x - 11.5, y - 11.5), 0, 255)], axis=-1)
    Image.fromarray(rgba.astype(np.uint8)).save(path)
    return str(path)


UNIT = st.integers(0, 8).map(lambda n: n / 8)
COLORS = st.tuples(UNIT, UNIT, UNIT)
RECTS = st.builds(
    lambda x, y, w, h, step: Rect(x * step, y * step, w * step, h * step),
    *(st.integers(a, b) for a, b in ((-10, 60), (-10, 40), (8, 60), (8, 40))),
    st.sampled_from([1.0, 2.0, 1.37]),
)
SHAPES = st.builds(
    lambda r, radius, kind, top, low: Shape(r, min(radius, r.w / 2, r.h / 2), kind, top, low),
    RECTS, st.sampled_from([0.0, 6.0, 11.3]), st.sampled_from(list(CornerKind)), st.booleans(), st.booleans(),
)  # fmt: skip
SHADOWS = st.none() | st.builds(Shadow, st.sampled_from([3.0, 9.0]), st.sampled_from([2.0, 6.0]), UNIT)
BORDERS = st.none() | st.builds(Border, st.sampled_from([1.0, 3.5]), COLORS, UNIT)
OPACITIES = st.sampled_from([1.0, 1.0, 0.6, 0.0])
GRADES = st.none() | st.builds(Grade, *(st.sampled_from([0.0, 0.4, -0.3]) for _ in range(5)), grain=UNIT, vignette=UNIT)
BLURS = st.none() | st.builds(
    Blur,
    *(st.sampled_from([0.0, 7.3, -16.0]) for _ in range(2)),
    st.sampled_from([0.0, 0.0, 0.2]),
    st.just((70.0, 40.0)),
)
EFFECTS = st.builds(
    EffectLayer, st.sampled_from(list(Effect)), RECTS, st.sampled_from([0.5, 4.0, 9.7]), st.sampled_from([0.0, 6.0])
).map(lambda e: dataclasses.replace(e, amount=min(e.amount, 0.8)) if e.effect is Effect.HIGHLIGHT else e)
FILLS = st.builds(FillLayer, SHAPES, COLORS, OPACITIES, SHADOWS, BORDERS)
WARPS = st.sampled_from(
    [None, None, (1.1, 0.1, -9.0, -0.05, 1.2, -4.0, 0.0005, 0.001, 1.0), (0.7, 0.0, 8.0, 0.0, 0.7, 8.0, 0.0, 0.0, 1.0)]
)


@st.composite
def cards(draw: st.DrawFn) -> PictureLayer:
    rect = draw(RECTS)
    radius = min(draw(st.sampled_from([0.0, 7.0])), rect.w / 2, rect.h / 2)
    return PictureLayer(
        KEY, draw(st.integers(0, 1)), draw(st.sampled_from([Rect(0, 0, 96, 54), Rect(7, 3, 51, 40)])), rect,
        Shape(rect, radius, draw(st.sampled_from(list(CornerKind)))), draw(SHADOWS), draw(BORDERS), draw(OPACITIES),
        draw(st.booleans()), draw(st.sampled_from([0.0, 0.0, 1.7])), draw(GRADES), draw(BLURS),
    )  # fmt: skip


@st.composite
def sprites(draw: st.DrawFn, art: str) -> SpriteLayer:
    rect = draw(RECTS)
    return SpriteLayer(
        art, rect, draw(OPACITIES), draw(st.none() | SHAPES), 24, 24, draw(st.sampled_from([0.0, 0.5, -2.0])),
        (rect.x + 3, rect.y + 5), draw(GRADES), draw(BLURS),
    )  # fmt: skip


def layers(art: str, depth: int = 1) -> st.SearchStrategy[Layer]:
    kinds = [cards(), sprites(art), FILLS, EFFECTS]
    if depth:
        inner = st.lists(layers(art, depth - 1), min_size=1, max_size=3)
        kinds.append(
            st.builds(
                lambda b, ls, o, w: GroupLayer((*b, *ls), o, w), st.sampled_from([(), (REDS,)]), inner, OPACITIES, WARPS
            )
        )
    return st.one_of(kinds)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_any_patched_frame_is_the_whole_frame(art: str, data: st.DataObject) -> None:
    """Layers change, come and go; one source has as many pictures as the plan asks for."""
    stack = data.draw(st.lists(layers(art), min_size=1, max_size=4))
    runner, last = PlanarCompositor(), None
    for _ in range(4):
        frame = data.draw(st.sampled_from([0, 1, 2, 2, 3]))
        plan = FramePlan(SIZE, tuple(_with_frame(layer, frame) for layer in (BLUES, *stack)))
        last = runner.compose(plan, {KEY: take(frame)}, last)
        assert same(last.planes, alone(plan, {KEY: take(frame)}))
        at = data.draw(st.integers(0, len(stack) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                stack[at] = data.draw(layers(art))
            case 1:
                stack.append(FillLayer(Shape(data.draw(RECTS)), data.draw(COLORS)))
            case 2:
                stack.insert(at, FillLayer(Shape(data.draw(RECTS), 2), data.draw(COLORS), 0.7))
            case _ if isinstance(stack[at], GroupLayer):
                group = stack[at]
                assert isinstance(group, GroupLayer)
                stack[at] = dataclasses.replace(group, layers=(*group.layers, data.draw(FILLS)))


def _with_frame(layer: Layer, frame: int) -> Layer:
    if isinstance(layer, PictureLayer):
        return dataclasses.replace(layer, frame=frame)
    if isinstance(layer, GroupLayer):
        return dataclasses.replace(layer, layers=tuple(_with_frame(each, frame) for each in layer.layers))
    return layer


# --- nothing hidden is seen -------------------------------------------------------------------------------------------

HIDDEN = Rect(32, 16, 64, 48)
CELL = 16


def secret(seed: int) -> Planes:
    """A picture of which, inside ``HIDDEN``, only what lies at the cells' centres does not depend on the seed."""
    planes = allocate(*SIZE)
    fixed, free = np.random.default_rng(7), np.random.default_rng(seed)
    for plane, shift in zip(planes.planes, (0, 1, 1), strict=True):
        plane[:] = fixed.integers(16, 236, plane.shape, dtype=np.uint8)
        x, y, w, h, cell = (int(v) >> shift for v in (HIDDEN.x, HIDDEN.y, HIDDEN.w, HIDDEN.h, CELL))
        box = plane[y : y + h, x : x + w]
        kept = box.copy()
        box[:] = free.integers(16, 236, box.shape, dtype=np.uint8)
        for row in range(cell // 2 - 2, h, cell):  # generously: two samples to each side of a centre
            for column in range(cell // 2 - 2, w, cell):
                box[row : row + 4, column : column + 4] = kept[row : row + 4, column : column + 4]
    return planes


def masked(*above: Layer) -> tuple[Layer, ...]:
    whole = Rect(0, 0, *SIZE)
    card = PictureLayer(KEY, 0, whole, whole, Shape(whole))
    return (card, EffectLayer(Effect.PIXELATE, HIDDEN, CELL), *above)


DOT = FillLayer(Shape(Rect(50, 30, 9, 7), 2), (1.0, 1.0, 0.0), 0.5)
PLACES: dict[str, tuple[Layer, ...]] = {
    "by itself": masked(),
    "below a dot": masked(DOT),
    "in a cross-fade": (BLUES, GroupLayer((REDS, *masked()), 0.4)),
    "in a group": (BLUES, GroupLayer(masked(DOT), 0.7)),
    "in a warp": (BLUES, GroupLayer(masked(), 1.0, (0.8, 0.05, 3.0, -0.04, 0.9, 2.0, 0.0004, 0.0, 1.0))),
    "in groups": (BLUES, GroupLayer((GroupLayer(masked(), 0.9), DOT), 0.5)),
    "below a blur": masked(EffectLayer(Effect.BLUR, Rect(20, 10, 100, 70), 9)),
    "below a highlight": masked(EffectLayer(Effect.HIGHLIGHT, Rect(40, 20, 20, 20), 0.5, 4)),
}


def test_the_secrets_differ() -> None:
    whole = Rect(0, 0, *SIZE)
    plan = FramePlan(SIZE, (BLUES, PictureLayer(KEY, 0, whole, whole, Shape(whole))))
    assert not same(alone(plan, {KEY: secret(1)}), alone(plan, {KEY: secret(2)}))


@pytest.mark.parametrize("name", PLACES)
def test_a_mosaic_hides_all_but_its_cells(name: str) -> None:
    """The last group fades in and out: no frame of the span may differ, drawn alone or patched from the last."""
    first, second = PlanarCompositor(), PlanarCompositor()
    a = b = None
    for step in range(4):
        stack = PLACES[name]
        if step and isinstance(stack[-1], GroupLayer):
            stack = (*stack[:-1], dataclasses.replace(stack[-1], opacity=0.25 * step))
        moving = FillLayer(Shape(Rect(30.0 + 9 * step, 22, 8, 8)), (0, 1, 0))
        plan = FramePlan(SIZE, (*stack, moving))
        a = first.compose(plan, {KEY: secret(1)}, a)
        b = second.compose(plan, {KEY: secret(2)}, b)
        assert same(a.planes, b.planes)
        for kept_a, kept_b in zip(finished(first), finished(second), strict=True):
            assert all(np.array_equal(x, y) for x, y in zip(kept_a, kept_b, strict=True)), "kept in a group's picture"


def finished(compositor: PlanarCompositor) -> list[list[np.ndarray]]:
    """Every finished picture that a compositor keeps."""
    found = []
    for painter in compositor._groups._painters.values():
        assert isinstance(painter, PlanarCompositor)
        assert painter._picture is not None
        found += [[plane for plane, _ in painter._picture.all], *finished(painter)]
    return found


@pytest.mark.parametrize("scale", [1.0, 1.125, 1.5, 2.0])
def test_a_mosaic_hides_in_a_zoom(scale: float) -> None:
    """Card and mask grow together about a corner. The kernel mixes neighbours, so the secret keeps clear of the rim."""

    def inner(seed: int) -> Planes:
        planes = secret(seed)
        plain = secret(0)
        for mine, theirs, shift in zip(planes.planes, plain.planes, (0, 1, 1), strict=True):
            x, y, w, h = (int(v) >> shift for v in (HIDDEN.x, HIDDEN.y, HIDDEN.w, HIDDEN.h))
            held = mine[y + 4 : y + h - 4, x + 4 : x + w - 4].copy()
            mine[:] = theirs
            mine[y + 4 : y + h - 4, x + 4 : x + w - 4] = held
        return planes

    def by(rect: Rect) -> Rect:
        return Rect(
            *(v * scale - o for v, o in zip((rect.x, rect.y), (7 * (scale - 1),) * 2, strict=True)),
            rect.w * scale,
            rect.h * scale,
        )

    whole = Rect(0, 0, *SIZE)
    card = PictureLayer(KEY, 0, whole, by(whole), Shape(by(whole)))
    plan = FramePlan(
        SIZE, (BLUES, card, EffectLayer(Effect.BLUR if scale == 2 else Effect.PIXELATE, by(HIDDEN), CELL * scale))
    )
    if scale == 2:  # a blur shows a mean of what it hides: nothing of it may leave the rectangle
        a, b = (alone(plan, {KEY: inner(seed)}) for seed in (1, 2))
        right = int(by(HIDDEN).right) + 4
        assert np.array_equal(a.planes[0][:, right:], b.planes[0][:, right:])
        return
    flat = [inner(seed) for seed in (1, 2)]
    for planes in flat:  # where the kernel looks: larger flat cells around each centre
        for plane, shift in zip(planes.planes, (0, 1, 1), strict=True):
            x, y, w, h, cell = (int(v) >> shift for v in (HIDDEN.x, HIDDEN.y, HIDDEN.w, HIDDEN.h, CELL))
            reach = 4 if not shift else 3
            for row in range(y + cell // 2, y + h, cell):
                for column in range(x + cell // 2, x + w, cell):
                    plane[row - reach : row + reach, column - reach : column + reach] = 90
    a, b = (alone(plan, {KEY: planes}) for planes in flat)
    assert same(a, b)
