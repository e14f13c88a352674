"""The formats that are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.export.outputs.gif import GifOutput
from reelpress.export.outputs.mov import MovOutput
from reelpress.export.outputs.mp4 import Mp4Output
from reelpress.export.outputs.pipe import PipeOutput
from reelpress.export.outputs.sound import SoundOutput
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.outputs.stills import StillOutput
from reelpress.export.outputs.webm import WebmOutput

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.export.outputs.base import Output
    from reelpress.export.settings import ExportSettings

OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        Mp4Output(),
        GifOutput(),
        MovOutput(),
        WebmOutput(),
        StillOutput("webp"),
        StillOutput("apng"),
        StillOutput("png"),
        SoundOutput("m4a"),
        SoundOutput("wav"),
    )
}


WITH_ALPHA = ("mov", "gif", "webp", "apng", "png")
"""Formats that keep a transparent background; of a GIF's pixels each is there or is not."""


def output_of(settings: ExportSettings, target: Path) -> Output:
    """The format of an export: ``--format``, else the target's suffix, else MP4 (MOV for ProRes, WebM for VP9).

    It is the table's; :meth:`Output.of` makes it that of the settings.
    """
    if is_pipe(target):
        return PipeOutput()
    suffix = target.suffix.lower().lstrip(".")
    return OUTPUTS[settings.format or (suffix if suffix in OUTPUTS else settings.usual_format)]
