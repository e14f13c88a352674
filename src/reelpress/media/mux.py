"""Write an MP4: encoder sessions, interleaving, tags, and the index in front of the pictures.

Threads: ``Mp4Writer(...)`` opens everything and writes the header, so from then on ``video.*``, ``audio.*`` and
``mux``/``finish``/``abort`` may each run in a thread of their own at the same time: they touch three different
native objects. Two threads must not be in the same one of the three at once.
"""

from __future__ import annotations

import logging
import math
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import Flags as CodecFlags
from av.subtitles.codeccontext import SubtitleCodecContext
from av.video.codeccontext import VideoCodecContext

from reelpress.clock import AUDIO_RATE
from reelpress.errors import EncoderError, OutputError
from reelpress.media.codec_options import codec_of
from reelpress.media.encoder import AudioEncoderSpec, AudioSession, EncoderSpec, VideoSession
from reelpress.media.faststart import move_index_to_front
from reelpress.media.faults import writing
from reelpress.media.index_edit import edit_index, edits_for
from reelpress.media.labels import NO_LABELS, Labels, apply, set_language
from reelpress.media.opening import acceleration, configure, opened, refused
from reelpress.media.pipe import MOVFLAGS
from reelpress.media.text_track import CODEC, HEADER, TIMESCALE, TextTrackSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from av.container import OutputContainer
    from av.stream import Stream

    from reelpress.media.packets import EncodedPacket
    from reelpress.media.pipe import PipeSink

log = logging.getLogger(__name__)

BITEXACT = 0x400
"""AVFMT_FLAG_BITEXACT: no encoder tag, no creation time."""


IN_MP4 = ("mp4", "mov", "ipod")
"""The muxers of one family: with an index, tracks of their own time scales, edit lists."""

TAGS = {"hevc": "hvc1"}
"""Where the muxer's own sample entry is not the one that QuickTime plays (hev1)."""


class Mp4Writer:
    """One MP4 (or MOV, or WebM) being written to ``path``, whatever its suffix.

    The file says nothing about its maker: no encoder tag, no creation time, no option string.

    Args:
        path: Created, or emptied when it exists.
        video: What the pictures are.
        audio: ``None`` writes no audio track.
        text: ``None`` writes no subtitle track. Its samples come from ``text_packets`` and go to ``mux`` as they are,
            each before the pictures of its time. Players show the track when they are asked to.
        container: The library's name of the muxer: ``mp4``, ``mov`` or ``webm`` (no text, no index to move).
        faststart: Put the index in front of the pictures at the end, so that players on the web can start at once.
        labels: What the file says about itself.
        sink: Takes the bytes in place of ``path``, as fragments, because there is no way back in a pipe.
        parameter_sets: Gets the encoder's parameter sets (a byte stream with start codes) and returns those that the
            file shall have. Whoever rewrites the encoder's packets afterwards has to; what it raises comes through.

    Raises:
        OutputError: The file cannot be opened.
        EncoderError: The encoder refuses the settings.
        OutOfMemoryError: stage ``"encode"``.
    """

    _sink: PipeSink | None = None
    _labels: Labels = NO_LABELS

    def __init__(
        self,
        path: Path,
        *,
        video: EncoderSpec,
        audio: AudioEncoderSpec | None = None,
        text: TextTrackSettings | None = None,
        container: str = "mp4",
        faststart: bool = True,
        parameter_sets: Callable[[bytes], bytes] | None = None,
        labels: Labels = NO_LABELS,
        sink: PipeSink | None = None,
    ) -> None:
        self.path = path
        self.packets = 0
        """Packets written so far."""
        self.bytes = 0
        """Bytes of payload written so far."""
        self._faststart = faststart and container in IN_MP4 and sink is None
        self._sink = sink
        self._labels = labels
        if sink is not None:
            sink.begin()
        self._has_text = text is not None
        self._closed = False
        # An absolute path is never mistaken for a protocol ("a:b.mp4").
        self._container: OutputContainer = av.open(
            os.path.abspath(path) if sink is None else sink,
            "w",
            format=container,
            container_options={
                **({} if sink is None else {"movflags": MOVFLAGS}),
                **(_timescales(video.fps, audio is not None) if container in IN_MP4 else {}),
                # Behind its last sample a text track must not hold the others back for the usual ten seconds.
                **({"max_interleave_delta": "1000000"} if text is not None else {}),
            },
        )
        try:
            with writing(path, "encode"):
                self._container.flags |= BITEXACT
                self._streams: dict[str, Stream] = {}
                # Each encoder is opened by itself for a message that names the right one.
                self._streams["video"], pictures = _video_stream(self._container, video)
                opened(pictures, f"The video encoder {video.codec}")
                if parameter_sets is not None:
                    # libx264 has its own copy; FFmpeg takes the context's into the file when the header is written
                    pictures.extradata = parameter_sets(bytes(pictures.extradata or b""))
                sound: AudioCodecContext | None = None
                if audio is not None:
                    self._streams["audio"], sound = audio_stream(self._container, audio)
                    opened(sound, f"The audio encoder {audio.codec}")
                if text is not None:
                    self._streams["text"] = _text_stream(self._container, text)
                if audio is not None:
                    set_language(self._streams["audio"], labels.language)
                apply(self._container, labels, video.fps)
                self._container.start_encoding()
        except BaseException:
            if sink is not None:
                sink.stop()
            self._container.close()
            self._closed = True
            raise
        self.video = VideoSession(pictures, video)
        self.audio = None if sound is None or audio is None else AudioSession(sound, audio, str(path))

    def mux(self, packets: Iterable[EncodedPacket]) -> None:
        """Write packets; each stream's in the order they were encoded, the streams in any order.

        Raises:
            OutputError: Disk full, file gone.
        """
        with writing(self.path, "mux"):
            for packet in packets:
                stream = self._streams.get(packet.kind)
                if stream is None:
                    raise EncoderError(
                        f"Got a packet of {packet.kind} for a file that was opened without {packet.kind}."
                    )
                native: av.Packet[Any] = av.Packet(packet.data)
                native.stream = stream
                native.pts, native.dts, native.duration = packet.pts, packet.dts, packet.duration
                native.time_base = packet.time_base
                native.is_keyframe = packet.is_key
                if self._sink is not None:
                    self._sink.note(packet)
                self._container.mux_one(native)
                self.packets += 1
                self.bytes += packet.size

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """Write the index, close the file and move the index to the front.

        Args:
            cancelled: Asked every few megabytes while moving; True raises Cancelled.
            progress: Called every few megabytes while moving.

        Raises:
            OutputError: Disk full.
            Cancelled: ``cancelled`` said so; the file is then useless.
        """
        if self._closed:
            raise OutputError(f"{self.path} is already closed.")
        self._closed = True
        with writing(self.path, "mux"):
            self._container.close()
            if self._faststart:
                move_index_to_front(self.path, cancelled=cancelled, progress=progress)
            if self._sink is None:
                edit_index(self.path, edits_for(self._container.format.name, self._labels, has_text=self._has_text))

    def abort(self) -> None:
        """Close the file without finishing it; the caller removes it. Never raises; harmless after ``finish``."""
        if self._closed:
            return
        self._closed = True
        if self._sink is not None:
            self._sink.stop()
        try:
            self._container.close()
        except (av.FFmpegError, OSError, MemoryError, ValueError) as fault:
            log.debug("closing %s after a failure: %s", self.path, fault)


