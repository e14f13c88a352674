"""What ``plan`` says of an export by trying it: some windows of it are really exported, on this machine, and size and
time of all follow from them.

A model cannot tell the noise of a recorder from change: of two recordings that spend the same bits one shrinks to a
tenth. Nor does it know the machine. A trial does both, with the export's own stages, encoder and verification:

1. The first window. It shows how fast the machine is with this recording.
2. As many windows as fit into the rest of the time, spread over the export by what matters (``sampling``), in one run;
   or all of the export, where that fits: then nothing is reckoned at all.

Each window begins with a key frame, as stretches of a real export do. Key frames, other pictures, the container's own
bytes and sound are reckoned apart. So is each stage's time; the slowest stage says how long the export takes.
"""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reelpress import clock
from reelpress.errors import Cancelled
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.outputs.stills import folder_of
from reelpress.export.outputs.table import output_of
from reelpress.export.plan import Estimate
from reelpress.export.run import run
from reelpress.export.sampled import SampledDirector, Window, sampled_spans
from reelpress.export.sampling import Facts, facts_of, share_of, windows_of
from reelpress.export.trial_encoder import Timing
from reelpress.export.trial_parts import Part, spans_of
from reelpress.export.trial_reckoned import Reckoning, decoded
from reelpress.export.trial_sound import SOUND_S, sound_of, sound_stretches
from reelpress.media.sizes import Sizes, sizes_of
from reelpress.pipeline.cancel import CancelToken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reelpress.export.job import Job
    from reelpress.export.report import ExportReport
    from reelpress.export.settings import ExportSettings

BUDGET_S = 2.7
"""Seconds that a trial aims at. One that takes three times as long is cut off."""
WINDOW_S, WINDOW_FRAMES = 0.2, 5
"""Of a window: seconds, and frames at least."""
GROUPS = {"libsvtav1": 32}
"""Pictures that an encoder codes as a group, some from later ones: windows are not shorter."""
MOST = 40
"""Windows at most."""
HELD = 0.1
"""What a frame in which nothing changes is expected to take, against one in which everything does."""
ROUNDS = 4
"""Runs of windows at most."""
LEAST = 3
"""Windows of one at least."""
ENOUGH = 0.25
"""Share of the time that must be left for another run."""
HARD = 3.0
"""Times ``BUDGET_S``, after which a run is cut off."""


