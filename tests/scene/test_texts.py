"""Text segments, by hand from cap-format 3.8; characters are half a font size wide, nothing is wrapped."""

from __future__ import annotations

from typing import Any

import pytest
from scene_makers import measure

from reelpress.project.overlays import TextLayout, TextSegment
from reelpress.scene.easing import ease, out_back
from reelpress.scene.plan.layers import TextLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Align, ink_bounds
from reelpress.scene.texts import TakeOver, TextTrack
from reelpress.scene.zoom import ZoomState

HD = (1920, 1080)


def track(*texts: dict[str, Any], frame: tuple[int, int] = HD) -> TextTrack:
    base = {"start": 1, "end": 3, "content": "0123456789", "animationIn": "none", "animationOut": "none"}
    return TextTrack([TextSegment.model_validate({**base, **text}) for text in texts], frame, measure)


def shown(time: float = 2.0, frame: tuple[int, int] = HD, **keys: Any) -> TextLayer:
    (layer,) = track(keys, frame=frame).layers(time)
    return layer


def test_it_has_its_start_and_what_follows_has_its_end() -> None:
    made = track({})
    assert [len(made.layers(t)) for t in (0.999, 1.0, 2.999, 3.0)] == [0, 1, 1, 0]
    assert track({"enabled": False}).layers(2) == ()
    assert track({"content": " "}).layers(2) == ()
    assert track({"opacity": 0}).layers(2) == ()
    assert track({"end": 1}).layers(1) == ()


def test_lower_tracks_first() -> None:
    made = track({"content": "b", "track": 2}, {"content": "a", "track": 1}, {"content": "c", "track": 2})
    assert [layer.run.text for layer in made.layers(2)] == ["a", "b", "c"]


@pytest.mark.parametrize(("given", "used"), [(48, 48), (3, 8), (0, 8), (900, 480)])
def test_font_sizes_are_clamped_and_scale_with_the_output(given: float, used: float) -> None:
    assert shown(fontSize=given).run.style.size == used
    assert shown(frame=(960, 540), fontSize=given).run.style.size == used / 2


def test_it_wraps_a_little_wider_than_its_box_unless_that_is_the_whole_output() -> None:
    assert shown(size={"x": 0.5, "y": 0.2}).run.wrap_width == pytest.approx(1.05 * 960 + 4)
    assert shown(size={"x": 0.979, "y": 0.2}).run.wrap_width == pytest.approx(1.05 * 0.979 * 1920 + 4)
    assert shown(size={"x": 0.98, "y": 0.2}).run.wrap_width is None
    assert shown(frame=(960, 540), size={"x": 0.5, "y": 0.2}).run.wrap_width == pytest.approx(1.05 * 480 + 2)


@pytest.mark.parametrize(("align", "x"), [("left", 480), ("center", 960 - 120), ("right", 1440 - 240)])
def test_where_it_stands_in_its_box(align: str, x: float) -> None:
    # The box is 480 .. 1440; ten characters of 24 px are 240 wide, one line of 57.6 px about 0.25 * 1080.
    layer = shown(align=align, center={"x": 0.5, "y": 0.25}, size={"x": 0.5, "y": 0.2})
    assert (layer.x, layer.y) == pytest.approx((x, 270 - 28.8))
    assert layer.run.align is Align(align)


def test_style() -> None:
    style = shown(
        frame=(960, 540),
        fontFamily="Serif",
        fontWeight=550,
        italic=True,
        color="#ff8000",
        letterSpacing=3,
        lineHeight=1.5,
        shadow=0.4,
    ).run.style
    assert (style.family, style.weight, style.italic, style.color) == ("Serif", 550, True, (1, 128 / 255, 0))
    assert (style.letter_spacing, style.line_height, style.shadow) == (1.5, 1.5, 0.4)
    assert shown(opacity=0.3).opacity == 0.3


def test_bounds_are_those_of_the_ink() -> None:
    layer = shown(1.05, animationIn="pop", shadow=1)
    assert layer.scale != 1
    assert layer.bounds == ink_bounds(layer.run, measure(layer.run), layer.x, layer.y, layer.scale)


# --- animations: .4 s at both ends; at half of it ease-out-cubic is at 7/8

AT_HALF = 1 - 0.5**3


def animated(name: str, side: str, u: float) -> TextLayer | None:
    """``u`` of the way in (``In``), or of what is left until it is gone (``Out``)."""
    keys = {f"animation{side}": name, f"animation{side}Duration": 0.4}
    layers = track(keys).layers(1 + 0.4 * u if side == "In" else 3 - 0.4 * u)
    return layers[0] if layers else None


@pytest.mark.parametrize("side", ["In", "Out"])
def test_fade(side: str) -> None:
    assert animated("fade", side, 0) is None
    half, whole = animated("fade", side, 0.5), animated("fade", side, 1)
    assert half is not None
    assert half.opacity == pytest.approx(AT_HALF)
    assert whole == shown()


@pytest.mark.parametrize(
    ("name", "side", "sign"),
    [("slideUp", "In", 1), ("slideUp", "Out", -1), ("slideDown", "In", -1), ("slideDown", "Out", 1)],
)
def test_slides_move_half_a_font_size_in_the_direction_of_their_name(name: str, side: str, sign: int) -> None:
    assert animated(name, side, 0) is None
    barely, half = animated(name, side, 0.001), animated(name, side, 0.5)
    assert barely is not None
    assert barely.y - shown().y == pytest.approx(sign * 24, abs=0.1)
    assert half is not None
    assert (half.y - shown().y, half.opacity) == pytest.approx((sign * 24 * (1 - AT_HALF), AT_HALF))
    assert animated(name, side, 1) == shown()


