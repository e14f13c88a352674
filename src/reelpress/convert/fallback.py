"""A converter that hands over to another one when its system lets it down in the middle of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.errors import ReelpressError, StrictFallbackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.color import ColorSpec
    from reelpress.convert.base import Converter
    from reelpress.media.planes import Planes


def falls_back(error: ReelpressError) -> bool:
    """Whether the error itself says that another converter should go on (its attribute ``falls_back``)."""
    return bool(getattr(error, "falls_back", False))


class FallbackConverter:
    """``first`` as long as it works, then what ``spare`` makes, for good. One thread, like every converter.

    Attributes:
        reason: Why ``first`` was given up, as sentences; ``None`` while it is in use.
    """

    def __init__(
        self,
        first: Converter,
        spare: Callable[[], Converter],
        *,
        strict: bool = False,
        on_fallback: Callable[[str, str, str], None] | None = None,
        judge: Callable[[ReelpressError], bool] = falls_back,
    ) -> None:
        """Nothing is converted or opened yet.

        Args:
            first: The converter of the plan.
            spare: Makes the other one, when it is needed.
            strict: Raise instead of handing over.
            on_fallback: Told once: name of the first, name of the spare, and the reason.
            judge: Which errors of ``first`` mean that the spare should go on; all others are passed on.
        """
        self._current = first
        self._spare: Callable[[], Converter] | None = spare
        self._strict = strict
        self._on_fallback = on_fallback
        self._judge = judge
        self.reason: str | None = None

    @property
    def name(self) -> str:
        """Of the converter in use."""
        return self._current.name

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        """Of the converter in use."""
        return self._current.why_not(source, target, width, height)

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """As the protocol says. The picture at which ``first`` fails is converted by the spare: none is lost.

        Raises:
            StrictFallbackError: ``first`` failed so, and ``strict`` was given.
            ReelpressError: What the converter in use raises otherwise.
        """
        try:
            return self._current.convert(planes, target, color)
        except ReelpressError as error:
            spare = self._spare
            if spare is None or not self._judge(error):
                raise
            if self._strict:
                raise StrictFallbackError(
                    f"The converter {self.name} failed, and --strict forbids another: {error}"
                ) from error
            self.reason = str(error)
        first, self._current, self._spare = self._current, spare(), None
        first.close()
        if self._on_fallback is not None:
            self._on_fallback(first.name, self.name, self.reason)
        return self._current.convert(planes, target, color)

    def close(self) -> None:
        """Close the converter in use; calling it twice is harmless."""
        self._current.close()
