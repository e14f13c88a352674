"""The parts of a GIF file (GIF89a specification, W3C copy): header, loop count, and one image after the other."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from reelpress.encode.gif.colours import Bytes2D

TRAILER = b"\x3b"
KEEP, CLEAR = 1, 2
"""Disposal methods: leave the picture in place, restore its rectangle to the background."""
_SOME = 7
"""Of so many pixels one is looked at for how many colours there are."""
LONGEST = 65_535
"""Ticks that one picture can last."""

Palette = np.ndarray[Any, np.dtype[np.uint8]]
"""(k, 3) R'G'B', k up to 256."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image as it lies in the file, but for the compression of its pixels."""

    x: int
    y: int
    indices: Bytes2D
    palette: Palette | None
    """``None``: the global one."""
    transparent: int | None
    """Index that leaves what is there."""


def header(width: int, height: int, palette: Palette, loop: int) -> bytes:
    """Signature, screen, global palette, and how often the animation is played (0: for ever).

    Without a loop extension it is played once; the extension counts the repetitions.
    """
    size = table_bits(len(palette))
    data = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF0 | (size - 1), 0, 0) + table(palette)
    if loop != 1:
        data += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", max(0, loop - 1)) + b"\x00"
    return data


def image_head(image: Image, delay: int, disposal: int = KEEP) -> bytes:
    """What stands before the compressed pixels: times, transparency, place, local palette.

    Args:
        image: As it is stored.
        delay: Ticks until the next one, up to ``LONGEST``.
        disposal: What happens to it then.
    """
    height, width = image.indices.shape
    has = image.transparent is not None
    control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | has, delay, image.transparent or 0, 0)
    flags, colours = 0, b""
    if image.palette is not None:
        flags = 0x80 | (table_bits(len(image.palette)) - 1)
        colours = table(image.palette)
    return control + struct.pack("<BHHHHB", 0x2C, image.x, image.y, width, height, flags) + colours


def table_bits(colours: int) -> int:
    """Tables have 2, 4, ..., 256 entries: the power of two."""
    return max(1, (colours - 1).bit_length())


def table(palette: Palette) -> bytes:
    """A colour table, filled up with black."""
    return palette.tobytes().ljust(3 << table_bits(len(palette)), b"\x00")


def compact(indices: Bytes2D, palette: Palette, transparent: int) -> Image:
    """An image with a palette of its own, of just the colours that it uses; ``x`` and ``y`` are 0.

    Args:
        indices: Any.
        palette: For them.
        transparent: Index that is none of the palette's.
    """
    some = np.bincount(indices.ravel()[::_SOME], minlength=256)
    some[transparent] = 0
    if np.count_nonzero(some) > 128:  # so its table has 256 entries, whatever is left out
        return Image(0, 0, indices, palette, transparent)
    used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256))
    colours = used[used != transparent]
    new = np.zeros(256, np.uint8)
    new[colours] = np.arange(len(colours))
    has = len(colours) < len(used)
    new[transparent] = len(colours)
    own = palette[colours]
    if has:
        own = np.concatenate([own, np.zeros((1, 3), np.uint8)])
    return Image(0, 0, np.take(new, indices), own, len(colours) if has else None)


def spread(image: Image, size: tuple[int, int]) -> Image:
    """The same image on a rectangle as large as the screen, transparent around what it was.

    Args:
        image: Any.
        size: Width and height of the screen.
    """
    height, width = image.indices.shape
    transparent, palette = image.transparent, image.palette
    if transparent is None:
        assert palette is not None  # with the global one there always is a transparent index
        transparent, palette = len(palette), np.concatenate([palette, np.zeros((1, 3), np.uint8)])
    indices = np.full((size[1], size[0]), transparent, np.uint8)
    indices[image.y : image.y + height, image.x : image.x + width] = image.indices
    return Image(0, 0, indices, palette, transparent)
