"""The stream editor on true streams: decoders give exactly the pictures that were asked for, and say nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from splice_streams import (
    START,
    Picture,
    PpsFields,
    SliceFields,
    SpsFields,
    Stream,
    decode,
    differing,
    encode,
    extradata,
    idr,
    moving,
    packet,
    patched_picture,
    read_pps,
    read_slice,
    read_sps,
    se,
    ue,
    units_of,
)

from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer

# --- streams of x264 --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mode:
    """How x264 is opened, and what its stream must show so that the case tests what its name says."""

    preset: str = "veryfast"
    options: str = ""
    profile: str = ""
    size: tuple[int, int] = (128, 96)
    pixel_format: str = "yuv420p"
    fade: bool = False
    cabac: bool = True
    lists: bool = False
    weights: bool = False
    references: int = 1


MODES = {
    "ultrafast (CAVLC)": Mode("ultrafast", cabac=False),
    "superfast": Mode("superfast"),
    "veryfast": Mode("veryfast", size=(320, 176)),
    "veryfast, weights": Mode("veryfast", fade=True, weights=True),
    "medium": Mode("medium", references=3, lists=True, weights=True),
    "medium, weights and lists": Mode("medium", "ref=4:weightp=2", fade=True, lists=True, weights=True, references=4),
    "medium, CAVLC, weights and lists": Mode(
        "medium", "ref=4:weightp=2:cabac=0", fade=True, lists=True, weights=True, references=4, cabac=False
    ),
    "slow": Mode("slow", references=5, size=(176, 144), lists=True, weights=True),
    "Main without 8x8": Mode("faster", profile="main", references=2),
    "Constrained Baseline": Mode("fast", profile="baseline", references=2, cabac=False),
    "nv12": Mode("faster", pixel_format="nv12", references=2),
    "no deblocking": Mode("veryfast", "no-deblock=1"),
    "AUD and SEI": Mode("veryfast", "aud=1"),
    "repeated headers": Mode("veryfast", "repeat-headers=1"),
}


@pytest.fixture(scope="module")
def source() -> Callable[[Mode], tuple[bytes, list[bytes], list[np.ndarray]]]:
    """Extradata, packets and decoded pictures of a mode; each made once."""
    made: dict[Mode, tuple[bytes, list[bytes], list[np.ndarray]]] = {}

    def of(mode: Mode) -> tuple[bytes, list[bytes], list[np.ndarray]]:
        if mode not in made:
            pictures = moving(9, *mode.size, fade=mode.fade)
            extra, packets = encode(
                pictures,
                preset=mode.preset,
                options=mode.options,
                profile=mode.profile,
                pixel_format=mode.pixel_format,
                keys=(4,),
            )
            made[mode] = extra, packets, decode(extra + b"".join(packets))
        return made[mode]

    return of


def samples(seed: int) -> bytes:
    """A macroblock of noise, with zeros in it that need emulation prevention."""
    data = np.random.default_rng(seed).integers(0, 256, 384, dtype=np.uint8)
    data[seed % 200 : seed % 200 + 9] = 0
    return data.tobytes()


def spliced(extra: bytes, packets: list[bytes], real: list[np.ndarray]) -> tuple[bytes, list[bytes], list[np.ndarray]]:
    """Header, access units and expected pictures: each real picture is held, patched and, where it can be, replayed."""
    splicer = Splicer(extra)
    width = splicer.width_mbs
    count = width * splicer.height_mbs
    units: list[bytes] = []
    wanted: list[np.ndarray] = []
    display = 0

    def add(unit: bytes | None, picture: np.ndarray) -> None:
        nonlocal display
        assert unit is not None
        units.append(unit)
        wanted.append(picture)
        display += 1 + display % 3  # gaps between display indices are the container's affair

    patches: list[list[int]] = [
        [0],
        [count - 1],
        [2, 3, width, width + 1, count - 2],
        [],
        list(range(0, count, 7))[:20],
    ]
    for index, (unit, picture) in enumerate(zip(packets, real, strict=True)):
        add(splicer.real(unit, display), picture)
        add(splicer.held(display), picture)
        for mbs in (patches[index % 5], patches[(index + 2) % 5]):
            pieces = [PcmRun(mb, samples(display + mb)) for mb in mbs]
            changed = picture
            for piece in pieces:
                changed = patched_picture(changed, piece.mb, piece.samples)
            add(splicer.patched(display, pieces), changed)
        add(splicer.held(display), picture)
        if splicer.replayable:
            add(splicer.replay(display), picture)
            add(splicer.held(display), picture)
            add(splicer.replay(display), picture)
    return splicer.header, units, wanted


@pytest.mark.parametrize("case", MODES)
def test_decoded_pictures_are_those_asked_for(case, source):
    mode = MODES[case]
    extra, packets, real = source(mode)
    header, units, wanted = spliced(extra, packets, real)
    assert differing(decode(header + b"".join(units)), wanted) == []

    # Each access unit by itself, so that the parser has nothing to guess.
    assert differing(decode(header + units[0]) + decode(header + units[0] + units[1])[1:], wanted[:2]) == []

    stream = Stream(header)
    pictures = [stream.picture(unit) for unit in units]
    assert [p.slices[0].unit_type == 5 for p in pictures].count(True) == 2 * 3
    reals = [p.slices[0] for p in pictures if p.slices[0].ref_idc]
    assert stream.pps[stream.real_pps].cabac == mode.cabac
    assert stream.sps.references == mode.references
    assert any(s.lists for s in reals) == mode.lists
    assert any(s.weighted for s in reals) == mode.weights
    assert all(unit[0] & 31 in (1, 5) for access in units for unit in units_of(access))


@pytest.mark.parametrize("cabac", [0, 1], ids=["CAVLC", "CABAC"])
@pytest.mark.parametrize("reordering", [False, True], ids=["order type 2", "order type 0"])
def test_macroblocks_of_samples_keep_their_alignment(cabac, reordering):
    """Noise at the finest quantiser: x264 writes I_PCM, whose samples begin at a byte boundary (7.3.5)."""
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 256, (144, 128), dtype=np.uint8) for _ in range(5)]
    options = f"cabac={cabac}:qp=1:psy=0:weightp=0" + (":bframes=1:b-adapt=0" if reordering else "")
    extra, packets = encode(pictures, options=options, preset="medium", keys=(2, 3), only_p=reordering)
    assert 370 < sum(map(len, packets)) / (5 * 48) < 400, "these are not macroblocks of 384 samples"
    sps = read_sps(next(unit for unit in units_of(extra) if unit[0] & 31 == 7))
    assert sps.order_type == (0 if reordering else 2)
    splicer = Splicer(extra)
    real = decode(extra + b"".join(packets))
    units, wanted = [], []
    for index, unit in enumerate(packets):
        units += [splicer.real(unit, 10 * index), splicer.held(10 * index + 1)]
        wanted += [real[index]] * 2
        for again in (2, 4, 6):
            if splicer.replayable:
                units += [splicer.replay(10 * index + again) or b"", splicer.held(10 * index + again + 1)]
                wanted += [real[index]] * 2
    assert differing(decode(splicer.header + b"".join(units)), wanted) == []


def test_inserted_pictures_are_small(source):
    extra, packets, _ = source(MODES["veryfast"])
    splicer = Splicer(extra)
    splicer.real(packets[0], 0)
    assert len(splicer.held(1)) <= 16
    assert len(splicer.patched(2, [PcmRun(30, samples(1))])) < 384 + 24


def intra_run(
    picture: np.ndarray, column: int, row: int, count: int, *, baseline: bool
) -> tuple[bytes, IntraRun, np.ndarray]:
    """A run coded by a tiny x264 as wide as it: its PPS, the slice data and what it decodes to."""
    height = picture.shape[0] * 2 // 3
    width = picture.shape[1]
    luma = picture[16 * row : 16 * row + 16, 16 * column : 16 * (column + count)]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    chroma = chroma[:, 8 * row : 8 * row + 8, 8 * column : 8 * (column + count)]
    tiny = np.concatenate([luma.reshape(-1), chroma.reshape(-1)]).reshape(24, 16 * count)
    options = "cabac=0:keyint=1:weightp=0:no-deblock=1:aq-mode=0:sliced-threads=0"
    options += ":8x8dct=0" if baseline else ""
    extra, packets = encode([tiny], options=options, threads=1, crf=20)
    units = {unit[0] & 31: unit for unit in units_of(extra)}
    pps = read_pps(units[8])
    unit = next(unit for unit in units_of(packets[0]) if unit[0] & 31 == 5)
    read = read_slice(unit, read_sps(units[7]), {pps.pps_id: pps}, limit=1 << 20)
    data = int(read.bits, 2).to_bytes(len(read.bits) // 8, "big")
    run = IntraRun(
        row * (width // 16) + column, count, data, read.data_at, read.bits.rindex("1"), read.qp - 26 - pps.qp
    )
    return units[8], run, decode(extra + packets[0])[0]


def with_run(picture: np.ndarray, run: IntraRun, decoded: np.ndarray) -> np.ndarray:
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    row, column = divmod(run.first_mb, width // 16)
    out = picture.copy()
    out[16 * row : 16 * row + 16, 16 * column : 16 * (column + run.count)] = decoded[:16]
    chroma = out[height:].reshape(2, height // 2, width // 2)
    values = decoded[16:].reshape(2, 8, 8 * run.count)
    chroma[:, 8 * row : 8 * row + 8, 8 * column : 8 * (column + run.count)] = values
    return out


@pytest.mark.parametrize("case", ["Constrained Baseline", "medium, weights and lists", "nv12"])
def test_runs_of_a_tiny_encoder_are_decoded_as_it_coded_them(case, source):
    extra, packets, real = source(MODES[case])
    other = moving(1, *MODES[case].size, seed=5)[0]
    baseline = bool(MODES[case].profile)  # lower profiles have no 8x8 transform, so the tiny encoder must not
    made = [intra_run(other, *place, baseline=baseline) for place in ((0, 0, 3), (5, 0, 1), (2, 1, 4), (6, 5, 2))]
    runs = [run for _, run, _ in made]
    splicer = Splicer(extra, patch_pps=made[0][0])
    units, wanted = [splicer.real(packets[0], 0)], [real[0]]
    changed = real[0]
    for _, run, decoded in made:
        changed = with_run(changed, run, decoded)
    units.append(splicer.patched(1, runs))
    wanted.append(changed)
    mixed = [PcmRun(4, samples(4)), *runs[1:3], PcmRun(30, samples(5)), PcmRun(31, samples(6)), runs[3]]
    changed = patched_picture(real[0], 4, samples(4))
    for _, run, decoded in made[1:]:
        changed = with_run(changed, run, decoded)
    for seed, mb in ((5, 30), (6, 31)):
        changed = patched_picture(changed, mb, samples(seed))
    units.append(splicer.patched(2, mixed))
    wanted.append(changed)
    units.append(splicer.real(packets[1], 3))
    wanted.append(real[1])
    assert differing(decode(splicer.header + b"".join(units)), wanted) == []
    stream = Stream(splicer.header)
    kinds = [[(s.slice_type, s.first_mb) for s in stream.picture(unit).slices] for unit in units]
    # I slices for the runs, one P slice for each gap; PCM needs no slice of its own.
    assert kinds[1] == [(2, 0), (0, 3), (2, 5), (0, 6), (2, 10), (0, 14), (2, 46)]
    assert kinds[2] == [(0, 0), (2, 5), (0, 6), (2, 10), (0, 14), (2, 46)]


# --- other decoders ---------------------------------------------------------------------------------------------------


def decoded_by(program: str, path: Path, size: tuple[int, int], *options: str) -> tuple[list[np.ndarray], str]:
    done = subprocess.run(
        [program, "-nostdin", "-hide_banner", "-v", "warning", "-err_detect", "explode", *options, "-i", str(path),
         "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, size[1] * 3 // 2, size[0])
    return list(pictures), done.stderr.decode(errors="replace")


def program_of(kind: str) -> str:
    if kind == "imageio-ffmpeg":
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    found = shutil.which("ffmpeg")
    if found is None:
        pytest.skip("no ffmpeg on the PATH")
    return found


@pytest.mark.parametrize("program", ["imageio-ffmpeg", "ffmpeg on the PATH"])
@pytest.mark.parametrize("case", ["ultrafast (CAVLC)", "medium, weights and lists"])
def test_ffmpeg_gives_the_same_without_a_word(program, case, source, tmp_path):
    header, units, wanted = spliced(*source(MODES[case]))
    path = tmp_path / "x.h264"
    path.write_bytes(header + b"".join(units))
    pictures, said = decoded_by(program_of(program), path, MODES[case].size, "-f", "h264", "-framerate", "30")
    assert said == ""
    assert differing(pictures, wanted) == []


def test_the_check_sees_a_message(source, tmp_path):
    """The same call on a damaged stream: else silence would prove nothing."""
    header, units, _ = spliced(*source(MODES["veryfast"]))
    damaged = bytearray(header + b"".join(units))
    at = len(header) + len(units[0]) // 2
    damaged[at : at + 40] = bytes(40)
    path = tmp_path / "x.h264"
    path.write_bytes(damaged)
    _, said = decoded_by(program_of("imageio-ffmpeg"), path, MODES["veryfast"].size)
    assert said


def traced(path: Path) -> str:
    program = program_of("ffmpeg on the PATH")
    done = subprocess.run(
        [program, "-nostdin", "-hide_banner", "-v", "verbose", "-i", str(path), "-c", "copy", "-bsf:v", "trace_headers",
         "-f", "null", "-"],
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stderr.decode(errors="replace")


def assert_trace_is_clean(path: Path, pictures: int) -> None:
    """Every field of every header within the range that FFmpeg's table of the syntax has for it."""
    trace = traced(path)
    assert trace.count("disable_deblocking_filter_idc") >= pictures
    for word in ("out of range", "Invalid", "invalid", "Failed", "failed", "Error", "error", "unsupported", "missing"):
        found = [line for line in trace.splitlines() if word in line and "Last message" not in line]
        assert not found, found[:3]


