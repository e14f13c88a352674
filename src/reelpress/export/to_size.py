"""``--max-size``: the best GIF that fits, found by exporting with less and less.

What a GIF takes cannot be told from its pictures without compressing them. So the export is run; a file that outgrows
the limit is not written any further, but its size is known in the end. From it and from what smaller pictures, fewer of
them and fewer colours usually save, the next try is chosen: mostly the second or third fits. One that leaves much room
is followed by a better one, and the best that fits is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.encode.gif.session import TooLarge
from reelpress.encode.gif.settings import DEFAULT_QUALITY
from reelpress.errors import ExportError, OutputError
from reelpress.events import CompletedEvent, FallbackEvent, PlanEvent, WarningEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.events import Event
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.report import ExportReport
    from reelpress.pipeline.cancel import CancelToken

MOST_TRIES = 7
ENOUGH = 0.8
"""Share of the limit from which on a file that fits is good enough."""
MARGIN = 0.95
"""Share of the limit that a try aims at."""
SLOWEST = Fraction(5)
"""Pictures a second, at least."""
SMALLEST = 64
"""Pixels of a side, at least."""


@dataclass(frozen=True, slots=True)
class Less:
    """By how much a try stays behind what was asked for."""

    scale: float = 1.0
    rate: Fraction = Fraction(1)
    colours: int = 255
    coarser: int = 0
    """Off the quality."""

    @property
    def cost(self) -> float:
        """Expected share of the bytes: measured on screen recordings, where halving the sides leaves 30 %."""
        colours = (math.log2(self.colours + 1) / 8) ** 1.2
        return float(self.scale**1.75 * float(self.rate) ** 0.8 * colours * 0.985**self.coarser)


def ladder() -> list[Less]:
    """All tries that may be made, the best first."""
    ways = [(Fraction(1), 255, 0), (Fraction(1), 127, 15), (Fraction(2, 3), 127, 25), (Fraction(2, 3), 63, 35)]
    scales = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.2]
    last = [Less(0.2, Fraction(1, 3), 31, 50), Less(0.15, Fraction(1, 3), 31, 50), Less(0.12, Fraction(1, 3), 15, 60)]
    tries = [Less(scale, *way) for scale in scales for way in ways] + last
    return sorted(tries, key=lambda less: -less.cost)


def next_try(tries: list[Less], failed: dict[Less, int], fitted: dict[Less, int], limit: int) -> Less | None:
    """The most promising try, or ``None`` when nothing is left to find out.

    Args:
        tries: Of :func:`ladder`.
        failed: Sizes of those that were too large.
        fitted: Sizes of those that were not.
        limit: Bytes.
    """
    known = {**failed, **fitted}
    if not known:
        return tries[0]
    floor = max((less.cost for less in fitted), default=0.0)
    ceiling = min((less.cost for less in failed), default=math.inf)
    best = max(fitted.values(), default=0)
    if best >= ENOUGH * limit:
        return None
    # the size nearest to the limit says most about the one looked for
    nearest = min(known, key=lambda less: abs(math.log(known[less] / limit)))
    allowed = nearest.cost * MARGIN * limit / known[nearest]
    between = [less for less in tries if floor < less.cost < ceiling and less not in known]
    fits = [less for less in between if less.cost <= allowed]
    if fits:
        return fits[0]
    if fitted or not between:
        return None
    return between[-1]  # hardly any hope, but nothing else is left


def run_to_size(
    job: Job, *, on_event: Callable[[Event], None] | None, cancel: CancelToken | None, hooks: Hooks | None
) -> ExportReport:
    """Export ``job`` so that the file has at most ``max_size`` bytes.

    Raises:
        OutputError: Nothing fits.
        ReelpressError: As ``run``.
    """
    limit = job.settings.max_size
    assert limit is not None
    tell = on_event or (lambda event: None)
    tries, failed, fitted = ladder(), dict[Less, int](), dict[Less, int]()
    completed: CompletedEvent | None = None
    report: ExportReport | None = None

    def one(of: Job) -> ExportReport:
        from reelpress.export.run import run_once

        nonlocal completed

        def heard(event: Event) -> None:
            nonlocal completed
            if isinstance(event, CompletedEvent):
                completed = event
            elif not known or not isinstance(event, PlanEvent | FallbackEvent):
                tell(event)

        return run_once(of, on_event=heard, cancel=cancel, hooks=hooks)

    for _ in range(MOST_TRIES):
        known = {**failed, **fitted}
        less = next_try(tries, failed, fitted, limit)
        if less is None:
            break
        this = job if less == Less() else _smaller(job, less, again=bool(fitted))
        try:
            report = one(this)
            fitted[less] = report.output.size_bytes
        except ExportError as error:
            if not isinstance(error.__cause__, TooLarge):
                raise
            failed[less] = error.__cause__.bytes
            tell(WarningEvent(_said(this, error.__cause__.bytes, limit)))
        finally:
            if this is not job:
                this.close()
    if report is None or completed is None:
        smallest = min(failed.values())
        raise OutputError(
            f"{job.target}: no GIF of this recording fits into {limit} bytes; the smallest that was tried has "
            f"{smallest}. Give a larger --max-size, or a part of the recording with --start and --end."
        )
    tell(completed)
    return report


def _said(job: Job, size: int, limit: int) -> str:
    width, height = job.director.size
    return (
        f"{width}x{height} at {float(job.director.fps):g} pictures a second with {job.gif_colours} colours has "
        f"{size / 1e6:.2f} MB, more than the {limit / 1e6:.2f} MB of --max-size: a smaller one is tried."
    )


def _smaller(job: Job, less: Less, *, again: bool) -> Job:
    """The export once more, with less of everything."""
    from reelpress.export.prepare import prepare

    width, height = job.director.size
    # a box of the picture's own shape; the director makes both sides even
    box = (max(SMALLEST, round(width * less.scale)), max(SMALLEST, round(height * less.scale)))
    asked = job.settings
    quality = DEFAULT_QUALITY if asked.gif_quality is None else asked.gif_quality
    settings = replace(
        asked,
        format="gif",
        resolution=f"{box[0]}x{box[1]}",
        fps=max(min(SLOWEST, job.director.fps), job.director.fps * less.rate),
        gif_quality=max(1, quality - less.coarser),
        # what stands there by now is ours
        overwrite=asked.overwrite or again,
    )
    smaller = prepare(job.source, job.target, settings)
    smaller.gif_colours = less.colours
    return smaller
