"""How much memory an export may use, and what follows from it: buffers, threads and look-ahead.

Every picture that anything holds is counted by one model, ``estimate_bytes``. Its constants were measured as peak
RSS of H.264 decoding and x264 encoding, with 1080p and 4K sources, with and without B-frames, 1 to 4 threads and
look-ahead 0 to 10; the model is within 10 % of all of them (``tests/pipeline/test_budget.py`` has the table).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.errors import SettingsError
from reelpress.pipeline import machine
from reelpress.pipeline.cgroup import cgroup_memory
from reelpress.pipeline.channel import MIN_ITEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

GIB = 1 << 30

LARGE_RAM_BYTES = 15 * GIB
"""From here on a machine counts as one of 16 GB, which shows about 15.6 GiB of usable memory."""
DEFAULT_MEMORY_LIMIT = 2_000_000_000
"""The default budget is half of the usable memory, but no more than this, in bytes."""
CHANNEL_SHARE = 0.5
"""The largest share of the budget that pictures waiting between stages may take."""

BASE_BYTES = 98_000_000
"""Python with all modules loaded (71 MB measured), a look's masks, thread stacks, packets, audio."""
HEAP_FACTOR = 1.2
"""glibc keeps a part of the freed pictures in its heap (measured 10 to 20 % at 1080p with ``machine.bound_heap()``).
Not so for large pictures, for which ``bound_heap(large_blocks=True)`` gives every block back."""
DECODER_FRAMES = 9.0
"""Pictures of one decoder with one thread and a stream that reorders (B-frames): measured 8.6 to 9.0."""
DECODER_FRAMES_IN_ORDER = 3.6
"""The same for a stream without reordering: measured 3.5 (4K) to 4.9 (1080p)."""
DECODER_THREAD_FRAMES = 2.3
"""Each further frame thread of a decoder: measured 2.0 to 2.4."""
ENCODER_INPUT_FRAMES = 2.2
"""One picture waiting in x264 (look-ahead, B-frames, threads): planes plus a half-size copy and costs."""
ENCODER_REFERENCE_FRAMES = 3.9
"""One reference picture in x264: three half-pixel planes are kept with it."""
COMPOSITOR_FRAMES = 1.5
"""Background with shadow, and the picture being composed."""
IN_FLIGHT_FRAMES = 1.0
"""Of each channel: the picture that its receiver works on."""

LARGE_FRAME_BYTES = 6_000_000
"""Pictures of more bytes than this (beyond 1440p) run with look-ahead 3 at most, two-frame channels, two threads (the
encoder with more on more cores, where there is memory)."""
TARGET_BYTES = ((3_200_000, 340_000_000), (LARGE_FRAME_BYTES, 400_000_000), (13_000_000, 478_000_000))
"""Up to which picture size (bytes) the process stays under which peak (bytes), on two cores, unless ``--memory`` says
otherwise: 1080p under 350 MB, 4K under 500 MB. Up to 1440p each further core adds a tenth, for its threads; beyond,
:data:`LARGE_CORE_FRAMES`."""
LARGE_CORE_FRAMES = ((LARGE_RAM_BYTES, 12), (7 * GIB, 5))
"""From which usable memory on each further core may have how many pictures beyond 1440p: x264 holds six of them for one
more thread; the others bring look-ahead, B-frames and the decoder's threads back, which two cores do without. (7: a
machine of 8 GB.)"""
MOST_CORES = 8
"""Further ones change nothing: frame threads wait for each other's rows."""

_UNITS = {
    "": 1,
    "b": 1,
    **{
        f"{letter}{suffix}": base ** (power + 1)
        for power, letter in enumerate("kmgt")
        for suffix, base in (("", 1000), ("b", 1000), ("i", 1024), ("ib", 1024))
    },
}


