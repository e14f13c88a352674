"""Adds up what the moments of a comparison say; bounded memory, one thread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from reelpress.media.planes import chroma_size
from reelpress.quality.metrics import (
    PlaneDifference,
    PlaneMeter,
    combined_error,
    combined_ssim,
    psnr,
    samples_of,
)
from reelpress.quality.report import Channels, FrameResult, Metric, TextAtRest
from reelpress.quality.text_region import TextRegion, difference_in
from reelpress.quality.xpsnr import Xpsnr, xpsnr

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.media.planes import Plane, Planes
    from reelpress.quality.align import Moment


class Measure:
    """Measures moments one after the other, and skips what did not change.

    Args:
        width: Of both, in pixels.
        height: Of both.
        rate: Moments a second.
    """

    def __init__(self, width: int, height: int, rate: Fraction) -> None:
        chroma = chroma_size("yuv420p", width, height)
        meter = PlaneMeter(*chroma)
        self._meters = (PlaneMeter(width, height), meter, meter)
        self._equal = tuple(_no_difference(m) for m in self._meters)
        self._samples = (width * height, chroma[0] * chroma[1], chroma[0] * chroma[1])
        self._xpsnr = Xpsnr(width, height, rate)
        self._text = TextRegion(width, height)
        self._a: tuple[Plane, ...] | None = None
        self._b: tuple[Plane, ...] | None = None
        self._differences: tuple[PlaneDifference, ...] | None = None
        self.unchanged = False
        """Both pictures are those of the moment before."""
        self.compared = 0
        self.identical = 0
        self._mse = _Totals()
        self._ssim = _Totals()
        self._root = _Totals()
        self._text_moments = self._text_blocks = self._text_sse = self._text_samples = 0
        self._text_ssim = 0.0
        self._text_worst: tuple[float, float, int, tuple[int, int]] = (math.inf, 0.0, 0, (0, 0))

    def show(self, moment: Moment) -> None:
        """Take in the pictures of a moment; every moment must be shown, whether it is measured or not."""
        new_a, a = _if_new(self._a, moment.a.planes, moment.a.fresh)
        new_b, b = _if_new(self._b, moment.b.planes, moment.b.fresh)
        self.unchanged = not (new_a or new_b)
        if not self.unchanged:
            self._differences = None
        self._a, self._b = a, b
        self._xpsnr.next(a[0], unchanged=not new_a)
        self._text.next(a[0], unchanged=not new_a)

    def measure(self, moment: Moment) -> FrameResult:
        """Compare the pictures that were shown last."""
        assert self._a is not None
        assert self._b is not None
        pairs = tuple(zip(self._a, self._b, strict=True))
        if self._differences is None:
            self._differences = tuple(
                equal if np.array_equal(a, b) else meter.compare(a, b)
                for (a, b), meter, equal in zip(pairs, self._meters, self._equal, strict=True)
            )
        differences = self._differences
        y, u, v = (d.mse for d in differences)
        mse = (y, u, v, combined_error((y, u, v)))
        y, u, v = (d.ssim for d in differences)
        ssim = (y, u, v, combined_ssim((y, u, v)))
        y, u, v = (e / n for e, n in zip(self._xpsnr.errors(differences, pairs), self._samples, strict=True))
        root = (math.sqrt(y), math.sqrt(u), math.sqrt(v), math.sqrt(combined_error((y, u, v))))
        self._mse.add(mse)
        self._ssim.add(ssim)
        self._root.add(root)
        self.compared += 1
        same = not any(d.sse for d in differences)
        self.identical += same
        self._add_text(moment, differences[0])
        return FrameResult(
            moment.index,
            float(moment.time),
            moment.a.ordinal,
            moment.b.ordinal,
            same,
            Channels(*map(psnr, mse)),
            Channels(*ssim),
            Channels(*(xpsnr(r, 1) for r in root)),
        )

    def _add_text(self, moment: Moment, luma: PlaneDifference) -> None:
        mask = self._text.mask()
        if mask is None:
            return
        found = difference_in(mask, luma)
        self._text_moments += 1
        self._text_blocks += found.blocks
        self._text_sse += found.sse
        self._text_samples += found.samples
        self._text_ssim += found.ssim
        if found.worst_ssim < self._text_worst[0]:
            self._text_worst = (found.worst_ssim, float(moment.time), moment.a.ordinal, found.worst_at)

    # -- results --------------------------------------------------------------------------------------------------

    @property
    def psnr(self) -> Metric:
        """Of all measured moments."""
        return Metric(Channels(*(psnr(m) for m in self._mse.means)), Channels(*(psnr(m) for m in self._mse.highest)))

    @property
    def ssim(self) -> Metric:
        """Of all measured moments."""
        return Metric(Channels(*self._ssim.means), Channels(*self._ssim.lowest))

    @property
    def xpsnr(self) -> Metric:
        """Of all measured moments."""
        return Metric(
            Channels(*(xpsnr(r, 1) for r in self._root.means)), Channels(*(xpsnr(r, 1) for r in self._root.highest))
        )

    @property
    def text(self) -> TextAtRest | None:
        """Of all measured moments with text at rest."""
        if not self._text_moments:
            return None
        ssim, time, frame, (x, y) = self._text_worst
        return TextAtRest(
            self._text_moments,
            self._text_blocks / self._text_moments,
            psnr(self._text_sse / self._text_samples),
            self._text_ssim / self._text_moments,
            ssim,
            time,
            frame,
            x,
            y,
        )


class _Totals:
    """Sum, lowest and highest of the four channels."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = [0.0] * 4
        self.lowest = [math.inf] * 4
        self.highest = [-math.inf] * 4

    def add(self, values: tuple[float, float, float, float]) -> None:
        self._count += 1
        self._sum = [s + v for s, v in zip(self._sum, values, strict=True)]
        self.lowest = [min(s, v) for s, v in zip(self.lowest, values, strict=True)]
        self.highest = [max(s, v) for s, v in zip(self.highest, values, strict=True)]

    @property
    def means(self) -> list[float]:
        return [s / self._count for s in self._sum]


def _if_new(last: tuple[Plane, ...] | None, planes: Planes, fresh: bool) -> tuple[bool, tuple[Plane, ...]]:
    """Whether a picture differs from the last one, and the samples to go on with."""
    if last is not None and not fresh:
        return False, last
    now = samples_of(planes)
    if last is None:
        return True, now
    if all(_same(a, b) for a, b in zip(last, now, strict=True)):
        return False, now
    return True, now


def _same(a: Plane, b: Plane) -> bool:
    if a.__array_interface__["data"][0] == b.__array_interface__["data"][0]:  # the same picture handed out again
        return True
    return np.array_equal(a[::32], b[::32]) and np.array_equal(a, b)  # most pictures differ in the first look


def _no_difference(meter: PlaneMeter) -> PlaneDifference:
    squares = np.zeros((meter.rows, meter.columns), np.uint32)
    windows = np.ones((max(1, meter.height // 4 - 1), max(1, meter.width // 4 - 1)))
    return PlaneDifference(0, meter.width * meter.height, 1.0, squares, windows)
