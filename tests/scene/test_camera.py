"""The camera bubble, worked out by hand from cap-format 3.7."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.project.camera import Camera
from reelpress.scene.camera import CameraRig
from reelpress.scene.camera_panel import fill, panel
from reelpress.scene.plan.layers import PictureLayer
from reelpress.scene.plan.outline import CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect

HD = (1920, 1080)


def rig(
    size: tuple[int, int] = HD,
    source: tuple[int, int] = (1280, 720),
    stored: tuple[int, int] | None = None,
    **keys: object,
) -> CameraRig:
    found = CameraRig.of(Camera.model_validate(keys), size, source, stored or source)
    assert found is not None
    return found


def test_default_bubble():
    """Short side 1080 * .3 + 50 = 374, 50 px from the right and lower edges."""
    assert rig().outline(0.0) == Rect(1920 - 50 - 374, 1080 - 50 - 374, 374, 374)


@pytest.mark.parametrize(
    ("x", "y", "place"),
    [("left", "top", (50, 50)), ("center", "bottom", (774, 656)), ("right", "top", (1496, 50))],
)
def test_corners(x, y, place):
    outline = rig(position={"x": x, "y": y}).outline(0.0)
    # (1920 - 374) / 2 = 773 goes to an even pixel
    assert (outline.x, outline.y) == place


def test_half_resolution():
    """Margin 25, side 162 + 25 = 187, on even pixels 188."""
    assert rig((960, 540)).outline(0.0) == Rect(960 - 25 - 188 + 1, 540 - 25 - 188 + 1, 188, 188)


def test_it_shrinks_while_zoomed_in():
    made = rig()
    assert made.outline(1.0) == Rect(1920 - 50 - 276, 1080 - 50 - 276, 276, 276)  # 1080 * .21 + 50 = 276.8
    half = made.outline(0.5)
    assert (half.w, half.h) == pytest.approx((1080 * 0.255 + 50,) * 2)
    assert (half.right, half.bottom) == pytest.approx((1870, 1030))
    assert rig(scaleDuringZoom=1).outline(1.0) == made.outline(0.0)


def test_source_shape_keeps_its_aspect():
    wide, tall = rig(shape="source").outline(0.0), rig(shape="source", source=(720, 1280)).outline(0.0)
    # the short side is 374: 374 * 16 / 9 = 664.9
    assert (wide.w, wide.h) == (664, 374)
    assert (tall.w, tall.h) == (374, 664)


def test_manual_position_is_the_centre_and_stays_inside():
    assert rig(manualPosition={"x": 0.5, "y": 0.25}).outline(0.0) == Rect(774, 84, 374, 374)  # 773, 83
    assert rig(manualPosition={"x": -3, "y": 0.99}).outline(0.0) == Rect(0, 706, 374, 374)
    assert rig(manualPosition={"x": 2, "y": 0}).outline(0.0) == Rect(1546, 0, 374, 374)


def test_a_bubble_larger_than_the_frame_is_in_its_middle():
    camera = Camera.model_validate({"size": 100, "manualPosition": {"x": 0, "y": 0}})
    made = CameraRig.of(camera, HD, (1280, 720), (1280, 720))
    assert made is not None
    assert made.outline(0.0) == Rect(0, -24, 1130, 1130)  # (1080 - 1130) / 2 = -25


def test_the_rim_of_the_source_is_not_shown():
    bubble = rig().bubble(0.0)
    # The middle of what is left when 2 px are taken off: 716 high, square.
    assert rounded(bubble.crop) == Rect(282, 2, 716, 716)
    assert bubble.rect == bubble.shape.rect == rig().outline(0.0)
    whole = rig(shape="source").bubble(0.0)
    assert (whole.crop.y, whole.crop.h) == pytest.approx((2, 716))
    assert whole.crop.w / whole.crop.h == pytest.approx(16 / 9)


def rounded(rect: Rect) -> Rect:
    return Rect(*(round(v, 9) for v in (rect.x, rect.y, rect.w, rect.h)))


def test_pixels_that_are_not_square():
    bubble = rig(source=(1440, 1080), stored=(720, 1080)).bubble(0.0)
    shown = (bubble.crop.w * 2, bubble.crop.h)
    assert shown[0] == pytest.approx(shown[1])
    assert bubble.crop.x + bubble.crop.w / 2 == pytest.approx(360)


def test_tiny_cameras_are_not_inset():
    assert rig(source=(8, 8)).bubble(0.0).crop == Rect(0, 0, 8, 8)


def test_decoration():
    bubble = rig().bubble(0.0)
    assert bubble.shape == Shape(rig().outline(0.0), 187.0, CornerKind.SQUIRCLE)
    k, m = 0.625, 187
    assert bubble.shadow == Shadow(k * 0.339 * m, k * 0.105 * m, k * 0.442)
    plain = rig(shadow=0, rounding=20, roundingType="rounded").bubble(0.0)
    assert plain.shadow is None
    assert (plain.shape.radius, plain.shape.kind) == (pytest.approx(37.4), CornerKind.ROUNDED)
    assert rig(advancedShadow=None, shadow=100).bubble(0.0).shadow == Shadow(93.5, 93.5, 0.18)


def test_mirror_hide_and_layer():
    assert CameraRig.of(Camera.model_validate({"hide": True}), HD, (1280, 720), (1280, 720)) is None
    bubble = rig(mirror=True).bubble(0.0, opacity=0.5)
    assert bubble.layer("camera:0", 7) == PictureLayer(
        "camera:0", 7, bubble.crop, bubble.rect, bubble.shape, bubble.shadow, None, 0.5, True
    )


@given(st.floats(0, 1), st.sampled_from(["square", "source"]), st.integers(2, 40), st.integers(2, 40))
def test_the_picture_is_never_distorted(activity, shape, w, h):
    source = (w * 16, h * 16)
    bubble = rig(shape=shape, source=source).bubble(activity)
    assert bubble.crop.x >= 2 - 1e-9
    assert bubble.crop.y >= 2 - 1e-9
    ratio = (bubble.rect.w / bubble.crop.w) / (bubble.rect.h / bubble.crop.h)
    # at rest the sides are whole pixels
    assert ratio == pytest.approx(1, abs=2e-9 if 0 < activity < 1 else 0.01)


def test_a_swing_beyond_does_not_round_before_it_rests():
    made = rig()
    swung = made.outline(1.01)
    assert (swung.w, swung.right) == pytest.approx((276.8, 1870))
    assert made.outline(1.0).w == 276
    assert made.outline(-0.01).w == 374


@given(st.floats(0.001, 0.998))
def test_its_size_changes_smoothly(activity):
    a, b = rig().outline(activity), rig().outline(activity + 0.001)
    assert math.isclose(a.w - b.w, 1080 * 0.09 * 0.001, rel_tol=1e-6)
    assert abs(rig().outline(0.0).w - rig().outline(1e-9).w) <= 1


# --- panels -----------------------------------------------------------------------------------------------------------


def test_a_panel_is_cut_to_what_is_seen():
    made = panel(Rect(0, 0, 400, 100), Rect(0, 0, 800, 200), Shape(Rect(200, 0, 100, 200)))
    assert (made.rect, made.crop) == (Rect(200, 0, 100, 200), Rect(100, 0, 50, 100))
    assert made.content == Rect(0, 0, 800, 200)
    mirrored = panel(Rect(0, 0, 400, 100), Rect(0, 0, 800, 200), Shape(Rect(200, 0, 100, 200)), mirror=True)
    assert (mirrored.rect, mirrored.crop) == (Rect(200, 0, 100, 200), Rect(250, 0, 50, 100))
    whole = panel(Rect(0, 0, 4, 4), Rect(0, 0, 800, 200), Shape(Rect(0, 0, 800, 200)))
    assert (whole.rect, whole.crop) == (Rect(0, 0, 800, 200), Rect(0, 0, 4, 4))


def test_fill():
    slot = Rect(100, 0, 100, 100)
    assert fill(2.0, slot) == Rect(50, 0, 200, 100)
    assert fill(2.0, slot, (0.0, 0.5)) == Rect(100, 0, 200, 100)
    assert fill(2.0, slot, (0.6, 0.5)) == Rect(30, 0, 200, 100)
    assert fill(2.0, slot, (0.5, 0.9), 2.0) == Rect(-50, -100, 400, 200)
    assert fill(0.5, slot, zoom=0.1) == Rect(100, -50, 100, 200)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-1, 2), st.floats(-1, 2), st.floats(0, 5))
def test_a_filled_slot_is_covered(aspect, slot_aspect, fx, fy, zoom):
    slot = Rect(13, 7, 100 * slot_aspect, 100)
    found = fill(aspect, slot, (fx, fy), zoom)
    assert found.x <= slot.x
    assert found.y <= slot.y
    assert found.right >= slot.right - 1e-9
    assert found.bottom >= slot.bottom - 1e-9
    assert found.w / found.h == pytest.approx(aspect)
