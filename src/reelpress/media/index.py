"""FrameIndex: which frames a video stream shows and when, from its packets alone; nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.errors import UnreadableInputError
from reelpress.media._av import input_errors, open_input, stream_of
from reelpress.media._shown import shows_frame

if TYPE_CHECKING:
    from pathlib import Path

Ticks = np.ndarray[Any, np.dtype[np.int64]]


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

    def keyframe_before(self, ticks: int, steps: int = 0) -> int | None:
        """The newest key frame with pts <= ``ticks``, or one ``steps`` further back; ``None`` is the file's start."""
        at = int(np.searchsorted(self.keyframes, ticks, side="right")) - 1 - steps
        return int(self.keyframes[at]) if at >= 0 else None


def build_index(path: Path, stream: int) -> FrameIndex:
    """Read all packets of one stream and say which frames are shown when.

    Raises:
        InputError: The file cannot be read, or the stream has no packet that shows a frame.
    """
    pts: list[int] = []
    ends: list[tuple[int, int]] = []
    keys: list[int] = []
    damaged = packets = unknown = 0
    container = open_input(path, only=stream)
    try:
        with input_errors(path, "reading its packets"):
            video = stream_of(container, stream, path)
            time_base = video.time_base or Fraction(1, 90_000)
            rate = video.average_rate or getattr(video, "guessed_rate", None)
            codec = video.codec_context.name if video.codec_context else ""
            for packet in container.demux(video):
                if packet.size == 0:
                    continue  # the demuxer's end marker, or an empty packet (a dropped frame in AVI)
                packets += 1
                damaged += packet.is_corrupt
                time = packet.pts if packet.pts is not None else packet.dts
                unknown += packet.pts is None
                if time is None:
                    continue
                if packet.is_keyframe:
                    keys.append(time)
                if packet.is_discard or not shows_frame(codec, packet):
                    continue
                pts.append(time)
                ends.append((time, packet.duration or 0))
    finally:
        container.close()
    if packets == 0:
        raise UnreadableInputError(f"{path}: claims to have video but holds no picture data.")
    if unknown:
        return _counted(packets, time_base, rate, damaged)
    if not pts:
        raise UnreadableInputError(f"{path}: none of its {packets} video packets is to be shown.")
    ticks = np.unique(np.array(pts, np.int64))
    last, duration = max(ends)
    return FrameIndex(
        time_base=time_base,
        pts=ticks,
        end_pts=last + (duration if duration > 0 else _usual_step(ticks, rate, time_base)),
        keyframes=np.unique(np.array(keys, np.int64)),
        damaged_packets=damaged,
    )


def _usual_step(ticks: Ticks, rate: Fraction | None, time_base: Fraction) -> int:
    """Length of the last frame when the container does not say: the usual distance of frames."""
    if len(ticks) > 1:
        return max(1, int(np.median(np.diff(ticks))))
    if rate:
        return max(1, round(1 / (rate * time_base)))
    return 1


def _counted(packets: int, time_base: Fraction, rate: Fraction | None, damaged: int) -> FrameIndex:
    """Index of a stream without presentation times: frame after frame at its rate (25 if unknown)."""
    step = max(1, round(1 / ((rate or Fraction(25)) * time_base)))
    return FrameIndex(
        time_base=time_base,
        pts=np.arange(packets, dtype=np.int64) * step,
        end_pts=packets * step,
        keyframes=np.zeros(1, np.int64),
        by_order=True,
        damaged_packets=damaged,
    )
