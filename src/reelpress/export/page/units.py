"""Numbers as people read them."""

from __future__ import annotations

import math

DASH = "–"


def number(value: float | None, digits: int = 0) -> str:
    """``12 345.7`` with thin spaces between thousands; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return DASH
    rounded = round(value, digits)
    return f"{rounded + 0.0:,.{digits}f}".replace(",", "\u202f").replace("-", "\u2212")


def signed(value: float | None, digits: int = 0) -> str:
    """With its sign, for differences."""
    if value is None:
        return DASH
    return ("+" if round(value, digits) > 0 else "") + number(value, digits)


def percent(share: float | None, digits: int = 0) -> str:
    """``0.714`` as ``71 %``."""
    return DASH if share is None else f"{number(100 * share, digits)}\u00a0%"


def seconds(value: float | None) -> str:
    """``0.042 s``, ``12.3 s``, ``3 min 07 s``, ``2 h 03 min``."""
    if value is None:
        return DASH
    if value >= 3600:
        return f"{int(value // 3600)}\u00a0h {int(value % 3600 // 60):02d}\u00a0min"
    if value >= 120:
        return f"{int(value // 60)}\u00a0min {int(value % 60):02d}\u00a0s"
    return f"{number(value, 3 if value < 1 else 2 if value < 10 else 1)}\u00a0s"


def size(value: float | None) -> str:
    """Bytes in kB, MB or GB (powers of 1000)."""
    if value is None:
        return DASH
    for step, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= step:
            return f"{number(value / step, 2 if abs(value) < 10 * step else 1)}\u00a0{unit}"
    return f"{number(value)}\u00a0B"


def megabytes(value: float | None, digits: int = 1) -> str:
    """Only the number, for a column headed MB."""
    return DASH if value is None else number(value / 1e6, digits)
