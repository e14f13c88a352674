"""Pixel format conversion on the CPU, by swscale: the backend that is always there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.convert.base import (
    P010,
    RGB_FORMATS,
    SUBSAMPLED_FORMATS,
    accepted,
    canonical,
    check_pair,
)
from reelpress.errors import FormatError
from reelpress.media.repack import Repacker

if TYPE_CHECKING:
    from reelpress.color import ColorSpec
    from reelpress.media.planes import Planes

TARGETS = (*RGB_FORMATS, "nv12", "yuv420p")


class SwscaleConverter:
    """From every format to RGB, NV12 and I420; from P010 to RGB only (decoders reduce it with rounding)."""

    name = "swscale"

    def __init__(self, threads: int = 1) -> None:
        """Prepare nothing yet.

        Args:
            threads: Of swscale's own, per picture.
        """
        self._repacker: Repacker | None = Repacker(threads)

    @property
    def copies(self) -> int:
        """Pictures that were copied before swscale could read them."""
        return 0 if self._repacker is None else self._repacker.copies

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        """See :class:`reelpress.convert.base.Converter`."""
        reason = check_pair(source, target, width, height)
        if reason is not None:
            return reason
        source, target = canonical(source), canonical(target)
        if target not in TARGETS:
            return f"swscale is used for conversions to {', '.join(TARGETS)}, not to {target}."
        if source == P010 and target in SUBSAMPLED_FORMATS:
            return "swscale dithers 10 bits to 8; the decoder rounds them (media.scale)."
        return None

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """See :class:`reelpress.convert.base.Converter`. YUV keeps its colour or becomes BT.709 limited."""
        _, target = accepted(self, planes, target, color)
        if self._repacker is None:
            raise FormatError("This converter was closed.")
        return self._repacker.repack(planes, target, color)

    def close(self) -> None:
        """Forget the prepared conversions."""
        self._repacker = None
