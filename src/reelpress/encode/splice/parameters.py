"""Parameter sets: what must hold for splicing, and how they are rewritten (ITU-T H.264 7.3.2.1, 7.3.2.2, Annex E).

An SPS is never written anew: the parts that change are replaced and all other bits are copied, so colour, cropping
and timing stay as the encoder said them. Every condition is checked while the set is parsed.
"""

from __future__ import annotations

from dataclasses import dataclass

from reelpress.encode.splice.bits import BitReader, BitWriter, escape, unescape
from reelpress.encode.splice.errors import SpliceRefused

NAL_SLICE, NAL_IDR, NAL_SEI, NAL_SPS, NAL_PPS, NAL_AUD, NAL_FILLER = 1, 5, 6, 7, 8, 9, 12

_ORDER_COUNT_BITS = 16
"""log2_max_pic_order_cnt_lsb where it can be chosen: the largest that 7.4.2.1.1 allows."""

BASELINE, MAIN, HIGH = 66, 77, 100
_PROFILES = {BASELINE: "Baseline", MAIN: "Main", HIGH: "High"}

_MAX_MBPS = {
    9: 1485, 10: 1485, 11: 3000, 12: 6000, 13: 11880, 20: 11880, 21: 19800, 22: 20250,
    30: 40500, 31: 108000, 32: 216000, 40: 245760, 41: 245760, 42: 522240,
    50: 589824, 51: 983040, 52: 2073600, 60: 4177920, 61: 8355840, 62: 16711680,
}  # fmt: skip
"""Table A-1: macroblocks a second, by level_idc."""
_MAX_DPB_MACROBLOCKS = {
    9: 396, 10: 396, 11: 900, 12: 2376, 13: 2376, 20: 2376, 21: 4752, 22: 8100,
    30: 8100, 31: 18000, 32: 20480, 40: 32768, 41: 32768, 42: 34816,
    50: 110400, 51: 184320, 52: 184320, 60: 696320, 61: 696320, 62: 696320,
}  # fmt: skip
"""Table A-1: macroblocks in the buffers of decoded pictures, by level_idc."""
_SLICE_RATE = {30: 22, 31: 60, 32: 60, 40: 60}
"""Table A-4; 24 from level 4.1 on, no limit under level 3."""
_MAX_RATE = 172
"""Frames a second that no stream may pass, fR of A.3.1."""
_HALF_RATIO_LEVELS = frozenset({31, 32, 40})
"""Table A-1: MinCR is 4 at these levels and 2 at the others."""


