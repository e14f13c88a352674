"""Bits, Exp-Golomb codes and emulation prevention (ITU-T H.264 7.2, 7.3.1, 7.4.1, 9.1, Annex B).

Everything that touches a whole slice runs at the speed of C: slices of bytes, ``find``, ``replace``, and shifts of
one large integer. Nothing here is shared, so each object belongs to one thread at a time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reelpress.encode.splice.errors import SpliceRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

# Patterns find a rare "00 00" two to three times as fast as bytes.find and bytes.replace do.
_TO_ESCAPE = re.compile(rb"\x00\x00(?=[\x00-\x03])")
_ESCAPED = re.compile(rb"\x00\x00\x03")
_START_CODE = re.compile(rb"\x00\x00\x01")
_WINDOW = 72
"""Bits that are looked at for an Exp-Golomb code: 32 zeros, the one, 32 more, rounded up to bytes."""


class BitReader:
    """Reads an RBSP (without emulation prevention), most significant bit first.

    Args:
        data: The RBSP. Only the few bytes that a call needs are touched, so its length costs nothing.
        start: First bit to read.

    Every read past the end raises :class:`SpliceRefused`.
    """

    __slots__ = ("_data", "_end", "_last_one", "position")

    def __init__(self, data: bytes | memoryview, start: int = 0) -> None:
        self._data = data
        self._end = 8 * len(data)
        self._last_one: int | None = None
        self.position = start
        """The next bit, counted from the start of ``data``."""

    @property
    def left(self) -> int:
        """Bits up to the end of the data, trailing bits included."""
        return self._end - self.position

    def u(self, count: int) -> int:
        """``count`` bits as an unsigned number, u(n)."""
        start = self.position
        end = start + count
        if count < 0 or end > self._end:
            raise SpliceRefused("The H.264 data ends too early.")
        self.position = end
        window = int.from_bytes(self._data[start >> 3 : (end + 7) >> 3], "big")
        return (window >> (-end & 7)) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit, u(1)."""
        start = self.position
        if start >= self._end:
            raise SpliceRefused("The H.264 data ends too early.")
        self.position = start + 1
        return bool(self._data[start >> 3] >> (~start & 7) & 1)

    def ue(self) -> int:
        """An unsigned Exp-Golomb code, ue(v) of 9.1, at most 2^32 - 2."""
        start = self.position
        first = start >> 3
        chunk = self._data[first : first + _WINDOW // 8]
        size = 8 * len(chunk) - (start & 7)
        if size <= 0:
            raise SpliceRefused("The H.264 data ends too early.")
        window = int.from_bytes(chunk, "big") & ((1 << size) - 1)
        zeros = size - window.bit_length()
        length = 2 * zeros + 1
        if zeros >= 32 and window:
            raise SpliceRefused("A number in the H.264 data is longer than 32 bits.")
        if length > size:
            raise SpliceRefused("The H.264 data ends too early.")
        self.position = start + length
        return (window >> (size - length)) - 1

    def se(self) -> int:
        """A signed Exp-Golomb code, se(v) of 9.1.1."""
        code = self.ue()
        return (code + 1) >> 1 if code & 1 else -(code >> 1)

    def more_rbsp_data(self) -> bool:
        """Whether anything stands before the trailing bits (7.2); cabac_zero_words do not count."""
        if self._last_one is None:
            self._last_one = last_one(self._data)
        return self.position < self._last_one


def last_one(data: bytes | memoryview) -> int:
    """Position of the last bit that is set: the rbsp_stop_one_bit of 7.3.2.11. -1 where all are zero."""
    trimmed = bytes(data[-64:]).rstrip(b"\x00")
    end = len(data) - min(64, len(data)) + len(trimmed)
    if not trimmed:
        trimmed = bytes(data).rstrip(b"\x00")
        end = len(trimmed)
        if not trimmed:
            return -1
    byte = trimmed[-1]
    return 8 * end - (byte & -byte).bit_length()


class BitWriter:
    """Writes an RBSP, most significant bit first.

    Whole bytes are put aside as they come, so writing on after a long payload costs no more than before it.
    """

    __slots__ = ("_chunks", "_pending", "_pending_bits", "_stored_bits")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._stored_bits = 0
        self._pending = 0
        self._pending_bits = 0

    @property
    def length(self) -> int:
        """Bits written so far."""
        return self._stored_bits + self._pending_bits

    def u(self, value: int, count: int) -> None:
        """``value`` in ``count`` bits, u(n).

        Raises:
            ValueError: It does not fit.
        """
        if value < 0 or value >> count:
            raise ValueError(f"{value} does not fit into {count} bits")
        self._pending = self._pending << count | value
        self._pending_bits += count
        if self._pending_bits > 512:
            self._store()

    def flag(self, value: bool) -> None:
        """One bit, u(1)."""
        self.u(1 if value else 0, 1)

    def ue(self, value: int) -> None:
        """An unsigned Exp-Golomb code, ue(v) of 9.1; ``value`` is 0 or more."""
        if value < 0:
            raise ValueError(f"{value} is negative; ue(v) takes 0 and above")
        code = value + 1
        self.u(code, 2 * code.bit_length() - 1)

    def se(self, value: int) -> None:
        """A signed Exp-Golomb code, se(v) of 9.1.1."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def bits(self, data: bytes | memoryview, start: int, end: int) -> None:
        """Append the bits [start, end) of ``data``. Fastest where both sides stand at the same bit of a byte.

        Raises:
            ValueError: The range is not inside ``data``.
        """
        if not 0 <= start <= end <= 8 * len(data):
            raise ValueError(f"bits {start} to {end} are not inside {len(data)} bytes")
        ahead = -(self._stored_bits + self._pending_bits) & 7
        if end - start > 512 and (-start & 7) == ahead:
            first = start + ahead
            last = end & ~7
            self._append(data, start, first)
            self._store()
            self._chunks.append(bytes(data[first >> 3 : last >> 3]))
            self._stored_bits += last - first
            start = last
        self._append(data, start, end)

    def align(self, bit: int) -> None:
        """Fill up to the next byte with zeros or ones."""
        count = -self.length & 7
        self.u((1 << count) - 1 if bit else 0, count)

    def rbsp(self) -> bytes:
        """What was written, with rbsp_trailing_bits (7.3.2.11): a one and zeros up to the byte. May be called once."""
        self.u(1, 1)
        self.align(0)
        return self.getvalue()

    def getvalue(self) -> bytes:
        """What was written, which must end at a byte.

        Raises:
            ValueError: It does not.
        """
        if self.length & 7:
            raise ValueError(f"{self.length} bits are not whole bytes")
        self._store()
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    def _append(self, data: bytes | memoryview, start: int, end: int) -> None:
        count = end - start
        if not count:
            return
        value = int.from_bytes(data[start >> 3 : (end + 7) >> 3], "big")
        # Cut on the right only where it is needed: each of these steps walks the whole number.
        if end & 7:
            value >>= -end & 7
        if start & 7:
            value &= (1 << count) - 1
        self._pending = self._pending << count | value if self._pending else value
        self._pending_bits += count
        if self._pending_bits > 512:
            self._store()

    def _store(self) -> None:
        """Put the whole bytes aside."""
        rest = self._pending_bits & 7
        whole = self._pending_bits >> 3
        if not whole:
            return
        self._chunks.append((self._pending >> rest).to_bytes(whole, "big"))
        self._stored_bits += 8 * whole
        self._pending &= (1 << rest) - 1
        self._pending_bits = rest


def unescape(payload: bytes) -> bytes:
    """Take the emulation_prevention_three_bytes out (7.3.1): NAL unit bytes in, RBSP out."""
    return _ESCAPED.sub(b"\x00\x00", payload)


def escape(rbsp: bytes) -> bytes:
    """Put the emulation_prevention_three_bytes in (7.4.1): RBSP in, NAL unit bytes out.

    An RBSP that ends in a zero byte (which only cabac_zero_words do) gets a last 0x03.
    """
    escaped = _TO_ESCAPE.sub(b"\x00\x00\x03", rbsp)
    return escaped + b"\x03" if escaped[-1:] == b"\x00" else escaped


def escaped_position(payload: bytes, index: int, start: int = 0) -> int:
    """Where byte ``index`` of the RBSP stands in the escaped ``payload``, both counted from ``start`` of it."""
    for found in _ESCAPED.finditer(payload, start, start + 2 * index + 4):  # at most every third byte is an extra one
        if found.start() + 2 - start > index:
            break
        index += 1
    return index


def nal_units(stream: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each NAL unit of a byte stream (B.1), without start codes and trailing zero bytes.

    Bytes before the first start code are skipped, as a decoder does.
    """
    start = -1
    for found in _START_CODE.finditer(stream):
        if start >= 0:
            yield start, _unpadded(stream, start, found.start())
        start = found.end()
    if start >= 0:
        yield start, _unpadded(stream, start, len(stream))


def _unpadded(stream: bytes, start: int, end: int) -> int:
    if end > start and not stream[end - 1]:
        return start + len(stream[start:end].rstrip(b"\x00"))
    return end
