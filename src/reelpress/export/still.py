"""One output frame as a picture file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress import clock
from reelpress.compose.planar import PlanarCompositor
from reelpress.errors import SettingsError
from reelpress.export.prepare import prepare
from reelpress.export.settings import ExportSettings
from reelpress.export.sources import SourcePool
from reelpress.export.watched import watched
from reelpress.media.rgb import to_rgb

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path
    from typing import Any

    import numpy as np

PNG_LEVEL, PNG_STRATEGY = 1, 3
"""Of zlib: Z_RLE."""


@dataclass(frozen=True, slots=True)
class Still:
    """A rendered moment."""

    rgb: np.ndarray[Any, np.dtype[np.uint8]]
    """(height, width, 3)."""
    index: int
    """Output frame."""
    time: Fraction
    """Of that frame, in seconds."""
    not_drawn: tuple[str, ...]

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    def save(self, path: Path) -> None:
        """Write a PNG.

        Raises:
            OSError: It cannot be written.
        """
        from PIL import Image

        # level 6 takes two to six times as long for a sixth less; runs alone are faster than level 2, and smaller
        picture = Image.fromarray(self.rgb, "RGB")
        picture.save(path, format="PNG", compress_level=PNG_LEVEL, compress_type=PNG_STRATEGY)


def render_still(source: Path, time: Fraction, *, settings: ExportSettings | None = None) -> Still:
    """The frame on screen at ``time`` (output time), composed on the CPU whatever ``renderer`` says.

    Raises:
        SettingsError: The time lies outside of the video.
        InputError: The source cannot be read.
    """
    # Hundreds of pictures are decoded for one at most: a chip's decoder would hardly be open by then, and a GPU not
    # ready to draw the one.
    settings = (settings or ExportSettings()).for_pictures(
        start=None,
        end=None,
        no_audio=True,
        subtitles=None,
        decoder="software",
        renderer="cpu",
    )
    with watched(
        "prepare", lambda: prepare(source, None, settings, estimated=False), stall_s=settings.stall_timeout
    ) as job:
        director = job.director
        index = clock.frame_at(time, director.fps)
        if not 0 <= index < director.frames:
            raise SettingsError(
                f"--time is {float(time):g} s, but the video lasts {float(director.frames / director.fps):.3f} s."
            )
        plan = director.plan(index)
        # Screen recordings have long groups of pictures, so hundreds may have to be decoded on the way to this one.
        threads = job.buffers.decode_threads
        sources = SourcePool(job.recording, threads=threads, decoder=job.ways.decoder_name, enforce_damage=False)
        compositor = PlanarCompositor()
        try:
            pictures = {p.source: sources.planes(p.source, p.frame) for p in plan.pictures()}
            composed = compositor.compose(plan, pictures, None)
            rgb = to_rgb(composed.planes)
        finally:
            compositor.close()
            sources.close()
        return Still(rgb, index, clock.frame_time(index, director.fps), director.not_drawn)
