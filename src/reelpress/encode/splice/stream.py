"""The stream editor: an encoder's packets with pictures inserted between them (docs/splice.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.encode.splice.bits import nal_units, unescape
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.inserted import Inserted, IntraRun, PcmRun
from reelpress.encode.splice.order import Order
from reelpress.encode.splice.parameters import (
    NAL_AUD,
    NAL_FILLER,
    NAL_IDR,
    NAL_PPS,
    NAL_SEI,
    NAL_SLICE,
    NAL_SPS,
    Pps,
    Sps,
    inserted_pps,
    parse_pps,
    parse_sps,
    require_pps,
)
from reelpress.encode.splice.slices import SliceHeader, idr_pic_ids, parse_slice, rewrite_slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.encode.splice.inserted import Piece

__all__ = ["IntraRun", "PcmRun", "Splicer"]

_START = b"\x00\x00\x00\x01"
_RECOVERY_POINT = 6
_SPARE = 8
"""Bytes by which the same picture may come out longer under another order count."""
_REFUSED_UNITS = {
    2: "The stream uses data partitioning.",
    3: "The stream uses data partitioning.",
    4: "The stream uses data partitioning.",
    10: "The encoder ended a coded sequence.",
    11: "The encoder ended the stream.",
    13: "The stream has auxiliary pictures.",
    14: "The stream has layers (SVC or MVC).",
    15: "The stream has layers (SVC or MVC).",
    19: "The stream has auxiliary pictures.",
    20: "The stream has layers (SVC or MVC).",
    21: "The stream has layers (MVC or depth).",
}


class Splicer:
    """Edits one H.264 stream: rewrites the encoder's pictures and writes held, patched and replayed ones between.

    Pictures are given in coding order. It is the display order but for B pictures, which come behind the reference
    picture that is shown after them: 0, 3, 1, 2. Pictures can only be inserted when all B pictures in front of the last
    reference picture are out; then that picture is also the last one shown, and what is inserted is shown after it.

    Each call gives the access unit of one picture as a byte stream (Annex B) without parameter sets, SEI or access unit
    delimiters. A call that raises changes nothing. One thread at a time may use it.

    Args:
        extradata: SPS and PPS of the real encoder as a byte stream; other NAL units than SEI are refused.
        patch_pps: NAL unit of the PPS under which :class:`IntraRun` data was coded, with any id. ``None`` for a plain
            one (quantiser 26, no 8x8 transform), enough for held pictures and :class:`PcmRun`.

    Raises:
        SpliceRefused: The stream does not meet a condition.
    """

    def __init__(self, extradata: bytes, *, patch_pps: bytes | None = None) -> None:
        self._sps, self._pps = _parameter_sets(extradata)
        self._patch = inserted_pps(patch_pps, self._sps, self._pps)
        order_bits = self._sps.new_order_bits(self._pps.cabac)
        self._order = Order(self._sps, order_bits)
        self._inserted = Inserted(self._sps, self._patch, order_bits)
        self._parameter_sets = {(NAL_SPS, self._sps.unit[1:]), (NAL_PPS, self._pps.unit[1:])}
        self._last_idr: tuple[bytes, SliceHeader] | None = None
        self.last_is_idr = False
        """Whether the picture given last is an IDR picture: a key frame for the container."""
        self.header = b"".join(
            _START + unit for unit in (self._sps.rewritten(order_bits), self._pps.unit, self._patch.unit)
        )
        """Byte stream with the rewritten SPS, the encoder's PPS and that of inserted pictures, for ``avcC``."""

    @property
    def width_mbs(self) -> int:
        """Width of the coded picture in macroblocks."""
        return self._sps.width_mbs

    @property
    def height_mbs(self) -> int:
        """Height of the coded picture in macroblocks."""
        return self._sps.height_mbs

    @property
    def cabac(self) -> bool:
        """Whether the real encoder uses CABAC; inserted pictures never do."""
        return self._pps.cabac

    @property
    def reorder(self) -> int:
        """How many pictures a picture may come late: 1 where B pictures may come, else 0, as the header says too."""
        return self._sps.reorder

    @property
    def patch_qp(self) -> int:
        """Quantiser that slice_qp_delta of an :class:`IntraRun` adds to."""
        return self._patch.qp

    @property
    def max_distance(self) -> int:
        """Most frames from a real or replayed picture to the last one before the next; 16383 with x264."""
        return self._order.max_distance

    @property
    def max_slices(self) -> int:
        """Most slices of a patched picture at the stream's level and frame rate."""
        return self._sps.max_slices

    @property
    def max_picture_bytes(self) -> int:
        """Most bytes of a patched picture at the stream's level and frame rate."""
        return self._sps.max_picture_bytes

    @property
    def replayable(self) -> bool:
        """Whether :meth:`replay` would give a picture: none but inserted ones came since the last IDR picture."""
        return self._last_idr is not None

    def real(self, access_unit: bytes, display: int) -> bytes:
        """The encoder's next picture, rewritten.

        Args:
            access_unit: Byte stream of one packet.
            display: Index of the output frame; above that of all pictures before, or for a B picture below that of the
                last reference picture and above all others.

        Raises:
            SpliceRefused: A condition does not hold, in this packet or between it and those before.
            ValueError: ``display`` is no such index, or a picture was inserted before this B picture was out.
        """
        order = self._order
        unit = self._slice_of(access_unit)
        header = parse_slice(unit, self._sps, self._pps)
        input_order = order.check(header)
        if header.idr:
            order.check_display(display)
            rewritten = self._idr(unit, header, display)
            self._last_idr = (unit, header)
        else:
            lsb = order.lsb_between(display) if header.between else order.lsb(display)
            rewritten = rewrite_slice(unit, header, self._sps, self._pps, lsb)
            if header.between:
                order.add_between(display, input_order)
            else:
                order.add_reference(display, header.frame_num, input_order)
            self._last_idr = None
        self.last_is_idr = header.idr
        return _START + rewritten

    def _idr(self, unit: bytes, header: SliceHeader, display: int) -> bytes:
        idr_pic_id = self._order.other_id(idr_pic_ids(header, self._pps.cabac))
        rewritten = rewrite_slice(unit, header, self._sps, self._pps, 0, idr_pic_id)
        self._order.add_idr(display, idr_pic_id, header.order_lsb)
        return rewritten

    def held(self, display: int) -> bytes:
        """A picture equal to the last reference picture, which must be the real one shown last.

        Whether B pictures are still to come is not known here: :meth:`real` raises ValueError when one does.

        Raises:
            SpliceRefused: There is none yet, or it is too far back (:attr:`max_distance`).
            ValueError: ``display`` is not above the last one.
        """
        order = self._order
        unit = self._inserted.held(order.next_frame_num(), order.lsb(display))
        order.add_inserted(display)
        self.last_is_idr = False
        return unit

    def patched(self, display: int, pieces: Sequence[Piece]) -> bytes:
        """A picture equal to the last reference picture but for some macroblocks; see :meth:`held`.

        Args:
            display: As in :meth:`real`.
            pieces: Sorted by macroblock, without overlap. A PcmRun costs 387 bytes and no slice of its own.

        Raises:
            SpliceRefused: As in :meth:`held`, or the picture needs more slices or bytes than the level allows.
            ValueError: Pieces or ``display`` are not in order, or out of the picture.
        """
        order = self._order
        unit = self._inserted.patched(order.next_frame_num(), order.lsb(display), pieces)
        order.add_inserted(display)
        self.last_is_idr = False
        return unit

    def size_of(self, pieces: Sequence[Piece]) -> int:
        """Bytes of a patched picture with these pieces, but for those of emulation prevention; nothing is written."""
        return self._inserted.measured(pieces)[0]

    def fits(self, pieces: Sequence[Piece]) -> bool:
        """Whether the stream's level allows a patched picture with these pieces."""
        size, slices = self._inserted.measured(pieces)
        if slices > self.max_slices:
            return False
        if 3 * size // 2 + _SPARE <= self.max_picture_bytes:  # emulation prevention adds a byte to every two at most
            return True
        return len(self._inserted.written(0, 0xFFFF, pieces)[0]) + _SPARE <= self.max_picture_bytes

    def replay(self, display: int) -> bytes | None:
        """The last IDR picture again as a new key frame; ``None`` when a real picture came since.

        The copy is an IDR picture with order count 0 and another idr_pic_id. The encoder need not know: its next
        picture refers to the same samples and goes on with frame_num 1.

        Raises:
            ValueError: ``display`` is not above the last one.
        """
        self._order.check_display(display)
        if self._last_idr is None:
            return None
        rewritten = self._idr(*self._last_idr, display)
        self.last_is_idr = True
        return _START + rewritten

    def _slice_of(self, access_unit: bytes) -> bytes:
        """The one slice of an access unit; the other NAL units are checked and dropped."""
        found: bytes | None = None
        recovery = False
        for start, end in nal_units(access_unit):
            if start == end:
                continue
            first = access_unit[start]
            kind = first & 0x1F
            if first & 0x80:
                raise SpliceRefused("A NAL unit is damaged: its forbidden bit is set.")
            if kind in (NAL_SLICE, NAL_IDR):
                if found is not None:
                    raise SpliceRefused("A picture has several slices.")
                found = access_unit[start:end]
            elif kind in (NAL_SPS, NAL_PPS):
                if (kind, access_unit[start + 1 : end]) not in self._parameter_sets:
                    raise SpliceRefused("The parameter sets change within the stream.")
            elif kind == NAL_SEI:
                recovery = recovery or _RECOVERY_POINT in _sei_types(access_unit[start:end])
            elif kind not in (NAL_AUD, NAL_FILLER):
                raise SpliceRefused(_REFUSED_UNITS.get(kind, f"The stream has NAL units of the unknown type {kind}."))
        if found is None:
            raise SpliceRefused("A packet holds no picture.")
        if recovery and found[0] & 0x1F != NAL_IDR:
            raise SpliceRefused("The stream has recovery points (an open GOP or intra refresh).")
        return found


