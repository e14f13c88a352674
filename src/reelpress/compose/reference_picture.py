"""The reference's cards: video pictures and flat shapes with shadow and ring (scene.plan.PictureLayer, FillLayer)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED, KR_KB, Matrix
from reelpress.compose import reference_sampling as sampling
from reelpress.compose import reference_shading as shading
from reelpress.compose.reference_grids import Sheet, moves, smeared

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.compose.reference_grids import Frame, Grid, Sheets
    from reelpress.compose.reference_sampling import Field
    from reelpress.media.planes import Planes
    from reelpress.scene.plan.layers import FillLayer, PictureLayer

    _Codes = tuple[Field, Field, Field]
SOURCE_FORMATS = ("yuv420p", "nv12")


def _rgb_to_codes_matrix() -> tuple[Field, Field]:
    """``codes = matrix @ rgb + offset`` for 8-bit BT.709 limited (BT.709-6 items 3.2 to 3.4)."""
    kr, kb = KR_KB[Matrix.BT709]
    luma = np.array([kr, 1 - kr - kb, kb])
    blue_difference = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - kb))
    red_difference = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - kr))
    return np.array([219 * luma, 224 * blue_difference, 224 * red_difference]), np.array([16.0, 128.0, 128.0])


TO_CODES, OFFSET = _rgb_to_codes_matrix()
_TO_RGB = np.linalg.inv(TO_CODES)


def _planes_of(source: Planes) -> _Codes:
    """Luma, Cb and Cr as float codes."""
    if source.format == "nv12":
        luma, chroma = source.planes
        return luma.astype(np.float64), chroma[:, 0::2].astype(np.float64), chroma[:, 1::2].astype(np.float64)
    luma, cb, cr = source.planes
    return luma.astype(np.float64), cb.astype(np.float64), cr.astype(np.float64)


_Box = tuple[slice, slice]
"""Rows and columns of a grid."""


def card(layer: PictureLayer | FillLayer, frame: Frame, inside: Callable[[Grid, _Box], Field]) -> Sheets:
    """Shadow, then ring and picture side by side (scene.plan.PictureLayer).

    ``inside`` gives the picture as R'G'B' on a part of a grid (or one colour for all of it).
    """
    shape = layer.shape
    if shape.rect.w <= 0 or shape.rect.h <= 0:
        return Sheet.empty(frame.luma), Sheet.empty(frame.chroma)  # no outline to lay a shadow around
    x, y = frame.luma.xs, frame.luma.ys
    shadow: Field = np.zeros((len(y), len(x)))
    ring: Field = shadow
    color = np.zeros(3)
    if layer.shadow is not None:
        shadow = layer.opacity * shading.shadow_alpha(layer.shadow, shape, x, y)
    if layer.border is not None:
        ring = layer.opacity * layer.border.opacity * shading.ring_coverage(layer.border, shape, x, y)
        color = np.array(layer.border.color)
    cover = layer.opacity * shading.coverage(shape, x, y)
    sheets = []
    for grid in frame.grids:
        around, within = grid.reduce(ring), grid.reduce(cover)
        drawn = around * color
        columns, rows = (np.flatnonzero(np.any(within > 0, axis=axes)) for axes in ((0, 2), (1, 2)))
        if len(columns):
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            drawn[box] += within[box] * inside(grid, box)
        sheets.append(Sheet(drawn, (1 - grid.reduce(shadow)) * (1 - around - within)))
    return sheets[0], sheets[1]


def picture(layer: PictureLayer, source: Planes, frame: Frame) -> Sheets:
    """A video picture with its decoration."""
    source.require(SOURCE_FORMATS, BT709_LIMITED)
    if any(box.w <= 0 or box.h <= 0 for box in (layer.rect, layer.crop)):
        return Sheet.empty(frame.luma), Sheet.empty(frame.chroma)
    if layer.blur is not None and moves(layer.blur):
        own = frame.grown()
        sheets = picture(replace(layer, blur=None), source, own)
        luma, chroma = (
            Sheet.of(smeared(sheet.stack, layer.blur, frame, grid.is_chroma))
            for sheet, grid in zip(sheets, own.grids, strict=True)
        )
        return luma, chroma
    planes = _planes_of(source)
    if layer.grade is None:
        return card(layer, frame, lambda grid, box: _to_rgb(*_codes(layer, planes, grid, box)))
    graded: list[Field] = []

    def inside(grid: Grid, box: _Box) -> Field:
        if not graded:  # once for both grids, on the whole frame: chroma is made of graded luma positions
            graded.append(_graded(layer, planes, frame))
        return grid.reduce(graded[0])[box]

    return card(layer, frame, inside)


def _to_rgb(y: Field, cb: Field, cr: Field) -> Field:
    return (np.stack([y, cb, cr], axis=-1) - OFFSET) @ _TO_RGB.T


_ALL = (slice(None), slice(None))


def _graded(layer: PictureLayer, planes: _Codes, frame: Frame) -> Field:
    """The graded picture at every luma position, with the chroma between the output's chroma positions."""
    assert layer.grade is not None
    y, _, _ = _codes(layer, planes, frame.luma, _ALL)
    _, *chroma = _codes(layer, planes, frame.chroma, _ALL)
    rows, columns = chroma[0].shape
    across = sampling.repeat_edge(sampling.bilinear_taps(frame.chroma.columns(frame.luma.xs)), 0, columns - 1)
    down = sampling.repeat_edge(sampling.bilinear_taps(frame.chroma.rows(frame.luma.ys)), 0, rows - 1)
    rgb = _to_rgb(y, *(sampling.both_axes(plane, down, across) for plane in chroma))
    return shading.graded(layer.grade, rgb, layer.rect, frame.luma.xs, frame.luma.ys)


