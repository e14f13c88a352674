"""Slice headers: every condition has a slice that breaks it, and a rewritten slice is the old one but for its order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from splice_streams import (
    REORDERED,
    PpsFields,
    SliceFields,
    SpsFields,
    between,
    bits_of,
    bytes_of,
    escaped,
    idr,
    se,
    trailing,
    u,
    ue,
)

from reelpress.encode.splice.bits import escape, escaped_position
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.parameters import parse_pps, parse_sps
from reelpress.encode.splice.slices import idr_pic_ids, parse_slice, rewrite_slice

CAVLC, CABAC = PpsFields(cabac=0), PpsFields()
SPS2, SPS0 = SpsFields(references=4), SpsFields(references=4, order_type=0, order_bits=5)


def expected(fields: SliceFields, sps: SpsFields, pps: PpsFields, order: int, idr_pic_id: int) -> bytes:
    """The rewritten NAL unit, from the fields: 7.3.3 with the rewritten SPS."""
    new = replace(fields, order=order, idr_pic_id=idr_pic_id if fields.unit_type == 5 else None)
    if fields.unit_type == 5 and fields.marking == "10":
        new = replace(new, marking="00")
    return new.unit(replace(sps, order_type=0, order_bits=new_order_bits(sps, pps)), pps)


def new_order_bits(sps: SpsFields, pps: PpsFields) -> int:
    """16, or under CAVLC the most that move the data by whole bytes."""
    if pps.cabac or sps.order_type == 2:
        return 16
    return max(bits for bits in range(4, 17) if (bits - sps.order_bits) % 8 == 0)


def rewritten(fields: SliceFields, sps: SpsFields, pps: PpsFields, order: int, idr_pic_id: int) -> bytes:
    unit = fields.unit(sps, pps)
    real_sps, real_pps = parse_sps(sps.unit()), parse_pps(pps.unit())
    header = parse_slice(unit, real_sps, real_pps)
    assert header.idr == (fields.unit_type == 5)
    assert header.intra == (fields.slice_type % 5 == 2)
    assert header.between == (fields.slice_type % 5 == 1)
    assert header.frame_num == fields.frame_num
    assert header.order_lsb == ((fields.order or 0) if sps.order_type == 0 else 0)
    assert header.end == len(fields.header(sps, pps))
    return rewrite_slice(unit, header, real_sps, real_pps, order, idr_pic_id)


WEIGHTS = ue(5) + ue(6) + "1" + se(33) + se(-7) + "0" + "0" + "1" + se(1) + se(2) + se(-3) + se(64)
HEADERS = {
    "P": SliceFields(frame_num=3),
    "P, single type": SliceFields(slice_type=0, frame_num=15, qp=20),
    "I": SliceFields(slice_type=7, frame_num=1),
    "IDR": idr(qp=-20),
    "IDR, other id": idr(idr_pic_id=65535),
    "IDR, drops pictures": idr(marking="10"),
    "references": SliceFields(override=15, frame_num=9),
    "lists": SliceFields(override=2, lists=((0, 0), (1, 30), (0, 4000)), frame_num=2),
    "no deblocking": SliceFields(deblock=(1,)),
    "deblocking": SliceFields(deblock=(2, -6, 6)),
    "P of CABAC kind 2": SliceFields(cabac_init=2),
}


@pytest.mark.parametrize("sps", [SPS2, SPS0], ids=["type 2", "type 0"])
@pytest.mark.parametrize("pps", [CAVLC, CABAC, replace(CABAC, control=0)], ids=["CAVLC", "CABAC", "no control"])
@pytest.mark.parametrize("case", HEADERS)
def test_only_the_order_changes(case, pps, sps):
    fields = replace(HEADERS[case], order=17)
    bits = len(ue(fields.idr_pic_id or 0))
    ids = [0, 1, 12345] if pps.cabac else [n for n in (0, 1, 2, 15, 30, 65535) if (len(ue(n)) - bits) % 8 == 0]
    top = (1 << new_order_bits(sps, pps)) - 1
    for order, idr_pic_id in [(order, n) for order in (0, top // 3, top) for n in ids]:
        assert rewritten(fields, sps, pps, order, idr_pic_id) == expected(fields, sps, pps, order, idr_pic_id)


@pytest.mark.parametrize("cabac", [0, 1])
def test_weights_are_kept(cabac):
    pps = PpsFields(cabac=cabac, weighted=1, references=1)
    for fields in (
        SliceFields(weights=WEIGHTS),
        SliceFields(override=0, weights=ue(0) + ue(0) + "00"),
        SliceFields(override=2, lists=((0, 0), (0, 3)), weights=WEIGHTS + "00"),
        SliceFields(slice_type=2),
    ):
        assert rewritten(fields, SPS2, pps, 9000, 0) == expected(fields, SPS2, pps, 9000, 0)


B_HEADERS = {
    "B": between(frame_num=3),
    "single type": between(slice_type=1, qp=-9),
    "references": between(override=2, override_1=15),
    "lists": between(override=3, override_1=1, lists=((0, 0), (1, 30)), lists_1=((0, 4000),)),
    "list 1": between(lists_1=((1, 0),)),
    "no deblocking": between(deblock=(1,)),
    "CABAC kind 2": between(cabac_init=2, deblock=(0, -6, 6)),
}


@pytest.mark.parametrize("bits", [4, 6, 8, 9, 16])
@pytest.mark.parametrize(
    "pps",
    [CAVLC, CABAC, replace(CABAC, control=0), replace(CAVLC, weighted=1, references=2, references_1=3)],
    ids=["CAVLC", "CABAC", "no control", "weighted P"],
)
@pytest.mark.parametrize("case", B_HEADERS)
def test_only_the_order_of_b_slices_changes(case, pps, bits):
    sps = replace(REORDERED, references=16, order_bits=bits)
    fields = replace(B_HEADERS[case], order=11)
    top = (1 << new_order_bits(sps, pps)) - 1
    for order in (0, top // 3, top):
        assert rewritten(fields, sps, pps, order, 0) == expected(fields, sps, pps, order, 0)


B_REFUSED = {
    "reference": (between(ref_idc=1), {}, {}, "b-pyramid"),
    "reference, marks": (between(ref_idc=2, marking="1" + ue(0)), {}, {}, "b-pyramid"),
    "IDR": (idr(slice_type=6), {}, {}, "b-pyramid|holds a B"),
    "temporal": (between(direct=0), {}, {}, "direct=temporal"),
    "explicit": (between(), {}, {"bi": 1}, "weightb"),
    "implicit": (between(), {}, {"bi": 2}, "weightb"),
    "order type 2": (between(), {"order_type": 2}, {}, "no picture is reordered"),
    "reorders nothing": (between(), {"restriction": (1, 0, 0, 9, 9, 0, 2)}, {}, "no picture is reordered"),
    "Baseline": (between(), {"profile": 66, "constraints": 0x40}, {"cabac": 0}, "no picture is reordered"),
    "references 0": (between(override=16, override_1=0), {}, {}, "refers to 17"),
    "references 1": (between(override=0, override_1=16), {}, {}, "refers to 17"),
    "default of list 1": (between(), {}, {"references_1": 20}, "refers to 21"),
    "list 0": (between(lists=((2, 0),)), {}, {}, "long-term"),
    "list 1": (between(lists_1=((2, 0),)), {}, {}, "long-term"),
    "list 1, unknown": (between(lists_1=((5, 0),)), {}, {}, "unknown command"),
    "list 1, endless": (between(lists_1=((0, 0),) * 3), {}, {}, "more often"),
    "CABAC kind": (between(cabac_init=3), {}, {}, "cabac_init_idc"),
    "quantiser": (between(qp=26), {}, {}, "quantiser"),
}


@pytest.mark.parametrize("case", B_REFUSED)
def test_a_b_slice_that_breaks_a_condition_is_refused(case):
    fields, of_sps, of_pps, reason = B_REFUSED[case]
    sps, pps = replace(REORDERED, **of_sps), replace(CABAC, **of_pps)
    for data in (fields.data, bytes(range(1, 256)) * 9):
        with pytest.raises(SpliceRefused, match=reason):
            parse_slice(replace(fields, data=data).unit(sps, pps), parse_sps(sps.unit()), parse_pps(pps.unit()))


@pytest.mark.parametrize("pps", [CAVLC, CABAC], ids=["CAVLC", "CABAC"])
def test_a_b_slice_that_ends_anywhere_in_its_header_is_refused(pps):
    bits = B_HEADERS["lists"].header(REORDERED, pps)
    sps, read = parse_sps(REORDERED.unit()), parse_pps(pps.unit())
    parse_slice(b"\x01" + escaped(trailing(bits + "1" * (-len(bits) % 8) + "0" * 9)), sps, read)
    for length in range(len(bits) + 1):
        with pytest.raises(SpliceRefused):
            parse_slice(b"\x01" + escaped(trailing(bits[:length])), sps, read)


SLICE_REFUSED = {
    "non-reference": (SliceFields(ref_idc=0), "no reference picture"),
    "not at the start": (SliceFields(first_mb=5), "first macroblock"),
    "B": (SliceFields(slice_type=1), "B picture"),
    "all B": (SliceFields(slice_type=6), "B picture"),
    "SP": (SliceFields(slice_type=3), "SP picture"),
    "SI": (SliceFields(slice_type=9), "SI picture"),
    "kind": (SliceFields(slice_type=10), "slice type 10"),
    "P in an IDR": (idr(slice_type=5), "IDR picture holds a P"),
    "other set": (SliceFields(pps_id=1), "picture parameter set 1"),
    "IDR id": (idr(idr_pic_id=65536), "idr_pic_id"),
    "references": (SliceFields(override=16), "refers to 17"),
    "long-term list": (SliceFields(lists=((2, 0),)), "long-term"),
    "unknown list": (SliceFields(lists=((4, 0),)), "unknown command"),
    "endless list": (SliceFields(lists=((0, 0), (0, 0), (0, 0))), "more often"),
    "long-term IDR": (idr(marking="01"), "long-term"),
    "MMCO": (SliceFields(marking="1" + ue(1) + ue(0) + ue(0)), "MMCO"),
    "CABAC kind": (SliceFields(cabac_init=3), "cabac_init_idc"),
    "quantiser": (SliceFields(qp=26), "quantiser"),
    "low quantiser": (SliceFields(qp=-27), "quantiser"),
    "deblocking": (SliceFields(deblock=(3, 0, 0)), "disable_deblocking"),
    "offset": (SliceFields(deblock=(0, 7, 0)), "deblocking offset"),
    "other offset": (SliceFields(deblock=(0, 0, -7)), "deblocking offset"),
}


@pytest.mark.parametrize("case", SLICE_REFUSED)
def test_a_slice_that_breaks_a_condition_is_refused(case):
    fields, reason = SLICE_REFUSED[case]
    with pytest.raises(SpliceRefused, match=reason):
        parse_slice(fields.unit(), parse_sps(SpsFields().unit()), parse_pps(PpsFields().unit()))
    # The same far into a slice that is longer than the part looked at first.
    with pytest.raises(SpliceRefused, match=reason):
        parse_slice(
            replace(fields, data=bytes(range(1, 256)) * 9).unit(),
            parse_sps(SpsFields().unit()),
            parse_pps(PpsFields().unit()),
        )


def test_weights_out_of_range_are_refused():
    pps = PpsFields(weighted=1)
    for weights in (ue(8) + ue(0) + "00", ue(0) + ue(8) + "00"):
        with pytest.raises(SpliceRefused, match="denominator"):
            parse_slice(SliceFields(weights=weights).unit(None, pps), parse_sps(SPS2.unit()), parse_pps(pps.unit()))


def test_zeros_before_cabac_data_are_refused():
    sps, pps = parse_sps(SpsFields().unit()), parse_pps(PpsFields().unit())
    bits = SliceFields(qp=4).header(SpsFields(), PpsFields())
    padding = -len(bits) % 8
    assert padding > 1
    parse_slice(b"\x41" + bytes_of(bits + "1" * padding) + b"\x40\x80", sps, pps)
    with pytest.raises(SpliceRefused, match="alignment"):
        parse_slice(b"\x41" + bytes_of(bits + "1" * (padding - 1) + "0") + b"\x40\x80", sps, pps)


@pytest.mark.parametrize("pps", [CAVLC, CABAC], ids=["CAVLC", "CABAC"])
def test_a_slice_that_ends_anywhere_in_its_header_is_refused(pps):
    sps, read = parse_sps(SpsFields().unit()), parse_pps(pps.unit())
    unit = SliceFields(data=b"").header(SpsFields(), pps)
    for length in range(len(unit) + 1):
        with pytest.raises(SpliceRefused):
            parse_slice(b"\x41" + escaped(trailing(unit[:length])), sps, read)


@pytest.mark.parametrize("before", [0, 1, 2, 3, 6, 7, 14, 15, 30, 31, 1000, 65534, 65535])
def test_cavlc_data_moves_by_whole_bytes(before):
    """It may hold I_PCM macroblocks, which are aligned to bytes (7.3.5)."""
    pps = parse_pps(CAVLC.unit())
    for bits in (None, *range(4, 17)):
        sps = replace(SPS2, order_type=2) if bits is None else replace(SPS2, order_type=0, order_bits=bits)
        for fields in (idr(idr_pic_id=before), SliceFields()):
            read = parse_sps(sps.unit())
            unit = fields.unit(sps, CAVLC)
            header = parse_slice(unit, read, pps)
            ids = idr_pic_ids(header, False)
            assert len(set(ids)) == 2
            for new in ids:
                after = rewrite_slice(unit, header, read, pps, 0, new)
                assert after == expected(fields, sps, CAVLC, 0, new)
                assert after.endswith(unit[-4:])
    assert idr_pic_ids(header, True) == (0, 1)


def test_cabac_zero_words_are_kept():
    """7.3.2.10: they stand behind the trailing bits, and the NAL unit ends in 0x03."""
    for data in (b"\x12\x80" + bytes(2), b"\x12\x80" + bytes(8), b"\x77" * 2000 + b"\x80" + bytes(6)):
        unit = rewritten(SliceFields(data=data), SPS2, CABAC, 4, 0)
        assert unit == expected(SliceFields(data=data), SPS2, CABAC, 4, 0)
        assert unit.endswith(b"\x00\x00\x03")


MOSTLY_ZERO = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 255]), max_size=40).map(bytes)
DATA = st.builds(
    lambda start, middle, times, end: start + middle * times + end + b"\x01\x80",
    st.one_of(MOSTLY_ZERO, st.binary(max_size=40)),
    st.one_of(MOSTLY_ZERO, st.binary(max_size=40)),
    st.integers(0, 40),
    st.one_of(MOSTLY_ZERO, st.binary(max_size=40)),
)
FIELDS = st.builds(
    SliceFields,
    slice_type=st.sampled_from([0, 1, 2, 5, 6, 7]),
    frame_num=st.integers(0, 65535),
    order=st.integers(0, 65535),
    override=st.one_of(st.none(), st.integers(0, 15)),
    override_1=st.integers(0, 15),
    lists=st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 2**20)), max_size=1).map(tuple),
    lists_1=st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 2**20)), max_size=1).map(tuple),
    qp=st.integers(-26, 25),
    deblock=st.sampled_from([(0, 0, 0), (1,), (2, 3, -4)]),
    cabac_init=st.integers(0, 2),
    data=DATA,
)


@settings(deadline=None)
@given(
    FIELDS,
    st.booleans(),
    st.sampled_from([CAVLC, CABAC]),
    st.sampled_from([0, 2]),
    st.integers(0, 65535),
    st.integers(15, 30),
)
@example(SliceFields(data=bytes(700) + b"\x80"), False, CABAC, 2, 0, 15)
@example(SliceFields(data=bytes(700) + b"\x80"), False, CAVLC, 2, 0, 15)
@example(SliceFields(data=b"\x01" * 700), False, CABAC, 2, 256, 15)
@example(SliceFields(frame_num=0, order=0, data=b"\x00\x00\x01" * 700), False, CABAC, 0, 9999, 15)
def test_any_slice_is_rewritten_to_the_bit(fields, is_idr, pps, order_type, order, idr_pic_id):
    """Emulation prevention at the joint of the new header and the old data, whatever stands there."""
    sps = SpsFields(references=16, order_type=order_type, order_bits=16, frame_num_bits=16)
    if fields.slice_type % 5 == 1:
        sps = replace(sps, order_type=0, restriction=REORDERED.restriction)
        fields = replace(fields, ref_idc=0)
    if is_idr:
        fields = replace(fields, unit_type=5, ref_idc=1, slice_type=7, idr_pic_id=0)
    got = rewritten(fields, sps, pps, order, idr_pic_id)
    assert got == expected(fields, sps, pps, order, idr_pic_id)


@settings(deadline=None)
@given(st.one_of(MOSTLY_ZERO, st.binary(max_size=60)), st.integers(0, 3))
@example(bytes(40), 1)
def test_positions_in_escaped_bytes(rbsp, ahead):
    payload = bytes([9] * ahead) + escape(rbsp + b"\x80")
    at, zeros = ahead, 0
    for index, byte in enumerate(rbsp + b"\x80"):
        if zeros >= 2 and byte <= 3:
            at, zeros = at + 1, 0
        assert ahead + escaped_position(payload, index, ahead) == at
        assert payload[at] == byte
        at, zeros = at + 1, zeros + 1 if byte == 0 else 0


def test_builder_of_these_tests_writes_what_the_standard_shows():
    """A slice worked out by hand: P, PPS 0, frame_num 3 of 4 bits, one reference, CAVLC."""
    fields = SliceFields(frame_num=3, qp=-2, data=b"\xc0")
    by_hand = "1" + "00110" + "1" + "0011" + "0" + "0" + "0" + "00101" + "1" + "1" + "1" + "1"
    assert bits_of(fields.rbsp(SpsFields(), CAVLC)).startswith(by_hand)
    assert u(5, 4) == "0101"
