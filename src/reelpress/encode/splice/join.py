"""Copied and re-encoded H.264 in one track: parameter sets, ``avcC``, ``idr_pic_id`` (docs/splice.md).

A cut inside of a group of pictures is re-encoded; what follows from the next IDR picture on is copied as it is. Both
kinds of parts keep their own parameter sets, told apart by their ids, in the same ``avcC``. Nothing but bytes here.
Sources: ITU-T H.264 7.3.2.1, 7.3.2.2, 7.3.3, 7.4.3, Annex E; ISO/IEC 14496-15 5.3.3.1 (avcC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.encode.splice.bits import BitReader, BitWriter, escape, nal_units, unescape
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.parameters import BASELINE, HIGH, MAIN, NAL_IDR, NAL_PPS, NAL_SPS, parse_pps, parse_sps
from reelpress.encode.splice.slices import parse_slice

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

EXTENDED_SAR = 255
MAX_SPS_ID = 31

PROFILES = {BASELINE: "baseline", MAIN: "main", HIGH: "high"}
"""Profiles (8 bit, 4:2:0) that can be joined, and x264's names for them."""


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """Codec private data, taken apart. Units are whole, from their header byte on."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    length_size: int
    """Bytes of the length in front of each unit of a packet; 0: packets are a byte stream with start codes."""


@dataclass(frozen=True, slots=True)
class JoinSps:
    """What joining needs of a sequence parameter set. Positions are bits of the RBSP."""

    unit: bytes
    id: int
    profile: int
    constraints: int
    level: int
    progressive: bool
    frame_num_bits: int
    size: tuple[int, int]
    """Pixels after cropping."""
    reorder: int | None
    """max_num_reorder_frames, where the VUI says it."""
    buffering: int | None
    """max_dec_frame_buffering, where the VUI says it."""
    vui_at: int
    """Bit of vui_parameters_present_flag."""
    signal: tuple[int, int] | None
    """Bits from video_signal_type_present_flag on to the end of what belongs to it; ``None`` without a VUI."""
    video_format: int
    restriction_at: int | None
    """Bit of bitstream_restriction_flag; ``None`` without a VUI."""
    end: int
    """Bit of rbsp_stop_one_bit."""


def parameter_sets(extradata: bytes) -> ParameterSets:
    """Take ``avcC`` or a byte stream with start codes apart; equal sets are given once.

    Raises:
        SpliceRefused: It is damaged, or has no SPS or PPS.
    """
    sps: dict[bytes, None] = {}
    pps: dict[bytes, None] = {}
    length_size = 0
    if extradata[:1] == b"\x01":
        if len(extradata) < 7:
            raise SpliceRefused("The recording's parameter sets (avcC) are cut off.")
        length_size = 1 + (extradata[4] & 3)
        at = 5
        for kind, found, mask in ((NAL_SPS, sps, 0x1F), (NAL_PPS, pps, 0xFF)):
            count = extradata[at] & mask if at < len(extradata) else 0
            at += 1
            for _ in range(count):
                size = int.from_bytes(extradata[at : at + 2], "big")
                unit = extradata[at + 2 : at + 2 + size]
                if len(unit) < max(size, 2) or unit[0] & 0x1F != kind:
                    raise SpliceRefused("The recording's parameter sets (avcC) are damaged.")
                found[unit] = None
                at += 2 + size
    else:
        for start, end in nal_units(extradata):
            kind = extradata[start] & 0x1F if end > start else 0
            if kind == NAL_SPS:
                sps[extradata[start:end]] = None
            elif kind == NAL_PPS:
                pps[extradata[start:end]] = None
    if not sps or not pps:
        raise SpliceRefused(
            "The recording has no H.264 parameter sets in its header (they may come with each picture)."
        )
    return ParameterSets(tuple(sps), tuple(pps), length_size)


def parse_join_sps(unit: bytes) -> JoinSps:
    """Read an SPS from its NAL header byte on. More tolerant than ``parameters.parse_sps``: nothing is inserted here.

    Raises:
        SpliceRefused: It is damaged, or of a kind that x264 could not continue.
    """
    bits = BitReader(unescape(unit[1:]))
    profile, constraints, level = bits.u(8), bits.u(8), bits.u(8)
    if profile not in PROFILES:
        raise SpliceRefused(f"The recording is in the H.264 profile {profile}; Baseline, Main and High can be joined.")
    sps_id = bits.ue()
    if sps_id > MAX_SPS_ID:
        raise SpliceRefused("The recording's sequence parameter set is damaged.")
    if profile == HIGH:
        chroma, luma_bits, chroma_bits = bits.ue(), bits.ue(), bits.ue()
        if chroma != 1 or luma_bits or chroma_bits:
            raise SpliceRefused("The recording is not 4:2:0 with 8 bits.")
        bits.flag()  # qpprime_y_zero_transform_bypass_flag
        if bits.flag():
            _skip_scaling_lists(bits)
    frame_num_bits = 4 + bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.flag()
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    bits.ue()  # max_num_ref_frames
    bits.flag()  # gaps_in_frame_num_value_allowed_flag
    columns, rows = 1 + bits.ue(), 1 + bits.ue()
    progressive = bits.flag()
    if not progressive:
        bits.flag()
    bits.flag()  # direct_8x8_inference_flag
    crop = tuple(bits.ue() for _ in range(4)) if bits.flag() else (0, 0, 0, 0)
    lines = 1 if progressive else 2
    size = 16 * columns - 2 * (crop[0] + crop[1]), lines * (16 * rows - 2 * (crop[2] + crop[3]))
    vui_at = bits.position
    signal = restriction_at = reorder = buffering = None
    video_format = 5
    if bits.flag():
        if bits.flag() and bits.u(8) == EXTENDED_SAR:
            bits.u(32)
        if bits.flag():
            bits.flag()
        signal_at = bits.position
        if bits.flag():
            video_format = bits.u(3)
            bits.flag()
            if bits.flag():
                bits.u(24)
        signal = signal_at, bits.position
        if bits.flag():
            bits.ue()
            bits.ue()
        if bits.flag():
            bits.u(32)
            bits.u(32)
            bits.flag()
        nal_hrd = bits.flag() and _skip_hrd(bits)
        vcl_hrd = bits.flag() and _skip_hrd(bits)
        if nal_hrd or vcl_hrd:
            bits.flag()  # low_delay_hrd_flag
        bits.flag()  # pic_struct_present_flag
        restriction_at = bits.position
        if bits.flag():
            bits.flag()
            for _ in range(4):
                bits.ue()
            reorder, buffering = bits.ue(), bits.ue()
    end = bits.position
    if bits.more_rbsp_data() or bits.left < 1 or not bits.flag():
        raise SpliceRefused("The recording's sequence parameter set does not end where it should.")
    return JoinSps(
        unit, sps_id, profile, constraints, level, progressive, frame_num_bits, size, reorder, buffering, vui_at,
        signal, video_format, restriction_at, end,
    )  # fmt: skip


def with_colour(sps: JoinSps, primaries: int, transfer: int, matrix: int, *, full_range: bool) -> bytes:
    """The SPS's NAL unit with these colour tags (H.273 code points); everything else stays. No sample changes by it."""
    rbsp = unescape(sps.unit[1:])
    writer = BitWriter()
    start, end = sps.signal or (sps.vui_at + 1, sps.end)
    if sps.signal is None:
        writer.bits(rbsp, 0, sps.vui_at)
        writer.flag(True)
        writer.u(0, 2)  # no aspect ratio, no overscan
    else:
        writer.bits(rbsp, 0, start)
    writer.flag(True)
    writer.u(sps.video_format, 3)
    writer.flag(full_range)
    writer.flag(True)
    for point in (primaries, transfer, matrix):
        writer.u(point, 8)
    if sps.signal is None:
        writer.u(0, 6)  # chroma location, timing, two HRDs, pic_struct, bitstream_restriction
    else:
        writer.bits(rbsp, end, sps.end)
    return sps.unit[:1] + escape(writer.rbsp())


