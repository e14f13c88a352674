"""The table of the presets that come with Reelpress, made from their files.

``python tools/make_docs.py`` puts it into docs/guide.md, and its ``--check`` compares; by itself this prints the table.
"""

from __future__ import annotations

import tomllib

from reelpress.errors import SettingsError
from reelpress.export.presets import checked
from reelpress.project.preset_files import SHIPPED, read


def table() -> str:
    """A Markdown table: name, what for, options, look; and which cannot be used yet."""
    lines = ["| preset | for | options | look |", "| --- | --- | --- | --- |"]
    for file in sorted(SHIPPED.glob("*.toml")):
        preset = read(file.stem, file)
        options = " ".join(_option(name, value) for name, value in preset.options.items())
        look = tomllib.loads(file.read_text(encoding="utf-8")).get("look", "as it is")
        look = f"`{look}`" if look != "as it is" and isinstance(look, str) else look if isinstance(look, str) else "own"
        try:
            checked(preset)
            later = ""
        except SettingsError:
            later = f" (not yet: {preset.options['format']} is not built)"
        lines.append(f"| `{preset.name}` | {preset.about}{later} | {options} | {look} |")
    return "\n".join(lines)


def _option(name: str, value: object) -> str:
    dashed = f"--{name.replace('_', '-')}"
    return f"`{dashed}`" if value is True else f"`{dashed} {value}`"


if __name__ == "__main__":
    print(table())
