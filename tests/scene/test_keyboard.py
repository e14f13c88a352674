"""Pressed keys, by hand from cap-format 3.9; characters are half a font size wide."""

from __future__ import annotations

from typing import Any

import pytest
from scene_makers import measure

from reelpress.project.captions import Keyboard, KeyboardSegment
from reelpress.scene.easing import out_cubic
from reelpress.scene.keyboard import KeyboardTrack
from reelpress.scene.plan.layers import TextLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Backing

HD = (1920, 1080)
KEYS = [{"key": k, "timeOffset": 400 * i} for i, k in enumerate("code")]


def track(frame: tuple[int, int] = HD, *, segment: dict[str, Any] | None = None, **settings: Any) -> KeyboardTrack:
    row = KeyboardSegment.model_validate({"start": 1, "end": 4, "displayText": "code", **(segment or {})})
    made = Keyboard.model_validate({"settings": {"enabled": True, "fadeDuration": 0, **settings}})
    return KeyboardTrack(made, [row], frame, measure)


def shown(time: float = 2.0, captions: tuple[Rect, ...] = (), frame: tuple[int, int] = HD, **more: Any) -> TextLayer:
    (layer,) = track(frame, **more).layers(time, captions)
    return layer


def box(layer: TextLayer) -> Rect:
    metrics = measure(layer.run)
    return Rect(layer.x, layer.y, metrics.width, metrics.height).outset(0.45 * layer.run.style.size)


def test_nothing_unless_enabled() -> None:
    assert not track(enabled=False)
    assert track(enabled=False).layers(2, ()) == ()
    assert not KeyboardTrack(None, [], HD, measure)
    assert track(segment={"displayText": " "}).layers(2, ()) == ()
    assert track(size=0).layers(2, ()) == ()


def test_defaults() -> None:
    layer = shown()
    style, backing = layer.run.style, layer.run.backing
    assert (style.size, style.weight, style.color) == (50, 400, (1, 1, 1))
    assert backing == Backing((0, 0, 0), 0.95, pytest.approx(22.5), pytest.approx(25))
    # four characters of 25 px about the middle, 60 high about 0.85 of the height
    assert (layer.x, layer.y) == pytest.approx((910, 888))
    assert shown(frame=(960, 540)).run.style.size == 25


def test_fade_and_bounce() -> None:
    made = track(fadeDuration=0.5)
    assert made.layers(1.0, ()) == made.layers(4.5, ()) == ()
    opacities = [made.layers(t, ())[0].opacity for t in (1.25, 2, 4.0, 4.25)]
    assert opacities == pytest.approx([0.5, 1, 1, 0.5])  # it goes after its end
    rest = made.layers(2, ())[0].y
    assert made.layers(1.25, ())[0].y - rest == pytest.approx(6 * (1 - out_cubic(0.5)))
    assert [len(track().layers(t, ())) for t in (0.999, 1.0, 3.999, 4.0)] == [0, 1, 1, 0]


def test_characters_appear_when_they_were_typed() -> None:
    typed = {"keys": KEYS}
    assert [shown(1 + t, segment=typed).run.reveal for t in (0, 0.399, 0.4, 0.8, 1.2)] == [1, 1, 2, 3, None]
    assert shown(segment={"keys": KEYS[:2]}).run.reveal is None  # a combination: not one key per character
    assert {shown(1 + t, segment=typed).x for t in (0, 0.5, 2)} == {shown().x}  # nothing moves meanwhile


def test_overrides_all_act() -> None:
    changed = shown(
        segment={
            "colorOverride": "#ff0000",
            "backgroundColorOverride": "#00ff00",
            "fontSizeOverride": 30,
            "positionOverride": "top-left",
            "uppercaseOverride": True,
        }
    )
    style, backing = changed.run.style, changed.run.backing
    assert (style.color, style.size, changed.run.text) == ((1, 0, 0), 30, "CODE")
    assert backing is not None
    assert backing.color == (0, 1, 0)
    # 5 % of 1920, and the box's padding of .45 * 30; centre at .08 of the height
    assert (changed.x, changed.y) == pytest.approx((96 + 13.5, 86.4 - 18))
    faded = track(segment={"fadeDurationOverride": 1}).layers(1.5, ())
    assert faded[0].opacity == 0.5
    assert shown(uppercase=True).run.text == "CODE"
    assert shown(segment={"uppercaseOverride": False}, uppercase=True).run.text == "code"
    assert shown(segment={"backgroundColorOverride": "#000000"}, backgroundColor="#ffffff").run.backing == Backing(
        (0, 0, 0), 0.95, pytest.approx(22.5), pytest.approx(25)
    )


def test_it_keeps_15_pixels_from_captions() -> None:
    caption = Rect(700, 880, 520, 80)
    assert box(shown(captions=(caption,))).bottom == pytest.approx(880 - 15)
    assert box(shown(captions=(caption,))).x == box(shown()).x
    below = Rect(700, 60, 520, 80)
    assert box(shown(captions=(below,), position="top-center")).y == pytest.approx(140 + 15)


def test_it_stays_where_it_is_when_captions_are_far_or_beside() -> None:
    rest = box(shown())
    far = Rect(700, rest.y - 15 - 80, 520, 80)
    assert box(shown(captions=(far,))) == rest
    assert box(shown(captions=(Rect(rest.right, rest.y, 100, 80),))) == rest
    near = Rect(700, rest.y - 14 - 80, 520, 80)
    assert box(shown(captions=(near,))).bottom == pytest.approx(near.y - 15)


def test_several_captions_are_all_given_way_to() -> None:
    upper, lower = Rect(700, 780, 520, 60), Rect(700, 880, 520, 80)
    for both in ((upper, lower), (lower, upper)):
        placed = box(shown(captions=both))
        # Between them (840 .. 880) is no room for a box of 105 and 15 on both sides.
        assert placed.bottom == pytest.approx(780 - 15)


def test_a_manual_position_is_kept() -> None:
    layer = shown(captions=(Rect(0, 0, 1920, 1080),), manualPosition={"x": 0.5, "y": 0.5})
    assert (layer.x, layer.y) == pytest.approx((910, 510))