@pytest.mark.parametrize("side", ["In", "Out"])
def test_pop(side: str) -> None:
    assert animated("pop", side, 0) is None
    barely, half = animated("pop", side, 0.001), animated("pop", side, 0.5)
    assert barely is not None
    assert barely.scale == pytest.approx(0.8, abs=0.002)
    assert half is not None
    assert (half.scale, half.opacity) == pytest.approx((0.8 + 0.2 * out_back(0.5), AT_HALF))
    assert half.scale > 1  # past the end and back
    metrics = measure(half.run)
    assert half.x + metrics.width * half.scale / 2 == pytest.approx(960)
    assert half.y + metrics.height * half.scale / 2 == pytest.approx(540)
    assert animated("pop", side, 1) == shown()


@pytest.mark.parametrize("side", ["In", "Out"])
def test_typewriter(side: str) -> None:
    def revealed(u: float) -> int | None:
        layer = animated("typewriter", side, u)
        assert layer is not None
        assert (layer.opacity, layer.x, layer.y) == (1, shown().x, shown().y)
        return layer.run.reveal

    assert [revealed(u) for u in (0.01, 0.25, 0.5, 0.81)] == [1, 3, 5, 9]  # ceil(10 u)
    assert revealed(1) is None
    if side == "In":
        assert revealed(0) == 0


def test_none_and_no_duration_are_at_once() -> None:
    assert shown(1.0) == shown(2.999) == shown()
    assert shown(1.0, animationIn="fade", animationInDuration=0) == shown()


def test_in_and_out_meet_in_a_short_text() -> None:
    made = track(
        {"end": 1.4, "animationIn": "fade", "animationOut": "fade"}
        | {f"animation{s}Duration": 0.4 for s in ("In", "Out")}
    )
    (layer,) = made.layers(1.2)
    assert layer.opacity == pytest.approx(AT_HALF**2)


# --- titles that take over

REST = Rect(200, 100, 1600, 900)


def over(time: float, **keys: Any) -> TakeOver | None:
    return track({"layout": "fullscreen", **keys}).take_over(time)


def test_an_overlay_takes_nothing_over() -> None:
    assert over(2, layout="overlay") is None
    assert over(2, enabled=False) is None
    assert [over(t) for t in (0.999, 3.0)] == [None, None]


def test_the_morph_lasts_layout_transition_at_both_ends() -> None:
    for t in (1.125, 2.875):
        found = over(t, layoutTransition=0.5)
        assert found is not None
        assert found.share == pytest.approx(ease(0.25))
    begun, there = over(1.0), over(1.5)
    assert begun is not None
    assert begun.share == 0
    assert there is not None
    assert there.share == 1


def test_the_morph_is_clamped() -> None:
    long, short = over(1.5, layoutTransition=7), over(1.025, layoutTransition=0)
    assert long is not None
    assert long.share == pytest.approx(0.5)  # half of the text's own length, 1 s
    assert short is not None
    assert short.share == pytest.approx(0.5)  # 0.05 s


def test_a_full_screen_title_shrinks_and_fades_the_card() -> None:
    whole, half = TakeOver(TextLayout.FULLSCREEN, 1.0), TakeOver(TextLayout.FULLSCREEN, 0.5)
    # .92 of 1600 x 900 about (1000, 550)
    assert whole.card(REST, HD) == Rect(pytest.approx(264), pytest.approx(136), pytest.approx(1472), pytest.approx(828))
    assert half.card(REST, HD).w == pytest.approx(1536)
    assert (whole.card_opacity, half.card_opacity, half.rest_opacity) == (0, 0.5, 0.5)
    assert half.zoom(ZoomState(2, 0.1, 0.2, 1)) == ZoomState(2, 0.1, 0.2, 1)


@pytest.mark.parametrize(("kind", "x"), [(TextLayout.SPLIT_LEFT, 960), (TextLayout.SPLIT_RIGHT, 0)])
def test_a_split_puts_the_card_into_the_other_half(kind: TextLayout, x: float) -> None:
    there, half = TakeOver(kind, 1.0), TakeOver(kind, 0.5)
    # Half of the frame less 54 on all sides: 852 x 972; 16:9 in it is 852 x 479.25 about 540.
    target = there.card(REST, HD)
    assert (target.x, target.y, target.w, target.h) == pytest.approx((x + 54, 540 - 239.625, 852, 479.25))
    between = half.card(REST, HD)
    assert (between.x, between.w) == pytest.approx(((200 + x + 54) / 2, (1600 + 852) / 2))
    assert (there.card_opacity, there.rest_opacity, half.rest_opacity) == (1, 0, 0.5)
    assert there.zoom(ZoomState(2, 0.1, 0.2, 1)).amount == 1  # or it would leave its half
    assert half.zoom(ZoomState(2, 0.1, 0.2, 1)) == ZoomState(1.5, 0.1, 0.2, 1)


def test_nothing_taken_over_yet_is_the_card_at_rest() -> None:
    for kind in (TextLayout.FULLSCREEN, TextLayout.SPLIT_LEFT, TextLayout.SPLIT_RIGHT):
        assert TakeOver(kind, 0.0).card(REST, HD) == REST


def test_the_title_that_began_last_wins() -> None:
    made = track({"layout": "splitLeft", "end": 9}, {"layout": "fullscreen", "start": 2, "end": 4})
    kinds = [found.kind for t in (1.5, 3, 5) if (found := made.take_over(t)) is not None]
    assert kinds == [TextLayout.SPLIT_LEFT, TextLayout.FULLSCREEN, TextLayout.SPLIT_LEFT]
