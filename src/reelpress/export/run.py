"""Run a Job: threads, progress, verification, and the file under its name only when it is right."""

from __future__ import annotations

import functools
import logging
import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reelpress import clock
from reelpress.compose.resilient import Resilient
from reelpress.encode.base import Looking
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.session import SpliceSession
from reelpress.errors import EncoderError, ExportError, StrictFallbackError
from reelpress.events import Fallback, FallbackEvent
from reelpress.export import stages
from reelpress.export.copy import CopyRefused
from reelpress.export.hooks import Hooks
from reelpress.export.outputs.base import Watch
from reelpress.export.outputs.pipe import size_of
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.plan import Conversion
from reelpress.export.report import ExportReport, FrameCounts, OutputInfo
from reelpress.export.running import Running
from reelpress.export.sources import SourcePool
from reelpress.export.subtitles import read_back, write_srt
from reelpress.media.audio import AudioMixer
from reelpress.media.pool import pool
from reelpress.media.text_track import CODEC as TEXT_CODEC
from reelpress.media.text_track import text_packets
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.channel import MIN_ITEMS, Channel
from reelpress.pipeline.machine import bound_heap
from reelpress.pipeline.memory import PressureMonitor
from reelpress.pipeline.run import Pipeline, PipelineStats
from reelpress.pipeline.stage import Stage
from reelpress.pipeline.watchdog import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.encode.base import Piece
    from reelpress.events import Event
    from reelpress.export.observe import Observer
    from reelpress.export.prepare import Job
    from reelpress.export.running import Teller
    from reelpress.export.settings import Unchanged
    from reelpress.media.verify.verdict import VerifyResult

log = logging.getLogger(__name__)

PACKET_BYTES = 8 << 20
"""Bound of the channel of encoded packets; one 4K key frame is about 1 MB."""
KEY_FRAMES_SHARE = 0.01
"""Of the export's time so far, for decoding key frames again beside the first picture and the last one."""


def run(
    job: Job,
    *,
    on_event: Callable[[Event], None] | None = None,
    cancel: CancelToken | None = None,
    hooks: Hooks | None = None,
) -> ExportReport:
    """Export ``job``. The calling thread watches; events come in it. ``hooks`` are the benchmark's.

    Raises:
        ReelpressError: See ``errors``; no partial output is left, and an old file at the target is untouched.
    """
    cancel = cancel or CancelToken()
    if job.copy is not None and hooks is None:  # hooks watch the stages of encoding
        from reelpress.export.copying import run_copy

        try:
            return run_copy(job, job.copy, on_event=on_event, cancel=cancel)
        except CopyRefused as refusal:
            job.encode_instead(refusal.reason)
    if not job.output.has_pictures:
        from reelpress.export.sound_only import run_sound

        return run_sound(job, on_event=on_event, cancel=cancel)
    if job.settings.max_size is not None:
        from reelpress.export.to_size import run_to_size

        return run_to_size(job, on_event=on_event, cancel=cancel, hooks=hooks)
    return run_once(job, on_event=on_event, cancel=cancel, hooks=hooks)


def run_once(
    job: Job,
    *,
    on_event: Callable[[Event], None] | None = None,
    cancel: CancelToken | None = None,
    hooks: Hooks | None = None,
) -> ExportReport:
    """One run through the stages; ``job`` as it is.

    Raises:
        ReelpressError: As ``run``.
    """
    cancel = cancel or CancelToken()
    bound_heap(large_blocks=job.buffers.large_pictures)
    hooks = hooks or Hooks()
    with Running(job, job.director.frames, on_event, cancel) as running:
        log.info("%s", job.buffers.start_line())
        part = running.guard.part_path
        flow, stats = _flowed(job, part, cancel, hooks, running.observer, running.teller, running.warn)
        for line in flow.afterwards():
            running.warn(line)
        flow.release()
        hooks.finished(stats, flow.counts)
        watched, shown = KEY_FRAMES_SHARE * running.wall_s, flow.shown
        result = running.verify(
            lambda ctx: job.output.verify(job, part, Watch(ctx.heartbeat, lambda: cancel.cancelled), shown, watched)
        )
        if running.beside is not None:
            write_srt(running.beside.part_path, job.subtitles, running.beside.target)
            read_back(running.beside.part_path, job.subtitles, running.beside.target)
        running.commit()
        report = _report(running, stats, result, flow)
        running.finish(report)
    return running.completed(report)


