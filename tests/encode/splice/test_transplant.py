"""Transplanted patches, to the sample: what a decoder shows is the tiny encoder's own picture in the patched
macroblocks and the last real picture everywhere else."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from functools import cache
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelpress.color import BT709_LIMITED
from reelpress.encode.splice import transplant
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer
from reelpress.encode.splice.transplant import MAX_SLICES, WIDTHS, Transplanter, patch_qp, runs_of, slices_of
from reelpress.media.patch_encoder import PatchEncoder
from reelpress.media.planes import Planes
from reelpress.media.scale import plane_views

SIZES = [(96, 80), (70, 90), (16, 16), (200, 34), (96, 72)]
"""Whole macroblocks; partial ones on both edges; a single one; wide; half a row at the bottom, as 1080 has."""


def picture(width: int, height: int, seed: int, format_name: str = "yuv420p", noise: int | None = None) -> Planes:
    """Blocks of 5 samples, clean or with more or less noise (by the seed), of which the left half has none."""
    rng = np.random.default_rng(seed)
    noise = (6, 0, 40, 255)[seed % 4] if noise is None else noise

    def plane(rows: int, columns: int) -> np.ndarray:
        coarse = rng.integers(20, 230, (rows // 5 + 1, columns // 5 + 1), np.uint8)
        fine = np.repeat(np.repeat(coarse, 5, 0), 5, 1)[:rows, :columns]
        fine = np.ascontiguousarray(fine)
        fine[:, columns // 2 :] += rng.integers(0, noise, (rows, columns - columns // 2), np.uint8, endpoint=True)
        return fine

    luma, cb, cr = plane(height, width), *(plane(height // 2, width // 2) for _ in range(2))
    chroma = (cb, cr) if format_name == "yuv420p" else (np.stack([cb, cr], 2).reshape(height // 2, width),)
    return Planes(format_name, width, height, (luma, *chroma), BT709_LIMITED)


def planar(planes: Planes) -> tuple[np.ndarray, ...]:
    if planes.format == "yuv420p":
        return planes.planes
    return planes.planes[0], planes.planes[1][:, 0::2], planes.planes[1][:, 1::2]


def decode(units: list[bytes], header: bytes) -> list[tuple[np.ndarray, ...]]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.extradata = header
    decoder.options = {"err_detect": "explode"}
    frames = []
    for unit in [*units, None]:
        frames += decoder.decode(av.Packet(unit) if unit else None)
    return [tuple(np.array(view) for view in plane_views(frame)) for frame in frames]


@cache
def real_stream(width: int, height: int, cabac: bool, preset: str = "veryfast") -> tuple[bytes, list[bytes]]:
    """Header and packets of four moving pictures, the third an IDR picture by request."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.thread_type, context.thread_count = "FRAME", 1
    context.flags |= av.codec.context.Flags.global_header
    context.options = {
        "preset": preset,
        "crf": "23",
        "forced-idr": "1",
        "x264-params": f"bframes=0:keyint=infinite:scenecut=0:cabac={int(cabac)}",
    }
    packets = []
    for index in range(4):
        source = picture(width, height, 7, noise=0)
        frame = av.VideoFrame(width, height, "yuv420p")
        for view, plane in zip(plane_views(frame), source.planes, strict=True):
            view[:] = np.roll(plane, 3 * index, 1)
        frame.pts = index
        frame.pict_type = av.video.frame.PictureType.I if index == 2 else av.video.frame.PictureType.NONE
        packets += context.encode(frame)
    packets += context.encode(None)
    return bytes(context.extradata), [bytes(packet) for packet in packets]


class Watched(PatchEncoder):
    """Decodes what it coded, so that a test knows what a transplanted macroblock must look like."""

    def __init__(self, pixel_format: str) -> None:
        super().__init__(pixel_format, kept=64)
        self.shown: dict[tuple[int, int], tuple[np.ndarray, ...]] = {}

    def encode(self, planes, cells, width, qp):
        stream = super().encode(planes, cells, width, qp)
        header = b"".join(b"\0\0\0\1" + unit for unit in (self.sps, self.pps))
        (result,) = decode([stream], header)
        for index, (row, column) in enumerate(cells):
            for step in range(width):
                self.shown[row, column + step] = tuple(
                    plane[index * mb : (index + 1) * mb, step * mb : (step + 1) * mb]
                    for plane, mb in zip(result, (16, 8, 8), strict=True)
                )
        return stream


