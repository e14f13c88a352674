"""The packets of a finished file: times, sizes, key flags, text."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from reelpress.media._av import AV_ERRORS
from reelpress.media.sample_tables import key_frames as key_frames_of
from reelpress.media.sample_tables import sample_tables
from reelpress.media.text_track import CODEC as TEXT_CODEC
from reelpress.media.text_track import TICK, is_mark, text_of, text_packets
from reelpress.media.verify.container import opened, time_base
from reelpress.media.verify.verdict import wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reelpress.media.sample_tables import Flags
    from reelpress.media.text_track import TextCue
    from reelpress.media.verify.verdict import Expected, Ticks


@dataclass(frozen=True, slots=True)
class PacketTable:
    """Facts of all packets of a track, in file order; about 35 bytes a packet."""

    time_base: Fraction
    """Seconds in a tick."""
    pts: Ticks
    dts: Ticks
    duration: Ticks
    size: Ticks
    """Bytes."""
    key: Flags
    damaged: Flags
    offset: Ticks | None = None
    """Of the first byte in the file, where it is known."""

    def __len__(self) -> int:
        return len(self.pts)

    def end(self) -> Fraction:
        """Seconds at which the last shown packet ends."""
        return int((self.pts + self.duration).max()) * self.time_base

    def seconds(self, ticks: int) -> str:
        """``ticks`` for a sentence."""
        return f"{float(int(ticks) * self.time_base):.6f} s"


def walk(path: Path, stream: int, pause: Callable[[], None]) -> PacketTable:
    """Facts of all packets of a track, as a demuxer tells them."""
    times = {name: array("q") for name in ("pts", "dts", "duration", "size")}
    add_pts, add_dts, add_duration, add_size = (column.append for column in times.values())
    key, damaged = array("b"), array("b")
    with opened(path) as container:
        track = container.streams[stream]
        base = time_base(track)
        try:
            for packet in container.demux(track):  # 3 us each: nothing here that is not needed
                pts, dts, size = packet.pts, packet.dts, packet.size
                if pts is None or dts is None:
                    if size == 0 and pts is None:
                        continue  # the end
                    raise wrong(f"packet {len(key)} of stream {stream} has no time")
                add_pts(pts)
                add_dts(dts)
                add_duration(packet.duration or 0)
                add_size(size)
                key.append(packet.is_keyframe)
                damaged.append(packet.is_corrupt)
                if len(key) % 500 == 0:
                    pause()
        except AV_ERRORS as fault:
            raise wrong(f"reading stopped after {len(key)} packets of stream {stream} ({fault})") from fault
    columns = {name: np.frombuffer(column, np.int64) for name, column in times.items()}
    return PacketTable(base, key=np.frombuffer(key, np.bool_), damaged=np.frombuffer(damaged, np.bool_), **columns)


def listed(path: Path, moov: bytes, pause: Callable[[], None]) -> PacketTable | None:
    """The same from the index, and whether a packet is a key frame from itself; ``None`` for a file not like ours."""
    tables = sample_tables(moov)
    if tables is None:
        return None
    key, damaged = key_frames_of(path, tables, pause)
    times = (tables.pts, tables.dts, tables.duration, tables.size)
    return PacketTable(Fraction(1, tables.timescale), *times, key, damaged, tables.offset)


def check_video_packets(packets: PacketTable, expected: Expected) -> None:
    """Compare the packets of the video track with what was planned.

    Raises:
        VerifyError: Count, order, times, sizes or key flags are wrong.
    """
    check_packets(packets, "picture")
    frames = np.arange(expected.frames, dtype=np.int64) if expected.shown is None else expected.shown
    if len(packets) != len(frames):
        raise wrong(f"it has {len(packets)} pictures instead of {len(frames)}")
    if not packets.key[0]:
        raise wrong("its first picture is not a key frame")
    # pts * time_base == k / fps, in integers.
    shown = np.sort(packets.pts) * (packets.time_base.numerator * expected.fps.numerator)
    planned = frames * (packets.time_base.denominator * expected.fps.denominator)
    if (shown != planned).any():
        k = int(np.argmax(shown != planned))
        found = packets.seconds(int(np.sort(packets.pts)[k]))
        raise wrong(f"picture {k} is shown at {found} instead of {float(int(frames[k]) / expected.fps):.6f} s")
    if abs(packets.end() - expected.seconds) > expected.end_slack:
        raise wrong(f"its video lasts {float(packets.end()):.6f} s instead of {float(expected.seconds):.6f} s")


def check_audio_packets(packets: PacketTable, expected: Expected) -> None:
    """Compare the packets of the audio track with what was planned: in order, and as long as the video.

    Raises:
        VerifyError: Order, sizes or length are wrong.
    """
    check_packets(packets, "sound packet")
    frame = expected.sound_slack
    if abs(int(packets.pts[0]) * packets.time_base) > frame:
        raise wrong(f"its sound starts at {packets.seconds(int(packets.pts[0]))} instead of 0")
    if abs(packets.end() - expected.seconds) > frame:
        raise wrong(f"its sound lasts {float(packets.end()):.6f} s, its video {float(expected.seconds):.6f} s")
    apart = packets.pts[1:] - packets.pts[:-1] - packets.duration[:-1]
    if apart.any():
        raise wrong(f"there is a gap or an overlap after sound packet {int(np.argmax(apart != 0))}")


def check_packets(packets: PacketTable, what: str) -> None:
    """What any track's packets must be: there, whole, in order of decoding and not shown before it."""
    if not len(packets):
        raise wrong(f"it has no {what}s")
    for bad, text in ((packets.size == 0, "is empty"), (packets.damaged, "is cut off or damaged")):
        if bad.any():
            raise wrong(f"{what} {int(np.argmax(bad))} {text}")
    steps = np.diff(packets.dts)
    if (steps <= 0).any():
        k = int(np.argmax(steps <= 0))
        one, two = packets.seconds(int(packets.dts[k])), packets.seconds(int(packets.dts[k + 1]))
        raise wrong(f"decoding times do not rise after {what} {k} ({one}, then {two})")
    if (packets.pts < packets.dts).any():
        raise wrong(f"{what} {int(np.argmax(packets.pts < packets.dts))} is shown before it is decoded")


def check_text(path: Path, cues: Sequence[TextCue], seconds: Fraction, pause: Callable[[], None]) -> None:
    """Every sample of the subtitle track: its times and its text."""
    planned = text_packets(cues, math.floor(seconds * 1000))
    found: list[tuple[Fraction, Fraction, str]] = []
    with opened(path) as container:
        track = next(s for s in container.streams if s.type == "subtitle")
        if track.codec_context is None or track.codec_context.name != TEXT_CODEC:
            raise wrong(f"its subtitles are not {TEXT_CODEC}")
        base = time_base(track)
        try:
            for packet in container.demux(track):
                data, length = bytes(packet), packet.duration or 0
                if data and packet.pts is not None and not is_mark(data, length):
                    found.append((packet.pts * base, length * base, text_of(data)))
                    pause()
        except (*AV_ERRORS, UnicodeDecodeError) as fault:
            raise wrong(f"its subtitles cannot be read after {len(found)} samples ({fault})") from fault
    wanted = [(p.pts * TICK, p.duration * TICK, text_of(p.data)) for p in planned]
    if found != wanted:
        pairs = zip(found, wanted, strict=False)
        k = next((k for k, (one, two) in enumerate(pairs) if one != two), min(len(found), len(wanted)))
        raise wrong(f"its subtitles have {len(found)} samples instead of {len(wanted)}, and sample {k} differs")
