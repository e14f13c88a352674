"""What the stages of an export hold, for the memory budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reelpress.export.stages import kind_of
from reelpress.pipeline.budget import EncoderLoad, SourceLoad

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelpress.export.settings import Unchanged
    from reelpress.recording.model import VideoTrack

ENCODER_LOADS = {
    "ultrafast": EncoderLoad(lookahead=0, bframes=0, references=1),
    "superfast": EncoderLoad(lookahead=0, bframes=3, references=1),
    "veryfast": EncoderLoad(lookahead=10, bframes=3, references=1),
    "faster": EncoderLoad(lookahead=20, bframes=3, references=2),
    "fast": EncoderLoad(lookahead=30, bframes=3, references=2),
    "medium": EncoderLoad(lookahead=40, bframes=3, references=3),
    "slow": EncoderLoad(lookahead=50, bframes=3, references=5),
    "slower": EncoderLoad(lookahead=60, bframes=3, references=8),
    "veryslow": EncoderLoad(lookahead=60, bframes=8, references=16),
}
"""What x264's presets hold (its own preset table)."""


def encoder_load(preset: str, unchanged: Unchanged) -> EncoderLoad:
    """Of x264."""
    load = ENCODER_LOADS.get(preset, EncoderLoad())
    return replace(load, bframes=0) if unchanged == "vfr" else load


def source_loads(tracks: Iterable[VideoTrack]) -> list[SourceLoad]:
    """What is decoded at the same time: of each kind of track the largest."""
    largest: dict[str, int] = {}
    for track in tracks:
        kind = kind_of(track.key)
        largest[kind] = max(largest.get(kind, 0), track.info.width * track.info.height * 3 // 2)
    return [SourceLoad(size) for size in largest.values()]
