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
import json
import logging
import math
import tempfile
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress import clock
from reelpress.encode.base import UNKNOWN
from reelpress.encode.converting import Converting
from reelpress.encode.splice.session import SpliceSession
from reelpress.encode.vfr import VariableRate
from reelpress.errors import Cancelled
from reelpress.export.hooks import Hooks
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.outputs.stills import folder_of
from reelpress.export.outputs.table import output_of
from reelpress.export.plan import Estimate
from reelpress.export.run import run
from reelpress.export.sampled import SampledDirector, Window, sampled_spans
from reelpress.export.sampling import Facts, Row, facts_of, share_of, total, windows_of
from reelpress.export.stages import kind_of
from reelpress.media.sizes import Sizes, sizes_of
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.machine import cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reelpress.encode.base import Change, Decision, Encoder, Piece
    from reelpress.export.prepare import Job
    from reelpress.export.report import ExportReport
    from reelpress.export.settings import ExportSettings
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.planes import Planes
    from reelpress.pipeline.run import PipelineStats

Ticks = np.ndarray[Any, np.dtype[np.int64]]

_log = logging.getLogger(__name__)

BUDGET_S = 2.7
"""Seconds that a trial aims at. One that takes three times as long is cut off."""
WINDOW_S, WINDOW_FRAMES = 0.2, 5
"""Of a window: seconds, and frames at least."""
GROUPS = {"libsvtav1": 32}
"""Pictures that an encoder codes as a group, some from later ones: windows are not shorter."""
LITTLE = 10.0
"""Square root of the bytes of a picture that takes an encoder twice as long as one without any."""
DIRECT = ("libx264", "gif", "webp", "apng")
"""Encoders whose calls take what the picture takes that they are given, or nearly; others hand it to threads."""
APART = ("png", "mov-prores")
"""Kinds of file whose pictures do not depend on each other."""
ANIMATIONS = ("gif", "webp", "apng")
"""Formats with one whole picture, the first."""
MOST = 40
"""Windows at most."""
SOUND_S = 12
"""Seconds of sound that are tried."""
HELD = 0.1
"""What a frame in which nothing changes is expected to take, against one in which everything does."""
EFFICIENCY = 0.9
"""Share of the cores that is busy where every picture is coded: stages wait for each other then too."""
ROUNDS = 4
"""Runs of windows at most."""
LEAST = 3
"""Windows of one at least."""
ENOUGH = 0.25
"""Share of the time that must be left for another run."""
HARD = 3.0
"""Times ``BUDGET_S``, after which a run is cut off."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one run of some windows took."""

    windows: tuple[Window, ...]
    bytes: tuple[Row, ...]
    """Of each window, for each frame."""
    keys: tuple[Row, ...]
    """The same: 1 where it is of a key frame."""
    pictures: tuple[Row, ...]
    """The same: 1 where the file has a picture."""
    overhead: int
    """Bytes of the file that are no packets."""
    compose: tuple[Row, ...]
    """Seconds, the same."""
    encode: tuple[Row, ...]
    decode: dict[str, float]
    """Stage -> seconds a picture that was decoded, shown or not."""
    busy: dict[str, float]
    """Stage -> seconds."""
    cpu_s: float
    """Processor time of all threads."""
    flow_s: float
    """From the start to the finished file."""
    verify_s: float

    @property
    def frames(self) -> int:
        return sum(len(window) for window in self.windows)

    @property
    def work(self) -> list[Row]:
        """What an encoder has to do, for each frame of each window, in a unit of its own."""
        pairs = zip(self.pictures, self.bytes, strict=True)
        return [np.where(shown > 0, LITTLE + np.sqrt(spent), 0.0) for shown, spent in pairs]


