"""MP4: H.264 and AAC, through libavformat."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.color import BT709_LIMITED
from reelpress.encode.open import open_output
from reelpress.errors import SettingsError
from reelpress.export.encoding import choose
from reelpress.export.outputs.base import OpenSession
from reelpress.export.subtitles import LANGUAGE
from reelpress.media.encoder import AudioEncoderSpec
from reelpress.media.text_track import TextTrackSettings
from reelpress.media.verify import VerifyResult, verify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reelpress.encode.select import EncoderChoice
    from reelpress.events import Fallback
    from reelpress.export.hooks import Hooks
    from reelpress.export.outputs.base import Watch
    from reelpress.export.prepare import Job
    from reelpress.export.settings import ExportSettings, Unchanged
    from reelpress.media.encoder import EncoderSpec

_ONLY_GIF = ("gif_quality", "loop", "max_size")


class Mp4Output:
    """Implements :class:`reelpress.export.outputs.base.Output`; where that says ``None``, it is this format's way."""

    name = "mp4"
    has_sound = True
    has_subtitles = True
    video_codec = "h264"
    color = str(BT709_LIMITED)

    def check(self, settings: ExportSettings, fps: Fraction) -> None:
        del fps
        for field in _ONLY_GIF:
            if getattr(settings, field) is not None:
                raise SettingsError(f"--{field.replace('_', '-')} is for --format gif only.")

    def rate(self, natural: Fraction) -> Fraction:
        return natural

    def encoder(
        self, spec: EncoderSpec, settings: ExportSettings, drawn: tuple[str, ...]
    ) -> tuple[EncoderChoice, list[Fallback]]:
        return choose(spec, settings, drawn)

    def unchanged(self, settings: ExportSettings) -> None:
        del settings

    def buffering(self, settings: ExportSettings) -> None:
        del settings

    def encoded(self) -> None:
        return None

    def control(self, settings: ExportSettings) -> None:
        del settings

    def estimate(self, frames: int, width: int, height: int, cores: int) -> None:
        del frames, width, height, cores

    def open(self, job: Job, part: Path, hooks: Hooks, unchanged: Unchanged) -> OpenSession:
        opened = open_output(
            part,
            hooks.encoder_spec(job.ways.spec),
            unchanged,
            noisy=job.tolerance is not None,
            audio=AudioEncoderSpec() if job.spans else None,
            text=TextTrackSettings(LANGUAGE) if job.subtitles else None,
        )
        return OpenSession(opened.encoder, opened.writer, opened.unchanged, opened.refused)

    def verify(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        director = job.director
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
