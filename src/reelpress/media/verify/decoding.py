"""Decoding what a finished file holds: a few pictures or all, and the sound."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from av.codec.context import CodecContext

from reelpress.clock import AUDIO_RATE
from reelpress.media._av import AV_ERRORS
from reelpress.media.verify.container import codec_of, opened, time_base
from reelpress.media.verify.keys import h264_key
from reelpress.media.verify.verdict import wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from av.container import InputContainer

    from reelpress.errors import VerifyError
    from reelpress.media.verify.packets import PacketTable
    from reelpress.media.verify.verdict import Expected

KEY_FRAMES = 8
"""Key frames decoded in fast mode, besides the first and the last picture."""


def _prepare(container: InputContainer, stream: int) -> Any:
    track = container.streams[stream]
    context = codec_of(track)
    context.thread_count = 1
    context.thread_type = "NONE"
    # Faults are errors here, not something to be painted over.
    context.options = {"err_detect": "explode"}
    return track


def decode_some(
    path: Path, stream: int, packets: PacketTable, most: int, seconds: float | None, pause: Callable[[], None]
) -> int:
    """Decode the first picture, the last one with what it needs, and up to ``most`` key frames in ``seconds``."""
    keys = np.sort(packets.pts[packets.key])
    last = int(packets.pts.max())
    count = max(2, most)
    spread = sorted({int(keys[round(k * (len(keys) - 1) / (count - 1))]) for k in range(count)})
    # The last one before all, then the first; those between are what can be left out.
    places = [(spread[-1], last), *((pts, pts) for pts in spread[:-1])]
    seen = _Seen(path, packets)
    seen.is_new(spread[-1])
    with opened(path) as container:
        some = _Some(container, stream, pause)
        begin = time.perf_counter()
        for number, (start, end) in enumerate(places):
            if number > 1 and seconds is not None and time.perf_counter() - begin >= seconds:
                break
            if number == 0 or seen.is_new(start):
                some.feed(start, end)
        return some.finish()


class _Seen:
    """Key frames by their coded data: one that is shown once more (replayed) need not be decoded once more."""

    HEADER = 64
    """Bytes of a packet that may differ: parameters of the slice, its length."""

    def __init__(self, path: Path, packets: PacketTable) -> None:
        self._path, self._packets = path, packets
        self._known: list[bytes] = []

    def is_new(self, pts: int) -> bool:
        """Whether the data of the packet at ``pts`` was not asked for before."""
        packets = self._packets
        if packets.offset is None:
            return True
        number = int(np.flatnonzero(packets.pts == pts)[0])
        with self._path.open("rb") as file:
            file.seek(int(packets.offset[number]))
            data = file.read(int(packets.size[number]))
        for known in self._known:
            common = min(len(known), len(data)) - self.HEADER
            if abs(len(known) - len(data)) <= 2 and common > 0 and known[-common:] == data[-common:]:
                return False
        self._known.append(data)
        return True


class _Some:
    """Decodes pictures here and there with one decoder, which works at several at a time.

    It is one of its own: the container's would forget at each seek what it still works at.
    """

    THREADS = 4
    """Pictures decoded at a time; each takes the memory of one."""

    def __init__(self, container: InputContainer, stream: int, pause: Callable[[], None]) -> None:
        self._container, self._track, self._pause = container, container.streams[stream], pause
        self._base = time_base(self._track)
        own: Any = self._track.codec_context
        self._context: Any = CodecContext.create(own.name, "r")
        self._context.extradata = own.extradata
        self._context.thread_type, self._context.thread_count = "FRAME", self.THREADS
        # Faults are errors. The loop filter finds none and takes a quarter of the time.
        self._context.options = {"err_detect": "explode", "skip_loop_filter": "all"}
        self._h264 = own.name == "h264"
        self._wanted: dict[int, int] = {}
        """Pictures that have to come out, and the key frames before them; in the order they were asked for."""
        self._decoded = 0

    def feed(self, start: int, end: int) -> None:
        """Decode from the key frame at ``start`` what the picture at ``end`` may need, or only that one."""
        first = True
        self._wanted[end] = start
        try:
            self._container.seek(start, stream=self._track)
            for packet in self._container.demux(self._track):
                if start == end and packet.pts is not None and packet.pts != start:
                    return
                if first and not (self._h264 and h264_key(memoryview(packet))):
                    self._drain()  # it does not tell the decoder by itself that all begins anew
                first = False
                if self._h264 and packet.pts != end and _is_disposable(packet):
                    continue  # no other picture refers to it
                if packet.size == 0:
                    return
                self._take(self._context.decode(packet))
                if packet.pts is not None and packet.pts >= end and packet.dts is not None and packet.dts >= end:
                    return  # all packets from here on are decoded later than the picture is shown
        except AV_ERRORS as fault:
            raise self._failed(fault) from fault

    def finish(self) -> int:
        """Wait for all pictures; how many were decoded."""
        try:
            self._drain()
        except AV_ERRORS as fault:
            raise self._failed(fault) from fault
        for end in self._wanted:
            raise wrong(f"the picture at {float(end * self._base):.3f} s did not come out of the decoder")
        return self._decoded

    def _drain(self) -> None:
        if self._context.is_open:
            self._take(self._context.decode(None))
            self._context.flush_buffers()

    def _take(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            self._decoded += 1
            self._pause()
            _whole(frame, self._base)
            self._wanted.pop(frame.pts, None)

    def _failed(self, fault: Exception) -> VerifyError:
        start = next(iter(self._wanted.values()), 0)
        return wrong(f"pictures from {float(start * self._base):.3f} s on cannot be decoded ({fault})")


def _is_disposable(packet: Any) -> bool:
    """Whether a packet of an MP4 file is a non-reference H.264 picture: nal_ref_idc 0 and nal_unit_type 1 (7.4.1)."""
    if packet.size < 5:
        return False
    return (memoryview(packet)[4] & 0x7F) == 1


def _whole(frame: Any, base: Fraction) -> None:
    if frame.is_corrupt:
        raise wrong(f"the picture at {float((frame.pts or 0) * base):.3f} s is damaged")


def decode_all(
    path: Path, stream: int, expected: Expected, pause: Callable[[], None], slack: Fraction = Fraction(0)
) -> int:
    """Decode every picture; ``slack``: seconds by which its time may be off."""
    decoded = 0
    places: Sequence[int] = range(expected.frames) if expected.shown is None else expected.shown.tolist()
    with opened(path) as container:
        track = _prepare(container, stream)
        base = time_base(track)
        try:
            for packet in container.demux(track):
                for frame in packet.decode():
                    _whole(frame, base)
                    place = (
                        decoded
                        if expected.shown is None
                        else int(expected.shown[min(decoded, len(expected.shown) - 1)])
                    )
                    if abs(frame.pts * base - place / expected.fps) > slack:
                        raise wrong(f"decoded picture {decoded} is for {float(frame.pts * base):.6f} s")
                    decoded += 1
                pause()
        except AV_ERRORS as fault:
            raise wrong(f"picture {decoded} cannot be decoded ({fault})") from fault
    if decoded != len(places):
        raise wrong(f"{decoded} pictures can be decoded instead of {len(places)}")
    return decoded


def decode_audio(path: Path, stream: int, mode: str, pause: Callable[[], None]) -> None:
    """Decode the first second of sound, or all of it."""
    samples = 0
    with opened(path) as container:
        track = _prepare(container, stream)
        try:
            for packet in container.demux(track):
                samples += sum(frame.samples for frame in packet.decode())
                pause()
                if mode == "fast" and samples >= AUDIO_RATE:
                    return
        except AV_ERRORS as fault:
            raise wrong(f"its sound cannot be decoded after {samples} samples ({fault})") from fault
    if samples == 0:
        raise wrong("no sound comes out of the decoder")
