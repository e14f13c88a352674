"""Sound alone: AAC in M4A, PCM in WAV. No picture is decoded for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from reelpress.encode.candidates import Candidate
from reelpress.encode.select import Choice, EncoderChoice
from reelpress.errors import SettingsError
from reelpress.export.outputs.base import LABELS, Buffering
from reelpress.export.outputs.mp4 import SOUND, SOUND_RATE
from reelpress.export.plan import Estimate, FormatEdge
from reelpress.media.encoder import AudioEncoderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path
    from typing import Any

    from reelpress.events import Fallback
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.outputs.base import Label, OpenSession, Watch
    from reelpress.export.settings import ExportSettings, Unchanged
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.verify.verdict import VerifyResult


@dataclass(frozen=True)
class SoundOutput:
    """Implements :class:`reelpress.export.outputs.base.Output`; ``run_sound`` writes it, without stages of pictures."""

    name: Literal["m4a", "wav"]

    has_sound: ClassVar[bool] = True
    has_pictures: ClassVar[bool] = False
    has_subtitles: ClassVar[bool] = False
    video_codec: ClassVar[str] = "none"
    color: ClassVar[str] = "none"
    alpha: ClassVar[bool] = False
    on_cpu: ClassVar[str | None] = "there are no pictures"

    @property
    def labels(self) -> tuple[Label, ...]:
        return LABELS if self.name == "m4a" else tuple(label for label in LABELS if label != "chapters")

    @property
    def muxer(self) -> str:
        """The library's name of it."""
        return "ipod" if self.name == "m4a" else "wav"

    @property
    def audio_codec(self) -> str:
        return "aac" if self.name == "m4a" else "pcm_s16le"

    @property
    def sound(self) -> str:
        return SOUND[self.audio_codec]

    def audio(self) -> AudioEncoderSpec:
        """How the sound is encoded."""
        return AudioEncoderSpec(self.audio_codec, SOUND_RATE[self.audio_codec])

    def of(self, settings: ExportSettings) -> Self:
        if settings.codec is not None:
            raise SettingsError(f"--codec {settings.codec} is for pictures, and a {self.name} has none. Leave it out.")
        return self

    def check(self, settings: ExportSettings, fps: Fraction) -> None:
        del settings, fps

    def rate(self, natural: Fraction) -> Fraction:
        return natural

    def encoder(
        self, spec: EncoderSpec, settings: ExportSettings, drawn: tuple[str, ...]
    ) -> tuple[EncoderChoice, list[Fallback]]:
        del spec, settings
        candidate = Candidate(self.audio_codec, self.audio_codec, drawn[:1], hardware=False)
        return EncoderChoice(candidate, drawn[0], Choice(self.audio_codec, "sound alone")), []

    def unchanged(self, settings: ExportSettings) -> tuple[Unchanged, str]:
        del settings
        return "encode", "there are no pictures"

    def buffering(self, settings: ExportSettings) -> Buffering:
        del settings
        return Buffering(None)

    def encoded(self) -> FormatEdge:
        return FormatEdge("encoded", self.audio_codec, "none", "none", self.audio_codec)

    def control(self, settings: ExportSettings) -> dict[str, Any]:
        del settings
        return {"bit_rate": SOUND_RATE[self.audio_codec]}

    def estimate(self, frames: int, seconds: float, width: int, height: int, cores: int) -> Estimate | None:
        """Of sound: AAC is made about 100 times as fast as it plays, PCM 1000 times."""
        del frames, width, height, cores
        speed = 100 if self.audio_codec == "aac" else 1000
        return Estimate(int(seconds * SOUND_RATE[self.audio_codec] / 8), round(0.1 + seconds / speed, 2))

    def open(self, job: Job, part: Path, hooks: Hooks, unchanged: Unchanged) -> OpenSession:
        raise NotImplementedError("sound alone is written by run_sound")

    def verify(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        del shown, key_frames_s
        from reelpress.clock import samples_until
        from reelpress.media.labels_check import check as check_labels
        from reelpress.media.sound_file import verify_sound

        samples = samples_until(job.director.frames, job.director.fps)
        said = check_labels(part, job.labels, job.director.fps, self.muxer)
        result = verify_sound(
            part,
            self.audio(),
            samples,
            chapters=bool(job.labels.chapters),
            heartbeat=watch.heartbeat,
            cancelled=watch.cancelled,
        )
        return replace(result, checked=(*result.checked, *said))
