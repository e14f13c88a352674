"""Time as Fraction or integer ticks; nothing here ever adds up floats.

Output time is ``Fraction`` seconds, source time is integer ticks of a stream's time base. Floats appear only
at the very end, where a spring or a colour is evaluated.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

AUDIO_RATE = 48_000
"""Working sample rate of all audio, in Hz (cap-format 4)."""


def as_fraction(value: float | int | str | Fraction) -> Fraction:
    """Turn a number out of a JSON file or an option into an exact Fraction.

    A float is read by its shortest decimal form (``0.1`` is 1/10): the author of the file wrote decimals.

    Raises:
        ValueError: The value is not finite.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is not a time")
        return Fraction(repr(value))
    return Fraction(value)


def frame_time(index: int, fps: Fraction) -> Fraction:
    """Start time in seconds of output frame ``index``."""
    return Fraction(index) / fps


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Number of frames that cover ``duration`` seconds: ``ceil(fps * duration)`` (cap-format 3.12)."""
    return max(0, math.ceil(duration * fps))


def frame_at(time: Fraction, fps: Fraction) -> int:
    """Index of the frame on screen at ``time``."""
    return math.floor(time * fps)


def ticks_floor(time: Fraction, time_base: Fraction) -> int:
    """The last tick at or before ``time``."""
    return math.floor(time / time_base)


def ticks_ceil(time: Fraction, time_base: Fraction) -> int:
    """The first tick at or after ``time``."""
    return math.ceil(time / time_base)


def ticks_seconds(ticks: int, time_base: Fraction) -> Fraction:
    """Seconds of ``ticks``."""
    return ticks * time_base


FINE_TICK = Fraction(1, 250)
"""Seconds; a time base at least this fine is taken for a clock, a coarser one for a frame counter."""


def shown_tick(position: Fraction, time_base: Fraction) -> int:
    """The last tick whose frame is on screen at ``position`` (seconds from tick 0). The one rule of all mappings.

    Muxers round time stamps to their time base (30 fps in milliseconds: 0, 33, 67, 100), the first one too, so a
    stamp can lie up to just under one tick after the true time. In a fine time base a frame is therefore taken to
    be on screen from less than one tick before its stamp: sources of constant rate map one to one, whatever way
    their muxer rounds. A coarse time base (1/30) counts frames and is exact: no tolerance.
    """
    ticks = position / time_base
    return math.ceil(ticks) if time_base <= FINE_TICK else math.floor(ticks)


def samples_until(frame_index: int, fps: Fraction, rate: int = AUDIO_RATE) -> int:
    """Samples that belong to frames ``0 .. frame_index - 1``: ``floor(frame_index * rate / fps)``."""
    return math.floor(Fraction(frame_index * rate) / fps)


_CLOCK = re.compile(r"^(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)$")
_UNITS = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)$")
_UNIT_SECONDS = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "h": Fraction(3600)}


def parse_time(text: str) -> Fraction:
    """Read a time of the command line: ``12.5``, ``1:02.5``, ``1:00:00``, ``750ms``, ``3s``, ``2m``.

    Raises:
        ValueError: The text has another form; the message says which forms are allowed.
    """
    stripped = text.strip()
    if match := _UNITS.match(stripped):
        return Fraction(match[1]) * _UNIT_SECONDS[match[2]]
    if match := _CLOCK.match(stripped):
        hours, minutes, seconds = match[1] or "0", match[2] or "0", match[3]
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    raise ValueError(
        f"{text!r} is not a time. Allowed are seconds (12.5), clock time (1:02.5, 1:00:00) and 750ms, 3s, 2m, 1h."
    )


def format_time(time: Fraction) -> str:
    """``M:SS.mmm`` (or ``H:MM:SS.mmm``), rounded to the millisecond, for people."""
    total_ms = round(time * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{ms // 1000:02d}.{ms % 1000:03d}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"
