"""Encoded packets as plain data, and the few facts about H.264 byte streams that writing a file needs.

Pure Python: no encoder and no container objects, so that a packet can be made by one thread, patched by another
and written by a third. Source of the syntax: ITU-T H.264 (08/2021), 7.3.1 (NAL unit), B.1 (byte stream), D.1 (SEI).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

NAL_SEI = 6
SEI_USER_DATA_UNREGISTERED = 5
_START = b"\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One access unit (video), one frame (audio) or one sample (text), as it will lie in the file.

    Immutable, shared freely. It owns its bytes and holds nothing else alive: no input picture, no encoder.
    """

    kind: Literal["video", "audio", "text"]
    data: bytes
    """H.264 as a byte stream with start codes, AAC without ADTS headers, timed text with its length in front."""
    pts: int
    """Presentation time in ticks of ``time_base``. AAC starts at -1024: the encoder's priming, cut by an edit list."""
    dts: int
    """Decoding time in ticks of ``time_base``; strictly rising per stream, negative for the first ones."""
    duration: int
    """Ticks until the next presented packet; one tick for constant frame rate."""
    is_key: bool
    time_base: Fraction
    """Seconds in a tick: 1/fps for video, 1/48000 for audio, 1/1000 for text."""

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return len(self.data)


def nal_units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """``(start, payload, end)`` of every NAL unit of a byte stream (Annex B).

    ``data[start:payload]`` is the start code with its leading zero, ``data[payload:end]`` the unit from its header
    byte on, without trailing zeros. Nothing is yielded for data without a start code.
    """
    at = data.find(_START)
    while at >= 0:
        payload = at + 3
        following = data.find(_START, payload)
        end = len(data) if following < 0 else following
        while end > payload and data[end - 1] == 0:  # zero_byte of the next start code, trailing_zero_8bits
            end -= 1
        start = at - 1 if at > 0 and data[at - 1] == 0 else at
        yield start, payload, end
        at = following


def nal_type(data: bytes, payload: int) -> int:
    """``nal_unit_type`` (Table 7-1) of the unit whose header byte is at ``payload``."""
    return data[payload] & 0x1F


def strip_user_data(data: bytes) -> bytes:
    """The access unit without its "user data unregistered" SEI messages.

    The x264 encoder writes its version and all its options there, in the first packet. Only the units before the
    first slice are looked at: SEI may not stand anywhere else (H.264 7.4.1.2.3), and slices are long.
    """
    cut: list[tuple[int, int]] = []
    for start, payload, end in nal_units(data):
        kind = nal_type(data, payload)
        if 1 <= kind <= 5:
            break
        if kind == NAL_SEI and only_user_data(data[payload + 1 : end]):
            cut.append((start, end))
    if not cut:
        return data
    kept, at = bytearray(), 0
    for start, end in cut:
        kept += data[at:start]
        at = end
    rest = data[at:]
    if rest.startswith(_START) and not kept:
        kept += b"\x00"  # the first unit of an access unit has the four-byte start code (B.1.2)
    return bytes(kept + rest)


def only_user_data(payload: bytes) -> bool:
    """Whether every message of an SEI unit is user data unregistered (7.3.2.3.1)."""
    raw = payload.replace(b"\x00\x00\x03", b"\x00\x00")  # emulation prevention bytes
    at, seen = 0, False
    while at < len(raw) and raw[at] != 0x80:
        values = [0, 0]
        for k in range(2):
            while at < len(raw) and raw[at] == 0xFF:
                values[k] += 255
                at += 1
            if at >= len(raw):
                return seen
            values[k] += raw[at]
            at += 1
        if values[0] != SEI_USER_DATA_UNREGISTERED:
            return False
        seen = True
        at += values[1]
    return seen
