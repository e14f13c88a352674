"""Streams with B pictures that nothing refers to: what is inserted between closed groups, and what is refused."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from splice_streams import (
    FREE,
    REORDERED,
    PpsFields,
    Reader,
    SliceFields,
    Stream,
    between,
    bits_of,
    decode,
    differing,
    encode_timed,
    extradata,
    idr,
    moving,
    packet,
    patched_picture,
    read_pps,
    read_slice,
    read_sps,
    unescaped,
    units_of,
)
from test_splicer import assert_trace_is_clean, decoded_by, intra_run, program_of, samples, with_run

from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer

# --- streams of x264 --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mode:
    """How x264 is opened; ``references`` is what its SPS must say."""

    preset: str
    options: str
    size: tuple[int, int] = (128, 96)
    cabac: bool = True
    references: int = 2
    fade: bool = False
    pixel_format: str = "yuv420p"
    profile: str = ""
    crf: int = 24


MODES = {
    "ultrafast, 1": Mode("ultrafast", "bframes=1:b-adapt=0", cabac=False),
    "ultrafast, 3": Mode("ultrafast", "bframes=3:b-adapt=0:ref=3", cabac=False, references=3),
    "superfast, 3": Mode("superfast", "bframes=3:b-adapt=0"),
    "veryfast, 2": Mode("veryfast", "bframes=2:b-adapt=0", size=(320, 176)),
    "veryfast, 3 as it likes": Mode("veryfast", "bframes=3:b-adapt=1"),
    "faster, 3, two references": Mode("faster", "bframes=3:b-adapt=2:ref=2"),
    "medium, 3": Mode("medium", "bframes=3:b-adapt=0:ref=3", references=3, fade=True),
    "medium, 2, one reference": Mode("medium", "bframes=2:b-adapt=2:ref=1", size=(176, 144)),
    "medium, 1, CAVLC": Mode("medium", "bframes=1:b-adapt=0:ref=3:cabac=0", references=3, cabac=False, fade=True),
    "medium, 3, CAVLC": Mode("medium", "bframes=3:b-adapt=0:ref=2:cabac=0", cabac=False, crf=12),
    "slow, 3": Mode("slow", "bframes=3:ref=5", references=5, size=(176, 144)),
    "Main, 2": Mode("faster", "bframes=2:b-adapt=0", profile="main"),
    "NV12, AUD": Mode("veryfast", "bframes=3:b-adapt=0:aud=1:repeat-headers=1", pixel_format="nv12"),
}
COUNT = 18
KEYS = (0, 11)


def closed_of(seed: int) -> set[int]:
    """Pictures asked to be P pictures, behind which something may be inserted."""
    rng = random.Random(seed)
    return set(rng.sample([n for n in range(2, COUNT) if n not in KEYS], 4)) | {COUNT - 1}


Source = tuple[bytes, list[tuple[bytes, int]], list[np.ndarray], set[int]]


@pytest.fixture(scope="module")
def source() -> Callable[[Mode, int], Source]:
    """Extradata, packets with their pictures' indices, decoded pictures, and those that end a group."""
    made: dict[tuple[Mode, int], Source] = {}

    def of(mode: Mode, seed: int = 1) -> Source:
        if (mode, seed) not in made:
            closed = closed_of(seed)
            extra, packets = encode_timed(
                moving(COUNT, *mode.size, fade=mode.fade), preset=mode.preset, options=f"{mode.options}:{FREE}",
                keys=KEYS[1:], closed=closed, pixel_format=mode.pixel_format, profile=mode.profile, crf=mode.crf,
            )  # fmt: skip
            real = decode(extra + b"".join(data for data, _ in packets))
            made[mode, seed] = extra, packets, real, closed | set(KEYS) | {key - 1 for key in KEYS[1:]}
        return made[mode, seed]

    return of


Asked = tuple[bytes, list[bytes], list[np.ndarray]]


