"""The pictures that no encoder made: all-skip ones and patched ones (ITU-T H.264 7.3.3 to 7.3.5, 8.4.1.1).

They are no reference pictures (nal_ref_idc 0), so the encoder stays in step with the decoder whatever is inserted.
A skipped macroblock copies the last reference picture, which is the last real one: its vector is zero, since its
neighbours are absent, skipped or intra. Deblocking is off, so what is copied and what is patched stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from reelpress.encode.splice.bits import BitWriter, escape
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.parameters import NAL_SLICE, Pps, Sps

if TYPE_CHECKING:
    from collections.abc import Sequence

PCM_BYTES = 384
_PCM_IN_P = 30
"""mb_type of I_PCM in a P slice: 25 of Table 7-11 plus the 5 types of P macroblocks (7.4.5)."""
_LONG_START = b"\x00\x00\x00\x01"
_START = b"\x00\x00\x01"
_UNIT = bytes([NAL_SLICE])
"""NAL header byte: nal_ref_idc 0."""


@dataclass(frozen=True, slots=True)
class IntraRun:
    """Macroblocks of one row, coded as slice data of an I slice under the patch PPS (CAVLC)."""

    first_mb: int
    """Address in the picture: row times width in macroblocks plus column."""
    count: int
    data: bytes
    """RBSP, without emulation prevention, that holds the slice data."""
    start: int
    """First bit of slice_data in ``data``."""
    end: int
    """Bit after the last of slice_data: the stop bit of the trailing bits."""
    qp_delta: int
    """slice_qp_delta, relative to the patch PPS."""


@dataclass(frozen=True, slots=True)
class PcmRun:
    """One macroblock as samples."""

    mb: int
    """Address in the picture: row times width in macroblocks plus column."""
    samples: bytes
    """384 bytes: 16 rows of 16 luma samples, 8 rows of 8 Cb, 8 rows of 8 Cr."""


Piece: TypeAlias = IntraRun | PcmRun


class Inserted:
    """Writes inserted pictures of one stream.

    Args:
        sps: Of the stream.
        pps: As made by :func:`reelpress.encode.splice.parameters.inserted_pps`.
        order_bits: log2_max_pic_order_cnt_lsb of the rewritten SPS.
    """

    def __init__(self, sps: Sps, pps: Pps, order_bits: int) -> None:
        self._sps = sps
        self._order_bits = order_bits
        self._qp = pps.qp
        middle = BitWriter()
        middle.ue(pps.id)
        self._pps_id = _bits_of(middle)
        # What follows the order count in a P slice: no override, no list modification, slice_qp_delta 0, no deblocking.
        self._p_rest = (0b001010, 6)
        tail = BitWriter()
        tail.u(*self._p_rest)
        tail.ue(sps.picture_mbs)  # mb_skip_run
        tail.u(1, 1)
        head = 2 + self._pps_id[1] + sps.frame_num_bits + order_bits
        tail.u(0, -(head + tail.length) & 7)
        self._held_tail, self._held_tail_bits = _bits_of(tail)
        self._held_bytes = (head + self._held_tail_bits) // 8

    def held(self, frame_num: int, order_lsb: int) -> bytes:
        """The access unit of an all-skip picture."""
        value = 0b11  # first_mb_in_slice 0, slice_type P
        value = value << self._pps_id[1] | self._pps_id[0]
        value = value << self._sps.frame_num_bits | frame_num
        value = (value << self._order_bits | order_lsb) << self._held_tail_bits | self._held_tail
        return _LONG_START + _UNIT + escape(value.to_bytes(self._held_bytes, "big"))

    def patched(self, frame_num: int, order_lsb: int, pieces: Sequence[Piece]) -> bytes:
        """The access unit of a picture that differs from the last reference picture in ``pieces``.

        Raises:
            SpliceRefused: It needs more slices or bytes than the level allows.
            ValueError: Pieces overlap, are not in order or reach out of the picture.
        """
        unit, slices = self.written(frame_num, order_lsb, pieces)
        if slices > self._sps.max_slices:
            raise SpliceRefused(
                f"A patched picture needs {slices} slices; the stream's level allows {self._sps.max_slices}."
            )
        if len(unit) > self._sps.max_picture_bytes:
            raise SpliceRefused(
                f"A patched picture needs {len(unit)} bytes; the stream's level allows {self._sps.max_picture_bytes}."
            )
        return unit

    def written(self, frame_num: int, order_lsb: int, pieces: Sequence[Piece]) -> tuple[bytes, int]:
        """As :meth:`patched`, with the number of slices, whatever the level allows."""
        number, bits = self._pps_id
        number = (number << self._sps.frame_num_bits | frame_num) << self._order_bits | order_lsb
        common = (number, bits + self._sps.frame_num_bits + self._order_bits)
        slices: list[bytes] = []
        writer: BitWriter | None = None  # the P slice that is open
        at = 0
        for piece in pieces:
            if isinstance(piece, PcmRun):
                writer = writer or self._p_slice(at, common)
                self._write_pcm(writer, piece, at)
                at = piece.mb + 1
                continue
            self._check_run(piece, at)
            if at < piece.first_mb:
                writer = writer or self._p_slice(at, common)
                writer.ue(piece.first_mb - at)
            if writer is not None:
                slices.append(writer.rbsp())
                writer = None
            slices.append(self._i_slice(piece, common))
            at = piece.first_mb + piece.count
        if at < self._sps.picture_mbs:
            writer = writer or self._p_slice(at, common)
            writer.ue(self._sps.picture_mbs - at)
        if writer is not None:
            slices.append(writer.rbsp())
        return b"\x00" + b"".join([_START + _UNIT + escape(rbsp) for rbsp in slices]), len(slices)

    def _p_slice(self, first: int, common: tuple[int, int]) -> BitWriter:
        writer = BitWriter()
        writer.ue(first)
        writer.u(1, 1)  # slice_type P
        writer.u(*common)
        writer.u(*self._p_rest)
        return writer

    def _i_slice(self, run: IntraRun, common: tuple[int, int]) -> bytes:
        writer = BitWriter()
        writer.ue(run.first_mb)
        writer.u(0b011, 3)  # slice_type I
        writer.u(*common)
        writer.se(run.qp_delta)
        writer.u(0b010, 3)  # no deblocking
        writer.bits(run.data, run.start, run.end)
        return writer.rbsp()

    def _write_pcm(self, writer: BitWriter, piece: PcmRun, at: int) -> None:
        if not at <= piece.mb < self._sps.picture_mbs:
            raise ValueError(f"macroblock {piece.mb} is outside the picture or before macroblock {at}")
        if len(piece.samples) != PCM_BYTES:
            raise ValueError(f"a macroblock has {PCM_BYTES} samples, not {len(piece.samples)}")
        writer.ue(piece.mb - at)  # mb_skip_run
        writer.ue(_PCM_IN_P)
        writer.align(0)
        writer.bits(piece.samples, 0, 8 * PCM_BYTES)

    def _check_run(self, run: IntraRun, at: int) -> None:
        width = self._sps.width_mbs
        if run.count < 1 or not at <= run.first_mb <= self._sps.picture_mbs - run.count:
            raise ValueError(
                f"{run.count} macroblocks from {run.first_mb} on are outside the picture or before macroblock {at}"
            )
        # Else a macroblock would have other neighbours here than where it was coded.
        if run.first_mb % width + run.count > width and (run.first_mb % width or run.count % width):
            raise ValueError(f"{run.count} macroblocks from {run.first_mb} on are not inside one row")
        if not 0 <= self._qp + run.qp_delta <= 51:
            raise ValueError(f"slice_qp_delta {run.qp_delta} gives a quantiser outside 0 to 51")
        if run.start >= run.end:
            raise ValueError("a run of macroblocks has no slice data")


def _bits_of(writer: BitWriter) -> tuple[int, int]:
    """The bits written as a number, and how many they are."""
    length = writer.length
    writer.align(0)
    return int.from_bytes(writer.getvalue(), "big") >> (-length & 7), length
