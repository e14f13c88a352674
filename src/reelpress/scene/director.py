"""The director: recording + project + output settings -> one FramePlan for each output frame.

Everything that does not change from frame to frame is worked out once; a plan is then put together from parts that
are reused, so that equal plans are mostly the same object and comparing them costs nothing.

Order of layers (cap-format 3.11): background, then the bracket of the segment (frame, card, pointer, notch, camera;
warped as a whole by a 3D move), a transition's other side, masks, texts, keys, captions.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from reelpress.errors import SettingsError
from reelpress.project.background import FALLBACK_NOTCH, ColorSource
from reelpress.project.cursor import CursorType
from reelpress.project.timeline import TransitionType
from reelpress.recording.model import RecordingKind
from reelpress.recording.pointer import stabilise
from reelpress.scene import geometry
from reelpress.scene.backdrop import backdrop
from reelpress.scene.bracket import Bracket, Look, Moment
from reelpress.scene.camera import CameraRig
from reelpress.scene.camera3d import Camera3d
from reelpress.scene.captions import CaptionTrack
from reelpress.scene.card import CardStyle, stored_crop
from reelpress.scene.chrome import ChromeStyle, NotchSpot
from reelpress.scene.easing import unit
from reelpress.scene.focus import auto_focus
from reelpress.scene.grading import Grading
from reelpress.scene.keyboard import KeyboardTrack
from reelpress.scene.masks import MaskTrack
from reelpress.scene.not_drawn import not_drawn
from reelpress.scene.overlay import over_nothing, pointer_only
from reelpress.scene.plan import BackgroundLayer, FillLayer, FramePlan, GroupLayer, Layer, Rect, Shape
from reelpress.scene.pointer_path import PointerPath
from reelpress.scene.scenes import SceneTimeline
from reelpress.scene.springs import Spring
from reelpress.scene.texts import TextTrack
from reelpress.scene.zoom import Focus, ZoomPath, ZoomSegment, ZoomState
from reelpress.timeline.build import build_timeline, full_length
from reelpress.timeline.captions import in_output_time
from reelpress.timeline.source import FrameMap
from reelpress.timeline.timeline import Timeline, select_range

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reelpress.media.audio import AudioSpan
    from reelpress.project.background import NotchConfig
    from reelpress.project.captions import CaptionSegment
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, RecordingSegment, VideoTrack
    from reelpress.scene.geometry import Crop
    from reelpress.scene.text_run import TextMeasure, TextMetrics
    from reelpress.timeline.timeline import Fade, Span


@dataclass(frozen=True, slots=True)
class _Shot:
    """What is fixed for one span of the timeline. Frame numbers are those of the whole output."""

    first: int
    segment: int
    frames: FrameMap
    camera: FrameMap | None
    event_slope: int
    event_offset: int
    event_scale: int

    def event_ms(self, n: int) -> float:
        """Pointer time at output frame ``n``, in milliseconds."""
        return (self.event_slope * n + self.event_offset) / self.event_scale


@dataclass(frozen=True, slots=True)
class _Transition:
    """A fade and its two sides."""

    first: int
    last: int
    """Frames of the whole output, inclusive."""
    fade: Fade
    before: _Shot
    after: _Shot
    through_black: bool


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
        layout = _layout(project)
        crops = [_crop(segment, project) for segment in recording.segments]
        natural = geometry.base_size(crops[0], layout)
        self.size, self.scale = geometry.output_size(natural, box, plain=_is_plain(recording, project))
        geometry.check_size(self.size, box, recording.segments[0].display.info.display_size)
        card = geometry.card_rect(crops[0], self.size, self.scale, layout)
        style = CardStyle.of(project.background)
        config = project.timeline
        frame = ChromeStyle.of(project.background.frame, measure)
        if frame is not None:
            card = frame.content(_float_rect(card))
        grading = project.color_correction
        self._look = Look(
            self.size,
            self.fps,
            style,
            project.cursor,
            recording.pointer_images,
            Grading(grading.screen),
            Grading(grading.camera),
            grading.grade_cursor,
            project.screen_motion_blur,
            frame,
        )
        self._brackets = tuple(
            self._bracket(segment, crop, card if _same_aspect(crop, crops[0]) else geometry.contain(crop.aspect, card))
            for segment, crop in zip(recording.segments, crops, strict=True)
        )
        self._grounds = [
            (segment.display.info.display_size, crop) for segment, crop in zip(recording.segments, crops, strict=True)
        ]
        self._background: BackgroundLayer = backdrop(
            project.background, self.size, base or recording.root, image_size or _no_image, warnings
        )
        self._zoom = self._zoom_path()
        self._scenes = SceneTimeline(config.scene_segments if config is not None else ())
        self._masks = MaskTrack(config.mask_segments if config is not None else (), self.size)
        self._texts = TextTrack(
            config.text_segments if config is not None and measure else (), self.size, _need(measure)
        )
        self._captions = CaptionTrack(
            project.captions if measure else None,
            self._caption_segments(),
            self.size,
            _need(measure),
        )
        self._keys = KeyboardTrack(
            project.keyboard if measure else None,
            config.keyboard_segments if config is not None else (),
            self.size,
            _need(measure),
        )
        self._space = Camera3d(config.camera3d_segments if config is not None else (), self.size)
        self._shots = tuple(self._shot(span) for span in self.timeline.spans)
        self._firsts = [shot.first for shot in self._shots]
        self._transitions = self._fades()
        self._alpha, self._ground = alpha, _through(project, self.size)
        self._reuse = _Reuse()
        warnings.extend(self._missing_pointers())
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
        first, last = self.range.first, self.range.first + self.range.count
        shots = [
            shot
            for i, shot in enumerate(self._shots)
            if shot.first < last and (i + 1 == len(self._shots) or self._firsts[i + 1] > first)
        ]
        for change in self._transitions:
            if change.first < last and change.last >= first:
                shots += [change.before, change.after]
        found: dict[str, VideoTrack] = {}
        for shot in shots:
            segment = self.recording.segments[shot.segment]
            found[segment.display.key] = segment.display
            if shot.camera is not None and segment.camera is not None:
                found[segment.camera.key] = segment.camera
        return tuple(found.values())

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
        time = at / self.fps
        index = max(bisect_right(self._firsts, at) - 1, 0)
        layers = self._stage_layers(at, time, index)
        if self._alpha == "pointer":
            return self._planned(pointer_only(layers, self.size))
        if self._alpha is not None:
            layers = over_nothing(layers, self._ground)
        seconds = float(time)
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
        view._brackets = tuple(bracket.for_thread() for bracket in self._brackets)
        return view

    def _stage_layers(self, at: int, time: Fraction, index: int) -> tuple[Layer, ...]:
        """Everything below the masks."""
        for change in self._transitions:
            if change.first <= at <= change.last:
                return self._crossing(at, time, change)
        return self._side(at, time, self._shots[index])

    def _crossing(self, at: int, time: Fraction, change: _Transition) -> tuple[Layer, ...]:
        progress = unit(change.fade.progress(time))
        if not change.through_black:
            before = self._side(at, time, change.before, cut=True)
            if progress <= 0:
                return before
            return (*before, GroupLayer(self._side(at, time, change.after, cut=True, whole=True), progress))
        shot, dark = (change.before, 2 * progress) if progress < 0.5 else (change.after, 2 - 2 * progress)
        layers = self._side(at, time, shot, cut=True)
        if dark <= 0:
            return layers
        w, h = self.size
        return (*layers, FillLayer(Shape(Rect(0.0, 0.0, float(w), float(h))), (0.0, 0.0, 0.0), min(dark, 1.0)))

    def _side(
        self, at: int, time: Fraction, shot: _Shot, *, cut: bool = False, whole: bool = False
    ) -> tuple[Layer, ...]:
        """Background and bracket of one clip. ``cut``: no motion blur. ``whole``: with the background in any case."""
        bracket = self._brackets[shot.segment]
        seconds = float(time)
        follows = not cut and at > shot.first
        warp = self._space.at(seconds) if self._space else None
        zoom = self._zoom.at(time)
        moment = Moment(
            at=at,
            display=shot.frames.ordinal(at),
            camera=None if shot.camera is None else shot.camera.ordinal(at),
            pointer_ms=shot.event_ms(at),
            before_ms=shot.event_ms(at - 1) if follows else None,
            zoom=zoom,
            zoom_before=self._zoom_before(at) if follows and self._look.motion_blur > 0 else None,
            scene=self._scenes.at(time),
            take_over=self._texts.take_over(seconds),
        )
        layers, covers = bracket.layers(moment)
        if warp is not None:
            return (self._background, GroupLayer(layers, 1.0, warp))
        return layers if covers and not whole else (self._background, *layers)

    def _zoom_before(self, at: int) -> ZoomState | None:
        """The zoom of the frame before, unless an instant zoom snapped meanwhile."""
        then = (at - 1) / self.fps
        return None if self._zoom.snaps_in(then, at / self.fps) else self._zoom.at(then)

    def _bracket(self, segment: RecordingSegment, crop: Crop, card: Rect) -> Bracket:
        info, cursor, project = segment.display.info, self.project.cursor, self.project
        events = stabilise(segment.pointer, self.recording.pointer_images)
        drawn = not cursor.hide and cursor.size > 0 and bool(events.moves)
        path = PointerPath(events, cursor, segment.latest, length=segment.length, width=self.size[0]) if drawn else None
        camera = segment.camera
        rig = CameraRig.of_track(project.camera, self.size, camera) if camera is not None else None
        return Bracket(
            self._look,
            display=segment.display.key,
            camera=camera.key if camera is not None and rig is not None else None,
            screen=info.display_size,
            crop=crop,
            stored=stored_crop(crop, info.display_size, (info.width, info.height)),
            rest=geometry.rest_rect(card),
            pointer=path,
            rig=rig,
            notch_spot=_notch_spot(project.background.notch, segment),
        )

    def _shot(self, span: Span) -> _Shot:
        segment = self.recording.segments[span.clip.segment]
        step = span.speed / self.fps
        zero = span.source_at(Fraction(0))
        slope, offset = step * 1000, segment.event_ms(zero)
        camera = segment.camera if not self.project.camera.hide else None
        return _Shot(
            first=-(-span.out_start * self.fps // 1),
            segment=span.clip.segment,
            frames=FrameMap(segment.display, zero, step),
            camera=None if camera is None else FrameMap(camera, zero, step),
            event_slope=slope.numerator * offset.denominator,
            event_offset=offset.numerator * slope.denominator,
            event_scale=slope.denominator * offset.denominator,
        )

    def _fades(self) -> tuple[_Transition, ...]:
        config = self.project.timeline
        kinds = {t.segment_index: t.type for t in config.transitions} if config is not None else {}
        return tuple(
            _Transition(
                first=-(-fade.out_start * self.fps // 1),
                last=-(-fade.out_end * self.fps // 1) - 1,
                fade=fade,
                before=self._shot(fade.before),
                after=self._shot(fade.after),
                through_black=kinds.get(fade.entering) is TransitionType.FADE_THROUGH_BLACK,
            )
            for fade in self.timeline.fades
        )

    def _zoom_path(self) -> ZoomPath:
        spring = self.project.screen_movement_spring
        config = self.project.timeline
        grounds = self._grounds
        segments = []
        for zoom in config.zoom_segments if config is not None else ():
            centre = zoom.manual_center
            if centre is not None:
                focus: tuple[Focus, ...] = (Focus(zoom.start, unit(centre.x), unit(centre.y)),)
            else:
                focus = auto_focus(
                    self.timeline, self.recording, grounds, zoom.start, zoom.end, zoom.amount, zoom.edge_snap_ratio
                )
            segments.append(ZoomSegment(zoom.start, zoom.end, zoom.amount, focus, zoom.instant_animation))
        return ZoomPath(segments, Spring(spring.stiffness, spring.damping, spring.mass), self.timeline.total)

    def _caption_segments(self) -> tuple[CaptionSegment, ...]:
        """Captions in output time: the timeline's own, else those of ``captions``."""
        config, captions = self.project.timeline, self.project.captions
        if config is not None and config.caption_segments:
            return config.caption_segments
        if captions is None or not captions.source_timed:
            return () if captions is None else captions.segments
        lengths = [full_length(self.recording, segment) for segment in self.recording.segments]
        return in_output_time(captions.segments, self.timeline, lengths)

    def _missing_pointers(self) -> list[str]:
        cursor = self.project.cursor
        if self._alpha == "pointer":
            if cursor.hide or cursor.size <= 0:
                return ["The project hides the pointer, so there is nothing in the pictures."]
            if not any(segment.pointer.moves for segment in self.recording.segments):
                return ["There is no pointer in this recording, so there is nothing in the pictures."]
        if cursor.hide or cursor.size <= 0 or cursor.type is CursorType.CIRCLE:
            return []
        ids = {move.cursor_id for segment in self.recording.segments for move in segment.pointer.moves} - set(
            self.recording.pointer_images
        )
        if not ids:
            return []
        names = ", ".join(sorted(ids)[:8])
        return [f"There is no image for pointer {names}; the pointer is not drawn while it is in use."]


