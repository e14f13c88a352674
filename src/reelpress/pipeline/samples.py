"""What changed over the time of a run, in a few hundred samples however long it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reelpress.pipeline.stage import StageStats

MAX_SAMPLES = 600
"""More than a page has pixels for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment, or what two of them were merged to."""

    t_s: float
    """Seconds since the first sample; of merged ones the later."""
    rss_bytes: int
    """Of merged ones the larger: peaks survive."""
    queues: Mapping[str, tuple[int, int]]
    """Items and bytes by channel; of merged ones the larger."""
    stages: Mapping[str, tuple[float, float, float]]
    """Busy, waiting for input, waiting for output: seconds since the start."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Totals since the start, e.g. frames held."""

    def merged(self, later: Sample) -> Sample:
        """This one and ``later`` as one."""
        queues = dict(later.queues)
        for name, (items, size) in self.queues.items():
            other = queues.get(name, (0, 0))
            queues[name] = (max(items, other[0]), max(size, other[1]))
        return Sample(later.t_s, max(self.rss_bytes, later.rss_bytes), queues, later.stages, later.counts)


class History:
    """Collects samples; used from one thread (the monitor's).

    When ``limit`` is reached neighbours are merged two by two, and samples come half as often from then on.

    Args:
        now: Monotonic seconds.
        rss: Resident memory in bytes.
        step_s: Seconds between samples at first.
        limit: Samples that are kept, even.
    """

    def __init__(
        self, now: Callable[[], float], rss: Callable[[], int], *, step_s: float = 0.05, limit: int = MAX_SAMPLES
    ) -> None:
        self._now = now
        self._rss = rss
        self._limit = limit
        self._start: float | None = None
        self._due = 0.0
        self.step_s = step_s
        self.samples: list[Sample] = []

    def due(self) -> bool:
        """Whether it is time for a sample."""
        return self._start is None or self._now() - self._start >= self._due

    def take(
        self,
        *,
        queues: Mapping[str, tuple[int, int]],
        stages: Mapping[str, StageStats],
        counts: Mapping[str, int],
    ) -> Sample:
        """Add a sample of this moment, due or not (the last one of a run is not)."""
        now = self._now()
        if self._start is None:
            self._start = now
        times = {name: (s.busy_s, s.wait_in_s, s.wait_out_s) for name, s in stages.items()}
        sample = Sample(now - self._start, self._rss(), dict(queues), times, dict(counts))
        self.samples.append(sample)
        if len(self.samples) >= self._limit:
            pairs = zip(self.samples[::2], self.samples[1::2], strict=False)
            rest = self.samples[len(self.samples) // 2 * 2 :]
            self.samples = [a.merged(b) for a, b in pairs] + rest
            self.step_s *= 2
        self._due = sample.t_s + self.step_s
        return sample

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"step_s": self.step_s, "samples": [asdict(s) for s in self.samples]}
