"""What follows for an export from the windows of it that were tried: bytes and seconds."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.export.sampling import Facts, non_negative, total
from reelpress.export.stages import kind_of
from reelpress.pipeline.machine import cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.export.job import Job
    from reelpress.export.sampled import Window
    from reelpress.export.trial_parts import Part
    from reelpress.export.trial_sound import Sound
    from reelpress.scene.director import Director

Ticks = np.ndarray[Any, np.dtype[np.int64]]

_log = logging.getLogger(__name__)

DIRECT = ("libx264", "gif", "webp", "apng")
"""Encoders whose calls take what the picture takes that they are given, or nearly; others hand it to threads."""
IN_TURN = ("libx265",)
"""Of the others those that code one picture at a time (``frame-threads=1``): a call waits for the picture that was
begun in the call before, so what each picture takes is seen in the call after which it comes out."""
APART = ("png", "mov-prores")
"""Kinds of file whose pictures do not depend on each other."""
ANIMATIONS = ("gif", "webp", "apng")
"""Formats with one whole picture, the first."""
EFFICIENCY = 0.9
"""Share of the cores that is busy where every picture is coded: stages wait for each other then too."""


class Reckoning:
    """Arithmetic over the parts of one trial."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.frames = job.director.frames
        output = job.output
        self.kind = f"{output.name}-{output.video_codec}" if output.name == "mov" else output.name
        encoder = job.ways.encoder.choice.used if output.has_pictures else ""
        self._apart, self._direct, self._in_turn = self.kind in APART, encoder in DIRECT, encoder in IN_TURN

    def size(self, facts: Facts, parts: Sequence[Part]) -> float:
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
            if self.kind in ANIMATIONS:
                keys = float(each[0][0])
            else:
                whole = np.concatenate([row[flag > 0] for row, flag in zip(each, flags, strict=True)])
                count = max(1.0, min(float(self._keys_due()), pictures))
                keys = count * float(np.mean(whole)) if len(whole) else 0.0
                changes *= 1 - count / max(count, self.frames)
        # what the container takes for itself and for each picture
        packets = [sum(float(row.sum()) for row in part.pictures) for part in parts]
        last, a_picture = parts[-1], 0.0
        if len(parts) > 1 and packets[-1] - packets[0] >= 8:
            a_picture = (last.overhead - parts[0].overhead) / (packets[-1] - packets[0])
            a_picture = min(40.0, max(0.0, a_picture))
        return keys + changes + last.overhead + a_picture * (pictures - packets[-1])

    @staticmethod
    def handed_on(parts: Sequence[Part], whole: float) -> float:
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

    def seconds(self, facts: Facts, parts: Sequence[Part], sound: Sound) -> float:
        """From the start to the file under its name."""
        measured = parts[1:] or parts  # the first run also loads what is needed
        last = measured[-1]
        windows = [window for part in measured for window in part.windows]
        compose = [row for part in measured for row in part.compose]
        encode = [row for part in measured for row in part.encode]
        stages = {
            name: last.decode[name] * count
            for name, count in decoded(self._job.director, None).items()
            if name in last.decode
        }
        stages["compose"] = float(compose[0][0]) + total(facts, windows, compose, first_too=False)
        busy = last.busy.get("encode", 0.0)
        if self._apart:
            stages["encode"] = busy * self.frames / last.frames
        elif self._in_turn:
            stages["encode"] = self._coded(facts, parts, windows)
        elif not self._direct:
            # by what came out: a picture of a hundred times the bytes takes about ten times as long
            work = [row for part in measured for row in part.work]
            flags = [row for part in measured for row in part.keys]
            keys = np.concatenate([row[flag > 0] for row, flag in zip(work, flags, strict=True)])
            bare = [np.where(flag > 0, np.nan, row) for row, flag in zip(work, flags, strict=True)]
            whole = total(facts, windows, bare, first_too=False)
            if len(keys):
                whole += self._keys_due() * float(keys.mean())
            stages["encode"] = self.handed_on(parts, whole)
        else:
            count = 1 if self.kind in ANIMATIONS else self._keys_due()
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
        if self._job.settings.verify == "full" or self.kind == "png":
            verify *= self.frames / last.frames
        return fixed + max(*stages.values(), crowded) + verify + sound.seconds / min(2, cores())

    def _coded(self, facts: Facts, parts: Sequence[Part], windows: Sequence[Window]) -> float:
        """Seconds of an encoder that codes one picture at a time."""
        measured = parts[1:] or parts
        # of the first part too: it says little of changes, but its still pictures tell the costs apart
        costs = PictureCosts.of([row for part in parts for row in part_rows(part)])
        shown = [row for part in measured for row in part.pictures]
        pictures = total(facts, windows, shown, first_too=True)
        flags = [row for part in measured for row in part.keys]
        roots = [
            np.where(flag > 0, np.nan, np.sqrt(row))
            for row, flag in zip((row for part in measured for row in part.bytes), flags, strict=True)
        ]
        keys = min(pictures, float(self._keys_due()))
        _log.debug("a picture takes %s; there are %s, %s of them key frames", costs, pictures, keys)
        return costs.of_all(keys, pictures - keys, total(facts, windows, roots, first_too=False))


@dataclass(frozen=True, slots=True)
class PictureCosts:
    """Seconds that an encoder takes for a picture.

    A key frame is predicted from nothing, so every way to do that is tried for every block of it, whatever it shows: it
    takes as long as ten pictures and more. Of others each block is at least compared with the picture before, and
    what differs is coded.
    """

    key: float
    other: float
    """Of each that is no key frame."""
    root: float
    """For each unit of the square root of its bytes: a picture of a hundred times the bytes takes ten times as long."""

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float, float, float]]) -> PictureCosts:
        """The costs that explain best what was measured.

        Args:
            rows: Key frames, other pictures, the sum of the roots of their bytes, and seconds that all of them took.
        """
        table = np.array(rows, np.float64)
        # what is off by a tenth counts the same in a short call and in a long one, but not in one of nothing at all
        weight = 1 / np.maximum(table[:, 3], 0.02 * max(float(table[:, 3].max()), 1e-9)) ** 0.5
        key, other, root = non_negative(table[:, :3] * weight[:, None], table[:, 3] * weight)
        return cls(float(key), float(other), float(root))

    def of_all(self, keys: float, others: float, roots: float) -> float:
        """Seconds of so many pictures."""
        return self.key * keys + self.other * others + self.root * roots


def part_rows(part: Part) -> list[tuple[float, float, float, float]]:
    """Rows for :meth:`PictureCosts.of`: what was ready after each call of a part, and what it took.

    Calls after which nothing is ready belong to the next one that has something. The last call ends the stream: all
    that was still inside becomes ready in it.
    """
    pictures = [picture for call in part.calls for picture in call.pictures]
    rows: list[tuple[float, float, float, float]] = []
    came = ready = 0
    waiting = 0.0
    for number, call in enumerate(part.calls):
        came += len(call.pictures)
        waiting += call.seconds
        last = number == len(part.calls) - 1
        now = len(pictures) if last else min(len(pictures), came + part.late if came else 0)
        if now > ready:
            done = pictures[ready:now]
            others = [size for size, key in done if not key]
            rows.append((len(done) - len(others), len(others), float(np.sqrt(others).sum()), waiting))
            ready, waiting = now, 0.0
    return rows


def decoded(director: Director, windows: Sequence[Window] | None) -> dict[str, int]:
    """Decode stage -> pictures that are decoded for some windows, or for all (then from the index alone)."""
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
