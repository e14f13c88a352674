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
_SLICE = _START + _UNIT


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
        writer: BitWriter | None = None  # the P slice that is open: one with raw macroblocks
        at = 0
        for piece in pieces:
            if isinstance(piece, PcmRun):
                writer = writer or self._p_slice(at, common)
                self._write_pcm(writer, piece, at)
                at = piece.mb + 1
                continue
            self._check_run(piece, at)
            if writer is not None:
                if at < piece.first_mb:
                    writer.ue(piece.first_mb - at)
                slices.append(writer.rbsp())
                writer = None
            elif at < piece.first_mb:
                slices.append(self._skipped(at, piece.first_mb - at, common))
            slices.append(self._i_slice(piece, common))
            at = piece.first_mb + piece.count
        left = self._sps.picture_mbs - at
        if writer is not None:
            if left:
                writer.ue(left)
            slices.append(writer.rbsp())
        elif left:
            slices.append(self._skipped(at, left, common))
        return b"\x00" + b"".join([_SLICE + escape(rbsp) for rbsp in slices]), len(slices)

    def measured(self, pieces: Sequence[Piece]) -> tuple[int, int]:
        """Bytes and slices of :meth:`patched` without writing it; bytes of emulation prevention are not counted."""
        header = self._pps_id[1] + self._sps.frame_num_bits + self._order_bits
        skipping = 1 + header + self._p_rest[1]
        size, slices, at = 1, 0, 0
        bits = 0  # of the P slice that is open: one with raw macroblocks
        for piece in pieces:
            raw = isinstance(piece, PcmRun)
            first = piece.mb if isinstance(piece, PcmRun) else piece.first_mb
            if not bits and (raw or at < first):
                bits = _ue_bits(at) + skipping
                slices += 1
            if isinstance(piece, PcmRun):
                bits = (bits + _ue_bits(first - at) + _ue_bits(_PCM_IN_P) + 7 & ~7) + 8 * PCM_BYTES
                at = first + 1
                continue
            if bits:
                size += _slice_bytes(bits + (_ue_bits(first - at) if at < first else 0))
                bits = 0
            size += _slice_bytes(_ue_bits(first) + 3 + header + _se_bits(piece.qp_delta) + 3 + piece.end - piece.start)
            slices += 1
            at = first + piece.count
        left = self._sps.picture_mbs - at
        if left and not bits:
            bits = _ue_bits(at) + skipping
            slices += 1
        if bits:
            size += _slice_bytes(bits + (_ue_bits(left) if left else 0))
        return size, slices

    def _skipped(self, first: int, count: int, common: tuple[int, int]) -> bytes:
        """A P slice of skipped macroblocks."""
        value, size = first + 1, _ue_bits(first) + 1
        value = (value << 1 | 1) << common[1] | common[0]  # slice_type P
        value = value << self._p_rest[1] | self._p_rest[0]
        bits = _ue_bits(count)
        value = value << bits | (count + 1)  # mb_skip_run
        return _closed(value, size + common[1] + self._p_rest[1] + bits)

    def _p_slice(self, first: int, common: tuple[int, int]) -> BitWriter:
        writer = BitWriter()
        writer.ue(first)
        writer.u(1, 1)  # slice_type P
        writer.u(*common)
        writer.u(*self._p_rest)
        return writer

    def _i_slice(self, run: IntraRun, common: tuple[int, int]) -> bytes:
        data, start, end = run.data, run.start, run.end
        value, size = run.first_mb + 1, _ue_bits(run.first_mb) + 3
        value = (value << 3 | 0b011) << common[1] | common[0]  # slice_type I
        code = 2 * run.qp_delta if run.qp_delta > 0 else 1 - 2 * run.qp_delta  # se(v), plus one
        bits = 2 * code.bit_length() - 1
        value = (value << bits | code) << 3 | 0b010  # no deblocking
        # one large number: what is copied is some hundred bytes
        content = int.from_bytes(data[start >> 3 : (end + 7) >> 3], "big") >> (-end & 7)
        content &= (1 << (end - start)) - 1
        return _closed(value << (end - start) | content, size + common[1] + bits + 3 + end - start)

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
        if not 0 <= run.start < run.end <= 8 * len(run.data):
            raise ValueError(f"bits {run.start} to {run.end} are not inside {len(run.data)} bytes")


def _bits_of(writer: BitWriter) -> tuple[int, int]:
    """The bits written as a number, and how many they are."""
    length = writer.length
    writer.align(0)
    return int.from_bytes(writer.getvalue(), "big") >> (-length & 7), length


def _ue_bits(value: int) -> int:
    """Bits of ue(v) (9.1); its code is ``value + 1``."""
    return 2 * (value + 1).bit_length() - 1


def _se_bits(value: int) -> int:
    """Bits of se(v) (9.1.1)."""
    return _ue_bits(2 * value - 1 if value > 0 else -2 * value)


def _slice_bytes(bits: int) -> int:
    """Bytes in the stream of a slice with so many bits before rbsp_trailing_bits."""
    return len(_SLICE) + bits // 8 + 1


def _closed(value: int, size: int) -> bytes:
    """``size`` bits with rbsp_trailing_bits (7.3.2.11)."""
    size += 1
    return ((value << 1 | 1) << (-size & 7)).to_bytes((size + 7) >> 3, "big")
