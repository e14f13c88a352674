"""GIF: our own encoder (``encode.gif``), or ``gifski`` where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from reelpress.encode.candidates import Candidate
from reelpress.encode.gif.settings import DEFAULT_QUALITY, FASTEST, GifSettings, check_rate
from reelpress.encode.select import Choice, EncoderChoice
from reelpress.errors import SettingsError
from reelpress.export.outputs.base import Buffering, OpenSession
from reelpress.export.plan import Estimate, FormatEdge
from reelpress.media.encoder import FORMATS_OF

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from reelpress.events import Fallback
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.outputs.base import Label, Watch
    from reelpress.export.settings import ExportSettings, Unchanged
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.verify.verdict import VerifyResult

TRANSPARENT = "yuva420p"
"""What is composed over nothing."""

RATE = Fraction(15)
"""Pictures a second where none are asked for."""


def gif_settings(settings: ExportSettings, colours: int = 255) -> GifSettings:
    """The encoder's settings from the options, and the colours of a palette where a size is searched for."""
    quality = DEFAULT_QUALITY if settings.gif_quality is None else settings.gif_quality
    return GifSettings(quality, settings.loop or 0, colours)


@dataclass(frozen=True)
class GifOutput:
    """Implements :class:`reelpress.export.outputs.base.Output`."""

    alpha: bool = False
    """Pixels may be transparent, wholly or not at all."""

    name: ClassVar[str] = "gif"
    has_sound: ClassVar[bool] = False
    has_pictures: ClassVar[bool] = True
    has_subtitles: ClassVar[bool] = False
    labels: ClassVar[tuple[Label, ...]] = ()
    video_codec: ClassVar[str] = "gif"
    audio_codec: ClassVar[str] = ""
    sound: ClassVar[str] = ""
    on_cpu: ClassVar[str | None] = None
    color: ClassVar[str] = "rgb full"

    def of(self, settings: ExportSettings) -> GifOutput:
        if settings.codec is not None:
            raise SettingsError(f"--codec {settings.codec} means nothing for a GIF. Leave it out, or use --format mp4.")
        alpha = settings.transparent or settings.cursor_only
        if alpha and settings.encoder == "gifski":
            raise SettingsError("gifski gets pictures without alpha here. Leave --encoder gifski out.")
        return replace(self, alpha=alpha)

    def check(self, settings: ExportSettings, fps: Fraction) -> None:
        check_rate(fps)
        gif_settings(settings)
        if settings.encoder == "gifski":
            from reelpress.encode.gif.gifski import found

            found()
            if settings.max_size is not None:
                raise SettingsError("--max-size cannot look into gifski. Leave one of the two out.")

    def rate(self, natural: Fraction) -> Fraction:
        return min(natural, RATE, FASTEST)

    def encoder(
        self, spec: EncoderSpec, settings: ExportSettings, drawn: tuple[str, ...]
    ) -> tuple[EncoderChoice, list[Fallback]]:
        del spec
        own = Candidate("gif", "gif", FORMATS_OF["gif"], hardware=False, note="built in")
        candidate = replace(own, name="gifski") if settings.encoder == "gifski" else own
        drawn = (TRANSPARENT,) if self.alpha else drawn
        taken = next((each for each in drawn if each in candidate.formats), candidate.formats[0])
        if settings.encoder == "gifski":
            return EncoderChoice(candidate, taken, Choice("gifski", "asked for; it is your program, none of ours")), []
        reason = "palettes by content, changed pixels only, LZW by Pillow"
        return EncoderChoice(candidate, taken, Choice("gif", reason)), []

    def unchanged(self, settings: ExportSettings) -> tuple[Unchanged, str]:
        if settings.encoder == "gifski":
            return "encode", "gifski compares the pictures itself"
        return "vfr", "a picture lasts until the next one that differs, and only changed pixels are stored"

    def buffering(self, settings: ExportSettings) -> Buffering:
        del settings
        return Buffering(None, gif=True)

    def encoded(self) -> FormatEdge:
        return FormatEdge("encoded", "pal8", "rgb", "full", self.name)

    def control(self, settings: ExportSettings) -> dict[str, Any] | None:
        how = gif_settings(settings)
        return {
            "quality": how.quality,
            "loop": how.loop,
            "tolerance": list(how.tolerance),
            "max_size": settings.max_size,
        }

    def estimate(self, frames: int, seconds: float, width: int, height: int, cores: int) -> Estimate | None:
        """Round numbers, of a demo and a tour at 720p15: 0.09 bytes and 18 ns of processor time a pixel."""
        del seconds
        pixels = float(width) * height * frames
        return Estimate(int(pixels * 0.09), round(pixels * 18e-9 / min(2, max(1, cores)) + 0.5, 1))

    def open(self, job: Job, part: Path, hooks: Hooks, unchanged: Unchanged) -> OpenSession:
        del hooks
        width, height = job.director.size
        how = gif_settings(job.settings, job.gif_colours)
        if job.settings.encoder == "gifski":
            from reelpress.encode.gif.gifski import GifskiSession

            session = GifskiSession(part, width, height, job.director.fps, how)
            return OpenSession(session, session, "encode")
        from reelpress.encode.gif.session import GifEncoder, GifWriter

        writer = GifWriter(part, width, height, job.director.fps, how, limit=job.settings.max_size)
        return OpenSession(GifEncoder(width, height, job.director.fps, how), writer, "vfr")

    def verify(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        from reelpress.encode.gif.check import verify

        del key_frames_s
        return verify(
            part,
            frames=job.director.frames,
            fps=job.director.fps,
            size=job.director.size,
            shown=shown,
            loop=gif_settings(job.settings).loop,
            full=job.settings.verify == "full",
            heartbeat=watch.heartbeat,
            cancelled=watch.cancelled,
        )