def _codes(layer: PictureLayer, planes: _Codes, grid: Grid, box: _Box) -> _Codes:
    """Y, Cb and Cr of the picture on a part of a grid.

    The chroma of an R'G'B' value does not depend on the luma it was made with, so the chroma grid needs none.
    """
    rows, columns = box
    luma, cb, cr = planes

    def sampled(these: tuple[Field, ...], siting: sampling.PlaneSiting) -> list[Field]:
        if layer.soften <= 0:
            return _resampled(layer, these, grid.xs[columns], grid.ys[rows], siting)
        first_x, count_x = _samples_inside(layer.rect.x, layer.rect.w, grid.xs[0], grid.pitch)
        first_y, count_y = _samples_inside(layer.rect.y, layer.rect.h, grid.ys[0], grid.pitch)
        xs = grid.xs[0] + grid.pitch * (first_x + np.arange(count_x))
        ys = grid.ys[0] + grid.pitch * (first_y + np.arange(count_y))
        sigma = layer.soften / grid.pitch
        across = sampling.gaussian_taps(np.arange(len(grid.xs))[columns] - first_x, sigma, count_x)
        down = sampling.gaussian_taps(np.arange(len(grid.ys))[rows] - first_y, sigma, count_y)
        return [sampling.both_axes(plane, down, across) for plane in _resampled(layer, these, xs, ys, siting)]

    blue, red = sampled((cb, cr), sampling.LEFT_CHROMA)
    y = np.full_like(blue, 16.0) if grid.is_chroma else sampled((luma,), sampling.LUMA)[0]
    return y, blue, red


def _resampled(
    layer: PictureLayer, planes: tuple[Field, ...], xs: Field, ys: Field, siting: sampling.PlaneSiting
) -> list[Field]:
    if layer.mirror:
        xs = layer.rect.x + layer.rect.right - xs
    return sampling.resample_planes(planes, layer.crop, layer.rect, xs, ys, siting)


def _samples_inside(start: float, length: float, origin: float, pitch: float) -> tuple[int, int]:
    """Index of the first sample (0 lies at ``origin``) in ``start <= position < start + length``, and how many."""
    first, end = (math.ceil((edge - origin) / pitch) for edge in (start, start + length))
    if end > first:
        return first, end - first
    return math.ceil((start + length / 2 - origin) / pitch - 0.5), 1
