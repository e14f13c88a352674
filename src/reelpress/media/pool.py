"""Memory of composed pictures, used again.

A picture of a few megabytes that is freed goes back to the system and comes back as fresh pages, which costs more
than a millisecond at 1080p, or stays in the heap in the wrong place, which costs memory. So frames are kept here
and handed out again once nobody else refers to them.
"""

from __future__ import annotations

import sys
import threading

from av.video.frame import VideoFrame

MAX_KEPT_BYTES = 48 << 20
"""Frames beyond this are not kept; they are ordinary frames."""

_IDLE_REFERENCES = 3
"""References to a frame that only this module knows: the list's, the loop variable's and getrefcount's own.

Numpy views of its planes and PyAV frames made of them all refer to the frame (each through the one before). What an
encoder keeps for itself does not always: FFmpeg's own frame-threaded encoders (mjpeg, png) read a picture after the
call has returned. libx264 copies it at the call. **Give pooled pictures only to encoders that have read them when
``encode`` returns.** CPython only: elsewhere ``getrefcount`` is missing or says more, and nothing is ever reused.
"""


class FramePool:
    """Frames of one size and format at a time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shape: tuple[int, int, str] | None = None
        self._frames: list[VideoFrame] = []
        self._most = 0
        self.reused = 0
        """Frames handed out again so far."""

    def take(self, width: int, height: int, format_name: str) -> VideoFrame:
        """A frame whose content is undefined and that nobody else refers to.

        Raises:
            MemoryError: There is no memory for a new one.
        """
        count = getattr(sys, "getrefcount", None)
        with self._lock:
            if self._shape != (width, height, format_name):
                self._shape = (width, height, format_name)
                self._frames.clear()
                self._most = MAX_KEPT_BYTES // max(1, width * height * 3 // 2)
            if count is not None:
                for frame in self._frames:
                    if count(frame) == _IDLE_REFERENCES:
                        self.reused += 1
                        return frame
            fresh = VideoFrame(width, height, format_name)
            if len(self._frames) < self._most:
                self._frames.append(fresh)
            return fresh

    def clear(self) -> None:
        """Let go of all frames; those in use live on."""
        with self._lock:
            self._frames.clear()
            self._shape = None


pool = FramePool()
"""Of this process: two exports at once share it, and each still gets frames of its own."""