def tried(job: Job, *, budget_s: float = BUDGET_S) -> Estimate | None:
    """Size and time of an export by a trial; ``None`` where a trial says nothing.

    Args:
        job: The export; it is not changed.
        budget_s: Seconds to aim at.

    Raises:
        ReelpressError: As an export.
    """
    if job.copy is not None:
        return None
    with tempfile.TemporaryDirectory(prefix="reelpress-trial-") as folder, _silent():
        trial = Trial(job, Path(folder), budget_s)
        try:
            return trial.pictures() if job.output.has_pictures else trial.sound_alone()
        except Cancelled:  # by its own clock: nobody else has the token
            return None


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Exports of a trial do not announce themselves."""
    logger = logging.getLogger("reelpress.export.run")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


class Trial:
    """One trial. Used from one thread, once."""

    def __init__(self, job: Job, folder: Path, budget_s: float) -> None:
        self._job, self._folder, self._budget_s = job, folder, budget_s
        self._started = time.monotonic()
        self._runs = 0
        self._frames = job.director.frames
        self.reckoned = Reckoning(job)
        encoder = job.ways.encoder.choice.used if job.output.has_pictures else ""
        self.length = max(math.ceil(WINDOW_S * job.director.fps), GROUPS.get(encoder, WINDOW_FRAMES))

    # -- pictures -------------------------------------------------------------------------------------------------

    def pictures(self) -> Estimate | None:
        """Of an export with pictures."""
        facts = facts_of(self._job.director)
        if self._frames <= 2 * self.length:
            return self._whole()
        parts = [self._part(facts, [Window(0, self.length)])]
        sound = sound_of(self._job, self._folder)
        with contextlib.suppress(Cancelled):
            while len(parts) < ROUNDS and (left := self._left()) > 0:
                if self.reckoned.seconds(facts, parts, sound) < left:
                    return self._whole()
                taken = [window for part in parts for window in part.windows]
                windows = windows_of(facts, self._affordable(facts, parts, left, taken), self.length, taken)
                if not windows:
                    break
                parts.append(self._part(facts, windows))
        if len(parts) == 1:
            # cut off: the machine became busy. The first frames alone say little
            few = windows_of(facts, LEAST, self.length, parts[0].windows)
            parts.append(self._part(facts, few, limited=False))
        return self._estimate(
            self.reckoned.size(facts, parts) + sound.bytes, self.reckoned.seconds(facts, parts, sound)
        )

    def _left(self) -> float:
        left = self._budget_s - (time.monotonic() - self._started)
        return left if left > ENOUGH * self._budget_s else 0.0

    def _affordable(self, facts: Facts, parts: Sequence[Part], left: float, taken: Sequence[Window]) -> int:
        """Windows for which there is time."""
        last = parts[-1]
        fixed_s = max(0.0, parts[0].flow_s + parts[0].verify_s - max(parts[0].busy.values()))
        # decoding up to a window is counted apart: it depends on where the windows lie
        slowest = max(seconds for name, seconds in last.busy.items() if not name.startswith("decode"))
        weight = sum(float((HELD + facts.damage[w.first + 1 : w.last]).sum()) + 1 for w in last.windows)
        window_s = slowest / weight * (1 + (self.length - 1) * (HELD + float(facts.damage[1:].mean())))
        best = LEAST
        for count in range(LEAST, MOST + 1):
            lead = decoded(self._job.director, windows_of(facts, count, self.length, taken))
            decode_s = sum(last.decode.get(name, 0.0) * n for name, n in lead.items())
            if fixed_s + max(count * window_s, decode_s) + 0.3 * min(count * window_s, decode_s) > left:
                break
            best = count
        return best

    def _whole(self) -> Estimate:
        """By exporting all of it."""
        job = self._job
        report, sizes, _ = self._run(replace(job, settings=quiet(job.settings)))
        return self._estimate(sizes.whole, report.wall_s)

    def _part(self, facts: Facts, windows: list[Window], *, limited: bool = True) -> Part:
        job = self._job
        director = SampledDirector.of(job.director, windows)
        trace = self._folder / f"{self._runs}.trace.json"
        settings = replace(quiet(job.settings), trace=trace)
        report, sizes, timing = self._run(
            replace(job, director=director, settings=settings, spans=()), starts=director.begins, limited=limited
        )
        at = np.arange(len(sizes.at)) if self.reckoned.kind == "png" else np.round(sizes.at * float(director.fps))
        at = np.clip(at.astype(np.int64), 0, director.frames - 1)
        spent, shown, key = (np.zeros(director.frames) for _ in range(3))
        np.add.at(spent, at, sizes.bytes)
        key[at[sizes.key]] = 1
        np.add.at(shown, at, 1)
        busy = {name: stage.busy_s for name, stage in report.stages.items()}
        compose, encode, openings = spans_of(trace, director.frames)
        compose *= busy.get("compose", 0.0) / max(float(compose.sum()), 1e-9)
        encode *= busy.get("encode", 0.0) / max(float(encode.sum()), 1e-9)
        counts = decoded(job.director, windows)
        for window in windows:  # what was between the frames that were looked at
            for n in range(window.first, window.last):
                facts.damage[n] = share_of(job.director, n)
        cut = [slice(begin, begin + len(window)) for begin, window in zip(director.begins, windows, strict=True)]
        return Part(
            tuple(windows),
            tuple(spent[each] for each in cut),
            tuple(key[each] for each in cut),
            tuple(shown[each] for each in cut),
            int(sizes.whole - sizes.bytes.sum()),
            tuple(compose[each] for each in cut),
            tuple(encode[each] for each in cut),
            {
                name: max(0.0, busy.get(name, 0.0) - openings.get(name, 0.0)) / max(1, count - 1)
                for name, count in counts.items()
            },
            busy,
            report.cpu_s,
            timing.flow_s,
            max(0.0, report.wall_s - timing.flow_s),
            *(() if timing.windowed is None else (tuple(timing.windowed.calls), timing.windowed.late)),
        )

    def _run(self, job: Job, starts: Sequence[int] = (), *, limited: bool = True) -> tuple[ExportReport, Sizes, Timing]:
        self._runs += 1
        suffix = "" if job.output.name == "png" else f".{job.output.name}"
        target = self._folder / f"{self._runs}{suffix}"
        files = job.files
        if job.output.name == "png":
            target, files = folder_of(target.with_suffix(".png"))
        output = job.output
        if is_pipe(job.target):
            settings = replace(job.settings, format="mp4")
            output = output_of(settings, target).of(settings)
        token = CancelToken()
        timing = Timing(token, HARD * self._budget_s if limited else math.inf, starts)
        part = replace(
            job, target=target, files=files, output=output, copy=None, subtitles=(), fallbacks=list(job.fallbacks)
        )
        report = run(part, cancel=token, hooks=timing)
        return report, sizes_of(target), timing

    # -- sound alone -----------------------------------------------------------------------------------------------

    def sound_alone(self) -> Estimate:
        """Of an export without pictures: all of it, or two parts and a straight line through them."""
        job = self._job
        samples = clock.samples_until(self._frames, job.director.fps)
        settings = quiet(job.settings)
        if samples <= 1.5 * SOUND_S * clock.AUDIO_RATE:
            return self._whole()
        measured: list[tuple[int, int, float]] = []
        for seconds in (SOUND_S // 3, SOUND_S):
            windows = [
                Window(
                    math.ceil(Fraction(first, clock.AUDIO_RATE) * job.director.fps),
                    math.ceil(Fraction(last, clock.AUDIO_RATE) * job.director.fps),
                )
                for first, last in sound_stretches(samples, seconds)
            ]
            director = SampledDirector.of(job.director, windows)
            stretches = [
                (clock.samples_until(w.first, director.fps), clock.samples_until(w.last, director.fps)) for w in windows
            ]
            spans = sampled_spans(job.spans, stretches)
            report, sizes, _ = self._run(replace(job, director=director, spans=spans, settings=settings))
            measured.append((clock.samples_until(director.frames, director.fps), sizes.whole, report.wall_s))
        (n0, b0, t0), (n1, b1, t1) = measured
        return self._estimate(
            b1 + (b1 - b0) / (n1 - n0) * (samples - n1), t1 + max(0.0, t1 - t0) / (n1 - n0) * (samples - n1)
        )

    def _estimate(self, size: float, seconds: float) -> Estimate:
        limit = self._job.settings.max_size
        if limit is not None and size > limit:
            # mostly the second or the third try fits, and those are smaller
            size, seconds = limit, 2.2 * seconds
        return Estimate(int(size), round(seconds, 2), "trial")


def quiet(settings: ExportSettings) -> ExportSettings:
    """Without what has no part in size and time, or would write beside the trial's own files."""
    return replace(settings, subtitles=None, report=None, trace=None, max_size=None, overwrite=True)
