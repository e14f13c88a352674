"""What a comparison found, as values that become JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelpress.quality.colour import ColourComparison
    from reelpress.quality.sync import SyncComparison


@dataclass(frozen=True, slots=True)
class Channels:
    """A value for Y, U and V, and the three combined 6:1:1 (PSNR and XPSNR: by their errors)."""

    y: float
    u: float
    v: float
    combined: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric over all compared moments. Infinite (``null`` in JSON) means: no difference at all."""

    mean: Channels
    """PSNR: of the mean squared error. SSIM: mean. XPSNR: of the mean root of the weighted error."""
    min: Channels
    """The lowest value of any moment, for each by itself."""


@dataclass(frozen=True, slots=True)
class TextAtRest:
    """The blocks of 16x16 luma samples that hold text at rest (``quality.text_region``)."""

    moments: int
    """Compared moments that have such blocks."""
    blocks: float
    """In each of them, on average."""
    psnr: float
    """Of the mean squared error of all these samples, in dB."""
    ssim: float
    """Mean over the moments."""
    worst_ssim: float
    """Of one block."""
    worst_time_s: float
    worst_frame_a: int
    worst_x: int
    """Left pixel of that block."""
    worst_y: int


@dataclass(frozen=True, slots=True)
class SideFacts:
    """One of the two that were compared."""

    path: str | None
    """``None``: pictures of a program."""
    name: str
    width: int
    height: int
    frames: int | None
    """Pictures that it shows; ``None`` where that was not found out."""
    duration_s: float | None
    start_s: float | None
    """Presentation time of its first picture, which is the comparison's time zero."""
    fps: float
    """Pictures a second, on average."""
    codec: str | None
    pixel_format: str
    size_bytes: int | None
    repeated: int
    """Moments at which a stand-in was shown for a picture that cannot be decoded."""
    problem: str | None
    """Why the file ends before its own end, if it does."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which pictures met."""

    moments: int
    """Times in the compared range at which one of the two shows a new picture."""
    paired: int
    """Moments at which both do."""
    missing_in_b: int
    """Moments at which A shows a new picture and B still its last one."""
    missing_in_a: int
    """The other way round."""
    rest_a: int | None
    """Pictures that A shows after B's end; ``None``: some, not counted."""
    rest_b: int | None
    start_s: float
    end_s: float
    """Where the compared range ends."""
    lengths_agree: bool
    """To within one picture of the slower one."""
    how: str
    """How pictures were brought together, as a sentence."""
    scaled: bool


@dataclass(frozen=True, slots=True)
class FrameResult:
    """One compared moment."""

    index: int
    """Of the moment, from 0."""
    time_s: float
    frame_a: int
    """Ordinal of A's picture in its file."""
    frame_b: int
    identical: bool
    psnr: Channels
    ssim: Channels
    xpsnr: Channels

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return _plain(self)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class WorstFrame:
    """One of the moments with the lowest combined SSIM. A pair of pictures that stays is listed once."""

    index: int
    time_s: float
    frame_a: int
    frame_b: int
    ssim: float
    psnr: float
    pictures: tuple[str, ...]
    """PNG files of A, B and eight times their difference, if they were asked for."""


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """Everything that ``compare`` found."""

    a: SideFacts
    b: SideFacts
    alignment: Alignment
    compared: int
    """Moments that were measured (all, or every Nth)."""
    every: int
    identical: int
    """Of those: A and B are the same, bit for bit."""
    psnr: Metric
    ssim: Metric
    xpsnr: Metric
    text: TextAtRest | None
    worst: tuple[WorstFrame, ...]
    sync: SyncComparison | None
    colour: ColourComparison
    min_ssim: float | None
    failures: tuple[str, ...]
    """Why it does not pass, as sentences."""

    @property
    def all_identical(self) -> bool:
        """Every compared picture is the same, bit for bit, and none is missing on either side."""
        whole = not (self.alignment.missing_in_a or self.alignment.missing_in_b)
        return whole and self.identical == self.compared and self.alignment.lengths_agree

    @property
    def passed(self) -> bool:
        """No reason to fail; without ``min_ssim`` there never is one."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """As JSON types; infinite values are ``None``."""
        return {**_plain(self), "all_identical": self.all_identical, "passed": self.passed}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
