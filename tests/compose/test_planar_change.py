"""Only what changes is drawn, and nobody can tell: changes of a source's picture, and slabs of a picture at rest."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reelpress.color import BT709_LIMITED
from reelpress.compose import newest
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.planar_change import changed_rows
from reelpress.compose.reference import ReferenceCompositor
from reelpress.compose.slabs import slabs
from reelpress.media.plane_scale import PlaneScaler
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.fills import GradientFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reelpress.compose.base import Composed

KEY = "display:0"
GROUND = BackgroundLayer(GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0))
SIZE = (64, 960)
"""A frame that is tall and narrow: as many slabs as a large one, and cheap."""
SOURCE = (48, 1080)


RECT, WHOLE = Rect(12, 30, 40, 900), Rect(0, 0, *SOURCE)


def layer(rect: Rect = RECT, crop: Rect = WHOLE, *, radius: float = 7.0, **more: object) -> PictureLayer:
    return PictureLayer(KEY, 0, crop, rect, Shape(rect, radius), Shadow(4, 5, 0.5), **more)


CARDS = {
    "at rest": layer(),
    "at rest, sharp corners": layer(radius=0.0),
    "at rest, cropped": layer(Rect(12, 30, 40, 850), Rect(4, 40, 44, 1020)),
    "at rest, one slab": layer(Rect(12, 30, 40, 898)),
    "at rest, enlarged": layer(Rect(12, 30, 40, 900), Rect(0, 300, 48, 600)),
    "at rest, see-through": layer(opacity=0.6),
    "reduced to a quarter": layer(Rect(24, 330, 12, 270)),
    "zoomed": layer(Rect(-20.3, -310.7, 83.1, 1870.4)),
    "fractions of pixels": layer(Rect(12.3, 30.2, 40.4, 899.1)),
    "one to one": layer(Rect(8, -60, 48, 1080)),
    "halves": layer(Rect(12.5, 30.25, 24, 540)),
    "shape larger than the picture": dataclasses.replace(layer(), shape=Shape(Rect(6, 10, 50, 940), 5.0)),
}


def noisy(seed: int = 0, size: tuple[int, int] = SOURCE) -> Planes:
    rng = np.random.default_rng(seed)
    planes = allocate(*size)
    for plane in planes.planes:
        plane[:] = rng.integers(16, 236, plane.shape, dtype=np.uint8)
    return planes


def copy(planes: Planes) -> Planes:
    return Planes(planes.format, planes.width, planes.height, tuple(p.copy() for p in planes.planes), planes.color)


def interleaved(planes: Planes) -> Planes:
    y, u, v = planes.planes
    return Planes("nv12", planes.width, planes.height, (y, np.stack([u, v], -1).reshape(len(u), -1)), planes.color)


Box = tuple[int, int, int, int, int]
"""Plane, first row, rows, first column, columns."""


def with_boxes(planes: Planes, *boxes: Box) -> Planes:
    """A copy in which these samples differ."""
    out = copy(planes)
    for plane, row, rows, column, columns in boxes:
        out.planes[plane][row : row + rows, column : column + columns] ^= 0x55
    return out


def frame(card: PictureLayer, number: int, *more: SpriteLayer) -> FramePlan:
    return FramePlan(SIZE, (GROUND, dataclasses.replace(card, frame=number), *more))


def alone(plan: FramePlan, source: Planes) -> Planes:
    return PlanarCompositor().compose(plan, {KEY: source}, None).planes


def assert_same(got: Planes, wanted: Planes) -> None:
    for name, a, b in zip("YUV", got.planes, wanted.planes, strict=True):
        wrong = np.argwhere(a != b)
        assert not len(wrong), f"{name} differs at (row, column) {wrong[:3].tolist()} and {len(wrong)} samples"


def assert_only_inside(damage: tuple[object, ...], new: Planes, old: Planes) -> None:
    for plane, (a, b) in enumerate(zip(new.planes, old.planes, strict=True)):
        shift, different = min(plane, 1), a != b
        for rect in damage:
            different[rect.y >> shift : rect.bottom >> shift, rect.x >> shift : rect.right >> shift] = False
        assert not different.any(), f"plane {plane} changed outside of {damage}"


# --- comparing pictures -----------------------------------------------------------------------------------------------


def test_equal_pictures_have_no_changed_rows() -> None:
    one = noisy()
    assert changed_rows(one, one) == ()
    assert changed_rows(copy(one), one) == ()
    assert changed_rows(interleaved(copy(one)), interleaved(one)) == ()


@pytest.mark.parametrize(
    ("boxes", "rows"),
    [
        ([(0, 0, 1, 0, 1)], ((0, 2),)),
        ([(0, 1079, 1, 47, 1)], ((1078, 1080),)),
        ([(0, 501, 1, 13, 1)], ((500, 502),)),
        ([(1, 250, 1, 23, 1)], ((500, 502),)),
        ([(2, 539, 1, 0, 1)], ((1078, 1080),)),
        ([(0, 63, 2, 5, 1)], ((62, 66),)),
        ([(0, 100, 3, 5, 9), (0, 900, 1, 0, 48)], ((100, 104), (900, 902))),
        ([(0, 100, 2, 0, 4), (2, 56, 1, 0, 4)], ((100, 114),)),  # near enough for one range
    ],
)
def test_changed_rows_are_found_exactly(boxes: list[Box], rows: tuple[tuple[int, int], ...]) -> None:
    old = noisy()
    new = with_boxes(old, *boxes)
    assert changed_rows(new, old) == changed_rows(old, new) == rows
    assert changed_rows(interleaved(new), interleaved(old)) == rows


@pytest.mark.parametrize("size", [(48, 1080), (46, 1079), (33, 77), (2, 2), (8, 3)])
def test_rows_that_are_not_named_are_the_same(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    old = noisy(1, size)
    for _ in range(40):
        new = copy(old)
        for _ in range(rng.integers(0, 4)):
            plane = new.planes[rng.integers(0, 3)]
            plane[rng.integers(0, plane.shape[0]), rng.integers(0, plane.shape[1])] ^= 1
        rows = changed_rows(new, old)
        assert rows is not None
        inside = np.zeros(size[1] + 1, bool)
        for first, stop in rows:
            inside[first:stop] = True
        for plane, a, b in zip((0, 1, 1), new.planes, old.planes, strict=True):
            changed = np.flatnonzero((a != b).any(axis=1)) << plane
            assert inside[changed].all()
        assert (rows == ()) == all(np.array_equal(a, b) for a, b in zip(new.planes, old.planes, strict=True))


def test_what_changes_everywhere_is_not_compared_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from reelpress.compose import planar_change

    monkeypatch.delattr(planar_change, "_differ")
    assert changed_rows(noisy(1), noisy(2)) is None


def test_pictures_of_another_kind_differ_everywhere() -> None:
    one = noisy()
    assert changed_rows(noisy(0, (48, 1078)), one) is None
    assert changed_rows(interleaved(one), one) is None
    # The same samples in memory of another layout.
    both = np.stack([one.planes[0], one.planes[0]], axis=-1)
    strided = dataclasses.replace(one, planes=(both[..., 0], *one.planes[1:]))
    assert changed_rows(strided, one) in (None, ())


# --- slabs ------------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 1200).map(lambda n: 2 * n), st.integers(1, 1200).map(lambda n: 2 * n))
def test_slabs_fit_together(source: int, rows: int) -> None:
    found = slabs(source, rows)
    assert [found[0].start, found[-1].stop] == [0, rows]
    step = Fraction(source, rows)
    made = 0
    for i, slab in enumerate(found):
        assert slab.start < slab.stop
        assert i == 0 or slab.start == found[i - 1].stop
        assert not (slab.start | slab.stop | slab.top | slab.tall | slab.made | slab.cut) & 1
        # Exactly where the whole picture has it.
        assert slab.top == (slab.start - slab.cut) * step
        assert slab.tall == slab.made * step
        assert slab.top >= 0
        assert slab.top + slab.tall <= source
        # The kernel (two samples, four rows for chroma) ends within the window, except where the picture ends.
        reach = 4 * max(1, step)
        assert slab.top == 0 or slab.start * step - slab.top >= reach
        assert slab.top + slab.tall == source or slab.top + slab.tall - slab.stop * step >= reach
        made += slab.made
    assert made <= 1.08 * rows


@pytest.mark.parametrize(("source", "rows", "count"), [(1080, 900, 4), (1080, 972, 3), (2160, 1080, 8), (1080, 898, 1)])
def test_how_many_slabs(source: int, rows: int, count: int) -> None:
    found = slabs(source, rows)
    assert len(found) == count
    heights = [slab.made for slab in found]
    assert max(heights) - min(heights) <= 4 * rows // np.gcd(source // 2, rows // 2)


def whole(source: Planes, width: int, height: int) -> tuple[np.ndarray, ...]:
    return PlaneScaler().picture(source.planes, width, height)


@pytest.mark.parametrize("name", ["at rest, sharp corners", "reduced to a quarter", "at rest, enlarged"])
def test_seams_cannot_be_seen(name: str) -> None:
    """Around a seam the picture is as near to the truth as anywhere else."""
    card = dataclasses.replace(CARDS[name], shadow=None, shape=Shape(CARDS[name].rect))
    source = noisy(4)
    parts = slabs(int(card.crop.h), int(card.rect.h))
    assert len(parts) > 1
    got = alone(frame(card, 0), source)
    want = ReferenceCompositor().compose(frame(card, 0), {KEY: source}, None).planes
    for plane, (a, b) in enumerate(zip(got.planes, want.planes, strict=True)):
        shift = min(plane, 1)
        top, bottom = int(card.rect.y) >> shift, int(card.rect.bottom) >> shift
        left, right = int(card.rect.x + 2) >> shift, int(card.rect.right - 2) >> shift
        off = np.abs(a[top:bottom, left:right].astype(int) - b[top:bottom, left:right])
        near = np.zeros(len(off), bool)
        for part in parts[1:]:
            near[max(0, (part.start >> shift) - 3) : (part.start >> shift) + 3] = True
        assert off[near].mean() < off[~near].mean() + 0.12
        assert off[near].max() <= off[~near].max() + 1


def test_slabs_are_the_whole_picture() -> None:
    """Scaling slab by slab and in one go differ by the rounding of swscale's increment only."""
    source = noisy(6)
    got = alone(frame(CARDS["at rest, sharp corners"], 0), source)
    for plane, wanted in enumerate(whole(source, 40, 900)):
        shift = min(plane, 1)
        shown = got.planes[plane][30 >> shift : 930 >> shift, 12 >> shift : 52 >> shift]
        off = np.abs(shown.astype(int) - wanted)[:, 1:-1]
        assert off.max() <= 2
        assert off.mean() < 0.2


