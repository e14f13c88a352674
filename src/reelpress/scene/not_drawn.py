"""What a project asks for and this version does not draw yet: said once each, before the export starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.project.background import ColorSource, FrameStyle
from reelpress.project.cursor import CursorType
from reelpress.project.overlays import TextLayout
from reelpress.project.timeline import SceneMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.project.model import Project
    from reelpress.project.timeline import TimelineConfig
    from reelpress.recording.model import Recording


def not_drawn(recording: Recording, project: Project) -> tuple[str, ...]:
    """Sentences ``key: what is missing`` for every setting that would change picture or sound and does not yet.

    Only what this recording and project really use is named: no camera settings without a camera track, no pointer
    settings without pointer events.
    """
    return (*_look(recording, project), *_pointer(recording, project), *_lists(project))


def _look(recording: Recording, project: Project) -> Iterator[str]:
    background = project.background
    if isinstance(background.source, ColorSource) and background.source.alpha < 255:
        yield "background.source.alpha: the background is opaque"
    if background.frame is not None and background.frame.style is not FrameStyle.NONE:
        yield f"background.frame: the {background.frame.style.value} frame is not drawn"
    if background.notch is not None and background.notch.enabled:
        yield "background.notch: the notch is not drawn"
    if not project.camera.hide and any(segment.camera is not None for segment in recording.segments):
        yield "camera: the camera is not drawn"
    if not project.color_correction.screen.is_neutral:
        yield "colorCorrection.screen: colours are not graded"
    timeline = project.timeline
    if project.screen_motion_blur > 0 and timeline is not None and timeline.zoom_segments:
        yield "screenMotionBlur: zooms are not blurred"


def _pointer(recording: Recording, project: Project) -> Iterator[str]:
    cursor = project.cursor
    events = [segment.pointer for segment in recording.segments if segment.pointer.moves]
    if cursor.hide or cursor.size == 0 or not events:
        return
    if not cursor.raw:
        yield "cursor.raw: the pointer's path is not smoothed"
    if any(event.clicks for event in events):
        yield "cursor.clickSpring: clicks do not press the pointer"
    if cursor.type is CursorType.CIRCLE:
        yield "cursor.type: the captured pointer is drawn instead of a circle"
    elif cursor.use_svg and any(image.shape for image in recording.pointer_images.values()):
        yield "cursor.useSvg: the captured pointer image is drawn instead of a vector one"
    if cursor.rotation_amount != 0 or cursor.base_rotation != 0:
        yield "cursor.rotationAmount: the pointer does not tilt"
    if cursor.motion_blur > 0:
        yield "cursor.motionBlur: the pointer is not blurred"
    if cursor.hide_when_idle:
        yield "cursor.hideWhenIdle: the pointer stays visible"
    if cursor.stop_movement_in_last_seconds:
        yield "cursor.stopMovementInLastSeconds: the pointer moves to the end"


def _lists(project: Project) -> Iterator[str]:
    timeline = project.timeline
    captions = project.captions
    if captions is not None and captions.settings.enabled and (captions.segments or _any_captions(timeline)):
        yield "captions: captions are not drawn"
    elif _any_captions(timeline):
        yield "timeline.captionSegments: captions are not drawn"
    if timeline is None:
        return
    if timeline.keyboard_segments:
        yield "timeline.keyboardSegments: pressed keys are not drawn"
    if any(text.enabled and text.layout is TextLayout.FULLSCREEN for text in timeline.text_segments):
        yield "timeline.textSegments (fullscreen): the recording holds, but the title is not drawn"
    if any(text.enabled and text.layout is not TextLayout.FULLSCREEN for text in timeline.text_segments):
        yield "timeline.textSegments: texts are not drawn"
    if any(mask.enabled for mask in timeline.mask_segments):
        yield "timeline.maskSegments: masks are not drawn, so what they hide is VISIBLE"
    if any(scene.mode is not SceneMode.DEFAULT for scene in timeline.scene_segments):
        yield "timeline.sceneSegments: every scene is drawn as the default one"
    if timeline.transitions:
        yield "timeline.transitions: clips are cut hard in the middle of the transition"
    if any(music.enabled for music in timeline.audio_segments):
        yield "timeline.audioSegments: music is not mixed in"
    if any(move.enabled for move in timeline.camera3d_segments):
        yield "timeline.camera3dSegments: the picture is not tilted"


def _any_captions(timeline: TimelineConfig | None) -> bool:
    return timeline is not None and bool(timeline.caption_segments)
