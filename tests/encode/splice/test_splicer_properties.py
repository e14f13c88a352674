"""Random sequences of real, held, patched and replayed pictures, parsed back by an own parser and by a decoder."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splice_streams import (
    PpsFields,
    SliceFields,
    SpsFields,
    Stream,
    between,
    decode,
    differing,
    encode,
    extradata,
    idr,
    moving,
    packet,
    patched_picture,
    read_slice,
    units_of,
)

from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer

SPS = SpsFields(width=8, height=6, level=42, timing=(1, 50))


@dataclass
class Encoder:
    """Packets as an encoder that knows nothing of the splicing gives them."""

    sps: SpsFields
    pps: PpsFields
    frame_num: int = -1
    order: int = 0

    def next(self, *, key: bool, data: bytes = b"\x35\x12\x80") -> bytes:
        if key or self.frame_num < 0:
            self.frame_num = self.order = 0
            return packet(idr(data=data, pps_id=self.pps.pps_id), self.sps, self.pps)
        self.frame_num = (self.frame_num + 1) % (1 << self.sps.frame_num_bits)
        self.order = (self.order + 2) % (1 << self.sps.order_bits)
        fields = SliceFields(pps_id=self.pps.pps_id, frame_num=self.frame_num, order=self.order, data=data)
        return packet(fields, self.sps, self.pps)

    def group(self, count: int) -> list[bytes]:
        """A P picture and, behind it, ``count`` B pictures that are shown before it."""
        before = self.order
        self.order = (self.order + 2 * count) % (1 << self.sps.order_bits)
        packets = [self.next(key=False)]
        for number in range(1, count + 1):
            fields = between(
                pps_id=self.pps.pps_id,
                frame_num=(self.frame_num + 1) % (1 << self.sps.frame_num_bits),
                order=(before + 2 * number) % (1 << self.sps.order_bits),
                data=b"\x35\x12\x80",
            )
            packets.append(packet(fields, self.sps, self.pps))
        return packets


SETS = st.builds(
    lambda bits, kind, order, references, pps_id, sps_id, cabac: (
        replace(SPS, frame_num_bits=bits, order_type=kind, order_bits=order, references=references, sps_id=sps_id),
        PpsFields(pps_id=pps_id, sps_id=sps_id, cabac=cabac),
    ),
    st.integers(4, 16),
    st.sampled_from([0, 2]),
    st.integers(4, 16),
    st.integers(1, 16),
    st.integers(0, 255),
    st.integers(0, 31),
    st.integers(0, 1),
)
MACROBLOCKS = st.sets(st.integers(0, 47), max_size=20)
STEP = st.tuples(
    st.one_of(st.sampled_from(["real", "held", "held", "replay", "key"]), MACROBLOCKS), st.integers(1, 400)
)


@settings(deadline=None)
@given(SETS, st.lists(STEP, max_size=40), st.integers(0, 10**7))
def test_any_sequence_has_right_numbers(sets, steps, display):
    """Order counts, frame_num and idr_pic_id by 7.4.3, 7.4.1.2.4 and 8.2.1: see ``Stream.picture``."""
    sps, pps = sets
    encoder = Encoder(sps, pps)
    splicer = Splicer(extradata(sps, pps))
    stream = Stream(splicer.header)
    idr_display = reference = display
    stream.picture(splicer.real(encoder.next(key=True), display))
    real_since = False
    for what, step in steps:
        if what not in ("replay", "key") and display + step - reference > splicer.max_distance:
            with pytest.raises(SpliceRefused, match="key frame is due"):
                splicer.held(display + step)
            continue
        display += step
        if what == "replay":
            unit = splicer.replay(display)
            assert (unit is None) == real_since
            if unit is None:
                display -= step
                continue
            idr_display = display
        elif what == "held":
            unit = splicer.held(display)
        elif what in ("real", "key"):
            unit = splicer.real(encoder.next(key=what == "key"), display)
            real_since = what == "real"
            idr_display = display if what == "key" else idr_display
        else:
            unit = splicer.patched(display, [PcmRun(mb, bytes([mb] * 384)) for mb in sorted(what)])
        picture = stream.picture(unit)
        first = picture.slices[0]
        assert picture.order == 2 * (display - idr_display)
        assert (first.unit_type == 5) == (what in ("replay", "key")) == splicer.last_is_idr
        assert (first.ref_idc > 0) == (what in ("replay", "key", "real"))
        reference = display if first.ref_idc else reference


GROUP = st.tuples(
    st.one_of(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["held", "replay", "key"]), MACROBLOCKS),
    st.lists(st.integers(1, 200), min_size=4, max_size=4),
)


@settings(deadline=None)
@given(SETS, st.lists(GROUP, max_size=40), st.integers(0, 10**7))
def test_any_sequence_with_b_pictures_has_right_numbers(sets, groups, display):
    """As above, with up to three B pictures in front of a reference; ``Stream`` also plays a decoder's buffer."""
    sps = replace(sets[0], order_type=0, references=max(2, sets[0].references), restriction=())
    pps = sets[1]
    encoder = Encoder(sps, pps)
    splicer = Splicer(extradata(sps, pps))
    stream = Stream(splicer.header)
    assert splicer.reorder == 1
    idr_display = reference = display
    stream.picture(splicer.real(encoder.next(key=True), display))
    real_since = False
    for what, steps in groups:
        if isinstance(what, int):
            displays = [display + sum(steps[: n + 1]) for n in range(what + 1)]
            if displays[-1] - reference > splicer.max_distance:
                continue
            for unit, at in zip(encoder.group(what), displays[-1:] + displays[:-1], strict=True):
                picture = stream.picture(splicer.real(unit, at))
                assert picture.order == 2 * (at - idr_display)
                assert (picture.slices[0].slice_type == 1) == (at != displays[-1])
            display = reference = displays[-1]
            real_since = True
            continue
        if what in ("held", "replay") and display + steps[0] - reference > splicer.max_distance:
            continue
        if what == "replay" and real_since:
            assert splicer.replay(display + steps[0]) is None
            continue
        if isinstance(what, set) and display + steps[0] - reference > splicer.max_distance:
            continue
        display += steps[0]
        if what == "held":
            unit = splicer.held(display)
        elif what == "replay":
            unit = splicer.replay(display) or b""
        elif what == "key":
            unit = splicer.real(encoder.next(key=True), display)
            real_since = False
        else:
            unit = splicer.patched(display, [PcmRun(mb, bytes([mb] * 384)) for mb in sorted(what)])
        if splicer.last_is_idr:
            idr_display = reference = display
        assert stream.picture(unit).order == 2 * (display - idr_display)