@cache
def watched(format_name: str) -> Watched:
    return Watched(format_name)


def covered(pieces: list[IntraRun | PcmRun], shape: tuple[int, int]) -> np.ndarray:
    flat = np.zeros(shape[0] * shape[1], int)
    for piece in pieces:
        if isinstance(piece, PcmRun):
            flat[piece.mb] += 1
        else:
            flat[piece.first_mb : piece.first_mb + piece.count] += 1
    return flat.reshape(shape)


def expected_picture(
    base: tuple[np.ndarray, ...], source: Planes, pieces: list[IntraRun | PcmRun], shown: dict, columns: int
) -> tuple[np.ndarray, ...]:
    result = tuple(plane.copy() for plane in base)
    for piece in pieces:
        first, count = (piece.mb, 1) if isinstance(piece, PcmRun) else (piece.first_mb, piece.count)
        for row, column in (divmod(mb, columns) for mb in range(first, first + count)):
            for index, (plane, size) in enumerate(zip(result, (16, 8, 8), strict=True)):
                target = plane[row * size : (row + 1) * size, column * size : (column + 1) * size]
                if isinstance(piece, PcmRun):
                    target[:] = planar(source)[index][row * size :, column * size :][
                        : target.shape[0], : target.shape[1]
                    ]
                else:
                    target[:] = shown[row, column][index][: target.shape[0], : target.shape[1]]
    return result


def spliced(
    size: tuple[int, int], cabac: bool, format_name: str, patches: list[tuple[np.ndarray, int, int]]
) -> tuple[bytes, list[bytes], list[tuple[np.ndarray, ...]]]:
    """A real stream with ``patches`` (map, QP, seed) put between its pictures: header, packets, expected pictures."""
    width, height = size
    extradata, packets = real_stream(width, height, cabac)
    reals = decode(packets, extradata)
    encoder = watched(format_name)
    columns = -(-width // 16)
    splicer = Splicer(extradata, patch_pps=encoder.pps)
    units: list[bytes] = []
    pictures: list[tuple[np.ndarray, ...]] = []
    for packet, shown in zip(packets, reals, strict=True):
        units.append(splicer.real(packet, len(units)))
        pictures.append(shown)
        for macroblocks, qp, seed in patches:
            source = picture(width, height, seed, format_name)
            encoder.shown.clear()
            pieces = Transplanter(encoder, qp).pieces(source, macroblocks)
            assert pieces is not None
            units.append(splicer.patched(len(units), pieces))
            pictures.append(expected_picture(shown, source, pieces, encoder.shown, columns))
    return splicer.header, units, pictures


def assert_same(got: list[tuple[np.ndarray, ...]], expected: list[tuple[np.ndarray, ...]]) -> None:
    assert len(got) == len(expected)
    for index, (one, other) in enumerate(zip(got, expected, strict=True)):
        for name, a, b in zip("Y Cb Cr".split(), one, other, strict=True):
            assert np.array_equal(a, b), f"picture {index}, {name}: {np.argwhere(a != b)[:4].tolist()}"


def shape_of(size: tuple[int, int]) -> tuple[int, int]:
    return -(-size[1] // 16), -(-size[0] // 16)


@st.composite
def cases(draw):
    size = draw(st.sampled_from(SIZES))
    rows, columns = shape_of(size)
    patches = [
        (
            np.array(draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns)), bool).reshape(
                rows, columns
            ),
            draw(st.sampled_from([1, 4, 9, 13, 16, 22, 26, 31, 40, 51])),
            draw(st.integers(0, 1000)),
        )
        for _ in range(2)
    ]
    return size, draw(st.booleans()), draw(st.sampled_from(["yuv420p", "nv12"])), patches


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_a_decoder_shows_the_patches_and_nothing_else(case):
    header, units, pictures = spliced(*case)
    assert_same(decode(units, header), pictures)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("cabac", [True, False], ids=["cabac", "cavlc"])
