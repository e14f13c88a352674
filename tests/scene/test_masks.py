"""Masks, by hand from cap-format 3.10 on an output of 1920x1080."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.project.overlays import MaskSegment
from reelpress.scene.masks import MaskTrack, keyed
from reelpress.scene.plan.effects import Effect
from reelpress.scene.plan.layers import EffectLayer
from reelpress.scene.plan.rect import Rect

HD = (1920, 1080)


def track(*masks: dict[str, Any], frame: tuple[int, int] = HD) -> MaskTrack:
    base = {"start": 1, "end": 3, "center": {"x": 0.5, "y": 0.5}, "size": {"x": 0.25, "y": 0.5}}
    return MaskTrack([MaskSegment.model_validate({**base, **mask}) for mask in masks], frame)


def one(time: float = 2.0, frame: tuple[int, int] = HD, **keys: Any) -> EffectLayer:
    (layer,) = track(keys, frame=frame).layers(time)
    return layer


def test_start_and_end_belong_to_it() -> None:
    made = track({})
    assert [len(made.layers(t)) for t in (0.999, 1.0, 3.0, 3.001)] == [0, 1, 1, 0]
    assert track({"enabled": False}).layers(2) == ()


def test_all_that_are_on_in_the_order_of_the_list() -> None:
    made = track({"pixelation": 20}, {"start": 2.5}, {"maskType": "highlight"}, {"pixelation": 1030})
    assert [layer.effect for layer in made.layers(2)] == [Effect.PIXELATE, Effect.HIGHLIGHT, Effect.BLUR]


@pytest.mark.parametrize(
    ("pixelation", "effect", "amount"),
    [
        (16, Effect.PIXELATE, 16),
        (1, Effect.PIXELATE, 4),
        (0, Effect.PIXELATE, 16),
        (-5, Effect.PIXELATE, 16),
        (79.5, Effect.PIXELATE, 79.5),
        (81, Effect.PIXELATE, 80),
        (999, Effect.PIXELATE, 80),
        (1000, Effect.BLUR, 16),
        (1003, Effect.BLUR, 4),
        (1025, Effect.BLUR, 25),
        (5000, Effect.BLUR, 80),
    ],
)
def test_amounts(pixelation: float, effect: Effect, amount: float) -> None:
    layer = one(pixelation=pixelation)
    assert (layer.effect, layer.amount) == (effect, amount)
    assert one(frame=(960, 540), pixelation=pixelation).amount == amount / 2


def test_fractions_of_the_output_on_even_pixels_outwards() -> None:
    assert one().rect == Rect(720, 270, 480, 540)
    # 0.1 of 1920 about 0.3: 480 .. 672; 0.1 of 1080 about 0.3: 270 .. 378.
    assert one(center={"x": 0.3, "y": 0.3}, size={"x": 0.1, "y": 0.1}).rect == Rect(480, 270, 192, 108)
    # 0.501 * 1920 = 961.92 -+ 96.0: 865.92 .. 1057.92 goes to 864 .. 1058, never inwards.
    assert one(center={"x": 0.501, "y": 0.5}, size={"x": 0.1, "y": 0.5}).rect == Rect(864, 270, 194, 540)


def test_size_is_clamped() -> None:
    tiny, huge = one(size={"x": 0, "y": -1}).rect, one(size={"x": 9, "y": 9}).rect
    # A hundredth: 19.2 x 10.8 about the middle, outwards to 950 .. 970 and 534 .. 546.
    assert tiny == Rect(950, 534, 20, 12)
    assert huge == Rect(-960, -540, 3840, 2160)


COORDINATE = st.floats(-0.5, 1.5)


@given(COORDINATE, COORDINATE, st.floats(0.01, 2), st.floats(0.01, 2), st.floats(0, 1))
def test_what_is_asked_for_is_always_hidden_in_full(x: float, y: float, w: float, h: float, feather: float) -> None:
    """The feather begins outside of the rectangle: where that lies, the weight is 1."""
    layer = one(center={"x": x, "y": y}, size={"x": w, "y": h}, feather=feather)
    rect, f = layer.rect, layer.feather
    assert f == pytest.approx(0.5 * min(w * 1920, h * 1080) * feather)
    assert rect.x + f <= (x - w / 2) * 1920 + 1e-6
    assert rect.y + f <= (y - h / 2) * 1080 + 1e-6
    assert rect.right - f >= (x + w / 2) * 1920 - 1e-6
    assert rect.bottom - f >= (y + h / 2) * 1080 - 1e-6
    assert all(v % 2 == 0 for v in (rect.x, rect.y, rect.w, rect.h))
    assert rect.w <= w * 1920 + 2 * f + 4
    assert rect.h <= h * 1080 + 2 * f + 4


def test_sensitive_ignores_opacity_fades_darkness_and_intensity() -> None:
    plain = one()
    keys: dict[str, Any] = {
        "opacity": 0,
        "fadeDuration": 1,
        "darkness": 1,
        "keyframes": {"intensity": [{"time": 0, "value": 0}]},
    }
    assert one(1.0, **keys) == one(2.0, **keys) == one(3.0, **keys) == plain


def test_a_highlight_fades_in_and_out() -> None:
    keys: dict[str, Any] = {"maskType": "highlight", "darkness": 0.8, "fadeDuration": 0.5}
    amounts = [one(t, **keys).amount for t in (1.0, 1.25, 1.5, 2.0, 2.75, 3.0)]
    assert amounts == pytest.approx([0, 0.4, 0.8, 0.8, 0.4, 0])
    assert one(1.0, **{**keys, "fadeDuration": 0}).amount == 0.8
    assert one(2.0, **keys, opacity=0.25).amount == pytest.approx(0.2)
    assert one(2.0, maskType="highlight").amount == 0  # darkness 0 is the default


def test_a_highlight_keeps_its_exact_place_and_feathers_inside() -> None:
    layer = one(maskType="highlight", center={"x": 0.501, "y": 0.5}, size={"x": 0.1, "y": 0.5}, feather=0.5)
    assert (layer.rect.x, layer.rect.w, layer.feather) == pytest.approx((865.92, 192, 0.5 * 192 * 0.5))


def test_keyframes_are_linear_and_count_from_the_start() -> None:
    frames = {
        "position": [{"time": 1, "x": 0.75, "y": 0.25}, {"time": 0.5, "x": 0.25, "y": 0.25}],  # in any order
        "size": [{"time": 0, "x": 0.1, "y": 0.1}, {"time": 2, "x": 0.3, "y": 0.5}],
    }
    rects = [one(1 + t, keyframes=frames).rect for t in (0, 0.75, 2)]
    assert rects[0] == Rect(384, 216, 192, 108)  # (.25, .25), .1 x .1
    # (.5, .25); .175 x .25: 336 wide about 960, 270 high about 270 (135 .. 405, outwards to 134 .. 406)
    assert rects[1] == Rect(792, 134, 336, 272)
    assert rects[2] == Rect(1152, 0, 576, 540)  # (.75, .25), .3 x .5
    dark = [{"time": 0, "value": 0}, {"time": 1, "value": 1}]
    layer = one(1.5, maskType="highlight", darkness=0.6, fadeDuration=0, keyframes={"intensity": dark})
    assert layer.amount == pytest.approx(0.3)


def test_keyframes_at_one_time_step() -> None:
    keys = [(0.0, 1.0), (1.0, 2.0), (1.0, 5.0), (2.0, 6.0)]
    assert [keyed(keys, t, 0) for t in (-1, 0.5, 1, 1.5, 3)] == [1, 1.5, 5, 5.5, 6]
    assert keyed([], 1, 7.0) == 7