def _flowed(
    job: Job,
    part_path: Any,
    cancel: CancelToken,
    hooks: Hooks,
    observer: Observer,
    teller: Teller,
    warn: Callable[[str], None],
) -> tuple[_Flow, PipelineStats]:
    """Run the stages; once more in software where an encoder on a chip fails.

    And once more with every frame encoded where the encoder's stream turns out not to be splicable.
    """
    try:
        return _flowed_once(job, part_path, cancel, hooks, observer, teller, warn)
    except EncoderError as error:
        lost = job.ways.encoder.candidate
        # What went into a pipe cannot be taken back.
        if not lost.hardware or is_pipe(job.target):
            raise
        reason = str(error).rstrip(".")
    used = job.encode_in_software(reason)
    _fall_back(job, teller, "encode", lost.name, used, reason)
    return _flowed_once(job, part_path, cancel, hooks, observer, teller, warn)


def _fall_back(job: Job, teller: Teller, stage: str, wanted: str, used: str, reason: str) -> None:
    """Tell that something else goes on, which ``--strict`` forbids.

    Raises:
        StrictFallbackError: ``strict`` is on.
    """
    fallback = Fallback(stage, wanted, used, reason)
    if job.settings.flags.strict:
        raise StrictFallbackError(f"--strict: {used} would be used instead of {wanted} ({stage}): {reason}")
    if fallback not in job.fallbacks:  # an export to a size runs several times
        job.fallbacks.append(fallback)
    teller.event(FallbackEvent(**asdict(fallback)))


def _flowed_once(
    job: Job,
    part_path: Any,
    cancel: CancelToken,
    hooks: Hooks,
    observer: Observer,
    teller: Teller,
    warn: Callable[[str], None],
) -> tuple[_Flow, PipelineStats]:
    """Run the stages with the encoder that was chosen; what one that fails left open is closed.

    Raises:
        EncoderError: It could not be opened, or refused a picture.
    """
    fell_back = functools.partial(_fall_back, job, teller)

    def look(flow: _Flow) -> None:
        """Tell of a GPU that gave up as soon as it did. ``--strict`` ends the export then."""
        lost = flow.renderer_lost()
        if lost is not None:
            fell_back("renderer", "gpu", "planar", lost)
        unconverted = flow.converter_lost()
        if unconverted is not None:
            fell_back("converter", job.ways.converter.used, *unconverted)

    flow = _Flow(job, part_path, cancel, hooks, observer, job.unchanged)
    try:
        if flow.refused is not None:
            fell_back("encode", job.unchanged, flow.unchanged, flow.refused)
        stats = flow.run(cancel, teller, warn, look)
        look(flow)
        for key, why in flow.devices_lost().items():
            fell_back("decode", job.ways.decoder_name, "software", f"{key}: {why}")
        return flow, stats
    except StrictFallbackError:
        flow.abandon()
        raise
    except ExportError as error:
        # What a stage raises that is no error for users comes wrapped (Pipeline.run).
        if not isinstance(error.__cause__, SpliceRefused):
            if isinstance(error, EncoderError) and job.ways.encoder.candidate.hardware:
                flow.abandon()
            raise
        flow.abandon()
        reason = error.__cause__.reason  # not the error itself: its traceback holds pictures
    fell_back("encode", job.unchanged, "encode", reason)
    flow = _Flow(job, part_path, cancel, hooks, observer, "encode")
    try:
        stats = flow.run(cancel, teller, warn, look)
        look(flow)
    except StrictFallbackError:
        flow.abandon()
        raise
    return flow, stats


