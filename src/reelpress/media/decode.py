"""VideoSource: any frame of a video by its ordinal, upright and in the native format."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from reelpress.errors import Cancelled, DamagedSourceError, UnreadableInputError
from reelpress.media import _av
from reelpress.media.scale import Scaler, from_frame, is_native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame

    from reelpress.media.index import FrameIndex
    from reelpress.media.planes import Planes
    from reelpress.media.probe import VideoStreamInfo


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    planes: Planes
    ordinal: int
    repeated: bool = False
    error: str | None = None


class VideoSource:
    """first version: see below"""

    def __init__(
        self,
        path: Path,
        info: VideoStreamInfo,
        index: FrameIndex,
        *,
        threads: int,
        decoder: str = "software",
        cancel: Callable[[], bool] | None = None,
    ) -> None:
        self._path, self._info, self._index = path, info, index
        self._threads = threads if info.frame_threads else 1
        self._cancel = cancel
        self._scaler = Scaler(max(1, min(threads, 2)))
        self._container: InputContainer | None = None
        self._open()
        self._current: VideoFrame | None = None
        self.repeated = 0

    @property
    def conversions(self) -> int:
        return self._scaler.conversions

    def _open(self) -> None:
        self._container = _av.open_input(self._path, only=self._info.index)
        self._stream: Any = self._container.streams[self._info.index]
        context = self._stream.codec_context
        context.thread_type = "FRAME" if self._threads > 1 else "NONE"
        context.thread_count = self._threads
        self._packets = self._container.demux(self._stream)
        self._pending: deque[VideoFrame] = deque()

    def _next(self) -> VideoFrame | None:
        while not self._pending:
            packet = next(self._packets, None)
            if packet is None:
                return None
            self._pending.extend(self._stream.codec_context.decode(packet if packet.size else None))
        return self._pending.popleft()

    def frame(self, ordinal: int) -> DecodedFrame:
        target = int(self._index.pts[ordinal])
        key = self._index.keyframe_before(target)
        if self._current is None or self._current.pts > target or (key is not None and key > self._current.pts):
            self._container.seek(key if key is not None else 0, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            self._pending.clear()
            self._current = None
        while self._current is None or self._current.pts < target:
            frame = self._next()
            if frame is None:
                break
            if frame.pts > target and self._current is not None:
                self._pending.appendleft(frame)
                break
            self._current = frame
        if self._current is None:
            raise UnreadableInputError(f"{self._path}: no frame.")
        planes = from_frame(self._current, self._info.color)
        return DecodedFrame(self._scaler.scale(planes, self._info.width, self._info.height), ordinal)

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None
