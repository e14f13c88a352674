"""Still parts made still again: what is shown is never further from the source than the tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range
from reelpress.errors import SettingsError
from reelpress.media.planes import Planes
from reelpress.media.steady import DEFAULT_TOLERANCE, MAX_TOLERANCE, Steadier, alike
from unchanged_makers import copied, page, planar


def sealed(planes: Planes) -> Planes:
    """Whoever writes into it fails."""
    for plane in planes.planes:
        plane.flags.writeable = False
    return planes


def odd_page(width: int, height: int, format_name: str, seed: int = 1) -> Planes:
    """Any size, odd ones too (chroma rounds up)."""
    rng = np.random.default_rng(seed)
    chroma = (height + 1) // 2, (width + 1) // 2
    planes = [rng.integers(40, 200, (height, width), np.uint8)]
    if format_name == "nv12":
        planes.append(rng.integers(90, 160, (chroma[0], 2 * chroma[1]), np.uint8))
    else:
        planes += [rng.integers(90, 160, chroma, np.uint8) for _ in range(2)]
    return Planes(format_name, width, height, tuple(planes), BT709_LIMITED)


def noisy(planes: Planes, seed: int, most: int) -> Planes:
    rng = np.random.default_rng(seed)
    made = copied(planes)
    for plane in made.planes:
        plane[:] = (plane.astype(int) + rng.integers(-most, most + 1, plane.shape)).clip(0, 255)
    return made


def furthest(a: Planes, b: Planes) -> int:
    return max(int(np.abs(p.astype(int) - q).max()) for p, q in zip(a.planes, b.planes, strict=True))


def equal(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


@pytest.mark.parametrize("tolerance", [1, DEFAULT_TOLERANCE, 8, MAX_TOLERANCE])
def test_a_source_that_brightens_imperceptibly_is_followed(tolerance: int) -> None:
    """By 1/255 every 2 s for 2 minutes, with a little noise upon it: 60 steps in all, each far below what is seen."""
    steadier = Steadier(tolerance)
    start = page(64, 48, 1)
    changes = 0
    shown: Planes | None = None
    for frame in range(120 * 2):  # 2 pictures a second
        true = copied(start)
        for plane in true.planes:
            plane[:] = plane // 2 + 30 + frame // 4
        given_one = noisy(true, frame % 7, 1) if tolerance > 4 else true
        result = steadier.steady(sealed(given_one))
        assert furthest(result, given_one) <= tolerance, frame
        changes += result is not shown
        shown = result
    assert changes >= 60 // (tolerance + 1)  # it did follow


def test_drift_in_a_few_samples_is_followed_too() -> None:
    """Too few to move a block's mean: only the greatest difference tells."""
    steadier = Steadier(3)
    start = page(64, 48, 1)
    for step in range(60):
        true = copied(start)
        true.planes[0][20, 20] = 100 + step
        assert furthest(steadier.steady(sealed(true)), true) <= 3
    assert steadier.taken == 1 + (60 - 1) // 4  # the first, and whenever the fourth step is due
    assert steadier.taken + steadier.kept == 60


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
@pytest.mark.parametrize("x", [5, 15, 16, 69])
def test_a_text_caret_of_one_pixel_is_seen_and_its_end_too(format_name: str, x: int) -> None:
    steadier = Steadier(DEFAULT_TOLERANCE)
    paper = page(70, 38, 2, format_name)
    with_caret = copied(paper)
    with_caret.planes[0][10:22, x] = 0 if paper.planes[0][12, x] > 100 else 255
    steadier.steady(sealed(paper))
    for number in range(6):
        true = noisy(with_caret if number % 2 else paper, number, 1)
        result = steadier.steady(sealed(true))
        assert furthest(result, true) <= DEFAULT_TOLERANCE


def test_a_fade_that_stays_below_the_tolerance_is_not_shown() -> None:
    """What the tolerance means: a change of one sample by no more than it, however often, is no change."""
    steadier = Steadier(3)
    first = sealed(page(64, 48, 3))
    assert steadier.steady(first) is first
    for level in (1, 2, 3, 2, 1, 0):
        true = copied(first)
        true.planes[0][20, 20] = int(first.planes[0][20, 20]) - level
        assert steadier.steady(sealed(true)) is first
    assert (steadier.kept, steadier.taken) == (6, 1)


def test_a_fade_of_everything_below_the_tolerance_is_seen_by_its_mean() -> None:
    """A step of the tolerance in every sample of a block is a change, not noise."""
    steadier = Steadier(3)
    first = page(64, 48, 3)
    steadier.steady(sealed(first))
    true = copied(first)
    true.planes[0][16:32, 16:32] -= 3
    result = steadier.steady(sealed(true))
    assert equal(result, true)


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
def test_tolerance_0_shows_exactly_what_came(format_name: str) -> None:
    steadier = Steadier(0)
    picture = page(70, 38, 4, format_name)
    last: Planes | None = None
    for number in range(12):
        true = copied(picture)
        if number % 3:
            planar(true)[number % 3][7, 3] += 1
        result = steadier.steady(sealed(true))
        assert equal(result, true)
        assert last is None or (result is last) == equal(true, last)
        last = result
    again = copied(picture)
    same_again = steadier.steady(sealed(copied(again)))
    assert steadier.steady(sealed(again)) is same_again


