"""The machine interface: one JSON object a line, with a schema version."""

from __future__ import annotations

import json

import pytest

from reelpress import events


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (events.ProgressEvent("encode", 120, 1800, 143.2, 11.7), {"phase", "frame", "total_frames", "fps", "eta_s"}),
        (events.FallbackEvent("encode", "h264_nvenc", "libx264", "none"), {"stage", "wanted", "used", "reason"}),
        (events.CompletedEvent("x.mp4", {"frames": {}}), {"output", "report"}),
        (events.ErrorEvent("stall", "It stands."), {"code", "error"}),
        (events.PlanEvent({"frames": 3, "source": "ä.cap"}), {"frames", "source"}),
        (events.WarningEvent("w"), {"warning"}),
    ],
)
def test_a_line_of_json(event: events.Event, fields: set[str]) -> None:
    line = event.to_json()
    assert "\n" not in line
    data = json.loads(line)
    assert set(data) == fields | {"type", "schema_version"}
    assert data["schema_version"] == events.SCHEMA_VERSION
    assert data["type"] == event.type


def test_not_a_number_never_reaches_the_json() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        events.ProgressEvent("encode", 0, 1, float("nan"), None).to_json()
