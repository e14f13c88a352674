"""``timeline.maskSegments``, ``textSegments`` and ``camera3dSegments`` (cap-format 2.4). Times in output seconds."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from reelpress.project.background import XY
from reelpress.recording.fields import (
    Bool,
    Color,
    Duration,
    EndSeconds,
    JsonModel,
    NotNegative,
    Number,
    Seconds,
    Text,
    Unit,
    Whole,
    to_number,
)


class PointKeyframe(JsonModel):
    time: Seconds
    x: Number
    y: Number


class ValueKeyframe(JsonModel):
    time: Seconds
    value: Number


class MaskKeyframes(JsonModel):
    """Linear keyframes."""

    position: tuple[PointKeyframe, ...] = ()
    size: tuple[PointKeyframe, ...] = ()
    intensity: tuple[ValueKeyframe, ...] = ()


class MaskType(StrEnum):
    SENSITIVE = "sensitive"
    HIGHLIGHT = "highlight"


class MaskSegment(JsonModel):
    """Hides or stresses a rectangle. ``center`` and ``size`` are fractions of the output and not zoomed.

    Both are required: a mask in a guessed place would show what it has to hide.
    """

    model_config = ConfigDict(title="timeline.maskSegments[]")

    start: Seconds
    end: EndSeconds
    track: Whole = 0
    enabled: Bool = True
    mask_type: MaskType = MaskType.SENSITIVE
    center: XY
    size: XY
    feather: Unit = 0.0
    opacity: Unit = 1.0
    pixelation: Number = 16.0
    """Cell size; from 1000 on a blur of value - 1000."""
    darkness: Unit = 0.0
    fade_duration: Duration = Fraction(3, 20)
    keyframes: MaskKeyframes = MaskKeyframes()


class TextAlign(StrEnum):
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


class TextAnimation(StrEnum):
    NONE = "none"
    FADE = "fade"
    SLIDE_UP = "slideUp"
    SLIDE_DOWN = "slideDown"
    POP = "pop"
    TYPEWRITER = "typewriter"


class TextLayout(StrEnum):
    OVERLAY = "overlay"
    FULLSCREEN = "fullscreen"
    SPLIT_LEFT = "splitLeft"
    SPLIT_RIGHT = "splitRight"


def _strength(value: Any) -> float:
    return float(value) if isinstance(value, bool) else to_number(value)


class TextSegment(JsonModel):
    """A text on top of the picture, or a full-screen title during which the recording's clock stands."""

    model_config = ConfigDict(title="timeline.textSegments[]")

    start: Seconds
    end: EndSeconds
    track: Whole = 0
    enabled: Bool = True
    content: Text = ""
    center: XY = XY(x=0.5, y=0.5)
    size: XY = XY(x=0.35, y=0.2)
    font_family: Text = "sans-serif"
    font_size: NotNegative = 48.0
    """Pixels in an output of height 1080."""
    font_weight: Number = 700.0
    italic: Bool = False
    color: Color = (255, 255, 255)
    align: TextAlign = TextAlign.CENTER
    letter_spacing: Number = 0.0
    line_height: NotNegative = 1.2
    opacity: Unit = 1.0
    shadow: Annotated[float, BeforeValidator(_strength)] = 0.0
    """Strength 0..1; true and false are 1 and 0."""
    animation_in: TextAnimation = TextAnimation.FADE
    animation_out: TextAnimation = TextAnimation.FADE
    animation_in_duration: Duration = Fraction(3, 20)
    animation_out_duration: Duration = Fraction(3, 20)
    fade_duration: Duration | None = None
    """Of text animation version 0; migrated into the two durations."""
    layout: TextLayout = TextLayout.OVERLAY
    layout_transition: Duration = Fraction(1, 2)


class Camera3dProperties(JsonModel):
    """Angles in degrees."""

    tilt_x: Number = 0.0
    tilt_y: Number = 0.0
    roll: Number = 0.0
    rotate_x: Number = 0.0
    rotate_y: Number = 0.0
    fov: Number = 45.0
    zoom: Number = 2.0
    pan_x: Number = 0.0
    pan_y: Number = 0.0


class FocusBlurMode(StrEnum):
    NONE = "none"
    RADIAL = "radial"
    DIRECTIONAL = "directional"
    TILT_SHIFT = "tiltShift"


class FocusBlur(JsonModel):
    mode: FocusBlurMode = FocusBlurMode.NONE
    strength: Number = 0.0
    falloff: Number = 0.0
    focus_x: Number = 0.37
    focus_y: Number = 0.5
    focus_size: Number = 0.5
    angle: Number = 0.0
    dir_position: Number = 0.5
    bokeh: Annotated[float, BeforeValidator(_strength)] = 0.0


def _pair(value: Any) -> Any:
    return {"x": value[0], "y": value[1]} if isinstance(value, list | tuple) and len(value) == 2 else value


Handle = Annotated[XY, BeforeValidator(_pair)]
"""A Bezier handle, ``{x, y}`` or ``[x, y]``."""


class Camera3dKeyframe(JsonModel):
    time: Seconds
    """Relative to the segment."""
    value: Number
    out_easing: Handle | None = None
    in_easing: Handle | None = None


def _flat(value: Any) -> Any:
    """Nested blocks of tracks as one table: ``{"blur": {"strength": [...]}}`` -> ``{"blur.strength": [...]}``."""
    if not isinstance(value, dict):
        return value
    flat: dict[str, Any] = {}
    for name, track in value.items():
        if isinstance(track, dict):
            flat.update({f"{name}.{key}": part for key, part in track.items() if part is not None})
        elif track is not None:
            flat[name] = track
    return flat


class Camera3dSegment(JsonModel):
    """A camera move in space."""

    model_config = ConfigDict(title="timeline.camera3dSegments[]")

    start: Seconds
    end: EndSeconds
    enabled: Bool = True
    properties: Camera3dProperties = Camera3dProperties()
    blur: FocusBlur = FocusBlur()
    tracks: Annotated[dict[str, tuple[Camera3dKeyframe, ...]], BeforeValidator(_flat)] = Field(default_factory=dict)
    """Keyframes by property name (``tiltX``; ``blur.strength`` where the file nests them)."""
    transition_in: Duration = Fraction(0)
    transition_out: Duration = Fraction(0)
