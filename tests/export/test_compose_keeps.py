"""Which pictures the compose stage still refers to while it waits for its neighbours: none that is not shown."""

from __future__ import annotations

import contextlib
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from reelpress.compose.base import Composed
from reelpress.export import stages
from reelpress.export.report import FrameCounts
from reelpress.media.scale import allocate
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import PictureLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.media.planes import Planes

SIZE = (64, 32)
WHOLE = Rect(0.0, 0.0, 64.0, 32.0)
FRAMES = 5


class _Director:
    frames = FRAMES
    size = SIZE

    def plan(self, n: int) -> FramePlan:
        return FramePlan(SIZE, (PictureLayer("display:0", n, WHOLE, WHOLE, Shape(WHOLE)),))


class _Context:
    def native(self, op: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def decide(self, kind: str, frame: int, **args: object) -> None:
        pass


class _Compositor:
    """Draws a picture of its own each time, and keeps the last one only, as every compositor does."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[Any]] = []
        self._last: Planes | None = None

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        assert (previous is None) == (not self.made) and (previous is None or previous.planes is self._last)
        self._last = flat(len(self.made))
        self.made.append(weakref.ref(self._last.planes[0]))
        return Composed(self._last, (IntRect(0, 0, *SIZE),))

    def close(self) -> None:
        self._last = None


def flat(value: int) -> Planes:
    planes = allocate(*SIZE)
    for plane in planes.planes:
        plane[:] = value
    return planes


def living(pictures: list[weakref.ref[Any]]) -> list[int]:
    return [number for number, each in enumerate(pictures) if each() is not None]


def run(values: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """Composed and source pictures alive whenever the stage waits: to hand one on, and for the next one."""
    compositor = _Compositor()
    given: list[weakref.ref[Any]] = []
    sending: list[list[int]] = []
    waiting: list[list[int]] = []

    def recv() -> stages.SourceFrame:
        waiting.append(living(given))
        planes = flat(values[len(given)])
        given.append(weakref.ref(planes.planes[0]))
        return stages.SourceFrame("display:0", len(given) - 1, planes)

    def send(frame: stages.RenderedFrame) -> None:
        sending.append(living(compositor.made))

    counts = FrameCounts(total=FRAMES)
    stages.compose(
        _Context(),  # type: ignore[arg-type]
        _Director(),  # type: ignore[arg-type]
        compositor,  # type: ignore[arg-type]
        {"display": SimpleNamespace(recv=recv)},  # type: ignore[dict-item]
        SimpleNamespace(send=send),  # type: ignore[arg-type]
        counts,
        tolerance=2,
    )
    assert counts.composed == FRAMES
    return sending, waiting


def test_the_picture_before_is_not_kept_while_the_next_one_is_handed_on():
    sending, _ = run([0, 60, 120, 180, 240])
    assert sending == [[n] for n in range(FRAMES)]


def test_a_picture_that_is_within_the_tolerance_is_not_kept_while_the_next_one_is_decoded():
    _, waiting = run([100, 101, 99, 200, 201])
    # the first one is shown as long as those after it are like it; then the fourth
    assert waiting == [[], [0], [0], [0], [3]]