def test_trace_headers_finds_nothing_wrong(source, tmp_path):
    header, units, _ = spliced(*source(MODES["medium, weights and lists"]))
    path = tmp_path / "x.h264"
    path.write_bytes(header + b"".join(units))
    assert_trace_is_clean(path, len(units))


# --- numbers ----------------------------------------------------------------------------------------------------------


def order_of(picture: Picture) -> int:
    return picture.slices[0].order_lsb


def first_bits(unit: bytes, sps: SpsFields, pps: dict[int, PpsFields]) -> tuple[int, int | None, int]:
    (nal,) = units_of(unit)
    read = read_slice(nal, sps, pps)
    return read.order_lsb, read.idr_pic_id, read.frame_num


def test_order_counts_start_at_every_idr():
    """8.2.1: the order count of an IDR picture is 0, on the bits."""
    splicer = Splicer(extradata())
    sps, *sets = units_of(splicer.header)
    fields, pps = read_sps(sps), {p.pps_id: p for p in map(read_pps, sets)}
    got = [
        first_bits(splicer.real(packet(idr(idr_pic_id=9)), 100), fields, pps),
        first_bits(splicer.held(101), fields, pps),
        first_bits(splicer.real(packet(SliceFields(frame_num=1)), 110), fields, pps),
        first_bits(splicer.held(111), fields, pps),
        first_bits(splicer.real(packet(idr(idr_pic_id=9)), 200), fields, pps),
        first_bits(splicer.held(203), fields, pps),
        first_bits(splicer.replay(205), fields, pps),  # type: ignore[arg-type]
        first_bits(splicer.held(209), fields, pps),
        first_bits(splicer.real(packet(SliceFields(frame_num=1)), 210), fields, pps),
        first_bits(splicer.real(packet(SliceFields(frame_num=2)), 211), fields, pps),
        first_bits(splicer.real(packet(idr(idr_pic_id=9)), 300), fields, pps),
    ]
    assert got == [
        (0, 0, 0), (2, None, 1), (20, None, 1), (22, None, 2),
        (0, 1, 0), (6, None, 1), (0, 0, 0), (8, None, 1), (10, None, 1), (12, None, 2),
        (0, 1, 0),
    ]  # fmt: skip


