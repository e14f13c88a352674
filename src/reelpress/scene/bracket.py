"""What is seen of one recording segment in one frame: frame chrome, card, pointer, notch, camera (cap-format 3.11).

A :class:`Bracket` holds what is fixed for a segment; :meth:`Bracket.layers` puts one moment together. It is a pure
function of its arguments; what it keeps is only to hand out the same objects again while nothing changes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.scene.card import CardPose
from reelpress.scene.card_blur import card_blur
from reelpress.scene.chrome import chrome, notch
from reelpress.scene.pointer_look import pointer_sprite, position
from reelpress.scene.pointer_shapes import shown_image
from reelpress.scene.scenes_layout import Ground, arrange, default_share
from reelpress.scene.shapes import covers_frame
from reelpress.scene.zoom import ZoomState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from reelpress.project.cursor import Cursor
    from reelpress.recording.model import PointerImage
    from reelpress.scene.camera import CameraRig
    from reelpress.scene.card import CardStyle
    from reelpress.scene.chrome import ChromeStyle, NotchSpot
    from reelpress.scene.geometry import Crop, Size
    from reelpress.scene.grading import Grading
    from reelpress.scene.plan.effects import Blur
    from reelpress.scene.plan.layers import Layer
    from reelpress.scene.plan.outline import Shape
    from reelpress.scene.plan.rect import Rect
    from reelpress.scene.pointer_path import PointerPath, PointerState
    from reelpress.scene.scenes import SceneState
    from reelpress.scene.texts import TakeOver

_NOTHING: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What all segments share."""

    size: Size
    fps: Fraction
    style: CardStyle
    cursor: Cursor
    images: Mapping[str, PointerImage]
    screen_grade: Grading
    camera_grade: Grading
    grade_cursor: bool
    motion_blur: float
    chrome: ChromeStyle | None


