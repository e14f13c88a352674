"""Pixel buffers of the system: pools on IOSurfaces, wrapped memory, planes for numpy. Private to ``convert``."""

from __future__ import annotations

import ctypes
import itertools
import queue
import time
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.convert._videotoolbox_cf import Owned, created, dictionary
from reelpress.convert.videotoolbox_abi import NUMBERS, NV12_CODE, READ_ONLY, RELEASE_BYTES
from reelpress.convert.videotoolbox_status import failure, unusable

if TYPE_CHECKING:
    from reelpress.convert.videotoolbox_abi import Abi
    from reelpress.media.planes import Plane

MINIMUM_BUFFERS = 3
"""Buffers that a pool keeps, however long they were not used: one written, one read, one on its way back."""


class Pool:
    """Pixel buffers of one size and format in memory that the GPU and the encoder can share (IOSurface)."""

    def __init__(self, abi: Abi, width: int, height: int, code: int, threshold: int) -> None:
        """Make the pool; no buffer is allocated yet.

        Args:
            abi: The loaded functions.
            width: Pixels, even.
            height: Pixels, even.
            code: The pixel format (a four-character code).
            threshold: Buffers that may be out at once; one more is refused with ``-6689``, so that a leak shows.

        Raises:
            VideoToolboxError: The system refuses.
            OutOfMemoryError: There is no memory.
        """
        self._abi = abi
        self._what = f"make {width}x{height} pictures"
        self._checked = False
        k = abi.k
        with (
            dictionary(abi, {}) as surface,
            dictionary(
                abi,
                {
                    k.kCVPixelBufferPixelFormatTypeKey: ctypes.c_int32(code).value,
                    k.kCVPixelBufferWidthKey: width,
                    k.kCVPixelBufferHeightKey: height,
                    k.kCVPixelBufferIOSurfacePropertiesKey: surface,
                },
            ) as buffers,
            dictionary(abi, {k.kCVPixelBufferPoolMinimumBufferCountKey: MINIMUM_BUFFERS}) as attributes,
        ):
            self._threshold = dictionary(abi, {k.kCVPixelBufferPoolAllocationThresholdKey: threshold})
            try:
                self._pool = created(
                    abi,
                    "CVPixelBufferPoolCreate",
                    self._what,
                    abi.c.CVPixelBufferPoolRelease,
                    None,
                    attributes.pointer,
                    buffers.pointer,
                )
            except BaseException:
                self._threshold.release()
                raise

    def take(self) -> Owned:
        """A buffer with undefined content; releasing it returns its memory to the pool.

        Raises:
            VideoToolboxError: The system refuses, or its memory is no IOSurface.
            OutOfMemoryError: There is no memory.
        """
        function = "CVPixelBufferPoolCreatePixelBufferWithAuxAttributes"
        c = self._abi.c
        buffer = created(
            self._abi, function, self._what, c.CVPixelBufferRelease, None, self._pool.pointer, self._threshold.pointer
        )
        if not self._checked:
            if not c.CVPixelBufferGetIOSurface(buffer.pointer):
                buffer.release()
                raise unusable("CVPixelBufferGetIOSurface", self._what, "their memory is no IOSurface")
            self._checked = True
        return buffer

    def close(self) -> None:
        """Release the pool; buffers that are out keep what they need."""
        if self._pool.pointer is not None:
            self._abi.c.CVPixelBufferPoolFlush(self._pool.pointer, NUMBERS["kCVPixelBufferPoolFlushExcessBuffers"])
        self._pool.release()
        self._threshold.release()


class _Memory:
    """Rows of bytes at an address, as numpy understands them; an array over it keeps it, and ``keeper``, alive."""

    __slots__ = ("__array_interface__", "keeper")

    def __init__(self, address: int, rows: int, used: int, stride: int, keeper: object) -> None:
        self.__array_interface__: dict[str, Any] = {
            "version": 3,
            "typestr": "|u1",
            "shape": (rows, used),
            "strides": (stride, 1),
            "data": (address, False),
        }
        self.keeper = keeper