def test_the_call_tells_key_frames():
    splicer = Splicer(extradata())
    assert (splicer.last_is_idr, splicer.replayable) == (False, False)
    splicer.real(packet(idr()), 0)
    assert (splicer.last_is_idr, splicer.replayable) == (True, True)
    splicer.held(1)
    assert (splicer.last_is_idr, splicer.replayable) == (False, True)
    assert splicer.replay(2) is not None
    assert (splicer.last_is_idr, splicer.replayable) == (True, True)
    splicer.patched(3, [PcmRun(0, bytes(384))])
    assert (splicer.last_is_idr, splicer.replayable) == (False, True)
    splicer.real(packet(SliceFields(frame_num=1)), 4)
    assert (splicer.last_is_idr, splicer.replayable) == (False, False)
    assert splicer.replay(5) is None


def test_pictures_come_in_display_order():
    splicer = Splicer(extradata())
    splicer.real(packet(idr()), 5)
    for call in (
        lambda: splicer.held(5),
        lambda: splicer.patched(4, []),
        lambda: splicer.replay(5),
        lambda: splicer.real(packet(SliceFields(frame_num=1)), 5),
        lambda: Splicer(extradata()).real(packet(idr()), -1),
    ):
        with pytest.raises(ValueError, match="display order"):
            call()


