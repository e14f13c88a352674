"""What a quality of 1 to 100 means, and the rates that GIF can have."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from reelpress.errors import SettingsError

DEFAULT_QUALITY = 90
"""As Cap's."""

TICKS = 100
"""Delays are stored in hundredths of a second."""

MIN_DELAY = 2
"""Ticks. Browsers show a picture with a shorter delay for ten."""

FASTEST = Fraction(TICKS, MIN_DELAY)


@dataclass(frozen=True, slots=True)
class GifSettings:
    """How pictures become indices, and how often the animation is played."""

    quality: int = DEFAULT_QUALITY
    """1..100."""
    loop: int = 0
    """How often the animation is played; 0 is for ever."""
    colours: int = 255
    """Of a palette, 2..255."""

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise SettingsError(f"--gif-quality is {self.quality}. Allowed is 1 (smallest) to 100 (best).")
        if not 0 <= self.loop <= 65535:
            raise SettingsError(f"--loop is {self.loop}. Allowed is 0 (for ever) to 65535 times.")
        if not 2 <= self.colours <= 255:
            raise SettingsError(f"A GIF palette has 2 to 255 colours, not {self.colours}.")

    @property
    def tolerance(self) -> tuple[int, int]:
        """Differences of Y, and of U and V, up to which a changed pixel keeps the colour that is shown.

        0 at 100, 1 at 90, 10 at 1.
        """
        luma = round((100 - self.quality) / 10)
        return luma, luma + luma // 2

    @property
    def good(self) -> float:
        """Mean squared error of pixels up to which no other palette is looked for: 0.25 at 100, 4 from 90 on down."""
        return max(0.25, min(4.0, (100 - self.quality) * 0.4))

    @property
    def fine(self) -> bool:
        """Whether many colours are told apart by 7 bits of chroma (above 90), not by 6."""
        return self.quality > 90

    @property
    def dither(self) -> float | None:
        """Squared distance from which colours are mixed; ``None``: no dither, below 40."""
        if self.quality < 40:
            return None
        return (2 + (100 - self.quality) / 20) ** 2


def check_rate(fps: Fraction) -> None:
    """Refuse rates at which pictures would follow in less than ``MIN_DELAY``.

    Raises:
        SettingsError: With the rates that are allowed.
    """
    if not 1 <= fps <= FASTEST:
        raise SettingsError(
            f"--fps is {str(fps)[:20]}. A GIF can have 1 to {FASTEST} pictures a second: "
            "browsers slow down what is faster."
        )


def tick(frame: int, fps: Fraction) -> int:
    """The hundredth of a second at which a frame begins, rounded; delays are the differences, so nothing drifts."""
    return int(Fraction(frame) / fps * TICKS + Fraction(1, 2))
