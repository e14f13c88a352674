"""Picture files as arrays, upright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from reelpress.errors import MissingInputError, UnreadableInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUILTIN = "builtin:"


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
        with Image.open(path) as image:
            return np.array(ImageOps.exif_transpose(image).convert("RGBA"))
    except FileNotFoundError:
        raise MissingInputError(f"There is no picture file {path}; the project names it.") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableInputError(f"{path} cannot be read as a picture: {error}.") from error
