"""``cursor``: how the pointer looks and moves (cap-format 2.3)."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict

from reelpress.recording.fields import Bool, Duration, JsonModel, NotNegative, Number, Positive, Text, Unit


class Spring(JsonModel):
    """A damped spring by its physical constants."""

    stiffness: Positive = 200.0
    damping: NotNegative = 40.0
    mass: Positive = 2.25


class PointerSpring(JsonModel):
    """A pointer spring in Cap's names; tension is the stiffness, friction the damping."""

    tension: Positive = 530.0
    mass: Positive = 1.0
    friction: NotNegative = 40.0


class CursorType(StrEnum):
    AUTO = "auto"
    POINTER = "pointer"
    CIRCLE = "circle"


ANIMATION_STYLES = {
    "slow": PointerSpring(tension=200, mass=2.25, friction=40),
    "smooth": PointerSpring(tension=80, mass=2.5, friction=28),
    "mellow": PointerSpring(tension=470, mass=3, friction=70),
    "fast": PointerSpring(tension=380, mass=1, friction=30),
}
"""Presets behind the names. The stored numbers act, the name is only a label."""

_STYLE_ALIASES = {"regular": "mellow", "quick": "mellow", "rapid": "mellow"}


def _style(value: object) -> object:
    return _STYLE_ALIASES.get(value, value) if isinstance(value, str) else value


class Cursor(JsonModel):
    """``cursor``."""

    model_config = ConfigDict(title="cursor")

    hide: Bool = False
    hide_when_idle: Bool = False
    hide_when_idle_delay: Duration = Fraction(2)
    size: NotNegative = 100.0
    """Percent."""
    type: CursorType = CursorType.AUTO
    animation_style: Annotated[Text, BeforeValidator(_style)] = "mellow"
    """A label: slow, smooth, mellow (once regular, quick, rapid), fast, custom. Any other text is kept."""
    tension: Positive = 470.0
    mass: Positive = 3.0
    friction: NotNegative = 70.0
    raw: Bool = False
    """No smoothing."""
    motion_blur: Unit = 1.0
    use_svg: Bool = True
    """Use drawn vector pointers where the shape is known."""
    rotation_amount: Number = 0.15
    base_rotation: Number = 0.0
    """Radians."""
    click_spring: PointerSpring | None = None
    stop_movement_in_last_seconds: Duration | None = None

    @property
    def spring(self) -> PointerSpring:
        """The constants that act."""
        return PointerSpring(tension=self.tension, mass=self.mass, friction=self.friction)

    @property
    def click_spring_or_default(self) -> PointerSpring:
        """``clickSpring``, where ``null`` stands for 530/1/40."""
        return self.click_spring or PointerSpring()
