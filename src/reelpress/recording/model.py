"""WHAT was captured: the read-only types that every later layer works on.

Times. ``t_src`` is the time inside one recording segment, in seconds as ``Fraction``. Each track says where that
is in its own file: ``position = t_src + offset`` (cap-format 1.4, each offset counted once).

- For a ``VideoTrack`` position 0 is the presentation time of the first frame that is really shown.
- For an ``AudioTrack`` the position is the file's own presentation time, so it can go straight into an audio span.

Everything here is frozen and may be shared between threads. The frame index of a video track is read on first use.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reelpress.clock import shown_tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from reelpress.media.index import FrameIndex
    from reelpress.media.probe import AudioStreamInfo, VideoStreamInfo


class RecordingKind(StrEnum):
    """Where a recording came from."""

    CAP_STUDIO = "cap-studio"
    CAP_INSTANT = "cap-instant"
    PLAIN = "plain"


class LazyIndex:
    """The frame index of one track, built on first use and shared by all copies of the track. Thread-safe."""

    def __init__(self, build: Callable[[], FrameIndex]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._index: FrameIndex | None = None

    def get(self) -> FrameIndex:
        """The index.

        Raises:
            UnreadableInputError: The stream has no packets.
        """
        with self._lock:
            if self._index is None:
                self._index = self._build()
            return self._index


@dataclass(frozen=True)
class VideoTrack:
    """One video track of one segment."""

    key: str
    """``display:0``, ``camera:1``: kind and segment index. Layers name their source with it."""
    path: Path
    """A file that can be opened: the recorded one, or a private joined copy of a fragmented track."""
    fps: Fraction | None
    """Declared frame rate (Cap's metadata), or the measured average of a plain video; never used for timing."""
    start_time: Fraction | None
    """Seconds from the segment's epoch, as recorded."""
    offset: Fraction
    """Seconds; position in the own file = t_src + offset."""
    info: VideoStreamInfo
    origin: Path
    """What the user has of it: the recorded file, or the folder of its pieces; for messages."""
    lazy_index: LazyIndex = field(compare=False, repr=False)
    keep: object = field(default=None, compare=False, repr=False)
    """Keeps a temporary file alive as long as this track is."""

    @property
    def index(self) -> FrameIndex:
        """Presentation times of the frames that are really shown; scans the packets on first use."""
        return self.lazy_index.get()

    @property
    def duration(self) -> Fraction:
        """Seconds from the first shown frame to the end of the last one."""
        return self.index.duration

    @property
    def end(self) -> Fraction:
        """Where the track ends, as t_src in seconds."""
        return self.duration - self.offset

    def frame_at(self, t_src: Fraction) -> int:
        """Ordinal of the newest frame shown at ``t_src``, clamped to the track; see ``clock.shown_tick``."""
        index = self.index
        return index.ordinal_at(index.start + shown_tick(t_src + self.offset, index.time_base))


@dataclass(frozen=True)
class AudioTrack:
    """One audio track of one segment."""

    key: str
    """``mic:0``, ``system_audio:0``; the sound of a plain or instant recording is ``system_audio:0``."""
    path: Path
    stream: int
    """Index of the stream in the container."""
    start_time: Fraction | None
    """Seconds from the segment's epoch, as recorded."""
    offset: Fraction
    """Seconds; presentation time in the own file = t_src + offset."""
    info: AudioStreamInfo
    origin: Path
    duration: Fraction | None = None
    """Seconds of sound, where the container says."""
    file_start: Fraction = Fraction(0)
    """Presentation time of the first sample in the own file, in seconds."""
    keep: object = field(default=None, compare=False, repr=False)

    @property
    def end(self) -> Fraction | None:
        """Where the sound ends, as t_src in seconds; ``None`` when the container does not say."""
        return None if self.duration is None else self.file_start + self.duration - self.offset


class PointerMove(NamedTuple):
    """The pointer is at (x, y), fractions of the captured area (may lie outside 0..1), from ``time_ms`` on."""

    time_ms: float
    x: float
    y: float
    cursor_id: str


class PointerClick(NamedTuple):
    """A button goes down or up. ``button`` is Cap's ``cursor_num``."""

    time_ms: float
    down: bool
    button: int
    cursor_id: str


@dataclass(frozen=True)
class PointerEvents:
    """Pointer events of a segment, sorted by time. Milliseconds since the segment's epoch.

    Event time of ``t_src`` is ``(t_src + latest) * 1000`` (cap-format 1.4); see ``RecordingSegment.event_ms``.
    """

    moves: tuple[PointerMove, ...] = ()
    clicks: tuple[PointerClick, ...] = ()
    _times: tuple[float, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_times", tuple(move.time_ms for move in self.moves))

    def __bool__(self) -> bool:
        return bool(self.moves or self.clicks)

    def raw_index(self, ms: float | Fraction) -> int:
        """Index of the last move at or before ``ms``; -1 before the first."""
        return bisect_right(self._times, ms) - 1

    def raw_at(self, ms: float | Fraction) -> PointerMove | None:
        """The last move at or before ``ms``; ``None`` before the first."""
        index = self.raw_index(ms)
        return self.moves[index] if index >= 0 else None


class KeyPress(NamedTuple):
    """A key goes down or up."""

    time_ms: float
    key: str
    key_code: str
    down: bool


@dataclass(frozen=True)
class KeyEvents:
    """Key events of a segment, sorted by time. Export draws only what the editor derived from them."""

    presses: tuple[KeyPress, ...] = ()


@dataclass(frozen=True)
class Notch:
    """The display's notch, as fractions of the display."""

    x: float
    width: float
    height: float


@dataclass(frozen=True)
class PointerImage:
    """A captured pointer image."""

    path: Path
    """A PNG file that exists."""
    width: int
    """Pixels."""
    height: int
    hotspot: tuple[float, float]
    """Fractions of the image."""
    shape: str | None
    """``"<OS>|<Name>"``, for example ``MacOS|Arrow``; ``None`` when the recorder did not know."""


@dataclass(frozen=True)
class RecordingSegment:
    """What was recorded between two pauses."""

    index: int
    display: VideoTrack
    camera: VideoTrack | None = None
    mic: AudioTrack | None = None
    system_audio: AudioTrack | None = None
    pointer: PointerEvents = field(default_factory=PointerEvents)
    """Empty when none were recorded."""
    keys: KeyEvents | None = None
    latest: Fraction | None = None
    """Start of the track that started last, seconds from the epoch; ``None`` when the tracks have no start times."""
    notch: Notch | None = None

    @property
    def length(self) -> Fraction:
        """Seconds of t_src until the last of display, camera and microphone ends (cap-format 2.1, ``timeline``)."""
        ends = [self.display.end]
        if self.camera is not None:
            ends.append(self.camera.end)
        if self.mic is not None and self.mic.end is not None:
            ends.append(self.mic.end)
        return max(ends)

    def event_ms(self, t_src: Fraction) -> Fraction:
        """Pointer and key event time of ``t_src``, in milliseconds (cap-format 1.4)."""
        return (t_src + (self.latest or 0)) * 1000

    @property
    def audio_tracks(self) -> tuple[AudioTrack, ...]:
        """Microphone and system audio, those that exist."""
        return tuple(track for track in (self.mic, self.system_audio) if track is not None)

    @property
    def video_tracks(self) -> tuple[VideoTrack, ...]:
        """Display and camera, those that exist."""
        return (self.display,) if self.camera is None else (self.display, self.camera)


_workspaces: weakref.WeakSet[Workspace] = weakref.WeakSet()


class Workspace:
    """A private temporary folder for joined tracks, made on first use and removed when nobody needs it any more.

    Shared by all copies of a recording, so that a copy outlives the original. Removed by ``close``, by the garbage
    collector or at exit, whichever comes first.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        _workspaces.add(self)
        self._remove: weakref.finalize[[str], Workspace] | None = None

    def folder(self) -> Path:
        """The folder, in the system's place for temporary files, readable by this user only."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="reelpress-"))
            self._remove = weakref.finalize(self, _remove_tree, str(self._folder))
        return self._folder

    def close(self) -> None:
        """Remove the folder; calling it twice is harmless."""
        if self._remove is not None:
            self._remove()
        self._folder = None


def remove_workspaces() -> None:
    """Remove the temporary folders of all recordings, for a process that ends without running its finalisers."""
    for workspace in list(_workspaces):
        workspace.close()


def _remove_tree(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Recording:
    """A recording and everything that came with it. Nothing in it is ever written to.

    Use it as a context manager, or call ``close``: fragmented tracks were joined into private temporary files.
    """

    kind: RecordingKind
    name: str
    root: Path
    """The ``.cap`` folder, or the folder of a plain video."""
    source: Path
    """What the caller gave: the folder or the file."""
    segments: tuple[RecordingSegment, ...]
    pointer_images: Mapping[str, PointerImage] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    project_file: Path | None = None
    """``project-config.json`` of a ``.cap`` folder, if there is one."""
    captions_file: Path | None = None
    """``captions.json`` of a ``.cap`` folder, if there is one."""
    lost_segments: tuple[int, ...] = ()
    """Segments that the metadata names and that could not be recovered (after a crash)."""
    platform: str | None = None
    """``MacOS``, ``Windows``, ``Linux`` as the recorder wrote it."""
    workspace: Workspace = field(default_factory=Workspace, compare=False, repr=False)

    @property
    def has_project_file(self) -> bool:
        """Whether the recording brought its own edit description."""
        return self.project_file is not None

    @property
    def is_cap(self) -> bool:
        """A Cap project, studio or instant."""
        return self.kind is not RecordingKind.PLAIN

    def tracks(self) -> Iterator[VideoTrack]:
        """All video tracks of all segments."""
        for segment in self.segments:
            yield from segment.video_tracks

    def track(self, key: str) -> VideoTrack:
        """The video track named ``key`` (``display:0``).

        Raises:
            KeyError: There is no such track.
        """
        for track in self.tracks():
            if track.key == key:
                return track
        raise KeyError(key)

    def by_origin(self, text: str) -> str:
        """``text`` with tracks called what the source calls them, not by the file that they were joined into."""
        for segment in self.segments:
            named = [(track.path, track.origin) for track in segment.video_tracks]
            named += [(track.path, track.origin) for track in segment.audio_tracks]
            for path, origin in named:
                if path != origin:
                    text = text.replace(str(path), str(origin))
        return text

    def with_segments(self, segments: tuple[RecordingSegment, ...]) -> Recording:
        """The same recording with other segments (offsets of a project applied, for example)."""
        return replace(self, segments=segments)

    def close(self) -> None:
        """Remove temporary files; calling it twice is harmless. Tracks that were joined cannot be opened after it."""
        self.workspace.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