class _Flow:
    """The stages of one export and what they share."""

    def __init__(
        self,
        job: Job,
        part_path: Any,
        cancel: CancelToken,
        hooks: Hooks,
        observer: Observer,
        unchanged: Unchanged,
    ) -> None:
        self.job = job
        self.hooks = hooks
        self.observer = observer
        self.counts = FrameCounts(total=job.director.frames)
        self.progress = stages.Progress()
        director, buffers = job.director, job.buffers
        spans = job.spans
        self.has_audio = bool(spans)
        self.total_samples = clock.samples_until(director.frames, director.fps)
        self.mixer = AudioMixer(spans, self.total_samples) if spans else None
        self.sources = {
            kind: SourcePool(
                job.recording,
                threads=buffers.decode_threads,
                decoder=job.ways.decoder_name,
                cancelled=lambda: cancel.cancelled,
                frames=director.frames,
            )
            for kind in dict.fromkeys(stages.kind_of(track.key) for track in director.tracks)
        }
        self.decoded: dict[str, Channel[stages.SourceFrame]] = {
            kind: Channel(
                f"decoded-{kind}",
                max_items=buffers.decoded,
                max_bytes=None,
                size_of=lambda item: item.planes.nbytes,
            )
            for kind in self.sources
        }
        self.rendered: Channel[stages.RenderedFrame] = Channel(
            "rendered",
            max_items=buffers.rendered,
            max_bytes=buffers.bytes,
            size_of=lambda item: item.planes.nbytes,
            key_of=lambda item: id(item.planes),
        )
        self.seen: Channel[stages.RenderedFrame] = Channel(
            "seen",
            max_items=MIN_ITEMS,
            max_bytes=buffers.bytes,
            size_of=lambda item: item.planes.nbytes,
            key_of=lambda item: id(item.planes),
        )
        self.packets: Channel[Sequence[Piece]] = Channel(
            "encoder",
            max_items=buffers.encoder,
            max_bytes=PACKET_BYTES,
            size_of=lambda batch: sum(packet.size for packet in batch),
        )
        try:
            opened = job.output.open(job, part_path, hooks, unchanged)
        except BaseException:
            if self.mixer is not None:
                self.mixer.close()
            raise
        self.writer, self.encoder = opened.writer, opened.encoder
        ours = opened.encoder.spec.external_conversion  # the benchmark's baseline converts as it likes
        self.converting = job.ways.before(self.encoder) if ours else None
        self._conversion_told = False
        if self.converting is not None:
            self.encoder = self.converting
        # What it looks at has to be what it is given.
        self.looking = self.encoder if isinstance(self.encoder, Looking) else None
        self.unchanged, self.refused = opened.unchanged, opened.refused
        self.inserted: dict[str, int] = {}
        self.shown: Sequence[int] | None = None
        """Frames at which pictures come in the finished file, where not all have one."""
        self.compositor = hooks.compositor(job.ways.renderer)
        self._loss_told = self._ran = False

    def run(
        self,
        cancel: CancelToken,
        teller: Teller,
        warn: Callable[[str], None],
        look: Callable[[_Flow], None] = lambda flow: None,
    ) -> PipelineStats:
        """Run all stages to the end of the file. ``look`` is called while they run; what it raises ends them."""
        job, director = self.job, self.job.director
        encoder = self.hooks.encoder(self.encoder)
        before, given = [], self.rendered
        if self.looking is not None:
            given = self.seen
            first = functools.partial(stages.look, looking=self.looking, rendered=self.rendered, seen=self.seen)
            before = [Stage("look", first, inputs=[self.rendered], outputs=[self.seen])]
        parts = [
            Stage(
                f"decode-{kind}" if len(self.sources) > 1 else "decode",
                functools.partial(
                    stages.decode,
                    director=director.for_thread(),
                    kind=kind,
                    sources=self.sources[kind],
                    channel=self.decoded[kind],
                ),
                outputs=[self.decoded[kind]],
            )
            for kind in self.sources
        ]
        parts += [
            Stage(
                "compose",
                lambda ctx: stages.compose(
                    ctx,
                    director,
                    self.compositor,
                    self.decoded,
                    self.rendered,
                    self.counts,
                    job.tolerance if self.unchanged != "encode" else None,
                    late=self.unchanged == "splice",
                ),
                inputs=list(self.decoded.values()),
                outputs=[self.rendered],
            ),
            *before,
            Stage(
                "encode",
                lambda ctx: stages.encode(
                    ctx, encoder, given, self.packets, self.counts, self.progress, time.monotonic
                ),
                inputs=[given],
                outputs=[self.packets],
            ),
            Stage(
                "mux",
                lambda ctx: stages.audio_and_mux(
                    ctx,
                    self.writer,
                    self.mixer,
                    self.total_samples,
                    self.packets,
                    director.fps,
                    self.progress,
                    text_packets(job.subtitles, math.floor(director.duration * 1000)) if job.subtitles else (),
                ),
                inputs=[self.packets],
            ),
        ]
        pipeline = Pipeline(
            self.hooks.stages(parts),
            deadlines=Deadlines(stall_s=job.settings.stall_timeout),
            tracer=self.observer.tracer,
        )
        self.observer.watch(pipeline, self.counts)

        pressure = PressureMonitor(pipeline.shrink, warn)

        def tick() -> None:
            teller.progress(self.progress.phase, self.progress.encoded)
            look(self)
            pressure()
            self.observer.tick()
            self.hooks.tick()

        teller.progress("encode", 0, force=True)
        self._ran = True  # from here on its stage closes the compositor
        stats = pipeline.run(cancel, on_tick=tick)
        self.observer.tick(last=True)
        teller.progress(self.progress.phase, self.progress.encoded, force=True)
        self.shown = self.encoder.shown
        self.counts.repeated_after_error = sum(pool.repeated for pool in self.sources.values())
        return stats

    def abandon(self) -> None:
        """Close what a run that failed left open."""
        if not self._ran:
            self.compositor.close()
        self.writer.abort()
        if self.mixer is not None:
            self.mixer.close()

    def release(self) -> None:
        """Let go of encoder and pictures: verifying needs memory of its own."""
        session = self.encoder if self.converting is None else self.converting.inner
        if isinstance(session, SpliceSession):
            self.inserted = asdict(session.counts)
        if self.converting is not None:
            self.converting.close()
        del self.writer, self.encoder, self.looking
        pool.clear()

    def converter_lost(self) -> tuple[str, str] | None:
        """The converter that took the place of the plan's, and why; told once."""
        converting = self.converting
        if self._conversion_told or converting is None or converting.lost is None:
            return None
        self._conversion_told = True
        return converting.used, converting.lost.rstrip(".")

    def devices_lost(self) -> dict[str, str]:
        """Tracks -> why the chip that began to decode them did not go on."""
        return {key: why for pool in self.sources.values() for key, why in pool.devices_lost.items()}

    def renderer_lost(self) -> str | None:
        """Why the GPU did not go on, and from which frame on; told once."""
        compositor = self.compositor
        if self._loss_told or not isinstance(compositor, Resilient) or compositor.lost is None:
            return None
        self._loss_told = True
        return f"from frame {compositor.lost_at} on: {compositor.lost.rstrip('.')}"

    def gpu(self) -> dict[str, Any] | None:
        """``gpu`` of the report."""
        if not isinstance(self.compositor, Resilient):
            return None
        traffic = self.compositor.traffic
        return {
            "frames": traffic.frames,
            "uploaded_bytes": traffic.uploaded,
            "read_back_bytes": traffic.read_back,
            "lost_at": self.compositor.lost_at,
        }

    def conversions(self) -> list[dict[str, Any]]:
        """Those that were planned, with counts, and those of what the CPU drew (yuv420p) after a GPU gave up."""
        planned = self.job.plan.conversions
        found = [{**asdict(one), "frames": _converted(self, one.edge)} for one in planned]
        count = self.converting.conversions if self.converting is not None else 0
        if count and not any(one.edge == "compose->encode" for one in planned):
            full = "bt709 limited"
            target = self.job.ways.spec.pixel_format
            reason = "the CPU drew what the GPU did not"
            edge = Conversion("compose->encode", f"yuv420p {full}", f"{target} {full}", "swscale", reason)
            found.append({**asdict(edge), "frames": count})
        return found

    def afterwards(self) -> list[str]:
        """Warnings that only the run could tell."""
        lines = []
        for key, decoders in self.sources.items():
            if decoders.repeated:
                detail = "; ".join(decoders.problems.values())
                lines.append(
                    f"{decoders.repeated} frames of the {key} could not be decoded and show the last good one"
                    + (f" ({detail})." if detail else ".")
                )
        if self.mixer is not None:
            lines += self.mixer.warnings
        return lines


