"""What the encoder of an export is told, and which one it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.encode.select import EncoderChoice, choose_encoder
from reelpress.encode.verdicts import Verdicts
from reelpress.events import Fallback
from reelpress.media.encoder import EncoderSpec

if TYPE_CHECKING:
    from reelpress.encode.rate import RateControl
    from reelpress.export.settings import ExportSettings
    from reelpress.pipeline.budget import BufferSizes
    from reelpress.scene.director import Director

VERDICTS = "verdicts.json"
"""In the user's cache folder."""


def spec_of(director: Director, rate: RateControl, buffers: BufferSizes, settings: ExportSettings) -> EncoderSpec:
    """What any encoder of this export is told; ``codec`` and ``pixel_format`` are still x264's."""
    width, height = director.size
    return EncoderSpec(
        width=width,
        height=height,
        fps=director.fps,
        crf=rate.crf,
        maxrate=rate.maxrate,
        bufsize=rate.bufsize,
        preset=rate.preset,
        gop_frames=max(1, round(director.fps * settings.gop)),
        threads=buffers.encode_threads,
        lookahead=buffers.lookahead,
        extra=_fewer_pictures(buffers),
    )


def choose(
    spec: EncoderSpec, settings: ExportSettings, formats: tuple[str, ...]
) -> tuple[EncoderChoice, list[Fallback]]:
    """The encoder, and what had to be given up for it.

    Args:
        spec: Of :func:`spec_of`.
        settings: ``codec`` and ``encoder``.
        formats: What the compositor gives, the best first.

    Raises:
        SettingsError: ``--encoder`` names none of this codec.
        EncoderError: There is none for the codec.
    """
    codec, wanted = settings.codec or "h264", settings.flags.encoder
    found = choose_encoder(spec, codec, wanted, formats=formats, verdicts=kept_verdicts())
    # A chip that is not here is nobody's fault. One that was asked for, or that is here and broken, is told of.
    given_up = dict.fromkeys([*([] if found.wanted is None else [found.wanted]), *found.broken])
    reasons = dict(found.choice.rejected)
    return found, [Fallback("encode", name, found.choice.used, reasons[name]) for name in given_up]


def kept_verdicts() -> Verdicts:
    """What trials of encoders and of the system's converters said before, in the user's cache folder."""
    import platformdirs

    return Verdicts(platformdirs.user_cache_path("reelpress", appauthor=False) / VERDICTS)


def _fewer_pictures(buffers: BufferSizes) -> dict[str, str]:
    """Options by which x264 holds fewer pictures, where the budget asks for it."""
    extra = {}
    if buffers.bframes is not None:
        extra["bf"] = str(buffers.bframes)
    if buffers.sync_lookahead is not None:
        extra["x264-params"] = f"sync-lookahead={buffers.sync_lookahead}"
    return extra
