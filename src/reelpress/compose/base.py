"""The one protocol of all compositors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reelpress.media.planes import Planes
    from reelpress.scene.plan.frame import FramePlan
    from reelpress.scene.plan.rect import IntRect


@dataclass(frozen=True, slots=True)
class CompositorCapabilities:
    """What a compositor can do, known before the export starts."""

    source_formats: tuple[str, ...]
    """Formats it takes with no conversion."""
    output_formats: tuple[str, ...]
    """Formats it can compose into."""
    not_drawn: tuple[str, ...] = ()
    """Names of layer kinds or properties that it leaves out."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed picture and what it took."""

    planes: Planes
    damage: tuple[IntRect, ...]
    """What was drawn anew; empty when ``planes`` is the previous picture itself (held)."""


class Compositor(Protocol):
    """FramePlan + source planes -> output planes. One instance per export, used from one thread."""

    @property
    def name(self) -> str:
        """As in reports: ``planar``, ``gpu``, ``reference``."""
        ...

    @property
    def capabilities(self) -> CompositorCapabilities: ...

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        """Draw ``plan``.

        Args:
            plan: What to draw.
            sources: For each ``PictureLayer.source`` of the plan the planes of just that frame, as
                ``yuv420p`` or ``nv12``, 8 bit, BT.709 limited, upright.
            previous: What the last call returned, or ``None`` to draw everything. The compositor remembers the
                plan that belongs to it; pixels outside the damage are taken over, never changed in place.

        Returns:
            The picture, BT.709 limited, left-sited, rounded to nearest. The caller must not write to it.
        """
        ...

    def close(self) -> None:
        """Release caches and devices; calling it twice is harmless."""
        ...


class Ahead(Protocol):
    """A compositor that can work on several frames at once. What is begun is finished in the same order."""

    @property
    def depth(self) -> int:
        """Frames that may be on their way."""
        ...

    @property
    def in_flight(self) -> int:
        """Frames that were begun and not finished."""
        ...

    def begin(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> None:
        """Start a frame. ``previous`` as in :meth:`Compositor.compose`, where frames on their way stand before it."""
        ...

    def finish(self, deadline_s: float) -> Composed:
        """The oldest frame on its way, waited for no longer than ``deadline_s``."""
        ...


class Beside(Protocol):
    """A second thread for half of a long native call: :class:`reelpress.pipeline.helper.Helper`, as only ``pipeline``
    starts threads."""

    def both(self, here: Callable[[], None], there: Callable[[], None]) -> None:
        """Run ``here`` on this thread and ``there`` on the other one; returns when both are done."""
        ...

    def close(self) -> None:
        """End the thread."""
        ...
