"""The camera bubble: where it is, how it is cut and decorated (cap-format 3.7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.project.camera import CameraShape, CameraX, CameraY
from reelpress.scene.camera_panel import Panel, fill, panel
from reelpress.scene.card import CardStyle
from reelpress.scene.easing import lerp, unit
from reelpress.scene.plan.outline import CornerKind
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from reelpress.project.camera import Camera
    from reelpress.recording.model import VideoTrack
    from reelpress.scene.geometry import Size

MARGIN = 50 / 1080
"""Distance to the frame's edges, as a fraction of the output's height."""
CROP_INSET = 2.0
"""Stored pixels on each side of the source that are not shown; cameras often have a dark rim there."""
MIN_CROP = 16
"""Pixels a side of the smallest source that is inset."""


@dataclass(frozen=True, slots=True)
class CameraRig:
    """The bubble of one recording segment. Immutable; any thread may ask."""

    size: Size
    """Output pixels."""
    crop: Rect
    """What is used of the source, in stored pixels."""
    aspect: float
    """Width over height of that as displayed."""
    style: CardStyle
    mirror: bool
    share: float
    """``camera.size / 100``."""
    zoomed_share: float
    """The same while zoomed in."""
    square: bool
    corner: tuple[CameraX, CameraY]
    centre: tuple[float, float] | None
    """``camera.manualPosition``."""

    @classmethod
    def of(cls, camera: Camera, size: Size, display: Size, stored: Size) -> CameraRig | None:
        """The bubble of a project; ``None`` when it is hidden.

        Args:
            size: Output pixels.
            display: Pixels of the camera's picture as displayed (square ones).
            stored: The same as stored; other than ``display`` where the pixels are not square.
        """
        if camera.hide:
            return None
        w, h = display
        inset = CROP_INSET if min(stored) >= MIN_CROP else 0.0
        # the largest crop with the source's own aspect that leaves the rim out
        part = min(1 - 2 * inset / stored[0], 1 - 2 * inset / stored[1])
        crop = Rect((1 - part) / 2 * stored[0], (1 - part) / 2 * stored[1], part * stored[0], part * stored[1])
        strength, shadow = camera.shadow / 100, camera.shadow_shape
        manual = camera.manual_position
        share = camera.size / 100
        return cls(
            size=size,
            crop=crop,
            aspect=w / h,
            style=CardStyle(
                rounding=min(camera.rounding / 100, 1.0),
                kind=CornerKind(camera.rounding_type.value),
                shadow_size=strength * shadow.size / 100,
                shadow_blur=strength * shadow.blur / 100,
                shadow_opacity=min(strength * shadow.opacity / 100, 1.0),
            ),
            mirror=camera.mirror,
            share=share,
            zoomed_share=share * camera.scale_during_zoom,
            square=camera.shape is CameraShape.SQUARE,
            corner=(camera.position.x, camera.position.y),
            centre=None if manual is None else (manual.x, manual.y),
        )

    @classmethod
    def of_track(cls, camera: Camera, size: Size, track: VideoTrack) -> CameraRig | None:
        """The bubble that shows a track."""
        return cls.of(camera, size, track.info.display_size, (track.info.width, track.info.height))

    def outline(self, activity: float) -> Rect:
        """Where the bubble is. Exact while it changes its size; on whole, even pixels at rest.

        Args:
            activity: ``ZoomState.activity``; exactly 0 or 1 when it rests.
        """
        out_w, out_h = float(self.size[0]), float(self.size[1])
        pad = MARGIN * out_h
        short = min(out_w, out_h) * lerp(self.share, self.zoomed_share, unit(activity)) + pad
        if self.square:
            w = h = short
        else:
            w, h = short * max(self.aspect, 1.0), short / min(self.aspect, 1.0)
        resting = activity in (0.0, 1.0)
        if resting:
            w, h = max(2.0, _even(w)), max(2.0, _even(h))
        if self.centre is not None:
            x, y = _centred(self.centre[0] * out_w, w, out_w), _centred(self.centre[1] * out_h, h, out_h)
        else:
            x = {CameraX.LEFT: pad, CameraX.CENTER: (out_w - w) / 2, CameraX.RIGHT: out_w - pad - w}[self.corner[0]]
            y = pad if self.corner[1] is CameraY.TOP else out_h - pad - h
        return Rect(_even(x), _even(y), w, h) if resting else Rect(x, y, w, h)

    def bubble(self, activity: float, opacity: float = 1.0) -> Panel:
        """The bubble as a picture, with rounding and shadow."""
        outline = self.outline(activity)
        return panel(
            self.crop,
            self.content(outline),
            self.style.shape(outline),
            shadow=self.style.shadow(outline),
            opacity=opacity,
            mirror=self.mirror,
        )

    def content(self, outline: Rect) -> Rect:
        """Where the whole crop goes when it fills ``outline`` (its middle, when that is square)."""
        return fill(self.aspect, outline) if self.square else outline


def _even(value: float) -> float:
    return 2.0 * math.floor(value / 2 + 0.5)


def _centred(centre: float, length: float, room: float) -> float:
    """Where ``length`` begins when it lies about ``centre``, but inside 0..room; in the middle where it is too long."""
    return (room - length) / 2 if length > room else min(max(centre - length / 2, 0.0), room - length)
