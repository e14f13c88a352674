"""Run a Job: threads, progress, verification, and the file under its name only when it is right."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress import clock
from reelpress.compose.resilient import Resilient
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.session import SpliceSession
from reelpress.errors import ExportError, StrictFallbackError
from reelpress.events import CompletedEvent, Fallback, FallbackEvent, PlanEvent, ProgressEvent, WarningEvent
from reelpress.export import stages
from reelpress.export.copy import CopyRefused
from reelpress.export.hooks import Hooks
from reelpress.export.observe import Observer
from reelpress.export.outputs.base import Watch
from reelpress.export.outputs.pipe import PipeGuard, PipeOutput, size_of
from reelpress.export.outputs.stills import names_of
from reelpress.export.plan import Conversion
from reelpress.export.report import ExportReport, FrameCounts, OutputInfo, StageTimes
from reelpress.export.sources import SourcePool
from reelpress.export.subtitles import read_back, write_srt
from reelpress.media.audio import AudioMixer
from reelpress.media.pool import pool
from reelpress.media.text_track import CODEC as TEXT_CODEC
from reelpress.media.text_track import text_packets
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.channel import Channel
from reelpress.pipeline.machine import bound_heap, peak_rss
from reelpress.pipeline.memory import PressureMonitor
from reelpress.pipeline.output import TargetGuard
from reelpress.pipeline.output_folder import FolderGuard
from reelpress.pipeline.run import Pipeline, PipelineStats
from reelpress.pipeline.stage import Stage
from reelpress.pipeline.trace import NO_TRACE, Tracer
from reelpress.pipeline.watchdog import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.encode.base import Piece
    from reelpress.events import Event
    from reelpress.export.prepare import Job
    from reelpress.export.settings import Unchanged
    from reelpress.media.verify import VerifyResult

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 0.1
PACKET_BYTES = 8 << 20
"""Bound of the channel of encoded packets; one 4K key frame is about 1 MB."""
KEY_FRAMES_SHARE = 0.01
"""Of the export's time so far, for decoding key frames again beside the first picture and the last one."""
RATE_WINDOW_S = 3.0
"""Progress is judged by the last few seconds: a scroll is slower than a still page."""


class Teller:
    """Events of one export, at most ten progress lines a second; called from the monitor's thread only."""

    def __init__(self, on_event: Callable[[Event], None] | None, total: int) -> None:
        self._on_event = on_event or (lambda event: None)
        self._total = total
        self._last = float("-inf")
        self._phase = ""
        self._window: deque[tuple[float, int]] = deque()

    def event(self, event: Event) -> None:
        self._on_event(event)

    def progress(self, phase: str, frame: int, *, force: bool = False) -> None:
        now = time.monotonic()
        if phase != self._phase:
            force, self._phase = True, phase
        if not force and now - self._last < PROGRESS_INTERVAL_S:
            return
        self._last = now
        if self._window and frame < self._window[-1][1]:
            self._window.clear()  # the export was restarted
        self._window.append((now, frame))
        while len(self._window) > 2 and now - self._window[0][0] > RATE_WINDOW_S:
            self._window.popleft()
        first_time, first_frame = self._window[0]
        rate = (frame - first_frame) / (now - first_time) if now > first_time else 0.0
        eta = (self._total - frame) / rate if rate > 0 else None
        self._on_event(ProgressEvent(phase, frame, self._total, round(rate, 1), None if eta is None else round(eta, 1)))


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
    started, cpu_started = time.monotonic(), _cpu_seconds()
    teller = Teller(on_event, job.director.frames)
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(guard_of(job, job.target))
        beside = None if job.subtitle_target is None else stack.enter_context(guard_of(job, job.subtitle_target))
        observer = stack.enter_context(Observer(job, sources_of(job)))
        teller.event(PlanEvent(job.plan.to_dict()))
        for fallback in job.fallbacks:
            teller.event(FallbackEvent(**asdict(fallback)))
        log.info("%s", job.buffers.start_line())
        warnings = list(job.plan.warnings)

        def warn(text: str) -> None:
            if text not in warnings:
                warnings.append(text)
                teller.event(WarningEvent(text))

        hooks = hooks or Hooks()
        flow, stats = _flowed(job, guard.part_path, cancel, hooks, observer, teller, warn)
        counts = flow.counts
        for line in flow.afterwards():
            warn(line)
        flow.release()
        hooks.finished(stats, counts)
        result = _verified(
            job,
            guard,
            teller,
            cancel,
            shown=flow.shown,
            key_frames_s=KEY_FRAMES_SHARE * (time.monotonic() - started),
            tracer=observer.tracer,
        )
        if beside is not None:
            write_srt(beside.part_path, job.subtitles, beside.target)
            read_back(beside.part_path, job.subtitles, beside.target)
        cancel.raise_if_cancelled()
        _commit(guard, beside)
        wall = time.monotonic() - started
        report = _report(job, counts, stats, result, flow, warnings, wall, _cpu_seconds() - cpu_started)
        for line in observer.finish(report):
            warn(line)
    teller.event(CompletedEvent(str(job.target), report.to_dict()))
    return report


def _flowed(
    job: Job,
    part_path: Any,
    cancel: CancelToken,
    hooks: Hooks,
    observer: Observer,
    teller: Teller,
    warn: Callable[[str], None],
) -> tuple[_Flow, PipelineStats]:
    """Run the stages; once more with every frame encoded where the encoder's stream turns out not to be splicable."""

    def fell_back(stage: str, wanted: str, used: str, reason: str) -> None:
        fallback = Fallback(stage, wanted, used, reason)
        if job.settings.strict:
            raise StrictFallbackError(f"--strict: {used} would be used instead of {wanted} ({stage}), because {reason}")
        if fallback not in job.fallbacks:  # an export to a size runs several times
            job.fallbacks.append(fallback)
        teller.event(FallbackEvent(**asdict(fallback)))

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


