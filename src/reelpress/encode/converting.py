"""Pictures in another format than the encoder takes: converted once, just before it, and counted.

For encoders that take nothing a compositor gives (Quick Sync takes NV12 alone; the plan says so), and for what the CPU
draws where a GPU that drew in the encoder's format has given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.encode.base import UNKNOWN, Change, Decision, Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.convert.base import Converter
    from reelpress.encode.base import Piece
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.planes import Planes


class Converting:
    """Implements :class:`reelpress.encode.base.Encoder` before another one; one thread at a time."""

    def __init__(self, encoder: Encoder, converter: Converter) -> None:
        self._encoder = encoder
        self._converter = converter
        self._last: tuple[Planes, Planes] | None = None
        self.conversions = 0
        """Pictures converted so far: one that is given again is not converted again."""

    @property
    def inner(self) -> Encoder:
        """The encoder behind it."""
        return self._encoder

    @property
    def converter(self) -> Converter:
        """Who converts."""
        return self._converter

    @property
    def spec(self) -> EncoderSpec:
        return self._encoder.spec

    @property
    def decision(self) -> Decision:
        return self._encoder.decision

    @property
    def shown(self) -> Sequence[int] | None:
        """See :attr:`reelpress.encode.base.Encoder.shown`."""
        return self._encoder.shown

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        if planes.format == self.spec.pixel_format:
            return self._encoder.encode(planes, pts, change)
        if self._last is None or self._last[0] is not planes:
            self._last = planes, self._converter.convert(planes, self.spec.pixel_format, self.spec.taken)
            self.conversions += 1
        return self._encoder.encode(self._last[1], pts, change)

    def flush(self) -> Sequence[Piece]:
        """See :meth:`reelpress.encode.base.Encoder.flush`."""
        self._last = None
        return self._encoder.flush()

    @property
    def lost(self) -> str | None:
        """Why the converter of the plan was given up, as a sentence; ``None``: it was not."""
        return getattr(self._converter, "reason", None)

    @property
    def used(self) -> str:
        """Name of the converter in use."""
        return self._converter.name

    def close(self) -> None:
        """Release the converter; calling it twice is harmless."""
        self._converter.close()
