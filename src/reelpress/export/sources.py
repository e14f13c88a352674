"""Decoders of the tracks of one kind, opened when first needed and closed when left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.media.damage import DamageMeter
from reelpress.media.decode import VideoSource
from reelpress.recording.naming import called

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.media.planes import Planes
    from reelpress.recording.model import Recording

OPEN_AT_ONCE = 2
"""Decoders of one kind that stay open: two segments overlap in a transition, more never do."""


class SourcePool:
    """Decoded pictures by source key and ordinal. Used from one thread.

    Args:
        recording: Where the tracks are.
        threads: Decoder threads of each.
        decoder: As in the settings.
        cancelled: Asked in long decodes.
        frames: Output frames of the export; the share of damaged frames is taken of as many at most.
        enforce_damage: Raise DamagedSourceError over the limit (exports do; stills do not).
    """

    def __init__(
        self,
        recording: Recording,
        *,
        threads: int,
        decoder: str = "software",
        cancelled: Callable[[], bool] | None = None,
        frames: int | None = None,
        enforce_damage: bool = True,
    ) -> None:
        self._recording = recording
        self._threads = threads
        self._decoder = decoder
        self._cancelled = cancelled
        self._frames = frames
        self._open: dict[str, VideoSource] = {}
        self._meters: dict[str, DamageMeter] | None = {} if enforce_damage else None
        self.repeated = 0
        """Pictures that could not be decoded and were taken from the last good one."""
        self.conversions = 0
        """Pictures whose pixel format was converted."""
        self.devices_lost: dict[str, str] = {}
        """Source key -> why the device that should have decoded it does not (any more)."""
        self.problems: dict[str, str] = {}
        """Source key -> the decoder's last complaint."""

    def planes(self, key: str, ordinal: int) -> Planes:
        """The picture, normalised.

        Raises:
            DamagedSourceError: Too many frames could not be decoded.
            InputError: Nothing at all can be decoded.
        """
        source = self._open.get(key)
        if source is None:
            source = self._opened(key)
        track = self._recording.track(key)
        with called(track.path, track.origin):
            decoded = source.frame(ordinal)
        if decoded.error:
            self.problems[key] = decoded.error
        if decoded.repeated:
            self.repeated += 1
        if self._meters is not None:
            self._meters[key].note(ordinal, decoded.time, repeated=decoded.repeated, error=decoded.error)
        return decoded.planes

    def _opened(self, key: str) -> VideoSource:
        while len(self._open) >= OPEN_AT_ONCE:
            self._leave(next(iter(self._open)))
        track = self._recording.track(key)
        with called(track.path, track.origin):
            source = VideoSource(
                track.path,
                track.info,
                track.index,
                threads=self._threads,
                decoder=self._decoder,
                cancel=self._cancelled,
            )
        self._open[key] = source
        if self._meters is not None and key not in self._meters:
            expected = min(len(track.index), self._frames) if self._frames else len(track.index)
            self._meters[key] = DamageMeter(track.origin, expected)
        return source

    def _leave(self, key: str) -> None:
        source = self._open.pop(key)
        self.conversions += source.conversions
        if source.device_lost is not None:
            self.devices_lost[key] = source.device_lost
        source.close()

    def close(self) -> None:
        """Close all decoders; calling it twice is harmless."""
        for key in list(self._open):
            self._leave(key)
