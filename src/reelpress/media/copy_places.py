"""Where the samples of a file lie: ranges of them read without a demuxer."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from reelpress.errors import UnreadableInputError
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reelpress.media.index import Ticks


READ_AT_ONCE = 4 << 20
"""Bytes."""


@dataclass(frozen=True, eq=False)
class SamplePlaces:
    """Byte ranges of packets in a file: read from there, a packet costs nothing but its bytes."""

    at: array[int]
    size: array[int]
    identity: tuple[int, int]
    """Size and time of the last change of the file they are about."""

    @classmethod
    def of(
        cls, path: Path, container: str, at: Sequence[int] | Ticks, size: Sequence[int] | Ticks, first: bytes
    ) -> SamplePlaces | None:
        """``None`` where packets are not samples of this file. ``first`` is the first packet, to compare with."""
        starts, sizes = _column(at), _column(size)
        if not container.startswith("mov") or not starts or min(starts) < 0:
            return None
        with path.open("rb") as file:
            file.seek(starts[0])
            if file.read(sizes[0]) != first:
                return None
            return cls(starts, sizes, _identity(file))

    def read(self, path: Path, first: int, count: int) -> Iterator[bytes]:
        """The packets ``first .. first + count - 1``; those that lie side by side are read together.

        Raises:
            UnreadableInputError: The file changed.
        """
        with path.open("rb") as file:
            if _identity(file) != self.identity:
                raise UnreadableInputError(f"{path}: changed while it was read.")
            number, end = first, first + count
            while number < end:
                start = stop = self.at[number]
                last = number
                while last < end and self.at[last] == stop and stop - start < READ_AT_ONCE:
                    stop += self.size[last]
                    last += 1
                file.seek(start)
                block = file.read(stop - start)
                if len(block) < stop - start:
                    raise UnreadableInputError(f"{path}: changed while it was read.")
                beat()
                for k in range(number, last):
                    place = self.at[k] - start
                    yield block[place : place + self.size[k]]
                number = last


def _column(numbers: Sequence[int] | Ticks) -> array[int]:
    """Eight bytes each: as objects they would take five times as much."""
    return array("q", numbers if isinstance(numbers, Sequence) else numbers.tobytes())


def _identity(file: BinaryIO) -> tuple[int, int]:
    info = os.fstat(file.fileno())
    return info.st_size, info.st_mtime_ns
