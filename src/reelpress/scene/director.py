"""The director: recording + project + output settings -> one FramePlan for each output frame.

Everything that does not change from frame to frame is worked out once; a plan is then put together from parts that
are reused, so that equal plans are mostly the same object and comparing them costs nothing.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.errors import SettingsError
from reelpress.recording.model import RecordingKind
from reelpress.scene import geometry
from reelpress.scene.backdrop import backdrop
from reelpress.scene.card import CardPose, CardStyle, stored_crop
from reelpress.scene.focus import auto_focus
from reelpress.scene.not_drawn import not_drawn
from reelpress.scene.plan import FramePlan, Layer, PictureLayer, Rect, SpriteLayer
from reelpress.scene.pointer import PointerGround
from reelpress.scene.springs import Spring
from reelpress.scene.zoom import Focus, ZoomPath, ZoomSegment, ZoomState
from reelpress.timeline.build import build_timeline
from reelpress.timeline.source import FrameMap
from reelpress.timeline.timeline import Timeline, select_range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reelpress.media.audio import AudioSpan
    from reelpress.project.model import Project
    from reelpress.recording.model import PointerEvents, PointerImage, Recording, RecordingSegment, VideoTrack
    from reelpress.scene.geometry import Crop, Size
    from reelpress.timeline.timeline import Span


@dataclass(frozen=True, slots=True)
class _Stage:
    """What is fixed for one recording segment."""

    source: str
    screen: Size
    crop: Crop
    stored: Rect
    rest: Rect
    resting: CardPose
    ground: PointerGround
    pointer: PointerEvents | None
    """``None`` when no pointer is to be drawn."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """What is fixed for one span of the timeline. Frame numbers are those of the whole output."""

    first: int
    segment: int
    frames: FrameMap
    event_slope: int
    event_offset: int
    event_scale: int

    def event_ms(self, n: int) -> float:
        """Pointer time at output frame ``n``, in milliseconds."""
        return (self.event_slope * n + self.event_offset) / self.event_scale


@dataclass(slots=True)
class _Reuse:
    """The last parts handed out. Only to save work: a plan never depends on it."""

    pose: tuple[int, ZoomState, CardPose] | None = None
    picture: PictureLayer | None = None
    sprite_key: tuple[str, float, float, CardPose] | None = None
    sprite: SpriteLayer | None = None
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
        self._style = style
        self._stages = tuple(
            self._stage(segment, crop, card if _same_aspect(crop, crops[0]) else geometry.contain(crop.aspect, card))
            for segment, crop in zip(recording.segments, crops, strict=True)
        )
        self._background = backdrop(
            project.background, self.size, base or recording.root, image_size or _no_image, warnings
        )
        self._zoom = self._zoom_path()
        self._shots = tuple(self._shot(span) for span in self.timeline.spans)
        self._firsts = [shot.first for shot in self._shots]
        self._images: Mapping[str, PointerImage] = recording.pointer_images
        self._reuse = _Reuse()
        warnings.extend(self._missing_pointers())
        self.warnings: tuple[str, ...] = tuple(dict.fromkeys(warnings))
        """Sentences about what is not quite as the project says."""
        self.not_drawn: tuple[str, ...] = not_drawn(recording, project)
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
        last = self.range.first + self.range.count
        used = {
            shot.segment: None
            for i, shot in enumerate(self._shots)
            if shot.first < last and (i + 1 == len(self._shots) or self._firsts[i + 1] > self.range.first)
        }
        return tuple(self.recording.segments[segment].display for segment in used)

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
        shot = self._shots[max(bisect_right(self._firsts, at) - 1, 0)]
        stage, reuse = self._stages[shot.segment], self._reuse
        pose = self._pose(shot.segment, stage, self._zoom.at(at / self.fps))
        picture = self._picture(stage, shot.frames.ordinal(at), pose)
        sprite = None if stage.pointer is None else self._sprite(stage, stage.pointer, shot.event_ms(at), pose)
        layers: tuple[Layer, ...] = (picture,) if pose.covers else (self._background, picture)
        if sprite is not None:
            layers = (*layers, sprite)
        last = reuse.plan
        same = last is not None and len(last.layers) == len(layers)
        if last is not None and same and all(a is b for a, b in zip(last.layers, layers, strict=True)):
            return last
        reuse.plan = FramePlan(self.size, layers)
        return reuse.plan

    def for_thread(self) -> Director:
        """A view of the same plans for another thread: everything is shared but the parts kept for reuse."""
        view = copy.copy(self)
        view._reuse = _Reuse()
        return view

    def _pose(self, segment: int, stage: _Stage, zoom: ZoomState) -> CardPose:
        if zoom.identity:
            return stage.resting
        last = self._reuse.pose
        if last is not None and last[0] == segment and last[1] == zoom:
            return last[2]
        pose = CardPose.at(stage.rest, self._style, zoom, self.size)
        self._reuse.pose = (segment, zoom, pose)
        return pose

    def _picture(self, stage: _Stage, ordinal: int, pose: CardPose) -> PictureLayer:
        last = self._reuse.picture
        if last is not None and last.frame == ordinal and last.rect is pose.rect and last.source == stage.source:
            return last
        layer = pose.layer(stage.source, ordinal, stage.stored)
        self._reuse.picture = layer
        return layer

    def _sprite(self, stage: _Stage, pointer: PointerEvents, ms: float, pose: CardPose) -> SpriteLayer | None:
        move = pointer.moves[max(pointer.raw_index(ms), 0)]
        image = self._images.get(move.cursor_id)
        if image is None:
            return None
        reuse = self._reuse
        key = (move.cursor_id, move.x, move.y, pose)
        last = reuse.sprite_key
        if last is not None and last[3] is pose and last[:3] == key[:3]:
            return reuse.sprite
        reuse.sprite = stage.ground.sprite(image, move.x, move.y, pose)
        reuse.sprite_key = key
        return reuse.sprite

    def _stage(self, segment: RecordingSegment, crop: Crop, card: Rect) -> _Stage:
        info, cursor = segment.display.info, self.project.cursor
        rest = geometry.rest_rect(card)
        drawn = not cursor.hide and cursor.size > 0 and bool(segment.pointer.moves)
        return _Stage(
            source=segment.display.key,
            screen=info.display_size,
            crop=crop,
            stored=stored_crop(crop, info.display_size, (info.width, info.height)),
            rest=rest,
            resting=CardPose.at(rest, self._style, ZoomState(), self.size),
            ground=PointerGround(info.display_size, crop, cursor.size / 100),
            pointer=segment.pointer if drawn else None,
        )

    def _shot(self, span: Span) -> _Shot:
        segment = self.recording.segments[span.clip.segment]
        step = span.speed / self.fps
        zero = span.source_at(Fraction(0))
        slope, offset = step * 1000, segment.event_ms(zero)
        return _Shot(
            first=-(-span.out_start * self.fps // 1),
            segment=span.clip.segment,
            frames=FrameMap(segment.display, zero, step),
            event_slope=slope.numerator * offset.denominator,
            event_offset=offset.numerator * slope.denominator,
            event_scale=slope.denominator * offset.denominator,
        )

    def _zoom_path(self) -> ZoomPath:
        spring = self.project.screen_movement_spring
        config = self.project.timeline
        grounds = [(stage.screen, stage.crop) for stage in self._stages]
        segments = []
        for zoom in config.zoom_segments if config is not None else ():
            centre = zoom.manual_center
            if centre is not None:
                focus: tuple[Focus, ...] = (Focus(zoom.start, _unit(centre.x), _unit(centre.y)),)
            else:
                focus = auto_focus(
                    self.timeline, self.recording, grounds, zoom.start, zoom.end, zoom.amount, zoom.edge_snap_ratio
                )
            segments.append(ZoomSegment(zoom.start, zoom.end, zoom.amount, focus, zoom.instant_animation))
        return ZoomPath(segments, Spring(spring.stiffness, spring.damping, spring.mass), self.timeline.total)

    def _missing_pointers(self) -> list[str]:
        ids = {
            move.cursor_id for stage in self._stages if stage.pointer is not None for move in stage.pointer.moves
        } - set(self._images)
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


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _no_image(path: str) -> tuple[int, int] | None:
    return None
