"""Groups of layers: their own picture, drawn and kept like a frame, then faded or warped over what is there.

A group with a background covers the frame and needs no coverage; a cross-fade of it is a mix of two numbers. All
others have their premultiplied picture and its coverage in 8 bits. The picture is kept and patched by the damage of
the group's own layers, so a title that fades is drawn once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reelpress.compose.planar_canvas import SHIFTS, strips, view
from reelpress.compose.planar_card import intersect
from reelpress.scene.plan import BackgroundLayer, FramePlan, GroupLayer, IntRect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from numpy.typing import NDArray

    from reelpress.compose.coverage import Field
    from reelpress.compose.planar_canvas import Canvas
    from reelpress.media.planes import Plane, Planes
    from reelpress.scene.plan import Layer

    class Painter(Protocol):
        """Draws the picture of a group; the compositor itself, once for each group."""

        def finished(self, plan: FramePlan, sources: Mapping[str, Planes]) -> Canvas: ...

        def close(self) -> None: ...

    Warp = tuple[float, float, float, float, float, float, float, float, float]

_TILE = (64, 256)
"""Rows and columns that are looked at for whether there is anything in them."""

_A = -0.6
_PAD = 4


def is_opaque(layer: GroupLayer) -> bool:
    """Whether the group's picture covers the whole frame."""
    return any(
        isinstance(each, BackgroundLayer)
        or (isinstance(each, GroupLayer) and each.warp is None and each.opacity >= 1 and is_opaque(each))
        for each in layer.layers
    )


class Finished:
    """Finished pictures of groups (and of layers that are treated as such), by their place in the plan.

    Args:
        make: Makes what draws one; asked whether the picture has coverage, and for the position of its first pixel in
            the frame.
    """

    def __init__(self, make: Callable[[bool, tuple[int, int]], Painter]) -> None:
        self._make = make
        self._painters: dict[tuple[object, ...], Painter] = {}
        self._used: set[tuple[object, ...]] = set()

    def begin(self, indices: set[int]) -> None:
        """A frame begins in which the layers at ``indices`` may ask: others' pictures are forgotten."""
        for key in [key for key in self._painters if key[0] not in indices]:
            self._painters.pop(key).close()

    def picture(
        self,
        index: int,
        layers: tuple[Layer, ...],
        size: tuple[int, int],
        sources: Mapping[str, Planes],
        *,
        cover: bool,
        corner: tuple[int, int] = (0, 0),
    ) -> Canvas:
        """The layers drawn by themselves. Not to be written to; it changes with the next call.

        Args:
            index: Which layer of the plan asks.
            layers: What is to be drawn.
            size: Of the picture.
            sources: As for the frame.
            cover: Whether coverage is wanted.
            corner: Where its first pixel lies in the frame.
        """
        key = (index, cover, corner)
        painter = self._painters.get(key)
        if painter is None:
            for old in [old for old in self._painters if old[0] == index]:
                self._painters.pop(old).close()
            painter = self._painters[key] = self._make(cover, corner)
        return painter.finished(FramePlan(size, layers), sources)

    def clear(self) -> None:
        """Forget all pictures."""
        for painter in self._painters.values():
            painter.close()
        self._painters.clear()


def fade(picture: Canvas, opacity: float, out: Canvas, regions: tuple[IntRect, ...]) -> None:
    """A picture over what is there."""
    for region in regions:
        if picture.cover is None and opacity >= 1:
            for (target, _), (source, shift) in zip(out.all, _with_full_cover(picture, out), strict=True):
                view(target, region, shift)[...] = view(source, region, shift) if source is not None else 255
        elif picture.cover is None:
            _mix(picture, opacity, out, region)
        else:
            _blend(picture, opacity, out, region)


def _with_full_cover(picture: Canvas, out: Canvas) -> list[tuple[Plane | None, int]]:
    planes: list[tuple[Plane | None, int]] = list(zip(picture.planes, SHIFTS, strict=True))
    return planes if out.cover is None else [*planes, (None, 0), (None, 1)]


def _mix(picture: Canvas, opacity: float, out: Canvas, region: IntRect) -> None:
    o = np.float32(opacity)
    for each in strips(region):
        for (target, shift), (source, _) in zip(out.all, _with_full_cover(picture, out), strict=True):
            below = view(target, each, shift)
            codes = below.astype(np.float32)
            if source is None:
                above: Field = np.float32(255) - codes
            else:
                above = view(source, each, shift).astype(np.float32)
                above -= codes
            above *= o
            codes += above
            codes += np.float32(0.5)
            np.copyto(below, codes, casting="unsafe")


