"""HOW it should look: the root of ``project-config.json`` (cap-format 2.1), with Cap's defaults for every key.

All models are frozen; times are ``Fraction`` seconds, colours ``(r, g, b)`` integers. Keys that no field takes are
kept (``model_extra``) and listed by ``unknown_keys``.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Any

from pydantic import AliasChoices, ConfigDict, Field

from reelpress.project.audio import Audio
from reelpress.project.background import Background
from reelpress.project.camera import Camera
from reelpress.project.captions import Captions, Keyboard
from reelpress.project.cursor import Cursor, Spring
from reelpress.project.grading import ColorCorrection
from reelpress.project.timeline import Index, TimelineConfig
from reelpress.recording.fields import Bool, JsonModel, Seconds, Unit, Whole


class AspectRatio(StrEnum):
    """Output shape."""

    WIDE = "wide"
    VERTICAL = "vertical"
    SQUARE = "square"
    CLASSIC = "classic"
    TALL = "tall"

    @property
    def value_fraction(self) -> Fraction:
        """Width over height."""
        return _RATIOS[self]


_RATIOS = {
    AspectRatio.WIDE: Fraction(16, 9),
    AspectRatio.VERTICAL: Fraction(9, 16),
    AspectRatio.SQUARE: Fraction(1),
    AspectRatio.CLASSIC: Fraction(4, 3),
    AspectRatio.TALL: Fraction(3, 4),
}


class Hotkeys(JsonModel):
    """Has no effect on an export."""

    show: Bool = False


class ClipOffsets(JsonModel):
    """Seconds; snake_case in the file."""

    camera: Seconds = Fraction(0)
    mic: Seconds = Fraction(0)
    system_audio: Seconds = Field(
        Fraction(0), validation_alias=AliasChoices("system_audio", "systemAudio"), serialization_alias="system_audio"
    )


class ClipConfig(JsonModel):
    """``clips[]``: sync of one recording segment. See ``project.sync`` for what the numbers mean."""

    index: Index = 0
    """Recording segment."""
    offsets: ClipOffsets = ClipOffsets()
    offsets_auto_calculated: Bool = False


class Project(JsonModel):
    """An edit description. ``Project()`` has Cap's defaults."""

    model_config = ConfigDict(title="")

    aspect_ratio: AspectRatio | None = None
    background: Background = Background()
    camera: Camera = Camera()
    audio: Audio = Audio()
    cursor: Cursor = Cursor()
    hotkeys: Hotkeys = Hotkeys()
    timeline: TimelineConfig | None = None
    """``None``: one clip per recording segment, in full."""
    captions: Captions | None = None
    keyboard: Keyboard | None = None
    clips: tuple[ClipConfig, ...] = ()
    annotations: tuple[Any, ...] = ()
    """Screenshot editor only."""
    screen_motion_blur: Unit = 1.0
    screen_movement_spring: Spring = Spring()
    color_correction: ColorCorrection = ColorCorrection()
    text_size_version: Whole = 1
    text_anim_version: Whole = 1

    def clip_config(self, segment: int) -> ClipConfig | None:
        """The sync entry of a recording segment; the last one wins."""
        return next((clip for clip in reversed(self.clips) if clip.index == segment), None)
