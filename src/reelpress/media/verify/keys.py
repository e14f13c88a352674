"""Whether a packet is a key frame, as it says itself: by codec.

Each takes the bytes of a packet of an MP4, MOV or WebM file and tells ``None`` where there is no picture in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HEVC_IRAP = range(16, 24)
_AV1_FRAME = (3, 6)


def h264_key(data: memoryview) -> bool | None:
    """The first slice is of an IDR picture (H.264 7.4.1); lengths of 4 bytes in front."""
    at = 0
    while at + 5 <= len(data):
        kind = data[at + 4] & 0x1F
        if 1 <= kind <= 5:
            return kind == 5
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return None


def hevc_key(data: memoryview) -> bool | None:
    """The first slice has a nal_unit_type of an IRAP picture (ITU-T H.265, Table 7-1); lengths of 4 bytes in front."""
    at = 0
    while at + 6 <= len(data):
        kind = (data[at + 4] >> 1) & 0x3F
        if kind < 32:
            return kind in _HEVC_IRAP
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return None


def av1_key(data: memoryview) -> bool | None:
    """The first frame header says KEY_FRAME and is no repetition (AV1 5.9.2); OBUs with sizes (5.3)."""
    at = 0
    while at < len(data):
        kind, extended, sized = (data[at] >> 3) & 15, bool(data[at] & 4), bool(data[at] & 2)
        at += 2 if extended else 1
        length, shift = len(data) - at, 0
        if sized:
            length = 0
            while at < len(data):
                length |= (data[at] & 0x7F) << shift
                shift += 7
                at += 1
                if not data[at - 1] & 0x80:
                    break
        if kind in _AV1_FRAME and at < len(data):
            return not data[at] & 0x80 and (data[at] >> 5) & 3 == 0
        at += length
    return None


def vp9_key(data: memoryview) -> bool | None:
    """The first frame's uncompressed header (VP9 7.2): marker 2, profile 0, frame_type 0."""
    if not len(data) or data[0] >> 6 != 2:
        return None
    return not data[0] & 0x08 and not data[0] & 0x04


def prores_key(data: memoryview) -> bool | None:
    """Every picture stands by itself; a frame begins with its size and ``icpf`` (SMPTE RDD 36, 5.1)."""
    return True if bytes(data[4:8]) == b"icpf" else None


KEY_OF: dict[str, Callable[[memoryview], bool | None]] = {
    "h264": h264_key,
    "hevc": hevc_key,
    "av1": av1_key,
    "vp9": vp9_key,
    "prores": prores_key,
}
"""By the codec's name."""
