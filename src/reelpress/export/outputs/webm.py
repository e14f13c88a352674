"""WebM: VP9 or AV1 and Opus.

VP9 is the default since it plays wherever WebM does; AV1 in Safari needs a chip that decodes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from reelpress.export.outputs.mp4 import Mp4Output

if TYPE_CHECKING:
    from reelpress.export.settings import Codec


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