def parse_size(text: str) -> int:
    """Bytes of ``256MB``, ``1GiB``, ``500k``, ``1.5 GB`` or ``1000000``; ``k``/``kB`` are 1000, ``Ki``/``KiB`` 1024.

    Raises:
        SettingsError: Another form, or nothing at all.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    factor = _UNITS.get(match[2].lower()) if match else None
    if match is None or factor is None or (size := int(float(match[1]) * factor)) <= 0:
        raise SettingsError(f"{text!r} is not a size. Allowed are numbers above 0 with a unit: 256MB, 1GiB, 500k.")
    return size


def usable_ram(root: Path = Path("/"), *, total: int | None = None) -> int:
    """Bytes that this process may use at most: the machine's memory, or the control group's limit if that is less.

    Args:
        root: Where ``proc`` and ``sys`` are, for tests.
        total: The machine's memory in bytes, for tests.
    """
    physical = machine.total_ram() if total is None else total
    group = cgroup_memory(root)
    return physical if group is None else min(physical, group.limit)


@dataclass(frozen=True, slots=True)
class SourceLoad:
    """One video that is decoded."""

    frame_bytes: int
    """Of one decoded picture."""
    reorders: bool = True
    """Whether the stream has B-frames, as far as known: its decoder holds twice as many pictures."""


@dataclass(frozen=True, slots=True)
class EncoderLoad:
    """What an encoder would like to hold, by its preset. The defaults are x264 ``veryfast``."""

    lookahead: int = 10
    bframes: int = 3
    references: int = 1


@dataclass(frozen=True, slots=True)
class Knobs:
    """Everything that can be turned to fit a budget."""

    lookahead: int
    bframes: int
    encode_threads: int
    decode_threads: int
    sync_lookahead: int
    """Pictures between the encoder and its look-ahead thread; 0 leaves that thread out."""


def encoder_frames(knobs: Knobs, references: int = 1) -> float:
    """Pictures' worth of memory in x264 with these options (sliced threads off)."""
    threads = knobs.encode_threads - 1
    delay = max(knobs.lookahead, knobs.bframes) + knobs.bframes + threads + knobs.sync_lookahead
    kept = references + (2 if knobs.bframes else 1) + threads
    return ENCODER_INPUT_FRAMES * (delay + 2) + ENCODER_REFERENCE_FRAMES * kept


def decoder_frames(threads: int, *, reorders: bool = True) -> float:
    """Pictures' worth of memory in an H.264 decoder with frame threads."""
    return (DECODER_FRAMES if reorders else DECODER_FRAMES_IN_ORDER) + DECODER_THREAD_FRAMES * (threads - 1)


def estimate_bytes(
    knobs: Knobs,
    *,
    frame_bytes: int,
    sources: Sequence[SourceLoad],
    channel_bytes: int,
    encoder: EncoderLoad | None,
    decoded: int = MIN_ITEMS,
    converts: bool = False,
) -> int:
    """Peak RSS of the whole process in bytes.

    ``base + heap factor * (sum(sources: decoder + channel + 1 in flight) + compositor + channels + 1 in flight of each
    + encoder)``.

    Args:
        knobs: The choices.
        frame_bytes: Of one output picture.
        sources: What is decoded at the same time.
        channel_bytes: Byte bound of all channels of composed pictures together.
        encoder: ``None`` for one that holds only the picture it is given (GIF).
        decoded: Bound in frames of each source's channel.
        converts: Whether a converter stands between compositor and encoder, with a channel of its own.
    """
    held = COMPOSITOR_FRAMES + IN_FLIGHT_FRAMES * (2 if converts else 1)
    held += 0 if encoder is None else encoder_frames(knobs, encoder.references)
    pictures = channel_bytes + held * frame_bytes
    for source in sources:
        held = decoder_frames(knobs.decode_threads, reorders=source.reorders) + decoded + IN_FLIGHT_FRAMES
        pictures += held * source.frame_bytes
    return BASE_BYTES + round(pictures * _heap_factor(frame_bytes, sources))


def is_large(frame_bytes: int, sources: Sequence[SourceLoad]) -> bool:
    """Whether any picture is beyond 1440p."""
    return max(frame_bytes, *(s.frame_bytes for s in sources), 0) > LARGE_FRAME_BYTES


def _heap_factor(frame_bytes: int, sources: Sequence[SourceLoad]) -> float:
    return 1.0 if is_large(frame_bytes, sources) else HEAP_FACTOR


