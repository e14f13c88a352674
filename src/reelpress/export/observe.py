"""What an export tells about itself: ``--trace`` while it runs, ``--report`` when it is done."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress import __version__
from reelpress.errors import Cancelled, ReelpressError, SettingsError
from reelpress.pipeline.machine import cores, rss, total_ram
from reelpress.pipeline.output import TargetGuard, output_error
from reelpress.pipeline.samples import History
from reelpress.pipeline.trace import NO_TRACE, ChromeTracer, Tracer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from reelpress.export.job import Job
    from reelpress.export.report import ExportReport, FrameCounts
    from reelpress.pipeline.run import Pipeline

_log = logging.getLogger(__name__)

SUFFIXES = {"report": ".html", "trace": ".trace.json"}
"""What is added to the output's name where a folder is given instead of a file."""


class Observer:
    """Watches one export and writes its trace and its page. A context manager around the whole export.

    Both files are written as the video is: beside their target, under their name only when complete, never over an
    existing file without ``--overwrite``, never over a source. Everything about their names is checked before the
    first frame. Afterwards the video comes first: a full disk that keeps one of the two from being written is a
    warning and not a failed export.

    The page is written after success only. The trace is also completed when the export *fails*, because then it is
    most wanted; a cancelled export leaves neither.

    ``watch`` and ``tick`` are called from the monitor's thread, the rest from the thread that runs the export.

    Args:
        job: The export.
        sources: Files and folders that are read.

    Raises (on entering):
        ReelpressError: As ``TargetGuard``.
        SettingsError: Two of the files to be written are the same one.
    """

    def __init__(self, job: Job, sources: Sequence[Path]) -> None:
        self._job = job
        self._sources = tuple(sources)
        self.report_path = named(job.settings.report, job.target, "report")
        self.trace_path = named(job.settings.trace, job.target, "trace")
        self._report: TargetGuard | None = None
        self._trace: TargetGuard | None = None
        self._chrome: ChromeTracer | None = None
        self._pipeline: Pipeline | None = None
        self._counts: FrameCounts | None = None
        self._history = History(time.monotonic, rss)

    @property
    def tracer(self) -> Tracer:
        """For the pipelines of the export."""
        return self._chrome or NO_TRACE

    def __enter__(self) -> Self:
        self._refuse_same_file()
        try:
            if self.report_path is not None:
                self._report = self._guard(self.report_path).__enter__()
            if self.trace_path is not None:
                self._trace = self._guard(self.trace_path).__enter__()
                try:
                    self._chrome = ChromeTracer(self._trace.part_path, about=self._about())
                except OSError as error:
                    raise output_error(self.trace_path, error) from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Exception) and not isinstance(error, Cancelled):
                for line in self._finish_trace():  # what failed is what one wants to look at
                    _log.warning("%s", line)
        finally:
            self._leave()

    # -- while it runs --------------------------------------------------------------------------------------------

    def watch(self, pipeline: Pipeline, counts: FrameCounts) -> None:
        """Take samples of this pipeline from now on; those of one before it (another try) are dropped."""
        self._pipeline, self._counts = pipeline, counts
        self._history = History(time.monotonic, rss)

    def tick(self, *, last: bool = False) -> None:
        """At every tick of the monitor: a sample for the page when it is time for one, memory for the trace."""
        if self._chrome is not None:
            self._chrome.counter("resident memory: bytes", rss())
        if self._report is None or self._pipeline is None or not (last or self._history.due()):
            return
        counts = {} if self._counts is None else asdict(self._counts)
        self._history.take(queues=self._pipeline.depths(), stages=self._pipeline.stats.stages, counts=counts)

    # -- when it is done ------------------------------------------------------------------------------------------

    def finish(self, report: ExportReport) -> list[str]:
        """Write the page, complete the trace, and give both their names.

        Returns:
            Warnings: what could not be written.
        """
        return self._finish_trace() + self._finish_report(report)

    def _finish_trace(self) -> list[str]:
        guard, chrome = self._trace, self._chrome
        if guard is None or chrome is None:
            return []
        self._trace = None
        try:
            chrome.close()
            if chrome.error is not None:
                raise output_error(guard.target, chrome.error)
            guard.commit()
        except (ReelpressError, OSError) as error:
            return [f"The trace was not written: {error}"]
        finally:
            guard.__exit__(None, None, None)
        if chrome.full:
            return [f"The trace {guard.target.name} does not go to the end: it would have become too large."]
        return []

    def _finish_report(self, report: ExportReport) -> list[str]:
        guard = self._report
        if guard is None:
            return []
        self._report = None
        from reelpress.export.page.one import render

        try:
            text = render(
                self._job.plan.to_dict(),
                report.to_dict(),
                self._history.samples,
                files=[*self._sources, self._job.target, guard.target],
                machine={"Machine": f"{cores()} cores, {total_ram() / 1e9:.1f} GB of memory"},
            )
            try:
                guard.part_path.write_text(text, encoding="utf-8", newline="\n")
            except OSError as error:
                raise output_error(guard.target, error) from error
            guard.commit()
        except ReelpressError as error:
            return [f"The report was not written: {error}"]
        finally:
            guard.__exit__(None, None, None)
        return []

    # -- inside ---------------------------------------------------------------------------------------------------

    def _guard(self, path: Path) -> TargetGuard:
        return TargetGuard(path, overwrite=self._job.settings.overwrite, sources=self._sources)

    def _leave(self) -> None:
        if self._chrome is not None:
            self._chrome.close()
        for guard in (self._trace, self._report):
            if guard is not None:
                guard.__exit__(None, None, None)
        self._trace = self._report = None
        self._pipeline = None

    def _refuse_same_file(self) -> None:
        written: dict[str, str] = {os.path.realpath(self._job.target): "the output"}
        if self._job.subtitle_target is not None:
            written[os.path.realpath(self._job.subtitle_target)] = "the subtitles"
        for option, path in (("--report", self.report_path), ("--trace", self.trace_path)):
            if path is None:
                continue
            real = os.path.realpath(path)
            if real in written:
                raise SettingsError(f"{option} is {path}, which is {written[real]} too. Give it another name.")
            written[real] = f"the file of {option}"

    def _about(self) -> dict[str, str | int | float]:
        director = self._job.director
        return {
            "reelpress": __version__,
            "source": Path(os.path.abspath(self._job.source)).name,
            "output": self._job.target.name,
            "frames": director.frames,
            "width": director.size[0],
            "height": director.size[1],
            "fps": float(director.fps),
        }


def named(path: Path | None, target: Path, option: str) -> Path | None:
    """The file that ``--report`` or ``--trace`` means: a folder gets one with the output's name."""
    if path is not None and os.path.isdir(path):
        return path / (target.stem + SUFFIXES[option])
    return path
