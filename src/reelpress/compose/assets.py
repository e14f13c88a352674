"""Picture files as arrays: loaded once, upright, kept within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from reelpress.errors import MissingInputError, UnreadableInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUILTIN = "builtin:"

Samples = np.ndarray[Any, np.dtype[np.float32]]


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


class Art:
    """Premultiplied RGBA of small images, as float32 planes side by side: (rows, 4, columns), 0..1.

    Args:
        limit: Bytes to keep; the least recently used go first.
    """

    def __init__(self, limit: int = 16 << 20) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, Samples] = OrderedDict()

    def get(self, path: str) -> Samples:
        """The image, loaded on first use."""
        found = self._kept.get(path)
        if found is None:
            rgba = load(path).astype(np.float32).transpose(0, 2, 1) / np.float32(255)
            rgba[:, :3] *= rgba[:, 3:]
            found = self._kept[path] = np.ascontiguousarray(rgba)
            while len(self._kept) > 1 and sum(a.nbytes for a in self._kept.values()) > self._limit:
                self._kept.popitem(last=False)
        self._kept.move_to_end(path)
        return found

    def clear(self) -> None:
        """Forget all images."""
        self._kept.clear()