def spliced(
    extra: bytes, packets: list[tuple[bytes, int]], real: list[np.ndarray], ends: set[int], seed: int,
    patch: tuple[bytes, list[IntraRun], list[np.ndarray]] | None = None,
) -> Asked:  # fmt: skip
    """Header, access units in coding order, pictures in display order: behind each of ``ends`` a few are inserted."""
    rng = random.Random(seed)
    splicer = Splicer(extra, patch_pps=patch and patch[0])
    assert splicer.reorder == 1
    count = splicer.width_mbs * splicer.height_mbs
    # The place of each real picture and of those behind it, before anything is coded.
    places: list[int] = []
    room: dict[int, list[int]] = {}
    display = rng.randrange(5)
    for index in range(len(real)):
        places.append(display)
        display += rng.randint(1, 3)
        if index in ends:
            room[index] = []
            for _ in range(rng.randint(1, 5)):
                room[index].append(display)
                display += rng.choice([1, 1, 2, 300])
    units: list[bytes] = []
    shown: dict[int, np.ndarray] = {}

    def add(unit: bytes | None, at: int, picture: np.ndarray) -> None:
        assert unit is not None
        units.append(unit)
        shown[at] = picture

    seen: set[int] = set()
    for data, index in packets:
        add(splicer.real(data, places[index]), places[index], real[index])
        is_key = splicer.last_is_idr
        assert splicer.replayable == is_key
        seen.add(index)
        last = max(seen)
        if last not in ends or seen != set(range(last + 1)):
            # A picture that ends a group comes right before its B pictures, and nothing of the next one earlier.
            assert all(last <= end or seen >= set(range(end + 1)) for end in ends)
            continue
        for at in room[last]:
            kind = rng.randrange(5)
            if kind == 0 and splicer.replayable:
                assert is_key
                add(splicer.replay(at), at, real[last])
            elif kind in (0, 1):
                add(splicer.held(at), at, real[last])
            elif patch is not None and kind == 2:
                changed = real[last]
                for run, decoded in zip(patch[1], patch[2], strict=True):
                    changed = with_run(changed, run, decoded)
                add(splicer.patched(at, patch[1]), at, changed)
            else:
                mbs = sorted(rng.sample(range(count), rng.randint(0, 9)))
                pieces = [PcmRun(mb, samples(at + mb)) for mb in mbs]
                changed = real[last]
                for piece in pieces:
                    changed = patched_picture(changed, piece.mb, piece.samples)
                add(splicer.patched(at, pieces), at, changed)
        assert is_key or splicer.replay(room[last][-1] + 1) is None
    return splicer.header, units, [shown[at] for at in sorted(shown)]


def checked(header: bytes, units: list[bytes]) -> Stream:
    stream = Stream(header)
    for unit in units:
        stream.picture(unit)
    return stream


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("case", MODES)
def test_decoded_pictures_are_those_asked_for(case, seed, source, tmp_path):
    """By PyAV and the ffmpeg program: the encoder's own stream, with copies and patches between."""
    mode = MODES[case]
    extra, packets, real, ends = source(mode, seed)
    assert [index for _, index in packets] != sorted(index for _, index in packets)
    header, units, wanted = spliced(extra, packets, real, ends, seed)
    stream = checked(header, units)
    assert stream.counts["B"] > 0
    assert stream.counts["inserted"] > 3
    assert stream.pps[stream.real_pps].cabac == mode.cabac
    assert stream.sps.references == mode.references
    assert differing(decode(header + b"".join(units)), wanted) == []
    if shutil.which("ffmpeg") is not None:
        path = tmp_path / "x.h264"
        path.write_bytes(header + b"".join(units))
        pictures, said = decoded_by("ffmpeg", path, mode.size, "-f", "h264", "-framerate", "30")
        assert said == ""
        assert differing(pictures, wanted) == []


def test_every_number_of_b_pictures_occurs(source):
    """One, two and three in a row: else the modes test less than their names say."""
    found = set()
    for mode in MODES.values():
        order = [index for _, index in source(mode, 1)[1]]
        newest = row = 0
        for index in order:
            row = row + 1 if index < newest else 0
            newest = max(newest, index)
            found.add(row)
    assert found == {0, 1, 2, 3}


