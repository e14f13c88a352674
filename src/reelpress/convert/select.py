"""Which converter an export uses, and why not the others.

``auto`` goes by where the picture is: what the GPU has drawn leaves it as NV12 and is not converted at all; what is in
the CPU's memory is converted by the system's own converter where there is one (macOS) and a picture showed that its
pixels are the reference's (:mod:`reelpress.convert.proof`), else by swscale. No device is opened for it: that takes
longer than a short export saves. Who has many such pictures may ask for ``gpu``: with its upload and read-back it took
1.8 ms at 1080p on an H100, swscale 6.8 (``benchmarks/results/convert_h100.json``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.convert.base import Conversion, canonical
from reelpress.convert.proof import proved
from reelpress.errors import FormatError, SettingsError
from reelpress.events import Fallback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelpress.convert.base import Converter
    from reelpress.convert.proof import Kept

BACKENDS = ("gpu", "videotoolbox", "swscale")
"""Those that an export may use; ``reference`` is for tests."""

PROVED = ("videotoolbox",)
"""Those that are part of a system: not taken unasked before a picture showed that they are right."""

WANTED = ("auto", *BACKENDS)

LAST = "swscale"
"""It is always there."""


@dataclass(frozen=True, slots=True)
class ConverterChoice:
    """The converter that is used, for the plan."""

    used: str
    """A backend's name, or ``none``: nothing is to be converted."""
    reason: str
    rejected: tuple[Conversion, ...] = ()
    fallback: Fallback | None = None
    """When another one was asked for; ``--strict`` makes it an error."""


def make(name: str, *, threads: int = 1, allow_software: bool = False) -> Converter:
    """A converter by its name; its library and device are opened at first use.

    Args:
        name: One of :data:`BACKENDS`, or ``reference``.
        threads: Of swscale.
        allow_software: Whether ``gpu`` may run on a software adapter.

    Raises:
        SettingsError: No such converter.
    """
    # Imported here: an export loads only what it uses, and wgpu takes longest of all.
    if name == "gpu":
        from reelpress.convert.gpu import GpuConverter

        return GpuConverter(allow_software=allow_software)
    if name == "videotoolbox":
        from reelpress.convert.videotoolbox import VideoToolboxConverter

        return VideoToolboxConverter()
    if name == "swscale":
        from reelpress.convert.swscale import SwscaleConverter

        return SwscaleConverter(threads)
    if name == "exact":
        from reelpress.convert.exact import ExactConverter

        return ExactConverter()
    if name == "reference":
        from reelpress.convert.reference import ReferenceConverter

        return ReferenceConverter()
    raise SettingsError(f"There is no converter {name!r}. Available are {', '.join(WANTED)}.")


def table(
    converters: Iterable[Converter], pairs: Iterable[tuple[str, str]], width: int, height: int
) -> list[Conversion]:
    """What each of ``converters`` can do with each of ``pairs`` (source, target) at this size; rows for ``doctor``."""
    asked = list(pairs)
    return [
        Conversion(converter.name, source, target, converter.why_not(source, target, width, height))
        for converter in converters
        for source, target in asked
    ]


def choose(
    wanted: str,
    source: str,
    target: str,
    width: int,
    height: int,
    *,
    drawn_on_gpu: bool = False,
    allow_software: bool = False,
    kept: Kept | None = None,
) -> ConverterChoice:
    """The converter for pictures that are composed as ``source`` and encoded as ``target``.

    Args:
        wanted: One of :data:`WANTED`.
        source: What the compositor or decoder hands over.
        target: What the encoder takes.
        width: Pixels.
        height: Pixels.
        drawn_on_gpu: The pictures are in the GPU's memory, and its compositor can write ``target`` there.
        allow_software: As in :func:`make`.
        kept: Verdicts about the system's converters from earlier exports; ``None`` keeps nothing.

    Raises:
        SettingsError: ``wanted`` is no converter.
        FormatError: No converter at all does this; the sentence has the reason of each.
    """
    if wanted not in WANTED:
        raise SettingsError(f"The converter {wanted!r} is not known. Allowed are {', '.join(WANTED)}.")
    source, target = canonical(source), canonical(target)
    if source == target:
        return ConverterChoice("none", f"pictures are composed as {target}, which the encoder takes")
    if drawn_on_gpu and wanted in ("auto", "gpu"):
        how = "asked for with --converter" if wanted == "gpu" else "read back once, with the fewest bytes"
        return ConverterChoice("gpu", f"the GPU's compositor writes {target} itself: {how}")
    rejected: list[Conversion] = []
    for name in _order(wanted):
        reason, doubt = _why_not(name, wanted, source, target, width, height, allow_software, kept)
        if reason is None:
            if wanted in ("auto", name):
                asked = "asked for with --converter" if wanted == name else _REASONS[name]
                asked += f", and would not be taken otherwise: {doubt}" if doubt else ""
                return ConverterChoice(name, asked, tuple(rejected))
            instead = Fallback("converter", wanted, name, rejected[0].why_not or "")
            return ConverterChoice(name, f"instead of {wanted}: {instead.reason}", tuple(rejected), instead)
        rejected.append(Conversion(name, source, target, reason))
    raise FormatError(
        f"Nothing converts {source} to {target} at {width}x{height}. "
        + " ".join(f"{row.backend}: {row.why_not}" for row in rejected)
    )


_REASONS = {
    "videotoolbox": "the system's own converter; a picture showed that its pixels are right",
    "swscale": "runs everywhere; pictures in the CPU's memory are converted there",
}


def _order(wanted: str) -> tuple[str, ...]:
    """Backends in the order in which they are asked."""
    if wanted == "auto":
        return BACKENDS
    return (wanted, *(name for name in ("videotoolbox", LAST) if name != wanted))


def _why_not(
    name: str,
    wanted: str,
    source: str,
    target: str,
    width: int,
    height: int,
    allow_software: bool,
    kept: Kept | None,
) -> tuple[str | None, str | None]:
    """Why one is not used, and what is wrong with it where it is used because it was asked for."""
    if name == "gpu" and wanted == "auto":
        return (
            "The pictures lie in the CPU's memory: the GPU would have to get them first and give them back again."
        ), None
    converter = make(name, allow_software=allow_software)
    try:
        reason = converter.why_not(source, target, width, height)
        wrong = proved(converter, source, target, kept) if reason is None and name in PROVED else None
        return (reason, wrong) if name == wanted else (reason or wrong, None)
    finally:
        converter.close()
