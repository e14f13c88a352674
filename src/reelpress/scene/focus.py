"""Where the zoom looks: at a given centre, or automatically at boxes around the pointer's moves (cap-format 3.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.scene.easing import unit
from reelpress.scene.springs import Spring
from reelpress.scene.zoom import Focus, ZoomPath, ZoomSegment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.project.model import Project
    from reelpress.recording.model import PointerMove, Recording
    from reelpress.scene.geometry import Crop, Size
    from reelpress.timeline.timeline import Span, Timeline

BOX = (0.5, 0.7)
"""Largest width and height of a box, as fractions of the card at amount 1."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The pointer is at (u, v), fractions of the crop, from output time ``time`` (seconds) on."""

    time: float
    u: float
    v: float


def zoom_path(timeline: Timeline, recording: Recording, project: Project, crops: Sequence[Crop]) -> ZoomPath:
    """The zoom of a project over output time.

    Args:
        crops: What is shown of the screen, by recording segment.
    """
    spring, config = project.screen_movement_spring, project.timeline
    grounds = [
        (segment.display.info.display_size, crop) for segment, crop in zip(recording.segments, crops, strict=True)
    ]
    segments = []
    for zoom in config.zoom_segments if config is not None else ():
        centre = zoom.manual_center
        if centre is not None:
            focus: tuple[Focus, ...] = (Focus(zoom.start, unit(centre.x), unit(centre.y)),)
        else:
            focus = auto_focus(timeline, recording, grounds, zoom.start, zoom.end, zoom.amount, zoom.edge_snap_ratio)
        segments.append(ZoomSegment(zoom.start, zoom.end, zoom.amount, focus, zoom.instant_animation))
    return ZoomPath(segments, Spring(spring.stiffness, spring.damping, spring.mass), timeline.total)


def edge_snap(value: float, ratio: float) -> float:
    """A centre pulled to the nearer edge: the outer ``ratio`` on each side becomes the edge itself."""
    return min(max((value - ratio) / ((1 - ratio + 1e-4) - ratio), 0.0), 1.0)


def cluster(moves: Sequence[Moved], amount: float, snap: float) -> tuple[Focus, ...]:
    """Group moves, in order, into boxes as large as the zoomed view allows; the zoom looks at their centres."""
    width, height = BOX[0] / max(amount, 1.0), BOX[1] / max(amount, 1.0)
    found: list[Focus] = []
    start: float | None = None
    x0 = x1 = y0 = y1 = 0.0

    def close() -> None:
        if start is not None:
            found.append(Focus(Fraction(start), edge_snap((x0 + x1) / 2, snap), edge_snap((y0 + y1) / 2, snap)))

    for move in moves:
        nx0, nx1, ny0, ny1 = min(x0, move.u), max(x1, move.u), min(y0, move.v), max(y1, move.v)
        if start is None or nx1 - nx0 > width or ny1 - ny0 > height:
            close()
            start, x0, x1, y0, y1 = move.time, move.u, move.u, move.v, move.v
        else:
            x0, x1, y0, y1 = nx0, nx1, ny0, ny1
    close()
    return tuple(found)


def auto_focus(
    timeline: Timeline,
    recording: Recording,
    grounds: Sequence[tuple[Size, Crop]],
    start: Fraction,
    end: Fraction,
    amount: float,
    snap: float,
) -> tuple[Focus, ...]:
    """The centres of an automatic zoom on output times ``start`` to ``end``; at least one.

    Pointer times are those of the recorder's clock (``latest`` is counted, unlike in Cap). Where the pointer does
    not move in the segment its last earlier position counts, else its next one, else the middle.

    Args:
        grounds: Screen size and crop in display pixels by recording segment.
    """
    moves: list[Moved] = []
    for span in timeline.spans:
        if span.out_end >= start and span.out_start <= end:
            moves.extend(_moves_in(span, recording, grounds, max(start, span.out_start), min(end, span.out_end)))
    if moves:
        return cluster(moves, amount, snap)
    span = timeline.spans[timeline.span_index(start)]
    segment = recording.segments[span.clip.segment]
    ms = segment.event_ms(span.source_at(start))
    known = [move for move in segment.pointer.moves if _finite(move)]
    move = next((m for m in reversed(known) if m.time_ms <= ms), known[0] if known else None)
    if move is None:
        return (Focus(start, 0.5, 0.5),)
    u, v = _in_crop(move, *grounds[span.clip.segment])
    return cluster([Moved(float(start), u, v)], amount, snap)


def _moves_in(
    span: Span, recording: Recording, grounds: Sequence[tuple[Size, Crop]], start: Fraction, end: Fraction
) -> list[Moved]:
    if span.held or end <= start:
        return []
    segment = recording.segments[span.clip.segment]
    pointer, ground = segment.pointer, grounds[span.clip.segment]
    zero, step = float(segment.event_ms(span.source_at(Fraction(0)))), 1000 * float(span.speed)
    begin, stop = float(start), float(end)
    first = pointer.raw_index(segment.event_ms(span.source_at(start)))
    last = pointer.raw_index(segment.event_ms(span.source_at(end)))
    moves = []
    for move in pointer.moves[max(first, 0) : last + 1]:
        if not _finite(move):
            continue
        time = (move.time_ms - zero) / step
        if begin <= time <= stop:
            moves.append(Moved(time, *_in_crop(move, *ground)))
    return moves


def _finite(move: PointerMove) -> bool:
    return math.isfinite(move.x) and math.isfinite(move.y)


def _in_crop(move: PointerMove, screen: Size, crop: Crop) -> tuple[float, float]:
    return (
        (move.x * screen[0] - float(crop.x)) / float(crop.w),
        (move.y * screen[1] - float(crop.y)) / float(crop.h),
    )
