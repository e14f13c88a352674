"""Slice headers: parsed, checked and rewritten (ITU-T H.264 7.3.3, 7.3.4, 7.4.3).

Only the order count and, in an IDR picture, idr_pic_id change. All else is copied bit by bit, the slice data with it.
Under CABAC it begins at a byte boundary, behind alignment bits. Under CAVLC it follows the header at once and may hold
I_PCM macroblocks, which are aligned to bytes, so the new header must be longer or shorter by whole bytes:
:meth:`~reelpress.encode.splice.parameters.Sps.new_order_bits` and :func:`idr_pic_ids` see to that.
"""

from __future__ import annotations

from dataclasses import dataclass

from reelpress.encode.splice.bits import BitReader, BitWriter, escape, escaped_position, unescape
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.parameters import NAL_IDR, Pps, Sps

_WINDOW = 512
"""Bytes of a NAL unit that are looked at first: more than any usual header, less than a large slice."""

P_SLICE, B_SLICE, I_SLICE = 0, 1, 2
_NAMES = {3: "an SP", 4: "an SI"}


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """What the editor needs of a slice header that meets the conditions; positions are bits of the RBSP."""

    idr: bool
    idr_pic_id: int
    """As the encoder wrote it; 0 in other pictures."""
    intra: bool
    """An I slice."""
    between: bool
    """A B slice. Its picture is no reference; all others are."""
    frame_num: int
    order_lsb: int
    """pic_order_cnt_lsb as the encoder wrote it; 0 with order count type 2."""
    identity_at: int
    """First bit after frame_num."""
    rest_at: int
    """First bit after the order count."""
    marking_at: int
    """First bit of dec_ref_pic_marking."""
    end: int
    """First bit of slice_data (under CABAC: of its alignment bits)."""


def parse_slice(unit: bytes, sps: Sps, pps: Pps) -> SliceHeader:
    """Read and check the slice header of a NAL unit of type 1 or 5, given from its header byte on.

    Raises:
        SpliceRefused: With the condition that does not hold.
    """
    if len(unit) <= _WINDOW:
        return _parse(unit[0], unescape(unit[1:]), sps, pps)
    try:
        return _parse(unit[0], unescape(unit[1:_WINDOW]), sps, pps)
    except SpliceRefused:  # perhaps only because the header is longer than that
        return _parse(unit[0], unescape(unit[1:]), sps, pps)


def _parse(first_byte: int, rbsp: bytes, sps: Sps, pps: Pps) -> SliceHeader:
    reference = first_byte & 0x60
    idr = first_byte & 0x1F == NAL_IDR
    bits = BitReader(rbsp)
    if bits.ue():
        raise SpliceRefused("A picture does not begin with its first macroblock; the stream must have whole pictures.")
    kind = bits.ue()
    if kind > 9:
        raise SpliceRefused(f"The slice type {kind} does not exist.")
    kind %= 5
    if kind in _NAMES:
        raise SpliceRefused(f"A picture is {_NAMES[kind]} picture; only I, P and B pictures can be spliced.")
    intra, between = kind == I_SLICE, kind == B_SLICE
    if idr and not intra:
        raise SpliceRefused(f"An IDR picture holds a {'B' if between else 'P'} slice.")
    if between:
        if reference:
            raise SpliceRefused("A B picture is a reference picture (b-pyramid).")
        _require_free_of_distances(sps, pps)
    elif not reference:
        raise SpliceRefused("A picture of the encoder is no reference picture, and no B picture.")
    used = bits.ue()
    if used != pps.id:
        raise SpliceRefused(f"A slice uses picture parameter set {used}; the stream has {pps.id}.")
    frame_num = bits.u(sps.frame_num_bits)
    identity_at = bits.position
    idr_pic_id = bits.ue() if idr else 0
    if idr_pic_id > 65535:
        raise SpliceRefused("An idr_pic_id is above 65535.")
    order_lsb = bits.u(sps.order_count_bits) if sps.order_count_type == 0 else 0
    rest_at = bits.position
    if not intra:
        if between and not bits.flag():
            raise SpliceRefused("A B picture predicts vectors in time (direct=temporal), which depends on distances.")
        active, active_1 = pps.default_references, pps.default_references_1
        if bits.flag():
            active = 1 + bits.ue()
            if between:
                active_1 = 1 + bits.ue()
        if active > 16 or (between and active_1 > 16):
            most = max(active, active_1) if between else active
            raise SpliceRefused(f"A slice refers to {most} pictures; H.264 allows at most 16 in a frame.")
        if bits.flag():
            _skip_list_modification(bits, active)
        if between:
            if bits.flag():
                _skip_list_modification(bits, active_1)
        elif pps.weighted:
            _skip_weights(bits, active)
    marking_at = bits.position
    if idr:
        bits.flag()  # no_output_of_prior_pics_flag, cleared when it is rewritten
        if bits.flag():
            raise SpliceRefused("An IDR picture is a long-term reference.")
    elif reference and bits.flag():
        raise SpliceRefused("A picture marks references by itself (MMCO).")
    if pps.cabac and not intra and bits.ue() > 2:
        raise SpliceRefused("A slice header is damaged: cabac_init_idc is above 2.")
    if not 0 <= pps.qp + bits.se() <= 51:
        raise SpliceRefused("A slice header is damaged: its quantiser is outside 0 to 51.")
    if pps.deblocking_control:
        idc = bits.ue()
        if idc > 2:
            raise SpliceRefused("A slice header is damaged: disable_deblocking_filter_idc is above 2.")
        if idc != 1 and not (-6 <= bits.se() <= 6 and -6 <= bits.se() <= 6):
            raise SpliceRefused("A slice header is damaged: a deblocking offset is outside -6 to 6.")
    end = bits.position
    if pps.cabac:
        while bits.position & 7:
            if not bits.flag():
                raise SpliceRefused("A slice header is damaged: its alignment bits are not ones.")
    if not bits.more_rbsp_data():
        raise SpliceRefused("A slice ends with its header.")
    return SliceHeader(idr, idr_pic_id, intra, between, frame_num, order_lsb, identity_at, rest_at, marking_at, end)


