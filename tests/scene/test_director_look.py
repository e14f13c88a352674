"""The whole look in a director: transitions, holds, scenes, camera, 3D, layer order, and its promises."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest
from scene_makers import F, clip, constant, display, image, measure, pointer, project, recording

from reelpress.recording.model import Recording, RecordingSegment
from reelpress.scene.camera3d import Camera3d
from reelpress.scene.director import Director
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
from reelpress.scene.plan.rect import Rect

SIXTY, ZERO = F(60), F(0)
PATH = pointer([(50 * i, 0.2 + 0.003 * i, 0.3 + 0.0015 * i) for i in range(200)], clicks=True)


def filmed(offset: Fraction = ZERO, events: Any = PATH) -> Recording:
    """Two segments of ten seconds at 60 fps, each with a camera at 30 fps."""
    return recording(
        *(
            RecordingSegment(
                i,
                display(constant(600, 60), key=f"display:{i}"),
                camera=display(constant(300, 30), (640, 480), key=f"camera:{i}", offset=offset),
                pointer=events,
            )
            for i in range(2)
        ),
        images={"0": image()},
    )


def direct(look: Any, made: Recording | None = None, fps: Fraction = SIXTY, **more: Any) -> Director:
    return Director(made or filmed(), look, fps=fps, measure=measure, resolution=(960, 540), **more)


def sources(layers: tuple[Layer, ...], kind: str = "display") -> list[tuple[str, int]]:
    """(track, frame) of the pictures directly in ``layers``."""
    return [
        (layer.source, layer.frame)
        for layer in layers
        if isinstance(layer, PictureLayer) and layer.source.startswith(kind)
    ]


def kinds(layers: tuple[Layer, ...]) -> list[str]:
    return [type(layer).__name__.removesuffix("Layer") for layer in layers]


# --- transitions: a clip of 2 s, then one of 2 s that begins 0.5 s before the first one's end


def crossing(kind: str, **config: Any) -> Director:
    change = {"segmentIndex": 1, "type": kind, "duration": 0.5}
    clips = [clip(1, 3), clip(4, 6, segment=1)]
    return direct(project(clips, background={"padding": 20}, timeline={"transitions": [change]}, **config))


def test_a_cross_fade_shows_both_sides_at_their_own_times() -> None:
    director = crossing("cross-fade", camera={"hide": True}, cursor={"hide": True})
    assert director.frames == 210
    assert sources(director.plan(89).layers) == [("display:0", 60 + 89)]
    assert kinds(director.plan(89).layers) == ["Background", "Picture"]
    for n in range(91, 120):
        *below, group = director.plan(n).layers
        assert isinstance(group, GroupLayer)
        assert group.warp is None
        assert group.opacity == pytest.approx((n - 90) / 30)
        assert kinds(group.layers) == kinds(tuple(below)) == ["Background", "Picture"]
        assert sources(tuple(below)) == [("display:0", 60 + n)]
        assert sources(group.layers) == [("display:1", 240 + n - 90)]
    assert kinds(director.plan(90).layers) == ["Background", "Picture"]  # nothing of the new one yet
    assert sources(director.plan(90).layers) == [("display:0", 150)]
    assert sources(director.plan(120).layers) == [("display:1", 270)]
    assert kinds(director.plan(120).layers) == ["Background", "Picture"]


def test_through_black_one_goes_before_the_other_comes() -> None:
    director = crossing("fade-through-black", camera={"hide": True}, cursor={"hide": True})

    def dark(n: int) -> float:
        last = director.plan(n).layers[-1]
        if not isinstance(last, FillLayer):
            return 0.0
        assert (last.color, last.shape.rect) == ((0, 0, 0), Rect(0, 0, *director.size))
        return last.opacity

    assert [dark(n) for n in (89, 90, 93, 104, 105, 106, 117, 120)] == pytest.approx(
        [0, 0, 0.2, 28 / 30, 1, 28 / 30, 0.2, 0]
    )
    assert [sources(director.plan(n).layers)[0] for n in (104, 105, 119)] == [
        ("display:0", 164),
        ("display:1", 255),
        ("display:1", 269),
    ]


@pytest.mark.parametrize("fps", [F(24), F(30000, 1001)])
def test_a_fade_that_no_frame_begins_with(fps: Fraction) -> None:
    """Weights are those of the frame's own time, whatever the rate."""
    change = {"segmentIndex": 1, "type": "cross-fade", "duration": 0.37}
    director = direct(project([clip(0, 2), clip(0, 2, segment=1)], timeline={"transitions": [change]}), fps=fps)
    begin = F("1.63")
    weights = {}
    for n in range(director.frames):
        last = director.plan(n).layers[-1]
        if isinstance(last, GroupLayer):
            weights[n] = last.opacity
    expected = {n: float((n / fps - begin) / F("0.37")) for n in range(director.frames) if begin < n / fps < 2}
    assert weights == pytest.approx(expected)


