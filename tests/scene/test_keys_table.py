"""docs/keys.json against the models, the tests that it names, and what changing each key does to the plans."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from every_key import FULL, changed, put, value_of, with_conditions
from pydantic import BaseModel
from scene_makers import F, clip, constant, display, measure, pointer, project, recording, studio

from reelpress.project.model import Project
from reelpress.recording.fields import unknown_keys
from reelpress.recording.model import PointerClick, PointerEvents, PointerImage, Recording, RecordingSegment
from reelpress.scene.director import Director
from reelpress.scene.plan.fills import GradientFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer
from reelpress.scene.plan.outline import CornerKind

ROOT = Path(__file__).resolve().parents[2]
TABLE: dict[str, dict[str, str]] = json.loads((ROOT / "docs" / "keys.json").read_text(encoding="utf-8"))


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _keys(model: type[BaseModel], prefix: str = "") -> dict[str, bool]:
    """Every key of a model and of those in it, as written in the file; whether none is below it."""
    found: dict[str, bool] = {}
    for name, info in model.model_fields.items():
        path = prefix + (info.serialization_alias or info.alias or name)
        below = _models(info.annotation)
        entries = "[]" if "tuple[" in str(info.annotation) else ""
        found[path] = found.get(path, True) and not below
        for inner in below:
            found.update(_keys(inner, f"{path}{entries}."))
    return found


KEYS = _keys(Project)


def test_the_table_has_the_keys_of_the_models() -> None:
    assert set(TABLE) - set(KEYS) == set()
    assert set(KEYS) - set(TABLE) == set()


def test_every_row_is_whole() -> None:
    for key, entry in TABLE.items():
        assert entry["state"] in {"drawn", "heard", "used", "not drawn"}, key
        assert set(entry) <= {"state", "why", "test"}, key
        assert "why" in entry or entry["state"] != "not drawn", key


@functools.cache
def _tests_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_test_that_is_named_exists() -> None:
    for key, entry in TABLE.items():
        file, _, name = entry["test"].partition("::")
        assert (ROOT / file).is_file(), key
        assert name.startswith("test_"), key
        assert name in _tests_of(file), f"{key}: {entry['test']}"


def test_the_page_is_made_from_the_table() -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_keys.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr


# From cap-format 2, "keys with no effect on export", by hand.
NO_EFFECT = {
    "audio.improve", "camera.zoomSize", "background.inset", "hotkeys.show",
    "timeline.zoomSegments[].glideDirection", "timeline.zoomSegments[].glideSpeed",
    "background.source.animated", "background.source.animation_speed",
    "captions.settings.italic", "captions.settings.exportWithSubtitles", "captions.settings.lingerDuration",
    *(
        f"{where}[].{name}Override"
        for where in ("captions.segments", "timeline.captionSegments")
        for name in ("color", "backgroundColor", "fontSize", "lingerDuration")
    ),
    "cursor.animationStyle", "annotations",
}  # fmt: skip
LABELS = {key for key in KEYS if key.endswith((".id", ".name", ".preset"))}
# Cap's exporter ignores these too: the editor has used them (3.9), or nothing depends on them (3.10, 4).
EDITOR = {
    *(f"keyboard.settings.{k}" for k in ("lingerDuration", "groupingThresholdMs", "showModifiers", "showSpecialKeys")),
    "timeline.keyboardSegments[].keys[].key", "timeline.keyboardSegments[].lingerDurationOverride",
    "timeline.maskSegments[].track", "timeline.audioSegments[].track", "timeline.audioSegments[].duration",
}  # fmt: skip
# What scene/not_drawn.py says.
SAID = ("background.source.alpha", "camera.backgroundBlur", "timeline.camera3dSegments[].blur")


def test_what_is_not_drawn_is_what_has_no_effect_or_is_said() -> None:
    missing = {key for key, entry in TABLE.items() if entry["state"] == "not drawn"}
    said = {key for key in KEYS if key.startswith(SAID)}
    assert missing == NO_EFFECT | LABELS | EDITOR | said | {"hotkeys"}
    source = (ROOT / "src" / "reelpress" / "scene" / "not_drawn.py").read_text(encoding="utf-8")
    assert all(f'"{key}: ' in source for key in SAID)


# --- changing each key alone


def _recording() -> Recording:
    moves = [(100 * i, 0.3 + 0.02 * (i % 7), 0.4 + 0.01 * i) for i in range(20)]
    moves += [(3000 + 50 * i, 0.5 + 0.005 * i, 0.5) for i in range(40)]
    clicks = [PointerClick(t, down, 0, "0") for t, down in ((0, True), (60, False), (800, True), (860, False))]
    events = PointerEvents(pointer(moves).moves, tuple(clicks))
    return recording(
        *(
            RecordingSegment(
                i,
                display(constant(300, 60), key=f"display:{i}"),
                camera=display(constant(150, 30), (640, 480), key=f"camera:{i}"),
                pointer=events,
            )
            for i in range(2)
        ),
        images={"0": PointerImage(Path("arrow.png"), 32, 48, (0.25, 0.125), "MacOS|Arrow")},
    )


RECORDING = _recording()


def _plans(config: dict[str, Any]) -> tuple[FramePlan, ...]:
    director = Director(RECORDING, Project.model_validate(config), fps=F(15), resolution=(320, 240), measure=measure)
    return tuple(director.plan(n) for n in range(director.frames))


def _leaves(state: str) -> list[str]:
    return [key for key, leaf in KEYS.items() if leaf and TABLE[key]["state"] == state]


# Of other sources than a gradient (test_backgrounds), and of a union.
OTHERS = {"background.source.type", "background.source.path", "background.source.value", "background.source.alpha"}


def test_the_project_has_every_key() -> None:
    made = Project.model_validate(FULL)
    assert list(unknown_keys(made)) == []
    for key, leaf in KEYS.items():
        if leaf and key not in OTHERS and not key.startswith("clips[]"):
            value_of(FULL, key)  # a KeyError says which is missing


_changes = functools.cache(lambda text: _plans(json.loads(text)))


def _differs(key: str) -> bool:
    config = with_conditions(key)
    before = _changes(json.dumps(config))
    put(config, key, changed(key, value_of(config, key)))
    return _plans(config) != before


@pytest.mark.parametrize("key", [key for key in _leaves("drawn") if key not in OTHERS])
def test_changing_what_is_drawn_changes_the_picture(key: str) -> None:
    assert _differs(key)


@pytest.mark.parametrize("key", [key for key in _leaves("not drawn") if key not in OTHERS])
def test_keys_without_effect_change_nothing(key: str) -> None:
    assert not _differs(key)


# --- two keys that no other test of the scene looks at


def test_noise_of_a_gradient() -> None:
    source = {
        "type": "gradient", "from": [0, 0, 0], "to": [255, 255, 255], "noise_intensity": 40, "noise_scale": 7,
    }  # fmt: skip
    layer = Director(studio(), project([clip(0, 1)], background={"padding": 20, "source": source}), fps=60).plan(0)
    ground = layer.layers[0]
    assert isinstance(ground, BackgroundLayer)
    assert ground.fill == GradientFill((0, 0, 0), (1, 1, 1), 90, 40, 7)


@pytest.mark.parametrize("kind", ["rounded", "squircle"])
def test_corner_kinds(kind: str) -> None:
    look = project([clip(0, 1)], background={"padding": 20, "rounding": 20, "roundingType": kind})
    assert Director(studio(), look, fps=60).plan(0).pictures()[0].shape.kind is CornerKind(kind)
