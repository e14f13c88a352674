"""The outline of a layer, and what lies around it: shadow and border.

A shape is a rectangle with a corner radius and kind. Its signed distance at a point p relative to the
centre is, with half size h and radius r: ``q = |p| - h + r``; ``d = norm(max(q, 0)) + min(max(qx, qy), 0) - r``,
with the Euclidean norm for ``rounded`` and the 4-norm ``(x^4 + y^4)^(1/4)`` for ``squircle``.
Coverage of a pixel is the mean over its four sample points at (+-0.25, +-0.25) from its centre of
``1 - smoothstep(-w, w, d)`` with ``w = 1`` output pixel (cap-format 3.2; its fwidth term equals 1 to within
rounding for an unrotated shape). ``smoothstep(a, b, x)`` is ``t*t*(3 - 2t)`` with ``t = clamp((x - a)/(b - a), 0, 1)``.
An edge of a shape whose coordinate is a whole pixel and whose radius is 0 would be blurred over two pixels by
that formula; **a shape with radius 0 has the exact box coverage of each pixel instead** (better than Cap, and
needed so that a picture without decoration is passed through untouched).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelpress.scene.plan.fills import RGB
    from reelpress.scene.plan.rect import Rect


class CornerKind(StrEnum):
    ROUNDED = "rounded"
    SQUIRCLE = "squircle"


@dataclass(frozen=True, slots=True)
class Shape:
    """A rectangle with rounded corners: the outline of a card, or a clip."""

    rect: Rect
    radius: float = 0.0
    """Pixels, at most half of the shorter side."""
    kind: CornerKind = CornerKind.SQUIRCLE
    round_top: bool = True
    """Whether the upper two corners have the radius; square otherwise (``q`` and ``d`` as with radius 0 for ``y < 0``).
    A shape of which neither half is rounded is one of radius 0. A shape grown for its border keeps both flags."""
    round_bottom: bool = True
    """The same for the lower two, ``y >= 0``."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """Black shadow around a shape: ``alpha = opacity * smoothstep(size + blur, -blur, |d|)`` (cap-format 3.2).

    Evaluated at pixel centres (one sample), under the shape as well as around it.
    """

    size: float
    """Pixels."""
    blur: float
    """Pixels."""
    opacity: float
    """0..1."""

    @property
    def reach(self) -> float:
        """Pixels beyond the shape's edge at which it has faded to nothing."""
        return self.size + self.blur


@dataclass(frozen=True, slots=True)
class Border:
    """A ring outside a shape: between the shape and the shape grown by ``width`` (radius grown too).

    Its coverage is ``max(0, coverage(grown) - coverage(shape))``, so ring and picture share a pixel and never lie
    on each other: see :class:`PictureLayer`.
    """

    width: float
    """Pixels."""
    color: RGB
    opacity: float
    """0..1."""
