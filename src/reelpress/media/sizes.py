"""Sizes of what is in a finished file, for estimates."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.media._av import input_errors, open_input

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the packets of a file."""

    keys: tuple[int, ...]
    """Of each key frame."""
    others: tuple[int, ...]
    """Of each other picture."""
    sound: int
    sound_s: Fraction
    """Seconds of sound in those bytes, what its encoder puts in front among them."""


def sizes_of(path: Path) -> Sizes:
    """Read all packets of a file.

    Raises:
        InputError: It cannot be read.
    """
    keys: list[int] = []
    others: list[int] = []
    sound, sound_s = 0, Fraction(0)
    with open_input(path, header_only=True) as container, input_errors(path, "reading its packets"):
        for packet in container.demux():
            if not packet.size:
                continue
            if packet.stream.type == "video":
                # in a GIF every image counts as a key frame; only the first one is whole
                whole = packet.is_keyframe and (container.format.name != "gif" or not keys)
                (keys if whole else others).append(packet.size)
            elif packet.stream.type == "audio":
                sound += packet.size
                sound_s += (packet.duration or 0) * (packet.time_base or Fraction(0))
    return Sizes(tuple(keys), tuple(others), sound, sound_s)
