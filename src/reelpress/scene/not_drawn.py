"""What a project asks for and is not drawn, by this version or for want of a pointer: said before the export starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.project.background import ColorSource
from reelpress.project.camera import BackgroundBlurMode
from reelpress.project.cursor import CursorType
from reelpress.project.overlays import FocusBlurMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.project.model import Project
    from reelpress.recording.model import Recording


def not_drawn(recording: Recording, project: Project, *, text: bool = True, alpha: bool = False) -> tuple[str, ...]:
    """Sentences ``key: what is missing`` for every setting that would change picture or sound and does not yet.

    Only what this recording and project really use is named: no camera settings without a camera track.

    Args:
        text: Whether text can be measured and drawn.
        alpha: Whether what is drawn has alpha.
    """
    return (*_look(recording, project, alpha=alpha), *_lists(project, text=text))


def pointer_warnings(recording: Recording, project: Project, *, alone: bool) -> tuple[str, ...]:
    """Sentences about a pointer that is missing.

    Args:
        alone: Whether the pictures show nothing but the pointer.
    """
    cursor = project.cursor
    hidden = cursor.hide or cursor.size <= 0
    if alone:
        if hidden:
            return ("The project hides the pointer, so there is nothing in the pictures.",)
        if not any(segment.pointer.moves for segment in recording.segments):
            return ("There is no pointer in this recording, so there is nothing in the pictures.",)
    if hidden or cursor.type is CursorType.CIRCLE:
        return ()
    ids = {move.cursor_id for segment in recording.segments for move in segment.pointer.moves} - set(
        recording.pointer_images
    )
    if not ids:
        return ()
    names = ", ".join(sorted(ids)[:8])
    return (f"There is no image for pointer {names}; the pointer is not drawn while it is in use.",)


def _look(recording: Recording, project: Project, *, alpha: bool) -> Iterator[str]:
    background = project.background
    if isinstance(background.source, ColorSource) and background.source.alpha < 255 and not alpha:
        yield "background.source.alpha: the background is opaque"
    camera = project.camera
    with_camera = not camera.hide and any(segment.camera is not None for segment in recording.segments)
    if with_camera and camera.background_blur.mode is not BackgroundBlurMode.OFF:
        yield "camera.backgroundBlur: what is behind the person is not blurred"


def _lists(project: Project, *, text: bool) -> Iterator[str]:
    timeline, captions = project.timeline, project.captions
    if not text:
        own = captions.segments if captions is not None else ()
        if captions is not None and captions.settings.enabled and (own or (timeline and timeline.caption_segments)):
            yield "captions: captions are not drawn"
        if timeline is not None and any(entry.enabled for entry in timeline.text_segments):
            yield "timeline.textSegments: texts are not drawn"
        keyboard = project.keyboard
        if timeline is not None and timeline.keyboard_segments and keyboard is not None and keyboard.settings.enabled:
            yield "timeline.keyboardSegments: pressed keys are not drawn"
    if timeline is None:
        return
    if any(move.enabled and move.blur.mode is not FocusBlurMode.NONE for move in timeline.camera3d_segments):
        yield "timeline.camera3dSegments[].blur: the focus blur is not drawn"
