"""Sizes of the pictures in a finished file, one by one, for estimates."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from reelpress.errors import OutputError
from reelpress.media._av import input_errors, open_input

if TYPE_CHECKING:
    from pathlib import Path

Times = np.ndarray[tuple[int], np.dtype[np.float64]]
Bytes = np.ndarray[tuple[int], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of what is in a file; pictures in the order of their times."""

    at: Times
    """Seconds at which each picture begins; pictures in files of their own are numbered instead."""
    bytes: Bytes
    """Of each picture."""
    key: Flags
    """Whether it can be shown without another one. Of an animation only the first picture counts as such."""
    sound: int
    """Bytes of sound."""
    sound_s: Fraction
    """Seconds of sound in those bytes, what its encoder puts in front among them."""
    whole: int
    """Bytes of the file, or of all files of a folder."""


def sizes_of(path: Path) -> Sizes:
    """Read all packets of a video, all images of an animation, or the files of a folder.

    Raises:
        InputError, OutputError: It cannot be read.
    """
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() == ".webp":
        return _webp(path)
    rows: list[tuple[float, int, bool]] = []
    sound, sound_s = 0, Fraction(0)
    with open_input(path, header_only=True) as container, input_errors(path, "reading its packets"):
        animation = container.format.name in ("gif", "apng")
        for packet in container.demux():
            if not packet.size:
                continue
            if packet.stream.type == "video":
                at = packet.pts if packet.pts is not None else packet.dts or 0
                # in a GIF every image counts as a key frame; only the first one is whole
                key = not rows if animation else packet.is_keyframe
                rows.append((float(at * (packet.time_base or Fraction(0))), packet.size, key))
            elif packet.stream.type == "audio":
                sound += packet.size
                sound_s += (packet.duration or 0) * (packet.time_base or Fraction(0))
    return _sorted(rows, sound, sound_s, path.stat().st_size)


def _sorted(rows: list[tuple[float, int, bool]], sound: int, sound_s: Fraction, whole: int) -> Sizes:
    rows.sort(key=lambda row: row[0])
    return Sizes(
        np.array([row[0] for row in rows], np.float64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.bool_),
        sound,
        sound_s,
        whole,
    )


def _folder(path: Path) -> Sizes:
    rows = [(float(k), file.stat().st_size, True) for k, file in enumerate(sorted(path.iterdir()))]
    return _sorted(rows, 0, Fraction(0), sum(row[1] for row in rows))


def _webp(path: Path) -> Sizes:
    """Of an animation: its ``ANMF`` chunks (WebP container specification); libavformat does not read them.

    Raises:
        OutputError: It is not that.
    """
    rows: list[tuple[float, int, bool]] = []
    whole = path.stat().st_size
    with path.open("rb") as file:
        if file.read(12)[8:] != b"WEBP":
            raise OutputError(f"{path}: is no WebP.")
        milliseconds, position = 0, 12
        while position + 8 <= whole:
            file.seek(position)
            name, size = struct.unpack("<4sI", file.read(8))
            if name == b"ANMF":
                head = file.read(16)  # x, y, width, height, duration, flags: 3 bytes each but the last
                rows.append((milliseconds / 1000, size + 8, not rows))
                milliseconds += int.from_bytes(head[12:15], "little")
            elif name in (b"VP8 ", b"VP8L"):
                rows.append((0.0, size + 8, True))
            position += 8 + size + size % 2
    return _sorted(rows, 0, Fraction(0), whole)
