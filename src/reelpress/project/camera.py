"""``camera``: the camera bubble (cap-format 2.3)."""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict

from reelpress.project.background import XY, AdvancedShadow, RoundingType
from reelpress.recording.fields import Bool, JsonModel, NotNegative, Percent


class CameraX(StrEnum):
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


class CameraY(StrEnum):
    TOP = "top"
    BOTTOM = "bottom"


class CameraPosition(JsonModel):
    """Corner, or middle of an edge."""

    x: CameraX = CameraX.RIGHT
    y: CameraY = CameraY.BOTTOM


class CameraShape(StrEnum):
    SQUARE = "square"
    SOURCE = "source"


class BackgroundBlurMode(StrEnum):
    OFF = "off"
    LIGHT = "light"
    HEAVY = "heavy"


class CameraBackgroundBlur(JsonModel):
    """Blur behind the person."""

    mode: BackgroundBlurMode = BackgroundBlurMode.OFF


class Camera(JsonModel):
    """``camera``."""

    model_config = ConfigDict(title="camera")

    hide: Bool = False
    mirror: Bool = False
    position: CameraPosition = CameraPosition()
    manual_position: XY | None = None
    """Centre of the bubble, as fractions of the output."""
    size: NotNegative = 30.0
    """Percent of the output's shorter side."""
    zoom_size: NotNegative = 60.0
    """Has no effect on an export."""
    scale_during_zoom: NotNegative = 0.7
    shape: CameraShape = CameraShape.SQUARE
    rounding: Percent = 100.0
    rounding_type: RoundingType = RoundingType.SQUIRCLE
    shadow: Percent = 62.5
    advanced_shadow: AdvancedShadow | None = AdvancedShadow(size=33.9, opacity=44.2, blur=10.5)
    background_blur: CameraBackgroundBlur = CameraBackgroundBlur()

    @property
    def shadow_shape(self) -> AdvancedShadow:
        """``advancedShadow``, where ``null`` stands for 50/18/50."""
        return self.advanced_shadow or AdvancedShadow()
