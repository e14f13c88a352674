"""A reduced card at rest: its soft edge reaches a pixel beyond the picture and shows what the one kernel gives there.

Repeating the scaled picture's own edge sample is not that: at a fifth of the size the two were 8 codes apart where a
window has a dark border, along the whole outline.
"""

from __future__ import annotations

import numpy as np
import pytest

from reelpress.compose.base import Compositor
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.reference import ReferenceCompositor
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import IntRect, Rect

SOURCE = (400, 240)
CARD = Rect(20, 16, 80, 48)


def bordered(width: int) -> Planes:
    """White with a black line along its edges, a few samples inside them too."""
    planes = allocate(*SOURCE)
    luma, *chroma = planes.planes
    luma[:] = 16
    luma[width:-width, width:-width] = 235
    for plane in chroma:
        plane[:] = 128
    return planes


def drawn(compositor: Compositor, source: Planes) -> np.ndarray:
    card = PictureLayer("display:0", 0, Rect(0, 0, *SOURCE), CARD, Shape(CARD, 6.0))
    plan = FramePlan((120, 80), (BackgroundLayer(SolidFill((0.5, 0.5, 0.5))), card))
    luma = compositor.compose(plan, {"display:0": source}, None).planes.planes[0].astype(int)
    compositor.close()
    return luma


@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_the_pixel_beyond_the_picture(width: int) -> None:
    source = bordered(width)
    got, want = drawn(PlanarCompositor(), source), drawn(ReferenceCompositor(), source)
    inside = IntRect(*(int(v) for v in (CARD.x, CARD.y, CARD.w, CARD.h)))
    middle = got.shape[0] // 2
    assert want[middle, inside.x - 1] != want[middle, 0], "the edge shows there at all"
    ring = np.zeros(got.shape, bool)
    ring[inside.y - 1 : inside.bottom + 1, inside.x - 1 : inside.right + 1] = True
    ring[inside.y : inside.bottom, inside.x : inside.right] = False
    off = np.abs(got - want)[ring]
    print(f"a line of {width} samples: off by at most {off.max()} around the picture")
    assert off.max() <= 1