def _layout(project: Project) -> geometry.Frame:
    background, aspect = project.background, project.aspect_ratio
    position = background.display_position
    return geometry.Frame(
        padding=Fraction(repr(background.padding)),
        aspect=None if aspect is None else aspect.value_fraction,
        position=None if position is None else (position.x, position.y),
    )


def _is_plain(recording: Recording, project: Project) -> bool:
    """A single video that nothing is put around."""
    background = project.background
    return (
        recording.kind is not RecordingKind.CAP_STUDIO
        and background.padding == 0
        and project.aspect_ratio is None
        and background.display_position is None
    )


def _crop(segment: RecordingSegment, project: Project) -> Crop:
    crop, size = project.background.crop, segment.display.info.display_size
    if crop is None:
        return geometry.clamp_crop(size, None, None)
    return geometry.clamp_crop(size, (crop.position.x, crop.position.y), (crop.size.x, crop.size.y))


def _same_aspect(a: Crop, b: Crop) -> bool:
    return a.w * b.h == b.w * a.h


def _no_image(path: str) -> tuple[int, int] | None:
    return None


def _need(measure: TextMeasure | None) -> TextMeasure:
    """``measure``; without one nothing that asks it is ever made."""
    if measure is not None:
        return measure

    def refuse(run: object, /) -> TextMetrics:
        raise RuntimeError("a text is planned although nothing can measure it")

    return refuse


def _through(project: Project, size: tuple[int, int]) -> FillLayer | None:
    """A background colour of which a part is transparent, as a layer over nothing."""
    source = project.background.source
    if not isinstance(source, ColorSource) or not 0 < source.alpha < 255:
        return None
    r, g, b = source.value
    whole = Shape(Rect(0.0, 0.0, float(size[0]), float(size[1])))
    return FillLayer(whole, (r / 255, g / 255, b / 255), source.alpha / 255)


def _float_rect(card: Rect) -> Rect:
    return Rect(float(card.x), float(card.y), float(card.w), float(card.h))


def _notch_spot(config: NotchConfig | None, segment: RecordingSegment) -> NotchSpot | None:
    if config is None or not config.enabled:
        return None
    found = segment.notch
    fallback = FALLBACK_NOTCH if found is None else (found.x, found.width, found.height)
    return NotchSpot(
        fallback[0] if config.x is None else config.x,
        fallback[1] if config.width is None else config.width,
        fallback[2] if config.height is None else config.height,
    )
