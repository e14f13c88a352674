"""Parameter sets: each condition of splicing has a stream that breaks it; what is rewritten and what stays."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splice_streams import FREE, PpsFields, SpsFields, encode, extradata, moving, read_pps, read_sps, units_of

from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.parameters import inserted_pps, parse_pps, parse_sps
from reelpress.encode.splice.stream import Splicer

OLD = SpsFields(profile=77)
COLOUR = {
    "aspect": "1" + "11111111" + f"{4:016b}" + f"{3:016b}",
    "overscan": "10",
    "signal": "1" + "101" + "1" + "1" + f"{9:08b}{16:08b}{9:08b}",
    "chroma_location": "1" + "010" + "010",
    "timing": (1, 120),
}


def test_the_stream_all_others_are_made_from_is_taken():
    splicer = Splicer(extradata())
    assert (splicer.width_mbs, splicer.height_mbs, splicer.cabac) == (8, 6, True)
    Splicer(extradata(OLD, PpsFields(cabac=0)))
    assert not Splicer(extradata(SpsFields(profile=66, constraints=0x40), PpsFields(cabac=0))).cabac


SPS_REFUSED = {
    "profile": (SpsFields(profile=88), "profile 88"),
    "high 10": (SpsFields(profile=110), "profile 110"),
    "baseline": (SpsFields(profile=66, constraints=0x80), "full Baseline"),
    "intra only": (SpsFields(constraints=0x10), "intra pictures only"),
    "monochrome": (SpsFields(chroma=0), "4:2:0"),
    "4:2:2": (SpsFields(chroma=2), "4:2:0"),
    "separate planes": (SpsFields(chroma=3), "4:2:0"),
    "10 bit": (SpsFields(depth_luma=2), "8 bits"),
    "10 bit chroma": (SpsFields(depth_chroma=2), "8 bits"),
    "bypass": (SpsFields(bypass=1), "bypass the transform"),
    "order type 1": (SpsFields(order_type=1), "type 1"),
    "order type 3": (SpsFields(order_type=3), "type 3"),
    "no references": (SpsFields(references=0), "no reference pictures"),
    "17 references": (SpsFields(references=17), "max_num_ref_frames is 17"),
    "gaps": (SpsFields(gaps=1), "gaps in frame_num"),
    "interlaced": (SpsFields(progressive=0), "interlaced"),
    "NAL HRD": (SpsFields(nal_hrd=1), "HRD"),
    "VCL HRD": (SpsFields(vcl_hrd=1), "HRD"),
    "pic_struct": (SpsFields(pic_struct=1), "timing message"),
    "huge": (SpsFields(width=1056), "larger than any level"),
    "large": (SpsFields(width=512, height=512), "larger than any level"),
    "frame_num": (SpsFields(frame_num_bits=17), "log2_max_frame_num"),
    "order bits": (SpsFields(order_type=0, order_bits=17), "log2_max_pic_order_cnt_lsb"),
    "id": (SpsFields(sps_id=32), "seq_parameter_set_id"),
    "buffering": (SpsFields(restriction=(1, 0, 0, 9, 9, 0, 17)), "max_dec_frame_buffering"),
}


@pytest.mark.parametrize("case", SPS_REFUSED)
def test_a_sequence_that_breaks_a_condition_is_refused(case):
    fields, reason = SPS_REFUSED[case]
    with pytest.raises(SpliceRefused, match=reason) as caught:
        Splicer(extradata(fields, PpsFields(cabac=0, sps_id=fields.sps_id)))
    assert caught.value.reason == str(caught.value)
    assert caught.value.reason[0].isupper() or caught.value.reason.startswith(("log2", "max_", "seq_"))
    assert caught.value.reason.endswith(".")


PPS_REFUSED = {
    "other SPS": (PpsFields(sps_id=1), "belongs to"),
    "bottom field": (PpsFields(bottom=1), "bottom fields"),
    "slice groups": (PpsFields(groups=1), "slice groups"),
    "redundant": (PpsFields(redundant=1), "redundant"),
    "quantiser": (PpsFields(qp=26), "quantiser"),
    "quantiser SP": (PpsFields(qs=-27), "quantiser"),
    "chroma": (PpsFields(offset=13), "chroma"),
    "chroma 2": (PpsFields(extension=(1, 0, -13)), "chroma"),
    "references": (PpsFields(references=32), "num_ref_idx"),
    "id": (PpsFields(pps_id=256), "pic_parameter_set_id"),
}


@pytest.mark.parametrize("case", PPS_REFUSED)
def test_a_picture_set_that_breaks_a_condition_is_refused(case):
    fields, reason = PPS_REFUSED[case]
    with pytest.raises(SpliceRefused, match=reason):
        Splicer(extradata(None, fields))


def test_what_the_profile_does_not_have_is_refused():
    with pytest.raises(SpliceRefused, match="CABAC"):
        Splicer(extradata(SpsFields(profile=66, constraints=0x40), PpsFields(cabac=1)))
    with pytest.raises(SpliceRefused, match="High profile"):
        Splicer(extradata(OLD, PpsFields(extension=(1, 0, 0))))


def test_one_of_each_is_needed():
    sps, pps = SpsFields().unit(), PpsFields().unit()
    start = b"\x00\x00\x01"
    for units, reason in (
        ([], "0 sequence and 0 picture"),
        ([sps], "1 sequence and 0 picture"),
        ([sps, pps, PpsFields(pps_id=1).unit()], "1 sequence and 2 picture"),
        ([sps, SpsFields(sps_id=1).unit(), pps], "2 sequence and 1 picture"),
        ([sps, pps, b"\x6d\x80"], "type 13"),
        ([sps, pps, b"\x6f\x80"], "type 15"),
    ):
        with pytest.raises(SpliceRefused, match=reason):
            Splicer(b"".join(start + unit for unit in units))
    # The same set twice is one set; messages beside them do not matter.
    Splicer(b"".join(start + unit for unit in [b"\x06\x05\x01\x00\x80", sps, sps, pps, pps]))


@pytest.mark.parametrize("unit", [SpsFields().unit(), PpsFields().unit()], ids=["SPS", "PPS"])
def test_a_set_with_more_or_less_in_it_is_refused(unit):
    parse = parse_sps if unit[0] & 31 == 7 else parse_pps
    parse(unit)
    with pytest.raises(SpliceRefused):
        parse(unit[:-1])
    with pytest.raises(SpliceRefused):
        parse(unit + b"\x55")


VARIANTS = {
    "x264-like": SpsFields(),
    "order type 0": SpsFields(order_type=0, order_bits=5),
    "cropped": SpsFields(crop=(0, 3, 0, 4)),
    "no VUI": SpsFields(vui=0),
    "empty VUI": SpsFields(restriction=()),
    "colour": SpsFields(**COLOUR),
    "colour without restriction": SpsFields(**COLOUR, restriction=()),
    "scaling lists": SpsFields(scaling=1, **COLOUR),
    "reorders": SpsFields(references=4, restriction=(0, 2, 1, 11, 10, 2, 4)),
    "buffers more": SpsFields(references=2, restriction=(1, 0, 0, 9, 9, 0, 5)),
    "buffers nothing": SpsFields(references=3, restriction=(1, 0, 0, 9, 9, 0, 0)),
    "type 0, no VUI": SpsFields(order_type=0, vui=0),
    "type 0, empty VUI": SpsFields(order_type=0, restriction=()),
    "type 0, reorders": SpsFields(order_type=0, references=2, restriction=(1, 0, 0, 9, 9, 1, 2)),
    "type 0, reorders more": SpsFields(order_type=0, references=3, restriction=(1, 0, 0, 9, 9, 2, 4)),
    "Main, id 5": SpsFields(profile=77, sps_id=5, frame_num_bits=16, timing=(1001, 60000)),
}


REORDERS = {"type 0, no VUI": 1, "type 0, empty VUI": 1, "type 0, reorders": 1, "type 0, reorders more": 1}
"""What E.2.1 infers is the most that the level allows; more than one picture never comes through."""


MAX_DPB = {
    9: 396, 10: 396, 11: 900, 12: 2376, 13: 2376, 20: 2376, 21: 4752, 22: 8100, 30: 8100, 31: 18000, 32: 20480,
    40: 32768, 41: 32768, 42: 34816, 50: 110400, 51: 184320, 52: 184320, 60: 696320, 61: 696320, 62: 696320,
}  # fmt: skip
"""MaxDpbMbs of Table A-1."""


def roomy(before, reordered):
    """One buffer more than references, where pictures are reordered and the level has it (A.3.1 h)."""
    most = min(16, MAX_DPB.get(before.level, 0) // (before.width * before.height))
    return before.references + 1 if reordered and before.references < most else 0


@pytest.mark.parametrize("case", VARIANTS)
def test_the_sequence_is_rewritten_where_it_must_be(case):
    before = VARIANTS[case]
    splicer = Splicer(extradata(before, PpsFields(sps_id=before.sps_id)))
    assert splicer.reorder == REORDERS.get(case, 0)
    header = splicer.header
    after = read_sps(units_of(header)[0])
    assert (after.order_type, after.order_bits) == (0, 16)
    assert after.vui == 1
    over, bytes_limit, bits_limit, across, down, reordered, buffered = after.restriction
    assert (bytes_limit, bits_limit) == (0, 0)
    assert reordered == REORDERS.get(case, 0)
    said = before.restriction[6] if before.vui and before.restriction else 0
    assert buffered == max(1, before.references, said, roomy(before, reordered))
    expected = before.restriction if before.vui and before.restriction else (1, 0, 0, 15, 15)
    assert (over, across, down) == (expected[0], expected[3], expected[4])
    kept = replace(
        after,
        order_type=before.order_type,
        order_bits=before.order_bits,
        vui=before.vui,
        restriction=before.restriction,
    )
    assert kept == before


@settings(deadline=None)
@given(
    st.builds(
        SpsFields,
        profile=st.sampled_from([77, 100]),
        level=st.integers(10, 62),
        sps_id=st.integers(0, 31),
        frame_num_bits=st.integers(4, 16),
        order_type=st.sampled_from([0, 2]),
        order_bits=st.integers(4, 16),
        references=st.integers(1, 16),
        width=st.integers(1, 256),
        height=st.integers(1, 256),
        crop=st.sampled_from([(), (0, 0, 0, 4), (1, 2, 3, 4)]),
        vui=st.integers(0, 1),
        aspect=st.sampled_from(["0", COLOUR["aspect"], "1" + "00000001"]),
        overscan=st.sampled_from(["0", "10", "11"]),
        signal=st.sampled_from(["0", COLOUR["signal"], "1" + "101" + "0" + "0"]),
        chroma_location=st.sampled_from(["0", COLOUR["chroma_location"]]),
        timing=st.one_of(st.just(()), st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))),
        restriction=st.one_of(
            st.just(()),
            st.tuples(
                st.integers(0, 1), st.integers(0, 16), st.integers(0, 16), st.integers(0, 15), st.integers(0, 15),
                st.integers(0, 16), st.integers(0, 16),
            ),
        ),
    )
)  # fmt: skip
def test_any_sequence_keeps_what_is_not_rewritten(before):
    if not before.vui:
        before = replace(before, **{f.name: f.default for f in dataclasses.fields(before) if f.name in COLOUR})
    after = read_sps(units_of(Splicer(extradata(before, PpsFields(sps_id=before.sps_id))).header)[0])
    same = {"order_type", "order_bits", "vui", "restriction"}
    for field in dataclasses.fields(before):
        if field.name not in same:
            assert getattr(after, field.name) == getattr(before, field.name), field.name
    assert (after.order_type, after.order_bits) == (0, 16)
    said = before.restriction if before.vui else ()
    reordered = 0 if before.order_type == 2 else min(1, said[5]) if said else 1
    assert after.restriction[5:] == (reordered, max([1, before.references, *said[6:], roomy(before, reordered)]))


@pytest.mark.parametrize(("before", "after"), [(4, 12), (5, 13), (8, 16), (9, 9), (10, 10), (16, 16)])
def test_order_counts_of_a_cavlc_stream_grow_by_whole_bytes(before, after):
    splicer = Splicer(extradata(SpsFields(order_type=0, order_bits=before), PpsFields(cabac=0)))
    assert read_sps(units_of(splicer.header)[0]).order_bits == after
    assert splicer.max_distance == 2 ** (after - 2) - 1
    assert Splicer(extradata(SpsFields(order_type=0, order_bits=before))).max_distance == 16383


def test_the_encoders_own_picture_set_is_kept_to_the_bit():
    pps = PpsFields(pps_id=3, weighted=1, bi=2, qp=-3, references=2, offset=-2, extension=(1, 0, -2))
    units = units_of(Splicer(extradata(None, pps)).header)
    assert units[1] == pps.unit()


@pytest.mark.parametrize(("real", "expected"), [(0, 1), (1, 0), (7, 1)])
def test_inserted_pictures_have_their_own_id(real, expected):
    sps = SpsFields(sps_id=4)
    plain = read_pps(units_of(Splicer(extradata(sps, PpsFields(pps_id=real, sps_id=4))).header)[2])
    assert plain == PpsFields(pps_id=expected, sps_id=4, cabac=0)


def test_the_patch_encoders_set_keeps_what_its_slices_depend_on():
    tiny = PpsFields(
        pps_id=9,
        cabac=0,
        references=3,
        weighted=1,
        bi=1,
        qp=-5,
        offset=-4,
        control=0,
        constrained=1,
        extension=(1, 0, 3),
    )
    header = Splicer(extradata(), patch_pps=tiny.unit()).header
    assert read_pps(units_of(header)[2]) == PpsFields(
        pps_id=1, cabac=0, qp=-5, offset=-4, control=1, constrained=1, extension=(1, 0, 3)
    )


@pytest.mark.parametrize(
    ("sps", "tiny", "reason"),
    [
        (SpsFields(), PpsFields(cabac=1), "CABAC"),
        (SpsFields(), PpsFields(cabac=0, extension=(1, 1, 0)), "Scaling lists"),
        (SpsFields(scaling=1), PpsFields(cabac=0), "Scaling lists"),
        (SpsFields(), PpsFields(cabac=0, redundant=1), "redundant"),
        (SpsFields(profile=77), PpsFields(cabac=0, extension=(1, 0, 0)), "High profile"),
        (SpsFields(constraints=0x40), PpsFields(cabac=0, extension=(1, 0, 0)), "High profile"),
        (SpsFields(profile=77), PpsFields(cabac=0, offset=1, extension=(0, 0, 2)), "High profile"),
    ],
)
def test_a_patch_encoder_that_does_not_fit_is_refused(sps, tiny, reason):
    with pytest.raises(SpliceRefused, match=reason):
        Splicer(extradata(sps, PpsFields(cabac=0)), patch_pps=tiny.unit())


def test_a_patch_encoder_without_what_main_lacks_fits_main():
    header = Splicer(extradata(OLD), patch_pps=PpsFields(cabac=0, offset=2, extension=(0, 0, 2)).unit()).header
    assert read_pps(units_of(header)[2]) == PpsFields(pps_id=1, cabac=0, offset=2)


@pytest.mark.parametrize("unit", [b"", b"\x67\x64", b"\x68"], ids=["empty", "SPS", "cut"])
def test_a_patch_encoder_without_a_set_is_refused(unit):
    with pytest.raises(SpliceRefused):
        Splicer(extradata(), patch_pps=unit)


@pytest.mark.parametrize(
    ("fields", "slices"),
    [
        # MaxMBPS / (SliceRate * frame rate), Tables.
        (SpsFields(level=42, width=120, height=68, timing=(1, 120)), 522240 // (24 * 60)),
        (SpsFields(level=40, width=120, height=68, timing=(1, 60)), 245760 // (60 * 30)),
        (SpsFields(level=32, width=80, height=45, timing=(1, 120)), 60),
        (SpsFields(level=31, width=80, height=45, timing=(1001, 60000)), 108000 * 1001 // (60 * 30000)),
        (SpsFields(level=30, width=45, height=36, timing=(1, 50)), 40500 // (22 * 25)),
        # Without timing: what any frame rate allows, and none is above 172 a second.
        (SpsFields(level=42, width=120, height=68), 8160 // 24),
        (SpsFields(level=40), 245760 // 172 // 60),
        # No limit but one slice a macroblock.
        (SpsFields(level=21, width=22, height=18, timing=(1, 60)), 396),
        (SpsFields(level=40, width=2, height=2, timing=(1, 60)), 4),
        (SpsFields(profile=66, constraints=0x40, level=40, width=120, height=68, timing=(1, 60)), 8160),
    ],
)
def test_slices_that_a_level_allows(fields, slices):
    sps = parse_sps(fields.unit())
    assert sps.max_slices == slices
    assert Splicer(extradata(fields, PpsFields(cabac=0))).max_slices == slices


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        # 384 bytes a macroblock and MaxMBPS, over MinCR.
        (SpsFields(level=42, width=120, height=68, timing=(1, 120)), 384 * 522240 // 60 // 2),
        (SpsFields(level=40, width=120, height=68, timing=(1, 60)), 384 * 245760 // 30 // 4),
        (SpsFields(level=10, width=8, height=6), 384 * 48 // 2),
        (SpsFields(profile=77, constraints=0x10, level=11, width=8, height=6, timing=(1, 40)), 384 * (1485 // 20) // 2),
        (SpsFields(level=9, width=8, height=6, timing=(1, 40)), 384 * (1485 // 20) // 2),
    ],
)
def test_bytes_that_a_level_allows(fields, count):
    assert parse_sps(fields.unit()).max_picture_bytes == count


def test_baseline_has_no_b_pictures():
    for restriction in ((), (1, 0, 0, 9, 9, 1, 2)):
        sps = SpsFields(profile=66, constraints=0x40, order_type=0, references=2, restriction=restriction)
        assert Splicer(extradata(sps, PpsFields(cabac=0))).reorder == 0


def test_x264_says_what_it_reorders():
    pictures = moving(4, 128, 96)
    for options, order_type, reorder in (("", 2, 0), (f"bframes=2:{FREE}", 0, 1), (f"bframes=3:ref=3:{FREE}", 0, 1)):
        extra, _ = encode(pictures, options=options)
        before = read_sps(next(unit for unit in units_of(extra) if unit[0] & 31 == 7))
        assert (before.order_type, before.restriction[5]) == (order_type, reorder)
        splicer = Splicer(extra)
        after = read_sps(units_of(splicer.header)[0])
        assert (after.restriction[5], splicer.reorder) == (reorder, reorder)
        assert before.restriction[6] >= max(1 + reorder, before.references)
        assert after.restriction[6] == max(before.restriction[6], roomy(before, reorder))


def test_a_level_that_does_not_exist_gives_no_more_than_the_picture_itself():
    for timing in ((), (1, 2)):
        assert parse_sps(SpsFields(level=99, timing=timing).unit()).max_slices == 48 // 24


def test_true_streams_are_taken_and_keep_their_fields():
    pictures = moving(3, 128, 96)
    for options in ("", "cabac=0:ref=3:8x8dct=0", "weightp=2:ref=4:fullrange=on:colorprim=bt709"):
        extra, _ = encode(pictures, options=options)
        before = read_sps(next(unit for unit in units_of(extra) if unit[0] & 31 == 7))
        after = read_sps(units_of(Splicer(extra).header)[0])
        assert before.order_type == 2, "x264 writes type 2 without B pictures; else this tests less than it says"
        assert replace(after, order_type=2, order_bits=6) == before


def test_the_plain_set_is_what_the_standard_says():
    sps, real = parse_sps(SpsFields().unit()), parse_pps(PpsFields().unit())
    made = inserted_pps(None, sps, real)
    assert (made.id, made.cabac, made.qp, made.default_references, made.weighted) == (1, False, 26, 1, False)
    assert made.deblocking_control
    assert made.unit == PpsFields(pps_id=1, cabac=0).unit()
