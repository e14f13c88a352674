"""Read what a sequence parameter set says (ITU-T H.264 08/2021, 7.3.2.1.1 and E.1.1): size, level, colour."""

from __future__ import annotations

from dataclasses import dataclass

from reelpress.media.packets import nal_type, nal_units

NAL_SPS = 7
_CHROMA_FORMAT_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True, slots=True)
class Sps:
    """The fields of interest; colour code points are those of H.273, 2 where the stream does not say."""

    profile: int
    level: int
    """Ten times the level: 40 is level 4.0."""
    width: int
    """Pixels shown, after cropping."""
    height: int
    full_range: bool = False
    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    has_range: bool = False
    """Whether the stream says the range at all (else it is limited)."""


class _Bits:
    """Bits of an RBSP, most significant first. Reading past the end raises ValueError."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def u(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the parameter set ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        """Exp-Golomb, 9.1."""
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
            if zeros > 32:
                raise ValueError("a number in the parameter set is too long")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def sps_of_extradata(extradata: bytes) -> Sps | None:
    """The first SPS of codec private data, as ``avcC`` (ISO/IEC 14496-15, 5.3.3.1) or as a byte stream.

    ``None`` when there is none or it cannot be read.
    """
    try:
        if extradata[:1] == b"\x01" and len(extradata) > 8 and extradata[5] & 0x1F:
            length = int.from_bytes(extradata[6:8], "big")
            return parse_sps(extradata[8 : 8 + length])
        for _, payload, end in nal_units(extradata):
            if nal_type(extradata, payload) == NAL_SPS:
                return parse_sps(extradata[payload:end])
    except ValueError:
        pass
    return None


def parse_sps(unit: bytes) -> Sps:
    """Read an SPS given from its NAL header byte on.

    Raises:
        ValueError: It ends too early.
    """
    bits = _Bits(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile, _, level = bits.u(8), bits.u(8), bits.u(8)
    bits.ue()  # seq_parameter_set_id
    chroma_format = 1
    if profile in _CHROMA_FORMAT_PROFILES:
        chroma_format = bits.ue()
        if chroma_format == 3:
            bits.u(1)
        bits.ue()  # bit_depth_luma_minus8
        bits.ue()
        bits.u(1)
        if bits.u(1):
            _skip_scaling_lists(bits, 8 if chroma_format != 3 else 12)
    bits.ue()  # log2_max_frame_num_minus4
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()
    bits.ue()  # max_num_ref_frames
    bits.u(1)
    columns, rows = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.u(1)
    if not frames_only:
        bits.u(1)
    bits.u(1)  # direct_8x8_inference_flag
    crop = (0, 0, 0, 0)
    if bits.u(1):
        crop = (bits.ue(), bits.ue(), bits.ue(), bits.ue())
    unit_x = 1 if chroma_format in (0, 3) else 2  # Table 6-1: SubWidthC
    unit_y = (2 if chroma_format == 1 else 1) * (2 - frames_only)
    width = 16 * columns - unit_x * (crop[0] + crop[1])
    height = 16 * rows * (2 - frames_only) - unit_y * (crop[2] + crop[3])
    if not bits.u(1):
        return Sps(profile, level, width, height)
    return _with_colour(bits, profile, level, width, height)


def _with_colour(bits: _Bits, profile: int, level: int, width: int, height: int) -> Sps:
    """The start of vui_parameters (E.1.1), up to the colour description."""
    if bits.u(1) and bits.u(8) == 255:  # aspect_ratio_idc Extended_SAR
        bits.u(32)
    if bits.u(1):
        bits.u(1)  # overscan
    if not bits.u(1):
        return Sps(profile, level, width, height)
    bits.u(3)  # video_format
    full = bool(bits.u(1))
    if not bits.u(1):
        return Sps(profile, level, width, height, full, has_range=True)
    return Sps(profile, level, width, height, full, bits.u(8), bits.u(8), bits.u(8), has_range=True)


def _skip_scaling_lists(bits: _Bits, count: int) -> None:
    """7.3.2.1.1.1."""
    for index in range(count):
        if not bits.u(1):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last
