"""Damaged packets and parameter sets: the editor refuses with a reason or goes on, and never fails in another way."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splice_streams import (
    FREE,
    START,
    PpsFields,
    SliceFields,
    SpsFields,
    encode,
    encode_timed,
    extradata,
    idr,
    moving,
    packet,
    se,
    ue,
)

from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.stream import PcmRun, Splicer

LONGEST_S = 5.0
"""For one damaged input of some kB; on a loaded machine it takes milliseconds."""


def use(extra: bytes, packets: list[bytes], patch: bytes | None = None) -> str:
    """Drive the editor as an export does. Anything but SpliceRefused passes through and fails the test."""
    started = time.monotonic()
    said = "taken"
    try:
        splicer = Splicer(extra, patch_pps=patch)
        display = 0
        for unit in packets:
            splicer.real(unit, display)
            splicer.held(display + 1)
            splicer.patched(display + 2, [PcmRun(0, bytes(384))])
            splicer.replay(display + 3)
            display += 5
    except SpliceRefused as refused:
        said = refused.reason
        assert len(said) > 10
        assert said.endswith(".")
    assert time.monotonic() - started < LONGEST_S
    return said


@pytest.fixture(scope="module", params=["cabac=1:ref=3:weightp=2", "cabac=0:ref=2:aud=1", "repeat-headers=1"])
def true(request) -> tuple[bytes, list[bytes]]:
    return encode(moving(4, 128, 96, fade=True), preset="medium", options=request.param, keys=(2,))


def mutated(data: bytes, rng: random.Random, *, near: int) -> bytes:
    """One to four changes, mostly in the first ``near`` bytes, where the headers are."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(min(len(out), near) if rng.random() < 0.8 else len(out)) if out else 0
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and out:
            out[at] = rng.choice([0, 1, 3, 0x80, 255, rng.randrange(256)])
        elif kind == 2:
            del out[at : at + rng.randint(1, 9)]
        elif kind == 3:
            out[at:at] = rng.randbytes(rng.randint(1, 9))
        elif kind == 4:
            out[at : at + rng.randint(1, 40)] = bytes(rng.randint(0, 40))
        else:
            out = out[:at] if rng.random() < 0.3 else out + out[at : at + 30]
    return bytes(out)


def test_damaged_packets(true):
    extra, packets = true
    rng = random.Random(11)
    said = set()
    for _ in range(400):
        which = rng.randrange(len(packets))
        damaged = list(packets)
        damaged[which] = mutated(packets[which], rng, near=30)
        said.add(use(extra, damaged))
    assert len(said) > 8
    assert "taken" in said  # damage within the slice data cannot be seen, and is the decoder's affair


def test_damaged_parameter_sets(true):
    extra, packets = true
    rng = random.Random(12)
    said = {use(mutated(extra, rng, near=60), packets) for _ in range(500)}
    assert len(said) > 12


def test_damaged_sets_of_the_patch_encoder(true):
    extra, packets = true
    rng = random.Random(13)
    good = PpsFields(cabac=0, extension=(1, 0, 0)).unit()
    assert use(extra, packets, good) == "taken"
    said = {use(extra, packets[:1], mutated(good, rng, near=9)) for _ in range(300)}
    assert len(said) > 5


@pytest.fixture(scope="module", params=["cabac=1:ref=3", "cabac=0:ref=2:bframes=2"])
def reordered(request) -> tuple[bytes, list[tuple[bytes, int]]]:
    options = f"bframes=3:b-adapt=0:{FREE}:{request.param}"
    pictures = moving(12, 128, 96)
    return encode_timed(pictures, preset="medium", options=options, keys=(6,), closed=(3, 8, 10))


def use_reordered(extra: bytes, packets: list[tuple[bytes, int]], *, ordered: bool = True) -> str:
    """As :func:`use`: every picture has its own place, and whenever all up to one are out something is inserted.

    Args:
        ordered: The places are those of the packets. Else the editor may say that the caller is wrong.
    """
    started = time.monotonic()
    said = "taken"
    try:
        splicer = Splicer(extra)
        seen: set[int] = set()
        for data, index in packets:
            splicer.real(data, 10 * index)
            seen.add(index)
            last = max(seen)
            if seen == set(range(last + 1)):
                splicer.held(10 * last + 1)
                splicer.patched(10 * last + 2, [PcmRun(0, bytes(384))])
                splicer.replay(10 * last + 3)
    except SpliceRefused as refused:
        said = refused.reason
        assert len(said) > 10
        assert said.endswith(".")
    except ValueError as error:
        if ordered or not ("display order" in str(error) or "only one after" in str(error)):
            raise
        said = "caller"
    assert time.monotonic() - started < LONGEST_S
    return said


def test_damaged_packets_with_b_pictures(reordered):
    extra, packets = reordered
    assert use_reordered(extra, packets) == "taken"
    rng = random.Random(15)
    said = set()
    for _ in range(500):
        which = rng.randrange(len(packets))
        damaged = list(packets)
        damaged[which] = mutated(packets[which][0], rng, near=20), packets[which][1]
        said.add(use_reordered(extra, damaged, ordered=False))
    assert len(said) > 10
    assert "taken" in said
    said = {use_reordered(mutated(extra, rng, near=60), packets, ordered=False) for _ in range(300)}
    assert len(said) > 10


