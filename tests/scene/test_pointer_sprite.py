"""The pointer's size and place, worked out by hand from cap-format 3.6."""

from __future__ import annotations

from fractions import Fraction

import pytest
from scene_makers import image

from reelpress.scene.card import CardPose, CardStyle
from reelpress.scene.geometry import Crop, clamp_crop
from reelpress.scene.plan.layers import SpriteLayer
from reelpress.scene.plan.rect import Rect
from reelpress.scene.pointer import PointerGround
from reelpress.scene.zoom import ZoomState

F = Fraction
HD = (1920, 1080)
FRAME = Rect(0, 0, *HD)


def sprite(
    x: float,
    y: float,
    *,
    rest: Rect = FRAME,
    style: CardStyle | None = None,
    zoom: ZoomState | None = None,
    crop: Crop | None = None,
    screen: tuple[int, int] = HD,
    scale: float = 1.0,
    size: tuple[int, int] = (32, 48),
) -> SpriteLayer | None:
    pose = CardPose.at(rest, style or CardStyle(), zoom or ZoomState(), HD)
    ground = PointerGround(screen, crop or clamp_crop(screen, None, None), scale)
    return ground.sprite(image(*size), x, y, pose)


def box(layer: SpriteLayer | None) -> tuple[float, float, float, float]:
    assert layer is not None
    return (layer.rect.x, layer.rect.y, layer.rect.w, layer.rect.h)


def test_hotspot_and_size_on_an_unscaled_screen() -> None:
    # 60 high, 40 wide; the hotspot (0.25, 0.125) of the image lies on (960, 540).
    assert box(sprite(0.5, 0.5)) == pytest.approx((950, 532.5, 40, 60))


def test_size_per_cent_screen_height_and_card_scale() -> None:
    assert box(sprite(0.5, 0.5, scale=1.5))[3] == pytest.approx(90)
    # A screen of 2160 on a frame of 1080: 120 * 1080 / 2160.
    assert box(sprite(0.5, 0.5, screen=(3840, 2160)))[3] == pytest.approx(60)
    assert box(sprite(0.5, 0.5, rest=Rect(480, 270, 960, 540)))[3] == pytest.approx(30)


def test_zoom_moves_and_enlarges_it() -> None:
    # Centre (0, 0), amount 2: the point (0.25, 0.25) goes to the middle of the frame.
    assert box(sprite(0.25, 0.25, zoom=ZoomState(2.0, 0.0, 0.0))) == pytest.approx((940, 525, 80, 120))


def test_crop() -> None:
    crop = Crop(F(480), F(270), F(960), F(540))
    # The middle of the screen is the middle of the crop; everything is twice as large.
    assert box(sprite(0.5, 0.5, crop=crop)) == pytest.approx((940, 525, 80, 120))
    assert box(sprite(0.25, 0.25, crop=crop))[:2] == pytest.approx((-20, -15))
    assert sprite(0.05, 0.5, crop=crop) is None  # outside of what is shown


def test_wide_images_are_sized_by_their_width() -> None:
    assert box(sprite(0.5, 0.5, size=(90, 30)))[2:] == pytest.approx((60, 20))
    assert box(sprite(0.5, 0.5, size=(60, 30)))[2:] == pytest.approx((120, 60))


def test_it_is_clipped_to_the_card_unless_the_card_hides_the_frame() -> None:
    rest = Rect(100, 100, 1000, 600)
    style = CardStyle(rounding=0.5)
    layer = sprite(0.5, 0.5, rest=rest, style=style)
    assert layer is not None
    assert layer.clip is not None
    assert (layer.clip.rect, layer.clip.radius) == (rest, 150)
    whole = sprite(0.5, 0.5)
    assert whole is not None
    assert whole.clip is None
    assert (whole.width, whole.height) == (32, 48)


def test_out_of_sight() -> None:
    assert sprite(1.2, 0.5) is None
    assert sprite(-0.01, 0.5) is not None  # its body still reaches in
    assert sprite(0.5, 0.5, scale=0.0) is None