def _blend(picture: Canvas, opacity: float, out: Canvas, region: IntRect) -> None:
    assert picture.cover is not None
    o = np.float32(opacity)
    share_of = np.float32(opacity / 255)
    rows, columns = _TILE
    for y in range(region.y, region.bottom, rows):
        for x in range(region.x, region.right, columns):
            tile = IntRect(x, y, min(columns, region.right - x), min(rows, region.bottom - y))
            covers = [view(cover, tile, shift) for shift, cover in enumerate(picture.cover)]
            if not covers[0].any() and not covers[1].any():
                continue
            if opacity >= 1 and int(covers[0].min()) == 255 and int(covers[1].min()) == 255:
                for (target, _), (source, shift) in zip(out.all, _with_full_cover(picture, out), strict=True):
                    view(target, tile, shift)[...] = view(source, tile, shift) if source is not None else 255
                continue
            shares = [cover * share_of for cover in covers]
            colors = [view(plane, tile, shift) * o for plane, shift in zip(picture.planes, SHIFTS, strict=True)]
            over(out, tile, colors, shares)


def over(out: Canvas, area: IntRect, colors: list[Field], shares: list[Field]) -> None:
    """Premultiplied codes over what is there.

    Args:
        out: What to draw on.
        area: Where (even edges).
        colors: Y, Cb and Cr times coverage.
        shares: Coverage 0..1 at luma and at chroma positions.
    """
    rest = [1 - share for share in shares]
    for plane, (target, shift) in enumerate(out.all):
        below = view(target, area, shift)
        codes = below * rest[shift]
        codes += colors[plane] if plane < 3 else shares[shift] * np.float32(255)
        codes += np.float32(0.5)
        np.clip(codes, 0, 255.5, out=codes)
        np.copyto(below, codes, casting="unsafe")


# --- warp -------------------------------------------------------------------------------------------------------------

_WARP_TILE = (64, 256)


class Sampled:
    """A plane laid out for cubic sampling anywhere: zeros around it, four neighbours of a row in one number."""

    def __init__(self, plane: Plane, box: IntRect) -> None:
        """``box``: the samples that are not 0 (those beyond are never looked at)."""
        self.box = box
        self.wide = box.w + 2 * _PAD
        padded = np.zeros((box.h + 2 * _PAD, self.wide), np.uint8)
        padded[_PAD : _PAD + box.h, _PAD : _PAD + box.w] = plane[box.y : box.bottom, box.x : box.right]
        flat = padded.reshape(-1)
        fours: NDArray[np.uint32] = np.ndarray((flat.size - 3,), np.uint32, flat.data, strides=(1,))
        self.fours = np.ascontiguousarray(fours)
        self.plane = plane


