"""The director: whole plans, against numbers worked out by hand, and its promises."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_makers import NEUTRAL, F, clip, constant, display, image, plain, pointer, project, recording, sound, studio

from reelpress.errors import SettingsError, UnsupportedInputError
from reelpress.recording.model import RecordingKind, RecordingSegment
from reelpress.scene.director import Director
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording

SIXTY = F(60)
RAW = {"raw": True, "motionBlur": 0, "rotationAmount": 0}
PATH = pointer([(100 * i, 0.1 + 0.008 * i, 0.5) for i in range(100)])


def direct(made: Recording, look: Project, fps: Fraction = SIXTY, **more: Any) -> Director:
    return Director(made, look, fps=fps, **more)


def picture(plan: FramePlan) -> PictureLayer:
    (layer,) = plan.pictures()
    return layer


def decorated(**timeline: Any) -> Project:
    return project(
        [clip(0, 4), clip(5, 9, speed=2)],
        background={
            "padding": 50,
            "rounding": 20,
            "source": {"type": "gradient", "from": [0, 51, 102], "to": [255, 255, 255], "angle": 45},
            "border": {"enabled": True, "width": 4, "color": [255, 0, 0], "opacity": 50},
        },
        timeline=timeline,
    )


ZOOMS = {
    "zoomSegments": [
        {"start": 1, "end": 3, "amount": 2, "mode": {"manual": {"x": 0.25, "y": 0.5}}},
        {"start": 4, "end": 5, "amount": 1.5, "mode": "auto"},
    ]
}


# --- plain videos


def test_a_plain_video_passes_through_untouched() -> None:
    director = direct(plain(constant(300, 60), (678, 538)), project(**NEUTRAL))
    assert director.size == (678, 538)
    assert director.frames == 300
    assert director.duration == 5
    assert director.not_drawn == ()
    whole = Rect(0, 0, 678, 538)
    for n in (0, 1, 150, 299):
        assert director.plan(n).layers == (PictureLayer("display:0", n, whole, whole, Shape(whole)),)


def test_decoration_that_nobody_can_see_is_left_out() -> None:
    """Cap's default shadow lies wholly under and outside a picture that fills the frame."""
    director = direct(studio(), project([clip(0, 1)]))
    (layer,) = director.plan(0).layers
    assert isinstance(layer, PictureLayer)
    assert (layer.shadow, layer.border, layer.shape.radius) == (None, None, 0)


def test_a_plain_video_is_fitted_into_the_box_but_never_enlarged() -> None:
    made = plain(constant(60, 60), (3840, 2160))
    assert direct(made, project(**NEUTRAL)).size == (1920, 1080)
    assert direct(made, project(**NEUTRAL), resolution="source").size == (3840, 2160)
    assert direct(made, project(**NEUTRAL), resolution=(640, 640)).size == (640, 360)
    assert direct(plain(constant(60, 60), (640, 360)), project(**NEUTRAL), resolution="4k").size == (640, 360)


def test_a_look_enlarges_a_plain_video_as_it_does_a_recording() -> None:
    assert direct(plain(constant(60, 60), (640, 360)), project(background={"padding": 50})).size == (1920, 1080)


def test_odd_sides_become_even() -> None:
    director = direct(plain(constant(60, 60), (161, 121)), project(**NEUTRAL))
    assert director.size == (162, 122)
    assert picture(director.plan(0)).crop == Rect(0, 0, 161, 121)
    assert picture(director.plan(0)).rect == Rect(0, 0, 162, 122)


def test_wide_pixels_widen_the_output_and_not_the_crop() -> None:
    director = direct(plain(constant(60, 60), (640, 480), sar=F(4, 3)), project(**NEUTRAL))
    assert director.size == (854, 480)  # 853.3, to the nearest, then even
    assert picture(director.plan(0)).crop == Rect(0, 0, 640, 480)


def test_a_crop_is_in_display_pixels_and_handed_on_in_stored_ones() -> None:
    crop = {"position": {"x": 400, "y": 100}, "size": {"x": 400, "y": 200}}
    director = direct(plain(constant(60, 60), (400, 480), sar=F(2)), project(background={"crop": crop, "shadow": 0}))
    assert director.size == (400, 200)
    assert picture(director.plan(0)).crop == Rect(200, 100, 200, 200)


def test_too_small_and_too_large() -> None:
    with pytest.raises(UnsupportedInputError, match="at least 16"):
        direct(plain(constant(60, 60), (2, 2)), project(**NEUTRAL))
    assert direct(plain(constant(60, 60), (16, 16)), project(**NEUTRAL)).size == (16, 16)
    with pytest.raises(SettingsError, match="smaller --resolution"):
        direct(plain(constant(60, 60), (8200, 100)), project(**NEUTRAL), resolution="source")
    assert direct(plain(constant(60, 60), (7680, 4320)), project(**NEUTRAL), resolution="source").size == (7680, 4320)


