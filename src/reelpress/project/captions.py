"""``captions``, ``keyboard``, and their segments in the timeline (cap-format 2.4). Times in output seconds."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from reelpress.project.background import XY
from reelpress.recording.fields import (
    Bool,
    Color,
    Duration,
    EndSeconds,
    JsonModel,
    NotNegative,
    Number,
    Percent,
    Seconds,
    Text,
    to_number,
)


def _id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _switch(value: Any) -> Any:
    """A switch that some versions write as a width: anything above 0 is on."""
    return value if isinstance(value, bool) else to_number(value) > 0


Id = Annotated[Text, BeforeValidator(_id)]
Switch = Annotated[Bool, BeforeValidator(_switch)]


class CaptionAnimation(StrEnum):
    BOUNCE = "bounce"
    POP = "pop"
    NONE = "none"


class HighlightStyle(StrEnum):
    COLOR = "color"
    PILL = "pill"


class CaptionWord(JsonModel):
    text: Text
    start: Seconds
    end: EndSeconds


class CaptionSegment(JsonModel):
    """One caption. Of the overrides only fade and position act on an export."""

    id: Id = ""
    start: Seconds
    end: EndSeconds
    text: Text = ""
    words: tuple[CaptionWord, ...] = ()
    fade_duration_override: Duration | None = None
    linger_duration_override: Duration | None = None
    position_override: Text | None = None
    color_override: Color | None = None
    background_color_override: Color | None = None
    font_size_override: NotNegative | None = None


class CaptionSettings(JsonModel):
    """``captions.settings``."""

    model_config = ConfigDict(title="captions.settings")

    enabled: Bool = False
    font: Text = "System Sans-Serif"
    size: NotNegative = 24.0
    """Pixels in an output of height 1080."""
    color: Color = (255, 255, 255)
    background_color: Color = (0, 0, 0)
    background_opacity: Percent = 90.0
    position: Text = "bottom-center"
    font_weight: Number = 700.0
    outline: Switch = False
    outline_color: Color = (0, 0, 0)
    highlight_color: Color = (255, 255, 255)
    fade_duration: Duration = Fraction(3, 20)
    linger_duration: Duration = Fraction(2, 5)
    """Has no effect on an export."""
    word_transition_duration: Duration = Fraction(1, 4)
    active_word_highlight: Bool = False
    manual_position: XY | None = None
    preset: Text = "classic"
    animation: CaptionAnimation = CaptionAnimation.BOUNCE
    highlight_style: HighlightStyle = HighlightStyle.COLOR
    uppercase: Bool = False
    italic: Bool = False
    """Has no effect on an export."""
    export_with_subtitles: Bool = False
    """Has no effect on an export."""


class Captions(JsonModel):
    """``captions``, and the content of ``captions.json``."""

    segments: tuple[CaptionSegment, ...] = ()
    settings: CaptionSettings = CaptionSettings()
    source_timed: Bool = False
    """Times are those of the recording and not of the output."""


class KeyboardKey(JsonModel):
    key: Text
    time_offset: Number = 0.0
    """Milliseconds after the segment's start."""


class KeyboardSegment(JsonModel):
    """Keys on screen, derived by the editor. All overrides act."""

    id: Id = ""
    start: Seconds
    end: EndSeconds
    display_text: Text = ""
    keys: tuple[KeyboardKey, ...] = ()
    fade_duration_override: Duration | None = None
    linger_duration_override: Duration | None = None
    position_override: Text | None = None
    color_override: Color | None = None
    background_color_override: Color | None = None
    font_size_override: NotNegative | None = None
    uppercase_override: Bool | None = None


class KeyboardSettings(JsonModel):
    """``keyboard.settings``."""

    model_config = ConfigDict(title="keyboard.settings")

    enabled: Bool = False
    font: Text = "System Sans-Serif"
    size: NotNegative = 50.0
    color: Color = (255, 255, 255)
    background_color: Color = (0, 0, 0)
    background_opacity: Percent = 95.0
    position: Text = "bottom-center"
    manual_position: XY | None = None
    font_weight: Number = 400.0
    fade_duration: Duration = Fraction(3, 20)
    linger_duration: Duration = Fraction(4, 5)
    grouping_threshold_ms: NotNegative = 500.0
    show_modifiers: Bool = True
    show_special_keys: Bool = True
    uppercase: Bool = False


class Keyboard(JsonModel):
    """``keyboard``."""

    settings: KeyboardSettings = KeyboardSettings()
