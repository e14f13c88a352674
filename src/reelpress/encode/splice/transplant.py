"""Patches by transplant: damaged macroblocks as slices that fit into the real encoder's stream.

Each horizontal run of damaged macroblocks is coded by a tiny x264 as a slice of its own (``media.patch_encoder``).
In either stream such a slice has nothing to its left and its row is no neighbour of the rows above, so its data is
valid bit for bit; the editor writes a new header before it. What is counted and decided here:

- Runs in a row are joined over a gap of ``GAP`` macroblock of flat content: coding that again takes fewer bytes than
  two slice headers. Where there are more slices than a picture may have, wider gaps are joined, whatever they hold.
- A run goes as raw samples (I_PCM) where that takes no more bytes than its slice: exact, and without slices of its
  own. That is so for noise at QPs under 20 or so; text takes 40 to 100 bytes a macroblock against 386.
- Encoders are kept by width, so a wide run is cut into widths of ``WIDTHS``.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from reelpress.encode.splice.bits import BitReader, last_one, nal_units, unescape
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.parameters import BASELINE, MAIN, parse_pps
from reelpress.encode.splice.stream import IntraRun, PcmRun
from reelpress.media.patch_encoder import MAX_STACK, PatchEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from reelpress.media.planes import Plane, Planes

MAX_SLICES = 48
"""Slices of a patched picture, the skipped ones between patches included. Levels allow more at the usual sizes and
rates (``Sps.max_slices``); beyond this a real picture is the better choice."""

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Widths of the tiny encoders in macroblocks: any run is one to three of these up to 48, at most five up to 256."""

_WIDEST_FIRST = WIDTHS[::-1]
_EACH_WIDTH = 8
"""Up to here there is an encoder for each width."""

_HEADER_BYTES = 12
"""A tiny picture's slice headers are shorter."""

GAP = 1
"""Undamaged macroblocks between two runs that are coded with them if they are flat."""

FLAT = 8
"""Largest difference of two luma samples in a macroblock that counts as flat."""

SLICE_BYTES = 13
"""What a slice takes beside its macroblocks: four bytes of length, the NAL header and a slice header of 8."""

PCM_BYTES = 386
"""A macroblock as I_PCM: 384 samples and, on average, two bytes of mb_skip_run, mb_type and alignment."""

Run = tuple[int, int, int]
"""Row, column and width in macroblocks."""


def patch_qp(crf: float, *, tree: bool = True) -> int:
    """The QP at which text in patches is no worse than the real encoder leaves it at rest.

    The slice QP of the real pictures cannot serve: with macroblock-tree and adaptive quantisation x264 codes text 10
    to 17 steps above it (veryfast at CRF 23: slice QP 9 to 12, text as good as QP 24). CRF itself does, for every
    preset: measured by ``benchmarks/splice_patch.py``, table in docs/splice.md.

    Args:
        crf: Of the real encoder.
        tree: Whether it uses macroblock-tree: all presets but ultrafast and superfast. Without, P pictures refine
            what is at rest, and patches must be finer by three.
    """
    return min(51, max(1, int(crf) if tree else int(crf) - 3))


