"""colorCorrection -> Grade."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from reelpress.project.grading import ColorGrade
from reelpress.scene.grading import Grading
from reelpress.scene.plan.effects import Grade

SLIDERS = ("exposure", "contrast", "saturation", "temperature", "tint", "fade", "splitTone", "vignette", "grain")


def grading(**keys: Any) -> Grading:
    return Grading(ColorGrade.model_validate(keys))


def test_neutral_is_none() -> None:
    assert grading().at(0) is None
    assert grading(preset="film").at(0) is None  # a label
    assert grading(**dict.fromkeys(SLIDERS, 1), intensity=0).at(5) is None
    assert grading(intensity=0.5).neutral


@pytest.mark.parametrize("name", SLIDERS)
def test_intensity_multiplies_every_slider(name: str) -> None:
    grade = grading(**{name: 0.5}, intensity=0.25).at(3)
    assert grade is not None
    field = "split_tone" if name == "splitTone" else name
    expected = {**asdict(Grade()), field: 0.125, "seed": 3 if name == "grain" else 0}
    assert asdict(grade) == expected


def test_a_grade_without_grain_is_one_object() -> None:
    still = grading(contrast=0.1)
    assert still.at(0) is still.at(1234)


def test_grain_repeats_after_600_frames() -> None:
    grain = grading(grain=0.1)
    assert [grade.seed for n in (0, 1, 599, 600, 1201) if (grade := grain.at(n))] == [0, 1, 599, 0, 1]
