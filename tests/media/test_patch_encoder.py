"""The tiny encoder: one packet a call, one slice a row, one PPS for all, and edges repeated."""

from __future__ import annotations

import av
import numpy as np
import pytest

from reelpress.color import BT709_LIMITED
from reelpress.errors import EncoderError
from reelpress.media import patch_encoder
from reelpress.media.packets import nal_type, nal_units
from reelpress.media.patch_encoder import MAX_STACK, STACKS, PatchEncoder
from reelpress.media.planes import Planes
from reelpress.media.scale import plane_views


def picture(width: int, height: int, format_name: str = "yuv420p", seed: int = 0) -> Planes:
    """Blocks of 5 samples with some noise: neither flat nor pure noise."""
    rng = np.random.default_rng(seed)

    def plane(rows: int, columns: int) -> np.ndarray:
        coarse = rng.integers(20, 230, (rows // 5 + 1, columns // 5 + 1), np.uint8)
        fine = np.repeat(np.repeat(coarse, 5, 0), 5, 1)[:rows, :columns]
        return np.ascontiguousarray(fine + rng.integers(0, 6, (rows, columns), np.uint8))

    luma, cb, cr = plane(height, width), *(plane(height // 2, width // 2) for _ in range(2))
    chroma = (cb, cr) if format_name == "yuv420p" else (np.stack([cb, cr], 2).reshape(height // 2, width),)
    return Planes(format_name, width, height, (luma, *chroma), BT709_LIMITED)


def first_macroblocks(stream: bytes) -> list[int]:
    """first_mb_in_slice, the first ue(v) of each slice header."""
    found = []
    for _, start, end in nal_units(stream):
        if nal_type(stream, start) == 5:
            bits = "".join(f"{byte:08b}" for byte in stream[start + 1 : min(end, start + 5)])
            zeros = bits.index("1")
            found.append(int(bits[zeros : 2 * zeros + 1], 2) - 1)
    return found


def decoded(encoder: PatchEncoder, stream: bytes) -> Planes:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    headers = b"".join(b"\0\0\0\1" + unit for unit in (encoder.sps, encoder.pps))
    frames = [*decoder.decode(av.Packet(headers + stream)), *decoder.decode(None)]
    assert len(frames) == 1
    return Planes("yuv420p", frames[0].width, frames[0].height, plane_views(frames[0]), BT709_LIMITED, owner=frames[0])


@pytest.mark.parametrize("width", [1, 2, 3, 7, 16, 120])
@pytest.mark.parametrize("count", [1, 4, 5, 8])
def test_each_call_gives_one_slice_a_run(width, count):
    encoder = PatchEncoder()
    pixels = picture(16 * width, 16 * MAX_STACK)
    rows = next(size for size in STACKS if size >= count)
    for _ in range(3):
        stream = encoder.encode(pixels, [(row, 0) for row in range(count)], width, 24)
        assert first_macroblocks(stream) == [width * row for row in range(rows)]
    assert encoder.calls == 3


def test_nothing_but_slices_is_in_a_packet():
    encoder = PatchEncoder()
    for seed in range(3):
        stream = encoder.encode(picture(48, 48, seed=seed), [(0, 0), (1, 0)], 3, 20)
        kinds = [nal_type(stream, start) for _, start, _ in nal_units(stream)]
        assert kinds == ([6, 5, 5] if seed == 0 else [5, 5])  # x264's banner is in an encoder's first packet


def test_all_encoders_share_a_pps():
    encoder = PatchEncoder()
    before = encoder.pps
    for width in (1, 5, 64):
        for count in (1, 8):
            for qp in (1, 26, 51):
                encoder.encode(picture(16 * width, 128), [(row, 0) for row in range(count)], width, qp)
    assert encoder.opened == 3 * 2 * 3  # that of 1, 1 and 26 was open already
    assert encoder.pps == before == PatchEncoder("nv12").pps
    assert before[0] & 0x1F == 8


def test_another_pps_is_refused(monkeypatch):
    encoder = PatchEncoder()
    monkeypatch.setitem(patch_encoder._X264, "chroma-qp-offset", "3")
    with pytest.raises(EncoderError, match="picture parameter set"):
        encoder.encode(picture(48, 48), [(0, 0)], 3, 20)


def test_encoders_are_kept_and_few():
    encoder = PatchEncoder(kept=2)
    pixels = picture(64, 64)
    for width in (2, 3, 2, 3, 2):
        encoder.encode(pixels, [(0, 0)], width, 24)
    assert encoder.opened == 3  # one for the PPS, then one a width
    encoder.encode(pixels, [(0, 0)], 4, 24)  # closes width 3, not used longest
    encoder.encode(pixels, [(0, 0)], 2, 24)
    assert encoder.opened == 4
    encoder.encode(pixels, [(0, 0)], 3, 24)
    assert encoder.opened == 5
    encoder.close()
    encoder.encode(pixels, [(0, 0)], 3, 24)
    assert encoder.opened == 6


def test_a_kept_encoder_codes_as_a_new_one_does():
    """An I picture depends on nothing before it, so what was coded in between is not seen."""
    used = PatchEncoder()
    pixels = picture(96, 64, seed=1)
    for seed in range(5):
        used.encode(picture(96, 64, seed=seed), [(0, 0), (2, 1), (3, 0)], 2, 24)
    cells = [(1, 1), (2, 3)]
    new = PatchEncoder()
    fresh = decoded(new, new.encode(pixels, cells, 2, 24))
    again = decoded(used, used.encode(pixels, cells, 2, 24))
    assert all(np.array_equal(a, b) for a, b in zip(fresh.planes, again.planes, strict=True))


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
def test_runs_come_from_where_they_are(format_name):
    """At the finest QP a decoded run is the picture's own to within rounding."""
    encoder = PatchEncoder(format_name)
    pixels, planar = picture(128, 96, format_name, seed=3), picture(128, 96, seed=3)
    cells = [(0, 5), (1, 5), (3, 0), (5, 2), (2, 4)]
    result = decoded(encoder, encoder.encode(pixels, cells, 3, 1))
    for plane, source, size in zip(result.planes, planar.planes, (16, 8, 8), strict=True):
        for index, (row, column) in enumerate(cells):
            run = plane[index * size : (index + 1) * size].astype(int)
            expected = source[row * size : (row + 1) * size, column * size : (column + 3) * size]
            assert np.abs(run - expected).max() <= 2
        assert (np.abs(plane[len(cells) * size :].astype(int) - 128) <= 2).all()


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
@pytest.mark.parametrize("size", [(70, 90), (64, 90), (70, 96), (66, 82)])
def test_what_is_outside_repeats_the_edge(format_name, size):
    width, height = size
    columns, rows = -(-width // 16), -(-height // 16)
    planar = picture(width, height, seed=4)
    whole = tuple(
        np.pad(plane, ((0, rows * mb - plane.shape[0]), (0, columns * mb - plane.shape[1])), "edge")
        for plane, mb in zip(planar.planes, (16, 8, 8), strict=True)
    )
    padded = Planes("yuv420p", 16 * columns, 16 * rows, whole, BT709_LIMITED)
    cells = [(rows - 2, columns - 2), (rows - 1, columns - 2), (rows - 1, 0)]
    got = PatchEncoder(format_name).encode(picture(width, height, format_name, seed=4), cells, 2, 18)
    assert got == PatchEncoder().encode(padded, cells, 2, 18)


def test_pictures_that_may_not_be_written_to_can_be_given():
    pixels = picture(64, 64)
    for plane in pixels.planes:
        plane.flags.writeable = False
    assert PatchEncoder().encode(pixels, [(0, 0)], 2, 24)


@pytest.mark.parametrize(
    ("format_name", "count", "qp"), [("nv12", 1, 20), ("yuv420p", 0, 20), ("yuv420p", 9, 20), ("yuv420p", 1, 0)]
)
def test_what_cannot_be_coded_is_refused(format_name, count, qp):
    encoder = PatchEncoder()
    with pytest.raises(EncoderError, match=r"allowed: 1 to 8 runs of yuv420p at QP 1 to 51"):
        encoder.encode(picture(160, 160, format_name), [(row, 0) for row in range(count)], 1, qp)


def test_only_formats_of_the_encoder_are_taken():
    with pytest.raises(EncoderError, match="yuv420p, nv12"):
        PatchEncoder("yuv444p")