@dataclass(frozen=True, slots=True)
class Sps:
    """A sequence parameter set that meets the conditions. ``unit`` is the NAL unit it was read from."""

    unit: bytes
    id: int
    profile: int
    constraints: int
    """constraint_set0_flag is bit 7, constraint_set5_flag bit 2."""
    level: int
    """level_idc: ten times the level."""
    scaling_lists: bool
    frame_num_bits: int
    order_count_type: int
    order_count_bits: int
    """log2_max_pic_order_cnt_lsb of the input; 0 with order count type 2."""
    references: int
    """max_num_ref_frames, at least 1."""
    width_mbs: int
    height_mbs: int
    ticks: tuple[int, int] | None
    """num_units_in_tick and time_scale, where the VUI has them."""
    order_span: tuple[int, int]
    """Bits of pic_order_cnt_type and what belongs to it, in the RBSP."""
    vui_at: int
    """Bit of vui_parameters_present_flag."""
    restriction_at: int | None
    """Bit of bitstream_restriction_flag, ``None`` without a VUI."""
    restriction: tuple[int, ...] | None
    """motion_vectors_over_pic_boundaries_flag to max_dec_frame_buffering, where the VUI has them."""

    @property
    def picture_mbs(self) -> int:
        return self.width_mbs * self.height_mbs

    @property
    def reorder(self) -> int:
        """Pictures that may be coded before a picture that is shown before them: 1 where B pictures may come, else 0.

        What is not said is inferred to be as much as the level allows (E.2.1). More than one never comes through: a B
        picture that others refer to is refused, and so are B pictures that are not coded in the order in which they
        are shown (:meth:`Order.check`).
        """
        if self.order_count_type or self.profile == BASELINE:
            return 0
        return 1 if self.restriction is None else min(1, self.restriction[5])

    @property
    def transform_8x8_allowed(self) -> bool:
        """Whether PPSs may use what only the High profile has: not if the stream also claims a lower one (A.2)."""
        return self.profile == HIGH and not self.constraints & 0xE0

    def _macroblocks_of_a_picture_time(self) -> int:
        """How many macroblocks the level decodes between two pictures (A.3.1, A.3.3)."""
        level_1b = self.level == 11 and self.profile != HIGH and self.constraints & 0x10
        rate = _MAX_MBPS.get(10 if level_1b else self.level, 0)
        if self.ticks is None:
            return max(self.picture_mbs, rate // _MAX_RATE)
        units, scale = self.ticks
        # A picture lasts two ticks (E.2.1). A stream that breaks its own level still may hold what a picture has.
        return max(self.picture_mbs, rate * 2 * units // scale)

    @property
    def max_slices(self) -> int:
        """Slices that a picture may have at this level and frame rate (A.3.3 j, Table A-4)."""
        if self.profile == BASELINE or self.level < 30:
            return self.picture_mbs
        allowed = self._macroblocks_of_a_picture_time() // _SLICE_RATE.get(self.level, 24)
        return max(1, min(self.picture_mbs, allowed))

    @property
    def max_picture_bytes(self) -> int:
        """Bytes that the NAL units of a picture may have at this level and frame rate (A.3.1 c, A.3.3 c)."""
        ratio = 4 if self.level in _HALF_RATIO_LEVELS else 2
        return 384 * self._macroblocks_of_a_picture_time() // ratio

    def new_order_bits(self, cabac: bool) -> int:
        """log2_max_pic_order_cnt_lsb of the output, 9 to 16.

        Under CAVLC slice data may hold I_PCM macroblocks, which are aligned to bytes (7.3.5), so it may only move by
        whole bytes: 16 bits more where there were none, 0 or 8 more where there were some.
        """
        before = self.order_count_bits
        if cabac or not before:
            return _ORDER_COUNT_BITS
        return before if before > 8 else before + 8

    def _roomy(self) -> int:
        """Buffers for all references and one more picture, where pictures are reordered and the level allows it."""
        most = min(16, _MAX_DPB_MACROBLOCKS.get(self.level, 0) // max(1, self.picture_mbs))
        return self.references + 1 if self.reorder and self.references < most else 0

    def rewritten(self, order_bits: int) -> bytes:
        """The NAL unit for the output: order count type 0 with ``order_bits``, and :attr:`reorder` pictures reordered.

        Type 2, which x264 writes without B pictures, forbids two non-reference pictures in a row (8.2.1.3). Under
        type 0 only bitstream_restriction tells a player for how many pictures out of order it must wait (E.2.1).
        Room for the references is enough for B and inserted pictures too: no picture refers to them, so a decoder
        without an empty buffer shows them at once (C.4.5.2). NVIDIA's parser (cuvid) does not where pictures are
        reordered: it puts a later picture in their places. With room for one more it is right, so that is announced
        where the level allows it (A.3.1).
        """
        rbsp = unescape(self.unit[1:])
        writer = BitWriter()
        writer.bits(rbsp, 0, self.order_span[0])
        writer.ue(0)
        writer.ue(order_bits - 4)
        if self.restriction_at is None:
            writer.bits(rbsp, self.order_span[1], self.vui_at)
            writer.flag(True)
            writer.u(0, 8)  # aspect ratio, overscan, signal type, chroma location, timing, two HRDs, pic_struct
        else:
            writer.bits(rbsp, self.order_span[1], self.restriction_at)
        # What Annex E infers for an absent restriction, less the limits on bytes: inserted pictures make no promise.
        over, _, _, across, down, _, buffering = self.restriction or (1, 0, 0, 15, 15, 0, 0)
        writer.flag(True)
        writer.u(over, 1)
        writer.ue(0)  # max_bytes_per_pic_denom: no limit
        writer.ue(0)  # max_bits_per_mb_denom
        writer.ue(across)
        writer.ue(down)
        writer.ue(self.reorder)  # max_num_reorder_frames
        writer.ue(max(1, self.references, buffering, self._roomy()))
        return self.unit[:1] + escape(writer.rbsp())


@dataclass(frozen=True, slots=True)
class Pps:
    """A picture parameter set. Only :func:`require_pps` says whether it is one that can be spliced with."""

    unit: bytes
    id: int
    sps_id: int
    cabac: bool
    bottom_field_order: bool
    slice_groups: int
    default_references: int
    """num_ref_idx_l0_default_active_minus1 + 1."""
    default_references_1: int
    """The same of list 1, which only B slices have."""
    weighted: bool
    """weighted_pred_flag."""
    weighted_bi: int
    """weighted_bipred_idc: 0 none, 1 explicit, 2 implicit."""
    qp: int
    """26 + pic_init_qp_minus26."""
    qs: int
    chroma_offset: int
    deblocking_control: bool
    constrained_intra: bool
    redundant_count: bool
    transform_8x8: bool
    scaling_lists: bool
    second_chroma_offset: int
    extended: bool
    """Whether transform_8x8_mode_flag and what follows it are there."""


def parse_sps(unit: bytes) -> Sps:
    """Read an SPS from its NAL header byte on.

    Raises:
        SpliceRefused: It is damaged, or the stream is of a kind that cannot be spliced.
    """
    bits = BitReader(unescape(unit[1:]))
    profile, constraints, level = bits.u(8), bits.u(8), bits.u(8)
    if profile not in _PROFILES:
        raise SpliceRefused(f"The H.264 profile {profile} cannot be spliced; Constrained Baseline, Main and High can.")
    if profile == BASELINE and not constraints & 0x40:
        raise SpliceRefused("The stream is in the full Baseline profile; only Constrained Baseline can be spliced.")
    if profile == HIGH and constraints & 0x10:
        raise SpliceRefused("The stream says that it has intra pictures only; inserted pictures are predicted.")
    sps_id = _bounded(bits.ue(), 31, "seq_parameter_set_id")
    scaling = False
    if profile == HIGH:
        if bits.ue() != 1:
            raise SpliceRefused("The chroma format is not 4:2:0.")
        if bits.ue() or bits.ue():
            raise SpliceRefused("The stream has more than 8 bits a sample.")
        if bits.flag():
            raise SpliceRefused("The stream may bypass the transform.")
        scaling = bits.flag()
        if scaling:
            _skip_scaling_lists(bits, 8)
    frame_num_bits = 4 + _bounded(bits.ue(), 12, "log2_max_frame_num_minus4")
    order_start = bits.position
    order_type = bits.ue()
    order_bits = 0
    if order_type == 0:
        order_bits = 4 + _bounded(bits.ue(), 12, "log2_max_pic_order_cnt_lsb_minus4")
    elif order_type != 2:
        raise SpliceRefused(f"The picture order count is of type {order_type}; types 0 and 2 can be spliced.")
    order_end = bits.position
    references = _bounded(bits.ue(), 16, "max_num_ref_frames")
    if references < 1:
        raise SpliceRefused("The stream keeps no reference pictures.")
    if bits.flag():
        raise SpliceRefused("The stream allows gaps in frame_num.")
    width_mbs, height_mbs = 1 + bits.ue(), 1 + bits.ue()
    if width_mbs * height_mbs > 139264 or max(width_mbs, height_mbs) > 1055:  # Table A-1, level 6.2
        raise SpliceRefused(f"A picture of {width_mbs}x{height_mbs} macroblocks is larger than any level allows.")
    if not bits.flag():
        raise SpliceRefused("The stream may be interlaced.")
    bits.flag()  # direct_8x8_inference_flag
    if bits.flag():
        for _ in range(4):
            bits.ue()  # frame_crop_*_offset
    vui_at = bits.position
    ticks = restriction_at = restriction = None
    if bits.flag():
        ticks = _skip_to_restriction(bits)
        restriction_at = bits.position
        if bits.flag():
            restriction = (bits.u(1), *(bits.ue() for _ in range(6)))
            _bounded(restriction[6], 16, "max_dec_frame_buffering")
    if bits.more_rbsp_data() or bits.left < 1 or not bits.flag():
        raise SpliceRefused("The sequence parameter set does not end where it should.")
    return Sps(
        unit, sps_id, profile, constraints, level, scaling, frame_num_bits, order_type, order_bits, references,
        width_mbs, height_mbs, ticks, (order_start, order_end), vui_at, restriction_at, restriction,
    )  # fmt: skip


def _skip_to_restriction(bits: BitReader) -> tuple[int, int] | None:
    """vui_parameters up to bitstream_restriction_flag (E.1.1); gives the timing."""
    if bits.flag() and bits.u(8) == 255:  # aspect_ratio_idc Extended_SAR
        bits.u(32)
    if bits.flag():
        bits.flag()  # overscan_appropriate_flag
    if bits.flag():
        bits.u(4)  # video_format, video_full_range_flag
        if bits.flag():
            bits.u(24)  # colour
    if bits.flag():
        bits.ue()  # chroma_sample_loc_type_*
        bits.ue()
    ticks = None
    if bits.flag():
        units, scale = bits.u(32), bits.u(32)
        bits.flag()  # fixed_frame_rate_flag
        if units and scale:
            ticks = (units, scale)
    if bits.flag() or bits.flag():
        raise SpliceRefused("The stream promises buffer times (HRD), which inserted pictures would break.")
    if bits.flag():
        raise SpliceRefused("The stream gives each picture a timing message (pic_struct).")
    return ticks


def parse_pps(unit: bytes) -> Pps:
    """Read a PPS from its NAL header byte on.

    Raises:
        SpliceRefused: It is damaged, has several slice groups, or more scaling lists than 4:2:0 has.
    """
    bits = BitReader(unescape(unit[1:]))
    pps_id = _bounded(bits.ue(), 255, "pic_parameter_set_id")
    sps_id = _bounded(bits.ue(), 31, "seq_parameter_set_id")
    cabac, bottom = bits.flag(), bits.flag()
    groups = 1 + bits.ue()
    if groups != 1:
        raise SpliceRefused("The stream has several slice groups.")
    references = 1 + _bounded(bits.ue(), 31, "num_ref_idx_l0_default_active_minus1")
    references_1 = 1 + _bounded(bits.ue(), 31, "num_ref_idx_l1_default_active_minus1")
    weighted, weighted_bi = bits.flag(), bits.u(2)
    qp, qs = 26 + bits.se(), 26 + bits.se()
    if not (0 <= qp <= 51 and 0 <= qs <= 51):
        raise SpliceRefused("The picture parameter set has a quantiser outside 0 to 51.")
    offset = _chroma_offset(bits)
    control, constrained, redundant = bits.flag(), bits.flag(), bits.flag()
    transform = scaling = False
    second = offset
    extended = bits.more_rbsp_data()
    if extended:
        transform, scaling = bits.flag(), bits.flag()
        if scaling:
            _skip_scaling_lists(bits, 6 + 2 * transform)
        second = _chroma_offset(bits)
    if bits.more_rbsp_data() or bits.left < 1 or not bits.flag():
        raise SpliceRefused("The picture parameter set does not end where it should.")
    return Pps(
        unit, pps_id, sps_id, cabac, bottom, groups, references, references_1, weighted, weighted_bi, qp, qs, offset,
        control, constrained, redundant, transform, scaling, second, extended,
    )  # fmt: skip


def require_pps(pps: Pps, sps: Sps) -> None:
    """Check the PPS of the real encoder.

    Raises:
        SpliceRefused: With the condition that does not hold.
    """
    if pps.sps_id != sps.id:
        raise SpliceRefused(
            f"The picture parameter set belongs to sequence parameter set {pps.sps_id}; the stream has {sps.id}."
        )
    if pps.bottom_field_order:
        raise SpliceRefused("The order count of bottom fields is sent in every picture.")
    if pps.redundant_count:
        raise SpliceRefused("The stream may have redundant pictures.")
    if pps.cabac and sps.profile == BASELINE:
        raise SpliceRefused("A Baseline stream cannot use CABAC.")
    if pps.extended and sps.profile != HIGH:
        raise SpliceRefused("The picture parameter set has fields of the High profile, the sequence another profile.")


def inserted_pps(unit: bytes | None, sps: Sps, real: Pps) -> Pps:
    """The PPS of inserted pictures: another id, CAVLC, one reference, no weights, deblocking control present.

    Args:
        unit: PPS of the encoder that codes patches, whose quantiser, transform and chroma offset are kept. ``None``
            for a plain one, enough for all-skip pictures and PCM.
        sps: Of the real encoder; the new PPS belongs to it.
        real: PPS of the real encoder, whose id is avoided.

    Raises:
        SpliceRefused: Slice data made under ``unit`` would not mean the same in this stream.
    """
    new_id = 1 if real.id != 1 else 0
    qp = qs = 26
    offset = second = 0
    constrained = transform = extended = False
    if unit is not None:
        if not unit or unit[0] & 0x1F != NAL_PPS:
            raise SpliceRefused("The patch encoder gave no picture parameter set.")
        tiny = parse_pps(unit)
        if tiny.cabac:
            raise SpliceRefused("The patch encoder uses CABAC; patches must be CAVLC.")
        if tiny.scaling_lists or sps.scaling_lists:
            raise SpliceRefused("Scaling lists are in use; patches are made without.")
        if tiny.redundant_count:
            raise SpliceRefused("The patch encoder may make redundant pictures.")
        qp, qs, offset, second = tiny.qp, tiny.qs, tiny.chroma_offset, tiny.second_chroma_offset
        constrained, transform = tiny.constrained_intra, tiny.transform_8x8
        extended = transform or second != offset
        if extended and not sps.transform_8x8_allowed:
            raise SpliceRefused("The patch encoder uses the High profile, the stream claims a lower one.")
    writer = BitWriter()
    writer.ue(new_id)
    writer.ue(sps.id)
    writer.u(0, 2)  # CAVLC, no bottom field order
    writer.ue(0)  # one slice group
    writer.ue(0)  # one reference
    writer.ue(0)
    writer.u(0, 3)  # no weights
    writer.se(qp - 26)
    writer.se(qs - 26)
    writer.se(offset)
    writer.u(1, 1)  # deblocking control
    writer.flag(constrained)
    writer.u(0, 1)  # no redundant pictures
    if extended:
        writer.flag(transform)
        writer.u(0, 1)
        writer.se(second)
    header = real.unit[:1]
    return parse_pps(header + escape(writer.rbsp()))


def _chroma_offset(bits: BitReader) -> int:
    value = bits.se()
    if not -12 <= value <= 12:
        raise SpliceRefused("The picture parameter set has a chroma quantiser offset outside -12 to 12.")
    return value


def _bounded(value: int, limit: int, name: str) -> int:
    if value > limit:
        raise SpliceRefused(f"{name} is {value}; H.264 allows at most {limit}.")
    return value


def _skip_scaling_lists(bits: BitReader, count: int) -> None:
    """7.3.2.1.1.1."""
    for index in range(count):
        if not bits.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last
