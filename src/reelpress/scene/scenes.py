"""Scene modes over output time: which arrangement of screen and camera is on, or between which two (cap-format 3.7).

A segment's transition in runs before its start, in the gap; its transition out runs before its end. Two segments
that touch change directly, in the first one's time out; through a gap the default arrangement is passed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.project.timeline import SceneMode
from reelpress.scene.easing import ease, lerp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reelpress.project.timeline import SceneSegment, SplitLayout

SAME_GAP = Fraction(1, 2)
"""Seconds: a shorter gap between two segments of the same mode is bridged."""
TOUCHING = Fraction(1, 100)
"""Seconds: a gap up to this is none."""
BUBBLE_SPEED = 1.5
"""How much faster than the camera-only plane comes the bubble goes."""
PLANE_GROWTH = 0.1
"""By how much the camera-only plane is larger when it is only just beginning to show."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One arrangement."""

    mode: SceneMode = SceneMode.DEFAULT
    split: SplitLayout | None = None


DEFAULT = Scene()


@dataclass(frozen=True, slots=True)
class SceneState:
    """The arrangement at one moment: ``before`` and ``after`` are the same when nothing changes."""

    before: Scene = DEFAULT
    after: Scene = DEFAULT
    progress: float = 0.0
    """Eased, 0..1, from ``before`` to ``after``; 0 when nothing changes."""

    @property
    def plain(self) -> bool:
        """Card and bubble are where the project has them, and nothing else is going on."""
        return self.before.mode is self.after.mode is SceneMode.DEFAULT

    @property
    def resting(self) -> bool:
        return self.progress == 0.0

    def weight(self, mode: SceneMode) -> float:
        """How much of a mode is on, 0..1; the weights of all modes add up to 1."""
        return (1 - self.progress) * (self.before.mode is mode) + self.progress * (self.after.mode is mode)

    @property
    def plane_opacity(self) -> float:
        """Of the camera filling the frame."""
        return self.weight(SceneMode.CAMERA_ONLY)

    @property
    def plane_scale(self) -> float:
        """Of the camera filling the frame: 1.1 when it appears, 1 when it is there."""
        return 1.0 + PLANE_GROWTH * (1.0 - self.plane_opacity)

    @property
    def bubble_opacity(self) -> float:
        """Of the camera bubble or the camera's part of a split or floating arrangement."""
        ends = []
        for scene, other in ((self.before, self.after), (self.after, self.before)):
            mode = other.mode if scene.mode is SceneMode.CAMERA_ONLY else scene.mode
            ends.append(0.0 if mode in (SceneMode.HIDE_CAMERA, SceneMode.CAMERA_ONLY) else 1.0)
        shown = lerp(ends[0], ends[1], self.progress)
        return shown * max(0.0, 1.0 - BUBBLE_SPEED * self.plane_opacity)


@dataclass(frozen=True, slots=True)
class _Piece:
    """From ``start`` on; a transition when it has a length."""

    start: Fraction
    before: Scene
    after: Scene
    length: Fraction = Fraction(0)


class SceneTimeline:
    """Scene modes over output time. Immutable; any thread may ask."""

    def __init__(self, segments: Sequence[SceneSegment]) -> None:
        """Lay out the segments: in any order, the one that starts first wins where they overlap."""
        self._pieces = list(_pieces(_laid_out(segments)))
        self._starts = [piece.start for piece in self._pieces]

    def at(self, t_out: Fraction) -> SceneState:
        """The arrangement at an output time in seconds."""
        i = bisect_right(self._starts, t_out) - 1
        if i < 0:
            return PLAIN
        piece = self._pieces[i]
        if not piece.length or piece.before == piece.after:
            return SceneState(piece.after, piece.after)
        progress = ease(float((t_out - piece.start) / piece.length))
        return SceneState(piece.before, piece.after if progress > 0 else piece.before, progress)

    @property
    def plain(self) -> bool:
        """Nothing ever leaves the default arrangement."""
        return all(piece.before.mode is piece.after.mode is SceneMode.DEFAULT for piece in self._pieces)


PLAIN = SceneState()


def _laid_out(segments: Sequence[SceneSegment]) -> list[tuple[Fraction, Fraction, SceneSegment]]:
    found: list[tuple[Fraction, Fraction, SceneSegment]] = []
    for segment in sorted(segments, key=lambda s: s.start):
        start = max(segment.start, found[-1][1]) if found else segment.start
        if segment.end > start:
            found.append((start, segment.end, segment))
    return found


def _pieces(laid: list[tuple[Fraction, Fraction, SceneSegment]]) -> Iterator[_Piece]:
    free = Fraction(0)  # from when on a transition in may run
    bridged = False
    arrived = False  # the transition before has led here already
    for i, (start, end, segment) in enumerate(laid):
        scene = _scene(segment)
        if not (bridged or arrived):
            length = min(segment.transition_in, max(start - free, Fraction(0)))
            if length > 0:
                yield _Piece(start - length, DEFAULT, scene, length)
        if not arrived:
            yield _Piece(start, scene, scene)
        bridged = arrived = False
        following = laid[i + 1] if i + 1 < len(laid) else None
        gap = None if following is None else following[0] - end
        if following is not None and gap is not None and gap < SAME_GAP and following[2].mode is segment.mode:
            bridged = True
            continue
        arrived = gap is not None and gap <= TOUCHING
        target = _scene(following[2]) if following is not None and arrived else DEFAULT
        length = min(segment.transition_out, end - start)
        if length > 0:
            yield _Piece(end - length, scene, target, length)
        yield _Piece(end, target, target)
        free = end


def _scene(segment: SceneSegment) -> Scene:
    return Scene(segment.mode, segment.split_layout if segment.mode is SceneMode.SPLIT_SCREEN else None)
