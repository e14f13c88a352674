"""Parameter sets of joined streams, on bytes: what changes, what must not, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from reelpress.encode.splice.bits import BitWriter, escape, unescape
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.join import (
    avcc,
    free_id,
    idr_pic_id,
    parameter_sets,
    parse_join_sps,
    pps_ids,
    prefixed,
    units_of,
    with_colour,
    with_other_idr_pic_id,
    with_reorder,
)
from reelpress.encode.splice.parameters import parse_sps
from reelpress.media.h264_sps import parse_sps as read_colour

START = b"\x00\x00\x00\x01"


def encoded(params: str, frames: int = 6, *, colour: bool = False, **options: str) -> tuple[bytes, list[bytes]]:
    """Extradata (a byte stream) and packets of x264; picture k is of the grey 40 + 10 k with a gradient."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 96, 80, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.thread_type = "FRAME"
    context.flags |= av.codec.context.Flags.global_header.value
    if colour:
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
    context.options = {"preset": "veryfast", "x264-params": params, **options}
    context.open()
    packets = []
    for k in range(frames):
        planes = np.full((120, 96), 128, np.uint8)
        planes[:80] = (40 + 10 * k + np.arange(96)[None] // 2).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = k, Fraction(1, 30)
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    return bytes(context.extradata), packets


def decoded(extradata: bytes, packets: list[bytes]) -> list[bytes]:
    context: Any = av.CodecContext.create("h264", "r")
    context.extradata = extradata
    context.thread_type = "NONE"
    context.options = {"err_detect": "explode"}
    frames = [frame for data in [*packets] for frame in context.decode(av.Packet(data))]
    return [frame.to_ndarray().tobytes() for frame in [*frames, *context.decode(None)]]


def idr_slice(packet: bytes) -> bytes:
    return next(unit for a, b in units_of(packet, 0) if (unit := packet[a:b])[0] & 0x1F == 5)


def test_avcc_holds_both_sets_and_reads_back_as_they_were() -> None:
    one = parameter_sets(encoded("sps-id=0")[0])
    two = parameter_sets(encoded("sps-id=7")[0])
    record = avcc([*one.sps, *two.sps], [*one.pps, *two.pps])
    both = parameter_sets(record)
    assert both.sps == one.sps + two.sps
    assert both.pps == one.pps + two.pps
    assert both.length_size == 4
    # ISO/IEC 14496-15 5.3.3.1: version, profile, compatibility, level, 6 bits 1 and size - 1, 3 bits 1 and the count
    assert record[:6] == bytes([1, one.sps[0][1], one.sps[0][2] & two.sps[0][2], one.sps[0][3], 0xFF, 0xE2])
    assert record[-4:] == bytes([0xFD, 0xF8, 0xF8, 0])


def test_the_level_of_the_track_is_the_highest_of_its_parts() -> None:
    low = parameter_sets(encoded("sps-id=0:level=3")[0])
    high = parameter_sets(encoded("sps-id=1:level=5.1")[0])
    assert avcc([*low.sps, *high.sps], [*low.pps, *high.pps])[3] == 51


def test_x264_takes_one_free_id_for_both_of_its_sets() -> None:
    taken = parameter_sets(encoded("sps-id=0")[0])
    number = free_id(taken.sps, taken.pps)
    assert number == 1
    new = parameter_sets(encoded(f"sps-id={number}")[0])
    assert parse_join_sps(new.sps[0]).id == 1
    assert pps_ids(new.pps[0]) == (1, 1)


@pytest.mark.parametrize("params", ["annexb=1", "nal-hrd=vbr:vbv-maxrate=900:vbv-bufsize=900", "pic-struct=1:sar=4/3"])
@pytest.mark.parametrize("colour", [False, True])
def test_tags_are_put_in_and_no_picture_changes(params: str, colour: bool) -> None:
    extradata, packets = encoded(params, colour=colour)
    sets = parameter_sets(extradata)
    before = parse_join_sps(sets.sps[0])
    tagged = with_colour(before, 1, 1, 1, full_range=False)
    seen = read_colour(tagged)
    assert (seen.primaries, seen.transfer, seen.matrix, seen.full_range, seen.has_range) == (1, 1, 1, False, True)
    after = parse_join_sps(tagged)
    assert (after.size, after.level, after.reorder, after.buffering) == (
        before.size,
        before.level,
        before.reorder,
        before.buffering,
    )
    new = START + tagged + b"".join(START + unit for unit in sets.pps)
    assert decoded(new, packets) == decoded(extradata, packets)


def test_tags_can_be_put_into_a_set_without_a_vui() -> None:
    extradata, packets = encoded("")
    sets = parameter_sets(extradata)
    sps = parse_join_sps(sets.sps[0])
    bare = BitWriter()
    bare.bits(unescape(sps.unit[1:]), 0, sps.vui_at)
    bare.flag(False)
    without = parse_join_sps(sps.unit[:1] + escape(bare.rbsp()))
    assert without.signal is None
    tagged = with_colour(without, 1, 1, 1, full_range=False)
    assert read_colour(tagged).matrix == 1
    pps = b"".join(START + unit for unit in sets.pps)
    assert decoded(START + tagged + pps, packets) == decoded(START + without.unit + pps, packets)


def test_the_delay_of_a_player_is_that_of_the_source() -> None:
    extradata, packets = encoded("bframes=0")
    sets = parameter_sets(extradata)
    new = with_reorder(sets.sps[0], 2, 4)
    restriction = parse_sps(new).restriction
    assert restriction is not None
    assert restriction[5:] == (2, 4)
    stream = START + new + b"".join(START + unit for unit in sets.pps)
    assert decoded(stream, packets) == decoded(extradata, packets)


@pytest.mark.parametrize("cabac", [0, 1])
@pytest.mark.parametrize("avoid", [{0}, {0, 1}, {0, 1, 2}, {0, 15, 16}])
def test_an_idr_picture_gets_an_id_that_its_neighbours_have_not(cabac: int, avoid: set[int]) -> None:
    extradata, packets = encoded(f"cabac={cabac}:bframes=0:keyint=100")
    sets = parameter_sets(extradata)
    unit = idr_slice(packets[0])
    bits = parse_join_sps(sets.sps[0]).frame_num_bits
    assert idr_pic_id(unit, bits) == 0  # x264 begins with 0
    new = with_other_idr_pic_id(unit, sets.sps[0], sets.pps[0], avoid)
    assert idr_pic_id(new, bits) not in avoid
    assert decoded(extradata, [START + new, *packets[1:]]) == decoded(extradata, packets)
    assert with_other_idr_pic_id(unit, sets.sps[0], sets.pps[0], {5}) == unit


def test_units_come_out_as_they_went_in() -> None:
    units = [b"\x65abc", b"\x06", b"\x41" + bytes(300)]
    packet = prefixed(units)
    assert [packet[a:b] for a, b in units_of(packet, 4)] == units


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_what_is_cut_off_is_refused_with_a_reason(cut: int) -> None:
    sets = parameter_sets(encoded("")[0])
    record = avcc(sets.sps, sets.pps)
    with pytest.raises(SpliceRefused) as refused:
        parameter_sets(record[: -cut - 4])
    assert refused.value.reason.endswith(".")
    with pytest.raises(SpliceRefused):
        list(units_of(prefixed([b"\x65" * 50])[:-cut], 4))


@pytest.mark.parametrize(("profile", "pixels"), [("high10", "yuv420p10le"), ("high422", "yuv422p")])
def test_profiles_that_are_not_8_bit_420_are_refused(profile: str, pixels: str) -> None:
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 96, 80, pixels
    context.time_base = Fraction(1, 30)
    context.flags |= av.codec.context.Flags.global_header.value
    context.options = {"profile": profile}
    context.open()
    with pytest.raises(SpliceRefused, match="profile"):
        parse_join_sps(parameter_sets(bytes(context.extradata)).sps[0])
