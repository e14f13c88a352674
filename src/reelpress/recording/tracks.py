"""Opening the tracks of a recording: probing files, joining fragments, measuring offsets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.errors import UnreadableInputError
from reelpress.media.index import build_index
from reelpress.media.probe import probe
from reelpress.recording.fragments import MIN_AUDIO_BYTES, is_fragmented, join_fragments
from reelpress.recording.model import AudioTrack, LazyIndex, VideoTrack

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reelpress.media.probe import AudioStreamInfo, MediaInfo
    from reelpress.recording.model import Workspace


def find_file(candidates: Iterable[Path], kind: str, workspace: Workspace, warnings: list[str]) -> Path | None:
    """The first candidate that is a file, or a folder of fragments (joined then); ``None`` when there is none.

    Raises:
        InputError: The fragments cannot be used.
    """
    for candidate in candidates:
        if candidate.is_file():
            return candidate
        if is_fragmented(candidate):
            path, notes = join_fragments(candidate, "video" if kind == "video" else "audio", workspace)
            warnings.extend(notes)
            return path
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
    return VideoTrack(
        key=key,
        path=path,
        fps=fps or video.average_fps,
        start_time=start,
        offset=offset,
        info=video,
        origin=origin,
        lazy_index=LazyIndex(lambda: build_index(path, stream)),
    )


def open_audio(key: str, path: Path, *, origin: Path, start: Fraction | None, offset: Fraction) -> AudioTrack | None:
    """Probe an audio file; ``None`` when it is too small to hold sound (cap-format 1.3).

    ``offset`` counts from the first sample, the track's own ``offset`` from the file's zero.

    Raises:
        InputError: It cannot be read or has no sound.
    """
    if path.is_file() and path.stat().st_size < MIN_AUDIO_BYTES:
        return None
    info = probe(path)
    if not info.audio:
        raise UnreadableInputError(f"{origin} has no audio stream.")
    stream = info.audio[0]
    first = audio_start(stream)
    return audio_track(key, info, stream, origin=origin, start=start, offset=offset + first)


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
