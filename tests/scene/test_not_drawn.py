"""What is not drawn yet is said once each, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scene_makers import clip, constant, display, image, plain, pointer, project, recording, studio

from reelpress.recording.model import RecordingSegment
from reelpress.scene.not_drawn import not_drawn

PATH = pointer([(0, 0.5, 0.5), (100, 0.6, 0.5)])
QUIET = {"raw": True, "motionBlur": 0, "rotationAmount": 0, "useSvg": False}


def keys(said: tuple[str, ...]) -> list[str]:
    assert all(": " in line for line in said)
    return [line.split(": ")[0] for line in said]


def test_nothing_to_say() -> None:
    assert not_drawn(plain(constant(60, 60)), project()) == ()
    assert not_drawn(studio(events=PATH), project([clip(0, 1)], cursor=QUIET)) == ()


def test_the_defaults_of_cap() -> None:
    made = recording(
        RecordingSegment(0, display(constant(60, 60)), camera=display(constant(60, 60), key="camera:0"), pointer=PATH)
    )
    assert keys(not_drawn(made, project([clip(0, 1)]))) == [
        "camera",
        "cursor.raw",
        "cursor.rotationAmount",
        "cursor.motionBlur",
    ]
    assert keys(not_drawn(made, project([clip(0, 1)], camera={"hide": True}, cursor={"hide": True}))) == []


SEGMENT = {"start": 0, "end": 1}
CASES: dict[str, dict[str, Any]] = {
    "background.source.alpha": {"background": {"source": {"type": "color", "value": [1, 2, 3], "alpha": 10}}},
    "background.frame": {"background": {"frame": {"style": "browser"}}},
    "background.notch": {"background": {"notch": {"enabled": True}}},
    "colorCorrection.screen": {"colorCorrection": {"screen": {"exposure": 0.5}}},
    "screenMotionBlur": {"timeline": {"zoomSegments": [{**SEGMENT, "amount": 2, "mode": "auto"}]}},
    "cursor.clickSpring": {},
    "cursor.type": {"cursor": {**QUIET, "type": "circle"}},
    "cursor.hideWhenIdle": {"cursor": {**QUIET, "hideWhenIdle": True}},
    "cursor.stopMovementInLastSeconds": {"cursor": {**QUIET, "stopMovementInLastSeconds": 2}},
    "captions": {"captions": {"segments": [{**SEGMENT, "text": "hi"}], "settings": {"enabled": True}}},
    "timeline.captionSegments": {"timeline": {"captionSegments": [{**SEGMENT, "text": "hi"}]}},
    "timeline.keyboardSegments": {"timeline": {"keyboardSegments": [{**SEGMENT, "displayText": "K"}]}},
    "timeline.textSegments": {"timeline": {"textSegments": [{**SEGMENT, "content": "hi"}]}},
    "timeline.textSegments (fullscreen)": {
        "timeline": {"textSegments": [{**SEGMENT, "content": "hi", "layout": "fullscreen"}]}
    },
    "timeline.maskSegments": {
        "timeline": {"maskSegments": [{**SEGMENT, "center": {"x": 0, "y": 0}, "size": {"x": 1, "y": 1}}]}
    },
    "timeline.sceneSegments": {"timeline": {"sceneSegments": [{**SEGMENT, "mode": "cameraOnly"}]}},
    "timeline.transitions": {"timeline": {"transitions": [{"segmentIndex": 1, "type": "cross-fade", "duration": 1}]}},
    "timeline.camera3dSegments": {"timeline": {"camera3dSegments": [dict(SEGMENT)]}},
}


@pytest.mark.parametrize("key", CASES)
def test_each_setting(key: str) -> None:
    clicked = pointer([(0, 0.5, 0.5)], clicks=key == "cursor.clickSpring")
    config = {"cursor": QUIET, **CASES[key]}
    said = keys(not_drawn(studio(events=clicked), project([clip(0, 1)], **config)))
    assert said == [key]


def test_vector_pointers_matter_only_where_the_shape_is_known() -> None:
    made = recording(RecordingSegment(0, display(constant(60, 60)), pointer=PATH))
    look = project([clip(0, 1)], cursor={**QUIET, "useSvg": True})
    assert not_drawn(made, look) == ()
    shaped = replace(image(), shape="MacOS|Arrow")
    known = recording(*made.segments, images={"0": shaped})
    assert keys(not_drawn(known, look)) == ["cursor.useSvg"]


def test_disabled_entries_are_not_named() -> None:
    off = {
        "textSegments": [{**SEGMENT, "enabled": False}],
        "audioSegments": [{**SEGMENT, "path": "m.mp3"}],
        "sceneSegments": [{**SEGMENT, "mode": "default"}],
    }
    assert not_drawn(studio(), project([clip(0, 1)], timeline=off)) == ()
