"""The way pictures go through an export: who decodes, draws, converts and encodes them, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.color import SRGB
from reelpress.convert.exact import PAIRS as EXACT
from reelpress.convert.fallback import FallbackConverter, falls_back
from reelpress.convert.select import ConverterChoice
from reelpress.convert.select import choose as choose_converter
from reelpress.convert.select import make as make_converter
from reelpress.encode.candidates import INSIDE
from reelpress.encode.converting import Converting
from reelpress.encode.select import Choice, EncoderChoice, software_for
from reelpress.errors import FormatError
from reelpress.events import Fallback
from reelpress.export.decoding import choose_decoder
from reelpress.export.encoding import kept_verdicts, spec_of
from reelpress.export.rendering import PLANAR, Renderer, choose_renderer, on_cpu

if TYPE_CHECKING:
    from reelpress.encode.base import Encoder
    from reelpress.encode.rate import RateControl
    from reelpress.errors import ReelpressError
    from reelpress.export.outputs.base import Output
    from reelpress.export.settings import ExportSettings
    from reelpress.media.encoder import EncoderSpec
    from reelpress.pipeline.budget import BufferSizes
    from reelpress.recording.model import Recording
    from reelpress.scene.director import Director


UPLOAD_FRAMES = 32
"""Frames of a device that PyAV has made for an encoder at once (``initial_pool_size``)."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Every choice of a backend."""

    renderer: Renderer
    encoder: EncoderChoice
    spec: EncoderSpec
    """What the encoder is opened with."""
    converter: ConverterChoice
    """Between the two."""
    decoder_name: str
    """For ``VideoSource``."""
    decoder: Choice
    fallbacks: tuple[Fallback, ...] = ()

    def in_software(self, codec: str, reason: str) -> Ways:
        """The same way with an encoder that needs no chip, because the one of this way failed.

        Args:
            codec: As in the settings.
            reason: Of the failure, as a clause.

        Raises:
            EncoderError: There is none.
        """
        lost = self.encoder.candidate.name
        candidate, pixel_format = software_for(codec, (self.renderer.output, "nv12", "yuv420p"))
        rejected = (*self.encoder.choice.rejected, (lost, reason))
        choice = Choice(candidate.name, f"instead of {lost}, which failed", rejected)
        spec = replace(self.spec, codec=candidate.name, pixel_format=pixel_format, device=None)
        on_gpu = self.renderer.name == "gpu" and self.renderer.output == pixel_format
        converter = choose_converter(
            "auto",
            "rgba" if on_gpu else self.renderer.output,
            pixel_format,
            spec.width,
            spec.height,
            drawn_on_gpu=on_gpu,
            kept=kept_verdicts(),
        )
        encoder = EncoderChoice(candidate, pixel_format, choice)
        return replace(self, encoder=encoder, spec=spec, converter=converter)

    def before(self, encoder: Encoder) -> Converting | None:
        """What converts pictures just before ``encoder``; ``None`` where none can ever have to be.

        A GPU that gives up in the middle leaves the rest to the CPU, which draws yuv420p. A converter that its system
        lets down leaves the rest to swscale.
        """
        used = self.converter.used
        inside = used == "gpu" and self.renderer.name == "gpu"  # its compositor writes what the encoder takes
        if used not in ("none", "swscale", "encoder") and not inside:
            first = make_converter(used, allow_software=True)
            return Converting(encoder, FallbackConverter(first, lambda: make_converter("swscale"), judge=_goes_on))
        if self.converter.used == "swscale":
            return Converting(encoder, make_converter("swscale"))
        if self.renderer.name == "gpu" and self.spec.pixel_format != "yuv420p":
            return Converting(encoder, make_converter("swscale"))
        return None


def _goes_on(error: ReelpressError) -> bool:
    """Whether another converter should go on: also with a format that this one was not chosen for."""
    return falls_back(error) or isinstance(error, FormatError)


