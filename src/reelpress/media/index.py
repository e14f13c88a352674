"""FrameIndex: which frames a video stream shows and when, from its packets alone; nothing is decoded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.errors import UnreadableInputError
from reelpress.media._av import AV_ERRORS, input_errors, open_input, packets_of, reason, stream_of
from reelpress.media._shown import shows_frame
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet

Ticks = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class PacketFacts:
    """All packets of a stream in the order of the file."""

    pts: Ticks
    size: Ticks
    """Bytes."""
    at: Ticks
    """Where the packet begins in the file; -1 where the demuxer does not say."""
    shown: np.ndarray[Any, np.dtype[np.bool_]]
    """No edit list drops it."""


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of one video stream in presentation order.

    Ordinal ``n`` is the n-th shown frame. Time zero of a file is the presentation time of its first shown frame.
    """

    time_base: Fraction
    """Seconds per tick."""
    pts: Ticks
    """Presentation ticks of every shown frame, ascending, unique; what an edit list drops is not in it."""
    end_pts: int
    """Presentation end of the last frame, in ticks."""
    keyframes: Ticks
    """Presentation ticks of the key frames (also those that are decoded but not shown), ascending."""
    by_order: bool = False
    """The file stores no presentation times: ticks are counted from the order of the frames."""
    damaged_packets: int = 0
    """Packets that the container itself marks as corrupt."""
    packets: PacketFacts | None = None
    """The packets behind the frames, where H.264 comes in an MP4 or MOV file; else ``None``. So that whoever copies
    them need not read them all once more."""
    error: str | None = None
    """Why the packets end before the container's own end (a file cut off in the middle), or ``None``."""

    @property
    def start(self) -> int:
        """Presentation ticks of the first shown frame: the file's time zero."""
        return int(self.pts[0])

    @property
    def duration(self) -> Fraction:
        """Seconds from the first shown frame to the end of the last."""
        return (self.end_pts - self.start) * self.time_base

    def __len__(self) -> int:
        return len(self.pts)

    def ordinal_at(self, ticks: int) -> int:
        """The newest frame with pts <= ``ticks``, clamped to the first and the last one."""
        at = int(np.searchsorted(self.pts, ticks, side="right")) - 1
        return min(max(at, 0), len(self.pts) - 1)

    def ordinals_at(self, ticks: Sequence[int]) -> list[int]:
        """:meth:`ordinal_at` of each of ``ticks``."""
        found = np.searchsorted(self.pts, np.asarray(ticks, np.int64), side="right") - 1
        return [int(n) for n in np.clip(found, 0, len(self.pts) - 1).tolist()]

    def keyframe_at(self, ticks: int) -> int:
        """Position in ``keyframes`` of the newest one with pts <= ``ticks``; -1 if there is none."""
        return int(np.searchsorted(self.keyframes, ticks, side="right")) - 1


