"""Bits, Exp-Golomb codes and emulation prevention, against tables of ITU-T H.264 and plain strings of bits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.encode.splice.bits import BitReader, BitWriter, escape, last_one, nal_units, unescape
from reelpress.encode.splice.errors import SpliceRefused

UE = {0: "1", 1: "010", 2: "011", 3: "00100", 4: "00101", 5: "00110", 6: "00111", 7: "0001000", 8: "0001001"}
"""Table 9-2."""
SE = {0: 0, 1: 1, 2: -1, 3: 2, 4: -2, 5: 3, 6: -3}
"""Table 9-3: code number to value."""


def bytes_of(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def bits_of(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


@pytest.mark.parametrize(("value", "code"), UE.items())
def test_ue_is_table_9_2(value, code):
    writer = BitWriter()
    writer.ue(value)
    writer.align(0)
    assert writer.getvalue() == bytes_of(code)
    reader = BitReader(bytes_of(code))
    assert (reader.ue(), reader.position) == (value, len(code))


@pytest.mark.parametrize(("number", "value"), SE.items())
def test_se_is_table_9_3(number, value):
    writer = BitWriter()
    writer.se(value)
    writer.align(0)
    assert writer.getvalue() == bytes_of(UE[number])
    assert BitReader(bytes_of(UE[number])).se() == value


def test_longest_number():
    writer = BitWriter()
    writer.u(1, 7)
    writer.ue(2**32 - 2)
    writer.align(0)
    assert BitReader(writer.getvalue(), 7).ue() == 2**32 - 2


@pytest.mark.parametrize("bits", ["", "0", "0" * 8, "0" * 200, "001", "0" * 31 + "1" + "0" * 30])
def test_a_number_that_ends_too_early_is_refused(bits):
    # The padding of the last byte makes no difference: it holds zeros, and too few of them.
    data = bytes_of(bits)
    data = data[: len(bits) // 8]
    with pytest.raises(SpliceRefused, match="too early"):
        BitReader(data).ue()


def test_a_number_over_32_bits_is_refused():
    with pytest.raises(SpliceRefused, match="32 bits"):
        BitReader(bytes_of("0" * 32 + "1" + "0" * 64)).ue()


def test_reading_past_the_end_is_refused():
    reader = BitReader(b"\xff")
    assert reader.u(8) == 255
    assert (reader.left, reader.u(0)) == (0, 0)
    for read in (reader.flag, lambda: reader.u(1), reader.ue, reader.se):
        with pytest.raises(SpliceRefused):
            read()


def test_values_that_do_not_fit_are_refused_by_the_writer():
    writer = BitWriter()
    for value, count in ((2, 1), (-1, 8), (1, 0)):
        with pytest.raises(ValueError, match="does not fit"):
            writer.u(value, count)
    with pytest.raises(ValueError, match="negative"):
        writer.ue(-1)
    with pytest.raises(ValueError, match="not inside"):
        writer.bits(b"\x00", 0, 9)
    writer.u(1, 1)
    with pytest.raises(ValueError, match="whole bytes"):
        writer.getvalue()


FIELD = st.one_of(
    st.tuples(st.just("ue"), st.integers(0, 2**32 - 2)),
    st.tuples(st.just("se"), st.integers(-(2**31) + 1, 2**31 - 1)),
    st.tuples(st.just("flag"), st.booleans()),
    st.integers(0, 64).flatmap(lambda n: st.tuples(st.just(f"u{n}"), st.integers(0, 2**n - 1))),
    st.tuples(st.just("bits"), st.binary(max_size=300)),
)


@settings(deadline=None)
@given(st.lists(FIELD, max_size=40))
def test_what_is_written_is_read_back(fields):
    writer = BitWriter()
    for kind, value in fields:
        if kind == "bits":
            writer.bits(value, 0, 8 * len(value))
        elif kind[0] == "u" and kind != "ue":
            writer.u(value, int(kind[1:]))
        else:
            getattr(writer, kind)(value)
    length = writer.length
    data = writer.rbsp()
    assert 8 * len(data) == length + 1 + (-length - 1) % 8
    reader = BitReader(data)
    for kind, value in fields:
        assert reader.more_rbsp_data() or kind in ("u0", "bits")
        if kind == "bits":
            assert b"".join(bytes([reader.u(8)]) for _ in value) == value
        elif kind[0] == "u" and kind != "ue":
            assert reader.u(int(kind[1:])) == value
        else:
            assert getattr(reader, kind)() == value
    assert reader.position == length
    assert not reader.more_rbsp_data()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=200), st.integers(0, 1600), st.integers(0, 1600)), max_size=8),
    st.integers(0, 7),
)
def test_bit_ranges_are_appended_as_they_are(ranges, ahead):
    writer = BitWriter()
    writer.u(0, ahead)
    expected = "0" * ahead
    for data, a, b in ranges:
        start, end = sorted((min(a, 8 * len(data)), min(b, 8 * len(data))))
        writer.bits(data, start, end)
        expected += bits_of(data)[start:end]
        assert writer.length == len(expected)
    writer.align(1)
    expected += "1" * (-len(expected) % 8)
    assert bits_of(writer.getvalue()) == expected


def reference_escape(rbsp: bytes) -> bytes:
    """7.3.1 and 7.4.1, byte by byte."""
    out = bytearray()
    zeros = 0
    for byte in rbsp:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    if rbsp[-1:] == b"\x00":
        out.append(3)
    return bytes(out)


MOSTLY_ZERO = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=60).map(bytes)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=400), MOSTLY_ZERO))
def test_escaping_is_that_of_the_standard(rbsp):
    escaped = escape(rbsp)
    assert escaped == reference_escape(rbsp)
    for code in (b"\x00\x00\x00", b"\x00\x00\x01", b"\x00\x00\x02"):
        assert code not in escaped
    assert escaped[-1:] != b"\x00"


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=400), MOSTLY_ZERO), st.integers(0, 6))
def test_unescaping_gives_the_same_bytes_back(rbsp, zero_words):
    """Any RBSP that can exist: it ends in a stop bit (7.3.2.11), in a CABAC slice with cabac_zero_words after it."""
    rbsp += b"\x80" + b"\x00\x00" * zero_words
    assert unescape(escape(rbsp)) == rbsp


@settings(deadline=None)
@given(st.binary(max_size=100).filter(any), st.integers(0, 200))
def test_last_one_is_the_last_bit_set(data, zeros):
    assert last_one(data + bytes(zeros)) == bits_of(data).rindex("1")


def test_no_bit_set():
    assert last_one(b"") == last_one(bytes(300)) == -1
    assert not BitReader(bytes(300)).more_rbsp_data()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), MOSTLY_ZERO.map(lambda b: escape(b"\x41" + b + b"\x80")), st.integers(0, 4)),
        max_size=5,
    ),
    st.sampled_from([b"", b"\x00", b"\x12\x00\x34"]),
)
def test_byte_streams_are_split_at_start_codes(units, before):
    stream = before
    for long, unit, zeros in units:
        stream += (b"\x00" if long else b"") + b"\x00\x00\x01" + unit + bytes(zeros)
    assert [stream[start:end] for start, end in nal_units(stream)] == [unit for _, unit, _ in units]