class Transplanter:
    """Makes the pieces of patched pictures. One thread at a time.

    Args:
        encoder: Of the pictures' pixel format.
        qp: Of the patches, see :func:`patch_qp`; ``pieces`` may be given another.
        max_slices: Slices that a picture may have; give ``min(MAX_SLICES, sps.max_slices)``.

    Raises:
        SpliceRefused: The encoder's streams do not fit into others.
    """

    def __init__(self, encoder: PatchEncoder, qp: int, max_slices: int = MAX_SLICES) -> None:
        self.encoder = encoder
        self.qp = qp
        self.max_slices = max_slices
        pps = parse_pps(encoder.pps)
        if pps.cabac or pps.extended or pps.constrained_intra or pps.redundant_count or not pps.deblocking_control:
            raise SpliceRefused("The encoder of patches uses coding tools that do not fit into other streams.")
        _number_sizes(encoder.sps)  # refuses now what it would later
        self._headers: dict[tuple[bytes, int], dict[tuple[int, int], int]] = {}
        self._initial_qp = pps.qp

    @property
    def pps(self) -> bytes:
        """The NAL unit of the picture parameter set that the pieces belong to, for the editor to give another id."""
        return self.encoder.pps

    def pieces(
        self, planes: Planes, macroblocks: NDArray[np.bool_] | Sequence[Run], qp: int | None = None
    ) -> list[IntraRun | PcmRun] | None:
        """Code what is damaged.

        Args:
            planes: The composed picture; read before this returns.
            macroblocks: Booleans (rows, columns), or runs sorted by row and column that do not overlap.
            qp: Another than that of the constructor, e.g. finer for a patch that stays.

        Returns:
            Sorted by macroblock, covering all that is damaged and no more than flat gaps between; ``None`` when a
            picture would have too many slices: it should be a real one.

        Raises:
            EncoderError, OutOfMemoryError: The tiny encoder failed.
            SpliceRefused: It made something unexpected.
        """
        qp = self.qp if qp is None else qp
        columns = -(-planes.width // 16)
        rows = -(-planes.height // 16)
        found = runs_of(macroblocks) if isinstance(macroblocks, np.ndarray) else list(macroblocks)
        found = _joined(found, GAP, planes)
        pieces = _cut(found)
        if slices_of(pieces, columns, rows) > self.max_slices:
            for gap in (2, 4, 8):
                pieces = _cut(_joined(found, gap))
                if slices_of(pieces, columns, rows) <= self.max_slices:
                    break
            else:
                return None
        return self._coded(planes, pieces, columns, qp)

    def _coded(self, planes: Planes, runs: list[Run], columns: int, qp: int) -> list[IntraRun | PcmRun]:
        by_width: dict[int, list[tuple[int, int]]] = {}
        for row, column, width in runs:
            by_width.setdefault(width, []).append((row, column))
        made: list[IntraRun] = []
        for width, cells in by_width.items():
            for at in range(0, len(cells), MAX_STACK):
                part = cells[at : at + MAX_STACK]
                stream = self.encoder.encode(planes, part, width, qp)
                made += self._slices(stream, part, width, columns, qp)
        made.sort(key=_first_of)
        result: list[IntraRun | PcmRun] = []
        for run in made:
            if (run.end - run.start) // 8 + 2 * SLICE_BYTES < run.count * PCM_BYTES:
                result.append(run)
                continue
            mbs = range(run.first_mb, run.first_mb + run.count)
            result.extend(PcmRun(mb, samples_of(planes, *divmod(mb, columns))) for mb in mbs)
        return result

    def _slices(self, stream: bytes, cells: list[tuple[int, int]], width: int, columns: int, qp: int) -> list[IntraRun]:
        """The slice data of each cell where it goes, in the order of the stream."""
        made: list[IntraRun] = []
        for start, end in nal_units(stream):
            if stream[start] & 0x1F != 5:
                continue
            index = len(made)
            if index == len(cells):
                break  # rows that only fill the tiny picture up
            rbsp = unescape(stream[start + 1 : end])
            at, actual = self._header(rbsp, index * width)
            if actual != qp:
                raise SpliceRefused(f"The encoder of patches used QP {actual} where {qp} was asked for.")
            row, column = cells[index]
            made.append(IntraRun(row * columns + column, width, rbsp, at, last_one(rbsp), actual - self._initial_qp))
        if len(made) != len(cells):
            raise SpliceRefused("The encoder of patches made fewer slices than it was given runs.")
        return made

    def _header(self, rbsp: bytes, first: int) -> tuple[int, int]:
        """First bit of the slice data, and the QP, of a slice that begins at macroblock ``first`` (7.3.3).

        There are few different headers. One whose bits were read before is not read again.
        """
        known = self._headers.setdefault((self.encoder.sps, first), {})
        window = int.from_bytes(rbsp[:_HEADER_BYTES].ljust(_HEADER_BYTES, b"\0"), "big")
        for (length, bits), qp in known.items():
            if window >> (8 * _HEADER_BYTES - length) == bits:
                return length, qp
        length, qp = self._read_header(rbsp, first)
        if length <= 8 * _HEADER_BYTES:
            known[length, window >> (8 * _HEADER_BYTES - length)] = qp
        return length, qp

    def _read_header(self, rbsp: bytes, first: int) -> tuple[int, int]:
        frame_num_bits, order_count_bits = _number_sizes(self.encoder.sps)
        bits = BitReader(rbsp)
        if bits.ue() != first or bits.ue() % 5 != 2:
            raise SpliceRefused("The encoder of patches did not make one I slice a row.")
        bits.ue()  # pic_parameter_set_id
        bits.u(frame_num_bits)
        bits.ue()  # idr_pic_id
        bits.u(order_count_bits)
        bits.u(2)  # no_output_of_prior_pics_flag, long_term_reference_flag
        qp = self._initial_qp + bits.se()
        if bits.ue() != 1:
            raise SpliceRefused("The encoder of patches filters edges.")
        return bits.position, qp


@functools.lru_cache(maxsize=64)
def _number_sizes(sps: bytes) -> tuple[int, int]:
    """Bits of frame_num and pic_order_cnt_lsb in the tiny encoder's slice headers.

    The editor's own reader refuses this SPS: a stream of I pictures keeps no references.
    """
    bits = BitReader(unescape(sps[1:]))
    profile = bits.u(8)
    if profile not in (BASELINE, MAIN):  # others have more fields here
        raise SpliceRefused(f"The encoder of patches made a stream of H.264 profile {profile}.")
    bits.u(16)
    bits.ue()
    frame_num_bits = 4 + bits.ue()
    order_count_type = bits.ue()
    if order_count_type not in (0, 2):
        raise SpliceRefused(f"The encoder of patches counts the order by type {order_count_type}.")
    return frame_num_bits, 0 if order_count_type else 4 + bits.ue()


def runs_of(macroblocks: NDArray[np.bool_]) -> list[Run]:
    """The horizontal runs of a map (rows, columns), sorted."""
    columns = macroblocks.shape[1]
    found: list[Run] = []
    start = following = -1
    for position in np.flatnonzero(macroblocks).tolist():
        if position != following or position % columns == 0:
            if following >= 0:
                found.append((*divmod(start, columns), following - start))
            start = position
        following = position + 1
    if following >= 0:
        found.append((*divmod(start, columns), following - start))
    return found


def slices_of(runs: Sequence[Run], columns: int, rows: int) -> int:
    """Slices of a picture with these runs: theirs and the skipped ones between."""
    count, at = len(runs), 0
    for row, column, width in runs:
        first = row * columns + column
        count += first > at
        at = first + width
    return count + (at < columns * rows)


def samples_of(planes: Planes, row: int, column: int) -> bytes:
    """The 384 samples of a macroblock as I_PCM wants them: luma, Cb, Cr, each row by row (7.3.5)."""
    luma = _cell(planes.planes[0], row, column, 16)
    if planes.format == "nv12":
        both = planes.planes[1]
        chroma = [_cell(both[:, part::2], row, column, 8) for part in (0, 1)]
    else:
        chroma = [_cell(plane, row, column, 8) for plane in planes.planes[1:]]
    return b"".join(block.tobytes() for block in (luma, *chroma))


def _cell(plane: Plane, row: int, column: int, size: int) -> Plane:
    """``size`` times ``size`` samples; what lies outside of the plane repeats its edge."""
    block = plane[row * size : (row + 1) * size, column * size : (column + 1) * size]
    down, right = size - block.shape[0], size - block.shape[1]
    return np.pad(block, ((0, down), (0, right)), "edge") if down or right else block


def _joined(runs: list[Run], gap: int, planes: Planes | None = None) -> list[Run]:
    """Runs of a row with at most ``gap`` macroblocks between them as one; with ``planes`` only over flat ones."""
    joined: list[Run] = []
    for run in runs:
        row, column, width = run
        if joined:
            last_row, last_column, last_width = joined[-1]
            end = last_column + last_width
            near = last_row == row and column - end <= gap
            if near and (planes is None or column == end or _flat(planes.planes[0], row, end, column)):
                joined[-1] = (row, last_column, column + width - last_column)
                continue
        joined.append(run)
    return joined


def _flat(luma: Plane, row: int, start: int, end: int) -> bool:
    block = luma[16 * row : 16 * row + 16, 16 * start : 16 * end]
    return int(block.max()) - int(block.min()) <= FLAT


def _cut(runs: list[Run]) -> list[Run]:
    """Runs in widths that encoders are kept for."""
    pieces: list[Run] = []
    for row, start, total in runs:
        column, end = start, start + total
        while column < end:
            left = end - column
            width = left if left <= _EACH_WIDTH else next(size for size in _WIDEST_FIRST if size <= left)
            pieces.append((row, column, width))
            column += width
    return pieces


def _first_of(run: IntraRun) -> int:
    return run.first_mb
