"""Pictures with alpha as GIF has it: a pixel is there or it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from reelpress.encode.gif.colours import Bytes2D
    from reelpress.media.planes import Plane

    Mask = np.ndarray[Any, np.dtype[np.bool_]]

FORMAT = "yuva420p"
"""Y, Cb and Cr as codes times coverage, coverage at luma positions, coverage at chroma positions
(:mod:`reelpress.compose.transparent`)."""

HALF = 128
"""Coverage from which a pixel is there."""

_BLACK, _GREY = 16, 128


def straight(picture: Planes) -> tuple[Planes, Mask]:
    """The colours of a picture with alpha as yuv420p, and which pixels are there.

    Colour is divided by coverage where there is any; elsewhere it is black, which nobody sees.
    """
    picture.require((FORMAT,))
    y, u, v, cover, chroma_cover = picture.planes
    planes = (_divided(y, cover, _BLACK), _divided(u, chroma_cover, _GREY), _divided(v, chroma_cover, _GREY))
    plain = Planes("yuv420p", picture.width, picture.height, planes, picture.color, picture.pts, picture.time_base)
    return plain, cover >= HALF


def _divided(code: Plane, cover: Plane, nothing: int) -> Bytes2D:
    """``code / (cover / 255)``, rounded."""
    whole = np.maximum(cover, 1).astype(np.uint32)
    result = (code * np.uint32(255) + whole // 2) // whole
    return np.where(cover > 0, np.minimum(result, 255), nothing).astype(np.uint8)
