"""No picture for a held frame: ``--unchanged vfr``, for encoders whose stream cannot be spliced.

A picture lasts until the next one that differs. Works with any codec; what it needs is a container with durations, and
players that honour them.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.splice.changed import MacroblockDiff
from reelpress.encode.splice.policy import MOVING_DURATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.media.encoder import EncoderSpec, VideoSession
    from reelpress.media.packets import EncodedPacket
    from reelpress.media.planes import Planes


class VariableRate:
    """Implements :class:`reelpress.encode.base.Encoder` over an encoder without B-frames; one thread at a time.

    Keeps the last picture that was encoded. Packets come one picture late: only then their durations are known.

    Args:
        session: The encoder, which obeys key frames asked for.
        gop: Frames from a key frame to the next at most, where a picture comes at all.
    """

    def __init__(self, session: VideoSession, gop: int) -> None:
        self._session = session
        self._gop = max(1, gop)
        self._diff = MacroblockDiff(session.spec.width, session.spec.height)
        self._anchor: Planes | None = None
        self._decision = Decision(Kind.REAL, "nothing yet")
        self._frames: deque[int] = deque()
        self._shown = array("q")
        self._late: list[EncodedPacket] = []
        self._key = self._given = self._end = 0

    @property
    def spec(self) -> EncoderSpec:
        return self._session.spec

    @property
    def decision(self) -> Decision:
        return self._decision

    @property
    def shown(self) -> Sequence[int]:
        """See :attr:`reelpress.encode.base.Encoder.shown`."""
        return self._shown

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[EncodedPacket]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        if change.damage is None:
            self._diff.mark_all()
        else:
            self._diff.mark(change.damage)
        self._end = pts + 1
        if self._anchor is not None and self._diff.changed(planes, self._anchor, 0) is not None:
            self._decision = Decision(Kind.HOLD, "the last picture lasts longer")
            return []
        key = self._anchor is None or pts - self._key >= self._gop
        self._decision = Decision(Kind.KEY if key else Kind.REAL, "a key frame is due" if key else "something changed")
        self._key = pts if key else self._key
        self._anchor = planes
        self._diff.settled()
        self._given += MOVING_DURATION
        self._frames.append(pts)
        self._shown.append(pts)
        return self._timed(self._session.encode(planes, self._given, key=key))

    def key_next(self) -> None:
        """Make the next picture that differs a key frame: what comes has nothing to do with what was shown."""
        self._key = -self._gop

    def flush(self) -> list[EncodedPacket]:
        """See :meth:`reelpress.encode.base.Encoder.flush`."""
        ready = self._timed(self._session.flush())
        last, self._late = self._late, []
        return ready + [replace(packet, duration=self._end - packet.pts) for packet in last]

    def _timed(self, packets: list[EncodedPacket]) -> list[EncodedPacket]:
        """Packets with their true times; the newest one waits for the next, which ends it."""
        ready: list[EncodedPacket] = []
        for packet in packets:
            frame = self._frames.popleft()
            ready += [replace(late, duration=frame - late.pts) for late in self._late]
            self._late = [replace(packet, pts=frame, dts=frame)]
        return ready
