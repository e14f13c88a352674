"""What people see on stderr while an export runs: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from reelpress.events import CompletedEvent, FallbackEvent, PlanEvent, ProgressEvent, WarningEvent

if TYPE_CHECKING:
    from rich.progress import Progress

    from reelpress.events import Event

PLAIN_INTERVAL_S = 5.0
"""Seconds between two progress lines when stderr is not a terminal (a log file)."""


class Reporter(Protocol):
    """Receives the events of one export, in the main thread."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None:
        """Leave the terminal as it was found."""
        ...


class JsonReporter:
    """Every event is a line of NDJSON on stdout."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def __call__(self, event: Event) -> None:
        if self._stream is not None:  # started without a stdout, as some services are
            self._stream.write(event.to_json() + "\n")
            self._stream.flush()

    def close(self) -> None:
        pass


class QuietReporter:
    """Nothing but the output's path on stdout, when it is there."""

    def __init__(self, *, path: bool = False) -> None:
        self._path = path

    def __call__(self, event: Event) -> None:
        if self._path and isinstance(event, CompletedEvent):
            print(event.output)

    def close(self) -> None:
        pass


def seconds(value: float | None) -> str:
    """``1:05`` or ``--:--``."""
    if value is None:
        return "--:--"
    whole = round(value)
    return f"{whole // 60}:{whole % 60:02d}"


def size(count: int) -> str:
    """Bytes for people: ``4.2 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.2f} GB"


class PlainReporter:
    """One line every few seconds, for logs."""

    def __init__(self, *, results: bool = True) -> None:
        self._results = results
        self._last = float("-inf")
        self._phase = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, ProgressEvent):
            now = time.monotonic()
            if event.phase == self._phase and now - self._last < PLAIN_INTERVAL_S:
                return
            self._last, self._phase = now, event.phase
            print(
                f"{event.phase}: frame {event.frame}/{event.total_frames}, {event.fps:.0f} fps, "
                f"{seconds(event.eta_s)} left",
                file=sys.stderr,
            )
        else:
            _tell(event, results=self._results)

    def close(self) -> None:
        pass


class BarReporter:
    """A progress bar with phase, rate and time to go."""

    def __init__(self, *, results: bool = True) -> None:
        self._results = results
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        # rich honours NO_COLOR by itself.
        self._progress: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[eta]} left"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("plan", total=None, rate="", eta="--:--")
        self._progress.start()

    def __call__(self, event: Event) -> None:
        if isinstance(event, ProgressEvent):
            self._progress.update(
                self._task,
                description=event.phase,
                total=event.total_frames,
                completed=event.frame,
                rate=f"{event.fps:.0f} fps",
                eta=seconds(event.eta_s),
            )
        else:
            if isinstance(event, CompletedEvent):
                self.close()
            _tell(event, results=self._results)

    def close(self) -> None:
        self._progress.stop()


def _tell(event: Event, *, results: bool) -> None:
    """Everything but progress, as lines."""
    if isinstance(event, PlanEvent):
        from reelpress.export.plan import is_sound_alone

        plan = event.plan
        shown = f"{plan['frames']} frames, {plan['width']}x{plan['height']}"
        print(
            f"{plan['source']} -> {plan['output']}: {'sound alone' if is_sound_alone(plan) else shown}, "
            f"{float(plan['duration_s']):.2f} s, {plan['encoder']['used']}",
            file=sys.stderr,
        )
        for name in plan["not_drawn"]:
            print(f"not drawn: {name}", file=sys.stderr)
        for warning in plan["warnings"]:
            print(f"warning: {warning}", file=sys.stderr)
    elif isinstance(event, WarningEvent):
        print(f"warning: {event.warning}", file=sys.stderr)
    elif isinstance(event, FallbackEvent):
        print(f"fallback: {event.used} instead of {event.wanted}: {event.reason}", file=sys.stderr)
    elif isinstance(event, CompletedEvent):
        report = event.report
        output = report["output"]
        of, rate = "video", f" ({report['fps']:.0f} fps)"
        if output["video_codec"] == "none":
            of, rate = "sound", ""
        print(
            f"{output['duration_s']:.2f} s of {of} in {report['wall_s']:.2f} s{rate}, {size(output['size_bytes'])}",
            file=sys.stderr,
        )
        if results:
            print(event.output)


def reporter(*, json: bool, quiet: bool, results: bool = True) -> Reporter:
    """The reporter that fits this run. Without ``results`` it leaves stdout alone, for a video is sent there."""
    if json:
        return JsonReporter()
    if quiet:
        return QuietReporter(path=results)
    return BarReporter(results=results) if sys.stderr.isatty() else PlainReporter(results=results)
