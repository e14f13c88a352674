"""The protocol of all decoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.media.planes import Planes


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One frame of a source, ready to be composed."""

    planes: Planes
    """yuv420p or nv12, 8 bit, BT.709 limited, left-sited, upright. Read-only: it may be handed out again."""
    ordinal: int
    time: Fraction
    """Seconds from the source's first shown frame."""
    repeated: bool = False
    """It could not be decoded; this is the last good one before it."""
    error: str | None = None
    """Why it could not."""


class Decoder(Protocol):
    """Frames of one video stream by their ordinal, the same however they are reached. Used from one thread."""

    @property
    def conversions(self) -> int:
        """Frames whose pixel format, colour or orientation was converted so far."""
        ...

    @property
    def repeated(self) -> int:
        """Different frames that could not be decoded and were replaced so far."""
        ...

    def frame(self, ordinal: int) -> DecodedFrame:
        """The newest picture with a presentation time at or before that of frame ``ordinal``.

        Raises:
            ValueError: There is no such frame.
            DamagedSourceError: Not one frame of the file can be decoded.
            Cancelled: The export was cancelled.
            InputError: The file cannot be read any more.
        """
        ...

    def close(self) -> None:
        """Free the decoder and all pictures; calling it twice is harmless."""
        ...
