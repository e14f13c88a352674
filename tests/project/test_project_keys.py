"""Every key of cap-format section 2 has a field with Cap's default. The table is written by hand from that text."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from reelpress.project.background import AdvancedShadow, Border, Crop, GradientSource, NotchConfig, WindowFrame
from reelpress.project.captions import Captions, CaptionSegment, CaptionSettings, KeyboardSegment, KeyboardSettings
from reelpress.project.cursor import PointerSpring
from reelpress.project.model import AspectRatio, ClipConfig, Project
from reelpress.project.overlays import (
    Camera3dKeyframe,
    Camera3dProperties,
    Camera3dSegment,
    FocusBlur,
    MaskKeyframes,
    MaskSegment,
    TextSegment,
)
from reelpress.project.timeline import (
    AudioSegment,
    Clip,
    SceneSegment,
    SplitLayout,
    TimelineConfig,
    Transition,
    ZoomSegment,
)
from reelpress.recording.fields import unknown_keys

ANY: Any = object()
"""The text states no default."""
REQUIRED: Any = object()
SPAN = {"start": REQUIRED, "end": REQUIRED}
HALF = {"x": 0.5, "y": 0.5}
OVERRIDES = ("fadeDuration", "lingerDuration", "position", "color", "backgroundColor", "fontSize")
GRADE = {
    "preset": "none",
    "intensity": 1,
    **dict.fromkeys(
        ("exposure", "contrast", "saturation", "temperature", "tint", "fade", "splitTone", "vignette", "grain"), 0
    ),
}

TABLE: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (
        Project,
        {
            "aspectRatio": None,
            "background": ANY,
            "camera": ANY,
            "audio": ANY,
            "cursor": ANY,
            "hotkeys": {"show": False},
            "timeline": None,
            "captions": None,
            "keyboard": None,
            "clips": [],
            "annotations": [],
            "screenMotionBlur": 1.0,
            "screenMovementSpring": {"stiffness": 200, "damping": 40, "mass": 2.25},
            "colorCorrection": {"screen": GRADE, "camera": GRADE, "gradeCursor": True},
            "textSizeVersion": 1,
            "textAnimVersion": 1,
        },
    ),
    (
        type(Project().background),
        {
            "source": {"type": "color", "value": [255, 255, 255], "alpha": 255},
            "blur": 0,
            "padding": 0,
            "rounding": 0,
            "roundingType": "squircle",
            "inset": 0,
            "crop": None,
            "displayPosition": None,
            "shadow": 73.6,
            "advancedShadow": {"size": 14.4, "opacity": 68.1, "blur": 3.8},
            "border": None,
            "frame": None,
            "notch": None,
        },
    ),
    (
        GradientSource,
        {
            "type": "gradient",
            "from": REQUIRED,
            "to": REQUIRED,
            "angle": 90,
            "noise_intensity": ANY,
            "noise_scale": 3,
            "animated": ANY,
            "animation_speed": ANY,
        },
    ),
    (AdvancedShadow, {"size": 50, "opacity": 18, "blur": 50}),
    (Crop, {"position": REQUIRED, "size": REQUIRED}),
    (Border, {"enabled": ANY, "width": 5, "color": ANY, "opacity": 80}),
    (WindowFrame, {"style": "none", "theme": ANY, "url": ANY, "title": ANY}),
    (NotchConfig, {"enabled": ANY, "x": None, "width": None, "height": None}),
    (
        type(Project().camera),
        {
            "hide": False,
            "mirror": False,
            "position": {"x": "right", "y": "bottom"},
            "manualPosition": None,
            "size": 30,
            "zoomSize": 60,
            "scaleDuringZoom": 0.7,
            "shape": "square",
            "rounding": 100,
            "roundingType": "squircle",
            "shadow": 62.5,
            "advancedShadow": {"size": 33.9, "opacity": 44.2, "blur": 10.5},
            "backgroundBlur": {"mode": "off"},
        },
    ),
    (
        type(Project().audio),
        {"mute": False, "improve": False, "micVolumeDb": 0, "micStereoMode": "stereo", "systemVolumeDb": 0},
    ),
    (
        type(Project().cursor),
        {
            "hide": False,
            "hideWhenIdle": False,
            "hideWhenIdleDelay": 2.0,
            "size": 100,
            "type": "auto",
            "animationStyle": "mellow",
            "tension": 470,
            "mass": 3,
            "friction": 70,
            "raw": False,
            "motionBlur": 1.0,
            "useSvg": True,
            "rotationAmount": 0.15,
            "baseRotation": 0,
            "clickSpring": None,
            "stopMovementInLastSeconds": None,
        },
    ),
    (PointerSpring, {"tension": 530, "mass": 1, "friction": 40}),
    (ClipConfig, {"index": ANY, "offsets": {"camera": 0, "mic": 0, "system_audio": 0}, "offsetsAutoCalculated": ANY}),
    (
        TimelineConfig,
        {
            "segments": REQUIRED,
            "zoomSegments": ANY,
            "transitions": [],
            "sceneSegments": [],
            "maskSegments": [],
            "textSegments": [],
            "captionSegments": [],
            "keyboardSegments": [],
            "audioSegments": [],
            "camera3dSegments": [],
        },
    ),
    (Clip, {**SPAN, "recordingSegment": 0, "timescale": REQUIRED, "name": None, "speedAudioMode": None}),
    (
        ZoomSegment,
        {
            **SPAN,
            "amount": REQUIRED,
            "mode": ANY,
            "instantAnimation": False,
            "edgeSnapRatio": 0.25,
            "glideDirection": ANY,
            "glideSpeed": ANY,
        },
    ),
    (Transition, {"segmentIndex": REQUIRED, "type": ANY, "duration": REQUIRED}),
    (SceneSegment, {**SPAN, "mode": "default", "splitLayout": None, "transitionIn": 0.3, "transitionOut": 0.3}),
    (SplitLayout, {"screenZoom": 1, "screenPosition": HALF, "cameraZoom": 1, "cameraPosition": HALF}),
    (
        MaskSegment,
        {
            **SPAN,
            "track": ANY,
            "enabled": ANY,
            "maskType": ANY,
            "center": REQUIRED,
            "size": REQUIRED,
            "feather": 0,
            "opacity": 1,
            "pixelation": 16,
            "darkness": 0,
            "fadeDuration": 0.15,
            "keyframes": {"position": [], "size": [], "intensity": []},
        },
    ),
    (MaskKeyframes, {"position": [], "size": [], "intensity": []}),
    (
        TextSegment,
        {
            **SPAN,
            "content": ANY,
            "center": ANY,
            "size": {"x": 0.35, "y": 0.2},
            "fontFamily": ANY,
            "fontSize": 48,
            "fontWeight": 700,
            "italic": ANY,
            "color": ANY,
            "align": ANY,
            "letterSpacing": ANY,
            "lineHeight": 1.2,
            "opacity": ANY,
            "shadow": ANY,
            "animationIn": ANY,
            "animationOut": ANY,
            "animationInDuration": 0.15,
            "animationOutDuration": 0.15,
            "layout": "overlay",
            "layoutTransition": 0.5,
            "track": ANY,
            "enabled": ANY,
            "fadeDuration": ANY,
        },
    ),
    (
        CaptionSegment,
        {"id": ANY, **SPAN, "text": ANY, "words": [], **{f"{name}Override": None for name in OVERRIDES}},
    ),
    (
        KeyboardSegment,
        {
            "id": ANY,
            **SPAN,
            "displayText": ANY,
            "keys": [],
            **{f"{name}Override": None for name in (*OVERRIDES, "uppercase")},
        },
    ),
    (
        AudioSegment,
        {
            **SPAN,
            "track": ANY,
            "path": REQUIRED,
            "name": None,
            "enabled": ANY,
            "trimStart": 0,
            "volumeDb": 0,
            "fadeIn": 0,
            "fadeOut": 0,
            "duration": None,
        },
    ),
    (
        Camera3dSegment,
        {
            **SPAN,
            "enabled": ANY,
            "properties": ANY,
            "blur": ANY,
            "tracks": {},
            "transitionIn": 0,
            "transitionOut": 0,
        },
    ),
    (
        Camera3dProperties,
        {
            **dict.fromkeys(("tiltX", "tiltY", "roll", "rotateX", "rotateY", "panX", "panY"), 0),
            "fov": 45,
            "zoom": 2,
        },
    ),
    (
        FocusBlur,
        {
            "mode": "none",
            "strength": ANY,
            "falloff": ANY,
            "focusX": 0.37,
            "focusY": 0.5,
            "focusSize": 0.5,
            "angle": ANY,
            "dirPosition": 0.5,
            "bokeh": ANY,
        },
    ),
    (Camera3dKeyframe, {"time": REQUIRED, "value": REQUIRED, "outEasing": None, "inEasing": None}),
    (Captions, {"segments": [], "settings": ANY, "sourceTimed": ANY}),
    (
        CaptionSettings,
        {
            "enabled": False,
            "font": "System Sans-Serif",
            "size": 24,
            "color": ANY,
            "backgroundColor": ANY,
            "backgroundOpacity": 90,
            "position": "bottom-center",
            "fontWeight": 700,
            "outline": ANY,
            "outlineColor": ANY,
            "highlightColor": ANY,
            "fadeDuration": 0.15,
            "lingerDuration": 0.4,
            "wordTransitionDuration": 0.25,
            "activeWordHighlight": False,
            "manualPosition": None,
            "preset": "classic",
            "animation": ANY,
            "highlightStyle": ANY,
            "uppercase": ANY,
            "italic": ANY,
            "exportWithSubtitles": ANY,
        },
    ),
    (
        KeyboardSettings,
        {
            "enabled": False,
            "size": 50,
            "backgroundOpacity": 95,
            "position": ANY,
            "fontWeight": 400,
            "fadeDuration": 0.15,
            "lingerDuration": 0.8,
            "groupingThresholdMs": 500,
            "showModifiers": ANY,
            "showSpecialKeys": ANY,
            "uppercase": ANY,
        },
    ),
]

MINIMAL: dict[str, Any] = {
    "start": 1,
    "end": 2,
    "timescale": 1,
    "amount": 2,
    "segmentIndex": 1,
    "duration": 1,
    "center": HALF,
    "size": HALF,
    "path": "a.mp3",
    "time": 0,
    "value": 1,
    "from": [1, 2, 3],
    "to": "#010203",
    "segments": [],
    "position": {"x": 0, "y": 0},
}


@pytest.mark.parametrize(("model", "keys"), TABLE, ids=lambda value: getattr(value, "__name__", ""))
def test_every_key_has_a_field_and_the_stated_default(model: type[BaseModel], keys: dict[str, Any]) -> None:
    required = {key: MINIMAL[key] for key, value in keys.items() if value is REQUIRED}
    dumped = model.model_validate(required).model_dump(by_alias=True, mode="json")
    assert set(keys) - set(dumped) == set()
    for key, value in keys.items():
        if value is not ANY and value is not REQUIRED:
            assert dumped[key] == value, key


@pytest.mark.parametrize(("model", "keys"), TABLE, ids=lambda value: getattr(value, "__name__", ""))
def test_required_keys_are_required(model: type[BaseModel], keys: dict[str, Any]) -> None:
    required = {key: MINIMAL[key] for key, value in keys.items() if value is REQUIRED}
    for key in required:
        with pytest.raises(ValueError, match=r"(?i)required|missing"):
            model.model_validate({name: value for name, value in required.items() if name != key})


def test_a_project_with_every_key_has_no_unknown_ones_and_survives_a_round_trip() -> None:
    full = {
        key: model.model_validate(
            {name: MINIMAL[name] for name, value in keys.items() if value is REQUIRED}
        ).model_dump(by_alias=True, mode="json")
        for model, keys in TABLE
        for key in [model.__name__]
    }
    timeline = {
        **full["TimelineConfig"],
        "segments": [full["Clip"]],
        "zoomSegments": [
            {**full["ZoomSegment"], "mode": {"manual": {"x": 0.1, "y": 0.2}}},
            {**full["ZoomSegment"], "mode": "auto"},
        ],
        "transitions": [full["Transition"]],
        "sceneSegments": [{**full["SceneSegment"], "splitLayout": full["SplitLayout"]}],
        "maskSegments": [full["MaskSegment"]],
        "textSegments": [full["TextSegment"]],
        "captionSegments": [full["CaptionSegment"]],
        "keyboardSegments": [full["KeyboardSegment"]],
        "audioSegments": [full["AudioSegment"]],
        "camera3dSegments": [{**full["Camera3dSegment"], "tracks": {"tiltX": [full["Camera3dKeyframe"]]}}],
    }
    data = {
        **full["Project"],
        "background": {**full["Background"], "border": full["Border"], "frame": full["WindowFrame"]},
        "timeline": timeline,
        "captions": {**full["Captions"], "settings": full["CaptionSettings"]},
        "keyboard": {"settings": full["KeyboardSettings"]},
        "clips": [full["ClipConfig"]],
    }
    project = Project.model_validate(data)
    assert list(unknown_keys(project)) == []
    assert project.timeline is not None
    centre = project.timeline.zoom_segments[0].manual_center
    assert centre is not None
    assert (centre.x, centre.y) == (0.1, 0.2)
    assert project.timeline.zoom_segments[1].manual_center is None
    again = Project.model_validate_json(project.model_dump_json(by_alias=True))
    assert again == project


def test_aspect_ratios() -> None:
    values = {name.value: float(name.value_fraction) for name in AspectRatio}
    assert values == {"wide": 16 / 9, "vertical": 9 / 16, "square": 1, "classic": 4 / 3, "tall": 3 / 4}


def test_aliases_and_null_for_a_shadow() -> None:
    project = Project.model_validate(
        {
            "background": {"advanced_shadow": {"size": 1}, "rounding_type": "rounded"},
            "camera": {"zoom_size": 12, "advancedShadow": None, "rounding_type": "rounded"},
        }
    )
    assert project.background.advanced_shadow is not None
    assert project.background.advanced_shadow.size == 1
    assert project.background.rounding_type == project.camera.rounding_type == "rounded"
    assert project.camera.zoom_size == 12
    shadow = project.camera.shadow_shape
    assert (shadow.size, shadow.opacity, shadow.blur) == (50, 18, 50)
    assert list(unknown_keys(project)) == []
    assert project.cursor.click_spring_or_default.tension == 530


@pytest.mark.parametrize(
    ("name", "style"),
    [("regular", "mellow"), ("quick", "mellow"), ("rapid", "mellow"), ("fast", "fast"), ("new", "new")],
)
def test_animation_style_is_a_label(name: str, style: str) -> None:
    assert Project.model_validate({"cursor": {"animationStyle": name}}).cursor.animation_style == style
