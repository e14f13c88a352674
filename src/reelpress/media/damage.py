"""Counting frames that could not be decoded, and when there are too many of them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.errors import DamagedSourceError

if TYPE_CHECKING:
    from pathlib import Path

MAX_SHARE = Fraction(5, 100)
MAX_RUN_S = Fraction(2)


class DamageMeter:
    """Watches the frames taken from one source, in presentation order, and raises when too many are damaged.

    Not thread-safe: the thread that reads the source calls it.

    Attributes:
        frames: Different frames seen.
        repeated: How many of them were repeated from the last good one.
    """

    def __init__(
        self,
        path: Path,
        expected: int,
        *,
        max_share: Fraction = MAX_SHARE,
        max_run: Fraction = MAX_RUN_S,
    ) -> None:
        """
        Args:
            path: The source, for the message.
            expected: Frames of it that will be used in all; the share is taken of this.
            max_share: Largest share of damaged frames that is still accepted.
            max_run: Longest stretch of damaged frames, in seconds, that is still accepted.
        """
        self._path = path
        self._expected = max(1, expected)
        self._max_share, self._max_run = max_share, max_run
        self._last: int | None = None
        self._run_start: Fraction | None = None
        self.frames = 0
        self.repeated = 0

    def note(self, ordinal: int, time: Fraction, *, repeated: bool, error: str | None = None) -> None:
        """Take in one frame; asking for the same ordinal again counts once.

        Args:
            ordinal: Of the frame in its source.
            time: Its presentation time in the source, seconds.
            repeated: It could not be decoded.
            error: Why.

        Raises:
            DamagedSourceError: More than ``max_share`` of the frames, or more than ``max_run`` in a row.
        """
        if ordinal == self._last:
            return
        self._last = ordinal
        self.frames += 1
        if not repeated:
            self._run_start = None
            return
        self.repeated += 1
        if self._run_start is None or time < self._run_start:
            self._run_start = time
        why = f" ({error})" if error else ""
        if time - self._run_start > self._max_run:
            raise DamagedSourceError(
                f"{self._path}: the video cannot be decoded for more than {float(self._max_run):g} s in a row, "
                f"from {float(self._run_start):.2f} s on{why}. Repair or record it again."
            )
        if self.repeated > self._max_share * self._expected:
            raise DamagedSourceError(
                f"{self._path}: {self.repeated} of {self._expected} frames cannot be decoded, more than "
                f"{float(self._max_share * 100):g} %{why}. Repair or record it again."
            )
