"""Pictures of the drawn pointers: coverage straight from distances, so nothing depends on a graphics library.

Distances are computed in float64 at pixel centres; coverage of an edge is ``clamp(0.5 - distance in pixels, 0, 1)``.
The same name and height give the same bytes everywhere.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.compose.pointers.drawings import DRAWINGS, HALO, INK, PAPER
from reelpress.scene.pointer_shapes import CIRCLE, CIRCLE_RASTER, LIGHT, PREFIX, RASTER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from reelpress.compose.pointers.drawings import Color, Drawing, Part

Field = np.ndarray[Any, np.dtype[np.float64]]
Point = tuple[float, float]

UNITS = 100.0
SHADOW_DOWN, SHADOW_SOFT, SHADOW_ALPHA = 1.6, 4.0, 0.32
"""Units that the shadow lies lower and fades on each side of the edge; its alpha."""
CURVE_STEPS, CIRCLE_STEPS = 12, 40
BLACK: Color = (0.0, 0.0, 0.0)
WHITE: Color = (1.0, 1.0, 1.0)
DISC_RADIUS, DISC_RIM = 46.0, 3.0
DISC_COLOR: Color = (0.2, 0.2, 0.22)
DISC_ALPHA, DISC_RIM_ALPHA = 0.45, 0.9


def is_builtin(image: str) -> bool:
    """Whether a sprite's ``image`` names one of our drawings."""
    return image.startswith(PREFIX)


def names() -> tuple[str, ...]:
    """All drawings, the light variants included."""
    return (*DRAWINGS, *(name + LIGHT for name in DRAWINGS), CIRCLE)


@lru_cache(maxsize=64)
def sprite(image: str) -> NDArray[np.uint8]:
    """The picture that a sprite's ``image`` (``builtin:NAME``) stands for, at the size placing counts on.

    Returns:
        Straight RGBA, (rows, columns, 4), read-only.

    Raises:
        KeyError: There is no such drawing.
    """
    name = image.removeprefix(PREFIX)
    picture = raster(name, CIRCLE_RASTER if name == CIRCLE else RASTER)
    picture.flags.writeable = False
    return picture


def raster(name: str, height: int) -> NDArray[np.uint8]:
    """A drawing as straight RGBA, (height, height, 4).

    Raises:
        KeyError: There is no such drawing.
    """
    scale = height / UNITS
    if name == CIRCLE:
        return _straight(_disc(height, scale))
    drawing = DRAWINGS[name.removesuffix(LIGHT)]
    ink, paper = (WHITE, BLACK) if name.endswith(LIGHT) else (BLACK, WHITE)
    grid: Field = (np.arange(height, dtype=np.float64) + 0.5) / scale
    x, y = grid[None, :], grid[:, None]
    fields = [_distance(part, drawing, x, y) for part in drawing.parts]
    outline = _union(field for field, part in zip(fields, drawing.parts, strict=True) if part.halo) - HALO
    cast = _union(_distance(part, drawing, x, y - SHADOW_DOWN) for part in drawing.parts if part.halo) - HALO
    picture = np.zeros((height, height, 4))
    _over(picture, SHADOW_ALPHA * (1.0 - _smoothstep(-SHADOW_SOFT, SHADOW_SOFT, cast)), BLACK)
    _over(picture, _coverage(outline, scale), paper)
    for field, part in zip(fields, drawing.parts, strict=True):
        paint = part.paint
        _over(picture, _coverage(field, scale), ink if paint == INK else paper if paint == PAPER else paint)  # type: ignore[arg-type]
    return _straight(picture)


def _disc(height: int, scale: float) -> Field:
    grid = (np.arange(height) + 0.5) / scale - UNITS / 2
    d = np.hypot(grid[None, :], grid[:, None]) - DISC_RADIUS
    picture = np.zeros((height, height, 4))
    inner, outer = _coverage(d + DISC_RIM, scale), _coverage(d, scale)
    _over(picture, DISC_ALPHA * inner, DISC_COLOR)
    _over(picture, DISC_RIM_ALPHA * (outer - inner), WHITE)
    return picture


# --- painting ---------------------------------------------------------------------------------------------------------


def _coverage(distance: Field, scale: float) -> Field:
    return np.clip(0.5 - distance * scale, 0.0, 1.0)


