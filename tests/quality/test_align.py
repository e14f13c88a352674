"""Which pictures meet: rates, rounded times, variable rates, ends, and how little is kept."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pytest

from reelpress.color import BT709_LIMITED
from reelpress.errors import SettingsError
from reelpress.media.planes import Planes
from reelpress.quality.align import FrameSide, moments

F = Fraction


def picture() -> Planes:
    y, c = np.zeros((2, 2), np.uint8), np.zeros((1, 1), np.uint8)
    return Planes("yuv420p", 2, 2, (y, c, c), BT709_LIMITED)


class Times:
    """A side whose pictures are shown at given ticks."""

    size = (2, 2)

    def __init__(self, ticks: Sequence[int], tick: Fraction, end: int, *, fine: bool = True) -> None:
        self._ticks, self._tick, self._next = ticks, tick, 0
        self.tolerance = tick if fine else F(0)
        steps = sorted(b - a for a, b in itertools.pairwise(ticks)) or [end]
        self.step = steps[len(steps) // 2] * tick
        self.end = end * tick

    @property
    def next_time(self) -> Fraction | None:
        return self._ticks[self._next] * self._tick if self._next < len(self._ticks) else None

    def skip_to(self, time: Fraction) -> None:
        while self._next + 1 < len(self._ticks) and self._ticks[self._next + 1] * self._tick <= time:
            self._next += 1

    def take(self) -> tuple[int, Planes, bool]:
        self._next += 1
        return self._next - 1, picture(), False

    def rest(self) -> int:
        return len(self._ticks) - self._next

    def close(self) -> None:
        pass


def exact(count: int, fps: int) -> Times:
    return Times(range(count), F(1, fps), count, fine=False)


def milliseconds(count: int, fps: int, *, up: bool = False) -> Times:
    rounded = [-(-1000 * n // fps) if up else round(1000 * n / fps) for n in range(count)]
    return Times(rounded, F(1, 1000), round(1000 * count / fps))


def walk(a: Times, b: Times, **limits: Fraction) -> list[tuple[int, int]]:
    return [(m.a.ordinal, m.b.ordinal) for m in moments(a, b, **limits)]


@pytest.mark.parametrize("fps", [24, 30, 60, 120, 240])
@pytest.mark.parametrize("up", [False, True])
def test_rounded_times_meet_exact_ones(fps: int, up: bool) -> None:
    same = [(n, n) for n in range(200)]
    assert walk(exact(200, fps), milliseconds(200, fps, up=up)) == same
    assert walk(milliseconds(200, fps, up=up), exact(200, fps)) == same
    assert walk(milliseconds(200, fps), milliseconds(200, fps, up=up)) == same


def test_two_rates_meet_at_every_picture_of_the_faster() -> None:
    assert walk(exact(3, 30), exact(6, 60)) == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]
    assert walk(milliseconds(6, 60), exact(3, 30)) == [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2)]


def test_rates_that_do_not_divide_are_compared_at_the_times_of_both() -> None:
    # 0, 1/3, 2/3 and 0, 1/2
    assert walk(exact(3, 3), exact(2, 2)) == [(0, 0), (1, 0), (1, 1), (2, 1)]


def test_one_long_picture_meets_all_that_the_other_shows_meanwhile() -> None:
    variable = Times([0, 10, 500], F(1, 1000), 510)
    assert walk(variable, exact(5, 10)) == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]


def test_it_ends_with_the_shorter_one() -> None:
    a, b = exact(10, 30), exact(4, 30)
    assert walk(a, b) == [(n, n) for n in range(4)]
    assert (a.rest(), b.rest()) == (6, 0)


def test_a_part() -> None:
    assert walk(exact(30, 30), exact(60, 60), start=F(1, 2), end=F(17, 30)) == [(15, 30), (15, 31), (16, 32), (16, 33)]
    # between two pictures: what is on screen then
    assert walk(exact(30, 30), exact(30, 30), start=F(31, 60), end=F(35, 60)) == [(15, 15), (16, 16), (17, 17)]


def test_what_is_fresh() -> None:
    found = list(moments(exact(2, 30), exact(4, 60)))
    assert [(m.a.fresh, m.b.fresh) for m in found] == [(True, True), (False, True)] * 2
    assert [m.time for m in found] == [F(n, 60) for n in range(4)]
    assert [m.index for m in found] == [0, 1, 2, 3]


class Owner:
    """Lives as long as a picture is kept."""


def test_pictures_of_a_program_are_not_collected() -> None:
    alive: list[weakref.ref[Owner]] = []
    most = 0

    def frames() -> Iterator[Planes]:
        nonlocal most
        for _ in range(50):
            planes = picture()
            planes.owner = Owner()
            alive.append(weakref.ref(planes.owner))
            most = max(most, sum(r() is not None for r in alive))
            yield planes

    gc.collect()
    count = sum(1 for _ in moments(FrameSide(frames(), F(30)), exact(50, 30)))
    assert count == 50
    assert most <= 4


def test_a_program_s_pictures_have_the_rate_s_times() -> None:
    side = FrameSide((picture() for _ in range(5)), F(10))
    assert side.end is None
    side.skip_to(F(25, 100))
    assert side.next_time == F(2, 10)
    assert side.take()[0] == 2
    assert side.rest() == 2
    assert side.end == F(1, 2)


def test_a_program_that_goes_on_and_on_is_not_counted() -> None:
    side = FrameSide((picture() for _ in range(1000)), F(10))
    assert side.rest() is None
    side.close()


def test_no_picture_at_all() -> None:
    with pytest.raises(SettingsError, match="no picture"):
        FrameSide(iter(()), F(30))
    side = FrameSide(iter([picture()]), F(10))
    with pytest.raises(SettingsError, match="no picture any more"):
        side.skip_to(F(1))