@dataclass(frozen=True, slots=True)
class Sound:
    """Of the whole export."""

    bytes: float = 0.0
    seconds: float = 0.0
    """To mix and encode it."""


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
        director = job.director
        self._frames = director.frames
        self._kind = f"{job.output.name}-{job.output.video_codec}" if job.output.name == "mov" else job.output.name
        self._apart = self._kind in APART
        encoder = job.ways.encoder.choice.used if job.output.has_pictures else ""
        self._direct = encoder in DIRECT
        length = max(math.ceil(WINDOW_S * director.fps), GROUPS.get(encoder, WINDOW_FRAMES))
        self.length = length

    # -- pictures -------------------------------------------------------------------------------------------------

    def pictures(self) -> Estimate | None:
        """Of an export with pictures."""
        facts = facts_of(self._job.director)
        if self._frames <= 2 * self.length:
            return self._whole()
        parts = [self._part(facts, [Window(0, self.length)])]
        sound = self._sound()
        with contextlib.suppress(Cancelled):
            while len(parts) < ROUNDS and (left := self._left()) > 0:
                if self._seconds(facts, parts, sound) < left:
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
        return self._estimate(self._size(facts, parts) + sound.bytes, self._seconds(facts, parts, sound))

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
            lead = self._decoded(windows_of(facts, count, self.length, taken))
            decode_s = sum(last.decode.get(name, 0.0) * n for name, n in lead.items())
            if fixed_s + max(count * window_s, decode_s) + 0.3 * min(count * window_s, decode_s) > left:
                break
            best = count
        return best

    def _decoded(self, windows: Sequence[Window] | None) -> dict[str, int]:
        """Decode stage -> pictures that are decoded for some windows, or for all (then from the index alone)."""
        director = self._job.director
        many = len({kind_of(track.key) for track in director.tracks}) > 1
        found: dict[str, int] = {}
        if windows is None:
            from reelpress.export.estimates import shown_pictures

            for track in director.tracks:
                name = f"decode-{kind_of(track.key)}" if many else "decode"
                found[name] = found.get(name, 0) + shown_pictures(track, director)
            return found
        packets: dict[str, tuple[Ticks, Ticks, Ticks]] = {}
        for track in director.tracks:
            index = track.index
            every = np.sort(np.asarray(index.pts if index.packets is None else index.packets.pts, np.int64))
            keys = np.sort(np.asarray(index.keyframes, np.int64))
            packets[track.key] = every, keys, np.asarray(index.pts, np.int64)
        reached: dict[str, float] = {}
        for window in windows:
            for n in (window.first, window.last - 1):
                for picture in director.plan(n).pictures():
                    every, key_times, shown = packets[picture.source]
                    wanted = shown[picture.frame]
                    before = key_times[key_times <= wanted]
                    # a file is read from its beginning where that is near; what is cut off there is decoded too
                    key = before[-1] if len(before) and before[-1] > shown[0] else every[0]
                    begin = reached.get(picture.source, -math.inf)
                    if begin > wanted or (n == window.first and begin < key):
                        begin = float(key) - 1  # sought to; within a window every picture is decoded
                    begin = max(begin, float(every[0]) - 1)
                    name = f"decode-{kind_of(picture.source)}" if many else "decode"
                    count = int(np.count_nonzero((every > begin) & (every <= wanted)))
                    found[name] = found.get(name, 0) + count
                    reached[picture.source] = float(wanted)
        return found

    def _whole(self) -> Estimate:
        """By exporting all of it."""
        job = self._job
        report, sizes, _ = self._run(replace(job, settings=_quiet(job.settings)))
        return self._estimate(sizes.whole, report.wall_s)

    def _part(self, facts: Facts, windows: list[Window], *, limited: bool = True) -> Part:
        job = self._job
        director = SampledDirector.of(job.director, windows)
        trace = self._folder / f"{self._runs}.trace.json"
        settings = replace(_quiet(job.settings), trace=trace)
        report, sizes, timing = self._run(
            replace(job, director=director, settings=settings, spans=()), starts=director.begins, limited=limited
        )
        at = np.arange(len(sizes.at)) if self._kind == "png" else np.round(sizes.at * float(director.fps))
        at = np.clip(at.astype(np.int64), 0, director.frames - 1)
        spent, shown, key = (np.zeros(director.frames) for _ in range(3))
        np.add.at(spent, at, sizes.bytes)
        key[at[sizes.key]] = 1
        np.add.at(shown, at, 1)
        busy = {name: stage.busy_s for name, stage in report.stages.items()}
        compose, encode, openings = spans_of(trace, director.frames)
        compose *= busy.get("compose", 0.0) / max(float(compose.sum()), 1e-9)
        encode *= busy.get("encode", 0.0) / max(float(encode.sum()), 1e-9)
        counts = self._decoded(windows)
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
        )

    def _run(
        self, job: Job, starts: Sequence[int] = (), *, limited: bool = True
    ) -> tuple[ExportReport, Sizes, _Timing]:
        self._runs += 1
        suffix = "" if job.output.name == "png" else f".{job.output.name}"
        target = self._folder / f"{self._runs}{suffix}"
        files = job.files
        if job.output.name == "png":
            target, files = folder_of(target.with_suffix(".png"))
        output = output_of(replace(job.settings, format="mp4"), target) if is_pipe(job.target) else job.output
        token = CancelToken()
        timing = _Timing(token, HARD * self._budget_s if limited else math.inf, starts)
        part = replace(
            job, target=target, files=files, output=output, copy=None, subtitles=(), fallbacks=list(job.fallbacks)
        )
        report = run(part, cancel=token, hooks=timing)
        return report, sizes_of(target), timing

    def _size(self, facts: Facts, parts: Sequence[Part]) -> float:
        """Bytes of everything but sound."""
        windows = [window for part in parts for window in part.windows]
        each = [row for part in parts for row in part.bytes]
        shown = [row for part in parts for row in part.pictures]
        pictures = max(1.0, total(facts, windows, shown, first_too=True))
        keys = 0.0
        if self._apart:
            changes = total(facts, windows, each, first_too=True)
        else:
            flags = [row for part in parts for row in part.keys]
            # a key frame in the midst of a window says nothing of the change there
            bare = [np.where(flag > 0, np.nan, row) for row, flag in zip(each, flags, strict=True)]
            changes = total(facts, windows, bare, first_too=False)
            if self._kind in ANIMATIONS:
                keys = float(each[0][0])
            else:
                whole = np.concatenate([row[flag > 0] for row, flag in zip(each, flags, strict=True)])
                count = max(1.0, min(float(self._keys_due()), pictures))
                keys = count * float(np.mean(whole)) if len(whole) else 0.0
                changes *= 1 - count / max(count, self._frames)
        # what the container takes for itself and for each picture
        packets = [sum(float(row.sum()) for row in part.pictures) for part in parts]
        last, a_picture = parts[-1], 0.0
        if len(parts) > 1 and packets[-1] - packets[0] >= 8:
            a_picture = (last.overhead - parts[0].overhead) / (packets[-1] - packets[0])
            a_picture = min(40.0, max(0.0, a_picture))
        return keys + changes + last.overhead + a_picture * (pictures - packets[-1])

    @staticmethod
    def _handed_on(parts: Sequence[Part], whole: float) -> float:
        """Seconds of an encode stage whose encoder works in threads, for ``whole`` of its work.

        They take a while to begin and to end, whatever the work: the first part, which is short, tells that from the
        rest.
        """
        first, last = parts[0], max(parts[1:] or parts, key=lambda part: part.frames)
        done, done_first = (max(1e-9, sum(float(row.sum()) for row in part.work)) for part in (last, first))
        took, took_first = (part.busy.get("encode", 0.0) for part in (last, first))
        slope = took / done
        if done > 1.5 * done_first:
            slope = min(slope, max(0.5 * slope, (took - took_first) / (done - done_first)))
        return max(0.0, took + slope * (whole - done))

    def _keys_due(self) -> int:
        return math.ceil(self._job.director.duration / self._job.settings.gop)

    def _seconds(self, facts: Facts, parts: Sequence[Part], sound: Sound) -> float:
        """From the start to the file under its name."""
        measured = parts[1:] or parts  # the first run also loads what is needed
        last = measured[-1]
        windows = [window for part in measured for window in part.windows]
        compose = [row for part in measured for row in part.compose]
        encode = [row for part in measured for row in part.encode]
        stages = {name: last.decode[name] * count for name, count in self._decoded(None).items() if name in last.decode}
        stages["compose"] = float(compose[0][0]) + total(facts, windows, compose, first_too=False)
        busy = last.busy.get("encode", 0.0)
        if self._apart:
            stages["encode"] = busy * self._frames / last.frames
        elif not self._direct:
            # by what came out: a picture of a hundred times the bytes takes about ten times as long
            work = [row for part in measured for row in part.work]
            flags = [row for part in measured for row in part.keys]
            keys = np.concatenate([row[flag > 0] for row, flag in zip(work, flags, strict=True)])
            bare = [np.where(flag > 0, np.nan, row) for row, flag in zip(work, flags, strict=True)]
            whole = total(facts, windows, bare, first_too=False)
            if len(keys):
                whole += self._keys_due() * float(keys.mean())
            stages["encode"] = self._handed_on(parts, whole)
        else:
            count = 1 if self._kind in ANIMATIONS else self._keys_due()
            first = float(np.mean([row[0] for row in encode]))
            stages["encode"] = count * first + total(facts, windows, encode, first_too=False)
        if busy > 0:
            stages["mux"] = last.busy.get("mux", 0.0) * stages["encode"] / busy
        # the stages share the cores: seconds of theirs stand for processor time as they did in the parts
        shared = sum(part.cpu_s for part in measured) / max(1e-9, sum(sum(part.busy.values()) for part in measured))
        crowded = shared * sum(stages.values()) / (cores() * (EFFICIENCY if self._apart else 1.0))
        _log.debug("stages %s of busy %s, processor time %s over all cores", stages, last.busy, crowded)
        slowest = max(last.busy.values())
        fixed = max(0.0, last.flow_s - slowest)
        verify = last.verify_s
        if self._job.settings.verify == "full" or self._kind == "png":
            verify *= self._frames / last.frames
        return fixed + max(*stages.values(), crowded) + verify + sound.seconds / min(2, cores())

    # -- sound ----------------------------------------------------------------------------------------------------

    def _sound(self) -> Sound:
        """What the sound beside pictures takes: mixed and encoded without a file."""
        job = self._job
        if not job.spans or not job.output.has_sound:
            return Sound()
        from reelpress.export.outputs.mp4 import SOUND_RATE
        from reelpress.media.audio import AudioMixer
        from reelpress.media.encoder import AudioEncoderSpec
        from reelpress.media.sound_file import SoundWriter

        samples = clock.samples_until(self._frames, job.director.fps)
        stretches = sound_stretches(samples)
        length = sum(last - first for first, last in stretches)
        begin = time.monotonic()
        mixer = AudioMixer(sampled_spans(job.spans, stretches), length)
        codec = job.output.audio_codec
        container = {"aac": "ipod", "libopus": "webm"}.get(codec, "mov")
        writer = SoundWriter(self._folder / "sound", AudioEncoderSpec(codec, SOUND_RATE[codec]), container)
        size = count = 0
        try:
            for first in range(0, length, clock.AUDIO_RATE):
                packets = writer.audio.encode(mixer.read(clock.AUDIO_RATE), first)
                size, count = size + sum(packet.size for packet in packets), count + len(packets)
            packets = writer.audio.flush()
            size, count = size + sum(packet.size for packet in packets), count + len(packets)
        finally:
            mixer.close()
            writer.abort()
        share = samples / max(1, length)
        # the container's index: 4 bytes of size and, with pictures between them, about as much again
        return Sound((size + 8 * count) * share, (time.monotonic() - begin) * share)

    def sound_alone(self) -> Estimate:
        """Of an export without pictures: all of it, or two parts and a straight line through them."""
        job = self._job
        samples = clock.samples_until(self._frames, job.director.fps)
        settings = _quiet(job.settings)
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