@pytest.mark.parametrize("case", ["medium, 3", "medium, 3, CAVLC"])
def test_trace_headers_finds_nothing_wrong(case, source, tmp_path):
    header, units, _ = spliced(*source(MODES[case], 3), seed=3)
    path = tmp_path / "x.h264"
    path.write_bytes(header + b"".join(units))
    assert_trace_is_clean(path, len(units))


@pytest.mark.parametrize("case", ["medium, 3", "medium, 1, CAVLC"])
def test_runs_of_a_tiny_encoder_between_groups(case, source):
    mode = MODES[case]
    other = moving(1, *mode.size, seed=5)[0]
    made = [intra_run(other, *place, baseline=False) for place in ((0, 0, 3), (5, 0, 1), (2, 1, 4), (6, 5, 2))]
    patch = made[0][0], [run for _, run, _ in made], [decoded for _, _, decoded in made]
    header, units, wanted = spliced(*source(mode, 4), seed=4, patch=patch)
    stream = Stream(header)
    assert any(len(stream.picture(unit).slices) > 3 for unit in units)
    assert differing(decode(header + b"".join(units)), wanted) == []


@pytest.mark.parametrize("cabac", [0, 1], ids=["CAVLC", "CABAC"])
@pytest.mark.parametrize("row", [1, 3])
def test_macroblocks_of_samples_in_b_pictures_keep_their_alignment(cabac, row):
    """Noise at the finest quantiser: x264 writes I_PCM, whose samples begin at a byte boundary (7.3.5)."""
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 256, (144, 128), dtype=np.uint8) for _ in range(9)]
    options = f"cabac={cabac}:qp=1:ipratio=1:pbratio=1:psy=0:weightp=0:bframes={row}:b-adapt=0:{FREE}"
    extra, packets = encode_timed(pictures, options=options, preset="medium", closed=(4,), keys=(6,))
    real = decode(extra + b"".join(data for data, _ in packets))
    header, units, wanted = spliced(extra, packets, real, {0, 4, 5, 6, 8}, 3)
    stream = Stream(header)
    sizes = [len(unit) for unit in units if stream.picture(unit).slices[0].slice_type == 1]
    assert len(sizes) > 1
    assert all(370 < size / 48 < 400 for size in sizes), "these are not macroblocks of 384 samples"
    assert differing(decode(header + b"".join(units)), wanted) == []


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason", "violates"),
    [
        ("b-pyramid=none:weightb=0:direct=temporal", "direct=temporal", lambda s: not s.direct),
        ("b-pyramid=none:weightb=0:direct=none", "direct=temporal", lambda s: not s.direct),
        ("b-pyramid=none:weightb=1:direct=spatial", "weightb", lambda s: True),
        ("b-pyramid=normal:weightb=0:direct=spatial", "b-pyramid", lambda s: False),
        ("b-pyramid=strict:weightb=0:direct=spatial", "b-pyramid", lambda s: False),
    ],
)
@pytest.mark.parametrize("cabac", [0, 1], ids=["CAVLC", "CABAC"])
def test_options_of_x264_that_break_a_condition_are_refused_where_they_first_do(options, reason, violates, cabac):
    options = f"bframes=3:b-adapt=0:cabac={cabac}:{options}"
    extra, packets = encode_timed(moving(8, 128, 96), preset="medium", options=options)
    sets = {unit[0] & 31: unit for unit in units_of(extra)}
    sps, pps = read_sps(sets[7]), read_pps(sets[8])
    splicer = Splicer(extra)
    for data, index in packets:
        nal = next(unit for unit in units_of(data) if unit[0] & 31 in (1, 5))
        # A B picture of a pyramid may mark references by itself, which the parser of the tests does not read.
        bits = Reader(bits_of(unescaped(nal[1:12])))
        bits.ue()
        between_two = bits.ue() % 5 == 1
        reference = nal[0] >> 5 > 0
        if not between_two or not (reference or violates(read_slice(nal, sps, {pps.pps_id: pps}))):
            splicer.real(data, index)
            continue
        assert reference == (reason == "b-pyramid")
        with pytest.raises(SpliceRefused, match=reason):
            splicer.real(data, index)
        return
    pytest.fail("no such picture came")