def _smoothstep(a: float, b: float, x: Field) -> Field:
    t = np.clip((x - a) / (b - a), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _over(picture: Field, alpha: Field, color: Color) -> None:
    """Paint a colour with straight alpha onto a premultiplied picture."""
    picture *= (1.0 - alpha)[..., None]
    picture[..., :3] += alpha[..., None] * np.array(color)
    picture[..., 3] += alpha


def _straight(picture: Field) -> NDArray[np.uint8]:
    alpha = picture[..., 3:]
    picture[..., :3] /= np.where(alpha > 0, alpha, 1.0)
    return np.floor(np.clip(picture, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def _union(fields: Iterable[Field]) -> Field:
    nearest: Field | None = None
    for field in fields:
        nearest = field if nearest is None else np.minimum(nearest, field)
    assert nearest is not None  # every drawing has a part with a halo
    return nearest


# --- distances --------------------------------------------------------------------------------------------------------


def _distance(part: Part, drawing: Drawing, x: Field, y: Field) -> Field:
    """Signed distance to what the part paints, in units, negative inside."""
    distance = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf)
    inside = np.zeros(distance.shape, bool)
    for points in _flatten(part.path):
        corners = [_turned(point, drawing.turn) for point in points]
        for a, b in pairwise(corners):
            np.minimum(distance, _to_line(x, y, a, b), out=distance)
        if part.filled:
            for a, b in pairwise([*corners, corners[0]]):
                inside ^= _crosses(x, y, a, b)
    np.sqrt(distance, out=distance)
    if part.filled:
        np.negative(distance, out=distance, where=inside)
    return distance - part.width / 2


def _to_line(x: Field, y: Field, a: Point, b: Point) -> Field:
    """Squared distance to the piece of line from ``a`` to ``b``."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    px, py = x - a[0], y - a[1]
    if length == 0:
        return px * px + py * py
    t = np.clip((px * dx + py * dy) / length, 0.0, 1.0)
    ex, ey = px - t * dx, py - t * dy
    return ex * ex + ey * ey


def _crosses(x: Field, y: Field, a: Point, b: Point) -> NDArray[np.bool_]:
    """Whether a ray from each point to the right crosses the piece of line."""
    spans = (y < a[1]) != (y < b[1])
    if a[1] == b[1]:
        return np.broadcast_to(spans, np.broadcast_shapes(x.shape, y.shape))
    at = a[0] + (y - a[1]) * ((b[0] - a[0]) / (b[1] - a[1]))
    crossed: NDArray[np.bool_] = spans & (x < at)
    return crossed


def _turned(point: Point, degrees: float) -> Point:
    if not degrees:
        return point
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = point[0] - UNITS / 2, point[1] - UNITS / 2
    return UNITS / 2 + c * x - s * y, UNITS / 2 + s * x + c * y


_TOKEN = re.compile(r"[A-Z]|-?\d+(?:\.\d+)?")
_COUNTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "O": 3, "Z": 0}


def _flatten(path: str) -> list[list[Point]]:
    """Rows of points; a closed one ends where it begins."""
    rows: list[list[Point]] = []
    tokens = _TOKEN.findall(path)
    i = 0
    while i < len(tokens):
        command = tokens[i]
        v = [float(token) for token in tokens[i + 1 : i + 1 + _COUNTS[command]]]
        i += 1 + len(v)
        if command == "M":
            rows.append([(v[0], v[1])])
        elif command == "O":
            rows.append(_circle(*v))
        elif command == "Z":
            rows[-1].append(rows[-1][0])
        else:
            x0, y0 = rows[-1][-1]
            if command == "L":
                rows[-1].append((v[0], v[1]))
                continue
            if command == "Q":  # the same curve as a cubic
                qx, qy = v[0], v[1]
                v = [x0 + (qx - x0) * 2 / 3, y0 + (qy - y0) * 2 / 3,
                     v[2] + (qx - v[2]) * 2 / 3, v[3] + (qy - v[3]) * 2 / 3, v[2], v[3]]  # fmt: skip
            for k in range(1, CURVE_STEPS + 1):
                t = k / CURVE_STEPS
                a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3
                rows[-1].append((a * x0 + b * v[0] + c * v[2] + d * v[4], a * y0 + b * v[1] + c * v[3] + d * v[5]))
    return rows


def _circle(cx: float, cy: float, r: float) -> list[Point]:
    angles = [2 * math.pi * k / CIRCLE_STEPS for k in range(CIRCLE_STEPS)]
    points = [(cx + r * math.cos(a), cy + r * math.sin(a)) for a in angles]
    return [*points, points[0]]
