"""What an export did: the numbers of ``report`` in the JSON (design 7)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelpress.events import Fallback


@dataclass(slots=True)
class FrameCounts:
    """Output frames by what they cost. ``composed + patched + held`` is ``total`` when every frame was delivered."""

    total: int = 0
    composed: int = 0
    """Drawn anew as a whole (or over so large an area that it makes no difference)."""
    patched: int = 0
    """Only damaged rectangles drawn."""
    held: int = 0
    """The last picture used again."""
    encoded: int = 0
    """Given to the encoder."""
    copied: int = 0
    """Taken over as packets."""
    repeated_after_error: int = 0
    """Source frames that could not be decoded and show the last good one."""


@dataclass(slots=True)
class StageTimes:
    """Where the time of one stage went, in seconds of wall time."""

    busy_s: float = 0.0
    wait_in_s: float = 0.0
    wait_out_s: float = 0.0
    frames: int = 0


@dataclass(slots=True)
class OutputInfo:
    """The finished file. Size, rate, frames, codec and colour tags were compared with it when it was verified."""

    width: int
    height: int
    fps: float
    duration_s: float
    size_bytes: int
    video_codec: str
    audio_codec: str | None
    color: str


@dataclass(slots=True)
class ExportReport:
    """The result of an export; ``to_dict`` is ``report`` of the JSON."""

    frames: FrameCounts
    wall_s: float
    fps: float
    cpu_s: float
    peak_rss_bytes: int
    stages: dict[str, StageTimes]
    formats: list[dict[str, str]]
    conversions: list[dict[str, Any]]
    fallbacks: list[Fallback]
    warnings: list[str]
    buffers: dict[str, int]
    decoder: str
    renderer: str
    converter: str
    encoder: str
    output: OutputInfo
    verified: list[str] = field(default_factory=list)
    """What was checked in the finished file, in words."""
    unchanged: dict[str, Any] = field(default_factory=dict)
    """``used``, and the pictures of the stream by what became of them: ``real`` (``keys`` of them asked for as key
    frames), ``held``, ``patched``, ``replayed``, with the bytes of both sorts; only ``used`` where none is inserted."""
    gpu: dict[str, Any] | None = None
    """Where a GPU drew: ``frames`` it drew, ``uploaded_bytes``, ``read_back_bytes``, and ``lost_at``: the frame from
    which on the CPU did (None: it never had to)."""
    subtitles: dict[str, Any] | None = None
    """``file``, ``cues``, ``codec`` and ``language`` of the subtitles that were written."""
    rejected: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """What was not used for ``decoder``, ``renderer``, ``converter``, ``encoder``: ``name`` and ``reason`` of each."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)
