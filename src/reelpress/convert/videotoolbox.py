"""Conversion to NV12 by macOS' own ``VTPixelTransferSession``, on the plain C interface through ctypes.

BGRA (what the renderer writes on macOS), ARGB, YUYV and UYVY, and RGBA where the probe shows right colours, become
NV12 in BT.709 limited. What goes where:

1. The source: its memory is wrapped as it is (no copy) where rows and address are aligned, else copied into a buffer
   from a pool. Its colour is attached to it; nothing is attached to the destination, whose attachments the system
   would throw away.
2. The destination: from a pool on IOSurfaces.
3. The result: the destination itself, locked for reading, as arrays with the strides that the system chose. When the
   last user lets go of them it is unlocked and released, on whatever thread that is.

Odd sizes are never given to the system: such a picture is copied with its last column and row repeated, and the result
is the part that belongs to the picture. Chroma is averaged (the system's default would take one pixel of four); Apple
says of that mode "default center" and no more, so :meth:`VideoToolboxConverter.describe` tells what was measured.
Nothing of this was run on a Mac by its authors: see ``docs/videotoolbox.md``.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reelpress.color import BT709_LIMITED, Matrix, Range, Siting
from reelpress.convert._videotoolbox_cf import RETRIES, Owned, created, text
from reelpress.convert._videotoolbox_pool import Loans, Pool, Wrapped, fill
from reelpress.convert._videotoolbox_probe import Verdict, probe
from reelpress.convert.base import canonical, check_color, check_picture, check_size, row_bytes
from reelpress.convert.videotoolbox_abi import NUMBERS, NV12_CODE, SOURCE_CODES, Abi, LibraryMissing, load
from reelpress.convert.videotoolbox_status import Reaction, VideoToolboxError, failure, lookup
from reelpress.errors import FormatError, ReelpressError
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from reelpress.color import ColorSpec

SOURCES = tuple(SOURCE_CODES)
TARGETS = ("nv12",)

ALIGNMENT = 16
"""Bytes that address and rows of wrapped memory must be aligned to; FFmpeg and VLC live with as much."""

MAX_POOLS = 4
MAX_OUTSTANDING = 64
"""Converted pictures that may be held at once by default. An export holds as many as its buffers, far fewer."""

SOURCE_DEADLINE_S = 2.0
"""Seconds within which wrapped memory must come back after a conversion, before no more of it is wrapped."""

_PIXEL = {"bgra": 4, "argb": 4, "rgba": 4, "yuyv422": 4, "uyvy422": 4}
"""Bytes that are repeated beyond the right edge: a pixel, or a macropixel."""


class Session:
    """One ``VTPixelTransferSession``, set up for NV12 BT.709 limited. Used by one thread at a time."""

    def __init__(self, abi: Abi, notes: list[str]) -> None:
        """Make it; a property that this system does not know is noted, and the probe judges what comes of it.

        Raises:
            VideoToolboxError: The system has no such session.
            OutOfMemoryError: There is no memory.
        """
        self._abi = abi
        self._session = created(abi, "VTPixelTransferSessionCreate", "make a conversion session", self._end, None)
        k = abi.k
        try:
            for key, value, what in (
                (
                    k.kVTPixelTransferPropertyKey_DestinationYCbCrMatrix,
                    k.kCVImageBufferYCbCrMatrix_ITU_R_709_2,
                    "set the matrix BT.709",
                ),
                (
                    k.kVTPixelTransferPropertyKey_DownsamplingMode,
                    k.kVTDownsamplingMode_Average,
                    "have chroma averaged",
                ),
                # An export is no real-time task; without this key the system decides as it likes.
                (k.kVTPixelTransferPropertyKey_RealTime, k.kCFBooleanFalse, "say that this is not real time"),
            ):
                if key:
                    self._set(key, value, what, notes)
        except BaseException:
            self.release()
            raise

    def _set(self, key: int, value: int, what: str, notes: list[str]) -> None:
        status = self._abi.c.VTSessionSetProperty(self._session.pointer, key, value)
        if status == 0:
            return
        known = lookup(status)
        if known.reaction is not Reaction.IGNORE:
            raise failure("VTSessionSetProperty", status, what)
        note = f"VideoToolbox could not {what}: {known.meaning} ({known.name}, {status})."
        if note not in notes:
            notes.append(note)

    def transfer(self, source: Owned, destination: Owned) -> int:
        """Convert; the status after the retries that the system asked for."""
        status = 0
        for _ in range(1 + RETRIES):
            status = self._abi.c.VTPixelTransferSessionTransferImage(
                self._session.pointer, source.pointer, destination.pointer
            )
            if lookup(status).reaction is not Reaction.RETRY:
                break
        return int(status)

    def _end(self, pointer: int) -> None:
        self._abi.c.VTPixelTransferSessionInvalidate(pointer)
        self._abi.c.CFRelease(pointer)

    def release(self) -> None:
        """Invalidate and release it; a second call does nothing."""
        self._session.release()


class VideoToolboxConverter:
    """The :class:`reelpress.convert.base.Converter` of macOS. One per worker: a second thread inside is refused.

    Reactions to what the system reports (``videotoolbox_status``): a session that became invalid or failed is made
    anew once for the same picture; a call that asks to be repeated is, three times; what this system cannot do is a
    :class:`VideoToolboxError` with ``falls_back`` true; a mistake in the binding or lack of memory ends the export.
    """

    def __init__(
        self,
        libraries: Mapping[str, str] | None = None,
        *,
        source_memory: str = "auto",
        max_outstanding: int = MAX_OUTSTANDING,
        source_deadline_s: float = SOURCE_DEADLINE_S,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            libraries: Path of the library to load for each framework; default are the system's.
            source_memory: ``wrap`` (aligned sources without a copy), ``copy`` (always into an IOSurface), or
                ``auto``: wrap, but copy when the system refuses the first wrapped picture of a format. Memory that
                does not come back in time ends wrapping in any case.
            max_outstanding: Converted pictures that may be held at once; one more is an error.
            source_deadline_s: Seconds within which wrapped memory must come back.
        """
        if source_memory not in ("auto", "wrap", "copy"):
            raise ValueError(f"source_memory is {source_memory!r}; allowed are auto, wrap, copy.")
        self._libraries = libraries
        self._wrap = source_memory != "copy"
        self._may_copy_instead = source_memory == "auto"
        self._wraps: set[str] = set()  # formats of which a wrapped picture was converted
        self._max_outstanding = max_outstanding
        self._deadline_s = source_deadline_s
        self._guard = threading.Lock()
        self._abi: Abi | None = None
        self._missing: str | None = None
        self._closed = False
        self._session: Session | None = None
        self._pools: dict[tuple[int, int, int], Pool] = {}
        self._loans: Loans | None = None
        self._wrapped: Wrapped | None = None
        self._verdicts: dict[str, Verdict] = {}
        self._notes: list[str] = []
        self._location = ""
        self.recreated = 0
        """Sessions that were made anew after the system reported them invalid or failed."""
        self.copied = 0
        """Sources that were copied because they could not be wrapped."""

    @property
    def name(self) -> str:
        """``videotoolbox``."""
        return "videotoolbox"

    @property
    def outstanding(self) -> int:
        """Converted pictures that somebody still holds."""
        return len(self._loans) if self._loans is not None else 0

    @property
    def wrapped(self) -> int:
        """Sources whose memory the system still refers to; 0 between conversions."""
        return len(self._wrapped) if self._wrapped is not None else 0

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        """As the protocol says. The first question for a source format converts two pictures of 16x16 (the probe)."""
        source, target = canonical(source), canonical(target)
        if source not in SOURCES or target not in TARGETS:
            return f"VideoToolbox converts {', '.join(SOURCES)} to nv12 here, not {source} to {target}."
        reason = check_size(source, width, height)
        if reason is not None:
            return reason
        if self._closed:
            return "This converter was closed."
        if self._missing is None and self._abi is None:
            try:
                self._open()
            except LibraryMissing as missing:
                self._missing = str(missing)
        if self._missing is not None:
            return self._missing
        return self._verdict(source).why_not

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """As the protocol says; the target is ``nv12`` in BT.709 limited.

        Raises:
            FormatError: Not such a source, target, size or colour, or not on this system.
            VideoToolboxError: The system failed; ``falls_back`` tells whether another converter should go on.
            OutOfMemoryError: There is no memory.
        """
        source = canonical(planes.format)
        reason = self.why_not(source, target, planes.width, planes.height)
        if reason is not None:
            raise FormatError(reason)
        check_picture(planes)
        self._check_colors(planes, color)
        with self._alone():
            return self._convert(planes, source, color)

    def describe(self) -> dict[str, Any]:
        """What was found out about this system so far: ``chroma`` by source, ``notes``, counts. JSON-able."""
        return {
            "chroma": {name: verdict.chroma for name, verdict in self._verdicts.items() if verdict.why_not is None},
            "rejected": {name: verdict.why_not for name, verdict in self._verdicts.items() if verdict.why_not},
            "chroma_location": self._location,
            "source_memory": "wrap" if self._wrap else "copy",
            "sessions_recreated": self.recreated,
            "sources_copied": self.copied,
            "notes": [*self._notes, *(self._loans.notes if self._loans is not None else ())],
        }

    def close(self) -> None:
        """Release session and pools. Pictures that are still held stay valid until they are let go of."""
        self._closed = True
        if self._session is not None:
            self._session.release()
            self._session = None
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open(self) -> Abi:
        if self._abi is None:
            self._abi = load(self._libraries)
            self._loans = Loans(self._abi)
            self._wrapped = Wrapped(self._abi)
        return self._abi

    def _verdict(self, source: str) -> Verdict:
        known = self._verdicts.get(source)
        if known is not None:
            return known
        try:
            with self._alone():
                found = probe(lambda planes: self._convert(planes, source, BT709_LIMITED), source)
        except ReelpressError as error:
            if self._guard.locked():
                return Verdict(str(error))  # somebody else is at work: that says nothing about the format
            found = Verdict(str(error))
        else:
            if found.why_not is not None:
                found = Verdict(
                    f"VideoToolbox makes wrong colours of {source} on this system: {found.why_not}. "
                    "--converter swscale does without it."
                )
            elif "decimated" in found.chroma:
                self._notes.append(f"VideoToolbox decimates the chroma of {source} on this system.")
        self._verdicts[source] = found
        return found

    @contextmanager
    def _alone(self) -> Generator[None, None, None]:
        """One thread at a time: sessions are not known to be safe for more."""
        if not self._guard.acquire(blocking=False):
            raise VideoToolboxError(
                "VTPixelTransferSessionTransferImage",
                None,
                "Two threads used one VideoToolbox converter at the same time; each worker needs its own.",
                Reaction.FAIL,
            )
        try:
            yield
        finally:
            self._guard.release()

    @staticmethod
    def _check_colors(planes: Planes, color: ColorSpec) -> None:
        check_color(planes.format, planes.color, "source")
        check_color("nv12", color, "target")
        if color.matrix is not Matrix.BT709 or color.range is not Range.LIMITED:
            raise FormatError(f"VideoToolbox converts to {BT709_LIMITED} here, not to {color}.")
        given = planes.color
        if given.matrix is Matrix.RGB:
            return
        if given.range is not Range.LIMITED or given.matrix not in (Matrix.BT709, Matrix.BT601):
            raise FormatError(
                f"The source is {planes.format} in {given}; VideoToolbox takes it in bt709 or bt601, limited."
            )
        if given.siting is not color.siting:
            raise FormatError(
                f"The source's chroma is sited {given.siting}, the target's {color.siting}; VideoToolbox keeps it."
            )

    # --- one picture --------------------------------------------------------------------------------------------------

    def _convert(self, planes: Planes, source: str, color: ColorSpec) -> Planes:
        abi = self._open()
        width, height = planes.width, planes.height
        what = f"convert {width}x{height} {source} to nv12"
        tried = ""
        # An odd picture is given to the system with its last column and row repeated.
        even_width, even_height = width + width % 2, height + height % 2
        while True:
            if self._session is None:
                self._session = Session(abi, self._notes)
            copied = self.copied
            destination = self._pool(even_width, even_height, NV12_CODE).take()
            try:
                status = self._transfer(self._session, planes, source, even_width, even_height, destination)
                wrapped = self.copied == copied
                if status == 0:
                    if wrapped:
                        self._wraps.add(source)
                    return self._result(planes, destination, color)
            finally:
                destination.release()  # does nothing once it is lent
            reaction = lookup(status).reaction
            if wrapped and reaction in (Reaction.FALL_BACK, Reaction.FAIL) and self._stop_wrapping(source, status):
                continue
            if reaction is not Reaction.RECREATE or tried:
                raise failure("VTPixelTransferSessionTransferImage", status, what, tried)
            self._session.release()
            self._session = None
            self.recreated += 1
            tried = "a new session did not help"

    def _transfer(
        self, session: Session, planes: Planes, source: str, width: int, height: int, destination: Owned
    ) -> int:
        assert self._wrapped is not None
        with self._source(planes, source, width, height) as buffer:
            self._tag(buffer, planes.color)
            status = session.transfer(buffer, destination)
        if not self._wrapped.wait(self._deadline_s):
            # It stays alive until it does come back, but the caller may want to use that memory again.
            self._wrap = False
            self._notes.append("VideoToolbox keeps wrapped memory after the conversion; sources are copied instead.")
        return status

    def _result(self, planes: Planes, destination: Owned, color: ColorSpec) -> Planes:
        assert self._abi is not None
        assert self._loans is not None
        if not self._location:
            key = self._abi.k.kCVImageBufferChromaLocationTopFieldKey
            value = self._abi.c.CVBufferGetAttachment(destination.pointer, key, None)
            self._location = text(self._abi, value) or "not given"
        views, owner = self._loans.lend(destination, planes.width, planes.height)
        return Planes(
            "nv12", planes.width, planes.height, views, color, pts=planes.pts, time_base=planes.time_base, owner=owner
        )

    def _source(self, planes: Planes, source: str, width: int, height: int) -> Owned:
        """A pixel buffer with the picture, in an even size."""
        assert self._abi is not None
        assert self._wrapped is not None
        plane = planes.planes[0]
        code = SOURCE_CODES[source]
        stride = int(plane.strides[0])
        wrappable = (
            self._wrap
            and (width, height) == (planes.width, planes.height)
            and plane.strides[1] == 1
            and stride >= plane.shape[1]
            and (stride | int(plane.__array_interface__["data"][0])) % ALIGNMENT == 0
        )
        if wrappable:
            try:
                return self._wrapped.wrap(plane, width, height, code, planes)
            except VideoToolboxError as error:
                if not self._stop_wrapping(source, error.status):
                    raise
        self.copied += 1
        buffer = self._pool(width, height, code).take()
        try:
            (used,) = row_bytes(source, width)
            fill(self._abi, buffer, _whole(plane, source, planes.width), height, used, _PIXEL[source])
        except BaseException:
            buffer.release()
            raise
        return buffer

    def _stop_wrapping(self, source: str, status: int | None) -> bool:
        """Whether to try again with a copy: not documented is whether memory that is no IOSurface will do."""
        if not self._may_copy_instead or source in self._wraps:
            return False
        self._wrap = False
        self._notes.append(f"VideoToolbox does not take wrapped memory as {source} ({status}); sources are copied.")
        return True

    def _tag(self, buffer: Owned, color: ColorSpec) -> None:
        """Attach the source's colour: the target's primaries and curve always, so that no colour matching is asked for.

        Reelpress passes those through, as every player does; only matrix and range are converted.
        """
        assert self._abi is not None
        k = self._abi.k
        tags = {
            k.kCVImageBufferColorPrimariesKey: k.kCVImageBufferColorPrimaries_ITU_R_709_2,
            k.kCVImageBufferTransferFunctionKey: k.kCVImageBufferTransferFunction_ITU_R_709_2,
        }
        if color.matrix is not Matrix.RGB:
            tags[k.kCVImageBufferYCbCrMatrixKey] = (
                k.kCVImageBufferYCbCrMatrix_ITU_R_601_4
                if color.matrix is Matrix.BT601
                else k.kCVImageBufferYCbCrMatrix_ITU_R_709_2
            )
            location = (
                k.kCVImageBufferChromaLocation_Left
                if color.siting is Siting.LEFT
                else k.kCVImageBufferChromaLocation_Center
            )
            tags[k.kCVImageBufferChromaLocationTopFieldKey] = location
            tags[k.kCVImageBufferChromaLocationBottomFieldKey] = location
        for key, value in tags.items():
            self._abi.c.CVBufferSetAttachment(buffer.pointer, key, value, NUMBERS["kCVAttachmentMode_ShouldPropagate"])

    def _pool(self, width: int, height: int, code: int) -> Pool:
        assert self._abi is not None
        key = (width, height, code)
        pool = self._pools.pop(key, None)
        if pool is None:
            while len(self._pools) >= MAX_POOLS:
                self._pools.pop(next(iter(self._pools))).close()
            pool = Pool(self._abi, width, height, code, self._max_outstanding)
        self._pools[key] = pool  # the most recently used is the last
        return pool


def _whole(plane: Any, source: str, width: int) -> Any:
    """``plane`` with the padding sample of an odd packed 4:2:2 row replaced by a copy of its last luma sample."""
    if width % 2 == 0 or source not in ("yuyv422", "uyvy422"):
        return plane
    plane = plane.copy()
    first, second = (-4, -2) if source == "yuyv422" else (-3, -1)
    plane[:, second] = plane[:, first]
    return plane
