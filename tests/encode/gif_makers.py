"""Drawn pictures for GIF tests, and reading GIFs with programs that are not ours: Pillow and PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reelpress.color import BT709_LIMITED
from reelpress.encode.base import UNKNOWN, Change
from reelpress.encode.gif.session import GifEncoder, GifWriter
from reelpress.encode.gif.settings import GifSettings
from reelpress.media.planes import Planes

WIDTH, HEIGHT = 96, 64
RATE = Fraction(15)
Rgb = NDArray[np.uint8]


def planes(y: Any, u: Any = 128, v: Any = 128, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Planes:
    """A yuv420p picture from arrays or constants."""
    width, height = size
    views = tuple(
        np.ascontiguousarray(np.broadcast_to(np.asarray(value), shape).astype(np.uint8))
        for value, shape in ((y, (height, width)), (u, (height // 2, width // 2)), (v, (height // 2, width // 2)))
    )
    return Planes("yuv420p", width, height, views, BT709_LIMITED)


def ramp() -> Planes:
    """Luma from dark to bright, chroma across, all inside R'G'B': more colours than a palette has."""
    y = np.linspace(50, 205, WIDTH)[None, :] + np.linspace(0, 8, HEIGHT)[:, None]
    u = np.linspace(115, 141, WIDTH // 2)[None, :] + np.zeros((HEIGHT // 2, 1))
    return planes(y, u, 255 - u)


def bt709(y: float, u: float, v: float) -> tuple[float, float, float]:
    """R'G'B' of a limited-range colour, by the numbers of ITU-R BT.709-6 (Kr 0.2126, Kb 0.0722)."""
    e, b, r = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    red, blue = e + 1.5748 * r, e + 1.8556 * b
    return 255 * red, 255 * (e - 0.2126 * red - 0.0722 * blue) / 0.7152, 255 * blue


def made(
    path: Path,
    pictures: Sequence[Planes],
    changes: Iterable[Change] = (),
    *,
    settings: GifSettings | None = None,
    fps: Fraction = RATE,
    ahead: int = 0,
) -> GifEncoder:
    """A GIF of pictures, one a frame; ``ahead``: so many pictures are looked at before the encoder gets the first."""
    first, settings = pictures[0], settings or GifSettings()
    encoder = GifEncoder(first.width, first.height, fps, settings)
    writer = GifWriter(path, first.width, first.height, fps, settings)
    told = list(changes) or [UNKNOWN] * len(pictures)
    looked = 0
    try:
        for index, picture in enumerate(pictures):
            while ahead and looked < min(len(pictures), index + ahead):
                told[looked] = encoder.look(pictures[looked], told[looked])
                looked += 1
            writer.mux(encoder.encode(picture, index, told[index]))
        writer.mux(encoder.flush())
        writer.finish()
    finally:
        writer.abort()
    return encoder


def seen(path: Path) -> tuple[list[Rgb], list[int]]:
    """Pictures and their delays in ms, as Pillow has them."""
    pictures, delays = [], []
    with Image.open(path) as image:
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            pictures.append(np.asarray(image.convert("RGB")).copy())
            delays.append(int(image.info["duration"]))
    return pictures, delays


def seen_by_libavcodec(path: Path) -> list[Rgb]:
    """The same by another decoder."""
    import av

    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
