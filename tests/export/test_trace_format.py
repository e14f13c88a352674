"""A real export's trace against the Trace Event Format, as chrome://tracing and Perfetto read it.

The rules are those of the format's description ("Trace Event Format"): which fields an event of
each phase must have, that times are microseconds, that spans of a track are nested, and that flows are complete.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from reelpress.bench.sources import Spec, make
from reelpress.cli.app import run

PHASES = {"B", "E", "X", "i", "I", "C", "b", "n", "e", "s", "t", "f", "P", "N", "O", "D", "M", "V", "v", "R", "c"}
METADATA = {"process_name", "process_labels", "process_sort_index", "thread_name", "thread_sort_index"}
ROUNDING_US = 0.2
"""Times have one digit behind the point, so the end of a span is known to twice half of that."""

Event = dict[str, Any]


@pytest.fixture(scope="module", params=["splice", "encode"])
def trace(request, tmp_path_factory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("trace")
    source = make(Spec("desktop", 128, 72, 1.0), folder)
    files = ["-o", str(folder / "out.mp4"), "--trace", str(folder / "trace.json")]
    options = ["--resolution", "128x72", "--unchanged", request.param, "--quiet"]
    assert run(["export", str(source), *files, *options]) == 0
    loaded: dict[str, Any] = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
    return loaded


def problems(document: Any) -> list[str]:
    """What a viewer would refuse, drop or draw wrongly; empty when there is nothing."""
    if not isinstance(document, dict) or not isinstance(document.get("traceEvents"), list):
        return ["it is no object with traceEvents"]
    found = []
    if document.get("displayTimeUnit") not in (None, "ms", "ns"):
        found.append("displayTimeUnit is neither ms nor ns")
    events: list[Event] = document["traceEvents"]
    for n, event in enumerate(events):
        found += [f"event {n}: {text}" for text in _fields(event)]
    return found or [*_nesting(events), *_counters(events), *_flows(events), *_tracks(events)]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _fields(event: Any) -> list[str]:
    if not isinstance(event, dict):
        return ["no object"]
    found = []
    phase = event.get("ph")
    if phase not in PHASES:
        found.append(f"phase {phase!r}")
    if not isinstance(event.get("name"), str) or not event["name"]:
        found.append("no name")
    if not isinstance(event.get("pid"), int):
        found.append("no pid")
    if "args" in event and not isinstance(event["args"], dict):
        found.append("args are no object")
    if phase == "M":
        if event.get("name") not in METADATA:
            found.append(f"metadata {event.get('name')!r}")
        if not event.get("args"):
            found.append("metadata without args")
        if str(event.get("name")).startswith("thread") and not isinstance(event.get("tid"), int):
            found.append("no tid")
        return found
    if not _number(event.get("ts")) or event["ts"] < 0:
        found.append("no ts")
    if phase != "C" and not isinstance(event.get("tid"), int):
        found.append("no tid")
    if phase == "X" and (not _number(event.get("dur")) or event["dur"] < 0):
        found.append("no dur")
    if phase == "C" and not (event.get("args") and all(_number(v) for v in event["args"].values())):
        found.append("a counter without numbers")
    if phase in ("i", "I") and event.get("s", "t") not in ("g", "p", "t"):
        found.append("scope of an instant")
    if phase in ("s", "t", "f", "b", "n", "e") and not isinstance(event.get("id"), int | str):
        found.append("no id")
    return found


def _nesting(events: list[Event]) -> list[str]:
    """Spans of one track are beside or inside of each other; B and E come in pairs."""
    spans: dict[int, list[tuple[float, float, str]]] = defaultdict(list)
    open_: dict[int, list[Event]] = defaultdict(list)
    found = []
    for event in events:
        if event["ph"] == "X":
            spans[event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
        elif event["ph"] == "B":
            open_[event["tid"]].append(event)
        elif event["ph"] == "E":
            if not open_[event["tid"]]:
                found.append(f"an end without a beginning at {event['ts']}")
            else:
                first = open_[event["tid"]].pop()
                spans[event["tid"]].append((first["ts"], event["ts"], first["name"]))
    found += [f"{event['name']} has no end" for left in open_.values() for event in left]
    for track, known in spans.items():
        stack: list[tuple[float, float, str]] = []
        for span in sorted(known, key=lambda s: (s[0], -s[1])):
            while stack and stack[-1][1] <= span[0] + ROUNDING_US:
                stack.pop()
            if stack and span[1] > stack[-1][1] + ROUNDING_US:
                found.append(f"track {track}: {span} laps over the end of {stack[-1]}")
            stack.append(span)
    return found


def _counters(events: list[Event]) -> list[str]:
    """The samples of a counter come in the order of time, with the same series each."""
    last: dict[str, Event] = {}
    found = []
    for event in events:
        if event["ph"] != "C":
            continue
        before = last.get(event["name"])
        if before is not None and event["ts"] < before["ts"]:
            found.append(f"counter {event['name']} goes back from {before['ts']} to {event['ts']}")
        if before is not None and event["args"].keys() != before["args"].keys():
            found.append(f"counter {event['name']} has other series")
        last[event["name"]] = event
    return found


def _flows(events: list[Event]) -> list[str]:
    """A flow begins before it goes on and ends."""
    begun: dict[Any, float] = {}
    found = []
    for event in sorted((e for e in events if e["ph"] in "stf"), key=lambda e: (e["ts"], "stf".index(e["ph"]))):
        if event["ph"] == "s":
            begun[event["id"]] = event["ts"]
        elif event["id"] not in begun:
            found.append(f"flow {event['id']} goes on without a beginning")
    return found


def _tracks(events: list[Event]) -> list[str]:
    """Every track that has spans has a name, and no two have the same."""
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    used = {e["tid"] for e in events if e["ph"] in ("X", "B")}
    found = [f"track {track} has no name" for track in used - names.keys()]
    if len(set(names.values())) != len(names):
        found.append("two tracks have the same name")
    return found


def test_a_real_trace_is_valid(trace):
    assert problems(trace) == []


def test_it_has_all_that_the_viewer_is_opened_for(trace):
    events = trace["traceEvents"]
    names = {e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert {"decode", "compose", "encode", "mux"} <= {name.split("-")[0] for name in names}
    phases = {e["ph"] for e in events}
    assert {"M", "X", "C"} <= phases
    counters = {e["name"] for e in events if e["ph"] == "C"}
    assert any("memory" in name for name in counters)
    assert len(counters) >= 3  # the memory, and channels between the stages
    last = max(e["ts"] + e.get("dur", 0) for e in events if "ts" in e)
    assert 1e3 < last < 120e6  # microseconds: not milliseconds, not seconds


GOOD = {"name": "a", "ph": "X", "pid": 1, "tid": 1, "ts": 0.0, "dur": 10.0}
NAMED = {"name": "thread_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "t"}}
COUNT = {"name": "c", "ph": "C", "pid": 1, "ts": 5.0, "args": {"n": 1}}


def test_the_check_itself_takes_what_is_right():
    inner = GOOD | {"name": "b", "ts": 2.0, "dur": 3.0}
    assert problems({"traceEvents": [NAMED, GOOD, inner, COUNT]}) == []


@pytest.mark.parametrize(
    "events",
    [
        [NAMED, GOOD | {"ph": "Y"}],
        [NAMED, GOOD | {"dur": -1}],
        [NAMED, GOOD | {"ts": "0"}],
        [NAMED, GOOD | {"ts": math.nan}],
        [NAMED, {k: v for k, v in GOOD.items() if k != "tid"}],
        [NAMED, {k: v for k, v in GOOD.items() if k != "name"}],
        [GOOD],
        [NAMED, NAMED | {"tid": 2}],
        [NAMED, GOOD, GOOD | {"ts": 5.0}],
        [NAMED, GOOD | {"ph": "B"}],
        [NAMED, GOOD | {"ph": "E"}],
        [COUNT | {"args": {"n": "1"}}],
        [COUNT, COUNT | {"ts": 4.0}],
        [COUNT, COUNT | {"args": {"m": 1}}],
        [{"name": "f", "ph": "f", "pid": 1, "tid": 1, "ts": 1.0, "id": 7}],
        [{"name": "i", "ph": "i", "pid": 1, "tid": 1, "ts": 1.0, "s": "x"}],
    ],
)
def test_the_check_itself_finds_what_is_wrong(events):
    assert problems({"traceEvents": events})
