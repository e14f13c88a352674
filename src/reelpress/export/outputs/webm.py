"""WebM: VP9 or AV1 and Opus.

VP9 is the default since it plays wherever WebM does; AV1 in Safari needs a chip that decodes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from reelpress.export.outputs.mp4 import Mp4Output, refuse

if TYPE_CHECKING:
    from fractions import Fraction

    from reelpress.export.settings import Codec, ExportSettings


@dataclass(frozen=True)
class WebmOutput(Mp4Output):
    """Times in it are whole milliseconds."""

    codec: Codec = "vp9"

    name: ClassVar[str] = "webm"
    container: ClassVar[Literal["mp4", "mov", "webm"]] = "webm"
    codecs: ClassVar[tuple[Codec, ...]] = ("vp9", "av1")
    has_subtitles: ClassVar[bool] = False

    @property
    def audio_codec(self) -> str:
        return "libopus"

    def check(self, settings: ExportSettings, fps: Fraction) -> None:
        super().check(settings, fps)
        refuse(settings, ("subtitles",), "writes a track that a WebM cannot have. Use --format mp4, or leave it out.")