def build_index(path: Path, stream: int) -> FrameIndex:
    """Read all packets of one stream and say which frames are shown when.

    Raises:
        InputError: The file cannot be read, or the stream has no packet that shows a frame.
    """
    # columns of plain numbers: as objects those of half an hour would be 9 MB that the process never gives back
    pts, keys = array("q"), array("q")
    end = (-(1 << 63), 0)
    """Time and duration of the frame that is shown last."""
    failures: list[str] = []
    damaged = packets = unknown = 0
    container = open_input(path, only=stream, packets_only=True)
    try:
        with input_errors(path, "reading its packets"):
            video = stream_of(container, stream, path)
            time_base = video.time_base or Fraction(1, 90_000)
            rate = video.average_rate or getattr(video, "guessed_rate", None)
            codec = video.codec_context.name if video.codec_context else ""
            # AVI stores the order of decoding only; FFmpeg takes that for the time of presentation.
            by_order = container.format.name == "avi" and getattr(video.codec_context, "reorder_depth", 0) > 0
            facts: _Columns | None = None
            if codec == "h264" and container.format.name.startswith("mov"):
                facts = _Columns()
            stray = container.format.name in ("mpegts", "mpeg", "hls")
            for packet in _packets(container, video, failures):
                if packet.size == 0:
                    continue  # the demuxer's end marker, or an empty packet (a dropped frame in AVI)
                packets += 1
                if stray and not packet.is_keyframe:
                    continue  # a broadcast cut in the middle: nothing can be decoded before the first key frame
                stray = False
                damaged += packet.is_corrupt
                time = packet.pts if packet.pts is not None else packet.dts
                unknown += packet.pts is None
                if time is None:
                    facts = None
                    continue
                if packet.is_keyframe:
                    keys.append(time)
                    if packet.has_sidedata("new_extradata"):
                        facts = None  # another sample description
                if facts is not None:
                    facts.add(time, packet.size, -1 if packet.pos is None else packet.pos, not packet.is_discard)
                if packet.is_discard or not shows_frame(codec, packet):
                    continue
                pts.append(time)
                end = max(end, (time, packet.duration or 0))
    finally:
        container.close()
    if packets == 0:
        raise UnreadableInputError(f"{path}: claims to have video but holds no picture data.")
    if unknown:
        return _counted(packets, time_base, rate, damaged, failures)
    if not pts:
        raise UnreadableInputError(f"{path}: none of its {packets} video packets is to be shown.")
    ticks = np.unique(np.frombuffer(pts, np.int64))
    last, duration = end
    return FrameIndex(
        time_base=time_base,
        pts=ticks,
        end_pts=last + (duration if duration > 0 else _usual_step(ticks, rate, time_base)),
        keyframes=np.unique(np.frombuffer(keys, np.int64)),
        by_order=by_order,
        damaged_packets=damaged,
        packets=facts.packets() if facts is not None else None,
        error=failures[0] if failures else None,
    )


class _Columns:
    """What is gathered of each packet: 25 bytes."""

    def __init__(self) -> None:
        self._pts, self._size, self._at = array("q"), array("q"), array("q")
        self._shown = array("b")

    def add(self, pts: int, size: int, at: int, shown: bool) -> None:
        """One packet more."""
        self._pts.append(pts)
        self._size.append(size)
        self._at.append(at)
        self._shown.append(shown)

    def packets(self) -> PacketFacts | None:
        """All of them; ``None``: there are none."""
        if not self._pts:
            return None
        times, sizes, places = (np.frombuffer(column, np.int64) for column in (self._pts, self._size, self._at))
        return PacketFacts(times, sizes, places, np.frombuffer(self._shown, np.bool_))


def _usual_step(ticks: Ticks, rate: Fraction | None, time_base: Fraction) -> int:
    """Length of the last frame when the container does not say: the usual distance of frames."""
    if len(ticks) > 1:
        return max(1, int(np.median(np.diff(ticks))))
    if rate:
        return max(1, round(1 / (rate * time_base)))
    return 1


def _packets(container: InputContainer, stream: Any, failures: list[str]) -> Iterator[Packet[Any]]:
    """The packets of ``stream`` up to the first reading error, which goes to ``failures``."""
    packets = packets_of(container, stream)
    empty = True
    while True:
        try:
            packet = next(packets, None)
        except AV_ERRORS as error:
            if empty or isinstance(error, MemoryError):
                raise
            failures.append(reason(error))
            return
        if packet is None:
            return
        empty = False
        beat()
        yield packet


def _counted(packets: int, time_base: Fraction, rate: Fraction | None, damaged: int, failures: list[str]) -> FrameIndex:
    """Index of a stream without presentation times: frame after frame at its rate (25 if unknown)."""
    step = max(1, round(1 / ((rate or Fraction(25)) * time_base)))
    return FrameIndex(
        time_base=time_base,
        pts=np.arange(packets, dtype=np.int64) * step,
        end_pts=packets * step,
        keyframes=np.zeros(1, np.int64),
        by_order=True,
        damaged_packets=damaged,
        error=failures[0] if failures else None,
    )
