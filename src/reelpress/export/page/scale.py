"""Axes: from values to places, and where to put the ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map of ``low..high`` onto ``start..end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return self.start
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) from ``low`` to ``high``, at most ``about`` + 2."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) + 0.0 for index in range(first, last + 1)]


def label(value: float, step: float) -> str:
    """A tick's number with as many digits as its step needs."""
    digits = max(0, min(6, -math.floor(math.log10(step) + 1e-9))) if step > 0 else 0
    if digits and abs(round(step * 10**digits) - step * 10**digits) > 1e-6:
        digits += 1  # steps of 2.5
    elif step >= 1 and step != int(step):
        digits = 1
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "\u2212")


def top(value: float) -> float:
    """A little more than ``value``, so that a line does not run along the frame."""
    return value * 1.08 if value > 0 else 1.0


def about_time(seconds: float) -> tuple[float, str]:
    """Divisor and unit for a time axis of that length."""
    if seconds > 3 * 3600:
        return 3600.0, "h"
    if seconds > 5 * 60:
        return 60.0, "min"
    return 1.0, "s"
