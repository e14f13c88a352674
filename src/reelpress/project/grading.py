"""``colorCorrection`` (cap-format 2.3, last table)."""

from __future__ import annotations

from pydantic import ConfigDict

from reelpress.recording.fields import Bool, JsonModel, Number, Text, Unit


class ColorGrade(JsonModel):
    """One block of numbers; ``preset`` is a label."""

    model_config = ConfigDict(title="colorCorrection")

    preset: Text = "none"
    intensity: Unit = 1.0
    exposure: Number = 0.0
    contrast: Number = 0.0
    saturation: Number = 0.0
    temperature: Number = 0.0
    tint: Number = 0.0
    fade: Number = 0.0
    split_tone: Number = 0.0
    vignette: Number = 0.0
    grain: Number = 0.0

    @property
    def is_neutral(self) -> bool:
        """Changes nothing."""
        return self.intensity == 0 or not any(
            (
                self.exposure,
                self.contrast,
                self.saturation,
                self.temperature,
                self.tint,
                self.fade,
                self.split_tone,
                self.vignette,
                self.grain,
            )
        )


class ColorCorrection(JsonModel):
    """``colorCorrection``."""

    screen: ColorGrade = ColorGrade()
    camera: ColorGrade = ColorGrade()
    grade_cursor: Bool = True
