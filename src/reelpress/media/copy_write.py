"""Write an MP4 that is made of copied packets, with sound that is copied too or encoded."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from reelpress.clock import AUDIO_RATE
from reelpress.media._av import open_input
from reelpress.media.encoder import (
    MATRIX_POINT,
    PRIMARIES_POINT,
    RANGE_POINT,
    TRANSFER_POINT,
    AudioEncoderSpec,
    AudioSession,
)
from reelpress.media.faults import writing
from reelpress.media.labels import NO_LABELS, Labels, apply
from reelpress.media.mux import BITEXACT, Mp4Writer, audio_stream
from reelpress.media.opening import opened

if TYPE_CHECKING:
    from pathlib import Path

    from av.stream import Stream

    from reelpress.color import ColorSpec


@dataclass(frozen=True, slots=True)
class CopyTracks:
    """What a file of copied packets is opened with."""

    path: Path
    """File whose stream is taken over."""
    stream: int
    avcc: bytes
    """Codec private data of the new track."""
    color: ColorSpec
    scale: int
    """Ticks a second of the video track."""
    sound: tuple[Path, int] | None = None
    """File and stream of sound that is copied too."""
    audio: AudioEncoderSpec | None = None
    """How other sound is encoded."""
    rate: Fraction = field(default=Fraction(30))
    """Frames a second on average, for the header."""
    labels: Labels = NO_LABELS
    """What the file says about itself."""
    fps: Fraction = field(default=Fraction(30))
    """In which ``labels`` count frames."""


class CopyWriter(Mp4Writer):
    """An :class:`Mp4Writer` whose pictures come as packets of the source: ``mux``, ``finish`` and ``abort`` are its.

    Raises:
        OutputError, EncoderError, InputError: As their names say.
    """

    def __init__(self, path: Path, tracks: CopyTracks) -> None:
        self.path = path
        self.packets = self.bytes = 0
        self._faststart, self._has_text, self._closed = True, False, False
        self._labels = tracks.labels
        rate = AUDIO_RATE
        if tracks.sound is not None:
            with open_input(tracks.sound[0]) as source:
                heard: Any = source.streams[tracks.sound[1]]
                rate = int(heard.codec_context.sample_rate)
        movie = math.lcm(tracks.scale, rate) if tracks.sound is not None or tracks.audio is not None else tracks.scale
        self._container = av.open(
            os.path.abspath(path),
            "w",
            format="mp4",
            container_options={
                "movie_timescale": str(movie if movie <= 1_000_000 else tracks.scale),
                "video_track_timescale": str(tracks.scale),
            },
        )
        try:
            with writing(path, "mux"):
                self._container.flags |= BITEXACT
                self._streams: dict[str, Stream] = {}
                with open_input(tracks.path, only=tracks.stream) as source:
                    video: Any = self._container.add_stream_from_template(source.streams[tracks.stream])
                context = video.codec_context
                context.extradata = tracks.avcc
                context.colorspace = MATRIX_POINT[tracks.color.matrix]
                context.color_primaries = PRIMARIES_POINT[tracks.color.primaries]
                context.color_trc = TRANSFER_POINT[tracks.color.transfer]
                context.color_range = RANGE_POINT[tracks.color.range]
                video.time_base = Fraction(1, tracks.scale)
                self._streams["video"] = video
                session: AudioSession | None = None
                if tracks.sound is not None:
                    with open_input(tracks.sound[0], only=tracks.sound[1]) as source:
                        sound: Any = self._container.add_stream_from_template(source.streams[tracks.sound[1]])
                    sound.time_base = Fraction(1, rate)
                    self._streams["audio"] = sound
                elif tracks.audio is not None:
                    self._streams["audio"], encoder = audio_stream(self._container, tracks.audio)
                    opened(encoder, f"The audio encoder {tracks.audio.codec}")
                    session = AudioSession(encoder, tracks.audio, str(path))
                if "audio" in self._streams:
                    # of sound that is copied the source's own language would come along
                    self._streams["audio"].metadata["language"] = tracks.labels.language
                apply(self._container, tracks.labels, tracks.fps)
                self._container.start_encoding()
        except BaseException:
            self._container.close()
            self._closed = True
            raise
        self.audio = session
