"""Where screen and camera lie in each scene mode, and between two (cap-format 3.7).

Every arrangement gives each of the two an outline, and a rectangle onto which its whole picture is mapped and that
covers the outline. Between two arrangements both are interpolated edge by edge, so a picture is never distorted and
always fills its outline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.project.timeline import SceneMode, SplitLayout
from reelpress.scene.camera_panel import Panel, fill, lerp_rect, panel
from reelpress.scene.easing import lerp
from reelpress.scene.geometry import contain, rest_rect
from reelpress.scene.plan.outline import Shadow, Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.scene.camera import CameraRig
    from reelpress.scene.card import CardStyle
    from reelpress.scene.geometry import Size
    from reelpress.scene.plan.outline import Border
    from reelpress.scene.scenes import Scene, SceneState
    from reelpress.scene.zoom import ZoomState

FLOAT_PADDING = 0.05
FLOAT_RADIUS = 0.028
"""Of the output's shorter side."""
FLOAT_SHARE, FLOAT_SHARE_STACKED = 0.30, 0.40
"""The camera's share of the length, beside the screen and below it."""
FLOAT_SHADOW = (0.736 * 0.144, 0.736 * 0.038, 0.736 * 0.681)
"""Size, blur (of half the shorter side) and opacity where the project has no shadow: those of a new project."""
PLANE_BLUR = 16 / 1080
"""Standard deviation of the camera-only plane's blur when it begins to show, as a fraction of the output's height."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is drawn, in this order; the pointer comes right after the card."""

    card: Panel | None
    """``None`` when the plane hides it; then there is no pointer either."""
    plane: Panel | None
    """The camera filling the frame."""
    camera: Panel | None


@dataclass(frozen=True, slots=True)
class Ground:
    """The screen's card of one recording segment: what arranging it needs."""

    size: Size
    """Output pixels."""
    crop: Rect
    """Stored pixels of the display."""
    aspect: Fraction
    """Of the crop as displayed."""
    rest: Rect
    """Where the card rests in the default arrangement."""
    style: CardStyle


@dataclass(frozen=True, slots=True)
class _Spot:
    shape: Shape
    content: Rect
    """Where the whole crop goes; covers the shape."""
    shadow: Shadow | None = None
    border: Border | None = None


def arrange(state: SceneState, ground: Ground, rig: CameraRig | None, zoom: ZoomState) -> Arrangement:
    """All panels of one moment.

    In the default arrangement a zoom enlarges the card itself, in the others the picture inside its outline.

    Args:
        rig: ``None`` without a camera, or when it is hidden: every mode is then the default one.
    """
    if rig is None:
        return Arrangement(_panel(ground.crop, _default_card(ground, zoom)), None, None)
    plane = None
    weight = state.plane_opacity
    if weight > 0:
        frame = Rect(0.0, 0.0, float(ground.size[0]), float(ground.size[1]))
        plane = panel(
            rig.crop,
            _about_centre(fill(rig.aspect, frame), frame, state.plane_scale),
            Shape(frame),
            opacity=weight,
            mirror=rig.mirror,
            soften=(1 - weight) * PLANE_BLUR * ground.size[1],
        )
        if weight >= 1:
            return Arrangement(None, plane, None)
    before, after = below_plane(state)
    u = state.progress
    card = _between(_card(before, ground, zoom), _card(after, ground, zoom), u)
    camera = None
    opacity = state.bubble_opacity
    if opacity > 0:
        spot = _between(_camera(before, ground, rig, zoom), _camera(after, ground, rig, zoom), u)
        camera = _panel(rig.crop, spot, opacity, rig.mirror)
    return Arrangement(_panel(ground.crop, card), plane, camera)


def below_plane(state: SceneState) -> tuple[Scene, Scene]:
    """What lies below the camera-only plane does not move: it is already, or still, what it will be or was."""
    before, after = state.before, state.after
    if before.mode is SceneMode.CAMERA_ONLY:
        before = after
    elif after.mode is SceneMode.CAMERA_ONLY:
        after = before
    return before, after


def default_share(state: SceneState) -> float:
    """0..1: how far the card is the project's own one, with its window frame and notch; 0 in a split or floating."""
    before, after = (float(scene.mode not in _ELSEWHERE) for scene in below_plane(state))
    return lerp(before, after, state.progress)


_ELSEWHERE = (SceneMode.SPLIT_SCREEN, SceneMode.FLOATING)


def _panel(crop: Rect, spot: _Spot, opacity: float = 1.0, mirror: bool = False) -> Panel:
    return panel(crop, spot.content, spot.shape, shadow=spot.shadow, border=spot.border, opacity=opacity, mirror=mirror)


# --- spots ------------------------------------------------------------------------------------------------------------


def _card(scene: Scene, ground: Ground, zoom: ZoomState) -> _Spot:
    if scene.mode is SceneMode.SPLIT_SCREEN:
        slot, _ = split_slots(ground.size)
        split = scene.split or SplitLayout()
        focus = (split.screen_position.x, split.screen_position.y)
        content = fill(float(ground.aspect), slot, focus, split.screen_zoom)
        return _Spot(Shape(slot, 0.0, ground.style.kind), _zoomed_inside(content, slot, zoom))
    if scene.mode is SceneMode.FLOATING:
        slot, _ = floating_slots(ground.size, ground.aspect)
        return _floating(slot, slot, ground, ground.style, zoom)
    return _default_card(ground, zoom)