def _parameter_sets(extradata: bytes) -> tuple[Sps, Pps]:
    """The one SPS and one PPS of codec private data."""
    sets: dict[int, set[bytes]] = {NAL_SPS: set(), NAL_PPS: set()}
    for start, end in nal_units(extradata):
        if start == end:
            continue
        kind = extradata[start] & 0x1F
        if kind in sets:
            sets[kind].add(extradata[start:end])
        elif kind not in (NAL_SEI, NAL_AUD):
            raise SpliceRefused(f"The encoder's parameter sets come with NAL units of type {kind}.")
    if len(sets[NAL_SPS]) != 1 or len(sets[NAL_PPS]) != 1:
        raise SpliceRefused(
            f"The stream has {len(sets[NAL_SPS])} sequence and {len(sets[NAL_PPS])} picture parameter sets; "
            "one of each can be spliced."
        )
    sps = parse_sps(sets[NAL_SPS].pop())
    pps = parse_pps(sets[NAL_PPS].pop())
    require_pps(pps, sps)
    return sps, pps


def _sei_types(unit: bytes) -> list[int]:
    """payloadType of each message of an SEI NAL unit (7.3.2.3.1)."""
    rbsp = unescape(unit[1:]).rstrip(b"\x00")
    types: list[int] = []
    at = 0
    while at + 1 < len(rbsp):
        sizes = []
        for _ in range(2):
            value = 0
            while at < len(rbsp) and rbsp[at] == 255:
                value += 255
                at += 1
            if at >= len(rbsp):
                raise SpliceRefused("A supplemental message is damaged.")
            sizes.append(value + rbsp[at])
            at += 1
        types.append(sizes[0])
        at += sizes[1]
    return types
