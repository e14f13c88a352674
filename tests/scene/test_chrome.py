"""Window frames, laptop and notch, by hand from cap-format 3.1."""

from __future__ import annotations

from typing import Any

import pytest
from scene_makers import F, clip, constant, display, measure, project, recording

from reelpress.project.background import WindowFrame
from reelpress.recording.model import RecordingSegment
from reelpress.scene.camera_panel import Panel, panel
from reelpress.scene.chrome import ChromeStyle, NotchSpot, chrome, notch
from reelpress.scene.director import Director
from reelpress.scene.geometry import Crop, clamp_crop
from reelpress.scene.plan.layers import FillLayer, PictureLayer, TextLayer
from reelpress.scene.plan.outline import Border, Shadow, Shape
from reelpress.scene.plan.rect import Rect

BOX = Rect(100, 50, 1600, 900)
STYLES = ("macOS", "windows", "browser", "macbook")
SHADOW, BORDER = Shadow(20, 10, 0.5), Border(4, (1, 0, 0), 0.8)


def frame(style: str, **keys: Any) -> ChromeStyle:
    found = ChromeStyle.of(WindowFrame.model_validate({"style": style, **keys}), measure)
    assert found is not None
    return found


def card(rect: Rect = BOX) -> Panel:
    return panel(Rect(0, 0, 1920, 1080), rect, Shape(rect, 30), shadow=SHADOW, border=BORDER)


def test_no_frame() -> None:
    assert ChromeStyle.of(None, measure) is None
    assert ChromeStyle.of(WindowFrame(), measure) is None


