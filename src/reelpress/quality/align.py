"""Which picture of A is shown when which picture of B is: both as streams, two pictures of each in memory.

Time zero of each side is its first shown picture. They are compared at every moment at which either of them shows a
new picture, each with the newest one that it has by then, until one of them ends. Presentation times that a container
rounded to its ticks (1/30 s is 33 ms in Matroska) still count as the same moment: times closer than one tick of each
side are one moment, but never more than half a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np

from reelpress.clock import FINE_TICK, shown_tick
from reelpress.color import BT709_LIMITED, ColorSpec, Range, Siting
from reelpress.errors import SettingsError, UnsupportedInputError
from reelpress.media.decode import VideoSource, conversion_of
from reelpress.media.index import FrameIndex, build_index
from reelpress.media.probe import MediaInfo, VideoStreamInfo, probe
from reelpress.media.scale import NATIVE_FORMATS, Scaler, normalise
from reelpress.pipeline.machine import cores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from reelpress.media.planes import Planes


REST_LIMIT = 3
"""Pictures that are taken from a program only to see whether it ends when the file does."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A video that was probed and indexed."""

    path: Path
    media: MediaInfo
    info: VideoStreamInfo
    index: FrameIndex

    @property
    def step(self) -> Fraction:
        """The usual distance of two pictures in seconds."""
        pts = self.index.pts
        if len(pts) < 2:
            return max(self.index.duration, self.index.time_base)
        return max(1, int(np.median(np.diff(pts)))) * self.index.time_base


def open_file(path: Path) -> OpenFile:
    """Probe and index a video file.

    Raises:
        InputError: It cannot be read or has no video.
    """
    media = probe(path)
    if media.video is None:
        raise UnsupportedInputError(f"{path}: has sound but no video; there is nothing to compare.")
    return OpenFile(path, media, media.video, build_index(path, media.video.index))


class Side(Protocol):
    """One of the two, read forward."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures."""
        ...

    @property
    def tolerance(self) -> Fraction:
        """Seconds by which its times may be rounded."""
        ...

    @property
    def step(self) -> Fraction:
        """The usual distance of two pictures in seconds."""
        ...

    @property
    def next_time(self) -> Fraction | None:
        """Time of the next picture in seconds, ``None`` after the last one."""
        ...

    @property
    def end(self) -> Fraction | None:
        """When its last picture ends; ``None`` while that is not known."""
        ...

    def skip_to(self, time: Fraction) -> None:
        """Before the first ``take``: begin with the picture on screen at ``time``."""
        ...

    def take(self) -> tuple[int, Planes, bool]:
        """The next picture: its ordinal, its planes, whether it is a stand-in for one that cannot be decoded."""
        ...

    def rest(self) -> int | None:
        """Pictures that were not taken; ``None``: there are some, and counting them would cost too much."""
        ...

    def close(self) -> None:
        """Free what it holds; twice is harmless."""
        ...


class FileSide:
    """A video file, decoded as it goes."""

    def __init__(
        self,
        file: OpenFile,
        *,
        as_coded: bool = False,
        scale_to: tuple[int, int] | None = None,
    ) -> None:
        """
        Args:
            file: What to read.
            as_coded: Give out the decoder's own samples although they are not BT.709 limited.
            scale_to: Bring every picture to this size.
        """
        info = replace(file.info, color=BT709_LIMITED) if as_coded else file.info
        self._file, self._index = file, file.index
        self._source = VideoSource(file.path, info, file.index, threads=min(4, cores()))
        self._scaler = None if scale_to is None else Scaler(min(2, cores()))
        self._size = scale_to or (info.width, info.height)
        self._next = 0
        tick = file.index.time_base
        self.tolerance = tick if tick <= FINE_TICK else Fraction(0)
        self.step = file.step
        self.end: Fraction = file.index.duration

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def next_time(self) -> Fraction | None:
        if self._next >= len(self._index):
            return None
        return (int(self._index.pts[self._next]) - self._index.start) * self._index.time_base

    def skip_to(self, time: Fraction) -> None:
        self._next = self._index.ordinal_at(self._index.start + shown_tick(time, self._index.time_base))

    def take(self) -> tuple[int, Planes, bool]:
        ordinal = self._next
        frame = self._source.frame(ordinal)
        self._next += 1
        planes = frame.planes
        if self._scaler is not None:
            planes = self._scaler.scale(planes, *self._size)
        return ordinal, planes, frame.repeated

    def rest(self) -> int | None:
        return len(self._index) - self._next

    def close(self) -> None:
        self._source.close()