def test_each_bit_of_a_header_with_b_pictures(reordered):
    extra, packets = reordered
    said = set()
    for which, (unit, index) in enumerate(packets[:5]):
        at = max(unit.find(b"\x00\x00\x01" + bytes([kind])) for kind in (0x65, 0x41, 0x61, 0x01)) + 3
        assert at > 2
        for bit in range(8 * at, 8 * min(at + 9, len(unit))):
            damaged = bytearray(unit)
            damaged[bit // 8] ^= 128 >> bit % 8
            said.add(use_reordered(extra, [*packets[:which], (bytes(damaged), index), *packets[which + 1 :]]))
    assert any("b-pyramid" in one for one in said)
    assert any("direct=temporal" in one for one in said)
    assert any("right before" in one for one in said)


def test_packets_with_b_pictures_in_another_order_or_missing(reordered):
    extra, packets = reordered
    rng = random.Random(16)
    said = set()
    for _ in range(200):
        shuffled = list(packets)
        for _ in range(rng.randint(1, 3)):
            one, other = rng.randrange(len(shuffled)), rng.randrange(len(shuffled))
            kind = rng.randrange(3)
            if kind == 0:
                shuffled[one], shuffled[other] = shuffled[other], shuffled[one]
            elif kind == 1:
                shuffled.insert(one, shuffled[other])
            else:
                del shuffled[one]
        said.add(use_reordered(extra, shuffled, ordered=False))
        # The same with places that ascend, as if nothing were reordered.
        use_reordered(extra, [(data, n) for n, (data, _) in enumerate(shuffled)], ordered=False)
    assert len(said) > 4


def test_packets_in_another_order_or_twice_or_missing(true):
    extra, packets = true
    rng = random.Random(14)
    for _ in range(60):
        said = use(extra, [rng.choice(packets) for _ in range(5)])
        assert said == "taken" or "frame_num" in said or "begin with an IDR" in said, said
    assert "expected" in use(extra, [packets[0], packets[1], packets[1]])


def test_each_bit_of_a_header(true):
    """Every bit of the start of each kind of packet turned over."""
    extra, packets = true
    for which in (0, 1):
        unit = packets[which]
        at = max(unit.find(b"\x00\x00\x01" + bytes([kind])) for kind in (0x65, 0x41, 0x61)) + 3
        for bit in range(8 * at, 8 * min(at + 14, len(unit))):
            damaged = bytearray(unit)
            damaged[bit // 8] ^= 128 >> bit % 8
            use(extra, [*packets[:which], bytes(damaged)])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200), st.one_of(st.none(), st.binary(max_size=60)))
def test_noise(extra, unit, patch):
    use(extra, [unit])
    use(START + b"\x67" + extra + START + b"\x68" + unit, [unit])
    use(extradata(), [unit], patch)
    use(extradata(), [START + b"\x65" + unit, START + b"\x41" + unit])
    use(extradata(), [packet(idr()), START + b"\x06" + unit + packet(SliceFields(frame_num=1))])
    use(START + b"\x67\x64\x00\x28" + extra + START + PpsFields().unit(), [unit])


@pytest.mark.parametrize(
    "unit",
    [
        START + b"\x65" + bytes(200_000),
        START + b"\x65\x88" + bytes(200_000),
        START + b"\x65\x88\x84" + b"\x00\x00\x03" * 70_000,
        START + b"\x41" + b"\x9a" + b"\x00\x00\x03\x00" * 50_000 + b"\x80",
        START + b"\x41" + b"\xff" * 200_000,
        START * 50_000,
        (START + b"\x09") * 40_000,
        START + b"\x06" + b"\xff" * 200_000,
        START + b"\x06" + b"\x01\x00" * 100_000,
        bytes(500_000),
    ],
    ids=[
        "zeros",
        "header and zeros",
        "escapes",
        "escapes in P",
        "ones",
        "start codes",
        "AUDs",
        "SEI",
        "small SEIs",
        "no",
    ],
)
def test_large_inputs_do_not_hang(unit):
    for pps in (PpsFields(), PpsFields(cabac=0)):
        use(extradata(None, pps), [packet(idr(), None, pps), unit])
        use(extradata(None, pps), [unit])
        use(unit, [unit])


def test_numbers_as_large_as_they_can_be():
    sps = SpsFields()
    top = 2**32 - 2
    for field in ("width", "height", "references"):
        assert use(extradata(SpsFields(**{field: top})), []) != "taken"
    for bits in (ue(top) + "1", "1" + ue(top), "1" + "1" + ue(top), "1" + "1" + "1" + "0001" + "1" + ue(top) + "0"):
        use(extradata(), [packet(idr()), START + b"\x41" + int(bits.ljust(400, "1"), 2).to_bytes(50, "big")])
    weights = ue(0) + ue(0) + ("1" + se(2**31 - 1) * 2 + "1" + se(-(2**31) + 1) * 4) * 16
    pps = PpsFields(weighted=1, references=15)
    p = SliceFields(frame_num=1, weights=weights, lists=((0, top),) * 16)
    assert use(extradata(sps, pps), [packet(idr(), sps, pps), packet(p, sps, pps)]) == "taken"
