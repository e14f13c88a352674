"""What every run of an export does, whatever kind of file it makes: guard the target, tell, watch, verify, report.

``run`` (pictures through stages), ``copy`` (packets) and ``sound_only`` differ in what they do between.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.events import CompletedEvent, FallbackEvent, PlanEvent, ProgressEvent, WarningEvent
from reelpress.export.observe import Observer
from reelpress.export.outputs.pipe import PipeGuard, PipeOutput
from reelpress.export.outputs.stills import names_of
from reelpress.export.report import ExportReport, StageTimes
from reelpress.pipeline.machine import peak_rss
from reelpress.pipeline.output import TargetGuard
from reelpress.pipeline.output_folder import FolderGuard
from reelpress.pipeline.run import Pipeline, PipelineStats
from reelpress.pipeline.stage import Stage
from reelpress.pipeline.watchdog import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from reelpress.events import Event
    from reelpress.export.job import Job
    from reelpress.export.report import FrameCounts, OutputInfo
    from reelpress.media.verify.verdict import VerifyResult
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.stage import StageContext

PROGRESS_INTERVAL_S = 0.1
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


class Running:
    """One run, as a context: entered it guards the target and has told the plan; left without :meth:`commit` there is
    no trace of it. The calling thread's.

    Args:
        job: The export.
        total: Frames, for the progress.
        on_event: Gets the events.
        cancel: Ends it.
    """

    guard: TargetGuard
    observer: Observer

    def __init__(self, job: Job, total: int, on_event: Callable[[Event], None] | None, cancel: CancelToken) -> None:
        self.job, self.total, self.cancel = job, total, cancel
        self.teller = Teller(on_event, total)
        self.beside: TargetGuard | None = None
        """Of the subtitles' file, where there is one."""
        self.warnings = list(job.plan.warnings)
        """Those so far."""
        self._started, self._cpu = time.monotonic(), time.process_time()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        job = self.job
        with contextlib.ExitStack() as stack:
            self.guard = stack.enter_context(_guard(job, job.target))
            if job.subtitle_target is not None:
                self.beside = stack.enter_context(_guard(job, job.subtitle_target))
            self.observer = stack.enter_context(Observer(job, _sources(job)))
            self.teller.event(PlanEvent(job.plan.to_dict()))
            for fallback in job.fallbacks:
                self.teller.event(FallbackEvent(**asdict(fallback)))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def wall_s(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._started

    def warn(self, text: str) -> None:
        """Tell a warning, once."""
        text = self.job.recording.by_origin(text)
        if text not in self.warnings:
            self.warnings.append(text)
            self.teller.event(WarningEvent(text))

    def stage(
        self, name: str, work: Callable[[StageContext], None], phase: str, frame: Callable[[], int]
    ) -> PipelineStats:
        """Run one stage to its end, with its progress.

        Args:
            name: Of the stage.
            work: What it does.
            phase: Of the progress.
            frame: How far it is.
        """
        self.teller.progress(phase, frame(), force=True)
        pipeline = Pipeline(
            [Stage(name, work)],
            deadlines=Deadlines(stall_s=self.job.settings.stall_timeout),
            tracer=self.observer.tracer,
        )
        return pipeline.run(self.cancel, on_tick=lambda: self.teller.progress(phase, frame()))

    def verify(self, check: Callable[[StageContext], VerifyResult]) -> VerifyResult:
        """Read the finished file back, under the same watch as the export itself.

        Raises:
            VerifyError: As ``check``.
        """
        results: list[VerifyResult] = []
        self.stage("verify", lambda ctx: results.append(check(ctx)), "verify", lambda: self.total)
        return results[0]

    def commit(self) -> None:
        """Put the files in their places. Where the video's fails, its subtitles are not left alone.

        Raises:
            Cancelled: The export was.
            OutputError: One cannot be put there.
        """
        self.cancel.raise_if_cancelled()
        if self.beside is None:
            self.guard.commit()
            return
        self.beside.commit()
        try:
            self.guard.commit()
        except BaseException:
            Path(os.path.realpath(self.beside.target)).unlink(missing_ok=True)
            raise

    def report(
        self,
        counts: FrameCounts,
        stats: PipelineStats,
        result: VerifyResult,
        output: OutputInfo,
        *,
        unchanged: dict[str, Any] | None = None,
    ) -> ExportReport:
        """What was done, as far as it is the same for all; who drew is the plan's, and nothing waited in channels."""
        job, wall = self.job, self.wall_s
        waiting = ("rendered", "encoder", "rendered_peak", "rendered_peak_bytes", "encoder_peak", "encoder_peak_bytes")
        return ExportReport(
            frames=counts,
            wall_s=round(wall, 3),
            fps=round(counts.total / wall, 2) if wall > 0 else 0.0,
            cpu_s=round(time.process_time() - self._cpu, 3),
            peak_rss_bytes=peak_rss(),
            stages={
                name: StageTimes(round(s.busy_s, 4), round(s.wait_in_s, 4), round(s.wait_out_s, 4), s.frames)
                for name, s in stats.stages.items()
            },
            formats=[asdict(edge) for edge in job.plan.formats],
            conversions=[],
            fallbacks=list(job.fallbacks),
            warnings=self.warnings,
            buffers={**dict.fromkeys(waiting, 0), "bytes": job.buffers.bytes},
            decoder=job.plan.decoder.used,
            renderer=job.plan.renderer.used,
            converter=job.plan.converter.used,
            encoder=job.plan.encoder.used,
            output=output,
            verified=list(result.checked),
            unchanged=unchanged or {},
            rejected=job.plan.rejected,
        )

    def finish(self, report: ExportReport) -> None:
        """Write what is to be written about the run, before it is left."""
        for line in self.observer.finish(report):
            self.warn(line)

    def completed(self, report: ExportReport) -> ExportReport:
        """Tell the end, after it was left."""
        self.teller.event(CompletedEvent(str(self.job.target), report.to_dict()))
        return report


def _guard(job: Job, target: Path) -> TargetGuard:
    """What stands around writing ``target``."""
    if isinstance(job.output, PipeOutput) and target == job.target:
        return PipeGuard(job.output)
    if job.files and target == job.target:
        return FolderGuard(target, names_of(job.files), overwrite=job.settings.overwrite, sources=_sources(job))
    return TargetGuard(target, overwrite=job.settings.overwrite, sources=_sources(job))


def _sources(job: Job) -> list[Path]:
    """Everything that is read and must not be written to."""
    files = [job.source]
    if job.project.file is not None:
        files.append(job.project.file)
    return files