def test_both_tracks_of_a_fade_are_needed() -> None:
    director = crossing("cross-fade")
    keys = {"display:0", "camera:0", "display:1", "camera:1"}
    assert {track.key for track in director.tracks} == keys
    part = direct(director.project, start=F("1.6"), end=F("1.7"))
    assert {track.key for track in part.tracks} == keys
    before = direct(director.project, start=F(0), end=F(1))
    assert {track.key for track in before.tracks} == {"display:0", "camera:0"}


def test_the_last_transition_of_an_index_counts_and_the_first_clip_has_none() -> None:
    rows = [
        {"segmentIndex": 0, "type": "cross-fade", "duration": 1},
        {"segmentIndex": 1, "type": "cross-fade", "duration": 1},
        {"segmentIndex": 1, "type": "fade-through-black", "duration": 0.2},
    ]
    director = direct(project([clip(0, 2), clip(0, 2, segment=1)], timeline={"transitions": rows}))
    assert director.frames == 228
    groups = [n for n in range(228) if isinstance(director.plan(n).layers[-1], GroupLayer)]
    fills = [n for n in range(228) if isinstance(director.plan(n).layers[-1], FillLayer)]
    assert (groups, fills) == ([], list(range(109, 120)))


# --- holds


def test_a_title_holds_everything_but_itself() -> None:
    title = {"start": 1, "end": 3, "content": "T", "layout": "fullscreen", "layoutTransition": 0.5}
    director = direct(project([clip(0, 4)], timeline={"textSegments": [title]}))
    assert director.frames == 360
    whole = director.plan(120)
    assert [(p.source, p.frame) for p in director.plan(61).pictures()] == [("display:0", 60), ("camera:0", 30)]
    assert kinds(whole.layers) == ["Background", "Text"]  # the card is gone, and so are camera and pointer
    half = director.plan(75).pictures()  # half of the morph: 0.96 of its size, half faded
    assert half[0].opacity == pytest.approx(0.5)
    assert half[0].rect.w == pytest.approx(0.96 * 960)
    assert half[1].opacity == pytest.approx(0.5)
    after = director.plan(180)
    assert [(p.source, p.frame) for p in after.pictures()] == [("display:0", 60), ("camera:0", 30)]
    assert "Text" not in kinds(after.layers)
    assert [p.frame for p in director.plan(190).pictures()] == [70, 35]
    # At the edges the title has not begun, and has ended: the picture is the plain one.
    assert director.plan(60).pictures() == after.pictures()


def test_beside_a_text_the_card_keeps_playing_in_its_half() -> None:
    text = {"start": 1, "end": 3, "content": "T", "layout": "splitLeft", "layoutTransition": 0.5}
    zoom = {"start": 0.5, "end": 4, "amount": 2, "mode": {"manual": {"x": 0.5, "y": 0.5}}}
    director = direct(project([clip(0, 4)], timeline={"textSegments": [text], "zoomSegments": [zoom]}))
    assert director.frames == 240
    (card,) = director.plan(120).pictures()  # the camera has faded
    assert card.frame == 120
    # 27 px of padding in the right half of 960x540: 426 x 486; 16:9 in it is 426 x 239.625.
    assert (card.rect.x, card.rect.y, card.rect.w, card.rect.h) == pytest.approx((507, 270 - 119.8125, 426, 239.625))


# --- scenes and camera


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("default", ["display:0", "camera:0"]),
        ("hideCamera", ["display:0"]),
        ("cameraOnly", ["camera:0"]),
        ("splitScreen", ["display:0", "camera:0"]),
        ("floating", ["display:0", "camera:0"]),
    ],
)
def test_scene_modes(mode: str, expected: list[str]) -> None:
    scene = {"start": 1, "end": 3, "mode": mode}
    director = direct(project([clip(0, 4)], timeline={"sceneSegments": [scene]}))
    plan = director.plan(120)
    assert [picture.source for picture in plan.pictures()] == expected
    assert ("Sprite" in kinds(plan.layers)) == (mode != "cameraOnly")
    default = director.plan(0).pictures()
    if mode == "cameraOnly":
        assert plan.pictures()[0].rect == Rect(0, 0, 960, 540)
    elif mode == "splitScreen":
        assert [p.shape.rect for p in plan.pictures()] == [Rect(0, 0, 480, 540), Rect(480, 0, 480, 540)]
    elif mode != "floating":
        assert plan.pictures()[0].rect == default[0].rect
    assert [p.source for p in director.plan(190).pictures()] == ["display:0", "camera:0"]


