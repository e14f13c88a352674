"""Whether anything is drawn over or around the recording's picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.export.copy.job import CopyRefused
from reelpress.scene.plan.layers import PictureLayer
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.project.model import Project
    from reelpress.recording.model import Recording
    from reelpress.scene.director import Director
    from reelpress.scene.plan.frame import FramePlan
    from reelpress.timeline.timeline import Span

FIRST_LOOK = 24
"""Plans that are looked at before all are, spread over the export."""


def check_nothing_drawn(
    director: Director, recording: Recording, project: Project, shown: Sequence[tuple[Span, int, int]]
) -> None:
    """Every plan is the recording's picture and nothing else."""
    base = director.range.first
    for span, begin, _ in shown:
        display = recording.segments[span.clip.segment].display
        _only_picture(director, begin - base, display.key)
    if not _changes(project, recording):
        return  # one plan of each span says how all of them are
    keys = {
        n: recording.segments[span.clip.segment].display.key for span, b, e in shown for n in range(b - base, e - base)
    }
    step = max(1, director.frames // FIRST_LOOK)
    view = director.for_thread()
    for n in (*range(0, director.frames, step), *range(director.frames)):
        _only_picture(view, n, keys[n])


def _changes(project: Project, recording: Recording) -> bool:
    """Whether anything but the recording's picture may come, go or move between two frames of a span."""
    config, captions = project.timeline, project.captions
    timed: list[object] = [] if config is None else [
        config.zoom_segments, config.scene_segments, config.mask_segments, config.text_segments,
        config.caption_segments, config.keyboard_segments, config.camera3d_segments,
    ]  # fmt: skip
    if any(timed) or (captions is not None and captions.segments):
        return True
    return any(segment.pointer.moves or segment.camera is not None for segment in recording.segments)


def _only_picture(director: Director, n: int, key: str) -> None:
    reason = drawn(director.plan(n), key)
    if reason is not None:
        raise CopyRefused(f"{reason} (at {n / director.fps.numerator * director.fps.denominator:.2f} s)")


def drawn(plan: FramePlan, key: str) -> str | None:
    """What a plan shows beside the untouched picture of the track ``key``; ``None``: nothing."""
    whole = Rect(0.0, 0.0, float(plan.size[0]), float(plan.size[1]))
    top = plan.layers[-1] if plan.layers else None
    if not isinstance(top, PictureLayer) or top.source != key:
        kind = type(top).__name__.removesuffix("Layer").lower() if top is not None else "nothing"
        return {"sprite": "the pointer is drawn", "picture": "the camera is drawn"}.get(kind, f"{kind} is drawn")
    if top.crop != whole:
        return "the picture is cropped"
    if top.rect != whole or top.shape.rect.intersect(whole) != whole or top.shape.radius > 0:
        return "the picture is scaled or lies on a background"
    if top.opacity < 1 or top.mirror or top.soften > 0 or top.grade is not None or top.blur is not None:
        return "the picture is graded, blurred or faded"
    return None