@pytest.mark.parametrize("more", [{"fps": F(0)}, {"start": F(9)}, {"start": F(2), "end": F(1)}, {"resolution": "5k"}])
def test_impossible_settings(more: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        direct(plain(constant(60, 60)), project(**NEUTRAL), **more)


@settings(max_examples=25)
@given(
    rate=st.sampled_from([F(24000, 1001), F(25), F(30), F(60000, 1001), F(60)]),
    base=st.sampled_from([F(1, 600), F(1, 1000), F(1, 16_000), F(1, 90_000)]),
    first=st.integers(0, 999),
    count=st.integers(1, 90),
)
def test_a_constant_rate_goes_one_to_one(rate: Fraction, base: Fraction, first: int, count: int) -> None:
    made = plain(constant(count, rate, base, first), (64, 64))
    director = direct(made, project(**NEUTRAL), fps=rate)
    assert [picture(director.plan(n)).frame for n in range(director.frames)] == list(range(count))


# --- the card


def test_the_look_of_a_recording() -> None:
    director = direct(studio(events=PATH), decorated(), resolution="source")
    assert director.size == (2688, 1512)
    background, card, sprite = director.plan(0).layers
    assert isinstance(background, BackgroundLayer)
    assert background.fill == GradientFill((0, 0.2, 0.4), (1, 1, 1), 45, 0, 3)
    assert isinstance(card, PictureLayer)
    assert card.crop == Rect(0, 0, 1920, 1080)
    assert card.rect == card.shape.rect == Rect(384, 216, 1920, 1080)
    assert card.shape.radius == pytest.approx(0.2 * 0.5 * 1080)
    assert card.shadow is not None
    # k = 0.736, m = 540: size 14.4 %, blur 3.8 %, opacity 68.1 %.
    assert card.shadow.size == pytest.approx(0.736 * 0.144 * 540)
    assert card.shadow.blur == pytest.approx(0.736 * 0.038 * 540)
    assert card.shadow.opacity == pytest.approx(0.736 * 0.681)
    assert card.border is not None
    assert (card.border.width, card.border.color, card.border.opacity) == (4, (1, 0, 0), 0.5)
    assert isinstance(sprite, SpriteLayer)
    assert sprite.clip == card.shape
    assert sprite.rect.x == pytest.approx(384 + 0.1 * 1920 - 10)


def test_the_ring_keeps_its_width_at_any_resolution_and_grows_with_a_zoom() -> None:
    small = direct(studio(), decorated(**ZOOMS), resolution="720p")
    ring = picture(small.plan(0)).border
    assert ring is not None
    assert ring.width == 4
    n = next(n for n in range(60, 120) if small.zoom_at(n).amount > 1.1)
    zoomed = picture(small.plan(n))
    assert zoomed.border is not None
    assert zoomed.border.width == pytest.approx(4 * small.zoom_at(n).amount)


def test_no_advanced_shadow_means_50_18_50() -> None:
    director = direct(
        studio(), project([clip(0, 1)], background={"padding": 50, "shadow": 100, "advancedShadow": None})
    )
    shadow = picture(director.plan(0)).shadow
    assert shadow is not None
    half = picture(director.plan(0)).rect.h / 2
    assert (shadow.size, shadow.blur, shadow.opacity) == pytest.approx((0.5 * half, 0.5 * half, 0.18))


def test_rest_is_on_even_pixels_and_motion_is_exact() -> None:
    director = direct(studio(), decorated(**ZOOMS))
    rest = picture(director.plan(0)).rect
    assert all(v % 2 == 0 for v in (rest.x, rest.y, rest.w, rest.h))
    zoom = director.zoom_at(70)
    assert zoom.amount > 1.2
    moving = picture(director.plan(70)).rect
    assert moving == zoom.apply(rest)
    assert picture(director.plan(180)).rect == Rect(
        rest.x - 0.25 * rest.w, rest.y - 0.5 * rest.h, 2 * rest.w, 2 * rest.h
    )


def test_a_zoomed_card_that_hides_the_frame_is_drawn_alone() -> None:
    director = direct(studio(), decorated(**ZOOMS))
    (layer,) = director.plan(170).layers
    assert isinstance(layer, PictureLayer)
    assert (layer.shape.radius, layer.shadow, layer.border) == (0, None, None)


def test_a_card_whose_corner_shows_is_not_drawn_alone() -> None:
    """Zoomed about its own corner, the card leaves that corner where it was."""
    zoom = {"zoomSegments": [{"start": 0, "end": 4, "amount": 3, "mode": {"manual": {"x": 0, "y": 0}}}]}
    look = project([clip(0, 4)], background={"padding": 0, "rounding": 20}, timeline=zoom)
    assert len(direct(studio(), look).plan(200).layers) == 2
    centred = {"zoomSegments": [{"start": 0, "end": 4, "amount": 3, "mode": {"manual": {"x": 0.5, "y": 0.5}}}]}
    look = project([clip(0, 4)], background={"padding": 0, "rounding": 20}, timeline=centred)
    assert len(direct(studio(), look).plan(200).layers) == 1


def test_aspect_and_position() -> None:
    look = project([clip(0, 1)], aspectRatio="square", background={"displayPosition": {"x": 0.5, "y": 0.75}})
    director = direct(studio(), look, resolution=(1080, 1080))
    assert director.size == (1080, 1080)
    # 1920x1080 fitted into 1080x1080: 1080 x 607.5 at y = 236.25, a quarter of 1080 lower.
    assert picture(director.plan(0)).rect == Rect(0, 506, 1080, 608)


def test_other_segments_are_fitted_into_the_card_of_the_first() -> None:
    made = recording(
        RecordingSegment(0, display(constant(60, 60), (1920, 1080))),
        RecordingSegment(1, display(constant(60, 60), (1000, 1000), key="display:1")),
        RecordingSegment(2, display(constant(60, 60), (1280, 720), key="display:2")),
    )
    director = direct(made, project([clip(0, 1), clip(0, 1, segment=1), clip(0, 1, segment=2)]))
    assert director.size == (1920, 1080)
    assert [picture(director.plan(n)).rect for n in (0, 60, 120)] == [
        Rect(0, 0, 1920, 1080),
        Rect(420, 0, 1080, 1080),
        Rect(0, 0, 1920, 1080),
    ]
    assert [picture(director.plan(n)).source for n in (0, 60, 120)] == ["display:0", "display:1", "display:2"]
    assert len(director.plan(60).layers) == 2  # the background shows beside it
    assert [track.key for track in director.tracks] == ["display:0", "display:1", "display:2"]
    assert [track.key for track in direct(made, director.project, start=F(1), end=F(2)).tracks] == ["display:1"]


def test_backgrounds() -> None:
    def fill(source: dict[str, Any], blur: float = 0, **more: Any) -> tuple[BackgroundLayer, Director]:
        look = project([clip(0, 1)], background={"padding": 20, "blur": blur, "source": source})
        director = direct(studio(), look, **more)
        layer = director.plan(0).layers[0]
        assert isinstance(layer, BackgroundLayer)
        return layer, director

    assert fill({"type": "color", "value": [255, 0, 51]}, blur=50)[0] == BackgroundLayer(SolidFill((1, 0, 0.2)))
    found, director = fill({"type": "image", "path": "art/sky.png"}, blur=40, image_size=lambda path: (300, 200))
    assert found.blur_sigma == pytest.approx(0.4 * director.size[1] * 0.025)
    assert isinstance(found.fill, ImageFill)
    assert (found.fill.width, found.fill.height) == (300, 200)
    assert found.fill.image.replace("\\", "/") == "demo.cap/art/sky.png"
    missing, director = fill({"type": "wallpaper", "path": "gone.jpg"}, image_size=lambda path: None)
    assert missing == BackgroundLayer(SolidFill((1, 1, 1)))
    assert director.warnings == ("The background wallpaper 'gone.jpg' is missing or unreadable; it is white instead.",)


# --- the pointer


def sprites(director: Director) -> list[SpriteLayer | None]:
    plans = [director.plan(n) for n in range(director.frames)]
    return [p.layers[-1] if isinstance(p.layers[-1], SpriteLayer) else None for p in plans]


def test_the_pointer_steps_from_event_to_event() -> None:
    events = pointer([(500, 0.25, 0.5), (1000, 0.5, 0.5)])
    shown = sprites(direct(studio(events=events), project([clip(0, 2)], cursor=RAW), fps=F(10)))
    xs = [round(layer.rect.x + 10) for layer in shown if layer is not None]  # the hotspot
    assert xs == [480] * 10 + [960] * 10  # before the first event it is where that finds it


def test_pointer_times_count_from_the_epoch() -> None:
    events = pointer([(500, 0.25, 0.5), (1000, 0.5, 0.5)])
    segment = RecordingSegment(0, display(constant(600, 60)), pointer=events, latest=F(3, 10))
    shown = sprites(direct(recording(segment), project([clip(0, 1)], cursor=RAW), fps=F(10)))
    assert [round(layer.rect.x + 10) for layer in shown if layer is not None] == [480] * 7 + [960] * 3


@pytest.mark.parametrize("cursor", [{"hide": True}, {"size": 0}])
def test_a_hidden_pointer(cursor: dict[str, Any]) -> None:
    assert set(sprites(direct(studio(events=PATH), project([clip(0, 1)], cursor=cursor), fps=F(5)))) == {None}


def test_a_pointer_without_an_image_is_said() -> None:
    made = replace(studio(events=PATH), pointer_images={"7": image()})
    director = direct(made, project([clip(0, 1)]), fps=F(5))
    assert director.warnings == ("There is no image for pointer 0; the pointer is not drawn while it is in use.",)
    assert set(sprites(director)) == {None}


# --- time


def test_cuts_speed_and_rate() -> None:
    director = direct(studio(), project([clip(1, 2), clip(5, 9, speed=2), clip(0, 1, speed=0.5)]), fps=F(30))
    frames = [picture(director.plan(n)).frame for n in range(director.frames)]
    assert len(frames) == 30 + 60 + 60
    assert frames[:3] == [60, 62, 64]
    assert frames[30:33] == [300, 304, 308]
    assert frames[90:94] == [0, 1, 2, 3]
    assert frames[-1] == 59


def test_a_hold_shows_one_picture() -> None:
    titles = {"textSegments": [{"start": 1, "end": 3, "layout": "fullscreen", "content": "hi"}]}
    director = direct(studio(), project([clip(0, 4)], timeline=titles))
    frames = [picture(director.plan(n)).frame for n in range(director.frames)]
    assert frames == [*range(60), *[60] * 120, *range(60, 240)]
    assert director.plan(100) is director.plan(101)


def test_beyond_the_end_the_last_frame_stays() -> None:
    director = direct(studio(), project([clip(9, 12)]))
    assert [picture(director.plan(n)).frame for n in (58, 59, 60, 179)] == [598, 599, 599, 599]
    assert len(director.warnings) == 1


def test_frames_out_of_range() -> None:
    director = direct(studio(), project([clip(0, 1)]))
    for n in (-1, 60):
        with pytest.raises(IndexError):
            director.plan(n)


def busy() -> Recording:
    return studio(constant(600, 60, F(1, 1000)), events=PATH)


def test_plans_do_not_depend_on_the_order_in_which_they_are_asked_for() -> None:
    forward = direct(busy(), decorated(**ZOOMS))
    plans = [forward.plan(n) for n in range(forward.frames)]
    other = direct(busy(), decorated(**ZOOMS))
    order = list(range(other.frames))
    random.Random(4).shuffle(order)
    assert all(other.plan(n) == plans[n] for n in order)


@pytest.mark.parametrize("fps", [F(60), F(30000, 1001), F(7)])
def test_the_frames_of_a_range_are_those_of_the_whole(fps: Fraction) -> None:
    whole = direct(busy(), decorated(**ZOOMS), fps=fps)
    part = direct(busy(), decorated(**ZOOMS), fps=fps, start=F("1.234"), end=F("5.01"))
    first = (F("1.234") * fps).__floor__()
    assert part.range.first == first
    assert part.frames == (F("3.776") * fps).__ceil__()
    assert all(part.plan(n) == whole.plan(first + n) for n in range(part.frames))


def test_the_sound_of_a_range_starts_with_its_first_frame() -> None:
    made = recording(RecordingSegment(0, display(constant(600, 60)), mic=sound(10)))
    (span,) = direct(made, project([clip(2, 9)]), fps=F(30), start=F("1.01"), end=F(2)).audio_spans()
    assert span.source_start == 3  # frame 30 is on screen at 1.01
    assert (span.out_start, span.out_end) == (0, 48_000)


def test_still_frames_are_one_object() -> None:
    """A screen that does not change: the picture of 60 output frames is one plan, and comparing it costs nothing."""
    slow = studio(constant(10, 1))
    director = direct(slow, decorated())
    assert len({id(director.plan(n)) for n in range(60)}) == 1
    assert director.plan(61) is not director.plan(0)
    assert director.plan(59).damage_since(director.plan(58)) == ()


def test_an_instant_recording_is_treated_as_a_plain_video() -> None:
    made = replace(plain(constant(60, 60), (640, 360)), kind=RecordingKind.CAP_INSTANT)
    assert direct(made, project(**NEUTRAL)).size == (640, 360)


def test_the_card_moves_without_a_jump_into_and_out_of_rest() -> None:
    """Let go, a spring moves by at most half of k/m dt^2 in its first frame; it ends in less than 0.1 pixel."""
    director = direct(studio(), decorated(**ZOOMS))
    rects = [picture(director.plan(n)).rect for n in range(director.frames)]
    rest = rects[0]
    first = 200 / 2.25 / 60**2 / 2 * rest.w
    ends = starts = 0
    for before, after in pairwise(rects):
        most = max(abs(after.x - before.x), abs(after.right - before.right), abs(after.bottom - before.bottom))
        if before == rest != after:
            starts += 1
            assert 0 < most < first
        elif before != rest == after:
            ends += 1
            assert most < 0.1
    assert (starts, ends) == (2, 2)
