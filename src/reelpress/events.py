"""What an export tells while it runs. The NDJSON of ``--json`` is the dump of these events."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Fallback:
    """Something other than what was wanted is used. A value in the plan and the report, never just a log line."""

    stage: str
    wanted: str
    used: str
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    type: ClassVar[str] = "event"

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types, with ``schema_version`` and ``type`` first."""
        return {"schema_version": SCHEMA_VERSION, "type": self.type, **asdict(self)}

    def to_json(self) -> str:
        """One line of NDJSON."""
        data = self.to_dict()
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:  # a file name that is no valid UTF-8: as escapes, which any reader accepts
                return json.dumps(data, allow_nan=False)
        return text


@dataclass(frozen=True, slots=True)
class PlanEvent(Event):
    """The plan, before the first frame. Its fields lie beside ``type`` in the JSON."""

    type: ClassVar[str] = "plan"
    plan: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, "type": self.type, **self.plan}


@dataclass(frozen=True, slots=True)
class ProgressEvent(Event):
    """How far the export is; sent at most every tenth of a second, and at the start and end of a phase."""

    type: ClassVar[str] = "progress"
    phase: str
    """``encode``, ``finish`` (trailer and moving the index to the front) or ``verify``."""
    frame: int
    total_frames: int
    fps: float
    """Frames per second of the last few seconds."""
    eta_s: float | None
    """Seconds to go; ``None`` before there is anything to judge by."""


@dataclass(frozen=True, slots=True)
class WarningEvent(Event):
    """Something people should know; also in ``report.warnings``."""

    type: ClassVar[str] = "warning"
    warning: str


@dataclass(frozen=True, slots=True)
class FallbackEvent(Event):
    """A fallback, the moment it happens."""

    type: ClassVar[str] = "fallback"
    stage: str
    wanted: str
    used: str
    reason: str


@dataclass(frozen=True, slots=True)
class CompletedEvent(Event):
    """The file is complete, verified and has its name."""

    type: ClassVar[str] = "completed"
    output: str
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorEvent(Event):
    """The last event of an export that failed."""

    type: ClassVar[str] = "error"
    code: str
    error: str
