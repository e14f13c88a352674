"""What was decided about an export that copies packets: its parts, their packets and their times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from reelpress.encode.splice.join import JoinSps
    from reelpress.media.copy import VideoPackets
    from reelpress.media.copy_sound import AudioPackets
    from reelpress.recording.model import VideoTrack


class CopyRefused(Exception):
    """Packets cannot be copied; ``reason`` says why, as a sentence without its capital and its full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one recording's pictures that follow each other."""

    track: VideoTrack
    ordinal: int
    """First picture, in the order of presentation of its track."""
    count: int
    at: int
    """Number of its first picture in the output."""
    packet: int | None = None
    """First packet in the order of decoding, an IDR picture; ``None``: the pictures are re-encoded."""

    @property
    def copied(self) -> bool:
        """Its packets are taken over."""
        return self.packet is not None


@dataclass(frozen=True, eq=False)
class CopyJob:
    """An export by copying, decided in every detail."""

    parts: tuple[Part, ...]
    packets: dict[str, VideoPackets]
    """By the track's key."""
    sps: tuple[bytes, ...]
    """With the output's colour tags."""
    pps: tuple[bytes, ...]
    source_sps: JoinSps
    scale: int
    """Ticks a second of ``times``."""
    times: tuple[int, ...]
    """When each picture is shown."""
    end: int
    """When the last one ends."""
    constant: bool
    """Picture k is shown at k/fps. Else the pictures keep the recording's own times."""
    sound: AudioPackets | None
    """Sound that is copied too; ``None``: it is mixed and encoded as always, or there is none."""
    sound_reason: str
    delay: int
    """Pictures by which decoding runs ahead."""

    @property
    def copied(self) -> int:
        """Pictures taken over."""
        return sum(part.count for part in self.parts if part.copied)

    @property
    def encoded(self) -> int:
        """Pictures re-encoded."""
        return sum(part.count for part in self.parts if not part.copied)

    @property
    def pictures(self) -> int:
        """Pictures in the output."""
        return len(self.times)

    def order(self, part: Part) -> list[int]:
        """Numbers in the output of a part's pictures, in the order of decoding."""
        if part.packet is None:
            return list(range(part.at, part.at + part.count))
        packets = self.packets[part.track.key]
        index = part.track.index
        found = np.searchsorted(index.pts, packets.pts[part.packet : part.packet + part.count])
        numbers: list[int] = (found - part.ordinal + part.at).tolist()
        return numbers

    def explained(self) -> dict[str, Any]:
        """``copy`` of the plan."""
        cuts = f"; {self.encoded} at the cuts are encoded again" if self.encoded else ""
        times = "" if self.constant else ", with the recording's own times"
        return {
            "used": True,
            "reason": f"nothing is drawn and nothing else was asked for: {self.copied} of {self.pictures} pictures are "
            f"copied as they are{times}{cuts}; {self.sound_reason}",
            "copied": self.copied,
            "encoded": self.encoded,
            "sound": "copied" if self.sound is not None else "encoded",
        }
