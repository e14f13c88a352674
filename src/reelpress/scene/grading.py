"""``colorCorrection`` -> Grade (cap-format 3.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.scene.plan.effects import Grade

if TYPE_CHECKING:
    from reelpress.project.grading import ColorGrade

GRAIN_PERIOD = 600
"""Frames after which grain repeats."""


class Grading:
    """The grade of one block of the project, per frame. Immutable."""

    def __init__(self, block: ColorGrade) -> None:
        self._block = block
        self._still = None if block.is_neutral or block.grain else self._at(0)

    @property
    def neutral(self) -> bool:
        """Changes nothing."""
        return self._block.is_neutral

    def at(self, frame: int) -> Grade | None:
        """The grade of an output frame; ``None`` when it changes nothing."""
        if self._block.is_neutral:
            return None
        return self._still or self._at(frame % GRAIN_PERIOD)

    def _at(self, seed: int) -> Grade:
        block, k = self._block, self._block.intensity
        return Grade(
            exposure=block.exposure * k,
            contrast=block.contrast * k,
            saturation=block.saturation * k,
            temperature=block.temperature * k,
            tint=block.tint * k,
            split_tone=block.split_tone * k,
            fade=block.fade * k,
            vignette=block.vignette * k,
            grain=block.grain * k,
            seed=seed,
        )
