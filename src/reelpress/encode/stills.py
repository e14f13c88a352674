"""Pictures as PNG files, and animations of PNG and WebP images: what changed, where, and for how long.

Both animations are the same idea: an image for each change, as large as what changed, which replaces what was there.
Images are compressed by Pillow (zlib, libwebp); the containers around them are small and written here, so that a
picture is on the disk as soon as its time is known, and nothing but the last picture is kept.

APNG: PNG, third edition (W3C 2025), 11.3.1.6 acTL, fcTL, fdAT. WebP: RFC 9649, 2.7.1 (VP8X, ANIM, ANMF).
"""

from __future__ import annotations

import io
import struct
import zlib
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.late import LateWriter
from reelpress.encode.rects import around, at, bounds
from reelpress.media.faults import writing
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.planes import Planes

StillFormat = Literal["png", "apng", "webp"]

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
"""(rows, columns, 3 or 4): R'G'B' and straight alpha."""

PNG_LEVEL = 6
"""zlib's."""
LONGEST_MS = (1 << 24) - 1
"""Milliseconds that an image of a WebP can last."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class StillSettings:
    """How images are compressed."""

    format: StillFormat
    quality: int | None = None
    """WebP: 0 to 100; ``None``: without loss. The others have no loss."""
    loop: int = 0
    """How often an animation is played; 0: for ever."""


@dataclass(frozen=True, slots=True)
class Still:
    """A compressed image on its way to the file."""

    data: bytes
    """PNG or WebP file; empty at the end."""
    x: int
    y: int
    width: int
    height: int
    dts: int
    """Frame at which it comes; the end of the video for the last one."""

    @property
    def size(self) -> int:
        """Bytes that it holds in memory."""
        return len(self.data)


class StillEncoder:
    """Implements :class:`reelpress.encode.base.Encoder`; what comes out of it are :class:`Still`.

    Args:
        spec: Size, rate, ``rgb24`` or ``rgba``.
        settings: Of compression.
        every: An image for every frame, whether it changed or not, each whole (PNG files).
    """

    def __init__(self, spec: EncoderSpec, settings: StillSettings, *, every: bool) -> None:
        self._spec, self._settings, self._every = spec, settings, every
        self._last: tuple[Planes, Pixels] | None = None
        self._same = b""
        self._shown = array("q")
        self._end = 0
        self._decision = Decision(Kind.REAL, "nothing yet")

    @property
    def spec(self) -> EncoderSpec:
        return self._spec

    @property
    def decision(self) -> Decision:
        return self._decision

    @property
    def shown(self) -> Sequence[int] | None:
        """See :attr:`reelpress.encode.base.Encoder.shown`."""
        return None if self._every else self._shown

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[Still]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        del change
        planes.require((self._spec.pixel_format,))
        width, height = planes.width, planes.height
        pixels: Pixels = planes.planes[0].reshape(height, width, -1)
        self._end = pts + 1
        last = self._last
        whole = IntRect(0, 0, width, height)
        area = whole if last is None else None if last[0] is planes else _changed(last[1], pixels)
        self._last = planes, pixels
        if area is None:
            self._decision = Decision(Kind.HOLD, "the last picture once more")
            return [Still(self._same, 0, 0, width, height, pts)] if self._every else []
        if self._every:
            area = whole
        data = compressed(pixels[at(area)], self._settings)
        self._same = data if self._every else b""
        self._decision = Decision(Kind.KEY if last is None else Kind.REAL, "something changed", size_bytes=len(data))
        self._shown.append(pts)
        return [Still(data, area.x, area.y, area.w, area.h, pts)]

    def flush(self) -> list[Still]:
        """See :meth:`reelpress.encode.base.Encoder.flush`; the last one is the end of the video."""
        self._last = None
        return [Still(b"", 0, 0, 0, 0, self._end)]


def compressed(pixels: Pixels, settings: StillSettings) -> bytes:
    """An image file of ``pixels``."""
    from PIL import Image

    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if settings.format == "webp":
        lossless = settings.quality is None
        image.save(out, "WEBP", lossless=lossless, quality=settings.quality or 60, method=4, exact=False)
    else:
        from PIL.PngImagePlugin import PngInfo

        said = PngInfo()
        said.add(b"sRGB", b"\x00")  # PNG 11.3.2.5: perceptual
        image.save(out, "PNG", compress_level=PNG_LEVEL, pnginfo=said)
    return out.getvalue()


def _changed(old: Pixels, new: Pixels) -> IntRect | None:
    """The smallest rectangle with even edges around what differs; ``None``: nothing does."""
    height, width, samples = new.shape
    box = bounds((old != new).reshape(height, width * samples))
    if box is None:
        return None
    left, right = box.x // samples, -(-box.right // samples)
    return around(IntRect(left, box.y, right - left, box.h), (2, 2), (width, height))


class AnimationWriter(LateWriter[Still]):
    """Implements :class:`reelpress.encode.base.Writer` for animations of :class:`Still`.

    Args:
        path: Created, or emptied when it exists.
        width, height: Pixels.
        fps: Frames a second, in which images give their times.
        settings: Format and loop.
        alpha: Whether images have alpha.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: Fraction, settings: StillSettings, *, alpha: bool
    ) -> None:
        super().__init__(path)
        self._size, self._fps, self._settings, self._alpha = (width, height), fps, settings, alpha
        self._sequence = 0
        self._count_at = 0

    def write_image(self, image: Still, after: Still) -> None:
        """An image with the time that it lasts."""
        (self._apng if self._settings.format == "apng" else self._webp)(image, after.dts)

    def write_end(self) -> None:
        """What is only known now: the number of images, or the size of the file."""
        if self._settings.format == "apng":
            self.put(_chunk(b"IEND", b""))
            self.patch(self._count_at, _chunk(b"acTL", struct.pack(">II", self.packets, self._settings.loop)))
        else:
            self.patch(4, struct.pack("<I", self.bytes - 8))

    def _apng(self, still: Still, end: int) -> None:
        """fcTL with the exact time as a fraction (one of more than 65535 parts is rounded), then the image's data."""
        delay = Fraction(end - still.dts) / self._fps
        if max(delay.numerator, delay.denominator) > 0xFFFF:
            delay = delay.limit_denominator(1000) if delay < 65 else Fraction(round(delay))
        chunks = list(png_chunks(still.data))
        first = self._sequence == 0
        if first:
            self.put(_SIGNATURE)
            for name, body in chunks:
                if name in (b"IHDR", b"sRGB"):
                    self.put(_chunk(name, body))
            self._count_at = self.bytes
            self.put(_chunk(b"acTL", struct.pack(">II", 0, self._settings.loop)))
        place = (still.width, still.height, still.x, still.y)
        times = (delay.numerator, delay.denominator)
        # dispose 0: it stays; blend 0: it replaces what was there, alpha and all
        self.put(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", self._number(), *place, *times, 0, 0)))
        for name, body in chunks:
            if name == b"IDAT":
                self.put(_chunk(b"IDAT", body) if first else _chunk(b"fdAT", struct.pack(">I", self._number()) + body))

    def _number(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _webp(self, still: Still, end: int) -> None:
        """ANMF with the image's own chunks; its last millisecond is where the rounded time of the next one begins."""
        if not self.packets:
            width, height = self._size
            self.put(b"RIFF\0\0\0\0WEBP")
            flags = 0x02 | (0x10 if self._alpha else 0)
            self.put(_riff(b"VP8X", struct.pack("<I", flags) + _three(width - 1) + _three(height - 1)))
            self.put(_riff(b"ANIM", struct.pack("<IH", 0, self._settings.loop)))
        length = min(milliseconds(end, self._fps) - milliseconds(still.dts, self._fps), LONGEST_MS)
        place = b"".join(map(_three, (still.x // 2, still.y // 2, still.width - 1, still.height - 1, length)))
        # blend 2: it replaces what was there; dispose 0: it stays
        self.put(_riff(b"ANMF", place + b"\x02" + webp_image(still.data)))


class FolderWriter:
    """Implements :class:`reelpress.encode.base.Writer`: every :class:`Still` a file in a folder.

    Args:
        folder: Made here.
        names: Gives the file's name for a frame number.

    Raises:
        OutputError: The folder cannot be made.
    """

    audio = None

    def __init__(self, folder: Path, names: Callable[[int], str]) -> None:
        self._folder, self._names = folder, names
        self.packets = self.bytes = 0
        with writing(folder, "encode"):
            folder.mkdir()

    def mux(self, pieces: Iterable[Still]) -> None:
        """Write one file for each."""
        with writing(self._folder, "mux"):
            for piece in pieces:
                if piece.size:
                    (self._folder / self._names(piece.dts)).write_bytes(piece.data)
                    self.packets += 1
                    self.bytes += piece.size

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """Nothing is left to do."""

    def abort(self) -> None:
        """Nothing is open."""


def milliseconds(frame: int, fps: Fraction) -> int:
    """The time of a frame in a WebP, rounded to nearest."""
    return round(frame / fps * 1000)


def png_chunks(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Name and content of every chunk of a PNG file."""
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def webp_image(data: bytes) -> bytes:
    """The chunks of a WebP file that are the image itself (RFC 9649, 2.7.1.1): ALPH, VP8 or VP8L."""
    at, kept = 12, b""
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if name in (b"ALPH", b"VP8 ", b"VP8L"):
            kept += data[at:end]
        at = end
    return kept


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
