"""Where an export's file goes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.errors import SettingsError
from reelpress.export.presets import OF_ONE_FORMAT
from reelpress.export.settings import DEFAULTS, FORMATS

if TYPE_CHECKING:
    from reelpress.export.settings import ExportSettings

_OTHERS = frozenset(
    (
        *("3gp", "avi", "flv", "m2ts", "mka", "mkv", "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "wmv"),
        *("aac", "ac3", "aif", "aiff", "flac", "mp3", "oga", "ogg", "opus", "wma"),
        *("avif", "bmp", "heic", "heif", "jpeg", "jpg", "jxl", "svg", "tif", "tiff"),
    )
)
"""Suffixes of pictures, sound and video that no format here has."""


def named_by(output: Path | None, settings: ExportSettings) -> ExportSettings:
    """The settings, where ``output`` has a suffix that says another kind of file than a default does.

    A format that a preset, the environment or a config file gave is such a default, and gives way with what was chosen
    for it.
    """
    suffix = "" if output is None else output.suffix.lower().lstrip(".")
    if settings.format is None or settings.is_asked("format") or suffix == settings.format:
        return settings
    if suffix not in FORMATS and suffix not in _OTHERS:
        return settings
    gone = {"format", *(OF_ONE_FORMAT & settings.assumed)}
    return replace(settings, **{name: DEFAULTS[name] for name in gone})


def target_path(source: Path, output: Path | None, settings: ExportSettings) -> Path:
    """The file that an export writes: ``output``, or ``./<source stem>.<ext>``.

    Raises:
        SettingsError: The suffix contradicts ``--format``, or is that of a kind of file that is not made here.
    """
    if output is None:
        # abspath, not resolve: a link to a recording gives its own name to the result
        name = Path(os.path.abspath(source)).stem
        return Path(f"{name}.{settings.usual_format}")
    suffix = output.suffix.lower().lstrip(".")
    if settings.format is not None and suffix in FORMATS and suffix != settings.format:
        raise SettingsError(f"-o {output} and --format {settings.format} contradict each other. Leave one out.")
    if settings.format is None and suffix in _OTHERS:  # else it would be an MP4 under a name that says otherwise
        raise SettingsError(
            f"-o {output}: no .{suffix} is made here. Allowed are: {', '.join(FORMATS)}. "
            "--format mp4 writes one under this name."
        )
    return output
