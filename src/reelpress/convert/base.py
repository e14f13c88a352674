"""The one protocol of all pixel format converters, and the table of what they can do.

A converter changes the pixel format, the matrix and the range of a picture, never its size. Backends are siblings of
this module (``reference``, ``swscale``, ``gpu``, ``videotoolbox``), each held to the reference by the same contract
tests.

**Rules that all of them follow**

*Names* are FFmpeg's; ``p010`` (:data:`P010`) may also be written ``p010le``. ``yuyv422`` is the seed's YUYV (Y U Y V),
``uyvy422`` its UYVY, ``yuv420p`` its I420.

*Odd sizes* are padded by rule, never cropped: chroma planes round up (:func:`chroma_columns`, :func:`chroma_rows`),
as FFmpeg does, so the last chroma sample of an odd width lies on the last pixel. A packed 4:2:2 row of an odd width has
a whole last macropixel of 4 bytes (:func:`row_bytes`): its second luma sample is padding, which is ignored in a source
and a copy of the last luma sample in a result. No other byte outside the picture is ever written.

*Chroma* is resampled by its siting. Enlarged, it is interpolated linearly between the samples at their positions;
reduced, it is the mean over the pixels that a sample covers:

- ``left`` (H.264, the default): horizontally weights 1/4, 1/2, 1/4 around the even column; vertically the mean of two
  rows; enlarged with weights 3/4, 1/4 vertically.
- ``center``: the mean of two columns and of two rows; enlarged with 3/4, 1/4 both ways.

Over the picture's edge the nearest sample is repeated.

*Values* are rounded to nearest (a half away from zero) once, at the end, and clamped to what the format can hold
(0..255; RGB 0..1; YUV codes outside the limited range survive). P010 is read with all of its 10 bits.

*Alpha* of a result without a source for it is 255; alpha of a source is dropped (the pictures are straight R'G'B').
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reelpress.color import Matrix, Siting
from reelpress.errors import FormatError

if TYPE_CHECKING:
    from reelpress.color import ColorSpec
    from reelpress.media.planes import Planes

P010 = "p010le"
"""FFmpeg's name of P010: 10-bit NV12, each sample in the upper bits of a little-endian 16-bit word."""

RGB_FORMATS = ("rgba", "bgra", "argb")
PACKED_FORMATS = ("yuyv422", "uyvy422")
SUBSAMPLED_FORMATS = ("nv12", "yuv420p", P010)
FORMATS = (*RGB_FORMATS, *SUBSAMPLED_FORMATS, *PACKED_FORMATS)
"""Every format that any converter is asked about."""

SEED_PAIRS: tuple[tuple[str, str], ...] = (
    *((source, target) for source in (*SUBSAMPLED_FORMATS, *PACKED_FORMATS) for target in ("rgba", "bgra")),
    *((source, "nv12") for source in ("rgba", "bgra", *PACKED_FORMATS)),
)
"""What an export may need: any decoder's format to the renderer's, the renderer's and cameras' to the encoder's."""

MAX_SIDE = 16384
"""Pixels; larger pictures are refused by every backend (it is also the largest texture of most GPUs)."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """One row of the capability table."""

    backend: str
    """Name of the converter."""
    source: str
    target: str
    why_not: str | None
    """A sentence, or ``None``: it can."""

    @property
    def available(self) -> bool:
        """Whether the backend does it."""
        return self.why_not is None


class Converter(Protocol):
    """Planes in one pixel format -> planes in another, of the same size. One instance is used from one thread."""

    @property
    def name(self) -> str:
        """As in plans and reports: ``swscale``, ``gpu``, ``videotoolbox``, ``reference``."""
        ...

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        """Why it cannot convert pictures of this size from ``source`` to ``target``, as a sentence; ``None``: it can.

        Cheap enough to be asked for a whole table; it may open a device the first time, and never raises.
        """
        ...

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        """``planes`` as ``target``.

        Args:
            planes: Left as it is; rows may be padded, of any stride.
            target: A format for which :meth:`why_not` is ``None``.
            color: Of the result. For an RGB target its matrix is ``Matrix.RGB`` and its range full; for a YUV target
                it tells matrix, range and siting. The source's own colour is in ``planes``.

        Returns:
            A new picture with the source's pts and time base, its memory kept alive by ``owner``. It stays valid and
            unchanged for as long as it is referred to.

        Raises:
            FormatError: Not such a pair, size or colour; the sentence says what would be allowed.
            ReelpressError: The backend's own reasons (device lost, out of memory): nothing was returned.
        """
        ...

    def close(self) -> None:
        """Release devices, sessions and caches; calling it twice is harmless."""
        ...


def canonical(name: str) -> str:
    """FFmpeg's name for ``name`` (``p010`` and ``i420`` are understood too)."""
    return {"p010": P010, "i420": "yuv420p", "yuyv": "yuyv422", "uyvy": "uyvy422"}.get(name, name)


