"""Reading a ``.cap`` folder (cap-format 1). Nothing in it is ever written to."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from reelpress.clock import as_fraction
from reelpress.errors import InputError, MissingInputError, ProjectError, ReelpressError, UnreadableInputError
from reelpress.recording.fields import unknown_keys
from reelpress.recording.jsonfile import load_json, validate
from reelpress.recording.keys import load_keys
from reelpress.recording.layout import audio_candidates, local_path, png_size, video_candidates
from reelpress.recording.meta import AudioMeta, InstantMeta, SegmentMeta, StatusKind, StudioMeta, VideoMeta, normalise
from reelpress.recording.model import (
    KeyEvents,
    Notch,
    PointerEvents,
    PointerImage,
    Recording,
    RecordingKind,
    RecordingSegment,
    Workspace,
)
from reelpress.recording.plain import open_single
from reelpress.recording.pointer import load_pointer
from reelpress.recording.tracks import open_audio, open_first, open_video

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.recording.model import AudioTrack, VideoTrack

META = "recording-meta.json"
PROJECT = "project-config.json"
CAPTIONS = "captions.json"

_MIN_DROPS = 3
_REPAIR_MS = (100, 2000)


def load_cap(root: Path) -> Recording:
    """Read the ``.cap`` folder ``root``.

    Raises:
        MissingInputError: The metadata or a screen track is missing.
        ProjectError: The metadata breaks its schema.
        UnreadableInputError: A screen track or the metadata cannot be read.
    """
    workspace = Workspace()
    try:
        return _Reader(root, workspace).read()
    except BaseException:
        workspace.close()
        raise


class _Reader:
    """One reading of one folder; collects warnings on the way."""

    def __init__(self, root: Path, workspace: Workspace) -> None:
        self.root = root
        self.workspace = workspace
        self.meta_file = root / META
        self.warnings: list[str] = []
        self.unfinished = False
        """The recorder did not finish: gaps in metadata and events are expected."""
        self.single = False
        self.lost: list[int] = []

    def read(self) -> Recording:
        data, text = load_json(self.meta_file)
        model, normal = normalise(data, self.meta_file)
        self.single = model is StudioMeta and "display" in data
        strip = ("segments", 0) if self.single else ()
        meta = validate(model, normal, file=self.meta_file, text=text, strip=strip)
        unknown = sorted(set(unknown_keys(meta)))
        if unknown:
            self.warnings.append(f"{META} has keys that are not known here and not used: {', '.join(unknown)}.")
        if isinstance(meta, InstantMeta):
            kind = RecordingKind.CAP_INSTANT
            segments: tuple[RecordingSegment, ...] = (self._instant(meta),)
            images: dict[str, PointerImage] = {}
        else:
            assert isinstance(meta, StudioMeta)
            kind = RecordingKind.CAP_STUDIO
            self._status(meta)
            segments = self._segments(meta)
            images = self._pointer_images(meta)
        return Recording(
            kind=kind,
            name=meta.pretty_name or self.root.stem,
            root=self.root,
            source=self.root,
            segments=segments,
            pointer_images=MappingProxyType(images),
            warnings=tuple(dict.fromkeys(self.warnings)),
            project_file=_file(self.root / PROJECT),
            captions_file=_file(self.root / CAPTIONS),
            lost_segments=tuple(self.lost),
            platform=meta.platform,
            workspace=self.workspace,
        )

    # Instant recordings

    def _instant(self, meta: InstantMeta) -> RecordingSegment:
        path = self.root / "content" / "output.mp4"
        if meta.error is not None:
            state = f"The recorder gave up with {meta.error!r}"
        elif meta.recording:
            state = "The recording was not finished"
        else:
            state = ""
        if not path.is_file():
            raise MissingInputError(f"{path} does not exist.{' ' + state + '.' if state else ''}")
        try:
            segment, warnings = open_single(path)
        except InputError as error:
            if not state:
                raise
            raise UnreadableInputError(f"{error} {state}.") from error
        if state:
            self.warnings.append(f"{state}; what it wrote to {path.name} is used.")
        self.warnings.extend(warnings)
        return segment

    # Studio recordings

    def _status(self, meta: StudioMeta) -> None:
        if meta.status is None or meta.status.status is StatusKind.COMPLETE:
            return
        self.unfinished = True
        if meta.status.status is StatusKind.FAILED:
            reason = f" ({meta.status.error})" if meta.status.error else ""
            self.warnings.append(f"The recorder reported a failure{reason}; what it saved is used.")
        else:
            self.warnings.append("The recording was not finished properly; what can be recovered is used.")

    def _segments(self, meta: StudioMeta) -> tuple[RecordingSegment, ...]:
        segments: list[RecordingSegment] = []
        failures: list[InputError] = []
        for number, segment in enumerate(meta.segments):
            try:
                segments.append(self._segment(number, segment))
            except ProjectError:
                raise
            except InputError as error:
                # A crash cuts off the last segment; those before it are worth having. Anywhere else, and in a
                # recording that claims to be complete, leaving out a part would be a surprise.
                if not (self.unfinished and number == len(meta.segments) - 1 and segments):
                    raise
                failures.append(error)
                self.lost.append(number)
        self.warnings.extend(f"The last segment was left out: {failure}" for failure in failures)
        return tuple(segments)

    def _key(self, number: int, name: str) -> str:
        return name if self.single else f"segments[{number}].{name}"

    def _segment(self, number: int, meta: SegmentMeta) -> RecordingSegment:
        starts = self._start_times(number, meta)
        latest = max(starts.values()) if starts else None

        def offset(name: str) -> Fraction:
            return latest - starts[name] if latest is not None else Fraction(0)

        display = self._display(number, meta.display, starts.get("display"), offset("display"))
        display_path = self._path(meta.display.path, self._key(number, "display.path"))
        audio = {
            name: self._audio(name, number, track, starts.get(name), offset(name)) if track else None
            for name, track in (("mic", meta.mic), ("system_audio", meta.system_audio))
        }
        return RecordingSegment(
            index=number,
            display=display,
            camera=self._camera(number, meta.camera, starts.get("camera"), offset("camera")) if meta.camera else None,
            mic=audio["mic"],
            system_audio=audio["system_audio"],
            pointer=self._pointer(number, meta, display_path),
            keys=self._keys(number, meta, display_path),
            latest=latest,
            notch=(
                Notch(meta.display_notch.x, meta.display_notch.width, meta.display_notch.height)
                if meta.display_notch
                else None
            ),
        )

    def _start_times(self, number: int, meta: SegmentMeta) -> dict[str, Fraction]:
        """Start time of each track named in the metadata, whether or not its file is still there.

        A track whose file was lost since still counts for ``latest``: the cuts of the project were made against it.
        Empty when no track has one.
        """
        tracks: dict[str, VideoMeta | AudioMeta | None] = {
            "display": meta.display,
            "camera": meta.camera,
            "mic": meta.mic,
            "system_audio": meta.system_audio,
        }
        named = {name: track.start_time for name, track in tracks.items() if track is not None}
        known = {name: start for name, start in named.items() if start is not None}
        missing = sorted(set(named) - set(known))
        if not missing or not known:
            return known
        if self.unfinished and "display" in known:
            self.warnings.append(
                f"Segment {number}: no start time is known for {', '.join(missing)}; the screen's is used."
            )
            return {name: known.get(name, known["display"]) for name in named}
        if self.unfinished:
            self.warnings.append(f"Segment {number}: no start time is known for the screen; tracks start together.")
            return {}
        raise ProjectError(
            self.meta_file,
            key=self._key(number, f"{missing[0]}.start_time"),
            expected=f"a start time, as {', '.join(sorted(known))} has one (all tracks of a segment, or none)",
            given="nothing",
        )

    def _path(self, stored: str, key: str) -> Path:
        return local_path(self.root, stored, file=self.meta_file, key=key)

    def _display(self, number: int, meta: VideoMeta, start: Fraction | None, offset: Fraction) -> VideoTrack:
        track = self._video("display", number, meta, start, offset)
        if track is None:
            origin = self._path(meta.path, self._key(number, "display.path"))
            raise MissingInputError(f"{origin} does not exist. It is the screen track of segment {number}.")
        return track

    def _camera(self, number: int, meta: VideoMeta, start: Fraction | None, offset: Fraction) -> VideoTrack | None:
        origin = self._path(meta.path, self._key(number, "camera.path"))
        try:
            track = self._video("camera", number, meta, start, offset)
        except ProjectError:
            raise
        except InputError as error:
            self._absent("camera", number, str(error).rstrip("."))
            return None
        if track is None:
            self._absent("camera", number, f"{origin} does not exist")
        return track

    def _video(
        self, name: str, number: int, meta: VideoMeta, start: Fraction | None, offset: Fraction
    ) -> VideoTrack | None:
        origin = self._path(meta.path, self._key(number, f"{name}.path"))
        key, fps = f"{name}:{number}", as_fraction(meta.fps)

        def use(path: Path, found: Path) -> VideoTrack:
            return open_video(key, path, origin=found, fps=fps, start=start, offset=offset)

        track = open_first(video_candidates(origin), "video", self.workspace, self.warnings, use)
        return replace(track, keep=self.workspace) if track is not None else None

    def _audio(
        self, name: str, number: int, meta: AudioMeta, start: Fraction | None, offset: Fraction
    ) -> AudioTrack | None:
        label = {"mic": "microphone", "system_audio": "system audio"}[name]
        origin = self._path(meta.path, self._key(number, f"{name}.path"))
        shift = offset + timing_repair(meta)

        def use(path: Path, found: Path) -> AudioTrack:
            return open_audio(f"{name}:{number}", path, origin=found, start=start, offset=shift)

        try:
            track = open_first(audio_candidates(origin), "audio", self.workspace, self.warnings, use)
        except InputError as error:
            self._absent(label, number, str(error).rstrip("."))
            return None
        if track is None:
            self._absent(label, number, f"{origin} does not exist")
            return None
        return replace(track, keep=self.workspace)

    def _absent(self, label: str, number: int, reason: str) -> None:
        self.warnings.append(f"Segment {number} has no {label}: {reason}.")

    # Events

    def _pointer(self, number: int, meta: SegmentMeta, display: Path) -> PointerEvents:
        path = self._path(meta.cursor, self._key(number, "cursor")) if meta.cursor is not None else None
        if path is None or not path.is_file():
            beside = display.with_name("cursor.json")  # old recorders wrote it without naming it
            if not beside.is_file():
                if path is not None:
                    self._absent("pointer events", number, f"{path} does not exist")
                return PointerEvents()
            path = beside
        try:
            events, warnings = load_pointer(path)
        except ReelpressError as error:
            if not self.unfinished:
                raise
            self._absent("pointer events", number, str(error).rstrip("."))
            return PointerEvents()
        self.warnings.extend(warnings)
        return events

    def _keys(self, number: int, meta: SegmentMeta, display: Path) -> KeyEvents | None:
        named = self._path(meta.keyboard, self._key(number, "keyboard")) if meta.keyboard is not None else None
        candidates = [display.with_name("keyboard.bin"), display.with_name("keyboard.json")]
        path = next((p for p in ([named] if named else []) + candidates if p.is_file()), None)
        if path is None:
            if named is not None:
                self._absent("key events", number, f"{named} does not exist")
            return None
        try:
            return load_keys(path)
        except InputError as error:  # never drawn from here, so never worth failing for
            self._absent("key events", number, str(error).rstrip("."))
            return None

    def _pointer_images(self, meta: StudioMeta) -> dict[str, PointerImage]:
        images = {}
        for name, cursor in meta.cursors.items():
            path = self._path(cursor.image_path, f"cursors.{name}.imagePath")
            size = png_size(path)
            if size is None:
                what = "is no PNG file" if path.is_file() else "does not exist"
                self.warnings.append(f"The pointer image {path} {what}; that pointer is not drawn from it.")
                continue
            images[name] = PointerImage(path, *size, (cursor.hotspot.x, cursor.hotspot.y), cursor.shape)
        return images


def timing_repair(meta: AudioMeta) -> Fraction:
    """Seconds to add to the position in an audio file whose start was cut (cap-format 1.4, timing repair)."""
    gap = meta.gap_summary
    if gap is None or gap.startup_overlap_drops < _MIN_DROPS or gap.overlap_dropped_frames < _MIN_DROPS:
        return Fraction(0)
    if not _REPAIR_MS[0] <= gap.startup_overlap_trimmed_ms <= _REPAIR_MS[1]:
        return Fraction(0)
    return -as_fraction(gap.startup_overlap_trimmed_ms) / 1000


def _file(path: Path) -> Path | None:
    return path if path.is_file() else None


def is_cap(path: Path) -> bool:
    """A folder with recording metadata."""
    return (path / META).is_file()


__all__: list[str] = ["CAPTIONS", "META", "PROJECT", "is_cap", "load_cap", "timing_repair"]
