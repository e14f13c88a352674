"""Does a converter make the pixels that the reference makes? One small picture of colours, and a comparison.

What a system's own converter does is its affair and may change with its version: matrix, range, order of channels, and
above all where it puts chroma. ``auto`` takes such a converter only after this has said that its pixels are right.

The picture has strong colours side by side, with edges at odd and at even columns and rows, and ramps. A shift of
chroma by half a pixel moves a sample at such an edge by a quarter of the step, 20 to 40 of 255.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Protocol

import numpy as np

from reelpress._version import __version__
from reelpress.color import BT709_LIMITED, SRGB
from reelpress.convert.base import RGB_FORMATS
from reelpress.convert.reference import ReferenceConverter
from reelpress.errors import ReelpressError
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from reelpress.convert.base import Converter

WIDTH, HEIGHT = 64, 48
LUMA_MOST = 3
"""Of 255: rounding and fixed-point coefficients stay within 1 to 2; a wrong matrix, range or order does not."""
CHROMA_MOST, CHROMA_MEAN = 8, 1.0
"""Of 255: another kernel at the right place stays below; the right kernel half a pixel off does not."""

_COLOURS = (
    (255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 255), (255, 255, 0), (0, 255, 255), (32, 32, 32), (224, 224, 224),
    (200, 60, 20), (20, 90, 200), (120, 200, 40),
)  # fmt: skip


class Kept(Protocol):
    """Where verdicts are kept between exports; ``reelpress.encode.verdicts.Verdicts`` is one."""

    def get(self, key: str) -> tuple[bool, str | None]:
        """Whether there is a verdict, and what was wrong (``None``: nothing)."""
        ...

    def put(self, key: str, wrong: str | None) -> None:
        """Keep a verdict."""
        ...


def key_of(name: str, source: str, target: str, system: str | None = None) -> str:
    """Under which a verdict is kept: the converter is part of the system, and what calls it part of this version."""
    return f"convert-{name}-{source}-{target}-{system or platform.platform()}-{__version__}"


def proved(converter: Converter, source: str, target: str, kept: Kept | None = None) -> str | None:
    """Convert :func:`picture` and compare; a millisecond or two, and the verdict is kept.

    Args:
        converter: One for which ``why_not(source, target, ...)`` is ``None``.
        source: Any format that the reference makes.
        target: A YUV format, made in BT.709 limited, left-sited.
        kept: What is known from before; ``None`` keeps nothing. That it failed is not kept: it may be the moment.

    Returns:
        What is wrong, as a sentence; ``None``: its pixels are right.
    """
    key = key_of(converter.name, source, target)
    if kept is not None:
        known, wrong = kept.get(key)
        if known:
            return wrong
    given = picture(source)
    try:
        wrong = compared(converter.convert(given, target, BT709_LIMITED), given)
    except ReelpressError as error:
        return f"{converter.name} did not convert a picture of {WIDTH}x{HEIGHT} pixels: {error}"
    if kept is not None:
        kept.put(key, wrong)
    return wrong


def compared(found: Planes, given: Planes) -> str | None:
    """What is wrong with ``found``, which a converter made of ``given``, as a sentence; ``None``: nothing."""
    right = ReferenceConverter().convert(given, found.format, found.color)
    off = [np.abs(one.astype(np.int16) - two) for one, two in zip(found.planes, right.planes, strict=True)]
    luma = int(off[0].max())
    if luma > LUMA_MOST:
        return f"Its luma is up to {luma} of 255 off the reference (allowed: {LUMA_MOST})."
    most, mean = max(int(plane.max()) for plane in off[1:]), max(float(plane.mean()) for plane in off[1:])
    if most > CHROMA_MOST or mean > CHROMA_MEAN:
        return (
            f"Its chroma is up to {most} of 255 off the reference where colours meet, {mean:.1f} on average (allowed: "
            f"{CHROMA_MOST} and {CHROMA_MEAN:g}): it lies elsewhere, or is not averaged."
        )
    return None


def picture(source: str) -> Planes:
    """Fields of 11 colours, 5 and 8 pixels wide in turn and 5 and 8 rows high, and ramps of colour below."""
    widths, heights = [5, 8] * 5, [5, 8] * 3
    fields = [
        [_COLOURS[(3 * row + 4 * column) % len(_COLOURS)] for column in range(len(widths))]
        for row in range(len(heights))
    ]
    pixels = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    wide = np.repeat(np.repeat(np.array(fields, np.uint8), heights, 0), widths, 1)[:, :WIDTH]
    pixels[: len(wide), :, :3] = wide
    x = np.arange(WIDTH)
    pixels[len(wide) :, :, 0] = 4 * x
    pixels[len(wide) :, :, 1] = 128 + 2 * (x - WIDTH // 2)
    pixels[len(wide) :, :, 2] = 255 - 4 * x
    made = Planes("rgba", WIDTH, HEIGHT, (pixels.reshape(HEIGHT, 4 * WIDTH),), SRGB)
    if source == "rgba":
        return made
    return ReferenceConverter().convert(made, source, SRGB if source in RGB_FORMATS else BT709_LIMITED)
