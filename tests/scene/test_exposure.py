"""When a frame hides something that the one before showed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.scene.exposure import hides_more
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer, GroupLayer, Layer
from reelpress.scene.plan.rect import Rect

SIZE = (320, 180)
MASK = EffectLayer(Effect.PIXELATE, Rect(40, 40, 80, 60), 12.0)
BLUR = EffectLayer(Effect.BLUR, Rect(200, 40, 80, 60), 9.0)
LIGHT = EffectLayer(Effect.HIGHLIGHT, Rect(0, 0, 50, 50), 0.5)
PAPER = BackgroundLayer(SolidFill((1.0, 1.0, 1.0)))


def plan(*layers: Layer) -> FramePlan:
    return FramePlan(SIZE, (PAPER, *layers))


@pytest.mark.parametrize("mask", [MASK, BLUR])
def test_a_mask_that_begins(mask: EffectLayer) -> None:
    assert hides_more(plan(mask), plan())
    assert hides_more(plan(GroupLayer((mask,))), plan(GroupLayer(())))
    assert hides_more(plan(GroupLayer((PAPER, GroupLayer((mask,))))), plan())


@pytest.mark.parametrize("mask", [MASK, BLUR])
def test_the_first_frame_hides_if_it_has_a_mask(mask: EffectLayer) -> None:
    assert hides_more(plan(mask), None)
    assert not hides_more(plan(), None)


def test_a_mask_that_stays_or_ends() -> None:
    assert not hides_more(plan(MASK), plan(MASK))
    assert not hides_more(plan(), plan(MASK))
    assert not hides_more(plan(BLUR), plan(MASK, BLUR))
    assert not hides_more(plan(BLUR, MASK), plan(MASK, BLUR))


def test_a_second_mask_counts() -> None:
    assert hides_more(plan(MASK, BLUR), plan(MASK))


@pytest.mark.parametrize(
    "changed",
    [
        replace(MASK, rect=Rect(40, 40, 81, 60)),
        replace(MASK, rect=Rect(41, 40, 80, 60)),
        replace(MASK, rect=Rect(40, 40, 80.25, 60)),
        replace(MASK, amount=12.5),
        replace(MASK, effect=Effect.BLUR),
        replace(MASK, feather=3.0),
    ],
)
def test_a_mask_that_grows_moves_or_becomes_stronger(changed: EffectLayer) -> None:
    assert hides_more(plan(changed), plan(MASK))
    if changed.feather == 0:
        assert hides_more(plan(MASK), plan(replace(MASK, feather=3.0)))  # a soft edge becomes hard


def test_a_highlight_hides_nothing() -> None:
    assert not hides_more(plan(LIGHT), plan())
    assert not hides_more(plan(LIGHT, MASK), plan(MASK))


@given(st.lists(st.sampled_from([MASK, BLUR, LIGHT, replace(MASK, amount=3.0)])), st.data())
def test_what_only_loses_layers_hides_no_more(old: list[EffectLayer], data: st.DataObject) -> None:
    kept = [layer for layer in old if data.draw(st.booleans())]
    assert not hides_more(plan(*kept), plan(*old))


@given(st.lists(st.sampled_from([MASK, BLUR, LIGHT])), st.lists(st.sampled_from([MASK, BLUR, LIGHT])))
def test_a_mask_that_was_not_there_is_always_told(new: list[EffectLayer], old: list[EffectLayer]) -> None:
    masks = {layer for layer in new if layer.effect is not Effect.HIGHLIGHT}
    assert hides_more(plan(*new), plan(*old)) == bool(masks - set(old))
