"""A project in which every key of ``project-config.json`` is set, so that each can be changed alone."""

from __future__ import annotations

import copy
from typing import Any

GRADE = {
    "preset": "film", "intensity": 0.8, "exposure": 0.1, "contrast": 0.1, "saturation": 0.1, "temperature": 0.1,
    "tint": 0.1, "fade": 0.1, "splitTone": 0.1, "vignette": 0.1, "grain": 0.1,
}  # fmt: skip
SHADOW = {"size": 20, "opacity": 50, "blur": 10}
CAPTION = {
    "id": "a", "start": 0.2, "end": 2.6, "text": "one two",
    "words": [{"text": "one", "start": 0.4, "end": 1}, {"text": "two", "start": 1.1, "end": 1.8}],
    "fadeDurationOverride": 0.3, "lingerDurationOverride": 0.3, "positionOverride": "top-left",
    "colorOverride": "#ffffff", "backgroundColorOverride": "#000000", "fontSizeOverride": 20,
}  # fmt: skip
SPAN = {"start": 0.2, "end": 2.8}
KEY = {"time": 0.5, "value": 6, "outEasing": {"x": 0.6, "y": 0.1}, "inEasing": {"x": 0.4, "y": 0.9}}

FULL: dict[str, Any] = {
    "aspectRatio": "wide",
    "background": {
        "source": {
            "type": "gradient", "from": [0, 0, 0], "to": [255, 255, 255], "angle": 45, "noise_intensity": 20,
            "noise_scale": 3, "animated": False, "animation_speed": 1,
        },
        "blur": 20, "padding": 30, "rounding": 20, "roundingType": "squircle", "inset": 3,
        "crop": {"position": {"x": 100, "y": 60}, "size": {"x": 1600, "y": 900}},
        "displayPosition": {"x": 0.52, "y": 0.48}, "shadow": 50, "advancedShadow": SHADOW,
        "border": {"enabled": True, "width": 4, "color": [9, 9, 9], "opacity": 60},
        "frame": {"style": "browser", "theme": "dark", "url": "a.org", "title": "A"},
        "notch": {"enabled": True, "x": 0.4, "width": 0.1, "height": 0.1},
    },
    "camera": {
        "hide": False, "mirror": False, "position": {"x": "right", "y": "bottom"},
        "manualPosition": {"x": 0.4, "y": 0.6}, "size": 30, "zoomSize": 60, "scaleDuringZoom": 0.7, "shape": "square",
        "rounding": 40, "roundingType": "squircle", "shadow": 50, "advancedShadow": SHADOW,
        "backgroundBlur": {"mode": "off"},
    },
    "audio": {"mute": False, "improve": False, "micVolumeDb": 0, "micStereoMode": "stereo", "systemVolumeDb": 0},
    "cursor": {
        "hide": False, "hideWhenIdle": True, "hideWhenIdleDelay": 0.8, "size": 100, "type": "auto",
        "animationStyle": "mellow", "tension": 470, "mass": 3, "friction": 70, "raw": False, "motionBlur": 0.8,
        "useSvg": True, "rotationAmount": 0.15, "baseRotation": 0.1,
        "clickSpring": {"tension": 530, "mass": 1, "friction": 40}, "stopMovementInLastSeconds": 0.2,
    },
    "hotkeys": {"show": False},
    "clips": [], "annotations": [],
    "screenMotionBlur": 0.8,
    "screenMovementSpring": {"stiffness": 200, "damping": 40, "mass": 2.25},
    "colorCorrection": {"screen": GRADE, "camera": GRADE, "gradeCursor": True},
    "captions": {
        "segments": [CAPTION], "sourceTimed": False,
        "settings": {
            "enabled": True, "font": "Inter", "size": 24, "color": "#ffffff", "backgroundColor": "#000000",
            "backgroundOpacity": 80, "position": "bottom-center", "fontWeight": 700, "outline": True,
            "outlineColor": "#000000", "highlightColor": "#ff0000", "fadeDuration": 0.2, "lingerDuration": 0.4,
            "wordTransitionDuration": 0.25, "activeWordHighlight": True, "manualPosition": {"x": 0.5, "y": 0.4},
            "preset": "classic", "animation": "bounce", "highlightStyle": "color", "uppercase": False,
            "italic": False, "exportWithSubtitles": False,
        },
    },
    "keyboard": {
        "settings": {
            "enabled": True, "font": "Inter", "size": 50, "color": "#ffffff", "backgroundColor": "#000000",
            "backgroundOpacity": 80, "position": "bottom-center", "manualPosition": {"x": 0.5, "y": 0.6},
            "fontWeight": 400, "fadeDuration": 0.2, "lingerDuration": 0.8, "groupingThresholdMs": 500,
            "showModifiers": True, "showSpecialKeys": True, "uppercase": False,
        }
    },
    "timeline": {
        "segments": [
            {"recordingSegment": 0, "timescale": 1, "start": 0, "end": 2, "name": "a", "speedAudioMode": "mute"},
            {"recordingSegment": 1, "timescale": 2, "start": 1, "end": 4},
        ],
        "zoomSegments": [
            {
                "start": 0.3, "end": 1.2, "amount": 1.6, "mode": {"manual": {"x": 0.3, "y": 0.4}},
                "instantAnimation": False, "edgeSnapRatio": 0.25, "glideDirection": "none", "glideSpeed": 0.5,
            }
        ],
        "transitions": [{"segmentIndex": 1, "type": "cross-fade", "duration": 0.3}],
        "sceneSegments": [
            {
                "start": 2.1, "end": 2.6, "mode": "splitScreen", "transitionIn": 0.2, "transitionOut": 0.2,
                "splitLayout": {
                    "screenZoom": 1.5, "screenPosition": {"x": 0.4, "y": 0.4}, "cameraZoom": 1.5,
                    "cameraPosition": {"x": 0.4, "y": 0.4},
                },
            }
        ],
        "maskSegments": [
            {
                **SPAN, "track": 0, "enabled": True, "maskType": "highlight", "center": {"x": 0.5, "y": 0.5},
                "size": {"x": 0.4, "y": 0.4}, "feather": 0.2, "opacity": 0.8, "pixelation": 20, "darkness": 0.6,
                "fadeDuration": 0.3,
                "keyframes": {
                    "position": [{"time": 0.5, "x": 0.4, "y": 0.4}, {"time": 2, "x": 0.6, "y": 0.6}],
                    "size": [{"time": 0.5, "x": 0.4, "y": 0.4}, {"time": 2, "x": 0.6, "y": 0.6}],
                    "intensity": [{"time": 0.5, "value": 0.8}, {"time": 2, "value": 0.4}],
                },
            }
        ],
        "textSegments": [
            {
                **SPAN, "track": 0, "enabled": True, "content": "text", "center": {"x": 0.5, "y": 0.3},
                "size": {"x": 0.3, "y": 0.2}, "fontFamily": "Inter", "fontSize": 40, "fontWeight": 700,
                "italic": False, "color": "#ffffff", "align": "left", "letterSpacing": 1, "lineHeight": 1.2,
                "opacity": 0.9, "shadow": 0.3, "animationIn": "fade", "animationOut": "fade",
                "animationInDuration": 0.3, "animationOutDuration": 0.3, "fadeDuration": 0.2, "layout": "splitLeft",
                "layoutTransition": 0.4,
            },
            {**SPAN, "track": 0, "content": "other", "center": {"x": 0.5, "y": 0.7}},
        ],
        "captionSegments": [CAPTION],
        "keyboardSegments": [
            {
                "id": "k", "start": 0.2, "end": 2.6, "displayText": "ab",
                "keys": [{"key": "a", "timeOffset": 700}, {"key": "b", "timeOffset": 900}],
                "fadeDurationOverride": 0.3, "lingerDurationOverride": 0.3, "positionOverride": "top-left",
                "colorOverride": "#ffffff", "backgroundColorOverride": "#000000", "fontSizeOverride": 20,
                "uppercaseOverride": False,
            }
        ],
        "audioSegments": [
            {
                **SPAN, "track": 0, "path": "m.mp3", "name": "m", "enabled": True, "trimStart": 0, "volumeDb": 0,
                "fadeIn": 0, "fadeOut": 0, "duration": 3,
            }
        ],
        "camera3dSegments": [
            {
                "start": 0.3, "end": 1.5, "enabled": True, "transitionIn": 0.2, "transitionOut": 0.2,
                "properties": {
                    "tiltX": 5, "tiltY": 5, "roll": 5, "rotateX": 5, "rotateY": 5, "fov": 45, "zoom": 2, "panX": 0.1,
                    "panY": 0.1,
                },
                "blur": {
                    "mode": "radial", "strength": 0.5, "falloff": 0.5, "focusX": 0.4, "focusY": 0.5, "focusSize": 0.5,
                    "angle": 10, "dirPosition": 0.5, "bokeh": 0.2,
                },
                "tracks": {"roll": [KEY, {**KEY, "time": 1, "value": 9}]},
            }
        ],
    },
    "textSizeVersion": 1,
    "textAnimVersion": 1,
}  # fmt: skip

