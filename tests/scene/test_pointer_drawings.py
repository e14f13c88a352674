"""Our drawn pointers: complete, where the hotspots say, painted as meant, the same at every size."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from reelpress.compose.pointers.drawings import DRAWINGS
from reelpress.compose.pointers.raster import is_builtin, names, raster, sprite
from reelpress.scene.pointer_shapes import CIRCLE, HOTSPOTS, LIGHT, RASTER, builtin


def test_every_hotspot_has_a_drawing_and_the_other_way():
    assert set(HOTSPOTS) == {*DRAWINGS, CIRCLE}


def test_sprites_are_what_placing_counts_on():
    for name in ("arrow", "hand.light", "circle"):
        image = builtin(name)
        picture = sprite(str(image.path))
        assert is_builtin(str(image.path))
        assert picture.shape == (image.height, image.width, 4)
        assert picture.dtype == np.uint8
        assert not picture.flags.writeable
    assert not is_builtin("/somewhere/builtin.png")
    with pytest.raises(KeyError):
        raster("nonsense", 20)


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_margins_are_empty_and_both_colours_are_there(name):
    picture = raster(name, 100).astype(int)
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert edge[:, 3].max() <= 40  # at most a trace of the shadow
    solid = picture[picture[..., 3] == 255]
    black, white = (solid[:, :3].max(1) == 0).sum(), (solid[:, :3].min(1) == 255).sum()
    assert black > 150
    assert white > 150
    light = raster(name + LIGHT, 100).astype(int)
    assert (light[..., 3] == picture[..., 3]).mean() > 0.98
    swapped = light[picture[..., 3] == 255]
    assert abs((swapped[:, :3].max(1) == 0).sum() - white) <= 4
    assert abs((swapped[:, :3].min(1) == 255).sum() - black) <= 4


@pytest.mark.parametrize("name", ["arrow", "hand", "up-arrow", "pen", "help"])
def test_the_tip_is_at_the_hotspot(name):
    """Ink within 2.5 units of it, and none beyond it, away from the body."""
    picture = raster(name, 200).astype(int)
    ink = np.argwhere((picture[..., 3] == 255) & (picture[..., :3].max(2) == 0)) + 0.5
    x, y = (200 * v for v in HOTSPOTS[name])
    assert np.hypot(ink[:, 1] - x, ink[:, 0] - y).min() < 5
    if name != "pen":
        assert ink[:, 0].min() > y - 5
    else:
        assert ink[:, 1].min() > x - 5


@pytest.mark.parametrize("name", ["ibeam", "crosshair", "no", "resize-we", "move"])
def test_symmetric_about_the_hotspot(name):
    picture = raster(name, 120).astype(int)
    opaque = picture[..., :3] * (picture[..., 3:] == 255)
    turned = opaque[::-1, ::-1]
    assert (np.abs(opaque - turned).max(2) > 2).mean() < 0.03  # the shadow lies lower


def test_turned_drawings():
    across = raster("resize-we", 101).astype(int)
    down = np.rot90(raster("resize-ns", 101), -1).astype(int)
    solid = (across[..., 3] == 255) & (down[..., 3] == 255)
    assert np.abs(across - down)[solid].max() <= 1


def test_one_drawing_at_all_sizes():
    """A raster of twice the size, averaged, is the same picture."""
    small = raster("hand", 100).astype(float)
    large = raster("hand", 200).astype(float)
    for picture in (small, large):
        picture[..., :3] *= picture[..., 3:] / 255
    mean = large.reshape(100, 2, 100, 2, 4).mean((1, 3))
    assert np.abs(mean - small).mean() < 0.5
    assert np.abs(mean - small).max() < 70


def test_coverage_of_a_straight_edge():
    """The left side of the arrow at 100 px: ink from x = 29.5, its outline from 26.1."""
    row = raster("arrow", 100)[50].astype(int)
    assert list(row[30]) == [0, 0, 0, 255]
    assert list(row[28]) == [255, 255, 255, 255]
    assert row[29][0] == pytest.approx(128, abs=1)  # half ink, half outline
    assert row[26][3] == pytest.approx(255 * (0.9 + 0.1 * 0.16), abs=6)


def test_the_disc():
    picture = raster(CIRCLE, 256)
    assert picture[128, 128, 3] == round(0.45 * 255)
    assert picture[0, 0, 3] == 0
    assert (picture == picture[::-1, ::-1]).all()
    assert abs(int((picture[..., 3] > 0).sum()) - np.pi * (0.46 * 256) ** 2) < 1100


def test_the_same_bytes_every_time():
    first = {name: hashlib.sha256(raster(name, 40).tobytes()).digest() for name in names()}
    assert first == {name: hashlib.sha256(raster(name, 40).tobytes()).digest() for name in reversed(names())}
    assert len(set(first.values())) == len(names())
    assert sprite("builtin:arrow").shape == (RASTER, RASTER, 4)
