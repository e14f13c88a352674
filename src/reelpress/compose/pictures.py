"""The scaled pictures of layers, and the last ones kept.

A picture at rest is kept in slabs of rows (:mod:`reelpress.compose.slabs`), of which only those are made again that a
change reaches. Mirrored and softened ones are made as a whole.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from reelpress.color import BT709_LIMITED
from reelpress.compose.banded import Plan
from reelpress.compose.kernel import gaussian_taps
from reelpress.compose.resample import Made, Resampler, Shown, axes, mirrored
from reelpress.compose.slabs import slabs
from reelpress.scene.plan.rect import IntRect, pixel_cover

if TYPE_CHECKING:
    from reelpress.compose.planar_change import Change
    from reelpress.compose.resample import Axes, Three
    from reelpress.media.planes import Plane, Planes
    from reelpress.scene.plan.layers import PictureLayer
    from reelpress.scene.plan.rect import Rect


def _even(rect: Rect, size: tuple[int, int]) -> IntRect | None:
    """``rect`` if all its edges are even whole numbers inside ``size``."""
    whole = IntRect(int(rect.x), int(rect.y), int(rect.w), int(rect.h))
    same = (whole.x, whole.y, whole.w, whole.h) == (rect.x, rect.y, rect.w, rect.h)
    even = (whole.x | whole.y | whole.w | whole.h) & 1 == 0
    inside = whole.x >= 0 and whole.y >= 0 and whole.right <= size[0] and whole.bottom <= size[1]
    return whole if same and even and inside else None


def _all_around(layer: PictureLayer, area: IntRect) -> tuple[tuple[int, int], ...]:
    """Rows and columns of luma, then of chroma, that a Gaussian over ``area`` takes in: first and one past the last.

    Samples in the layer's rectangle (also beyond the frame), as far as the Gaussian reaches from ``area``; samples
    beyond the rectangle are its edge samples.
    """
    rect = layer.rect
    found = []
    for pitch in (1, 2):
        reach = math.ceil(3 * layer.soften / pitch)
        for low, high, origin, start, stop in (
            (rect.y, rect.bottom, pitch / 2, area.y // pitch, area.bottom // pitch),
            (rect.x, rect.right, 0.5, area.x // pitch, area.right // pitch),
        ):
            first, end = math.ceil((low - origin) / pitch), math.ceil((high - origin) / pitch)
            if end <= first:
                first = math.ceil(((low + high) / 2 - origin) / pitch - 0.5)
                end = first + 1
            begin = min(max(first, start - reach), end - 1)
            found.append((begin, max(min(end, stop + reach), begin + 1)))
    return tuple(found)


class PictureScaler:
    """Scaled pictures, the newest kept: a pointer moving over a picture at rest costs no scaling.

    Attributes:
        keep: Pictures to remember: as many as the plan shows.
    """

    def __init__(self) -> None:
        self.resampler = Resampler()
        self.keep = 1
        self._kept: OrderedDict[object, Shown] = OrderedDict()
        self._gaussians: OrderedDict[object, Plan] = OrderedDict()

    def show(
        self, layer: PictureLayer, source: Planes, size: tuple[int, int], change: Change | None = None
    ) -> Shown | None:
        """The layer's picture wherever the shape (and its soft edge) is inside the frame; None if nowhere.

        Args:
            layer: Its ``frame`` stands for the picture: same source and number, same pixels.
            source: That picture.
            size: Of the frame.
            change: What is known of how it differs from an earlier one.
        """
        area = pixel_cover(layer.shape.rect, size, margin=2, align=2)
        if area is None or min(layer.rect.w, layer.rect.h, layer.crop.w, layer.crop.h) <= 0:
            return None
        look = (layer.mirror, layer.soften)
        place = (layer.source, layer.crop, layer.rect, layer.shape, area, source.width, source.height, look)
        kept = self._kept.get((layer.frame, place))
        if kept is not None:
            self._kept.move_to_end((layer.frame, place))
            return kept
        source.require(("yuv420p", "nv12"), BT709_LIMITED)
        old = self._kept.pop((change.frame, place), None) if change is not None else None
        before: list[Made | None] = [] if old is None else list(old.rows)
        del old  # its slabs go one by one, as new ones take their places
        while len(self._kept) >= self.keep:
            self._kept.popitem(last=False)
        shown = self._kept[layer.frame, place] = self._make(layer, source, size, area, before, change)
        return shown

    def _make(
        self,
        layer: PictureLayer,
        source: Planes,
        size: tuple[int, int],
        area: IntRect,
        before: list[Made | None],
        change: Change | None,
    ) -> Shown:
        """The picture; what ``change`` does not reach is taken from ``before``: slabs of the same geometry, or none."""
        if source.format == "nv12":
            both = source.planes[1]
            planes = (source.planes[0], both[:, 0::2], both[:, 1::2])
        else:
            planes = (source.planes[0], source.planes[1], source.planes[2])
        picture = (source.width, source.height)
        if layer.mirror or layer.soften > 0:
            return self._altered(layer, planes, picture, area)
        crop, rect = _even(layer.crop, picture), _even(layer.rect, size)
        if (
            crop is not None
            and rect is not None
            and layer.shape.rect == layer.rect
            and (crop.w, crop.h) != (rect.w, rect.h)
        ):
            # At rest. The soft edge reaches a pixel beyond; chroma there is the edge sample, near enough.
            made: list[Made] = []
            self.resampler.counts.scaled += 3
            for i, slab in enumerate(slabs(crop.h, rect.h)):
                reached = change is None or any(slab.sees(a - crop.y, b - crop.y) for a, b in change.rows)
                kept = before[i] if before and not reached else None
                if before:
                    before[i] = None
                made.append(kept or Made(slab.start, slab.stop, self.resampler.at_rest(planes, crop, rect.w, slab)))
            rim = self.resampler.rim(planes[0], layer, rect, picture) if layer.shape.radius else None
            return Shown(rect, tuple(made), rim)
        luma, chroma = axes(layer, area, picture, chroma=False), axes(layer, area, picture, chroma=True)
        return Shown(area, (Made(0, area.h, self.resampler.picture(planes, luma, chroma)),))

    def _altered(self, layer: PictureLayer, planes: Three, picture: tuple[int, int], area: IntRect) -> Shown:
        """Mirrored, softened or both."""
        upright = replace(layer, mirror=False)
        wanted = _all_around(layer, area) if layer.soften > 0 else ()
        both: list[Axes] = []
        for chroma in (False, True):
            y, x = axes(upright, area, picture, chroma=chroma)
            if layer.soften > 0:
                rows, columns = wanted[2 * chroma : 2 * chroma + 2]
                y = replace(y, start=rows[0], stop=rows[1])
                x = replace(x, start=columns[0], stop=columns[1])
            both.append((y, mirrored(x, layer, chroma=chroma) if layer.mirror else x))
        made = self.resampler.picture(planes, both[0], both[1])
        if layer.mirror:
            made = (made[0][:, ::-1], made[1][:, ::-1], made[2][:, ::-1])
        if layer.soften > 0:
            luma, blue, red = (
                self._softened(layer, plane, area, wanted[2 * chroma], wanted[2 * chroma + 1], chroma)
                for plane, chroma in zip(made, (0, 1, 1), strict=True)
            )
            made = luma, blue, red
        return Shown(area, (Made(0, area.h, made),))

    def _softened(
        self,
        layer: PictureLayer,
        plane: Plane,
        area: IntRect,
        rows: tuple[int, int],
        columns: tuple[int, int],
        shift: int,
    ) -> Plane:
        """A Gaussian over samples of ``rows`` and ``columns``, as far as ``area`` goes."""
        key = (layer.soften, area, rows, columns, shift)
        matrices = self._gaussians.get(key)
        if matrices is None:
            sigma = layer.soften / (1 << shift)
            taps_of = [
                gaussian_taps(sigma, low - first, high - first, last - first)
                for (first, last), low, high in (
                    (rows, area.y >> shift, area.bottom >> shift),
                    (columns, area.x >> shift, area.right >> shift),
                )
            ]
            matrices = self._gaussians[key] = Plan(taps_of[0], taps_of[1])
            while len(self._gaussians) > 4:
                self._gaussians.popitem(last=False)
        return matrices.codes(plane)

    def clear(self) -> None:
        """Forget all pictures."""
        self._kept.clear()
