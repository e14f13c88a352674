"""The GPU's compositor with the CPU's behind it: a fault costs speed, never a frame."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reelpress.color import BT709_LIMITED
from reelpress.compose.base import Ahead, Composed, Compositor, CompositorCapabilities
from reelpress.compose.gpu.errors import GpuError
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reelpress.scene.plan.frame import FramePlan

FINISH_S = 30.0
"""Seconds for a frame to come back from the GPU before it is given up: a driver may compile shaders for the first, or
reset itself after an interruption of its own (Windows: after 2 s)."""


_ON_ITS_WAY = Composed(Planes("nv12", 2, 2, (), BT709_LIMITED), ())
"""Stands for a picture before this one that is not finished yet."""


class Swift(Compositor, Ahead, Protocol):
    """A compositor that works ahead."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went between the CPU's memory and the GPU's."""

    frames: int = 0
    """Pictures drawn, whole or in part; one that was held is none."""
    uploaded: int = 0
    """Bytes of source pictures and art."""
    read_back: int = 0
    """Bytes of finished pictures."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame on its way, with all that is needed to draw it elsewhere."""

    plan: FramePlan
    sources: Mapping[str, Planes]


class Resilient:
    """Implements :class:`~reelpress.compose.base.Compositor` and :class:`~reelpress.compose.base.Ahead`.

    Frames go to the swift compositor until it fails. From then on all of them, those on their way first, are drawn by
    the sure one: the frames that come out are the same and in the same order. One thread at a time.

    Args:
        swift: The GPU's, closed at its first failure; or the fault with which it could not even be made.
        sure: Makes the one to go on with.
        deadline_s: For each frame to come back.
    """

    def __init__(
        self, swift: Swift | GpuError, sure: Callable[[], Compositor], *, deadline_s: float = FINISH_S
    ) -> None:
        fault = swift if isinstance(swift, GpuError) else None
        self._swift: Swift | None = None if isinstance(swift, GpuError) else swift
        self._make = sure
        self._sure: Compositor | None = None
        self._deadline_s = deadline_s
        self._waiting: deque[_Waiting] = deque()
        self._previous: Composed | None = None
        """Of the compositor in use."""
        self.lost: str | None = None if fault is None else str(fault)
        """Why the swift one was given up, as a sentence; ``None``: it was not."""
        self.lost_at: int | None = None if fault is None else 0
        """Number of the first frame that it did not draw."""
        self._finished = 0
        self._traffic = Traffic()

    @property
    def name(self) -> str:
        return self._swift.name if self._swift is not None else self._on_cpu().name

    @property
    def capabilities(self) -> CompositorCapabilities:
        return (self._swift or self._on_cpu()).capabilities

    @property
    def traffic(self) -> Traffic:
        """Of the swift one so far, also after it was given up."""
        return self._traffic if self._swift is None else _traffic_of(self._swift)

    @property
    def depth(self) -> int:
        """See :class:`~reelpress.compose.base.Ahead`; 1 once the swift one is gone."""
        return self._swift.depth if self._swift is not None else 1

    @property
    def in_flight(self) -> int:
        """See :class:`~reelpress.compose.base.Ahead`."""
        return len(self._waiting)

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        """See :meth:`reelpress.compose.base.Compositor.compose`."""
        if self._waiting:
            raise RuntimeError("Frames that were begun have to be finished before one is composed by itself.")
        self.begin(plan, sources, previous)
        return self.finish(self._deadline_s)

    def begin(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> None:
        """See :meth:`reelpress.compose.base.Ahead.begin`."""
        if previous is None and not self._waiting:
            self._previous = None
        before = _ON_ITS_WAY if self._waiting else previous
        self._waiting.append(_Waiting(plan, dict(sources)))
        if self._swift is None:
            return
        try:
            self._swift.begin(plan, sources, before)
        except GpuError as fault:
            self._give_up(fault)

    def finish(self, deadline_s: float) -> Composed:
        """See :meth:`reelpress.compose.base.Ahead.finish`. Never raises a GpuError: the sure one draws then."""
        if self._swift is not None:
            try:
                composed = self._swift.finish(deadline_s)
            except GpuError as fault:
                self._give_up(fault)
            else:
                self._waiting.popleft()
                self._finished += 1
                self._previous = composed
                return composed
        waiting = self._waiting.popleft()
        composed = self._on_cpu().compose(waiting.plan, waiting.sources, self._previous)
        self._finished += 1
        self._previous = composed
        return composed

    def close(self) -> None:
        """Close both; calling it twice is harmless."""
        self._waiting.clear()
        self._previous = None
        for compositor in (self._swift, self._sure):
            if compositor is not None:
                compositor.close()

    def _on_cpu(self) -> Compositor:
        if self._sure is None:
            self._sure = self._make()
        return self._sure

    def _give_up(self, fault: GpuError) -> None:
        """Go on without the swift one. What it still has on its way is in ``_waiting``, and so drawn anew."""
        swift, self._swift = self._swift, None
        # Another thread looks whether ``lost`` is set, and then at the number: that comes first.
        self.lost_at = self._finished
        self.lost = str(fault)
        self._previous = None  # a picture of another compositor's: the next one is drawn whole
        if swift is not None:
            self._traffic = _traffic_of(swift)
            with suppress(GpuError):  # it is gone anyway
                swift.close()


def _traffic_of(swift: Swift) -> Traffic:
    """Counts of those compositors that count."""
    drawn, patched, sent, read = (
        int(getattr(swift, name, 0)) for name in ("composed", "patched", "uploaded", "read_back")
    )
    return Traffic(drawn + patched, sent, read)
