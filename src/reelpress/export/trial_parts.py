"""What one run of some windows of an export took."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.export.sampled import Window
    from reelpress.export.sampling import Row
    from reelpress.export.trial_encoder import Call

LITTLE = 10.0
"""Square root of the bytes of a picture that takes an encoder twice as long as one without any."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one run of some windows took."""

    windows: tuple[Window, ...]
    bytes: tuple[Row, ...]
    """Of each window, for each frame."""
    keys: tuple[Row, ...]
    """The same: 1 where it is of a key frame."""
    pictures: tuple[Row, ...]
    """The same: 1 where the file has a picture."""
    overhead: int
    """Bytes of the file that are no packets."""
    compose: tuple[Row, ...]
    """Seconds, the same."""
    encode: tuple[Row, ...]
    decode: dict[str, float]
    """Stage -> seconds a picture that was decoded, shown or not."""
    busy: dict[str, float]
    """Stage -> seconds."""
    cpu_s: float
    """Processor time of all threads."""
    flow_s: float
    """From the start to the finished file."""
    verify_s: float
    calls: tuple[Call, ...] = ()
    """Of the encoder, in order; the last one is the end."""
    late: int = 0
    """Pictures by which what comes out lags behind what is ready."""

    @property
    def frames(self) -> int:
        return sum(len(window) for window in self.windows)

    @property
    def work(self) -> list[Row]:
        """What an encoder has to do, for each frame of each window, in a unit of its own."""
        pairs = zip(self.pictures, self.bytes, strict=True)
        return [np.where(shown > 0, LITTLE + np.sqrt(spent), 0.0) for shown, spent in pairs]


def spans_of(trace: Path, frames: int) -> tuple[Row, Row, dict[str, float]]:
    """Seconds that the compose and the encode stage took for each frame, from a run's trace; and for each decode stage
    those of its first picture, for which the file was opened.

    Work without a frame's number belongs to the next one that has it; what comes after the last to nobody.
    """
    openings: dict[str, float] = {}
    found = {"compose": np.zeros(frames), "encode": np.zeros(frames)}
    names: dict[int, str] = {}
    waiting = dict.fromkeys(found, 0.0)
    for event in json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]:
        if event["ph"] == "M" and event["name"] == "thread_name":
            names[event["tid"]] = event["args"]["name"]
        elif event["ph"] == "X" and event["name"].startswith("decoding"):
            openings.setdefault(names.get(event["tid"], ""), event["dur"] / 1e6)
        elif event["ph"] == "X" and (stage := names.get(event["tid"], "")) in found:
            if event["name"] == "busy" or event["name"].startswith("wait"):
                continue  # what lies around the calls, and between them
            number = event.get("args", {}).get("frame")
            waiting[stage] += event["dur"] / 1e6
            if number is not None and 0 <= number < frames:
                found[stage][number] += waiting[stage]
                waiting[stage] = 0.0
    return found["compose"], found["encode"], openings