@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
def test_edges_and_corners(size, cabac, format_name):
    rows, columns = shape_of(size)
    edges = np.zeros((rows, columns), bool)
    edges[[0, -1]] = edges[:, [0, -1]] = True
    corners = np.zeros((rows, columns), bool)
    corners[np.ix_([0, -1], [0, -1])] = True
    everything = np.ones((rows, columns), bool)
    header, units, pictures = spliced(
        size, cabac, format_name, [(edges, 20, 1), (corners, 30, 2), (everything, 25, 3), (corners, 1, 4)]
    )
    assert_same(decode(units, header), pictures)


@pytest.mark.parametrize("cabac", [True, False], ids=["cabac", "cavlc"])
def test_other_builds_of_ffmpeg_show_the_same(cabac, tmp_path, ffmpeg):
    """The one of imageio-ffmpeg and, where there is one, the system's. Neither says a word."""
    size = (70, 90)
    rng = np.random.default_rng(9)
    patches = [(rng.random(shape_of(size)) < 0.4, qp, qp) for qp in (1, 18, 26, 40)]
    header, units, pictures = spliced(size, cabac, "yuv420p", patches)
    stream = tmp_path / "spliced.h264"
    stream.write_bytes(header + b"".join(units))
    arguments = ["-v", "warning", "-threads", "1", "-i", stream, "-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    results = [ffmpeg(*arguments)]
    if shutil.which("ffmpeg"):
        results.append(
            subprocess.run(["ffmpeg", "-nostdin", *map(str, arguments)], capture_output=True, timeout=60, check=False)
        )
    raw = b"".join(plane.tobytes() for planes in pictures for plane in planes)
    for result in results:
        assert result.returncode == 0
        assert result.stderr == b""
        assert result.stdout == raw


@pytest.mark.parametrize("qp", [1, 3, 5, 8, 12])
def test_no_macroblock_is_aligned_to_bytes_at_fine_qps(qp):
    """x264 likes to code noise at these as I_PCM, which would break behind a header of another length."""
    noisy = next(seed for seed in range(4) if picture(200, 34, seed).planes[0][:, 150:].std() > 65)
    macroblocks = np.zeros(shape_of((200, 34)), bool)
    macroblocks[1, 1:] = True
    header, units, pictures = spliced((200, 34), True, "yuv420p", [(macroblocks, qp, noisy + 4 * k) for k in range(3)])
    assert_same(decode(units, header), pictures)


def test_a_full_row_of_a_1080p_picture_and_its_half_row():
    width, height = 1920, 1080
    macroblocks = np.zeros((68, 120), bool)
    macroblocks[3] = macroblocks[67, 11:90] = True
    header, units, pictures = spliced((width, height), True, "nv12", [(macroblocks, 24, 5)])
    assert_same(decode(units[:2], header), pictures[:2])


def test_a_column_of_68_rows_is_too_many_slices():
    encoder = PatchEncoder()
    source = picture(1920, 1080, 1)
    macroblocks = np.zeros((68, 120), bool)
    macroblocks[:, 40] = True
    assert Transplanter(encoder, 24).pieces(source, macroblocks) is None
    assert encoder.calls == 0
    macroblocks[23:] = False  # 23 runs and 24 skipped slices
    pieces = Transplanter(encoder, 24).pieces(source, macroblocks)
    assert pieces is not None
    assert len(pieces) == 23
    assert Transplanter(encoder, 24, max_slices=46).pieces(source, macroblocks) is None


def test_a_level_with_few_slices_is_kept_to():
    source = picture(96, 80, 1)
    macroblocks = np.zeros((5, 6), bool)
    macroblocks[1, 1] = True
    few = Transplanter(PatchEncoder(), 24, max_slices=2)
    assert few.pieces(source, macroblocks) is None
    macroblocks[:] = False
    macroblocks[0, :2] = True  # from the first macroblock on: one skipped slice
    assert few.pieces(source, macroblocks) is not None


def test_where_slices_are_short_gaps_are_patched_too():
    source = picture(16 * 24, 16 * 5, 1)
    macroblocks = np.zeros((5, 24), bool)
    macroblocks[:, ::2] = True  # 60 runs
    pieces = Transplanter(PatchEncoder(), 30).pieces(source, macroblocks)
    assert pieces is not None
    cover = covered(pieces, macroblocks.shape)
    assert (cover <= 1).all()
    assert (cover[macroblocks] == 1).all()
    assert _slices(pieces, macroblocks.shape) <= MAX_SLICES


@pytest.mark.parametrize("flat", [True, False])
def test_gaps_are_coded_where_that_is_cheaper(flat):
    source = picture(96, 80, 1)
    if flat:
        source.planes[0][16:32, 32:48] = 77
    macroblocks = np.zeros((5, 6), bool)
    macroblocks[1, [1, 3]] = True
    pieces = Transplanter(PatchEncoder(), 24).pieces(source, macroblocks)
    assert [(piece.first_mb, piece.count) for piece in pieces] == ([(7, 3)] if flat else [(7, 1), (9, 1)])


def test_gaps_of_two_rows_are_no_gaps():
    source = picture(96, 80, 1)
    source.planes[0][:] = 77
    macroblocks = np.zeros((5, 6), bool)
    macroblocks[1, 5] = macroblocks[2, 0] = True
    pieces = Transplanter(PatchEncoder(), 24).pieces(source, macroblocks)
    assert [(piece.first_mb, piece.count) for piece in pieces] == [(11, 1), (12, 1)]


def test_raw_samples_only_where_they_are_not_larger():
    noise = np.random.default_rng(1)
    source = picture(96, 80, 1)
    for plane in source.planes:
        plane[:] = noise.integers(0, 256, plane.shape, np.uint8)
    macroblocks = np.zeros((5, 6), bool)
    macroblocks[0, :2] = macroblocks[2, 1:6] = macroblocks[4, 3] = True
    transplanter = Transplanter(PatchEncoder(), 1)
    fine = transplanter.pieces(source, macroblocks)
    assert [piece.mb for piece in fine if isinstance(piece, PcmRun)] == [0, 1, 13, 14, 15, 16, 17, 27]
    for row, column, piece in ((0, 0, fine[0]), (0, 1, fine[1]), (2, 5, fine[6]), (4, 3, fine[7])):
        parts = [
            plane[row * mb : row * mb + mb, column * mb : column * mb + mb].tobytes()
            for plane, mb in zip(source.planes, (16, 8, 8), strict=True)
        ]
        assert piece.samples == b"".join(parts)
    assert {type(piece) for piece in transplanter.pieces(source, macroblocks, qp=40)} == {IntraRun}


def test_runs_can_be_given_instead_of_a_map():
    source = picture(96, 80, 1)
    macroblocks = np.zeros((5, 6), bool)
    macroblocks[0, 2:5] = macroblocks[4, 5] = True
    one = Transplanter(PatchEncoder(), 24).pieces(source, macroblocks)
    other = Transplanter(PatchEncoder(), 24).pieces(source, [(0, 2, 3), (4, 5, 1)])
    assert [(p.first_mb, p.count, p.data, p.start, p.end, p.qp_delta) for p in one] == [
        (p.first_mb, p.count, p.data, p.start, p.end, p.qp_delta) for p in other
    ]


def test_nothing_damaged_is_no_pieces():
    encoder = PatchEncoder()
    assert Transplanter(encoder, 24).pieces(picture(96, 80, 1), np.zeros((5, 6), bool)) == []
    assert encoder.calls == 0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_runs_are_the_map(rows, columns, data):
    cells = data.draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
    macroblocks = np.array(cells, bool).reshape(rows, columns)
    again = np.zeros_like(macroblocks)
    found = runs_of(macroblocks)
    assert found == sorted(found)
    for row, column, width in found:
        assert width > 0
        assert column + width <= columns
        assert not again[row, column : column + width].any()
        again[row, column : column + width] = True
        assert column == 0 or not macroblocks[row, column - 1]
        assert column + width == columns or not macroblocks[row, column + width]
    assert np.array_equal(again, macroblocks)
    # Slices by the picture's own order: a new one at each change between patched and not, and at each row of a patch.
    flat = macroblocks.ravel()
    starts = 1 + sum(
        bool(flat[at] != flat[at - 1] or (flat[at] and at % columns == 0)) for at in range(1, rows * columns)
    )
    assert slices_of(found, columns, rows) == starts


@pytest.mark.parametrize("total", range(1, 257))
def test_any_width_is_a_few_slices(total):
    pieces = transplant._cut([(3, 5, total)])
    assert pieces[0][:2] == (3, 5)
    assert all(a[1] + a[2] == b[1] for a, b in pairwise(pieces))
    assert sum(width for _, _, width in pieces) == total
    assert {width for _, _, width in pieces} <= set(WIDTHS)
    assert len(pieces) <= (3 if total <= 48 else 4)


def _slices(pieces: list[IntraRun | PcmRun], shape: tuple[int, int]) -> int:
    runs = [(*divmod(p.first_mb, shape[1]), p.count) for p in pieces if isinstance(p, IntraRun)]
    assert len(runs) == len(pieces)
    return slices_of(runs, shape[1], shape[0])


def test_other_qps_than_asked_for_are_found_out(monkeypatch):
    encoder = PatchEncoder()
    transplanter = Transplanter(encoder, 24)
    actual = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda planes, cells, width, qp: actual(planes, cells, width, qp + 1))
    macroblocks = np.ones((5, 6), bool)
    with pytest.raises(SpliceRefused, match="QP 25 where 24"):
        transplanter.pieces(picture(96, 80, 1), macroblocks)


