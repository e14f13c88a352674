"""What a GIF shows, against the pictures it was made of; read by Pillow and libavcodec."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from gif_makers import HEIGHT, RATE, WIDTH, bt709, made, planes, ramp, seen, seen_by_libavcodec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from reelpress.color import BT709_LIMITED
from reelpress.encode.base import Change, Kind
from reelpress.encode.gif.session import GifEncoder
from reelpress.encode.gif.settings import GifSettings
from reelpress.errors import SettingsError
from reelpress.media.gif_read import walk
from reelpress.media.planes import Planes
from reelpress.scene.plan.rect import IntRect

BEST = GifSettings(quality=100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.gif"


@pytest.mark.parametrize(
    "color", [(16, 128, 128), (235, 128, 128), (126, 128, 128), (63, 102, 240), (32, 240, 118), (180, 90, 140)]
)
def test_flat_colours_are_exact(path, color):
    """Few colours: no palette error and no dither, so only rounding to 8 bits is left."""
    made(path, [planes(*color)])
    expected = np.clip(np.array(bt709(*color)), 0, 255)
    assert np.abs(seen(path)[0][0].astype(float) - expected).max() <= 0.51


def test_two_decoders_see_the_same(path):
    rng = np.random.default_rng(5)
    pictures = [ramp()]
    for k in range(4):
        y = pictures[-1].planes[0].copy()
        y[8 * k : 8 * k + 20, 10:50] = rng.integers(16, 236, (20, 40))
        pictures.append(planes(y, *pictures[0].planes[1:]))
    made(path, pictures)
    ours, theirs = seen(path)[0], seen_by_libavcodec(path)
    assert len(ours) == len(theirs) == 5
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_colours_come_close(path):
    """A ramp of thousands of colours with 255: the mean error of luma is small, and that of 4x4 pixels below two."""
    picture = ramp()
    made(path, [picture], settings=BEST)
    rgb = seen(path)[0][0].astype(float)
    luma = 16 + 219 / 255 * (rgb @ [0.2126, 0.7152, 0.0722])
    error = luma - picture.planes[0]
    assert abs(error.mean()) < 0.5
    assert np.abs(error.reshape(HEIGHT // 4, 4, WIDTH // 4, 4).mean(axis=(1, 3))).max() < 2


def test_still_areas_never_change(path):
    """A gradient that needs dither on the left, noise on the right: not one pixel on the left changes, ever."""
    rng = np.random.default_rng(1)
    still = ramp()
    pictures = [still]
    for _ in range(6):
        y, u, v = (p.copy() for p in still.planes)
        y[:, WIDTH // 2 + 8 :] = rng.integers(16, 236, (HEIGHT, WIDTH // 2 - 8))
        u[:, WIDTH // 4 + 4 :] = rng.integers(40, 200, (HEIGHT // 2, WIDTH // 4 - 4))
        pictures.append(planes(y, u, v))
    encoder = made(path, pictures, settings=GifSettings(quality=90, colours=32))
    assert encoder.palettes > 1  # else the test would not see that another palette leaves them alone
    shown, _ = seen(path)
    assert len(shown) == len(pictures)
    for before, after in pairwise(shown):
        # chroma reaches at most four pixels (two of its samples) to the left of what changed
        assert (before[:, : WIDTH // 2 + 4] != after[:, : WIDTH // 2 + 4]).sum() == 0
        assert (before[:, WIDTH // 2 + 8 :] != after[:, WIDTH // 2 + 8 :]).any()


def test_dither_is_fixed_in_the_frame(path):
    """The same grey in two pictures, between another one: the same indices at the same places."""
    grey, other = ramp(), planes(200, 100, 150)
    made(path, [grey, other, grey], settings=GifSettings(quality=100, colours=8))
    shown, _ = seen(path)
    assert len(np.unique(shown[0].reshape(-1, 3), axis=0)) <= 8
    np.testing.assert_array_equal(shown[0], shown[2])


def test_held_frames_are_longer_delays(path):
    first, second = planes(100), planes(180)
    encoder = made(
        path, [first, first, first, second, second], [Change(), Change(()), Change(()), Change(), Change(())]
    )
    shown, delays = seen(path)
    assert len(shown) == 2 and list(encoder.shown) == [0, 3]
    assert delays == [200, 130]  # 3/15 s; 5/15 s is 33.3 ticks, rounded, less 20
    assert encoder.decision.kind is Kind.HOLD


def test_equal_pictures_are_found_without_being_told(path):
    made(path, [planes(100), planes(100), planes(101, 128, 128)], settings=BEST)
    assert len(seen(path)[0]) == 2


def test_only_the_changed_rectangle_is_stored(path):
    y = np.full((HEIGHT, WIDTH), 120)
    after = y.copy()
    after[21:30, 40:44] = 30
    made(path, [planes(y), planes(after)])
    with path.open("rb") as file:
        data = file.read()
    places = [
        tuple(int.from_bytes(data[at + k : at + k + 2], "little") for k in (1, 3, 5, 7))
        for at in range(len(data))
        if data[at] == 0x2C and data[at - 8 : at - 5] == b"\x21\xf9\x04"
    ]
    assert places == [(0, 0, WIDTH, HEIGHT), (40, 21, 4, 9)]


def test_small_differences_are_left_alone_by_quality(path):
    """Noise of one code value is worth nothing below quality 100."""
    rng = np.random.default_rng(2)
    pictures = [planes(120 + rng.integers(-1, 1, (HEIGHT, WIDTH))) for _ in range(5)]
    made(path, pictures, settings=GifSettings(quality=90))
    assert len(seen(path)[0]) == 1
    made(path, pictures, settings=BEST)
    assert len(seen(path)[0]) == 5


def test_a_change_of_tint_alone_is_stored(path):
    """Three codes of U at the same luma, beyond the tolerance of quality 90: a button that is pointed at."""
    made(path, [planes(230), planes(230, 131), planes(230)], settings=GifSettings(quality=90))
    shown, _ = seen(path)
    assert len(shown) == 3
    for picture, u in zip(shown, (128, 131, 128), strict=True):
        assert np.abs(picture - np.clip(bt709(230, u, 128), 0, 255)).max() <= 0.51


def test_a_slow_fade_is_not_lost(path):
    """One code value a frame is within the tolerance each time, but not forever."""
    made(path, [planes(y) for y in range(40, 80)], settings=GifSettings(quality=80))
    shown, _ = seen(path)
    assert abs(float(shown[-1].mean()) - bt709(79, 128, 128)[0]) <= 2 * 255 / 219 + 0.5


@pytest.mark.parametrize("fps", [10, 12.5, 15, 24, 30, 50])
def test_delays_follow_the_rate_without_drift(path, fps):
    fps = Fraction(str(fps))
    made(path, [planes(40 + 4 * k) for k in range(40)], fps=fps, settings=BEST)
    _, delays = seen(path)
    assert min(delays) >= 20 and all(delay % 10 == 0 for delay in delays)
    starts = np.concatenate([[0], np.cumsum(delays)])
    exact = np.array([float(k / fps * 1000) for k in range(41)])
    assert np.abs(starts - exact).max() <= 5


@pytest.mark.parametrize("fps", [Fraction(51), Fraction(60), Fraction(1, 2)])
def test_rates_that_browsers_slow_down_are_refused(fps):
    with pytest.raises(SettingsError, match="1 to 50"):
        GifEncoder(WIDTH, HEIGHT, fps, BEST)


@pytest.mark.parametrize(("loop", "stored"), [(0, 0), (1, None), (2, 1), (7, 6)])
def test_loop_counts(path, loop, stored):
    """The extension counts repetitions after the first time; without it the animation is played once."""
    made(path, [planes(50), planes(90)], settings=GifSettings(loop=loop))
    assert walk(path).loop == stored


def test_a_picture_longer_than_a_delay_can_be(path):
    """65 535 ticks are 655.35 s: a frame of 700 s goes on in another image."""
    first, second = planes(60), planes(200)
    encoder = GifEncoder(WIDTH, HEIGHT, Fraction(1), BEST)
    from reelpress.encode.gif.session import GifWriter

    writer = GifWriter(path, WIDTH, HEIGHT, Fraction(1), BEST)
    writer.mux(encoder.encode(first, 0))
    writer.mux(encoder.encode(second, 700))
    writer.mux(encoder.flush())
    writer.finish()
    shown, delays = seen(path)
    assert delays == [655_350, 44_650, 1000]
    np.testing.assert_array_equal(shown[0], shown[1])
    assert (shown[2] != shown[0]).all()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    boxes=st.lists(
        st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, 40), st.integers(1, 40)),
        min_size=1,
        max_size=5,
    ),
    told=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_changes_are_shown(path, boxes, told, seed):
    """Few colours and the best quality: every picture is exact, whether the damage is told or found."""
    rng = np.random.default_rng(seed)
    y = np.full((HEIGHT, WIDTH), 60)
    pictures, changes = [planes(y)], [Change()]
    for x, top, w, h in boxes:
        y = y.copy()
        y[top : top + h, x : x + w] = rng.choice([30, 90, 150, 210])
        pictures.append(planes(y))
        rect = IntRect(x, top, min(w, WIDTH - x), min(h, HEIGHT - top))
        changes.append(Change((rect,)) if told else Change())
    encoder = made(path, pictures, changes, settings=BEST)
    shown, _ = seen(path)
    assert len(shown) == len(encoder.shown)
    for index, picture in enumerate(pictures):
        at = int(np.searchsorted(np.array(encoder.shown), index, side="right")) - 1
        expected = (picture.planes[0].astype(float) - 16) * 255 / 219
        assert np.abs(shown[at][..., 1] - expected).max() <= 0.51
    assert RATE == 15


@pytest.mark.parametrize("ahead", [1, 3, 99])
def test_looking_ahead_changes_nothing(path, tmp_path, ahead):
    """Noise, held pictures, told damage, more palettes than one: the same bytes, however far the look is ahead."""
    rng = np.random.default_rng(13)
    pictures, changes = [ramp()], [Change()]
    for k in range(12):
        if k % 4 == 3:
            pictures.append(pictures[-1])
            changes.append(Change(()))
            continue
        y = pictures[-1].planes[0].copy()
        box = IntRect(4 * k, 2 * k, 40, 20)
        y[box.y : box.bottom, box.x : box.right] = rng.integers(16, 236, (20, 40))
        pictures.append(planes(y, *pictures[0].planes[1:]))
        changes.append(Change((box,)) if k % 2 else Change())
    made(path, pictures, changes, settings=GifSettings(colours=24))
    made(tmp_path / "ahead.gif", pictures, changes, settings=GifSettings(colours=24), ahead=ahead)
    assert (tmp_path / "ahead.gif").read_bytes() == path.read_bytes()


# --- alpha ------------------------------------------------------------------------------------------------------------


def with_alpha(y: int, box: tuple[int, int, int, int], cover: int = 255) -> Planes:
    """A box of one grey over nothing: codes times coverage, and coverage."""
    left, top, w, h = box
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[top : top + h, left : left + w] = cover
    chroma = np.ascontiguousarray(alpha[::2, ::2])
    luma = np.rint(alpha * (y / 255)).astype(np.uint8)
    grey = np.rint(chroma * (128 / 255)).astype(np.uint8)
    return Planes("yuva420p", WIDTH, HEIGHT, (luma, grey, grey.copy(), alpha, chroma), BT709_LIMITED)


def test_what_is_not_there_is_transparent(path):
    """A box that moves, changes and grows over nothing: alpha is exact in every picture, and so is the colour."""
    boxes = [(10, 8, 30, 20), (30, 8, 30, 20), (30, 8, 30, 20), (24, 4, 40, 40), (24, 4, 40, 40)]
    greys = [100, 100, 180, 180, 60]
    made(path, [with_alpha(y, box) for y, box in zip(greys, boxes, strict=True)], settings=BEST)
    with Image.open(path) as image:
        assert image.n_frames == 5
        for index, ((left, top, w, h), y) in enumerate(zip(boxes, greys, strict=True)):
            image.seek(index)
            rgba = np.asarray(image.convert("RGBA")).astype(float)
            there = np.zeros((HEIGHT, WIDTH), bool)
            there[top : top + h, left : left + w] = True
            np.testing.assert_array_equal(rgba[..., 3] > 0, there)
            assert np.abs(rgba[there][:, :3] - bt709(y, 128, 128)).max() <= 0.51


@pytest.mark.parametrize(("cover", "there"), [(127, False), (128, True), (200, True)])
def test_half_covered_pixels_are_there_with_their_own_colour(path, cover, there):
    made(path, [with_alpha(150, (20, 10, 40, 30), cover), with_alpha(90, (20, 10, 50, 30))], settings=BEST)
    with Image.open(path) as image:
        rgba = np.asarray(image.convert("RGBA")).astype(float)
    assert (rgba[20, 30, 3] > 0) == there
    if there:  # codes times coverage are rounded to 8 bits, so half coverage doubles the rounding
        assert np.abs(rgba[20, 30, :3] - bt709(150, 128, 128)).max() <= 2.5


def test_a_transparent_picture_is_read_the_same_by_libavcodec(path):
    import av

    made(path, [with_alpha(100, (4 * k, 8, 30, 20)) for k in range(4)], settings=BEST)
    with Image.open(path) as image, av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            image.seek(index)
            ours = np.asarray(image.convert("RGBA"))
            theirs = frame.to_ndarray(format="rgba")
            np.testing.assert_array_equal(ours[..., 3], theirs[..., 3])


def alphas(path: Path) -> list[np.ndarray]:
    """Where each picture is there, as Pillow has it."""
    found = []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            found.append(np.asarray(image.convert("RGBA"))[..., 3] > 0)
    return found


def test_what_goes_away_altogether_is_gone(path):
    """A pointer that is hidden: an empty picture, and what comes later is alone."""
    made(path, [with_alpha(100, (10, 8, 30, 20)), with_alpha(0, (0, 0, 0, 0)), with_alpha(200, (50, 30, 10, 10))])
    there = alphas(path)
    assert [int(one.sum()) for one in there] == [600, 0, 100]
    assert there[2][30:40, 50:60].all()


def test_what_becomes_covered_enough_in_the_same_colour_appears(path):
    """Coverage of 100 is nothing, 200 is there; the colour behind it does not change."""
    box = (20, 10, 40, 30)
    made(path, [with_alpha(255, (0, 0, 8, 8)), with_alpha(255, (0, 0, 8, 8)), with_alpha(255, (0, 0, 8, 8))])
    assert len(alphas(path)) == 1
    faint, strong = with_alpha(255, box, 100), with_alpha(255, box, 200)
    made(path, [faint, strong])
    assert [int(one.sum()) for one in alphas(path)] == [0, 40 * 30]
