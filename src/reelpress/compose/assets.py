"""Picture files as arrays, upright."""

from __future__ import annotations

import warnings
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
        with _opened(path) as image:
            image.load()  # Pillow turns a TIFF by itself here, and forgets the orientation
            turn = _TURNS.get(_orientation(image))
            return _rgba(image if turn is None else image.transpose(turn), image.format)
    except FileNotFoundError:
        raise MissingInputError(f"There is no picture file {path}; the project names it.") from None
    except MemoryError:
        raise
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise UnreadableInputError(
            f"{path} cannot be read as a picture: it has more than the {most} million pixels that are read. "
            "Give a smaller one."
        ) from None
    except Exception as error:  # a damaged count or place leads Pillow's readers to any of them
        reason = str(error).rstrip(".") or type(error).__name__
        raise UnreadableInputError(f"{path} cannot be read as a picture: {reason}.") from error


def upright_size(path: str) -> tuple[int, int] | None:
    """Width and height of the picture that :func:`load` reads, by the file's header; ``None`` if it cannot be read."""
    try:
        with _opened(path) as image:
            swapped = _orientation(image) >= 5 and image.format != "TIFF"  # Pillow swaps a TIFF's by itself
            return (image.height, image.width) if swapped else (image.width, image.height)
    except Exception:  # who draws it says what is wrong
        return None


def _opened(path: str) -> Image.Image:
    """The file, its header read."""
    with warnings.catch_warnings():
        # From half of its limit on Pillow warns. What is too much is refused, and everything else is simply read.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _rgba(image: Image.Image, kind: str | None) -> NDArray[np.uint8]:
    """Straight RGBA of a picture of a file format. Pillow would cut off grey of more than 8 bits at 255, not scale it.

    Raises:
        ValueError: Grey of 32 bits, of which nothing says how much white is.
    """
    if image.mode == "F" or (image.mode == "I" and kind not in ("PNG", "PPM")):
        raise ValueError("it has 32 bits a sample; save it with 8 or 16")
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return np.array(image.convert("RGBA"))
    deep = np.asarray(image).astype(np.int64)  # 0 to 65535
    out = np.empty((*deep.shape, 4), np.uint8)
    out[..., :3] = ((deep * 255 + 32767) // 65535)[..., None]
    out[..., 3] = np.where(deep == image.info.get("transparency", -1), 0, 255)
    return out


def _orientation(image: Image.Image) -> int:
    """1 to 8. Damaged EXIF says nothing: the picture itself may be whole."""
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1
