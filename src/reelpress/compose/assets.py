"""Picture files as arrays, upright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from reelpress.errors import MissingInputError, UnreadableInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUILTIN = "builtin:"

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "ICO", "TGA", "PPM")
"""By Pillow's names. Pillow would also start Ghostscript for a page of PostScript that calls itself a picture."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes the picture upright, by its EXIF orientation (Exif 3.0, 4.6.5.1)."""


def load(path: str) -> NDArray[np.uint8]:
    """The file as straight RGBA (rows, columns, 4), after its EXIF orientation; or our own drawing ``builtin:NAME``.

    Raises:
        MissingInputError: There is no such file.
        UnreadableInputError: It is no picture that Pillow knows, or it is damaged.
    """
    if path.startswith(BUILTIN):
        from reelpress.compose.pointers import raster

        try:
            return raster.sprite(path)
        except KeyError:
            raise MissingInputError(f"There is no drawn pointer {path}.") from None
    try:
        with Image.open(path, formats=FORMATS) as image:
            image.load()  # Pillow turns a TIFF by itself here, and forgets the orientation
            turn = _TURNS.get(_orientation(image))
            return np.array((image if turn is None else image.transpose(turn)).convert("RGBA"))
    except FileNotFoundError:
        raise MissingInputError(f"There is no picture file {path}; the project names it.") from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged count or place leads Pillow's readers to any of them
        reason = str(error).rstrip(".") or type(error).__name__
        raise UnreadableInputError(f"{path} cannot be read as a picture: {reason}.") from error


def upright_size(path: str) -> tuple[int, int] | None:
    """Width and height of the picture that :func:`load` reads, by the file's header; ``None`` if it cannot be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            swapped = _orientation(image) >= 5 and image.format != "TIFF"  # Pillow swaps a TIFF's by itself
            return (image.height, image.width) if swapped else (image.width, image.height)
    except Exception:  # who draws it says what is wrong
        return None


def _orientation(image: Image.Image) -> int:
    """1 to 8. Damaged EXIF says nothing: the picture itself may be whole."""
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1
