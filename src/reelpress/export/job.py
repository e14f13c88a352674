"""A Job: an export that is ready to run, and what becomes of it where something is given up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reelpress.errors import StrictFallbackError
from reelpress.events import Fallback
from reelpress.export.explain import explain_converter, last_edges, rate_told
from reelpress.export.subtitles import subtitle_path
from reelpress.media.labels import NO_LABELS, Labels

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from reelpress.encode.rate import RateControl
    from reelpress.export.copy.job import CopyJob
    from reelpress.export.outputs.base import Output
    from reelpress.export.plan import ExportPlan
    from reelpress.export.settings import ExportSettings, Unchanged
    from reelpress.export.ways import Ways
    from reelpress.media.audio import AudioSpan
    from reelpress.media.text_track import TextCue
    from reelpress.pipeline.budget import BufferSizes
    from reelpress.project.load import LoadedProject
    from reelpress.recording.model import Recording
    from reelpress.scene.director import Director


@dataclass
class Job:
    """An export that is ready to run. A context manager: it owns the recording's temporary files."""

    source: Path
    target: Path
    settings: ExportSettings
    recording: Recording
    project: LoadedProject
    director: Director
    spans: tuple[AudioSpan, ...]
    rate: RateControl
    buffers: BufferSizes
    plan: ExportPlan
    ways: Ways
    output: Output
    """The kind of file."""
    unchanged: Unchanged = "splice"
    """What becomes of frames that do not change: what was asked for, as far as the encoder allows it."""
    fallbacks: list[Fallback] = field(default_factory=list)
    subtitles: tuple[TextCue, ...] = ()
    """Captions to be written; without any there is no file and no track."""
    labels: Labels = NO_LABELS
    """What the file says about itself."""
    files: str = ""
    """Where the target is a folder: what the files in it are called, with one ``%0Nd``."""
    tolerance: int | None = None
    """What counts as noise in the display's pictures (of 255); ``None``: they are taken as they are."""
    gif_colours: int = 255
    """Of a palette; fewer where ``--max-size`` asks for it."""
    copy: CopyJob | None = None
    """How packets are copied; ``None``: every picture goes through the stages."""
    encoding_plan: ExportPlan | None = None
    """Where packets are copied: the plan of encoding them."""

    @property
    def subtitle_target(self) -> Path | None:
        """The SRT file that is written, if any."""
        return subtitle_path(self.target) if self.subtitles else None

    def encode_instead(self, reason: str) -> None:
        """Give up copying, which turned out not to be possible.

        Raises:
            StrictFallbackError: ``strict`` is on.
        """
        if self.settings.flags.strict:
            raise StrictFallbackError(f"--strict: the pictures would be encoded instead of copied, because {reason}.")
        self.copy = None
        self.plan = replace(self.encoding_plan or self.plan, copy={"used": False, "reason": reason})
        self.fallbacks.append(Fallback("copy", "copy", "encode", reason))

    def encode_in_software(self, reason: str) -> str:
        """Go on with an encoder that needs no chip: the one on a chip failed in the middle of the export.

        Returns:
            Its name.

        Raises:
            EncoderError: There is none for this codec.
        """
        self.ways = self.ways.in_software(self.output.video_codec, reason)
        last, converted = last_edges(self.ways, self.output)
        kept = tuple(edge for edge in self.plan.formats if edge.edge not in ("compose->encode", "encoded"))
        conversions = [each for each in self.plan.conversions if each.edge != "compose->encode"] + converted
        self.plan = replace(
            self.plan,
            formats=(*kept, *last),
            conversions=tuple(conversions),
            converter=explain_converter(self.ways, conversions),
            encoder=self.ways.encoder.choice,
            rate_control=rate_told(self.ways.spec),
        )
        return self.ways.encoder.choice.used

    def close(self) -> None:
        """Remove temporary files; calling it twice is harmless."""
        self.recording.close()

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
