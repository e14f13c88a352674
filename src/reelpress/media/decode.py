"""VideoSource: any frame of a video by its ordinal, upright, in the native format, the same however it is reached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.color import Range
from reelpress.errors import DamagedSourceError, SettingsError, UnreadableInputError, UnsupportedInputError
from reelpress.media._decoder import DecoderRun
from reelpress.media._upright import upright
from reelpress.media.base import DecodedFrame
from reelpress.media.hardware import DEVICES
from reelpress.media.scale import Scaler, describe_conversion, from_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.video.frame import VideoFrame

    from reelpress.media.index import FrameIndex
    from reelpress.media.planes import Planes
    from reelpress.media.probe import VideoStreamInfo

SILENT_GAP_S = Fraction(1, 4)
"""A gap in the decoder's output that is longer counts as damage even if no error was reported."""

SEEK_GAP = 12
"""Frames that must lie between here and a key frame ahead before seeking to it is cheaper than decoding on."""


def conversion_of(info: VideoStreamInfo) -> str | None:
    """What pictures of a stream go through before they are handed out; ``None`` if they are the decoder's own."""
    steps = [describe_conversion(info.pixel_format, info.color)]
    if info.rotation or info.mirrored:
        steps.append(f"turned by {info.rotation} degrees" + (", mirrored" if info.mirrored else ""))
    return "; ".join(step for step in steps if step) or None


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded picture and where it belongs."""

    frame: VideoFrame
    ordinal: int


class VideoSource:
    """Random access to the frames of one video stream; cheapest in ascending order.

    Passive: it runs in the thread that calls it (one at a time) and releases the interpreter's lock inside FFmpeg.
    FFmpeg's own frame threads are used if ``threads`` is above 1 and the packet check of :func:`probe` met no
    error; after the first decoding error the rest is decoded with one thread, because there every error belongs
    to a known packet, and a decoder with frame threads that met errors is dangerous to close.

    A frame that cannot be decoded, or that the decoder marks as patched up, is tried again once from the key frame
    with one thread, and then replaced by the last good one before it.

    Attributes:
        repeated: Different frames that were replaced so far.
        conversion: What is converted on the way, for the plan; ``None`` if the decoder's planes are handed over.
    """

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
        """
        Args:
            path: The file.
            info: What :func:`probe` found.
            index: What :func:`build_index` found.
            threads: Frame threads of the decoder, 1 or more; each holds a frame.
            decoder: ``software``, or a device type of :data:`reelpress.media.hardware.DEVICES`: after the first picture
                that does not come out of it, and where it cannot be opened, software decodes (:attr:`device_lost`).
            cancel: Asked between packets; ``True`` ends the call with ``Cancelled``.

        Raises:
            InputError: The file cannot be opened any more.
            SettingsError: Another decoder.
        """
        if decoder != "software" and decoder not in DEVICES:
            raise SettingsError(f"There is no decoder {decoder!r}; allowed are software, {', '.join(DEVICES)}.")
        self._path, self._info, self._index = path, info, index
        self._cancel = cancel
        self._stored = (info.height, info.width) if info.rotation in (90, 270) else (info.width, info.height)
        self._scaler = Scaler(2 if threads > 1 else 1)
        self._turn = info.rotation != 0 or info.mirrored
        self.device_lost: str | None = None
        """Why the device that was asked for does not decode (any more)."""
        self._device = None if decoder == "software" else decoder
        self._decoder = self._opened(threads if info.frame_threads else 1)
        self._good: _Picture | None = None
        self._ahead: _Picture | None = None
        self._next_ordinal = 0
        self._fresh = True  # no good picture since the last seek
        self._key: int | None = None  # where the run began; None is the start of the file
        self._key_ordinal: int | None = None  # of that key frame, if it is shown
        self._weak_start = False
        self._weak_keys: set[int] = set()
        self._bad: dict[int, str] = {}
        self._last: DecodedFrame | None = None
        self._shown: VideoFrame | None = None
        self._turned = 0
        self._repeated: set[int] = set()
        self.conversion = conversion_of(info)

    def _opened(self, threads: int) -> DecoderRun:
        if self._device is not None:
            try:
                # Two threads: what goes wrong is tried again without them, and without the device.
                return DecoderRun(self._path, self._info.index, 2, self._cancel, hardware=self._device)
            except (UnreadableInputError, UnsupportedInputError) as error:
                self.device_lost = f"{self._device} cannot be opened ({error})"
        return DecoderRun(self._path, self._info.index, threads, self._cancel)

    @property
    def threads(self) -> int:
        """Frame threads in use now."""
        return self._decoder.threads

    @property
    def conversions(self) -> int:
        """Frames whose pixel format, colour or orientation was converted so far."""
        return max(self._scaler.conversions, self._turned)

    @property
    def repeated(self) -> int:
        return len(self._repeated)

    def frame(self, ordinal: int) -> DecodedFrame:
        """The newest picture with a presentation time at or before that of frame ``ordinal``.

        Raises:
            ValueError: There is no such frame.
            DamagedSourceError: Not one frame of the file can be decoded.
            Cancelled: ``cancel`` said so.
            InputError: The file cannot be read any more.
        """
        if not 0 <= ordinal < len(self._index):
            raise ValueError(f"Frame {ordinal} of {self._path}: it has the frames 0 to {len(self._index) - 1}.")
        if self._last is not None and self._last.ordinal == ordinal:
            return self._last
        picture, error = self._find(ordinal)
        time = (int(self._index.pts[ordinal]) - self._index.start) * self._index.time_base
        if self._last is not None and self._shown is picture.frame:
            planes = self._last.planes
        else:
            planes = self._native(picture.frame)
        self._shown = picture.frame
        if error is not None:
            self._repeated.add(ordinal)
        self._last = DecodedFrame(planes, ordinal, time, error is not None, error)
        return self._last

    def close(self) -> None:
        """Free the decoder and all pictures; calling it twice is harmless."""
        self._decoder.close()
        self._good = self._ahead = self._last = None
        self._shown = None

    # -- finding the picture ------------------------------------------------------------------------------------

    def _find(self, ordinal: int) -> tuple[_Picture, str | None]:
        """The picture to show for ``ordinal`` and, when it is a stand-in for a damaged one, the error."""
        if self._seek_needed(ordinal):
            self._seek(ordinal)
        while True:
            clean = self._advance(ordinal)
            good = self._good
            own = good is not None and good.ordinal == ordinal
            if self._weak_start or (not own and self._fresh and not self._decoder.from_start):
                # This "key frame" is damaged or needs what lies before it (intra refresh, an open GOP, a landing too
                # late), or the last good picture lies further back: begin at an earlier one.
                self._weak_keys.add(self._key or 0)
                self._seek(ordinal)
                continue
            pristine = self._decoder.pristine and self._key == self._start_key(ordinal)
            if not (clean and own) and (self._decoder.threads > 1 or (not clean and not pristine)):
                # Once more: with one thread from here on (see the class), and from the key frame with a new decoder,
                # for how damage is patched up depends on what was decoded before.
                if self._decoder.hardware is not None:
                    why = self._decoder.error or "a picture did not come out whole"
                    self.device_lost = f"{self._decoder.hardware} failed at frame {ordinal} ({why})"
                self._decoder.use_one_thread()
                self._seek(ordinal)
                continue
            break
        if good is None:
            picture = self._first_good()
            return picture, self._why(ordinal)
        if own or not self._is_missing(ordinal, good.ordinal):
            return good, None
        return good, self._why(ordinal)

    def _is_missing(self, ordinal: int, shown: int) -> bool:
        """Whether a frame that did not come out is damaged, rather than a packet without a picture of its own.

        (The second field of a picture, or an MPEG-4 "not coded" frame: no error, and the next frames are there.)
        """
        if ordinal in self._bad or self._decoder.error is not None or self._ahead is None:
            return True
        gap = int(self._index.pts[ordinal] - self._index.pts[shown]) * self._index.time_base
        return gap > SILENT_GAP_S

    def _why(self, ordinal: int) -> str:
        return self._bad.get(ordinal) or self._decoder.error or "the decoder gave out no picture"

    def _start_key(self, ordinal: int) -> int | None:
        """Ticks of the key frame to decode ``ordinal`` from; ``None`` is the start of the file."""
        if self._index.by_order:
            return None
        at = self._index.keyframe_at(int(self._index.pts[ordinal]))
        keys = self._index.keyframes
        while at > 0 and int(keys[at]) in self._weak_keys:
            at -= 1
        return int(keys[at]) if at > 0 else None

    def _seek_needed(self, ordinal: int) -> bool:
        here = self._good.ordinal if self._good is not None else -1
        if ordinal < here or (self._good is None and not self._decoder.from_start):
            return True
        key = self._start_key(ordinal)
        if key is None:
            return False
        at = self._index.ordinal_at(key)
        # After damage: begin afresh at the next key frame (see DecoderRun.tainted).
        return at - max(here, self._next_ordinal - 1) > SEEK_GAP or (self._decoder.tainted and at > here)

    def _seek(self, ordinal: int) -> None:
        self._key = self._start_key(ordinal)
        self._key_ordinal = None
        if self._key is not None and int(self._index.pts[at := self._index.ordinal_at(self._key)]) == self._key:
            self._key_ordinal = at
        self._good = self._ahead = None
        self._next_ordinal = 0
        self._fresh = True
        self._weak_start = False
        self._decoder.seek(self._key)

    def _advance(self, ordinal: int) -> bool:
        """Decode on until ``ordinal`` or the first picture after it came out; ``False`` if an error was met."""
        clean = True
        while self._good is None or self._good.ordinal < ordinal:
            picture, self._ahead = self._ahead, None
            if picture is None:
                frame = self._decoder.next()
                clean = self._note_failures() and clean
                if self._weak_start or frame is None:
                    break
                picture = _Picture(frame, self._ordinal_of(frame))
                if picture.ordinal < 0:
                    continue
                if frame.is_corrupt:
                    clean = False
                    self._note_bad(picture.ordinal, int(self._index.pts[picture.ordinal]), "its data is damaged")
                    continue
                if self._fresh and self._key_ordinal is not None and picture.ordinal > self._key_ordinal:
                    self._weak_start = True  # the key frame itself did not come out
                    break
            if picture.ordinal > ordinal:
                self._ahead = picture
                break
            if self._good is None or picture.ordinal >= self._good.ordinal:
                self._good = picture
                self._fresh = False
        return clean

    def _note_failures(self) -> bool:
        """Remember the frames whose packets failed; ``True`` if there were none."""
        failed = self._decoder.failed
        if not failed:
            return True
        self._decoder.failed = set()
        for ticks in failed:
            at = self._index.ordinal_at(ticks)
            # With frame threads the error comes with a later packet, so nothing is known about which it was.
            exact = self._decoder.threads == 1 and not self._index.by_order and int(self._index.pts[at]) == ticks
            self._note_bad(at if exact else None, ticks, self._decoder.error or "its data is damaged")
        return False

    def _note_bad(self, ordinal: int | None, ticks: int, why: str) -> None:
        if self._fresh and self._key is not None and not self._decoder.from_start:
            # Pictures shown before the key frame that the run began with cannot be decoded here, and need not be.
            # At or after it, damage before the first good picture means that the start is unfit: concealment would
            # use what happened to be decoded before, and the pictures would depend on how they were reached.
            self._weak_start = self._weak_start or ticks >= self._key
        elif ordinal is not None:
            self._bad.setdefault(ordinal, why)

    def _ordinal_of(self, frame: VideoFrame) -> int:
        """Ordinal of a frame that just came out of the decoder; -1 for one before the first shown frame."""
        if self._index.by_order or frame.pts is None:
            ordinal = min(self._next_ordinal, len(self._index) - 1)
        else:
            ordinal = self._index.ordinal_at(frame.pts) if frame.pts >= self._index.start else -1
        self._next_ordinal = ordinal + 1
        return ordinal

    def _first_good(self) -> _Picture:
        """The first picture of the file that can be decoded: stands in for damaged ones at the very start."""
        self._advance(-1)
        if self._ahead is None:
            raise DamagedSourceError(f"{self._path}: not one frame of it can be decoded ({self._why(0)}).")
        return self._ahead

    # -- bringing it into the native format ---------------------------------------------------------------------

    def _native(self, frame: VideoFrame) -> Planes:
        color = self._info.color
        if frame.format.name != self._info.pixel_format and frame.format.name.startswith("yuvj"):
            color = replace(color, range=Range.FULL)
        planes = self._scaler.scale(from_frame(frame, color), *self._stored)
        if self._turn:
            self._turned += 1
            planes = upright(planes, self._info.rotation, self._info.mirrored)
        return planes
