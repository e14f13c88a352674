"""Other parts in the place of the shipped ones, and eyes on a measured export."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reelpress.bench.baseline import BaselineCompositor
from reelpress.color import BT709_LIMITED
from reelpress.compose.gpu.device import opened
from reelpress.compose.resilient import Resilient
from reelpress.convert.gpu import GpuConverter
from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.converting import Converting
from reelpress.export.hooks import Hooks
from reelpress.media.rgba import RgbaConverter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.bench.paths import Way
    from reelpress.compose.base import Compositor
    from reelpress.encode.base import Encoder, Piece
    from reelpress.export.rendering import Renderer
    from reelpress.export.report import FrameCounts
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.planes import Planes
    from reelpress.pipeline.channel import Channel
    from reelpress.pipeline.run import PipelineStats
    from reelpress.pipeline.stage import Stage, StageContext

SAMPLE_S = 0.1
"""Seconds between two samples of memory and channels."""
SAMPLES = 120
"""Samples of a run that go into a result: more are not seen on its page."""


class NothingWritten(Exception):
    """The null encoder was used: there is no file, and the run is over."""


class Counted:
    """The encoder of an export, with a counter. Implements ``encode.base.Encoder``."""

    def __init__(self, inner: Encoder) -> None:
        self._inner = inner
        self.pictures = 0

    @property
    def spec(self) -> EncoderSpec:
        return self._inner.spec

    @property
    def decision(self) -> Decision:
        return self._inner.decision

    @property
    def shown(self) -> Sequence[int] | None:
        return self._inner.shown

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
        self.pictures += 1
        return self._inner.encode(planes, pts, change)

    def flush(self) -> Sequence[Piece]:
        return self._inner.flush()


class SwscaleEncoder(Counted):
    """Converts RGBA to NV12 in the encode stage, as the seed's encoder does."""

    def __init__(self, inner: Encoder, converter: RgbaConverter) -> None:
        super().__init__(inner)
        self._converter = converter

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
        return super().encode(self._converter.to_nv12(planes), pts, change)


class TwiceEncoder(Counted):
    """Converts RGBA to NV12 on a GPU device of its own, after the read-back, as the seed's converter does: the picture
    goes up once more and comes back once more, and the encode stage waits for it."""

    def __init__(self, inner: Encoder) -> None:
        super().__init__(inner)
        self._gpu = opened(allow_software=True)
        self._converter = GpuConverter(self._gpu)
        self._last: tuple[Planes, Planes] | None = None
        self.calls = 0

    @property
    def read_back(self) -> int:
        """Bytes that came back from the second device."""
        return self._converter.bytes_read

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
        if planes.format == "nv12":  # nothing to convert
            return super().encode(planes, pts, change)
        if self._last is None or self._last[0] is not planes:
            self._last = planes, self._converter.convert(planes, "nv12", BT709_LIMITED)
            self.calls += 1
        return super().encode(self._last[1], pts, change)

    def flush(self) -> Sequence[Piece]:
        self._last = None
        self._converter.close()
        self._gpu.close()
        return super().flush()


class NullEncoder(Counted):
    """Takes every picture and makes nothing of it."""

    @property
    def decision(self) -> Decision:
        return Decision(Kind.REAL, "the null encoder takes every picture")

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
        self.pictures += 1
        return []

    def flush(self) -> Sequence[Piece]:
        return []


@dataclass
class Series:
    """Samples over the run."""

    t_s: list[float] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)
    encoded: list[int] = field(default_factory=list)
    queues: dict[str, list[int]] = field(default_factory=dict)

    def thinned(self, most: int) -> Series:
        """The same with at most ``most`` samples (two at least), evenly, the first and the last among them."""
        count = len(self.t_s)
        if count <= most:
            return self
        kept = [round(k * (count - 1) / (most - 1)) for k in range(most)]

        return Series(
            [self.t_s[k] for k in kept],
            [self.rss_bytes[k] for k in kept],
            [self.encoded[k] for k in kept],
            {name: [values[k] for k in kept] for name, values in self.queues.items()},
        )


class BenchHooks(Hooks):
    """What the benchmark puts into one export, and what it saw.

    Args:
        way: The path.
        null: The encoder that costs nothing.
        rss: Resident bytes of this process, asked ten times a second.
    """

    def __init__(self, way: Way, *, null: bool, rss: Callable[[], int]) -> None:
        self.way = way
        self.null = null
        self.swscale = RgbaConverter()
        """RGBA to NV12, of the baseline."""
        self.baseline: BaselineCompositor | None = None
        self.gpu: Resilient | None = None
        """What drew on the GPU."""
        self.converting: Converting | None = None
        """What converts before the encoder."""
        self.twice: TwiceEncoder | None = None
        """What converted there afterwards."""
        self.series = Series()
        self.stats: PipelineStats | None = None
        self.counts: FrameCounts | None = None
        self.cpu: dict[str, float] = {}
        """CPU seconds of each stage's own thread."""
        self._rss = rss
        self._channels: dict[str, Channel[Any]] = {}
        self._encoder: Counted | None = None
        self._start = 0.0
        self._next = 0.0

    def compositor(self, renderer: Renderer) -> Compositor:
        if not self.way.rgba:
            made = super().compositor(renderer)
            self.gpu = made if isinstance(made, Resilient) else None
            return made
        self.baseline = BaselineCompositor()
        return self.baseline

    def encoder_spec(self, spec: EncoderSpec) -> EncoderSpec:
        return replace(spec, pixel_format="nv12") if self.way.rgba or self.way.twice else spec

    def encoder(self, encoder: Encoder) -> Encoder:
        if self.null:
            # What converts before it goes on doing so: that is what is measured.
            if isinstance(encoder, Converting):
                encoder = self.converting = Converting(NullEncoder(encoder.inner), encoder.converter)
            else:
                encoder = NullEncoder(encoder)
        elif isinstance(encoder, Converting):
            self.converting = encoder
        if self.way.rgba:
            self._encoder = SwscaleEncoder(encoder, self.swscale)
        elif self.way.twice:
            self._encoder = self.twice = TwiceEncoder(encoder)
        else:
            self._encoder = Counted(encoder)
        return self._encoder

    def stages(self, stages: Sequence[Stage]) -> Sequence[Stage]:
        self._start = self._next = time.monotonic()
        for stage in stages:
            for channel in (*stage.inputs, *stage.outputs):
                self._channels[channel.name] = channel
        self.series.queues = {name: [] for name in self._channels}
        return [self._timed(stage) for stage in stages]

    def _timed(self, stage: Stage) -> Stage:
        def function(ctx: StageContext) -> None:
            try:
                stage.function(ctx)
            finally:
                self.cpu[stage.name] = time.thread_time()

        return replace(stage, function=function)

    def tick(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + SAMPLE_S
        series = self.series
        series.t_s.append(round(now - self._start, 3))
        series.rss_bytes.append(self._rss())
        series.encoded.append(0 if self._encoder is None else self._encoder.pictures)
        for name, channel in self._channels.items():
            series.queues[name].append(len(channel))

    def finished(self, stats: PipelineStats, counts: FrameCounts) -> None:
        self._next = 0.0
        self.tick()
        self.stats, self.counts = stats, counts
        self._channels.clear()
        self._encoder = None
        if self.null:
            raise NothingWritten
