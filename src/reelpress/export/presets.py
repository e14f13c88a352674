"""Options of a preset among the options from elsewhere, and which of them wins.

A preset stands just below what named it: ``--preset slack`` on the command line is stronger than the environment and
the config files, and weaker than every other option of the command line. One that a config file names is a default
for what is said in that file or by anything stronger.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from reelpress import flags
from reelpress.errors import SettingsError
from reelpress.export.settings import FORMATS, OPTION_NAMES, ExportSettings
from reelpress.flags import Setting
from reelpress.project.preset_files import AppliedPreset, Preset, find

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOT_IN_PRESETS = {
    "preset": "a preset cannot use another one",
    "project": "it belongs to one recording",
    "start": "it belongs to one recording",
    "end": "it belongs to one recording",
    "title": "it belongs to one recording",
    "report": "it names a file",
    "trace": "it names a file",
    "overwrite": "a preset must not replace files",
}
"""Options that a preset may not set, and why."""

OF_ONE_FORMAT = frozenset(
    {"codec", "encoder", "crf", "encoder_preset", "optimize_size", "gif_quality", "loop", "max_size", "cursor_only"}
)
"""Options that are chosen for a preset's format; without that they are left out."""


def options(source: Path | None, command_line: Mapping[str, Any], output: Path | None = None) -> dict[str, Setting]:
    """All options that were set anywhere, those of a preset among them, each with its origin.

    Args:
        source: Beside it there may be a config file.
        command_line: Options as they were given; ``None`` is not given.
        output: A suffix of its own is as good as ``--format``: the format of a preset, the environment or a config
            file gives way.

    Raises:
        SettingsError: A file or a preset cannot be read, or sets what it cannot set.
    """
    folder = None if source is None else source.parent
    return with_preset(flags.layered(OPTION_NAMES, command_line=command_line, source_folder=folder), folder, output)


def with_preset(
    layers: Mapping[str, Setting], source_folder: Path | None = None, output: Path | None = None
) -> dict[str, Setting]:
    """``layers`` with the options of the preset that they name."""
    merged = dict(layers)
    suffix = _suffix(output)
    if suffix is not None and "format" in merged and merged["format"].origin != "command line":
        del merged["format"]
    named = merged.get("preset")
    if named is None:
        return merged
    try:
        preset = find(named.value)
    except SettingsError as error:
        if named.origin == "command line":
            raise
        raise SettingsError(f"{error} (From {named.origin}.)") from None
    values = checked(preset)
    rank = _rank(named.origin, source_folder)
    stronger = {name for name, setting in merged.items() if _rank(setting.origin, source_folder) >= rank}
    values = _of_format(values, merged["format"].value if "format" in stronger else suffix)
    merged |= {name: Setting(value, preset.origin) for name, value in values.items() if name not in stronger}
    merged["preset"] = Setting(AppliedPreset(named.value), named.origin)
    return merged


def settings_with(name: str | Path, given: Mapping[str, Any]) -> ExportSettings:
    """Settings of a preset, with ``given`` (field names of ``ExportSettings``) above them.

    Raises:
        SettingsError: As ``with_preset``, or a value is not allowed.
    """
    layers = {key: Setting(value, "command line") for key, value in given.items() if value is not None}
    return ExportSettings.from_mapping(with_preset({**layers, "preset": Setting(str(name), "command line")}))


def refuse_unapplied(settings: ExportSettings) -> None:
    """Settings made in Python with a preset's name only would leave out its options without a word.

    Raises:
        SettingsError: That is so.
    """
    if settings.preset is None or isinstance(settings.preset, AppliedPreset):
        return
    if find(settings.preset).options:
        raise SettingsError(
            f"The preset {settings.preset} sets options too. In Python they come with "
            f"ExportSettings.with_preset({settings.preset!r}, ...)."
        )


def checked(preset: Preset) -> dict[str, Any]:
    """The preset's options, after a check of their names and of the kind of their values.

    Raises:
        SettingsError: A key is no option, or none for presets; a value is a list or a table.
    """
    if "format" in preset.options:  # first: what is not built yet may have options that are not there yet
        _one(preset, "format", preset.options["format"])
        ExportSettings.from_mapping({"format": Setting(preset.options["format"], preset.origin)})
    for name, value in preset.options.items():
        _one(preset, name, value)
    return preset.options


def _one(preset: Preset, name: str, value: Any) -> None:
    shown = name.replace("_", "-")
    if name in NOT_IN_PRESETS:
        raise SettingsError(f"The preset {preset.file} sets {shown}, which no preset can: {NOT_IN_PRESETS[name]}.")
    if name not in OPTION_NAMES:
        allowed = sorted(each.replace("_", "-") for each in OPTION_NAMES if each not in NOT_IN_PRESETS)
        close = difflib.get_close_matches(shown, allowed, n=1)
        hint = f" Did you mean {close[0]}?" if close else f" Allowed are: {', '.join(allowed)}."
        raise SettingsError(f"The preset {preset.file} sets {shown!r}, which is no option.{hint}")
    if not isinstance(value, str | int | float | bool):
        raise SettingsError(f"The preset {preset.file} sets {shown} to {value!r}. It is one value: a text or a number.")


def _suffix(output: Path | None) -> str | None:
    suffix = "" if output is None else output.suffix.lower().lstrip(".")
    return suffix if suffix in FORMATS else None


def _of_format(values: dict[str, Any], format: str | None) -> dict[str, Any]:
    """The options, where another format is wanted than theirs: without what was chosen for that."""
    if format is None or values.get("format") in (None, format):
        return values
    return {name: value for name, value in values.items() if name != "format" and name not in OF_ONE_FORMAT}


def _rank(origin: str, source_folder: Path | None) -> int:
    """The higher, the stronger: ``flags.layered``'s order."""
    if origin == "command line":
        return 1_000
    if origin.startswith("environment "):
        return 900
    files = [f"file {path}" for path in flags.config_files(source_folder)]
    return 800 - files.index(origin) if origin in files else 0
