"""An export of some of its frames: stretches of the plans, one after the other, as if nothing lay between them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Self

from reelpress import clock
from reelpress.scene.director import Director

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.media.audio import AudioSpan
    from reelpress.scene.plan.frame import FramePlan


@dataclass(frozen=True, slots=True)
class Window:
    """Frames ``first`` to ``last - 1`` of an export."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


class SampledDirector(Director):
    """Plans the frames of some windows only; they are numbered anew, without gaps.

    Between two windows everything changes, which the compositor sees by itself: it compares plans.
    """

    _windows: tuple[Window, ...]
    _begins: tuple[int, ...]

    @classmethod
    def of(cls, director: Director, windows: Sequence[Window]) -> Self:
        """A view of ``director``'s plans.

        Args:
            director: Of the whole export.
            windows: Rising, apart, within its frames, none of them empty.
        """
        if not windows or any(b.first < a.last for a, b in pairwise(windows)) or min(map(len, windows)) < 1:
            raise ValueError(f"windows {windows}")
        view = cls.__new__(cls)
        view.__dict__.update(director.for_thread().__dict__)
        view._windows = tuple(windows)
        view._begins = tuple(accumulate((len(window) for window in windows[:-1]), initial=0))
        return view

    @property
    def frames(self) -> int:
        return sum(len(window) for window in self._windows)

    @property
    def duration(self) -> Fraction:
        return self.frames / self.fps

    @property
    def begins(self) -> tuple[int, ...]:
        """Where each window begins, in the numbers of this director."""
        return self._begins

    def original(self, n: int) -> int:
        """The number of frame ``n`` in the whole export.

        Raises:
            IndexError: There is no such frame.
        """
        if not 0 <= n < self.frames:
            raise IndexError(f"frame {n} of {self.frames}")
        at = bisect_right(self._begins, n) - 1
        return self._windows[at].first + n - self._begins[at]

    def plan(self, n: int) -> FramePlan:
        return super().plan(self.original(n))


def sampled_spans(spans: Sequence[AudioSpan], stretches: Sequence[tuple[int, int]]) -> tuple[AudioSpan, ...]:
    """The sound of some stretches, one after the other; fades are left out.

    Args:
        spans: Of the whole output.
        stretches: First sample and the one after the last, rising and apart.
    """
    found: list[AudioSpan] = []
    begin = 0
    for first, last in stretches:
        for span in spans:
            start, end = max(first, span.out_start), min(last, span.out_end)
            if start < end:
                ahead = Fraction(start - span.out_start, clock.AUDIO_RATE) * span.speed
                found.append(
                    replace(
                        span,
                        source_start=span.source_start + ahead,
                        out_start=begin + start - first,
                        out_end=begin + end - first,
                        ramps=(),
                    )
                )
        begin += last - first
    return tuple(found)
