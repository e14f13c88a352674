"""Every frame through the encoder: ``--unchanged encode``, and what the other ways are measured against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind

if TYPE_CHECKING:
    from reelpress.media.encoder import EncoderSpec, VideoSession
    from reelpress.media.packets import EncodedPacket
    from reelpress.media.planes import Planes

_ALWAYS = Decision(Kind.REAL, "every frame is encoded")


class EveryFrame:
    """Implements :class:`reelpress.encode.base.Encoder`; the encoder places key frames and B-frames as it likes."""

    def __init__(self, session: VideoSession) -> None:
        self._session = session

    @property
    def spec(self) -> EncoderSpec:
        return self._session.spec

    @property
    def decision(self) -> Decision:
        return _ALWAYS

    @property
    def shown(self) -> None:
        """See :attr:`reelpress.encode.base.Encoder.shown`."""
        return None

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[EncodedPacket]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        del change
        return self._session.encode(planes, pts)

    def flush(self) -> list[EncodedPacket]:
        """See :meth:`reelpress.encode.base.Encoder.flush`."""
        return self._session.flush()
