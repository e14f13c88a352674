"""The director: recording + project + output settings -> one FramePlan for each output frame.

Everything that does not change from frame to frame is worked out once; a plan is then put together from parts that
are reused, so that equal plans are mostly the same object and comparing them costs nothing.

Order of layers (cap-format 3.11): the footage (``scene.footage``: background, then frame, card, pointer, notch and
camera, warped as a whole by a 3D move; a transition's other side), masks, texts, keys, captions.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from reelpress.errors import SettingsError
from reelpress.scene import geometry
from reelpress.scene.alpha import ground_of, over_nothing, pointer_only
from reelpress.scene.backdrop import backdrop
from reelpress.scene.bracket import Look
from reelpress.scene.camera3d import Camera3d
from reelpress.scene.captions import CaptionTrack
from reelpress.scene.card import CardStyle
from reelpress.scene.chrome import ChromeStyle
from reelpress.scene.focus import zoom_path
from reelpress.scene.footage import Footage, Moves
from reelpress.scene.framing import Framing
from reelpress.scene.grading import Grading
from reelpress.scene.keyboard import KeyboardTrack
from reelpress.scene.masks import MaskTrack
from reelpress.scene.not_drawn import not_drawn, pointer_warnings
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.scenes import SceneTimeline
from reelpress.scene.shots import Shots
from reelpress.scene.texts import TextTrack
from reelpress.timeline.build import build_timeline
from reelpress.timeline.captions import shown_captions
from reelpress.timeline.timeline import Timeline, select_range

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reelpress.media.audio import AudioSpan
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, VideoTrack
    from reelpress.scene.plan.layers import Layer
    from reelpress.scene.text_run import TextMeasure, TextMetrics
    from reelpress.scene.zoom import ZoomState


@dataclass(slots=True)
class _Reuse:
    """The last plan handed out. Only to save work: a plan never depends on it."""

    plan: FramePlan | None = None


class Director:
    """Plans every frame of one export. ``plan`` is a pure function of the frame number.

    Plan from one thread at a time; everything else is immutable.
    """

    def __init__(
        self,
        recording: Recording,
        project: Project,
        *,
        fps: Fraction | int,
        resolution: str | tuple[int, int] = "1080p",
        start: Fraction | None = None,
        end: Fraction | None = None,
        base: Path | None = None,
        image_size: Callable[[str], tuple[int, int] | None] | None = None,
        measure: TextMeasure | None = None,
        alpha: Literal["transparent", "pointer"] | None = None,
    ) -> None:
        """Work out everything that does not change from frame to frame.

        Args:
            recording: With the project's sync offsets applied.
            fps: Output frames a second.
            resolution: ``720p`` to ``4k``, ``source``, ``WxH`` or a (width, height): a box (cap-format 3.1).
            start, end: Range of output time in seconds; its frames are the same as those of the whole output.
            base: Folder that relative paths of the project start from; the recording's own by default.
            image_size: Absolute path of a background image -> its upright size in pixels, ``None`` when it cannot
                be read (the background is then white, with a warning). The scene opens no files itself.
            measure: Sizes of text runs (``text.layout.measure``); without it no text is drawn, as ``not_drawn`` says.
            alpha: For pictures with alpha: no background (a colour of the project that lets through stays), or nothing
                but the pointer.

        Raises:
            SettingsError: Resolution, rate or range is not possible.
            UnsupportedInputError: The source is too small.
            ProjectError: The timeline names what the recording does not have.
            InputError: A display track cannot be read.
        """
        self.fps = Fraction(fps)
        if self.fps <= 0:
            raise SettingsError(f"The rate {fps} is not possible; give more than 0 frames a second.")
        self.recording, self.project = recording, project
        box = geometry.parse_resolution(resolution)
        self.timeline: Timeline = build_timeline(recording, project)
        warnings = list(self.timeline.warnings)
        try:
            self.range, clamped = select_range(self.timeline, self.fps, start, end)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        if clamped:
            warnings.append(clamped)
        framing = Framing.of(recording, project, box)
        self.size, self.scale = framing.size, framing.scale
        look = self._look(measure)
        background = backdrop(project.background, self.size, base or recording.root, image_size or _no_image, warnings)
        config = project.timeline
        self._zoom = zoom_path(self.timeline, recording, project, framing.crops)
        scenes = SceneTimeline(config.scene_segments if config is not None else ())
        self._masks = MaskTrack(config.mask_segments if config is not None else (), self.size)
        self._texts = TextTrack(
            config.text_segments if config is not None and measure else (), self.size, _need(measure)
        )
        self._captions = CaptionTrack(
            project.captions if measure else None,
            shown_captions(project, recording, self.timeline),
            self.size,
            _need(measure),
        )
        self._keys = KeyboardTrack(
            project.keyboard if measure else None,
            config.keyboard_segments if config is not None else (),
            self.size,
            _need(measure),
        )
        space = Camera3d(config.camera3d_segments if config is not None else (), self.size)
        self._shots = Shots(self.timeline, recording, project, self.fps)
        self._footage = Footage(
            recording,
            project,
            framing=framing,
            look=look,
            background=background,
            moves=Moves(self._zoom, scenes, space, self._texts),
            shots=self._shots,
        )
        self._alpha, self._ground = alpha, ground_of(project.background, self.size)
        self._reuse = _Reuse()
        warnings.extend(pointer_warnings(recording, project, alone=alpha == "pointer"))
        self.warnings: tuple[str, ...] = tuple(dict.fromkeys(warnings))
        """Sentences about what is not quite as the project says."""
        self.not_drawn: tuple[str, ...] = not_drawn(
            recording, project, text=measure is not None, alpha=alpha is not None
        )
        """``key: what is missing`` for what this version does not draw or mix."""

    @property
    def frames(self) -> int:
        """Number of output frames."""
        return self.range.count

    @property
    def duration(self) -> Fraction:
        """Seconds of output: frames / fps."""
        return self.range.count / self.fps

    @property
    def tracks(self) -> tuple[VideoTrack, ...]:
        """The video tracks that the planned frames need, in order of first use."""
        if self._alpha == "pointer":
            return ()
        return self._shots.tracks(self.range)

    def audio_spans(self) -> tuple[AudioSpan, ...]:
        """What is heard in the planned range, in samples from its start; empty when there is no sound."""
        from reelpress.timeline.sound import audio_spans  # only here: it needs the media layer's audio

        return audio_spans(self.timeline, self.recording, self.project, self.fps, self.range)

    def zoom_at(self, n: int) -> ZoomState:
        """Amount and centre of the zoom at output frame ``n`` of the range."""
        return self._zoom.at((self.range.first + n) / self.fps)

    def plan(self, n: int) -> FramePlan:
        """The plan of output frame ``n``.

        Raises:
            IndexError: ``n`` is not in ``0 .. frames - 1``.
        """
        if not 0 <= n < self.range.count:
            raise IndexError(f"frame {n} of {self.range.count}")
        at = self.range.first + n
        layers = self._footage.layers(at)
        if self._alpha == "pointer":
            return self._planned(pointer_only(layers, self.size))
        if self._alpha is not None:
            layers = over_nothing(layers, self._ground)
        seconds = float(at / self.fps)
        masks = self._masks.layers(seconds)
        texts = self._texts.layers(seconds)
        captions = self._captions.layers(seconds)
        keys = self._keys.layers(seconds, self._captions.boxes(seconds)) if self._keys else ()
        if masks or texts or captions or keys:
            layers = (*layers, *masks, *texts, *keys, *captions)
        return self._planned(layers)

    def _planned(self, layers: tuple[Layer, ...]) -> FramePlan:
        """A plan of these layers; the last one where that is the same."""
        last = self._reuse.plan
        same = last is not None and len(last.layers) == len(layers)
        if last is not None and same and all(a is b or a == b for a, b in zip(last.layers, layers, strict=True)):
            return last
        self._reuse.plan = FramePlan(self.size, layers)
        return self._reuse.plan

    def for_thread(self) -> Director:
        """A view of the same plans for another thread: everything is shared but the parts kept for reuse."""
        view = copy.copy(self)
        view._reuse = _Reuse()
        view._footage = self._footage.for_thread()
        return view

    def _look(self, measure: TextMeasure | None) -> Look:
        """What all segments of the recording share."""
        project = self.project
        grading = project.color_correction
        return Look(
            self.size,
            self.fps,
            CardStyle.of(project.background),
            project.cursor,
            self.recording.pointer_images,
            Grading(grading.screen),
            Grading(grading.camera),
            grading.grade_cursor,
            project.screen_motion_blur,
            ChromeStyle.of(project.background.frame, measure),
        )


def _no_image(path: str) -> tuple[int, int] | None:
    return None


def _need(measure: TextMeasure | None) -> TextMeasure:
    """``measure``; without one nothing that asks it is ever made."""
    if measure is not None:
        return measure

    def refuse(run: object, /) -> TextMetrics:
        raise RuntimeError("a text is planned although nothing can measure it")

    return refuse
