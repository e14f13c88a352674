"""Presets as files: TOML with a sentence about them, options of an export, and perhaps a look.

::

    about = "For our wiki."

    [options]            # by their names on the command line, without the dashes in front
    format = "gif"
    resolution = "800w"

    [look]               # parts of a project-config.json, or look = "card"
    screenMotionBlur = 0

``NAME`` is searched for in the folder ``presets`` of the user's configuration, then among those that come with
Reelpress, then among the plain looks of ``project.presets``. What ends in ``.toml`` or ``.json`` is a file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelpress.errors import SettingsError
from reelpress.project.presets import PRESETS, preset

SHIPPED = Path(__file__).resolve().parents[1] / "presets"
SUFFIX = ".toml"
_KEYS = ("about", "options", "look")
_MOST_BYTES = 1 << 20


class AppliedPreset(str):
    """The name of a preset whose options are in the settings already; only its look is still to be laid on."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset that was found."""

    name: str
    """As it was asked for."""
    file: Path | None
    """``None``: one of the plain looks."""
    about: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    """By option names with underscores; values as TOML has them, not checked."""
    look: dict[str, Any] = field(default_factory=dict)
    """Parts of a project-config.json."""

    @property
    def origin(self) -> str:
        """For ``reelpress config`` and for messages."""
        return f"preset {self.name}"


def user_folder() -> Path:
    """Where users put presets of their own. It need not exist."""
    from platformdirs import user_config_path

    return user_config_path("reelpress", appauthor=False) / "presets"


def available() -> dict[str, Path]:
    """Names of preset files -> files: the user's, and those shipped under a name that the user did not take."""
    found: dict[str, Path] = {}
    for folder in (SHIPPED, user_folder()):
        try:
            files = sorted(folder.glob(f"*{SUFFIX}"))
        except OSError:
            continue
        found |= {file.stem: file for file in files}
    return dict(sorted(found.items()))


def find(name: str | Path) -> Preset:
    """The preset called ``name``, or in the file ``name``.

    Raises:
        SettingsError: There is none, its file cannot be read, or says what no preset can say.
        MissingInputError, UnreadableInputError, ProjectError: A JSON file: as ``load_json``.
    """
    text = str(name)
    lower = text.lower()
    if lower.endswith(SUFFIX):
        return read(text, Path(name))
    if isinstance(name, Path) or lower.endswith(".json"):
        from reelpress.recording.jsonfile import load_json  # loads pydantic

        data, _ = load_json(Path(name))
        if not isinstance(data, dict):
            raise SettingsError(f"--preset {text} holds no object. A look is an object, as project-config.json is.")
        return Preset(text, Path(name), look=data)
    files = available()
    if text in files:
        return read(text, files[text])
    if text in PRESETS:
        return Preset(text, None, look=preset(text))
    names = ", ".join((*files, *sorted(PRESETS)))
    raise SettingsError(
        f"There is no preset {text!r}. Allowed are {names}, or a file (.toml; .json for a look alone). "
        f"Presets of your own belong into {user_folder()}."
    )


def read(name: str, file: Path) -> Preset:
    """Read one preset file.

    Raises:
        SettingsError: It is missing, is not TOML, or has a key that means nothing here.
    """
    try:
        with file.open("rb") as handle:
            data = handle.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise SettingsError(f"The preset {file} is larger than a preset can be ({_MOST_BYTES} bytes).")
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"The preset {file} is not valid TOML: {str(error).rstrip('.')}.") from None
    except OSError as error:
        raise SettingsError(f"The preset {file} cannot be read: {error.strerror or error}.") from None
    for key in table:
        if key not in _KEYS:
            raise SettingsError(
                f"The preset {file} has {key!r}, which is not known. Allowed are {', '.join(_KEYS)}; "
                "options of an export stand under [options]."
            )
    about, options, look = table.get("about", ""), table.get("options", {}), table.get("look", {})
    if not isinstance(about, str):
        raise SettingsError(f"The preset {file}: about is a sentence in quotes.")
    if not isinstance(options, dict):
        raise SettingsError(f"The preset {file}: options is a table, as in [options] and below it fps = 30.")
    if isinstance(look, str):
        if look not in PRESETS:
            raise SettingsError(
                f"The preset {file} takes the look {look!r}, which there is not. Allowed are "
                f"{', '.join(sorted(PRESETS))}, or a table [look]."
            )
        look = preset(look)
    if not isinstance(look, dict):
        raise SettingsError(f"The preset {file}: look is a table, as in [look], or the name of a look.")
    return Preset(name, file, about, {key.replace("-", "_"): value for key, value in options.items()}, look)