def with_reorder(unit: bytes, reorder: int, buffering: int) -> bytes:
    """x264's SPS with these limits at least: a player's delay then stays the same across a join.

    Both only promise an upper bound (E.2.1), so larger numbers are as true as the encoder's.

    Raises:
        SpliceRefused: The encoder's SPS has no bitstream_restriction to change, which x264 always writes.
    """
    own = parse_sps(unit)
    if own.restriction_at is None or own.restriction is None:
        raise SpliceRefused("The encoder does not say how many pictures it reorders.")
    over, bytes_denom, bits_denom, across, down, own_reorder, own_buffering = own.restriction
    reorder = max(reorder, own_reorder)
    writer = BitWriter()
    writer.bits(unescape(unit[1:]), 0, own.restriction_at)
    writer.flag(True)
    writer.u(over, 1)
    for value in (bytes_denom, bits_denom, across, down, reorder, max(buffering, own_buffering, reorder, 1)):
        writer.ue(value)
    return unit[:1] + escape(writer.rbsp())


def pps_ids(unit: bytes) -> tuple[int, int]:
    """``(pic_parameter_set_id, seq_parameter_set_id)`` of a PPS."""
    bits = BitReader(unescape(unit[1:20]))
    return bits.ue(), bits.ue()


def free_id(sps: Sequence[bytes], pps: Sequence[bytes]) -> int:
    """An id that neither an SPS nor a PPS has. x264 takes one number for both (``sps-id``).

    Raises:
        SpliceRefused: All 32 are taken.
    """
    taken = {BitReader(unescape(unit[4:12])).ue() for unit in sps} | {pps_ids(unit)[0] for unit in pps}
    free = next((number for number in range(MAX_SPS_ID + 1) if number not in taken), None)
    if free is None:
        raise SpliceRefused("The recording uses all ids of parameter sets.")
    return free