def sound_stretches(samples: int, seconds: int = SOUND_S) -> list[tuple[int, int]]:
    """Which samples are tried: all, or six evenly spread stretches of ``seconds`` in all."""
    length = seconds * clock.AUDIO_RATE // 6
    if samples <= 6 * length:
        return [(0, samples)]
    step = samples // 6
    return [(k * step + (step - length) // 2, k * step + (step - length) // 2 + length) for k in range(6)]


def _quiet(settings: ExportSettings) -> ExportSettings:
    """Without what has no part in size and time, or would write beside the trial's own files."""
    return replace(settings, subtitles=None, report=None, trace=None, max_size=None, overwrite=True)


class _Timing(Hooks):
    """Sees when the file is finished; ends a run that takes too long; begins each window with a key frame."""

    def __init__(self, token: CancelToken, limit_s: float, starts: Sequence[int]) -> None:
        self._token, self._limit_s, self._starts = token, limit_s, starts
        self._started = time.monotonic()
        self.flow_s = 0.0

    def encoder(self, encoder: Encoder) -> Encoder:
        return Windowed(encoder, self._starts) if len(self._starts) > 1 else encoder

    def tick(self) -> None:
        if time.monotonic() - self._started > self._limit_s:
            self._token.cancel("the trial took too long")

    def finished(self, stats: PipelineStats, counts: Any) -> None:
        self.flow_s = time.monotonic() - self._started


class Windowed:
    """Implements :class:`reelpress.encode.base.Encoder` over another one, with a key frame where a window begins.

    Encoders that cannot be asked for one see a new scene there.
    """

    def __init__(self, encoder: Encoder, starts: Sequence[int]) -> None:
        self._encoder, self._starts = encoder, frozenset(starts)
        inner = encoder
        while isinstance(inner, Converting):
            inner = inner.inner
        self._key_next = inner.key_next if isinstance(inner, SpliceSession | VariableRate) else None

    @property
    def spec(self) -> EncoderSpec:
        return self._encoder.spec

    @property
    def decision(self) -> Decision:
        return self._encoder.decision

    @property
    def shown(self) -> Sequence[int] | None:
        return self._encoder.shown

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> Sequence[Piece]:
        if self._key_next is not None and pts in self._starts:
            self._key_next()
        return self._encoder.encode(planes, pts, change)

    def flush(self) -> Sequence[Piece]:
        return self._encoder.flush()


def spans_of(trace: Path, frames: int) -> tuple[Row, Row, dict[str, float]]:
    """Seconds that the compose and the encode stage took for each frame, from a run's trace; and for each decode stage
    those of its first picture, for which the file was opened.

    Work without a frame's number belongs to the next one that has it; what comes after the last to nobody.
    """
    openings: dict[str, float] = {}
    found = {"compose": np.zeros(frames), "encode": np.zeros(frames)}
    names: dict[int, str] = {}
    waiting = dict.fromkeys(found, 0.0)
    for event in json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]:
        if event["ph"] == "M" and event["name"] == "thread_name":
            names[event["tid"]] = event["args"]["name"]
        elif event["ph"] == "X" and event["name"].startswith("decoding"):
            openings.setdefault(names.get(event["tid"], ""), event["dur"] / 1e6)
        elif event["ph"] == "X" and (stage := names.get(event["tid"], "")) in found:
            if event["name"] == "busy" or event["name"].startswith("wait"):
                continue  # what lies around the calls, and between them
            number = event.get("args", {}).get("frame")
            waiting[stage] += event["dur"] / 1e6
            if number is not None and 0 <= number < frames:
                found[stage][number] += waiting[stage]
                waiting[stage] = 0.0
    return found["compose"], found["encode"], openings
