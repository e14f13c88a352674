"""The splicing encoder over a real x264: what a plain decoder shows for every picture that was given."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.stream import Splicer
from reelpress.media.encoder import VideoSession
from reelpress.media.packets import EncodedPacket
from reelpress.media.planes import Planes
from reelpress.scene.plan.rect import IntRect
from unchanged_makers import (
    Picture,
    Session,
    cell,
    copied,
    decoded,
    differing_blocks,
    fed,
    limits,
    page,
    painted,
    planar,
    psnr,
    same,
    spec_of,
    unit_type,
)

WIDTH, HEIGHT = 96, 80
STILL = Change(())
REAL_ONES = (Kind.REAL, Kind.KEY)
IDR = 5

BLOCK_PSNR = 33.0
"""Of a patched macroblock at QP 20 and below: the quantiser's step is 6.5 there, and an error of two thirds of it in
every coefficient is 35 dB."""
PICTURE_PSNR = 28.0
"""Of a real picture: it is x264's own affair how good it is, but another page of text would be at 12 dB."""

Given = list[tuple[Planes, Change]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.mp4"


def changed_in(planes: Planes, rect: IntRect, value: int) -> tuple[Planes, Change]:
    return painted(planes, rect, value), Change((rect,))


class Outcome:
    """A whole run, judged against what was given."""

    def __init__(self, session: Session, pictures: Given) -> None:
        self.given = pictures
        self.decisions, self.packets, self.out = fed(session.encoder, pictures)
        self.kinds = [decision.kind for decision in self.decisions]
        self.shown = decoded(session.header, [packet.data for packet in self.packets])
        self.counts = session.encoder.counts

    def letters(self) -> str:
        names = {Kind.KEY: "k", Kind.REAL: "r", Kind.HOLD: "h", Kind.PATCH: "p", Kind.REPLAY: "R"}
        return "".join(names[kind] for kind in self.kinds)

    def check(self) -> None:
        """Everything that is always true."""
        count = len(self.given)
        assert len(self.packets) == len(self.shown) == count
        assert [packet.pts for packet in self.packets] == list(range(count)) == [packet.dts for packet in self.packets]
        assert {packet.duration for packet in self.packets} == {1}
        for packet, kind in zip(self.packets, self.kinds, strict=True):
            is_idr = unit_type(packet.data) == IDR
            assert packet.is_key == is_idr
            assert kind not in (Kind.KEY, Kind.REPLAY) or is_idr
            assert kind not in (Kind.HOLD, Kind.PATCH) or packet.data[packet.data.index(b"\x00\x00\x01") + 3] == 1
        real = 0
        for index, kind in enumerate(self.kinds):
            if kind in REAL_ONES:
                real = index
            self._check_picture(index, real)
        self._check_counts()

    def _check_picture(self, index: int, real: int) -> None:
        composed, anchor = planar(self.given[index][0]), planar(self.given[real][0])
        shown, base = self.shown[index], self.shown[real]
        kind = self.kinds[index]
        if kind in REAL_ONES:
            assert psnr(shown[0], composed[0]) >= PICTURE_PSNR
            return
        changed = differing_blocks(composed, anchor)
        if kind in (Kind.HOLD, Kind.REPLAY):
            assert changed == set()
            assert same(shown, base), f"picture {index} is not that of {real}"
            return
        assert changed
        assert self.decisions[index].macroblocks == len(changed)
        for at in {(r, c) for r in range(-(-HEIGHT // 16)) for c in range(-(-WIDTH // 16))} - between(changed):
            assert same(cell(shown, *at), cell(base, *at)), f"picture {index}, macroblock {at} was not damaged"
        for at in changed:
            for one, two in zip(cell(shown, *at), cell(composed, *at), strict=True):
                assert psnr(one, two) >= BLOCK_PSNR, f"picture {index}, macroblock {at}"

    def _check_counts(self) -> None:
        counts, kinds = self.counts, self.kinds
        assert counts.real == sum(kind in REAL_ONES for kind in kinds)
        assert (counts.keys, counts.held) == (kinds.count(Kind.KEY), kinds.count(Kind.HOLD))
        assert (counts.patched, counts.replayed) == (kinds.count(Kind.PATCH), kinds.count(Kind.REPLAY))
        assert counts.real_bytes + counts.inserted_bytes == sum(len(packet.data) for packet in self.packets)


def between(blocks: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """The blocks, and those between two of a row: they may be coded along with them."""
    rows = {row for row, _ in blocks}
    found = set()
    for row in rows:
        columns = [column for r, column in blocks if r == row]
        found |= {(row, column) for column in range(min(columns), max(columns) + 1)}
    return found


def test_held_pictures_are_the_last_real_one(path: Path) -> None:
    first, second = page(WIDTH, HEIGHT, 1), page(WIDTH, HEIGHT, 2)
    pictures = [(first, UNKNOWN), *[(first, STILL)] * 3, (second, UNKNOWN), *[(second, STILL)] * 2]
    with Session(path, spec_of(), limits()) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters() == "khhhrhh"
        outcome.check()
        assert not same(outcome.shown[3], outcome.shown[4])
        assert max(len(outcome.packets[n].data) for n in (1, 2, 3, 5, 6)) < 30


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
def test_patches_show_what_was_composed_and_the_rest_stays(path: Path, format_name: str) -> None:
    first = page(WIDTH, HEIGHT, 3, format_name)
    pictures: Given = [(first, UNKNOWN)]
    picture = first
    for rect, value in (
        (IntRect(20, 20, 10, 10), 40),
        (IntRect(60, 50, 30, 6), 90),
        (IntRect(0, 0, 4, 4), 10),
        (IntRect(90, 74, 6, 6), 200),
    ):
        picture, change = changed_in(picture, rect, value)
        pictures += [(picture, change), (picture, STILL)]
    pictures += [changed_in(picture, IntRect(0, 0, WIDTH, 64), 128), (first, UNKNOWN)]
    with Session(path, spec_of(pixel_format=format_name), limits(patch_area=12)) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters() == "kpppppppprr"
        outcome.check()
        assert same(outcome.shown[1], outcome.shown[2])


def test_what_comes_back_is_held_although_damage_was_told(path: Path) -> None:
    """A caret that blinks: on, off, on; off is the last real picture."""
    paper = page(WIDTH, HEIGHT, 4)
    caret = painted(paper, IntRect(30, 20, 2, 12), 0)
    blink = Change((IntRect(30, 20, 2, 12),))
    pictures = [(paper, UNKNOWN), *[(caret, blink), (paper, blink)] * 3]
    with Session(path, spec_of(), limits()) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters() == "kphphph"
        outcome.check()


def test_without_damage_it_finds_out_by_itself(path: Path) -> None:
    paper = page(WIDTH, HEIGHT, 5)
    pictures = [
        (paper, UNKNOWN),
        (copied(paper), UNKNOWN),
        (painted(paper, IntRect(32, 32, 16, 16), 0), UNKNOWN),
        (copied(paper), UNKNOWN),
    ]
    with Session(path, spec_of(), limits()) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters() == "khph"
        outcome.check()


def test_a_still_screen_is_one_picture_and_its_replays(path: Path) -> None:
    still = page(WIDTH, HEIGHT, 6)
    with Session(path, spec_of(), limits(gop=60)) as session:
        outcome = Outcome(session, [(still, UNKNOWN), *[(still, STILL)] * 599])
        outcome.check()
        assert outcome.counts.real == 1
        assert [p.pts for p in outcome.packets if p.is_key] == list(range(0, 600, 60))
        assert all(same(one, outcome.shown[0]) for one in outcome.shown)
        ids = [packet.data for packet in outcome.packets if packet.is_key]
        assert all(a != b for a, b in pairwise(ids))  # neighbours differ in idr_pic_id


def test_the_encoder_goes_on_after_a_replay(path: Path) -> None:
    """It does not know of the replay: its next pictures refer to its own key frame."""
    still = page(WIDTH, HEIGHT, 7)
    pictures: Given = [(still, UNKNOWN), *[(still, STILL)] * 9]
    picture = still
    for step in range(8):
        picture, change = changed_in(picture, IntRect(8 * step, 0, 30, HEIGHT), 60 + 20 * step)
        pictures += [(picture, change), (picture, STILL)]
    with Session(path, spec_of(), limits(gop=5, patch_area=2)) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters().startswith("khhhhRhhhhk")
        outcome.check()


def test_key_frames_come_by_output_time(path: Path) -> None:
    pictures: Given = []
    picture = page(WIDTH, HEIGHT, 8)
    for step in range(40):
        changed = changed_in(picture, IntRect(2 * step % 60, 16, 24, 24), 40 + 5 * step)
        pictures.append(changed if step % 3 else (picture, UNKNOWN if step == 0 else STILL))
        picture = pictures[-1][0]
    with Session(path, spec_of(), limits(gop=7)) as session:
        outcome = Outcome(session, pictures)
        outcome.check()
        keys = [packet.pts for packet in outcome.packets if packet.is_key]
        assert keys == list(range(0, 40, 7))


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_key_frames_of_the_encoder_itself_put_the_next_one_off(
    path: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    """As at a scene cut: nobody asked for it, and the session hears of it when the packet comes out."""
    real_encode = VideoSession.encode
    given: list[int] = []

    def own_idea(
        self: VideoSession, planes: Planes, pts: int, *, key: bool = False, closing: bool = False
    ) -> list[EncodedPacket]:
        given.append(pts)
        return real_encode(self, planes, pts, key=key or len(given) == 7, closing=closing)

    monkeypatch.setattr(VideoSession, "encode", own_idea)
    pictures: Given = []
    for number in range(50):
        picture = page(WIDTH, HEIGHT, 9)
        picture.planes[0][:] = picture.planes[0] // 2 + number
        pictures.append((picture, UNKNOWN))
    with Session(path, spec_of(preset=preset), limits(gop=25, patch_area=0)) as session:
        outcome = Outcome(session, pictures)
        assert len(given) == 50
        keys = [packet.pts for packet in outcome.packets if packet.is_key]
        assert keys == [0, 6, 31]
        assert [packet.is_key for packet in outcome.packets] == [unit_type(p.data) == IDR for p in outcome.packets]
        assert len(outcome.shown) == 50


def test_a_mask_that_begins_is_real_and_one_that_stays_is_not(path: Path) -> None:
    paper = page(WIDTH, HEIGHT, 11)
    rect = IntRect(16, 16, 16, 16)
    masked, other = painted(paper, rect, 120), painted(paper, IntRect(48, 48, 8, 8), 0)
    begins = Change((rect,), hides_more=True)
    both = (rect, IntRect(48, 48, 8, 8))
    pictures = [
        (paper, UNKNOWN),
        (masked, begins),
        (masked, STILL),
        (other, Change(both)),
        (masked, replace(begins, damage=both)),
    ]
    with Session(path, spec_of(), limits()) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters() == "krhpr"  # the last one looks like the last real one, and is real all the same
        outcome.check()


def test_after_motion_text_at_rest_is_coded_once_more_and_no_worse(path: Path) -> None:
    pictures: Given = [(page(WIDTH, HEIGHT, 12 + step), UNKNOWN) for step in range(4)]
    rest = pictures[-1][0]
    pictures += [(rest, STILL)] * 8
    spec = spec_of(crf=34.0, preset="veryfast")
    with Session(path, spec, limits(motion_area=5, settle_after=3)) as session:
        decisions, packets, _ = fed(session.encoder, pictures)
        assert [n for n, one in enumerate(decisions) if one.kind in REAL_ONES] == [0, 1, 2, 3, 6]
        shown = decoded(session.header, [packet.data for packet in packets])
        assert psnr(shown[-1][0], rest.planes[0]) >= psnr(shown[3][0], rest.planes[0])
        assert same(shown[6], shown[-1])


def test_a_change_that_no_patch_is_afforded_for_is_counted_all_the_same(path: Path) -> None:
    """Small, it is no motion, and what is at rest after it is not coded once more; large, it is."""
    paper = page(WIDTH, HEIGHT, 17)
    small = painted(paper, IntRect(16, 16, 16, 16), 40)
    large = painted(paper, IntRect(0, 0, WIDTH, HEIGHT), 90)
    pictures = [(paper, UNKNOWN)] + [(paper, STILL)] * 4
    pictures += [(small, Change((IntRect(16, 16, 16, 16),)))] + [(small, STILL)] * 4
    pictures += [(large, Change((IntRect(0, 0, WIDTH, HEIGHT),)))] + [(large, STILL)] * 4
    broke = limits(motion_area=5, settle_after=2, income=0.0, share=0.0, savings=0.0)
    with Session(path, spec_of(), broke) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters() == "khrhh" + "rhhhh" + "rhrhh"
        outcome.check()


def test_a_patch_beyond_the_level_is_a_real_picture(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor would refuse it only when its turn comes, and the whole export would begin anew."""
    monkeypatch.setattr(Splicer, "max_picture_bytes", property(lambda _: 900))
    paper = page(WIDTH, HEIGHT, 18)
    noise = copied(paper)
    noise.planes[0][16:48, 16:64] = np.random.default_rng(3).integers(0, 256, (32, 48), np.uint8)
    little = painted(paper, IntRect(16, 16, 16, 16), 40)
    pictures = [(paper, UNKNOWN), (little, Change((IntRect(16, 16, 16, 16),))), (noise, UNKNOWN), (noise, STILL)]
    with Session(path, spec_of(), limits()) as session:
        outcome = Outcome(session, pictures)
        assert outcome.letters() == "kprh"
        assert "level" in outcome.decisions[2].reason
        outcome.check()


@pytest.mark.parametrize(("preset", "extra"), [("veryfast", {}), ("medium", {}), ("veryfast", {"coder": "0"})])
def test_what_waits_for_the_look_ahead_comes_in_order(path: Path, preset: str, extra: dict[str, str]) -> None:
    """CABAC and CAVLC, one and several references, weighted prediction; pictures come out many frames late."""
    pictures: Given = []
    picture = page(WIDTH, HEIGHT, 20)
    for step in range(60):
        if step % 5 == 0:
            picture = page(WIDTH, HEIGHT, 20 + step // 20)
            picture.planes[0][:] = picture.planes[0] // 2 + 2 * step
            pictures.append((picture, UNKNOWN))
        elif step % 5 == 2:
            pictures.append(changed_in(picture, IntRect(step, 30, 12, 12), 20))
            picture = pictures[-1][0]
        else:
            pictures.append((picture, STILL))
    with Session(path, spec_of(preset=preset, threads=2, extra=extra), limits(gop=17)) as session:
        outcome = Outcome(session, pictures)
        outcome.check()
        assert {Kind.KEY, Kind.REAL, Kind.HOLD, Kind.PATCH} <= set(outcome.kinds)
        assert outcome.out[3] == 0, "the encoder looks ahead"


def test_planes_are_not_kept_while_their_packets_wait(path: Path) -> None:
    """Only the last real picture's: a minute may lie between two packets."""
    spec = spec_of(preset="veryfast", threads=2)
    alive: list[weakref.ref[NDArray[np.uint8]]] = []
    picture = page(WIDTH, HEIGHT, 30)
    with Session(path, spec, limits()) as session:
        assert session.encoder.encode(picture, 0) == []
        anchor = weakref.ref(picture.planes[0])
        for number in range(1, 40):
            made, change = changed_in(picture, IntRect(number, 20, 10, 10), 0)
            alive.append(weakref.ref(made.planes[0]))
            assert session.encoder.encode(made, number, change) == []
        del picture, made
        gc.collect()
        assert [ref for ref in alive if ref() is not None] == []
        assert anchor() is not None
        assert len(session.encoder.flush()) == 40


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
@pytest.mark.parametrize("second", ["equal", "patched", "new"])
def test_one_and_two_frames(path: Path, preset: str, second: str) -> None:
    first = page(WIDTH, HEIGHT, 31)
    with Session(path, spec_of(preset=preset), limits()) as session:
        outcome = Outcome(session, [(first, UNKNOWN)])
        assert outcome.letters() == "k"
        outcome.check()
    other = {"equal": copied(first), "patched": painted(first, IntRect(0, 0, 8, 8), 0), "new": page(WIDTH, HEIGHT, 32)}
    with Session(path, spec_of(preset=preset), limits()) as session:
        outcome = Outcome(session, [(first, UNKNOWN), (other[second], UNKNOWN)])
        assert outcome.letters() == {"equal": "kh", "patched": "kp", "new": "kr"}[second]
        outcome.check()


def test_nothing_given_gives_nothing(path: Path) -> None:
    with Session(path, spec_of(), limits()) as session:
        assert session.encoder.flush() == []


@pytest.mark.parametrize("size", [(70, 90), (16, 16), (34, 50), (98, 18)])
def test_sizes_that_are_no_whole_macroblocks(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    first = page(width, height, 33)
    corner = IntRect(width - 2, height - 2, 2, 2)
    pictures = [
        (first, UNKNOWN),
        changed_in(first, corner, 0),
        (first, Change((corner,))),
        changed_in(first, corner, 90),
    ]
    with Session(path, spec_of(width, height), limits()) as session:
        decisions, packets, _ = fed(session.encoder, pictures)
        assert [one.kind for one in decisions] == [Kind.KEY, Kind.PATCH, Kind.HOLD, Kind.PATCH]
        shown = decoded(session.header, [packet.data for packet in packets])
        assert {one[0].shape for one in shown} == {(height, width)}
        assert same(shown[0], shown[2])
        for index in (1, 3):
            assert abs(int(shown[index][0][-1, -1]) - int(pictures[index][0].planes[0][-1, -1])) <= 16


def test_what_the_editor_refuses_comes_through(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_encode = VideoSession.encode

    def twice(self: VideoSession, planes: Planes, pts: int, **more: Any) -> list[EncodedPacket]:
        return [replace(packet, data=2 * packet.data) for packet in real_encode(self, planes, pts, **more)]

    monkeypatch.setattr(VideoSession, "encode", twice)
    spec = spec_of(extra={"tune": "zerolatency", "x264-params": "sliced-threads=0"})
    with Session(path, spec, limits()) as session, pytest.raises(SpliceRefused, match="several slices"):
        session.encoder.encode(page(WIDTH, HEIGHT, 34), 0)


# --- anything ---------------------------------------------------------------------------------------------------------


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[str, int, int, int, int, int]]:
    step = st.tuples(
        st.sampled_from(["still", "still", "same", "patch", "patch", "back", "wide", "new", "mask", "flat"]),
        st.integers(0, WIDTH // 2 - 1),
        st.integers(0, HEIGHT // 2 - 1),
        st.integers(1, 16),
        st.integers(1, 12),
        st.integers(0, 255),
    )
    return draw(st.lists(step, min_size=1, max_size=40))


def played(script: Sequence[tuple[str, int, int, int, int, int]]) -> Iterator[tuple[Planes, Change]]:
    first = page(WIDTH, HEIGHT, 1)
    picture = first
    yield picture, UNKNOWN
    for what, x, y, w, h, value in script:
        rect = IntRect(2 * x, 2 * y, min(2 * w, WIDTH - 2 * x), min(2 * h, HEIGHT - 2 * y))
        full = IntRect(0, 0, WIDTH, HEIGHT)
        match what:
            case "still":
                change = STILL
            case "same":
                picture, change = copied(picture), UNKNOWN
            case "patch" | "mask":
                picture, change = painted(picture, rect, value, 100 + value // 8), Change((rect,), what == "mask")
            case "back":
                picture, change = first, Change((full, rect) if value % 2 else (full,))
            case "wide":
                wide = IntRect(0, rect.y, WIDTH, rect.h)
                picture, change = painted(picture, wide, value), Change((wide, rect))
            case "flat":
                picture, change = painted(picture, full, value), UNKNOWN
            case _:
                picture, change = page(WIDTH, HEIGHT, value), Change((full,))
        yield picture, change


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scripts(),
    st.sampled_from(["ultrafast", "veryfast"]),
    st.integers(2, 12),
    st.sampled_from([0, 3, 30]),
    st.sampled_from([400, 4000, 1 << 30]),
    st.sampled_from([1, 1 << 30]),
)
def test_whatever_happens_every_picture_is_shown_as_it_should_be(
    path: Path,
    script: list[tuple[str, int, int, int, int, int]],
    preset: str,
    gop: int,
    patch_area: int,
    allowance: int,
    settle_after: int,
) -> None:
    goes_by = limits(gop, patch_area=patch_area, allowance=allowance, settle_after=settle_after, motion_area=6)
    with Session(path, spec_of(preset=preset, crf=16.0, fps=Fraction(60)), goes_by) as session:
        outcome = Outcome(session, list(played(script)))
        outcome.check()
        keys = [packet.pts for packet in outcome.packets if packet.is_key]
        assert keys[0] == 0
        assert all(b - a <= gop for a, b in zip(keys, [*keys[1:], len(outcome.given)], strict=True))
        for (_, change), decision in zip(outcome.given, outcome.decisions, strict=True):
            if change.hides_more:
                assert decision.kind in (*REAL_ONES, Kind.REPLAY)


def test_the_decision_is_about_the_picture_given_last(path: Path) -> None:
    paper = page(WIDTH, HEIGHT, 40)
    with Session(path, spec_of(), limits()) as session:
        session.encoder.encode(paper, 0)
        assert session.encoder.decision.kind is Kind.KEY
        picture, change = changed_in(paper, IntRect(0, 0, 20, 20), 0)
        (packet,) = session.encoder.encode(picture, 1, change) or session.encoder.flush()[1:]
        decision = session.encoder.decision
        assert decision == Decision(Kind.PATCH, decision.reason, 4, decision.size_bytes)
        assert abs(len(packet.data) - decision.size_bytes) <= 40  # an estimate of what was written


def test_the_number_of_a_picture_may_leap(path: Path) -> None:
    """Where an export begins in the middle of something, or somebody leaves frames out: times stay true."""
    paper = page(WIDTH, HEIGHT, 41)
    with Session(path, spec_of(), limits(gop=10)) as session:
        packets = [p for n in (3, 4, 9, 14, 30) for p in session.encoder.encode(paper, n, STILL if n > 3 else UNKNOWN)]
        packets += session.encoder.flush()
        assert [packet.pts for packet in packets] == [3, 4, 9, 14, 30]
        assert [packet.pts for packet in packets if packet.is_key] == [3, 14, 30]
        shown: list[Picture] = decoded(session.header, [packet.data for packet in packets])
        assert len(shown) == 5
