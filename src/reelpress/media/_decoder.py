"""One run of a decoder: packets in, frames out in presentation order. Private to ``media``."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from reelpress.errors import Cancelled
from reelpress.media._av import (
    AV_ERRORS,
    as_input_error,
    input_errors,
    open_input,
    out_of_memory,
    packets_of,
    reason,
    stream_of,
)
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame


class DecoderRun:
    """An open file, positioned somewhere, that gives out its frames. Errors of single packets are collected.

    With ``hardware`` a chip decodes (a device type of FFmpeg's), until :meth:`use_one_thread` says otherwise.
    With ``threads`` above 1 FFmpeg's frame threads are used: more throughput, but an error shows up with a later
    packet, and closing after an error needs care (see :meth:`close`).

    Attributes:
        failed: Packets that could not be decoded since the last seek, by presentation ticks.
        error: The last decoding error, or ``None``.
        from_start: The run began at the first packet of the file.
        pristine: The decoder has seen nothing but this run.
        tainted: The decoder met damage. That leaves traces which outlast key frames and even flushing (measured:
            single pixels of H.264 off by one, 150 frames later), so that pictures would depend on the way they were
            reached: the next :meth:`seek` opens a new decoder.
    """

    def __init__(
        self,
        path: Path,
        stream: int,
        threads: int,
        cancel: Callable[[], bool] | None,
        *,
        hardware: str | None = None,
    ) -> None:
        self._container: InputContainer | None = None
        self._path, self._index, self._cancel = path, stream, cancel
        self.threads = threads
        self.hardware = hardware
        self.tainted = False
        self.pristine = True
        self.failed: set[int] = set()
        self.error: str | None = None
        self.from_start = True
        self._open()

    def _open(self) -> None:
        self.tainted = False
        self.pristine = True
        container = open_input(self._path, only=self._index, device=self.hardware)
        self._container = container
        with input_errors(self._path):
            stream: Any = stream_of(container, self._index, self._path)
            self._stream = stream
            context = stream.codec_context
            threads = 1 if self.hardware is not None else self.threads
            context.thread_type = "FRAME" if threads > 1 else "NONE"
            context.thread_count = threads
            # Finds damage that would otherwise pass as a picture (H.264: data left over after the last macroblock).
            # None of the intact files at hand is reported by it.
            context.options = {"err_detect": "crccheck+aggressive"}
            self._reorder = int(context.reorder_depth)
            self._restart()
        self.from_start = True

    def _restart(self) -> None:
        assert self._container is not None
        self._packets = packets_of(self._container, self._stream)
        self._frames: deque[VideoFrame] = deque()
        self._need_key = False
        self._ended = False
        self._untouched = True
        self.failed = set()
        self.error = None

    def seek(self, ticks: int | None) -> None:
        """Go to the last key frame at or before ``ticks``; ``None`` goes back to the first packet."""
        if not self._untouched:
            self._drain()
        if self.tainted or (ticks is None and not self._untouched):
            self.close()
            self._open()
        if ticks is None:
            return
        assert self._container is not None
        self.pristine = self._untouched
        self._packets.close()
        try:
            self._container.seek(ticks, stream=self._stream)
        except AV_ERRORS:  # a format that cannot seek: begin again
            self.close()
            self._open()
            return
        self._restart()
        # Seeking made FFmpeg forget how many frames it must hold back for reordering; streams that do not say it
        # themselves would come out in the wrong order at first.
        context = self._stream.codec_context
        context.reorder_depth = max(self._reorder, int(context.reorder_depth))
        # Some formats land between key frames (MPEG-TS); what comes before the key frame is useless.
        self._untouched = False
        self._need_key = True
        self.from_start = False

    def use_one_thread(self) -> None:
        """No frame threads and no chip from the next :meth:`seek` on: what comes then is the last word."""
        self.threads = 1
        self.hardware = None
        self.tainted = True

    def _drain(self) -> None:
        """Take what is still inside the decoder before it is flushed, only to learn whether it is damaged."""
        if self._ended:
            return
        try:
            frames = self._stream.codec_context.decode(None)
        except AV_ERRORS:
            self.tainted = True
        else:
            self.tainted = self.tainted or any(frame.is_corrupt for frame in frames)

    def next(self) -> VideoFrame | None:
        """The next frame, or ``None`` at the end of the file.

        Raises:
            Cancelled: ``cancel`` said so between two packets.
            InputError: Reading (not decoding) failed.
        """
        while not self._frames and not self._ended:
            if self._cancel is not None and self._cancel():
                raise Cancelled("The export was cancelled.")
            self._feed()
            beat()
        return self._frames.popleft() if self._frames else None

    def _feed(self) -> None:
        self._untouched = False
        try:
            packet = next(self._packets, None)
        except AV_ERRORS as error:
            if out_of_memory(error):
                raise as_input_error(error, self._path) from error
            # The file is cut off or damaged here: what was read so far is still good.
            self.error = reason(error)
            packet = None
        if packet is None:
            self._ended = True
            return
        end = packet.size == 0 and packet.pts is None and packet.dts is None
        if self._need_key and not end:
            if not packet.is_keyframe:
                return
            self._need_key = False
        try:
            frames = self._stream.codec_context.decode(None if end else packet)
            self.tainted = self.tainted or any(frame.is_corrupt for frame in frames)
            self._frames.extend(frames)
        except EOFError:
            self._ended = True
        except AV_ERRORS as error:
            if out_of_memory(error):
                raise as_input_error(error, self._path) from error
            self.error = reason(error)
            self.tainted = True
            ticks = packet.pts if packet.pts is not None else packet.dts
            if ticks is not None:
                self.failed.add(ticks)

    def close(self) -> None:
        """Close the file and free the decoder; calling it twice is harmless.

        Freeing a decoder with frame threads while one of them still works can hang for ever: PyAV frees it while
        holding the interpreter's lock and waits for the worker, and the worker, having met an error, waits for
        that lock in order to log it (only if someone set a log level: media/INDEX.md, 26 of 48 runs). Flushing
        first waits for all workers *without* the lock, so nothing is left to log when the decoder is freed.
        """
        container, self._container = self._container, None
        if container is None:
            return
        try:
            self._packets.close()
            self._stream.codec_context.flush_buffers()
        except AV_ERRORS:
            pass
        self._frames.clear()
        self._stream = None
        container.close()

    def __del__(self) -> None:
        # An owner that was dropped without closing must not bring the hang back.
        if getattr(self, "_container", None) is not None:
            self.close()
