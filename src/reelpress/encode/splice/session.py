"""The splicing encoder: real pictures through x264, all others written by ourselves.

What is inserted is a difference from the last real picture, whose packet may come much later: the encoder looks ahead
by *real* pictures, and a minute can lie between two of them. So inserted pictures wait as what they are (nothing, or
the compressed pieces of a patch: bytes, never planes) and are written behind their real picture when it comes out;
only then it is known whether the encoder made a key frame of it by itself.

An encoder with B pictures takes every other picture's place in the coding order as it likes; an insertion needs the
last real picture to be the newest reference. So each real picture is kept back until the one after it is known, and
given as a P picture where that is an inserted one: everything before it has then come out when it has.
"""

from __future__ import annotations

import functools
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from reelpress.encode.base import SHORT_AREA, UNKNOWN, Change, Decision, Kind
from reelpress.encode.splice.changed import MacroblockDiff
from reelpress.encode.splice.cuts import novelty
from reelpress.media import turn
from reelpress.media.packets import EncodedPacket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from reelpress.encode.splice.policy import Policy
    from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer
    from reelpress.encode.splice.transplant import Transplanter
    from reelpress.media.encoder import EncoderSpec, VideoSession
    from reelpress.media.planes import Planes


@dataclass(slots=True)
class SpliceCounts:
    """Pictures by what became of them, and the bytes of those that were inserted."""

    real: int = 0
    keys: int = 0
    """Of the real ones, those asked for as key frames."""
    held: int = 0
    patched: int = 0
    replayed: int = 0
    real_bytes: int = 0
    inserted_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Real:
    """A picture for the encoder, in its own ticks."""

    planes: Planes
    pts: int
    key: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A picture whose place in the stream is known, and whose bytes are not."""

    frame: int
    kind: Kind
    pieces: Sequence[IntraRun | PcmRun] = ()


class SpliceSession:
    """Implements :class:`reelpress.encode.base.Encoder` over an encoder and an editor of its stream.

    Keeps the last real picture's planes. One thread at a time.

    Args:
        session: The encoder: ``forced-idr``, frame threads, B pictures only as the editor takes them.
        splicer: The editor of its stream; the file's header has the editor's parameter sets.
        patches: Makes the pieces of patched pictures.
        policy: Decides.

    Raises (from ``encode`` and ``flush``):
        SpliceRefused: The encoder's stream is not what the editor can work on; what was written so far is complete up
            to that picture.
    """

    def __init__(self, session: VideoSession, splicer: Splicer, patches: Transplanter, policy: Policy) -> None:
        self.counts = SpliceCounts()
        self._session = session
        self._splicer = splicer
        self._patches = patches
        self._policy = policy
        self._diff = MacroblockDiff(session.spec.width, session.spec.height)
        self._anchor: Planes | None = None
        self._last: tuple[Sequence[IntraRun | PcmRun], Decision] | None = None
        self._waiting: deque[_Waiting] = deque()
        self._reorder = splicer.reorder
        self._kept_back: _Real | None = None
        self._frames: dict[int, int] = {}
        self._out: set[int] = set()
        self._count = 0
        self._decision = Decision(Kind.REAL, "nothing yet")
        self._given = 0
        self._lasts = 0
        self._time_base = 1 / session.spec.fps

    @property
    def spec(self) -> EncoderSpec:
        return self._session.spec

    @property
    def decision(self) -> Decision:
        return self._decision

    @property
    def shown(self) -> None:
        """See :attr:`reelpress.encode.base.Encoder.shown`."""
        return None

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[EncodedPacket]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        spec, damage = self._session.spec, change.damage
        short = damage is not None and sum(rect.area for rect in damage) < SHORT_AREA * spec.width * spec.height
        with turn.taken(wanted=short):
            return self._encode(planes, pts, change)

    def _encode(self, planes: Planes, pts: int, change: Change) -> list[EncodedPacket]:
        if change.damage is None:
            self._diff.mark_all()
        else:
            self._diff.mark(change.damage)
        found = self._changed(planes, pts, change.tolerance)
        changed = None if found is None else int(np.count_nonzero(found))
        decision = self._policy.decide(
            pts, changed, hides_more=change.hides_more, novelty=functools.partial(self._novelty, planes)
        )
        pieces: Sequence[IntraRun | PcmRun] = ()
        if decision.kind is Kind.PATCH and found is not None:
            pieces, decision = self._patched(planes, pts, found, decision, repeated=change.damage == ())
        if found is None and decision.kind in (Kind.REAL, Kind.KEY) and not self._policy.limits.noisy:
            found = self._counted(planes, self._policy.limits.motion_area)
            changed = None if found is None else int(np.count_nonzero(found))
        self._policy.did(pts, decision, changed)
        self._decision = decision
        self._waiting.append(_Waiting(pts, decision.kind, pieces))
        self._last = (pieces, decision) if decision.kind is Kind.PATCH else None
        if decision.kind in (Kind.REAL, Kind.KEY):
            return self._real(planes, pts, decision, self._policy.duration(decision, changed))
        return self._given_on(closing=True) + self._drained()

    def key_next(self) -> None:
        """Make the next picture a key frame: what comes has nothing to do with what was shown."""
        self._policy.restart()

    def flush(self) -> list[EncodedPacket]:
        """See :meth:`reelpress.encode.base.Encoder.flush`."""
        return self._given_on() + self._written(self._session.flush())

    def _changed(self, planes: Planes, frame: int, tolerance: int) -> NDArray[np.bool_] | None:
        if self._policy.backs_off(frame):
            return None
        return self._counted(planes, self._policy.countable(frame), tolerance)

    def _counted(self, planes: Planes, limit: int, tolerance: int = 0) -> NDArray[np.bool_] | None:
        """The macroblocks that differ from the last real picture; ``None``: more than ``limit``, or there is none."""
        return None if self._anchor is None else self._diff.changed(planes, self._anchor, limit, tolerance)

    def _novelty(self, planes: Planes, enough: float) -> float:
        return 1.0 if self._anchor is None else novelty(planes.planes[0], self._anchor.planes[0], enough)

    def _patched(
        self, planes: Planes, frame: int, found: NDArray[np.bool_], decision: Decision, *, repeated: bool
    ) -> tuple[Sequence[IntraRun | PcmRun], Decision]:
        """The pieces of a patch and what is said of it; or no pieces and a real picture."""
        if repeated and self._last is not None:
            pieces, patch = self._last
        else:
            made = self._patches.pieces(planes, found)
            if made is None:
                self._policy.refuse(frame, decision.macroblocks)
                return (), Decision(Kind.REAL, "the patch would take too many slices", decision.macroblocks)
            if not self._splicer.fits(made):
                self._policy.refuse(frame, decision.macroblocks)
                reason = "the patch would be larger than the stream's level allows"
                return (), Decision(Kind.REAL, reason, decision.macroblocks)
            pieces = made
            patch = replace(decision, size_bytes=self._splicer.size_of(pieces))
        decision = self._policy.accepts(frame, patch)
        return (pieces, decision) if decision.kind is Kind.PATCH else ((), decision)

    def _real(self, planes: Planes, frame: int, decision: Decision, lasts: int) -> list[EncodedPacket]:
        ready = self._given_on()
        self._anchor = planes
        self._diff.settled()
        self._given += self._lasts
        self._lasts = lasts
        self.counts.real += 1
        self.counts.keys += decision.kind is Kind.KEY
        self._frames[self._given] = frame
        self._kept_back = _Real(planes, self._given, decision.kind is Kind.KEY)
        return ready if self._reorder else ready + self._given_on()

    def _given_on(self, *, closing: bool = False) -> list[EncodedPacket]:
        """Give the picture that was kept back to the encoder; ``closing``: as one behind which others are inserted."""
        real, self._kept_back = self._kept_back, None
        if real is None:
            return []
        turn.end()
        packets = self._session.encode(real.planes, real.pts, key=real.key, closing=closing and self._reorder > 0)
        return self._written(packets)

    def _written(self, packets: list[EncodedPacket]) -> list[EncodedPacket]:
        """The encoder's packets with their own times, and everything that waited behind them."""
        ready: list[EncodedPacket] = []
        for packet in packets:
            frame = self._frames.pop(packet.pts)
            data = self._splicer.real(packet.data, frame)
            self._policy.coded(len(data))
            if self._splicer.last_is_idr:
                self._policy.key_seen(frame)
            self.counts.real_bytes += len(data)
            self._out.add(frame)
            ready.append(self._packet(data, frame, is_key=self._splicer.last_is_idr))
            ready += self._drained()
        return ready

    def _drained(self) -> list[EncodedPacket]:
        """The inserted pictures up to the next real one that is not out yet."""
        ready: list[EncodedPacket] = []
        while self._waiting:
            entry = self._waiting[0]
            if entry.kind in (Kind.REAL, Kind.KEY):
                if entry.frame not in self._out:
                    break
                self._out.remove(entry.frame)
            else:
                ready.append(self._inserted(entry))
                self.counts.inserted_bytes += len(ready[-1].data)
            self._waiting.popleft()
        return ready

    def _inserted(self, entry: _Waiting) -> EncodedPacket:
        if entry.kind is Kind.PATCH:
            self.counts.patched += 1
            return self._packet(self._splicer.patched(entry.frame, entry.pieces), entry.frame)
        if entry.kind is Kind.REPLAY:
            data = self._splicer.replay(entry.frame)
            if data is not None:
                self.counts.replayed += 1
                return self._packet(data, entry.frame, is_key=True)
            # cannot be: a replay follows its own key frame. A held picture shows the same, without the seek point.
        self.counts.held += 1
        return self._packet(self._splicer.held(entry.frame), entry.frame)

    def _packet(self, data: bytes, frame: int, *, is_key: bool = False) -> EncodedPacket:
        # one picture a frame: in coding order the k-th is due at k, earlier by as many as it may have to wait
        dts = self._count - self._reorder
        self._count += 1
        return EncodedPacket("video", data, frame, dts, 1, is_key, self._time_base)