# --- quality ----------------------------------------------------------------------------------------------------------


def text_page(width: int, height: int) -> Planes:
    """Dark strokes of two samples on light ground with some colour: what text is to an encoder."""
    rng = np.random.default_rng(2)
    source = picture(width, height, 2)
    luma, cb, cr = source.planes
    luma[:], cb[:], cr[:] = 225, 128, 128
    for top in range(6, height - 12, 14):
        for left in range(4, width - 12, 8):
            glyph = rng.random((5, 3)) < 0.55
            luma[top : top + 10, left : left + 6][np.repeat(np.repeat(glyph, 2, 0), 2, 1)] = 35
    cb[:, width // 4 :] = 110
    cr[height // 4 :] = 140
    return source


@pytest.mark.parametrize("preset", ["veryfast", "superfast", "medium"])
def test_text_in_patches_is_no_worse_than_around_them(preset):
    width, height = 320, 192
    source = text_page(width, height)
    macroblocks = np.zeros((12, 20), bool)
    macroblocks[2:9, 3:17] = True
    for crf in (18, 23, 30):
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 60), Fraction(60)
        context.thread_type, context.thread_count = "FRAME", 1
        context.options = {"preset": preset, "crf": str(crf), "x264-params": "bframes=0:keyint=infinite:threads=1"}
        frame = av.VideoFrame(width, height, "yuv420p")
        for view, plane in zip(plane_views(frame), source.planes, strict=True):
            view[:] = plane
        packets = []
        for index in range(5):
            frame.pts = 4 * index
            packets += context.encode(frame)
        packets += context.encode(None)
        real = decode([bytes(packet) for packet in packets], bytes(context.extradata or b""))[-1]
        encoder = watched("yuv420p")
        encoder.shown.clear()
        qp = patch_qp(crf, tree=preset != "superfast")
        pieces = Transplanter(encoder, qp).pieces(source, macroblocks)
        patched = expected_picture(real, source, pieces, encoder.shown, 20)
        area = np.s_[32:144, 48:272]
        error = [float(np.mean((p[0][area].astype(int) - source.planes[0][area]) ** 2)) for p in (patched, real)]
        assert error[0] <= error[1], (preset, crf, error)