@pytest.mark.parametrize("mode", ["default", "hideCamera", "splitScreen", "floating"])
def test_the_pointer_is_only_blurred_by_its_own_way(mode: str) -> None:
    """A pointer that stands still is sharp wherever the card is; one that moves is blurred by its travel on it."""
    scene = {"start": 0, "end": 4, "mode": mode}
    still = filmed(events=pointer([(0, 0.4, 0.4), (9000, 0.4, 0.4)]))
    director = direct(project([clip(0, 4)], timeline={"sceneSegments": [scene]}), still)
    for n in (30, 120):
        (sprite,) = (layer for layer in director.plan(n).layers if isinstance(layer, SpriteLayer))
        assert sprite.blur is None
    moving = filmed(events=pointer([(16 * i, 0.3 + 0.0016 * i, 0.4) for i in range(250)]))
    look = project([clip(0, 4)], cursor={"raw": False, "rotationAmount": 0}, timeline={"sceneSegments": [scene]})
    director = direct(look, moving)
    here, before = (
        next(layer for layer in director.plan(n).layers if isinstance(layer, SpriteLayer)) for n in (120, 119)
    )
    assert here.blur is not None
    assert here.blur.dx == pytest.approx(here.rect.x - before.rect.x, abs=0.01)
    assert here.blur.dx > 1


def test_a_zoom_in_a_split_smears_no_edge() -> None:
    lists = {
        "sceneSegments": [{"start": 0, "end": 4, "mode": "splitScreen"}],
        "zoomSegments": [{"start": 1, "end": 3, "amount": 2, "mode": {"manual": {"x": 0.2, "y": 0.5}}}],
    }
    director = direct(project([clip(0, 4)], timeline=lists))
    cards = [director.plan(n).pictures()[0] for n in range(62, 90)]
    assert {card.shape.rect for card in cards} == {Rect(0, 0, 480, 540)}
    assert len({card.crop for card in cards}) == len(cards)  # it moves
    assert {card.blur for card in cards} == {None}


@pytest.mark.parametrize("offset", [F(0), F(1, 4), F(-1, 10)])
def test_the_camera_s_frame_is_that_of_its_own_clock(offset: Fraction) -> None:
    director = direct(project([clip(1, 2), clip(5, 9, speed=2)]), filmed(offset))
    for n in (0, 7, 59, 60, 100, 179):
        source = 1 + n / SIXTY if n < 60 else 5 + (n - 60) * 2 / SIXTY
        assert sources(director.plan(n).layers, "camera") == [("camera:0", ((source + offset) * 30).__floor__())]


def test_a_hidden_camera_is_not_needed() -> None:
    director = direct(project([clip(0, 1)], camera={"hide": True}))
    assert [track.key for track in director.tracks] == ["display:0"]
    assert sources(director.plan(0).layers, "camera") == []


def test_the_bubble_shrinks_in_a_zoom() -> None:
    zoom = {"zoomSegments": [{"start": 0.5, "end": 4, "amount": 1.5, "mode": {"manual": {"x": 0.5, "y": 0.5}}}]}
    director = direct(project([clip(0, 4)], timeline=zoom))
    small, large = (director.plan(n).pictures()[-1].rect.w for n in (200, 0))
    # 30 % of 540 and 25 of padding; in a zoom 70 % of that 30 %.
    assert (large, small) == (pytest.approx(187, abs=1), pytest.approx(0.7 * 162 + 25, abs=1))


# --- colour, 3D