def avcc(sps: Sequence[bytes], pps: Sequence[bytes]) -> bytes:
    """``avcC`` with all these sets; units of packets have lengths of four bytes.

    Profile and compatibility are those of the first SPS, the level is the highest of all.

    Raises:
        ValueError: A unit is too long, or there are too many.
    """
    if not 0 < len(sps) < 32 or not 0 < len(pps) < 256:
        raise ValueError(f"{len(sps)} SPS and {len(pps)} PPS do not fit into avcC")
    compatibility = sps[0][2]
    for unit in sps[1:]:
        compatibility &= unit[2]  # a constraint holds for the track only where it holds for every part
    record = bytes([1, sps[0][1], compatibility, max(unit[3] for unit in sps), 0xFF, 0xE0 | len(sps)])
    record += b"".join(len(unit).to_bytes(2, "big") + unit for unit in sps)
    record += bytes([len(pps)]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in pps)
    if sps[0][1] == HIGH:
        record += bytes([0xFD, 0xF8, 0xF8, 0])  # 4:2:0, 8 bits, no SPS extensions
    return record


def units_of(packet: bytes | memoryview, length_size: int) -> Iterator[tuple[int, int]]:
    """Start and end of each NAL unit of a packet; ``length_size`` as in :class:`ParameterSets`.

    Raises:
        SpliceRefused: The lengths do not fill the packet.
    """
    if not length_size:
        yield from nal_units(bytes(packet))
        return
    at, end = 0, len(packet)
    while at < end:
        start = at + length_size
        at = start + int.from_bytes(packet[at:start], "big")
        if at > end or start > end:
            raise SpliceRefused("A packet of the recording is cut off.")
        if at > start:
            yield start, at


def prefixed(units: Sequence[bytes | memoryview]) -> bytes:
    """Units as a sample of an MP4 file, each with its length in four bytes in front."""
    return b"".join(part for unit in units for part in (len(unit).to_bytes(4, "big"), unit))


def idr_pic_id(unit: bytes, frame_num_bits: int) -> int:
    """idr_pic_id of a slice of an IDR picture (progressive, colours not separate).

    Raises:
        SpliceRefused: It is no such slice, or damaged.
    """
    if not unit or unit[0] & 0x1F != NAL_IDR:
        raise SpliceRefused("A picture is not the IDR picture that it was.")
    bits = BitReader(unescape(unit[1:48]))
    for _ in range(3):
        bits.ue()  # first_mb_in_slice, slice_type, pic_parameter_set_id
    bits.u(frame_num_bits)
    return bits.ue()


def with_other_idr_pic_id(unit: bytes, sps: bytes, pps: bytes, avoid: Collection[int]) -> bytes:
    """A slice of an IDR picture with an idr_pic_id that is none of ``avoid``: of two IDR pictures in a row the ids must
    differ (7.4.3). All else stays bit by bit.

    Args:
        unit: NAL unit from its header byte on, as x264 writes it: one slice for the picture.
        sps, pps: Its parameter sets.
        avoid: At most three ids.

    Raises:
        SpliceRefused: The slice or a set does not meet the stream editor's conditions.
    """
    own, picture = parse_sps(sps), parse_pps(pps)
    header = parse_slice(unit, own, picture)
    if header.idr_pic_id not in avoid:
        return unit
    rbsp = unescape(unit[1:])
    length = 2 * (header.idr_pic_id + 1).bit_length() - 1
    # Under CAVLC slice data may only move by whole bytes: it may hold I_PCM, which is aligned.
    new = next(
        number
        for number in range(1024)
        if number not in avoid and (picture.cabac or (2 * (number + 1).bit_length() - 1 - length) % 8 == 0)
    )
    writer = BitWriter()
    writer.bits(rbsp, 0, header.identity_at)
    writer.ue(new)
    writer.bits(rbsp, header.identity_at + length, header.end)
    data_at = (header.end + 7) >> 3
    if picture.cabac:
        writer.align(1)
    else:
        writer.bits(rbsp, header.end, 8 * data_at)
    return unit[:1] + escape(writer.getvalue() + rbsp[data_at:])


def _skip_hrd(bits: BitReader) -> bool:
    """hrd_parameters of E.1.2."""
    count = 1 + bits.ue()
    if count > 32:
        raise SpliceRefused("The recording's sequence parameter set is damaged.")
    bits.u(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.flag()
    bits.u(20)
    return True


def _skip_scaling_lists(bits: BitReader) -> None:
    """7.3.2.1.1.1, for 4:2:0."""
    for index in range(8):
        if not bits.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last