# Left, top, right and bottom in content heights.
INSETS = {
    "macOS": (0, 0.055, 0, 0),
    "windows": (0, 0.05, 0, 0),
    "browser": (0, 0.075, 0, 0),
    "macbook": (0.10, 0.028, 0.10, 0.028 + 0.045 + 0.035),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("box", [BOX, Rect(0, 0, 500, 1000), Rect(7, 9, 2000, 300)])
def test_the_outer_shape_fits_the_box_and_the_content_keeps_its_shape(style: str, box: Rect) -> None:
    content = frame(style).content(box)
    left, top, right, bottom = (v * content.h for v in INSETS[style])
    outer = Rect(content.x - left, content.y - top, content.w + left + right, content.h + top + bottom)
    assert content.w / content.h == pytest.approx(box.w / box.h)
    assert outer.x + outer.w / 2 == pytest.approx(box.x + box.w / 2)
    assert outer.y + outer.h / 2 == pytest.approx(box.y + box.h / 2)
    sides = (outer.w / box.w, outer.h / box.h)
    assert max(sides) == pytest.approx(1)  # it touches, and does not leave it


@pytest.mark.parametrize("style", STYLES)
def test_everything_drawn_lies_in_the_box(style: str) -> None:
    named = frame(style, title="Title", url="https://example.org")
    content = named.content(BOX)
    behind, front, _ = chrome(named, card(content))
    for layer in (*behind, *front):
        assert isinstance(layer, FillLayer | TextLayer)
        rect = layer.shape.rect if isinstance(layer, FillLayer) else Rect(layer.x, layer.y, 1, 1)
        assert BOX.x - 1e-6 <= rect.x
        assert BOX.y - 1e-6 <= rect.y
        assert rect.right <= BOX.right + 1e-6
        assert rect.bottom <= BOX.bottom + 1e-6


@pytest.mark.parametrize("style", STYLES[:3])
def test_a_title_bar_squares_the_upper_corners_and_takes_shadow_and_border(style: str) -> None:
    behind, front, inside = chrome(frame(style), card())
    (window,) = behind
    assert isinstance(window, FillLayer)
    bar = INSETS[style][1] * 900
    assert window.shape == Shape(Rect(100, 50 - bar, 1600, 900 + bar), 30)
    assert (window.shadow, window.border) == (SHADOW, BORDER)
    assert (inside.shadow, inside.border) == (None, None)
    assert inside.shape == Shape(BOX, 30, round_top=False)
    assert len(front) >= 3  # lamps or marks


def test_a_laptop_has_bezel_and_base() -> None:
    behind, front, inside = chrome(frame("macbook"), card())
    rects = [layer.shape.rect for layer in behind if isinstance(layer, FillLayer)]
    bezel = 0.028 * 900
    assert BOX.outset(bezel) in rects
    assert Rect(100 - 90, 950 + bezel, 1600 + 180, pytest.approx(0.08 * 900)) in rects
    assert front == ()
    assert inside.shape == card().shape
    assert inside.shadow is None


def test_titles_and_addresses() -> None:
    def text(style: str, **keys: Any) -> list[str]:
        layers = chrome(frame(style, **keys), card())[1]
        return [layer.run.text for layer in layers if isinstance(layer, TextLayer)]

    assert text("macOS", title="My app", url="x.org") == ["My app"]
    assert text("windows", title="My app", url="x.org") == ["My app"]
    assert text("browser", title="My app", url="x.org") == ["x.org"]
    assert text("macOS") == []


def test_themes_differ() -> None:
    light, dark = (chrome(frame("macOS", theme=theme), card())[0][0] for theme in ("light", "dark"))
    assert isinstance(light, FillLayer)
    assert isinstance(dark, FillLayer)
    assert min(light.color) > 0.8 > 0.3 > max(dark.color)


def test_half_a_frame_leaves_half_of_shadow_and_border_to_the_card() -> None:
    behind, front, inside = chrome(frame("browser"), card(), 0.5)
    assert {layer.opacity for layer in (*behind, *front) if isinstance(layer, FillLayer)} == {0.5}
    assert inside.shadow == Shadow(20, 10, 0.25)
    assert inside.border == Border(4, (1, 0, 0), 0.4)


# --- notch

SPOT = NotchSpot(0.4, 0.2, 0.05)
SCREEN = (2000, 1000)
FULL = clamp_crop(SCREEN, None, None)


def spot(crop: Crop, where: Rect) -> list[Rect]:
    layers = notch(SPOT, SCREEN, crop, where, Shape(where))
    assert all(isinstance(layer, FillLayer) and layer.color == (0, 0, 0) for layer in layers)
    return [layer.shape.rect for layer in layers if isinstance(layer, FillLayer)]


def test_a_notch_is_at_the_upper_edge_of_the_display() -> None:
    assert spot(FULL, Rect(100, 50, 1000, 500)) == [Rect(500, 50, 200, 25)]


def test_a_crop_moves_the_notch_and_cuts_it() -> None:
    where = Rect(0, 0, 1000, 1000)
    # The right half from 980 down: the notch is at 800 .. 1200 of 2000, 200 of it are seen.
    assert spot(clamp_crop(SCREEN, (1000, 0), (1000, 1000)), where) == [Rect(0, 0, 200, 50)]
    # 20 of its 50 pixels are cut away above.
    assert spot(clamp_crop(SCREEN, (500, 20), (1000, 980)), Rect(0, 0, 1000, 980)) == [Rect(300, 0, 400, 30)]
    assert spot(clamp_crop(SCREEN, (0, 60), (2000, 900)), where) == []
    assert spot(clamp_crop(SCREEN, (1300, 0), (700, 900)), where) == []


def built(notched: bool = False, **config: Any) -> Director:
    lists = config.pop("timeline", {})
    segment = RecordingSegment(
        0, display(constant(300, 60)), camera=display(constant(300, 60), (640, 480), key="camera:0")
    )
    background = {"padding": 25, "rounding": 10, **config.pop("background", {})}
    if notched:
        background["notch"] = {"enabled": True, "x": 0.4, "width": 0.2, "height": 0.05}
    look = project([clip(0, 4)], background=background, timeline=lists, **config)
    return Director(recording(segment), look, fps=F(60), measure=measure)


def test_a_notch_goes_with_the_zoom() -> None:
    zoom = {"zoomSegments": [{"start": 0.5, "end": 3, "amount": 2, "mode": {"manual": {"x": 0.5, "y": 0}}}]}
    director = built(True, timeline=zoom)
    for n in (0, 40, 150):
        plan = director.plan(n)
        card_layer = plan.pictures()[0]
        (black,) = (layer for layer in plan.layers if isinstance(layer, FillLayer))
        rect = card_layer.rect
        assert black.shape.rect == Rect(
            pytest.approx(rect.x + 0.4 * rect.w),
            pytest.approx(rect.y),
            pytest.approx(0.2 * rect.w),
            pytest.approx(0.05 * rect.h),
        )


def kinds(director: Director, n: int) -> list[str]:
    return [type(layer).__name__ for layer in director.plan(n).layers]


def test_a_frame_around_the_card_in_a_director() -> None:
    director = built(background={"frame": {"style": "browser", "url": "x.org"}})
    names = kinds(director, 0)
    assert names[:3] == ["BackgroundLayer", "FillLayer", "PictureLayer"]
    assert "TextLayer" in names
    assert names[-1] == "PictureLayer"  # the camera
    card_layer = director.plan(0).pictures()[0]
    # Padding 25: pf .1; 1920x1080 scaled by 1/1.2 is 1600x900 at (160, 90); the window fits that.
    h = 900 / 1.075
    assert card_layer.rect.h == pytest.approx(h, abs=2)
    assert card_layer.rect.bottom == pytest.approx(990, abs=2)
    assert card_layer.rect.w / card_layer.rect.h == pytest.approx(16 / 9, abs=0.01)


def test_hiding_the_camera_leaves_frame_and_notch_where_they_are() -> None:
    scenes = {"sceneSegments": [{"start": 1, "end": 3, "mode": "hideCamera"}]}
    director = built(True, background={"frame": {"style": "macOS"}}, timeline=scenes)
    assert director.plan(120).layers == director.plan(0).layers[:1] + tuple(
        layer if not isinstance(layer, PictureLayer) else director.plan(120).pictures()[0]
        for layer in director.plan(0).layers[1:-1]
    )


def test_in_a_split_there_is_neither_and_on_the_way_they_fade() -> None:
    scenes = {"sceneSegments": [{"start": 1, "end": 3, "mode": "splitScreen", "transitionIn": 0.5}]}
    director = built(True, background={"frame": {"style": "macOS"}}, timeline=scenes)
    assert kinds(director, 120) == ["BackgroundLayer", "PictureLayer", "PictureLayer"]
    fills = [layer for layer in director.plan(45).layers if isinstance(layer, FillLayer)]
    assert [layer.opacity for layer in fills] == pytest.approx(
        [0.5] * len(fills)
    )  # half of the way; the easing is symmetric
    assert len(fills) == len([layer for layer in director.plan(0).layers if isinstance(layer, FillLayer)])