def test_nothing_can_be_inserted_before_the_first_key_frame():
    splicer = Splicer(extradata())
    for call in (
        lambda: splicer.held(0),
        lambda: splicer.patched(0, []),
        lambda: splicer.real(packet(SliceFields(frame_num=1)), 0),
    ):
        with pytest.raises(SpliceRefused, match="does not begin with an IDR"):
            call()
    assert splicer.replay(0) is None


def test_a_refused_call_changes_nothing():
    splicer, same = Splicer(extradata()), Splicer(extradata())
    for one in (splicer, same):
        one.real(packet(idr()), 0)
        one.real(packet(SliceFields(frame_num=1)), 1)
    for bad in (packet(idr(frame_num=3)), packet(SliceFields(frame_num=3)), packet(SliceFields(frame_num=2, qp=40))):
        with pytest.raises(SpliceRefused):
            splicer.real(bad, 2)
    with pytest.raises(ValueError, match="outside the picture"):
        splicer.patched(2, [PcmRun(48, bytes(384))])
    assert splicer.held(2) == same.held(2)
    assert splicer.real(packet(SliceFields(frame_num=2)), 3) == same.real(packet(SliceFields(frame_num=2)), 3)


def test_order_counts_are_refused_before_a_decoder_would_lose_them():
    splicer = Splicer(extradata())
    splicer.real(packet(idr()), 0)
    far = splicer.max_distance
    assert 2 * far < 2**15 <= 2 * (far + 1)
    splicer.held(far)
    with pytest.raises(SpliceRefused, match="key frame is due"):
        splicer.held(far + 1)
    with pytest.raises(SpliceRefused, match="key frame is due"):
        splicer.real(packet(SliceFields(frame_num=1)), far + 1)
    replayed = splicer.replay(far + 1)
    assert replayed is not None
    splicer.held(2 * far)


