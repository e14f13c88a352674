"""One comparison: two sides, moment by moment, and the report about them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.errors import SettingsError
from reelpress.events import ProgressEvent
from reelpress.media.pulse import beat
from reelpress.quality.align import (
    FileSide,
    FrameSide,
    OpenFile,
    Side,
    describe,
    moments,
    same_coding,
    tolerance_of,
)
from reelpress.quality.colour import colour_facts, compare_colour
from reelpress.quality.measure import Measure
from reelpress.quality.pictures import make_folder, write_pictures
from reelpress.quality.report import Alignment, ComparisonReport, SideFacts, WorstFrame
from reelpress.quality.sync import FlashFinder, SyncFacts, compare_sync, find_clicks, pair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reelpress.color import ColorSpec
    from reelpress.media.planes import Planes
    from reelpress.quality.align import Moment
    from reelpress.quality.report import FrameResult

PROGRESS_S = 0.1
"""Seconds between two reports of progress."""
MAX_WORST = 50
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to compare; the parameters of ``quality.compare``, checked."""

    min_ssim: float | None = None
    worst: int = 3
    pictures: Path | None = None
    start: Fraction | None = None
    end: Fraction | None = None
    scale: bool = False
    every: int = 1

    def __post_init__(self) -> None:
        if self.min_ssim is not None and not -1 <= self.min_ssim <= 1:
            raise SettingsError(f"--min-ssim is {self.min_ssim:g}. Allowed is -1 to 1, where 1 is no difference.")
        if not 0 <= self.worst <= MAX_WORST:
            raise SettingsError(f"--worst is {self.worst}. Allowed is 0 to {MAX_WORST} pictures.")
        if self.every < 1:
            raise SettingsError(f"--every is {self.every}. Allowed is 1 (every moment) and more.")
        if self.start is not None and self.start < 0:
            raise SettingsError(f"--start is {float(self.start):g} s. Allowed is 0 and later.")
        if self.end is not None and self.end <= (self.start or 0):
            raise SettingsError(f"--end ({float(self.end):g} s) must lie after --start ({float(self.start or 0):g} s).")


def run_comparison(
    file_a: OpenFile | None,
    frames: FrameSide | None,
    file_b: OpenFile,
    options: Options,
    on_frame: Callable[[FrameResult], None] | None,
    on_event: Callable[[ProgressEvent], None] | None,
    name: str = "pictures",
) -> ComparisonReport:
    """Compare ``file_b`` with ``file_a`` or with ``frames``, whichever is given.

    Args:
        name: What the report calls ``frames``.

    Raises:
        SettingsError: The sizes differ and are not to be made equal, or ``start`` is beyond the end of a file.
        OutputError: The folder of the pictures cannot be made.
    """
    size_a = frames.size if frames is not None else _size(file_a)
    size_b = _size(file_b)
    if size_a != size_b and not options.scale:
        raise SettingsError(
            f"A is {size_a[0]}x{size_a[1]} and B is {size_b[0]}x{size_b[1]}: pictures of different size are not "
            "compared. " + ("Give --scale to bring B to A's size." if frames is None else "Compose at B's shape.")
        )
    scaled = size_a != size_b
    start = options.start or ZERO
    for label, file in (("A", file_a), ("B", file_b)):
        if file is not None and start >= file.index.duration:
            raise SettingsError(f"--start is {float(start):g} s, but {label} lasts {float(file.index.duration):.3f} s.")
    if options.pictures is not None:
        make_folder(options.pictures)
    as_coded = file_a is not None and not scaled and same_coding(file_a.info, file_b.info)
    b = FileSide(file_b, as_coded=as_coded, scale_to=size_a if scaled else None)
    a: Side | None = None
    try:
        if frames is not None:
            a = frames
        else:
            assert file_a is not None
            a = FileSide(file_a, as_coded=as_coded)
        return Comparison(file_a, a, file_b, b, options, as_coded, scaled, name).run(on_frame, on_event)
    finally:
        b.close()
        if a is not None:
            a.close()


