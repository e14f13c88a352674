"""The GIF of an export: pictures in, images out, and the file that they are written to.

A first look finds what changed, the encoder chooses palettes and maps colours, the writer compresses and writes; each
can have a thread of its own, and holds no more than the picture at hand and the last one.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.gif import blocks
from reelpress.encode.gif.canvas import Canvas
from reelpress.encode.gif.colours import Colours
from reelpress.encode.gif.look import Look, Seen
from reelpress.encode.gif.mapper import TRANSPARENT, Mapper
from reelpress.encode.gif.palette import choose
from reelpress.encode.gif.settings import check_rate, tick
from reelpress.encode.late import LateWriter
from reelpress.media.encoder import EncoderSpec
from reelpress.media.gif_lzw import Lzw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
"""Pixels by which one is judged."""
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
        self._colours = Colours(fine=settings.fine)
        self._look = Look(width, height)
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

    def look(self, planes: Planes, change: Change) -> Change:
        """The first look at a picture, which may be taken in another thread than ``encode``, and before it.

        Give all pictures, in their order, and give ``encode`` what comes out of it; or none of them.
        """
        return replace(change, seen=self._look.look(planes, change.damage))

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[Piece]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        seen = change.seen if isinstance(change.seen, Seen) else self._look.look(planes, change.damage)
        self._end = pts + 1
        self._colours.clear_if_crowded()
        needed = self._canvas.needed(seen) if seen.strips else None
        found = None
        if needed is not None:
            used = self._palette_for(needed)
            found = self._canvas.write(needed, used.mapper)
        first = not self._shown
        if found is None and not first and not seen.cleared:
            self._decision = Decision(Kind.HOLD, "the last picture lasts longer")
            return []
        self._shown.append(pts)
        self._decision = Decision(
            Kind.KEY if first else Kind.REAL, "the first picture" if first else "something changed"
        )
        if found is None:  # nothing is there, yet or any more, and time runs all the same
            self._has_global &= not first
            nothing = np.full((1, 1), TRANSPARENT, np.uint8)
            return [Piece(nothing, 0, 0, np.zeros((2, 3), np.uint8), False, seen.cleared, pts)]
        area, indices = found
        is_global = self._has_global and used is self._palettes[0]
        return [Piece(indices, area.x, area.y, used.mapper.rgb, is_global, seen.cleared, pts)]

    def flush(self) -> list[Piece]:
        """See :meth:`reelpress.encode.base.Encoder.flush`; the last piece is the end of the video."""
        return [Piece(np.zeros((0, 0), np.uint8), 0, 0, np.zeros((0, 3), np.uint8), False, False, self._end)]

    def _palette_for(self, needed: Needed) -> Used:
        """One of the palettes there are, or a new one where they are not good enough for these pixels."""
        judged = needed.sample(_JUDGED)
        if not self._palettes:
            return self._new(needed, judged)
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
        new = self._new(needed, judged)
        if new.error > _GAIN * least:
            self._palettes.remove(new)
            self._wait, self._bearable = _PATIENCE, 1.5 * least
            return best
        self._wait, self._bearable = _PAUSE, max(_WORST * new.error, 4 * self._settings.good)
        if len(self._palettes) > _KEPT:
            del self._palettes[1]
        self._at = len(self._palettes) - 1
        return new

    def _new(self, needed: Needed, judged: Numbers) -> Used:
        counts = np.bincount(needed.sample(_SAMPLE))
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


class GifWriter(LateWriter[Piece]):
    """Implements :class:`reelpress.encode.base.Writer` for :class:`Piece`.

    Args:
        path: Created, or emptied when it exists.
        width, height: Pixels.
        fps: Frames a second, in which pieces give their times.
        settings: ``loop``.
        limit: Bytes. What goes beyond them is counted but not written, and ``finish`` raises :class:`TooLarge`.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: Fraction, settings: GifSettings, *, limit: int | None = None
    ) -> None:
        super().__init__(path)
        self._size, self._fps, self._settings, self._limit = (width, height), fps, settings, limit
        self._lzw = Lzw()

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """See :meth:`reelpress.media.mux.Mp4Writer.finish`."""
        super().finish(cancelled, progress)
        self._lzw.close()
        if self._limit is not None and self.bytes > self._limit:
            raise TooLarge(self.bytes)

    def abort(self) -> None:
        """See :meth:`reelpress.media.mux.Mp4Writer.abort`."""
        super().abort()
        self._lzw.close()

    def write_image(self, image: Piece, after: Piece) -> None:
        """An image; where the next one clears the screen, it covers all of it and is taken away."""
        if not self.packets:
            self.put(blocks.header(*self._size, image.palette, self._settings.loop))
        left = tick(after.dts, self._fps) - tick(image.dts, self._fps)
        delay = min(left, blocks.LONGEST)
        stored = _image(image)
        if after.clears:  # it takes away what its rectangle covers, so that has to be everything
            stored, left = blocks.spread(stored, self._size), delay
        disposal = blocks.CLEAR if after.clears else blocks.KEEP
        self.put(blocks.image_head(stored, delay, disposal) + self._lzw.compress(stored.indices))
        left -= delay
        while left > 0:  # eleven minutes without a change: a transparent pixel goes on
            delay = min(left, blocks.LONGEST)
            still = blocks.Image(0, 0, np.full((1, 1), 1, np.uint8), np.zeros((2, 3), np.uint8), 1)
            self.put(blocks.image_head(still, delay) + self._lzw.compress(still.indices))
            left -= delay

    def write_end(self) -> None:
        """The trailer."""
        self.put(blocks.TRAILER)

    def put(self, data: bytes) -> None:
        """Write bytes up to the limit, and count them all."""
        if self._limit is None or self.bytes + len(data) <= self._limit:
            super().put(data)
        else:
            self.bytes += len(data)


def _image(piece: Piece) -> blocks.Image:
    if piece.is_global:
        return blocks.Image(piece.x, piece.y, piece.indices, None, TRANSPARENT)
    own = blocks.compact(piece.indices, piece.palette, TRANSPARENT)
    return replace(own, x=piece.x, y=piece.y)
