"""The protocol of output formats: all that an export has to know about the file it writes.

A format opens an *output session*: an :class:`reelpress.encode.base.Encoder`, which takes composed pictures with their
frame numbers in the encode stage, and a :class:`reelpress.encode.base.Writer`, which takes what comes out of it in the
next stage and finishes the file.

To add a format: write a class with these members (``mp4.py`` for what goes through libavformat, ``gif.py`` for what
does not), and put one into ``table.OUTPUTS``. Its options are fields of ``ExportSettings``; ``settings`` refuses
nothing that the table has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction
    from pathlib import Path
    from typing import Any

    from reelpress.encode.base import Encoder, Writer
    from reelpress.encode.select import EncoderChoice
    from reelpress.events import Fallback
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.plan import Estimate, FormatEdge
    from reelpress.export.settings import ExportSettings, Unchanged
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.verify.verdict import VerifyResult
    from reelpress.pipeline.budget import EncoderLoad

Label = Literal["title", "chapters", "language", "creation_time"]
"""What a file may be asked to say about itself: fields of ``ExportSettings``."""
LABELS: tuple[Label, ...] = get_args(Label)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A file that is being written."""

    encoder: Encoder
    writer: Writer
    unchanged: Unchanged
    """What becomes of unchanged pictures."""
    refused: str | None = None
    """Why it is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How reading the file back stays responsive."""

    heartbeat: Callable[[], None]
    cancelled: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Buffering:
    """What the format means for the memory budget."""

    encoder: EncoderLoad | None
    """``None``: it holds only the picture it is given."""
    gif: bool = False
    """Channels of 16 and 8 pictures."""


class Output(Protocol):
    """A kind of file. Stateless: one instance serves all exports."""

    @property
    def name(self) -> str:
        """As ``--format`` has it; also the file's suffix."""
        ...

    @property
    def has_sound(self) -> bool:
        """Whether it can carry a sound track."""
        ...

    @property
    def has_subtitles(self) -> bool:
        """Whether subtitles can be written into it."""
        ...

    @property
    def labels(self) -> tuple[Label, ...]:
        """What a file of this kind has a place for, among what it may be asked to say about itself."""
        ...

    @property
    def has_pictures(self) -> bool:
        """Whether there are pictures in it; without them nothing is decoded or drawn."""
        ...

    @property
    def video_codec(self) -> str:
        """For the report."""
        ...

    @property
    def audio_codec(self) -> str:
        """For the report: the sound's encoder by the library's name, where there is sound."""
        ...

    @property
    def sound(self) -> str:
        """The same, for people."""
        ...

    @property
    def alpha(self) -> bool:
        """Whether pictures are drawn over nothing and keep their alpha."""
        ...

    @property
    def on_cpu(self) -> str | None:
        """Why pictures have to be drawn on the CPU, as yuv420p; ``None``: they need not."""
        ...

    def of(self, settings: ExportSettings) -> Output:
        """The same kind of file as an export with these settings makes it.

        Raises:
            SettingsError: ``codec`` is none that it can have, or there is no alpha where it is asked for.
        """
        ...

    @property
    def color(self) -> str:
        """Of the pictures in the file, for the report."""
        ...

    def check(self, settings: ExportSettings, fps: Fraction) -> None:
        """Refuse settings that this format cannot have.

        Raises:
            SettingsError: With what is allowed.
        """
        ...

    def rate(self, natural: Fraction) -> Fraction:
        """The rate where none is given, from what the source suggests."""
        ...

    def encoder(
        self, spec: EncoderSpec, settings: ExportSettings, drawn: tuple[str, ...]
    ) -> tuple[EncoderChoice, list[Fallback]]:
        """Which encoder is used, and what had to be given up for it.

        Args:
            spec: What any encoder of this export is told.
            settings: ``codec`` and ``encoder``.
            drawn: What the compositor gives, the best first.

        Raises:
            SettingsError: ``--encoder`` names none of this format.
            EncoderError: There is none.
        """
        ...

    def unchanged(self, settings: ExportSettings) -> tuple[Unchanged, str] | None:
        """What becomes of unchanged pictures, and why; ``None``: as asked, as far as H.264's encoder allows it."""
        ...

    def buffering(self, settings: ExportSettings) -> Buffering | None:
        """What its encoder holds; ``None``: as x264."""
        ...

    def encoded(self) -> FormatEdge | None:
        """What is in the file; ``None``: what the encoder is given."""
        ...

    def control(self, settings: ExportSettings) -> dict[str, Any] | None:
        """``rate_control`` of the plan; ``None``: that of H.264."""
        ...

    def estimate(self, frames: int, seconds: float, width: int, height: int, cores: int) -> Estimate | None:
        """What to expect of so many frames in so many seconds; ``None``: as for H.264."""
        ...

    def open(self, job: Job, part: Path, hooks: Hooks, unchanged: Unchanged) -> OpenSession:
        """Open the file.

        Args:
            job: The export.
            part: The file to create.
            hooks: The benchmark's.
            unchanged: What is wanted of unchanged pictures.

        Raises:
            OutputError, EncoderError, OutOfMemoryError: As their names say.
        """
        ...

    def verify(
        self, job: Job, part: Path, watch: Watch, shown: Sequence[int] | None, key_frames_s: float
    ) -> VerifyResult:
        """Read the finished file back.

        Args:
            job: The export.
            part: The file.
            watch: To be called often.
            shown: Frames at which pictures come, where not at every one.
            key_frames_s: Seconds that are there for key frames beside the first and the last picture.

        Raises:
            VerifyError: The first difference from what was planned.
        """
        ...
