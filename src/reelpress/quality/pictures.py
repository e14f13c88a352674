"""Pictures of the worst moments: A, B, and eight times their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.media.rgb import to_rgb
from reelpress.media.scale import normalise
from reelpress.pipeline.output import output_error

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.media.planes import Planes

GAIN = 8
"""Times the difference is shown."""

Rgb = np.ndarray[Any, np.dtype[np.uint8]]


def difference(a: Rgb, b: Rgb) -> Rgb:
    """``min(255, 8 |a - b|)`` of each colour component: black where nothing differs."""
    larger: Rgb = np.minimum(GAIN * np.abs(a.astype(np.int16) - b), 255).astype(np.uint8)
    return larger


def make_folder(folder: Path) -> None:
    """Make sure that pictures can be written into ``folder``.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error


def write_pictures(folder: Path, rank: int, index: int, a: Planes, b: Planes) -> tuple[str, ...]:
    """Write three PNGs, ``worst-<rank>-<moment>-a.png``, ``-b.png`` and ``-difference.png``; older ones are replaced.

    Raises:
        OutputError: They cannot be written.
    """
    from PIL import Image

    one, two = (to_rgb(normalise(p)) for p in (a, b))
    written = []
    for name, rgb in (("a", one), ("b", two), ("difference", difference(one, two))):
        path = folder / f"worst-{rank}-{index:06d}-{name}.png"
        part = path.with_suffix(".png.part")
        try:
            Image.fromarray(rgb).save(part, format="PNG", compress_level=2)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise output_error(path, error) from error
        written.append(str(path))
    return tuple(written)
