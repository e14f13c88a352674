"""Where the benchmark reaches into an export: other parts in the place of the shipped ones, and eyes on the run.

Not an option of anybody's: ``export`` and the command line know nothing of it. The defaults change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.compose.base import Compositor
    from reelpress.encode.base import Encoder
    from reelpress.export.rendering import Renderer
    from reelpress.export.report import FrameCounts
    from reelpress.media.encoder import EncoderSpec
    from reelpress.pipeline.run import PipelineStats
    from reelpress.pipeline.stage import Stage


class Hooks:
    """Derive from it and override what is wanted. Unless said otherwise the calls come in the exporting thread."""

    def compositor(self, renderer: Renderer) -> Compositor:
        """Who composes, given what the export chose."""
        return renderer.make()

    def encoder_spec(self, spec: EncoderSpec) -> EncoderSpec:
        """What the encoder is opened with, given what the export would open it with."""
        return spec

    def encoder(self, encoder: Encoder) -> Encoder:
        """What the encode stage gives pictures to, given the file's own encoder."""
        return encoder

    def stages(self, stages: Sequence[Stage]) -> Sequence[Stage]:
        """The stages that are run, given those of the export. Their functions run in their threads."""
        return stages

    def tick(self) -> None:
        """Called every 50 ms while the stages run. It must not block."""

    def finished(self, stats: PipelineStats, counts: FrameCounts) -> None:
        """All stages ended well; the file is not verified yet. What is raised here ends the export without a file."""
