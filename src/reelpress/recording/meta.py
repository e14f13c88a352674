"""``recording-meta.json``: its three shapes and its older keys (cap-format 1.2)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import AliasChoices, ConfigDict, Field

from reelpress.errors import ProjectError
from reelpress.recording.fields import Bool, JsonModel, Number, Positive, Seconds, Text, Whole
from reelpress.recording.jsonfile import describe


class _Meta(JsonModel):
    """snake_case keys, as Cap writes this file."""

    model_config = ConfigDict(alias_generator=None)


class GapSummary(_Meta):
    """Audio that overlapped while recording."""

    total_overlap_trimmed_ms: Number = 0.0
    startup_overlap_trimmed_ms: Number = 0.0
    overlap_dropped_frames: Whole = 0
    startup_overlap_drops: Whole = 0


class VideoMeta(_Meta):
    path: Text
    fps: Positive = 30.0
    start_time: Seconds | None = None
    device_id: Any = None


class AudioMeta(_Meta):
    path: Text
    start_time: Seconds | None = None
    device_id: Any = None
    gap_summary: GapSummary | None = None


class NotchMeta(_Meta):
    x: Number
    width: Number
    height: Number


class SegmentMeta(_Meta):
    """One segment. ``display_audio`` is what recorders of early 2025 called the system audio."""

    display: VideoMeta
    camera: VideoMeta | None = None
    mic: AudioMeta | None = Field(None, validation_alias=AliasChoices("mic", "audio"))
    system_audio: AudioMeta | None = Field(None, validation_alias=AliasChoices("system_audio", "display_audio"))
    cursor: Text | None = None
    keyboard: Text | None = None
    display_notch: NotchMeta | None = None


class Hotspot(_Meta):
    x: Number = 0.0
    y: Number = 0.0


class CursorMeta(_Meta):
    image_path: Text = Field(validation_alias=AliasChoices("imagePath", "image_path"))
    hotspot: Hotspot = Hotspot()
    shape: Text | None = None


class StatusKind(StrEnum):
    IN_PROGRESS = "InProgress"
    NEEDS_REMUX = "NeedsRemux"
    FAILED = "Failed"
    COMPLETE = "Complete"


class Status(_Meta):
    status: StatusKind = StatusKind.COMPLETE
    error: Text | None = None


class _Common(_Meta):
    platform: Text | None = None
    pretty_name: Text | None = None
    sharing: Any = None
    upload: Any = None


class StudioMeta(_Common):
    """Several segments; the single-segment shape is brought into this form."""

    segments: tuple[SegmentMeta, ...] = Field(min_length=1)
    cursors: dict[str, CursorMeta] = Field(default_factory=dict)
    status: Status | None = None


class InstantMeta(_Common):
    """One finished file, or a recording that is running or failed."""

    recording: Bool | None = None
    error: Text | None = None
    fps: Positive | None = None
    sample_rate: Whole | None = None


_SEGMENT_KEYS = ("display", "camera", "audio", "mic", "system_audio", "display_audio", "cursor", "keyboard")
SINGLE_KEYS = (*_SEGMENT_KEYS, "display_notch")


def normalise(data: Any, file: Any) -> tuple[type[StudioMeta] | type[InstantMeta], dict[str, Any]]:
    """Recognise the shape, in Cap's order: single segment, several segments, instant.

    Returns:
        The model to validate with, and ``data`` in its form (a new object).

    Raises:
        ProjectError: None of the three.
    """
    if not isinstance(data, dict):
        raise ProjectError(file, line=1, expected="an object", given=describe(data))
    if "display" in data:
        # A legacy "segments": [{start, end}] may stand beside it and does not count.
        rest = {key: value for key, value in data.items() if key not in SINGLE_KEYS and key != "segments"}
        rest["segments"] = [{key: data[key] for key in SINGLE_KEYS if key in data}]
        return StudioMeta, _with_cursors(rest)
    if "segments" in data:
        return StudioMeta, _with_cursors(dict(data))
    if any(key in data for key in ("recording", "error", "fps")):
        return InstantMeta, dict(data)
    raise ProjectError(
        file, expected="one of the keys display, segments, recording, error, fps", given=f"the keys {_names(data)}"
    )


def _with_cursors(data: dict[str, Any]) -> dict[str, Any]:
    """The old map id -> path in the form of the new one."""
    cursors = data.get("cursors")
    if isinstance(cursors, dict):
        data["cursors"] = {
            key: {"imagePath": value} if isinstance(value, str) else value for key, value in cursors.items()
        }
    return data


def _names(data: dict[str, Any]) -> str:
    names = ", ".join(sorted(data)[:8])
    return names or "of an empty object"