def choose_ways(
    director: Director,
    recording: Recording,
    rate: RateControl,
    buffers: BufferSizes,
    settings: ExportSettings,
    *,
    copying: bool,
    output: Output,
) -> Ways:
    """Choose decoder, renderer, converter and encoder.

    Args:
        director: Of the export.
        recording: The source.
        rate, buffers: For the encoder.
        settings: What is wanted.
        output: Whose encoder it is.
        copying: Packets will be copied, so no device is tried: that would take longer than the copying.

    Raises:
        SettingsError: A name that makes no sense.
        EncoderError: There is no encoder for the codec.
    """
    if copying:
        renderer = Renderer("planar", PLANAR)
        settings = replace(settings, decoder="software")
    elif output.alpha or output.on_cpu is not None:
        renderer = on_cpu(settings, alpha=output.alpha, why=output.on_cpu or "only the CPU's compositor draws alpha")
    else:
        renderer = choose_renderer(director, recording, settings, threads=buffers.decode_threads)
    decoder_name, decoder, undecoded = choose_decoder(
        director.tracks, settings, threads=buffers.decode_threads, frames=director.frames
    )
    spec = spec_of(director, rate, buffers, settings)
    likes: tuple[str, ...] = ("nv12", "yuv420p") if renderer.name == "gpu" else ("yuv420p",)
    if settings.flags.converter == "encoder" and renderer.output in INSIDE:
        likes = (renderer.output, *likes)
    encoder, unencoded = output.encoder(spec, settings, likes)
    color = SRGB if encoder.pixel_format in ("rgb24", "rgba") else spec.color
    if output.has_pictures:
        spec = replace(
            spec, codec=encoder.candidate.name, pixel_format=encoder.pixel_format, color=color, device=encoder.device
        )
    converter = _converter(renderer, spec, settings, encoder.inside)
    given_up = [renderer.fallback, converter.fallback, *undecoded, *unencoded]
    return Ways(
        renderer, encoder, spec, converter, decoder_name, decoder, tuple(each for each in given_up if each is not None)
    )


def _converter(renderer: Renderer, spec: EncoderSpec, settings: ExportSettings, inside: str | None) -> ConverterChoice:
    """Between what is drawn and what the encoder takes; ``inside``: why the encoder does not convert by itself."""
    wanted, target = settings.flags.converter, spec.pixel_format
    if wanted == "encoder":
        return _in_encoder(renderer, spec, settings, inside)
    size = spec.width, spec.height
    if (renderer.output, target) in EXACT:
        reason = f"{target} is what the format stores; without swscale's roundings"
        lost = None if wanted in ("auto", "swscale") else Fallback("converter", wanted, "exact", reason)
        return ConverterChoice("exact", reason, fallback=lost)
    if renderer.name == "gpu" and renderer.output == target:
        return choose_converter("auto" if wanted == "swscale" else wanted, "rgba", target, *size, drawn_on_gpu=True)
    if renderer.name == "gpu" and wanted == "gpu" and not settings.flags.gpu_format_conversion:
        found = choose_converter("auto", renderer.output, target, *size, kept=kept_verdicts())
        reason = "with --no-gpu-format-conversion the CPU converts what the GPU drew"
        return replace(found, fallback=Fallback("converter", wanted, found.used, reason))
    # Who asks for it by name may have a software adapter, as with --renderer.
    by_name = wanted == "gpu"
    found = choose_converter(wanted, renderer.output, target, *size, allow_software=by_name, kept=kept_verdicts())
    if found.used == "none" and wanted not in ("auto", "swscale"):
        reason = "pictures are composed in the encoder's own format"
        return ConverterChoice("none", reason, fallback=Fallback("converter", wanted, "none", reason))
    return found


def _in_encoder(renderer: Renderer, spec: EncoderSpec, settings: ExportSettings, inside: str | None) -> ConverterChoice:
    """``--converter encoder``: nothing of ours converts. What comes instead is a fallback with the reason."""
    if spec.device is not None:
        pool = UPLOAD_FRAMES * 4 * spec.width * spec.height / 1e6
        return ConverterChoice(
            "encoder",
            f"asked for with --converter; {spec.codec} converts {spec.pixel_format} itself, "
            f"from frames of {spec.device} (the codec library holds {UPLOAD_FRAMES} of them, {pool:.0f} MB)",
        )
    if inside is None:
        inside = (
            f"the CPU's compositor draws {renderer.output}"
            if renderer.name != "gpu"
            else "only VideoToolbox's encoders convert by themselves, and they exist on macOS only"
        )
    found = _converter(renderer, spec, replace(settings, converter="auto"), None)
    reason = f"instead of encoder ({inside}): {found.reason}"
    return replace(found, reason=reason, fallback=Fallback("converter", "encoder", found.used, inside))
