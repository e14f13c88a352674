"""The formats that are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.export.outputs.gif import GifOutput
from reelpress.export.outputs.mp4 import Mp4Output

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.export.outputs.base import Output
    from reelpress.export.settings import ExportSettings

OUTPUTS: dict[str, Output] = {output.name: output for output in (Mp4Output(), GifOutput())}


def output_of(settings: ExportSettings, target: Path) -> Output:
    """The format of an export: ``--format``, else the target's suffix, else MP4."""
    suffix = target.suffix.lower().lstrip(".")
    return OUTPUTS[settings.format or (suffix if suffix in OUTPUTS else "mp4")]
