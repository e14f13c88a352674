"""What is not drawn is said once each, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from scene_makers import clip, constant, display, image, measure, plain, pointer, project, recording, studio

from reelpress.recording.model import Recording, RecordingSegment
from reelpress.scene.director import Director
from reelpress.scene.not_drawn import not_drawn

PATH = pointer([(0, 0.5, 0.5), (100, 0.6, 0.5)], clicks=True)


def keys(said: tuple[str, ...]) -> list[str]:
    assert all(": " in line for line in said)
    return [line.split(": ")[0] for line in said]


def filmed() -> Recording:
    camera = display(constant(60, 60), key="camera:0")
    return recording(RecordingSegment(0, display(constant(60, 60)), camera=camera, pointer=PATH), images={"0": image()})


def test_nothing_to_say() -> None:
    assert not_drawn(plain(constant(60, 60)), project()) == ()
    assert not_drawn(filmed(), project([clip(0, 1)])) == ()


SEGMENT = {"start": 0, "end": 1}
SETTINGS = {"settings": {"enabled": True}}
DRAWN: dict[str, dict[str, Any]] = {
    "background.frame": {"background": {"frame": {"style": "browser"}}},
    "background.notch": {"background": {"notch": {"enabled": True}}},
    "colorCorrection": {"colorCorrection": {"screen": {"exposure": 0.5}, "camera": {"grain": 0.5}}},
    "screenMotionBlur": {"timeline": {"zoomSegments": [{**SEGMENT, "amount": 2, "mode": "auto"}]}},
    "cursor": {"cursor": {"type": "circle", "hideWhenIdle": True, "stopMovementInLastSeconds": 2}},
    "captions": {"captions": {"segments": [{**SEGMENT, "text": "hi"}], **SETTINGS}},
    "keys": {"keyboard": SETTINGS, "timeline": {"keyboardSegments": [{**SEGMENT, "displayText": "K"}]}},
    "texts": {"timeline": {"textSegments": [{**SEGMENT, "content": "hi", "layout": "fullscreen"}]}},
    "masks": {"timeline": {"maskSegments": [{**SEGMENT, "center": {"x": 0, "y": 0}, "size": {"x": 1, "y": 1}}]}},
    "scenes": {"timeline": {"sceneSegments": [{**SEGMENT, "mode": "cameraOnly"}]}},
    "transitions": {"timeline": {"transitions": [{"segmentIndex": 1, "type": "cross-fade", "duration": 1}]}},
    "music": {"timeline": {"audioSegments": [{**SEGMENT, "path": "m.mp3"}]}},
    "camera3d": {"timeline": {"camera3dSegments": [dict(SEGMENT)]}},
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_not_named(name: str) -> None:
    assert not_drawn(filmed(), project([clip(0, 1)], **DRAWN[name])) == ()


BLURRED = {**SEGMENT, "blur": {"mode": "radial"}}
CASES: dict[str, dict[str, Any]] = {
    "background.source.alpha": {"background": {"source": {"type": "color", "value": [1, 2, 3], "alpha": 10}}},
    "camera.backgroundBlur": {"camera": {"backgroundBlur": {"mode": "light"}}},
    "timeline.camera3dSegments[].blur": {"timeline": {"camera3dSegments": [BLURRED, BLURRED]}},
}


@pytest.mark.parametrize("key", CASES)
def test_each_setting_that_is_not_drawn(key: str) -> None:
    assert keys(not_drawn(filmed(), project([clip(0, 1)], **CASES[key]))) == [key]


WITHOUT_FONTS = {
    "captions": DRAWN["captions"],
    "timeline.keyboardSegments": DRAWN["keys"],
    "timeline.textSegments": DRAWN["texts"],
}


@pytest.mark.parametrize("key", WITHOUT_FONTS)
def test_without_a_measure_texts_are_named(key: str) -> None:
    look = project([clip(0, 1)], **WITHOUT_FONTS[key])
    assert keys(not_drawn(filmed(), look, text=False)) == [key]
    assert keys(Director(filmed(), look, fps=60).not_drawn) == [key]
    assert Director(filmed(), look, fps=60, measure=measure).not_drawn == ()


def test_what_nobody_would_see_is_not_named() -> None:
    off = {
        "textSegments": [{**SEGMENT, "enabled": False}],
        "keyboardSegments": [{**SEGMENT, "displayText": "K"}],  # keyboard.settings.enabled is off by default
        "captionSegments": [{**SEGMENT, "text": "hi"}],  # and so is captions.settings.enabled
        "camera3dSegments": [{**BLURRED, "enabled": False}],
    }
    assert not_drawn(studio(), project([clip(0, 1)], timeline=off), text=False) == ()
    assert not_drawn(studio(), project([clip(0, 1)], captions=SETTINGS), text=False) == ()  # no caption at all
    blurred = {"backgroundBlur": {"mode": "heavy"}}
    assert not_drawn(studio(), project([clip(0, 1)], camera=blurred)) == ()  # no camera
    assert not_drawn(filmed(), project([clip(0, 1)], camera={**blurred, "hide": True})) == ()