def guard_of(job: Job, target: Path) -> TargetGuard:
    """What stands around writing ``target``."""
    if isinstance(job.output, PipeOutput) and target == job.target:
        return PipeGuard(job.output)
    if job.files and target == job.target:
        return FolderGuard(target, names_of(job.files), overwrite=job.settings.overwrite, sources=sources_of(job))
    return TargetGuard(target, overwrite=job.settings.overwrite, sources=sources_of(job))


def _commit(guard: TargetGuard, beside: TargetGuard | None) -> None:
    """Put both files in their places. Where the video's fails, its subtitles are not left alone."""
    if beside is None:
        guard.commit()
        return
    beside.commit()
    try:
        guard.commit()
    except BaseException:
        Path(os.path.realpath(beside.target)).unlink(missing_ok=True)
        raise


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
        self.unchanged, self.refused = opened.unchanged, opened.refused
        self.inserted: dict[str, int] = {}
        self.shown: Sequence[int] | None = None
        """Frames at which pictures come in the finished file, where not all have one."""
        self.compositor = hooks.compositor(job.ways.renderer)
        self._loss_told = False

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
            Stage(
                "encode",
                lambda ctx: stages.encode(
                    ctx, encoder, self.rendered, self.packets, self.counts, self.progress, time.monotonic
                ),
                inputs=[self.rendered],
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
        stats = pipeline.run(cancel, on_tick=tick)
        self.observer.tick(last=True)
        teller.progress(self.progress.phase, self.progress.encoded, force=True)
        self.shown = self.encoder.shown
        self.counts.repeated_after_error = sum(pool.repeated for pool in self.sources.values())
        return stats

    def abandon(self) -> None:
        """Close what a run that failed left open."""
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
        del self.writer, self.encoder
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


def sources_of(job: Job) -> list[Path]:
    """Everything that is read and must not be written to."""
    files = [job.source]
    if job.project.file is not None:
        files.append(job.project.file)
    return files


def _converted(flow: _Flow, edge: str) -> int:
    """Pictures converted on a planned edge."""
    if flow.converting is not None and edge == "compose->encode":
        return flow.converting.conversions
    return flow.sources[stages.kind_of(edge)].conversions


def _verified(
    job: Job,
    guard: TargetGuard,
    teller: Teller,
    cancel: CancelToken,
    *,
    shown: Sequence[int] | None,
    key_frames_s: float,
    tracer: Tracer = NO_TRACE,
) -> VerifyResult:
    """Read the finished file back, under the same watch as the export itself."""
    director = job.director
    teller.progress("verify", director.frames, force=True)
    results: list[VerifyResult] = []

    def check(ctx: Any) -> None:
        results.append(
            job.output.verify(job, guard.part_path, Watch(ctx.heartbeat, lambda: cancel.cancelled), shown, key_frames_s)
        )

    Pipeline([Stage("verify", check)], deadlines=Deadlines(stall_s=job.settings.stall_timeout), tracer=tracer).run(
        cancel, on_tick=lambda: teller.progress("verify", director.frames)
    )
    return results[0]


def _report(
    job: Job,
    counts: FrameCounts,
    stats: PipelineStats,
    result: VerifyResult,
    flow: _Flow,
    warnings: list[str],
    wall: float,
    cpu: float,
) -> ExportReport:
    width, height = job.director.size
    channels = stats.channels
    return ExportReport(
        frames=counts,
        wall_s=round(wall, 3),
        fps=round(counts.total / wall, 2) if wall > 0 else 0.0,
        cpu_s=round(cpu, 3),
        peak_rss_bytes=peak_rss(),
        stages={
            name: StageTimes(round(s.busy_s, 4), round(s.wait_in_s, 4), round(s.wait_out_s, 4), s.frames)
            for name, s in stats.stages.items()
        },
        formats=[asdict(edge) for edge in job.plan.formats],
        conversions=flow.conversions(),
        fallbacks=list(job.fallbacks),
        warnings=warnings,
        buffers={
            "rendered": channels["rendered"].max_items,
            "encoder": channels["encoder"].max_items,
            "bytes": job.buffers.bytes,
            "rendered_peak": channels["rendered"].peak_items,
            "rendered_peak_bytes": channels["rendered"].peak_bytes,
            "encoder_peak": channels["encoder"].peak_items,
            "encoder_peak_bytes": channels["encoder"].peak_bytes,
        },
        decoder=job.plan.decoder.used,
        renderer=flow.compositor.name,
        gpu=flow.gpu(),
        converter=job.plan.converter.used,
        encoder=job.plan.encoder.used,
        output=OutputInfo(
            width=width,
            height=height,
            fps=float(job.director.fps),
            duration_s=round(float(result.duration), 6),
            size_bytes=size_of(job),
            video_codec=job.output.video_codec,
            audio_codec=job.output.audio_codec if flow.has_audio else None,
            color=job.output.color,
        ),
        verified=list(result.checked),
        unchanged={"used": flow.unchanged, **flow.inserted},
        subtitles={
            "file": str(job.subtitle_target),
            "cues": len(job.subtitles),
            "codec": TEXT_CODEC,
            "language": job.labels.language,
        }
        if job.subtitles
        else None,
    )


def _cpu_seconds() -> float:
    return time.process_time()