def _converted(flow: _Flow, edge: str) -> int:
    """Pictures converted on a planned edge."""
    if flow.job.ways.converter.used == "encoder" and edge == "compose->encode":
        return flow.counts.encoded  # each picture that the encoder was given
    if flow.converting is not None and edge == "compose->encode":
        return flow.converting.conversions
    return flow.sources[stages.kind_of(edge)].conversions


def _report(running: Running, stats: PipelineStats, result: VerifyResult, flow: _Flow) -> ExportReport:
    job = running.job
    width, height = job.director.size
    info = OutputInfo(
        width=width,
        height=height,
        fps=float(job.director.fps),
        duration_s=round(float(result.duration), 6),
        size_bytes=size_of(job),
        video_codec=job.output.video_codec,
        audio_codec=job.output.audio_codec if flow.has_audio else None,
        color=job.output.color,
    )
    report = running.report(flow.counts, stats, result, info, unchanged={"used": flow.unchanged, **flow.inserted})
    report.conversions = flow.conversions()
    for name in ("rendered", "encoder"):
        channel = stats.channels[name]
        report.buffers |= {
            name: channel.max_items,
            f"{name}_peak": channel.peak_items,
            f"{name}_peak_bytes": channel.peak_bytes,
        }
    report.renderer, report.gpu = flow.compositor.name, flow.gpu()
    if job.subtitles:
        report.subtitles = {
            "file": str(job.subtitle_target),
            "cues": len(job.subtitles),
            "codec": TEXT_CODEC,
            "language": job.labels.language,
        }
    return report
