"""Motion blur of the card, by hand from cap-format 3.5."""

from __future__ import annotations

from typing import Any

import pytest
from scene_makers import F, clip, project, studio

from reelpress.scene.card_blur import card_blur
from reelpress.scene.director import Director
from reelpress.scene.plan.effects import Blur
from reelpress.scene.plan.rect import Rect

HD = (1920, 1080)
CARD = Rect(100, 50, 1600, 900)
SIXTY = F(60)


def moved(dx: float, dy: float) -> Rect:
    return Rect(CARD.x + dx, CARD.y + dy, CARD.w, CARD.h)


def test_a_movement_is_its_vector_times_strength_and_rate() -> None:
    assert card_blur(CARD, moved(30, -12), HD, 1.0, SIXTY) == Blur(30, -12)
    assert card_blur(CARD, moved(30, -12), HD, 0.5, SIXTY) == Blur(15, -6)
    assert card_blur(CARD, moved(30, -12), HD, 1.0, F(30)) == Blur(15, -6)


def test_off_below_a_pixel() -> None:
    assert card_blur(CARD, CARD, HD, 1.0, SIXTY) is None
    assert card_blur(CARD, moved(0.99, 0), HD, 1.0, SIXTY) is None
    assert card_blur(CARD, moved(1.01, 0), HD, 1.0, SIXTY) == Blur(pytest.approx(1.01), 0)
    assert card_blur(CARD, moved(1.9, 0), HD, 0.5, SIXTY) is None
    assert card_blur(CARD, moved(50, 0), HD, 0.0, SIXTY) is None


def test_a_movement_reaches_at_most_15_per_cent_of_the_frame() -> None:
    assert card_blur(CARD, moved(1000, 0), HD, 1.0, SIXTY) == Blur(pytest.approx(0.15 * 1920), 0)
    assert card_blur(CARD, moved(0, -400), HD, 1.0, SIXTY) == Blur(0, pytest.approx(-0.15 * 1080))
    both = card_blur(CARD, moved(1920, 540), HD, 1.0, SIXTY)  # the direction stays
    assert both is not None
    assert (both.dx, both.dy) == pytest.approx((288, 81))


def test_a_scaling_has_the_point_that_stays_and_the_share_of_the_diagonal() -> None:
    """Enlarged about (500, 400) by 1.05: the diagonal grows by 0.05 / 1.05 of the new one."""
    origin, k = (500.0, 400.0), 1.05
    now = Rect(origin[0] + (100 - 500) * k, origin[1] + (50 - 400) * k, 1600 * k, 900 * k)
    blur = card_blur(CARD, now, HD, 1.0, SIXTY)
    assert blur is not None
    assert (blur.dx, blur.dy) == (0, 0)
    assert blur.origin == pytest.approx(origin)
    assert blur.spread == pytest.approx(0.05 / 1.05)
    back = card_blur(now, CARD, HD, 1.0, SIXTY)  # 5 % of the smaller one now
    assert back is not None
    assert back.origin == pytest.approx(origin)
    assert back.spread == pytest.approx(0.05)


def test_rays_reach_at_most_a_tenth_of_the_frame() -> None:
    now = Rect(CARD.x, CARD.y, CARD.w * 1.5, CARD.h * 1.5)  # about its corner; 2400 pixels wide now
    blur = card_blur(CARD, now, HD, 1.0, SIXTY)
    assert blur is not None
    assert blur.origin == pytest.approx((100, 50))
    assert blur.spread * max(2400 / 1920, 1350 / 1080) == pytest.approx(0.10)


# --- in a director


def zoomed(fps: int = 60, **keys: Any) -> Director:
    zoom = {"start": 1, "end": 3, "amount": 2, "mode": {"manual": {"x": 0.25, "y": 0.5}}, **keys}
    clips = [clip(0, 2), clip(4, 6)] if keys.pop("cut", False) else [clip(0, 4)]
    zoom.pop("cut", None)
    return Director(studio(), project(clips, timeline={"zoomSegments": [zoom]}), fps=fps)


def blurs(director: Director) -> list[Blur | None]:
    return [director.plan(n).pictures()[0].blur for n in range(director.frames)]


def test_a_zoom_blurs_the_card_while_it_moves() -> None:
    director = zoomed()
    found = blurs(director)
    assert found[:61] == [None] * 61  # the zoom begins after 1 s
    assert all(found[65:75])
    assert found[179] is None
    n = 70
    a, b = director.zoom_at(n - 1), director.zoom_at(n)
    assert found[n] == Blur(
        spread=pytest.approx((b.amount - a.amount) / b.amount),
        origin=pytest.approx((0.25 * 1920, 0.5 * 1080), abs=1e-6),
    )


def test_no_blur_without_motion_blur() -> None:
    zoom = {"zoomSegments": [{"start": 1, "end": 3, "amount": 2, "mode": "auto"}]}
    director = Director(studio(), project([clip(0, 4)], screenMotionBlur=0, timeline=zoom), fps=30)
    assert blurs(director) == [None] * 120


@pytest.mark.parametrize("start", [1, 1.01, 1.016])
@pytest.mark.parametrize("fps", [60, 25])
def test_a_snap_is_not_blurred_and_nothing_lies_between_its_sides(start: float, fps: int) -> None:
    director = zoomed(fps, instantAnimation=True, start=start)
    assert {director.zoom_at(n).amount for n in range(director.frames)} == {1.0, 2.0}
    assert blurs(director) == [None] * (4 * fps)


def test_a_cut_is_not_blurred_while_the_zoom_goes_on() -> None:
    director = zoomed(start=1.9, cut=True)
    found = blurs(director)
    assert found[119] is not None
    assert found[120] is None
    assert found[121] is not None


def test_below_a_blurred_card_there_is_a_background_though_the_card_alone_would_hide_it() -> None:
    """Its taps stand up to 144 pixels aside, and let be seen what is there."""
    director = zoomed()
    names = [[type(layer).__name__ for layer in director.plan(n).layers] for n in (0, 70, 179)]
    assert names == [["PictureLayer"], ["BackgroundLayer", "PictureLayer"], ["PictureLayer"]]
    moving, still = director.plan(70).pictures()[0], director.plan(179).pictures()[0]
    assert moving.shadow is not None
    assert still.shadow is None
