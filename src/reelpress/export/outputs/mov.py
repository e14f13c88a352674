"""MOV: ProRes 422 HQ and 4444 with PCM for editors, and H.264 or HEVC with AAC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from reelpress.encode.candidates import Candidate
from reelpress.encode.select import Choice, EncoderChoice
from reelpress.errors import SettingsError
from reelpress.export.outputs.base import Buffering
from reelpress.export.outputs.mp4 import Mp4Output
from reelpress.export.plan import Estimate, FormatEdge
from reelpress.pipeline.budget import EncoderLoad

if TYPE_CHECKING:
    from typing import Any, Self

    from reelpress.events import Fallback
    from reelpress.export.job import Job
    from reelpress.export.settings import Codec, ExportSettings, Unchanged
    from reelpress.media.encoder import EncoderSpec

HQ, FULL = "yuv422p10le", "yuva444p10le"
"""What ProRes 422 HQ and ProRes 4444 take."""

_RATES = {HQ: 220_000_000, FULL: 330_000_000}
"""Apple's target bit rates at 1920x1080 and 29.97 frames a second (ProRes white paper), alpha not counted."""


@dataclass(frozen=True)
class MovOutput(Mp4Output):
    """``--codec prores`` is 4444 where there is alpha to keep, and 422 HQ otherwise."""

    codec: Codec = "prores"
    with_alpha: bool = False

    name: ClassVar[str] = "mov"
    container: ClassVar[Literal["mp4", "mov", "webm"]] = "mov"
    codecs: ClassVar[tuple[Codec, ...]] = ("prores", "h264", "hevc")

    def of(self, settings: ExportSettings) -> Self:
        """See :meth:`reelpress.export.outputs.base.Output.of`."""
        asked = settings.transparent or settings.cursor_only
        if asked and settings.codec not in (None, "prores"):
            what = "cursor-only" if settings.cursor_only else "transparent"
            raise SettingsError(f"--{what} needs alpha, which {settings.codec} has not. Use --codec prores.")
        return replace(super().of(settings), with_alpha=asked)

    @property
    def audio_codec(self) -> str:
        return "pcm_s24le" if self.codec == "prores" else "aac"

    @property
    def alpha(self) -> bool:
        return self.with_alpha

    @property
    def on_cpu(self) -> str | None:
        return "ProRes takes 10 bits, which are made in the CPU's memory" if self.codec == "prores" else None

    @property
    def _format(self) -> str:
        return FULL if self.with_alpha else HQ

    def encoder(
        self, spec: EncoderSpec, settings: ExportSettings, drawn: tuple[str, ...]
    ) -> tuple[EncoderChoice, list[Fallback]]:
        if self.codec != "prores":
            return super().encoder(spec, settings, drawn)
        candidate = Candidate("prores_ks", "prores", (self._format,), hardware=False, note="software")
        what = "4444, alpha without loss" if self.with_alpha else "422 HQ; nothing is transparent"
        return EncoderChoice(candidate, self._format, Choice("prores_ks", f"ProRes {what}")), []

    def unchanged(self, settings: ExportSettings) -> tuple[Unchanged, str] | None:
        if self.codec != "prores":
            return super().unchanged(settings)
        return "encode", "every picture stands by itself, at an even rate, as editors expect"

    def buffering(self, settings: ExportSettings) -> Buffering | None:
        return Buffering(EncoderLoad(0, 0, 0)) if self.codec == "prores" else super().buffering(settings)

    def encoded(self) -> FormatEdge | None:
        if self.codec != "prores":
            return super().encoded()
        return FormatEdge("encoded", self._format, "bt709", "limited", "prores_ks")

    def control(self, settings: ExportSettings) -> dict[str, Any] | None:
        if self.codec != "prores":
            return super().control(settings)
        return {"profile": "4444" if self.with_alpha else "422 HQ", "alpha_bits": 16 if self.with_alpha else 0}

    def estimate(self, frames: int, seconds: float, width: int, height: int, cores: int) -> Estimate | None:
        """ProRes' own rate for the size, and 60 ns of processor time a pixel."""
        if self.codec != "prores":
            return super().estimate(frames, seconds, width, height, cores)
        pixels = float(width) * height * frames
        size = pixels * _RATES[self._format] / (1920 * 1080 * 29.97) / 8
        return Estimate(int(size), round(pixels * 60e-9 / max(1, min(cores, 8)) + 0.5, 1))

    def entry(self, job: Job) -> str | None:
        """``ap4h`` for 4444, ``apch`` for 422 HQ."""
        return None if self.codec != "prores" else ("ap4h" if self.with_alpha else "apch")
