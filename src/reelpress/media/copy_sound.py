"""Packets of AAC sound taken over as they are: which there are, and reading a stretch of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.media._av import input_errors, open_input, packets_of, stream_of
from reelpress.media.copy_places import SamplePlaces
from reelpress.media.packets import EncodedPacket
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


AAC_PACKET = 1024
"""Samples that a packet of AAC-LC stands for (ISO/IEC 14496-3)."""
AAC_LC = 2
"""audioObjectType of ISO/IEC 14496-3."""


@dataclass(frozen=True, eq=False)
class AudioPackets:
    """The packets of an AAC-LC track, all of 1024 samples and without a gap."""

    rate: int
    channels: int
    start: int
    """Presentation time of the first packet's first sample, in samples."""
    count: int
    places: SamplePlaces | None = None
    refusal: str | None = None
    """Why they cannot be taken over, as words that follow "because"."""


def scan_audio(path: Path, stream: int) -> AudioPackets:
    """Look at all packets of a sound track.

    Raises:
        InputError: The file cannot be read.
    """
    with open_input(path, only=stream) as container, input_errors(path, "reading its sound"):
        track: Any = stream_of(container, stream, path)
        context = track.codec_context
        rate, channels = int(context.sample_rate or 0), int(context.channels or 0)
        config = bytes(context.extradata or b"")

        def refused(why: str) -> AudioPackets:
            return AudioPackets(rate, channels, 0, 0, None, why)

        if context.name != "aac" or len(config) < 2:
            return refused(f"it is {context.name}, not AAC with a header")
        if config[0] >> 3 != AAC_LC or not 1 <= channels <= 2 or rate <= 0:
            return refused("it is not AAC-LC in mono or stereo")
        if str(context.profile or "LC") != "LC":
            return refused(f"it is {context.profile}")
        ticks: list[int] = []
        at: list[int] = []
        sizes: list[int] = []
        head = b""
        for packet in packets_of(container, track):
            if not packet.size:
                continue
            beat()
            if packet.pts is None or packet.is_corrupt:
                return refused("it has damaged packets")
            ticks.append(int(packet.pts))
            head = head or bytes(packet)
            at.append(-1 if packet.pos is None else packet.pos)
            sizes.append(packet.size)
        base = Fraction(track.time_base)
        name = container.format.name
    if not ticks:
        return refused("it is empty")
    times = np.array(ticks, np.int64)
    # Milliseconds (MKV) say no more than that there is no gap: where the packets are follows from their number.
    start = round(times[-1] * base * rate) - (len(times) - 1) * AAC_PACKET if base > Fraction(1, rate) else None
    first = round(int(times[0]) * base * rate) if start is None else start
    planned = first + AAC_PACKET * np.arange(len(times), dtype=np.int64)
    found = times * float(base * rate)
    if np.abs(found - planned).max() > max(1.0, 1.5 * float(base * rate)):
        return refused("its packets have gaps")
    return AudioPackets(rate, channels, first, len(times), SamplePlaces.of(path, name, at, sizes, head))


class AudioPacketReader:
    """The packets that hold a stretch of sound, from the one before it on: AAC needs that one to begin with.

    Args:
        path, stream: The track.
        packets: What :func:`scan_audio` found.
        start: First sample that is heard, counted as ``AudioPackets.start``.
        end: First sample that is not.
    """

    def __init__(self, path: Path, stream: int, packets: AudioPackets, start: int, end: int) -> None:
        self._path, self._stream = path, stream
        self._scan = packets
        self.first = max(0, (start - packets.start) // AAC_PACKET - 1)
        self.last = min(packets.count, -(-(end - packets.start) // AAC_PACKET))
        self._offset = packets.start - start
        self._data: Iterator[bytes] | None = None
        self._number = self.first
        self.time_base = Fraction(1, packets.rate)

    def next(self) -> EncodedPacket | None:
        """The next packet, timed from ``start``; negative before it, which the file's edit list leaves out."""
        with input_errors(self._path, "copying its sound"):
            if self._data is None:
                self._data = self._read()
            data = next(self._data, None)
        if data is None:
            return None
        pts = self._offset + self._number * AAC_PACKET
        self._number += 1
        return EncodedPacket("audio", data, pts, pts, AAC_PACKET, True, self.time_base)

    def _read(self) -> Iterator[bytes]:
        if self._scan.places is not None:
            yield from self._scan.places.read(self._path, self.first, max(0, self.last - self.first))
            return
        with open_input(self._path, only=self._stream) as container:
            track = stream_of(container, self._stream, self._path)
            number = 0
            for packet in packets_of(container, track):
                if not packet.size:
                    continue
                beat()
                if self.first <= number < self.last:
                    yield bytes(packet)
                number += 1
                if number >= self.last:
                    return

    def close(self) -> None:
        """Close the file; harmless twice."""
        self._data = iter(())
