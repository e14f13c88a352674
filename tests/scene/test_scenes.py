"""Scene modes over time and where they put things, by hand from cap-format 3.7."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.project.camera import Camera
from reelpress.project.timeline import SceneMode, SceneSegment
from reelpress.scene.camera import CameraRig
from reelpress.scene.card import CardStyle
from reelpress.scene.easing import bezier, ease
from reelpress.scene.plan.outline import Border, Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.scenes import PLAIN, Scene, SceneState, SceneTimeline
from reelpress.scene.scenes_layout import Arrangement, Ground, arrange, floating_slots, split_slots
from reelpress.scene.zoom import ZoomState

F = Fraction
HD = (1920, 1080)
D, CAM, HIDE = SceneMode.DEFAULT, SceneMode.CAMERA_ONLY, SceneMode.HIDE_CAMERA
SPLIT, FLOAT = SceneMode.SPLIT_SCREEN, SceneMode.FLOATING


def segment(start: float, end: float, mode: SceneMode, **keys: object) -> SceneSegment:
    return SceneSegment.model_validate({"start": start, "end": end, "mode": mode.value, **keys})


def modes(made: SceneTimeline, t: float | str) -> tuple[SceneMode, SceneMode, float]:
    state = made.at(F(str(t)))
    return state.before.mode, state.after.mode, state.progress


# --- time -------------------------------------------------------------------------------------------------------------


def test_nothing_is_plain():
    assert SceneTimeline([]).at(F(3)) == PLAIN
    assert SceneTimeline([]).plain
    assert SceneTimeline([segment(1, 2, D)]).plain
    assert PLAIN.plain
    assert not SceneTimeline([segment(1, 2, HIDE)]).plain


def test_in_before_the_start_and_out_before_the_end():
    made = SceneTimeline([segment(2, 5, HIDE, transitionIn=0.4, transitionOut=0.2)])
    assert modes(made, 1.6) == (D, D, 0)
    assert modes(made, 1.8) == (D, HIDE, pytest.approx(0.5))
    assert modes(made, 2) == modes(made, 4.8) == (HIDE, HIDE, 0)
    assert modes(made, 4.9) == (HIDE, D, pytest.approx(0.5))
    assert modes(made, 5) == (D, D, 0)


def test_no_time_for_a_transition():
    made = SceneTimeline([segment(0, 3, CAM), segment(3.1, 3.2, SPLIT, transitionOut=9)])
    assert modes(made, 0) == (CAM, CAM, 0)  # nothing before it
    assert modes(made, 3.05) == (D, SPLIT, pytest.approx(0.5))  # 0.1 s of gap instead of 0.3 s
    assert modes(made, 3.15) == (SPLIT, D, pytest.approx(0.5))
    cut = SceneTimeline([segment(1, 2, CAM, transitionIn=0, transitionOut=0)])
    assert [modes(cut, t)[0] for t in (0.999, 1, 1.999, 2)] == [D, CAM, CAM, D]


def test_touching_segments_change_directly_in_the_first_ones_time():
    made = SceneTimeline([segment(1, 3, CAM, transitionOut=0.4), segment(3.01, 5, SPLIT, transitionIn=0.9)])
    assert modes(made, 2.6) == (CAM, CAM, 0)
    assert modes(made, 2.8) == (CAM, SPLIT, pytest.approx(0.5))
    assert modes(made, 3) == modes(made, "3.005") == modes(made, 3.2) == (SPLIT, SPLIT, 0)


def test_a_gap_passes_through_the_default():
    made = SceneTimeline([segment(1, 3, CAM), segment(3.2, 5, HIDE)])
    assert modes(made, 2.85)[:2] == (CAM, D)
    assert modes(made, 3) == (D, D, 0)
    assert modes(made, 3.1) == (D, HIDE, pytest.approx(0.5))


def test_a_short_gap_between_equal_modes_is_bridged():
    made = SceneTimeline([segment(1, 3, CAM), segment(3.49, 5, CAM), segment(5.5, 7, CAM)])
    assert all(modes(made, t) == (CAM, CAM, 0) for t in (2.9, 3, 3.2, 3.4, 3.49, 4.6))
    assert modes(made, 4.85)[:2] == (CAM, D)  # half a second is not short
    assert modes(made, 5.1) == (D, D, 0)
    assert modes(made, 5.35)[:2] == (D, CAM)


def test_overlaps_and_order():
    made = SceneTimeline([segment(2, 6, HIDE), segment(1, 4, CAM), segment(3, 4, SPLIT)])
    assert modes(made, 3.5) == (CAM, CAM, 0)
    assert modes(made, 4.5) == (HIDE, HIDE, 0)


ROWS = st.tuples(
    st.integers(0, 60), st.integers(1, 40), st.sampled_from(list(SceneMode)), st.integers(1, 13), st.integers(1, 13)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROWS, max_size=6))
def test_weights_change_gradually(rows):
    """In transitions of a tenth of a second or more; any two moments 5 ms apart. A bridge never shows."""
    cut = {F(0)}
    segments = [
        segment(start / 10, (start + length) / 10, mode, transitionIn=before / 10, transitionOut=after / 10)
        for start, length, mode, before, after in rows
    ]
    made = SceneTimeline(segments)
    for i, piece in enumerate(made._pieces):  # a start without room for a transition is a cut
        if i and not made._pieces[i - 1].length:
            cut.add(piece.start)
    last = made.at(F(0))
    for k in range(1, 2200):
        t = F(k, 200)
        state = made.at(t)
        weights = [(m, state.weight(m)) for m in SceneMode]
        assert sum(w for _, w in weights) == pytest.approx(1)
        if not any(t - F(1, 200) < c <= t for c in cut):
            for mode, weight in weights:
                assert abs(weight - last.weight(mode)) < 0.12
            assert abs(state.bubble_opacity - last.bubble_opacity) < 0.2
        last = state
    assert made.at(F(50)) == PLAIN


def test_ease_is_the_bezier():
    """CSS ease-in-out; from the parametric form by hand at s = 0.25: x = 0.2225, y = 0.15625."""
    s = 0.25
    x = 3 * (1 - s) ** 2 * s * 0.42 + 3 * (1 - s) * s * s * 0.58 + s**3
    assert ease(x) == pytest.approx(3 * (1 - s) * s * s + s**3, abs=1e-12)
    assert (ease(0), ease(0.5), ease(1), ease(-1), ease(2)) == (0, pytest.approx(0.5), 1, 0, 1)
    assert all(ease(i / 100) + ease(1 - i / 100) == pytest.approx(1) for i in range(101))


@given(st.floats(0, 1), st.floats(-1, 2), st.floats(0, 1), st.floats(-1, 2), st.floats(0, 1))
def test_bezier_lies_on_the_curve(x1, y1, x2, y2, s):
    def at(a: float, b: float) -> float:
        return 3 * (1 - s) ** 2 * s * a + 3 * (1 - s) * s * s * b + s**3

    slope = 3 * (1 - s) ** 2 * x1 + 6 * (1 - s) * s * (x2 - x1) + 3 * s * s * (1 - x2)
    if slope > 0.05:
        assert bezier(at(x1, x2), x1, y1, x2, y2) == pytest.approx(at(y1, y2), abs=1e-6)


# --- opacities --------------------------------------------------------------------------------------------------------


def between(a: SceneMode, b: SceneMode, u: float) -> SceneState:
    return SceneState(Scene(a), Scene(b), u)


def test_camera_only():
    state = between(D, CAM, 0.4)
    assert state.plane_opacity == pytest.approx(0.4)
    assert state.plane_scale == pytest.approx(1.06)
    assert state.bubble_opacity == pytest.approx(0.4)  # 1 - 1.5 * .4
    assert between(D, CAM, 0.7).bubble_opacity == 0
    back = between(CAM, D, 0.8)
    assert (back.plane_opacity, back.bubble_opacity) == pytest.approx((0.2, 0.7))
    assert between(CAM, CAM, 0).bubble_opacity == 0
    assert between(CAM, HIDE, 0.9).bubble_opacity == 0


def test_bubble_of_other_modes():
    assert between(D, HIDE, 0.3).bubble_opacity == pytest.approx(0.7)
    assert between(HIDE, SPLIT, 0.3).bubble_opacity == pytest.approx(0.3)
    assert between(SPLIT, FLOAT, 0.3).bubble_opacity == 1


# --- places -----------------------------------------------------------------------------------------------------------

STYLE = CardStyle(0.1, shadow_size=0.1, shadow_blur=0.05, shadow_opacity=0.5, border=Border(4, (1, 1, 1), 0.8))
REST = Rect(132, 74, 1656, 932)
GROUND = Ground(HD, Rect(0, 0, 1920, 1080), F(1920, 1080), REST, STYLE)
RIG = CameraRig.of(Camera(), HD, (1280, 720), (1280, 720))


def place(state: SceneState, zoom: ZoomState | None = None, ground: Ground = GROUND) -> Arrangement:
    return arrange(state, ground, RIG, zoom or ZoomState())


def on(mode: SceneMode) -> SceneState:
    return SceneState(Scene(mode), Scene(mode), 0.0)


def test_default_is_the_card_and_the_bubble_as_without_scenes():
    found = place(PLAIN, ZoomState(2.0, 0.25, 0.5, 1.0))
    assert RIG is not None
    assert found.camera == RIG.bubble(1.0)
    assert found.plane is None
    card = found.card
    assert card is not None
    zoomed = Rect(132 - 0.25 * 1656, 74 - 0.5 * 932, 3312, 1864)
    assert (card.rect, card.crop) == (zoomed, GROUND.crop)
    assert (card.shape, card.shadow, card.border) == (STYLE.shape(zoomed), STYLE.shadow(zoomed), STYLE.border_at(2.0))


def test_hidden_camera():
    found = place(on(HIDE))
    assert (found.camera, found.plane) == (None, None)
    assert found.card == place(PLAIN).card


def test_without_a_camera_every_mode_is_the_default():
    for mode in SceneMode:
        assert arrange(on(mode), GROUND, None, ZoomState()) == Arrangement(place(PLAIN).card, None, None)


def test_camera_only_fills_the_frame():
    found = place(on(CAM))
    assert (found.card, found.camera) == (None, None)
    plane = found.plane
    assert plane is not None
    assert (plane.rect, plane.shape, plane.opacity, plane.soften) == (Rect(0, 0, *HD), Shape(Rect(0, 0, *HD)), 1.0, 0.0)
    assert plane.crop.w / plane.crop.h == pytest.approx(16 / 9)


def test_camera_only_appears():
    found = place(between(D, CAM, 0.25))
    assert found.card == place(PLAIN).card
    plane = found.plane
    assert plane is not None
    assert plane.opacity == 0.25
    assert plane.soften == pytest.approx(0.75 * 16)
    assert (plane.content.x, plane.content.w) == pytest.approx((960 - 960 * 1.075, 1920 * 1.075))
    assert found.camera is not None
    assert found.camera.opacity == pytest.approx(1 - 1.5 * 0.25)
    assert found.camera.rect == RIG.outline(0.0)  # type: ignore[union-attr]


def test_split():
    assert split_slots((1920, 1080)) == (Rect(0, 0, 960, 1080), Rect(960, 0, 960, 1080))
    assert split_slots((1080, 1918)) == (Rect(0, 0, 1080, 960), Rect(0, 960, 1080, 958))
    found = place(on(SPLIT))
    assert found.card is not None
    assert found.camera is not None
    assert found.card.shape == Shape(Rect(0, 0, 960, 1080), 0.0)
    assert (found.card.shadow, found.card.border, found.camera.shadow) == (None, None, None)
    # 960 x 1080 of 1920 x 1080 from the middle; the camera by its height of 716: 716 * 960 / 1080 wide
    assert found.card.crop == Rect(480, 0, 960, 1080)
    assert found.camera.shape.rect == found.camera.rect == Rect(960, 0, 960, 1080)
    assert found.camera.crop.w == pytest.approx(716 * 960 / 1080)
    assert found.camera.crop.x + found.camera.crop.w / 2 == pytest.approx(640)


def test_split_focus_and_zoom():
    made = SceneTimeline(
        [segment(0, 9, SPLIT, splitLayout={"screenZoom": 2, "screenPosition": {"x": 0, "y": 0.75}, "cameraZoom": 2})]
    )
    found = place(made.at(F(4)))
    assert found.card is not None
    assert found.camera is not None
    assert found.card.crop == Rect(0, 540, 480, 540)
    assert found.camera.crop.h == pytest.approx(358)


def test_a_zoom_in_a_split_stays_in_its_half():
    found = place(on(SPLIT), ZoomState(2.0, 0.5, 0.5, 1.0))
    assert found.card is not None
    assert found.card.shape.rect == found.card.rect == Rect(0, 0, 960, 1080)
    assert found.card.crop == Rect(720, 270, 480, 540)
    at_edge = place(on(SPLIT), ZoomState(2.0, 0.0, 1.0, 1.0)).card
    assert at_edge is not None
    # As far left as the half shows anything.
    assert at_edge.crop == Rect(480, 540, 480, 540)


def test_floating():
    """Short side 1080: padding 54, radius 30.24. Room 1920 - 3 * 54 = 1758: 1230.6 for the screen, 527.4."""
    screen, camera = floating_slots(HD, F(16, 9))
    # 1230.6 wide is 692.2 high, in the middle: from 193.9 to 886.1
    assert screen == Rect(54, 194, 1230, 692)
    assert camera == Rect(1338, 194, 528, 692)
    found = place(on(FLOAT))
    assert found.card is not None
    assert found.camera is not None
    assert found.card.shape == Shape(screen, pytest.approx(30.24))
    assert (found.card.rect, found.card.crop) == (screen, GROUND.crop)
    assert found.card.shadow == STYLE.shadow(screen)
    assert found.card.border == STYLE.border
    assert found.camera.shape.rect == camera
    bare = Ground(HD, GROUND.crop, GROUND.aspect, REST, CardStyle())
    shadowed = place(on(FLOAT), ground=bare).card
    assert shadowed is not None
    assert shadowed.shadow is not None


def test_floating_stacked():
    """A tall frame 1080 x 1920: room 1920 - 3 * 54 = 1758, the camera gets 703.2 below."""
    screen, camera = floating_slots((1080, 1920), F(16, 9))
    assert (screen.w, screen.h) == (972, 546)  # 546.75, but its edges lie on even pixels
    assert camera == Rect(54, 1162, 972, 704)


ALL = [(a, b) for a in SceneMode for b in SceneMode if a is not b]


@pytest.mark.parametrize(("a", "b"), ALL)
@pytest.mark.parametrize("zoom", [ZoomState(), ZoomState(1.7, 0.2, 0.9, 0.8)])
def test_transitions_begin_and_end_where_the_modes_are(a, b, zoom):
    """Just after the beginning all that shows is almost as at rest, and just before the end as in the next mode."""
    for u, mode in ((1e-7, a), (1 - 1e-7, b)):
        near, rest = place(between(a, b, u), zoom), place(on(mode), zoom)
        for moving, resting in ((near.card, rest.card), (near.camera, rest.camera), (near.plane, rest.plane)):
            if resting is None:  # may still be there, hidden or transparent
                assert moving is None or moving.opacity < 1e-6 or moving is near.card
                continue
            assert moving is not None
            assert moving.opacity == pytest.approx(resting.opacity, abs=1e-6)
            assert moving.soften == pytest.approx(resting.soften, abs=1e-4)
            for m, r in (
                (moving.rect, resting.rect),
                (moving.crop, resting.crop),
                (moving.shape.rect, resting.shape.rect),
            ):
                assert (m.x, m.y, m.w, m.h) == pytest.approx((r.x, r.y, r.w, r.h), abs=1e-2)
            assert moving.shape.radius == pytest.approx(resting.shape.radius, abs=1e-3)


@pytest.mark.parametrize(("a", "b"), ALL)
def test_nothing_is_distorted_and_every_outline_is_filled(a, b):
    for zoom in (ZoomState(), ZoomState(1.7, 0.2, 0.9, 0.8)):
        for k in range(1, 20):
            found = place(between(a, b, k / 20), zoom)
            for made in (found.card, found.camera, found.plane):
                if made is None:
                    continue
                ratio = (made.rect.w / made.crop.w) / (made.rect.h / made.crop.h)
                # A resting card or slot lies on whole pixels.
                assert ratio == pytest.approx(1, abs=5e-3)
                shape, rect = made.shape.rect, made.rect
                for m, r in (
                    (shape.x, rect.x),
                    (shape.y, rect.y),
                    (shape.right, rect.right),
                    (shape.bottom, rect.bottom),
                ):
                    assert m == pytest.approx(r, abs=1e-6)
                assert made.shape.radius <= min(shape.w, shape.h) / 2