# --- what a packet must be like ---------------------------------------------------------------------------------------

P1 = SliceFields(frame_num=1)
SEI = {
    "recovery point": b"\x06\x06\x01\xc4\x80",
    "behind another": b"\x06\x05\x02\xaa\xbb\x06\x01\xc4\x80",
    "user data": b"\x06\x05\x02\xaa\xbb\x80",
    "long type": b"\x06\xff\x06\x01\xc4\x80",
    "long size": b"\x06\x05\xff\x01" + b"\x22" * 256 + b"\x80",
    "damaged": b"\x06\x05\xff\xff",
}
UNIT_REFUSED = {
    "no picture": (START + b"\x09\xf0", "holds no picture"),
    "empty": (b"", "holds no picture"),
    "no start code": (P1.unit(), "holds no picture"),
    "two slices": (packet(P1) + packet(replace(P1, first_mb=4)), "several slices"),
    "recovery point": (START + SEI["recovery point"] + packet(P1), "recovery points"),
    "recovery point behind": (START + SEI["behind another"] + packet(P1), "recovery points"),
    "damaged message": (START + SEI["damaged"] + packet(P1), "supplemental message"),
    "data partition": (START + b"\x42" + P1.unit()[1:], "data partitioning"),
    "end of sequence": (packet(P1) + START + b"\x0a", "ended a coded sequence"),
    "end of stream": (packet(P1) + START + b"\x0b", "ended the stream"),
    "SPS extension": (START + b"\x6d\x80" + packet(P1), "auxiliary"),
    "prefix of layers": (START + b"\x6e\x80\x00\x80" + packet(P1), "layers"),
    "auxiliary picture": (packet(P1) + START + b"\x73\x80", "auxiliary"),
    "scalable slice": (packet(P1) + START + b"\x74\x80", "layers"),
    "unknown": (packet(P1) + START + b"\x18\x80", "type 24"),
    "forbidden bit": (START + b"\xc1" + P1.unit()[1:], "forbidden bit"),
    "new SPS": (START + SpsFields(level=41).unit() + packet(P1), "change within"),
    "new PPS": (START + PpsFields(qp=1).unit() + packet(P1), "change within"),
    "frame_num": (packet(replace(P1, frame_num=2)), "expected was 1"),
    "frame_num of IDR": (packet(idr(frame_num=1)), "must be 0"),
    "MMCO": (packet(replace(P1, marking="1" + ue(0))), "MMCO"),
    "non-reference": (packet(replace(P1, ref_idc=0)), "no reference picture"),
    "B": (packet(replace(P1, slice_type=6)), "B picture"),
}