@dataclass(frozen=True, slots=True)
class Moment:
    """One output frame, as far as a segment needs to know."""

    at: int
    """Frame of the whole output; for grain."""
    display: int
    """Ordinal of the screen's picture."""
    camera: int | None
    """Ordinal of the camera's picture."""
    pointer_ms: float
    """Event time."""
    before_ms: float | None
    """Event time of the frame before; ``None`` right after a cut."""
    zoom: ZoomState
    zoom_before: ZoomState | None
    """Of the frame before; ``None`` right after a cut or a snap."""
    scene: SceneState
    take_over: TakeOver | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the pointer was: fractions of the captured area, and the card as it lay then (``None``: as now)."""

    x: float
    y: float
    card: Rect | None


@dataclass(slots=True)
class _Reuse:
    """The last parts handed out."""

    key: tuple[object, ...] | None = None
    layers: tuple[Layer, ...] = ()
    covers: bool = False
    pose: tuple[ZoomState, CardPose] | None = None


class Bracket:
    """One recording segment. ``layers`` is used from one thread at a time; see ``for_thread``."""

    def __init__(
        self,
        look: Look,
        *,
        display: str,
        camera: str | None,
        screen: Size,
        crop: Crop,
        stored: Rect,
        rest: Rect,
        pointer: PointerPath | None,
        rig: CameraRig | None,
        notch_spot: NotchSpot | None,
    ) -> None:
        """
        Args:
            look: What all segments share.
            display, camera: Keys of the tracks.
            screen: Display pixels of the captured area.
            crop: What is shown of it.
            stored: The same in stored pixels.
            rest: Where the card rests.
            pointer: ``None`` when none is drawn.
            rig: ``None`` when no camera is drawn.
            notch_spot: Fractions of the display; ``None`` for none.
        """
        self.rest = rest
        self._look, self._display, self._camera = look, display, camera
        self._screen, self._crop, self._stored = screen, crop, stored
        self._pointer, self._rig, self._notch = pointer, rig, notch_spot
        self._ground = Ground(look.size, stored, crop.aspect, rest, look.style)
        self._resting = CardPose.at(rest, look.style, ZoomState(), look.size)
        self._reuse = _Reuse()

    def for_thread(self) -> Bracket:
        """A view for another thread."""
        view = copy.copy(self)
        view._reuse = _Reuse()
        return view

    def layers(self, moment: Moment) -> tuple[tuple[Layer, ...], bool]:
        """The layers of one frame, and whether they hide everything below them."""
        plain = moment.scene.plain and moment.take_over is None and self._look.chrome is None
        state = None if self._pointer is None else self._pointer.at_ms(moment.pointer_ms)
        came_from = self._came_from(moment)
        blur = self._blur(moment)
        grades = (self._look.screen_grade.at(moment.at), self._look.camera_grade.at(moment.at))
        key = (
            moment.display,
            moment.camera,
            state,
            came_from,
            moment.zoom,
            moment.scene,
            moment.take_over,
            blur,
            grades,
        )
        if key == self._reuse.key:
            return self._reuse.layers, self._reuse.covers
        make = self._plain if plain else self._arranged
        found, covers = make(moment, state, came_from, blur)
        old = self._reuse.layers
        # equal layers stay the same objects, so that comparing plans is cheap
        kept = tuple(old[k] if k < len(old) and old[k] == layer else layer for k, layer in enumerate(found))
        self._reuse.key, self._reuse.layers, self._reuse.covers = key, kept, covers
        return kept, covers

    def _pose(self, zoom: ZoomState) -> CardPose:
        if zoom.identity:
            return self._resting
        last = self._reuse.pose
        if last is not None and last[0] == zoom:
            return last[1]
        pose = CardPose.at(self.rest, self._look.style, zoom, self._look.size)
        self._reuse.pose = (zoom, pose)
        return pose

    def _blur(self, moment: Moment) -> Blur | None:
        look = self._look
        if look.motion_blur <= 0 or moment.zoom_before is None or moment.zoom_before == moment.zoom:
            return None
        return card_blur(
            moment.zoom_before.apply(self.rest), moment.zoom.apply(self.rest), look.size, look.motion_blur, look.fps
        )

    def _came_from(self, moment: Moment) -> _Place | None:
        """Where the pointer was in the frame before; ``None`` when its blur does not depend on that."""
        if self._pointer is None or moment.before_ms is None or self._look.cursor.motion_blur <= 0:
            return None
        x, y = self._pointer.place(moment.before_ms)
        if moment.take_over is None and default_share(moment.scene) == 1.0:
            card = (moment.zoom if moment.zoom_before is None else moment.zoom_before).apply(self.rest)
            return _Place(x, y, card)
        return _Place(x, y, None)

    def _plain(
        self, moment: Moment, state: PointerState | None, came_from: _Place | None, blur: Blur | None
    ) -> tuple[list[Layer], bool]:
        """The default arrangement: card, pointer, notch, bubble."""
        look, pose = self._look, self._pose(moment.zoom)
        if blur is not None and pose.covers:
            pose = CardPose.at(self.rest, look.style, moment.zoom, look.size, blurred=True)
        card = pose.layer(self._display, moment.display, self._stored)
        grade = look.screen_grade.at(moment.at)
        if grade is not None or blur is not None:
            card = replace(card, grade=grade, blur=blur)
        layers: list[Layer] = [card]
        self._add_pointer(layers, moment, state, came_from, pose.rect, pose.shape, clip=not pose.covers)
        if self._notch is not None:
            layers.extend(notch(self._notch, self._screen, self._crop, pose.rect, pose.shape))
        if self._rig is not None and self._camera is not None and moment.camera is not None:
            panel = self._rig.bubble(moment.zoom.activity)
            layers.append(panel.layer(self._camera, moment.camera, look.camera_grade.at(moment.at)))
        return layers, pose.covers

    def _arranged(
        self, moment: Moment, state: PointerState | None, came_from: _Place | None, blur: Blur | None
    ) -> tuple[list[Layer], bool]:
        """Scene modes, titles that take over, window frames."""
        look, over = self._look, moment.take_over
        ground = self._ground
        if over is not None:
            ground = replace(ground, rest=over.card(self.rest, look.size))
        card_opacity = 1.0 if over is None else over.card_opacity
        other_opacity = 1.0 if over is None else over.rest_opacity
        zoom = moment.zoom if over is None else over.zoom(moment.zoom)
        found = arrange(moment.scene, ground, self._rig if moment.camera is not None else None, zoom)
        layers: list[Layer] = []
        own, covers = default_share(moment.scene), False
        if found.card is not None and card_opacity > 0:
            # The blur is that of a card which moves as a whole; an outline that stands still has none.
            smear = blur if over is None and own == 1.0 else None
            card, front = found.card, _NOTHING
            if look.chrome is not None and own * other_opacity > 0:
                behind, front, card = chrome(look.chrome, card, own * other_opacity)
                layers.extend(behind)
            elif smear is None and covers_frame(card.shape, look.size):
                # nobody can see any decoration, nor, where it is opaque, what lies below
                card = replace(card, shape=replace(card.shape, radius=0.0), shadow=None, border=None)
                covers = card.opacity * card_opacity == 1.0
            picture = replace(card, opacity=card.opacity * card_opacity)
            layers.append(picture.layer(self._display, moment.display, look.screen_grade.at(moment.at), smear))
            if state is not None:
                faded = state if card_opacity == 1.0 else state._replace(opacity=state.opacity * card_opacity)
                self._add_pointer(layers, moment, faded, came_from, card.content, card.shape, clip=True)
            if self._notch is not None and own * other_opacity > 0:
                layers += notch(self._notch, self._screen, self._crop, card.content, card.shape, own * other_opacity)
            layers.extend(front)
        if self._camera is not None and moment.camera is not None and other_opacity > 0:
            for panel in (found.plane, found.camera):
                if panel is not None and panel.opacity > 0:
                    shown = replace(panel, opacity=panel.opacity * other_opacity)
                    layers.append(shown.layer(self._camera, moment.camera, look.camera_grade.at(moment.at)))
                    covers = covers or (shown.opacity == 1.0 and covers_frame(shown.shape, look.size))
        return layers, covers

    def _add_pointer(
        self,
        layers: list[Layer],
        moment: Moment,
        state: PointerState | None,
        came_from: _Place | None,
        card: Rect,
        outline: Shape,
        *,
        clip: bool,
    ) -> None:
        look = self._look
        shown = None if state is None else shown_image(look.images.get(state.image_id), look.cursor)
        if state is None or shown is None:
            return
        # Where the card itself goes from one arrangement to another, only the pointer's own way counts.
        before = None if came_from is None else came_from.card or card
        sprite = pointer_sprite(
            state,
            shown,
            self._screen,
            self._crop,
            card,
            outline,
            size=look.cursor.size / 100,
            clip=clip,
            came_from=None
            if came_from is None or before is None
            else position(came_from.x, came_from.y, self._screen, self._crop, before),
            blur=look.cursor.motion_blur,
            fps=float(look.fps),
            grade=look.screen_grade.at(moment.at) if look.grade_cursor else None,
        )
        if sprite is not None:
            layers.append(sprite)
