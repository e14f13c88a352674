"""Opening the tracks of a recording: probing files, joining fragments, measuring offsets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeVar

from reelpress.errors import InputError, UnreadableInputError
from reelpress.media.index import build_index
from reelpress.media.probe import probe
from reelpress.recording.fragments import MIN_AUDIO_BYTES, is_fragmented, join_fragments
from reelpress.recording.model import AudioTrack, LazyIndex, VideoTrack
from reelpress.recording.naming import called

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reelpress.media.index import FrameIndex
    from reelpress.media.probe import AudioStreamInfo, MediaInfo
    from reelpress.recording.model import Workspace

T = TypeVar("T")


def open_first(
    candidates: Iterable[Path],
    kind: Literal["video", "audio"],
    workspace: Workspace,
    warnings: list[str],
    use: Callable[[Path, Path], T],
) -> T | None:
    """What ``use(file, candidate)`` makes of the first it can open; ``None`` when there is no candidate at all.

    A candidate is a file, or a folder of fragments (joined first). One that cannot be used is passed over with a
    warning if a later one can: a crash may leave a useless ``display.mp4`` beside whole fragments. Audio files too
    small to hold sound are passed over (cap-format 1.3).

    Raises:
        InputError: There are candidates and none can be used; about the first.
    """
    failure: InputError | None = None
    for candidate in candidates:
        notes: tuple[str, ...] = ()
        try:
            if candidate.is_file():
                if kind == "audio" and candidate.stat().st_size < MIN_AUDIO_BYTES:
                    raise UnreadableInputError(f"{candidate} is too small to hold sound.")
                path = candidate
            elif is_fragmented(candidate):
                path, notes = join_fragments(candidate, kind, workspace)
            else:
                continue
            with called(path, candidate):
                opened = use(path, candidate)
        except InputError as error:
            failure = failure or error
            continue
        warnings.extend(notes)
        if failure is not None:
            warnings.append(f"{candidate} is used in its place: {failure}")
        return opened
    if failure is not None:
        raise failure
    return None


def open_video(
    key: str, path: Path, *, origin: Path, fps: Fraction | None, start: Fraction | None, offset: Fraction
) -> VideoTrack:
    """Probe a video file; the frame index is built later.

    Raises:
        InputError: It cannot be read or has no video.
    """
    return video_track(key, probe(path), origin=origin, fps=fps, start=start, offset=offset)


def video_track(
    key: str, info: MediaInfo, *, origin: Path, fps: Fraction | None, start: Fraction | None, offset: Fraction
) -> VideoTrack:
    """The video track of a probed file.

    Raises:
        UnreadableInputError: It has no video.
    """
    video = info.video
    if video is None:
        raise UnreadableInputError(f"{origin} has no video stream.")
    path, stream = info.path, video.index

    def index() -> FrameIndex:
        with called(path, origin):
            return build_index(path, stream)

    return VideoTrack(
        key=key,
        path=path,
        fps=fps or video.average_fps,
        start_time=start,
        offset=offset,
        info=video,
        origin=origin,
        lazy_index=LazyIndex(index),
    )


def open_audio(key: str, path: Path, *, origin: Path, start: Fraction | None, offset: Fraction) -> AudioTrack:
    """Probe an audio file. ``offset`` counts from the first sample, the track's own ``offset`` from the file's zero.

    Raises:
        InputError: It cannot be read or has no sound.
    """
    info = probe(path)
    if not info.audio:
        raise UnreadableInputError(f"{origin} has no audio stream.")
    stream = info.audio[0]
    return audio_track(key, info, stream, origin=origin, start=start, offset=offset + audio_start(stream))


def audio_track(
    key: str, info: MediaInfo, stream: AudioStreamInfo, *, origin: Path, start: Fraction | None, offset: Fraction
) -> AudioTrack:
    """One audio stream of a probed file; presentation time in the file = t_src + ``offset``."""
    duration = None if stream.duration is None else stream.duration * stream.time_base
    if duration is None:
        duration = info.duration
    return AudioTrack(
        key=key,
        path=info.path,
        stream=stream.index,
        start_time=start,
        offset=offset,
        info=stream,
        origin=origin,
        duration=duration,
        file_start=audio_start(stream),
    )


def audio_start(stream: AudioStreamInfo) -> Fraction:
    """Presentation time of the first audible sample, in seconds.

    A start before zero is the encoder's priming (AAC, Opus): it is decoded and thrown away, the sound begins at 0.
    """
    return max(Fraction(0), (stream.start or 0) * stream.time_base)
