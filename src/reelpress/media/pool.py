"""Memory of composed pictures, used again.

A picture of a few megabytes that is freed goes back to the system and comes back as fresh pages, which costs more
than a millisecond at 1080p, or stays in the heap in the wrong place, which costs memory. So frames are kept here
and handed out again once nobody else refers to them.

Each time is a loan with a number of its own. What a loan left in a frame is still there until the next one of the same
frame begins, so who draws pictures that differ little from each other can ask for one that it drew, by its loan.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from collections.abc import Container

MAX_KEPT_BYTES = 48 << 20
"""Frames beyond this are not kept; they are ordinary frames."""

_IDLE_REFERENCES = 3
"""References to a frame that only this module knows: the list's, the loop variable's and getrefcount's own.

Numpy views of its planes and PyAV frames made of them all refer to the frame (each through the one before). What an
encoder keeps for itself does not always: FFmpeg's own frame-threaded encoders (mjpeg, png) read a picture after the
call has returned. libx264 copies it at the call. **Give pooled pictures only to encoders that have read them when
``encode`` returns.** CPython only: elsewhere ``getrefcount`` is missing or says more, and nothing is ever reused.
"""


class Loan(NamedTuple):
    """A frame that nobody else refers to."""

    frame: VideoFrame
    number: int
    """Of this loan; no other has it."""
    content: int
    """Number of the loan that the pixels are from; 0 when they are undefined."""


class FramePool:
    """Frames of one size and format at a time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shape: tuple[int, int, str] | None = None
        self._frames: list[VideoFrame] = []
        self._loans: list[int] = []
        """The last one of each frame."""
        self._count = 0
        self._most = 0
        self.reused = 0
        """Frames handed out again so far."""

    def take(self, width: int, height: int, format_name: str) -> VideoFrame:
        """A frame whose content is undefined and that nobody else refers to.

        Raises:
            MemoryError: There is no memory for a new one.
        """
        return self.lend(width, height, format_name).frame

    def lend(self, width: int, height: int, format_name: str, wanted: Container[int] = ()) -> Loan:
        """As :meth:`take`; if there is a choice, the frame of the newest of the loans ``wanted``.

        The borrower may write to it until it gives a reference to anyone else, and must not after that.
        """
        count = getattr(sys, "getrefcount", None)
        with self._lock:
            if self._shape != (width, height, format_name):
                self._shape = (width, height, format_name)
                self._frames.clear()
                self._loans.clear()
                self._most = MAX_KEPT_BYTES // max(1, width * height * 3 // 2)
            self._count += 1
            number = self._count
            if count is not None:
                idle: list[int] = []
                for place in range(len(self._frames)):
                    frame = self._frames[place]  # enumerate() would refer to it as well
                    if count(frame) == _IDLE_REFERENCES:
                        idle.append(place)
                if idle:
                    known = [at for at in idle if self._loans[at] in wanted]
                    at = max(known, key=self._loans.__getitem__) if known else idle[0]
                    content, self._loans[at] = self._loans[at], number
                    self.reused += 1
                    return Loan(self._frames[at], number, content)
            fresh = VideoFrame(width, height, format_name)
            if len(self._frames) < self._most:
                self._frames.append(fresh)
                self._loans.append(number)
            return Loan(fresh, number, 0)

    def clear(self) -> None:
        """Let go of all frames; those in use live on."""
        with self._lock:
            self._frames.clear()
            self._loans.clear()
            self._shape = None


pool = FramePool()
"""Of this process: two exports at once share it, and each still gets frames of its own."""
