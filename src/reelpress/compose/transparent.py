"""Pictures with alpha: the layers of a plan over nothing, on the CPU.

Drawn as the picture of a group is (:mod:`reelpress.compose.planar`): 8-bit planes that hold codes times coverage, and
the coverage of each sample beside them, at luma positions and at chroma positions. Blended over anything that gives
just what drawing the layers upon it would give, to within a rounding. What a file with straight alpha wants of it is
worked out from both (:mod:`reelpress.convert.exact`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.planar_background import Backgrounds
from reelpress.errors import FormatError
from reelpress.media.planes import Planes
from reelpress.scene.damage import merge
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.compose.planar_canvas import Canvas
    from reelpress.scene.plan.frame import FramePlan

FORMAT = "yuva420p"
"""Five planes: Y, Cb and Cr as codes times coverage, then coverage (0..255) at luma and at chroma positions."""

_BUFFER = 512
"""As in ``planar``: numpy's own buffers for this thread."""


class TransparentCompositor:
    """Implements :class:`reelpress.compose.base.Compositor`; what it draws is :data:`FORMAT`. One thread."""

    name = "planar"
    capabilities = CompositorCapabilities(("yuv420p", "nv12"), (FORMAT,))

    def __init__(self) -> None:
        self._inner = PlanarCompositor._for_group(Backgrounds(), True, (0, 0))
        self._last: tuple[FramePlan, Planes] | None = None

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        """See :meth:`reelpress.compose.base.Compositor.compose`.

        Raises:
            FormatError: A source is missing or not 8-bit BT.709 limited yuv420p or nv12, or the size is odd.
            MissingInputError, UnreadableInputError: Of a picture file.
        """
        width, height = plan.size
        if width % 2 or height % 2 or min(plan.size) < 2:
            raise FormatError(f"The output size is {width}x{height}; both sides must be even.")
        for source in sources.values():
            source.require(self.capabilities.source_formats)
        last = self._last if previous is not None and self._last and previous.planes is self._last[1] else None
        damage = (IntRect(0, 0, width, height),) if last is None else merge(plan.damage_since(last[0]))
        if last is not None and not damage:
            self._last = plan, last[1]
            return Composed(last[1], ())
        before = np.setbufsize(_BUFFER)
        try:
            planes = _picture(self._inner.finished(plan, sources))
        finally:
            np.setbufsize(before)
        self._last = plan, planes
        return Composed(planes, damage)

    def close(self) -> None:
        """Release all caches; calling it twice is harmless."""
        self._last = None
        self._inner.close()


def _picture(canvas: Canvas) -> Planes:
    """A copy: the canvas is patched by the next frame."""
    assert canvas.cover is not None
    width, height = canvas.size
    planes = tuple(plane.copy() for plane in (*canvas.planes, *canvas.cover))
    return Planes(FORMAT, width, height, planes, BT709_LIMITED)
