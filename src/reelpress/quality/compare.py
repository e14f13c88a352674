"""Compare two videos, or a video with the pictures that it was made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.export.api import render
from reelpress.export.settings import ExportSettings
from reelpress.export.watched import watched
from reelpress.quality.align import FrameSide, OpenFile, open_file
from reelpress.quality.comparison import Options, run_comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reelpress.events import ProgressEvent
    from reelpress.media.planes import Planes
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.quality.report import ComparisonReport, FrameResult

STALL_S = 30.0
"""Seconds without a packet read or a moment measured that count as a hang."""


def compare(
    a: Path | str,
    b: Path | str,
    *,
    min_ssim: float | None = None,
    worst: int = 3,
    pictures: Path | str | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
    scale: bool = False,
    every: int = 1,
    on_frame: Callable[[FrameResult], None] | None = None,
    on_event: Callable[[ProgressEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> ComparisonReport:
    """Compare the pictures, the sync of the sound and the colour tags of two video files.

    Args:
        a: The reference.
        b: What is judged.
        min_ssim: Below this mean SSIM (Y, U, V combined 6:1:1), or if B ends early, the report's ``passed`` is false.
        worst: How many of the worst moments to list.
        pictures: A folder for PNGs of them.
        start: Seconds from the first picture of each; compare from here.
        end: Seconds; compare up to here.
        scale: Bring B's pictures to A's size when they differ; else that is refused.
        every: Measure every Nth moment only.
        on_frame: Called with every measured moment, in the thread that compares.
        on_event: Called now and then with how far it is, in the thread that compares.
        cancel: Ends it within a second, from any thread.

    Raises:
        InputError: A file cannot be read or has no video.
        SettingsError: A value is not allowed, or the sizes differ.
        OutputError: The pictures cannot be written.
        Cancelled: ``cancel`` said so.
    """
    options = _options(min_ssim, worst, pictures, start, end, scale, every)

    def work() -> _Held:
        file_a, file_b = open_file(Path(a)), open_file(Path(b))
        return _Held(run_comparison(file_a, None, file_b, options, on_frame, on_event))

    return watched("compare", work, stall_s=STALL_S, cancel=cancel).report


def against(
    frames: Iterable[Planes],
    file: Path | str,
    *,
    fps: Fraction | None = None,
    min_ssim: float | None = None,
    worst: int = 3,
    pictures: Path | str | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
    every: int = 1,
    on_frame: Callable[[FrameResult], None] | None = None,
    on_event: Callable[[ProgressEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> ComparisonReport:
    """Compare a file with the pictures that it should show, such as those of ``reelpress.render``.

    Args:
        frames: The reference: picture n is shown at n / fps. Taken one by one, in the thread that compares.
        file: What is judged.
        fps: Default: the file's own rate.
        min_ssim, worst, pictures, start, end, every, on_frame, on_event, cancel: As in :func:`compare`.

    Raises:
        As :func:`compare`, and what ``frames`` raises.
    """
    options = _options(min_ssim, worst, pictures, start, end, False, every)

    def work() -> _Held:
        opened = open_file(Path(file))
        side = FrameSide(frames, fps or _rate(opened))
        return _Held(run_comparison(None, side, opened, options, on_frame, on_event))

    return watched("compare", work, stall_s=STALL_S, cancel=cancel).report


def composed(
    source: Path | str,
    file: Path | str,
    *,
    settings: ExportSettings | None = None,
    min_ssim: float | None = None,
    worst: int = 3,
    pictures: Path | str | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
    every: int = 1,
    on_frame: Callable[[FrameResult], None] | None = None,
    on_event: Callable[[ProgressEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> ComparisonReport:
    """Compare an export with what its source is composed to, at the export's size and rate.

    Args:
        source: A ``.cap`` folder or a video.
        file: An export of it.
        settings: Its look (project, preset, part); size and rate are the file's.
        min_ssim, worst, pictures, start, end, every, on_frame, on_event, cancel: As in :func:`compare`.

    Raises:
        As :func:`compare` and ``reelpress.render``.
    """
    options = _options(min_ssim, worst, pictures, start, end, False, every)

    def work() -> _Held:
        opened = open_file(Path(file))
        fps = _rate(opened)
        size = f"{opened.info.width}x{opened.info.height}"
        look = replace(settings or ExportSettings(), resolution=size, fps=fps)
        side = FrameSide(render(source, settings=look), fps)
        return _Held(run_comparison(None, side, opened, options, on_frame, on_event, name=f"{source}, composed"))

    return watched("compare", work, stall_s=STALL_S, cancel=cancel).report


@dataclass(slots=True)
class _Held:
    """A report, in the form that ``watched`` hands over."""

    report: ComparisonReport

    def close(self) -> None:
        pass


def _options(
    min_ssim: float | None,
    worst: int,
    pictures: Path | str | None,
    start: Fraction | None,
    end: Fraction | None,
    scale: bool,
    every: int,
) -> Options:
    folder = None if pictures is None else Path(pictures)
    return Options(min_ssim=min_ssim, worst=worst, pictures=folder, start=start, end=end, scale=scale, every=every)


def _rate(file: OpenFile) -> Fraction:
    """Pictures a second: the container's average where it says one, else by the usual distance."""
    average = file.info.average_fps
    if average:
        average = Fraction(average).limit_denominator(100_000)
    return average or 1 / file.step