@pytest.mark.parametrize("case", UNIT_REFUSED)
def test_a_packet_that_breaks_a_condition_is_refused(case):
    unit, reason = UNIT_REFUSED[case]
    splicer = Splicer(extradata())
    splicer.real(packet(idr()), 0)
    with pytest.raises(SpliceRefused, match=reason):
        splicer.real(unit, 1)
    splicer.real(packet(P1), 1)


@pytest.mark.parametrize("case", ["user data", "long type", "long size"])
def test_other_messages_are_dropped(case):
    splicer = Splicer(extradata())
    splicer.real(START + SEI["recovery point"] + packet(idr()), 0)
    aud, filler = START + b"\x09\xf0", START + b"\x0c\xff\xff\x80"
    sets = START + SpsFields().unit() + START + b"\x28" + PpsFields().unit()[1:]
    got = splicer.real(b"\x00" + aud + sets + START + SEI[case] + packet(P1) + filler + bytes(3), 1)
    (unit,) = units_of(got)
    assert unit[0] == 0x41


def test_reordered_pictures_are_refused():
    sps = SpsFields(order_type=0, order_bits=4)
    splicer = Splicer(extradata(sps))
    splicer.real(packet(idr(), sps), 0)
    # Two apart, then on beyond the end of the four bits.
    for number, order in enumerate((2, 4, 10, 2, 3), 1):
        splicer.real(packet(SliceFields(frame_num=number, order=order), sps), number)
    for order in (3, 1, 12):
        with pytest.raises(SpliceRefused, match="another order"):
            splicer.real(packet(SliceFields(frame_num=6, order=order), sps), 6)
    # After an IDR picture the count begins again.
    splicer.real(packet(idr(order=0), sps), 7)
    splicer.real(packet(SliceFields(frame_num=1, order=1), sps), 8)


def test_sliced_threads_and_b_pictures_of_a_true_encoder_are_refused():
    pictures = moving(6, 176, 144)
    extra, packets = encode(pictures, thread_type="SLICE")  # what PyAV does unless it is told otherwise
    with pytest.raises(SpliceRefused, match="several slices"):
        Splicer(extra).real(packets[0], 0)
    extra, packets = encode(pictures, options="slices=2")
    with pytest.raises(SpliceRefused, match="several slices"):
        Splicer(extra).real(packets[0], 0)
    extra, packets = encode(pictures, options="bframes=2:b-adapt=0")
    splicer = Splicer(extra)
    splicer.real(packets[0], 0)
    with pytest.raises(SpliceRefused, match="B picture"):
        all(splicer.real(unit, display) for display, unit in enumerate(packets[1:], 1))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500", "HRD"),
        ("pic-struct=1", "timing message"),
        ("interlaced=1", "interlaced"),
    ],
)
def test_options_of_x264_that_break_a_condition(options, reason):
    extra, _ = encode(moving(1, 128, 96), options=options)
    with pytest.raises(SpliceRefused, match=reason):
        Splicer(extra)


