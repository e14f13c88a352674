"""Tone mapping of HDR pictures (PQ and HLG, ITU-R BT.2100-2) to BT.709. Private to ``media``.

The curve, stated: R'G'B' is brought to display light in cd/m2 (PQ: its EOTF; HLG: inverse OETF and the OOTF of a
1000 cd/m2 display, system gamma 1.2). ITU-R BT.2390-10, 5.4.1 (EETF: Hermite spline in PQ space) maps 0..1000 to
0..100 cd/m2; it is evaluated on max(R, G, B), and the three are scaled alike, which keeps the hue. Brighter light
than 1000 is white. BT.2020 becomes BT.709 by the linear matrix; what lies outside is moved towards the grey of
the same luminance until it fits. The result is coded for a BT.1886 display (gamma 2.4). HDR reference white
(203 cd/m2) comes out at 91 % of the SDR signal, black stays black.

It is put in a table of 64 x 64 x 64 points (a HALD picture), which FFmpeg's ``haldclut`` interpolates
tetrahedrally. (swscale's own colour management was measured: 3.4 s to build its table, and it clips at about
400 cd/m2. The filter must get packed RGB: with planar RGB it mixes up the channels.)
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from av.error import FFmpegError
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from reelpress.color import Primaries, Transfer
from reelpress.errors import FormatError
from reelpress.media._av import plane_bytes

if TYPE_CHECKING:
    from reelpress.color import ColorSpec

Array = np.ndarray[Any, np.dtype[np.float64]]

SOURCE_PEAK = 1000.0
"""cd/m2."""
TARGET_PEAK = 100.0
"""cd/m2 of SDR white (BT.1886's reference)."""
DISPLAY_GAMMA = 2.4
CURVE = "BT.2390 EETF, 1000 to 100 cd/m2"
"""For the plan."""

_LEVEL = 8
_POINTS = _LEVEL * _LEVEL
_SIDE = _LEVEL**3

# BT.2100-2, table 4 (PQ) and table 5 (HLG).
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * np.log(4 * _A)
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
_LUMA_709 = np.array([0.2126, 0.7152, 0.0722])
# BT.2087-0, 4: linear BT.2020 to linear BT.709.
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def pq_to_light(code: Array) -> Array:
    """PQ EOTF: signal 0..1 to cd/m2."""
    root = np.power(code, 1 / _M2)
    light: Array = 10_000.0 * np.power(np.maximum(root - _C1, 0) / (_C2 - _C3 * root), 1 / _M1)
    return light


def light_to_pq(light: Array) -> Array:
    """Inverse PQ EOTF: cd/m2 to signal 0..1."""
    root = np.power(np.maximum(light, 0) / 10_000.0, _M1)
    code: Array = np.power((_C1 + _C2 * root) / (1 + _C3 * root), _M2)
    return code


def hlg_to_light(code: Array) -> Array:
    """HLG signal (..., 3) in 0..1 to cd/m2 on a 1000 cd/m2 display."""
    scene = np.where(code <= 0.5, code * code / 3, (np.exp((code - _C) / _A) + _B) / 12)
    luminance = scene @ _LUMA_2020
    light: Array = SOURCE_PEAK * np.power(np.maximum(luminance, 1e-9), 0.2)[..., None] * scene
    return light


def eetf(light: Array) -> Array:
    """BT.2390-10, 5.4.1 from 0..SOURCE_PEAK to 0..TARGET_PEAK cd/m2, black level 0."""
    top = float(light_to_pq(np.array(SOURCE_PEAK)))
    limit = float(light_to_pq(np.array(TARGET_PEAK))) / top
    knee = 1.5 * limit - 0.5
    e = np.clip(light_to_pq(light) / top, 0, 1)
    t = np.clip((e - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * limit
    return pq_to_light(np.where(e < knee, e, spline) * top)


def tone_map(code: Array, transfer: Transfer, primaries: Primaries = Primaries.BT2020) -> Array:
    """HDR R'G'B' (..., 3) in 0..1 to BT.709 R'G'B' in 0..1."""
    light = hlg_to_light(code) if transfer is Transfer.HLG else pq_to_light(code)
    brightest = np.maximum(light.max(axis=-1), 1e-6)
    linear = light * (eetf(brightest) / brightest / TARGET_PEAK)[..., None]
    if primaries is not Primaries.BT709:
        linear = linear @ _TO_709.T
    grey = np.clip(linear @ _LUMA_709, 0, 1)[..., None]
    away = linear - grey
    # The largest part of the way from grey to the colour that stays inside 0..1.
    room = np.where(away > 0, 1 - grey, grey)
    share = np.min(np.where(np.abs(away) > 1e-12, room / np.maximum(np.abs(away), 1e-12), 1.0), axis=-1, keepdims=True)
    inside = np.clip(grey + away * np.minimum(share, 1.0), 0, 1)
    mapped: Array = np.power(inside, 1 / DISPLAY_GAMMA)
    return mapped


def _table(color: ColorSpec) -> VideoFrame:
    """The curve as a HALD picture in rgb48le: red runs fastest, then green, then blue."""
    n = np.arange(_POINTS**3)
    axes = np.stack([n % _POINTS, n // _POINTS % _POINTS, n // _POINTS**2], axis=-1)
    mapped = tone_map(axes / (_POINTS - 1), color.transfer, color.primaries)
    frame = VideoFrame(_SIDE, _SIDE, "rgb48le")
    plane = frame.planes[0]
    rows = plane_bytes(plane).reshape(_SIDE, plane.line_size)[:, : _SIDE * 6].view("<u2")
    rows[:] = np.rint(mapped * 65535).astype(np.uint16).reshape(_SIDE, _SIDE * 3)
    frame.pts = 0
    return frame


class ToneMapper:
    """Maps rgb48le frames of one size and colour; one thread uses it."""

    def __init__(self, width: int, height: int, color: ColorSpec, threads: int) -> None:
        self._graph = Graph()
        self._graph.threads = max(1, threads)
        base = Fraction(1, 1000)
        packed = VideoFormat("rgb48le", width, height)
        self._source = self._graph.add_buffer(width=width, height=height, format=packed, time_base=base, name="in")
        table = self._graph.add_buffer(width=_SIDE, height=_SIDE, format=packed, time_base=base, name="table")
        mapper = self._graph.add("haldclut", "clut=first:interp=tetrahedral")
        self._sink = self._graph.add("buffersink")
        self._source.link_to(mapper, 0, 0)
        table.link_to(mapper, 0, 1)
        mapper.link_to(self._sink)
        self._graph.configure()
        table.push(_table(color))
        table.push(None)
        self._count = 0

    def map(self, frame: VideoFrame) -> VideoFrame:
        """The SDR picture for an HDR one. Sets the pts of ``frame`` (which must be the caller's own)."""
        frame.pts = self._count
        self._count += 1
        try:
            self._source.push(frame)
            mapped = self._sink.pull()
        except (FFmpegError, EOFError) as error:
            raise FormatError(f"Cannot tone map a picture of {frame.width}x{frame.height}.") from error
        if not isinstance(mapped, VideoFrame):
            raise FormatError("The tone mapper returned no picture.")
        return mapped
