"""LZW as GIF has it, by libavcodec's encoder of GIF: fast, well kept, and it runs without the GIL.

Only the compressed data are taken. What libavcodec would do beside it (cropping, transparency, palettes, the container)
is decided by ``encode.gif``, which knows more about the pictures.
"""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from reelpress.errors import EncoderError
from reelpress.media._av import plane_bytes

if TYPE_CHECKING:
    Indices = np.ndarray[Any, np.dtype[np.uint8]]

_CONTEXTS = 4
"""Encoders that are kept: the whole picture and a few parts that come again."""

_OPAQUE = np.frombuffer(bytes([0, 0, 0, 255]) * 256, np.uint8)


class Lzw:
    """Compresses rectangles of palette indices. One thread; counts what it does."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[tuple[int, int], VideoCodecContext] = OrderedDict()

    def compress(self, indices: Indices) -> bytes:
        """The "table based image data" of GIF89a 22: minimum code size, sub-blocks, and the empty one at the end.

        Args:
            indices: (rows, columns), 8 bits.

        Raises:
            EncoderError: libavcodec wrote something else than one GIF picture.
            OutOfMemoryError: As PyAV says it, ``MemoryError``.
        """
        height, width = indices.shape
        frame = VideoFrame(width, height, "pal8")
        pixels = frame.planes[0]
        rows = plane_bytes(pixels)[: pixels.line_size * height].reshape(height, pixels.line_size)
        rows[:, :width] = indices
        plane_bytes(frame.planes[1])[: len(_OPAQUE)] = _OPAQUE
        try:
            data = b"".join(bytes(packet) for packet in self._context(width, height).encode(frame))
        except av.FFmpegError as fault:
            raise EncoderError(f"The GIF encoder refused a picture of {width}x{height}: {fault}.") from fault
        return _image_data(data, width, height)

    def _context(self, width: int, height: int) -> VideoCodecContext:
        key = (width, height)
        context = self._contexts.pop(key, None)
        if context is None:
            context = VideoCodecContext.create("gif", "w")
            assert isinstance(context, VideoCodecContext)
            context.width, context.height, context.pix_fmt = width, height, "pal8"
            context.time_base = Fraction(1, 100)
            context.options = {"gifflags": "0"}  # every picture as it is given, whole
            context.open()
        self._contexts[key] = context
        if len(self._contexts) > _CONTEXTS:
            self._contexts.popitem(last=False)
        return context


def _image_data(data: bytes, width: int, height: int) -> bytes:
    """What follows the image descriptor (and its colour table) in the packet of one picture."""
    at = 0
    if data[:4] == b"GIF8":  # before the first picture of a context: header, screen, global colour table
        at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while data[at : at + 1] == b"!":  # extensions: label, sub-blocks
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    if data[at : at + 1] != b"," or data[at + 5 : at + 9] != size:
        raise EncoderError(f"The GIF encoder did not write a picture of {width}x{height} as one image.")
    flags = data[at + 9]
    at += 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    end = at + 1
    while data[end]:
        end += data[end] + 1
    return data[at : end + 1]