def test_the_very_same_object_comes_back_while_nothing_changes() -> None:
    steadier = Steadier(3)
    first = sealed(page(64, 48, 5))
    assert steadier.steady(first) is first
    assert steadier.steady(first) is first
    for seed in range(5):
        few = copied(first)
        few.planes[0][seed * 7, 3] += 2
        assert steadier.steady(sealed(few)) is first
    changed = copied(first)
    changed.planes[0][0:4, 0:4] = 0
    assert steadier.steady(sealed(changed)) is changed
    assert steadier.steady(sealed(copied(changed))) is changed
    assert (steadier.taken, steadier.kept) == (2, 7)


def test_a_picture_that_changed_everywhere_is_taken_as_it_is() -> None:
    steadier = Steadier(3)
    steadier.steady(sealed(page(64, 48, 6)))
    other = odd_page(64, 48, "yuv420p", 9)
    assert steadier.steady(sealed(other)) is other


@pytest.mark.parametrize("changes", [{"color": ColorSpec(Matrix.BT601, Range.FULL)}, {"size": 66}, {"format": "nv12"}])
def test_another_kind_of_picture_is_taken_as_it_is(changes: dict[str, Any]) -> None:
    steadier = Steadier(MAX_TOLERANCE)
    steadier.steady(sealed(page(64, 48, 7)))
    other = page(changes.get("size", 64), 48, 7, changes.get("format", "yuv420p"))
    other.color = changes.get("color", other.color)
    assert steadier.steady(sealed(other)) is other
    assert steadier.steady(sealed(copied(other))) is other
    assert (steadier.taken, steadier.kept) == (2, 1)


def test_two_sources_of_the_same_size_do_not_share_anything() -> None:
    one, two = Steadier(3), Steadier(3)
    first, second = sealed(page(64, 48, 8)), sealed(page(64, 48, 9))
    for _ in range(3):
        assert one.steady(sealed(copied(first))) is one.steady(sealed(copied(first)))
        assert equal(one.steady(sealed(copied(first))), first)
        assert equal(two.steady(sealed(copied(second))), second)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 70),
    st.integers(1, 150),
    st.sampled_from(["yuv420p", "nv12"]),
    st.integers(0, MAX_TOLERANCE),
    st.integers(0, 2**32 - 1),
)
def test_it_shows_the_new_picture_or_one_that_is_within_the_tolerance_everywhere(
    width: int, height: int, format_name: str, tolerance: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    steadier = Steadier(tolerance)
    shown = steadier.steady(sealed(odd_page(width, height, format_name)))
    for _ in range(6):
        new = noisy(shown, int(rng.integers(1 << 30)), int(rng.integers(0, 1 + tolerance // 4, endpoint=True)))
        for _ in range(int(rng.integers(0, 3))):
            plane = new.planes[int(rng.integers(len(new.planes)))]
            y, x = int(rng.integers(plane.shape[0])), int(rng.integers(plane.shape[1]))
            step = rng.integers(256) if rng.random() < 0.5 else rng.integers(tolerance + 1)
            plane[y : y + int(rng.integers(1, 20)), x : x + int(rng.integers(1, 20))] += np.uint8(step)
        before, worst = copied(new), furthest(shown, new)
        result = steadier.steady(sealed(new))
        assert equal(new, before)
        assert result is shown or result is new
        assert furthest(result, new) <= tolerance
        if worst > tolerance:
            assert result is new
        if worst == 0:
            assert result is shown
        shown = result


@pytest.mark.parametrize("tolerance", [-1, 16, 255])
def test_only_0_to_15_are_tolerances(tolerance: int) -> None:
    with pytest.raises(SettingsError, match=f"is {tolerance}.*0 .exact. to 15"):
        Steadier(tolerance)


def blocks(*differences: list[int]) -> tuple[Any, Any]:
    """Blocks of grey and the same with differences in their first samples."""
    old = np.full((len(differences), 256), 100, np.uint8)
    new = old.copy()
    for block, changes in zip(new, differences, strict=True):
        block[: len(changes)] = 100 + np.array(changes)
    return new, old


def test_blocks_are_alike_by_their_greatest_and_their_mean_square() -> None:
    """Tolerance 4: no sample beyond 12, and the sum of squares of 256 at most 256 * 2 * 2 = 1024."""
    new, old = blocks([], [12] * 7, [-12] * 7, [13], [-13], [12] * 8, [2] * 256, [2] * 255 + [3], [32] * 1)
    expected = [True, True, True, False, False, False, True, False, False]  # 7 * 144 = 1008; 8 * 144 = 1152
    assert alike(new, old, 4).tolist() == expected
    assert alike(old, new, 4).tolist() == expected


def test_alike_at_tolerance_0_is_equal() -> None:
    new, old = blocks([], [1], [0, 0, -1], [0])
    assert alike(new, old, 0).tolist() == [True, False, False, True]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, MAX_TOLERANCE), st.integers(0, 2**32 - 1), st.integers(1, 255))
def test_alike_is_what_its_definition_says(tolerance: int, seed: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    old = rng.integers(0, 256, (12, 64), np.uint8)
    change = np.rint(rng.standard_normal((12, 64)) * spread / rng.integers(1, 200, (12, 1))).astype(int)
    new = (old + change).clip(0, 255).astype(np.uint8)
    distance = np.abs(new.astype(int) - old)
    expected = (distance.max(axis=1) <= 3 * tolerance) & (4 * (distance**2).sum(axis=1) <= tolerance**2 * 64)
    assert np.array_equal(alike(new, old, tolerance), expected)
