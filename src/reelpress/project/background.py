"""``background``: what lies behind the card, and the card's own decoration (cap-format 2.2)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from reelpress.recording.fields import Bool, Color, JsonModel, NotNegative, Number, Percent, Positive, Text, clamped


class XY(JsonModel):
    """A pair of numbers."""

    x: Number
    y: Number


class RoundingType(StrEnum):
    """Corner shape: 4-norm or 2-norm distance."""

    SQUIRCLE = "squircle"
    ROUNDED = "rounded"


class AdvancedShadow(JsonModel):
    """Percent of half the card's shorter side (size, blur) and of black (opacity); ``null`` means these defaults."""

    model_config = ConfigDict(title="advancedShadow")

    size: Percent = 50.0
    opacity: Percent = 18.0
    blur: Percent = 50.0


class WallpaperSource(JsonModel):
    """A picture that came with the recorder; ``path`` may be missing on this machine (then white)."""

    type: Literal["wallpaper"] = "wallpaper"
    path: Text | None = None


class ImageSource(JsonModel):
    """A picture file, cover-fitted. The path is absolute or relative to the project file."""

    type: Literal["image"] = "image"
    path: Text | None = None


class ColorSource(JsonModel):
    """One colour."""

    model_config = ConfigDict(title="background.source")

    type: Literal["color"] = "color"
    value: Color = (255, 255, 255)
    alpha: Annotated[float, clamped(0, 255)] = 255.0
    """0..255; less than 255 gives a transparent background (only in GIF and MOV)."""


def _snake(name: str, camel: str, default: Any) -> Any:
    """A key that Cap writes in snake_case among camelCase ones."""
    return Field(default, validation_alias=AliasChoices(name, camel), serialization_alias=name)


class GradientSource(JsonModel):
    """A linear gradient with optional noise."""

    model_config = ConfigDict(title="background.source")

    type: Literal["gradient"] = "gradient"
    start: Color = Field(validation_alias=AliasChoices("from", "start"), serialization_alias="from")
    end: Color = Field(validation_alias=AliasChoices("to", "end"), serialization_alias="to")
    angle: Number = 90.0
    """Degrees."""
    noise_intensity: Percent = _snake("noise_intensity", "noiseIntensity", 0.0)
    noise_scale: Percent = _snake("noise_scale", "noiseScale", 3.0)
    animated: Bool = False
    """Has no effect on an export."""
    animation_speed: Number = _snake("animation_speed", "animationSpeed", 1.0)
    """Has no effect on an export."""


BackgroundSource = Annotated[
    WallpaperSource | ImageSource | ColorSource | GradientSource,
    Field(discriminator="type"),
]


class _Size(JsonModel):
    x: Positive
    y: Positive


class _Position(JsonModel):
    model_config = ConfigDict(title="background.crop.position")

    x: NotNegative
    y: NotNegative


class Crop(JsonModel):
    """Part of the screen that is shown, in source pixels."""

    position: _Position
    size: _Size


class Border(JsonModel):
    """A ring outside the card. Its width is in output pixels and does not scale with the resolution."""

    model_config = ConfigDict(title="background.border")

    enabled: Bool = False
    width: NotNegative = 5.0
    color: Color = (0, 0, 0)
    opacity: Percent = 80.0


class FrameStyle(StrEnum):
    """Drawn window or device around the card."""

    NONE = "none"
    MACOS = "macOS"
    WINDOWS = "windows"
    BROWSER = "browser"
    MACBOOK = "macbook"


class FrameTheme(StrEnum):
    DARK = "dark"
    LIGHT = "light"


def _any_case(names: type[StrEnum]) -> BeforeValidator:
    known = {member.value.lower(): member.value for member in names}
    return BeforeValidator(lambda value: known.get(value.lower(), value) if isinstance(value, str) else value)


class WindowFrame(JsonModel):
    """``background.frame``."""

    style: Annotated[FrameStyle, _any_case(FrameStyle)] = FrameStyle.NONE
    theme: Annotated[FrameTheme, _any_case(FrameTheme)] = FrameTheme.DARK
    url: Text | None = None
    title: Text | None = None


class NotchConfig(JsonModel):
    """``background.notch``: fractions of the display; missing ones come from the recording, else the fallback."""

    enabled: Bool = False
    x: Number | None = None
    width: Number | None = None
    height: Number | None = None


FALLBACK_NOTCH = (0.438, 0.122, 0.0326)
"""x, width, height as fractions (cap-format 2.2)."""


class Background(JsonModel):
    """``background``."""

    model_config = ConfigDict(title="background")

    source: BackgroundSource = ColorSource()
    blur: Percent = 0.0
    padding: Percent = 0.0
    rounding: Percent = 0.0
    rounding_type: RoundingType = RoundingType.SQUIRCLE
    inset: Number = 0.0
    """Has no effect on an export."""
    crop: Crop | None = None
    display_position: XY | None = None
    """Centre of the card, as fractions of the output."""
    shadow: Percent = 73.6
    advanced_shadow: AdvancedShadow | None = AdvancedShadow(size=14.4, opacity=68.1, blur=3.8)
    border: Border | None = None
    frame: WindowFrame | None = None
    notch: NotchConfig | None = None

    @property
    def shadow_shape(self) -> AdvancedShadow:
        """``advancedShadow``, where ``null`` stands for 50/18/50."""
        return self.advanced_shadow or AdvancedShadow()