def _require_free_of_distances(sps: Sps, pps: Pps) -> None:
    """What must hold of the parameter sets when a B picture comes.

    The rewrite keeps the order of pictures and changes how far they are from each other. So nothing in a B picture may
    be computed from distances: neither implicit weights (8.4.2.3.1) nor temporal direct vectors (8.4.1.2.3). What
    depends on order alone stays as it was: the lists of a B slice begin sorted by order count (8.2.4.2.3), and spatial
    direct prediction looks into the first picture of list 1 without scaling its vectors (8.4.1.2.2).
    """
    if not sps.reorder:
        raise SpliceRefused("A B picture comes in a stream that says that no picture is reordered.")
    if pps.weighted_bi:
        raise SpliceRefused("B pictures are weighted (weightb): implicit weights depend on distances.")


def _skip_list_modification(bits: BitReader, active: int) -> None:
    """ref_pic_list_modification of 7.3.3.1; x264's weightp 2 sends it to list one picture twice."""
    for _ in range(active + 1):
        kind = bits.ue()
        if kind == 3:
            return
        if kind == 2:
            raise SpliceRefused("A slice refers to a long-term reference.")
        if kind > 3:
            raise SpliceRefused("A slice header is damaged: its reference list has an unknown command.")
        bits.ue()  # abs_diff_pic_num_minus1
    raise SpliceRefused("A slice header is damaged: its reference list is changed more often than it has entries.")


def _skip_weights(bits: BitReader, active: int) -> None:
    """pred_weight_table of 7.3.3.2 for list 0 and 4:2:0."""
    if bits.ue() > 7 or bits.ue() > 7:
        raise SpliceRefused("A slice header is damaged: a weight's denominator is above 7.")
    for _ in range(active):
        if bits.flag():
            bits.se()
            bits.se()
        if bits.flag():
            for _ in range(4):
                bits.se()


_IDS_BY_BITS = {1: (0, 15), 3: (1, 2), 5: (3, 4), 7: (7, 8)}
"""Two values of idr_pic_id each whose codes (Table 9-1) have this many bits, modulo 8; codes have odd lengths."""


def idr_pic_ids(header: SliceHeader, cabac: bool) -> tuple[int, int]:
    """Two values that may stand for the idr_pic_id of a slice without moving its data by parts of a byte."""
    if cabac:
        return 0, 1
    return _IDS_BY_BITS[(2 * (header.idr_pic_id + 1).bit_length() - 1) % 8]


def rewrite_slice(unit: bytes, header: SliceHeader, sps: Sps, pps: Pps, order_lsb: int, idr_pic_id: int = 0) -> bytes:
    """The NAL unit with another order count and idr_pic_id.

    Args:
        unit: As given to :func:`parse_slice`, with emulation prevention.
        order_lsb: In :meth:`Sps.new_order_bits`; 0 for an IDR picture (8.2.1).
        idr_pic_id: For an IDR picture, one of :func:`idr_pic_ids`.

    Returns:
        With emulation prevention, without a start code.
    """
    # The header stands in the first bytes; the rest of a large slice is not even unescaped.
    whole = len(unit) <= _WINDOW or header.end > 8 * (_WINDOW - 64)
    rbsp = unescape(unit[1:] if whole else unit[1:_WINDOW])
    writer = BitWriter()
    writer.bits(rbsp, 0, header.identity_at)
    if header.idr:
        writer.ue(idr_pic_id)
    writer.u(order_lsb, sps.new_order_bits(pps.cabac))
    if header.idr:
        writer.bits(rbsp, header.rest_at, header.marking_at)
        writer.u(0, 1)  # no_output_of_prior_pics_flag would drop inserted pictures that wait for output
        writer.bits(rbsp, header.marking_at + 1, header.end)
    else:
        writer.bits(rbsp, header.rest_at, header.end)
    data_at = (header.end + 7) >> 3
    if pps.cabac:
        writer.align(1)
    else:
        writer.bits(rbsp, header.end, 8 * data_at)
    new = writer.getvalue()
    if whole:
        return unit[:1] + escape(new + rbsp[data_at:])
    # After a byte that is not zero, what was escaped before is escaped rightly behind any header.
    joint = data_at
    limit = _WINDOW - 8
    while joint < limit and not rbsp[joint : joint + 1].strip(b"\x00"):
        joint += 1
    if joint == limit:
        return unit[:1] + escape(new + unescape(unit[1:])[data_at:])
    after = 1 + escaped_position(unit, joint, 1) + 1
    return unit[:1] + escape(new + rbsp[data_at : joint + 1]) + unit[after:]
