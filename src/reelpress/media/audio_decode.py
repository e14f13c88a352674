"""Decode one audio track as a stream of 48 kHz samples that are addressed by presentation time.

Sample k of a track is the sound at k/48000 s of the file's own presentation time. Where the file has no sound
(before its start, in gaps, after its end, in place of damaged packets) there is silence.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av
import av.error
import numpy as np

from reelpress.clock import AUDIO_RATE
from reelpress.errors import UnreadableInputError
from reelpress.media._av import AV_ERRORS, open_input, packets_of
from reelpress.media.audio_filters import Resampler, Samples
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer

Channels = Literal["stereo", "left", "right"]

MONO_GAIN = np.float32(0.5**0.5)
"""One channel played on both sides keeps its loudness (cap-format 4: x0.707)."""

_PREROLLS = (Fraction(1, 2), Fraction(10))
"""Seconds to start decoding before the wanted moment. Opus needs 80 ms (RFC 7845), AAC one frame, MP3 its bit
reservoir (at most 9 frames); the second is tried when the file's index lands too late."""
_JUMP = 0.050
"""A timestamp that differs by more seconds than this from the count of samples is a gap or an overlap."""
_DRIFT = 0.010
"""A smaller difference is jitter, unless it is beyond this with the same sign for ``_DRIFT_FRAMES`` frames in a row."""
_DRIFT_FRAMES = 12
_AHEAD = 5 * AUDIO_RATE
"""Decoding over fewer samples than this is cheaper than a seek with its pre-roll."""


