"""One picture as planes in memory, with its colour; the only thing that stages hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from reelpress.errors import FormatError

if TYPE_CHECKING:
    from reelpress.color import ColorSpec


Plane = np.ndarray[Any, np.dtype[np.uint8]]
"""A 2-D uint8 view (rows, bytes a row without padding); interleaved chroma of NV12 is (rows, width) bytes."""


class PixelRect(Protocol):
    """A rectangle of whole pixels; ``scene.plan.IntRect`` is one (a layer above, so it is not imported here)."""

    @property
    def x(self) -> int: ...
    @property
    def y(self) -> int: ...
    @property
    def w(self) -> int: ...
    @property
    def h(self) -> int: ...


CHROMA_SHIFT: dict[str, tuple[int, int]] = {"yuv420p": (1, 1), "nv12": (1, 1)}
"""Right-shifts of width and height from luma to chroma for the planar formats that are composed."""


@dataclass(slots=True)
class Planes:
    """A decoded or composed picture. Handing it over copies nothing.

    ``planes`` are numpy views into memory that ``owner`` keeps alive (a PyAV frame, a mapped GPU buffer, a
    pixel buffer of the system). Whoever receives Planes must treat them as read-only unless it allocated
    them: a held picture is handed over many times.
    """

    format: str
    """FFmpeg's name: ``yuv420p``, ``nv12``, ``p010le``, ``bgra``, ``rgba``, ..."""
    width: int
    height: int
    planes: tuple[Plane, ...]
    color: ColorSpec
    pts: int | None = None
    """Presentation time in ticks of ``time_base``; ``None`` for a picture that has none of its own."""
    time_base: Fraction = Fraction(1, 1)
    owner: object = None

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one row to the next, per plane."""
        return tuple(int(p.strides[0]) for p in self.planes)

    @property
    def nbytes(self) -> int:
        """Bytes that this picture keeps alive, padding of the rows included."""
        return sum(int(p.strides[0]) * int(p.shape[0]) for p in self.planes)

    def __repr__(self) -> str:
        return f"Planes({self.format} {self.width}x{self.height}, {self.color}, pts={self.pts})"

    def require(self, formats: tuple[str, ...], color: ColorSpec | None = None) -> None:
        """Raise FormatError unless the picture has one of ``formats`` (and exactly ``color``, if given)."""
        if self.format not in formats:
            raise FormatError(f"Got planes as {self.format}; allowed here: {', '.join(formats)}.")
        if color is not None and self.color != color:
            raise FormatError(f"Got planes in {self.color!r}; allowed here: {color!r}.")


def chroma_size(format_name: str, width: int, height: int) -> tuple[int, int]:
    """Width and height of a chroma plane in samples (odd sizes round up, as FFmpeg does)."""
    sx, sy = CHROMA_SHIFT[format_name]
    return -(-width >> sx), -(-height >> sy)
