"""Camera moves in space, against projections worked out point by point."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from reelpress.project.overlays import Camera3dProperties, Camera3dSegment
from reelpress.scene.camera3d import Camera3d, View, bezier, inverse

SIZE = (320, 180)


def through(m: tuple[float, ...], x: float, y: float) -> tuple[float, float]:
    w = m[6] * x + m[7] * y + m[8]
    return (m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w


def view(**changes: float) -> View:
    fov = math.radians(45)
    fill = (180 / 320) / math.tan(fov / 2)
    base = dict.fromkeys(("tilt_x", "tilt_y", "roll", "rotate_x", "rotate_y", "pan_x", "pan_y"), 0.0)
    return View(**{**base, "fov": fov, "zoom": fill, **changes})


def test_flat_at_the_fill_distance_is_the_identity() -> None:
    warp = view().warp(SIZE)
    assert warp is not None
    for x, y in ((0, 0), (320, 180), (17, 99)):
        assert through(warp, x, y) == pytest.approx((x, y), abs=1e-9)


def test_twice_the_distance_shows_the_picture_at_half_size() -> None:
    warp = view(zoom=2 * view().zoom).warp(SIZE)
    assert warp is not None
    assert through(warp, 80, 45) == pytest.approx((0, 0), abs=1e-9)
    assert through(warp, 240, 135) == pytest.approx((320, 180), abs=1e-9)


def test_roll_turns_about_the_centre() -> None:
    warp = view(roll=math.pi / 2).warp(SIZE)
    assert warp is not None
    # counter-clockwise by 90 degrees: what was right of the centre is above it
    assert through(warp, 160, 90 - 30) == pytest.approx((160 + 30, 90), abs=1e-9)


def test_a_tilted_plane_by_similar_triangles() -> None:
    angle, v = math.radians(30), view(tilt_y=math.radians(30))
    warp = v.warp(SIZE)
    assert warp is not None
    # Flat point at the right edge, half way up: 1 unit from the centre, turned about the y axis away from the camera.
    depth = v.zoom + math.sin(angle)
    focal = 90 / math.tan(v.fov / 2)
    seen = (160 + focal * math.cos(angle) / depth, 90.0)
    assert through(warp, *seen) == pytest.approx((320, 90), abs=1e-9)


def test_edge_on_is_nothing() -> None:
    warp = view(tilt_y=math.pi / 2).warp(SIZE)
    assert warp is None or not all(map(math.isfinite, warp)) or abs(through(warp, 100, 90)[0]) > 1e6


def test_ramps_begin_and_end_flat() -> None:
    segment = Camera3dSegment(
        start=Fraction(1),
        end=Fraction(3),
        properties=Camera3dProperties(tilt_x=20.0, zoom=3.0),
        transition_in=Fraction(1, 2),
        transition_out=Fraction(1, 2),
    )
    camera = Camera3d((segment,), SIZE)
    assert camera.at(0.9) is None
    for edge in (1.0, 3.0):
        warp = camera.at(edge)
        assert warp is not None
        assert through(warp, 10, 20) == pytest.approx((10, 20), abs=1e-6)
    inside = camera.at(2.0)
    assert inside is not None
    assert through(inside, 10, 20) != pytest.approx((10, 20), abs=5)


def test_easing_is_monotonic_and_symmetric() -> None:
    values = [bezier(0.42, 0, 0.58, 1, k / 20) for k in range(21)]
    assert values == sorted(values)
    assert values[10] == pytest.approx(0.5, abs=1e-9)
    assert values[5] + values[15] == pytest.approx(1.0, abs=1e-9)


def test_inverse_of_a_singular_matrix_is_none() -> None:
    assert inverse((1, 2, 3, 2, 4, 6, 0, 0, 1)) is None
