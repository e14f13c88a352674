"""Files of sound alone: AAC in M4A, PCM in WAV."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from reelpress.clock import AUDIO_RATE
from reelpress.errors import Cancelled, OutputError
from reelpress.media._av import AV_ERRORS
from reelpress.media.encoder import AAC_FRAME, AudioEncoderSpec, AudioSession
from reelpress.media.faststart import move_index_to_front
from reelpress.media.faults import writing
from reelpress.media.index_edit import edit_index, edits_for
from reelpress.media.labels import NO_LABELS, Labels, apply, set_language
from reelpress.media.mux import BITEXACT, IN_MP4, audio_stream, movie_timescale
from reelpress.media.opening import opened
from reelpress.media.verify.container import codec_of
from reelpress.media.verify.container import opened as reading
from reelpress.media.verify.verdict import VerifyResult, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reelpress.media.packets import EncodedPacket


class SoundWriter:
    """One sound file being written to ``path``. One thread.

    Args:
        path: Created, or emptied when it exists.
        spec: What the sound is.
        container: The library's name of the muxer: ``ipod`` (M4A) or ``wav``.
        labels: What the file says about itself.
        fps: In which ``labels`` count frames.

    Raises:
        OutputError: The file cannot be opened.
        EncoderError: The encoder refuses the settings.
    """

    def __init__(
        self,
        path: Path,
        spec: AudioEncoderSpec,
        container: str,
        labels: Labels = NO_LABELS,
        fps: Fraction = Fraction(30),
    ) -> None:
        self._path, self._indexed, self._labels = path, container in IN_MP4, labels
        self._closed = False
        # A thousandth of a second, the muxer's own unit, holds neither frames nor the sound's length.
        unit = {"movie_timescale": str(movie_timescale(fps, with_audio=True))} if self._indexed else {}
        self._container = av.open(os.path.abspath(path), "w", format=container, container_options=unit)
        try:
            with writing(path, "audio"):
                self._container.flags |= BITEXACT
                self._stream, context = audio_stream(self._container, spec)
                opened(context, f"The audio encoder {spec.codec}")
                if self._indexed:  # others have no tracks
                    set_language(self._stream, labels.language)
                apply(self._container, labels, fps)
                self._container.start_encoding()
        except BaseException:
            self.abort()
            raise
        self.audio = AudioSession(context, spec, str(path))

    def mux(self, packets: Iterable[EncodedPacket]) -> None:
        """Write packets in order.

        Raises:
            OutputError: Disk full, file gone.
        """
        with writing(self._path, "mux"):
            for packet in packets:
                native: av.Packet[Any] = av.Packet(packet.data)
                native.stream = self._stream
                native.pts, native.dts, native.duration = packet.pts, packet.dts, packet.duration
                native.time_base = packet.time_base
                native.is_keyframe = True
                self._container.mux_one(native)

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """Close the file, with its index in front.

        Raises:
            OutputError: Disk full.
            Cancelled: ``cancelled`` said so; the file is then useless.
        """
        if self._closed:
            raise OutputError(f"{self._path} is already closed.")
        self._closed = True
        with writing(self._path, "mux"):
            self._container.close()
            if self._indexed:
                move_index_to_front(self._path, cancelled=cancelled, progress=progress)
            edit_index(self._path, edits_for(self._container.format.name, self._labels))

    def abort(self) -> None:
        """Close the file without finishing it. Never raises; harmless after ``finish``."""
        if not self._closed:
            self._closed = True
            try:
                self._container.close()
            except (*AV_ERRORS, OSError, MemoryError, ValueError):
                return


def verify_sound(
    path: Path,
    spec: AudioEncoderSpec,
    samples: int,
    *,
    chapters: bool = False,
    heartbeat: Callable[[], None],
    cancelled: Callable[[], bool],
) -> VerifyResult:
    """Read a sound file back: one track of 48 kHz stereo and nothing else, decoded whole, as long as planned.

    Args:
        path: The file.
        spec: As it was written.
        chapters: There is a track of chapters beside it.
        samples: Its length at 48 kHz. PCM has just these; AAC up to two of its frames more.
        heartbeat, cancelled: As in ``verify``.

    Raises:
        VerifyError: The first difference.
        OutputError: It cannot be read at all any more.
        Cancelled: ``cancelled`` said so.
    """
    found = 0
    with reading(path) as container:
        kinds = [stream.type for stream in container.streams]
        if kinds != ["audio", "data"][: 1 + chapters]:
            raise wrong(f"it has tracks of {', '.join(kinds)} instead of one of sound")
        track: Any = container.streams[0]
        context = codec_of(track)
        name = "aac" if spec.codec == "aac" else spec.codec
        if (context.name, context.sample_rate, context.channels) != (name, AUDIO_RATE, 2):
            raise wrong(f"its sound is {context.name}, {context.sample_rate} Hz, {context.channels} channels")
        context.options = {"err_detect": "explode"}
        try:
            for packet in container.demux(track):
                for frame in packet.decode():
                    found += frame.samples
                    if frame.format.is_planar and not np.isfinite(frame.to_ndarray()).all():
                        raise wrong("its sound holds what is no number")
                heartbeat()
                if cancelled():
                    raise Cancelled("The export was cancelled.")
        except AV_ERRORS as fault:
            raise wrong(f"its sound cannot be decoded after {found} samples ({fault})") from fault
    slack = 2 * AAC_FRAME if spec.codec == "aac" else 0
    if not samples <= found <= samples + slack:
        raise wrong(f"it lasts {found / AUDIO_RATE:.6f} s instead of {samples / AUDIO_RATE:.6f} s")
    return VerifyResult(0, Fraction(samples, AUDIO_RATE), 0, 0, ("track", "length", "decoded all"))
