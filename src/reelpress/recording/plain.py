"""Any video file, or a local HLS playlist, as a recording with a display track and its sound.

Sync is by the streams' own time stamps: t_src 0 is the presentation time of the first video frame that is shown, and
the sound keeps its distance to it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.media.probe import probe
from reelpress.recording.model import Recording, RecordingKind, RecordingSegment
from reelpress.recording.tracks import audio_track, video_track

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.media.probe import AudioStreamInfo, MediaInfo


def load_plain(path: Path) -> Recording:
    """Read a video file or playlist.

    Raises:
        MissingInputError, UnreadableInputError, UnsupportedInputError: See ``media.probe``; no video stream.
    """
    segment, warnings = open_single(path)
    return Recording(
        kind=RecordingKind.PLAIN,
        name=path.stem,
        root=path.parent,
        source=path,
        segments=(segment,),
        warnings=warnings,
    )


def open_single(path: Path) -> tuple[RecordingSegment, tuple[str, ...]]:
    """A segment made of one file with picture and sound, and warnings.

    Raises:
        InputError: The file cannot be read or has no video.
    """
    info = probe(path)
    display = video_track("display:0", info, origin=path, fps=None, start=None, offset=Fraction(0))
    warnings: list[str] = []
    stream = choose_audio(info, warnings)
    sound = None
    if stream is not None:
        index = display.index
        zero = index.start * index.time_base
        sound = audio_track("system_audio:0", info, stream, origin=path, start=None, offset=zero)
    return RecordingSegment(index=0, display=display, system_audio=sound), tuple(warnings)


def choose_audio(info: MediaInfo, warnings: list[str]) -> AudioStreamInfo | None:
    """The audio stream that is used: the one marked as default, else the first."""
    usable = [stream for stream in info.audio if stream.channels > 0 and stream.sample_rate > 0]
    if not usable:
        if info.audio:
            warnings.append(f"{info.path} has sound in a form that cannot be decoded; it is left out.")
        return None
    chosen = next((stream for stream in usable if getattr(stream, "default", False)), usable[0])
    if len(usable) > 1:
        warnings.append(
            f"{info.path} has {len(usable)} audio tracks; number {usable.index(chosen) + 1} "
            f"({chosen.codec}, {chosen.sample_rate} Hz, {chosen.channels} channels) is used."
        )
    return chosen