def _size(file: OpenFile | None) -> tuple[int, int]:
    assert file is not None
    return file.info.width, file.info.height


class Comparison:
    """One comparison from its first moment to its report."""

    def __init__(
        self,
        file_a: OpenFile | None,
        a: Side,
        file_b: OpenFile,
        b: FileSide,
        options: Options,
        as_coded: bool,
        scaled: bool,
        name: str,
    ) -> None:
        self.file_a, self.a, self.file_b, self.b = file_a, a, file_b, b
        self.options, self.as_coded, self.scaled, self.name = options, as_coded, scaled, name
        self.start = options.start or ZERO
        self.measure = Measure(*b.size, 1 / min(a.step, b.step))
        self.moments = self.paired = self.only_a = self.only_b = 0
        self.repeated = [0, 0]
        self.flashes = (FlashFinder(), FlashFinder())
        self.worst: list[tuple[float, float, FrameResult, Planes | None, Planes | None]] = []
        self.pixel_format_a = ""

    def run(
        self,
        on_frame: Callable[[FrameResult], None] | None,
        on_event: Callable[[ProgressEvent], None] | None,
    ) -> ComparisonReport:
        total = max(1, len(self.file_b.index), 0 if self.file_a is None else len(self.file_a.index))
        began = last = time.monotonic()
        for moment in moments(self.a, self.b, start=self.start, end=self.options.end):
            beat()  # a long stretch of held pictures reads nothing and still moves
            self._count(moment)
            self.measure.show(moment)
            if moment.index % self.options.every == 0:
                stays = self.measure.unchanged and bool(self.measure.compared)
                result = self.measure.measure(moment)
                if not stays and not result.identical:
                    self._rank(result, moment)
                if on_frame is not None:
                    on_frame(result)
            now = time.monotonic()
            if on_event is not None and now - last >= PROGRESS_S:
                last = now
                done = min(moment.index + 1, total)
                rate = done / (now - began)
                on_event(ProgressEvent("compare", done, total, rate, (total - done) / rate))
        return self._report()

    def _count(self, moment: Moment) -> None:
        self.moments += 1
        self.paired += moment.a.fresh and moment.b.fresh
        self.only_a += moment.a.fresh and not moment.b.fresh
        self.only_b += moment.b.fresh and not moment.a.fresh
        self.pixel_format_a = moment.a.planes.format
        for n, shown in enumerate((moment.a, moment.b)):
            self.repeated[n] += shown.repeated
            if shown.fresh:
                self.flashes[n].add(moment.time, float(shown.planes.planes[0][::4, ::4].mean()))

    def _rank(self, result: FrameResult, moment: Moment) -> None:
        if not self.options.worst:
            return
        keep = self.options.pictures is not None
        entry = (
            result.ssim.combined,
            result.psnr.combined,
            result,
            moment.a.planes if keep else None,
            moment.b.planes if keep else None,
        )
        self.worst.append(entry)
        self.worst.sort(key=lambda e: (e[0], e[1], e[2].index))
        del self.worst[self.options.worst :]

    # -- the report -----------------------------------------------------------------------------------------------

    def _report(self) -> ComparisonReport:
        measure = self.measure
        alignment = self._alignment()
        sync = compare_sync(
            None if self.file_a is None else self._sync(self.file_a, 0, alignment),
            self._sync(self.file_b, 1, alignment),
        )
        facts_a = None if self.file_a is None else colour_facts(self.file_a.path, self.file_a.info)
        colour = compare_colour(facts_a, colour_facts(self.file_b.path, self.file_b.info))
        return ComparisonReport(
            self._facts_a(),
            _facts(self.file_b, self.repeated[1]),
            alignment,
            measure.compared,
            self.options.every,
            measure.identical,
            measure.psnr,
            measure.ssim,
            measure.xpsnr,
            measure.text,
            self._worst(),
            sync,
            colour,
            self.options.min_ssim,
            self._failures(alignment),
        )

    def _alignment(self) -> Alignment:
        limit = self.options.end
        rest_a, rest_b = self.a.rest(), self.b.rest()
        ends = [e for e in (self.a.end, self.b.end) if e is not None]
        slack = max(self.a.step, self.b.step) + tolerance_of(self.a, self.b)
        agree = len(ends) == 2 and abs(ends[0] - ends[1]) <= slack
        if limit is not None and min(ends) >= limit - slack:
            agree, rest_a, rest_b = True, 0, 0
        until = min(ends if limit is None else [*ends, limit])
        how = describe(self.file_a, self.file_b, as_coded=self.as_coded, scaled=self.scaled)
        return Alignment(
            self.moments,
            self.paired,
            self.only_a,
            self.only_b,
            rest_a,
            rest_b,
            float(self.start),
            float(until),
            agree,
            how,
            self.scaled,
        )

    def _failures(self, alignment: Alignment) -> tuple[str, ...]:
        least = self.options.min_ssim
        if least is None:
            return ()
        failures = []
        mean = self.measure.ssim.mean.combined
        if mean < least:
            failures.append(f"The mean SSIM is {mean:.6f}, below the {least:g} that was asked for.")
        if not alignment.lengths_agree and alignment.rest_a != 0:
            failures.append(
                f"B ends at {alignment.end_s:.3f} s and A goes on: what is missing cannot be as good as was asked for."
            )
        return tuple(failures)

    def _worst(self) -> tuple[WorstFrame, ...]:
        found = []
        for rank, (ssim, psnr, result, a, b) in enumerate(self.worst, 1):
            written: tuple[str, ...] = ()
            if self.options.pictures is not None and a is not None and b is not None:
                if self.as_coded and self.file_a is not None:
                    a, b = _coloured(a, self.file_a.info.color), _coloured(b, self.file_b.info.color)
                written = write_pictures(self.options.pictures, rank, result.index, a, b)
            found.append(WorstFrame(result.index, result.time_s, result.frame_a, result.frame_b, ssim, psnr, written))
        return tuple(found)

    def _sync(self, file: OpenFile, side: int, alignment: Alignment) -> SyncFacts | None:
        flashes = self.flashes[side].times
        sound = next((s for s in file.media.audio if s.channels > 0 and s.sample_rate > 0), None)
        if len(flashes) < 2 or sound is None:
            return None
        zero = file.index.start * file.index.time_base
        start, end = zero + self.start, zero + Fraction(alignment.end_s)
        clicks = find_clicks(file.path, sound.index, start, end)
        return pair(flashes, [c + float(self.start) for c in clicks])

    def _facts_a(self) -> SideFacts:
        if self.file_a is not None:
            return _facts(self.file_a, self.repeated[0])
        end = self.a.end
        width, height = self.a.size
        return SideFacts(
            path=None,
            name=self.name,
            width=width,
            height=height,
            frames=None if end is None else round(end / self.a.step),
            duration_s=None if end is None else float(end),
            start_s=None,
            fps=float(1 / self.a.step),
            codec=None,
            pixel_format=self.pixel_format_a,
            size_bytes=None,
            repeated=0,
            problem=None,
        )


def _coloured(planes: Planes, color: ColorSpec) -> Planes:
    """Samples that were compared as they are stored, with what they mean."""
    return replace(planes, color=color)


def _facts(file: OpenFile, repeated: int) -> SideFacts:
    index, info = file.index, file.info
    duration = index.duration
    return SideFacts(
        path=str(file.path),
        name=file.path.name,
        width=info.width,
        height=info.height,
        frames=len(index),
        duration_s=float(duration),
        start_s=float(index.start * index.time_base),
        fps=float(len(index) / duration) if duration else 0.0,
        codec=info.codec,
        pixel_format=info.pixel_format,
        size_bytes=file.media.size_bytes,
        repeated=repeated,
        problem=index.error,
    )
