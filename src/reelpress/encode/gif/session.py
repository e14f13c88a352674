"""The GIF of an export: pictures in, images out, and the file that they are written to.

The encoder (its own thread) finds what changed, chooses palettes and maps colours; the writer (the next stage's thread)
compresses and writes. Neither holds more than the picture at hand and the last one.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.gif import blocks
from reelpress.encode.gif.canvas import Canvas
from reelpress.encode.gif.colours import Colours
from reelpress.encode.gif.mapper import TRANSPARENT, Mapper
from reelpress.encode.gif.palette import choose
from reelpress.encode.gif.settings import check_rate, tick
from reelpress.errors import OutputError
from reelpress.media.encoder import EncoderSpec
from reelpress.media.faults import writing
from reelpress.media.gif_lzw import Lzw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction
    from pathlib import Path

    from reelpress.encode.gif.blocks import Palette
    from reelpress.encode.gif.canvas import Needed
    from reelpress.encode.gif.colours import Bytes2D, Numbers
    from reelpress.encode.gif.settings import GifSettings
    from reelpress.media.planes import Planes

_SAMPLE = 60_000
"""Pixels by which a palette is chosen."""
_JUDGED = 4000
"""Pixels by which one is judged, of those."""
_WORSE = 1.7
"""By how much the mean squared error may exceed the palette's own before another one is tried."""
_KEPT = 4
"""Palettes that are remembered."""
_WORST = 3.0
"""As ``_WORSE``, but for pictures that would have to wait."""
_PATIENCE = 12
"""Pictures without another try after one that gained little; after so many a palette is no longer good just because
it was not better when it was chosen."""
_PAUSE = 3
"""Pictures without another try after one that gained much: choosing a palette takes as long as two pictures."""
_GAIN = 0.75
"""Share of the error that a new palette must get below."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An image on its way to the file; stands where a packet stands for other formats."""

    indices: Bytes2D
    x: int
    y: int
    palette: Palette
    is_global: bool
    clears: bool
    """The screen is emptied before it: something became transparent."""
    dts: int
    """Frame at which it is shown; the end of the video for a piece without pixels."""

    @property
    def size(self) -> int:
        """Bytes that it holds in memory."""
        return int(self.indices.nbytes)


@dataclass(eq=False)
class Used:
    """A palette in use."""

    mapper: Mapper
    error: float
    """Mean squared error of what it was chosen for."""


