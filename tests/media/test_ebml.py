"""Elements of Matroska: numbers of every length as RFC 8794 has them, and bytes that are none."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.media.ebml import (
    HEADER,
    SEGMENT,
    EbmlError,
    elements,
    inside,
    segment,
    signed,
    text,
    unsigned,
)


def element(number: int, content: bytes, length: int = 0) -> bytes:
    """Written by the rule of RFC 8794, 4.4: a size of n bytes is n - 1 zero bits, a one, and 7n bits; all ones mean
    that it is not known."""
    length = length or next(n for n in range(1, 9) if len(content) < (1 << 7 * n) - 1)
    size = ((1 << 7 * length) | len(content)).to_bytes(length, "big")
    return number.to_bytes((number.bit_length() + 7) // 8, "big") + size + content


IDS = st.sampled_from([0x80, 0xEC, 0xFE, 0x4000, 0x7BA9, 0x22B59C, 0x1549A966, 0x1FFFFFFE])


@given(st.lists(st.tuples(IDS, st.binary(max_size=300), st.sampled_from([0, 2, 3, 4, 5, 6, 7, 8]))))
def test_what_is_written_is_read(parts: list[tuple[int, bytes, int]]) -> None:
    data = b"".join(element(*part) for part in parts)
    assert list(elements(data)) == [(number, content) for number, content, _ in parts]
    file = io.BytesIO(element(HEADER, b"x") + element(SEGMENT, data))
    assert segment(file, range(1 << 30)) == [(number, content) for number, content, _ in parts]
    assert segment(file, ()) == [(number, b"") for number, _, _ in parts]


@given(st.binary(max_size=80))
def test_any_bytes_are_elements_or_an_error(data: bytes) -> None:
    total = 0
    try:
        for _, content in elements(data):
            total += len(content)
    except EbmlError:
        pass
    assert total <= len(data)
    for file in (data, element(HEADER, b"") + element(SEGMENT, data)):
        try:
            found = segment(io.BytesIO(file), range(1 << 30))
        except EbmlError:
            continue
        assert sum(len(content) for _, content in found) <= len(file)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",  # no ID begins with eight zero bits
        b"\x0f\x00\x00\x00\x81x",  # nor is any longer than four bytes
        b"\xec",  # no size
        b"\xec\x82x",  # cut off
        b"\xec\xffx",  # a size that is not known
        b"\xec\x01\xff\xff\xff\xff\xff\xff\xffx",  # the same in eight bytes
        b"\xec\x00\x80",  # a size of nine
    ],
)
def test_no_elements(data: bytes) -> None:
    with pytest.raises(EbmlError):
        list(elements(data))


def test_examples_of_the_specification() -> None:
    # RFC 8794, 4.4: the sizes of 1 and 2 bytes for the value 2 are 0x82 and 0x4002
    assert list(elements(b"\xec\x82ab\xec\x40\x02cd")) == [(0xEC, b"ab"), (0xEC, b"cd")]
    assert (unsigned(b"\x01\x00"), unsigned(b""), signed(b"\xff"), signed(b"")) == (256, 0, -1, 0)
    assert text(b"a\xc3\xa9\0\0") == "aé"


def test_a_path() -> None:
    data = element(0xAE, element(0x86, b"one") + element(0x83, b"\x01")) + element(0xAE, element(0x86, b"two"))
    assert inside(data, 0xAE, 0x86) == [b"one", b"two"]
    assert inside(data, 0xAE, 0x99) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        element(SEGMENT, b""),
        element(HEADER, b""),
        element(HEADER, b"") + element(SEGMENT, b"") + b"\0",
        element(HEADER, b"") + element(SEGMENT, b"x" * 9)[:-1],
        element(HEADER, b"") + SEGMENT.to_bytes(4, "big") + b"\x01\xff\xff\xff\xff\xff\xff\xff",
        element(HEADER, b"") + element(SEGMENT, b"\xec\x85x"),
    ],
)
def test_files_that_are_not_whole(data: bytes) -> None:
    with pytest.raises(EbmlError):
        segment(io.BytesIO(data), ())
