"""The protocol of all video encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.packets import EncodedPacket
    from reelpress.media.planes import Planes


class Encoder(Protocol):
    """Pictures in, packets out. One instance per file, used from one thread."""

    @property
    def spec(self) -> EncoderSpec:
        """What it was opened with: the format, size and colour that it takes among it."""
        ...

    def encode(self, planes: Planes, pts: int) -> list[EncodedPacket]:
        """Give one picture and take the packets that are ready (often none, later several).

        Args:
            planes: Of the spec's format, size and colour. They may be drawn into again, or given again, afterwards.
            pts: Frame number, in ticks of 1/fps; strictly rising.

        Raises:
            FormatError: Format, size or colour differ and ``external_conversion`` is on.
            OutOfMemoryError, EncoderError: The encoder failed.
        """
        ...

    def flush(self) -> list[EncodedPacket]:
        """Take everything that is still inside. Call it once, after the last picture."""
        ...
