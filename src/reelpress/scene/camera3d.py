"""``timeline.camera3dSegments``: the picture as a plane in space, seen by a moving camera (cap-format 3.11).

The plane's longer side is 2 units, x to the right and y up, its centre is the origin. A point p of the plane is seen
at ``T(panX, panY, -zoom) Ry(tiltY) Rx(tiltX) Rz(roll) Ry(rotateY) Rx(rotateX) p`` by a camera at the origin that looks
down -z with a vertical field of view ``fov``. At the fill distance ``hy / tan(fov / 2)`` (hy: half height of the plane)
an untilted plane fills the frame exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.scene.easing import bezier, ease, lerp, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.project.overlays import Camera3dKeyframe, Camera3dSegment
    from reelpress.scene.geometry import Size

Matrix3 = tuple[float, float, float, float, float, float, float, float, float]

OUT_HANDLE, IN_HANDLE = (0.65, 0.0), (0.35, 1.0)
"""Bezier handles of a keyframe that has none of its own."""
ANGLES = ("tilt_x", "tilt_y", "roll", "rotate_x", "rotate_y")
NEAR = 0.05
"""Closest distance of the camera to the plane, in its units."""


def eased(keys: Sequence[Camera3dKeyframe], time: float, default: float) -> float:
    """Value of a track at ``time`` seconds from the segment's start: between two keyframes with a Bezier in time."""
    if not keys:
        return default
    before, after = None, None
    for key in sorted(keys, key=lambda k: k.time):
        if float(key.time) <= time:
            before = key
        else:
            after = key
            break
    if before is None or after is None:
        found = before or after
        assert found is not None
        return found.value
    out = (before.out_easing.x, before.out_easing.y) if before.out_easing else OUT_HANDLE
    into = (after.in_easing.x, after.in_easing.y) if after.in_easing else IN_HANDLE
    u = (time - float(before.time)) / (float(after.time) - float(before.time))
    return lerp(before.value, after.value, bezier(u, *out, *into))


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera is. Angles in radians."""

    tilt_x: float
    tilt_y: float
    roll: float
    rotate_x: float
    rotate_y: float
    fov: float
    zoom: float
    pan_x: float
    pan_y: float

    def warp(self, size: Size) -> Matrix3 | None:
        """Homography from output pixels to pixels of the flat picture; ``None`` for a plane seen edge-on."""
        w, h = size
        unit = 2.0 / max(w, h)
        rotation = _mul(
            _mul(_mul(_mul(_ry(self.tilt_y), _rx(self.tilt_x)), _rz(self.roll)), _ry(self.rotate_y)),
            _rx(self.rotate_x),
        )
        focal = h / 2 / math.tan(self.fov / 2)
        # Flat pixel (u, v) -> plane ((u - w/2) unit, (h/2 - v) unit, 0) -> camera space -> output pixel.
        columns = []
        for u, v, one in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)):
            x, y = (u - one * w / 2) * unit, (one * h / 2 - v) * unit
            cx = rotation[0] * x + rotation[1] * y + one * self.pan_x
            cy = rotation[3] * x + rotation[4] * y + one * self.pan_y
            depth = -(rotation[6] * x + rotation[7] * y - one * self.zoom)
            columns.append((focal * cx + w / 2 * depth, -focal * cy + h / 2 * depth, depth))
        forward = tuple(columns[c][r] for r in range(3) for c in range(3))
        return inverse(forward)


class Camera3d:
    """All camera moves of a project. Immutable."""

    def __init__(self, segments: Sequence[Camera3dSegment], size: Size) -> None:
        self._segments = tuple(segment for segment in segments if segment.enabled and segment.end > segment.start)
        self._size = size

    def __bool__(self) -> bool:
        return bool(self._segments)

    def at(self, time: float) -> Matrix3 | None:
        """The warp at an output time in seconds; ``None`` where the picture lies flat."""
        for segment in self._segments:
            if float(segment.start) <= time < float(segment.end):
                ramp = self._ramp(segment, time)
                return self._view(segment, time, ramp).warp(self._size) if ramp > 0 else None
        return None

    def _view(self, segment: Camera3dSegment, time: float, ramp: float) -> View:
        at = time - float(segment.start)
        values = {
            name: eased(segment.tracks.get(_camel(name), ()), at, getattr(segment.properties, name))
            for name in (*ANGLES, "fov", "zoom", "pan_x", "pan_y")
        }
        fov = math.radians(min(max(values["fov"], 5.0), 150.0))
        w, h = self._size
        fill = (h / max(w, h)) / math.tan(fov / 2)
        angles = {name: math.radians(values[name]) * ramp for name in ANGLES}
        zoom = lerp(fill, max(values["zoom"], NEAR), ramp)
        return View(**angles, fov=fov, zoom=zoom, pan_x=values["pan_x"] * ramp, pan_y=values["pan_y"] * ramp)

    @staticmethod
    def _ramp(segment: Camera3dSegment, time: float) -> float:
        into, out = float(segment.transition_in), float(segment.transition_out)
        share = 1.0
        if into > 0:
            share = min(share, (time - float(segment.start)) / into)
        if out > 0:
            share = min(share, (float(segment.end) - time) / out)
        return ease(unit(share))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _rx(a: float) -> Matrix3:
    c, s = math.cos(a), math.sin(a)
    return (1, 0, 0, 0, c, -s, 0, s, c)


def _ry(a: float) -> Matrix3:
    c, s = math.cos(a), math.sin(a)
    return (c, 0, s, 0, 1, 0, -s, 0, c)


def _rz(a: float) -> Matrix3:
    c, s = math.cos(a), math.sin(a)
    return (c, -s, 0, s, c, 0, 0, 0, 1)


def _mul(a: Matrix3, b: Matrix3) -> Matrix3:
    return tuple(  # type: ignore[return-value]  # nine of them
        sum(a[3 * r + k] * b[3 * k + c] for k in range(3)) for r in range(3) for c in range(3)
    )


def inverse(m: Sequence[float]) -> Matrix3 | None:
    """The inverse of a 3x3 matrix, scaled so that its last element is 1 where it can be; ``None`` if singular."""
    a, b, c, d, e, f, g, h, i = m
    minors = (e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f,
              d * h - e * g, b * g - a * h, a * e - b * d)  # fmt: skip
    determinant = a * minors[0] + b * minors[3] + c * minors[6]
    if abs(determinant) < 1e-12:
        return None
    last = minors[8] if abs(minors[8]) > 1e-12 else determinant
    return tuple(value / last for value in minors)  # type: ignore[return-value]  # nine of them
