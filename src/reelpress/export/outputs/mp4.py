"""MP4: H.264, HEVC or AV1 and AAC, through libavformat; and what MOV and WebM share with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from reelpress.clock import AUDIO_RATE
from reelpress.color import BT709_LIMITED
from reelpress.encode.open import open_output
from reelpress.errors import SettingsError
from reelpress.export.encoding import choose
from reelpress.export.outputs.base import LABELS, Buffering, Label, OpenSession
from reelpress.media.encoder import AudioEncoderSpec
from reelpress.media.labels_check import check as check_labels
from reelpress.media.text_track import TextTrackSettings
from reelpress.media.verify.mp4 import verify
from reelpress.media.verify.other import OtherFile, verify_other
from reelpress.pipeline.budget import EncoderLoad

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from reelpress.encode.select import EncoderChoice
    from reelpress.events import Fallback
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.outputs.base import Watch
    from reelpress.export.plan import Estimate, FormatEdge
    from reelpress.export.settings import Codec, ExportSettings, Unchanged
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.pipe import PipeSink
    from reelpress.media.verify.verdict import VerifyResult

SOUND = {
    "aac": "AAC, 48 kHz stereo, 192 kbit/s",
    "libopus": "Opus, 48 kHz stereo, 160 kbit/s",
    "pcm_s24le": "PCM of 24 bits, 48 kHz stereo",
    "pcm_s16le": "PCM of 16 bits, 48 kHz stereo",
}
"""What is said of each kind of sound."""

SOUND_RATE = {"aac": 192_000, "libopus": 160_000, "pcm_s24le": 2_304_000, "pcm_s16le": 1_536_000}
"""Bits a second."""

LOADS = {"hevc": EncoderLoad(10, 0, 3), "av1": EncoderLoad(16, 4, 7), "vp9": EncoderLoad(8, 0, 3)}
"""What the encoders of other codecs hold, in pictures."""


@dataclass(frozen=True)
class Mp4Output:
    """Implements :class:`reelpress.export.outputs.base.Output`; where that says ``None``, it is H.264's way."""

    codec: Codec = "h264"
    """Of the pictures."""

    name: ClassVar[str] = "mp4"
    container: ClassVar[Literal["mp4", "mov", "webm"]] = "mp4"
    codecs: ClassVar[tuple[Codec, ...]] = ("h264", "hevc", "av1")
    """Those it can have, the usual one first."""
    has_sound: ClassVar[bool] = True
    has_pictures: ClassVar[bool] = True
    has_subtitles: ClassVar[bool] = True
    labels: ClassVar[tuple[Label, ...]] = LABELS
    color: ClassVar[str] = str(BT709_LIMITED)

    def of(self, settings: ExportSettings) -> Self:
        """See :meth:`reelpress.export.outputs.base.Output.of`."""
        codec = settings.codec or self.codecs[0]
        if codec not in self.codecs:
            place = {"prores": " ProRes goes into --format mov.", "vp9": " VP9 goes into --format webm."}.get(codec, "")
            raise SettingsError(
                f"--codec {codec} does not go into a {self.name}. Allowed are: {', '.join(self.codecs)}.{place}"
            )
        return replace(self, codec=codec)

    @property
    def video_codec(self) -> str:
        return self.codec

    @property
    def audio_codec(self) -> str:
        """The sound's encoder by the library's name."""
        return "aac"

    @property
    def sound(self) -> str:
        return SOUND[self.audio_codec]

    @property
    def alpha(self) -> bool:
        return False

    @property
    def on_cpu(self) -> str | None:
        return None

    def check(self, settings: ExportSettings, fps: Fraction) -> None:
        del settings, fps

    def rate(self, natural: Fraction) -> Fraction:
        return natural

    def encoder(
        self, spec: EncoderSpec, settings: ExportSettings, drawn: tuple[str, ...]
    ) -> tuple[EncoderChoice, list[Fallback]]:
        return choose(spec, replace(settings, codec=self.codec), drawn)

    def unchanged(self, settings: ExportSettings) -> tuple[Unchanged, str] | None:
        del settings
        return None

    def buffering(self, settings: ExportSettings) -> Buffering | None:
        del settings
        load = LOADS.get(self.codec)
        return None if load is None else Buffering(load)

    def encoded(self) -> FormatEdge | None:
        return None

    def control(self, settings: ExportSettings) -> dict[str, Any] | None:
        del settings
        return None

    def estimate(self, frames: int, seconds: float, width: int, height: int, cores: int) -> Estimate | None:
        del frames, seconds, width, height, cores
        return None

    def audio(self) -> AudioEncoderSpec:
        """How its sound is encoded."""
        return AudioEncoderSpec(self.audio_codec, SOUND_RATE[self.audio_codec])

    def sound_slack(self) -> Fraction:
        """Seconds by which sound may reach beyond the pictures: what its encoder takes at a time, or a sample."""
        spec = self.audio()
        return Fraction(1, 1000) if spec.codec.startswith("pcm") else Fraction(2 * spec.frame, AUDIO_RATE)

    def sink(self) -> PipeSink | None:
        """What takes the bytes in place of the file."""
        return None

    def open(self, job: Job, part: Path, hooks: Hooks, unchanged: Unchanged) -> OpenSession:
        opened = open_output(
            part,
            hooks.encoder_spec(job.ways.spec),
            unchanged,
            noisy=job.tolerance is not None,
            audio=self.audio() if job.spans else None,
            text=TextTrackSettings(job.labels.language) if job.subtitles else None,
            container=self.container,
            labels=job.labels,
            sink=self.sink(),
        )
        return OpenSession(opened.encoder, opened.writer, opened.unchanged, opened.refused)

    def verify(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        said = check_labels(part, job.labels, job.director.fps, self.container)
        result = self._verified(job, part, watch, shown, key_frames_s)
        return replace(result, checked=(*result.checked, *said))

    def _verified(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        director = job.director
        if self.container != "mp4" or self.codec != "h264":
            return verify_other(
                part,
                OtherFile(self.container, self.codec, self.entry(job)),
                frames=director.frames,
                fps=director.fps,
                size=director.size,
                color=BT709_LIMITED,
                sound_slack=self.sound_slack() if job.spans else None,
                subtitles=job.subtitles or None,
                mode=job.settings.verify,
                shown=shown,
                key_frames_s=key_frames_s,
                heartbeat=watch.heartbeat,
                cancelled=watch.cancelled,
            )
        return verify(
            part,
            frames=director.frames,
            fps=director.fps,
            size=director.size,
            duration=Fraction(director.frames) / director.fps,
            color=BT709_LIMITED,
            has_audio=bool(job.spans),
            subtitles=job.subtitles or None,
            mode=job.settings.verify,
            shown=shown,
            key_frames_s=key_frames_s,
            heartbeat=watch.heartbeat,
            cancelled=watch.cancelled,
        )

    def entry(self, job: Job) -> str | None:
        """The sample entry that the file must have, where its codec may have several."""
        del job
        return None