class GifEncoder:
    """Implements :class:`reelpress.encode.base.Encoder`; what comes out of it are :class:`Piece`.

    Args:
        width, height: Even.
        fps: 1 to 50.
        settings: Quality and colours.

    Raises:
        SettingsError: The rate is none that a GIF can have.
    """

    def __init__(self, width: int, height: int, fps: Fraction, settings: GifSettings) -> None:
        check_rate(fps)
        self._settings = settings
        self._spec = EncoderSpec(width, height, fps, codec="gif")
        self._colours = Colours()
        self._canvas = Canvas(width, height, self._colours, settings.tolerance)
        self._palettes: list[Used] = []
        self._at = 0
        """The palette used last."""
        self._has_global = True
        """The first of them is the file's own."""
        self._untried = 0
        """Pictures since the last try of another palette."""
        self._wait = 0
        """Pictures to let go by before the next one,"""
        self._bearable = 0.0
        """unless the error is larger than this."""
        self._shown = array("q")
        self._decision = Decision(Kind.REAL, "nothing yet")
        self._end = 0
        self.palettes = 0
        """Palettes chosen so far."""

    @property
    def spec(self) -> EncoderSpec:
        """Size, rate and the format of pictures that it takes; the rest of it is for other codecs."""
        return self._spec

    @property
    def decision(self) -> Decision:
        return self._decision

    @property
    def shown(self) -> Sequence[int]:
        """See :attr:`reelpress.encode.base.Encoder.shown`."""
        return self._shown

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[Piece]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        self._end = pts + 1
        self._colours.clear_if_crowded()
        needed = self._canvas.needed(planes, change.damage)
        found = None
        if needed is not None:
            used = self._palette_for(needed)
            found = self._canvas.write(needed, used.mapper)
        if found is None and not self._shown:
            # nothing is there yet, and time runs all the same
            self._has_global = False
            self._shown.append(pts)
            self._decision = Decision(Kind.KEY, "the first picture, with nothing in it")
            nothing = np.full((1, 1), TRANSPARENT, np.uint8)
            return [Piece(nothing, 0, 0, np.zeros((2, 3), np.uint8), False, False, pts)]
        if found is None:
            self._decision = Decision(Kind.HOLD, "the last picture lasts longer")
            return []
        area, indices = found
        first = not self._shown
        self._shown.append(pts)
        self._decision = Decision(
            Kind.KEY if first else Kind.REAL, "the first picture" if first else "something changed"
        )
        return [
            Piece(
                indices,
                area.x,
                area.y,
                used.mapper.rgb,
                self._has_global and used is self._palettes[0],
                self._canvas.cleared,
                pts,
            )
        ]

    def flush(self) -> list[Piece]:
        """See :meth:`reelpress.encode.base.Encoder.flush`; the last piece is the end of the video."""
        return [Piece(np.zeros((0, 0), np.uint8), 0, 0, np.zeros((0, 3), np.uint8), False, False, self._end)]

    def _palette_for(self, needed: Needed) -> Used:
        """One of the palettes there are, or a new one where they are not good enough for these pixels."""
        sample = self._canvas.sample(needed, _SAMPLE)
        judged = sample[:: max(1, len(sample) // _JUDGED)]
        if not self._palettes:
            return self._new(sample, judged)
        # The one used last is likely to fit; the global one costs no bytes.
        errors: dict[int, float] = {}
        self._untried += 1
        order: dict[int, None] = dict.fromkeys((self._at, *range(len(self._palettes))))
        for at in order:
            used = self._palettes[at]
            errors[at] = used.mapper.error(judged)
            if errors[at] <= self._settings.good or (errors[at] <= _WORSE * used.error and self._untried < _PATIENCE):
                self._at = at
                return used
        self._at, least = min(errors.items(), key=lambda item: item[1])
        best = self._palettes[self._at]
        if self._untried < self._wait and least <= self._bearable:
            return best
        self._untried = 0
        new = self._new(sample, judged)
        if new.error > _GAIN * least:
            self._palettes.remove(new)
            self._wait, self._bearable = _PATIENCE, 1.5 * least
            return best
        self._wait, self._bearable = _PAUSE, max(_WORST * new.error, 4 * self._settings.good)
        if len(self._palettes) > _KEPT:
            del self._palettes[1]
        self._at = len(self._palettes) - 1
        return new

    def _new(self, sample: Numbers, judged: Numbers) -> Used:
        counts = np.bincount(sample)
        numbers = np.flatnonzero(counts)
        chosen = choose(self._colours.values[numbers], counts[numbers].astype(np.float64), self._settings.colours)
        mapper = Mapper(self._colours, chosen, self._settings.dither)
        used = Used(mapper, mapper.error(judged))
        self._palettes.append(used)
        self.palettes += 1
        return used


class TooLarge(Exception):
    """The file outgrew its limit and is useless; ``bytes`` is what it would have had."""

    def __init__(self, bytes_: int) -> None:
        super().__init__(f"{bytes_} bytes")
        self.bytes = bytes_


class GifWriter:
    """Implements :class:`reelpress.encode.base.Writer` for :class:`Piece`.

    One thread; one picture is held until its delay is known.

    Args:
        path: Created, or emptied when it exists.
        width, height: Pixels.
        fps: Frames a second, in which pieces give their times.
        settings: ``loop``.
        limit: Bytes. What goes beyond them is counted but not written, and ``finish`` raises :class:`TooLarge`.

    Raises:
        OutputError: The file cannot be written.
    """

    audio = None

    def __init__(
        self, path: Path, width: int, height: int, fps: Fraction, settings: GifSettings, *, limit: int | None = None
    ) -> None:
        self._path, self._size, self._fps, self._settings = path, (width, height), fps, settings
        self._limit = limit
        self._lzw = Lzw()
        self._late: tuple[blocks.Image, int] | None = None
        self._closed = False
        self.packets = self.bytes = 0
        with writing(path, "encode"):
            self._file = open(os.path.abspath(path), "wb")  # noqa: SIM115 - closed by finish or abort

    def mux(self, pieces: Iterable[Piece]) -> None:
        """Write pieces in order."""
        with writing(self._path, "mux"):
            for piece in pieces:
                if self._late is None and piece.size:
                    self._put(blocks.header(*self._size, piece.palette, self._settings.loop))
                if self._late is not None:
                    self._write(*self._late, piece.dts, clears=piece.clears)
                self._late = (_image(piece), piece.dts) if piece.size else None

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """See :meth:`reelpress.media.mux.Mp4Writer.finish`."""
        del cancelled, progress
        if self._closed:
            raise OutputError(f"{self._path} is already closed.")
        self._closed = True
        with writing(self._path, "mux"):
            self._put(blocks.TRAILER)
            self._file.close()
        if self._limit is not None and self.bytes > self._limit:
            raise TooLarge(self.bytes)

    def abort(self) -> None:
        """See :meth:`reelpress.media.mux.Mp4Writer.abort`."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError):  # what is buffered does not fit on a full disk
                self._file.close()

    def _write(self, image: blocks.Image, start: int, end: int, *, clears: bool) -> None:
        """An image, shown from frame ``start`` to frame ``end``, after which the screen is kept or emptied."""
        left = tick(end, self._fps) - tick(start, self._fps)
        delay = min(left, blocks.LONGEST)
        if clears:  # it takes away what its rectangle covers, so that has to be everything
            image, left = blocks.spread(image, self._size), delay
        disposal = blocks.CLEAR if clears else blocks.KEEP
        self._put(blocks.image_head(image, delay, disposal) + self._lzw.compress(image.indices))
        self.packets += 1
        left -= delay
        while left > 0:  # eleven minutes without a change: a transparent pixel goes on
            delay = min(left, blocks.LONGEST)
            still = blocks.Image(0, 0, np.full((1, 1), 1, np.uint8), np.zeros((2, 3), np.uint8), 1)
            self._put(blocks.image_head(still, delay) + self._lzw.compress(still.indices))
            left -= delay

    def _put(self, data: bytes) -> None:
        self.bytes += len(data)
        if self._limit is None or self.bytes <= self._limit:
            self._file.write(data)


def _image(piece: Piece) -> blocks.Image:
    if piece.is_global:
        return blocks.Image(piece.x, piece.y, piece.indices, None, TRANSPARENT)
    own: Any = blocks.compact(piece.indices, piece.palette, TRANSPARENT)
    return blocks.Image(piece.x, piece.y, own.indices, own.palette, own.transparent)
