"""Known pictures through a converter to NV12: are the colours right, and how is chroma made? Private to ``convert``.

Neither the list of source formats that VideoToolbox takes nor the way it reduces chroma is documented, so both are
measured at the start with pictures of 16x16 pixels. Expected code values come from :mod:`reelpress.color` (BT.709).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED, SRGB, rgb_to_codes
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 16
BLOCK = 4
TOLERANCE = 3
"""Code values. Rounding and fixed-point coefficients stay within 1 to 2; a wrong matrix, range or order does not."""

_ORDER = {"rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3), "argb": (3, 0, 1, 2)}
_LUMA_CHROMA = {"yuyv422": (0, 1, 2, 3), "uyvy422": (1, 0, 3, 2)}
"""Byte positions of Y0, Cb, Y1, Cr in a macropixel."""

_LEVELS = (0, 84, 170, 255)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a probe found."""

    why_not: str | None
    """A clause about wrong colours; ``None``: they are right."""
    chroma: str = "unknown"
    """How chroma is reduced: ``mean of 2x2 pixels``, ``left-sited mean``, ``decimated``, ``same as source``, ..."""


def colours() -> list[tuple[int, int, int]]:
    """Sixteen R, G, B triples (0..255): primaries, greys, and channels that all differ."""
    mixed = [(_LEVELS[i % 4], _LEVELS[(i // 2 + 1) % 4], _LEVELS[(3 * i + 2) % 4]) for i in range(8)]
    return [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 128, 0), (0, 64, 192),
        *mixed,
    ]  # fmt: skip


def probe(convert: Callable[[Planes], Planes], source: str) -> Verdict:
    """Convert known pictures of format ``source`` to NV12 BT.709 limited and compare.

    Args:
        convert: Converts a 16x16 picture; what it raises is passed on.
        source: ``rgba``, ``bgra``, ``argb``, ``yuyv422`` or ``uyvy422``.
    """
    patches = _patches(source)
    result = convert(_flat(source, patches))
    for index, expected in enumerate(patches):
        row, column = divmod(index, SIDE // BLOCK)
        # The pixel and the chroma sample in the middle of a block: no filter of up to 3 pixels reaches its neighbours.
        found = (
            int(result.planes[0][row * BLOCK + 2, column * BLOCK + 2]),
            int(result.planes[1][row * 2 + 1, column * 4 + 2]),
            int(result.planes[1][row * 2 + 1, column * 4 + 3]),
        )
        if any(abs(a - b) > TOLERANCE for a, b in zip(found, expected, strict=True)):
            wanted = ", ".join(f"{v:.0f}" for v in expected)
            return Verdict(f"expected Y, Cb, Cr = {wanted} in patch {index} of the probe, got {found}")
    if source in _LUMA_CHROMA:
        return Verdict(None, "same as source across, " + _vertical(convert, source))
    return Verdict(None, _chroma(convert, source))


def _patches(source: str) -> list[tuple[float, float, float]]:
    """Expected code values."""
    return [rgb_to_codes((r / 255, g / 255, b / 255)) for r, g, b in colours()]


def _flat(source: str, patches: list[tuple[float, float, float]]) -> Planes:
    """Blocks of 4x4 pixels of one colour each."""
    values = colours() if source in _ORDER else [tuple(round(v) for v in patch) for patch in patches]
    grid = np.array(values, np.uint8).reshape(SIDE // BLOCK, SIDE // BLOCK, 3)
    return _picture(source, grid.repeat(BLOCK, 0).repeat(BLOCK, 1))


def _picture(source: str, triples: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Planes:
    """A picture from (16, 16, 3) R, G, B or Y, Cb, Cr (chroma of even columns is used), in a 64-byte aligned row."""
    out = np.full((SIDE, SIDE, 4), 255, np.uint8)
    if source in _ORDER:
        for channel in range(3):
            out[..., _ORDER[source].index(channel)] = triples[..., channel]
        plane, color = out.reshape(SIDE, SIDE * 4), SRGB
    else:
        y0, cb, y1, cr = _LUMA_CHROMA[source]
        pairs = out[:, : SIDE // 2]
        pairs[..., y0], pairs[..., y1] = triples[:, ::2, 0], triples[:, 1::2, 0]
        pairs[..., cb], pairs[..., cr] = triples[:, ::2, 1], triples[:, ::2, 2]
        plane, color = np.ascontiguousarray(pairs).reshape(SIDE, SIDE * 2), BT709_LIMITED
    return Planes(source, SIDE, SIDE, (plane,), color)


def _corner(source: str, inside: tuple[int, int, int], outside: tuple[int, int, int]) -> Planes:
    """``inside`` on the 5x5 pixels top left, ``outside`` elsewhere: an edge through the third chroma sample."""
    triples = np.empty((SIDE, SIDE, 3), np.uint8)
    triples[:] = outside
    triples[:5, :5] = inside
    return _picture(source, triples)


def _chroma(convert: Callable[[Planes], Planes], source: str) -> str:
    red, blue = (255, 0, 0), (0, 0, 255)
    result = convert(_corner(source, red, blue)).planes[1]
    first, second = rgb_to_codes((1.0, 0.0, 0.0))[1], rgb_to_codes((0.0, 0.0, 1.0))[1]
    across = (int(result[0, 4]) - second) / (first - second)
    down = (int(result[2, 0]) - second) / (first - second)
    # Of the sample over columns 4 and 5, the share that column 4 (and 3) has.
    for name, wanted in (
        ("mean of 2x2 pixels", (0.5, 0.5)),
        ("left-sited mean", (0.75, 0.5)),
        ("decimated", (1.0, 1.0)),
    ):
        if abs(across - wanted[0]) < 0.1 and abs(down - wanted[1]) < 0.1:
            return name
    return f"weights {across:.2f} across, {down:.2f} down"


def _vertical(convert: Callable[[Planes], Planes], source: str) -> str:
    low, high = 64, 192
    result = convert(_corner(source, (128, low, 128), (128, high, 128))).planes[1]
    down = (int(result[2, 0]) - high) / (low - high)
    if abs(down - 0.5) < 0.1:
        return "mean of 2 rows"
    return "decimated" if abs(down - 1.0) < 0.1 else f"weights {down:.2f} down"
