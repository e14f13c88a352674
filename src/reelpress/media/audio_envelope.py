"""Gain that changes with time: fades of music, both sides of a transition, and the short fades at hard cuts.

All of it is a pure function of the sample number, so blocks of any size give the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reelpress.errors import SettingsError

if TYPE_CHECKING:
    from fractions import Fraction

Curve = Literal["linear", "equal-power"]
Gains = np.ndarray[Any, np.dtype[np.float32]]

FADE = 96
"""Samples (2 ms) over which a span fades in or out where the sound is cut, so that a cut does not click."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A factor that goes from 0 to 1 (or back) once and holds before and after.

    With ``u = (n - start) / length`` clipped to 0..1 at output sample ``n``: linear is ``u`` (falling ``1 - u``),
    equal power is ``sin(pi u / 2)`` (falling ``cos``), so that the powers of both sides always add up to 1
    (cap-format 4).
    """

    start: Fraction
    """Output sample, perhaps between two; may lie outside of the span."""
    length: Fraction
    """Samples, above 0."""
    rising: bool
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        if self.length <= 0:
            raise SettingsError(f"A fade of {float(self.length):g} samples is not possible; it must be longer than 0.")

    @property
    def end(self) -> Fraction:
        """Output sample at which it has arrived."""
        return self.start + self.length

    def gains(self, first: int, last: int) -> Gains | None:
        """Factors of the samples ``first`` to ``last - 1``; ``None`` where all of them are 1."""
        if (first >= self.end) if self.rising else (last - 1 <= self.start):
            return None
        u = np.clip((np.arange(first, last) - float(self.start)) / float(self.length), 0.0, 1.0)
        if self.curve == "equal-power":
            factors = np.sin(0.5 * np.pi * u) if self.rising else np.cos(0.5 * np.pi * u)
        else:
            factors = u if self.rising else 1.0 - u
        return np.asarray(factors, np.float32)


def cut_fade(distance: np.ndarray[Any, np.dtype[np.int64]]) -> Gains:
    """Factor of a sample that is ``distance`` samples from a hard cut: half a cosine, 1 from FADE on."""
    inside = np.clip((distance + 0.5) / FADE, 0.0, 1.0)
    return (0.5 - 0.5 * np.cos(np.pi * inside)).astype(np.float32)