def rows_at(address: int, rows: int, used: int, stride: int, keeper: object) -> Plane:
    """``rows`` rows of ``used`` bytes as an array without a copy."""
    plane: Plane = np.asarray(_Memory(address, rows, used, stride, keeper))
    return plane


def fill(abi: Abi, buffer: Owned, source: Plane, rows: int, row_bytes: int, pixel: int) -> None:
    """Copy a packed picture into a buffer, the last pixel and row repeated up to ``rows`` and ``row_bytes``.

    Args:
        abi: The loaded functions.
        buffer: At least ``rows`` rows of ``row_bytes`` bytes, in one plane.
        source: (rows, bytes), at most as large.
        rows: Rows to fill.
        row_bytes: Bytes of a row to fill.
        pixel: Bytes of a pixel, which is what is repeated.

    Raises:
        VideoToolboxError: The buffer cannot be locked, or has another layout.
        OutOfMemoryError: There is no memory.
    """
    c = abi.c
    what = "write a source picture"
    status = c.CVPixelBufferLockBaseAddress(buffer.pointer, 0)
    if status:
        raise failure("CVPixelBufferLockBaseAddress", status, what)
    try:
        stride = c.CVPixelBufferGetBytesPerRow(buffer.pointer)
        address = c.CVPixelBufferGetBaseAddress(buffer.pointer)
        if not address or stride < row_bytes or c.CVPixelBufferGetHeight(buffer.pointer) < rows:
            raise unusable("CVPixelBufferGetBaseAddress", what, "the buffer is smaller than the picture")
        target = rows_at(address, rows, row_bytes, stride, None)
        height, used = source.shape
        target[:height, :used] = source
        for start in range(used, row_bytes, pixel):
            target[:height, start : start + pixel] = source[:, -pixel:]
        target[height:] = target[height - 1]
    finally:
        status = c.CVPixelBufferUnlockBaseAddress(buffer.pointer, 0)
    if status:
        raise failure("CVPixelBufferUnlockBaseAddress", status, what)