class AudioReader:
    """One audio stream of one file, read forward with rare seeks. One thread uses it; it starts none.

    Holds a few decoded frames, never a whole file.

    Args:
        path: Any file with sound.
        stream: Index of the stream in the file.
        channels: ``"left"``/``"right"`` take that channel of a stereo track and play it on both sides.

    Raises:
        InputError: It cannot be opened, or the stream is not sound.
    """

    def __init__(self, path: Path, stream: int, channels: Channels = "stereo") -> None:
        self.path = path
        self.stream = stream
        self.channels: Channels = channels
        self.position = 0
        """Sample that the next :meth:`read` begins with; may be negative."""
        self.damaged = 0
        """Packets that could not be decoded so far."""
        self.ended_early: str | None = None
        """Reason why reading stopped before the end of the file."""
        self.buffered_peak = 0
        """Most samples that were ever held decoded at the same time."""
        self._container: InputContainer | None = None
        self._frames: Iterator[av.AudioFrame] = _nothing()
        self._open()

    def close(self) -> None:
        """Close the file; harmless twice."""
        if self._container is not None:
            self._frames = _nothing()
            self._container.close()
            self._container = None

    def seek(self, position: int) -> None:
        """Continue at sample ``position``, exactly; beyond the end there is silence."""
        if self.position <= position <= self._cheap:
            self.position = position
            return
        self.position = position
        target = Fraction(position, AUDIO_RATE)
        for preroll in _PREROLLS:
            if not self._jump(target - preroll):
                self._rewind()
                return
            self._fill()
            if self._landed is not None and self._landed <= position:
                return
        if self._landed is not None:  # the index leads behind the target: only the long way is left
            self._rewind()

    def read(self, count: int) -> Samples:
        """The next ``count`` samples, always that many. Never raises for what is in the file."""
        out = np.zeros((2, count), np.float32)
        done = 0
        while done < count:
            if not self._ready:
                if not self._fill():
                    break
                continue
            start, block = self._ready[0]
            offset = self.position + done - start
            if offset < 0:
                done += min(count - done, -offset)
                continue
            taken = min(count - done, block.shape[1] - offset)
            if taken > 0:
                out[:, done : done + taken] = block[:, offset : offset + taken]
                done += taken
            if offset + max(taken, 0) >= block.shape[1]:
                self._ready.popleft()
        self.position += count
        return out

    # Opening and seeking

    def _open(self) -> None:
        container = open_input(self.path, only=self.stream)
        streams = container.streams
        track = streams[self.stream] if self.stream < len(streams) else None
        if track is None or track.type != "audio" or track.codec_context is None:
            container.close()
            raise UnreadableInputError(f"{self.path} has no sound that can be decoded in stream {self.stream}.")
        track.codec_context.thread_count = 1
        self._container, self._track = container, track
        self._time_base = _fraction(track.time_base) or Fraction(1, AUDIO_RATE)
        self._start = (track.start_time or 0) * self._time_base
        self._reset()
        self._cheap = int(self._start * AUDIO_RATE) + _AHEAD

    def _reset(self) -> None:
        self._frames = self._decoded()
        self._ready: deque[tuple[int, Samples]] = deque()
        self._head = -(1 << 62)
        """First sample after everything decoded so far."""
        self._landed: int | None = None
        """Sample at which decoding began after the last seek."""
        self._cheap = self._head
        """Up to here decoding on is cheaper than a seek."""
        self._resampler: Resampler | None = None
        self._anchor = Fraction(0)
        self._taken = 0
        self._given = 0
        self._rate = AUDIO_RATE
        self._off: list[float] = []

    def _rewind(self) -> None:
        self.close()
        self._open()

    def _jump(self, time: Fraction) -> bool:
        """Seek to the last entry point at or before ``time``; False when the file is better read from its start."""
        if time <= self._start or self._container is None:
            return False
        try:
            self._container.seek(int(time / self._time_base), stream=self._track)
        except (*AV_ERRORS, OverflowError):
            return False
        self._reset()
        return True

    # Decoding

    def _decoded(self) -> Iterator[av.AudioFrame]:
        assert self._container is not None
        packets = packets_of(self._container, self._track)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except AV_ERRORS as fault:
                self.ended_early = str(getattr(fault, "strerror", None) or fault)
                return
            try:
                frames: list[Any] = packet.decode()
            except av.error.EOFError:
                return
            except AV_ERRORS:
                self.damaged += 1
                continue
            beat()
            yield from frames

    def _fill(self) -> bool:
        """Decode until at least one block was added; False at the end."""
        while True:
            frame = next(self._frames, None)
            if frame is None:
                return self._finish_run()
            if frame.samples == 0 or frame.sample_rate <= 0:
                continue
            added = self._place(frame)
            if added:
                self.buffered_peak = max(self.buffered_peak, sum(block.shape[1] for _, block in self._ready))
                return True

    def _place(self, frame: av.AudioFrame) -> bool:
        """Put a frame where its timestamp says, or behind the last one where that is the same but for jitter."""
        added = False
        time_base = _fraction(frame.time_base)
        time = None if frame.pts is None or time_base is None else frame.pts * time_base
        run = self._resampler
        if run is not None and (not run.fits(frame) or (time is not None and self._is_off(time))):
            added = self._finish_run()
            run = None
        if run is None:
            self._resampler = run = Resampler(frame)
            if time is None:
                time = Fraction(max(self._head, 0), AUDIO_RATE)
            self._anchor, self._taken, self._given, self._rate = time, 0, 0, frame.sample_rate
            self._off.clear()
        self._taken += frame.samples
        return self._add(run.push(frame)) or added

    def _is_off(self, time: Fraction) -> bool:
        off = float(time - self._anchor) - self._taken / self._rate
        if abs(off) > _JUMP:
            return True
        if abs(off) <= _DRIFT or (self._off and (self._off[-1] > 0) != (off > 0)):
            self._off.clear()
        if abs(off) > _DRIFT:
            self._off.append(off)
        return len(self._off) >= _DRIFT_FRAMES

    def _finish_run(self) -> bool:
        if self._resampler is None:
            return False
        rest = self._resampler.flush()
        self._resampler = None
        return self._add(rest)

    def _add(self, blocks: list[np.ndarray[Any, np.dtype[np.float32]]]) -> bool:
        added = False
        for block in blocks:
            start = round(self._anchor * AUDIO_RATE) + self._given
            self._given += block.shape[1]
            end = start + block.shape[1]
            if self._landed is None:
                self._landed = start
            # What was already played once, or lies before the place that is read, is not wanted.
            skip = max(0, self._head - start, self.position - start)
            self._head = max(self._head, end)
            self._cheap = self._head + _AHEAD
            if skip < block.shape[1]:
                self._ready.append((start + skip, self._both_sides(block[:, skip:])))
                added = True
        return added

    def _both_sides(self, block: np.ndarray[Any, np.dtype[np.float32]]) -> Samples:
        if block.shape[0] == 2 and self.channels != "stereo":
            block = block[:1] if self.channels == "left" else block[1:]
        if block.shape[0] == 1:
            return np.repeat(block * MONO_GAIN, 2, axis=0)
        return block


def _nothing() -> Iterator[av.AudioFrame]:
    return iter(())


def _fraction(value: Any) -> Fraction | None:
    """A rational of PyAV 18 (Fraction or None) or 19 (AVRational, false when unset) as a Fraction."""
    return Fraction(value.numerator, value.denominator) if value else None