def _video_stream(container: OutputContainer, spec: EncoderSpec) -> tuple[Stream, VideoCodecContext]:
    with refused(spec):
        stream = container.add_stream(spec.codec, rate=spec.fps, options=spec.options(), hwaccel=acceleration(spec))
    context = stream.codec_context
    assert isinstance(context, VideoCodecContext)
    configure(context, spec)
    if (tag := TAGS.get(codec_of(spec.codec))) is not None and container.format.name in IN_MP4:
        context.codec_tag = tag
    return stream, context


def audio_stream(container: OutputContainer, spec: AudioEncoderSpec) -> tuple[Stream, AudioCodecContext]:
    stream = container.add_stream(spec.codec, rate=AUDIO_RATE, options=dict(spec.extra))
    context = stream.codec_context
    assert isinstance(context, AudioCodecContext)
    context.bit_rate = spec.bit_rate
    context.layout = "stereo"
    context.format = spec.sample_format
    context.flags |= CodecFlags.bitexact.value
    return stream, context


def _text_stream(container: OutputContainer, settings: TextTrackSettings) -> Stream:
    stream = container.add_stream(CODEC)
    context = stream.codec_context
    assert isinstance(context, SubtitleCodecContext)
    context.subtitle_header = HEADER
    context.time_base = stream.time_base = Fraction(1, TIMESCALE)
    set_language(stream, settings.language)
    # Only opened, for the sample description that it makes; the samples are made by text_track.
    opened(context, f"The subtitle encoder {CODEC}")
    return stream


def _timescales(fps: Fraction, with_audio: bool) -> dict[str, str]:
    return {
        "movie_timescale": str(movie_timescale(fps, with_audio)),
        "video_track_timescale": str(_track_timescale(fps)),
    }


def _track_timescale(fps: Fraction) -> int:
    """Ticks a second of the video track: the rate's numerator, doubled to at least 10000, so a frame is whole ticks."""
    scale = fps.numerator
    while scale < 10_000:
        scale *= 2
    return scale


def movie_timescale(fps: Fraction, with_audio: bool) -> int:
    """Ticks a second of the edit lists and of chapters: frames are whole in it, and both tracks' lengths where that
    needs no huge number."""
    track = _track_timescale(fps)
    both = math.lcm(track, AUDIO_RATE) if with_audio else track
    return both if both <= 1_000_000 else track
