"""Resampling and speed changes of sound, on top of FFmpeg's filters. No files here, no threads."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
from av.filter import Graph

from reelpress.clock import AUDIO_RATE
from reelpress.media.audio_stretch import TimeStretch
from reelpress.media.audio_stretch import lead_in as stretch_lead_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.filter.context import FilterContext

Samples = np.ndarray[Any, np.dtype[np.float32]]
"""float32 of shape (2, n): left and right, 48 kHz, nominally within -1..1."""

MIN_SPEED, MAX_SPEED = Fraction(1, 4), Fraction(8)
"""Speeds at which sound is still played (cap-format 4)."""

_RESAMPLE = "filter_size=64:cutoff=0.97"
PREROLL = 2400
"""Output samples made and thrown away before the first one, so that filters have settled (cap-format 4)."""
_CHUNK = 4096


class Resampler:
    """Turn decoded frames of one rate and layout into float blocks at 48 kHz, mono kept, the rest as stereo.

    The first sample out belongs to the time of the first sample in: the filter's delay is made up for.
    More than two channels are mixed down by the usual matrix (centre and surrounds at 0.707), not normalised.
    """

    def __init__(self, frame: av.AudioFrame) -> None:
        self.key = _frame_key(frame)
        channels = 1 if frame.layout.nb_channels == 1 else 2
        self._direct = frame.format.name == "fltp" and frame.sample_rate == AUDIO_RATE and frame.layout.nb_channels <= 2
        if self._direct:
            return
        layout = "mono" if channels == 1 else "stereo"
        self._run = _Chain(
            f"sample_rate={frame.sample_rate}:sample_fmt={frame.format.name}:channel_layout={frame.layout.name}"
            f":time_base=1/{frame.sample_rate}",
            [
                ("aresample", f"{AUDIO_RATE}:{_RESAMPLE}"),
                ("aformat", f"sample_fmts=fltp:sample_rates={AUDIO_RATE}:channel_layouts={layout}"),
            ],
        )

    def fits(self, frame: av.AudioFrame) -> bool:
        """Whether ``frame`` has the rate, format and layout this was made for."""
        return _frame_key(frame) == self.key

    def push(self, frame: av.AudioFrame) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        """Blocks of shape (1 or 2, n) that are ready."""
        if self._direct:
            return [frame.to_ndarray().astype(np.float32, copy=False)]
        frame.pts = None  # the caller does the timing; the filter only counts samples
        return self._run.push(frame)

    def flush(self) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        """The rest. The object is used up."""
        return [] if self._direct else self._run.push(None)


class PitchFollows:
    """Play a stream of samples faster or slower like a tape: the pitch follows the speed.

    Args:
        source: ``source(n)`` gives the next n samples of the input, forever (silence after its end). The first must
            be ``round(PREROLL * speed)`` samples before the moment that output sample 0 belongs to.
        speed: 0.25..8 times.
    """

    def __init__(self, source: Callable[[int], Samples], speed: Fraction) -> None:
        self._source = source
        self._rate, rate_out = _rates(speed)
        self._run = _Chain(
            f"sample_rate={self._rate}:sample_fmt=fltp:channel_layout=stereo:time_base=1/{self._rate}",
            [
                ("aresample", f"{rate_out}:{_RESAMPLE}"),
                ("aformat", f"sample_fmts=fltp:sample_rates={rate_out}:channel_layouts=stereo"),
            ],
        )
        self._ready: deque[Samples] = deque()
        self._skip = PREROLL

    def read(self, count: int) -> Samples:
        """The next ``count`` samples of the output."""
        out = np.empty((2, count), np.float32)
        filled = 0
        while filled < count:
            if not self._ready:
                self._more()
                continue
            block = self._ready.popleft()
            used = 0
            if self._skip:
                used = min(self._skip, block.shape[1])
                self._skip -= used
            taken = min(count - filled, block.shape[1] - used)
            out[:, filled : filled + taken] = block[:, used : used + taken]
            filled += taken
            if used + taken < block.shape[1]:
                self._ready.appendleft(block[:, used + taken :])
        return out

    def _more(self) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(self._source(_CHUNK)), format="fltp", layout="stereo")
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        self._ready.extend(self._run.push(frame))


def change_speed(source: Callable[[int], Samples], speed: Fraction, keep_pitch: bool) -> Callable[[int], Samples]:
    """``read(n)`` of the sped-up stream; ``source`` starts :func:`lead_in` samples before output sample 0."""
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise ValueError(f"A speed of {speed} is outside {MIN_SPEED}..{MAX_SPEED}.")
    if not keep_pitch:
        return PitchFollows(source, speed).read
    read = source
    for step, before in _stages(speed):
        read = TimeStretch(read, step, -before).read
    return read


def lead_in(speed: Fraction, keep_pitch: bool) -> int:
    """Input samples that :func:`change_speed` needs before the moment of its first output sample."""
    if not keep_pitch:
        return round(PREROLL * speed)
    step, before = _stages(speed)[0]
    return stretch_lead_in(step, before)


def tempo_steps(speed: Fraction) -> list[Fraction]:
    """Factors of at most 2 whose product is ``speed``: beyond 2 whole syllables would fall between two windows."""
    steps: list[Fraction] = []
    while speed > 2:
        steps.append(Fraction(2))
        speed /= 2
    return [*steps, speed]


def _stages(speed: Fraction) -> list[tuple[Fraction, int]]:
    """Per tempo step its factor and how many samples before its output 0 it has to start, for the next one."""
    found: list[tuple[Fraction, int]] = []
    before = 0
    for step in reversed(tempo_steps(speed)):
        found.append((step, before))
        before = stretch_lead_in(step, before)
    return found[::-1]


def _rates(speed: Fraction) -> tuple[int, int]:
    """Integer rates in and out with exactly (or to 1e-9) the ratio ``speed``, both of a usual size."""
    speed = speed.limit_denominator(100_000)
    scale = -(-AUDIO_RATE // min(speed.numerator, speed.denominator))
    return speed.numerator * scale, speed.denominator * scale


def _frame_key(frame: av.AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


class _Chain:
    """Filters in a row with one end to push frames into and one to take blocks from."""

    def __init__(self, source: str, filters: list[tuple[str, str]]) -> None:
        self._graph = Graph()
        self._graph.threads = 1
        self._head: FilterContext = self._graph.add("abuffer", source)
        last = self._head
        for name, arguments in filters:
            following = self._graph.add(name, arguments)
            last.link_to(following)
            last = following
        self._tail: FilterContext = self._graph.add("abuffersink")
        last.link_to(self._tail)
        self._graph.configure()

    def push(self, frame: av.AudioFrame | None) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
        """Feed one frame (``None``: the end) and take all that is ready."""
        self._head.push(frame)
        blocks: list[np.ndarray[Any, np.dtype[np.float32]]] = []
        while True:
            try:
                out = self._tail.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return blocks
            assert isinstance(out, av.AudioFrame)
            blocks.append(out.to_ndarray().astype(np.float32, copy=False))