def _default_card(ground: Ground, zoom: ZoomState) -> _Spot:
    rect, style = zoom.apply(ground.rest), ground.style
    return _Spot(style.shape(rect), rect, style.shadow(rect), style.border_at(zoom.amount))


def _camera(scene: Scene, ground: Ground, rig: CameraRig, zoom: ZoomState) -> _Spot:
    if scene.mode is SceneMode.SPLIT_SCREEN:
        _, slot = split_slots(ground.size)
        split = scene.split or SplitLayout()
        focus = (split.camera_position.x, split.camera_position.y)
        return _Spot(Shape(slot, 0.0, rig.style.kind), fill(rig.aspect, slot, focus, split.camera_zoom))
    if scene.mode is SceneMode.FLOATING:
        _, slot = floating_slots(ground.size, ground.aspect)
        return _floating(slot, fill(rig.aspect, slot), ground, rig.style, None)
    outline = rig.outline(zoom.activity)
    return _Spot(rig.style.shape(outline), rig.content(outline), rig.style.shadow(outline))


def _floating(slot: Rect, content: Rect, ground: Ground, style: CardStyle, zoom: ZoomState | None) -> _Spot:
    radius = min(FLOAT_RADIUS * min(ground.size), min(slot.w, slot.h) / 2)
    shadow = style.shadow(slot)
    if shadow is None:
        size, blur, opacity = FLOAT_SHADOW
        half = min(slot.w, slot.h) / 2
        shadow = Shadow(size * half, blur * half, opacity)
    placed = content if zoom is None else _zoomed_inside(content, slot, zoom)
    return _Spot(Shape(slot, radius, style.kind), placed, shadow, style.border)


def split_slots(size: Size) -> tuple[Rect, Rect]:
    """The halves of the screen and of the camera; whole, even pixels."""
    w, h = float(size[0]), float(size[1])
    if w >= h:
        half = _even(w / 2)
        return Rect(0.0, 0.0, half, h), Rect(half, 0.0, w - half, h)
    half = _even(h / 2)
    return Rect(0.0, 0.0, w, half), Rect(0.0, half, w, h - half)


def floating_slots(size: Size, aspect: Fraction) -> tuple[Rect, Rect]:
    """Where the screen (with its own ``aspect``) and the camera float: beside each other, in a tall frame stacked.

    Both are as high (stacked: as wide) as the screen is when it is fitted into its share.
    """
    w, h = float(size[0]), float(size[1])
    pad = FLOAT_PADDING * min(w, h)
    inner = Rect(pad, pad, w - 2 * pad, h - 2 * pad)
    if w >= h:
        room = inner.w - pad
        camera = room * FLOAT_SHARE
        screen = contain(aspect, Rect(inner.x, inner.y, room - camera, inner.h))
        beside = Rect(inner.right - camera, screen.y, camera, screen.h)
    else:
        room = inner.h - pad
        camera = room * FLOAT_SHARE_STACKED
        screen = contain(aspect, Rect(inner.x, inner.y, inner.w, room - camera))
        beside = Rect(screen.x, inner.bottom - camera, screen.w, camera)
    return rest_rect(screen), rest_rect(beside)


def _zoomed_inside(content: Rect, slot: Rect, zoom: ZoomState) -> Rect:
    """The picture enlarged about the zoom's centre; the slot stays covered."""
    if zoom.identity:
        return content
    cx = min(max(content.x + zoom.x * content.w, slot.x), slot.right)
    cy = min(max(content.y + zoom.y * content.h, slot.y), slot.bottom)
    a = zoom.amount
    return Rect(cx + (content.x - cx) * a, cy + (content.y - cy) * a, content.w * a, content.h * a)


def _about_centre(content: Rect, slot: Rect, scale: float) -> Rect:
    if scale == 1.0:
        return content
    cx, cy = slot.x + slot.w / 2, slot.y + slot.h / 2
    return Rect(cx + (content.x - cx) * scale, cy + (content.y - cy) * scale, content.w * scale, content.h * scale)


# --- between two ------------------------------------------------------------------------------------------------------


def _between(a: _Spot, b: _Spot, u: float) -> _Spot:
    if u == 0 or a == b:
        return a
    outline = lerp_rect(a.shape.rect, b.shape.rect, u)
    radius = min(lerp(a.shape.radius, b.shape.radius, u), min(outline.w, outline.h) / 2)
    return _Spot(
        Shape(outline, radius, a.shape.kind),
        lerp_rect(a.content, b.content, u),
        _shadow_between(a.shadow, b.shadow, u),
        _border_between(a.border, b.border, u),
    )


def _shadow_between(a: Shadow | None, b: Shadow | None, u: float) -> Shadow | None:
    """One that is missing on one side comes or goes in place."""
    first, second = a or b, b or a
    if first is None or second is None:
        return None
    opacity = lerp(0.0 if a is None else a.opacity, 0.0 if b is None else b.opacity, u)
    return Shadow(lerp(first.size, second.size, u), lerp(first.blur, second.blur, u), opacity)


def _border_between(a: Border | None, b: Border | None, u: float) -> Border | None:
    first, second = a or b, b or a
    if first is None or second is None:
        return None
    opacity = lerp(0.0 if a is None else a.opacity, 0.0 if b is None else b.opacity, u)
    return replace(first, width=lerp(first.width, second.width, u), opacity=opacity)


def _even(value: float) -> float:
    return 2.0 * math.floor(value / 2 + 0.5)
