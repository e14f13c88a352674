"""swscale as a converter: what it reads where and does not copy. Its pixels: tests/contract/test_converters.py."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame

from reelpress.color import BT709_LIMITED, SRGB, ColorSpec, Matrix, Range, Siting
from reelpress.errors import FormatError
from reelpress.media.planes import Planes
from reelpress.media.repack import MIN_SIDE, Repacker
from reelpress.media.scale import allocate, from_frame, to_frame


def memory_of(planes: Planes) -> list[tuple[int, int]]:
    return [(p.__array_interface__["data"][0], p.nbytes) for p in planes.planes]


def yuv(format_name: str, width: int, height: int, shapes: list[tuple[int, int]]) -> Planes:
    return Planes(format_name, width, height, tuple(np.full(s, 90, np.uint8) for s in shapes), BT709_LIMITED)


def test_pictures_of_frames_are_read_where_they_lie() -> None:
    repacker = Repacker()
    for name in ("bgra", "rgba"):
        source = from_frame(VideoFrame(64, 48, name), SRGB)
        source.planes[0][:] = 7
        repacker.repack(source, "nv12", BT709_LIMITED)
    assert repacker.copies == 0


@pytest.mark.parametrize(
    ("format_name", "shapes"),
    [
        ("nv12", [(48, 64), (24, 64)]),
        ("yuv420p", [(48, 64), (24, 32), (24, 32)]),
        ("p010le", [(48, 128), (24, 128)]),
    ],
)
def test_planes_from_anywhere_are_borrowed(format_name: str, shapes: list[tuple[int, int]]) -> None:
    repacker = Repacker()
    repacker.repack(yuv(format_name, 64, 48, shapes), "bgra", SRGB)
    assert repacker.copies == 0


def test_what_must_be_copied_is_counted() -> None:
    repacker = Repacker()
    repacker.repack(Planes("bgra", 64, 48, (np.zeros((48, 256), np.uint8),), SRGB), "nv12", BT709_LIMITED)
    assert repacker.copies == 1  # PyAV cannot borrow RGB
    repacker.repack(yuv("nv12", 63, 47, [(47, 63), (24, 64)]), "rgba", SRGB)
    assert repacker.copies == 2  # an odd size is made even


def test_an_encoder_takes_the_result_as_it_is() -> None:
    source = allocate(64, 48, "bgra", SRGB)
    source.planes[0][:] = 100
    result = Repacker().repack(source, "nv12", BT709_LIMITED)
    assert to_frame(result) is result.owner
    start, size = memory_of(result)[0]
    inside = memory_of(from_frame(result.owner, BT709_LIMITED))  # type: ignore[arg-type]
    assert (start, size) == inside[0]


def test_pictures_at_once_are_pictures_of_their_own() -> None:
    repacker = Repacker()
    results = []
    for level in (10, 200):
        source = allocate(64, 48, "bgra", SRGB)
        source.planes[0][:] = level
        results.append(repacker.repack(source, "nv12", BT709_LIMITED))
    assert results[0].planes[0][0, 0] == round(16 + 219 * 10 / 255)
    assert results[1].planes[0][0, 0] == round(16 + 219 * 200 / 255)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, MIN_SIDE), (MIN_SIDE + 1, 2)])
@pytest.mark.parametrize("source", ["bgra", "yuyv422", "uyvy422"])
def test_a_flat_picture_stays_flat_at_any_size(size: tuple[int, int], source: str) -> None:
    """Whatever is added to make it even or large enough: were it anything but the edge, chroma would show it."""
    width, height = size
    if source == "bgra":
        pixel, wide, color = [20, 90, 200, 255], width, SRGB
    else:
        pixel, wide, color = (
            {"yuyv422": [81, 90, 81, 240], "uyvy422": [90, 81, 240, 81]}[source],
            -(-width // 2),
            BT709_LIMITED,
        )
    packed = np.tile(np.array(pixel, np.uint8), (height, wide))
    if source != "bgra" and width & 1:  # the padding sample of an odd width says nothing
        packed[:, -2 if source == "yuyv422" else -1] = 0
    result = Repacker().repack(Planes(source, width, height, (packed,), color), "nv12", BT709_LIMITED)
    luma, chroma = result.planes
    assert (luma.shape, chroma.shape) == ((height, width), (-(-height // 2), 2 * -(-width // 2)))
    for samples in (luma, chroma[:, 0::2], chroma[:, 1::2]):
        assert (samples == samples[0, 0]).all()
    if source != "bgra":
        assert (luma[0, 0], *chroma[0, :2]) == (81, 90, 240)


def test_changes_of_colour_that_it_does_not_make() -> None:
    source = yuv("nv12", 64, 48, [(48, 64), (24, 64)])
    for color in (
        ColorSpec(Matrix.BT601, Range.LIMITED),
        ColorSpec(Matrix.BT709, Range.FULL),
        ColorSpec(Matrix.BT709, Range.LIMITED, siting=Siting.CENTER),
    ):
        with pytest.raises(FormatError, match="8-bit RGB"):
            Repacker().repack(source, "yuv420p", color)