# --- equal pictures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("form", [copy, interleaved], ids=["yuv420p", "nv12"])
def test_equal_pictures_are_held(name: str, form: Callable[[Planes], Planes]) -> None:
    compositor = PlanarCompositor()
    source = noisy()
    first = made = compositor.compose(frame(CARDS[name], 0), {KEY: form(source)}, None)
    counts = dataclasses.replace(compositor._pictures.resampler.counts)
    for number in range(1, 6):
        made = compositor.compose(frame(CARDS[name], number), {KEY: form(copy(source))}, made)
        assert made.planes is first.planes
        assert made.damage == ()
    assert (compositor.composed, compositor.patched, compositor.held) == (1, 0, 5)
    assert compositor._pictures.resampler.counts == counts
    other = noisy(1)
    assert_same(
        compositor.compose(frame(CARDS[name], 6), {KEY: other}, made).planes, alone(frame(CARDS[name], 6), other)
    )


def test_a_picture_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output frames that show the same picture, and pictures that moved, are not compared."""
    compared: list[int] = []

    def counting(new: Planes, old: Planes) -> object:
        compared.append(1)
        return changed_rows(new, old)

    monkeypatch.setattr(newest, "changed_rows", counting)
    compositor, source = PlanarCompositor(), noisy()
    card = CARDS["at rest"]
    made: Composed | None = None
    for number in (0, 0, 1, 1, 1, 2, 2):
        made = compositor.compose(frame(card, number), {KEY: copy(source)}, made)
    assert len(compared) == 2
    for number in range(3, 8):
        moved = layer(Rect(12 + number / 7, 30, 40, 900))
        made = compositor.compose(frame(moved, number), {KEY: copy(source)}, made)
    assert len(compared) == 2


def test_what_is_handed_over_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(newest, "changed_rows")
    compositor = PlanarCompositor()
    made: Composed | None = None
    for number in range(3):
        source = noisy(3, SIZE)
        card = PictureLayer(KEY, number, Rect(0, 0, *SIZE), Rect(0, 0, *SIZE), Shape(Rect(0, 0, *SIZE)))
        made = compositor.compose(FramePlan(SIZE, (card,)), {KEY: source}, made)
        assert made.planes is source
        assert made.damage
    assert compositor.passed == 3


# --- changes of a part ------------------------------------------------------------------------------------------------

CHANGES: dict[str, list[Box]] = {
    "a few rows": [(0, 500, 20, 0, 48)],
    "a block": [(0, 333, 41, 10, 21), (1, 170, 12, 6, 9), (2, 170, 12, 6, 9)],
    "one sample": [(0, 677, 1, 31, 1)],
    "chroma only": [(1, 211, 1, 11, 1)],
    "the other chroma only": [(2, 400, 3, 0, 24)],
    "the first row": [(0, 0, 1, 0, 48)],
    "the last row": [(0, 1079, 1, 0, 48)],
    "the last row of chroma": [(2, 539, 1, 3, 1)],
    "the first column": [(0, 100, 300, 0, 1)],
    "two places": [(0, 40, 4, 8, 8), (0, 1000, 4, 8, 8)],
    "many places": [(0, 20 + 60 * i, 3, 4, 4) for i in range(6)],
    "a half": [(0, 540, 540, 0, 48)],
}
for _part in slabs(1080, 900)[1:]:
    for _row in (-13, -2, -1, 0, 1, 11):  # around a seam and around the ends of windows
        CHANGES[f"row {_part.start * 6 // 5 + _row}"] = [(0, _part.start * 6 // 5 + _row, 1, 20, 4)]


def check_change(card: PictureLayer, old: Planes, new: Planes) -> Composed:
    compositor = PlanarCompositor()
    before = compositor.compose(frame(card, 0), {KEY: old}, None)
    kept = copy(before.planes)
    after = compositor.compose(frame(card, 1), {KEY: new}, before)
    assert_same(after.planes, alone(frame(card, 1), new))
    assert_same(before.planes, kept)
    assert_only_inside(after.damage, after.planes, kept)
    # And back, to a picture that was shown already.
    again = compositor.compose(frame(card, 2), {KEY: copy(old)}, after)
    assert_same(again.planes, kept)
    return after


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_at_rest_is_the_full_frame(change: str) -> None:
    old = noisy()
    after = check_change(CARDS["at rest"], old, with_boxes(old, *CHANGES[change]))
    assert after.damage


@pytest.mark.parametrize("name", CARDS)
def test_a_change_of_any_card_is_the_full_frame(name: str) -> None:
    old = noisy()
    for change in ("a block", "one sample", "chroma only", "the first row", "the last row", "many places"):
        check_change(CARDS[name], old, with_boxes(old, *CHANGES[change]))
    check_change(CARDS[name], interleaved(old), interleaved(with_boxes(old, *CHANGES["a block"])))


def test_every_row_near_a_seam_and_at_the_ends() -> None:
    """One row changed after the other, each patched onto the last."""
    card, compositor, source = CARDS["at rest"], PlanarCompositor(), noisy()
    made = compositor.compose(frame(card, 0), {KEY: source}, None)
    seam = slabs(1080, 900)[2].start * 6 // 5
    rows = [*range(4), *range(seam - 14, seam + 14, 3), *range(1076, 1080)]
    for number, row in enumerate(rows, 1):
        source = with_boxes(source, (row % 2, row // (1 + row % 2), 1, 2, 20))
        made = compositor.compose(frame(card, number), {KEY: source}, made)
        assert_same(made.planes, alone(frame(card, number), source))
    assert compositor.composed == 1


def test_only_the_slabs_that_changed_are_scaled_and_only_the_rows_drawn() -> None:
    compositor, old = PlanarCompositor(), noisy()
    card = CARDS["at rest"]
    made = compositor.compose(frame(card, 0), {KEY: old}, None)
    counts = compositor._pictures.resampler.counts
    assert counts.slabs == 4
    for number, (row, scaled) in enumerate([(100, 1), (540, 2), (400, 1)], 1):
        before, old = counts.slabs, with_boxes(old, (0, row, 6, 4, 4))
        made = compositor.compose(frame(card, number), {KEY: old}, made)
        assert counts.slabs - before == scaled, row
        # Six rows make five; the kernel takes in 2.4 rows on either side (of chroma, which is twice as far).
        (rect,) = made.damage
        assert rect.y <= 30 + row / 1.2 - 2
        assert rect.bottom >= 30 + (row + 6) / 1.2 + 2
        assert rect.h <= 5 + 2 * (4 + 2.5 + 2)
        assert rect.x >= 12 - 4
        assert rect.right <= 52 + 4
    assert (compositor.composed, compositor.patched) == (1, 3)


def test_a_change_outside_of_the_crop_shows_nothing() -> None:
    card = layer(Rect(12, 30, 40, 850), Rect(4, 40, 44, 1020))
    compositor, old = PlanarCompositor(), noisy()
    first = compositor.compose(frame(card, 0), {KEY: old}, None)
    clock = with_boxes(old, (0, 4, 20, 0, 48), (1, 2, 10, 0, 24))
    second = compositor.compose(frame(card, 1), {KEY: clock}, first)
    assert second.planes is first.planes
    assert second.damage == ()
    both = with_boxes(clock, (0, 700, 4, 8, 8))
    third = compositor.compose(frame(card, 2), {KEY: both}, second)
    assert_same(third.planes, alone(frame(card, 2), both))
    assert 0 < sum(rect.area for rect in third.damage) < 64 * 40


# --- any history ------------------------------------------------------------------------------------------------------


def test_pictures_that_take_turns() -> None:
    card, compositor = CARDS["at rest"], PlanarCompositor()
    a = noisy()
    b = with_boxes(a, (0, 300, 30, 8, 30))
    c = with_boxes(b, (1, 500, 2, 8, 3))
    made: Composed | None = None
    wanted = {id(s): alone(frame(card, 0), s) for s in (a, b, c)}
    for number, source in enumerate([a, b, a, b, b, a, c, c, a, c, b, a, a]):
        made = compositor.compose(frame(card, number), {KEY: source}, made)
        assert_same(made.planes, wanted[id(source)])
    # Numbers that come back: a frame shown twice, with another between.
    for number, source in [(20, a), (21, a), (20, a), (22, b), (21, a), (22, b), (20, a)]:
        made = compositor.compose(frame(card, number), {KEY: copy(source)}, made)
        assert_same(made.planes, wanted[id(source)])


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("art") / "art.png"
    rng = np.random.default_rng(9)
    Image.fromarray(rng.integers(0, 256, (14, 11, 4), dtype=np.uint8)).save(path)
    return path


def test_a_pointer_over_a_picture_that_changes(art: Path) -> None:
    card, compositor, source = CARDS["at rest"], PlanarCompositor(), noisy()
    made: Composed | None = None
    for number in range(12):
        if number % 3 == 0:
            source = with_boxes(source, (0, 90 * number, 7, 0, 30))
        sprite = SpriteLayer(str(art), Rect(20.3, 60.2 * number, 9, 12), 1.0, card.shape, 11, 14)
        plan = frame(card, number, sprite)
        made = compositor.compose(plan, {KEY: copy(source)}, made)
        assert_same(made.planes, alone(plan, source))
    assert (compositor.composed, compositor.patched) == (1, 11)


def test_two_cards_of_one_source_and_another_source() -> None:
    small = layer(Rect(24, 330, 12, 270))
    other = dataclasses.replace(layer(Rect(30, 700, 20, 200)), source="camera:0")
    compositor, source, face = PlanarCompositor(), noisy(), noisy(2)
    made: Composed | None = None
    for number in range(8):
        if number % 2:
            source = with_boxes(source, (0, 130 * number, 5, 2, 30))
        if number % 3 == 0:
            face = with_boxes(face, (1, 60 * number, 5, 2, 20))
        cards = (dataclasses.replace(c, frame=number) for c in (CARDS["at rest"], small, other))
        plan, sources = FramePlan(SIZE, (GROUND, *cards)), {KEY: copy(source), "camera:0": copy(face)}
        made = compositor.compose(plan, sources, made)
        assert_same(made.planes, PlanarCompositor().compose(plan, sources, None).planes)
    assert compositor.held == 2  # frames 2 and 4: odd ones change the one, those divisible by three the other


STEPS = st.tuples(st.sampled_from(["same", "change", "new", "back", "lost", "faint", "place"]), st.integers(0, 10**6))


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=8))
def test_any_history_is_the_full_frame(steps: list[tuple[str, int]]) -> None:
    """Small and large changes, pictures seen before, other places and back, a caller that forgot the last frame."""
    compositor, source, card = PlanarCompositor(), noisy(), CARDS["at rest"]
    shown = [source]
    made: Composed | None = None
    for number, (step, seed) in enumerate(steps):
        rng = np.random.default_rng(seed)
        match step:
            case "change":
                boxes = [
                    (p, int(rng.integers(0, 540 if p else 1080)), int(rng.integers(1, 60)), int(rng.integers(0, 24)), 9)
                    for p in rng.integers(0, 3, rng.integers(1, 4))
                ]
                source = with_boxes(source, *boxes)
            case "new":
                source = noisy(seed)
            case "back":
                source = shown[seed % len(shown)]
            case "lost":
                made = None
            case "faint":
                card = dataclasses.replace(card, opacity=(0.0, 0.5, 1.0)[seed % 3])
            case "place":
                card = list(CARDS.values())[seed % len(CARDS)]
        shown.append(source)
        given = source if seed % 2 else copy(source)
        made = compositor.compose(frame(card, number), {KEY: given}, made)
        assert_same(made.planes, alone(frame(card, number), source))


def test_sources_are_still_checked() -> None:
    from reelpress.errors import FormatError

    compositor, source = PlanarCompositor(), noisy()
    made = compositor.compose(frame(CARDS["at rest"], 0), {KEY: source}, None)
    wide = dataclasses.replace(copy(source), format="yuv422p")
    with pytest.raises(FormatError, match="yuv422p"):
        compositor.compose(frame(CARDS["at rest"], 1), {KEY: wide}, made)
    # What was refused is not remembered.
    assert source.color == BT709_LIMITED
    again = compositor.compose(frame(CARDS["at rest"], 2), {KEY: copy(source)}, made)
    assert again.planes is made.planes