def test_each_picture_has_its_own_grade() -> None:
    blocks = {"screen": {"exposure": 0.5}, "camera": {"fade": 0.2}}
    for with_pointer in (True, False):
        director = direct(project([clip(0, 1)], colorCorrection={**blocks, "gradeCursor": with_pointer}))
        plan = director.plan(5)
        screen, camera = (picture.grade for picture in plan.pictures())
        assert screen is not None
        assert (screen.exposure, screen.fade) == (0.5, 0)
        assert camera is not None
        assert (camera.exposure, camera.fade) == (0, 0.2)
        (sprite,) = (layer for layer in plan.layers if isinstance(layer, SpriteLayer))
        assert sprite.grade == (screen if with_pointer else None)
    grain = direct(project([clip(0, 1)], colorCorrection={"screen": {"grain": 0.5}}), start=F(1, 2))
    grade = grain.plan(3).pictures()[0].grade
    assert grade is not None
    assert grade.seed == 33  # of the whole output, so that a range looks as it does there


def test_a_camera_move_warps_the_bracket_and_not_the_background() -> None:
    move = {"start": 1, "end": 2, "properties": {"tiltY": 20}, "transitionIn": 0.25}
    look = project([clip(0, 3)], background={"padding": 10}, timeline={"camera3dSegments": [move]})
    director = direct(look)
    assert look.timeline is not None
    for n in (0, 60, 120, 150):  # before, at its flat begin, and from its end on
        assert kinds(director.plan(n).layers) == ["Background", "Picture", "Sprite", "Picture"]
    background, group = director.plan(90).layers
    assert isinstance(background, BackgroundLayer)
    assert isinstance(group, GroupLayer)
    assert kinds(group.layers) == ["Picture", "Sprite", "Picture"]
    assert group.opacity == 1
    assert group.warp == Camera3d(look.timeline.camera3d_segments, director.size).at(1.5)
    assert group.warp is not None


def test_a_circle_needs_no_image() -> None:
    made = recording(RecordingSegment(0, display(constant(60, 60)), pointer=PATH), images={})
    circle = direct(project([clip(0, 1)], cursor={"type": "circle"}), made)
    assert kinds(circle.plan(0).layers)[-1] == "Sprite"
    assert circle.warnings == ()
    assert "Sprite" not in kinds(direct(project([clip(0, 1)]), made).plan(0).layers)


# --- everything together


EVERYTHING: dict[str, Any] = {
    "background": {
        "padding": 20,
        "rounding": 12,
        "blur": 20,
        "source": {"type": "gradient", "from": [0, 51, 102], "to": [255, 255, 255]},
        "border": {"enabled": True},
        "frame": {"style": "browser", "url": "example.org"},
        "notch": {"enabled": True},
    },
    "colorCorrection": {"screen": {"contrast": 0.1, "grain": 0.2}, "camera": {"fade": 0.1}},
    "captions": {"settings": {"enabled": True, "activeWordHighlight": True, "highlightStyle": "pill"}},
    "keyboard": {"settings": {"enabled": True}},
    "timeline": {
        "zoomSegments": [
            {"start": 0.5, "end": 1.5, "amount": 1.6, "mode": "auto"},
            {"start": 4, "end": 5, "amount": 2, "mode": {"manual": {"x": 0.2, "y": 0.8}}, "instantAnimation": True},
        ],
        "transitions": [
            {"segmentIndex": 1, "type": "cross-fade", "duration": 0.5},
            {"segmentIndex": 2, "type": "fade-through-black", "duration": 0.4},
        ],
        "sceneSegments": [
            {"start": 2.2, "end": 2.8, "mode": "cameraOnly"},
            {"start": 5, "end": 5.6, "mode": "floating"},
        ],
        "maskSegments": [
            {"start": 0, "end": 9, "center": {"x": 0.5, "y": 0.5}, "size": {"x": 0.2, "y": 0.2}},
            {
                "start": 1,
                "end": 3,
                "center": {"x": 0.5, "y": 0.5},
                "size": {"x": 0.2, "y": 0.2},
                "maskType": "highlight",
                "darkness": 0.5,
            },
        ],
        "textSegments": [
            {"start": 0, "end": 9, "content": "over", "animationIn": "slideUp"},
            {"start": 3, "end": 3.6, "content": "title", "layout": "fullscreen"},
        ],
        "captionSegments": [
            {
                "start": 0,
                "end": 9,
                "text": "a b",
                "words": [{"text": "a", "start": 0, "end": 1}, {"text": "b", "start": 2, "end": 9}],
            }
        ],
        "keyboardSegments": [{"start": 0, "end": 9, "displayText": "K"}],
        "camera3dSegments": [{"start": 4.5, "end": 5, "properties": {"roll": 10}, "transitionIn": 0.2}],
    },
}


