"""Status codes of VideoToolbox and CoreVideo: what each means, what to tell, and what to do about it.

Codes and names are those of the public headers (``VTErrors.h``, ``CVReturn.h``). A status is a signed 32-bit number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reelpress.errors import ExportError, OutOfMemoryError, ReelpressError


class Reaction(StrEnum):
    """What the converter, or who uses it, does about a status."""

    IGNORE = "ignore"
    """Noted, nothing else: a property that this system does not know."""
    RETRY = "retry"
    """The same call once more, a few times at most; then fall back."""
    RECREATE = "recreate"
    """A new session, once for the same picture; then fall back."""
    FALL_BACK = "fall back"
    """This converter cannot do it on this machine; the next one can."""
    FAIL = "fail"
    """The export ends: another converter would hide a mistake, or meet the same trouble."""
    OUT_OF_MEMORY = "out of memory"
    """The export ends; there is an exception of its own for that."""


@dataclass(frozen=True, slots=True)
class Status:
    """One code."""

    name: str
    """As in the headers."""
    meaning: str
    """A clause for people, without a full stop."""
    reaction: Reaction


_BUG = "wrong argument: a mistake in Reelpress, please report it"
_NO_MEMORY = "out of memory"
_NO_TAGS = "the colour tags of the source are missing or unusable"

STATUSES: dict[int, Status] = {
    # VTErrors.h
    -12212: Status("kVTColorCorrectionPixelTransferFailedErr", "colour matching failed", Reaction.FALL_BACK),
    -12218: Status(
        "kVTPixelTransferNotPermittedErr", "the conversion is not permitted (protected content)", Reaction.FALL_BACK
    ),
    -12900: Status("kVTPropertyNotSupportedErr", "this system does not know the property", Reaction.IGNORE),
    -12901: Status("kVTPropertyReadOnlyErr", "this system does not let the property be set", Reaction.IGNORE),
    -12902: Status("kVTParameterErr", _BUG, Reaction.FAIL),
    -12903: Status("kVTInvalidSessionErr", "the session has become invalid", Reaction.RECREATE),
    -12904: Status("kVTAllocationFailedErr", _NO_MEMORY, Reaction.OUT_OF_MEMORY),
    -12905: Status(
        "kVTPixelTransferNotSupportedErr", "this pair of pixel formats cannot be converted", Reaction.FALL_BACK
    ),
    -12907: Status("kVTCouldNotCreateInstanceErr", "no converter could be made", Reaction.FALL_BACK),
    -12908: Status("kVTCouldNotFindVideoEncoderErr", "no such video encoder", Reaction.FALL_BACK),
    -12912: Status("kVTVideoEncoderMalfunctionErr", "the video encoder has failed", Reaction.FALL_BACK),
    -12915: Status("kVTVideoEncoderNotAvailableNowErr", "the video encoder is busy", Reaction.FALL_BACK),
    -12917: Status("kVTInsufficientSourceColorDataErr", _NO_TAGS, Reaction.FALL_BACK),
    -12918: Status("kVTCouldNotCreateColorCorrectionDataErr", _NO_TAGS, Reaction.FALL_BACK),
    -12919: Status("kVTColorSyncTransformConvertFailedErr", _NO_TAGS, Reaction.FALL_BACK),
    -17691: Status("kVTSessionMalfunctionErr", "the session has failed", Reaction.RECREATE),
    # CVReturn.h
    -6660: Status("kCVReturnError", "an error without a description", Reaction.FALL_BACK),
    -6661: Status("kCVReturnInvalidArgument", _BUG, Reaction.FAIL),
    -6662: Status("kCVReturnAllocationFailed", _NO_MEMORY, Reaction.OUT_OF_MEMORY),
    -6663: Status("kCVReturnUnsupported", "not supported on this system", Reaction.FALL_BACK),
    -6680: Status("kCVReturnInvalidPixelFormat", "no pixel buffer can have this pixel format", Reaction.FALL_BACK),
    -6681: Status("kCVReturnInvalidSize", "no pixel buffer can have this size", Reaction.FALL_BACK),
    -6682: Status("kCVReturnInvalidPixelBufferAttributes", _BUG, Reaction.FAIL),
    -6684: Status("kCVReturnPixelBufferNotMetalCompatible", "the memory is not usable by Metal", Reaction.FALL_BACK),
    -6689: Status(
        "kCVReturnWouldExceedAllocationThreshold",
        "too many converted pictures are still held: the encoder lags behind, or pictures are kept by mistake",
        Reaction.FAIL,
    ),
    -6690: Status("kCVReturnPoolAllocationFailed", "no memory for a pool of pictures", Reaction.OUT_OF_MEMORY),
    -6691: Status("kCVReturnInvalidPoolAttributes", _BUG, Reaction.FAIL),
    -6692: Status("kCVReturnRetry", "the system asks to try again", Reaction.RETRY),
}
"""Codes with a meaning of their own here."""

UNKNOWN = Status("an unknown status", "Reelpress does not know this code", Reaction.FALL_BACK)


class VideoToolboxError(ExportError):
    """A call into VideoToolbox or CoreVideo failed.

    Attributes:
        function: Name of the C function.
        status: Its status; ``None`` when it reported success and gave nothing, or gave something unusable.
        reaction: What is left to do about it: :attr:`Reaction.FALL_BACK` or :attr:`Reaction.FAIL`. Retrying and
            recreating was done before this was raised.
    """

    code = "videotoolbox"

    def __init__(self, function: str, status: int | None, message: str, reaction: Reaction) -> None:
        self.function = function
        self.status = status
        self.reaction = reaction
        super().__init__(message)

    @property
    def falls_back(self) -> bool:
        """Whether another converter should go on with the same picture."""
        return self.reaction is Reaction.FALL_BACK


def lookup(status: int) -> Status:
    """What ``status`` means; :data:`UNKNOWN` for a code that is not listed."""
    return STATUSES.get(status, UNKNOWN)


def failure(function: str, status: int, what: str, tried: str = "") -> ReelpressError:
    """The exception for a status that is not success.

    Args:
        function: The C function.
        status: What it returned.
        what: What it was to do, as a clause: ``"convert 1920x1080 bgra to nv12"``.
        tried: What was done about it in vain, as a clause, if anything.
    """
    known = lookup(status)
    after = f"; {tried}" if tried else ""
    detail = f"{what}: {known.meaning} ({function}: {known.name}, {status}){after}"
    if known.reaction is Reaction.OUT_OF_MEMORY:
        return OutOfMemoryError("convert", detail)
    if known.reaction is Reaction.FAIL:
        return VideoToolboxError(function, status, f"VideoToolbox could not {detail}.", Reaction.FAIL)
    return VideoToolboxError(
        function,
        status,
        f"VideoToolbox could not {detail}. --converter swscale does without it.",
        Reaction.FALL_BACK,
    )


def nothing(function: str, what: str) -> VideoToolboxError:
    """The exception for a call that reported success and gave no object."""
    return VideoToolboxError(
        function,
        None,
        f"VideoToolbox could not {what}: {function} reported success and gave nothing. "
        "--converter swscale does without it.",
        Reaction.FALL_BACK,
    )


def unusable(function: str, what: str, found: str) -> VideoToolboxError:
    """The exception for a call that gave something that cannot be used; ``found`` is a clause."""
    return VideoToolboxError(
        function,
        None,
        f"VideoToolbox could not {what}: {found} ({function}). --converter swscale does without it.",
        Reaction.FALL_BACK,
    )
