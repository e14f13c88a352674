"""Run an export of sound alone: one stage, no pictures."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from reelpress import clock
from reelpress.encode.select import Choice
from reelpress.errors import SettingsError
from reelpress.events import CompletedEvent, FallbackEvent, PlanEvent, WarningEvent
from reelpress.export.observe import Observer
from reelpress.export.outputs.base import Watch
from reelpress.export.outputs.sound import SoundOutput
from reelpress.export.plan import Estimate, FormatEdge
from reelpress.export.report import ExportReport, FrameCounts, OutputInfo, StageTimes
from reelpress.media import pulse
from reelpress.media.audio import AudioMixer
from reelpress.media.sound_file import SoundWriter
from reelpress.pipeline.machine import peak_rss
from reelpress.pipeline.run import Pipeline
from reelpress.pipeline.stage import Stage
from reelpress.pipeline.watchdog import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.events import Event
    from reelpress.export.outputs.base import Output
    from reelpress.export.plan import ExportPlan
    from reelpress.export.prepare import Job
    from reelpress.media.verify import VerifyResult
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.run import PipelineStats
    from reelpress.pipeline.stage import StageContext

BLOCK = 48_000
"""Samples mixed at a time: a second."""


def sound_plan(plan: ExportPlan, output: Output, *, has_sound: bool) -> ExportPlan:
    """The plan of an export of sound, given that of its pictures.

    Raises:
        SettingsError: There is no sound.
    """
    if not has_sound:
        raise SettingsError(f"There is no sound in what is shown, so there is nothing for a {output.name}.")
    nothing = Choice("none", "there are no pictures in it")
    rate = int(plan.rate_control["bit_rate"])
    return replace(
        plan,
        formats=(FormatEdge("encoded", output.audio_codec, "none", "none", output.audio_codec),),
        conversions=(),
        decoder=nothing,
        renderer=nothing,
        converter=nothing,
        not_drawn=(),
        estimate=Estimate(int(plan.duration_s * rate / 8), round(0.3 + plan.duration_s / 100, 1)),
    )


def run_sound(job: Job, *, on_event: Callable[[Event], None] | None, cancel: CancelToken) -> ExportReport:
    """Export the sound of ``job``, as ``run.run`` does pictures.

    Raises:
        ReelpressError: As ``run.run``.
    """
    from reelpress.export.run import Teller, guard_of, sources_of

    assert isinstance(job.output, SoundOutput)
    started, cpu_started = time.monotonic(), time.process_time()
    total = clock.samples_until(job.director.frames, job.director.fps)
    teller = Teller(on_event, job.director.frames)
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(guard_of(job, job.target))
        observer = stack.enter_context(Observer(job, sources_of(job)))
        teller.event(PlanEvent(job.plan.to_dict()))
        for fallback in job.fallbacks:
            teller.event(FallbackEvent(**asdict(fallback)))
        warnings = list(job.plan.warnings)

        def warn(text: str) -> None:
            if text not in warnings:
                warnings.append(text)
                teller.event(WarningEvent(text))

        mixer = AudioMixer(job.spans, total)
        try:
            writer = SoundWriter(guard.part_path, job.output.audio(), job.output.muxer)
        except BaseException:
            mixer.close()
            raise
        done = [0]
        results: list[VerifyResult] = []

        def mix(ctx: StageContext) -> None:
            try:
                while done[0] < total:
                    with ctx.native("mixing sound"), pulse.listening(ctx.heartbeat):
                        samples = mixer.read(min(BLOCK, total - done[0]))
                    with ctx.native("encoding sound"):
                        writer.mux(writer.audio.encode(samples, done[0]))
                    done[0] += samples.shape[1]
                with ctx.native("finishing the file"):
                    writer.mux(writer.audio.flush())
                    writer.finish(cancelled=lambda: ctx.cancelled, progress=ctx.heartbeat)
            finally:
                mixer.close()
                writer.abort()

        def check(ctx: StageContext) -> None:
            watch = Watch(ctx.heartbeat, lambda: cancel.cancelled)
            results.append(job.output.verify(job, guard.part_path, watch, None, 0.0))

        def piped(name: str, work: Callable[[StageContext], None], phase: str) -> PipelineStats:
            pipeline = Pipeline(
                [Stage(name, work)], deadlines=Deadlines(stall_s=job.settings.stall_timeout), tracer=observer.tracer
            )
            return pipeline.run(
                cancel, on_tick=lambda: teller.progress(phase, job.director.frames * done[0] // max(1, total))
            )

        stats = piped("sound", mix, "encode")
        for line in mixer.warnings:
            warn(line)
        piped("verify", check, "verify")
        cancel.raise_if_cancelled()
        guard.commit()
        wall = time.monotonic() - started
        report = _report(job, stats, results[0], warnings, wall, time.process_time() - cpu_started)
        for line in observer.finish(report):
            warn(line)
    teller.event(CompletedEvent(str(job.target), report.to_dict()))
    return report


def _report(
    job: Job, stats: PipelineStats, result: VerifyResult, warnings: list[str], wall: float, cpu: float
) -> ExportReport:
    counters = ("rendered", "encoder", "rendered_peak", "rendered_peak_bytes", "encoder_peak", "encoder_peak_bytes")
    return ExportReport(
        frames=FrameCounts(total=0),
        wall_s=round(wall, 3),
        fps=0.0,
        cpu_s=round(cpu, 3),
        peak_rss_bytes=peak_rss(),
        stages={
            name: StageTimes(round(s.busy_s, 4), round(s.wait_in_s, 4), round(s.wait_out_s, 4), s.frames)
            for name, s in stats.stages.items()
        },
        formats=[asdict(edge) for edge in job.plan.formats],
        conversions=[],
        fallbacks=list(job.fallbacks),
        warnings=warnings,
        buffers={**dict.fromkeys(counters, 0), "bytes": job.buffers.bytes},
        decoder="none",
        renderer="none",
        converter="none",
        encoder=job.output.audio_codec,
        output=OutputInfo(
            width=0,
            height=0,
            fps=0.0,
            duration_s=round(float(result.duration), 6),
            size_bytes=job.target.stat().st_size,
            video_codec=job.output.video_codec,
            audio_codec=job.output.audio_codec,
            color=job.output.color,
        ),
        verified=list(result.checked),
        unchanged={"used": "none"},
    )