class FrameSide:
    """Pictures from a program, such as ``reelpress.render``: picture n at n / fps, one read ahead."""

    def __init__(self, frames: Iterable[Planes], fps: Fraction) -> None:
        """
        Raises:
            SettingsError: There is not one picture.
        """
        self._frames: Iterator[Planes] = iter(frames)
        self._fps = fps
        self._ordinal = 0
        first = next(self._frames, None)
        if first is None:
            raise SettingsError("There is no picture to compare with.")
        self._ahead: Planes | None = first
        self._size = (first.width, first.height)
        self.tolerance = Fraction(0)
        self.step = 1 / fps

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def next_time(self) -> Fraction | None:
        return None if self._ahead is None else self._ordinal / self._fps

    @property
    def end(self) -> Fraction | None:
        return self._ordinal / self._fps if self._ahead is None else None

    def skip_to(self, time: Fraction) -> None:
        while (self._ordinal + 1) / self._fps <= time:
            if self._ahead is None:
                raise SettingsError(f"The start is {float(time):g} s, where there is no picture any more.")
            self._ahead = next(self._frames, None)
            self._ordinal += 1

    def take(self) -> tuple[int, Planes, bool]:
        planes = self._ahead
        assert planes is not None
        ordinal = self._ordinal
        self._ahead = next(self._frames, None)
        self._ordinal += 1
        return ordinal, normalise(planes), False

    def rest(self) -> int | None:
        for count in range(REST_LIMIT):
            if self._ahead is None:
                return count
            self._ahead = next(self._frames, None)
            self._ordinal += 1
        return None

    def close(self) -> None:
        self._ahead = None
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()


@dataclass(frozen=True, slots=True)
class Shown:
    """What one side shows at a moment."""

    ordinal: int
    planes: Planes
    fresh: bool
    """It is shown from this moment on."""
    repeated: bool
    """It stands in for one that cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time at which at least one of the two shows a new picture."""

    index: int
    time: Fraction
    """Seconds from the first picture of each."""
    a: Shown
    b: Shown


def tolerance_of(a: Side, b: Side) -> Fraction:
    """Seconds within which two times are the same moment."""
    return min(a.tolerance + b.tolerance, min(a.step, b.step) / 2)


def moments(a: Side, b: Side, *, start: Fraction = Fraction(0), end: Fraction | None = None) -> Iterator[Moment]:
    """Walk through both, moment by moment, until the first of them (or ``end``) ends."""
    near = tolerance_of(a, b)
    if start > 0:
        a.skip_to(start)
        b.skip_to(start)
    shown: dict[str, Shown] = {}
    index = 0
    while True:
        times = [t for t in (a.next_time, b.next_time) if t is not None]
        if not times:
            return
        time = max(min(times), start)
        if not shown:  # the first picture of each belongs to the first moment, whatever its time
            time = start
        ends = [e for e in (a.end, b.end, end) if e is not None]
        if shown and any(time >= e - near for e in ends):
            return
        for name, side in (("a", a), ("b", b)):
            old = shown.get(name)
            if old is None or (side.next_time is not None and side.next_time <= time + near):
                ordinal, planes, repeated = side.take()
                shown[name] = Shown(ordinal, planes, True, repeated)
            elif old.fresh:
                shown[name] = replace(old, fresh=False)
        yield Moment(index, time, shown["a"], shown["b"])
        index += 1


def same_coding(a: VideoStreamInfo, b: VideoStreamInfo) -> bool:
    """Whether the samples of both mean the same as they are stored: 8 bits 4:2:0, upright, and one colour."""
    return (
        a.pixel_format in NATIVE_FORMATS
        and b.pixel_format in NATIVE_FORMATS
        and _plain(a.color) == _plain(b.color)
        and not (a.color.is_hdr or b.color.is_hdr)
        and not any(info.rotation or info.mirrored for info in (a, b))
    )


def _plain(color: ColorSpec) -> tuple[str, Range, Siting]:
    return color.matrix, color.range, color.siting


def describe(a: OpenFile | None, b: OpenFile, *, as_coded: bool, scaled: bool) -> str:
    """How pictures are brought together, as a sentence."""
    if as_coded:
        text = "Decoded samples are compared as they are stored."
    else:
        ways = []
        for name, file in (("A", a), ("B", b)):
            how = None if file is None else conversion_of(file.info)
            if how:
                ways.append(f"{name}: {how}")
        text = "Pictures are compared in 8 bit 4:2:0 BT.709 limited" + (f" ({'; '.join(ways)})." if ways else ".")
    return text + (" B is scaled to A's size." if scaled else "")
