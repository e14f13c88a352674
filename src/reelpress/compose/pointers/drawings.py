"""The pointers as path data, drawn for this project on a square of 100 x 100 units, y down.

A drawing is a row of parts, painted in order. All parts with a halo together get one outline in the other colour, and
a soft shadow. Paths know ``M``, ``L``, ``Q``, ``C`` and ``Z`` with absolute coordinates, and ``O cx cy r`` for a
circle. Hotspots are in ``scene.pointer_shapes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Color = tuple[float, float, float]

INK = "ink"
"""Black; white in the light variant."""
PAPER = "paper"
"""The other one, and the outline's."""
GREEN: Color = (0.13, 0.66, 0.30)
RED: Color = (0.86, 0.18, 0.18)
BLUE: Color = (0.16, 0.47, 0.90)

HALO = 3.4
"""Width of the outline in units."""


class Part(NamedTuple):
    """One painted path."""

    path: str
    width: float = 0.0
    """Width of a line along it; with ``filled`` it rounds and grows the area by half of that."""
    filled: bool = True
    paint: str | Color = INK
    halo: bool = True
    """Whether the outline goes around it."""


@dataclass(frozen=True)
class Drawing:
    """Parts, and a turn of all of them about the middle (degrees, clockwise)."""

    parts: tuple[Part, ...]
    turn: float = 0.0


def line(path: str, width: float, paint: str | Color = INK, halo: bool = True) -> Part:
    """A line with round ends and joins."""
    return Part(path, width, False, paint, halo)


def mark(path: str, width: float) -> Part:
    """A line inside a black part, in the outline's colour."""
    return line(path, width, PAPER, False)


_ARROW = Part("M 30 22 L 30 75 L 42.3 63.6 L 50.2 82 L 58.4 78.5 L 50.6 60.4 L 67 59 Z", 1.0)

_FOUR_HEADS = (
    line("M 50 24 L 50 76", 6),
    line("M 24 50 L 76 50", 6),
    Part("M 50 13 L 61 27 L 39 27 Z", 2),
    Part("M 50 87 L 61 73 L 39 73 Z", 2),
    Part("M 13 50 L 27 39 L 27 61 Z", 2),
    Part("M 87 50 L 73 39 L 73 61 Z", 2),
)
_TWO_HEADS = (
    line("M 28 50 L 72 50", 6),
    Part("M 15 50 L 31 36 L 31 64 Z", 2.5),
    Part("M 85 50 L 69 36 L 69 64 Z", 2.5),
)
_ONE_HEAD = (
    line("M 30 50 L 60 50", 6),
    Part("M 17 50 L 33 36 L 33 64 Z", 2.5),
    line("M 62 30 L 62 70", 6),
)
_IBEAM = (
    line("M 50 27 L 50 73", 5),
    line("M 40 20 C 46 20 50 22 50 28 C 50 22 54 20 60 20", 5),
    line("M 40 80 C 46 80 50 78 50 72 C 50 78 54 80 60 80", 5),
)
_LENS = (
    line("O 44 44 20", 7),
    line("M 60.5 60.5 L 76 76", 10),
)
_PALM = "M 36 56 L 36 66 C 38 72 42 76 45 84 L 68 84 C 69 77 72 72 72.4 62 L 73 57 Z"

