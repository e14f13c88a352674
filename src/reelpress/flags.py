"""Switches from outside: command line > environment > config file > default, read once.

This is the only module that looks at the environment. Every option ``--x-y`` of the command line is also
``REELPRESS_X_Y``, and ``x-y = value`` in the config file (TOML). ``CAP_GPU_FORMAT_CONVERSION`` is honoured as a
second name for ``REELPRESS_GPU_FORMAT_CONVERSION``, because the scripts of Cap's users set it. The table of all of them
is in docs/encoders.md, made from the options (``tools/make_docs.py``).
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from reelpress.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PREFIX = "REELPRESS_"
CONFIG_NAME = "reelpress.toml"
SECOND_NAMES = {"CAP_GPU_FORMAT_CONVERSION": "gpu_format_conversion"}
"""Variables of others that are read as well, and their options."""

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


def variable_of(name: str) -> str:
    """The variable of an option ``x_y``."""
    return PREFIX + name.upper()


def quiet_svt_av1() -> None:
    """Keep SVT-AV1, which writes to stderr by itself, to errors. What the user's environment says about it holds."""
    os.environ.setdefault("SVT_LOG", "1")


@dataclass(frozen=True, slots=True)
class FeatureFlags:
    """Which ways through the engine are allowed: the switches among an export's options, frozen with them.

    Whoever decides about a way reads it here (``ExportSettings.flags``); a test holds each field to that.
    """

    gpu_format_conversion: bool = True
    """Convert on the GPU before read-back; off is the read-back of RGBA with a conversion on the CPU."""
    converter: str = "auto"
    """Who converts pixel formats where something has to be converted (``reelpress.convert.select``)."""
    renderer: str = "auto"
    """Who composes: ``auto``, ``gpu`` or ``cpu``."""
    encoder: str = "auto"
    """``auto``, or an encoder's name (``reelpress.encode.candidates``)."""
    decoder: str = "auto"
    """``auto``, ``software``, or a device's name (``reelpress.media.hardware``)."""
    unchanged: Literal["splice", "vfr", "encode"] = "splice"
    """What happens to a picture that did not change."""
    strict: bool = False
    """A fallback is an error."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it came from."""

    value: Any
    origin: str
    """``command line``, ``environment REELPRESS_…``, ``file …`` or ``default``."""


def parse_bool(text: str, name: str) -> bool:
    """Read a switch of the environment or a file.

    Raises:
        SettingsError: Neither a yes nor a no.
    """
    word = text.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise SettingsError(f"{name} is {text!r}. Allowed are 1, true, yes, on and 0, false, no, off.")


def from_environment(names: Iterable[str], environ: Mapping[str, str] | None = None) -> dict[str, Setting]:
    """The options among ``names`` (``x_y``) that the environment sets, as text."""
    environ = os.environ if environ is None else environ
    found: dict[str, Setting] = {}
    for name in names:
        variable = variable_of(name)
        if variable in environ:
            found[name] = Setting(environ[variable], f"environment {variable}")
    for variable, name in SECOND_NAMES.items():
        if variable in environ and name not in found:
            found[name] = Setting(environ[variable], f"environment {variable}")
    return found


def from_file(path: Path, names: Iterable[str]) -> dict[str, Setting]:
    """The options that a config file sets.

    Raises:
        SettingsError: The file is not TOML, or has a key that is no option.
    """
    try:
        with path.open("rb") as handle:
            table = tomllib.load(handle)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}.") from error
    known = set(names)
    found: dict[str, Setting] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            allowed = ", ".join(sorted(n.replace("_", "-") for n in known))
            raise SettingsError(f"{path} sets {key!r}, which is no option. Allowed are: {allowed}.")
        found[name] = Setting(value, f"file {path}")
    return found


def config_files(source_folder: Path | None) -> list[Path]:
    """Config files that exist, the strongest first: beside the source, then the user's config folder."""
    from platformdirs import user_config_path

    candidates = [] if source_folder is None else [source_folder / CONFIG_NAME]
    candidates.append(user_config_path("reelpress", appauthor=False) / CONFIG_NAME)
    return [path for path in candidates if path.is_file()]


def layered(
    names: Iterable[str],
    *,
    command_line: Mapping[str, Any],
    source_folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Setting]:
    """What was set anywhere, the strongest origin winning; options that nobody set are absent."""
    names = tuple(names)
    merged: dict[str, Setting] = {}
    for path in reversed(config_files(source_folder)):
        merged |= from_file(path, names)
    merged |= from_environment(names, environ)
    merged |= {k: Setting(v, "command line") for k, v in command_line.items() if v is not None}
    return merged
