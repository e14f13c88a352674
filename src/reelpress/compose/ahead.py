"""Frames begun and finished: one way to drive compositors that work ahead and those that do not."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.compose.base import Ahead, Composed, Compositor
    from reelpress.media.planes import Planes
    from reelpress.scene.plan.frame import FramePlan


class InStep:
    """Implements :class:`~reelpress.compose.base.Ahead` on a compositor that draws a frame when it is asked to."""

    depth = 1

    def __init__(self, compositor: Compositor) -> None:
        self._compositor = compositor
        self._drawn: deque[Composed] = deque()

    @property
    def in_flight(self) -> int:
        """See :class:`~reelpress.compose.base.Ahead`."""
        return len(self._drawn)

    def begin(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> None:
        """See :meth:`reelpress.compose.base.Ahead.begin`."""
        before = self._drawn[-1] if self._drawn else previous
        self._drawn.append(self._compositor.compose(plan, sources, before))

    def finish(self, deadline_s: float) -> Composed:
        """See :meth:`reelpress.compose.base.Ahead.finish`."""
        del deadline_s  # it is drawn already
        return self._drawn.popleft()


def ahead_of(compositor: Compositor) -> Ahead:
    """``compositor`` itself where it works ahead, else a way to drive it as if it did."""
    return compositor if hasattr(compositor, "begin") else InStep(compositor)  # type: ignore[return-value]