DRAWINGS: dict[str, Drawing] = {
    "arrow": Drawing((_ARROW,)),
    "context-menu": Drawing(
        (
            _ARROW,
            Part("M 63 62 L 85 62 L 85 91 L 63 91 Z", 3),
            mark("M 66.5 69 L 81.5 69", 2.6),
            mark("M 66.5 76.5 L 81.5 76.5", 2.6),
            mark("M 66.5 84 L 77 84", 2.6),
        )
    ),
    "drag-copy": Drawing(
        (
            _ARROW,
            Part("O 74 74 13", 0, True, GREEN),
            mark("M 74 67 L 74 81", 3.6),
            mark("M 67 74 L 81 74", 3.6),
        )
    ),
    "drag-link": Drawing(
        (
            _ARROW,
            line("M 64 88 C 62 76 68 68 77 68", 6),
            Part("M 88 68 L 75 58 L 75 78 Z", 2),
        )
    ),
    "disappear": Drawing(
        (
            _ARROW,
            Part("O 68 79 7"),
            Part("O 77 72 8"),
            Part("O 85 80 7"),
            Part("O 76 83 8"),
            mark("M 72 74 L 81 83", 2.8),
            mark("M 81 74 L 72 83", 2.8),
        )
    ),
    "arrow-no": Drawing(
        (
            _ARROW,
            Part("O 74 74 13", 0, True, RED),
            mark("M 67.5 74 L 80.5 74", 4.4),
        )
    ),
    "arrow-busy": Drawing(
        (
            _ARROW,
            line("O 75 72 10.5", 6),
            line("M 75 61.5 C 80.8 61.5 85.5 66.2 85.5 72", 3, BLUE, False),
        )
    ),
    "arrow-pin": Drawing(
        (
            _ARROW,
            Part("M 75 93 C 72 85 64 79 64 71 C 64 65 69 60 75 60 C 81 60 86 65 86 71 C 86 79 78 85 75 93 Z", 1),
            Part("O 75 71 4", 0, True, PAPER, False),
        )
    ),
    "arrow-person": Drawing(
        (
            _ARROW,
            Part("O 76 67 6.5"),
            Part("M 63 90 C 63 80 69 77 76 77 C 83 77 89 80 89 90 Z", 1),
        )
    ),
    "help": Drawing(
        (
            _ARROW,
            line("M 72 66 C 72 60 76 57 81 57 C 86 57 90 60 90 65 C 90 72 81 71 81 80", 5.6),
            Part("O 81 90 3.6"),
        )
    ),
    "hand": Drawing(
        (
            Part("M 35 54 L 35 64 C 36 71 42 75 45 84 L 70 84 C 71 77 76.8 72 76.8 62 L 76.8 54 Z", 2),
            line("M 40 21.5 L 40 58", 10.5),
            line("M 51 42 L 51 60", 10.5),
            line("M 62 44 L 62 62", 10.5),
            line("M 72.8 48 L 72.8 64", 10),
            line("M 28 57 C 31 62 35 68 42 74", 10),
            mark("M 45.5 41 L 45.5 60", 2.4),
            mark("M 56.5 46 L 56.5 61", 2.4),
            mark("M 67.4 50 L 67.4 62", 2.4),
        )
    ),
    "open-hand": Drawing(
        (
            Part(_PALM, 2),
            line("M 33.5 33 L 41 58", 9.6),
            line("M 46.5 22.5 L 50 58", 9.6),
            line("M 60 23 L 59.5 58", 9.6),
            line("M 72.5 31.5 L 69 60", 9.2),
            line("M 23 54 C 27 58 33 68 44 76", 9.6),
            mark("M 43.2 40 L 46 57", 2.4),
            mark("M 53.8 38 L 54.6 57", 2.4),
            mark("M 65.2 41 L 64.2 58", 2.4),
        )
    ),
    "closed-hand": Drawing(
        (
            Part("M 34 52 L 34 66 C 36 72 42 76 45 84 L 70 84 C 71 77 74.6 72 74.6 62 L 74.6 50 Z", 2),
            line("M 38.5 42 L 38.5 58", 10),
            line("M 49 38.5 L 49 58", 10),
            line("M 60 39.5 L 60 58", 10),
            line("M 70.8 44 L 70.8 60", 9.6),
            line("M 29.5 58 C 29.5 64 36 68 42 74", 9.6),
            mark("M 43.8 43 L 43.8 56", 2.4),
            mark("M 54.5 42 L 54.5 56", 2.4),
            mark("M 65.5 44 L 65.5 57", 2.4),
            mark("M 34.5 53 L 34.5 60", 2.4),
        )
    ),
    "ibeam": Drawing(_IBEAM),
    "ibeam-vertical": Drawing(_IBEAM, 90),
    "crosshair": Drawing((line("M 50 20 L 50 80", 4.5), line("M 20 50 L 80 50", 4.5))),
    "no": Drawing((line("O 50 50 26", 9), line("M 31.6 31.6 L 68.4 68.4", 9))),
    "resize-left": Drawing(_ONE_HEAD),
    "resize-up": Drawing(_ONE_HEAD, 90),
    "resize-right": Drawing(_ONE_HEAD, 180),
    "resize-down": Drawing(_ONE_HEAD, 270),
    "resize-we": Drawing(_TWO_HEADS),
    "resize-nwse": Drawing(_TWO_HEADS, 45),
    "resize-ns": Drawing(_TWO_HEADS, 90),
    "resize-nesw": Drawing(_TWO_HEADS, 135),
    "move": Drawing(_FOUR_HEADS),
    "wait": Drawing(
        (
            Part(
                "M 34 22 L 66 22 L 66 30 C 66 40 55 44 55 50 C 55 56 66 60 66 70 L 66 78 L 34 78 L 34 70 "
                "C 34 60 45 56 45 50 C 45 44 34 40 34 30 Z",
                1,
            ),
            line("M 31 21 L 69 21", 6),
            line("M 31 79 L 69 79", 6),
            Part("M 42 36 L 58 36 L 50 44 Z", 1.5, True, PAPER, False),
            Part("M 41 71.5 C 41 64 50 64 50 60 C 50 64 59 64 59 71.5 Z", 1.5, True, PAPER, False),
        )
    ),
    "up-arrow": Drawing((Part("M 50 18 L 67 40 L 33 40 Z", 1.5), line("M 50 38 L 50 80", 9))),
    "pen": Drawing(
        (
            Part("M 24 76 L 29.5 58 L 63 24.5 L 75.5 37 L 42 70.5 Z", 2),
            mark("M 56.5 31 L 69 43.5", 2.4),
            mark("M 30.5 59.5 L 40.5 69.5", 2.4),
        )
    ),
    "zoom-in": Drawing((*_LENS, line("M 44 35 L 44 53", 4.5), line("M 35 44 L 53 44", 4.5))),
    "zoom-out": Drawing((*_LENS, line("M 35 44 L 53 44", 4.5))),
}
"""By name. ``circle`` is not among them: it is a translucent disc, see ``raster``."""
