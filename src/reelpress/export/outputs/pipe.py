"""MP4 to stdout (``-o -``): in fragments, verified while it is sent, with no ``.part`` and no name to be given."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from reelpress.errors import OutputError, SettingsError
from reelpress.export.outputs.mp4 import Mp4Output
from reelpress.export.outputs.stdout import STDOUT
from reelpress.media.pipe import PipeSink, refuse_terminal
from reelpress.media.verify.verdict import Expected
from reelpress.pipeline.output import TargetGuard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from reelpress.export.job import Job
    from reelpress.export.outputs.base import Watch
    from reelpress.export.settings import Codec, ExportSettings
    from reelpress.media.verify.verdict import VerifyResult


@dataclass
class _Stream:
    """What one export sends."""

    descriptor: int | None = None
    sink: PipeSink | None = None


@dataclass(frozen=True)
class PipeOutput(Mp4Output):
    """An MP4 that is sent. Unlike other outputs it belongs to one export, whose bytes it counts."""

    codecs: ClassVar[tuple[Codec, ...]] = ("h264",)
    has_subtitles: ClassVar[bool] = False

    stream: _Stream = field(default_factory=_Stream)

    @property
    def descriptor(self) -> int:
        """Where bytes go: stdout, when the export begins.

        Raises:
            OutputError: There is no stdout.
        """
        if self.stream.descriptor is None:
            try:
                self.stream.descriptor = sys.stdout.fileno()
            except (AttributeError, OSError, ValueError) as error:
                raise OutputError("-o - writes to stdout, and this process has none.") from error
        return self.stream.descriptor

    @property
    def sent(self) -> int:
        """Bytes so far."""
        return 0 if self.stream.sink is None else self.stream.sink.sent

    def of(self, settings: ExportSettings) -> Self:
        if settings.codec not in (None, "h264"):
            raise SettingsError(f"-o - sends H.264, no {settings.codec}: others are written into files only.")
        return super().of(settings)

    def sink(self) -> PipeSink:
        self.stream.sink = self.stream.sink or PipeSink(self.descriptor)
        return self.stream.sink

    def verify(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        del part, watch, key_frames_s
        director = job.director
        times = None if shown is None else np.asarray(shown, np.int64)
        expected = Expected(director.frames, director.fps, director.size, has_audio=bool(job.spans), shown=times)
        return self.sink().verify(expected, job.labels)


class PipeGuard(TargetGuard):
    """In the place of ``TargetGuard``: what is sent cannot be taken back, so there is nothing to guard but terminals.

    Raises (on entering):
        UsageError: stdout is a terminal.
        OutputError: There is no stdout.
    """

    def __init__(self, output: PipeOutput) -> None:
        self.target = self.part_path = STDOUT
        self._output = output

    def __enter__(self) -> Self:
        refuse_terminal(self._output.descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def commit(self) -> None:
        """All is sent."""


def size_of(job: Job) -> int:
    """Bytes of the finished output."""
    if isinstance(job.output, PipeOutput):
        return job.output.sent
    if job.target.is_dir():
        return sum(file.stat().st_size for file in job.target.iterdir())
    return job.target.stat().st_size
