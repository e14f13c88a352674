"""Files of images that say themselves how long they last: each is written when the time of the next one is known."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from reelpress.encode.base import Piece
from reelpress.errors import OutputError
from reelpress.media.faults import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Image = TypeVar("Image", bound=Piece)
"""A piece with ``size`` 0 is no image: its ``dts`` is the end of the video."""


class LateWriter(ABC, Generic[Image]):
    """Implements :class:`reelpress.encode.base.Writer`; one thread, which holds one image.

    Args:
        path: Created, or emptied when it exists.

    Raises:
        OutputError: The file cannot be written.
    """

    audio = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packets = 0
        """Images written."""
        self.bytes = 0
        self._late: Image | None = None
        self._closed = False
        with writing(path, "encode"):
            self._file = open(os.path.abspath(path), "wb")  # noqa: SIM115 - closed by finish or abort

    @abstractmethod
    def write_image(self, image: Image, after: Image) -> None:
        """Write an image (and, before the first one, what the file begins with) by ``put``.

        Args:
            image: The one that was held.
            after: The next one, or the end of the video. Its ``dts`` is where ``image`` ends.
        """

    @abstractmethod
    def write_end(self) -> None:
        """Write what follows the last image."""

    def put(self, data: bytes) -> None:
        """Write bytes, and count them."""
        self._file.write(data)
        self.bytes += len(data)

    def patch(self, at: int, data: bytes) -> None:
        """Write bytes over others; nothing can be ``put`` after that."""
        self._file.seek(at)
        self._file.write(data)

    def mux(self, pieces: Iterable[Image]) -> None:
        """Write images in order."""
        with writing(self.path, "mux"):
            for piece in pieces:
                if self._late is not None:
                    self.write_image(self._late, piece)
                    self.packets += 1
                self._late = piece if piece.size else None

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """See :meth:`reelpress.media.mux.Mp4Writer.finish`."""
        del cancelled, progress
        if self._closed:
            raise OutputError(f"{self.path} is already closed.")
        self._closed = True
        with writing(self.path, "mux"):
            self.write_end()
            self._file.close()

    def abort(self) -> None:
        """See :meth:`reelpress.media.mux.Mp4Writer.abort`."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError):  # what is buffered does not fit on a full disk
                self._file.close()
