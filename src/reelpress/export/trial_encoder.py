"""What a trial does to the encoder of an export: a key frame at each window, a clock, and an end in time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reelpress.encode.base import UNKNOWN
from reelpress.encode.converting import Converting
from reelpress.encode.splice.session import SpliceSession
from reelpress.encode.vfr import VariableRate
from reelpress.export.hooks import Hooks
from reelpress.media.packets import EncodedPacket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.encode.base import Change, Decision, Encoder, Piece
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.planes import Planes
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.run import PipelineStats


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an encoder."""

    seconds: float
    pictures: tuple[tuple[int, bool], ...]
    """That came out of it: bytes, and whether it is a key frame."""


class Timing(Hooks):
    """Sees when the file is finished; ends a run that takes too long; begins each window with a key frame."""

    def __init__(self, token: CancelToken, limit_s: float, starts: Sequence[int]) -> None:
        self._token, self._limit_s, self._starts = token, limit_s, starts
        self._started = time.monotonic()
        self.flow_s = 0.0
        self.windowed: Windowed | None = None

    def encoder(self, encoder: Encoder) -> Encoder:
        if not self._starts:
            return encoder
        self.windowed = Windowed(encoder, self._starts)
        return self.windowed

    def tick(self) -> None:
        if time.monotonic() - self._started > self._limit_s:
            self._token.cancel("the trial took too long")

    def finished(self, stats: PipelineStats, counts: Any) -> None:
        self.flow_s = time.monotonic() - self._started


class Windowed:
    """Implements :class:`reelpress.encode.base.Encoder` over another one, with a key frame where a window begins.

    Encoders that cannot be asked for one see a new scene there. Every call is timed.
    """

    def __init__(self, encoder: Encoder, starts: Sequence[int]) -> None:
        self._encoder, self._starts = encoder, frozenset(starts)
        inner = encoder
        while isinstance(inner, Converting):
            inner = inner.inner
        self._key_next = inner.key_next if isinstance(inner, SpliceSession | VariableRate) else None
        self.late = int(isinstance(inner, VariableRate))
        """Pieces that are held back: only the next one tells how long a picture lasts."""
        self.calls: list[Call] = []

    @property
    def spec(self) -> EncoderSpec:
        return self._encoder.spec

    @property
    def decision(self) -> Decision:
        return self._encoder.decision

    @property
    def shown(self) -> Sequence[int] | None:
        return self._encoder.shown

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
        if self._key_next is not None and pts in self._starts:
            self._key_next()
        begin = time.monotonic()
        pieces = self._encoder.encode(planes, pts, change)
        return self._called(begin, pieces)

    def flush(self) -> Sequence[Piece]:
        begin = time.monotonic()
        return self._called(begin, self._encoder.flush())

    def _called(self, begin: float, pieces: Sequence[Piece]) -> Sequence[Piece]:
        pictures = tuple((piece.size, isinstance(piece, EncodedPacket) and piece.is_key) for piece in pieces)
        self.calls.append(Call(time.monotonic() - begin, pictures))
        return pieces