def test_intra_refresh_is_refused():
    extra, packets = encode(moving(8, 128, 96), options="intra-refresh=1:keyint=4")
    splicer = Splicer(extra)
    with pytest.raises(SpliceRefused, match="recovery points"):
        all(splicer.real(unit, display) for display, unit in enumerate(packets))


# --- patches ----------------------------------------------------------------------------------------------------------


def run(first: int, count: int, qp: int = 0, start: int = 3, end: int = 60) -> IntraRun:
    return IntraRun(first, count, bytes(range(8)), start, end, qp)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([PcmRun(48, bytes(384))], "outside the picture"),
        ([PcmRun(-1, bytes(384))], "outside the picture"),
        ([PcmRun(3, bytes(384)), PcmRun(3, bytes(384))], "before macroblock 4"),
        ([PcmRun(3, bytes(384)), PcmRun(2, bytes(384))], "before macroblock 4"),
        ([PcmRun(3, bytes(383))], "384 samples"),
        ([run(3, 2), PcmRun(4, bytes(384))], "before macroblock 5"),
        ([run(3, 2), run(4, 1)], "before macroblock 5"),
        ([run(47, 2)], "outside the picture"),
        ([run(3, 0)], "outside the picture"),
        ([run(6, 4)], "one row"),
        ([run(0, 9)], "one row"),
        ([run(0, 2, qp=26)], "quantiser"),
        ([run(0, 2, qp=-27)], "quantiser"),
        ([run(0, 2, start=60)], "no slice data"),
        ([run(0, 2, end=65)], "not inside"),
    ],
)
def test_pieces_that_make_no_picture_are_errors_of_the_caller(pieces, reason):
    splicer = Splicer(extradata())
    splicer.real(packet(idr()), 0)
    with pytest.raises(ValueError, match=reason):
        splicer.patched(1, pieces)


def test_no_more_slices_than_the_level_allows():
    """1280x720 at 60 pictures a second, level 3.2: 60 slices."""
    splicer = Splicer(extradata(SpsFields(level=32, width=80, height=45, timing=(1, 120))))
    splicer.real(packet(idr()), 0)
    assert splicer.max_slices == 60
    runs = [run(80 * row, 80) for row in range(45)]
    halves = [run(80 * row + 40 * half, 40) for row in range(45) for half in (0, 1)]
    assert splicer.fits(runs)
    assert splicer.fits(halves[:59])
    unit = splicer.patched(1, halves[:59])
    assert len(units_of(unit)) == 60
    assert abs(splicer.size_of(halves[:59]) - len(unit)) <= 120
    assert not splicer.fits(halves[:60])
    with pytest.raises(SpliceRefused, match="61 slices"):
        splicer.patched(2, halves[:60])
    splicer.held(2)


def test_no_more_bytes_than_the_level_allows():
    splicer = Splicer(extradata(SpsFields(level=40, timing=(1, 2000000))))
    splicer.real(packet(idr()), 0)
    allowed = 48 * 384 // 4
    pieces = [PcmRun(mb, b"\x80" * 384) for mb in range(48)]
    fit = max(n for n in range(48) if splicer.fits(pieces[:n]))
    assert allowed - 400 < len(splicer.patched(1, pieces[:fit])) <= allowed
    with pytest.raises(SpliceRefused, match="bytes"):
        splicer.patched(2, pieces[: fit + 1])


@pytest.mark.parametrize("raw", [(), (0,), (5, 6), (9, 47)])
@pytest.mark.parametrize("coded", [(), ((0, 8),), ((8, 3), (13, 2)), ((16, 24), (41, 1))])
def test_the_size_is_known_without_writing(raw, coded):
    """Data without zeros needs no emulation prevention."""
    taken = {mb for first, count in coded for mb in range(first, first + count)}
    pieces = [PcmRun(mb, b"\x80" * 384) for mb in raw if mb not in taken]
    pieces += [IntraRun(first, count, b"\xa5" * 60, 3, 5 + 13 * count, -2) for first, count in coded]
    pieces.sort(key=lambda piece: piece.mb if isinstance(piece, PcmRun) else piece.first_mb)
    splicer = Splicer(extradata())
    splicer.real(packet(idr()), 0)
    assert splicer.size_of(pieces) == len(splicer.patched(1, pieces))
    assert splicer.fits(pieces)


