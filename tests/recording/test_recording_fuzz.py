"""Random and mutated input of the parsers: the answer is a value or a ReelpressError, never another exception."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelpress.errors import ReelpressError
from reelpress.recording.fragments import plan_fragments
from reelpress.recording.keys import parse_keys
from reelpress.recording.load import load
from reelpress.recording.pointer import parse_pointer

FUZZ = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

KEYS = """segments display camera mic audio system_audio display_audio cursor cursors path fps start_time status error
recording moves clicks time_ms process_time_ms x y cursor_id down cursor_num imagePath hotspot keyboard init_segment
is_complete file_size index pretty_name gap_summary display_notch presses key keyCode timeMs""".split()
NUMBERS = st.one_of(st.integers(-5, 5), st.floats(), st.just(10**400), st.just(-(2**63)))
LEAVES = st.one_of(
    st.none(), st.booleans(), NUMBERS, st.text(max_size=8), st.sampled_from(["content/a.mp4", "..", "C:\\x"])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), inner, max_size=5),
    ),
    max_leaves=20,
)

META: dict[str, Any] = {
    "platform": "MacOS",
    "pretty_name": "x",
    "segments": [
        {
            "display": {"path": "content/display.mp4", "fps": 60, "start_time": 0.31},
            "camera": {"path": "content/camera.mp4", "fps": 30, "start_time": 0.52},
            "mic": {"path": "content/mic.ogg", "start_time": 0.48, "gap_summary": {"startup_overlap_trimmed_ms": 5}},
            "cursor": "content/cursor.json",
            "display_notch": {"x": 0.1, "width": 0.2, "height": 0.3},
        }
    ],
    "cursors": {"0": {"imagePath": "content/c.png", "hotspot": {"x": 0.3, "y": 0.2}, "shape": "MacOS|Arrow"}},
    "status": {"status": "Complete"},
}
POINTER: dict[str, Any] = {
    "moves": [{"time_ms": 1, "x": 0.5, "y": 0.5, "cursor_id": "0"}, {"time_ms": 0, "x": 0, "y": 1, "cursor_id": "0"}],
    "clicks": [{"time_ms": 1, "cursor_num": 0, "cursor_id": "0", "down": True}],
}
MANIFEST: dict[str, Any] = {
    "version": 5,
    "init_segment": "init.mp4",
    "segments": [{"path": "segment_001.m4s", "index": 1, "duration": 2, "is_complete": True, "file_size": 120}],
}


def nodes(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += nodes(value, (*path, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, base: dict[str, Any]) -> Any:
    """``base`` with one or two nodes replaced or removed."""
    tree = copy.deepcopy(base)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(nodes(tree)[1:] or [("x",)]))
        parent = tree
        for key in path[:-1]:
            parent = parent[key]
        if draw(st.booleans()):
            parent[path[-1]] = draw(TREES)
        else:
            del parent[path[-1]]
        if not tree:
            break
    return tree


def attempt_meta(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "recording-meta.json").write_bytes(data)
        with contextlib.suppress(ReelpressError):
            load(root).close()


@FUZZ
@given(st.one_of(mutated(META), TREES))
def test_metadata(tree: Any) -> None:
    attempt_meta(json.dumps(tree).encode("utf-8", "surrogatepass"))


@FUZZ
@given(st.binary(max_size=60), st.integers(0, 400))
def test_metadata_with_damaged_bytes(noise: bytes, at: int) -> None:
    raw = json.dumps(META).encode()
    attempt_meta(raw[:at] + noise + raw[at + len(noise) :])


def test_metadata_that_is_nested_very_deep() -> None:
    attempt_meta(b"[" * 100_000)
    attempt_meta(b'{"segments":' * 50_000 + b"1" + b"}" * 50_000)
    attempt_meta(b'{"segments": ' + b"[" * 900 + b"]" * 900 + b"}")
    attempt_meta(b'{"fps": ' + b"9" * 10_000 + b"}")


@FUZZ
@given(st.one_of(mutated(POINTER), TREES))
def test_pointer_events(tree: Any) -> None:
    with contextlib.suppress(ReelpressError):
        events, _ = parse_pointer(tree, Path("cursor.json"), json.dumps(tree))
        times = [move.time_ms for move in events.moves]
        assert times == sorted(times)


@FUZZ
@given(st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda raw: b"CPKB01" + raw), TREES))
def test_key_events(given_: Any) -> None:
    raw = given_ if isinstance(given_, bytes) else json.dumps(given_).encode("utf-8", "surrogatepass")
    with contextlib.suppress(ReelpressError):
        parse_keys(raw, Path("keyboard.bin"))


@FUZZ
@given(st.one_of(mutated(MANIFEST), TREES))
def test_manifests(tree: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifest.json").write_bytes(json.dumps(tree).encode("utf-8", "surrogatepass"))
        (folder / "init.mp4").write_bytes(b"x")
        (folder / "segment_001.m4s").write_bytes(
            (60).to_bytes(4, "big") + b"moof" + bytes(52) + b"\0\0\0\x3cmdat" + bytes(52)
        )
        # a manifest never makes it fail: at worst everything beside it is used
        assert isinstance(plan_fragments(folder, "video").warnings, tuple)