OTHER: dict[str, Any] = {
    "aspectRatio": "square", "background.roundingType": "rounded", "background.frame.style": "macOS",
    "background.frame.theme": "light", "camera.position.x": "left", "camera.position.y": "top",
    "camera.shape": "source", "camera.roundingType": "rounded", "cursor.type": "circle",
    "timeline.segments[].recordingSegment": 1, "timeline.segments[].start": 0.5,
    "timeline.zoomSegments[].mode": "auto", "timeline.transitions[].type": "fade-through-black",
    "timeline.transitions[].segmentIndex": 0, "timeline.sceneSegments[].mode": "floating",
    "timeline.maskSegments[].maskType": "sensitive", "timeline.textSegments[].align": "right",
    "timeline.textSegments[].animationIn": "pop", "timeline.textSegments[].animationOut": "slideUp",
    "timeline.textSegments[].layout": "splitRight", "timeline.textSegments[].track": 5,
    "captions.settings.animation": "pop", "captions.settings.highlightStyle": "pill",
    "captions.settings.position": "top-center", "keyboard.settings.position": "top-center", "annotations": [{}],
    "timeline.sceneSegments[].end": 2.4,
    "timeline.captionSegments[].positionOverride": "top-right", "captions.segments[].positionOverride": "top-right",
    "timeline.keyboardSegments[].positionOverride": "top-right", "timeline.maskSegments[].track": 3,
    "timeline.audioSegments[].track": 3, "camera.backgroundBlur.mode": "light",
    "timeline.camera3dSegments[].blur.mode": "directional",
    "cursor.tension": 100, "cursor.clickSpring.tension": 100, "cursor.clickSpring.mass": 5,
    "cursor.clickSpring.friction": 10, "cursor.stopMovementInLastSeconds": 1.5,
}  # fmt: skip
"""What to change a key to where that cannot be guessed."""