PPS = PpsFields()
"""Of the pictures below, which are named by how far from the last IDR picture they are shown."""


def p(number: int, order: int, **more: object) -> bytes:
    return packet(SliceFields(frame_num=number, order=2 * order, **more), REORDERED, PPS)  # type: ignore[arg-type]


def b(number: int, order: int, **more: object) -> bytes:
    return packet(between(frame_num=number, order=2 * order, **more), REORDERED, PPS)


def opened() -> Splicer:
    """0, then 3 and 1 of a group of B pictures 1 and 2."""
    splicer = Splicer(extradata(REORDERED, PPS))
    splicer.real(packet(idr(), REORDERED, PPS), 10)
    splicer.real(p(1, 3), 13)
    splicer.real(b(2, 1), 11)
    return splicer


REFUSED = {
    "the same again": (b(2, 1), "not in turn"),
    "behind the reference": (b(2, 4), "right before"),
    "the reference's own place": (b(2, 3), "right before"),
    "before the group": (b(2, 0), "right before"),
    "far before": (b(2, 25), "right before"),
    "frame_num of the reference": (b(1, 2), "expected was 2"),
    "frame_num counts B pictures": (b(3, 2), "expected was 2"),
    "reference before the last": (p(2, 2), "another order"),
    "reference in the last's place": (p(2, 3), "another order"),
    "frame_num of the next counts B pictures": (p(3, 6), "expected was 2"),
    "P that is no reference": (p(2, 6, ref_idc=0), "no reference"),
    "B that is a reference": (b(2, 2, ref_idc=1), "b-pyramid"),
    "temporal": (b(2, 2, direct=0), "direct=temporal"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_picture_in_the_wrong_place_is_refused(case):
    unit, reason = REFUSED[case]
    splicer, same = opened(), opened()
    with pytest.raises(SpliceRefused, match=reason):
        splicer.real(unit, 12)
    for call in (lambda s: s.real(b(2, 2), 12), lambda s: s.held(14), lambda s: s.real(p(2, 4), 15)):
        assert call(splicer) == call(same), "a refused call has changed something"


def test_b_pictures_before_the_first_group_or_behind_a_key_frame_are_refused():
    splicer = Splicer(extradata(REORDERED, PPS))
    with pytest.raises(SpliceRefused, match="begin with an IDR"):
        splicer.real(b(1, 1), 0)
    splicer.real(packet(idr(), REORDERED, PPS), 5)
    for order in (-1, 0, 1):
        with pytest.raises(SpliceRefused, match="right before"):
            splicer.real(b(1, order % 32), 4)
    splicer = opened()
    splicer.real(packet(idr(), REORDERED, PPS), 20)
    with pytest.raises(SpliceRefused, match="right before"):
        splicer.real(b(1, 31), 12)
    splicer.replay(21)
    with pytest.raises(SpliceRefused, match="right before"):
        splicer.real(b(1, 31), 20)


def test_pictures_are_inserted_only_behind_the_last_reference():
    splicer = opened()
    for call in (
        lambda: splicer.held(12),
        lambda: splicer.held(13),
        lambda: splicer.patched(12, []),
        lambda: splicer.real(b(2, 2), 11),
        lambda: splicer.real(b(2, 2), 10),
        lambda: splicer.real(b(2, 2), 13),
        lambda: splicer.real(b(2, 2), 14),
        lambda: splicer.real(p(2, 4), 12),
        lambda: splicer.real(packet(idr(), REORDERED, PPS), 13),
    ):
        with pytest.raises(ValueError, match=r"display order|only one after"):
            call()
    assert splicer.replay(14) is None
    splicer.real(b(2, 2), 12)
    splicer.held(14)


@pytest.mark.parametrize("insert", [lambda s: s.held(14), lambda s: s.patched(14, [PcmRun(3, bytes(384))])])
def test_a_b_picture_behind_an_inserted_picture_is_the_callers_fault(insert):
    splicer = opened()
    insert(splicer)
    with pytest.raises(ValueError, match="only one after 13 and before 13"):
        splicer.real(b(2, 2), 12)
    splicer.real(p(2, 7), 20)  # its B pictures are shown behind what was inserted
    with pytest.raises(ValueError, match="only one after 14 and before 20"):
        splicer.real(b(3, 5), 14)
    splicer.real(b(3, 5), 15)
    splicer.real(b(3, 6), 19)


def test_numbers_of_a_group():
    """By hand: order counts, frame_num and reordering as 7.4.3 and 8.2.1 ask for."""
    splicer = opened()
    units = [
        splicer.real(b(2, 2), 12), splicer.held(14), splicer.real(p(2, 6), 17), splicer.real(b(3, 4), 15),
        splicer.real(b(3, 5), 16), splicer.held(18), splicer.real(packet(idr(), REORDERED, PPS), 19),
    ]  # fmt: skip
    sps, *sets = units_of(splicer.header)
    pps = {read_pps(unit).pps_id: read_pps(unit) for unit in sets}
    fields = read_sps(sps)
    read = [read_slice(nal, fields, pps) for unit in units for nal in units_of(unit)]
    assert [(s.order_lsb, s.frame_num, s.ref_idc, s.pps_id) for s in read] == [
        (4, 2, 0, 0), (8, 2, 0, 1), (14, 2, 2, 0), (10, 3, 0, 0), (12, 3, 0, 0), (16, 3, 0, 1), (0, 0, 3, 0),
    ]  # fmt: skip
    assert fields.restriction[5:] == (1, 3)  # two references, and room for what waits


def test_b_pictures_as_far_from_their_reference_as_order_counts_allow():
    sps = replace(REORDERED, order_bits=8)
    for pps in (PPS, PpsFields(cabac=0)):
        splicer = Splicer(extradata(sps, pps))
        stream = Stream(splicer.header)
        stream.picture(splicer.real(packet(idr(), sps, pps), 0))
        far = splicer.max_distance
        for number in range(1, 20):
            at = number * far
            data = packet(SliceFields(frame_num=number % 16, order=6 * number % 256), sps, pps)
            with pytest.raises(SpliceRefused, match="key frame is due"):
                splicer.real(data, at + 1)
            assert stream.picture(splicer.real(data, at)).order == 2 * at
            for order, display in ((4, at - far + 1), (2, at - 1)):
                fields = between(frame_num=(number + 1) % 16, order=(6 * number - order) % 256)
                assert stream.picture(splicer.real(packet(fields, sps, pps), display)).order == 2 * display


# --- release: large pictures ------------------------------------------------------------------------------------------


@pytest.mark.release
@pytest.mark.timeout(900)
@pytest.mark.parametrize("cabac", [1, 0], ids=["CABAC", "CAVLC"])
@pytest.mark.parametrize("preset", ["ultrafast", "superfast", "veryfast", "medium"])
def test_large_pictures(preset, cabac, tmp_path):
    """1920x1072: PyAV, the ffmpeg program and trace_headers. OpenH264 decodes no B pictures."""
    closed = {4, 7, 8, 11}
    options = f"cabac={cabac}:level=4.2:bframes=3:b-adapt=0:{FREE}"
    extra, packets = encode_timed(moving(12, 1920, 1072), preset=preset, options=options, keys=(6,), closed=closed)
    real = decode(extra + b"".join(data for data, _ in packets))
    header, units, wanted = spliced(extra, packets, real, closed | {0, 5, 6}, 7)
    assert checked(header, units).counts["B"] > 2
    path: Path = tmp_path / "x.h264"
    path.write_bytes(header + b"".join(units))
    assert differing(decode(path.read_bytes()), wanted) == []
    decoded, said = decoded_by(program_of("ffmpeg on the PATH"), path, (1920, 1072), "-framerate", "60")
    assert said == ""
    assert differing(decoded, wanted) == []
    assert_trace_is_clean(path, len(units))