def test_a_whole_row_may_be_one_run():
    splicer = Splicer(extradata())
    splicer.real(packet(idr()), 0)
    for display, pieces in enumerate(([run(8, 8)], [run(0, 16)], [run(0, 48)], [PcmRun(0, bytes(384)), run(1, 7)]), 1):
        splicer.patched(display, pieces)


def test_an_empty_patch_is_a_held_picture():
    splicer, same = Splicer(extradata()), Splicer(extradata())
    for one in (splicer, same):
        one.real(packet(idr()), 0)
    assert splicer.patched(1, []) == same.held(1)


def test_slice_data_of_a_run_is_copied_to_the_bit():
    splicer = Splicer(extradata())
    splicer.real(packet(idr()), 0)
    stream = Stream(splicer.header)
    piece = IntraRun(8, 8, bytes(range(256)), 13, 2039, -4)
    first = next(s for s in stream.picture(splicer.patched(1, [piece])).slices if s.slice_type == 2)
    data = "".join(f"{byte:08b}" for byte in range(256))[13:2039]
    assert first.bits[first.data_at :].startswith(data[:1000])
    assert first.bits[: first.data_at].endswith(se(-4) + "010")
    assert first.qp == 22


# --- release: large pictures, other decoders --------------------------------------------------------------------------


def openh264(stream: Path, out: Path) -> None:
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("no GStreamer; it is needed for OpenH264")
    known = subprocess.run(["gst-inspect-1.0", "openh264dec"], capture_output=True, timeout=60, check=False)
    if known.returncode:
        pytest.skip("this GStreamer has no openh264dec")
    done = subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", f"location={stream}", "!", "h264parse", "!", "openh264dec", "!",
         "video/x-raw,format=I420", "!", "filesink", f"location={out}"],
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def picture_bytes(pictures: Sequence[np.ndarray]) -> list[bytes]:
    return [picture.tobytes() for picture in pictures]


@pytest.mark.release
@pytest.mark.timeout(600)
@pytest.mark.parametrize("cabac", [1, 0], ids=["CABAC", "CAVLC"])
@pytest.mark.parametrize("preset", ["superfast", "veryfast", "medium", "slow"])
def test_large_pictures_in_all_decoders(preset, cabac, tmp_path):
    """1920x1072 (whole macroblocks, so that no decoder crops): PyAV, ffmpeg, trace_headers and OpenH264."""
    pictures = moving(5, 1920, 1072, fade=preset in ("medium", "slow"))
    extra, packets = encode(pictures, preset=preset, options=f"cabac={cabac}:level=4.2", keys=(3,))
    header, units, wanted = spliced(extra, packets, decode(extra + b"".join(packets)))
    stream = Stream(header)
    for unit in units:
        stream.picture(unit)
    path = tmp_path / "x.h264"
    path.write_bytes(header + b"".join(units))
    assert differing(decode(path.read_bytes()), wanted) == []
    decoded, said = decoded_by(program_of("ffmpeg on the PATH"), path, (1920, 1072), "-framerate", "60")
    assert said == ""
    assert differing(decoded, wanted) == []
    assert_trace_is_clean(path, len(units))
    raw = tmp_path / "x.yuv"
    openh264(path, raw)
    got = np.fromfile(raw, np.uint8).reshape(-1, 1072 * 3 // 2, 1920)
    assert differing(list(got), wanted) == []


@pytest.mark.release
@pytest.mark.parametrize("case", MODES)
def test_openh264_gives_the_same_pictures(case, source, tmp_path):
    header, units, wanted = spliced(*source(MODES[case]))
    path, raw = tmp_path / "x.h264", tmp_path / "x.yuv"
    path.write_bytes(header + b"".join(units))
    openh264(path, raw)
    width, height = MODES[case].size
    got = np.fromfile(raw, np.uint8).reshape(-1, height * 3 // 2, width)
    assert differing(list(got), wanted) == []
