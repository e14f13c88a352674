"""Whether a packet shows a frame: VP8 and VP9 have packets that only prepare later ones (alt-ref)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet


def shows_frame(codec: str, packet: Packet[Any]) -> bool:
    """``False`` for a VP8 or VP9 packet whose frames are all hidden; ``True`` for everything else."""
    if codec in ("vp8", "libvpx"):
        # RFC 6386, 9.1: bit 4 of the first byte is show_frame.
        return bool(bytes(memoryview(packet)[:1])[0] & 0x10)
    if codec in ("vp9", "libvpx-vp9"):
        return vp9_shows(bytes(packet))
    return True


def vp9_shows(data: bytes) -> bool:
    """Whether a VP9 packet (a frame or a superframe) shows a picture. VP9 bitstream specification, annex B and 6.2."""
    return any(_vp9_frame_shows(frame) for frame in _vp9_frames(data))


def _vp9_frames(data: bytes) -> list[bytes]:
    """The frames of a superframe; a packet without a (valid) superframe index is one frame."""
    if not data:
        return []
    marker = data[-1]
    if marker & 0xE0 != 0xC0:
        return [data]
    count, width = (marker & 7) + 1, ((marker >> 3) & 3) + 1
    index_size = 2 + count * width
    if len(data) < index_size or data[-index_size] != marker:
        return [data]
    frames, at = [], 0
    for n in range(count):
        start = len(data) - index_size + 1 + n * width
        size = int.from_bytes(data[start : start + width], "little")
        frames.append(data[at : at + size])
        at += size
    return frames


def _vp9_frame_shows(frame: bytes) -> bool:
    if not frame:
        return False
    bits = int.from_bytes(frame[:2].ljust(2, b"\0"), "big")
    position = 15

    def bit() -> int:
        nonlocal position
        value = (bits >> position) & 1
        position -= 1
        return value

    bit(), bit()  # frame_marker
    profile = bit() | bit() << 1
    if profile == 3:
        bit()  # reserved
    if bit():  # show_existing_frame
        return True
    bit()  # frame_type
    return bool(bit())  # show_frame
