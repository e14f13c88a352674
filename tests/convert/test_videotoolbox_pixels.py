"""What the VideoToolbox converter makes of pictures: with the stand-in, and on a Mac with the real frameworks too.

Tolerances: the stand-in computes in double precision, so half a code value (rounding). The real one is not documented:
3 code values, and chroma of pictures with detail is compared only where its filter is the mean of 2x2 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest
from av.video.frame import VideoFrame
from standin_library import Standin
from videotoolbox_pictures import (
    BT601_LIMITED,
    aligned,
    difference,
    expected,
    packed_picture,
    rgb_picture,
    rgb_triples,
)

from reelpress.color import BT709_LIMITED, SRGB, ColorSpec, Matrix, Range, Siting
from reelpress.convert.base import row_bytes
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.errors import FormatError
from reelpress.media.encoder import shared_frame
from reelpress.media.planes import Planes
from reelpress.media.scale import to_frame

COMPARABLE = ("mean of 2x2 pixels", "same as source across, mean of 2 rows")
"""Filters of chroma, as the probe names them, for which :func:`expected` holds."""

SIZES = [(16, 16), (64, 18), (2, 2), (130, 34), (33, 16), (16, 33), (35, 31), (1, 1), (1, 6), (7, 1)]


@pytest.fixture(params=["wrap", "copy"])
def converter(request: pytest.FixtureRequest, system: Mapping[str, str] | None) -> Iterator[VideoToolboxConverter]:
    made = VideoToolboxConverter(system, source_memory=request.param)
    yield made
    made.close()


def tolerance(system: Mapping[str, str] | None) -> float:
    return 3.0 if system is None else 0.5000001


def picture(source: str, width: int, height: int) -> Planes:
    if source in ("yuyv422", "uyvy422"):
        return packed_picture(source, width, height)
    return rgb_picture(source, rgb_triples(width, height))


@pytest.mark.parametrize(("width", "height"), SIZES, ids=[f"{w}x{h}" for w, h in SIZES])
@pytest.mark.parametrize("source", ["bgra", "argb", "yuyv422", "uyvy422"])
def test_pixels(
    converter: VideoToolboxConverter, system: Mapping[str, str] | None, source: str, width: int, height: int
) -> None:
    given = picture(source, width, height)
    before = given.planes[0].copy()
    assert converter.why_not(source, "nv12", width, height) is None
    color = replace(BT709_LIMITED, siting=Siting.CENTER) if source in ("bgra", "argb") else BT709_LIMITED
    result = converter.convert(given, "nv12", color)
    assert (result.format, result.width, result.height, result.color) == ("nv12", width, height, color)
    assert (result.pts, result.time_base) == (given.pts, given.time_base)
    assert [p.shape for p in result.planes] == [(height, width), (-(-height // 2), 2 * -(-width // 2))]
    luma, chroma = difference(result, given)
    assert luma <= tolerance(system)
    if system is not None or converter.describe()["chroma"][source] in COMPARABLE:
        assert chroma <= tolerance(system)
    assert np.array_equal(given.planes[0], before)


@pytest.mark.parametrize("source", ["bgra", "argb"])
def test_flat_colours_have_their_code_values(
    converter: VideoToolboxConverter, system: Mapping[str, str] | None, source: str
) -> None:
    # The eight colour bars of 100 % in BT.709 limited: 219 * (Kr R + Kg G + Kb B) + 16 and so on, by hand.
    bars = {
        (255, 255, 255): (235, 128, 128),
        (255, 255, 0): (219.2, 16, 138.2),
        (0, 255, 255): (188.4, 153.6, 16),
        (0, 255, 0): (172.6, 41.6, 26.2),
        (255, 0, 255): (78.4, 214.4, 229.8),
        (255, 0, 0): (62.6, 102.4, 240),
        (0, 0, 255): (31.8, 240, 117.8),
        (0, 0, 0): (16, 128, 128),
    }
    for colour, codes in bars.items():
        flat = np.broadcast_to(np.array(colour, np.uint8), (16, 16, 3))
        result = converter.convert(rgb_picture(source, flat), "nv12", BT709_LIMITED)
        found = (result.planes[0][8, 8], result.planes[1][4, 8], result.planes[1][4, 9])
        for a, b in zip(found, codes, strict=True):
            assert abs(int(a) - b) <= max(0.56, tolerance(system)), (colour, found)


@pytest.mark.parametrize("source", ["bgra", "argb"])
def test_alpha_is_dropped(converter: VideoToolboxConverter, system: Mapping[str, str] | None, source: str) -> None:
    triples = rgb_triples(16, 16)
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    given = rgb_picture(source, triples, alpha=alpha)
    result = converter.convert(given, "nv12", BT709_LIMITED)
    assert difference(result, rgb_picture(source, triples))[0] <= tolerance(system)


@pytest.mark.parametrize("source", ["yuyv422", "uyvy422"])
def test_bt601_becomes_bt709(converter: VideoToolboxConverter, system: Mapping[str, str] | None, source: str) -> None:
    given = packed_picture(source, 32, 16, BT601_LIMITED)
    result = converter.convert(given, "nv12", BT709_LIMITED)
    assert max(difference(result, given)) <= tolerance(system)
    # It is a difference: read as BT.709 it would be another picture.
    assert max(difference(result, Planes(source, 32, 16, given.planes, BT709_LIMITED))) > 4


@pytest.mark.parametrize(
    ("stride", "offset", "copies"),
    [(256, 0, 0), (320, 0, 0), (272, 16, 0), (260, 0, 1), (256, 4, 1), (257, 1, 1)],
    ids=["tight", "padded", "by 16", "odd stride", "odd address", "both odd"],
)
def test_strides_and_addresses(system: Mapping[str, str] | None, stride: int, offset: int, copies: int) -> None:
    converter = VideoToolboxConverter(system, source_memory="wrap", source_deadline_s=30.0)
    assert converter.why_not("bgra", "nv12", 64, 8) is None
    before = converter.copied
    given = rgb_picture("bgra", rgb_triples(64, 8), stride=stride, offset=offset)
    result = converter.convert(given, "nv12", BT709_LIMITED)
    assert difference(result, given)[0] <= tolerance(system)
    assert converter.copied - before == copies
    converter.close()


def test_a_cut_out_and_an_upturned_picture(system: Mapping[str, str] | None) -> None:
    converter = VideoToolboxConverter(system)
    whole = aligned(40, 512)
    whole[:] = np.random.default_rng(1).integers(0, 256, whole.shape, np.uint8)
    for plane in (whole[4:24, 36 : 36 + 4 * 20], whole[20::-1, :256], whole[::2, :256]):
        given = Planes("bgra", plane.shape[1] // 4, plane.shape[0], (plane,), SRGB)
        result = converter.convert(given, "nv12", BT709_LIMITED)
        assert difference(result, given)[0] <= tolerance(system)
    converter.close()


def test_read_only_memory_is_a_source(system: Mapping[str, str] | None) -> None:
    converter = VideoToolboxConverter(system)
    given = rgb_picture("bgra", rgb_triples(64, 16))
    given.planes[0].flags.writeable = False
    assert difference(converter.convert(given, "nv12", BT709_LIMITED), given)[0] <= tolerance(system)
    converter.close()


def test_the_padding_sample_of_an_odd_packed_row_is_ignored(converter: VideoToolboxConverter) -> None:
    for source, place in (("yuyv422", -2), ("uyvy422", -1)):
        given = packed_picture(source, 33, 16)
        first = converter.convert(given, "nv12", BT709_LIMITED)
        given.planes[0][:, place] ^= 0xFF
        second = converter.convert(given, "nv12", BT709_LIMITED)
        for a, b in zip(first.planes, second.planes, strict=True):
            assert np.array_equal(a, b)
        assert row_bytes(source, 33) == (68,)


@pytest.mark.parametrize("as_frame", [to_frame, shared_frame])
def test_pyav_borrows_the_result(
    converter: VideoToolboxConverter, system: Mapping[str, str] | None, as_frame: Callable[[Planes], VideoFrame]
) -> None:
    given = rgb_picture("bgra", rgb_triples(64, 18))
    result = converter.convert(given, "nv12", BT709_LIMITED)
    frame = as_frame(result)
    assert [p.buffer_ptr for p in frame.planes] == [p.ctypes.data for p in result.planes]
    assert [p.line_size for p in frame.planes] == list(result.strides)
    if system is not None:
        assert result.strides == (128, 256)  # of the stand-in: padded, and other for chroma
    del result
    plane = frame.planes[0]  # the frame alone keeps the memory
    luma = np.frombuffer(plane, np.uint8).reshape(18, plane.line_size)[:, :64]
    assert abs(luma - expected(given)[0]).max() <= tolerance(system)
    assert converter.outstanding == 1
    del frame, plane, luma
    assert converter.outstanding == 0


REFUSED: list[tuple[str, Callable[[], Planes], str, ColorSpec, str]] = [
    ("target", lambda: rgb_picture("bgra", rgb_triples(8, 8)), "yuv420p", BT709_LIMITED, "not bgra to yuv420p"),
    ("601", lambda: rgb_picture("bgra", rgb_triples(8, 8)), "nv12", BT601_LIMITED, "converts to bt709 limited"),
    (
        "full",
        lambda: rgb_picture("bgra", rgb_triples(8, 8)),
        "nv12",
        ColorSpec(Matrix.BT709, Range.FULL),
        "converts to bt709 limited",
    ),
    (
        "full source",
        lambda: packed_picture("yuyv422", 8, 8, ColorSpec(Matrix.BT709, Range.FULL)),
        "nv12",
        BT709_LIMITED,
        "in bt709 or bt601, limited",
    ),
    (
        "2020",
        lambda: packed_picture("uyvy422", 8, 8, ColorSpec(Matrix.BT2020, Range.LIMITED)),
        "nv12",
        BT709_LIMITED,
        "in bt709 or bt601, limited",
    ),
    (
        "siting",
        lambda: packed_picture("uyvy422", 8, 8, replace(BT709_LIMITED, siting=Siting.CENTER)),
        "nv12",
        BT709_LIMITED,
        "sited center, the target's left",
    ),
    (
        "planes",
        lambda: Planes("bgra", 8, 8, (np.zeros((8, 31), np.uint8),), SRGB),
        "nv12",
        BT709_LIMITED,
        "planes of (rows, bytes)",
    ),
    (
        "size",
        lambda: Planes("bgra", 20000, 1, (np.zeros((1, 80000), np.uint8),), SRGB),
        "nv12",
        BT709_LIMITED,
        "both sides must be 1 to 16384",
    ),
]


@pytest.mark.parametrize(("given", "target", "color", "says"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_refused(
    system: Mapping[str, str] | None, given: Callable[[], Planes], target: str, color: ColorSpec, says: str
) -> None:
    converter = VideoToolboxConverter(system)
    with pytest.raises(FormatError) as caught:
        converter.convert(given(), target, color)
    assert says in str(caught.value)
    converter.close()


def test_sources_and_targets(system: Mapping[str, str] | None) -> None:
    converter = VideoToolboxConverter(system)
    for source in ("nv12", "yuv420p", "p010", "gray"):
        reason = converter.why_not(source, "nv12", 16, 16)
        assert reason is not None
        assert "bgra, argb, rgba, yuyv422, uyvy422 to nv12" in reason
    assert converter.why_not("bgra", "nv12", 0, 4) is not None
    assert converter.name == "videotoolbox"
    converter.close()


def test_the_stand_in_pads_its_rows_and_uses_iosurfaces(standin: Standin) -> None:
    converter = VideoToolboxConverter(standin.libraries)
    result = converter.convert(rgb_picture("bgra", rgb_triples(64, 8)), "nv12", BT709_LIMITED)
    assert result.strides == (64 + 64, 64 + 64 + 128)
    converter.close()