def everything(fps: Fraction = SIXTY, **more: Any) -> Director:
    return direct(project([clip(0, 2), clip(3, 5, segment=1), clip(5, 9, speed=2)], **EVERYTHING), fps=fps, **more)


def test_the_order_of_layers() -> None:
    """cap-format 3.11: background, frame, card, pointer, notch, (bar), camera, masks, texts, keys, captions."""
    director = everything()
    assert director.not_drawn == ()
    layers = director.plan(10).layers
    bar = ["Fill"] * 4 + ["Text"]  # three lamps, the field, the address
    assert kinds(layers) == [
        "Background", "Fill", "Picture", "Sprite", "Fill", *bar, "Picture", "Effect", "Text", "Text", "Text",
    ]  # fmt: skip
    pictures = [layer.source for layer in layers if isinstance(layer, PictureLayer)]
    assert pictures == ["display:0", "camera:0"]
    notch = layers[4]
    assert isinstance(notch, FillLayer)
    assert notch.color == (0, 0, 0)
    texts = [layer.run.text for layer in layers if isinstance(layer, TextLayer)]
    assert texts == ["example.org", "over", "K", "a b"]


def test_overlays_are_on_top_of_transitions_scenes_and_camera_moves() -> None:
    director = everything()
    for time, below in {
        1.75: ["Background"],
        2.5: ["Picture"],
        3.3: ["Background"],
        3.85: ["Background"],
        4.8: ["Background", "Group"],
        5.3: ["Background", "Picture"],
    }.items():
        names = kinds(director.plan(round(time * 60)).layers)
        first = names.index("Effect")
        assert set(names[first:]) <= {"Effect", "Text"}
        assert names[: len(below)] == below
        assert "Effect" not in names[:first]
        assert names[first:].count("Text") >= 3


def test_masks_are_in_every_frame_of_their_span() -> None:
    """Whatever else is going on: transitions, scenes, titles, camera moves."""
    director = everything()
    for n in range(director.frames):
        effects = [layer for layer in director.plan(n).layers if isinstance(layer, EffectLayer)]
        assert effects[0].rect == Rect(384, 216, 192, 108)
        assert effects[0].amount == 8
        assert effects[0].feather == 0


def plans(director: Director, order: Any = None) -> dict[int, FramePlan]:
    return {n: director.plan(n) for n in (range(0, director.frames, 3) if order is None else order)}


def test_any_order_a_second_director_and_a_view_for_a_thread_give_the_same_plans() -> None:
    first = everything()
    forward = plans(first)
    order = list(forward)
    random.Random(7).shuffle(order)
    assert plans(everything(), order) == forward
    assert plans(first, order) == forward
    assert plans(first.for_thread(), order) == forward
    assert plans(first.for_thread().for_thread(), reversed(order)) == forward


@pytest.mark.parametrize("fps", [F(60), F(30000, 1001), F(7)])
def test_a_range_is_a_part_of_the_whole(fps: Fraction) -> None:
    whole = everything(fps)
    part = everything(fps, start=F("1.7"), end=F("4.2"))
    assert all(part.plan(n) == whole.plan(part.range.first + n) for n in range(0, part.frames, 2))


def test_a_moving_pointer_damages_little() -> None:
    """A still screen of one frame a second, nothing else moving: only where the pointer was and is."""
    made = recording(RecordingSegment(0, display(constant(10, 1)), pointer=PATH))
    director = direct(project([clip(0, 9)], background={"padding": 20}), made)
    w, h = director.size
    moved = 0
    for n in range(61, 119):
        plan, before = director.plan(n), director.plan(n - 1)
        damage = plan.damage_since(before)
        if plan == before:
            assert damage == ()
            continue
        moved += 1
        assert sum(rect.area for rect in damage) < 0.02 * w * h
        (sprite,) = (layer for layer in plan.layers if isinstance(layer, SpriteLayer))
        assert any(rect.x <= sprite.rect.x < rect.right and rect.y <= sprite.rect.y < rect.bottom for rect in damage)
    assert moved > 50


def test_what_does_not_change_is_the_same_object() -> None:
    """So comparing two plans costs next to nothing."""
    director = direct(project([clip(0, 9)], background={"padding": 20}))
    a, b = director.plan(40), director.plan(41)
    assert a != b
    shared = [x is y for x, y in zip(a.layers, b.layers, strict=True)]
    assert shared == [True, False, False, True]  # background; card and pointer move on; the camera runs at 30