@dataclass(frozen=True, slots=True)
class BufferSizes:
    """What an export gets. Frame bounds and byte bounds hold together; the smaller one wins, but never below 2."""

    rendered: int
    """Bound in frames of the channel of composed pictures."""
    encoder: int
    """Bound in frames of the channel of converted pictures before the encoder. Where nothing is converted the
    rendered channel leads to the encoder and has all of ``bytes``."""
    rendered_bytes: int
    """Byte bound of the rendered channel: all there is, or with a converter two thirds (as 32 to 16 frames)."""
    encoder_bytes: int
    """Byte bound of the encoder channel: the rest; 0 without a converter."""
    decoded: int
    """Bound in frames of each source's channel of decoded pictures."""
    decode_threads: int
    encode_threads: int
    lookahead: int
    bframes: int | None
    """0: the encoder must do without B-frames; ``None``: as its preset has it."""
    sync_lookahead: int | None
    """0: the encoder must do without its look-ahead thread; ``None``: as it likes."""
    memory_bytes: int
    """The budget."""
    estimate_bytes: int
    """Expected peak RSS of the process."""
    usable_ram_bytes: int
    large_pictures: bool
    """Beyond 1440p. The estimate counts on ``machine.bound_heap(large_blocks=sizes.large_pictures)`` before the
    export's threads are started."""

    @property
    def bytes(self) -> int:
        """Byte bound of both together."""
        return self.rendered_bytes + self.encoder_bytes

    def effective(self, frame_bytes: int) -> dict[str, int]:
        """Frames of ``frame_bytes``, all different, that really fit: for ``buffers`` in plan and report."""
        return {
            "rendered": max(MIN_ITEMS, min(self.rendered, self.rendered_bytes // frame_bytes)),
            "encoder": max(MIN_ITEMS, min(self.encoder, self.encoder_bytes // frame_bytes)),
            "bytes": self.bytes,
        }

    def start_line(self) -> str:
        """The one line at the start of an export."""
        return (
            f"total_ram_gb={self.usable_ram_bytes / GIB:.1f} rendered_buffer={self.rendered} "
            f"encoder_buffer={self.encoder} buffer_bytes={self.bytes}"
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What there is to spend."""

    usable_ram_bytes: int
    cores: int
    memory_bytes: int | None = None
    """``--memory``; ``None`` is the default."""
    buffers: int | None = None
    """``--buffers``: bound of the rendered channel in frames; the encoder's is half of it."""

    @classmethod
    def detect(cls, *, memory: str | int | None = None, buffers: int | None = None, root: Path = Path("/")) -> Budget:
        """The budget on this machine.

        Raises:
            SettingsError: ``memory`` is no size, or ``buffers`` is below 2.
        """
        size = parse_size(memory) if isinstance(memory, str) else memory
        return cls(usable_ram(root), machine.cores(), size, buffers)

    def __post_init__(self) -> None:
        if self.buffers is not None and self.buffers < MIN_ITEMS:
            raise SettingsError(f"--buffers {self.buffers} is too few; allowed are {MIN_ITEMS} and more.")
        if self.memory_bytes is not None and self.memory_bytes > self.usable_ram_bytes:
            raise SettingsError(
                f"--memory {_mb(self.memory_bytes)} is more than the {_mb(self.usable_ram_bytes)} that are usable here."
            )

    def frame_bounds(self, *, gif: bool = False) -> tuple[int, int]:
        """Bounds in frames of the rendered and the encoder's channel."""
        if self.buffers is not None:
            return self.buffers, max(MIN_ITEMS, self.buffers // 2)
        return (32, 16) if self.usable_ram_bytes >= LARGE_RAM_BYTES and not gif else (16, 8)

    @property
    def total_bytes(self) -> int:
        """The budget in bytes: ``--memory``, else half of the usable memory up to 2 GB."""
        if self.memory_bytes is not None:
            return self.memory_bytes
        return min(self.usable_ram_bytes // 2, DEFAULT_MEMORY_LIMIT)

    def plan(
        self,
        *,
        frame_bytes: int,
        sources: Sequence[SourceLoad],
        encoder: EncoderLoad | None = EncoderLoad(),
        gif: bool = False,
        converts: bool = False,
    ) -> BufferSizes:
        """Choose the buffers, threads and look-ahead that fit: the first of a list from roomy to lean.

        Args:
            frame_bytes: Of one output picture.
            sources: What is decoded at the same time.
            encoder: What the encoder would like; ``None`` for GIF.
            gif: Smaller bounds in frames.
            converts: Whether a converter stands between compositor and encoder.

        Raises:
            SettingsError: ``--memory`` is less than the leanest choice needs; the message says how much that is.
        """
        largest = max(frame_bytes, *(s.frame_bytes for s in sources), 0)
        large = is_large(frame_bytes, sources)
        rendered, waiting = (MIN_ITEMS, MIN_ITEMS) if large else self.frame_bounds(gif=gif)
        decoded = MIN_ITEMS if large else 2 * MIN_ITEMS
        least_channels = (2 if converts else 1) * MIN_ITEMS * frame_bytes
        most_channels = max(least_channels, (rendered + (waiting if converts else 0)) * frame_bytes)
        load = encoder or EncoderLoad(0, 0, 0)
        target = self._target(largest)

        def needed(knobs: Knobs, channels: int) -> int:
            return estimate_bytes(
                knobs,
                frame_bytes=frame_bytes,
                sources=sources,
                channel_bytes=channels,
                encoder=encoder,
                decoded=decoded,
                converts=converts,
            )

        choices = self._choices(load, large=large)
        # the first one that leaves room for channels worth having; the leanest takes what there is
        comfortable = min(most_channels, 2 * least_channels)
        knobs = next((k for k in choices if needed(k, comfortable) <= target), choices[-1])
        least = needed(knobs, least_channels)
        ceiling = target
        if least > target:
            if self.memory_bytes is not None:
                raise SettingsError(
                    f"--memory {_mb(self.memory_bytes)} is too little for pictures of {_mb(largest)}: at least "
                    f"{_mb(least)} are needed. Give more, or a lower --resolution."
                )
            ceiling = least
        room = int((ceiling - needed(knobs, 0)) / _heap_factor(frame_bytes, sources))
        channels = max(least_channels, min(most_channels, room, int(CHANNEL_SHARE * ceiling)))
        behind = max(MIN_ITEMS * frame_bytes, channels // 3) if converts else 0
        return BufferSizes(
            rendered=rendered,
            encoder=waiting,
            rendered_bytes=channels - behind,
            encoder_bytes=behind,
            decoded=decoded,
            decode_threads=knobs.decode_threads,
            encode_threads=knobs.encode_threads,
            lookahead=knobs.lookahead,
            bframes=None if knobs.bframes == load.bframes else knobs.bframes,
            sync_lookahead=0 if knobs.sync_lookahead == 0 else None,
            memory_bytes=self.total_bytes,
            estimate_bytes=needed(knobs, channels),
            usable_ram_bytes=self.usable_ram_bytes,
            large_pictures=large,
        )

    def _target(self, largest: int) -> int:
        """Bytes that the process should stay under: the budget, and without ``--memory`` also the usual peak."""
        if self.memory_bytes is not None:
            return self.memory_bytes
        more = max(0, min(self.cores, MOST_CORES) - 2)
        for size, limit in TARGET_BYTES:
            if largest <= size:
                if largest > LARGE_FRAME_BYTES:
                    return min(self.total_bytes, limit + more * self._core_frames * largest)
                return min(self.total_bytes, round(limit * (1 + 0.1 * more)))
        return self.total_bytes

    @property
    def _core_frames(self) -> int:
        return next((count for ram, count in LARGE_CORE_FRAMES if self.usable_ram_bytes >= ram), 0)

    def _choices(self, load: EncoderLoad, *, large: bool) -> list[Knobs]:
        """From roomy to lean: first what costs nothing but memory, then what costs size, last what costs speed."""
        threads = min(self.cores, 2 if large and not self._core_frames else MOST_CORES)
        decoders = min(self.cores, 2 if large else 4)
        first = Knobs(
            lookahead=min(load.lookahead, 3) if large else load.lookahead,
            bframes=load.bframes,
            encode_threads=threads,
            decode_threads=decoders,
            sync_lookahead=load.bframes + 1 if threads > 1 else 0,
        )
        choices = [first, replace(first, sync_lookahead=0)]

        def leaner(**changes: int) -> None:
            last = choices[-1]
            choices.append(replace(last, **{name: min(value, getattr(last, name)) for name, value in changes.items()}))

        leaner(lookahead=10)
        leaner(lookahead=5)
        leaner(lookahead=3)
        leaner(decode_threads=2)
        leaner(encode_threads=6)
        leaner(encode_threads=4)
        leaner(decode_threads=1)
        leaner(encode_threads=3)
        leaner(encode_threads=2)
        leaner(bframes=0)
        leaner(lookahead=2)
        leaner(encode_threads=1)
        leaner(lookahead=1)
        leaner(lookahead=0)
        return choices


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def budget_table(
    ram_gib: Sequence[float] = (4, 8, 15.6, 16, 32), *, frame_bytes: int = 1920 * 1080 * 3 // 2, cores: int = 2
) -> list[dict[str, str | int | float]]:
    """Buffer sizes by usable memory, for the docs: one row each, for one source and output of ``frame_bytes``."""
    rows: list[dict[str, str | int | float]] = []
    for gib in ram_gib:
        sizes = Budget(int(gib * GIB), cores).plan(frame_bytes=frame_bytes, sources=[SourceLoad(frame_bytes)])
        rows.append(
            {
                "usable_gib": gib,
                "memory_mb": sizes.memory_bytes // 1_000_000,
                "rendered": sizes.rendered,
                "encoder": sizes.encoder,
                "bytes_mb": sizes.bytes // 1_000_000,
                "effective_rendered": sizes.effective(frame_bytes)["rendered"],
                "effective_encoder": sizes.effective(frame_bytes)["encoder"],
                "decode_threads": sizes.decode_threads,
                "encode_threads": sizes.encode_threads,
                "lookahead": sizes.lookahead,
                "estimate_mb": sizes.estimate_bytes // 1_000_000,
            }
        )
    return rows