def chroma_columns(width: int) -> int:
    """Chroma samples in a row of a 4:2:0 or 4:2:2 picture: half the width, rounded up."""
    return -(-width // 2)


def chroma_rows(height: int) -> int:
    """Chroma rows of a 4:2:0 picture: half the height, rounded up."""
    return -(-height // 2)


def row_bytes(format_name: str, width: int) -> tuple[int, ...]:
    """Bytes of a row without padding, for each plane.

    Raises:
        FormatError: Not one of :data:`FORMATS`.
    """
    name = canonical(format_name)
    columns = chroma_columns(width)
    if name in RGB_FORMATS:
        return (4 * width,)
    if name in PACKED_FORMATS:
        return (4 * columns,)
    if name == "nv12":
        return width, 2 * columns
    if name == P010:
        return 2 * width, 4 * columns
    if name == "yuv420p":
        return width, columns, columns
    raise FormatError(f"Got the pixel format {format_name!r}. Converters know {', '.join(FORMATS)}.")


def plane_rows(format_name: str, height: int) -> tuple[int, ...]:
    """Rows of each plane.

    Raises:
        FormatError: Not one of :data:`FORMATS`.
    """
    planes = len(row_bytes(format_name, 2))
    return (height, *(chroma_rows(height) for _ in range(planes - 1)))


def check_size(format_name: str, width: int, height: int) -> str | None:
    """Why a picture cannot have this format and size, as a sentence; ``None``: it can. Odd sizes are fine."""
    name = canonical(format_name)
    if name not in FORMATS:
        return f"{format_name!r} is not a format that converters know ({', '.join(FORMATS)})."
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        return f"A picture of {width}x{height} cannot be converted: both sides must be 1 to {MAX_SIDE} pixels."
    return None


def check_pair(source: str, target: str, width: int, height: int) -> str | None:
    """Why a picture of this size cannot have one of these formats, as a sentence; ``None``: it can have both."""
    return check_size(source, width, height) or check_size(target, width, height)


def accepted(converter: Converter, planes: Planes, target: str, color: ColorSpec) -> tuple[str, str]:
    """What every converter asks before it converts: the pair, the size, the planes, and both colours.

    Returns:
        FFmpeg's names of the picture's format and of the target.

    Raises:
        FormatError: Something does not fit; the sentence says what would be allowed.
    """
    source, target = canonical(planes.format), canonical(target)
    reason = converter.why_not(source, target, planes.width, planes.height)
    if reason is not None:
        raise FormatError(reason)
    check_picture(planes)
    check_color(source, planes.color, "source")
    check_color(target, color, "target")
    return source, target


def check_picture(planes: Planes) -> None:
    """That the planes of a picture have the rows and bytes that its format and size ask for.

    Raises:
        FormatError: They have not.
    """
    reason = check_size(planes.format, planes.width, planes.height)
    if reason is not None:
        raise FormatError(reason)
    wanted = tuple(zip(plane_rows(planes.format, planes.height), row_bytes(planes.format, planes.width), strict=True))
    given = tuple(tuple(p.shape) for p in planes.planes)
    if given != wanted:
        raise FormatError(
            f"A picture of {planes.width}x{planes.height} in {planes.format} has planes of (rows, bytes) {wanted}; "
            f"given were {given}."
        )


def check_color(format_name: str, color: ColorSpec, what: str) -> None:
    """That a colour fits a format: RGB formats with the RGB matrix, YUV formats with a YUV matrix, never HDR.

    Raises:
        FormatError: It does not fit.
    """
    rgb = canonical(format_name) in RGB_FORMATS
    if rgb != (color.matrix is Matrix.RGB):
        raise FormatError(
            f"The {what} is {format_name}, its colour {color!s}: "
            + ("RGB formats have the matrix rgb." if rgb else "YUV formats have a YUV matrix such as bt709.")
        )
    if color.is_hdr:
        raise FormatError(f"The {what} is HDR ({color.transfer}); it must be tone mapped first.")
    if not rgb and color.siting is Siting.TOP_LEFT:
        raise FormatError(f"The {what} has chroma sited top-left; converters know left and center.")
