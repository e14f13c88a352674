"""``timeline``: what is shown when (cap-format 2.4).

Times are output seconds, except ``segments[].start`` and ``.end``, which are source seconds.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from reelpress.project.background import XY
from reelpress.project.captions import CaptionSegment, KeyboardSegment
from reelpress.project.overlays import Camera3dSegment, MaskSegment, TextSegment
from reelpress.recording.fields import (
    Bool,
    Duration,
    EndSeconds,
    JsonModel,
    NotNegative,
    Number,
    Seconds,
    Text,
    Unit,
    Whole,
    to_seconds,
    to_whole,
)


class SpeedAudioMode(StrEnum):
    """What happens to the sound of a clip whose speed is not 1."""

    MUTE = "mute"
    MAINTAIN_PITCH = "maintainPitch"
    MATCH_SPEED = "matchSpeed"


def _index(value: Any) -> int:
    number = to_whole(value)
    if number < 0:
        raise ValueError("a whole number, at least 0")
    return number


Index = Annotated[int, BeforeValidator(_index)]


def _speed(value: Any) -> Fraction:
    speed = to_seconds(value)
    if speed <= 0:
        raise ValueError("a speed greater than 0")
    return speed


class Clip(JsonModel):
    """``timeline.segments[]``: a stretch of one recording segment at one speed. Length is (end - start) / timescale."""

    recording_segment: Index = 0
    timescale: Annotated[Seconds, BeforeValidator(_speed)]
    """Speed: 2 plays twice as fast."""
    start: Seconds
    """Source seconds."""
    end: EndSeconds
    """Source seconds."""
    name: Text | None = None
    speed_audio_mode: SpeedAudioMode | None = None
    """``None`` is mute."""


class ManualZoom(JsonModel):
    """``{"manual": {x, y}}``: a fixed centre, as fractions of the screen."""

    manual: XY


def _zoom_mode(value: Any) -> Any:
    if value is None or isinstance(value, ManualZoom):
        return value
    if value in ("auto", {"auto": None}):
        return None
    if isinstance(value, dict) and "manual" in value:
        return value
    raise ValueError('"auto" or {"manual": {"x": …, "y": …}}')


def _zoom_mode_json(value: ManualZoom | None) -> Any:
    return "auto" if value is None else value.model_dump(mode="json", by_alias=True)


class ZoomSegment(JsonModel):
    """A stretch of output time that is enlarged."""

    model_config = ConfigDict(title="timeline.zoomSegments[]")

    start: Seconds
    end: EndSeconds
    amount: Number
    mode: Annotated[ManualZoom | None, BeforeValidator(_zoom_mode), PlainSerializer(_zoom_mode_json)] = None
    """``None`` is auto: the centre follows the pointer."""
    instant_animation: Bool = False
    edge_snap_ratio: Unit = 0.25
    glide_direction: Any = None
    """Has no effect on an export."""
    glide_speed: Any = None
    """Has no effect on an export."""

    @property
    def manual_center(self) -> XY | None:
        """The fixed centre, or ``None`` for auto."""
        return None if self.mode is None else self.mode.manual


class TransitionType(StrEnum):
    CROSS_FADE = "cross-fade"
    FADE_THROUGH_BLACK = "fade-through-black"


_TRANSITIONS = {"crossFade": "cross-fade", "fadeThroughBlack": "fade-through-black"}


def _transition(value: Any) -> Any:
    return _TRANSITIONS.get(value, value) if isinstance(value, str) else value


class Transition(JsonModel):
    """How a clip begins. ``segmentIndex`` is the clip being entered; the last one per index wins."""

    model_config = ConfigDict(title="timeline.transitions[]")

    segment_index: Index
    type: Annotated[TransitionType, BeforeValidator(_transition)] = TransitionType.CROSS_FADE
    duration: Duration


class SceneMode(StrEnum):
    DEFAULT = "default"
    CAMERA_ONLY = "cameraOnly"
    HIDE_CAMERA = "hideCamera"
    SPLIT_SCREEN = "splitScreen"
    FLOATING = "floating"


class SplitLayout(JsonModel):
    """Focus and zoom of the two halves."""

    model_config = ConfigDict(title="timeline.sceneSegments[].splitLayout")

    screen_zoom: NotNegative = 1.0
    screen_position: XY = XY(x=0.5, y=0.5)
    camera_zoom: NotNegative = 1.0
    camera_position: XY = XY(x=0.5, y=0.5)


class SceneSegment(JsonModel):
    """A stretch of output time with another arrangement of screen and camera."""

    model_config = ConfigDict(title="timeline.sceneSegments[]")

    start: Seconds
    end: EndSeconds
    mode: SceneMode = SceneMode.DEFAULT
    split_layout: SplitLayout | None = None
    transition_in: Duration = Fraction(3, 10)
    transition_out: Duration = Fraction(3, 10)


class AudioSegment(JsonModel):
    """Music. The path is absolute or relative to the project file."""

    model_config = ConfigDict(title="timeline.audioSegments[]")

    start: Seconds
    end: EndSeconds
    track: Whole = 0
    path: Text
    name: Text | None = None
    enabled: Bool = True
    trim_start: Duration = Fraction(0)
    volume_db: Number = 0.0
    fade_in: Duration = Fraction(0)
    fade_out: Duration = Fraction(0)
    duration: Duration | None = None


class TimelineConfig(JsonModel):
    """``timeline``. ``segments`` must be there; the other lists may be left out."""

    segments: tuple[Clip, ...]
    zoom_segments: tuple[ZoomSegment, ...] = ()
    transitions: tuple[Transition, ...] = ()
    scene_segments: tuple[SceneSegment, ...] = ()
    mask_segments: tuple[MaskSegment, ...] = ()
    text_segments: tuple[TextSegment, ...] = ()
    caption_segments: tuple[CaptionSegment, ...] = ()
    keyboard_segments: tuple[KeyboardSegment, ...] = ()
    audio_segments: tuple[AudioSegment, ...] = ()
    camera3d_segments: tuple[Camera3dSegment, ...] = Field((), alias="camera3dSegments")
