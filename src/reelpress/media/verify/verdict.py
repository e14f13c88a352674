"""What a finished file must be, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from reelpress.clock import AUDIO_RATE
from reelpress.color import BT709_LIMITED, ColorSpec
from reelpress.errors import VerifyError
from reelpress.media.encoder import AAC_FRAME

if TYPE_CHECKING:
    from reelpress.media.text_track import TextCue

Ticks = np.ndarray[tuple[int], np.dtype[np.int64]]
"""One time a packet or picture."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the finished file must be."""

    frames: int
    fps: Fraction
    """Picture k is shown at exactly k/fps seconds."""
    size: tuple[int, int]
    """Width and height in pixels."""
    color: ColorSpec = BT709_LIMITED
    has_audio: bool = False
    duration: Fraction | None = None
    """Seconds of video; ``None`` is frames/fps."""
    subtitles: tuple[TextCue, ...] | None = None
    """What the subtitle track must say; ``None``: there must be none."""
    end_slack: Fraction = Fraction(0)
    """Seconds by which the video's end may be off: containers store how far decoding times are apart, which is not how
    long pictures last where pictures of variable length are reordered."""
    sound_slack: Fraction = Fraction(AAC_FRAME, AUDIO_RATE)
    """Seconds by which the first and the last packet of sound may reach beyond the video."""
    shown: Ticks | None = None
    """The k at which pictures come, where they do not come at each (variable rate); ``None``: all of them."""

    @property
    def seconds(self) -> Fraction:
        """Length of the video."""
        return Fraction(self.frames) / self.fps if self.duration is None else self.duration


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What was found, all as expected."""

    frames: int
    duration: Fraction
    """Seconds of the video track."""
    keyframes: int
    decoded: int
    """Pictures that were decoded for this."""
    checked: tuple[str, ...]
    """What was compared, for the report."""


def wrong(what: str) -> VerifyError:
    """The error for a file of which ``what`` is the matter."""
    return VerifyError(f"The finished file is not what was planned: {what}. Try again, and report it if it stays so.")
