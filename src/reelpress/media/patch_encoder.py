"""Tiny x264 pictures: rectangles of macroblocks coded so that their slices fit into another stream.

Each row of macroblocks of the tiny picture is one slice, so nothing in it refers to the rows around it, and to the
left of it is the picture's edge. The slice data therefore means the same wherever a slice begins with that row
(H.264 6.4.9: neighbours in other slices are not available). ``encode.splice.transplant`` puts it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from reelpress.errors import EncoderError
from reelpress.media.encoder import PIXEL_FORMATS
from reelpress.media.faults import writing
from reelpress.media.packets import nal_type, nal_units
from reelpress.media.scale import plane_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.media.planes import Plane, Planes

MACROBLOCK = 16
"""Luma samples along a side (H.264 6.3)."""

STACKS = (2, 8)
"""Rows that a tiny picture can have: few sizes, so that few encoders are open. Rows left over are grey and dropped:
6 to 25 us a picture, beside 4 ms for another encoder."""

MAX_STACK = STACKS[-1]

KEPT = 12
"""Encoders kept open: 0.3 MB each and 3.3 kB a macroblock, 4 ms to open one. Of 3257 tiny pictures of a pointer all in
all 12 were opened, of 257 over a screen that scrolls 21; 6 MB less than 32 of six stacks (with 31 opened)."""

QP_RANGE = range(1, 52)
"""0 would be lossless coding, which the profile does not allow."""

_NAL_SPS, _NAL_PPS = 7, 8
_GREY = 128

_X264 = {
    # What the transplant needs.
    "cabac": "0",
    "keyint": "1",
    "bframes": "0",
    "ref": "1",
    "weightp": "0",
    "no-deblock": "1",
    "aq-mode": "0",
    "mbtree": "0",
    "scenecut": "0",
    # One packet a call: nothing waits, and no thread is started.
    "threads": "1",
    "sliced-threads": "0",
    "rc-lookahead": "0",
    "sync-lookahead": "0",
    "force-cfr": "1",  # else it waits for the next picture's time
    # One PPS for all: the initial QP in it would be the encoder's own, and 8x8 transforms need the High profile of
    # the whole stream (they save nothing on such content).
    "stitchable": "1",
    "ipratio": "1",
    "8x8dct": "0",
    # No I_PCM: the one macroblock type that is aligned to bytes, so its data would not mean the same behind a header
    # of another length. x264 weighs it up in RD decisions without psy-rd only; this is the smallest psy-rd there is
    # (1/256), which changes nothing else but lowers the chroma QP by 1.
    "psy-rd": "0.004",
    # With that 2 in all: as fine as chroma in the presets that use psy-rd (medium and slower).
    "chroma-qp-offset": "-1",
    # The cheapest quality: 6 % fewer bytes than superfast at the same PSNR for 1 us more a macroblock. A deadzone of 8
    # or less would be better by 0.3 dB, but at QP 20 it doubles the loss of SSIM in text on flat ground.
    "subme": "6",
    "trellis": "0",
    "deadzone-intra": "9",
}
_PRESET = "veryfast"


@dataclass(slots=True)
class _Tiny:
    """One open encoder and the picture that it is given each time."""

    context: VideoCodecContext
    frame: VideoFrame
    views: tuple[Plane, ...]
    sps: bytes
    calls: int = 0


class PatchEncoder:
    """Codes rectangles of macroblocks as I slices, one a row. One thread at a time.

    Args:
        pixel_format: Of the pictures that will be given: ``yuv420p`` or ``nv12``.
        kept: Encoders that stay open, one for each width, stack and QP in use; the one not used longest is closed.

    Raises:
        EncoderError: libx264 is missing or refuses.
    """

    def __init__(self, pixel_format: str = "yuv420p", kept: int = KEPT) -> None:
        if pixel_format not in PIXEL_FORMATS:
            raise EncoderError(f"Patches were asked for {pixel_format}; allowed: {', '.join(PIXEL_FORMATS)}.")
        self.pixel_format = pixel_format
        self.calls = 0
        """Tiny pictures coded."""
        self.opened = 0
        """Encoders opened."""
        self._kept = max(1, kept)
        self._open: dict[tuple[int, int, int], _Tiny] = {}
        # 16x16 samples per macroblock column and row; chroma is half as high, and half as wide unless interleaved.
        chroma = ((8, 16, 2),) if pixel_format == "nv12" else ((8, 8, 1), (8, 8, 1))
        self._cells = ((16, 16, 1), *chroma)
        self._pps = b""
        self._sps = self._tiny(1, STACKS[0], 26).sps

    @property
    def sps(self) -> bytes:
        """The sequence parameter set of the tiny stream coded last, as a NAL unit: for reading its slice headers."""
        return self._sps

    @property
    def pps(self) -> bytes:
        """The one picture parameter set of all tiny streams, as a NAL unit without start code."""
        return self._pps

    def encode(self, planes: Planes, cells: Sequence[tuple[int, int]], width: int, qp: int) -> bytes:
        """Code runs of ``width`` macroblocks.

        Args:
            planes: The picture, of this encoder's pixel format; read before this returns. What lies outside of it
                (a bottom row of a height that is no multiple of 16) repeats its edge.
            cells: Row and column, in macroblocks, of the left end of each run; at most ``MAX_STACK``.
            width: Macroblocks in each run.
            qp: Of all macroblocks, 1..51.

        Returns:
            A byte stream with one I slice per cell, in their order; slices after those are fillers. An encoder's first
            has x264's banner (SEI) before them.

        Raises:
            EncoderError, OutOfMemoryError: The encoder failed.
        """
        count = len(cells)
        if planes.format != self.pixel_format or not 0 < count <= MAX_STACK or qp not in QP_RANGE:
            raise EncoderError(
                f"Patches were asked for {count} runs of {planes.format} at QP {qp}; allowed: 1 to {MAX_STACK} runs "
                f"of {self.pixel_format} at QP 1 to 51."
            )
        rows = next(size for size in STACKS if size >= count)
        with writing("the patches", "encode"):
            tiny = self._tiny(width, rows, qp)
            for source, target, cell in zip(planes.planes, tiny.views, self._cells, strict=True):
                _gather(source, target, cells, width, cell)
            # libx264 has copied the picture when the call returns, so the same frame serves each time.
            tiny.frame.pts = tiny.calls
            tiny.calls += 1
            self.calls += 1
            self._sps = tiny.sps
            packets = tiny.context.encode(tiny.frame)
            if len(packets) != 1:
                raise EncoderError(f"The encoder of patches returned {len(packets)} packets for one picture.")
            return bytes(packets[0])

    def close(self) -> None:
        """Let go of all encoders. Coding again opens new ones."""
        self._open.clear()

    def _tiny(self, width: int, rows: int, qp: int) -> _Tiny:
        key = (width, rows, qp)
        tiny = self._open.pop(key, None)
        if tiny is None:
            tiny = self._opened(width, rows, qp)
            while len(self._open) >= self._kept:
                del self._open[next(iter(self._open))]
        self._open[key] = tiny  # a dict keeps its order: the first is the one not used longest
        return tiny

    def _opened(self, width: int, rows: int, qp: int) -> _Tiny:
        with writing("the patches", "encode"):
            try:
                context = VideoCodecContext.create("libx264", "w")
            except (ValueError, av.codec.codec.UnknownCodecError) as fault:
                raise EncoderError("Patches need libx264, which this PyAV does not have.") from fault
            assert isinstance(context, VideoCodecContext)
            context.width, context.height = MACROBLOCK * width, MACROBLOCK * rows
            context.pix_fmt = self.pixel_format
            context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
            context.thread_type, context.thread_count = "FRAME", 1
            # Parameter sets go into the extradata instead of each packet.
            context.flags |= Flags.global_header
            settings = {**_X264, "slice-max-mbs": str(width)}
            context.options = {
                "preset": _PRESET,
                "qp": str(qp),
                "x264-params": ":".join(f"{name}={value}" for name, value in settings.items()),
            }
            context.open()
            frame = VideoFrame(context.width, context.height, self.pixel_format)
        for view in (views := plane_views(frame)):
            view[:] = _GREY
        self.opened += 1
        return _Tiny(context, frame, views, self._checked(bytes(context.extradata or b"")))

    def _checked(self, extradata: bytes) -> bytes:
        """The SPS of an encoder's private data, whose PPS must be that of all others."""
        units = {nal_type(extradata, start): extradata[start:end] for _, start, end in nal_units(extradata)}
        sps, pps = units.get(_NAL_SPS), units.get(_NAL_PPS)
        if sps is None or pps is None or pps != (self._pps or pps):
            raise EncoderError("The encoder of patches changed its picture parameter set, so its slices do not fit.")
        self._pps = pps
        return sps


def _gather(
    source: Plane, target: Plane, cells: Sequence[tuple[int, int]], width: int, cell: tuple[int, int, int]
) -> None:
    """Copy the runs below each other into ``target``: ``cell`` is a macroblock's rows, bytes and bytes a sample."""
    tall, wide, unit = cell
    count, index = len(cells), 0
    while index < count:
        row, column = cells[index]
        end = index + 1
        while end < count and cells[end] == (row + end - index, column):  # one copy for what stands below each other
            end += 1
        part = target[index * tall : end * tall]
        top, left = row * tall, column * wide
        block = source[top : top + (end - index) * tall, left : left + width * wide]
        if block.shape == part.shape:
            part[:] = block
        else:
            _copy_padded(block, part, unit)
        index = end
    if count * tall < len(target):
        target[count * tall :] = _GREY


def _copy_padded(block: Plane, target: Plane, unit: int) -> None:
    """Copy what there is and repeat its last row and sample (``unit`` bytes) over the rest."""
    rows, columns = block.shape
    target[:rows, :columns] = block
    missing = (target.shape[1] - columns) // unit
    if missing:
        target[:rows, columns:] = np.tile(block[:, -unit:], missing)
    target[rows:] = target[rows - 1]
