"""Run an export of sound alone: one stage, no pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reelpress import clock
from reelpress.encode.select import Choice
from reelpress.errors import SettingsError
from reelpress.export.outputs.base import Watch
from reelpress.export.outputs.sound import SoundOutput
from reelpress.export.plan import FormatEdge
from reelpress.export.report import ExportReport, FrameCounts, OutputInfo
from reelpress.export.running import Running
from reelpress.media import pulse
from reelpress.media.audio import AudioMixer
from reelpress.media.sound_file import SoundWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.events import Event
    from reelpress.export.job import Job
    from reelpress.export.outputs.base import Output
    from reelpress.export.plan import ExportPlan
    from reelpress.pipeline.cancel import CancelToken
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
    return replace(
        plan,
        formats=(FormatEdge("encoded", output.audio_codec, "none", "none", output.audio_codec),),
        conversions=(),
        decoder=nothing,
        renderer=nothing,
        converter=nothing,
        not_drawn=(),
        unchanged={
            "used": "none",
            "reason": "there are no pictures in it",
            "tolerance": 0,
            "tolerance_reason": "nothing is compared",
        },
    )


def run_sound(job: Job, *, on_event: Callable[[Event], None] | None, cancel: CancelToken) -> ExportReport:
    """Export the sound of ``job``, as ``run.run`` does pictures.

    Raises:
        ReelpressError: As ``run.run``.
    """
    output = job.output
    assert isinstance(output, SoundOutput)
    total = clock.samples_until(job.director.frames, job.director.fps)
    with Running(job, job.director.frames, on_event, cancel) as running:
        part = running.guard.part_path
        mixer = AudioMixer(job.spans, total)
        try:
            writer = SoundWriter(part, output.audio(), output.muxer, job.labels, job.director.fps)
        except BaseException:
            mixer.close()
            raise
        done = 0

        def mix(ctx: StageContext) -> None:
            nonlocal done
            try:
                while done < total:
                    with ctx.native("mixing sound"), pulse.listening(ctx.heartbeat):
                        samples = mixer.read(min(BLOCK, total - done))
                    with ctx.native("encoding sound"):
                        writer.mux(writer.audio.encode(samples, done))
                    done += samples.shape[1]
                with ctx.native("finishing the file"):
                    writer.mux(writer.audio.flush())
                    writer.finish(cancelled=lambda: ctx.cancelled, progress=ctx.heartbeat)
            finally:
                mixer.close()
                writer.abort()

        stats = running.stage("sound", mix, "encode", lambda: job.director.frames * done // max(1, total))
        for line in mixer.warnings:
            running.warn(line)
        result = running.verify(
            lambda ctx: output.verify(job, part, Watch(ctx.heartbeat, lambda: cancel.cancelled), None, 0.0)
        )
        running.commit()
        info = OutputInfo(
            width=0,
            height=0,
            fps=0.0,
            duration_s=round(float(result.duration), 6),
            size_bytes=job.target.stat().st_size,
            video_codec=output.video_codec,
            audio_codec=output.audio_codec,
            color=output.color,
        )
        report = running.report(FrameCounts(total=0), stats, result, info, unchanged={"used": "none"})
        running.finish(report)
    return running.completed(report)
