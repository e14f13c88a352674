"""What the sound beside pictures takes, tried by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress import clock
from reelpress.export.sampled import sampled_spans

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.export.job import Job

SOUND_S = 12
"""Seconds of sound that are tried."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Of the whole export."""

    bytes: float = 0.0
    seconds: float = 0.0
    """To mix and encode it."""


def sound_of(job: Job, folder: Path) -> Sound:
    """What the sound beside pictures takes: mixed and encoded without a file."""
    if not job.spans or not job.output.has_sound:
        return Sound()
    from reelpress.export.outputs.mp4 import SOUND_RATE
    from reelpress.media.audio import AudioMixer
    from reelpress.media.encoder import AudioEncoderSpec
    from reelpress.media.sound_file import SoundWriter

    samples = clock.samples_until(job.director.frames, job.director.fps)
    stretches = sound_stretches(samples)
    length = sum(last - first for first, last in stretches)
    begin = time.monotonic()
    mixer = AudioMixer(sampled_spans(job.spans, stretches), length)
    codec = job.output.audio_codec
    container = {"aac": "ipod", "libopus": "webm"}.get(codec, "mov")
    writer = SoundWriter(folder / "sound", AudioEncoderSpec(codec, SOUND_RATE[codec]), container)
    size = count = 0
    try:
        for first in range(0, length, clock.AUDIO_RATE):
            packets = writer.audio.encode(mixer.read(clock.AUDIO_RATE), first)
            size, count = size + sum(packet.size for packet in packets), count + len(packets)
        packets = writer.audio.flush()
        size, count = size + sum(packet.size for packet in packets), count + len(packets)
    finally:
        mixer.close()
        writer.abort()
    share = samples / max(1, length)
    # the container's index: 4 bytes of size and, with pictures between them, about as much again
    return Sound((size + 8 * count) * share, (time.monotonic() - begin) * share)


def sound_stretches(samples: int, seconds: int = SOUND_S) -> list[tuple[int, int]]:
    """Which samples are tried: all, or six evenly spread stretches of ``seconds`` in all."""
    length = seconds * clock.AUDIO_RATE // 6
    if samples <= 6 * length:
        return [(0, samples)]
    step = samples // 6
    return [(k * step + (step - length) // 2, k * step + (step - length) // 2 + length) for k in range(6)]
