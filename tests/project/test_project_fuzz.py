"""Random and mutated projects: a Project or a ReelpressError, never another exception."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project_makers import recording

from reelpress.errors import ReelpressError
from reelpress.project.load import load_project
from reelpress.project.model import Project
from reelpress.recording.fields import unknown_keys

FUZZ = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

BASE: dict[str, Any] = {
    **Project().model_dump(by_alias=True, mode="json"),
    "textSizeVersion": 0,
    "textAnimVersion": 0,
    "clips": [{"index": 0, "offsets": {"camera": 0, "mic": 0.1, "system_audio": 0}, "offsetsAutoCalculated": True}],
    "timeline": {
        "segments": [{"recordingSegment": 0, "timescale": 1.5, "start": 0, "end": 5, "speedAudioMode": "matchSpeed"}],
        "zoomSegments": [{"start": 1, "end": 2, "amount": 2, "mode": {"manual": {"x": 0.5, "y": 0.5}}}],
        "transitions": [{"segmentIndex": 1, "type": "cross-fade", "duration": 0.3}],
        "maskSegments": [{"start": 0, "end": 1, "center": {"x": 0, "y": 0}, "size": {"x": 1, "y": 1}}],
        "textSegments": [{"start": 0, "end": 1, "content": "x", "fadeDuration": 0.5, "size": {"x": 1, "y": 0.3}}],
        "camera3dSegments": [
            {"start": 0, "end": 1, "tracks": {"tiltX": [{"time": 0, "value": 1, "inEasing": [0, 1]}]}}
        ],
        "audioSegments": [{"start": 0, "end": 1, "path": "x.mp3"}],
        "captionSegments": [{"id": "1", "start": 0, "end": 1, "text": "x", "words": []}],
    },
    "captions": {"segments": [], "settings": {"color": "#ffffff", "outline": True}},
}
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.floats(),
    st.just(10**400),
    st.text(max_size=6),
    st.sampled_from(["#fff", "auto", "color", "a\0b"]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=12,
)


def nodes(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += nodes(value, (*path, key))
    return found


PATHS = nodes(BASE)[1:]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    tree = copy.deepcopy(BASE)
    path = draw(st.sampled_from(PATHS))
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    if draw(st.integers(0, 4)):
        parent[path[-1]] = draw(TREES)
    else:
        del parent[path[-1]]
    return tree


def attempt(raw: bytes) -> Project | None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ReelpressError):
        root = Path(folder)
        (root / "project-config.json").write_bytes(raw)
        return load_project(recording(root, display="0.1", mic="0.2")).project
    return None


def test_the_base_is_valid() -> None:
    project = attempt(json.dumps(BASE).encode())
    assert project is not None
    assert list(unknown_keys(project)) == []


@FUZZ
@given(mutated())
def test_mutated_projects(tree: Any) -> None:
    attempt(json.dumps(tree).encode("utf-8", "surrogatepass"))


@FUZZ
@given(TREES)
def test_random_trees(tree: Any) -> None:
    attempt(json.dumps(tree).encode("utf-8", "surrogatepass"))


@FUZZ
@given(st.binary(max_size=20), st.integers(0, 4000))
def test_damaged_bytes(noise: bytes, at: int) -> None:
    raw = json.dumps(BASE).encode()
    attempt(raw[:at] + noise + raw[at + len(noise) :])


def test_nested_very_deep() -> None:
    attempt(b'{"a":' * 50_000)
    for depth in (200, 500, 950, 3000):
        attempt(b'{"annotations": ' + b"[" * depth + b"]" * depth + b"}")
        attempt(b'{"x": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}")
