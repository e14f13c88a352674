"""Turning pictures: every pixel where the display matrix puts it, chroma left-sited afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from videos import make_video, numbered

from reelpress.media._upright import upright
from reelpress.media.decode import VideoSource
from reelpress.media.index import build_index
from reelpress.media.probe import probe
from reelpress.media.scale import allocate

if TYPE_CHECKING:
    from pathlib import Path

Floats = np.ndarray[Any, np.dtype[np.float64]]


def stored_position(
    x: Floats, y: Floats, rotation: int, mirrored: bool, width: int, height: int
) -> tuple[Floats, Floats]:
    """Where the point (x, y) of the upright picture lies in the stored one; edges are at 0 and the size."""
    if rotation == 90:
        x, y = y, height - x
    elif rotation == 180:
        x, y = width - x, height - y
    elif rotation == 270:
        x, y = width - y, x
    return (width - x if mirrored else x), y


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(48, 32), (47, 33)])
def test_luma_moves_exactly_and_chroma_keeps_its_siting(size: tuple[int, int], rotation: int, mirrored: bool) -> None:
    width, height = size
    stored = allocate(width, height)
    rng = np.random.default_rng(3)
    stored.planes[0][:] = rng.integers(0, 256, (height, width))
    rows, columns = stored.planes[1].shape
    # Ramps by position: sample (i, j) of left-sited chroma lies at x = 2i + 0.5, y = 2j + 1.
    stored.planes[1][:] = np.rint(60 + 2 * (2 * np.arange(columns) + 0.5))[None, :]
    stored.planes[2][:] = np.rint(60 + 2 * (2 * np.arange(rows) + 1.0))[:, None]
    turned = upright(stored, rotation, mirrored)
    assert (turned.width, turned.height) == ((height, width) if rotation in (90, 270) else (width, height))

    y, x = np.mgrid[0 : turned.height, 0 : turned.width] + 0.5
    sx, sy = stored_position(x, y, rotation, mirrored, width, height)
    assert (turned.planes[0] == stored.planes[0][sy.astype(int), sx.astype(int)]).all()

    j, i = np.mgrid[0 : turned.planes[1].shape[0], 0 : turned.planes[1].shape[1]].astype(float)
    sx, sy = stored_position(2 * i + 0.5, 2 * j + 1.0, rotation, mirrored, width, height)
    inner = (slice(3, -3), slice(3, -3))
    # Codes are 2 a luma pixel: a quarter of a pixel off would be half a code; storing rounded by up to half.
    assert np.abs(turned.planes[1] - (60 + 2 * sx))[inner].max() <= 1.01
    assert np.abs((turned.planes[1] - (60 + 2 * sx))[inner].mean()) <= 0.3
    assert np.abs((turned.planes[2] - (60 + 2 * sy))[inner].mean()) <= 0.3


def test_nothing_to_turn_is_the_same_object() -> None:
    planes = allocate(16, 16)
    assert upright(planes, 0, False) is planes


@pytest.mark.parametrize(("hflip", "vflip", "degrees"), [(True, False, 0), (False, True, 0), (True, False, 90)])
def test_flips_of_the_display_matrix(tmp_path: Path, hflip: bool, vflip: bool, degrees: int) -> None:
    """Against the matrix itself: its columns are the images of the axes (ISO/IEC 14496-12, 6.2.2; y points down)."""
    path = make_video(
        tmp_path / "flip.mp4", frames=2, rotation=degrees, hflip=hflip, vflip=vflip, colorspace=1, color_range=1
    )
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (int.from_bytes(data[at + k : at + k + 4], "big", signed=True) / 65536 for k in (0, 4, 12, 16))
    info = probe(path).video
    assert info is not None
    source = VideoSource(path, info, build_index(path, 0), threads=1)
    luma = source.frame(1).planes.planes[0].astype(float)
    source.close()
    original = np.frombuffer(numbered(1, 64, 48).planes[0], np.uint8).reshape(48, -1)[:, :64]  # type: ignore[call-overload]
    expected = np.zeros(luma.shape)
    for y in range(48):
        for x in range(64):
            px, py = a * (x + 0.5) + c * (y + 0.5), b * (x + 0.5) + d * (y + 0.5)
            px, py = px % luma.shape[1], py % luma.shape[0]  # the translation only brings it back into view
            expected[int(py), int(px)] = original[y, x]
    assert np.abs(luma - expected).mean() < 6
