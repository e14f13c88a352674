"""The footage of a frame: background, what is seen of the recording, and transitions from one shot to the next.

That is everything below masks, texts, keys and captions (order of layers: cap-format 3.11).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.recording.pointer import stabilise
from reelpress.scene import geometry
from reelpress.scene.bracket import Bracket, Look, Moment
from reelpress.scene.camera import CameraRig
from reelpress.scene.card import stored_crop
from reelpress.scene.chrome import NotchSpot
from reelpress.scene.easing import unit
from reelpress.scene.plan.layers import FillLayer, GroupLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.pointer_path import PointerPath

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, RecordingSegment
    from reelpress.scene.camera3d import Camera3d
    from reelpress.scene.framing import Framing
    from reelpress.scene.geometry import Crop
    from reelpress.scene.plan.layers import BackgroundLayer, Layer
    from reelpress.scene.scenes import SceneTimeline
    from reelpress.scene.shots import Shot, Shots, Transition
    from reelpress.scene.texts import TextTrack
    from reelpress.scene.zoom import ZoomPath, ZoomState


@dataclass(frozen=True, slots=True)
class Moves:
    """What moves the footage in output time."""

    zoom: ZoomPath
    scenes: SceneTimeline
    space: Camera3d
    texts: TextTrack
    """Titles may take over: the card gives way to them."""


class Footage:
    """``layers`` is a pure function of the frame number; from one thread at a time, see ``for_thread``."""

    def __init__(
        self,
        recording: Recording,
        project: Project,
        *,
        framing: Framing,
        look: Look,
        background: BackgroundLayer,
        moves: Moves,
        shots: Shots,
    ) -> None:
        self._look, self._background, self._moves, self._shots = look, background, moves, shots
        self._brackets = tuple(
            _bracket(recording, project, look, segment, crop, card)
            for segment, crop, card in zip(recording.segments, framing.crops, framing.cards(look.chrome), strict=True)
        )

    def for_thread(self) -> Footage:
        """A view for another thread: everything is shared but the parts kept for reuse."""
        view = copy.copy(self)
        view._brackets = tuple(bracket.for_thread() for bracket in self._brackets)
        return view

    def layers(self, at: int) -> tuple[Layer, ...]:
        """The layers of frame ``at`` of the whole output."""
        change = self._shots.transition_at(at)
        return self._side(at, self._shots.at(at)) if change is None else self._crossing(at, change)

    def _crossing(self, at: int, change: Transition) -> tuple[Layer, ...]:
        progress = unit(change.fade.progress(at / self._look.fps))
        if not change.through_black:
            before = self._side(at, change.before, cut=True)
            if progress <= 0:
                return before
            return (*before, GroupLayer(self._side(at, change.after, cut=True, whole=True), progress))
        shot, dark = (change.before, 2 * progress) if progress < 0.5 else (change.after, 2 - 2 * progress)
        layers = self._side(at, shot, cut=True)
        if dark <= 0:
            return layers
        w, h = self._look.size
        return (*layers, FillLayer(Shape(Rect(0.0, 0.0, float(w), float(h))), (0.0, 0.0, 0.0), min(dark, 1.0)))

    def _side(self, at: int, shot: Shot, *, cut: bool = False, whole: bool = False) -> tuple[Layer, ...]:
        """Background and bracket of one shot. ``cut``: no motion blur. ``whole``: with the background in any case."""
        moves, time = self._moves, at / self._look.fps
        seconds = float(time)
        follows = not cut and at > shot.first
        warp = moves.space.at(seconds) if moves.space else None
        moment = Moment(
            at=at,
            display=shot.frames.ordinal(at),
            camera=None if shot.camera is None else shot.camera.ordinal(at),
            pointer_ms=shot.event_ms(at),
            before_ms=shot.event_ms(at - 1) if follows else None,
            zoom=moves.zoom.at(time),
            zoom_before=self._zoom_before(at, time) if follows and self._look.motion_blur > 0 else None,
            scene=moves.scenes.at(time),
            take_over=moves.texts.take_over(seconds),
        )
        layers, covers = self._brackets[shot.segment].layers(moment)
        if warp is not None:
            return (self._background, GroupLayer(layers, 1.0, warp))
        return layers if covers and not whole else (self._background, *layers)

    def _zoom_before(self, at: int, time: Fraction) -> ZoomState | None:
        """The zoom of the frame before, unless an instant zoom snapped meanwhile."""
        zoom, then = self._moves.zoom, (at - 1) / self._look.fps
        return None if zoom.snaps_in(then, time) else zoom.at(then)


def _bracket(
    recording: Recording, project: Project, look: Look, segment: RecordingSegment, crop: Crop, card: Rect
) -> Bracket:
    info, cursor = segment.display.info, project.cursor
    events = stabilise(segment.pointer, recording.pointer_images)
    drawn = not cursor.hide and cursor.size > 0 and bool(events.moves)
    path = PointerPath(events, cursor, segment.latest, length=segment.length, width=look.size[0]) if drawn else None
    camera = segment.camera
    rig = CameraRig.of_track(project.camera, look.size, camera) if camera is not None else None
    return Bracket(
        look,
        display=segment.display.key,
        camera=camera.key if camera is not None and rig is not None else None,
        screen=info.display_size,
        crop=crop,
        stored=stored_crop(crop, info.display_size, (info.width, info.height)),
        rest=geometry.rest_rect(card),
        pointer=path,
        rig=rig,
        notch_spot=NotchSpot.of(project.background.notch, segment),
    )