class Loans:
    """Converted pictures that somebody still holds. Each is unlocked and released when its last user lets go of it."""

    def __init__(self, abi: Abi) -> None:
        self._abi = abi
        # A set, because a picture may come back on any thread: add and discard are single steps of the interpreter.
        self._out: set[int] = set()
        self._numbers = itertools.count()
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(self._out)

    def lend(self, buffer: Owned, width: int, height: int) -> tuple[tuple[Plane, Plane], object]:
        """The planes of an NV12 ``buffer``, locked for reading, and the owner that unlocks and releases it.

        Every plane keeps the owner alive by itself. On an error the buffer stays the caller's, unlocked.

        Raises:
            VideoToolboxError: The buffer cannot be locked, or is not NV12 of at least this size.
            OutOfMemoryError: There is no memory.
        """
        c, what = self._abi.c, "read a converted picture"
        status = c.CVPixelBufferLockBaseAddress(buffer.pointer, READ_ONLY)
        if status:
            raise failure("CVPixelBufferLockBaseAddress", status, what)
        try:
            owner = Loan()
            planes = self._planes(buffer.pointer, width, height, owner)
        except BaseException:
            c.CVPixelBufferUnlockBaseAddress(buffer.pointer, READ_ONLY)
            raise
        number = next(self._numbers)
        self._out.add(number)
        finalizer = weakref.finalize(owner, self._take_back, number, buffer.give_up())
        # When the interpreter ends, the encoder may still be reading; the process frees the memory anyway.
        finalizer.atexit = False
        return planes, owner

    def _planes(self, pointer: int | None, width: int, height: int, owner: object) -> tuple[Plane, Plane]:
        c = self._abi.c
        chroma_width, chroma_height = -(-width // 2), -(-height // 2)
        wanted = ((width, height, width), (chroma_width, chroma_height, 2 * chroma_width))
        code, count = c.CVPixelBufferGetPixelFormatType(pointer), c.CVPixelBufferGetPlaneCount(pointer)
        if code != NV12_CODE or count != len(wanted):
            raise unusable("CVPixelBufferGetPlaneCount", "read a converted picture", f"it has {count} planes of {code}")
        found: list[Plane] = []
        for index, (columns, rows, used) in enumerate(wanted):
            size = c.CVPixelBufferGetWidthOfPlane(pointer, index), c.CVPixelBufferGetHeightOfPlane(pointer, index)
            stride = c.CVPixelBufferGetBytesPerRowOfPlane(pointer, index)
            address = c.CVPixelBufferGetBaseAddressOfPlane(pointer, index)
            if not address or stride < used or size[0] < columns or size[1] < rows:
                raise unusable(
                    "CVPixelBufferGetBaseAddressOfPlane",
                    "read a converted picture",
                    f"plane {index} has {size[0]}x{size[1]} samples with {stride} bytes a row",
                )
            found.append(rows_at(address, rows, used, stride, owner))
        return found[0], found[1]

    def _take_back(self, number: int, pointer: int) -> None:
        c = self._abi.c
        status = c.CVPixelBufferUnlockBaseAddress(pointer, READ_ONLY)
        c.CVPixelBufferRelease(pointer)
        self._out.discard(number)
        if status:
            self.notes.append(str(failure("CVPixelBufferUnlockBaseAddress", status, "unlock a converted picture")))


class Loan:
    """Who owns a converted picture: while it lives, so does the picture."""

    __slots__ = ("__weakref__",)


_HELD: dict[int, Wrapped] = {}
"""Memory that pixel buffers of the system were made over, by the number that their release callback gets."""

_TOKENS = itertools.count(1)


class Wrapped:
    """Pixel buffers over memory of ours, which is kept alive until the system says that it needs it no more."""

    def __init__(self, abi: Abi) -> None:
        self._abi = abi
        self._memory: dict[int, object] = {}
        # Its put() may be called from within itself and on any thread: made for callbacks, no lock of ours is taken.
        self._returned: queue.SimpleQueue[int] = queue.SimpleQueue()

    def __len__(self) -> int:
        self._drain()
        return len(self._memory)

    def wrap(self, plane: Plane, width: int, height: int, code: int, keep: object) -> Owned:
        """A pixel buffer over ``plane`` (rows, bytes), without a copy.

        Args:
            plane: Read by the system until it runs the release callback.
            width: Pixels.
            height: Pixels.
            code: The packed pixel format.
            keep: What keeps the memory of ``plane`` valid.

        Raises:
            VideoToolboxError: The system refuses.
            OutOfMemoryError: There is no memory.
        """
        token = next(_TOKENS)
        self._memory[token] = (plane, keep)
        _HELD[token] = self
        try:
            return created(
                self._abi,
                "CVPixelBufferCreateWithBytes",
                f"wrap a {width}x{height} picture",
                self._abi.c.CVPixelBufferRelease,
                None,
                width,
                height,
                code,
                int(plane.__array_interface__["data"][0]),
                int(plane.strides[0]),
                _callback(),
                token,
                None,
            )
        except BaseException:
            _HELD.pop(token, None)
            self._memory.pop(token, None)
            raise

    def wait(self, deadline_s: float) -> bool:
        """Wait until all memory has come back; ``False`` when it has not within ``deadline_s`` seconds."""
        until = time.monotonic() + deadline_s
        while len(self) > 0:
            left = until - time.monotonic()
            if left <= 0:
                return False
            try:
                self._memory.pop(self._returned.get(timeout=left), None)
            except queue.Empty:
                return False
        return True

    def came_back(self, token: int) -> None:
        """The system needs the memory no more. Called on any thread, by the release callback."""
        self._returned.put(token)

    def _drain(self) -> None:
        # Memory is let go here and not in the callback, whose thread may be the system's.
        while True:
            try:
                token = self._returned.get_nowait()
            except queue.Empty:
                return
            self._memory.pop(token, None)


def _released(token: int | None, _address: int | None) -> None:
    wrapped = _HELD.pop(token or 0, None)
    if wrapped is not None:
        wrapped.came_back(token or 0)


_CALLBACKS: list[Any] = []


def _callback() -> Any:
    """The one release callback. It lives as long as the process: the system may call it at any time."""
    if not _CALLBACKS:
        _CALLBACKS.append(RELEASE_BYTES(_released))
    return _CALLBACKS[0]
