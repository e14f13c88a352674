"""Animated WebP and PNG, and PNG files in a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from reelpress.color import SRGB
from reelpress.encode.candidates import Candidate
from reelpress.encode.select import Choice, EncoderChoice
from reelpress.encode.stills import AnimationWriter, FolderWriter, StillEncoder, StillFormat, StillSettings
from reelpress.errors import SettingsError
from reelpress.export.outputs.base import Buffering, OpenSession
from reelpress.export.plan import Estimate, FormatEdge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from reelpress.events import Fallback
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.outputs.base import Label, Watch
    from reelpress.export.settings import ExportSettings, Unchanged
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.verify.verdict import VerifyResult

RATE = Fraction(15)
"""Pictures a second of an animation where none are asked for, as of a GIF."""

WEBP_QUALITY = {"maximum": None, "social": 90, "web": 80, "potato": 60}
"""libwebp's, for each ``--quality``; ``None`` is without loss."""

_BYTES = {"png": 0.6, "apng": 0.25, "webp": 0.05}
"""Bytes a pixel, round numbers of the demo recording at 640x360."""
_NUMBER = re.compile(r"%0?(\d)?d")


@dataclass(frozen=True)
class StillOutput:
    """Implements :class:`reelpress.export.outputs.base.Output` for formats of still pictures.

    A folder of PNG files is named by ``-o FOLDER/NAME-%05d.png``, ``-o FOLDER`` (with ``--format png``) or
    ``-o NAME.png``, which is the folder ``NAME``.
    """

    name: StillFormat
    alpha: bool = False

    has_sound: ClassVar[bool] = False
    has_pictures: ClassVar[bool] = True
    has_subtitles: ClassVar[bool] = False
    labels: ClassVar[tuple[Label, ...]] = ()
    audio_codec: ClassVar[str] = ""
    sound: ClassVar[str] = ""
    color: ClassVar[str] = "rgb full"
    on_cpu: ClassVar[str | None] = "images are RGB, which is made in the CPU's memory"

    @property
    def video_codec(self) -> str:
        return self.name

    def of(self, settings: ExportSettings) -> Self:
        if settings.codec is not None:
            raise SettingsError(
                f"--codec {settings.codec} means nothing for --format {self.name}. Leave it out, or use --format mp4."
            )
        return replace(self, alpha=settings.transparent or settings.cursor_only)

    def check(self, settings: ExportSettings, fps: Fraction) -> None:
        del settings, fps

    def rate(self, natural: Fraction) -> Fraction:
        return natural if self.name == "png" else min(natural, RATE)

    def encoder(
        self, spec: EncoderSpec, settings: ExportSettings, drawn: tuple[str, ...]
    ) -> tuple[EncoderChoice, list[Fallback]]:
        del spec, drawn
        taken = "rgba" if self.alpha else "rgb24"
        by = "libwebp" if self.name == "webp" else "zlib"
        candidate = Candidate(self.name, self.name, (taken,), hardware=False, note="Pillow")
        loss = "" if self.name != "webp" or WEBP_QUALITY[settings.quality] is None else " lossy"
        how = "a file a frame" if self.name == "png" else "an image for each change, as large as what changed"
        return EncoderChoice(candidate, taken, Choice(self.name, f"{how};{loss} images by {by}")), []

    def unchanged(self, settings: ExportSettings) -> tuple[Unchanged, str]:
        del settings
        if self.name == "png":
            return "encode", "there is a file for every frame; equal ones are compressed once"
        return "vfr", "a picture lasts until the next one that differs, and only what changed is stored"

    def buffering(self, settings: ExportSettings) -> Buffering:
        del settings
        return Buffering(None, gif=True)

    def encoded(self) -> FormatEdge:
        return FormatEdge("encoded", "rgba" if self.alpha else "rgb24", "rgb", "full", self.name)

    def control(self, settings: ExportSettings) -> dict[str, Any]:
        how = self._how(settings)
        return {"quality": "lossless" if how.quality is None else how.quality, "loop": how.loop}

    def estimate(self, frames: int, seconds: float, width: int, height: int, cores: int) -> Estimate | None:
        """Round numbers: 60 ns of processor time a pixel."""
        del seconds
        pixels = float(width) * height * frames
        return Estimate(int(pixels * _BYTES[self.name]), round(pixels * 60e-9 / min(2, max(1, cores)) + 0.5, 1))

    def _how(self, settings: ExportSettings) -> StillSettings:
        quality = WEBP_QUALITY[settings.quality] if self.name == "webp" else None
        return StillSettings(self.name, quality, settings.loop or 0)

    def open(self, job: Job, part: Path, hooks: Hooks, unchanged: Unchanged) -> OpenSession:
        del hooks, unchanged
        how, (width, height) = self._how(job.settings), job.director.size
        if self.name == "png":
            encoder = StillEncoder(job.ways.spec, how, every=True)
            return OpenSession(encoder, FolderWriter(part, lambda frame: file_name(job.files, frame)), "encode")
        writer = AnimationWriter(part, width, height, job.director.fps, how, alpha=self.alpha)
        return OpenSession(StillEncoder(job.ways.spec, how, every=False), writer, "vfr")

    def verify(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        del key_frames_s
        from reelpress.encode import stills_check as check

        director, full = job.director, job.settings.verify == "full"
        mode = "RGBA" if self.alpha else "RGB"
        if self.name == "png":
            names = [file_name(job.files, frame) for frame in range(director.frames)]
            return check.folder(part, names, director.size, director.fps, mode, watch.heartbeat, watch.cancelled)
        return check.animation(
            part, self.name, director.size, director.fps, director.frames, shown or (), self._how(job.settings).loop,
            full, watch.heartbeat, watch.cancelled,
        )  # fmt: skip


def folder_of(target: Path) -> tuple[Path, str]:
    """The folder for ``target``, and its files' pattern with one ``%0Nd``.

    Raises:
        SettingsError: A pattern without a folder of its own.
    """
    name = target.name
    found = _NUMBER.findall(name)
    if len(found) > 1 or (name.count("%") and not found):
        raise SettingsError(f"-o {target} has no number that is understood. Give one such as %05d.")
    if found:
        if target.parent in (Path(), Path("/")):
            raise SettingsError(f"-o {target}: the pictures need a folder of their own. Give FOLDER/{name}.")
        return target.parent, name if name.lower().endswith(".png") else f"{name}.png"
    folder = target.with_suffix("") if target.suffix.lower() == ".png" else target
    return folder, f"{folder.name}-%05d.png"


def file_name(pattern: str, frame: int) -> str:
    """The file of a frame, numbered from 1."""
    return _NUMBER.sub(lambda found: str(frame + 1).zfill(int(found[1] or 1)), pattern)


def names_of(pattern: str) -> str:
    """A regular expression for all files of a pattern."""
    head, tail = _NUMBER.split(pattern)[0], _NUMBER.split(pattern)[-1]
    return rf"{re.escape(head)}\d+{re.escape(tail)}"


SPEC_COLOR = SRGB
"""Of the pictures that go into these files."""
