"""Captions, by hand from cap-format 3.9. The stand-in for the fonts makes every character half a font size wide."""

from __future__ import annotations

from typing import Any

import pytest
from scene_makers import measure

from reelpress.project.captions import Captions
from reelpress.scene.captions import CaptionTrack
from reelpress.scene.easing import out_back, out_cubic
from reelpress.scene.plan.layers import TextLayer
from reelpress.scene.text_run import Backing, Outline, TextRun, ink_bounds

HD = (1920, 1080)
TEN = "0123456789"
WORDS = [
    {"text": "one", "start": 1, "end": 1.4},
    {"text": "two", "start": 2, "end": 2.5},
    {"text": "three", "start": 3, "end": 9},
]


def track(frame: tuple[int, int] = HD, *, segment: dict[str, Any] | None = None, **settings: Any) -> CaptionTrack:
    row = {"start": 1, "end": 4, "text": TEN, **(segment or {})}
    made = Captions.model_validate(
        {"segments": [row], "settings": {"enabled": True, "size": 40, "animation": "none", **settings}}
    )
    return CaptionTrack(made, made.segments, frame, measure)


def shown(time: float = 2.0, frame: tuple[int, int] = HD, **more: Any) -> TextLayer:
    (layer,) = track(frame, **more).layers(time)
    return layer


def centre(layer: TextLayer) -> tuple[float, float]:
    metrics = measure(layer.run)
    return layer.x + metrics.width / 2, layer.y + metrics.height / 2


def test_nothing_unless_enabled() -> None:
    assert track(enabled=False).layers(2) == ()
    assert track(segment={"text": "  "}).layers(2) == ()
    assert track(segment={"end": 1}).layers(1) == ()
    assert track(size=0).layers(2) == ()
    assert CaptionTrack(None, (), HD, measure).layers(2) == ()


# --- place


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("bottom-center", (960, 918)),
        ("top-center", (960, 86.4)),
        # 10 characters of 20 px are 200 wide; 5 % of 1920 is 96; the box is padded by half a font, 20.
        ("bottom-left", (96 + 20 + 100, 918)),
        ("top-right", (1920 - 96 - 20 - 100, 86.4)),
        ("top-left", (96 + 20 + 100, 86.4)),
    ],
)
def test_positions(position: str, expected: tuple[float, float]) -> None:
    assert centre(shown(position=position)) == pytest.approx(expected)


def test_half_the_output_is_half_of_everything() -> None:
    small = shown(frame=(960, 540), outline=True)
    large = shown(outline=True)
    assert centre(small) == pytest.approx((480, 459))
    assert small.run.style.size == large.run.style.size / 2 == 20
    assert small.run.style.outline == Outline(0.6, (0, 0, 0))
    assert large.run.style.outline == Outline(1.2, (0, 0, 0))


def test_a_manual_position_is_the_centre_and_keeps_the_margins() -> None:
    assert centre(shown(manualPosition={"x": 0.4, "y": 0.3})) == pytest.approx((768, 324))
    assert centre(shown(manualPosition={"x": 0.0, "y": 0.3})) == pytest.approx((96 + 120, 324))
    assert centre(shown(manualPosition={"x": 1.0, "y": 0.3})) == pytest.approx((1920 - 96 - 120, 324))


def test_an_override_moves_one_caption() -> None:
    assert centre(shown(segment={"positionOverride": "top-center"})) == pytest.approx((960, 86.4))


def test_overrides_without_effect() -> None:
    """cap-format 2: of a caption's overrides only fade and position act."""
    others = {"colorOverride": "#ff0000", "backgroundColorOverride": "#00ff00", "fontSizeOverride": 90}
    assert shown(segment={**others, "lingerDurationOverride": 9}) == shown()
    assert shown(italic=True, exportWithSubtitles=True, lingerDuration=9, preset="loud") == shown()


def test_it_is_shrunk_to_90_per_cent_of_the_width_box_included() -> None:
    # 100 characters are 2000 px; 0.9 * 1920 - 2 * 20 = 1688 are left for them.
    layer = shown(segment={"text": TEN * 10})
    assert layer.run.fit is not None
    assert layer.run.fit.max_width == pytest.approx(1688)
    assert layer.run.fit.min_scale == 0.35
    assert layer.run.wrap_width is None
    assert measure(layer.run).scale == pytest.approx(0.844)
    (box,) = track(segment={"text": TEN * 10}).boxes(2)
    # The padding shrinks with the text.
    assert (box.x, box.w) == pytest.approx((960 - 844 - 20 * 0.844, 1688 + 40 * 0.844))


def test_box_and_style() -> None:
    run = shown(backgroundColor="#003366", backgroundOpacity=80, font="Inter", fontWeight=600, color="#ff0000").run
    assert run.backing == Backing((0, 0.2, 0.4), 0.8, 20, pytest.approx(22))
    assert (run.style.family, run.style.weight, run.style.color) == ("Inter", 600, (1, 0, 0))
    assert shown(backgroundOpacity=0).run.backing is None
    assert shown(outline=True, outlineColor="#00ff00").run.style.outline == Outline(1.2, (0, 1, 0))
    assert shown(segment={"text": " Two  words\n "}, uppercase=True).run.text == "TWO WORDS"


def test_bounds_are_those_of_the_ink() -> None:
    layer = shown(1.05, animation="pop")
    assert layer.bounds == ink_bounds(layer.run, measure(layer.run), layer.x, layer.y, layer.scale)


# --- time


