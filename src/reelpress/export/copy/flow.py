"""The stage of an export that copies packets: it reads them, encodes what lies at the cuts, and writes the file."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.clock import AUDIO_RATE, samples_until
from reelpress.color import BT709_LIMITED
from reelpress.encode.splice.join import avcc, idr_pic_id, prefixed
from reelpress.export import stages
from reelpress.export.copy.cuts import CutEncoder
from reelpress.export.report import FrameCounts
from reelpress.export.sources import SourcePool
from reelpress.media import pulse
from reelpress.media.audio import AudioMixer
from reelpress.media.copy import VideoPacketReader
from reelpress.media.copy_sound import AudioPacketReader
from reelpress.media.copy_write import CopyTracks, CopyWriter
from reelpress.media.encoder import AudioEncoderSpec
from reelpress.media.packets import EncodedPacket
from reelpress.media.pool import pool
from reelpress.pipeline.memory import PressureMonitor
from reelpress.pipeline.run import Pipeline, PipelineStats
from reelpress.pipeline.stage import Stage
from reelpress.pipeline.watchdog import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reelpress.export.copy.job import CopyJob, Part
    from reelpress.export.job import Job
    from reelpress.export.observe import Observer
    from reelpress.export.running import Teller
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.stage import StageContext

BATCH = 64
"""Packets handed over at a time."""
BATCH_BYTES = 4 << 20
AUDIO_BLOCK = 4096


class CopyFlow:
    """The stage of one export by copying and what it works with."""

    def __init__(self, job: Job, plan: CopyJob, part_path: Path, cancel: CancelToken, observer: Observer) -> None:
        self.job, self.plan, self.observer = job, plan, observer
        self.counts = FrameCounts(total=plan.pictures)
        self.progress = stages.Progress(phase="copy")
        self.has_audio = bool(job.spans)
        self.total_samples = samples_until(job.director.frames, job.director.fps)
        self.sources = {
            "display": SourcePool(
                job.recording,
                threads=job.buffers.decode_threads,
                decoder=job.ways.decoder_name,
                cancelled=lambda: cancel.cancelled,
                frames=max(1, plan.encoded),
            )
        }
        self.cuts = CutEncoder(job, plan, self.sources["display"]) if plan.encoded else None
        sps, pps = list(plan.sps), list(plan.pps)
        if self.cuts is not None:
            sps += self.cuts.sets.sps
            pps += self.cuts.sets.pps
        self.mixer = AudioMixer(job.spans, self.total_samples) if job.spans and plan.sound is None else None
        self.reader: AudioPacketReader | None = None
        try:
            track, span = plan.parts[0].track, job.spans[0] if job.spans else None
            if plan.sound is not None and span is not None:
                rate = plan.sound.rate
                start = round(span.source_start * rate)
                end = start + math.ceil(Fraction(self.total_samples * rate, AUDIO_RATE))
                self.reader = AudioPacketReader(span.path, span.stream, plan.sound, start, end)
            self.writer = CopyWriter(
                part_path,
                CopyTracks(
                    path=track.path,
                    stream=track.info.index,
                    avcc=avcc(sps, pps),
                    color=BT709_LIMITED,
                    scale=plan.scale,
                    sound=(span.path, span.stream) if self.reader is not None and span is not None else None,
                    audio=AudioEncoderSpec() if self.mixer is not None else None,
                    labels=job.labels,
                    fps=job.director.fps,
                ),
            )
        except BaseException:
            self._close_sound()
            raise

    def run(self, cancel: CancelToken, teller: Teller, warn: Callable[[str], None]) -> PipelineStats:
        """Run the stage to the end of the file."""
        pipeline = Pipeline(
            [
                # One thread: a second one for writing would wait for the interpreter longer than it could work.
                Stage("copy", self._copy_all),
            ],
            deadlines=Deadlines(stall_s=self.job.settings.stall_timeout),
            tracer=self.observer.tracer,
        )
        self.observer.watch(pipeline, self.counts)
        pressure = PressureMonitor(pipeline.shrink, warn)

        def tick() -> None:
            teller.progress(self.progress.phase, self.progress.encoded)
            pressure()
            self.observer.tick()

        teller.progress("copy", 0, force=True)
        stats = pipeline.run(cancel, on_tick=tick)
        self.observer.tick(last=True)
        teller.progress(self.progress.phase, self.progress.encoded, force=True)
        self.counts.repeated_after_error = self.sources["display"].repeated
        return stats

    def abandon(self) -> None:
        """Close what a run that failed left open."""
        self.writer.abort()
        self._close_sound()

    def release(self) -> None:
        """Let go of pictures."""
        pool.clear()

    def afterwards(self) -> list[str]:
        """Warnings that only the run could tell."""
        lines = [] if self.mixer is None else list(self.mixer.warnings)
        repeated = self.sources["display"].repeated
        if repeated:
            lines.append(
                f"{repeated} frames of the display at the cuts could not be decoded and show the last good one."
            )
        return lines

    # -- reading ------------------------------------------------------------------------------------------------

    def _batches(self, ctx: StageContext) -> Iterator[list[EncodedPacket]]:
        """All packets of the pictures in the order of decoding, with their new times."""
        times, delay = self.plan.times, self.plan.delay
        step = max(1, min((b - a for a, b in itertools.pairwise(times)), default=1))
        base = Fraction(1, self.plan.scale)
        batch: list[EncodedPacket] = []
        size = sent = 0
        try:
            for number, data, key in self._all(ctx):
                dts = times[sent - delay] if sent >= delay else times[0] - (delay - sent) * step
                pts = times[number]
                end = times[number + 1] if number + 1 < len(times) else self.plan.end
                batch.append(EncodedPacket("video", data, pts, dts, end - pts, key, base))
                sent += 1
                size += len(data)
                if len(batch) >= BATCH or size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
                    self.progress.encoded = sent
            if batch:
                yield batch
            self.progress.encoded = sent
        finally:
            self.sources["display"].close()

    def _all(self, ctx: StageContext) -> Iterator[tuple[int, bytes, bool]]:
        """``(number in the output, sample, key frame)`` in the order of decoding."""
        parts = self.plan.parts
        readers: dict[str, VideoPacketReader] = {}
        before: int | None = None  # idr_pic_id of the last picture, if it was an IDR picture
        try:
            for k, part in enumerate(parts):
                packets = self.plan.packets[part.track.key]
                if part.packet is None:
                    following = parts[k + 1] if k + 1 < len(parts) else None
                    after = None
                    if following is not None and following.packet is not None:
                        after = self._id_of(following, following.packet)
                    assert self.cuts is not None  # what is planned to be encoded has its encoder
                    avoid = {known for known in (before, after) if known is not None}
                    for n, (unit, before) in enumerate(self.cuts.pictures(ctx, part, avoid)):
                        self.counts.encoded += 1
                        yield part.at + n, prefixed([unit]), before is not None
                    continue
                if part.track.key not in readers:
                    readers[part.track.key] = VideoPacketReader(part.track.path, part.track.info.index, packets)
                order = self.plan.order(part)
                with pulse.listening(ctx.heartbeat):
                    keys: list[bool] = packets.idr[part.packet : part.packet + part.count].tolist()
                    samples = readers[part.track.key].read(part.packet, part.count)
                    for number, data, key in zip(order, samples, keys, strict=True):
                        self.counts.copied += 1
                        yield number, data, key
                last = part.packet + part.count - 1
                before = self._id_of(part, last) if packets.idr[last] else None
        finally:
            for reader in readers.values():
                reader.close()

    def _id_of(self, part: Part, packet: int) -> int:
        slices = self.plan.packets[part.track.key].idr_slices
        return idr_pic_id(slices[packet], self.plan.source_sps.frame_num_bits)

    # -- writing ------------------------------------------------------------------------------------------------

    def _copy_all(self, ctx: StageContext) -> None:
        """Write everything, the sound just ahead of its pictures."""
        writer = self.writer
        try:
            for batch in self._batches(ctx):
                # Not packet by packet: the muxer puts both into order itself, and holds no more than a batch for it.
                last = batch[-1]
                self._sound_until(ctx, max(0, last.dts + last.duration) * last.time_base)
                with ctx.native("writing"):
                    writer.mux(batch)
                self.progress.muxed += len(batch)
            self._sound_until(ctx, None)
            if writer.audio is not None:
                writer.mux(writer.audio.flush())
            self.progress.phase = "finish"
            with ctx.native("finishing the file"):
                writer.finish(cancelled=lambda: ctx.cancelled, progress=ctx.heartbeat)
        finally:
            self._close_sound()
            writer.abort()

    _mixed = 0
    _waiting: EncodedPacket | None = None
    _sound_begun = False

    def _sound_until(self, ctx: StageContext, time: Fraction | None) -> None:
        if self.reader is not None:
            if not self._sound_begun:
                self._sound_begun, self._waiting = True, self.reader.next()
            rate = self.reader.time_base.denominator
            until = None if time is None else time.numerator * rate // time.denominator
            while self._waiting is not None and (until is None or self._waiting.pts <= until):
                self.writer.mux([self._waiting])
                self._waiting = self.reader.next()
        if self.mixer is None or self.writer.audio is None:
            return
        until = self.total_samples if time is None else min(self.total_samples, math.floor(time * AUDIO_RATE))
        while self._mixed < until:
            count = min(AUDIO_BLOCK, self.total_samples - self._mixed)
            with ctx.native("mixing sound"), pulse.listening(ctx.heartbeat):
                self.writer.mux(self.writer.audio.encode(self.mixer.read(count), self._mixed))
            self._mixed += count

    def _close_sound(self) -> None:
        if self.mixer is not None:
            self.mixer.close()
        if self.reader is not None:
            self.reader.close()