@pytest.mark.parametrize("cabac", [0, 1], ids=["CAVLC", "CABAC"])
def test_ten_thousand_b_pictures_in_one_group(cabac):
    """Order counts of the encoder (5 bits) and of the output pass their ranges many times."""
    sps = replace(SPS, references=3, order_type=0, order_bits=5, restriction=(1, 0, 0, 9, 9, 1, 3))
    pps = PpsFields(cabac=cabac)
    encoder = Encoder(sps, pps)
    splicer = Splicer(extradata(sps, pps))
    stream = Stream(splicer.header)
    rng = random.Random(6)
    stream.picture(splicer.real(encoder.next(key=True), 0))
    display = 0
    while stream.counts["B"] < 10_000:
        row = rng.choice([0, 1, 2, 3, 3])
        ahead = display + row + 1
        for unit, at in zip(encoder.group(row), [ahead, *range(display + 1, ahead)], strict=True):
            assert stream.picture(splicer.real(unit, at)).order == 2 * at
        display = ahead
        for _ in range(rng.choice([0, 0, 0, 1, 30])):
            display += 1
            assert stream.picture(splicer.held(display)).order == 2 * display
    assert 2 * display > 65536
    assert stream.counts["P"] > 2500


@settings(deadline=None)
@given(MACROBLOCKS, MACROBLOCKS)
def test_any_pattern_of_macroblocks_covers_the_picture_once(intra, pcm):
    """Slices in order, I slices where runs are, and every macroblock coded or skipped exactly once."""
    splicer = Splicer(extradata(replace(SPS, timing=())))
    splicer.real(packet(idr()), 0)
    stream = Stream(splicer.header)
    bits = bytes(range(7, 107))
    pieces: list[IntraRun | PcmRun] = []
    runs: dict[int, int] = {}
    for mb in range(48):
        if mb in intra:
            if mb % 8 and mb - 1 in intra:
                first = max(runs)
                runs[first] += 1
            else:
                runs[mb] = 1
    pieces = [IntraRun(first, count, bits, first % 9, 700 + first, 0) for first, count in runs.items()]
    pieces += [PcmRun(mb, bytes(range(128)) * 3) for mb in pcm - intra]
    pieces.sort(key=lambda piece: piece.first_mb if isinstance(piece, IntraRun) else piece.mb)
    assert splicer.fits(pieces)
    unit = splicer.patched(3, pieces)
    stream.picture(unit)
    covered = 0
    seen_pcm = []
    for nal in units_of(unit):
        one = read_slice(nal, stream.sps, stream.pps, limit=1 << 20)
        assert one.first_mb == covered
        data = one.bits[one.data_at : one.bits.rindex("1")]
        if one.slice_type == 2:
            whole = "".join(f"{byte:08b}" for byte in bits)
            first = one.first_mb
            assert data == whole[first % 9 : 700 + first]
            covered += runs[first]
            continue
        at = one.data_at
        while at < one.bits.rindex("1"):
            zeros = one.bits.index("1", at) - at
            covered += int(one.bits[at + zeros : at + 2 * zeros + 1], 2) - 1  # mb_skip_run
            at += 2 * zeros + 1
            if at == one.bits.rindex("1"):
                break
            assert one.bits[at : at + 9] == "000011111"  # ue(30)
            at = -(-(at + 9) // 8) * 8
            assert one.bits[at : at + 3072] == "".join(f"{byte:08b}" for byte in bytes(range(128)) * 3)
            at += 3072
            seen_pcm.append(covered)
            covered += 1
    assert covered == 48
    assert seen_pcm == sorted(pcm - intra)


@pytest.mark.parametrize("cabac", [0, 1], ids=["CAVLC", "CABAC"])
def test_seventy_thousand_pictures_of_an_endless_group(cabac):
    """Order counts pass 16 bits twice and frame_num some thousand times, with one IDR picture at the start."""
    sps, pps = replace(SPS, references=3), PpsFields(cabac=cabac)
    encoder = Encoder(sps, pps)
    splicer = Splicer(extradata(sps, pps))
    stream = Stream(splicer.header)
    rng = random.Random(5)
    patch = [PcmRun(17, bytes(range(96)) * 4)]
    next_real = 0
    count = reals = 0
    display = 0
    while count < 70_000:
        if count == next_real:
            unit = splicer.real(encoder.next(key=False), display)
            next_real += rng.choice([1, 1, 2, 5, 30, 200])
            reals += 1
        elif rng.random() < 0.02:
            unit = splicer.patched(display, patch)
        else:
            unit = splicer.held(display)
        assert stream.picture(unit).order == 2 * display
        count += 1
        display += 1
    assert 2 * display > 2 * (1 << stream.sps.order_bits) == 2 * 65536
    assert reals > 1000


def test_as_far_apart_as_order_counts_allow():
    """Real pictures at the largest distance, many times over: the decoder's count (8.2.1.1) is still right."""
    encoder = Encoder(SPS, PpsFields())
    splicer = Splicer(extradata(SPS))
    stream = Stream(splicer.header)
    far = splicer.max_distance
    for number in range(60):
        display = number * far
        assert stream.picture(splicer.real(encoder.next(key=False), display)).order == 2 * display
        assert stream.picture(splicer.held(display + far - 1)).order == 2 * (display + far - 1)


# --- with a decoder ---------------------------------------------------------------------------------------------------


@functools.cache
def true_stream(options: str) -> tuple[bytes, list[bytes], list[np.ndarray]]:
    extra, packets = encode(moving(8, 128, 96, fade=True), preset="medium", options=options, keys=(3, 6))
    return extra, packets, decode(extra + b"".join(packets))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["ref=1", "ref=3:weightp=2", "cabac=0:ref=2"]),
    st.lists(st.tuples(st.one_of(st.sampled_from(["held", "replay"]), MACROBLOCKS), st.integers(1, 90)), max_size=25),
    st.sets(st.integers(0, 25), max_size=8),
    st.integers(0, 2**32),
)
def test_any_sequence_decodes_to_what_was_asked_for(options, steps, reals, seed):
    extra, packets, pictures = true_stream(options)
    splicer = Splicer(extra)
    rng = np.random.default_rng(seed)
    out = [splicer.header, splicer.real(packets[0], 0)]
    wanted = [pictures[0]]
    current = display = 0
    for index, (what, step) in enumerate(steps):
        if index in reals and current + 1 < len(packets):
            current += 1
            display += 1
            out.append(splicer.real(packets[current], display))
            wanted.append(pictures[current])
        display += step
        shown = pictures[current]
        if what == "held":
            out.append(splicer.held(display))
        elif what == "replay":
            unit = splicer.replay(display)
            assert (unit is None) == (current not in (0, 3, 6))
            if unit is None:
                continue
            out.append(unit)
        else:
            pieces = []
            for mb in sorted(what):
                data = (rng.integers(0, 256, 384) * rng.integers(0, 2, 384)).astype(np.uint8).tobytes()
                pieces.append(PcmRun(mb, data))
                shown = patched_picture(shown, mb, data)
            out.append(splicer.patched(display, pieces))
        wanted.append(shown)
    assert differing(decode(b"".join(out)), wanted) == []