_PLAIN = {"background.frame.style": "none"}
_NO_3D = {"timeline.camera3dSegments[].enabled": False}
_NO_TITLE = {"timeline.textSegments[].layout": "overlay"}
_CAPTION = {"timeline.captionSegments": []}
WHERE: dict[str, dict[str, Any]] = {
    "background.frame.title": {"background.frame.style": "macOS"},
    "background.roundingType": _PLAIN,
    "camera.position": {"camera.manualPosition": None},
    "camera.scaleDuringZoom": {**_NO_TITLE, **_NO_3D},
    "captions.segments": _CAPTION,
    "captions.sourceTimed": _CAPTION,
    "captions.settings.fadeDuration": {"timeline.captionSegments[].fadeDurationOverride": None},
    "captions.settings.position": {
        "timeline.captionSegments[].positionOverride": None,
        "captions.settings.manualPosition": None,
    },
    "timeline.captionSegments[].positionOverride": {"captions.settings.manualPosition": None},
    "captions.segments[].positionOverride": {**_CAPTION, "captions.settings.manualPosition": None},
    "timeline.captionSegments[].text": {"captions.settings.activeWordHighlight": False},
    "captions.segments[].text": {**_CAPTION, "captions.settings.activeWordHighlight": False},
    "timeline.captionSegments[].words[].end": {"timeline.captionSegments[].words": CAPTION["words"][:1]},
    "captions.segments[].words[].end": {**_CAPTION, "captions.segments[].words": CAPTION["words"][:1]},
    "keyboard.settings.fadeDuration": {"timeline.keyboardSegments[].fadeDurationOverride": None},
    "keyboard.settings.size": {"timeline.keyboardSegments[].fontSizeOverride": None},
    "keyboard.settings.color": {"timeline.keyboardSegments[].colorOverride": None},
    "keyboard.settings.backgroundColor": {"timeline.keyboardSegments[].backgroundColorOverride": None},
    "keyboard.settings.uppercase": {"timeline.keyboardSegments[].uppercaseOverride": None},
    "keyboard.settings.position": {
        "timeline.keyboardSegments[].positionOverride": None,
        "keyboard.settings.manualPosition": None,
    },
    "timeline.keyboardSegments[].positionOverride": {"keyboard.settings.manualPosition": None},
    "timeline.maskSegments[].center": {"timeline.maskSegments[].keyframes.position": []},
    "timeline.maskSegments[].size": {"timeline.maskSegments[].keyframes.size": []},
    "timeline.maskSegments[].pixelation": {"timeline.maskSegments[].maskType": "sensitive"},
    "timeline.zoomSegments[].edgeSnapRatio": {"timeline.zoomSegments[].mode": "auto"},
    "timeline.camera3dSegments[].properties.roll": {"timeline.camera3dSegments[].tracks": {}},
    "timeline.sceneSegments": _NO_TITLE,
    "screenMotionBlur": _NO_TITLE,
}
"""What else must be so that a key can be seen; holds for the keys below it too."""