class Places:
    """Where samples of a tile look in planes of one size and box."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64], box: IntRect) -> None:
        x, y = (x - box.x).ravel(), (y - box.y).ravel()
        np.clip(x, -2.5, box.w + 1.5, out=x)
        np.clip(y, -2.5, box.h + 1.5, out=y)
        column, row = np.floor(x), np.floor(y)
        self.across = _cubic((x - column).astype(np.float32))
        self.down = _cubic((y - row).astype(np.float32))
        wide = box.w + 2 * _PAD
        row += _PAD - 1
        row *= wide
        row += column
        row += _PAD - 1
        self.index = row.astype(np.intp)
        self.wide = wide

    def sample(self, plane: Sampled) -> Field:
        """The plane there, flat."""
        total = np.zeros(len(self.index), np.float32)
        fours = np.empty(len(self.index), np.uint32)
        part, line = np.empty_like(total), np.empty_like(total)
        index = self.index
        for k in range(4):
            np.take(plane.fours[k * self.wide :], index, out=fours, mode="clip")
            bytes_ = fours.view(np.uint8).reshape(-1, 4)
            np.copyto(line, bytes_[:, 0])
            line *= self.across[0]
            for j in (1, 2, 3):
                np.copyto(part, bytes_[:, j])
                part *= self.across[j]
                line += part
            line *= self.down[k]
            total += line
        return total


def _cubic(t: Field) -> tuple[Field, Field, Field, Field]:
    """Weights of the samples -1, 0, 1, 2 at ``t`` past sample 0 (Keys 1981, a = -0.6)."""
    a = np.float32(_A)
    u = 1 - t
    edge = t * u * a
    first, last = edge * u, edge * t
    second = (((a + 2) * t) - (a + 3)) * t * t + 1
    return first, second, 1 - first - second - last, last


def warp(picture: Canvas, matrix: Warp, opacity: float, out: Canvas, regions: tuple[IntRect, ...]) -> None:
    """A picture with coverage, seen through a homography, over what is there.

    The frame is gone through in tiles that lie on a grid of their own, so what is decided for a tile does not depend on
    the regions.
    """
    assert picture.cover is not None
    box = _filled(picture)
    if box is None:
        return
    half = IntRect(box.x >> 1, box.y >> 1, box.w >> 1, box.h >> 1)
    planes = [
        Sampled(plane, half if shift else box)
        for plane, shift in ((*zip(picture.planes, SHIFTS, strict=True), (picture.cover[0], 0), (picture.cover[1], 1)))
    ]
    rows, columns = _WARP_TILE
    for top in range(0, out.size[1], rows):
        for left in range(0, out.size[0], columns):
            tile = IntRect(left, top, min(columns, out.size[0] - left), min(rows, out.size[1] - top))
            parts = [part for region in regions if (part := intersect(tile, region)) is not None]
            if not parts:
                continue
            seen = _source_box(matrix, tile)
            if seen is not None and intersect(seen, IntRect(box.x - 6, box.y - 6, box.w + 12, box.h + 12)) is None:
                continue
            whole = seen is not None and _is_full(picture, seen)
            for part in parts:
                _warp_part(planes, matrix, np.float32(opacity), out, part, whole=whole)


def _warp_part(
    planes: list[Sampled], matrix: Warp, opacity: np.float32, out: Canvas, area: IntRect, *, whole: bool
) -> None:
    colors: list[Field] = []
    shares: list[Field] = []
    for shift in (0, 1):
        x, y, seen = _positions(matrix, area, shift)
        places = Places(x, y, planes[1 if shift else 0].box)
        shape = x.shape
        mine = [places.sample(planes[i]) for i in ((1, 2) if shift else (0,))]
        if whole:
            share: Field = np.full(shape, opacity, np.float32)
            for color in mine:
                color *= opacity
        else:
            share = places.sample(planes[3 + shift])
            share *= np.float32(1 / 255)
            visible = share > 0
            if seen is not None:
                visible &= seen.ravel()
            factor = np.where(visible, opacity / np.maximum(share, 1), 0).astype(np.float32)
            for color in mine:
                color *= factor
            share *= factor
            share = share.reshape(shape)
        colors += [color.reshape(shape) for color in mine]
        shares.append(share)
    over(out, area, colors, shares)


def _positions(
    matrix: Warp, area: IntRect, shift: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_] | None]:
    """Sample coordinates (0 is the first sample) of the samples of ``area``, and which lie before the viewer."""
    a, b, c, d, e, f, g, h, i = matrix
    pitch, down = (2, 1.0) if shift else (1, 0.5)
    xs = (np.arange(area.x >> shift, area.right >> shift) * pitch + 0.5)[np.newaxis, :]
    ys = (np.arange(area.y >> shift, area.bottom >> shift) * pitch + down)[:, np.newaxis]
    across, along = a * xs + (b * ys + c), d * xs + (e * ys + f)
    seen = None
    if g or h or i != 1:
        w = g * xs + (h * ys + i)
        if float(w.min()) <= 0:
            seen = w > 0
            w = np.where(seen, w, 1.0)
        across /= w
        along /= w
    across -= 0.5
    along -= down
    if shift:
        across *= 0.5
        along *= 0.5
    return across, along, seen


def _source_box(matrix: Warp, tile: IntRect) -> IntRect | None:
    """Pixels (even edges) of the group that a tile looks at, kernel included; None when that is not bounded."""
    a, b, c, d, e, f, g, h, i = matrix
    corners = [(x, y) for x in (tile.x, tile.right) for y in (tile.y, tile.bottom)]
    points = [(a * x + b * y + c, d * x + e * y + f, g * x + h * y + i) for x, y in corners]
    if min(w for _, _, w in points) <= 1e-6:
        return None
    xs, ys = [max(-1e6, min(1e6, x / w)) for x, _, w in points], [max(-1e6, min(1e6, y / w)) for _, y, w in points]
    left, top = int(min(xs) - 6) // 2 * 2, int(min(ys) - 6) // 2 * 2
    right, bottom = int(max(xs) + 8) // 2 * 2, int(max(ys) + 8) // 2 * 2
    return IntRect(left, top, right - left, bottom - top)


def _is_full(picture: Canvas, box: IntRect) -> bool:
    assert picture.cover is not None
    width, height = picture.size
    if box.x < 0 or box.y < 0 or box.right > width or box.bottom > height:
        return False
    return all(int(view(cover, box, shift).min()) == 255 for shift, cover in enumerate(picture.cover))


def _filled(picture: Canvas) -> IntRect | None:
    """The pixels (even edges) outside of which there is no coverage."""
    assert picture.cover is not None
    luma, chroma = picture.cover
    rows = np.asarray(luma.any(axis=1)).reshape(-1, 2).any(axis=1) | np.asarray(chroma.any(axis=1))
    columns = np.asarray(luma.any(axis=0)).reshape(-1, 2).any(axis=1) | np.asarray(chroma.any(axis=0))
    if not rows.any():
        return None
    y0, y1 = int(rows.argmax()), len(rows) - int(rows[::-1].argmax())
    x0, x1 = int(columns.argmax()), len(columns) - int(columns[::-1].argmax())
    return IntRect(2 * x0, 2 * y0, 2 * (x1 - x0), 2 * (y1 - y0))
