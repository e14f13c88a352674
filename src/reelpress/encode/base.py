"""The protocol of all video encoders."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reelpress.media.encoder import AudioSession, EncoderSpec
    from reelpress.media.planes import Planes
    from reelpress.scene.plan.rect import IntRect


@dataclass(frozen=True, slots=True)
class Change:
    """What is known of a picture beside its pixels."""

    damage: tuple[IntRect, ...] | None = None
    """Where it can differ from the picture given before it; ``()`` says it is that picture, ``None`` that nothing is
    known."""
    hides_more: bool = False
    """A mask begins or grows here: the picture must not be one that a player may leave out."""
    tolerance: int = 0
    """What counts as the same as the last real picture (``media.steady.alike``); 0: equal to the bit. Above 0 only for
    a picture that is handed over as it was decoded: what was drawn has been compared with its source before."""
    seen: object = None
    """What the encoder's own :meth:`Looking.look` found; ``None``: it was not asked."""


UNKNOWN = Change()

SHORT_AREA = 0.05
"""Share of the frame up to which damage is short work for the compositor and the splicing encoder, done in turn
(``media.turn``)."""


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


class Piece(Protocol):
    """What an encoder hands on to its file's writer: a packet, or what stands for one."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        ...

    @property
    def dts(self) -> int:
        """Frame number up to which sound and subtitles come before it in the file."""
        ...


class Writer(Protocol):
    """Writes what one :class:`Encoder` makes, in another thread. One instance per file."""

    @property
    def audio(self) -> AudioSession | None:
        """The encoder of its sound track; ``None``: it has none."""
        ...

    def mux(self, packets: Iterable[Any]) -> None:
        """Write what came out of the encoder (and of ``audio``), in order.

        Raises:
            OutputError: Disk full, file gone.
        """
        ...

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """Complete the file.

        Raises:
            OutputError: Disk full.
            Cancelled: ``cancelled`` said so; the file is then useless.
        """
        ...

    def abort(self) -> None:
        """Close the file without finishing it. Never raises; harmless after ``finish``."""
        ...


@runtime_checkable
class Looking(Protocol):
    """An encoder of which a part can be done in another thread, for a picture that comes later."""

    def look(self, planes: Planes, change: Change) -> Change:
        """Take a first look at a picture: what depends on nothing but it and the pictures before it.

        Called for all pictures, in the order of ``encode``, or for none.

        Args:
            planes: As ``encode`` takes them.
            change: What is known about the picture.

        Returns:
            The same with ``seen``, to be given to ``encode``.
        """
        ...


class Encoder(Protocol):
    """Pictures in, packets out. One instance per file, used from one thread.

    What comes out is only handed on to the file's :class:`Writer`.
    """

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

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
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

    def flush(self) -> Sequence[Piece]:
        """Take everything that is still inside. Call it once, after the last picture."""
        ...
