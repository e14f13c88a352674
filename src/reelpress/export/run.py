"""Run a Job in the way that it asks for, verify the file, and give it its name only when it is right."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from reelpress.errors import VerifyError
from reelpress.export.copy.job import CopyRefused
from reelpress.export.fallback import give_up_chip, run_stages
from reelpress.export.flow_report import report_of
from reelpress.export.hooks import Hooks
from reelpress.export.outputs.base import Watch
from reelpress.export.running import Running
from reelpress.export.subtitles import read_back, write_srt
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.machine import bound_heap

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.events import Event
    from reelpress.export.flow import Flow
    from reelpress.export.job import Job
    from reelpress.export.report import ExportReport
    from reelpress.media.verify.verdict import VerifyResult
    from reelpress.pipeline.run import PipelineStats

log = logging.getLogger(__name__)

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
        from reelpress.export.copy.run import run_copy

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

        def verified(flow: Flow) -> VerifyResult:
            watched, shown = KEY_FRAMES_SHARE * running.wall_s, flow.shown
            return running.verify(
                lambda ctx: job.output.verify(job, part, Watch(ctx.heartbeat, lambda: cancel.cancelled), shown, watched)
            )

        def encoded() -> tuple[Flow, PipelineStats]:
            flow, stats = run_stages(running, cancel, hooks)
            for line in flow.afterwards():
                running.warn(line)
            flow.release()
            hooks.finished(stats, flow.counts)
            return flow, stats

        flow, stats = encoded()
        result: VerifyResult | None = None
        try:
            result = verified(flow)
        except VerifyError as error:
            give_up_chip(running, error)  # a chip may make something wrong of pictures that its trial did not have
        if result is None:
            del flow, stats  # with what they hold of the first try
            flow, stats = encoded()
            result = verified(flow)
        if running.beside is not None:
            write_srt(running.beside.part_path, job.subtitles, running.beside.target)
            read_back(running.beside.part_path, job.subtitles, running.beside.target)
        running.commit()
        report = report_of(running, stats, result, flow)
        running.finish(report)
    return running.completed(report)