TRACK = "timeline.camera3dSegments[].tracks"


def _step(here: Any, name: str) -> Any:
    here = here[name.removesuffix("[]")]
    return here[0] if name.endswith("[]") else here


def put(config: dict[str, Any], path: str, value: Any) -> None:
    """Set one key; of a list, that of its first entry."""
    *way, last = path.replace(f"{TRACK}[]", f"{TRACK}.roll[]").split(".")
    here: Any = config
    for name in way:
        here = _step(here, name)
    here[last] = value


def value_of(config: dict[str, Any], path: str) -> Any:
    here: Any = config
    for name in path.replace(f"{TRACK}[]", f"{TRACK}.roll[]").split("."):
        here = _step(here, name)
    return here


def changed(path: str, value: Any) -> Any:
    """Another value for a key."""
    if path in OTHER:
        return OTHER[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 0.75 if value else 0.3
    if isinstance(value, str):
        return "#336699" if value.startswith("#") else value + "x"
    assert all(isinstance(part, int) for part in value), path
    return [40, 50, 60]


def with_conditions(path: str) -> dict[str, Any]:
    """The project in which changing ``path`` can be seen."""
    config = copy.deepcopy(FULL)
    fits = [name for name in WHERE if path == name or path.startswith((f"{name}.", f"{name}[]"))]
    for key, value in WHERE[max(fits, key=len)].items() if fits else ():
        put(config, key, copy.deepcopy(value))
    return config
