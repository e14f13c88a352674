"""Camera moves in space, against projections worked out point by point."""

from __future__ import annotations

import math

import pytest

from reelpress.project.overlays import Camera3dSegment
from reelpress.scene.camera3d import Camera3d, View, inverse
from reelpress.scene.easing import bezier

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


def move(**keys: object) -> Camera3dSegment:
    return Camera3dSegment.model_validate({"start": 1, "end": 3, **keys})


def test_ramps_begin_and_end_flat() -> None:
    turned = {"properties": {"tiltX": 20, "zoom": 3}, "transitionIn": 0.5, "transitionOut": 0.5}
    camera = Camera3d((move(**turned),), SIZE)
    assert [camera.at(t) for t in (0.9, 1.0, 3.0)] == [None, None, None]  # flat at the edges: no warp at all
    early, late = camera.at(1.0001), camera.at(2.9999)
    assert early is not None
    assert late is not None
    assert through(early, 10, 20) == pytest.approx((10, 20), abs=0.01)
    assert through(late, 10, 20) == pytest.approx((10, 20), abs=0.01)
    inside = camera.at(2.0)
    assert inside is not None
    assert through(inside, 10, 20) != pytest.approx((10, 20), abs=5)


def test_half_way_up_the_ramp_it_is_half_turned() -> None:
    """The easing is symmetric, so half its time is half its way."""
    camera = Camera3d((move(properties={"roll": 40, "zoom": 1}, transitionIn=1),), SIZE)
    fill = (180 / 320) / math.tan(math.radians(22.5))
    expected = view(roll=math.radians(20), zoom=(fill + 1) / 2).warp(SIZE)
    assert camera.at(1.5) == pytest.approx(expected)


def test_a_move_has_its_start_and_the_next_one_its_end() -> None:
    first = move(properties={"roll": 10})
    second = Camera3dSegment.model_validate({"start": 3, "end": 4, "properties": {"roll": 20}})
    camera = Camera3d((first, second), SIZE)
    fill = {"zoom": 2.0}
    assert camera.at(1.0) == view(roll=math.radians(10), **fill).warp(SIZE)
    assert camera.at(3.0) == view(roll=math.radians(20), **fill).warp(SIZE)
    assert camera.at(4.0) is None
    assert not Camera3d((move(enabled=False),), SIZE)


def test_tracks_run_from_the_start_of_the_move_and_ease_between_their_keys() -> None:
    keys = [{"time": 0.5, "value": 10}, {"time": 1.5, "value": 30}]
    camera = Camera3d((move(tracks={"roll": keys}),), SIZE)

    def rolled(degrees: float) -> object:
        return pytest.approx(view(roll=math.radians(degrees), zoom=2.0).warp(SIZE))

    assert camera.at(1.2) == rolled(10)
    assert camera.at(2.0) == rolled(20)  # (.65, 0) and (.35, 1) mirror each other
    assert camera.at(2.8) == rolled(30)
    # At s = 1/4 the default handles are at x = 3(.75^2)(.25)(.65) + 3(.75)(.25^2)(.35) + .25^3 and y = .15625.
    x = 0.421875 * 0.65 + 0.140625 * 0.35 + 0.015625
    assert camera.at(1.5 + x) == rolled(10 + 20 * 0.15625)
    straight = [{**keys[0], "outEasing": [0, 0]}, {**keys[1], "inEasing": {"x": 1, "y": 1}}]
    assert Camera3d((move(tracks={"roll": straight}),), SIZE).at(1.75) == rolled(15)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tiltX", {"tilt_x": math.radians(12)}),
        ("tiltY", {"tilt_y": math.radians(12)}),
        ("roll", {"roll": math.radians(12)}),
        ("rotateX", {"rotate_x": math.radians(12)}),
        ("rotateY", {"rotate_y": math.radians(12)}),
        ("fov", {"fov": math.radians(12)}),
        ("zoom", {"zoom": 12.0}),
        ("panX", {"pan_x": 12.0}),
        ("panY", {"pan_y": 12.0}),
    ],
)
def test_every_property(name: str, changes: dict[str, float]) -> None:
    expected = view(**{"zoom": 2.0, **changes}).warp(SIZE)
    assert Camera3d((move(properties={name: 12}),), SIZE).at(2.0) == pytest.approx(expected)
    assert Camera3d((move(tracks={name: [{"time": 0, "value": 12}]}),), SIZE).at(2.0) == pytest.approx(expected)


def test_easing_is_monotonic_and_symmetric() -> None:
    values = [bezier(k / 20, 0.42, 0, 0.58, 1) for k in range(21)]
    assert values == sorted(values)
    assert values[10] == pytest.approx(0.5, abs=1e-9)
    assert values[5] + values[15] == pytest.approx(1.0, abs=1e-9)


def test_inverse_of_a_singular_matrix_is_none() -> None:
    assert inverse((1, 2, 3, 2, 4, 6, 0, 0, 1)) is None