def test_it_fades_in_from_its_start_and_out_after_its_end() -> None:
    made = track(fadeDuration=0.4)
    opacities = [layer.opacity for t in (1.1, 1.4, 3.9, 4.0, 4.1, 4.3) for layer in made.layers(t)]
    assert opacities == pytest.approx([0.25, 1, 1, 1, 0.75, 0.25])
    assert made.layers(0.999) == made.layers(1.0) == made.layers(4.4) == ()


def test_without_a_fade_it_has_its_start_and_the_next_one_its_end() -> None:
    made = track(fadeDuration=0)
    assert [len(made.layers(t)) for t in (0.999, 1.0, 3.999, 4.0)] == [0, 1, 1, 0]
    own = track(segment={"fadeDurationOverride": 0}, fadeDuration=0.5)
    assert [layer.opacity for layer in own.layers(1.0)] == [1]


def test_a_fade_longer_than_the_caption() -> None:
    made = track(segment={"end": 1.5}, fadeDuration=1)
    assert [made.layers(t)[0].opacity for t in (1.25, 1.5, 1.75, 2.0)] == pytest.approx([0.25, 0.5, 0.75 * 0.75, 0.5])


def test_bounce_settles_from_eight_pixels_below() -> None:
    rest = shown(3.0, animation="bounce", fadeDuration=0.4).y
    assert rest == shown(3.0).y
    ys = [shown(1 + 0.4 * u, animation="bounce", fadeDuration=0.4).y - rest for u in (0.001, 0.5, 1.0)]
    assert ys == pytest.approx([8 * 0.999**3, 8 * (1 - out_cubic(0.5)), 0])
    small = shown(1.2, (960, 540), animation="bounce", fadeDuration=0.4)
    assert small.y - shown(3.0, (960, 540)).y == pytest.approx(4 * 0.125)


def test_pop_grows_from_072_about_its_middle() -> None:
    layer = shown(1.2, animation="pop", fadeDuration=0.4)
    assert layer.scale == pytest.approx(0.72 + 0.28 * out_back(0.5))
    metrics = measure(layer.run)
    middle = (layer.x + metrics.width * layer.scale / 2, layer.y + metrics.height * layer.scale / 2)
    assert middle == pytest.approx((960, 918))
    assert shown(2.0, animation="pop").scale == 1
    assert shown(1.0001, animation="pop").scale == pytest.approx(0.72, abs=0.01)


# --- words


def words(time: float, **settings: Any) -> TextRun:
    base = {"activeWordHighlight": True, "highlightColor": "#00ff00", "color": "#ffffff", "wordTransitionDuration": 0.2}
    return shown(time, segment={"words": WORDS, "end": 8}, **{**base, **settings}).run


def weights(time: float, **settings: Any) -> list[float]:
    """From the opacity: .8 without stress, 1 with."""
    return [(span.opacity - 0.8) / 0.2 for span in words(time, **settings).spans]


def test_words_replace_the_text_and_blend_to_the_highlight() -> None:
    run = words(1.1)
    assert [span.text for span in run.spans] == ["one ", "two ", "three"]
    assert [span.opacity for span in run.spans] == pytest.approx([0.9, 0.8, 0.8])
    assert run.spans[0].color == pytest.approx((0.5, 1, 0.5))
    assert run.spans[1].color == (1, 1, 1)


def test_a_word_is_stressed_until_the_next_one_begins() -> None:
    assert weights(1.5) == pytest.approx([1, 0, 0])
    assert weights(1.99) == pytest.approx([1, 0, 0])  # though it ended at 1.4
    assert weights(2.1) == pytest.approx([0.5, 0.5, 0])
    assert weights(2.2) == pytest.approx([0, 1, 0])


def test_the_last_word_is_stressed_for_two_and_a_half_seconds_at_most() -> None:
    assert weights(5.5) == pytest.approx([0, 0, 1])  # it goes on to 9, but began at 3
    assert weights(5.6) == pytest.approx([0, 0, 0.5])
    assert weights(5.8) == pytest.approx([0, 0, 0])


def test_no_transition_is_a_step() -> None:
    assert weights(1.999, wordTransitionDuration=0) == pytest.approx([1, 0, 0])
    assert weights(2.0, wordTransitionDuration=0) == pytest.approx([0, 1, 0])


def test_no_highlight_is_one_span() -> None:
    run = shown(segment={"words": WORDS}).run
    assert [(span.text, span.opacity, span.color) for span in run.spans] == [(TEN, 1.0, None)]
    assert run.pill is None


def test_the_pill_moves_to_the_spoken_word() -> None:
    run = words(2.1, highlightStyle="pill")
    assert [span.color for span in run.spans] == [None, None, None]
    pill = run.pill
    assert pill is not None
    assert (pill.start_span, pill.end_span, pill.color) == (0, 1, (0, 1, 0))
    assert pill.progress == pytest.approx(out_cubic(0.5))
    first, last = words(1.5, highlightStyle="pill").pill, words(7, highlightStyle="pill").pill
    assert first is not None
    assert (first.start_span, first.end_span) == (0, 0)
    assert last is not None
    assert (last.start_span, last.end_span, last.progress) == (1, 2, 1)
    assert words(2.1).pill is None


def test_before_the_first_word_there_is_no_pill() -> None:
    late = [{"text": "late", "start": 3, "end": 4}]
    layer = shown(2.0, segment={"words": late}, activeWordHighlight=True, highlightStyle="pill")
    assert layer.run.pill is None


def test_stressing_moves_nothing() -> None:
    made = track(segment={"words": WORDS, "end": 8}, activeWordHighlight=True)
    places = {(layer.x, layer.y, layer.run.layout_key()) for t in (1.5, 2.1, 3, 6) for layer in made.layers(t)}
    assert len(places) == 1
