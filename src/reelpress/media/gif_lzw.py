"""LZW as GIF has it, by Pillow's encoder of GIF: fast, well kept, and it runs without the GIL while it writes a file.

Only the compressed data are taken. What Pillow would do beside it (palettes, transparency, what changed) is decided by
``encode.gif``, which knows more about the pictures. libavcodec's takes a sixth more time and a few bytes more.
"""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from reelpress.errors import EncoderError, OutputError

if TYPE_CHECKING:
    Indices = np.ndarray[Any, np.dtype[np.uint8]]

_EXTENSION = 0x21
_INTERLACED = 0x40


class Lzw:
    """Compresses rectangles of palette indices. One thread. Close it."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        """Without a name; as large as the largest picture became."""

    def compress(self, indices: Indices) -> bytes:
        """The "table based image data" of GIF89a 22: minimum code size, sub-blocks, and the empty one at the end.

        Args:
            indices: (rows, columns), 8 bits.

        Raises:
            EncoderError: Pillow failed, or wrote something else than one GIF picture.
            OutputError: The folder of temporary files is full, or cannot be written to.
        """
        from PIL import Image

        height, width = indices.shape
        # grey: a picture with a palette would have it looked through
        image = Image.frombuffer("L", (width, height), np.ascontiguousarray(indices), "raw", "L", 0, 1)
        try:
            if self._file is None:
                # A true file: into anything else Pillow writes with the GIL held, and all other stages wait.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - see close
            self._file.seek(0)
            image.save(self._file, "GIF", optimize=False, interlace=0)
            length = self._file.tell()
            self._file.seek(0)
            data = self._file.read(length)
        except OSError as fault:
            if fault.errno is None:  # what Pillow's encoder says itself, and not the system
                raise EncoderError(f"The GIF encoder failed at a picture of {width}x{height}: {fault}.") from fault
            raise OutputError(
                f"A compressed picture of {width}x{height} does not fit into the folder of temporary files, "
                f"{tempfile.gettempdir()} ({fault.strerror or fault}). Make room there, or name another in TMPDIR."
            ) from fault
        return _image_data(data, width, height)

    def close(self) -> None:
        """Give the temporary file back; again does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _image_data(data: bytes, width: int, height: int) -> bytes:
    """What follows the image descriptor (and its colour table) in a file of one picture.

    Raises:
        EncoderError: The file is another one, or not whole: sub-blocks have to lead to its very end.
    """
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    try:
        at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)  # header, screen, global colour table
        while data[at] == _EXTENSION:
            at = _behind(data, at + 2)
        flags = data[at + 9]
        start = at + 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        whole = _behind(data, start + 1) == len(data) - 1
    except IndexError:  # it is cut off
        whole = False
    if (
        not whole
        or (data[:4], data[at : at + 1], data[-1:]) != (b"GIF8", b",", b";")
        or data[at + 5 : at + 9] != size
        or flags & _INTERLACED
    ):
        raise EncoderError(f"The GIF encoder did not write a picture of {width}x{height} as one image.")
    return data[start:-1]


def _behind(data: bytes, at: int) -> int:
    """Where a chain of sub-blocks ends."""
    while data[at]:
        at += data[at] + 1
    return at + 1
