"""The protocol of all video encoders."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.packets import EncodedPacket
    from reelpress.media.planes import Planes
    from reelpress.scene.plan import IntRect


@dataclass(frozen=True, slots=True)
class Change:
    """What is known of a picture beside its pixels."""

    damage: tuple[IntRect, ...] | None = None
    """Where it can differ from the picture given before it; ``()`` says it is that picture, ``None`` that nothing is
    known."""
    hides_more: bool = False
    """A mask begins or grows here: the picture must not be one that a player may leave out."""


UNKNOWN = Change()


class Kind(StrEnum):
    """What became of a picture."""

    REAL = "real"
    """Given to the encoder."""
    KEY = "key"
    """Given to the encoder as a key frame."""
    HOLD = "hold"
    """The last real picture is shown again, by a picture of skipped macroblocks or a longer duration."""
    PATCH = "patch"
    """The last real picture is shown with some macroblocks replaced."""
    REPLAY = "replay"
    """The last key frame's bytes once more."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a picture, and why: a line of the trace."""

    kind: Kind
    reason: str
    macroblocks: int = 0
    """That differ from the last real picture, where they were counted."""
    size_bytes: int = 0
    """Of an inserted picture."""


class Encoder(Protocol):
    """Pictures in, packets out. One instance per file, used from one thread."""

    @property
    def spec(self) -> EncoderSpec:
        """What it was opened with: the format, size and colour that it takes among it."""
        ...

    @property
    def decision(self) -> Decision:
        """About the picture given last."""
        ...

    @property
    def shown(self) -> Sequence[int] | None:
        """The ``pts`` that got a picture, rising, where not every one does; ``None``: all."""
        ...

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[EncodedPacket]:
        """Give one picture and take the packets that are ready (often none, later several).

        Args:
            planes: Of the spec's format, size and colour. They may be given again afterwards, but not drawn into: an
                encoder may keep one to compare later ones with.
            pts: Frame number, in ticks of 1/fps; strictly rising.
            change: What is known about the picture.

        Raises:
            FormatError: Format, size or colour differ and ``external_conversion`` is on.
            OutOfMemoryError, EncoderError: The encoder failed.
        """
        ...

    def flush(self) -> list[EncodedPacket]:
        """Take everything that is still inside. Call it once, after the last picture."""
        ...
